"""The rate that loss, funding, operation and margin ask for, within the product's bounds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_kind, require_one_order
from alicredit.errors import PolicyError
from alicredit.policy.file.load import load_policy
from alicredit.policy.line.curve import curve_of
from alicredit.policy.policy import Policy
from alicredit.policy.price import price_loan
from alicredit.policy.terms import Product

Floats = npt.NDArray[np.float64]

_GRAIN = 1e-6


def price_for(
    product: Product,
    policy: str | Policy,
    *,
    chance: npt.ArrayLike,
    limit: npt.ArrayLike,
    monthly_sales: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Price lines by risk: the rate at which each earns its costs and the margin, within bounds.

    With U the mean balance, t the turnover tax, c the cost of funds and equity and E the exposure
    at default before interest, the annual rate y solves
    (1 - t)(y + fee) U - c U - operation - PD(L) LGD E (1 + y days / 365) = margin U, with
    ``limit_rules.margin``. It is rounded up to a millionth a day or month and held to the product's
    ``rate.min`` and ``rate.max``; where it was held, or a cap or floor of law is passed, a flag
    says so.

    Parameters
    ----------
    product : Product
        With a rate and economics, bearing interest from the first day.
    policy : str or Policy
        Whose lender's costs, cap and floor count.
    chance : array-like of float
        Probabilities of default in a year, 0 to 1; NaN has no price.
    limit : array-like of float
        Amounts in yuan; 0 and NaN have no price.
    monthly_sales : array-like of float or None, default None
        Yuan; None, or NaN: default and use do not depend on the amount.

    Returns
    -------
    pandas.DataFrame
        A row each: ``rate, rate_unit, needed_annual_simple_act_365`` (before bounds; infinite where
        no rate would do), ``annual_simple_act_365, with_fee, with_fee_convention,
        with_fee_effective, flags`` (tuple of codes: ``RATE_AT_MAX`` and ``RATE_AT_MIN`` where the
        bound held the rate, and those of :func:`price_loan`).

    Raises
    ------
    InputError
        For probabilities or amounts that are none, or of unlike lengths or orders.
    PolicyError
        For a product without a rate, or a card in its free days.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> policy = load_policy("ali-2013")
    >>> asked = price_for(policy.product("taobao_credit"), policy, chance=[0.001, 0.05, 0.2],
    ...                   limit=[20_000.0] * 3)
    >>> asked["rate"].tolist(), asked["flags"].str[0].tolist()
    ([0.0005, 0.000501, 0.0006], ['RATE_AT_MIN', 'PENALTY_ABOVE_CAP', 'RATE_AT_MAX'])
    >>> price_for(policy.product("taobao_credit"), policy, chance=[2.0], limit=[1.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: chance must be numbers from 0 to 1 or NaN; found 2.0.
    """
    require_kind("product", product, Product, "must be a product of a policy")
    chosen = load_policy(policy)
    if product.rate is None or product.economics is None:
        refuse("product", "must have a rate and economics", product.id, error=PolicyError)
    if product.card is not None and product.card.interest_free_days:
        refuse("product", "must bear interest from the first day", product.id, error=PolicyError)
    require_one_order(chance=chance, limit=limit, monthly_sales=monthly_sales)
    risk = _numbers("chance", chance, 1.0)
    amount = _numbers("limit", limit, 1e12, len(risk))
    sales = None
    if monthly_sales is not None:
        sales = _numbers("monthly_sales", monthly_sales, 1e300, len(risk))
    has = (amount > 0) & ~np.isnan(risk)
    needed = np.full(len(risk), np.nan)
    needed[has] = _needed(
        product, chosen, risk[has], amount[has], None if sales is None else sales[has]
    )
    return _priced(product, chosen, needed)


def _numbers(name: str, given: npt.ArrayLike, most: float, size: int | None = None) -> Floats:
    """Take numbers from 0 to a most, or NaN."""
    rule = f"must be numbers from 0 to {most:g} or NaN"
    try:
        found = np.atleast_1d(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError):
        refuse(name, rule, type(given).__name__)
    if found.ndim != 1 or (size is not None and len(found) != size):
        refuse(name, f"must have {size} values" if size else rule, f"shape {found.shape}")
    bad = found[(found < 0) | (found > most)]
    if len(bad):
        refuse(name, rule, bad[0])
    return found


def _needed(
    product: Product, policy: Policy, chance: Floats, limit: Floats, sales: Floats | None
) -> Floats:
    """Solve for the annual rate; infinite where default takes more interest than is paid."""
    free, use = curve_of(product, policy, annual=0.0), product.economics
    drawn, loss = free.drawn(limit, sales), free.loss(limit, chance, sales)
    if sales is not None:
        lacks = np.isnan(sales)
        drawn = np.where(lacks, free.drawn(limit, None), drawn)
        loss = np.where(lacks, free.loss(limit, chance, None), loss)
    margin = policy.limit_rules.margin or 0.0
    lack = (margin - free.earned) * drawn + free.operation + loss - free.earned_on_limit * limit
    kept = 1 - float(policy.lender.turnover_tax or 0)
    days = 0.0 if use is None or use.accrued_days is None else use.accrued_days
    paid = kept * drawn - loss * days / 365
    return np.where(paid > 0, np.maximum(lack, 0) / np.where(paid > 0, paid, 1.0), np.inf)


def _priced(product: Product, policy: Policy, needed: Floats) -> pd.DataFrame:
    """Hold rates to the bounds and price each that differs once."""
    terms = product.rate
    if terms is None:
        refuse("product", "must have a rate", product.id, error=PolicyError)
    low, high, periods = float(terms.min), float(terms.max), 365 if terms.unit == "day" else 12
    asked = needed / periods
    with np.errstate(invalid="ignore"):
        grain = np.ceil(asked / _GRAIN - 1e-6) * _GRAIN
    rate = np.round(np.clip(grain, low, high), 12)
    held = np.where(asked > high * (1 + 1e-12), "RATE_AT_MAX",
                    np.where(asked < low * (1 - 1e-12), "RATE_AT_MIN", ""))  # fmt: skip
    levels, at = np.unique(rate[~np.isnan(rate)], return_inverse=True)
    prices = [price_loan(product, policy, rate=float(each)) for each in levels]
    frame = pd.DataFrame({"rate": rate, "rate_unit": terms.unit,
                          "needed_annual_simple_act_365": needed})  # fmt: skip
    rows = np.flatnonzero(~np.isnan(rate))
    for name in ("annual_simple_act_365", "with_fee", "with_fee_effective"):
        values = np.full(len(rate), np.nan)
        values[rows] = np.array([getattr(each, name) for each in prices])[at] if prices else []
        frame[name] = values
    frame.insert(5, "with_fee_convention", prices[0].with_fee_convention if prices else "")
    flags: list[tuple[str, ...]] = [()] * len(rate)
    for row, k in zip(rows.tolist(), at.tolist()):
        flags[row] = (str(held[row]), *prices[k].flags) if held[row] else prices[k].flags
    frame["flags"] = flags
    return frame
