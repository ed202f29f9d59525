"""One short request to each upstream, where `--call` asks for it: its key, its address, its model, and the clock."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

import httpx

from addons.credentials import CredentialError, Credentials
from config.settings import Route
from scripts.doctoring.findings import Finding, Surroundings, ok, problem, warning
from scripts.doctoring.models import url_of
from transforms.providers import PROVIDERS

PATIENCE = 30.0  # seconds
TOKENS = 16  # of the answer, at most; some providers refuse less
OFF = 120.0  # seconds that a clock may be wrong

# Status → what is wrong, and what to do.
_REFUSALS: Mapping[int, tuple[str, str]] = {
    401: ("refuses the key", "look at which variable the entry takes, and make a new key there if it is the right one"),
    402: ("says that the account is empty", "add credit there"),
    403: ("does not allow this key to use the model", "look at the key's rights, and at where the model is offered"),
    404: (
        "has no such model, or no API at this address",
        "compare `model` and `base_url` with the provider's own page",
    ),
    405: ("has no API at this address", "compare `base_url` with the provider's own page"),
}


def check_upstreams(around: Surroundings) -> Iterator[Finding]:
    """Each distinct route once."""
    if not around.calls or around.settings is None:
        return
    routes = {route.key: route for route in around.settings.routes if route.model}
    yield from asyncio.run(_call_all(list(routes.values()), around))


async def _call_all(routes: list[Route], around: Surroundings) -> list[Finding]:
    credentials = Credentials(around.variables)
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
            found = await asyncio.gather(*(_call(route, client, credentials) for route in routes))
    finally:
        await credentials.close()
    return list(dict.fromkeys(one for some in found for one in some))


async def _call(route: Route, client: httpx.AsyncClient, credentials: Credentials) -> list[Finding]:
    provider, url = PROVIDERS[route.provider], url_of(route)
    served = f"{route.provider}/{route.model or route.name}"
    name = served if route.name == route.model else f"{route.name} ({served})"
    try:
        key = await credentials.key(route, provider)
    except CredentialError as error:
        return [problem(f"{name} has no credential: {error}", "look at GOOGLE_APPLICATION_CREDENTIALS")]
    asked = {"model": route.model, "max_tokens": TOKENS, "messages": [{"role": "user", "content": "Say yes."}]}
    body = provider.prepare({**asked, **route.body}, route.options)
    headers = {**provider.headers, **route.headers, **credentials.extra_headers(route)}
    if key:
        headers |= dict([provider.key_header(key)])
    try:
        answer = await client.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        what = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
        return [
            problem(
                f"{name}: {httpx.URL(url).netloc.decode()} {what}", "look at `base_url`, and at this machine's network"
            )
        ]
    found = [_judge(name, url, answer.status_code)]
    if off := _clock_error(answer.headers.get("date", "")):
        found.append(
            problem(f"this machine's clock is wrong by {off:.0f} seconds", "set it (timedatectl set-ntp true)")
        )
    return found


def _judge(name: str, url: str, status: int) -> Finding:
    """What a status says. The provider's words are left out: they may repeat the key."""
    if status < 300:
        return ok(f"{name} answers at {url}")
    if status in _REFUSALS:
        said, remedy = _REFUSALS[status]
        return problem(f"{name}: {url} {said} ({status})", remedy)
    if status == 429 or status >= 500:
        return warning(
            f"{name}: {url} is busy or broken just now ({status})", "try again later, or add a second provider"
        )
    return warning(
        f"{name}: {url} refuses a plain request ({status})",
        "ask it by the proxy, which puts right what it knows; else look at what the entry adds under `body`",
    )


def _clock_error(date: str) -> float | None:
    """Seconds between this machine's clock and the provider's, where they are too many."""
    try:
        off = abs(parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return None
    return off if off > OFF else None
