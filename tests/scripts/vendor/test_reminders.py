from typing import Any

import pytest

from scripts.vendor.reminders import count_reminders

ASKS = "Reminder: make a tool call."
TALKS = {"type": "text", "text": "What is a tool call?"}


def said(role: str, *content: Any) -> dict[str, Any]:
    """A message; texts become blocks where there are several or other blocks."""
    if len(content) == 1 and isinstance(content[0], str):
        return {"role": role, "content": content[0]}
    return {"role": role, "content": [text(part) if isinstance(part, str) else part for part in content]}


def text(words: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **fields}


USER = said("user", "Weather?")
ANSWER = said("assistant", "Let me make a tool call.")
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "a tool_call"}
HINT = {"type": "cache_point", "cache_control": {"type": "ephemeral"}}
HEADS = {
    "nothing": [],
    "no user": [said("system", ASKS)],
    "instructions": [said("system", ASKS), said("developer", ASKS), USER],
    "a first message that talks of it": [said("user", "What is a tool call?")],
    "one of several blocks": [said("user", TALKS, "Tell me.")],
    "an answer that does": [USER, ANSWER],
    "a result that does": [USER, ANSWER, said("tool", "tool_call")],
    "a result of several parts": [USER, ANSWER, said("tool", "tool_call", "tool_call")],
    "a result in the other format": [USER, ANSWER, said("user", RESULT), said("tool", RESULT)],
    "another wish": [USER, ANSWER, said("user", "And in Rome?")],
    "a reminder of long ago": [USER, ANSWER, said("user", ASKS), ANSWER, said("user", "And in Rome?")],
    "garbage": [USER, said("user", 5, {"text": 5}), {"role": "user"}, {}],
}
REMINDED = {
    "the system": (1, [USER, ANSWER, said("system", ASKS)]),
    "the user": (1, [USER, ANSWER, said("user", ASKS)]),
    "behind an answer of no words": (1, [USER, said("user", ASKS)]),
    "as a part": (1, [USER, ANSWER, said("user", ASKS, HINT)]),
    "in other words": (1, [USER, ANSWER, said("user", "There was no Tool_Call in it.")]),
    "with a hint behind": (1, [USER, ANSWER, said("user", text(ASKS, cache_control={}), " ", HINT)]),
    "behind results": (1, [USER, ANSWER, said("tool", RESULT, ASKS)]),
    "twice behind results": (2, [USER, ANSWER, said("user", RESULT, ASKS, ASKS)]),
    "in the first message": (1, [said("user", "Weather?", ASKS)]),
    "twice in the first message": (2, [said("user", TALKS, "Weather?", ASKS, HINT, ASKS)]),
    "thrice in all": (3, [said("user", "Weather?", ASKS), ANSWER, said("user", ASKS), ANSWER, said("system", ASKS)]),
}


@pytest.mark.parametrize("messages", HEADS.values(), ids=HEADS)
def test_what_is_no_reminder(messages: list[Any]) -> None:
    assert count_reminders(messages) == 0


@pytest.mark.parametrize(("count", "messages"), REMINDED.values(), ids=REMINDED)
def test_reminders(count: int, messages: list[Any]) -> None:
    assert count_reminders(messages) == count
