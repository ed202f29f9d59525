"""What of an exchange the log keeps, by its mode.

`full` keeps all of it. `metadata` keeps rows without content: no bodies, no preview, no words to search for, no texts
of errors, and of repairs their kinds. `errors` keeps as `full` does what failed, and as `metadata` does what ended
well; how an exchange ends is known last, so that its bodies are written while it runs. `off` keeps nothing. The sizes
of bodies are told in all modes but `off`.
"""

from dataclasses import replace

from webui.records import AttemptOutcome, AttemptRecord, BlobKey, ExchangeOutcome

NOTHING_LOGGED = "nothing is logged (LOG_MODE=off)"
ASKED_AGAIN = "asked again"
FULL, METADATA, ERRORS, OFF = MODES = ("full", "metadata", "errors", "off")


def check_mode(mode: str) -> str:
    """The mode. Raises ValueError for what is none."""
    if mode not in MODES:
        raise ValueError(f"log mode: {mode[:40]!r} is not one of {', '.join(MODES)}")
    return mode


def ended_well(outcome: ExchangeOutcome) -> bool:
    """Whether the client got an answer to its end, and not one that says an error."""
    return outcome.state == "complete" and (outcome.status or 0) < 400


def keeps_content(mode: str, outcome: ExchangeOutcome) -> bool:
    """Whether the bodies and texts of an exchange that ended so stay in the log."""
    return mode == FULL or (mode == ERRORS and not ended_well(outcome))


def without_content(outcome: ExchangeOutcome) -> ExchangeOutcome:
    """The outcome as it may be kept where content may not."""
    asked = [ASKED_AGAIN] * len(outcome.reprompts)
    repairs = [{"kind": repair.get("kind"), "before": "", "after": ""} for repair in outcome.repairs]
    return replace(outcome, preview=None, error_message=None, reprompts=asked, repairs=repairs, words=None)


def attempt_without_content(outcome: AttemptOutcome) -> AttemptOutcome:
    """Likewise that of an attempt: a reason may quote what was said."""
    return replace(outcome, reason=None)


def begun_without_content(record: AttemptRecord) -> AttemptRecord:
    """An attempt as it may be kept where content may not."""
    return replace(record, reprompt=ASKED_AGAIN if record.reprompt else None)


class NoBodies:
    """Stands for `BlobWriter` where bodies are not kept: it makes no file."""

    written = 0

    def append(self, key: BlobKey, data: bytes) -> None:
        pass

    def size(self, key: BlobKey) -> int:
        return 0

    def close(self, key: BlobKey, *, whole: bool = True) -> None:
        pass

    def discard(self, exchange_id: str) -> None:
        pass

    def shut(self) -> None:
        pass
