"""Anthropic's thinking blocks, and the reasoning that they hold.

A block's signature is the issuer's: Anthropic's for Claude, and for a model that signs nothing our own seal,
which carries what the block has no place for (`transforms/seal.py`). A signature is never empty, because
clients turn unsigned thinking into text or drop it (pi and opencode do). In the canonical words a signature
that is not ours is an entry of `reasoning_details` with the `format` by which OpenRouter names Anthropic's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.events import OpaqueReasoning, ReasoningDelta
from transforms.json_shapes import text_of
from transforms.seal import is_seal, seal, unseal

FORMAT = "anthropic-claude-v1"


@dataclass(frozen=True, slots=True)
class Thinking:
    """What blocks of thinking say: the words, and the entries that only their issuer can read."""

    words: str = ""
    details: Sequence[Mapping[str, Any]] = ()


def read_thinking(block: Mapping[str, Any]) -> Thinking | None:
    """A `thinking` or `redacted_thinking` block; None for any other. A seal that was damaged on the way says
    nothing: its entries are lost, and it is nobody's signature."""
    if block.get("type") == "thinking":
        words, signature = text_of(block.get("thinking")), text_of(block.get("signature"))
        sealed = unseal(signature)
        if sealed is not None:
            return Thinking(words or sealed.reasoning, sealed.details)
        return Thinking(words, [signed(words, signature)] if signature and not is_seal(signature) else ())
    if block.get("type") == "redacted_thinking":
        data = text_of(block.get("data"))
        sealed = unseal(data)
        if sealed is not None:
            return Thinking(sealed.reasoning, sealed.details)
        return Thinking(details=[redacted(data)] if data and not is_seal(data) else ())
    return None


def signed(words: str, signature: str) -> Mapping[str, Any]:
    """The entry for a block with a signature."""
    return {"type": "reasoning.text", "text": words, "signature": signature, "format": FORMAT}


def redacted(data: str) -> Mapping[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, "format": FORMAT}


def is_anthropic(detail: Mapping[str, Any]) -> bool:
    """Whether an entry is one that Anthropic issued."""
    return detail.get("format") == FORMAT


def signature_of(words: str, details: Sequence[Mapping[str, Any]]) -> str:
    """The signature of a block with these words: Anthropic's own if all there is to carry is that."""
    if len(details) == 1 and is_anthropic(details[0]) and details[0].get("text") == words:
        signature = text_of(details[0].get("signature"))
        if signature:
            return signature
    return seal(details=details)


def data_of(details: Sequence[Mapping[str, Any]]) -> str:
    """What a `redacted_thinking` block holds for these entries."""
    if len(details) == 1 and is_anthropic(details[0]) and text_of(details[0].get("data")):
        return text_of(details[0].get("data"))
    return seal(details=details)


def thinking_blocks(words: str | None, details: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The blocks of a whole turn's reasoning. Where all of it is Anthropic's they are the blocks that it sent;
    otherwise there is one block for the words, and all entries with it."""
    details = list(details)
    own = [detail for detail in details if is_anthropic(detail)]
    told = "".join(text_of(detail.get("text")) for detail in own)
    if details and len(own) == len(details) and told == (words or ""):
        return [_own_block(detail) for detail in own]
    if words:
        return [{"type": "thinking", "thinking": words, "signature": signature_of(words, details)}]
    return [{"type": "redacted_thinking", "data": data_of(details)}] if details else []


def thinking_events(block: Mapping[str, Any]) -> list[ReasoningDelta | OpaqueReasoning]:
    """The events of a whole block of an answer."""
    thinking = read_thinking(block)
    if thinking is None:
        return []
    words = [ReasoningDelta(thinking.words)] if thinking.words else []
    return [*words, *map(OpaqueReasoning, thinking.details)]


def _own_block(detail: Mapping[str, Any]) -> dict[str, Any]:
    if text_of(detail.get("signature")):
        return {"type": "thinking", "thinking": text_of(detail.get("text")), "signature": detail["signature"]}
    return {"type": "redacted_thinking", "data": data_of([detail])}
