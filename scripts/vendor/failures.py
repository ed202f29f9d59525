"""What vendors say in place of an answer: section G of the corpus, as far as it is about errors."""

from collections.abc import Mapping
from typing import Any

from scripts.vendor.answer import Answer

OVERLOADED = {
    "message": "The engine is currently overloaded, please try again later",
    "type": "engine_overloaded_error",
}

# Errors inside a 200.
ERRORS: dict[str, Answer] = {
    "error-in-200": Answer(
        {},
        error={
            "message": "Provider returned error",
            "code": 429,
            "metadata": {"raw": '{"error":{"message":"engine overloaded"}}', "provider_name": "Simulated"},
        },
    ),
    "error-mid-stream": Answer(
        {"content": "The first half of this answer arrives, the second never does."},
        "error",
        error=OVERLOADED,
        partial=True,
    ),
}

# Status and body of each vendor's own way to refuse.
SHAPES: dict[str, tuple[int, Any]] = {
    "moonshot": (429, {"error": OVERLOADED}),
    "nil-type": (400, {"error": {"message": "Your request exceeded the token limit", "type": "<nil>"}}),
    "siliconflow": (400, {"code": 20015, "message": "length of prompt_tokens exceeds", "data": None}),
    "openrouter": (
        502,
        {
            "error": {
                "code": 502,
                "message": "Provider returned error",
                "metadata": {
                    "raw": '{"error":{"message":"upstream timed out"}}',
                    "provider_name": "Simulated",
                },
            }
        },
    ),
    "fireworks": (
        400,
        {"error": {"object": "error", "type": "invalid_request_error", "message": "max_tokens is too large"}},
    ),
    "groq": (
        400,
        {
            "error": {
                "message": "Failed to call a function. See 'failed_generation' for more details.",
                "type": "invalid_request_error",
                "code": "tool_use_failed",
                "failed_generation": "<function=lookup>{}",
            }
        },
    ),
    "vertex": (
        429,
        [{"error": {"code": 429, "message": "Resource exhausted.", "status": "RESOURCE_EXHAUSTED"}}],
    ),
    "vllm": (
        400,
        {
            "object": "error",
            "message": "maximum context length exceeded",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "fastapi": (
        422,
        {"detail": [{"loc": ["body", "messages", 0], "msg": "unexpected value", "type": "value_error"}]},
    ),
}

_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "invalid_authentication_error",
    403: "permission_denied_error",
    404: "resource_not_found_error",
    429: "rate_limit_reached_error",
}


def refusal(status: int, message: str | None = None) -> dict[str, Any]:
    """Moonshot's error body: message and type, no code."""
    text = message or f"The simulated vendor was asked to answer with {status}"
    return {"error": {"message": text, "type": _TYPES.get(status, "server_error")}}


def page(status: int) -> str:
    """What a gateway in front of the vendor sends."""
    return f"<html><head><title>{status}</title></head><body><h1>{status} from the gateway</h1></body></html>\n"
