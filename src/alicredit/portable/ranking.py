"""The few reasons that cost most, for many rows at once, by comparing whole columns."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from alicredit.portable.grids import Grids, Plan, Term, pack, reach_of, signed_kind

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel

Whole = npt.NDArray[np.int64]

_PAIRED = 128
"""Codes up to which the lists of any two are kept (assumed)."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """What each reason code costs a row, as keys that sort by cost and then by code.

    A key is the cost in whole units times ``size``, plus the places that stand after the code: the
    greatest keys are the dearest codes, the first of equals in alphabetical order, and a key from
    ``size`` up is of a code that costs something.

    Parameters
    ----------
    codes : array of str
        In order, those that can cost anything.
    size : int
        A power of two, no less than the codes.
    first, second : tuple of Grids
        Keys of each code against the reference, and against the best there is.
    """

    codes: npt.NDArray[Any]
    size: int
    first: tuple[Grids, ...]
    second: tuple[Grids, ...]

    def reasons(self, ranks: Sequence[npt.NDArray[Any]], rows: int, top: int) -> list[list[str]]:
        """Give the codes that cost each row most, dearest first, by the ranks of all axes."""
        top = min(top, len(self.codes))
        if top < 1:
            return [[] for _ in range(rows)]
        tops = greatest((each.total(ranks, rows) for each in self.first), top)
        ahead = np.flatnonzero(tops[0] < self.size)
        if len(ahead):
            theirs = [each[ahead] for each in ranks]
            tops[:, ahead] = greatest((each.total(theirs, len(ahead)) for each in self.second), top)
        places = (self.size - 1) - (tops & (self.size - 1))
        costs = tops >= self.size
        if len(self.codes) > _PAIRED:
            return lists_of(self.codes, places.T, costs.sum(axis=0))
        return _joined(self.pairs, np.where(costs, places, len(self.codes)), len(self.codes) + 1)

    @cached_property
    def pairs(self) -> npt.NDArray[Any]:
        """Give the lists of any two codes, one, or none: the last place of each is none."""
        ones: list[list[str]] = [*([code] for code in self.codes), []]
        found = np.empty(len(ones) ** 2, dtype=object)
        found[:] = [one + two for one in ones for two in ones]
        return found


def _joined(pairs: npt.NDArray[Any], places: Whole, width: int) -> list[list[str]]:
    """Join the lists of two places each to a new one for each row; places, shape (top, rows)."""
    rows = places.shape[1]
    lines = list(places.astype(np.intp))
    lines += [np.full(rows, width - 1)] * (max(4 - len(lines), 0) + max(len(lines), 4) % 2)
    parts = [pairs.take(lines[k] * width + lines[k + 1]) for k in range(0, len(lines), 2)]
    found: Any = parts[0]
    with _undisturbed():
        for part in parts[1:]:
            found = found + part
    return cast("list[list[str]]", found)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold the search for garbage off while many lists are made, none of which is garbage.

    It would take four times as long as making them.
    """
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


def lists_of(codes: npt.NDArray[Any], places: Any, counts: Any) -> list[list[str]]:
    """Give for each row its own list of so many codes, by their places, shape (rows, most)."""
    with _undisturbed():
        found: list[list[str]] = codes[places].tolist()
    short = np.flatnonzero(counts < places.shape[1])
    for row, count in zip(short.tolist(), counts[short].tolist(), strict=True):
        del found[row][count:]
    return found


def ranked(by_code: Whole, top: int) -> tuple[Whole, Whole]:
    """Give the columns that cost most and what they cost, shape (rows, top), dearest first.

    Of equals the first column comes first. ``by_code`` has a line for each row.
    """
    codes = by_code.shape[1]
    top, bits = min(top, codes), max(codes - 1, 0).bit_length()
    most = int(np.abs(by_code).max(initial=0))
    if top < 1 or most >= 2 ** (62 - bits):
        order = np.argsort(-by_code, axis=1, kind="stable")[:, :top]
        return order, np.take_along_axis(by_code, order, axis=1)
    last = (1 << bits) - 1
    keys = ((each << bits) + (last - at) for at, each in enumerate(by_code.T))
    found = greatest(keys, top).T
    return last - (found & last), found >> bits


def greatest(keys: Iterable[npt.NDArray[Any]], top: int) -> npt.NDArray[Any]:
    """Give the greatest keys of each row, shape (top, rows): each is put in its place in turn.

    Keys are written over.

    Examples
    --------
    >>> greatest([np.array([1, 9]), np.array([5, 2]), np.array([3, 4])], 2).tolist()
    [[5, 9], [3, 4]]
    """
    found: list[npt.NDArray[Any]] = []
    spare: npt.NDArray[Any] | None = None
    for key in keys:
        spare = np.empty_like(key) if spare is None else spare
        for at, mine in enumerate(found):
            np.maximum(mine, key, out=spare)
            if at + 1 < top:
                np.minimum(mine, key, out=key)
            found[at], spare = spare, mine
        if len(found) < top:
            found.append(key)
    return np.array(found)


def ranking_of(model: ScoreModel, plan: Plan) -> Ranking | None:
    """Prepare the reasons of tables and pairs; None where keys would not fit, and for trees."""
    if model.trees is not None:
        return None
    by_code = [_terms(model, plan, goal) for goal in ("reference", "best")]
    codes = sorted({code for terms in by_code for code in terms})
    size = 1 << max(len(codes) - 1, 0).bit_length()
    most = size * (
        1 + max((reach_of(each) for terms in by_code for each in terms.values()), default=0)
    )
    if most >= 2**62:
        return None
    kind = signed_kind(most)
    first, second = (
        tuple(
            pack([(lines, size * lost) for lines, lost in terms.get(code, [])], size - 1 - at, kind)
            for at, code in enumerate(codes)
        )
        for terms in by_code
    )
    return Ranking(np.array(codes, dtype=object), size, first, second)


def _terms(model: ScoreModel, plan: Plan, goal: str) -> dict[str, list[Term]]:
    """Give by reason code what its inputs and their halves of pairs cost against a goal."""
    found: dict[str, list[Term]] = {}
    reasons = [table.reason for table in model.tables]
    for at, (lines, units) in plan.tables:
        lost = getattr(model.tables[at], goal) - units
        found.setdefault(reasons[at], []).append((lines, lost))
    for k, (lines, units) in plan.pairs:
        pair = model.pairs[k]
        whole = getattr(pair, goal) - units
        half = np.sign(whole) * (np.abs(whole) // 2)
        found.setdefault(reasons[model.places[pair.first]], []).append((lines, whole - half))
        found.setdefault(reasons[model.places[pair.second]], []).append((lines, half))
    return found
