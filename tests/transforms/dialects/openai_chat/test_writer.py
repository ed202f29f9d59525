import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_chat.writer import Writer, write_body, write_failure
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    LeakedCall,
    OpaqueReasoning,
    ReasoningDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import Choice, Response, ResponseCall

ENVELOPE = Envelope("chatcmpl-1", "kimi", 1763900000)
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
STOP: list[Event] = [ChoiceFinish("stop"), Finish()]


def values(data: bytes) -> list[Any]:
    """What stands in the events; an event that is no JSON as its text."""
    events = data.decode().split("\n\n")
    assert events.pop() == ""
    return [json.loads(text) if text.startswith("{") else text for text in (e.removeprefix("data: ") for e in events)]


def choices(data: bytes) -> list[Any]:
    return [choice for value in values(data) for choice in (value["choices"] if isinstance(value, dict) else ())]


def deltas(data: bytes) -> list[Any]:
    return [choice["delta"] for choice in choices(data)]


def written(*steps: list[Event], envelope: Envelope = ENVELOPE) -> bytes:
    writer = Writer(envelope)
    return b"".join(map(writer.write, steps))


def test_what_comes_in_one_go_shares_a_chunk() -> None:
    assert deltas(written([TextDelta("a"), TextDelta("b")], [TextDelta("c")])) == [
        {"role": "assistant", "content": "ab"},
        {"content": "c"},
    ]


def test_a_chunk_has_words_of_one_kind() -> None:
    events: list[Event] = [ReasoningDelta("a"), ReasoningDelta("b"), TextDelta("c"), ReasoningDelta("d")]
    assert deltas(written(events)) == [
        {"role": "assistant", "reasoning_content": "ab"},
        {"content": "c"},
        {"reasoning_content": "d"},
    ]


def test_a_chunk_has_one_call() -> None:
    events: list[Event] = [
        TextDelta("a"),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, "{"),
        ToolCallDelta(0, "}"),
        ToolCallStart(1, "d", "g"),
        ToolCallDelta(0, " "),
        ToolCallDelta(0),
        ToolCallEnd(0),
        TextDelta("b"),
    ]
    assert deltas(written(events)) == [
        {"role": "assistant", "content": "a"},
        {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "id": "d", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": " "}}]},
        {"content": "b"},
    ]


def test_a_chunk_has_one_choice() -> None:
    assert choices(written([TextDelta("a", 1), TextDelta("b", 0), TextDelta("c", 1)])) == [
        {"index": 1, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None},
        {"index": 0, "delta": {"role": "assistant", "content": "b"}, "finish_reason": None},
        {"index": 1, "delta": {"content": "c"}, "finish_reason": None},
    ]


def test_empty_words_are_no_chunk() -> None:
    assert written([TextDelta(""), ReasoningDelta(""), ToolCallEnd(0), Repair("x"), LeakedCall("a", "b")], []) == b""


def test_unsettled_fragments_of_a_header_pass_as_they_came() -> None:
    events: list[Event] = [ToolCallStart(0, "", "wea"), ToolCallDelta(0, "{", "c", "ther"), ToolCallDelta(0, "}")]
    assert deltas(written(events)) == [
        {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": "", "type": "function", "function": {"name": "wea", "arguments": ""}}],
        },
        {"tool_calls": [{"index": 0, "function": {"name": "ther", "arguments": "{}"}, "id": "c"}]},
    ]


def test_one_finish_for_each_choice_and_the_last_word_counts() -> None:
    data = written([TextDelta("a"), TextDelta("b", 1)], [ChoiceFinish("stop"), ChoiceFinish("length", choice=1)], STOP)
    assert [(choice["index"], choice["finish_reason"]) for choice in choices(data)] == [
        (0, None),
        (1, None),
        (0, "stop"),
        (1, "length"),
    ]
    assert values(data)[-1] == "[DONE]"


def test_words_directly_before_the_end_have_a_chunk_of_their_own() -> None:
    assert choices(written([TextDelta("a"), *STOP])) == [
        {"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]


def test_usage_is_in_the_last_finish() -> None:
    *_, last, done = values(written([TextDelta("a"), ChoiceFinish("stop"), Finish(USAGE)]))
    assert (last["choices"][0]["finish_reason"], last["usage"], done) == ("stop", USAGE, "[DONE]")


def test_usage_has_its_own_chunk_where_the_client_asked_for_it() -> None:
    envelope = Envelope("chatcmpl-1", "kimi", 1763900000, include_usage=True)
    *_, finish, last, done = values(written([TextDelta("a"), ChoiceFinish("stop"), Finish(USAGE)], envelope=envelope))
    assert "usage" not in finish
    assert (last["choices"], last["usage"], done) == ([], USAGE, "[DONE]")


def test_no_usage_is_no_chunk() -> None:
    envelope = Envelope("chatcmpl-1", "kimi", 1763900000, include_usage=True)
    assert len(values(written(STOP, envelope=envelope))) == 2


def test_nothing_at_all_ends_all_the_same() -> None:
    assert written([Finish()]) == b"data: [DONE]\n\n"


def test_a_failure_sends_what_was_said_and_no_end() -> None:
    assert values(written([TextDelta("a"), Failure("m", "t", 503, "c", {"param": "p", "metadata": {}})])) == [
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1763900000,
            "model": "kimi",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None}],
        },
        {"error": {"message": "m", "type": "t", "param": "p", "code": "c", "metadata": {}}},
    ]


def test_a_failure_without_code_has_its_status() -> None:
    assert write_failure(Failure("m", status=503)) == {
        "error": {"message": "m", "type": "upstream_error", "param": None, "code": 503}
    }


def test_upstreams_envelope_wins_but_for_the_model() -> None:
    (value,) = values(written([ResponseStart("up-1", "vendor/model", 7), TextDelta("a")]))
    assert (value["id"], value["created"], value["model"]) == ("up-1", 7, "kimi")
    (value,) = values(written([ResponseStart(None, None, None), TextDelta("a")]))
    assert (value["id"], value["created"], value["model"]) == ("chatcmpl-1", 1763900000, "kimi")


def test_short_unknown_fields_of_the_response_stand_in_every_chunk_and_long_ones_in_one() -> None:
    first, second, third, last, _ = values(
        written(
            [ResponseStart(extra={"system_fingerprint": "f", "filters": [1]}), TextDelta("a")],
            [TextDelta("b")],
            [TextDelta("c"), Extra({"system_fingerprint": "g", "usage": None, "more": {}}, "response")],
            STOP,
        )
    )
    names = ("system_fingerprint", "filters", "more")
    assert [[chunk.get(name) for name in names] for chunk in (first, second, third, last)] == [
        ["f", [1], None],
        ["f", None, None],
        ["f", None, None],
        ["g", None, {}],
    ]
    assert "usage" not in last


def test_a_piece_that_comes_alone_takes_fields_along_that_wait_for_a_chunk() -> None:
    steps: list[list[Event]] = [
        [TextDelta("a")],
        [Extra({"filters": [1]}, "response")],
        [TextDelta("b")],
        [TextDelta("c")],
    ]
    assert [chunk.get("filters") for chunk in values(written(*steps))] == [None, [1], None]


def test_a_piece_that_comes_alone_is_written_as_among_others() -> None:
    for event in (TextDelta("é\u2028"), ReasoningDelta("b", 1)):
        first, other = TextDelta("x", event.choice), TextDelta("y", 7)
        alone = written([ResponseStart("i", extra={"system_fingerprint": "f"}), first], [event])
        assert (
            alone
            == written([ResponseStart("i", extra={"system_fingerprint": "f"}), first], [event, other])[: len(alone)]
        )


def test_unknown_fields_are_not_merged() -> None:
    events: list[Event] = [
        Extra({"audio": "a"}),
        Extra({"audio": "b"}),
        Extra({"logprobs": 1}, "choice"),
        Extra({"logprobs": 2}, "choice"),
    ]
    assert choices(written(events)) == [
        {"index": 0, "delta": {"role": "assistant", "audio": "a"}, "finish_reason": None},
        {"index": 0, "delta": {"audio": "b"}, "finish_reason": None, "logprobs": 1},
        {"index": 0, "delta": {}, "finish_reason": None, "logprobs": 2},
    ]


def test_empty_fields_of_a_body_stay_out_of_deltas() -> None:
    assert written([Extra({"tool_calls": [], "content": "", "refusal": None})]) == b""
    assert deltas(written([Extra({"tool_calls": [], "annotations": []})])) == [{"role": "assistant", "annotations": []}]


def test_opaque_reasoning_is_collected() -> None:
    assert deltas(written([OpaqueReasoning({"data": "a"}), OpaqueReasoning({"data": "b"}), *STOP])) == [
        {"role": "assistant", "reasoning_details": [{"data": "a"}, {"data": "b"}]}
    ]


def test_a_comment_keeps_its_place() -> None:
    data = written([TextDelta("a"), Comment("wait\nfor it"), TextDelta("b")])
    assert [value if isinstance(value, str) else "chunk" for value in values(data)] == [
        "chunk",
        ": wait for it",
        "chunk",
    ]


@pytest.mark.parametrize(
    ("text", "json_text"),
    [
        ("\u2028\u2029\u0085", r'"\u2028\u2029\u0085"'),
        ("caf\u00e9 \U0001f600 \ud800", r'"café 😀 \ud800"'),
        ('\r\n\t\x00"\\', r'"\r\n\t\u0000\"\\"'),
        ("\u00e9", '"\u00e9"'),
    ],
)
def test_text_is_readable_but_for_what_readers_trip_over(text: str, json_text: str) -> None:
    data = written([TextDelta(text)])
    assert f'"content":{json_text}'.encode() in data
    assert deltas(data) == [{"role": "assistant", "content": text}]


def test_a_body_says_only_what_there_is() -> None:
    response = Response(choices={0: Choice(calls=[ResponseCall("c", "f", "{}")])})
    assert write_body(response, ENVELOPE) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1763900000,
        "model": "kimi",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                "finish_reason": None,
            }
        ],
    }


PIECES = st.builds(TextDelta, st.text(min_size=1), st.integers(0, 1)) | st.builds(
    ReasoningDelta, st.text(min_size=1), st.integers(0, 1)
)


@given(st.lists(PIECES))
def test_a_piece_that_comes_alone_is_written_as_by_the_long_way(pieces: list[Any]) -> None:
    """`_piece` is a shortcut: a comment beside the piece makes the writer take the long way."""
    short, long = Writer(ENVELOPE), Writer(ENVELOPE)
    for piece in pieces:
        assert short.write([piece]) + b": \n\n" == long.write([piece, Comment()])
