"""Real parts: mitmdump or mitmweb as a process with our addon, in front of the vendor simulator.

simulator        the vendor, forgotten and counted anew for each test; the same server all session long
start_proxy      start_proxy(models=…, environment=…, …) → Proxy; stopped when the test ends, and what its log
                 says that clients got is checked: every stream keeps to the grammar of its format
proxy            one proxy for all tests that need none of their own: every name is served by the simulator
start_shared     the same for a proxy that all tests of a module use
until            until(condition) waits for something that happens elsewhere
"""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from scripts.ports import free_port
from scripts.vendor.server import Simulator, running_simulator
from transforms.checkers import CHECKERS
from webui.reader import LogUnavailableError, Reader

PROJECT = Path(__file__).parents[2]
KEY = "provider-key-0123456789"  # what the proxy presents to the vendor
MODES = ("regular@127.0.0.1:{regular}", "reverse:http://127.0.0.1:{dashboard}@127.0.0.1:{reverse}")
UNTOUCHED = re.compile(rb'^data: ?\[?\{"\w+": ', re.M)  # no writer of ours puts a blank behind a colon
PATIENCE = 12.0  # seconds
WAIT = 30.0  # seconds; reached only when something is broken

# Of whoever runs the tests; none of it may change what they see.
_FOREIGN = (
    *("MODEL_CONFIG", "OPENAI_", "ANTHROPIC_", "OPENROUTER_", "VERTEX_", "GOOGLE_", "KIMI_", "LOG_", "LIVESTORE_"),
    *("DASHBOARD_", "ENSURE_TOOL_CALL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT"),
)

type Models = Sequence[Mapping[str, Any]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Transparent mode takes rights and programs that not every machine gives; without them its tests are left out."""
    if os.geteuid() == 0 and shutil.which("ip") and shutil.which("iptables"):
        return
    left_out = [item for item in items if item.path.name == "test_transparent.py"]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        print(f"{len(left_out)} tests of transparent mode left out: they need root, ip and iptables", file=sys.stderr)


@dataclass(slots=True)
class Proxy:
    """A running proxy. `data` is its working directory: the log is in `data/logs.db` and `data/blobs`."""

    process: subprocess.Popen[bytes]
    data: Path
    ca: Path  # the certificate that clients must trust
    base_url: str = ""  # without /v1
    proxy_url: str = ""
    web_url: str = ""  # of mitmweb
    dashboard_url: str = ""
    clients: list[httpx.Client] = field(default_factory=list)

    def log(self) -> str:
        """All that it has written to its terminal."""
        return (self.data / "output.txt").read_text(errors="replace")

    def reader(self) -> Reader:
        """Of the exchanges that it has logged."""
        return Reader(str(self.data / "data" / "logs.db"), str(self.data / "data" / "blobs"))

    def client(self, *, through: bool = False, **options: Any) -> httpx.Client:
        """For the base URL, or with `through` by way of the proxy, trusting its certificate."""
        options = {"timeout": WAIT, "trust_env": False, **options}
        if through:
            trusted = self.trusted(http2=options.get("http2", False))
            client = httpx.Client(proxy=self.proxy_url, verify=trusted, **options)
        else:
            client = httpx.Client(base_url=self.base_url, **options)
        self.clients.append(client)
        return client

    def trusted(self, *, http2: bool = False) -> ssl.SSLContext:
        """For TLS clients; with `http2` one that speaks nothing else, where httpx would prefer HTTP/1.1."""
        context = (_OnlyHttp2 if http2 else ssl.SSLContext)(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca)
        return context

    def stop(self) -> int:
        """Ends it as a user does, and gives its exit code. A user who sees it go on asks once more: one
        mitmdump was seen, for a reason not found, that went on after the first signal and ended at a second."""
        for client in self.clients:
            client.close()
        self.clients.clear()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            return self.process.wait(WAIT)


class _OnlyHttp2(ssl.SSLContext):
    def set_alpn_protocols(self, protocols: Any) -> None:
        super().set_alpn_protocols(["h2"])


class StartProxy(Protocol):
    def __call__(
        self,
        models: Models | None = None,
        *,
        config: str | None = None,
        environment: Mapping[str, str] = {},
        arguments: Sequence[str] = (),
        modes: Sequence[str] = MODES,
        web: bool = False,
        dashboard: bool = False,
        directory: Path | None = None,
        wait: bool = True,
    ) -> Proxy:
        """Starts mitmdump, or with `web` mitmweb.

        The configuration is `models` in MODEL_CONFIG, or `config`, the text of a `model-config.yaml` in the
        working directory; without both, every name is served by the simulator. `modes` replaces the two
        listeners; in it `{regular}`, `{reverse}`, `{dashboard}` are free ports. `wait=False` does not wait.
        """
        ...


def served_by(url: str, **entry: Any) -> dict[str, Any]:
    """An entry of the configuration that the simulator serves."""
    options = {"base_url": f"{url}/v1", "api_key": KEY, **entry.pop("provider_config", {})}
    return {"name": "*", "provider": "openai", "provider_config": options, **entry}


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    def wait(condition: Callable[[], Any], seconds: float = WAIT) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def session_simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(session_simulator: Simulator) -> Simulator:
    session_simulator.forget()
    session_simulator.aborted = 0
    return session_simulator


@pytest.fixture(scope="session")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mitmproxy's own folder: its certificates are made once."""
    return tmp_path_factory.mktemp("mitmproxy")


@pytest.fixture
def start_proxy(simulator: Simulator, confdir: Path, tmp_path: Path) -> Iterator[StartProxy]:
    yield from _starter(simulator, confdir, tmp_path)


@pytest.fixture(scope="module")
def start_shared(
    session_simulator: Simulator, confdir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartProxy]:
    """For the proxies that a module's tests share."""
    yield from _starter(session_simulator, confdir, tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def proxy(session_simulator: Simulator, confdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Serves every name by the simulator: under profiles named like vendors by these vendors' rules, under
    `plain` without rules, under `chat` and `claude` by its two formats."""
    starter = _starter(session_simulator, confdir, tmp_path_factory.mktemp("proxy"))
    start = next(starter)
    url = session_simulator.url
    vendors = ("moonshot", "vllm", "groq", "openrouter")
    models = [served_by(url)]
    models += [served_by(url, profile=vendor, provider_config={"vendor": vendor}) for vendor in vendors]
    models += [served_by(url, profile="plain", family="plain"), served_by(url, profile="chat")]
    models += [served_by(url, profile="claude", provider="anthropic", provider_config={"base_url": url})]
    yield start(models)
    next(starter, None)


def _starter(simulator: Simulator, confdir: Path, folder: Path) -> Iterator[StartProxy]:
    started: list[Proxy] = []

    def start(
        models: Models | None = None,
        *,
        config: str | None = None,
        environment: Mapping[str, str] = {},
        arguments: Sequence[str] = (),
        modes: Sequence[str] = MODES,
        web: bool = False,
        dashboard: bool = False,
        directory: Path | None = None,
        wait: bool = True,
    ) -> Proxy:
        data = directory or folder / f"proxy-{len(started)}"
        data.mkdir(parents=True, exist_ok=True)
        ports = {name: free_port() for name in ("regular", "reverse", "dashboard", "web")}
        variables = {name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)}
        variables |= {"LOG_DB_PATH": str(data / "data" / "logs.db"), "LOG_BLOB_ROOT": str(data / "data" / "blobs")}
        variables["DASHBOARD_ADDRESS"] = f"127.0.0.1:{ports['dashboard']}" if dashboard else ""
        if config is None:
            models = [served_by(simulator.url)] if models is None else models
            variables["MODEL_CONFIG"] = json.dumps({"models": list(models)})
        else:
            (data / "model-config.yaml").write_text(config)
        command = [str(Path(sys.executable).parent / ("mitmweb" if web else "mitmdump"))]
        if coverage := variables.pop("COVERAGE_PROCESS_CONFIG", None):
            variables["MEASURED"] = coverage
            command += ["-s", str(PROJECT / "tests" / "addons" / "measured.py")]
        command += ["-s", str(PROJECT / "addons" / "kimi.py"), "--set", f"confdir={confdir}"]
        if web:
            command += ["--no-web-open-browser", "--web-port", str(ports["web"]), "--set", "web_password=password"]
        modes = [mode.format(**ports) for mode in modes]
        command += [part for mode in modes for part in ("--mode", mode)]
        with (data / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                [*command, *arguments],
                cwd=data,
                env={**variables, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        proxy = Proxy(
            process,
            data,
            confdir / "mitmproxy-ca-cert.pem",
            base_url=f"http://127.0.0.1:{ports['reverse']}",
            proxy_url=f"http://127.0.0.1:{ports['regular']}",
            web_url=f"http://127.0.0.1:{ports['web']}",
            dashboard_url=f"http://127.0.0.1:{ports['dashboard']}",
        )
        started.append(proxy)
        if wait:
            expected = [port for name, port in ports.items() if any(mode.endswith(f":{port}") for mode in modes)]
            expected += [ports["dashboard"]] if dashboard else []
            _wait_for(proxy, [*expected, ports["web"]] if web else expected)
        return proxy

    yield start
    for proxy in started:
        proxy.stop()
    assert [wrong for proxy in started for wrong in violations(proxy.data)] == []


def violations(data: Path) -> list[str]:
    """What is wrong with the streams that clients got, as far as the log has them. A route without rules passes
    upstream's bytes untouched, and with them what is wrong there; a client that left has only a beginning."""
    if not (data / "data" / "logs.db").exists():
        return []
    log = Reader(str(data / "data" / "logs.db"), str(data / "data" / "blobs"))
    found = []
    try:
        exchanges = log.list_exchanges(10_000)
    except LogUnavailableError:  # the test broke it
        return []
    for exchange in exchanges:
        if exchange["state"] not in ("complete", "failed"):
            continue
        answer = b"".join(log.read_blob(exchange["id"], 0, "client_response") or ())
        upstream = b"".join(log.read_blob(exchange["id"], 1, "upstream_response") or ())
        untouched = UNTOUCHED.search(answer) or answer.partition(b"\n\n")[0] == upstream.partition(b"\n\n")[0]
        if answer.startswith((b"data:", b"event:", b":")) and not untouched:
            checker = CHECKERS[exchange["client_format"]]()
            checker.feed(answer)
            found += [f"{exchange['id']} {exchange['asked_model']}: {wrong}" for wrong in checker.close()]
    return found


def _wait_for(proxy: Proxy, ports: list[int]) -> None:
    end = time.monotonic() + WAIT
    while ports:
        assert proxy.process.poll() is None, proxy.log()
        assert time.monotonic() < end, f"not listening: {ports}\n{proxy.log()}"
        with socket.socket() as one:
            listens = one.connect_ex(("127.0.0.1", ports[0])) == 0
        if listens:
            ports.pop(0)
        else:
            time.sleep(0.02)
