"""A request as a body: as it came, as far as nothing has changed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.openai_responses.request_writer import write_request
from transforms.dialects.openai_responses.requests import read_request
from transforms.events import Repair
from transforms.request import Call, Message, Part, Request, Source, Tool

RECORDED = sorted((Path(__file__).parents[3] / "corpus" / "openai_responses" / "recorded").glob("*.json"))

FIELDS = [
    *("type", "role", "content", "text", "call_id", "id", "name", "arguments", "output", "input", "summary"),
    *("encrypted_content", "tools", "namespace", "format", "strict", "parameters", "image_url", "effort", "mode"),
]
WORDS = [
    *("message", "reasoning", "function_call", "custom_tool_call", "function_call_output", "additional_tools"),
    *("assistant", "user", "input_text", "function", "custom", "namespace", "allowed_tools", "auto", "json_schema"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)
NODES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6)
ITEMS = st.fixed_dictionaries({"type": st.sampled_from(WORDS)}, optional=dict.fromkeys(FIELDS[1:], VALUES))
BODIES = st.fixed_dictionaries(
    {"model": st.text(max_size=8), "input": st.text(max_size=3) | st.lists(ITEMS, max_size=5)},
    optional={
        "tools": VALUES | st.lists(NODES, max_size=3),
        **dict.fromkeys(("tool_choice", "text", "reasoning", "instructions", "stream", "top_p", "never_seen"), VALUES),
    },
)

LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}
PATCH = {"type": "custom", "name": "patch"}
SEARCH = {"type": "web_search_call", "id": "ws_1"}
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hm", "annotations": []}]}
ADDED = {"type": "additional_tools", "role": "developer", "tools": [{**LOOK, "name": "added"}]}
BODY: dict[str, Any] = {
    "model": "kimi",
    "instructions": "Be brief.",
    "input": [ADDED, USER, SEARCH, SAID, {**USER, "id": "msg_2"}],
    "tools": [LOOK, {"type": "web_search"}],
    "tool_choice": "auto",
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low", "format": {"type": "json_object"}},
    "temperature": 0.5,
    "stream": True,
    "never_seen": {"a": 1},
}


@given(BODIES)
def test_writing_what_was_read_gives_the_same_body(body: dict[str, Any]) -> None:
    assert write_request(read_request(body)) == body


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_requests_of_clients_come_out_as_they_came_in(path: Path) -> None:
    body = json.loads(path.read_bytes())
    assert write_request(read_request(body)) == body


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_one_changed_message_leaves_the_others_alone(path: Path) -> None:
    body = json.loads(path.read_bytes())
    request = read_request(body)
    for index, message in enumerate(request.messages):
        other = replace(message, content="Something else.")
        messages = (*request.messages[:index], other, *request.messages[index + 1 :])
        written = write_request(replace(request, messages=messages))
        assert read_request(written).messages == messages
        assert read_request(written).tools == request.tools
        kept = [item for item in body["input"] if item not in written["input"]]
        changed = message.source.value.get("items", ()) if message.source else ()
        assert all(item in changed for item in kept)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in BODY.items() if name not in names}


def changed(index: int, **fields: Any) -> Callable[[Request], Request]:
    """A rule that changes one message; without fields, one that takes it away."""

    def rule(request: Request) -> Request:
        messages = list(request.messages)
        messages[index : index + 1] = [replace(messages[index], **fields)] if fields else []
        return replace(request, messages=tuple(messages))

    return rule


DONE = Tool("done", "Ends.", {"type": "object"})
WRITTEN_DONE = {
    "type": "function",
    "name": "done",
    "description": "Ends.",
    "parameters": {"type": "object"},
    "strict": False,
}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda request: replace(request, model="other", stream=False), {**without("stream"), "model": "other"}),
        (changed(0, content="Be long."), {**BODY, "instructions": "Be long."}),
        (changed(0), without("instructions")),
        (
            changed(1, content="stop"),
            {**BODY, "input": [ADDED, {**USER, "content": "stop"}, *BODY["input"][2:]]},
        ),
        # the items that came before a message go with it, but no tool that they offered
        (
            changed(1),
            {**BODY, "input": BODY["input"][2:], "tools": [*BODY["tools"], ADDED["tools"][0]]},
        ),
        (
            changed(2, content=(Part({"type": "text", "text": "hm"}), Part({"type": "text", "text": "."}))),
            {
                **BODY,
                "input": [
                    *BODY["input"][:3],
                    {**SAID, "content": [{"type": "output_text", "text": text} for text in ("hm", ".")]},
                    BODY["input"][4],
                ],
            },
        ),
        (
            lambda request: replace(request, tools=(*request.tools, DONE)),
            {**BODY, "tools": [*BODY["tools"], WRITTEN_DONE]},
        ),
        (
            lambda request: replace(request, tools=(replace(request.tools[0], description="Looks."), request.tools[1])),
            {**BODY, "tools": [{**LOOK, "description": "Looks."}, BODY["tools"][1]]},
        ),
        (
            lambda request: replace(request, tools=request.tools[:1]),
            {**BODY, "input": [{**ADDED, "tools": []}, *BODY["input"][1:]]},
        ),
        (
            lambda request: request.with_parameters(temperature=None, top_p=1, max_completion_tokens=5),
            {**without("temperature"), "top_p": 1, "max_output_tokens": 5},
        ),
        (
            lambda request: replace(request, effort=None).with_parameters(response_format=None),
            {**BODY, "reasoning": {"summary": "auto"}, "text": {"verbosity": "low"}},
        ),
        (lambda request: replace(request, effort="high"), {**BODY, "reasoning": {"effort": "high", "summary": "auto"}}),
        (
            lambda request: request.with_parameters(tool_choice={"type": "function", "function": {"name": "look"}}),
            {**BODY, "tool_choice": {"type": "function", "name": "look"}},
        ),
        (lambda request: request.with_parameters(tool_choice=None), without("tool_choice")),
    ],
)
def test_what_a_rule_changed_is_all_that_changes(rule: Callable[[Request], Request], expected: dict[str, Any]) -> None:
    assert write_request(rule(read_request(BODY))) == expected


def test_what_held_nothing_else_goes_when_it_is_taken_away() -> None:
    body = {"model": "kimi", "input": "go", "reasoning": {"effort": "low"}, "tools": [LOOK]}
    request = replace(read_request(body), effort=None, tools=())
    assert write_request(request) == {"model": "kimi", "input": "go"}


def test_a_text_becomes_an_item_when_something_is_said_after_it() -> None:
    request = read_request({"model": "kimi", "input": "go"})
    messages = (*request.messages, Message("assistant", "hm"))
    assert write_request(replace(request, messages=messages))["input"] == [
        {"type": "message", "role": "user", "content": "go"},
        {"type": "message", "role": "assistant", "content": "hm"},
    ]


def test_a_renamed_tool_has_its_new_name_everywhere() -> None:
    call = {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": "a"}
    request = read_request({"model": "kimi", "input": [USER, call], "tools": [PATCH]})
    user, turn = request.messages
    renamed = replace(turn, tool_calls=(replace(turn.tool_calls[0], name="patch_2"),))
    tools = (replace(request.tools[0], name="patch_2"),)
    written = write_request(replace(request, messages=(user, renamed), tools=tools))
    assert written["tools"] == [{**PATCH, "name": "patch_2"}]
    assert written["input"] == [USER, {**call, "name": "patch_2"}]


def test_a_request_of_another_format_is_written_anew() -> None:
    notes: list[Repair] = []
    request = Request(
        "kimi",
        (
            Message("system", "Be brief."),
            Message("system", "Be kind."),
            Message("user", "go"),
            Message("assistant", "hm", (Call("functions.look:0", "look", "{}"),), reasoning="First."),
            Message("tool", "seen", tool_call_id="functions.look:0"),
            Message("developer", "Now."),
        ),
        (Tool("look", None, {"type": "object"}), Tool("", type="builtin_function")),
        stream=True,
        parameters={"max_tokens": 5, "stop": ["a"], "tool_choice": "required", "stream_options": {}},
        effort="low",
        source=Source("anthropic_messages", {}),
    )
    assert write_request(request, notes.append) == {
        "model": "kimi",
        "instructions": "Be brief.\n\nBe kind.",
        "input": [
            {"type": "message", "role": "user", "content": "go"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "First."}]},
            {"type": "message", "role": "assistant", "content": "hm"},
            {
                "type": "function_call",
                "call_id": "call_functions-2elook-3a0",
                "name": "look",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": "call_functions-2elook-3a0", "output": "seen"},
            {"type": "message", "role": "developer", "content": "Now."},
        ],
        "tools": [LOOK],
        "tool_choice": "required",
        "max_output_tokens": 5,
        "reasoning": {"effort": "low"},
        "store": False,
        "stream": True,
    }
    assert notes == [
        Repair("request-tool-dropped", "builtin_function"),
        Repair("request-field-dropped", 'stop=["a"]'),
    ]


def test_a_choice_that_cannot_be_said_is_noted_and_one_without_tools_is_dropped() -> None:
    notes: list[Repair] = []
    request = Request("kimi", (), (Tool("look"),), parameters={"tool_choice": {"type": "allowed_tools"}})
    assert "tool_choice" not in write_request(request, notes.append)
    assert notes == [Repair("request-field-dropped", 'tool_choice={"type":"allowed_tools"}')]
    bare = Request("kimi", parameters={"tool_choice": "auto", "parallel_tool_calls": True, "store": True})
    assert write_request(bare) == {"model": "kimi", "input": [], "store": True}
    chosen = Request("kimi", (), (Tool("look"),))
    assert "tool_choice" not in write_request(chosen)
