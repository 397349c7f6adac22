"""Features mean what they say: against plain pandas, and by their zero and null rules."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.engine import run
from alicredit.errors import FeatureError
from alicredit.features import Catalogue, Feature, build_features

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
T = {"title": "t", "title_zh": "题"}
AS_OF = pd.Timestamp("2010-06-15 13:30:00")


@pytest.fixture(scope="module")
def records() -> ac.Records:
    return ac.simulate_platform(60, seed=4, months=15, orders_per_month=6, default_rate=0.2)[0]


@pytest.fixture(scope="module")
def cohort(records) -> ac.Cohort:
    return ac.Cohort.at(records, AS_OF)


@pytest.fixture(scope="module")
def whole(records, cohort) -> pd.DataFrame:
    """Build the catalogue once for the tests that only read it."""
    return build_features(records, cohort)


def paid(orders: pd.DataFrame, days: int) -> pd.DataFrame:
    start = AS_OF - pd.Timedelta(days=days)
    return orders[(orders["paid_at"] < AS_OF) & (orders["paid_at"] >= start)]


def weekly(mine: pd.DataFrame) -> np.ndarray:
    age = (AS_OF - mine["paid_at"]) / pd.Timedelta(days=7)
    at = 26 - np.ceil(age.to_numpy()).astype(int)
    return np.bincount(at, weights=mine["amount"], minlength=26)


def shares(mine: pd.DataFrame) -> pd.Series:
    return mine.groupby("buyer_id")["amount"].sum() / mine["amount"].sum()


def entropy(mine: pd.DataFrame) -> float:
    p = mine["category"].value_counts(normalize=True)
    return float(-(p * np.log(p)).sum())


def downside(mine: pd.DataFrame) -> float:
    sums = weekly(mine)
    return float(np.sqrt((np.minimum(sums - sums.mean(), 0) ** 2).mean()) / sums.mean())


DAY = pd.Timedelta(days=1)
ORACLES = {
    "orders_paid_count_90d": (90, len),
    "orders_paid_amount_sum_90d": (90, lambda m: m["amount"].sum()),
    "orders_paid_amount_mean_180d": (180, lambda m: m["amount"].mean()),
    "orders_paid_amount_std_180d": (180, lambda m: m["amount"].std()),
    "orders_paid_active_days_90d": (90, lambda m: m["paid_at"].dt.date.nunique()),
    "orders_paid_days_since": (9999, lambda m: (AS_OF - m["paid_at"].max()) / DAY),
    "orders_paid_buyer_id_distinct_180d": (180, lambda m: m["buyer_id"].nunique()),
    "orders_paid_buyer_id_repeat_share_180d": (
        180,
        lambda m: (m["buyer_id"].value_counts() > 1).mean(),
    ),
    "orders_paid_buyer_id_top_share_180d": (180, lambda m: shares(m).max()),
    "orders_paid_buyer_id_hhi_180d": (180, lambda m: (shares(m) ** 2).sum()),
    "orders_paid_category_entropy_180d": (180, entropy),
    "orders_paid_amount_slope_182d": (
        182,
        lambda m: np.polyfit(np.arange(26), np.log1p(weekly(m)), 1)[0],
    ),
    "orders_paid_amount_cv_182d": (182, lambda m: weekly(m).std(ddof=1) / weekly(m).mean()),
    "orders_paid_amount_empty_share_182d": (182, lambda m: (weekly(m) == 0).mean()),
    "orders_paid_amount_downside_182d": (182, downside),
}


@pytest.mark.parametrize("name", ORACLES)
def test_order_features_against_plain_pandas(records, cohort, name: str) -> None:
    days, oracle = ORACLES[name]
    feature = ac.CATALOGUE[name]
    orders = records["orders"].to_pandas()
    built = build_features(records, cohort, catalogue=Catalogue((feature,)))[name]
    checked = 0
    for merchant, got in zip(cohort.frame["merchant_id"], built, strict=True):
        mine = paid(orders[orders["merchant_id"] == merchant], days)
        if len(mine) < feature.min_support and not feature.zero_when_empty:
            assert math.isnan(got)
        else:
            assert got == pytest.approx(oracle(mine), rel=1e-9, abs=1e-9)
            checked += 1
    assert checked > 20


def test_shipping_hours_share_and_median(records, cohort, whole) -> None:
    orders = records["orders"].to_pandas()
    start = AS_OF - pd.Timedelta(days=90)
    seen = orders[(orders["shipped_at"] < AS_OF) & (orders["shipped_at"] >= start)]
    for row, merchant in enumerate(cohort.frame["merchant_id"]):
        mine = seen[seen["merchant_id"] == merchant]
        hours = (mine["shipped_at"] - mine["paid_at"]) / pd.Timedelta(hours=1)
        got = whole.loc[row, ["orders_shipped_ship_hours_median_90d", "orders_late_share_90d"]]
        if len(mine) < 5:
            assert got.isna().all()
        else:
            want = [hours.median(), (hours > 72).mean()]
            np.testing.assert_allclose(got.to_numpy(float), want, rtol=1e-9)


def test_refund_rate_finds_merchants_through_orders(records, cohort, whole) -> None:
    owner = records["orders"].to_pandas()[["order_id", "merchant_id"]]
    refunds = records["refunds"].to_pandas().merge(owner, on="order_id")
    start = AS_OF - pd.Timedelta(days=90)
    seen = refunds[(refunds["opened_at"] < AS_OF) & (refunds["opened_at"] >= start)]
    sums = seen.groupby("merchant_id")["amount"].sum()
    want = cohort.frame["merchant_id"].map(sums).fillna(0)
    np.testing.assert_allclose(whole["refunds_amount_sum_90d"], want, atol=1e-9)
    rate = whole["refunds_amount_sum_90d"] / whole["orders_paid_amount_sum_90d"]
    rate = rate.where(whole["orders_paid_count_90d"] >= 5)
    np.testing.assert_allclose(whole["refund_rate_90d"], rate, rtol=1e-12)


def test_certification_comes_from_history_and_else_from_registration(
    records, cohort, whole
) -> None:
    history = records["merchant_history"].to_pandas()
    visible = (history["event_time"] < AS_OF) & (history["known_at"] < AS_OF)
    seen = history[visible & (history["field"] == "cert_level")].sort_values("event_time")
    last = seen.groupby("merchant_id")["value"].last().astype(float)
    given = records["merchants"].to_pandas().set_index("merchant_id")["cert_level"]
    who = cohort.frame["merchant_id"]
    np.testing.assert_array_equal(whole["cert_level"], who.map(last).fillna(who.map(given)))


def test_overstatement_is_the_positive_log_gap(records, cohort, whole) -> None:
    declared = whole["declared_sales_total_amount_sum_365d"]
    observed = whole["orders_settled_amount_sum_365d"]
    gap = np.maximum(np.log((declared + 1) / (observed + 1)), 0)
    gap = gap.where(whole["declared_sales_total_count_365d"] >= 3)
    np.testing.assert_allclose(whole["declared_overstatement_365d"], gap, rtol=1e-12, atol=1e-12)


def test_row_order_and_chunks_change_no_bit(records, cohort, whole, monkeypatch) -> None:
    before = whole.to_numpy().tobytes()
    rng = np.random.default_rng(1)
    tables = {n: records[n].to_pandas() for n in records.tables}
    mixed = {n: t.iloc[rng.permutation(len(t))] for n, t in tables.items()}
    shuffled = ac.read_records(mixed, data_use=USE)
    assert build_features(shuffled, cohort).to_numpy().tobytes() == before
    monkeypatch.setattr(run, "_parts", lambda *_: 3)
    assert build_features(records, cohort).to_numpy().tobytes() == before


def test_rows_keep_the_cohorts_order_and_may_repeat(records, cohort, whole) -> None:
    picked = np.array([3, 3, 0, 5])
    built = build_features(records, cohort[picked])
    np.testing.assert_array_equal(built.to_numpy(), whole.to_numpy()[picked])


def test_an_absent_table_is_missing_and_an_empty_window_is_zero(records, cohort, whole) -> None:
    tables = {n: records[n] for n in records.tables if n not in ("customs", "refunds")}
    built = build_features(ac.read_records(tables, data_use=USE), cohort)
    for name in ("customs_count_365d", "refunds_count_90d", "refund_rate_90d"):
        assert built[name].isna().all()
    with_all = whole["customs_count_365d"]
    assert (with_all == 0).any()
    assert not with_all.isna().any()


@pytest.mark.parametrize("amount", [np.inf, -1.0, 1e12])
def test_an_impossible_value_makes_its_own_features_infinite(records, cohort, amount) -> None:
    tables = {n: records[n].to_pandas() for n in records.tables}
    mine = paid(tables["orders"], 30)
    merchant, at = mine["merchant_id"].iloc[0], mine.index[0]
    tables["orders"].loc[at, "amount"] = amount
    touched = [name for name in ac.CATALOGUE.names if "orders" in ac.CATALOGUE.sources(name)]
    damaged = ac.read_records(tables, data_use=USE)
    built = build_features(damaged, cohort, catalogue=ac.CATALOGUE.subset(touched))
    row = int(np.flatnonzero(cohort.frame["merchant_id"] == merchant)[0])
    bad = set(built.columns[np.isinf(built.loc[row])])
    assert {"orders_paid_amount_sum_90d", "ad_share_90d", "refund_rate_90d"} <= bad
    assert "orders_paid_count_90d" not in bad
    assert not np.isinf(built.drop(index=row).to_numpy()).any()


def test_large_amounts_keep_exact_sums_and_second_moments() -> None:
    day = pd.Timestamp("2013-04-01")
    orders = pd.DataFrame(
        {
            "order_id": [f"o{k}" for k in range(200)],
            "merchant_id": "m",
            "buyer_id": "b",
            "created_at": day,
            "paid_at": day,
            "amount": np.array([3_000_000.01, 2_999_999.99] * 100),
        }
    )
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"], "registered_at": [day]})
    records = ac.read_records({"merchants": merchants, "orders": orders})
    built = build_features(records, ac.Cohort.at(records, "2013-05-01")).iloc[0]
    assert built["orders_paid_amount_sum_90d"] == 600_000_000.0
    want = 0.01 * math.sqrt(200 / 199)
    assert built["orders_paid_amount_std_180d"] == pytest.approx(want, rel=1e-9)


def test_one_line_adds_a_feature(records, cohort) -> None:
    mine = Feature(
        table="orders", aggregate="max", measure="amount", window_days=30, time="paid_at", **T
    )
    built = build_features(records, cohort, catalogue=ac.CATALOGUE + [mine])
    assert built.columns[-1] == "orders_amount_max_30d"
    want = paid(records["orders"].to_pandas(), 30).groupby("merchant_id")["amount"].max()
    got = built["orders_amount_max_30d"]
    np.testing.assert_array_equal(got, cohort.frame["merchant_id"].map(want))


def declared(**arguments):
    return arguments


COUNT = declared(table="orders", aggregate="count")
REFUSED = {
    "marital": (declared(table="marital", aggregate="count"), "prohibited"),
    "psychometric": (declared(table="psych_items", aggregate="count"), "lawful"),
    "status": (COUNT | declared(where=(("status", "==", "success"),)), "status"),
    "total": (declared(table="orders", aggregate="sum", measure="refund_amount"), "refund"),
    "region": (declared(table="merchants", aggregate="last", measure="region"), "place"),
    "column": (declared(table="orders", aggregate="sum", measure="amuont"), "amount"),
    "table": (declared(table="order", aggregate="count"), "orders"),
    "aggregate": (declared(table="orders", aggregate="avg"), "aggregate"),
    "no measure": (declared(table="orders", aggregate="sum"), "measure"),
    "measure": (COUNT | declared(measure="amount"), "measure"),
    "window": (COUNT | declared(window_days=0), "window_days"),
    "weeks": (
        declared(table="orders", aggregate="cv", measure="amount", window_days=30),
        "whole weeks",
    ),
    "weeks of all time": (declared(table="orders", aggregate="cv", measure="amount"), "weeks"),
    "hours": (COUNT | declared(window_hours=0), "window_hours"),
    "two windows": (COUNT | declared(window_hours=5, window_days=1), "given alone"),
    "ahead and back": (COUNT | declared(ahead_days=5, window_days=1), "given alone"),
    "ahead of what happens": (COUNT | declared(ahead_days=5), "known in advance"),
    "ahead of what fills in": (COUNT | declared(ahead_days=5, time="paid_at"), "in advance"),
    "ahead of its own time": (
        declared(table="loans", aggregate="count", time="disbursed_at", ahead_days=5),
        "in advance",
    ),
    "back and ahead": (
        declared(table="loans", aggregate="days_since_first", time="due_at", ahead_days=5),
        "looks back",
    ),
    "buyers' places": (COUNT | declared(where=(("buyer_region", "==", "x"),)), "place"),
    "largest place": (
        declared(table="orders", aggregate="top_share", measure="buyer_region"),
        "place",
    ),
    "count of a median": (
        declared(table="orders", aggregate="max", measure="amount", counts_for="x"),
        "count alone",
    ),
    "operator": (COUNT | declared(where=(("amount", "~", 1),)), "operator"),
    "share of nothing": (declared(table="orders", aggregate="share"), "hit"),
    "direction": (COUNT | declared(direction=2), "direction"),
    "code": (COUNT | declared(code="SC_SALE"), "SC_SALE"),
    "unnamed": (declared(aggregate="ratio", of=("a", "b")), "label"),
    "one part": (declared(aggregate="ratio", of=("a",), label="x"), "2 for ratio"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_declaration_without_meaning_is_refused(case: str) -> None:
    arguments, match = REFUSED[case]
    with pytest.raises(FeatureError, match=match):
        Feature(**arguments, **T)


def test_a_catalogue_refuses_repeats_and_unknown_parts() -> None:
    count = Feature(**COUNT, window_days=30, **T)
    ratio = Feature(aggregate="ratio", of=("orders_count_30d", "orders_count_90d"), label="r", **T)
    with pytest.raises(FeatureError, match="different names"):
        Catalogue((count, count))
    with pytest.raises(FeatureError, match="orders_count_90d"):
        Catalogue((count, ratio))
    with pytest.raises(FeatureError, match="did you mean 'orders_count_30d'"):
        _ = Catalogue((count,))["orders_count_31d"]


def test_the_catalogue_says_what_each_feature_means() -> None:
    described = ac.CATALOGUE.describe()
    assert len(described) >= 60
    assert described["name"].is_unique
    assert described["title_zh"].str.contains(r"[一-鿿]").all()
    assert set(described["evidence"]) <= {"A", "B", "J"}
    assert (described.loc[described["direction"] != 0, "evidence"] != "J").all()
    assert {"orders", "customs", "bank_txns", "loans"} <= set(ac.CATALOGUE.tables)


def test_a_subset_keeps_what_its_features_take() -> None:
    subset = ac.CATALOGUE.subset(["sales_trend_30_90"])
    settled = {f"orders_settled_amount_sum_{days}d" for days in (30, 90)}
    assert set(subset.names) == {"sales_trend_30_90", "orders_paid_count_90d", *settled}
    assert ac.CATALOGUE.sources("refund_rate_90d") == ("refunds", "orders")


def test_texts_do_not_change_the_digest_and_definitions_do() -> None:
    one = Catalogue((Feature(**COUNT, window_days=30, **T),))
    same = Catalogue((Feature(**COUNT, window_days=30, title="x", title_zh="文"),))
    other = Catalogue((Feature(**COUNT, window_days=31, **T),))
    assert one.digest == same.digest != other.digest


def test_features_may_be_written_instead(records, cohort, whole, tmp_path) -> None:
    assert build_features(records, cohort, out=tmp_path / "f.parquet") is None
    written = pd.read_parquet(tmp_path / "f.parquet")
    pd.testing.assert_frame_equal(written, whole)
