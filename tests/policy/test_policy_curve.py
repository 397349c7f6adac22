"""The curve of profit over the amount, against plain formulas and searches written here."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError, PolicyError
from alicredit.policy import BUILT_IN, Curve, curve_of, load_policy, offer_limits, sweep_beta
from alicredit.policy.limits import year_of_line

POLICY = load_policy("ali-2013")
shares = st.floats(0.01, 1.0)
curves = st.builds(
    Curve,
    use=shares, half_months=st.one_of(st.just(math.inf), st.floats(0.2, 20)),
    earned=st.floats(-0.05, 0.3), earned_on_limit=st.floats(0, 0.02), operation=st.just(0.0),
    lgd=shares, exposed_limit=shares, exposed_use=st.floats(0, 0.8), beta=st.floats(0, 1),
)  # fmt: skip


def profit_by_hand(c: Curve, limit: float, pd_: float, sales: float) -> float:
    """Count a year's profit of one line with plain arithmetic."""
    if limit == 0:
        return 0.0
    logit = math.log(pd_ / (1 - pd_)) + c.beta * math.log(limit / sales)
    chance = 1 / (1 + math.exp(-logit))
    drawn = c.use * limit / (1 + limit / (c.half_months * sales))
    exposed = c.exposed_limit * limit + c.exposed_use * drawn
    return c.earned * drawn + c.earned_on_limit * limit - c.operation - chance * c.lgd * exposed


@given(curves, st.floats(1, 1e6), st.floats(1e-5, 0.9), st.floats(100, 1e6))
def test_profit_is_the_stated_formula(curve, limit, pd_, sales) -> None:
    found = curve.profit(np.array([limit]), np.array([pd_]), np.array([sales]))[0]
    assert found == pytest.approx(profit_by_hand(curve, limit, pd_, sales), rel=1e-9, abs=1e-7)


def falls_and_rises(profit: np.ndarray) -> bool:
    """Tell whether profits fall and rise again later, by more than rounding."""
    moves = np.diff(profit)
    slight = 1e-12 * max(float(np.abs(profit).max(initial=0.0)), 1e-12)
    falls = np.flatnonzero(moves < -slight)
    return bool(len(falls) and (moves[falls[0] :] > slight).any())


earning = curves.filter(lambda curve: curve.earned >= 0)
losing = curves.filter(lambda curve: curve.earned < 0)


@given(losing, st.floats(1e-4, 0.4))
@settings(max_examples=60)
@example(Curve(1.0, 1.0, -0.03125, 0.015625, 0.0, 0.5, 0.125, 0.0, 0.0), 0.125)
def test_where_draws_cost_each_yuan_up_to_the_best_multiple_earns(curve, pd_) -> None:
    best = float(curve.best_multiple(np.array([pd_]))[0])
    if best > 1e-3:
        x = np.exp(np.linspace(math.log(1e-3), math.log(min(best, 1e3)), 2001))
        profit = np.array([profit_by_hand(curve, each, pd_, 1.0) for each in x])
        assert (np.diff(profit) >= -1e-6 * np.abs(profit).max()).all()


@given(earning, st.floats(1e-4, 0.4))
@settings(max_examples=60)
def test_the_best_multiple_earns_as_much_as_the_best_of_a_fine_search(curve, pd_) -> None:
    x = np.exp(np.linspace(math.log(1e-3), math.log(1e3), 20_001))
    level = np.full_like(x, pd_)
    profit = np.where(
        curve.chance(x, level, np.ones_like(x)) < 0.5,
        curve.profit(x, level, np.ones_like(x)), -np.inf,
    )  # fmt: skip
    assume(not falls_and_rises(profit[np.isfinite(profit)]))
    best = float(curve.best_multiple(np.array([pd_]))[0])
    at = min(max(best, 0.0), 1e3)
    earned = profit_by_hand(curve, at, pd_, 1.0) if at > 0 else 0.0
    scale = max(abs(profit.max()), 1e-6)
    assert earned >= max(profit.max(), 0.0) - 2e-4 * scale - 2e-5


def test_no_line_is_taken_through_its_loss_to_a_gain_far_out() -> None:
    """A yuan drawn earns nothing and may be lost; the fee on the limit pays for it in the end."""
    curve = Curve(1.0, 1.0, 0.0, 0.015625, 0.0, 0.25, 0.125, 0.5, 0.0)
    near, far = (profit_by_hand(curve, at, 0.25, 1.0) for at in (0.5, 100.0))
    assert near < 0 < far
    assert curve.best_multiple(np.array([0.25])).tolist() == [0.0]


@given(curves, st.floats(1e-5, 0.99), st.floats(1e-5, 0.99))
def test_a_better_probability_never_lowers_the_best_multiple(curve, p, q) -> None:
    better, worse = curve.best_multiple(np.array([min(p, q), max(p, q)]))
    assert better >= worse


def test_without_an_effect_of_the_amount_it_is_all_or_nothing() -> None:
    flat = Curve(0.5, math.inf, 0.1, 0.0, 0.0, 0.5, 1.0, 0.0, 0.0)
    # 0.5 x 0.1 = pd x 0.5 x 1: break-even at 10 %.
    assert flat.best_multiple(np.array([0.0999, 0.1001])).tolist() == [math.inf, 0.0]
    graded = replace(flat, beta=0.25).best_multiple(np.array([0.05, 0.0999, 0.1001]))
    assert (np.diff(graded) < 0).all()
    assert np.isfinite(graded).all()


def test_use_alone_bounds_the_line_where_default_does_not_move() -> None:
    # U = x / (1 + x); exposure the limit: 0.1 / (1 + x)^2 = pd x 0.5, x = sqrt(0.2 / pd) - 1.
    curve = Curve(1.0, 1.0, 0.1, 0.0, 0.0, 0.5, 1.0, 0.0, 0.0)
    pd_ = np.array([0.01, 0.02, 0.05, 0.1])
    assert curve.best_multiple(pd_) == pytest.approx(np.sqrt(0.2 / pd_) - 1, rel=1e-5)


def test_an_order_loan_breaks_even_as_published() -> None:
    # DOMAIN 6.9: 7,000 x 4 d: 14.00 - 2.30 - 4.60 = 7.10, a loss rate of 0.1014 % a loan.
    order = POLICY.product("taobao_order")
    once = replace(order.economics, mean_use=4 / 365, draws_a_year=1.0, lgd=1.0,
                   use_at_default=1.0, credit_conversion=None, half_use_months=None,
                   accrued_days=None)  # fmt: skip
    lender = replace(POLICY.lender, equity_cost=None, turnover_tax=None)
    policy = replace(POLICY, lender=lender)
    curve = curve_of(replace(order, economics=once), policy)
    limit = np.full(2, 7000.0)
    exact = 14 - 2.30 - 7000 * 0.06 * 4 / 365
    found = curve.profit(limit, np.array([0.0, exact / 7000]), None)
    assert found == pytest.approx([exact, 0.0], abs=1e-9)
    assert (round(found[0], 2), round(exact / 70, 4)) == (7.10, 0.1014)
    taxed = replace(policy, lender=replace(lender, turnover_tax=Decimal("0.055")))
    less = curve_of(replace(order, economics=once), taxed).profit(limit, np.zeros(2), None)
    assert found[0] - less[0] == pytest.approx(14.00 * 0.055)


def test_capital_stands_for_two_yuan_in_three_under_the_cap_of_one_and_a_half() -> None:
    dear = replace(POLICY, lender=replace(POLICY.lender, equity_cost=Decimal("0.15")))
    credit = POLICY.product("taobao_credit")
    gap = curve_of(credit, POLICY).earned - curve_of(credit, dear).earned
    assert gap == pytest.approx((0.15 - 0.10) / 1.5)
    free = replace(POLICY, lender=replace(POLICY.lender, equity_cost=None))
    assert curve_of(credit, free).earned == pytest.approx(0.1825 * 0.945 - 0.06)


@pytest.mark.parametrize("name", BUILT_IN)
def test_year_of_line_agrees_with_the_curve_of_every_product(name: str) -> None:
    policy = load_policy(name)
    fen, risk = np.array([50_000, 1_000_000, 0]), np.array([0.01, 0.02, 0.03])
    sales = np.array([3_000.0, 20_000.0, 100.0])
    for product in policy.active:
        curve = curve_of(product, policy)
        loss, profit = year_of_line(fen, risk, product, policy, sales=sales)
        for k in range(3):
            hand = profit_by_hand(curve, fen[k] / 100, risk[k], sales[k])
            assert profit[k] == pytest.approx(hand, abs=0.00501)
        assert loss[2] == 0
        unknown = year_of_line(fen, risk, product, policy, sales=np.full(3, np.nan))
        plain = year_of_line(fen, risk, product, policy)
        assert np.array_equal(unknown, plain)


def people(size: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sales = rng.lognormal(10, 1.5, size).round(2)
    return pd.DataFrame({
        "merchant_id": [f"m{k}" for k in range(size)], "outstanding": 0.0,
        "pd": rng.lognormal(-4, 0.8, size).clip(1e-4, 0.3), "order_base": sales,
        "monthly_sales_median_180d": sales,
    })  # fmt: skip


@pytest.mark.parametrize("product", ["ali_credit", "taobao_credit", "taobao_order"])
def test_no_amount_on_the_steps_within_the_bounds_earns_more(product: str) -> None:
    """Try amounts up to the other bounds one by one, on the curve and on neither table."""
    rows, of = people(60, 3), POLICY.product(product)
    curve = curve_of(of, POLICY)
    offers = offer_limits(rows, POLICY, product=product)
    loose = offer_limits(
        rows, replace(POLICY, limit_rules=replace(POLICY.limit_rules, by_profit=None)),
        product=product,
    )  # fmt: skip
    step, least = float(of.limit.step), float(of.limit.min or of.limit.step)
    for row, line, most in zip(rows.itertuples(), offers.itertuples(), loose["limit"]):
        if line.binding == "ELIG_LIMIT_MIN":
            assert line.limit == 0
            continue
        amounts = np.unique(np.linspace(least, max(most, least), 400) // step * step)
        amounts = amounts[(amounts >= least) & (amounts <= most)]
        earned = [profit_by_hand(curve, a, row.pd, row.monthly_sales_median_180d) for a in amounts]
        top = max([0.0, *earned])
        sales = row.monthly_sales_median_180d
        near = [profit_by_hand(curve, a, row.pd, sales) for a in (line.limit, line.limit + step)]
        assert max(near) >= top * (1 - 1e-6) - 1e-6  # limits are floored to the step
        assert (line.binding == "LIM_UNPROFITABLE") <= (top < 0.01)
    assert {"LIM_PROFIT", "LIM_SALES"} & set(offers["binding"])


def test_prudence_moves_limits_and_not_what_is_told_of_them() -> None:
    rows = people(200, 5)
    wide = rows.assign(pd_upper=(rows["pd"] * 3).clip(upper=1))
    plain = offer_limits(rows, POLICY, product="taobao_credit")
    careful = offer_limits(wide, POLICY, product="taobao_credit")
    assert (careful["limit"] <= plain["limit"]).all()
    assert careful["limit"].sum() < plain["limit"].sum()
    at_two = offer_limits(rows.assign(pd=rows["pd"] * 2), POLICY, product="taobao_credit")
    assert careful["best"].tolist() == at_two["best"].tolist()
    same = careful["limit"] == plain["limit"]
    assert careful.loc[same, "expected_loss"].equals(plain.loc[same, "expected_loss"])
    bold = replace(POLICY, limit_rules=replace(POLICY.limit_rules, prudence=0.0))
    again = offer_limits(wide, bold, product="taobao_credit")
    pd.testing.assert_frame_equal(again, plain)


def test_a_larger_effect_of_the_amount_gives_lower_limits_above_a_months_sales() -> None:
    swept = sweep_beta(people(300, 9).assign(outstanding=0.0), POLICY, product="taobao_credit")
    assert swept["beta"].tolist() == [0.0, 0.1, 0.25, 0.5, 1.0]
    assert (swept["offered"] > 0).all()
    own = offer_limits(people(300, 9), POLICY, product="taobao_credit")
    line = swept[swept["beta"] == 0.25].iloc[0]
    assert line["limit"] == own["limit"].sum()
    assert line["expected_profit"] == pytest.approx(own["expected_profit"].sum())


def test_wrong_calls_are_refused() -> None:
    rows = people(3, 1)
    with pytest.raises(InputError, match="must not be below pd"):
        offer_limits(rows.assign(pd_upper=0.0), POLICY, product="taobao_credit")
    with pytest.raises(InputError, match="pd_upper"):
        offer_limits(rows.assign(pd_upper="high"), POLICY, product="taobao_credit")
    with pytest.raises(InputError, match="betas"):
        sweep_beta(rows, POLICY, product="taobao_credit", betas=[])
    with pytest.raises(InputError, match="betas"):
        sweep_beta(rows, POLICY, product="taobao_credit", betas=[-0.1])
    with pytest.raises(PolicyError, match="economics"):
        curve_of(POLICY.product("virtual_card"), POLICY)
