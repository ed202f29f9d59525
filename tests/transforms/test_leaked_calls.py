"""How one call is read; what stands around it is in `test_markup.py`."""

import pytest

from transforms.buffer import Buffer
from transforms.grammars import KIMI, Role, tokens_of
from transforms.leaked_calls import HEADER_LIMIT, NOISE_LIMIT, CallReader, NoCall, ReadCall

TOKENS = tokens_of(KIMI)
TOOLS = {
    "lookup": {"type": "object", "properties": {"term": {"type": "string"}, "n": {"type": "integer"}, "any": True}},
    "ping": None,
}
CB, AB, CE = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
SB, SE = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
ARGUMENTS = '{"term": "x"}'
OPEN, CLOSE, SEP = "<|open|>", "<|close|>", "<|sep|>"
K3 = f'{OPEN}call tool="lookup" index="1"{SEP}'


def key(name: str, value: str, type: str | None = "string") -> str:
    typed = f' type="{type}"' if type else ""
    return f'{OPEN}argument key="{name}"{typed}{SEP}{value}{CLOSE}argument{SEP}'


def _read(text: str, size: int | None = None) -> tuple[list[ReadCall] | NoCall | None, str]:
    """The result of reading the call at the beginning of a text, and what is left unread."""
    opener = TOKENS.find(text, last=True)
    assert opener and opener.start == 0
    end = 0 if opener.role is Role.HEADER else opener.end
    reader = CallReader(TOKENS, TOOLS, opener, text[:end])
    buffer = Buffer()
    rest = text[end:]
    result = None
    step = size or max(1, len(rest))
    for start in range(0, len(rest), step):
        buffer.add(rest[start : start + step])
        result = result or reader.read(buffer, last=False)
    result = result or reader.read(buffer, last=True)
    return result, buffer.take_all()


def _assert_reads(text: str, header: str, arguments: str, complete: bool, left: str = "") -> None:
    for size in (None, 1, 3):
        result, unread = _read(text, size)
        assert isinstance(result, list), size
        assert [(call.header, call.arguments, call.complete) for call in result] == [(header, arguments, complete)]
        assert unread == left
        assert text.startswith(result[0].raw.rstrip())


@pytest.mark.parametrize(
    ("text", "header", "arguments", "left"),
    [
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}{CE}B", "functions.lookup:0", ARGUMENTS, "B"),
        (f"{CB} functions.lookup:0\n{AB}\n{ARGUMENTS}\n{CE}B", "functions.lookup:0", ARGUMENTS, "B"),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}<|tool_call_argument_end|>{CE}", "functions.lookup:0", ARGUMENTS, CE),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}{SE}", "functions.lookup:0", ARGUMENTS, SE),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}{CB}", "functions.lookup:0", ARGUMENTS, CB),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}", "functions.lookup:0", ARGUMENTS, ""),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS} And on", "functions.lookup:0", ARGUMENTS, "And on"),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}<|tool_c", "functions.lookup:0", ARGUMENTS, "<|tool_c"),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}}}]{CE}", "functions.lookup:0", ARGUMENTS, ""),
        (f"{CB}functions.lookup:0{AB}{{}}{ARGUMENTS}{CE}", "functions.lookup:0", "{}" + ARGUMENTS, ""),
        (f"{CB}functions.lookup:0{ARGUMENTS}{CE}", "functions.lookup:0", ARGUMENTS, ""),
        (f"{CB} lookup {ARGUMENTS}{CE}", "lookup", ARGUMENTS, ""),
        (f"{CB}{AB}{ARGUMENTS}{CE}", "", ARGUMENTS, ""),
        (f"{CB}0{AB}{ARGUMENTS}{CE}", "0", ARGUMENTS, ""),
        (f"{CB}oh functions.lookup:3 so{AB}{ARGUMENTS}{CE}", "functions.lookup:3", ARGUMENTS, ""),
        (f"{CB}some words{AB}{ARGUMENTS}{CE}", "some words", ARGUMENTS, ""),
        (f"{CB}functions.ping:0{AB}{CE}", "functions.ping:0", "", ""),
        (f"{CB}functions.ping:0{CE}", "functions.ping:0", "", ""),
        (f"{CB}call_8f2c{CE}", "call_8f2c", "", ""),
        (f"{CB}functions.ping:0{SE}", "functions.ping:0", "", SE),
        (f"{CB}functions.lookup:0{AB}null{CE}", "functions.lookup:0", "null", ""),
        (f"{CB}functions.lookup:0{AB}not json", "functions.lookup:0", "not json", ""),
        (f"{CB}functions.lookup:0{AB}```json\n{{}}\n```{CE}", "functions.lookup:0", "```json\n{}\n```", ""),
        (f'{CB}functions.lookup:0{AB}"{{\\"a\\": 1}}"{CE}', "functions.lookup:0", '"{\\"a\\": 1}"', ""),
        (f"{CB}functions.lookup:0{AB}{{'term': 'it\"s'}}{CE}", "functions.lookup:0", "{'term': 'it\"s'}", ""),
        (f"{SB}functions.lookup:0{AB}{ARGUMENTS}{SE}", "functions.lookup:0", ARGUMENTS, SE),
        (f"{SB}lookup {ARGUMENTS}{SE}", "lookup", ARGUMENTS, SE),
        (f"functions.lookup:0{AB}{ARGUMENTS}{CE}", "functions.lookup:0", ARGUMENTS, ""),
        (f"{AB}{ARGUMENTS}{CE}", "", ARGUMENTS, ""),
        (f'<tool_call>{{"name": "lookup", "arguments": {ARGUMENTS}}}</tool_call>B', "lookup", ARGUMENTS, "B"),
    ],
)
def test_json_calls(text: str, header: str, arguments: str, left: str) -> None:
    _assert_reads(text, header, arguments, True, left)


@pytest.mark.parametrize(
    "string",
    [f"a {CE}{SE}{CB} b", f'\\"{CE}\\\\', "<think>a</think> `x` (no content)", "line\nbreak\ttab", "{ [ } é😀", K3],
)
def test_markup_in_strings_is_data(string: str) -> None:
    arguments = f'{{"term": "{string}"}}' if '"' not in string.replace('\\"', "") else "{'term': '" + string + "'}"
    _assert_reads(f"{CB}functions.lookup:0{AB}{arguments}{CE}B", "functions.lookup:0", arguments, True, "B")


@pytest.mark.parametrize(
    ("text", "header", "arguments", "left"),
    [
        (f'{CB}functions.lookup:0{AB}{{"term": "x', "functions.lookup:0", '{"term": "x', ""),
        (f'{CB}functions.lookup:0{AB}{{"term": "x <', "functions.lookup:0", '{"term": "x <', ""),
        (f'{CB}functions.lookup:0{AB}{{"term": "x{CE} and on', "functions.lookup:0", '{"term": "x', f"{CE} and on"),
        (f'{CB}functions.lookup:0{AB}{{"term": "x"<|tool_ca', "functions.lookup:0", '{"term": "x"', ""),
        (f"{CB}functions.lookup:0{AB}", "functions.lookup:0", "", ""),
        (f"{CB}functions.lookup:0<|tool_call_arg", "functions.lookup:0", "", "<|tool_call_arg"),
        (f"{CB}functions.loo", "functions.loo", "", ""),
        (f"{CB}func", "func", "", ""),
        (f"{CB}look", "look", "", ""),
        ('<tool_call>{"name": "lookup", "arguments": {"te', "lookup", '{"te', ""),
    ],
)
def test_broken_off_json_calls(text: str, header: str, arguments: str, left: str) -> None:
    _assert_reads(text, header, arguments, False, left)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{CB}", ""),
        (f"{CB} I go on.", " I go on."),
        (f"{CB} Done.", " Done."),
        (f"{CB}好的，我来查询。", "好的，我来查询。"),
        (f"{CB} Use {{x}} here{CE}", f" Use {{x}} here{CE}"),
        (f"{CB}{CB}functions.lookup:0", f"{CB}functions.lookup:0"),
        (f"{CB}Done.{SE}", f"Done.{SE}"),
        (f"{CB}{'x' * (HEADER_LIMIT + 1)}", "x" * (HEADER_LIMIT + 1)),
        (f"{SB}{CB}", CB),
        (f"{SB}words {ARGUMENTS}", f"words {ARGUMENTS}"),
        (f"{SB}Done{CE}", f"Done{CE}"),
        (f"{AB} x {ARGUMENTS}", f" x {ARGUMENTS}"),
        (f"{AB}{CE}", CE),
        ('<tool_call>{"na', ""),
        ('<tool_call>{"name": "nope", "arg', ""),
    ],
)
def test_markers_without_a_call_vanish(text: str, left: str) -> None:
    for size in (None, 1):
        result, unread = _read(text, size)
        assert isinstance(result, NoCall)
        assert (result.text, unread) == ("", left)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"functions.lookup:0{ARGUMENTS} and on", "and on"),
        (f"functions.lookup:0 {ARGUMENTS}.", "."),
        (f"functions.lookup:0{ARGUMENTS}{CE}", CE),
        ("functions.lookup:0{" + CE, CE),
        (f"functions.lookup:0{ARGUMENTS}functions.nope:1{{}}", "functions.nope:1{}"),
        (f"functions.lookup:0{ARGUMENTS}functions.ping:1{{}} and", "and"),
        (f'functions.lookup:0{{"term": "x {CE}', ""),
        (f"functions.lookup:0{ARGUMENTS}<|im_end|>x", "x"),
        ('<tool_call>{"name": "nope", "arguments": {}}</tool_call>', ""),
        ('<tool_call>{"a": 1} x', "x"),
        ('<tool_call>{"a": 1', ""),
        ('<invoke name="lookup"> to run', " to run"),
        ('<invoke name="lookup"> to <parameter name="term">', 'to <parameter name="term">'),
        ('<invoke name="lookup">', ""),
        (f'<invoke name="lookup">{CE}', CE),
    ],
)
def test_talk_is_given_back_as_text(text: str, left: str) -> None:
    for size in (None, 1):
        result, unread = _read(text, size)
        assert isinstance(result, NoCall)
        assert result.text == result.raw
        assert (result.text + unread).split() == text.split()
        assert unread.strip() == left.strip()


@pytest.mark.parametrize("rest", ["", "\n", "<|im_end|>\n"])
def test_bare_calls_end_the_text(rest: str) -> None:
    for size in (None, 1):
        result, unread = _read(f"functions.lookup:0{ARGUMENTS}\nfunctions.ping:1 {{}}{rest}", size)
        assert isinstance(result, list)
        assert [(call.header, call.arguments) for call in result] == [
            ("functions.lookup:0", ARGUMENTS),
            ("functions.ping:1", "{}"),
        ]
        assert unread == ""


@pytest.mark.parametrize(
    ("text", "arguments", "left"),
    [
        (f"{K3}{key('term', ' New York ')}{CLOSE}call{SEP}B", '{"term": " New York "}', "B"),
        (f"{K3}{key('term', 'a <b> & "q" \\n')}{CLOSE}call{SEP}", r'{"term": "a <b> & \"q\" \\n"}', ""),
        (f"{K3}{key('a', '2', 'number')}{key('b', 'true', 'boolean')}", '{"a": 2, "b": true}', ""),
        (f"{K3}{key('a', '1e2', 'number')}{CLOSE}call{SEP}", '{"a": 1e2}', ""),
        (f"{K3}{key('a', 'null', 'null')}{key('o', '[1, {}]', 'object')}", '{"a": null, "o": [1, {}]}', ""),
        (f"{K3}{key('n', '2', None)}{key('any', 'x', None)}", '{"n": 2, "any": "x"}', ""),
        (f"{K3}{key('other', '7', None)}{key('o', chr(34) + 'x' + chr(34), None)}", r'{"other": 7, "o": "\"x\""}', ""),
        (f"{K3}{key('n', 'two', 'number')}{CLOSE}call{SEP}", '{"n": "two"}', ""),
        (f"{K3}{key('term', f'{CE} {SE} <think>')}{CLOSE}call{SEP}", f'{{"term": "{CE} {SE} <think>"}}', ""),
        (f'{K3}{OPEN}json type="object"{SEP}{ARGUMENTS}{CLOSE}json{SEP}', ARGUMENTS, ""),
        (f"{K3}{ARGUMENTS}{CLOSE}call{SEP}", ARGUMENTS, ""),
        (f"{K3}{CLOSE}call{SEP}B", "{}", "B"),
        (f"{K3}{CLOSE}tools{SEP}", "{}", f"{CLOSE}tools{SEP}"),
        (f"{K3}{CB}", "{}", CB),
        (f"{K3} so {key('term', 'x')} and {key('n', '1', 'number')} on {CLOSE}call{SEP}", '{"term": "x", "n": 1}', ""),
        (f"{K3}{key('term', 'x')}{CLOSE}argument{SEP}{CLOSE}call{SEP}", '{"term": "x"}', ""),
        (f"{K3}{key('term', 'x')}And on", '{"term": "x"}', "And on"),
        (f"{K3}{key('term', 'x')}And {CB}", '{"term": "x"}', f"And {CB}"),
        (f'{K3}{OPEN}argument key="term"{SEP}x{CLOSE}call{SEP}B', '{"term": "x"}', "B"),
        ('<invoke name="lookup">\n<parameter name="term">\nx\n</parameter>\n</invoke>B', '{"term": "x"}', "B"),
        ('<invoke name="lookup"><parameter name="n">3</parameter></invoke>', '{"n": 3}', ""),
        ('<invoke name="lookup"><parameter name="term">3</parameter>', '{"term": "3"}', ""),
        ('<invoke name="lookup"></invoke>', "{}", ""),
        (f'<invoke name="lookup">{ARGUMENTS}</invoke>', ARGUMENTS, ""),
        ("<function=lookup><parameter=term>x</parameter></function>B", '{"term": "x"}', "B"),
    ],
)
def test_keyed_calls(text: str, arguments: str, left: str) -> None:
    _assert_reads(text, "lookup", arguments, True, left)


@pytest.mark.parametrize(
    ("text", "arguments", "left"),
    [
        (K3, "{}", ""),
        (f"{K3}And on", "{}", "And on"),
        (f"{K3}{'x' * (NOISE_LIMIT + 1)}", "{}", "x" * (NOISE_LIMIT + 1)),
        (f'{K3}{OPEN}argument key="term" type="string"{SEP}x', "{}", ""),
        (f'{K3}{key("term", "x")}{OPEN}argument key="n"{SEP}2', '{"term": "x"}', ""),
        (f'{K3}{OPEN}json{SEP}{{"te', '{"te', ""),
    ],
)
def test_broken_off_keyed_calls(text: str, arguments: str, left: str) -> None:
    _assert_reads(text, "lookup", arguments, False, left)


def test_the_attributes_of_k3_are_unescaped() -> None:
    result, _ = _read(f'{OPEN}call tool="a&amp;b&quot;"{SEP}{OPEN}argument key="&quot;"{SEP}x{CLOSE}argument{SEP}')
    assert isinstance(result, list)
    assert (result[0].header, result[0].arguments) == ('a&b"', r'{"\"": "x"}')


def test_a_tool_without_a_schema_takes_what_json_there_is() -> None:
    result, _ = _read('<invoke name="ping"><parameter name="a">[1]</parameter></invoke>')
    assert isinstance(result, list)
    assert result[0].arguments == '{"a": [1]}'


def _reader(text: str) -> tuple[CallReader, Buffer]:
    opener = TOKENS.find(text)
    assert opener
    reader = CallReader(TOKENS, TOOLS, opener, text[: opener.end])
    buffer = Buffer()
    buffer.add(text[opener.end :])
    assert reader.read(buffer, last=False) is None
    return reader, buffer


@pytest.mark.parametrize(
    ("text", "may_change"),
    [
        (CB, True),
        (f"{CB}functions.Re", True),
        (f"{CB} so I", False),
        (f"{CB}functions.lookup:0{AB}", True),
        (f'{CB}functions.lookup:0{AB}{{"term": "x', True),
        (f"{CB}functions.lookup:0{AB}{ARGUMENTS}", False),
        (K3, True),
        (f"{K3} so", False),
        (f'{K3}{OPEN}argument key="a"{SEP}x', True),
        ("functions.lookup:0{", False),
    ],
)
def test_whether_a_call_may_go_on_in_the_other_channel(text: str, may_change: bool) -> None:
    reader, buffer = _reader(text)
    assert reader.may_change_channel(buffer) is may_change


@pytest.mark.parametrize(
    ("text", "whole"),
    [(CB, False), (f"{CB}functions.lookup:0{AB}{{", False), (f"{CB}functions.lookup:0{AB}{ARGUMENTS}", True)],
)
def test_whether_a_call_is_whole(text: str, whole: bool) -> None:
    reader, _ = _reader(text)
    assert reader.is_whole is whole


@pytest.mark.parametrize("opener", [f'{CB}functions.lookup:0{AB}{{"term": "', f'{K3}{OPEN}argument key="term"{SEP}'])
def test_arguments_have_a_greatest_length(opener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.leaked_calls.ARGUMENTS_LIMIT", 5000)
    assert isinstance(_read(opener + "x" * 4900)[0], list)
    result, unread = _read(opener + "x" * 5001)
    assert isinstance(result, NoCall)
    assert result.text + unread == opener + "x" * 5001
