"""The process-wide settings, read from the environment's variables. Blank means unset, but for
`DASHBOARD_ADDRESS`, where it means off. Pure: the variables are an argument."""

import json
import re
from collections.abc import Callable, Mapping

from config.addresses import BASE_URL, is_address, is_base_url, is_url
from config.checks import CREDENTIAL, FLAGS, Problems, is_credential, one_of, split_words
from config.secret import HIDDEN, Secret
from config.settings import LOG_MODES, Settings

SORTS = ("price", "throughput", "latency", "exacto")
CREDENTIALS = "the path of a credentials file or its JSON"

_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([KMGT]i?B)", re.ASCII | re.IGNORECASE)
_UNITS = {
    **{letter + "b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{letter + "ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_URL_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://.+", re.DOTALL)


def read_variables(variables: Mapping[str, str], problems: Problems) -> Settings:
    """The settings, without routes; a variable with a problem keeps its default."""
    read = _Variables(variables, problems)
    defaults = Settings()
    return Settings(
        openai_base_url=read.checked("OPENAI_BASE_URL", is_base_url, BASE_URL),
        openai_api_key=read.secret("OPENAI_API_KEY"),
        anthropic_base_url=read.checked("ANTHROPIC_BASE_URL", is_base_url, BASE_URL),
        anthropic_api_key=read.secret("ANTHROPIC_API_KEY"),
        openrouter_api_key=read.secret("OPENROUTER_API_KEY"),
        openrouter_only=tuple(split_words(read.text("OPENROUTER_PROVIDERS") or "")),
        openrouter_order=tuple(split_words(read.text("OPENROUTER_ORDER") or "")),
        openrouter_sort=read.choice("OPENROUTER_SORT", SORTS),
        openrouter_allow_fallbacks=read.flag("OPENROUTER_ALLOW_FALLBACKS"),
        vertex_project_id=read.text("VERTEX_PROJECT_ID"),
        vertex_location=read.text("VERTEX_LOCATION"),
        vertex_credentials=read.credentials("GOOGLE_APPLICATION_CREDENTIALS"),
        vertex_chat_endpoint=read.checked("VERTEX_CHAT_ENDPOINT", is_url, "an http(s) URL"),
        max_reprompts=read.integer("ENSURE_TOOL_CALL_MAX_ATTEMPTS", defaults.max_reprompts, 0, 5),
        log_db_path=read.text("LOG_DB_PATH") or defaults.log_db_path,
        log_blob_root=read.text("LOG_BLOB_ROOT") or defaults.log_blob_root,
        log_db_url=read.store_url("LOG_DB_URL", "a database URL (e.g. postgresql://…)"),
        log_blob_url=read.store_url("LOG_BLOB_URL", "a storage URL (e.g. s3://…)"),
        log_mode=read.choice("LOG_MODE", LOG_MODES) or defaults.log_mode,
        log_retention_days=read.number("LOG_RETENTION_DAYS", defaults.log_retention_days, "days, e.g. 30"),
        log_max_size=read.size("LOG_MAX_SIZE", defaults.log_max_size),
        livestore_batch=read.integer("LIVESTORE_BATCH", defaults.livestore_batch, 1, 500),
        livestore_max_records=read.integer("LIVESTORE_MAX_RECORDS", defaults.livestore_max_records, 0),
        dashboard_address=read.address("DASHBOARD_ADDRESS", defaults.dashboard_address),
        dashboard_token=read.secret("DASHBOARD_TOKEN"),
        proxy_api_key=read.secret("KIMI_PROXY_API_KEY"),
    )


def is_google_credentials(text: str) -> bool:
    """Whether it is a path, or a JSON object (then it begins with a brace)."""
    if not text.startswith("{"):
        return text.isprintable()
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


class _Variables:
    """Typed readers; each gives None, or the default, where nothing is set or a problem was reported."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        self._variables = variables
        self._problems = problems

    def text(self, name: str) -> str | None:
        return self._variables.get(name, "").strip() or None

    def checked(self, name: str, check: Callable[[str], bool], expected: str) -> str | None:
        text = self.text(name)
        if text is None or check(text):
            return text
        self._problems.add(name, text, expected)
        return None

    def secret(self, name: str) -> Secret | None:
        text = self.checked(name, is_credential, CREDENTIAL)
        return Secret(text) if text else None

    def credentials(self, name: str) -> Secret | None:
        text = self.checked(name, is_google_credentials, CREDENTIALS)
        return Secret(text) if text else None

    def choice(self, name: str, words: tuple[str, ...]) -> str | None:
        return self.checked(name, words.__contains__, one_of(words, self.text(name)))

    def flag(self, name: str) -> bool | None:
        text = self.checked(name, lambda text: text.lower() in FLAGS, "true or false")
        return FLAGS[text.lower()] if text else None

    def integer(self, name: str, default: int, least: int, most: int | None = None) -> int:
        def fits(text: str) -> bool:
            return bool(_INTEGER.fullmatch(text)) and least <= int(text) and (most is None or int(text) <= most)

        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        text = self.checked(name, fits, f"a whole number {limits}")
        return int(text) if text else default

    def number(self, name: str, default: float, what: str) -> float:
        expected = f"a number of {what} (0 = no limit)"
        text = self.checked(name, lambda text: _NUMBER.fullmatch(text) is not None, expected)
        return float(text) if text else default

    def size(self, name: str, default: int) -> int:
        """Bytes. Without a unit only 0 is a size: 10 is more likely to mean gigabytes than all of a log deleted."""

        def fits(text: str) -> bool:
            return text == "0" or _SIZE.fullmatch(text) is not None

        text = self.checked(name, fits, "a size with its unit, e.g. 10GB or 500MB (0 = no limit)")
        if text is None:
            return default
        found = _SIZE.fullmatch(text)
        return int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0

    def address(self, name: str, default: str) -> str:
        if name not in self._variables:
            return default
        return self.checked(name, is_address, "HOST:PORT (or empty = off)") or ""

    def store_url(self, name: str, expected: str) -> str | None:
        """A URL that may hold a password, also an unreadable one: no problem shows it."""
        text = self.text(name)
        if text is None or _URL_SCHEME.fullmatch(text):
            return text
        self._problems.add_shown(name, HIDDEN, expected)
        return None
