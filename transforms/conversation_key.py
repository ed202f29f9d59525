"""Which conversation a request belongs to, so that its turns can stay on one route, where the prompt is cached.

Many clients say it: in a header, or in a field of the body. Where none does, the beginning tells: what the user
said before the first answer is the same in every later turn. The system prompt is no part of it, because clients
change it from turn to turn (the date, the state of the repository, Claude Code's billing line), and neither is an
answer, which does not exist yet in the first turn.

Two conversations that begin with the same words cannot be told apart by their beginning. So a first turn that
names no conversation is nobody's continuation: it is `is_new`, and whoever binds routes lets it choose afresh. A
client that puts canned turns in front of the first real one (aider, Qwen Code) is never `is_new`, and all its
conversations with the same canned beginning are one.

Sources: recorded requests of Claude Code 2.1, Codex 0.169, opencode 1.18 and pi 0.73 for the headers and for
`metadata.user_id`, `prompt_cache_key`; OpenRouter's API description for `session_id` and `x-session-id`; the
OpenAI SDK's `types/responses/response_create_params.py` for `conversation`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from transforms.json_shapes import object_of, text_of
from transforms.request import Message, Request

HEADERS = (
    # From the narrowest: a thread is one agent's, a session may hold several.
    *("thread-id", "thread_id", "x-thread-id"),
    *("conversation-id", "conversation_id", "x-conversation-id"),
    *("session-id", "session_id", "x-session-id", "x-session-affinity", "x-claude-code-session-id"),
)
"""The headers that name a conversation, in lower case; the first one that a request has counts."""


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """`digest` is 64 hexadecimal digits, and nothing of what the client sent can be read from it. `explicit`: the
    client named the conversation. `is_new`: nothing has been answered in it yet."""

    digest: str
    explicit: bool
    is_new: bool


def conversation_key(headers: Mapping[str, str], body: Mapping[str, Any], request: Request) -> ConversationKey:
    """The key of a client's request. `headers` have lower-case names; `body` is as the client sent it, and
    `request` what was read from it."""
    name = next(_names(headers, body), "")
    named_or_begun = ["named", name] if name else ["begun", *map(_content, _beginning(request.messages))]
    is_new = all(message.role != "assistant" for message in request.messages)
    return ConversationKey(_digest(named_or_begun), explicit=bool(name), is_new=is_new)


def _names(headers: Mapping[str, str], body: Mapping[str, Any]) -> Iterator[str]:
    """What the client calls the conversation, the most telling first."""
    conversation = body.get("conversation")
    values = (
        *(headers.get(header) for header in HEADERS),
        object_of(conversation).get("id", conversation),
        body.get("session_id"),
        body.get("prompt_cache_key"),
        # Claude Code puts its session's id into it, beside the device's and the account's; of other clients it
        # may name the user alone, and all conversations of a user then are one.
        object_of(body.get("metadata")).get("user_id"),
    )
    return filter(None, (text_of(value).strip() for value in values))


def _beginning(messages: Sequence[Message]) -> Iterator[Message]:
    """What the user said before the first answer."""
    before = takewhile(lambda message: message.role != "assistant", messages)
    return (message for message in before if message.role == "user")


def _content(message: Message) -> list[Any]:
    """The text, and everything else as its digest. Clients move the marks of Anthropic's cache about, and turn a
    text into a list of one part to carry them: neither makes another content."""
    parts = () if isinstance(message.content, str) else message.content or ()
    others = [
        _digest({name: value for name, value in part.data.items() if name != "cache_control"})
        for part in parts
        if part.text is None
    ]
    return [message.text, *others]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
