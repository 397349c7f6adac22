"""What one group gets at prices, counted again by plain loops, and the dual function's own laws."""

from __future__ import annotations

from itertools import product as every

import numpy as np
import pandas as pd
import pytest
from allocation_books import lender_of, offers_of, tight_lender, tight_rules
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from alicredit.allocation import BookRules, Constraint, Prices, allocate, apply_prices
from alicredit.allocation.choice import Problem, choose_relaxed, choose_whole
from alicredit.allocation.core import settle_core
from alicredit.allocation.dual import evaluate, find_prices
from alicredit.allocation.offers import read_offers
from alicredit.allocation.remainder import Given, fill, keep_within
from alicredit.allocation.single import pose

Z99 = 2.3263478740408408


def problem_of(
    offers: pd.DataFrame, *, one_borrower: float = 1e12, caps: dict[str, float] | None = None
) -> Problem:
    """Pose offers under caps on balances and losses."""
    most = {"peak_balance": 1e9, "expected_loss": 1e7} | (caps or {})
    constraints = tuple(Constraint(kind, "", cap) for kind, cap in most.items())
    return pose(read_offers(offers, None), Prices(constraints, "", round(one_borrower * 100)))


def by_hand(offers: pd.DataFrame, prices: Prices) -> dict[tuple[str, str, float], float]:
    """Charge each offer by a plain loop; give each merchant's best amount of a product."""
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for row in offers.sort_values("limit").itertuples():
        worth = row.expected_profit
        for each in prices.constraints:
            use = {
                "expected_balance": row.mean_balance,
                "expected_loss": row.expected_loss,
                "peak_balance": row.peak_balance + prices.peak_z * row.peak_sd,
                "region": row.mean_balance * (row.region == each.key),
                "category": row.mean_balance * (row.category == each.key),
                "product": row.mean_balance * (row.product_id == each.key),
                "small_loans": row.mean_balance
                * (prices.small_share - (row.limit <= prices.small_limit)),
            }[each.kind]
            worth -= each.price * use
        item = (row.merchant_id, row.product_id)
        if worth > 1e-9 and worth > best.get(item, (0.0, 0.0))[0] + 1e-9:
            best[item] = (worth, row.limit)
    return {(*item, limit): worth for item, (worth, limit) in best.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_charges_are_those_of_a_plain_loop(seed: int) -> None:
    offers = offers_of(60, seed=seed, amounts=3, sd=0.3)
    rng = np.random.default_rng(seed)
    kinds = [("expected_balance", ""), ("peak_balance", ""), ("expected_loss", ""),
             ("region", "hunan"), ("region", "zhejiang"), ("category", "c03"),
             ("product", "taobao_order"), ("small_loans", "")]  # fmt: skip
    prices = Prices(
        tuple(Constraint(kind, key, 1e6, float(rng.random() * 0.03)) for kind, key in kinds),
        "", 10**15, peak_z=Z99, small_share=0.3, small_limit=30_000.0,
    )  # fmt: skip
    found = apply_prices(offers, prices)
    given_ = found[found["allocated_limit"] > 0]
    want = by_hand(offers, prices)
    assert len(want) > 20
    ids = zip(given_["merchant_id"], given_["product_id"], given_["allocated_limit"])
    assert dict(zip(ids, given_["value_at_prices"])) == pytest.approx(want, rel=1e-9)


def best_by_trying(rows: pd.DataFrame, most: float) -> float:
    """Give the most that whole offers of one group can be worth within a cap, trying all."""
    items = [
        [(0.0, 0.0), *zip(mine["limit"], mine["expected_profit"])]
        for _, mine in rows.groupby(["merchant_id", "product_id"])
    ]
    worth = 0.0
    for choice in every(*items):
        if sum(limit for limit, _ in choice) <= most:
            worth = max(worth, sum(profit for _, profit in choice))
    return worth


@settings(max_examples=40, deadline=None)
@given(
    limits=st.lists(st.integers(1, 40), min_size=2, max_size=8, unique=True),
    gains=st.lists(st.integers(-5, 60), min_size=8, max_size=8),
    products=st.lists(st.integers(0, 3), min_size=8, max_size=8),
    most=st.integers(1, 90),
)
def test_a_group_over_its_cap_takes_no_more_and_no_worse_than_a_part_of_the_best(
    limits: list[int], gains: list[int], products: list[int], most: int
) -> None:
    size = len(limits)
    rows = pd.DataFrame(
        {
            "merchant_id": [f"m{each % 2}" for each in products[:size]],
            "product_id": [f"p{each}" for each in products[:size]],
            "limit": [100.0 * each for each in limits],
            "minimum": 0.0,
            "expected_profit": [float(each) for each in gains[:size]],
            "expected_loss": 0.0,
            "mean_balance": 1.0,
            "peak_balance": 1.0,
            "region": "hunan",
            "category": "toys",
            "group_id": "g",
        }
    )
    problem = problem_of(rows, one_borrower=100.0 * most)
    nothing = np.zeros(2)
    fen = choose_whole(problem, problem.values(nothing))
    assert fen.sum() <= problem.one_borrower
    given_ = pd.Series(fen > 0).groupby(problem.item).sum()
    assert (given_ <= 1).all()
    relaxed, _ = choose_relaxed(problem, nothing)
    whole = float((problem.profit * fen / problem.limit).sum())
    items = pd.get_dummies(problem.item).to_numpy(float).T
    linear = linprog(
        -problem.profit,
        A_ub=np.vstack([problem.limit / 100, items]),
        b_ub=np.append(100.0 * most, np.ones(len(items))),
        bounds=(0, 1),
    )
    assert relaxed == pytest.approx(-linear.fun, abs=1e-6)
    tried = best_by_trying(rows, 100.0 * most)
    assert whole <= relaxed + 1e-9
    assert relaxed >= tried - 1e-9
    if rows["limit"].sum() <= 100.0 * most:
        assert whole == tried  # nothing binds: the best of each


@settings(max_examples=15, deadline=None)
@given(
    at=st.tuples(st.floats(0, 0.2), st.floats(0, 3)),
    to=st.tuples(st.floats(0, 0.2), st.floats(0, 3)),
    single=st.sampled_from((3e4, 1e12)),
)
def test_each_plane_lies_below_the_dual_function(
    at: tuple[float, float], to: tuple[float, float], single: float
) -> None:
    offers = offers_of(40, seed=3, amounts=2, related=0.3)
    caps = {"peak_balance": 2e6, "expected_loss": 2e4}
    problem = problem_of(offers, one_borrower=single, caps=caps)
    plane = evaluate(problem, np.array(at))
    there = evaluate(problem, np.array(to))
    below = plane.height + float((plane.slope * (np.array(to) - np.array(at))).sum())
    assert there.height >= below - 1e-6 * max(1.0, abs(there.height))
    assert there.height >= find_prices(problem).height - 1e-6 * abs(there.height)


def test_prices_of_a_large_book_start_from_a_part_and_end_at_the_whole() -> None:
    # above 4,000 groups a part is solved first; the bound must still be the whole's own
    offers = offers_of(5000, seed=2)
    offers = offers[offers["product_id"] != "virtual_card"]
    lender, rules = tight_lender(offers), tight_rules(offers, small_share=0.0)
    book = allocate(offers, lender, rules=rules)
    mean, peak = offers["mean_balance"].to_numpy(), offers["peak_balance"].to_numpy()
    funds = float(lender.net_capital) * 1.5
    rows, caps = [mean, peak, offers["expected_loss"].to_numpy()], [funds, funds, rules.loss_budget]
    for column, shares in (("region", rules.region_share), ("category", rules.category_share),
                           ("product_id", rules.product_share)):  # fmt: skip
        for name, share in shares.items():
            rows.append(mean * (offers[column] == name).to_numpy())
            caps.append(share * funds)
    largest = offers.groupby("group_id")["limit"].sum().max()
    assert largest <= float(lender.single_borrower_cap)
    linear = linprog(-offers["expected_profit"], A_ub=np.array(rows), b_ub=caps, bounds=(0, 1))
    assert book.bound == pytest.approx(-linear.fun, rel=1e-6)
    assert 0 <= book.gap < 1e-4


@pytest.mark.parametrize("seed", range(4))
def test_the_margin_is_lawful_from_any_start(seed: int) -> None:
    offers = offers_of(120, seed=seed, amounts=2, related=0.3)
    problem = problem_of(
        offers, one_borrower=60_000.0, caps={"peak_balance": 1e6, "expected_loss": 5e3}
    )
    rng = np.random.default_rng(seed)
    prices = np.array([0.05, 1.0])
    value = problem.values(prices)
    items = np.flatnonzero(np.diff(problem.item, prepend=-1))
    start = np.zeros(len(value), dtype=np.int64)
    some = items[rng.random(len(items)) < 0.5]
    start[some] = np.minimum(problem.limit[some], problem.one_borrower // 12)
    start[start < problem.least] = 0
    kept = keep_within(problem, value, Given(start, np.full(len(value), -1, dtype=np.int64)))
    filled = fill(problem, value, kept)
    for given_ in (kept, filled):
        held = np.flatnonzero(given_.fen)
        used = problem.used(held, given_.fen[held] / problem.limit[held])
        assert (used <= problem.caps + 2e-6).all()
        assert np.bincount(problem.item[held]).max() <= 1
        assert (given_.fen[held] >= problem.least[held]).all()
        lent = np.bincount(problem.group, weights=given_.fen)
        assert lent.max() <= problem.one_borrower
    earned = [(problem.profit * g.fen / problem.limit).sum() for g in (kept, filled)]
    assert earned[1] >= earned[0]


def test_the_core_is_settled_only_where_something_has_a_price() -> None:
    problem = problem_of(offers_of(30, seed=1))
    value = problem.values(np.zeros(2))
    fen = choose_whole(problem, value)
    assert settle_core(problem, np.zeros(2), value, fen) is None
    empty = problem_of(offers_of(30, seed=1).head(0))
    assert settle_core(empty, np.ones(2), np.zeros(0), np.zeros(0, dtype=np.int64)) is None


def test_more_of_anything_never_lowers_the_bound() -> None:
    offers = offers_of(300, seed=17)
    bounds = []
    for loss in (0.05, 0.1, 0.2, 0.4):
        for outstanding in (1e6, 0.0):
            rules = BookRules(
                loss_budget=loss * offers["expected_loss"].sum(), outstanding=outstanding,
                region_share=0.3,
            )  # fmt: skip
            bounds.append(allocate(offers, lender_of(1.2e7), rules=rules).bound)
    table = np.array(bounds).reshape(4, 2)
    assert (np.diff(table, axis=0) >= -1e-6 * table[:-1]).all()
    assert (np.diff(table, axis=1) >= -1e-6 * table[:, :1]).all()
    assert table[-1, -1] > 1.05 * table[0, 0]
