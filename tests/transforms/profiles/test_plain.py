"""Nothing is done, but for what another format needs."""

from transforms.dialects import anthropic_messages, openai_chat
from transforms.events import Repair
from transforms.profiles.plain import PLAIN
from transforms.profiles.profile import RequestContext, answer_context
from transforms.request import Message, Request
from transforms.seal import seal
from transforms.vendors import VENDORS


def test_requests_and_answers_are_left_alone() -> None:
    request = Request("gpt", [Message("assistant", "(no content) <think>")], parameters={"temperature": 0})
    prepared = PLAIN.prepare(request, RequestContext(VENDORS["moonshot"], "gpt", lambda key: "reasoning"))
    assert prepared.request == request
    assert list(prepared.repairs) == []
    assert PLAIN.stages(answer_context(request, prepared, hold_undecided=True)) == []
    assert not PLAIN.thinks("gpt")


BODY = {
    "model": "claude",
    "stream": True,
    "max_tokens": 9,
    "output_config": {"effort": "low"},
    "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "Ok."}],
}


def test_a_request_of_another_format_has_its_reasoning_and_its_effort_where_the_vendor_takes_them() -> None:
    request = anthropic_messages.read_request(BODY)
    prepared = PLAIN.prepare(request, RequestContext(VENDORS["openrouter"], "gpt", lambda key: "Hm."))
    assert openai_chat.write_request(prepared.request) == {
        "model": "claude",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "reasoning": {"effort": "low"},
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "Ok.", "reasoning": "Hm."},
        ],
    }
    assert list(prepared.repairs) == []
    silent = PLAIN.prepare(request, RequestContext(VENDORS["generic"], "gpt", lambda key: None))
    assert list(silent.repairs) == [Repair("request-field-dropped", "effort=low")]


def test_a_chat_client_s_thinking_comes_back_signed_to_who_signed_it() -> None:
    signed = {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1"}
    request = openai_chat.read_request({"model": "claude", "messages": BODY["messages"]})
    context = RequestContext(
        VENDORS["anthropic"], "claude", lambda key: seal("Hm.", [signed]), dialect="anthropic_messages"
    )
    written = anthropic_messages.write_request(PLAIN.prepare(request, context).request)
    assert written["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "Ok."},
    ]


def test_a_request_in_the_provider_s_own_format_is_left_alone() -> None:
    request = anthropic_messages.read_request(BODY)
    context = RequestContext(VENDORS["generic"], "gpt", lambda key: "Hm.", dialect="anthropic_messages")
    assert PLAIN.prepare(request, context).request is request
