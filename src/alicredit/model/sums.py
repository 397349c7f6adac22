"""Sums of step functions: what is learned in parts, and in what shares they are added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.points import StepFunction, add_functions
from alicredit.model.specials import add_specials
from alicredit.model.steps import place_rows

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

_TENTHS = 10
USUAL_SHARES = (0.8, 0.1, 0.1)
_PULLS = (8.0, 3.0)
"""Shares of line, trees and marginal scorecard are tenths, with a prior of these, stronger where
trees start from nothing (assumed)."""

_USUAL_SHARE, _PULL = 0.5, 3.0
"""Shares of pairs or trees beside points are tenths, one at least, with a prior (assumed)."""


@dataclass(frozen=True, eq=False)
class Sum:
    """Step functions of the inputs, a constant, and of special codes each input's values."""

    functions: list[StepFunction]
    constant: float
    specials: dict[int, Floats] = field(default_factory=dict)

    @property
    def missing(self) -> dict[int, float]:
        """Give the value of each input's missing."""
        return {at: function.missing for at, function in enumerate(self.functions)}

    def margins(self, inputs: Inputs, data: TrainingSet) -> Floats:
        """Give the margins of rows."""
        placed = place_rows(self.functions, sizes_of(inputs), data.X)
        margin = placed.margins(self.functions, self.constant)
        return add_specials(margin, data.given, inputs.specials, self.missing, self.specials)


@dataclass(frozen=True, eq=False)
class Learned:
    """What is added up in shares: line, trees and, of few defaults, marginal scorecard.

    What has no share need not have been learned.
    """

    line: Sum
    boosted: Sum | None
    marginal: Sum | None

    @property
    def every(self) -> list[Sum]:
        """List what there is, in order."""
        return [each for each in (self.line, self.boosted, self.marginal) if each is not None]

    def blend(self, shares: Sequence[float]) -> Sum:
        """Add up shares of what there is."""
        parts = (self.line, self.boosted, self.marginal)
        there = [(each, k) for each, k in zip(parts, shares, strict=True) if each is not None and k]
        used = there or [(self.line, 1.0)]
        total = sum(k for _, k in used)
        return add_sums([(each, k / total) for each, k in used])


def add_sums(weighted: Sequence[tuple[Sum, float]]) -> Sum:
    """Add up sums, each times its weight."""
    functions = [
        add_functions([(each.functions[at], k) for each, k in weighted])
        for at in range(len(weighted[0][0].functions))
    ]
    return Sum(functions, sum(k * each.constant for each, k in weighted))


def sizes_of(inputs: Inputs) -> list[int]:
    """Count the known levels of categories, ``other`` among them; 0 for numbers."""
    return [
        len(inputs.levels[name]) + 1 if kind == "category" else 0
        for name, kind in zip(inputs.names, inputs.kinds, strict=True)
    ]


def find_shares(
    inputs: Inputs,
    data: TrainingSet,
    splits: Sequence[tuple[Positions, Positions]],
    learned: Sequence[Learned],
    *,
    at_line: bool,
) -> tuple[float, float, float]:
    """Give the shares of least out-of-fold loss, drawn to the usual ones.

    ``at_line`` says that trees started from the line.
    """
    parts = min(len(each.every) for each in learned)
    columns = [
        np.concatenate(
            [
                each.every[at].margins(inputs, data.take(judge))
                for each, (_, judge) in zip(learned, splits, strict=True)
            ]
        )
        for at in range(parts)
    ]
    margins = np.column_stack(columns)
    rows = np.concatenate([judge for _, judge in splits])
    y, weight = data.y[rows], data.weight[rows] / data.weight.mean()
    times = len(rows) / len(np.unique(rows))
    pull = _PULLS[at_line]
    usual = np.array(USUAL_SHARES[:parts]) / sum(USUAL_SHARES[:parts])
    tried = [
        (a, b, _TENTHS - a - b)
        for a in range(_TENTHS + 1)
        for b in range(_TENTHS + 1 - a)
        if parts > 2 or a + b == _TENTHS
    ]
    losses = []
    for each in tried:
        shares = np.array(each[:parts]) / _TENTHS
        margin = margins @ shares
        loss = float(weight @ (np.logaddexp(0, margin) - y * margin)) / times
        losses.append(loss + pull * float(((shares - usual) ** 2).sum()))
    a, b, c = (each / _TENTHS for each in tried[int(np.argmin(losses))])
    return a, b, c


def find_share(own: Floats, beside: Floats, data: TrainingSet, rows: Positions) -> float:
    """Give the share of margins that, with another's beside them, loses least on judging rows.

    It is drawn to one half. ``rows`` are those judged, some of them more than once.
    """
    y, weight = data.y[rows], data.weight[rows] / data.weight.mean()
    times = len(rows) / len(np.unique(rows))
    losses = []
    for tenths in range(1, _TENTHS + 1):
        share = tenths / _TENTHS
        margin = share * own + (1 - share) * beside
        loss = float(weight @ (np.logaddexp(0, margin) - y * margin)) / times
        losses.append(loss + _PULL * (share - _USUAL_SHARE) ** 2)
    return (int(np.argmin(losses)) + 1) / _TENTHS
