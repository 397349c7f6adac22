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
    require_columns,
    require_kind,
)
from alicredit.errors import InputError, PolicyError
from alicredit.policy.file.load import load_policy
from alicredit.policy.line.bounds import Bounds, fen_of, find_bounds, is_no_money
from alicredit.policy.line.change import change_limits
from alicredit.policy.line.curve import Curve, curve_of, pd_of_year
from alicredit.policy.one_applicant import OneApplicant
from alicredit.policy.policy import Policy
from alicredit.policy.rules import Grades
from alicredit.policy.terms import Product

Floats = npt.NDArray[np.float64]
Fen = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]

_ORDER = (
    "LIM_PRODUCT_MAX", "LIM_SALES", "LIM_CAPACITY", "LIM_ORDER_BASE", "LIM_SINGLE_BORROWER",
    "LIM_RELATED", "LIM_PROFIT",
)  # fmt: skip
"""Bounds in the order in which the first of equal ones is named."""
_HELD = ("LIM_KEPT", "LIM_RAISE_STEP", "LIM_CUT_STEP")
OF_NONE = ("ELIG_LIMIT_MIN", "LIM_UNPROFITABLE")
NO_LIMIT = (*OF_NONE, "MISSING_DATA")
"""Codes of those who have no limit."""
_CODES = (*_ORDER, *_HELD, *NO_LIMIT)
_PROFIT = _CODES.index("LIM_PROFIT")


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits in fen, 0 where none is given, the code of what binds, and what would earn most."""

    fen: Fen
    binding: npt.NDArray[np.object_]
    best: Floats


def grade_of(pd_: Floats, grades: Grades) -> npt.NDArray[np.object_]:
    """Name the grade of each probability; a bound belongs to the better grade.

    Parameters
    ----------
    pd_ : array of float
        Probabilities of default, 0 to 1; NaN where there is none.
    grades : Grades
        The master scale.

    Returns
    -------
    object array
        Names; None for NaN.

    Raises
    ------
    InputError
        For what is no array of numbers, or lies outside 0 to 1.

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

    The limit is the largest multiple of the step not above any bound: the product's maximum; the
    grade's months of median monthly settled sales, less what is outstanding where the product is no
    term loan; what cash flow can serve; for an order advance its rate of the unpledged order base
    (DOMAIN 1.4); the caps for one borrower, less what is outstanding or what the group of related
    parties owes; and the amount that earns most in a year. Below the product's minimum there is
    none, nor where the amount is not expected to earn its costs. A better probability or higher
    sales never lower it. Bounds that the policy's ``limit_rules`` do not name are not asked.

    Parameters
    ----------
    applicants : pandas.DataFrame
        ``merchant_id, pd, monthly_sales_median_180d, order_base, outstanding`` (yuan). Where they
        are there, also ``pd_upper`` (the upper end of the interval of the PD: limits are chosen at
        pd + prudence x (pd_upper - pd)), ``bank_inflows_median_180d`` (monthly, NaN where not
        known), ``group_outstanding`` (see :func:`group_outstanding`) and ``current_limit`` (in
        force, net of what is outstanding as limits are; NaN or 0 where there is none).
    policy : str or Policy
        Where products, grades and limit rules stand.
    product : str
        Id of an active product.

    Returns
    -------
    pandas.DataFrame
        ``merchant_id, product_id, limit`` (yuan, 0 where none), ``binding`` (the code of what
        binds; ``ELIG_LIMIT_MIN`` below the minimum, ``LIM_UNPROFITABLE`` where no amount earns its
        costs, ``MISSING_DATA`` where a fact lacks or is no amount of money), ``best`` (yuan that
        earn most if nothing else bounds, infinite where more is always better, NaN where profit is
        not asked),
        ``expected_loss, expected_profit`` (yuan a year at the PD itself, 0 for no limit; NaN
        without a PD).

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
    if not applicants.columns.is_unique:
        refuse("applicants", "must have columns of different names", "a repeated name")
    needed = ("merchant_id", "pd", "monthly_sales_median_180d", "order_base", "outstanding")
    require_columns("applicants", map(str, applicants.columns), needed)
    pd_ = _pds(applicants, "pd", chosen)
    upper = None
    if "pd_upper" in applicants:
        upper = _pds(applicants, "pd_upper", chosen)
        if (upper < pd_).any():
            found = f"{upper[upper < pd_][0]} below pd {pd_[upper < pd_][0]}"
            refuse("applicants['pd_upper']", "must not be below pd", found)
    limits = find_limits(applicants, asked, chosen, pd_, upper=upper)
    sales = fen_of(applicants, "monthly_sales_median_180d")
    loss, profit = year_of_line(limits.fen, pd_, asked, chosen, sales=sales / 100)
    has_none = (limits.fen == 0) & ~np.isnan(pd_)
    return pd.DataFrame(
        {
            "merchant_id": applicants["merchant_id"].to_numpy(),
            "product_id": product,
            "limit": limits.fen / 100,
            "binding": limits.binding,
            "best": limits.best / 100,
            "expected_loss": np.where(has_none, 0.0, loss),
            "expected_profit": np.where(has_none, 0.0, profit),
        }
    )


def _pds(applicants: pd.DataFrame, column: str, policy: Policy) -> Floats:
    """Take a column of probabilities; NaN where there is none."""
    try:
        found = applicants[column].to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        rule = refusal(f"applicants[{column!r}]", "must be numbers", f"({error})")
        raise InputError(rule) from error
    grade_of(found, policy.grades)
    return found


def find_limits(
    applicants: pd.DataFrame | OneApplicant,
    product: Product,
    policy: Policy,
    pd_: Floats,
    *,
    upper: Floats | None = None,
    claim: tuple[str, int] | None = None,
) -> Limits:
    """Find limits of an active product for applicants with probabilities (NaN: none).

    ``upper`` are the upper ends of their intervals; without them, or where one lacks, prudence has
    nothing to go by. ``claim`` is the level and the horizon in days of the probabilities, see
    :func:`pd_of_year`; grades are cut on them as they are.
    """
    limit, rules = product.limit, policy.limit_rules
    bounds = find_bounds(applicants, product, policy, pd_)
    if limit is None:
        refuse("product", "must have a limit", product.id, error=PolicyError)
    curve = best = None
    prudent = pd_
    if rules.by_profit and not (product.economics and product.economics.may_lose):
        curve = curve_of(product, policy)
        if upper is not None and rules.prudence:
            up = np.where(np.isnan(upper), pd_, upper)
            prudent = pd_ + rules.prudence * (up - pd_)
        prudent = pd_of_year(prudent, product, claim)
        multiple = np.where(bounds.sales == 0, 0.0, curve.best_multiple(prudent))
        best = bounds.soft["LIM_PROFIT"] = np.floor(bounds.sales * multiple)
    least, code, unknown = _least_of(bounds, _current(applicants), policy)
    unknown |= np.isnan(pd_)
    if "current_limit" in applicants:  # a wrong one is not the same as none in force
        unknown |= is_no_money(applicants, "current_limit")
    step = int(limit.step * 100)
    fen = np.maximum(np.where(unknown, 0, least), 0).astype(np.int64) // step * step
    is_small = fen < max(int((limit.min or Decimal(0)) * 100), 1)
    fen[is_small | unknown] = 0
    if curve is not None:
        is_never = (code == _PROFIT) & (least < step)
        earns = np.where(fen > 0, _profit_of(curve, fen, prudent, bounds) > 0, ~is_never)
    code[is_small] = _CODES.index("ELIG_LIMIT_MIN")
    if curve is not None:
        code[~earns] = _CODES.index("LIM_UNPROFITABLE")
        fen[~earns] = 0
    code[unknown] = _CODES.index("MISSING_DATA")
    binding = np.array(_CODES, dtype=object)[code]
    return Limits(fen, binding, np.full(len(fen), np.nan) if best is None else best)


def _current(applicants: pd.DataFrame | OneApplicant) -> Floats | None:
    """Take the limits in force in fen; None where no column says them."""
    return fen_of(applicants, "current_limit") if "current_limit" in applicants else None


def _least_of(bounds: Bounds, current: Floats | None, policy: Policy) -> tuple[Floats, Ints, Bools]:
    """Give the least bound, the place of its code, and where a fact lacks.

    A limit in force moves toward the least of all in steps, and never above a hard bound.
    """
    least, code, unknown = _least(bounds.hard | bounds.soft)
    if current is None:
        return least, code, unknown
    moved, held = change_limits(np.maximum(least, 0.0), current, policy.limit_rules)
    for each in _HELD:
        code[held == each] = _CODES.index(each)
    most, first, _ = _least(bounds.hard)
    is_capped = most < moved
    code = np.where(is_capped & (held != ""), first, code)
    return np.where(is_capped, most, moved), code, unknown


def _least(bounds: dict[str, Floats]) -> tuple[Floats, Ints, Bools]:
    """Give the least of bounds, the place of the first such code, and where one is not known."""
    names = [name for name in _ORDER if name in bounds]
    least = bounds[names[0]].copy()
    code = np.full(len(least), _CODES.index(names[0]), dtype=np.int8)
    unknown = np.isnan(least)
    for name in names[1:]:
        is_less = bounds[name] < least
        np.copyto(least, bounds[name], where=is_less)
        code[is_less] = _CODES.index(name)
        unknown |= np.isnan(bounds[name])
    return least, code, unknown


def _profit_of(curve: Curve, fen: Fen, pd_: Floats, bounds: Bounds) -> Floats:
    """Give the expected profit of a year in yuan."""
    return curve.profit(fen / 100, pd_, bounds.sales / 100)


def year_of_line(
    limit_fen: Fen,
    pd_: Floats,
    product: Product,
    policy: Policy,
    *,
    sales: Floats | None = None,
    claim: tuple[str, int] | None = None,
) -> tuple[Floats, Floats]:
    """Give the expected loss and profit of a line over a year in yuan, to the fen.

    Those of the curve of the product's lines, see :class:`Curve`, at the probability itself and
    without prudence. ``sales`` are monthly sales in yuan; where they are not given or not known,
    default and use are taken not to depend on the amount: loss = pd x lgd x limit x use at default.
    ``claim`` is the level and horizon of the probabilities: one of a single draw is taken to a
    year's draws. Uses and loss given default are assumed numbers of the policy.
    """
    curve, limit = curve_of(product, policy), limit_fen / 100
    pd_ = pd_of_year(pd_, product, claim)
    if sales is None:
        loss, profit = curve.loss(limit, pd_, None), curve.profit(limit, pd_, None)
    else:
        loss, profit = curve.loss(limit, pd_, sales), curve.profit(limit, pd_, sales)
        lacks = np.isnan(sales)
        if lacks.any():
            loss = np.where(lacks, curve.loss(limit, pd_, None), loss)
            profit = np.where(lacks, curve.profit(limit, pd_, None), profit)
    return np.round(loss, 2), np.round(profit, 2)
