import pytest

from transforms import transcript as module
from transforms.events import (
    ChoiceFinish,
    Event,
    Extra,
    Failure,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from transforms.response import Choice, Response, ResponseCall
from transforms.transcript import REPAIRS_LIMIT, Transcript, joined


def fed(*events: Event) -> Transcript:
    transcript = Transcript()
    transcript.feed(events)
    return transcript


def test_what_was_said() -> None:
    start, finish = ResponseStart("id"), ChoiceFinish("tool_calls", "stop")
    transcript = fed(
        start,
        ReasoningDelta("h"),
        ReasoningDelta("m"),
        TextDelta("a"),
        TextDelta("b"),
        RefusalDelta("no"),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, "{"),
        ToolCallDelta(0, "}"),
        Extra({"mood": "good"}),
        finish,
        Finish({"total_tokens": 3}),
    )
    assert (transcript.text, transcript.reasoning, transcript.calls) == ("ab", "hm", [("c", "f")])
    assert (transcript.start, transcript.finish, transcript.usage) == (start, finish, {"total_tokens": 3})
    assert transcript.ended and transcript.content_seen and transcript.complete and transcript.failure is None
    assert transcript.response() == Response(
        choices={0: Choice("ab", "hm", "no", calls=[ResponseCall("c", "f", "{}")], finish=finish)}
    )


def test_nothing_was_said() -> None:
    transcript = fed(ResponseStart(), Extra({"a": 1}), ChoiceFinish("stop"))
    assert not transcript.content_seen and not transcript.ended
    assert transcript.response() == Response(choices={0: Choice(finish=ChoiceFinish("stop"))})


def test_a_failure_ends_it() -> None:
    transcript = fed(TextDelta("a"), Failure("m"))
    assert transcript.ended and transcript.failure == Failure("m")


@pytest.mark.parametrize("event", [TextDelta("a", 1), ReasoningDelta("a"), RefusalDelta("a"), ToolCallStart(0)])
def test_words_of_any_kind_and_choice_are_content(event: Event) -> None:
    assert fed(event).content_seen


def test_other_choices_are_counted_but_not_kept() -> None:
    transcript = fed(
        ToolCallStart(0, "x", "g", 1),
        ToolCallDelta(0, "{}", choice=1),
        TextDelta("other", 1),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, "[]"),
        ChoiceFinish("length", choice=1),
    )
    assert transcript.calls == [("x", "g"), ("c", "f")]
    assert transcript.response() == Response(choices={0: Choice(calls=[ResponseCall("c", "f", "[]")])})


def test_fragments_of_a_header_that_no_stage_has_settled() -> None:
    transcript = fed(
        ToolCallStart(0, "", "wea"), ToolCallDelta(0, "", "c", "ther"), ToolCallDelta(0, "", "d", "weather")
    )
    assert transcript.calls == [("c", "weather")]


def test_words_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXT_LIMIT", 5)
    transcript = fed(TextDelta("abc"), ReasoningDelta("de"), TextDelta("f"))
    assert (transcript.text, transcript.reasoning, transcript.complete) == ("abc", "de", False)
    assert transcript.size == 6


def test_repairs_are_counted_and_the_first_are_kept() -> None:
    transcript = Transcript()
    for number in range(REPAIRS_LIMIT + 5):
        transcript.repair(Repair("kind", str(number)))
    transcript.repair(Repair("other"))
    assert transcript.repair_counts == {"kind": REPAIRS_LIMIT + 5, "other": 1}
    assert [repair.before for repair in transcript.repairs] == [str(number) for number in range(REPAIRS_LIMIT)]


def test_halves_of_a_character_are_joined() -> None:
    assert fed(TextDelta("\ud83d"), TextDelta("\ude00")).text == "\U0001f600"
    assert fed(TextDelta("a\ud83d")).text == "a\ufffd"


def test_entries_that_only_upstream_can_read_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    detail = {"type": "reasoning.encrypted", "data": "abc", "index": 0}
    transcript = fed(OpaqueReasoning(detail), OpaqueReasoning({"data": "other"}, 1))
    assert transcript.response() == Response(choices={0: Choice(opaque=[detail])})
    assert transcript.complete and transcript.content_seen
    monkeypatch.setattr(module, "TEXT_LIMIT", 24)
    transcript = fed(OpaqueReasoning(detail), OpaqueReasoning(detail))
    assert (transcript.response().choices[0].opaque, transcript.complete) == ([detail], False)


def test_what_several_attempts_have_said_together() -> None:
    detail = {"type": "reasoning.text", "text": "h"}
    first = fed(ReasoningDelta("h"), OpaqueReasoning(detail), TextDelta("a"), ChoiceFinish("stop", "stop"), Finish())
    last = ChoiceFinish("tool_calls", "tool_calls")
    second = fed(ReasoningDelta("m"), TextDelta("b"), RefusalDelta("no"), ToolCallStart(0, "c", "f"), last, Finish())
    said = joined([first, Transcript(), second]).choices[0]
    assert (said.reasoning, said.text, said.refusal, said.opaque) == ("hm", "ab", "no", [detail])
    assert said.calls == [ResponseCall("c", "f", "")]
    assert joined([first, second]).choices[0].finish == last
    assert first.response().choices[0].text == "a"
