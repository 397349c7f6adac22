"""A better grade or fact that lifts a limit is the nearest that does, and referrals say why."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from portable_stage import draw_rows, make_model

import alicredit as ac
from alicredit.deciding.referring import DECLARED, EXPORTS, SETTLED
from alicredit.policy import Referral, load_policy, offer_limits
from alicredit.whatif import explain_decision
from alicredit.whatif.lifting import _short, lift_limit, lift_rule
from alicredit.whatif.reasons import _wanted

AS_OF = "2013-05-01"
POLICY = load_policy("ali-2013")
CREDIT, ORDER = POLICY.product("taobao_credit"), POLICY.product("taobao_order")
SALES = {"merchant_id": "m", "monthly_sales_median_180d": 80_000.0, "order_base": 60_000.0,
         "outstanding": 0.0}  # fmt: skip
PEOPLE = {
    "platform": "taobao", "region": "zhejiang", "membership": "paying",
    "registered_at": "2008-01-01", "shop_opened_at": "2010-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0, **SALES,
}  # fmt: skip
MODEL = make_model("points", 4)
DRAWN = draw_rows(MODEL.feature_names, 300, np.random.default_rng(2))
PDS = MODEL.predict_proba(DRAWN)[:, 1]
SAFE = {**DRAWN.iloc[int(PDS.argmin())].to_dict(), **PEOPLE}


def offered(facts: dict, pd_: float, wider: float = 1.0, product: str = "taobao_credit") -> float:
    frame = pd.DataFrame([{**facts, "pd": pd_, "pd_upper": pd_ * wider}])
    return float(offer_limits(frame, POLICY, product=product)["limit"].iloc[0])


@pytest.mark.parametrize("wanted", [1_000.0, 20_000.0, 50_000.0, 70_000.0])
@pytest.mark.parametrize("wider", [1.0, 1.5, 2.5])
def test_the_grade_that_is_told_is_the_worst_at_whose_bound_the_limit_is_enough(wanted, wider):
    owed = SALES | {"monthly_sales_median_180d": 100_000.0}
    lift = lift_limit(owed, CREDIT, POLICY, (0.4, min(0.4 * wider, 1.0)), wanted)
    assert lift.value == 0.0  # no amount earns its costs at such a probability
    upper = lift.change["pd"]
    at = POLICY.grades.upper_pd.index(upper)
    ratio = min(0.4 * wider, 1.0) / 0.4  # the interval stays as wide as it was
    assert offered(owed, upper, ratio) >= wanted
    worse = POLICY.grades.upper_pd[at + 1]
    assert worse > 0.4 or offered(owed, worse, ratio) < wanted
    name = POLICY.grades.names[at]
    assert lift.advice == f"grade {name}: a probability of default of at most {upper:g}"
    assert lift.advice_zh == f"等级 {name}：违约概率不高于 {upper:g}"


def test_what_no_grade_or_fact_lifts_is_told_without_a_change() -> None:
    for chance, wanted in (((0.4, 0.4), 900_000.0), ((0.001, 0.001), 5e6)):
        lift = lift_limit(SALES, CREDIT, POLICY, chance, wanted)
        assert (lift.change, lift.advice, lift.advice_zh) == ({}, "", "")
        assert lift.value == offered(SALES, *chance[:1])


def test_a_limit_that_is_just_enough_asks_for_nothing_and_one_yuan_more_does() -> None:
    now = offered(SALES, 0.005)
    assert now == 160_000.0  # two months of sales, in steps of 100
    assert lift_limit(SALES, CREDIT, POLICY, (0.005, 0.005), now).change == {}
    more = lift_limit(SALES, CREDIT, POLICY, (0.005, 0.005), now + 1)
    assert more.change == {"monthly_sales_median_180d": 80_050.0}  # half of the next step
    assert more.value == now


def test_what_is_owed_is_paid_down_before_sales_are_raised_where_it_binds() -> None:
    cap = float(min(POLICY.lender.borrower_caps.values(), default=80_000_000))
    owes = SALES | {"monthly_sales_median_180d": 5e7, "outstanding": cap - 100_000.0}
    lift = lift_limit(owes, CREDIT, POLICY, (0.001, 0.001), 500_000.0)
    assert lift.value == 100_000.0
    assert lift.change == {"outstanding": cap - 500_000.0}
    frame = {**owes, **lift.change}
    assert offered(frame, 0.001) >= 500_000.0
    nearer = {**frame, "outstanding": frame["outstanding"] + 0.01}
    assert offered(nearer, 0.001) < 500_000.0


def straddling() -> tuple[dict, float]:
    """Give a merchant and a cut that lies within the interval of the probability."""
    made = decided(SAFE, POLICY)
    return SAFE, (made.pd + made.pd_upper) / 2


def decided(facts: dict, policy: ac.Policy) -> ac.Decision:
    return ac.score_applicant(facts, MODEL, product="taobao_credit", as_of=AS_OF, policy=policy)


def told(facts: dict, policy: ac.Policy, **asked) -> pd.DataFrame:
    return explain_decision(
        facts, MODEL, product="taobao_credit", as_of=AS_OF, policy=policy, **asked
    )


def cut_at(pd_: float, **refer) -> ac.Policy:
    products = {k: replace(p, max_pd=pd_) if p.is_active else p for k, p in POLICY.products.items()}
    return replace(POLICY, products=products, refer=Referral(**refer))


def test_an_interval_across_the_cut_is_told_by_its_ends_and_the_cut() -> None:
    facts, cut = straddling()
    policy = cut_at(cut, straddles_cut=True)
    made, lines = decided(facts, policy), told(facts, policy)
    assert made.decision == "refer"
    row = lines[lines["code"] == "REFER_STRADDLES_CUT"].iloc[0]
    assert (row["kind"], row["change"]) == ("refer", {})
    assert row["value"] == f"{made.pd_lower:.4g} to {made.pd_upper:.4g}"
    assert row["threshold"] == f"not across {cut:g}"


def test_sources_apart_are_told_by_the_ratio_that_is_allowed() -> None:
    policy = replace(POLICY, refer=Referral(source_ratio_max=Decimal("1.5")))
    facts = {**SAFE, DECLARED: 1e9, SETTLED: 1e3, EXPORTS: 1e3}
    row = told(facts, policy).query("code == 'REFER_SOURCES'")
    assert row["kind"].tolist() == ["refer"]
    assert row["threshold"].tolist() == ["<= 1.5 times apart"]


def test_an_amount_above_authority_is_told_beside_what_may_be_lent_without_asking() -> None:
    free = decided(SAFE, POLICY)
    assert free.decision == "approve"
    most = Decimal(str(free.limit)) - 1
    bound = replace(POLICY, lender=replace(POLICY.lender, authority_max=most))
    lines = told(SAFE, bound)
    row = lines[lines["code"] == "REFER_AUTHORITY"].iloc[0]
    assert (row["kind"], row["value"], row["change"]) == ("refer", free.limit, {})
    assert row["threshold"] == f"<= {most:,f} yuan"


def test_a_referral_of_one_above_the_cut_keeps_the_cut_as_a_reason_to_refer() -> None:
    policy = cut_at(decided(SAFE, POLICY).pd * 0.5)
    declined = told(SAFE, policy).query("code == 'PD_ABOVE_CUT'")
    assert declined["kind"].tolist() == ["decline"]
    seen = told({**SAFE, "human_review_requested": True}, policy)
    assert seen["kind"].iloc[0] == "refer"
    assert seen.query("code == 'PD_ABOVE_CUT'")["kind"].tolist() == ["refer"]


@pytest.mark.parametrize("amount", [np.inf, np.nan, 0.0, -5.0, None, "many"])
def test_an_impossible_amount_asked_for_is_none_asked_for(amount) -> None:
    facts = {"amount_asked": amount}
    assert _wanted(None, facts, CREDIT) == 1_000_000.0  # all that may be lent (DOMAIN 1.1)
    assert _wanted(7.5, facts, CREDIT) == 7.5
    assert _wanted(None, {"amount_asked": 0.01}, CREDIT) == 0.01


def test_months_are_told_in_the_singular_and_plural_and_thresholds_as_numbers() -> None:
    class Rule:
        """A rule's threshold as the policy writes it."""

        def __init__(self, rule: str, threshold: str, *facts: str) -> None:
            self.rule, self.threshold, self.facts = rule, threshold, facts

    one = lift_rule(Rule("shop_opened_months", ">= 6 months"), 5.0, "")
    two = lift_rule(Rule("shop_opened_months", ">= 6 months"), 4.0, "")
    assert (one.advice, two.advice) == ("1 more month", "2 more months")
    assert (one.advice_zh, two.advice_zh) == ("再满 1 个月", "再满 2 个月")
    assert one.change == {"shop_opened_months": 6.0}
    money = lift_rule(Rule("sales", ">= 2,000,000 yuan", "sales_12m"), 1_250_000.5, "")
    assert money.change == {"sales_12m": 2_000_000.0}
    assert money.advice.endswith(": 1,250,000.50 to 2,000,000")
    missing = lift_rule(Rule("sales", ">= 1", "sales_12m"), None, "region, days_past_due")
    assert missing.change == {"region": "known", "days_past_due": "known"}
    assert lift_rule(Rule("blacklist", "no", "blacklisted"), True, "").change == {}


def test_amounts_are_written_with_fen_from_a_hundred_thousand_on() -> None:
    assert _short(100_000.0) == "100,000"
    assert _short(100_000.25) == "100,000.25"
    assert _short(-250_000.5) == "-250,000.50"
    assert _short(99_999.25) == "99,999.2"  # six digits below
    assert _short(np.float64(0.125)) == "0.125"
    assert _short(7) == "7"
