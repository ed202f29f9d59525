"""The ways to the dashboard that lead through the proxy: the root of the base URL, and `http://kimi.proxy/` for clients
that have the proxy set.

The dashboard sees such a visitor as one from this machine. So where there is no token, only those who are on this
machine are let through; with one, the dashboard itself asks for it.
"""

import json
from urllib.parse import urlsplit

from mitmproxy import http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from addons.admission import PROXY_NAME, comes_from_here, is_base_url
from addons.state import State

_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Doorway:
    def __init__(self, state: State) -> None:
        self._state = state

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response is not None:
            return
        by_name = flow.request.pretty_host.lower().rstrip(".") == PROXY_NAME and not is_base_url(flow)
        exchange = self._state.exchanges.get(flow.id)
        if not by_name and not (is_base_url(flow) and exchange is not None and exchange.endpoint is None):
            return
        if not self._state.settings.dashboard_token and not comes_from_here(flow.client_conn):
            _refuse(flow, 403, "the dashboard serves this machine only, unless DASHBOARD_TOKEN is set")
        elif not self._state.dashboard_address():
            why = "could not start, or has ended" if self._state.dashboard_ended else "is switched off"
            _refuse(flow, 404, f"the dashboard {why}; the models are under /v1")
        elif by_name:
            place = urlsplit(f"//{self._state.dashboard_address()}")
            host = place.hostname or ""
            flow.request.scheme = "http"
            flow.request.host, flow.request.port = _LOOPBACK_OF.get(host, host), place.port or 80
            flow.request.host_header = PROXY_NAME

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """By the dashboard's own address, in whatever protocol. What a name leads to is not known: its port tells."""
        address = self._state.dashboard_address()
        if not address or self._state.settings.dashboard_token or comes_from_here(data.client):
            return
        if data.server.address and data.server.address[1] == urlsplit(f"//{address}").port:
            data.server.error = "the dashboard serves this machine only, unless DASHBOARD_TOKEN is set"


def _refuse(flow: http.HTTPFlow, status: int, message: str) -> None:
    kind = "permission_error" if status == 403 else "not_found_error"
    body = json.dumps({"error": {"message": message, "type": kind}})
    flow.response = http.Response.make(status, body, {"content-type": "application/json"})
