"""Aggregates that need an order: least, largest, first, last, and quantiles.

Least and largest come from a tree of maxima over each merchant's events, built once for all
windows; first and last from the nearest event that has a value; quantiles from a tree of counts
over the ranks of the values, which follows each window as it slides. A missing value is NaN and
takes no part.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.search import first_from

MIN, MAX, FIRST, LAST = range(4)
"""What an operation of :func:`take_ends` gives."""

END_COLUMNS = ("code", "window", "support", "out")
"""Columns of ``ops`` in :func:`take_ends`."""

QUANTILE_COLUMNS = ("window", "support", "out")
"""Columns of ``ops`` in :func:`take_quantiles`."""


@compiled
def take_ends(
    as_of: Any,
    row: Any,
    q_start: Any,
    time: Any,
    start: Any,
    value: Any,
    place: Any,
    late_time: Any,
    late_start: Any,
    since: Any,
    until: Any,
    late_value: Any,
    late_place: Any,
    back: Any,
    ahead: Any,
    ops: Any,
    out: Any,
) -> None:
    """Answer least, largest, first and last of one column; ``ops`` are sorted by window.

    ``place`` orders a merchant's events by time and key; equal places are repeats of one key, of
    which first takes the least value and last the largest.
    """
    need_least = (ops[:, 0] == MIN).any()
    need_most = (ops[:, 0] == MAX).any()
    most = 0
    for m in range(len(q_start) - 1):
        if q_start[m + 1] > q_start[m]:
            most = max(most, start[m + 1] - start[m])
    known = np.zeros(most + 1, np.int64)
    before = np.zeros(most + 1, np.int64)
    after = np.zeros(most + 1, np.int64)
    highest = np.empty(2 * most + 2)
    lowest = np.empty(2 * most + 2)
    lo = np.zeros(len(back), np.int64)
    for m in range(len(q_start) - 1):
        q0, q1 = q_start[m], q_start[m + 1]
        if q0 == q1:
            continue
        s, e = start[m], start[m + 1]
        n = e - s
        l0, l1 = late_start[m], late_start[m + 1]
        _index(value, s, n, known, before, after)
        if need_most:
            _grow(highest, value, s, n, 1.0)
        if need_least:
            _grow(lowest, value, s, n, -1.0)
        lo[:] = s
        hi = s
        for q in range(q0, q1):
            now = as_of[q]
            hi = first_from(time, now, hi, e)
            for k in range(len(ops)):
                code, w = ops[k, 0], ops[k, 1]
                lo[w] = first_from(time, now - back[w], lo[w], hi)
                a, b = lo[w] - s, hi - s
                count = known[b] - known[a]
                best = np.nan
                at = np.int64(0)
                if count:
                    if code == MAX:
                        best = _top(highest, n, a, b)
                    elif code == MIN:
                        best = -_top(lowest, n, a, b)
                    elif code == FIRST:
                        best, at = _first(value, place, s + after[a], s + b)
                    else:
                        best, at = _last(value, place, s + a, s + before[b])
                if l1 > l0:
                    la = first_from(late_time, now - back[w], l0, l1)
                    lb = first_from(late_time, now + ahead[w], la, l1)
                    for i in range(la, lb):
                        x = late_value[i]
                        if since[i] < now <= until[i] and x == x:
                            best, at = _better(code, best, at, x, late_place[i], count)
                            count += 1
                if count == 0 or count < ops[k, 2]:
                    best = np.nan
                out[ops[k, 3], row[q]] = best + 0.0


@inlined
def _index(value: Any, s: int, n: int, known: Any, before: Any, after: Any) -> None:
    """Count known values up to each event, and find the nearest known one on each side."""
    known[0] = 0
    before[0] = -1
    for i in range(n):
        is_known = value[s + i] == value[s + i]
        known[i + 1] = known[i] + (1 if is_known else 0)
        before[i + 1] = i if is_known else before[i]
    nearest = n
    for i in range(n - 1, -1, -1):
        if value[s + i] == value[s + i]:
            nearest = i
        after[i] = nearest


@inlined
def _grow(tree: Any, value: Any, s: int, n: int, sign: float) -> None:
    """Build a tree of maxima; a missing value is below all."""
    for i in range(n):
        x = value[s + i]
        tree[n + i] = sign * x if x == x else -np.inf
    for i in range(n - 1, 0, -1):
        tree[i] = max(tree[2 * i], tree[2 * i + 1])


@inlined
def _top(tree: Any, n: int, a: int, b: int) -> float:
    """Give the maximum of the events a to b - 1."""
    best = -np.inf
    a += n
    b += n
    while a < b:
        if a & 1:
            best = max(best, tree[a])
            a += 1
        if b & 1:
            b -= 1
            best = max(best, tree[b])
        a //= 2
        b //= 2
    return best


@inlined
def _first(value: Any, place: Any, at: int, end: int) -> tuple[float, int]:
    """Give the first value; of repeats the least."""
    best = value[at]
    i = at + 1
    while i < end and place[i] == place[at]:
        if value[i] < best:
            best = value[i]
        i += 1
    return best, place[at]


@inlined
def _last(value: Any, place: Any, begin: int, at: int) -> tuple[float, int]:
    """Give the last value; of repeats the largest."""
    best = value[at]
    i = at - 1
    while i >= begin and place[i] == place[at]:
        if value[i] > best:
            best = value[i]
        i -= 1
    return best, place[at]


@inlined
def _better(code: int, best: float, at: int, x: float, place: int, count: int) -> Any:
    """Take a late event's value where it comes before or after, or exceeds, what stands."""
    if count == 0:
        return x, place
    if code == MAX:
        return max(best, x), at
    if code == MIN:
        return min(best, x), at
    if code == FIRST:
        if place < at or (place == at and x < best):
            return x, place
    elif place > at or (place == at and x > best):
        return x, place
    return best, at


@compiled
def take_quantiles(
    as_of: Any,
    row: Any,
    q_start: Any,
    time: Any,
    start: Any,
    value: Any,
    late_time: Any,
    late_start: Any,
    since: Any,
    until: Any,
    late_value: Any,
    back: Any,
    ahead: Any,
    ops: Any,
    share: Any,
    out: Any,
) -> None:
    """Answer quantiles of one column by linear interpolation; ``ops`` are sorted by window."""
    most = 0
    for m in range(len(q_start) - 1):
        if q_start[m + 1] > q_start[m]:
            most = max(most, start[m + 1] - start[m] + late_start[m + 1] - late_start[m])
    tree = np.zeros(most + 2, np.int64)
    rank = np.empty(most, np.int64)
    for m in range(len(q_start) - 1):
        q0, q1 = q_start[m], q_start[m + 1]
        if q0 == q1:
            continue
        s, e = start[m], start[m + 1]
        l0, l1 = late_start[m], late_start[m + 1]
        values = np.concatenate((value[s:e], late_value[l0:l1]))
        sorted_values, known = _rank(values, rank)
        size = 1
        while 2 * size <= known:
            size *= 2
        at = 0
        while at < len(ops):
            w = ops[at, 0]
            end = at
            while end < len(ops) and ops[end, 0] == w:
                end += 1
            tree[: known + 2] = 0
            lo = hi = s
            n = 0
            for q in range(q0, q1):
                now = as_of[q]
                begin = now - back[w]
                if time[hi - 1] < begin if hi > s else True:
                    # nothing seen so far stays: begin anew where the window does
                    for i in range(lo, hi):
                        n += _count(tree, rank[i - s], known, -1)
                    lo = hi = first_from(time, begin, hi, e)
                while hi < e and time[hi] < now:
                    n += _count(tree, rank[hi - s], known, 1)
                    hi += 1
                while lo < hi and time[lo] < begin:
                    n += _count(tree, rank[lo - s], known, -1)
                    lo += 1
                la = lb = l0
                if l1 > l0:
                    la = first_from(late_time, begin, l0, l1)
                    lb = first_from(late_time, now + ahead[w], la, l1)
                for i in range(la, lb):
                    if since[i] < now <= until[i]:
                        n += _count(tree, rank[e - s + i - l0], known, 1)
                for k in range(at, end):
                    x = np.nan
                    if n and n >= ops[k, 1]:
                        x = _quantile(tree, size, known, n, share[k], sorted_values)
                    out[ops[k, 2], row[q]] = x
                for i in range(la, lb):
                    if since[i] < now <= until[i]:
                        n += _count(tree, rank[e - s + i - l0], known, -1)
            at = end


@inlined
def _rank(values: Any, rank: Any) -> Any:
    """Give each value its place among the known ones, 1, 2, ...; a missing one 0."""
    order = np.argsort(values)  # missing values come last
    known = 0
    for i in range(len(values)):
        if values[order[i]] == values[order[i]]:
            known += 1
            rank[order[i]] = known
        else:
            rank[order[i]] = 0
    return values[order], known


@inlined
def _count(tree: Any, rank: int, known: int, more: int) -> int:
    """Count an event of a rank in or out; give by how much the number of known values grew."""
    if rank == 0:
        return 0
    i = rank
    while i <= known:
        tree[i] += more
        i += i & -i
    return more


@inlined
def _quantile(tree: Any, size: int, known: int, n: int, share: float, values: Any) -> float:
    """Interpolate between the two values around the wanted place."""
    place = share * (n - 1)
    below = int(np.floor(place))
    low = values[_find(tree, size, known, below)]
    if place == below:
        return low + 0.0
    high = values[_find(tree, size, known, below + 1)]
    return low + (high - low) * (place - below)


@inlined
def _find(tree: Any, size: int, known: int, k: int) -> int:
    """Find the position, among the sorted values, of the k-th in the window, from 0."""
    at = 0
    step = size
    while step:
        if at + step <= known and tree[at + step] <= k:
            at += step
            k -= tree[at]
        step //= 2
    return at
