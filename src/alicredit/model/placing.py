"""Where each value of each input stands among cuts, all inputs at once: compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled

Floats = npt.NDArray[np.float64]

_BLOCK = 256


def place_columns(X: Floats, cuts: Sequence[Floats], gone: Sequence[int]) -> npt.NDArray[Any]:
    """Count the cuts below each value, of the missing give ``gone``; a column an input.

    As ``np.searchsorted(cuts, column, side="left")``, in a fifth of the time: some rows of all
    inputs at once, so that no row is fetched twice, and every value takes as many steps, without
    branches. Whole numbers of 16 bits where they have room.
    """
    padded = [_padded(np.asarray(own, dtype=np.float64)) for own in cuts]
    starts = np.cumsum([0, *map(len, padded)])
    most = max([*gone, *map(len, cuts), 0])
    kind = np.int16 if most <= np.iinfo(np.int16).max else np.int32
    found = np.empty(X.shape, dtype=kind, order="F")
    edges = np.concatenate([*padded, np.empty(0)])
    _place(np.asarray(X), edges, starts, np.asarray(gone, dtype=np.int64), found)
    return found


def between_levels(levels: int) -> Floats:
    """Give the cuts between so many levels, coded 0, 1 and so on.

    Examples
    --------
    >>> between_levels(3)
    array([0.5, 1.5])
    """
    return np.arange(levels - 1, dtype=np.float64) + 0.5


def _padded(cuts: Floats) -> Floats:
    """Fill cuts up with infinities, which no value passes, to one less than a power of two."""
    size = 2 ** len(cuts).bit_length() - 1
    return np.append(cuts, np.full(size - len(cuts), np.inf))


@compiled
def _place(X: Any, edges: Any, starts: Any, gone: Any, found: Any) -> None:
    """Halve the cuts of each input, for some rows at once."""
    rows, inputs = X.shape
    values, place = np.empty(_BLOCK), np.empty(_BLOCK, np.uint32)
    for first in range(0, rows, _BLOCK):
        many = min(_BLOCK, rows - first)
        for at in range(inputs):
            own = edges[starts[at] : starts[at + 1]]
            for row in range(many):
                values[row] = X[first + row, at]
                place[row] = 0
            half = (len(own) + 1) // 2
            while half > 0:
                last = half - 1
                for row in range(many):
                    place[row] += half * (own[place[row] + last] < values[row])
                half //= 2
            for row in range(many):
                found[first + row, at] = gone[at] if np.isnan(values[row]) else place[row]
