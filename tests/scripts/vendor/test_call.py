import json

import pytest

from scripts.vendor.call import Call, fill, offered_call, sample


def tool(name: str, parameters: object = None) -> dict[str, object]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def test_lookup_is_called_before_other_tools_and_done_never() -> None:
    assert offered_call([tool("Bash"), tool("lookup")]).name == "lookup"
    assert offered_call([tool("done"), tool("Bash"), tool("Read")]).name == "Bash"
    assert offered_call([tool("done")]).name == "lookup"
    assert offered_call([{"type": "builtin_function"}]) == Call("lookup", {"term": "express"})


def test_the_tool_for_the_end_is_known_by_its_final_answer() -> None:
    ours = {"type": "object", "properties": {"final_answer": {"type": "string"}}}
    for tools, name, done in [
        ([tool("done", ours), tool("Bash")], "Bash", "done"),
        ([tool("done"), tool("end_turn", ours)], "done", "end_turn"),
        ([tool("done", ours), tool("end_turn", ours)], "done", "end_turn"),
        ([tool("done", {"properties": "odd"}), tool("Bash", "odd")], "Bash", "done"),
    ]:
        made = offered_call(tools)
        assert (made.name, made.placeholders["done"]) == (name, done)
        assert made.placeholders["done_id"] == f"functions.{done}:0"


def test_arguments_fit_the_tools_schema() -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}, "line": {"type": "integer"}}}
    assert offered_call([tool("Read", schema)]).arguments == {"path": "express", "line": 7}
    assert offered_call([tool("Read", {**schema, "required": ["line"]})]).arguments == {"line": 7}
    assert offered_call([tool("Read", {"type": "string"})]).arguments == {"term": "express"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 3}, 3),
        ({"enum": ["c", "f"]}, "c"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": ["boolean", "null"]}, True),
        ({"type": []}, "express"),
        ({"type": "array", "items": {"type": "number", "minimum": 2}}, [2]),
        ({"type": "array"}, ["express"]),
        (True, "express"),
        ({"enum": {"a": 1}}, "express"),
        ({"anyOf": "odd"}, "express"),
        ({"anyOf": ["odd"]}, "express"),
        ({"type": "object", "properties": [1], "required": 5}, {}),
        ({"type": "object", "properties": {"a": 1}, "required": [{}, "a"]}, {"a": "express"}),
    ],
)
def test_a_sample_of_each_kind(schema: object, value: object) -> None:
    assert sample(schema) == value


def test_placeholders_are_replaced_everywhere_and_once() -> None:
    call = Call("lookup", {"term": "@name"})
    filled = fill({"a": ["@name:@arguments", 3], "b": ({"c": "@id"},)}, call.placeholders)
    assert filled == {"a": ['lookup:{"term":"@name"}', 3], "b": [{"c": "functions.lookup:0"}]}


def test_wrong_ways_to_write_the_arguments() -> None:
    written = Call("lookup", {"term": "express"}).placeholders
    assert written["first"] + written["rest"] == written["arguments"]
    assert written["stem"] + written["tail"] == "lookup"
    assert json.loads(json.loads(written["quoted"])) == {"term": "express"}
    for name in ("python", "comma", "control"):
        with pytest.raises(json.JSONDecodeError):
            json.loads(written[name])
    assert json.loads(written["control"], strict=False)["note"] == "one\n\ttwo"
