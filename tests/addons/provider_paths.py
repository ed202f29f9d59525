"""The providers as the simulator has them, each at its own path and with a credential of its own; and who asks them.

A `ProviderPath` says what stands in an entry's `provider_config`, and `entry` makes the whole entry. With `EACH_CLIENT`
a test runs once for a client of each format, as `asking`; with `EACH_FORM` for streamed and for whole answers, as
`stream`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.formats import CLIENTS
from transforms.providers import PROVIDERS

EACH_CLIENT = pytest.mark.parametrize("asking", CLIENTS, ids=lambda asking: asking.format)
EACH_FORM = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@dataclass(frozen=True, slots=True)
class ProviderPath:
    """`name` is the simulator's name of the vendor, `base` what stands behind its address in the base URL."""

    name: str
    provider: str
    base: str
    vendor: str | None = None

    @property
    def key(self) -> str:
        """Its credential, but for Google's, which is a token."""
        return f"sk-{self.name}/fake+key-0123456789"

    def url(self, simulator: str) -> str:
        """Where its requests are posted."""
        return PROVIDERS[self.provider].url(simulator + self.base, {"project_id": "demo", "location": "global"})

    @property
    def speaks_chat(self) -> bool:
        return self.provider != "anthropic"


OPENAI = ProviderPath("openai", "openai", "/v1")
OPENROUTER = ProviderPath("openrouter", "openrouter", "/api/v1", "openrouter")
VERTEX = ProviderPath("vertex", "vertex", "", "vertex")
ANTHROPIC = ProviderPath("anthropic", "anthropic", "", "anthropic")
MOONSHOT = ProviderPath("moonshot", "anthropic", "/anthropic", "moonshot")
PATHS = (OPENAI, OPENROUTER, VERTEX, ANTHROPIC, MOONSHOT)
KEYS = {path.name: path.key for path in PATHS if path is not VERTEX}


def entry(path: ProviderPath, url: str, account: Mapping[str, str], name: str, **more: Any) -> dict[str, Any]:
    """An entry that is served by this path of the simulator at `url`; `account` is Google's service account, whose
    key opens Vertex AI."""
    config: dict[str, Any] = {"base_url": url + path.base}
    if path.vendor:
        config["vendor"] = path.vendor
    if path.provider == "vertex":
        config |= {"project_id": "demo", "location": "global", "credentials": dict(account)}
    else:
        config["api_key"] = path.key
    config |= more.pop("provider_config", {})
    return {"name": name, "provider": path.provider, "provider_config": config, **more}


def ask(
    client: httpx.Client,
    path: ProviderPath,
    asking: Any,
    model: str,
    conversation: Sequence[Any] = (),
    headers: Mapping[str, str] | None = None,
    tools: Mapping[str, Any] | None = None,
    **more: Any,
) -> httpx.Response:
    """A client's request under the profile of that name; `more` is what else it has in its body."""
    body = asking.request(list(conversation) or asking.say("hello"), tools or {}, model=model, **more)
    return client.post(f"/{path.name}/v1/{asking.path}", json=body, headers=headers)


def is_stream(answer: httpx.Response) -> bool:
    return answer.headers["content-type"].startswith("text/event-stream")


def read(asking: Any, answer: httpx.Response) -> Any:
    """What the client saw."""
    return (asking.read_stream if is_stream(answer) else asking.read_body)(answer.content)
