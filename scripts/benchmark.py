"""Behind `scripts/bench`: what the proxy costs, as ratios to plain mitmproxy in the same run.

Both proxies run as processes of their own in front of the same simulated vendor; requests alternate
between them, and each figure is a median. CPU is what the kernel counted for the process
(`/proc/PID/task/*/schedstat`, nanoseconds), so it does not matter what else the machine does meanwhile.
What re-prompts and the log cost has no counterpart in plain mitmproxy: that is in `reprompts.py` and `log_bench.py`.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scripts.log_bench import measure_log
from scripts.ports import free_port
from scripts.reprompts import MODEL, QUICK, REMINDERS, Tempo, measure_reprompts

CHECKOUT = Path(__file__).resolve().parent.parent
READY_TIMEOUT = 30.0  # seconds for a process to listen
ANSWER_TIMEOUT = 300.0  # seconds for one answer


@dataclass(frozen=True, slots=True)
class Proxy:
    """One of the two, listening on loopback."""

    name: str
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU that its threads have used."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> float:
        """MiB of resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no VmRSS for {self.name}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds to the first byte of the first delta and to the end, and the bytes."""

    first: float
    total: float
    size: int


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of each measurement (default: 7)")
    parser.add_argument("--quick", action="store_true", help="few and small: only shows that it works")
    parser.add_argument("--reprompts", action="store_true", help="measure re-prompts alone")
    parser.add_argument("--log", type=int, metavar="COUNT", help="measure the log alone, with so many exchanges")
    options = parser.parse_args(arguments)
    if options.log:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure_log(Path(folder), options.log)
            # Before the folder goes: a million bodies take long to be removed.
            print(json.dumps(figures, indent=2) if options.json else _table(figures), flush=True)
        return 0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        upstream = stack.enter_context(_simulator())
        plain = stack.enter_context(_plain(upstream, Path(folder)))
        ours = stack.enter_context(_ours(upstream, Path(folder)))
        figures = {}
        if not options.reprompts:
            rounds, scale = (2, 0.05) if options.quick else (options.rounds, 1.0)
            figures |= measure(plain, ours, rounds=rounds, scale=scale)
        figures["added_by_a_reprompt_ms"] = reprompts(ours, upstream, quick=options.quick)
    print(json.dumps(figures, indent=2) if options.json else _table(figures))
    return 0


def measure(plain: Proxy, ours: Proxy, *, rounds: int, scale: float) -> dict[str, Any]:
    """All figures; `scale` shortens the long streams."""
    chunks = int(2000 * scale)
    for proxy in (plain, ours):  # warm up: imports, compiled grammars, connections
        _ask(proxy, "kimi-k2-thinking+clean")
    per_chunk = _alternate(plain, ours, rounds, lambda proxy: _cpu_of_stream(proxy, chunks))
    per_request = _alternate(plain, ours, rounds, lambda proxy: _cpu_of_requests(proxy, max(5, int(50 * scale))))
    first = _alternate(plain, ours, rounds * 20, lambda proxy: _ask(proxy, "kimi-k2-thinking+clean+delay=2ms").first)
    figures: dict[str, Any] = {
        "cpu_per_chunk_us": _pair(per_chunk, 1e6),
        "cpu_per_request_ms": _pair(per_request, 1e3),
        "time_to_first_token_ms": _pair(first, 1e3) | {"added": round((median(first[1]) - median(first[0])) * 1e3, 3)},
        "memory_over_100000_chunks_mib": {
            proxy.name: _memory_of_stream(proxy, int(100_000 * scale)) for proxy in (plain, ours)
        },
        "seconds_for_arguments": _growth(ours, scale, _arguments),
        "seconds_for_history": _growth(ours, scale, _history),
    }
    return figures


def reprompts(ours: Proxy, upstream: str, *, quick: bool) -> dict[str, Any]:
    """What asking the model again adds, in few conversations at the same time and in many; and the CPU for one attempt,
    which says the same of a machine that does other things meanwhile."""
    tempo, loads, rounds = (QUICK, (1, 4), 1) if quick else (Tempo(), (20, 200), 3)
    figures = {}
    measure_reprompts(ours.port, upstream, 1, QUICK)  # warm up
    for streams in loads:
        before, attempts = ours.cpu(), rounds * streams * (REMINDERS + 1)
        results = [measure_reprompts(ours.port, upstream, streams, tempo) for _ in range(rounds)]
        cpu = (ours.cpu() - before) / attempts * 1e3
        figures[f"{streams}_streams"] = {name: median(result[name] for result in results) for name in results[0]}
        figures[f"{streams}_streams"]["cpu_per_attempt"] = round(cpu, 2)
    return figures


def _alternate(
    plain: Proxy, ours: Proxy, rounds: int, once: Callable[[Proxy], float]
) -> tuple[list[float], list[float]]:
    results: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        results[0].append(once(plain))
        results[1].append(once(ours))
    return results


def _pair(results: tuple[list[float], list[float]], factor: float) -> dict[str, float]:
    plain, ours = median(results[0]), median(results[1])
    return {"plain": round(plain * factor, 3), "ours": round(ours * factor, 3), "ratio": round(ours / plain, 3)}


def _cpu_of_stream(proxy: Proxy, chunks: int) -> float:
    """Seconds of CPU for one chunk; paced, so that each chunk is a read of its own in either proxy."""
    before = proxy.cpu()
    _ask(proxy, f"kimi-k2-instruct+text-chunks={chunks}+delay=1ms")
    return (proxy.cpu() - before) / chunks


def _cpu_of_requests(proxy: Proxy, requests: int) -> float:
    before = proxy.cpu()
    for _ in range(requests):
        _ask(proxy, "kimi-k2-thinking+clean", stream=False)
    return (proxy.cpu() - before) / requests


def _memory_of_stream(proxy: Proxy, chunks: int) -> dict[str, float]:
    """Resident memory before, and at the end of a long stream (while it is still open)."""
    _ask(proxy, f"kimi-k2-instruct+text-chunks={max(1, chunks // 20)}")
    before = proxy.memory()
    highest = 0.0

    def watch() -> None:
        nonlocal highest
        highest = max(highest, proxy.memory())

    _ask(proxy, f"kimi-k2-instruct+text-chunks={chunks}", every=1000, watch=watch)
    return {"before": round(before, 1), "highest": round(highest, 1), "added": round(highest - before, 1)}


def _growth(proxy: Proxy, scale: float, once: Callable[[Proxy, int], float]) -> dict[str, float]:
    """Seconds of CPU for one size and for four times as much: linear cost grows by no more than four."""
    small, large = int(262_144 * scale), int(1_048_576 * scale)
    once(proxy, small)
    seconds = {size: median(once(proxy, size) for _ in range(3)) for size in (small, large)}
    return {
        f"{small}_bytes": round(seconds[small], 4),
        f"{large}_bytes": round(seconds[large], 4),
        "growth": round(seconds[large] / seconds[small], 2),
    }


def _arguments(proxy: Proxy, size: int) -> float:
    before = proxy.cpu()
    _ask(proxy, f"kimi-k2-thinking+large-arguments={size}", tools=True)
    return proxy.cpu() - before


def _history(proxy: Proxy, size: int) -> float:
    before = proxy.cpu()
    turn = [{"role": "user", "content": "x" * 500}, {"role": "assistant", "content": "y" * 500}]
    _ask(proxy, "kimi-k2-thinking+clean", messages=turn * (size // 1000))
    return proxy.cpu() - before


def _ask(
    proxy: Proxy,
    model: str,
    *,
    stream: bool = True,
    tools: bool = False,
    messages: Sequence[dict[str, str]] = (),
    every: int = 0,
    watch: Callable[[], None] | None = None,
) -> Answer:
    """One request; `watch` is called after each `every` chunks."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [*messages, {"role": "user", "content": "Go."}],
        "stream": stream,
    }
    if tools:
        parameters = {"type": "object", "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}}}
        body["tools"] = [{"type": "function", "function": {"name": "Write", "parameters": parameters}}]
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=ANSWER_TIMEOUT)
    started = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    first, size, lines = 0.0, 0, 0
    while line := response.readline() if stream else response.read():
        size += len(line)
        if line.startswith(b"data: {") or not stream:
            first = first or time.perf_counter() - started
            lines += 1
            if watch and every and lines % every == 0:
                watch()
    connection.close()
    if response.status != 200 or not size:
        raise RuntimeError(f"{proxy.name} answered {response.status} to {model}")
    return Answer(first, time.perf_counter() - started, size)


# ------------------------------------------------------------------ processes


@contextlib.contextmanager
def _simulator() -> Iterator[str]:
    command = [sys.executable, "-m", "scripts.vendor", "--port", "0"]
    with _process(command, {}) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if "listening on" not in line:
            raise RuntimeError(f"the simulator did not start: {line!r}")
        yield line.split()[-1]


@contextlib.contextmanager
def _plain(upstream: str, folder: Path) -> Iterator[Proxy]:
    with _mitmdump("plain", CHECKOUT / "scripts" / "plain_relay.py", {}, upstream, folder) as proxy:
        yield proxy


@contextlib.contextmanager
def _ours(upstream: str, folder: Path) -> Iterator[Proxy]:
    entry = {
        "name": "kimi-*",
        "provider": "openai",
        "provider_config": {"base_url": f"{upstream}/v1", "api_key": "bench"},
    }
    enforced = {**entry, "name": f"{MODEL}*", "ensure_tool_call": True, "family": "kimi"}
    environment = {
        "MODEL_CONFIG": json.dumps({"models": [entry, enforced]}),
        "DASHBOARD_ADDRESS": "",
        "LOG_DB_PATH": str(folder / "logs.db"),
        "LOG_BLOB_ROOT": str(folder / "blobs"),
    }
    with _mitmdump("ours", CHECKOUT / "addons" / "kimi.py", environment, upstream, folder) as proxy:
        yield proxy


@contextlib.contextmanager
def _mitmdump(name: str, addon: Path, environment: dict[str, str], upstream: str, folder: Path) -> Iterator[Proxy]:
    port = free_port()
    program = Path(sys.executable).parent / "mitmdump"
    command = [str(program), "-q", "-s", str(addon), "--set", f"confdir={folder / 'confdir'}"]
    command += ["--mode", f"reverse:{upstream}@127.0.0.1:{port}"]
    with _proxy(name, command, environment, port) as proxy:
        yield proxy


@contextlib.contextmanager
def _proxy(name: str, command: Sequence[str], environment: dict[str, str], port: int) -> Iterator[Proxy]:
    """A proxy, once it listens. Raises RuntimeError when it ends before, or takes too long."""
    with _process(command, environment) as process:
        deadline = time.monotonic() + READY_TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{name} did not start")
        yield Proxy(name, port, process.pid)


@contextlib.contextmanager
def _process(command: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=CHECKOUT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def _table(figures: dict[str, Any]) -> str:
    lines = []
    for name, values in figures.items():
        lines.append(name.replace("_", " "))
        for key, value in values.items():
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            lines.append(f"    {key.replace('_', ' '):16} {shown}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
