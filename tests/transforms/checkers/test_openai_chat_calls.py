from typing import Any

import pytest

from transforms.checkers import openai_chat_calls
from transforms.checkers.openai_chat_calls import Calls


def start(index: int, arguments: Any = "{}") -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {"index": index, "id": f"call-{index}", "type": "function", "function": function}


@pytest.mark.parametrize("reason", ["length", "content_filter", "eos", None])
def test_what_was_cut_short_need_not_be_json(reason: str | None) -> None:
    calls = Calls()
    assert [*calls.delta(start(0, "{")), *calls.finish(reason)] == []


def test_calls_may_alternate() -> None:
    calls = Calls()
    entries = [start(0, "{"), start(1, None), *({"index": index, "function": {"arguments": "}"}} for index in (0,))]
    entries.append({"index": 1, "function": {"arguments": "{}"}})
    assert [what for entry in entries for what in calls.delta(entry)] == []
    assert list(calls.finish("tool_calls")) == []


def test_a_gap_is_reported_once() -> None:
    calls = Calls()
    found = [list(calls.delta(start(index))) for index in (0, 2, 3)]
    assert found == [[], ["call 2: it begins where call 1 should"], []]


def test_no_more_calls_than_anyone_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_chat_calls, "CALL_LIMIT", 2)
    calls = Calls()
    found = [list(calls.delta(start(index))) for index in range(3)]
    assert found == [[], [], ["more than 2 calls"]]
    assert list(calls.delta({"index": 1})) == []
