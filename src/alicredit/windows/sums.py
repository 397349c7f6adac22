"""Aggregates that add up: counts, sums, means, spreads, shares, days with events, ages.

Each merchant's events are summed once, exactly, from the first on; what a window holds is the
difference of two such sums. Late events are looked at one by one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.grouped import Ints, Reals
from alicredit.windows.search import (
    first_from,
    is_seen,
    late_range,
    longest,
    minus_128,
    plus_128,
    real_128,
    times_128,
)

COUNT, SUM, MEAN, STD, SHARE, ACTIVE_DAYS, DAYS_SINCE, DAYS_SINCE_FIRST = range(8)
"""What an operation gives."""

DAY = 86_400_000_000


class SumOps(NamedTuple):
    """Operations, sorted by window; one entry each, but for ``squares``.

    ``value`` and ``known`` are rows of the integers: what is summed, and 1 where it is known (the
    number of rows: all events); ``square`` is a position in ``squares``, which are the rows whose
    squares are summed too; ``scale`` divides the integers; ``out`` is the row of the answer.
    """

    code: Ints
    window: Ints
    value: Ints
    known: Ints
    square: Ints
    support: Ints
    out: Ints
    scale: Reals
    squares: Ints


@compiled
def add_up(asked: Any, sides: Any, values: Any, reach: Any, ops: Any, out: Any) -> None:
    """Answer every operation of every question; ``out`` is features by rows.

    ``values`` are exact integers, one row a column, of prompt and of late events.
    """
    ints, late_ints = values
    pairs = len(ints) + 1
    time, late, squares = sides.prompt.time, sides.late, ops.squares
    code, window, place = ops.code, ops.window, ops.out
    value, counted, support, scale = ops.value, ops.known, ops.support, ops.scale
    square = pairs + 2 * ops.square
    held = np.zeros(pairs + 2 * len(squares), np.int64)
    total = np.zeros((longest(asked, sides) + 1, len(held) + 1), np.int64)
    lo = np.zeros(len(reach.back), np.int64)
    back, ahead, row = reach.back, reach.ahead, asked.row
    for m in range(len(asked.start) - 1):
        if asked.start[m] == asked.start[m + 1]:
            continue
        s, e = sides.prompt.start[m], sides.prompt.start[m + 1]
        _accumulate(total, time, s, e, ints, squares)
        for w in range(len(lo)):
            lo[w] = s
        hi = s
        for q in range(asked.start[m], asked.start[m + 1]):
            now = asked.as_of[q]
            hi = first_from(time, now, hi, e)
            k = 0
            while k < len(code):
                w = window[k]
                begin = now - back[w]
                lo[w] = first_from(time, begin, lo[w], hi)
                days = _hold(held, total, lo[w] - s, hi - s, pairs)
                ends = (time[lo[w]], time[hi - 1]) if hi > lo[w] else (now, now)
                a, b = late_range(late.start, late.time, m, begin, now + ahead[w])
                if a < b:
                    days += _late_days(sides, a, b, now, lo[w], hi)
                    ends = _hold_late(held, late, a, b, now, late_ints, squares, ends)
                since = (now - ends[1], now - ends[0])
                while k < len(code) and window[k] == w:
                    its = (held[value[k]], held[counted[k]], scale[k], square[k])
                    out[place[k], row[q]] = _value(code[k], support[k], its, held, days, since)
                    k += 1


@inlined
def _accumulate(total: Any, time: Any, s: int, e: int, ints: Any, squares: Any) -> None:
    """Sum a merchant's events from the first on: integers, events, squares, days begun."""
    count = len(ints)
    width = total.shape[1]
    for j in range(width):
        total[0, j] = 0
    day = -(2**62)
    for i in range(s, e):
        at = i - s
        for j in range(count):
            total[at + 1, j] = total[at, j] + ints[j, i]
        total[at + 1, count] = at + 1
        for j in range(len(squares)):
            c = count + 1 + 2 * j
            x = ints[squares[j], i]
            high, low = times_128(x, x)
            total[at + 1, c], total[at + 1, c + 1] = plus_128(
                total[at, c], total[at, c + 1], high, low
            )
        its = time[i] // DAY
        total[at + 1, width - 1] = total[at, width - 1] + (1 if its != day else 0)
        day = its


@inlined
def _hold(held: Any, total: Any, a: int, b: int, pairs: int) -> int:
    """Take what the prompt events a to b - 1 hold; give on how many days they happened."""
    for j in range(pairs):
        held[j] = total[b, j] - total[a, j]
    for c in range(pairs, len(held), 2):
        held[c], held[c + 1] = minus_128(total[b, c], total[b, c + 1], total[a, c], total[a, c + 1])
    last = len(held)
    return total[b, last] - total[a + 1, last] + 1 if a < b else 0


@inlined
def _hold_late(
    held: Any, late: Any, a: int, b: int, now: int, ints: Any, squares: Any, ends: Any
) -> tuple[int, int]:
    """Add the late events that a question sees; give the first and last time of all."""
    first, last = ends
    count = len(ints)
    for i in range(a, b):
        if not is_seen(late, i, now):
            continue
        for j in range(count):
            held[j] += ints[j, i]
        for j in range(len(squares)):
            c = count + 1 + 2 * j
            x = ints[squares[j], i]
            high, low = times_128(x, x)
            held[c], held[c + 1] = plus_128(held[c], held[c + 1], high, low)
        is_alone = held[count] == 0
        held[count] += 1
        first = late.time[i] if is_alone else min(first, late.time[i])
        last = late.time[i] if is_alone else max(last, late.time[i])
    return first, last


@inlined
def _late_days(sides: Any, a: int, b: int, now: int, lo: int, hi: int) -> int:
    """Count the days of late events on which the window holds no prompt one."""
    late, time = sides.late, sides.prompt.time
    days = 0
    counted = -(2**62)
    for i in range(a, b):
        day = late.time[i] // DAY
        if day != counted and is_seen(late, i, now):
            counted = day
            at = first_from(time, day * DAY, lo, hi)
            if at == hi or time[at] >= (day + 1) * DAY:
                days += 1
    return days


@inlined
def _value(code: int, support: int, its: Any, held: Any, days: int, since: Any) -> float:
    """Give one aggregate of what a window holds.

    ``its`` are the sum, the number known, the scale and where the squares are; ``since`` the ages
    of the last and of the first event.
    """
    total, known, scale, c = its
    if code == COUNT:
        return float(known)
    if code == SUM:
        return total / scale
    if code == ACTIVE_DAYS:
        return float(days)
    if known == 0 or known < support:
        return np.nan
    if code == MEAN:
        return total / scale / known
    if code == SHARE:
        return total / float(known)
    if code == DAYS_SINCE:
        return since[0] / float(DAY)
    if code == DAYS_SINCE_FIRST:
        return since[1] / float(DAY)
    if known < 2:
        return np.nan
    return _spread(total, held[c], held[c + 1], known) / scale


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
