"""A body as a request: what it must be, and how its pieces come together."""

import json
from pathlib import Path
from typing import Any

import pytest

from transforms.dialects.openai_responses.requests import read_request
from transforms.dialects.openai_responses.tools import DIALECT
from transforms.events import Repair
from transforms.request import Message, Source

RECORDED = sorted((Path(__file__).parents[3] / "corpus" / "openai_responses" / "recorded").glob("*.json"))

LOOK = {"type": "function", "name": "look"}
GO = {"type": "function", "name": "go"}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "kimi", "input": "go", **fields}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": 3}, "model: 3 is not a string"),
        ({"input": None}, "input: None is neither a string nor a list of items"),
        ({"input": {"role": "user"}}, "input: {'role': 'user'} is neither a string nor a list of items"),
        ({"input": [{"role": "user"}, "a"]}, "input[1]: 'a' is not an object"),
        (
            {"input": [{"type": "item_reference", "id": "msg_1"}]},
            "input[0]: the item 'msg_1' is not kept here, send it whole",
        ),
        (
            {"conversation": {"id": "c"}},
            "conversation: {'id': 'c'} is not known, server-side conversations are not kept here: send the whole input",
        ),
        (
            {"prompt": {"id": "p"}},
            "prompt: {'id': 'p'} is not known, stored prompts are not kept here: send instructions and input",
        ),
    ],
)
def test_a_body_that_cannot_be_answered_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_request(body(**fields))
    assert str(refused.value) == said


def test_instructions_and_a_text() -> None:
    given = body(instructions="Be brief.", stream=True)
    request = read_request(given)
    assert request.messages == (Message("system", "Be brief."), Message("user", "go"))
    assert [message.source for message in request.messages] == [
        Source(DIALECT, {"instructions": "Be brief."}),
        Source(DIALECT, {"input": "go"}),
    ]
    assert (request.model, request.stream, request.source) == ("kimi", True, Source(DIALECT, given))


@pytest.mark.parametrize("instructions", [None, "", []])
def test_no_instructions_are_no_message(instructions: Any) -> None:
    request = read_request(body(input=[], instructions=instructions))
    assert (request.messages, request.losses) == ((), ())


@pytest.mark.parametrize("stream", [None, False, "yes"])
def test_only_true_is_a_stream(stream: Any) -> None:
    assert read_request(body(stream=stream)).stream is False


def test_only_allowed_tools_are_offered() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [LOOK]}
    request = read_request(body(tools=[GO, LOOK], tool_choice=choice))
    assert [tool.name for tool in request.tools] == ["look"]
    assert request.parameters == {"tool_choice": "required"}


@pytest.mark.parametrize(
    ("tools", "choice", "parameters"),
    [
        ([LOOK], "auto", {"tool_choice": "auto", "parallel_tool_calls": True}),
        ([], "required", {}),
        ([{"type": "web_search"}], "auto", {}),
        ([LOOK], {"type": "allowed_tools", "mode": "auto", "tools": [GO]}, {}),
        ([LOOK], None, {"parallel_tool_calls": True}),
    ],
)
def test_without_a_tool_there_is_no_choice(tools: list[Any], choice: Any, parameters: dict[str, Any]) -> None:
    request = read_request(body(tools=tools, tool_choice=choice, parallel_tool_calls=True))
    assert request.parameters == parameters


def test_what_is_lost_is_noted() -> None:
    request = read_request(
        body(
            input=[{"type": "web_search_call"}, {"role": "user", "content": [{"type": "input_image"}]}],
            tools=[LOOK, {"type": "web_search"}],
            tool_choice={"type": "web_search"},
            text={"verbosity": "low"},
            reasoning={"effort": "low", "summary": "auto"},
        )
    )
    assert request.losses == (
        Repair("request-tool-dropped", "web_search"),
        Repair("request-item-dropped", "web_search_call"),
        Repair("request-item-dropped", "input_image"),
        Repair("request-field-dropped", 'tool_choice={"type":"web_search"}'),
        Repair("request-field-dropped", 'text={"verbosity":"low"}'),
    )
    assert (request.effort, request.parameters) == ("low", {})


@pytest.mark.corpus("openai_responses/requests")
def test_a_history_of_the_corpus(case: dict[str, Any]) -> None:
    system, user, turn, result = read_request(case["client_request"]).messages
    assert (system.content, user.content, turn.reasoning) == ("Be brief.", "go", "Look.")
    assert result.tool_call_id == turn.tool_calls[0].id


LOST_BY_CLIENT = {
    "agents": {"text"},
    "cline": {"truncation", "web_search", "image_generation"},
    "codex": {"text", "web_search", "generate"},
    "opencode": set(),
    "pi": set(),
}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_requests_of_clients_lose_nothing_that_they_need(path: Path) -> None:
    body = json.loads(path.read_bytes())
    request = read_request(body)
    lost = {loss.before.partition("=")[0] for loss in request.losses}
    assert lost <= LOST_BY_CLIENT[path.stem.partition("-")[0]]
    calls = [call for message in request.messages for call in message.tool_calls]
    results = [message for message in request.messages if message.role == "tool"]
    assert [call.id for call in calls] == [result.tool_call_id for result in results]
    assert {call.name for call in calls} <= {tool.name for tool in request.tools}
    assert len(calls) == path.stem.endswith("second")
    turns = [message for message in request.messages if message.role == "assistant"]
    assert [bool(turn.text and turn.tool_calls) for turn in turns] == [True] * len(calls)
