"""What opening a region is worth: the book with it and without."""

from __future__ import annotations

import pandas as pd

from alicredit.allocation.book import Allocation, allocate
from alicredit.allocation.rules import BookRules
from alicredit.checks import nearest, refuse, require_columns, require_kind
from alicredit.policy import Lender, Policy


def compare_opening(
    offers: pd.DataFrame,
    policy_or_lender: Policy | Lender,
    *,
    region: str,
    rules: BookRules | None = None,
) -> pd.DataFrame:
    """Compare the book that may lend in a region with the one that may not.

    Parameters
    ----------
    offers : pandas.DataFrame
        As :func:`allocate` takes them, those of the region among them.
    policy_or_lender : Policy or Lender
        Whose capital and caps.
    region : str
        The region that opens; its offers must not be all there are.
    rules : BookRules or None, default None
        What both books keep to.

    Returns
    -------
    pandas.DataFrame
        Rows ``closed``, ``open`` and ``difference``; columns ``value, bound`` (yuan a year),
        ``merchants, limit, mean_balance, peak_balance`` of what is given, ``in_region`` (mean
        balance there) and ``capital_value``. The value of opening is less than the region's own
        profit where capital is scarce: other loans make way.

    Raises
    ------
    InputError
        If no offer, or every offer, is of the region; and as :func:`allocate` does.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> offers = pd.DataFrame({"merchant_id": ["a", "b"], "product_id": "taobao_credit",
    ...     "limit": 10_000.0, "minimum": 0.0, "expected_profit": [900.0, 800.0],
    ...     "expected_loss": 50.0, "mean_balance": 5000.0, "peak_balance": 8000.0,
    ...     "region": ["hunan", "gansu"], "category": "toys"})
    >>> rules = BookRules(outstanding=2_400_000_000 - 8_000)
    >>> compare_opening(offers, load_policy("ali-2013"), region="hunan", rules=rules)["value"]
    closed        800.0
    open          900.0
    difference    100.0
    Name: value, dtype: float64
    >>> compare_opening(offers, load_policy("ali-2013"), region="hunnan")
    Traceback (most recent call last):
    alicredit.errors.InputError: region must be one that is offered; found 'hunnan'. ...
    """
    require_kind("offers", offers, pd.DataFrame, "must be a frame of offers")
    require_columns("offers", map(str, offers.columns), ("region",))
    known = sorted({str(name) for name in offers["region"].dropna()})
    if region not in known:
        hint = nearest(region, known)
        refuse("region", "must be one that is offered", repr(region), hint)
    is_there = (offers["region"] == region).to_numpy(bool)
    if is_there.all():
        refuse("region", "must leave other offers", f"all {len(offers)} in {region!r}")
    frames = (offers[~is_there], offers)
    books = [allocate(frame, policy_or_lender, rules=rules) for frame in frames]
    table = pd.DataFrame([_figures(book, region) for book in books], index=["closed", "open"])
    table.loc["difference"] = table.loc["open"] - table.loc["closed"]
    return table


def _figures(book: Allocation, region: str) -> dict[str, float]:
    """Sum up a book."""
    given = book.offers[book.offers["allocated_limit"] > 0]
    share = given["allocated_limit"] / given["limit"]
    mean = given["mean_balance"] * share
    return {
        "value": book.value,
        "bound": book.bound,
        "merchants": float(given["merchant_id"].nunique()),
        "limit": float(given["allocated_limit"].sum()),
        "mean_balance": float(mean.sum()),
        "peak_balance": book.peak_balance,
        "in_region": float(mean[(given["region"] == region).to_numpy(bool)].sum()),
        "capital_value": book.capital_value,
    }
