"""An impossible fact is unknown, an unknown one is not eligible, a wrong call is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import AlicreditError, InputError, PolicyError
from alicredit.policy import (
    build_applicants,
    check_eligibility,
    check_lender,
    completed_months,
    contract_terms,
    grade_of,
    load_policy,
    offer_limits,
    price_loan,
)

POLICY = load_policy("ali-2013")
SHOP = {
    "merchant_id": "m", "platform": "taobao", "membership": "ordinary", "region": "sichuan",
    "registered_at": "2009-01-01", "shop_opened_at": "2009-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0,
}  # fmt: skip
LINE = {"merchant_id": "m", "pd": 0.004, "monthly_sales_median_180d": 1e6, "order_base": 1e6,
        "outstanding": 0.0}  # fmt: skip


def outcome(rule: str, product: str = "taobao_credit", **facts) -> tuple[str, str]:
    rules = check_eligibility(pd.DataFrame([SHOP | facts]), POLICY, as_of="2013-04-01")
    line = rules[(rules["product_id"] == product) & (rules["rule"] == rule)].iloc[0]
    return line["outcome"], line["code"]


UNKNOWN = ("unknown", "MISSING_DATA")


@pytest.mark.parametrize(
    "value",
    ["soon", "", "2009", "01/02/2009", "2009-13-01", "2009-02-29", 2009, 20090101, True, np.inf,
     np.nan, None, pd.NaT, "2013-04-02", date(2013, 4, 2)],
)  # fmt: skip
def test_a_date_that_is_none_or_lies_ahead_is_unknown(value) -> None:
    assert outcome("shop_opened_months", shop_opened_at=value) == UNKNOWN


@pytest.mark.parametrize(
    "value",
    ["2012-10-01", "2012-10-01 09:30", date(2012, 10, 1), pd.Timestamp("2012-10-01"),
     np.datetime64("2012-10-01"), pd.Timestamp("2012-09-30 16:00", tz="UTC"),
     "2012-10-01T00:00:00+08:00"],
)  # fmt: skip
def test_a_date_may_be_written_in_any_way_that_nobody_can_mistake(value) -> None:
    for frame in (pd.Series([value]), pd.Series([value], dtype=object)):
        assert completed_months(frame, pd.Timestamp("2013-04-01")).tolist() == [6]
        assert completed_months(frame, pd.Timestamp("2013-03-31")).tolist() == [5]


def test_one_bad_date_leaves_the_others_alone() -> None:
    mixed = pd.Series(["2012-10-01", "soon", date(2012, 10, 1), 7, None, "2012-10-01 08:00:00.5"])
    months = completed_months(mixed, pd.Timestamp("2013-04-01"))
    assert np.isnan(months[[1, 3, 4]]).all()
    assert months[[0, 2, 5]].tolist() == [6, 6, 6]


@pytest.mark.parametrize(
    ("rule", "column", "values"),
    [
        ("positive_rating_share", "positive_rating_share", [98, 1.01, -0.1, "high", np.inf, None]),
        ("violation_points", "violation_points_365d", [-1, "none", np.inf, -np.inf, np.nan]),
        ("days_past_due", "days_past_due", [-1, "late", np.inf, None]),
        ("blacklisted", "blacklisted", ["no", "False", None, np.nan]),
        ("platform", "platform", [None, np.nan]),
    ],
)
def test_an_impossible_fact_is_unknown_and_not_a_pass(rule: str, column: str, values) -> None:
    for value in values:
        assert outcome(rule, **{column: value}) == UNKNOWN, value


@pytest.mark.parametrize("value", [None, np.nan, np.inf, -np.inf, -1.0, "much"])
@pytest.mark.parametrize("fact", ["outstanding", "monthly_sales_median_180d", "order_base"])
def test_no_limit_rests_on_an_amount_that_is_none(fact: str, value) -> None:
    product = "taobao_order"
    line = offer_limits(pd.DataFrame([LINE | {fact: value}]), POLICY, product=product).iloc[0]
    assert (line["limit"], line["binding"]) == (0, "MISSING_DATA")
    beside = offer_limits(pd.DataFrame([LINE | {fact: value}, LINE]), POLICY, product=product)
    assert beside["limit"].tolist() == [0, 800_000]


@pytest.mark.parametrize("amount", [1e12, 1e18, 1e300])
def test_an_amount_beyond_all_measure_is_held_by_the_products_most(amount: float) -> None:
    rich = pd.DataFrame([LINE | {"monthly_sales_median_180d": amount, "order_base": amount}])
    for product in ("taobao_credit", "taobao_order"):
        assert offer_limits(rich, POLICY, product=product)["limit"].tolist() == [1_000_000]


FRAMES = [None, 3, [], "x", {"merchant_id": ["m"]}, pd.DataFrame(), pd.Series([1]),
          pd.DataFrame([["m", "a", "b"]], columns=["merchant_id", "region", "region"])]  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES, ids=lambda f: type(f).__name__)
def test_applicants_that_are_no_frame_of_applicants_are_refused(frame) -> None:
    with pytest.raises(InputError, match="applicants must"):
        check_eligibility(frame, POLICY, as_of="2013-04-01")
    with pytest.raises(InputError, match="applicants must"):
        offer_limits(frame, POLICY, product="taobao_credit")


@pytest.mark.parametrize("risk", [-0.5, -1e-12, 1.0000001, np.inf, -np.inf, "low", [0.1]])
def test_a_limit_for_an_impossible_probability_is_refused(risk) -> None:
    with pytest.raises(InputError, match="pd"):
        offer_limits(pd.DataFrame([LINE | {"pd": risk}]), POLICY, product="taobao_credit")


@pytest.mark.parametrize("risk", [[0.1], 0.1, None, "x", np.array(["x"]), np.array([1.5]),
                                  np.array([-0.1]), np.array([np.inf]), pd.Series([0.1])],
                         ids=str)  # fmt: skip
def test_a_grade_of_what_is_no_array_of_probabilities_is_refused(risk) -> None:
    with pytest.raises(InputError, match="pd must"):
        grade_of(risk, POLICY.grades)


@pytest.mark.parametrize("product", [None, 3, "", [], {}, "taobao", "virtual_card", "ALI_CREDIT"])
def test_a_product_that_cannot_be_lent_is_refused(product) -> None:
    with pytest.raises(PolicyError, match="product must"):
        offer_limits(pd.DataFrame([LINE]), POLICY, product=product)


@pytest.mark.parametrize("product", [None, 3, "ali_credit", [], POLICY, POLICY.lender])
def test_prices_and_contracts_ask_for_a_product_of_a_policy(product) -> None:
    for call in (lambda: price_loan(product, POLICY), lambda: contract_terms(product)):
        with pytest.raises(AlicreditError, match="product must"):
            call()


@pytest.mark.parametrize("rate", [np.nan, np.inf, "x", -0.0005, 0, 1, True, "0.0005", 0.00061, []])
def test_a_rate_outside_the_products_bounds_is_refused(rate) -> None:
    with pytest.raises(PolicyError, match="rate must"):
        price_loan(POLICY.product("taobao_order"), POLICY, rate=rate)


MONEY = ["1", None, np.nan, np.inf, 1.5, True, [], Decimal("NaN"), Decimal("Infinity"), -1]


@pytest.mark.parametrize("amount", MONEY, ids=repr)
def test_a_lenders_amounts_are_exact_and_not_negative(amount) -> None:
    for stated in ({"outstanding": amount}, {"largest_borrower": amount},
                   {"borrowings": {"a": amount}}):  # fmt: skip
        with pytest.raises(InputError, match=next(iter(stated))):
            check_lender(POLICY.lender, **stated)


@pytest.mark.parametrize("owed", [[1], "bank", 3, ("a", 1), {"a"}])
def test_borrowings_are_stated_by_bank(owed) -> None:
    with pytest.raises(InputError, match="borrowings must"):
        check_lender(POLICY.lender, borrowings=owed)
    with pytest.raises(InputError, match="lender must"):
        check_lender(POLICY)


def test_facts_are_gathered_of_records_and_a_cohort_alone() -> None:
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
                              "registered_at": [pd.Timestamp("2010-01-01")]})  # fmt: skip
    records = ac.read_records({"merchants": merchants})
    for wrong in (None, "data/sample", {"merchants": merchants}, merchants):
        with pytest.raises(AlicreditError, match="records must"):
            build_applicants(wrong, ac.Cohort.at(records, "2013-05-01"))
        with pytest.raises(AlicreditError, match="cohort must"):
            build_applicants(records, wrong)
