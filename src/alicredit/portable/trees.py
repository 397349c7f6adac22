"""Trees over all inputs: whole units at their leaves, in flat tuples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_BLOCK = 2**17
"""Pairs of a row and a tree walked at once (assumed: a few megabytes)."""


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
        leaves = np.array(self.leaves, dtype=np.int64)
        size = max(1, _BLOCK // max(1, len(self.roots)))
        total = np.empty(len(values), dtype=np.int64)
        walker = Walker(self)
        for start in range(0, len(values), size):
            block = slice(start, start + size)
            total[block] = leaves[walker.leaves_of(values[block])].sum(axis=1)
        return total

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


class Walker:
    """The arrays of a table of trees, to walk many rows at once."""

    def __init__(self, trees: TreeTable) -> None:
        self.roots = np.array(trees.roots, dtype=np.int64)
        self.feature = np.array(trees.feature, dtype=np.int64)
        self.cut = np.array(trees.cut, dtype=np.float64)
        self.children = np.array([trees.right, trees.left], dtype=np.int64)
        self.missing_left = np.array(trees.missing_left, dtype=bool)
        self.is_category = np.array([len(each) > 0 for each in trees.levels], dtype=bool)
        width = 1 + max((each[-1] for each in trees.levels if each), default=0)
        self.member = np.zeros((len(trees.levels), width), dtype=bool)
        for node, each in enumerate(trees.levels):
            self.member[node, list(each)] = True

    def leaves_of(self, values: Floats) -> Whole:
        """Give the leaf that each row reaches in each tree, shape (rows, trees)."""
        rows, trees = len(values), len(self.roots)
        at = np.tile(self.roots, rows)
        row = np.repeat(np.arange(rows), trees)
        active = np.flatnonzero(at >= 0)
        while len(active):
            node = at[active]
            goes = self.goes_left(node, values[row[active], self.feature[node]])
            there = self.children[goes.astype(np.int8), node]
            at[active] = there
            active = active[there >= 0]
        return (-at - 1).reshape(rows, trees)

    def goes_left(self, node: Whole, value: Floats) -> npt.NDArray[np.bool_]:
        """Tell which values go left at which nodes."""
        gone = np.isnan(value)
        goes = np.where(gone, self.missing_left[node], value <= self.cut[node])
        special = np.flatnonzero(self.is_category[node] & ~gone)
        if len(special):
            level = value[special].astype(np.int64)
            inside = level < self.member.shape[1]
            goes[special] = inside & self.member[node[special], np.where(inside, level, 0)]
        return goes
