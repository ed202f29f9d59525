from transforms.events import Event, LeakedCall, ReasoningDelta, Repair, TextDelta
from transforms.outlet import BLANKS_LIMIT, ECHO_LIMIT, SHOWN, UNDECIDED_LIMIT, Outlet

CALL = LeakedCall("lookup", "{}")


def _outlet(*, hold: bool = False, choice: int = 0) -> Outlet:
    return Outlet(hold_undecided=hold, choice=choice)


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _reasoning(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def test_words_leave_at_once_and_blanks_with_the_next_word() -> None:
    outlet = _outlet(choice=2)
    outlet.say("one ")
    assert outlet.taken() == [TextDelta("one", 2)]
    outlet.say("\n")
    assert outlet.taken() == []
    outlet.say("two")
    assert outlet.taken() == [TextDelta(" \ntwo", 2)]
    assert outlet.text_sent


def test_blanks_at_the_end_are_the_texts() -> None:
    outlet = _outlet()
    outlet.say("one \n")
    outlet.rest()
    assert _text(outlet.taken()) == "one \n"


def test_blanks_around_markers_at_the_end_are_the_markers() -> None:
    outlet = _outlet()
    outlet.say("one ")
    outlet.marker()
    outlet.say("\n")
    outlet.rest()
    assert _text(outlet.taken()) == "one"


def test_of_the_blanks_around_a_row_of_markers_those_between_go() -> None:
    outlet = _outlet()
    outlet.say("one\n")
    for _ in range(3):
        outlet.marker()
        outlet.say("   ")
    outlet.say("\ntwo")
    assert _text(outlet.taken()) == "one\n   \ntwo"


def test_few_blanks_are_held() -> None:
    outlet = _outlet()
    outlet.say("one")
    outlet.say(" " * (BLANKS_LIMIT + 10))
    assert _text(outlet.taken()) == "one" + " " * 10
    outlet.marker()
    outlet.say(" " * 10)
    outlet.say("two")
    assert _text(outlet.taken()) == " " * BLANKS_LIMIT + " " * 10 + "two"


def test_an_end_of_turn_token_at_the_end_goes() -> None:
    outlet = _outlet()
    outlet.say("four. ")
    outlet.control("<|im_end|>")
    outlet.say("\n")
    outlet.rest()
    assert outlet.taken() == [TextDelta("four."), Repair("control-token", "<|im_end|>")]


def test_an_end_of_turn_token_with_words_behind_it_stays() -> None:
    outlet = _outlet()
    outlet.control("<|im_end|>")
    outlet.say(" five")
    outlet.rest()
    assert _text(outlet.taken()) == "<|im_end|> five"


def test_an_end_of_turn_token_before_a_marker_goes() -> None:
    outlet = _outlet()
    outlet.control("<|im_end|>")
    outlet.marker()
    outlet.say("x")
    assert [type(event) for event in outlet.taken()] == [Repair, TextDelta]


def test_few_end_of_turn_tokens_are_held() -> None:
    outlet = _outlet()
    for _ in range(BLANKS_LIMIT):
        outlet.control("<|im_end|>")
    assert len(_text(outlet.taken())) > (BLANKS_LIMIT - 1) * 9
    outlet.say(" " * BLANKS_LIMIT)
    outlet.rest()
    assert _text(outlet.taken()).endswith(">" + " " * BLANKS_LIMIT)


def test_a_think_block_leaves_the_answers_blanks_behind() -> None:
    outlet = _outlet()
    outlet.say("one ")
    outlet.open_thinking()
    outlet.say(" hm ")
    outlet.close_thinking()
    outlet.say("\n\ntwo")
    events = outlet.taken()
    assert (_text(events), _reasoning(events)) == ("one two", "hm")


def test_blanks_before_the_answer_are_the_blocks() -> None:
    outlet = _outlet()
    outlet.say("\n")
    outlet.open_thinking()
    outlet.say("hm")
    outlet.close_thinking()
    outlet.say("\n\ntwo")
    assert _text(outlet.taken()) == "two"


def test_a_vanished_tag_leaves_the_blanks_of_one_side() -> None:
    outlet = _outlet()
    outlet.tag()
    outlet.say(" one ")
    outlet.tag()
    outlet.say(" two")
    outlet.tag()
    outlet.say(" three")
    outlet.control("<|im_end|>")
    outlet.tag()
    outlet.say(" four")
    assert _text(outlet.taken()) == "one two three four"


def test_a_vanished_tag_in_the_reasoning() -> None:
    outlet = _outlet()
    outlet.reasoning_channel = True
    outlet.tag()
    outlet.say(" one")
    outlet.tag()
    outlet.say(" two")
    assert _reasoning(outlet.taken()) == "one two"


def test_undecided_text_is_held_in_order_with_its_calls() -> None:
    outlet = _outlet(hold=True)
    outlet.say("one")
    outlet.say(" two")
    outlet.call(CALL)
    outlet.call(CALL)
    outlet.say("three")
    assert (outlet.taken(), outlet.undecided, outlet.answer_begun, outlet.text_sent) == ([], True, True, False)
    outlet.decide_answer()
    assert outlet.taken() == [TextDelta("one two"), CALL, CALL, TextDelta("three")]
    assert (outlet.undecided, outlet.text_sent) == (False, True)


def test_undecided_text_was_thinking() -> None:
    outlet = _outlet(hold=True)
    outlet.say("one ")
    outlet.call(CALL)
    assert outlet.undecided_was_thinking() == "one"
    outlet.say(" two")
    assert outlet.taken() == [ReasoningDelta("one"), CALL, TextDelta("two")]
    assert outlet.reasoning_seen


def test_undecided_text_has_a_limit() -> None:
    outlet = _outlet(hold=True)
    outlet.say("x" * UNDECIDED_LIMIT)
    assert outlet.taken() == []
    outlet.say("x")
    assert len(_text(outlet.taken())) == UNDECIDED_LIMIT + 1
    outlet = _outlet(hold=True)
    outlet.call(LeakedCall("lookup", "x" * (UNDECIDED_LIMIT + 1)))
    assert len(outlet.taken()) == 1


def test_reasoning_in_its_own_field_decides_unless_it_is_blank() -> None:
    outlet = _outlet(hold=True)
    outlet.reasoning_channel = True
    outlet.say("\n")
    outlet.rest()
    assert outlet.undecided
    outlet.say("hm")
    assert not outlet.undecided
    assert _reasoning(outlet.taken()) == "\nhm"


def test_holding_may_begin_later_but_not_behind_text() -> None:
    outlet = _outlet()
    outlet.hold()
    outlet.say("one")
    assert outlet.taken() == []
    outlet = _outlet()
    outlet.say("one")
    outlet.hold()
    assert not outlet.undecided


def test_a_call_ends_a_think_block() -> None:
    outlet = _outlet()
    outlet.open_thinking()
    outlet.say("hm ")
    outlet.call(CALL)
    outlet.say("x")
    assert outlet.taken() == [ReasoningDelta("hm"), CALL, TextDelta("x")]


def test_a_close_tag_in_the_reasoning_begins_the_answer() -> None:
    outlet = _outlet()
    outlet.reasoning_channel = True
    outlet.say("hm ")
    outlet.close_reasoning()
    outlet.say("\nLima")
    assert outlet.taken() == [ReasoningDelta("hm"), TextDelta("Lima")]


def _echo(reasoning: str, block: list[str]) -> list[Event]:
    outlet = _outlet()
    outlet.reasoning_channel = True
    outlet.say(reasoning)
    outlet.rest()
    outlet.reasoning_channel = False
    outlet.taken()
    outlet.open_thinking()
    for piece in block:
        outlet.say(piece)
    outlet.close_thinking()
    return outlet.taken()


def test_thinking_that_came_before_is_an_echo() -> None:
    assert _echo("A plan.\n", ["A ", "plan."]) == [Repair("reasoning-echo", "A plan.")]


def test_other_thinking_is_none() -> None:
    assert _reasoning(_echo("A plan.", ["A ", "plot."])) == "A plot."
    assert _reasoning(_echo("A plan.", ["A"])) == "A"
    assert _reasoning(_echo("A plan.", ["A plan.", " And more."])) == "A plan. And more."


def test_long_reasoning_is_not_remembered() -> None:
    assert _reasoning(_echo("x" * (ECHO_LIMIT + 1), ["x"])) == "x"


def test_repairs_are_shown_in_short() -> None:
    outlet = _outlet(choice=1)
    outlet.repair("think-tag", "x" * 1000, "y" * 1000)
    assert outlet.taken() == [Repair("think-tag", "x" * SHOWN, "y" * SHOWN, 1)]
