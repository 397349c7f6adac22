"""Allocation of a book on a cluster: its prices from small sums, its margin settled here.

Offers stand in buckets, each group of borrowers in one. A price vector goes out; from each bucket
come what its groups would choose at it, what that earns, and what it uses of each constraint. By
these sums the bound goes down as in a local book (``allocation.dual``). Then the groups nearest to
another choice come here, and are settled as a local book is, within what all others leave.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.allocation.book import (
    Allocation,
    allocate,
    capital_value_of,
    is_changed,
    mark_changed,
    read_lender,
    settled,
    unpriced_of,
)
from alicredit.allocation.choice import Floats, choose_whole
from alicredit.allocation.dual import Plane, descend, evaluate, solve
from alicredit.allocation.offers import OFFER_COLUMNS, read_offers
from alicredit.allocation.prices import Prices, freeze
from alicredit.allocation.rules import CODES, BookRules
from alicredit.allocation.single import answer, pose, reasons_of
from alicredit.checks import refuse, require_columns, require_whole
from alicredit.cluster.buckets import Bucketed, bucketed
from alicredit.cluster.taking import from_cluster
from alicredit.features.packed import import_pyspark
from alicredit.policy import Lender, Policy

log = logging.getLogger(__name__)

FEW = 1_000_000
MARGIN = 4_000
_SAMPLE = 4_000


@dataclass(frozen=True, eq=False)
class ClusterAllocation:
    """A book as it was allocated on a cluster.

    Parameters
    ----------
    offers : pyspark.sql.DataFrame
        The offers in no order with ``allocated_limit``, ``reason``, ``value_at_prices`` and
        ``is_marginal``, as of :class:`alicredit.allocation.Allocation`.
    prices : Prices
        Frozen.
    constraints : pandas.DataFrame
        ``constraint, code, used, cap, price`` of those that have a price.
    value, bound : float
        Expected profit of the book in a year, and what no lawful book can pass, in yuan.
    capital_value : float
        Yuan a year that one more yuan of net capital adds with the borrowing it allows.
    is_exact : bool
        Whether it is the local allocation to the bit.
    """

    offers: Any
    prices: Prices
    constraints: pd.DataFrame
    value: float
    bound: float
    capital_value: float
    is_exact: bool

    @property
    def gap(self) -> float:
        """Give how far the value lies below the bound, as a share of the bound."""
        return (self.bound - self.value) / self.bound if self.bound > 0 else 0.0


def allocate_on_cluster(
    offers: Any,
    policy_or_lender: Policy | Lender,
    *,
    rules: BookRules | None = None,
    few: int = FEW,
    margin: int = MARGIN,
) -> ClusterAllocation:
    """Allocate a book of offers that stand on a cluster.

    Up to ``few`` offers come here and are allocated as :func:`alicredit.allocation.allocate` does,
    to the bit. Of more, only sums by bucket and the ``margin`` come here. The book then keeps to
    the same constraints and has the same bound; its prices may differ from those of a local book in
    their last figures, where several are best in all of them where these are, and its choices among
    groups that are worth as good as the same at the prices. It does not depend on how the offers
    are cut or ordered.

    Parameters
    ----------
    offers : pyspark.sql.DataFrame
        As :func:`alicredit.allocation.allocate` takes them.
    policy_or_lender : Policy or Lender
        Whose capital, borrowings and caps; a policy's products bound the amounts as well.
    rules : BookRules or None, default None
        What the book must keep to beside.
    few : int, default 1_000_000
        Offers that are allocated here.
    margin : int, default 4_000
        Groups nearest to another choice that are settled here; more where these do not do.

    Returns
    -------
    ClusterAllocation
        Offers with what each gets and why, frozen prices, constraints, value and bound.

    Raises
    ------
    InputError, PolicyError
        As :func:`alicredit.allocation.allocate`; for offers that are no Spark frame; of more than
        ``few``, for ``peak_sd`` of which not all is common, which is not a sum over buckets.

    Examples
    --------
    >>> allocate_on_cluster(pd.DataFrame(), None)
    Traceback (most recent call last):
    alicredit.errors.InputError: offers must be a Spark frame; found DataFrame. Try: ...
    """
    if not hasattr(offers, "mapInArrow"):
        do = "session.createDataFrame(offers), or allocate"
        refuse("offers", "must be a Spark frame", type(offers).__name__, do)
    require_whole("few", few, 0)
    require_whole("margin", margin, 1)
    require_columns("offers", offers.columns, OFFER_COLUMNS)
    with from_cluster("offers"):
        count = offers.count()
    if count <= few:
        with from_cluster("offers"):
            here = offers.toArrow().to_pandas()
        return _taken_from(offers.sparkSession, allocate(here, policy_or_lender, rules=rules))
    lender, policy, chosen, funds = read_lender(policy_or_lender, rules)
    unpriced = _constraints_of(offers, lender, policy, chosen)
    whole = bucketed(offers, policy, unpriced)
    try:
        plane = _find_prices(whole)
        prices = freeze(unpriced, plane.prices)
        changed, used, value = _settle(whole, plane, prices, margin)
    finally:
        whole.problems.unpersist()
    lines = [
        (each.name, CODES[each.kind], used[at], whole.caps[at], each.price)
        for at, each in enumerate(prices.constraints)
    ]
    names = ["constraint", "code", "used", "cap", "price"]
    return ClusterAllocation(
        offers=whole.answer(prices, changed),
        prices=prices,
        constraints=pd.DataFrame(lines, columns=names),
        value=value,
        bound=plane.height,
        capital_value=capital_value_of(prices, lender, funds),
        is_exact=False,
    )


def _taken_from(session: Any, book: Allocation) -> ClusterAllocation:
    """Give a local book as one of the cluster."""
    sent = session.createDataFrame(pa.Table.from_pandas(book.offers, preserve_index=False))
    priced = book.constraints[book.constraints["price"].notna()].reset_index(drop=True)
    return ClusterAllocation(
        sent, book.prices, priced, book.value, book.bound, book.capital_value, is_exact=True
    )


def _constraints_of(offers: Any, lender: Lender, policy: Policy | None, rules: BookRules) -> Prices:
    """List the constraints of a book from the names that its offers have."""
    functions, _ = import_pyspark()
    kinds = ("region", "category", "product")
    columns = ("region", "category", "product_id")
    asked = [functions.collect_set(functions.col(name)).alias(name) for name in columns]
    sd = functions.max("peak_sd") if "peak_sd" in offers.columns else functions.lit(0.0)
    with from_cluster("offers"):
        row = offers.agg(*asked, sd.alias("sd")).collect()[0]
    names = {kind: tuple(sorted(row[name])) for kind, name in zip(kinds, columns, strict=True)}
    draws = bool(row["sd"])
    if draws and rules.common_share < 1:
        do = "common_share=1, the safe end, or few= to allocate them here"
        refuse("rules", "must take all of peak_sd as common on a cluster", rules.common_share, do)
    return unpriced_of(names, lender, policy, rules, has_deviations=draws)


def _find_prices(whole: Bucketed) -> Plane:
    """Find the prices at which the bound is least, from those of a sample of the groups."""
    none = np.zeros(len(whole.caps))
    free = whole.evaluate(none)
    if (free.slope >= 0).all():
        return free
    most_used, most, groups = whole.reach(free.height)
    binding = np.flatnonzero(most_used > whole.caps)
    sample = whole.sample(min(1.0, _SAMPLE / max(groups, 1)))
    part = sample.only(binding)
    start = solve(part, most[binding])

    def evaluated(prices: Floats) -> Plane:
        every = none.copy()
        every[binding] = prices
        plane = whole.evaluate(every)
        return Plane(prices, plane.height, plane.slope[binding])

    prices = none.copy()
    reach = 0.3 / math.sqrt(max(part.groups, 1))
    prices[binding] = descend(evaluated, most[binding], start, reach)
    return whole.evaluate(prices)


def _settle(
    whole: Bucketed, plane: Plane, prices: Prices, margin: int
) -> tuple[pd.DataFrame, Floats, float]:
    """Settle the groups at the margin; give what they get, what is used, and what is earned."""
    while True:
        keys, every = whole.margin(plane.prices, margin)
        sure_used, sure_earned = whole.sure(plane.prices, keys)
        rows = whole.rows_of(keys)
        book = read_offers(rows, whole.policy)
        problem = whole.leave(pose(book, prices), sure_used)
        value = problem.values(plane.prices)
        at_prices = choose_whole(problem, value)
        reason = reasons_of(problem, prices, value, at_prices)
        given = settled(problem, evaluate(problem, plane.prices), value, at_prices)
        held = np.flatnonzero(given.fen)
        used = problem.used(held, given.fen[held] / problem.limit[held])
        over = used - problem.caps
        if every or not (over > 1e-6 + 1e-9 * np.abs(whole.caps)).any():
            break
        margin *= 4
    log.info("%d groups settled at the margin", len(keys))
    mark_changed(reason, prices, problem, given)
    marked = is_changed(problem, given.fen, at_prices)
    back = np.empty(len(book.order), dtype=np.int64)
    back[book.order] = np.arange(len(back))
    table = answer(rows, book, given.fen, reason, value).assign(is_marginal=marked[back])
    earned = float((problem.profit * (given.fen / problem.limit)).sum())
    return table, sure_used + used, sure_earned + earned
