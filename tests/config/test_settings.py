"""What follows from the settings."""

import pytest

from config.secret import Secret
from config.settings import Route, Settings


def test_the_log_is_at_its_url_or_else_on_disk() -> None:
    assert (Settings().database_url, Settings().blob_url) == ("data/logs.db", "data/blobs")
    shared = Settings(log_db_url="postgresql://host/db", log_blob_url="s3://bucket")
    assert (shared.database_url, shared.blob_url) == ("postgresql://host/db", "s3://bucket")


@pytest.mark.parametrize(("days", "seconds"), [(30.0, 2_592_000), (0.5, 43_200), (0.0, 0)])
def test_how_long_the_log_is_kept(days: float, seconds: float) -> None:
    assert Settings(log_retention_days=days).log_max_age == seconds


def test_hosts_are_those_that_routes_name() -> None:
    routes = (
        Route("a", "openai", "a", base_url="https://API.Moonshot.ai/v1"),
        Route("b", "openai", "b"),
        Route("c", "vertex", "c", options={"chat_endpoint": "https://proxy.example/x"}),
    )
    assert Settings(routes).hosts == {"api.moonshot.ai", "proxy.example"}


def test_keys_tell_routes_apart() -> None:
    route = Route("a", "openai", "m", profile="p", base_url="http://h")
    assert route.key == "p a openai m http://h"
    assert Route("a", "openai", "m", profile="p", base_url="http://h", mark="01ab").key == "p a openai m http://h #01ab"


@pytest.mark.parametrize(
    ("route", "first", "first_of_several", "silence", "whole"),
    [
        (Route("a", "openai", "m"), 600, 120, 600, 600),
        (Route("a", "openai", "m", timeout=30), 30, 30, 30, 600),
        (Route("a", "openai", "m", answer_timeout=900), 600, 120, 600, 900),
    ],
)
def test_how_long_a_route_may_take(
    route: Route, first: float, first_of_several: float, silence: float, whole: float
) -> None:
    assert route.first_token_timeout(alternatives=False) == first
    assert route.first_token_timeout(alternatives=True) == first_of_several
    assert (route.silence_timeout, route.whole_answer_timeout) == (silence, whole)


@pytest.mark.parametrize(
    "shown",
    [
        repr(Route("a", "openai", "m", api_key=Secret("horse"), headers={"X": "horse"}, body={"a": "horse"})),
        repr(Route("a", "vertex", "m", options={"x": "horse"})),
        repr(Settings(log_db_url="postgresql://u:horse@h/d", log_blob_url="s3://horse", proxy_api_key=Secret("horse"))),
    ],
)
def test_no_credential_is_in_a_repr(shown: str) -> None:
    assert "horse" not in shown
