"""The families of defects that the vendor plays, each standing for a class, and the proxy's routes for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.addons.conftest import served_by

# What is wrong with the vendor's answers → the repair that the log must then name; None where there is none.
FAMILIES: Mapping[str, str | None] = {
    "clean": None,
    "markers-in-content": "leaked-call",
    "markers-in-reasoning": "leaked-call",
    "call-inside-open-think": "leaked-call",
    "orphan-think": "orphan-think-close",
    "name-carries-id": "name-carries-id",
    "id-missing": "id-missing",
    "arguments-double-encoded": "arguments-double-encoded",
    "finish-stop-with-calls": "finish-reason",
    "no-tool-call-first": None,
}
# For a client that has no tools.
TEXT_FAMILIES: Mapping[str, str | None] = {
    "clean": None,
    "orphan-think": "orphan-think-close",
    "think-block-in-content": "think-block",
    "answer-lost-in-reasoning": "answer-in-reasoning",
}
ALL: Mapping[str, str | None] = {**FAMILIES, **TEXT_FAMILIES}
EXAMPLE = Path(__file__).parents[2] / "config" / "agents.example.yaml"


def routes(family: str, url: str) -> list[dict[str, Any]]:
    """The example for agents, with the simulator in place of its providers: helper models play nothing."""
    entries = yaml.safe_load(EXAMPLE.read_text())["models"]
    return [served_by(url, name=entry["name"], **_served(entry, family)) for entry in entries]


def _served(entry: Mapping[str, Any], family: str) -> dict[str, Any]:
    if "ensure_tool_call" not in entry:
        return {"model": "kimi-k2-instruct"}
    return {"model": f"kimi-k2-thinking+task+{family}", "ensure_tool_call": family == "no-tool-call-first"}
