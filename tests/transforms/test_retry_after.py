"""When a provider wants to be asked again."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.retry_after import retry_after

NOW = 1_795_420_800.0  # 2026-11-23 08:00:00 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),  # no number by the standard, but the SDKs read it
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1),
        ({"retry-after": "Mon, 23 Nov 2026 08:02:00 GMT"}, 120),
        ({"retry-after": "Monday, 23-Nov-26 08:02:00 GMT"}, 120),
        ({"retry-after": "Mon Nov 23 08:02:00 2026"}, 120),
        ({"retry-after": "Mon, 23 Nov 2026 10:02:00 +0200"}, 120),
        ({"retry-after": "Mon, 23 Nov 2026 08:02:00 -0000"}, 120),
        ({"retry-after": "Mon, 23 Nov 2026 07:00:00 GMT"}, 0),
    ],
)
def test_the_time_that_the_provider_names(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "-5", "+5", "1e3", "inf", "nan", "٣", "9" * 400, "5, 10", "Mon"),
        *("Mon, 99 Nov 2026 08:00:00 GMT", "Mon, 23 Nov 99999999999999999999 08:00:00 GMT"),
    ],
)
def test_what_cannot_be_read_says_nothing(value: str) -> None:
    assert retry_after({"retry-after": value, "retry-after-ms": value}, NOW) is None


@pytest.mark.parametrize("name", ["x-ratelimit-reset", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"])
def test_the_clocks_of_limits_say_nothing_about_the_next_request(name: str) -> None:
    assert retry_after({name: "60"}, NOW) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,9} \d\d:\d\d:\d\d [+-]\d{1,12}"))
def test_any_value_gives_a_time_or_none(value: str) -> None:
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or 0 <= seconds < math.inf
