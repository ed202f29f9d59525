"""A conversation stays on its route: over fifty turns, over a reload, and over a time when the route is not well."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest

from addons.health import FIRST_COOLDOWN
from tests.addons.breaking import Phase, Server
from tests.formats import AnthropicClient, ChatClient, ResponsesClient

TURNS = 50
KINDS = ("beginning", "session header", "metadata.user_id", "prompt_cache_key", "changing system prompt")

type Servers = Sequence[Server]


class Conversation:
    """One of a kind of client, by what tells its conversation from others."""

    def __init__(self, http: httpx.Client, kind: str, name: str) -> None:
        self._http, self._kind, self._name = http, kind, name
        self._client: Any = ChatClient()
        self._headers: dict[str, str] = {}
        self._more: dict[str, Any] = {}
        self._messages: list[Any] = []
        match kind:
            case "session header":
                self._headers = {"x-session-id": name}
            case "metadata.user_id":
                self._client, self._more = AnthropicClient(), {"metadata": {"user_id": name}}
            case "prompt_cache_key":
                self._client, self._more = ResponsesClient(), {"prompt_cache_key": name}
            case "changing system prompt":  # this one, too, is known by its beginning
                self._client = AnthropicClient()

    def turn(self) -> str:
        """Says something, and gives the server that answered."""
        if self._kind == "changing system prompt":
            self._more = {"system": f"It is {time.time()}."}
        self._messages += self._client.say(f"{self._name} says {len(self._messages)}")
        body = self._client.request(
            self._messages, {}, model="served", stream=len(self._messages) % 3 > 0, **self._more
        )
        answer = self._http.post(f"/v1/{self._client.path}", json=body, headers=self._headers)
        streamed = answer.headers["content-type"].startswith("text/event-stream")
        seen = (self._client.read_stream if streamed else self._client.read_body)(answer.content)
        assert (answer.status_code, seen.error) == (200, None)
        self._messages += seen.turn
        return str(answer.headers["x-kimi-proxy-route"].removeprefix("openai/"))


def configuration(servers: Servers, *, weights: Sequence[float] = (), **more: Any) -> str:
    """Of one group with all these servers."""
    models = []
    for place, server in enumerate(servers):
        config = {"base_url": server.url, "api_key": f"key-of-{server.name}-0123456789"}
        weight = {"weight": weights[place]} if weights else {}
        models.append(
            {"name": "served", "provider": "openai", "model": server.name, "provider_config": config, **weight}
        )
    return json.dumps({"models": models, "default_strategy": "round_robin", **more})


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Server("a") as a, Server("b") as b, Server("c") as c:
        yield a, b, c


@pytest.fixture
def reload(until: Callable[..., None]) -> Callable[[Any, str], None]:
    def write(proxy: Any, text: str) -> None:
        before = proxy.log().count("was read again")
        (proxy.data / "model-config.yaml").write_text(text)
        until(lambda: proxy.log().count("was read again") > before)

    return write


def test_fifty_turns_stay_on_one_route_over_reloads_while_new_conversations_are_spread(
    servers: Servers, start_proxy: Any, reload: Callable[[Any, str], None]
) -> None:
    proxy = start_proxy(config=configuration(servers[:2]))
    http = proxy.client()
    talks = [Conversation(http, kind, f"{kind} {number}") for kind in KINDS for number in range(2)]
    homes = [talk.turn() for talk in talks]
    assert Counter(homes) == {"a": len(KINDS), "b": len(KINDS)}
    reloads = {
        10: configuration(servers),
        20: configuration(servers, weights=[1, 0.001, 1000], default_strategy="weighted_random"),
        30: configuration([servers[2], servers[1], servers[0]], default_strategy="first"),
    }
    for number in range(1, TURNS):
        if number in reloads:
            reload(proxy, reloads[number])
        assert [talk.turn() for talk in talks] == homes
        if number == 11:  # also where two begin with the same words
            new = [Conversation(http, "beginning", f"new {n // 2}").turn() for n in range(9)]
            assert Counter(new) == {"a": 3, "b": 3, "c": 3}
        if number == 31:
            assert Conversation(http, "beginning", "newer").turn() == "c"


def test_a_conversation_returns_when_its_route_is_well_again(
    servers: Servers, start_proxy: Any, reload: Callable[[Any, str], None]
) -> None:
    b = servers[1]
    proxy = start_proxy(config=configuration(servers))
    http = proxy.client()
    talks = [Conversation(http, kind, f"{kind} {number}") for kind in KINDS for number in range(3)]
    homes = [talk.turn() for talk in talks]
    b.phase = Phase.STATUS_503
    began = time.monotonic()
    stand_ins = [talk.turn() for talk in talks]
    assert [now for home, now in zip(homes, stand_ins, strict=True) if home != "b"] == [
        home for home in homes if home != "b"
    ]
    assert "b" not in stand_ins
    asked = len(b.received)
    b.phase = Phase.NONE
    assert [talk.turn() for talk in talks] == stand_ins
    reload(proxy, configuration(servers, weights=[1, 2, 3]))
    assert [talk.turn() for talk in talks] == stand_ins
    assert "b" not in {Conversation(http, "beginning", f"new {n}").turn() for n in range(4)}
    assert len(b.received) == asked
    assert time.monotonic() - began < FIRST_COOLDOWN
    time.sleep(FIRST_COOLDOWN)
    for _ in range(3):
        assert [talk.turn() for talk in talks] == homes


def test_stickiness_can_be_switched_off(servers: Servers, start_proxy: Any) -> None:
    http = start_proxy(config=configuration(servers, sticky=False)).client()
    for kind in KINDS:
        talk = Conversation(http, kind, "one")
        assert Counter(talk.turn() for _ in range(9)) == {"a": 3, "b": 3, "c": 3}
