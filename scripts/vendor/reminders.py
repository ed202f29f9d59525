"""How often a model has been reminded that it should call a tool, as a history shows it.

A proxy that insists on calls sends the conversation again with a reminder behind it. Where that stands depends on the
format: in a system's or a user's message of its own, or as one more block of the last user's message, behind results.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_ASKS = re.compile(r"tool[_ -]call", re.IGNORECASE)
_HEAD = ("system", "developer")


def count_reminders(messages: Sequence[Mapping[str, Any]]) -> int:
    """The reminders behind the instructions and the first user's message, which may speak of tool calls as well;
    0 where the last message holds none."""
    behind = messages[_head(messages) :]
    counts = [sum(map(_asks, spoken_texts(message))) for message in behind[1:]]
    if behind:
        counts.insert(0, _added(spoken_texts(behind[0])))
    return sum(counts) if counts and counts[-1] else 0


def _head(messages: Sequence[Mapping[str, Any]]) -> int:
    """Where the first message stands that instructs nobody."""
    return next((at for at, message in enumerate(messages) if message.get("role") not in _HEAD), len(messages))


def _added(texts: Sequence[str]) -> int:
    """The reminders that were put behind the words of a first message."""
    last = next((at for at in range(len(texts) - 1, 0, -1) if not _asks(texts[at])), 0)
    return len(texts[last + 1 :])


def spoken_texts(message: Mapping[str, Any]) -> list[str]:
    """What a user or a system says in a message; a tool's result, block or message, is nobody's words."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    with_results = any(part.get("type") == "tool_result" for part in parts)
    if message.get("role") == "assistant" or (message.get("role") == "tool" and not with_results):
        return []
    texts = [content] if isinstance(content, str) else [part.get("text") for part in parts]
    return [text for text in texts if isinstance(text, str) and text.strip()]


def _asks(text: str) -> bool:
    return _ASKS.search(text) is not None
