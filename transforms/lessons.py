"""What a provider's 400 teaches: the request is rewritten and tried once more on the same route, and the route
remembers it. For vendors whose rules `vendors.py` does not know, and for rules that change.

An error is recognised by its words, for every vendor has its own. A lesson changes only what the error names,
and never what a client relies on (`tools`, `response_format`, `stop`): such an error reaches the client. Nor
does a wrong value teach anything (an effort of `minimal` where there are low, medium and high), but for a
sampling parameter that has one value only.

A lesson acts twice. `taught` makes the vendor one that has the rule, so that the family's preparation
(`profiles/`) knows it: only there is remembered reasoning found, and a renamed tool given its name back. Behind
the preparation `apply_lessons` does what is left, for every family and for both formats; a second pass changes
nothing. Where the request stays the same, trying again is of no use.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from transforms import lesson_rules as rules
from transforms.events import NOTHING, Failure, Repair, Report
from transforms.lesson_rules import Rule, leave_out, rename
from transforms.request import Request
from transforms.vendors import MOONSHOT_TOOL_NAME, Vendor

REPAIR_KINDS: Mapping[str, str] = {
    "request-refused-before": "what the provider had refused before was said otherwise, or left out",
}

_STATUSES = frozenset((400, 422))


@dataclass(frozen=True, slots=True)
class Lesson:
    """`said` is what the error says, `teaches` are fields of `Vendor`, `rule` changes a request."""

    name: str
    said: re.Pattern[str]
    rule: Rule
    teaches: Mapping[str, Any] = NOTHING


def _says(*words: str) -> re.Pattern[str]:
    """Any of these, which are regular expressions."""
    return re.compile("|".join(words), re.I)


def _refused(name: str, path: str = r"(?:body\.|#/)?") -> str:
    """How vendors say that they do not take a field: OpenAI and Azure, Go's and Rust's JSON readers, pydantic
    (also as it stands inside another text), Groq and Cerebras, Anthropic. `path` is what may stand before it."""
    field = rf"(?<![\w.\]/]){path}{name}"
    odd = r"\b(?:unsupported|unknown|unrecognized|unexpected) (?:request |keyword )?"
    thing = r"(?:parameter|argument|field|key|property|propertie)s?(?: supplied)?"
    not_taken = r"(?:not (?:supported|permitted|allowed)|unsupported|deprecated)"
    return "|".join(
        (
            rf"{odd}{thing}\W+(?:[\w.]+, )*{path}{name}\b",
            rf"{field}(?:\.[\w.]+)?['\"`]?: extra (?:inputs|fields)(?: are)? not permitted",
            rf"(?<!' : )property ['\"`]{path}{name}['\"`] is unsupported",
            rf"(?<!property ['\"`]){field}['\"`]? (?:(?:parameter|field|option) )?is {not_taken}",
            rf"(?:does not|doesn't|do not|don't) support (?:the )?(?:parameter )?['\"`]?{name}\b(?! value| effort)",
            rf"['\"]body['\"], ?['\"]{name}['\"][^{{}}]*extra inputs are not permitted",
        )
    )


# Messages are named by their place: `messages.2.assistant.x`, `messages[2].x`.
_IN_MESSAGES = r"(?:body\.)?messages[\[.]\d+\]?\.(?:\w+\.)*"

# What may be left out when a vendor does not know it: hints, and words of ours to vendors that were thought to
# know them (`stream_options`, `chat_template_kwargs`, `reasoning`). Hosts of Claude refuse `context_management`.
_OPTIONAL = (
    *("top_k", "seed", "parallel_tool_calls", "stream_options", "chat_template_kwargs", "enable_thinking", "thinking"),
    *("reasoning", "include_reasoning", "store", "metadata", "service_tier", "verbosity", "prompt_cache_key"),
    *("prompt_cache_retention", "safety_identifier", "context_management"),
)
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")

LESSONS: tuple[Lesson, ...] = (
    # "tools.function.parameters is not a valid moonshot flavored json schema, details: <At path 'root': …>"
    # (kimi-cli#2531), "input_schema does not support oneOf, allOf, or anyOf at the top level" (claude-code#5319),
    # "JSON schema is invalid. It must match JSON Schema draft 2020-12" (moon#2396), "Invalid schema for function
    # 'update-event': schema must have type 'object' and not have 'oneOf'/…" (google-calendar-mcp#39), "In
    # context=('properties', 'data'), 'allOf' is not permitted" (notion-mcp-server#102).
    Lesson(
        "schemas",
        _says(
            r"moonshot flavored json schema",
            r"input_schema does not support",
            r"input_schema: JSON schema is invalid",
            r"invalid schema for function",
            r"tools\.function\.parameters\.type is required",
        ),
        rules.simplify_schemas,
        {"wants_moonshot_schemas": True},
    ),
    # "function name is invalid, must start with a letter and can contain …" (kimi-cli#1773), "Invalid function
    # name. Must start with a letter or an underscore." (gemini-cli#2966, cloudflare/agents#406).
    Lesson(
        "tool-names",
        _says(r"function name(?: is invalid|\.)[^\n]{0,20} must start with a letter", r"invalid function name"),
        rules.nothing_more,
        {"tool_name": MOONSHOT_TOOL_NAME},
    ),
    # "Invalid 'tools[1].function.name': string does not match pattern. Expected a string that matches the pattern
    # '^[a-zA-Z0-9_-]+$'." (mcp-azure-devops#30), "tools.0.custom.name: String should match pattern …".
    Lesson(
        "tool-name-characters",
        _says(r"tools[\[.]\d+\]?\.(?:function|custom)\.name['\"`]?: (?:string|invalid)[^\n]* (?:pattern|too long)"),
        rules.nothing_more,
        {"tool_name": r"[A-Za-z0-9_-]{1,64}"},
    ),
    # "tool_choice 'specified' is incompatible with thinking enabled" (oh-my-pi#1077), "The tool_choice parameter does
    # not support being set to required or object in thinking mode" (eino#994), "Thinking mode does not support this
    # tool_choice" (osaurus#1940), "Thinking may not be enabled when tool_choice forces tool use." (oh-my-pi#341).
    Lesson(
        "tool-choice",
        _says(
            r"tool_choice[^\n]{0,40} incompatible with thinking",
            r"tool_choice[^\n]{0,80} in thinking mode",
            r"thinking mode does not support this tool_choice",
            r"thinking may not be enabled when tool_choice",
        ),
        rules.unforce_choice,
        {"refuses_forced_choice": True},
    ),
    # "reasoning_content is missing in assistant tool call message at index 2" (opencode#29690), "The
    # `reasoning_content` in the thinking mode must be passed back to the API." (pi#3636; `content[].thinking` in
    # Anthropic's format, DeepSeek-Reasonix#8902).
    Lesson(
        "reasoning",
        _says(r"reasoning_content[`'\"]? is missing", r"in the thinking mode must be passed back"),
        rules.fill_reasoning,
        {"demands_reasoning": True},
    ),
    # "messages.2.assistant.reasoning_content: property '…' is unsupported" (kilocode#10375), "'messages.1' : for
    # 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]"
    # (jan#8136). Both take `reasoning` (Empryo#209).
    Lesson(
        "reasoning-content",
        _says(_refused("reasoning_content", f"(?:{_IN_MESSAGES})?"), r"property 'reasoning_content' is unsupported"),
        rules.move_reasoning,
        {"reasoning_fields": ("reasoning",)},
    ),
    Lesson(
        "reasoning-refused",
        _says(_refused("reasoning", _IN_MESSAGES), r"' : property 'reasoning' is unsupported"),
        rules.drop_reasoning,
        {"reasoning_fields": ()},
    ),
    # "messages.1.content.0: Invalid `signature` in `thinking` block" (vscode#322138), `data` in `redacted_thinking`.
    Lesson(
        "signatures",
        _says(r"invalid [`'\"]?(?:signature|data)[`'\"]? in [`'\"]?(?:redacted_)?thinking[`'\"]? block"),
        rules.drop_foreign_thinking,
        {"checks_signatures": True},
    ),
    # "text content is empty" (kimi-cli), "the message at position 79 with role 'assistant' must not be empty"
    # (Moonshot), "text content blocks must be non-empty" (claude-code#59812), "… must contain non-whitespace text"
    # (claude-code#23440), "all messages must have non-empty content" (Anthropic).
    Lesson(
        "blank-texts",
        _says(
            r"text content is empty",
            r"with role '?\w+'? must not be empty",
            r"text content blocks must",
            r"messages must have non-empty content",
        ),
        rules.drop_blank_texts,
        {"refuses_blank_text": True},
    ),
    # "developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.[0].role'" (Proma#1496),
    # "messages[0].role: unknown variant `developer`, expected one of …" (pix#34), "invalid role 'developer'"
    # (new-api#5330), "The parameter `messages.role` … invalid value: `developer`" (agno#6697).
    Lesson(
        "developer",
        _says(r"developer['\"`]? is not one of", r"(?:unknown variant|invalid role|invalid value:) ['\"`]?developer\b"),
        rules.rename_developers,
    ),
    # "System message must be at the beginning." (Qwen's template: vllm#41114), "Conversation roles must alternate
    # user/assistant/user/assistant/..." (Gemma's and Mistral's, suitenumerique/conversations#197), "messages.67: role
    # 'system' must precede an 'assistant' message or end the array" (claude-code#73821).
    Lesson(
        "one-system-message",
        _says(
            r"system message must be (?:at the beginning|the first|first)",
            r"roles must alternate",
            r"role ['\"`]?system['\"`]? must (?:precede|be first|be the first)",
        ),
        rules.one_system_message,
    ),
    # "invalid temperature: only 1 is allowed for this model" (opencyvis-phone#12; also 0.6, Kimi-K2#124),
    # "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
    # "`temperature` is deprecated for this model." (pr-agent#2456), "don't support temperature=0.84" (chatbox#2627).
    *(
        Lesson(
            f"no-{name.replace('_', '-')}",
            _says(
                _refused(name),
                rf"invalid {name}: only [\d.]+ is allowed",
                rf"unsupported value: '{name}' does not support",
            ),
            leave_out(name, "request-sampling-pinned"),
            {"pins_sampling": True},
        )
        for name in _SAMPLING
    ),
    # "temperature and top_p cannot both be specified for this model. Please use only one." (langfuse#9882)
    Lesson(
        "temperature-or-top-p",
        _says(r"temperature[`'\"]? and [`'\"]?top_p[`'\"]? cannot both be specified"),
        rules.drop_temperature_or_top_p,
    ),
    # "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode." (modelparams.dev#214)
    Lesson(
        "temperature-while-thinking",
        _says(r"temperature[`'\"]? may only be set to 1 when thinking"),
        rules.drop_temperature_while_thinking,
    ),
    # "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    # (gollm#33), and the other way round at older servers.
    Lesson("max-completion-tokens", _says(_refused("max_tokens")), rename("max_tokens", "max_completion_tokens")),
    Lesson("max-tokens", _says(_refused("max_completion_tokens")), rename("max_completion_tokens", "max_tokens")),
    # "Unrecognized request argument supplied: reasoning_effort" (Operit#1048), "output_config.effort: Extra inputs are
    # not permitted" (anthropic-sdk-python#1525), 'output_config.effort "high" was provided, but model … does not
    # support reasoning effort' (copilot-api#296).
    Lesson(
        "effort",
        _says(
            _refused("reasoning_effort"),
            _refused(r"output_config(?:\.effort)?"),
            r"does not support (?:the effort parameter|reasoning effort)",
        ),
        rules.drop_effort,
    ),
    # "tools.3.cache_control: Extra inputs are not permitted" (pi#7938), "*.cache_control: …" (vertexai-cf-workers#21),
    # "property 'cache_control' is unsupported".
    Lesson(
        "cache-marks",
        _says(
            _refused("cache_control", rf"(?:{_IN_MESSAGES}|tools\.\d+\.|system\.\d+\.|\*\.)?(?<!thinking\.)"),
            r"property 'cache_control' is unsupported",
        ),
        rules.strip_cache_marks,
    ),
    # "Unsupported parameter: 'parallel_tool_calls' is not supported with this model." (langchain#29416), "Validation
    # error at #/stream_options: Extra inputs are not permitted" (openai-python#2296), "property 'enable_thinking' is
    # unsupported" (Empryo#209).
    *(Lesson(f"no-{name.replace('_', '-')}", _says(_refused(name)), leave_out(name)) for name in _OPTIONAL),
)


def lesson_of(failure: Failure, known: Collection[str]) -> Lesson | None:
    """The first lesson of a failure that the route has not learned yet, by its name; None where there is none: what
    it knows already was no help. One failure may teach several; with each name added to `known`, the next is found."""
    if failure.status not in _STATUSES:
        return None
    words = failure.message
    if failure.code in ("unsupported_parameter", "unknown_parameter"):
        words += f"\nunsupported parameter: {failure.extra.get('param')}"
    return next((lesson for lesson in LESSONS if lesson.name not in known and lesson.said.search(words)), None)


def taught(vendor: Vendor, lessons: Collection[str]) -> Vendor:
    """The vendor with the rules that these lessons teach. Where two say the same of it, the later one counts."""
    fields: dict[str, Any] = {}
    for lesson in _learned(lessons):
        fields |= lesson.teaches
    return replace(vendor, **fields)


def apply_lessons(request: Request, vendor: Vendor, model: str, lessons: Collection[str], report: Report) -> Request:
    """The prepared request with what the provider refuses said otherwise; `model` is upstream's id. Untouched without
    lessons: a family without rules has none because its vendor has some, only because it was refused."""
    learned = _learned(lessons)
    if not learned:
        return request
    vendor = taught(vendor, lessons)
    request = replace(request, model=model)
    for lesson in learned:
        before, repairs = request, list[Repair]()
        request = lesson.rule(request, vendor, repairs.append)
        if request != before and not repairs:
            repairs.append(Repair("request-refused-before", lesson.name))
        for repair in repairs:
            report(repair)
    return request


def _learned(lessons: Iterable[str]) -> list[Lesson]:
    """In the order of the table."""
    names = frozenset(lessons)
    return [lesson for lesson in LESSONS if lesson.name in names]
