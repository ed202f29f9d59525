"""When a provider wants to be asked again, from the headers of its answer.

`Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). `retry-after-ms` is OpenAI's and Azure's, which
their and Anthropic's SDKs read first because it is more exact.

The `x-ratelimit-reset-*` headers are not read on purpose: they come with good answers too, they say when a
limit's whole allowance is back and not when the next request would pass, and every vendor writes them in its own
way (`6m0s`, seconds, milliseconds of the epoch, ISO dates).
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,15})?", re.ASCII)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from `now` (of the epoch) until the provider wants the next request; 0 where that time has passed,
    None where it says nothing that can be read. Names of headers are in lower case."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = _number(value)
    return _until(value, now) if seconds is None else seconds


def _number(value: str) -> float | None:
    text = value.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _until(date: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(date.strip())
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
