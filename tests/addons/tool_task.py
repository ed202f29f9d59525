"""A task of two turns, for every client and every upstream: what is asked, what upstream says, what must be true.

Turn 1: a user shows a picture and asks; upstream thinks, speaks, and calls two tools at once. Turn 2: the client
returns both results, and upstream thinks and answers. `script_task` makes the simulator say this in the format of
`chat` or of `claude`, the profiles of the session's proxy; the calls come `native` or `leaked`, as Kimi's markup
in the text. `check_upstream` then judges the two requests that arrived there.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from scripts.vendor.answer import Answer, Asked, body, chunks
from scripts.vendor.anthropic import message_body, message_events, signed
from scripts.vendor.behaviour import Behaviour
from scripts.vendor.reply import Reply, stream_reply
from scripts.vendor.server import Simulator

UPSTREAMS = ("chat", "claude")
MANNERS = ("native", "leaked")
CLIENT_KEY = "client-key-9876543210"
PROVIDER_KEY = "provider-key-0123456789"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE_URL = f"data:image/png;base64,{PICTURE}"
QUESTION = "What is in the picture?"
RESULTS = {"lookup": "a pixel", "search": "a red one"}
SCHEMA = {"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]}
THOUGHT, LAST_THOUGHT = "Both tools know a part of it.", "The results agree."

_CALLS = [("lookup", '{"term":"a"}'), ("search", '{"term":"b"}')]
_MARKUP = "".join(
    f"<|tool_call_begin|>functions.{name}:{index}<|tool_call_argument_begin|>{arguments}<|tool_call_end|>"
    for index, (name, arguments) in enumerate(_CALLS)
)
_LEAKED = f"<|tool_calls_section_begin|>{_MARKUP}<|tool_calls_section_end|>"
# The ids are those that each vendor gives.
_IDS = {"chat": ("functions.lookup:0", "functions.search:1"), "claude": ("toolu_sim_0", "toolu_sim_1")}


class Said(NamedTuple):
    """What a client saw of an answer; `finish` in the words of chat completions, `usage` as (in, out)."""

    text: str
    reasoning: str
    calls: Sequence[tuple[str, Mapping[str, Any]]]
    finish: str | None
    usage: tuple[int, int]


def script_task(simulator: Simulator, model: str, upstream: str, manner: str, *, stream: bool) -> list[Said]:
    """Registers the two answers under the model's name, and gives what a client must see of them."""
    calls = [
        {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}
        for identity, (name, arguments) in zip(_IDS[upstream], _CALLS, strict=True)
    ]
    message = {"reasoning_content": THOUGHT, "content": "Two things."}
    if manner == "leaked":
        first = Answer({**message, "content": f"Two things.{_LEAKED}"}, "stop")
    else:
        first = Answer({**message, "tool_calls": calls}, "tool_calls")
    last = Answer({"reasoning_content": LAST_THOUGHT, "content": "It is a red pixel."})
    usages = [script_answer(simulator, model, upstream, answer, stream=stream) for answer in (first, last)]
    seen = [(name, json.loads(arguments)) for name, arguments in _CALLS]
    return [
        Said("Two things.", THOUGHT, seen, "tool_calls", usages[0]),
        Said("It is a red pixel.", LAST_THOUGHT, [], "stop", usages[1]),
    ]


def script_answer(simulator: Simulator, model: str, upstream: str, answer: Answer, *, stream: bool) -> tuple[int, int]:
    """Registers one answer in upstream's format, and gives its tokens, in and out."""
    asked = Asked(model, [{"role": "user", "content": QUESTION}], stream=stream, include_usage=True)
    if upstream == "chat":
        whole, reply = body(answer, asked), stream_reply(chunks(answer, asked), Behaviour())
        tokens = whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]
    else:
        whole, reply = message_body(answer, asked), stream_reply(message_events(answer, asked), Behaviour(), named=True)
        tokens = whole["usage"]["input_tokens"], whole["usage"]["output_tokens"]
    if stream:
        simulator.script(model, pieces=_pieces(reply))
    else:
        simulator.script(model, body=whole)
    return tokens


def _pieces(reply: Reply) -> list[str]:
    return [part.decode() for part in reply.parts if isinstance(part, bytes)]


def received(simulator: Simulator, model: str) -> list[Any]:
    """The bodies that arrived upstream for a model; none of them, nor its head, has the client's key."""
    found = []
    for request in simulator.requests:
        sent = json.loads(request.body) if request.body else {}
        if sent.get("model") == model:
            assert CLIENT_KEY not in str(request.headers) + request.body.decode()
            assert PROVIDER_KEY in (request.header("x-api-key") or request.header("authorization"))
            found.append(sent)
    return found


def check_upstream(bodies: Sequence[Any], upstream: str, *, pictures: int) -> None:
    """The task's two requests, in upstream's own format; `pictures` of them in the second."""
    assert len(bodies) == 2
    for sent in bodies:
        assert [_tool(tool)["name"] for tool in sent["tools"]] == ["lookup", "search"]
    assert json.dumps(bodies[1]).count(PICTURE) == pictures
    (_check_chat if upstream == "chat" else _check_claude)(bodies)


def _check_chat(bodies: Sequence[Any]) -> None:
    text, picture = bodies[0]["messages"][-1]["content"]
    assert _plain(text) == {"type": "text", "text": QUESTION}
    assert (picture["type"], picture["image_url"]["url"]) == ("image_url", PICTURE_URL)
    user, assistant, *results = bodies[1]["messages"][-5 if bodies[1]["messages"][-1]["role"] == "user" else -4 :]
    assert user == bodies[0]["messages"][-1]
    assert (assistant["role"], words(assistant["content"])) == ("assistant", "Two things.")
    assert assistant["reasoning_content"] == THOUGHT
    calls = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in assistant["tool_calls"]]
    assert calls == [(name, json.loads(arguments)) for name, arguments in _CALLS]
    assert [call["id"] for call in assistant["tool_calls"]] == list(_IDS["chat"])
    assert [result["tool_call_id"] for result in results[:2]] == list(_IDS["chat"])
    for result, said in zip(results, RESULTS.values(), strict=False):
        assert said in words(result["content"])


def _check_claude(bodies: Sequence[Any]) -> None:
    shown = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    text = {"type": "text", "text": QUESTION}
    assert [_plain(part) for part in bodies[0]["messages"][-1]["content"]] == [text, shown]
    user, assistant, answered = bodies[1]["messages"][-3:]
    assert [_plain(part) for part in user["content"]] == [text, shown]
    thinking, spoken, *calls = assistant["content"]
    assert thinking == {"type": "thinking", "thinking": THOUGHT, "signature": signed(THOUGHT)}
    assert _plain(spoken) == {"type": "text", "text": "Two things."}
    assert [(call["type"], call["name"], call["input"]) for call in calls] == [
        ("tool_use", name, json.loads(arguments)) for name, arguments in _CALLS
    ]
    results = [block for block in answered["content"] if block["type"] == "tool_result"]
    assert [result["tool_use_id"] for result in results] == [call["id"] for call in calls]
    for result, said in zip(results, RESULTS.values(), strict=True):
        assert said in words(result["content"])


def words(content: Any) -> str:
    """The text of a content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _plain(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "cache_control"}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function: Mapping[str, Any] = tool.get("function", tool)
    return function


def model_name(parts: Iterable[str]) -> str:
    """A name of its own for each task, so that all can run at once; it selects the Kimi family, and the vendor is
    strict."""
    return "kimi-" + "-".join(parts) + "+strict"
