"""Starts and stops the dashboard: a process of its own, so that a slow page never holds a stream.

What it prints goes into mitmproxy's log. When it cannot start, or dies, that is one line there; traffic does
not depend on it. It ends by itself should this process be killed (`--parent`).
"""

import asyncio
import contextlib
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path

from mitmproxy import ctx

from addons.admission import PROXY_NAME
from addons.state import State
from config.schema import Settings

STOP_TIMEOUT = 5.0  # seconds that the process may take to end
_LONGEST_LINE = 1024 * 1024
_ROOT = Path(__file__).resolve().parent.parent

logger = logging.getLogger(__name__)


class Dashboard:
    def __init__(self, state: State) -> None:
        self._state = state
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping = False

    async def running(self) -> None:
        self._state.dashboard_ended = False
        settings, address = self._state.settings, self._state.dashboard_address()
        if not address or not ctx.options.server:  # `development.py` listens later, and then starts it
            return
        # -P: the working directory, which may hold a `config` or a `webui` of its own, is not searched.
        command = [sys.executable, "-P", "-m", "webui.app", "--address", address, "--parent", str(os.getpid())]
        command += ["--host", PROXY_NAME]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            env=child_environment(os.environ, settings),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            limit=_LONGEST_LINE,
        )
        self._reading = asyncio.create_task(self._read(self._process))

    async def done(self) -> None:
        self._stopping = True
        if self._process is None or self._reading is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def _read(self, process: Process) -> None:
        """Its output into the log. Before it has started, the last line says why it could not."""
        assert process.stdout is not None
        started = False
        reason = ""
        async for line in process.stdout:
            text = line.decode(errors="replace").rstrip()
            started = started or text.startswith("Dashboard: ")
            if started:
                logger.info("%s", text)
            else:
                reason = text
        code = await process.wait()
        self._state.dashboard_ended = True
        if not self._stopping:
            reason = "" if started else reason
            logger.warning(
                "%s; the proxy runs on without it", reason or f"the dashboard has ended with exit code {code}"
            )


def child_environment(environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """What the process needs to know. The log's URLs may hold a password and the token is one: on a command
    line everybody on this machine could read them."""
    path = [str(_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    return {
        **environment,
        "LOG_DB_URL": settings.database_url,
        "LOG_BLOB_URL": settings.blob_url,
        "LOG_MODE": settings.log_mode,
        "LIVESTORE_BATCH": str(settings.livestore_batch),
        "LIVESTORE_MAX_RECORDS": str(settings.livestore_max_records),
        "DASHBOARD_TOKEN": settings.dashboard_token.reveal() if settings.dashboard_token else "",
        "PYTHONPATH": os.pathsep.join(path),
    }
