"""Reasons of many rows: few different lists, and which of them each row has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.policy.eligibility import PASS
from alicredit.policy.limits import OF_NONE
from alicredit.vocabulary import REASONS

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ReasonLists:
    """A list of codes for each row.

    Parameters
    ----------
    at : array of int
        Position of each row's list.
    lists : list of tuple of str
        Those that there are.
    """

    at: Places
    lists: list[tuple[str, ...]]

    @classmethod
    def of(cls, rows: Iterable[Iterable[str]]) -> ReasonLists:
        """Find the different lists among rows."""
        seen: dict[tuple[str, ...], int] = {}
        at = [seen.setdefault(codes, len(seen)) for codes in map(tuple, rows)]
        return cls(np.array(at, dtype=np.int64), list(seen))

    @classmethod
    def side_by_side(cls, parts: Sequence[ReasonLists]) -> ReasonLists:
        """Take the first row of each part, then the second of each, and so on."""
        starts = np.cumsum([0, *(len(part.lists) for part in parts)])
        at = np.stack([part.at + start for part, start in zip(parts, starts)], axis=1)
        return cls(at.ravel(), [codes for part in parts for codes in part.lists])

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.at)

    def tolist(self) -> list[list[str]]:
        """Give each row a list of its own."""
        return [list(self.lists[at]) for at in self.at.tolist()]

    def to_arrow(self) -> pa.ListArray:
        """Give the lists as Arrow's, of numbered words."""
        words = dict.fromkeys([*REASONS, *(code for codes in self.lists for code in codes)])
        number = {code: at for at, code in enumerate(words)}
        sizes = np.array([len(codes) for codes in self.lists], dtype=np.int64)
        flat = np.array([number[code] for codes in self.lists for code in codes], dtype=np.int32)
        starts = np.cumsum(sizes) - sizes
        mine = sizes[self.at] if len(self.at) else np.zeros(0, dtype=np.int64)
        ends = np.cumsum(mine)
        shift = np.repeat(starts[self.at] - (ends - mine), mine)
        values = flat[np.arange(len(shift)) + shift]
        offsets = np.concatenate([np.zeros(1, dtype=np.int32), ends.astype(np.int32)])
        coded = pa.DictionaryArray.from_arrays(pa.array(values), pa.array(list(words)))
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), coded)


def find_reasons(
    rules: Sequence[Any],
    ok: npt.NDArray[np.bool_],
    is_risky: npt.NDArray[np.bool_],
    approved: npt.NDArray[np.bool_],
    binding: npt.NDArray[np.object_],
    of_score: ReasonLists,
) -> ReasonLists:
    """Give each row's codes: rules first, then risk with the score's reasons, then the limit.

    Rows that are alike in all of these have the same list, made once.
    """
    bound, bounds = pd.factorize(binding)
    first_of_score = 2 + len(bounds)
    every = first_of_score + len(of_score.lists)
    outcomes = np.zeros(len(ok), dtype=np.int64)
    is_clean = np.ones(len(ok), dtype=bool)
    for rule in rules:
        outcomes = outcomes * 3 + rule.outcome
        is_clean &= rule.outcome == PASS
    is_bound = approved | is_clean | np.isin(bounds, OF_NONE)[bound]
    tail = np.where(is_bound, bound + 2, 0)
    tail = np.where(is_risky & ~approved, first_of_score + of_score.at, tail)
    tail = np.where(ok, tail, 1)
    at, different = pd.factorize(outcomes * every + tail)
    lists = []
    for key in different.tolist():
        outcome, last = divmod(key, every)
        codes = []
        for rule in reversed(rules):
            outcome, mine = divmod(outcome, 3)
            codes.append((rule.code, "MISSING_DATA", "")[mine])
        found = [code for code in reversed(codes) if code]
        if last == 1:
            found.append("NOT_SCORED")
        elif last >= first_of_score:
            found += ["PD_ABOVE_CUT", *of_score.lists[last - first_of_score]]
        elif last:
            found.append(bounds[last - 2])
        lists.append(tuple(dict.fromkeys(found)))
    return ReasonLists(at.astype(np.int64), lists)
