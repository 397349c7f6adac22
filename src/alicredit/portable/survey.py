"""A whole input judged before it is scored: gone sources, other types, other units.

What is judged are counts, which add up: an input read in parts meets the verdict that it meets as a
whole, whatever the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import refusal
from alicredit.errors import InputError
from alicredit.portable.blocks import read_column
from alicredit.portable.contract import (
    FRAME_ROWS,
    UNIT_FACTOR,
    UNIT_MISSING,
    UNIT_ROWS,
)
from alicredit.portable.tables import PointTable

_BINS, _SIGN = 2**16, 2**63
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a column, or a part of one, holds for its input: counts of rows.

    Parameters
    ----------
    rows, missing, wrong : int
        All; those without a value; those of another type.
    known, below, above : int
        Finite numbers; those of them so far below and above the training's median that half of
        such would be another unit. Zero for an input whose unit is not judged.
    kind : str
        The type as stored.
    """

    rows: int
    missing: int
    wrong: int
    known: int = 0
    below: int = 0
    above: int = 0
    kind: str = ""

    def __add__(self, other: Tally) -> Tally:
        """Count the rows of both."""
        return Tally(
            self.rows + other.rows,
            self.missing + other.missing,
            self.wrong + other.wrong,
            self.known + other.known,
            self.below + other.below,
            self.above + other.above,
            self.kind or other.kind,
        )


def tally(table: PointTable, column: Any) -> Tally:
    """Count what a column holds for an input."""
    kind = str(getattr(column, "dtype", type(column).__name__))
    codes = getattr(getattr(column, "array", None), "codes", None)
    is_coded = codes is not None and all(isinstance(c, str) for c in column.dtype.categories)
    if codes is not None and is_coded and table.kind == "category":
        return Tally(len(codes), int((codes < 0).sum()), 0, kind=kind)
    values, gone, wrong, _ = read_column(table, column)
    mistaken = int(np.count_nonzero(wrong))
    missing = int(np.count_nonzero(gone & ~wrong if mistaken else gone))
    if not has_unit(table):
        return Tally(len(values), missing, mistaken, kind=kind)
    known = _plain(table, values)
    with np.errstate(divide="ignore", over="ignore"):
        below = int(np.count_nonzero((known <= 0) | (table.median / known >= UNIT_FACTOR)))
        above = int(np.count_nonzero(known / table.median >= UNIT_FACTOR))
    return Tally(len(values), missing, mistaken, len(known), below, above, kind)


def _plain(table: PointTable, values: Floats) -> Floats:
    """Give the finite numbers that are no special codes."""
    known = values[np.isfinite(values)]
    return known[~np.isin(known, table.specials)] if table.specials else known


def has_unit(table: PointTable) -> bool:
    """Tell whether training knew enough of an input to judge its unit.

    What training knew of few rows, or of few in a hundred, says nothing of a unit: those who have a
    value at all may be others now. A median that lies by 0 in an input of both signs is a middle
    and no magnitude: it may be a hundred times nearer to 0 by chance.
    """
    trained = sum(table.rows[: len(table.points)])
    is_sparse = trained < UNIT_ROWS or table.missing_share > UNIT_MISSING
    is_middle = table.median < min(-table.low, table.high) / UNIT_FACTOR
    return table.kind == "numeric" and not is_sparse and table.median > 0 and not is_middle


def judge(
    tables: Sequence[PointTable],
    tallies: Mapping[str, Tally],
    parts_of: Callable[[str], Iterable[Any]],
) -> None:
    """Refuse an input whose columns as a whole are of another type, gone, or in another unit.

    A column's parts are asked for only where the counts leave open where its median is.
    """
    for table in tables:
        _check_type(table, tallies[table.name])
    gone = [table for table in tables if _is_gone(table, tallies[table.name])]
    if gone:
        sources = ", ".join(dict.fromkeys(t for g in gone for t in g.sources))
        rule = "must have values: training had them"
        found = f"{len(gone)} such columns, every row missing"
        do = "check where its values come from"
        if sources:
            do = f"check that the records hold the table(s) {sources}"
        raise InputError(refusal(f"column {gone[0].name!r}", rule, found, do))
    for table in tables:
        if has_unit(table) and _is_doubtful(tallies[table.name]):
            _check_unit(table, _median(table, tallies[table.name].known, parts_of))


def _check_type(table: PointTable, found: Tally) -> None:
    """Refuse a column none of whose values is of its type; a few wrong rows are a row's matter."""
    if found.wrong >= FRAME_ROWS and found.wrong + found.missing == found.rows:
        kind = {"category": "text", "flag": "true or false", "numeric": "numbers"}[table.kind]
        raise InputError(refusal(f"column {table.name!r}", f"must hold {kind}", found.kind))


def _is_gone(table: PointTable, found: Tally) -> bool:
    """Tell whether a column has no value though training had some."""
    if found.rows < FRAME_ROWS or table.missing_share >= 0.99:
        return False
    return found.missing == found.rows


def _is_doubtful(found: Tally) -> bool:
    """Tell whether a median may lie 50 times off: one of its two middle values does."""
    if found.known < UNIT_ROWS:
        return False
    first, last = (found.known - 1) // 2, found.known // 2
    return found.below > first or last >= found.known - found.above


def _median(table: PointTable, known: int, parts_of: Callable[[str], Iterable[Any]]) -> float:
    """Give the exact median of a column's finite values, in memory that is no matter of theirs."""

    def keys() -> Iterator[npt.NDArray[np.uint64]]:
        for part in parts_of(table.name):
            yield _in_order(_plain(table, read_column(table, part)[0]))

    return (_kth(keys, (known - 1) // 2) + _kth(keys, known // 2)) / 2


def _kth(keys: Callable[[], Iterator[npt.NDArray[np.uint64]]], k: int) -> float:
    """Give the value that k others precede: 16 bits of its key at a time, by counting."""
    prefix = 0
    for shift in (48, 32, 16, 0):
        counts = np.zeros(_BINS, dtype=np.int64)
        for each in keys():
            mine = each if shift == 48 else each[each >> np.uint64(shift + 16) == prefix]
            bins = (mine >> np.uint64(shift)) & np.uint64(_BINS - 1)
            counts += np.bincount(bins.astype(np.int64), minlength=_BINS)
        upto = np.cumsum(counts)
        at = int(np.searchsorted(upto, k, side="right"))
        k -= int(upto[at - 1]) if at else 0
        prefix = prefix << 16 | at
    bits = prefix ^ (_SIGN if prefix & _SIGN else 2 * _SIGN - 1)
    return float(np.array([bits], dtype=np.uint64).view(np.float64)[0])


def _in_order(values: Floats) -> npt.NDArray[np.uint64]:
    """Give whole numbers that stand in the order of doubles."""
    bits = np.ascontiguousarray(values).view(np.uint64)
    return np.where(bits >> np.uint64(63) == 1, ~bits, bits | np.uint64(_SIGN))


def _check_unit(table: PointTable, here: float) -> None:
    """Refuse a column whose median is 50 times off that of training."""
    if here <= 0:
        return
    times = max(here / table.median, table.median / here)
    if times >= UNIT_FACTOR:
        rule = f"must be in the unit of training ({table.unit or 'as trained'})"
        found = f"a median of {here:g} against {table.median:g}, {times:.0f} times off"
        raise InputError(refusal(f"column {table.name!r}", rule, found, "check the unit"))
