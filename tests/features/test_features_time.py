"""Nothing from the future: no fact unknown before as_of moves one bit of any feature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from feature_stage import plant_leak

import alicredit as ac
from alicredit.features import build_features
from alicredit.records import TABLES

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
AS_OF = pd.Timestamp("2010-06-15 13:30:00")


@pytest.fixture(scope="module")
def platform() -> dict[str, pd.DataFrame]:
    records, _ = ac.simulate_platform(60, seed=9, months=15, orders_per_month=4, default_rate=0.2)
    tables = {name: records[name].to_pandas() for name in records.tables}
    rng = np.random.default_rng(0)
    orders = tables["orders"]
    late = pd.to_timedelta(rng.integers(0, 90, len(orders)), unit="D")
    is_late = rng.random(len(orders)) < 0.1
    known = orders["created_at"].where(~is_late, orders["created_at"] + late)
    tables["orders"] = orders.assign(known_at=known)
    return tables


def build(tables: dict[str, pd.DataFrame], merchants: list[str]) -> np.ndarray:
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": merchants, "as_of": AS_OF}))
    return build_features(ac.read_records(tables, data_use=USE), cohort).to_numpy()


def times_of(name: str, frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give when each row happened and became known, told here apart from the library."""
    table = TABLES[name]
    if not table.happened:
        return pd.Series(pd.NaT, frame.index), pd.Series(pd.NaT, frame.index)
    happened = pd.to_datetime(frame[table.happened])
    if table.period == "day":
        happened = happened + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    if table.period == "month":
        happened = happened + pd.offsets.MonthEnd(0) + pd.Timedelta(days=1, microseconds=-1)
    known = happened
    for column in {table.known, "known_at"} & set(frame.columns):
        known = np.maximum(known, pd.to_datetime(frame[column]).fillna(happened))
    return happened, pd.Series(known, frame.index)


def scrambled(series: pd.Series, rows: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Replace chosen values by others of the same kind."""
    pool = series.dropna()
    if not rows.any() or pool.empty:
        return series
    changed = series.copy()
    changed[rows] = pool.iloc[rng.integers(0, len(pool), int(rows.sum()))].to_numpy()
    return changed


def change_rows(name: str, frame: pd.DataFrame, rng: np.random.Generator, how: str) -> pd.DataFrame:
    """Change, delete or add rows that had not happened or were not known before as_of."""
    table = TABLES[name]
    happened, known = times_of(name, frame)
    future = (happened >= AS_OF) | (known >= AS_OF)
    if how == "delete":
        return frame[~(future & (rng.random(len(frame)) < 0.7))].copy()
    if how == "add" and future.any():
        return pd.concat([frame, frame[future].sample(frac=0.5, random_state=1)])
    if how == "change":
        for column in sorted(set(frame.columns) - {"known_at", table.known, table.happened}):
            if column not in table.key and not column.endswith("_id"):
                frame[column] = scrambled(frame[column], future, rng)
    return frame


def change_columns(name: str, frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Change what fills in at or after as_of, and what changes without a time."""
    frame = frame.reset_index(drop=True)
    for column in TABLES[name].columns:
        timer = column.timed_by
        if column.name not in frame:
            continue
        if column.mutable:
            frame[column.name] = scrambled(
                frame[column.name], pd.Series(data=True, index=frame.index), rng
            )
        elif timer and timer in frame:
            unfilled = pd.to_datetime(frame[timer]) >= AS_OF
            if column.name != timer:
                frame[column.name] = scrambled(frame[column.name], unfilled, rng)
            elif column.kind == "time":
                later = AS_OF + pd.Timedelta(days=int(rng.integers(0, 200)))
                frame[timer] = pd.to_datetime(frame[timer]).where(~unfilled, later)
    return frame


def change_the_future(
    tables: dict[str, pd.DataFrame], rng: np.random.Generator, how: str
) -> dict[str, pd.DataFrame]:
    """Change all that as_of must not see, in every table."""
    return {
        name: change_columns(name, change_rows(name, frame.copy(), rng, how), rng)
        for name, frame in tables.items()
    }


def moved(before: np.ndarray, after: np.ndarray) -> list[str]:
    return [
        name
        for k, name in enumerate(ac.CATALOGUE.names)
        if before[:, k].tobytes() != after[:, k].tobytes()
    ]


@pytest.fixture(scope="module")
def undisturbed(platform) -> np.ndarray:
    return build(platform, sorted(platform["merchants"]["merchant_id"]))


@pytest.mark.parametrize(("how", "seed"), [("change", 11), ("delete", 12), ("add", 13)])
def test_no_later_fact_moves_one_bit_of_any_feature(
    platform, undisturbed, how: str, seed: int
) -> None:
    merchants, before = sorted(platform["merchants"]["merchant_id"]), undisturbed
    after = build(change_the_future(platform, np.random.default_rng(seed), how), merchants)
    assert not moved(before, after)


def test_the_future_that_is_changed_is_a_real_one(platform) -> None:
    changed = change_the_future(platform, np.random.default_rng(1), "delete")
    assert sum(len(changed[n]) < len(platform[n]) for n in platform) >= 10
    filled = change_the_future(platform, np.random.default_rng(1), "change")["orders"]
    assert not filled["confirmed_at"].equals(platform["orders"]["confirmed_at"])


def test_a_view_that_sees_a_day_too_far_is_caught(platform, monkeypatch) -> None:
    plant_leak(monkeypatch, "a day too late")
    merchants = sorted(platform["merchants"]["merchant_id"])
    before = build(platform, merchants)
    after = build(change_the_future(platform, np.random.default_rng(3), "delete"), merchants)
    assert moved(before, after)


def test_past_facts_do_move_features(platform, undisturbed) -> None:
    merchants = sorted(platform["merchants"]["merchant_id"])
    tables = dict(platform)
    for name in ("orders", "interactions_daily", "bank_txns", "loans", "declared_sales"):
        happened, _ = times_of(name, tables[name])
        keep = ~(happened < AS_OF) | (np.arange(len(happened)) % 3 > 0)
        tables[name] = tables[name][keep]
    assert len(moved(undisturbed, build(tables, merchants))) > 40


def one_merchant(**tables: pd.DataFrame) -> ac.Records:
    merchants = pd.DataFrame(
        {
            "merchant_id": ["m"],
            "platform": ["taobao"],
            "registered_at": pd.to_datetime(["2010-01-01"]),
        }
    )
    return ac.read_records({"merchants": merchants, **tables})


def value(records: ac.Records, name: str, as_of: str) -> float:
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": [as_of]}))
    one = ac.CATALOGUE.subset([name])
    return float(build_features(records, cohort, catalogue=one)[name].iloc[0])


def orders_at(paid: list[str], **columns) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": [f"o{k}" for k in range(len(paid))],
            "merchant_id": "m",
            "buyer_id": "b",
            "amount": 100.0,
            "created_at": pd.Timestamp("2013-01-01"),
            "paid_at": pd.to_datetime(paid, format="ISO8601"),
        }
    ).assign(**columns)


def test_a_window_includes_its_start_and_excludes_its_end() -> None:
    orders = orders_at(
        [
            "2013-01-31 12:00:00",
            "2013-01-31 11:59:59.999999",
            "2013-05-01 12:00:00",
            "2013-05-01 11:59:59.999999",
        ]
    )
    seen = value(one_merchant(orders=orders), "orders_paid_count_90d", "2013-05-01 12:00:00")
    assert seen == 2.0


def test_a_row_known_late_is_absent_until_it_is_known() -> None:
    known = pd.to_datetime(["2013-04-01", "2013-05-01"])
    records = one_merchant(orders=orders_at(["2013-04-01", "2013-04-02"], known_at=known))
    assert value(records, "orders_paid_count_90d", "2013-05-01") == 1.0
    assert value(records, "orders_paid_count_90d", "2013-05-01 00:00:01") == 2.0


def test_a_days_summary_is_seen_at_the_midnight_that_ends_it_and_not_before() -> None:
    days = pd.DataFrame(
        {"merchant_id": ["m"], "day": pd.to_datetime(["2013-04-30"]), "logins": [7]}
    )
    records = one_merchant(interactions_daily=days)
    name = "interactions_daily_logins_sum_30d"
    assert value(records, name, "2013-04-30 23:59:59") == 0.0
    assert value(records, name, "2013-05-01 00:00:00") == 7.0
