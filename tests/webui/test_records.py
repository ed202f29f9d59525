import dataclasses

import pytest

from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    ExchangeIds,
    ExchangeOutcome,
    ExchangeRecord,
    is_exchange_id,
    time_of_id,
)
from webui.tables import ATTEMPTS, EXCHANGES

NOON = 1_700_000_000.123


def test_ids_sort_by_time_and_carry_it() -> None:
    ids = ExchangeIds()
    made = [ids.make(NOON + seconds) for seconds in (0, 0, 0, 0.001, 1, 3600, 86400 * 365)]
    assert made == sorted(made)
    assert all(is_exchange_id(one) for one in made)
    assert time_of_id(made[0]) == pytest.approx(NOON, abs=0.001)
    assert len({ids.make(NOON) for _ in range(1000)}) == 1000


def test_ids_do_not_go_back_with_the_clock() -> None:
    ids = ExchangeIds()
    ids.make(NOON)
    assert time_of_id(ids.make(NOON - 3600)) == pytest.approx(NOON, abs=0.001)
    assert time_of_id(ids.make(NOON + 1)) == pytest.approx(NOON + 1, abs=0.001)


@pytest.mark.parametrize(
    "text",
    ["", "../../../../etc/passwd", "0" * 25, "0" * 27, "8" + "0" * 25, "0" * 25 + "U", "0" * 25 + "\n", "٠" * 26],
)
def test_what_is_no_id(text: str) -> None:
    assert not is_exchange_id(text)
    with pytest.raises(ValueError, match="exchange id"):
        time_of_id(text)


@pytest.mark.parametrize(
    ("record", "table"),
    [
        (ExchangeRecord, EXCHANGES),
        (ExchangeOutcome, EXCHANGES),
        (AttemptRecord, ATTEMPTS),
        (AttemptOutcome, ATTEMPTS),
    ],
)
def test_every_field_is_a_column(record: type, table: object) -> None:
    names = {field.name for field in dataclasses.fields(record)}
    assert names - {"words", "count_calls"} <= set(table.columns.keys())
