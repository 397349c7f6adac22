"""Reasons of many rows: few different lists, and which of them each row has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
Flags = npt.NDArray[np.bool_]

_MOST = 2**62


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


@dataclass(frozen=True, eq=False)
class Grounds:
    """What the reasons of rows follow from.

    Parameters
    ----------
    rules : sequence of RuleResult
        In the order in which they were asked.
    referrals : mapping of str to array of bool
        Code -> who is left to a person for it.
    ok, is_risky, approved : array of bool
        Who is scored; of these who is above the product's cut, and who is approved.
    binding : array of object
        The code of what binds each limit.
    """

    rules: Sequence[Any]
    referrals: Mapping[str, Flags]
    ok: Flags
    is_risky: Flags
    approved: Flags
    binding: npt.NDArray[np.object_]

    def of_row(self, row: int, of_score: Iterable[str]) -> tuple[str, ...]:
        """Give one row's codes: why a person, the rules, then risk with its reasons, the limit."""
        first = [code for code, rows in self.referrals.items() if rows[row]]
        codes = [
            (rule.code, "MISSING_DATA")[rule.outcome[row]]
            for rule in self.rules
            if rule.outcome[row] != PASS
        ]
        if not self.ok[row]:
            codes.append("NOT_SCORED")
        elif self.is_risky[row] and not self.approved[row]:
            codes += ["PD_ABOVE_CUT", *of_score]
        elif self.approved[row] or not codes or self.binding[row] in OF_NONE:
            codes.append(self.binding[row])
        return tuple(dict.fromkeys([*first, *codes]))

    def of_rows(self, of_score: ReasonLists) -> ReasonLists:
        """Give all rows' codes: those of rows that are alike in all grounds are found once."""
        bound, bounds = pd.factorize(self.binding)
        alike = [(of_score.at, len(of_score.lists)), (bound, len(bounds))]
        alike += [(rule.outcome, 3) for rule in self.rules]
        flags = (self.ok, self.is_risky, self.approved, *self.referrals.values())
        alike += [(each, 2) for each in flags]
        key, size = np.zeros(len(self.ok), dtype=np.int64), 1
        for values, many in alike:
            if size * many > _MOST:
                key, seen = pd.factorize(key)
                size = len(seen)
            key, size = key * many + values, size * max(many, 1)
        at, seen = pd.factorize(key)
        first = np.empty(len(seen), dtype=np.int64)
        first[at[::-1]] = np.arange(len(at))[::-1]
        scored = of_score.at
        lists = [
            self.of_row(row, of_score.lists[mine])
            for row, mine in zip(first.tolist(), scored[first].tolist(), strict=True)
        ]
        return ReasonLists(at.astype(np.int64), lists)
