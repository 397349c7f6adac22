"""Aggregates over the keys of a window: buyers, categories, partners.

A small table per merchant counts the events and the weight of each key. Where a merchant is asked
about a few times, each question fills the table anew, from its own moment backwards, and reads it
at the start of each window; where often, the table follows each window as it slides. Integers only,
so that both give the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alicredit.windows.compiled import compiled, inlined
from alicredit.windows.search import first_from, minus_128, plus_128, real_128, times_128

DISTINCT, REPEAT_SHARE, TOP_SHARE, TOP5_SHARE, HHI, ENTROPY = range(6)
"""What an operation gives."""

OP_COLUMNS = ("code", "window", "support", "out")
"""Columns of ``ops``."""

NO_KEY = -(2**63)
"""Marks an event without a key, which no aggregate over keys counts."""

_LEAST = -(2**62)
_EVENTS, _WEIGHT, _KEYS, _REPEATED, _BEST, _DIRTY, _HIGH, _LOW = range(8)
# what is kept beside the table: events, weight, keys held, keys held twice or more, the largest
# weight, whether it must be sought again, the sum of squared weights in 128 bits


@compiled
def count_keys(
    as_of: Any,
    row: Any,
    q_start: Any,
    time: Any,
    start: Any,
    key: Any,
    weight: Any,
    late_time: Any,
    late_start: Any,
    since: Any,
    until: Any,
    late_key: Any,
    late_weight: Any,
    back: Any,
    ahead: Any,
    ops: Any,
    out: Any,
) -> None:
    """Answer every operation of every question over one column of keys and weights.

    ``back`` rises; ``ops`` are sorted by window; without weights (none given) each event weighs 1.
    """
    most = 0
    for m in range(len(q_start) - 1):
        if q_start[m + 1] > q_start[m]:
            size = start[m + 1] - start[m] + late_start[m + 1] - late_start[m]
            most = max(most, size)
    weighted = len(weight) + len(late_weight) > 0
    sizes = 4
    while sizes < 2 * most:
        sizes *= 2
    seen = np.empty(sizes, np.int64)
    whose = np.full(sizes, -1, np.int64)
    table = np.zeros((most, 2), np.int64)
    slot = np.empty(most, np.int64)
    weigh = np.ones(most, np.int64)
    late = np.empty(most, np.int64)
    scratch = np.empty(most, np.int64)
    state = np.zeros(8, np.int64)
    need_squares = (ops[:, 0] == HHI).any()
    for m in range(len(q_start) - 1):
        q0, q1 = q_start[m], q_start[m + 1]
        if q0 == q1:
            continue
        s, e = start[m], start[m + 1]
        l0, l1 = late_start[m], late_start[m + 1]
        n = e - s + l1 - l0
        keys = _slots(key, s, e, late_key, l0, l1, seen, whose, slot)
        if weighted:
            weigh[: e - s] = weight[s:e]
            weigh[e - s : n] = late_weight[l0:l1]
        squares = 0
        if need_squares:
            total = 0.0
            for i in range(n):
                total += abs(weigh[i])
            squares = 1 if total < 3.0e9 else 2
        anew, slide = 0, 0
        w = -1
        for k in range(len(ops)):
            if ops[k, 1] != w:
                w = ops[k, 1]
                end = first_from(time, as_of[q1 - 1], s, e)
                held = end - first_from(time, as_of[q1 - 1] - back[w], s, end)
                anew = held
                slide += 2 * min(e - s, held * (q1 - q0)) + keys
        is_anew = anew * (q1 - q0) < slide
        at = 0
        lo = hi = s
        while at < len(ops):
            w = ops[at, 1]
            end = at
            while end < len(ops) and ops[end, 1] == w:
                end += 1
            if is_anew:
                end = len(ops)
            _clear(table, state, keys)
            lo = hi = s
            for q in range(q0, q1):
                now = as_of[q]
                if is_anew:
                    hi = first_from(time, now, hi, e)
                    lo = hi
                    if q > q0:
                        _clear(table, state, keys)
                a = at
                while a < end:
                    w = ops[a, 1]
                    b = a
                    while b < end and ops[b, 1] == w:
                        b += 1
                    begin = now - back[w]
                    if is_anew:
                        down = lo
                        while down > s and time[down - 1] >= begin:
                            down -= 1
                        _put_all(table, state, slot, weigh, down - s, lo - s, squares)
                        lo = down
                    else:
                        up = first_from(time, begin, lo, hi)
                        _drop_all(table, state, slot, weigh, lo - s, up - s, squares)
                        lo = up
                        if lo == hi:
                            lo = hi = first_from(time, begin, hi, e)
                        up = first_from(time, now, hi, e)
                        _put_all(table, state, slot, weigh, hi - s, up - s, squares)
                        hi = up
                    count = 0
                    if l1 > l0:
                        la = first_from(late_time, begin, l0, l1)
                        lb = first_from(late_time, now + ahead[w], la, l1)
                        for i in range(la, lb):
                            if since[i] < now <= until[i]:
                                late[count] = e - s + i - l0
                                count += 1
                        for i in range(count):
                            _put_all(table, state, slot, weigh, late[i], late[i] + 1, squares)
                    for k in range(a, b):
                        out[ops[k, 3], row[q]] = _value(
                            ops[k, 0], ops[k, 2], squares, table, keys, state, scratch
                        )
                    for i in range(count):
                        _drop_all(table, state, slot, weigh, late[i], late[i] + 1, squares)
                    a = b
            at = end


@inlined
def _slots(
    key: Any, s: int, e: int, late_key: Any, l0: int, l1: int, seen: Any, whose: Any, slot: Any
) -> int:
    """Number a merchant's keys 0, 1, ... by a table of keys seen; prompt events, then late ones."""
    n = e - s + l1 - l0
    mask = 3
    while mask + 1 < 2 * n:
        mask = 2 * mask + 1
    whose[: mask + 1] = -1
    keys = 0
    for i in range(n):
        k = key[s + i] if i < e - s else late_key[l0 + i - (e - s)]
        if k == NO_KEY:
            slot[i] = -1
            continue
        at = ((k * -7046029254386353131) >> 32) & mask
        while whose[at] >= 0 and seen[at] != k:
            at = (at + 1) & mask
        if whose[at] < 0:
            whose[at] = keys
            seen[at] = k
            keys += 1
        slot[i] = whose[at]
    return keys


@inlined
def _clear(table: Any, state: Any, keys: int) -> None:
    """Empty the table."""
    table[:keys] = 0
    state[:] = 0
    state[_BEST] = _LEAST


@inlined
def _put_all(
    table: Any, state: Any, slot: Any, weigh: Any, begin: int, end: int, squares: int
) -> None:
    """Add events to the table; squares: 0 none, 1 within 64 bits, 2 within 128."""
    events, weight, keys, repeated = state[0], state[1], state[2], state[3]
    best, dirty, high, low = state[4], state[5], state[6], state[7]
    for i in range(begin, end):
        k = slot[i]
        if k < 0:
            continue
        w = weigh[i]
        n, old = table[k, 0], table[k, 1]
        new = old + w
        table[k, 0], table[k, 1] = n + 1, new
        events += 1
        weight += w
        keys += n == 0
        repeated += n == 1
        if new >= best:
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
def _drop_all(
    table: Any, state: Any, slot: Any, weigh: Any, begin: int, end: int, squares: int
) -> None:
    """Take events away from the table."""
    events, weight, keys, repeated = state[0], state[1], state[2], state[3]
    best, dirty, high, low = state[4], state[5], state[6], state[7]
    for i in range(begin, end):
        k = slot[i]
        if k < 0:
            continue
        w = weigh[i]
        n, old = table[k, 0], table[k, 1]
        new = old - w
        table[k, 0], table[k, 1] = n - 1, new
        events -= 1
        weight -= w
        keys -= n == 1
        repeated -= n == 2
        if n > 1 and new >= best:
            best, dirty = new, 0
        elif old >= best:
            dirty = 1
        if squares == 1:
            low -= w * (old + new)
        elif squares == 2:
            h, x = times_128(w, old + new)
            high, low = minus_128(high, low, h, x)
    state[0], state[1], state[2], state[3] = events, weight, keys, repeated
    state[4], state[5], state[6], state[7] = best, dirty, high, low


@inlined
def _value(
    code: int, support: int, squares: int, table: Any, keys: int, state: Any, scratch: Any
) -> float:
    """Give one aggregate from the table."""
    if code == DISTINCT:
        return float(state[_KEYS])
    if state[_EVENTS] < support or state[_EVENTS] == 0:
        return np.nan
    if code == REPEAT_SHARE:
        return state[_REPEATED] / float(state[_KEYS])
    if code == ENTROPY:
        return _entropy(table, keys, scratch)
    total = float(state[_WEIGHT])
    if total == 0:
        return np.nan
    if code == HHI:
        if squares == 1:
            return float(state[_LOW]) / (total * total)
        return real_128(state[_HIGH], state[_LOW]) / (total * total)
    if code == TOP5_SHARE:
        return _largest(table, keys, 5, scratch) / total
    if state[_DIRTY]:
        best = _LEAST
        for k in range(keys):
            if table[k, 0] and table[k, 1] > best:
                best = table[k, 1]
        state[_BEST], state[_DIRTY] = best, 0
    return state[_BEST] / total


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
