"""Aggregates over the equal periods of a window: slope, variation, empty periods, downside.

A window of twelve times thirty days has twelve sums, the oldest first, each the difference of two
exact sums.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.grouped import Ints, Reals
from alicredit.windows.search import first_from, is_seen, late_range, longest

SLOPE, CV, EMPTY_SHARE, DOWNSIDE = range(4)
"""What an operation gives."""


class PeriodOps(NamedTuple):
    """Operations, sorted by ``value``, ``length`` and ``periods``; one entry each.

    ``value`` is a row of the integers, ``length`` a period's in microseconds, ``periods``
    how many the window has; ``scale`` divides the integers; ``out`` is the row of the answer.
    """

    code: Ints
    value: Ints
    length: Ints
    periods: Ints
    support: Ints
    out: Ints
    scale: Reals


@compiled
def compare_periods(asked: Any, sides: Any, values: Any, ops: Any, out: Any) -> None:
    """Answer every operation of every question; ``values`` as for sums."""
    time, late, row = sides.prompt.time, sides.late, asked.row
    code, support, place, scale = ops.code, ops.support, ops.out, ops.scale
    total = np.zeros(longest(asked, sides) + 1, np.int64)
    most = 0
    for each in range(len(ops.periods)):
        most = max(most, ops.periods[each])
    exact = np.zeros(most, np.int64)
    scaled = np.zeros(len(exact))
    for m in range(len(asked.start) - 1):
        if asked.start[m] == asked.start[m + 1]:
            continue
        s, e = sides.prompt.start[m], sides.prompt.start[m + 1]
        column = -1
        k = np.int64(0)  # typed: as a literal it would be compiled by itself
        while k < len(ops.code):
            if ops.value[k] != column:
                column = ops.value[k]
                for i in range(s, e):
                    total[i - s + 1] = total[i - s] + values[0][column, i]
            end = _same(ops, k)
            length = ops.length[k]
            sums = exact[: ops.periods[k]]
            for q in range(asked.start[m], asked.start[m + 1]):
                now = asked.as_of[q]
                n = _sum(sums, total, time, s, e, now, length)
                if late.start[m] < late.start[m + 1]:
                    n += _sum_late(sums, late, m, now, length, values[1][column])
                for p in range(len(sums)):
                    scaled[p] = sums[p] / scale[k]
                for each in range(k, end):
                    x = np.nan
                    if n and n >= support[each]:
                        x = _value(code[each], scaled[: len(sums)])
                    out[place[each], row[q]] = x
            k = end


@inlined
def _same(ops: Any, k: int) -> int:
    """Find the end of the operations over the same sums."""
    end = k + 1
    while (
        end < len(ops.code)
        and ops.value[end] == ops.value[k]
        and ops.length[end] == ops.length[k]
        and ops.periods[end] == ops.periods[k]
    ):
        end += 1
    return end


@inlined
def _sum(sums: Any, total: Any, time: Any, s: int, e: int, now: int, length: int) -> int:
    """Sum the prompt events of each period; give how many there are."""
    periods = len(sums)
    hi = first_from(time, now, s, e)
    lo = first_from(time, now - length * periods, s, hi)
    i = lo
    for p in range(periods):
        j = hi
        if p < periods - 1:
            j = first_from(time, now - length * (periods - 1 - p), i, hi)
        sums[p] = total[j - s] - total[i - s]
        i = j
    return hi - lo


@inlined
def _sum_late(sums: Any, late: Any, m: int, now: int, length: int, ints: Any) -> int:
    """Add the late events that a question sees; give how many there are."""
    periods = len(sums)
    n = 0
    a, b = late_range(late.start, late.time, m, now - length * periods, now)
    for i in range(a, b):
        if is_seen(late, i, now):
            n += 1
            sums[periods - 1 - (now - late.time[i] - 1) // length] += ints[i]
    return n


@inlined
def _value(code: int, sums: Any) -> float:
    """Give one aggregate of the sums."""
    periods = len(sums)
    if code == EMPTY_SHARE:
        empty = 0
        for p in range(periods):
            empty += sums[p] == 0
        return empty / float(periods)
    if code == SLOPE:
        return _slope(sums)
    mean = 0.0
    for p in range(periods):
        mean += sums[p]
    mean /= periods
    if mean <= 0:
        return np.nan
    squares = 0.0
    for p in range(periods):
        off = sums[p] - mean
        if code == CV or off < 0:
            squares += off * off
    if code == CV:
        return np.sqrt(squares / (periods - 1)) / mean
    return np.sqrt(squares / periods) / mean


@inlined
def _slope(sums: Any) -> float:
    """Give the slope of log1p of the sums, by least squares over their numbers."""
    centre = (len(sums) - 1) / 2.0
    spread = 0.0
    value = 0.0
    for p in range(len(sums)):
        spread += (p - centre) ** 2
        value += (p - centre) * np.sign(sums[p]) * np.log1p(abs(sums[p]))
    return value / spread
