"""Offers, rules and lenders that are refused, each by name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from allocation_books import lender_of, offers_of

from alicredit.allocation import OFFER_COLUMNS, BookRules, allocate, compare_opening
from alicredit.errors import InputError, PolicyError
from alicredit.policy import load_policy

OFFERS = offers_of(6, seed=1)
LENDER = lender_of(1e6)


def with_cell(column: str, value: object) -> pd.DataFrame:
    """Put one value into the third row."""
    frame = OFFERS.copy()
    frame[column] = frame[column].astype(object) if isinstance(value, str | None) else frame[column]
    frame.loc[2, column] = value
    return frame


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("expected_profit", np.nan, "must be finite in every row; found nan in 1 of 24"),
        ("expected_profit", np.inf, "must be finite"),
        ("expected_profit", -1e13, "must lie from"),
        ("expected_loss", -1.0, r"expected_loss'\] must lie from 0"),
        ("mean_balance", -1.0, r"mean_balance'\] must lie from 0"),
        ("mean_balance", 1e9, "must not be above the limit"),
        ("peak_balance", 1e9, "must not be above the limit"),
        ("peak_balance", 0.0, "must be at least mean_balance"),
        ("peak_sd", 1e9, "must not be above the limit"),
        ("peak_sd", -0.5, "must lie from 0"),
        ("limit", 0.0, "must be at least 0.01 yuan"),
        ("limit", 1000.005, "must be whole fen"),
        ("limit", "1000", "must be numbers"),
        ("minimum", 1e9, "must be at least the minimum"),
        ("region", "guangdnog", "did you mean 'guangdong'"),
        ("region", "Hunan", "province as records spell it"),
        ("region", None, "must be known in every row"),
        ("category", None, "must be known in every row"),
        ("merchant_id", None, "must be known in every row"),
        ("group_id", "g999999", "must be one for all rows of a merchant"),
    ],
)
def test_a_bad_cell_is_refused(column: str, value: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        allocate(with_cell(column, value), LENDER)


@pytest.mark.parametrize("column", OFFER_COLUMNS)
def test_a_column_that_lacks_is_refused(column: str) -> None:
    with pytest.raises(InputError, match=f"must have the column '{column}'"):
        allocate(OFFERS.drop(columns=column), LENDER)


def test_bad_frames_are_refused() -> None:
    twice = pd.concat([OFFERS, OFFERS.tail(1)])
    with pytest.raises(InputError, match="a merchant's amount of a product once"):
        allocate(twice, LENDER)
    with pytest.raises(InputError, match="columns of different names"):
        allocate(pd.concat([OFFERS, OFFERS["limit"]], axis=1), LENDER)
    with pytest.raises(InputError, match="must be a frame of offers"):
        allocate(OFFERS.to_dict(), LENDER)
    with pytest.raises(InputError, match="must be numbers; found bool"):
        allocate(OFFERS.assign(expected_loss=True), LENDER)
    mixed = OFFERS.assign(merchant_id=[1, *OFFERS["merchant_id"][1:]])
    with pytest.raises(InputError, match="merchant_id"):
        allocate(mixed, LENDER)
    with pytest.raises(InputError, match="category"):
        allocate(OFFERS.assign(category=1), LENDER)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"outstanding": -1.0}, "outstanding must be a number from 0"),
        ({"outstanding": 10.0, "outstanding_peak": 9.0}, "must be at least outstanding"),
        ({"loss_budget": -5.0}, "loss_budget must be a number"),
        ({"loss_budget": float("nan")}, "loss_budget must be a number"),
        ({"region_share": 1.5}, "region_share must be a number from 0 to 1"),
        ({"region_share": {"hunan": -0.1}}, r"region_share\['hunan'\] must be a number"),
        ({"region_share": {7: 0.1}}, "must be a name"),
        ({"region_share": "0.2"}, "region_share must be a number"),
        ({"small_share": 70}, "small_share must be a number from 0 to 1"),
        ({"common_share": True}, "common_share must be a number"),
        ({"peak_quantile": 99}, "peak_quantile must be a number"),
    ],
)
def test_bad_rules_are_refused(rules: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        BookRules(**rules)


def test_rules_that_do_not_fit_the_offers_are_refused() -> None:
    with pytest.raises(InputError, match="must name a region that is offered"):
        allocate(OFFERS, LENDER, rules=BookRules(region_share={"hebei": 0.1}))
    with pytest.raises(InputError, match="did you mean 'taobao_order'"):
        allocate(OFFERS, LENDER, rules=BookRules(product_share={"taobao_orders": 0.1}))
    with pytest.raises(InputError, match="outstanding must not pass the funds of 1500000"):
        allocate(OFFERS, LENDER, rules=BookRules(outstanding=1_500_000.01))
    with pytest.raises(InputError, match="outstanding_peak must not pass the funds"):
        allocate(OFFERS, LENDER, rules=BookRules(outstanding_peak=1_500_001.0))
    with pytest.raises(InputError, match="must be rules of a book"):
        allocate(OFFERS, LENDER, rules={"small_share": 0.5})


def test_a_lender_that_passes_its_own_limits_is_refused() -> None:
    # 0.8bn + 0.01 fails, three banks fail: DOMAIN 6.9
    policy = load_policy("ali-2013")
    offers = OFFERS[OFFERS["product_id"] == "taobao_order"]
    allocate(offers, policy)
    lender = policy.lender
    more = replace(lender, borrowings={**lender.borrowings, "second_bank": Decimal("400000000.01")})
    with pytest.raises(PolicyError, match="must keep to borrowings of at most 800000000"):
        allocate(offers, more)
    third = replace(lender, borrowings={"a": Decimal(1), "b": Decimal(1), "c": Decimal(1)})
    with pytest.raises(PolicyError, match="must keep to banks of at most 2"):
        allocate(offers, third)
    with pytest.raises(InputError, match="must be a Policy or a Lender"):
        allocate(offers, "ali-2013")


def test_offers_outside_a_policys_products_are_refused() -> None:
    policy = load_policy("ali-2013")
    orders = OFFERS[OFFERS["product_id"] == "taobao_order"]
    with pytest.raises(PolicyError, match="did you mean 'taobao_order'"):
        allocate(orders.assign(product_id="taobao_orders"), policy)
    with pytest.raises(InputError, match="must be products that can be lent; found 'virtual_card'"):
        allocate(OFFERS[OFFERS["product_id"] == "virtual_card"], policy)
    with pytest.raises(InputError, match="must not pass its product's maximum"):
        allocate(orders.assign(limit=1_000_001.0), policy)
    ali = OFFERS[OFFERS["product_id"] == "ali_credit"].assign(
        limit=49_900.0, minimum=0.0, mean_balance=100.0, peak_balance=100.0, peak_sd=0.0
    )
    with pytest.raises(InputError, match="must be at least the minimum"):
        allocate(ali, policy)  # the product's minimum is 50,000


def test_a_policys_steps_and_minimum_hold() -> None:
    policy = load_policy("ali-2013")
    offers = OFFERS[OFFERS["product_id"] == "ali_credit"].assign(
        limit=100_000.0, minimum=0.0, mean_balance=100_000.0, peak_balance=100_000.0,
        expected_profit=np.arange(6) + 10_000.0, peak_sd=0.0, expected_loss=1.0,
    )  # fmt: skip
    cap = 2_400_000_000
    for left, last in ((250_000, 50_000.0), (249_999, 0.0), (277_777, 77_700.0)):
        book = allocate(offers, policy, rules=BookRules(outstanding=cap - left))
        assert sorted(book.offers["allocated_limit"]) == [0, 0, 0, last, 100_000, 100_000]


def test_no_offers_are_a_book_of_nothing() -> None:
    book = allocate(OFFERS.head(0), LENDER)
    assert (len(book.offers), book.value, book.bound, book.gap) == (0, 0.0, 0.0, 0.0)
    assert book.offers.columns.tolist()[-4:] == [
        "allocated_limit", "reason", "value_at_prices", "is_marginal",
    ]  # fmt: skip


def test_ids_may_be_whole_numbers_and_names_categories() -> None:
    numbered = OFFERS.assign(
        merchant_id=OFFERS["merchant_id"].str[1:].astype(int),
        region=OFFERS["region"].astype("category"),
        category=OFFERS["category"].astype("category"),
    )
    text = allocate(OFFERS, LENDER, rules=BookRules(region_share=0.2))
    same = allocate(numbered, LENDER, rules=BookRules(region_share=0.2))
    assert same.prices == text.prices
    assert (same.offers["allocated_limit"] == text.offers["allocated_limit"]).all()


def test_an_opening_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="region must be one that is offered; found 'hebei'"):
        compare_opening(OFFERS, LENDER, region="hebei")
    with pytest.raises(InputError, match="must leave other offers"):
        compare_opening(OFFERS.assign(region="hunan"), LENDER, region="hunan")
