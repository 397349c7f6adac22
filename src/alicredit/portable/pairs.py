"""What two inputs add together, beyond what each adds alone."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairTable:
    """The units that two inputs add together, as a grid of steps.

    Parameters
    ----------
    first, second : str
        Names of two different inputs; each has its own contract among the model's tables.
    first_cuts, second_cuts : tuple of float
        Increasing; step i holds values up to and including ``cuts[i]``, the last the rest. Empty
        for a category.
    first_groups, second_groups : tuple of int
        For a category the step of each learned level and, last, of other levels: numbers 0, 1, ...
        without a gap. Empty otherwise.
    values : tuple of tuple of int
        Units of each step of the first (its missing last) and of the second (its missing last).
    reference : int
        The value of the median training row: what reasons are measured against.

    Examples
    --------
    >>> values = ((3, 2, 0), (-9, 1, 0), (0, 0, 0))
    >>> pair = PairTable("debt", "sales", (1.0,), (50.0,), (), (), values)
    >>> pair.look_up(np.array([0.5, 2.0, np.nan]), np.array([80.0, 50.0, 9.0])).tolist()
    [2, -9, 0]
    >>> pair.look_up_one(2.0, 50.0)
    -9
    """

    first: str
    second: str
    first_cuts: tuple[float, ...]
    second_cuts: tuple[float, ...]
    first_groups: tuple[int, ...]
    second_groups: tuple[int, ...]
    values: tuple[tuple[int, ...], ...]
    reference: int = 0

    @property
    def least(self) -> int:
        """Give the fewest units of any cell."""
        return min(min(row) for row in self.values)

    @property
    def most(self) -> int:
        """Give the most units of any cell."""
        return max(max(row) for row in self.values)

    @property
    def best(self) -> int:
        """Give the most units that two known values can have."""
        return max(max(row[:-1]) for row in self.values[:-1])

    def look_up(self, first: Floats, second: Floats) -> Whole:
        """Give the units of two columns of checked values, categories as positions of levels."""
        i = steps_of(self.first_cuts, self.first_groups, first)
        j = steps_of(self.second_cuts, self.second_groups, second)
        return np.array(self.values, dtype=np.int64)[i, j]

    def look_up_one(self, first: float, second: float) -> int:
        """Give the units of two checked values, with the standard library alone."""
        i = step_of(self.first_cuts, self.first_groups, first)
        j = step_of(self.second_cuts, self.second_groups, second)
        return self.values[i][j]


def steps_of(cuts: tuple[float, ...], groups: tuple[int, ...], values: Floats) -> Whole:
    """Give the step of each value on an axis; missing is the last."""
    gone = np.isnan(values)
    if groups:
        known = np.array([*groups, max(groups) + 1], dtype=np.int64)
        return known[np.where(gone, len(groups), values).astype(np.int64)]
    at = np.searchsorted(np.array(cuts, dtype=np.float64), values, side="left")
    return np.where(gone, len(cuts) + 1, at)


def step_of(cuts: tuple[float, ...], groups: tuple[int, ...], value: float) -> int:
    """Give the step of one value on an axis, with the standard library alone."""
    if math.isnan(value):
        return axis_size(cuts, groups) - 1
    return groups[int(value)] if groups else bisect.bisect_left(cuts, value)


def axis_size(cuts: tuple[float, ...], groups: tuple[int, ...]) -> int:
    """Count the steps of an axis, its missing one too."""
    return max(groups) + 2 if groups else len(cuts) + 2
