"""Calls that stand as markup in the text, and text that must be left alone.

The families of sections A, B and H of the corpus, under the corpus's names. `@name` and `@arguments` are
replaced by the call that the request makes possible.
"""

from scripts.vendor.answer import Answer

SECTION = "<|tool_calls_section_begin|>"
SECTION_END = "<|tool_calls_section_end|>"
SINGULAR = "<|tool_call_section_begin|>"
SINGULAR_END = "<|tool_call_section_end|>"
BEGIN = "<|tool_call_begin|>"
ARGUMENTS = "<|tool_call_argument_begin|>"
ARGUMENTS_END = "<|tool_call_argument_end|>"
END = "<|tool_call_end|>"

HEAD = f"{BEGIN}functions.@name:0{ARGUMENTS}"
CALL = f"{HEAD}@arguments{END}"
SECOND = f"{BEGIN}functions.@name:1{ARGUMENTS}@other{END}"
LEAK = f"{SECTION}{CALL}{SECTION_END}"

README_EXAMPLE = f"Let me search for that.     {BEGIN}    functions.@name:42  {ARGUMENTS}   @arguments   {BEGIN}  "


def said(content: str | None, reasoning: str | None = None, finish: str | None = "stop") -> Answer:
    message: dict[str, object] = {"content": content}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    return Answer(message, finish)


def headed(header: str) -> Answer:
    """A leaked call whose header is not `functions.NAME:INDEX`."""
    return said(f"One moment.{SECTION}{BEGIN}{header}{ARGUMENTS}@arguments{END}{SECTION_END}")


NATIVE = {"id": "@id", "type": "function", "function": {"name": "@name", "arguments": "@arguments"}}

MARKUP: dict[str, Answer] = {
    "markers-in-content": said(f"I will look that up.{LEAK}"),
    "markers-in-reasoning": said("", f"The tool knows this, so I ask it.{LEAK}"),
    "section-marker-singular": said(f"One moment.{SINGULAR}{CALL}{SINGULAR_END}"),
    "section-marker-absent": said(f"One moment.{CALL}"),
    "section-end-missing": said(f"One moment.{SECTION}{CALL}"),
    "call-end-missing": said(f"One moment.{SECTION}{HEAD}@arguments{SECTION_END}"),
    "call-begin-as-terminator": said(README_EXAMPLE),
    "section-begin-missing": said(f"One moment.{CALL}{SECTION_END}"),
    "marker-truncated": said(f"One moment.{SECTION}{CALL}<|tool_calls_section_en"),
    "marker-whitespace": said(
        f"One moment. {SECTION}\n {BEGIN} functions.@name:0 {ARGUMENTS} @arguments {END}\n{SECTION_END}\n"
    ),
    "text-around-section": said(f"Before the call.{LEAK}And after it."),
    "multiple-sections": said(f"First one.{LEAK}Then another.{SECTION}{SECOND}{SECTION_END}"),
    "noise-in-section": said(f"One moment.{SECTION}and so\n{CALL} then {SECOND}{SECTION_END}"),
    "empty-section": said(f"Nothing to look up.{SECTION}{SECTION_END}", finish="tool_calls"),
    "argument-end-marker": said(f"One moment.{SECTION}{HEAD}@arguments{ARGUMENTS_END}{END}{SECTION_END}"),
    "markers-stripped": said("One moment. functions.@name:0@arguments"),
    "structured-plus-leaked": Answer({"content": f"One moment.{LEAK}", "tool_calls": [NATIVE]}, "tool_calls"),
    "tool-call-tag-remnant": said("That is all for now.<tool_call>Web<tool_call>mcp__per"),
    "foreign-call-grammar": said(
        '<function_calls><invoke name="@name">@arguments</invoke></function_calls>', "The tool knows."
    ),
    "name-inside-arguments": said(
        f'{SECTION}{BEGIN}call_8f2c{ARGUMENTS}{{"name":"@name","arguments":@arguments}}{END}{SECTION_END}'
    ),
    "control-token-leak": said("The answer is 42.<|im_end|>"),
    "content-part-repr": said("[{'type': 'text', 'text': 'The answer is 42.'}]"),
    "whole-call-in-one-chunk": Answer({"content": "One moment.", "tool_calls": [NATIVE]}, "tool_calls", together=True),
    "call-spans-channels": said(f"@arguments{END}{SECTION_END}", f"The tool knows.{SECTION}{HEAD}"),
    "leak-without-tools": said(f"I will look that up.{LEAK}"),
    "id-bare-index": headed("0"),
    "id-no-prefix": headed("@name:0"),
    "id-no-index": headed("functions.@name"),
    "id-no-separators": headed("@dotless"),
    "id-underscore": headed("functions_@name_0"),
    "id-parenthesised": headed("functions(@name):0.0"),
    "id-call-style": headed("call_48213"),
    "k3-grammar": said(
        'One moment.<|open|>call tool="@name" index="0"<|sep|><|open|>argument key="term" type="string"<|sep|>'
        "express<|close|>argument<|sep|><|close|>call<|sep|>"
    ),
    "name-hallucinated": headed("functions.consult_oracle:0"),
    "clean-lookalikes": said("If a < b then <b>a|b</b>, and functions.@name:0 is an id. The end: <|"),
    "clean-marker-talk": said(f"A call starts with `{BEGIN}`:\n\n```\n{LEAK}\n```\n\nThat is all there is to it."),
    "clean-think-talk": said("Close the tag with `</think>`.\n\n```\n<think>\nso\n</think>\n```\n"),
    "clean-no-content-talk": said('The server answers "(no content)" when a file is empty.'),
    "clean-whitespace": said("One.\n\n\n  Two,   with room.\n\n```\n\tx = 1\n```\n", "Short."),
}
