"""The tool `done` and the instruction to use it, in requests of every format."""

from collections.abc import Mapping
from typing import Any

import pytest

from transforms.dialects import DIALECTS
from transforms.request import Request, Tool
from transforms.termination import FIELD, offer_termination, termination_name
from transforms.translation import translate

USER: Mapping[str, Any] = {"role": "user", "content": "What is the weather?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
MARK = {"cache_control": {"type": "ephemeral"}}


def offered(body: Mapping[str, Any], client: str = "openai_chat", upstream: str = "openai_chat") -> dict[str, Any]:
    """The body that upstream gets of a client's."""
    request = DIALECTS[client].read_request({"model": "m", **body})
    request = translate(request, upstream, lambda repair: None)
    return DIALECTS[upstream].write_request(offer_termination(request, termination_name(request)))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "done"),
        (["get_weather"], "done"),
        (["done"], "end_turn"),
        (["Done", "end_turn"], "end_of_turn"),
        (["done", "end_turn", "end_of_turn"], "done_2"),
        (["done", "END_TURN", "end_of_turn", "done_2"], "done_3"),
    ],
)
def test_a_client_keeps_its_own_tools(names: list[str], expected: str) -> None:
    assert termination_name(Request("m", tools=[Tool(name) for name in names])) == expected


def test_the_tool_stands_behind_the_clients() -> None:
    tools = offered({"messages": [USER], "tools": [TOOL]})["tools"]
    assert tools[0] == TOOL
    assert [tool["function"]["name"] for tool in tools] == ["get_weather", "done"]
    parameters = tools[1]["function"]["parameters"]
    assert parameters["properties"][FIELD]["type"] == "string"
    assert "required" not in parameters


@pytest.mark.parametrize(
    ("head", "before"),
    [
        ([], ""),
        ([{"role": "system", "content": "Be brief."}], "Be brief.\n\n"),
        ([{"role": "system", "content": ""}], ""),
        ([{"role": "developer", "content": "Be brief."}], "Be brief.\n\n"),
    ],
)
def test_the_instruction_stands_at_the_end_of_the_head(head: list[Any], before: str) -> None:
    messages = offered({"messages": [*head, USER], "tools": [TOOL]})["messages"]
    assert messages[0]["role"] == (head[0]["role"] if head else "system")
    assert messages[0]["content"].startswith(f"{before}Every reply must contain at least one tool call.")
    assert messages[1:] == [USER]


def test_of_several_instructions_the_last_one_is_continued() -> None:
    head = [{"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."}]
    messages = offered({"messages": [*head, USER], "tools": [TOOL]})["messages"]
    assert messages[0] == head[0]
    assert messages[1]["content"].startswith("Be kind.\n\nEvery reply")


def test_parts_stay_as_they_are() -> None:
    content = [{"type": "text", "text": "Be brief.", **MARK}]
    messages = offered({"messages": [{"role": "system", "content": content}, USER], "tools": [TOOL]})["messages"]
    *kept, ours = messages[0]["content"]
    assert kept == content
    assert ours["text"].startswith("\n\nEvery reply")


def test_the_words_do_not_change_while_a_conversation_grows() -> None:
    later = [USER, {"role": "assistant", "content": "Hm."}, {"role": "user", "content": "And now?"}]
    first, second = (offered({"messages": messages, "tools": [TOOL]}) for messages in ([USER], later))
    assert first["tools"] == second["tools"]
    assert second["messages"][: len(first["messages"])] == first["messages"]


CLAUDE = {
    "max_tokens": 100,
    "system": [{"type": "text", "text": "You are Claude Code."}, {"type": "text", "text": "Be brief.", **MARK}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello", **MARK}]}],
    "tools": [{"name": "Read", "input_schema": SCHEMA}, {"name": "Bash", "input_schema": SCHEMA, **MARK}],
}
CODEX = {
    "instructions": "You are Codex.",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
    "tools": [{"type": "function", "name": "exec", "parameters": SCHEMA}, {"type": "custom", "name": "apply_patch"}],
}


def test_an_anthropic_request_keeps_its_marks() -> None:
    body = offered(CLAUDE, "anthropic_messages", "anthropic_messages")
    *system, ours = body["system"]
    assert system == CLAUDE["system"]
    assert "Every reply must" in ours["text"]
    assert body["messages"] == CLAUDE["messages"]
    assert body["tools"][:-1] == CLAUDE["tools"]
    assert body["tools"][-1]["name"] == "done"
    assert FIELD in body["tools"][-1]["input_schema"]["properties"]


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize(
    ("client", "body", "last"), [("anthropic_messages", CLAUDE, "Bash"), ("openai_responses", CODEX, "apply_patch")]
)
def test_every_format_reaches_every_other(client: str, body: Mapping[str, Any], last: str, upstream: str) -> None:
    written = offered(body, client, upstream)
    tools = [tool.name for tool in DIALECTS[upstream].read_request(written).tools]
    assert tools[-2:] == [last, "done"]
    assert str(written).count("Every reply must contain") == 1
