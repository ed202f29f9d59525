"""The README is true: its commands do what it says, and it names every setting, script and repair."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import environment
from scripts.ports import free_port
from tests.starting import answering
from transforms.repair_kinds import REPAIR_KINDS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """`./scripts/run` in an empty folder: the ports of the base URL and of the proxy."""
    folder = tmp_path_factory.mktemp("demo")
    api, proxy, dashboard = free_port(), free_port(), free_port()
    settings = {
        "KIMI_API_PORT": str(api),
        "KIMI_PROXY_PORT": str(proxy),
        "DASHBOARD_ADDRESS": f"127.0.0.1:{dashboard}",
        "HOME": str(folder),
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MODEL_CONFIG", "LOG_"))}
    options = {"cwd": folder, "env": inherited | settings, "start_new_session": True}
    with answering(api, ROOT / "scripts" / "run", **options):
        yield api, proxy


def _curl() -> str:
    return next(block for _, block in BLOCKS if block.startswith("curl"))


def _run(command: str, api: int) -> str:
    script = command.replace("127.0.0.1:8000", f"127.0.0.1:{api}")
    return subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_leaked_call_becomes_a_tool_call(demo: tuple[int, int]) -> None:
    answer = json.loads(_run(_curl(), demo[0]))
    shown = json.loads(next(block for language, block in BLOCKS if language == "json"))
    choice = answer["choices"][0]
    assert {"message": choice["message"], "finish_reason": choice["finish_reason"]} == shown


def _streamed(output: str) -> list[dict[str, object]]:
    lines = [line.removeprefix("data: ") for line in output.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line)["choices"][0] for line in lines[:-1]]


def test_the_same_streamed(demo: tuple[int, int]) -> None:
    command = _curl().replace("curl -s", "curl -sN").replace('"model"', '"stream": true, "model"')
    choices = _streamed(_run(command, demo[0]))
    deltas = [choice["delta"] for choice in choices]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Let me search for that."
    (call,) = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert call["function"] == {"name": "lookup", "arguments": '{"term":"express"}'}
    assert choices[-1]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
def test_the_second_example(demo: tuple[int, int], stream: bool) -> None:
    assert "`kimi-k2-thinking+orphan-think`" in README
    body = {
        "model": "kimi-k2-thinking+orphan-think",
        "messages": [{"role": "user", "content": "What is the answer?"}],
        "stream": stream,
    }
    url = "http://127.0.0.1:8000/v1/chat/completions"
    output = _run(f"curl -sN {url} -H 'content-type: application/json' -d '{json.dumps(body)}'", demo[0])
    messages = [c["delta"] for c in _streamed(output)] if stream else [json.loads(output)["choices"][0]["message"]]
    assert "".join(message.get("content") or "" for message in messages).strip() == "The answer is 42."
    thinking = "".join(message.get("reasoning_content") or "" for message in messages)
    assert thinking.strip() == "Let me break down..."


def test_with_proxy_runs_an_unmodified_program(demo: tuple[int, int], tmp_path_factory: pytest.TempPathFactory) -> None:
    program = (
        "from openai import OpenAI; "
        "print(OpenAI(api_key='mine').chat.completions.create(model='kimi-k2-thinking',"
        " messages=[{'role': 'user', 'content': 'Hello'}]).choices[0].message.content)"
    )
    home = next(path for path in tmp_path_factory.getbasetemp().iterdir() if path.name.startswith("demo"))
    environment = os.environ | {"KIMI_PROXY_PORT": str(demo[1]), "HOME": str(home)}
    command = [ROOT / "scripts" / "with-proxy", ROOT / ".venv" / "bin" / "python", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("sdk", "call"),
    [
        ("openai", "client.chat.completions.create(model=M, messages=Q).choices[0].message.content"),
        ("openai", "client.responses.create(model=M, input='Hello').output_text"),
        ("anthropic", "client.messages.create(model=M, max_tokens=99, messages=Q).content[-1].text"),
    ],
)
def test_the_sdks_by_base_url(demo: tuple[int, int], sdk: str, call: str) -> None:
    (shown,) = [block for language, block in BLOCKS if language == "python" and block.startswith(f"from {sdk} ")]
    asking = "M = 'kimi-k2-thinking'; Q = [{'role': 'user', 'content': 'Hello'}]"
    program = shown.replace("127.0.0.1:8000", f"127.0.0.1:{demo[0]}") + f"{asking}\nprint({call})"
    command = [ROOT / ".venv" / "bin" / "python", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_dashboard_is_at_the_root_of_the_base_url(demo: tuple[int, int]) -> None:
    page = urllib.request.urlopen(f"http://127.0.0.1:{demo[0]}/", timeout=10).read().decode()
    assert "Kimi Proxy" in page


def test_every_setting_is_named() -> None:
    source = Path(environment.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r'read\.\w+\(\s*"([A-Z_]+)"', source)) | {"MODEL_CONFIG", "MODEL_CONFIG_PATH"}
    assert len(names) > 20
    assert {name for name in names if f"`{name}`" not in README} == set()


def test_every_script_is_named() -> None:
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix}
    assert {name for name in scripts - {"environment"} if not re.search(rf"\b{name}\b", README)} == set()


def test_every_repair_is_named() -> None:
    lines = "\n".join(f"- `{kind}`: {phrase}" for kind, phrase in REPAIR_KINDS.items())
    assert lines in README
