"""Streams read together, from a file, from an end of time: the bits of reading each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.derived import DERIVED, TABLES, derive_tables
from alicredit.engine import reading, run, slabs, streams, together
from alicredit.engine.streams import find_streams
from alicredit.features import Catalogue, Feature

T = {"title": "t", "title_zh": "题"}
AS_OF = pd.Timestamp("2013-05-01")
SHOPS = 7
ORDERS = Catalogue(tuple(each for each in ac.CATALOGUE if each.table in ("orders", "sales_by_day")))


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take tables of a few rows for large ones; say how many streams were read together."""
    counted: list[int] = []
    for module in (slabs, reading, together):
        monkeypatch.setattr(module, "BATCH_ROWS", 16)
    monkeypatch.setattr(streams, "FEW", 0)
    monkeypatch.setattr(together, "FEW", 0)
    monkeypatch.setattr(run, "_LARGE_ROWS", 1)
    monkeypatch.setattr(slabs, "_LAID_ROWS", 4)
    monkeypatch.setattr(slabs, "_SHARE_BYTES", 2000)
    find = run.find_together

    def finding(*given: Any) -> Any:
        groups, left = find(*given)
        counted.extend(map(len, groups))
        return groups, left

    monkeypatch.setattr(run, "find_together", finding)
    return counted


def moments(rng: np.random.Generator, rows: int) -> pd.Series:
    """Draw moments around the one that is asked about, a fifth of them on the edges of windows."""
    seconds = rng.integers(-500 * 86_400, 20 * 86_400, rows)
    edges = rng.choice([-395, -365, -180, -90, -30, -1, 0], rows) * 86_400
    seconds = np.where(rng.random(rows) < 0.2, edges, seconds)
    return pd.Series(AS_OF + pd.to_timedelta(seconds, unit="s"))


def tables_of(seed: int, *, numbers: bool = False, known: bool = False) -> dict[str, pd.DataFrame]:
    """Draw orders whose times stand in any order: late, missing and yet to come."""
    rng, rows = np.random.default_rng(seed), 300
    name = (lambda value: value) if numbers else (lambda value: f"x{value}")
    created = moments(rng, rows)
    orders = pd.DataFrame({
        "order_id": [name(k) for k in range(rows)],
        "merchant_id": [name(k) for k in rng.integers(0, SHOPS + 2, rows)],
        "buyer_id": [name(k) for k in rng.integers(0, 9, rows)],
        "created_at": created,
        "amount": rng.choice([10.0, 0.01, 99.99, np.nan, 1e12, -5.0], rows,
                             p=[0.4, 0.2, 0.35, 0.03, 0.01, 0.01]),
        "category": rng.choice(["toys", "tea", None], rows),
    })  # fmt: skip
    for column in ("paid_at", "shipped_at", "confirmed_at"):
        late = created + pd.to_timedelta(rng.integers(-40, 120, rows), unit="D")
        times = late.where(rng.random(rows) < 0.5, moments(rng, rows))
        orders[column] = times.where(rng.random(rows) < 0.85)
    if known:
        orders["known_at"] = created + pd.to_timedelta(rng.integers(0, 30, rows), unit="D")
    merchants = pd.DataFrame({"merchant_id": [name(k) for k in range(SHOPS)], "platform": "taobao",
                              "registered_at": pd.Timestamp("2009-01-01")})  # fmt: skip
    return {"merchants": merchants, "orders": orders}


def build(tables: dict[str, pd.DataFrame], catalogue: Catalogue, **more: Any) -> pd.DataFrame:
    """Build features of all shops as of the one moment."""
    records = ac.read_records(tables)
    return ac.build_features(records, ac.Cohort.at(records, AS_OF), catalogue=catalogue, **more)


@pytest.mark.parametrize("memory", [None, "0.02MB"])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("numbers", [False, True])
def test_read_together_streams_give_what_the_reference_does(
    large: list[int], numbers: bool, known: bool, memory: str | None
) -> None:
    tables = tables_of(11, numbers=numbers, known=known)
    found = build(tables, ORDERS, memory=memory)
    assert max(large) > 5
    wanted = build(tables, ORDERS, engine="sql")
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-13, atol=0)  # quantiles are not exact


@pytest.mark.parametrize("order", ["created_at", "merchant_id", "amount"])
def test_no_order_of_rows_changes_a_bit(large: list[int], order: str) -> None:
    tables = tables_of(5)
    found = build(tables, ORDERS)
    tables["orders"] = tables["orders"].sort_values(order, kind="stable")
    pd.testing.assert_frame_equal(build(tables, ORDERS), found, check_exact=True)
    assert large


@pytest.mark.parametrize("seed", range(4))
def test_apart_and_together_are_the_same(
    seed: int, large: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tables_of(seed, known=bool(seed % 2))
    found = build(tables, ORDERS)
    assert large
    monkeypatch.setattr(run, "find_together", lambda streams, sizes: ([], streams))
    pd.testing.assert_frame_equal(build(tables, ORDERS), found, check_exact=True)


def test_a_row_of_one_stream_alone_does_not_fail_another(large: list[int]) -> None:
    """A time so far off that no hours can be counted from it is no shipment of any window."""
    tables = tables_of(2)
    orders = tables["orders"]
    plain = build(tables, ORDERS)
    far = orders["shipped_at"].astype("datetime64[us]")
    at = orders.index[(orders["paid_at"] < AS_OF) & orders["shipped_at"].isna()][:3]
    assert len(at) == 3
    far.loc[at] = np.datetime64("-290000-01-01T00:00:00", "us")
    tables["orders"] = orders.assign(shipped_at=far)
    shipped = [name for name in ORDERS.names if "confirm_hours" not in name]
    found = build(tables, ORDERS.subset(shipped))
    waiting = [name for name in shipped if "under_way" not in name and "pipeline" not in name]
    pd.testing.assert_frame_equal(found[waiting], plain[waiting], check_exact=True)
    assert large


def test_which_streams_are_read_together() -> None:
    base = [each for each in ORDERS if each.table]
    sizes = {"orders": 10**9, "sales_by_day": 10**9}
    given = run._split_long(find_streams(base), sizes)
    groups, left = together.find_together(given, sizes)
    (members,) = groups
    assert members[0].time == "paid_at"
    same = [each for each in members if each.time == members[0].time]
    assert max(map(streams.back_of, same)) == streams.back_of(members[0])
    assert {each.table for each in members} == {"orders", "sales_by_day"}
    assert not set(members) & set(left)
    assert all(streams.back_of(each) < streams.NEVER for each in members)
    assert len(members) + len(left) == len(given)
    assert together.find_together(given, {"orders": 10}) == ([], given)


def test_days_of_sales_need_a_reading_that_reaches_over_them() -> None:
    """Without a longer stream over payments the rows of a day at the edge would lack."""
    for longest, is_member in ((364, False), (365, False), (366, True)):
        paid = Feature(table="orders", aggregate="count", time="paid_at", window_days=longest, **T)
        made = Feature(table="orders", aggregate="count", time="shipped_at", window_days=9, **T)
        day = next(each for each in ORDERS if each.name == "sales_by_day_amount_sum_365d")
        given = find_streams([paid, made, day])
        ((*members,),), _ = together.find_together(given, {"orders": 10**9})
        assert ("sales_by_day" in {each.table for each in members}) is is_member


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), known=st.booleans())
def test_rows_of_a_derived_table_are_rows_of_the_other(seed: int, known: bool) -> None:
    """Told by hand in pandas: which rows, their day, when they are known."""
    orders = tables_of(seed, known=known)["orders"]
    records = ac.read_records(tables_of(seed, known=known))
    rows_of = DERIVED["sales_by_day"].rows_of
    assert rows_of is not None
    found = derive_tables(records, ["sales_by_day"])["sales_by_day"].to_pandas()
    paid = orders[orders[rows_of.time].notna()].set_index("order_id")
    found = found.set_index("order_id").loc[paid.index]
    assert len(found) == len(paid)
    assert (found["merchant_id"] == paid["merchant_id"]).all()
    assert np.array_equal(found["amount"], paid["amount"], equal_nan=True)
    ends = pd.to_datetime(found["day"]) + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    apart = ends - paid[rows_of.time]
    assert apart.between(pd.Timedelta(0), pd.Timedelta(days=rows_of.days)).all()
    times = [name for name in ("paid_at", "created_at", "known_at") if name in paid]
    latest = paid[times].max(axis=1)
    assert (pd.to_datetime(found["known_at"]) == latest).all()
    assert set(rows_of.made) == {"day"}
    own, other = set(TABLES["sales_by_day"].names), set(TABLES["orders"].names)
    assert own - other == set(rows_of.made)


ENDS = [
    Feature(table="orders", aggregate=aggregate, time=time, **T)
    for aggregate in ("days_since_first", "days_since")
    for time in ("paid_at", "")
]


@pytest.mark.parametrize("feature", ENDS, ids=lambda each: each.name)
@pytest.mark.parametrize("met", [1, 20_000])
def test_an_end_is_found_from_its_own_end_of_time(
    feature: Feature, met: int, large: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    del large
    monkeypatch.setattr(reading, "_MET", met)
    searched: list[list[str]] = []
    spans = reading._spans_from
    monkeypatch.setattr(
        reading, "_spans_from", lambda *a, **k: searched.append(spans(*a, **k)) or searched[-1]
    )
    for seed in range(2):
        tables = tables_of(seed, known=bool(seed % 2))
        orders = tables["orders"]
        late = orders["merchant_id"] == "x1"  # begins when others have long been there
        tables["orders"] = orders[~late | (orders["created_at"] > AS_OF - pd.Timedelta(days=9))]
        found = build(tables, Catalogue((feature,)))
        wanted = build(tables, Catalogue((feature,)), engine="sql")
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    assert any(len(each) == 3 for each in searched)


@pytest.mark.parametrize("is_few", [False, True])
def test_few_rows_for_each_merchant_are_looked_at_at_once(
    is_few: bool, large: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another reading for each part of time would cost more than the rows that it leaves out."""
    del large
    tables = tables_of(5)
    rows, shops = len(tables["orders"]), len(tables["merchants"])
    monkeypatch.setattr(reading, "_MANY_EACH", rows / shops * (1.01 if is_few else 0.99))
    searched: list[int] = []
    spans = reading._spans_from
    monkeypatch.setattr(
        reading, "_spans_from", lambda *a, **k: [searched.append(1), spans(*a, **k)][1]
    )
    for feature in ENDS:
        found = build(tables, Catalogue((feature,)))
        wanted = build(tables, Catalogue((feature,)), engine="sql")
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    assert bool(searched) is not is_few


@pytest.mark.parametrize("most", [0.0, 2.0])
@pytest.mark.parametrize("is_tied", [False, True])
def test_keys_are_read_of_ties_alone(
    is_tied: bool, most: float, large: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of several bank transactions of one second is the last, the key says."""
    monkeypatch.setattr(reading, "_MANY_TIED", most)
    rng, rows = np.random.default_rng(4), 200
    step = 86_400 if is_tied else 1
    at = rng.permutation(rows) if not is_tied else rng.integers(0, 3, rows)
    bank = pd.DataFrame({
        "merchant_id": [f"x{k}" for k in rng.integers(0, SHOPS, rows)],
        "at": AS_OF - pd.to_timedelta(1 + at * step, unit="s"),
        "amount": rng.integers(-50, 50, rows).astype(float),
        "balance_after": rng.integers(0, 9000, rows).astype(float),
        "txn_id": [f"t{k}" for k in rng.permutation(rows)],
    })  # fmt: skip
    tables = {"merchants": tables_of(1)["merchants"], "bank_txns": bank}
    use = {"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}
    records = ac.read_records(tables, data_use=use)
    last = Feature(
        table="bank_txns", aggregate="last", measure="balance_after", window_days=90, **T
    )
    first = Feature(table="bank_txns", aggregate="first", measure="amount", window_days=2, **T)
    asked = {"cohort": ac.Cohort.at(records, AS_OF), "catalogue": Catalogue((last, first))}
    found = ac.build_features(records, **asked)
    wanted = ac.build_features(records, **asked, engine="sql")
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    del large
