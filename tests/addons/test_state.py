"""Settings in force: at the start, and changed under running streams."""

import contextlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.proxy.mode_specs import ProxyMode

from addons.state import MEMORIES, State

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of what mitmproxy uses
    from mitmproxy.addons import proxyserver
    from mitmproxy.test import taddons, tflow

PROBE = Path(__file__).parent / "probe.py"
CHAT = "/v1/chat/completions"
SAY = [{"role": "user", "content": "hello"}]


def config(url: str, *names: str) -> str:
    entry = {"provider": "openai", "provider_config": {"base_url": f"{url}/v1", "api_key": "provider-key-0123456789"}}
    return json.dumps({"models": [{"name": name, **entry} for name in names]})  # YAML as well


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a configuration, and nothing in the environment."""
    for name in list(os.environ):
        if name.startswith(("MODEL_CONFIG", "OPENAI_", "LOG_", "DASHBOARD_", "KIMI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model-config.yaml").write_text(config("http://127.0.0.1:1", "kimi", "claude-*"))
    return tmp_path


@contextlib.contextmanager
def running_state(**options: Any) -> Iterator[tuple[taddons.context, State]]:
    with taddons.context(proxyserver.Proxyserver()) as context:
        context.options.update(**options)
        state = State()
        context.master.addons.add(state)
        context.configure(state)
        yield context, state
        state.store.close()


def test_hosts_that_are_decrypted(folder: Path) -> None:
    with running_state() as (_, state):
        for host in ("api.openai.com", "API.Anthropic.com.", "us-east5-aiplatform.googleapis.com", "127.0.0.1"):
            assert state.intercepts(host)
        for host in ("openai.com", "chat.api.openai.com", "api.openai.com.evil.test", "example.com"):
            assert not state.intercepts(host)
        assert state.connects_at_once("example.com")
        assert not state.connects_at_once("api.openai.com")


def test_what_is_out_of_sight(folder: Path) -> None:
    with running_state() as (_, state):
        flow = tflow.tflow()
        assert not state.conceals(flow)
        flow.request.host = "api.openai.com"
        flow.request.headers["host"] = "api.openai.com"
        assert state.conceals(flow)
        dashboard = tflow.tflow()
        dashboard.client_conn.proxy_mode = ProxyMode.parse("reverse:http://127.0.0.1:8082")
        assert state.conceals(dashboard)


def test_a_users_lazy_connections_stay_lazy(folder: Path) -> None:
    with running_state(connection_strategy="lazy") as (_, state):
        assert not state.connects_at_once("example.com")


def test_the_option_is_read_at_any_time_and_a_bad_one_refused(folder: Path) -> None:
    (folder / "other.yaml").write_text(config("http://127.0.0.1:1", "other"))
    (folder / "broken.yaml").write_text("models: [{name: x}]")
    with running_state() as (context, state):
        assert "kimi" in state.routes.names(None)
        context.options.update(kimi_config=str(folder / "other.yaml"))
        assert state.routes.names(None) == ["other"]
        with pytest.raises(exceptions.OptionsError, match=r"models\[0\]\.provider"):
            context.options.update(kimi_config=str(folder / "broken.yaml"))
        assert state.routes.names(None) == ["other"]
        context.options.update(kimi_dashboard="")  # concerns the settings in no way


def test_a_log_that_cannot_be_kept_is_an_error_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LOG_DB_URL", "nosuchdatabase://somewhere")
    with taddons.context(proxyserver.Proxyserver()) as context:
        context.configure(State())
    assert "the log cannot be kept" in caplog.text


def test_what_routes_have_shown_is_forgotten_with_them(folder: Path) -> None:
    with running_state() as (context, state):
        keys = [route.key for route in state.settings.routes]
        first = state.memory(keys[0], "kimi-k2")
        assert state.memory(keys[0], "kimi-k2") is first
        assert state.memory(keys[0], "another") is not first  # behind a glob there are many
        state.memory(keys[1], "kimi-k2")
        (folder / "other.yaml").write_text(config("http://127.0.0.1:1", "kimi", "new"))
        context.options.update(kimi_config=str(folder / "other.yaml"))
        assert {key for key, _ in state.memories} == {keys[0]}
        assert state.memory(keys[0], "kimi-k2") is first


def test_only_so_many_models_are_remembered(folder: Path) -> None:
    with running_state() as (_, state):
        first = state.memory("route", "first")
        for number in range(MEMORIES):
            state.memory("route", str(number))
        assert len(state.memories) == MEMORIES
        assert state.memory("route", "first") is not first


@pytest.mark.parametrize("program", ["mitmdump", "mitmweb"])
def test_a_broken_configuration_ends_the_start_with_all_problems(start_proxy: Callable[..., Any], program: str) -> None:
    text = "models:\n  - {name: kimi, provider: vertx}\n  - {name: other, provider: openai, wieght: 2}\n"
    proxy = start_proxy(config=text, web=program == "mitmweb", wait=False)
    assert proxy.process.wait(30) != 0
    log = proxy.log()
    assert "models[0].provider" in log and "vertx" in log
    assert "models[1]" in log and "wieght" in log
    assert "Traceback" not in log


def test_a_changed_file_is_read_while_requests_run(
    start_proxy: Callable[..., Any], simulator: Any, until: Callable[..., None], tmp_path: Path
) -> None:
    probe = tmp_path / "probe.json"
    names = ["kimi-k2+text-chunks=60+delay=60ms", "first"]
    options = {"arguments": ["-s", str(PROBE)], "environment": {"PROBE": str(probe)}}
    proxy = start_proxy(config=config(simulator.url, *names), **options)
    file = proxy.data / "model-config.yaml"
    client = proxy.client()

    def served() -> set[str]:
        return {model["id"] for model in client.get("/v1/models").json()["data"]}

    assert served() == set(names)
    body = {"model": names[0], "stream": True, "messages": SAY}
    with client.stream("POST", CHAT, json=body) as stream:
        lines = stream.iter_lines()
        next(lines)
        # Changed: the model that is being streamed is gone.
        file.write_text(config(simulator.url, "second"))
        until(lambda: served() == {"second"})
        # Broken: the last good one stays.
        file.write_text("models: [{name: x, provider: nobody}]")
        until(lambda: "not usable" in proxy.log())
        assert served() == {"second"}
        # Repaired, by another file in its place, as editors save.
        (proxy.data / "new.yaml").write_text(config(simulator.url, "third"))
        (proxy.data / "new.yaml").rename(file)
        until(lambda: served() == {"third"})
        rest = list(lines)
    assert (rest[-1] == "" and rest[-2] == "data: [DONE]") or "data: [DONE]" in rest
    assert client.post(CHAT, json={"model": "third", "messages": SAY}).status_code == 200
    complaints = [line for line in proxy.log().splitlines() if "not usable" in line]
    assert len(complaints) == 1
    assert "models[0].provider" in complaints[0] and "last good one stays in force" in complaints[0]
    until(lambda: json.loads(probe.read_text())["exchanges"] == 0)


def test_a_file_that_goes_away_for_a_while(
    start_proxy: Callable[..., Any], simulator: Any, until: Callable[..., None]
) -> None:
    proxy = start_proxy(config=config(simulator.url, "first"))
    file = proxy.data / "model-config.yaml"
    client = proxy.client()
    assert client.get("/v1/models").status_code == 200  # mitmproxy listens before it has loaded us
    file.unlink()
    time.sleep(1.2)  # a look at nothing
    assert client.post(CHAT, json={"model": "first", "messages": SAY}).status_code == 200
    file.write_text(config(simulator.url, "second"))
    until(lambda: client.post(CHAT, json={"model": "second", "messages": SAY}).status_code == 200)
    assert "not usable" not in proxy.log()
