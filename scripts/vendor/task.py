"""A small task of an agent, done as the user words it:

    Write the words "WORDS" into the file "PATH", then read the file and say what it says.

The vendor takes what it is offered: a tool that writes files and one that reads them, known by their schemas, or else
a shell. Each result brings it a step further, and what it says in the end it has from the last one. Without tools it
writes the edit in the text, where it was told how (aider). So real agents can do something real with this vendor,
whichever way its answers are wrong.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scripts.vendor.answer import Answer, Asked
from scripts.vendor.behaviour import FAMILIES, Behaviour
from scripts.vendor.call import Call, has_call, sample
from scripts.vendor.markup import NATIVE
from scripts.vendor.reminders import count_reminders, spoken_texts

# Some clients pass their arguments on with the quotes escaped.
WORDED = re.compile(r'Write the words \\?"([^"\\]+)\\?" into the file \\?"([^"\\]+)\\?"')
SPOKEN = "The answer is 42."  # what the tables say where an answer is said
SUCCESS, FAILURE = "The file says: {}", "The file was not read."

_PATH = ("file_path", "filePath", "absolute_path", "path", "file")
_CONTENT = ("content", "contents", "file_text", "new_text", "text")
_COMMAND = ("command", "cmd", "commands")
_WRITES, _READS, _RUNS = (re.compile(words, re.I) for words in ("writ|creat|edit", "read|view", "bash|shell|command"))
_SCRIPT = "exec"  # Codex: a tool whose input is JavaScript, which has the other tools


@dataclass(frozen=True, slots=True)
class Step:
    """What the model does next: a call, or without one a text that ends the turn."""

    text: str
    name: str | None = None
    arguments: Mapping[str, Any] | None = None


def next_step(asked: Asked) -> Step | None:
    """The task's next step; None where the user has set no such task."""
    found = None
    for place, message in enumerate(asked.messages):
        for text in spoken_texts(message):
            found = (place, match) if (match := WORDED.search(text)) else found
    if found is None:
        return None
    place, task = found
    words, path = task.groups()
    functions = [tool["function"] for tool in asked.tools]
    if not functions:
        told = any("SEARCH/REPLACE" in text for message in asked.messages for text in _all_texts(message))
        return Step(_edit(path, words) if told else SPOKEN)
    results = [message for message in asked.messages[place:] if message.get("role") == "tool"]
    if not results:
        return _made("I write the file.", _write(functions, path, words))
    if len(results) == 1:
        return _made("Now I read it.", _read(functions, path))
    return Step(SUCCESS.format(words) if words in json.dumps(results[-1], ensure_ascii=False) else FAILURE)


def take(step: Step, made: Call) -> Call:
    """The call of this step, in place of one that was made up."""
    return made if step.name is None else replace(made, name=step.name, arguments=step.arguments or {})


def say(step: Step, asked: Asked, behaviour: Behaviour) -> Answer:
    """How the step is said. Where reminders are waited for, its call comes behind them, and in the end the one that
    ends a turn."""
    if not behaviour.reminders:
        return _suit(FAMILIES[behaviour.family or "clean"], step)
    if count_reminders(asked.messages) >= behaviour.reminders:
        return FAMILIES["clean-tool-call" if step.name else "done"]
    return FAMILIES["no-tool-call"] if step.name else _ended(step)


def _suit(template: Answer, step: Step) -> Answer:
    """An answer of the tables that does this step, and is wrong in the same way: one that only speaks calls beside
    it, and one that calls is no answer for the end."""
    calls = has_call(template.message)
    if step.name is None and calls:
        return _ended(step)
    message = {
        key: value.replace(SPOKEN, step.text) if isinstance(value, str) else value
        for key, value in template.message.items()
    }
    if step.name is None or calls:
        return replace(template, message=message)
    return replace(template, message={**message, "tool_calls": [NATIVE]}, finish="tool_calls", deltas=None)


def _ended(step: Step) -> Answer:
    return Answer({"reasoning_content": "That was all.", "content": step.text})


def _made(text: str, called: tuple[str, Mapping[str, Any]] | None) -> Step:
    return Step(text, *called) if called else Step("There is no tool for this.")


def _write(functions: Sequence[Mapping[str, Any]], path: str, words: str) -> tuple[str, Mapping[str, Any]] | None:
    for name, schema, places in _named(functions, _WRITES):
        where, what = _first(places, _PATH), _first(places, _CONTENT)
        if where and what and set(schema.get("required") or ()) <= {where, what}:
            return name, {where: path, what: f"{words}\n"}
    return _run(functions, f"printf '%s\\n' {shlex.quote(words)} > {shlex.quote(path)}")


def _read(functions: Sequence[Mapping[str, Any]], path: str) -> tuple[str, Mapping[str, Any]] | None:
    for name, schema, places in _named(functions, _READS):
        where = _first(places, _PATH)
        if where and set(schema.get("required") or ()) <= {where}:
            return name, {where: path}
    return _run(functions, f"cat {shlex.quote(path)}")


def _run(functions: Sequence[Mapping[str, Any]], line: str) -> tuple[str, Mapping[str, Any]] | None:
    for name, schema, places in _named(functions, _RUNS):
        how = _first(places, _COMMAND)
        if how:
            listed = isinstance(places[how], Mapping) and places[how].get("type") == "array"
            value: Any = [line] if how == "commands" else ["bash", "-lc", line] if listed else line
            return name, {**sample({**schema, "required": list(schema.get("required") or ())}), how: value}
    for function in functions:
        if function.get("name") == _SCRIPT:
            return _SCRIPT, {"input": f"text(await tools.exec_command({json.dumps({'cmd': line})}));"}
    return None


def _named(
    functions: Sequence[Mapping[str, Any]], pattern: re.Pattern[str]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """The tools of such a name: with their schema and its properties."""
    for function in functions:
        schema = function.get("parameters")
        places = schema.get("properties") if isinstance(schema, Mapping) else None
        if isinstance(schema, Mapping) and isinstance(places, Mapping) and pattern.search(str(function.get("name"))):
            yield str(function["name"]), schema, places


def _first(places: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in places), None)


def _all_texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    yield content if isinstance(content, str) else json.dumps(content)


def _edit(path: str, words: str) -> str:
    """An edit as aider asks for it: nothing is replaced by the words, which makes the file."""
    name = path.rpartition("/")[2]
    return f"{name}\n```\n<<<<<<< SEARCH\n=======\n{words}\n>>>>>>> REPLACE\n```\n"
