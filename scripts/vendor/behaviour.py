"""What is asked of the vendor: words in the model's name or in the header `x-simulator`.

    kimi-k2-thinking+markers-in-content+cut=random:7
    x-simulator: markers-in-content, cut=5,17, delay=20ms

One word may name a family (what is said), the others say how it is sent. An unknown word is a ValueError,
so that a mistyped one does not pass for a right answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.vendor.answer import Answer
from scripts.vendor.endings import ENDINGS
from scripts.vendor.envelope import ENVELOPE
from scripts.vendor.failures import ERRORS, SHAPES
from scripts.vendor.markup import MARKUP
from scripts.vendor.refusals import RULES, is_known
from scripts.vendor.structured import STRUCTURED
from scripts.vendor.thinking import THINKING

FAMILIES: Mapping[str, Answer] = {**MARKUP, **STRUCTURED, **THINKING, **ENDINGS, **ENVELOPE, **ERRORS}

# Word → what it does, and whether it takes a value.
WORDS: Mapping[str, str] = {
    "no-tool-call-first": "text until the last message is a reminder to call a tool, then a call",
    "reminders=N": "what else is asked for until the last message is the Nth such reminder, then a call",
    "once": "answers plainly when the last message is a tool's result",
    "task": 'does what the user asks for: Write the words "…" into the file "…", then read it and say what it says',
    "text-chunks=N": "a text of N chunks",
    "large-arguments=BYTES": "a call with about so many bytes of arguments",
    "delta=N": "text deltas of N characters; 0 puts everything into one chunk",
    "cut=N,N | N | random:SEED": "writes end at these offsets; at every N bytes; at random ones",
    "delay=TIME": "a pause between writes, such as 20ms or 1.5s",
    "slow": "delay=200ms",
    "first-after=TIME": "a pause between the head of the answer and its first byte",
    "stall=TIME": "a keep-alive comment and a silence in the middle of a stream",
    "hang": "never answers",
    "hang-mid-stream": "falls silent in the middle for good",
    "cut-mid-event": "closes the connection inside an event, or inside a body",
    "reset": "resets the connection in the middle",
    "strict": "refuses what OpenAI refuses: unknown fields and parts, calls and results without each other",
    "refuses=RULE.RULE": "a 400 as long as the request breaks one of these: " + ", ".join(RULES),
    "no-done": "no [DONE], no message_stop",
    "sse-comments": "comments before and between events",
    "sse-no-space": "data: without a blank",
    "sse-crlf": "lines end at CRLF",
    "sse-cr": "lines end at CR",
    "sse-bom": "a byte order mark in front",
    "sse-multi-line": "the JSON spread over several data lines",
    "stream-without-data": "comments and [DONE] only",
    "json-answer-to-stream-request": "a body where a stream was asked for",
    "escaped": "< written as \\u003c",
    "gzip": "a compressed answer",
    "br": "a compressed answer",
    "zstd": "a compressed answer",
    "status=N": "another status for the same answer",
    "error-NNN": "the vendor's error with that status; 429, 503 and 529 with retry-after",
    "error-html-NNN": "a gateway's page with that status",
    "error-empty-NNN": "that status and nothing else",
    "error-shape=VENDOR": "an error as " + ", ".join(SHAPES) + " write it",
}
VALUED = {word.partition("=")[0] for word in WORDS if "=" in word}
PLAIN = {word for word in WORDS if "=" not in word and "NNN" not in word}

# Names of the corpus for what has a plainer word here.
ALIASES: Mapping[str, str] = {
    "sse-no-done": "no-done",
    "stream-cut": "cut-mid-event",
    "stall-keepalive": "stall=2s",
    "empty-answer": "empty-turn",
    "error-not-json": "error-html-502",
    "error-shapes": "error-shape=siliconflow",
    "arguments-large": "large-arguments=9000",
    "marker-split-over-chunks": "markers-in-content+delta=3",
    "clean-wellformed": "clean",
    "slow": "delay=200ms",
}

_ERROR = re.compile(r"error-(?:(html|empty)-)?([1-5]\d\d)")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s)?")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The words, read: at most one family, and each other word with its value ("" without one)."""

    family: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, word: str) -> bool:
        return word in self.words

    def number(self, word: str, default: int | None = None) -> int | None:
        value = self.words.get(word)
        return default if value is None else int(value)

    @property
    def reminders(self) -> int:
        """How many reminders help; 0 where none is waited for."""
        return self.number("reminders") or int("no-tool-call-first" in self)

    def seconds(self, word: str) -> float:
        """The word's time in seconds; 0 without the word."""
        return read_time(self.words[word]) if word in self.words else 0.0


def read_time(text: str) -> float:
    """`20ms`, `1.5s`, or a number of milliseconds, in seconds."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time such as 20ms or 1.5s")
    return float(match[1]) * (1.0 if match[2] == "s" else 0.001)


def read_behaviour(model: str, header: str = "") -> Behaviour:
    """The behaviour that the model's name and the header ask for; the header's words come last and count.

    Raises ValueError, naming the word.
    """
    family = None
    words: dict[str, str] = {}
    for word in _split(model.partition("+")[2].replace("+", "\n"), header):
        name, _, value = word.partition("=")
        error = _ERROR.fullmatch(word)
        if word in FAMILIES:
            family = word
        elif error:
            words["error"] = word
        elif name in VALUED and value:
            words[name] = _checked(name, value)
        elif word in PLAIN:
            words[word] = ""
        else:
            raise ValueError(f"the simulator does not know {word!r}")
    return Behaviour(family, words)


def _split(*texts: str) -> list[str]:
    """The words of all texts. A word that is only a number continues the list before it: `cut=5,17`."""
    words: list[str] = []
    for part in re.split(r"[\n,]", "\n".join(texts)):
        word = part.strip()
        if word.isdecimal() and words:
            words[-1] += "," + word
        elif word:
            words += ALIASES.get(word, word).split("+")
    return words


def _checked(name: str, value: str) -> str:
    known: object
    match name:
        case "cut":
            known = re.fullmatch(r"random:\d+|\d+(,\d+)*", value)
        case "refuses":
            known = is_known(value)
        case "delay" | "stall" | "first-after":
            known = _TIME.fullmatch(value)
        case "error-shape":
            known = re.fullmatch("|".join(SHAPES), value)
        case _:
            known = re.fullmatch(r"\d+", value)
    if not known:
        raise ValueError(f"the simulator does not understand {name}={value}")
    return value
