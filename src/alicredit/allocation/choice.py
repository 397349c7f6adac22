"""What each group of borrowers gets at given prices: the choice that book and decision share.

An offer's value at prices is its expected profit less what it uses of each constraint times that
constraint's price. Of each product a merchant gets the amount that is worth most, where that is
more than nothing. A group whose limits would pass the cap for one borrower takes its amounts by
value per yuan of limit, and the first that does not fit is cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Problem:
    """Offers in the order of their ids, and the constraints they share.

    Parameters
    ----------
    group, item : int64 (rows,)
        Codes that rise by ones from 0: borrowers that count as one, and merchant x product.
    profit, loss, mean, peak : float64 (rows,)
        Yuan a year, yuan a year, yuan, yuan: of the whole offer.
    limit, least, step : int64 (rows,)
        Fen; amounts of an item rise.
    cell : int64 (rows,)
        Row of ``on_mean``: what the constraints tell offers apart by.
    tight : bool (rows,)
        Whether all that the group is offered is more than ``one_borrower``.
    on_mean : float64 (cells, constraints)
        What a yuan of mean balance uses of each constraint.
    peak_at, loss_at : int
        Which constraints are on peak balance and on expected loss; -1 for none.
    caps : float64 (constraints,)
        What may be used.
    one_borrower : int
        Fen that one group may be lent.
    """

    group: Ints
    item: Ints
    profit: Floats
    loss: Floats
    mean: Floats
    peak: Floats
    limit: Ints
    least: Ints
    step: Ints
    cell: Ints
    tight: Bools
    on_mean: Floats
    peak_at: int
    loss_at: int
    caps: Floats
    one_borrower: int

    @property
    def groups(self) -> int:
        """Count the groups."""
        return int(self.group[-1]) + 1 if len(self.group) else 0

    @property
    def has_one_amount(self) -> bool:
        """Tell whether no merchant is offered several amounts of a product."""
        return len(self.item) == 0 or int(self.item[-1]) + 1 == len(self.item)

    def values(self, prices: Floats) -> Floats:
        """Give each whole offer's value at prices, in yuan a year.

        Sums run one constraint after another, so that a row alone gets the bits it gets in a book.
        """
        unit = np.zeros(len(self.on_mean))
        for each, price in enumerate(prices):
            unit += self.on_mean[:, each] * price
        charge = self.mean * unit[self.cell]
        if self.peak_at >= 0:
            charge += self.peak * prices[self.peak_at]
        if self.loss_at >= 0:
            charge += self.loss * prices[self.loss_at]
        return self.profit - charge

    def use_of(self, constraint: int, rows: Ints) -> Floats:
        """Give what whole offers use of one constraint."""
        if constraint == self.peak_at:
            return self.peak[rows]
        if constraint == self.loss_at:
            return self.loss[rows]
        return self.mean[rows] * self.on_mean[self.cell[rows], constraint]

    def used(self, rows: Ints, shares: Floats | None = None) -> Floats:
        """Give what shares of some offers (whole ones where None) use of every constraint."""
        part = np.ones(len(rows)) if shares is None else shares
        cells = len(self.on_mean)
        by_cell = np.bincount(self.cell[rows], weights=self.mean[rows] * part, minlength=cells)
        used: Floats = (self.on_mean * by_cell[:, None]).sum(axis=0)
        if self.peak_at >= 0:
            used[self.peak_at] += (self.peak[rows] * part).sum()
        if self.loss_at >= 0:
            used[self.loss_at] += (self.loss[rows] * part).sum()
        return used

    def only(self, constraints: Ints) -> Problem:
        """Give the problem with some of its constraints."""
        at = {int(each): place for place, each in enumerate(constraints)}
        return replace(
            self,
            on_mean=np.ascontiguousarray(self.on_mean[:, constraints]),
            caps=self.caps[constraints],
            peak_at=at.get(self.peak_at, -1),
            loss_at=at.get(self.loss_at, -1),
        )

    def sample(self, count: int) -> Problem:
        """Give a part of the groups, spread evenly over their ids, with its part of the caps."""
        spread = np.arange(self.groups, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(2**32)
        chosen = np.zeros(self.groups, dtype=bool)
        chosen[np.argsort(spread, kind="stable")[:count]] = True
        rows = np.flatnonzero(chosen[self.group])
        named = ["profit", "loss", "mean", "peak", "limit", "least", "step", "cell", "tight"]
        return replace(
            self,
            group=_from_zero(self.group[rows]),
            item=_from_zero(self.item[rows]),
            caps=self.caps * (count / self.groups),
            **{name: getattr(self, name)[rows] for name in named},
        )


@dataclass(frozen=True, eq=False)
class Ladder:
    """How groups that are offered more than the cap for one borrower climb: one step a row.

    The steps of a group stand together, the best value per yuan of limit first.
    """

    rows: Ints
    before: Ints
    rise: Ints
    starts: Ints
    counts: Ints


def best_rows(problem: Problem, value: Floats, among: Bools) -> Ints:
    """Give the row of each item that is worth most; none where nothing is worth more than 0."""
    rows = np.flatnonzero((value > 0) & among)
    if problem.has_one_amount or not len(rows):
        return rows
    starts = np.flatnonzero(np.diff(problem.item[rows], prepend=-1))
    highest = np.maximum.reduceat(value[rows], starts)
    counts = np.diff(np.append(starts, len(rows)))
    best = rows[value[rows] == np.repeat(highest, counts)]
    return best[np.diff(problem.item[best], prepend=-1) > 0]


def choose_relaxed(problem: Problem, prices: Floats) -> tuple[float, Floats]:
    """Give profit and use of what all groups would choose if offers could be split at will."""
    value = problem.values(prices)
    rows = best_rows(problem, value, ~problem.tight)
    profit, used = float(problem.profit[rows].sum()), problem.used(rows)
    ladder = _ladder(problem, value)
    if not len(ladder.rows):
        return profit, used
    share = np.zeros(len(value))
    left = np.full(len(ladder.starts), float(problem.one_borrower))
    for groups, at in _by_rank(ladder):
        part = np.minimum(left[groups] / ladder.rise[at], 1.0)
        left[groups] -= part * ladder.rise[at]
        before = ladder.before[at]
        share[ladder.rows[at]] += part
        share[before[before >= 0]] -= part[before >= 0]
    held = np.flatnonzero(share)
    return profit + float((problem.profit[held] * share[held]).sum()), used + problem.used(
        held, share[held]
    )


def choose_whole(problem: Problem, value: Floats) -> Ints:
    """Give what each row gets in fen: within the cap for one borrower, minimum and step."""
    fen = np.zeros(len(value), dtype=np.int64)
    rows = best_rows(problem, value, ~problem.tight)
    fen[rows] = problem.limit[rows]
    ladder = _ladder(problem, value)
    left = np.full(len(ladder.starts), problem.one_borrower, dtype=np.int64)
    for groups, at in _by_rank(ladder):
        row, before = ladder.rows[at], ladder.before[at]
        had = np.where(before >= 0, fen[before], 0)
        follows = (before < 0) | (had == problem.limit[before])
        new = np.minimum(problem.limit[row], had + left[groups])
        is_cut = new < problem.limit[row]
        new = np.where(is_cut, new // problem.step[row] * problem.step[row], new)
        worth = value[row] * (new / problem.limit[row])
        takes = follows & (new >= np.maximum(problem.least[row], 1)) & (new > had)
        takes &= ~is_cut | (before < 0) | (worth > value[before])
        fen[before[takes & (before >= 0)]] = 0
        fen[row[takes]] = new[takes]
        left[groups[takes]] -= (new - had)[takes]
    return fen


def _by_rank(ladder: Ladder) -> list[tuple[Ints, Ints]]:
    """List, for the first steps of all groups, then the second, ...: groups and their steps."""
    most = int(ladder.counts.max()) if len(ladder.counts) else 0
    each = (np.flatnonzero(ladder.counts > rank) for rank in range(most))
    return [(groups, ladder.starts[groups] + rank) for rank, groups in enumerate(each)]


def _ladder(problem: Problem, value: Floats) -> Ladder:
    """Order what groups over the cap for one borrower may take; only amounts that can be best."""
    rows = np.flatnonzero(problem.tight & (value > 0))
    while True:
        follows = np.diff(problem.item[rows], prepend=-1) == 0
        before = np.where(follows, np.roll(rows, 1), -1)
        rise = problem.limit[rows] - np.where(follows, problem.limit[before], 0)
        slope = (value[rows] - np.where(follows, value[before], 0.0)) / rise
        is_beaten = slope <= 0
        is_beaten[:-1] |= follows[1:] & (slope[:-1] <= slope[1:])
        if not is_beaten.any():
            break
        rows = rows[~is_beaten]
    order = np.lexsort((rows, -slope, problem.group[rows]))
    starts = np.flatnonzero(np.diff(problem.group[rows[order]], prepend=-1))
    counts = np.diff(np.append(starts, len(rows)))
    return Ladder(rows[order], before[order], rise[order], starts, counts)


def _from_zero(codes: Ints) -> Ints:
    """Number codes that rise by ones from 0."""
    return np.cumsum(np.diff(codes, prepend=codes[:1]) != 0)
