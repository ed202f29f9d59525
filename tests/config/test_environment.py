"""The process-wide settings and their limits."""

import pytest

from config.checks import Problems
from config.environment import is_google_credentials, read_variables
from config.secret import Secret
from config.settings import Settings


def read(**variables: str) -> tuple[Settings, list[str]]:
    problems = Problems(variables)
    settings = read_variables(variables, problems)
    return settings, [str(problem) for problem in problems.found]


def test_nothing_set_gives_the_defaults() -> None:
    settings, problems = read()
    assert (settings, problems) == (Settings(), [])
    assert (settings.max_reprompts, settings.livestore_batch, settings.livestore_max_records) == (3, 50, 500)
    assert (settings.log_db_path, settings.log_blob_root) == ("data/logs.db", "data/blobs")
    assert (settings.log_mode, settings.log_retention_days, settings.log_max_size) == ("full", 30, 10_000_000_000)
    assert settings.dashboard_address == "127.0.0.1:8082"


def test_blank_means_unset_but_the_dashboards_address_is_then_off() -> None:
    names = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "LIVESTORE_BATCH", "LOG_DB_PATH", "LOG_DB_URL", "OPENROUTER_SORT"]
    assert read(**dict.fromkeys(names, " ")) == (Settings(), [])
    assert read(DASHBOARD_ADDRESS="")[0].dashboard_address == ""


def test_every_variable_arrives() -> None:
    settings, problems = read(
        OPENAI_BASE_URL="https://a/v1",
        OPENAI_API_KEY="k1",
        ANTHROPIC_BASE_URL="https://b",
        ANTHROPIC_API_KEY="k2",
        OPENROUTER_API_KEY="k3\n",
        OPENROUTER_PROVIDERS="one, two",
        OPENROUTER_ORDER="two,one",
        OPENROUTER_SORT="price",
        OPENROUTER_ALLOW_FALLBACKS="False",
        VERTEX_PROJECT_ID="p",
        VERTEX_LOCATION="l",
        GOOGLE_APPLICATION_CREDENTIALS='{"type": "service_account"}',
        VERTEX_CHAT_ENDPOINT="https://c/chat/completions",
        ENSURE_TOOL_CALL_MAX_ATTEMPTS="0",
        LOG_DB_PATH="db",
        LOG_BLOB_ROOT="blobs",
        LOG_DB_URL="postgresql://u:p@h/d",
        LOG_BLOB_URL="s3://bucket",
        LOG_MODE="errors",
        LOG_RETENTION_DAYS="0.5",
        LOG_MAX_SIZE="500MB",
        LIVESTORE_BATCH="500",
        LIVESTORE_MAX_RECORDS="0",
        DASHBOARD_ADDRESS="[::1]:9",
        DASHBOARD_TOKEN="k4",
        KIMI_PROXY_API_KEY="k5",
    )
    assert problems == []
    assert settings == Settings(
        openai_base_url="https://a/v1",
        openai_api_key=Secret("k1"),
        anthropic_base_url="https://b",
        anthropic_api_key=Secret("k2"),
        openrouter_api_key=Secret("k3"),
        openrouter_only=("one", "two"),
        openrouter_order=("two", "one"),
        openrouter_sort="price",
        openrouter_allow_fallbacks=False,
        vertex_project_id="p",
        vertex_location="l",
        vertex_credentials=Secret('{"type": "service_account"}'),
        vertex_chat_endpoint="https://c/chat/completions",
        max_reprompts=0,
        log_db_path="db",
        log_blob_root="blobs",
        log_db_url="postgresql://u:p@h/d",
        log_blob_url="s3://bucket",
        log_mode="errors",
        log_retention_days=0.5,
        log_max_size=500_000_000,
        livestore_batch=500,
        livestore_max_records=0,
        dashboard_address="[::1]:9",
        dashboard_token=Secret("k4"),
        proxy_api_key=Secret("k5"),
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LIVESTORE_BATCH", "0", "a whole number from 1 to 500"),
        ("LIVESTORE_BATCH", "501", "a whole number from 1 to 500"),
        ("LIVESTORE_BATCH", "5.0", "a whole number from 1 to 500"),
        ("LIVESTORE_BATCH", "٣", "a whole number from 1 to 500"),
        ("LIVESTORE_BATCH", "9" * 5000, "a whole number from 1 to 500"),
        ("LIVESTORE_MAX_RECORDS", "-1", "a whole number of at least 0"),
        ("ENSURE_TOOL_CALL_MAX_ATTEMPTS", "6", "a whole number from 0 to 5"),
        ("ENSURE_TOOL_CALL_MAX_ATTEMPTS", "many", "a whole number from 0 to 5"),
        ("LOG_MODE", "error", "one of full, metadata, errors, off; did you mean 'errors'?"),
        ("LOG_RETENTION_DAYS", "-1", "a number of days, e.g. 30 (0 = no limit)"),
        ("LOG_RETENTION_DAYS", "30d", "a number of days, e.g. 30 (0 = no limit)"),
        ("LOG_RETENTION_DAYS", "nan", "a number of days, e.g. 30 (0 = no limit)"),
        ("LOG_MAX_SIZE", "10", "a size with its unit, e.g. 10GB or 500MB (0 = no limit)"),
        ("LOG_MAX_SIZE", "-1GB", "a size with its unit, e.g. 10GB or 500MB (0 = no limit)"),
        ("LOG_MAX_SIZE", "lots", "a size with its unit, e.g. 10GB or 500MB (0 = no limit)"),
        ("DASHBOARD_ADDRESS", "8082", "HOST:PORT (or empty = off)"),
        ("OPENAI_BASE_URL", "api.openai.com", "an http(s) URL without user, query and fragment"),
        ("ANTHROPIC_BASE_URL", "x", "an http(s) URL without user, query and fragment"),
        ("VERTEX_CHAT_ENDPOINT", "x", "an http(s) URL"),
        ("OPENROUTER_SORT", "prize", "one of price, throughput, latency, exacto; did you mean 'price'?"),
        ("OPENROUTER_ALLOW_FALLBACKS", "maybe", "true or false"),
    ],
)
def test_what_is_wrong_is_named_with_its_variable(name: str, value: str, expected: str) -> None:
    _, problems = read(**{name: value})
    shown = repr(value if len(value) < 100 else value[:60] + "…")
    assert problems in ([f"{name}: {shown} is not {expected}"], [f"{name}: (hidden) is not {expected}"])


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("10GB", 10**10), ("1.5 kb", 1500), ("2TB", 2 * 10**12), ("1GiB", 2**30), ("0.5mib", 2**19)],
)
def test_sizes(text: str, size: int) -> None:
    settings, problems = read(LOG_MAX_SIZE=text)
    assert (settings.log_max_size, problems) == (size, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "horse staple"),
        ("KIMI_PROXY_API_KEY", "hörse"),
        ("DASHBOARD_TOKEN", "horse\nstaple"),
        ("GOOGLE_APPLICATION_CREDENTIALS", '{"horse": '),
        ("LOG_DB_URL", "horse"),
        ("LOG_BLOB_URL", "horse@staple"),
    ],
)
def test_a_wrong_credential_is_not_shown(name: str, value: str) -> None:
    _, problems = read(**{name: value})
    assert len(problems) == 1
    assert problems[0].startswith(f"{name}: (hidden) is not ")
    assert "rse" not in problems[0]


@pytest.mark.parametrize("text", ["/path/to/file.json", "{}", '{"a": 1}'])
def test_google_credentials(text: str) -> None:
    assert is_google_credentials(text)


@pytest.mark.parametrize("text", ["{", "{} {}", "a\nb", '{"a":' * 100_000])
def test_other_texts_are_no_google_credentials(text: str) -> None:
    assert not is_google_credentials(text)
