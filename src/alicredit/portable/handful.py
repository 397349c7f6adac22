"""A handful of rows: all tests of all trees at once, where a test a time would cost by the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from alicredit.portable.patterns import Ask

Whole = npt.NDArray[np.int64]

_CELLS = 2**19
"""Outcomes of tests held at once (assumed)."""


@dataclass(frozen=True, eq=False)
class Handful:
    """The tests of all groups as arrays, to be put to few rows at once.

    Parameters
    ----------
    line : array of int, shape (tests,)
        Which of the asked inputs.
    low, high : array of int, shape (tests, 1)
        A test passes from one rank to another, of which -1 is the missing.
    tables : tuple of (int, array of bool)
        Other tests: for each rank, and last for the missing, whether it passes.
    weight : array of int, shape (tests, 1)
        The bit of each test in its group.
    starts : array of int, shape (groups,)
        First test of each group.
    """

    line: Whole
    low: Whole
    high: Whole
    tables: tuple[tuple[int, npt.NDArray[np.bool_]], ...]
    weight: Whole
    starts: Whole

    def patterns(self, ranks: Sequence[npt.NDArray[Any]]) -> Iterator[tuple[slice, Whole]]:
        """Give some rows and their patterns, shape (groups, rows), and then the next."""
        if not len(self.starts):
            return
        whole = np.array([_signed(each) for each in ranks])
        step = max(1, _CELLS // len(self.line))
        for start in range(0, whole.shape[1], step):
            rows = slice(start, start + step)
            asked = whole[self.line, rows]
            passes = (asked >= self.low) & (asked <= self.high)
            for test, table in self.tables:
                passes[test] = table[asked[test]]
            yield rows, np.add.reduceat(passes * self.weight, self.starts, axis=0)


def handful_of(asks: Sequence[Sequence[Ask]]) -> Handful:
    """Lay out the tests of groups."""
    flat = [ask for group in asks for ask in group]
    counts = [len(group) for group in asks]
    ranges = [(0, -1) if ask.table is not None else _range(ask) for ask in flat]
    low, high = np.array(ranges, dtype=np.int64).reshape(-1, 2).T[..., None]
    return Handful(
        line=np.array([ask.line for ask in flat], dtype=np.int64),
        low=low,
        high=high,
        tables=tuple((k, ask.table) for k, ask in enumerate(flat) if ask.table is not None),
        weight=np.array([[1 << k] for count in counts for k in range(count)], dtype=np.int64),
        starts=starts_of(counts),
    )


def starts_of(counts: Sequence[int]) -> Whole:
    """Give where runs of given lengths start.

    Examples
    --------
    >>> starts_of([2, 3, 1]).tolist()
    [0, 2, 5]
    """
    return np.cumsum([0, *counts], dtype=np.int64)[: len(counts)]


def _range(ask: Ask) -> tuple[int, int]:
    """Give the first and last rank that pass, -1 for the missing."""
    first = -1 if ask.goes_round else int(ask.shift)
    return first, first + int(ask.bound)


def _signed(ranks: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Give ranks with -1 for the missing, whose own is the last of its type."""
    found = ranks.astype(np.int64)
    found[ranks == np.iinfo(ranks.dtype).max] = -1
    return found.astype(np.int32)
