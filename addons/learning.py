"""What is remembered of an attempt once it is over: the route's habits, the answer's reasoning and signatures, how
the model counts tokens, and the answer itself where a client may refer to it."""

import time

from addons.exchange import Attempt
from addons.state import State
from transforms.reasoning import remember
from transforms.transcript import joined


def learn(state: State, attempt: Attempt) -> None:
    """Called at the end of every attempt, however it ended: what only a complete answer tells is left out then. The
    answer is what all attempts have said together, as the client got it."""
    assert attempt.pipeline is not None and attempt.request is not None
    exchange, transcript = attempt.exchange, attempt.pipeline.transcript
    kinds = transcript.repair_counts
    orphan = "orphan-think-close" in kinds or attempt.pipeline.orphan_seen
    complete = transcript.ended and transcript.failure is None and not attempt.replaced
    memory = state.memory(attempt.route.key, attempt.served)
    memory.reasoning_field = attempt.pipeline.reasoning_field or memory.reasoning_field
    for key, signature in attempt.pipeline.signatures.items():
        state.signatures.remember(key, signature, time.time())
    memory.learn(orphan=orphan, reasoned=bool(transcript.reasoning), said=complete and bool(transcript.text))
    transcripts = [*exchange.transcripts, transcript]
    if complete and all(part.complete for part in transcripts):
        known = remember(attempt.request, joined(transcripts), 0)
        if known is not None:
            state.reasoning.remember(*known)
    if exchange.estimated_tokens and not attempt.reprompt:
        counted = (transcript.usage or {}).get("prompt_tokens")
        if isinstance(counted, int):
            state.calibration.feed(attempt.served, exchange.estimated_tokens, counted)
    body = attempt.pipeline.body
    if exchange.body is not None and complete and body is not None:
        size = exchange.body_size + sum(len(part.text) + len(part.reasoning) for part in transcripts)
        state.conversations.remember(str(body.get("id")), exchange.body, body.get("output") or (), size)
