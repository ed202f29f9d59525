"""Credentials that no log line, error or dump shows by mistake, and which texts are credentials at all."""

import hmac
import re
from typing import NoReturn, Self

HIDDEN = "(hidden)"

# The words of a name that say its value is a credential, or often is one (headers). `max_tokens` has none.
_SECRET_WORDS = frozenset(
    (
        "key",
        "apikey",
        "token",
        "secret",
        "secrets",
        "password",
        "passwd",
        "credential",
        "credentials",
        "authorization",
        "cookie",
        "headers",
    )
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# What providers' credentials look like: known beginnings, tokens with a scheme, PEM blocks, JWTs, and long
# runs of letters with digits in them that no model, host or region has.
_SECRET_SHAPE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|nvapi|fw|pplx|r8|ghp|glpat|tgp)[-_][A-Za-z0-9_\-]{3,}"
    r"|\bAIza[\w\-]{8,}|\bya29\.|\bAKIA[A-Z0-9]{8,}|\beyJ[\w\-]{8,}|-----BEGIN |\bBearer \S|\bBasic \S"
    r"|(?=[A-Za-z]{0,64}[0-9])[A-Za-z0-9]{24,}"
)


class Secret:
    """A credential. `reveal` gives it; printing shows a mask; formatting into a text, JSON and pickling are
    errors, because there the mask would be a bug that nobody sees. Raises ValueError for an empty text."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value:
            raise ValueError("a secret cannot be empty")
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __format__(self, specification: str) -> NoReturn:
        raise TypeError("a secret is not formatted by accident: use reveal()")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_encoded(self._value), _encoded(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name, in any of the usual spellings, is a credential."""
    return any(word.lower() in _SECRET_WORDS for word in _WORD.findall(name))


def looks_secret(text: str) -> bool:
    """Whether a text contains what looks like a credential, wherever it stands."""
    return _SECRET_SHAPE.search(text) is not None


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
