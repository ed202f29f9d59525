"""Answers that clients refer to instead of repeating them: `previous_response_id`, and `item_reference` items.

A client of the Responses format may send only what is new and the id of the answer before. The id is the
exchange's own, so the whole conversation can be put together again from the log, where each exchange has what
the client sent and what it got. The latest are kept in memory: the log is written a moment later, and a client
that runs a tool in a millisecond is faster.
"""

import asyncio
import json
import reprlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from addons.admission import RefusalError
from transforms.dialects.openai_responses import ID_PREFIX
from transforms.response_items import input_items, output_items

MEMORY_LIMIT = 32 * 1024 * 1024  # bytes of JSON kept, over all conversations
CHAIN_LIMIT = 2000  # answers that one conversation may go back

type Item = Mapping[str, Any]


class Blobs(Protocol):
    """The log's reading side: a body comes in pieces, and is None where there is none."""

    def read_blob(self, exchange_id: str, attempt: int, kind: str) -> Iterable[bytes] | None: ...


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one exchange added: `said` by the client, `answered` to it, behind the answer `previous`."""

    previous: str | None
    said: Sequence[Item]
    answered: Sequence[Item]
    size: int


class Conversations:
    """The turns, by the id of their answer."""

    def __init__(self, limit: int = MEMORY_LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._turns: OrderedDict[str, _Turn] = OrderedDict()

    def remember(self, response_id: str, body: Mapping[str, Any], output: Sequence[Item], size: int) -> None:
        """One exchange: the client's body as it came, the items of the answer, and the bytes of both, about."""
        self._keep(response_id, _Turn(_previous(body), input_items(body), output, size))

    async def complete(self, body: dict[str, Any], blobs: Blobs) -> dict[str, Any]:
        """The body with everything that it refers to in its `input`; the reference stays, because the answer
        repeats it. Raises RefusalError for an answer that is not known."""
        previous = _previous(body)
        items = input_items(body)
        if previous is not None:
            items = [*await self._history(previous, blobs), *items]
        if any(map(_is_reference, items)):
            known = {item["id"]: item for item in items if isinstance(item.get("id"), str) and not _is_reference(item)}
            items = [await self._resolved(item, known, blobs) for item in items]
        elif previous is None:
            return body
        return {**body, "input": items}

    async def _history(self, response_id: str, blobs: Blobs) -> list[Item]:
        turns: list[_Turn] = []
        wanted: str | None = response_id
        while wanted is not None:
            if len(turns) >= CHAIN_LIMIT:
                raise _refusal(f"the conversation of {response_id!r} is longer than {CHAIN_LIMIT} answers")
            turn = await self._turn(wanted, blobs)
            if turn is None:
                raise _refusal(
                    f"Previous response with id {response_id!r} not found: {wanted!r} is not in this proxy's log.",
                    "previous_response_not_found",
                )
            turns.append(turn)
            wanted = turn.previous
        return [item for turn in reversed(turns) for item in (*turn.said, *turn.answered)]

    async def _resolved(self, item: Item, known: dict[str, Item], blobs: Blobs) -> Item:
        """The item that a reference names. Its id says which answer it is of."""
        if not _is_reference(item):
            return item
        id = item.get("id")
        if isinstance(id, str) and id not in known:
            turn = await self._turn(ID_PREFIX + id.partition("_")[2].rpartition("_")[0], blobs)
            known |= {answer["id"]: answer for answer in (turn.answered if turn else ()) if "id" in answer}
        if not isinstance(id, str) or id not in known:
            raise RefusalError(400, f"Item with id {id!r} not found.", "invalid_request_error", param="input")
        return known[id]

    async def _turn(self, response_id: str, blobs: Blobs) -> _Turn | None:
        turn = self._turns.get(response_id)
        if turn is not None:
            self._turns.move_to_end(response_id)
            return turn
        turn = await asyncio.to_thread(_read_turn, response_id.removeprefix(ID_PREFIX), blobs)
        if turn is not None:
            self._keep(response_id, turn)
        return turn

    def _keep(self, response_id: str, turn: _Turn) -> None:
        replaced = self._turns.pop(response_id, None)
        self._size += turn.size - (replaced.size if replaced else 0)
        self._turns[response_id] = turn
        while self._size > self._limit:
            _, dropped = self._turns.popitem(last=False)
            self._size -= dropped.size


def _is_reference(item: Item) -> bool:
    return item.get("type") == "item_reference"


def _previous(body: Mapping[str, Any]) -> str | None:
    previous = body.get("previous_response_id")
    if previous is not None and not isinstance(previous, str):
        raise _refusal(f"previous_response_id: {reprlib.repr(previous)} is not a string")
    return previous or None


def _refusal(message: str, code: str | None = None) -> RefusalError:
    return RefusalError(400, message, "invalid_request_error", code=code, param="previous_response_id")


def _read_turn(exchange_id: str, blobs: Blobs) -> _Turn | None:
    """A turn from the log; None where it is not there, or not whole. Runs in a thread."""
    try:
        asked = b"".join(blobs.read_blob(exchange_id, 0, "client_request") or ())
        answered = b"".join(blobs.read_blob(exchange_id, 0, "client_response") or ())
        body = json.loads(asked)
    except (ValueError, RuntimeError):
        return None
    output = output_items(answered)
    if not isinstance(body, dict) or output is None:
        return None
    return _Turn(_previous(body), input_items(body), output, len(asked) + len(answered))
