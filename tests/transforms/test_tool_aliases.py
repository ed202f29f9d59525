"""Aliases for tool names that a vendor refuses."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from transforms.events import Repair
from transforms.request import Call, Message, Request, Tool
from transforms.tool_aliases import LONGEST, alias_tools
from transforms.vendors import MOONSHOT_TOOL_NAME, VENDORS

MOONSHOT, GENERIC = VENDORS["moonshot"], VENDORS["generic"]


def request(*offered: str, called: tuple[str, ...] = (), **parameters: Any) -> Request:
    calls = tuple(Call("1", name, "{}") for name in called)
    messages = (Message("assistant", None, calls),) if calls else ()
    return Request("k", messages, tuple(Tool(name) for name in offered), parameters=parameters)


def ignore(repair: Repair) -> None:
    pass


def test_an_alias_is_used_in_tools_history_and_choice() -> None:
    repairs: list[Repair] = []
    choice = {"type": "function", "function": {"name": "acme.search"}}
    asked = request("acme.search", "2fa", "ok", called=("acme.search", "ok"), tool_choice=choice)
    named = Message("tool", "X", tool_call_id="1", extra={"name": "2fa"})
    asked = Request("k", (*asked.messages, named), asked.tools, parameters=asked.parameters)
    renamed, aliases = alias_tools(asked, MOONSHOT, repairs.append)
    assert aliases == {"acme_search": "acme.search", "t_2fa": "2fa"}
    assert [tool.name for tool in renamed.tools] == ["acme_search", "t_2fa", "ok"]
    assert [call.name for call in renamed.messages[0].tool_calls] == ["acme_search", "ok"]
    assert renamed.messages[1].extra == {"name": "t_2fa"}
    assert renamed.parameters["tool_choice"]["function"] == {"name": "acme_search"}
    assert repairs == [
        Repair("request-tool-name-invalid", "acme.search", "acme_search"),
        Repair("request-tool-name-invalid", "2fa", "t_2fa"),
    ]


def test_nothing_is_renamed_where_every_name_is_taken() -> None:
    fine = request("ok", called=("ok",), tool_choice={"function": {"name": "ok"}})
    assert alias_tools(fine, MOONSHOT, ignore) == (fine, {})
    odd = request("acme.search")
    assert alias_tools(odd, GENERIC, ignore) == (odd, {})


def test_another_choice_stays() -> None:
    for choice in ("auto", {"type": "function", "function": {"name": "ok"}}, {"type": "function"}):
        renamed, _ = alias_tools(request("a.b", "ok", tool_choice=choice), MOONSHOT, ignore)
        assert renamed.parameters["tool_choice"] == choice


def test_names_that_would_become_one_are_kept_apart() -> None:
    renamed, aliases = alias_tools(request("a.b", "a_b", "a/b"), MOONSHOT, ignore)
    names = [tool.name for tool in renamed.tools]
    assert names[1] == "a_b"
    assert len(set(names)) == 3
    assert set(aliases.values()) == {"a.b", "a/b"}


def test_a_vendor_s_own_tool_keeps_its_name_and_one_no_longer_offered_gets_an_alias() -> None:
    builtin = Tool("", type="builtin_function", extra={"function": {"name": "$web_search"}})
    asked = request("a_b", called=("$web_search", "a.b", ""))
    asked = Request("k", asked.messages, (*asked.tools, builtin))
    renamed, aliases = alias_tools(asked, MOONSHOT, ignore)
    first, second, third = (call.name for call in renamed.messages[0].tool_calls)
    assert (first, third) == ("$web_search", "")
    assert second.startswith("a_b_")
    assert aliases == {second: "a.b"}


names = st.text(alphabet="ab.2_-é$/", max_size=6) | st.text(alphabet="a.", min_size=60, max_size=70)


@given(st.lists(names, max_size=6), st.lists(names, max_size=6), st.lists(names, max_size=3))
def test_aliases_are_accepted_distinct_and_do_not_depend_on_the_history(
    offered: list[str], called: list[str], later: list[str]
) -> None:
    renamed, aliases = alias_tools(request(*offered, called=tuple(called)), MOONSHOT, ignore)
    sent = [tool.name for tool in renamed.tools]
    assert all(re.fullmatch(MOONSHOT_TOOL_NAME, name) and len(name) <= LONGEST for name in sent if name)
    assert len(set(sent)) == len(set(offered))
    assert [aliases.get(name, name) for name in sent] == offered
    longer, _ = alias_tools(request(*offered, called=(*called, *later)), MOONSHOT, ignore)
    assert longer.tools == renamed.tools
    if called:
        assert longer.messages[0].tool_calls[: len(called)] == renamed.messages[0].tool_calls
    assert alias_tools(renamed, MOONSHOT, ignore) == (renamed, {})
