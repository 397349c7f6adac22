"""The bound is the linear program's, and the book is near the integer program's best."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from allocation_books import (
    integer_best,
    items_of,
    lender_of,
    linear_best,
    offers_of,
    rows_of,
    tight_lender,
    tight_rules,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.allocation import Allocation, BookRules, allocate
from alicredit.policy import Lender


def require_lawful(
    offers: pd.DataFrame, lender: Lender, rules: BookRules, book: Allocation
) -> np.ndarray:
    """Hold a book to every constraint, written anew from the frame; give its shares."""
    given_ = book.offers["allocated_limit"].to_numpy()
    share = given_ / offers["limit"].to_numpy()
    rows, caps = rows_of(offers, lender, rules, book.prices.peak_sigma)
    assert (rows @ share <= caps + 2e-6 + 1e-11 * (abs(rows) @ share)).all()
    assert (items_of(offers) @ (share > 0) <= 1).all()
    assert ((given_ == 0) | (given_ >= offers["minimum"])).all()
    assert (given_ <= offers["limit"]).all()
    is_cut = (given_ > 0) & (given_ < offers["limit"])
    assert (np.rint(given_[is_cut] * 100) % 100 == 0).all()  # whole yuan where no step is given
    assert book.value == pytest.approx(float((offers["expected_profit"] * share).sum()))
    assert book.value <= book.bound * (1 + 1e-12) + 1e-9
    return share


def test_bound_is_the_linear_programs_and_the_book_the_integer_programs() -> None:
    offers = offers_of(2000, seed=1)
    lender, rules = tight_lender(offers), tight_rules(offers)
    book = allocate(offers, lender, rules=rules)
    require_lawful(offers, lender, rules, book)
    assert (book.constraints["price"] > 0).sum() >= 6
    assert book.bound == pytest.approx(linear_best(offers, lender, rules, 1.0), rel=1e-6)
    best, proven = integer_best(offers, lender, rules, 1.0, seconds=8)
    assert book.value >= 0.999 * proven  # so also of the best, which lies below what is proven
    assert best <= book.bound * (1 + 1e-6)


@pytest.mark.parametrize("seed", [4, 5, 6, 7])
def test_the_book_is_within_a_thousandth_of_the_bound(seed: int) -> None:
    offers = offers_of(2000, seed=seed)
    lender, rules = tight_lender(offers), tight_rules(offers)
    book = allocate(offers, lender, rules=rules)
    require_lawful(offers, lender, rules, book)
    assert 0 <= book.gap < 1e-3
    merchants = book.offers.loc[book.offers["is_marginal"], "merchant_id"].nunique()
    assert merchants <= 2 * len(book.prices.constraints)


@pytest.mark.parametrize("seed", [2, 3])
def test_bound_with_amounts_related_parties_and_a_small_lender(seed: int) -> None:
    offers = offers_of(250, seed=seed, amounts=3, sd=0.4, related=0.5)
    lender = tight_lender(offers, single=0.01)
    rules = tight_rules(offers, common_share=0.3)
    book = allocate(offers, lender, rules=rules)
    require_lawful(offers, lender, rules, book)
    linear = linear_best(offers, lender, rules, book.prices.peak_sigma)
    assert book.bound == pytest.approx(linear, rel=1e-6)
    assert (book.offers["reason"] == "LIM_SINGLE_BORROWER").any()


def test_no_book_beats_the_proven_best_of_a_few_merchants() -> None:
    offers = offers_of(25, seed=5, related=0.3)
    lender = tight_lender(offers, single=0.2)
    rules = tight_rules(offers, region_share=0.3, category_share=None, small_share=0.3)
    book = allocate(offers, lender, rules=rules)
    require_lawful(offers, lender, rules, book)
    best, proven = integer_best(offers, lender, rules, 1.0)
    assert best == pytest.approx(proven, rel=1e-5)
    assert 0.97 * best <= book.value <= best * (1 + 1e-6)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    merchants=st.integers(1, 30),
    amounts=st.integers(1, 3),
    share=st.floats(0.01, 1.2),
    single=st.sampled_from((0.02, 0.1, 1.0)),
    small=st.sampled_from((0.0, 0.5, 1.0)),
    common=st.sampled_from((0.0, 0.5, 1.0)),
)
def test_any_book_is_lawful_and_its_bound_linear(
    seed: int, merchants: int, amounts: int, share: float, single: float, small: float,
    common: float,
) -> None:  # fmt: skip
    offers = offers_of(merchants, seed=seed, amounts=amounts, sd=0.3, related=0.4)
    lender = tight_lender(offers.assign(expected_profit=1.0), share=share, single=single)
    rules = BookRules(
        loss_budget=0.5 * offers["expected_loss"].sum(),
        region_share=0.4,
        product_share=0.5,
        small_share=small,
        small_limit=50_000.0,
        common_share=common,
    )
    book = allocate(offers, lender, rules=rules)
    require_lawful(offers, lender, rules, book)
    linear = linear_best(offers, lender, rules, book.prices.peak_sigma)
    assert book.bound == pytest.approx(linear, rel=1e-6, abs=1e-6)


def test_unbound_book_takes_all_that_earns_and_prices_nothing() -> None:
    offers = offers_of(300, seed=7)
    lender = tight_lender(offers, share=50.0, single=1.0)
    book = allocate(offers, lender)
    earns = offers["expected_profit"] > 0
    assert (book.offers["allocated_limit"] == offers["limit"].where(earns, 0.0)).all()
    assert set(book.offers["reason"]) == {"", "ALLOC_NO_PROFIT"}
    assert (book.constraints["price"].dropna() == 0).all()
    assert book.gap == pytest.approx(0.0, abs=1e-12)
    assert book.capital_value == 0.0


def test_one_scarce_yuan_goes_by_profit_for_what_is_drawn_not_for_the_limit() -> None:
    # a short loan of a high limit and little balance against a long one: DOMAIN 2.3
    offers = pd.DataFrame(
        {
            "merchant_id": ["long", "short"],
            "product_id": ["ali_credit", "taobao_order"],
            "limit": [1000.0, 4000.0],
            "minimum": 0.0,
            "expected_profit": [60.0, 90.0],
            "expected_loss": 0.0,
            "mean_balance": [1000.0, 400.0],
            "peak_balance": [1000.0, 1000.0],
            "region": "hunan",
            "category": "toys",
        }
    )
    lender = lender_of(100_000, single=1.0)  # funds of 150,000, all but 1,200 taken
    book = allocate(offers, lender, rules=BookRules(outstanding=148_800))
    assert book.offers["allocated_limit"].tolist() == [200.0, 4000.0]
    assert book.offers["reason"].tolist() == ["LENDER_CAP", ""]
    assert book.prices.price_of("peak_balance") == pytest.approx(0.06)
    scarce_mean = BookRules(outstanding=149_400, outstanding_peak=149_400)
    assert allocate(offers, lender, rules=scarce_mean).offers["allocated_limit"].tolist() == [
        0.0,
        2400.0,
    ]


def test_sum_of_limits_may_pass_the_funds() -> None:
    # 200,000 merchants with 50,000 each are 10bn of limits on about 2bn drawn: DOMAIN 2.3
    offers = offers_of(400, seed=9)
    offers = offers[offers["product_id"] == "taobao_order"].reset_index(drop=True)
    lender = tight_lender(offers, share=1.01, single=1.0)
    book = allocate(offers, lender)
    assert book.offers["allocated_limit"].sum() > 1.05 * float(lender.lending_cap)
    assert book.gap == pytest.approx(0.0, abs=1e-12)
