"""Google's Vertex AI (now "Gemini Enterprise Agent Platform"): Gemini, and open models under their publishers' names.

It is served in OpenAI's format at a place made of project and location. Sources: Google's "Using OpenAI libraries
with Vertex AI" for `extra_body`, kilocode#5329 for the path, LiteLLM's `vertex_ai/common_utils.py` for the hosts.
The model's id keeps its publisher (`moonshotai/…`, `google/gemini-…`): without it the model is not found.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from transforms.json_shapes import object_of
from transforms.providers.provider import Body, Provider

DEFAULT_LOCATION = "global"
THOUGHT_TAG = "think"
_MULTI_REGIONS = ("us", "eu")
_PATH = "/chat/completions"
_VERSIONS = ("/v1", "/v1beta1")


def host_of_location(location: str) -> str:
    """The host that serves a location: all of the world, the US or Europe as a whole, or one region."""
    if location == DEFAULT_LOCATION:
        return "aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


def _locate(base_url: str | None, options: Mapping[str, Any]) -> str:
    """The URL of the chat completions: `chat_endpoint` as it is, else the place of project and location. A base
    URL is another host for it (a private endpoint, a gateway), or with `/endpoints/…` in its path the place
    itself. Raises ValueError where a project is needed and there is none."""
    endpoint = options.get("chat_endpoint")
    if endpoint:
        return str(endpoint)
    location = str(options.get("location") or DEFAULT_LOCATION)
    parts = urlsplit((base_url or "").strip() or f"https://{host_of_location(location)}")
    path = parts.path.rstrip("/")
    if "/endpoints/" in path:
        path = path.removesuffix(_PATH) + _PATH
    else:
        project = str(options.get("project_id") or "")
        if not project:
            raise ValueError("the provider 'vertex' has no project")
        version = next((version for version in _VERSIONS if path.endswith(version)), "")
        path = path.removesuffix(version) + (version or _VERSIONS[0])
        path += f"/projects/{quote(project, safe=':')}/locations/{quote(location, safe='')}/endpoints/openapi{_PATH}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _prepare(body: Body, options: Mapping[str, Any]) -> Body:
    """Where Gemini's thoughts are asked for (`extra_body.google.thinking_config`), they are to stand in tags: they
    come without any otherwise, and nobody could tell them from the answer (hermes-agent#64036). Beside that
    configuration a `reasoning_effort` is a 400."""
    extra = object_of(body.get("extra_body"))
    google = object_of(extra.get("google"))
    thinking = next((google[name] for name in ("thinking_config", "thinkingConfig") if name in google), None)
    if not isinstance(thinking, Mapping):
        return body
    body = {name: value for name, value in body.items() if name != "reasoning_effort"}
    if (thinking.get("include_thoughts") or thinking.get("includeThoughts")) and not google.get("thought_tag_marker"):
        body["extra_body"] = {**extra, "google": {**google, "thought_tag_marker": THOUGHT_TAG}}
    return body


VERTEX = Provider(
    name="vertex",
    dialect="openai_chat",
    base_url=None,
    path=_PATH,
    credential="google",
    headers={},
    prepare=_prepare,
    locate=_locate,
)
