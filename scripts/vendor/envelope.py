"""A right answer in a wrong envelope: section F of the corpus.

The functions have the last word on each chunk of a stream and on the body; a choice's part is its `delta`
in the one and its `message` in the other.
"""

from collections.abc import Callable

from scripts.vendor.answer import Answer, Fields
from scripts.vendor.markup import NATIVE, said

PLAIN = {"reasoning_content": "Six times seven.", "content": "The answer is 42."}
CALLING = {"content": None, "tool_calls": [NATIVE]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def _drop_finish(chunk: Fields) -> Fields:
    return {**chunk, "choices": [{**choice, "finish_reason": ""} for choice in chunk["choices"]]}


def _finish_error(chunk: Fields) -> Fields:
    failed = any(choice["finish_reason"] == "error" for choice in chunk["choices"])
    return {**chunk, "error": {"code": 502, "message": "Provider disconnected"}} if failed else chunk


def _native_finish(chunk: Fields) -> Fields:
    choices = [{**choice, "native_finish_reason": choice["finish_reason"]} for choice in chunk["choices"]]
    return {**chunk, "choices": choices}


def _content_parts(chunk: Fields) -> Fields:
    def listed(part: Fields) -> Fields:
        text = part.get("content")
        return {**part, "content": [{"type": "text", "text": text}]} if text else part

    return _each_part(chunk, listed)


def _without_content(chunk: Fields) -> Fields:
    return _each_part(chunk, lambda part: {key: value for key, value in part.items() if key != "content"})


def _repeated_role(chunk: Fields) -> Fields:
    return _each_part(chunk, lambda part: {"role": "assistant", **part})


def _each_part(chunk: Fields, change: Callable[[Fields], Fields]) -> Fields:
    choices = [
        {key: change(value) if key in ("delta", "message") else value for key, value in choice.items()}
        for choice in chunk["choices"]
    ]
    return {**chunk, "choices": choices}


def _no_choices(chunk: Fields) -> Fields:
    return {**chunk, "choices": []}


def _usage_in_choice(chunk: Fields) -> Fields:
    choices = [{**choice, "usage": USAGE} if choice["finish_reason"] else choice for choice in chunk["choices"]]
    return {**{key: value for key, value in chunk.items() if key != "usage"}, "choices": choices}


def _bare(chunk: Fields) -> Fields:
    choices = [{key: value for key, value in choice.items() if key != "index"} for choice in chunk["choices"]]
    return {"choices": choices}


ENVELOPE: dict[str, Answer] = {
    "clean": Answer(PLAIN),
    "finish-stop-with-calls": Answer(CALLING, "stop"),
    "finish-missing": Answer(CALLING, None),
    "finish-empty": Answer(PLAIN, edit=_drop_finish),
    "finish-masks-truncation": Answer(
        {
            "content": None,
            "tool_calls": [{**NATIVE, "function": {"name": "@name", "arguments": "@first"}}],
        },
        "tool_calls",
    ),
    "finish-calls-without-calls": said("There is nothing to call.", finish="tool_calls"),
    "finish-error": Answer({"content": "Half an answer"}, "error", edit=_finish_error),
    "finish-nonstandard": Answer(CALLING, "tool_use", edit=_native_finish),
    "finish-content-filter": Answer(CALLING, "content_filter"),
    "content-null-or-missing": Answer(CALLING, "tool_calls", edit=_without_content),
    "content-as-parts": Answer(PLAIN, edit=_content_parts),
    "choices-empty": Answer(PLAIN, edit=_no_choices),
    "usage-misplaced": Answer(PLAIN, edit=_usage_in_choice),
    "usage-late-or-missing": Answer(PLAIN, usage=False),
    "role-missing-or-repeated": Answer(PLAIN, edit=_repeated_role),
    "envelope-fields-missing": Answer(PLAIN, edit=_bare),
    "deltas-after-finish": Answer(
        PLAIN,
        after=(
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": None}]},
        ),
    ),
    "tool-choice-none-ignored": Answer(CALLING, "tool_calls"),
    "sse-unicode-line-breaks": said("One\u2028two\u2029three\u0085four."),
    "sse-utf8-split": said("Füße, 東京, naïve 🐙 и всё."),
}
