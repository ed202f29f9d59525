"""The reader of one choice: what leaves when. What is made of an answer is in `test_markup.py`."""

from transforms.events import Event, LeakedCall, ReasoningDelta, Repair, TextDelta
from transforms.grammars import K2, KIMI, tokens_of
from transforms.lexer import Markup

CALL = '<|tool_call_begin|>functions.lookup:0<|tool_call_argument_begin|>{"term": "x"}<|tool_call_end|>'


def _markup(*, hold: bool = False) -> Markup:
    return Markup(tokens_of(KIMI), {"lookup": None}, hold_undecided=hold, choice=1)


def _feed(markup: Markup, *pieces: str, reasoning: bool = False) -> list[str]:
    """What text leaves with each piece."""
    left = []
    for piece in pieces:
        events = markup.feed(piece, reasoning=reasoning)
        left.append("".join(event.text for event in events if isinstance(event, TextDelta | ReasoningDelta)))
    return left


def test_text_leaves_at_once() -> None:
    assert _feed(_markup(), "One", " two,", " three. ", "4 > 3") == ["One", " two,", " three.", " 4 > 3"]


def test_what_may_become_a_token_waits_until_it_cannot() -> None:
    assert _feed(_markup(), "a <", "b>", " <|", "tool", "s|>") == ["a", " <b>", "", "", " <|tools|>"]
    assert _feed(_markup(), "a f", "un", "ny", " functions", " x") == ["a", "", " funny", "", " functions x"]


def test_text_before_a_call_leaves_before_it_is_whole() -> None:
    markup = _markup()
    assert _feed(markup, "Let me see." + CALL[:40]) == ["Let me see."]
    assert _feed(markup, CALL[40:-1]) == [""]
    events = markup.feed(CALL[-1], reasoning=False)
    assert [event for event in events if isinstance(event, LeakedCall)] == [
        LeakedCall("functions.lookup:0", '{"term": "x"}', True, CALL, 1)
    ]


def test_talk_leaves_with_its_end() -> None:
    assert _feed(_markup(), "`", "<think>", "x", "`", " y") == ["", "`", "", "", "<think>x` y"]
    assert _feed(_markup(), "the <think>", " t", "ag") == ["the", "", " <think> tag"]


def test_held_text_leaves_when_it_is_decided() -> None:
    markup = _markup(hold=True)
    assert _feed(markup, "Hm.", " So.") == ["", ""]
    assert markup.feed("</think>Hi.", reasoning=False) == [
        ReasoningDelta("Hm. So.", 1),
        Repair("orphan-think-close", "Hm. So.</think>", "Hm. So.", 1),
        TextDelta("Hi.", 1),
    ]
    assert _feed(markup, " And on.") == [" And on."]


def test_held_text_leaves_at_the_end_and_before_reasoning() -> None:
    markup = _markup(hold=True)
    markup.feed("Hi. ", reasoning=False)
    assert markup.close() == [TextDelta("Hi. ", 1)]
    markup = _markup(hold=True)
    markup.feed("Hi.", reasoning=False)
    assert markup.feed("Hm.", reasoning=True) == [TextDelta("Hi.", 1), ReasoningDelta("Hm.", 1)]


def test_a_native_call_settles_text() -> None:
    markup = _markup(hold=True)
    markup.feed("Hi. <", reasoning=False)
    assert markup.settle() == [TextDelta("Hi. <", 1)]
    markup.feed(" <|tool_call", reasoning=False)
    assert markup.settle() == []
    assert _said(markup.close()) == ""


def _said(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_only_the_given_grammars_count() -> None:
    markup = Markup(tokens_of((K2,)), {}, hold_undecided=False)
    assert _said([*markup.feed("<think>a</think> <|im_end|>", reasoning=False), *markup.close()]) == (
        "<think>a</think> <|im_end|>"
    )


def test_it_may_be_closed_twice() -> None:
    markup = _markup()
    markup.feed("a <", reasoning=False)
    assert _said(markup.close()) == " <"
    assert markup.close() == []
