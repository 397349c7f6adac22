"""One applicant's facts, asked as the columns of a frame are, without the cost of a frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_LARGEST = float(np.finfo(np.float64).max)
Floats = npt.NDArray[np.float64]


class OneColumn:
    """A column of one value: the part of pandas.Series that rules ask for.

    Plain values are answered at once; any other is left to pandas.

    Examples
    --------
    >>> (OneColumn("jiangsu").isin(("jiangsu",)) & OneColumn(None).notna()).to_numpy().tolist()
    [False]
    """

    __slots__ = ("value",)
    dtype = np.dtype(object)

    def __init__(self, value: Any) -> None:
        """Hold a value."""
        self.value = value

    def __and__(self, other: OneColumn) -> OneColumn:
        """Give whether both hold."""
        return OneColumn(bool(self.value) and bool(other.value))

    def reset_index(self, **_: Any) -> OneColumn:
        """Give itself: it has no index."""
        return self

    def isna(self) -> OneColumn:
        """Tell whether the value is missing."""
        value = self.value
        if type(value) is str or value is None:
            return OneColumn(value is None)
        if type(value) is float:
            return OneColumn(value != value)
        return OneColumn(bool(self._series().isna().iloc[0]))

    def notna(self) -> OneColumn:
        """Tell whether the value is known."""
        return OneColumn(not self.isna().value)

    def isin(self, allowed: Collection[str]) -> OneColumn:
        """Tell whether the value is among texts."""
        if type(self.value) is str:
            return OneColumn(self.value in allowed)
        return OneColumn(bool(self._series().isin(list(allowed)).iloc[0]))

    def to_numpy(self, dtype: Any = object) -> npt.NDArray[Any]:
        """Give the value as an array."""
        found = np.empty(1, dtype=dtype)
        found[0] = self.value
        return found

    def _series(self) -> pd.Series:
        """Give the column to pandas."""
        return pd.Series([self.value], dtype=object)


class OneApplicant:
    """One applicant's facts by name; what lacks is a column of a missing value.

    Examples
    --------
    >>> facts = OneApplicant({"region": "jiangsu"})
    >>> len(facts), facts["region"].value, facts["platform"].value
    (1, 'jiangsu', None)
    """

    __slots__ = ("facts",)

    def __init__(self, facts: Mapping[str, Any]) -> None:
        """Hold facts."""
        self.facts = facts

    def __len__(self) -> int:
        """Count the applicants."""
        return 1

    def __contains__(self, name: object) -> bool:
        """Tell whether a fact is given; what is not is a column too: see ``__getitem__``."""
        return name in self.facts

    def __getitem__(self, name: str) -> OneColumn:
        """Give a column."""
        return OneColumn(self.facts.get(name))


def _is_beyond_doubles(value: object) -> bool:
    """Tell what would stop or bend reading others: huge whole, complex and many numbers in one."""
    is_huge = isinstance(value, int) and abs(value) > _LARGEST
    return is_huge or isinstance(value, complex | np.complexfloating | np.ndarray)


def doubles_of(column: Any) -> Floats:
    """Take a column as doubles; what is no number is NaN.

    Examples
    --------
    >>> doubles_of(pd.Series([1, "2.5", "x", None], dtype=object)).tolist()
    [1.0, 2.5, nan, nan]
    >>> [doubles_of(pd.Series([1, odd], dtype=object)).tolist() for odd in (1j, 10**400)]
    [[1.0, nan], [1.0, nan]]
    >>> [doubles_of(OneColumn(value)).tolist()[0] for value in (1, "2.5", "x", None, True)]
    [1.0, 2.5, nan, nan, 1.0]
    """
    if isinstance(column, OneColumn):
        value = column.value
        if value is None:
            return np.array([np.nan])
        if type(value) is float or type(value) is bool:
            return np.array([float(value)])
        if type(value) is int and abs(value) < 2**53:
            return np.array([float(value)])
        column = column._series()
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb":
        return np.asarray(column.to_numpy(np.float64))
    try:
        values = pd.to_numeric(column.astype(object), errors="coerce")
        is_odd = values.dtype.kind in "cO"  # what is read beside one may be anything
    except (OverflowError, TypeError):
        is_odd = True
    if is_odd:
        known = [None if _is_beyond_doubles(each) else each for each in column]
        values = pd.to_numeric(pd.Series(known, dtype=object), errors="coerce")
    return values.to_numpy(np.float64, na_value=np.nan)
