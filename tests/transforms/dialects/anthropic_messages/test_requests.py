"""Anthropic's requests: read in OpenAI chat's words, and written back as they came."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.dialects import anthropic_messages
from transforms.dialects.anthropic_messages.requests import read_message, read_request, read_system
from transforms.events import Repair
from transforms.request import Call, Message, Part
from transforms.seal import seal

RECORDED = sorted((Path(__file__).parents[3] / "corpus/anthropic_messages/recorded").glob("*.json"))


def again(body: dict[str, Any]) -> dict[str, Any]:
    """The body, read and written, on the way through a text as on the wire."""
    body = json.loads(json.dumps(body))
    return json.loads(json.dumps(anthropic_messages.write_request(anthropic_messages.read_request(body))))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_body_is_written_as_it_was_read(path: Path) -> None:
    body = json.loads(path.read_bytes())
    assert again(body) == body


def test_every_client_is_recorded() -> None:
    assert len(RECORDED) >= 20


# ---------------------------------------------------------------------- invented bodies

NAMES = st.sampled_from(["x_new", "cache_control", "\u00e9"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=3), values, max_size=2),
    max_leaves=4,
)


def with_unknown(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """These fields, and unknown ones; a `?` in front of a name makes it optional."""
    known = {name: value for name, value in fields.items() if not name.startswith("?")}
    optional = {name.removeprefix("?"): value for name, value in fields.items() if name.startswith("?")}
    whole = st.fixed_dictionaries(known, optional=optional)
    return st.builds(lambda unknown, body: unknown | body, st.dictionaries(NAMES, VALUES, max_size=1), whole)


def just(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return with_unknown({name: st.just(value) for name, value in fields.items()})


TEXT = with_unknown({"type": st.just("text"), "text": st.text(max_size=5)})
SOURCE = st.sampled_from(
    [{"type": "url", "url": "https://x"}, {"type": "base64", "media_type": "a/b", "data": "AA=="}, {"type": "file"}, 7]
)
OTHERS = VALUES | just(type="hologram", layers=[1]) | just(type="server_tool_use", id="s", name="n", input={})
RESULT = with_unknown(
    {
        "type": st.just("tool_result"),
        "tool_use_id": st.text(max_size=4),
        "?content": VALUES
        | st.lists(TEXT | OTHERS | with_unknown({"type": st.just("image"), "source": SOURCE}), max_size=3),
        "?is_error": st.booleans() | st.none(),
    }
)
BLOCK = (
    TEXT
    | RESULT
    | OTHERS
    | with_unknown({"type": st.sampled_from(["image", "document"]), "source": SOURCE, "?title": VALUES})
    | with_unknown(
        {"type": st.just("thinking"), "?thinking": st.text(max_size=4), "?signature": VALUES | st.just(seal())}
    )
    | with_unknown({"type": st.just("redacted_thinking"), "data": VALUES | st.just(seal("a", [{"b": 1}]))})
    | with_unknown({"type": st.just("tool_use"), "?id": VALUES, "?name": VALUES, "?input": VALUES})
    | just(type="tool_reference", tool_name="late")
)
MESSAGE = with_unknown(
    {
        "role": st.sampled_from(["user", "assistant", "system", "user", "assistant", "", "critic"]) | VALUES,
        "?content": st.text(max_size=5) | st.lists(BLOCK, max_size=4) | VALUES,
        "?output_config": VALUES | st.just({"effort": "low"}),
    }
)
TOOL = with_unknown(
    {
        "?name": st.sampled_from(["look", "late"]) | VALUES,
        "?input_schema": st.just({"type": "object"}) | VALUES,
        "?type": st.sampled_from(["custom", "web_search_20250305"]),
        "?description": VALUES,
        "?defer_loading": st.booleans(),
        "?strict": VALUES,
    }
)
BODY = with_unknown(
    {
        "model": st.text(max_size=4),
        "messages": st.lists(MESSAGE, max_size=5),
        "?system": st.text(max_size=5) | st.lists(TEXT | VALUES, max_size=3) | VALUES,
        "?tools": st.lists(TOOL, max_size=3) | st.none(),
        "?stream": st.booleans() | st.none(),
        "?max_tokens": st.integers(1, 9) | VALUES,
        "?temperature": st.floats(0, 2) | VALUES,
        "?stop_sequences": st.lists(st.text(max_size=2) | VALUES, max_size=2) | VALUES,
        "?thinking": VALUES | st.sampled_from([{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1024}]),
        "?output_config": VALUES | st.just({"format": {"type": "json_schema", "schema": {}}, "effort": "high"}),
        "?tool_choice": VALUES | st.just({"type": "tool", "name": "look", "disable_parallel_tool_use": True}),
    }
)


@given(BODY)
@settings(max_examples=300)
def test_any_body_is_written_as_it_was_read(body: dict[str, Any]) -> None:
    assert again(body) == body


# ---------------------------------------------------------------------- what is read


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def part(said: str) -> Part:
    return Part(text(said))


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}}
IMAGE_PART = Part({"type": "image_url", "image_url": {"url": "https://x/a.png"}})


def result(content: Any = None, id: str = "toolu_1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, **({} if content is None else {"content": content}), **more}


def use(id: Any = "toolu_1", name: Any = "look", input: Any = None) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def tool(content: Any, id: str = "toolu_1") -> Message:
    return Message("tool", content, tool_call_id=id)


SIGNED = {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1"}
REDACTED = {"type": "reasoning.encrypted", "data": "ZW5j", "format": "anthropic-claude-v1"}
ENTRY = {"type": "reasoning.encrypted", "data": "x"}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}

MESSAGES: dict[str, tuple[Any, list[Message]]] = {
    "a string": ({"role": "user", "content": "go"}, [Message("user", "go")]),
    "blocks": (
        {"role": "user", "content": [text("a"), text("b", cache_control={"type": "ephemeral"}), IMAGE]},
        [
            Message(
                "user",
                (part("a"), Part(text("b", cache_control={"type": "ephemeral"})), IMAGE_PART),
            )
        ],
    ),
    "no content": ({"role": "user"}, [Message("user", ())]),
    "content of a wrong type": ({"role": "user", "content": 5}, [Message("user", ())]),
    "no role": ({"content": "go"}, [Message("", "go")]),
    "instructions in between": (
        {"role": "system", "content": [text("Hurry.")]},
        [Message("system", (part("Hurry."),))],
    ),
    "results and words": (
        {"role": "user", "content": [text("First?"), result("a"), result("b", "toolu_2"), text("And?")]},
        [tool("a"), tool("b", "toolu_2"), Message("user", (part("First?"), part("And?")))],
    ),
    "an id of ours": (
        {"role": "user", "content": [result("a", "toolu_functions-2elook-3a0")]},
        [tool("a", "functions.look:0")],
    ),
    "a result in blocks": ({"role": "user", "content": [result([text("a"), text("b")])]}, [tool("a\nb")]),
    "a result with an image": (
        {"role": "user", "content": [result([text("a"), IMAGE])]},
        [tool((part("a"), IMAGE_PART))],
    ),
    "a result without content": ({"role": "user", "content": [result()]}, [tool("")]),
    "a result without id": ({"role": "user", "content": [{"type": "tool_result"}]}, [tool("", "")]),
    "an error": ({"role": "user", "content": [result("No file.", is_error=True)]}, [tool("Error: No file.")]),
    "an error that says so": ({"role": "user", "content": [result("ERROR 5", is_error=True)]}, [tool("ERROR 5")]),
    "an error without words": ({"role": "user", "content": [result(is_error=True)]}, [tool("Error: ")]),
    "an error with an image": (
        {"role": "user", "content": [result([IMAGE], is_error=True)]},
        [tool((part("Error: "), IMAGE_PART))],
    ),
    "no error": ({"role": "user", "content": [result("a", is_error=False)]}, [tool("a")]),
    "tools that were found": (
        {"role": "user", "content": [result([{"type": "tool_reference", "tool_name": "Web"}])]},
        [tool("The tool Web is available now.")],
    ),
    "a turn in a string": ({"role": "assistant", "content": "a"}, [Message("assistant", "a")]),
    "a turn of one text": ({"role": "assistant", "content": [text("a")]}, [Message("assistant", "a")]),
    "a turn of texts": (
        {"role": "assistant", "content": [text("a"), text("b")]},
        [Message("assistant", (part("a"), part("b")))],
    ),
    "a turn with calls": (
        {
            "role": "assistant",
            "content": [THINKING, text("a"), use(input={"b": "\u00e9"}), use("toolu_functions-2erun-3a1", "run")],
        },
        [
            Message(
                "assistant",
                "a",
                (Call("toolu_1", "look", '{"b": "\u00e9"}'), Call("functions.run:1", "run", "{}")),
                reasoning="Hm.",
                extra={"reasoning_details": [SIGNED]},
            )
        ],
    ),
    "a turn of calls": (
        {"role": "assistant", "content": [use(input=[1])]},
        [Message("assistant", None, (Call("toolu_1", "look", "[1]"),))],
    ),
    "a call of wrong types": (
        {"role": "assistant", "content": [use(5, None, 7)]},
        [Message("assistant", None, (Call("", "", "7"),))],
    ),
    "thinking of several kinds": (
        {
            "role": "assistant",
            "content": [
                THINKING,
                text("a"),
                {"type": "redacted_thinking", "data": "ZW5j"},
                {"type": "thinking", "thinking": " So.", "signature": seal(details=[ENTRY])},
                {"type": "thinking", "thinking": " Yes.", "signature": ""},
            ],
        },
        [
            Message(
                "assistant",
                "a",
                reasoning="Hm. So. Yes.",
                extra={"reasoning_details": [SIGNED, REDACTED, ENTRY]},
            )
        ],
    ),
    "an empty turn": ({"role": "assistant", "content": []}, [Message("assistant", ())]),
    "a turn without content": ({"role": "assistant"}, [Message("assistant", ())]),
}


@pytest.mark.parametrize(("message", "read"), MESSAGES.values(), ids=MESSAGES)
def test_messages(message: dict[str, Any], read: list[Message]) -> None:
    reported: list[Repair] = []
    assert list(read_message(message, reported.append)) == read
    assert not reported


@pytest.mark.parametrize(
    ("message", "kind", "before"),
    [
        ({"role": "user", "content": "a", "x_new": 1}, "request-field-dropped", "x_new=1"),
        (
            {"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]},
            "request-item-dropped",
            'container_upload={"type":"container_upload","file_id":"f"}',
        ),
        (
            {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s"}, use()]},
            "request-item-dropped",
            'server_tool_use={"type":"server_tool_use","id":"s"}',
        ),
        ({"role": "user", "content": [result([{"type": "odd"}])]}, "request-item-dropped", 'odd={"type":"odd"}'),
    ],
)
def test_what_cannot_be_said_is_reported(message: dict[str, Any], kind: str, before: str) -> None:
    reported: list[Repair] = []
    read_message(message, reported.append)
    assert reported == [Repair(kind, before)]


@pytest.mark.parametrize(
    ("system", "messages"),
    [
        (None, []),
        ("", []),
        ([], []),
        ("Be brief.", [Message("system", "Be brief.")]),
        ([text("a"), text("b")], [Message("system", (part("a"), part("b")))]),
        (5, [Message("system", ())]),
    ],
)
def test_instructions(system: Any, messages: list[Message]) -> None:
    assert list(read_system(system, pytest.fail)) == messages


def test_a_request() -> None:
    body = {
        "model": "claude",
        "max_tokens": 9,
        "stream": True,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "go"}],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}, "odd"],
        "output_config": {"effort": "low"},
        "container": "c",
        "metadata": {"user_id": "u"},
    }
    request = read_request(body)
    assert (request.model, request.stream, request.effort) == ("claude", True, "low")
    assert list(request.messages) == [Message("system", "Be brief."), Message("user", "go")]
    assert [tool.name for tool in request.tools] == ["look"]
    assert request.parameters == {"max_tokens": 9}
    assert list(request.losses) == [Repair("request-field-dropped", 'container="c"')]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "model: None is not a string"),
        ({"model": 5, "messages": []}, "model: 5 is not a string"),
        ({"model": "m"}, "messages: None is not a list of messages"),
        ({"model": "m", "messages": {"role": "user"}}, r"messages: \{'role': 'user'\} is not a list of messages"),
        ({"model": "m", "messages": [{}, "go"]}, r"messages\[1\]: 'go' is not an object"),
    ],
)
def test_what_is_no_request_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_request(body)
