"""Behind `scripts/run --dev`: whenever the code changes, a new mitmproxy takes over from the running one.

What runs goes on with the old code in the old process, which ends with the last of it; the next request meets the new
one. Code that cannot be loaded is told, and the running process stays.

Loading changed modules into the running process was weighed and left. Everything in `addons/` holds classes of
`transforms/` that it compares with (`match`, `isinstance`), so a fresh set of the one needs a fresh set of the other,
and with it a second `State`, a second log, options that are there already and the layers in mitmproxy's inside that
`splice.py` replaces: a second process in all but name. mitmproxy's own reloading knows one file only, and forgets what
was under way. A new process is another second of loading, and any file may be changed.

The two never listen at the same time (see `addons/development.py`): the same port for both (`SO_REUSEPORT`) would hand
requests to old code for a while, and means other things on other systems. For some milliseconds nobody listens then;
clients connect again. What lives in memory alone starts anew: which conversation is bound to which route, cooldowns,
thinking that clients drop.

Runs by its path and imports nothing of the project, which may be broken at that moment.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("addons", "config", "transforms", "webui")
SUFFIXES = {".py", ".html"}  # the dashboard's own scripts are read anew for each page
INTERVAL = 0.2  # seconds between two looks; what has changed must stay as it is from one to the next
GRACE = 8.0  # seconds to end when told to

type Snapshot = dict[Path, tuple[int, int]]


class Generation:
    """A mitmproxy with the code as it was when it started."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self.ended = asyncio.create_task(process.wait())

    @classmethod
    async def start(cls, command: Sequence[str]) -> "Generation":
        ours, its = socket.socketpair()
        with its:
            environment = {**os.environ, "KIMI_PROXY_CONTROL": str(its.fileno())}
            process = await asyncio.create_subprocess_exec(*command, env=environment, pass_fds=[its.fileno()])
        ours.setblocking(False)
        return cls(process, ours)

    async def says(self, word: str) -> bool:
        """Waits for a word; False when the process has ended instead."""
        heard = b""
        while not heard.endswith(b"\n"):
            try:
                piece = await asyncio.get_running_loop().sock_recv(self._control, 100)
            except OSError:
                piece = b""
            if not piece:
                await self.ended
                return False
            heard += piece
        return heard.decode().strip() == word

    async def ask(self, word: str, answer: str) -> bool:
        """Waits until it has done so; False when it has ended instead."""
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._control, f"{word}\n".encode())
        return await self.says(answer)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    async def end(self) -> int:
        """Returns its exit code."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.ended), GRACE)
        if not self.ended.done():
            self._process.kill()
        self._control.close()
        code = await self.ended
        return code if code >= 0 else 128 - code


class Supervisor:
    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._old: list[Generation] = []  # those that finish what they have begun

    async def run(self) -> int:
        """Until the running process ends, or this one is told to; returns the exit code."""
        told = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        stopped = asyncio.create_task(told.wait())
        work = asyncio.create_task(self._work())
        await asyncio.wait({stopped, work}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        work.cancel()
        generations, self._old = self._old, []
        for generation in generations:
            generation.terminate()
        *_, code = [0, *await asyncio.gather(*(generation.end() for generation in generations))]
        return code

    async def _work(self) -> None:
        loaded = snapshot()
        current = await self._start()
        if not await current.says("ready"):
            return
        await current.ask("take over", "taken over")
        while not current.ended.done():
            await asyncio.sleep(INTERVAL)
            seen = snapshot()
            if seen == loaded:
                continue
            await asyncio.sleep(INTERVAL)
            if seen != snapshot():
                continue
            names = ", ".join(changes(loaded, seen))
            loaded, began = seen, time.monotonic()
            following = await self._start()
            if not await self._is_ready(following, loaded):
                self._old.remove(following)
                say(f"{names}: cannot be loaded, see above; the last good code stays in force")
                continue
            await current.ask("hand over", "handed over")
            if not await following.ask("take over", "taken over"):
                say(f"{names}: could not take over, see above; this ends when what is under way has ended")
                await current.ended
                return
            current = following
            say(f"{names}: in force after {time.monotonic() - began:.1f} s")

    async def _is_ready(self, generation: Generation, loaded: Snapshot) -> bool:
        """Whether it could load the code. What hangs while it loads is ended when the code has changed again."""
        ready = asyncio.create_task(generation.says("ready"))
        while not (await asyncio.wait({ready}, timeout=INTERVAL))[0]:
            if snapshot() != loaded:
                generation.kill()
        return ready.result()

    async def _start(self) -> Generation:
        generation = await Generation.start(self._command)
        self._old = [each for each in self._old if not each.ended.done()] + [generation]
        return generation


def snapshot() -> Snapshot:
    """What there is of the project's code, and of when."""
    found = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES:
                with contextlib.suppress(OSError):
                    status = path.stat()
                    found[path.relative_to(ROOT)] = (status.st_mtime_ns, status.st_size)
    return found


def changes(before: Snapshot, after: Snapshot) -> Iterable[str]:
    return sorted(str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def say(what: str) -> None:
    print(f"--dev: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(Supervisor(sys.argv[1:]).run()))
