"""How a turn ends where the proxy insists on tool calls: without one, with its own tool for the end, with calls of no
use, and with words that merely mention all that.

`@done` is what the tool for the end is called.
"""

from scripts.vendor.answer import Answer, Fields
from scripts.vendor.markup import ARGUMENTS, BEGIN, END, NATIVE, SECTION, SECTION_END, said
from scripts.vendor.structured import called

ANNOUNCEMENT = "Let me check that for you."
FINAL_ANSWER = "It is sunny in Paris."


def made(name: str, identity: str, arguments: str = "{}") -> Fields:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


DONE = made("@done", "@done_id")
MENTION = (
    'When I am done, I call `done`. That looks like "done()", or, as the model writes it:\n\n```\n'
    f"{SECTION}{BEGIN}functions.@done:0{ARGUMENTS}{{}}{END}{SECTION_END}\n```\n\nI have not called it."
)

ENDINGS: dict[str, Answer] = {
    "no-tool-call": said(ANNOUNCEMENT),
    "done": Answer({"content": None, "tool_calls": [DONE]}, "tool_calls"),
    "done-final-answer": Answer(
        {
            "content": None,
            "tool_calls": [made("@done", "@done_id", f'{{"final_answer": "{FINAL_ANSWER}"}}')],
        },
        "tool_calls",
    ),
    "done-beside-call": Answer({"content": None, "tool_calls": [NATIVE, made("@done", "@done_second")]}, "tool_calls"),
    "text-then-done": Answer({"content": ANNOUNCEMENT, "tool_calls": [DONE]}, "tool_calls"),
    "unknown-tool": Answer({"content": None, "tool_calls": [made("no_such_tool", "@unknown_id")]}, "tool_calls"),
    "unreadable-arguments": called(arguments="<<<"),
    "mentions-done": said(MENTION),
}
