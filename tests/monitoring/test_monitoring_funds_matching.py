"""Windows and neighbours are what loops over days and merchants find."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.funds.effects import SOURCES, SUMMARY, read_effect, read_rates
from alicredit.funds.matching import Stage, find_neighbours
from alicredit.funds.windows import Daily, read_daily, read_merchants
from alicredit.monitoring import use_of_funds
from alicredit.vocabulary import FUNDS_OUTCOMES

DAY = pd.Timedelta(days=1)
FIRST = 15_000
SPAN = 200


def facts(seed: int, merchants: int = 9, rows: int = 300) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    merchant = rng.integers(0, merchants, rows)
    day = FIRST + rng.integers(0, SPAN, rows)
    return merchant, day, rng.integers(1, 50_000, rows)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_sums_over_windows_are_what_a_loop_adds(seed: int) -> None:
    merchant, day, fen = facts(seed)
    daily = Daily.of(merchant, day, {"sales": fen, "orders": np.ones(len(fen), dtype=np.int64)})
    rng = np.random.default_rng(seed + 1)
    who = rng.integers(0, 11, 40)
    start = FIRST + rng.integers(-20, SPAN + 20, 40)
    stop = start + rng.integers(0, 60, 40)
    for name, values, scale in (("sales", fen, 100), ("orders", np.ones(len(fen)), 1)):
        told = daily.sums(name, who, start, stop)
        for k in range(40):
            inside = (merchant == who[k]) & (day >= start[k]) & (day < stop[k])
            assert told[k] == pytest.approx(values[inside].sum() / scale)


def stage_of(seed: int, merchants: int = 12, loans: int = 15) -> tuple[Stage, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    merchant, day, fen = facts(seed, merchants, 500)
    lent = FIRST + rng.integers(70, SPAN, loans)
    book = pd.DataFrame({"place": rng.integers(0, merchants, loans), "day": lent, "end_day":
                         np.where(rng.random(loans) < 0.7, lent + rng.integers(0, 40, loans),
                                  np.nan)})  # fmt: skip
    people = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(merchants)],
                           "day": FIRST - rng.integers(-60, 60, merchants),
                           "kind": rng.choice(["x", "y"], merchants)})  # fmt: skip
    return Stage.of(people, book, Daily.of(merchant, day, {"sales": fen}), 28, 14), book


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_who_had_a_loan_out_is_what_a_loop_over_loans_finds(seed: int) -> None:
    stage, book = stage_of(seed)
    rng = np.random.default_rng(seed + 1)
    place = rng.integers(0, 12, 50)
    start = FIRST + rng.integers(40, SPAN, 50)
    stop = start + rng.integers(1, 50, 50)
    told = stage.has_loan(place, start, stop)
    for k in range(50):
        out = False
        for loan in book.itertuples():
            ends = np.inf if np.isnan(loan.end_day) else loan.end_day
            out |= loan.place == place[k] and loan.day < stop[k] and ends >= start[k]
        assert told[k] == out


@given(seed=st.integers(0, 10**6), caliper=st.floats(0.1, 4), count=st.integers(1, 5))
@settings(max_examples=25)
def test_neighbours_are_the_nearest_that_a_loop_finds(seed, caliper, count) -> None:
    stage, book = stage_of(seed)
    rng = np.random.default_rng(seed)
    loans = book.assign(status=rng.choice(["compared", "borrowed_before"], len(book), p=[0.8, 0.2]))
    told = find_neighbours(stage, loans, neighbours=count, caliper=caliper)
    everyone = np.arange(12)
    for row, loan in enumerate(loans.itertuples()):
        mine = told[told["loan"] == row]
        if loan.status != "compared":
            assert mine.empty
            continue
        free = []
        for other in everyone:
            at = np.array([other])
            busy = stage.has_loan(at, np.array([loan.day - 28]), np.array([loan.day + 15]))[0]
            young = stage.registered[other] > loan.day - 56
            if not busy and not young and stage.kind[other] == stage.kind[loan.place]:
                free.append(other)
        if not free:
            assert mine.empty
            continue
        paths = stage.path(np.array(free), np.full(len(free), loan.day))
        own = stage.path(np.array([loan.place]), np.array([loan.day]))[0]
        spread = paths.std(axis=0)
        spread[spread == 0] = 1.0
        gaps = np.sqrt((((paths - own) / spread) ** 2).sum(axis=1))
        order = sorted(range(len(free)), key=lambda k: (gaps[k], free[k]))[:count]
        expected = [free[k] for k in order if gaps[k] <= caliper]
        assert mine["place"].tolist() == expected
        assert mine["distance"].is_monotonic_increasing
        assert loan.place not in expected


def test_a_path_is_log_sales_and_their_growth() -> None:
    day = np.array([FIRST + 10, FIRST + 40])
    sales = Daily.of(np.zeros(2, np.int64), day, {"sales": np.array([10_000, 30_000])})
    people = pd.DataFrame({"merchant_id": ["m"], "day": [0], "kind": ["x"]})
    book = pd.DataFrame({"place": [0], "day": [FIRST], "end_day": [np.nan]})
    stage = Stage.of(people, book, sales, 28, 14)
    path = stage.path(np.array([0]), np.array([FIRST + 56]))
    assert path[0].tolist() == pytest.approx([np.log(301), np.log(301) - np.log(101)])


def rates(**sums: list[int]) -> Daily:
    days = FIRST + np.arange(len(next(iter(sums.values()))))
    values = {name: np.array(each, dtype=np.int64) for name, each in sums.items()}
    return Daily.of(np.zeros(len(days), np.int64), days, values)


def test_days_that_are_not_written_down_are_no_days_without_visitors() -> None:
    seldom = Daily.of(
        np.zeros(3, np.int64),
        FIRST + np.array([2, 20, 35]),
        {"traffic": np.array([50, 70, 90]), "traffic_days": np.ones(3, np.int64)},
    )
    place, day = np.array([0, 0]), np.array([FIRST + 28, FIRST + 60])
    before, after = read_rates({"traffic": seldom}, "traffic", place, day, before_days=28,
                               after_days=14)  # fmt: skip
    assert before.tolist() == pytest.approx([60.0, 90.0])
    assert after[0] == 90.0
    assert np.isnan(after[1])


def test_payments_are_known_where_the_account_had_a_posting_before() -> None:
    bank = Daily.of(
        np.array([0, 0, 1]),
        FIRST + np.array([5, 30, 30]),
        {
            "supplier_payments": np.array([2800, 1400, 1400]),
            "transfers_out": np.array([0, 0, 0]),
            "postings": np.ones(3, np.int64),
        },
    )
    place, day = np.array([0, 1]), np.array([FIRST + 28, FIRST + 28])
    before, after = read_rates({"bank": bank}, "supplier_payments", place, day, before_days=28,
                               after_days=14)  # fmt: skip
    assert before[0] == pytest.approx(1.0)
    assert after[0] == pytest.approx(1.0)
    assert np.isnan(before[1])
    assert np.isnan(after[1])


def test_an_effect_is_the_difference_of_differences_and_its_summary_the_mean() -> None:
    rng = np.random.default_rng(4)
    loans = rng.gamma(2, 5, (2, 6))
    loans[1, 2] = np.nan
    pairs = pd.DataFrame({"loan": [0, 0, 1, 2, 3, 3, 4], "place": [10, 11, 12, 10, 13, 14, 11]})
    others = rng.gamma(2, 5, (2, 7))
    others[0, 4] = np.nan
    owner = np.array([0, 1, 2, 3, 4, 5])
    columns, told = read_effect((loans[0], loans[1]), (others[0], others[1]), pairs, owner)
    theirs = others[1] - others[0]
    expected = {0: np.mean(theirs[:2]), 1: theirs[2], 3: theirs[5], 4: theirs[6]}
    for k in range(6):
        mine = loans[1, k] - loans[0, k]
        value = mine - expected[k] if k in expected else np.nan
        assert columns["effect"][k] == pytest.approx(value, nan_ok=True)
    assert told["loans"] == 4
    known = [0, 1, 3, 4]
    assert told["effect"] == pytest.approx(np.mean(columns["effect"][known]))
    logs = np.log1p(loans[1]) - np.log1p(loans[0])
    beside = np.log1p(others[1]) - np.log1p(others[0])
    means = {0: np.mean(beside[:2]), 1: beside[2], 3: beside[5], 4: beside[6]}
    relative = np.mean([logs[k] - means[k] for k in known])
    assert told["log_effect"] == pytest.approx(relative)
    spread = np.std(beside[[0, 1, 2, 5, 6]], ddof=1)
    assert told["effect_size"] == pytest.approx(relative / spread)
    assert told["effect_low"] < told["effect"] < told["effect_high"]


def test_one_borrower_alone_has_an_effect_without_an_interval() -> None:
    pairs = pd.DataFrame({"loan": [0], "place": [3]})
    told = read_effect((np.array([1.0]), np.array([2.0])), (np.array([1.0]), np.array([1.5])),
                       pairs, np.array([0]))[1]  # fmt: skip
    assert told["effect"] == 0.5
    assert np.isnan(told["effect_low"])
    assert told["reading"] == "unknown"


def platform(**more) -> ac.Records:
    tables = {
        "merchants": pd.DataFrame({"merchant_id": ["b", "a", "c"], "platform": "taobao",
                                   "registered_at": pd.to_datetime(["2010-01-01", "2010-02-01",
                                                                    "2013-05-01"])}),
        "orders": pd.DataFrame({
            "order_id": list("pqrstu"), "merchant_id": list("aaabbb"), "buyer_id": "x",
            "created_at": pd.to_datetime(["2013-01-01"] * 6), "amount": 10.0,
            "paid_at": pd.to_datetime(["2013-01-02", "2013-01-02", "2013-01-04", None, "2013-01-05",
                                       "2013-02-20"]),
            "category": ["toys", "food", "food", "shoes", "toys", "shoes"]}),
        "traffic_daily": pd.DataFrame({"merchant_id": "a", "uv": [5, 7], "ad_spend": [1.5, None],
                                       "day": pd.to_datetime(["2013-01-31", "2013-01-30"])}),
    } | more  # fmt: skip
    return ac.read_records(tables)


LOOK = pd.Timestamp("2013-02-01")


def test_merchants_are_those_known_with_the_commonest_category_of_what_was_paid() -> None:
    found = read_merchants(platform(), LOOK)
    assert found["merchant_id"].tolist() == ["a", "b"]
    assert found["kind"].tolist() == ["taobao|food", "taobao|toys"]
    named = pd.DataFrame({"merchant_id": ["a"], "platform": ["tmall"], "category": ["home"],
                          "registered_at": pd.to_datetime(["2010-01-01"])})  # fmt: skip
    assert read_merchants(platform(merchants=named), LOOK)["kind"].tolist() == ["tmall|home"]


def test_daily_facts_are_those_known_before_the_look() -> None:
    index = pd.Index(["a", "b"])
    daily = read_daily(platform(), index, LOOK)
    assert set(daily) == {"orders", "ad_spend", "traffic"}
    place, start, stop = np.array([0, 1]), np.array([0, 0]), np.array([30_000, 30_000])
    assert daily["orders"].sums("orders", place, start, stop).tolist() == [3.0, 1.0]
    assert daily["orders"].sums("sales", place, start, stop).tolist() == [30.0, 10.0]
    assert daily["traffic"].sums("traffic_days", place, start, stop).tolist() == [2.0, 0.0]
    assert daily["ad_spend"].sums("ad_days", place, start, stop).tolist() == [1.0, 0.0]
    earlier = read_daily(platform(), index, pd.Timestamp("2013-01-31 18:00"))
    assert earlier["traffic"].sums("traffic", place, start, stop).tolist() == [7.0, 0.0]


def test_the_outcomes_of_the_summary_are_those_of_the_vocabulary() -> None:
    assert set(SOURCES) == set(FUNDS_OUTCOMES)
    assert len(set(SUMMARY)) == len(SUMMARY)


@pytest.mark.slow
def test_a_simulated_platform_without_effects_of_loans_shows_hardly_any() -> None:
    """The simulator's loans change nothing that a merchant does; order loans follow no plan."""
    holds, compared = [], 0
    for seed in (1, 2, 3):
        records, _ = ac.simulate_platform(400, seed=seed, months=36, orders_per_month=8)
        told = use_of_funds(records, as_of="2012-06-30")
        summary = told.summary[told.summary["outcome"] != "transfers_out"]
        low, high = summary["log_effect_low"], summary["log_effect_high"]
        holds += ((low <= 0) & (high >= 0)).tolist()
        compared += int((told.loans["status"] == "compared").sum())
    assert compared > 600
    assert sum(holds) >= len(holds) - 2
