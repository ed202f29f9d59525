"""The laws across formats: an answer means the same in every one of them, and a history returns home."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.chain import Stage
from transforms.checkers import CHECKERS
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.events import (
    ChoiceFinish,
    Event,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.pipeline import Pipeline
from transforms.profiles import PROFILES
from transforms.profiles.profile import Prepared, Profile, RequestContext, answer_context
from transforms.request import Request
from transforms.response import collect
from transforms.translation import keep_signed_thinking, translate
from transforms.vendors import VENDORS

KIMI = "kimi-k2-thinking"
KINDS = "openai_chat/responses"
FORMATS = pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])


def ignore(repair: Repair) -> None:
    """What formats cannot say is tested elsewhere."""


def pipeline(
    client: str, upstream: str, request: Request, stages: list[Stage], *, stream: bool, number: int = 1
) -> Pipeline:
    envelope = Envelope(f"{DIALECTS[client].ID_PREFIX}{number}", KIMI, 1763900000, request=request)
    return Pipeline(
        upstream=DIALECTS[upstream], client=DIALECTS[client], stages=stages, envelope=envelope, stream=stream
    )


def answered(case: Any, judge: Any, client: Any, *, stream: bool) -> Any:
    """What this client makes of the case's answer."""
    request = DIALECTS["openai_chat"].read_request(case["client_request"])
    own = DIALECTS[client.format]
    asked = own.read_request(own.write_request(request))
    stages = PROFILES["kimi"].stages(answer_context(asked, Prepared(asked), hold_undecided=True))
    line = pipeline(client.format, "openai_chat", asked, stages, stream=stream)
    data = judge.body_bytes(case["upstream"])
    if "sse" in case["upstream"] and stream:
        written = line.feed(data) + line.close()
    else:
        written = line.whole(case["upstream"].get("status", 200), data)[1]
    if not written.lstrip().startswith(b"{"):
        checker = CHECKERS[client.format]()
        checker.feed(written)
        assert checker.close() == []
        return client.read_stream(written)
    return client.read_body(written)


@pytest.mark.corpus(KINDS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_format_does_not_matter(case: Any, judge: Any, formats: Any, stream: bool) -> None:
    chat, *others = (answered(case, judge, client, stream=stream) for client in formats.CLIENTS)
    for other in others:
        if chat.error is None:
            assert other.meaning == chat.meaning
        else:
            assert (other.error, other.text, other.finish) == (chat.error, chat.text, None)


@pytest.mark.corpus(KINDS)
@FORMATS
def test_streamed_equals_whole(case: Any, judge: Any, formats: Any, number: int) -> None:
    client = formats.CLIENTS[number]
    streamed = answered(case, judge, client, stream=True)
    whole = answered(case, judge, client, stream=False)
    if whole.error is None and streamed.error is None:
        assert streamed.meaning == whole.meaning
        assert streamed.usage == whole.usage


# ---------------------------------------------------------------------- history returns home

SCHEMA = {"type": "object", "properties": {"term": {"type": "string"}}}
TOOLS = dict.fromkeys(("lookup", "search", "read_file"), SCHEMA)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<|◁▷"), min_size=1, max_size=30).filter(str.strip)


@st.composite
def turns(draw: st.DrawFn) -> dict[str, Any]:
    """What upstream says in one turn."""
    names = draw(st.lists(st.sampled_from(sorted(TOOLS)), max_size=3))
    return {
        "reasoning": draw(st.none() | WORDS),
        "text": draw(st.none() | WORDS) if names else draw(WORDS),
        "calls": [(name, {"term": draw(WORDS)}) for name in names],
        "sealed": draw(st.booleans()),
    }


class Upstream:
    """A provider of this format: says turns, and is told the history of what it said."""

    def __init__(self, dialect: str, profile: Profile, vendor: str) -> None:
        self.dialect = dialect
        self.profile = profile
        self.vendor = VENDORS[vendor]
        self.calls = 0

    def ids(self, turn: Mapping[str, Any]) -> list[str]:
        """Kimi's own where its template speaks, Anthropic's where that format does."""
        names = [name for name, _ in turn["calls"]]
        first, self.calls = self.calls, self.calls + len(names)
        if self.dialect == "openai_chat":
            return [f"functions.{name}:{n}" for n, name in enumerate(names, first)]
        return [f"toolu_{n:03}" for n, _ in enumerate(names, first)]

    def details(self, turn: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not (turn["sealed"] and turn["reasoning"]) or not self.signs:
            return []
        signed = {"type": "reasoning.text", "text": turn["reasoning"], "signature": "c2ln"}
        return [{**signed, "format": "anthropic-claude-v1"}]

    @property
    def signs(self) -> bool:
        return self.dialect == "anthropic_messages" or self.vendor.reads_reasoning_details

    def events(self, turn: Mapping[str, Any], ids: list[str]) -> list[Event]:
        events: list[Event] = [ResponseStart("up-1", KIMI, 1)]
        if turn["reasoning"]:
            events.append(ReasoningDelta(turn["reasoning"]))
        events += map(OpaqueReasoning, self.details(turn))
        if turn["text"]:
            events.append(TextDelta(turn["text"]))
        for number, (id, (name, arguments)) in enumerate(zip(ids, turn["calls"], strict=True)):
            events += [ToolCallStart(number, id, name), ToolCallDelta(number, json.dumps(arguments))]
            events.append(ToolCallEnd(number))
        return [*events, ChoiceFinish("tool_calls" if ids else "stop", None), Finish({"prompt_tokens": 1})]


def in_upstreams_words(upstream: Upstream, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The assistant's turns of an upstream request: text, reasoning, details, calls and their results."""
    request = DIALECTS[upstream.dialect].read_request(body)
    results = {message.tool_call_id: message.text for message in request.messages if message.role == "tool"}
    return [
        {
            "text": message.text or None,
            "reasoning": (message.reasoning or "").strip() or None,
            "details": message.extra.get("reasoning_details", []),
            "calls": [
                (call.id, call.name, json.loads(call.arguments), results.get(call.id)) for call in message.tool_calls
            ],
        }
        for message in request.messages
        if message.role == "assistant"
    ]


@FORMATS
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("dialect", "vendor", "family"),
    [
        ("openai_chat", "moonshot", "kimi"),
        ("openai_chat", "openrouter", "kimi"),
        ("anthropic_messages", "generic", "kimi"),
        ("anthropic_messages", "anthropic", "plain"),
    ],
)
@given(said=st.lists(turns(), min_size=10, max_size=10))
@settings(max_examples=8)
def test_history_returns_home(
    formats: Any, said: list[dict[str, Any]], dialect: str, vendor: str, family: str, stream: bool, number: int
) -> None:
    client = formats.CLIENTS[number]
    upstream = Upstream(dialect, PROFILES[family], vendor)
    conversation = client.say("Begin.")
    expected: list[dict[str, Any]] = []
    for count, turn in enumerate(said):
        body = client.request(conversation, TOOLS, model=KIMI, stream=stream)
        own = DIALECTS[client.format]
        request = translate(own.read_request(body), dialect, ignore)
        context = RequestContext(upstream.vendor, KIMI, lambda key: None, dialect=dialect)
        prepared = upstream.profile.prepare(request, context)
        told = keep_signed_thinking(prepared.request, ignore) if upstream.vendor.checks_signatures else prepared.request
        sent = DIALECTS[dialect].write_request(told)
        assert in_upstreams_words(upstream, sent) == expected

        ids = upstream.ids(turn)
        stages = upstream.profile.stages(answer_context(request, prepared, hold_undecided=False))
        line = pipeline(client.format, dialect, request, stages, stream=stream, number=count)
        events, envelope = upstream.events(turn, ids), Envelope("x", KIMI, 1)
        if stream:
            seen = client.read_stream(line.feed(DIALECTS[dialect].writer(envelope).write(events)) + line.close())
        else:
            data = json.dumps(DIALECTS[dialect].write_body(collect(events), envelope)).encode()
            seen = client.read_body(line.whole(200, data)[1])
        assert [call.name for call in seen.calls] == [name for name, _ in turn["calls"]]
        results = {call.id: f"result {count}.{position}" for position, call in enumerate(seen.calls)}
        assert len(results) == len(seen.calls)
        conversation = [*conversation, *seen.turn]
        conversation += client.results(results) if results else client.say("Go on.")
        # Anthropic's thinking blocks are refused without a signature: what nobody signed does not go back there.
        unsigned = upstream.vendor.checks_signatures and not upstream.details(turn)
        expected.append(
            {
                "text": turn["text"],
                "reasoning": None if unsigned else (turn["reasoning"] or "").strip() or None,
                "details": upstream.details(turn),
                "calls": [
                    (id, name, arguments, f"result {count}.{position}")
                    for position, (id, (name, arguments)) in enumerate(zip(ids, turn["calls"], strict=True))
                ],
            }
        )
