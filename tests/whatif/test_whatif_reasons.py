"""Each reason stands apart, and the change that is told lifts it, no smaller one does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import draw_rows, make_model

import alicredit as ac
from alicredit.allocation import BookRules, build_offers
from alicredit.errors import InputError, PolicyError
from alicredit.policy import load_policy
from alicredit.vocabulary import reason_text
from alicredit.whatif import explain_decision
from alicredit.whatif.lifting import lift_score

AS_OF = "2013-05-01"
CUT = 0.01
_FILED = load_policy("ali-2013")
POLICY = replace(
    _FILED,
    products={k: replace(p, max_pd=CUT) if p.is_active else p for k, p in _FILED.products.items()},
)
MODEL = make_model("points", 4)
FACTS = {
    "merchant_id": "m", "platform": "taobao", "region": "zhejiang", "membership": "paying",
    "registered_at": "2008-01-01", "shop_opened_at": "2010-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0,
    "monthly_sales_median_180d": 80_000.0, "order_base": 60_000.0, "outstanding": 0.0,
}  # fmt: skip
PEOPLE = draw_rows(MODEL.feature_names, 400, np.random.default_rng(2))
PDS = MODEL.predict_proba(PEOPLE)[:, 1]
SAFE = PEOPLE.iloc[int(PDS.argmin())].to_dict()
RISKY = PEOPLE.iloc[int(np.where(PDS > CUT, PDS, 2.0).argmin())].to_dict()


def explain(facts: dict, product: str = "taobao_order", **options) -> pd.DataFrame:
    asked = {"product": product, "as_of": AS_OF, "policy": POLICY} | options
    return explain_decision({**FACTS, **facts}, MODEL, **asked)


def decide(facts: dict, product: str = "taobao_order") -> ac.Decision:
    asked = {"product": product, "as_of": AS_OF, "policy": POLICY}
    return ac.score_applicant({**FACTS, **facts}, MODEL, **asked)


def test_the_stage_holds_both_a_safe_and_a_risky_merchant() -> None:
    assert PDS.min() < CUT < PDS.max()
    assert decide(SAFE).decision == "approve"
    assert decide(RISKY).decision == "decline"


@settings(max_examples=40)
@given(
    row=st.integers(0, 399), product=st.sampled_from([p.id for p in POLICY.active]),
    change=st.dictionaries(st.sampled_from(sorted(set(FACTS) - {"merchant_id"})), st.none()),
)  # fmt: skip
def test_every_code_of_the_decision_is_told_once_and_in_order(row, product, change) -> None:
    facts = {**PEOPLE.iloc[row].to_dict(), **change}
    made, told = decide(facts, product), explain(facts, product, asked=1e9)
    codes = list(dict.fromkeys(told.loc[told["kind"] != "price", "code"]))
    assert codes == list(made.reasons)
    assert told["text"].tolist() == [reason_text(code) for code in told["code"]]
    assert told["text_zh"].tolist() == [reason_text(c, language="zh") for c in told["code"]]
    assert set(told["kind"]) <= {"price", "limit", made.decision}
    assert (told["kind"] == "price").any()


def test_three_more_months_are_told_as_such_and_are_enough() -> None:
    told = explain({**SAFE, "shop_opened_at": "2013-02-01"}, "taobao_credit")
    row = told[told["code"] == "ELIG_SHOP_MONTHS"].iloc[0]
    need = POLICY.product("taobao_credit").eligibility.shop_months_min
    assert (row["kind"], row["value"], row["threshold"]) == ("decline", 3.0, f">= {need} months")
    assert row["advice"] == f"{need - 3} more months"
    assert row["advice_zh"] == f"再满 {need - 3} 个月"
    assert row["change"] == {"shop_opened_months": need}


@pytest.mark.parametrize(
    ("fact", "bad", "code"),
    [
        ("positive_rating_share", 0.5, "ELIG_REPUTATION"), ("days_past_due", 9, "CURRENT_OVERDUE"),
        ("violation_points_365d", 999.0, "ELIG_VIOLATION"), ("region", "tibet", "ELIG_REGION"),
    ],
)  # fmt: skip
def test_a_rule_is_lifted_at_its_threshold(fact, bad, code) -> None:
    lifted = 0
    for product in (p.id for p in POLICY.active):
        facts = {**SAFE, "platform": "taobao" if "taobao" in product else "alibaba_b2b", fact: bad}
        told = explain(facts, product)
        found = told[told["code"] == code]
        if found.empty:
            continue
        assert found["value"].iloc[0] == bad
        to = found["change"].iloc[0][fact]
        again = decide({**facts, fact: str(to).split("/")[0] if fact == "region" else to}, product)
        assert code not in again.reasons
        assert found["advice"].iloc[0]
        lifted += 1
    assert lifted


def test_what_lacks_is_asked_for_in_both_languages() -> None:
    told = explain({**SAFE, "region": None, "days_past_due": None})
    row = told[told["code"] == "MISSING_DATA"]
    assert {fact for change in row["change"] for fact in change} >= {"days_past_due"}
    assert "give days past due" in row["advice"].tolist()
    assert "请提供逾期天数" in row["advice_zh"].tolist()


def test_a_blacklisted_merchant_is_not_promised_anything() -> None:
    row = explain({**SAFE, "blacklisted": True}).query("code == 'BLACKLIST'").iloc[0]
    assert (row["kind"], row["change"], row["advice"]) == ("decline", {}, "")


def test_the_change_of_inputs_brings_the_probability_to_the_cut() -> None:
    told = explain(RISKY).query("code == 'PD_ABOVE_CUT'").iloc[0]
    assert told["value"] == pytest.approx(PDS[PDS > CUT].min())
    assert told["threshold"] == f"<= {CUT:g}"
    assert told["change"]
    assert decide({**RISKY, **told["change"]}).pd <= CUT
    fixed = explain(RISKY, feasible=dict.fromkeys(MODEL.feature_names, False))
    assert fixed.query("code == 'PD_ABOVE_CUT'")["change"].tolist() == [{}]


@settings(max_examples=25)
@given(
    sales=st.integers(100, 10**7), orders=st.integers(100, 10**7), owed=st.integers(0, 10**6),
    asked=st.sampled_from([5_000, 77_000, 400_000]),
    product=st.sampled_from(["taobao_order", "taobao_credit"]),
)  # fmt: skip
def test_the_least_change_that_raises_the_limit_is_told(sales, orders, owed, asked, product):
    facts = {**FACTS, **SAFE, "monthly_sales_median_180d": sales / 100, "order_base": orders / 100,
             "outstanding": owed / 100}  # fmt: skip
    made, told = decide(facts, product), explain(facts, product, asked=asked)
    lines = told[told["kind"].isin(["limit", "decline"])]
    if made.decision == "approve" and made.limit >= asked:
        assert lines.empty
        return
    assert len(lines) == 1
    line = lines.iloc[0]
    need = (
        asked if line["kind"] == "limit" else float(line["threshold"].split()[1].replace(",", ""))
    )
    for name, to in line["change"].items():
        if name == "pd":
            continue
        assert decide({**facts, name: to}, product).limit >= need
        less = round(to + (-0.01 if to > facts[name] else 0.01), 2)
        assert decide({**facts, name: less}, product).limit < need


def test_nothing_raises_a_limit_above_the_products_maximum() -> None:
    rich = {**SAFE, "monthly_sales_median_180d": 1e8, "order_base": 1e8}
    made = decide(rich)
    told = explain(rich, asked=made.limit * 2).query("kind == 'limit'").iloc[0]
    assert (told["code"], told["value"], told["change"]) == ("LIM_PRODUCT_MAX", made.limit, {})
    assert explain(rich).query("kind == 'limit'").empty  # asked for nothing: all it may have
    asked = explain({**rich, "amount_asked": made.limit - 100})
    assert asked.query("kind == 'limit'").empty


def test_the_price_is_the_products_own_or_one_that_was_set_and_its_flags_are_told() -> None:
    told = explain(SAFE).query("kind == 'price'").set_index("code")
    assert told.loc["PRICE_PRODUCT", ["value", "threshold"]].tolist() == [
        0.0005, "0.0005 to 0.0006 a day",
    ]  # fmt: skip
    penal = told.loc["PENALTY_ABOVE_CAP"]
    assert penal["value"] == pytest.approx(0.27375)  # DOMAIN 2.4
    assert penal["threshold"] == "<= 0.24 a year (simple, act/365)"
    dear = _FILED.with_overrides({"taobao_order": {"rate": "0.0006"}})
    told = explain(SAFE, policy=dear).query("kind == 'price'")
    assert (told["code"].iloc[0], told["value"].iloc[0]) == ("PRICE_SET", 0.0006)


def test_what_is_left_to_a_person_says_so() -> None:
    told = explain({**SAFE, "human_review_requested": True})
    assert told["kind"].iloc[0] == "refer"
    assert told["code"].iloc[0] == "REFER_REVIEW_ASKED"
    damaged = explain({**SAFE, "debt": math.inf})
    assert damaged.query("code == 'NOT_SCORED'")["value"].tolist() == ["bad_value"]


def test_bad_arguments_are_refused() -> None:
    for asked in (0, math.inf, "1", True):
        with pytest.raises(InputError, match="asked"):
            explain(SAFE, asked=asked)
    with pytest.raises(PolicyError, match="active"):
        explain(SAFE, "virtual_card")
    with pytest.raises(InputError, match="merchant_id"):
        explain_decision({}, MODEL, product="taobao_order", as_of=AS_OF)


def test_where_capital_is_short_the_limit_or_the_refusal_says_so() -> None:
    people = pd.DataFrame([{**FACTS, **row} for row in PEOPLE.head(60).to_dict("records")])
    people = people.assign(
        merchant_id=[f"m{k}" for k in range(60)], category="tea",
        order_base=np.random.default_rng(1).lognormal(10, 1, 60).round(2),
    )  # fmt: skip
    free = ac.score_portfolio(None, MODEL, as_of=AS_OF, features=people, policy=POLICY)
    offers = build_offers(free, POLICY, applicants=people)
    left = offers["peak_balance"].sum() / 3
    rules = BookRules(outstanding=float(POLICY.lender.lending_cap) - left)
    prices = ac.allocate(offers, POLICY, rules=rules).prices
    met = set()
    for row in people.to_dict("records"):
        for product in ("taobao_order", "taobao_credit"):
            asked = {"product": product, "as_of": AS_OF, "policy": POLICY, "prices": prices}
            made = ac.score_applicant(row, MODEL, **asked)
            told = explain_decision(row, MODEL, **asked)
            short = told[told["code"] == "LENDER_CAP"]
            assert (len(short) == 1) == ("LENDER_CAP" in made.reasons)
            kinds = {"approve": "limit", "decline": "decline"}
            assert set(short["kind"]) <= {kinds[made.decision]}
            if len(short) and made.decision == "approve":
                assert short["value"].iloc[0] == made.limit
            met |= {(made.decision, code) for code in made.reasons}
    assert ("decline", "LENDER_CAP") in met


def test_an_input_of_the_catalogue_is_told_by_its_title_and_ones_own_by_its_column() -> None:
    rng = np.random.default_rng(3)
    names = ["balance_to_inflow_90d", "my_own_number"]
    X = pd.DataFrame(rng.normal(size=(3000, 2)), columns=names)
    y = (rng.random(3000) < 1 / (1 + np.exp(2 + X.sum(axis=1)))).astype(float)
    model = ac.DefaultModel(shape="points", directions=dict.fromkeys(names, -1)).fit(X, y)
    title = ac.CATALOGUE["balance_to_inflow_90d"]
    for name, en, zh in (
        ("balance_to_inflow_90d", title.title, title.title_zh),
        ("my_own_number", "my_own_number", "my_own_number"),
    ):
        facts = {**dict.fromkeys(names, 0.0), name: -2.5}
        other = next(each for each in names if each != name)
        lift = lift_score(facts, model, 0.2, {other: False})
        assert list(lift.change) == [name]
        assert lift.advice.startswith(f"{en}: -2.5 to ")
        assert lift.advice_zh.startswith(f"{zh}：由 -2.5 变为 ")
