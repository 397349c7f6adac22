"""The peak of a book: never held too low, and true of balances that are drawn at random."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from allocation_books import offers_of, tight_lender
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.allocation import BookRules, allocate, compare_opening

Z99 = 2.3263478740408408


def peak_by_hand(offers: pd.DataFrame, share: np.ndarray, common: float) -> float:
    drawn = (offers["peak_balance"] * share).sum()
    sd = offers["peak_sd"] * share
    return drawn + Z99 * np.sqrt(common * sd.sum() ** 2 + (1 - common) * (sd**2).sum())


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    merchants=st.integers(1, 80),
    common=st.floats(0.0, 1.0),
    share=st.floats(0.05, 0.9),
)
def test_what_is_constrained_is_never_below_the_peak(
    seed: int, merchants: int, common: float, share: float
) -> None:
    offers = offers_of(merchants, seed=seed, sd=0.5)
    lender = tight_lender(offers.assign(expected_profit=1.0), share=share, single=1.0)
    book = allocate(offers, lender, rules=BookRules(common_share=common))
    given_ = (book.offers["allocated_limit"] / offers["limit"]).to_numpy()
    exact = peak_by_hand(offers, given_, common)
    assert book.peak_balance == pytest.approx(exact, rel=1e-9)
    held = book.constraints.set_index("constraint").loc["peak_balance"]
    slack = held["cap"] - held["used"]
    assert exact <= float(lender.lending_cap) - slack + 1e-6


def test_little_is_held_back_of_a_book_of_many() -> None:
    offers = offers_of(1500, seed=4, sd=0.5)
    lender = tight_lender(offers, share=0.4, single=1.0)
    book = allocate(offers, lender, rules=BookRules(common_share=0.2))
    assert book.peak_balance == pytest.approx(float(lender.lending_cap), rel=0.01)


def test_balances_drawn_at_random_pass_the_funds_once_in_a_hundred() -> None:
    offers = offers_of(400, seed=6, sd=0.4)
    lender = tight_lender(offers, share=0.4, single=1.0)
    common = 0.3
    book = allocate(offers, lender, rules=BookRules(common_share=common))
    share = (book.offers["allocated_limit"] / offers["limit"]).to_numpy()
    rng = np.random.default_rng(1)
    mean = float((offers["peak_balance"] * share).sum())
    sd = (offers["peak_sd"] * share).to_numpy()
    shared = rng.standard_normal(20_000) * np.sqrt(common) * sd.sum()
    own = rng.standard_normal((20_000, len(sd)), dtype=np.float32) @ sd.astype(np.float32)
    drawn = mean + shared + np.sqrt(1 - common) * own
    assert np.quantile(drawn, 0.99) == pytest.approx(book.peak_balance, rel=0.01)
    assert (drawn > float(lender.lending_cap)).mean() <= 0.012


def test_contributions_simply_add_up_where_no_deviation_is_given() -> None:
    offers = offers_of(100, seed=8).drop(columns="peak_sd")
    lender = tight_lender(offers, share=0.4, single=1.0)
    book = allocate(offers, lender)
    share = book.offers["allocated_limit"] / offers["limit"]
    assert book.peak_balance == pytest.approx((offers["peak_balance"] * share).sum())
    assert book.peak_balance <= float(lender.lending_cap) + 1e-6


def test_more_in_common_leaves_room_for_less() -> None:
    offers = offers_of(300, seed=9, sd=0.5)
    lender = tight_lender(offers, share=0.3, single=1.0)
    values = [
        allocate(offers, lender, rules=BookRules(common_share=each)).value
        for each in (0.0, 0.25, 0.5, 1.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.05 * values[-1]


def test_opening_a_region_is_the_book_with_it_less_the_book_without() -> None:
    offers = offers_of(500, seed=13)
    lender = tight_lender(offers, share=0.3)
    table = compare_opening(offers, lender, region="guangdong")
    without = allocate(offers[offers["region"] != "guangdong"], lender)
    whole = allocate(offers, lender)
    assert table.loc["closed", "value"] == without.value
    assert table.loc["open", "value"] == whole.value
    assert table.loc["closed", "in_region"] == 0
    gain = table.loc["difference", "value"]
    there = whole.offers["region"] == "guangdong"
    own = whole.offers["allocated_limit"] / offers["limit"] * offers["expected_profit"]
    assert 0 < gain < own[there].sum()  # other loans make way
    assert table.loc["open", "capital_value"] > table.loc["closed", "capital_value"]


def test_where_capital_is_no_limit_a_region_is_worth_its_own_profit() -> None:
    offers = offers_of(200, seed=14)
    lender = tight_lender(offers, share=30.0, single=1.0)
    table = compare_opening(offers, lender, region="hunan")
    there = offers[(offers["region"] == "hunan") & (offers["expected_profit"] > 0)]
    gained = table.loc["difference"]
    assert gained["value"] == pytest.approx(there["expected_profit"].sum())
    assert gained["limit"] == pytest.approx(there["limit"].sum())
    assert gained["merchants"] == there["merchant_id"].nunique()
