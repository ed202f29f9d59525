"""Where an entry of Vertex AI goes, by its own options and the environment's."""

from typing import Any

import pytest

from config.checks import Problems
from config.environment import read_variables
from config.provider_options import ProviderConfig, read_provider_config
from config.vertex_options import LOCATION, PROJECT


def read(*entries: dict[str, Any], **variables: str) -> tuple[list[ProviderConfig], list[str]]:
    problems = Problems(variables)
    settings = read_variables(variables, problems)
    configs = [
        read_provider_config(
            problems,
            "config",
            raw,
            provider="vertex",
            vendors=("generic",),
            settings=settings,
            environment=variables,
        )
        for raw in entries
    ]
    return configs, [str(problem) for problem in problems.found]


def accepted(raw: dict[str, Any], **variables: str) -> ProviderConfig:
    (config,), problems = read(raw, **variables)
    assert problems == []
    return config


def test_a_project_is_needed() -> None:
    missing = [f"config.project_id: missing, expected {PROJECT} (or VERTEX_PROJECT_ID in the environment)"]
    assert read({})[1] == missing
    assert read({"location": "us"})[1] == missing
    assert read({"base_url": "https://host.example/v1"})[1] == missing
    assert accepted({}, VERTEX_PROJECT_ID="p").options["project_id"] == "p"


def test_an_address_with_the_project_in_it_needs_no_other() -> None:
    place = "https://host.example/v1/projects/p/locations/l/endpoints/openapi"
    endpoint = place + "/chat/completions"
    assert accepted({"chat_endpoint": endpoint}).options["chat_endpoint"] == endpoint
    assert accepted({}, VERTEX_CHAT_ENDPOINT=endpoint).options["chat_endpoint"] == endpoint
    assert accepted({"base_url": place}).base_url == place


@pytest.mark.parametrize(
    "own", [{"project_id": "p"}, {"location": "us"}, {"base_url": "https://h.example/endpoints/1"}]
)
def test_the_environments_endpoint_is_not_for_an_entry_with_its_own_place(own: dict[str, str]) -> None:
    endpoint = "https://host.example/chat/completions"
    config = accepted(own, VERTEX_CHAT_ENDPOINT=endpoint, VERTEX_PROJECT_ID="q")
    assert "chat_endpoint" not in config.options


@pytest.mark.parametrize("project", ["my-project-1", "123456789012", "example.com:my-project"])
@pytest.mark.parametrize("location", ["global", "us", "us-central1"])
def test_projects_and_locations(project: str, location: str) -> None:
    options = {"project_id": project, "location": location}
    assert accepted(options).options == options
    assert accepted({}, VERTEX_PROJECT_ID=project, VERTEX_LOCATION=location).options == options


@pytest.mark.parametrize("value", ["a/b", "a b", "A", "../x", "a?b", "a#", "-a", "é", "a.b", " a", "https://a"])
def test_what_no_url_can_have_in_it_is_reported_once(value: str) -> None:
    _, problems = read({"project_id": value, "location": value})
    assert problems == [
        f"config.project_id: {value!r} is not {PROJECT}",
        f"config.location: {value!r} is not {LOCATION}",
    ]
    if value.strip() == value:
        _, problems = read({}, {}, VERTEX_PROJECT_ID=value, VERTEX_LOCATION=value)
        assert problems == [
            f"VERTEX_PROJECT_ID: {value!r} is not {PROJECT}",
            f"VERTEX_LOCATION: {value!r} is not {LOCATION}",
        ]


def test_what_is_not_used_is_not_judged() -> None:
    odd = {"VERTEX_PROJECT_ID": "a b", "VERTEX_LOCATION": "a b"}
    assert accepted({"project_id": "p", "location": "us"}, **odd).options == {"project_id": "p", "location": "us"}
    endpoint = "https://host.example/chat/completions"
    assert accepted({}, VERTEX_CHAT_ENDPOINT=endpoint, **odd).options["chat_endpoint"] == endpoint
