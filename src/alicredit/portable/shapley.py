"""Exact Shapley values of trees against reference rows, in whole numbers.

The game is the interventional one: a coalition's inputs have the row's values, the others those of
a reference row, and the prize is the score; values are means over the reference rows. For a leaf
worth w that the row's values alone open for u inputs and the reference's alone for v, each of the
u inputs gets w / (u C(u + v, u)) and each of the v loses w / (v C(u + v, u)). All these shares are
whole when counted in ``WHOLE``-ths, so that sums are exact in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.axes import MOST_ROWS, blocks_of
from alicredit.portable.patterns import Group, Patterns, patterns_of
from alicredit.portable.trees import TreeTable

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

MOST_ON_PATH = 12
"""Inputs that a path of a tree may ask for."""
WHOLE = math.lcm(*range(1, MOST_ON_PATH + 1))
"""u C(n, u) divides the least common multiple of 1 ... n."""
_SMALL = 7
"""Inputs of a leaf up to which shares are worked out once for all leaves (assumed)."""


@dataclass(frozen=True, eq=False)
class TreeShares:
    """Shares of inputs in the score of any row, looked up by the patterns of its groups.

    What a group adds to each input, summed over the reference rows, is tabulated for all patterns.
    """

    patterns: Patterns
    table: Whole
    entries: tuple[tuple[int, int, int], ...]

    @cached_property
    def by_group(self) -> list[list[tuple[int, Whole]]]:
        """Give for each group its inputs, each with what the group adds by pattern."""
        found: list[list[tuple[int, Whole]]] = [[] for _ in self.patterns.groups]
        for at, group, start in self.entries:
            size = 1 << len(self.patterns.groups[group].tests)
            found[group].append((at, self.table[start : start + size]))
        return found

    @cached_property
    def by_input(self) -> tuple[Whole, Whole, Whole, Whole]:
        """Give the entries by input: their groups, their starts, where inputs begin, and which."""
        lines = np.array(sorted(self.entries), dtype=np.int64).reshape(-1, 3)
        named, starts = np.unique(lines[:, 0], return_index=True)
        return lines[:, 1], lines[:, 2], starts.astype(np.int64), named

    def of(self, rows: Floats) -> Whole:
        """Give the shares of encoded rows, in units over ``WHOLE`` and the number of references."""
        found = np.zeros(rows.shape, dtype=np.int64)
        for block in blocks_of(len(rows)):
            found[block] = self.of_block(list(np.ascontiguousarray(rows[block].T))).T
        return found

    def of_block(self, columns: Sequence[Floats]) -> Whole:
        """Give the same of a block of rows by its columns, shape (inputs, rows)."""
        found = np.zeros((len(columns), len(columns[0])), dtype=np.int64)
        ranks = self.patterns.ranks(columns)
        if found.shape[1] <= MOST_ROWS:
            group, start, first, named = self.by_input
            for rows, patterns in self.patterns.handful.patterns(ranks):
                each = self.table[start[:, None] + patterns[group]]
                found[named, rows] = np.add.reduceat(each, first, axis=0)
            return found
        for tables, pattern in zip(self.by_group, self.patterns.of(ranks), strict=True):
            for at, table in tables:
                found[at] += table.take(pattern, mode="clip")
        return found


def tree_shares(trees: TreeTable, references: Floats) -> TreeShares:
    """Prepare the shares of trees against reference rows.

    Parameters
    ----------
    trees : TreeTable
        Checked trees.
    references : array, shape (references, inputs)
        Encoded rows.
    """
    patterns = patterns_of(trees)
    tables: list[Whole] = [np.empty(0, dtype=np.int64)]
    entries: list[tuple[int, int, int]] = []
    size = 0
    seen = patterns.of(patterns.ranks(list(np.ascontiguousarray(references.T))))
    for at, (group, theirs) in enumerate(zip(patterns.groups, seen, strict=True)):
        used = sorted({each for each, _ in group.tests})
        table = _tabulate(group, used, theirs)
        entries += [(each, at, size + k * table.shape[1]) for k, each in enumerate(used)]
        tables.append(table.ravel())
        size += table.size
    return TreeShares(patterns, np.concatenate(tables), tuple(entries))


def _tabulate(group: Group, used: Sequence[int], seen: Any) -> Whole:
    """Give what a group adds to each input it uses, for all patterns."""
    codes = np.arange(1 << len(group.tests))
    found = np.zeros((len(used), len(codes)), dtype=np.int64)
    line = {at: k for k, at in enumerate(used)}
    for units, conditions in group.leaves:
        if units == 0:
            continue
        mine, theirs = (_kept(each, conditions) for each in (codes, seen.astype(np.int64)))
        counts = np.bincount(theirs)
        met = np.flatnonzero(counts)
        if len(conditions) <= _SMALL:
            own, shares = mine, _kernel(len(conditions))[:, met]
        else:
            distinct, own = np.unique(mine, return_inverse=True)
            shares = _shares(distinct, met, len(conditions))
        total = np.tensordot(counts[met], shares, axes=(0, 1))
        found[[line[at] for at in conditions]] += units * total[own].T
    return found


def _kept(codes: Whole, conditions: Mapping[int, tuple[int, int]]) -> Whole:
    """Give as bits which inputs keep to a leaf, for patterns of outcomes."""
    found = np.zeros(len(codes), dtype=np.int64)
    for k, (care, want) in enumerate(conditions.values()):
        found |= ((codes & care) == want).astype(np.int64) << k
    return found


def _shares(mine: Whole, theirs: Whole, inputs: int) -> Whole:
    """Give the shares in a leaf worth 1 of rows and references that keep to it for some inputs."""
    bits = np.arange(inputs)
    has = ((mine[:, None] >> bits) & 1 == 1)[:, None, :]
    there = (theirs[:, None] >> bits) & 1 == 1
    gains, loses = has & ~there, ~has & there
    is_open = (has | there).all(axis=2)
    u, v = gains.sum(axis=2), loses.sum(axis=2)
    to_u, to_v = is_open * _SHARE[u, v], is_open * _SHARE[v, u]
    return gains * to_u[..., None] - loses * to_v[..., None]


@lru_cache(maxsize=_SMALL)
def _kernel(inputs: int) -> Whole:
    """Give the shares for all that rows and references may keep to."""
    every = np.arange(1 << inputs)
    return _shares(every, every, inputs)


def _share_table() -> Whole:
    """Tabulate ``WHOLE`` / (u C(u + v, u)) by u and v."""
    size = MOST_ON_PATH + 1
    found = np.zeros((size, size), dtype=np.int64)
    for u in range(1, size):
        for v in range(size - u):
            found[u, v] = WHOLE // (u * math.comb(u + v, u))
    return found


_SHARE = _share_table()
