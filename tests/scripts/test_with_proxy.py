"""scripts/with-proxy with a socket in the proxy's place and a certificate authority of our own."""

import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

COMMAND = Path(__file__).resolve().parents[2] / "scripts" / "with-proxy"
REPLACING = [
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT"),
    *("CARGO_HTTP_CAINFO", "DENO_CERT"),
]


def authority(name: str) -> str:
    """A self-signed certificate, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def names(bundle: str) -> list[str]:
    """The common names in a file, as OpenSSL reads them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    found = [str(part) for certificate in context.get_ca_certs() for part in certificate["subject"]]
    return [match[1] for text in found if (match := re.search(r"'commonName', '(.*?)'", text))]


@pytest.fixture
def proxy() -> Iterator[int]:
    """The port of something that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def environment(tmp_path: Path, proxy: int) -> dict[str, str]:
    """A home with mitmproxy's certificate in it, a proxy that is up, and the user's own roots."""
    directory = tmp_path / "my home" / ".mitmproxy"
    directory.mkdir(parents=True)
    (directory / "mitmproxy-ca-cert.pem").write_text(authority("mitmproxy"))
    roots = tmp_path / "roots.pem"
    roots.write_text(authority("corporate"))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "my home"),
        "KIMI_PROXY_PORT": str(proxy),
        "SSL_CERT_FILE": str(roots),
    }


def with_proxy(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *command], env=environment, text=True, capture_output=True, timeout=30)


def variables(environment: dict[str, str]) -> dict[str, str]:
    result = with_proxy(environment, "env")
    assert result.returncode == 0, result.stderr
    return dict(line.partition("=")[::2] for line in result.stdout.splitlines())


def test_proxy_variables_in_both_cases(environment: dict[str, str], proxy: int) -> None:
    seen = variables(environment)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        assert seen[name] == f"http://127.0.0.1:{proxy}"
    assert seen["NODE_USE_ENV_PROXY"] == "1"
    assert "ALL_PROXY" not in seen


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_loopback_goes_direct_and_the_users_exceptions_stay(environment: dict[str, str], name: str) -> None:
    assert variables(environment)["NO_PROXY"] == "localhost,127.0.0.1,::1"
    seen = variables({**environment, name: "intranet.example"})
    assert seen["NO_PROXY"] == seen["no_proxy"] == "localhost,127.0.0.1,::1,intranet.example"


def test_variables_that_replace_the_roots_name_all_roots(environment: dict[str, str]) -> None:
    seen = variables(environment)
    bundle = seen["SSL_CERT_FILE"]
    assert {seen[name] for name in REPLACING} == {bundle}
    found = names(bundle)
    assert {"mitmproxy", "corporate"} <= set(found)
    assert len(Path(bundle).read_text().split("BEGIN CERTIFICATE")) > 20  # the system's


def test_each_root_stands_once(environment: dict[str, str]) -> None:
    bundle = Path(variables({**environment, "REQUESTS_CA_BUNDLE": environment["SSL_CERT_FILE"]})["SSL_CERT_FILE"])
    certificates = re.findall("-----BEGIN.*?-----END CERTIFICATE-----", bundle.read_text(), re.DOTALL)
    assert len(certificates) == len(set(certificates))


def test_inside_itself_it_changes_nothing(environment: dict[str, str]) -> None:
    once = variables(environment)
    bundle = Path(once["SSL_CERT_FILE"]).read_bytes()
    again = variables(once)
    for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        assert again[name] == once[name]
    assert bundle == Path(again["SSL_CERT_FILE"]).read_bytes()


def test_variables_that_add_roots_name_the_proxys(environment: dict[str, str]) -> None:
    seen = variables(environment)
    assert names(seen["NODE_EXTRA_CA_CERTS"]) == ["mitmproxy"]
    assert names(seen["CODEX_CA_CERTIFICATE"]) == ["mitmproxy"]


def test_roots_that_the_user_added_for_node_stay(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "extra.pem").write_text(authority("extra"))
    seen = variables({**environment, "NODE_EXTRA_CA_CERTS": str(tmp_path / "extra.pem")})
    assert {"mitmproxy", "extra"} <= set(names(seen["NODE_EXTRA_CA_CERTS"]))


def test_another_confdir(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mitmproxy-ca-cert.pem").write_text(authority("other"))
    seen = variables({**environment, "MITMPROXY_CONFDIR": str(tmp_path / "conf")})
    assert names(seen["NODE_EXTRA_CA_CERTS"]) == ["other"]


def test_the_commands_exit_code_and_arguments_are_kept(environment: dict[str, str]) -> None:
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    result = with_proxy(environment, sys.executable, "-c", code, "two words", "--", "*")
    assert result.returncode == 7
    assert result.stdout.strip() == "['two words', '--', '*']"


def test_a_proxy_that_is_not_up(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = with_proxy({**environment, "KIMI_PROXY_PORT": str(port)}, "env")
    assert result.returncode == 125
    assert f"127.0.0.1:{port}" in result.stderr
    assert "scripts/run" in result.stderr
    assert result.stdout == ""


def test_a_missing_authority(environment: dict[str, str], tmp_path: Path) -> None:
    result = with_proxy({**environment, "MITMPROXY_CONFDIR": str(tmp_path)}, "env")
    assert result.returncode == 125
    assert str(tmp_path / "mitmproxy-ca-cert.pem") in result.stderr


@pytest.mark.parametrize("line", ["KIMI_PROXY_PORT={}", 'export KIMI_PROXY_PORT = "{}" # mine', "KIMI_PROXY_PORT='{}'"])
def test_the_directory_s_file_says_where_the_proxy_is(
    environment: dict[str, str], proxy: int, tmp_path: Path, line: str
) -> None:
    del environment["KIMI_PROXY_PORT"]
    (tmp_path / ".env").write_text(f"KIMI_PROXY_PORT=1\n{line.format(proxy)}\nOTHER=2\n")
    command = [COMMAND, "printenv", "HTTPS_PROXY"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=30)
    assert done.stdout == f"http://127.0.0.1:{proxy}\n", done.stderr


def test_help_is_no_command(environment: dict[str, str]) -> None:
    result = with_proxy(environment, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("usage: scripts/with-proxy COMMAND")


def test_without_a_command(environment: dict[str, str]) -> None:
    result = with_proxy(environment)
    assert result.returncode == 125
    assert "usage" in result.stderr
