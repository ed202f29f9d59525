import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from scripts import start
from scripts.ports import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
MODES = ["regular@127.0.0.1:8080", "reverse:http://127.0.0.1:8082@127.0.0.1:8000"]


def modes(command: list[str]) -> list[str]:
    return [value for option, value in pairwise(command) if option == "--mode"]


def test_the_command_that_is_documented() -> None:
    command = start.mitmproxy_command(["-v", "--set", "a=b"], {})
    assert Path(command[0]).name == "mitmdump"
    assert Path(command[0]).exists()
    assert command[1:3] == ["-s", str(CHECKOUT / "addons" / "kimi.py")]
    assert modes(command) == MODES
    assert command[-3:] == ["-v", "--set", "a=b"]


def test_web_starts_mitmweb() -> None:
    command = start.mitmproxy_command(["-v", "--web"], {})
    assert Path(command[0]).name == "mitmweb"
    assert "--web" not in command


def test_dev_puts_what_watches_the_code_before_it() -> None:
    command = start.mitmproxy_command(["--dev", "-v"], {})
    usual = start.mitmproxy_command(["-v"], {})
    assert command[:3] == [sys.executable, "-P", str(CHECKOUT / "scripts" / "development.py")]
    assert command[3:6] == usual[:3]
    assert command[6:9] == ["-s", str(CHECKOUT / "addons" / "development.py"), "--no-server"]
    assert command[9:] == usual[3:]


def test_dev_is_not_for_mitmweb(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["--dev", "--web"]) == 2
    assert "--dev and --web exclude each other" in capsys.readouterr().err


def test_ports_and_the_dashboard_s_address() -> None:
    settings = {"KIMI_PROXY_PORT": "1", "KIMI_API_PORT": "2", "DASHBOARD_ADDRESS": "127.0.0.1:3"}
    assert modes(start.mitmproxy_command([], settings)) == [
        "regular@127.0.0.1:1",
        "reverse:http://127.0.0.1:3@127.0.0.1:2",
    ]


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("", "127.0.0.1:8082"),
        ("0.0.0.0:9", "127.0.0.1:9"),
        (":9", "127.0.0.1:9"),
        ("[::]:9", "[::1]:9"),
        ("box:9", "box:9"),
    ],
)
def test_where_a_dashboard_is_reached(address: str, target: str) -> None:
    assert start.dashboard_target(address) == target


@pytest.mark.parametrize("own", [["--mode", "socks5"], ["--mode=socks5"], ["-m", "socks5"], ["--set", "mode=socks5"]])
def test_a_mode_of_the_user_takes_the_place_of_ours(own: list[str]) -> None:
    command = start.mitmproxy_command(own, {})
    assert command[3:] == own


def test_what_counts_as_a_configuration(tmp_path: Path) -> None:
    assert not start.is_configured([], {"MODEL_CONFIG": ""}, tmp_path)
    assert start.is_configured([], {"MODEL_CONFIG": "models: []"}, tmp_path)
    assert start.is_configured([], {"MODEL_CONFIG_PATH": "x.yaml"}, tmp_path)
    assert start.is_configured(["--set", "kimi_config=x.yaml"], {}, tmp_path)
    (tmp_path / "model-config.yaml").touch()
    assert start.is_configured([], {}, tmp_path)


def test_with_a_configuration_the_process_becomes_mitmproxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class BecameError(Exception):
        pass

    def become(program: str, command: list[str]) -> None:
        assert program == command[0]
        raise BecameError(*command)

    monkeypatch.setattr(os, "execv", become)
    monkeypatch.chdir(tmp_path)
    for name in ("MODEL_CONFIG", "MODEL_CONFIG_PATH", "KIMI_API_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KIMI_PROXY_PORT", "1234")
    # A .env counts as the environment does, and less than it.
    (tmp_path / ".env").write_text("MODEL_CONFIG_PATH=mine.yaml\nKIMI_API_PORT=4321\nKIMI_PROXY_PORT=1\nEMPTY\n")
    with pytest.raises(BecameError) as became:
        start.main([])
    assert modes(list(became.value.args)) == ["regular@127.0.0.1:1234", "reverse:http://127.0.0.1:8082@127.0.0.1:4321"]


def test_without_one_it_plays_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play_demo(command: list[str], settings: dict[str, str]) -> int:
        assert modes(command)[0] == f"regular@127.0.0.1:{settings['KIMI_PROXY_PORT']}"
        return 5

    monkeypatch.setattr(start, "play_demo", play_demo)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIMI_PROXY_PORT", str(free_port()))
    monkeypatch.setenv("KIMI_API_PORT", str(free_port()))
    for name in ("MODEL_CONFIG", "MODEL_CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)
    assert start.main([]) == 5


def test_ports_where_it_cannot_listen_are_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("KIMI_PROXY_PORT", str(port))
        monkeypatch.setenv("KIMI_API_PORT", "eighty")
        assert start.main([]) == 1
    told = capsys.readouterr()
    assert told.err.splitlines()[:2] == [
        f"port {port} cannot be listened at (address already in use): set KIMI_PROXY_PORT to another",
        "KIMI_API_PORT: 'eighty' is no port",
    ]
    assert told.out == ""


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line) for line in text.splitlines() if line.startswith("  curl ")]


def test_the_demo_shows_three_commands_that_can_be_copied(tmp_path: Path) -> None:
    arguments = ["--set", f"confdir={tmp_path}/my conf"]
    message = start.demo_message(arguments, {"KIMI_API_PORT": "8001", "KIMI_PROXY_PORT": "8081"})
    assert str(Path.cwd()) in message
    whole, streamed, proxied = commands(message)
    assert "http://127.0.0.1:8001/v1/chat/completions" in whole
    assert "stream" not in json.loads(whole[-1])
    assert json.loads(streamed[-1])["stream"] is True
    assert proxied[proxied.index("--proxy") + 1] == "http://127.0.0.1:8081"
    assert proxied[proxied.index("--cacert") + 1] == f"{tmp_path}/my conf/mitmproxy-ca-cert.pem"
    assert "https://api.openai.com/v1/chat/completions" in proxied


def test_the_usual_confdir() -> None:
    assert start.confdir(["--set=a=b"]) == Path("~/.mitmproxy").expanduser()
    assert start.confdir(["--set=confdir=~/here"]) == Path("~/here").expanduser()


# What the demo starts in mitmproxy's place: asks the vendor with what it was given, and reports.
CHILD = """
import httpx, json, os, pathlib, signal, sys
answer = httpx.post(
    os.environ["KIMI_DEMO_URL"] + "/chat/completions",
    headers={"authorization": "Bearer " + os.environ["KIMI_DEMO_KEY"]},
    json={"model": "kimi-k2-thinking+orphan-think", "messages": []},
    trust_env=False,
)
report = {"answer": answer.json(), "config": os.environ["MODEL_CONFIG_PATH"], "url": os.environ["KIMI_DEMO_URL"]}
pathlib.Path(sys.argv[1]).write_text(json.dumps(report))
"""


def test_the_demo_gives_mitmproxy_a_vendor(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report"
    child = [sys.executable, "-c", CHILD + "sys.exit(3)", str(report)]
    assert asyncio.run(start.play_demo(child, {})) == 3
    assert len(commands(capfd.readouterr().out)) == 3
    told = json.loads(report.read_text())
    assert told["answer"]["choices"][0]["message"]["content"].endswith("The answer is 42.")
    assert told["config"] == str(CHECKOUT / "config" / "demo.yaml")
    port = int(told["url"].split(":")[2].removesuffix("/v1"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_ends_its_child_when_told_to(number: signal.Signals) -> None:
    child = f"import os, time; os.kill(os.getppid(), {int(number)}); time.sleep(60)"
    assert asyncio.run(start.play_demo([sys.executable, "-c", child], {})) == 128 + signal.SIGTERM


def test_a_child_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_GRACE", 0.3)
    child = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    child += "; os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
    assert asyncio.run(start.play_demo([sys.executable, "-c", child], {})) == 128 + signal.SIGKILL


def test_a_real_mitmdump_ends_with_the_demo(tmp_path: Path) -> None:
    addon = tmp_path / "addon.py"
    addon.write_text(
        "import os, pathlib\n"
        "def running():\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
    )
    options = ["--mode", "regular@127.0.0.1:0", "--set", f"confdir={tmp_path}", "-s", str(addon)]
    code = (
        "import asyncio, sys; from scripts.start import play_demo; sys.exit(asyncio.run(play_demo(sys.argv[1:], {})))"
    )
    mitmdump = str(Path(sys.executable).parent / "mitmdump")
    demo = subprocess.Popen([sys.executable, "-c", code, mitmdump, *options], cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while not (tmp_path / "pid").exists():
            assert demo.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        demo.terminate()
        assert demo.wait(timeout=20) == 0
    finally:
        demo.kill()
        demo.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
