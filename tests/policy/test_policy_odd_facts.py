"""Odd facts and rates: each counts the same beside any other, a wrong one is said to be wrong."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from refused import refused

import alicredit as ac
from alicredit.checks import require_kind
from alicredit.errors import InputError
from alicredit.policy import check_eligibility, load_policy, offer_limits, price_loan, read_policy
from alicredit.policy.one_applicant import OneColumn, doubles_of

POLICY = load_policy("ali-2013")
NO_CODES = [{}, [1], ["zhejiang"], np.array([1, 2]), {"zhejiang": 1}, set()]


def applicants(**change: object) -> pd.DataFrame:
    """Make two applicants of 20,050 and 1,000 yuan of sales a month."""
    sales, nothing = [20_050.0, 1_000.0], [0.0, 0.0]
    frame = pd.DataFrame({"merchant_id": ["m", "n"], "pd": [0.015, 0.02]})
    frame = frame.assign(monthly_sales_median_180d=sales, order_base=nothing, outstanding=nothing)
    return frame.assign(**change)


@pytest.mark.parametrize("beside", [1j, np.complex128(2), 10**400, np.array([1]), [1], {}, "x"])
def test_a_fact_is_read_the_same_whatever_stands_beside_it(beside) -> None:
    texts = ["nan", "0", "7", " 1.5 ", None, 3, Decimal("0.5"), "abc", True]
    column = pd.Series([*texts, *texts, None], dtype=object)
    for row in (0, 4, len(column) - 1):
        many = column.copy()
        many.iat[row] = beside
        want = [doubles_of(OneColumn(value))[0] for value in many]
        np.testing.assert_array_equal(doubles_of(many), want)


@pytest.mark.parametrize("odd", NO_CODES, ids=repr)
def test_a_list_or_mapping_for_a_code_fails_its_own_row_alone(odd) -> None:
    content = POLICY.content()
    content["products"][1]["eligibility"]["cities_excluded"] = ["wenzhou"]
    policy = read_policy(content)
    facts = {"merchant_id": ["m", "n"], "platform": "alibaba_b2b", "membership": "paying"}
    frame = pd.DataFrame({**facts, "region": "zhejiang", "city": "hangzhou"})
    before = check_eligibility(frame, policy, as_of="2013-05-01")
    for name, said in {
        "region": "fail",
        "platform": "fail",
        "membership": "fail",
        "city": "pass",
    }.items():
        wrong = frame.astype(object)
        wrong.at[1, name] = odd
        found = check_eligibility(wrong, policy, as_of="2013-05-01")
        first = [each["merchant_id"] == "m" for each in (before, found)]
        assert found[first[1]]["outcome"].tolist() == before[first[0]]["outcome"].tolist()
        other = found[(found["merchant_id"] == "n") & (found["rule"] == name)]
        assert set(other["outcome"]) == {said}


@pytest.mark.parametrize("wrong", [-1.0, np.inf, "much"])
def test_a_wrong_limit_in_force_is_not_taken_for_none(wrong) -> None:
    """With 5,000 in force the next step is 10,000; with none 20,000; with a wrong one unknown."""

    def offered(current: object) -> list[object]:
        given = applicants(current_limit=pd.Series([current, None], dtype=object))
        first = offer_limits(given, POLICY, product="taobao_credit").iloc[0]
        return [first["limit"], first["binding"]]

    assert offered(5_000) == [10_000.0, "LIM_RAISE_STEP"]
    assert offered(None) == offered(0) == [20_000.0, "LIM_SALES"]
    assert offered(wrong) == [0.0, "MISSING_DATA"]


def test_columns_of_one_name_are_refused_before_limits() -> None:
    twice = pd.concat([applicants(), applicants()[["pd"]]], axis=1)
    with refused("applicants", "different names", error=InputError):
        offer_limits(twice, POLICY, product="taobao_credit")


@pytest.mark.parametrize("kind", [Decimal, str, np.float32, np.float64, Fraction])
def test_a_rate_at_its_bound_is_within_it_whatever_its_type(kind) -> None:
    for product, bounds in (("taobao_order", ("0.0005", "0.0006")), ("ali_credit", ("0.015",))):
        for text in bounds:
            if kind is str:
                with refused("rate", "number", error=ac.PolicyError):
                    price_loan(POLICY.product(product), POLICY, rate=text)
                continue
            want = price_loan(POLICY.product(product), POLICY, rate=float(text))
            assert price_loan(POLICY.product(product), POLICY, rate=kind(text)) == want
            assert type(want.rate) is float


def test_a_frame_of_another_library_is_named_by_it() -> None:
    polars = pytest.importorskip("polars")
    with refused("polars.DataFrame", "pandas", error=InputError):
        require_kind("applicants", polars.DataFrame(), pd.DataFrame, "must be a frame")
    with refused("applicants", "polars.DataFrame", error=InputError):
        offer_limits(polars.DataFrame(), POLICY, product="taobao_credit")
