"""Calls that came as calls, and were wrong all the same: sections C and D of the corpus, and ids and names
of section B where they are about structured calls."""

from typing import Any

from scripts.vendor.answer import Answer, Fields
from scripts.vendor.markup import BEGIN, END, NATIVE

SECOND_CALL = {
    "id": "@second",
    "type": "function",
    "function": {"name": "@name", "arguments": "@other"},
}


def part(
    index: int | None = 0, identity: str | None = None, name: str | None = None, arguments: str | None = ""
) -> Fields:
    """One delta with a piece of a call; None leaves a field out."""
    fields: Fields = {} if index is None else {"index": index}
    if identity is not None:
        fields |= {"id": identity, "type": "function"}
    function = {"name": name, "arguments": arguments}
    fields["function"] = {key: value for key, value in function.items() if value is not None}
    return {"tool_calls": [fields]}


def streamed(*deltas: Fields, calls: int = 1) -> Answer:
    """A call that is wrong in its deltas only; the body is right."""
    return Answer({"content": None, "tool_calls": [NATIVE, SECOND_CALL][:calls]}, "tool_calls", deltas)


def called(finish: str | None = "tool_calls", **function: Any) -> Answer:
    """One call with fields of its `function` replaced; the stream is cut from it."""
    call = {**NATIVE, "function": {"name": "@name", "arguments": "@arguments", **function}}
    return Answer({"content": None, "tool_calls": [call]}, finish)


def identified(*ids: str | None) -> Answer:
    """Calls with these ids; None means that the field is absent."""
    arguments = ("@arguments", "@other")
    calls: list[Fields] = [
        {
            **({} if identity is None else {"id": identity}),
            "type": "function",
            "function": {"name": "@name", "arguments": text},
        }
        for identity, text in zip(ids, arguments, strict=False)
    ]
    return Answer({"content": None, "tool_calls": calls}, "tool_calls")


def _with_nulls(chunk: Fields) -> Fields:
    nulls = {"role": None, "content": None, "refusal": None, "tool_calls": None, "function_call": None}
    for choice in chunk["choices"]:
        if "delta" in choice:
            choice["delta"] = {**nulls, **choice["delta"]}
    return chunk


BOTH = (part(0, "@id", "@name", "@arguments"), part(0, "@second", "@name", "@other"))

STRUCTURED: dict[str, Answer] = {
    "id-missing": identified(None),
    "id-duplicate-in-response": identified("functions.@name:0", "functions.@name:0"),
    "id-not-anthropic-safe": identified("functions.@name:0"),
    "name-carries-id": called(name="functions.@name:3"),
    "name-numeric": called(name="15"),
    "name-empty": called(name=""),
    "name-garbled": called(name="@name?@tail"),
    "name-repeated-in-deltas": streamed(
        part(0, "@id", "@name", ""), part(0, "@id", "@name", "@first"), part(0, "@id", "@name", "@rest")
    ),
    "name-split-over-deltas": streamed(
        part(0, "@id", "@stem"),
        part(0, None, "@tail"),
        part(0, None, None, "@first"),
        part(0, None, None, "@rest"),
    ),
    "id-before-name": streamed(part(0, "@id"), part(0, None, "@name"), part(0, None, None, "@arguments")),
    "fresh-id-per-fragment": streamed(
        part(0, "call_a1", "@name"), part(0, "call_b2", None, "@first"), part(0, "call_c3", None, "@rest")
    ),
    "index-missing": streamed(part(None, "@id", "@name", "@arguments")),
    "index-always-zero": streamed(*BOTH, calls=2),
    "index-sparse": streamed(part(3, "@id", "@name", "@arguments"), part(5, "@second", "@name", "@other"), calls=2),
    "arguments-before-name": streamed(
        part(0, None, None, "@first"), part(0, "@id", "@name"), part(0, None, None, "@rest")
    ),
    "arguments-resent-whole": streamed(
        part(0, "@id", "@name", "@first"),
        part(0, None, None, "@arguments"),
        part(0, None, None, "@arguments"),
    ),
    "empty-tool-call-deltas": Answer(
        {"content": "Nothing to call."},
        "tool_calls",
        ({"content": "Nothing"}, *({"tool_calls": []} for _ in range(20)), {"content": " to call."}),
    ),
    "null-delta-fields": Answer({"content": None, "tool_calls": [NATIVE]}, "tool_calls", edit=_with_nulls),
    "arguments-double-encoded": called(arguments="@quoted"),
    "arguments-nested-string": called(arguments='{"lines":"[1, 2]"}'),
    "arguments-raw-control-chars": called(arguments="@control"),
    "arguments-truncated": called("length", arguments="@first"),
    "arguments-head-missing": streamed(part(0, "@id", "@name", ""), part(0, None, None, 'term":"express"}')),
    "markup-inside-arguments": called(
        arguments=f"@arguments{END}{BEGIN}functions.@name:1<|tool_call_argument_begin|>@other"
    ),
    "arguments-empty": called(arguments=""),
    "arguments-as-object": called(arguments={"term": "express"}),
    "arguments-python-literals": called(arguments="@python"),
    "arguments-trailing-comma": called(arguments="@comma"),
    "arguments-concatenated": called(arguments="{}@arguments"),
    "clean-markers-in-arguments": called(arguments=f'{{"term":"what does {BEGIN} mean, and </think>?"}}'),
    "clean-json-strings": called(arguments='{"term":"{\\"a\\": [1, 2]}"}'),
    "clean-tool-call": Answer(
        {"reasoning_content": "The tool knows this.", "content": "I ask the tool.", "tool_calls": [NATIVE]},
        "tool_calls",
    ),
    "clean-parallel-calls": Answer({"content": None, "tool_calls": [NATIVE, SECOND_CALL]}, "tool_calls"),
}
