"""Tests of transforms/profiles/plain.py: nothing is done."""

from transforms.profiles.plain import PLAIN
from transforms.profiles.profile import RequestContext, answer_context
from transforms.request import Message, Request
from transforms.vendors import VENDORS


def test_requests_and_answers_are_left_alone() -> None:
    request = Request("gpt", [Message("assistant", "(no content) <think>")], parameters={"temperature": 0})
    prepared = PLAIN.prepare(request, RequestContext(VENDORS["moonshot"], "gpt", lambda key: "reasoning"))
    assert prepared.request == request
    assert list(prepared.repairs) == []
    assert PLAIN.stages(answer_context(request, prepared, hold_undecided=True)) == []
    assert not PLAIN.thinks("gpt")
