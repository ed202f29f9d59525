"""The laws of enforced answers: whatever a row of attempts comes to, the client gets one answer of its format."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import CLIENTS
from transforms.checkers import CHECKERS
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.enforcement import Enforcement, Retry, enforce, verdict
from transforms.events import ChoiceFinish, FinishReason
from transforms.pipeline import Pipeline
from transforms.profiles import PROFILES
from transforms.profiles.profile import RequestContext, answer_context
from transforms.request import Message, Request, Tool
from transforms.response import Choice, Response, ResponseCall
from transforms.vendors import VENDORS

KIMI = "kimi-k2-thinking"
CHAT = DIALECTS["openai_chat"]
LIMIT = 3
TOOLS = ("get_weather", "read_file")
EACH_CLIENT = pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])
EACH_FAMILY = pytest.mark.parametrize("family", ["kimi", "plain"])

USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
TEXTS = st.sampled_from(
    ["", "\n", "Let me check that for you.", "Let me check that for you. Now.", "Let me check that for you.\n\nSunny."]
) | st.text(st.characters(codec="utf-8", exclude_characters="<|◁▷"), max_size=20)
CALLS = st.sampled_from(
    [
        ("get_weather", '{"city":"Paris"}'),
        ("read_file", "{}"),
        ("no_such_tool", '{"a":1}'),
        ("get_weather", "<<<"),
        ("done", "{}"),
        ("done", '{"final_answer":"Sunny."}'),
        ("done", '{"final_answer":"Let me check that for you."}'),
    ]
)


@dataclass(frozen=True)
class Outcome:
    """What an attempt's answer says; `failure` is the status of one that fails instead."""

    text: str = ""
    reasoning: str = ""
    calls: Sequence[tuple[str, str]] = ()
    finish: FinishReason = "stop"
    failure: int | None = None


OUTCOMES = st.builds(
    Outcome,
    TEXTS,
    st.sampled_from(["", "Hm.", "Hm. Yes."]),
    st.lists(CALLS, max_size=2),
    st.sampled_from(["stop", "stop", "tool_calls", "length", "content_filter"]),
    st.sampled_from([None, None, None, None, None, 503]),
)


@dataclass
class Answered:
    """What came of a row of attempts."""

    status: int
    data: bytes
    attempts: int
    enforcement: Enforcement


def upstream_bytes(outcome: Outcome, *, stream: bool) -> tuple[int, bytes]:
    if outcome.failure:
        return outcome.failure, b'{"error":{"message":"overloaded"}}'
    calls = [ResponseCall(f"call_{n}", name, arguments) for n, (name, arguments) in enumerate(outcome.calls)]
    choice = Choice(outcome.text, outcome.reasoning, calls=calls, finish=ChoiceFinish(outcome.finish, outcome.finish))
    response = Response(choices={0: choice}, usage=USAGE)
    envelope = Envelope("chatcmpl-1", KIMI, 1763900000)
    if stream:
        return 200, CHAT.writer(envelope).write([*response.events()])
    return 200, json.dumps(CHAT.write_body(response, envelope)).encode()


def request_of(client: Any) -> Request:
    tools = tuple(Tool(name, "", {"type": "object", "properties": {"city": {"type": "string"}}}) for name in TOOLS)
    request = Request(KIMI, (Message("user", "What is the weather?"),), tools)
    own = DIALECTS[client.format]
    return own.read_request(own.write_request(request))


def answered(outcomes: Sequence[Outcome], client: Any, family: str, *, stream: bool, cut: int = 0) -> Answered:
    """The attempts one after the other, as the proxy makes them; the last outcome comes as often as it is needed."""
    request = request_of(client)
    enforcement = enforce(request, LIMIT)
    assert enforcement is not None
    profile, context = PROFILES[family], RequestContext(VENDORS["generic"], KIMI, lambda key: None)
    previous, data, attempts = None, b"", 0
    while True:
        outcome = outcomes[min(attempts, len(outcomes) - 1)]
        attempts += 1
        prepared = profile.prepare(enforcement.ask(request, late_system=True), context)
        line = previous = Pipeline(
            upstream=CHAT,
            client=DIALECTS[client.format],
            stages=profile.stages(enforcement.expect(answer_context(request, prepared, hold_undecided=False))),
            envelope=Envelope(f"{DIALECTS[client.format].ID_PREFIX}1", KIMI, 1763900000, request=request),
            stream=stream,
            holds_failures=True,
            enforced=enforcement.answer(),
            after=previous,
        )
        status, upstream = upstream_bytes(outcome, stream=stream)
        if stream and status == 200:
            pieces = [upstream[:cut], upstream[cut:]] if cut else [upstream]
            data += b"".join(line.feed(piece) for piece in pieces)
            data += b"" if line.awaits_verdict else line.close()
        else:
            status, written = line.whole(status, upstream)
            data += written
        if line.held:
            status, data = (200, data + line.tell()) if stream and data else (status, line.error(line.held))
        if not line.awaits_verdict:
            return Answered(status, data, attempts, enforcement)
        assert line.enforced is not None
        decision = verdict(line.enforced.ending, enforcement)
        if not isinstance(decision, Retry):
            enforcement.result = decision.result
            return Answered(status, data + line.accept(), attempts, enforcement)
        enforcement.ask_again(decision, line.enforced)


def read(client: Any, answer: Answered) -> Any:
    if answer.data.lstrip().startswith(b"{"):
        return client.read_body(answer.data)
    checker = CHECKERS[client.format]()
    checker.feed(answer.data)
    assert checker.close() == []
    return client.read_stream(answer.data)


@EACH_FAMILY
@EACH_CLIENT
@given(outcomes=st.lists(OUTCOMES, min_size=1, max_size=5), cut=st.integers(0, 600))
def test_the_client_gets_one_answer(number: int, family: str, outcomes: list[Outcome], cut: int) -> None:
    client = CLIENTS[number]
    streamed = answered(outcomes, client, family, stream=True, cut=cut)
    whole = answered(outcomes, client, family, stream=False)
    assert streamed.attempts == whole.attempts <= LIMIT + 1
    assert streamed.enforcement.reasons == whole.enforcement.reasons
    assert streamed.enforcement.result == whole.enforcement.result
    one, other = read(client, streamed), read(client, whole)
    if other.error is not None:
        assert one.error == other.error
        return
    assert one.meaning == other.meaning
    assert one.usage == other.usage
    assert all(call.name in TOOLS for call in one.calls)
    assert len({call.id for call in one.calls}) == len(one.calls)
    if streamed.enforcement.result == "exhausted":
        assert (one.calls, one.finish) == ([], "stop")
        assert streamed.attempts == LIMIT + 1
