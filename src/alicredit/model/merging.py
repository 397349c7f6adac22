"""Merging neighbouring rows of a table with least loss, and paired differences with their error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def merge_rows(values: Floats, weights: Floats, column_weights: Floats, most: int) -> Whole:
    """Merge neighbouring rows to at most ``most`` groups, losing least: exact.

    The loss is the sum of squares of values around the means of their group, weighted by row and
    column; found by dynamic programming over where groups end. Gives the group of each row.
    """
    n = len(values)
    if n <= most:
        return np.arange(n)
    used = column_weights > 0
    scaled = values[:, used] * np.sqrt(column_weights[used])
    mass = weights + 1e-9 * weights.sum() / n
    w = np.concatenate([[0.0], np.cumsum(mass)])
    wx = np.vstack([np.zeros(scaled.shape[1]), np.cumsum(mass[:, None] * scaled, axis=0)])
    wxx = np.concatenate([[0.0], np.cumsum(mass * (scaled**2).sum(axis=1))])
    cost = np.full((n + 1, n + 1), np.inf)
    for start in range(n):
        ends = slice(start + 1, n + 1)
        apart = wx[ends] - wx[start]
        squares = (apart**2).sum(axis=1) / (w[ends] - w[start])
        cost[start, ends] = np.maximum(wxx[ends] - wxx[start] - squares, 0)
    best = np.full((most + 1, n + 1), np.inf)
    back = np.zeros((most + 1, n + 1), dtype=np.int64)
    best[0, 0] = 0.0
    for k in range(1, most + 1):
        options = best[k - 1, :, None] + cost
        back[k] = options.argmin(axis=0)
        best[k] = options.min(axis=0)
    groups, end = np.empty(n, dtype=np.int64), n
    for k in range(most, 0, -1):
        start = int(back[k, end])
        groups[start:end] = k - 1
        end = start
    return groups


def paired(difference: Floats, weight: Floats, cluster: Whole) -> tuple[float, float]:
    """Give the weighted mean of differences and its standard error, clustered.

    Rows of one merchant count as one witness: their deviations are summed before they are squared.
    """
    total = float(weight.sum())
    mean = float(weight @ difference) / total
    sums = np.bincount(cluster, weights=weight * (difference - mean))
    return mean, float(np.sqrt((sums**2).sum())) / total
