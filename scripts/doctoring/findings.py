"""What a check is given, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from config.settings import Settings
from scripts.start import api_port, dashboard_target, proxy_port

LOOPBACK = "127.0.0.1"
LOCAL = frozenset({LOOPBACK, "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Finding:
    """`said` is one sentence; `remedy` what to do about it, empty where nothing is to be done. A `problem` keeps
    somebody from an answer; a `warning` may be meant so. No credential stands in either."""

    level: Literal["ok", "warning", "problem"]
    said: str
    remedy: str = ""


def ok(said: str) -> Finding:
    return Finding("ok", said)


def warning(said: str, remedy: str) -> Finding:
    return Finding("warning", said, remedy)


def problem(said: str, remedy: str) -> Finding:
    return Finding("problem", said, remedy)


def place_of(url: str) -> tuple[str, int | None, str]:
    """The host, port and path of a URL, with or without its scheme; never the password in it. Empty where there is
    none."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        return (parts.hostname or "").lower(), parts.port, parts.path.rstrip("/")
    except ValueError:
        return "", None, ""


def is_on(value: object) -> bool:
    """Whether a switch in the environment or in a settings file is on."""
    return str(value or "").lower() not in ("", "0", "false")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to look at. `environment` is the process's, `variables` the same with the directory's `.env`
    beneath it, as the proxy reads it; `settings` is None where the configuration cannot be used, or there is none."""

    directory: Path
    home: Path
    environment: Mapping[str, str]
    variables: Mapping[str, str]
    settings: Settings | None = None
    calls: bool = False

    def are_ours(self, host: str, port: int | None, listener: tuple[str, int]) -> bool:
        """Whether they lead to `proxy`, `api` or `dashboard`, whichever is the `listener`."""
        return port == listener[1] and host in {*LOCAL, listener[0]}

    @property
    def proxy(self) -> tuple[str, int]:
        """Where the proxy listens, or should."""
        return self.environment.get("KIMI_PROXY_HOST") or LOOPBACK, int(proxy_port(self.variables))

    @property
    def api(self) -> tuple[str, int]:
        """Where its base URL is."""
        return self.proxy[0], int(api_port(self.variables))

    @property
    def dashboard(self) -> tuple[str, int] | None:
        """Where its dashboard is; None where it is off."""
        if self.variables.get("DASHBOARD_ADDRESS") == "":
            return None
        host, _, port = dashboard_target(self.variables.get("DASHBOARD_ADDRESS", "")).rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def confdir(self) -> Path:
        """Where mitmproxy keeps its certificate authority."""
        named = self.environment.get("MITMPROXY_CONFDIR")
        return Path(named).expanduser() if named else self.home / ".mitmproxy"
