"""Windows of hours and of days ahead, keys in fives, counts of support: worked by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from feature_stage import shown

import alicredit as ac
from alicredit.features import Catalogue, Feature

T = {"title": "t", "title_zh": "题"}
AS_OF = pd.Timestamp("2013-05-01 12:00")
MICROSECOND = pd.Timedelta(1, "us")
HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)
MERCHANTS = pd.DataFrame(
    {"merchant_id": ["m"], "platform": ["taobao"], "registered_at": [pd.Timestamp("2010-01-01")]}
)


def orders(times: list[pd.Timestamp], **columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": [f"o{k}" for k in range(len(times))], "merchant_id": "m",
            "buyer_id": "b", "created_at": times, "amount": 1.0,
        }
    ).assign(**columns)  # fmt: skip


def build(*features: Feature, **tables: pd.DataFrame) -> dict[str, float]:
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": [AS_OF]}))
    records = ac.read_records({"merchants": MERCHANTS, **tables})
    return dict(ac.build_features(records, cohort, catalogue=Catalogue(features)).iloc[0])


def value(*features: Feature, **tables: pd.DataFrame) -> float:
    return build(*features, **tables)[features[-1].name]


def test_a_window_of_hours_includes_its_start_and_excludes_its_end() -> None:
    feature = Feature(table="orders", aggregate="count", window_hours=3, **T)
    assert feature.name == "orders_count_3h"
    start = AS_OF - 3 * HOUR
    times = [start - MICROSECOND, start, AS_OF - MICROSECOND, AS_OF]
    assert value(feature, orders=orders(times)) == 2.0


def test_a_day_is_twenty_four_hours() -> None:
    times = [AS_OF - k * HOUR - MICROSECOND for k in range(60)]
    counted = build(
        Feature(table="orders", aggregate="count", window_hours=48, **T),
        Feature(table="orders", aggregate="count", window_days=2, **T),
        orders=orders(times),
    )
    assert counted == {"orders_count_48h": 48.0, "orders_count_2d": 48.0}


def schedule(**columns: object) -> dict[str, pd.DataFrame]:
    loans = pd.DataFrame(
        {
            "loan_id": ["l"], "merchant_id": "m", "product_id": "p", "principal": 100.0,
            "rate": 0.0005, "disbursed_at": [AS_OF - 50 * DAY], "due_at": [AS_OF + 40 * DAY],
        }
    )  # fmt: skip
    due = [AS_OF - MICROSECOND, AS_OF, AS_OF + 10 * DAY - MICROSECOND, AS_OF + 10 * DAY]
    dues = pd.DataFrame(
        {"loan_id": "l", "due_at": due, "principal": [100, 2_000, 40_000, 800_000], "interest": 0}
    )
    return {"loans": loans, "instalments": dues.assign(**columns)}


NEXT = Feature(
    table="instalments", aggregate="sum", measure="principal", time="due_at", ahead_days=10, **T
)


def test_a_window_ahead_includes_as_of_and_excludes_its_end() -> None:
    assert NEXT.name == "instalments_principal_sum_next_10d"
    assert value(NEXT, **schedule()) == 420.0


def test_what_is_due_ahead_counts_only_once_it_is_known() -> None:
    known = [AS_OF - 50 * DAY, AS_OF, AS_OF - MICROSECOND, AS_OF - 50 * DAY]
    assert value(NEXT, **schedule(known_at=known)) == 400.0


def test_a_window_ahead_of_an_unknown_loan_is_empty() -> None:
    tables = schedule()
    tables["loans"] = tables["loans"].assign(disbursed_at=AS_OF)
    assert value(NEXT, **tables) == 0.0


def test_the_share_of_the_five_largest() -> None:
    feature = Feature(
        table="orders", aggregate="top5_share", measure="buyer_id", weight="amount", **T
    )
    amounts = [7.0, 1.0, 5.0, 2.0, 4.0, 3.0, 6.0]
    given = orders([AS_OF - DAY] * 7, buyer_id=list("abcdefg"), amount=amounts)
    assert value(feature, orders=given) == 25 / 28
    assert value(feature, orders=given.iloc[:3]) == 1.0
    twice = orders([AS_OF - DAY] * 7, buyer_id=list("abcdeff"), amount=amounts)
    assert value(feature, orders=twice) == 27 / 28, "f has 3 + 6 and is the largest"


def test_the_first_fact_is_the_oldest_that_meets_the_filter() -> None:
    feature = Feature(
        table="orders", aggregate="days_since_first", where=(("amount", ">", 1.0),), **T
    )
    given = orders([AS_OF - k * DAY for k in (9, 7.5, 2)], amount=[1.0, 2.0, 3.0])
    assert value(feature, orders=given) == 7.5
    assert math.isnan(value(feature, orders=given.iloc[:1]))


def test_a_total_of_few_is_drawn_to_the_prior_and_one_of_many_is_not() -> None:
    parts = [
        Feature(table="orders", label=label, aggregate="count", where=where, **T)
        for label, where in (
            ("good", (("amount", "==", 2.0),)), ("all", ()), ("one", (("order_id", "==", "o0"),))
        )
    ]  # fmt: skip
    shrunk = Feature(
        label="share", aggregate="shrunk", factor=50.0, of=tuple(part.name for part in parts), **T
    )
    few = orders([AS_OF - DAY] * 4, amount=[2.0, 2.0, 2.0, 1.0])
    assert value(*parts, shrunk, orders=few) == (3 + 50 * 1) / (4 + 50)
    many = orders([AS_OF - DAY] * 5000, amount=[2.0] * 3000 + [1.0] * 2000)
    assert value(*parts, shrunk, orders=many) == pytest.approx(0.6, abs=0.005)


def test_equal_keys_have_no_concentration_and_one_key_none_to_speak_of() -> None:
    parts = (
        Feature(table="orders", aggregate="hhi", measure="buyer_id", **T),
        Feature(table="orders", aggregate="distinct", measure="buyer_id", **T),
    )
    even = Feature(
        label="even", aggregate="normalised", of=tuple(part.name for part in parts), **T
    )  # fmt: skip
    equal = orders([AS_OF - DAY] * 6, buyer_id=list("abcabc"))
    assert value(*parts, even, orders=equal) == pytest.approx(0, abs=1e-15)
    skewed = orders([AS_OF - DAY] * 4, buyer_id=list("aaab"))
    assert value(*parts, even, orders=skewed) == pytest.approx((0.625 - 0.5) / 0.5)
    assert math.isnan(value(*parts, even, orders=equal.iloc[:1]))


MEDIAN = Feature(
    table="orders", aggregate="median", measure="ship_hours", time="shipped_at", window_days=9,
    min_support=3, where=(("amount", ">", 0.5),), **T,
)  # fmt: skip


def test_a_count_of_support_is_what_decides_whether_there_is_a_value() -> None:
    catalogue = Catalogue((MEDIAN,)).with_counts()
    assert catalogue.names == (MEDIAN.name, f"{MEDIAN.name}_n")
    assert catalogue.with_counts().names == catalogue.names
    assert catalogue.describe()["support"].tolist() == [f"{MEDIAN.name}_n", ""]
    paid = [AS_OF - 5 * DAY] * 3
    shipped = [AS_OF - 4 * DAY, AS_OF - 3 * DAY, pd.NaT]
    given = orders(paid, paid_at=paid, shipped_at=shipped)
    found = build(*catalogue, orders=given)
    assert found[f"{MEDIAN.name}_n"] == 2.0
    assert math.isnan(found[MEDIAN.name])
    given.loc[2, "shipped_at"] = AS_OF - DAY
    found = build(*catalogue, orders=given)
    assert (found[f"{MEDIAN.name}_n"], found[MEDIAN.name]) == (3.0, 48.0)


def test_every_built_in_feature_is_missing_exactly_where_its_count_is_too_small() -> None:
    records = ac.simulate_platform(50, seed=6, months=12, orders_per_month=4, default_rate=0.2)[0]
    cohort = ac.Cohort.at(records, "2010-03-01")
    catalogue = shown(ac.CATALOGUE.with_counts())
    built = ac.build_features(records, cohort, catalogue=catalogue)
    checked = 0
    for feature in catalogue:
        is_fed = built[feature.name].notna().any()  # the simulator makes not every column
        counted = f"{feature.name}_n" in built and feature.aggregate not in (
            "cv",
            "downside",
            "std",
        )
        if is_fed and counted:
            enough = built[f"{feature.name}_n"] >= feature.min_support
            assert (built[feature.name].notna() == enough).all(), feature.name
            checked += int(0 < enough.sum() < len(enough))
    assert checked > 10
