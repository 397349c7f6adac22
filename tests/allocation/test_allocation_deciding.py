"""Offers made of decisions, and decisions made at frozen prices, are those of a plain loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alicredit.allocation import Constraint, Prices, apply_prices, build_offers
from alicredit.allocation.deciding import UNPRICED, charge_approvals
from alicredit.errors import InputError, PolicyError
from alicredit.policy import load_policy

POLICY = load_policy("ali-2013")
DECISIONS = pd.DataFrame({
    "merchant_id": ["a", "a", "b", "c", "d"],
    "product_id": ["taobao_order", "taobao_credit", "ali_credit", "taobao_order", "taobao_order"],
    "decision": ["approve", "approve", "approve", "decline", "approve"],
    "limit": [5_000.0, 20_000.0, 60_000.0, 0.0, 800.0],
    "expected_profit": [60.0, 300.0, 900.0, 0.0, 4.0],
    "expected_loss": [9.0, 50.0, 100.0, 0.0, 2.0],
}, index=[7, 5, 3, 1, 0])  # fmt: skip
APPLICANTS = pd.DataFrame({
    "merchant_id": ["d", "b", "a"], "region": ["hunan", None, "zhejiang"],
    "category": ["tea", "toys", None],
})  # fmt: skip


def frozen(*constraints: Constraint, closed: tuple[str, ...] = ()) -> Prices:
    given = constraints or (Constraint("peak_balance", "", 1e6, 0.0),)
    return Prices(tuple(given), POLICY.policy_id, 50_000_000 * 100, closed_kinds=closed)


def charged(prices: Prices, **facts) -> pd.DataFrame:
    approved = DECISIONS[DECISIONS["decision"] == "approve"]
    people = APPLICANTS.assign(**facts).set_index("merchant_id")
    rows = people.loc[approved["merchant_id"]].reset_index()
    return charge_approvals(approved, POLICY, prices, applicants=rows)


def test_offers_are_approvals_with_the_policys_own_use_of_lines() -> None:
    offers = build_offers(DECISIONS, POLICY, applicants=APPLICANTS)
    assert offers.index.tolist() == [7, 5, 3, 0]
    assert offers["merchant_id"].tolist() == ["a", "a", "b", "d"]
    assert offers["region"].tolist() == ["zhejiang", "zhejiang", "unstated", "hunan"]
    assert offers["category"].tolist() == ["unstated", "unstated", "toys", "tea"]
    for row in offers.to_dict("records"):
        product = POLICY.product(row["product_id"])
        use = product.economics
        assert row["mean_balance"] == row["limit"] * use.mean_use
        assert row["peak_balance"] == row["limit"] * max(use.mean_use, use.use_at_default)
        assert row["minimum"] == float(product.limit.min or 0)
    minimum = dict(zip(offers["product_id"], offers["minimum"]))
    assert minimum == {"taobao_order": 1.0, "taobao_credit": 0.0, "ali_credit": 50_000.0}
    assert "group_id" not in offers
    grouped = build_offers(
        DECISIONS, POLICY, applicants=APPLICANTS.assign(group_id=["x", "y", "x"])
    )
    assert grouped["group_id"].tolist() == ["x", "x", "y", "x"]
    bare = build_offers(DECISIONS, POLICY, applicants=APPLICANTS.drop(columns="category"))
    assert set(bare["category"]) == {"unstated"}


def test_a_peak_is_no_lower_than_the_mean_where_lines_are_used_most_while_they_are_good() -> None:
    product = POLICY.product("taobao_order")
    used = replace(product, economics=replace(product.economics, mean_use=0.9, use_at_default=0.4))
    policy = replace(POLICY, products=POLICY.products | {"taobao_order": used})
    offers = build_offers(DECISIONS, policy, applicants=APPLICANTS)
    mine = offers[offers["product_id"] == "taobao_order"]
    assert (mine["peak_balance"] == mine["limit"] * 0.9).all()
    assert (mine["mean_balance"] == mine["peak_balance"]).all()


@pytest.mark.parametrize(
    ("decisions", "applicants", "says"),
    [
        (DECISIONS, APPLICANTS.head(2), "every merchant that is approved; found none for 'a'"),
        (DECISIONS, pd.concat([APPLICANTS, APPLICANTS.tail(1)]), "a merchant once; found 'a'"),
        (DECISIONS, APPLICANTS.drop(columns="region"), "must have the column 'region'"),
        (DECISIONS.drop(columns="limit"), APPLICANTS, "must have the column 'limit'"),
        (DECISIONS.to_dict(), APPLICANTS, "must be a frame of decisions"),
        (DECISIONS, [1], "applicants must be a frame"),
    ],
)
def test_decisions_that_are_no_book_are_refused(decisions, applicants, says) -> None:
    with pytest.raises(InputError, match=says):
        build_offers(decisions, POLICY, applicants=applicants)


def test_a_policy_by_name_and_products_that_cannot_be_lent_are_refused() -> None:
    with pytest.raises(InputError, match="must be a Policy"):
        build_offers(DECISIONS, "ali-2013", applicants=APPLICANTS)
    with pytest.raises(PolicyError, match="product"):
        build_offers(DECISIONS.assign(product_id="gold"), POLICY, applicants=APPLICANTS)
    other = DECISIONS.assign(product_id="zhongan_insurance")
    with pytest.raises(InputError, match="products that can be lent; found 'zhongan_insurance'"):
        build_offers(other, POLICY, applicants=APPLICANTS)


def test_at_prices_of_nothing_every_limit_stands_whole() -> None:
    told = charged(frozen())
    assert told.index.tolist() == [7, 5, 3, 0]
    assert told["limit"].tolist() == [5_000.0, 20_000.0, 60_000.0, 800.0]
    assert told["reason"].tolist() == [""] * 4


def test_a_price_refuses_what_earns_less_than_it_and_keeps_what_earns_more() -> None:
    offers = build_offers(DECISIONS, POLICY, applicants=APPLICANTS)
    earns = offers["expected_profit"] / offers["peak_balance"]
    between = float((np.sort(earns)[1] + np.sort(earns)[2]) / 2)
    told = charged(frozen(Constraint("peak_balance", "", 1e6, between)))
    given = (earns > between).tolist()
    assert sum(given) == 2
    assert (told["limit"] > 0).tolist() == given
    assert told["reason"].tolist() == ["" if each else "LENDER_CAP" for each in given]
    assert told["limit"][given].tolist() == offers["limit"][given].tolist()


def test_a_region_share_charges_its_own_region_alone() -> None:
    dear = Constraint("region", "zhejiang", 1e6, 9.0)
    told = charged(frozen(dear), region=["hunan", "fujian", "zhejiang"])
    assert told["reason"].tolist() == ["ALLOC_REGION", "ALLOC_REGION", "", ""]
    assert told["limit"].tolist() == [0.0, 0.0, 60_000.0, 800.0]


@pytest.mark.parametrize(
    ("constraint", "closed", "unpriced"),
    [
        # Some regions have a share: whoever states none, or none that is known, is not priced.
        (Constraint("region", "hunan", 1e6, 0.0), (), {"b"}),
        # Every region had one: a region that the book did not have is not priced either.
        (Constraint("region", "hunan", 1e6, 0.0), ("region",), {"a", "b"}),
        (Constraint("category", "tea", 1e6, 0.0), (), {"a"}),
        (Constraint("category", "tea", 1e6, 0.0), ("category",), {"a", "b"}),
        (Constraint("peak_balance", "", 1e6, 0.0), (), set()),
    ],
)
def test_who_cannot_be_charged_is_told_so_and_gets_nothing(constraint, closed, unpriced) -> None:
    told = charged(frozen(constraint, closed=closed))
    who = DECISIONS.loc[told.index, "merchant_id"]
    assert set(who[told["reason"] == UNPRICED]) == unpriced
    assert (told["limit"][told["reason"] == UNPRICED] == 0).all()
    assert (told["limit"][told["reason"] != UNPRICED] > 0).all()
    assert set(told["reason"]) <= {"", UNPRICED}


def test_a_region_that_is_none_is_priced_only_where_no_region_is() -> None:
    odd = {"region": ["Hunan", "atlantis", "zhejiang"]}
    free = charged(frozen(), **odd)
    assert (free["limit"] > 0).all()
    shared = charged(frozen(Constraint("region", "zhejiang", 1e6, 0.0)), **odd)
    assert shared["reason"].tolist() == ["", "", UNPRICED, UNPRICED]


def test_a_row_alone_is_charged_as_it_is_among_others() -> None:
    prices = frozen(Constraint("peak_balance", "", 1e6, 0.012),
                    Constraint("category", "tea", 1e6, 0.0))  # fmt: skip
    whole = charged(prices)
    approved = DECISIONS[DECISIONS["decision"] == "approve"]
    people = APPLICANTS.set_index("merchant_id")
    for at in range(len(approved)):
        row = approved.iloc[[at]]
        mine = people.loc[row["merchant_id"]].reset_index()
        alone = charge_approvals(row, POLICY, prices, applicants=mine)
        pd.testing.assert_frame_equal(alone, whole.iloc[[at]])
    offers = build_offers(DECISIONS, POLICY, applicants=APPLICANTS)
    known = whole["reason"] != UNPRICED
    same = apply_prices(offers[known], prices, policy=POLICY)
    assert same["allocated_limit"].tolist() == whole["limit"][known].tolist()


def test_prices_name_what_they_hold_and_hint_at_what_was_meant() -> None:
    prices = frozen(Constraint("peak_balance", "", 1e6, 0.25))
    assert prices.price_of("peak_balance") == 0.25
    with pytest.raises(InputError, match=r"must be one of the book; found 'peak'.*peak_balance"):
        prices.price_of("peak")
