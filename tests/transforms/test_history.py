"""Rules for the messages of a history: texts, roles, names, empty turns."""

from collections.abc import Callable
from typing import Any

import pytest

from transforms.dialects.openai_chat.requests import read_request, write_request
from transforms.events import Repair
from transforms.history import (
    drop_empty_turns,
    is_filler,
    join_texts,
    omit_blank_text,
    remove_fillers,
    remove_markup,
    remove_markup_from_reasoning,
    rename_developer,
    strip_cache_control,
    strip_names,
    write_results_as_strings,
)
from transforms.request import Request

type Rule = Callable[[Request], Request]

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def text(text: Any, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def after(rule: Rule, *messages: dict[str, Any], **body: Any) -> Any:
    """The messages as they are after a rule."""
    read = read_request({"model": "k", "messages": list(messages), **body})
    return write_request(rule(read))["messages"]


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
@pytest.mark.parametrize(
    ("content", "joined"),
    [
        ([text("A "), text("B", cache_control={})], "A B"),
        ([text("A"), "B"], "AB"),
        ([], ""),
        ("A", "A"),
        (None, None),
        ([text("A"), IMAGE], [text("A"), IMAGE]),
        ([text("A"), text(None)], [text("A"), text(None)]),
        (["A", 5], ["A", 5]),
    ],
)
def test_lists_of_texts_become_strings(role: str, content: Any, joined: Any) -> None:
    assert after(join_texts, {"role": role, "content": content}) == [{"role": role, "content": joined}]


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({}, ""),
        ({"content": None}, ""),
        ({"content": "X"}, "X"),
        ({"content": {"temperature": "5 °C"}}, '{"temperature": "5 °C"}'),
        ({"content": 5}, "5"),
        ({"content": [text("X"), IMAGE]}, [text("X"), IMAGE]),
    ],
)
def test_every_tool_result_has_a_string(message: dict[str, Any], content: Any) -> None:
    assert after(write_results_as_strings, {"role": "tool", **message}) == [{"role": "tool", "content": content}]


def test_other_messages_may_be_without_content() -> None:
    silent = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    assert after(write_results_as_strings, silent) == [silent]


def test_developer_is_system() -> None:
    roles = [message["role"] for message in after(rename_developer, {"role": "developer"}, {"role": "user"})]
    assert roles == ["system", "user"]


def test_names_go_from_messages_but_not_from_calls() -> None:
    messages = after(strip_names, {"role": "user", "name": "bob"}, {"role": "assistant", "tool_calls": [CALL]})
    assert messages == [{"role": "user"}, {"role": "assistant", "tool_calls": [CALL]}]


def test_cache_control_goes_from_everywhere_but_schemas_arguments_and_texts() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    function = {"name": "look", "arguments": '{"cache_control": 1}'}
    parameters = {"type": "object", "properties": {"cache_control": {"type": "string"}}}
    body = {
        "model": "k",
        "messages": [
            {"role": "user", "content": [text("cache_control", **mark), {**IMAGE, **mark}], **mark},
            {"role": "assistant", "tool_calls": [{"id": "1", **mark, "function": {**function, **mark}}]},
        ],
        "tools": [
            {"type": "function", **mark, "function": {"name": "look", "parameters": parameters, **mark}},
            {"type": "builtin_function", **mark},
        ],
        **mark,
    }
    assert write_request(strip_cache_control(read_request(body))) == {
        "model": "k",
        "messages": [
            {"role": "user", "content": [text("cache_control"), IMAGE]},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": function}]},
        ],
        "tools": [
            {"type": "function", "function": {"name": "look", "parameters": parameters}},
            {"type": "builtin_function"},
        ],
    }


def test_markup_goes_from_assistant_texts_only_and_is_reported() -> None:
    repairs: list[Repair] = []

    def rule(request: Request) -> Request:
        return remove_markup(request, lambda text: text.replace("<m>", ""), repairs.append)

    messages = after(
        rule,
        {"role": "user", "content": "what is <m>?"},
        {"role": "assistant", "content": "a<m>b"},
        {"role": "assistant", "content": [text("<m>c"), IMAGE]},
        {"role": "assistant", "content": "clean"},
        {"role": "assistant", "tool_calls": [CALL]},
    )
    assert [message.get("content") for message in messages] == [
        "what is <m>?",
        "ab",
        [text("c"), IMAGE],
        "clean",
        None,
    ]
    assert repairs == [
        Repair("history-leaked-markup", "a<m>b", "ab"),
        Repair("history-leaked-markup", "<m>c", "c"),
    ]


def test_markup_goes_from_reasoning_too() -> None:
    repairs: list[Repair] = []

    def rule(request: Request) -> Request:
        return remove_markup_from_reasoning(request, lambda text: text.replace("<m>", ""), repairs.append)

    user = {"role": "user", "reasoning_content": "<m>"}
    other = {"role": "assistant", "content": "<m>", "reasoning_content": "r", "reasoning": 5}
    leaked = {"role": "assistant", "reasoning_content": "a<m>", "reasoning": "<m>b"}
    assert after(rule, user, other, leaked) == [
        user,
        other,
        {"role": "assistant", "reasoning_content": "a", "reasoning": "b"},
    ]
    assert {(repair.before, repair.after) for repair in repairs} == {("a<m>", "a"), ("<m>b", "b")}


def test_a_filler_among_an_assistant_s_texts_is_left_out() -> None:
    content = [text("(no content)"), text("Hi")]
    messages = after(join_texts, {"role": "assistant", "content": content}, {"role": "tool", "content": content})
    assert [message["content"] for message in messages] == ["Hi", "(no content)Hi"]


@pytest.mark.parametrize(
    ("text", "filler"),
    [
        ("(no content)", True),
        (" (no content)\n(no content) ", True),
        ("", False),
        ("It printed (no content).", False),
        ("(no content) is what it printed", False),
    ],
)
def test_a_filler_is_nothing_else(text: str, filler: bool) -> None:
    assert is_filler(text) is filler


def test_fillers_go_from_assistant_turns_and_stay_in_results() -> None:
    filler = "(no content)"
    messages = after(remove_fillers, {"role": "assistant", "content": filler}, {"role": "tool", "content": filler})
    assert [message["content"] for message in messages] == ["", filler]


@pytest.mark.parametrize(
    "turn",
    [
        {"content": ""},
        {"content": " \n"},
        {"content": None},
        {"content": []},
        {},
        {"content": [text(" ")]},
        {"content": None, "tool_calls": [], "refusal": None},
        {"content": "", "reasoning_content": "I was about to …"},
    ],
)
def test_turns_that_say_nothing_are_left_out_and_reported(turn: dict[str, Any]) -> None:
    repairs: list[Repair] = []
    user = {"role": "user", "content": ""}
    left = after(lambda r: drop_empty_turns(r, repairs.append), user, {"role": "assistant", **turn})
    assert left == [user]
    assert [(r.kind, r.before.split()[0]) for r in repairs] == [("history-empty-assistant", "messages[1]")]


@pytest.mark.parametrize(
    "turn",
    [
        {"content": "0"},
        {"content": "", "tool_calls": [CALL]},
        {"content": [IMAGE]},
        {"content": None, "refusal": "no"},
        {"content": "", "partial": True},
        {"content": {"odd": 1}},
        {"content": None, "function_call": {"name": "f"}},
    ],
)
def test_turns_that_say_something_stay(turn: dict[str, Any]) -> None:
    message = {"role": "assistant", **turn}
    assert after(lambda r: drop_empty_turns(r, print), message) == [message]


def test_blank_text_is_omitted_only_beside_calls() -> None:
    messages = after(
        omit_blank_text,
        {"role": "assistant", "content": " ", "tool_calls": [CALL]},
        {"role": "assistant", "content": "Sure.", "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "user", "content": ""},
    )
    assert "content" not in messages[0]
    assert [message["content"] for message in messages[1:]] == ["Sure.", None, ""]
