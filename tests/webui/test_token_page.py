"""What a browser is shown that has not got the dashboard's token; `test_guard.py` has the rules for who gets in."""

import base64
import hashlib
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webui.guard import COOKIE, install

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def web() -> FlaskClient:
    app = Flask("webui")
    install(app, "127.0.0.1", (), "the-token")
    app.add_url_rule("/", view_func=lambda: "page", endpoint="index")
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/exchanges/0", "/nowhere"])
def test_a_browser_is_asked_for_the_token_on_every_page(web: FlaskClient, path: str) -> None:
    answer = web.get(path, headers=BROWSER)
    assert answer.status_code == 401
    assert '<form method="post" action="/">' in answer.text
    assert "not the token" not in answer.text


def test_programs_get_an_error_and_no_page(web: FlaskClient) -> None:
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = web.get("/", headers=headers)
        assert answer.status_code == 401
        assert "<form" not in answer.text


def test_the_token_of_the_form_opens_the_dashboard(web: FlaskClient) -> None:
    answer = web.post("/", data={"token": "the-token"}, headers=BROWSER)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert answer.headers["Set-Cookie"].startswith(f"{COOKIE}=")
    assert web.get("/", headers=BROWSER).text == "page"


@pytest.mark.parametrize("data", [{"token": "wrong"}, {"token": ""}, {}])
def test_another_token_is_told_so(web: FlaskClient, data: dict[str, str]) -> None:
    answer = web.post("/", data=data, headers=BROWSER)
    assert answer.status_code == 401
    assert "That is not the token." in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "That is not the token." in web.get("/?token=wrong", headers=BROWSER).text


def test_the_page_s_policy_allows_its_own_style_and_no_script(web: FlaskClient) -> None:
    answer = web.get("/", headers=BROWSER)
    policy = answer.headers["Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
