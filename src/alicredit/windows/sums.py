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
    windows = len(back)
    lo = np.zeros(windows, np.int64)
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
            hi = first_from(time, now, hi, e)
            w = -1
            la, lb = l0, l0
            n = 0
            first, last = now, now
            for k in range(len(ops)):
                if ops[k, 1] != w:
                    w = ops[k, 1]
                    lo[w] = first_from(time, now - back[w], lo[w], hi)
                    a, b = lo[w] - s, hi - s
                    for j in range(width - 1):
                        held[j] = total[b, j] - total[a, j]
                    for j in range(len(squares)):
                        c = width_ints + 2 * j
                        held[c], held[c + 1] = minus_128(
                            total[b, c], total[b, c + 1], total[a, c], total[a, c + 1]
                        )
                    n = b - a
                    days = total[b, width - 1] - total[a + 1, width - 1] + 1 if n else 0
                    first, last = now, now
                    if n:
                        first, last = time[lo[w]], time[hi - 1]
                    if l1 > l0:
                        la = first_from(late_time, now - back[w], l0, l1)
                        lb = first_from(late_time, now + ahead[w], la, l1)
                        more = _late_sums(late, la, lb, since, until, now, late_ints, squares)
                        if more:
                            for j in range(width_ints):
                                held[j] += late[j]
                            for j in range(len(squares)):
                                c = width_ints + 2 * j
                                held[c], held[c + 1] = plus_128(
                                    held[c], held[c + 1], late[c], late[c + 1]
                                )
                            days += _late_days(
                                late_time, la, lb, since, until, now, time, lo[w], hi
                            )
                            x, y = _late_ends(late_time, la, lb, since, until, now)
                            first = min(first, x) if n else x
                            last = max(last, y) if n else y
                            n += more
                    held[width - 1] = days
                out[ops[k, 6], row[q]] = _value(
                    ops[k], scale[k], n, held, width_ints, now, first, last
                )


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
def _value(
    op: Any, scale: float, n: int, held: Any, width_ints: int, now: int, first: int, last: int
) -> float:
    """Give one aggregate from what a window holds."""
    code = op[0]
    known = held[op[3]] if op[3] >= 0 else n
    if code == COUNT:
        return float(known)
    if code == SUM:
        return held[op[2]] / scale
    if code == ACTIVE_DAYS:
        return float(held[len(held) - 1])
    if known < op[5] or known == 0:
        return np.nan
    if code == MEAN:
        return held[op[2]] / scale / known
    if code == SHARE:
        return held[op[2]] / float(known)
    if code == DAYS_SINCE:
        return (now - last) / float(DAY)
    if code == DAYS_SINCE_FIRST:
        return (now - first) / float(DAY)
    if known < 2:
        return np.nan
    c = width_ints + 2 * op[4]
    high, low = _times_count(held[c], held[c + 1], known)
    x_high, x_low = times_128(held[op[2]], held[op[2]])
    high, low = minus_128(high, low, x_high, x_low)
    spread = max(real_128(high, low), 0.0)
    return np.sqrt(spread / (float(known) * (float(known) - 1.0))) / scale


@inlined
def _times_count(high: int, low: int, count: int) -> tuple[int, int]:
    """Multiply a 128-bit number by a count, in halves so that no bit is lost."""
    mask = 0xFFFFFFFF
    h1, l1 = times_128((low >> 32) & mask, count)
    h0, l0 = times_128(low & mask, count)
    up_high, up_low = (h1 << 32) | ((l1 >> 32) & mask), l1 << 32
    high_part, low_part = plus_128(up_high, up_low, h0, l0)
    return high_part + high * count, low_part
