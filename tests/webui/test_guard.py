import pytest
from flask import Flask
from flask.testing import FlaskClient

from webui.guard import COOKIE, install, is_loopback, is_wildcard, parse_address

TOKEN = "s3cret-tökén"


def client(host: str = "127.0.0.1", names: tuple[str, ...] = (), token: str = "") -> FlaskClient:
    app = Flask("webui")
    install(app, host, names, token)
    app.add_url_rule("/", view_func=lambda: "page", endpoint="index")
    app.add_url_rule("/healthz", view_func=lambda: "alive", endpoint="healthz")
    return app.test_client()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:8082", ("127.0.0.1", 8082)),
        ("[::1]:0", ("::1", 0)),
        ("dash.example:65535", ("dash.example", 65535)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert parse_address(address) == expected


@pytest.mark.parametrize("address", ["", "8082", ":8082", "host:", "host:65536", "host:-1", "host:x", "host:٣"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        parse_address(address)


def test_what_only_this_machine_can_reach() -> None:
    assert all(is_loopback(host) for host in ("localhost", "LocalHost", "127.0.0.1", "127.8.8.8", "::1"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.0.1", "localhost.example", ""))
    assert is_wildcard("0.0.0.0")
    assert is_wildcard("::")
    assert not is_wildcard("127.0.0.1")
    assert not is_wildcard("localhost")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::", "dash.example"])
def test_off_loopback_only_with_a_token(host: str) -> None:
    with pytest.raises(ValueError, match="needs DASHBOARD_TOKEN"):
        client(host)
    client(host, token=TOKEN)


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST:8082", "127.0.0.1:8000", "[::1]:8082", "127.0.0.2", "kimi.proxy", "kimi.proxy:80"]
)
def test_names_that_are_ours(name: str) -> None:
    answer = client("127.0.0.2", names=("kimi.proxy",)).get("/", headers={"Host": name})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "name", ["attacker.example", "127.0.0.1.attacker.example", "localhost@attacker.example", "", "[::1", "localhost."]
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere"])
def test_other_names_are_refused(name: str, path: str) -> None:
    assert client().get(path, headers={"Host": name}).status_code == 403


def test_any_name_leads_to_every_address_but_not_past_the_token() -> None:
    web = client("0.0.0.0", token=TOKEN)
    assert web.get("/", headers={"Host": "proxy.lan"}).status_code == 401
    authorization = {"Host": "proxy.lan", "Authorization": "bearer " + TOKEN.encode().decode("latin-1")}
    assert web.get("/", headers=authorization).status_code == 401  # headers are Latin-1 to a browser
    assert client("0.0.0.0", token="plain").get("/", headers={"Authorization": "Bearer plain"}).status_code == 200


def test_the_token_in_the_address_becomes_a_cookie_once() -> None:
    web = client(token=TOKEN)
    assert web.get("/").status_code == 401
    answer = web.get("/", query_string={"token": TOKEN})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith(COOKIE + "=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert web.get("/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic plain"},
        {"Cookie": f"{COOKIE}=plain"},
        {"Cookie": f"{COOKIE}="},
    ],
)
def test_without_the_token(headers: dict[str, str]) -> None:
    web = client(token="plain")
    assert web.get("/", headers=headers).status_code == 401
    assert web.get("/?token=wrong", headers=headers).status_code == 401
    assert web.get("/nowhere?token=plain", headers=headers).status_code == 401
    assert web.get("/healthz", headers=headers).status_code == 200


def test_headers_of_every_answer() -> None:
    for path, status in (("/", 200), ("/nowhere", 404)):
        answer = client().get(path)
        assert answer.status_code == status
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src 'self';" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers
