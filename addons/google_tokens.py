"""Access tokens of Google's, fetched with google-auth over httpx. Everything here blocks: `credentials.py` runs it
in threads, and keeps what it gives.

Two things of google-auth are not used. Its loader for every kind of credentials is deprecated in favour of the one
that each kind has. And its search for application default credentials runs `gcloud` for a project's name and needs
`requests` for the metadata server, which is one GET.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from google.auth import aws, external_account_authorized_user, identity_pool, impersonated_credentials, pluggable
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import credentials as authorized_user
from google.oauth2 import service_account

from config.secret import Secret, looks_secret
from transforms.json_shapes import object_of, text_of

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT = 10.0  # seconds for each step of a call
METADATA_TIMEOUT = 2.0  # it is on the same machine, or it is not there
METADATA_HOST = "169.254.169.254"  # not its name, because off Google's machines resolvers take long to know of none
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_METADATA_FLAVOR = {"metadata-flavor": "Google"}
_LONGEST = 300  # characters of what others say in a message of ours
_AWS = "urn:ietf:params:aws:token-type:aws4_request"

NO_DEFAULT = (
    "there are none: set GOOGLE_APPLICATION_CREDENTIALS or the entry's `credentials`, or run "
    "`gcloud auth application-default login`; and no metadata server of Google's is in reach"
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; it `expires` at that time in seconds since 1970. `quota_project` is who pays, where the
    credentials say so."""

    text: str = field(repr=False)
    expires: float
    quota_project: str | None = None


class TokenError(Exception):
    """No token could be had; the text says with which credentials and why, and holds nothing secret. `temporary`:
    nobody was there to ask, which says nothing against the credentials."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


def fetch_token(source: Secret | None, environment: Mapping[str, str]) -> Token:
    """A new token by these credentials: the JSON itself, or a file's path, which is read anew each time; None are
    the application default credentials, as `environment` says where they are. Raises TokenError."""
    text = source.reveal() if source else ""
    with httpx.Client(trust_env=False, timeout=TIMEOUT) as client:
        try:
            if source is None:
                return _default_token(client, environment)
            info = _parse(text) if text.startswith("{") else _read(Path(text))
            return _token_of(info, client)
        except TokenError as error:
            raise TokenError(f"{_describe(text)}: {error}", temporary=error.temporary) from None
        except (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError) as error:
            again = getattr(error, "retryable", False) is True
            raise TokenError(f"{_describe(text)}: {_reason(error)}", temporary=again) from error


def _default_token(client: httpx.Client, environment: Mapping[str, str]) -> Token:
    """By gcloud's own file, else by the metadata server of the machine (Compute Engine, GKE, Cloud Run). The
    variable GOOGLE_APPLICATION_CREDENTIALS comes before either, and is a setting."""
    path = _gcloud_path(environment)
    if path.is_file():
        return _token_of(_read(path), client)
    if environment.get("NO_GCE_CHECK", "").lower() == "true":
        raise TokenError(NO_DEFAULT)
    host = environment.get("GCE_METADATA_HOST") or METADATA_HOST
    try:
        url = f"http://{host}{_METADATA_PATH}"
        answer = client.get(url, params={"scopes": SCOPE}, headers=_METADATA_FLAVOR, timeout=METADATA_TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise TokenError(NO_DEFAULT) from None
    try:
        body = object_of(answer.json())
    except ValueError:
        body = {}
    if not (answer.status_code == 200 and isinstance(body.get("expires_in"), int)):
        raise TokenError(f"the metadata server at {host} answered with {answer.status_code} and no token")
    return Token(_usable(body.get("access_token")), time.time() + body["expires_in"])


def _gcloud_path(environment: Mapping[str, str]) -> Path:
    folder = environment.get("CLOUDSDK_CONFIG")
    if not folder and environment.get("APPDATA"):  # Windows
        folder = str(Path(environment["APPDATA"]) / "gcloud")
    home = Path(environment.get("HOME") or Path.home())
    return Path(folder or home / ".config" / "gcloud") / "application_default_credentials.json"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return _parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TokenError(f"the file cannot be read: {error.strerror}") from error


def _parse(text: str) -> Mapping[str, Any]:
    try:
        info = json.loads(text)
    except (ValueError, RecursionError):  # their text repeats what stands there
        raise TokenError("that is no JSON") from None
    if not isinstance(info, dict):
        raise TokenError("that is no JSON object")
    return info


def _external_account(info: Mapping[str, Any], scopes: list[str]) -> Any:
    """Workload identity federation."""
    kind: Any = identity_pool
    if info.get("subject_token_type") == _AWS:
        kind = aws
    elif object_of(info.get("credential_source")).get("executable") is not None:
        kind = pluggable
    return kind.Credentials.from_info(info, scopes=scopes)


# By the `type` in the JSON.
_LOADERS: Mapping[str, Callable[..., Any]] = {
    "service_account": service_account.Credentials.from_service_account_info,
    "authorized_user": authorized_user.Credentials.from_authorized_user_info,
    "external_account": _external_account,
    "external_account_authorized_user": external_account_authorized_user.Credentials.from_info,
    "impersonated_service_account": impersonated_credentials.Credentials.from_impersonated_service_account_info,
}


def _token_of(info: Mapping[str, Any], client: httpx.Client) -> Token:
    kind = info.get("type")
    loader = _LOADERS.get(kind) if isinstance(kind, str) else None
    if loader is None:
        raise TokenError(f"their `type` is not one of {', '.join(_LOADERS)}")
    credentials = loader(info, scopes=[SCOPE])
    credentials.refresh(_Transport(client))
    expiry = credentials.expiry  # of no zone, in UTC
    expires = math.inf if expiry is None else expiry.replace(tzinfo=UTC).timestamp()
    return Token(_usable(credentials.token), expires, text_of(info.get("quota_project_id")) or None)


def _usable(token: Any) -> str:
    """The token, as it can stand in a header."""
    if isinstance(token, bytes):
        token = token.decode("latin-1")
    if isinstance(token, str) and token and token.isascii() and token.isprintable() and " " not in token:
        return token
    raise TokenError("the answer has no usable access token")


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response, as google-auth wants it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Transport:
    """google-auth's way to the network. The environment's proxy is not asked: it may be this very proxy."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Answer:
        host = urlsplit(url).hostname
        try:
            limit = min(timeout or TIMEOUT, TIMEOUT)
            answer = self._client.request(method, url, content=body, headers=headers, timeout=limit)
        except httpx.TimeoutException as error:
            raise TokenError(f"{host} did not answer within {limit:g} s", temporary=True) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TokenError(f"{host} cannot be reached: {type(error).__name__}", temporary=True) from error
        return _Answer(answer.status_code, answer.headers, answer.content)


# ------------------------------------------------------------------ what is told


def _describe(text: str) -> str:
    """Which credentials it was."""
    if not text:
        return "Google's application default credentials"
    if text.startswith("{"):
        return "Google's credentials in the configuration"
    return "Google's credentials" if looks_secret(text) else f"Google's credentials in {text[:_LONGEST]}"


def _reason(error: Exception) -> str:
    """Why they gave no token. google-auth puts the whole answer into its errors, and others what they could not
    read: only words that are meant to be read are repeated."""
    if not isinstance(error, GoogleAuthError):
        return "they are not of the form that their `type` has, or their key cannot be read"
    for said in error.args:
        answer = said if isinstance(said, Mapping) else _object_in(said)
        words = _error_in(answer) if answer else ""
        if words:
            return f"Google refused them: {_shown(words)}"
    first = error.args[0] if error.args else None
    if isinstance(first, str) and not first.lstrip().startswith(("{", "[", "<")):
        return _shown(first)
    return "Google's answer is none that OAuth knows"


def _object_in(said: Any) -> Mapping[str, Any]:
    try:
        return object_of(json.loads(said)) if isinstance(said, str | bytes) else {}
    except (ValueError, RecursionError):
        return {}


def _error_in(answer: Mapping[str, Any]) -> str:
    """The error of an OAuth answer, or of one of Google's APIs."""
    error = answer.get("error")
    inner = object_of(error)
    words = [text_of(error), text_of(answer.get("error_description"))]
    words += [text_of(inner.get("status")), text_of(inner.get("message"))]
    return ": ".join(word for word in words if word)


def _shown(text: str) -> str:
    return "(hidden: it looks like a credential)" if looks_secret(text) else " ".join(text.split())[:_LONGEST]
