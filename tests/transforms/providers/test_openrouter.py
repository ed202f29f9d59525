import json
from typing import Any

import pytest

from config.provider_options import OPTIONS as CONFIGURABLE
from transforms.dialects import openai_chat
from transforms.events import Comment, Event, Failure, Finish, ReasoningDelta, TextDelta
from transforms.profiles import PROFILES
from transforms.profiles.profile import RequestContext
from transforms.providers.openrouter import OPENROUTER
from transforms.usage import read_cost
from transforms.vendors import VENDORS

OPTIONS = {"order": ["a", "b"], "sort": "price", "allow_fallbacks": False, "only": None, "base_url": "https://x"}
EVERY = {
    "order": ["moonshotai"],
    "only": ["moonshotai", "fireworks"],
    "ignore": ["groq"],
    "allow_fallbacks": False,
    "require_parameters": True,
    "data_collection": "deny",
    "zdr": True,
    "enforce_distillable_text": False,
    "quantizations": ["int4"],
    "sort": {"by": "throughput", "partition": "none"},
    "max_price": {"prompt": "1", "completion": "3"},
    "preferred_max_latency": {"p90": 3},
    "preferred_min_throughput": 20,
}


def test_the_entrys_preferences_are_added() -> None:
    body = {"model": "kimi", "stream": True}
    assert OPENROUTER.prepare(body, OPTIONS) == {
        "model": "kimi",
        "stream": True,
        "provider": {"order": ["a", "b"], "sort": "price", "allow_fallbacks": False},
    }
    assert body == {"model": "kimi", "stream": True}


def test_every_preference_that_can_be_configured_is_sent() -> None:
    assert EVERY.keys() == CONFIGURABLE["openrouter"].keys()
    assert OPENROUTER.prepare({}, {**EVERY, "host": "openrouter.ai"}) == {"provider": EVERY}


@pytest.mark.parametrize("name", EVERY)
def test_the_bodys_own_preferences_come_first(name: str) -> None:
    prepared = OPENROUTER.prepare({"provider": {name: "mine", "x_new": 1}}, EVERY)
    assert prepared["provider"] == {**EVERY, name: "mine", "x_new": 1}


@pytest.mark.parametrize("body", [{}, {"provider": None}, {"provider": {"sort": "price"}}])
def test_without_preferences_nothing_is_added(body: dict[str, Any]) -> None:
    assert OPENROUTER.prepare(dict(body), {"only": None}) == body


def test_a_null_is_no_preference() -> None:
    assert OPENROUTER.prepare({"provider": None}, {"sort": "price"}) == {"provider": {"sort": "price"}}


@pytest.mark.parametrize("odd", ["fastest", ["a"], 1, False])
def test_what_is_no_object_is_left_to_upstream(odd: Any) -> None:
    assert OPENROUTER.prepare({"provider": odd}, OPTIONS) == {"provider": odd}


ENABLED, DISABLED = {"type": "enabled"}, {"type": "disabled"}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, {}),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ({"reasoning": {"enabled": False, "exclude": True}}, {"reasoning": {"enabled": False, "exclude": True}}),
        # Two of them.
        ({"reasoning_effort": "high", "reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ({"reasoning_effort": "high", "reasoning": {"max_tokens": 2000}}, {"reasoning": {"max_tokens": 2000}}),
        ({"reasoning_effort": "high", "reasoning": {"enabled": False}}, {"reasoning": {"enabled": False}}),
        (
            {"reasoning_effort": "high", "reasoning": {"exclude": True, "effort": None}},
            {"reasoning": {"exclude": True, "effort": "high"}},
        ),
        ({"reasoning_effort": None, "reasoning": {"exclude": True}}, {"reasoning": {"exclude": True}}),
        ({"reasoning_effort": "high", "reasoning": None}, {"reasoning_effort": "high", "reasoning": None}),
        ({"reasoning_effort": "high", "reasoning": "odd"}, {"reasoning_effort": "high", "reasoning": "odd"}),
        # Another vendor's parameter.
        ({"thinking": DISABLED}, {"reasoning": {"enabled": False}}),
        ({"thinking": ENABLED}, {"reasoning": {"enabled": True}}),
        ({"thinking": {"type": "adaptive"}}, {"reasoning": {"enabled": True}}),
        ({"thinking": {**ENABLED, "effort": "max"}}, {"reasoning": {"effort": "max"}}),
        ({"thinking": {**ENABLED, "budget_tokens": 4096}}, {"reasoning": {"max_tokens": 4096}}),
        ({"thinking": {**ENABLED, "budget_tokens": "odd"}}, {"reasoning": {"enabled": True}}),
        ({"thinking": ENABLED, "reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ({"thinking": DISABLED, "reasoning": {"exclude": True}}, {"reasoning": {"exclude": True, "enabled": False}}),
        ({"thinking": DISABLED, "reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ({"thinking": {"keep": "all"}}, {}),
        ({"thinking": "odd"}, {"thinking": "odd"}),
    ],
)
def test_how_much_to_think_is_said_once(fields: dict[str, Any], sent: dict[str, Any]) -> None:
    assert OPENROUTER.prepare({"model": "m", **fields}, {}) == {"model": "m", **sent}


def test_a_client_s_further_fields_pass() -> None:
    body = {
        "models": ["a", "b"],
        "plugins": [{"id": "response-healing"}],
        "session_id": "s",
        "prompt_cache_key": "k",
        "user": "u",
        "metadata": {"a": "b"},
        "usage": {"include": True},
        "stream_options": {"include_usage": True},
    }
    assert OPENROUTER.prepare(dict(body), {}) == body


@pytest.mark.parametrize("family", PROFILES)
def test_reasoning_details_go_back_as_they_came(family: str) -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "x", "id": "r1", "format": "openai-responses-v1"},
    ]
    turn = {"role": "assistant", "content": "Yes.", "reasoning": "Hm.", "reasoning_details": details}
    user = {"role": "user", "content": "Go on."}
    request = openai_chat.read_request({"model": "m", "messages": [user, turn, user]})
    context = RequestContext(VENDORS["openrouter"], "moonshotai/kimi-k2-thinking", lambda key: None)
    prepared = PROFILES[family].prepare(request, context)
    sent = OPENROUTER.prepare(openai_chat.write_request(prepared.request), {})
    assert sent["messages"][1]["reasoning_details"] == details
    assert sent["messages"][1]["reasoning"] == "Hm."


def test_reasoning_is_read_from_openrouters_fields_once() -> None:
    detail = {"type": "reasoning.text", "text": "Hm.", "index": 0}
    delta = {"role": "assistant", "reasoning": "Hm.", "reasoning_details": [detail]}
    data = json.dumps({"id": "gen-1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    events = openai_chat.reader().feed(f": OPENROUTER PROCESSING\n\ndata: {data}\n\n".encode())
    assert [event for event in events if isinstance(event, ReasoningDelta)] == [
        ReasoningDelta("Hm.", field="reasoning")
    ]


# ---------------------------------------------------------------------- errors, which come with a 200 mostly

ERROR = {
    "code": 502,
    "message": "Provider returned error",
    "metadata": {"raw": '{"error":{"message":"engine overloaded"}}', "provider_name": "X", "error_type": "server"},
}
HEAD = {"id": "gen-1", "provider": "X", "object": "chat.completion.chunk", "created": 1, "model": "m"}
SAID = Failure("Provider returned error: engine overloaded", "server", 502, 502, {"metadata": ERROR["metadata"]})


def chunk(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        **HEAD,
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}],
        **more,
    }


def streamed(*values: Any) -> list[Event]:
    """The events of a stream, behind the comments that OpenRouter keeps it alive with."""
    data = b": OPENROUTER PROCESSING\n\n" * 2
    data += b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values) + b"data: [DONE]\n\n"
    reader = openai_chat.reader()
    events = [*reader.feed(data), *reader.close()]
    assert events[:2] == [Comment("OPENROUTER PROCESSING")] * 2
    return events[2:]


@pytest.mark.parametrize(
    "more", [{}, {"user_id": "u", "openrouter_metadata": {"attempt": 1}}, {"choices": []}], ids=str
)
def test_an_error_in_place_of_an_answer(more: dict[str, Any]) -> None:
    assert streamed({"error": ERROR, **more}) == [SAID]
    assert openai_chat.read_body({"error": ERROR, **more})[-1] == SAID


@pytest.mark.parametrize(
    "last",
    [
        {"error": ERROR},
        chunk("", "error", error=ERROR),
        chunk("", None, error=ERROR),
        {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": ERROR}]},
    ],
)
def test_an_error_in_the_middle_of_an_answer(last: dict[str, Any]) -> None:
    events = streamed(chunk("Half"), last)
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("Half")]
    assert events[-1] == SAID
    assert sum(isinstance(event, Failure | Finish) for event in events) == 1


def test_an_error_beside_half_a_body() -> None:
    message = {"role": "assistant", "content": "Half"}
    for choice, more in (({"error": ERROR}, {}), ({}, {"error": ERROR})):
        body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": "error", **choice}], **more}
        events = openai_chat.read_body(body)
        assert TextDelta("Half") in events and events[-1] == SAID


def test_an_end_that_is_an_error_without_words() -> None:
    failure = streamed(chunk("Half"), chunk("", "error"))[-1]
    assert failure == Failure("the provider ended the answer with finish_reason 'error'")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((kind, 400) for kind in ("context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded")),
        *((kind, 400) for kind in ("string_too_long", "invalid_request", "invalid_prompt", "precondition_failed")),
        *((kind, 400) for kind in ("content_policy_violation", "invalid_image", "image_too_large", "image_too_small")),
        *((kind, 400) for kind in ("unsupported_image_format", "image_not_found", "image_download_failed")),
        *(("authentication", 401), ("payment_required", 402), ("permission_denied", 403), ("not_found", 404)),
        *(("refusal", 400), ("payload_too_large", 413), ("unprocessable", 422), ("rate_limit_exceeded", 429)),
        *(("server", 500), ("odd", 502)),
        *(("provider_overloaded", 503), ("provider_unavailable", 503), ("timeout", 504), ("unmapped", 502)),
    ],
)
def test_its_types_mean_a_status_where_none_is_named(kind: str, status: int) -> None:
    failure = streamed({"error": {"code": "odd", "message": "m", "metadata": {"error_type": kind}}})[-1]
    assert isinstance(failure, Failure)
    assert (failure.type, failure.status) == (kind, status)


def test_usage_tells_the_cost() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "cost": 0.00014, "is_byok": False, "cost_details": {}}
    finish = streamed(chunk("Hi", "stop"), {**HEAD, "choices": [], "usage": usage})[-1]
    assert isinstance(finish, Finish)
    assert read_cost(finish.usage) == 0.00014


def test_the_headers_name_the_application_only() -> None:
    assert dict(OPENROUTER.headers) == {"X-OpenRouter-Title": "Kimi Proxy", "X-Title": "Kimi Proxy"}
