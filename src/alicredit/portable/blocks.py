"""Frames read in blocks of rows: encoded columns, what is missing, and each row's status.

What a value is does not depend on the block it is read in, nor on how its column is stored: each
way here gives what ``contract.read_value`` gives for one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.axes import blocks_of
from alicredit.portable.contract import MOST_MISSING, read_value, take_columns, values_of
from alicredit.portable.tables import PointTable

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Read = tuple[Floats, "Flags | None", "Flags | None", "Flags | None"]
"""Encoded values; rows that are missing, of a wrong type, of impossible values: None for none."""

_WRONG = -1.0
_NUMBERS = frozenset({float, int, type(None), np.float64})


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of a frame.

    Parameters
    ----------
    rows : slice
        Which.
    columns : list of array
        Encoded, one for each input; NaN is missing.
    gone : list of (array or None)
        What is missing of each; None where nothing is.
    status : array of int8
        By position in ``contract.ROW_STATUSES``.
    """

    rows: slice
    columns: list[Floats]
    gone: list[Flags | None]
    status: npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Reader:
    """A frame's columns, ready to be read in blocks of rows.

    Parameters
    ----------
    tables : tuple of PointTable
        The inputs' contracts.
    size : int
        Rows of the frame.
    """

    tables: tuple[PointTable, ...]
    size: int
    read: tuple[Callable[[slice], Read], ...]

    def blocks(self) -> Iterator[Block]:
        """Read the frame block after block."""
        for rows in blocks_of(self.size):
            columns, gone = [], []
            wrong, bad = _Marks(), _Marks()
            for read in self.read:
                values, is_gone, is_wrong, is_bad = read(rows)
                columns.append(values)
                gone.append(is_gone)
                wrong.see(is_wrong, bad.found)
                bad.see(is_bad, wrong.found)
            yield Block(rows, columns, gone, self._status(rows, gone, wrong.found, bad.found))

    def _status(
        self, rows: slice, gone: list[Flags | None], wrong: Flags | None, bad: Flags | None
    ) -> npt.NDArray[np.int8]:
        """Give the status of each row: what is wrong with its first bad input, or too few."""
        status = np.zeros(rows.stop - rows.start, dtype=np.int8)
        holes = [each for each in gone if each is not None]
        most = MOST_MISSING * len(self.tables)
        if len(holes) > most:
            missing = np.zeros(len(status), dtype=np.uint32)
            for each in holes:
                missing += each
            status[missing > most] = 3
        if wrong is not None:
            status[wrong] = 1
        if bad is not None:
            status[bad] = 2
        return status


class _Marks:
    """Rows marked by the first of their inputs that is of one kind of bad."""

    def __init__(self) -> None:
        self.found: Flags | None = None

    def see(self, marked: Flags | None, earlier: Flags | None) -> None:
        """Mark rows that no earlier input marked otherwise."""
        if marked is None:
            return
        mine = marked if earlier is None else marked & ~earlier
        self.found = mine.copy() if self.found is None else self.found | mine


def reader_of(tables: tuple[PointTable, ...], X: Any) -> Reader:
    """Take the inputs from a frame by name, to be read in blocks.

    Raises InputError where a column lacks or is repeated.
    """
    raw = take_columns(X, tuple(table.name for table in tables))
    size = len(next(iter(raw.values()))) if raw else 0
    return Reader(tables, size, tuple(_read_of(table, raw[table.name]) for table in tables))


def read_rows(tables: tuple[PointTable, ...], X: Any) -> tuple[Floats, npt.NDArray[np.int8]]:
    """Read a whole frame: encoded values, shape (rows, inputs), and each row's status."""
    reader = reader_of(tables, X)
    rows = np.empty((reader.size, len(tables)))
    status = np.empty(reader.size, dtype=np.int8)
    for block in reader.blocks():
        status[block.rows] = block.status
        for at, column in enumerate(block.columns):
            rows[block.rows, at] = column
    return rows, status


def read_column(table: PointTable, column: Any) -> tuple[Floats, Flags, Flags, Flags]:
    """Read a whole column: encoded values; what is missing, of a wrong type, impossible."""
    values, *marks = _read_of(table, column)(slice(0, len(column)))
    none = np.zeros(len(values), dtype=bool)
    gone, wrong, bad = (none if each is None else each for each in marks)
    return values, gone, wrong, bad


def _read_of(table: PointTable, column: Any) -> Callable[[slice], Read]:
    """Choose how a column is read, by how it is stored."""
    if table.kind == "category":
        places = _Places(table)
        codes = getattr(getattr(column, "array", None), "codes", None)
        if codes is None:
            return lambda rows: _marked(places.of(values_of(_part(column, rows))))
        encoded = np.append(places.of(list(column.dtype.categories)), np.nan)
        return lambda rows: _marked(encoded[codes[rows]])
    kind = getattr(getattr(column, "dtype", None), "kind", "O")
    if kind not in "fiub":
        return lambda rows: _mixed(table, values_of(_part(column, rows)))
    is_foreign = kind == "b" and table.kind != "flag"
    if isinstance(column.dtype, np.dtype):
        array = np.asarray(column)
        return lambda rows: _plain(table, array[rows], is_foreign=is_foreign)
    if hasattr(column, "iloc"):  # a column of pandas with its own sign for the missing

        def read(rows: slice) -> Read:
            values = column.iloc[rows].to_numpy(dtype=np.float64, na_value=np.nan)
            return _plain(table, values, is_foreign=is_foreign)

        return read
    return lambda rows: _mixed(table, values_of(_part(column, rows)))


def _part(column: Any, rows: slice) -> Any:
    """Give some rows of a column, by position."""
    return column.iloc[rows] if hasattr(column, "iloc") else column[rows]


def _plain(table: PointTable, part: Any, *, is_foreign: bool = False) -> Read:
    """Read numbers or flags that are stored as such."""
    values = np.ascontiguousarray(part, dtype=np.float64)
    gone, bad = _holes(table, values)
    if not is_foreign:
        return values, gone, None, bad
    wrong = ~np.isnan(values)
    return np.full(len(values), np.nan), np.ones(len(values), dtype=bool), wrong, None


def _holes(table: PointTable, values: Floats) -> tuple[Flags | None, Flags | None]:
    """Mark missing and impossible numbers."""
    known = np.isfinite(values)
    if table.kind == "flag":
        known = (values == 0) | (values == 1)
    others = len(values) - np.count_nonzero(known)
    if not others:
        return None, None
    gone = np.isnan(values)
    missing = np.count_nonzero(gone)
    return (gone if missing else None), (~(known | gone) if missing < others else None)


def _mixed(table: PointTable, values: list[Any]) -> Read:
    """Read numbers or flags that are stored as objects."""
    kinds = {bool} if table.kind == "flag" else set()
    if set(map(type, values)) <= _NUMBERS | kinds:
        try:
            return _plain(table, np.array(values, dtype=np.float64))
        except OverflowError:  # a whole number beyond a double: below, one by one
            pass
    read = [read_value(table, value) for value in values]
    numbers = np.array([np.nan if v is None else v for v, _ in read], dtype=np.float64)
    wrong, bad = (
        np.array([word == each for _, word in read], dtype=bool)
        for each in ("bad_type", "bad_value")
    )
    return numbers, _if_any(np.isnan(numbers)), _if_any(wrong), _if_any(bad)


class _Places(dict[Any, float]):
    """The encoded value of each level; of others, the missing and what is no level when asked."""

    def __init__(self, table: PointTable) -> None:
        super().__init__({level: float(at) for at, level in enumerate(table.levels)})
        self.table = table

    def __missing__(self, value: Any) -> float:
        """Read a value that is not stored as one of the levels."""
        level, word = read_value(self.table, value)
        return _WRONG if word != "ok" else self.table.encode_one(level)

    def of(self, values: list[Any]) -> Floats:
        """Encode values, each for itself; what is no level is marked."""
        try:
            found = list(map(self.__getitem__, values))
        except TypeError:  # a value that cannot be looked up
            found = list(map(self.__missing__, values))
        return np.array(found, dtype=np.float64)


def _marked(found: Floats) -> Read:
    """Tell what is missing and what is wrong of encoded levels."""
    wrong = _if_any(found == _WRONG)
    if wrong is not None:
        found = np.where(wrong, np.nan, found)
    return found, _if_any(np.isnan(found)), wrong, None


def _if_any(marks: Flags) -> Flags | None:
    """Give marks, or None where nothing is marked."""
    return marks if marks.any() else None
