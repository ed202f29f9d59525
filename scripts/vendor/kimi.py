"""The vendor's judgement: from a chat request to the reply, without a socket."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scripts.vendor import answer, call, task
from scripts.vendor.answer import Answer, Asked
from scripts.vendor.behaviour import FAMILIES, Behaviour, read_behaviour
from scripts.vendor.chat_rules import check_chat
from scripts.vendor.failures import SHAPES, page, refusal
from scripts.vendor.refusals import refusal_of
from scripts.vendor.reminders import count_reminders
from scripts.vendor.reply import Reply, body_reply, json_reply, stream_reply

MODELS = ("kimi-k2-thinking", "kimi-k2-instruct", "kimi-k2.6")
MOST_CHOICES = 128


def models_reply() -> Reply:
    models = [{"id": name, "object": "model", "created": answer.CREATED, "owned_by": "simulator"} for name in MODELS]
    return json_reply(200, {"object": "list", "data": models})


def judge_chat(body: bytes, header: str = "") -> Reply | None:
    """The 400 of a strict server, or of one with a rule of its own, where the request asks for one (`strict`,
    `refuses=…`) and is wrong. What cannot be read is left to `chat_reply`."""
    try:
        request = json.loads(body)
        behaviour = read_behaviour(str(request["model"]), header)
    except (ValueError, KeyError, TypeError):
        return None
    try:
        if "strict" in behaviour:
            check_chat(request)
        refused = refusal_of(request, behaviour.words["refuses"]) if "refuses" in behaviour else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        refused = str(error) or repr(error)
    return json_reply(400, refusal(400, refused)) if refused else None


def chat_reply(body: bytes, header: str = "") -> Reply:
    """The reply to the body of a chat request; `header` is the value of x-simulator. A request that cannot
    be read, and a behaviour that does not exist, get a 400."""
    try:
        request = json.loads(body)
        behaviour = read_behaviour(str(request["model"]), header)
        asked = read_asked(request, behaviour)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return json_reply(400, refusal(400, f"Invalid request: {error}"))
    if "hang" in behaviour:
        return Reply(silent=True)
    failure = failure_reply(behaviour, refusal)
    if failure:
        return failure
    said = choose_answer(asked, behaviour)
    if asked.stream:
        return stream_reply(answer.chunks(said, asked), behaviour)
    return body_reply(answer.body(said, asked), behaviour)


def read_asked(request: Mapping[str, Any], behaviour: Behaviour) -> Asked:
    """What the answer needs to know of a request. Raises ValueError, KeyError, TypeError or AttributeError for
    what is none."""
    delta = behaviour.number("delta")
    messages = list(request["messages"])
    if not all(isinstance(message, Mapping) for message in messages):
        raise TypeError("a message is not an object")
    choices = int(request.get("n") or 1)
    if not 1 <= choices <= MOST_CHOICES:
        raise ValueError(f"n is not between 1 and {MOST_CHOICES}")
    return Asked(
        model=str(request["model"]),
        messages=messages,
        tools=[tool for tool in request.get("tools") or () if isinstance(tool.get("function") or {}, Mapping)],
        stream=bool(request.get("stream")) and "json-answer-to-stream-request" not in behaviour,
        include_usage=bool((request.get("stream_options") or {}).get("include_usage")),
        choices=choices,
        delta=10**9 if delta == 0 else delta,
    )


def failure_reply(behaviour: Behaviour, refuse: Callable[[int], Mapping[str, Any]]) -> Reply | None:
    """The error that was asked for, if one was; `refuse` gives the body that belongs to a status."""
    status = behaviour.number("status")
    shape = behaviour.words.get("error-shape")
    if shape:
        usual, body = SHAPES[shape]
        return json_reply(status or usual, body)
    word = behaviour.words.get("error")
    if word is None:
        return None
    code = int(word[-3:])
    later = {"retry-after": "1"} if code in (429, 503, 529) else {}
    if "html" in word:
        content = page(code).encode()
        return Reply(status or code, {"content-type": "text/html", **later}, [content], len(content))
    if "empty" in word:
        return Reply(status or code, later, [], 0)
    return json_reply(status or code, refuse(code), later)


def choose_answer(asked: Asked, behaviour: Behaviour, identify: Callable[[int], str] | None = None) -> Answer:
    """What is said to this request. `identify` gives the ids that native calls have in place of Kimi's where their
    family gives them no special ones, by the call's number from 0."""
    made = call.offered_call(asked.tools)
    step = task.next_step(asked) if "task" in behaviour else None
    if step:
        made = task.take(step, made)
    if "large-arguments" in behaviour:
        size = behaviour.number("large-arguments") or 0
        made = replace(made, arguments={**made.arguments, "text": "A large argument.\n" * (size // 19)})
    if "text-chunks" in behaviour:
        delta = {"content": "word "}
        count = behaviour.number("text-chunks") or 0
        return Answer({"content": "word " * count}, deltas=[delta] * count)
    template = task.say(step, asked, behaviour) if step else FAMILIES[_family(asked, behaviour)]
    ids = {key: identify(number) for key, number in call.IDS.items()} if identify else {}
    placeholders = {**made.placeholders, **ids}
    return replace(
        template,
        message=call.fill(template.message, placeholders),
        deltas=None if template.deltas is None else call.fill(template.deltas, placeholders),
    )


def _family(asked: Asked, behaviour: Behaviour) -> str:
    """What to say where the words do not decide: the documented example if `lookup` is on offer, and a
    plain answer otherwise, also after a tool's result. Where reminders are waited for, they come first."""
    answered = bool(asked.messages) and asked.messages[-1].get("role") == "tool"
    if behaviour.reminders:
        if count_reminders(asked.messages) >= behaviour.reminders:
            return "clean-tool-call"
        return "clean" if answered and "once" in behaviour else behaviour.family or "no-tool-call"
    if answered and ("once" in behaviour or behaviour.family is None):
        return "clean"
    if behaviour.family:
        return behaviour.family
    if "large-arguments" in behaviour:
        return "clean-tool-call"
    names = [(tool.get("function") or {}).get("name") for tool in asked.tools]
    return "call-begin-as-terminator" if "lookup" in names else "clean"
