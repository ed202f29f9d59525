"""Who serves the model, and what each of them refuses or misreads in a request: a table to be read.

The rules themselves are in `history`, `history_calls`, `tool_aliases`, `schemas`, `reasoning` and `parameters`;
this says to whom they apply. Rules without a line here (canonical ids, valid arguments, joined texts ...)
hold wherever a Kimi model is served, because its chat template is the same everywhere. Only what a source
reports is set; a vendor is believed to be an ordinary OpenAI-compatible server otherwise. Moonshot's limit
of 128 tools (Kimi-K2#90) is no rule: its own 400 is clear, and leaving tools out silently would be worse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Literal

MOONSHOT_TOOL_NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"


@dataclass(frozen=True, slots=True)
class Vendor:
    """What is special about one vendor. The defaults are an ordinary OpenAI-compatible server."""

    name: str
    hosts: tuple[str, ...] = ()
    """Globs over the base URL's host, by which the vendor is known where the settings do not name it."""

    reasoning_fields: tuple[str, ...] = ("reasoning_content",)
    """Where it reads the history's reasoning; all of them are written. None for one that refuses it."""

    reads_reasoning_details: bool = False
    """Takes `reasoning_details` back, if without `index` (models.dev#7607). Others get their text."""

    demands_reasoning: bool = False
    """With thinking on, 400 for an assistant message with calls and no reasoning (litellm#26156,
    opencode#10996); an empty string counts as none (pi#4178), one blank does not."""

    pins_sampling: bool = False
    """Refuses sampling parameters other than a model's fixed ones (litellm#29687)."""

    refuses_forced_choice: bool = False
    """400 for `tool_choice` required or named while thinking is on (oh-my-pi#827, inspect_ai#5152)."""

    refuses_effort_beside_thinking: bool = False
    """400 for `thinking` together with `reasoning_effort` (nanobot#3939)."""

    refuses_blank_text: bool = False
    """`text content is empty` for an assistant message that has calls and a blank text (kimi-cli)."""

    wants_moonshot_schemas: bool = False
    """Tool schemas must be "moonshot flavored" (kimi-code#2661, CLIProxyAPI#5316)."""

    tool_name: str | None = None
    """The pattern that a tool's name must match as a whole (kimi-cli#1773)."""

    ignores_choice_none: bool = False
    """Calls tools although `tool_choice` is none, so they have to be taken away (vllm#43155)."""

    effort: Literal["thinking", "reasoning", "reasoning_effort", "chat_template_kwargs"] | None = None
    """The parameter by which it is told how much to think; None for one that may refuse each of them."""

    checks_signatures: bool = False
    """400 for a thinking block that its own model has not signed (`Invalid signature in thinking block`)."""

    late_system: bool = False
    """Takes system messages in the middle of a conversation, whatever the model."""

    misreads_names: bool = False
    """K2's template prints a message's `name` in place of its role, and this server hands it on."""


VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        vendor.name: vendor
        for vendor in (
            Vendor("generic"),
            Vendor(
                "openai",
                hosts=("api.openai.com",),
                reasoning_fields=(),
                effort="reasoning_effort",
                late_system=True,
            ),
            Vendor("anthropic", hosts=("api.anthropic.com",), checks_signatures=True),
            Vendor(
                "moonshot",
                hosts=("api.moonshot.ai", "api.moonshot.cn"),
                demands_reasoning=True,
                pins_sampling=True,
                refuses_forced_choice=True,
                refuses_effort_beside_thinking=True,
                refuses_blank_text=True,
                wants_moonshot_schemas=True,
                tool_name=MOONSHOT_TOOL_NAME,
                effort="thinking",
            ),
            Vendor(
                "kimi-coding",
                hosts=("api.kimi.com",),
                demands_reasoning=True,
                pins_sampling=True,
                refuses_forced_choice=True,
                refuses_effort_beside_thinking=True,
                refuses_blank_text=True,
                wants_moonshot_schemas=True,
                tool_name=MOONSHOT_TOOL_NAME,
                effort="thinking",
            ),
            Vendor(
                "openrouter",
                hosts=("openrouter.ai", "*.openrouter.ai"),
                reasoning_fields=("reasoning",),
                reads_reasoning_details=True,
                effort="reasoning",
            ),
            # Older ones read the first field, newer ones only the second; neither minds the other.
            Vendor(
                "vllm",
                reasoning_fields=("reasoning_content", "reasoning"),
                ignores_choice_none=True,
                misreads_names=True,
                effort="chat_template_kwargs",
            ),
            Vendor("sglang", misreads_names=True, effort="chat_template_kwargs"),
            # These two send `reasoning` in their answers (fastllm#61, llmgateway#3274).
            Vendor("groq", hosts=("api.groq.com",), reasoning_fields=("reasoning",)),
            Vendor(
                "together",
                hosts=("api.together.xyz", "api.together.ai"),
                reasoning_fields=("reasoning_content", "reasoning"),
            ),
            Vendor("fireworks", hosts=("api.fireworks.ai",), demands_reasoning=True),
            Vendor(
                "vertex",
                hosts=(
                    "aiplatform.googleapis.com",
                    "*-aiplatform.googleapis.com",
                    "aiplatform.*.rep.googleapis.com",
                ),
            ),
        )
    }
)


def vendor_for_host(host: str) -> str:
    """The name of the vendor behind a base URL's host (without port, any case); `generic` if unknown."""
    wanted = host.lower().rstrip(".")
    for vendor in VENDORS.values():
        if any(fnmatchcase(wanted, pattern) for pattern in vendor.hosts):
            return vendor.name
    return "generic"
