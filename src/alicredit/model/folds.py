"""Out-of-fold splits that respect time and merchants."""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alicredit.cohort import Cohort

log = logging.getLogger(__name__)

Positions = npt.NDArray[np.int64]
FEWEST_DEFAULTS = 50
"""Fewer defaults to learn from make a time-ordered fold useless (assumed)."""

_BLOCKS = 3
_GROUPS = 5


@dataclass(frozen=True, eq=False)
class Folds:
    """Training and validation rows of each fold, and how they were made."""

    pairs: tuple[tuple[Positions, Positions], ...]
    kind: str


def make_folds(
    y: npt.NDArray[np.float64],
    cohort: Cohort | None,
    horizon_days: int | None,
    *,
    seed: int,
) -> Folds:
    """Split rows so that no fold learns from what it is judged on.

    With a cohort: validation blocks follow each other in time; a fold learns from rows whose
    whole window was over when its block starts, and from other merchants. Where that leaves too
    few defaults, only merchants are kept apart. Without a cohort: stratified at random.
    """
    if cohort is None:
        return Folds(_stratified(y, seed), "stratified at random: no cohort was given")
    group = np.array(
        [zlib.crc32(f"{seed}|{m}".encode()) % _GROUPS for m in cohort.frame["merchant_id"]]
    )
    if horizon_days is not None:
        ordered = _in_time(y, cohort, horizon_days, group)
        if ordered:
            return Folds(ordered, "in time order, merchants apart, unknown-yet labels purged")
        log.info("too few defaults for folds in time order: merchants are kept apart only")
    pairs = tuple(
        (np.flatnonzero(group != g), np.flatnonzero(group == g))
        for g in range(_GROUPS)
        if (group == g).any()
    )
    usable = tuple(pair for pair in pairs if len(np.unique(y[pair[0]])) == 2)
    if len(usable) >= 2:
        return Folds(usable, "merchants apart; too few defaults for time order")
    return Folds(_stratified(y, seed), "stratified at random: too few merchants to keep apart")


def _in_time(
    y: npt.NDArray[np.float64], cohort: Cohort, horizon_days: int, group: Positions
) -> tuple[tuple[Positions, Positions], ...]:
    """Make forward folds, or nothing where any would learn from too few defaults."""
    as_of = cohort.frame["as_of"].to_numpy()
    known = as_of + np.timedelta64(horizon_days, "D")
    edges = np.sort(as_of)[[len(as_of) * k // (_BLOCKS + 1) for k in range(1, _BLOCKS + 1)]]
    ends = [*edges[1:], as_of.max() + np.timedelta64(1, "D")]
    half = group % 2
    pairs = []
    for start, end in zip(edges, ends, strict=True):
        for side in (0, 1):
            learn = np.flatnonzero((known <= start) & (half != side))
            judge = np.flatnonzero((as_of >= start) & (as_of < end) & (half == side))
            if y[learn].sum() < FEWEST_DEFAULTS or y[judge].sum() < 1:
                return ()
            pairs.append((learn, judge))
    return tuple(pairs)


def _stratified(y: npt.NDArray[np.float64], seed: int) -> tuple[tuple[Positions, Positions], ...]:
    """Deal the rows of each class to folds in random order."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(y), dtype=np.int64)
    count = int(max(2, min(_GROUPS, y.sum(), len(y) - y.sum())))
    for value in (0.0, 1.0):
        rows = np.flatnonzero(y == value)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % count
    return tuple((np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count))


def periods_of(
    y: npt.NDArray[np.float64], cohort: Cohort | None, *, defaults: int, most: int
) -> Positions | None:
    """Number the period of each row: by time, about as many rows each; None where there is one.

    As many periods as have ``defaults`` defaults each on average, at most ``most``.
    """
    count = int(min(most, y.sum() // defaults, (len(y) - y.sum()) // defaults))
    if cohort is None or count < 2:
        return None
    as_of = cohort.frame["as_of"].to_numpy()
    edges = np.unique(np.sort(as_of)[[len(as_of) * k // count for k in range(1, count)]])
    period = np.unique(np.searchsorted(edges, as_of, side="right"), return_inverse=True)[1]
    return period.astype(np.int64) if period.any() else None
