"""Where capital is short, a book's frozen prices decide the same for one as for all."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, make_merchants

import alicredit as ac
from alicredit.allocation import Allocation, BookRules, build_offers, load_prices
from alicredit.errors import InputError, PolicyError
from alicredit.policy import load_policy

AS_OF = "2013-05-01"
POLICY = load_policy("ali-2013")
PRODUCTS = [product.id for product in POLICY.active]


@pytest.fixture(scope="module")
def model() -> ac.DefaultModel:
    X, y, _ = make_merchants(2500, 5)
    X["sales"], X["debt"] = X["sales"] * 3, X["debt"] * 0.5
    rare = pd.Series(np.where(np.random.default_rng(1).random(len(y)) < 0.3, y, 0.0))
    rare.attrs = y.attrs
    return ac.DefaultModel(directions=DIRECTIONS).fit(X.rename(columns={"region": "area"}), rare)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Draw merchants most of whom may have a loan, and a few who may not or whose facts lack."""
    size, rng = 200, np.random.default_rng(8)
    X, _, _ = make_merchants(size, 9)
    X["sales"], X["debt"] = X["sales"] * 3, X["debt"] * 0.5
    money = rng.lognormal(11, 1.2, size).round(2)
    region = rng.choice(["jiangsu", "guangdong", "sichuan", "zhejiang"], size).astype(object)
    region[::50] = None
    return X.rename(columns={"region": "area"}).assign(
        merchant_id=[f"m{k:03d}" for k in range(size)],
        platform=rng.choice(["alibaba_b2b", "taobao"], size, p=[0.3, 0.7]),
        region=region,
        category=rng.choice(["toys", "shoes", "tea"], size),
        membership="paying",
        registered_at=pd.Timestamp("2008-01-01"),
        shop_opened_at=pd.Timestamp("2010-01-01"),
        blacklisted=rng.random(size) < 0.05,
        days_past_due=0.0,
        positive_rating_share=0.98,
        violation_points_365d=0.0,
        monthly_sales_median_180d=money,
        order_base=(money * rng.random(size)).round(2),
        outstanding=0.0,
    )


def decide(people: pd.DataFrame, model: ac.DefaultModel, **options: object) -> pd.DataFrame:
    return ac.score_portfolio(None, model, as_of=AS_OF, features=people, **options)


@pytest.fixture(scope="module")
def free(people: pd.DataFrame, model: ac.DefaultModel) -> pd.DataFrame:
    return decide(people, model)


@pytest.fixture(scope="module")
def book(people: pd.DataFrame, free: pd.DataFrame) -> Allocation:
    """Allocate the approvals with funds for a third of what they would draw at the peak."""
    offers = build_offers(free, POLICY, applicants=people)
    stated = offers[offers["region"] != "unstated"]
    funds = float(POLICY.lender.lending_cap)
    left = stated["peak_balance"].sum() / 3
    rules = BookRules(
        outstanding=funds - left,
        region_share={"sichuan": 0.005 * left / funds},
        category_share=0.4 * left / funds,
    )
    return ac.allocate(stated, POLICY, rules=rules)


@pytest.fixture(scope="module")
def charged(people: pd.DataFrame, model: ac.DefaultModel, book: Allocation) -> pd.DataFrame:
    return decide(people, model, prices=book.prices)


def test_several_constraints_have_a_price(book: Allocation) -> None:
    priced = book.constraints.query("price > 0")["constraint"].tolist()
    assert {"peak_balance", "region:sichuan"} <= set(priced)


def test_one_alone_is_decided_as_among_all(
    people: pd.DataFrame, model: ac.DefaultModel, book: Allocation, charged: pd.DataFrame
) -> None:
    met = set()
    for row in range(0, len(people), 10):
        for at, product in enumerate(PRODUCTS):
            alone = ac.score_applicant(
                people.iloc[row].to_dict(), model, product=product, as_of=AS_OF, prices=book.prices
            )
            among = charged.iloc[row * len(PRODUCTS) + at]
            for name in ("decision", "limit", "expected_loss", "expected_profit", "prices_id"):
                assert getattr(alone, name) == among[name], (row, product, name)
            assert list(alone.reasons) == among["reasons"]
            assert all(alone.explain(language="zh"))
            met.add((alone.decision, alone.reasons[0]))
    assert ("decline", "LENDER_CAP") in met
    assert ("refer", "ALLOC_UNPRICED") in met
    assert any(decision == "approve" for decision, _ in met)


def test_decisions_at_prices_are_the_books_but_at_its_margin(
    charged: pd.DataFrame, book: Allocation
) -> None:
    given = book.offers[~book.offers["is_marginal"]]
    rows = charged.loc[given.index]
    assert rows["merchant_id"].tolist() == given["merchant_id"].tolist()
    assert rows["limit"].tolist() == given["allocated_limit"].tolist()
    refused = given["allocated_limit"] == 0
    assert rows.loc[refused, "reasons"].str[0].tolist() == given.loc[refused, "reason"].tolist()
    assert (rows.loc[refused, "decision"] == "decline").all()
    assert (rows.loc[~refused, "decision"] == "approve").all()
    assert book.offers["is_marginal"].sum() <= len(book.prices.constraints)


def test_prices_touch_approvals_alone(free: pd.DataFrame, charged: pd.DataFrame) -> None:
    approved = free["decision"] == "approve"
    assert set(free["prices_id"]) == {""}
    rest = [name for name in free.columns if name != "prices_id"]
    pd.testing.assert_frame_equal(charged.loc[~approved, rest], free.loc[~approved, rest])
    same = ["merchant_id", "product_id", "status", "pd", "score", "grade", "rate", "policy_id"]
    pd.testing.assert_frame_equal(charged[same], free[same])
    now = charged[approved]
    nothing = now["limit"] == 0
    assert (now["decision"] == np.where(nothing, now["decision"], "approve")).all()
    assert (now.loc[nothing, ["expected_loss", "expected_profit"]] == 0).all(axis=None)
    kept = now[~nothing]
    pd.testing.assert_frame_equal(kept[rest], free.loc[kept.index, rest])


def test_who_cannot_be_priced_is_referred(
    people: pd.DataFrame, model: ac.DefaultModel, book: Allocation,
    free: pd.DataFrame, charged: pd.DataFrame,
) -> None:  # fmt: skip
    approved = (free["decision"] == "approve").to_numpy()
    nowhere = people["region"].isna().to_numpy().repeat(len(PRODUCTS))[approved]
    is_unpriced = (charged[approved]["reasons"].str[0] == "ALLOC_UNPRICED").to_numpy()
    assert 0 < nowhere.sum() < len(nowhere)
    assert is_unpriced.tolist() == nowhere.tolist()
    for column, value in (("category", "boats"), ("category", None), ("region", None)):
        if column == "region":
            changed = people.assign(region=None, platform="taobao")
        else:
            changed = people.assign(category=value)
        found = decide(changed, model, prices=book.prices)
        before = decide(changed, model)
        asked = found[before["decision"] == "approve"]
        assert len(asked) > 20
        assert set(asked["decision"]) == {"refer"}
        assert set(asked["reasons"].str[0]) == {"ALLOC_UNPRICED"}
        assert (asked["limit"] == 0).all()


def test_where_capital_is_plenty_only_what_earns_nothing_falls_away(
    people: pd.DataFrame, model: ac.DefaultModel, free: pd.DataFrame
) -> None:
    plenty = ac.allocate(build_offers(free, POLICY, applicants=people), POLICY).prices
    found = decide(people, model, prices=plenty)
    was, now = free["decision"] == "approve", found["decision"] == "approve"
    assert (now == (was & (free["expected_profit"] > 0))).all()
    assert (found["limit"] == free["limit"].where(now, 0.0)).all()


def test_prices_from_file_decide_the_same_and_stand_in_the_manifest(
    people: pd.DataFrame, model: ac.DefaultModel, book: Allocation, charged: pd.DataFrame,
    tmp_path: Path,
) -> None:  # fmt: skip
    book.prices.save(tmp_path / "prices.json")
    prices = load_prices(tmp_path / "prices.json")
    pd.testing.assert_frame_equal(decide(people, model, prices=prices), charged)
    assert set(charged["prices_id"]) == {prices.prices_id}
    decide(people, model, prices=prices, out=tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["prices_ids"] == [prices.prices_id]


def test_prices_of_another_book_or_of_none_are_refused(
    people: pd.DataFrame, model: ac.DefaultModel, book: Allocation
) -> None:
    other = POLICY.with_lgd({"taobao_order": 0.2})
    with pytest.raises(PolicyError, match="prices must be of a book under the policy"):
        decide(people, model, prices=book.prices, policy=other)
    of_lender = replace(book.prices, policy_id="")
    with pytest.raises(PolicyError, match="found those of a lender"):
        decide(people, model, prices=of_lender)
    one = people.iloc[0].to_dict()
    with pytest.raises(InputError, match="prices must be frozen prices or None; found dict"):
        ac.score_applicant(one, model, product=PRODUCTS[1], as_of=AS_OF, prices={})
    assert book.prices.policy_id == POLICY.policy_id != other.policy_id


def test_offers_are_made_of_approvals_alone(free: pd.DataFrame, people: pd.DataFrame) -> None:
    offers = build_offers(free, POLICY, applicants=people.sample(frac=1.0, random_state=1))
    approved = free[free["decision"] == "approve"]
    assert offers.index.equals(approved.index)
    assert offers["limit"].tolist() == approved["limit"].tolist()
    facts = people.set_index("merchant_id").loc[offers["merchant_id"]]
    assert offers["category"].tolist() == facts["category"].tolist()
    assert (offers["region"] == facts["region"].fillna("unstated").to_numpy()).all()
    for product in POLICY.active:
        mine = offers[offers["product_id"] == product.id]
        use = product.economics
        for limit, mean, peak in mine[["limit", "mean_balance", "peak_balance"]].to_numpy():
            assert Decimal(str(mean)) == pytest.approx(Decimal(str(limit * use.mean_use)))
            assert peak == limit * max(use.use_at_default, use.mean_use)
    with pytest.raises(InputError, match="must have a merchant once"):
        build_offers(free, POLICY, applicants=pd.concat([people, people]))
    with pytest.raises(InputError, match="must state the region where one has a share"):
        ac.allocate(offers, POLICY, rules=BookRules(region_share=0.5))
