import re

import pytest

from scripts.vendor.answer import Answer, Asked, body, chunks, pieces
from scripts.vendor.markup import README_EXAMPLE

CALL = {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
ASKED = Asked("kimi", messages=[{"role": "user", "content": "Hello"}], include_usage=True)


def joined(answer: Answer, asked: Asked = ASKED) -> dict[str, str]:
    """The text of a stream's deltas, by field."""
    texts: dict[str, str] = {}
    for chunk in chunks(answer, asked):
        for choice in chunk["choices"]:
            for key, value in choice["delta"].items():
                if isinstance(value, str):
                    texts[key] = texts.get(key, "") + value
    return texts


@pytest.mark.parametrize("size", [None, 1, 3, 10**9])
@pytest.mark.parametrize(
    "text", ["", "plain words, two  blanks\n\n", README_EXAMPLE, "<think>a</think> < b <| c\u2028é"]
)
def test_pieces_are_the_text(text: str, size: int | None) -> None:
    assert "".join(pieces(text, size)) == text


def test_a_marker_is_a_piece_of_its_own() -> None:
    assert "<|tool_call_begin|>" in pieces("so<|tool_call_begin|>x", None)


def test_the_stream_says_what_the_body_says() -> None:
    answer = Answer({"reasoning_content": "Well, then.", "content": "An answer."})
    message = body(answer, ASKED)["choices"][0]["message"]
    texts = joined(answer)
    assert texts["content"] == message["content"] == "An answer."
    assert texts["reasoning_content"] == message["reasoning_content"] == "Well, then."
    assert texts["role"] == "assistant"


def test_the_stream_s_envelope() -> None:
    sent = list(chunks(Answer({"content": "Yes."}), ASKED))
    assert sent[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert sent[-2]["choices"][0]["finish_reason"] == "stop"
    assert sent[-1]["choices"] == []
    assert sent[-1]["usage"] == body(Answer({"content": "Yes."}), ASKED)["usage"]
    assert {chunk["id"] for chunk in sent} == {ASKED.id}


def test_usage_only_where_it_was_asked_for() -> None:
    assert all("usage" not in chunk for chunk in chunks(Answer({"content": "Yes."}), Asked("kimi")))


def test_a_call_s_arguments_come_in_pieces() -> None:
    deltas = [
        chunk["choices"][0]["delta"]["tool_calls"][0]
        for chunk in chunks(Answer({"tool_calls": [CALL]}, "tool_calls"), ASKED)
        if chunk["choices"] and "tool_calls" in chunk["choices"][0]["delta"]
    ]
    assert deltas[0] == {"index": 0, **CALL, "function": {"name": "f", "arguments": ""}}
    assert len(deltas) > 2
    assert "".join(delta["function"]["arguments"] for delta in deltas) == '{"a": 1}'


def test_everything_in_one_chunk() -> None:
    [chunk] = chunks(Answer({"content": "Now.", "tool_calls": [CALL]}, "tool_calls", together=True), ASKED)
    [choice] = chunk["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["delta"] == {"role": "assistant", "content": "Now.", "tool_calls": [{"index": 0, **CALL}]}


def test_several_choices() -> None:
    asked = Asked("kimi", choices=2)
    assert [choice["index"] for choice in body(Answer({"content": "Yes."}), asked)["choices"]] == [0, 1]
    assert joined(Answer({"content": "Yes."}), asked)["content"] == "Yes.Yes."


def test_a_failure_in_place_of_an_answer_and_after_half_of_it() -> None:
    whole = Answer({}, error={"message": "no"})
    assert list(chunks(whole, ASKED)) == [{"error": {"message": "no"}}]
    assert body(whole, ASKED) == {"error": {"message": "no"}}
    half = Answer({"content": "one two three four"}, "error", error={"message": "no"}, partial=True)
    *first, last = chunks(half, ASKED)
    assert last == {"error": {"message": "no"}}
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in first)
    assert re.fullmatch("one.*", text)
    assert "four" not in text
    assert body(half, ASKED)["error"] == {"message": "no"}


def test_the_id_depends_on_the_conversation_only() -> None:
    assert Asked("a", messages=ASKED.messages).id == ASKED.id != Asked("a").id


def test_details_and_unknown_fields_are_deltas() -> None:
    answer = Answer(
        {"content": [{"type": "text"}], "reasoning_details": [{"index": 0}, {"index": 1}], "refusal": "No."}
    )
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(answer, Asked("kimi"))][1:-1]
    assert deltas == [
        {"content": [{"type": "text"}]},
        {"reasoning_details": [{"index": 0}]},
        {"reasoning_details": [{"index": 1}]},
        {"refusal": "No."},
    ]
