"""The command, as `scripts/simulator` starts it."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from scripts.vendor.__main__ import main
from scripts.vendor.behaviour import ALIASES, FAMILIES, WORDS

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_when_told_to(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "scripts.vendor", "--port", "0", "--require-key", "k"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        words = process.stdout.readline().split()
        assert words[:-1] == ["simulator", "listening", "on"]
        assert words[-1].startswith("http://127.0.0.1:")
        assert httpx.get(f"{words[-1]}/v1/models", trust_env=False).status_code == 401
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_a_reader_of_the_list_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -m scripts.vendor --list | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("What is said:\n", "")


def test_a_link_to_the_script_does_as_well(tmp_path: Path) -> None:
    link = tmp_path / "vendor"
    link.symlink_to(CHECKOUT / "scripts" / "simulator")
    done = subprocess.run([link, "--list"], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("What is said:\n"), done.stderr


def test_everything_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {word}" in listed for word in (*FAMILIES, *WORDS, *ALIASES))


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert main(["--port", str(server.getsockname()[1])]) == 1
    assert "simulator: " in capsys.readouterr().err


def test_a_certificate_needs_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--tls-cert", "x"])
    assert "--tls-key" in capsys.readouterr().err
