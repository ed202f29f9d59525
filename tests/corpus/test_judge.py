"""The judge can say no: a corpus test that cannot fail would be worth nothing."""

from types import ModuleType
from typing import Any

import pytest

BODY = {
    "messages": [
        {"role": "user", "content": "a b", "n": 1},
        {"role": "tool", "id": "x", "arguments": '{"a": 1}', "flag": True, "none": None},
        {"role": "tool", "id": "x"},
    ]
}


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ('messages[0].content == "a b"', True),
        ('messages[0].content == "a"', False),
        ("messages[0].n == true", False),
        ("messages[0].n >= 1", True),
        ("messages[0].n <= 0", False),
        ("messages[0].gone == 1", False),
        ("messages[0].gone != 1", True),
        ("messages[-1].id exists", True),
        ("messages[5].id exists", False),
        ("messages[?role=tool] length 2", True),
        ("messages[?role=gone] length 0", True),
        ("messages[?role=tool][0].arguments is json-object", True),
        ("messages[?role=user][0].content is json-object", False),
        ('messages[1].arguments json_equals {"a": 1}', True),
        ('messages[1].arguments json_equals {"a": 2}', False),
        ("messages[1].flag is boolean", True),
        ("messages[1].flag is number", False),
        ("messages[1].none is null", True),
        ("messages[1].id same_as messages[2].id", True),
        ("messages[1].id same_as messages[2].gone", False),
        ("messages[1].id differs_from messages[0].role", True),
        ("messages[0].content matches ^a b$", True),
        ("messages[0].content not_matches b", False),
        ("messages[0].gone one_of [null]", True),
        ('$raw contains "a b"', True),
        ('$raw not_contains "a b"', False),
    ],
)
def test_assertions(judge: ModuleType, assertion: str, holds: bool) -> None:
    assert judge.holds(assertion, BODY) is holds


@pytest.mark.parametrize("text", ["", "messages", "messages exists 1", "messages ==", "messages like 1", "a[b == 1"])
def test_what_is_no_assertion_is_an_error(judge: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        judge.holds(text, BODY)


def test_one_group_of_any_of_is_enough_and_needed(judge: ModuleType) -> None:
    groups = [["messages[9] exists"], ["messages[0] exists", "messages[0].n == 1"]]
    assert judge.check_request({"expect_upstream": {"any_of": groups}}, BODY) == []
    assert judge.check_request({"expect_upstream": {"assert": ["a exists"], "any_of": groups[:1]}}, BODY) == [
        "a exists",
        'none of [["messages[9] exists"]]',
    ]


def observed(case: dict[str, Any]) -> dict[str, Any]:
    """What a client sees that is answered just as the case expects."""
    expect = case["expect"]
    error = expect.get("error")
    return {
        "text": expect.get("text"),
        "reasoning": expect.get("reasoning"),
        "tool_calls": [
            {"id": f"toolu_{number}", "name": call["name"], "arguments": call["arguments"]}
            for number, call in enumerate(expect["tool_calls"])
        ],
        "finish_reason": expect.get("finish_reason"),
        "error": error and {"status": error.get("status"), "message": error.get("message_contains", "")},
        "usage": expect.get("usage"),
    }


@pytest.mark.corpus("openai_chat/responses")
def test_no_case_takes_just_anything(judge: ModuleType, case: dict[str, Any]) -> None:
    wrong = {**observed(case), "text": "Something else.", "reasoning": "Else.", "tool_calls": [{"name": "other"}]}
    assert judge.compare(case, wrong) != []


@pytest.mark.corpus("openai_chat/responses")
def test_the_recorded_bytes_are_the_same_in_pieces(judge: ModuleType, case: dict[str, Any]) -> None:
    assert b"".join(judge.network_reads(case["upstream"])) == judge.body_bytes(case["upstream"])


def test_events_end_at_every_kind_of_line_end(judge: ModuleType) -> None:
    text = "event: a\r\ndata: 1\rdata:2\n\n: comment\ndata: 3\u2028\n\ndata: rest"
    assert judge.sse_events(text) == ([("a", "1\n2"), (None, "3\u2028")], "data: rest")
