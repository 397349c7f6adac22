"""How much may be lent, what binds, and what a line is expected to earn and lose in a year."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import (
    refusal,
    refuse,
    require_between,
    require_columns,
    require_kind,
    require_one_of,
)
from alicredit.errors import InputError, PolicyError
from alicredit.loans import annualise
from alicredit.policy.load import load_policy
from alicredit.policy.one import OneApplicant, numbers_of
from alicredit.policy.terms import Grades, Policy, Product

Floats = npt.NDArray[np.float64]
Fen = npt.NDArray[np.int64]

_BOUNDS = ("LIM_PRODUCT_MAX", "LIM_SALES", "LIM_ORDER_BASE", "LIM_SINGLE_BORROWER")


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits in fen, 0 where none is given, and the code of what binds each."""

    fen: Fen
    binding: npt.NDArray[np.object_]


def grade_of(pd_: Floats, grades: Grades) -> npt.NDArray[np.object_]:
    """Name the grade of each probability; a bound belongs to the better grade.

    Examples
    --------
    >>> grade_of(np.array([0.001, 0.0025, 0.0026]), Grades(("A", "B"), (0.0025, 1.0), (2.0, 1.0)))
    array(['A', 'A', 'B'], dtype=object)
    >>> grade_of(np.array([1.5]), Grades(("A", "B"), (0.0025, 1.0), (2.0, 1.0)))
    Traceback (most recent call last):
    alicredit.errors.InputError: pd must lie from 0 to 1; found 1.5.
    """
    if not isinstance(pd_, np.ndarray) or pd_.dtype.kind not in "fi":
        refuse("pd", "must be an array of numbers", type(pd_).__name__)
    known = pd_[~np.isnan(pd_)]
    if ((known < 0) | (known > 1)).any():
        refuse("pd", "must lie from 0 to 1", known[(known < 0) | (known > 1)][0])
    names = np.array([*grades.names, None], dtype=object)
    at = np.searchsorted(np.array(grades.upper_pd), pd_, side="left")
    return names[np.where(np.isnan(pd_), len(grades.names), at)]


def offer_limits(applicants: pd.DataFrame, policy: str | Policy, *, product: str) -> pd.DataFrame:
    """Offer the limit of a product to each applicant: the least of its bounds, in steps.

    The limit is the largest multiple of the step not above the product's maximum, the grade's
    months of median monthly settled sales, for an order advance its rate of the unpledged order
    base, and the cap for one borrower less what is outstanding; below the product's minimum there
    is none. A better grade or higher sales never lower it.

    Parameters
    ----------
    applicants : pandas.DataFrame
        ``merchant_id, pd, monthly_sales_median_180d, order_base, outstanding`` (yuan).
    policy : str or Policy
        Where products and grades stand.
    product : str
        Id of an active product.

    Returns
    -------
    pandas.DataFrame
        ``merchant_id, product_id, limit`` (yuan, 0 where none), ``binding`` (the code of the bound
        that binds, ``ELIG_LIMIT_MIN`` below the minimum, ``MISSING_DATA`` where a fact lacks).

    Raises
    ------
    InputError
        For a missing column or an impossible probability.
    PolicyError
        For a product that is unknown or cannot be lent.

    Examples
    --------
    >>> applicant = pd.DataFrame({"merchant_id": ["m"], "pd": [0.015], "order_base": [0.0],
    ...     "monthly_sales_median_180d": [20_050.0], "outstanding": [0.0]})
    >>> offer_limits(applicant, "ali-2013", product="taobao_credit")["limit"].tolist()
    [20000.0]
    >>> offer_limits(applicant, "ali-2013", product="virtual_card")
    Traceback (most recent call last):
    alicredit.errors.PolicyError: product must be active; found 'virtual_card'.
    """
    require_kind("applicants", applicants, pd.DataFrame, "must be a frame")
    chosen = load_policy(policy)
    asked = chosen.product(product)
    if not asked.is_active:
        refuse("product", "must be active", repr(product), error=PolicyError)
    needed = ("merchant_id", "pd", "monthly_sales_median_180d", "order_base", "outstanding")
    require_columns("applicants", map(str, applicants.columns), needed)
    try:
        pd_ = applicants["pd"].to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(refusal("applicants['pd']", "must be numbers", f"({error})")) from error
    grade_of(pd_, chosen.grades)
    limits = find_limits(applicants, asked, chosen, pd_)
    return pd.DataFrame(
        {
            "merchant_id": applicants["merchant_id"].to_numpy(),
            "product_id": product,
            "limit": limits.fen / 100,
            "binding": limits.binding,
        }
    )


def find_limits(
    applicants: pd.DataFrame | OneApplicant, product: Product, policy: Policy, pd_: Floats
) -> Limits:
    """Find limits of an active product for applicants with probabilities (NaN: none)."""
    limit = product.limit
    if limit is None:
        refuse("product", "must have a limit", product.id, error=PolicyError)
    grades = policy.grades
    at = np.searchsorted(np.array(grades.upper_pd), pd_, side="left")
    months = np.array([*grades.months_of_sales, np.nan])[np.minimum(at, len(grades.names))]
    size = len(applicants)
    owed = _fen(applicants, "outstanding")
    by_sales = _share(_fen(applicants, "monthly_sales_median_180d"), months)
    bounds = np.vstack(
        [
            np.full(size, float(limit.max * 100)),
            by_sales - (owed if product.kind != "term" else 0),
            _by_orders(applicants, product),
            float(policy.lender.single_borrower_cap * 100) - owed,
        ]
    )
    unknown = np.isnan(bounds).any(axis=0) | np.isnan(pd_)
    filled = np.where(np.isnan(bounds), -1.0, bounds)
    tightest = filled.argmin(axis=0)
    step = int(limit.step * 100)
    fen = np.maximum(filled.min(axis=0), 0).astype(np.int64) // step * step
    least = max(int((limit.min or Decimal(0)) * 100), 1)
    binding = np.array(_BOUNDS, dtype=object)[tightest]
    binding = np.where(fen < least, "ELIG_LIMIT_MIN", binding)
    binding = np.where(unknown, "MISSING_DATA", binding)
    return Limits(np.where((fen < least) | unknown, 0, fen), binding)


def _by_orders(applicants: pd.DataFrame | OneApplicant, product: Product) -> Floats:
    """Give the bound by orders under way in fen; none for other products."""
    if product.kind != "order_advance" or product.advance_rate is None:
        return np.full(len(applicants), np.inf)
    return _share(_fen(applicants, "order_base"), float(product.advance_rate))


def _share(fen: Floats, rate: Floats | float) -> Floats:
    """Give whole fen of a share; a product that binary digits put just below a fen is that fen."""
    exact = fen * rate
    near = np.rint(exact)
    return np.where(np.abs(near - exact) < 1e-6, near, np.floor(exact))


def _fen(applicants: pd.DataFrame | OneApplicant, column: str) -> Floats:
    """Take a column of yuan as whole fen; what is no amount of money is NaN."""
    if column not in applicants:
        return np.full(len(applicants), np.nan)
    amount = numbers_of(applicants[column])
    return np.where(np.isfinite(amount) & (amount >= 0), np.round(amount * 100), np.nan)


@dataclass(frozen=True, slots=True)
class Price:
    """A contract rate with its unit and its simple annual rate (act/365)."""

    rate: float
    unit: str
    annual_simple_act_365: float
    flags: tuple[str, ...] = ()


def price_loan(product: Product, policy: str | Policy, *, rate: float | None = None) -> Price:
    """Price a loan at the product's rate, or at another within its bounds.

    Parameters
    ----------
    product : Product
        An active product.
    policy : str or Policy
        Whose lender's cap on rates is checked.
    rate : float or None, default None
        Another contract rate, within the product's bounds.

    Returns
    -------
    Price
        With flags ``RATE_CAP`` where the annual rate is above the cap, and ``PENALTY_ABOVE_CAP``
        where the penalty rate is; nothing is clipped.

    Raises
    ------
    PolicyError
        If the product has no rate, or the rate lies outside its bounds.

    Examples
    --------
    >>> policy = load_policy("ali-2013")
    >>> price_loan(policy.product("taobao_order"), policy)
    Price(rate=0.0005, unit='day', annual_simple_act_365=0.1825, flags=('PENALTY_ABOVE_CAP',))
    >>> price_loan(policy.product("taobao_order"), policy, rate=0.0007)
    Traceback (most recent call last):
    alicredit.errors.PolicyError: rate must lie from 0.0005 to 0.0006; found 0.0007.
    """
    require_kind("product", product, Product, "must be a product of a policy")
    chosen, terms = load_policy(policy), product.rate
    if terms is None:
        refuse("product", "must have a rate", product.id, error=PolicyError)
    value = float(terms.value) if rate is None else rate
    require_between("rate", value, 0, 1, error=PolicyError)
    if not float(terms.min) <= value <= float(terms.max):
        rule = f"must lie from {terms.min} to {terms.max}"
        refuse("rate", rule, value, error=PolicyError)
    require_one_of("unit", terms.unit, ("day", "month"), error=PolicyError)
    annual = annualise(value, "simple_act_365", unit=terms.unit)
    cap = float(chosen.lender.rate_cap_multiple * chosen.lender.benchmark)
    penal = annual * float(product.terms.get("penalty_multiplier", 1))
    pairs = (("RATE_CAP", annual), ("PENALTY_ABOVE_CAP", penal))
    flags = tuple(code for code, height in pairs if height > cap + 1e-12)
    return Price(value, terms.unit, round(annual, 12), flags)


def year_of_line(
    limit_fen: Fen, pd_: Floats, product: Product, policy: Policy
) -> tuple[Floats, Floats]:
    """Give the expected loss and profit of a line over a year in yuan, to the fen.

    loss = pd x lgd x limit x use at default; profit = limit x mean use x (annual rate - funding)
    + fee - operation x draws a year - loss. Uses and loss given default are assumed numbers of the
    policy.
    """
    price, economics = price_loan(product, policy), product.economics
    if economics is None:
        refuse("product", "must have economics", product.id, error=PolicyError)
    limit = limit_fen / 100
    loss = pd_ * economics.lgd * economics.use_at_default * limit
    margin = price.annual_simple_act_365 - float(policy.lender.funding_rate)
    is_charged = product.terms.get("fee_basis", "none") != "none"
    fee = float(product.terms.get("service_fee_rate", 0)) * limit * is_charged
    cost = float(policy.lender.operation_per_draw) * economics.draws_a_year
    profit = limit * economics.mean_use * margin + fee - cost * (limit > 0) - loss
    return np.round(loss, 2), np.round(profit, 2)
