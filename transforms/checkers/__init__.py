"""What a client-facing stream may look like, one wire format per file: which rules does a stream break?

The tests hold every stream that we write to these rules, and the log holds upstream's streams and those that
pass untouched to them. They are written against the formats and not against our writers, so that neither's
mistake hides in the other. Nothing here raises, whatever the bytes are, and nothing grows with the length of
an answer. One line here makes a checker known.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from transforms.checkers.anthropic_messages import AnthropicMessagesRules
from transforms.checkers.framing import StreamChecker
from transforms.checkers.openai_chat import OpenaiChatRules
from transforms.checkers.openai_responses import OpenaiResponsesRules


class Checker(Protocol):
    """For one stream."""

    def feed(self, data: bytes) -> None:
        """More of the stream, in any cut."""
        ...

    def close(self) -> list[str]:
        """The stream has ended, to be said once: the rules that it broke, in the order of the stream. Each is
        a short sentence with its place; none is longer than some hundred characters."""
        ...


CHECKERS: Mapping[str, Callable[[], Checker]] = {
    "openai_chat": partial(StreamChecker, OpenaiChatRules),
    "anthropic_messages": partial(StreamChecker, AnthropicMessagesRules),
    "openai_responses": partial(StreamChecker, OpenaiResponsesRules),
}
