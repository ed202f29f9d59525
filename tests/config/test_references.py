"""`$VAR` and `${VAR}` in the texts of `provider_config`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.checks import UNRESOLVED, Problems
from config.references import expand

VARIABLES = {"HOST": "kimi", "EMPTY": "", "_x1": "low", "DOLLAR": "$HOST"}


def expanded(value: object, path: str = "path") -> tuple[object, list[str]]:
    problems = Problems({})
    result = expand(problems, path, value, VARIABLES)
    return result, [str(problem) for problem in problems.found]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$HOST", "kimi"),
        ("${HOST}", "kimi"),
        ("http://$HOST:8000/v1", "http://kimi:8000/v1"),
        ("a${HOST}b$HOST", "akimibkimi"),
        ("$_x1", "low"),
        ("[$EMPTY]", "[]"),
        ("$$HOST", "$HOST"),
        ("$$$HOST", "$kimi"),
        ("costs 5$ or $5", "costs 5$ or $5"),
        ("$DOLLAR", "$HOST"),  # once, not again
    ],
)
def test_texts(text: str, result: str) -> None:
    assert expanded(text) == (result, [])


def test_everything_inside_is_expanded_but_keys() -> None:
    value = {"$HOST": ["$HOST", 1, None, True, {"a": "${HOST}"}]}
    assert expanded(value) == ({"$HOST": ["kimi", 1, None, True, {"a": "kimi"}]}, [])


def test_an_unset_variable_is_named_with_its_place() -> None:
    result, problems = expanded({"a": ["x", "$NO-${NOT}"], "b": "$HOST"})
    assert result == {"a": UNRESOLVED, "b": "kimi"}
    assert problems == [
        "path.a[1]: '$NO-${NOT}' is not resolvable: the variable NO is not set",
        "path.a[1]: '$NO-${NOT}' is not resolvable: the variable NOT is not set",
    ]


def test_an_open_brace_is_reported() -> None:
    assert expanded("${HOST")[1] == [
        "path: '${HOST' is not complete: a } is missing after ${ (a plain $ is written $$)"
    ]


def test_a_piece_of_a_password_is_not_taken_for_a_variables_name() -> None:
    _, problems = expanded("pa$word", "api_key")
    assert problems == ["api_key: (hidden) is not resolvable: a variable in it is not set (a plain $ is written $$)"]


@pytest.mark.parametrize("text", ["$WORD", "Bearer $WORD", "a-${WORD}"])
def test_what_is_meant_as_a_variable_is_named_there_too(text: str) -> None:
    assert expanded(text, "api_key")[1][0].endswith("the variable WORD is not set")


def test_what_contains_itself_is_reported() -> None:
    value: list[object] = ["x"]
    value.append({"again": value})
    assert expanded(value)[1] == ["path[1].again: a list is not free of itself and at most 32 levels deep"]


def test_what_stands_twice_is_fine() -> None:
    twice = ["$HOST"]
    assert expanded([twice, twice]) == ([["kimi"], ["kimi"]], [])


def test_the_depth_is_bounded() -> None:
    value: object = "x"
    for _ in range(40):
        value = [value]
    result, problems = expanded(value)
    assert result is UNRESOLVED
    assert len(problems) == 1


@given(st.text())
def test_escaping_undoes_expansion(text: str) -> None:
    assert expanded(text.replace("$", "$$")) == (text, [])
