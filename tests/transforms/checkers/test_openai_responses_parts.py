from collections.abc import Callable
from typing import Any

import pytest

from transforms.checkers.openai_responses_parts import PART_EVENTS, Parts

type Edited = Callable[[list[Any], tuple[int, str, Any]], list[Any]]


def event(type: str, index: int, **fields: Any) -> dict[str, Any]:
    type = f"response.{type}"
    return {"type": type, PART_EVENTS[type].index: index, **fields}


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


REFUSAL = {"type": "refusal", "refusal": "no"}
SUMMARY = {"type": "summary_text", "text": "s"}
THOUGHT = {"type": "reasoning_text", "text": "hm"}
TEXT_DELTA = event("output_text.delta", 0, delta="a", logprobs=[])
SUMMARY_DELTA = event("reasoning_summary_text.delta", 0, delta="s")

# The last is the item when it is done.
GOOD: dict[str, list[Any]] = {
    "message": [
        event("content_part.added", 0, part=text_part("")),
        TEXT_DELTA,  # 1
        event("output_text.delta", 0, delta="b\u00e9", logprobs=[]),
        event("output_text.done", 0, text="ab\u00e9", logprobs=[]),  # 3
        event("content_part.done", 0, part=text_part("ab\u00e9")),
        event("content_part.added", 1, part={"type": "refusal", "refusal": ""}),  # 5
        event("refusal.delta", 1, delta="no"),
        event("refusal.done", 1, refusal="no"),  # 7
        event("content_part.done", 1, part=REFUSAL),
        {"content": [text_part("ab\u00e9"), REFUSAL]},  # 9
    ],
    "reasoning": [
        event("reasoning_summary_part.added", 0, part={"type": "summary_text", "text": ""}),
        SUMMARY_DELTA,  # 1
        event("reasoning_summary_text.done", 0, text="s"),
        event("reasoning_summary_part.done", 0, part=SUMMARY),  # 3
        event("content_part.added", 0, part={"type": "reasoning_text", "text": ""}),
        event("reasoning_text.delta", 0, delta="hm"),  # 5
        event("reasoning_text.done", 0, text="hm"),
        event("content_part.done", 0, part=THOUGHT),  # 7
        event("reasoning_text.delta", 1, delta="h"),
        event("reasoning_text.delta", 1, delta="m"),  # 9
        event("reasoning_text.done", 1, text="hm"),
        {"summary": [SUMMARY], "content": [THOUGHT, THOUGHT]},  # 11
    ],
}


def said(type: str, events: list[Any]) -> list[str]:
    parts = Parts(type)
    *inside, item = events
    return [*(what for event in inside for what in parts.event(event["type"], event)), *parts.done(item)]


@pytest.mark.parametrize("type", GOOD)
def test_right_parts(type: str) -> None:
    assert said(type, GOOD[type]) == []
    assert not Parts(type).broken


def test_reasoning_may_have_no_content() -> None:
    assert said("reasoning", [*GOOD["reasoning"][:4], {"summary": [SUMMARY], "content": None}]) == []
    assert said("reasoning", [*GOOD["reasoning"][:4], {"summary": [SUMMARY]}]) == []


IN_A_MESSAGE: dict[str, tuple[tuple[int, str, Any], str]] = {
    "no part": ((0, "part", None), "part is null, not an object"),
    "another type": ((0, "part.type", "text"), "part.type is 'text', not one of output_text, refusal"),
    "text at the start": ((0, "part.text", "a"), "part.text is 'a', not ''"),
    "no annotations": ((0, "part.annotations", ...), "part.annotations is missing, not []"),
    "no refusal at the start": ((5, "part.refusal", ...), "part.refusal is missing, not ''"),
    "a summary": ((0, "+", SUMMARY_DELTA), "response.reasoning_summary_text.delta in an item of type 'message'"),
    "thoughts": (
        (0, "+", event("reasoning_text.delta", 0)),
        "response.reasoning_text.delta in an item of type 'message'",
    ),
    "an event of a call": ((0, "+", {"type": "response.x"}), "response.x in an item of type 'message'"),
    "a part that never began": ((0, "", ...), "response.output_text.delta for part 0, which is not open"),
    "a part inside another": ((4, "", ...), "a part begins while part 0 is open"),
    "a part that is not done": ((8, "", ...), "the item is done while part 1 is open"),
    "a refusal in a text": (
        (1, "+", event("refusal.delta", 0, delta="a")),
        "response.refusal.delta while part 0 of type",
    ),
    "a delta of another part": ((1, "content_index", 1), "content_index is 1 while part 0 is open"),
    "a delta of no part": ((6, "content_index", ...), "content_index is null while part 1 is open"),
    "an empty delta": ((1, "+", {**TEXT_DELTA, "delta": ""}), "delta is '', not a non-empty string"),
    "a delta that is no text": ((1, "+", {**TEXT_DELTA, "delta": 1}), "delta is 1, not a non-empty string"),
    "no logprobs": ((1, "logprobs", ...), "logprobs is missing, not a list"),
    "no logprobs at the end": ((3, "logprobs", None), "logprobs is null, not a list"),
    "a delta that is lost": ((1, "", ...), "text of part 0 is not what the deltas said"),
    "another refusal": ((7, "refusal", "yes"), "refusal of part 1 is not what the deltas said"),
    "no text": ((3, "text", ...), "text is missing, not a string"),
    "a delta behind the text": ((4, "+", TEXT_DELTA), "a delta for part 0, whose text is done"),
    "the text twice": ((4, "+", GOOD["message"][3]), "the text of part 0 is done again"),
    "no end of the text": ((3, "", ...), "part 0 is done, but not its text"),
    "another text of the part": ((4, "part.text", "x"), "part.text is not what the text's own done event said"),
    "another type of the part": ((4, "part.type", "x"), "part.type is 'x', not 'output_text'"),
    "no part at the end": ((4, "part", ...), "part is null, not an object"),
    "no text of the part": ((8, "part.refusal", ...), "part.refusal is missing, not a string"),
    "other content": ((9, "content.0.text", "x"), "item.content is not what the events of its parts said"),
    "content of another type": ((9, "content.1.type", "x"), "item.content is not what the events of its parts said"),
    "no content": ((9, "content", ...), "item.content is not what the events of its parts said"),
    "a part less": ((9, "content.1", ...), "item.content is not what the events of its parts said"),
    "a part that is none": ((9, "content.1", 1), "item.content is not what the events of its parts said"),
    "a part without text": ((9, "content.1.refusal", 1), "item.content is not what the events of its parts said"),
}
IN_REASONING: dict[str, tuple[tuple[int, str, Any], str]] = {
    "another type": ((0, "part.type", "x"), "part.type is 'x', not 'summary_text'"),
    "a text part": ((4, "part.type", "output_text"), "part.type is 'output_text', not 'reasoning_text'"),
    "summary at the start": ((0, "part.text", "s"), "part.text is 's', not ''"),
    "text": ((0, "+", TEXT_DELTA), "response.output_text.delta in an item of type 'reasoning'"),
    "a summary that never began": ((0, "", ...), "response.reasoning_summary_text.delta for part 0, which is not open"),
    "a summary of no part": ((1, "summary_index", ...), "summary_index is null while part 0 is open"),
    "a summary in the content": (
        (5, "+", SUMMARY_DELTA),
        "response.reasoning_summary_text.delta while part 0 of type reasoning_text is open",
    ),
    "an empty summary": ((1, "+", {**SUMMARY_DELTA, "delta": ""}), "delta is '', not a non-empty string"),
    "another summary": ((1, "delta", "t"), "text of part 0 is not what the deltas said"),
    "another summary of the part": ((3, "part.text", "t"), "part.text is not what the text's own done event said"),
    "no end of the summary": ((2, "", ...), "part 0 is done, but not its text"),
    "other thoughts": ((5, "delta", "t"), "text of part 0 is not what the deltas said"),
    "other bare thoughts": ((9, "delta", "t"), "text of part 1 is not what the deltas said"),
    "bare thoughts without an end": ((10, "", ...), "the item is done while part 1 is open"),
    "bare thoughts out of order": ((8, "content_index", 3), "content_index is 3, not 1"),
    "other summary at last": ((11, "summary", []), "item.summary is not what the events of its parts said"),
    "no summary at last": ((11, "summary", ...), "item.summary is not what the events of its parts said"),
    "no thoughts at last": ((11, "content", ...), "item.content is not what the events of its parts said"),
}
FAULTS = [("message", *fault) for fault in IN_A_MESSAGE.values()]
FAULTS += [("reasoning", *fault) for fault in IN_REASONING.values()]


@pytest.mark.parametrize(("type", "change", "what"), FAULTS, ids=[*IN_A_MESSAGE, *IN_REASONING])
def test_each_fault_breaks_one_rule(edited: Edited, type: str, change: tuple[int, str, Any], what: str) -> None:
    found = said(type, edited(GOOD[type], change))
    assert len(found) == 1 and found[0].startswith(what), found


@pytest.mark.parametrize("index", [1, None, True])
def test_a_gap_between_parts(index: Any) -> None:
    added = {"type": "response.content_part.added", "content_index": index, "part": text_part("")}
    (what,) = Parts("message").event(added["type"], added)
    assert what.startswith("content_index is ") and what.endswith(", not 0")
