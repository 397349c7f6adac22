"""Who may borrow, held against the published table and against each rule asked by hand."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.policy import check_eligibility, completed_months, load_policy

POLICY = load_policy("ali-2013")
GOOD = {
    "merchant_id": "m", "platform": "alibaba_b2b", "membership": "ordinary", "region": "jiangsu",
    "registered_at": "2009-01-01", "shop_opened_at": "2009-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0,
}  # fmt: skip
SHOP = {"platform": "taobao", "region": "sichuan", "membership": "paying"}


def outcomes(product: str, as_of: object, applicants: list[dict]) -> list[str]:
    """Give for each applicant the worst that any rule of the product says."""
    frame = pd.DataFrame([GOOD | {"merchant_id": f"m{k}"} | a for k, a in enumerate(applicants)])
    rules = check_eligibility(frame, POLICY, as_of=as_of)
    mine = rules[rules["product_id"] == product]
    rank = mine["outcome"].map({"fail": 0, "unknown": 1, "pass": 2})
    worst = rank.groupby(mine["merchant_id"].str[1:].astype(int)).min().sort_index()
    return worst.map({0: "fail", 1: "unknown", 2: "pass"}).tolist()


def is_eligible(product: str, as_of: object, **facts) -> bool:
    return outcomes(product, as_of, [facts]) == ["pass"]


PUBLISHED = [
    ("ali_credit", "2013-04-01", "guangdong", "ordinary", "2010-04-01", False),
    ("ali_credit", "2013-02-28", "guangdong", "paying", "2011-02-28", False),
    ("ali_credit", "2013-03-01", "guangdong", "paying", "2011-03-01", True),
    ("ali_credit", "2013-04-15", "jiangsu", "ordinary", "2011-05-15", False),
    ("ali_credit", "2013-05-15", "jiangsu", "ordinary", "2011-05-15", True),
    ("ali_credit", "2013-04-01", "sichuan", "paying", "2009-01-01", False),
    ("ali_credit", "2012-07-31", "zhejiang", "ordinary", "2009-01-01", False),
    ("ali_credit", "2012-08-01", "zhejiang", "ordinary", "2009-01-01", True),
    ("ali_credit", "2012-08-01", "shanghai", "paying", "2010-08-01", True),
    ("ali_credit", "2012-08-01", "shanghai", "paying", "2010-08-02", False),
]


@pytest.mark.parametrize(("product", "as_of", "region", "member", "since", "may"), PUBLISHED)
def test_the_published_cases_of_ali_credit(product, as_of, region, member, since, may) -> None:
    facts = {"region": region, "membership": member, "registered_at": since}
    assert is_eligible(product, as_of, **facts) == may


@pytest.mark.parametrize(
    ("product", "opened", "may"),
    [
        ("taobao_credit", "2012-08-31", True),
        ("taobao_credit", "2012-09-01", False),
        ("taobao_order", "2012-12-31", True),
        ("taobao_order", "2013-01-01", False),
        ("taobao_order", "2012-12-28", True),
    ],
)
def test_a_shop_opened_on_a_day_that_february_lacks_ages_on_its_last(product, opened, may) -> None:
    assert is_eligible(product, "2013-02-28", **SHOP, shop_opened_at=opened) == may


@pytest.mark.parametrize("platform", ["taobao", "tmall"])
@pytest.mark.parametrize("product", ["taobao_credit", "taobao_order"])
def test_shop_products_have_no_region_and_ali_credit_has_no_shops(platform, product) -> None:
    for region in ("sichuan", "tibet", "hongkong", None):
        assert is_eligible(product, "2013-04-01", **SHOP | {"platform": platform, "region": region})
    assert not is_eligible("ali_credit", "2013-04-01", platform=platform)


@pytest.mark.parametrize("product", ["virtual_card", "shangcheng_factoring", "zhongan_insurance"])
@pytest.mark.parametrize("as_of", ["2013-04-01", "2030-01-01"])
def test_a_planned_product_is_for_nobody_at_any_time(product: str, as_of: str) -> None:
    assert outcomes(product, as_of, [{}, SHOP, {"platform": "alipay"}]) == ["fail"] * 3


def test_leap_days_age_by_the_calendar() -> None:
    born = pd.Series(pd.to_datetime(["2012-02-29"]))
    months = {
        "2012-03-28": 0, "2012-03-29": 1, "2013-02-27": 11, "2013-02-28": 12, "2016-02-28": 47,
        "2016-02-29": 48, "2014-02-28": 24,
    }  # fmt: skip
    for day, count in months.items():
        assert completed_months(born, pd.Timestamp(day)).tolist() == [count], day


@given(st.dates(date(2004, 1, 1), date(2020, 12, 31)), st.integers(0, 200))
def test_the_day_that_completes_a_month_is_the_first_that_counts_it(start, months) -> None:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    full = pd.Timestamp(year, month + 1, min(start.day, last))
    born = pd.Series([pd.Timestamp(start)])
    assert completed_months(born, full)[0] == months
    eve = completed_months(born, full - pd.Timedelta(days=1))[0]
    assert eve == months - 1 if months else np.isnan(eve)


@given(st.lists(st.dates(date(2008, 1, 1), date(2014, 1, 1)), min_size=1, max_size=30))
def test_a_longer_tenure_never_counts_fewer_months(days) -> None:
    starts = pd.Series(pd.to_datetime(sorted(days)))
    counted = completed_months(starts, pd.Timestamp("2014-02-28"))
    assert (np.diff(counted) <= 0).all()


@pytest.mark.parametrize("hour", ["00:00", "12:30", "23:59:59"])
def test_a_day_in_force_is_in_force_all_day(hour: str) -> None:
    facts = {"region": "guangdong", "membership": "paying"}
    assert is_eligible("ali_credit", f"2013-03-01 {hour}", **facts)
    assert not is_eligible("ali_credit", f"2013-02-28 {hour}", **facts)


APPLICANTS = st.fixed_dictionaries({
    "platform": st.sampled_from(["alibaba_b2b", "taobao", "tmall", "alipay", None]),
    "region": st.sampled_from(["jiangsu", "guangdong", "sichuan", "Jiangsu", None]),
    "membership": st.sampled_from(["ordinary", "paying", "gold", None]),
    "registered_at": st.sampled_from(["2011-03-01", "2011-03-02", "2012-12-31", None]),
    "shop_opened_at": st.sampled_from(["2012-09-01", "2012-09-02", "2013-01-01", None]),
    "blacklisted": st.sampled_from([True, False, None]),
    "days_past_due": st.sampled_from([0, 1, 400, None]),
    "positive_rating_share": st.sampled_from([1.0, 0.95, 0.9499, 0.0, None]),
    "violation_points_365d": st.sampled_from([0.0, 11.0, 11.5, 48.0, None]),
})  # fmt: skip
AS_OF = "2013-03-01"


def by_hand(product: str, a: dict) -> str:
    """Ask the rules of DOMAIN of one applicant in plain words."""
    tests = {
        "blacklisted": lambda: a["blacklisted"] is False,
        "days_past_due": lambda: a["days_past_due"] == 0,
    }
    if product == "ali_credit":
        tests["platform"] = lambda: a["platform"] == "alibaba_b2b"
        tests["region"] = lambda: a["region"] in ("jiangsu", "guangdong")
        tests["membership"] = lambda: (
            a["region"] is not None
            and (
                (a["region"] == "jiangsu" and a["membership"] in ("ordinary", "paying"))
                or (a["region"] == "guangdong" and a["membership"] == "paying")
            )
        )
        tests["registered_at"] = lambda: a["registered_at"] <= "2011-03-01"
    else:
        last = "2012-09-01" if product == "taobao_credit" else "2013-01-01"
        tests["platform"] = lambda: a["platform"] in ("taobao", "tmall")
        tests["shop_opened_at"] = lambda: a["shop_opened_at"] <= last
        tests["positive_rating_share"] = lambda: a["positive_rating_share"] >= 0.95
        tests["violation_points_365d"] = lambda: a["violation_points_365d"] <= 11
    known = {fact: test for fact, test in tests.items() if a[fact] is not None}
    if a["region"] is None:
        known.pop("membership", None)
    if not all(test() for test in known.values()):
        return "fail"
    return "pass" if len(known) == len(tests) else "unknown"


@settings(max_examples=8)
@given(st.lists(APPLICANTS, min_size=1, max_size=40))
def test_every_applicant_is_judged_as_by_hand(applicants) -> None:
    for product in ("ali_credit", "taobao_credit", "taobao_order"):
        want = [by_hand(product, each) for each in applicants]
        assert outcomes(product, AS_OF, applicants) == want


@settings(max_examples=10)
@given(st.lists(APPLICANTS, min_size=2, max_size=20), st.randoms())
def test_who_else_applies_and_in_which_order_changes_no_answer(applicants, random) -> None:
    frame = pd.DataFrame([GOOD | a | {"merchant_id": f"m{k}"} for k, a in enumerate(applicants)])
    whole = check_eligibility(frame, POLICY, as_of=AS_OF)
    order = random.sample(range(len(frame)), len(frame))
    mixed = check_eligibility(frame.iloc[order], POLICY, as_of=AS_OF)
    keys = ["merchant_id", "product_id", "rule"]
    columns = [*keys, "outcome", "threshold", "code"]
    first, second = (f[columns].sort_values(keys, ignore_index=True) for f in (whole, mixed))
    pd.testing.assert_frame_equal(first, second)
    assert mixed["merchant_id"].drop_duplicates().tolist() == [f"m{k}" for k in order]


@given(st.dates(date(2012, 7, 1), date(2013, 12, 31)))
@settings(max_examples=20)
def test_an_opening_with_an_end_is_open_on_its_last_day_and_not_on_the_next(day: date) -> None:
    from dataclasses import replace

    ali = POLICY.product("ali_credit")
    first = replace(ali.eligibility.any_of[0], valid_to=day)
    rules = replace(ali.eligibility, any_of=(first,))
    ended = replace(POLICY, products={"ali_credit": replace(ali, eligibility=rules)})
    for asked, may in ((day, day >= date(2012, 8, 1)), (day + timedelta(days=1), False)):
        frame = pd.DataFrame([GOOD])
        codes = check_eligibility(frame, ended, as_of=asked)["code"].tolist()
        assert ("ELIG_REGION" not in codes) == may
