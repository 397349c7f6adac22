"""One input's contract and points, and what a probability claims."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.vocabulary import input_code

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a probability claims: default of whom, how late, within how long.

    Parameters
    ----------
    horizon_days : int or None, default None
        Length of the window; None where the labels did not say.
    level : str, default ""
        ``"borrower"`` or ``"facility"``; empty where the labels did not say.
    days_past_due : int or None, default None
        Beyond which a due is a default.

    Examples
    --------
    >>> print(Claim(365, "borrower", 90))
    365 days, borrower, more than 90 days past due
    >>> print(Claim())
    horizon and level not stated
    """

    horizon_days: int | None = None
    level: str = ""
    days_past_due: int | None = None

    def __str__(self) -> str:
        """Say it in words."""
        if self.horizon_days is None:
            return "horizon and level not stated"
        return (
            f"{self.horizon_days} days, {self.level}, more than {self.days_past_due} days past due"
        )


@dataclass(frozen=True, slots=True)
class PointTable:
    """One input's contract and its points.

    Parameters
    ----------
    name : str
        Column.
    kind : str
        ``"numeric"``, ``"flag"`` or ``"category"``.
    cuts : tuple of float
        Increasing; step i holds values up to and including ``cuts[i]``, the last the rest.
    points : tuple of int
        In the model's units; one more than ``cuts``; for a category one for each of ``levels`` and
        one for others.
    levels : tuple of str
        Learned levels of a category.
    missing_points : int
        Points of a missing value.
    reference : int
        Median points of the training population: what reasons are measured against.
    low, high, median : float
        Seen in training.
    missing_share : float
        Share of missing values in training.
    direction : int
        +1 where more is riskier, -1 safer, 0 unconstrained.
    code, title, title_zh, unit : str
        Reason code, titles and unit.
    sources : tuple of str
        Tables it is made from.
    rows, defaults : tuple of int
        Training rows and defaults of each step, then of each special code, the missing last.
    specials : tuple of float, default ()
        Of a number: codes that are no numbers, rising, as -999 for no record. None is in a step,
        in ``low, high, median`` or under the direction; pairs and trees read it as missing. It is
        no missing value where the share of missing inputs is counted.
    special_points : tuple of int, default ()
        Points of each special code.

    Examples
    --------
    >>> table = PointTable(
    ...     name="debt", kind="numeric", cuts=(1.0,), points=(20, -30), levels=(),
    ...     missing_points=-5, reference=20, low=0.0, high=9.0, median=0.5, missing_share=0.1,
    ...     direction=1,
    ...     code="SC_OTHER", title="Debt over sales", title_zh="负债与销售之比", unit="times",
    ...     sources=(), rows=(70, 20, 10), defaults=(2, 4, 1))
    >>> table.look_up(np.array([1.0, 1.5, np.nan])).tolist(), table.look_up_one(None)
    ([20, -30, -5], -5)
    """

    name: str
    kind: str
    cuts: tuple[float, ...]
    points: tuple[int, ...]
    levels: tuple[str, ...]
    missing_points: int
    reference: int
    low: float
    high: float
    median: float
    missing_share: float
    direction: int
    code: str
    title: str
    title_zh: str
    unit: str
    sources: tuple[str, ...]
    rows: tuple[int, ...]
    defaults: tuple[int, ...]
    specials: tuple[float, ...] = ()
    special_points: tuple[int, ...] = ()

    @property
    def reason(self) -> str:
        """Give the code under which this input is a reason: one that names it, or its family's."""
        return input_code(self.code, self.name)

    @property
    def best(self) -> int:
        """Give the most points a known value can have."""
        return max(self.points)

    @property
    def is_flat(self) -> bool:
        """Tell whether the table gives everybody the same points, the missing too."""
        return len(set(self.every)) == 1

    @property
    def every(self) -> tuple[int, ...]:
        """Give the points of each step, then of each special code, and of the missing."""
        return (*self.points, *self.special_points, self.missing_points)

    def encode(self, values: Any) -> Floats:
        """Turn a column of checked values into numbers, levels into positions, missing into NaN.

        Parameters
        ----------
        values : sequence of float, str or None
            Within the contract: numbers, or a category's levels; missing as NaN or None.

        Returns
        -------
        float64 array
            A level that was not learned stands after the last.
        """
        if self.kind != "category":
            return np.asarray(values, dtype=np.float64)
        position = {level: at for at, level in enumerate(self.levels)}
        other = len(self.levels)
        at = [math.nan if v is None else position.get(v, other) for v in values]
        return np.array(at, dtype=np.float64)

    def encode_one(self, value: float | str | None) -> float:
        """Turn one checked value into a number, with the standard library alone."""
        if value is None:
            return math.nan
        if self.kind == "category":
            known = value in self.levels
            return float(self.levels.index(str(value)) if known else len(self.levels))
        return float(value)

    def look_up(self, values: Any) -> Whole:
        """Give the points of a column of checked values.

        Parameters
        ----------
        values : sequence of float, str or None
            Within the contract: numbers, or a category's levels; missing as NaN or None.

        Returns
        -------
        int64 array
            Whole units.
        """
        return self.points_at(self.encode(values))

    def look_up_one(self, value: float | str | None) -> int:
        """Give the points of one checked value, with the standard library alone."""
        return self.point_at(self.encode_one(value))

    def points_at(self, numbers: Floats) -> Whole:
        """Give the points of a column of encoded values.

        Parameters
        ----------
        numbers : float64 array
            From :meth:`encode`.

        Returns
        -------
        int64 array
            Whole units.
        """
        steps = np.array([*self.points, self.missing_points], dtype=np.int64)
        gone = np.isnan(numbers)
        if self.kind == "category":
            return steps[np.where(gone, len(self.levels) + 1, numbers).astype(np.int64)]
        at = np.searchsorted(np.array(self.cuts, dtype=np.float64), numbers, side="left")
        found = steps[np.where(gone, len(self.cuts) + 1, at)]
        for code, points in zip(self.specials, self.special_points, strict=True):
            found[numbers == code] = points
        return found

    def point_at(self, number: float) -> int:
        """Give the points of one encoded value, with the standard library alone."""
        if math.isnan(number):
            return self.missing_points
        if self.kind == "category":
            return self.points[int(number)]
        if number in self.specials:
            return self.special_points[self.specials.index(number)]
        return self.points[bisect.bisect_left(self.cuts, number)]
