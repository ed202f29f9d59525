"""What an entry of Vertex AI goes to: a project at a location, or an address that has both in it."""

import re
from collections.abc import Mapping
from typing import Any

from config.checks import Section
from config.settings import Settings

DEFAULT_LOCATION = "global"  # the only one where Kimi was served, and the one that most models know
PROJECT = "a Google Cloud project, by its id (my-project) or its number"
LOCATION = "a location of Google's (global, us, eu, us-central1 …)"

# Ids of old projects have their domain in front.
_PROJECT = re.compile(r"(?:[a-z0-9][a-z0-9.\-]*:)?[a-z0-9][a-z0-9\-]*", re.ASCII)
_LOCATION = re.compile(r"[a-z][a-z0-9\-]*", re.ASCII)
_CHECKS = (
    ("project_id", "VERTEX_PROJECT_ID", _PROJECT, PROJECT),
    ("location", "VERTEX_LOCATION", _LOCATION, LOCATION),
)


def read_place(section: Section, own: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The options that the environment gives, where `own` are the entry's: those count over them. Reports a project
    that is missing, and what no URL can have in its host or path."""
    # An endpoint is a whole URL with project and location in it: not the one of an entry with its own.
    elsewhere = any(section.has(key) for key in ("base_url", "project_id", "location"))
    given: dict[str, Any] = {
        "project_id": settings.vertex_project_id,
        "location": settings.vertex_location or DEFAULT_LOCATION,
        "credentials": settings.vertex_credentials,
        "chat_endpoint": None if elsewhere else settings.vertex_chat_endpoint,
    }
    base_url = section.get("base_url")
    whole = given["chat_endpoint"] or section.has("chat_endpoint")
    if not (whole or given["project_id"] or (isinstance(base_url, str) and "/endpoints/" in base_url)):
        section.require("project_id", f"{PROJECT} (or VERTEX_PROJECT_ID in the environment)")
    for key, variable, pattern, expected in _CHECKS:
        if key in own and not pattern.fullmatch(own[key]):
            section.report(key, expected)
        elif not (key in own or whole or pattern.fullmatch(given[key] or DEFAULT_LOCATION)):
            _report_variable(section, variable, given[key], expected)
    return given


def _report_variable(section: Section, name: str, value: object, expected: str) -> None:
    """Once, also where several entries take the variable's value."""
    problems = section.problems
    if not any(problem.path == name for problem in problems.found):
        problems.add(name, value, expected)
