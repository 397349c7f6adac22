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
_EXACT = 1e-12  # of all that is used, and a millionth of a yuan: what sums of floats round


@dataclass(frozen=True, eq=False)
class Given:
    """What each offer gets in fen, and which constraint changed that.

    -1 stands for none, the number of constraints for the cap for one borrower.
    """

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
            if excess <= 1e-6 + _EXACT * float(np.abs(use).sum()):
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
    """Add what still fits, or a better amount, the best worth for its profit first.

    An amount that does not fit whole is cut. At most 20,000 offers are tried, the nearest to being
    chosen, whatever the size of the book.
    """
    fen, bound = given.fen.copy(), given.bound.copy()
    now = np.full(int(problem.item[-1]) + 1 if len(fen) else 0, -1, dtype=np.int64)
    held = np.flatnonzero(fen)
    now[problem.item[held]] = held
    rows = _candidates(problem, value, fen, now)
    if not len(rows):
        return given
    left = problem.caps - problem.used(held, fen[held] / problem.limit[held])
    margin = Margin(problem, fen, bound, now, left)
    constraints = range(len(prices))
    use = np.column_stack([problem.use_of(each, rows) for each in constraints])
    for row, whole in zip(rows.tolist(), use):
        margin.try_row(row, whole)
    return Given(fen, bound)


class Margin:
    """A book at its margin: what is left of each cap while offers are tried one by one."""

    def __init__(self, problem: Problem, fen: Ints, bound: Ints, now: Ints, left: Floats) -> None:
        self.problem, self.fen, self.bound, self.now, self.left = problem, fen, bound, now, left
        self.lent = np.zeros(problem.groups, dtype=np.int64)
        np.add.at(self.lent, problem.group, fen)

    def try_row(self, row: int, use: Floats) -> None:
        """Give an offer in place of its item's present one, if that earns more and fits."""
        problem, fen = self.problem, self.fen
        item, group = int(problem.item[row]), int(problem.group[row])
        limit, step = int(problem.limit[row]), int(problem.step[row])
        before = int(self.now[item])
        had = int(fen[before]) if before >= 0 else 0
        left = self.left
        if had:
            at = np.array([before])
            left = left + problem.used(at, np.array([had / problem.limit[before]]))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            room = np.where(use > 0, np.maximum(left, 0.0) / use, np.inf)
        tightest = int(room.argmin()) if len(room) else -1
        share = min(1.0, float(room[tightest])) if len(room) else 1.0
        fitting = int(limit * share + 1e-6) if share < 1 else limit
        most = min(fitting, problem.one_borrower - int(self.lent[group]) + had)
        why = tightest if most == fitting else len(left)
        new = most if most == limit else most // step * step
        earned = problem.profit[row] * (new / limit)
        earns = problem.profit[before] * (had / problem.limit[before]) if had else 0.0
        after = left - use * (new / limit)
        passes = bool(((after < -1e-6) & (after < self.left)).any())
        if new < max(int(problem.least[row]), 1) or earned <= earns or passes:
            return
        if had:
            fen[before], self.bound[before] = 0, -1
        fen[row], self.bound[row] = new, why if new < limit else -1
        self.left = after
        self.lent[group] += new - had
        self.now[item] = row


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
