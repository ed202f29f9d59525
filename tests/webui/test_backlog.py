"""What waits and what was lost: the bounds of the queue, and what counts towards them."""

import threading

import pytest

from webui.backlog import BATCH_ITEMS, Backlog, BodyEnd, Later, Piece
from webui.records import AttemptRecord, BlobKey, ExchangeRecord

KEY, OTHER = BlobKey("A", 0, "client_request"), BlobKey("B", 0, "client_request")
RECORD = ExchangeRecord("A", 1.0)


def made(most: int = 100, most_bytes: int = 1000) -> Backlog:
    return Backlog(most, most_bytes, lambda: 7.0)


def take(backlog: Backlog, wait: float = 0.01) -> list[object]:
    return list(backlog.take(wait, lambda: None))


def test_items_come_in_their_order() -> None:
    backlog = made()
    attempt = AttemptRecord("A", 1, 1.0)
    backlog.put(RECORD)
    backlog.put_piece(KEY, b"data")
    backlog.put(attempt)
    backlog.end_body(KEY)
    assert not backlog.is_empty
    assert take(backlog) == [RECORD, Piece(KEY, b"data"), attempt, BodyEnd(KEY, b"", 0)]
    assert backlog.is_empty
    assert take(backlog) == []


def test_what_comes_while_it_lingers_is_part_of_the_batch() -> None:
    backlog = made()
    backlog.put(RECORD)
    assert backlog.take(1, lambda: backlog.put_piece(KEY, b"x")) == [RECORD, Piece(KEY, b"x")]


def test_waking_ends_the_waiting() -> None:
    backlog = made()
    threading.Timer(0.05, backlog.wake).start()
    assert take(backlog, 30) == []


def test_batches_are_bounded_and_do_not_linger_when_full() -> None:
    backlog = made(3 * BATCH_ITEMS)
    for _ in range(BATCH_ITEMS + 2):
        backlog.put(RECORD)

    def refuse() -> None:
        raise AssertionError("it was full")

    assert len(backlog.take(1, refuse)) == BATCH_ITEMS
    assert len(take(backlog)) == 2


def test_what_is_taken_counts_until_it_is_settled() -> None:
    backlog = made(most=2)
    backlog.put_piece(KEY, b"12345")
    backlog.put(RECORD)
    take(backlog)
    backlog.put_piece(OTHER, b"x")
    assert (backlog.counters().queued, backlog.counters().queued_bytes, backlog.counters().dropped) == (2, 5, 1)
    backlog.settle(2, 5)
    assert (backlog.counters().queued, backlog.counters().queued_bytes) == (0, 0)


@pytest.mark.parametrize(("most", "most_bytes"), [(3, 1000), (100, 3)])
def test_bodies_are_dropped_before_rows(most: int, most_bytes: int) -> None:
    backlog = made(most, most_bytes)
    for _ in range(5):
        backlog.put_piece(KEY, b"x")
    backlog.put(RECORD)
    backlog.end_body(KEY)
    assert take(backlog) == [Piece(KEY, b"x")] * 3 + [RECORD, BodyEnd(KEY, b"", lost=2)]
    assert backlog.losses() == {"dropped": 2, "failed": 0, "last_error": None}


def test_rows_are_dropped_at_twice_the_bound() -> None:
    backlog = made(most=3)
    for _ in range(10):
        backlog.put(RECORD)
    assert (backlog.counters().queued, backlog.counters().dropped) == (6, 4)


def test_a_body_that_lost_a_piece_takes_no_more_but_another_does() -> None:
    backlog = made(most_bytes=1)
    for piece in (b"1", b"lost"):
        backlog.put_piece(KEY, piece)
    take(backlog)
    backlog.settle(1, 1)
    backlog.put_piece(KEY, b"behind")
    backlog.put_piece(OTHER, b"o")
    backlog.end_body(KEY)
    assert take(backlog) == [Piece(OTHER, b"o"), BodyEnd(KEY, b"", len(b"lost" + b"behind"))]


def test_a_body_that_is_not_kept_has_its_size() -> None:
    backlog = made(most_bytes=1)
    for size in (100, 200):
        backlog.measure_piece(KEY, size)
    backlog.end_body(KEY)
    assert take(backlog) == [BodyEnd(KEY, b"", 300)]
    assert backlog.counters().dropped == 0


def test_the_last_piece_comes_with_the_end_and_counts_until_it_is_settled() -> None:
    backlog = made()
    backlog.end_body(KEY, b"whole")
    assert backlog.counters().queued_bytes == len(b"whole")
    assert take(backlog) == [BodyEnd(KEY, b"whole", 0)]
    backlog.settle(1, len(b"whole"))
    assert (backlog.counters().queued, backlog.counters().queued_bytes) == (0, 0)


def test_the_last_piece_is_lost_where_a_piece_would_be_and_the_end_still_comes() -> None:
    backlog = made(most_bytes=1)
    for piece in (b"1", b"lost"):
        backlog.put_piece(KEY, piece)
    backlog.end_body(KEY, b"last")
    assert take(backlog) == [Piece(KEY, b"1"), BodyEnd(KEY, b"", len(b"lost" + b"last"))]
    assert backlog.counters().dropped == 2


def test_an_end_is_dropped_only_where_a_row_would_be() -> None:
    backlog = made(most=2)
    for _ in range(3):
        backlog.end_body(KEY)
    backlog.end_body(KEY, b"last")
    backlog.end_body(OTHER, b"too many")
    assert take(backlog) == [BodyEnd(KEY, b"", 0)] * 3 + [BodyEnd(KEY, b"", len(b"last"))]
    assert backlog.counters().dropped == 3  # two pieces, an end


def test_after_closing_all_is_dropped_and_what_was_accepted_can_be_taken() -> None:
    backlog = made()
    backlog.put(RECORD)
    backlog.close()
    backlog.put(RECORD)
    backlog.put_piece(KEY, b"x")
    assert take(backlog) == [RECORD]
    assert backlog.counters().dropped == 2
    backlog.give_up()
    assert (backlog.counters().failed, backlog.counters().queued) == (1, 0)


def test_the_last_error_is_kept_with_its_time() -> None:
    backlog = made()
    backlog.note(ValueError("first"), failed=2)
    backlog.note(OSError("second"))
    counters = backlog.counters()
    assert (counters.failed, counters.last_error, counters.last_error_at) == (2, "second", 7.0)
    assert backlog.losses() == {"dropped": 0, "failed": 2, "last_error": "second"}


def test_what_is_made_later_counts_for_what_it_keeps() -> None:
    backlog = made()

    def state() -> tuple[int, int, int]:
        counters = backlog.counters()
        return counters.queued, counters.queued_bytes, counters.dropped

    for _ in range(5):
        backlog.put(Later(lambda: RECORD, 500))
    assert state() == (4, 2000, 1)
    backlog.put(Later(lambda: RECORD, 0))  # what keeps nothing is only bound by the number of entries
    backlog.settle(4, 2000)
    backlog.put(Later(lambda: RECORD, 500))
    assert state() == (2, 500, 1)
