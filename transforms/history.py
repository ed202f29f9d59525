"""Rules for the messages of a request to a Kimi model: their texts, roles and extra fields.

Each rule is a pure function of the request and treats a message by itself, so that the same prefix of a
conversation is always written in the same way and upstream's prefix cache holds. What a user will want to
know of is reported as a `Repair`. Calls and their results are in `history_calls`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from transforms.events import Repair, Report
from transforms.request import REASONING_FIELDS, Call, Message, Part, Request, Tool

_FILLER = re.compile(r"\s*(?:\(no content\)\s*)+")


def is_filler(text: str) -> bool:
    """Whether a text is nothing but Claude Code's `(no content)`, once or several times."""
    return _FILLER.fullmatch(text) is not None


def join_texts(request: Request) -> Request:
    """Makes a string of content that is a list of texts only, in any role: servers print the list itself into
    the prompt (case rq-content-array). Joined without a separator, as K2's own template does."""

    def change(message: Message) -> Message:
        if isinstance(message.content, str):
            return message
        if message.content is not None:
            texts = [part.text for part in message.content]
        else:  # an empty list, or one that holds bare strings
            content = message.extra.get("content")
            if not isinstance(content, list):
                return message
            texts = [_bare_text(item) for item in content]
        joined = [text for text in texts if text is not None]
        if len(joined) < len(texts):
            return message  # there is more than text
        if message.role == "assistant":  # its parts may be Claude Code's, see `remove_fillers`
            joined = [text for text in joined if not is_filler(text)]
        return replace(message, content="".join(joined), extra=_without(message.extra, "content"))

    return _each_message(request, change)


def write_results_as_strings(request: Request) -> Request:
    """Gives every tool result a string: the empty one where there is no content (case rq-tool-result-empty),
    JSON where a client sent a value. Lists with images in them stay. After `join_texts`."""

    def change(message: Message) -> Message:
        if message.role != "tool" or message.content is not None:
            return message
        content = message.extra.get("content")
        text = "" if content is None else json.dumps(content, ensure_ascii=False)
        return replace(message, content=text, extra=_without(message.extra, "content"))

    return _each_message(request, change)


def rename_developer(request: Request) -> Request:
    """Turns `developer`, which Kimi does not know, into `system` (case rq-developer-role)."""
    return _each_message(request, lambda m: replace(m, role="system") if m.role == "developer" else m)


def strip_names(request: Request) -> Request:
    """Takes `name` off the messages: K2's template prints it in place of the role (case rq-name-field)."""
    return _each_message(request, lambda m: replace(m, extra=_without(m.extra, "name")))


def strip_cache_control(request: Request) -> Request:
    """Takes Anthropic's `cache_control` off messages, parts, calls, tools and the body; some vendors refuse
    it (case rq-cache-control). Schemas and arguments may use the word for themselves."""
    key = "cache_control"

    def from_call(call: Call) -> Call:
        return replace(call, extra=_without(call.extra, key), function_extra=_without(call.function_extra, key))

    def from_tool(tool: Tool) -> Tool:
        return replace(tool, extra=_without(tool.extra, key), function_extra=_without(tool.function_extra, key))

    def from_message(message: Message) -> Message:
        content = message.content
        if content is not None and not isinstance(content, str):
            content = tuple(Part(_without(part.data, key)) for part in content)
        calls = tuple(from_call(call) for call in message.tool_calls)
        return replace(message, content=content, tool_calls=calls, extra=_without(message.extra, key))

    cleaned = replace(_each_message(request, from_message), tools=tuple(from_tool(t) for t in request.tools))
    return replace(cleaned, parameters=_without(request.parameters, key))


def remove_markup(request: Request, strip: Callable[[str], str], report: Report) -> Request:
    """Takes leaked markup out of assistant texts, so that the model does not learn it from itself (case
    rq-leaked-history). `strip` gives a text without markup, and the text itself where there is none."""

    def clean(text: str) -> str:
        stripped = strip(text)
        if stripped != text:
            report(Repair("history-leaked-markup", text, stripped))
        return stripped

    return _each_assistant_text(request, clean)


def remove_markup_from_reasoning(request: Request, strip: Callable[[str], str], report: Report) -> Request:
    """Takes leaked markup out of assistants' reasoning, where most leaks stand. To be run before reasoning is
    restored: what is left may be none."""

    def clean(text: Any) -> Any:
        stripped = strip(text) if isinstance(text, str) else text
        if stripped != text:
            report(Repair("history-leaked-markup", text, stripped))
        return stripped

    def change(message: Message) -> Message:
        if message.role != "assistant":
            return message
        extra = {key: clean(value) if key in REASONING_FIELDS else value for key, value in message.extra.items()}
        return replace(message, reasoning=clean(message.reasoning), extra=extra)

    return _each_message(request, change)


def remove_fillers(request: Request) -> Request:
    """Empties assistant texts that are only `(no content)`; the model would say it too (case
    rq-no-content-history). A tool's result may say so."""
    return _each_assistant_text(request, lambda text: "" if is_filler(text) else text)


def drop_empty_turns(request: Request, report: Report) -> Request:
    """Leaves out assistant messages that say nothing, such as aborted turns: a 400 on Moonshot (case
    rq-empty-assistant). Reasoning alone does not make a turn: the templates drop it."""
    kept = []
    for index, message in enumerate(request.messages):
        if _is_empty_turn(message):
            report(Repair("history-empty-assistant", f"messages[{index}] {message.reasoning or ''}".rstrip()))
        else:
            kept.append(message)
    return replace(request, messages=tuple(kept))


def omit_blank_text(request: Request) -> Request:
    """Leaves the content out of assistant messages whose calls stand beside a blank text."""

    def change(message: Message) -> Message:
        blank = isinstance(message.content, str) and not message.content.strip()
        return replace(message, content=None) if blank and message.tool_calls else message

    return _each_message(request, lambda m: change(m) if m.role == "assistant" else m)


def _is_empty_turn(message: Message) -> bool:
    if message.role != "assistant" or message.tool_calls:
        return False
    if isinstance(message.content, str | None):
        said = (message.content or "").strip()
    else:
        said = "".join(part.type if part.text is None else part.text.strip() for part in message.content)
    others = ("content", "refusal", "audio", "function_call", "partial")
    return not said and not any(message.extra.get(field) for field in others)


def _each_message(request: Request, change: Callable[[Message], Message]) -> Request:
    return replace(request, messages=tuple(change(message) for message in request.messages))


def _each_assistant_text(request: Request, change: Callable[[str], str]) -> Request:
    def change_message(message: Message) -> Message:
        if message.role != "assistant" or message.content is None:
            return message
        if isinstance(message.content, str):
            return replace(message, content=change(message.content))
        return replace(message, content=tuple(change_part(part) for part in message.content))

    def change_part(part: Part) -> Part:
        return part if part.text is None else Part({**part.data, "text": change(part.text)})

    return _each_message(request, change_message)


def _bare_text(item: Any) -> str | None:
    if isinstance(item, str):
        return item
    return Part(item).text if isinstance(item, Mapping) else None


def _without(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return {name: value for name, value in fields.items() if name != key} if key in fields else fields
