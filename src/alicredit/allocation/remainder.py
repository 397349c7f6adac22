"""The margin of a book: what choices at prices leave over or use too much, settled by hand.

At the right prices all offers worth more than nothing nearly fill the constraints that have a
price. The few at the margin are taken back or added one by one, the worth of a constraint's yuan
deciding and ids breaking ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alicredit.allocation.choice import Floats, Ints, Problem

_CANDIDATES = 5_000
_EXACT = 1e-12  # of all that is used, and a millionth of a yuan: what sums of floats round


@dataclass(frozen=True, eq=False)
class Given:
    """What each offer gets in fen, and which constraint changed that.

    -1 stands for none, the number of constraints for the cap for one borrower.
    """

    fen: Ints
    bound: Ints


@dataclass(frozen=True, eq=False)
class Margin:
    """A book while offers are tried one by one; its arrays change as they are given.

    ``now`` is the row that each item has (-1 for none), ``left`` what is left of each cap, and
    ``lent`` the fen of each group.
    """

    fen: Ints
    bound: Ints
    now: Ints
    left: Floats
    lent: Ints


def keep_within(problem: Problem, value: Floats, given: Given) -> Given:
    """Take back what passes a cap: the offers worth least for what they use of it, the last cut.

    A least share comes last: what it takes back uses of every other constraint too.
    """
    given = Given(given.fen.copy(), given.bound.copy())
    has_lift = np.asarray((problem.on_mean < 0).any(axis=0))
    for each in np.argsort(has_lift, kind="stable").tolist():
        while _take_back(problem, value, each, given):
            pass
    return given


def _take_back(problem: Problem, value: Floats, constraint: int, given: Given) -> bool:
    """Take back what passes one cap; tell whether there was any."""
    fen, bound = given.fen, given.bound
    rows = np.flatnonzero(fen)
    use = problem.use_of(constraint, rows) * (fen[rows] / problem.limit[rows])
    excess = float(use.sum()) - problem.caps[constraint]
    if excess <= 1e-6 + _EXACT * float(np.abs(use).sum()):
        return False
    rows, use = rows[use > 0], use[use > 0]
    order = np.lexsort((-rows, value[rows] * (fen[rows] / problem.limit[rows]) / use))
    freed = np.cumsum(use[order])
    last = min(int(np.searchsorted(freed, excess)), len(order) - 1)
    out, row = rows[order[:last]], int(rows[order[last]])
    over = excess - (float(freed[last - 1]) if last else 0.0)
    kept = fen[row] * max(0.0, 1 - over / float(use[order[last]]))
    new = int(kept) // int(problem.step[row]) * int(problem.step[row])
    fen[out], bound[out] = 0, constraint
    fen[row] = new if new >= max(int(problem.least[row]), 1) else 0
    bound[row] = constraint
    return True


def fill(problem: Problem, value: Floats, given: Given) -> Given:
    """Add what still fits, or a better amount, the best worth for its profit first.

    An amount that does not fit whole is cut. At most 5,000 offers are tried, the nearest to being
    chosen, whatever the size of the book.
    """
    fen = given.fen.copy()
    held = np.flatnonzero(fen)
    now = np.full(int(problem.item[-1]) + 1 if len(fen) else 0, -1, dtype=np.int64)
    now[problem.item[held]] = held
    rows = _candidates(problem, value, fen, now)
    if not len(rows):
        return given
    left = problem.caps - problem.used(held, fen[held] / problem.limit[held])
    lent = np.zeros(problem.groups, dtype=np.int64)
    np.add.at(lent, problem.group, fen)
    margin = Margin(fen, given.bound.copy(), now, left, lent)
    use = np.column_stack([problem.use_of(each, rows) for each in range(len(left))])
    for row, whole in zip(rows.tolist(), use):
        _try_row(problem, margin, row, whole)
    return Given(margin.fen, margin.bound)


def _try_row(problem: Problem, margin: Margin, row: int, use: Floats) -> None:
    """Give an offer in place of its item's present one, if that earns more and fits."""
    fen, item, group = margin.fen, int(problem.item[row]), int(problem.group[row])
    limit, step = int(problem.limit[row]), int(problem.step[row])
    before = int(margin.now[item])
    had, left = (int(fen[before]) if before >= 0 else 0), margin.left
    if had:
        left = left + problem.used(np.array([before]), np.array([had / problem.limit[before]]))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        room = np.where(use > 0, np.maximum(left, 0.0) / use, np.inf)
    tightest = int(room.argmin())
    share = min(1.0, float(room[tightest]))
    fitting = int(limit * share + 1e-6) if share < 1 else limit
    most = min(fitting, problem.one_borrower - int(margin.lent[group]) + had)
    new = most if most == limit else most // step * step
    earned = problem.profit[row] * (new / limit)
    earns = problem.profit[before] * (had / problem.limit[before]) if had else 0.0
    after = left - use * (new / limit)
    passes = bool(((after < -1e-6) & (after < margin.left)).any())
    if new < max(int(problem.least[row]), 1) or earned <= earns or passes:
        return
    if had:
        fen[before], margin.bound[before] = 0, -1
    why = tightest if most == fitting else len(left)
    fen[row], margin.bound[row] = new, why if new < limit else -1
    margin.left[:] = after
    margin.lent[group] += new - had
    margin.now[item] = row


def _candidates(problem: Problem, value: Floats, fen: Ints, now: Ints) -> Ints:
    """Give rows that earn more than what their item has, the nearest to being chosen first."""
    before = now[problem.item]
    share = np.where(before >= 0, fen[before] / problem.limit[before], 0.0)
    gain = problem.profit - problem.profit[before] * share
    rows = np.flatnonzero((gain > 0) & (fen < problem.limit))
    worth = (value[rows] - (value[before] * share)[rows]) / gain[rows]
    if len(rows) > _CANDIDATES:
        nearest = np.partition(worth, len(rows) - _CANDIDATES)[len(rows) - _CANDIDATES]
        rows, worth = rows[worth >= nearest], worth[worth >= nearest]
    return rows[np.lexsort((rows, -worth))]
