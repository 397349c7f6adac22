"""Real columns as exact integers, so that no order of summing changes a bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from alicredit.windows.compiled import compiled

REACH = 1e13
"""Numbers beyond this are no amounts of anything and are summed by nobody."""

LIMIT = 2.0**61
"""Integers beyond this are not made."""


@compiled
def to_whole(values: Any, units: int, whole: Any) -> Any:
    """Fill in round(value * units), half away from zero, and give the largest of them.

    A missing value, or one beyond 1e13, gives 0; where an integer would pass 2**61 the largest is
    given as 2**62, and the integers are not to be used.
    """
    largest = np.int64(0)
    for i in range(len(values)):
        x = values[i]
        whole[i] = 0
        if not abs(x) <= REACH:
            continue
        scaled = x * units
        if abs(scaled) > LIMIT:
            largest = np.int64(2**62)
            continue
        part = np.trunc(scaled)
        rest = scaled - part
        if rest >= 0.5:
            part += 1.0
        elif rest <= -0.5:
            part -= 1.0
        whole[i] = np.int64(part)
        largest = max(largest, np.int64(abs(part)))
    return largest


@compiled
def is_within(values: Any, low: float, high: float) -> bool:
    """Tell whether no value lies below or above; a missing one does neither."""
    outside = 0
    for i in range(len(values)):
        outside += values[i] < low or values[i] > high
    return outside == 0
