"""Anthropic, and every server that speaks its Messages API: Moonshot's `/anthropic`, DeepSeek's, Z.AI's ...

Source: anthropic-sdk-python `_client.py` for the headers. What is only known with a beta header is left out:
which betas a client uses says which client it is, and that header is not passed on.
"""

from collections.abc import Mapping
from typing import Any

from transforms.providers.provider import Body, Provider

_BETA = ("context_management", "fallbacks", "mcp_servers", "betas", "thread")


def _prepare(body: Body, options: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if name not in _BETA}


ANTHROPIC = Provider(
    name="anthropic",
    dialect="anthropic_messages",
    base_url="https://api.anthropic.com",
    path="/v1/messages",
    credential="x-api-key",
    headers={"anthropic-version": "2023-06-01"},
    prepare=_prepare,
)
