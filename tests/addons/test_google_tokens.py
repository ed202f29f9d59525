"""Tokens by every kind of credentials, from real endpoints on loopback; and what is said where there is none."""

import json
import math
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from google.auth.exceptions import OAuthError, RefreshError
from google.oauth2 import credentials as authorized_user

from addons import google_tokens
from addons.google_tokens import METADATA_HOST, NO_DEFAULT, SCOPE, Token, TokenError, fetch_token
from config.secret import Secret
from scripts.vendor.server import Simulator, running_simulator

NOWHERE = {"CLOUDSDK_CONFIG": "/nowhere", "NO_GCE_CHECK": "true"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def closed() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def inline(info: Mapping[str, Any]) -> Secret:
    return Secret(json.dumps(info))


def failure(source: Secret | None, environment: Mapping[str, str] = NOWHERE) -> str:
    with pytest.raises(TokenError) as error:
        fetch_token(source, environment)
    return str(error.value)


def test_a_service_account_by_its_json_or_by_its_file(simulator: Simulator, tmp_path: Path) -> None:
    account = simulator.google.service_account(simulator.url)
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account | {"quota_project_id": "payer"}))
    first, second = fetch_token(inline(account), {}), fetch_token(Secret(str(path)), {})
    assert first.text != second.text
    assert 3500 < first.expires - time.time() <= 3600
    assert (first.quota_project, second.quota_project) == (None, "payer")
    assert simulator.google.token_calls == 2
    assert first.text not in repr(first)


def test_the_environments_proxy_is_not_asked(
    simulator: Simulator, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{closed}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    fetch_token(inline(simulator.google.service_account(simulator.url)), {})


def test_a_refusal_is_told_in_googles_words_and_without_a_secret(simulator: Simulator, tmp_path: Path) -> None:
    account = simulator.google.service_account(simulator.url)
    other = simulator.google.service_account(simulator.url, "other")
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account | {"private_key": other["private_key"]}))
    message = failure(Secret(str(path)))
    assert message == f"Google's credentials in {path}: Google refused them: invalid_grant: Invalid JWT Signature."
    simulator.google.refusal = {"error": "invalid_grant", "error_description": "bad ya29.horse-battery-staple"}
    message = failure(inline(account))
    assert message.startswith("Google's credentials in the configuration: Google refused them:")
    assert "horse" not in message


def test_an_endpoint_out_of_reach(closed: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    account = simulator.google.service_account(simulator.url)
    gone = account | {"token_uri": f"http://{closed}/token"}
    assert failure(inline(gone)).endswith(": 127.0.0.1 cannot be reached: ConnectError")
    monkeypatch.setattr(google_tokens, "TIMEOUT", 0.1)
    simulator.google.delay = 5
    assert failure(inline(account)).endswith(": 127.0.0.1 did not answer within 0.1 s")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{horse", "that is no JSON"),
        ('{"type": "horse"}', "their `type` is not one of service_account, authorized_user,"),
        ('{"type": ["horse"]}', "their `type` is not one of"),
        (
            '{"type": "service_account", "private_key": "horse"}',
            "Service account info was not in the expected format, missing fields",
        ),
        (
            '{"type": "service_account", "private_key": "horse", "client_email": "a@b", "token_uri": "http://h"}',
            "they are not of the form that their `type` has, or their key cannot be read",
        ),
        ('{"type": "authorized_user", "client_id": "horse"}', "they are not of the form that their `type` has"),
        ('{"type": "impersonated_service_account"}', "they are not of the form"),
        ('{"type": "external_account", "audience": 5}', "they are not of the form"),
        ('{"type": "external_account_authorized_user"}', "Google's credentials in the configuration: "),
    ],
)
def test_wrong_credentials(text: str, words: str) -> None:
    message = failure(Secret(text))
    assert words in message
    assert "horse" not in message


def test_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text("[]")
    assert failure(Secret(str(path))) == f"Google's credentials in {path}: that is no JSON object"
    missing = tmp_path / "missing.json"
    assert failure(Secret(str(missing))).endswith("the file cannot be read: No such file or directory")
    token = failure(Secret("ya29.horse-battery-staple"))  # in the wrong place
    assert token == "Google's credentials: the file cannot be read: No such file or directory"


# ------------------------------------------------------------------ application default credentials


class Metadata(httpx.BaseTransport):
    """A metadata server, or what stands at its address."""

    def __init__(self, status: int, content: bytes) -> None:
        self.status, self.content = status, content
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self.status, content=self.content)


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Metadata:
    server = Metadata(200, b'{"access_token": "ya29.of-the-machine", "expires_in": 500, "token_type": "Bearer"}')
    real = httpx.Client
    monkeypatch.setattr(google_tokens.httpx, "Client", lambda **options: real(transport=server, **options))
    return server


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"CLOUDSDK_CONFIG": "{}/sdk"}, "sdk"),
        ({"HOME": "{}"}, ".config/gcloud"),
        ({"APPDATA": "{}/roaming"}, "roaming/gcloud"),
    ],
)
def test_the_file_that_gcloud_writes(
    simulator: Simulator, tmp_path: Path, environment: dict[str, str], folder: str
) -> None:
    path = tmp_path / folder / "application_default_credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(simulator.google.service_account(simulator.url)))
    fetch_token(None, {name: value.format(tmp_path) for name, value in environment.items()})
    assert simulator.google.token_calls == 1


@pytest.mark.parametrize(
    ("environment", "host"), [({}, METADATA_HOST), ({"GCE_METADATA_HOST": "metadata.example"}, "metadata.example")]
)
def test_the_machines_own_token(metadata: Metadata, tmp_path: Path, environment: dict[str, str], host: str) -> None:
    token = fetch_token(None, {"CLOUDSDK_CONFIG": str(tmp_path), **environment})
    assert token.text == "ya29.of-the-machine"
    assert 490 < token.expires - time.time() <= 500
    (asked,) = metadata.asked
    assert (asked.url.host, asked.headers["metadata-flavor"]) == (host, "Google")
    assert asked.url.params["scopes"] == SCOPE


@pytest.mark.parametrize(
    ("status", "content"),
    [(404, b"{}"), (200, b"<html>"), (200, b"[]"), (200, b'{"access_token": "x", "expires_in": "long"}')],
)
def test_a_machine_without_a_token(metadata: Metadata, tmp_path: Path, status: int, content: bytes) -> None:
    metadata.status, metadata.content = status, content
    message = failure(None, {"CLOUDSDK_CONFIG": str(tmp_path)})
    assert message.endswith(f"the metadata server at {METADATA_HOST} answered with {status} and no token")


@pytest.mark.parametrize("token", ["5", '""', '"two words"', '"line\\nbreak"', '"\u00fc"'])
def test_a_token_that_no_header_can_hold(metadata: Metadata, tmp_path: Path, token: str) -> None:
    metadata.content = f'{{"access_token": {token}, "expires_in": 500}}'.encode()
    assert failure(None, {"CLOUDSDK_CONFIG": str(tmp_path)}).endswith("the answer has no usable access token")


def test_without_any_the_answer_comes_fast_and_says_what_to_do(closed: str, tmp_path: Path) -> None:
    before = time.monotonic()
    for environment in (NOWHERE, {"HOME": str(tmp_path), "GCE_METADATA_HOST": closed}):
        assert failure(None, environment) == f"Google's application default credentials: {NO_DEFAULT}"
    assert time.monotonic() - before < 2


def test_a_metadata_server_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_tokens, "METADATA_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = time.monotonic()
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        assert failure(None, {"HOME": str(tmp_path), "GCE_METADATA_HOST": host}).endswith(NO_DEFAULT)
        assert time.monotonic() - before < 2


# ------------------------------------------------------------------ what google-auth says


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RefreshError("text", {"error": "invalid_grant", "error_description": "Expired."}), "invalid_grant: Expired."),
        (OAuthError("Error code x", '{"error": "invalid_request"}'), "invalid_request"),
        (RefreshError("x", {"error": {"status": "PERMISSION_DENIED", "message": "No."}}), "PERMISSION_DENIED: No."),
        (RefreshError('{"access_token": "horse"}', {"access_token": "horse"}), "none that OAuth knows"),
        (RefreshError("<html>horse</html>"), "none that OAuth knows"),
        (RefreshError(), "none that OAuth knows"),
        (RefreshError("a message\n of its own"), "a message of its own"),
        (RefreshError("Bearer horse"), "it looks like a credential"),
    ],
)
def test_errors_of_google_auth(error: RefreshError, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **more: Any) -> Token:
        raise error

    monkeypatch.setattr(google_tokens, "_token_of", refuse)
    message = failure(Secret("{}"))
    assert words in message
    assert "horse" not in message


@pytest.mark.parametrize(("expiry", "expires"), [(None, math.inf), (datetime(2026, 1, 1), 1767225600.0)])
@pytest.mark.parametrize("text", ["ya29.x", b"ya29.x"])
def test_when_a_token_ends(
    expiry: datetime | None, expires: float, text: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert datetime(2026, 1, 1, tzinfo=UTC).timestamp() == 1767225600.0

    def refresh(self: Any, transport: Any) -> None:
        self.token, self.expiry = text, expiry

    monkeypatch.setattr(authorized_user.Credentials, "refresh", refresh)
    info = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    assert fetch_token(inline(info), {}) == Token("ya29.x", expires)


FEDERATED = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
}


@pytest.mark.parametrize(
    ("more", "module"),
    [
        ({"credential_source": {"file": "/token"}}, "google.auth.identity_pool"),
        ({"credential_source": {"executable": {"command": "x"}}}, "google.auth.pluggable"),
        (
            {
                "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
                "credential_source": {
                    "environment_id": "aws1",
                    "regional_cred_verification_url": "https://sts.{region}.amazonaws.com",
                },
            },
            "google.auth.aws",
        ),
    ],
)
def test_workload_identity_of_each_kind(more: dict[str, Any], module: str) -> None:
    made = google_tokens._external_account(FEDERATED | more, [SCOPE])
    assert type(made).__module__ == module
    assert made.scopes == [SCOPE]


def test_workload_identity_by_a_file(metadata: Metadata, tmp_path: Path) -> None:
    """The whole way: a token of somebody else's in exchange for one of Google's."""
    subject = tmp_path / "subject"
    subject.write_text("subject-token")
    metadata.content = b'{"access_token": "ya29.exchanged", "expires_in": 600, "token_type": "Bearer"}'
    info = FEDERATED | {"credential_source": {"file": str(subject)}}
    assert fetch_token(inline(info), {}).text == "ya29.exchanged"
    (asked,) = metadata.asked
    assert (asked.method, str(asked.url)) == ("POST", FEDERATED["token_url"])
    assert parse_qs(asked.content.decode())["subject_token"] == ["subject-token"]
