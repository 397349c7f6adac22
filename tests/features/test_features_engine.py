"""The fast engine against the generated SQL: the same declaration, two ways to compute it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from feature_stage import (
    START,
    bits,
    cohort_of,
    make_moments,
    make_tables,
    reads_others,
    records_of,
    shown,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_features_daily import FEW
from test_features_oracle import EXACT, WIDE

import alicredit as ac
from alicredit.engine import answering, run
from alicredit.errors import FeatureError
from alicredit.features import Catalogue, Feature

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
SETTINGS = settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
T = {"title": "t", "title_zh": "题"}


def assert_equal(records: ac.Records, cohort: ac.Cohort, catalogue: Catalogue) -> pd.DataFrame:
    """Hold the engine to SQL: counts, sums and picked values exactly, the rest to 1e-9."""
    fast = ac.build_features(records, cohort, catalogue=catalogue)
    slow = ac.build_features(records, cohort, catalogue=catalogue, engine="sql")
    for feature in catalogue:
        here, there = fast[feature.name].to_numpy(), slow[feature.name].to_numpy()
        if feature.aggregate in EXACT:
            np.testing.assert_array_equal(here, there, err_msg=feature.name)
        else:
            finite = np.abs(there[np.isfinite(there)])
            scale = max(1.0, float(finite.max())) if len(finite) else 1.0
            np.testing.assert_allclose(
                here, there, rtol=1e-9, atol=1e-9 * scale, err_msg=feature.name
            )
    return fast


def many(seed: int, merchants: pd.Index, each: int) -> ac.Cohort:
    rng = np.random.default_rng(seed)
    who = np.repeat(merchants.to_numpy(), each)
    seconds = rng.integers(40 * 86_400, 430 * 86_400, len(who))
    as_of = START + pd.to_timedelta(seconds, "s")
    return ac.Cohort.from_frame(pd.DataFrame({"merchant_id": who, "as_of": as_of}))


@given(seed=st.integers(0, 2**31), more=st.sampled_from([1, 4, 24]))
@SETTINGS
def test_moments_of_each_merchant_be_they_one_or_many(seed: int, more: int) -> None:
    tables, moments = make_tables(seed), make_moments(seed)
    some = moments.index[seed % 4 :: 2]
    asked = [cohort_of(moments), many(seed, some, 1), many(seed + 1, some[:2], more)]
    cohort = ac.Cohort.from_frame(pd.concat([each.frame for each in asked], ignore_index=True))
    assert_equal(records_of(tables), cohort, WIDE)


@given(seed=st.integers(0, 2**31))
@SETTINGS
def test_all_merchants_as_of_one_moment(seed: int) -> None:
    records = records_of(make_tables(seed))
    as_of = START + pd.Timedelta(seed % 400 + 100, "D") + pd.Timedelta(seed % 86_400, "s")
    assert_equal(records, ac.Cohort.at(records, as_of), WIDE)


@pytest.mark.slow
def test_the_sample_at_every_loan_and_for_every_merchant() -> None:
    records = ac.read_records(SAMPLE)
    loans = ac.Cohort.of_loans(records)
    built = assert_equal(records, loans[::14], shown(ac.CATALOGUE))
    assert len(built) > 250
    assert_equal(records, ac.Cohort.at(records, "2013-05-01"), shown(ac.CATALOGUE))


def test_one_moment_and_several_give_the_same_bits() -> None:
    tables, moments = make_tables(21), make_moments(21)
    records = records_of(tables)
    for merchant, as_of in list(moments.items())[:2]:
        alone = cohort_of(pd.Series({merchant: as_of}))
        frame = pd.DataFrame(
            {"merchant_id": merchant, "as_of": [as_of, as_of - pd.Timedelta(77, "D")]}
        )
        both = ac.Cohort.from_frame(frame)
        first = ac.build_features(records, both, catalogue=FEW).iloc[[0]]
        assert bits(first) == bits(ac.build_features(records, alone, catalogue=FEW))


def test_merchants_in_parts_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    records = records_of(make_tables(22))
    cohort = many(22, make_moments(22).index, 7)
    whole = ac.build_features(records, cohort, catalogue=FEW)
    asked = []
    answer = run.build_stream

    def counted(*given: Any) -> None:
        asked.append(len(given[3].start) - 1)
        answer(*given)

    monkeypatch.setattr(run, "build_stream", counted)
    parts = ac.build_features(records, cohort, catalogue=FEW, memory="10KB")
    assert min(asked) == 1 < len(asked)
    assert bits(parts) == bits(whole)


@pytest.mark.parametrize("questions", [1, 7])
def test_the_end_of_a_large_table_read_apart_gives_the_same_bits(
    questions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = records_of(make_tables(23))
    moments = make_moments(23)
    cohort = many(23, moments.index, questions)
    if questions == 1:
        cohort = ac.Cohort.at(records, moments.max())
    streams, answer = [], run.build_stream

    def counted(*given: Any) -> list[Any]:
        streams.append(given[2])
        return answer(*given)

    monkeypatch.setattr(run, "build_stream", counted)
    whole = ac.build_features(records, cohort, catalogue=FEW)
    before = len(streams)
    streams.clear()
    monkeypatch.setattr(run, "_LARGE_ROWS", 0)
    apart = ac.build_features(records, cohort, catalogue=FEW)
    assert len(streams) > before
    for stream in streams:
        assert len({run.reach(feature)[0] == run.NEVER for feature in stream.features}) == 1
    assert bits(apart) == bits(whole)
    tight = ac.build_features(records, cohort, catalogue=FEW, memory="10KB")
    assert bits(tight) == bits(whole)


@pytest.mark.parametrize("parts", [1, 3])
def test_rows_that_find_their_merchant_once_give_the_same_bits(
    parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = records_of(make_tables(26))
    cohort = many(26, make_moments(26).index, 3)
    children = WIDE.subset(
        [f.name for f in WIDE if f.table in ("refunds", "ratings", "repayments", "disputes")]
    )
    monkeypatch.setattr(run, "_parts", lambda *_: parts)
    read, fact_sql = [], ac.Records.fact_sql

    def counted(own: ac.Records, table: str) -> str:
        read.append(table)
        return fact_sql(own, table)

    monkeypatch.setattr(ac.Records, "fact_sql", counted)
    once = ac.build_features(records, cohort, catalogue=children)
    assert {name: read.count(name) for name in set(read)} == dict.fromkeys(children.tables, parts)
    monkeypatch.setattr(run, "join_once", lambda con, records, streams, asked: asked)
    read.clear()
    each = ac.build_features(records, cohort, catalogue=children)
    assert read.count("ratings") > parts
    assert bits(once) == bits(each)


def test_what_is_joined_may_take_all_of_the_memory_and_events_half_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: dict[str, set[float]] = {"join_once": set(), "build_stream": set()}

    def telling(name: str) -> None:
        inner = getattr(run, name)

        def outer(con: duckdb.DuckDBPyConnection, *given: Any) -> Any:
            ((told,),) = con.execute("SELECT current_setting('memory_limit')").fetchall()
            limits[name].add(float(told.split()[0]))
            return inner(con, *given)

        monkeypatch.setattr(run, name, outer)

    telling("join_once")
    telling("build_stream")
    children = WIDE.subset([f.name for f in WIDE if f.table in ("refunds", "ratings")])
    cohort = many(26, make_moments(26).index, 3)
    ac.build_features(records_of(make_tables(26)), cohort, catalogue=children, memory="8GB")
    ((whole,), (half,)) = limits.values()
    assert whole == pytest.approx(2 * half, abs=0.2)
    assert half == pytest.approx(4e9 / 2**30, abs=0.1)


@pytest.mark.parametrize(("aggregate", "has_key"), [("mean", False), ("last", True)])
def test_keys_of_joined_rows_are_held_where_ties_are_told_by_them(
    aggregate: str, has_key: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, answer = [], run.build_stream

    def looking(con: duckdb.DuckDBPyConnection, *given: Any) -> Any:
        names = con.execute("DESCRIBE _joined_refunds").fetchnumpy()["column_name"].tolist()
        held.append("_key" in names)
        return answer(con, *given)

    monkeypatch.setattr(run, "build_stream", looking)
    features = [
        Feature(table="refunds", aggregate=each, measure="amount", window_days=90, time=time, **T)
        for each, time in ((aggregate, ""), ("sum", "resolved_at"))
    ]
    records, cohort = records_of(make_tables(27)), many(27, make_moments(27).index, 3)
    assert_equal(records, cohort, Catalogue(tuple(features)))
    assert held == [has_key] * len(held)
    assert len(held) == 2


def test_values_beyond_64_bits_are_summed_by_the_reference() -> None:
    day = pd.to_datetime(["2013-04-01"] * 40)
    orders = pd.DataFrame(
        {
            "declaration_no": [f"o{k}" for k in range(40)], "merchant_id": "m", "direction": "E",
            "declared_at": day, "fob_usd": 9e11, "qty": 1.0, "weight_kg": 3.0,
        }
    )  # fmt: skip
    merchants = pd.DataFrame(
        {"merchant_id": ["m", "n"], "platform": "taobao", "registered_at": day[:2]}
    )
    records = ac.read_records({"merchants": merchants, "customs": orders})
    catalogue = Catalogue(
        tuple(
            Feature(table="customs", aggregate=each, measure="fob_usd", window_days=90, **T)
            for each in ("sum", "mean", "std")
        )
    )
    built = assert_equal(records, ac.Cohort.at(records, "2013-05-01"), catalogue)
    assert built["customs_fob_usd_sum_90d"].tolist() == [40 * 9e11, 0.0]


def test_a_sum_that_fits_is_not_left_to_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "build_by_sql", lambda *given: pytest.fail("left to SQL"))
    ac.build_features(records_of(make_tables(23)), cohort_of(make_moments(23)), catalogue=WIDE)


def test_every_aggregate_over_events_has_a_kernel() -> None:
    tables = (
        answering._ADDED, answering._KEYED, answering._ENDS, answering._PERIODIC,
        answering._QUANTILES,
    )  # fmt: skip
    known = [name for table in tables for name in table]
    assert len(known) == len(set(known))
    assert {f.aggregate for f in WIDE if f.table} <= set(known)


def test_a_merchant_nobody_knows_has_nothing() -> None:
    records = records_of(make_tables(24))
    frame = pd.DataFrame({"merchant_id": ["nobody", "m1"], "as_of": pd.Timestamp("2012-11-01")})
    built = ac.build_features(records, ac.Cohort.from_frame(frame), catalogue=WIDE)
    for feature in WIDE:
        if feature.table and not reads_others(feature.name, WIDE):  # nobody has peers: all
            value = built[feature.name].iloc[0]
            assert value == 0 if feature.zero_when_empty else np.isnan(value), feature.name
    assert not built.iloc[1].isna().all()


@pytest.mark.parametrize("memory", ["much", "2 bytes", "-1GB", 7, ""])
def test_a_memory_that_is_no_size_is_refused(memory: object) -> None:
    with pytest.raises(FeatureError, match="memory must be a size"):
        ac.build_features(
            records_of(make_tables(1)), cohort_of(make_moments(1)), memory=memory,
        )  # fmt: skip


def test_numbers_as_identifiers_give_the_same_bits_as_their_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables, moments = make_tables(25), make_moments(25)
    codes = {name: {} for name in ("merchant_id", "order_id", "buyer_id", "loan_id")}
    numbered, named = {}, {}
    for name, frame in tables.items():
        numbered[name], named[name] = frame.copy(), frame.copy()
        for column in set(codes) & set(frame.columns):
            known = codes[column]
            numbers = [known.setdefault(each, 10**6 + len(known)) for each in frame[column]]
            numbered[name][column] = np.array(numbers, np.int64)
            named[name][column] = [str(each) for each in numbers]
    who = pd.Index([str(codes["merchant_id"][each]) for each in moments.index])
    cohort = many(25, who, 3)
    ids = records_of(numbered).number_ids
    assert {("orders", "buyer_id"), ("merchants", "merchant_id"), ("refunds", "order_id")} <= ids
    assert records_of(named).number_ids == frozenset()
    fast = ac.build_features(records_of(numbered), cohort, catalogue=FEW)
    assert fast.notna().any(axis=None)
    monkeypatch.setattr(run, "_parts", lambda *_: 3)  # others' events are dropped as they come
    for tables in (numbered, named):
        assert bits(fast) == bits(ac.build_features(records_of(tables), cohort, catalogue=FEW))


def test_one_text_among_them_makes_all_identifiers_of_a_kind_texts() -> None:
    day = pd.to_datetime(["2013-04-01"])
    merchants = pd.DataFrame({"merchant_id": [7], "platform": "taobao", "registered_at": day})
    orders = pd.DataFrame(
        {"order_id": [1], "merchant_id": ["7"], "buyer_id": [3], "amount": 5.0, "created_at": day}
    )
    records = ac.read_records({"merchants": merchants, "orders": orders})
    assert records.number_ids == {("orders", "order_id"), ("orders", "buyer_id")}
    frame = pd.DataFrame(
        {
            "merchant_id": ["7", "07", "x", "--7", "７", "9" * 40],
            "as_of": pd.Timestamp("2013-05-01"),
        }
    )
    count = Catalogue((Feature(table="orders", aggregate="count", **T),))
    built = ac.build_features(records, ac.Cohort.from_frame(frame), catalogue=count)
    assert built["orders_count"].tolist() == [1.0, *[0.0] * 5]
    numbers = ac.read_records({"merchants": merchants, "orders": orders.assign(merchant_id=7)})
    assert ("orders", "merchant_id") in numbers.number_ids
    built = ac.build_features(numbers, ac.Cohort.from_frame(frame), catalogue=count)
    assert built["orders_count"].tolist() == [1.0, *[0.0] * 5]


@pytest.mark.parametrize("number", [0, -5, 2**63 - 1, -(2**63), 10**18])
def test_any_number_of_64_bits_may_name_a_merchant(number: int) -> None:
    day = pd.to_datetime(["2013-04-01"])
    merchants = pd.DataFrame({"merchant_id": [number], "platform": "taobao", "registered_at": day})
    orders = pd.DataFrame(
        {"order_id": [1], "merchant_id": [number], "buyer_id": [number], "amount": 5.0,
         "created_at": day}
    )  # fmt: skip
    records = ac.read_records({"merchants": merchants, "orders": orders})
    count = Catalogue((Feature(table="orders", aggregate="count", **T),))
    built = ac.build_features(records, ac.Cohort.at(records, "2013-05-01"), catalogue=count)
    assert built["orders_count"].tolist() == [1.0]
