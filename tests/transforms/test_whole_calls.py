"""What a whole call means."""

import json

import pytest

from transforms.whole_calls import SentCalls, read_call, read_object

TOOLS = {
    "get_weather": {"properties": {"city": {"type": "string"}, "days": {"type": "array"}}, "required": ["city"]},
    "lookup": {"properties": {"term": {"type": "string"}}, "required": ["term"]},
}


def test_name_and_arguments_are_read_together():
    call = read_call("0", "", ['{"city": "Cork",', ' "days": "[1]"}'], TOOLS)
    assert (call.name, call.kind) == ("get_weather", "name-from-arguments")
    assert call.arguments.whole == '{"city": "Cork", "days": [1]}'


def test_arguments_that_were_sent_anew_are_read_as_the_schema_says():
    call = read_call("lookup", "", ['{"term":', '{"term":"a"}'], TOOLS)
    assert call.arguments.whole == '{"term":"a"}'


@pytest.mark.parametrize("inner", ['{"city": "Pau"}', '"{\\"city\\": \\"Pau\\"}"'])
@pytest.mark.parametrize("name", ["get_weather", "functions.get_weather:0"])
def test_a_call_inside_the_arguments_is_unwrapped(inner, name):
    call = read_call("call_8f2c", "", [f'{{"name": "{name}", "arguments": {inner}}}'], TOOLS)
    assert (call.name, call.kind) == ("get_weather", "name-inside-arguments")
    assert json.loads(call.arguments.whole) == {"city": "Pau"}


@pytest.mark.parametrize(
    "arguments",
    [
        '{"name": "unknown", "arguments": {}}',
        '{"name": "lookup", "arguments": {}, "more": 1}',
        '{"name": "lookup", "arguments": [1]}',
        '{"name": 1, "arguments": {}}',
        '{"name": "lookup", "arguments": {"term": 1e999}}',
        '{"name": "lookup"}',
    ],
)
def test_anything_else_is_no_call_inside_the_arguments(arguments):
    call = read_call("run", "", [arguments], TOOLS)
    assert (call.name, call.arguments.whole) == ("run", arguments)


def test_an_offered_tool_may_have_such_arguments():
    tools = {"run": {"properties": {"name": {}, "arguments": {}}}, **TOOLS}
    call = read_call("run", "", ['{"name": "lookup", "arguments": {}}'], tools)
    assert call.name == "run"


def test_without_any_name_there_is_no_call():
    assert read_call("", "", ['{"other": 1}'], TOOLS) is None


def test_a_cut_off_call_is_read_as_such():
    assert not read_call("lookup", "", ['{"term": "a'], TOOLS).arguments.complete


def test_only_objects_are_arguments():
    assert read_object('{"a": 1}') == {"a": 1}
    assert read_object("[1]") is None
    assert read_object("{") is None


def test_a_sent_call_is_met_once():
    sent = SentCalls()
    sent.add("a", '{"x":1,"y":2}')
    sent.add("a", '{"x":1,"y":3}')
    assert sent.has("a")
    assert not sent.has("b")
    assert not sent.take("a", '{"x":1}')
    assert not sent.take("b", '{"x":1,"y":2}')
    assert sent.take("a", '{"y": 2, "x": 1}')
    assert not sent.take("a", '{"y": 2, "x": 1}')
    assert sent.take("a", '{"x":1,"y":3}')
    assert not sent.has("a")
