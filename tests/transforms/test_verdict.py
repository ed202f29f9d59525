"""What becomes of a request that failed, by what the provider said."""

import json
import math
from typing import Any

import pytest

from scripts.vendor.failures import SHAPES
from transforms.events import Failure
from transforms.failures import failure_of, read_failure
from transforms.verdict import ANOTHER_TRY, FINAL, NEXT_ROUTE, Verdict, judge, retry_headers


@pytest.mark.parametrize("status", [402, 408, 409, 425, 429, 500, 502, 503, 504, 524, 529])
def test_what_another_provider_may_do_better_goes_on(status: int) -> None:
    assert judge(read_failure(status, b"<html><title>no</title>")) == NEXT_ROUTE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 410, 413, 415, 422, 431, 451])
def test_what_is_wrong_with_the_request_or_the_configuration_is_said(status: int) -> None:
    assert judge(read_failure(status, b"")) == FINAL


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"error": {"message": "Provider returned error", "code": 429}}, NEXT_ROUTE),
        ({"error": {"message": "Something broke"}}, NEXT_ROUTE),
        ({"error": {"message": "overloaded", "type": "engine_overloaded_error"}}, NEXT_ROUTE),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, NEXT_ROUTE),
        ({"error": {"message": "no", "type": "invalid_request_error"}}, FINAL),
        ({"error": {"message": "no key", "type": "authentication_error"}}, FINAL),
        ({"error": {"message": "gone", "code": "model_not_found"}}, FINAL),
        ({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}}, NEXT_ROUTE),
    ],
)
def test_an_error_inside_a_200_is_judged_by_what_it_says(body: dict[str, Any], verdict: Verdict) -> None:
    failure = failure_of(body)
    assert failure is not None
    assert judge(failure) == verdict


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "content_filter", "message": "The response was filtered"}),
        (403, {"code": 403, "message": "flagged", "metadata": {"error_type": "content_policy_violation"}}),
        (429, {"type": "content_filter", "message": "The request was rejected because it was considered high risk"}),
        (500, {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."}),
        (502, {"message": "Provider returned error", "innererror": {"code": "ResponsibleAIPolicyViolation"}}),
        (503, {"type": "refusal", "message": "I cannot help with that"}),
        (500, {"status": "PROHIBITED_CONTENT", "message": "blocked"}),
        (502, {"code": "context_length_exceeded", "message": "too many tokens"}),
        (500, {"message": "This model's maximum context length is 262144 tokens."}),
        (502, {"message": "prompt is too long: 210000 tokens > 200000 maximum"}),
    ],
)
def test_refused_content_and_long_prompts_are_final_whatever_the_status(status: int, error: dict[str, Any]) -> None:
    failure = read_failure(status, json.dumps({"error": error}).encode())
    assert judge(failure) == FINAL
    if status in (429, 500, 502, 503):  # an SDK would ask again
        assert retry_headers(failure, 3.0) == {"x-should-retry": "false"}


def test_an_empty_account_goes_on_and_counts_and_is_not_asked_again() -> None:
    for status, word in [(429, "insufficient_quota"), (429, "exceeded_current_quota_error"), (403, "billing_error")]:
        failure = read_failure(status, json.dumps({"error": {"type": word, "message": "pay"}}).encode())
        assert judge(failure) == NEXT_ROUTE
    assert retry_headers(Failure("pay", "insufficient_quota", 429), 60) == {"x-should-retry": "false"}
    assert retry_headers(Failure("pay", "billing_error", 402), None) == {}  # SDKs leave it alone


def test_an_answer_with_nothing_in_it_goes_on_and_says_nothing_about_the_route() -> None:
    assert judge(Failure("the account is disabled", "credential_refused", 502)) == FINAL
    assert judge(Failure("Google cannot be reached", "credential_error", 502)) == NEXT_ROUTE
    assert judge(Failure("the proxy could not work on the answer", "proxy_error", 500)) == ANOTHER_TRY
    assert judge(Failure("the provider's answer is no valid JSON", "invalid_answer", 502)) == NEXT_ROUTE


@pytest.mark.parametrize("shape", SHAPES)
def test_every_vendors_own_way_to_refuse(shape: str) -> None:
    status, body = SHAPES[shape]
    verdict = judge(read_failure(status, json.dumps(body).encode()))
    assert verdict == (NEXT_ROUTE if status in (429, 502) else FINAL)


@pytest.mark.parametrize(
    ("status", "retry_after", "headers"),
    [
        (429, 7.0, {"retry-after": "7"}),
        (503, 0.2, {"retry-after": "1"}),
        (529, 0.0, {"retry-after": "0"}),
        (429, None, {}),
        (429, -3.0, {}),
        (429, math.inf, {}),
        (429, math.nan, {}),
        (402, 30.0, {"retry-after": "30"}),  # OpenRouter's may have one
        (500, None, {}),
        (400, None, {}),
    ],
)
def test_the_client_learns_when_to_ask_again(status: int, retry_after: float | None, headers: dict[str, str]) -> None:
    assert retry_headers(Failure("no", status=status), retry_after) == headers
