"""Bins that two populations are counted in: steps of a model, quantiles, levels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

MISSING = "(missing)"
OTHER = "(other)"


@dataclass(frozen=True, eq=False)
class Bins:
    """Steps of numbers between edges, or levels and a rest; the missing have a bin of their own.

    Parameters
    ----------
    edges : tuple of float
        Rising; a step holds values up to and including its edge, the last step the rest.
    levels : tuple of str or None
        Levels of a category, which has no edges; None for numbers.
    least : float or None
        The number below which the first step ends; None where the first edge belongs to its step.
    """

    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] | None = None
    least: float | None = None

    @property
    def size(self) -> int:
        """Count the bins, the one of the missing, which is the last, among them."""
        return (len(self.edges) if self.levels is None else len(self.levels)) + 2

    @property
    def names(self) -> list[str]:
        """Name the bins as a person reads them."""
        if self.levels is not None:
            return [*self.levels, OTHER, MISSING]
        if not self.edges:
            return ["any", MISSING]
        shown = [f"{edge:.6g}" for edge in self.edges]
        between = [f"({a}, {b}]" for a, b in itertools.pairwise(shown)]
        first = f"up to {shown[0]}"
        if self.least is not None:
            first = f"below {self.least:.6g}"
            between = [f"[{self.least:.6g}, {b}]" for b in shown[1:2]] + between[1:]
        last = f"above {shown[-1]}" if self.least is None or between else (
            f"{self.least:.6g} or above")  # fmt: skip
        return [first, *between, last, MISSING]

    def place(self, values: Any) -> Whole:
        """Give the bin of each value that :func:`read_values` read."""
        if self.levels is not None:
            position = {level: at for at, level in enumerate(self.levels)}
            codes, seen = pd.factorize(np.asarray(values, dtype=object))
            at = np.array([position.get(str(v), len(self.levels)) for v in seen], dtype=np.int64)
            at = np.append(at, len(self.levels) + 1)
            return at[codes]
        found = np.searchsorted(np.array(self.edges), values, side="left")
        return np.where(np.isnan(values), len(self.edges) + 1, found).astype(np.int64)

    def count(self, values: Any) -> Whole:
        """Count values by bin."""
        return np.bincount(self.place(values), minlength=self.size)


def read_values(name: str, values: Any, *, as_text: bool | None = None) -> Any:
    """Read a column as numbers (flags are 0 and 1), or as texts; refuse what is neither.

    ``as_text`` says what it must be; None takes what it is.
    """
    is_listed = isinstance(values, list | tuple)
    column = values if isinstance(values, pd.Series) else pd.Series(
        list(values) if is_listed else np.asarray(values).ravel()
    )  # fmt: skip
    is_number = pd.api.types.is_numeric_dtype(column) and column.dtype.kind != "c"
    if not is_number and as_text is not True and column.dtype.kind == "O":
        given = [each for each in column.to_numpy(object) if not _is_absent(each)]
        is_number = all(isinstance(each, int | float | np.number | np.bool_) for each in given)
    if as_text is None:
        as_text = not is_number
    if as_text:
        return _texts(
            name, column, "must hold texts" if is_number else "must hold numbers or texts"
        )
    if not is_number:
        refuse(name, "must hold numbers", f"dtype {column.dtype}", "compare like with like")
    found = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(found).any():
        refuse(name, "must be finite or missing", f"{int(np.isinf(found).sum())} infinite values")
    return found


def _texts(name: str, column: pd.Series, rule: str) -> npt.NDArray[np.object_]:
    """Read texts, None where missing."""
    values = column.astype(object).to_numpy()
    found = np.array([None if _is_absent(each) else each for each in values], dtype=object)
    odd = next((each for each in found if each is not None and not isinstance(each, str)), None)
    if odd is not None:
        refuse(name, rule, repr(odd)[:60], "compare like with like")
    return found


def _is_absent(value: Any) -> bool:
    """Tell a missing value."""
    is_nan = isinstance(value, float | np.floating) and bool(np.isnan(value))
    return value is None or value is pd.NA or value is pd.NaT or is_nan


def number_owners(name: str, given: Any, rows: int) -> Whole | None:
    """Number the merchants of rows in order of their names; None where none are given."""
    if given is None:
        return None
    kind = object if isinstance(given, list | tuple) else None
    codes, seen = pd.factorize(np.asarray(given, dtype=kind).ravel())
    if len(codes) != rows:
        refuse(name, f"must have one value for each of the {rows} rows", len(codes))
    if (codes < 0).any():
        refuse(name, "must be known for each row", f"{int((codes < 0).sum())} missing")
    place = np.empty(len(seen), dtype=np.int64)
    place[np.argsort(np.asarray(seen).astype(str), kind="stable")] = np.arange(len(seen))
    return place[codes]


def quantile_bins(values: Any, bins: int, *, open_ends: bool = False) -> Bins:
    """Make bins of equal shares of a population; equal values stay together.

    With ``open_ends``, a smallest or largest value that fills a bin has it to itself on its outer
    side: what is beyond it, where this population has nothing, stands in a bin of its own.
    """
    if values.dtype == object:
        return Bins(levels=tuple(sorted({each for each in values if each is not None})))
    known = values[~np.isnan(values)]
    if not len(known):
        return Bins()
    steps = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(known, steps, method="inverted_cdf"))
    low, high = float(known.min()), float(known.max())
    inner = [float(edge) for edge in edges[edges < high]]
    if not open_ends:
        return Bins(tuple(inner))
    is_low, is_high = ((known == end).mean() >= 1 / bins for end in (low, high))
    below = [float(np.nextafter(low, -np.inf))] if is_low else []
    above = [high] if is_high else []
    return Bins((*below, *inner, *above), least=low if is_low else None)


def grade_bins(grades: Sequence[str]) -> Bins:
    """Make a bin of each grade."""
    if isinstance(grades, set | frozenset):
        found, do = f"a {type(grades).__name__}, which has no order", "give a list, best first"
        refuse("grades", "must be different texts, best first", found, do)
    names = list(grades) if not isinstance(grades, str) else []
    if not names or not all(isinstance(g, str) for g in names) or len(set(names)) < len(names):
        refuse("grades", "must be different texts, best first", repr(grades)[:60])
    return Bins(levels=tuple(names))


def read_grades(name: str, values: Any, grades: Sequence[str]) -> npt.NDArray[np.object_]:
    """Read a column of grades; refuse one that is not listed."""
    column = pd.Series(np.asarray(values, dtype=object).ravel())
    found = _texts(name, column, "must hold names of grades")
    odd = sorted({each for each in found if each is not None} - set(grades))
    if odd:
        refuse(name, f"must be of the grades {', '.join(grades)}", repr(odd[0]))
    return np.asarray(found)
