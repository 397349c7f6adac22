"""What a loan is charged: the contract rate, what fees make of it, and what risk asks for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse, require_between, require_kind, require_one_of
from alicredit.errors import PolicyError
from alicredit.loans import annual_cost, annualise, internal_rate
from alicredit.policy.contracts import METHODS
from alicredit.policy.file.load import load_policy
from alicredit.policy.policy import Policy
from alicredit.policy.terms import Product

Floats = npt.NDArray[np.float64]

_BASE_FEN = 10_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """A contract rate with its unit and its annual rates, each named by its convention.

    Parameters
    ----------
    rate : float
        A day or a month.
    unit : {"day", "month"}
        Which.
    annual_simple_act_365 : float
        The rate times 365 or 12.
    flags : tuple of str
        ``RATE_CAP, RATE_FLOOR, FEE_ABOVE_CAP, PENALTY_ABOVE_CAP``: nothing is clipped.
    with_fee : float or None
        Annual rate with the fee on what the borrower has in hand: 12 x the monthly internal rate
        of the instalments for a loan in months (nominal), simple act/365 for one in days.
    with_fee_convention : str
        ``nominal_monthly_irr`` or ``simple_act_365``.
    with_fee_effective : float or None
        The same compounded over a year.
    """

    rate: float
    unit: str
    annual_simple_act_365: float
    flags: tuple[str, ...] = ()
    with_fee: float | None = None
    with_fee_convention: str = ""
    with_fee_effective: float | None = None


def price_loan(
    product: Product, policy: str | Policy, *, rate: float | Decimal | Fraction | None = None
) -> Price:
    """Price a loan at the product's rate, or at another within its bounds.

    Parameters
    ----------
    product : Product
        An active product.
    policy : str or Policy
        Whose lender's cap and floor on rates are checked.
    rate : float, Decimal, Fraction or None, default None
        Another contract rate, within the product's bounds; read by its shortest text.

    Returns
    -------
    Price
        With flags ``RATE_CAP`` and ``RATE_FLOOR`` where the annual rate is above the cap or below
        the floor, ``FEE_ABOVE_CAP`` where the fee takes it above the cap over the product's term
        (DOMAIN 2.4, 6.4, 6.5), ``PENALTY_ABOVE_CAP`` where the penalty rate is; nothing is clipped.

    Raises
    ------
    PolicyError
        If the product has no rate, or the rate lies outside its bounds.

    Examples
    --------
    >>> policy = load_policy("ali-2013")
    >>> price = price_loan(policy.product("taobao_order"), policy)
    >>> price.rate, price.unit, price.annual_simple_act_365, price.flags
    (0.0005, 'day', 0.1825, ('PENALTY_ABOVE_CAP',))
    >>> round(price_loan(policy.product("ali_credit"), policy).with_fee, 6)
    0.191065
    >>> price_loan(policy.product("taobao_order"), policy, rate=0.0007)
    Traceback (most recent call last):
    alicredit.errors.PolicyError: rate must lie from 0.0005 to 0.0006; found 0.0007.
    """
    require_kind("product", product, Product, "must be a product of a policy")
    chosen, terms = load_policy(policy), product.rate
    if terms is None:
        refuse("product", "must have a rate", product.id, error=PolicyError)
    value = float(terms.value)
    if rate is not None:
        require_between("rate", rate, 0, 1, error=PolicyError)
        value = float(rate if isinstance(rate, Fraction) else str(rate))
    if not float(terms.min) <= value <= float(terms.max):
        rule = f"must lie from {terms.min} to {terms.max}"
        refuse("rate", rule, value, error=PolicyError)
    require_one_of("unit", terms.unit, ("day", "month"), error=PolicyError)
    annual = annualise(value, "simple_act_365", unit=terms.unit)
    with_fee, convention, effective = _with_fee(product, value, annual)
    benchmark = chosen.lender.benchmark_of(product)
    cap = float(chosen.lender.rate_cap_multiple * benchmark)
    floor = float(chosen.lender.rate_floor_multiple * benchmark)
    penal = annual * float(product.terms.get("penalty_multiplier", 1))
    pairs = (
        ("RATE_CAP", annual > cap + 1e-12),
        ("RATE_FLOOR", annual < floor - 1e-12),
        ("FEE_ABOVE_CAP", annual <= cap + 1e-12 < with_fee),
        ("PENALTY_ABOVE_CAP", penal > cap + 1e-12),
    )
    flags = tuple(code for code, holds in pairs if holds)
    return Price(
        value, terms.unit, round(annual, 12), flags, round(with_fee, 12), convention, effective
    )


def fee_of(product: Product) -> float:
    """Give the service fee on what is paid out, or on the line; 0 where none is charged."""
    is_charged = product.terms.get("fee_basis", "none") != "none"
    return float(product.terms.get("service_fee_rate", 0)) * is_charged


def _with_fee(product: Product, rate: float, annual: float) -> tuple[float, str, float]:
    """Give the annual rate with the fee, the name of its convention, and the effective one."""
    fee, unit = fee_of(product), product.rate.unit if product.rate is not None else "day"
    if product.term_days is not None:
        days = product.term_days
        cost = _cost_of_days(rate if unit == "day" else annual / 365, fee, days)
        return cost[0], "simple_act_365", cost[1]
    months = product.term_months or 12
    monthly = rate if unit == "month" else annual / 12
    found = _monthly(monthly, fee, months, METHODS.get(product.repayment) or "")
    return found * 12, "nominal_monthly_irr", float((1 + found) ** 12 - 1)


@lru_cache(maxsize=1024)
def _cost_of_days(rate: float, fee: float, days: int) -> tuple[float, float]:
    """Give the simple and the effective annual cost of a draw for so many days, fee withheld."""
    if not fee:
        return rate * 365, float((1 + rate * days) ** (365 / days) - 1)
    received = round(_BASE_FEN * (1 - fee))
    repaid = round(_BASE_FEN * (1 + rate * days))
    return (
        annual_cost(received, repaid, days, "simple_act_365"),
        annual_cost(received, repaid, days, "effective"),
    )


@lru_cache(maxsize=1024)
def _monthly(rate: float, fee: float, months: int, method: str) -> float:
    """Give the monthly internal rate of instalments on what is received net of the fee."""
    if not fee:
        return rate
    if method == "equal_principal":
        principal = np.full(months, 1 / months)
        left = 1 - np.arange(months) / months
        paid = principal + left * rate
    elif method == "annuity":
        paid = np.full(months, rate / (1 - (1 + rate) ** -months) if rate else 1 / months)
    else:
        paid = np.full(months, rate)
        paid[-1] += 1
    return float(internal_rate([1 - fee, *(-paid).tolist()]))


def annual_yield(product: Product, annual: float | None = None) -> float:
    """Give what a yuan that is drawn for a year earns before tax.

    A card earns no interest in its free days: a balance earns the shop's fee each time it turns,
    365 / free days a year (DOMAIN 1.3).
    """
    card = product.card
    if product.kind == "card" and card is not None and card.interest_free_days:
        return float(card.merchant_fee_rate) * 365 / card.interest_free_days
    if annual is not None:
        return annual
    if product.rate is None:
        refuse("product", "must have a rate", product.id, error=PolicyError)
    return round(annualise(float(product.rate.value), "simple_act_365", unit=product.rate.unit), 12)
