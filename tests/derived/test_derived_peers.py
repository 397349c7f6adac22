"""Peers: groups as they were known, seasons that are no growth, ratings drawn to the mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from derived_stage import features, merchants, on, orders

import alicredit as ac
from alicredit.derived import ask_of_peers, derive_tables, peers
from alicredit.features import CATALOGUE, Catalogue

SEASON = "peer_season_30_180"
OVER = "sales_over_season_30_180"


def groups(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> dict[str, str]:
    records = ac.read_records(tables)
    cohort = ac.Cohort.at(records, as_of)
    asked, place = ask_of_peers(records, cohort)
    named = asked.frame["merchant_id"].to_numpy()[place]
    return dict(zip(cohort.frame["merchant_id"], named, strict=True))


def test_a_category_is_a_group_when_enough_of_it_sell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "LEAST_PEERS", 2)
    names = ["a1", "a2", "b1", "c1"]
    tables = {
        "merchants": merchants(names, ["a", "a", "b", None]),
        "orders": orders([(name, 10, 5.0) for name in names]),
    }
    assert groups(tables, on(20)) == {"a1": "a", "a2": "a", "b1": "*", "c1": "*"}
    assert set(groups(tables, on(5)).values()) == {"*"}  # nobody had sold
    tables["merchant_history"] = pd.DataFrame(
        {"merchant_id": ["b1"], "field": ["category"], "value": ["a"], "event_time": [on(30)],
         "known_at": [on(40)]}
    )  # fmt: skip
    assert groups(tables, on(39))["b1"] == "*"
    assert groups(tables, on(41))["b1"] == "a"


def test_sums_of_a_day_grow_by_rows_of_their_own_when_orders_are_known_late() -> None:
    tables = {
        "merchants": merchants(["m", "n"]),
        "orders": orders(
            [("m", 3.5, 10.0), ("n", 3.7, 20.0), ("n", 3.9, 40.0)],
            known_at=pd.to_datetime([None, None, on(9.2)]),
        ),
    }
    rows = derive_tables(ac.read_records(tables), ["peer_sales"])["peer_sales"].to_pandas()
    rows = rows.sort_values("seen_day", ignore_index=True)
    assert rows["amount"].tolist() == [3000, 4000]
    assert rows["merchants"].tolist()[0] == 2
    assert np.isnan(rows["merchants"].tolist()[1])
    name = "peer_sales_amount_sum_30d"
    found = [features(tables, on(day), [name])[name] for day in (3.95, 4, 9.5, 10)]
    assert found == [0, 30, 30, 70]


def test_merchants_who_join_or_leave_are_no_season() -> None:
    daily = [(f"m{k}", day + 0.5, 10.0) for k in range(4) for day in range(400)]
    joined = [(f"n{k}", day + 0.5, 10.0) for k in range(8) for day in range(385, 400)]
    by_turns = [
        (f"o{k}", day + 0.5, 10.0) for k in range(60) for day in range(10 * k, 10 * k + 100)
    ]
    names = sorted({row[0] for row in [*daily, *joined, *by_turns]})
    steady = {"merchants": merchants(names), "orders": orders(daily)}
    assert features(steady, on(400), [SEASON, OVER], "m0").tolist() == [1.0, 1.0]
    moved = {"merchants": merchants(names), "orders": orders([*daily, *joined])}
    found = features(moved, on(400), [SEASON], "m0")[SEASON]
    naive = (4 * 30 + 8 * 15) / (4 * 180 + 8 * 15) * 6
    assert naive > 1.7
    assert abs(found - 1) < 0.05
    churn = {"merchants": merchants(names), "orders": orders([*daily, *by_turns])}
    assert abs(features(churn, on(400), [SEASON], "m0")[SEASON] - 1) < 0.05


def test_a_day_under_way_does_not_stand_against_whole_days_of_peers() -> None:
    rows = [(f"m{k}", day + 0.3, 10.0) for k in range(4) for day in range(300)]
    peak = [(f"m{k}", 300.3, 700.0) for k in range(4)]
    tables = {"merchants": merchants([f"m{k}" for k in range(4)]), "orders": orders(rows + peak)}
    assert features(tables, on(300.6), [OVER], "m0")[OVER] == 1.0
    assert features(tables, on(301), [OVER], "m0")[OVER] == 1.0


@pytest.fixture(scope="module")
def around_the_peak() -> dict[str, pd.DataFrame]:
    """Features of a simulated platform, as 11.11 begins and when it is over."""
    records, _ = ac.simulate_platform(400, seed=5, months=24, orders_per_month=20)
    names = ["own_pace_30_180", OVER, "sales_over_season_30_365", "sales_year_on_year"]
    wanted = CATALOGUE.subset(names)
    catalogue = Catalogue(tuple(replace(feature, is_part=False) for feature in wanted))
    last = records.span[1]
    year = last.year if last > pd.Timestamp(last.year, 11, 20) else last.year - 1
    return {
        day: ac.build_features(
            records, ac.Cohort.at(records, pd.Timestamp(f"{year}-{day}")), catalogue=catalogue
        )
        for day in ("11-11", "11-13")
    }


def test_the_peak_of_11_11_does_not_look_like_growth(
    around_the_peak: dict[str, pd.DataFrame],
) -> None:
    before, after = (frame.mean() for frame in around_the_peak.values())
    raw = after["own_pace_30_180"] / before["own_pace_30_180"]
    assert raw > 1.08  # the peak is there
    for name in (OVER, "sales_over_season_30_365"):
        assert after[name] / before[name] == pytest.approx(1, abs=0.04)
        assert before[name] == pytest.approx(1, abs=0.25)
    year = "sales_year_on_year"
    assert abs(after[year] - before[year]) < 0.3


def test_a_year_ago_is_missing_for_those_younger_than_13_months() -> None:
    rows = [("m", day + 0.5, 100.0 if day < 35 else 200.0) for day in range(400)]
    tables = {"merchants": merchants(["m"]), "orders": orders(rows)}
    name = "sales_year_on_year"
    assert features(tables, on(395), [name])[name] == pytest.approx(np.log(6001 / 3001))
    assert np.isnan(features(tables, on(366), [name])[name])  # two orders a year ago are too few


def rated(rows: list[tuple[str, int, float]], days: list[float]) -> dict[str, pd.DataFrame]:
    """Rate orders: merchant, polarity, each detailed rating."""
    sold = orders([(who, day - 1, 1.0) for (who, _, _), day in zip(rows, days, strict=True)])
    ratings = pd.DataFrame(
        {
            "order_id": sold["order_id"], "rated_at": [on(day) for day in days],
            "polarity": [sign for _, sign, _ in rows],
            **{name: [value for *_, value in rows]
               for name in ("dsr_desc", "dsr_service", "dsr_ship")},
        }
    )  # fmt: skip
    return {"merchants": merchants(["m", "n", "new"]), "orders": sold, "ratings": ratings}


def test_ratings_are_drawn_to_the_mean_of_peers_as_if_50_more_had_it() -> None:
    rows = [("n", 1, 4.5)] * 148 + [("m", -1, 2.0)] * 2
    tables = rated(rows, [10.0 + k / 10 for k in range(150)])
    names = ["dsr_shrunk_180d", "positive_share_shrunk_180d"]
    mean, share = (148 * 4.5 + 2 * 2) / 150, 148 / 150
    found = features(tables, on(60), names)
    assert found.tolist() == pytest.approx([(4 + 50 * mean) / 52, 50 * share / 52])
    assert features(tables, on(60), names, "new").tolist() == pytest.approx([mean, share])
    assert np.isnan(features(tables, on(15), names)).all()  # fewer than 100 ratings of peers


def test_no_later_fact_of_another_merchant_changes_a_bit() -> None:
    rows = [(f"m{k}", day + 0.5, 10.0 + k) for k in range(3) for day in range(300)]
    tables = {"merchants": merchants(["m0", "m1", "m2"]), "orders": orders(rows)}
    more = orders([(f"m{k}", day + 0.5, 1000.0) for k in (1, 2) for day in range(250, 300)])
    more["order_id"] = "late" + more["order_id"]
    more["known_at"] = on(300)
    known_later = {
        "merchants": tables["merchants"],
        "orders": pd.concat([tables["orders"].assign(known_at=pd.NaT), more]),
    }
    names = [SEASON, OVER, "peer_pace_365d"]
    here, there = (features(each, on(300), names, "m0") for each in (tables, known_later))
    assert here.to_numpy().tobytes() == there.to_numpy().tobytes()
    assert (
        features(known_later, on(302), names, "m0") != features(tables, on(302), names, "m0")
    ).all()
