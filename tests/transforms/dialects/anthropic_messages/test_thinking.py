"""Thinking in Anthropic's blocks: every signature is somebody's, and all that was thought comes home."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.dialects import anthropic_messages
from transforms.dialects.anthropic_messages.thinking import (
    FORMAT,
    Thinking,
    data_of,
    is_anthropic,
    read_thinking,
    redacted,
    signature_of,
    signed,
    thinking_blocks,
    thinking_events,
)
from transforms.dialects.envelope import Envelope
from transforms.events import (
    ChoiceFinish,
    Event,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.request import Message
from transforms.response import collect
from transforms.seal import seal, unseal

START = ResponseStart("msg_1", "kimi")
ENTRY = {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1"}
SEALED = seal("Sealed.", [ENTRY])
SIGNED, REDACTED = signed("Hm.", "c2ln"), redacted("ZW5j")

READ: dict[str, tuple[Any, Thinking | None]] = {
    "a text": ({"type": "text", "text": "a"}, None),
    "no type": ({"thinking": "a"}, None),
    "signed by Anthropic": (
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        Thinking("Hm.", [{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": FORMAT}]),
    ),
    "without its words": (
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        Thinking("", [signed("", "c2ln")]),
    ),
    "not signed": ({"type": "thinking", "thinking": "Hm.", "signature": ""}, Thinking("Hm.")),
    "without signature": ({"type": "thinking", "thinking": "Hm."}, Thinking("Hm.")),
    "nothing": ({"type": "thinking"}, Thinking()),
    "wrong types": ({"type": "thinking", "thinking": 5, "signature": [1]}, Thinking()),
    "an empty seal": ({"type": "thinking", "thinking": "Hm.", "signature": seal()}, Thinking("Hm.")),
    "a seal with an entry": (
        {"type": "thinking", "thinking": "Hm.", "signature": seal(details=[ENTRY])},
        Thinking("Hm.", (ENTRY,)),
    ),
    "a seal with words": ({"type": "thinking", "signature": SEALED}, Thinking("Sealed.", (ENTRY,))),
    "a seal with other words": (
        {"type": "thinking", "thinking": "Hm.", "signature": SEALED},
        Thinking("Hm.", (ENTRY,)),
    ),
    "a damaged seal": ({"type": "thinking", "thinking": "Hm.", "signature": SEALED[:-9]}, Thinking("Hm.")),
    "redacted by Anthropic": (
        {"type": "redacted_thinking", "data": "ZW5j"},
        Thinking("", [{"type": "reasoning.encrypted", "data": "ZW5j", "format": FORMAT}]),
    ),
    "redacted nothing": ({"type": "redacted_thinking", "data": ""}, Thinking()),
    "redacted, of a wrong type": ({"type": "redacted_thinking", "data": 5}, Thinking()),
    "a seal in its place": ({"type": "redacted_thinking", "data": SEALED}, Thinking("Sealed.", (ENTRY,))),
    "a damaged seal in its place": ({"type": "redacted_thinking", "data": SEALED[:-9]}, Thinking()),
}


@pytest.mark.parametrize(("block", "thinking"), READ.values(), ids=READ)
def test_blocks_are_read(block: dict[str, Any], thinking: Thinking | None) -> None:
    read = read_thinking(block)
    assert (read and (read.words, list(read.details))) == (thinking and (thinking.words, list(thinking.details)))


def test_the_events_of_a_block() -> None:
    assert thinking_events({"type": "text", "text": "a"}) == []
    assert thinking_events({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}) == [
        ReasoningDelta("Hm."),
        OpaqueReasoning(SIGNED),
    ]
    assert thinking_events({"type": "redacted_thinking", "data": "ZW5j"}) == [OpaqueReasoning(REDACTED)]


def test_whose_an_entry_is() -> None:
    assert is_anthropic(SIGNED) and is_anthropic(REDACTED) and not is_anthropic(ENTRY) and not is_anthropic({})


@pytest.mark.parametrize(
    ("words", "details"),
    [
        ("Hm.", []),
        ("", []),
        ("Hm.", [ENTRY]),
        ("Hm. So.", [SIGNED]),  # signs less than there is
        ("Hm.", [SIGNED, ENTRY]),
        ("Hm.", [REDACTED]),
        ("Hm.", [{**SIGNED, "signature": ""}]),
        ("Hm.", [{**SIGNED, "format": None}]),
    ],
)
def test_what_nobody_signed_gets_a_seal(words: str, details: list[Any]) -> None:
    sealed = unseal(signature_of(words, details))
    assert sealed and (sealed.reasoning, list(sealed.details)) == ("", details)


def test_what_anthropic_issued_stays() -> None:
    assert signature_of("Hm.", [SIGNED]) == "c2ln"
    assert data_of([REDACTED]) == "ZW5j"
    for details in ([ENTRY], [REDACTED, REDACTED], [SIGNED], [{**REDACTED, "data": ""}]):
        sealed = unseal(data_of(details))
        assert sealed and list(sealed.details) == details


def thinking_block(words: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": signature}


BLOCKS: dict[str, tuple[str | None, list[Any], list[Any]]] = {
    "nothing": (None, [], []),
    "words": ("Hm.", [], [thinking_block("Hm.", seal())]),
    "Anthropic's own": (
        "Hm. So.",
        [SIGNED, REDACTED, signed(" So.", "c28="), signed("", "b20=")],
        [
            thinking_block("Hm.", "c2ln"),
            {"type": "redacted_thinking", "data": "ZW5j"},
            thinking_block(" So.", "c28="),
            thinking_block("", "b20="),
        ],
    ),
    "Anthropic's own without words": (None, [REDACTED], [{"type": "redacted_thinking", "data": "ZW5j"}]),
    "Anthropic's own and others": ("Hm.", [SIGNED, ENTRY], [thinking_block("Hm.", seal(details=[SIGNED, ENTRY]))]),
    "Anthropic's own and more words": ("Hm. So.", [SIGNED], [thinking_block("Hm. So.", seal(details=[SIGNED]))]),
    "another vendor's": ("Hm.", [ENTRY], [thinking_block("Hm.", seal(details=[ENTRY]))]),
    "another vendor's without words": ("", [ENTRY], [{"type": "redacted_thinking", "data": seal(details=[ENTRY])}]),
}


@pytest.mark.parametrize(("words", "details", "blocks"), BLOCKS.values(), ids=BLOCKS)
def test_the_blocks_of_a_turn(words: str | None, details: list[Any], blocks: list[Any]) -> None:
    assert thinking_blocks(words, details) == blocks


def kept(events: Sequence[Event]) -> list[Any]:
    """The content that a client keeps of a stream for these events."""
    writer = anthropic_messages.writer(Envelope("msg_1", "kimi", 7))
    content: list[Any] = []
    for data in b"".join(writer.write([event]) for event in events).decode().split("\n\n"):
        event = json.loads(data.partition("data: ")[2] or "{}")
        delta = event.get("delta", {})
        match event.get("type"):
            case "content_block_start":
                assert event["index"] == len(content)
                content.append(event["content_block"] | ({"input": ""} if "input" in event["content_block"] else {}))
            case "content_block_delta":
                block = content[event["index"]]
                block["input"] = block.get("input", "") + delta.get("partial_json", "")
                for name in delta.keys() & {"text", "thinking", "signature"}:
                    block[name] += delta[name]
    for block in content:
        said = block.pop("input", "")
        if block["type"] == "tool_use":
            block["input"] = json.loads(said)
    return content


# ---------------------------------------------------------------------- history returns home

WORDS = st.text(max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | st.text(max_size=5),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=3), values, max_size=2),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=3)
FOREIGN = st.fixed_dictionaries(
    {"type": st.sampled_from(["reasoning.encrypted", "reasoning.text"]), "data": WORDS},
    optional={"format": st.just("google-gemini-v1"), "id": st.none() | WORDS, "x_new": VALUES},
)
SIGNATURES = st.text("abcXYZ019+/=", min_size=1, max_size=9)


@st.composite
def thoughts(draw: st.DrawFn) -> list[Event]:
    """What a turn's reasoning may be: without entries, Anthropic's own, another vendor's, or mixed."""
    words = [ReasoningDelta(word) for word in draw(st.lists(WORDS.filter(bool), max_size=3))]
    kind = draw(st.sampled_from(["plain", "anthropic", "foreign", "mixed"]))
    events: list[Event] = []
    if kind in ("anthropic", "mixed"):
        for word in draw(st.lists(WORDS, max_size=3)):
            events += [ReasoningDelta(word)] if word else []
            events.append(OpaqueReasoning(signed(word, draw(SIGNATURES))))
            events += [OpaqueReasoning(redacted(draw(SIGNATURES)))] if draw(st.booleans()) else []
    if kind in ("foreign", "mixed"):
        entries = [OpaqueReasoning(entry) for entry in draw(st.lists(FOREIGN, max_size=2))]
        events += [*entries, *words] if draw(st.booleans()) else [*words, *entries]
    return [*words, *events] if kind == "plain" else events


@st.composite
def turns(draw: st.DrawFn, number: int) -> list[Event]:
    """A whole answer; its calls have ids as upstreams give them."""
    events: list[Event] = [START, *draw(thoughts())]
    events += [TextDelta(piece) for piece in draw(st.lists(WORDS.filter(bool), max_size=2))]
    for call in range(draw(st.integers(0, 2))):
        ids = st.sampled_from([f"functions.look:{number}", f"toolu_01{number}", f"call_{number}-a", f"\u00e9:{number}"])
        events.append(ToolCallStart(call, f"{draw(ids)}{call}", draw(st.sampled_from(["look", "mcp__run"]))))
        written = json.dumps(draw(ARGUMENTS))
        place = draw(st.integers(0, len(written)))
        events += [ToolCallDelta(call, piece) for piece in (written[:place], written[place:])]
        events.append(ToolCallEnd(call))
    calls = any(isinstance(event, ToolCallStart) for event in events)
    return [*events, ChoiceFinish("tool_calls" if calls else "stop"), Finish(None)]


@given(data=st.data(), streamed=st.lists(st.booleans(), min_size=10, max_size=10))
@settings(max_examples=60)
def test_history_returns_home(data: st.DataObject, streamed: list[bool]) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    said = []
    for number in range(10):
        events = data.draw(turns(number))
        response = collect(events)
        said.append(response.choices.get(0))
        if streamed[number]:
            content = kept(events)
        else:
            body = anthropic_messages.write_body(response, Envelope("msg_1", "kimi", 7))
            content = json.loads(json.dumps(body))["content"]
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": f"result {number}.{place}"}
            for place, block in enumerate(block for block in content if block["type"] == "tool_use")
        ]
        messages.append({"role": "assistant", "content": content})
        messages.append({"role": "user", "content": [*results, {"type": "text", "text": "on"}]})
    body = json.loads(json.dumps({"model": "kimi", "max_tokens": 9, "messages": messages}))
    request = anthropic_messages.read_request(body)
    assert anthropic_messages.write_request(request) == body
    turn_starts = [place for place, message in enumerate(request.messages) if message.role == "assistant"]
    for number, (place, choice) in enumerate(zip(turn_starts, said, strict=True)):
        message = request.messages[place]
        if choice is None:
            assert message == Message("assistant", ())
            continue
        assert message.text == choice.text
        assert (message.reasoning or "") == choice.reasoning
        assert list(message.extra.get("reasoning_details", ())) == choice.opaque
        assert [(call.id, call.name, json.loads(call.arguments)) for call in message.tool_calls] == [
            (call.id, call.name, json.loads(call.arguments)) for call in choice.calls
        ]
        results = request.messages[place + 1 : place + 1 + len(choice.calls)]
        assert [(result.role, result.tool_call_id, result.content) for result in results] == [
            ("tool", call.id, f"result {number}.{position}") for position, call in enumerate(choice.calls)
        ]
