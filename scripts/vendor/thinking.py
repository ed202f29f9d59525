"""Thinking in the wrong place: section E of the corpus."""

from scripts.vendor.answer import Answer
from scripts.vendor.markup import LEAK, NATIVE, said

THOUGHT = "They ask for the answer; six times seven."
ORPHAN = "(no content)(no content)  Let me break down... </think>   The answer is 42."


def reasoned(**fields: object) -> Answer:
    """An answer whose thinking stands in these fields of the message."""
    return Answer({"content": "The answer is 42.", **fields})


def _details() -> list[dict[str, object]]:
    return [
        {"type": "reasoning.summary", "summary": "Multiplying. ", "index": 0},
        {"type": "reasoning.text", "text": THOUGHT, "index": 1, "format": "unknown"},
        {"type": "reasoning.encrypted", "data": "c2VhbGVk", "index": 2},
    ]


THINKING: dict[str, Answer] = {
    "orphan-think": said(ORPHAN),
    "think-close-without-open": said(f"{THOUGHT}</think>The answer is 42."),
    "think-close-after-reasoning": said("</think>\nThe answer is 42.", THOUGHT),
    "think-block-in-content": said(f"<think>{THOUGHT}</think>The answer is 42."),
    "call-inside-open-think": said(f"<think>{THOUGHT}{LEAK}"),
    "think-never-closed": said(f"<think>{THOUGHT} And then", finish="length"),
    "answer-lost-in-reasoning": said("", f"{THOUGHT}</think>The answer is 42."),
    "reasoning-field-alias": reasoned(reasoning=THOUGHT),
    "reasoning-duplicated-fields": reasoned(
        reasoning=THOUGHT,
        reasoning_content=THOUGHT,
        reasoning_details=[{"type": "reasoning.text", "text": THOUGHT}],
    ),
    "reasoning-details-only": reasoned(reasoning_details=_details()),
    "reasoning-echoed-in-content": said(f"<think>{THOUGHT}</think>The answer is 42.", THOUGHT),
    "think-tag-variants": said(f"<thinking>{THOUGHT}</thinking>The answer is 42."),
    "reasoning-leaks-as-content": said(f"{THOUGHT} The answer is 42."),
    "no-content-placeholder": Answer({"content": "(no content)", "tool_calls": [NATIVE]}, "tool_calls"),
    "empty-turn": said("", THOUGHT),
    "degenerate-output": said("!" * 400),
}
