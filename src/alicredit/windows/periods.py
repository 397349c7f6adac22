"""Aggregates over the equal periods of a window: slope, variation, empty periods, downside.

A window of twelve times thirty days has twelve sums, the oldest first, each the difference of two
exact sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.search import first_from

SLOPE, CV, EMPTY_SHARE, DOWNSIDE = range(4)
"""What an operation gives."""

OP_COLUMNS = ("code", "value", "length", "periods", "support", "out")
"""Columns of ``ops``: ``length`` of a period in microseconds, how many ``periods``."""


@compiled
def compare_periods(
    as_of: Any,
    row: Any,
    q_start: Any,
    time: Any,
    start: Any,
    ints: Any,
    late_time: Any,
    late_start: Any,
    since: Any,
    until: Any,
    late_ints: Any,
    ops: Any,
    scale: Any,
    out: Any,
) -> None:
    """Answer every operation; ``ops`` are sorted by value, length and periods."""
    most = 0
    for m in range(len(q_start) - 1):
        if q_start[m + 1] > q_start[m]:
            most = max(most, start[m + 1] - start[m])
    total = np.zeros(most + 1, np.int64)
    sums = np.zeros(ops[:, 3].max(), np.float64)
    exact = np.zeros(ops[:, 3].max(), np.int64)
    for m in range(len(q_start) - 1):
        q0, q1 = q_start[m], q_start[m + 1]
        if q0 == q1:
            continue
        s, e = start[m], start[m + 1]
        l0, l1 = late_start[m], late_start[m + 1]
        column = -1
        at = 0
        while at < len(ops):
            if ops[at, 1] != column:
                column = ops[at, 1]
                for i in range(s, e):
                    total[i - s + 1] = total[i - s] + ints[column, i]
            end = at
            while end < len(ops) and (ops[end, 1:4] == ops[at, 1:4]).all():
                end += 1
            length, periods = ops[at, 2], ops[at, 3]
            lo = s
            hi = s
            for q in range(q0, q1):
                now = as_of[q]
                hi = first_from(time, now, hi, e)
                lo = first_from(time, now - length * periods, lo, hi)
                n = hi - lo
                i = lo
                for p in range(periods):
                    j = hi
                    if p < periods - 1:
                        j = first_from(time, now - length * (periods - 1 - p), i, hi)
                    exact[p] = total[j - s] - total[i - s]
                    i = j
                if l1 > l0:
                    la = first_from(late_time, now - length * periods, l0, l1)
                    lb = first_from(late_time, now, la, l1)
                    for i in range(la, lb):
                        if since[i] < now <= until[i]:
                            n += 1
                            p = periods - 1 - (now - late_time[i] - 1) // length
                            exact[p] += late_ints[column, i]
                for p in range(periods):
                    sums[p] = exact[p] / scale[at]
                for k in range(at, end):
                    x = np.nan
                    if n and n >= ops[k, 4]:
                        x = _value(ops[k, 0], sums, periods)
                    out[ops[k, 5], row[q]] = x
            at = end


@inlined
def _value(code: int, sums: Any, periods: int) -> float:
    """Give one aggregate of the sums."""
    if code == EMPTY_SHARE:
        empty = 0
        for p in range(periods):
            empty += sums[p] == 0
        return empty / float(periods)
    if code == SLOPE:
        centre = (periods - 1) / 2.0
        spread = 0.0
        value = 0.0
        for p in range(periods):
            spread += (p - centre) ** 2
            value += (p - centre) * np.sign(sums[p]) * np.log1p(abs(sums[p]))
        return value / spread
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
