"""Behind `scripts/run`: what mitmproxy is started with, and the demo where nothing is configured.

With a configuration this process becomes mitmproxy. In the demo it stays, plays the vendor itself (so that
no second child needs tending), and ends with mitmproxy or ends it.
"""

import asyncio
import json
import os
import shlex
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values

from scripts.vendor.server import Simulator

CHECKOUT = Path(__file__).resolve().parent.parent
DASHBOARD = "127.0.0.1:8082"
DEMO_KEY = "demo-key"
_OWN_END = 0.5  # seconds for mitmproxy to end by itself
_GRACE = 10.0  # seconds for it to end when told to


def main(arguments: Sequence[str]) -> int:
    settings = read_settings(Path.cwd())
    if "--dev" in arguments and "--web" in arguments:
        print(
            "--dev and --web exclude each other: two mitmwebs cannot have one port",
            file=sys.stderr,
        )
        return 2
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # else a log that goes to a file comes at the end
    command = mitmproxy_command(arguments, settings)
    if not any(is_mode(argument) for argument in arguments) and (problems := taken(settings)):
        print(*problems, "./scripts/doctor says who listens there.", sep="\n", file=sys.stderr)
        return 1
    if is_configured(arguments, settings, Path.cwd()):
        os.execv(command[0], command)
    return asyncio.run(play_demo(command, settings))


def read_settings(directory: Path) -> dict[str, str]:
    """The environment, above the settings in the directory's .env, if there is one."""
    file = {key: value for key, value in dotenv_values(directory / ".env").items() if value is not None}
    return file | dict(os.environ)


def taken(settings: Mapping[str, str]) -> list[str]:
    """Which of our listeners cannot listen, and what to do."""
    said = []
    for name, port in (("KIMI_PROXY_PORT", proxy_port(settings)), ("KIMI_API_PORT", api_port(settings))):
        try:
            socket.create_server(("127.0.0.1", int(port))).close()
        except (ValueError, OverflowError):
            said.append(f"{name}: {port!r} is no port")
        except OSError as error:
            reason = (error.strerror or str(error)).partition(" (while")[0].lower()
            said.append(f"port {port} cannot be listened at ({reason}): set {name} to another")
    return said


def mitmproxy_command(arguments: Sequence[str], settings: Mapping[str, str]) -> list[str]:
    """The program with its options: ours first, so that the user's count where both set the same."""
    program = "mitmweb" if "--web" in arguments else "mitmdump"
    command = [str(Path(sys.executable).parent / program), "-s", str(CHECKOUT / "addons" / "kimi.py")]
    if "--dev" in arguments:
        watching = [sys.executable, "-P", str(CHECKOUT / "scripts" / "development.py")]
        command = [*watching, *command, "-s", str(CHECKOUT / "addons" / "development.py"), "--no-server"]
    rest = [argument for argument in arguments if argument not in ("--web", "--dev")]
    if not any(is_mode(argument) for argument in rest):
        command += ["--mode", f"regular@127.0.0.1:{proxy_port(settings)}"]
        dashboard = dashboard_target(settings.get("DASHBOARD_ADDRESS", ""))
        command += ["--mode", f"reverse:http://{dashboard}@127.0.0.1:{api_port(settings)}"]
    return command + rest


def is_mode(argument: str) -> bool:
    return argument.startswith(("--mode", "-m", "mode=", "--set=mode="))


def proxy_port(settings: Mapping[str, str]) -> str:
    return settings.get("KIMI_PROXY_PORT") or "8080"


def api_port(settings: Mapping[str, str]) -> str:
    return settings.get("KIMI_API_PORT") or "8000"


def dashboard_target(address: str) -> str:
    """Where the dashboard is reached that listens at `address` (HOST:PORT). A reverse listener needs a
    target, so the default also stands in for a dashboard that is off."""
    if not address:
        return DASHBOARD
    host, _, port = address.rpartition(":")
    return f"{'127.0.0.1' if host in ('', '0.0.0.0') else '[::1]' if host == '[::]' else host}:{port}"


def is_configured(arguments: Sequence[str], settings: Mapping[str, str], directory: Path) -> bool:
    """Whether a configuration is named in any of the ways there are, or lies in the directory."""
    if any("kimi_config=" in argument for argument in arguments):
        return True
    if settings.get("MODEL_CONFIG") or settings.get("MODEL_CONFIG_PATH"):
        return True
    return (directory / "model-config.yaml").exists()


def confdir(arguments: Sequence[str]) -> Path:
    """Where mitmproxy keeps its certificate authority."""
    for argument in reversed(arguments):
        option, _, value = argument.removeprefix("--set=").partition("=")
        if option == "confdir":
            return Path(value).expanduser()
    return Path("~/.mitmproxy").expanduser()


def demo_message(command: Sequence[str], settings: Mapping[str, str]) -> str:
    """What the demo says, with three commands to try, a line each so that they can be copied."""
    request = {
        "model": "kimi-k2-thinking",
        "messages": [{"role": "user", "content": "What is express?"}],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "lookup",
                    "parameters": {"type": "object", "properties": {"term": {"type": "string"}}},
                },
            }
        ],
    }
    whole, streamed = (json.dumps(body) for body in (request, {**request, "stream": True}))
    path = "/v1/chat/completions"
    direct = f"http://127.0.0.1:{api_port(settings)}{path}"
    proxy = f"http://127.0.0.1:{proxy_port(settings)}"
    through = ["--proxy", proxy, "--cacert", str(confdir(command) / "mitmproxy-ca-cert.pem")]
    json_type = "content-type: application/json"
    commands = (
        ["curl", "-s", direct, "-H", json_type, "-d", whole],
        ["curl", "-sN", direct, "-H", json_type, "-d", streamed],
        ["curl", "-s", *through, f"https://api.openai.com{path}", "-H", json_type, "-d", whole],
    )
    lines = [
        f"There is no model-config.yaml in {Path.cwd()}, so this is the demo:",
        "a simulated vendor plays kimi-k2-thinking and leaks its tool calls as text. It needs no key, and",
        "what it is asked does not leave this machine. Try in another terminal: a tool call, the same one",
        "streamed, and as an unmodified client of api.openai.com through the proxy.",
        "",
        *(f"  {shlex.join(words)}\n" for words in commands),
    ]
    return "\n".join(lines)


async def play_demo(command: Sequence[str], settings: Mapping[str, str]) -> int:
    """Runs mitmproxy against a simulated vendor until either is told to end; returns the exit code."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    simulator = Simulator(key=DEMO_KEY)
    await simulator.start()
    environment = {
        **os.environ,
        "MODEL_CONFIG_PATH": str(CHECKOUT / "config" / "demo.yaml"),
        "KIMI_DEMO_URL": f"{simulator.url}/v1",
        "KIMI_DEMO_KEY": DEMO_KEY,
    }
    print(demo_message(command, settings), flush=True)
    child = await asyncio.create_subprocess_exec(*command, env=environment)
    ended, stopped = asyncio.create_task(child.wait()), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        # A terminal's Ctrl-C has reached the child as well, which is then ending already.
        await asyncio.wait({ended}, timeout=_OWN_END)
        if not ended.done():
            child.terminate()
            await asyncio.wait({ended}, timeout=_GRACE)
    finally:
        if not ended.done():
            child.kill()
        code = await ended
        stopped.cancel()
        await simulator.stop()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
