import pytest

from transforms.json_extent import JsonExtent


def _end(text: str) -> int | None:
    """Where the JSON text ends when it comes in one piece; None where it does not."""
    extent = JsonExtent()
    end = extent.feed(text, 0, len(text))
    return end if extent.complete else None


def _end_by_characters(text: str) -> int | None:
    extent = JsonExtent()
    for position in range(len(text)):
        extent.feed(text, position, position + 1)
        if extent.complete:
            return position + 1
    return None


WHOLE = [
    "{}",
    " \n{}",
    "[]",
    '{"a": {"b": [1, {}]}}',
    '{"a": "}"}',
    r'{"a": "\"}"}',
    r'{"a": "\\"}',
    '{"a": "it\'s"}',
    "{'a': '}'}",
    "{'a': \"it's\"}",
    r"{'a': 'it\'s }'}",
    "[{'a': ']'}]",
    '"a string"',
    r'"{\"a\": 1}"',
    '{"a": "\n raw"}',
    '{"a": it\'s}',
]


@pytest.mark.parametrize("text", WHOLE)
def test_finds_the_end(text: str) -> None:
    assert _end(text + " and on {}") == len(text)
    assert _end_by_characters(text + " and on {}") == len(text)


@pytest.mark.parametrize("text", WHOLE)
def test_has_no_end_before_it(text: str) -> None:
    assert _end(text[:-1]) is None
    assert _end_by_characters(text[:-1]) is None


@pytest.mark.parametrize("text", ["null", " true }", "ls -la {}", "}", "'a'"])
def test_what_begins_otherwise_is_plain(text: str) -> None:
    extent = JsonExtent()
    assert extent.feed(text, 0, len(text)) == len(text)
    assert extent.plain
    assert extent.feed(text, 0, len(text)) == len(text)
    assert not extent.complete


def test_tells_whether_it_is_in_a_string() -> None:
    extent = JsonExtent()
    text = '{"a": "b'
    extent.feed(text, 0, 5)
    assert not extent.in_string
    extent.feed(text, 5, len(text))
    assert extent.in_string


def test_reads_only_its_part() -> None:
    extent = JsonExtent()
    assert extent.feed('xx{"a"}xx', 2, 5) == 5
    assert extent.feed('xx{"a"}xx', 5, 9) == 7
    assert extent.complete
