"""`scripts/doctor`: a running proxy, problems planted one at a time, and what it says of each."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scripts.doctoring.__main__ import report
from scripts.doctoring.findings import Finding
from scripts.ports import free_port
from scripts.vendor.server import running_simulator
from tests.starting import answering

ROOT = Path(__file__).resolve().parents[2]
KEY = "provider-key-0123456789"
# Of whoever runs the tests; none of it may change what is found.
_FOREIGN = (
    *("MODEL_CONFIG", "OPENAI_", "ANTHROPIC_", "OPENROUTER_", "VERTEX_", "GOOGLE_", "KIMI_", "LOG_", "DASHBOARD_"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT", "NODE_", "CLAUDE"),
    *("REQUESTS_CA", "CURL_CA", "CODEX", "MITMPROXY"),
)


@dataclass(slots=True)
class Place:
    """A folder where a proxy runs, or could; `node` is a folder with no Node, so that its version says nothing."""

    folder: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def doctor(self, *arguments: str, **variables: str) -> list[dict[str, str]]:
        """All that it found."""
        done = self.run("--json", *arguments, **variables)
        found: list[dict[str, str]] = json.loads(done.stdout)
        assert done.returncode == int(any(one["level"] == "problem" for one in found)), done.stderr
        return found

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        environment = kept | {"HOME": str(self.home)} | self.variables | variables
        environment.setdefault("PYENV_ROOT", str(Path.home() / ".pyenv"))
        command = [ROOT / "scripts" / "doctor", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A proxy that serves one model, from a folder of its own."""
    folder = tmp_path_factory.mktemp("proxy")
    ports = {"KIMI_PROXY_PORT": str(free_port()), "KIMI_API_PORT": str(free_port())}
    with running_simulator(KEY) as simulator:
        place = Place(folder, folder, {**ports, "DASHBOARD_ADDRESS": f"127.0.0.1:{free_port()}"})
        write_config(place, simulator.url)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        environment |= {"HOME": str(folder), "PYTHONPATH": str(ROOT), **place.variables}
        options = {"cwd": folder, "env": environment, "stdout": subprocess.DEVNULL}
        with answering(int(ports["KIMI_API_PORT"]), sys.executable, "-m", "scripts.start", **options):
            yield place


@pytest.fixture
def place(running: Place, tmp_path: Path) -> Place:
    """The same proxy, seen from a folder and a home that a test may spoil."""
    for name in (".mitmproxy", "model-config.yaml"):
        source = running.folder / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    return Place(tmp_path, tmp_path, dict(running.variables))


def write_config(place: Place, url: str, **entry: Any) -> None:
    options = {"base_url": f"{url}/v1", "api_key": KEY, **entry.pop("provider_config", {})}
    model = {"name": "kimi-k2", "provider": "openai", "provider_config": options, **entry}
    (place.folder / "model-config.yaml").write_text(json.dumps({"models": [model]}))


def test_a_sound_installation(running: Place) -> None:
    found = running.doctor("--call")
    assert [one for one in found if one["level"] == "problem"] == []
    said = "\n".join(one["said"] for one in found)
    for good in ("shows certificates of", "the base URL is", "the dashboard is at", "the configuration is sound"):
        assert good in said
    assert "openai/kimi-k2 answers at" in said


def test_through_with_proxy_there_is_no_false_alarm(running: Place) -> None:
    command = 'exec "$0" bash -c \'exec "$0" --json\' "$1"'
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    environment = kept | {"HOME": str(running.home), "PYENV_ROOT": str(Path.home() / ".pyenv")} | running.variables
    scripts = [str(ROOT / "scripts" / name) for name in ("with-proxy", "doctor")]
    done = subprocess.run(
        ["bash", "-c", command, *scripts],
        cwd=running.folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one for one in json.loads(done.stdout) if one["level"] == "problem"] == []


def other_authority(place: Place, days: int) -> None:
    """Puts another authority in the place of the proxy's, which ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mitmproxy")])
    end = datetime.now(UTC) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - timedelta(days=700))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (place.home / ".mitmproxy" / "mitmproxy-ca-cert.pem").write_bytes(pem)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def in_config(place: Place, **entry: Any) -> None:
    write_config(place, "http://127.0.0.1:1", **entry)


# What is planted, what doctor says of it, and of the remedy.
PLANTED: Mapping[str, tuple[Callable[[Place], object], str, str]] = {
    "no authority": (
        lambda place: shutil.rmtree(place.home / ".mitmproxy"),
        "there is no certificate authority",
        "MITMPROXY_CONFDIR",
    ),
    "an authority that has ended": (lambda place: other_authority(place, -1), "ended on", "remove mitmproxy-ca*"),
    "another authority than the proxy's": (
        lambda place: other_authority(place, 300),
        "does not vouch for",
        "MITMPROXY_CONFDIR",
    ),
    "an authority that is garbage": (
        lambda place: write(place.home / ".mitmproxy" / "mitmproxy-ca-cert.pem", "no certificate"),
        "it is no certificate",
        "remove mitmproxy-ca*",
    ),
    "a key that others can read": (
        lambda place: (place.home / ".mitmproxy" / "mitmproxy-ca.pem").chmod(0o644),
        "others on this machine can read the authority's key",
        "chmod 600",
    ),
    "a mistake in the configuration": (
        lambda place: in_config(place, wieght=2),
        "models[0].wieght",
        "model-config.example.yaml",
    ),
    "a broken .env": (lambda place: write(place.folder / ".env", "no assignment here\n"), ".env:1", "NAME=value"),
    "a placeholder for a key": (
        lambda place: in_config(place, provider_config={"api_key": "your-api-key-here"}),
        "is a placeholder",
        "real key",
    ),
    "another provider's key": (
        lambda place: in_config(
            place, provider_config={"base_url": "https://openrouter.ai/api/v1", "api_key": "sk-ant-0123456789abcdef"}
        ),
        "begins with sk-ant-, as those of api.anthropic.com",
        "which variable",
    ),
    "a retired model": (
        lambda place: in_config(
            place, model="kimi-k2-0905-preview", provider_config={"base_url": "https://api.moonshot.ai/v1"}
        ),
        "has not served kimi-k2-0905-preview since 2026",
        "kimi-k3",
    ),
    "an entry that leads to the proxy itself": (
        lambda place: in_config(
            place, provider_config={"base_url": f"http://127.0.0.1:{place.variables['KIMI_API_PORT']}/v1"}
        ),
        "round and round",
        "base_url",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_problem_is_found_and_its_remedy_named(place: Place, planted: str) -> None:
    plant, said, remedy = PLANTED[planted]
    plant(place)
    assert_found(place.doctor(), said, remedy)


# Variables that lead astray, all at once; what is said of each, and of its remedy.
VARIABLES = {
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "https_proxy": "http://127.0.0.1:{proxy}",
    "NO_PROXY": "localhost,.anthropic.com",
    "no_proxy": "*",
    "SSL_CERT_FILE": "/nowhere/roots.pem",
    "NODE_EXTRA_CA_CERTS": "/nowhere/ours.pem",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:{api}/v1",
    "OPENAI_BASE_URL": "http://127.0.0.1:{api}",
    "OPENAI_API_BASE": "https://user:a-password@gateway.example/v1",
    "CLAUDE_CODE_USE_VERTEX": "1",
}
ASTRAY = (
    ("HTTPS_PROXY and https_proxy differ", "unset one of them"),
    ("HTTPS_PROXY names 127.0.0.1:1, where nothing listens", "unset HTTPS_PROXY"),
    ("NO_PROXY holds *, .anthropic.com", "take it out"),
    ("SSL_CERT_FILE names /nowhere/roots.pem, which is not there", "unset SSL_CERT_FILE"),
    ("OPENAI_API_BASE leads to gateway.example, which the proxy does not decrypt", "unset OPENAI_API_BASE"),
    ("CLAUDE_CODE_USE_VERTEX sends Claude Code to that cloud", "unset CLAUDE_CODE_USE_VERTEX"),
)


def test_variables_that_lead_astray(place: Place) -> None:
    ports = {"proxy": place.variables["KIMI_PROXY_PORT"], "api": place.variables["KIMI_API_PORT"]}
    found = place.doctor(**{name: value.format(**ports) for name, value in VARIABLES.items()})
    for said, remedy in ASTRAY:
        assert_found(found, said, remedy.format(**ports))
    # What this proxy puts up with.
    assert_found(found, "ANTHROPIC_BASE_URL ends in /v1", f"set it to http://127.0.0.1:{ports['api']}", "warning")
    assert_found(found, "OPENAI_BASE_URL does not end in", f"set it to http://127.0.0.1:{ports['api']}/v1", "warning")
    assert_found(found, "NODE_EXTRA_CA_CERTS names /nowhere/ours.pem", "unset NODE_EXTRA_CA_CERTS", "warning")
    assert "a-password" not in json.dumps(found)


def test_values_that_are_none_cost_no_report(place: Place) -> None:
    found = place.doctor(OPENAI_API_BASE="http://127.0.0.1:port/v1", HTTPS_PROXY="http://[::", KIMI_PROXY_PORT="x")
    assert any("the check of proxy failed: ValueError" in one["said"] for one in found)
    assert any("the configuration is sound" in one["said"] for one in found)


# Files of clients, all at once; likewise.
FILES = {
    ".claude/settings.json": {"env": {"ANTHROPIC_BASE_URL": "https://one.example", "CLAUDE_CODE_USE_BEDROCK": "1"}},
    ".claude/settings.local.json": {"env": {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": ".anthropic.com"}},
    ".codex/config.toml": 'model_provider = "mine"\n[model_providers.mine]\nbase_url = "https://two.example/v1"\n',
    ".config/opencode/opencode.jsonc": """{ // mine
        "provider": { /* two */
            "openai": {"options": {"baseURL": "https://three.example/v1"}}, // led elsewhere
            "ollama": {"options": {"baseURL": "http://127.0.0.1:11434/v1"}},
        },
    }""",
    ".qwen/.env": "OPENAI_BASE_URL=https://four.example/v1\n",
}
IN_FILES = (
    ("settings.json: ANTHROPIC_BASE_URL leads to one.example", "take it out of `env`"),
    ("settings.json sends Claude Code to another cloud by CLAUDE_CODE_USE_BEDROCK", "take CLAUDE_CODE_USE_BEDROCK out"),
    ("settings.local.json sets HTTPS_PROXY, which counts over", "take HTTPS_PROXY out of `env`"),
    ("settings.local.json sets NO_PROXY, which counts over", "take NO_PROXY out of `env`"),
    ("config.toml: base_url of the provider mine leads to two.example", "out of that file"),
    ("opencode.jsonc: baseURL of the provider openai leads to three.example", "out of that file"),
    (".env: OPENAI_BASE_URL leads to four.example", "out of that file"),
)


def test_settings_files_that_lead_astray(place: Place) -> None:
    for name, content in FILES.items():
        write(place.home / name, content if isinstance(content, str) else json.dumps(content))
    found = place.doctor()
    for said, remedy in IN_FILES:
        assert_found(found, said, remedy)
    assert not any("ollama" in one["said"] or "cannot be read" in one["said"] for one in found)


def test_settings_that_are_meant_so_are_no_problem(place: Place) -> None:
    ours = f"http://127.0.0.1:{place.variables['KIMI_PROXY_PORT']}"
    authority = str(place.home / ".mitmproxy" / "mitmproxy-ca-cert.pem")
    own = {"HTTPS_PROXY": ours, "NODE_EXTRA_CA_CERTS": authority, "NO_PROXY": "localhost,127.0.0.1"}
    own |= {"CLAUDE_CODE_USE_BEDROCK": False, "CLAUDE_CODE_USE_VERTEX": "0"}
    write(place.folder / "own" / "settings.json", json.dumps({"env": own}))
    write(place.home / ".qwen" / "settings.json", "{}")
    in_config(place, provider_config={"api_key": "my-vllm-key-9f3a77", "base_url": "http://127.0.0.1:1/v1"})
    found = place.doctor(CLAUDE_CONFIG_DIR=str(place.folder / "own"))
    assert [one for one in found if one["level"] == "problem"] == []
    assert not any(".qwen" in one["said"] for one in found)


def test_settings_files_that_cannot_be_read_are_told(place: Place) -> None:
    for name in (".claude/settings.json", ".config/opencode/opencode.json", ".codex/config.toml"):
        write(place.home / name, "{ [")
    found = [one["said"] for one in place.doctor() if one["level"] == "warning"]
    for name in ("settings.json", "opencode.json", "config.toml"):
        assert any(f"{name} cannot be read" in said for said in found)


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"error": "Not Found", "status": 404}')

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("variable", "what"),
    [("KIMI_PROXY_PORT", "the proxy"), ("KIMI_API_PORT", "the base URL"), ("DASHBOARD_ADDRESS", "the dashboard")],
)
def test_another_program_on_a_port(place: Place, variable: str, what: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        address = f"127.0.0.1:{port}" if variable == "DASHBOARD_ADDRESS" else str(port)
        found = place.doctor(**{variable: address})
        server.shutdown()
    assert_found(found, f"another program listens at port {port}, where {what} should be", variable)


@pytest.mark.parametrize(
    ("planted", "said", "remedy"),
    [
        ({"provider_config": {"api_key": "another-key-0123456789"}}, "refuses the key (401)", "which variable"),
        ({"model": "kimi-k2+error-404"}, "has no such model", "`model` and `base_url`"),
        ({"model": "kimi-k2+status=402"}, "account is empty", "add credit"),
        ({"provider_config": {"base_url": "http://127.0.0.1:1/v1"}}, "cannot be reached", "`base_url`"),
    ],
)
def test_what_a_call_shows(place: Place, planted: dict[str, Any], said: str, remedy: str) -> None:
    with running_simulator(KEY) as simulator:
        write_config(place, simulator.url, **planted)
        assert_found(place.doctor("--call"), said, remedy)
        assert simulator.requests or "reached" in said


def test_no_call_is_made_unasked(place: Place) -> None:
    with running_simulator(KEY) as simulator:
        write_config(place, simulator.url)
        place.doctor()
        assert not simulator.requests


def test_a_folder_without_a_proxy(tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path, {"KIMI_PROXY_PORT": "1", "KIMI_API_PORT": "1", "DASHBOARD_ADDRESS": ""})
    found = place.doctor()
    assert_found(found, "no proxy listens", "start scripts/run")
    assert any("plays the demo" in one["said"] for one in found)


def test_no_key_is_shown(place: Place) -> None:
    with running_simulator("another-key") as simulator:
        write_config(place, simulator.url)
        done = place.run("--call")
    assert "refuses the key" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_what_a_person_reads() -> None:
    findings = {
        "The proxy": [Finding("ok", "it is there"), Finding("problem", "it is ill", "make it well")],
        "Clients": [],
    }
    plain = report(findings, coloured=False)
    assert plain.splitlines() == [
        "The proxy",
        "      ok  it is there",
        " PROBLEM  it is ill",
        "          → make it well",
        "",
        "1 problem, no warnings",
    ]
    assert "\x1b[31m PROBLEM\x1b[0m  it is ill" in report(findings, coloured=True)


def assert_found(found: list[dict[str, str]], said: str, remedy: str, level: str = "problem") -> None:
    matching = [one for one in found if said in one["said"]]
    assert matching, found
    assert matching[0]["level"] == level
    assert remedy in matching[0]["remedy"]
