"""What is not there is missing, never zero; what cannot be is infinite; the rest is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feature_stage import USE, bits, cohort_of, make_moments, make_tables, records_of

import alicredit as ac
from alicredit.errors import FeatureError
from alicredit.features import Catalogue, Feature

T = {"title": "t", "title_zh": "题"}
AS_OF = pd.Timestamp("2013-05-01")
MERCHANTS = pd.DataFrame(
    {
        "merchant_id": ["m"],
        "platform": ["taobao"],
        "registered_at": [pd.Timestamp("2010-01-01")],
    }
)


def days_ago(*days: float) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([AS_OF - pd.Timedelta(day, "D") for day in days])


def orders(amounts: list[float], **columns: object) -> pd.DataFrame:
    size = len(amounts)
    times = days_ago(*(1 + 3 * k for k in range(size)))
    return pd.DataFrame(
        {
            "order_id": [f"o{k}" for k in range(size)], "merchant_id": "m", "buyer_id": "b",
            "created_at": times, "paid_at": times, "amount": amounts,
        }
    ).assign(**columns)  # fmt: skip


def bank(amounts: list[float]) -> pd.DataFrame:
    times = days_ago(*(1 + 3 * k for k in range(len(amounts))))
    return pd.DataFrame({"merchant_id": "m", "at": times, "amount": amounts})


def values(*features: Feature, **tables: pd.DataFrame) -> dict[str, float]:
    use = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": [AS_OF]}))
    catalogue = Catalogue(features) if features else ac.CATALOGUE
    records = ac.read_records({"merchants": MERCHANTS, **tables}, data_use=use)
    built = ac.build_features(records, cohort, catalogue=catalogue)
    return dict(built.iloc[0])


def value(*features: Feature, **tables: pd.DataFrame) -> float:
    return values(*features, **tables)[features[-1].name]


def test_a_column_that_lacks_makes_no_zero() -> None:
    found = values(orders=orders([10.0] * 6))
    assert found["orders_paid_amount_sum_90d"] == 60.0
    assert math.isnan(found["orders_settled_amount_sum_90d"])
    assert math.isnan(found["orders_shipped_ship_hours_median_90d"])
    settled = orders([10.0] * 6).assign(confirmed_at=pd.NaT)
    settled["confirmed_at"] = settled["confirmed_at"].astype("datetime64[us]")
    assert values(orders=settled)["orders_settled_amount_sum_90d"] == 0.0


def test_a_code_without_the_time_it_was_set_is_not_read() -> None:
    customs = pd.DataFrame(
        {
            "declaration_no": list("abc"), "merchant_id": "m", "direction": "E",
            "declared_at": days_ago(9, 8, 7), "fob_usd": 5.0, "status": "returned",
        }
    )  # fmt: skip
    bad = Feature(
        table="customs", aggregate="count", where=(("status", "==", "returned"),), **T
    )  # fmt: skip
    assert math.isnan(value(bad, customs=customs))
    assert value(bad, customs=customs.assign(status_at=days_ago(5, 1, -1))) == 2.0


def test_one_of_two_columns_is_enough_where_a_measure_takes_either() -> None:
    exports = Feature(table="customs", aggregate="sum", measure="value_usd", **T)
    customs = pd.DataFrame(
        {
            "declaration_no": ["a"], "merchant_id": "m", "direction": "I",
            "declared_at": days_ago(9), "cif_usd": 7.25,
        }
    )  # fmt: skip
    assert value(exports, customs=customs) == 7.25
    assert math.isnan(value(exports, customs=customs.drop(columns="cif_usd")))


PAID = Feature(table="orders", aggregate="sum", measure="amount", **T)
LOGINS = Feature(table="interactions_daily", aggregate="sum", measure="logins", **T)


@pytest.mark.parametrize("aggregate", ["ratio", "difference", "gap", "overstatement", "log1p"])
def test_no_feature_of_a_missing_one_is_a_number(aggregate: str) -> None:
    over = Feature(
        aggregate=aggregate, label="x", of=(LOGINS.name, PAID.name)[: 1 + (aggregate != "log1p")],
        **T,
    )  # fmt: skip
    assert math.isnan(value(PAID, LOGINS, over, orders=orders([10.0])))
    if aggregate != "log1p":
        swapped = Feature(aggregate=aggregate, label="y", of=(PAID.name, LOGINS.name), **T)
        assert math.isnan(value(PAID, LOGINS, swapped, orders=orders([10.0])))


def test_use_of_an_unknown_limit_is_unknown() -> None:
    use = Feature(aggregate="utilisation", label="x", of=(PAID.name, LOGINS.name), **T)
    assert math.isnan(value(PAID, LOGINS, use, orders=orders([10.0])))


def test_the_first_known_is_taken_and_infinity_stays() -> None:
    either = Feature(aggregate="coalesce", label="x", of=(LOGINS.name, PAID.name), **T)
    assert value(PAID, LOGINS, either, orders=orders([10.0])) == 10.0
    assert math.isinf(value(PAID, LOGINS, either, orders=orders([-10.0])))


@pytest.mark.parametrize("amount", [-0.01, math.inf, 1.1e11])
@pytest.mark.parametrize(
    "reading",
    [
        {"aggregate": "hhi", "measure": "buyer_id", "weight": "amount"},
        {"aggregate": "share", "hit": (("amount", ">", 5.0),)},
        {"aggregate": "median", "measure": "amount"},
        {"aggregate": "slope", "measure": "amount"},
    ],
)
def test_an_impossible_amount_reaches_whatever_reads_it(amount: float, reading: dict) -> None:
    feature = Feature(table="orders", window_days=28, min_support=2, **reading, **T)
    assert math.isinf(value(feature, orders=orders([10.0, amount, 30.0])))
    old = orders([10.0, amount, 30.0])
    old.loc[1, ["created_at", "paid_at"]] = days_ago(29)[0]
    assert math.isfinite(value(feature, orders=old))


def test_falling_below_zero_stops_nothing() -> None:
    slope = Feature(table="bank_txns", aggregate="slope", measure="amount", window_days=14, **T)
    weeks = bank([-10.0, 0.0, 4.0, 4.0])
    assert value(slope, bank_txns=weeks) == pytest.approx(-math.log(7) - math.log(5), abs=1e-12)


def test_keys_without_weight_have_no_concentration() -> None:
    for aggregate in ("entropy", "hhi", "top_share"):
        feature = Feature(
            table="orders", aggregate=aggregate, measure="buyer_id", weight="amount", **T
        )
        assert math.isnan(value(feature, orders=orders([0.0, 0.0])))


@pytest.mark.parametrize("size", [1, 3, 7, 49])
def test_one_category_alone_has_no_spread_at_all(size: int) -> None:
    feature = Feature(table="orders", aggregate="entropy", measure="category", **T)
    assert value(feature, orders=orders([1.0] * size, category="a")) == 0.0


def test_a_window_ends_at_as_of_for_dues_that_are_known_beforehand() -> None:
    loans = pd.DataFrame(
        {
            "loan_id": ["l"], "merchant_id": "m", "product_id": "p", "principal": 100.0,
            "rate": 0.0005, "disbursed_at": days_ago(50), "due_at": days_ago(-40),
        }
    )  # fmt: skip
    dues = pd.DataFrame(
        {
            "loan_id": "l", "due_at": days_ago(20, -10, -40),
            "principal": [1050, 2000, 3000], "interest": [1, 1, 1],
        }
    )  # fmt: skip
    for aggregate in ("sum", "max", "mean"):
        due = Feature(
            table="instalments", aggregate=aggregate, measure="principal", time="due_at",
            window_days=30, **T,
        )  # fmt: skip
        assert value(due, loans=loans, instalments=dues) == 10.5, "in yuan, and only what fell due"


def test_equal_times_and_keys_leave_nothing_to_chance() -> None:
    same = bank([5.0, 5.0]).assign(at=days_ago(1, 1), balance_after=[7.0, 9.0])
    for aggregate, wanted in (("last", 9.0), ("first", 7.0)):
        feature = Feature(
            table="bank_txns", aggregate=aggregate, measure="balance_after", **T
        )  # fmt: skip
        for mixed in (same, same.iloc[::-1]):
            assert value(feature, bank_txns=mixed) == wanted


def test_the_last_value_known_is_the_last() -> None:
    last = Feature(table="bank_txns", aggregate="last", measure="balance_after", **T)
    assert value(last, bank_txns=bank([1.0, 2.0]).assign(balance_after=[math.nan, 9.0])) == 9.0


def test_an_unpaid_bill_is_not_a_punctual_one() -> None:
    late = Feature(table="utilities", aggregate="mean", measure="days_late", **T)
    bills = pd.DataFrame(
        {
            "merchant_id": "m", "period": pd.to_datetime(["2013-01-01", "2013-02-01"]),
            "kind": "power", "billed": 9.0, "due_at": pd.to_datetime(["2013-02-20", "2013-03-20"]),
            "paid_at": pd.to_datetime(["2013-02-24 10:00", None]),
        }
    )  # fmt: skip
    assert value(late, utilities=bills) == 4.0


COUNT = {"table": "orders", "aggregate": "count"}
REFUSED = {
    "a time that is none": (COUNT | {"time": "amount"}, "column of times"),
    "a sum of words": ({"table": "orders", "aggregate": "sum", "measure": "buyer_id"}, "number"),
    "a weight of words": (
        {"table": "orders", "aggregate": "hhi", "measure": "buyer_id", "weight": "category"},
        "number",
    ),
    "facts of nobody": ({"table": "fx_rates", "aggregate": "count"}, "merchants"),
    "in a word": (COUNT | {"where": (("category", "in", "ab"),)}, "tuple"),
    "equal to a list": (COUNT | {"where": (("category", "==", ("a",)),)}, "tuple"),
    "equal to nothing": (COUNT | {"where": (("category", "==", None),)}, "None"),
    "set to something": (COUNT | {"where": (("category", "set", 1),)}, "None"),
    "half a condition": (COUNT | {"where": (("category", "set"),)}, "where must be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_computed_is_refused_when_it_is_declared(case: str) -> None:
    arguments, match = REFUSED[case]
    with pytest.raises(FeatureError, match=match):
        Feature(**arguments, **T)


def test_the_building_of_features_refuses_what_it_cannot_use() -> None:
    records = ac.read_records({"merchants": MERCHANTS, "orders": orders([1.0])})
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": [AS_OF]}))
    with pytest.raises(FeatureError, match="catalogue must be a Catalogue"):
        ac.build_features(records, cohort, catalogue=[PAID])
    with pytest.raises(FeatureError, match="memory must be a size"):
        ac.build_features(records, cohort, memory="much'; DROP")
    with pytest.raises(FeatureError, match="engine must be a SparkSession"):
        ac.build_features(records, cohort, engine="spark")


OBEYED = {
    "SC_TENURE_SHORT", "SC_IDENTITY_CHANGE", "SC_SALES_LOW", "SC_SALES_FALLING",
    "SC_SALES_UNSTABLE", "SC_REFUND_HIGH", "SC_DISPUTE", "SC_RATING", "SC_VIOLATION",
    "SC_SELFTRADE", "SC_SHIP_SLOW", "SC_CASHFLOW", "SC_PAST_OVERDUE", "SC_CREDIT_USE",
}  # fmt: skip
"""Families whose sign is held to be known well enough that the model must obey it."""


def test_only_families_of_known_sign_bind_the_model() -> None:
    for feature in ac.CATALOGUE:
        if feature.direction:
            assert feature.evidence in ("A", "B"), feature.name
            assert feature.code in OBEYED, feature.name
            assert feature.expected in (None, feature.direction), feature.name


def test_what_is_no_number_in_any_file_is_missing_as_it_is_in_a_frame(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    tables, lacking = make_tables(4), 0
    for name, frame in tables.items():
        kept = pa.Table.from_pandas(frame, preserve_index=False)
        for column in frame.select_dtypes("float"):
            frame.loc[rng.random(len(frame)) < 0.1, column] = np.nan
            at, real = kept.schema.get_field_index(column), pa.array(frame[column].to_numpy())
            assert not real.null_count
            kept, lacking = kept.set_column(at, column, real), lacking + 1
        pq.write_table(kept, tmp_path / f"{name}.parquet")
    cohort = cohort_of(make_moments(4))
    in_memory = ac.build_features(records_of(tables), cohort)
    in_files = ac.build_features(ac.read_records(tmp_path, data_use=USE), cohort)
    assert lacking > 20
    assert bits(in_memory) == bits(in_files)


def unlike(table: pa.Table, way: int) -> pa.Table:
    """Lay the same rows down otherwise: reals with NaN for null, times of UTC, columns turned."""
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if way == 0 and pa.types.is_floating(column.type):
            column = pa.array(column.to_numpy())
        if way == 1 and pa.types.is_timestamp(column.type):
            moments = column.to_pandas().dt.tz_localize("Asia/Shanghai").dt.tz_convert("UTC")
            column = pa.array(moments, pa.timestamp("us", "UTC"))
        if way == 2 and column.null_count == len(column):
            column = pa.nulls(len(column))
        columns[name] = column
    return pa.table(dict(reversed(columns.items())) if way else columns)


def test_parts_of_unlike_types_have_the_features_of_the_whole(tmp_path: Path) -> None:
    records, cohort = records_of(make_tables(4)), cohort_of(make_moments(4))
    for name in records.tables:
        (tmp_path / name).mkdir()
        table, share = records[name], -(-records.count(name) // 3)
        for way in range(3):
            part = unlike(table.slice(way * share, share), way)
            pq.write_table(part, tmp_path / name / f"{way}.parquet", row_group_size=50)
    parts = ac.read_records(tmp_path, data_use=USE)
    assert all(len(parts.sources[name].groups) > 1 for name in ("orders", "bank_txns", "loans"))
    assert bits(ac.build_features(parts, cohort)) == bits(ac.build_features(records, cohort))
