"""A request of one format, told to a provider of another."""

import json
from pathlib import Path
from typing import Any

import pytest

from transforms.dialects import anthropic_messages, openai_chat
from transforms.events import Repair
from transforms.request import Message, Part, Request, Source
from transforms.seal import seal
from transforms.translation import DROPPED, IMAGES_NOTE, NO_TOOLS, REPAIR_KINDS, keep_signed_thinking, translate
from transforms.vendors import VENDORS

RECORDED = Path(__file__).parents[1] / "corpus/anthropic_messages/recorded"
ANTHROPIC, GENERIC = VENDORS["anthropic"], VENDORS["generic"]
BILLING = "x-anthropic-billing-header: cc_version=2.1; cch=00000;"
USER = {"role": "user", "content": "go"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def asked(messages: Any = (USER,), **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": list(messages), **fields}


def to_chat(body: dict[str, Any]) -> tuple[dict[str, Any], list[Repair]]:
    """An Anthropic body as a provider of OpenAI chat gets it, and what was reported."""
    reported: list[Repair] = []
    request = translate(anthropic_messages.read_request(body), "openai_chat", reported.append)
    assert {repair.kind for repair in reported} <= REPAIR_KINDS.keys()
    return openai_chat.write_request(request), reported


def to_anthropic(body: dict[str, Any], vendor: Any = GENERIC) -> tuple[dict[str, Any], list[Repair]]:
    reported: list[Repair] = []
    request = translate(anthropic_messages.read_request(body), "anthropic_messages", reported.append)
    if vendor.checks_signatures:
        request = keep_signed_thinking(request, reported.append)
    return anthropic_messages.write_request(request), reported


def recorded(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_bytes())
    return body


def test_what_is_reported_is_described() -> None:
    assert set(DROPPED) <= REPAIR_KINDS.keys()


# ---------------------------------------------------------------------- whose bill it is


@pytest.mark.parametrize(
    ("system", "left"),
    [
        (BILLING, None),
        (f"{BILLING}\n", None),
        (f"{BILLING}\n\nBe brief.\nAnd kind.", "Be brief.\nAnd kind."),
        (f"  {BILLING.upper()}\nBe brief.", "Be brief."),
        ([text(BILLING)], None),
        ([text(BILLING), text("Be brief.")], "Be brief."),
        ([text("a"), text(BILLING), text("b")], "a\n\nb"),
    ],
)
def test_the_billing_line_is_taken_away(system: Any, left: str | None) -> None:
    body, reported = to_chat(asked(system=system))
    assert body["messages"] == [*([{"role": "system", "content": left}] if left else []), USER]
    assert reported == [Repair("request-billing-block")]
    native, reported = to_anthropic(asked(system=system))
    assert BILLING not in str(native).lower() and native["messages"] == [USER]
    assert reported == [Repair("request-billing-block")]


@pytest.mark.parametrize("system", [f"About {BILLING}", "Be brief.", [text(f"About {BILLING}"), text("b")], [IMAGE]])
def test_instructions_without_it_stay(system: Any) -> None:
    body = asked([USER, {"role": "user", "content": BILLING}], system=system)
    assert to_anthropic(body) == (body, [])


# ---------------------------------------------------------------------- whose thinking it is

SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
OURS = {"type": "thinking", "thinking": "Hm.", "signature": seal()}
SEALED = {
    "type": "thinking",
    "thinking": "Hm.",
    "signature": seal(details=[{"type": "reasoning.encrypted", "data": "x"}]),
}
REDACTED = {"type": "redacted_thinking", "data": "ZW5j"}


@pytest.mark.parametrize(
    ("thinking", "left"),
    [
        ([], []),
        ([SIGNED, REDACTED], [SIGNED, REDACTED]),
        ([{**SIGNED, "thinking": ""}], [{**SIGNED, "thinking": ""}]),
        ([{**SIGNED, "signature": ""}], []),
        ([OURS], []),
        ([SEALED], []),
        ([OURS, SIGNED], [SIGNED]),
        ([SEALED, REDACTED], [REDACTED]),
        ([{"type": "redacted_thinking", "data": seal("Hm.")}], []),
    ],
)
def test_a_vendor_that_checks_signatures_gets_its_own_thinking_only(thinking: list[Any], left: list[Any]) -> None:
    body = asked([USER, {"role": "assistant", "content": [*thinking, text("Ok.")]}, USER])
    written, reported = to_anthropic(body, ANTHROPIC)
    assert written["messages"] == [USER, {"role": "assistant", "content": [*left, text("Ok.")]}, USER]
    assert [repair.kind for repair in reported] == ["request-signature-dropped"] * (thinking != left)
    assert to_anthropic(body) == (body, [])


def test_thinking_of_a_chat_client_is_no_model_s_own() -> None:
    turn = {"role": "assistant", "content": "Ok.", "reasoning_content": "Hm.", "reasoning_details": ["odd", {"a": 1}]}
    request = openai_chat.read_request(asked([USER, turn, {**turn, "reasoning_details": "odd"}]))
    translated = keep_signed_thinking(request, lambda repair: None)
    assert [message.reasoning for message in translated.messages] == [None] * 3
    assert all("reasoning_details" not in message.extra for message in translated.messages)


# ---------------------------------------------------------------------- a turn that another model began

BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 4096}, "max_tokens": 9000}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "found"}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


SECOND = [assistant({**CALL, "id": "toolu_2"}), user({**RESULT, "tool_use_id": "toolu_2"})]


@pytest.mark.parametrize(
    ("messages", "off"),
    [
        ([USER], False),
        ([USER, assistant(SIGNED, CALL), user(RESULT)], False),
        ([USER, assistant(REDACTED, CALL), user(RESULT)], False),
        ([USER, assistant(SIGNED, CALL), user(RESULT), *SECOND], False),
        ([USER, assistant(CALL), user(RESULT), assistant(text("Found.")), USER], False),
        ([USER, assistant(CALL), user(RESULT), assistant(text("Found.")), USER, assistant(text("It"))], False),
        ([USER, assistant(CALL), user(RESULT)], True),
        ([USER, assistant(OURS, CALL), user(RESULT)], True),
        ([USER, assistant(text("Let me."), CALL), user(RESULT)], True),
        ([USER, assistant(CALL), user(RESULT), *SECOND], True),
        ([USER, assistant(CALL), user(RESULT), assistant(SIGNED, *SECOND[0]["content"]), SECOND[1]], True),
        ([USER, assistant(CALL), user(RESULT, text("Hurry."))], True),
        ([USER, assistant(CALL), user(RESULT), USER], True),
        ([USER, assistant(CALL), {"role": "system", "content": "Be brief."}, user(RESULT)], True),
        ([USER, assistant(SIGNED, text("a")), USER, assistant(CALL), user(RESULT)], True),
        ([user(RESULT)], False),
    ],
)
def test_a_turn_begun_without_its_own_thinking_goes_on_without_any(messages: Any, off: bool) -> None:
    written, reported = to_anthropic(asked(messages, **BUDGET), ANTHROPIC)
    assert written["thinking"] == ({"type": "disabled"} if off else BUDGET["thinking"])
    assert [repair.kind for repair in reported if repair.kind == "request-thinking-off"] == [
        "request-thinking-off"
    ] * off
    assert to_anthropic(asked(messages, **BUDGET))[0]["thinking"] == BUDGET["thinking"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "adaptive"}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ],
)
def test_other_thinking_than_by_a_budget_stays(fields: Any) -> None:
    body = asked([USER, assistant(CALL), user(RESULT)], **fields)
    assert to_anthropic(body, ANTHROPIC) == (body, [])


@pytest.mark.parametrize("fields", [{"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}}])
def test_a_chat_client_s_turn_goes_on_without_thinking_too(fields: Any) -> None:
    called = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    turn = [{"role": "assistant", "tool_calls": [called]}, {"role": "tool", "tool_call_id": "c", "content": "found"}]
    request = openai_chat.read_request({"model": "m", "messages": [USER, *turn], **fields})
    reported: list[Repair] = []
    written = anthropic_messages.write_request(keep_signed_thinking(request, reported.append))
    assert written["thinking"] == {"type": "disabled"}
    assert reported == [Repair("request-thinking-off")]
    beginning = openai_chat.read_request({"model": "m", "messages": [USER], **fields})
    assert keep_signed_thinking(beginning, pytest.fail) == beginning


# ---------------------------------------------------------------------- tools

LOOK = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
LOOK_TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
LATE = {**LOOK, "name": "late", "defer_loading": True}


def test_tools_without_a_definition_are_left_out() -> None:
    body, reported = to_chat(asked(tools=[SEARCH, LOOK, LATE, {"type": "odd"}], tool_choice={"type": "any"}))
    assert (body["tools"], body["tool_choice"], body["messages"]) == ([LOOK_TOOL], "required", [USER])
    assert reported == [Repair("request-tool-dropped", "web_search"), Repair("request-tool-dropped", "odd")]


def test_a_tool_that_was_found_is_offered() -> None:
    body, reported = to_chat(recorded("claude-code-tool-search"))
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert names == ["Agent", "Bash", "Read", "Artifact", "ToolSearch", "WebFetch", "WebSearch", "Write"]
    assert body["messages"][-2:] == [
        {
            "role": "tool",
            "tool_call_id": "toolu_01B",
            "content": "The tool WebFetch is available now.\nThe tool WebSearch is available now.",
        },
        {"role": "user", "content": "Tool loaded."},
    ]
    kinds = {repair.kind for repair in reported}
    assert kinds == {"request-billing-block", "request-field-dropped"}


def test_a_request_for_a_search_alone_is_told_that_there_is_none() -> None:
    body, reported = to_chat(recorded("claude-code-web-search"))
    assert "tools" not in body and "tool_choice" not in body
    assert body["messages"] == [
        {"role": "system", "content": "You are a coding agent.\n\nYou search the web."},
        {"role": "user", "content": "Perform a web search for the query: the weather"},
        {"role": "system", "content": NO_TOOLS},
    ]
    assert reported == [Repair("request-billing-block"), Repair("request-tool-dropped", "web_search")]


@pytest.mark.parametrize("tools", [[], [LATE]])
def test_without_foreign_tools_nothing_is_said(tools: list[Any]) -> None:
    body, reported = to_chat(asked(tools=tools))
    assert "tools" not in body and body["messages"] == [USER] and reported == []


# ---------------------------------------------------------------------- contents


@pytest.mark.parametrize(
    ("role", "content", "said"),
    [
        ("user", [text("a")], "a"),
        ("user", [text("a"), text("b")], [text("a"), text("b")]),
        ("user", [text("a", cache_control={})], [text("a", cache_control={})]),
        ("user", [text("a"), IMAGE], [text("a"), IMAGE_PART]),
        ("user", [], []),
        ("system", [text("a"), text("b")], "a\n\nb"),
        ("system", [text("a", cache_control={}), text("b")], [text("a\n\n", cache_control={}), text("b")]),
        ("assistant", [text("a"), text("b")], [text("a"), text("b")]),
    ],
)
def test_a_single_text_is_a_string(role: str, content: Any, said: Any) -> None:
    body, _ = to_chat(asked([USER, {"role": role, "content": content}]))
    assert body["messages"][1] == {"role": role, "content": said}


def result(id: str, *content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": list(content)}


def test_calls_of_the_history_say_that_they_are_functions() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    turn = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result("toolu_1", text("a"))]}]
    body, _ = to_chat(asked([USER, *turn]))
    assert [(call["type"], call["function"]["name"]) for call in body["messages"][1]["tool_calls"]] == [
        ("function", "look")
    ]


def test_a_result_of_texts_shows_nothing_further() -> None:
    parts = (Part(text("a")), Part(text("b")))
    request = Request("m", (Message("tool", parts, tool_call_id="1"),), source=Source("anthropic_messages", {}))
    assert translate(request, "openai_chat", pytest.fail).messages == (Message("tool", "a\nb", tool_call_id="1"),)


def test_images_of_results_stand_behind_all_results_of_the_turn() -> None:
    calls = [{"type": "tool_use", "id": f"toolu_{n}", "name": f"show{n}", "input": {}} for n in range(3)]
    results = [result("toolu_0", text("a"), IMAGE, text("b")), result("toolu_1", text("c")), result("toolu_2", IMAGE)]
    odd = [{"role": "user", "content": [result("toolu_9", IMAGE)]}]
    turn = [{"role": "assistant", "content": calls}, {"role": "user", "content": [*results, text("Well?")]}]
    body, reported = to_chat(asked([USER, *turn, *odd]))

    def told(id: str, content: str) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": id, "content": content}

    assert body["messages"][2:] == [
        told("toolu_0", f"a\nb\n{IMAGES_NOTE}"),
        told("toolu_1", "c"),
        told("toolu_2", IMAGES_NOTE),
        {
            "role": "user",
            "content": [
                text("What the tool show0 showed:"),
                IMAGE_PART,
                text("What the tool show2 showed:"),
                IMAGE_PART,
            ],
        },
        {"role": "user", "content": "Well?"},
        told("toolu_9", IMAGES_NOTE),
        {"role": "user", "content": [text("What the tool showed:"), IMAGE_PART]},
    ]
    assert reported == [Repair("request-result-images", name) for name in ("show0", "show2", "")]


def test_a_result_without_content_stays() -> None:
    request = Request(
        "m", (Message("tool", None, tool_call_id="c"),), source=anthropic_messages.read_request(asked()).source
    )
    assert translate(request, "openai_chat", pytest.fail) == request


# ---------------------------------------------------------------------- losses


def test_losses_are_reported_across_formats_only() -> None:
    body = asked([{**USER, "x_new": 1}], container="c")
    lost = [Repair("request-field-dropped", 'container="c"'), Repair("request-field-dropped", "x_new=1")]
    assert to_chat(body)[1] == lost
    assert to_anthropic(body) == (body, [])


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_a_chat_client_s_request_needs_no_translation(dialect: str) -> None:
    part = Part(text("a"))
    request = Request("m", (Message("user", (part,)), Message("tool", (part,), tool_call_id="c")))
    assert translate(request, dialect, pytest.fail) == request


def test_every_recorded_request_can_be_told_to_a_chat_provider() -> None:
    for path in RECORDED.glob("*.json"):
        body, _ = to_chat(json.loads(path.read_bytes()))
        assert "x-anthropic" not in json.dumps(body) and "defer_loading" not in json.dumps(body)
        for message in body["messages"]:
            assert message["role"] in ("system", "user", "assistant", "tool")
            assert message["role"] != "tool" or isinstance(message["content"], str)
