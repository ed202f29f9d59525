"""All rules for a request to a Kimi model together, over the corpus and over invented histories."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects import anthropic_messages
from transforms.dialects.openai_chat.requests import read_request, write_request
from transforms.events import Repair
from transforms.history_calls import STUB_RESULT
from transforms.profiles.kimi_requests import REPORT_LIMIT, prepare, strip_markup
from transforms.profiles.profile import Prepared, RequestContext
from transforms.seal import seal
from transforms.translation import translate
from transforms.vendors import VENDORS

LEAK = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>"
    '{"term": "a"}<|tool_call_end|><|tool_calls_section_end|>'
)
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look a term up",
        "parameters": {"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]},
    },
}


def nothing(key: str) -> str | None:
    return None


def prepared(
    body: dict[str, Any],
    vendor: str = "generic",
    recall: Callable[[str], str | None] = nothing,
    reasoning_field: str | None = None,
) -> Prepared:
    context = RequestContext(VENDORS[vendor], body["model"], recall, reasoning_field)
    return prepare(read_request(body), context)


def sent(body: dict[str, Any], vendor: str = "generic", **context: Any) -> dict[str, Any]:
    return write_request(prepared(body, vendor, **context).request)


def call(id: str, name: str = "look", arguments: Any = '{"term": "x"}') -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.corpus("openai_chat/requests")
def test_corpus(case: dict[str, Any], judge: ModuleType) -> None:
    vendor = "generic" if case["provider"] == "any" else case["provider"]
    assert judge.check_request(case, sent(case["client_request"], vendor)) == []


@pytest.mark.corpus("openai_chat/requests")
def test_what_holds_for_any_vendor_holds_at_moonshot(case: dict[str, Any], judge: ModuleType) -> None:
    if case["provider"] == "any":
        assert judge.check_request(case, sent(case["client_request"], "moonshot")) == []


@pytest.mark.corpus("openai_chat/requests", "openai_chat/responses")
def test_a_second_pass_changes_nothing(case: dict[str, Any]) -> None:
    for vendor in VENDORS:
        once = sent(case["client_request"], vendor)
        assert sent(once, vendor) == once


def clean(vendor: str) -> dict[str, Any]:
    """A conversation that no rule has anything to say to, but for the name of the reasoning's field."""
    reasoning = dict.fromkeys(VENDORS[vendor].reasoning_fields, "Look  it\nup.")
    return {
        "model": "moonshotai/kimi-k2.6",
        "messages": [
            {"role": "system", "content": "Be brief. "},
            {"role": "user", "content": "What is `<|tool_call_begin|>`? </think>"},
            {"role": "assistant", "content": None, "tool_calls": [call("functions.look:0")], **reasoning},
            {"role": "tool", "tool_call_id": "functions.look:0", "content": "(no content)"},
            {"role": "assistant", "content": "  It is <b>a</b> marker: `<|tool_call_begin|>`.\n", **reasoning},
            {
                "role": "user",
                "content": [{"type": "text", "text": "and"}, {"type": "image_url", "image_url": {"url": "data:,"}}],
            },
        ],
        "tools": [LOOK, {"type": "builtin_function", "function": {"name": "$web_search"}}],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 32,
        "stop": None,
        "user": "u",
        "vendor_field": {"a": []},
    }


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_request_without_a_defect_goes_out_as_it_came_in(vendor: str) -> None:
    body = clean(vendor)
    result = prepared(body, vendor)
    assert write_request(result.request) == body
    assert (list(result.repairs), dict(result.aliases)) == ([], {})


def test_the_model_is_upstream_s() -> None:
    context = RequestContext(VENDORS["generic"], "moonshotai/kimi-k2-thinking", nothing)
    request = read_request({"model": "claude-x", "messages": []})
    assert prepare(request, context).request.model == "moonshotai/kimi-k2-thinking"


def test_upstream_s_model_decides_what_is_pinned() -> None:
    context = RequestContext(VENDORS["moonshot"], "kimi-k2.6", nothing)
    request = read_request({"model": "gpt-4.1", "messages": [], "temperature": 0.2})
    assert prepare(request, context).request.parameters == {}


def test_reasoning_is_also_written_where_the_route_s_answers_had_it() -> None:
    turn = {"role": "assistant", "content": "a", "reasoning_content": "r"}
    body = {"model": "kimi-k2.6", "messages": [turn]}
    assert sent(body, reasoning_field="reasoning")["messages"] == [{**turn, "reasoning": "r"}]
    assert sent(body, reasoning_field="reasoning_content")["messages"] == [turn]
    assert sent(body, reasoning_field="reasoning_details")["messages"] == [turn]


def test_remembered_reasoning_survives_all_other_rules() -> None:
    turn = {"role": "assistant", "content": "(no content)", "tool_calls": [call("x", "acme.look", '{"a": ')]}
    body = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "go"}, turn]}
    message = sent(body, "moonshot", recall=lambda key: "remembered")["messages"][1]
    assert message["reasoning_content"] == "remembered"
    assert "content" not in message
    assert message["tool_calls"][0]["id"] == f"functions.{message['tool_calls'][0]['function']['name']}:0"


def test_a_defective_history_is_put_right_and_reported() -> None:
    body = {
        "model": "kimi-k2.6",
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "1"},
            {"role": "assistant", "content": ""},
            {"role": "assistant", "content": LEAK},
            {"role": "assistant", "content": f"Looking.{LEAK}", "tool_calls": [call("a", arguments="")]},
            {"role": "user", "content": "2"},
            {"role": "tool", "tool_call_id": "gone", "content": "left over"},
        ],
        "tools": [LOOK],
        "temperature": 0,
    }
    result = prepared(body, "moonshot")
    messages = write_request(result.request)["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "user", "user"]
    assert messages[0]["content"] == "Be brief."
    assert messages[2]["content"] == "Looking."
    assert messages[2]["tool_calls"] == [call("functions.look:0", arguments="{}")]
    assert "left over" in messages[5]["content"]
    assert {repair.kind for repair in result.repairs} == {
        "history-leaked-markup",
        "history-arguments-invalid",
        "history-orphan-result",
        "history-unanswered-call",
        "history-empty-assistant",
        "request-sampling-pinned",
    }


def test_long_repairs_are_shortened_for_the_log() -> None:
    body = {"model": "kimi-k2.6", "messages": [{"role": "tool", "content": "x" * 10_000}]}
    assert [len(repair.before) for repair in prepared(body).repairs] == [REPORT_LIMIT]


def test_only_moonshot_gets_its_own_schemas() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "anyOf": [{"pattern": "x"}]}}}
    tools = [
        {"type": "function", "function": {"name": "a", "parameters": schema}},
        {"type": "function", "function": {"name": "b"}},
    ]
    body = {"model": "kimi-k2.6", "messages": [], "tools": tools}
    changed = sent(body, "moonshot")["tools"]
    assert changed[0]["function"]["parameters"]["properties"]["a"] == {"anyOf": [{"type": "string", "pattern": "x"}]}
    assert changed[1] == tools[1]
    assert sent(body, "groq")["tools"] == tools


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Looking." + LEAK, "Looking."),
        (LEAK + "Done.", "Done."),
        ("Use `<|tool_call_begin|>` here.", "Use `<|tool_call_begin|>` here."),
        ("```\n" + LEAK + "\n```", "```\n" + LEAK + "\n```"),
        ("a < b, <div> and <|", "a < b, <div> and <|"),
        ("", ""),
    ],
)
def test_markup_goes_and_talk_about_it_stays(text: str, left: str) -> None:
    assert strip_markup(text) == left


@pytest.mark.parametrize(
    ("reasoning", "left"),
    [
        ("First this." + LEAK, "First this."),
        (LEAK, "remembered"),
        ("<think>So</think> it is", "<think>So</think> it is"),
        (f"<think>So</think>{LEAK}", "So"),
        ("Is it `<|tool_call_begin|>`?", "Is it `<|tool_call_begin|>`?"),
    ],
)
def test_markup_goes_from_reasoning_before_it_is_restored(reasoning: str, left: str) -> None:
    turn = {"role": "assistant", "content": "Ok.", "tool_calls": [call("a")], "reasoning": reasoning}
    body = {"model": "kimi-k2.6", "messages": [turn]}
    assert sent(body, "moonshot", recall=lambda key: "remembered")["messages"][0]["reasoning_content"] == left


# ---------------------------------------------------------------- stable prefixes

ids = st.sampled_from(["", "a", "b", "functions.look:0", "functions.look:1"])
texts = st.sampled_from(["", "Ok.", "(no content)", LEAK, "So." + LEAK, "<think>x</think>y"])
contents = texts | st.none() | texts.map(lambda text: [{"type": "text", "text": text}])
calls = st.builds(
    call, ids, st.sampled_from(["look", "acme.look", "2"]), st.sampled_from(['{"a":1}', "", '{"a', "[1]"])
)
reasoning = st.fixed_dictionaries(
    {}, optional={"reasoning_content": st.sampled_from(["", " ", "r"]), "reasoning": st.just("s")}
)
turns = st.builds(
    lambda content, made, thought: {
        "role": "assistant",
        "content": content,
        **({"tool_calls": made} if made else {}),
        **thought,
    },
    contents,
    st.lists(calls, max_size=2),
    reasoning,
)
users = st.builds(
    lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "developer"]), contents
)


@st.composite
def rounds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What is sent at once: a turn with the results of all its calls, in some order, then a user's message."""
    turn = draw(turns)
    answered = draw(st.permutations([made["id"] for made in turn.get("tool_calls", ())]))
    results = [{"role": "tool", "tool_call_id": id, "content": draw(contents)} for id in answered]
    return [turn, *results, *draw(st.lists(users, max_size=1))]


conversations = st.lists(rounds(), max_size=5)


@given(users, conversations, conversations, st.sampled_from(sorted(VENDORS)))
def test_a_longer_conversation_begins_with_the_same_bytes(
    first: dict[str, Any], earlier: list[list[Any]], later: list[list[Any]], vendor: str
) -> None:
    def written(rounds: list[list[Any]]) -> list[str]:
        messages = [first, *(message for round in rounds for message in round)]
        body = {"model": "kimi-k2.6", "messages": messages, "tools": [LOOK]}
        return [json.dumps(message) for message in sent(body, vendor, recall=lambda key: key[:4])["messages"]]

    before = written(earlier)
    assert written([*earlier, *later])[: len(before)] == before


@given(
    st.lists(
        users | turns | st.builds(lambda id, c: {"role": "tool", "tool_call_id": id, "content": c}, ids, contents),
        max_size=8,
    ),
    st.sampled_from(sorted(VENDORS)),
)
def test_any_history_is_accepted_and_settled_at_once(messages: list[dict[str, Any]], vendor: str) -> None:
    body = {"model": "kimi-k2.6", "messages": messages, "tools": [LOOK]}
    once = sent(body, vendor)
    assert sent(once, vendor) == once


# ---------------------------------------------------------------- clients and vendors of Anthropic's format


def from_anthropic(body: dict[str, Any], dialect: str, vendor: str = "moonshot", recall: Any = nothing) -> Prepared:
    """An Anthropic client's request as it is prepared for a vendor of `dialect`."""
    request = translate(anthropic_messages.read_request(body), dialect, lambda repair: None)
    context = RequestContext(VENDORS[vendor], body["model"], recall, dialect=dialect)
    return prepare(request, context)


@pytest.mark.corpus("anthropic_messages/requests")
def test_corpus_of_anthropic_clients(case: dict[str, Any], judge: ModuleType) -> None:
    vendor = "generic" if case["provider"] == "any" else case["provider"]
    prepared = from_anthropic(case["client_request"], "openai_chat", vendor)
    assert judge.check_request(case, write_request(prepared.request)) == []


@pytest.mark.parametrize(
    ("model", "effort", "told"),
    [
        ("kimi-k2.6", "none", {"type": "disabled"}),
        ("kimi-k2.6", "low", None),
        ("kimi-k2-thinking", "none", None),
        ("kimi-k2-instruct", "none", None),
        ("kimi-k3", "low", {"type": "enabled", "effort": "low"}),
        ("kimi-k3", "none", {"type": "disabled"}),
    ],
)
def test_an_effort_is_told_as_far_as_the_model_knows_it(model: str, effort: str, told: Any) -> None:
    wish = {"thinking": {"type": "disabled"}} if effort == "none" else {"output_config": {"effort": effort}}
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "go"}], **wish}
    prepared = from_anthropic(body, "openai_chat")
    assert write_request(prepared.request).get("thinking") == told
    dropped = [repair for repair in prepared.repairs if repair.kind == "request-field-dropped"]
    assert dropped == ([] if told else [Repair("request-field-dropped", f"effort={effort}")])


NATIVE: dict[str, Any] = {
    "model": "kimi-k2-thinking",
    "max_tokens": 9,
    "stream": True,
    "temperature": 1,
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "low"},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "go", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "A"}]},
    ],
}


def test_a_vendor_of_anthropic_s_format_gets_a_sound_request_as_it_came() -> None:
    prepared = from_anthropic(NATIVE, "anthropic_messages", "generic")
    assert anthropic_messages.write_request(prepared.request) == NATIVE
    assert list(prepared.repairs) == []


def test_what_a_client_of_anthropic_s_format_lost_is_put_back_in_it() -> None:
    call = {"type": "tool_use", "id": "functions.look:7", "name": "look", "input": {}}
    messages = [NATIVE["messages"][0], {"role": "assistant", "content": [call]}]
    body = {**NATIVE, "messages": messages}
    entry = {"type": "reasoning.encrypted", "data": "x"}
    prepared = from_anthropic(body, "anthropic_messages", "generic", lambda key: seal("Hm.", [entry]))
    id = "toolu_functions-2elook-3a7"
    assert anthropic_messages.write_request(prepared.request)["messages"] == [
        messages[0],
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": seal(details=[entry])},
                {"type": "tool_use", "id": id, "name": "look", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": STUB_RESULT}]},
    ]
    assert [repair.kind for repair in prepared.repairs] == ["history-unanswered-call"]
