"""Sums of small tables, looked up by the ranks of a few inputs at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.axes import Axis, whole_kind
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable

Whole = npt.NDArray[np.int64]
Term = tuple[tuple[int, ...], Whole]
"""Lines among the axes, and whole numbers by their ranks, one dimension for each."""

_CELLS = 2**13
"""Cells up to which inputs that have nothing to do with each other share a grid (assumed)."""
_PAIR_CELLS = 2**16
"""Cells up to which a pair is looked up by the ranks of its inputs' own tables (assumed)."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Whole numbers by the ranks of one or a few inputs: many small look-ups in one.

    Parameters
    ----------
    lines : tuple of int
        Which axes.
    values : array
        One dimension for each.
    """

    lines: tuple[int, ...]
    values: npt.NDArray[Any]

    @cached_property
    def flat(self) -> npt.NDArray[Any]:
        """Give the values in one line."""
        return np.ascontiguousarray(self.values).ravel()

    def look_up(self, ranks: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Give the value of each row, by the ranks of all axes."""
        at = ranks[self.lines[0]]
        if len(self.lines) > 1:
            at = at.astype(whole_kind(max(self.values.size, 256)))
        for line, size in zip(self.lines[1:], self.values.shape[1:], strict=True):
            at *= size
            at += ranks[line]
        return self.flat.take(at.astype(np.intp), mode="clip")


@dataclass(frozen=True, eq=False)
class Grids:
    """A sum of grids.

    Parameters
    ----------
    base : int
        What everybody has.
    grids : tuple of Grid
        The base is in the first of them, where there is any.
    kind : type
        Wide enough for the sum and for all on the way to it.
    """

    base: int
    grids: tuple[Grid, ...]
    kind: type[np.signedinteger[Any]]

    def total(self, ranks: Sequence[npt.NDArray[Any]], rows: int) -> npt.NDArray[Any]:
        """Give the sum for each row, by the ranks of all axes."""
        if not self.grids:
            return np.full(rows, self.base, dtype=self.kind)
        first, *rest = self.grids
        total = first.look_up(ranks)
        for grid in rest:
            total += grid.look_up(ranks)
        return total


def reach_of(terms: Iterable[Term]) -> int:
    """Give a bound on the size of any sum of terms."""
    return sum(int(np.abs(values).max()) for _, values in terms)


def signed_kind(most: int) -> type[np.signedinteger[Any]]:
    """Give the smallest type of 16, 32 or 64 bits that holds twice so many.

    Examples
    --------
    >>> signed_kind(16_383).__name__, signed_kind(16_384).__name__
    ('int16', 'int32')
    """
    return np.int16 if most < 2**14 else np.int32 if most < 2**30 else np.int64


def pack(
    terms: Sequence[Term], base: int = 0, kind: type[np.signedinteger[Any]] | None = None
) -> Grids:
    """Add terms into as few grids as stay small, of the smallest type that does unless told."""
    if kind is None:
        kind = signed_kind(abs(base) + reach_of(terms))
    made: dict[tuple[int, ...], Whole] = {}
    singles: dict[int, Whole] = {}
    for lines, values in terms:
        if len(lines) == 1:
            singles[lines[0]] = singles.get(lines[0], 0) + values
        elif values.any():
            made[lines] = made.get(lines, 0) + values
    for line, values in singles.items():
        if values.any():
            _settle(made, line, values)
    grids = [
        Grid(lines, (values + (base if k == 0 else 0)).astype(kind))
        for k, (lines, values) in enumerate(made.items())
    ]
    return Grids(base, tuple(grids), kind)


def _settle(made: dict[tuple[int, ...], Whole], line: int, values: Whole) -> None:
    """Add one input's values to a grid that has it, that has room for it, or of its own."""
    size = len(values)
    home = next((lines for lines in made if line in lines), None)
    if home is None:
        room = (lines for lines, held in made.items() if held.size * size <= _CELLS)
        home = next(room, ())
        held = made.pop(home, np.zeros((), dtype=np.int64))
        home = (*home, line)
        made[home] = np.repeat(held[..., None], size, axis=-1)
    shape = [size if each == line else 1 for each in home]
    made[home] = made[home] + values.reshape(shape)


@dataclass(frozen=True, eq=False)
class Plan:
    """The axes of a model's tables and pairs, and how each is looked up by ranks.

    Parameters
    ----------
    axes : tuple of Axis
        One for each input that a table or pair needs, and for pairs too fine for it their own.
    tables : tuple of (int, Term)
        The units of each table that is not flat, with the input's position.
    pairs : tuple of (int, Term)
        The units of each pair, with its position.
    """

    axes: tuple[Axis, ...]
    tables: tuple[tuple[int, Term], ...]
    pairs: tuple[tuple[int, Term], ...]

    def ranks(
        self, columns: Sequence[Any], gone: Sequence[npt.NDArray[np.bool_] | None]
    ) -> list[npt.NDArray[Any]]:
        """Give the ranks of encoded columns, one array for each axis."""
        return [axis.ranks(columns[axis.at], gone[axis.at]) for axis in self.axes]


def plan_of(tables: Sequence[PointTable], pairs: Sequence[PairTable]) -> Plan:
    """Lay out the axes of tables and pairs.

    Parameters
    ----------
    tables : sequence of PointTable
        One per input.
    pairs : sequence of PairTable
        What two inputs add together.
    """
    place = {table.name: at for at, table in enumerate(tables)}
    sides = [_sides(pair, place) for pair in pairs]
    cuts = {at: set(table.cuts) for at, table in enumerate(tables) if not table.is_flat}
    for at, own, _ in (side for both in sides for side in both):
        cuts.setdefault(at, set()).update(own)
    main = {at: _axis(tables, at, tuple(sorted(each))) for at, each in sorted(cuts.items())}
    line = {axis: k for k, axis in enumerate(main.values())}
    made, found = [], []
    for at, table in enumerate(tables):
        if not table.is_flat:
            units = np.array([*table.points, table.missing_points], dtype=np.int64)
            made.append((at, ((line[main[at]],), units[main[at].steps(table.cuts)])))
    for k, (pair, both) in enumerate(zip(pairs, sides, strict=True)):
        axes = [main[at] for at, _, _ in both]
        if prod(axis.size for axis in axes) > _PAIR_CELLS:
            axes = [_axis(tables, at, own) for at, own, _ in both]
        i, j = (axis.steps(own, groups) for axis, (_, own, groups) in zip(axes, both, strict=True))
        lines = tuple(line.setdefault(axis, len(line)) for axis in axes)
        values = np.array(pair.values, dtype=np.int64)[np.ix_(i, j)]
        found.append((k, (lines, values)))
    return Plan(tuple(line), tuple(made), tuple(found))


def _sides(
    pair: PairTable, place: dict[str, int]
) -> tuple[tuple[int, tuple[float, ...], tuple[int, ...]], ...]:
    """Give the input, cuts and groups of both sides of a pair."""
    return (
        (place[pair.first], pair.first_cuts, pair.first_groups),
        (place[pair.second], pair.second_cuts, pair.second_groups),
    )


def _axis(tables: Sequence[PointTable], at: int, cuts: tuple[float, ...]) -> Axis:
    """Give an input's axis with these cuts, or with its levels."""
    is_category = tables[at].kind == "category"
    return Axis(at, (), len(tables[at].levels)) if is_category else Axis(at, cuts)
