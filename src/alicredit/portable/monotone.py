"""Does a model follow the stated directions? Exact for tables and pairs, and for each tree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]
Side = tuple[Any, bool]
"""The known values of an input that reach a leaf (a range open below, or levels), and whether a
missing one does."""

_OPEN: Side = ((-math.inf, math.inf), True)


def falls(points: Iterable[int], direction: int) -> bool:
    """Tell whether points never rise (direction +1: more is riskier) or never fall (-1).

    Examples
    --------
    >>> falls((5, 5, 2), 1), falls((5, 5, 2), -1)
    (True, False)
    """
    return all(direction * (a - b) >= 0 for a, b in pairwise(points))


def is_sum_monotone(table: PointTable, pairs: Iterable[PairTable]) -> bool:
    """Tell whether an input's table and its pairs together follow its direction, whatever else.

    Between two neighbouring values the least favourable change of each pair is taken over the
    steps of its other input; these are different inputs, so that all can happen at once: the
    answer is exact.
    """
    return not table.direction or bool((changes_of(table, pairs) >= 0).all())


def changes_of(table: PointTable, pairs: Iterable[PairTable]) -> Whole:
    """Give how an input's units change towards safety at each of its cuts, at the least."""
    mine = [_towards(table.name, pair) for pair in pairs if table.name in (pair.first, pair.second)]
    own = (table.cuts, np.array(table.points, dtype=np.int64)[:, None])
    inside = np.append(np.unique([cut for cuts, _ in (own, *mine) for cut in cuts]), np.inf)
    changes = [np.diff(_steps(cuts, values, inside), axis=0) for cuts, values in (own, *mine)]
    gains = [(-table.direction * change).min(axis=1) for change in changes]
    return np.asarray(np.sum(gains, axis=0), dtype=np.int64)


def _towards(name: str, pair: PairTable) -> tuple[tuple[float, ...], Whole]:
    """Give the cuts of an input in a pair and the values of its known steps, these along rows."""
    values = np.array(pair.values, dtype=np.int64)
    if name == pair.first:
        return pair.first_cuts, values[:-1]
    return pair.second_cuts, values.T[:-1]


def _steps(cuts: tuple[float, ...], values: Whole, at: Floats) -> Whole:
    """Give the values of the steps that hold given numbers."""
    return values[np.searchsorted(np.array(cuts, dtype=np.float64), at, side="left")]


def first_against(trees: TreeTable, tables: tuple[PointTable, ...]) -> str | None:
    """Give an input whose direction some tree does not follow, or None.

    Exact for each tree, and so enough for their sum: of two leaves that the same values of all
    other inputs can reach, the one of riskier values must not have more units.
    """
    for leaves, orders in orders_of(trees, tables):
        worth = np.array([trees.leaves[leaf] for leaf in leaves], dtype=np.int64)
        for at, is_above in orders.items():
            if (is_above & (worth[:, None] < worth)).any():
                return tables[at].name
    return None


def orders_of(
    trees: TreeTable, tables: tuple[PointTable, ...]
) -> Iterator[tuple[tuple[int, ...], dict[int, Flags]]]:
    """Give the leaves of each tree and, by directed input, which must not be below which."""
    directed = {at for at, table in enumerate(tables) if table.direction}
    sizes = {at: len(t.levels) + 1 for at, t in enumerate(tables) if t.kind == "category"}
    for root in trees.roots:
        leaves, boxes = zip(*_boxes(trees, root, sizes), strict=True)
        used = sorted({at for box in boxes for at in box})
        if directed.isdisjoint(used):
            continue
        apart = {at: _apart([box.get(at) for box in boxes], sizes.get(at)) for at in used}
        others = np.sum([each.astype(np.int64) for each in apart.values()], axis=0)
        orders = {}
        for at in sorted(directed.intersection(used)):
            is_safer = (others - apart[at] == 0) & _before([box.get(at) for box in boxes])
            orders[at] = is_safer if tables[at].direction > 0 else is_safer.T
        yield leaves, orders


def _boxes(
    trees: TreeTable, root: int, sizes: Mapping[int, int]
) -> Iterator[tuple[int, dict[int, Side]]]:
    """Give each leaf of a tree with what its inputs may be; an input left out is free."""
    stack: list[tuple[int, dict[int, Side]]] = [(root, {})]
    while stack:
        at, box = stack.pop()
        if at < 0:
            yield -at - 1, box
            continue
        feature = trees.feature[at]
        known, gone = box.get(feature, (_free(sizes.get(feature)), True))
        if isinstance(known, frozenset):
            inside: tuple[Any, Any] = (
                known.intersection(trees.levels[at]),
                known.difference(trees.levels[at]),
            )
        else:
            low, high = known
            inside = ((low, min(high, trees.cut[at])), (max(low, trees.cut[at]), high))
        to_left = trees.missing_left[at]
        stack.append((trees.right[at], {**box, feature: (inside[1], gone and not to_left)}))
        stack.append((trees.left[at], {**box, feature: (inside[0], gone and to_left)}))


def _free(size: int | None) -> Any:
    """Give all known values: of a category its levels and others, else an open range."""
    return (-math.inf, math.inf) if size is None else frozenset(range(size))


def _apart(sides: Sequence[Side | None], size: int | None) -> Flags:
    """Tell of which leaves no value of an input, nor its lack, can reach both."""
    every = [side or (_free(size), True) for side in sides]
    gone = np.array([is_gone for _, is_gone in every], dtype=bool)
    if size is None:
        low, high = (np.array([known[end] for known, _ in every]) for end in (0, 1))
        meets = np.maximum(low[:, None], low) < np.minimum(high[:, None], high)
    else:
        member = np.zeros((len(every), size), dtype=np.float64)
        for leaf, (known, _) in enumerate(every):
            member[leaf, list(known)] = 1
        meets = member @ member.T > 0
    return ~(meets | (gone[:, None] & gone))


def _before(sides: Sequence[Side | None]) -> Flags:
    """Tell of which leaves the first has only lower values of an input than the second."""
    low, high = (np.array([(s or _OPEN)[0][end] for s in sides]) for end in (0, 1))
    has_known = low < high
    return has_known[:, None] & has_known & (high[:, None] <= low)
