"""Claude Code's settings files, whose `env` counts over the environment's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.doctoring.authority import BUNDLE, CERTIFICATE
from scripts.doctoring.findings import Finding, Surroundings, is_on, place_of, problem, warning
from scripts.doctoring.variables import CLOUDS, check_base_url, goes_past

_TRAPS = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "NODE_EXTRA_CA_CERTS")


def check_claude(around: Surroundings) -> Iterator[Finding]:
    """The user's file, and those of the directory."""
    own = around.environment.get("CLAUDE_CONFIG_DIR")
    places = (Path(own).expanduser() if own else around.home / ".claude", around.directory / ".claude")
    files = [place / name for place in places for name in ("settings.json", "settings.local.json")]
    for path in dict.fromkeys(file for file in files if file.is_file()):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            yield warning(f"{path} cannot be read as JSON", "correct it: Claude Code passes over it")
            continue
        env = content.get("env") if isinstance(content, dict) else None
        yield from _check_env(around, path, env if isinstance(env, dict) else {})


def _leads_to_us(around: Surroundings, name: str, value: str) -> bool:
    """Whether the setting does what scripts/with-proxy does, or no harm to it."""
    match name.lower():
        case "no_proxy":
            return not goes_past(around, value)
        case "node_extra_ca_certs":
            return Path(value).expanduser() in (around.confdir / CERTIFICATE, around.confdir / BUNDLE)
        case _:
            host, port, _ = place_of(value)
            return around.are_ours(host, port, around.proxy)


def _check_env(around: Surroundings, path: Path, env: dict[str, Any]) -> Iterator[Finding]:
    remedy = "take {} out of `env` in that file"
    if url := env.get("ANTHROPIC_BASE_URL"):
        for finding in check_base_url(around, "ANTHROPIC_BASE_URL", str(url), remedy.format("it")):
            yield problem(f"{path}: {finding.said}", finding.remedy)
    for name in CLOUDS:
        if is_on(env.get(name)):
            yield problem(f"{path} sends Claude Code to another cloud by {name}", remedy.format(name))
    for name in _TRAPS:
        if name in env and not _leads_to_us(around, name, str(env[name])):
            yield problem(
                f"{path} sets {name}, which counts over what scripts/with-proxy sets",
                remedy.format(name),
            )
