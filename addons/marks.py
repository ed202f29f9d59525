"""What mitmweb shows of an attempt, and what a saved flow says: its mark and its comment."""

from addons.exchange import Attempt
from addons.mask import Mask
from transforms.translation import DROPPED

SHOWN = 200  # characters of a reason


def mark(attempt: Attempt) -> None:
    """Called when the attempt begins, and when it has ended."""
    assert attempt.pipeline is not None
    transcript = attempt.pipeline.transcript
    failure = attempt.failure or transcript.failure
    counts = ", ".join(
        f"{kind} ×{n}" if n > 1 else kind for kind, n in transcript.repair_counts.items() if kind not in DROPPED
    )
    mask = Mask(attempt.exchange.secrets)  # reasons repeat what the model said
    comment = f"{attempt.exchange.asked} → {attempt.name}"
    if attempt.number > 1:
        comment += f" · attempt {attempt.number}"
    if attempt.reprompt:
        comment += f" · asked again: {mask.text(attempt.reprompt, SHOWN)}"
    if failure is not None:
        comment += f" · failed: {failure.type}" + (", another attempt follows" if attempt.replaced else "")
    elif attempt.asked_again and attempt.replaced:
        comment += f" · {mask.text(attempt.asked_again, SHOWN)}, another attempt follows"
    elif attempt.finished and (attempt.asked_again or not transcript.ended):
        comment += " · the client left"
    if counts:
        comment += f" · repaired: {counts}"
    again = ":repeat:" if attempt.reprompt or attempt.asked_again else ":arrow_right:"
    attempt.flow.marked = ":x:" if failure else ":wrench:" if counts and again == ":arrow_right:" else again
    attempt.flow.comment = comment
