"""Does a model follow the stated directions? Exact for tables with pairs, and for each tree."""

from __future__ import annotations

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

_CELLS = 2**18
"""Leaves in twos, by inputs, that are compared at once (assumed: some megabytes)."""


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
    inside = np.unique(
        np.concatenate([np.array(cuts, dtype=np.float64) for cuts, _ in (own, *mine)])
    )
    found = np.zeros(len(inside), dtype=np.int64)
    for cuts, values in (own, *mine):
        gains = (-table.direction * np.diff(values, axis=0)).min(axis=1)
        found[np.searchsorted(inside, np.array(cuts, dtype=np.float64))] += gains
    return found


def _towards(name: str, pair: PairTable) -> tuple[tuple[float, ...], Whole]:
    """Give the cuts of an input in a pair and the values of its known steps, these along rows."""
    values = np.array(pair.values, dtype=np.int64)
    if name == pair.first:
        return pair.first_cuts, values[:-1]
    return pair.second_cuts, values.T[:-1]


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
    others = np.zeros((len(boxes), len(boxes)), dtype=np.int16)
    for at in (at for at in used if tables[at].kind == "category"):
        others += _levels_apart([box.get(at) for box in boxes], len(tables[at].levels) + 1)
    numbers = [at for at in used if tables[at].kind != "category"]
    found: dict[int, tuple[Flags, Flags]] = {}
    size = max(1, _CELLS // len(boxes) ** 2)
    for start in range(0, len(numbers), size):
        some = numbers[start : start + size]
        apart, before = _numbers_apart(boxes, some)
        others += apart.sum(axis=0, dtype=np.int16)
        found |= {at: (apart[k], before[k]) for k, at in enumerate(some) if tables[at].direction}
    orders = {}
    for at in directed:
        is_apart, is_before = found[at]
        orders[at] = is_before & (others == is_apart)
        orders[at] = orders[at] if tables[at].direction > 0 else orders[at].T
    return orders


def _levels_apart(sides: Sequence[Side | None], size: int) -> Flags:
    """Tell of which leaves no level of a category, nor its lack, can reach both."""
    every = [side or (free(size), True) for side in sides]
    gone = np.array([is_gone for _, is_gone in every], dtype=bool)
    member = np.zeros((len(every), size), dtype=np.float32)
    for leaf, (known, _) in enumerate(every):
        member[leaf, list(known)] = 1
    return ~((member @ member.T > 0) | (gone[:, None] & gone))


def _numbers_apart(boxes: Sequence[Box], inputs: Sequence[int]) -> tuple[Flags, Flags]:
    """Tell for each input of which leaves no number, nor its lack, can reach both.

    And of which the first has only lower values than the second.
    """
    shape = (len(inputs), len(boxes))
    low, high, gone = np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape, dtype=bool)
    place = {at: k for k, at in enumerate(inputs)}
    for leaf, box in enumerate(boxes):
        for at in box.keys() & place.keys():
            (low[place[at], leaf], high[place[at], leaf]), gone[place[at], leaf] = box[at]
    starts_below = low[:, :, None] < high[:, None, :]
    has_known = low < high
    has_known = has_known[:, :, None] & has_known[:, None, :]
    ends_above = starts_below.transpose(0, 2, 1)
    meets = starts_below & ends_above & has_known
    return ~(meets | (gone[:, :, None] & gone[:, None, :])), has_known & ~ends_above
