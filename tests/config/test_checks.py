"""Problems say where, what and what was expected, and never show a credential."""

import datetime

import pytest

from config.checks import UNRESOLVED, Problem, Problems, Section, SettingsError, one_of
from config.secret import Secret


def section(**values: object) -> Section:
    return Section(Problems({}), "models[0]", values)


def texts(section: Section) -> list[str]:
    return [str(problem) for problem in section.problems.found]


def shown(value: object, path: str = "models[0].name", **environment: str) -> str:
    problems = Problems(environment)
    problems.add(path, value, "right")
    return problems.found[0].value


def test_a_problem_reads_as_a_sentence() -> None:
    problem = Problem("models[2].provider", "'vertx'", "one of openai, vertex")
    assert str(problem) == "models[2].provider: 'vertx' is not one of openai, vertex"
    assert str(Problem("models[2].name", "", "a name")) == "models[2].name: missing, expected a name"


def test_the_error_has_a_line_for_each_problem() -> None:
    error = SettingsError([Problem("a", "1", "x"), Problem("b", "", "y")])
    assert str(error) == "a: 1 is not x\nb: missing, expected y"
    assert len(error.problems) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("kimi", "'kimi'"),
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        (7, "7"),
        (10**400, "a very large number"),
        (["sk-abcdefgh"], "a list"),
        ({"api_key": "x"}, "a mapping"),
        (datetime.date(2026, 1, 1), "a date"),
        ("x" * 100, repr("x" * 60 + "…")),
        ("http://me:word@host/", "'http://…@host/'"),
        ("sk-abcdefgh", "(hidden)"),
        ("$MY_KEY", "'$MY_KEY'"),
    ],
)
def test_what_is_shown_of_a_value(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["anything", 123456, 1.5, datetime.date(2026, 1, 1)])
def test_nothing_is_shown_in_the_place_of_a_credential(value: object) -> None:
    assert shown(value, "models[0].provider_config.apiKey") == "(hidden)"


def test_a_reference_is_no_credential() -> None:
    assert shown("${MY_KEY}", "models[0].provider_config.api_key") == "'${MY_KEY}'"
    assert shown("x$MY_KEY", "models[0].provider_config.api_key") == "(hidden)"


def test_the_environments_credentials_are_known() -> None:
    assert shown("my horse staple", MY_PASSWORD="horse staple") == "(hidden)"
    assert shown("my horse staple", MY_ANIMAL="horse staple") == "'my horse staple'"
    assert shown("horse", MY_PASSWORD="ors") == "'horse'"  # too short to be told from a word


@pytest.mark.parametrize(
    ("key", "text"), [("name", "name"), ("X-Team", "X-Team"), (1, "1"), ("a b", "'a b'"), ("sk-abcdefgh", "(hidden)")]
)
def test_what_is_shown_of_a_key(key: object, text: str) -> None:
    assert Problems({}).key(key) == text


def test_a_near_word_is_suggested() -> None:
    assert one_of(("openai", "vertex"), "vertx") == "one of openai, vertex; did you mean 'vertex'?"
    assert one_of(("openai", "vertex"), "zzz") == "one of openai, vertex"
    assert one_of(("openai", "vertex"), 5) == "one of openai, vertex"


@pytest.mark.parametrize("reader", ["text", "secret", "flag", "positive_number", "texts", "mapping"])
@pytest.mark.parametrize("value", [None, UNRESOLVED])
def test_what_is_absent_or_reported_already_is_no_problem(reader: str, value: object) -> None:
    values = section(key=value)
    assert getattr(values, reader)("key") is None
    assert values.choice("key", ("a",)) is None
    assert texts(values) == []


def test_require_reports_what_is_absent() -> None:
    values = section(null=None, there=0)
    values.require("null", "a thing")
    values.require("absent", "a thing")
    values.require("there", "a thing")
    assert texts(values) == [
        "models[0].null: missing, expected a thing",
        "models[0].absent: missing, expected a thing",
    ]


def test_text() -> None:
    values = section(good="kimi", number=5, flag=True, empty="", blank="  ", list=[])
    assert values.text("good") == "kimi"
    assert [values.text(key) for key in ("number", "flag", "empty", "blank", "list")] == [None] * 5
    assert texts(values) == [
        "models[0].number: 5 is not text (put it in quotes)",
        "models[0].flag: true is not text (put it in quotes)",
        "models[0].empty: '' is not text with at least one character",
        "models[0].blank: '  ' is not text with at least one character",
        "models[0].list: a list is not text with at least one character",
    ]


def test_choice() -> None:
    values = section(good="a", wrong="b", list=["a"])
    assert values.choice("good", ("a",)) == "a"
    assert values.choice("wrong", ("a",)) is None
    assert values.choice("list", ("a",)) is None
    assert texts(values) == ["models[0].wrong: 'b' is not one of a", "models[0].list: a list is not one of a"]


def test_secret() -> None:
    values = section(api_key=" abc\n", other_key="a b", third_key="ä")
    assert values.secret("api_key") == Secret("abc")
    assert values.secret("other_key") is None
    assert values.secret("third_key") is None
    assert all("(hidden) is not a credential" in text for text in texts(values))
    assert len(texts(values)) == 2


def test_flag() -> None:
    values = section(yes=True, no=False, number=1, text="true")
    assert (values.flag("yes"), values.flag("no")) == (True, False)
    assert (values.flag("number"), values.flag("text")) == (None, None)
    assert texts(values) == [
        "models[0].number: 1 is not true or false",
        "models[0].text: 'true' is not true or false",
    ]


def test_a_variable_may_hold_a_flag() -> None:
    values = Section(Problems({}), "x", {"a": "True", "b": "maybe"}, {"a": "$A", "b": "$B"})
    assert values.flag("a") is True
    assert values.flag("b") is None
    assert texts(values) == ["x.b: '$B' is not true or false"]


@pytest.mark.parametrize("value", [1, 0.5, 5e-324, 2**600])
def test_positive_numbers(value: float) -> None:
    assert section(weight=value).positive_number("weight") == value


@pytest.mark.parametrize("value", [0, -1, True, "2", float("nan"), float("inf"), 10**400, [1]])
def test_other_numbers(value: object) -> None:
    values = section(weight=value)
    assert values.positive_number("weight") is None
    assert texts(values)[0].endswith("is not a finite number above 0")


def test_texts() -> None:
    values = section(list=["a", "b"], commas="a, b,", empty=[], numbers=[1], blank=" ", gap=["a", ""])
    assert values.texts("list") == values.texts("commas") == ["a", "b"]
    assert [values.texts(key) for key in ("empty", "numbers", "blank", "gap")] == [None] * 4
    assert len(texts(values)) == 4


def test_mapping() -> None:
    values = section(good={"a": 1}, wrong=[1])
    assert values.mapping("good") == {"a": 1}
    assert values.mapping("wrong") is None
    assert texts(values) == ["models[0].wrong: a list is not a mapping"]


def test_the_users_spelling_is_reported_with_what_was_written() -> None:
    values = Section(Problems({}), "", {"base_url": 5}, {"base_url": "$URL"}, {"base_url": "baseUrl"})
    values.text("base_url")
    assert texts(values) == ["baseUrl: '$URL' is not text (put it in quotes)"]


def test_a_number_too_long_to_be_written_is_described() -> None:
    assert shown(10**5000) == "a very large number"
