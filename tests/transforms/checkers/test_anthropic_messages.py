"""A stream with all that the format has breaks no rule; each slip in it breaks exactly one."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

type Check = Callable[[str, bytes], list[str]]
type Written = Callable[[list[Any]], bytes]
type Edited = Callable[[list[Any], tuple[int, str, Any]], list[Any]]

PING = {"type": "ping"}
STOP = {"type": "message_stop"}
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}, "request_id": None}


def begin(index: int | None, type: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": type, **fields}}


def tool(index: int, id: str, **fields: Any) -> dict[str, Any]:
    return begin(index, "tool_use", id=id, name="f", input={}, **fields)


def delta(index: int, type: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": type, **fields}}


def end(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def stopped(reason: Any, tokens: Any = 9) -> dict[str, Any]:
    more = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": more, "usage": {"output_tokens": tokens}}


START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 1, "cache_read_input_tokens": 0},
    },
}

GOOD: list[Any] = [
    PING,
    START,  # 1
    b": wait\n\n",
    begin(0, "thinking", thinking="", signature=""),  # 3
    delta(0, "thinking_delta", thinking="so"),
    delta(0, "thinking_delta", thinking=" it is"),  # 5
    delta(0, "signature_delta", signature="s"),
    end(0),  # 7
    begin(1, "redacted_thinking", data="d"),
    end(1),  # 9
    begin(2, "text", text=""),
    delta(2, "text_delta", text="\u00e9"),  # 11
    PING,
    delta(2, "citations_delta", citation={"type": "char_location"}),  # 13
    end(2),
    begin(3, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),  # 15
    delta(3, "input_json_delta", partial_json='{"query":'),
    end(3),  # 17
    tool(4, "toolu_1", caller={"type": "direct"}),
    delta(4, "input_json_delta", partial_json=""),  # 19
    delta(4, "input_json_delta", partial_json='{"a"'),
    delta(4, "input_json_delta", partial_json=":1}"),  # 21
    end(4),
    tool(5, "toolu-2"),  # 23
    end(5),
    {"type": "a_type_of_tomorrow"},  # 25
    stopped("tool_use"),
    STOP,  # 27
]

RIGHT: dict[str, list[Any]] = {
    "all there is": GOOD,
    "nothing said": [START, stopped("end_turn", 1), STOP],
    "an input that was cut": [
        START,
        tool(0, "a"),
        delta(0, "input_json_delta", partial_json="{"),
        end(0),
        stopped("max_tokens"),
        STOP,
    ],
    "a refusal behind a call": [START, tool(0, "a"), end(0), stopped("refusal"), STOP],
    "only an error": [ERROR],
    "an error inside a block": [*GOOD[:5], ERROR],
}


@pytest.mark.parametrize("events", RIGHT.values(), ids=RIGHT)
def test_right_streams(check: Check, written: Written, events: list[Any]) -> None:
    assert check("anthropic_messages", written(events)) == []


FAULTS: dict[str, tuple[tuple[int, str, Any], str]] = {
    # framing
    "no type": ((12, "type", 1), "event 12: type is 1, not a string"),
    "no JSON": ((12, "", "{"), "event 12: the data is no JSON"),
    "a raw line break": ((11, "delta.text", "\u0085"), r"event 11: U\+0085 stands unescaped"),
    # the message
    "no message_start": ((1, "", ...), "event 2: content_block_start before message_start"),
    "message_start twice": ((2, "+", START), "event 3: message_start comes again"),
    "no message": ((1, "message", None), "event 2: message is null, not an object"),
    "no id": ((1, "message.id", ""), "message.id is '', not a non-empty string"),
    "another type": ((1, "message.type", "completion"), "message.type is 'completion', not 'message'"),
    "another role": ((1, "message.role", "user"), "message.role is 'user', not 'assistant'"),
    "no model": ((1, "message.model", ...), "message.model is missing, not a non-empty string"),
    "content at the start": ((1, "message.content", [{}]), r"message.content is a list, not \[\]"),
    "no content": ((1, "message.content", None), r"message.content is null, not \[\]"),
    "stopped at the start": ((1, "message.stop_reason", "end_turn"), "message.stop_reason is 'end_turn', not null"),
    "no stop_reason": ((1, "message.stop_reason", ...), "message.stop_reason is missing, not null"),
    "a stop_sequence": ((1, "message.stop_sequence", "x"), "message.stop_sequence is 'x', not null"),
    "no usage": ((1, "message.usage", ...), "message.usage is null, not an object"),
    "no input_tokens": ((1, "message.usage.input_tokens", None), "message.usage.input_tokens is null, not an integer"),
    "no output_tokens": ((1, "message.usage.output_tokens", 1.5), "message.usage.output_tokens is 1.5, not an integer"),
    # blocks
    "a block inside another": ((14, "", ...), "event 14: a block begins while block 2 is open"),
    "a block open at the end": ((24, "", ...), "event 25: message_delta while block 5 is open"),
    "a block without a start": ((10, "", ...), "event 10: content_block_delta for block 2, which is not open"),
    "a stop without a start": ((8, "", ...), "event 8: content_block_stop for block 1, which is not open"),
    "a delta for another block": ((11, "index", 1), "content_block_delta for block 1 while block 2 is open"),
    "a stop for another block": ((14, "index", True), "content_block_stop for block true while block 2 is open"),
    "no block": ((10, "content_block", None), "content_block is null, not an object"),
    "a block without a type": ((10, "content_block.type", ...), "content_block.type is missing, not a non-empty"),
    "text at the start": ((10, "content_block.text", "a"), "block 2.text is 'a', not ''"),
    "no text at the start": ((10, "content_block.text", ...), "block 2.text is missing, not ''"),
    "thinking at the start": ((3, "content_block.thinking", "a"), "block 0.thinking is 'a', not ''"),
    "no signature at the start": ((3, "content_block.signature", ...), "block 0.signature is missing, not ''"),
    "no data": ((8, "content_block.data", ""), "block 1.data is '', not a non-empty string"),
    "an id that may not come back": ((18, "content_block.id", "f:0"), "block 4.id is 'f:0', not of the form"),
    "an id twice": ((23, "content_block.id", "toolu_1"), "block 5: the id 'toolu_1' was another call's"),
    "no name": ((18, "content_block.name", ""), "block 4.name is '', not a non-empty string"),
    "input at the start": ((18, "content_block.input", {"a": 1}), "block 4.input is an object, not {}"),
    "input as text": ((18, "content_block.input", ""), "block 4.input is '', not {}"),
    # deltas
    "no delta": ((11, "delta", None), "delta is null, not an object"),
    "a delta without a type": ((11, "delta.type", ...), "delta.type is missing, not a non-empty string"),
    "an unknown delta": ((11, "delta.type", "txt"), "block 2: a delta of type 'txt' in a block of type 'text'"),
    "text in thinking": ((5, "", delta(0, "text_delta", text="a")), "a delta of type 'text_delta' in a block of type"),
    "thinking in text": ((11, "", delta(2, "thinking_delta", thinking="a")), "a delta of type 'thinking_delta' in a"),
    "input in text": ((11, "", delta(2, "input_json_delta", partial_json="a")), "a delta of type 'input_json_delta'"),
    "text in a call": ((19, "", delta(4, "text_delta", text="a")), "a delta of type 'text_delta' in a block of type"),
    "text in another block": ((16, "", delta(3, "text_delta", text="a")), "in a block of type 'server_tool_use'"),
    "a delta in redacted thinking": ((9, "+", delta(1, "text_delta", text="a")), "in a block of type 'redacted_thin"),
    "empty text": ((11, "delta.text", ""), "block 2: delta.text is '', not a non-empty string"),
    "empty thinking": ((4, "delta.thinking", ""), "block 0: delta.thinking is '', not a non-empty string"),
    "an empty signature": ((6, "delta.signature", ""), "block 0: delta.signature is '', not a non-empty string"),
    "a citation that is none": ((13, "delta.citation", 1), "block 2: delta.citation is 1, not an object"),
    "no signature": ((6, "", ...), "event 6: block 0: thinking ends without a signature"),
    "two signatures": ((7, "+", GOOD[6]), "block 0: a delta behind the signature"),
    "thinking behind the signature": ((7, "+", GOOD[5]), "block 0: a delta behind the signature"),
    "input that is no text": ((19, "delta.partial_json", {}), "block 4: delta.partial_json is {}, not a string"),
    "input that is no JSON": ((21, "delta.partial_json", ":1"), "event 26: block 4: the input is no JSON object"),
    "input that is no object": ((20, "", ...), "event 25: block 4: the input is no JSON object"),
    # the end
    "an unknown reason": ((26, "delta.stop_reason", "stop"), "event 26: delta.stop_reason is 'stop', not one of end_t"),
    "no reason": ((26, "delta.stop_reason", None), "delta.stop_reason is null, not one of end_turn, "),
    "no delta at the end": ((26, "delta", ...), "delta is missing, not an object"),
    "end_turn behind a call": ((26, "delta.stop_reason", "end_turn"), "the stop_reason is 'end_turn' behind a tool_us"),
    "no usage at the end": ((26, "usage", ...), "event 26: usage is missing, not an object"),
    "no tokens at the end": ((26, "usage.output_tokens", "9"), "usage.output_tokens is '9', not an integer"),
    "fewer tokens": ((26, "usage.output_tokens", 0), "usage.output_tokens is 0, and was 1 in message_start"),
    "message_delta twice": ((27, "+", GOOD[26]), "event 27: message_delta comes again"),
    "a block behind message_delta": ((27, "+", begin(6, "x")), "event 27: content_block_start behind message_delta"),
    "no message_delta": ((26, "", ...), "event 26: message_stop without message_delta"),
    "no message_stop": ((27, "", ...), "at the end: the stream ends without message_stop or an error"),
    "message_stop twice": ((27, "+", STOP), "event 28: an event behind the end"),
    "a ping behind the end": ((28, "+", PING), "event 28: an event behind the end"),
    "an error behind the end": ((28, "+", ERROR), "event 28: an event behind the end"),
}


@pytest.mark.parametrize(("change", "said"), FAULTS.values(), ids=FAULTS)
def test_each_fault_breaks_one_rule(
    check: Check, written: Written, edited: Edited, change: tuple[int, str, Any], said: str
) -> None:
    found = check("anthropic_messages", written(edited(GOOD, change)))
    assert len(found) == 1 and re.search(said, found[0]), found


OTHER_FAULTS: dict[str, tuple[list[Any], str]] = {
    "nothing": ([], "at the end: the stream ends without message_stop or an error"),
    "another name": (
        [START, b'event: stop\ndata: {"type":"ping"}\n\n', stopped("end_turn"), STOP],
        "event 2: the type is 'ping' but the event is named 'stop'",
    ),
    "no name": (
        [START, b'data: {"type":"ping"}\n\n', stopped("end_turn"), STOP],
        "event 2: the type is 'ping' but the event is named ''",
    ),
    "a block that begins too late": (
        [begin(0, "text", text=""), START, end(0), stopped("end_turn"), STOP],
        "event 1: content_block_start before message_start",
    ),
    "a gap": (
        [START, begin(1, "text", text=""), end(1), begin(2, "text", text=""), end(2), stopped("end_turn"), STOP],
        "event 2: index is 1, not 0",
    ),
    "a number used again": (
        [START, begin(0, "text", text=""), end(0), begin(0, "text", text=""), end(0), stopped("end_turn"), STOP],
        "event 4: index is 0, not 1",
    ),
    "a number that is none": (
        [START, begin(None, "text", text=""), end(0), stopped("end_turn"), STOP],
        "event 2: index is null, not 0",
    ),
    "a stop whose number is none": (
        [START, {"type": "content_block_stop"}, stopped("end_turn"), STOP],
        "event 2: content_block_stop for block null, which is not open",
    ),
    "tool_use without a call": (
        [START, stopped("tool_use"), STOP],
        "event 2: the stop_reason is 'tool_use' but there is no tool_use block",
    ),
    "an error without words": (
        [START, {"type": "error", "error": {"type": "e", "message": ""}}],
        "event 2: error.message is '', not a non-empty string",
    ),
    "an error without a type": (
        [{"type": "error", "error": {"message": "m"}}],
        "event 1: error.type is missing, not a string",
    ),
    "an error that is text": ([{"type": "error", "error": "m"}], "event 1: error is 'm', not an object"),
    "words behind an error": ([ERROR, PING], "event 2: an event behind the end"),
}


@pytest.mark.parametrize(("events", "said"), OTHER_FAULTS.values(), ids=OTHER_FAULTS)
def test_other_faults(check: Check, written: Written, events: list[Any], said: str) -> None:
    assert check("anthropic_messages", written(events)) == [said]


@given(st.data())
def test_nothing_raises(check: Check, written: Written, mutilated: Any, data: st.DataObject) -> None:
    check("anthropic_messages", written(data.draw(mutilated([*GOOD, ERROR]))))
