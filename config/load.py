"""Reads what lies outside: the `.env` file, the model configuration, and whether the latter has changed.

Nothing else inside the proxy reads settings from files or the environment. YAML is read more strictly than
PyYAML does by itself: a key that stands twice is an error, where it would silently take the second.
"""

import io
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from dotenv.parser import parse_stream

from config.checks import Problem, Problems, SettingsError
from config.environment import read_variables
from config.schema import parse
from config.secret import HIDDEN
from config.settings import Settings

DEFAULT_PATH = "model-config.yaml"

# PyYAML quotes pieces of the file, which may be a credential. Names of its own tokens and signs may stay.
_QUOTED = re.compile(r"'(?!<)(?=[^']{2})[^']*'")
_STRANGER_SIGN = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_environment(directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the directory's `.env`, with the real ones (`environ`) over them. Nothing is put into
    values: `$` is a plain sign there. Raises SettingsError for a file that cannot be read."""
    path = directory / ".env"
    text = _read_text(path, ".env") if path.is_file() else ""
    bindings = list(parse_stream(io.StringIO(text)))
    problems = [
        Problem(f".env:{_first_line(binding.original.string, binding.original.line)}", "the line", "NAME=value")
        for binding in bindings
        if binding.error
    ]
    if problems:
        raise SettingsError(problems)
    values = {binding.key: binding.value for binding in bindings if binding.key}
    return {key: value for key, value in values.items() if value is not None} | dict(environ)


def load(
    environment: Mapping[str, str],
    *,
    directory: Path,
    providers: Collection[str],
    families: Collection[str],
    vendors: Collection[str],
    config_path: str | None = None,
) -> Settings:
    """The settings: from `MODEL_CONFIG` (YAML itself), else from the file at `config_path`, else at
    `MODEL_CONFIG_PATH`, else at `./model-config.yaml`. Paths are relative to `directory`.

    Raises SettingsError with all problems; if the file or its YAML cannot be read, with that one and those of
    the environment.
    """
    try:
        inline = _inline(environment)
        if inline is not None:
            document = _read_yaml(inline, "MODEL_CONFIG")
        else:
            setting, path = _configured_path(environment, config_path)
            document = _read_yaml(_read_text(_located(directory, path), setting), path)
    except SettingsError as error:
        problems = Problems(environment)
        read_variables(environment, problems)
        raise SettingsError([*error.problems, *problems.found]) from None
    return parse(document, environment, providers=providers, families=families, vendors=vendors)


class ConfigFile:
    """The file that is watched. `changed` may be called from any one thread, off the event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._look()

    @classmethod
    def of(cls, environment: Mapping[str, str], *, directory: Path, config_path: str | None = None) -> Self | None:
        """The file that `load` reads with the same arguments; None where the configuration is inline."""
        if _inline(environment) is not None:
            return None
        return cls(_located(directory, _configured_path(environment, config_path)[1]))

    def changed(self) -> bool:
        """Whether it is another file, or another content, than at the last call (at first: than when this
        object was made). A file that is missing has not changed: editors replace files by removing them."""
        now = self._look()
        if now is None or now == self._seen:
            return False
        self._seen = now
        return True

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _inline(environment: Mapping[str, str]) -> str | None:
    text = environment.get("MODEL_CONFIG", "")
    return text if text.strip() else None


def _configured_path(environment: Mapping[str, str], config_path: str | None) -> tuple[str, str]:
    """The setting that names the file, and the name."""
    if config_path:
        return "kimi_config", config_path
    if path := environment.get("MODEL_CONFIG_PATH", "").strip():
        return "MODEL_CONFIG_PATH", path
    return "MODEL_CONFIG_PATH", DEFAULT_PATH


def _located(directory: Path, path: str) -> Path:
    try:
        return directory / Path(path).expanduser()
    except RuntimeError:  # there is no such user: the file will be reported as missing
        return directory / path


def _read_text(path: Path, setting: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError([Problem(setting, repr(str(path)), f"a readable file: {reason}")]) from error


def _read_yaml(text: str, name: str) -> Any:
    """The document in a YAML text; errors carry `name:line:column`, counted from 1."""
    stranger = _STRANGER_SIGN.search(text)
    if stranger:
        line = text.count("\n", 0, stranger.start()) + 1
        column = stranger.start() - text.rfind("\n", 0, stranger.start())
        raise SettingsError([Problem(f"{name}:{line}:{column}", "this sign", "one that YAML allows")])
    try:
        return yaml.load(text, _StrictLoader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        reason = _QUOTED.sub(HIDDEN, " ".join(filter(None, (error.context, error.problem))))
        raise SettingsError([Problem(place, "the text", f"YAML: {reason}")]) from None
    except RecursionError:
        raise SettingsError([Problem(name, "the text", "YAML that can be read: it is nested too deeply")]) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # What PyYAML raises depends on the tag: `!!bool x`, `!!int ''`, a date in month 13.
        reason = "a value is not what its form or tag says"
        raise SettingsError([Problem(name, "the text", f"YAML that can be read: {reason}")]) from None


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key that stands twice in a mapping. Looks before merge keys (`<<`) are
    followed, since these may well bring a key that the mapping has itself."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                raise yaml.MarkedYAMLError(problem="this key stands twice", problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return node


def _first_line(text: str, line: int) -> int:
    """Where a statement begins, without the blank lines that the parser counts to it."""
    return line + text[: len(text) - len(text.lstrip())].count("\n")
