"""Steps that turn at most once: greedy cuts and pooled neighbours, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.windows.compiled import compiled, inlined

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_LEAVES = 20


def greedy_cuts(n: Floats, d: Floats, floor: float) -> Whole:
    """Cut bins where most is gained, again and again; each part keeps at least ``floor`` rows.

    ``n`` and ``d`` are rows and defaults by bin. Gives the first bin of each part but the first.
    """
    rows, bad = (np.concatenate([[0.0], np.cumsum(each)]) for each in (n, d))
    return np.asarray(_cut(rows, bad, floor, _LEAVES))


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
    if direction:
        return direction * _rising(direction * values, weights)
    best, least, size = values, np.inf, len(values)
    for sign in (1.0, -1.0):
        up = sign * values
        losses = _losses(up, weights) + _losses(up[::-1], weights[::-1])[::-1]
        turn = 1 + int(losses[1:].argmin())
        if losses[turn] < least - 1e-12:
            left = _rising(up[:turn], weights[:turn])
            right = _rising(up[turn:][::-1], weights[turn:][::-1])[::-1] if turn < size else up[:0]
            best, least = sign * np.concatenate((left, right)), float(losses[turn])
    return np.asarray(best)


def _rising(values: Floats, weights: Floats) -> Floats:
    """Give the nearest sequence that never falls."""
    pooled, _ = _pool(np.ascontiguousarray(values), np.ascontiguousarray(weights))
    return np.asarray(pooled)


def _losses(values: Floats, weights: Floats) -> Floats:
    """Give what is lost by making the first 0, 1, ... values rise."""
    _, kept = _pool(np.ascontiguousarray(values), np.ascontiguousarray(weights))
    return np.append(0.0, np.cumsum(weights * values**2) - kept)


@compiled
def _pool(values: Any, weights: Any) -> Any:
    """Pool neighbours until nothing falls; give the sequence, and after each value its squares."""
    size = len(values)
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
        pooled[at : at + many[pool]] = mean[pool]
        at += many[pool]
    return pooled, kept


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
    gain[0], cut[0] = _best(rows, bad, floor, 0, end[0])
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
