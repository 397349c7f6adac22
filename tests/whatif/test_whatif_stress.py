"""Stress of a book: identities of the formulas, a plain loop beside them, and exact roots."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.decision import COLUMNS
from alicredit.errors import InputError, PolicyError
from alicredit.policy import load_policy
from alicredit.whatif import SCENARIOS, Scenario, reverse_stress, stress_book

POLICY = load_policy("ali-2013")
PRODUCTS = [product.id for product in POLICY.active]


def book(size: int = 60, seed: int = 1) -> pd.DataFrame:
    """Draw a book whose losses are what the policy's economics make of probability and limit."""
    rng = np.random.default_rng(seed)
    product = rng.choice(PRODUCTS, size)
    of = [POLICY.product(name).economics for name in product]
    pd_, limit = rng.uniform(0.001, 0.08, size), rng.integers(1, 500, size) * 1000.0
    loss = pd_ * limit * [each.lgd * each.use_at_default for each in of]
    frame = pd.DataFrame({
        "merchant_id": [f"m{k}" for k in range(size)], "product_id": product, "pd": pd_,
        "limit": limit, "expected_loss": loss, "expected_profit": 0.08 * limit - loss,
        "decision": np.where(rng.random(size) < 0.8, "approve", "decline"),
    })  # fmt: skip
    return frame.reindex(columns=list(COLUMNS))


BOOK = book()
LENT = BOOK[BOOK["decision"] == "approve"]


def stress(**changes) -> pd.Series:
    return stress_book(BOOK, POLICY, scenarios=[Scenario("x", **changes)]).iloc[0]


def by_loop(scenario: Scenario) -> tuple[float, float, float, float]:
    """Give loss, profit, mean and peak draws from the policy's own terms, line by line."""
    total = [0.0, 0.0, 0.0, 0.0]
    for row in LENT.to_dict("records"):
        product = POLICY.product(row["product_id"])
        of, limit = product.economics, row["limit"]
        odds = row["pd"] / (1 - row["pd"]) * math.exp(scenario.pd_logit_shift)
        odds *= scenario.sales_multiple ** (-scenario.sales_beta)
        chance = min(odds / (1 + odds) * scenario.pd_multiple, 1)
        used = min(of.use_at_default * scenario.use_multiple, max(1, of.use_at_default))
        loss = chance * min(of.lgd * scenario.lgd_multiple, 1) * used * limit
        earned = row["expected_profit"] + row["expected_loss"]
        income = earned * (scenario.use_multiple if scenario.use_multiple < 1 else 1)
        is_order = product.kind == "order_advance"
        drawn = of.mean_use * scenario.use_multiple
        drawn = min(drawn * (scenario.sales_multiple if is_order else 1), 1)
        peak = min(drawn * scenario.peak_multiple, 1) if is_order else drawn
        for at, value in enumerate((loss, income - loss, drawn * limit, peak * limit)):
            total[at] += value
    return tuple(total)


CHANGES = st.fixed_dictionaries({
    "pd_logit_shift": st.floats(-2, 2), "pd_multiple": st.floats(0, 50),
    "lgd_multiple": st.floats(0, 3), "use_multiple": st.floats(0.1, 3),
    "sales_multiple": st.floats(0.1, 2), "sales_beta": st.floats(0, 2),
    "peak_multiple": st.floats(1, 10),
})  # fmt: skip


@settings(max_examples=60)
@given(CHANGES)
def test_every_figure_is_that_of_a_plain_loop(changes) -> None:
    told, scenario = stress(**changes), Scenario("x", **changes)
    found = told[["expected_loss", "expected_profit", "drawn", "drawn_peak"]].tolist()
    assert found == pytest.approx(list(by_loop(scenario)), rel=1e-9, abs=1e-6)
    capital = float(POLICY.lender.net_capital)
    assert told["capital_left"] == pytest.approx(capital + told["expected_profit"])
    assert told["headroom"] == pytest.approx(told["lending_cap"] - told["drawn_peak"])
    assert told["lending_cap"] == 2.4e9  # DOMAIN 2.1
    assert told["drawn_peak"] >= told["drawn"] - 1e-6


def test_as_expected_nothing_changes() -> None:
    told = stress()
    assert told["expected_loss"] == pytest.approx(LENT["expected_loss"].sum(), rel=1e-12)
    assert told["expected_profit"] == pytest.approx(LENT["expected_profit"].sum(), rel=1e-12)
    assert (told["lines"], told["limit"]) == (len(LENT), LENT["limit"].sum())


@settings(max_examples=30)
@given(st.floats(1, 5), st.floats(1, 5))
def test_worse_is_never_better(one, other) -> None:
    low, high = sorted((one, other))
    for name in ("pd_multiple", "lgd_multiple"):
        mild, harsh = stress(**{name: low}), stress(**{name: high})
        assert harsh["expected_loss"] >= mild["expected_loss"] * (1 - 1e-12)
        assert harsh["expected_profit"] <= mild["expected_profit"] + 1e-6
    assert stress(sales_multiple=1 / high)["expected_loss"] >= stress(sales_multiple=1 / low)[
        "expected_loss"
    ] * (1 - 1e-12)


def test_the_first_scenarios_are_told_in_both_languages_and_severe_is_the_worst() -> None:
    told = stress_book(BOOK, POLICY)
    assert told["scenario"].tolist() == [each.name for each in SCENARIOS]
    assert told[["title", "title_zh"]].map(len).gt(0).all(axis=None)
    assert told["expected_loss"].idxmax() == told["expected_profit"].idxmin() == len(told) - 1
    assert (told["expected_profit"] <= told["expected_profit"].iloc[0]).all()
    assert told.drop(columns=["title", "title_zh"]).equals(
        stress_book(BOOK[::-1], POLICY).drop(columns=["title", "title_zh"])
    )


def test_the_peak_of_order_loans_is_held_against_the_lending_cap() -> None:
    size = 4000
    rich = pd.DataFrame({
        "merchant_id": np.arange(size).astype(str), "product_id": "taobao_order", "pd": 0.01,
        "limit": 1e6, "expected_loss": 1.0, "expected_profit": 1.0, "decision": "approve",
    }).reindex(columns=list(COLUMNS))  # fmt: skip
    use = POLICY.product("taobao_order").economics.mean_use
    calm, peak = stress_book(
        rich, POLICY, scenarios=[Scenario("calm", peak_multiple=1), Scenario("11.11")]
    ).to_dict("records")
    assert calm["drawn_peak"] == calm["drawn"] == pytest.approx(4e9 * use)
    assert peak["drawn_peak"] == pytest.approx(4e9 * min(1, 7 * use))
    assert peak["is_over_cap"] == (peak["drawn_peak"] > 2.4e9)
    lent = stress_book(rich, POLICY, scenarios=[Scenario("calm")], outstanding=2.4e9).iloc[0]
    assert lent["is_over_cap"]
    assert lent["headroom"] < 0


@settings(max_examples=30)
@given(seed=st.integers(0, 999), lgd=st.floats(0.5, 2), shift=st.floats(-1, 1))
def test_at_the_multiple_found_profit_is_gone_and_just_below_it_is_not(seed, lgd, shift) -> None:
    mine, base = book(30, seed), Scenario("x", lgd_multiple=lgd, pd_logit_shift=shift)
    if not (mine["decision"] == "approve").any():
        return
    found = reverse_stress(mine, POLICY, scenario=base).iloc[0]
    times = found["pd_multiple"]
    assert found["expected_profit"] <= 0
    assert found["expected_profit"] == pytest.approx(0, abs=1e-5)
    at, below = (
        stress_book(mine, POLICY, scenarios=[replace(base, pd_multiple=m)]).iloc[0]
        for m in (times, np.nextafter(times, 0))
    )
    assert at["expected_profit"] <= 0 < below["expected_profit"]
    assert at["expected_loss"] == found["expected_loss"]


def test_where_no_probability_reaches_one_the_multiple_is_income_over_loss() -> None:
    one = LENT.assign(pd=0.01)
    one["expected_loss"] = one["limit"] * 0.004
    one["expected_profit"] = one["limit"] * 0.016
    found = reverse_stress(one, POLICY).iloc[0]
    assert found["pd_multiple"] == pytest.approx(5.0, rel=1e-12)
    assert found["mean_pd"] == pytest.approx(0.05)


def test_capital_is_gone_later_than_profit_and_perhaps_never() -> None:
    poor = replace(POLICY, lender=replace(POLICY.lender, net_capital=POLICY.lender.net_capital
                                          / 10_000))  # fmt: skip
    profit = reverse_stress(BOOK, poor).iloc[0]
    capital = reverse_stress(BOOK, poor, gone="capital").iloc[0]
    assert profit["pd_multiple"] < capital["pd_multiple"]
    assert capital["capital_left"] == pytest.approx(0, abs=1e-5)
    never = reverse_stress(BOOK, POLICY, gone="capital").iloc[0]
    assert math.isnan(never["pd_multiple"])
    assert never["mean_pd"] == pytest.approx(1.0)
    assert never["capital_left"] > 0
    assert never["text"] == "not even if every line defaults"
    assert never["text_zh"] == "即使全部违约也不会发生"


def test_what_is_sure_to_default_is_lost_under_every_scenario() -> None:
    sure = LENT.assign(pd=1.0)
    for changes in ({}, {"pd_multiple": 9.0}, {"pd_logit_shift": 2.0}):
        told = stress_book(sure, POLICY, scenarios=[Scenario("x", **changes)]).iloc[0]
        assert told["expected_loss"] == pytest.approx(sure["expected_loss"].sum(), rel=1e-12)


def test_severe_is_every_other_scenario_at_once_and_each_changes_one_thing() -> None:
    by_name = {each.name: each for each in SCENARIOS}
    plain, severe = by_name.pop("expected"), by_name.pop("severe")
    words = ("pd_logit_shift", "pd_multiple", "lgd_multiple", "use_multiple", "sales_multiple",
             "sales_beta", "peak_multiple")  # fmt: skip
    changed = {}
    for each in by_name.values():
        own = {w: getattr(each, w) for w in words if getattr(each, w) != getattr(plain, w)}
        assert len(own) == 1, each.name
        changed |= own
    assert len(changed) == len(by_name)
    assert {w: getattr(severe, w) for w in words} == {w: getattr(plain, w) for w in words} | changed
    assert (plain.peak_multiple, plain.shift) == (7.0, 0.0)  # DOMAIN 4: 11 November
    assert plain.pd_multiple == plain.lgd_multiple == plain.use_multiple == 1.0
    # DOMAIN 5.7: the odds follow the limit over monthly sales to the power beta.
    assert severe.shift == pytest.approx(-0.5 * math.log(0.7), rel=1e-12)
    titles = {"pd_doubles": (2.0, "pd_multiple"), "lgd_up": (1.5, "lgd_multiple"),
              "sales_fall": (0.7, "sales_multiple"), "use_up": (1.5, "use_multiple")}  # fmt: skip
    for name, (value, word) in titles.items():  # what their titles say
        assert getattr(by_name[name], word) == value


def test_uneven_books_are_searched_up_to_where_the_safest_line_defaults() -> None:
    uneven = LENT.assign(pd=np.where(np.arange(len(LENT)) == 0, 1e-5, 0.5))
    uneven["expected_loss"] = uneven["pd"] * uneven["limit"] * 0.5
    lost = uneven["limit"].iloc[0] * 0.5
    # Nothing is left only once the safest line defaults four times in ten.
    rest = uneven["limit"].iloc[1:].sum() * 0.5
    earned = rest + 0.4 * lost
    uneven["expected_profit"] = earned * uneven["limit"] / uneven["limit"].sum()
    uneven["expected_profit"] -= uneven["expected_loss"]
    found = reverse_stress(uneven, POLICY).iloc[0]
    assert found["pd_multiple"] == pytest.approx(0.4 / 1e-5, rel=1e-9)


def test_a_book_that_loses_without_any_default_is_at_zero() -> None:
    bad = LENT.assign(expected_profit=-LENT["expected_loss"] - 1)
    assert reverse_stress(bad, POLICY)["pd_multiple"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": " "}, "name"), ({"pd_multiple": -1}, "pd_multiple"),
        ({"lgd_multiple": math.nan}, "lgd_multiple"), ({"use_multiple": "2"}, "use_multiple"),
        ({"sales_multiple": 0}, "sales_multiple"), ({"sales_beta": -1}, "sales_beta"),
        ({"peak_multiple": 0.5}, "peak_multiple"), ({"pd_logit_shift": math.inf}, "logit"),
    ],
)  # fmt: skip
def test_bad_scenarios_are_refused(changes, says) -> None:
    with pytest.raises(InputError, match=says):
        Scenario(**({"name": "x"} | changes))


def test_bad_books_are_refused() -> None:
    twice = [Scenario("x"), Scenario("x")]
    for frame, options, says in (
        (BOOK.drop(columns="pd"), {}, "pd"), (3, {}, "frame"), (BOOK, {"scenarios": twice}, "diff"),
        (BOOK, {"outstanding": -1}, "outstanding"), (BOOK.assign(pd=np.nan), {}, "pd"),
        (BOOK.assign(pd=1.5), {}, "pd"), (BOOK.assign(limit=0.0), {}, "limit"),
        (BOOK, {"scenarios": ["x"]}, "scenarios"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=says):
            stress_book(frame, POLICY, **options)
    for name, bad in (("limit", 0.0), ("pd", 0.0), ("pd", 1.0001), ("expected_loss", np.inf)):
        one = LENT.reset_index(drop=True)
        one.loc[2, name] = bad
        with pytest.raises(InputError, match=name):
            stress_book(one, POLICY)
    free = replace(POLICY.product(PRODUCTS[0]), economics=None)
    with pytest.raises(InputError, match=f"economics of each product.*{PRODUCTS[0]}"):
        stress_book(BOOK, replace(POLICY, products=POLICY.products | {PRODUCTS[0]: free}))
    with pytest.raises(InputError, match="approval"):
        reverse_stress(BOOK.assign(decision="decline"), POLICY)
    with pytest.raises(PolicyError, match="product"):
        stress_book(BOOK.assign(product_id="x"), POLICY)
