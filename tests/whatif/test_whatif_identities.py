"""Identities across the room: sums add up, money scales, words are in both languages."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import draw_rows, make_model

import alicredit as ac
from alicredit.decision import COLUMNS
from alicredit.policy import BUILT_IN, load_policy, read_policy
from alicredit.policy.eligibility import FAIL, UNKNOWN, RuleResult
from alicredit.vocabulary import REASONS
from alicredit.whatif import (
    Scenario,
    compare_policies,
    explain_decision,
    loss_quantiles,
    reverse_stress,
    stress_book,
)
from alicredit.whatif.lifting import lift_rule
from alicredit.whatif.resampling import Bootstrap

AS_OF = "2013-05-01"
POLICY = load_policy("ali-2013")
MODEL = make_model("points", 4)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy.md"
MONEY = ["limit", "expected_loss", "expected_profit"]
SUMS = [*MONEY[1:], "limit", "drawn", "drawn_peak"]


def book(size: int, seed: int, first: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    pd_, limit = rng.uniform(0.001, 0.08, size), rng.integers(1, 500, size) * 1000.0
    return pd.DataFrame({
        "merchant_id": [f"m{first + k}" for k in range(size)], "pd": pd_, "limit": limit,
        "product_id": rng.choice(["taobao_order", "taobao_credit"], size),
        "expected_loss": pd_ * limit * 0.4, "expected_profit": (0.08 - 0.4 * pd_) * limit,
        "decision": "approve",
    }).reindex(columns=list(COLUMNS))  # fmt: skip


@settings(max_examples=20)
@given(
    st.integers(0, 99), st.floats(1, 4), st.floats(1, 2), st.floats(0.2, 1), st.floats(0.5, 2),
)  # fmt: skip
def test_the_stress_of_two_books_is_the_sum_of_theirs(seed, pds, lgds, sales, use) -> None:
    scenario = [Scenario("x", pd_multiple=pds, lgd_multiple=lgds, sales_multiple=sales,
                         use_multiple=use)]  # fmt: skip
    one, other = book(20, seed), book(30, seed + 1, 20)
    parts = [stress_book(each, POLICY, scenarios=scenario) for each in (one, other)]
    whole = stress_book(pd.concat([one, other]), POLICY, scenarios=scenario)
    total = parts[0][SUMS].iloc[0] + parts[1][SUMS].iloc[0]
    assert np.allclose(whole[SUMS].iloc[0], total)


@settings(max_examples=15)
@given(st.integers(0, 99), st.sampled_from([0.5, 2.0, 10.0]))
def test_money_scales_and_multiples_do_not(seed, times) -> None:
    one = book(25, seed)
    more = one.assign(**{name: one[name] * times for name in MONEY})
    mild, large = (stress_book(each, POLICY) for each in (one, more))
    assert np.allclose(mild[SUMS] * times, large[SUMS])
    assert reverse_stress(more, POLICY)["pd_multiple"].iloc[0] == pytest.approx(
        reverse_stress(one, POLICY)["pd_multiple"].iloc[0], rel=1e-9
    )
    tails = [loss_quantiles(each, draws=200) for each in (one, more)]
    money = ["expected_loss", "granular", "simulated", "lower", "upper"]
    assert np.allclose(tails[0][money] * times, tails[1][money])


def test_the_closed_form_of_two_books_in_one_is_the_sum_of_theirs() -> None:
    one, other = book(20, 1), book(30, 2, 20)  # one factor: their bad years are the same years
    tails = [loss_quantiles(b, draws=100) for b in (one, other, pd.concat([one, other]))]
    assert np.allclose(tails[0]["granular"] + tails[1]["granular"], tails[2]["granular"])


def test_worse_levels_lose_more_and_the_mean_lies_among_them() -> None:
    told = loss_quantiles(book(200, 3), levels=[0.1, 0.5, 0.9, 0.99, 0.999], draws=3000)
    for name in ("granular", "simulated"):
        assert told[name].is_monotonic_increasing
    assert told["granular"].iloc[0] < told["expected_loss"].iloc[0] < told["granular"].iloc[-1]
    assert (told["lower"] <= told["simulated"]).all()
    assert (told["simulated"] <= told["upper"]).all()


def test_swap_sets_add_up_to_the_totals() -> None:
    rng = np.random.default_rng(4)
    frames = []
    for seed in (1, 2):
        frame = book(60, seed)
        is_in = rng.random(60) < 0.6
        frame["product_id"] = "taobao_credit"
        frame["decision"] = np.where(is_in, "approve", "decline")
        frames.append(frame.assign(**{name: frame[name].where(is_in, 0.0) for name in MONEY}))
    told = compare_policies(*frames, resamples=20)
    sums = told.swaps.pivot(index="set", columns="measure", values="value")
    totals = told.totals.set_index("measure")["after"]
    for name in MONEY:
        assert sums.loc[["both", "only_after"], name].sum() == pytest.approx(totals[name])
    assert sums.loc[["both", "only_after"], "decisions"].sum() == totals["approvals"]
    assert sums["decisions"].sum() == 60


@settings(max_examples=15)
@given(st.integers(1, 12), st.integers(0, 50))
def test_a_bootstrap_is_that_of_a_plain_loop(merchants, seed) -> None:
    rng = np.random.default_rng(seed + 100)
    at = rng.integers(0, merchants, 20)
    over, under = rng.normal(size=20), rng.random(20) + 0.1
    draw = Bootstrap(at, merchants)
    places = draw.add(over), draw.add(over, under)
    figures = draw.figures(25, seed)
    again, sums, ratios = np.random.default_rng(seed), [], []
    for _ in range(25):
        picked = again.integers(0, merchants, merchants)
        top = sum(over[at == who].sum() for who in picked)
        below = sum(under[at == who].sum() for who in picked)
        sums.append(top)
        if below > 0:
            ratios.append(top / below)
    for place, drawn in zip(places, (sums, ratios)):
        assert figures[place][1:] == pytest.approx(tuple(np.quantile(drawn, [0.05, 0.95])))
    assert figures[1][0] == pytest.approx(over.sum() / under.sum())


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_policy_explains_its_decisions_whatever_the_facts(name) -> None:
    policy, rng = load_policy(name), np.random.default_rng(5)
    for product in policy.active:
        for row in draw_rows(MODEL.feature_names, 6, rng).to_dict("records"):
            facts = {column: rng.choice([None, 0, 1, 5e4, "x"]) for column in
                     policy.required_columns}  # fmt: skip
            given_ = {**row, **facts, "merchant_id": "m"}
            asked = {"product": product.id, "as_of": AS_OF, "policy": policy}
            try:
                made = ac.score_applicant(given_, MODEL, **asked)
            except ac.PolicyError:  # a claim that the product does not take
                return
            told = explain_decision(given_, MODEL, **asked)
            codes = told.loc[~told["kind"].isin(["price"]), "code"]
            assert set(codes) <= set(made.reasons)
            assert told["text_zh"].str.contains("[\u4e00-\u9fff]").all()
            assert (told["advice"].eq("") == told["advice_zh"].eq("")).all()


RULES = [
    ("registered_months", ">= 12 months", 9.0, {"registered_months": 12.0}, "3 more months"),
    ("registered_months", ">= 12 months", 11.0, {"registered_months": 12.0}, "1 more month"),
    ("sales_12m", ">= 1,000,000 yuan", 5.0, {"sales_12m": 1e6},
     "settled sales in 12 months: 5 to 1,000,000"),
    ("days_past_due", "0 days", 3.0, {"days_past_due": 0.0}, "days past due: 3 to 0"),
    ("linked_shops", "<= 4", 7.0, {"linked_shops": 4.0}, "linked_shops: 7 to 4"),
    ("fraud_found", "no", 1.0, {}, ""), ("blacklisted", "not listed", 1.0, {}, ""),
    ("region", "jiangsu/zhejiang", "tibet", {"region": "jiangsu/zhejiang"},
     "region: jiangsu/zhejiang"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "threshold", "value", "change", "advice"), RULES)
def test_what_lifts_a_rule_is_read_from_its_threshold(rule, threshold, value, change, advice):
    result = RuleResult(rule, "X", np.array([FAIL], dtype=np.int8), value, threshold, (rule,))
    lift = lift_rule(result, value, "")
    assert (dict(lift.change), lift.advice) == (change, advice)


def test_a_rule_that_lacks_facts_asks_for_them() -> None:
    result = RuleResult("membership", "X", np.array([UNKNOWN], dtype=np.int8), None, "",
                        ("region", "membership"))  # fmt: skip
    lift = lift_rule(result, None, result.missing[0])
    assert dict(lift.change) == {"region": "known", "membership": "known"}
    assert lift.advice == "give region, membership"
    assert lift.advice_zh == "请提供地区、会员类型"


def test_the_new_words_stand_in_both_languages_under_their_kind() -> None:
    kinds = {"referral": 4, "price": 2}
    for kind, least in kinds.items():
        words = [word for word in REASONS.values() if word.kind == kind]
        assert len(words) >= least
        for word in words:
            assert re.search("[a-z]", word.text)
            assert re.search("[\u4e00-\u9fff]", word.text_zh)


def test_the_pages_example_of_referrals_is_one_that_a_policy_takes() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    example = next(tomllib.loads(block) for block in blocks if "[refer]" in block)
    content = POLICY.content()
    policy = read_policy(content | {"refer": example["refer"],
                                    "lender": content["lender"] | example["lender"]})  # fmt: skip
    assert policy.refer.straddles_cut
    assert policy.refer.source_ratio_max == 3
    assert policy.lender.authority_max == 500_000


def test_a_lender_that_may_not_lend_a_yuan_alone_refers_every_approval() -> None:
    people = draw_rows(MODEL.feature_names, 30, np.random.default_rng(1)).assign(
        merchant_id=[f"m{k}" for k in range(30)], platform="taobao", region="zhejiang",
        membership="paying", registered_at="2008-01-01", shop_opened_at="2010-01-01",
        blacklisted=False, days_past_due=0, positive_rating_share=0.99, outstanding=0.0,
        violation_points_365d=0.0, monthly_sales_median_180d=8e4, order_base=6e4,
    )  # fmt: skip
    asked = {"as_of": AS_OF, "features": people}
    strict = replace(POLICY, lender=replace(POLICY.lender, authority_max=0))
    before = ac.score_portfolio(None, MODEL, policy=POLICY, **asked)
    after = ac.score_portfolio(None, MODEL, policy=strict, **asked)
    assert (before["decision"] == "approve").any()
    assert after["decision"].tolist() == before["decision"].replace("approve", "refer").tolist()
    told = compare_policies(before, after, resamples=20).totals.set_index("measure")
    assert (told["after"] == 0).all()
