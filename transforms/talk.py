"""Tells talk about markup from markup: is this token named here, or used?

Named is what stands in inline code, between quotes, brackets or the bars of a table, a block quotation's line
that begins with a token, and a think tag that a sentence goes on around. Fenced blocks are not asked about
here: nothing in them is looked at.

Every answer may be None: more text must come. What is asked of the text behind a token ends with its line,
and with `ENCLOSURE_LIMIT`, so the answer does not depend on how the text was cut.
"""

import regex

from transforms.grammars import Found, Role, Tokens
from transforms.prose import CODE_RUN, QUOTES, Prose

ENCLOSURE_LIMIT = 4096  # characters searched for the end of code or of a quotation
_TOKENS_LIMIT = 16  # tokens of one quotation; two calls have ten

_BLANK = "[ \u00a0\u202f]"
_BRACKETS = {"(": ")", "（": "）", "[": "]", "|": "|", "*": "*", "'": "'", "‘": "’"}
_PAIRS = _BRACKETS | QUOTES
_OPENS = regex.compile(
    rf'(?P<spaced>[«‹|])(?P<blank>{_BLANK}?)\Z|(?P<mark>["“„「『(（\[])\Z|(?:\A|[^\w.,;!?])(?P<mark>[\'‘*])\Z'
)
_CLOSES = {
    blank + closing: regex.compile(rf"{_BLANK if blank else ''}\\?[{regex.escape(closing)}]")
    for blank in ("", " ")
    for closing in _PAIRS.values()
}
_WORD_BEFORE = regex.compile(r"[\w,:/&+#] \Z")
_SENTENCE_GOES_ON = regex.compile(r" \p{Ll}| ?[,;:!?)/|]| [–—=→\-] | ?\.(?:\s|\Z)|\.\.\.|…")
_GOES_ON_WITHOUT_CASE = regex.compile(r" \p{Lo}")
_NOT_BEHIND_A_TAG = regex.compile(r"[,;:)]|-\p{L}")


def end_of_talk(prose: Prose, tokens: Tokens, text: str, found: Found, *, last: bool) -> int | None:
    """Where the talk that this token belongs to has its end, as far as it can be passed on now; 0 where the
    token is none."""
    if prose.inline:
        end = _end_in_code(prose, text, found, last)
        if end != 0:
            return end
        prose.inline = 0  # a lone run
    if prose.all_talk or prose.at_quoted_line_start:
        prose.all_talk = True
        return found.end
    opening = _OPENS.search(prose.before)
    mark = (opening["mark"] or opening["spaced"]) if opening else ""
    if mark == '"' and not prose.quote:
        mark = ""  # this one has closed a quotation
    if not mark and not prose.quote:
        return 0
    blank = " " if opening and opening["blank"] else ""
    closes = _CLOSES[blank + _PAIRS[mark]] if mark else None
    window = text[found.start : found.start + ENCLOSURE_LIMIT]
    final = last or len(window) == ENCLOSURE_LIMIT
    end = _end_in_quotes(prose, tokens, window, found.end - found.start, closes, final)
    if end == 0:
        prose.quote = ""  # it has no end: the mark stood for something else
    return end and found.start + end


def _end_in_code(prose: Prose, text: str, found: Found, last: bool) -> int | None:
    window = text[found.end : found.end + ENCLOSURE_LIMIT]
    line = window.partition("\n")[0]
    final = last or len(window) == ENCLOSURE_LIMIT or len(line) < len(window)
    for run in CODE_RUN.finditer(line):
        if run.end() == len(line) and not final:
            return None
        if run.group() == "`" * prose.inline:
            return found.end
    return 0 if final else None


def _end_in_quotes(
    prose: Prose, tokens: Tokens, window: str, end: int, closes: regex.Pattern[str] | None, final: bool
) -> int | None:
    """Looks from token to token of the line: `closes` directly behind one ends a quotation that begins
    directly before the first; the quotation that we are in ends anywhere, but not inside a call."""
    first = tokens.find(window, last=final)
    assert first is not None
    at: Found | None = first
    called = False
    for _ in range(_TOKENS_LIMIT):
        if at is None or at.role is None:
            return 0 if final else None
        called = called or at.keyed or at.role is Role.ARGUMENTS_OPEN
        closed = closes.match(window, at.end, partial=not final) if closes else None
        if closed:
            return None if closed.partial else closed.end()
        following = tokens.find(window, at.end, last=final)
        gap_end = following.start if following else len(window)
        newline = window.find("\n", at.end, gap_end)
        if prose.quote and not called:
            quoted = _holds_end(prose.quote, window, at.end, newline if newline >= 0 else gap_end, final)
            if quoted is not False:
                return quoted and end
        if newline >= 0:
            return 0
        at = following
    return 0


def _holds_end(quote: str, text: str, start: int, end: int, final: bool) -> bool | None:
    """Whether the quotation ends in `text[start:end]`. A straight quote behind a blank or before a letter
    begins another one instead."""
    for position in range(start, end):
        if text[position] not in QUOTES[quote]:
            continue
        if quote != '"':
            return True
        if text[position - 1].isspace():
            return False
        following = text[position + 1 : position + 2]
        if not following and not final:
            return None
        return not following.isalnum()
    return False


def tag_is_talk(prose: Prose, text: str, found: Found, *, last: bool) -> bool | None:
    """Whether a sentence goes on around a think tag, or around `<tool_call>`."""
    following = text[found.end : found.end + 3]
    if len(following) < 3 and not last:
        return None
    talk = _NOT_BEHIND_A_TAG.match(following) is not None
    in_item = prose.at_item_start and not prose.at_line_start
    if _WORD_BEFORE.search(prose.before) or in_item or prose.tag_was_talk:
        # Where a script has no case, only an opening tag, or one before, tells talk from thinking.
        caseless = found.role is Role.THINK_OPEN or prose.tag_was_talk
        if found.role is Role.HERMES_OPEN:
            line_ends = not following
        else:
            line_ends = prose.tag_was_talk and following[:1] in ("", "\n")
        goes_on = _SENTENCE_GOES_ON.match(following) or (caseless and _GOES_ON_WITHOUT_CASE.match(following))
        talk = talk or line_ends or bool(goes_on)
    prose.tag_was_talk = prose.tag_was_talk or talk
    return talk
