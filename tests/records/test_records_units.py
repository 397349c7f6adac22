"""Units that are surely alike: never where the rule over all sales would speak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.errors import InputError, RecordError
from alicredit.records.findings import sales_ratios
from alicredit.records.units import are_surely_alike

AS_OF = pd.Timestamp("2013-05-01")
DAY = pd.Timedelta(days=1)


def make_tables(
    sold: np.ndarray, declared: np.ndarray, back: np.ndarray | int = 30
) -> dict[str, pd.DataFrame]:
    """Lay out an order and a declaration for each shop, so many days before the moment."""
    shops = [f"m{k:03d}" for k in range(len(sold))]
    days = np.broadcast_to(back, len(sold))
    created = AS_OF - pd.to_timedelta(days, unit="D")
    merchants = pd.DataFrame({"merchant_id": shops, "platform": "taobao",
                              "registered_at": pd.Timestamp("2008-01-01")})  # fmt: skip
    orders = pd.DataFrame({
        "order_id": [f"o{k}" for k in range(len(sold))], "merchant_id": shops, "buyer_id": "b",
        "created_at": created, "paid_at": created, "amount": sold,
    })  # fmt: skip
    told = pd.DataFrame({"merchant_id": shops, "month": pd.Timestamp("2013-03-01"),
                         "source": "total", "amount": declared,
                         "submitted_at": AS_OF - 20 * DAY})  # fmt: skip
    return {"merchants": merchants, "orders": orders, "declared_sales": told}


def is_sure(tables: dict[str, pd.DataFrame]) -> bool:
    return are_surely_alike(ac.read_records(tables), as_of=AS_OF)


def test_of_a_usual_platform_it_is_certain() -> None:
    records, _ = ac.simulate_platform(50, seed=3, start="2012-01-01", months=18)
    assert are_surely_alike(records, as_of=AS_OF)
    assert 1 / 30 < np.median(sales_ratios(records, as_of=AS_OF)) < 30


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(-2.5, 2.5), st.floats(0.1, 3.0),
    st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_it_is_never_certain_where_the_median_lies_outside(
    seed: int, size: int, shift: float, spread: float, missing: float, old: float
) -> None:
    rng = np.random.default_rng(seed)
    declared = np.exp(rng.normal(8, spread, size)).round(2)
    sold = (declared * 10.0**shift * np.exp(rng.normal(0, spread, size))).round(2)
    sold[rng.random(size) < missing / 2] = np.nan
    back = np.where(rng.random(size) < old / 2, 400, rng.integers(1, 180, size))
    tables = make_tables(sold, declared, back)
    ratios = sales_ratios(ac.read_records(tables), as_of=AS_OF)
    ratios = ratios[~np.isnan(ratios)]
    if is_sure(tables):
        assert 1 / 30 <= np.median(ratios) <= 30


@pytest.mark.parametrize(
    ("times", "sure"),
    [(1, True), (29, True), (1 / 29, True), (31, False), (1 / 31, False), (100, False)],
)
def test_of_equal_shops_it_is_certain_just_within_the_bounds(times: float, sure: bool) -> None:
    assert is_sure(make_tables(np.full(25, 1000.0 * times), np.full(25, 1000.0))) is sure


def test_what_is_known_later_is_not_looked_at() -> None:
    tables = make_tables(np.full(25, 1000.0), np.full(25, 1000.0))
    tables["orders"]["known_at"] = AS_OF + DAY
    assert not is_sure(tables)
    del tables["orders"]["known_at"]
    tables["orders"].loc[:20, "paid_at"] = AS_OF + DAY
    assert not is_sure(tables)


@pytest.mark.parametrize("wrong", [-1.0, np.inf])
def test_an_impossible_amount_leaves_it_open(wrong: float) -> None:
    tables = make_tables(np.full(25, 1000.0), np.full(25, 1000.0))
    tables["orders"].loc[3, ["amount", "created_at"]] = wrong, AS_OF - 400 * DAY
    assert not is_sure(tables)
    tables = make_tables(np.full(25, 1000.0), np.full(25, 1000.0))
    tables["declared_sales"].loc[3, "amount"] = np.inf
    assert not is_sure(tables)


def test_an_amount_that_lacks_is_no_sale() -> None:
    tables = make_tables(np.full(25, 1000.0), np.full(25, 1000.0))
    tables["orders"].loc[:11, "amount"] = np.nan
    assert is_sure(tables)
    tables["orders"].loc[12, "amount"] = np.nan
    assert not is_sure(tables)


@pytest.mark.parametrize("times", [1.0, 100.0])
def test_amounts_of_a_file_that_are_no_numbers_are_no_sales(tmp_path: Path, times: float) -> None:
    amounts = np.linspace(999, 1001, 25) * times
    amounts[:11] = np.nan
    tables = make_tables(np.full(25, 1000.0), np.full(25, 1000.0))
    tables["orders"] = tables["orders"].drop(columns="amount")
    for name, table in tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet", index=False)
    kept = pa.Table.from_pandas(tables["orders"]).append_column("amount", pa.array(amounts))
    assert kept["amount"].null_count == 0
    pq.write_table(kept, tmp_path / "orders.parquet")
    records = ac.read_records(tmp_path)
    ratios = sales_ratios(records, as_of=AS_OF)
    assert np.isnan(ratios).sum() == 11
    assert np.nanmedian(ratios) == pytest.approx(times, rel=1e-3)
    assert are_surely_alike(records, as_of=AS_OF) is (times == 1)


def test_a_shop_that_sells_much_more_leaves_it_open_and_not_wrong() -> None:
    sold, back = np.full(25, 1000.0), np.full(25, 30)
    sold[0], back[0] = 1e7, 300
    tables = make_tables(sold, np.full(25, 1000.0), back)
    assert not is_sure(tables)
    assert np.median(sales_ratios(ac.read_records(tables), as_of=AS_OF)) == 1


def test_without_what_it_takes_nothing_is_certain() -> None:
    tables = make_tables(np.full(25, 1000.0), np.full(25, 1000.0))
    assert not is_sure({name: tables[name] for name in ("merchants", "orders")})
    assert not is_sure({name: tables[name] for name in ("merchants", "declared_sales")})
    tables["orders"] = tables["orders"].drop(columns="paid_at")
    assert not is_sure(tables)
    tables = {name: table[:0] if name != "merchants" else table for name, table in tables.items()}
    assert not is_sure(tables)


def test_the_moment_and_the_records_are_checked() -> None:
    tables = make_tables(np.full(3, 1.0), np.full(3, 1.0))
    with pytest.raises(InputError, match="as_of"):
        are_surely_alike(ac.read_records(tables), as_of="soon")
    with pytest.raises(RecordError, match="must be what read_records gives"):
        are_surely_alike(tables, as_of=AS_OF)  # type: ignore[arg-type]
