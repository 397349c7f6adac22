"""Gates and optional rules: each asked by hand, unknown where a fact lacks, first of all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import PolicyError
from alicredit.policy import Gates, check_eligibility, load_policy, read_policy
from alicredit.vocabulary import REASONS

POLICY = load_policy("ali-2013")
SHOP = {
    "merchant_id": "m", "platform": "taobao", "membership": "ordinary", "region": "sichuan",
    "registered_at": "2009-01-01", "shop_opened_at": "2009-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0,
}  # fmt: skip
CLEAN = {"account_sealed": False, "fraud_found": False, "linked_shops": 0, "shared_device": 0,
         "shared_address": 0, "related_barred": 0}  # fmt: skip
GATES = Gates(account_sealed=True, fraud_found=True, linked_shops_max=4, shared_device_max=2,
              shared_address_max=10, related_barred_max=0)  # fmt: skip
STRICT = replace(POLICY, gates=GATES)


def asked(facts: dict, policy=STRICT, product: str = "taobao_credit") -> pd.DataFrame:
    rules = check_eligibility(pd.DataFrame([SHOP | facts]), policy, as_of="2013-05-01")
    return rules[rules["product_id"] == product].set_index("rule")


@pytest.mark.parametrize(
    ("fact", "good", "bad", "code"),
    [
        ("account_sealed", [False, 0], [True, 1], "ACCOUNT_SEALED"),
        ("fraud_found", [False], [True], "FRAUD_FOUND"),
        ("linked_shops", [0, 4], [5, 500], "LINKED_SHOPS"),
        ("shared_device", [0, 2], [3], "SHARED_DEVICE"),
        ("shared_address", [10], [11], "SHARED_ADDRESS"),
        ("related_barred", [0], [1], "RELATED_BARRED"),
    ],
)
def test_each_gate_passes_to_its_bound_and_no_further(fact, good, bad, code) -> None:
    for value in good:
        assert (asked(CLEAN | {fact: value})["outcome"] == "pass").all()
    for value in bad:
        failed = asked(CLEAN | {fact: value})
        failed = failed[failed["outcome"] != "pass"]
        assert failed[["outcome", "code"]].values.tolist() == [["fail", code]]
        assert code in REASONS
    for value in (None, np.nan, -1, "many", np.inf):
        line = asked(CLEAN | {fact: value}).loc[fact]
        assert (line["outcome"], line["code"]) == ("unknown", "MISSING_DATA"), value
        assert line["missing"] == fact


def test_gates_come_before_every_other_rule_and_only_for_what_is_lent() -> None:
    rules = asked(CLEAN).index.tolist()
    assert rules[:8] == ["launched", "blacklisted", *CLEAN]
    planned = check_eligibility(pd.DataFrame([SHOP]), STRICT, as_of="2013-05-01")
    card = planned[planned["product_id"] == "virtual_card"]
    assert card["rule"].tolist() == ["launched"]


def test_a_gate_without_data_is_unknown_to_all_or_not_asked_as_the_policy_says() -> None:
    lacking = asked({})
    assert lacking.loc[list(CLEAN), "outcome"].tolist() == ["unknown"] * 6
    assert set(CLEAN) <= set(STRICT.required_columns)
    lenient = replace(STRICT, gates=replace(GATES, is_required=False))
    assert not set(CLEAN) & set(lenient.required_columns)
    assert not set(CLEAN) & set(asked({}, lenient).index)
    assert asked({"shared_device": 3}, lenient).loc["shared_device", "outcome"] == "fail"
    assert asked({"shared_device": None}, lenient).loc["shared_device", "outcome"] == "unknown"
    assert not set(CLEAN) & set(asked(CLEAN, replace(POLICY, gates=Gates())).index)


def with_rules(**rules):
    content = POLICY.content()
    content["products"][1]["eligibility"] |= rules
    return read_policy(content)


def test_a_city_may_be_left_out() -> None:
    policy = with_rules(cities_excluded=["wenzhou"])
    for city, outcome in (("hangzhou", "pass"), ("wenzhou", "fail"), (None, "unknown")):
        line = asked({"city": city}, policy).loc["city"]
        assert line["outcome"] == outcome
        assert line["code"] == {"pass": "", "fail": "ELIG_CITY"}.get(outcome, "MISSING_DATA")
    assert "city" in policy.required_columns
    assert "city" not in POLICY.required_columns


@pytest.mark.parametrize(("sales", "outcome"), [(2_000_000, "pass"), (1_999_999.99, "fail"),
                                                (None, "unknown"), (-1, "unknown")])  # fmt: skip
def test_sales_of_a_year_may_be_asked_for(sales, outcome) -> None:
    policy = with_rules(sales_12m_min="2000000")
    assert asked({"sales_12m": sales}, policy).loc["sales_12m", "outcome"] == outcome
    assert asked({}, policy).loc["sales_12m", "missing"] == "sales_12m"


@pytest.mark.parametrize(("days", "late", "outcome"), [(0, 0, "pass"), (0, 1, "fail"),
                          (30, 30, "pass"), (30, 31, "fail")])  # fmt: skip
def test_arrears_are_borne_up_to_the_bound(days: int, late: int, outcome: str) -> None:
    policy = with_rules(days_past_due_max=days)
    assert asked({"days_past_due": late}, policy).loc["days_past_due", "outcome"] == outcome


def test_data_that_a_policy_requires_are_named_where_they_lack() -> None:
    policy = with_rules(data_required=["monthly_sales_median_180d", "city", "outstanding"])
    full = {"monthly_sales_median_180d": 1.0, "city": "x", "outstanding": 0.0}
    assert asked(full, policy).loc["data_required", "outcome"] == "pass"
    line = asked(full | {"city": None, "outstanding": -5}, policy).loc["data_required"]
    assert (line["outcome"], line["code"]) == ("unknown", "MISSING_DATA")
    assert line["missing"] == "city, outstanding" == line["value"]
    assert asked({}, policy).loc["data_required", "missing"] == (
        "monthly_sales_median_180d, city, outstanding"
    )


@pytest.mark.parametrize(
    ("amount", "low", "high"),
    [(40_000, "fail", "pass"), (49_999.99, "fail", "pass"), (50_000, "pass", "pass"),
     (3_000_000, "pass", "pass"), (3_000_000.01, "pass", "fail"), (3_000_001, "pass", "fail"),
     (None, "pass", "pass"), (-1, "unknown", "unknown"), ("much", "unknown", "unknown")],
)  # fmt: skip
def test_an_amount_asked_for_lies_between_the_products_least_and_most(amount, low, high) -> None:
    facts = {"platform": "alibaba_b2b", "region": "jiangsu", "amount_asked": amount}
    rules = asked(facts, POLICY, "ali_credit")
    found = [rules.loc[f"amount_asked_{end}", "outcome"] for end in ("min", "max")]
    assert found == [low, high]
    codes = {"min": "ELIG_LIMIT_MIN", "max": "ELIG_LIMIT_MAX"}
    for end, outcome in zip(codes, found, strict=True):
        if outcome == "fail":
            assert rules.loc[f"amount_asked_{end}", "code"] == codes[end]
    assert not [rule for rule in asked({}, POLICY).index if "asked" in rule]


@pytest.mark.parametrize(
    ("region", "membership", "missing"),
    [
        (None, "paying", "region"),
        ("jiangsu", None, "membership"),
        (None, None, "region, membership"),
    ],
)
def test_what_a_rule_of_two_facts_lacks_is_told_apart(region, membership, missing) -> None:
    facts = {"region": region, "membership": membership, "platform": "alibaba_b2b"}
    assert asked(facts, POLICY, "ali_credit").loc["membership", "missing"] == missing


def test_missing_names_a_column_of_the_applicants_facts_wherever_the_outcome_is_unknown() -> None:
    rules = check_eligibility(pd.DataFrame({"merchant_id": ["m"]}), STRICT, as_of="2013-05-01")
    unknown = rules[rules["outcome"] == "unknown"]
    names = {name for text in unknown["missing"] for name in text.split(", ")}
    assert names <= set(STRICT.required_columns)
    assert (rules.loc[rules["outcome"] != "unknown", "missing"] == "").all()
    assert len(unknown) > 20


def add_months(start: date, months: int) -> date:
    """Walk day by day to the last day that is not beyond the same day so many months on."""
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    for day in range(start.day, 0, -1):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    raise AssertionError


EDGES = st.one_of(
    st.dates(date(2007, 12, 1), date(2012, 12, 31)),
    st.sampled_from([date(2008, 2, 29), date(2012, 2, 29), date(2012, 8, 31), date(2011, 1, 31),
                     date(2010, 12, 31), date(2012, 2, 28), date(2012, 10, 30)]),
)  # fmt: skip


@given(st.lists(EDGES, min_size=1, max_size=20), st.integers(1, 36), st.sampled_from([-1, 0, 1]))
@settings(max_examples=15)
def test_shops_are_old_enough_from_the_very_day_that_completes_their_months(
    opened, months: int, offset: int
) -> None:
    policy = with_rules(shop_months_min=months)
    for start in opened[:3]:
        day = add_months(start, months) + timedelta(days=offset)
        frame = pd.DataFrame([SHOP | {"merchant_id": f"m{k}", "shop_opened_at": each}
                              for k, each in enumerate(opened)])  # fmt: skip
        rules = check_eligibility(frame, policy, as_of=day)
        mine = rules[
            (rules["product_id"] == "taobao_credit") & (rules["rule"] == "shop_opened_months")
        ]
        want = [
            "unknown" if each > day else "pass" if add_months(each, months) <= day else "fail"
            for each in opened
        ]
        assert mine["outcome"].tolist() == want


SPANS = st.lists(
    st.tuples(st.sampled_from(["jiangsu", "fujian"]), st.sampled_from(["ordinary", "paying"]),
              st.dates(date(2012, 1, 1), date(2012, 12, 31)), st.integers(0, 90)),
    max_size=4,
)  # fmt: skip


@given(SPANS, st.dates(date(2011, 12, 1), date(2013, 4, 30)))
@settings(max_examples=25)
def test_where_it_is_open_on_a_day_is_found_day_by_day(spans, day: date) -> None:
    openings = [
        {"regions": [region], "memberships": [member], "valid_from": start,
         "valid_to": start + timedelta(days=length)}
        for region, member, start, length in spans
    ]  # fmt: skip
    days = [
        (region, member, start + timedelta(days=k))
        for region, member, start, length in spans
        for k in range(length + 1)
    ]
    overlaps = len(set(days)) < len(days)
    with suppress(PolicyError):
        policy = with_rules(any_of=openings, platforms=["taobao"])
        assert not overlaps
        people = [(r, m) for r in ("jiangsu", "fujian", "hunan") for m in ("ordinary", "paying")]
        frame = pd.DataFrame([SHOP | {"merchant_id": f"m{k}", "region": r, "membership": m}
                              for k, (r, m) in enumerate(people)])  # fmt: skip
        rules = check_eligibility(frame, policy, as_of=day)
        rules = rules[rules["product_id"] == "taobao_credit"]
        passed = (rules["outcome"] == "pass").groupby(rules["merchant_id"]).all()
        want = [(r, m, day) in days or not spans for r, m in people]
        assert passed.tolist() == want
        return
    assert overlaps


def test_a_planned_region_opens_nothing_until_it_has_a_date() -> None:
    hunan = {"platform": "alibaba_b2b", "region": "hunan", "membership": "paying"}
    for policy, outcome in ((POLICY, "fail"), (None, "pass")):
        if policy is None:
            content = POLICY.content()
            opening = content["products"][0]["eligibility"]["any_of"][3]
            del opening["status"]
            opening["valid_from"] = date(2013, 5, 1)
            policy = read_policy(content)
        rules = check_eligibility(pd.DataFrame([SHOP | hunan]), policy, as_of="2013-05-01")
        ali = rules[rules["product_id"] == "ali_credit"].set_index("rule")
        assert ali.loc["membership", "outcome"] == outcome
    told = POLICY.diff(policy)  # its day and that it is no longer planned, of fourteen regions
    ends = told["path"].str.split(".").str[-1]
    assert (len(told), (ends == "paying").sum(), (ends == "status").sum()) == (28, 14, 14)


@pytest.mark.parametrize("kind", ["float64", "Float64", "object", "str"])
def test_numbers_are_read_alike_whatever_their_column(kind: str) -> None:
    frame = pd.DataFrame([SHOP | {"merchant_id": f"m{k}"} for k in range(3)])
    values = pd.Series([0.95, 0.9499, np.nan]).astype(kind)
    rules = check_eligibility(
        frame.assign(positive_rating_share=values), POLICY, as_of="2013-05-01"
    )
    mine = rules[(rules["product_id"] == "taobao_credit")
                 & (rules["rule"] == "positive_rating_share")]  # fmt: skip
    assert mine["outcome"].tolist() == ["pass", "fail", "unknown"]
    assert Decimal(str(POLICY.product("taobao_credit").eligibility.positive_rating_min)) == Decimal(
        "0.95"
    )
