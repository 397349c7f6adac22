"""Where values stand among the cuts of their input: one small whole number each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

ROWS = 2**14
"""Rows worked out at once: their columns stay in the processor's cache (measured)."""
MOST_ROWS = 256
"""Rows up to which they are a handful: what a call costs is more than what it does (measured)."""
_COUNTED = 64
"""Cuts up to which passing them is counted; more are searched (measured)."""


@dataclass(frozen=True)
class Axis:
    """The ranks of one input's encoded values; the missing stand last.

    Counting the cuts that a value passes takes a comparison of whole columns for each, which is
    several times faster than a search as long as they are few.

    Parameters
    ----------
    at : int
        The input's position among the model's tables.
    cuts : tuple of float
        Increasing; rank i holds values up to and including ``cuts[i]``, the next the rest. Empty
        for a category.
    levels : int or None, default None
        For a category the number of learned levels: a rank is a level's position, the next others.

    Examples
    --------
    >>> axis, values = Axis(0, (1.0, 2.0)), np.array([1.0, 1.5, np.nan, 9.0])
    >>> axis.ranks(values, np.isnan(values)).tolist()
    [0, 1, 3, 2]
    """

    at: int
    cuts: tuple[float, ...]
    levels: int | None = None

    @property
    def size(self) -> int:
        """Count the ranks, that of the missing too."""
        return (len(self.cuts) if self.levels is None else self.levels) + 2

    @cached_property
    def places(self) -> Floats:
        """Give the cuts as an array."""
        return np.array(self.cuts, dtype=np.float64)

    def ranks(self, values: Floats, gone: Flags | None) -> npt.NDArray[Any]:
        """Give the rank of each encoded value; ``gone`` marks the missing, None where none is."""
        last = self.size - 1
        kind = whole_kind(last)
        if self.levels is not None:
            return (values if gone is None else np.where(gone, last, values)).astype(kind)
        if len(self.cuts) > _COUNTED or len(values) <= MOST_ROWS:
            found = np.searchsorted(self.places, values, side="left").astype(kind)
            if gone is not None:
                found[gone] = last
            return found
        found = np.zeros(len(values), dtype=np.uint8)
        passed = np.empty(len(values), dtype=bool)
        ones = passed.view(np.uint8)
        for cut in self.cuts:
            np.greater(values, cut, out=passed)
            np.add(found, ones, out=found)
        if gone is not None:  # a missing value passes no cut
            found += gone.view(np.uint8) * np.uint8(last)
        return found

    def steps(self, cuts: tuple[float, ...], groups: tuple[int, ...] = ()) -> Whole:
        """Give, for each rank, the step among coarser cuts, or the group of a level."""
        if self.levels is not None:
            known = groups or tuple(range(self.levels + 1))
            return np.array([*known, max(known) + 1], dtype=np.int64)
        tops = np.array([*self.cuts, np.inf])
        steps = np.searchsorted(np.array(cuts, dtype=np.float64), tops, side="left")
        return np.append(steps, len(cuts) + 1).astype(np.int64)


def whole_kind(most: int) -> type[np.unsignedinteger[Any]]:
    """Give the smallest type of whole numbers from 0 that holds so many.

    Examples
    --------
    >>> whole_kind(255).__name__, whole_kind(256).__name__
    ('uint8', 'uint16')
    """
    kinds: tuple[Any, ...] = (np.uint8, np.uint16, np.uint32)
    return next((kind for kind in kinds if most <= np.iinfo(kind).max), np.uint64)


def blocks_of(rows: int) -> Iterator[slice]:
    """Give slices of as many rows as are worked out at once."""
    return (slice(at, min(at + ROWS, rows)) for at in range(0, rows, ROWS))
