"""Claude Code's settings files, whose `env` counts over the environment's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.doctoring.findings import Finding, Surroundings, place_of, problem, warning
from scripts.doctoring.variables import check_base_url

_TRAPS = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "NODE_EXTRA_CA_CERTS")
_CLOUDS = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")


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


def _is_ours(around: Surroundings, name: str, url: str) -> bool:
    host, port, _ = place_of(url)
    ours = host in ("127.0.0.1", "localhost", around.proxy[0]) and port == around.proxy[1]
    return ours and name.lower() in ("http_proxy", "https_proxy")


def _check_env(around: Surroundings, path: Path, env: dict[str, Any]) -> Iterator[Finding]:
    remedy = "take {} out of `env` in that file"
    if url := env.get("ANTHROPIC_BASE_URL"):
        for finding in check_base_url(around, "ANTHROPIC_BASE_URL", str(url), remedy.format("it")):
            yield problem(f"{path}: {finding.said}", finding.remedy)
    for name in _CLOUDS:
        if str(env.get(name, "0")) not in ("", "0", "false"):
            yield problem(f"{path} sends Claude Code to another cloud by {name}", remedy.format(name))
    for name in _TRAPS:
        if name in env and not _is_ours(around, name, str(env[name])):
            yield problem(
                f"{path} sets {name}, which counts over what scripts/with-proxy sets",
                remedy.format(name),
            )
