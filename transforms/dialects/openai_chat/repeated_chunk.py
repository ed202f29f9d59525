"""A shortcut for the commonest read of all: one chunk that differs from the one before only in its text.

Most of a stream are such chunks, and parsing the same envelope again is most of their cost. So the bytes
around the text of a chunk that was nothing but a piece of text are remembered; a read that has the same
bytes there, and a JSON string between them, is the same chunk with that string. Anything else is parsed,
and forgets what was remembered, so the shortcut never skips what another chunk would have changed.
"""

import json
import re
from dataclasses import dataclass

from transforms.events import Event, ReasoningDelta, TextDelta

# The quotes of the key are real ones: inside a string they would have backslashes before them.
_TEXT = re.compile(rb'(?<!\\)"(?:content|reasoning_content|reasoning)":[ ]?("(?:[^"\\\x00-\x1f]|\\.)+")')


@dataclass(frozen=True, slots=True)
class RepeatedChunk:
    """The bytes before and behind the text, and what the chunk was."""

    head: bytes
    tail: bytes
    reasoning: bool
    choice: int

    def read(self, data: bytes) -> Event | None:
        """The event of a read that is this chunk with another text; None for any other read."""
        if not (data.startswith(self.head) and data.endswith(self.tail)):
            return None
        try:
            text = json.loads(data[len(self.head) : len(data) - len(self.tail)].decode())
        except ValueError:
            return None
        if not isinstance(text, str) or not text:
            return None
        return ReasoningDelta(text, self.choice) if self.reasoning else TextDelta(text, self.choice)


def repeated_chunk(data: bytes, events: list[Event]) -> RepeatedChunk | None:
    """What to remember of a read: `data` must have been one whole event of the stream, and `events` what it
    gave. None where it was more, or less, than one piece of text."""
    if len(events) != 1 or not isinstance(events[0], TextDelta | ReasoningDelta):
        return None
    if b'"reasoning_details"' in data:
        return None  # a piece of an entry too, which has no event before the entry is whole
    whole = data.startswith(b"data:") and data.endswith(b"\n\n") and data.count(b"\n") == 2
    found = _TEXT.search(data) if whole else None
    event = events[0]
    if found is None or json.loads(found[1]) != event.text or len(_TEXT.findall(data)) > 1:
        return None
    return RepeatedChunk(data[: found.start(1)], data[found.end(1) :], isinstance(event, ReasoningDelta), event.choice)
