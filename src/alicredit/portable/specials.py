"""Special codes of numbers: values that are none, as -999 where a bureau has no record."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable

Floats = npt.NDArray[np.float64]
Codes = tuple[tuple[int, tuple[float, ...]], ...]
"""Positions of inputs, and the special codes of each; inputs without any are left out."""


def codes_of_inputs(tables: Iterable[PointTable]) -> Codes:
    """Give the inputs that have special codes."""
    return tuple((at, table.specials) for at, table in enumerate(tables) if table.specials)


def blanked(codes: Codes, columns: Sequence[Floats]) -> Sequence[Floats]:
    """Give encoded columns as pairs and trees read them: a special code is missing there.

    Examples
    --------
    >>> blanked(((0, (-999.0,)),), [np.array([1.0, -999.0])])[0].tolist()
    [1.0, nan]
    """
    if not codes:
        return columns
    found = list(columns)
    for at, own in codes:
        special = np.isin(found[at], own)
        if special.any():
            found[at] = np.where(special, np.nan, found[at])
    return found


def blanked_rows(codes: Codes, rows: Floats) -> Floats:
    """Give the same of rows, shape (rows, inputs)."""
    if not codes:
        return rows
    found = rows.copy()
    for at, own in codes:
        found[np.isin(found[:, at], own), at] = np.nan
    return found


def blanked_one(codes: Codes, row: Sequence[float]) -> Sequence[float]:
    """Give the same of one row, with the standard library alone."""
    if not codes:
        return row
    found = list(row)
    for at, own in codes:
        if found[at] in own:
            found[at] = math.nan
    return found


def opened(table: PointTable) -> PointTable:
    """Give a table of cuts alone that gives the same: a code is a step that holds nothing else.

    Doubles have neighbours, so that the step from the double before a code up to the code is the
    code. Counts are left as they are.
    """
    if not table.specials:
        return table
    steps: list[tuple[int, ...]] = [(each,) for each in table.points]
    own = [(each,) for each in table.special_points]
    cuts = _opened(table.cuts, steps, table.specials, own)
    points = tuple(each for (each,) in steps)
    return replace(table, cuts=cuts, points=points, specials=(), special_points=())


def opened_pair(pair: PairTable, specials: Mapping[str, tuple[float, ...]]) -> PairTable:
    """Give a pair of cuts alone that gives the same: the step of a code is that of the missing."""
    first, second = (specials.get(name, ()) for name in (pair.first, pair.second))
    if not first and not second:
        return pair
    rows = list(pair.values[:-1])
    first_cuts = _opened(pair.first_cuts, rows, first, [pair.values[-1]] * len(first))
    across = list(zip(*rows, pair.values[-1], strict=True))
    columns, last = across[:-1], across[-1]
    second_cuts = _opened(pair.second_cuts, columns, second, [last] * len(second))
    values = tuple(zip(*columns, last, strict=True))
    return replace(pair, first_cuts=first_cuts, second_cuts=second_cuts, values=values)


def _opened(
    cuts: tuple[float, ...],
    steps: list[tuple[int, ...]],
    specials: Sequence[float],
    theirs: Sequence[tuple[int, ...]],
) -> tuple[float, ...]:
    """Put steps of special codes among others, in place; give the cuts."""
    edges = list(cuts)
    for code, own in zip(specials, theirs, strict=True):
        for edge in (math.nextafter(code, -math.inf), code):
            at = bisect.bisect_left(edges, edge)
            if at == len(edges) or edges[at] != edge:
                edges.insert(at, edge)
                steps.insert(at, steps[at])
        steps[bisect.bisect_left(edges, code)] = own
    return tuple(edges)
