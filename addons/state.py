"""What the other addons share: the settings in force, the exchanges under way, the log, the memory."""

import asyncio
import contextlib
import gc
import logging
import os
import random
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import connection, ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.admission import PROXY_NAME, is_base_url
from addons.affinity import Affinity
from addons.connections import attend, close_left_over, connect_at_once, end, lift_limit
from addons.continuation import Continuation
from addons.conversations import Conversations
from addons.credentials import Credentials
from addons.exchange import Attempt, Exchange
from addons.health import Health
from addons.mask import Mask
from addons.memory import ReasoningMemory, RouteMemory, SignatureMemory
from addons.splice import is_ready, limit_to
from config.addresses import API_HOSTS
from config.load import ConfigFile, load, read_environment
from config.routes import Routes
from config.schema import Settings, SettingsError
from transforms.calibration import Calibration
from transforms.profiles import PROFILES
from transforms.providers import PROVIDERS
from transforms.request import Request
from transforms.thought_signatures import KEY_PREFIX
from transforms.token_estimate import estimate_tokens
from transforms.vendors import VENDORS
from webui.records import ExchangeIds
from webui.store import Store

RELOAD_INTERVAL = 1.0  # seconds between two looks at the configuration file
SWITCH_INTERVAL = 0.0005  # seconds that a thread may go on while another one wants to
GARBAGE = (10_000, 20, 50)  # objects, and collections of the younger ones, between two collections
MEMORIES = 1000  # routes with their models that are remembered
_CLIENT_SPEAKS_FIRST = (80, 443)  # ports
GRACE = 1.0  # seconds that the hooks of a client's flows may come after the client has gone

logger = logging.getLogger(__name__)


class State:
    """Loads and reloads the settings; owns the store. All other addons are given this one."""

    settings: Settings
    routes: Routes
    store: Store

    def __init__(self) -> None:
        self.exchanges: dict[str, Exchange] = {}  # by the client's flow
        self.attempts: dict[str, Attempt] = {}  # by their own flows
        self.continuations: dict[str, Continuation] = {}  # by the client's flow
        self.credentials = Credentials()
        self.health = Health()
        self.affinity = Affinity()
        self.ids = ExchangeIds()
        self.reasoning = ReasoningMemory()
        self.signatures = SignatureMemory()
        self.conversations = Conversations()
        self.calibration = Calibration()
        self.memories: dict[tuple[str, str], RouteMemory] = {}  # by route and upstream's model, the latest used last
        self.warnings: list[str] = []  # for the dashboard
        self.dashboard_ended = False  # it could not start, or is there no more
        self._file: ConfigFile | None = None
        self._watch: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loaded = False
        self.keeps_host_header = False  # what the user told mitmproxy; see `load`
        self._eager = True  # likewise
        limit_to(self)
        connect_at_once(self.server_may_speak_first)

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "kimi_config",
            str,
            "",
            "The model configuration; default MODEL_CONFIG_PATH or ./model-config.yaml.",
        )
        loader.add_option(
            "kimi_dashboard",
            str,
            "default",
            "HOST:PORT of the dashboard, empty = off; default DASHBOARD_ADDRESS.",
        )
        # The original host of a rerouted request need not be reachable, nor the dashboard be up, and the
        # base URL's listener needs the client's own Host. Said here because mitmproxy listens before it
        # calls `running`. Where it is not about us, the user's own settings still count: see
        # `Router._name_the_target` and `connects_at_once`.
        self.keeps_host_header = bool(ctx.options.keep_host_header)
        self._eager = ctx.options.connection_strategy == "eager"
        ctx.options.update(connection_strategy="lazy", keep_host_header=True)

    def configure(self, updated: set[str]) -> None:
        if self._loaded and "kimi_config" not in updated:
            return
        try:
            self._apply(self._read())
            if not self._loaded:
                self.store = Store(
                    self.settings.database_url,
                    self.settings.blob_url,
                    mode=self.settings.log_mode,
                    max_age=self.settings.log_max_age,
                    max_size=self.settings.log_max_size,
                )
        except SettingsError as error:
            self._refuse(f"the configuration is not usable:\n{error}")
        except ValueError as error:
            self._refuse(f"the log cannot be kept: {error}")
        else:
            if not self._loaded:
                self.store.start()
            self._loaded = True

    def _refuse(self, problem: str) -> None:
        """mitmproxy does not start once an error is logged; an exception it would show with its traceback."""
        if self._loaded:
            raise exceptions.OptionsError(problem)
        logger.error(problem)

    def running(self) -> None:
        _keep_pauses_short()
        self._watch = asyncio.get_running_loop().create_task(self._watch_file())
        self._keep(self._learn_from_log())

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._turn_away_early(flow)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        self._turn_away_early(flow)

    def _turn_away_early(self, flow: http.HTTPFlow) -> None:
        """A request before mitmproxy is ready would make it end with an error of its own. Such a client sees
        a closed connection, as one that came still earlier does."""
        if not is_ready():
            flow.kill()

    async def done(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self._loaded:
            await asyncio.to_thread(self.store.close)
        await self.credentials.close()

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """A provider that repeats our credential in a header shows it to nobody."""
        attempt = self.attempts.get(flow.id)
        if attempt and flow.response and (secrets := attempt.known_secrets()):
            mask = Mask(secrets)
            headers = flow.response.headers
            headers.fields = tuple((name, mask.clean(value)) for name, value in headers.fields)

    def response(self, flow: http.HTTPFlow) -> None:
        """Likewise for the body of a replayed flow; the others' are the relay's."""
        attempt = self.attempts.get(flow.id)
        if attempt and attempt.pipeline is None and flow.response and flow.response.raw_content:
            flow.response.raw_content = Mask(attempt.known_secrets()).clean(flow.response.raw_content)

    def client_connected(self, client: connection.Client) -> None:
        lift_limit(client)
        attend(client)

    def client_disconnected(self, client: connection.Client) -> None:
        self._keep(close_left_over(client, GRACE))
        left = [exchange for exchange in self.exchanges.values() if exchange.flow.client_conn.id == client.id]
        if left:
            self._keep(self._end_forgotten(left))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something beside the hooks."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _learn_from_log(self) -> None:
        """What models have counted before this process began."""
        try:
            evidence = await asyncio.to_thread(self.store.token_evidence)
        except RuntimeError:
            return  # a new log has no tables yet
        for model, estimated, counted in evidence:
            self.calibration.feed(model, estimated, counted)

    async def _end_forgotten(self, exchanges: Sequence[Exchange]) -> None:
        """Others end now, by mitmproxy's own hooks."""
        await asyncio.sleep(GRACE)
        for exchange in exchanges:
            if self.exchanges.get(exchange.flow.id) is exchange:
                await end(exchange.flow)

    def intercepts(self, host: str) -> bool:
        """Whether connections to this host are decrypted."""
        host = host.lower().rstrip(".")
        return host in self._hosts or host == PROXY_NAME or host.endswith("-aiplatform.googleapis.com")

    def dashboard_address(self) -> str:
        """HOST:PORT, empty where there is none: then somebody else may listen there."""
        if self.dashboard_ended:
            return ""
        option: str = ctx.options.kimi_dashboard
        return self.settings.dashboard_address if option == "default" else option

    # ------------------------------------------------------------------ the scope of `splice.py`

    def conceals(self, flow: http.HTTPFlow) -> bool:
        """Whether the flow's credentials are kept out of sight."""
        # Where connections are redirected, the flow's own host is but an address.
        hosts = (flow.request.host, flow.request.pretty_host)
        return is_base_url(flow) or any(map(self.intercepts, hosts))

    def connects_at_once(self, host: str) -> bool:
        """Whether a CONNECT to this host opens the connection before the client has spoken, as mitmproxy does
        unless told otherwise: in some protocols the server speaks first, and a dead host should be a 502."""
        return self._eager and not self.intercepts(host)

    def server_may_speak_first(self, client: connection.Client, address: tuple[str, int]) -> bool:
        """Likewise where there is no CONNECT. A redirected connection has no name yet: its port tells that a client of
        the web speaks first. What is behind a reverse listener may be down."""
        host, port = address
        if isinstance(client.proxy_mode, ReverseMode) or port in _CLIENT_SPEAKS_FIRST:
            return False
        return self.connects_at_once(host)

    def count_tokens(self, model: str, request: Request) -> int:
        """How many tokens a prompt has for this model, as far as can be told from here."""
        return self.calibration.apply(model, estimate_tokens(request))

    def recall(self, key: str) -> str | None:
        """What is remembered under a key of `transforms/reasoning.py` or `transforms/thought_signatures.py`."""
        if key.startswith(KEY_PREFIX):
            return self.signatures.recall(key, time.time())
        return self.reasoning.recall(key)

    def memory(self, route_key: str, model: str) -> RouteMemory:
        """What a route has shown with a model of upstream's; behind a glob there may be many."""
        key = route_key, model
        memory = self.memories[key] = self.memories.pop(key, RouteMemory())
        if len(self.memories) > MEMORIES:
            del self.memories[next(iter(self.memories))]
        return memory

    def _read(self) -> Settings:
        directory = Path.cwd()
        path = ctx.options.kimi_config or None
        environment = read_environment(directory, os.environ)
        self._file = ConfigFile.of(environment, directory=directory, config_path=path)
        return load(
            environment,
            directory=directory,
            providers=PROVIDERS.keys(),
            families=PROFILES.keys(),
            vendors=VENDORS.keys(),
            config_path=path,
        )

    def _apply(self, settings: Settings) -> None:
        self.settings = settings
        self.routes = Routes(settings, random.Random(), self.routes.turns if self._loaded else {})
        self._hosts = {*API_HOSTS, *settings.hosts}
        keys = {route.key for route in settings.routes}
        self.memories = {key: memory for key, memory in self.memories.items() if key[0] in keys}
        self.health.prune(keys)

    async def _watch_file(self) -> None:
        while self._file is not None:
            await asyncio.sleep(RELOAD_INTERVAL)
            if await asyncio.to_thread(self._file.changed):
                await self._reload()

    async def _reload(self) -> None:
        try:
            self._apply(await asyncio.to_thread(self._read))
        except SettingsError as error:
            problems = "; ".join(str(error).splitlines())
            self.warnings = [f"the changed configuration is not usable, the last good one stays in force: {problems}"]
            logger.error("%s", self.warnings[0])
        except Exception:
            logger.exception("the changed configuration could not be read, the last good one stays in force")
        else:
            self.warnings = []
            logger.info("the configuration was read again: %d models", len(self.settings.routes))


def _keep_pauses_short() -> None:
    """Python's own measure is that of programs without streams: a delta would wait 5 ms for the log's thread, and
    0.2 s whenever the garbage collector looks at all modules once more."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
