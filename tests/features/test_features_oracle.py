"""Every aggregate against plain pandas on random data, and against any order of the work."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from feature_oracle import expected
from feature_stage import bits, cohort_of, make_moments, make_tables, records_of, shown

import alicredit as ac
from alicredit.declarations.declaration import OVER_EVENTS, OVER_FEATURES
from alicredit.engine import run
from alicredit.features import CATALOGUE, Feature

EXACT = ("count", "sum", "distinct", "active_days", "min", "max", "first", "last")


def more(aggregate: str, measure: str = "", **rest: object) -> Feature:
    return Feature(
        table=str(rest.pop("table", "orders")), aggregate=aggregate, measure=measure,
        title="x", title_zh="x", label=str(rest.pop("label", "more")), **rest,
    )  # fmt: skip


EXTRA = [
    *(
        more(each, "amount", window_days=120, min_support=3, where=(("amount", "<=", 400.0),))
        for each in ("mean", "std", "min", "max", "first", "last", "median", "p10", "p90")
    ),
    *(
        more(each, "freight", window_days=56, time="shipped_at")
        for each in ("sum", "slope", "cv", "empty_share", "downside", "p90")
    ),
    *(
        more(each, "category", weight="freight", window_days=90)
        for each in ("top_share", "top5_share", "hhi", "entropy", "repeat_share", "distinct")
    ),
    more("slope", "amount", table="bank_txns", window_days=91, label="signed"),
    more("std", "balance_after", table="bank_txns", window_days=300),
    more("first", "balance_after", table="bank_txns", window_days=90),
    more("max", "term_days", table="loans"),
    more("sum", "weight_kg", table="customs", window_days=365),
    more("share", hit=(("payment", "!=", "cod"),), window_days=30, min_support=2, label="escrow"),
    more("count", where=(("channel", "in", ("ad", "promo")),), label="pushed", window_days=60),
    more("count", where=(("confirmed_at", "missing", None),), label="open", window_days=60),
    more("active_days", time="confirmed_at", window_days=45),
    more("days_since", where=(("amount", ">=", 300.0),), label="large"),
    more("days_since_first", where=(("amount", ">=", 300.0),), label="large"),
    more("days_since_first", time="shipped_at", window_days=40),
    more("top5_share", "buyer_id", window_days=150, min_support=4),
    more("sum", "amount", window_hours=300),
    more("max", "amount", window_hours=1000, time="paid_at"),
    more("sum", "principal", table="loans", time="due_at", ahead_days=60),
    more("count", table="loans", time="due_at", ahead_days=10),
    more("mean", "rate", table="loans", time="due_at", ahead_days=60),
    more("hhi", "buyer_id", window_days=150, label="keys"),
    more("distinct", "buyer_id", window_days=150, label="keys"),
    more("entropy", "buyer_region", window_days=150, label="keys"),
]
OVER = [
    Feature(
        aggregate=each, label=f"more_{each}", factor=2.0, title="x", title_zh="x",
        of=(
            ("orders_keys_buyer_id_hhi_150d", "orders_keys_buyer_id_distinct_150d")
            if each == "normalised" else
            ("orders_more_amount_mean_120d", "orders_more_freight_sum_56d",
             "orders_more_amount_sum_300h")[:arity]
        ),
    )
    for each, arity in OVER_FEATURES.items()
]  # fmt: skip
WIDE = shown(CATALOGUE + [*EXTRA, *OVER]).with_counts()


def test_the_declarations_under_test_use_every_aggregate() -> None:
    assert {f.aggregate for f in WIDE} == {*OVER_EVENTS, *OVER_FEATURES}


def test_every_feature_is_what_plain_pandas_says() -> None:
    tables, moments = make_tables(1, 5), make_moments(1, 5)
    found = ac.build_features(records_of(tables), cohort_of(moments), catalogue=WIDE)
    truth = expected(WIDE, tables, moments)
    assert list(truth.columns[truth.isna().all()]) == []
    assert (truth.nunique() > 1).mean() > 0.9
    for feature in WIDE:
        here, there = found[feature.name], truth[feature.name]
        exact = feature.aggregate in EXACT and feature.measure not in ("dsr", "weight_kg")
        tolerance = 1e-12 if exact else 1e-9
        scale = max(1.0, float(there.abs().max())) if there.notna().any() else 1.0
        np.testing.assert_allclose(
            here, there, rtol=tolerance, atol=tolerance * scale, err_msg=feature.name
        )
        if feature.aggregate in ("count", "distinct", "active_days"):
            assert here.tolist() == there.tolist(), feature.name


@pytest.fixture(scope="module")
def stage() -> tuple[dict[str, pd.DataFrame], pd.Series, pd.DataFrame]:
    tables, moments = make_tables(9), make_moments(9)
    frame = ac.build_features(records_of(tables), cohort_of(moments), catalogue=WIDE)
    return tables, moments, frame


def work_on(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Let DuckDB work on so many threads; LightGBM and NumPy have no part in features."""
    connect = ac.Records.connect

    def with_threads(records: ac.Records, *given, **more) -> duckdb.DuckDBPyConnection:
        con = connect(records, *given, **(more | {"kept": False}))  # a setting is its own
        con.execute(f"SET threads = {threads}")
        return con

    monkeypatch.setattr(ac.Records, "connect", with_threads)


def test_the_order_of_rows_and_one_thread_change_no_bit(
    stage: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, moments, before = stage
    work_on(monkeypatch, 1)
    mixed = {n: t.sample(frac=1, random_state=5).reset_index(drop=True) for n, t in tables.items()}
    frame = ac.build_features(records_of(mixed), cohort_of(moments), catalogue=WIDE)
    assert bits(frame) == bits(before)


def test_the_order_of_questions_and_chunks_and_four_threads_change_no_bit(
    stage: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, moments, before = stage
    work_on(monkeypatch, 4)
    monkeypatch.setattr(run, "_parts", lambda *_: 3)
    mixed = moments.sample(frac=1, random_state=2)
    frame = ac.build_features(records_of(tables), cohort_of(mixed), catalogue=WIDE)
    back = frame.set_index(mixed.index).reindex(moments.index).reset_index(drop=True)
    assert bits(back) == bits(before)


def test_files_and_frames_give_the_same_bits(stage: tuple, tmp_path: object) -> None:
    tables, moments, before = stage
    for name, table in tables.items():
        table.to_parquet(f"{tmp_path}/{name}.parquet", index=False)
    paths = {name: f"{tmp_path}/{name}.parquet" for name in tables}
    frame = ac.build_features(records_of(paths), cohort_of(moments), catalogue=WIDE)
    assert bits(frame) == bits(before)


def test_a_question_alone_is_answered_as_among_others(stage: tuple) -> None:
    tables, moments, every = stage
    alone = ac.build_features(records_of(tables), cohort_of(moments.iloc[[5]]), catalogue=WIDE)
    assert bits(alone) == bits(every.iloc[[5]])


def test_many_questions_of_one_merchant_are_answered_apart(stage: tuple) -> None:
    tables, moments, every = stage
    now, before = moments["m2"], moments["m2"] - pd.Timedelta(30, "D")
    frame = pd.DataFrame({"merchant_id": "m2", "as_of": [now, before, before]})
    together = ac.build_features(records_of(tables), ac.Cohort.from_frame(frame), catalogue=WIDE)
    alone = ac.build_features(
        records_of(tables), cohort_of(pd.Series({"m2": before})), catalogue=WIDE
    )
    assert bits(together.iloc[[0]]) == bits(every.iloc[[2]])
    assert bits(together.iloc[[1]]) == bits(together.iloc[[2]]) == bits(alone)
