"""The configuration: its mistakes, its keys, and models that are no longer served."""

import fnmatch
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from config.addresses import API_HOSTS, host_of
from config.checks import SettingsError
from config.load import load, read_environment
from config.routes import Routes
from config.settings import Route
from scripts.doctoring.findings import Finding, Surroundings, ok, problem
from scripts.start import is_configured
from transforms.profiles import PROFILES
from transforms.providers import PROVIDERS
from transforms.vendors import VENDORS

EXAMPLE = "config/model-config.example.yaml shows every key"


class Retired(NamedTuple):
    """Ids that a provider has taken back. `host` is a glob, as `model` is; `instead` what it serves now."""

    host: str
    model: str
    since: str
    instead: str


# From the providers' own pages: Vertex AI's model lifecycle, Moonshot's list of models.
RETIRED = (
    Retired("*aiplatform*.googleapis.com", "*kimi-k2-thinking-maas", "2026-10-21", "an id of Vertex AI's Model Garden"),
    Retired("api.moonshot.*", "kimi-k2-thinking*", "2026", "kimi-k2.6, kimi-k2.7-code or kimi-k3"),
    Retired("api.moonshot.*", "kimi-k2-*preview", "2026", "kimi-k2.6, kimi-k2.7-code or kimi-k3"),
    Retired("api.moonshot.*", "kimi-k2.5", "2026-08-31", "kimi-k2.6, kimi-k2.7-code or kimi-k3"),
)

# Beginnings by which a key is known to be another provider's.
_BEGINNINGS = (
    ("openrouter.ai", "sk-or-"),
    ("api.anthropic.com", "sk-ant-"),
    ("api.groq.com", "gsk_"),
)
_PUBLIC = {*API_HOSTS, *(domain for domain, _ in _BEGINNINGS)}  # a gateway elsewhere may take any key
_PLACEHOLDER = re.compile(
    r"(?i)(?:sk-)?(?:\.{3}|…|x{3,}|<.*>|\*+|change[-_ ]?me|todo|\$.*"
    r"|(?:your|my|the)[-_ ](?:[a-z]+[-_ ])*(?:key|token|secret)(?:[-_ ]here)?)"
)
_QUOTES = "\"'`“”"


def read_settings(around: Surroundings) -> tuple[Surroundings, list[Finding]]:
    """The surroundings with the settings, and what is wrong with these."""
    try:
        variables = read_environment(around.directory, around.environment)
    except SettingsError as error:
        return around, [problem(str(one), "write NAME=value, a line each") for one in error.problems]
    around = replace(around, variables=variables)
    if not is_configured((), variables, around.directory):
        said = f"there is no model-config.yaml in {around.directory}: scripts/run plays the demo there"
        return around, [ok(said)]
    try:
        settings = load(
            variables,
            directory=around.directory,
            providers=PROVIDERS.keys(),
            families=PROFILES.keys(),
            vendors=VENDORS.keys(),
        )
    except SettingsError as error:
        return around, [problem(str(one), EXAMPLE) for one in error.problems]
    names = list(dict.fromkeys(route.name for route in settings.routes))
    return replace(around, settings=settings), [ok(f"the configuration is sound: {', '.join(names)}")]


def check_models(around: Surroundings) -> Iterator[Finding]:
    """Each entry by itself; nothing is sent."""
    for route in around.settings.routes if around.settings else ():
        name, place = f"{route.provider}/{route.model or route.name}", urlsplit(url_of(route))
        host = place.hostname or ""
        if around.are_ours(host, place.port, around.api):
            yield problem(
                f"{name} leads to the proxy itself ({place.netloc}), round and round",
                "give the entry a base_url; the proxy reads OPENAI_BASE_URL and ANTHROPIC_BASE_URL as its providers'",
            )
        key = route.api_key.reveal() if route.api_key else ""
        if _PLACEHOLDER.fullmatch(key):
            yield problem(f"the API key of {name} is a placeholder", "put the real key into its variable, or into .env")
        elif key and (key[0] in _QUOTES or key[-1] in _QUOTES):
            yield problem(f"the API key of {name} is written in quotes that are part of it", "take the quotes away")
        for domain, beginning in _BEGINNINGS:
            if key.startswith(beginning) and host in _PUBLIC - {domain}:
                yield problem(
                    f"the API key of {name} is another provider's: it begins with {beginning}, as those of {domain}",
                    "look at which variable the entry takes",
                )
        for retired in RETIRED:
            if fnmatch.fnmatchcase(host, retired.host) and fnmatch.fnmatchcase(route.model, retired.model):
                yield problem(
                    f"{host} has not served {route.model} since {retired.since}",
                    f"ask for {retired.instead} (`model:` of the entry), or for the same model at another provider",
                )
    if around.settings:
        yield from _check_names(around)


def _check_names(around: Surroundings) -> Iterator[Finding]:
    """The names by which the well-known agents ask, and whether they lead anywhere."""
    assert around.settings is not None
    routes = Routes(around.settings, random.Random())
    for client, model in (("Claude Code", "claude-opus-5-5"), ("Codex", "gpt-6.1-sol")):
        if not routes.group(model, None):
            yield ok(f"no entry takes {model}: {client} passes unchanged, to its own provider, unless told a model")


def url_of(route: Route) -> str:
    """Where its requests are posted."""
    return PROVIDERS[route.provider].url(route.base_url, route.options)


def hosts_of(around: Surroundings) -> frozenset[str]:
    """The hosts that the entries lead to."""
    return frozenset(host_of(url_of(route)) for route in around.settings.routes) if around.settings else frozenset()
