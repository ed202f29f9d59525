import pytest

from transforms.prose import Prose


def _after(text: str) -> Prose:
    prose = Prose()
    prose.read(text)
    return prose


@pytest.mark.parametrize(
    "text",
    [
        "```\ncode",
        "```python\ncode",
        "text\n~~~\ncode",
        "  ```\ncode",
        "> ```\n> code",
        "- ```\n  code",
        "1. ```\n   code",
        "* - ```\ncode",
        "````\n```\ncode",
        "~~~\n```\ncode",
        "```\ncode `inline`\n",
        "```\ncode\n  ``\n",
        "```markdown\n```js\ninner\n```\nouter",
        "~~~\na ~~~",
        "```\nA line that says ```\nstill code",
    ],
)
def test_in_fence(text: str) -> None:
    assert _after(text).in_fence


@pytest.mark.parametrize(
    "text",
    [
        "no code",
        "```\ncode\n```\n",
        "```\ncode\n`````\n",
        "````md\n```\ncode\n```\n````\n",
        "~~~\n```\n~~~\n",
        "text ``` not at the start of its line",
        "``",
        "```like this``` was inline",
        "```markdown\n```js\ninner\n```\nouter\n```\n",
        "```\ncode\n```, and on",
    ],
)
def test_not_in_fence(text: str) -> None:
    assert not _after(text).in_fence


def test_fences_in_fences_are_bounded() -> None:
    prose = _after("```a\n" * 100)
    prose.read("```\n" * 8)
    assert not prose.in_fence


def test_the_character_behind_a_run_may_be_told() -> None:
    prose = _after("```\ncode\n")
    prose.read("```", "j")
    assert prose.in_fence
    prose.read("js\n")
    prose.read("```", "\n")
    prose.read("\n")
    prose.read("```", "")
    assert not prose.in_fence


@pytest.mark.parametrize(
    ("text", "inline"),
    [
        ("a `b", 1),
        ("a ``b ` c", 2),
        ("a `b`", 0),
        ("a `b``c", 1),
        ("a `b\nc", 0),
        ("a `b ~~~", 1),
        ("a ~~~ b", 0),
        ("a ```b", 3),
    ],
)
def test_inline_code(text: str, inline: int) -> None:
    assert _after(text).inline == inline


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ('say "x', '"'),
        ('say "x"', ""),
        ('say "x" and "y', '"'),
        ('5" wide', ""),
        ('end."', ""),
        ('say "x\ny', ""),
        ('"', '"'),
        ('("x', '"'),
        ('"x "y', '"'),
        ("“x", "“"),
        ("“x”", ""),
        ("„x“", ""),
        ("„x”", ""),
        ("«x", "«"),
        ("«x»", ""),
        ("「x", "「"),
        ("x”", ""),
        ('`"` x', ""),
        ('```\n"x', ""),
    ],
)
def test_quotations(text: str, quote: str) -> None:
    assert _after(text).quote == quote
    by_characters = Prose()
    for character in text if "`" not in text else [text]:
        by_characters.read(character)
    assert by_characters.quote == quote


@pytest.mark.parametrize(
    ("text", "line_start", "quoted_line", "item_start"),
    [
        ("", True, False, True),
        ("a", False, False, False),
        ("a\n", True, False, True),
        ("a\n  ", True, False, True),
        ("a\n> ", True, True, True),
        ("> a", False, False, False),
        ("- ", False, False, True),
        ("12. ", False, False, True),
        ("> * ", False, False, True),
        ("-", False, False, False),
        (" " * 40, False, False, False),
        ("a\n" + " " * 40, False, False, False),
        ("`", False, False, False),
    ],
)
def test_the_beginning_of_a_line(text: str, line_start: bool, quoted_line: bool, item_start: bool) -> None:
    prose = _after(text)
    assert (prose.at_line_start, prose.at_quoted_line_start, prose.at_item_start) == (
        line_start,
        quoted_line,
        item_start,
    )


def test_remembers_the_last_three_characters() -> None:
    prose = Prose()
    for piece, before in [("a", "a"), ("b", "ab"), ("c", "abc"), ("d", "bcd"), ("efgh", "fgh"), ("``", "h``")]:
        prose.read(piece)
        assert prose.before == before


def test_a_new_line_ends_what_was_talk() -> None:
    prose = Prose()
    prose.tag_was_talk = prose.all_talk = True
    prose.read("on the same line")
    assert (prose.tag_was_talk, prose.all_talk) == (True, True)
    prose.read("\n")
    assert (prose.tag_was_talk, prose.all_talk) == (False, False)


def test_behind_a_marker_a_line_begins() -> None:
    prose = _after('say "x')
    prose.restart()
    assert (prose.before, prose.quote, prose.at_line_start) == ("", "", True)
