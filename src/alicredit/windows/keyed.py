"""Aggregates over the keys of a window: buyers, categories, partners.

A small table per merchant counts the events and the weight of each key. Where a merchant is asked
about a few times, each question fills the table anew, from its own moment backwards, and reads it
at the start of each window; where often, the table follows each window as it slides. Integers only,
so that both give the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.grouped import Ints
from alicredit.windows.search import (
    first_from,
    is_seen,
    late_range,
    longest,
    plus_128,
    real_128,
    times_128,
)

DISTINCT, REPEAT_SHARE, TOP_SHARE, TOP5_SHARE, HHI, ENTROPY = range(6)
"""What an operation gives."""

NO_KEY = -(2**63)
"""Marks an event without a key, which no aggregate over keys counts."""

_LEAST = -(2**62)
_WIDE = 2.0**61
_EVENTS, _WEIGHT, _KEYS, _REPEATED, _BEST, _DIRTY, _HIGH, _LOW = range(8)
# what is kept beside the table: events, weight, keys held, keys held twice or more, the largest
# weight, whether it must be sought again, the sum of squared weights in 128 bits


class KeyOps(NamedTuple):
    """Operations, sorted by window; ``out`` is the row of the answer."""

    code: Ints
    window: Ints
    support: Ints
    out: Ints


class _Table(NamedTuple):
    """A merchant's events by number of their key and weight, what a window holds of each key.

    ``state`` is what it holds in all; the rest is room to work in.
    """

    entries: Ints
    cells: Ints
    state: Ints
    scratch: Ints
    seen: Ints
    whose: Ints


@compiled
def count_keys(
    asked: Any, sides: Any, keys: Any, weights: Any, reach: Any, ops: Any, out: Any
) -> None:
    """Answer every operation of every question over one column of keys and weights.

    ``keys`` and ``weights`` are of prompt and of late events; without weights (none given) each
    event weighs 1. ``reach.back`` rises.
    """
    most = longest(asked, sides)
    table = _Table(
        np.ones((most, 2), np.int64),
        np.zeros((most, 2), np.int64),
        np.zeros(8, np.int64),
        np.empty(most, np.int64),
        np.empty(_size(most), np.int64),
        np.empty(_size(most), np.int64),
    )
    need_squares = (ops.code == HHI).any()
    is_weighed = len(weights[0]) + len(weights[1]) > 0
    for m in range(len(asked.start) - 1):
        if asked.start[m] == asked.start[m + 1]:
            continue
        held = _enter(table, sides, keys, weights, m)
        total = _total(table.entries, sides, m) if is_weighed or need_squares else 0.0
        squares = (1 if total < 3.0e9 else 2) if need_squares else 0
        if total > _WIDE or _is_less_work_anew(asked, sides.prompt, reach, ops, m, held):
            _answer_anew(asked, sides, reach, ops, out, table, m, (held, squares))
        else:
            _answer_sliding(asked, sides, reach, ops, out, table, m, (held, squares))


@inlined
def _size(events: int) -> int:
    """Give the size of a table of keys seen: a power of two that at most half is used of."""
    size = 4
    while size < 2 * events:
        size *= 2
    return size


@inlined
def _enter(table: Any, sides: Any, keys: Any, weights: Any, m: int) -> int:
    """Number a merchant's keys 0, 1, ..., prompt events first; give how many keys there are."""
    s, e = sides.prompt.start[m], sides.prompt.start[m + 1]
    l0, l1 = sides.late.start[m], sides.late.start[m + 1]
    n, prompt = e - s + l1 - l0, e - s
    if len(weights[0]) + len(weights[1]) > 0:  # value by value: slices take seconds to compile
        for i in range(n):
            table.entries[i, 1] = weights[0][s + i] if i < prompt else weights[1][l0 + i - prompt]
    size = _size(n)
    table.whose[:size] = -1
    held = 0
    for i in range(n):
        k = keys[0][s + i] if i < prompt else keys[1][l0 + i - prompt]
        if k == NO_KEY:
            table.entries[i, 0] = -1
            continue
        at = ((k * -7046029254386353131) >> 32) & (size - 1)
        while table.whose[at] >= 0 and table.seen[at] != k:
            at = (at + 1) & (size - 1)
        if table.whose[at] < 0:
            table.whose[at] = held
            table.seen[at] = k
            held += 1
        table.entries[i, 0] = table.whose[at]
    return held


@inlined
def _total(entries: Any, sides: Any, m: int) -> float:
    """Add up the sizes of a merchant's weights.

    Below 3e9 their squares sum within 64 bits, above within 128. Where they might not even add up
    in 64 bits a table must not slide: what overflowed in one window would be left in the next,
    while one that is filled anew holds nothing but its own window, and those within it.
    """
    n = sides.prompt.start[m + 1] - sides.prompt.start[m]
    n += sides.late.start[m + 1] - sides.late.start[m]
    total = 0.0
    for i in range(n):
        total += abs(entries[i, 1])
    return total


@inlined
def _is_less_work_anew(asked: Any, prompt: Any, reach: Any, ops: Any, m: int, keys: int) -> bool:
    """Tell whether filling the table for each question moves fewer events than sliding does."""
    s, e = prompt.start[m], prompt.start[m + 1]
    questions = asked.start[m + 1] - asked.start[m]
    last = asked.as_of[asked.start[m + 1] - 1]
    end = first_from(prompt.time, last, s, e)
    anew, slide = 0, 0
    w = -1
    for k in range(len(ops.code)):
        if ops.window[k] != w:
            w = ops.window[k]
            anew = end - first_from(prompt.time, last - reach.back[w], s, end)
            slide += 2 * min(e - s, anew * questions) + keys
    return anew * questions < slide


@inlined
def _answer_anew(
    asked: Any, sides: Any, reach: Any, ops: Any, out: Any, table: Any, m: int, sizes: Any
) -> None:
    """Fill the table for each question from its moment backwards, reading it at each window."""
    s, e = sides.prompt.start[m], sides.prompt.start[m + 1]
    time, late = sides.prompt.time, sides.late
    entries, cells, state, scratch = table.entries, table.cells, table.state, table.scratch
    code, window, support, place = ops.code, ops.window, ops.support, ops.out
    hi = s
    for q in range(asked.start[m], asked.start[m + 1]):
        now = asked.as_of[q]
        hi = first_from(time, now, hi, e)
        _clear(cells, state, sizes[0])
        lo = hi
        end = 0
        while end < len(code):
            k, end = end, _same(window, end)
            begin = now - reach.back[window[k]]
            down = lo
            while down > s and time[down - 1] >= begin:
                down -= 1
            _move(entries, cells, state, down - s, lo - s, 1, sizes[1])
            lo = down
            a, b = late_range(late.start, late.time, m, begin, now + reach.ahead[window[k]])
            if a < b:
                _move_late(late, a, b, now, table, e - s - late.start[m], 1, sizes[1])
            for each in range(k, end):
                x = _value(code[each], support[each], cells, state, scratch, sizes)
                out[place[each], asked.row[q]] = x
            if a < b:
                _move_late(late, a, b, now, table, e - s - late.start[m], -1, sizes[1])


@inlined
def _answer_sliding(
    asked: Any, sides: Any, reach: Any, ops: Any, out: Any, table: Any, m: int, sizes: Any
) -> None:
    """Let the table follow each window through all questions of a merchant."""
    s, e = sides.prompt.start[m], sides.prompt.start[m + 1]
    time, late = sides.prompt.time, sides.late
    entries, cells, state, scratch = table.entries, table.cells, table.state, table.scratch
    code, window, support, place = ops.code, ops.window, ops.support, ops.out
    end = 0
    while end < len(code):
        k, end = end, _same(window, end)
        back, ahead = reach.back[window[k]], reach.ahead[window[k]]
        _clear(cells, state, sizes[0])
        lo = hi = s
        for q in range(asked.start[m], asked.start[m + 1]):
            now = asked.as_of[q]
            up = first_from(time, now - back, lo, hi)
            _move(entries, cells, state, lo - s, up - s, -1, sizes[1])
            lo = up
            if lo == hi:  # what lies between two windows is never looked at
                lo = hi = first_from(time, now - back, hi, e)
            up = first_from(time, now, hi, e)
            _move(entries, cells, state, hi - s, up - s, 1, sizes[1])
            hi = up
            a, b = late_range(late.start, late.time, m, now - back, now + ahead)
            if a < b:
                _move_late(late, a, b, now, table, e - s - late.start[m], 1, sizes[1])
            for each in range(k, end):
                x = _value(code[each], support[each], cells, state, scratch, sizes)
                out[place[each], asked.row[q]] = x
            if a < b:
                _move_late(late, a, b, now, table, e - s - late.start[m], -1, sizes[1])


@inlined
def _same(window: Any, k: int) -> int:
    """Find the end of the operations over one window."""
    end = k + 1
    while end < len(window) and window[end] == window[k]:
        end += 1
    return end


@inlined
def _move_late(
    late: Any, a: int, b: int, now: int, table: Any, first: int, step: int, squares: int
) -> None:
    """Put the late events that a question sees into the table, or take them away."""
    for i in range(a, b):
        if is_seen(late, i, now):
            at = first + i
            _move(table.entries, table.cells, table.state, at, at + 1, step, squares)


@inlined
def _clear(cells: Any, state: Any, keys: int) -> None:
    """Empty the table."""
    cells[:keys] = 0
    state[:] = 0
    state[_BEST] = _LEAST


@inlined
def _move(
    entries: Any, cells: Any, state: Any, begin: int, end: int, step: int, squares: int
) -> None:
    """Put events into the table (step 1) or take them away (step -1)."""
    if begin == end:
        return
    events, weight, keys, repeated = state[0], state[1], state[2], state[3]
    best, dirty, high, low = state[4], state[5], state[6], state[7]
    for i in range(begin, end):
        k = entries[i, 0]
        if k < 0:
            continue
        w = step * entries[i, 1]
        n, old = cells[k, 0], cells[k, 1]
        count, new = n + step, old + w
        cells[k, 0], cells[k, 1] = count, new
        events += step
        weight += w
        keys += (count > 0) - (n > 0)
        repeated += (count > 1) - (n > 1)
        if count > 0 and new >= best:
            best, dirty = new, 0
        elif n > 0 and old >= best:
            dirty = 1
        if squares == 1:
            low += w * (old + new)
        elif squares == 2:
            h, x = times_128(w, old + new)
            high, low = plus_128(high, low, h, x)
    state[0], state[1], state[2], state[3] = events, weight, keys, repeated
    state[4], state[5], state[6], state[7] = best, dirty, high, low


@inlined
def _value(code: int, support: int, cells: Any, state: Any, scratch: Any, sizes: Any) -> float:
    """Give one aggregate from the table."""
    keys = sizes[0]
    if code == DISTINCT:
        return float(state[_KEYS])
    if state[_EVENTS] == 0 or state[_EVENTS] < support:
        return np.nan
    if code == REPEAT_SHARE:
        return state[_REPEATED] / float(state[_KEYS])
    if code == ENTROPY:
        return _entropy(cells, keys, scratch)
    total = float(state[_WEIGHT])
    if total == 0:
        return np.nan
    if code == HHI:
        high = state[_HIGH] if sizes[1] == 2 else 0
        return real_128(high, state[_LOW]) / (total * total)
    if code == TOP5_SHARE:
        return _largest(cells, keys, 5, scratch) / total
    if state[_DIRTY]:
        state[_BEST], state[_DIRTY] = _most(cells, keys), 0
    return state[_BEST] / total


@inlined
def _most(cells: Any, keys: int) -> int:
    """Seek the largest weight of a key that is held."""
    best = _LEAST
    for k in range(keys):
        if cells[k, 0] and cells[k, 1] > best:
            best = cells[k, 1]
    return best


@inlined
def _largest(table: Any, keys: int, count: int, scratch: Any) -> float:
    """Sum the largest weights."""
    held = 0
    for k in range(keys):
        if table[k, 0] == 0:
            continue
        w = table[k, 1]
        at = held
        if held == count:
            if w <= scratch[count - 1]:
                continue
            at = count - 1
        else:
            held += 1
        while at > 0 and scratch[at - 1] < w:
            scratch[at] = scratch[at - 1]
            at -= 1
        scratch[at] = w
    total = 0
    for k in range(held):
        total += scratch[k]
    return float(total)


@inlined
def _entropy(table: Any, keys: int, scratch: Any) -> float:
    """Give ln(total) less the mean of ln(weight), over keys of some weight, the least first."""
    held = 0
    total = 0
    for k in range(keys):
        if table[k, 0] and table[k, 1] > 0:
            scratch[held] = table[k, 1]
            held += 1
            total += table[k, 1]
    if total == 0:
        return np.nan
    if held > 1:
        scratch[:held].sort()
    logs = 0.0
    for k in range(held):
        w = float(scratch[k])
        logs += w * np.log(w)
    value = np.log(float(total)) - logs / float(total)
    return np.rint(value * 1e12) / 1e12
