"""How good an answer's tool calls were, as K2 Vendor Verifier measures vendors: whether there was one, and how many
have arguments that the schema of their tool takes.

It is measured twice, as upstream sent the calls and as the client got them. What upstream sent is known by what had to
be repaired: a call that was dropped, that leaked as markup, or whose name or arguments were mended, was not valid.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transforms.request import Request
from transforms.response import ResponseCall
from transforms.tool_schemas import allows

# Not `no-tools` and `forbidden`: where nothing is offered, nothing is measured.
_DROPPED = tuple(f"call-dropped-{why}" for why in ("truncated", "unfinished", "nameless", "unknown", "unreadable"))
# Repairs of a name or of arguments; each can befall a call only once, but several of them the same call.
_MENDED = ("leaked-call", "name-", "arguments-")


class CallQuality(NamedTuple):
    """`offered` and `answered` are 0 or 1: whether the request let the model call a tool, and whether it did. `calls`
    are those that the model made, `valid_before` how many of them were valid as upstream sent them (at most: where
    several calls needed different repairs, they count as one call), `valid_after` as the client got them."""

    offered: int
    answered: int
    calls: int
    valid_before: int
    valid_after: int


def measure(request: Request, calls: Sequence[ResponseCall], repair_counts: Mapping[str, int]) -> CallQuality:
    """The quality of an answer's calls; `request` is the client's, `calls` are those that it got."""
    offered = int(bool(request.tools) and request.parameters.get("tool_choice") != "none")
    dropped = sum(repair_counts.get(kind, 0) for kind in _DROPPED)
    mended = max((count for kind, count in repair_counts.items() if kind.startswith(_MENDED)), default=0)
    schemas = {tool.name: tool.parameters for tool in request.tools}
    valid = sum(call.name in schemas and _takes(schemas[call.name], call.arguments) for call in calls)
    made = len(calls) + dropped
    return CallQuality(offered, int(bool(offered and made)), made, max(0, min(valid, len(calls) - mended)), valid)


def _takes(schema: Mapping[str, object] | None, arguments: str) -> bool:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and (schema is None or allows(schema, value))
