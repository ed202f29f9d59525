import pytest

from transforms.grammars import K2, KIMI, THINK, TOKEN_LIMIT, Role, tokens_of

TOKENS = tokens_of(KIMI)

WHOLE = {
    "<|tool_calls_section_begin|>": Role.SECTION_OPEN,
    "<|tool_call_section_begin|>": Role.SECTION_OPEN,
    "<|tool_calls_section_end|>": Role.WRAPPER,
    "<|tool_call_begin|>": Role.CALL_OPEN,
    "<|tool_call_argument_begin|>": Role.ARGUMENTS_OPEN,
    "<|tool_call_argument_end|>": Role.CALL_CLOSE,
    "<|tool_call_end|>": Role.CALL_CLOSE,
    '<|open|>call tool="lookup" index="1"<|sep|>': Role.CALL_OPEN,
    '<|open|> call  index="1" tool="lookup" <|sep|>': Role.CALL_OPEN,
    '<|open|>toolscall tool="lookup" index="1"<|sep|>': Role.CALL_OPEN,
    "<|open|>call<|sep|>": Role.CALL_OPEN,
    '<|open|>argument key="term" type="string"<|sep|>': Role.KEY_OPEN,
    '<|open|>argument type="string" key="term"<|sep|>': Role.KEY_OPEN,
    "<|close|>argument<|sep|>": Role.KEY_CLOSE,
    '<|open|>json type="object"<|sep|>': Role.ARGUMENTS_OPEN,
    "<|close|> json <|sep|>": Role.CALL_CLOSE,
    "<|close|>call<|sep|>": Role.CALL_CLOSE,
    "<|open|>think<|sep|>": Role.THINK_OPEN,
    "<|close|>think<|sep|>": Role.THINK_CLOSE,
    "<|open|>response<|sep|>": Role.ANSWER_OPEN,
    "<|close|>response<|sep|>": Role.WRAPPER,
    '<|open|>message role="assistant"<|sep|>': Role.WRAPPER,
    "<|close|>toolsmessage<|sep|>": Role.WRAPPER,
    "<|end_of_msg|>": Role.CONTROL,
    "<tool_call>": Role.HERMES_OPEN,
    "</tool_call>": Role.CALL_CLOSE,
    '<invoke name="Bash">': Role.CALL_OPEN,
    '<function_calls>\n<invoke name="Bash">': Role.CALL_OPEN,
    "<function=Bash>": Role.CALL_OPEN,
    '<parameter name="command" string="true">': Role.KEY_OPEN,
    "<parameter=command>": Role.KEY_OPEN,
    "</parameter>": Role.KEY_CLOSE,
    "</ns:invoke>": Role.CALL_CLOSE,
    "</function>": Role.CALL_CLOSE,
    "</function_calls>": Role.WRAPPER,
    "<think>": Role.THINK_OPEN,
    "<Think >": Role.THINK_OPEN,
    '<thinking id="1">': Role.THINK_OPEN,
    "</REDACTED_THINKING>": Role.THINK_CLOSE,
    "◁think▷": Role.THINK_OPEN,
    "◁/think▷": Role.THINK_CLOSE,
    "<|im_end|>": Role.CONTROL,
    "[EOS]": Role.CONTROL,
}


@pytest.mark.parametrize(("text", "role"), WHOLE.items())
def test_a_token_is_found_in_text(text: str, role: Role) -> None:
    found = TOKENS.find(f"so {text} x", last=True)
    assert found
    assert (found.role, found.start, found.end) == (role, 3, 3 + len(text))


@pytest.mark.parametrize("text", WHOLE)
def test_every_beginning_of_a_token_may_become_one(text: str) -> None:
    for end in range(1, len(text)):
        found = TOKENS.find("so " + text[:end])
        assert found is not None, text[:end]
        assert (found.role, found.start, found.end) == (None, 3, 3 + end)
        assert TOKENS.find("so " + text[:end], last=True) is None


@pytest.mark.parametrize("text", ["functions.a-b.c:12 {", "functions.a:1 <|tool_call_argument_begin|>"])
def test_a_header_without_markers_waits_for_what_tells_it_from_a_word(text: str) -> None:
    found = TOKENS.find("so " + text, last=True)
    assert found
    assert found.role is (Role.BARE_CALL if "{" in text else Role.HEADER)
    assert text[: found.end - 3].strip() == found.header
    for end in range(1, found.end - 2):
        partial = TOKENS.find("so " + text[:end])
        assert partial is not None and partial.role is None, text[:end]


@pytest.mark.parametrize(
    "text",
    [
        "a < b",
        "<|hello|>",
        "<tag>",
        "<thinker>",
        "<think about it>",
        "<|tool_call_begin>",
        "functions.lookup:0 is",
        "functions.lookup {",
        "functional",
        "[EOX]",
        "~~",
        "<invoke>",
        '<|open|>other tool="x"<|sep|>',
    ],
)
def test_what_only_looks_like_a_token(text: str) -> None:
    assert TOKENS.find(text + " ", last=True) is None


def test_what_a_token_says_of_a_call() -> None:
    call = TOKENS.find('<|open|>call index="1" tool="a&amp;b"<|sep|>', last=True)
    key = TOKENS.find('<|open|>argument key="n" type="number"<|sep|>', last=True)
    invoke = TOKENS.find('<invoke name="Bash">', last=True)
    assert call and key and invoke
    assert (call.header, call.keyed, call.foreign) == ("a&amp;b", True, False)
    assert (key.key, key.type) == ("n", "number")
    assert (invoke.header, invoke.keyed, invoke.foreign) == ("Bash", True, True)


@pytest.mark.parametrize(("text", "runs"), [("``` x", [3]), ("~~~~ x", [4]), ("`" * 300 + " x", [256, 44])])
def test_runs_of_backticks_and_tildes(text: str, runs: list[int]) -> None:
    at, lengths = 0, []
    while found := TOKENS.find(text, at):
        assert found.role is Role.CODE
        lengths.append(found.end - found.start)
        at = found.end
    assert lengths == runs


def test_a_token_has_a_greatest_length() -> None:
    attributes = "".join(f' a{n}="{"x" * 60}"' for n in range(4))
    within = f'<|open|>call tool="{"n" * 256}"{attributes[:-70]}<|sep|>'
    assert TOKENS.find(within, last=True)
    endless = '<function_calls>\n<invoke name="' + "x" * TOKEN_LIMIT
    assert TOKENS.find(endless) is None


def test_no_pattern_grows_past_the_limit() -> None:
    longest = f"<|open|>call{(' ' * 8 + 'a' * 32 + '=' + chr(34) + 'x' * 64 + chr(34)) * 4}{' ' * 64}<|sep|>"
    assert len(longest) <= TOKEN_LIMIT
    assert TOKENS.find(longest, last=True)
    longer = f"<|open|>call{(' ' * 8 + 'tool=' + chr(34) + 'x' * 256 + chr(34)) * 4}<|sep|>"
    assert len(longer) > TOKEN_LIMIT
    assert TOKENS.find(longer, last=True) is None


def test_a_search_may_end_before_the_text() -> None:
    text = "so <think> and <think>"
    assert TOKENS.find(text, 0, 3) is None
    found = TOKENS.find(text, 0, 4)
    assert found and found.start == 3


def test_inside_calls_fewer_tokens_count() -> None:
    assert TOKENS.in_calls.find('`x` ~~~ <tool_call> functions.x:0 {"a"', last=True) is None
    assert TOKENS.in_calls.find("<|tool_call_end|>", last=True)
    assert TOKENS.in_calls.in_calls is TOKENS.in_calls


def test_grammars_are_compiled_once_and_told_apart() -> None:
    assert tokens_of(KIMI) is TOKENS
    assert tokens_of((K2,)).find("<think>", last=True) is None
    assert tokens_of((THINK,)).find("<|tool_call_begin|>", last=True) is None
