"""Values against the contract of their input: the same answer for a column and for one value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import lacking_columns, refusal
from alicredit.errors import InputError
from alicredit.portable.tables import PointTable

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_MISSING = 0.75
"""A row with a larger share of missing inputs is not scored (assumed)."""
ROW_STATUSES = ("ok", "bad_type", "bad_value", "too_many_missing")
UNIT_FACTOR = 50.0
UNIT_ROWS = 50
UNIT_MISSING = 0.95
"""Of columns with more missing in training units are not judged (assumed)."""
FRAME_ROWS = 20
"""Fewer rows say nothing about a whole source (assumed)."""

_ABSENT = ("NAType", "NaTType")
_WRONG = object()


def take_columns(X: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Take the inputs from a frame, by name; positions are never trusted."""
    if not hasattr(X, "columns") or hasattr(X, "column_names"):  # of pyarrow these are arrays
        rule = "must be a frame: inputs are taken by name, not by position"
        do = "X.to_pandas()" if hasattr(X, "to_pandas") else f"name its columns {names[0]!r} ..."
        raise InputError(refusal("X", rule, type(X).__name__, do))
    labels: dict[str, list[Any]] = {}
    for label in X.columns:
        labels.setdefault(str(label), []).append(label)
    lacking = [name for name in names if name not in labels]
    if lacking:
        raise InputError(lacking_columns("X", list(labels), lacking))
    twice = [name for name in names if len(labels[name]) > 1]
    if twice:
        raise InputError(refusal("X", f"must have the column {twice[0]!r} once", "it repeated"))
    return {name: X[labels[name][0]] for name in names}


def named(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Give values under the names of inputs, which are texts: of a column 0 it is ``"0"``."""
    return {str(name): value for name, value in values.items()}


def values_of(column: Any) -> list[Any]:
    """List a column's values, each as an object of its own."""
    if hasattr(column, "iloc"):  # far faster than one value after the other where text is Arrow's
        found: list[Any] = column.to_numpy(dtype=object).tolist()
        return found
    return list(column)


def read_value(table: PointTable, value: Any) -> tuple[Any, str]:
    """Read one value: a number or level (None where missing) and its status."""
    if table.kind == "category":
        level = _level(value)
        return (None, "bad_type") if level is _WRONG else (level, "ok")
    if value is None or type(value).__name__ in _ABSENT:
        return None, "ok"
    if not _is_number(value, is_flag=table.kind == "flag"):
        return None, "bad_type"
    try:
        number = float(value)
    except OverflowError:
        return None, "bad_value"
    if math.isnan(number):
        return None, "ok"
    is_possible = number in (0.0, 1.0) if table.kind == "flag" else math.isfinite(number)
    return (number, "ok") if is_possible else (None, "bad_value")


def seen_range(table: PointTable) -> tuple[float, float]:
    """Give the least and the greatest encoded value that training saw; of a category its levels."""
    return (0.0, len(table.levels) - 1.0) if table.kind == "category" else (table.low, table.high)


def flags_of(
    names: Sequence[str],
    ranges: Sequence[tuple[float, float]],
    columns: Iterable[Floats],
    ok: Flags,
    specials: Mapping[int, tuple[float, ...]] | None = None,
) -> dict[int, list[str]]:
    """Name, for encoded rows that are scored, the inputs outside the ranges seen; by position.

    A number or flag is, below the least or above the greatest value of training; a category is
    where its level was not learned, and is scored as others are. A missing value never is, nor a
    special code: ``specials`` by position. Rows without any are left out.
    """
    found: dict[int, list[str]] = {}
    for at, (name, (low, high), column) in enumerate(zip(names, ranges, columns, strict=True)):
        outside = (column < low) | (column > high)
        if outside.any():
            if specials and at in specials:
                outside &= ~np.isin(column, specials[at])
            for row in np.flatnonzero(outside & ok).tolist():
                found.setdefault(row, []).append(name)
    return found


def flags_of_one(
    names: Sequence[str],
    ranges: Sequence[tuple[float, float]],
    row: Sequence[float],
    specials: Mapping[int, tuple[float, ...]] | None = None,
) -> list[str]:
    """Give the same of one encoded row and ranges seen, with the standard library alone."""
    each = enumerate(zip(names, ranges, row, strict=True))
    return [
        name
        for at, (name, (low, high), value) in each
        if (value < low or value > high) and not (specials and value in specials.get(at, ()))
    ]


def _is_number(value: Any, *, is_flag: bool) -> bool:
    """Tell a real number; a boolean is one for a flag alone, a span of time never is."""
    if isinstance(value, bool | np.bool_):
        return is_flag
    is_real = isinstance(value, int | float | np.integer | np.floating)
    return is_real and not isinstance(value, np.timedelta64)


def _level(value: Any) -> Any:
    """Read one value of a category: a text, None where missing, or wrong."""
    if isinstance(value, str):
        return str(value)
    if value is None or type(value).__name__ in _ABSENT:
        return None
    is_nan = isinstance(value, float | np.floating) and math.isnan(value)
    return None if is_nan else _WRONG
