"""Trees as patterns: few tests at a time, whose outcomes together are a place in a table.

A tree of up to eight nodes is one group: each node asks whether a row goes left, and the answers
are the bits of a number below 256. What the tree gives for each number is tabulated, so that many
rows are scored by comparing whole columns, without a step from node to node. Larger trees are
parted into subtrees, whose groups also ask the nodes on the way to them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.boxes import Side, boxes_of

if TYPE_CHECKING:
    from alicredit.portable.trees import TreeTable

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_MOST_TESTS = 8
_CELLS = 2**19
"""Outcomes of tests held at once (assumed: half a megabyte)."""

Test = tuple[int, Side]
"""An input's position and what passes."""
Leaf = tuple[int, dict[int, tuple[int, int]]]
"""Units, and by input which tests it asks (bits) and which of them must pass."""


@dataclass(frozen=True)
class Group:
    """Leaves under few tests."""

    tests: tuple[Test, ...]
    leaves: tuple[Leaf, ...]

    def worth(self) -> Whole:
        """Give the units of each pattern of outcomes."""
        codes = np.arange(1 << len(self.tests))
        found = np.zeros(len(codes), dtype=np.int64)
        for units, conditions in self.leaves:
            care = sum(each for each, _ in conditions.values())
            want = sum(each for _, each in conditions.values())
            found[(codes & care) == want] += units
        return found


@dataclass(frozen=True, eq=False)
class Patterns:
    """The tests of all groups, on ranks of values among the cuts.

    Parameters
    ----------
    groups : tuple of Group
        Whose patterns these are.
    rest : int
        Units of trees without a node.
    inputs : tuple of int
        Positions of the inputs that tests ask for.
    cuts : tuple of array or None
        Of each of these inputs; None for a category, whose ranks are its levels.
    asks : array of int, shape (tests,)
        Which of these inputs a test asks for.
    shift, bound : array, shape (tests,)
        A test passes where rank - shift, unsigned, is at most the bound.
    special : mapping
        Other tests: for each rank, from 0 for missing, whether it passes.
    weight : array, shape (tests,)
        The bit of each test.
    starts : array of int, shape (groups,)
        First test of each group.
    """

    groups: tuple[Group, ...]
    rest: int
    inputs: tuple[int, ...]
    cuts: tuple[Floats | None, ...]
    tops: tuple[int, ...]
    asks: Whole
    shift: Any
    bound: Any
    special: dict[int, npt.NDArray[np.bool_]]
    weight: Any
    starts: Whole

    def of(self, rows: Floats) -> Any:
        """Give the pattern of each group, shape (groups, rows), of few encoded rows."""
        ranks = self._ranks(rows)
        asked = ranks[self.asks]
        passes = asked - self.shift[:, None] <= self.bound[:, None]
        for test, table in self.special.items():
            passes[test] = table[asked[test]]
        return np.add.reduceat(passes * self.weight[:, None], self.starts, axis=0, dtype=np.uint16)

    def blocks(self, rows: int) -> Iterator[slice]:
        """Give slices of rows of a size that is worked out at once."""
        size = max(1, _CELLS // max(1, len(self.asks)))
        return (slice(start, start + size) for start in range(0, rows, size))

    def _ranks(self, rows: Floats) -> Any:
        """Rank values among the cuts from 1; 0 is missing."""
        found = np.empty((len(self.inputs), len(rows)), dtype=self.shift.dtype)
        for line, (at, cuts) in enumerate(zip(self.inputs, self.cuts, strict=True)):
            value = rows[:, at]
            gone = np.isnan(value)
            if cuts is None:
                rank = np.where(gone, 0, np.minimum(value, self.tops[line]) + 1)
            else:
                rank = np.where(gone, 0, np.searchsorted(cuts, value, side="left") + 1)
            found[line] = rank
        return found


def patterns_of(trees: TreeTable) -> Patterns:
    """Part trees into groups and rank their tests."""
    sizes = _sizes(trees)
    groups = tuple(_groups(trees, sizes))
    tests = [test for group in groups for test in group.tests]
    inputs = tuple(sorted({at for at, _ in tests}))
    line = {at: k for k, at in enumerate(inputs)}
    cuts = tuple(None if at in sizes else _cuts_of(trees, at) for at in inputs)
    tops = tuple(sizes.get(at, 1) - 1 for at in inputs)
    widest = max([2, *(len(each) + 2 for each in cuts if each is not None), *sizes.values()])
    kind = np.uint16 if widest < 2**15 else np.uint32
    shift, bound = np.zeros((2, len(tests)), dtype=kind)
    special = {}
    for k, (at, side) in enumerate(tests):
        own = cuts[line[at]]
        plain = None if own is None else _plain_range(own, side)
        if plain is None:
            special[k] = _truth_table(own, sizes.get(at, 0), side)
        else:
            shift[k], bound[k] = plain
    counts = [len(group.tests) for group in groups]
    return Patterns(
        groups=groups,
        rest=sum(trees.leaves[-root - 1] for root in trees.roots if root < 0),
        inputs=inputs,
        cuts=cuts,
        tops=tops,
        asks=np.array([line[at] for at, _ in tests], dtype=np.int64),
        shift=shift,
        bound=bound,
        special=special,
        weight=np.array([1 << k for count in counts for k in range(count)], dtype=np.uint16),
        starts=np.cumsum([0, *counts[:-1]]) if counts else np.empty(0, dtype=np.int64),
    )


def _sizes(trees: TreeTable) -> dict[int, int]:
    """Count for each category the levels that nodes name, and one for all that none does."""
    found: dict[int, int] = {}
    for at, levels in zip(trees.feature, trees.levels, strict=True):
        if levels:
            found[at] = max(found.get(at, 0), levels[-1] + 2)
    return found


def _cuts_of(trees: TreeTable, at: int) -> Floats:
    """Give the cuts of an input in all trees, rising."""
    mine = [cut for own, cut in zip(trees.feature, trees.cut, strict=True) if own == at]
    return np.unique(np.array(mine, dtype=np.float64))


def _plain_range(cuts: Floats, side: Side) -> tuple[int, int] | None:
    """Give the shift and the bound of a range of ranks; None where one is not enough."""
    (low, high), gone = side
    first = 1 if low == -math.inf else int(np.searchsorted(cuts, low)) + 2
    last = len(cuts) + 1 if high == math.inf else int(np.searchsorted(cuts, high)) + 1
    if last < first or (gone and first > 1):
        return None
    return (0, last) if gone else (first, last - first)


def _truth_table(cuts: Floats | None, size: int, side: Side) -> npt.NDArray[np.bool_]:
    """Tell for each rank, missing first, whether it passes."""
    known, gone = side
    if cuts is None:
        return np.array([gone, *(level in known for level in range(size))], dtype=bool)
    low, high = known
    tops = np.append(cuts, np.inf)
    return np.concatenate([[gone], (low < tops) & (tops <= high)])


def _groups(trees: TreeTable, sizes: dict[int, int]) -> Iterator[Group]:
    """Part the trees into leaves under few tests: whole trees where they are small."""
    nodes = [0] * len(trees.feature)
    for at in reversed(range(len(nodes))):
        below = (trees.left[at], trees.right[at])
        nodes[at] = 1 + sum(nodes[child] for child in below if child >= 0)
    for root in (root for root in trees.roots if root >= 0):
        boxes = dict(boxes_of(trees, root, sizes)) if nodes[root] > _MOST_TESTS else {}
        stack: list[tuple[int, tuple[tuple[int, bool], ...]]] = [(root, ())]
        while stack:
            at, path = stack.pop()
            if at < 0:
                box = boxes[-at - 1]
                asked = {each: (1 << k, 1 << k) for k, each in enumerate(box)}
                yield Group(tuple(box.items()), ((trees.leaves[-at - 1], asked),))
            elif len(path) + nodes[at] <= _MOST_TESTS:
                yield _subtree(trees, at, path)
            else:
                stack += _children(trees, at, path)


def _children(
    trees: TreeTable, at: int, path: tuple[tuple[int, bool], ...]
) -> list[tuple[int, tuple[tuple[int, bool], ...]]]:
    """Give both children of a node with the way to them."""
    return [
        (trees.left[at], (*path, (at, True))),
        (trees.right[at], (*path, (at, False))),
    ]


def _subtree(trees: TreeTable, top: int, path: tuple[tuple[int, bool], ...]) -> Group:
    """Give the nodes of a subtree and of the way to it as tests, and its leaves by outcomes."""
    place: dict[int, int] = {}
    leaves: list[Leaf] = []
    stack = [(top, path)]
    while stack:
        at, taken = stack.pop()
        if at >= 0:
            stack += _children(trees, at, taken)
            continue
        conditions: dict[int, tuple[int, int]] = {}
        for node, is_left in taken:
            bit = 1 << place.setdefault(node, len(place))
            care, want = conditions.get(trees.feature[node], (0, 0))
            conditions[trees.feature[node]] = (care | bit, want | (bit if is_left else 0))
        leaves.append((trees.leaves[-at - 1], conditions))
    tests: Sequence[Test] = [(trees.feature[node], _left_of(trees, node)) for node in place]
    return Group(tuple(tests), tuple(leaves))


def _left_of(trees: TreeTable, node: int) -> Side:
    """Give what goes left at a node."""
    levels = trees.levels[node]
    known = frozenset(levels) if levels else (-math.inf, trees.cut[node])
    return known, trees.missing_left[node]
