"""Sealed reasoning: what comes back through a client is what was sealed, or nothing."""

import base64
import json
import re
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.seal import LIMIT, Sealed, is_seal, seal, unseal

TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=8,
)
DETAILS = st.lists(st.dictionaries(TEXT, JSON, max_size=4), max_size=4)
DETAIL = {"type": "reasoning.encrypted", "data": "gAAAA" * 50, "index": 0}


def packed(content: bytes) -> str:
    """A seal with this content, whatever it is."""
    mark = seal()[: seal().rindex(".") + 1]
    return mark + base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")


@given(TEXT, DETAILS)
def test_what_was_sealed_comes_back(reasoning: str, details: list[dict[str, Any]]) -> None:
    text = seal(reasoning, details)
    assert unseal(text) == Sealed(reasoning, tuple(details))
    assert is_seal(text)
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", text), "safe in JSON, in a header and in a url"
    assert seal(reasoning, details) == text, "a prompt's cache is found by the same text"


def test_nothing_is_a_seal_as_well() -> None:
    assert unseal(seal()) == Sealed()


@pytest.mark.parametrize(
    "text",
    [None, 5, ["kimi-proxy.1."], {}, b"kimi-proxy.1.", "", "kimi-proxy", "EqoBCkgIARABGAIiQ", "gAAAAABo" * 20],
)
def test_what_others_sign_is_no_seal(text: Any) -> None:
    assert not is_seal(text)
    assert unseal(text) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"words",
        b"5",
        b"null",
        b"[]",
        b'["words"]',
        b'["words",[],[]]',
        b'{"a":[],"b":[]}',
        b'"ab"',
        b"[5,[]]",
        b"[null,[]]",
        b'["words",{}]',
        b'["words",null]',
        b"\xff\xfe\xff",
        b'["words",[' + b"[" * 100_000,
        b'["words",[' + b"9" * 5000 + b"]]",
    ],
)
def test_a_seal_that_holds_something_else(content: bytes) -> None:
    assert is_seal(packed(content))
    assert unseal(packed(content)) is None


def test_entries_that_are_no_objects_are_left_out() -> None:
    assert unseal(packed(json.dumps(["", [1, DETAIL, None, "x"]]).encode())) == Sealed("", (DETAIL,))


TEXT_OF_A_SEAL = seal("first this, then that", [DETAIL, {"type": "reasoning.text", "text": "words"}])


@given(st.integers(0, len(TEXT_OF_A_SEAL) - 1))
def test_a_seal_that_was_cut_is_none(length: int) -> None:
    assert unseal(TEXT_OF_A_SEAL[:length]) is None


@given(st.integers(0, len(TEXT_OF_A_SEAL) - 1), st.characters(exclude_categories=()))
def test_a_seal_with_another_character_is_none_or_the_same(position: int, character: str) -> None:
    damaged = TEXT_OF_A_SEAL[:position] + character + TEXT_OF_A_SEAL[position + 1 :]
    assert unseal(damaged) in (None, unseal(TEXT_OF_A_SEAL))


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_our_mark_before_any_text(text: str) -> None:
    assert unseal("kimi-proxy.1." + text) is None


def test_a_bomb_is_not_unpacked() -> None:
    frame = len('["",[]]')
    assert unseal(packed(b'["' + b"a" * (LIMIT - frame) + b'",[]]')) is not None
    assert unseal(packed(b'["' + b"a" * (LIMIT - frame + 1) + b'",[]]')) is None
    bomb = packed(b'["' + b"a" * (8 * LIMIT) + b'",[]]')
    assert len(bomb) < 200_000
    assert unseal(bomb) is None
