"""What the dashboard shows of this proxy: its routes and how they are, its settings, what is wrong. No credential is in
it, only whether there is one. It goes through the log, as the dashboard may be elsewhere."""

import asyncio
import logging
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from mitmproxy import ctx

from addons.health import Condition
from addons.state import State
from config.schema import Route, Settings
from transforms.profiles import profile_for
from transforms.providers import PROVIDERS
from transforms.repair_kinds import REPAIR_KINDS
from transforms.vendors import vendor_for_host

logger = logging.getLogger(__name__)

MEGABYTE = 1024 * 1024
INTERVAL = 1.0  # seconds between two looks for changes
QUIET = 60.0  # seconds between two lines about the same trouble

_HEALTH = {
    Condition.WELL: "ok",
    Condition.COOLING: "cooling down",
    Condition.DUE: "probing",
    Condition.PROBING: "probing",
}


class About:
    """Tells the log about this proxy, whenever something has changed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._telling: asyncio.Task[None] | None = None
        self._trouble: tuple[str | None, float | None, int] = (None, None, 0)  # that was told last
        self._quiet_until = 0.0

    def running(self) -> None:
        self._telling = asyncio.get_running_loop().create_task(self._tell())
        self._telling.add_done_callback(_say_why)

    def done(self) -> None:
        if self._telling is not None:
            self._telling.cancel()

    async def _tell(self) -> None:
        told: Mapping[str, Any] | None = None
        while True:
            about = describe(self._state)
            if about != told:
                self._state.store.about(about)
                told = about
            self._warn()
            await asyncio.sleep(INTERVAL)

    def _warn(self) -> None:
        """Says in the terminal that the log cannot be written: the log itself cannot."""
        counters = self._state.store.counters()
        trouble = counters.last_error, counters.last_error_at, counters.dropped
        if trouble == self._trouble or time.monotonic() < self._quiet_until:
            return
        self._trouble, self._quiet_until = trouble, time.monotonic() + QUIET
        lost = counters.dropped + counters.failed
        reason = counters.last_error or "the queue is full"
        logger.warning("the log cannot be written: %s; %d entries are lost, traffic goes on", reason, lost)


def _say_why(task: asyncio.Task[None]) -> None:
    """A task that ends by a fault of ours says so; the dashboard would go on showing what was true before it."""
    if not task.cancelled() and (fault := task.exception()):
        logger.error("the dashboard is told of no more changes", exc_info=fault)


def describe(state: State) -> dict[str, Any]:
    """Everything, as `/api/config` gives it. Times are moments, so that nothing changes while nothing happens."""
    settings = state.settings
    return {
        "version": _version(),
        "routes": [_route(state, route) for route in settings.routes],
        "warnings": list(state.warnings),
        "settings": _settings(settings),
        "mitmweb": _mitmweb(),
        "log": {"mode": settings.log_mode, **_log_size(state)},
        "repair_kinds": dict(REPAIR_KINDS),
    }


def _log_size(state: State) -> dict[str, int | None]:
    """In whole megabytes, which do not change with each exchange."""
    size, trimmed = state.store.blob_bytes(), state.store.counters().trimmed
    return {"blob_bytes": None if size is None else size // MEGABYTE * MEGABYTE, "trimmed": trimmed}


def _version() -> str | None:
    try:
        return version("kimi-proxy")
    except PackageNotFoundError:
        return None


def _route(state: State, route: Route) -> dict[str, Any]:
    place = urlsplit(route.base_url) if route.base_url else None
    condition, left = state.health.condition(route.key), state.health.cooling(route.key)
    return {
        "name": route.name,
        "profile": route.profile,
        "provider": route.provider,
        "model": route.model or None,
        "family": route.family or profile_for(route.model or route.name).name,
        "vendor": route.vendor or (vendor_for_host(place.hostname or "") if place else None),
        "host": place.netloc if place else None,
        "strategy": route.strategy or state.settings.default_strategy,
        "weight": route.weight,
        "ensure_tool_call": route.ensure_tool_call,
        "key": _key(route),
        "health": _HEALTH[condition],
        "cooldown_until": round(time.time() + left) if left else None,
    }


def _key(route: Route) -> str:
    if route.api_key is not None:
        return "present"
    return "fetched" if PROVIDERS[route.provider].credential == "google" else "none"


def _settings(settings: Settings) -> dict[str, str]:
    def presence(value: object) -> str:
        return "set" if value else "not set"

    return {
        "default_strategy": settings.default_strategy,
        "sticky": str(settings.sticky).lower(),
        "ENSURE_TOOL_CALL_MAX_ATTEMPTS": str(settings.max_reprompts),
        "LOG_MODE": settings.log_mode,
        "LOG_RETENTION_DAYS": f"{settings.log_retention_days:g}",
        "LOG_MAX_SIZE": f"{settings.log_max_size / MEGABYTE:.0f} MiB" if settings.log_max_size else "0",
        # A URL may hold a password.
        "LOG_DB_PATH": settings.log_db_path if not settings.log_db_url else "(LOG_DB_URL)",
        "LOG_BLOB_ROOT": settings.log_blob_root if not settings.log_blob_url else "(LOG_BLOB_URL)",
        "LIVESTORE_BATCH": str(settings.livestore_batch),
        "LIVESTORE_MAX_RECORDS": str(settings.livestore_max_records),
        "DASHBOARD_ADDRESS": settings.dashboard_address or "(off)",
        "DASHBOARD_TOKEN": presence(settings.dashboard_token),
        "KIMI_PROXY_API_KEY": presence(settings.proxy_api_key),
    }


def _mitmweb() -> str | None:
    """Where mitmweb is, None where this is mitmdump."""
    if "web_port" not in ctx.options:
        return None
    host = ctx.options.web_host
    return f"http://{'[' + host + ']' if ':' in host else host}:{ctx.options.web_port}"
