"""OpenAI chat's finish reasons, and the words that others have for them.

Words are compared without case and separators: they come as `MAX_TOKENS`, `maxTokens`, `tool-calls` and
`FinishReason.STOP`. Source: case family `finish-nonstandard`, Gemini's and Anthropic's own words, DeepSeek's
`insufficient_system_resource`, Zhipu's `sensitive` and `network_error`, vLLM's `abort`.
"""

import re
from collections.abc import Mapping
from typing import Literal

from transforms.events import FinishReason

type Meaning = FinishReason | Literal["failed"]

_WORDS: Mapping[Meaning, tuple[str, ...]] = {
    "stop": ("stop", "eos", "eostoken", "endturn", "stopsequence", "complete", "completed", "done"),
    "length": (
        *("length", "maxtokens", "maxoutputtokens", "maxcompletiontokens", "maxlength", "tokenlimit"),
        *("modellength", "contextlength", "contextlengthexceeded", "modelcontextwindowexceeded"),
        *("incomplete", "truncated"),
    ),
    "tool_calls": ("toolcalls", "toolcall", "tooluse", "functioncall", "functioncalls"),
    "content_filter": (
        *("contentfilter", "contentfiltered", "safety", "imagesafety", "refusal", "recitation", "blocklist"),
        *("blocked", "prohibitedcontent", "spii", "sensitive"),
    ),
    "failed": (
        *("error", "failed", "failure", "abort", "aborted", "cancelled", "canceled", "timeout"),
        *("networkerror", "servererror", "internalerror", "insufficientsystemresource"),
    ),
}
_MEANINGS: Mapping[str, Meaning] = {word: meaning for meaning, words in _WORDS.items() for word in words}
_SEPARATORS = re.compile(r"[\W_]+")


def read_finish(word: str | None) -> Meaning | None:
    """What a finish reason means; None for none, and for a word that is not known."""
    if word is None:
        return None
    return _MEANINGS.get(_SEPARATORS.sub("", word).lower().removeprefix("finishreason"))
