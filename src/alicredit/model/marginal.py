"""What each input says alone, in few steps that turn at most once, weighed together.

Boosting learns inputs jointly and needs many defaults to see a narrow step. Of few defaults the
shape of one input is better read from its own counts, and only one weight an input has to be
learned jointly: a scorecard of weights of evidence. Its weights are learned on rows that the shapes
have not seen, so that a shape that was luck gets little.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from alicredit.model.learner import TrainingSet
from alicredit.model.points import StepFunction
from alicredit.model.turns import count_steps, pool_steps

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

MOST_DEFAULTS = 2_000
MOST_ROWS = 50_000
"""Of more defaults, or rows, boosting alone learns as well (assumed)."""

_BINS = 100
_SMALLEST = 0.05
_FEWEST_DEFAULTS = 3.0
_PRIOR_STEP = 1.0
_PRIOR_MISSING = 20.0
_SPREADS = (0.03, 0.1, 0.2, 0.4, 0.8)
_RIDGE = 10.0
_USUAL_WEIGHT = 0.7
_FOLDS = 5
_DEALT = ((5_000, 2),)


def fit_marginal(
    data: TrainingSet, sizes: Sequence[int], *, seed: int
) -> tuple[list[StepFunction], float]:
    """Learn one step function an input and a constant; their sum is a margin.

    ``sizes`` are the known levels of categories, ``other`` among them; 0 for numbers. Numbers are
    cut greedily to steps of at least 5 % of the rows, made monotone (as directed) or to turn once,
    whichever loses least, and each step's log-odds are its own. A weight an input, none negative,
    is then learned out of fold, with a prior of 0.7 (all assumed).
    """
    cuts = [_cuts(data.X[:, at]) if not size else np.empty(0) for at, size in enumerate(sizes)]
    places = np.column_stack(
        [_place(data.X[:, at], cuts[at], size) for at, size in enumerate(sizes)]
    )
    weight = data.weight / data.weight.mean()
    full = _shapes(places, data.y, weight, cuts, sizes, data.directions)
    parts, labels, weights = [], [], []
    dealt = next((times for rows, times in _DEALT if len(data.y) <= rows), 1)
    for repeat in range(dealt):
        fold = _deal(data, seed + repeat)
        for k in range(_FOLDS):
            judge, learn = fold == k, fold != k
            if data.y[learn].max() == data.y[learn].min() or not judge.any():
                continue
            shapes = _shapes(
                places[learn], data.y[learn], weight[learn], cuts, sizes, data.directions
            )
            parts.append(_columns(shapes, places[judge]))
            labels.append(data.y[judge])
            weights.append(weight[judge] / dealt)
    constant, slopes = _weigh(np.vstack(parts), np.concatenate(labels), np.concatenate(weights))
    return [
        _function(slope * shape, cuts[at], sizes[at])
        for at, (slope, shape) in enumerate(zip(slopes, full, strict=True))
    ], constant


def _cuts(column: Floats) -> Floats:
    """Cut a column of numbers to at most 100 bins of about as many rows."""
    known = np.sort(column[~np.isnan(column)])
    if not len(known):
        return np.empty(0)
    starts = np.flatnonzero(np.diff(known, prepend=-np.inf) > 0)
    if len(starts) <= _BINS:
        return known[starts][:-1]
    cuts = np.unique(known[len(known) * np.arange(1, _BINS) // _BINS])
    return cuts[cuts < known[-1]]


def _place(column: Floats, cuts: Floats, size: int) -> Whole:
    """Give each value's bin or level, the missing last."""
    bins = size or len(cuts) + 1
    at = column if size else np.searchsorted(cuts, column, side="left")
    return np.where(np.isnan(column), bins, at).astype(np.int64)


def _shapes(
    places: Whole,
    y: Floats,
    weight: Floats,
    cuts: Sequence[Floats],
    sizes: Sequence[int],
    directions: Sequence[int],
) -> list[Floats]:
    """Give each input's log-odds against all rows' by bin, the missing last."""
    bad = weight * y
    rate = float(np.clip(bad.sum() / weight.sum(), 1e-6, 1 - 1e-6))
    floor = max(_SMALLEST * weight.sum(), _FEWEST_DEFAULTS / min(rate, 1 - rate))
    bins = [size or len(own) + 1 for size, own in zip(sizes, cuts, strict=True)]
    starts = np.concatenate([[0], np.cumsum(np.array(bins, dtype=np.int64) + 1)])
    n, d = count_steps(places, weight, bad, starts)
    pool, rows, hits = pool_steps(n, d, starts, np.array(directions, dtype=np.int64), floor)
    known = _log_odds(rows, hits, rate, _PRIOR_STEP)[pool]
    gone = _log_odds(n[starts[1:] - 1], d[starts[1:] - 1], rate, _PRIOR_MISSING)
    found = []
    for at, size in enumerate(sizes):
        own = slice(starts[at], starts[at + 1] - 1)
        found.append(np.append(_levels(n[own], d[own], rate) if size else known[own], gone[at]))
    return found


def _log_odds(n: Floats, d: Floats, rate: float, prior: float) -> Floats:
    """Give log-odds against the rate's; so many rows of the mean are added first."""
    odds = (d + prior * rate) / (n - d + prior * (1 - rate))
    return np.asarray(np.log(np.maximum(odds, 1e-12) * (1 - rate) / rate))


def _levels(n: Floats, d: Floats, rate: float) -> Floats:
    """Give levels' log-odds, drawn to the mean as their spread says (empirical Bayes, Laplace)."""
    base = np.log(rate / (1 - rate))
    best, most = np.zeros(len(n)), -np.inf
    for spread in _SPREADS:
        f = np.zeros(len(n))
        for _ in range(25):
            p = 1 / (1 + np.exp(-(base + f)))
            curve = n * p * (1 - p) + spread**-2
            f = f + np.clip((d - n * p - f / spread**2) / curve, -2, 2)
        p = 1 / (1 + np.exp(-(base + f)))
        curve = n * p * (1 - p) + spread**-2
        fit = float((d * (base + f) - n * np.logaddexp(0, base + f)).sum())
        evidence = (
            fit
            - float((f**2).sum()) / (2 * spread**2)
            - 0.5 * float(np.log(curve * spread**2).sum())
        )
        if evidence > most:
            best, most = f, evidence
    return best


def _deal(data: TrainingSet, seed: int) -> Whole:
    """Deal merchants to folds, those that default apart from the others."""
    rng = np.random.default_rng(seed)
    bad = np.zeros(int(data.cluster.max()) + 1, dtype=bool)
    bad[data.cluster[data.y == 1]] = True
    known = np.unique(data.cluster)
    fold = np.zeros(len(bad), dtype=np.int64)
    for group in (known[bad[known]], known[~bad[known]]):
        fold[rng.permutation(group)] = np.arange(len(group)) % _FOLDS
    return fold[data.cluster]


def _columns(shapes: Sequence[Floats], places: Whole) -> Floats:
    """Look up each input's log-odds."""
    return np.column_stack([shape[places[:, at]] for at, shape in enumerate(shapes)])


def _weigh(parts: Floats, y: Floats, weight: Floats) -> tuple[float, Floats]:
    """Learn a constant and a weight an input, none negative, with a prior of the usual weight."""

    def loss(found: Floats) -> tuple[float, Floats]:
        margin = found[0] + parts @ found[1:]
        p = 1 / (1 + np.exp(-np.clip(margin, -500, 500)))
        apart = found[1:] - _USUAL_WEIGHT
        value = weight @ (np.logaddexp(0, margin) - y * margin) + _RIDGE / 2 * (apart @ apart)
        miss = weight * (p - y)
        return float(value), np.append(miss.sum(), parts.T @ miss + _RIDGE * apart)

    rate = float(np.average(y, weights=weight))
    start = np.append(np.log(rate / (1 - rate)), np.full(parts.shape[1], _USUAL_WEIGHT))
    bounds = [(None, None)] + [(0.0, None)] * parts.shape[1]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), found[1:]


def _function(values: Floats, cuts: Floats, size: int) -> StepFunction:
    """Make a step function of an input's values, neighbours of one value as one step."""
    if size:
        levels = dict(enumerate(values[:-1].tolist()))
        return StepFunction(np.empty(0), np.zeros(1), float(values[-1]), levels, levels[size - 1])
    ends = np.flatnonzero(np.diff(values[:-1]))
    kept = values[np.append(ends, len(values) - 2)]
    return StepFunction(cuts[ends], kept, float(values[-1]))
