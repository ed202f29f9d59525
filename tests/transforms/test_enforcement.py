"""Whether an answer may end, and how the model is asked again."""

from collections.abc import Mapping
from typing import Any

import pytest

from transforms.dialects import DIALECTS
from transforms.enforced_answer import Ending, EnforcedAnswer
from transforms.enforcement import Accept, Enforcement, Retry, enforce, verdict
from transforms.events import Event, OpaqueReasoning, ReasoningDelta, TextDelta
from transforms.profiles.profile import AnswerContext
from transforms.request import Message, Request, Tool

USER: Mapping[str, Any] = {"role": "user", "content": "What is the weather?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
DONE = {"id": "1", "type": "function", "function": {"name": "done", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [DONE]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "ok"}


def begun(limit: int = 3, dialect: str = "openai_chat", **fields: Any) -> Enforcement | None:
    body = {"model": "m", "messages": [USER], "tools": [TOOL], **fields}
    return enforce(DIALECTS[dialect].read_request(body), limit)


def enforcement(limit: int = 3, **fields: Any) -> Enforcement:
    made = begun(limit, **fields)
    assert made is not None
    return made


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tool_choice": "auto"},
        {"n": 1},
        {"response_format": {"type": "text"}},
        {"messages": [USER, CALLED, RESULT, {"role": "user", "content": "And now?"}]},
        {"messages": [USER, {"role": "assistant", "content": "Hm."}, {"role": "user", "content": "And now?"}]},
    ],
)
def test_requests_with_tools_are_enforced(fields: Mapping[str, Any]) -> None:
    assert enforcement(**fields).termination == "done"


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tools": [{"type": "web_search", "name": "web_search"}]},
        {"tool_choice": "none"},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [NAMED]}}},
        {"n": 2},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
        {"messages": [USER, {"role": "assistant", "content": "It is"}]},
        {"messages": [USER, {"role": "assistant", "content": "It is"}, {"role": "system", "content": "Go on."}]},
        {"messages": [USER, CALLED, RESULT]},
    ],
)
def test_what_is_left_alone(fields: Mapping[str, Any]) -> None:
    assert begun(**fields) is None


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_where_the_client_demands_a_call_there_is_no_other_way_to_end(choice: Any) -> None:
    made = enforcement(tool_choice=choice)
    assert made.termination is None
    request = Request("m", (Message("user", "Hi"),), (Tool("get_weather"),))
    assert made.ask(request, late_system=True) == request
    context = AnswerContext({"get_weather": None}, {}, frozenset(), 0, forbidden=False, hold_undecided=False)
    assert made.expect(context) is context
    asked = verdict(Ending(words=True), made)
    assert isinstance(asked, Retry) and "tool call" in asked.reminder and "done" not in asked.reminder


def test_a_client_that_has_such_a_tool_keeps_it() -> None:
    own = {"type": "function", "function": {"name": "done"}}
    made = enforcement(tools=[TOOL, own], messages=[USER, CALLED, RESULT])
    assert made.termination == "end_turn"
    assert made.offered == {"get_weather": True, "done": True}
    asked = verdict(Ending(words=True), made)
    assert isinstance(asked, Retry) and "`end_turn`" in asked.reminder


def test_which_tools_take_raw_text() -> None:
    custom = {"type": "custom", "custom": {"name": "grep"}}
    assert enforcement(tools=[TOOL, custom]).offered == {"get_weather": True, "grep": False}
    request = DIALECTS["openai_responses"].read_request(
        {"model": "m", "input": "Hi", "tools": [{"type": "custom", "name": "exec"}, {"type": "function", "name": "f"}]}
    )
    assert (made := enforce(request, 3)) and made.offered == {"exec": False, "f": True}
    server = {"type": "web_search_20250305", "name": "web_search"}
    request = DIALECTS["anthropic_messages"].read_request(
        {"model": "m", "messages": [USER], "tools": [server, {"name": "Read", "input_schema": SCHEMA}]}
    )
    assert (made := enforce(request, 3)) and made.offered == {"web_search": False, "Read": True}


@pytest.mark.parametrize(
    ("ending", "result"),
    [
        (Ending(called=["get_weather"]), "called"),
        (Ending(called=["get_weather"], ended=True, unusable=["x"]), "called"),
        (Ending(ended=True, answered=True), "ended"),
        (Ending(refused=True), "refused"),
        (Ending(cut_short=True, words=True, answered=True), "cut short"),
        (Ending(cut_short=True, unusable=["x"]), "cut short"),
    ],
)
def test_an_answer_that_may_end(ending: Ending, result: str) -> None:
    assert verdict(ending, enforcement()) == Accept(result)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (Ending(words=True, answered=True), "no tool call"),
        (Ending(answered=True), "empty answer"),
        (Ending(), "empty answer"),
        (Ending(unusable=["get_wether {}", "x" * 200]), f"unusable calls: get_wether {{}}, {'x' * 80}"),
        (Ending(ended=True), "no final answer"),
    ],
)
def test_an_answer_that_may_not(ending: Ending, reason: str) -> None:
    asked = verdict(ending, enforcement())
    assert isinstance(asked, Retry)
    assert asked.reason == reason
    assert asked.reminder.startswith("Reminder: ")
    assert "tool call" in asked.reminder and "`done`" in asked.reminder


def test_the_reminder_names_the_valid_tools_where_a_call_could_not_be_used() -> None:
    asked = verdict(Ending(unusable=["get_wether {}"]), enforcement())
    assert isinstance(asked, Retry)
    assert "`get_wether {}`" in asked.reminder and "`get_weather`" in asked.reminder


def test_only_so_many_unusable_calls_are_repeated() -> None:
    asked = verdict(Ending(unusable=[f"tool_{number}" for number in range(1000)]), enforcement())
    assert isinstance(asked, Retry)
    assert len(asked.reason) < 500 and "tool_999" not in asked.reminder


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_the_model_is_asked_so_often_and_no_more(limit: int) -> None:
    made, times = enforcement(limit), 0
    while isinstance(asked := verdict(Ending(words=True, answered=True), made), Retry):
        made.ask_again(asked, EnforcedAnswer(made.offered, made.termination, made.said))
        times += 1
    assert (times, asked) == (limit, Accept("exhausted"))
    assert made.reasons == ["no tool call"] * limit


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Ending(words=True, answered=True), Accept("ended")),
        (Ending(ended=True, answered=True), Accept("ended")),
        (Ending(ended=True), Accept("ended")),
        (Ending(called=["get_weather"]), Accept("called")),
    ],
)
def test_the_final_answer_is_asked_for_once(ending: Ending, expected: Accept) -> None:
    made = enforcement()
    answer = made.answer()
    answer.ending.ended = True
    asked = verdict(answer.ending, made)
    assert isinstance(asked, Retry) and "`final_answer`" in asked.reminder
    made.ask_again(asked, answer)
    assert verdict(ending, made) == expected


def test_an_empty_answer_is_no_final_one() -> None:
    made = enforcement()
    answer = made.answer()
    answer.ending.ended = True
    made.ask_again(Retry("no final answer", "Reminder"), answer)
    asked = verdict(Ending(), made)
    assert isinstance(asked, Retry) and asked.reason == "empty answer"


@pytest.mark.parametrize(("late_system", "role"), [(True, "system"), (False, "user")])
def test_the_history_goes_on(late_system: bool, role: str) -> None:
    made = enforcement()
    request = Request("m", [Message("user", "Hi")], [Tool("get_weather", parameters=SCHEMA)])
    first = made.ask(request, late_system=late_system)
    detail = {"type": "reasoning.text", "text": "Hm."}
    answer = made.answer()
    events: list[Event] = [ReasoningDelta("Hm."), OpaqueReasoning(detail), TextDelta("Let me check.")]
    for event in events:
        answer.feed(event)
    made.ask_again(Retry("no tool call", "Reminder 1"), answer)
    made.ask_again(Retry("empty answer", "Reminder 2"), made.answer())
    later = made.ask(request, late_system=late_system)
    assert later.messages[: len(first.messages)] == first.messages
    assert later.tools == first.tools
    words, *reminders = later.messages[len(first.messages) :]
    assert (words.role, words.content, words.reasoning) == ("assistant", "Let me check.", "Hm.")
    assert words.extra == {"reasoning_details": [detail]}
    assert [(message.role, message.content) for message in reminders] == [(role, "Reminder 1"), (role, "Reminder 2")]


def test_a_call_without_name_and_arguments_is_none_of_it() -> None:
    made = enforcement()
    request = made.ask(
        Request("m", [Message("user", "Hi")], [Tool("get_weather", parameters=SCHEMA)]), late_system=True
    )
    tools = {tool.name: tool.parameters for tool in request.tools}
    context = AnswerContext(tools, {}, frozenset(), 0, forbidden=False, hold_undecided=False)
    expected = made.expect(context).tools
    assert expected["get_weather"] == SCHEMA
    assert (expected["done"] or {})["required"] == ["final_answer"]
    assert made.expect(
        AnswerContext({"done": None}, {}, frozenset(), 0, forbidden=False, hold_undecided=False)
    ).tools == {"done": {"required": ["final_answer"]}}
    assert made.expect(AnswerContext({}, {}, frozenset(), 0, forbidden=False, hold_undecided=False)).tools == {}
