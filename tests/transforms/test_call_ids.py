"""Ids of calls."""

from transforms.call_ids import CallIds


def test_an_id_that_nothing_else_uses_is_kept():
    ids = CallIds({"functions.a:0"}, 1)
    assert ids.take("a", "call_1") == ("call_1", None)
    assert ids.take("a", "functions.a:7") == ("functions.a:7", None)


def test_an_id_of_the_history_or_of_this_answer_is_replaced():
    ids = CallIds({"functions.a:0"}, 1)
    assert ids.take("a", "functions.a:0") == ("functions.a:1", "id-duplicate")
    assert ids.take("a", "functions.a:1") == ("functions.a:2", "id-duplicate")


def test_a_missing_id_continues_the_count_of_the_conversation():
    ids = CallIds((), 5)
    assert ids.take("a", "") == ("functions.a:5", "id-missing")
    assert ids.take("b", "  ") == ("functions.b:6", "id-missing")


def test_a_counter_that_is_taken_is_skipped_and_does_not_come_back():
    ids = CallIds({"functions.a:1", "functions.a:2"}, 1)
    assert ids.take("a", None) == ("functions.a:3", None)
    assert ids.take("b", None) == ("functions.b:4", None)
