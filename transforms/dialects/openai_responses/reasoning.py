"""Reasoning items: what a model thought, and what only its issuer can read of that.

A client returns `encrypted_content` as it came. In our answers it is a seal, which brings back the words and the
entries of `reasoning_details` even from clients that drop the summary (Codex); anyone else's is an entry itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from transforms.dialects.openai_responses.content import joined_texts
from transforms.json_shapes import text_of
from transforms.seal import Sealed, is_seal, seal, unseal

FORMAT = "openai-responses-v1"
"""OpenRouter's name for entries that hold OpenAI's `encrypted_content`."""


def read_reasoning(item: Mapping[str, Any]) -> Sealed:
    """The words and the details of an item of a request."""
    words = words_of(item)
    encrypted = item.get("encrypted_content")
    sealed = unseal(encrypted)
    if sealed is not None:
        return Sealed(sealed.reasoning or words, sealed.details)
    # A seal that was damaged is nobody's.
    detail = None if is_seal(encrypted) else encrypted_detail(item)
    return Sealed(words, (detail,) if detail else ())


def words_of(item: Mapping[str, Any]) -> str:
    """The thinking itself where it is given, else its summary."""
    return joined_texts(item.get("content")) or joined_texts(item.get("summary"))


def encrypted_detail(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry of `reasoning_details` for an item's encrypted content; None where it has none."""
    encrypted = item.get("encrypted_content")
    if not isinstance(encrypted, str) or not encrypted:
        return None
    return {"type": "reasoning.encrypted", "data": encrypted, "id": text_of(item.get("id")), "format": FORMAT}


def write_reasoning(words: str, details: Sequence[Mapping[str, Any]], position: int) -> list[dict[str, Any]]:
    """The items of a request that say this; `position` is that of the first in the input. OpenAI's own entries
    are written as the items they were, under their ids, which it checks; other entries go into a seal."""
    own = [detail for detail in details if _is_own(detail)]
    foreign = [detail for detail in details if not _is_own(detail)]
    items = [
        _item(text_of(detail.get("id")) or f"rs_{position + index}", encrypted_content=detail["data"])
        for index, detail in enumerate(own)
    ]
    if foreign or (words and not items):
        items.append(_item(f"rs_{position + len(items)}"))
    if foreign:
        items[-1]["encrypted_content"] = seal("" if own else words, foreign)
    if words:
        items[0]["summary"] = [{"type": "summary_text", "text": words}]
    return items


def _item(id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": id, "summary": [], **fields}


def _is_own(detail: Mapping[str, Any]) -> bool:
    return (
        detail.get("type") == "reasoning.encrypted"
        and detail.get("format") == FORMAT
        and isinstance(detail.get("data"), str)
    )
