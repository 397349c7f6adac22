"""Trees as patterns: few tests at a time, whose outcomes together are a place in a table.

A tree of up to eight nodes is one group: each node asks whether a row goes left, and the answers
are the bits of a number below 256. What the tree gives for each number is tabulated, so that many
rows are scored by comparing whole columns, without a step from node to node. Larger trees are
parted into subtrees, whose groups also ask the nodes on the way to them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.axes import MOST_ROWS, Axis, whole_kind
from alicredit.portable.boxes import Side, boxes_of
from alicredit.portable.handful import Handful, handful_of, starts_of

if TYPE_CHECKING:
    from alicredit.portable.trees import TreeTable

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_MOST_TESTS = 8

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
class Ask:
    """A test as it is put to ranks: it passes where rank - shift, unsigned, is at most the bound.

    Parameters
    ----------
    line : int
        Which of the asked inputs.
    shift, bound : unsigned integer
        Of the type of its ranks, in which differences go round.
    goes_round : bool
        Whether the range starts at the missing, which come before rank 0.
    table : array of bool or None
        For each rank whether it passes, where a range of ranks cannot say it.
    """

    line: int
    shift: Any = 0
    bound: Any = 0
    goes_round: bool = False
    table: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Patterns:
    """The tests of all groups, on ranks of values among the cuts.

    Parameters
    ----------
    groups : tuple of Group
        Whose patterns these are.
    rest : int
        Units of trees without a node.
    axes : tuple of Axis
        Of the inputs that tests ask for; of a category the levels that are told from others.
    asks : tuple of tuple of Ask
        The tests of each group.
    worth : array of int
        Units of each pattern, group after group.
    offset : array of int, shape (groups,)
        Where the patterns of each group start in ``worth``.
    """

    groups: tuple[Group, ...]
    rest: int
    axes: tuple[Axis, ...]
    asks: tuple[tuple[Ask, ...], ...]
    worth: Whole
    offset: Whole

    @cached_property
    def handful(self) -> Handful:
        """Give the tests for few rows at once."""
        return handful_of(self.asks)

    def units(self, columns: Sequence[Floats]) -> Whole:
        """Give what all trees give to a block of rows, by its encoded columns."""
        total = np.full(len(columns[0]), self.rest, dtype=np.int64)
        ranks = self.ranks(columns)
        if len(total) <= MOST_ROWS:
            for rows, patterns in self.handful.patterns(ranks):
                total[rows] += self.worth[self.offset[:, None] + patterns].sum(axis=0)
            return total
        for start, pattern in zip(self.offset.tolist(), self.of(ranks), strict=True):
            total += self.worth[start:].take(pattern, mode="clip")
        return total

    def ranks(self, columns: Sequence[Floats]) -> list[npt.NDArray[Any]]:
        """Rank encoded columns among the cuts; the missing have the last number of the type."""
        return [_ranks(axis, columns[axis.at]) for axis in self.axes]

    def of(self, ranks: Sequence[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.intp]]:
        """Give the pattern of each group in turn, for a block of rows."""
        after = [each + each.dtype.type(1) for each in ranks]
        rows = len(ranks[0]) if ranks else 0
        passes = np.empty(rows, dtype=bool)
        for asks in self.asks:
            pattern = np.zeros(rows, dtype=whole_kind((1 << len(asks)) - 1))
            for ask in reversed(asks):
                _put(ask, ranks[ask.line], after[ask.line], passes)
                np.add(pattern, pattern, out=pattern)
                np.bitwise_or(pattern, passes.view(np.uint8), out=pattern)
            yield pattern.astype(np.intp)


def _put(ask: Ask, ranks: Any, after: Any, passes: npt.NDArray[np.bool_]) -> None:
    """Tell which ranks pass a test; ``after`` are the ranks and 1, at hand where missing passes."""
    if ask.table is not None:
        np.take(ask.table, ranks, out=passes, mode="clip")
    elif ask.goes_round:
        np.less_equal(after, ask.bound, out=passes)
    elif ask.shift == 0:
        np.less_equal(ranks, ask.bound, out=passes)
    else:
        np.less_equal(ranks - ask.shift, ask.bound, out=passes)


def _ranks(axis: Axis, values: Floats) -> npt.NDArray[Any]:
    """Rank values among the cuts; the missing have the last number of the type."""
    gone = np.isnan(values)
    if axis.levels is not None:
        values = np.where(gone, 0, np.minimum(values, axis.levels))
    found = axis.ranks(values, None)
    if gone.any():
        found[gone] = np.iinfo(found.dtype).max
    return found


@lru_cache(maxsize=4)
def patterns_of(trees: TreeTable) -> Patterns:
    """Part trees into groups and rank their tests; kept for the few trees last asked of."""
    sizes = _sizes(trees)
    groups = tuple(_groups(trees, sizes))
    inputs = sorted({at for group in groups for at, _ in group.tests})
    axes = tuple(
        Axis(at, (), sizes[at] - 1) if at in sizes else Axis(at, _cuts_of(trees, at))
        for at in inputs
    )
    line = {at: k for k, at in enumerate(inputs)}
    worth = [group.worth() for group in groups]
    return Patterns(
        groups=groups,
        rest=sum(trees.leaves[-root - 1] for root in trees.roots if root < 0),
        axes=axes,
        asks=tuple(
            tuple(_ask(axes[line[at]], line[at], side) for at, side in group.tests)
            for group in groups
        ),
        worth=np.concatenate([*worth, np.empty(0, dtype=np.int64)]),
        offset=starts_of([len(each) for each in worth]),
    )


def _sizes(trees: TreeTable) -> dict[int, int]:
    """Count for each category the levels that nodes name, and one for all that none does."""
    found: dict[int, int] = {}
    for at, levels in zip(trees.feature, trees.levels, strict=True):
        if levels:
            found[at] = max(found.get(at, 0), levels[-1] + 2)
    return found


def _cuts_of(trees: TreeTable, at: int) -> tuple[float, ...]:
    """Give the cuts of an input in all trees, rising."""
    nodes = zip(trees.feature, trees.cut, strict=True)
    return tuple(sorted({cut for own, cut in nodes if own == at}))


def _ask(axis: Axis, line: int, side: Side) -> Ask:
    """Put a test in ranks: as a range, which may go round by the missing, or one by one."""
    known, gone = side
    kind = whole_kind(axis.size - 1)
    missing = np.iinfo(kind).max
    if axis.levels is not None:
        passing = np.array(sorted(known), dtype=np.int64)
    else:
        low, high = known
        first = 0 if low == -np.inf else bisect_left(axis.cuts, low) + 1
        last = bisect_left(axis.cuts, high)
        if first <= last and not (gone and first > 0):
            shift, bound = (missing, last + 1) if gone else (first, last - first)
            return Ask(line, kind(shift), kind(bound), goes_round=gone)
        passing = np.arange(first, last + 1)
    table = np.zeros(int(missing) + 1, dtype=bool)
    table[passing] = True
    table[-1] = gone
    return Ask(line, table=table)


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
