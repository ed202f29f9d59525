"""The whole document: complete settings, or every problem at once."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.schema import ENTRY_KEYS, Problem, Route, Secret, Settings, SettingsError, parse

PROVIDERS = ("openai", "openrouter", "vertex", "anthropic")
ENVIRONMENT = {"OPENAI_API_KEY": "horse-staple", "OPENROUTER_API_KEY": "horse-battery"}


def read(document: object, environment: dict[str, str] = ENVIRONMENT) -> Settings:
    return parse(
        document, environment, providers=PROVIDERS, families=("kimi", "plain"), vendors=("generic", "moonshot")
    )


def problems(document: object, environment: dict[str, str] = ENVIRONMENT) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(document, environment)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


def models(*entries: dict[str, Any], **rest: Any) -> dict[str, Any]:
    complete = [{"name": f"m{index}", "provider": "openai"} | entry for index, entry in enumerate(entries)]
    return {"models": complete} | rest


def test_the_shortest_document() -> None:
    assert read({"models": [{"name": "gpt", "provider": "openai"}]}) == Settings(
        routes=(Route("gpt", "openai", "gpt", api_key=Secret("horse-staple")),),
        openai_api_key=Secret("horse-staple"),
        openrouter_api_key=Secret("horse-battery"),
    )


def test_every_key_of_an_entry_arrives() -> None:
    entry = {
        "name": "kimi",
        "provider": "openrouter",
        "model": "moonshotai/kimi",
        "ensure_tool_call": True,
        "weight": 2,
        "strategy": "random",
        "timeout": 30,
        "answer_timeout": 0.5,
        "profile": "kimi-k2.6_a",
        "family": "plain",
        "provider_config": {"vendor": "moonshot", "order": ["a"], "headers": {"X": "y"}, "body": {"a": 1}},
    }
    document = {"default_strategy": "weighted_random", "models": [entry]}
    assert read(document).default_strategy == "weighted_random"
    assert read(document).routes == (
        Route(
            name="kimi",
            provider="openrouter",
            model="moonshotai/kimi",
            ensure_tool_call=True,
            weight=2,
            strategy="random",
            timeout=30.0,
            answer_timeout=0.5,
            profile="kimi-k2.6_a",
            family="plain",
            vendor="moonshot",
            api_key=Secret("horse-battery"),
            headers={"X": "y"},
            body={"a": 1},
            options={"order": ["a"]},
        ),
    )


def test_the_models_default_is_the_name_and_a_globs_the_asked_one() -> None:
    routes = read(models({"name": "a"}, {"name": "b-*"}, {"name": "c-*", "model": "c"})).routes
    assert [route.model for route in routes] == ["a", "", "c"]


def test_null_means_absent() -> None:
    entry = dict.fromkeys(key for key in ENTRY_KEYS if key not in ("name", "provider"))
    assert read(models(entry, sticky=None, default_strategy=None)) == read(models({}))
    assert read(models({"provider_config": {"headers": None, "body": None, "vendor": None}})) == read(models({}))


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (None, "models: missing, expected a list of models"),
        ({}, "models: missing, expected a list of models"),
        ([], "document: a list is not a mapping with the key models"),
        ("text", "document: 'text' is not a mapping with the key models"),
        ({"models": []}, "models: a list is not a list with at least one model"),
        ({"models": {}}, "models: a mapping is not a list with at least one model"),
        ({"models": ["kimi"]}, "models[0]: 'kimi' is not a mapping with name and provider"),
        ({"models": [None]}, "models[0]: nothing is not a mapping with name and provider"),
    ],
)
def test_wrong_documents(document: object, problem: str) -> None:
    assert problems(document) == [problem]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"name": None}, "name: missing, expected what clients ask for"),
        ({"name": ""}, "name: '' is not text with at least one character"),
        ({"name": 5}, "name: 5 is not text (put it in quotes)"),
        ({"provider": None}, "provider: missing, expected one of openai, openrouter, vertex, anthropic"),
        (
            {"provider": "vertx"},
            "provider: 'vertx' is not one of openai, openrouter, vertex, anthropic; did you mean 'vertex'?",
        ),
        ({"provider": ["openai"]}, "provider: a list is not one of openai, openrouter, vertex, anthropic"),
        ({"model": True}, "model: true is not text (put it in quotes)"),
        ({"ensure_tool_call": 1}, "ensure_tool_call: 1 is not true or false"),
        ({"ensure_tool_call": "true"}, "ensure_tool_call: 'true' is not true or false"),
        ({"weight": True}, "weight: true is not a finite number above 0"),
        ({"weight": 0}, "weight: 0 is not a finite number above 0"),
        ({"weight": float("nan")}, "weight: nan is not a finite number above 0"),
        ({"timeout": 0}, "timeout: 0 is not a finite number above 0"),
        ({"timeout": "60"}, "timeout: '60' is not a finite number above 0"),
        ({"answer_timeout": -1}, "answer_timeout: -1 is not a finite number above 0"),
        (
            {"strategy": "robin"},
            "strategy: 'robin' is not one of first, round_robin, random, weighted_random; did you mean 'round_robin'?",
        ),
        ({"family": "kimmy"}, "family: 'kimmy' is not one of kimi, plain; did you mean 'kimi'?"),
        ({"provider_config": []}, "provider_config: a list is not a mapping"),
        (
            {"provider_config": {"vendor": "moonshoot"}},
            "provider_config.vendor: 'moonshoot' is not one of generic, moonshot; did you mean 'moonshot'?",
        ),
    ],
)
def test_wrong_entries(entry: dict[str, Any], problem: str) -> None:
    assert problems(models({}, entry)) == [f"models[1].{problem}"]


@pytest.mark.parametrize("profile", ["a/b", "a b", "", ".", "..", "-a", "ä", "a?b", 5])
def test_profiles_must_fit_into_a_path(profile: object) -> None:
    assert problems(models({"profile": profile}))[0].startswith("models[0].profile: ")


@pytest.mark.parametrize("profile", ["v1", "api", "static", "healthz", "metrics", "V1"])
def test_profiles_must_not_hide_the_proxys_paths(profile: str) -> None:
    assert problems(models({"profile": profile})) == [
        (
            f"models[0].profile: '{profile}' is not a free name:"
            " v1, api, static, healthz, metrics are the proxy's own paths"
        )
    ]


def test_unknown_keys_are_reported_with_what_was_probably_meant() -> None:
    document = models({"wieght": 2, "ensureToolCall": True, "apiKey": "horse", 5: 1}, default_stratgy="first")
    assert [problem.replace(", ".join(ENTRY_KEYS[:-1]) + ", ", "…") for problem in problems(document)] == [
        "default_stratgy: this key is not one of default_strategy, sticky, models; did you mean 'default_strategy'?",
        "models[0].wieght: this key is not one of …provider_config; did you mean 'weight'?",
        "models[0].ensureToolCall: this key is not one of …provider_config; did you mean 'ensure_tool_call'?",
        "models[0].apiKey: this key is not one of …provider_config; it belongs into provider_config",
        "models[0].5: this key is not one of …provider_config",
    ]


def test_all_problems_come_at_once_those_of_the_environment_too() -> None:
    document = models({"name": None}, {"weight": -1}, {"provider": "x"}, default_strategy="x", more=1)
    environment = ENVIRONMENT | {"LIVESTORE_BATCH": "0", "DASHBOARD_ADDRESS": "x"}
    assert [problem.partition(":")[0] for problem in problems(document, environment)] == [
        "LIVESTORE_BATCH",
        "DASHBOARD_ADDRESS",
        "more",
        "default_strategy",
        "models[0].name",
        "models[1].weight",
        "models[2].provider",
    ]


@pytest.mark.parametrize("rest", [{}, {"weight": 2, "ensure_tool_call": True}, {"timeout": 9, "answer_timeout": 9}])
def test_the_same_entry_twice_is_a_duplicate(rest: dict[str, Any]) -> None:
    assert problems(models({"name": "a"}, {"name": "b"}, {"name": "a"} | rest)) == [
        "models[2]: 'a' is not another entry than models[0]: both send the same requests"
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"profile": "p"},
        {"provider": "openrouter"},
        {"model": "b"},
        {"provider_config": {"base_url": "http://localhost"}},
        {"provider_config": {"api_key": "another"}},
        {"provider_config": {"body": {"a": 1}}},
        {"provider_config": {"headers": {"a": "b"}}},
    ],
)
def test_the_same_name_for_something_else_is_a_group(other: dict[str, Any]) -> None:
    routes = read(models({"name": "a"}, {"name": "a"} | other)).routes
    assert len({route.key for route in routes}) == 2


def test_a_route_is_the_same_as_long_as_it_sends_the_same() -> None:
    def key(other: dict[str, Any]) -> str:
        return read(models({"name": "a"} | other)).routes[0].key

    assert key({}) == key({"weight": 3, "timeout": 5})
    kept = key({"provider_config": {"api_key": "another"}})
    assert kept != key({}) and "another" not in kept
    assert read(models({"name": "a"}, {"name": "a", "provider_config": {"api_key": "another"}})).routes[1].key == kept


def test_an_entry_with_problems_is_not_called_a_duplicate_as_well() -> None:
    entry = {"name": "a", "provider_config": {"api_key": "$NOTHING"}}
    assert len(problems(models(entry, entry))) == 2


@pytest.mark.parametrize("sticky", [True, False])
def test_conversations_are_sticky_unless_they_shall_not_be(sticky: bool) -> None:
    assert read(models({})).sticky is True
    assert read(models({}, sticky=sticky)).sticky is sticky
    assert problems(models({}, sticky="no")) == ["sticky: 'no' is not true or false"]


def test_a_group_has_one_strategy() -> None:
    first = {"name": "a", "strategy": "random"}
    assert problems(models(first, {"name": "a", "model": "x"}, {"name": "a", "model": "y", "strategy": "first"})) == [
        "models[2].strategy: 'first' is not random, the strategy of models[0] for the same name"
    ]
    read(models(first, {"name": "a", "model": "x", "strategy": "random"}))
    read(models(first, {"name": "a", "profile": "p", "strategy": "first"}))


@pytest.mark.parametrize(
    "entry",
    [
        {"api_key": "sk-horse"},
        {"token": "horse"},
        {"name": "sk-horse-staple"},
        {"name": {"api_key": "horse"}},
        {"provider": "Bearer horse"},
        {"model": ["horse"]},
        {"family": "the horse-staple"},
        {"provider_config": "horse-staple"},
        {"provider_config": {"apiKey": "horse staple"}},
        {"provider_config": {"apiKey": {"value": "horse"}}},
        {"provider_config": {"api_ky": "horse"}},
        {"provider_config": {"credentials": "horse"}},
        {"provider_config": {"base_url": "https://me:horse@host/v1"}},
        {"provider_config": {"base_url": "$SECRET_URL"}},
        {"provider_config": {"headers": {"Authorization": "horse\n"}}},
        {"provider_config": {"headers": {"sk-horse horse": "x"}}},
        {"provider_config": {"api_key": "a$horse"}},
        {"provider_config": {"vendor": "horse-staple"}},
    ],
)
def test_no_problem_shows_a_credential(entry: dict[str, Any]) -> None:
    environment = ENVIRONMENT | {"SECRET_URL": "https://horse"}
    shown = problems(models(entry | {"weight": 0}), environment | {"KIMI_PROXY_API_KEY": "my horse"})
    assert not any("horse" in problem for problem in shown)


words = st.sampled_from(
    [
        "models",
        "default_strategy",
        "name",
        "provider",
        "model",
        "ensure_tool_call",
        "weight",
        "strategy",
        "timeout",
        "answer_timeout",
        "sticky",
        "profile",
        "family",
        "provider_config",
        "api_key",
        "apiKey",
        "base_url",
        "vendor",
        "headers",
        "body",
        "credentials",
        "openai",
        "openrouter",
        "vertex",
        "anthropic",
        "first",
        "kimi",
        "moonshot",
        "http://localhost",
        "sort",
        "order",
        "$A",
        "${A}",
        "${",
        "$$",
        "kimi-*",
        "max_price",
        "project_id",
        "chat_endpoint",
        "allow_fallbacks",
        "",
    ]
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words | st.dates() | st.binary()
    | st.integers(1, 9).map(lambda digit: digit * 10**5000)
)  # fmt: skip
keys = words | st.text() | st.integers() | st.none() | st.dates() | st.tuples(st.integers())
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=12)
entries = st.fixed_dictionaries(
    {},
    optional={
        "name": words | values,
        "provider": st.sampled_from(PROVIDERS) | values,
        "model": values,
        "weight": values,
        "strategy": words | values,
        "profile": words | values,
        "family": words | values,
        "provider_config": st.dictionaries(words | keys, words | values),
    },
)
documents = values | st.fixed_dictionaries({"models": st.lists(entries | values)}, optional={"x": values})
variables = st.dictionaries(
    st.sampled_from(
        ["A", "OPENAI_BASE_URL", "OPENAI_API_KEY", "LIVESTORE_BATCH", "DASHBOARD_ADDRESS", "OPENROUTER_SORT"]
    )
    | st.text(min_size=1),
    words | st.text(),
)


@settings(max_examples=300)
@example({"models": [{"name": "a", "provider": "vertex", "provider_config": {"credentials": {"a": [b""]}}}]}, {})
@given(documents, variables)
def test_any_document_gives_settings_or_problems_with_places(document: object, environment: dict[str, str]) -> None:
    try:
        result = read(document, environment)
    except SettingsError as error:
        assert error.problems
        for problem in error.problems:
            assert isinstance(problem, Problem)
            assert problem.path
            assert problem.expected
            assert str(problem)
    else:
        assert result.routes
        assert len({route.key for route in result.routes}) == len(result.routes)


def test_a_document_that_contains_itself_is_reported() -> None:
    body: dict[str, Any] = {}
    body["again"] = [body]
    assert problems(models({"provider_config": {"body": body}})) == [
        "models[0].provider_config.body.again[0]: a mapping is not free of itself and at most 32 levels deep"
    ]
