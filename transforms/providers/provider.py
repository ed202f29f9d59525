"""What a provider is: where its requests go, in which format, with which kind of credential."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

type Body = dict[str, Any]

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Provider:
    """`dialect` names its wire format; `base_url` is the default, None where the user must give one; `path`
    is appended to it; `credential` is the header that has the API key, `bearer` meaning `Authorization: Bearer`,
    and `google` the same with an access token that has to be fetched; `prepare` gives a body with the provider's
    own fields, from the entry's options; `locate`, where there is one, makes the whole URL from the entry's base
    URL and options; `headers_for` gives the headers that a finished body needs beside `headers`."""

    name: str
    dialect: str
    base_url: str | None
    path: str
    credential: Literal["bearer", "x-api-key", "google"]
    headers: Mapping[str, str]
    prepare: Callable[[Body, Mapping[str, Any]], Body]
    locate: Callable[[str | None, Mapping[str, Any]], str] | None = None
    headers_for: Callable[[Body], Mapping[str, str]] = lambda body: {}

    def url(self, base_url: str | None = None, options: Mapping[str, Any] = NO_OPTIONS) -> str:
        """Where requests are posted. A base URL may end in the default's path (`/v1`), in a part of it or in
        none, or in the whole path or the beginning of it; its query is kept, as Azure's `api-version`. Raises
        ValueError where there is no base URL at all."""
        if self.locate is not None:
            return self.locate(base_url, options)
        base = (base_url or "").strip() or self.base_url
        if not base:
            raise ValueError(f"the provider {self.name!r} has no base URL")
        parts = urlsplit(base)
        default = urlsplit(self.base_url or "").path
        path = parts.path.rstrip("/")
        if f"{default}/".startswith(f"{path}/"):
            path = default
        ends = [self.path[:end] for end in range(len(self.path), 0, -1) if f"{self.path}/"[end] == "/"]
        path = path.removesuffix(next((end for end in ends if path.endswith(end)), "")) + self.path
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def key_header(self, key: str) -> tuple[str, str]:
        """The header that presents an API key."""
        if self.credential == "x-api-key":
            return (self.credential, key)
        return ("authorization", f"Bearer {key}")


def unchanged(body: Body, options: Mapping[str, Any]) -> Body:
    """For providers without fields of their own."""
    return body
