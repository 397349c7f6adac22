"""Aggregates that need an order: least, largest, first, last, and quantiles.

Least and largest come from a tree of maxima over each merchant's events, built once for all
windows; first and last from the nearest event that has a value; quantiles from a tree of counts
over the ranks of the values, which follows each window as it slides. A missing value is NaN and
takes no part.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.grouped import Ints, Reals
from alicredit.windows.search import first_from, has, is_seen, late_range, longest, sort_places

MIN, MAX, FIRST, LAST = range(4)
"""What an operation of :func:`take_ends` gives."""


class EndOps(NamedTuple):
    """Operations of :func:`take_ends`, sorted by window; ``out`` is the row of the answer."""

    code: Ints
    window: Ints
    support: Ints
    out: Ints


class QuantileOps(NamedTuple):
    """Operations of :func:`take_quantiles`, sorted by window; ``share`` lies from 0 to 1."""

    window: Ints
    support: Ints
    out: Ints
    share: Reals


class _Index(NamedTuple):
    """A merchant's known values: how many up to each event, the nearest one, trees of maxima."""

    known: Ints
    before: Ints
    after: Ints
    highest: Reals
    lowest: Reals


@compiled
def take_ends(
    asked: Any, sides: Any, values: Any, places: Any, reach: Any, ops: Any, out: Any
) -> None:
    """Answer least, largest, first and last of one column.

    ``places`` order a merchant's events by time and key; equal places are repeats of one key, of
    which first takes the least value and last the largest.
    """
    most = longest(asked, sides)
    index = _Index(
        np.zeros(most + 1, np.int64),
        np.zeros(most + 1, np.int64),
        np.zeros(most + 1, np.int64),
        np.empty(2 * most + 2),
        np.empty(2 * most + 2),
    )
    need_least, need_most = has(ops.code, MIN), has(ops.code, MAX)
    lo = np.zeros(len(reach.back), np.int64)
    time, late, known = sides.prompt.time, sides.late, index.known
    code, window, support, place = ops.code, ops.window, ops.support, ops.out
    own, hidden = values
    for m in range(len(asked.start) - 1):
        if asked.start[m] == asked.start[m + 1]:
            continue
        s, e = sides.prompt.start[m], sides.prompt.start[m + 1]
        _number(index, own, s, e - s)
        if need_most:
            _grow(index.highest, own, s, e - s, 1.0)
        if need_least:
            _grow(index.lowest, own, s, e - s, -1.0)
        for w in range(len(lo)):
            lo[w] = s
        hi = s
        for q in range(asked.start[m], asked.start[m + 1]):
            now = asked.as_of[q]
            hi = first_from(time, now, hi, e)
            for k in range(len(code)):
                w = window[k]
                begin = now - reach.back[w]
                lo[w] = first_from(time, begin, lo[w], hi)
                a, b = lo[w] - s, hi - s
                count = known[b] - known[a]
                best = (np.nan, np.int64(0))
                if count:
                    best = _end(code[k], index, own, places[0], s, e - s, (a, b))
                c, d = late_range(late.start, late.time, m, begin, now + reach.ahead[w])
                for i in range(c, d):
                    x = hidden[i]
                    if x == x and is_seen(late, i, now):
                        best = _better(code[k], best, x, places[1][i], count)
                        count += 1
                is_enough = count > 0 and count >= support[k]
                out[place[k], asked.row[q]] = best[0] + 0.0 if is_enough else np.nan


@inlined
def _end(
    code: int, index: Any, value: Any, place: Any, s: int, n: int, span: Any
) -> tuple[float, int]:
    """Give one end of the events ``span`` of a merchant, and its place."""
    a, b = span
    if code == MAX:
        return _top(index.highest, n, a, b), 0
    if code == MIN:
        return -_top(index.lowest, n, a, b), 0
    if code == FIRST:
        return _first(value, place, s + index.after[a], s + b)
    return _last(value, place, s + a, s + index.before[b])


@inlined
def _number(index: Any, value: Any, s: int, n: int) -> None:
    """Count known values up to each event, and find the nearest known one on each side."""
    known, before, after = index.known, index.before, index.after
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
def _better(
    code: int, stands: tuple[float, int], x: float, place: int, count: int
) -> tuple[float, int]:
    """Take a late event's value where it comes before or after, or exceeds, what stands."""
    best, at = stands
    if count == 0:
        return x, place
    if code == MAX:
        return max(best, x), at
    if code == MIN:
        return min(best, x), at
    if code == FIRST:
        is_better = place < at or (place == at and x < best)
    else:
        is_better = place > at or (place == at and x > best)
    return (x, place) if is_better else (best, at)


_IN, _OUT = np.int64(1), np.int64(-1)  # typed: as literals each would be compiled by itself


class _Ranks(NamedTuple):
    """A merchant's known values in order, each event's rank, and a tree of counts over ranks.

    Ranks are 1, 2, ...; of a missing value it is 0. ``size`` is where a search begins to halve.
    """

    values: Reals
    rank: Ints
    tree: Ints
    known: int
    size: int


@compiled
def take_quantiles(asked: Any, sides: Any, values: Any, reach: Any, ops: Any, out: Any) -> None:
    """Answer quantiles of one column by linear interpolation."""
    most = longest(asked, sides)
    given, ordered = np.empty(most), np.empty(most)
    event, rank = np.empty(most, np.int64), np.empty(most, np.int64)
    order, room = np.empty(most, np.int64), np.empty(most, np.int64)
    tree = np.zeros(most + 2, np.int64)
    prompt, late = sides.prompt, sides.late
    for m in range(len(asked.start) - 1):
        if asked.start[m] == asked.start[m + 1]:
            continue
        s, a = prompt.start[m], late.start[m]
        n = prompt.start[m + 1] - s
        known = 0
        for i in range(n + late.start[m + 1] - a):
            rank[i] = 0
            x = values[0][s + i] if i < n else values[1][a + i - n]
            if x == x:
                given[known], event[known] = x, i
                known += 1
        sort_places(given, order, room, known)
        for i in range(known):
            ordered[i] = given[order[i]]
            rank[event[order[i]]] = i + 1
        ranks = _Ranks(ordered, rank, tree, known, _half(known))
        k = np.int64(0)
        while k < len(ops.out):
            end = k
            while end < len(ops.out) and ops.window[end] == ops.window[k]:
                end += 1
            _follow(asked, sides, reach, ops, out, ranks, m, (k, end))
            k = end


@inlined
def _follow(
    asked: Any, sides: Any, reach: Any, ops: Any, out: Any, ranks: Any, m: int, span: Any
) -> None:
    """Let the counts follow one window through all questions of a merchant."""
    s, e = sides.prompt.start[m], sides.prompt.start[m + 1]
    time, late, w = sides.prompt.time, sides.late, ops.window[span[0]]
    first = e - s - late.start[m]
    for i in range(ranks.known + 2):
        ranks.tree[i] = 0
    lo = hi = s
    n = 0
    for q in range(asked.start[m], asked.start[m + 1]):
        now = asked.as_of[q]
        begin = now - reach.back[w]
        up = first_from(time, begin, lo, hi)
        n -= _shift(ranks, lo - s, up - s, _OUT)
        lo = up
        if lo == hi:  # what lies between two windows is never looked at
            lo = hi = first_from(time, begin, hi, e)
        up = first_from(time, now, hi, e)
        n += _shift(ranks, hi - s, up - s, _IN)
        hi = up
        a, b = late_range(late.start, late.time, m, begin, now + reach.ahead[w])
        for i in range(a, b):
            if is_seen(late, i, now):
                n += _shift(ranks, first + i, first + i + 1, _IN)
        for k in range(span[0], span[1]):
            x = np.nan
            if n and n >= ops.support[k]:
                x = _quantile(ranks, n, ops.share[k])
            out[ops.out[k], asked.row[q]] = x
        for i in range(a, b):
            if is_seen(late, i, now):
                n -= _shift(ranks, first + i, first + i + 1, _OUT)


@inlined
def _half(known: int) -> int:
    """Give the largest power of two that is no more than so many, but at least 1."""
    size = 1
    while 2 * size <= known:
        size *= 2
    return size


@inlined
def _shift(ranks: Any, begin: int, end: int, step: int) -> int:
    """Count events in (step 1) or out (step -1); give how many of them have a known value."""
    counted = 0
    for event in range(begin, end):
        i = ranks.rank[event]
        if i == 0:
            continue
        counted += 1
        while i <= ranks.known:
            ranks.tree[i] += step
            i += i & -i
    return counted


@inlined
def _quantile(ranks: Any, n: int, share: float) -> float:
    """Interpolate between the two values around the wanted place."""
    place = share * (n - 1)
    below = int(np.floor(place))
    low = ranks.values[_find(ranks, below)]
    if place == below:
        return low + 0.0
    high = ranks.values[_find(ranks, below + 1)]
    return low + (high - low) * (place - below)


@inlined
def _find(ranks: Any, k: int) -> int:
    """Find the position, among the sorted values, of the k-th in the window, from 0."""
    at = 0
    step = ranks.size
    while step:
        if at + step <= ranks.known and ranks.tree[at + step] <= k:
            at += step
            k -= ranks.tree[at]
        step //= 2
    return at
