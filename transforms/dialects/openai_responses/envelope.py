"""The response object around an answer: what it repeats of the request, and how it stands.

It comes at the beginning and at the end of a stream, and is the whole body otherwise. Clients read the settings in
it as those that were used, so they are the client's own words; what the client left out has OpenAI's default.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_chat.writer import write_failure as chat_failure
from transforms.dialects.openai_responses.tools import DIALECT, ClientTool, client_tools
from transforms.dialects.openai_responses.usage import write_usage
from transforms.events import ChoiceFinish, Failure
from transforms.json_shapes import object_of

ID_PREFIX = "resp_"

SEALED = "reasoning.encrypted_content"
"""What a client asks to have included, if it is to bring the reasoning back."""

type Status = Literal["in_progress", "completed", "incomplete", "failed"]

# What clients decide by: Codex gives up, waits, or shortens its history.
_CODES = frozenset(["context_length_exceeded", "insufficient_quota", "rate_limit_exceeded", "invalid_prompt"])
_CODE_OF_STATUS = {429: "rate_limit_exceeded", 400: "invalid_prompt", 413: "invalid_prompt", 422: "invalid_prompt"}
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}

_DEFAULTS: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "store": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}

FIELDS = frozenset(
    [
        *("id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage"),
        *(*_DEFAULTS, "reasoning", "text"),
    ]
)
"""The fields that `ResponseObject` writes."""


class ResponseObject:
    """Of one answer. `tools` are the client's, by the names they have upstream."""

    def __init__(self, envelope: Envelope) -> None:
        source = envelope.request.source if envelope.request else None
        asked = source.value if source is not None and source.dialect == DIALECT else {}
        self.stem = envelope.id.removeprefix(ID_PREFIX)
        include = asked.get("include")
        self.sealed = isinstance(include, list) and SEALED in include
        self.tools: Mapping[str, ClientTool] = client_tools(envelope.request.tools if envelope.request else ())
        self._head = {
            "id": ID_PREFIX + self.stem,
            "object": "response",
            "created_at": envelope.created,
            "model": envelope.model,
        }
        self._asked = {name: _repeated(name, asked.get(name)) for name in _DEFAULTS}
        self._asked["reasoning"] = {"effort": None, "summary": None, **object_of(asked.get("reasoning"))}
        self._asked["text"] = {"format": {"type": "text"}, **object_of(asked.get("text"))}

    def begun(self) -> dict[str, Any]:
        return self._write("in_progress", ())

    def ended(
        self,
        output: Sequence[Mapping[str, Any]],
        usage: Mapping[str, Any] | None,
        finish: ChoiceFinish | None,
    ) -> dict[str, Any]:
        reason = cut_short(finish)
        details = {"reason": reason} if reason else None
        status: Status = "incomplete" if reason else "completed"
        return self._write(status, output, incomplete_details=details, usage=write_usage(usage))

    def failed(self, output: Sequence[Mapping[str, Any]], failure: Failure) -> dict[str, Any]:
        error = {"code": error_code(failure), "message": failure.message}
        return self._write("failed", output, error=error, usage=write_usage(None))

    def _write(self, status: Status, output: Sequence[Mapping[str, Any]], **end: Any) -> dict[str, Any]:
        state = {"status": status, "error": None, "incomplete_details": None, "usage": None, **end}
        return {**self._head, **state, "output": list(output), **self._asked}


def _repeated(name: str, value: Any) -> Any:
    """A client's own setting; the default where it has none, or one that this field cannot be."""
    default = _DEFAULTS[name]
    kinds = (str, dict) if name == "tool_choice" else object if default is None else type(default)
    return value if value is not None and isinstance(value, kinds) else default


def cut_short(finish: ChoiceFinish | None) -> str | None:
    """Why an answer is incomplete, in OpenAI's words; None where it is whole."""
    return _REASONS.get(finish.reason) if finish is not None else None


def write_failure(failure: Failure) -> dict[str, Any]:
    """The error object, as a body; the HTTP status is `failure.status`. Its code is a word or null."""
    error = chat_failure(failure)["error"]
    return {"error": {**error, "code": failure.code if isinstance(failure.code, str) else None}}


def error_code(failure: Failure) -> str:
    """Upstream's own word where it has one, else one that OpenAI has for the status."""
    if isinstance(failure.code, str) and failure.code:
        return failure.code
    if failure.type in _CODES:
        return failure.type
    return _CODE_OF_STATUS.get(failure.status, "server_error")
