"""Aggregates that add up: counts, sums, means, spreads, shares, days with events, ages.

Each merchant's events are summed once, exactly, from the first on; what a window holds is the
difference of two such sums. Late events are looked at one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.search import first_from, minus_128, plus_128, real_128, times_128

COUNT, SUM, MEAN, STD, SHARE, ACTIVE_DAYS, DAYS_SINCE, DAYS_SINCE_FIRST = range(8)
"""What an operation gives; the columns it reads stand in its row of ``ops``."""

OP_COLUMNS = ("code", "window", "value", "known", "square", "support", "out")
"""Columns of ``ops``: ``value`` and ``known`` are rows of ``ints`` (-1: none, all events),
``square`` a position in ``squares``."""

DAY = 86_400_000_000


@compiled
def add_up(
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
    back: Any,
    ahead: Any,
    ops: Any,
    scale: Any,
    squares: Any,
    out: Any,
) -> None:
    """Answer every operation of every question; ``out`` is features by rows.

    ``ints`` are exact integers, one row a column; ``back`` and ``ahead`` the reach of each window
    in microseconds; ``ops`` are sorted by window; ``scale`` divides the integer of each operation.
    """
    width_ints = len(ints)
    width = width_ints + 2 * len(squares) + 1
    most = 0
    for m in range(len(q_start) - 1):
        if q_start[m + 1] > q_start[m]:
            most = max(most, start[m + 1] - start[m])
    total = np.zeros((most + 1, width), np.int64)
    late = np.zeros(width, np.int64)
    held = np.zeros(width, np.int64)
    lo = np.zeros(len(back), np.int64)
    code, window, support = ops[:, 0].copy(), ops[:, 1].copy(), ops[:, 5].copy()
    value, known, place = ops[:, 2].copy(), ops[:, 3].copy(), ops[:, 6].copy()
    square = width_ints + 2 * ops[:, 4]
    for m in range(len(q_start) - 1):
        q0, q1 = q_start[m], q_start[m + 1]
        if q0 == q1:
            continue
        s, e = start[m], start[m + 1]
        l0, l1 = late_start[m], late_start[m + 1]
        _accumulate(total, time, s, e, ints, squares)
        lo[:] = s
        hi = s
        for q in range(q0, q1):
            now = as_of[q]
            at = row[q]
            hi = first_from(time, now, hi, e)
            k = 0
            while k < len(code):
                w = window[k]
                lo[w] = first_from(time, now - back[w], lo[w], hi)
                a, b = lo[w] - s, hi - s
                n = b - a
                for j in range(width_ints):
                    held[j] = total[b, j] - total[a, j]
                for c in range(width_ints, width - 1, 2):
                    held[c], held[c + 1] = minus_128(
                        total[b, c], total[b, c + 1], total[a, c], total[a, c + 1]
                    )
                days = 0
                first, last = now, now
                if n:
                    days = total[b, width - 1] - total[a + 1, width - 1] + 1
                    first, last = time[lo[w]], time[hi - 1]
                if l1 > l0:
                    la = first_from(late_time, now - back[w], l0, l1)
                    lb = first_from(late_time, now + ahead[w], la, l1)
                    more = _late_sums(late, la, lb, since, until, now, late_ints, squares)
                    if more:
                        for j in range(width_ints):
                            held[j] += late[j]
                        for c in range(width_ints, width - 1, 2):
                            held[c], held[c + 1] = plus_128(
                                held[c], held[c + 1], late[c], late[c + 1]
                            )
                        days += _late_days(late_time, la, lb, since, until, now, time, lo[w], hi)
                        x, y = _late_ends(late_time, la, lb, since, until, now)
                        first = min(first, x) if n else x
                        last = max(last, y) if n else y
                        n += more
                held[width - 1] = n
                while k < len(code) and window[k] == w:
                    its = held[known[k]]  # the last column, all events, where -1
                    which = code[k]
                    x = np.nan
                    if which == COUNT:
                        x = float(its)
                    elif which == SUM:
                        x = held[value[k]] / scale[k]
                    elif which == ACTIVE_DAYS:
                        x = float(days)
                    elif its > 0 and its >= support[k]:
                        if which == MEAN:
                            x = held[value[k]] / scale[k] / its
                        elif which == SHARE:
                            x = held[value[k]] / float(its)
                        elif which == DAYS_SINCE:
                            x = (now - last) / float(DAY)
                        elif which == DAYS_SINCE_FIRST:
                            x = (now - first) / float(DAY)
                        elif its > 1:
                            c = square[k]
                            x = _spread(held[value[k]], held[c], held[c + 1], its) / scale[k]
                    out[place[k], at] = x
                    k += 1


@inlined
def _accumulate(total: Any, time: Any, s: int, e: int, ints: Any, squares: Any) -> None:
    """Sum a merchant's events from the first on: integers, squares in 128 bits, days begun."""
    width_ints = len(ints)
    width = total.shape[1]
    total[0, :] = 0
    day = -(2**62)
    for i in range(s, e):
        at = i - s
        for j in range(width_ints):
            total[at + 1, j] = total[at, j] + ints[j, i]
        for j in range(len(squares)):
            c = width_ints + 2 * j
            x = ints[squares[j], i]
            high, low = times_128(x, x)
            total[at + 1, c], total[at + 1, c + 1] = plus_128(
                total[at, c], total[at, c + 1], high, low
            )
        its = time[i] // DAY
        total[at + 1, width - 1] = total[at, width - 1] + (1 if its != day else 0)
        day = its


@inlined
def _late_sums(
    late: Any,
    la: int,
    lb: int,
    since: Any,
    until: Any,
    now: int,
    ints: Any,
    squares: Any,
) -> int:
    """Sum the late events that a question sees; give how many they are."""
    late[:] = 0
    width_ints = len(ints)
    n = 0
    for i in range(la, lb):
        if since[i] < now <= until[i]:
            n += 1
            for j in range(width_ints):
                late[j] += ints[j, i]
            for j in range(len(squares)):
                c = width_ints + 2 * j
                x = ints[squares[j], i]
                high, low = times_128(x, x)
                late[c], late[c + 1] = plus_128(late[c], late[c + 1], high, low)
    return n


@inlined
def _late_days(
    late_time: Any,
    la: int,
    lb: int,
    since: Any,
    until: Any,
    now: int,
    time: Any,
    lo: int,
    hi: int,
) -> int:
    """Count the days of late events on which the window holds no prompt one."""
    days = 0
    counted = -(2**62)
    for i in range(la, lb):
        if since[i] < now <= until[i]:
            day = late_time[i] // DAY
            if day != counted:
                counted = day
                at = first_from(time, day * DAY, lo, hi)
                if at == hi or time[at] >= (day + 1) * DAY:
                    days += 1
    return days


@inlined
def _late_ends(late_time: Any, la: int, lb: int, since: Any, until: Any, now: int) -> Any:
    """Give the first and last time of the late events that a question sees."""
    first, last = 2**62, -(2**62)
    for i in range(la, lb):
        if since[i] < now <= until[i]:
            first = min(first, late_time[i])
            last = max(last, late_time[i])
    return first, last


@inlined
def _spread(total: int, high: int, low: int, count: int) -> float:
    """Give the sample standard deviation of integers from their sum and sum of squares."""
    high, low = _times_count(high, low, count)
    x_high, x_low = times_128(total, total)
    high, low = minus_128(high, low, x_high, x_low)
    squares = max(real_128(high, low), 0.0)
    return np.sqrt(squares / (float(count) * (float(count) - 1.0)))


@inlined
def _times_count(high: int, low: int, count: int) -> tuple[int, int]:
    """Multiply a 128-bit number by a count, in halves so that no bit is lost."""
    mask = 0xFFFFFFFF
    h1, l1 = times_128((low >> 32) & mask, count)
    h0, l0 = times_128(low & mask, count)
    up_high, up_low = (h1 << 32) | ((l1 >> 32) & mask), l1 << 32
    high_part, low_part = plus_128(up_high, up_low, h0, l0)
    return high_part + high * count, low_part
