from typing import Any

import pytest

from scripts.vendor.chat_rules import check_chat

USER = {"role": "user", "content": "Hello"}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "42"}
FUNCTION = {"name": "look", "arguments": "{}"}
CALL = {"type": "function", "function": FUNCTION}
CALLS = {"role": "assistant", "content": None, "tool_calls": [{"id": "a", **CALL}, {"id": "b", **CALL}]}
SEEN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def request(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "kimi", "messages": list(messages), **fields}


@pytest.mark.parametrize(
    "right",
    [
        request(USER, temperature=1.0, stream=True, stream_options={}, tools=[], thinking={"type": "enabled"}),
        request({"role": "user", "content": [{"type": "text", "text": "What is this?"}, SEEN]}),
        request(USER, CALLS, {**RESULT, "tool_call_id": "b"}, RESULT, USER),
    ],
)
def test_what_is_right(right: Any) -> None:
    check_chat(right)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        *((request(USER, **{field: []}), field) for field in ("thread", "system", "stop_sequences", "input")),
        (request({"role": "function", "content": "42"}), r"messages\[0\].role: 'function'"),
        (request({"role": "user", "content": [{"type": "image", "source": {}}]}), "type: 'image'"),
        (request({"role": "user", "content": [{"type": "input_text", "text": "a"}]}), "type: 'input_text'"),
        (request({"role": "user", "content": [{"type": "image_url", "image_url": "data:,"}]}), "type: 'image_url'"),
        (request(USER, RESULT), r"tool_call_id 'a' of messages\[1\] is not found"),
        (request(USER, CALLS, RESULT, RESULT), r"tool_call_id 'a' of messages\[3\] is not found"),
        (request(USER, CALLS, RESULT, USER), "did not have response messages: b"),
        *(
            (request(USER, {**CALLS, "tool_calls": [{"id": "a", **wrong}]}), r"messages\[1\].tool_calls")
            for wrong in ({"function": FUNCTION}, {"type": "function"}, {**CALL, "function": {"name": "look"}})
        ),
        (request(USER, CALLS), "did not have response messages: a, b"),
    ],
)
def test_what_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_chat(wrong)
