"""A nightly update against a full build: the same bits, whatever came in between."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from feature_stage import (
    START,
    Tables,
    disturb,
    make_tables,
    moved,
    records_of,
    seen,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_features_oracle import WIDE

import alicredit as ac
from alicredit.declarations.aggregates import OVER_EVENTS, PERIODIC, SINCE
from alicredit.derived import DERIVED, base_tables
from alicredit.features import DailyFeatures, Feature, changes, daily, update_features
from alicredit.records import TABLES

SETTINGS = settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
GAPS = st.sampled_from(["0us", "1us", "40min", "7h", "1D", "2D", "9D"])
OVER_ORDERS = [
    feature.name for feature in WIDE
    if feature.table == "orders" and "_more_" in feature.name and feature.time != "confirmed_at"
]  # fmt: skip
FEW = WIDE.subset(
    [
        *OVER_ORDERS,
        *(f.name for f in WIDE if f.table in ("merchants", "violations") or f.ahead_days),
        "more_ratio", "customs_trouble_share_365d", "refunds_fault_share_180d",
        "bank_txns_signed_amount_slope_91d", "bank_txns_more_balance_after_first_90d",
        "interactions_daily_logins_sum_30d",
    ]
)  # fmt: skip
"""Every aggregate and kind of time over a few tables, so that a build is quick."""


def few_tables(seed: int) -> Tables:
    own = base_tables(FEW.tables)
    read = {*own, *(TABLES[name].parent.split(".")[0] for name in own)}
    return {name: frame for name, frame in make_tables(seed).items() if name in read}


def cohort_at(moment: pd.Timestamp, merchants: list[str]) -> ac.Cohort:
    return ac.Cohort.from_frame(pd.DataFrame({"merchant_id": merchants, "as_of": moment}))


def names(count: int = 8) -> list[str]:
    return [f"m{k}" for k in range(count)]


def moment_of(seed: int) -> pd.Timestamp:
    """Draw a moment at which past and future are rich; every third at midnight."""
    second = 230 * 86_400 + seed % (120 * 86_400)
    return START + pd.Timedelta(second - (second % 86_400 if seed % 3 == 0 else 0), "s")


def assert_full(
    found: DailyFeatures, records: ac.Records, cohort: ac.Cohort, catalogue: ac.Catalogue
) -> None:
    """Hold an update to a full build, and what it remembers to what a first night remembers."""
    whole = ac.build_features(records, cohort, catalogue=catalogue)
    assert moved(whole, found.frame) == []
    assert list(whole) == list(found.frame)
    assert whole.attrs == found.frame.attrs


def step(
    before: Tables,
    after: Tables,
    start: pd.Timestamp,
    end: pd.Timestamp,
    catalogue: ac.Catalogue = FEW,
) -> DailyFeatures:
    """Go from one night to the next and hold the result to a full build."""
    first = update_features(
        None, records_of(before), cohort_at(start, names()), catalogue=catalogue
    )
    records, cohort = records_of(after), cohort_at(end, names())
    found = update_features(first, records, cohort, catalogue=catalogue)
    assert_full(found, records, cohort, catalogue)
    return found


@given(seed=st.integers(0, 2**31), gap=GAPS)
@SETTINGS
def test_a_later_moment_of_the_same_records(seed: int, gap: str) -> None:
    tables, start = few_tables(seed), moment_of(seed)
    found = step(tables, tables, start, start + pd.Timedelta(gap))
    assert found.reason == ""
    assert found.work["altered"].sum() == 0
    if gap in ("0us", "1us"):
        written = found.work[~found.work["table"].isin(list(DERIVED))]
        assert written["moved"].sum() <= 3
        assert written["kept"].sum() > 50


@given(seed=st.integers(0, 2**31), gap=GAPS)
@SETTINGS
def test_what_was_not_known_may_change_and_is_no_altered_past(seed: int, gap: str) -> None:
    tables, start = few_tables(seed), moment_of(seed)
    unknown = disturb(
        tables, pd.Series(start, index=names()), seed, frozenset({"change", "add", "fill"})
    )
    found = step(unknown, tables, start, start + pd.Timedelta(gap))
    assert found.work["altered"].sum() == 0


def rewrite(tables: Tables, start: pd.Timestamp, seed: int, kind: str) -> Tables:
    """Delete, correct or slip in rows that one merchant's question of the earlier night saw."""
    rng = np.random.default_rng(seed)
    shown = {name: seen(tables, name, pd.Series(start, index=names())) for name in tables}
    after = {}
    for name, frame in tables.items():
        mine = shown[name][shown[name]["_merchant"] == "m3"].sort_values("_happened").index[-9:]
        picked = rng.permutation(mine)[: 1 if name == "merchants" else 3]
        fresh = frame.copy()
        if name in ("orders", "loans", "merchants") and kind == "deleted":
            picked = picked[:1]
        if kind == "deleted":
            fresh = fresh.drop(index=picked)
        elif kind == "corrected":
            for column in TABLES[name].columns:
                if column.kind in ("yuan", "number") and not column.timed_by and not column.mutable:
                    fresh[column.name] = fresh[column.name].astype("Float64")
                    fresh.loc[picked, column.name] = column.high or 17.0
        elif name != "merchants":
            new = frame.loc[picked].copy()
            for key in TABLES[name].key:
                if TABLES[name][key].kind == "id" and key != "merchant_id":
                    link = TABLES[name].parent.split(".")[-1]
                    new[key] = new[key] if key == link else [f"slipped{k}" for k in range(len(new))]
            fresh = pd.concat([fresh, new], ignore_index=True)
        after[name] = fresh.reset_index(drop=True)
    return after


@pytest.mark.parametrize("kind", ["deleted", "corrected", "slipped in"])
@given(seed=st.integers(0, 2**31), gap=st.sampled_from(["0us", "40min", "1D"]))
@settings(SETTINGS, max_examples=2)
def test_a_rewritten_past_is_found_and_built_anew(kind: str, seed: int, gap: str) -> None:
    tables, start = few_tables(seed), moment_of(seed)
    after = rewrite(tables, start, seed, kind)
    found = step(tables, after, start, start + pd.Timedelta(gap))
    altered = found.work.set_index("table")["altered"]
    assert altered.max() == 1, "others than the one merchant were thought altered"
    read = ("orders", "bank_txns")  # rows beyond all windows rewrite nothing that was read
    of_these = FEW.subset([feature.name for feature in FEW if feature.table in read])
    built = [
        ac.build_features(records_of(each), cohort_at(start, names()), catalogue=of_these)
        for each in (tables, after)
    ]
    for name in read:
        mine = [feature.name for feature in FEW if feature.table == name]
        if not built[0][mine].equals(built[1][mine]):
            assert altered[name] == 1, name


@pytest.mark.slow
@given(seed=st.integers(0, 2**31), gaps=st.lists(GAPS, min_size=2, max_size=4))
@settings(SETTINGS, max_examples=2)
def test_night_after_night_with_merchants_that_come_and_go(seed: int, gaps: list[str]) -> None:
    rng = np.random.default_rng(seed)
    records, moment = records_of(few_tables(seed)), moment_of(seed)
    last = None
    for gap in ["0us", *gaps]:
        moment += pd.Timedelta(gap)
        who = rng.permutation([*names(), "nobody"])[: rng.integers(1, 9)].tolist()
        cohort = cohort_at(moment, who)
        last = update_features(last, records, cohort, catalogue=FEW)
        assert_full(last, records, cohort, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(
    "slip", ["known", "entering", "leaving", "weeks", "filled in", "ages", "altered"]
)
def test_an_update_that_overlooks_one_kind_of_change_is_caught(
    slip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = changes._edges

    def fewer(features: list[Feature], before: int, after: int) -> list[str]:
        written = edges(features, before, after)
        if slip == "known":
            return [each for each in written if "greatest" not in each]
        if slip == "weeks":
            return [each for each in written if "//" not in each]
        if slip == "entering":
            return [e for e in written if "greatest" in e or f">= {before} " not in e]
        if slip == "leaving":
            return [e for e in written if "greatest" in e or f">= {before} " in e or "//" in e]
        return written

    monkeypatch.setattr(changes, "_edges", fewer)
    if slip == "filled in":
        monkeypatch.setattr(changes, "_timing", lambda feature: set())
    if slip == "ages":
        monkeypatch.setattr(daily, "SINCE", ())
    if slip == "altered":
        monkeypatch.setattr(changes, "_hash_sql", lambda features, at: "CAST(0 AS BIGINT)")
    tries = [(seed, gap) for seed in (5, 6, 7, 8) for gap in ("1D", "2D", "9D")]
    assert any(_is_caught(seed, gap, is_altered=slip == "altered") for seed, gap in tries)


def _is_caught(seed: int, gap: str, *, is_altered: bool) -> bool:
    before, start = few_tables(seed), moment_of(seed)
    after, end = before, start + pd.Timedelta(gap)
    if is_altered:
        after = rewrite(before, start, 1, "corrected")
    first = update_features(None, records_of(before), cohort_at(start, names()), catalogue=FEW)
    records, cohort = records_of(after), cohort_at(end, names())
    found = update_features(first, records, cohort, catalogue=FEW)
    return moved(ac.build_features(records, cohort, catalogue=FEW), found.frame) != []


def test_what_changes_with_age_alone_is_a_week_or_an_age_of_an_aggregate() -> None:
    assert {*PERIODIC} | {*SINCE} < {*OVER_EVENTS}
    assert not {*PERIODIC} & {*SINCE}
