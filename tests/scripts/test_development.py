import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import development

# What it starts in mitmproxy's place: does what it is told, as addons/development.py does, and says so.
CHILD = """
import os, signal, socket, sys, time
control = socket.socket(fileno=int(os.environ["KIMI_PROXY_CONTROL"]))
source = open("addons/one.py").read()
compile(source, "one.py", "exec")
while "hangs" in source:
    signal.pause()
control.sendall(b"ready\\n")
while word := control.recv(100):
    print(source.strip(), word.decode().strip(), flush=True)
    if word == b"take over\\n" and "dies" in source:
        sys.exit(3)
    elif word == b"take over\\n":
        control.sendall(b"taken over\\n")
    else:
        control.sendall(b"handed over\\n")
        while os.path.exists("stream"):
            time.sleep(0.05)
        print("the stream has ended", flush=True)
        sys.exit()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "development.py").write_bytes(Path(development.__file__).read_bytes())
    (tmp_path / "addons").mkdir()
    (tmp_path / "addons" / "one.py").write_text("'first'")
    return tmp_path


@contextlib.contextmanager
def start(tree: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(tree / "scripts" / "development.py"), sys.executable, "-c", CHILD]
    with subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:  # else a failure would wait for it
            process.terminate()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def test_what_cannot_be_loaded_takes_nothing_over(tree: Path) -> None:
    with start(tree) as process:
        assert lines(process, 1) == ["'first' take over"]
        (tree / "addons" / "one.py").write_text("'second")
        assert lines(process, 1) == [
            "--dev: addons/one.py: cannot be loaded, see above; the last good code stays in force"
        ]
        (tree / "addons" / "one.py").write_text("'third'")
        (tree / "addons" / "two.py").touch()
        assert sorted(lines(process, 3)) == ["'first' hand over", "'third' take over", "the stream has ended"]
        (told,) = lines(process, 1)
        assert told.startswith("--dev: addons/one.py, addons/two.py: in force after ")
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM, "as its child's"


def test_what_hangs_while_it_loads_is_given_up_when_the_code_changes(tree: Path) -> None:
    with start(tree) as process:
        lines(process, 1)
        (tree / "addons" / "one.py").write_text("'hangs'")
        time.sleep(1)
        (tree / "addons" / "one.py").write_text("'mended'")
        assert lines(process, 1)[0].startswith("--dev: addons/one.py: cannot be loaded")
        assert "'mended' take over" in lines(process, 3)


def test_what_dies_as_it_takes_over_is_told_and_streams_end_by_themselves(tree: Path) -> None:
    with start(tree) as process:
        lines(process, 1)
        (tree / "stream").touch()
        (tree / "addons" / "one.py").write_text("'dies'")
        *_, told = lines(process, 3)
        assert told.startswith("--dev: addons/one.py: could not take over, see above")
        (tree / "stream").unlink()
        assert lines(process, 1) == ["the stream has ended"]
        assert process.wait(10) == 3


def test_when_nothing_can_be_loaded_at_the_start_it_ends(tree: Path) -> None:
    (tree / "addons" / "one.py").write_text("'")
    with start(tree) as process:
        assert process.wait(10) == 1


def test_it_ends_with_the_process_that_runs(tree: Path) -> None:
    with start(tree) as process:
        lines(process, 1)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        assert process.wait(10) == 128 + signal.SIGKILL


def test_one_that_does_not_end_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(development, "GRACE", 0.1)

    async def end() -> int:
        ready = "socket.socket(fileno=int(os.environ['KIMI_PROXY_CONTROL'])).sendall(b'ready\\n')"
        program = (
            f"import os, signal, socket, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ready}; time.sleep(60)"
        )
        generation = await development.Generation.start([sys.executable, "-c", program])
        assert await generation.says("ready")
        generation.terminate()
        return await generation.end()

    assert asyncio.run(end()) == 128 + signal.SIGKILL


def test_what_is_watched() -> None:
    watched = {str(path) for path in development.snapshot()}
    assert {"addons/kimi.py", "transforms/pipeline.py", "config/load.py", "webui/templates/index.html"} <= watched
    assert not [path for path in watched if path.endswith((".pyc", ".js"))]


def test_what_has_changed() -> None:
    same, edited, gone, new = Path("a"), Path("b"), Path("c"), Path("d")
    before = {same: (1, 1), edited: (1, 1), gone: (1, 1)}
    assert development.changes(before, {same: (1, 1), edited: (1, 2), new: (1, 1)}) == ["b", "c", "d"]
