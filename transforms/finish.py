"""Makes the finish reason agree with what was said.

`tool_calls` if and only if there are calls. What says more than that survives: `length` and
`content_filter` are true with and without calls, and agents act on them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from transforms.events import ChoiceFinish, Event, FinishReason, Repair, ToolCallStart

REPAIR_KINDS: Mapping[str, str] = {
    "finish-reason": "the finish reason did not agree with the answer",
}


class FinishRepair:
    """The stage. Stands behind everything that adds or drops calls."""

    def __init__(self) -> None:
        self._calls: Counter[int] = Counter()

    def feed(self, event: Event) -> Iterable[Event]:
        match event:
            case ToolCallStart(choice=choice):
                self._calls[choice] += 1
            case ChoiceFinish(reason, raw, choice):
                right = agreeing(reason, self._calls[choice])
                # A word that only has another spelling (eos, tool_use) is read right by the dialect.
                if right != reason or raw is None:
                    return [
                        Repair("finish-reason", raw or "", right, choice),
                        ChoiceFinish(right, raw, choice),
                    ]
        return [event]

    def close(self) -> Iterable[Event]:
        return ()


def agreeing(reason: FinishReason, calls: int) -> FinishReason:
    """The finish reason of an answer with so many calls."""
    if reason in ("length", "content_filter"):
        return reason
    return "tool_calls" if calls else "stop"
