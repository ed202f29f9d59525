"""Requests as Anthropic bodies: what came so goes out as it came, and what others said is valid there."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.vendor.anthropic_rules import check_messages
from transforms.dialects import anthropic_messages, openai_chat
from transforms.dialects.anthropic_messages.request_writer import read_input, read_object
from transforms.events import Repair
from transforms.request import Message, Part, Request, Source, Tool
from transforms.seal import seal

RECORDED = sorted((Path(__file__).parents[3] / "corpus/anthropic_messages/recorded").glob("*.json"))
USER = {"role": "user", "content": "go"}
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=1)
PNG = "data:image/png;base64,iVBORw0KGgo="


def recorded(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(next(path for path in RECORDED if path.stem == name).read_bytes())
    return body


# ---------------------------------------------------------------------- rules that changed something


def changed(body: dict[str, Any], place: int, **changes: Any) -> dict[str, Any]:
    """The body with one message of the request changed, as a rule changes it."""
    request = anthropic_messages.read_request(body)
    messages = list(request.messages)
    messages[place] = replace(messages[place], **changes)
    return anthropic_messages.write_request(replace(request, messages=tuple(messages)))


def test_a_changed_message_is_written_anew_and_the_others_stay() -> None:
    body = recorded("claude-code-tool-search-6")
    written = changed(body, 3, reasoning=None, extra={})  # behind `system` and two messages
    assert written["messages"][2] == {"role": "assistant", "content": body["messages"][2]["content"][1:]}
    assert written["messages"][:2] + written["messages"][3:] == body["messages"][:2] + body["messages"][3:]
    assert {name: written[name] for name in body if name != "messages"} == {
        name: body[name] for name in body if name != "messages"
    }


@pytest.mark.parametrize(
    ("place", "content", "message"),
    [
        (0, "new", {"role": "user", "content": [{"type": "text", "text": "new"}]}),
        (
            1,
            "new",
            {"role": "system", "content": [{"type": "text", "text": "new"}], "output_config": {"effort": "low"}},
        ),
        (
            2,
            (Part({"type": "text", "text": "new", "cache_control": {"type": "ephemeral"}}),),
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "new", "cache_control": {"type": "ephemeral"}},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
                ],
            },
        ),
        (
            3,
            "new",
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "new"},
                    {"type": "text", "text": "And?"},
                ],
            },
        ),
        (
            4,
            "new",
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "old"},
                    {"type": "text", "text": "new"},
                ],
            },
        ),
    ],
)
def test_each_kind_of_message_can_be_changed(place: int, content: Any, message: dict[str, Any]) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "old", "x_new": 1}
    messages: list[dict[str, Any]] = [
        USER,
        {"role": "system", "content": "Note.", "output_config": {"effort": "low"}},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result, {"type": "text", "text": "And?", "x_new": 1}]},
    ]
    written = changed({"model": "m", "max_tokens": 9, "messages": messages}, place, content=content)
    number = min(place, 3)
    assert written["messages"][number] == message
    assert written["messages"][:number] == messages[:number]
    assert written["messages"][number + 1 :] == messages[number + 1 :]


def test_a_message_of_which_nothing_is_left_is_left_out() -> None:
    messages = [USER, {"role": "system", "content": "Note."}, {"role": "assistant", "content": "a"}, USER]
    body = {"model": "m", "max_tokens": 9, "messages": messages}
    assert changed(body, 1, content="")["messages"] == [messages[0], *messages[2:]]
    assert changed(body, 2, content=None)["messages"] == [*messages[:2], USER]
    assert changed(body, 3, content="")["messages"] == messages[:3]


def test_changed_instructions_are_written_anew() -> None:
    block = {"type": "text", "text": "One.", "cache_control": {"type": "ephemeral"}, "citations": None}
    body = {"model": "m", "max_tokens": 9, "system": [block, {"type": "text", "text": "Two."}], "messages": [USER]}
    request = anthropic_messages.read_request(body)
    content = request.messages[0].content
    assert content is not None and not isinstance(content, str)
    written = changed(body, 0, content=tuple(content[:1]))
    assert written["system"] == [{"type": "text", "text": "One.", "cache_control": {"type": "ephemeral"}}]
    assert "system" not in changed(body, 0, content=())
    assert written["messages"] == [USER]


def test_a_result_that_was_added_stands_before_what_the_user_says() -> None:
    calls = [{"type": "tool_use", "id": f"toolu_{n}", "name": "look", "input": {}} for n in range(2)]
    result = {"type": "tool_result", "tool_use_id": "toolu_0", "content": "r"}
    messages = [
        USER,
        {"role": "assistant", "content": calls},
        {"role": "user", "content": [result, {"type": "text", "text": "And?"}]},
    ]
    request = anthropic_messages.read_request({"model": "m", "max_tokens": 9, "messages": messages})
    first, answer, told, asked = request.messages
    stub = Message("tool", "none", tool_call_id="toolu_1")
    written = anthropic_messages.write_request(replace(request, messages=(first, answer, told, stub, asked)))
    check_messages(written)
    assert written["messages"][-1]["content"] == [
        result,
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "none"},
        {"type": "text", "text": "And?"},
    ]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"temperature": 0.1}, {"temperature": 0.1}),
        ({"temperature": None}, {"temperature": None}),
        ({"tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
        ({"tool_choice": None}, {"tool_choice": None}),
        ({"response_format": None}, {"output_config": None}),
        ({"stop": ["END"]}, {"stop_sequences": ["END"]}),
    ],
)
def test_a_changed_parameter_is_written_and_the_others_stay(changes: Any, fields: dict[str, Any]) -> None:
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [USER],
        "temperature": 0.5,
        "stop_sequences": ["\n"],
        "tool_choice": {"type": "any", "x_new": 1},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "x_new": 1},
        "thinking": {"type": "adaptive", "display": "updates"},
        "tools": [{"name": "look", "input_schema": {"type": "object"}, "x_new": 1}],
    }
    request = anthropic_messages.read_request(body).with_parameters(**changes)
    expected = {name: value for name, value in (body | fields).items() if value is not None}
    assert anthropic_messages.write_request(request) == expected


def test_a_parameter_that_thinking_excludes_can_be_taken_away() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = {"model": "m", "max_tokens": 9000, "messages": [USER], "thinking": thinking, "temperature": 1}
    request = anthropic_messages.read_request(body)
    assert anthropic_messages.write_request(request) == body
    written = anthropic_messages.write_request(request.with_parameters(temperature=None))
    assert written == {name: value for name, value in body.items() if name != "temperature"}


def test_instructions_of_two_kinds_are_one_field() -> None:
    body = {"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": [USER]}
    request = anthropic_messages.read_request(body)
    messages = (*request.messages[:1], Message("system", "And kind."), *request.messages[1:])
    written = anthropic_messages.write_request(replace(request, messages=messages))
    assert written["system"] == [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind."}]


def test_tools_can_be_changed_and_taken_away() -> None:
    tools = [
        {"name": "look", "input_schema": {"type": "object"}, "x_new": 1},
        {"name": "run", "input_schema": {"type": "object"}},
    ]
    body = {"model": "m", "max_tokens": 9, "messages": [USER], "tools": tools, "tool_choice": {"type": "any"}}
    request = anthropic_messages.read_request(body)
    written = anthropic_messages.write_request(
        replace(request, tools=(replace(request.tools[0], name="see"), request.tools[1]))
    )
    assert written["tools"] == [{"name": "see", "input_schema": {"type": "object"}}, tools[1]]
    without = anthropic_messages.write_request(replace(request.with_parameters(tool_choice=None), tools=()))
    assert without == {"model": "m", "max_tokens": 9, "messages": [USER]}
    unknown = anthropic_messages.write_request(replace(request, tools=(Tool("", type="web_search"),)))
    assert "tools" not in unknown and "tool_choice" not in unknown


@pytest.mark.parametrize(
    ("arguments", "input"),
    [
        ('{"a": 1}', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("", {}),
        (" \n", {}),
        ("[1]", None),
        ("{", None),
        (None, None),
        (5, None),
    ],
)
def test_the_input_of_a_call_is_an_object(arguments: Any, input: dict[str, Any] | None) -> None:
    assert read_object(arguments) == input
    assert read_input(arguments) == (input or {})


# ---------------------------------------------------------------------- what a client of OpenAI chat said


def translated(body: dict[str, Any]) -> tuple[dict[str, Any], list[Repair]]:
    """A chat body, written for Anthropic, and what was reported."""
    reported: list[Repair] = []
    written = anthropic_messages.write_request(openai_chat.read_request(body), reported.append)
    check_messages(written)
    return written, reported


def chat_call(id: str, arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}}


def test_a_conversation_of_a_chat_client() -> None:
    image = {"type": "image_url", "image_url": {"url": PNG}}
    written, reported = translated(
        {
            "model": "claude",
            "stream": True,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "developer",
                    "content": [{"type": "text", "text": "And kind."}, {"type": "text", "text": " "}],
                },
                USER,
                {
                    "role": "assistant",
                    "content": " ",
                    "tool_calls": [chat_call("functions.look:0", '{"a": 1}'), chat_call("c")],
                },
                {"role": "tool", "tool_call_id": "functions.look:0", "content": "one"},
                {"role": "system", "content": "Hurry."},
                {"role": "user", "content": [{"type": "text", "text": "And?"}, {"type": "text", "text": ""}, image]},
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "two"}, image]},
                {"role": "assistant", "content": "Done.", "reasoning_content": "Hm."},
                {"role": "assistant", "content": None},
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]},
                {"role": "system", "content": "Go on."},
            ],
            "seed": 5,
            "tools": [
                {"type": "function", "function": {"name": "look"}},
                {"type": "custom", "custom": {"name": "patch"}},
            ],
        }
    )
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    first = "toolu_functions-2elook-3a0"
    assert written == {
        "model": "claude",
        "stream": True,
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": first, "name": "look", "input": {"a": 1}},
                    {"type": "tool_use", "id": "c", "name": "look", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": first, "content": "one"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c",
                        "content": [{"type": "text", "text": "two"}, {"type": "image", "source": source}],
                    },
                    {"type": "text", "text": "Hurry."},
                    {"type": "text", "text": "And?"},
                    {"type": "image", "source": source},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": seal()},
                    {"type": "text", "text": "Done."},
                ],
            },
            {"role": "user", "content": [{"type": "text", "text": "Go on."}]},
        ],
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
    }
    kinds = [repair.kind for repair in reported]
    assert kinds == ["request-item-dropped", "request-field-dropped", "request-tool-dropped"]


def test_what_came_in_a_third_format_is_written_anew() -> None:
    source = Source("openai_responses", {"system": "odd"})
    messages = (
        Message("system", "Be brief.", source=source),
        Message("user", "go", source=source),
        Message("system", "Hurry.", source=source),
    )
    request = Request("m", messages, effort="low", source=source)
    assert anthropic_messages.write_request(request) == {
        "model": "m",
        "max_tokens": 32_000,
        "thinking": {"type": "enabled", "budget_tokens": 4096},
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": text} for text in ("go", "Hurry.")]}],
    }


def test_results_without_words_are_results() -> None:
    messages = [USER, {"role": "assistant", "tool_calls": [chat_call("c"), chat_call("d")]}]
    messages += [{"role": "tool", "tool_call_id": "c", "content": ""}, {"role": "tool", "tool_call_id": "d"}]
    written, reported = translated({"model": "claude", "messages": messages})
    assert written["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": id} for id in "cd"]
    assert not reported


def test_instructions_alone_are_said_by_the_user() -> None:
    written, _ = translated({"model": "claude", "messages": [{"role": "system", "content": "Say hello."}]})
    assert written["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]
    assert "system" not in written


def test_tool_choice_goes_with_the_tools() -> None:
    tools = [{"type": "web_search"}]
    body = {"model": "claude", "messages": [USER], "tools": tools, "tool_choice": "required"}
    written, reported = translated(body)
    assert "tools" not in written and "tool_choice" not in written
    assert reported == [Repair("request-tool-dropped", "web_search")]


CHAT_PARTS = st.lists(
    st.sampled_from(["", " \n", "Look."]).map(lambda text: {"type": "text", "text": text})
    | st.sampled_from([PNG, "https://example.com/a.png", ""]).map(
        lambda url: {"type": "image_url", "image_url": {"url": url}}
    )
    | VALUES.map(lambda value: {"type": "odd", "odd": value}),
    min_size=1,
    max_size=3,
)
CHAT_CONTENT = st.none() | st.sampled_from(["", " ", "Well."]) | CHAT_PARTS


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A history in which every call is answered, but not always at once."""
    messages: list[dict[str, Any]] = [USER]
    for number in range(draw(st.integers(0, 3))):
        roles = st.sampled_from(["user", "system", "developer", "critic"])
        messages += [{"role": draw(roles), "content": draw(CHAT_CONTENT)} for _ in range(draw(st.integers(0, 2)))]
        ids = [draw(st.sampled_from(["functions.look:", "c ", "call_", "\u00e9"])) + f"{number}{n}" for n in range(3)]
        calls = [chat_call(id, draw(VALUES.map(json.dumps) | VALUES)) for id in ids[: draw(st.integers(0, 3))]]
        turn = {
            "role": "assistant",
            "content": draw(CHAT_CONTENT.filter(lambda content: not isinstance(content, list))),
        }
        thought = draw(st.none() | st.text(max_size=3))
        messages.append({**turn, "tool_calls": calls, **({"reasoning_content": thought} if thought else {})})
        results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(CHAT_CONTENT)} for call in calls]
        between = [{"role": "system", "content": "Wait."}] if draw(st.booleans()) else []
        messages += [*results[:1], *between, *results[1:]]
    return messages


@given(conversations())
def test_any_conversation_of_a_chat_client_is_valid(messages: list[dict[str, Any]]) -> None:
    translated({"model": "claude", "messages": messages})
