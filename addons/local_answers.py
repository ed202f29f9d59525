"""What is answered here, without a provider: model lists, token counts, and a request that asks for nothing."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mitmproxy import http

from addons.admission import RefusalError
from addons.exchange import Exchange
from addons.state import State
from config.schema import Route
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.events import ChoiceFinish, Event, Finish, ResponseStart
from transforms.json_text import write_json
from transforms.model_list import list_models, show_model
from transforms.request import Request
from transforms.response import collect


class LocalAnswers:
    """Answers for the router."""

    def __init__(self, state: State) -> None:
        self._state = state

    def models(self, exchange: Exchange) -> http.Response:
        """`/v1/models`, and one model of it, in the shape that the client expects."""
        request = exchange.flow.request
        headers = {name.lower(): value for name, value in request.headers.items()}
        created = int(exchange.started)
        one = (exchange.endpoint or "").partition("/")[2]
        if not one:
            names = self._state.routes.names(exchange.profile)
            return _json(list_models(names, headers, created, query=urlsplit(request.path).query))
        if not self._state.routes.group(one, exchange.profile):
            raise self.unknown_model(one, exchange.profile)
        return _json(show_model(one, headers, created))

    def unknown_model(self, model: Any, profile: str | None) -> RefusalError:
        """The refusal of a request for a model that is not configured."""
        names = ", ".join(self._state.routes.names(profile))
        if not isinstance(model, str):
            return RefusalError(400, f"the request names no model; configured are: {names}", "invalid_request_error")
        profiles = [one for one in sorted(self._state.routes.profiles()) if self._state.routes.group(model, one)]
        elsewhere = f" (it is under {', '.join(f'/{one}/v1' for one in profiles)})" if profiles else ""
        return RefusalError(
            404,
            f"the model {model[:200]!r} is not configured{elsewhere}; configured are: {names}",
            "invalid_request_error",
            code="model_not_found",
        )

    def read(self, exchange: Exchange, body: Mapping[str, Any]) -> Request:
        """The client's request; a refusal where the body is none."""
        try:
            return DIALECTS[exchange.client_format].read_request(body)
        except ValueError as error:
            raise RefusalError(400, str(error), "invalid_request_error") from error

    def count_tokens(self, exchange: Exchange, route: Route, body: Mapping[str, Any]) -> http.Response:
        """`/v1/messages/count_tokens`: an estimate, as near as the model's own counts so far allow."""
        request = self.read(exchange, body)
        return _json({"input_tokens": self._state.count_tokens(route.model or request.model, request)})

    def empty(self, exchange: Exchange, request: Request, body: Mapping[str, Any]) -> http.Response:
        """The answer to a request without a message: clients of the Responses format ask so whether a model is
        there (Codex), and no provider would take it. They may go on from it."""
        dialect = DIALECTS[exchange.client_format]
        id = self._state.ids.make(exchange.started)
        envelope = Envelope(f"{dialect.ID_PREFIX}{id}", request.model, int(exchange.started), request=request)
        events: list[Event] = [ResponseStart(), ChoiceFinish("stop"), Finish()]
        self._state.conversations.remember(envelope.id, body, (), exchange.body_size)
        if request.stream:
            streamed = dialect.writer(envelope).write(events)
            return http.Response.make(200, streamed, {"content-type": "text/event-stream; charset=utf-8"})
        return _json(dialect.write_body(collect(events), envelope))


def _json(content: Mapping[str, Any]) -> http.Response:
    return http.Response.make(200, write_json(content), {"content-type": "application/json"})
