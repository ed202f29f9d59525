"""Tests of transforms/profiles/profile.py and of the table of profiles."""

import pytest

from transforms.profiles import PROFILES, profile_for
from transforms.profiles.profile import Prepared, answer_context
from transforms.request import Call, Message, Request, Tool


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("kimi-k2-thinking", "kimi"),
        ("moonshotai/Kimi-K2-Instruct-0905", "kimi"),
        ("accounts/fireworks/models/kimi-k2p6", "kimi"),
        ("moonshot-v1-32k", "kimi"),
        ("gpt-6.1", "plain"),
        ("", "plain"),
    ],
)
def test_a_model_has_the_profile_of_its_family(model: str, name: str) -> None:
    assert profile_for(model).name == name
    assert PROFILES[name] is profile_for(model)


def test_the_answer_knows_the_tools_as_upstream_does_and_the_ids_as_the_client_does() -> None:
    calls = (Call("call_1", "a.b", "{}"), Call("call_2", "a.b", "{}"))
    request = Request(
        "kimi", [Message("assistant", tool_calls=calls)], [Tool("a.b")], parameters={"tool_choice": "none"}
    )
    upstream = Request("kimi", tools=[Tool("a_b", parameters={"type": "object"}), Tool("", type="web_search")])
    context = answer_context(request, Prepared(upstream, aliases={"a_b": "a.b"}), hold_undecided=True)
    assert context.tools == {"a_b": {"type": "object"}}
    assert context.aliases == {"a_b": "a.b"}
    assert context.history_ids == {"call_1", "call_2"}
    assert context.next_index == 2
    assert context.forbidden
    assert context.hold_undecided
