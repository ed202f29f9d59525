"""Lists of models, each read as its client reads it."""

import pytest
from anthropic.pagination import SyncPage
from anthropic.types import ModelInfo
from openai.types import Model

from transforms.model_list import INSTRUCTIONS, list_models, show_model

NAMES = ("kimi-k2", "claude-*", "glm/5", "gpt-?", "kimi-[ab]", "claude-opus-5-5", "kimi-k2")
LISTED = ["kimi-k2", "glm/5", "claude-opus-5-5"]
CREATED = 1_700_000_000
ANTHROPIC = {"anthropic-version": "2023-06-01"}
CODEX = {"originator": "codex_exec", "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"}
OPENCODE = {"user-agent": "opencode/1.18.33 ai-sdk/openai"}

REQUIRED_BY_CODEX: dict[str, type | tuple[type, ...]] = {
    "slug": str,
    "display_name": str,
    "supported_reasoning_levels": list,
    "shell_type": str,
    "visibility": str,
    "supported_in_api": bool,
    "priority": int,
    "base_instructions": str,
    "supports_reasoning_summaries": bool,
    "support_verbosity": bool,
    "truncation_policy": dict,
    "supports_parallel_tool_calls": bool,
    "experimental_supported_tools": list,
}
"""Without a default in serde, in Codex of February 2026 or in 0.169."""


@pytest.mark.parametrize(
    ("headers", "query", "shape"),
    [
        ({}, "", "openai"),
        (OPENCODE, "limit=2", "openai"),
        (ANTHROPIC, "", "anthropic"),
        (ANTHROPIC, "limit=1000", "anthropic"),
        ({}, "client_version=0.169.0", "codex"),
        ({}, "a=b&client_version=", "codex"),
        ({"originator": "codex_cli_rs"}, "", "codex"),
        ({"originator": "Codex Desktop"}, "", "codex"),
        ({"user-agent": CODEX["user-agent"]}, "", "codex"),
        ({"user-agent": "reads-codex/1"}, "", "openai"),
        ({}, "version=client_version", "openai"),
        (ANTHROPIC, "\ud800=%ff&&&==", "anthropic"),
    ],
)
def test_who_asks_gets_its_own_shape(headers: dict[str, str], query: str, shape: str) -> None:
    body = list_models(NAMES, headers, CREATED, query)
    own = {"openai": {"object", "data"}, "anthropic": {"data", "has_more", "first_id", "last_id"}}
    assert set(body) == own.get(shape, {"object", "data", "models"})
    listed = list(dict.fromkeys(NAMES)) if shape == "openai" else LISTED
    assert [model["id"] for model in body["data"]] == listed


def test_openai_reads_its_list() -> None:
    models = [Model.model_validate(model, strict=True) for model in list_models(NAMES, {}, CREATED)["data"]]
    assert models[2] == Model(id="glm/5", object="model", created=CREATED, owned_by="kimi-proxy")


def test_anthropic_reads_its_list() -> None:
    page = SyncPage[ModelInfo].model_validate(list_models(NAMES, ANTHROPIC, CREATED))
    assert [(model.id, model.display_name, model.type, model.lifecycle) for model in page.data] == [
        (name, name, "model", "active") for name in LISTED
    ]
    assert page.data[0].created_at.isoformat() == "2023-11-14T22:13:20+00:00"


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("", "abcde", False),
        ("limit=2", "ab", True),
        ("limit=5", "abcde", False),
        ("limit=2&after_id=b", "cd", True),
        ("limit=2&after_id=d", "e", False),
        ("after_id=c", "de", False),
        ("after_id=e", "", False),
        ("after_id=gone", "", False),
        ("limit=2&before_id=d", "bc", True),
        ("limit=2&before_id=c", "ab", False),
        ("before_id=a", "", False),
        ("before_id=gone", "", False),
        ("before_id=&after_id=", "abcde", False),
        ("limit=0", "a", True),
        ("limit=-3", "abcde", False),
        ("limit=many", "abcde", False),
        ("limit=²", "abcde", False),
        ("limit=" + "9" * 5000, "abcde", False),
    ],
)
def test_anthropics_pages(query: str, ids: str, more: bool) -> None:
    body = list_models("abcde", ANTHROPIC, CREATED, query)
    assert "".join(model["id"] for model in body["data"]) == ids
    assert body["has_more"] is more
    assert (body["first_id"], body["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_model_is_on_one_page(size: int) -> None:
    names = [f"model-{number}" for number in range(7)]
    seen: list[str] = []
    query = f"limit={size}"
    while True:
        body = list_models(names, ANTHROPIC, CREATED, query)
        seen += [model["id"] for model in body["data"]]
        if not body["has_more"]:
            break
        query = f"limit={size}&after_id={body['last_id']}"
    assert seen == names


def test_a_page_ends_at_the_most_that_may_be_asked_for() -> None:
    names = [f"model-{number}" for number in range(1001)]
    for query in ("", "limit=5000"):
        body = list_models(names, ANTHROPIC, CREATED, query)
        assert (len(body["data"]), body["has_more"]) == (1000, True)


def test_codex_finds_every_field_it_cannot_do_without() -> None:
    models = list_models(NAMES, CODEX, CREATED, "client_version=0.169.0")["models"]
    assert [model["slug"] for model in models] == LISTED
    for model in models:
        for name, type in REQUIRED_BY_CODEX.items():
            assert isinstance(model[name], type), name
    assert [model["priority"] for model in models] == [1, 2, 3], "the first configured is the default"


def test_codex_knows_the_words() -> None:
    [model] = list_models(["kimi-k2"], CODEX, CREATED)["models"]
    assert model["shell_type"] in {"default", "local", "unified_exec", "disabled", "shell_command"}
    assert model["visibility"] == "list"
    assert set(model["truncation_policy"]) == {"mode", "limit"}
    assert model["truncation_policy"]["mode"] in {"bytes", "tokens"}
    for level in model["supported_reasoning_levels"]:
        assert level["effort"] in {"none", "minimal", "low", "medium", "high", "xhigh"}
        assert level["description"]
    assert model["apply_patch_tool_type"] is None
    assert model["default_reasoning_level"] is None


def test_codex_has_something_to_tell_the_model() -> None:
    [model] = list_models(["kimi-k2"], CODEX, CREATED)["models"]
    assert model["base_instructions"] == INSTRUCTIONS
    assert "*** Begin Patch" in INSTRUCTIONS
    assert "\\" not in INSTRUCTIONS


@pytest.mark.parametrize("headers", [ANTHROPIC, CODEX])
def test_no_models_at_all(headers: dict[str, str]) -> None:
    body = list_models(["*"], headers, CREATED)
    assert body["data"] == []
    assert body.get("models", []) == []


def test_one_model() -> None:
    assert show_model("glm/5", OPENCODE, CREATED) == list_models(["glm/5"], {}, CREATED)["data"][0]
    assert show_model("glm/5", ANTHROPIC, CREATED) == list_models(["glm/5"], ANTHROPIC, CREATED)["data"][0]
