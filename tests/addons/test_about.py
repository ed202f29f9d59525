"""What the dashboard is told of the proxy."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from transforms.repair_kinds import REPAIR_KINDS

SECRETS = ("provider-key-abcdefgh", "proxy-key-abcdefgh", "dashboard-token-abcdefgh")


def config_of(proxy: Any) -> Any:
    answer = httpx.get(
        f"{proxy.dashboard_url}/api/config", headers={"Authorization": f"Bearer {SECRETS[2]}"}, trust_env=False
    )
    assert not [secret for secret in SECRETS if secret in answer.text]
    return answer.json()


def test_routes_settings_and_what_is_wrong(
    start_proxy: Callable[..., Any], simulator: Any, until: Callable[..., None]
) -> None:
    entry = {
        "name": "kimi-*",
        "provider": "openai",
        "model": "kimi-k2-thinking",
        "weight": 2,
        "ensure_tool_call": True,
        "provider_config": {"base_url": f"{simulator.url}/v1", "api_key": SECRETS[0]},
    }
    models = json.dumps({"models": [entry, {**entry, "provider": "anthropic", "profile": "other"}]})
    environment = {"KIMI_PROXY_API_KEY": SECRETS[1], "DASHBOARD_TOKEN": SECRETS[2]}
    proxy = start_proxy(config=models, dashboard=True, environment=environment)
    until(lambda: config_of(proxy).get("routes"))
    told = config_of(proxy)
    first, second = told["routes"]
    place = httpx.URL(simulator.url).netloc.decode()
    assert first == {
        "name": "kimi-*",
        "profile": None,
        "provider": "openai",
        "model": "kimi-k2-thinking",
        "family": "kimi",
        "vendor": first["vendor"],
        "host": place,
        "strategy": "first",
        "weight": 2,
        "ensure_tool_call": True,
        "key": "present",
        "health": "ok",
        "cooldown_seconds": None,
    }
    assert (second["provider"], second["profile"]) == ("anthropic", "other")
    assert told["running"] and told["warnings"] == [] and told["mitmweb"] is None
    assert told["settings"]["KIMI_PROXY_API_KEY"] == told["settings"]["DASHBOARD_TOKEN"] == "set"
    (proxy.data / "model-config.yaml").write_text("models: 5")
    until(lambda: config_of(proxy)["warnings"])
    [warning] = config_of(proxy)["warnings"]
    assert "the last good one stays in force" in warning and "models" in warning
    assert config_of(proxy)["routes"] == told["routes"]


def test_a_route_that_cools_down_and_the_reasons_of_repairs(
    start_proxy: Callable[..., Any], simulator: Any, until: Callable[..., None]
) -> None:
    proxy = start_proxy(dashboard=True)
    for _ in range(3):
        simulator.script("kimi", status=503, body={"error": {"message": "overloaded"}})
    body = {"model": "kimi", "messages": [{"role": "user", "content": "hello"}]}
    with proxy.client() as client:
        client.post("/v1/chat/completions", json=body)
        until(lambda: [route for route in config_of(proxy)["routes"] if route["health"] != "ok"])
        [route] = config_of(proxy)["routes"]
        assert route["health"] in ("cooling down", "probing")
        answer = client.post("/v1/chat/completions", json={**body, "model": "kimi-k2+id-missing"})
        identity = answer.headers["x-kimi-proxy-exchange"]
    url = f"{proxy.dashboard_url}/api/logs/{identity}"
    until(lambda: httpx.get(url, trust_env=False).json().get("state") == "complete")
    row = httpx.get(url, trust_env=False).json()
    assert row["repair_reasons"] == {kind: REPAIR_KINDS[kind] for kind in row["repair_counts"]}
