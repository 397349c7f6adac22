"""Tables of points laid out as trees of one input each, so that trees can be added to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from alicredit.model.assemble import table_parts
from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.parts import FINE, Parts
from alicredit.model.sums import Sum, add_sums
from alicredit.portable.tables import PointTable
from alicredit.score import PointScale


@dataclass
class Flat:
    """Nodes and leaves gathered so far."""

    feature: list[int] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    levels: list[tuple[int, ...]] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)

    def leaf(self, worth: float) -> int:
        """Add a leaf; give the end that names it."""
        self.leaves.append(worth)
        return -len(self.leaves)

    def node(
        self, at: int, *, cut: float = 0.0, levels: Sequence[int] = (), missing_left: bool
    ) -> int:
        """Add a node, whose children are filled in later; give its position."""
        self.feature.append(at)
        self.cut.append(cut)
        self.left.append(0)
        self.right.append(0)
        self.missing_left.append(missing_left)
        self.levels.append(tuple(sorted(levels)))
        return len(self.feature) - 1


def fine_tables(
    total: Sum, inputs: Inputs, data: TrainingSet, *, scale: PointScale, share: float = 1.0
) -> Parts:
    """Give a share of a sum as tables of thousandths of a point.

    Trees read special codes as missing, so here they are.
    """
    own = add_sums([(total, share)])
    inputs, data = replace(inputs, specials=(), raw=None), replace(data, raw=None)
    return table_parts(
        own.functions, own.constant, inputs, data, scale=scale, max_steps=None, unit=FINE
    )


def lay_table(table: PointTable, at: int, flat: Flat) -> int:
    """Add a tree that gives what a table gives, parents first; give where its root is.

    Steps of the same units are one leaf. What is missing has the leaf of a step of as many units
    or, where there is none, one of its own: behind a test that all known values pass.
    """
    is_category = table.kind == "category"
    steps = _levels_of(table) if is_category else _steps_of(table)
    worths = [worth for worth, _ in steps]
    home = worths.index(table.missing_points) if table.missing_points in worths else None
    if home is not None:
        return _lay(steps, at, flat, home, is_category=is_category)
    if is_category:
        every = range(len(table.levels) + 1)
        root = flat.node(at, levels=every, missing_left=False)
        flat.left[root] = _lay(steps, at, flat, None, is_category=True)
        flat.right[root] = flat.leaf(table.missing_points)
        return root
    middle = (len(steps) - 1) // 2
    cut = steps[middle][1][0] if len(steps) > 1 else table.median
    root = flat.node(at, cut=cut, missing_left=False)
    flat.left[root] = _lay(steps[: middle + 1], at, flat, None, is_category=False)
    again = flat.node(at, cut=cut, missing_left=True)
    flat.right[root] = again
    flat.left[again] = flat.leaf(table.missing_points)
    rest = steps[middle + 1 :] or steps
    flat.right[again] = _lay(rest, at, flat, None, is_category=False)
    return root


_Step = tuple[int, tuple[float, ...]]


def _steps_of(table: PointTable) -> list[_Step]:
    """Give the units of each step, neighbours of the same as one, and the cut above it."""
    ends = [*table.cuts, float("inf")]
    found = list(zip(table.points, ((end,) for end in ends), strict=True))
    same = [a[0] == b[0] for a, b in pairwise(found)]
    return [each for each, is_joined in zip(found, [*same, False], strict=True) if not is_joined]


def _levels_of(table: PointTable) -> list[_Step]:
    """Give rising units and the positions of the levels that have them, others the last."""
    members: dict[int, list[int]] = {}
    for level, worth in enumerate(table.points):
        members.setdefault(worth, []).append(level)
    return [(worth, tuple(members[worth])) for worth in sorted(members)]


def _lay(
    steps: Sequence[_Step], at: int, flat: Flat, home: int | None, *, is_category: bool
) -> int:
    """Lay out steps as an even tree; the missing go to the step at ``home``."""
    if len(steps) == 1:
        return flat.leaf(steps[0][0])
    middle = (len(steps) - 1) // 2
    below, above = steps[: middle + 1], steps[middle + 1 :]
    to_left = home is not None and home <= middle
    if is_category:
        levels = [int(level) for _, members in below for level in members]
        node = flat.node(at, levels=levels, missing_left=to_left)
    else:
        node = flat.node(at, cut=below[-1][1][0], missing_left=to_left)
    beyond = None if home is None or to_left else home - middle - 1
    flat.left[node] = _lay(below, at, flat, home if to_left else None, is_category=is_category)
    flat.right[node] = _lay(above, at, flat, beyond, is_category=is_category)
    return node
