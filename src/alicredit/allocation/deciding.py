"""From a portfolio's decisions to offers, and from prices back to decisions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alicredit.allocation.choice import Bools
from alicredit.allocation.offers import UNSTATED
from alicredit.allocation.prices import Prices
from alicredit.allocation.single import apply_prices
from alicredit.checks import refuse, require_columns, require_kind
from alicredit.policy import Policy
from alicredit.policy.terms import REGIONS

_NEEDED = (
    "merchant_id", "product_id", "decision", "limit", "expected_profit", "expected_loss",
)  # fmt: skip
UNPRICED = "ALLOC_UNPRICED"
"""The reason of who is of a region or category that the prices cannot charge."""


def build_offers(
    decisions: pd.DataFrame, policy: Policy, *, applicants: pd.DataFrame
) -> pd.DataFrame:
    """Make the offers of a book from a portfolio's approvals.

    Mean balance is limit x mean use, peak balance limit x use at default, both of the policy's
    economics (assumed numbers): on the peak day a line is taken to be drawn as before a default.
    Region and category that are not known are ``unstated``: such offers cannot stand in a book
    that has shares by region or by category.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`score_portfolio` without prices.
    policy : Policy
        Under which they were made.
    applicants : pandas.DataFrame
        ``merchant_id``, ``region`` and, where known, ``category`` and ``group_id``; a row a
        merchant.

    Returns
    -------
    pandas.DataFrame
        As :func:`allocate` takes them, a row for each approval, indexed as the decisions.

    Raises
    ------
    InputError
        For a column that lacks, a merchant that is not among the applicants or stands there twice.
    PolicyError
        For an unknown product.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> decisions = pd.DataFrame({"merchant_id": ["a", "b"], "product_id": "taobao_order",
    ...     "decision": ["approve", "refer"], "limit": [5000.0, 0.0],
    ...     "expected_profit": [60.0, 0.0], "expected_loss": [9.0, 0.0]})
    >>> applicants = pd.DataFrame({"merchant_id": ["a", "b"], "region": ["hunan", None]})
    >>> offers = build_offers(decisions, load_policy("ali-2013"), applicants=applicants)
    >>> offers[["merchant_id", "limit", "region", "category"]].values.tolist()
    [['a', 5000.0, 'hunan', 'unstated']]
    >>> build_offers(decisions, load_policy("ali-2013"), applicants=applicants.head(0))
    Traceback (most recent call last):
    alicredit.errors.InputError: applicants must have every merchant that is approved; found none...
    """
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_kind("policy", policy, Policy, "must be a Policy", do="use load_policy")
    require_kind("applicants", applicants, pd.DataFrame, "must be a frame")
    require_columns("decisions", map(str, decisions.columns), _NEEDED)
    require_columns("applicants", map(str, applicants.columns), ("merchant_id", "region"))
    approved = decisions[(decisions["decision"] == "approve").to_numpy(bool)]
    ids = pd.Index(applicants["merchant_id"].astype(str))
    twice = ids[ids.duplicated()]
    if len(twice):
        refuse("applicants", "must have a merchant once", repr(twice[0]))
    at = ids.get_indexer(pd.Index(approved["merchant_id"].astype(str)))
    if (at < 0).any():
        found = f"none for {approved['merchant_id'].iloc[int(np.flatnonzero(at < 0)[0])]!r}"
        refuse("applicants", "must have every merchant that is approved", found)
    return offers_of_rows(approved, policy, applicants.iloc[at])


def offers_of_rows(
    approved: pd.DataFrame, policy: Policy, applicants: pd.DataFrame
) -> pd.DataFrame:
    """Make offers of approvals and the applicants that stand beside them, row by row."""
    product = approved["product_id"].to_numpy(object)
    terms = {each: policy.product(each) for each in dict.fromkeys(product)}
    least, mean, peak = (np.zeros(len(product)) for _ in range(3))
    for name, each in terms.items():
        use, rows = each.economics, product == name
        if use is None or each.limit is None:
            refuse("decisions", "must be of products that can be lent", repr(name))
        least[rows] = float(each.limit.min or 0)
        mean[rows], peak[rows] = use.mean_use, max(use.mean_use, use.use_at_default)
    limit = approved["limit"].to_numpy(np.float64)
    offers = {
        "merchant_id": approved["merchant_id"].astype(str).to_numpy(object),
        "product_id": product,
        "limit": limit,
        "minimum": least,
        "expected_profit": approved["expected_profit"].to_numpy(np.float64),
        "expected_loss": approved["expected_loss"].to_numpy(np.float64),
        "mean_balance": limit * mean,
        "peak_balance": limit * peak,
        "region": _stated(applicants, "region"),
        "category": _stated(applicants, "category"),
    }
    if "group_id" in applicants:
        offers["group_id"] = applicants["group_id"].to_numpy(object)
    return pd.DataFrame(offers, index=approved.index)


def charge_approvals(
    approved: pd.DataFrame, policy: Policy, prices: Prices, *, applicants: pd.DataFrame
) -> pd.DataFrame:
    """Give the limit and reason of each approval at frozen prices, row by row.

    The reason is empty where the limit stands whole; ``ALLOC_UNPRICED`` where the prices cannot
    charge the row. Each row stands alone: the cap for one borrower is held within a product here,
    over products by :func:`apply_prices` on all offers of a group.
    """
    offers = offers_of_rows(approved, policy, applicants).drop(columns="group_id", errors="ignore")
    known = _can_charge(prices, offers)
    outside = ~offers["region"].isin((*REGIONS, UNSTATED)).to_numpy(bool)
    offers.loc[outside, "region"] = UNSTATED  # charged by no region, or not priced at all
    answer = apply_prices(offers[known], prices, policy=policy)
    limit = np.zeros(len(offers))
    reason = np.full(len(offers), UNPRICED, dtype=object)
    limit[known] = answer["allocated_limit"].to_numpy(np.float64)
    reason[known] = answer["reason"].to_numpy(object)
    return pd.DataFrame({"limit": limit, "reason": reason}, index=approved.index)


def _can_charge(prices: Prices, offers: pd.DataFrame) -> Bools:
    """Tell which offers have a region and category that the prices can charge."""
    known = np.ones(len(offers), dtype=bool)
    for kind in ("region", "category"):
        names = {each.key for each in prices.constraints if each.kind == kind}
        if kind in prices.closed_kinds:
            known &= offers[kind].isin(names).to_numpy(bool)
        elif names:
            known &= (offers[kind] != UNSTATED).to_numpy(bool)
            if kind == "region":
                known &= offers[kind].isin(REGIONS).to_numpy(bool)
    return known


def _stated(applicants: pd.DataFrame, column: str) -> np.ndarray:
    """Take names, with a word for those that are not known."""
    if column not in applicants:
        return np.full(len(applicants), UNSTATED, dtype=object)
    values = applicants[column].astype(object)
    return values.where(values.notna(), UNSTATED).astype(str).to_numpy(object)
