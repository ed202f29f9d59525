import pytest

from transforms.hermes import begins_call, name_and_arguments


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('{"name": "lookup", "arguments": {"term": "x"}}', "lookup", '{"term": "x"}'),
        ('{"name": "lookup", "parameters": {"term": "x"}}', "lookup", '{"term": "x"}'),
        ('{"arguments": {"term": "x"}, "name": "lookup"}', "lookup", '{"term": "x"}'),
        ('{"name": "lookup", "arguments": "{\\"term\\": 1}"}', "lookup", '{"term": 1}'),
        ('{"name": "ping"}', "ping", "{}"),
        ("{'name': 'lookup', 'arguments': {'term': True}}", "lookup", '{"term": true}'),
        ('{"name": "lookup", "arguments": {"term": unquoted}}', "lookup", '{"term": unquoted}'),
        ('{"name": "lookup", broken}', "lookup", ""),
        ('{"a": 1}', "", "{}"),
        ("[1]", "", ""),
    ],
)
def test_whole(text: str, name: str, arguments: str) -> None:
    assert name_and_arguments(text, complete=True) == (name, arguments)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('{"name": "lookup", "arguments": {"term": "x"}', "lookup", '{"term": "x"}'),
        ('{"name": "lookup", "argu', "lookup", ""),
        ('{"name": "loo', "", ""),
    ],
)
def test_broken_off(text: str, name: str, arguments: str) -> None:
    assert name_and_arguments(text, complete=False) == (name, arguments)


@pytest.mark.parametrize(
    ("text", "begins"),
    [("{", True), ('{"na', True), ("{ 'name': 'x", True), ('{"name": "x", "arg', True), ('{"a": 1', False)],
)
def test_begins_call(text: str, begins: bool) -> None:
    assert begins_call(text) is begins
