"""The laws of the house for the markup lexer, over invented text."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms.events import Event, ReasoningDelta, Repair, TextDelta, ToolCallStart
from transforms.grammars import KIMI, TOKEN_LIMIT, tokens_of
from transforms.leaked_calls import HEADER_LIMIT, NOISE_LIMIT
from transforms.lexer import Markup
from transforms.markup import MarkupRepair
from transforms.outlet import BLANKS_LIMIT
from transforms.talk import ENCLOSURE_LIMIT

TOOLS = {
    "lookup": {"type": "object", "properties": {"term": {"type": "string"}}},
    "ping": {"type": "object", "properties": {}},
}
CALL = '<|tool_call_begin|>functions.lookup:0<|tool_call_argument_begin|>{"term": "x"}<|tool_call_end|>'
K3_CALL = (
    '<|open|>call tool="lookup" index="0"<|sep|><|open|>argument key="term" type="string"<|sep|>x'
    "<|close|>argument<|sep|><|close|>call<|sep|>"
)

MARKERS = [
    "<|tool_calls_section_begin|>", "<|tool_call_section_begin|>", "<|tool_calls_section_end|>",
    "<|tool_call_begin|>", "<|tool_call_end|>", "<|tool_call_argument_begin|>", "<|tool_call_argument_end|>",
    '<|open|>call tool="lookup"<|sep|>', '<|open|>argument key="term" type="string"<|sep|>', "<|open|>json<|sep|>",
    "<|close|>argument<|sep|>", "<|close|>json<|sep|>", "<|close|>call<|sep|>", "<|open|>think<|sep|>",
    "<|close|>think<|sep|>", "<|open|>response<|sep|>", "<|close|>tools<|sep|>", "<|end_of_msg|>",
    "<tool_call>", "</tool_call>", '<invoke name="lookup">', '<invoke name="nope">', "<function=lookup>",
    '<parameter name="term">', "</parameter>", "</invoke>", "<function_calls>", "</function_calls>",
    "<think>", "</think>", "</THINKING>", "◁think▷", "◁/think▷", "</redacted_thinking>",
    "<|im_end|>", "[EOS]", "(no content)", CALL, K3_CALL,
]  # fmt: skip
PIECES = [
    "<|tool", "<|", "<", "|>", "<think", "</thi", "(no", "[EO", "<|open|>", "<|sep|>", "functions.lookup:0",
    "functions.nope:1", "lookup", "0", '{"term": "x"}', "{'term': 'x'}", '{"name": "lookup", "arguments": {}}',
    "{", "}", "[", "]", "\\", '"', "'", "`", "``", "```", "~~", "~~~", "````", "\n```js\n", "\n~~~\n",
]  # fmt: skip
WORDS = [
    "\t", "Hello", " word ", "is here.", " tags", "b.", "，好", "“", "”", "«", "é😀", ", ", ": ", "...", "!", " ", "  ",
    "\n", "\n\n", "> ", "- ", "1. ", "| ", " | ", "**", "(", ")", "\u2028", "\r\n",
]  # fmt: skip

fragments = st.sampled_from([*MARKERS, *PIECES, *WORDS])
marked_text = st.lists(fragments, min_size=1, max_size=12).map("".join)
channels = st.lists(st.tuples(st.booleans(), marked_text), min_size=1, max_size=4)

type Pieces = Sequence[tuple[bool, str] | None]  # in the reasoning? its text; None is a native call


def _events(pieces: Pieces, *, hold: bool) -> list[Event]:
    stage = MarkupRepair(KIMI, TOOLS, hold_undecided=hold)
    events: list[Event] = []
    for piece in pieces:
        if piece is None:
            events += stage.feed(ToolCallStart(0, "id", "lookup"))
        else:
            events += stage.feed(ReasoningDelta(piece[1]) if piece[0] else TextDelta(piece[1]))
    return [*events, *stage.close()]


def _merged(events: list[Event]) -> tuple[list[Event], Counter[str]]:
    """Neighbouring text joined; repairs, whose place among text is nobody's business, counted."""
    merged: list[Event] = []
    for event in events:
        previous = merged[-1] if merged else None
        if isinstance(event, Repair):
            continue
        if isinstance(event, TextDelta) and isinstance(previous, TextDelta):
            merged[-1] = TextDelta(previous.text + event.text)
        elif isinstance(event, ReasoningDelta) and isinstance(previous, ReasoningDelta):
            merged[-1] = ReasoningDelta(previous.text + event.text)
        else:
            merged.append(event)
    return merged, Counter(event.kind for event in events if isinstance(event, Repair))


def _joined(pieces: Pieces) -> Pieces:
    """Neighbours of one channel in one piece."""
    joined: list[tuple[bool, str] | None] = []
    for piece in pieces:
        previous = joined[-1] if joined else None
        if piece and previous and piece[0] == previous[0]:
            joined[-1] = (piece[0], previous[1] + piece[1])
        else:
            joined.append(piece)
    return joined


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _reasoning(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


@settings(deadline=None)
@given(channels, st.booleans(), st.data())
def test_cuts_do_not_matter(pieces: Pieces, hold: bool, data: st.DataObject) -> None:
    whole = _merged(_events(_joined(pieces), hold=hold))
    by_characters = [(piece[0], character) for piece in pieces if piece for character in piece[1]]
    assert _merged(_events(by_characters, hold=hold)) == whole
    cut: list[tuple[bool, str] | None] = []
    for piece in pieces:
        assert piece
        borders = data.draw(st.sets(st.integers(0, len(piece[1])), max_size=6))
        edges = [0, *sorted(borders), len(piece[1])]
        cut += [(piece[0], piece[1][start:end]) for start, end in pairwise(edges)]
    assert _merged(_events(cut, hold=hold)) == whole


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.tuples(st.booleans(), marked_text)), max_size=5), st.booleans())
def test_cuts_do_not_matter_beside_native_calls(pieces: Pieces, hold: bool) -> None:
    by_characters: list[tuple[bool, str] | None] = []
    for piece in pieces:
        by_characters += [(piece[0], character) for character in piece[1]] if piece else [None]
    assert _merged(_events(by_characters, hold=hold)) == _merged(_events(_joined(pieces), hold=hold))


def _has_markup(text: str) -> bool:
    return any(opening in text for opening in ("(no", "(NO", "(No", "(nO", "functions.", "[EO", "◁")) or (
        tokens_of(KIMI).in_calls.find(text) is not None
    )


lookalikes = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["<", "<|", "|>", "<tag>", "</b>", "<|done|>", "`", "```", "~~~", "\n", " ", '"', "'", "> ", "- "]
        ),
    ),
    max_size=12,
).map("".join)


@settings(deadline=None)
@given(lookalikes.filter(lambda text: not _has_markup(text)), st.booleans(), st.booleans())
@example("\n\n x \n", True, True)
@example("<|", False, True)
@example("` <|", False, False)
def test_text_without_markup_comes_out_as_it_went_in(text: str, reasoning: bool, hold: bool) -> None:
    events = _events([(reasoning, text)], hold=hold)
    assert (_reasoning(events) if reasoning else _text(events)) == text
    assert all(isinstance(event, TextDelta | ReasoningDelta) for event in events)


HELD = max(TOKEN_LIMIT, ENCLOSURE_LIMIT, HEADER_LIMIT + TOKEN_LIMIT, NOISE_LIMIT + TOKEN_LIMIT, BLANKS_LIMIT)


@settings(deadline=None)
@given(st.lists(fragments, min_size=1, max_size=6), st.integers(1, 200), st.booleans())
def test_little_is_held(pattern: list[str], repeated: int, reasoning: bool) -> None:
    markup = Markup(tokens_of(KIMI), TOOLS, hold_undecided=False)
    for piece in pattern * repeated:
        markup.feed(piece, reasoning=reasoning)
        assert len(markup._buffer.text) - markup._buffer.at <= HELD + len(piece)
        assert len(markup.outlet._blanks) <= BLANKS_LIMIT + len(piece)


words = st.text(
    st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"], exclude_characters="<`~[◁("), min_size=1
)


@settings(deadline=None)
@given(st.lists(words.filter(lambda word: "functions." not in word and not word.isspace()), min_size=2), st.booleans())
def test_each_word_leaves_with_the_next(said: list[str], reasoning: bool) -> None:
    stage = MarkupRepair(KIMI, TOOLS, hold_undecided=False)
    delta = ReasoningDelta if reasoning else TextDelta
    out = ""
    for position, word in enumerate(said):
        out += "".join(event.text for event in stage.feed(delta(word + " ")) if isinstance(event, delta))
        assert out.startswith(" ".join(said[:position]))


blocks = st.sampled_from(
    [CALL, K3_CALL, f"<|tool_calls_section_begin|>{CALL}{CALL}<|tool_calls_section_end|>", "<think>Hm.</think>",
     "<|tool_call_end|>", "<|tool_calls_section_end|>", "`<think>`", "```\n<think>\n```\n", '"<|tool_call_end|>" '],
)  # fmt: skip
sentences = st.sampled_from(
    [
        "Hello there. ",
        "A <b> c.\n",
        "\n\n",
        "Über 5 < 6.",
        "好的。",
        "- item\n",
        "> quote\n",
        "| a | b |\n",
        'Say "hi". ',
        "~~x~~\n",
    ]
)


@settings(deadline=None)
@given(st.lists(st.one_of(blocks, sentences, sentences), max_size=8).map("\n".join), st.booleans())
def test_a_second_pass_changes_nothing(text: str, hold: bool) -> None:
    first = _events([(False, text)], hold=hold)
    second = _events([(True, _reasoning(first)), (False, _text(first))], hold=hold)
    assert (_text(second), _reasoning(second)) == (_text(first), _reasoning(first))
    assert all(isinstance(event, TextDelta | ReasoningDelta) for event in second)
