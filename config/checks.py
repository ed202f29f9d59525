"""What the readers of the settings have in common: problems are collected, not raised, so that all of them
are reported at once, and none of them shows a credential."""

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from config.secret import HIDDEN, Secret, is_secret_name, looks_secret

_MOST_SHOWN = 60  # characters of a value
_SHORTEST_CREDENTIAL = 8  # shorter values of the environment would be found everywhere
_LARGEST_SHOWN = 10**30
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w\-]{0,39}", re.ASCII)
_WHOLE_REFERENCE = re.compile(r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})", re.ASCII)

CREDENTIAL = "a credential: it has blanks, line breaks or characters beyond ASCII"
FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


class Unresolved:
    """Stands where a variable could not be put in; that was reported, so readers pass it over."""


UNRESOLVED = Unresolved()


@dataclass(frozen=True)
class Problem:
    """A mistake: where it is, the value as it may be shown (empty where there is none), what was expected."""

    path: str
    value: str
    expected: str

    def __str__(self) -> str:
        if not self.value:
            return f"{self.path}: missing, expected {self.expected}"
        return f"{self.path}: {self.value} is not {self.expected}"


class SettingsError(ValueError):
    """The settings cannot be used; its text has a line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems:
    """The problems found so far. Knows the environment's credentials, in order not to show them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.found: list[Problem] = []
        self._credentials = [
            value for name, value in environment.items() if is_secret_name(name) and len(value) >= _SHORTEST_CREDENTIAL
        ]

    def add(self, path: str, value: object, expected: str) -> None:
        self.found.append(Problem(path, self._shown(path, value), expected))

    def add_shown(self, path: str, shown: str, expected: str) -> None:
        """For a value that the caller puts in other words."""
        self.found.append(Problem(path, shown, expected))

    def add_missing(self, path: str, expected: str) -> None:
        self.found.append(Problem(path, "", expected))

    def key(self, key: object) -> str:
        """A key of the document as part of a path, or what can be shown of it."""
        if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) and not self._is_credential(key):
            return key
        return self._shown("", key)

    def _shown(self, path: str, value: object) -> str:
        """A value in a message: never a credential, never what stands inside a list or a mapping."""
        match value:
            case None:
                return "nothing"
            case bool():
                return "true" if value else "false"
            case list() | tuple():
                return "a list"
            case dict():
                return "a mapping"
            case str() if _WHOLE_REFERENCE.fullmatch(value):
                return repr(value)
        if is_secret_name(path) or self._is_credential(str(value) if isinstance(value, str) else ""):
            return HIDDEN
        match value:
            case str():
                text = re.sub(r"//.*@", "//…@", value, flags=re.DOTALL)
                return repr(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…")
            case int():
                return str(value) if abs(value) < _LARGEST_SHOWN else "a very large number"
            case float():
                return str(value)
        return f"a {type(value).__name__}"

    def _is_credential(self, text: str) -> bool:
        return looks_secret(text) or any(credential in text for credential in self._credentials)


class Section:
    """One mapping of the document, read key by key. A reader gives None both where nothing stands (or null)
    and where it reported a problem."""

    def __init__(
        self,
        problems: Problems,
        path: str,
        values: Mapping[str, object],
        written: Mapping[str, object] | None = None,
        spelling: Mapping[str, str] | None = None,
    ) -> None:
        """`written` has the values before variables were put in: only these are shown. `spelling` has the
        names as the user wrote them."""
        self.problems = problems
        self._path = path
        self._values = values
        self._written = values if written is None else written
        self._spelling = spelling or {}

    def place(self, key: str) -> str:
        return join(self._path, self._spelling.get(key, key))

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def get(self, key: str) -> object:
        value = self._values.get(key)
        return None if value is UNRESOLVED else value

    def report(self, key: str, expected: str) -> None:
        self.problems.add(self.place(key), self._written.get(key), expected)

    def require(self, key: str, expected: str) -> None:
        if not self.has(key):
            self.problems.add_missing(self.place(key), expected)

    def text(self, key: str) -> str | None:
        value = self.get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        if isinstance(value, str | list | dict):
            self.report(key, "text with at least one character")
        else:
            self.report(key, "text (put it in quotes)")
        return None

    def choice(self, key: str, words: Collection[str]) -> str | None:
        value = self.get(key)
        if value is None or (isinstance(value, str) and value in words):
            return value
        self.report(key, one_of(words, value))
        return None

    def secret(self, key: str) -> Secret | None:
        text = self.text(key)
        if text is None:
            return None
        if not is_credential(text.strip()):
            self.report(key, CREDENTIAL)
            return None
        return Secret(text.strip())

    def flag(self, key: str) -> bool | None:
        """true or false; of a variable also their text."""
        value = self.get(key)
        if isinstance(value, str) and self._written.get(key) != value:
            value = FLAGS.get(value.strip().lower(), value)
        if value is None or isinstance(value, bool):
            return value
        self.report(key, "true or false")
        return None

    def positive_number(self, key: str) -> float | None:
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if 0 < number < math.inf:
                return number
        self.report(key, "a finite number above 0")
        return None

    def texts(self, key: str) -> list[str] | None:
        """A list of texts, or one text with commas (as the variables of the environment have it)."""
        value = self.get(key)
        if isinstance(value, str):
            value = split_words(value)
        if value is None or (
            isinstance(value, list) and value and all(isinstance(item, str) and item.strip() for item in value)
        ):
            return value
        self.report(key, "a list of texts")
        return None

    def mapping(self, key: str) -> dict[object, object] | None:
        value = self.get(key)
        if value is None or isinstance(value, dict):
            return value
        self.report(key, "a mapping")
        return None


def join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def one_of(words: Collection[str], value: object) -> str:
    """The words to choose from, and the one that was probably meant."""
    near = difflib.get_close_matches(value, words, 1) if isinstance(value, str) else []
    return f"one of {', '.join(words)}" + (f"; did you mean {near[0]!r}?" if near else "")


def is_credential(text: str) -> bool:
    """Whether a text can stand in a header as a credential."""
    return text.isascii() and text.isprintable() and " " not in text


def split_words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
