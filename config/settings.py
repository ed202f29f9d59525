"""The settings as everything else sees them: complete, checked, and never changed in place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config.addresses import host_of
from config.secret import Secret

LOG_MODES = ("full", "metadata", "errors", "off")  # what each keeps is in `webui/modes.py`
STRATEGIES = ("first", "round_robin", "random", "weighted_random")

# Seconds that a route may take, unless its entry says otherwise.
FIRST_TOKEN_TIMEOUT = 120.0  # until a stream's first token, where another route can take over
SILENCE_TIMEOUT = 600.0  # where none can, and between two pieces of a stream
ANSWER_TIMEOUT = 600.0  # until an answer that is not streamed; nothing of it is seen before its end


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of `models`, with what the environment adds to it already put in.

    Headers, body and options are left out of the repr because a user may have put a credential there.
    """

    name: str
    """What clients ask for: a name, or a glob as `fnmatch.fnmatchcase` reads it."""

    provider: str

    model: str
    """Upstream's id; empty where the name that the client asked for is passed on (a glob without `model`)."""

    ensure_tool_call: bool = False
    weight: float = 1
    strategy: str | None = None

    timeout: float | None = None
    """Seconds until a stream's first token, and later between two pieces of it; None = the defaults above."""

    answer_timeout: float | None = None
    """Seconds until an answer that is not streamed; None = the default above."""

    profile: str | None = None
    """The head of the path under which the entry is reachable; None = everywhere."""

    family: str | None = None
    """None = decided by the model's id."""

    vendor: str | None = None
    """None = decided by the base URL's host."""

    base_url: str | None = None
    """The entry's, else the environment's for its provider; None = the provider's own."""

    api_key: Secret | None = None
    """The entry's, else the environment's for its provider (see `provider_options`); None = send none."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The provider's further keys, in snake_case; see the table in `provider_options`."""

    mark: str = field(default="", compare=False)
    """Stands for the credential, headers, body and options, by which two entries may differ alone. A change of these
    makes another route of it, so that a new key need not wait for what the old one did."""

    @property
    def key(self) -> str:
        """Says which entry this is, across reloads and in saved flows; without credentials."""
        words = (self.profile or "", self.name, self.provider, self.model, self.base_url or "")
        return " ".join(words) + (f" #{self.mark}" if self.mark else "")

    def first_token_timeout(self, alternatives: bool) -> float:
        """Seconds until a stream's first token. `alternatives`: there is a route that can take over."""
        return self.timeout or (FIRST_TOKEN_TIMEOUT if alternatives else SILENCE_TIMEOUT)

    @property
    def silence_timeout(self) -> float:
        """Seconds between two pieces of a stream."""
        return self.timeout or SILENCE_TIMEOUT

    @property
    def whole_answer_timeout(self) -> float:
        """Seconds until an answer that is not streamed."""
        return self.answer_timeout or ANSWER_TIMEOUT


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. URLs of the log may hold a password, hence no repr of them."""

    routes: tuple[Route, ...] = ()
    default_strategy: str = "first"
    sticky: bool = True  # a conversation's turns stay on one route
    openai_base_url: str | None = None
    openai_api_key: Secret | None = None
    anthropic_base_url: str | None = None
    anthropic_api_key: Secret | None = None
    openrouter_api_key: Secret | None = None
    openrouter_only: tuple[str, ...] = ()  # OPENROUTER_PROVIDERS
    openrouter_order: tuple[str, ...] = ()
    openrouter_sort: str | None = None
    openrouter_allow_fallbacks: bool | None = None
    vertex_project_id: str | None = None
    vertex_location: str | None = None
    vertex_credentials: Secret | None = None  # a path or the JSON itself; None = application default
    vertex_chat_endpoint: str | None = None
    max_reprompts: int = 3
    log_db_path: str = "data/logs.db"
    log_blob_root: str = "data/blobs"
    log_db_url: str | None = field(default=None, repr=False)
    log_blob_url: str | None = field(default=None, repr=False)
    log_mode: str = "full"
    log_retention_days: float = 30.0  # 0 = for ever
    log_max_size: int = 10_000_000_000  # bytes; 0 = no limit
    livestore_batch: int = 50
    livestore_max_records: int = 500  # 0 = no limit
    dashboard_address: str = "127.0.0.1:8082"  # empty = off
    dashboard_token: Secret | None = None
    proxy_api_key: Secret | None = None

    @property
    def database_url(self) -> str:
        """Where the log's rows go: a URL, or the path of a SQLite file."""
        return self.log_db_url or self.log_db_path

    @property
    def blob_url(self) -> str:
        """Where the log's bodies go: a URL, or a folder."""
        return self.log_blob_url or self.log_blob_root

    @property
    def log_max_age(self) -> float:
        """Seconds that an exchange stays in the log; 0 = for ever."""
        return self.log_retention_days * 86400

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that the routes name themselves."""
        urls = [route.base_url for route in self.routes]
        urls += [route.options.get("chat_endpoint") for route in self.routes]
        return frozenset(host_of(url) for url in urls if url)
