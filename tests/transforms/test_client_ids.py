"""Call ids, spelled for clients and read again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.client_ids import PREFIXES, to_client, to_upstream

TAKEN = re.compile(r"[a-zA-Z0-9_-]+")

# Any text, lone surrogates too, and texts made of the pieces that ids and their spelling consist of.
CHARACTERS = st.characters(exclude_categories=()) | st.sampled_from("-_:.09afAF")
PIECES = st.sampled_from(
    [*PREFIXES, "functions.", ":0", "-", "-2", "-3a", "-2d", "-61", "-c3", "-a9", "-ed-a0-80", "é"]
)
IDS = st.lists(st.text(CHARACTERS, max_size=4) | PIECES, max_size=6).map("".join)
PREFIX = st.sampled_from(PREFIXES)


@given(IDS, PREFIX)
def test_every_id_comes_back(id: str, prefix: str) -> None:
    assert to_upstream(to_client(id, prefix)) == id


@given(IDS, PREFIX)
def test_clients_take_every_id(id: str, prefix: str) -> None:
    assert TAKEN.fullmatch(to_client(id, prefix)) if id else to_client(id, prefix) == ""


@given(st.lists(IDS, max_size=5, unique=True), PREFIX)
def test_different_ids_stay_different(ids: list[str], prefix: str) -> None:
    assert len({to_client(id, prefix) for id in ids}) == len(ids)


@pytest.mark.parametrize("id", ["toolu_toolu_-2d", "call_x-61", "call_" + "a-3a" * 2000, "toolu_-zz", "call_a-ff"])
def test_ids_of_others_stay(id: str) -> None:
    assert to_upstream(id) == id


@given(IDS)
def test_what_is_read_differently_was_spelled_here(id: str) -> None:
    original = to_upstream(id)
    assert original == id or id in {to_client(original, prefix) for prefix in PREFIXES}


@pytest.mark.parametrize(
    ("id", "prefix", "client"),
    [
        ("functions.lookup:0", "toolu_", "toolu_functions-2elookup-3a0"),
        ("functions.lookup:0", "call_", "call_functions-2elookup-3a0"),
        ("functions.träger:1", "call_", "call_functions-2etr-c3-a4ger-3a1"),
        ("a b\n", "call_", "call_a-20b-0a"),
        ("😀", "toolu_", "toolu_-f0-9f-98-80"),
        ("\ud83d\ude00", "toolu_", "toolu_-ed-a0-bd-ed-b8-80"),
        # An id that would be read as a spelled one is spelled itself.
        ("call_functions-2elookup-3a0", "toolu_", "toolu_call_functions-2d2elookup-2d3a0"),
    ],
)
def test_spelling(id: str, prefix: str, client: str) -> None:
    assert to_client(id, prefix) == client
    assert to_upstream(client) == id


@pytest.mark.parametrize(
    "id",
    [
        "",
        "call_1",
        "toolu_01A09q90qw90lq917835lq9",
        "call_00_a-b",
        "chatcmpl-tool-2e3a",
        "550e8400-e29b-41d4-a716-446655440000",
        "call_550e8400-e29b-41d4-a716-446655440000",
        "call_-ff",  # no character has this byte alone
        "call_a-61",  # a letter is not spelled out
        "call_a-2db",  # nor is a hyphen, where nothing else asks for it
        "call_-3A",  # capitals are not written
        "call_-",
        "-3a",
    ],
)
def test_ids_that_are_not_of_our_making_stay(id: str) -> None:
    assert to_upstream(id) == id
    assert to_client(id, "toolu_") == id
