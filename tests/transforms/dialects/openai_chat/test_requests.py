"""The chat request, read and written: nothing is lost, and the nodes say what the body says."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.openai_chat.requests import read_request, write_request
from transforms.request import Call, Part, Tool

FIELDS = [
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "name",
    "id",
    "type",
    "function",
    "arguments",
    "description",
    "parameters",
    "text",
    "image_url",
    "refusal",
    "cache_control",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["assistant", "function"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)
messages = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)
bodies = st.fixed_dictionaries(
    {"model": st.text(max_size=8), "messages": st.lists(messages, max_size=4)},
    optional={
        "tools": values | st.lists(messages, max_size=3),
        "stream": values,
        "stream_options": values,
        "temperature": values,
        "vendor_field": values,
    },
)


@given(bodies)
def test_writing_what_was_read_gives_the_same_body(body: dict[str, Any]) -> None:
    assert write_request(read_request(body)) == body


@pytest.mark.corpus("openai_chat/requests")
def test_corpus_requests_come_out_as_they_came_in(case: dict[str, Any]) -> None:
    body = case["client_request"]
    assert write_request(read_request(body)) == body


@pytest.mark.corpus("openai_chat/responses")
def test_requests_of_the_response_corpus_too(case: dict[str, Any]) -> None:
    body = case["client_request"]
    assert write_request(read_request(body)) == body


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": []}, "model: None"),
        ({"model": 5, "messages": []}, "model: 5"),
        ({"model": "k"}, "messages: None"),
        ({"model": "k", "messages": {"role": "user"}}, "messages: {'role': 'user'}"),
        ({"model": "k", "messages": [{}, "hi"]}, "messages[1]: 'hi'"),
    ],
)
def test_what_is_no_chat_request_is_refused_with_its_place(body: dict[str, Any], path: str) -> None:
    with pytest.raises(ValueError, match="is not") as refused:
        read_request(body)
    assert str(refused.value).startswith(path)


def test_a_huge_value_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValueError, match="messages: ") as refused:
        read_request({"model": "k", "messages": "x" * 100_000})
    assert len(str(refused.value)) < 200


def test_the_nodes_say_what_the_body_says() -> None:
    request = read_request(
        {
            "model": "k",
            "stream": True,
            "seed": 7,
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "look",
                        "description": "d",
                        "parameters": {"type": "object"},
                        "strict": True,
                    },
                },
                {"type": "builtin_function", "function": {"name": "$web_search"}},
            ],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning": "r",
                    "refusal": None,
                    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "1", "content": "X"},
            ],
        }
    )
    user, assistant, tool = request.messages
    assert (request.stream, request.parameters) == (True, {"seed": 7})
    assert user.content == (Part({"type": "text", "text": "a"}), Part({"type": "image_url"}))
    assert (assistant.reasoning, assistant.reasoning_field) == ("r", "reasoning")
    assert assistant.tool_calls == (Call("1", "look", "{}", {"type": "function"}, {}),)
    assert assistant.extra == {"content": None, "refusal": None}
    assert (tool.role, tool.tool_call_id, tool.content) == ("tool", "1", "X")
    offered, builtin = request.tools
    assert offered == Tool("look", "d", {"type": "object"}, "function", {}, {"strict": True})
    assert (builtin.name, builtin.type) == ("", "builtin_function")


@pytest.mark.parametrize(
    "body",
    [
        {"model": "k", "messages": [{}], "tools": [{}], "stream": False},
        {"model": "k", "messages": [{"role": "", "tool_calls": [{}, {"function": {}}]}], "tools": None},
        {"model": "k", "messages": [{"tool_calls": [{"function": {"x": 1}}]}], "tools": [{"function": {"x": 1}}]},
        {"model": "k", "messages": [{"tool_calls": [], "content": []}], "tools": []},
        {"model": "k", "messages": [{"tool_calls": ["x"], "content": ["x"]}], "tools": ["x"], "stream": "yes"},
    ],
)
def test_bodies_without_the_usual_fields_come_out_as_they_came_in(body: dict[str, Any]) -> None:
    assert write_request(read_request(body)) == body


def test_reasoning_content_is_preferred_and_an_empty_one_is_not() -> None:
    both = {"role": "assistant", "reasoning_content": "a", "reasoning": "b"}
    empty = {"role": "assistant", "reasoning_content": "", "reasoning": "b"}
    first, second = read_request({"model": "k", "messages": [both, empty]}).messages
    assert (first.reasoning, first.extra) == ("a", {"reasoning": "b"})
    assert (second.reasoning, second.extra) == ("b", {"reasoning_content": ""})


def test_a_rule_s_value_counts_over_what_the_client_sent() -> None:
    request = read_request({"model": "k", "messages": [{"role": "tool", "content": None}], "tools": []})
    filled = replace(
        request,
        messages=(replace(request.messages[0], content="X"),),
        tools=(Tool("done"),),
        stream=True,
    )
    assert write_request(filled) == {
        "model": "k",
        "messages": [{"role": "tool", "content": "X"}],
        "tools": [{"type": "function", "function": {"name": "done"}}],
        "stream": True,
    }
