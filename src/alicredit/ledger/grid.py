"""Loans by days as one flat table: running sums and flags without a loop over loans.

Each loan has a stretch of the grid's days; stretches lie end to end. What happens on a day stands
at the first day of the grid that is not before it, so that a grid of month ends is as exact as one
of every day.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]


class Grid:
    """The rows of some loans on some days.

    Parameters
    ----------
    days : ndarray of int64
        Days from 1970, increasing.
    first : ndarray of int64
        The place in ``days`` of each loan's first row.
    stop : ndarray of int64
        The place after each loan's last row; a loan without rows has ``stop <= first``.

    Examples
    --------
    >>> grid = Grid(np.array([10, 20, 30]), np.array([0, 1]), np.array([3, 2]))
    >>> grid.loan.tolist(), grid.day.tolist()
    ([0, 0, 0, 1], [10, 20, 30, 20])
    >>> grid.running(np.array([0, 0]), np.array([11, 20]), np.array([5, 7])).tolist()
    [0, 12, 12, 0]
    """

    def __init__(self, days: Whole, first: Whole, stop: Whole) -> None:
        """Lay the rows out."""
        self.days, self.first = days, first
        self.size = np.maximum(stop - first, 0)
        self.stop = first + self.size
        self.offset = np.concatenate([[0], np.cumsum(self.size)])
        self.rows = int(self.offset[-1])
        self.loan = np.repeat(np.arange(len(first)), self.size)
        self.day = days[np.arange(self.rows) - self._spread(self.offset[:-1] - first)]

    def place(self, day: Whole) -> Whole:
        """Give the place in the grid from which on something of a day is seen."""
        return np.searchsorted(self.days, day, side="left")

    def running(self, loan: Whole, day: Whole, value: Whole) -> Whole:
        """Sum what happened to each loan up to and including each row's day."""
        return self._summed(loan, self.place(day), value)

    def between(self, loan: Whole, start: Whole, end: Whole, value: Whole | int = 1) -> Whole:
        """Sum the values that hold on each row's day: from ``start`` to the day before ``end``."""
        begin, over = self.place(start), self.place(end)
        some = over > begin
        value = np.broadcast_to(np.asarray(value, dtype=np.int64), loan.shape)[some]
        who = np.concatenate([loan[some], loan[some]])
        at = np.concatenate([begin[some], over[some]])
        return self._summed(who, at, np.concatenate([value, -value]))

    def _summed(self, loan: Whole, place: Whole, value: Whole) -> Whole:
        """Add values at places of the grid and sum them along each loan's rows."""
        place = np.maximum(place, self.first[loan])
        seen = place < self.stop[loan]
        loan, place, value = loan[seen], place[seen], value[seen]
        flat = np.zeros(self.rows + 1, dtype=np.int64)
        np.add.at(flat, self.offset[loan] + place - self.first[loan], value)
        total = np.cumsum(flat)
        before = total[self.offset[:-1]] - flat[self.offset[:-1]]
        return total[:-1] - self._spread(before)

    def _spread(self, values: Whole) -> Whole:
        """Repeat a value a loan over its rows."""
        return np.repeat(values, self.size)
