"""What the lexer makes of an answer, by the families of the corpus. Every row is read whole and by characters."""

import ast
import inspect
from collections.abc import Iterable

import pytest

from transforms import lexer, outlet
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Failure,
    Finish,
    LeakedCall,
    ReasoningDelta,
    Repair,
    TextDelta,
    ToolCallStart,
)
from transforms.grammars import KIMI
from transforms.markup import REPAIR_KINDS, MarkupRepair, extract
from transforms.outlet import BLANKS_LIMIT

TOOLS = {
    "lookup": {"type": "object", "properties": {"term": {"type": "string"}}},
    "Bash": {"type": "object", "properties": {"command": {"type": "string"}}},
    "ping": {"type": "object", "properties": {}},
}
SB, SE = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CB, AB, CE = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
ARGUMENTS = '{"term": "x"}'
CALL = f"{CB}functions.lookup:0{AB}{ARGUMENTS}{CE}"
LEAK = f"{SB}{CALL}{SE}"
OPEN, CLOSE, SEP = "<|open|>", "<|close|>", "<|sep|>"
K3_CALL = (
    f'{OPEN}call tool="lookup" index="1"{SEP}'
    f'{OPEN}argument key="term" type="string"{SEP}x{CLOSE}argument{SEP}{CLOSE}call{SEP}'
)
INVOKE = '<invoke name="Bash">\n<parameter name="command">df -h</parameter>\n</invoke>'
HERMES = f'<tool_call>\n{{"name": "lookup", "arguments": {ARGUMENTS}}}\n</tool_call>'

type Said = tuple[str, str, list[str]]  # text, reasoning, headers of the calls


def repaired(events: Iterable[Event], *, hold: bool = True, by: int | None = None) -> list[Event]:
    stage = MarkupRepair(KIMI, TOOLS, hold_undecided=hold)
    out: list[Event] = []
    for event in events:
        if isinstance(event, TextDelta | ReasoningDelta) and by:
            pieces = [event.text[start : start + by] for start in range(0, len(event.text), by)]
            for piece in pieces:
                out += stage.feed(type(event)(piece, event.choice))
        else:
            out += stage.feed(event)
    return [*out, *stage.close()]


def said(events: Iterable[Event]) -> Said:
    text, reasoning, calls = "", "", []
    for event in events:
        match event:
            case TextDelta(piece):
                text += piece
            case ReasoningDelta(piece):
                reasoning += piece
            case LeakedCall(header, _, complete):
                calls.append(header if complete else f"{header} (incomplete)")
    return text, reasoning, calls


def read(content: str, reasoning: str = "", *, hold: bool = True) -> Said:
    events = [ReasoningDelta(reasoning), TextDelta(content)]
    whole = said(repaired(events, hold=hold))
    assert said(repaired(events, hold=hold, by=1)) == whole
    assert said(repaired(events, hold=hold, by=7)) == whole
    return whole


LOOKUP = ["functions.lookup:0"]


@pytest.mark.parametrize(
    ("content", "text", "calls"),
    [
        # markers-in-content, section-marker-singular, section-marker-absent
        (f"Let me see.{LEAK}", "Let me see.", LOOKUP),
        (f"好的，我来查询。{LEAK}", "好的，我来查询。", LOOKUP),
        (f"😀{LEAK}", "😀", LOOKUP),
        (f"A{LEAK.replace('calls_section', 'call_section')}", "A", LOOKUP),
        (f"A<|tool_call_section_begin|>{CALL}{SE}", "A", LOOKUP),
        (f"A {CALL}", "A", LOOKUP),
        (f"{CALL}{CALL}", "", LOOKUP * 2),
        # section-end-missing, call-end-missing
        (f"A{SB}{CALL}", "A", LOOKUP),
        (f"A{SB}{CALL[: -len(CE)]}", "A", LOOKUP),
        (f"A{SB}{CALL[: -len(CE)]}{SE}B", "AB", LOOKUP),
        (f"A{CALL[: -len(CE)]}{CALL}", "A", LOOKUP * 2),
        # call-begin-as-terminator
        (f"A   {CB}  functions.lookup:42  {AB}  {ARGUMENTS}  {CB}  ", "A", ["functions.lookup:42"]),
        (f"A{CALL[: -len(CE)]}{CB}  Done.", "A  Done.", LOOKUP),
        (f"A{CALL[: -len(CE)]}{CB}好的。", "A好的。", LOOKUP),
        # section-begin-missing
        (f"A {CALL}{SE}", "A", LOOKUP),
        (f"Done.\n{CE}{SE}", "Done.", []),
        (f"One.{SE} Two.", "One. Two.", []),
        # marker-truncated
        (f"A{LEAK[:-1]}", "A", LOOKUP),
        (f"A{LEAK[:-10]}", "A", LOOKUP),
        (f"A{CALL}<|t", "A", LOOKUP),
        ("A<|tool_calls_section_beg", "A", []),
        ("A <|tool_call", "A", []),
        ("A <|tool_ca", "A", []),
        ("A <|tool", "A <|tool", []),
        ("A <|", "A <|", []),
        ("A <", "A <", []),
        (f"A{CB}func", "A", ["func (incomplete)"]),
        # marker-whitespace
        (f"A {SB} {CB} exec:12 {AB} {ARGUMENTS} {CE} {SE} ", "A", ["exec:12"]),
        (f"A\n{SB}\n{CB}\nfunctions.lookup:0\n{AB}\n{ARGUMENTS}\n{CE}\n{SE}\nB", "A\n\nB", LOOKUP),
        # text-around-section, multiple-sections, noise-in-section, empty-section, argument-end-marker
        (f"A.\n{LEAK}\nB.", "A.\n\nB.", LOOKUP),
        (f"First. {LEAK} Second. {LEAK} Third.", "First.  Second.  Third.", LOOKUP * 2),
        (f"A.{SB} so then {CALL}{SE}", "A. so then", LOOKUP),
        (f"A.{SB}{CALL} and {CALL}{SE}", "A. and", LOOKUP * 2),
        (f"A.{SB}{SE}", "A.", []),
        (f"A.{SB} {SE} B.", "A. B.", []),
        (f"A{CALL[: -len(CE)]}<|tool_call_argument_end|>{CE}", "A", LOOKUP),
        # lost openers
        (f"A{SB}lookup:0{AB}{ARGUMENTS}{SE}", "A", ["lookup:0"]),
        (f"A functions.lookup:0{AB}{ARGUMENTS}{CE}", "A", LOOKUP),
        (f"A{AB}{ARGUMENTS}{CE}", "A", [""]),
        (f"A{AB} and on", "A and on", []),
        # arguments-truncated
        (f'A{CB}functions.lookup:0{AB}{{"term": "x', "A", ["functions.lookup:0 (incomplete)"]),
        (f'A{CB}functions.lookup:0{AB}{{"term": "x{CE} B', "A B", ["functions.lookup:0 (incomplete)"]),
        # control-token-leak beside calls
        (f"A{LEAK}<|im_end|>", "A", LOOKUP),
        (f"A<|im_end|>{LEAK}", "A", LOOKUP),
        # clean-markers-in-arguments
        (CALL.replace('"x"', f'"{CE}{SE}<think>a</think>`b`(no content)"'), "", LOOKUP),
    ],
)
def test_k2_calls(content: str, text: str, calls: list[str]) -> None:
    assert read(content) == (text, "", calls)
    assert read(content, hold=False) == (text, "", calls)
    if content.strip():
        assert read("", content) == ("", text, calls)


@pytest.mark.parametrize(
    ("content", "calls"),
    [
        ("functions.lookup:0{0}", LOOKUP),
        ("functions.lookup:0 {0}\n", LOOKUP),
        ("functions.lookup:0{0}<|im_end|>", LOOKUP),
        ("functions.lookup:0{0}functions.ping:1{{}}", ["functions.lookup:0", "functions.ping:1"]),
    ],
)
def test_markers_stripped(content: str, calls: list[str]) -> None:
    assert read("Then." + content.format(ARGUMENTS)) == ("Then.", "", calls)
    assert read("Done.", "Then." + content.format(ARGUMENTS)) == ("Done.", "Then.", calls)


@pytest.mark.parametrize(
    ("reasoning", "content", "said"),
    [
        (f"R.{LEAK}", "A.", ("A.", "R.", LOOKUP)),
        (f"R {SB}{CB}functions.lookup:0{AB}", f"{ARGUMENTS}{CE}{SE}A.", ("A.", "R", LOOKUP)),
        (f'R {CB}functions.lookup:0{AB}{{"term": ', f'"x"}}{CE}A.', ("A.", "R", LOOKUP)),
        (f"R {CB}functions.lookup:0", f"{AB}{ARGUMENTS}{CE}A.", ("A.", "R", LOOKUP)),
        (f"R {CB}", f"functions.lookup:0{AB}{ARGUMENTS}{CE}A.", ("A.", "R", LOOKUP)),
        (f"R {CB}functions.lookup:0{AB}{ARGUMENTS}", f"{CE}{SE}A.", ("A.", "R", LOOKUP)),
        (f"R {CB}functions.lookup:0{AB}{ARGUMENTS}<", "A.", ("A.", "R <", LOOKUP)),
        (f"R {CB}", "A.", ("A.", "R", [])),
        (f"R {CB} so", "A then.", ("A then.", "R  so", [])),
        ("R <|tool_call", "A.", ("A.", "R", [])),
        ("R <", "tag>", ("tag>", "R <", [])),
        ("R\n", "\nA", ("\nA", "R\n", [])),
    ],
)
def test_calls_and_channels(reasoning: str, content: str, said: Said) -> None:
    assert read(content, reasoning) == said


@pytest.mark.parametrize(
    "text",
    [
        f"Use `{CE}` and ``{CB}`` here.",
        f"`{LEAK}`",
        f"```\n{LEAK}\n```\nok",
        f"```\n{LEAK}",
        f"```{LEAK}```",
        f"~~~xml\n{LEAK}\n~~~\nok",
        f"````md\n```\n{LEAK}\n```\n{LEAK}\n````\nok",
        f"```markdown\n```js\nx\n```\n{LEAK}\n```\nok",
        f"- ```\n  {LEAK}\n  ```\n1. ```text\n{LEAK}\n```\nok",
        f"> ```\n> {LEAK}\n> ```\n",
        f"> {CE} closes a {CB}.\n",
        f'The "{CE}" token; \'{CB}\', \\"{CE}\\".',
        f'"{LEAK}"',
        f'{{"a": "{CE}"}}, ["{CB}", "{CE}"]',
        f"„{CE}“ «{CE}» « {CE} » “{CE}” ‘{CE}’ 「{CE}」",
        f'He wrote "use {CE} to end it" and left.',
        f"({CE}) [{CE}] **{CE}** (`{CE}`)",
        f"| {CB} | begins |\n| {CE} | ends |",
        f"`{K3_CALL}` and `{SB}`",
        "<|hello|> <| done |> <tag> a < b | c > d <|",
        "See functions.lookup:0 and functions.lookup:1 {.",
        "functions.lookup:0 followed by {}",
        f"functions.lookup:0{ARGUMENTS} is how it looks.",
        f"functions.nope:0{ARGUMENTS}",
        f"`functions.lookup:0{ARGUMENTS}`",
        f'{{"name": "lookup", "arguments": {ARGUMENTS}}}',
        "[{'type': 'text', 'text': 'x'}]",
    ],
)
def test_clean_marker_talk_and_lookalikes(text: str) -> None:
    assert read(text) == (text, "", [])
    assert read("", text) == ("", text, [])


@pytest.mark.parametrize(
    "before",
    [
        "```\ncode\n```",
        "```\ncode\n```\n",
        "Use `foo` first.",
        "A lone ` tick.",
        'say "hello"',
        'say "hello." ',
        'She said "hi.',
        '"(x)"',
        'It is 5" wide',
        "don't stop",
        "**Done**",
        "> quote",
        "| 1 | 2 |",
        "- item",
        "(see",
        f"Use `{CE}` so.",
        f"```\n{CE}\n```\n",
    ],
)
def test_a_call_behind_code_and_quotes_is_a_call(before: str) -> None:
    assert read(before + LEAK) == (before.strip(), "", LOOKUP)


@pytest.mark.parametrize(
    ("content", "text", "reasoning", "calls"),
    [
        (
            f"{OPEN}response{SEP}Hi.{CLOSE}response{SEP}{OPEN}tools{SEP}{K3_CALL}{CLOSE}tools{SEP}",
            "Hi.",
            "",
            ["lookup"],
        ),
        (f"hm{CLOSE}think{SEP}{OPEN}response{SEP}Hi.{CLOSE}response{SEP}<|end_of_msg|>", "Hi.", "hm", []),
        (f"{OPEN}think{SEP}hm{CLOSE}think{SEP}{OPEN}response{SEP}Hi.{CLOSE}message{SEP}", "Hi.", "hm", []),
        (f"{OPEN}think{SEP}hm{OPEN}response{SEP}Hi.", "Hi.", "hm", []),
        (f"hm{OPEN}response{SEP}Hi.", "Hi.", "hm", []),
        (f"A{K3_CALL}{K3_CALL}", "A", "", ["lookup"] * 2),
        (f"A {K3_CALL} and {K3_CALL} B", "A  and  B", "", ["lookup"] * 2),
        (f'A{OPEN}call tool="ping"{SEP}And on', "AAnd on", "", ["ping (incomplete)"]),
        (f'A{OPEN}tools{SEP}{OPEN}call tool="Bash" ls -la', "A", "", []),
        (f"A{CLOSE}argument{SEP}B", "AB", "", []),
        (f'{OPEN}message role="assistant"{SEP}A', "A", "", []),
        (f"A {OPEN}", "A", "", []),
    ],
)
def test_k3(content: str, text: str, reasoning: str, calls: list[str]) -> None:
    assert read(content) == (text, reasoning, calls)


def test_k3_in_the_reasoning() -> None:
    assert read("", f"hm{CLOSE}think{SEP}{OPEN}response{SEP}Hi") == ("Hi", "hm", [])
    assert read("", f"hm{OPEN}response{SEP}Hi") == ("Hi", "hm", [])


@pytest.mark.parametrize(
    ("content", "text", "calls"),
    [
        (f"A\n{HERMES}\nB", "A\n\nB", ["lookup"]),
        (f"{HERMES}{HERMES}", "", ["lookup"] * 2),
        (f"I will look <tool_call>{HERMES[12:]}", "I will look", ["lookup"]),
        ('A<tool_call>{"name": "lookup", "argu', "A", ["lookup (incomplete)"]),
        ('A<tool_call>{"na', "A", []),
        (f"A\n<function_calls>\n{INVOKE}\n</function_calls>\nB", "A\n\nB", ["Bash"]),
        (f"<function_calls>\n{INVOKE}\n{INVOKE}\n</function_calls>", "", ["Bash"] * 2),
        (f"{INVOKE}\n{INVOKE.replace('Bash', 'other')}", "", ["Bash", "other"]),
        (f"A {INVOKE}", "A", ["Bash"]),
        (f"A {INVOKE}\n<invoke na", "A", ["Bash"]),
        ("A <function=lookup><parameter=term>x</parameter></function>", "A", ["lookup"]),
        ("A <tool_call>\n<function=lookup>\n<parameter=term>\nx</parameter></function></tool_call>", "A", ["lookup"]),
        (f"A <function=lookup>{ARGUMENTS}</function>", "A", ["lookup"]),
    ],
)
def test_calls_in_other_grammars(content: str, text: str, calls: list[str]) -> None:
    assert read(content) == (text, "", calls)


@pytest.mark.parametrize(
    "text",
    [
        HERMES.replace("lookup", "nope"),
        '<tool_call>{"a": 1}</tool_call>',
        "<tool_call>Web Search",
        "A <tool_call><function=nope><parameter=a>x</parameter></function></tool_call>",
        f"<function_calls>\n{INVOKE.replace('Bash', 'nope')}\n</function_calls>",
        'Use <invoke name="Bash"> to run.',
        "<function=Bash> is how others write it.",
        '<parameter name="x">y</parameter> </invoke> </tool_call> </function_calls> <function_calls>',
        "exec({'a': 1}) <function>f</function>",
        f"`{HERMES[:11]}` and\n```xml\n{HERMES}\n{INVOKE}\n```",
        "Use <tool_call> tags.",
        "Models wrap calls in <tool_call>",
        "<tool_call>, </tool_call>",
    ],
)
def test_other_grammars_without_an_offered_tool_are_text(text: str) -> None:
    assert read(text) == (text, "", [])


@pytest.mark.parametrize(
    "stump",
    [
        "<tool_call>Web<tool_call>mcp__per",
        "<tool_call>",
        " <tool_call>\n",
        "<tool_call>Web</tool_call>",
        "<tool_call>Web\n<tool_call",
        "<tool_call",
        "<tool_call>Web<|im_end|>",
        "<tool_call>" * 8,
    ],
)
def test_tool_call_tag_remnants(stump: str) -> None:
    assert read("Searching now." + stump) == ("Searching now.", "", [])
    assert read("Done.", "Searching now." + stump) == ("Done.", "Searching now.", [])


def test_hermes_without_tools_is_text() -> None:
    assert said(extract(HERMES, KIMI, {})) == (HERMES, "", [])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Four.<|im_end|>", "Four."),
        ("Four.\n<|im_end|> [EOS]\n", "Four."),
        ("<|im_end|>", ""),
        ("Four.<|im_en", "Four."),
        ("Four.<|im_end|> Five.", "Four.<|im_end|> Five."),
        ('The `<|im_end|>` and "<|im_end|>"', 'The `<|im_end|>` and "<|im_end|>"'),
        ("```\n<|im_end|>\n```", "```\n<|im_end|>\n```"),
        ("a [EO", "a [EO"),
    ],
)
def test_control_tokens(content: str, text: str) -> None:
    assert read(content) == (text, "", [])
    assert read("A", content) == ("A", text, [])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("(no content)", ""),
        ("(No Content)\n", ""),
        ("\n(no content)(no content)\n\nListo.", "Listo."),
        ("(no content) Listo.", "Listo."),
        ("(no content)\nlisto", "listo"),
        ("(no content)好的", "好的"),
        (f"(no content){LEAK}", ""),
        (f"{LEAK}(no content)", ""),
        (f"{SE}(no content)", ""),
        ("(no content)<think></think>(no content)A", "A"),
        ("(no content) means empty", "(no content) means empty"),
        ("(no content), he said", "(no content), he said"),
        ("(no content) – see", "(no content) – see"),
        ("204 (no content)", "204 (no content)"),
        ("- (no content)", "- (no content)"),
        ("| 204 | (no content) |", "| 204 | (no content) |"),
        ("Done.\n(no content)", "Done.\n(no content)"),
        ("`(no content)`", "`(no content)`"),
        ("(no content", "(no content"),
        (" " * BLANKS_LIMIT + "(no content)", " " * BLANKS_LIMIT + "(no content)"),
    ],
)
def test_placeholders(content: str, text: str) -> None:
    assert read(content)[0] == text
    if "<" not in content:
        assert read("A", content)[:2] == ("A", text)


def test_a_long_row_of_placeholders_is_not_held_for_ever() -> None:
    content = "(no content)" * 1000
    assert len(read(content)[0]) == 12 * (1000 - BLANKS_LIMIT // 12)


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        # think-close-without-open
        ("hm</think>Hi.", "Hi.", "hm"),
        ("hm\n</think>\n\nHi.", "Hi.", "hm"),
        ("hm... </think>   Hi.", "Hi.", "hm..."),
        ("思考中。</think>你好", "你好", "思考中。"),
        ("思考 </think> 你好", "你好", "思考"),
        ("hm</think>", "", "hm"),
        ("</think>Hi.", "Hi.", ""),
        ("(no content)(no content)  hm </think>   Hi.", "Hi.", "hm"),
        ("hm</think>A</think> B", "A B", "hm"),
        ("hm</think>| a | b |", "| a | b |", "hm"),
        ("hm</think>`code`", "`code`", "hm"),
        ('He said "hi. So greet.</think>Hello "friend"!', 'Hello "friend"!', 'He said "hi. So greet.'),
        ("Use `x</think>Hi.", "Hi.", "Use `x"),
        # think-block-in-content
        ("<think>hm</think>Hi.", "Hi.", "hm"),
        ("<think>\nhm\n</think>\n\nHi.", "Hi.", "hm"),
        ("<think>\n\n</think>\n\nHi.", "Hi.", ""),
        ("<think>hm</think>", "", "hm"),
        ("A. <think>hm</think> B.", "A. B.", "hm"),
        ("A.\n\n<think>hm</think>\n\nB.", "A.\n\nB.", "hm"),
        ("A.<think>hm</think> B.", "A. B.", "hm"),
        ("A. <think>hm</think>", "A.", "hm"),
        ("<think>a</think>b<think>c</think>d", "bd", "ac"),
        ("<think>a <think>b</think>c", "c", "a b"),
        ("<think>simple </think> ok then", "ok then", "simple"),
        ("<think>the `</think>` tag</think>Hi.", "Hi.", "the `</think>` tag"),
        ("<think>```\ncode\n```\n</think>Hi.", "Hi.", "```\ncode\n```"),
        # think-never-closed
        ("<think>hm", "", "hm"),
        ("<think>hm</thi", "", "hm"),
        ("<think>hm</", "", "hm</"),
        ("hm</think", "hm", ""),
        # think-tag-variants
        ("<THINK>hm</Think>Hi.", "Hi.", "hm"),
        ("<thinking>hm</thinking>Hi.", "Hi.", "hm"),
        ("<thinking>hm</think>Hi.", "Hi.", "hm"),
        ('<think id="1">hm</think >Hi.', "Hi.", "hm"),
        ("◁think▷hm◁/think▷Hi.", "Hi.", "hm"),
        ("</redacted_thinking>\nHi.", "Hi.", ""),
    ],
)
def test_thinking(content: str, text: str, reasoning: str) -> None:
    assert read(content) == (text, reasoning, [])


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        (f"<think>hm {LEAK}", "", "hm"),
        (f"<think>hm {LEAK}</think>Hi.", "Hi.", "hm"),
        (f"<think>hm {LEAK} Hi.", "Hi.", "hm"),
        (f"hm {LEAK}</think>Hi.", "Hi.", "hm"),
        (f"hm</think>{LEAK}", "", "hm"),
    ],
)
def test_calls_and_thinking(content: str, text: str, reasoning: str) -> None:
    assert read(content) == (text, reasoning, LOOKUP)


@pytest.mark.parametrize(
    ("reasoning", "content", "said"),
    [
        ("hm</think>", "Hi.", ("Hi.", "hm", [])),
        ("hm</think>Lima.", "", ("Lima.", "hm", [])),
        ("<think>hm</think>Lima.", "", ("Lima.", "hm", [])),
        ("<think>hm", "Hi.", ("Hi.", "hm", [])),
        ("hm", "</think>\n\nHi.", ("Hi.", "hm", [])),
        ("hm</think>", "</think>Hi.", ("Hi.", "hm", [])),
        ("asks about the </think> tag", "Hi.", ("Hi.", "asks about the </think> tag", [])),
        (" ", "hm</think>Hi.", ("Hi.", " hm", [])),
        ("A plan.", "<think>A plan.</think>Hi.", ("Hi.", "A plan.", [])),
        ("A plan.\n", "<think>\nA plan.\n</think>\nHi.", ("Hi.", "A plan.\n", [])),
        ("A plan.", "<think> Another.</think>Hi.", ("Hi.", "A plan.Another.", [])),
    ],
)
def test_thinking_and_channels(reasoning: str, content: str, said: Said) -> None:
    assert read(content, reasoning) == said


@pytest.mark.parametrize(
    "text",
    [
        "Models emit <think> before the answer and </think> after it.",
        "The tags <think>, </think> and ◁think▷ differ.",
        "Put it between <think> and </think>",
        "Use <think>...</think> blocks, the <think>/</think> pair.",
        "- <think>: opens\n- </think>: closes",
        "1. <think> opens thinking\n2. </think> closes it",
        "| <think> | opens |\n| </think> | closes |",
        "It is (<think>) and **</think>**.",
        '"<think>x</think>" and “<think>”',
        '"wrap it in <think> tags"',
        "Die Tags <think> und </think> umschließen das Denken.",
        "標記 <think> 開始思考",
        "Das <think>-Tag. Note: <think> is a tag.\n\n## The </think> problem",
        "`<think>` and\n```xml\n<think>step</think>\n```\nand `</think>`.",
        "<thinker>x</thinker> <think about it> a <thinking-cap>",
        "&lt;think&gt; \\<think\\>",
    ],
)
def test_clean_think_talk(text: str) -> None:
    assert read(text) == (text, "", [])
    assert read("", text) == ("", text, [])


def test_without_holding_a_late_close_tag_vanishes_and_is_remembered() -> None:
    stage = MarkupRepair(KIMI, TOOLS, hold_undecided=False)
    assert said(stage.feed(TextDelta("hm "))) == ("hm", "", [])
    assert not stage.orphan_seen
    assert said([*stage.feed(TextDelta("</think> Hi.")), *stage.close()]) == (" Hi.", "", [])
    assert stage.orphan_seen
    assert not stage.reasoning_seen


def test_a_close_tag_behind_reasoning_is_no_sign() -> None:
    stage = MarkupRepair(KIMI, TOOLS, hold_undecided=False)
    for event in (ReasoningDelta("hm"), TextDelta("Hi.</think>"), Finish()):
        list(stage.feed(event))
    assert not stage.orphan_seen
    assert stage.reasoning_seen


def test_a_row_of_placeholders_holds_what_follows() -> None:
    stage = MarkupRepair(KIMI, TOOLS, hold_undecided=False)
    assert said(stage.feed(TextDelta("(no content)(no content) hm"))) == ("", "", [])
    assert said(stage.feed(TextDelta("</think>Hi. So"))) == ("Hi. So", "hm", [])


def test_a_native_call_lets_held_text_go_first() -> None:
    start = ToolCallStart(0, "id", "lookup")
    events = repaired([TextDelta("Let me see. <"), start, TextDelta("Done")])
    assert events == [TextDelta("Let me see. <"), start, TextDelta("Done")]


def test_a_native_call_in_the_middle_of_a_marker_or_of_a_leaked_call() -> None:
    start = ToolCallStart(0, "id", "lookup")
    for cut in range(3, len(LEAK)):
        events = repaired([TextDelta("A " + LEAK[:cut]), start, TextDelta(LEAK[cut:])])
        assert said(events) == ("A", "", LOOKUP), LEAK[:cut]
        assert events.index(TextDelta("A")) < events.index(start)


def test_a_whole_leaked_call_goes_before_a_native_one() -> None:
    start = ToolCallStart(0, "id", "lookup")
    events = repaired([TextDelta(CALL[: -len(CE)]), start])
    assert [type(event) for event in events] == [Repair, LeakedCall, ToolCallStart]


def test_choices_are_told_apart() -> None:
    events = repaired([TextDelta("a <", 0), TextDelta("hm</think>", 1), TextDelta("b", 0), TextDelta("Hi.", 1)])
    assert said([event for event in events if getattr(event, "choice", 0) == 0]) == ("a <b", "", [])
    assert said([event for event in events if getattr(event, "choice", 0) == 1]) == ("Hi.", "hm", [])


@pytest.mark.parametrize("end", [ChoiceFinish("stop"), Finish(), Failure("broken")])
def test_nothing_is_overtaken_by_the_end(end: Event) -> None:
    events = repaired([TextDelta("hm <"), end])
    assert said(events[:-1]) == ("hm <", "", [])
    assert events[-1] == end


def test_other_events_pass() -> None:
    finish = ChoiceFinish("stop", choice=3)
    assert repaired([Comment("ping"), finish]) == [Comment("ping"), finish]


def test_empty_text_changes_nothing() -> None:
    assert said(repaired([ReasoningDelta("a<"), TextDelta(""), ReasoningDelta("b")])) == ("", "a<b", [])


def test_a_leaked_call_is_told_whole() -> None:
    assert [event for event in extract(f"A {LEAK} B", KIMI, TOOLS) if not isinstance(event, TextDelta)] == [
        Repair("leaked-call", CALL, f"functions.lookup:0 {ARGUMENTS}"),
        LeakedCall("functions.lookup:0", ARGUMENTS, True, CALL),
    ]


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (LEAK, ["leaked-call"]),
        (f"A{CE}{SE} B{SE}", ["stray-marker", "stray-marker"]),
        ("<think>hm</think>Hi.", ["think-block"]),
        ("<think>a<think>b</think>Hi.", ["think-block", "think-tag"]),
        ("hm</think>Hi.", ["orphan-think-close"]),
        ("(no content)", ["no-content"]),
        ("Four.<|im_end|>", ["control-token"]),
        ("Now.<tool_call>Web", ["call-remnant"]),
        ("Hi.", []),
    ],
)
def test_every_repair_is_told(content: str, kinds: list[str]) -> None:
    assert [event.kind for event in repaired([TextDelta(content)]) if isinstance(event, Repair)] == kinds


def test_repairs_of_the_reasoning_are_told() -> None:
    events = repaired([ReasoningDelta("hm</think>"), TextDelta("<think>hm</think>")])
    assert [event.kind for event in events if isinstance(event, Repair)] == [
        "answer-in-reasoning",
        "think-block",
        "reasoning-echo",
    ]


def test_many_markers_in_a_row_are_told_in_short() -> None:
    repairs = [event for event in repaired([TextDelta(CE * 1000)]) if isinstance(event, Repair)]
    assert [repair.kind for repair in repairs] == ["stray-marker"]


def test_repair_kinds_lists_what_is_emitted() -> None:
    emitted = {
        node.value
        for module in (lexer, outlet)
        for call in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "repair"
        for node in ast.walk(call.args[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert emitted == set(REPAIR_KINDS)
