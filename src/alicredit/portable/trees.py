"""Trees over all inputs: whole units at their leaves, in flat tuples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alicredit.portable.axes import blocks_of
from alicredit.portable.patterns import patterns_of

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TreeTable:
    """All trees of a model; a row earns the units of one leaf of each.

    A child or root that is not negative is the position of a node; ``-(k + 1)`` is leaf k.

    Parameters
    ----------
    roots : tuple of int
        Of each tree.
    feature : tuple of int
        The input of each node, by its position among the model's tables.
    cut : tuple of float
        A value goes left where it is at most this, compared in double; 0 for a category.
    left, right : tuple of int
        Children of each node: nodes after it, or leaves.
    missing_left : tuple of bool
        Where a missing value goes.
    levels : tuple of tuple of int
        For a category the positions of the levels that go left, rising; its number of levels
        stands for others. Empty otherwise.
    leaves : tuple of int
        Units of each leaf.
    reference : tuple of tuple of float
        Rows that reasons are measured against: each input as a number, a category as the position
        of its level, missing as None (NaN is taken for it).

    Examples
    --------
    >>> trees = TreeTable((0, -4), (0, 1), (2.0, 7.0), (-1, -2), (1, -3), (True, False),
    ...     ((), ()), (5, 1, -4, 10), ())
    >>> trees.look_up(np.array([[1.0, 9.0], [3.0, 9.0], [np.nan, 0.0]])).tolist()
    [15, 6, 15]
    >>> trees.look_up_one((3.0, 9.0))
    6
    """

    roots: tuple[int, ...]
    feature: tuple[int, ...]
    cut: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[bool, ...]
    levels: tuple[tuple[int, ...], ...]
    leaves: tuple[int, ...]
    reference: tuple[tuple[float | None, ...], ...]

    def __post_init__(self) -> None:
        """Hold missing values as None, which is equal to itself."""
        rows = tuple(
            tuple(None if x is None or math.isnan(x) else float(x) for x in row)
            for row in self.reference
        )
        object.__setattr__(self, "reference", rows)

    def look_up(self, values: Floats) -> Whole:
        """Give the units of rows of checked values, categories as positions of levels."""
        values = np.asarray(values, dtype=np.float64)
        found = np.empty(len(values), dtype=np.int64)
        for rows in blocks_of(len(values)):
            found[rows] = self.units(list(np.ascontiguousarray(values[rows].T)))
        return found

    def units(self, columns: Sequence[Floats]) -> Whole:
        """Give the same of a block of rows, by its columns."""
        return patterns_of(self).units(columns)

    def look_up_one(self, values: Sequence[float]) -> int:
        """Give the units of one row, with the standard library alone."""
        return sum(self.leaves[self._leaf(root, values)] for root in self.roots)

    def _leaf(self, at: int, values: Sequence[float]) -> int:
        """Walk one tree from its root."""
        while at >= 0:
            value = values[self.feature[at]]
            if math.isnan(value):
                goes_left = self.missing_left[at]
            elif self.levels[at]:
                goes_left = int(value) in self.levels[at]
            else:
                goes_left = value <= self.cut[at]
            at = self.left[at] if goes_left else self.right[at]
        return -at - 1

    def reach(self) -> tuple[int, int]:
        """Give the fewest and the most units that leaves of all trees could add up to."""
        low, high = list(self.leaves), list(self.leaves)
        under: list[tuple[int, int]] = [(0, 0)] * len(self.feature)
        for at in reversed(range(len(self.feature))):
            ends = [
                under[child] if child >= 0 else (low[-child - 1], high[-child - 1])
                for child in (self.left[at], self.right[at])
            ]
            under[at] = (min(ends[0][0], ends[1][0]), max(ends[0][1], ends[1][1]))
        tops = [
            under[root] if root >= 0 else (low[-root - 1], high[-root - 1]) for root in self.roots
        ]
        return sum(low for low, _ in tops), sum(high for _, high in tops)
