"""The laws that hold for whole answers in OpenAI's format, over the corpus and over invented answers."""

import json
import random
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.chain import Stage
from transforms.dialects import DIALECTS, openai_chat
from transforms.dialects.envelope import Envelope
from transforms.events import Extra, Finish
from transforms.finish import FinishRepair
from transforms.pipeline import Pipeline
from transforms.profiles import PROFILES
from transforms.profiles.profile import Prepared, answer_context
from transforms.response import Response, collect

ENVELOPE = Envelope("chatcmpl-1", "kimi", 1763900000)
KINDS = "openai_chat/responses"


def stages_of(profile: str, request: dict[str, Any]) -> list[Stage]:
    if profile == "finish":
        return [FinishRepair()]
    read = openai_chat.read_request(request)
    return PROFILES[profile].stages(answer_context(read, Prepared(read), hold_undecided=True))


def streamed(pieces: list[bytes], stages: list[Stage], *, include_usage: bool = False) -> bytes:
    envelope = Envelope("chatcmpl-1", "kimi", 1763900000, include_usage=include_usage)
    pipeline = Pipeline(upstream=openai_chat, client=openai_chat, stages=stages, envelope=envelope, stream=True)
    return b"".join([*map(pipeline.feed, pieces), pipeline.close()])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(borders)]


# ---------------------------------------------------------------------- 1: cuts do not matter


@pytest.mark.corpus(KINDS)
@pytest.mark.parametrize("profile", ["plain", "finish", "kimi"])
def test_cuts_do_not_matter(case: Any, judge: Any, openai_stream: Any, profile: str) -> None:
    data = judge.body_bytes(case["upstream"])

    def through(pieces: list[bytes]) -> Any:
        return openai_stream.merged(streamed(pieces, stages_of(profile, case["client_request"])))

    whole = through([data])
    assert through([bytes([byte]) for byte in data]) == whole
    chance = random.Random(case["id"])
    for _ in range(3):
        assert through(cut(data, [chance.randrange(len(data) + 1) for _ in range(6)])) == whole


# ---------------------------------------------------------------------- invented answers

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4).map(lambda name: f"x_{name}")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=3), values, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(NAMES, VALUES, max_size=2)
TEXT = st.text(max_size=20) | st.sampled_from(["\u2028", "caf\u00e9 \U0001f600", "<|tool", "data: [DONE]\n\n", "\r\n"])
ARGUMENTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=2).map(json.dumps)


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    id = draw(st.uuids()).hex
    if draw(st.booleans()):
        return {"id": id, "type": "function", "function": {"name": draw(NAMES), "arguments": draw(ARGUMENTS)}}
    return {"id": id, "type": "custom", "custom": {"name": draw(NAMES), "input": draw(TEXT)}, **draw(UNKNOWN)}


@st.composite
def choices(draw: st.DrawFn, index: int) -> dict[str, Any]:
    message = {
        "role": "assistant",
        "content": draw(st.none() | TEXT),
        **draw(
            st.fixed_dictionaries({}, optional={"refusal": st.none() | TEXT, "reasoning_content": st.none() | TEXT})
        ),
        **draw(st.fixed_dictionaries({}, optional={"annotations": st.just([]), "function_call": st.none()})),
        **draw(UNKNOWN),
    }
    if draw(st.booleans()):
        message["tool_calls"] = draw(st.none() | st.lists(calls(), max_size=3))
    reason = "tool_calls" if message.get("tool_calls") else draw(st.sampled_from(["stop", "length", "content_filter"]))
    logprobs = {"logprobs": draw(st.none() | st.just({"content": [{"token": "a"}], "refusal": None}))}
    return {"index": index, "message": message, "finish_reason": reason, **logprobs, **draw(UNKNOWN)}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A body in OpenAI's own vocabulary, with unknown fields anywhere."""
    usage = st.fixed_dictionaries({"prompt_tokens": st.integers(), "completion_tokens": st.integers()})
    return {
        "id": draw(NAMES),
        "object": "chat.completion",
        "created": draw(st.integers(1)),
        "model": "kimi",
        "choices": [draw(choices(index)) for index in sorted(draw(st.sets(st.integers(0, 3), min_size=1, max_size=2)))],
        **draw(st.fixed_dictionaries({}, optional={"usage": st.none() | st.just({}) | usage})),
        **draw(st.fixed_dictionaries({}, optional={"system_fingerprint": st.none() | TEXT})),
        **draw(UNKNOWN),
    }


def whole(body: Any) -> Response:
    return collect(openai_chat.read_body(body))


def said(response: Response) -> Any:
    """What a client cares for: without the nulls and empty texts that only a body can have."""
    return (
        {
            number: (
                choice.text,
                choice.reasoning,
                choice.refusal,
                choice.opaque,
                [(call.id, call.name, call.arguments, unknown(call.extra)) for call in choice.calls],
                choice.finish and choice.finish.reason,
                unknown(choice.extra),
                unknown(choice.message_extra),
            )
            for number, choice in response.choices.items()
        },
        unknown({**response.start.extra, **response.extra}),
        response.usage or None,
        response.failure,
    )


def unknown(fields: Mapping[str, Any]) -> dict[str, Any]:
    known = ("content", "refusal", "reasoning_content", "tool_calls", "function_call", "usage")
    return {key: value for key, value in fields.items() if key not in known and value is not None}


# ---------------------------------------------------------------------- 2: streamed equals whole


@given(bodies(), st.lists(st.integers(0, 5000), max_size=5))
@settings(deadline=None)
def test_a_body_streamed_says_the_same(openai_stream: Any, body: dict[str, Any], places: list[int]) -> None:
    writer = openai_chat.writer(ENVELOPE)
    stream = b"".join(writer.write([event]) for event in openai_chat.read_body(body))
    assert openai_stream.violations(stream, settled=False) == []
    reader = openai_chat.reader()
    events = [event for piece in cut(stream, places) for event in reader.feed(piece)]
    assert said(collect([*events, *reader.close()])) == said(whole(body))


@pytest.mark.corpus(KINDS)
def test_a_recorded_stream_and_its_body_say_the_same(case: Any, judge: Any) -> None:
    if "sse" not in case["upstream"]:
        response = whole(case["upstream"].get("body"))
    else:
        reader = openai_chat.reader()
        response = collect([*reader.feed(judge.body_bytes(case["upstream"])), *reader.close()])
    if response.failure is None:
        body = json.loads(json.dumps(openai_chat.write_body(response, ENVELOPE)))
        assert said(whole(body)) == said(response)


# ---------------------------------------------------------------------- 3: nothing is lost


@given(bodies())
def test_a_body_is_written_as_it_was_read(body: dict[str, Any]) -> None:
    assert openai_chat.write_body(whole(body), Envelope("other", "kimi", 7)) == body


@pytest.mark.corpus(KINDS)
def test_a_clean_body_of_the_corpus_is_written_as_it_was_read(case: Any) -> None:
    body = case["upstream"].get("body")
    if case["defect"].startswith("clean-") and body:
        assert openai_chat.write_body(whole(body), Envelope("other", body["model"], 7)) == body


@given(bodies(), st.booleans())
@settings(deadline=None)
def test_a_stream_is_written_as_it_was_read(openai_stream: Any, body: dict[str, Any], include_usage: bool) -> None:
    writer = openai_chat.writer(Envelope("chatcmpl-1", "kimi", 1763900000, include_usage=include_usage))
    stream = b"".join(writer.write([event]) for event in openai_chat.read_body(body))
    again = streamed([stream], [], include_usage=include_usage)
    assert openai_stream.violations(again, settled=False, include_usage=include_usage) == []
    before, after = openai_stream.accumulate(stream), openai_stream.accumulate(again)
    for answer in (before, after):
        # A field that says the same in every chunk has said it once, and one that is null nothing.
        answer.extra = {key: values[-1] for key, values in answer.extra.items()}
        for choice in answer.choices.values():
            said = {key: [value for value in values if value is not None] for key, values in choice.extra.items()}
            choice.extra = {key: values for key, values in said.items() if values}
    assert after == before


@given(bodies())
def test_untouched_bytes_pass_and_are_learned_from(body: dict[str, Any]) -> None:
    data = json.dumps(body).encode()
    pipeline = Pipeline(
        upstream=openai_chat, client=openai_chat, stages=[], envelope=ENVELOPE, stream=False, untouched=True
    )
    assert pipeline.whole(200, data) == (200, data)
    assert pipeline.transcript.usage == (body.get("usage") or None)
    assert pipeline.transcript.ended


# ---------------------------------------------------------------------- 4: well formed


@pytest.mark.corpus(KINDS)
@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize(("profile", "settled"), [("plain", False), ("finish", False), ("kimi", True)])
def test_every_stream_is_well_formed(
    case: Any, judge: Any, openai_stream: Any, profile: str, settled: bool, include_usage: bool
) -> None:
    stages = stages_of(profile, case["client_request"])
    written = streamed([judge.body_bytes(case["upstream"])], stages, include_usage=include_usage)
    assert openai_stream.violations(written, settled=settled, include_usage=include_usage) == []


@pytest.mark.corpus(KINDS)
def test_a_stream_that_breaks_off_anywhere_is_well_formed(case: Any, judge: Any, openai_stream: Any) -> None:
    data = judge.body_bytes(case["upstream"])
    chance = random.Random(case["id"])
    for place in (0, *(chance.randrange(len(data) + 1) for _ in range(5))):
        written = streamed([data[:place]], stages_of("kimi", case["client_request"]))
        assert openai_stream.violations(written) == []


# Anything that providers might put into the fields that they know.
ODD = (
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "stop", "length", "error", "0", "f", '{"a":1}', "[DONE]", "null"])
)


def odd(fields: str, inside: st.SearchStrategy[Any] = ODD) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(fields.split()), inside, max_size=4)


def lists(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items | ODD, max_size=3) | items


CALL = odd("index id type name arguments x", ODD | odd("name arguments input x"))
CALLS = lists(
    st.fixed_dictionaries({"function": odd("name arguments x", ODD | odd("a"))}, optional={"index": ODD, "id": ODD})
    | CALL
)
PARTS = lists(odd("type text thinking refusal data signature summary", ODD | lists(odd("text"))))
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": ODD,
        "content": ODD | PARTS,
        "reasoning": ODD | PARTS,
        "reasoning_content": ODD,
        "reasoning_details": ODD | PARTS,
        "refusal": ODD,
        "tool_calls": ODD | CALLS,
        "function_call": ODD | odd("name arguments"),
        "x": ODD,
    },
)
CHOICE = st.fixed_dictionaries(
    {"delta": MESSAGE | ODD},
    optional={
        "index": ODD,
        "message": MESSAGE | ODD,
        "finish_reason": ODD,
        "usage": ODD | odd("a"),
        "error": ODD | odd("message"),
        "x": ODD,
    },
)
CHUNK = st.fixed_dictionaries(
    {"choices": lists(CHOICE) | ODD},
    optional={
        "id": ODD,
        "created": ODD,
        "usage": ODD | odd("a"),
        "error": st.none() | odd("message code"),
        "x": ODD | odd("y"),
    },
)


@given(st.lists(CHUNK | ODD | lists(CHUNK), max_size=5), st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_chunks_make_a_well_formed_stream(openai_stream: Any, chunks: list[Any], end: bool) -> None:
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"] * end
    assert openai_stream.violations(streamed(events, [FinishRepair()]), settled=False) == []
    assert openai_stream.violations(streamed(events, stages_of("kimi", {"model": "kimi", "messages": []}))) == []


@given(CHUNK | ODD | lists(CHUNK), st.booleans(), st.integers(100, 599))
@settings(deadline=None, max_examples=300)
def test_any_body_makes_an_answer_or_an_error(openai_stream: Any, body: Any, stream: bool, status: int) -> None:
    for upstream in (200, status):
        pipeline = Pipeline(
            upstream=openai_chat, client=openai_chat, stages=[FinishRepair()], envelope=ENVELOPE, stream=stream
        )
        code, written = pipeline.whole(upstream, json.dumps(body).encode())
        if code == 200 and stream:
            assert openai_stream.violations(written, settled=False) == []
        elif code == 200:
            assert json.loads(written)["choices"]
        else:
            assert 400 <= code <= 599
            assert json.loads(written)["error"]["message"]


@given(st.lists(st.binary(max_size=30), max_size=4))
@settings(deadline=None)
def test_any_bytes_make_a_well_formed_stream(openai_stream: Any, pieces: list[bytes]) -> None:
    assert openai_stream.violations(streamed(pieces, [FinishRepair()]), settled=False) == []


# ---------------------------------------------------------------------- 6: stable


@pytest.mark.corpus(KINDS)
def test_a_second_pass_changes_nothing(case: Any, judge: Any, openai_stream: Any) -> None:
    once = streamed([judge.body_bytes(case["upstream"])], [FinishRepair()])
    assert openai_stream.merged(streamed([once], [FinishRepair()])) == openai_stream.merged(once)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_ends_what_it_reads(dialect: Any) -> None:
    assert dialect.read_body(None)
    assert dialect.reader().close()
    assert dialect.writer(ENVELOPE).write([Extra({}, "response"), Finish()])
