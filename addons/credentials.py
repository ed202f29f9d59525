"""The credential of each route: its API key, or an access token of Google's that is fetched and kept.

Theory of operation. A `_Source` stands for one set of Google credentials, whichever routes use it. It fetches in a
thread, and only once at a time: whoever needs the token waits for the same fetch, and one who leaves ends it for
nobody else. A token is used until shortly before it expires. In the last minutes a request that uses it also starts
the next one in the background; if that fails, it is tried again at growing intervals while the old one lasts.
"""

import asyncio
import contextlib
import functools
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from threading import Thread

from addons.google_tokens import Token, TokenError, fetch_token
from config.secret import Secret
from config.settings import Route
from transforms.events import Failure
from transforms.providers.provider import Provider

AHEAD = 300.0  # seconds before its end a token is replaced, or a quarter of its life where that is short
LEEWAY = 10.0  # seconds before its end it is not used any more, or a tenth of its life
FIRST_PAUSE = 1.0  # seconds after a failed fetch in the background
LONGEST_PAUSE = 60.0
DEADLINE = 30.0  # seconds for a fetch, however many steps it has and however slowly they answer

logger = logging.getLogger(__name__)


class CredentialError(Exception):
    """A route has no credential to send; `failure` is for the client. `temporary`: Google could not be asked, and
    another route may do; else the credentials are at fault, which whoever configured them should hear."""

    def __init__(self, message: str, *, temporary: bool = True) -> None:
        super().__init__(message)
        self.failure = Failure(message, "credential_error" if temporary else "credential_refused", 502)


class Credentials:
    """For the event loop's thread. `environment` says where Google's application default credentials are."""

    def __init__(self, environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.time) -> None:
        self._environment = environment
        self._clock = clock
        self._sources: dict[Secret | None, _Source] = {}

    async def key(self, route: Route, provider: Provider) -> str | None:
        """What goes into the provider's credential header; None to send none. An `api_key` of a Google route is a
        ready access token. Raises CredentialError."""
        if route.api_key is not None:
            return route.api_key.reveal()
        if provider.credential != "google":
            return None
        try:
            return (await self._source(route).token()).text
        except TokenError as error:
            raise CredentialError(str(error), temporary=error.temporary) from error

    def extra_headers(self, route: Route) -> Mapping[str, str]:
        """Headers that go with the route's latest key: who pays, where the credentials say so."""
        source = self._sources.get(_credentials_of(route)) if route.api_key is None else None
        payer = source.current.quota_project if source and source.current else None
        return {"x-goog-user-project": payer} if payer else {}

    def forget(self, route: Route, key: str | None = None) -> None:
        """The provider has refused the route's key with a 401: the next request fetches another. With `key`, only
        if it is still this one; of many requests that were refused the first may have been replaced already."""
        source = self._sources.get(_credentials_of(route)) if route.api_key is None else None
        if source is not None and source.current is not None and key in (None, source.current.text):
            source.current = None

    async def close(self) -> None:
        """Ends what is under way. A thread that waits for an answer ends with the process."""
        for source in self._sources.values():
            source.close()

    def _source(self, route: Route) -> "_Source":
        credentials = _credentials_of(route)
        if credentials not in self._sources:

            async def fetch() -> Token:
                try:
                    async with asyncio.timeout(DEADLINE):
                        return await _in_thread(lambda: fetch_token(credentials, self._environment))
                except TimeoutError as error:
                    late = f"Google's token did not come within {DEADLINE:g} seconds"
                    raise TokenError(late, temporary=True) from error

            self._sources[credentials] = _Source(fetch, self._clock)
        return self._sources[credentials]


def _credentials_of(route: Route) -> Secret | None:
    credentials = route.options.get("credentials")
    return credentials if isinstance(credentials, Secret) else None


class _Source:
    """See the module. `current` is the token in use, None before the first."""

    def __init__(self, fetch: Callable[[], Awaitable[Token]], clock: Callable[[], float]) -> None:
        self.current: Token | None = None
        self._fetch = fetch
        self._clock = clock
        self._life = 0.0  # of the current one, in seconds
        self._fetching: asyncio.Task[Token] | None = None
        self._ahead: asyncio.Task[None] | None = None

    async def token(self) -> Token:
        token = self.current
        if token is None or self._left(token) <= min(LEEWAY, self._life / 10):
            return await self._next()
        if self._left(token) <= min(AHEAD, self._life / 4) and self._ahead is None:
            self._ahead = asyncio.get_running_loop().create_task(self._replace(token))
        return token

    def close(self) -> None:
        for task in (self._fetching, self._ahead):
            if task is not None:
                task.cancel()

    def _left(self, token: Token) -> float:
        return token.expires - self._clock()

    async def _next(self) -> Token:
        """The token of the fetch that is under way, or of a new one."""
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(self._take())
            self._fetching.add_done_callback(_retrieve)
        return await asyncio.shield(self._fetching)

    async def _take(self) -> Token:
        try:
            self.current = await self._fetch()
            self._life = self._left(self.current)
            return self.current
        finally:
            self._fetching = None

    async def _replace(self, old: Token) -> None:
        """Gets the next token while the old one still works."""
        pause = FIRST_PAUSE
        try:
            while self.current is old and self._left(old) > 0:
                try:
                    await self._next()
                except TokenError as error:
                    logger.warning("the next access token could not be fetched yet: %s", error)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._ahead = None


def _retrieve(task: "asyncio.Task[Token]") -> None:
    """Looks at how a fetch ended, also where all who waited for it have left."""
    if not task.cancelled():
        task.exception()


async def _in_thread(fetch: Callable[[], Token]) -> Token:
    """Runs it beside the event loop, in a thread that does not keep the process from ending: those of asyncio and
    of executors are waited for at the exit."""
    future: Future[Token] = Future()

    def run() -> None:
        try:
            token = fetch()
        except BaseException as error:
            outcome: Callable[[], object] = functools.partial(future.set_exception, error)
        else:
            outcome = functools.partial(future.set_result, token)
        with contextlib.suppress(InvalidStateError):  # nobody waits any more
            outcome()

    Thread(target=run, name="google-token", daemon=True).start()
    return await asyncio.wrap_future(future)
