"""Does a model follow the stated directions? Exact for tables with pairs, and for each tree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from alicredit.portable.boxes import Box, Side, free
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

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


def first_against(worth: Whole, boxes: Sequence[Box], tables: tuple[PointTable, ...]) -> str | None:
    """Give an input whose direction a tree does not follow, or None.

    Exact: of two leaves that the same values of all other inputs can reach, the one of riskier
    values must not have more units. Trees that each follow a direction do so in their sum.
    """
    for at, is_safer in orders_of(boxes, tables).items():
        if (is_safer & (worth[:, None] < worth)).any():
            return tables[at].name
    return None


def orders_of(boxes: Sequence[Box], tables: tuple[PointTable, ...]) -> dict[int, Flags]:
    """Give by directed input which leaf of a tree must not have fewer units than which other."""
    used = sorted({at for box in boxes for at in box})
    directed = [at for at in used if tables[at].direction]
    if not directed:
        return {}
    apart = {at: _apart([box.get(at) for box in boxes], tables[at]) for at in used}
    others = np.sum([each.astype(np.int64) for each in apart.values()], axis=0)
    orders = {}
    for at in directed:
        meets = others - apart[at] == 0
        is_before = meets & _before([box.get(at) for box in boxes])
        orders[at] = is_before if tables[at].direction > 0 else is_before.T
    return orders


def _apart(sides: Sequence[Side | None], table: PointTable) -> Flags:
    """Tell of which leaves no value of an input, nor its lack, can reach both."""
    size = len(table.levels) + 1 if table.kind == "category" else None
    every = [side or (free(size), True) for side in sides]
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
