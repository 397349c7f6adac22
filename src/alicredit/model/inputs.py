"""Training inputs as numbers: what each column is, its levels, its contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse

Floats = npt.NDArray[np.float64]

_FEWEST_OF_A_LEVEL = 20


@dataclass(frozen=True, eq=False)
class Inputs:
    """Columns as float64: categories as codes of their learned levels, missing as NaN.

    A level seen fewer than 20 times (assumed) is not learned: it shares the table's ``other``.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    X: Floats
    directions: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(self.X)

    @property
    def category_positions(self) -> tuple[int, ...]:
        """Give the positions of category columns."""
        return tuple(at for at, kind in enumerate(self.kinds) if kind == "category")

    def take(self, rows: npt.NDArray[np.int64]) -> Inputs:
        """Keep some rows."""
        return Inputs(self.names, self.kinds, self.levels, self.X[rows], self.directions)


def read_inputs(X: Any, directions: Mapping[str, int]) -> Inputs:
    """Read a frame or array; refuse infinities, empty input and columns of no known kind."""
    frame = _frame(X)
    names = tuple(map(str, frame.columns))
    if len(set(names)) < len(names) or not names or not len(frame):
        refuse("X", "must have rows, and columns of different names", f"shape {frame.shape}")
    kinds, levels, columns = [], {}, []
    for name, (_, column) in zip(names, frame.items(), strict=True):
        kind = _kind(name, column)
        if kind == "category":
            text = column.astype(object).where(column.notna(), None)
            counts = text.value_counts()
            kept = sorted(str(level) for level in counts[counts >= _FEWEST_OF_A_LEVEL].index)
            levels[name] = tuple(kept)
            code = {level: float(at) for at, level in enumerate(kept)}
            other = float(len(kept))
            values = np.array([np.nan if v is None else code.get(str(v), other) for v in text])
        else:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            refuse(f"X[{name!r}]", "must be finite or missing", "an infinite value", "mend it")
        kinds.append(kind)
        columns.append(values)
    signs = tuple(
        0 if kind == "category" else int(directions.get(name, 0))
        for name, kind in zip(names, kinds, strict=True)
    )
    return Inputs(names, tuple(kinds), levels, np.column_stack(columns), signs)


def _frame(X: Any) -> pd.DataFrame:
    """Take a frame, or name the columns of an array x0, x1 and so on."""
    if isinstance(X, pd.DataFrame):
        return X
    array = np.asarray(X)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        refuse("X", "must be a frame or a two-dimensional array of numbers", f"{array.shape}")
    return pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])])


def _kind(name: str, column: pd.Series) -> str:
    """Tell numbers, flags and categories apart."""
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column):
        if all(isinstance(v, str) for v in column.dropna()):
            return "category"
        refuse(f"X[{name!r}]", "must hold text as a category", "other values")
    if pd.api.types.is_bool_dtype(column):
        return "flag"
    if not pd.api.types.is_numeric_dtype(column):
        do = "convert it to numbers, booleans or text"
        refuse(f"X[{name!r}]", "must be numbers, booleans or text", column.dtype, do)
    return "numeric"
