"""Google's side of Vertex AI: the token endpoint, the place of the chat completions, and Gemini's own demands.

Tokens are issued for the assertion of a registered service account (RFC 7523), as oauth2.googleapis.com does, and
demanded by every place `/v1/projects/…/endpoints/openapi/chat/completions`. Behind it open models answer as the rest
of the simulator does. Gemini signs the calls of its answers, and refuses a history whose steps are not signed.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scripts.vendor import answer
from scripts.vendor.answer import Answer, Asked
from scripts.vendor.behaviour import read_behaviour
from scripts.vendor.connection import Received
from scripts.vendor.kimi import choose_answer, failure_reply
from scripts.vendor.reply import Reply, body_reply, json_reply, stream_reply

TOKEN_PATH = "/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"  # google-auth says so wherever the endpoint is
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SKIPPED = "skip_thought_signature_validator"
THOUGHT = "They want the tool."
MISSING = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, "
    "and missing thought_signature may lead to degraded model performance. Additional data, function call "
    "`default_api:{}`, position {}."
)
_PLACE = re.compile(r"/v1/projects/([^/]+)/locations/([^/]+)/endpoints/openapi/chat/completions")
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND"}
_SCHEMA_FIELDS = frozenset(
    [
        *("type", "format", "nullable", "enum", "default", "title", "description", "properties", "required", "items"),
        *("minProperties", "maxProperties", "minItems", "maxItems", "minimum", "maximum", "minLength", "maxLength"),
        *("pattern", "anyOf"),
    ]
)


class Google:
    """What a test may ask of it: `delay` in seconds before each token, `refusal` in place of one (the body of a
    400), `lifetime` of new ones in seconds, and `token_calls`, how often one was asked for."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.token_calls = 0
        self.delay = 0.0
        self.refusal: Mapping[str, str] | None = None
        self.lifetime = 3600
        self._clock = clock
        self._accounts: dict[str, rsa.RSAPublicKey] = {}
        self._tokens: dict[str, float] = {}  # with the time of their end

    def service_account(self, url: str, name: str = "tester") -> dict[str, str]:
        """A new service account: the JSON that Google gives for its key, with this server as token endpoint."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        email = f"{name}@demo.iam.gserviceaccount.com"
        self._accounts[email] = key.public_key()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "type": "service_account",
            "project_id": "demo",
            "private_key_id": "1",
            "private_key": pem,
            "client_email": email,
            "token_uri": url + TOKEN_PATH,
        }

    def issue(self) -> str:
        token = f"ya29.simulated-{secrets.token_hex(16)}"
        self._tokens[token] = self._clock() + self.lifetime
        return token

    def revoke(self) -> None:
        """No token that was issued is good any more."""
        self._tokens.clear()

    def token_reply(self, request: Received) -> Reply:
        """The answer of the token endpoint."""
        self.token_calls += 1
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        try:
            if self.refusal is None:
                self._check(form)
        except ValueError as error:
            code, _, description = str(error).partition(": ")
            return json_reply(400, {"error": code, "error_description": description})
        if self.refusal is not None:
            return json_reply(400, self.refusal)
        made = {"access_token": self.issue(), "expires_in": self.lifetime, "token_type": "Bearer"}
        reply = json_reply(200, made)
        return replace(reply, parts=[float(self.delay), *reply.parts]) if self.delay else reply

    def _check(self, form: Mapping[str, str]) -> None:
        """Raises ValueError with OAuth's code and words."""
        if form.get("grant_type") != GRANT:
            raise ValueError(f"unsupported_grant_type: Invalid grant_type: {form.get('grant_type')}")
        try:
            head, claims, signature = form.get("assertion", "").split(".")
            header, said = json.loads(_decoded(head)), json.loads(_decoded(claims))
            account = self._accounts.get(said["iss"])
            begins, ends = float(said["iat"]), float(said["exp"])
            audience, scopes = str(said["aud"]), str(said.get("scope", "")).split()
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError("invalid_grant: Bad Request") from error
        if account is None:
            raise ValueError("invalid_grant: Invalid grant: account not found")
        try:
            account.verify(_decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise ValueError("invalid_grant: Invalid JWT Signature.") from error
        if header.get("alg") != "RS256" or not begins - 60 <= self._clock() < ends <= begins + 3600:
            raise ValueError("invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes)")
        if audience != AUDIENCE:
            raise ValueError("invalid_grant: Invalid JWT: Failed audience check.")
        if SCOPE not in scopes:
            raise ValueError("invalid_scope: Invalid OAuth scope or ID token audience provided.")

    def chat_reply(self, request: Received, others: Callable[[], Reply], scripted: Callable[[], Reply | None]) -> Reply:
        """The answer at a place of Vertex AI, for a path that `is_place`. `others` gives an open model's, `scripted`
        the one that was registered for Gemini."""
        token = request.header("authorization").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= self._clock():
            return refused(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")
        try:
            body = json.loads(request.body)
            model = str(body["model"])
        except (ValueError, KeyError, TypeError) as error:
            return refused(400, f"Invalid JSON payload received. {error}")
        publisher, slash, name = model.partition("/")
        if not (publisher and slash and name):
            return refused(404, f"Publisher Model `{model}` was not found or your project does not have access to it.")
        if publisher == "google" and name.startswith("gemini-"):
            return judge_gemini(body) or scripted() or gemini_reply(body, request.header("x-simulator"))
        return others()


def is_place(path: str) -> bool:
    """Whether chat completions are served there, in Vertex AI's way."""
    return _PLACE.fullmatch(path) is not None


def refused(status: int, message: str) -> Reply:
    """An error as Google writes it at this place: in a list."""
    return json_reply(status, [{"error": {"code": status, "message": message, "status": _STATUS[status]}}])


def signature_of(name: str, arguments: str) -> str:
    """Gemini's signature of a call: it belongs to this one alone."""
    try:
        value = json.loads(arguments or "{}")
    except ValueError:  # a call of no use is signed as well
        value = arguments
    said = json.dumps([name, value], sort_keys=True)
    return base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()


def judge_gemini(body: Mapping[str, Any]) -> Reply | None:
    """The 400 for a history whose steps are not signed, and for schemas that are none of Gemini's."""
    try:
        for position, message in enumerate(body["messages"]):
            for number, call in enumerate(message.get("tool_calls") or ()):
                function = call["function"]
                given = ((call.get("extra_content") or {}).get("google") or {}).get("thought_signature")
                if given is None and number == 0:
                    return refused(400, MISSING.format(function["name"], position))
                if given not in (None, SKIPPED, signature_of(function["name"], function["arguments"])):
                    return refused(400, "Thought signature is not valid.")
        for tool in body.get("tools") or ():
            for field in _unknown_fields(tool["function"].get("parameters") or {}):
                return refused(400, f'Invalid JSON payload received. Unknown name "{field}": Cannot find field.')
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return refused(400, f"Invalid request: {error!r}")
    return None


def _unknown_fields(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from schema.keys() - _SCHEMA_FIELDS
    items = schema.get("items")
    for part in [*(schema.get("properties") or {}).values(), *schema.get("anyOf", ()), *([items] if items else ())]:
        yield from _unknown_fields(part)


def gemini_reply(body: Mapping[str, Any], header: str = "") -> Reply:
    """Gemini's answer: a call where tools are offered and no result came last, else words; thoughts in front of
    them where the request asks for some."""
    try:
        behaviour = read_behaviour(str(body["model"]), header)
        asked = Asked(
            model=str(body["model"]),
            messages=list(body["messages"]),
            tools=list(body.get("tools") or ()),
            stream=bool(body.get("stream")),
            include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return refused(400, f"Invalid request: {error!r}")
    failure = failure_reply(behaviour, lambda status: {"error": {"code": status, "message": "Simulated"}})
    if failure:
        return failure
    answered = bool(asked.messages) and asked.messages[-1].get("role") == "tool"
    if behaviour.family is None and not behaviour.reminders:
        behaviour = replace(behaviour, family="clean-tool-call" if asked.tools and not answered else "clean")
    said = choose_answer(asked, behaviour, lambda number: f"function-call-{asked.id[-6:]}{number}")
    said = _as_gemini(said, body)
    if asked.stream:
        return stream_reply(answer.chunks(said, asked), behaviour)
    return body_reply(answer.body(said, asked), behaviour)


def _as_gemini(said: Answer, body: Mapping[str, Any]) -> Answer:
    """Without a field for thinking, and with the first call signed."""
    message = {key: value for key, value in said.message.items() if key != "reasoning_content"}
    google = (body.get("extra_body") or {}).get("google") or {}
    if (google.get("thinking_config") or {}).get("include_thoughts"):
        tag = google.get("thought_tag_marker")
        thought = f"<{tag}>{THOUGHT}</{tag}>" if tag else THOUGHT
        message["content"] = thought + (message.get("content") or "")
    calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    if calls:
        function = calls[0]["function"]
        signature = {"google": {"thought_signature": signature_of(function["name"], function["arguments"])}}
        message["tool_calls"] = [{**calls[0], "extra_content": signature}, *calls[1:]]
    return replace(said, message=message)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
