"""Reads what went wrong from whatever shape a provider reports it in.

Everyone differs: Moonshot has no code and sometimes the type `<nil>`; OpenRouter wraps the vendor's error
as JSON text in `metadata.raw`; Google puts the error into an array; vLLM and SiliconFlow have no `error`
key; FastAPI reports `detail`; MiniMax hides it in `base_resp`; gateways answer with HTML, or with nothing.

An error is read as levels, from the document inwards. The words of all levels are said, the outermost
first; type, code and status are those of the outermost level that has one.
"""

import html
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from transforms.events import Failure
from transforms.json_text import read_json

MESSAGE_LIMIT = 4000  # characters of an error's text
_PAGE_LIMIT = 16_000  # characters of a page that are searched for words
_LEVELS_LIMIT = 8
_ITEMS_LIMIT = 20  # of a list of errors

_WORDS = (
    *("message", "msg", "error_message", "errorMessage", "error_msg", "status_msg", "detail", "details"),
    *("error_description", "description", "reason", "title", "errors", "error"),
)
_STATUSES = ("code", "status", "status_code", "statusCode", "http_status")
_WRAPPINGS = ("error", "errors", "base_resp", "message", "detail")
_SAID = frozenset({"message", "msg", "type", "code"})  # in a failure's own fields

# A prompt that is too long, in the words of Moonshot, OpenAI, vLLM, Anthropic and others. Clients decide by the
# code whether to shorten the conversation (Codex).
_OVERFLOW = re.compile(
    r"exceed\w* (?:the )?(?:model(?:'s)? |maximum )*(?:token|context)"
    r"|maximum context length|context (?:length|window)|(?:prompt|input) is too long",
    re.I,
)
_OVERFLOWS = "context_length_exceeded"
_PAGE = re.compile(r"<(?:!doctype|html|head|body|title|h\d|p|div|center|pre|\?xml)\b", re.I)
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.I)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^<>]*>", re.S | re.I)
_EVENT_DATA = re.compile(r"^data:[ \t]*(\{.*)$", re.M)
_WORD = re.compile(r"[A-Za-z][\w.-]*")

# What an error inside a 200 means for its HTTP status, where it names no number: OpenAI's, Anthropic's,
# Moonshot's and OpenRouter's types, Google's status words.
_STATUS_OF_TYPE: Mapping[str, int] = {
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_reached_error": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "exceeded_current_quota_error": 429,
    "engine_overloaded_error": 429,
    "resource_exhausted": 429,
    "overloaded_error": 529,
    "provider_overloaded": 503,
    "provider_unavailable": 503,
    "service_unavailable": 503,
    "unavailable": 503,
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "invalid_request": 400,
    "invalid_prompt": 400,
    "precondition_failed": 400,
    "context_length_exceeded": 400,
    "max_tokens_exceeded": 400,
    "token_limit_exceeded": 400,
    "string_too_long": 400,
    "invalid_image": 400,
    "image_too_large": 400,
    "image_too_small": 400,
    "image_not_found": 400,
    "image_download_failed": 400,
    "unsupported_image_format": 400,
    "content_policy_violation": 400,
    "refusal": 400,
    "content_filter": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "tool_use_failed": 400,
    "authentication": 401,
    "authentication_error": 401,
    "invalid_authentication_error": 401,
    "invalid_api_key": 401,
    "unauthenticated": 401,
    "payment_required": 402,
    "billing_error": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "resource_not_found_error": 404,
    "model_not_found": 404,
    "not_found": 404,
    "request_too_large": 413,
    "payload_too_large": 413,
    "unprocessable": 422,
    "timeout": 504,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "api_error": 500,
    "server": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "internal": 500,
}


def read_failure(status: int, body: bytes) -> Failure:
    """The failure that an upstream's whole answer reports, whatever it is. `status` is its HTTP status; one
    that is no error's is replaced by what the body says, else by 502."""
    return failure_in_text(body.decode("utf-8-sig", errors="replace"), status)


def failure_in_text(text: str, status: int = 200) -> Failure:
    """The same for decoded text."""
    text = text.strip()
    event = _EVENT_DATA.search(text)
    for candidate in (text, event[1] if event else ""):
        try:
            document = read_json(candidate)
        except ValueError:
            continue
        return _failure(document, status)
    return Failure(_plain(text) or _phrase(status), status=_error_status(status))


def failure_of(document: Any) -> Failure | None:
    """The failure that a JSON document reports although its HTTP status is good; None where it reports none."""
    if isinstance(document, list):
        found = (failure_of(item) for item in document[:_ITEMS_LIMIT] if not isinstance(item, list))
        return next(filter(None, found), None)
    if isinstance(document, str):
        return _failure(document, 200) if document.strip() else None
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if error and (not isinstance(error, dict) or any(error.values())):
        return _failure(document, 200)
    if document.get("choices"):
        return None
    reports = document.get("object") == "error" or document.get("type") == "error" or document.get("errors")
    response = document.get("base_resp")
    if isinstance(response, dict) and response.get("status_code"):
        reports = True
    words = any(document.get(name) for name in ("message", "msg", "error_message", "error_msg", "detail"))
    return _failure(document, 200) if reports or words else None


def _failure(document: Any, status: int) -> Failure:
    levels = list(_levels(document))
    message = _joined([_text(document), *map(_own_words, levels)])
    if not message and document:
        message = f"the provider reported an error without words: {reprlib.repr(document)}"
    type_ = next((word for word in _labels(levels) if _is_type(word) and word != message), "upstream_error")
    codes = (level.get("code") for level in levels)
    code = next((code for code in codes if isinstance(code, str | int) and not isinstance(code, bool)), None)
    if not 400 <= status <= 599:
        status = next(filter(None, map(_status, levels)), 502)
    overflows = type_ == _OVERFLOWS or (status in (400, 413) and _OVERFLOW.search(message))
    if overflows and not isinstance(code, str):
        code = _OVERFLOWS
    main = next((level for level in levels if not _SAID.isdisjoint(level)), {})
    extra = {key: value for key, value in main.items() if key not in (*_SAID, "error", "errors")}
    return Failure(message[:MESSAGE_LIMIT] or _phrase(status), type_, status, code, extra)


def _levels(document: Any) -> Iterator[Mapping[str, Any]]:
    """The objects that the error is wrapped in, from the outermost to the innermost."""
    level = _object(document)
    for _ in range(_LEVELS_LIMIT):
        if level is None:
            return
        yield level
        inside = [level.get(name) for name in _WRAPPINGS] + [_metadata(level).get("raw")]
        level = next(filter(None, map(_object, inside)), None)


def _object(value: Any) -> Mapping[str, Any] | None:
    """The object that a value is, has as its first element, or holds as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = read_json(value)
        except ValueError:
            return None
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None


def _own_words(level: Mapping[str, Any], depth: int = 0) -> str:
    """What a level says itself; an object in place of words is the next level."""
    words = next(filter(None, (_text(level.get(name), depth) for name in _WORDS)), "")
    return _joined([words, _text(_metadata(level).get("raw"), depth)])


def _text(value: Any, depth: int = 0) -> str:
    """The words of a text that is no JSON object, or of a list; FastAPI's entries have a place, `loc`."""
    if isinstance(value, str):
        return "" if _object(value) else value.strip()
    words = []
    for item in value[:_ITEMS_LIMIT] if isinstance(value, list) and depth < _LEVELS_LIMIT else ():
        if isinstance(item, dict):
            place = item.get("loc")
            place = f"{'.'.join(map(str, place))}: " if isinstance(place, list) else ""
            words.append(place + _own_words(item, depth + 1))
        else:
            words.append(_text(item, depth + 1))
    return "; ".join(filter(None, words))


def _joined(texts: Iterable[str]) -> str:
    """The texts, each said once."""
    said = ""
    for text in texts:
        if said in text:
            said = text
        elif text not in said:
            said = f"{said}: {text}"
    return said


def _metadata(level: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = level.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _labels(levels: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    """What may be the error's type, the likeliest first."""
    for level in levels:
        yield from (level.get(name) for name in ("type", "error_type", "status"))
        yield _metadata(level).get("error_type")
        yield from (level.get(name) for name in ("code", "error"))


def _is_type(word: Any) -> bool:
    return isinstance(word, str) and word != "error" and _WORD.fullmatch(word) is not None


def _status(level: Mapping[str, Any]) -> int | None:
    """The HTTP status that a level names, by number or by word."""
    for name in _STATUSES:
        value = level.get(name)
        if isinstance(value, str) and len(value) == 3 and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    words = (_STATUS_OF_TYPE.get(word.lower()) for word in _labels([level]) if isinstance(word, str))
    return next(filter(None, words), None)


def _plain(text: str) -> str:
    """The words of a gateway's page, or of a text that is no JSON; on one line."""
    if _PAGE.search(text):
        text = text[:_PAGE_LIMIT]
        title = _TITLE.search(text)
        text = html.unescape((title[1] if title else "").strip() or _MARKUP.sub(" ", text))
    return " ".join(text.split())[:MESSAGE_LIMIT]


def _phrase(status: int) -> str:
    try:
        return f"the provider answered {status} {HTTPStatus(status).phrase} and said nothing else"
    except ValueError:
        return f"the provider answered with status {status} and said nothing else"


def _error_status(status: int) -> int:
    return status if 400 <= status <= 599 else 502
