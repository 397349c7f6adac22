"""Who may borrow: the published table of cases, dates, months, unknowns."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.errors import InputError, PolicyError
from alicredit.policy import check_eligibility, check_lender, completed_months, load_policy


def applicant(**facts) -> pd.DataFrame:
    base = {
        "merchant_id": "m",
        "platform": "alibaba_b2b",
        "membership": "ordinary",
        "region": "jiangsu",
        "registered_at": "2009-01-01",
        "shop_opened_at": "2009-01-01",
        "blacklisted": False,
        "days_past_due": 0,
        "positive_rating_share": 0.99,
        "violation_points_365d": 0.0,
    }
    return pd.DataFrame([base | facts])


def failures(product: str, as_of: str, **facts) -> list[str]:
    rules = check_eligibility(applicant(**facts), "ali-2013", as_of=as_of)
    mine = rules[(rules["product_id"] == product) & (rules["outcome"] != "pass")]
    return mine["code"].tolist()


SHOP = {"platform": "taobao", "region": "sichuan", "membership": "paying"}
CASES = [
    ("ali_credit", "2013-04-01", {"region": "guangdong", "registered_at": "2010-04-01"},
     ["ELIG_MEMBERSHIP"]),
    ("ali_credit", "2013-02-28",
     {"region": "guangdong", "membership": "paying", "registered_at": "2011-02-28"},
     ["ELIG_REGION", "ELIG_MEMBERSHIP"]),
    ("ali_credit", "2013-03-01",
     {"region": "guangdong", "membership": "paying", "registered_at": "2011-03-01"}, []),
    ("ali_credit", "2013-03-01", {"registered_at": "2011-04-01"}, ["ELIG_TENURE"]),
    ("ali_credit", "2013-04-01", {"registered_at": "2011-04-01"}, []),
    ("ali_credit", "2013-04-01", {"region": "sichuan", "membership": "paying"},
     ["ELIG_REGION", "ELIG_MEMBERSHIP"]),
    ("taobao_credit", "2013-04-01", SHOP | {"shop_opened_at": "2012-10-01"}, []),
    ("taobao_credit", "2013-04-01", SHOP | {"shop_opened_at": "2012-10-02"}, ["ELIG_SHOP_MONTHS"]),
    ("taobao_order", "2013-04-01", SHOP | {"shop_opened_at": "2013-02-01"}, []),
    ("taobao_credit", "2013-02-28", SHOP | {"shop_opened_at": "2012-08-31"}, []),
    ("taobao_order", "2013-04-01", {}, ["ELIG_PLATFORM"]),
    ("taobao_order", "2013-04-01", SHOP | {"blacklisted": True}, ["BLACKLIST"]),
    ("taobao_order", "2013-04-01", SHOP | {"days_past_due": 1}, ["CURRENT_OVERDUE"]),
    ("taobao_order", "2013-04-01", SHOP | {"positive_rating_share": 0.949}, ["ELIG_REPUTATION"]),
    ("taobao_order", "2013-04-01", SHOP | {"positive_rating_share": 0.95}, []),
    ("taobao_order", "2013-04-01", SHOP | {"violation_points_365d": 12.0}, ["ELIG_VIOLATION"]),
    ("virtual_card", "2013-04-01", {}, ["PRODUCT_NOT_LAUNCHED"]),
    ("shangcheng_factoring", "2013-04-01", {}, ["PRODUCT_NOT_LAUNCHED"]),
    ("zhongan_insurance", "2013-04-01", {}, ["PRODUCT_NOT_LAUNCHED"]),
]  # fmt: skip


@pytest.mark.parametrize(("product", "as_of", "facts", "codes"), CASES)
def test_the_table_of_cases(product: str, as_of: str, facts: dict, codes: list[str]) -> None:
    assert failures(product, as_of, **facts) == codes


@pytest.mark.parametrize(
    "column",
    ["platform", "region", "membership", "registered_at", "blacklisted", "days_past_due"],
)
def test_unknown_is_not_eligible_and_names_what_is_missing(column: str) -> None:
    facts = applicant(region="jiangsu", registered_at="2010-01-01")
    for lacking in (facts.drop(columns=column), facts.assign(**{column: None})):
        rules = check_eligibility(lacking, "ali-2013", as_of="2013-04-01")
        mine = rules[(rules["product_id"] == "ali_credit") & (rules["outcome"] == "unknown")]
        assert set(mine["code"]) == {"MISSING_DATA"}
        assert len(mine) >= 1


def test_the_frame_has_a_row_per_applicant_product_and_rule() -> None:
    two = pd.concat([applicant(), applicant(merchant_id="n", region="mars")], ignore_index=True)
    rules = check_eligibility(two, "ali-2013", as_of="2013-04-01")
    keys = rules[["merchant_id", "product_id", "rule"]]
    assert not keys.duplicated().any()
    assert rules["merchant_id"].tolist() == sorted(rules["merchant_id"])
    region = rules[(rules["rule"] == "region") & (rules["merchant_id"] == "n")].iloc[0]
    assert region["value"] == "mars"
    assert region["threshold"] == "guangdong/jiangsu/shanghai/zhejiang"
    assert region["outcome"] == "fail"


def months_by_counting(start: date, end: date) -> int:
    """Add months one at a time, the day clipped to the month's end, until beyond the end."""
    count = 0
    while True:
        year, month = divmod(start.year * 12 + start.month - 1 + count + 1, 12)
        last = (pd.Timestamp(year, month + 1, 1) + pd.offsets.MonthEnd(0)).day
        if date(year, month + 1, min(start.day, last)) > end:
            return count
        count += 1


@given(st.dates(date(2008, 1, 1), date(2016, 12, 31)), st.integers(0, 1500))
def test_completed_months_are_those_one_can_count(start: date, days: int) -> None:
    end = pd.Timestamp(start) + pd.Timedelta(days=days)
    got = completed_months(pd.Series([pd.Timestamp(start)]), end)[0]
    assert got == months_by_counting(start, end.date())


def test_a_date_that_lies_ahead_is_unknown() -> None:
    ahead = completed_months(pd.Series(["2013-06-01", None]), pd.Timestamp("2013-05-01"))
    assert np.isnan(ahead).all()


@settings(max_examples=15)
@given(st.dates(date(2012, 7, 1), date(2013, 12, 31)))
def test_guangdong_is_open_from_its_day_on(day: date) -> None:
    codes = failures("ali_credit", str(day), region="guangdong", membership="paying")
    assert (codes == []) == (day >= date(2013, 3, 1))


def test_the_lenders_limits() -> None:
    lender = load_policy("ali-2013").lender
    assert lender.lending_cap == 2_400_000_000
    assert lender.single_borrower_cap == 80_000_000
    assert int(lender.lending_cap / 7000) == 342_857
    half = {"a": lender.net_capital / 4, "b": lender.net_capital / 4}

    def failed(**stated) -> list[str]:
        found = check_lender(lender, **{"borrowings": half, **stated})
        return found.loc[found["outcome"] == "fail", "rule"].tolist()

    assert failed() == []
    assert failed(borrowings={"a": 1, "b": 1, "c": 1}) == ["banks"]
    over = {"a": half["a"], "b": half["b"] + load_policy("ali-2013").lender.benchmark / 6}
    assert failed(borrowings=over) == ["borrowings"]
    assert failed(outstanding=lender.lending_cap + 1) == ["lending_cap"]
    assert failed(largest_borrower=80_000_001) == ["single_borrower"]
    assert failed(borrowings={}, outstanding=lender.net_capital + 1) == ["lending_cap"]


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(InputError, match="as_of"):
        check_eligibility(applicant(), "ali-2013", as_of="soon")
    with pytest.raises(PolicyError, match="did you mean 'ali-2013'"):
        check_eligibility(applicant(), "ali-2012", as_of="2013-04-01")
    with pytest.raises(InputError, match="merchant_id"):
        check_eligibility(pd.DataFrame({"region": ["x"]}), "ali-2013", as_of="2013-04-01")
    assert ac.load_policy("ali-2013").policy_id == load_policy("ali-2013").policy_id
