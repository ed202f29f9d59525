"""From a document (what YAML gives) and the environment's variables to `Settings`, or to every problem there is.

Pure: no file is read, and the variables are an argument. The parts: `checks` collects problems, `secret`
hides credentials, `environment` reads the process-wide settings, `provider_options` the `provider_config`.

An entry without `model` asks upstream for its own name; if the name is a glob, for the name that the client
asked for. Null means absent. Two entries are duplicates when they would send the same requests to the same
place with the same credential; the same name with anything of that different is a group.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from config.checks import Problem, Problems, Section, SettingsError, join, one_of
from config.environment import read_variables
from config.provider_options import known_keys, read_provider_config, snake_case
from config.secret import Secret
from config.settings import STRATEGIES, Route, Settings

__all__ = ["Problem", "Route", "Secret", "Settings", "SettingsError", "is_glob", "parse"]

DOCUMENT_KEYS = ("default_strategy", "sticky", "models")
ENTRY_KEYS = (
    "name",
    "provider",
    "model",
    "ensure_tool_call",
    "weight",
    "strategy",
    "timeout",
    "answer_timeout",
    "profile",
    "family",
    "provider_config",
)

# A profile is the head of a path; these heads are the proxy's own.
RESERVED_PROFILES = ("v1", "api", "static", "healthz", "metrics")
_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]*", re.ASCII)


def is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def parse(
    document: object,
    environment: Mapping[str, str],
    *,
    providers: Collection[str],
    families: Collection[str],
    vendors: Collection[str],
) -> Settings:
    """The settings of a configuration file's content. `providers`, `families` and `vendors` are the names
    that exist. Raises SettingsError with all problems at once."""
    problems = Problems(environment)
    settings = read_variables(environment, problems)
    reader = _EntryReader(problems, settings, environment, providers, families, vendors)
    if isinstance(document, dict):
        section = _section(problems, "", document, DOCUMENT_KEYS)
        strategy = section.choice("default_strategy", STRATEGIES)
        sticky = section.flag("sticky")
        routes = [(path, route) for path, entry in _entries(section) if (route := reader.read(path, entry))]
        _check_strategies(problems, routes)
        settings = replace(
            settings,
            routes=_marked(problems, routes),
            default_strategy=strategy or settings.default_strategy,
            sticky=settings.sticky if sticky is None else sticky,
        )
    elif document is None:
        problems.add_missing("models", "a list of models")
    else:
        problems.add("document", document, "a mapping with the key models")
    if problems.found:
        raise SettingsError(problems.found)
    return settings


def _section(problems: Problems, path: str, raw: Mapping[object, object], known: Sequence[str]) -> Section:
    """The known keys of a mapping; the others are reported, with the place where they probably belong."""
    for key in raw:
        if key not in known:
            expected = one_of(known, snake_case(key) if isinstance(key, str) else key)
            if known is ENTRY_KEYS and isinstance(key, str) and snake_case(key) in known_keys(None):
                expected += "; it belongs into provider_config"
            problems.add_shown(join(path, problems.key(key)), "this key", expected)
    return Section(problems, path, {str(key): value for key, value in raw.items() if key in known})


def _entries(section: Section) -> list[tuple[str, object]]:
    """The entries of `models` with their paths."""
    section.require("models", "a list of models")
    models = section.get("models")
    if models is not None and not (isinstance(models, list) and models):
        section.report("models", "a list with at least one model")
        return []
    return [(f"models[{index}]", entry) for index, entry in enumerate(models or ())]


@dataclass(frozen=True, slots=True)
class _EntryReader:
    problems: Problems
    settings: Settings
    environment: Mapping[str, str]
    providers: Collection[str]
    families: Collection[str]
    vendors: Collection[str]

    def read(self, path: str, entry: object) -> Route | None:
        """An entry as a route; None where it has problems."""
        if not isinstance(entry, dict):
            self.problems.add(path, entry, "a mapping with name and provider")
            return None
        before = len(self.problems.found)
        route = self._read(path, entry)
        return route if len(self.problems.found) == before else None

    def _read(self, path: str, entry: Mapping[object, object]) -> Route:
        """Where something is wrong, an empty or default value stands in for it."""
        section = _section(self.problems, path, entry, ENTRY_KEYS)
        section.require("name", "what clients ask for")
        section.require("provider", one_of(self.providers, None))
        name = section.text("name") or ""
        provider = section.choice("provider", self.providers)
        config = read_provider_config(
            self.problems,
            section.place("provider_config"),
            section.mapping("provider_config") or {},
            provider=provider,
            vendors=self.vendors,
            settings=self.settings,
            environment=self.environment,
        )
        return Route(
            name=name,
            provider=provider or "",
            model=section.text("model") or ("" if is_glob(name) else name),
            ensure_tool_call=section.flag("ensure_tool_call") or False,
            weight=section.positive_number("weight") or 1,
            strategy=section.choice("strategy", STRATEGIES),
            timeout=section.positive_number("timeout"),
            answer_timeout=section.positive_number("answer_timeout"),
            profile=self._profile(section),
            family=section.choice("family", self.families),
            vendor=config.vendor,
            base_url=config.base_url,
            api_key=config.api_key,
            headers=config.headers,
            body=config.body,
            options=config.options,
        )

    def _profile(self, section: Section) -> str | None:
        profile = section.text("profile")
        if profile is None:
            return None
        if not _PROFILE.fullmatch(profile):
            section.report("profile", "a word for a URL's path: letters, digits and . _ - behind a first letter")
        elif profile.lower() in RESERVED_PROFILES:
            section.report("profile", f"a free name: {', '.join(RESERVED_PROFILES)} are the proxy's own paths")
        return profile


def _check_strategies(problems: Problems, routes: Sequence[tuple[str, Route]]) -> None:
    """A group has one strategy; an entry that names none takes the group's."""
    chosen: dict[tuple[str | None, str], tuple[str, str]] = {}
    for path, route in routes:
        if route.strategy is None:
            continue
        first, strategy = chosen.setdefault((route.profile, route.name), (path, route.strategy))
        if strategy != route.strategy:
            place = join(path, "strategy")
            problems.add(place, route.strategy, f"{strategy}, the strategy of {first} for the same name")


def _marked(problems: Problems, routes: Sequence[tuple[str, Route]]) -> tuple[Route, ...]:
    """The routes with keys of their own; duplicates are reported."""
    seen: dict[str, list[tuple[str, Route]]] = {}
    marked: list[Route] = []
    for path, route in routes:
        alike = seen.setdefault(route.key, [])
        twin = next((earlier for earlier, other in alike if _target(other) == _target(route)), None)
        if twin is not None:
            problems.add(path, route.name, f"another entry than {twin}: both send the same requests")
        alike.append((path, route))
        marked.append(replace(route, mark=_mark(route)))
    return tuple(marked)


def _mark(route: Route) -> str:
    """Of 32 bits: enough to tell entries apart, and too little to find a credential by."""
    secrets = {name: value.reveal() for name, value in route.options.items() if isinstance(value, Secret)}
    key = route.api_key.reveal() if route.api_key else None
    told = (key, {**route.headers}, {**route.body}, {**route.options, **secrets})
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _target(route: Route) -> tuple[object, ...]:
    """What an entry sends, and where; its weight, its timeouts and its rules do not make it another."""
    return (route.api_key, route.headers, route.body, route.options)
