import pytest

from transforms.dialects.openai_chat.finish import read_finish

MEANINGS = {
    "stop": "stop STOP Stop eos eos_token end_turn endTurn END_TURN stop_sequence FinishReason.STOP FINISH_REASON_STOP",
    "length": "length LENGTH max_tokens MAX_TOKENS maxTokens max-tokens max_output_tokens model_length "
    "model_context_window_exceeded",
    "tool_calls": "tool_calls tool-calls TOOL_CALLS toolCalls tool_call tool_use toolUse function_call",
    "content_filter": "content_filter content-filter CONTENT_FILTER SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT "
    "SPII IMAGE_SAFETY refusal sensitive",
    "failed": "error ERROR abort network_error insufficient_system_resource cancelled",
}


@pytest.mark.parametrize(
    ("word", "meaning"), [(word, meaning) for meaning, words in MEANINGS.items() for word in words.split()]
)
def test_words(word: str, meaning: str) -> None:
    assert read_finish(word) == meaning


@pytest.mark.parametrize("word", [None, "", "OTHER", "FINISH_REASON_UNSPECIFIED", "unstoppable"])
def test_words_without_meaning(word: str | None) -> None:
    assert read_finish(word) is None
