"""Parameters: what a Kimi model or its vendor would refuse is changed, and nothing else."""

from typing import Any

import pytest

from transforms.events import Repair
from transforms.parameters import (
    K2_5,
    K2_THINKING,
    K3,
    PLAIN,
    Traits,
    ask_for_usage,
    asks_for_usage,
    drop_pinned_sampling,
    drop_tools_on_none,
    is_thinking,
    keep_thinking_or_effort,
    relax_tool_choice,
    traits_of,
)
from transforms.request import Request, Tool
from transforms.vendors import VENDORS

MOONSHOT, GENERIC, VLLM = VENDORS["moonshot"], VENDORS["generic"], VENDORS["vllm"]
NAMED = {"type": "function", "function": {"name": "look"}}


def request(model: str = "kimi-k2.6", **parameters: Any) -> Request:
    return Request(model, tools=(Tool("look"),), parameters=parameters)


@pytest.mark.parametrize(
    ("model", "traits"),
    [
        ("kimi-k2-0905-preview", PLAIN),
        ("moonshotai/Kimi-K2-Instruct-0905", PLAIN),
        ("kimi-k2-turbo-preview", PLAIN),
        ("moonshot-v1-8k", PLAIN),
        ("kimi-k2-thinking", K2_THINKING),
        ("moonshotai/kimi-k2-thinking-maas", K2_THINKING),
        ("kimi-k2.5", K2_5),
        ("moonshotai/Kimi-K2.6", K2_5),
        ("accounts/fireworks/models/kimi-k2p5", K2_5),
        ("kimi-k2-6", K2_5),
        ("kimi-k2.7-code", K2_5),
        ("kimi-for-coding", K2_5),
        ("kimi-k3", K3),
        ("kimi-k3.1-pro", K3),
    ],
)
def test_a_model_id_tells_its_generation(model: str, traits: Traits) -> None:
    assert traits_of(model) is traits


@pytest.mark.parametrize(
    ("model", "parameters", "thinking"),
    [
        ("kimi-k2-0905-preview", {"thinking": {"type": "enabled"}}, False),
        ("kimi-k2-thinking", {"thinking": {"type": "disabled"}}, True),
        ("kimi-k2.6", {}, True),
        ("kimi-k2.6", {"thinking": None}, True),
        ("kimi-k2.6", {"thinking": {"type": "enabled"}}, True),
        ("kimi-k2.6", {"thinking": {"type": "disabled"}}, False),
    ],
)
def test_thinking_is_on_unless_switched_off(model: str, parameters: dict[str, Any], thinking: bool) -> None:
    assert is_thinking(request(model, **parameters)) is thinking


def test_streams_ask_for_usage_and_keep_their_other_options() -> None:
    stream = Request("k", stream=True, parameters={"stream_options": {"include_usage": False, "x": 1}})
    asked = ask_for_usage(stream)
    assert asked.parameters["stream_options"] == {"include_usage": True, "x": 1}
    assert (asks_for_usage(stream), asks_for_usage(asked)) == (False, True)
    assert ask_for_usage(asked) is asked
    assert ask_for_usage(Request("k", stream=True)).parameters == {"stream_options": {"include_usage": True}}
    assert ask_for_usage(Request("k")).parameters == {}


@pytest.mark.parametrize(
    ("model", "left"),
    [
        ("kimi-k2-0905-preview", {"temperature", "top_p", "n", "presence_penalty", "max_tokens"}),
        ("kimi-k2-thinking", {"top_p", "n", "presence_penalty", "max_tokens"}),
        ("kimi-k2.5", {"n", "presence_penalty", "max_tokens"}),
        ("kimi-k3", {"max_tokens"}),
    ],
)
def test_pinned_sampling_is_left_out(model: str, left: set[str]) -> None:
    repairs: list[Repair] = []
    full = request(model, temperature=0.2, top_p=0.5, n=1, presence_penalty=0.1, max_tokens=9)
    assert set(drop_pinned_sampling(full, MOONSHOT, repairs.append).parameters) == left
    assert len(repairs) == 5 - len(left)
    assert drop_pinned_sampling(full, GENERIC, repairs.append) is full


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        ("kimi-k2.6", NAMED, "auto"),
        ("kimi-k2.6", "required", "auto"),
        ("kimi-k2-thinking", "required", "auto"),
        ("kimi-k2.6", "none", "none"),
        ("kimi-k2.6", "auto", "auto"),
        ("kimi-k2-0905-preview", NAMED, NAMED),
        ("kimi-k3", "required", "required"),
        ("kimi-k3", NAMED, "required"),
    ],
)
def test_a_forced_tool_is_relaxed_only_where_thinking_refuses_it(model: str, choice: Any, sent: Any) -> None:
    repairs: list[Repair] = []
    relaxed = relax_tool_choice(request(model, tool_choice=choice), MOONSHOT, repairs.append)
    assert relaxed.parameters["tool_choice"] == sent
    assert bool(repairs) is (choice != sent)


def test_a_forced_tool_stays_without_thinking_and_elsewhere() -> None:
    off = request(tool_choice=NAMED, thinking={"type": "disabled"})
    assert relax_tool_choice(off, MOONSHOT, print) is off
    on = request(tool_choice=NAMED)
    assert relax_tool_choice(on, GENERIC, print) is on


def test_thinking_and_effort_never_go_together() -> None:
    repairs: list[Repair] = []
    both: dict[str, Any] = {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}
    kept = keep_thinking_or_effort(request(**both), MOONSHOT, repairs.append)
    assert kept.parameters == {"thinking": {"type": "enabled"}}
    assert [repair.kind for repair in repairs] == ["request-thinking-and-effort"]
    moved = keep_thinking_or_effort(request("kimi-k3", **both), MOONSHOT, repairs.append)
    assert moved.parameters == {"thinking": {"type": "enabled", "effort": "high"}}
    own: dict[str, Any] = {"thinking": {"type": "enabled", "effort": "low"}, "reasoning_effort": "high"}
    assert keep_thinking_or_effort(request("kimi-k3", **own), MOONSHOT, repairs.append).parameters == {
        "thinking": own["thinking"]
    }


@pytest.mark.parametrize("one", [{"thinking": {"type": "enabled"}}, {"reasoning_effort": "high"}])
def test_one_of_them_stays(one: dict[str, Any]) -> None:
    alone = request(**one)
    assert keep_thinking_or_effort(alone, MOONSHOT, print) is alone


def test_both_pass_where_they_are_not_refused() -> None:
    both = request(thinking={"type": "enabled"}, reasoning_effort="high")
    assert keep_thinking_or_effort(both, GENERIC, print) is both


def test_a_null_of_the_client_s_survives_another_parameter_s_removal() -> None:
    kept = request(temperature=None, thinking={}, reasoning_effort="high")
    assert keep_thinking_or_effort(kept, MOONSHOT, print).parameters == {"temperature": None, "thinking": {}}


def test_tools_go_where_none_alone_does_not_stop_them() -> None:
    none = request(tool_choice="none", parallel_tool_calls=True, seed=1)
    without = drop_tools_on_none(none, VLLM)
    assert (without.tools, without.parameters) == ((), {"seed": 1})
    assert drop_tools_on_none(none, GENERIC) is none
    auto = request(tool_choice="auto")
    assert drop_tools_on_none(auto, VLLM) is auto
