"""Reasoning: found again whatever a client does to the turn, and written where the vendor reads it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.openai_chat.requests import read_request, write_request
from transforms.reasoning import FILLER, recall_key, remember, restore
from transforms.request import Call, Message, Part, Request
from transforms.response import Choice, Response, ResponseCall
from transforms.vendors import VENDORS

MOONSHOT, GENERIC, OPENROUTER = VENDORS["moonshot"], VENDORS["generic"], VENDORS["openrouter"]
VLLM = VENDORS["vllm"]
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
USER = {"role": "user", "content": "go"}


def nothing(key: str) -> str | None:
    return None


def restored(turn: dict[str, Any], vendor: Any = GENERIC, recall: Any = nothing, **body: Any) -> dict[str, Any]:
    """The assistant message as it is written for the vendor."""
    request = read_request({"model": "kimi-k2.6", "messages": [USER, {"role": "assistant", **turn}], **body})
    message: dict[str, Any] = write_request(restore(request, recall, vendor))["messages"][1]
    return message


# ---------------------------------------------------------------- keys

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
arguments = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
blanks = st.sampled_from(["", " ", "\n", " \n\t"])


def as_javascript_would(value: Any) -> Any:
    """The value behind JSON.parse and JSON.stringify: every number is a double, 1.0 is written 1."""
    if isinstance(value, dict):
        return {key: as_javascript_would(item) for key, item in reversed(value.items())}
    if isinstance(value, list):
        return [as_javascript_would(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


@given(
    text=st.text(max_size=8),
    calls=st.lists(st.tuples(st.sampled_from(["look", "run"]), arguments), max_size=3),
    reasoning=st.text(min_size=1, max_size=5).filter(str.strip),
    around=st.tuples(blanks, blanks),
    ids=st.text(max_size=3),
    indent=st.sampled_from([None, 2]),
    as_object=st.booleans(),
)
def test_an_answer_is_found_again_in_what_a_client_makes_of_it(
    text: str,
    calls: list[tuple[str, Any]],
    reasoning: str,
    around: tuple[str, str],
    ids: str,
    indent: int | None,
    as_object: bool,
) -> None:
    request = read_request({"model": "claude-x", "messages": [{"role": "system", "content": "s"}, USER]})
    choice = Choice(
        text=text,
        reasoning=reasoning,
        calls=[ResponseCall(f"functions.{name}:{n}", name, json.dumps(a)) for n, (name, a) in enumerate(calls)],
    )
    remembered = remember(request, Response(choices={0: choice}), 0)
    if not text.strip() and not calls:
        assert remembered is None
        return
    assert remembered is not None
    stripped = text.strip()
    returned = {
        "role": "assistant",
        "content": f"{around[0]}{stripped}{around[1]}" if stripped else None if as_object else "",
        "tool_calls": [
            {
                "id": f"{ids}{n}",
                "function": {
                    "name": name,
                    "arguments": a if as_object else json.dumps(as_javascript_would(a), indent=indent),
                },
            }
            for n, (name, a) in enumerate(calls)
        ],
    }
    again = read_request({"model": "claude-x", "messages": [USER, returned, {"role": "user", "content": "on"}]})
    message = restore(again, dict([remembered]).get, MOONSHOT).messages[1]
    assert message.reasoning == reasoning
    assert recall_key(again.messages[:1], again.messages[1]) == remembered[0]


def test_another_turn_has_another_key() -> None:
    user = Message("user", "go")
    turn = Message("assistant", "Ok.", (Call("1", "look", '{"a": 1}'),))
    keys = {
        recall_key([user], turn),
        recall_key([Message("user", "other")], turn),
        recall_key([], turn),
        recall_key([user], replace(turn, content="No.")),
        recall_key([user], replace(turn, tool_calls=())),
        recall_key([user], replace(turn, tool_calls=(Call("1", "run", '{"a": 1}'),))),
        recall_key([user], replace(turn, tool_calls=(Call("1", "look", '{"a": 2}'),))),
        recall_key([user], replace(turn, tool_calls=(Call("1", "look", '{"a": "1"}'),))),
        recall_key([user, turn], turn),
        recall_key([user, turn, turn], turn),
    }
    assert len(keys) == 10


def test_what_comes_later_or_from_others_does_not_count() -> None:
    turn = Message("assistant", "Ok.")
    plain = recall_key([Message("user", "go")], turn)
    between = [Message("system", "s"), Message("user", ""), Message("user", " go "), Message("user", "more")]
    assert recall_key([*between, Message("assistant", "Else."), Message("tool", "Ok.")], turn) == plain
    assert recall_key([Message("user", (Part({"type": "text", "text": "go"}),))], turn) == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", "{}"),
        (None, "{}"),
        ('{"a": ', ' {"a": \n'),
        ("[" * 100_000, "[" * 100_000 + " "),
        ('{"a": 1e400}', '{"a": Infinity}'),
        ('{"a": -0.0}', '{"a": 0}'),
        ('[1.0, {"b": 9007199254740993}]', '[1, {"b": 9007199254740992}]'),
    ],
)
def test_arguments_that_are_the_same_in_other_words(one: Any, other: Any) -> None:
    first, second = (Message("assistant", None, (Call("", "look", value),)) for value in (one, other))
    assert recall_key([], first) == recall_key([], second)


def test_a_filler_text_is_no_text() -> None:
    calls = (Call("1", "look", "{}"),)
    filled = Message("assistant", "(no content)", calls)
    assert recall_key([], filled) == recall_key([], Message("assistant", None, calls))


@pytest.mark.parametrize(
    "answer",
    [
        Response(),
        Response(choices={1: Choice("t", "r")}),
        Response(choices={0: Choice("t", " ")}),
        Response(choices={0: Choice(" ", "r")}),
    ],
)
def test_what_could_not_be_found_again_is_not_remembered(answer: Response) -> None:
    assert remember(Request("k"), answer) is None


def test_a_command_that_is_run_twice_keeps_both_reasonings() -> None:
    memory: dict[str, str] = {}
    messages: list[dict[str, Any]] = [USER]
    for reasoning in ("first", "second"):
        answer = Choice("", reasoning, calls=[ResponseCall("1", "look", '{"a": 1}')])
        found = remember(read_request({"model": "k", "messages": messages}), Response(choices={0: answer}))
        memory |= dict([found]) if found else {}
        messages += [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "1"}]
    request = restore(read_request({"model": "k", "messages": messages}), memory.get, GENERIC)
    assert [message.reasoning for message in request.messages if message.role == "assistant"] == ["first", "second"]


def test_an_answer_is_remembered_under_the_key_of_its_turn() -> None:
    request = Request("k", (Message("user", "go"),))
    answer = Choice(" Ok.", "r", calls=[ResponseCall("functions.look:0", "look", '{"a": 1}')])
    turn = Message("assistant", "Ok.", (Call("1", "look", {"a": 1}),))
    assert remember(request, Response(choices={0: answer})) == (recall_key(request.messages, turn), "r")


# ---------------------------------------------------------------- restoring


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_the_client_s_own_reasoning_wins_word_for_word(field: str) -> None:
    own = "First\n\nthen  that. "
    turn = {"content": "Sure.", "tool_calls": [CALL], field: own}
    wanted = {"role": "assistant", "content": "Sure.", "tool_calls": [CALL]}
    assert restored(turn, MOONSHOT, lambda key: "remembered") == {**wanted, "reasoning_content": own}
    assert restored(turn, OPENROUTER) == {**wanted, "reasoning": own}
    assert restored(turn, VLLM) == {**wanted, "reasoning_content": own, "reasoning": own}


def test_it_stands_in_one_place_only() -> None:
    both = {"content": "a", "reasoning_content": "r", "reasoning": "r", "reasoning_details": [{"text": "r"}]}
    assert restored(both, GENERIC) == {"role": "assistant", "content": "a", "reasoning_content": "r"}


@pytest.mark.parametrize("field", [{}, {"reasoning_content": ""}, {"reasoning_content": None}, {"reasoning": " "}])
def test_what_is_remembered_comes_before_a_filler_of_the_client_s(field: dict[str, Any]) -> None:
    turn = {"content": "", "tool_calls": [CALL], **field}
    assert restored(turn, MOONSHOT, lambda key: "remembered")["reasoning_content"] == "remembered"


@pytest.mark.parametrize("field", [{}, {"reasoning_content": ""}, {"reasoning_content": None}])
def test_a_blank_is_given_where_reasoning_is_demanded(field: dict[str, Any]) -> None:
    turn = {"content": "", "tool_calls": [CALL], **field}
    assert restored(turn, MOONSHOT)["reasoning_content"] == FILLER == " "
    assert "reasoning_content" not in restored(turn, GENERIC)
    assert "reasoning_content" not in restored(turn, MOONSHOT, thinking={"type": "disabled"})
    assert "reasoning_content" not in restored({"content": "Ok.", **field}, MOONSHOT)


def test_a_client_s_filler_stays_where_nothing_is_known() -> None:
    turn = {"content": "", "tool_calls": [CALL], "reasoning_content": "\n"}
    assert restored(turn, GENERIC)["reasoning_content"] == "\n"


def test_details_keep_all_but_their_index_where_they_are_read_and_are_text_elsewhere() -> None:
    details = [
        {"type": "reasoning.text", "text": "Part 1. ", "index": 0, "signature": "s"},
        {"type": "reasoning.summary", "summary": "Part 2.", "index": 1},
        {"type": "reasoning.encrypted", "data": "zzz", "index": 2},
    ]
    turn = {"content": "Ok.", "tool_calls": [CALL], "reasoning_details": details}
    kept = restored(turn, OPENROUTER, lambda key: "remembered")
    assert kept["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Part 1. ", "signature": "s"},
        {"type": "reasoning.summary", "summary": "Part 2."},
        {"type": "reasoning.encrypted", "data": "zzz"},
    ]
    assert "reasoning" not in kept
    text = restored(turn, MOONSHOT, lambda key: "remembered")
    assert text["reasoning_content"] == "Part 1. Part 2."
    assert "reasoning_details" not in text


@pytest.mark.parametrize("details", [[], None, "x", [5], [{"type": "reasoning.encrypted", "data": "z"}]])
def test_details_without_a_text_are_no_reasoning(details: Any) -> None:
    turn = {"content": "Ok.", "reasoning_details": details}
    assert restored(turn, MOONSHOT, lambda key: "remembered") == {
        "role": "assistant",
        "content": "Ok.",
        "reasoning_content": "remembered",
    }


def test_an_empty_turn_is_not_looked_up_and_other_roles_are_left_alone() -> None:
    assert "reasoning_content" not in restored({"content": " "}, GENERIC, lambda key: "remembered")
    user = {"role": "user", "content": "go", "reasoning": "odd"}
    request = read_request({"model": "k", "messages": [user]})
    assert restore(request, lambda key: "remembered", MOONSHOT) == request


# ---------------------------------------------------------------- entries that only their issuer can read

ENTRY = {"type": "reasoning.encrypted", "data": "x", "index": 0}
KEPT_ENTRY = {"type": "reasoning.encrypted", "data": "x"}


def known(reasoning: str = "Hm.") -> Any:
    """What knows of one answer, with an entry, whatever the key."""
    response = Response(choices={0: Choice("Ok.", reasoning, opaque=[ENTRY])})
    remembered = remember(Request("k", [Message("user", "go")]), response)
    assert remembered is not None
    return dict([remembered]).get


@pytest.mark.parametrize("reasoning", ["Hm.", ""])
def test_entries_are_remembered_with_the_words(reasoning: str) -> None:
    turn = restored({"content": "Ok."}, OPENROUTER, known(reasoning))
    words = {"reasoning": reasoning} if reasoning else {}
    assert turn == {"role": "assistant", "content": "Ok.", **words, "reasoning_details": [KEPT_ENTRY]}
    words = {"reasoning_content": reasoning} if reasoning else {}
    assert restored({"content": "Ok."}, MOONSHOT, known(reasoning)) == {"role": "assistant", "content": "Ok.", **words}


@pytest.mark.parametrize(
    ("own", "left"),
    [
        ({"reasoning": "Hm."}, {"reasoning": "Hm.", "reasoning_details": [KEPT_ENTRY]}),
        ({"reasoning_content": " "}, {"reasoning": "Hm.", "reasoning_details": [KEPT_ENTRY]}),
        ({"reasoning": "Other words."}, {"reasoning": "Other words."}),
        ({"reasoning_details": [{"data": "y"}]}, {"reasoning_details": [{"data": "y"}]}),
        ({"reasoning_details": []}, {"reasoning": "Hm.", "reasoning_details": [KEPT_ENTRY]}),
    ],
)
def test_entries_belong_to_their_words(own: dict[str, Any], left: dict[str, Any]) -> None:
    turn = restored({"content": "Ok.", **own}, OPENROUTER, known())
    assert turn == {"role": "assistant", "content": "Ok.", **left}


@pytest.mark.parametrize("own", [{}, {"reasoning_content": "Hm."}, {"reasoning_details": [ENTRY]}])
def test_a_vendor_that_refuses_reasoning_gets_none(own: dict[str, Any]) -> None:
    turn = restored({"content": "Ok.", **own}, VENDORS["openai"], known())
    assert turn == {"role": "assistant", "content": "Ok."}
