"""The markup of model families, as data for the lexer in `lexer.py`.

A grammar is a list of tokens. A token is a regular expression and what it does. What it says about a call
stands in named groups: `header` (a name, or what stands for it), `key` and `type` of an argument.

Grammars come in two shapes. *JSON calls* (K2, Hermes) have one JSON text behind their opener. *Keyed calls*
(K3, `<invoke>`) have an element for each argument, or one for a JSON text.

Two rules keep the lexer's result independent of how its text is cut. No token is the beginning of another.
And a pattern looks at nothing beyond its own text: a word border or a negative lookahead at the end of the
text so far would be judged before its neighbour has come. (The one lookahead here asks for text, so it waits.)

Sources: Kimi-K2 `docs/tool_call_guidance.md` and the chat templates for K2; Moonshot's `encoding_k3.py`,
as described in public parsers of K3, for K3; the corpus for what else vendors send.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

import regex

TOKEN_LIMIT = 1024  # characters of one token; longer ones are text


class Role(Enum):
    """What a token does."""

    WRAPPER = auto()  # around calls or text, says nothing
    SECTION_OPEN = auto()  # calls follow; also taken for the opener of a call that has lost its own
    CALL_OPEN = auto()
    ARGUMENTS_OPEN = auto()
    CALL_CLOSE = auto()
    KEY_OPEN = auto()
    KEY_CLOSE = auto()
    THINK_OPEN = auto()
    THINK_CLOSE = auto()
    ANSWER_OPEN = auto()  # thinking is over by now
    HERMES_OPEN = auto()  # a call in Hermes' form, or the stump of one
    HEADER = auto()  # a header that has lost its opener, before its arguments' marker
    BARE_CALL = auto()  # a header that has lost all its markers, before a JSON object
    CONTROL = auto()  # the end of a turn; noise at the end of a text
    CODE = auto()  # a run of backticks or tildes: what stands in code is text


@dataclass(frozen=True, slots=True)
class Token:
    role: Role
    pattern: str
    opening: str = "<"  # what the pattern's text begins with
    foreign: bool = False  # of another family: only a call to an offered tool is taken for one
    keyed: bool = False  # opens a keyed call


@dataclass(frozen=True, slots=True)
class Grammar:
    name: str
    tokens: tuple[Token, ...]


# Headers without their markers can only be told from words by the prefix.
_NUMBERED = r"(?P<header>functions\.[\w.\-]{1,128}+:\d{1,6}+)"

K2 = Grammar(
    "k2",
    (
        # Plural or singular, in any combination (vllm-project/vllm#28543).
        Token(Role.SECTION_OPEN, r"<\|tool_calls?_section_begin\|>|<\|tool_calls_begin\|>"),
        Token(Role.WRAPPER, r"<\|tool_calls?_section_end\|>|<\|tool_calls_end\|>"),
        Token(Role.CALL_OPEN, r"<\|tool_call_begin\|>"),
        Token(Role.ARGUMENTS_OPEN, r"<\|tool_call_argument_begin\|>"),
        Token(Role.CALL_CLOSE, r"<\|tool_call_(?:argument_)?end\|>"),
        Token(Role.HEADER, _NUMBERED + r"\s{0,8}+(?=<\|tool_call_argument_begin\|>)", opening="functions."),
        Token(Role.BARE_CALL, _NUMBERED + r"\s{0,8}+(?=\{)", opening="functions."),
    ),
)

_TAIL = r"[^<]{0,64}+<\|sep\|>"  # whatever else stands in the tag
_ATTRIBUTE = r'[\w:.\-]{1,32}+="[^"<]{0,64}+"'


def _k3(element: str, *attributes: str) -> str:
    return rf"<\|open\|>\s{{0,8}}+{element}(?:\s{{1,8}}+(?:{'|'.join([*attributes, _ATTRIBUTE])})){{0,4}}+{_TAIL}"


K3 = Grammar(
    "k3",
    (
        # `toolscall` is what is left when the section's own marker is lost (can1357/oh-my-pi#8495).
        Token(Role.CALL_OPEN, _k3("(?:tools)?call", r'tool="(?P<header>[^"<]{0,256}+)"'), keyed=True),
        Token(Role.KEY_OPEN, _k3("argument", r'key="(?P<key>[^"<]{0,256}+)"', r'type="(?P<type>[^"<]{0,64}+)"')),
        Token(Role.KEY_CLOSE, r"<\|close\|>\s{0,8}+argument\s{0,8}+<\|sep\|>"),
        Token(Role.ARGUMENTS_OPEN, _k3("json")),
        Token(Role.CALL_CLOSE, r"<\|close\|>\s{0,8}+(?:call|json)\s{0,8}+<\|sep\|>"),
        Token(Role.THINK_OPEN, r"<\|open\|>\s{0,8}+think\s{0,8}+<\|sep\|>"),
        Token(Role.THINK_CLOSE, r"<\|close\|>\s{0,8}+think\s{0,8}+<\|sep\|>"),
        Token(Role.ANSWER_OPEN, r"<\|open\|>\s{0,8}+response\s{0,8}+<\|sep\|>"),
        Token(Role.WRAPPER, rf"<\|(?:open|close)\|>\s{{0,8}}+(?:tools|response|message|toolsmessage){_TAIL}"),
        Token(Role.CONTROL, r"<\|end_of_msg\|>"),
    ),
)

HERMES = Grammar(
    "hermes",
    (
        Token(Role.HERMES_OPEN, r"<tool_call>", foreign=True),
        Token(Role.CALL_CLOSE, r"</tool_call>", foreign=True),
    ),
)

_SPACE = r"(?:[a-z]{1,16}+:)?"  # an XML namespace
INVOKE = Grammar(
    "invoke",
    (
        Token(
            Role.CALL_OPEN,
            rf"(?:<{_SPACE}function_calls>\s{{0,64}}+)?"
            rf'<{_SPACE}invoke\s{{1,8}}+name="(?P<header>[^"<]{{1,256}}+)"\s{{0,8}}+>',
            foreign=True,
            keyed=True,
        ),
        Token(Role.CALL_OPEN, r"<function=(?P<header>[\w.\-]{1,128}+)>", foreign=True, keyed=True),
        Token(
            Role.KEY_OPEN, rf'<{_SPACE}parameter\s{{1,8}}+name="(?P<key>[^"<]{{1,256}}+)"[^<>]{{0,64}}+>', foreign=True
        ),
        Token(Role.KEY_OPEN, r"<parameter=(?P<key>[\w.\-]{1,128}+)>", foreign=True),
        Token(Role.KEY_CLOSE, rf"</{_SPACE}parameter>", foreign=True),
        Token(Role.CALL_CLOSE, rf"</{_SPACE}(?:invoke|function)>", foreign=True),
        Token(Role.WRAPPER, rf"</{_SPACE}function_calls>", foreign=True),
    ),
)

_THINK_TAG = r"(?:think|thinking|redacted_thinking|thought)(?:\s{1,8}+[\w:\-]{1,32}+=[^<>]{0,64}+)?\s{0,8}+>"
THINK = Grammar(
    "think",
    (
        Token(Role.THINK_OPEN, rf"(?i:<{_THINK_TAG})"),
        Token(Role.THINK_CLOSE, rf"(?i:</{_THINK_TAG})"),
        Token(Role.THINK_OPEN, r"◁think▷", opening="◁"),
        Token(Role.THINK_CLOSE, r"◁/think▷", opening="◁"),
    ),
)

CONTROL = Grammar(
    "control",
    (
        Token(Role.CONTROL, r"<\|(?:im_(?:end|start|user|assistant|system|middle)|endoftext|end_of_text|eot_id)\|>"),
        Token(Role.CONTROL, r"\[EO[ST]\]", opening="["),
    ),
)

CODE = Grammar("code", (Token(Role.CODE, r"`{1,256}+", opening="`"), Token(Role.CODE, r"~{3,256}+", opening="~")))

KIMI = (K2, K3, HERMES, INVOKE, THINK, CONTROL, CODE)

# What can stand between a call's opener and its end; anything else there is the call's own text.
_IN_CALLS = frozenset(Role) - {Role.HERMES_OPEN, Role.HEADER, Role.BARE_CALL, Role.CODE}


@dataclass(frozen=True, slots=True)
class Found:
    """A token at `start:end` of the text; `role` is None for a tail that may still become one."""

    role: Role | None
    start: int
    end: int
    grammar: str = ""
    foreign: bool = False
    keyed: bool = False
    header: str | None = None
    key: str = ""
    type: str = ""


class Tokens:
    """The tokens of several grammars; where two match, the first one's wins. `in_calls` are those of them
    that mean something inside a call."""

    def __init__(self, grammars: tuple[Grammar, ...], roles: frozenset[Role] = frozenset(Role)) -> None:
        self._tokens = [
            (grammar.name, token) for grammar in grammars for token in grammar.tokens if token.role in roles
        ]
        numbered = [f"(?:{token.pattern})(?P<t{n}>)" for n, (_, token) in enumerate(self._tokens)]
        # Every grammar may leave a group out, so each is named once behind a branch that never matches.
        named = "(?!)(?P<header>)(?P<key>)(?P<type>)"
        self._pattern = regex.compile("|".join([*numbered, named]))
        openings = {token.opening for _, token in self._tokens}
        tails = {opening[:length] + r"\Z" for opening in openings for length in range(1, len(opening))}
        self._openings = re.compile("|".join([*sorted(map(re.escape, openings)), *sorted(tails, reverse=True)]))
        self.in_calls = self if roles == _IN_CALLS else Tokens(grammars, _IN_CALLS)

    def find(self, text: str, start: int = 0, until: int | None = None, *, last: bool = False) -> Found | None:
        """The first token that begins in `text[start:until]`, or (unless this is the `last` of the text) an
        unfinished one at the text's end."""
        for opening in self._openings.finditer(text, start, len(text) if until is None else until):
            at = opening.start()
            match = self._pattern.match(text, at, partial=not last and len(text) - at < TOKEN_LIMIT)
            if match is None or match.end() - at > TOKEN_LIMIT:
                continue
            if match.partial:
                return Found(None, at, len(text))
            name, token = next(named for n, named in enumerate(self._tokens) if match.start(f"t{n}") >= 0)
            header, key, type_ = match.group("header", "key", "type")
            foreign, keyed = token.foreign, token.keyed
            return Found(token.role, at, match.end(), name, foreign, keyed, header, key or "", type_ or "")
        return None


@cache
def tokens_of(grammars: tuple[Grammar, ...]) -> Tokens:
    """The compiled tokens of these grammars; compiling takes milliseconds, so it is done once."""
    return Tokens(grammars)
