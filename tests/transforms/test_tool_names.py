"""Names of calls: repaired only to a tool that was offered, and only where one answers."""

import pytest

from transforms.tool_names import has_longer, joined_name, repair_name

TEXT = {"type": "string"}


def takes(key):
    return {"type": "object", "properties": {key: TEXT}, "required": [key]}


TOOLS = {
    "get_weather": takes("city"),
    "lookup": takes("term"),
    "Read": takes("file_path"),
    "mcp__git__create-issue": takes("title"),
    "acme.search.v2": takes("query"),
    "file_read": takes("path"),
    "exec": takes("command"),
    "step": takes("a"),
    "step1": takes("b"),
    "sha256": takes("data"),
    "kv-store.put-item": takes("key"),
    "list": {"properties": {"rows": {"type": "array"}}},
}


@pytest.mark.parametrize("name", [*TOOLS, "unknown", "call_doctor", "callback1", "file_reader"])
def test_an_offered_name_and_a_name_of_no_tool_stay(name):
    repair = repair_name(name, "", {"city": "Oslo"}, TOOLS)
    assert (repair.name, repair.kind) == (name, None)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("functions.Read:3", "Read"),
        ("functions.Read", "Read"),
        ("Read:12", "Read"),
        (" functions.Read:0 ", "Read"),
        ("functions.acme.search.v2:0", "acme.search.v2"),
        ("functions.mcp__git__create-issue:14", "mcp__git__create-issue"),
        ("functions.kv-store.put-item:1", "kv-store.put-item"),
        ("functions.open_browser:0", "open_browser"),  # of no tool, but the id comes off
    ],
)
def test_prefix_and_counter_come_off(raw, name):
    repair = repair_name(raw, "", {"city": "Oslo"}, TOOLS)
    assert (repair.name, repair.kind) == (name, "name-carries-id")


def test_a_declared_name_wins_over_any_splitting():
    tools = {"functions.a": None, "a": None, "b:1": None}
    assert repair_name("functions.a:1", "", None, tools).name == "functions.a"
    assert repair_name("functions.b:1", "", None, tools).name == "b:1"


@pytest.mark.parametrize(
    ("raw", "id", "name"),
    [
        ("put-item", "functions.kv-store.put-item:6", "kv-store.put-item"),
        ("acme", "functions.acme.search.v2:0", "acme.search.v2"),
        ("v2", "functions.acme.search.v2:0", "acme.search.v2"),
        ("", "functions.Read:0", "Read"),
        ("7", "functions.Read:7", "Read"),
    ],
)
def test_the_id_names_the_tool_of_a_cut_name(raw, id, name):
    repair = repair_name(raw, id, None, TOOLS)
    assert (repair.name, repair.kind) == (name, "name-from-id")


@pytest.mark.parametrize("id", ["functions.Read:0", "functions.open_browser:0", "call_1"])
def test_an_id_does_not_rename_another_name(id):
    assert repair_name("open_browser", id, {}, TOOLS).name == "open_browser"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("functions_get_weather_1", "get_weather"),
        ("functionsexec5", "exec"),
        ("functions.exec30", "exec"),
        ("functions(file_read):2.0", "file_read"),
        ("exec:2.0", "exec"),
        ("functionssha2563", "sha256"),
        ("functionssha256", "sha256"),
    ],
)
def test_other_separators_are_seen_through(raw, name):
    repair = repair_name(raw, "", None, TOOLS)
    assert (repair.name, repair.kind) == (name, "name-separators")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"a": "x"}, "step"), ({"b": "x"}, "step1"), ({}, "functionsstep12"), (None, "functionsstep12")],
)
def test_of_two_names_that_end_in_digits_the_arguments_choose(arguments, name):
    assert repair_name("functionsstep12", "", arguments, TOOLS).name == name


@pytest.mark.parametrize("raw", ["exec5", "exec_5", "my_functions_exec_5"])
def test_digits_alone_do_not_make_a_counter(raw):
    assert repair_name(raw, "", None, TOOLS).name == raw


@pytest.mark.parametrize(
    ("raw", "name"),
    [("READ", "Read"), ("functions.mcp__git__create_issue:0", "mcp__git__create-issue"), ("getWeather", "get_weather")],
)
def test_case_and_separators_are_folded(raw, name):
    repair = repair_name(raw, "", None, TOOLS)
    assert (repair.name, repair.kind) == (name, "name-alias")


def test_folding_that_fits_two_tools_is_no_repair():
    assert repair_name("read", "", None, {"Read": None, "READ": None}).name == "read"


def test_two_words_may_change_places_if_the_arguments_fit():
    assert repair_name("read_file", "", {"path": "x"}, TOOLS).name == "file_read"
    assert repair_name("read_file", "", {"other": "x"}, TOOLS).name == "read_file"
    assert repair_name("b_to_a", "", {}, {"a_to_b": None}).name == "b_to_a"


def test_a_cut_name_is_completed_if_only_one_tool_begins_so_and_takes_the_arguments():
    repair = repair_name("Rea", "", {"file_path": "q"}, TOOLS)
    assert (repair.name, repair.kind) == ("Read", "name-garbled")
    assert repair_name("Rea", "", {"city": "q"}, TOOLS).name == "Rea"
    assert repair_name("R", "", {"file_path": "q"}, TOOLS).name == "R"
    assert repair_name("ste", "", {"a": "q"}, TOOLS).name == "ste"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("mcp__git__create-iss?create-issue", "mcp__git__create-issue"),
        ("Rea?Read", "Read"),
        ("Read?", "Read"),
        ("Read?lookup", "Read?lookup"),
        ("?", "?"),
    ],
)
def test_pieces_of_a_name_are_joined(raw, name):
    assert repair_name(raw, "", None, TOOLS).name == name


NAMELESS = [
    "", "0", ":0", "15", "2.0", "functions.3:3", "functions", "call48213", "call_8f2c", "call_abc", "tool_a1",
    "toolu_01AbCdEfGhIjKlMnOpQr", "chatcmpl-tool-51ab", "call_00_9aB", "call_AbCdEfGhIjKlMnOpQrStUvWx",
    "123e4567-e89b-12d3-a456-426614174000",
]  # fmt: skip


@pytest.mark.parametrize("raw", NAMELESS)
def test_what_names_nothing_is_found_by_the_arguments(raw):
    repair = repair_name(raw, "", {"city": "Cork"}, TOOLS)
    assert (repair.name, repair.kind) == ("get_weather", "name-from-arguments")


def test_arguments_fit_as_they_will_be_repaired():
    assert repair_name("0", "", {"rows": "[1]"}, TOOLS).name == "list"


def test_if_several_tools_fit_nothing_is_guessed():
    tools = {"a": takes("x"), "b": takes("x")}
    assert repair_name("0", "", {"x": "1"}, tools).name == "0"
    assert repair_name("functions.0:0", "", {"x": "1"}, tools).kind == "name-carries-id"
    assert repair_name("", "", {"x": "1"}, tools).name is None
    assert repair_name("", "", None, {"only": None}).name is None


@pytest.mark.parametrize(
    ("fragments", "name"),
    [
        (["get_", "weather"], "get_weather"),
        (["Bash", "Bash", "Bash"], "Bash"),
        (["get_", "get_weather"], "get_weather"),
        (["get", "_weather", "get_weather"], "get_weather"),
        (["na", "na"], "nana"),
        (["xy", "xy"], "xy"),
        (["un", "known"], "unknown"),
        (["", "Bash"], "Bash"),
    ],
)
def test_fragments_and_repetitions_are_told_apart_by_the_tools(fragments, name):
    so_far = ""
    for fragment in fragments:
        so_far = joined_name(so_far, fragment, {"get_weather", "Bash", "get", "nana"})
    assert so_far == name


def test_a_name_may_grow_into_a_longer_one():
    assert has_longer("get", {"get", "get_weather"})
    assert not has_longer("get_weather", {"get", "get_weather"})
