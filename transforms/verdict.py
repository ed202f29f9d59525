"""What a failure before the answer's first content means: whether another route may do better, whether it says
something about the route's health, and what the client is told about trying again.

The rule is that a request which was refused for what it says is refused everywhere, and that a mistake in the
configuration must be seen. So only what another provider can put right goes on to the next route:

- A route that is overloaded, limited, broken, silent or unreachable (408, 409, 425, 429, 5xx, and every error
  without a status inside a 200) is passed over. 409 is what OpenAI and Anthropic answer for a lock that was not
  free in time; their SDKs try again.
- 402, and a 429 that means an empty account (`insufficient_quota`), too: the next provider has its own account,
  and this one stays empty until somebody pays.
- 401 and 403, and credentials that Google refuses, do not go on: a wrong key would otherwise never be noticed
  while the other routes pay for it. Nor does 404: the model's name at the provider is the configuration's, as the
  key is, and a retired or mistyped one would go unnoticed as well.
- What was refused for its content, and a prompt that is too long, do not go on whatever their status: moderation
  would be asked until somebody agrees, and clients shorten their conversation when they hear that it is too long.

Sources of the words: OpenAI's error codes, Azure's `innererror`, OpenRouter's `ApiErrorType`, Moonshot's
`content_filter`, DashScope's `DataInspectionFailed`, Gemini's `PROHIBITED_CONTENT`.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.events import Failure
from transforms.json_shapes import object_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """`next_route`: another route of the group should be asked. `counts`: the failure counts against the route's
    health, which a fault of our own does not."""

    next_route: bool
    counts: bool


FINAL = Verdict(next_route=False, counts=False)
NEXT_ROUTE = Verdict(next_route=True, counts=True)
ANOTHER_TRY = Verdict(next_route=True, counts=False)

_PASSED_OVER = frozenset((402, 408, 409, 425, 429))  # and 5xx
_RETRIED_BY_SDKS = frozenset((408, 409, 429))  # and 5xx (`_base_client.py` of OpenAI's and of Anthropic's SDK)

# In lower case and without separators, as every vendor spells them differently.
_REFUSED = frozenset(
    (
        *("contentfilter", "contentfiltered", "contentpolicy", "contentpolicyviolation", "contentmoderation"),
        *("responsibleaipolicyviolation", "moderationblocked", "moderationerror", "datainspectionfailed"),
        *("prohibitedcontent", "safetyblocked", "refusal", "invalidprompt", "usagepolicyviolation"),
        "credentialrefused",  # ours for Google's
    )
)
_TOO_LONG = frozenset(("contextlengthexceeded", "contextwindowexceeded", "modelcontextwindowexceeded"))
_EMPTY_ACCOUNT = frozenset(
    ("insufficientquota", "exceededcurrentquotaerror", "paymentrequired", "billingerror", "insufficientcredits")
)
_SAYS_NOTHING = frozenset(("proxyerror",))  # about the route: the fault was ours

# For gateways that wrap the vendor's 400 into a status of their own.
_SAYS_TOO_LONG = re.compile(r"maximum context length|context_length_exceeded|prompt is too long", re.I)
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def judge(failure: Failure) -> Verdict:
    """The verdict on a failure that came before the answer's first content. What fails later is never tried
    again: the client has had a part of it."""
    words = frozenset(_words(failure))
    if words & _REFUSED or words & _TOO_LONG or _SAYS_TOO_LONG.search(failure.message):
        return FINAL
    if words & _EMPTY_ACCOUNT:
        return NEXT_ROUTE
    if words & _SAYS_NOTHING:
        return ANOTHER_TRY
    return NEXT_ROUTE if failure.status in _PASSED_OVER or failure.status >= 500 else FINAL


def retry_headers(failure: Failure, retry_after: float | None) -> Mapping[str, str]:
    """Headers of the answer that tells the client of its last failure. `retry_after` is in seconds, as the
    provider had it.

    The SDKs try again by themselves after 408, 409, 429 and 5xx, and wait as `retry-after` says. They are kept
    from it where it would only bring the same answer: a refusal, or an empty account, under such a status.
    """
    retried = failure.status in _RETRIED_BY_SDKS or failure.status >= 500
    hopeless = judge(failure) == FINAL or not _EMPTY_ACCOUNT.isdisjoint(_words(failure))
    if retried and hopeless:
        return {"x-should-retry": "false"}
    if retry_after is None or not 0 <= retry_after < math.inf:
        return {}
    return {"retry-after": str(math.ceil(retry_after))}


def _words(failure: Failure) -> Iterator[str]:
    """What the provider calls the failure: its type and code, and those that gateways put beside them."""
    places: list[Any] = [failure.type, failure.code]
    for name in ("metadata", "innererror"):
        inside = object_of(failure.extra.get(name))
        places += [inside.get("error_type"), inside.get("code")]
    for word in places:
        if isinstance(word, str):
            yield _SEPARATORS.sub("", word.lower())
