"""`provider_config`: the keys of each provider, over the environment."""

from typing import Any

import pytest

from config.checks import Problems
from config.environment import read_variables
from config.provider_options import OPTIONS, ProviderConfig, read_provider_config, snake_case
from config.secret import Secret


def read(provider: str | None, raw: dict[Any, Any], **variables: str) -> tuple[ProviderConfig, list[str]]:
    problems = Problems(variables)
    config = read_provider_config(
        problems,
        "config",
        raw,
        provider=provider,
        vendors=("generic", "moonshot"),
        settings=read_variables(variables, problems),
        environment=variables,
    )
    return config, [str(problem) for problem in problems.found]


def accepted(provider: str, raw: dict[Any, Any], **variables: str) -> ProviderConfig:
    config, problems = read(provider, raw, **variables)
    assert problems == []
    return config


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("apiKey", "api_key"),
        ("baseUrl", "base_url"),
        ("baseURL", "base_url"),
        ("projectId", "project_id"),
        ("chatEndpoint", "chat_endpoint"),
        ("endpointOverride", "chat_endpoint"),
        ("credentialsPath", "credentials"),
        ("allowFallbacks", "allow_fallbacks"),
        ("dataCollection", "data_collection"),
        ("providers", "only"),
        ("api_key", "api_key"),
        ("API_KEY", "API_KEY"),
    ],
)
def test_the_originals_spellings(written: str, key: str) -> None:
    assert snake_case(written) == key


@pytest.mark.parametrize("provider", OPTIONS)
def test_every_provider_takes_the_common_keys(provider: str) -> None:
    config = accepted(
        provider,
        {
            "baseUrl": "https://$HOST/v1",
            "apiKey": "${KEY}",
            "vendor": "moonshot",
            "headers": {"X-A": "$HOST"},
            "body": {"a": ["$HOST"]},
            **({"project_id": "p"} if provider == "vertex" else {}),
        },
        HOST="host.example",
        KEY="horse",
    )
    assert config.base_url == "https://host.example/v1"
    assert config.api_key == Secret("horse")
    assert config.vendor == "moonshot"
    assert config.headers == {"X-A": "host.example"}
    assert config.body == {"a": ["host.example"]}


def test_both_spellings_of_one_key_are_an_error() -> None:
    _, problems = read("openai", {"apiKey": "a", "api_key": "b"})
    assert problems == ["config.api_key: this key is not another setting than apiKey: give only one of them"]


def test_unknown_keys_are_reported_without_their_value() -> None:
    _, problems = read("openai", {"apikye": "horse", "sk-abcdefgh": 1, 5: "horse", "api_key": "a"})
    assert problems == [
        "config.apikye: this key is not one of base_url, api_key, vendor, headers, body; did you mean 'api_key'?",
        "config.(hidden): this key is not one of base_url, api_key, vendor, headers, body",
        "config.5: this key is not one of base_url, api_key, vendor, headers, body",
    ]


def test_keys_of_another_provider_are_unknown() -> None:
    _, problems = read("openai", {"project_id": "x", "api_key": "a"})
    assert [problem.partition(":")[0] for problem in problems] == ["config.project_id"]


def test_without_a_provider_the_keys_of_all_are_known() -> None:
    _, problems = read(None, {"project_id": "x", "allowFallbacks": True, "nothing": 1})
    assert [problem.partition(":")[0] for problem in problems] == ["config.nothing"]


def test_openrouters_options() -> None:
    raw = {
        "order": ["a", "b"],
        "providers": "a,b",
        "sort": {"by": "price", "partition": "none"},
        "allowFallbacks": False,
        "data_collection": "deny",
        "max_price": {"prompt": "1"},
        "preferred_max_latency": 2,
        "preferred_min_throughput": {"p50": 10},
    }
    config = accepted("openrouter", raw, OPENROUTER_API_KEY="k")
    assert config.api_key == Secret("k")
    assert config.options == {
        "order": ["a", "b"],
        "only": ["a", "b"],
        "sort": {"by": "price", "partition": "none"},
        "allow_fallbacks": False,
        "data_collection": "deny",
        "max_price": {"prompt": "1"},
        "preferred_max_latency": 2,
        "preferred_min_throughput": {"p50": 10},
    }


def test_openrouters_wrong_options() -> None:
    raw = {"sort": "prize", "order": [1], "allow_fallbacks": "no", "preferred_max_latency": -1, "max_price": 3}
    config, problems = read("openrouter", raw | {"data_collection": "denied", "api_key": "k"})
    assert config.options == {}
    assert sorted(problem.partition(":")[0] for problem in problems) == [
        "config.allow_fallbacks",
        "config.data_collection",
        "config.max_price",
        "config.order",
        "config.preferred_max_latency",
        "config.sort",
    ]


def test_options_count_over_the_environment_key_by_key() -> None:
    variables = {
        "OPENROUTER_API_KEY": "k",
        "OPENROUTER_ORDER": "x,y",
        "OPENROUTER_PROVIDERS": "z",
        "OPENROUTER_SORT": "latency",
        "OPENROUTER_ALLOW_FALLBACKS": "true",
    }
    assert accepted("openrouter", {"sort": "price"}, **variables).options == {
        "order": ["x", "y"],
        "only": ["z"],
        "sort": "price",
        "allow_fallbacks": True,
    }


def test_vertex_takes_project_location_and_credentials_from_the_environment() -> None:
    config = accepted("vertex", {}, VERTEX_PROJECT_ID="p", VERTEX_LOCATION="us", GOOGLE_APPLICATION_CREDENTIALS="/f")
    assert config.options == {"project_id": "p", "location": "us", "credentials": Secret("/f")}
    assert (config.api_key, config.base_url) == (None, None)


def test_vertex_uses_the_default_location_and_credentials() -> None:
    assert accepted("vertex", {"projectId": "p"}).options == {"project_id": "p", "location": "global"}


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("/path", "/path"),
        ("$FILE", "/from/environment"),
        ('{"type": "x"}', '{"type": "x"}'),
        ({"type": "x"}, '{"type": "x"}'),
    ],
)
def test_vertex_credentials(value: object, secret: str) -> None:
    config = accepted("vertex", {"project_id": "p", "credentials": value}, FILE="/from/environment")
    assert config.options["credentials"] == Secret(secret)


@pytest.mark.parametrize("value", ['{"horse', 5, {}, {"horse": float("nan")}, {("a", "b"): 1}, {"a": {"b": {1}}}])
def test_wrong_vertex_credentials_are_not_shown(value: object) -> None:
    _, problems = read("vertex", {"project_id": "p", "credentials": value})
    assert len(problems) == 1
    assert problems[0].startswith("config.credentials")
    assert "'" not in problems[0]


def test_a_wrong_endpoint() -> None:
    _, problems = read("vertex", {"chatEndpoint": "host"})
    assert problems == ["config.chatEndpoint: 'host' is not an http(s) URL"]


@pytest.mark.parametrize("provider", ["openai", "openrouter", "anthropic"])
def test_a_key_is_needed(provider: str) -> None:
    variable = f"{provider.upper()}_API_KEY"
    assert accepted(provider, {}, **{variable: "k"}).api_key == Secret("k")
    _, problems = read(provider, {})
    assert len(problems) == 1
    assert problems[0].startswith("config.api_key: missing, expected a key for ")
    assert variable in problems[0]


def test_a_provider_we_know_nothing_of_needs_no_key() -> None:
    assert accepted("other", {}).api_key is None


def test_the_entrys_key_counts_over_the_environments() -> None:
    assert accepted("openai", {"api_key": "own"}, OPENAI_API_KEY="other").api_key == Secret("own")


def test_the_environments_url_and_key_belong_together() -> None:
    config = accepted("openai", {}, OPENAI_BASE_URL="https://api.moonshot.ai/v1", OPENAI_API_KEY="k")
    assert (config.base_url, config.api_key) == ("https://api.moonshot.ai/v1", Secret("k"))
    assert accepted("anthropic", {}, ANTHROPIC_BASE_URL="http://x", ANTHROPIC_API_KEY="k").base_url == "http://x"


def test_the_environments_key_is_not_sent_to_another_public_host() -> None:
    config, problems = read("openai", {"base_url": "https://api.moonshot.ai/v1"}, OPENAI_API_KEY="k")
    assert config.api_key is None
    assert problems == [
        (
            "config.api_key: missing, expected a key for api.moonshot.ai"
            " (OPENAI_API_KEY is for api.openai.com; write $OPENAI_API_KEY to send it all the same)"
        )
    ]


def test_the_environments_key_is_sent_to_the_same_host_and_to_local_ones() -> None:
    for url in ("https://api.openai.com/v2", "http://127.0.0.1:8000/v1", "http://vllm/v1"):
        assert accepted("openai", {"base_url": url}, OPENAI_API_KEY="k").api_key == Secret("k")


def test_the_environments_key_is_sent_to_a_region_of_the_same_host() -> None:
    config = accepted("openrouter", {"base_url": "https://eu.openrouter.ai/api/v1"}, OPENROUTER_API_KEY="k")
    assert config.api_key == Secret("k")
    _, problems = read("openrouter", {"base_url": "https://notopenrouter.ai"}, OPENROUTER_API_KEY="k")
    assert len(problems) == 1


def test_local_hosts_need_no_key_and_public_ones_do() -> None:
    assert accepted("openai", {"base_url": "http://10.0.0.1/v1"}).api_key is None
    assert accepted("openai", {}, OPENAI_BASE_URL="http://localhost:8000").api_key is None
    _, problems = read("openai", {"base_url": "https://api.moonshot.ai/v1"})
    assert problems == ["config.api_key: missing, expected a key for api.moonshot.ai"]


def test_a_header_may_be_the_credential() -> None:
    config = accepted("openai", {"headers": {"Api-Key": "horse"}}, OPENAI_API_KEY="k")
    assert config.api_key is None


def test_a_wrong_url_is_the_only_problem() -> None:
    _, problems = read("openai", {"base_url": "moonshot"})
    assert problems == ["config.base_url: 'moonshot' is not an http(s) URL without user, query and fragment"]


def test_an_empty_variable_is_not_a_key() -> None:
    _, problems = read("openai", {"api_key": "$KEY"}, KEY="")
    assert problems == ["config.api_key: '$KEY' is not text with at least one character"]


def test_a_key_from_a_variable_that_is_not_set_is_one_problem() -> None:
    config, problems = read("openai", {"apiKey": "$KEY"}, OPENAI_API_KEY="other")
    assert config.api_key is None
    assert problems == ["config.apiKey: '$KEY' is not resolvable: the variable KEY is not set"]
