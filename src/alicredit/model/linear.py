"""What a logistic regression says: a slope an input, a value a level, drawn to nothing by evidence.

Steps find any shape and pay for it; where an input acts along a line, one slope says more of few
defaults than any steps do. The slopes here are those of a penalised logistic regression whose
penalties the rows themselves set (variances by evidence, as of random effects), read as a table of
fine steps, so that what is deployed is a sum of tables as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from alicredit.model.inputs import MUCH
from alicredit.model.learner import TrainingSet
from alicredit.model.placing import between_levels, place_columns
from alicredit.model.points import FEWEST_OF_A_STEP, StepFunction
from alicredit.model.turns import add_places, tally_places

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

MOST_BINS = 240
"""Bins an input is read in: as many rows each in half of them, as wide each in the others."""

_TAIL, _TAIL_ROWS = 0.001, 30
"""Share of the rows at each end of an input beyond which its line runs level, of many so many rows
(assumed)."""

_ALIKE = 0.99
"""Correlation from which on an input's normal scores add nothing (assumed)."""

_SPREAD, _WITNESSES = 0.2, 1.0
"""Log-odds that an input moves, and how many inputs of that are believed (assumed)."""

_FOLDS, _MOST_HONEST = 5, 50_000
"""Folds that give honest margins; of more rows the regression hardly sees itself (assumed)."""

_LEARNED, _BY_CHORDS = 60_000, 150_000
"""Of more rows than the second, so many set the variances and the curvature (assumed)."""

_CUT_ROWS = 100_000
"""Rows whose values say where bins are cut and what they stand for, at most (assumed)."""

_CURVED, _FEWEST_CURVED = 4_000_000_000, 2_000
"""Products of columns that a curvature is summed up of, but of so many rows (assumed)."""

_TRIES = 2
"""Times that a slope that stops at its bound is let go again (assumed)."""

_ANEW = frozenset((0, 1, 2, 3, 5, 8, 13, 21, 34))
"""Steps before which the curvature is found anew."""

_ROUNDS, _NARROWEST, _NEAR, _LONGEST = 60, 1e-4, 5e-4, 2.0
_BLOCK = 16_384
_LINE, _LEVEL, _MISSING, _SKEWED, _KINDS = 0, 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Columns:
    """Inputs as bins, and each column of the regression as the values of one input's bins.

    ``groups`` tell apart slopes, levels, indicators of the missing and slopes of skewed inputs:
    each kind has a variance of its own.
    """

    cuts: list[Floats]
    places: npt.NDArray[Any]
    owner: Whole
    values: list[Floats]
    groups: Whole
    directions: Whole

    def take(self, rows: Whole) -> Columns:
        """Keep some rows."""
        return replace(self, places=self.places[rows])

    def table(self, slopes: Floats) -> Floats:
        """Give what the bins of each input are worth; a row an input."""
        found = np.zeros((len(self.cuts), int(self.places.max()) + 1))
        for own, values, slope in zip(self.owner, self.values, slopes, strict=True):
            size = min(len(values), found.shape[1])
            found[own, :size] += slope * values[:size]
        return found

    def gradient(self, miss: Floats) -> Floats:
        """Give what each column has in common with a number a row, the constant first."""
        sums = tally_places(self.places, miss, max(map(len, self.values), default=1))
        own = [
            float(values @ sums[at, : len(values)])
            for at, values in zip(self.owner, self.values, strict=True)
        ]
        return np.append(float(miss.sum()), own)

    def block(self, rows: slice) -> Floats:
        """Give the columns of some rows, after a column of ones."""
        places = self.places[rows]
        found = np.ones((len(places), len(self.values) + 1))
        for at, (own, values) in enumerate(zip(self.owner, self.values, strict=True)):
            found[:, at + 1] = values[places[:, own]]
        return found


def fit_linear(
    data: TrainingSet, sizes: Sequence[int], *, honest: bool = False
) -> tuple[list[StepFunction], float, Floats | None]:
    """Learn one step function an input and a constant; their sum is a margin.

    ``sizes`` are the known levels of categories, ``other`` among them; 0 for numbers. A number is
    one column, its mean by bin, level beyond the outer thousandth of the rows, 30 at most; one that
    is skewed has a second, its normal scores. Slopes are bounded by the directions. Rows of one
    merchant are one witness. With ``honest`` rows get margins, too, by regressions that did not see
    their merchant.
    """
    columns = _columns(data, sizes)
    bad = max(float((data.y == 1).sum()), 1.0)
    weight = data.weight / data.weight.mean() * min(data.defaults / bad, 1.0)
    if len(data.y) > _BY_CHORDS:
        found = _fit_many(columns, data.y, weight)
    else:
        found = _fit(columns, data.y, weight)
    functions = _functions(columns, found.slopes, sizes)
    return functions, found.constant, _honest(columns, data, weight, found) if honest else None


@dataclass(frozen=True, eq=False)
class _Fit:
    """A constant, slopes, the variance of each kind of them, the curvature, the rows' weight."""

    constant: float
    slopes: Floats
    variance: Floats
    curve: Floats
    mass: float

    def margins(self, columns: Columns) -> Floats:
        """Give the margins of rows."""
        return self.constant + np.asarray(
            add_places(columns.places, columns.table(self.slopes), 0.0)
        )


def _columns(data: TrainingSet, sizes: Sequence[int]) -> Columns:
    """Lay inputs out as columns."""
    samples = [_sample(data.X[:, at]) for at in range(len(sizes))]
    cuts: list[Floats] = []
    sides: list[Floats] = []
    for at, size in enumerate(sizes):
        own = np.empty(0) if size else _cuts(data.X[samples[at], at])
        cuts.append(own)
        sides.append(between_levels(size) if size else own)
    places = place_columns(data.X, sides, [len(own) + 1 for own in sides])
    masses = tally_places(places, data.weight, max(map(len, sides), default=0) + 2)
    found: list[tuple[int, Floats, int, int]] = []
    for at, size in enumerate(sizes):
        bins = len(sides[at]) + 1
        mass = masses[at, : bins + 1]
        rows = np.bincount(places[:, at], minlength=bins + 1)
        if size:
            found += [(at, _indicator(level, mass), _LEVEL, 0) for level in _learned(rows[:size])]
        else:
            some = samples[at]
            lines = _lines(data.X[some, at], places[some, at], mass)
            kind = _SKEWED if len(lines) > 1 else _LINE
            found += [(at, line, kind, data.directions[at]) for line in lines]
        if rows[-1] >= FEWEST_OF_A_STEP:
            found.append((at, _indicator(bins, mass), _MISSING, 0))
    owner, groups, directions = (
        np.array([each[k] for each in found], dtype=np.int64) for k in (0, 2, 3)
    )
    return Columns(cuts, places, owner, [each[1] for each in found], groups, directions)


def _learned(rows: Whole) -> list[int]:
    """Name the levels that have a column, others the last: those of 20 rows.

    Where many rows are of levels that are rarer, each of these has one: what it may move by is
    drawn to nothing as its rows are few.
    """
    is_often = rows >= FEWEST_OF_A_STEP
    rare = rows[:-1][~is_often[:-1]].sum()
    if rare > MUCH * rows.sum():
        is_often[:-1] |= rows[:-1] > 0
    return np.flatnonzero(is_often).tolist()


def _sample(column: Floats) -> Whole:
    """Name the rows of known values, or so many of many."""
    known = np.flatnonzero(~np.isnan(column))
    return known[:: max(-(-len(known) // _CUT_ROWS), 1)]


def _cuts(known: Floats) -> Floats:
    """Cut a column of numbers to bins: of as many rows each, and of one width each."""
    if not len(known):
        return np.empty(0)
    known = np.sort(known)
    starts = np.flatnonzero(np.diff(known, prepend=-np.inf) > 0)
    if len(starts) <= MOST_BINS:
        return known[starts][:-1]
    half = MOST_BINS // 2
    low, high = np.quantile(known, _tails(known), method="lower")
    at = np.searchsorted(known, np.linspace(low, high, half), side="right") - 1
    chosen = np.concatenate([known[len(known) * np.arange(1, half) // half], known[at]])
    cuts = np.unique(chosen)
    return cuts[cuts < known[-1]]


def _tails(known: Floats) -> list[float]:
    """Give the shares of rows between which an input's line is not level."""
    tail = min(_TAIL, _TAIL_ROWS / len(known))
    return [tail, 1 - tail]


def _indicator(bin_: int, mass: Floats) -> Floats:
    """Give the column that is 1 in a bin, less its mean."""
    found = np.zeros(len(mass))
    found[bin_] = 1.0
    return found - mass[bin_] / mass.sum()


def _lines(known: Floats, place: npt.NDArray[Any], mass: Floats) -> list[Floats]:
    """Give a number's bins by their mean value and, where that is skewed, by normal scores.

    ``known`` are values of it, in every bin some, and ``place`` their bins.
    """
    if not len(known):
        return []
    low, high = np.quantile(known, _tails(known))
    clipped = np.clip(known, low, high)
    clipped = clipped - clipped.min()  # of large numbers close to each other no digit is lost
    clipped = clipped / max(float(clipped.max()), np.finfo(np.float64).tiny)
    own = mass[:-1]
    total = np.bincount(place, weights=clipped, minlength=len(own))
    count = np.bincount(place, minlength=len(own))
    mean = total / np.maximum(count, 1)
    upto = np.cumsum(count)
    scores = ndtri((upto - count / 2) / upto[-1])
    lines = [line for line in (_scaled(mean, own), _scaled(scores, own)) if line is not None]
    if len(lines) == 2:
        alike = float(np.average(lines[0][:-1] * lines[1][:-1], weights=own))
        if alike > _ALIKE:
            return lines[:1]
    return lines


def _scaled(values: Floats, mass: Floats) -> Floats | None:
    """Give values of mean 0 and variance 1; the missing, last, have the mean."""
    total = mass.sum()
    if total <= 0:
        return None
    apart = values - float(mass @ values) / total
    spread = float(np.sqrt(mass @ apart**2 / total))
    if not spread > 0:
        return None
    return np.append(apart / spread, 0.0)


def _fit(columns: Columns, y: Floats, weight: Floats) -> _Fit:
    """Fit a penalised logistic regression and its variances.

    Each step has the gradient of all rows; the curvature, which costs more, is that of some rows
    and found anew ever more seldom. Variances follow the fixed point of EM by the shorter way of
    MacKay (1992): the squares of slopes over how many of them the rows determine.
    """
    rate = float(np.average(y, weights=weight))
    size = len(columns.values) + 1
    beta = np.append(np.log(rate / (1 - rate)), np.zeros(size - 1))
    variance, curve = np.full(_KINDS, _SPREAD**2), np.empty((0, 0))
    sign, stopped = np.append(0, columns.directions), np.zeros(size, dtype=np.int64)
    for step_at in range(_ROUNDS):
        p = _probabilities(columns, beta)
        if step_at in _ANEW:
            curve = _curvature(columns, weight * p * (1 - p), _CURVED // size**2)
        penalty = np.append(0.0, 1 / variance[columns.groups])
        gradient = columns.gradient(weight * (y - p)) - penalty * beta
        free = _free(beta, gradient, sign, stopped)
        inverse = np.linalg.inv(_penalised(curve, penalty, free))
        before, beta = beta, beta + _step(inverse @ gradient[free], free, size)
        stopped += beta * sign < 0
        beta[beta * sign < 0] = 0.0
        told = 1 - np.diag(inverse)[1:] * penalty[free[1:]]
        groups = columns.groups[free[1:] - 1]
        old, variance = variance, _variances(groups, beta[free[1:]] ** 2, told)
        moved = float(np.abs(np.log(variance / old)).max()) / 300
        if max(float(np.abs(beta - before).max()), moved) < _NARROWEST:
            break
    return _Fit(float(beta[0]), beta[1:], variance, curve, float(weight.sum()))


def _settle(columns: Columns, y: Floats, weight: Floats, start: _Fit) -> _Fit:
    """Let rows move the slopes of a fit; its variances, and its curvature for their mass, stand."""
    size = len(columns.values) + 1
    beta = np.append(start.constant, start.slopes)
    penalty = np.append(0.0, 1 / start.variance[columns.groups])
    curve = start.curve * (weight.sum() / start.mass)
    sign, stopped = np.append(0, columns.directions), np.zeros(size, dtype=np.int64)
    for _ in range(_ROUNDS):
        miss = weight * (y - _probabilities(columns, beta))
        gradient = columns.gradient(miss) - penalty * beta
        free = _free(beta, gradient, sign, stopped)
        step = np.linalg.solve(_penalised(curve, penalty, free), gradient[free])
        before, beta = beta, beta + _step(step, free, size)
        stopped += beta * sign < 0
        beta[beta * sign < 0] = 0.0
        if float(np.abs(beta - before).max()) < _NEAR:
            break
    return _Fit(float(beta[0]), beta[1:], start.variance, curve, float(weight.sum()))


def _free(beta: Floats, gradient: Floats, sign: Whole, stopped: Whole) -> Whole:
    """Name the slopes that may move: not those at a bound that they would cross, or often did."""
    may = (gradient * sign > 0) & (stopped < _TRIES)
    return np.flatnonzero((sign == 0) | (beta != 0) | may)


def _penalised(curve: Floats, penalty: Floats, free: Whole) -> Floats:
    """Give the curvature of the penalised log likelihood by the slopes that may move."""
    own = curve[np.ix_(free, free)]
    own[np.diag_indices(len(free))] += penalty[free] + 1e-9
    return own


def _step(found: Floats, free: Whole, size: int) -> Floats:
    """Give a step of all slopes from that of some, no longer than the longest."""
    step = np.zeros(size)
    step[free] = found
    return step * min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-12))


def _probabilities(columns: Columns, beta: Floats) -> Floats:
    """Give the probabilities of rows."""
    margin = beta[0] + np.asarray(add_places(columns.places, columns.table(beta[1:]), 0.0))
    return np.asarray(1 / (1 + np.exp(-np.clip(margin, -500, 500))))


def _fit_many(columns: Columns, y: Floats, weight: Floats) -> _Fit:
    """Fit as on fewer rows, then let all rows move the slopes with the curvature of those."""
    few = np.arange(0, len(y), -(-len(y) // _LEARNED))
    return _settle(columns, y, weight, _fit(columns.take(few), y[few], weight[few]))


def _variances(groups: Whole, squares: Floats, told: Floats) -> Floats:
    """Give the variance of each kind of slope, with a prior worth some of them."""
    total = np.bincount(groups, weights=squares, minlength=_KINDS) + _WITNESSES * _SPREAD**2
    count = np.bincount(groups, weights=np.maximum(told, 0.0), minlength=_KINDS)
    return np.asarray(total / (count + _WITNESSES))


def _curvature(columns: Columns, information: Floats, most: int) -> Floats:
    """Give the curvature of the log likelihood by some rows, for all."""
    every = -(-len(information) // max(most, _FEWEST_CURVED))
    rows = np.arange(0, len(information), every)
    some, own = columns.take(rows), information[rows]
    size = len(columns.values) + 1
    curve = np.zeros((size, size))
    for start in range(0, len(rows), _BLOCK):
        X = some.block(slice(start, start + _BLOCK))
        curve += (X * own[start : start + _BLOCK, None]).T @ X
    return curve * (float(information.sum()) / max(float(own.sum()), 1e-300))


def _honest(columns: Columns, data: TrainingSet, weight: Floats, found: _Fit) -> Floats:
    """Give margins by regressions that did not see the row's merchant."""
    margin = found.margins(columns)
    if len(data.y) > _MOST_HONEST:
        return margin
    fold = data.cluster * 2_654_435_761 % 2**32 % _FOLDS
    for k in range(_FOLDS):
        judge, learn = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        if len(judge) and data.y[learn].max() > data.y[learn].min():
            other = _settle(columns.take(learn), data.y[learn], weight[learn], found)
            margin[judge] = other.margins(columns.take(judge))
    return margin


def _functions(columns: Columns, slopes: Floats, sizes: Sequence[int]) -> list[StepFunction]:
    """Make a step function of each input."""
    found = []
    for at, size in enumerate(sizes):
        values = np.zeros((size or len(columns.cuts[at]) + 1) + 1)
        for own in np.flatnonzero(columns.owner == at):
            values += slopes[own] * columns.values[own]
        gone = float(values[-1])
        if size:
            levels = dict(enumerate(values[:-1].tolist()))
            found.append(StepFunction(np.empty(0), np.zeros(1), gone, levels, levels[size - 1]))
        else:
            found.append(StepFunction(columns.cuts[at], values[:-1], gone))
    return found
