"""The Dockerfile and the compose files agree with the project. There need not be a Docker here: what the image would
hold is put into a folder by the Dockerfile's own instructions, and its entrypoint and health check are run there, with
other folders and ports, and on loopback."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.ports import free_port
from scripts.vendor.server import running_simulator

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0


def instructions(text: str) -> list[tuple[str, str]]:
    """Names and arguments, with continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions((ROOT / "Dockerfile").read_text()):
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


DEPENDENCIES, PROXY, DEVELOPMENT, LAST = stages()


def of(stage: list[tuple[str, str]], wanted: str) -> list[str]:
    return [rest for name, rest in stage if name == wanted]


def words(stage: list[tuple[str, str]], name: str) -> list[str]:
    """Of an instruction in its exec form."""
    (rest,) = of(stage, name)
    found = json.loads(rest[rest.index("[") :])
    assert isinstance(found, list)
    return found


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for rest in of(PROXY, "ENV") for word in shlex.split(rest))


def is_ignored(path: Path) -> bool:
    """Docker's rule for what this .dockerignore has: the last pattern that fits a path or a folder above it counts."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        expression = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(expression, str(each)) for each in (path, *path.parents) if each != Path()):
            ignored = not line.startswith("!")
    return ignored


def plain(requirement: str) -> str:
    """The package's name as the index compares it."""
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Docker is sent."""
    folder = tmp_path_factory.mktemp("context")
    for head, folders, files in os.walk(ROOT):
        place = Path(head).relative_to(ROOT)
        folders[:] = [name for name in folders if name not in (".git", ".venv", "node_modules")]
        for name in files:
            if not is_ignored(place / name):
                (folder / place).mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / place / name, folder / place / name)
    return folder


@pytest.fixture(scope="module")
def image(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's root, as far as it is ours."""
    root = tmp_path_factory.mktemp("image")
    (workdir,) = of(PROXY, "WORKDIR")
    for rest in of(PROXY, "COPY"):
        if not rest.startswith("--from"):
            source, target = rest.split()
            shutil.copytree(context / source, root / workdir[1:] / target)
    for folder in words(PROXY, "VOLUME"):
        (root / folder[1:]).mkdir()
    return root


def test_only_what_runs_is_sent(context: Path) -> None:
    sent = {str(path.relative_to(context)) for path in context.rglob("*") if path.is_file()}
    assert {name.partition("/")[0] for name in sent} == {
        *("addons", "config", "scripts", "transforms", "webui"),
        *("constraints.txt", "pyproject.toml"),
    }
    assert not [name for name in sent if "__pycache__" in name]


def test_the_dependencies_are_those_of_the_project_in_pinned_versions(context: Path, tmp_path: Path) -> None:
    (copied,) = of(DEPENDENCIES, "COPY")
    *sources, _ = copied.split()
    for source in sources:
        shutil.copy(context / source, tmp_path)
    (listing,) = [rest.partition(" && ")[0] for rest in of(DEPENDENCIES, "RUN") if "requirements.txt" in rest]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "-c", listing], cwd=tmp_path, env={"PATH": path}, check=True)
    listed = (tmp_path / "requirements.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert listed == [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    pinned = {plain(line) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {plain(line) for line in listed} <= pinned
    (install,) = [rest for rest in of(DEPENDENCIES, "RUN") if "pip install" in rest]
    assert "-c constraints.txt" in install


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert of(PROXY, "USER")[-1] == of(DEVELOPMENT, "USER")[-1] == "10001:10001"
    assert "--uid 10001" in " ".join(of(PROXY, "RUN"))
    assert [name for name, _ in LAST] == ["FROM"], "the last stage, which is built by default, adds nothing"
    assert {rest.split()[0] for stage in (DEPENDENCIES, PROXY) for rest in of(stage, "FROM")} == {
        "python:3.12-slim-bookworm"
    }


def moved(text: str, image: Path, ports: Mapping[str, int]) -> str:
    """With this test's folders and ports in place of the container's."""
    text = text.replace("0.0.0.0", "127.0.0.1")
    text = re.sub(r"(?<![\w/.])/(app|ca|data)\b", lambda match: f"{image}/{match[1]}", text)
    return re.sub("8080|8000|8082", lambda match: str(ports[match[0]]), text)


@pytest.fixture
def ports() -> dict[str, int]:
    return {port: free_port() for port in ("8080", "8000", "8082")}


@pytest.fixture
def variables(image: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """The container's environment, with a configuration as compose mounts it."""
    found = {name: moved(value, image, ports) for name, value in environment().items()}
    found["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return found | {"DASHBOARD_TOKEN": "token-of-the-dashboard", "KIMI_PROXY_API_KEY": "key-of-the-proxy"}


@pytest.fixture
def running(image: Path, ports: Mapping[str, int], variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with running_simulator() as simulator:
        provider = {"base_url": f"{simulator.url}/v1", "api_key": "key-of-the-vendor"}
        model = {"name": "kimi-*", "provider": "openai", "provider_config": provider}
        (image / "app" / "model-config.yaml").write_text(json.dumps({"models": [model]}))
        command = [moved(word, image, ports) for word in words(PROXY, "ENTRYPOINT")]
        process = subprocess.Popen(command, cwd=image / "app", env=variables)
        yield process
        process.kill()
        process.wait()


def test_the_entrypoint_and_its_health_check(
    image: Path, ports: Mapping[str, int], variables: dict[str, str], running: subprocess.Popen[bytes]
) -> None:
    check = [moved(word, image, ports) for word in words(PROXY, "HEALTHCHECK")]

    def is_healthy() -> bool:
        done = subprocess.run(check, cwd=image / "app", env=variables, stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0

    assert not is_healthy()
    end = time.monotonic() + PATIENCE
    while not is_healthy():
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)

    request = urllib.request.Request(
        f"http://127.0.0.1:{ports['8000']}/v1/chat/completions",
        json.dumps({"model": "kimi-k2-thinking", "messages": [{"role": "user", "content": "Hello"}]}).encode(),
        {"content-type": "application/json", "authorization": "Bearer key-of-the-proxy"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert json.load(answer)["choices"][0]["message"]["content"]
    assert (image / "data" / "logs.db").exists()
    assert (image / "ca" / "mitmproxy-ca-cert.pem").exists()

    (signal,) = of(PROXY, "STOPSIGNAL")
    subprocess.run(["kill", "-s", signal.removeprefix("SIG"), str(running.pid)], check=True)
    assert running.wait(PATIENCE) == 0
    assert not is_healthy()


COMPOSE, DEV = (yaml.safe_load((ROOT / f"docker-compose{name}.yml").read_text()) for name in ("", ".dev"))
SERVICES: dict[str, Any] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_kept_to_this_machine_and_to_what_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["ports"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    places = [volume if isinstance(volume, str) else volume["target"] for volume in service["volumes"]]
    assert places == ["/app/model-config.yaml", "log:/data", "ca:/ca"]
    assert service["volumes"][0]["read_only"]
    assert [place.partition(":")[2] for place in places[1:]] == words(PROXY, "VOLUME")
    assert set(COMPOSE["volumes"]) == {"log", "ca"}


@pytest.mark.parametrize("name", SERVICES)
def test_its_environment_counts_over_the_users_and_demands_the_keys(name: str) -> None:
    given = SERVICES[name]["environment"]
    for key in ("DASHBOARD_TOKEN", "KIMI_PROXY_API_KEY"):
        assert given[key].startswith(f"${{{key}:?put a {key} of your own into .env")
    image = environment()
    assert {key: given[key] for key in image if key in given} == {
        key: image[key] for key in ("DASHBOARD_ADDRESS", "LOG_DB_PATH", "LOG_BLOB_ROOT")
    }
    assert given["MODEL_CONFIG_PATH"] == SERVICES[name]["volumes"][0]["target"]


def test_what_is_watched_is_what_the_image_holds() -> None:
    service = DEV["services"]["proxy"]
    watched = service["develop"]["watch"]
    (workdir,) = of(PROXY, "WORKDIR")
    synced = {entry["path"]: entry["target"] for entry in watched if entry["action"] == "sync"}
    assert synced == {f"./{name}": f"{workdir}/{name}" for name in ("addons", "config", "transforms", "webui")}
    assert all((ROOT / entry["path"]).exists() for entry in watched)
    assert of(DEVELOPMENT, "FROM") == [f"proxy AS {service['build']['target']}"]
    assert service["command"] == ["--dev"]
