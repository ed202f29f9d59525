"""From a client's request and a route to a request upstream: its body in the provider's words, its place, its
credential, and the pipeline for what comes back."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from mitmproxy import http

from addons.credentials import CredentialError
from addons.exchange import Attempt, Exchange
from addons.marks import mark
from addons.outgoing import rewrite, secrets_in, wire_headers
from addons.recorder import Recorder
from addons.state import State
from config.schema import Route
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.enforcement import Enforcement, enforce
from transforms.events import Repair
from transforms.json_text import write_json
from transforms.lessons import apply_lessons, taught
from transforms.pipeline import Pipeline
from transforms.profiles import PROFILES, profile_for
from transforms.profiles.profile import Prepared, Profile, RequestContext, answer_context
from transforms.providers import PROVIDERS
from transforms.providers.provider import Body, Provider
from transforms.request import Request
from transforms.token_estimate import estimate_tokens
from transforms.translation import keep_signed_thinking, translate
from transforms.vendors import VENDORS, vendor_for_host


@dataclass(frozen=True, slots=True)
class _Written:
    """A client's request in a route's words. `asked` is what the provider's format can say of it, `prepared` that
    by the rules of family, vendor and lessons, with what enforces tool calls."""

    provider: Provider
    endpoint: str
    profile: Profile
    asked: Request
    enforcement: Enforcement | None
    prepared: Prepared
    body: Body
    repairs: Sequence[Repair]


class Attempts:
    """Makes them. None of it sends anything but, where the provider needs a token, the request for that."""

    def __init__(self, state: State, recorder: Recorder) -> None:
        self._state = state
        self._recorder = recorder

    async def begin(self, exchange: Exchange, route: Route, flow: http.HTTPFlow) -> Attempt:
        """The next attempt of the exchange, ready to leave with this flow; with a `failure` where there is no
        credential for it."""
        attempt = Attempt(flow, exchange, route, PROVIDERS[route.provider], number=exchange.attempts + 1)
        attempt.served = route.model or exchange.asked
        memory = self._state.memory(route.key, attempt.served)
        attempt.lessons = frozenset(memory.lessons | exchange.lessons.get(route.key, set()))
        written = self._write(exchange, route, attempt.lessons)
        attempt.endpoint, attempt.request = written.endpoint, written.asked
        exchange.enforcement = written.enforcement
        if written.enforcement and written.enforcement.reasons:
            attempt.reprompt = written.enforcement.reasons[-1]
        attempt.pipeline = self._pipeline(exchange, attempt, written)
        if not attempt.reprompt:  # else they are known from the attempt before
            for repair in (*written.repairs, *written.prepared.repairs):
                attempt.pipeline.transcript.repair(repair)
        attempt.timeouts = self._timeouts(exchange, route)
        exchange.attempt = attempt
        self._state.attempts[flow.id] = attempt
        attempt.ticket = self._state.health.begin(route.key)
        data = write_json(written.body).encode()
        exchange.secrets = secrets_in([*exchange.credentials, *route.headers.values(), *_texts(exchange.secrets)])
        await self._present(attempt, written)
        rewrite(flow, written.endpoint, data)
        flow.metadata["kimi_route"] = route.key
        flow.metadata["kimi_exchange"] = exchange.id
        mark(attempt)
        self._recorder.begin(attempt, data)
        return attempt

    def would_say_otherwise(self, attempt: Attempt, lessons: Collection[str]) -> bool:
        """Whether the attempt's request would be another one with these lessons."""
        bodies = [self._write(attempt.exchange, attempt.route, known).body for known in (attempt.lessons, lessons)]
        return bodies[0] != bodies[1]

    async def _present(self, attempt: Attempt, written: _Written) -> None:
        """Gets what the attempt presents itself with, within the time that it has."""
        credentials, route, exchange = self._state.credentials, attempt.route, attempt.exchange
        patience = attempt.timeouts[0]
        try:
            async with asyncio.timeout(patience):
                attempt.key = await credentials.key(route, written.provider) or ""
        except CredentialError as error:
            attempt.failure = error.failure
        except TimeoutError:
            attempt.failure = CredentialError(f"there was no access token within {patience:g} seconds").failure
        extra = {**written.provider.headers_for(written.body), **credentials.extra_headers(route)}
        attempt.wire_headers = wire_headers(route, written.provider, attempt.key, extra)
        exchange.secrets = secrets_in([attempt.key, *_texts(exchange.secrets)])

    def _write(self, exchange: Exchange, route: Route, lessons: Collection[str]) -> _Written:
        assert exchange.request is not None
        provider = PROVIDERS[route.provider]
        model = route.model or exchange.asked
        endpoint = provider.url(route.base_url, route.options)
        host = urlsplit(endpoint).hostname or ""
        vendor = taught(VENDORS[route.vendor or vendor_for_host(host)], lessons)
        repairs: list[Repair] = []
        asked = translate(exchange.request, provider.dialect, repairs.append)
        profile = PROFILES[route.family] if route.family else profile_for(model)
        enforcement = self._enforcement(exchange, route, asked)
        late_system = profile.late_system or vendor.late_system
        enforced = enforcement.ask(asked, late_system=late_system) if enforcement else asked
        memory = self._state.memory(route.key, model)
        context = RequestContext(vendor, model, self._state.recall, memory.reasoning_field, provider.dialect)
        prepared = profile.prepare(enforced, context)
        told = apply_lessons(prepared.request, vendor, model, lessons, repairs.append)
        if vendor.checks_signatures:
            told = keep_signed_thinking(told, repairs.append)
        written = DIALECTS[provider.dialect].write_request(told, repairs.append)
        body = {**written, **route.body, "model": model}
        body = provider.prepare(body, {**route.options, "host": host, "vendor": vendor.name})
        repairs += [Repair("request-field-dropped", name) for name in written.keys() - body.keys()]
        prepared = replace(prepared, request=told)
        return _Written(provider, endpoint, profile, asked, enforcement, prepared, body, repairs)

    def _enforcement(self, exchange: Exchange, route: Route, asked: Request) -> Enforcement | None:
        """What enforces tool calls with this route. An answer that has gone on behind a reminder keeps it on every
        other route."""
        if exchange.enforcement and (exchange.enforcement.reasons or route.ensure_tool_call):
            return exchange.enforcement
        return enforce(asked, self._state.settings.max_reprompts) if route.ensure_tool_call else None

    def _timeouts(self, exchange: Exchange, route: Route) -> tuple[float, float]:
        """Until the first content, and between later pieces. Of a whole answer nothing is seen until its end."""
        if not exchange.stream:
            return route.whole_answer_timeout, route.whole_answer_timeout
        others = any(
            other.key != route.key and other.key not in exchange.tried
            for other in self._state.routes.group(exchange.asked, exchange.profile)
        )
        return route.first_token_timeout(others), route.silence_timeout

    def _pipeline(self, exchange: Exchange, attempt: Attempt, written: _Written) -> Pipeline:
        request, profile, enforcement = written.asked, written.profile, written.enforcement
        memory = self._state.memory(attempt.route.key, attempt.served)
        holds = not exchange.stream or memory.holds_text(
            thinks=profile.thinks(attempt.served), tools_offered=bool(request.tools)
        )
        context = answer_context(request, written.prepared, hold_undecided=holds)
        stages = profile.stages(enforcement.expect(context) if enforcement else context)
        same = exchange.asked == attempt.served and exchange.client_format == attempt.provider.dialect
        return Pipeline(
            upstream=DIALECTS[attempt.provider.dialect],
            client=DIALECTS[exchange.client_format],
            stages=stages,
            envelope=self._envelope(exchange, attempt, request),
            stream=exchange.stream,
            untouched=not stages and same and enforcement is None,
            holds_failures=True,
            enforced=enforcement.answer() if enforcement else None,
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


def _texts(secrets: Sequence[bytes]) -> list[str]:
    return [secret.decode() for secret in secrets]
