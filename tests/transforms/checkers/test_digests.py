import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.checkers import digests
from transforms.checkers.digests import Constants, SeenIds, TextDigest, ValueSequence, text_digest, value_digest


@given(st.lists(st.text(st.characters(codec=None))))
def test_cuts_do_not_matter(pieces: list[str]) -> None:
    digest = TextDigest()
    for piece in pieces:
        digest.add(piece)
    assert digest.value == text_digest("".join(pieces))


def test_a_pair_may_be_cut() -> None:
    assert text_digest("\ud83d\ude00") == text_digest("😀") != text_digest("\ud83d")


def test_equal_values() -> None:
    assert value_digest({"a": 1, "b": [True, None]}) == value_digest({"b": [True, None], "a": 1})
    assert len({value_digest(value) for value in (1, True, "1", None, [1], {"1": 1}, [[1]], "\ud83d")}) == 8


def test_a_value_as_deep_as_can_be() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert value_digest(value) == value_digest([value])


def test_the_order_of_a_sequence_counts() -> None:
    sequences = [ValueSequence() for _ in range(4)]
    for sequence, values in zip(sequences, ([], [1, 2], [2, 1], [12]), strict=True):
        for value in values:
            sequence.add(value)
    assert len({sequence.value for sequence in sequences}) == 4


def test_ids_that_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "ID_LIMIT", 2)
    ids = SeenIds()
    assert [ids.repeats(id) for id in ("a", "b", "a", "", "", None, None, 3, 3)] == [False, False, True] + [False] * 6
    assert [ids.repeats(id) for id in ("c", "c", "b")] == [False, False, True]


def test_constant_fields() -> None:
    constants = Constants()
    assert [constants.changes("id", value) for value in ("a", "a", "b", "a")] == [False, False, True, False]
    assert not constants.changes("model", "b")
    assert [constants.changes("created", value) for value in (1, 1, 2, "x" * 101)] == [False, False, True, True]
