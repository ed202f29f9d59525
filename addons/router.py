"""Decides what happens to a request: rerouted to a provider, answered here, or passed on untouched."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mitmproxy import http, tls
from mitmproxy.net.http import url
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.admission import RefusalError, admit, is_base_url
from addons.exchange import CREDENTIALS, IDENTITY, Exchange, hide_credentials
from addons.recorder import Recorder
from addons.relay import Relay
from addons.state import State
from config.schema import Route
from transforms.dialects import DIALECTS
from transforms.json_text import read_json, write_json
from transforms.profiles import PROFILES, profile_for
from transforms.profiles.profile import RequestContext
from transforms.providers import PROVIDERS
from transforms.providers.provider import Provider
from transforms.vendors import VENDORS, vendor_for_host

logger = logging.getLogger(__name__)

# The end of an API's path → its format. Hosts put different things in front (`/api/v1`, `/v1/projects/…`).
DIALECT_OF = {
    "chat/completions": "openai_chat",
    "messages": "anthropic_messages",
    "responses": "openai_responses",
}
_API_PATH = re.compile(r"/(chat/completions|messages|responses)/?\Z")
_BASE_URL_PATH = re.compile(r"(?:/([\w.\-]+))??/v1/(.+?)/?\Z", re.ASCII)
_PROFILE_PATH = re.compile(r"/([\w.\-]+)/(chat/completions|messages|responses|models)/?\Z", re.ASCII)
_HOP_BY_HOP = frozenset(
    [
        *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("content-length", "content-encoding", "accept-encoding"),
    ]
)


class Router:
    """See the module. Every flow gets an `Exchange` when its head arrives, so that nothing of a client's
    credentials is ever shown."""

    def __init__(self, state: State, relay: Relay, recorder: Recorder) -> None:
        self._state = state
        self._relay = relay
        self._recorder = recorder

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

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.error:
            return
        if _is_our_replay(flow):
            self._replay(flow)
            return
        exchange = self._state.exchanges.get(flow.id)
        if exchange is None or exchange.endpoint is None:
            return
        try:
            self._answer_or_route(exchange)
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
            if match and exchange.flow.request.method == "POST":
                exchange.endpoint = match[1]
            return
        match = _BASE_URL_PATH.match(path)
        if match is None:
            match = _PROFILE_PATH.match(path)
            if match is None or match[1] not in self._state.routes.profiles():
                return
        exchange.profile, exchange.endpoint = match[1], match[2]

    def _refuse(self, exchange: Exchange, refusal: RefusalError) -> None:
        exchange.pipeline = None
        dialect = DIALECTS.get(DIALECT_OF.get(exchange.endpoint or "", ""), DIALECTS["openai_chat"])
        body = write_json(dialect.write_failure(refusal.failure)).encode()
        headers = {"content-type": "application/json", **refusal.headers}
        exchange.flow.response = http.Response.make(refusal.failure.status, body, headers)

    def _answer_or_route(self, exchange: Exchange) -> None:
        flow = exchange.flow
        if exchange.base_url:
            admit(exchange, self._state.settings.proxy_api_key)
            self._expect_profile(exchange)
            if exchange.endpoint and exchange.endpoint.partition("/")[0] == "models" and flow.request.method == "GET":
                flow.response = self._models(exchange)
                return
            if exchange.endpoint not in DIALECT_OF:
                raise RefusalError(404, f"{flow.request.path} is not served here", "not_found_error")
            if flow.request.method != "POST":
                raise RefusalError(405, f"{flow.request.path} takes POST", "invalid_request_error", {"allow": "POST"})
        body = _body(flow, strict=exchange.base_url)
        model = body.get("model") if body else None
        route = self._state.routes.choose(model, exchange.profile) if isinstance(model, str) else None
        if body is None or route is None:
            if exchange.base_url:
                raise self._unknown_model(model, exchange.profile)
            return
        if not exchange.base_url:
            admit(exchange, self._state.settings.proxy_api_key)
        self._reroute(exchange, route, body)

    def _expect_profile(self, exchange: Exchange) -> None:
        profiles = self._state.routes.profiles()
        if exchange.profile is not None and exchange.profile not in profiles:
            known = ", ".join(sorted(profiles)) or "none"
            raise RefusalError(
                404, f"there is no profile {exchange.profile!r}; configured are: {known}", "not_found_error"
            )

    def _models(self, exchange: Exchange) -> http.Response:
        assert exchange.endpoint is not None
        created = int(exchange.started)
        names = self._state.routes.names(exchange.profile)
        data = [{"id": name, "object": "model", "created": created, "owned_by": "kimi-proxy"} for name in names]
        content: Mapping[str, Any] = {"object": "list", "data": data}
        one = exchange.endpoint.partition("/")[2]
        if one:
            if not self._state.routes.group(one, exchange.profile):
                raise self._unknown_model(one, exchange.profile)
            content = {"id": one, "object": "model", "created": created, "owned_by": "kimi-proxy"}
        return http.Response.make(200, write_json(content), {"content-type": "application/json"})

    def _unknown_model(self, model: Any, profile: str | None) -> RefusalError:
        names = ", ".join(self._state.routes.names(profile))
        if not isinstance(model, str):
            return RefusalError(400, f"the request names no model; configured are: {names}", "invalid_request_error")
        return RefusalError(
            404,
            f"the model {model[:200]!r} is not configured; configured are: {names}",
            "invalid_request_error",
            code="model_not_found",
        )

    def _reroute(self, exchange: Exchange, route: Route, body: dict[str, Any]) -> None:
        flow = exchange.flow
        exchange.client_format = DIALECT_OF[exchange.endpoint or ""]
        client = DIALECTS.get(exchange.client_format)
        if client is None:
            raise RefusalError(501, f"{exchange.client_format} clients are not served yet", "not_supported_error")
        provider = PROVIDERS[route.provider]
        try:
            request = client.read_request(body)
        except ValueError as error:
            raise RefusalError(400, str(error), "invalid_request_error") from error
        upstream_model = route.model or request.model
        endpoint = provider.url(route.base_url)
        profile = PROFILES[route.family] if route.family else profile_for(upstream_model)
        vendor = VENDORS[route.vendor or vendor_for_host(urlsplit(endpoint).hostname or "")]
        memory = self._state.memory(route.key)
        context = RequestContext(vendor, upstream_model, self._state.reasoning.recall, memory.reasoning_field)
        prepared = profile.prepare(request, context)
        written = DIALECTS[provider.dialect].write_request(prepared.request)
        written = provider.prepare({**written, **route.body, "model": upstream_model}, route.options)
        sent = write_json(written).encode()

        exchange.id = self._state.ids.make(exchange.started)
        exchange.route, exchange.provider = route, provider
        exchange.asked, exchange.served = request.model, upstream_model
        exchange.request, exchange.stream = request, request.stream
        exchange.wire_headers = _wire_headers(route, provider)
        key = route.api_key.reveal() if route.api_key else ""
        exchange.secrets = _secrets([*exchange.credentials, *route.headers.values(), key])
        received = flow.request.get_content(strict=False) or b""
        self._relay.begin(exchange, profile, prepared, provider)
        _rewrite(flow, endpoint, sent)
        flow.metadata["kimi_route"] = route.key
        flow.metadata["kimi_exchange"] = exchange.id
        self._recorder.begin(exchange, received, sent)

    def _replay(self, flow: http.HTTPFlow) -> None:
        """A rerouted flow that somebody replays in mitmweb: it goes where it went, with our credential."""
        route = self._state.routes.by_key(flow.metadata["kimi_route"])
        if route is None:
            logger.warning("the flow's route is not configured any more: replayed without a credential")
            return
        provider = PROVIDERS[route.provider]
        if not _leads_to(flow.request, provider.url(route.base_url)):
            # An edited flow, or a file from elsewhere, must not take the credential to another host.
            logger.warning("the flow does not lead to its route's provider: replayed without a credential")
            return
        exchange = Exchange(flow, base_url=False, route=route, provider=provider)
        exchange.wire_headers = _wire_headers(route, provider)
        self._state.exchanges[flow.id] = exchange


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


def _rewrite(flow: http.HTTPFlow, endpoint: str, body: bytes) -> None:
    """Points the flow at the provider, without anything that shows who the client is."""
    parts = urlsplit(endpoint)
    request = flow.request
    fields = request.headers.fields
    closes = "close" in request.headers.get("connection", "").lower()
    request.headers.fields = tuple(field for field in fields if _may_pass(field[0].decode("latin-1").lower()))
    request.scheme = parts.scheme
    request.host = parts.hostname or ""
    request.port = parts.port or (443 if parts.scheme == "https" else 80)
    request.path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if request.is_http2 or request.is_http3:
        request.authority = parts.netloc
    else:
        request.headers["host"] = parts.netloc
    request.headers["content-type"] = "application/json"
    request.headers["accept-encoding"] = "identity"
    if closes:  # mitmproxy reads here whether the client's connection ends with the answer
        request.headers["connection"] = "close"
    request.trailers = None
    request.content = body


def _leads_to(request: http.Request, endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (request.scheme, request.host, request.port) == (parts.scheme, parts.hostname, port)


def _may_pass(name: str) -> bool:
    return not (name in _HOP_BY_HOP or CREDENTIALS.fullmatch(name) or IDENTITY.fullmatch(name))


def _wire_headers(route: Route, provider: Provider) -> dict[str, str]:
    """What only the bytes on the wire hold. The entry's own headers may be credentials too."""
    key = {"authorization": f"Bearer {route.api_key.reveal()}"} if route.api_key else {}
    return {**provider.headers, **route.headers, **key}


def _secrets(values: list[str]) -> list[bytes]:
    """What of these headers is secret, the longest first: a part of another would leave its rest behind."""
    parts = {part for value in values for part in (value, value.rpartition(" ")[2])}
    return sorted((part.encode() for part in parts if _is_secret(part)), key=len, reverse=True)


def _is_secret(word: str) -> bool:
    """Short words are none, nor is a plain one as in `api_key="anything"`: they would be found everywhere."""
    return len(word) >= 8 and not (word.isalpha() and len(word) < 16)
