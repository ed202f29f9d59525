"""Which conversation a request belongs to."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.exchange import CREDENTIALS
from transforms.conversation_key import HEADERS, ConversationKey, conversation_key
from transforms.dialects import DIALECTS

ID = "0b1c-session"
USER: Mapping[str, Any] = {"role": "user", "content": "Hello"}
ANSWER: Mapping[str, Any] = {"role": "assistant", "content": "Hi"}
NEXT: Mapping[str, Any] = {"role": "user", "content": "And now?"}
IMAGE: Mapping[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def of(
    *messages: Mapping[str, Any], headers: Mapping[str, str] | None = None, dialect: str = "openai_chat", **body: Any
) -> ConversationKey:
    listed = {"input" if dialect == "openai_responses" else "messages": list(messages)}
    whole = {"model": "m", **listed, **body}
    return conversation_key(headers or {}, whole, DIALECTS[dialect].read_request(whole))


NAMED_BY: list[tuple[Mapping[str, str], Mapping[str, Any]]] = [
    *(({name: ID}, {}) for name in HEADERS),
    ({}, {"session_id": ID}),
    ({}, {"prompt_cache_key": ID}),
    ({}, {"conversation": ID}),
    ({}, {"conversation": {"id": ID}}),
    ({}, {"metadata": {"user_id": ID}}),
]


@pytest.mark.parametrize(("headers", "body"), NAMED_BY)
def test_a_client_names_its_conversation(headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
    first, second = of(USER, headers=headers, **body), of(NEXT, ANSWER, headers=headers, **body)
    assert first.digest == second.digest == of(headers={"session-id": ID}).digest
    assert (first.explicit, first.is_new) == (True, True)
    assert (second.explicit, second.is_new) == (True, False)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({"headers": {"session-id": "s"}}, {"headers": {"thread-id": "t"}}),
        ({"headers": {"x-claude-code-session-id": "s"}}, {"headers": {"x-session-id": "t"}}),
        ({"session_id": "s"}, {"headers": {"x-session-id": "t"}}),
        ({"metadata": {"user_id": "u"}}, {"session_id": "s"}),
        ({"metadata": {"user_id": "u"}}, {"prompt_cache_key": "p"}),
        ({"prompt_cache_key": "p"}, {"session_id": "s"}),
        ({"session_id": "s"}, {"conversation": "c"}),
    ],
)
def test_of_several_names_the_most_telling_counts(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    both = wide | narrow | {"headers": wide.get("headers", {}) | narrow.get("headers", {})}
    assert of(USER, **both) == of(USER, **narrow) != of(USER, **wide)


def test_claude_codes_user_id_is_taken_whole() -> None:
    ids = [
        '{"device_id":"d","account_uuid":"","session_id":"1"}',
        '{"device_id":"d","account_uuid":"","session_id":"2"}',
        "user_d_account__session_1",
        "user_d_account__session_2",
    ]
    assert len({of(USER, metadata={"user_id": id}).digest for id in ids}) == 4


@pytest.mark.parametrize("nothing", [None, "", "  ", 7, True, [], ["s"], {}, {"id": 5}, {"user_id": ["s"]}])
def test_what_is_no_name_does_not_count(nothing: Any) -> None:
    names = ("session_id", "prompt_cache_key", "conversation", "metadata")
    assert of(USER, headers={"session-id": " "}, **dict.fromkeys(names, nothing)) == of(USER)


def test_without_a_name_the_beginning_tells() -> None:
    first = of(USER)
    assert (first.explicit, first.is_new) == (False, True)
    later = of(USER, ANSWER, NEXT)
    assert (later.explicit, later.is_new) == (False, False)
    assert first.digest == later.digest
    assert of(NEXT).digest != first.digest


CALLS: Mapping[str, Any] = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
SYSTEM: Mapping[str, Any] = {"role": "system", "content": "It is Monday."}
DEVELOPER: Mapping[str, Any] = {"role": "developer", "content": "Be brief."}
MARKED: Mapping[str, Any] = {
    "role": "user",
    "content": [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}],
}


@pytest.mark.parametrize(
    "messages",
    [
        [SYSTEM, USER],
        [SYSTEM, DEVELOPER, USER],
        [USER, SYSTEM, ANSWER, NEXT],
        [MARKED],
        [USER, CALLS, {"role": "tool", "tool_call_id": "c", "content": "out"}],
        [USER, {"role": "assistant", "content": "Another answer"}, USER, USER],
    ],
)
def test_what_changes_from_turn_to_turn_does_not_count(messages: list[Mapping[str, Any]]) -> None:
    assert of(*messages).digest == of(USER).digest


def told(*content: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"role": "user", "content": list(content)}


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": "hello"}],
        [{"role": "user", "content": None}],
        [USER, NEXT],  # the environment, then the task
        [told({"type": "text", "text": "Hello"}, IMAGE)],
        [told({"type": "text", "text": "Hello"}, {**IMAGE, "image_url": {"url": "data:image/png;base64,BBBB"}})],
        [told({"type": "text", "text": "Hello"}, {"type": "unheard-of", "data": [1, None]})],
    ],
)
def test_another_beginning_is_another_conversation(messages: list[Mapping[str, Any]]) -> None:
    assert of(*messages).digest != of(USER).digest


def test_images_tell_conversations_apart_wherever_their_cache_marks_are() -> None:
    marked = {**IMAGE, "cache_control": {"type": "ephemeral"}}
    other = {**IMAGE, "image_url": {"url": "data:image/png;base64,BBBB"}}
    assert of(told(IMAGE)).digest == of(told(marked)).digest != of(told(other)).digest


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_format_has_beginnings(dialect: str) -> None:
    first, later = of(USER, dialect=dialect), of(USER, ANSWER, NEXT, dialect=dialect)
    assert (first.is_new, later.is_new) == (True, False)
    assert first.digest == later.digest != of(NEXT, dialect=dialect).digest


def test_a_name_is_never_taken_for_a_beginning() -> None:
    assert of(USER, session_id="Hello").digest != of(USER).digest


@given(st.text(min_size=1), st.text())
def test_nothing_that_the_client_sent_is_in_the_digest(name: str, content: str) -> None:
    for key in (of(USER, session_id=name), of({"role": "user", "content": content})):
        assert len(key.digest) == 64
        assert set(key.digest) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", HEADERS)
def test_no_such_header_is_hidden_as_a_credential(name: str) -> None:
    assert not CREDENTIALS.fullmatch(name)
