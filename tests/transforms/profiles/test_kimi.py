"""Tests of transforms/profiles/kimi.py: the stages together, on a whole answer."""

import json

import pytest

from transforms.chain import Chain
from transforms.dialects.openai_chat import read_body
from transforms.events import Repair
from transforms.profiles.kimi import KIMI_PROFILE
from transforms.profiles.profile import AnswerContext
from transforms.response import Choice, collect

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


def _answer(content: str, calls: list[object] | None = None, *, forbidden: bool = False) -> tuple[Choice, list[str]]:
    context = AnswerContext({"Bash": SCHEMA}, {}, frozenset({"functions.Bash:0"}), 1, forbidden, True)
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    events = Chain(KIMI_PROFILE.stages(context)).feed(
        read_body({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    )
    return collect(events).choices[0], [event.kind for event in events if isinstance(event, Repair)]


def test_a_leaked_call_is_repaired_as_a_native_one_is() -> None:
    leak = "Go.<|tool_call_begin|>functionsBash0<|tool_call_argument_begin|>{'command': 'ls',}<|tool_call_end|>"
    choice, kinds = _answer(leak)
    assert choice.text == "Go."
    (call,) = choice.calls
    assert (call.id, call.name, json.loads(call.arguments)) == ("functions.Bash:1", "Bash", {"command": "ls"})
    assert choice.finish is not None
    assert choice.finish.reason == "tool_calls"
    assert {"leaked-call", "name-separators", "finish-reason"} <= set(kinds)


def test_markers_in_native_arguments_are_read_by_the_same_lexer() -> None:
    second = '<|tool_call_begin|>functions.Bash:7<|tool_call_argument_begin|>{"command": "b"}'
    arguments = '{"command": "a"}<|tool_call_end|>' + second
    call = {"id": "x", "type": "function", "function": {"name": "Bash", "arguments": arguments}}
    choice, _ = _answer("", [call])
    assert [json.loads(call.arguments) for call in choice.calls] == [{"command": "a"}, {"command": "b"}]


def test_forbidden_calls_go_and_their_markup_too() -> None:
    leak = 'Hi.<|tool_call_begin|>functions.Bash:0<|tool_call_argument_begin|>{"command": "ls"}<|tool_call_end|>'
    choice, _ = _answer(leak, forbidden=True)
    assert (choice.text, choice.calls) == ("Hi.", [])
    assert choice.finish is not None
    assert choice.finish.reason == "stop"


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("kimi-k2-thinking", True),
        ("kimi-k2.6", True),
        ("kimi-for-coding", True),
        ("kimi-k3", True),
        ("moonshotai/Kimi-K2-Instruct-0905", False),
        ("kimi-k2-0711-preview", False),
        ("moonshot-v1-8k", False),
    ],
)
def test_which_models_may_think(model: str, thinks: bool) -> None:
    assert KIMI_PROFILE.thinks(model) is thinks
