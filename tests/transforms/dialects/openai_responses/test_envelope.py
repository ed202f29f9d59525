"""The response object: the client's own settings, and how the answer stands."""

from typing import Any

import pytest

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_responses.envelope import FIELDS, ResponseObject, cut_short, error_code, write_failure
from transforms.dialects.openai_responses.requests import read_request
from transforms.events import ChoiceFinish, Failure
from transforms.request import Request, Source


def response_object(**fields: Any) -> ResponseObject:
    request = read_request({"model": "kimi", "input": "go", **fields})
    return ResponseObject(Envelope("resp_1", "kimi", 5, request=request))


@pytest.mark.parametrize(
    ("fields", "repeated"),
    [
        ({}, {"temperature": None, "tool_choice": "auto", "parallel_tool_calls": True, "tools": [], "store": True}),
        ({"temperature": 0, "store": False, "user": "u"}, {"temperature": 0, "store": False, "user": "u"}),
        (
            {"tools": {}, "tool_choice": -1, "parallel_tool_calls": 1.5, "metadata": []},
            {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "metadata": {}},
        ),
        ({"tool_choice": None, "metadata": None}, {"tool_choice": "auto", "metadata": {}}),
        ({"tools": [{"type": "web_search"}]}, {"tools": [{"type": "web_search"}]}),
        ({"text": {"verbosity": "low"}}, {"text": {"format": {"type": "text"}, "verbosity": "low"}}),
        ({"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low", "summary": None}}),
        ({"instructions": "Be brief.", "max_output_tokens": 5}, {"instructions": "Be brief.", "max_output_tokens": 5}),
    ],
)
def test_it_repeats_what_the_client_asked(fields: dict[str, Any], repeated: dict[str, Any]) -> None:
    written = response_object(**fields).begun()
    assert {name: written[name] for name in repeated} == repeated
    assert written.keys() == FIELDS


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("resp_1", "kimi", 5),
        Envelope("other", "kimi", 5, request=Request("a", source=Source("openai_chat", {}))),
    ],
)
def test_a_request_of_another_format_is_not_repeated(envelope: Envelope) -> None:
    written = ResponseObject(envelope).begun()
    assert written["id"] == f"resp_{envelope.id.removeprefix('resp_')}"
    assert (written["object"], written["created_at"], written["model"]) == ("response", 5, "kimi")
    assert (written["instructions"], written["tools"]) == (None, [])


@pytest.mark.parametrize(
    ("include", "sealed"),
    [(None, False), ([], False), (["reasoning.encrypted_content"], True), ("reasoning.encrypted_content", False)],
)
def test_reasoning_is_sealed_where_the_client_wants_to_bring_it_back(include: Any, sealed: bool) -> None:
    assert response_object(include=include).sealed is sealed


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        (None, "completed", None),
        (ChoiceFinish("stop"), "completed", None),
        (ChoiceFinish("tool_calls"), "completed", None),
        (ChoiceFinish("length"), "incomplete", "max_output_tokens"),
        (ChoiceFinish("content_filter"), "incomplete", "content_filter"),
    ],
)
def test_how_it_ended(finish: ChoiceFinish | None, status: str, reason: str | None) -> None:
    written = response_object().ended([{"id": "msg_1"}], {"prompt_tokens": 2}, finish)
    assert (written["status"], cut_short(finish)) == (status, reason)
    assert written["incomplete_details"] == ({"reason": reason} if reason else None)
    assert written["output"] == [{"id": "msg_1"}]
    assert written["usage"]["input_tokens"] == 2


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure("x", code="context_length_exceeded", status=400), "context_length_exceeded"),
        (Failure("x", type="context_length_exceeded", status=400), "context_length_exceeded"),
        (Failure("x", type="insufficient_quota", status=429, code=429), "insufficient_quota"),
        (Failure("x", status=429), "rate_limit_exceeded"),
        (Failure("x", status=400, code=""), "invalid_prompt"),
        (Failure("x", status=502), "server_error"),
    ],
)
def test_how_it_failed(failure: Failure, code: str) -> None:
    assert error_code(failure) == code
    written = response_object().failed([], failure)
    assert (written["status"], written["error"]) == ("failed", {"code": code, "message": "x"})
    assert written["usage"]["total_tokens"] == 0


@pytest.mark.parametrize(("code", "written"), [("context_length_exceeded", "context_length_exceeded"), (400, None)])
def test_the_code_of_an_error_is_a_word_or_null(code: Any, written: str | None) -> None:
    assert write_failure(Failure("x", "odd", 400, code, {"param": "p"})) == {
        "error": {"message": "x", "type": "odd", "param": "p", "code": written}
    }
