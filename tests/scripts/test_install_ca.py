"""`scripts/install-ca`: what it explains, and whom it has trust the proxy. What it changes of a system is changed in a
mount namespace of the test's own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from mitmproxy.certs import CertStore

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "install-ca"
ADDED = "/usr/local/share/ca-certificates"
IN_NAMESPACE = """
set -e
mount -t tmpfs added /usr/local/share/ca-certificates
cp -a --no-preserve=ownership /etc/ssl/certs "$1/certs"
mount --bind "$1/certs" /etc/ssl/certs
trusted() {
    "$PYTHON" -c 'import ssl
print(any("mitmproxy" in str(one) for one in ssl.create_default_context().get_ca_certs()))'
}
trusted
"$SCRIPT" --system
trusted
ls /usr/local/share/ca-certificates
"$SCRIPT" --remove --system
trusted
"$SCRIPT" --remove --system
"""


def can_change_a_system() -> bool:
    """As root of a namespace, on Debian and its kin."""
    if not shutil.which("unshare") or not shutil.which("update-ca-certificates"):
        return False
    command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", ADDED]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".mitmproxy").mkdir()
    CertStore.create_store(tmp_path / ".mitmproxy", "mitmproxy", 2048)
    return tmp_path


def install_ca(home: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), **variables}
    environment.pop("MITMPROXY_CONFDIR", None)
    return subprocess.run([SCRIPT, *options], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_without_options_it_explains_and_changes_nothing(home: Path) -> None:
    before = sorted(home.rglob("*"))
    done = install_ca(home)
    assert done.returncode == 0
    certificate = home / ".mitmproxy" / "mitmproxy-ca-cert.pem"
    printed = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for said in (
        printed.strip(),
        str(certificate),
        "scripts/with-proxy",
        "--system",
        "--browser",
        "Nothing was",
    ):
        assert said in done.stdout
    assert sorted(home.rglob("*")) == before


def test_without_an_authority_it_says_how_to_get_one(tmp_path: Path) -> None:
    for options in ([], ["--system"], ["--browser"]):
        done = install_ca(tmp_path, *options)
        assert done.returncode == 1
        assert f"no certificate authority at {tmp_path}/.mitmproxy" in done.stderr
        assert "scripts/run" in done.stderr


def test_help(home: Path) -> None:
    done = install_ca(home, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: scripts/install-ca")


def test_an_option_that_it_does_not_know(home: Path) -> None:
    done = install_ca(home, "--everywhere")
    assert done.returncode == 1
    assert "usage" in done.stderr


def test_without_certutil_it_says_what_to_install(home: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "uname", "mkdir", "id", "env"):
        (programs / name).symlink_to(shutil.which(name) or "")
    done = install_ca(home, "--browser", PATH=str(programs))
    assert done.returncode == 1
    assert "libnss3-tools" in done.stderr


def stubs(folder: Path, system: str, **programs: str) -> str:
    """A PATH on which the system calls itself so, and these programs are scripts; there is little else."""
    folder.mkdir()
    for name in ("bash", "mkdir", "id", "env"):
        (folder / name).symlink_to(shutil.which(name) or "")
    for name, script in {"uname": f"echo {system}", **programs}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_what_keeps_one_from_being_taken_away_is_no_reason_to_leave_the_other(home: Path, tmp_path: Path) -> None:
    (home / ".pki" / "nssdb").mkdir(parents=True)
    path = stubs(tmp_path / "unknown", "Linux", certutil=f'echo "$@" >>{tmp_path}/told')
    done = install_ca(home, "--remove", PATH=path)
    assert done.returncode == 0
    assert "This machine does not trust it" in done.stdout
    assert "-D -n kimi-proxy" in (tmp_path / "told").read_text()
    path = stubs(tmp_path / "broken", "Linux", certutil="exit 1")
    done = install_ca(home, "--remove", PATH=path)
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "This machine does not trust it" in done.stdout


def test_on_macos_the_keychain_is_all(home: Path, tmp_path: Path) -> None:
    finds = 'case $1 in find-certificate) exit 44 ;; *) echo "$@" ;; esac'
    path = stubs(tmp_path / "mac", "Darwin", security=finds, sudo='shift; "$@"', certutil="exit 1")
    assert "add-trusted-cert" in install_ca(home, "--system", PATH=path).stdout
    done = install_ca(home, "--browser", PATH=path)
    assert done.returncode == 1
    assert "use --system" in done.stderr
    done = install_ca(home, "--remove", PATH=path)
    assert done.returncode == 0
    assert done.stdout.startswith("This machine does not trust it: it is not in /Library/Keychains")


@pytest.mark.parametrize("certutil", [path for path in [shutil.which("certutil")] if path])
def test_browsers(home: Path, certutil: str) -> None:
    assert "it is not in" in install_ca(home, "--remove", "--browser").stdout or not (home / ".pki").exists()
    for _ in range(2):  # the second time it takes the place of the first
        done = install_ca(home, "--browser")
        assert done.returncode == 0, done.stderr
    database = f"sql:{home / '.pki' / 'nssdb'}"

    def listed() -> str:
        return subprocess.run([certutil, "-d", database, "-L"], capture_output=True, text=True, check=True).stdout

    assert listed().count("kimi-proxy") == 1
    keys = subprocess.run([certutil, "-d", database, "-K"], capture_output=True, text=True, check=False).stdout
    assert "kimi-proxy" not in keys  # its key has stayed where it was
    assert install_ca(home, "--remove", "--browser").returncode == 0
    assert "kimi-proxy" not in listed()


@pytest.mark.parametrize("namespace", [["unshare", "--map-root-user", "--mount"]] if can_change_a_system() else [])
def test_the_system(home: Path, tmp_path: Path, namespace: list[str]) -> None:
    environment = {**os.environ, "HOME": str(home), "SCRIPT": str(SCRIPT), "PYTHON": shutil.which("python3") or ""}
    for name in ("MITMPROXY_CONFDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        environment.pop(name, None)
    done = subprocess.run(
        [*namespace, "bash", "-c", IN_NAMESPACE, "bash", str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, installed, during, name, removed, after, again = done.stdout.splitlines()
    assert (before, during, after) == ("False", "True", "False")
    assert name == "kimi-proxy.crt"
    assert "trusts the proxy's authority now" in installed
    assert "not trust the proxy's authority any more" in removed
    assert "does not trust it" in again
