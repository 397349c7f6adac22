"""Every policy built in decides a portfolio; gates, requests and overrides reach the decision."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, make_merchants

import alicredit as ac
from alicredit.policy import BUILT_IN, load_policy, read_policy

AS_OF = "2013-05-01"


@pytest.fixture(scope="module")
def model() -> ac.DefaultModel:
    X, y, _ = make_merchants(2000, 5)
    X["sales"], X["debt"] = X["sales"] * 3, X["debt"] * 0.5
    rare = pd.Series(np.where(np.random.default_rng(1).random(len(y)) < 0.3, y, 0.0))
    rare.attrs = y.attrs
    return ac.DefaultModel("points", directions=DIRECTIONS).fit(
        X.rename(columns={"region": "area"}), rare
    )


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Draw merchants whom every rule lets pass."""
    size, rng = 200, np.random.default_rng(8)
    X, _, _ = make_merchants(size, 9)
    X["sales"], X["debt"] = X["sales"] * 3, X["debt"] * 0.5
    money = rng.lognormal(11, 1.5, size).round(2)
    return X.rename(columns={"region": "area"}).assign(
        merchant_id=[f"m{k:03d}" for k in range(size)],
        platform=rng.choice(["alibaba_b2b", "taobao", "tmall"], size), region="jiangsu",
        membership="paying", registered_at=pd.Timestamp("2010-04-01"),
        shop_opened_at=pd.Timestamp("2010-04-01"), blacklisted=False, days_past_due=0.0,
        positive_rating_share=0.98, violation_points_365d=0.0, monthly_sales_median_180d=money,
        order_base=(money * rng.random(size)).round(2), outstanding=0.0, core_company="aokang",
    )  # fmt: skip


def decided(people: pd.DataFrame, model: ac.DefaultModel, policy) -> pd.DataFrame:
    return ac.score_portfolio(None, model, as_of=AS_OF, policy=policy, features=people)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_policy_built_in_decides_its_products(name: str, people, model) -> None:
    policy = load_policy(name)
    rows = decided(people, model, name)
    assert list(rows["product_id"].unique()) == [each.id for each in policy.active]
    assert set(rows["policy_id"]) == {policy.policy_id}
    for product in policy.active:
        limits = rows.loc[
            (rows["product_id"] == product.id) & (rows["decision"] == "approve"), "limit"
        ]
        assert len(limits) > 20, product.id
        assert limits.between(float(product.limit.min or 0), float(product.limit.max)).all()
        assert (limits % float(product.limit.step) == 0).all()


def test_the_card_as_a_what_if_changes_no_other_product(people, model) -> None:
    with_card = decided(people, model, "ali-2013-planned")
    without = decided(people, model, "ali-2013")
    rest = with_card[with_card["product_id"] != "virtual_card"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        rest.drop(columns="policy_id"), without.drop(columns="policy_id"), check_exact=True
    )


@pytest.mark.parametrize(
    ("fact", "value", "code"),
    [("account_sealed", True, "ACCOUNT_SEALED"), ("fraud_found", True, "FRAUD_FOUND"),
     ("linked_shops", 5, "LINKED_SHOPS"), ("shared_device", 9, "SHARED_DEVICE"),
     ("related_barred", 1, "RELATED_BARRED"), ("related_barred", None, "MISSING_DATA")],
)  # fmt: skip
def test_a_gate_bars_whoever_scores_well(fact: str, value, code: str, people, model) -> None:
    good = {"account_sealed": False, "fraud_found": False}.get(fact, 0)
    values = np.array([good] * len(people), dtype=object)
    clean = decided(people.assign(**{fact: values}), model, "ali-2013")
    plain = decided(people, model, "ali-2013")
    pd.testing.assert_frame_equal(clean, plain, check_exact=True)
    values[::2] = value
    barred = decided(people.assign(**{fact: values}), model, "ali-2013")
    hit = barred["merchant_id"].isin(people["merchant_id"][::2]).to_numpy()
    assert (barred.loc[hit, "decision"] != "approve").all()
    assert barred.loc[hit, "reasons"].map(lambda codes: codes[0] == code).all()
    pd.testing.assert_frame_equal(barred[~hit], plain[~hit], check_exact=True)


def test_a_request_beyond_the_products_bounds_is_declined_by_its_code(people, model) -> None:
    asked = {40_000: "ELIG_LIMIT_MIN", 3_000_001: "ELIG_LIMIT_MAX", 50_000: None, 3_000_000: None}
    plain = decided(people, model, "ali-2013")
    ali = (plain["product_id"] == "ali_credit").to_numpy()
    for amount, code in asked.items():
        rows = decided(people.assign(amount_asked=float(amount)), model, "ali-2013")
        found = rows[ali]["reasons"].map(lambda codes, code=code: code in codes)
        assert found.all() if code else (rows[ali]["limit"] == plain[ali]["limit"]).all()


def test_an_override_of_the_most_caps_limits_and_nothing_else(people, model) -> None:
    plain = decided(people, model, "ali-2013")
    mine = load_policy("ali-2013").with_overrides({"taobao_credit": {"limit_max": "20000"}})
    less = decided(people, model, mine)
    credit = (plain["product_id"] == "taobao_credit").to_numpy()
    assert (less.loc[credit, "limit"] == plain.loc[credit, "limit"].clip(upper=20_000)).all()
    assert (less.loc[~credit, "limit"] == plain.loc[~credit, "limit"]).all()
    assert (plain.loc[credit, "limit"] > 20_000).any()
    assert set(less["policy_id"]) == {mine.policy_id}


def test_a_region_that_is_opened_lets_its_merchants_in(people, model) -> None:
    hunan = people.assign(region="hunan", platform="alibaba_b2b")
    content = load_policy("ali-2013").content()
    opening = content["products"][0]["eligibility"]["any_of"][3]
    opening |= {"status": "open", "valid_from": pd.Timestamp(AS_OF).date()}
    shut, opened = (decided(hunan, model, each) for each in ("ali-2013", read_policy(content)))
    ali = shut["product_id"] == "ali_credit"
    assert (shut[ali]["decision"] == "decline").all()
    assert (opened[ali]["decision"] == "approve").sum() > 20
