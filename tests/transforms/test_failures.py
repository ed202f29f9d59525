import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.events import Failure
from transforms.failures import MESSAGE_LIMIT, failure_in_text, failure_of, read_failure

# What a provider says, the status it says it with → message, type, status, code.
SHAPES: dict[str, tuple[int, Any, tuple[str, str, int, Any]]] = {
    "OpenAI": (
        400,
        {"error": {"message": "m", "type": "invalid_request_error", "param": "p", "code": "bad"}},
        ("m", "invalid_request_error", 400, "bad"),
    ),
    "Moonshot": (
        429,
        {"error": {"message": "m", "type": "engine_overloaded_error"}},
        ("m", "engine_overloaded_error", 429, None),
    ),
    "Moonshot without a type": (400, {"error": {"message": "m", "type": "<nil>"}}, ("m", "upstream_error", 400, None)),
    "SiliconFlow": (400, {"code": 20015, "message": "m", "data": None}, ("m", "upstream_error", 400, 20015)),
    "vLLM": (
        400,
        {"object": "error", "message": "m", "type": "BadRequestError", "param": None, "code": 400},
        ("m", "BadRequestError", 400, 400),
    ),
    "Fireworks": (
        404,
        {"error": {"object": "error", "type": "not_found_error", "message": "m"}},
        ("m", "not_found_error", 404, None),
    ),
    "Anthropic": (
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
        ("m", "overloaded_error", 529, None),
    ),
    "Google": (
        429,
        [{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}],
        ("m", "RESOURCE_EXHAUSTED", 429, 429),
    ),
    "OpenRouter": (
        502,
        {
            "error": {
                "message": "Provider returned error",
                "code": 502,
                "metadata": {"raw": '{"error":{"message":"m"}}'},
            }
        },
        ("Provider returned error: m", "upstream_error", 502, 502),
    ),
    "OpenRouter, words in raw": (
        502,
        {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "m"}}},
        ("Provider returned error: m", "upstream_error", 502, 502),
    ),
    "OpenRouter, a type": (
        429,
        {"error": {"message": "m", "code": 429, "metadata": {"error_type": "rate_limit_exceeded"}}},
        ("m", "rate_limit_exceeded", 429, 429),
    ),
    "OpenRouter, too long": (
        200,
        {"error": {"message": "m", "code": 400, "metadata": {"error_type": "context_length_exceeded"}}},
        ("m", "context_length_exceeded", 400, "context_length_exceeded"),
    ),
    "Groq": (
        400,
        {"error": {"message": "m", "code": "tool_use_failed", "failed_generation": "<function>"}},
        ("m", "tool_use_failed", 400, "tool_use_failed"),
    ),
    "FastAPI": (
        422,
        {"detail": [{"loc": ["body", 0], "msg": "m", "type": "value_error"}]},
        ("body.0: m", "value_error", 422, None),
    ),
    "FastAPI, two": (422, {"detail": [{"msg": "m"}, {"msg": "n"}, None, 5]}, ("m; n", "upstream_error", 422, None)),
    "FastAPI, words": (404, {"detail": "Not Found"}, ("Not Found", "upstream_error", 404, None)),
    "MiniMax": (500, {"base_resp": {"status_code": 1008, "status_msg": "m"}}, ("m", "upstream_error", 500, None)),
    "Spring": (
        500,
        {"status": 500, "error": "Internal Server Error"},
        ("Internal Server Error", "upstream_error", 500, None),
    ),
    "OAuth": (401, {"error": "invalid_grant", "error_description": "m"}, ("m", "invalid_grant", 401, None)),
    "words": (503, {"error": "too busy"}, ("too busy", "upstream_error", 503, None)),
    "msg": (400, {"code": "1301", "msg": "m"}, ("m", "upstream_error", 400, "1301")),
    "nested": (400, {"error": {"error": {"message": "m", "type": "t"}}}, ("m", "t", 400, None)),
    "a message that is an object": (400, {"error": {"message": {"detail": "m"}}}, ("m", "upstream_error", 400, None)),
    "a message that is JSON": (
        400,
        {"error": {"message": '{"error":{"message":"m"}}'}},
        ("m", "upstream_error", 400, None),
    ),
    "a message that is nearly JSON": (400, {"error": {"message": '{"a'}}, ('{"a', "upstream_error", 400, None)),
    "a message that is blank": (400, {"error": {"message": " "}, "message": "m"}, ("m", "upstream_error", 400, None)),
    "a list of errors": (400, {"errors": [{"message": "m"}, "n"]}, ("m; n", "upstream_error", 400, None)),
    "a code that is none": (400, {"error": {"message": "m", "code": True}}, ("m", "upstream_error", 400, None)),
    "JSON text": (400, "m", ("m", "upstream_error", 400, None)),
    "no words": (
        400,
        {"error": {"a": 1}},
        ("the provider reported an error without words: {'error': {'a': 1}}", "upstream_error", 400, None),
    ),
    "nothing": (
        503,
        {},
        ("the provider answered 503 Service Unavailable and said nothing else", "upstream_error", 503, None),
    ),
    "null": (529, None, ("the provider answered with status 529 and said nothing else", "upstream_error", 529, None)),
}


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "Your request exceeded model token limit: 262144 (requested: 300000)", "context_length_exceeded"),
        (400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_length_exceeded"),
        (413, "the input exceeds the context window", "context_length_exceeded"),
        (400, "you exceeded your current quota", None),
        (500, "maximum context length", None),
    ],
)
def test_a_prompt_that_is_too_long_has_the_code_by_which_clients_know_it(
    status: int, message: str, code: str | None
) -> None:
    failure = read_failure(status, json.dumps({"error": {"message": message, "code": None}}).encode())
    assert failure.code == code


@pytest.mark.parametrize(("status", "document", "expected"), SHAPES.values(), ids=SHAPES)
def test_shapes(status: int, document: Any, expected: tuple[str, str, int, Any]) -> None:
    failure = read_failure(status, json.dumps(document).encode())
    assert (failure.message, failure.type, failure.status, failure.code) == expected


@pytest.mark.parametrize(
    "shape", ["[%s]", '{"error":%s}', '{"metadata":{"raw":[%s]}}', '{"errors":[%s]}', '{"detail":[%s]}']
)
@pytest.mark.parametrize("depth", [100, 450, 900])
def test_documents_nested_deep(shape: str, depth: int) -> None:
    text = '"m"'
    for _ in range(depth):
        text = shape % text
    assert is_sound(read_failure(500, text.encode()))
    assert is_sound(failure_in_text(text))


def test_errors_inside_errors_are_read_up_to_a_limit() -> None:
    document: Any = {"message": "deep"}
    for level in range(500):
        document = {"message": f"level {level}", "error": document}
    assert read_failure(500, json.dumps(document).encode()).message.startswith("level 499: level 498: level 497")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429),
        ({"code": "404"}, 404),
        ({"code": 1234, "type": "rate_limit_error"}, 429),
        ({"status": "UNAVAILABLE"}, 503),
        ({"status": 403}, 403),
        ({"status_code": 413}, 413),
        ({"type": "Overloaded_Error"}, 529),
        ({"code": "insufficient_quota"}, 429),
        ({"metadata": {"error_type": "payment_required"}}, 402),
        ({"message": '{"error":{"code":401}}'}, 401),
        ({"code": 200}, 502),
        ({"code": "²²²"}, 502),
        ({"type": "strange"}, 502),
    ],
)
def test_an_error_in_a_good_answer_says_its_status(error: dict[str, Any], status: int) -> None:
    failure = failure_of({"error": {"message": "m", **error}})
    assert failure is not None
    assert failure.status == status


@pytest.mark.parametrize("status", [200, 302, 0, 399, 600, 999])
def test_a_status_that_is_no_errors_becomes_502(status: int) -> None:
    assert read_failure(status, b"oh").status == 502
    assert read_failure(status, b"{}").status == 502


def test_the_rest_of_the_error_is_kept() -> None:
    body = b'{"error":{"message":"m","param":"p","failed_generation":"<f>"},"user_id":"u"}'
    assert read_failure(400, body).extra == {"param": "p", "failed_generation": "<f>"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><head><title>502 Bad Gateway</title></head><body>x</body></html>", "502 Bad Gateway"),
        (
            b"<!DOCTYPE html>\n<html><head><title>\n</title><style>a<b</style></head><h1>Oh\nno</h1> a &amp; b",
            "Oh no a & b",
        ),
        (b"<?xml version='1.0'?><Error><Code>Slow</Code><Message>Down</Message></Error>", "Slow Down"),
        (b"model <x> not\nfound", "model <x> not found"),
        (b"\xff", "\ufffd"),
        (b'\xef\xbb\xbf {"error":"m"}\n', "m"),
        (b'event: error\ndata: {"error":{"message":"m"}}\n\n', "m"),
        (b"data: {broken", "data: {broken"),
        (b" \n", "the provider answered 503 Service Unavailable and said nothing else"),
        (b"<html></html>", "the provider answered 503 Service Unavailable and said nothing else"),
        (b"[" * 10_000, "[" * MESSAGE_LIMIT),
    ],
)
def test_what_is_no_json(body: bytes, message: str) -> None:
    failure = read_failure(503, body)
    assert (failure.message, failure.status) == (message, 503)


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [{"message": {}}], "error": None},
        {"choices": [{"message": {}}], "error": {}, "message": "all is well"},
        {"choices": [{"message": {}}], "error": {"message": "", "code": 0}},
        {"choices": [], "usage": {}},
        [["m"]],
        {"id": "x", "type": "ping"},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {},
        [],
        [{}],
        "",
        None,
        0,
    ],
)
def test_what_reports_no_failure(document: Any) -> None:
    assert failure_of(document) is None


@pytest.mark.parametrize(
    "document",
    [
        {"error": "m"},
        {"choices": [{"delta": {}}], "error": {"message": "m"}},
        {"object": "error", "code": "m"},
        {"type": "error"},
        {"message": "m"},
        {"msg": "m"},
        {"detail": ["m"]},
        {"errors": ["m"]},
        {"choices": None, "message": "m"},
        {"base_resp": {"status_code": 1002}},
        [{}, {"error": "m"}],
        "m",
    ],
)
def test_what_reports_a_failure(document: Any) -> None:
    assert failure_of(document) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(['{"error":"m"}', "[[1]]"]),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "errors",
                    "message",
                    "msg",
                    "detail",
                    "type",
                    "code",
                    "status",
                    "metadata",
                    "raw",
                    "base_resp",
                    "choices",
                    "loc",
                ]
            )
            | st.text(max_size=3),
            values,
            max_size=4,
        )
    ),
    max_leaves=25,
)


def is_sound(failure: Failure) -> bool:
    return bool(failure.message.strip()) and 400 <= failure.status <= 599 and bool(failure.type)


@given(st.integers(-1, 1000), JSON)
def test_any_json_is_a_failure(status: int, document: Any) -> None:
    assert is_sound(read_failure(status, json.dumps(document).encode()))


@given(JSON)
def test_a_failure_found_is_sound(document: Any) -> None:
    failure = failure_of(document)
    assert failure is None or is_sound(failure)


@given(st.integers(100, 599), st.binary())
def test_any_bytes_are_a_failure(status: int, body: bytes) -> None:
    assert is_sound(read_failure(status, body))


@given(st.text())
def test_any_text_is_a_failure(text: str) -> None:
    assert is_sound(failure_in_text(text))
