"""What comes after an attempt that failed: the same route in other words, the next route, or the client's error.

    attempt fails ── the client has had content ──────────────────────────► error
         │
         ├─ a known 400, and the route has not learned it ────────────────► same route, rewritten
         ├─ a kept connection, or an access token, that had gone stale ───► same route
         ├─ another route may do better, and the group has one left ──────► that route
         └─ else ─────────────────────────────────────────────────────────► error

An attempt may also be followed without having failed, where the model is to be asked again (`enforcer.py`): then the
next one goes to the same route, and what the client has had is the beginning of the same answer.

The next attempt is a flow of its own beside the client's, sent as a replay: mitmweb shows it, the log has a row
for it, and its hooks are the relay's like those of any flow. Its answer goes through the exchange's
continuation into the response that the client is already waiting for.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from mitmproxy import connection, http

from addons.attempts import Attempts
from addons.connections import send
from addons.continuation import Continuation
from addons.exchange import CONNECTION_ERROR, Attempt, Exchange
from addons.mask import Mask
from addons.state import State
from config.schema import Route
from transforms.lessons import lesson_of
from transforms.verdict import judge

SHOWN = 300  # characters of a failure's message in the log
REPEATS = 3  # attempts of one exchange that ask the same route again

logger = logging.getLogger(__name__)


class Client(Protocol):
    """The side of the relay that a failover needs."""

    def conclude(self, exchange: Exchange) -> None:
        """Tells the client how the latest attempt failed."""
        ...

    def end(self, attempt: Attempt) -> None:
        """The attempt is over, and with it the exchange unless another attempt follows."""
        ...

    def close(self, exchange: Exchange) -> None:
        """The exchange is over, and with it its latest attempt."""
        ...


class Failover:
    """Begins the first attempt for the router and all further ones. `client` is set by the relay."""

    client: Client

    def __init__(self, state: State, attempts: Attempts) -> None:
        self._state = state
        self._attempts = attempts
        self._running: dict[str, set[asyncio.Task[None]]] = {}  # of each exchange

    async def begin(self, exchange: Exchange) -> bool:
        """Makes the client's own flow the first attempt that can be sent at all; False where none can be, and
        the client has been told."""
        route = self._choose(exchange)
        assert route is not None  # its group is not empty
        attempt = await self._begin(exchange, route, lambda: exchange.flow)
        return attempt.failure is None

    def takes_over(self, attempt: Attempt) -> bool:
        """Whether something else is tried now, in place of telling the client that the attempt has failed."""
        exchange = attempt.exchange
        assert attempt.failure is not None
        if attempt.failure.status == 401:
            self._state.credentials.forget(attempt.route, attempt.key)
        route = None if exchange.left else self._next(attempt)
        if route is None:
            return False
        reason = Mask(exchange.secrets).text(attempt.failure.message, SHOWN)
        logger.warning(
            "%s: %s at %s failed, another attempt follows: %s", exchange.id, attempt.name, attempt.place, reason
        )
        self.follow(attempt, route)
        return True

    def follow(self, attempt: Attempt, route: Route) -> None:
        """Begins another attempt by this route in place of one that is over."""
        exchange = attempt.exchange
        attempt.replaced = True
        if exchange.continuation is None:
            exchange.continuation = self._state.continuations[exchange.flow.id] = Continuation()
        # Not before the client has been sent what this attempt said last: mitmproxy's own tasks begin at once.
        task = asyncio.Task(self._try(exchange, route), eager_start=False)
        self._running.setdefault(exchange.id, set()).add(task)
        task.add_done_callback(lambda done: self._forget(exchange, done))

    def leave(self, exchange: Exchange) -> None:
        """The client has gone: what is still under way for it is given up."""
        exchange.left = True
        for task in self._running.get(exchange.id, ()):
            task.cancel()

    def spoke(self, attempt: Attempt) -> None:
        """The attempt has brought its first content: its route is well, what it was told was right, and the
        conversation stays with it."""
        self._state.health.succeeded(attempt.route.key, attempt.ticket)
        exchange, key = attempt.exchange, attempt.exchange.conversation
        lessons = self._state.memory(attempt.route.key, attempt.served).lessons
        if new := attempt.lessons - lessons:
            lessons |= new
            logger.info("%s: %s has taught us: %s", exchange.id, attempt.name, ", ".join(sorted(new)))
        if key is not None and self._state.settings.sticky:
            group = self._state.routes.group_key(exchange.asked, exchange.profile)
            anew = key.is_new and not key.explicit
            self._state.affinity.bind(group, key.digest, attempt.route.key, anew=anew)

    def ended(self, attempt: Attempt) -> None:
        """What the attempt's end says about its route."""
        failure = attempt.failure or (attempt.pipeline and attempt.pipeline.transcript.failure)
        if failure and judge(failure).counts and not self._was_stale(attempt):
            health = self._state.health
            health.failed(attempt.route.key, attempt.retry_after, attempt.ticket, attempt.elapsed())
            if seconds := health.cooling(attempt.route.key):
                logger.info("%s at %s is left alone for %.0f s", attempt.name, attempt.place, seconds)
        else:
            self._state.health.released(attempt.route.key, attempt.ticket)

    async def _begin(self, exchange: Exchange, route: Route, flow: Callable[[], http.HTTPFlow]) -> Attempt:
        """An attempt by this route, or by those after it where it has no credential."""
        while True:
            attempt = await self._attempts.begin(exchange, route, flow())
            if attempt.failure is None:
                return attempt
            logger.warning("%s: %s", exchange.id, attempt.failure.message)
            following = self._next(attempt)
            if following is None:
                self.client.conclude(exchange)
                return attempt
            attempt.replaced, route = True, following
            self.client.end(attempt)

    async def _try(self, exchange: Exchange, route: Route) -> None:
        attempt = None
        try:
            attempt = await self._begin(exchange, route, lambda: _beside(exchange.flow))
            if attempt.failure is None:
                await send(attempt.flow)
        except Exception:
            # Of a task nobody hears; the client is told below what the attempt before it had failed with.
            logger.exception("%s: the next attempt could not be made", exchange.id)
        finally:
            follows = attempt is not None and attempt.replaced
            if not follows and not exchange.finished:
                # However it came about, the client must not wait for an attempt that is no more.
                if not exchange.left:
                    self.client.conclude(exchange)
                self.client.close(exchange)

    def _next(self, attempt: Attempt) -> Route | None:
        """The route of the next attempt; None where the failure is to be told."""
        assert attempt.failure is not None
        exchange = attempt.exchange
        same = self._state.routes.by_key(attempt.route.key)  # None where a reload has taken it away
        if same is not None and exchange.repeated < REPEATS and self._may_be_repeated(attempt):
            exchange.repeated += 1
            return same
        if not judge(attempt.failure).next_route:
            return None
        exchange.tried.add(attempt.route.key)
        return self._choose(exchange)

    def _may_be_repeated(self, attempt: Attempt) -> bool:
        """Whether the same route may take the request now. What its refusal teaches is tried, and remembered once
        it has helped."""
        assert attempt.failure is not None
        exchange = attempt.exchange
        if self._was_stale(attempt) or (attempt.failure.status == 401 and attempt.provider.credential == "google"):
            return exchange.repeated == 0
        known = set(attempt.lessons)
        while lesson := lesson_of(attempt.failure, known):
            known.add(lesson.name)
        if known == attempt.lessons or not self._attempts.would_say_otherwise(attempt, known):
            return False
        exchange.lessons[attempt.route.key] = known
        return True

    def _choose(self, exchange: Exchange) -> Route | None:
        state = self._state
        health, key = state.health, exchange.conversation
        bound: Sequence[str] = ()
        if key is not None and state.settings.sticky and not (key.is_new and not key.explicit):
            bound = state.affinity.bound(state.routes.group_key(exchange.asked, exchange.profile), key.digest)
        return state.routes.choose(
            exchange.asked,
            exchange.profile,
            bound=bound,
            usable=lambda route: health.usable(route.key),
            tried=exchange.tried,
        )

    def _was_stale(self, attempt: Attempt) -> bool:
        """Whether it failed because upstream had closed a kept connection: that says nothing about the route."""
        since = attempt.flow.server_conn.timestamp_start
        kept = since is not None and since < attempt.started
        return kept and attempt.failure is not None and attempt.failure.type == CONNECTION_ERROR and not attempt.status

    def _forget(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        tasks = self._running[exchange.id]
        tasks.discard(task)
        if not tasks:
            del self._running[exchange.id]
        if task.cancelled():  # perhaps before its first step
            self.client.close(exchange)


def _beside(flow: http.HTTPFlow) -> http.HTTPFlow:
    """A flow with the client's request, for another attempt."""
    beside = http.HTTPFlow(flow.client_conn, connection.Server(address=None))
    beside.request = flow.request.copy()
    return beside
