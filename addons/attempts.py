"""From a client's request and a route to a request upstream: its body in the provider's words, its place, its
credential, and the pipeline for what comes back."""

from dataclasses import replace
from urllib.parse import urlsplit

from mitmproxy import http

from addons.credentials import CredentialError
from addons.exchange import Attempt, Exchange
from addons.outgoing import rewrite, secrets_in, wire_headers
from addons.recorder import Recorder
from addons.state import State
from config.schema import Route
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.events import Repair
from transforms.json_text import write_json
from transforms.lessons import apply_lessons, taught
from transforms.pipeline import Pipeline
from transforms.profiles import PROFILES, profile_for
from transforms.profiles.profile import Prepared, Profile, RequestContext, answer_context
from transforms.providers import PROVIDERS
from transforms.request import Request
from transforms.token_estimate import estimate_tokens
from transforms.translation import keep_signed_thinking, translate
from transforms.vendors import VENDORS, vendor_for_host


class Attempts:
    """Makes them. None of it sends anything but, where the provider needs a token, the request for that."""

    def __init__(self, state: State, recorder: Recorder) -> None:
        self._state = state
        self._recorder = recorder

    async def begin(self, exchange: Exchange, route: Route, flow: http.HTTPFlow) -> Attempt:
        """The next attempt of the exchange, ready to leave with this flow; with a `failure` where there is no
        credential for it."""
        assert exchange.request is not None
        provider = PROVIDERS[route.provider]
        attempt = Attempt(flow, exchange, route, provider, number=exchange.attempts + 1)
        attempt.served = route.model or exchange.asked
        endpoint = provider.url(route.base_url, route.options)
        host = urlsplit(endpoint).hostname or ""

        memory = self._state.memory(route.key)
        attempt.lessons = frozenset(memory.lessons)
        vendor = taught(VENDORS[route.vendor or vendor_for_host(host)], attempt.lessons)
        repairs: list[Repair] = []
        request = translate(exchange.request, provider.dialect, repairs.append)
        profile = PROFILES[route.family] if route.family else profile_for(attempt.served)
        context = RequestContext(vendor, attempt.served, self._state.recall, memory.reasoning_field, provider.dialect)
        prepared = profile.prepare(request, context)
        told = apply_lessons(prepared.request, vendor, attempt.served, attempt.lessons, repairs.append)
        if vendor.checks_signatures:
            told = keep_signed_thinking(told, repairs.append)
        prepared = replace(prepared, request=told)
        written = DIALECTS[provider.dialect].write_request(told, repairs.append)
        body = {**written, **route.body, "model": attempt.served}
        sent = provider.prepare(body, {**route.options, "host": host, "vendor": vendor.name})
        repairs += [Repair("request-field-dropped", name) for name in written.keys() - sent.keys()]

        attempt.pipeline = self._pipeline(exchange, attempt, request, profile, prepared)
        for repair in (*repairs, *prepared.repairs):
            attempt.pipeline.transcript.repair(repair)
        attempt.request, attempt.timeouts = request, self._timeouts(exchange, route)
        exchange.attempt = attempt
        self._state.attempts[flow.id] = attempt
        attempt.ticket = self._state.health.begin(route.key)
        try:
            attempt.key = await self._state.credentials.key(route, provider) or ""
        except CredentialError as error:
            attempt.failure = error.failure
        extra = {**provider.headers_for(sent), **self._state.credentials.extra_headers(route)}
        attempt.wire_headers = wire_headers(route, provider, attempt.key, extra)
        secret = [*exchange.credentials, *route.headers.values(), attempt.key]
        exchange.secrets = secrets_in([*secret, *(known.decode() for known in exchange.secrets)])
        data = write_json(sent).encode()
        rewrite(flow, endpoint, data)
        flow.metadata["kimi_route"] = route.key
        flow.metadata["kimi_exchange"] = exchange.id
        self._recorder.begin(attempt, data)
        return attempt

    def _timeouts(self, exchange: Exchange, route: Route) -> tuple[float, float]:
        """Until the first content, and between later pieces. Of a whole answer nothing is seen until its end."""
        if not exchange.stream:
            return route.whole_answer_timeout, route.whole_answer_timeout
        others = any(
            other.key != route.key and other.key not in exchange.tried
            for other in self._state.routes.group(exchange.asked, exchange.profile)
        )
        return route.first_token_timeout(others), route.silence_timeout

    def _pipeline(
        self, exchange: Exchange, attempt: Attempt, request: Request, profile: Profile, prepared: Prepared
    ) -> Pipeline:
        memory = self._state.memory(attempt.route.key)
        holds = not exchange.stream or memory.holds_text(
            thinks=profile.thinks(attempt.served), tools_offered=bool(request.tools)
        )
        stages = profile.stages(answer_context(request, prepared, hold_undecided=holds))
        same = exchange.asked == attempt.served and exchange.client_format == attempt.provider.dialect
        return Pipeline(
            upstream=DIALECTS[attempt.provider.dialect],
            client=DIALECTS[exchange.client_format],
            stages=stages,
            envelope=self._envelope(exchange, attempt, request),
            stream=exchange.stream,
            untouched=not stages and same,
            holds_failures=True,
            after=exchange.attempt.pipeline if exchange.attempt else None,
        )

    def _envelope(self, exchange: Exchange, attempt: Attempt, request: Request) -> Envelope:
        if exchange.client_format == "anthropic_messages":  # the format that tells a prompt's size at once
            exchange.estimated_tokens = estimate_tokens(request)
        options = request.parameters.get("stream_options")
        return Envelope(
            id=f"{DIALECTS[exchange.client_format].ID_PREFIX}{exchange.id}",
            model=exchange.asked,
            created=int(exchange.started),
            include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
            request=request,
            input_tokens=exchange.estimated_tokens
            and self._state.calibration.apply(attempt.served, exchange.estimated_tokens),
        )
