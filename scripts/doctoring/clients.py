"""The settings files of other agents: a base URL there counts over everything else."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from scripts.doctoring.findings import Finding, Surroundings, warning
from scripts.doctoring.variables import check_base_url

_OURS = ("anthropic", "openai", "moonshotai", "openrouter")  # providers of opencode that the proxy stands for
# What JSON with comments has beside JSON; strings are passed over.
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.S)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.S)


def check_other_clients(around: Surroundings) -> Iterator[Finding]:
    """Codex, opencode and Qwen Code; who is not there is not spoken of."""
    for path, name, url in _base_urls(around):
        for finding in check_base_url(around, name, url, f"take {name} out of that file"):
            yield Finding(finding.level, f"{path}: {finding.said}", finding.remedy)
    for path in (_codex(around), *_opencode_files(around), around.home / ".qwen/settings.json"):
        if path.is_file() and _parsed(path) is None:
            yield warning(f"{path} cannot be read", "correct it: the client may pass over it")


def _base_urls(around: Surroundings) -> Iterator[tuple[Path, str, str]]:
    """Files, the setting in them, and where it leads."""
    codex = _codex(around)
    settings = _read(codex)
    if isinstance(url := settings.get("openai_base_url"), str):
        yield codex, "openai_base_url", url
    chosen = _mapping(_mapping(settings.get("model_providers")).get(str(settings.get("model_provider"))))
    if isinstance(url := chosen.get("base_url"), str):
        yield codex, f"base_url of the provider {settings['model_provider']}", url
    for path in _opencode_files(around):
        for name, provider in _mapping(_read(path).get("provider")).items():
            url = _mapping(_mapping(provider).get("options")).get("baseURL")
            if isinstance(url, str) and name in _OURS:
                yield path, f"baseURL of the provider {name}", url
    for path in (around.home / ".qwen" / ".env", around.directory / ".qwen" / ".env"):
        if url := _dotenv(path).get("OPENAI_BASE_URL"):
            yield path, "OPENAI_BASE_URL", url


def _codex(around: Surroundings) -> Path:
    own = around.environment.get("CODEX_HOME")
    return (Path(own).expanduser() if own else around.home / ".codex") / "config.toml"


def _dotenv(path: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(path) if path.is_file() else {}
    except (OSError, ValueError):
        return {}


def _opencode_files(around: Surroundings) -> tuple[Path, ...]:
    own = around.environment.get("XDG_CONFIG_HOME")
    folder = (Path(own) if own else around.home / ".config") / "opencode"
    return folder / "opencode.json", folder / "opencode.jsonc", around.directory / "opencode.json"


def _read(path: Path) -> Mapping[str, Any]:
    """The settings in a file; none where it is not there or cannot be read."""
    return _mapping(_parsed(path))


def _parsed(path: Path) -> Any:
    """What is in a file of JSON (comments allowed) or TOML; None where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            return tomllib.loads(text)
        return json.loads(_TRAILING.sub(_kept, _COMMENT.sub(_kept, text)))
    except (OSError, ValueError):
        return None


def _kept(found: re.Match[str]) -> str:
    return found[1] or ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
