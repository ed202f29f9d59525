"""Anthropic, and every server that speaks its Messages API: Moonshot's `/anthropic`, DeepSeek's, Z.AI's ...

Source: anthropic-sdk-python `_client.py` for the headers. The version is that of 2023, which all of these servers
know; the one of 2026 refuses `temperature`, which clients send (docs, `api/versioning`). Moonshot takes an API key
in either header (its users set ANTHROPIC_AUTH_TOKEN or ANTHROPIC_API_KEY), Kimi Code's `/coding` in this one; for
a server that wants `Authorization` alone, an entry's `headers` say so.
"""

from collections.abc import Mapping
from typing import Any

from transforms.json_shapes import object_of
from transforms.providers.betas import HEADER, find_betas, without_betas
from transforms.providers.provider import Body, Provider
from transforms.vendors import vendor_for_host

HOST = "api.anthropic.com"

# Another matter than betas: names of the SDK that are no fields, what only the server that holds it can continue,
# and whose bill it is.
_NEVER = ("betas", "thread", "billing_policy")
_CLEAR_THINKING = "clear_thinking_20251015"


def _prepare(body: Body, options: Mapping[str, Any]) -> Body:
    """The body for Anthropic with what it takes, or without betas for others. The options `vendor` (a key of
    `VENDORS`) or `host` (of the endpoint) say whose server it is; Anthropic's own, if neither is there."""
    body = {name: value for name, value in body.items() if name not in _NEVER}
    vendor = options.get("vendor") or vendor_for_host(options.get("host") or HOST)
    return _settle_edits(body) if vendor == "anthropic" else without_betas(body)


def _settle_edits(body: Body) -> Body:
    """Takes back the wish to clear thinking where thinking was switched off: `clear_thinking_20251015 strategy
    requires thinking to be enabled or adaptive` (gajae-code#4380)."""
    management = object_of(body.get("context_management"))
    edits = management.get("edits")
    if object_of(body.get("thinking")).get("type") != "disabled" or not isinstance(edits, list):
        return body
    kept = [edit for edit in edits if object_of(edit).get("type") != _CLEAR_THINKING]
    if len(kept) == len(edits):
        return body
    if not kept:
        return {name: value for name, value in body.items() if name != "context_management"}
    return {**body, "context_management": {**management, "edits": kept}}


def _headers_for(body: Body) -> Mapping[str, str]:
    betas = find_betas(body)
    return {HEADER: ",".join(betas)} if betas else {}


ANTHROPIC = Provider(
    name="anthropic",
    dialect="anthropic_messages",
    base_url=f"https://{HOST}",
    path="/v1/messages",
    credential="x-api-key",
    headers={"anthropic-version": "2023-06-01"},
    prepare=_prepare,
    headers_for=_headers_for,
)
