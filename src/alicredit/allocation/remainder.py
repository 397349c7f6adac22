"""The margin of a book: what choices at prices leave over or use too much, settled by hand.

At the right prices all offers worth more than nothing nearly fill the constraints that have a
price. The few at the margin are taken back or added one by one, the worth of a constraint's yuan
deciding and ids breaking ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alicredit.allocation.choice import Floats, Ints, Problem

_CANDIDATES = 20_000
_EXACT = 1e-9


@dataclass(frozen=True, eq=False)
class Given:
    """What each offer gets in fen, and which constraint changed that; -1 where none did."""

    fen: Ints
    bound: Ints


def keep_within(problem: Problem, value: Floats, fen: Ints) -> Given:
    """Take back what passes a cap: the offers worth least for what they use of it, the last cut.

    Those with a least share come last: what they take back uses of every other constraint too.
    """
    fen, bound = fen.copy(), np.full(len(fen), -1, dtype=np.int64)
    has_lift = (problem.on_mean < 0).any(axis=0)
    for each in np.argsort(has_lift, kind="stable").tolist():
        for _ in range(len(fen) + 1):
            rows = np.flatnonzero(fen)
            share = fen[rows] / problem.limit[rows]
            use = problem.use_of(each, rows) * share
            excess = float(use.sum()) - problem.caps[each]
            if excess <= _EXACT * max(problem.caps[each], 1.0):
                break
            _take_back(problem, value, each, excess, (rows[use > 0], use[use > 0]), (fen, bound))
    return Given(fen, bound)


def _take_back(
    problem: Problem,
    value: Floats,
    constraint: int,
    excess: float,
    using: tuple[Ints, Floats],
    given: tuple[Ints, Ints],
) -> None:
    """Take back one excess, from those that use the constraint."""
    (rows, use), (fen, bound) = using, given
    worth = value[rows] * (fen[rows] / problem.limit[rows]) / use
    order = np.lexsort((rows, worth))
    freed = np.cumsum(use[order])
    last = min(int(np.searchsorted(freed, excess)), len(order) - 1)
    out = rows[order[:last]]
    fen[out], bound[out] = 0, constraint
    row, own = int(rows[order[last]]), float(use[order[last]])
    over = excess - (float(freed[last - 1]) if last else 0.0)
    kept = int(fen[row] * max(0.0, 1 - over / own)) // int(problem.step[row])
    new = kept * int(problem.step[row])
    fen[row] = new if new >= max(int(problem.least[row]), 1) else 0
    bound[row] = constraint


def fill(problem: Problem, prices: Floats, value: Floats, given: Given) -> Given:
    """Add what still fits, the best worth for its charge first; the last of each kind is cut."""
    fen, bound = given.fen.copy(), given.bound.copy()
    rows = _candidates(problem, value, fen)
    if not len(rows):
        return given
    use = np.column_stack([problem.use_of(c, rows) for c in range(len(prices))])
    held = np.flatnonzero(fen)
    left = problem.caps - problem.used(held, fen[held] / problem.limit[held])
    lent = np.zeros(problem.groups, dtype=np.int64)
    np.add.at(lent, problem.group[held], fen[held])
    taken: set[int] = set()
    with np.errstate(divide="ignore", invalid="ignore"):
        for at, row in enumerate(rows.tolist()):
            item, group = int(problem.item[row]), int(problem.group[row])
            if item in taken:
                continue
            room = np.where(use[at] > 0, np.maximum(left, 0.0) / use[at], np.inf)
            fits = int(room.argmin())
            limit, step = int(problem.limit[row]), int(problem.step[row])
            most = min(limit, problem.one_borrower - int(lent[group]))
            if room[fits] < 1:
                most = min(most, int(limit * float(room[fits]) + 1e-6))
            new = most if most == limit else most // step * step
            if new < max(int(problem.least[row]), 1):
                continue
            fen[row], bound[row] = new, fits if room[fits] < 1 else -1
            left -= use[at] * (new / limit)
            lent[group] += new
            taken.add(item)
    return Given(fen, bound)


def _candidates(problem: Problem, value: Floats, fen: Ints) -> Ints:
    """Give rows of items that got nothing and would earn, the nearest to being chosen first."""
    has = np.zeros(int(problem.item[-1]) + 1 if len(fen) else 0, dtype=bool)
    has[problem.item[fen > 0]] = True
    rows = np.flatnonzero(~has[problem.item] & (problem.profit > 0))
    worth = value[rows] / problem.profit[rows]
    if len(rows) > _CANDIDATES:
        nearest = np.partition(worth, len(rows) - _CANDIDATES)[len(rows) - _CANDIDATES]
        rows, worth = rows[worth >= nearest], worth[worth >= nearest]
    return rows[np.lexsort((rows, -worth))]
