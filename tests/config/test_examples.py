"""The two configurations that come with the project."""

import random
import re
from dataclasses import fields
from pathlib import Path

import pytest

from config.load import load
from config.provider_options import COMMON, OPTIONS
from config.routes import Routes
from config.schema import DOCUMENT_KEYS, ENTRY_KEYS
from config.secret import Secret
from config.settings import STRATEGIES, Route, Settings
from transforms.profiles import PROFILES
from transforms.vendors import VENDORS

CONFIG = Path(__file__).resolve().parents[2] / "config"
EXAMPLE = CONFIG / "model-config.example.yaml"
ENVIRONMENT = {
    "MOONSHOT_API_KEY": "key-of-moonshot",
    "VLLM_URL": "http://vllm:8000/v1",
    "VLLM_KEY": "key-of-vllm",
    "VERTEX_CREDENTIALS": "/path/of/google.json",
    "OPENROUTER_API_KEY": "key-of-openrouter",
    "ANTHROPIC_API_KEY": "key-of-anthropic",
}


def read(path: Path, environment: dict[str, str]) -> Settings:
    return load(
        environment,
        directory=CONFIG,
        providers=tuple(OPTIONS),
        families=tuple(PROFILES),
        vendors=tuple(VENDORS),
        config_path=str(path),
    )


@pytest.fixture(scope="module")
def example() -> Settings:
    return read(EXAMPLE, ENVIRONMENT)


def test_the_example_shows_every_provider(example: Settings) -> None:
    assert {route.provider for route in example.routes} == set(OPTIONS)


@pytest.mark.parametrize("name", [field.name for field in fields(Route) if field.name != "mark"])
def test_the_example_sets_every_field_of_a_route(example: Settings, name: str) -> None:
    default = getattr(Route("", "", ""), name)
    assert any(getattr(route, name) != default for route in example.routes)


@pytest.mark.parametrize("provider", OPTIONS)
def test_the_example_shows_every_option(example: Settings, provider: str) -> None:
    shown = {key for route in example.routes if route.provider == provider for key in route.options}
    assert shown == set(OPTIONS[provider])


@pytest.mark.parametrize("word", [*DOCUMENT_KEYS, *ENTRY_KEYS, *COMMON])
def test_the_example_has_every_key(word: str) -> None:
    assert re.search(rf"^(?: *|  - ){word}:", EXAMPLE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("word", STRATEGIES)
def test_the_example_explains_every_strategy(word: str) -> None:
    assert f"#   {word} " in EXAMPLE.read_text()


def test_the_example_holds_no_credential() -> None:
    for line in EXAMPLE.read_text().splitlines():
        key, _, value = line.partition("#")[0].partition(":")
        assert key.strip() not in ("api_key", "credentials") or value.strip().startswith("$")


def test_the_demo_serves_the_models_that_the_readme_asks_for() -> None:
    settings = read(CONFIG / "demo.yaml", {"KIMI_DEMO_URL": "http://127.0.0.1:9/v1", "KIMI_DEMO_KEY": "demo-key"})
    routes = Routes(settings, random.Random(1))
    asked = ("kimi-k2-thinking", "kimi-k2-instruct", "kimi-k2-thinking-anything")
    chosen = [routes.choose(model, None) for model in asked]
    assert [route and (route.model or "as asked") for route in chosen] == [*asked[:2], "as asked"]
    assert {route and (route.provider, route.vendor, route.base_url, route.api_key) for route in chosen} == {
        ("openai", "moonshot", "http://127.0.0.1:9/v1", Secret("demo-key"))
    }
    for model in ("claude-opus-5-5", "gpt-6.1-sol"):  # what Claude Code and Codex ask for by themselves
        route = routes.choose(model, None)
        assert route and "+task" in route.model
    assert routes.choose("gemini-3-pro", None) is None


def test_the_example_for_agents_leads_their_own_models_to_kimi_and_their_helpers_to_a_cheap_one() -> None:
    routes = Routes(read(CONFIG / "agents.example.yaml", {"OPENROUTER_API_KEY": "sk-or-0123456789"}), random.Random(1))
    for model in ("claude-opus-5-5", "claude-sonnet-5-5", "gpt-6.1-sol", "gpt-5.4", "kimi-k2"):
        route = routes.choose(model, None)
        assert route and route.model == "moonshotai/kimi-k2-thinking" and route.ensure_tool_call
    for model in ("claude-haiku-5-5", "claude-haiku-4-5-20251001", "gpt-5.4-nano", "gpt-5.4-mini-2026"):
        route = routes.choose(model, None)
        assert route and route.model == "moonshotai/kimi-k2-0905" and not route.ensure_tool_call
