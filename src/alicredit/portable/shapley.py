"""Exact Shapley values of trees against reference rows, in whole numbers.

The game is the interventional one: a coalition's inputs have the row's values, the others those of
a reference row, and the prize is the score; values are means over the reference rows. For a leaf
worth w that the row's values alone open for u inputs and the reference's alone for v, each of the
u inputs gets w / (u C(u + v, u)) and each of the v loses w / (v C(u + v, u)). All these shares are
whole when counted in ``WHOLE``-ths, so that sums are exact in any order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alicredit.portable.trees import Side, TreeTable, boxes_of, is_member, members

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

MOST_ON_PATH = 12
"""Inputs that a path of a tree may ask for."""
WHOLE = math.lcm(*range(1, MOST_ON_PATH + 1))
"""u C(n, u) divides the least common multiple of 1 ... n."""
_MOST_TESTS = 8
_CELLS = 2**21
"""Outcomes of tests held at once (assumed)."""

_Test = tuple[int, Side]
_Leaf = tuple[int, dict[int, list[tuple[int, bool]]]]


@dataclass(frozen=True, eq=False)
class TreeShares:
    """Shares of inputs in the score of any row, looked up by the outcomes of few tests at a time.

    Trees are parted into groups of leaves under at most eight tests; what a group adds to each
    input, summed over the reference rows, is tabulated for all outcomes.
    """

    inputs: int
    feature: Whole
    low: Floats
    high: Floats
    gone: Flags
    special: Whole
    member: Flags
    weight: Whole
    starts: Whole
    table: Whole
    entry_group: Whole
    entry_offset: Whole
    entry_starts: Whole
    entry_feature: Whole

    def of(self, rows: Floats) -> Whole:
        """Give the shares of encoded rows, in units over ``WHOLE`` and the number of references."""
        found = np.zeros((len(rows), self.inputs), dtype=np.int64)
        size = max(1, _CELLS // max(1, len(self.feature)))
        for start in range(0, len(rows) if len(self.feature) else 0, size):
            block = slice(start, start + size)
            outcome = self._outcomes(rows[block].T)
            pattern = np.add.reduceat(outcome * self.weight[:, None], self.starts, axis=0)
            each = self.table[self.entry_offset[:, None] + pattern[self.entry_group]]
            found[block, self.entry_feature] = np.add.reduceat(each, self.entry_starts, axis=0).T
        return found

    def _outcomes(self, columns: Floats) -> Flags:
        """Tell which tests which rows pass, shape (tests, rows)."""
        value = columns[self.feature]
        is_gone = np.isnan(columns)[self.feature]
        passes = (self.low[:, None] < value) & (value <= self.high[:, None])
        passes |= is_gone & self.gone[:, None]
        for line, test in enumerate(self.special.tolist()):
            known = ~is_gone[test]
            lines = np.full(int(known.sum()), line)
            passes[test, known] = is_member(self.member, lines, value[test, known])
        return passes


def tree_shares(
    trees: TreeTable, sizes: Mapping[int, int], references: Floats, *, inputs: int
) -> TreeShares:
    """Prepare the shares of trees against reference rows.

    Parameters
    ----------
    trees : TreeTable
        Checked trees.
    sizes : mapping
        Levels of each category, others too, by the input's position.
    references : array, shape (references, inputs)
        Encoded rows.
    inputs : int
        Number of inputs.
    """
    tests: list[_Test] = []
    starts: list[int] = []
    shifts: list[int] = []
    tables: list[Whole] = []
    entries: list[tuple[int, int, int]] = []
    size = 0
    for own, leaves in _groups(trees, sizes):
        used = sorted({at for at, _ in own})
        table = _tabulate(own, leaves, used, references)
        for line, at in enumerate(used):
            entries.append((at, len(starts), size + line * table.shape[1]))
        starts.append(len(tests))
        tests += own
        shifts += range(len(own))
        tables.append(table.ravel())
        size += table.size
    entries.sort()
    feature, group, offset = np.array(entries, dtype=np.int64).reshape(-1, 3).T
    named, entry_starts = np.unique(feature, return_index=True)
    low, high, gone, special, member = _arrays(tests)
    return TreeShares(
        inputs=inputs,
        feature=np.array([at for at, _ in tests], dtype=np.int64),
        low=low,
        high=high,
        gone=gone,
        special=special,
        member=member,
        weight=1 << np.array(shifts, dtype=np.int64),
        starts=np.array(starts, dtype=np.int64),
        table=np.concatenate([*tables, np.empty(0, dtype=np.int64)]),
        entry_group=group,
        entry_offset=offset,
        entry_starts=entry_starts.astype(np.int64),
        entry_feature=named,
    )


def _arrays(tests: Sequence[_Test]) -> tuple[Floats, Floats, Flags, Whole, Flags]:
    """Give ranges of tests, whether missing passes, and which ask for levels, and for which."""
    sides = [side for _, side in tests]
    special = [at for at, (known, _) in enumerate(sides) if isinstance(known, frozenset)]
    ranges = [(0.0, 0.0) if isinstance(known, frozenset) else known for known, _ in sides]
    low, high = np.array(ranges, dtype=np.float64).reshape(-1, 2).T
    return (
        low,
        high,
        np.array([gone for _, gone in sides], dtype=bool),
        np.array(special, dtype=np.int64),
        members([sides[at][0] for at in special]),
    )


def _groups(
    trees: TreeTable, sizes: Mapping[int, int]
) -> Iterator[tuple[list[_Test], list[_Leaf]]]:
    """Part the trees into leaves under few tests: whole trees where they are small."""
    nodes = [0] * len(trees.feature)
    for at in reversed(range(len(nodes))):
        below = (trees.left[at], trees.right[at])
        nodes[at] = 1 + sum(nodes[child] for child in below if child >= 0)
    boxes = {leaf: box for root in trees.roots for leaf, box in boxes_of(trees, root, sizes)}
    stack: list[tuple[int, tuple[tuple[int, bool], ...]]] = [(root, ()) for root in trees.roots]
    while stack:
        at, path = stack.pop()
        if at < 0:
            box = boxes[-at - 1]
            conditions = {feature: [(k, True)] for k, feature in enumerate(box)}
            if box:
                yield list(box.items()), [(trees.leaves[-at - 1], conditions)]
        elif len(path) + nodes[at] <= _MOST_TESTS:
            yield _subtree(trees, at, path)
        else:
            stack += [
                (trees.left[at], (*path, (at, True))),
                (trees.right[at], (*path, (at, False))),
            ]


def _subtree(
    trees: TreeTable, top: int, path: tuple[tuple[int, bool], ...]
) -> tuple[list[_Test], list[_Leaf]]:
    """Give the nodes of a subtree and of the path to it as tests, and its leaves by outcomes."""
    place: dict[int, int] = {}
    leaves: list[_Leaf] = []
    stack = [(top, path)]
    while stack:
        at, taken = stack.pop()
        if at >= 0:
            stack += [
                (trees.left[at], (*taken, (at, True))),
                (trees.right[at], (*taken, (at, False))),
            ]
            continue
        conditions: dict[int, list[tuple[int, bool]]] = {}
        for node, is_left in taken:
            test = place.setdefault(node, len(place))
            conditions.setdefault(trees.feature[node], []).append((test, is_left))
        leaves.append((trees.leaves[-at - 1], conditions))
    return [(trees.feature[node], _goes_left(trees, node)) for node in place], leaves


def _goes_left(trees: TreeTable, node: int) -> Side:
    """Give what goes left at a node."""
    levels = trees.levels[node]
    known = frozenset(levels) if levels else (-math.inf, trees.cut[node])
    return known, trees.missing_left[node]


def _tabulate(
    tests: Sequence[_Test], leaves: Sequence[_Leaf], used: Sequence[int], references: Floats
) -> Whole:
    """Give what a group adds to each input it uses, for all outcomes of its tests."""
    outcomes = (np.arange(1 << len(tests))[:, None] >> np.arange(len(tests))) & 1 == 1
    found = np.zeros((len(used), len(outcomes)), dtype=np.int64)
    seen = _seen(tests, references)
    line = {at: k for k, at in enumerate(used)}
    for worth, conditions in leaves:
        if worth == 0:
            continue
        mine, at = _distinct(outcomes, conditions)
        theirs, back = _distinct(seen, conditions)
        counts = np.bincount(back, minlength=len(theirs))
        shares = worth * _leaf_shares(mine, theirs, counts)
        found[[line[feature] for feature in conditions]] += shares[at].T
    return found


def _seen(tests: Sequence[_Test], references: Floats) -> Flags:
    """Tell which tests which reference rows pass, shape (references, tests)."""
    low, high, gone, special, member = _arrays(tests)
    value = references[:, [at for at, _ in tests]]
    passes = ((low < value) & (value <= high)) | (np.isnan(value) & gone)
    for line, test in enumerate(special.tolist()):
        known = np.flatnonzero(~np.isnan(value[:, test]))
        passes[known, test] = is_member(member, np.full(len(known), line), value[known, test])
    return passes


def _distinct(
    outcomes: Flags, conditions: Mapping[int, Sequence[tuple[int, bool]]]
) -> tuple[Flags, Whole]:
    """Tell by input whether outcomes keep to a leaf; the distinct answers, and whose is which."""
    code = np.zeros(len(outcomes), dtype=np.int64)
    for at, each in enumerate(conditions.values()):
        holds = np.ones(len(outcomes), dtype=bool)
        for test, side in each:
            holds &= outcomes[:, test] == side
        code |= holds.astype(np.int64) << at
    distinct, back = np.unique(code, return_inverse=True)
    return (distinct[:, None] >> np.arange(len(conditions))) & 1 == 1, back


def _leaf_shares(mine: Flags, theirs: Flags, counts: Whole) -> Whole:
    """Sum the shares in a leaf worth 1 over references, shape (rows, inputs)."""
    has, lacks = mine[:, None, :], ~mine[:, None, :]
    gains, loses = has & ~theirs, lacks & theirs
    is_open = ~(lacks & ~theirs).any(axis=2)
    u, v = gains.sum(axis=2), loses.sum(axis=2)
    weight = np.where(is_open, counts, 0)
    to_u, to_v = weight * _SHARE[u, v], weight * _SHARE[v, u]
    return (gains * to_u[..., None] - loses * to_v[..., None]).sum(axis=1)


def _share_table() -> Whole:
    """Tabulate ``WHOLE`` / (u C(u + v, u)) by u and v."""
    size = MOST_ON_PATH + 1
    found = np.zeros((size, size), dtype=np.int64)
    for u in range(1, size):
        for v in range(size - u):
            found[u, v] = WHOLE // (u * math.comb(u + v, u))
    return found


_SHARE = _share_table()
