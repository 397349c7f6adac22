"""Many rows scored in blocks: units, probabilities, status and reasons, in memory that is theirs.

Beyond the input and what is given back a block's columns are all that is held, whatever the number
of rows; and what a row gets does not depend on the block it is in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.blocks import Block, Reader
from alicredit.portable.contract import flags_of
from alicredit.portable.reasons import reasons_of

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scored:
    """What rows get; rows that are not scored have what their values would give, or nothing.

    Parameters
    ----------
    status : array of int8
        By position in ``contract.ROW_STATUSES``.
    scores : array of int64
        Whole units; 0 for rows that are not scored.
    pds : array, shape (3, rows)
        Lower bound, probability and upper bound; NaN for rows that are not scored.
    reasons : array of object or None
        A list of codes for each row; None where none were asked for.
    flags : array of object or None
        A list of inputs for each row, whose values training did not see; None where not asked for.
    """

    status: npt.NDArray[np.int8]
    scores: Whole
    pds: Floats
    reasons: npt.NDArray[Any] | None
    flags: npt.NDArray[Any] | None


def score_rows(
    model: ScoreModel, reader: Reader, *, top: int | None, flags: bool = False
) -> Scored:
    """Score what is read; ``top`` reasons at most for each row, None for no lists at all.

    Each row has a list of its own; rows without reasons asked for, or without flags, hold one
    empty list together.
    """
    size = reader.size
    status, scores = np.zeros(size, dtype=np.int8), np.zeros(size, dtype=np.int64)
    pds = np.empty((3, size))
    reasons = None if top is None else _empty_lists(size)
    marks = _empty_lists(size) if flags else None
    for block in reader.blocks():
        ranks = model.adder.plan.ranks(block.columns, block.gone)
        units = model.adder.total(ranks, block.columns)
        status[block.rows], scores[block.rows] = block.status, units
        for line, each in zip(pds, model.stored_pds.at(units), strict=True):
            line[block.rows] = each
        if reasons is not None and top:
            reasons[block.rows] = reasons_of(model, ranks, block.columns, top)
        if marks is not None:
            _mark(model, block, marks[block.rows])
    bad = np.flatnonzero(status)
    scores[bad], pds[:, bad] = 0, np.nan
    if reasons is not None and top:
        for row in bad.tolist():
            reasons[row] = []
    return Scored(status, scores, pds, reasons, marks)


def _empty_lists(rows: int) -> npt.NDArray[Any]:
    """Give one empty list, so many times."""
    found = np.empty(rows, dtype=object)
    found.fill([])
    return found


def _mark(model: ScoreModel, block: Block, marks: npt.NDArray[Any]) -> None:
    """Put the inputs of a block that training did not see where they belong."""
    ok = block.status == 0
    columns, specials = block.columns, model.specials
    found = flags_of(model.feature_names, model.seen_ranges, columns, ok, specials)
    for row, names in found.items():
        marks[row] = names


@dataclass(frozen=True, eq=False)
class StoredPds:
    """Probabilities of default at whole points, straight between them.

    Parameters
    ----------
    first : int
        The units of the first entry.
    unit : int
        Units between two entries.
    starts, steps : tuple of array
        Of lower bound, probability and upper bound: each entry, and the way to the next.
    """

    first: int
    unit: int
    starts: tuple[Floats, ...]
    steps: tuple[Floats, ...]

    def at(self, scores: npt.NDArray[Any]) -> tuple[Floats, Floats, Floats]:
        """Give lower bound, probability and upper bound at scores; NaN out of reach."""
        last = len(self.starts[1]) - 1
        above = scores - self.first
        at = above // self.unit if self.unit > 1 else above
        rest = above - at * self.unit
        outside = None
        if len(at) and (at.min() < 0 or at.max() >= last):
            outside = (at < 0) | (at > last) | ((at == last) & (rest > 0))
            at = np.where(outside, 0, at)
        at = at.astype(np.intp)
        found = [start.take(at, mode="clip") for start in self.starts]
        if self.unit > 1:
            share = rest / self.unit
            for each, step in zip(found, self.steps, strict=True):
                each += step.take(at, mode="clip") * share
        lower, pd_, upper = found
        np.minimum(lower, pd_, out=lower)
        np.maximum(upper, pd_, out=upper)
        if outside is not None:
            for each in found:
                each[outside] = np.nan
        return lower, pd_, upper


def stored_pds_of(first_score: int, unit: int, lines: Sequence[Sequence[float]]) -> StoredPds:
    """Prepare the probabilities stored at whole points: lower bounds, probabilities, upper."""
    starts = tuple(np.array(line, dtype=np.float64) for line in lines)
    steps = tuple(np.append(start[1:], start[-1:]) - start for start in starts)
    return StoredPds(first_score * unit, unit, starts, steps)
