"""What a provider is: where its requests go, in which format, with which kind of credential."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

type Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Provider:
    """`dialect` names its wire format; `base_url` is the default, None where the user must give one; `path`
    is appended to it; `prepare` gives a body with the provider's own fields, from the entry's options."""

    name: str
    dialect: str
    base_url: str | None
    path: str
    credential: Literal["bearer"]
    headers: Mapping[str, str]
    prepare: Callable[[Body, Mapping[str, Any]], Body]

    def url(self, base_url: str | None = None) -> str:
        """Where requests are posted. A base URL may end in the default's path (`/v1`), in a part of it or in
        none, or in the whole path; its query is kept, as Azure's `api-version`. Raises ValueError where there
        is no base URL at all."""
        base = (base_url or "").strip() or self.base_url
        if not base:
            raise ValueError(f"the provider {self.name!r} has no base URL")
        parts = urlsplit(base)
        default = urlsplit(self.base_url or "").path
        path = parts.path.rstrip("/")
        if not path.endswith(self.path):
            path = (default if f"{default}/".startswith(f"{path}/") else path) + self.path
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def unchanged(body: Body, options: Mapping[str, Any]) -> Body:
    """For providers without fields of their own."""
    return body
