"""How a part becomes rows of a table and back: nothing is lost, amounts are whole fen."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError
from alicredit.nightly.layout import DECISIONS, MONEY, TABLES, from_stored, stored
from alicredit.nightly.tables import digest_of, run_number
from alicredit.nightly.written import SCHEMA, numbered, plain

TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=6)
FEN = st.none() | st.integers(-(10**12), 10**12)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)


def _values(name: str, kind: pa.DataType) -> st.SearchStrategy:
    if name in MONEY:
        return FEN.map(lambda fen: None if fen is None else fen / 100)
    if kind == pa.timestamp("us"):
        return st.integers(0, 10**15)
    if kind == pa.int64():
        return st.none() | st.integers(-(2**40), 2**40)
    if pa.types.is_list(kind):
        return st.lists(TEXT.filter(lambda text: text is not None), max_size=3)
    return NUMBER if kind == pa.float64() else TEXT


ROWS = st.lists(
    st.tuples(*(_values(field.name, field.type) for field in SCHEMA)), min_size=1, max_size=6
)


def table_of(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows)
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA)], schema=SCHEMA
    )


@settings(max_examples=60)
@given(ROWS)
def test_what_is_stored_comes_back(rows) -> None:
    part = table_of(rows)
    kept = stored(DECISIONS, part, 7, 3)
    assert list(kept.column_names) == list(TABLES[DECISIONS])
    assert from_stored(DECISIONS, kept).equals(part)
    for name in MONEY:
        yuan, fen = part[name].to_pylist(), kept[f"{name}_fen"].to_pylist()
        exact = [None if x is None else round(Decimal(str(x)) * 100) for x in yuan]
        assert fen == exact


@settings(max_examples=40)
@given(ROWS)
def test_a_digest_does_not_tell_how_words_are_numbered(rows) -> None:
    part = table_of(rows)
    assert digest_of(part) == digest_of(numbered(part)) == digest_of(plain(numbered(part)))
    cut = pa.concat_tables([part.slice(0, 1), part.slice(1)])
    assert digest_of(cut) == digest_of(part)
    longer = pa.concat_tables([part, part.slice(0, 1)])
    assert digest_of(longer) != digest_of(part)


@pytest.mark.parametrize("yuan", [0.001, 1 / 3, 1e17, 12.345, float("inf")])
@pytest.mark.parametrize("name", MONEY)
def test_an_amount_that_is_no_whole_fen_is_refused(name: str, yuan: float) -> None:
    part = pa.table([pa.array([None], field.type) for field in SCHEMA], schema=SCHEMA)
    at = part.column_names.index(name)
    wrong = part.set_column(at, SCHEMA.field(name), pa.array([yuan]))
    with pytest.raises(InputError, match=f"out: {name} must be whole fen"):
        stored(DECISIONS, wrong, 1, 0)


def test_a_run_is_moment_models_and_policy() -> None:
    job = {"as_of": "2013-05-01", "models": {"a": "1", "b": "2"}, "policy_id": "p"}
    number = run_number(job)
    assert 0 <= number < 2**63
    assert run_number({**job, "models": {"b": "2", "a": "1"}, "prices_id": "x"}) == number
    others = [
        {**job, "as_of": "2013-05-02"}, {**job, "policy_id": "q"},
        {**job, "models": {"a": "2", "b": "1"}}, {**job, "models": {"a": "1"}},
    ]  # fmt: skip
    assert len({run_number(each) for each in others} | {number}) == 5
