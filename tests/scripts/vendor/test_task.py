import json
from typing import Any

import pytest

from scripts.vendor.kimi import chat_reply
from transforms.custom_input import FIELD

TASK = (
    'Write the words "seven quiet foxes" into the file "/home/me/foxes.txt", then read the file and say what it says.'
)
USER = {"role": "user", "content": TASK}
TEXT = {"type": "string"}


def tool(name: str, *required: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


WRITE = tool("Write", "file_path", "content", file_path=TEXT, content=TEXT)
READ = tool("Read", "file_path", file_path=TEXT, limit={"type": "integer"})
EDIT = tool("Edit", "file_path", "old_string", "new_string", file_path=TEXT, old_string=TEXT, new_string=TEXT)
BASH = tool("bash", "command", "description", command=TEXT, description=TEXT)
RESULTS = [
    {"role": "tool", "tool_call_id": f"functions.any:{n}", "content": text}
    for n, text in enumerate(("written", "     1\tseven quiet foxes"))
]


def message(words: str = "clean", tools: Any = (WRITE, READ), results: int = 0, **fields: Any) -> Any:
    said = [part for result in RESULTS[:results] for part in ({"role": "assistant", "content": "Well."}, result)]
    request = {"model": f"kimi+task+{words}", "messages": [USER, *said], "tools": list(tools), **fields}
    reply = chat_reply(json.dumps(request).encode())
    body = json.loads(b"".join(part for part in reply.parts if isinstance(part, bytes)))
    return body["choices"][0]["message"]


def called(answer: Any) -> tuple[str, Any]:
    [call] = answer["tool_calls"]
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def test_it_writes_reads_and_says_what_it_has_read() -> None:
    written = {"file_path": "/home/me/foxes.txt", "content": "seven quiet foxes\n"}
    assert called(message()) == ("Write", written)
    assert called(message(results=1)) == ("Read", {"file_path": "/home/me/foxes.txt"})
    last = message(results=2)
    assert last["content"] == "The file says: seven quiet foxes" and "tool_calls" not in last


def test_what_it_says_is_from_the_result() -> None:
    lost = {"role": "tool", "tool_call_id": "functions.any:1", "content": "no such file"}
    assert message(messages=[USER, RESULTS[0], lost])["content"] == "The file was not read."


SHELL = "printf '%s\\n' 'seven quiet foxes' > /home/me/foxes.txt"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (tool("write", "filePath", "content", filePath=TEXT, content=TEXT), {"filePath": "/home/me/foxes.txt"}),
        (BASH, {"command": SHELL, "description": "express"}),
        (tool("exec_command", "cmd", cmd=TEXT, yield_time_ms={"type": "number"}), {"cmd": SHELL}),
        (tool("shell", "command", command={"type": "array", "items": TEXT}), {"command": ["bash", "-lc", SHELL]}),
        (tool("run_commands", "commands", commands={"type": "array"}), {"commands": [SHELL]}),
        (
            tool("exec", FIELD, **{FIELD: TEXT}),
            {FIELD: f"text(await tools.exec_command({json.dumps({'cmd': SHELL})}));"},
        ),
    ],
)
def test_each_agent_has_its_own_tools(offered: Any, expected: dict[str, Any]) -> None:
    name, arguments = called(message(tools=[EDIT, READ, offered]))
    assert name == offered["function"]["name"]
    assert {key: arguments[key] for key in expected} == expected


def test_a_shell_reads_where_nothing_else_does() -> None:
    assert called(message(tools=[BASH], results=1))[1]["command"] == "cat /home/me/foxes.txt"


def test_the_defects_are_there_all_the_same() -> None:
    leaked = message("markers-in-content")
    assert "functions.Write:0<|tool_call_argument_begin|>" in leaked["content"] and "tool_calls" not in leaked
    assert message("markers-in-content", results=2)["content"] == "The file says: seven quiet foxes"
    mixed = message("orphan-think")
    assert mixed["content"].endswith("</think>   I write the file.") and called(mixed)[0] == "Write"
    assert message("orphan-think", results=2)["content"].endswith("</think>   The file says: seven quiet foxes")


def test_it_acts_when_it_is_reminded() -> None:
    reminder = {"role": "system", "content": "Reminder: your reply has no tool call."}
    done = tool("done", final_answer=TEXT)
    offered = (WRITE, READ, done)
    assert "tool_calls" not in message("no-tool-call-first", offered)
    assert called(message("no-tool-call-first", offered, messages=[USER, reminder]))[0] == "Write"
    ended = [USER, *RESULTS]
    assert message("no-tool-call-first", offered, messages=ended)["content"] == "The file says: seven quiet foxes"
    assert called(message("no-tool-call-first", offered, messages=[*ended, reminder])) == ("done", {})


def test_without_tools_it_says_the_edit_where_it_was_told_how() -> None:
    told = {"role": "system", "content": "Answer with *SEARCH/REPLACE* blocks."}
    assert "=======\nseven quiet foxes\n>>>>>>> REPLACE" in message(tools=(), messages=[told, USER])["content"]
    assert message(tools=())["content"] == "The answer is 42."


def test_other_words_are_no_task() -> None:
    assert message(messages=[{"role": "user", "content": "Hello"}])["content"] == "The answer is 42."


def test_without_a_fitting_tool_it_says_so() -> None:
    assert message(tools=[tool("lookup", term=TEXT)])["content"] == "There is no tool for this."
