"""Merging neighbouring rows of a table with least loss, and paired differences with their error."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def merge_rows(
    values: Floats,
    weights: Floats,
    most: int,
    *,
    column_weights: Floats | None = None,
    budget: float = 0.0,
) -> Whole:
    """Merge neighbouring rows to the fewest groups whose loss is within the budget: exact.

    The loss is the sum of squares of values around the means of their group, weighted by row and
    column; of all ways to merge, found by dynamic programming over where groups end, so many groups
    lose least. Where even ``most`` groups lose more than the budget, they are what is given. Gives
    the group of each row.
    """
    n, most = len(values), min(most, len(values))
    if column_weights is not None:
        used = column_weights > 0
        values = values[:, used] * np.sqrt(column_weights[used])
    mass = weights + 1e-12
    cost = _costs_of_one(values[:, 0], mass) if values.shape[1] == 1 else _costs(values, mass)
    back, fewest = _ends(cost, most, budget)
    groups, end = np.empty(n, dtype=np.int64), n
    for k in range(fewest, 0, -1):
        start = int(back[k, end])
        groups[start:end] = k - 1
        end = start
    return groups


@compiled
def _ends(cost: Any, most: int, budget: float) -> Any:
    """Find where the last of so many groups starts that end at each row, and how many suffice."""
    n = len(cost) - 1
    back = np.zeros((most + 1, n + 1), np.int64)
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    for k in range(1, most + 1):
        found = np.full(n + 1, np.inf)
        for start in range(k - 1, n):
            before = best[start]
            for end in range(start + 1, n + 1):
                if before + cost[start, end] < found[end]:
                    found[end] = before + cost[start, end]
                    back[k, end] = start
        best = found
        if best[n] <= budget:
            return back, k
    return back, most


def _costs(values: Floats, mass: Floats) -> Floats:
    """Give what is lost by making one group of the rows from each start to each end.

    Rows that weigh nothing beside the others add nothing to a running sum: a group of them alone
    has no weight left, and costs nothing.
    """
    n, columns = values.shape
    w = np.concatenate([[0.0], np.cumsum(mass)])
    wx = np.vstack([np.zeros(columns), np.cumsum(mass[:, None] * values, axis=0)])
    wxx = np.concatenate([[0.0], np.cumsum(mass * (values**2).sum(axis=1))])
    cost = np.full((n + 1, n + 1), np.inf)
    for start in range(n):
        ends = slice(start + 1, n + 1)
        squares, held = ((wx[ends] - wx[start]) ** 2).sum(axis=1), w[ends] - w[start]
        squares = np.divide(squares, held, out=np.zeros(len(held)), where=held > 0)
        cost[start, ends] = np.maximum(wxx[ends] - wxx[start] - squares, 0)
    cost[cost < 1e-12 * max(wxx[-1], 1e-12)] = 0.0
    return cost


@compiled
def _costs_of_one(values: Any, mass: Any) -> Any:
    """Give the same of one column, to the bit; of starts and ends the wrong way round nothing.

    Of many columns NumPy's own order of sums is kept.
    """
    n = len(values)
    w, wx, wxx = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    for at in range(n):
        w[at + 1] = w[at] + mass[at]
        wx[at + 1] = wx[at] + mass[at] * values[at]
        wxx[at + 1] = wxx[at] + mass[at] * (values[at] * values[at])
    least = 1e-12 * max(wxx[n], 1e-12)
    cost = np.empty((n + 1, n + 1))
    for start in range(n):
        for end in range(start + 1, n + 1):
            held, moved = w[end] - w[start], wx[end] - wx[start]
            lost = wxx[end] - wxx[start]
            if held > 0:
                lost -= moved * moved / held
            cost[start, end] = 0.0 if lost < least else lost
    return cost


def paired(difference: Floats, weight: Floats, cluster: Whole) -> tuple[float, float]:
    """Give the weighted mean of differences and its standard error, clustered.

    Rows of one merchant count as one witness: their deviations are summed before they are squared.
    """
    total = float(weight.sum())
    mean = float(weight @ difference) / total
    sums = np.bincount(cluster, weights=weight * (difference - mean))
    return mean, float(np.sqrt((sums**2).sum())) / total
