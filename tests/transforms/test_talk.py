"""The cases by families are in `test_markup.py`; here is what its answers are made of."""

import pytest

from transforms.grammars import KIMI, Found, tokens_of
from transforms.prose import Prose
from transforms.talk import ENCLOSURE_LIMIT, end_of_talk, tag_is_talk

TOKENS = tokens_of(KIMI)
END = "<|tool_call_end|>"


def _at_token(text: str) -> tuple[Prose, Found]:
    """Prose up to the first marker or tag of a text, and that."""
    position = text.index("<")
    prose = Prose()
    prose.read(text[:position])
    found = TOKENS.find(text, position, last=True)
    assert found
    return prose, found


def _talk(text: str, *, last: bool) -> int | None:
    prose, found = _at_token(text)
    return end_of_talk(prose, TOKENS, text, found, last=last)


@pytest.mark.parametrize(
    ("text", "ends_behind"),
    [
        (f"`{END}` x", f"`{END}"),
        (f"`{END} {END}` x", f"`{END}"),
        (f'"{END}" x', f'"{END}"'),
        (f'"{END}{END}" x', f'"{END}{END}"'),
        (f'"{END} or {END}" x', f'"{END} or {END}"'),
        (f'say "the {END} ends" x', f'say "the {END}'),
        (f"say «the {END} ends» x", f"say «the {END}"),
        (f"« {END} » x", f"« {END} »"),
        (f"| {END} | x", f"| {END} |"),
        (f'\\"{END}\\" x', f'\\"{END}\\"'),
        (f"> {END} x", f"> {END}"),
    ],
)
def test_named(text: str, ends_behind: str) -> None:
    assert _talk(text, last=False) == _talk(text, last=True) == len(ends_behind)


@pytest.mark.parametrize(
    "text",
    [
        f"x {END} x\n",
        f"` {END}\n`",
        f"`{END} ``\n",
        f'"x"{END}" x\n',
        f'"{END}\n"',
        f'say "the {END} "other" x\n',
        f'say "the {END} 5"x\n',
        f"x'{END}' x\n",
        f"['{END}] x\n",
    ],
)
def test_used(text: str) -> None:
    assert _talk(text, last=False) == _talk(text, last=True) == 0


@pytest.mark.parametrize(
    "text",
    [f"`{END} x", f"`{END}`", f'"{END}', f'"{END} <|too', f'"{END} x', f'say "the {END} x"', f"« {END} ", f"'{END}x"],
)
def test_more_text_must_come(text: str) -> None:
    assert _talk(text, last=False) is None
    assert _talk(text, last=True) is not None


@pytest.mark.parametrize("opening", ["`", '"', "'", 'say "the '])
def test_the_end_is_searched_up_to_a_limit(opening: str) -> None:
    assert _talk(opening + END + "x" * ENCLOSURE_LIMIT, last=False) == 0


def test_a_quotation_holds_few_tokens() -> None:
    assert _talk('"' + END * 16 + '"', last=True) == len('"' + END * 16 + '"')
    assert _talk('"' + END * 17 + '" x\n', last=False) == 0


def test_a_quotation_does_not_end_inside_a_call() -> None:
    call = '<|tool_call_begin|>functions.lookup:0<|tool_call_argument_begin|>{"term": "x"}'
    assert _talk(f'He said "hi.{call}', last=True) == 0


def test_a_quotation_that_does_not_end_is_none() -> None:
    prose, found = _at_token(f'say "the {END} x\n')
    assert prose.quote
    end_of_talk(prose, TOKENS, f'say "the {END} x\n', found, last=True)
    assert not prose.quote


def test_the_line_of_a_block_quotation_is_talk_to_its_end() -> None:
    text = f"> {END} and {END}"
    prose, found = _at_token(text)
    assert end_of_talk(prose, TOKENS, text, found, last=False) == found.end
    prose.read(text[found.start : found.end] + " and ")
    second = TOKENS.find(text, found.end)
    assert second
    assert end_of_talk(prose, TOKENS, text, second, last=False) == second.end


def _tag(text: str, *, last: bool = True) -> bool | None:
    prose, found = _at_token(text)
    return tag_is_talk(prose, text, found, last=last)


@pytest.mark.parametrize(
    "text",
    [
        "the <think> tag",
        "the <think>, and",
        "the <think>.",
        "the <think>. ",
        "the <think>... and",
        "- <think> opens",
        "- <think> - opens",
        "1. <think>: opens",
        "<think>: opens",
        "用 <think> 标签",
        "the <think> – opens",
        "wrapped in <tool_call>",
    ],
)
def test_a_sentence_goes_on_around_the_tag(text: str) -> None:
    assert _tag(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "<think>the user",
        "<think> the user",
        "Sure. <think> the user",
        "Sure <think>the user",
        "Sure <think> The user",
        "done </think>",
        "done </think> The answer",
        "好 </think> 你好",
        "wrapped in <tool_call>\n{",
    ],
)
def test_no_sentence_goes_on(text: str) -> None:
    assert _tag(text) is False


def test_three_characters_tell() -> None:
    assert _tag("the <think> t", last=False) is None
    assert _tag("the <think> ta", last=False) is True


@pytest.mark.parametrize(("following", "talk"), [("", True), ("\nx", True), (" x", True), (" X", False), ("x", False)])
def test_a_closing_tag_follows_the_opening_one_of_its_line(following: str, talk: bool) -> None:
    prose, found = _at_token("</think>" + following)
    prose.read("Wrapped in ")
    prose.tag_was_talk = True
    assert tag_is_talk(prose, "</think>" + following, found, last=True) is talk
