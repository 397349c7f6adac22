"""Aggregates over the keys of a window: buyers, categories, partners.

A small table per merchant counts the events and the weight of each key. Where a merchant is asked
about a few times, each question fills the table anew, from its own moment backwards, and reads it
at the start of each window; where often, the table follows a window as it slides. Integers only, so
that both give the same.
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

_N, _W, _KEYS, _REPEATED, _BEST, _DIRTY, _HIGH, _LOW = range(8)
# what is kept beside the table: events, weight, keys held, keys held twice or more, the largest
# weight, whether it must be sought again, the sum of squared weights in 128 bits

_FEW = 5


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
    is_weighted: Any,
    out: Any,
) -> None:
    """Answer every operation of every question over one column of keys and weights.

    ``back`` rises; ``ops`` are sorted by window; without weights each event weighs 1.
    """
    most = 0
    for m in range(len(q_start) - 1):
        if q_start[m + 1] > q_start[m]:
            size = start[m + 1] - start[m] + late_start[m + 1] - late_start[m]
            most = max(most, size)
    table = np.zeros((most, 2), np.int64)
    slot = np.empty(most, np.int64)
    sizes = 4
    while sizes < 2 * most:
        sizes *= 2
    seen = np.empty(sizes, np.int64)
    whose = np.full(sizes, -1, np.int64)
    state = np.zeros(8, np.int64)
    scratch = np.empty(most, np.int64)
    need_squares = (ops[:, 0] == HHI).any()
    for m in range(len(q_start) - 1):
        q0, q1 = q_start[m], q_start[m + 1]
        if q0 == q1:
            continue
        s, e = start[m], start[m + 1]
        l0, l1 = late_start[m], late_start[m + 1]
        keys = _slots(key, s, e, late_key, l0, l1, seen, whose, slot)
        if q1 - q0 <= _FEW:
            _each_anew(
                as_of, row, q0, q1, time, s, e, weight, late_time, l0, l1, since, until,
                late_weight, back, ahead, ops, is_weighted, out, table, slot, keys, state,
                scratch, need_squares,
            )  # fmt: skip
        else:
            _sliding(
                as_of, row, q0, q1, time, s, e, weight, late_time, l0, l1, since, until,
                late_weight, back, ahead, ops, is_weighted, out, table, slot, keys, state,
                scratch, need_squares,
            )  # fmt: skip


@inlined
def _slots(
    key: Any, s: int, e: int, late_key: Any, l0: int, l1: int, seen: Any, whose: Any, slot: Any,
) -> int:  # fmt: skip
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
        at = ((k * -7046029254386353131) >> 29) & mask
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
    state[_BEST] = -(2**62)


@inlined
def _put(table: Any, state: Any, k: int, w: int, squares: bool) -> None:
    """Add an event of a key."""
    if k < 0:
        return
    n, old = table[k, 0], table[k, 1]
    table[k, 0], table[k, 1] = n + 1, old + w
    state[_N] += 1
    state[_W] += w
    if n == 0:
        state[_KEYS] += 1
    elif n == 1:
        state[_REPEATED] += 1
    if old + w >= state[_BEST]:
        state[_BEST], state[_DIRTY] = old + w, 0
    elif n and old >= state[_BEST]:
        state[_DIRTY] = 1
    if squares:
        high, low = times_128(w, 2 * old + w)
        state[_HIGH], state[_LOW] = plus_128(state[_HIGH], state[_LOW], high, low)


@inlined
def _drop(table: Any, state: Any, k: int, w: int, squares: bool) -> None:
    """Take an event of a key away."""
    if k < 0:
        return
    n, old = table[k, 0], table[k, 1]
    table[k, 0], table[k, 1] = n - 1, old - w
    state[_N] -= 1
    state[_W] -= w
    if n == 1:
        state[_KEYS] -= 1
    elif n == 2:
        state[_REPEATED] -= 1
    if n > 1 and old - w >= state[_BEST]:
        state[_BEST], state[_DIRTY] = old - w, 0
    elif old >= state[_BEST]:
        state[_DIRTY] = 1
    if squares:
        high, low = times_128(w, 2 * old - w)
        state[_HIGH], state[_LOW] = minus_128(state[_HIGH], state[_LOW], high, low)


@inlined
def _each_anew(
    as_of: Any, row: Any, q0: int, q1: int, time: Any, s: int, e: int, weight: Any,
    late_time: Any, l0: int, l1: int, since: Any, until: Any, late_weight: Any, back: Any,
    ahead: Any, ops: Any, weighted: bool, out: Any, table: Any, slot: Any, keys: int, state: Any,
    scratch: Any, squares: bool,
) -> None:  # fmt: skip
    """Fill the table for each question from its moment backwards, reading it at each window."""
    hi = s
    for q in range(q0, q1):
        now = as_of[q]
        hi = first_from(time, now, hi, e)
        _clear(table, state, keys)
        i = hi
        at = 0
        while at < len(ops):
            w = ops[at, 1]
            end = at
            while end < len(ops) and ops[end, 1] == w:
                end += 1
            begin = now - back[w]
            while i > s and time[i - 1] >= begin:
                i -= 1
                _put(table, state, slot[i - s], weight[i] if weighted else 1, squares)
            _read(
                row[q], now, begin, now + ahead[w], e - s, late_time, l0, l1, since, until,
                late_weight, ops, at, end, weighted, out, table, slot, keys, state, scratch,
                squares,
            )  # fmt: skip
            at = end


@inlined
def _sliding(
    as_of: Any, row: Any, q0: int, q1: int, time: Any, s: int, e: int, weight: Any,
    late_time: Any, l0: int, l1: int, since: Any, until: Any, late_weight: Any, back: Any,
    ahead: Any, ops: Any, weighted: bool, out: Any, table: Any, slot: Any, keys: int, state: Any,
    scratch: Any, squares: bool,
) -> None:  # fmt: skip
    """Let the table follow each window through all questions of a merchant."""
    at = 0
    while at < len(ops):
        w = ops[at, 1]
        end = at
        while end < len(ops) and ops[end, 1] == w:
            end += 1
        _clear(table, state, keys)
        lo = hi = s
        for q in range(q0, q1):
            now = as_of[q]
            begin = now - back[w]
            while hi < e and time[hi] < now:
                _put(table, state, slot[hi - s], weight[hi] if weighted else 1, squares)
                hi += 1
            while lo < hi and time[lo] < begin:
                _drop(table, state, slot[lo - s], weight[lo] if weighted else 1, squares)
                lo += 1
            _read(
                row[q], now, begin, now + ahead[w], e - s, late_time, l0, l1, since, until,
                late_weight, ops, at, end, weighted, out, table, slot, keys, state, scratch,
                squares,
            )  # fmt: skip
        at = end


@inlined
def _read(
    row: int, now: int, begin: int, finish: int, prompt: int, late_time: Any, l0: int, l1: int,
    since: Any, until: Any, late_weight: Any, ops: Any, at: int, end: int, weighted: bool,
    out: Any, table: Any, slot: Any, keys: int, state: Any, scratch: Any, squares: bool,
) -> None:  # fmt: skip
    """Read the table for one window, with the late events it sees put in for the while."""
    la = lb = l0
    if l1 > l0:
        la = first_from(late_time, begin, l0, l1)
        lb = first_from(late_time, finish, la, l1)
    for i in range(la, lb):
        if since[i] < now <= until[i]:
            weight = late_weight[i] if weighted else 1
            _put(table, state, slot[prompt + i - l0], weight, squares)
    for k in range(at, end):
        out[ops[k, 3], row] = _value(ops[k, 0], ops[k, 2], table, keys, state, scratch)
    for i in range(la, lb):
        if since[i] < now <= until[i]:
            weight = late_weight[i] if weighted else 1
            _drop(table, state, slot[prompt + i - l0], weight, squares)


@inlined
def _value(code: int, support: int, table: Any, keys: int, state: Any, scratch: Any) -> float:
    """Give one aggregate from the table."""
    if code == DISTINCT:
        return float(state[_KEYS])
    if state[_N] < support or state[_N] == 0:
        return np.nan
    if code == REPEAT_SHARE:
        return state[_REPEATED] / float(state[_KEYS])
    if code == ENTROPY:
        return _entropy(table, keys, scratch)
    total = float(state[_W])
    if total == 0:
        return np.nan
    if code == HHI:
        return real_128(state[_HIGH], state[_LOW]) / (total * total)
    if code == TOP5_SHARE:
        return _largest(table, keys, 5, scratch) / total
    if state[_DIRTY]:
        best = -(2**62)
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
