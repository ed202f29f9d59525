"""Reads an entry's `provider_config`: the keys that each provider knows, over what the environment says.

Every key counts over its variable separately, as in the original Kimi Proxy, with one exception: the
environment's API key is not sent to a public host that it was not meant for. An entry that names such a host
and no key is reported, because whoever exports OPENAI_API_KEY and forgets Moonshot's would otherwise hand
OpenAI's to Moonshot. Servers on this machine or in a private network may be given it, or need no key at all.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from config.addresses import BASE_URL, host_of, is_base_url, is_local_host, is_url
from config.checks import Problems, Section, join, one_of
from config.environment import CREDENTIALS, is_google_credentials
from config.openrouter_options import read_prices, read_quantizations, read_sort, read_threshold
from config.payload import read_body, read_headers, read_json_mapping
from config.references import expand
from config.secret import Secret
from config.settings import Settings
from config.vertex_options import read_place

# What every provider takes.
COMMON = ("base_url", "api_key", "vendor", "headers", "body")

# What each takes besides, and of what kind. OpenRouter's are its `provider` object (its OpenAPI description).
OPTIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "openai": {},
        "anthropic": {},
        "openrouter": {
            "order": "texts",
            "only": "texts",
            "ignore": "texts",
            "sort": "sort",
            "allow_fallbacks": "flag",
            "require_parameters": "flag",
            "data_collection": "data_collection",
            "zdr": "flag",
            "enforce_distillable_text": "flag",
            "quantizations": "quantizations",
            "max_price": "prices",
            "preferred_max_latency": "threshold",
            "preferred_min_throughput": "threshold",
        },
        "vertex": {
            "project_id": "text",
            "location": "text",
            "credentials": "credentials",
            "chat_endpoint": "url",
        },
    }
)

# Names that the original has for something else than the same words in camelCase.
SYNONYMS: Mapping[str, str] = MappingProxyType(
    {"providers": "only", "endpoint_override": "chat_endpoint", "credentials_path": "credentials"}
)

_DEFAULT_URLS = {
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "anthropic": "https://api.anthropic.com",
}
_CREDENTIAL_HEADERS = frozenset({"authorization", "x-api-key", "api-key"})
_CAMEL = re.compile(r"[a-z][A-Za-z]*")
_CAPITAL = re.compile(r"(?<=[a-z])([A-Z])")


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """What `provider_config` and the environment together say; see `Route` for the fields."""

    vendor: str | None
    base_url: str | None
    api_key: Secret | None
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    options: Mapping[str, Any]


def snake_case(key: str) -> str:
    """A key as we spell it: `apiKey` and `baseURL` are `api_key` and `base_url`; what is no camelCase stays."""
    if _CAMEL.fullmatch(key):
        key = _CAPITAL.sub(r"_\1", key).lower()
    return SYNONYMS.get(key, key)


def known_keys(provider: str | None) -> tuple[str, ...]:
    """The keys of a provider; those of all where it is not known which one was meant."""
    if provider is None:
        return (*COMMON, *(key for options in OPTIONS.values() for key in options))
    return (*COMMON, *OPTIONS.get(provider, ()))


def read_provider_config(
    problems: Problems,
    path: str,
    raw: Mapping[object, object],
    *,
    provider: str | None,
    vendors: Collection[str],
    settings: Settings,
    environment: Mapping[str, str],
) -> ProviderConfig:
    """`raw` as the document has it, at `path`; problems are reported, and leave a field empty."""
    section = _normalized(problems, path, raw, provider, environment)
    base_url = _url(section, "base_url")
    headers = read_headers(section)
    options = {
        key: value
        for key, kind in OPTIONS.get(provider or "", {}).items()
        if (value := _option(section, key, kind)) is not None
    }
    return ProviderConfig(
        vendor=section.choice("vendor", vendors),
        base_url=base_url or _environment_url(provider, settings),
        api_key=_api_key(section, provider, base_url, headers, settings),
        headers=headers,
        body=read_body(section),
        options=_with_environment(section, provider, options, settings),
    )


def _normalized(
    problems: Problems,
    path: str,
    raw: Mapping[object, object],
    provider: str | None,
    environment: Mapping[str, str],
) -> Section:
    known = known_keys(provider)
    values: dict[str, object] = {}
    written: dict[str, object] = {}
    spelling: dict[str, str] = {}
    for key, value in raw.items():
        place = join(path, problems.key(key))
        name = snake_case(key) if isinstance(key, str) else ""
        if not isinstance(key, str) or name not in known:
            problems.add_shown(place, "this key", one_of(known, name))
        elif name in values:
            other = f"another setting than {spelling[name]}: give only one of them"
            problems.add_shown(place, "this key", other)
        else:
            values[name] = expand(problems, place, value, environment)
            written[name], spelling[name] = value, key
    return Section(problems, path, values, written, spelling)


def _option(section: Section, key: str, kind: str) -> object:
    match kind:
        case "text":
            return section.text(key)
        case "flag":
            return section.flag(key)
        case "texts":
            return section.texts(key)
        case "url":
            return _url(section, key)
        case "credentials":
            return _credentials(section)
        case "data_collection":
            return section.choice(key, ("allow", "deny"))
        case "sort":
            return read_sort(section, key)
        case "prices":
            return read_prices(section, key)
        case "threshold":
            return read_threshold(section, key)
        case _:
            return read_quantizations(section, key)


def _url(section: Section, key: str) -> str | None:
    text = section.text(key)
    check, expected = (is_base_url, BASE_URL) if key == "base_url" else (is_url, "an http(s) URL")
    if text is None or check(text.strip()):
        return text and text.strip()
    section.report(key, expected)
    return None


def _credentials(section: Section) -> Secret | None:
    """A path, the JSON as a text, or the same as a mapping."""
    value = section.get("credentials")
    if isinstance(value, dict):
        if mapping := read_json_mapping(section, "credentials"):
            return Secret(json.dumps(mapping, default=str, skipkeys=True))
        section.report("credentials", CREDENTIALS)
        return None
    text = section.text("credentials")
    if text is None or is_google_credentials(text.strip()):
        return Secret(text.strip()) if text else None
    section.report("credentials", CREDENTIALS)
    return None


def _environment_url(provider: str | None, settings: Settings) -> str | None:
    urls = {"openai": settings.openai_base_url, "anthropic": settings.anthropic_base_url}
    return urls.get(provider or "")


def _environment_key(provider: str | None, settings: Settings) -> Secret | None:
    keys = {
        "openai": settings.openai_api_key,
        "anthropic": settings.anthropic_api_key,
        "openrouter": settings.openrouter_api_key,
    }
    return keys.get(provider or "")


def _api_key(
    section: Section,
    provider: str | None,
    own_url: str | None,
    headers: Mapping[str, str],
    settings: Settings,
) -> Secret | None:
    """The entry's key, or the environment's if it may go to the entry's host; reports a missing one."""
    if section.has("api_key") or provider not in _DEFAULT_URLS:
        return section.secret("api_key")
    if any(name.lower() in _CREDENTIAL_HEADERS for name in headers):
        return None
    if section.has("base_url") and own_url is None:
        return None  # the URL was reported, and with it goes the question whether it needs a key
    key = _environment_key(provider, settings)
    variable = f"{provider.upper()}_API_KEY"
    meant_for = host_of(_environment_url(provider, settings) or _DEFAULT_URLS[provider])
    host = host_of(own_url) if own_url else meant_for
    # A host below the one it is meant for has the same owner: eu.openrouter.ai.
    if is_local_host(host) or (key is not None and f".{host}".endswith(f".{meant_for}")):
        return key
    expected = f"a key for {host}"
    if host == meant_for:
        expected += f" (or {variable} in the environment)"
    elif key is not None:
        expected += f" ({variable} is for {meant_for}; write ${variable} to send it all the same)"
    section.problems.add_missing(section.place("api_key"), expected)
    return None


def _with_environment(
    section: Section, provider: str | None, own: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """The entry's options over the environment's."""
    if provider == "openrouter":
        given: dict[str, Any] = {
            "only": list(settings.openrouter_only) or None,
            "order": list(settings.openrouter_order) or None,
            "sort": settings.openrouter_sort,
            "allow_fallbacks": settings.openrouter_allow_fallbacks,
        }
    elif provider == "vertex":
        given = read_place(section, own, settings)
    else:
        given = {}
    return {key: value for key, value in given.items() if value is not None} | dict(own)
