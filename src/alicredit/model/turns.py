"""Steps that turn at most once: greedy cuts and pooled neighbours; sums by bins; compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled, inlined

Floats = npt.NDArray[np.float64]

_LEAVES = 20


def one_turn(values: Floats, weights: Floats, direction: int = 0) -> Floats:
    """Give the nearest sequence (weighted squares) that turns at most once; exact.

    With a direction it does not turn: +1 never falls, -1 never rises.

    Examples
    --------
    >>> one_turn(np.array([1.0, 3.0, 2.0, 5.0]), np.ones(4), 1)
    array([1. , 2.5, 2.5, 5. ])
    >>> one_turn(np.array([4.0, 1.0, 2.0, 1.5, 5.0]), np.ones(5))
    array([4.  , 1.  , 1.75, 1.75, 5.  ])
    """
    given = (np.ascontiguousarray(each, dtype=np.float64) for each in (values, weights))
    return np.asarray(_turned(*given, direction))


@inlined
def _times(values: Any, sign: float) -> Any:
    """Give a sequence times a sign."""
    signed = np.empty(len(values))
    for at in range(len(values)):
        signed[at] = sign * values[at]
    return signed


@inlined
def _back(values: Any) -> Any:
    """Give a sequence from its end."""
    turned = np.empty(len(values))
    for at in range(len(values)):
        turned[at] = values[len(values) - 1 - at]
    return turned


@inlined
def _pool(values: Any, weights: Any, size: int) -> Any:
    """Pool the first values until nothing falls; give them so, and after each its squares."""
    mean, mass, many = np.empty(size), np.empty(size), np.empty(size, np.int64)
    kept = np.empty(size)
    top = 0
    for at in range(size):
        mean[top], mass[top], many[top] = values[at], weights[at], 1
        while top > 0 and mean[top - 1] > mean[top]:
            both = mass[top - 1] + mass[top]
            mean[top - 1] = (mean[top] * mass[top] + mean[top - 1] * mass[top - 1]) / both
            mass[top - 1] = both
            many[top - 1] += many[top]
            top -= 1
        top += 1
        total = 0.0
        for pool in range(top):
            total += mass[pool] * mean[pool] ** 2
        kept[at] = total
    pooled = np.empty(size)
    at = 0
    for pool in range(top):
        for _ in range(many[pool]):
            pooled[at] = mean[pool]
            at += 1
    return pooled, kept


@inlined
def _losses(values: Any, weights: Any) -> Any:
    """Give what is lost by making the first 0, 1, ... values rise."""
    _, kept = _pool(values, weights, len(values))
    lost = np.zeros(len(values) + 1)
    total = 0.0
    for at in range(len(values)):
        total += weights[at] * (values[at] * values[at])
        lost[at + 1] = total - kept[at]
    return lost


@compiled
def _turned(values: Any, weights: Any, direction: int) -> Any:
    """Give the nearest sequence that turns at most once, or follows a direction."""
    size = len(values)
    if direction != 0:
        sign = float(direction)
        return _times(_pool(_times(values, sign), weights, size)[0], sign)
    best, least = _times(values, 1.0), np.inf
    back = _back(weights)
    for sign in (1.0, -1.0):
        up = _times(values, sign)
        down = _back(up)
        first, last = _losses(up, weights), _losses(down, back)
        turn, lost = 1, first[1] + last[size - 1]
        for at in range(2, size + 1):
            if first[at] + last[size - at] < lost:
                turn, lost = at, first[at] + last[size - at]
        if lost < least - 1e-12:
            rising, falling = _pool(up, weights, turn)[0], _pool(down, back, size - turn)[0]
            for at in range(size):
                best[at] = sign * (rising[at] if at < turn else falling[size - 1 - at])
            least = lost
    return best


@inlined
def _best(rows: Any, bad: Any, floor: float, start: int, end: int) -> Any:
    """Find where a part gains most by a cut; -1 where none keeps enough rows."""
    most, where = -1.0, -1
    total, hit = rows[end] - rows[start], bad[end] - bad[start]
    whole = hit - hit**2 / max(total, 1e-9)
    for at in range(start + 1, end):
        left, right = rows[at] - rows[start], rows[end] - rows[at]
        if left < floor or right < floor:
            continue
        here, there = bad[at] - bad[start], bad[end] - bad[at]
        gain = whole - (here - here**2 / max(left, 1e-9)) - (there - there**2 / max(right, 1e-9))
        if gain > most:
            most, where = gain, at
    return most, where


@compiled
def _cut(rows: Any, bad: Any, floor: float, leaves: int) -> Any:
    """Cut the part that gains most until none gains or there are enough."""
    start, end = np.zeros(leaves, np.int64), np.zeros(leaves, np.int64)
    gain, cut = np.zeros(leaves), np.zeros(leaves, np.int64)
    end[0] = len(rows) - 1
    gain[0], cut[0] = _best(rows, bad, floor, start[0], end[0])
    parts = 1
    while parts < leaves:
        at = 0
        for part in range(1, parts):
            if gain[part] > gain[at]:
                at = part
        if cut[at] < 0 or gain[at] <= 1e-12:
            break
        for part in range(parts, at + 1, -1):
            start[part], end[part] = start[part - 1], end[part - 1]
            gain[part], cut[part] = gain[part - 1], cut[part - 1]
        start[at + 1], end[at + 1] = cut[at], end[at]
        end[at] = cut[at]
        gain[at], cut[at] = _best(rows, bad, floor, start[at], end[at])
        gain[at + 1], cut[at + 1] = _best(rows, bad, floor, start[at + 1], end[at + 1])
        parts += 1
    return start[1:parts].copy()


@compiled
def count_steps(places: Any, weight: Any, bad: Any, starts: Any) -> Any:
    """Add up weights, and those of defaults, by each input's bins; input k's begin at starts[k]."""
    n, d = np.zeros(starts[-1]), np.zeros(starts[-1])
    for row in range(len(places)):
        for at in range(places.shape[1]):
            bin_ = starts[at] + places[row, at]
            n[bin_] += weight[row]
            d[bin_] += bad[row]
    return n, d


@compiled
def pool_steps(n: Any, d: Any, starts: Any, directions: Any, floor: float) -> Any:
    """Cut each input's bins greedily and pool them to turn at most once.

    The last bin of an input is its missing, which stays alone. Gives the pool of each bin, numbered
    through all inputs, and the pools' rows and defaults.
    """
    pool = np.empty(len(n), np.int64)
    rows, bad = np.zeros(len(n)), np.zeros(len(n))
    last = 0
    for at in range(len(starts) - 1):
        first, size = starts[at], starts[at + 1] - starts[at] - 1
        upto, hit = np.zeros(size + 1), np.zeros(size + 1)
        for bin_ in range(size):
            upto[bin_ + 1] = upto[bin_] + n[first + bin_]
            hit[bin_ + 1] = hit[bin_] + d[first + bin_]
        edges = _cut(upto, hit, floor, _LEAVES)
        group = np.empty(size, np.int64)
        parts = len(edges) + 1
        mass, own = np.zeros(parts), np.zeros(parts)
        part = 0
        for bin_ in range(size):
            while part < parts - 1 and edges[part] <= bin_:
                part += 1
            group[bin_] = part
            mass[part] += n[first + bin_]
            own[part] += d[first + bin_]
        held, share = np.empty(parts), np.empty(parts)
        for part in range(parts):
            held[part] = max(mass[part], 1e-9)
            share[part] = own[part] / held[part]
        level = _turned(share, held, directions[at])
        of = np.empty(parts, np.int64)
        for part in range(parts):
            if part > 0 and abs(level[part] - level[part - 1]) > 1e-12:
                last += 1
            of[part] = last
            rows[last] += mass[part]
            bad[last] += own[part]
        for bin_ in range(size):
            pool[first + bin_] = of[group[bin_]]
        last += 1
        pool[first + size] = last
        rows[last], bad[last] = n[first + size], d[first + size]
        last += 1
    return pool, rows[:last], bad[:last]


@compiled
def add_places(places: Any, table: Any, start: float) -> Any:
    """Add up what each row's bins are worth to a start; row k of the table is of input k."""
    found = np.full(len(places), start)
    for at in range(places.shape[1]):
        own = table[at]
        column = places[:, at]
        for row in range(len(column)):
            found[row] += own[column[row]]
    return found


@compiled
def tally_places(places: Any, weight: Any, size: int) -> Any:
    """Add up a number a row by each input's bins."""
    found = np.zeros((places.shape[1], size))
    for at in range(places.shape[1]):
        own = found[at]
        column = places[:, at]
        for row in range(len(column)):
            own[column[row]] += weight[row]
    return found


@compiled
def ends_of(step: Any, values: Any, size: int) -> Any:
    """Give the smallest and the largest value of each step; of one without any infinities."""
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    for row in range(len(step)):
        at = step[row]
        low[at] = min(low[at], values[row])
        high[at] = max(high[at], values[row])
    return low, high
