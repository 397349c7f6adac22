"""One input's contract and points, and what a probability claims."""

from __future__ import annotations

import bisect
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.vocabulary import input_code

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
        One more than ``cuts``; for a category one for each of ``levels`` and one for others.
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
        Training rows and defaults of each step, the missing last.
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

    @property
    def reason(self) -> str:
        """Give the code under which this input is a reason: one that names it, or its family's."""
        return input_code(self.code, self.name)

    @property
    def best(self) -> int:
        """Give the most points a known value can have."""
        return max(self.points)

    def look_up(self, values: Any) -> Whole:
        """Give the points of a column of checked values."""
        steps = np.array([*self.points, self.missing_points], dtype=np.int64)
        if self.kind == "category":
            position = {level: at for at, level in enumerate(self.levels)}
            other, missing = len(self.levels), len(self.levels) + 1
            at = [missing if v is None else position.get(v, other) for v in values]
            return steps[np.array(at, dtype=np.int64)] if at else np.empty(0, dtype=np.int64)
        at = np.searchsorted(np.array(self.cuts), values, side="left")
        return steps[np.where(np.isnan(values), len(self.cuts) + 1, at)]

    def look_up_one(self, value: float | str | None) -> int:
        """Give the points of one checked value, with the standard library alone."""
        if self.kind == "category":
            if value is None:
                return self.missing_points
            known = value in self.levels
            return self.points[self.levels.index(str(value)) if known else len(self.levels)]
        number = float(value) if value is not None else math.nan
        if math.isnan(number):
            return self.missing_points
        return self.points[bisect.bisect_left(self.cuts, number)]


def card_lines(table: PointTable) -> list[dict[str, Any]]:
    """Lay out one table's steps."""
    if table.kind == "category":
        names = [*table.levels, "(other)", "(missing)"]
        bounds = [(math.nan, math.nan)] * len(names)
    else:
        edges = [-math.inf, *table.cuts, math.inf]
        bounds = [*itertools.pairwise(edges), (math.nan, math.nan)]
        names = [""] * len(table.points) + ["(missing)"]
    points = [*table.points, table.missing_points]
    return [
        {
            "feature": table.name,
            "lower": low,
            "upper": high,
            "category": name,
            "points": each,
            "rows": rows,
            "defaults": defaults,
        }
        for (low, high), name, each, rows, defaults in zip(
            bounds, names, points, table.rows, table.defaults, strict=True
        )
    ]
