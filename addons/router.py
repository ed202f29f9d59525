"""Decides what happens to a request: rerouted to a provider, answered here, or passed on untouched."""

import json
import logging
import re
from typing import Any
from urllib.parse import urlsplit

from mitmproxy import http, tls
from mitmproxy.net.http import url
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.admission import RefusalError, admit, error_response, is_base_url
from addons.credentials import CredentialError
from addons.exchange import Attempt, Exchange, hide_credentials
from addons.failover import Failover
from addons.local_answers import LocalAnswers
from addons.outgoing import leads_to, secrets_in, wire_headers
from addons.recorder import Recorder
from addons.state import State
from transforms.conversation_key import conversation_key
from transforms.json_text import read_json
from transforms.providers import PROVIDERS

logger = logging.getLogger(__name__)

# The end of an API's path → its format. Hosts put different things in front (`/api/v1`, `/v1/projects/…`).
DIALECT_OF = {
    "chat/completions": "openai_chat",
    "messages": "anthropic_messages",
    "messages/count_tokens": "anthropic_messages",
    "responses": "openai_responses",
}
_ENDPOINTS = r"(chat/completions|messages/count_tokens|messages|responses)"
_API_PATH = re.compile(rf"/{_ENDPOINTS}/?\Z")
# Clients differ in whether their base URL is to end in /v1, and people in what they believe: none and two are taken.
_BASE_URL_PATH = re.compile(r"(?:/([\w.\-]+))??(?:/v1){1,2}/(.+?)/?\Z", re.ASCII)
_BARE_PATH = re.compile(rf"(?:/([\w.\-]+))?/{_ENDPOINTS[:-1]}|models)/?\Z", re.ASCII)


class Router:
    """See the module. Every flow gets an `Exchange` when its head arrives, so that nothing of a client's
    credentials is ever shown."""

    def __init__(self, state: State, failover: Failover, recorder: Recorder) -> None:
        self._state = state
        self._recorder = recorder
        self._failover = failover
        self._local = LocalAnswers(state)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        if isinstance(data.context.client.proxy_mode, ReverseMode):
            return
        address = data.context.server.address
        host = data.client_hello.sni or (address[0] if address else "")
        if not self._state.intercepts(host):
            data.ignore_connection = True

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if _is_our_replay(flow):
            return
        base_url = is_base_url(flow)
        if not base_url and isinstance(flow.client_conn.proxy_mode, ReverseMode):
            self._name_the_target(flow)
        if not self._state.conceals(flow):
            flow.request.stream = flow.response is None  # another addon may have answered already
            return
        exchange = Exchange(flow, base_url)
        exchange.credentials = hide_credentials(flow.request.headers)
        self._state.exchanges[flow.id] = exchange
        self._find_endpoint(exchange, urlsplit(flow.request.path).path)
        if exchange.endpoint is None:
            flow.request.stream = flow.response is None

    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.error:
            return
        if _is_our_replay(flow):
            if flow.id not in self._state.attempts:
                await self._replay(flow)
            return
        exchange = self._state.exchanges.get(flow.id)
        if exchange is None or exchange.endpoint is None:
            return
        try:
            await self._answer_or_route(exchange)
        except RefusalError as refusal:
            self._refuse(exchange, refusal)
        except Exception:
            # Going on would send the request where it was not meant to go.
            logger.exception("the request could not be worked on")
            self._refuse(exchange, RefusalError(500, "the proxy could not work on the request", "internal_error"))

    def _name_the_target(self, flow: http.HTTPFlow) -> None:
        """What mitmproxy does by itself unless it is told to keep the Host, as `State` had to tell it."""
        if not self._state.keeps_host_header:
            request = flow.request
            request.host_header = url.hostport(request.scheme, request.host, request.port)

    def _find_endpoint(self, exchange: Exchange, path: str) -> None:
        if not exchange.base_url:
            match = _API_PATH.search(path)
            if match and (exchange.flow.request.method == "POST" or _is_websocket(exchange.flow, match[1])):
                exchange.endpoint = match[1]
            return
        match = _BASE_URL_PATH.match(path)
        if match is None:
            match = _BARE_PATH.match(path)
            if match is None or match[1] not in (None, *self._state.routes.profiles()):
                return
        exchange.profile, exchange.endpoint = match[1], match[2]

    def _refuse(self, exchange: Exchange, refusal: RefusalError) -> None:
        known = DIALECT_OF.get(exchange.endpoint or "")
        if known is None and "anthropic-version" in exchange.flow.request.headers:
            known = "anthropic_messages"
        headers = dict(refusal.headers)
        if exchange.id:
            headers["x-kimi-proxy-exchange"] = exchange.id
        exchange.flow.response = exchange.head = error_response(known or "openai_chat", refusal.failure, headers)
        if exchange.id and not exchange.logged:
            self._recorder.refused(exchange, refusal.failure)

    async def _answer_or_route(self, exchange: Exchange) -> None:
        flow = exchange.flow
        if exchange.base_url:
            admit(exchange, self._state.settings.proxy_api_key)
            self._expect_profile(exchange)
        if _is_websocket(flow, exchange.endpoint):
            raise RefusalError(426, "WebSockets are not served here: use HTTP", "invalid_request_error")
        if exchange.base_url:
            if exchange.endpoint and exchange.endpoint.partition("/")[0] == "models" and flow.request.method == "GET":
                flow.response = self._local.models(exchange)
                return
            if exchange.endpoint not in DIALECT_OF:
                raise RefusalError(404, f"{flow.request.path} is not served here", "not_found_error")
            if flow.request.method != "POST":
                raise RefusalError(405, f"{flow.request.path} takes POST", "invalid_request_error", {"allow": "POST"})
            self._begin(exchange)
        body = _body(flow, strict=exchange.base_url)
        model = body.get("model") if body else None
        exchange.asked = model if isinstance(model, str) else ""
        exchange.stream = bool(body and body.get("stream"))
        group = self._state.routes.group(exchange.asked, exchange.profile) if exchange.asked else ()
        if body is None or not group:
            if exchange.base_url:
                raise self._local.unknown_model(model, exchange.profile)
            return
        if not exchange.base_url:
            admit(exchange, self._state.settings.proxy_api_key)
            self._begin(exchange)
        if exchange.endpoint == "messages/count_tokens":
            flow.response = self._local.count_tokens(exchange, group[0], body)
        else:
            await self._reroute(exchange, body)

    def _begin(self, exchange: Exchange) -> None:
        """The client may ask, and asks for an answer: from here on the exchange is the log's, even where it comes to
        nothing."""
        request = exchange.flow.request
        exchange.client_format = DIALECT_OF[exchange.endpoint or ""]
        if exchange.endpoint == "messages/count_tokens":  # clients send them by the dozen, and no model answers
            return
        exchange.id = self._state.ids.make(exchange.started)
        exchange.received = request.get_content(strict=False) or b""
        exchange.received_headers, exchange.url = tuple(request.headers.items()), request.pretty_url
        exchange.secrets = secrets_in(list(exchange.credentials))

    def _expect_profile(self, exchange: Exchange) -> None:
        profiles = self._state.routes.profiles()
        if exchange.profile is not None and exchange.profile not in profiles:
            known = ", ".join(sorted(profiles)) or "none"
            raise RefusalError(
                404, f"there is no profile {exchange.profile!r}; configured are: {known}", "not_found_error"
            )

    async def _reroute(self, exchange: Exchange, body: dict[str, Any]) -> None:
        """Sends a request for a configured model to a provider, in the provider's words."""
        flow = exchange.flow
        if body.get("thread") is not None and exchange.client_format == "anthropic_messages":
            raise _no_threads()
        if exchange.client_format == "openai_responses":
            exchange.body, exchange.body_size = body, len(exchange.received)
            body = await self._state.conversations.complete(body, self._state.store)
            if not self._state.routes.group(str(body.get("model")), exchange.profile):  # a reload came between
                raise self._local.unknown_model(body.get("model"), exchange.profile)
        request = self._local.read(exchange, body)
        if not request.messages and exchange.client_format == "openai_responses":
            flow.response = self._local.empty(exchange, request, body)
            return
        exchange.asked, exchange.request, exchange.stream = request.model, request, request.stream
        headers = {name.lower(): value for name, value in flow.request.headers.items()}
        exchange.conversation = conversation_key(headers, body, request)
        await self._failover.begin(exchange)

    async def _replay(self, flow: http.HTTPFlow) -> None:
        """A rerouted flow that somebody replays in mitmweb: it goes where it went, with our credential."""
        route = self._state.routes.by_key(flow.metadata["kimi_route"])
        if route is None:
            logger.warning("the flow's route is not configured any more: replayed without a credential")
            return
        provider = PROVIDERS[route.provider]
        if not leads_to(flow.request, provider.url(route.base_url, route.options)):
            # An edited flow, or a file from elsewhere, must not take the credential to another host.
            logger.warning("the flow does not lead to its route's provider: replayed without a credential")
            return
        attempt = Attempt(flow, Exchange(flow, base_url=False), route, provider)
        try:
            attempt.key = await self._state.credentials.key(route, provider) or ""
        except CredentialError as error:
            logger.warning("the flow is replayed without a credential: %s", error)
        extra = self._state.credentials.extra_headers(route)
        attempt.wire_headers = wire_headers(route, provider, attempt.key, extra)
        self._state.attempts[flow.id] = attempt


def _is_our_replay(flow: http.HTTPFlow) -> bool:
    return flow.is_replay == "request" and "kimi_route" in flow.metadata


def _body(flow: http.HTTPFlow, *, strict: bool) -> dict[str, Any] | None:
    """The request's JSON object; None (or, `strict`, a refusal) when it is none."""
    try:
        body = read_json((flow.request.get_content(strict=True) or b"").decode("utf-8-sig"))
    except ValueError as error:
        if strict:
            # What stands in the body is not repeated: decoders put all of it into their messages.
            said = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be decoded"
            raise RefusalError(400, f"the request's body is no JSON: {said}", "invalid_request_error") from error
        return None
    if not isinstance(body, dict):
        if strict:
            raise RefusalError(400, "the request's body is no JSON object", "invalid_request_error")
        return None
    return body


def _is_websocket(flow: http.HTTPFlow, endpoint: str | None) -> bool:
    """Codex asks for one before anything else, and falls back at once when it is answered 426."""
    upgrades = flow.request.headers.get("upgrade", "").lower() == "websocket"
    return endpoint == "responses" and flow.request.method == "GET" and upgrades


def _no_threads() -> RefusalError:
    """Anthropic's stateful conversations, as its tool runners try them. This answer makes them send everything."""
    return RefusalError(
        400,
        "Stored threads are not supported here: send the whole conversation.",
        "invalid_request_error",
        details={"error_code": "thread_unsupported_request", "unsupported": ["inference_hooks"]},
    )
