"""What is left to a person: by rules that a policy states, and because somebody asked for one."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import draw_rows, make_model

import alicredit as ac
from alicredit.deciding.answers import _with_sources
from alicredit.deciding.population import Population
from alicredit.deciding.referring import (
    DECLARED,
    EXPORTS,
    REVIEW,
    SETTLED,
    do_sources_conflict,
)
from alicredit.errors import PolicyError
from alicredit.policy import BUILT_IN, Referral, check_eligibility, load_policy, read_policy
from alicredit.policy.terms import EXTRA_FACTS

AS_OF = "2013-05-01"
POLICY = load_policy("ali-2013")
MODEL = make_model("points", 4)
FACTS = {
    "platform": "taobao", "region": "zhejiang", "membership": "paying",
    "registered_at": "2008-01-01", "shop_opened_at": "2010-01-01", "days_past_due": 0,
    "positive_rating_share": 0.99, "violation_points_365d": 0.0,
    "monthly_sales_median_180d": 80_000.0, "outstanding": 0.0,
}  # fmt: skip


def people(size: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return draw_rows(MODEL.feature_names, size, rng).assign(
        **FACTS, merchant_id=[f"m{k:03d}" for k in range(size)],
        order_base=rng.lognormal(10, 2, size).round(2), blacklisted=rng.random(size) < 0.2,
    )  # fmt: skip


PEOPLE = people(150, 3)


def cut_at(pd_: float, **refer) -> ac.Policy:
    """Give a policy whose products are cut at a probability."""
    products = {k: replace(p, max_pd=pd_) if p.is_active else p for k, p in POLICY.products.items()}
    return replace(POLICY, products=products, refer=Referral(**refer))


def decide(policy: ac.Policy, frame: pd.DataFrame = PEOPLE) -> pd.DataFrame:
    return ac.score_portfolio(None, MODEL, as_of=AS_OF, features=frame, policy=policy)


PLAIN = decide(POLICY)
CUT = float(PLAIN["pd"].median())


def first_codes(frame: pd.DataFrame) -> list[str]:
    return [codes[0] for codes in frame["reasons"]]


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_built_in_policy_asks_for_referrals(name) -> None:
    policy = load_policy(name)
    assert policy.refer == Referral()
    assert policy.lender.authority_max is None
    assert "refer" not in policy.content()


def test_an_interval_that_holds_the_cut_is_referred_on_either_side_of_it() -> None:
    before, after = decide(cut_at(CUT)), decide(cut_at(CUT, straddles_cut=True))
    rules = check_eligibility(PEOPLE, POLICY, as_of=AS_OF)
    passes = (rules["outcome"] == "pass").groupby([rules["merchant_id"], rules["product_id"]]).all()
    may = passes.loc[list(zip(before["merchant_id"], before["product_id"]))].to_numpy()
    line = decide(cut_at(1.0))["decision"].eq("approve").to_numpy()  # rules and limit let through
    holds = (before["pd_lower"] <= CUT) & (before["pd_upper"] > CUT)
    want = (holds & may & line).to_numpy()
    assert set(before["decision"][want]) == {"approve", "decline"}
    assert (after["decision"] == "refer").tolist() == want.tolist()
    assert set(first_codes(after[want])) == {"REFER_STRADDLES_CUT"}
    assert (after.loc[want, "limit"] == 0).all()
    kept = ["decision", "limit", "reasons", "expected_profit"]
    pd.testing.assert_frame_equal(after.loc[~want, kept], before.loc[~want, kept])
    was_risky = want & (before["decision"] == "decline").to_numpy()
    assert all("PD_ABOVE_CUT" in codes for codes in after.loc[was_risky, "reasons"])


def test_an_amount_above_authority_is_referred_and_one_at_it_is_not() -> None:
    limits = np.unique(PLAIN.loc[PLAIN["decision"] == "approve", "limit"])
    most = float(limits[(len(limits) - 1) // 2])
    bound = replace(POLICY, lender=replace(POLICY.lender, authority_max=Decimal(str(most))))
    after = decide(bound)
    want = (PLAIN["decision"] == "approve") & (PLAIN["limit"] > most)
    assert 0 < want.sum() < (PLAIN["decision"] == "approve").sum()
    assert (PLAIN["limit"] == most).any()
    assert after["decision"].tolist() == PLAIN["decision"].mask(want, "refer").tolist()
    assert set(first_codes(after[want])) == {"REFER_AUTHORITY"}
    assert bound.policy_id != POLICY.policy_id


@settings(max_examples=60)
@given(
    declared=st.none() | st.floats(0, 1e6), settled=st.none() | st.floats(0, 1e6),
    exports=st.none() | st.floats(0, 1e6), ratio=st.sampled_from([1, 1.5, 3]),
)  # fmt: skip
def test_sources_that_conflict_are_those_of_the_stated_rule(
    declared, settled, exports, ratio
) -> None:
    bound = replace(POLICY, refer=Referral(source_ratio_max=Decimal(str(ratio))))
    good = PEOPLE.loc[PLAIN.index[PLAIN["decision"] == "approve"][0] // 3].to_dict()
    facts = {**good, DECLARED: declared, SETTLED: settled, EXPORTS: exports}
    conflict = False
    if declared is not None and declared > 0:
        if settled is not None:
            conflict = max(declared, settled) > ratio * min(declared, settled)
        if exports is not None:
            conflict = conflict or exports > ratio * declared
    product = PLAIN.loc[PLAIN["decision"] == "approve", "product_id"].iloc[0]
    made = ac.score_applicant(facts, MODEL, product=product, as_of=AS_OF, policy=bound)
    assert made.decision == ("refer" if conflict else "approve")
    assert (made.reasons[0] == "REFER_SOURCES") == conflict
    row = decide(bound, pd.DataFrame([facts])).query("product_id == @product").iloc[0]
    assert (row["decision"], tuple(row["reasons"])) == (made.decision, made.reasons)


def test_sources_that_are_not_among_the_facts_are_not_asked() -> None:
    bound = replace(POLICY, refer=Referral(source_ratio_max=Decimal(2)))
    assert decide(bound)["decision"].tolist() == PLAIN["decision"].tolist()


@pytest.mark.parametrize("asked", [True, 1, 1.0, np.bool_(True), "yes", math.inf])
def test_who_asked_for_a_person_is_referred_whatever_was_decided(asked) -> None:
    after = decide(POLICY, PEOPLE.assign(**{REVIEW: pd.Series([asked] * 150, dtype=object)}))
    assert set(PLAIN["decision"]) >= {"approve", "decline"}
    assert set(after["decision"]) == {"refer"}
    assert set(first_codes(after)) == {"REFER_REVIEW_ASKED"}
    assert [codes[1:] for codes in after["reasons"]] == PLAIN["reasons"].tolist()
    assert (after["limit"] == 0).all()
    one = {**PEOPLE.iloc[0].to_dict(), REVIEW: asked}
    made = ac.score_applicant(one, MODEL, product="taobao_order", as_of=AS_OF)
    assert made.decision == "refer"


@pytest.mark.parametrize("asked", [False, 0, 0.0, None, math.nan, pd.NA, np.bool_(False)])
def test_who_did_not_ask_is_decided_as_ever(asked) -> None:
    after = decide(POLICY, PEOPLE.assign(**{REVIEW: pd.Series([asked] * 150, dtype=object)}))
    pd.testing.assert_frame_equal(after, PLAIN)


def test_a_row_without_a_score_is_referred_too_if_a_person_was_asked_for() -> None:
    damaged = PEOPLE.assign(debt=math.inf, **{REVIEW: True})
    after = decide(POLICY, damaged)
    assert set(after["decision"]) == {"refer"}
    assert all(c[0] == "REFER_REVIEW_ASKED" and "NOT_SCORED" in c for c in after["reasons"])


def test_a_refusal_by_a_rule_stands_unless_a_person_was_asked_for() -> None:
    strict = cut_at(CUT, straddles_cut=True, source_ratio_max=Decimal(1))
    frame = PEOPLE.assign(blacklisted=True, **{DECLARED: 9.0, SETTLED: 1.0})
    after = decide(strict, frame)
    assert set(after["decision"]) == {"decline"}
    assert set(decide(strict, frame.assign(**{REVIEW: True}))["decision"]) == {"refer"}


def test_the_rules_are_read_written_told_and_refused_by_their_place() -> None:
    content = POLICY.content()
    content["refer"] = {"straddles_cut": True, "source_ratio_max": "3", "assumed": []}
    content["lender"] = content["lender"] | {"authority_max": "500000"}
    policy = read_policy(content)
    assert policy.refer == Referral(straddles_cut=True, source_ratio_max=Decimal(3))
    assert policy.lender.authority_max == 500_000
    assert read_policy(policy.content()) == policy
    told = policy.describe().set_index("key")
    assert told.loc["refer.source_ratio_max", "value"] == "3 times"
    assert told.loc["lender.authority_max", "value"] == "500,000 yuan"
    assert "转人工审核" in set(policy.describe(language="zh")["part"])
    paths = set(POLICY.diff(policy)["path"])
    assert paths == {"refer.straddles_cut", "refer.source_ratio_max", "lender.authority_max"}
    for key, value in (("source_ratio_max", "0.5"), ("straddles_cut", 1), ("straddle", True)):
        with pytest.raises(PolicyError, match=f"refer.{key}"):
            read_policy(content | {"refer": {key: value}})


def test_referrals_do_not_depend_on_who_else_is_decided_or_in_what_order() -> None:
    strict = cut_at(CUT, straddles_cut=True, source_ratio_max=Decimal(2))
    frame = PEOPLE.assign(**{
        DECLARED: np.arange(150.0), SETTLED: 40.0, REVIEW: np.arange(150) % 7 == 0,
    })  # fmt: skip
    whole = decide(strict, frame).set_index(["merchant_id", "product_id"])
    again = decide(strict, frame.sample(frac=0.5, random_state=2))
    kept = again.set_index(["merchant_id", "product_id"])
    pd.testing.assert_frame_equal(kept, whole.loc[kept.index])
    for row in (0, 7, 33):
        made = ac.score_applicant(
            frame.iloc[row].to_dict(), MODEL, product="taobao_order", as_of=AS_OF, policy=strict
        )
        stored = whole.loc[(f"m{row:03d}", "taobao_order")]
        assert (made.decision, made.reasons) == (stored["decision"], tuple(stored["reasons"]))


def test_sources_among_the_models_inputs_are_read_where_the_facts_lack_them() -> None:
    inputs = pd.DataFrame({DECLARED: [9.0, 9.0], SETTLED: [1.0, 8.0], "x": [0.0, 0.0]})
    facts = pd.DataFrame({"merchant_id": ["a", "b"], SETTLED: [9.0, 1.0]})
    population = Population(inputs, facts, np.array(["ok", "ok"], dtype=object))
    strict = replace(POLICY, refer=Referral(source_ratio_max=Decimal(2)))
    seen = _with_sources(population, strict)
    assert do_sources_conflict(seen, 2.0).tolist() == [False, True]
    assert list(seen.columns) == ["merchant_id", SETTLED, DECLARED]
    assert _with_sources(population, POLICY) is facts


def test_an_optional_fact_is_known_to_the_policy_but_never_required() -> None:
    assert {DECLARED, EXPORTS, REVIEW, SETTLED} < set(EXTRA_FACTS)
    strict = replace(POLICY, refer=Referral(source_ratio_max=Decimal(2)))
    assert strict.required_columns == POLICY.required_columns
