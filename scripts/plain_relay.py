"""The benchmark's baseline: what plain mitmproxy needs to stream answers and nothing more."""

from mitmproxy import http


class PlainRelay:
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        assert flow.response is not None
        flow.response.stream = True


addons = [PlainRelay()]
