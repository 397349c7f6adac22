"""Prices: the published rates with fees, and rates by risk against their own definition."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError, PolicyError
from alicredit.policy import curve_of, load_policy, price_for, price_loan
from alicredit.policy.line.curve import cost_of_funds

POLICY = load_policy("ali-2013")
CREDIT, ORDER, ALI = (POLICY.product(each) for each in ("taobao_credit", "taobao_order",
                                                        "ali_credit"))  # fmt: skip


@pytest.mark.parametrize(
    ("repayment", "nominal", "effective"),
    [("interest_only_bullet", 0.191065, 0.208717), ("annuity", 0.199405, 0.218678),
     ("equal_principal", 0.199918, 0.219293)],
)  # fmt: skip
def test_a_fee_of_one_per_cent_makes_18_per_cent_what_is_published(
    repayment: str, nominal: float, effective: float
) -> None:
    """DOMAIN 6.4: 18 % and the fee land at 19 to 20 % nominal."""
    price = price_loan(replace(ALI, repayment=repayment), POLICY)
    assert price.with_fee_convention == "nominal_monthly_irr"
    assert price.with_fee == pytest.approx(nominal, abs=5e-7)
    assert price.with_fee_effective == pytest.approx(effective, abs=5e-7)
    free = replace(ALI, repayment=repayment, terms={**ALI.terms, "fee_basis": "none"})
    assert price_loan(free, POLICY).with_fee == pytest.approx(0.18)
    assert price_loan(free, POLICY).with_fee_effective == pytest.approx(0.195618, abs=5e-7)


@pytest.mark.parametrize(
    ("days", "simple", "effective", "is_above"),
    [(1, 3.8712, None, True), (4, 1.1061, 2.0024, True), (6, 0.7988, 1.2114, True),
     (30, 0.3072, 0.3545, True), (66, None, None, True), (67, None, None, False),
     (365, 0.1944, None, False)],
)  # fmt: skip
def test_an_order_loan_with_a_fee_exceeds_the_cap_unless_held_for_67_days(
    days: int, simple: float | None, effective: float | None, is_above: bool
) -> None:
    """DOMAIN 2.4 and 6.5: simple act/365 on what is received; flagged and not clipped."""
    terms = {**ORDER.terms, "service_fee_rate": Decimal("0.01"), "fee_basis": "per_disbursement"}
    # Without a six-month benchmark of its own the policy tests every tenor against 24 %.
    price = price_loan(replace(ORDER, terms=terms, term_days=days), POLICY)
    assert price.with_fee_convention == "simple_act_365"
    assert ("FEE_ABOVE_CAP" in price.flags) == is_above
    assert price.rate == 0.0005
    if simple is not None:
        assert price.with_fee == pytest.approx(simple, abs=6e-5)
    if effective is not None:
        assert price.with_fee_effective == pytest.approx(effective, abs=6e-5)


@pytest.mark.parametrize(
    ("rate", "unit", "annual", "effective"),
    [("0.0005", "day", 0.1825, 0.200159), ("0.0006", "day", 0.2190, 0.244750),
     ("0.015", "month", 0.18, 0.195618)],
)  # fmt: skip
def test_rates_of_the_table_of_conventions(rate, unit, annual, effective) -> None:
    """DOMAIN 2.4."""
    from alicredit.loans import annualise

    free = replace(CREDIT, rate=replace(CREDIT.rate, value=Decimal(rate), unit=unit,
                                        min=Decimal(rate), max=Decimal(rate)))  # fmt: skip
    price = price_loan(free, POLICY)
    assert price.annual_simple_act_365 == pytest.approx(annual)
    assert annualise(price.rate, "effective", unit=unit) == pytest.approx(effective, abs=5e-7)
    assert price.flags == ("PENALTY_ABOVE_CAP",)  # 27.375 % or 27 % and above


def test_rates_below_the_floor_are_flagged() -> None:
    wide = replace(CREDIT, rate=replace(CREDIT.rate, min=Decimal("0.0001")))
    assert price_loan(wide, POLICY, rate=0.0001).flags == ("RATE_FLOOR",)
    assert price_loan(wide, POLICY, rate=0.054 / 365).flags == ()


WIDE = replace(CREDIT, rate=replace(CREDIT.rate, min=Decimal(0), max=Decimal("0.002")))


@given(st.floats(0, 0.2), st.floats(500, 1e6), st.floats(100, 1e6))
@settings(max_examples=60)
def test_the_rate_by_risk_earns_its_costs_and_the_margin(chance, limit, sales) -> None:
    asked = price_for(WIDE, POLICY, chance=[chance], limit=[limit], monthly_sales=[sales]).iloc[0]
    y = asked["needed_annual_simple_act_365"]
    at = (np.array([limit]), np.array([chance]), np.array([sales]))
    if not np.isfinite(y):
        assert curve_of(WIDE, POLICY, annual=10.0).profit(*at)[0] < 0
        return
    curve = curve_of(WIDE, POLICY, annual=float(y))
    want = POLICY.limit_rules.margin * curve.drawn(at[0], at[2])[0]
    if y > 0:
        assert curve.profit(*at)[0] == pytest.approx(want, rel=1e-9, abs=1e-6 * limit)
    assert 0 <= asked["rate"] <= 0.002
    if 0 < y < 0.002 * 365:
        assert y / 365 - 1e-12 <= asked["rate"] <= y / 365 + 1e-6 + 1e-12


def test_the_parts_of_a_rate_by_hand() -> None:
    bare = replace(WIDE, economics=replace(WIDE.economics, credit_conversion=None,
                                           half_use_months=None, accrued_days=None))  # fmt: skip
    policy = replace(POLICY, limit_rules=replace(POLICY.limit_rules, margin=0.02))
    found = price_for(bare, policy, chance=[0.01], limit=[10_000.0]).iloc[0]
    drawn = 10_000 * 0.337
    want = (cost_of_funds(policy) + 0.02) * drawn + 2.30 * 4.7 + 0.01 * 0.6 * 0.8 * 10_000
    assert found["needed_annual_simple_act_365"] == pytest.approx(want / (0.945 * drawn))


def test_more_risk_never_asks_for_less_and_bounds_are_flagged() -> None:
    chance = np.linspace(0, 0.3, 61)
    asked = price_for(CREDIT, POLICY, chance=chance, limit=np.full(61, 2e4))
    assert asked["rate"].is_monotonic_increasing
    assert asked["needed_annual_simple_act_365"].is_monotonic_increasing
    assert asked["rate"].between(0.0005, 0.0006).all()
    held = asked["flags"].map(lambda codes: [each for each in codes if each.startswith("RATE_AT")])
    assert held.iloc[0] == ["RATE_AT_MIN"]
    assert held.iloc[-1] == ["RATE_AT_MAX"]
    needed = asked["needed_annual_simple_act_365"] / 365
    inside = needed.between(0.0005, 0.0006)
    assert (held[inside].map(len) == 0).all()
    assert (held[~inside].map(len) == 1).all()
    fixed = price_for(ALI, POLICY, chance=[0.01], limit=[1e5])
    assert fixed["rate"].tolist() == [0.015]
    assert fixed["with_fee"].iloc[0] == pytest.approx(0.191065, abs=5e-7)


def test_who_has_no_line_has_no_price() -> None:
    asked = price_for(CREDIT, POLICY, chance=[np.nan, 0.01, 0.01], limit=[1e4, 0.0, np.nan])
    assert asked.drop(columns=["rate_unit", "with_fee_convention", "flags"]).isna().all(axis=None)
    assert asked["flags"].tolist() == [(), (), ()]
    known = price_for(
        CREDIT, POLICY, chance=[0.01] * 2, limit=[1e4] * 2, monthly_sales=[1e4, np.nan]
    )
    assert known["rate"].notna().all()


@pytest.mark.parametrize(
    "wrong",
    [{"chance": [-0.1]}, {"chance": [1.1]}, {"chance": "x"}, {"chance": [[0.1]]}, {"limit": [-1.0]},
     {"limit": [1.0, 2.0]}, {"limit": [np.inf]}, {"monthly_sales": [-5.0]},
     {"monthly_sales": [1.0, 2.0]}, {"limit": None}],
)  # fmt: skip
def test_wrong_numbers_are_refused(wrong: dict) -> None:
    good = {"chance": [0.1], "limit": [100.0], "monthly_sales": [50.0]}
    if wrong == {"limit": None}:
        assert np.isnan(price_for(CREDIT, POLICY, **good | wrong)["rate"].iloc[0])
        return
    with pytest.raises(InputError, match=next(iter(wrong))):
        price_for(CREDIT, POLICY, **good | wrong)


def test_products_that_bear_no_interest_are_refused() -> None:
    planned = load_policy("ali-2013-planned")
    for product in (planned.product("virtual_card"), planned.product("shangcheng_factoring")):
        with pytest.raises(PolicyError, match="product must"):
            price_for(product, planned, chance=[0.1], limit=[100.0])
