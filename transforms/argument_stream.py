"""Lets the arguments of a native call stream on, and repairs them where they need it.

`ArgumentGrammar` gives out what is sure while it arrives. What it cannot follow is held until the end and
judged as a whole; if the repaired value begins with what has gone out, the rest of it follows, else the
rest of the text as it came.
"""

from dataclasses import dataclass, replace

from transforms.argument_grammar import ArgumentGrammar
from transforms.tool_arguments import ArgumentsRepair, continuation, repair_arguments, whole_object
from transforms.tool_schemas import Schema

HELD_LIMIT = 16 * 1024 * 1024  # characters of one call's arguments; beyond it they pass as they come

_LOOSE_PIECES = 1024


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """What is left at the end of the arguments. `text` is still to be sent, `whole` is all that was sent
    with it; the rest as in `ArgumentsRepair`."""

    text: str
    whole: str
    kinds: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    leaked: str = ""
    complete: bool = True


class ArgumentStream:
    """The arguments of one call. `schema` is the JSON schema of the tool, None where there is none."""

    def __init__(self, schema: Schema | None, *, limit: int = HELD_LIMIT) -> None:
        self.beyond_limit = False
        self._schema = schema
        self._limit = limit
        self._grammar = ArgumentGrammar(schema)
        self._received = _Pieces()
        self._length = 0
        self._sent = _Pieces()
        self._resent = False  # the vendor sends everything anew with each fragment

    @property
    def empty(self) -> bool:
        """No arguments have come."""
        return not self._length

    @property
    def closed(self) -> bool:
        """The object has ended."""
        return self._grammar.complete and not self.beyond_limit

    @property
    def raw(self) -> str:
        """What has come; without the beginning once it is beyond the limit."""
        return self._received.text()

    def feed(self, fragment: str) -> str:
        """A fragment; gives what may be sent now."""
        if self.beyond_limit:
            return fragment
        fragment = self._new_part(fragment)
        if not fragment:
            return ""
        self._received.add(fragment)
        self._length += len(fragment)
        given = self._grammar.feed(fragment)
        if self._length > self._limit:
            self.beyond_limit = True
            given += self.raw[self._grammar.consumed :]
            self._received, self._sent = _Pieces(), _Pieces()
        elif given:
            self._sent.add(given)
        return given

    def close(self) -> StreamEnd:
        """No more will come."""
        if self.beyond_limit:
            return StreamEnd("", "", ("arguments-too-long",))
        end = self._end()
        return replace(end, kinds=("arguments-resent", *end.kinds)) if self._resent else end

    def _end(self) -> StreamEnd:
        raw, sent, grammar = self.raw, self._sent.text(), self._grammar
        if grammar.complete:
            text = grammar.flush()
            repair = whole_object(sent + text, grammar)
            return _end(repair, sent, repair.value_text[len(sent) :])
        if not sent:
            repair = repair_arguments(raw, self._schema)
            return _end(repair, sent, repair.value_text)
        if not grammar.frozen:
            kinds = (*grammar.kinds, "arguments-truncated")
            return _end(ArgumentsRepair("", kinds, complete=False), sent, raw[grammar.consumed :])
        return self._judge(raw, sent)

    def _judge(self, raw: str, sent: str) -> StreamEnd:
        """The grammar could not follow: the whole text says what was meant."""
        grammar = self._grammar
        repair = repair_arguments(raw, self._schema)
        # Of markup, and of text that stays as it is, the value is a beginning of what came.
        begin = len(raw) - len(raw.lstrip())
        begin = 0 if raw.startswith(repair.value_text) else begin
        if raw.startswith(repair.value_text, begin):
            kinds = tuple(dict.fromkeys((*grammar.kinds, *repair.kinds)))
            rest = raw[grammar.consumed : begin + len(repair.value_text)]
            return _end(replace(repair, kinds=kinds), sent, rest)
        following = continuation(sent, repair.value_text)
        if following is not None:
            return _end(repair, sent, following)
        return _end(ArgumentsRepair("", ("arguments-unreadable",)), sent, raw[grammar.consumed :])

    def _new_part(self, fragment: str) -> str:
        """What is new in a fragment that may repeat everything before it (`arguments-resent-whole`): it
        does if it begins with all that came, and could not be its continuation."""
        if not self._length or len(fragment) < self._length or self._grammar.frozen:
            return fragment
        before = self.raw
        if not fragment.startswith(before) or not before.strip():
            return fragment
        if self._resent or not self._grammar.accepts(fragment):
            self._resent = True
            return fragment[self._length :]
        return fragment


class _Pieces:
    """Text that comes in pieces. Small strings take many times the memory of their text, so they are joined
    now and then."""

    def __init__(self) -> None:
        self._joined: list[str] = []
        self._loose: list[str] = []

    def add(self, piece: str) -> None:
        self._loose.append(piece)
        if len(self._loose) == _LOOSE_PIECES:
            self._joined.append("".join(self._loose))
            self._loose.clear()

    def text(self) -> str:
        return "".join((*self._joined, *self._loose))


def _end(repair: ArgumentsRepair, sent: str, text: str) -> StreamEnd:
    return StreamEnd(text, sent + text, repair.kinds, repair.more, repair.leaked, repair.complete)
