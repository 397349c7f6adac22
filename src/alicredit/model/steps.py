"""Fewer steps: merged where little is lost, and where a period of the training data disagrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alicredit.model.learner import TrainingSet
from alicredit.model.points import StepFunction, merge_steps, step_means

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

DEVIANCE = 0.5
DEVIANCE_PER_ROW = 4e-6
"""What merging a table may cost on the training rows, the larger of both (assumed)."""


@dataclass(frozen=True, eq=False)
class Placed:
    """The step of each row in each input's function; the missing come last."""

    steps: Whole

    def margins(self, functions: Sequence[StepFunction], constant: float) -> Floats:
        """Add up what the functions give each row."""
        total = np.full(len(self.steps), constant)
        for at, function in enumerate(functions):
            total += values_of(function)[self.steps[:, at]]
        return total


def values_of(function: StepFunction) -> Floats:
    """Give a function's values by step, or by level (the last of them ``other``), missing last."""
    if function.levels:
        size = max(function.levels) + 1
        known = [function.levels.get(level, function.other) for level in range(size)]
        return np.array([*known, function.other, function.missing])
    return np.append(function.values, function.missing)


def place_rows(functions: Sequence[StepFunction], sizes: Sequence[int], X: Floats) -> Placed:
    """Find each row's step; ``sizes`` are the known levels of categories, 0 for numbers."""
    steps = np.empty(X.shape, dtype=np.int64)
    for at, (function, size) in enumerate(zip(functions, sizes, strict=True)):
        column = X[:, at]
        if size and function.levels:
            last = max(function.levels) + 1
            step, gone = np.minimum(np.nan_to_num(column), last), last + 1
        elif size:
            step, gone = np.zeros(len(X)), 1
        else:
            step = np.searchsorted(function.cuts, column, side="left")
            gone = len(function.values)
        steps[:, at] = np.where(np.isnan(column), gone, step)
    return Placed(steps)


def simplify(
    functions: Sequence[StepFunction],
    constant: float,
    placed: Placed,
    data: TrainingSet,
    *,
    max_steps: int,
) -> list[StepFunction]:
    """Merge each function to the fewest steps that cost at most the stated deviance."""
    p = 1 / (1 + np.exp(-placed.margins(functions, constant)))
    information = data.weight / data.weight.mean() * p * (1 - p)
    budget = max(DEVIANCE, DEVIANCE_PER_ROW * len(data.y))
    merged = []
    for at, function in enumerate(functions):
        if function.levels or len(function.values) == 1:
            merged.append(function)
            continue
        mass = np.bincount(
            placed.steps[:, at], weights=information, minlength=len(function.values) + 1
        )[:-1]
        steps = merge_steps(function.values, mass, max_steps, budget=budget)
        ends = [step.stop - 1 for step in steps[:-1]]
        merged.append(
            StepFunction(
                function.cuts[ends], step_means(function.values, mass, steps), function.missing
            )
        )
    return merged
