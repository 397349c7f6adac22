"""Frozen prices: what one more yuan is worth, kept on file, and applied to one as to the book."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from allocation_books import lender_of, offers_of, tight_lender, tight_rules

from alicredit.allocation import (
    Allocation,
    BookRules,
    Constraint,
    Prices,
    allocate,
    apply_prices,
    load_prices,
)
from alicredit.errors import AlicreditError, InputError, PolicyError
from alicredit.policy import Lender, load_policy


@pytest.fixture(scope="module")
def offers() -> pd.DataFrame:
    return offers_of(400, seed=11, amounts=2, sd=0.3, related=0.3)


@pytest.fixture(scope="module")
def lender(offers: pd.DataFrame) -> Lender:
    return tight_lender(offers, single=0.02)


@pytest.fixture(scope="module")
def rules(offers: pd.DataFrame) -> BookRules:
    return tight_rules(offers, common_share=0.4)


@pytest.fixture(scope="module")
def book(offers: pd.DataFrame, lender: Lender, rules: BookRules) -> Allocation:
    return allocate(offers, lender, rules=rules)


def test_prices_alone_give_every_merchant_what_the_book_gave_but_at_its_margin(
    offers: pd.DataFrame, book: Allocation
) -> None:
    alone = apply_prices(offers, book.prices)
    differs = alone["allocated_limit"] != book.offers["allocated_limit"]
    marginal = book.offers.groupby(["merchant_id", "product_id"])["is_marginal"]
    assert (marginal.transform("min") == marginal.transform("max")).all()
    assert (differs <= book.offers["is_marginal"]).all()
    assert differs.groupby([offers["merchant_id"], offers["product_id"]]).any().sum() == (
        marginal.any().sum()
    )
    assert 0 < marginal.any().sum() < 20  # of some 1,600
    same = ~book.offers["is_marginal"]
    assert (alone["reason"] == book.offers["reason"])[same].all()
    assert (alone["value_at_prices"] == book.offers["value_at_prices"]).all()


def test_one_group_alone_gets_the_bits_it_gets_among_all(
    offers: pd.DataFrame, book: Allocation
) -> None:
    everybody = apply_prices(offers, book.prices)
    groups = offers["group_id"].unique()[::23]
    assert len(groups) > 10
    for group in groups:
        mine = offers[offers["group_id"] == group]
        alone = apply_prices(mine, book.prices)
        pd.testing.assert_frame_equal(alone, everybody.loc[mine.index], check_exact=True)


def test_order_of_rows_changes_no_byte(
    offers: pd.DataFrame, lender: Lender, rules: BookRules, book: Allocation, tmp_path: Path
) -> None:
    for mixed in (offers[::-1], offers.sample(frac=1.0, random_state=1)):
        other = allocate(mixed, lender, rules=rules)
        assert other.prices.prices_id == book.prices.prices_id
        assert (other.value, other.bound) == (book.value, book.bound)
        pd.testing.assert_frame_equal(other.constraints, book.constraints, check_exact=True)
        pd.testing.assert_frame_equal(other.offers.sort_index(), book.offers, check_exact=True)
        assert other.offers.index.equals(mixed.index)
        other.prices.save(tmp_path / "other.json")
        book.prices.save(tmp_path / "book.json")
        assert (tmp_path / "other.json").read_bytes() == (tmp_path / "book.json").read_bytes()


def test_ties_go_to_the_lower_id() -> None:
    equal = offers_of(8, seed=1)[lambda f: f["product_id"] == "taobao_order"].assign(
        limit=1000.0, minimum=0.0, expected_profit=50.0, expected_loss=1.0, mean_balance=400.0,
        peak_balance=500.0,
    )  # fmt: skip
    lender = lender_of(1_000_000, single=1.0)
    rules = BookRules(outstanding=1_500_000 - 1250)  # funds for two and a half
    for frame in (equal, equal[::-1], equal.sample(frac=1.0, random_state=3)):
        given = allocate(frame, lender, rules=rules).offers.set_index("merchant_id")
        limits = given["allocated_limit"].sort_index().tolist()
        assert limits == [1000.0, 1000.0, 500.0, 0.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("served", [0.5, 130.25, 500.5, 999.5])
def test_of_a_thousand_equals_the_lower_ids_are_served(served: float) -> None:
    others = offers_of(300, seed=4, sd=0.0)[lambda f: f["product_id"] == "taobao_credit"]
    equal = pd.concat([others.head(1)] * 1000).assign(
        merchant_id=[f"z{each:04d}" for each in range(1000)], limit=1000.0, minimum=0.0,
        expected_profit=50.0, expected_loss=1.0, mean_balance=400.0, peak_balance=500.0,
    )  # fmt: skip
    equal["group_id"] = equal["merchant_id"]
    both = pd.concat([equal, others], ignore_index=True).sample(frac=1.0, random_state=2)
    better = others[others["expected_profit"] / others["peak_balance"] > 0.1]["peak_balance"].sum()
    funds = 1.5e9
    rules = BookRules(outstanding=funds - better - served * 500.0)
    book = allocate(both, lender_of(1e9, single=1.0), rules=rules)
    mine = book.offers.set_index("merchant_id")["allocated_limit"].sort_index().loc["z0000":]
    assert mine.sum() == pytest.approx(served * 1000.0, abs=1000.0)
    assert (np.diff(mine.to_numpy()) <= 0).all()


@pytest.mark.parametrize("constraint", ["expected_loss", "region:hunan", "peak_balance"])
def test_a_price_is_what_one_more_yuan_adds_to_the_bound(constraint: str) -> None:
    offers = offers_of(600, seed=12)
    lender, rules = tight_lender(offers), tight_rules(offers, loss_budget=None)
    budget = 0.14 * offers.loc[offers["expected_profit"] > 0, "expected_loss"].sum()
    if constraint == "expected_loss":
        rules = replace(rules, loss_budget=budget)
    book = allocate(offers, lender, rules=rules)
    price, more = book.prices.price_of(constraint), 20.0
    assert price > 0
    hunan = rules.region_share["hunan"] + more / (float(lender.net_capital) * 1.5)
    moved = {
        "expected_loss": {"loss_budget": budget + more},
        "region:hunan": {"region_share": {**rules.region_share, "hunan": hunan}},
        "peak_balance": {"outstanding_peak": more},
    }[constraint]
    other = allocate(offers, lender, rules=replace(rules, **moved))
    gained = (other.bound - book.bound) * (-1 if constraint == "peak_balance" else 1)
    assert gained / more == pytest.approx(price, rel=0.02)


def test_capital_is_worth_what_the_bound_gains_by_it(offers: pd.DataFrame) -> None:
    # no part of the peak of its own here, and one borrower's cap held in yuan
    lender = tight_lender(offers)
    rules = tight_rules(offers)
    book = allocate(offers, lender, rules=rules)
    more = Decimal(200)
    single = lender.single_borrower_cap / (lender.net_capital + more)
    richer = replace(
        lender,
        net_capital=lender.net_capital + more,
        single_borrower_ratio=single,
        borrowings={bank: owed + more / 4 for bank, owed in lender.borrowings.items()},
    )
    gained = (allocate(offers, richer, rules=rules).bound - book.bound) / float(more)
    assert book.capital_value == pytest.approx(gained, rel=0.02)
    balance = book.prices.price_of("expected_balance") + book.prices.price_of("peak_balance")
    assert book.capital_value >= 1.5 * balance > 0  # at most 1.5 to the cap: DOMAIN 2.3


def test_prices_come_back_from_file_as_they_were(book: Allocation, tmp_path: Path) -> None:
    place = tmp_path / "prices.json"
    book.prices.save(place)
    again = load_prices(place)
    assert again == book.prices
    assert again.prices_id == book.prices.prices_id
    assert json.loads(place.read_text())["prices_id"] == book.prices.prices_id


def test_an_id_is_the_digest_of_sorted_compact_json(book: Allocation, tmp_path: Path) -> None:
    book.prices.save(tmp_path / "prices.json")
    content = json.loads((tmp_path / "prices.json").read_text())
    claimed = content.pop("prices_id")
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == claimed == book.prices.prices_id


def test_a_save_that_is_stopped_leaves_the_old_prices(
    book: Allocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "prices.json"
    book.prices.save(place)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        replace(book.prices, small_share=0.41).save(place)
    assert load_prices(place) == book.prices
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("place", [None, 3, "", b"p", ".", "nowhere/prices.json"], ids=repr)
def test_a_place_that_cannot_be_written_or_read_is_refused(book: Allocation, place) -> None:
    with pytest.raises(InputError, match="path must"):
        book.prices.save(place)
    with pytest.raises(InputError, match="path must"):
        load_prices(place)


def test_another_price_cap_or_rule_is_another_id(book: Allocation) -> None:
    first = book.prices.constraints[0]
    rest = book.prices.constraints[1:]
    others = [
        replace(book.prices, constraints=(replace(first, price=1e-12), *rest)),
        replace(book.prices, constraints=(replace(first, cap=1.0), *rest)),
        replace(book.prices, small_share=0.41),
        replace(book.prices, policy_id="another"),
        replace(book.prices, one_borrower_fen=1),
    ]
    ids = {each.prices_id for each in others} | {book.prices.prices_id}
    assert len(ids) == len(others) + 1


def damaged(content: dict[str, object]) -> dict[str, object]:
    """Give ways to damage a file of prices."""
    priced = content["constraints"]
    text = json.dumps(content)
    return {
        "price": {**content, "constraints": [{**priced[0], "price": 9.0}, *priced[1:]]},
        "negative": {**content, "constraints": [{**priced[0], "price": -1.0}, *priced[1:]]},
        "text": {**content, "constraints": [{**priced[0], "cap": "1e9"}, *priced[1:]]},
        "kind": {**content, "constraints": [{**priced[0], "kind": "weather"}, *priced[1:]]},
        "key": {**content, "constraints": [{**priced[0], "colour": "red"}, *priced[1:]]},
        "twice": {**content, "constraints": [priced[0], *priced]},
        "extra": {**content, "note": "x"},
        "no id": {k: v for k, v in content.items() if k != "prices_id"},
        "format": {**content, "format": "alicredit-prices-2"},
        "list": [1, 2],
        "nan": text.replace(json.dumps(priced[1]["price"]), "NaN"),
        "cut": text[: len(text) // 2],
        "deep": "[" * 100_000,
    }


WAYS = [
    "price", "negative", "text", "kind", "key", "twice", "extra", "no id", "format", "list", "nan",
    "cut", "deep",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_file_is_refused(book: Allocation, tmp_path: Path, way: str) -> None:
    place = tmp_path / "prices.json"
    book.prices.save(place)
    bad = damaged(json.loads(place.read_text()))[way]
    place.write_text(bad if isinstance(bad, str) else json.dumps(bad))
    with pytest.raises(AlicreditError):
        load_prices(place)


def test_unknown_names_are_refused_where_every_name_has_a_constraint(offers: pd.DataFrame) -> None:
    lender = tight_lender(offers)
    closed = allocate(offers, lender, rules=BookRules(category_share=0.1))
    open_ = allocate(offers, lender, rules=BookRules(category_share={"c01": 0.1}))
    new = offers.head(4).assign(category="c99")
    with pytest.raises(InputError, match="must be a category of the book whose prices these are"):
        apply_prices(new, closed.prices)
    assert apply_prices(new, open_.prices)["allocated_limit"].notna().all()


def test_prices_of_another_policy_are_refused() -> None:
    policy = load_policy("ali-2013")
    offers = offers_of(5, seed=1)[lambda f: f["product_id"] == "taobao_order"]
    book = allocate(offers, policy)
    assert book.prices.policy_id == policy.policy_id
    other = policy.with_lgd({"taobao_order": 0.1})
    for wrong in (other, None):
        with pytest.raises(PolicyError, match="must be the policy whose prices these are"):
            apply_prices(offers, book.prices, policy=wrong)
    with pytest.raises(PolicyError, match="must be the policy whose prices these are"):
        apply_prices(offers, replace(book.prices, policy_id=""), policy=policy)
    assert len(apply_prices(offers, book.prices, policy=policy)) == 5


def test_a_policy_may_be_named_and_bounds_what_is_given() -> None:
    policy = load_policy("ali-2013")
    offers = offers_of(5, seed=1)[lambda f: f["product_id"] == "taobao_order"]
    prices = allocate(offers, policy).prices
    named = apply_prices(offers, prices, policy="ali-2013")
    pd.testing.assert_frame_equal(named, apply_prices(offers, prices, policy=policy))
    most = float(policy.product("taobao_order").limit.max)
    with pytest.raises(InputError, match="must not pass its product's maximum"):
        apply_prices(offers.assign(limit=most + 1), prices, policy="ali-2013")
    for wrong in ("ali-2031", 5, ""):
        with pytest.raises(AlicreditError, match="policy must"):
            apply_prices(offers, prices, policy=wrong)


def test_prices_refuse_what_no_book_gives() -> None:
    good = Constraint("peak_balance", "", 1.0, 0.1)
    for bad in (
        replace(good, price=-0.1),
        replace(good, price=float("nan")),
        replace(good, cap=-1.0),
        replace(good, kind="peak"),
        replace(good, key="hunan"),
        Constraint("region", "", 1.0),
    ):
        with pytest.raises(InputError):
            Prices((bad,), "", 100)
    with pytest.raises(InputError, match="must be there once"):
        Prices((good, good), "", 100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("constraints", [Constraint("peak_balance", "", 1.0)]), ("constraints", ("peak_balance",)),
        ("constraints", None), ("policy_id", None), ("policy_id", 5), ("policy_id", b"a"),
        ("one_borrower_fen", "x"), ("one_borrower_fen", -1), ("one_borrower_fen", 1.0),
        ("one_borrower_fen", None), ("one_borrower_fen", True), ("peak_z", -0.1),
        ("peak_z", "2"), ("peak_sigma", 0.0), ("peak_sigma", float("inf")),
        ("common_share", -0.1), ("common_share", 1.1), ("common_share", True),
        ("small_share", 1.01), ("small_share", -1e-9), ("small_share", "0.7"),
        ("small_share", Decimal("0.7")), ("small_limit", -1.0), ("small_limit", 10**400),
        ("small_limit", float("nan")), ("closed_kinds", ("foo",)), ("closed_kinds", "region"),
        ("closed_kinds", ["region"]), ("closed_kinds", None), ("closed_kinds", (3,)),
        ("closed_kinds", ("peak_balance",)), ("closed_kinds", ("region", "region")),
    ],
    ids=repr,
)  # fmt: skip
def test_prices_refuse_each_value_that_no_book_gives(
    book: Allocation, tmp_path: Path, name: str, value: object
) -> None:
    with pytest.raises(InputError, match=f"^{name} must"):
        replace(book.prices, **{name: value})
    place = tmp_path / "prices.json"
    book.prices.save(place)
    content = json.loads(place.read_text()) | {name: value}
    place.write_text(json.dumps(content, default=str))
    with pytest.raises(InputError):
        load_prices(place)


@pytest.mark.parametrize("key", [5, None, ["hunan"], b"hunan"], ids=repr)
def test_a_name_in_a_constraint_is_text(key: object) -> None:
    with pytest.raises(InputError, match="key must be text"):
        Prices((Constraint("region", key, 1.0),), "", 100)


def test_a_name_that_no_file_can_hold_is_refused_when_loaded(book: Allocation, tmp_path) -> None:
    place = tmp_path / "prices.json"
    book.prices.save(place)
    place.write_text(json.dumps(json.loads(place.read_text()) | {"policy_id": "\ud800"}))
    with pytest.raises(InputError, match="path must be a file of prices"):
        load_prices(place)


def test_a_whole_number_of_another_width_is_the_same_prices(book: Allocation) -> None:
    fen = np.int64(book.prices.one_borrower_fen)
    same = replace(book.prices, one_borrower_fen=fen)
    assert (same, same.prices_id) == (book.prices, book.prices.prices_id)


def test_rows_are_numbers_and_reasons_of_the_vocabulary(book: Allocation) -> None:
    from alicredit.vocabulary import REASONS

    reasons = set(book.offers["reason"]) - {""}
    assert reasons <= set(REASONS)
    assert set(book.constraints["code"]) <= set(REASONS)
    whole = book.offers["allocated_limit"] == book.offers["limit"]
    assert (book.offers["reason"] == "")[whole].all()
    assert (book.offers["reason"] != "")[~whole].all()
    assert np.isfinite(book.offers["value_at_prices"]).all()


def test_reason_names_what_bound() -> None:
    offers = offers_of(200, seed=21)
    wide = lender_of(1e9, single=1.0)
    earns = offers["expected_profit"] > 0
    for rules, code in (
        (BookRules(loss_budget=1000.0), "ALLOC_LOSS_BUDGET"),
        (BookRules(region_share=1e-6), "ALLOC_REGION"),
        (BookRules(category_share=1e-6), "ALLOC_CATEGORY"),
        (BookRules(product_share=1e-6), "ALLOC_PRODUCT"),
        (BookRules(small_share=0.99, small_limit=20_000.0), "ALLOC_SMALL_SHARE"),
        (BookRules(outstanding=1.5e9 - 1e6), "LENDER_CAP"),
    ):
        given = allocate(offers, wide, rules=rules).offers
        reasons = set(given.loc[earns & (given["allocated_limit"] < given["limit"]), "reason"])
        assert reasons == {code}, code
