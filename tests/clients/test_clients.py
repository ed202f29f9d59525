"""Each client writes a file by its tools, reads it, and says what it has read: by proxy, unmodified and with the name
of its own model, and by base URL."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from scripts.vendor.task import SUCCESS
from tests.addons.conftest import PROJECT, Proxy
from tests.clients.defects import ALL
from tests.clients.installing import install
from tests.clients.programs import CLIENTS
from tests.clients.results import RESULTS, Cell
from webui.reader import LogUnavailableError

WORDS = "seven quiet foxes"
KEY = "sk-client-key-0123456789"
PATIENCE = 90.0  # seconds
INHERITED = ("PATH", "LANG", "PYENV_ROOT")


def test_a_task(
    cell: Cell, vendor: Proxy, tmp_path_factory: Any, until: Callable[..., None], record_property: Any
) -> None:
    RESULTS[cell] = None
    client = CLIENTS[cell.client]
    way = client.way(cell.mode)
    assert way
    folder = install(cell.client, client)
    # Not below the folder for temporary files: Codex warns of such a home.
    place = tmp_path_factory.mktemp("run")
    home, work, temporary = (place / name for name in ("home", "work", "tmp"))
    for made in (home, work, temporary):
        made.mkdir()
    written = work / "foxes.txt"
    prompt = f'Write the words "{WORDS}" into the file "{written}", then read the file and say what it says.'
    known = {"prompt": prompt, "url": vendor.base_url, "key": KEY, "folder": folder, "home": home, "work": work}
    known |= {"here": Path(__file__).parent, "file": written}

    def fill(text: str) -> str:
        return Template(text).substitute(known)

    for name, text in {**client.files, **way.files}.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(fill(text))
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "TERM": "dumb", "NO_COLOR": "1"}
    environment |= {name: fill(text) for name, text in {**client.environment, **way.environment}.items()}
    command = [fill(text) for text in (*(way.command or client.command), *way.arguments)]
    if cell.mode == "proxy":
        command.insert(0, str(PROJECT / "scripts" / "with-proxy"))
        environment |= {
            "KIMI_PROXY_PORT": vendor.proxy_url.rpartition(":")[2],
            "MITMPROXY_CONFDIR": str(vendor.ca.parent),
        }
    started = time.time()
    code, output = run(command, work, environment)
    took = time.time() - started
    told = f"{took:.1f} s: {' '.join(command)}\n{output[-6000:]}\n{vendor.log()[-3000:]}"
    assert code == 0, told
    assert written.is_file() and written.read_text() == f"{WORDS}\n", told
    if not client.silent:
        assert SUCCESS.format(WORDS) in output, told
    rows = logged(vendor, started, until)
    assert rows and not [row for row in rows if row["state"] == "failed"], f"{rows}\n{told}"
    if expected := ALL[cell.family]:
        assert expected in repairs(vendor, rows), f"{rows}\n{told}"
    RESULTS[cell] = took


def run(command: Sequence[str], work: Path, environment: Mapping[str, str]) -> tuple[int | None, str]:
    """The exit code, None where it had to be ended, and all that it has said. Whatever it leaves running is ended."""
    path = work.parent / "output.txt"
    with path.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            end_left_over(environment["HOME"])
    return code, path.read_text(errors="replace")


def end_left_over(home: str) -> None:
    """Ends the servers that a client has left behind (Cline's), which are known by their home."""
    for one in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"HOME={home}".encode() in (one / "environ").read_bytes().split(b"\0"):
                os.kill(int(one.name), signal.SIGTERM)


def logged(vendor: Proxy, since: float, until: Callable[..., None]) -> list[dict[str, Any]]:
    """The exchanges of this run, all of them complete."""
    rows: list[dict[str, Any]] = []

    def complete() -> bool:
        nonlocal rows
        try:
            rows = [row for row in vendor.reader().list_exchanges(1000) if row["started_at"] >= since]
        except LogUnavailableError:  # it is made with the first exchange
            return False
        return bool(rows) and all(row["state"] != "running" for row in rows)

    until(complete)
    return rows


def repairs(vendor: Proxy, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {kind for row in rows for kind in row["repair_counts"] or {}}
