"""What bounds a line: product, sales, orders, cash flow, law, own and related debts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind
from alicredit.errors import PolicyError
from alicredit.policy.one_applicant import OneApplicant, doubles_of
from alicredit.policy.policy import Policy
from alicredit.policy.rules import LimitRules
from alicredit.policy.terms import Product

Floats = npt.NDArray[np.float64]

ORDER_KINDS = ("order_advance", "supply_chain_order")


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds in fen by code, infinite where not asked and NaN where a fact lacks.

    ``hard`` ones hold whatever the limit in force, which moves to ``soft`` ones in steps. ``sales``
    are monthly sales in fen.
    """

    hard: dict[str, Floats]
    soft: dict[str, Floats]
    sales: Floats


def find_bounds(
    applicants: pd.DataFrame | OneApplicant, product: Product, policy: Policy, pd_: Floats
) -> Bounds:
    """Find every bound but the one by profit."""
    limit, lender = product.limit, policy.lender
    if limit is None:
        refuse("product", "must have a limit", product.id, error=PolicyError)
    grades = policy.grades
    at = np.searchsorted(np.array(grades.upper_pd), pd_, side="left")
    months = np.array([*grades.months_of_sales, np.nan])[np.minimum(at, len(grades.names))]
    owed, sales = fen_of(applicants, "outstanding"), fen_of(applicants, "monthly_sales_median_180d")
    hard = {"LIM_PRODUCT_MAX": np.full(len(applicants), float(limit.max * 100))}
    if product.kind in ORDER_KINDS and product.advance_rate is not None:
        rate = float(product.advance_rate)
        hard["LIM_ORDER_BASE"] = share_of(fen_of(applicants, "order_base"), rate)
    own = borrower_cap(product, policy)
    hard["LIM_SINGLE_BORROWER"] = own - owed
    if "group_outstanding" in applicants:
        group = fen_of(applicants, "group_outstanding")
        single = float(lender.single_borrower_cap * 100)
        hard["LIM_RELATED"] = np.where(group > owed, single - group, np.where(
            np.isnan(group), np.nan, np.inf))  # fmt: skip
    soft = {"LIM_SALES": share_of(sales, months) - (owed if product.kind != "term" else 0)}
    capacity = _capacity(applicants, product, policy.limit_rules, sales, owed)
    if capacity is not None:
        soft["LIM_CAPACITY"] = capacity
    return Bounds(hard, soft, sales)


def borrower_cap(product: Product, policy: Policy) -> float:
    """Give the most one borrower may owe in fen: share of capital, and cap by purpose."""
    single = float(policy.lender.single_borrower_cap * 100)
    cap = policy.lender.borrower_caps.get(product.purpose)
    return single if cap is None else min(single, float(cap * 100))


def _capacity(
    applicants: pd.DataFrame | OneApplicant,
    product: Product,
    rules: LimitRules,
    sales: Floats,
    owed: Floats,
) -> Floats | None:
    """Give what a share of monthly cash flow can serve, less debts; None where it is not asked.

    Cash flow is platform sales or bank inflows, the larger and never both (DOMAIN 5.7); inflows
    count up to a multiple of platform sales: beyond it the two are not reconciled. A month serves
    1 / months of the principal and the month's interest. An order advance is repaid by its orders
    and is not asked.
    """
    if rules.capacity_share is None or product.kind in ORDER_KINDS:
        return None
    cash = sales
    if "bank_inflows_median_180d" in applicants:
        banked = fen_of(applicants, "bank_inflows_median_180d")
        most = sales * (1.0 if rules.bank_inflows_most is None else rules.bank_inflows_most)
        cash = np.fmax(sales, np.minimum(banked, most))
    months = product.term_months or max((product.term_days or 30) / 30, 1.0)
    interest = 0.0 if product.rate is None else float(product.rate.annual) / 12
    return np.floor(cash * rules.capacity_share / (1 / months + interest)) - owed


def group_outstanding(applicants: pd.DataFrame, groups: pd.DataFrame) -> pd.Series:
    """Sum what each applicant's group of related parties owes.

    Parameters
    ----------
    applicants : pandas.DataFrame
        ``merchant_id, outstanding`` (yuan): all merchants that owe, or their debts do not count.
    groups : pandas.DataFrame
        ``merchant_id, group_id`` from :func:`related_parties`; who is not there stands alone.

    Returns
    -------
    pandas.Series
        Yuan, in the applicants' order; the column ``group_outstanding`` that limits read.

    Raises
    ------
    InputError
        For a column that lacks, or a merchant that stands twice among the groups.

    Examples
    --------
    >>> people = pd.DataFrame({"merchant_id": ["a", "b", "c"], "outstanding": [5.0, 0.0, 2.0]})
    >>> groups = pd.DataFrame({"merchant_id": ["a", "b"], "group_id": "a"})
    >>> group_outstanding(people, groups).tolist()
    [5.0, 5.0, 2.0]
    >>> group_outstanding(people, groups.iloc[[0, 0]])
    Traceback (most recent call last):
    alicredit.errors.InputError: groups must have a merchant once; found 'a' twice.
    """
    require_kind("applicants", applicants, pd.DataFrame, "must be a frame")
    require_kind("groups", groups, pd.DataFrame, "must be a frame of groups")
    require_columns("applicants", map(str, applicants.columns), ("merchant_id", "outstanding"))
    require_columns("groups", map(str, groups.columns), ("merchant_id", "group_id"))
    ids = groups["merchant_id"].astype(str)
    if ids.duplicated().any():
        found = f"{ids[ids.duplicated()].iloc[0]!r} twice"
        refuse("groups", "must have a merchant once", found)
    own = applicants["merchant_id"].astype(str)
    of = own.map(dict(zip(ids, groups["group_id"].astype(str), strict=True)))
    name = of.where(of.notna(), "\x1f" + own)
    fen = (applicants["outstanding"].astype(float) * 100).round()
    once = fen.where(~own.duplicated(), 0)
    total = once.groupby(name.to_numpy(object)).transform(lambda each: each.sum(skipna=False))
    return (total / 100).rename("group_outstanding")


def share_of(fen: Floats, rate: Floats | float) -> Floats:
    """Give whole fen of a share; a product that binary digits put just below a fen is that fen."""
    exact = fen * rate
    near = np.rint(exact)
    return np.where(np.abs(near - exact) < 1e-6, near, np.floor(exact))


def fen_of(applicants: pd.DataFrame | OneApplicant, column: str) -> Floats:
    """Take a column of yuan as whole fen; what is no amount of money is NaN."""
    if column not in applicants:
        return np.full(len(applicants), np.nan)
    amount = doubles_of(applicants[column])
    return np.where(np.isfinite(amount) & (amount >= 0), np.round(amount * 100), np.nan)


def is_no_money(applicants: pd.DataFrame | OneApplicant, column: str) -> npt.NDArray[np.bool_]:
    """Tell where a column has a value that is no amount of money."""
    is_given = applicants[column].notna().to_numpy(bool)
    return is_given & np.isnan(fen_of(applicants, column))
