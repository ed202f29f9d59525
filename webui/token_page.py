"""The page that asks a person for the dashboard's token. It needs nothing else of the dashboard, which is closed to
them as yet: its style is in it, and its own policy allows that by its digest."""

import base64
import hashlib

from flask import Response, make_response, render_template, request

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; margin: 0 }
form { display: grid; gap: .75rem; width: min(24rem, 90vw) }
h1 { font-size: 1.25rem; margin: 0 }
input, button { font: inherit; padding: .4rem .6rem }
[role=alert] { color: light-dark(#c22f29, #ff8178); margin: 0 }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def wants_page() -> bool:
    """Whether it is a browser that asks for a page; programs get JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def token_page() -> Response:
    """401, with the form. It says so where a token came that is not the right one."""
    wrong = request.method == "POST" or "token" in request.args
    answer = make_response(render_template("token.html", style=_STYLE, wrong=wrong), 401)
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer
