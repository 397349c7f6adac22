"""Fewer steps: merged where little is lost, and where a period of the training data disagrees."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.model.learner import TrainingSet
from alicredit.model.placing import between_levels, place_columns
from alicredit.model.points import StepFunction, merge_steps, step_means, tally
from alicredit.model.turns import add_places, tally_places

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

log = logging.getLogger(__name__)

MOST_PERIODS = 4
DEFAULTS_OF_A_PERIOD = 30
"""Periods of training have about as many rows each and so many defaults on average (assumed)."""

AGAINST = 2.0
"""Standard errors by which a period must contradict a step's direction (assumed)."""

APART = 2.5
"""Standard errors by which one period must differ from the others to be looked at (assumed)."""

SUPPORT = 2.0
"""Standard errors by which the other periods must then support a step's order (assumed)."""

SEEN = 1.0
"""Standard errors by which all periods together must support any order (assumed)."""

TOLD_APART, ALIKE, SURE = 1.5, 0.1, 0.15
"""Levels of a category are alike where they differ by less than so many standard errors and so much
log-odds, about three points, and the error of that is small (assumed: merging whatever 1,000 rows
of public data cannot tell apart cost 0.005 to 0.018 AUC)."""

DEVIANCE, FINE_DEVIANCE = 0.1, 0.02
DEVIANCE_PER_ROW, DEVIANCE_PER_DEFAULT = 4e-6, 1e-3
"""What merging a table may cost on the training rows: the first, or of fine steps the second, but
of many rows so much a row, and of fewer than 100 defaults so much a default (assumed): what all
tables tell grows with defaults, and of 20 the first is a large part of it."""


@dataclass(frozen=True, eq=False)
class Placed:
    """The step of each row in each input's function; the missing come last."""

    steps: npt.NDArray[Any]

    def margins(self, functions: Sequence[StepFunction], constant: float) -> Floats:
        """Add up what the functions give each row."""
        values = [values_of(function) for function in functions]
        table = np.zeros((len(values), max(map(len, values), default=1)))
        for at, own in enumerate(values):
            table[at, : len(own)] = own
        return np.asarray(add_places(self.steps, table, float(constant)))


def values_of(function: StepFunction) -> Floats:
    """Give a function's values by step, or by level (the last of them ``other``), missing last."""
    if function.levels:
        size = max(function.levels) + 1
        known = [function.levels.get(level, function.other) for level in range(size)]
        return np.array([*known, function.other, function.missing])
    return np.append(function.values, function.missing)


def place_rows(functions: Sequence[StepFunction], sizes: Sequence[int], X: Floats) -> Placed:
    """Find each row's step; ``sizes`` are the known levels of categories, 0 for numbers."""
    cuts = [
        between_levels(max(function.levels, default=-1) + 2) if size else function.cuts
        for function, size in zip(functions, sizes, strict=True)
    ]
    return Placed(place_columns(X, cuts, [len(own) + 1 for own in cuts]))


def budget_of(rows: int, defaults: int) -> float:
    """Say what merging a table may cost on the training rows, by rows and by the rarer outcome.

    Examples
    --------
    >>> some = ((400, 20), (400, 100), (4_000, 1_000), (50_000, 20))
    >>> [round(budget_of(rows, defaults), 3) for rows, defaults in some]
    [0.02, 0.1, 0.1, 0.2]
    """
    return max(min(DEVIANCE, DEVIANCE_PER_DEFAULT * defaults), DEVIANCE_PER_ROW * rows)


def simplify(
    functions: Sequence[StepFunction],
    constant: float,
    placed: Placed,
    data: TrainingSet,
    *,
    max_steps: int,
    fine_steps: int | None = None,
) -> list[StepFunction]:
    """Merge each function to the fewest steps that cost at most the stated deviance.

    Levels of a category stand in the order of their risk, and are merged as steps are: those of one
    group keep their names and have one value. Levels known to be alike are merged, too: those that
    differ by less than 1.5 standard errors, of at most 0.15, and 0.1 in log-odds (assumed); with
    ``fine_steps`` only where rows have periods, beside which nothing finer can be seen.

    The deviance is that of a second-order expansion around the margins learned: squares of what a
    row's value moves by, weighted by the mean of p (1 - p) there and at the rate of all rows: where
    classes part, the former alone vanishes. Where rows have periods, steps that a period
    contradicts are merged, too; see :func:`held_groups`. With ``fine_steps`` there are up to so
    many steps and less is lost.
    """
    p = _rate(placed.margins(functions, constant))
    weight = data.weight / data.weight.mean()
    rate = float(np.average(data.y, weights=weight))
    information = weight * (p * (1 - p) + rate * (1 - rate)) / 2
    merged, masses = [], []
    lines = [_line(function) for function in functions]
    widest = max((len(line.values) for line in lines), default=0) + 1
    by_step = tally_places(placed.steps, information, widest)
    budget, most = budget_of(len(data.y), data.fewest), max_steps
    if fine_steps is not None:
        budget, most = min(FINE_DEVIANCE, budget), fine_steps
    for at, line in enumerate(lines):
        size = len(line.values)
        mass = by_step[at, np.argsort(line.place)]
        steps = [slice(0, 1)]
        if size > 1:
            steps = merge_steps(line.values, mass, most, budget=budget)
        merged.append(line.merged(mass, steps))
        members = np.repeat(np.arange(len(steps)), [s.stop - s.start for s in steps])
        masses.append(tally(members, mass, 1))
    has_periods = data.period is not None and bool(data.period.any())
    looks_alike = fine_steps is None and any(function.levels for function in functions)
    if not has_periods and not looks_alike:
        return [line.function for line in merged]
    groups = [line.places(placed.steps[:, at]) for at, line in enumerate(merged)]
    return _held(merged, constant, Placed(np.column_stack(groups)), masses, data)


@dataclass(frozen=True, eq=False)
class _Line:
    """A function as values in a row: of steps as they stand, of levels in the order of risk.

    ``place`` says where in the row each step or level stands; others are the last level.
    """

    function: StepFunction
    values: Floats
    place: Whole

    def places(self, steps: Whole) -> Whole:
        """Give where the step or level of each row stands; the missing come last."""
        return np.append(self.place, len(self.values))[steps]

    def merged(self, mass: Floats, steps: list[slice]) -> _Line:
        """Merge neighbours in the row."""
        if len(steps) == len(self.values):
            return self
        values = step_means(self.values, mass, steps)
        place = np.repeat(np.arange(len(steps)), [s.stop - s.start for s in steps])[self.place]
        if self.function.levels:
            *known, other = values[place].tolist()
            old = self.function
            levels = dict(enumerate(known))
            function = StepFunction(old.cuts, old.values, old.missing, levels, other)
        else:
            cuts = self.function.cuts[[step.stop - 1 for step in steps[:-1]]]
            function = StepFunction(cuts, values, self.function.missing)
        return _Line(function, values, place)


def _line(function: StepFunction) -> _Line:
    """Lay a function out in a row."""
    values = values_of(function)[:-1]
    place = np.arange(len(values))
    if function.levels:
        order = np.argsort(values, kind="stable")
        values, place[order] = values[order], place.copy()
    return _Line(function, values, place)


def _rate(margin: Floats) -> Floats:
    """Turn log-odds to probabilities, within what floating point can hold."""
    return np.asarray(1 / (1 + np.exp(-np.clip(margin, -500, 500))))


def _held(
    lines: Sequence[_Line],
    constant: float,
    placed: Placed,
    masses: Sequence[Floats],
    data: TrainingSet,
) -> list[StepFunction]:
    """Merge neighbouring steps whose order a period of the training data contradicts.

    Without periods all rows are one, and levels of categories alone are looked at.
    """
    period = np.zeros(len(data.y), dtype=np.int64) if data.period is None else data.period
    has_periods = bool(period.any())
    weight = data.weight / data.weight.mean()
    margin = np.full(len(data.y), constant)
    for at, line in enumerate(lines):
        margin += np.append(line.values, line.function.missing)[placed.steps[:, at]]
    for _ in range(5):  # each period at its own level
        p = _rate(margin)
        level = np.bincount(period, weights=weight * (data.y - p)) / np.maximum(
            np.bincount(period, weights=weight * p * (1 - p)), 1e-9
        )
        margin = margin + np.clip(level, -1, 1)[period]
    p = _rate(margin)
    miss, information = weight * (data.y - p), weight * p * (1 - p)
    cells = _Cells(period, data.cluster, miss, information)
    held = []
    for at, line in enumerate(lines):
        is_category = bool(line.function.levels)
        if len(line.values) == 1 or not (has_periods or is_category):
            held.append(line.function)
            continue
        effects = cells.effects(placed.steps[:, at], line.values)
        steps = held_groups(line.values, *effects, is_category=is_category)
        if len(steps) < len(line.values):
            log.info("input %d: %d steps not held", at, len(line.values) - len(steps))
        held.append(line.merged(masses[at], steps).function)
    return held


@dataclass(frozen=True, eq=False)
class _Cells:
    """What rows say of steps in periods."""

    period: Whole
    cluster: Whole
    miss: Floats
    information: Floats

    def effects(self, step: Whole, values: Floats) -> tuple[Floats, Floats]:
        """Give each period's own value of each step, and its variance clustered by merchant.

        The value is one Newton step away from the one learned. A cell's variance is at least
        that of independent rows.
        """
        periods, size = int(self.period.max()) + 1, len(values) + 1
        cell = self.period * size + step
        many = periods * size
        known = tally(cell, self.information, many)
        miss = tally(cell, self.miss, many)
        own, where = np.unique(self.cluster * many + cell, return_inverse=True)
        sums = tally(where, self.miss, 1)
        spread = tally(own % many, sums**2, many)
        floor = np.maximum(known, 1e-9)
        effect = (miss / floor).reshape(periods, size)[:, :-1] + values
        variance = (np.maximum(spread, known) / floor**2 + 1e-12).reshape(periods, size)[:, :-1]
        return effect, variance


def held_groups(
    values: Floats, effect: Floats, variance: Floats, *, is_category: bool = False
) -> list[slice]:
    """Merge neighbours until no period contradicts the order of what is left.

    ``effect`` and ``variance`` have a row a period and a column a step. The order of two
    neighbours is contradicted where a period's difference is 2 standard errors the other way. It
    is an artefact of one period where that period moves one of the two 2.5 standard errors away
    from what the other periods say of it, and without that period the order is not supported by
    2. The neighbours least supported are merged first; before all, those that all periods
    together do not support by 1 standard error, for beside them nothing can be seen; of a category
    those known to be alike: by 1.5 standard errors of at most 0.15, and within 0.1. Of one period
    nothing else is asked.

    Examples
    --------
    >>> stable = np.array([[0.0, 1.0], [0.0, 0.9], [0.0, 1.1]])
    >>> held_groups(np.array([0.0, 1.0]), stable, np.full((3, 2), 0.01))
    [slice(0, 1, None), slice(1, 2, None)]
    >>> artefact = np.array([[0.0, 2.0], [0.0, 0.0], [0.0, 0.05]])
    >>> held_groups(np.array([0.0, 0.7]), artefact, np.full((3, 2), 0.01))
    [slice(0, 2, None)]
    """
    steps = [slice(k, k + 1) for k in range(len(values))]
    values, effect, precision = values.copy(), effect.copy(), 1 / variance
    while len(steps) > 1:
        support = _pooled(values, effect, precision)
        weak = support < SEEN
        if is_category:
            total = precision.sum(axis=0)
            is_sure = np.sqrt(1 / total[1:] + 1 / total[:-1]) < SURE
            weak = is_sure & (support < TOLD_APART) & (np.abs(np.diff(values)) < ALIKE)
        if weak.any():
            support = np.where(weak, support, np.inf)
        elif len(effect) == 1:
            break
        else:
            support = _support(values, effect, precision)
        if np.isinf(support).all():
            break
        at = int(support.argmin())
        both = slice(at, at + 2)
        mass = precision[:, both].sum(axis=1)
        mean = (effect[:, both] * precision[:, both]).sum(axis=1) / mass
        whole_mass = precision[:, both].sum(axis=0)
        values[at] = float(np.average(values[both], weights=whole_mass))
        effect[:, at], precision[:, at] = mean, mass
        values = np.delete(values, at + 1)
        effect, precision = (np.delete(each, at + 1, axis=1) for each in (effect, precision))
        steps[both] = [slice(steps[at].start, steps[at + 1].stop)]
    return steps


def _signs(values: Floats) -> Floats:
    """Give the direction from each step to the next."""
    return np.where(np.diff(values) >= 0, 1.0, -1.0)


def _means(effect: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Give each step's mean over periods and its precision."""
    total = precision.sum(axis=0)
    return (effect * precision).sum(axis=0) / total, total


def _pooled(values: Floats, effect: Floats, precision: Floats) -> Floats:
    """Give each difference to the next step, all periods together, in standard errors."""
    mean, total = _means(effect, precision)
    return np.asarray(_signs(values) * np.diff(mean) / np.sqrt(1 / total[1:] + 1 / total[:-1]))


def _support(values: Floats, effect: Floats, precision: Floats) -> Floats:
    """Give what is left of each difference to the next step, infinity where it holds."""
    sign = _signs(values)
    mean, total = _means(effect, precision)
    spread = 1 / precision
    apart = sign * np.diff(effect, axis=1) / np.sqrt(spread[:, 1:] + spread[:, :-1])
    found = np.where(apart.min(axis=0) < -AGAINST, apart.min(axis=0), np.inf)
    others = total - precision
    rest = (mean * total - effect * precision) / np.maximum(others, 1e-12)
    alone = (effect - rest) / np.sqrt(spread + 1 / np.maximum(others, 1e-12))
    unsure = 1 / np.maximum(others, 1e-12)
    left = sign * np.diff(rest, axis=1) / np.sqrt(unsure[:, 1:] + unsure[:, :-1])
    for step, up in ((slice(1, None), sign), (slice(None, -1), -sign)):
        artefact = (up * alone[:, step] > APART) & (left < SUPPORT)
        found = np.minimum(found, np.where(artefact, left, np.inf).min(axis=0))
    return np.asarray(found)
