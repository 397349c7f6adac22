"""Which pairs of many inputs are looked at together: those whose counts say most of each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from alicredit.model.learner import TrainingSet

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

MOST_TOGETHER = 2_000
"""Pairs that trees of pairs may see, at most, which are all of 63 inputs (assumed): of 300 inputs
there are 44,850, and to go through them takes LightGBM twenty times as long as all its work."""

_BLOCK = 4_096

_PARTS = (0.25, 0.5, 0.75)
"""Shares of the known values below which an input is cut (assumed)."""


def pairs_together(data: TrainingSet) -> list[tuple[int, ...]]:
    """List the pairs that may be seen together: of inputs that take more than one value.

    Of more than 2,000 those of the largest :func:`together`, and each input alone.
    """
    X = data.X
    same = ((X[0] == X) | (np.isnan(X) & np.isnan(X[0]))).all(axis=0)
    moving = np.flatnonzero(~same)
    if len(moving) < 2:
        return [(at,) for at in range(X.shape[1])]
    pairs: list[tuple[int, ...]] = list(combinations(moving.tolist(), 2))
    if len(pairs) <= MOST_TOGETHER:
        return pairs
    strength = together(data, moving)[np.triu_indices(len(moving), 1)]
    kept = np.sort(np.argsort(-strength, kind="stable")[:MOST_TOGETHER])
    return [*(pairs[at] for at in kept), *((at,) for at in moving.tolist())]


def together(data: TrainingSet, inputs: Whole) -> Floats:
    """Give how sure it is that each two inputs say together what they do not say one by one.

    Both are cut in two in all ways tried. The log-odds of the four cells, less those that two
    effects add up to, stand in so many standard errors (Woolf 1955, half a row added to each count
    after Haldane 1956); squared, and the most of all cuts.
    """
    sides = [_sides(data.X[:, at], data.y, is_level=at in data.categories) for at in inputs]
    owner = np.repeat(np.arange(len(inputs)), [own.shape[1] for own in sides])
    taken = np.hstack(sides)
    weight = data.weight / data.weight.mean()
    bad, good = (_cells(taken[rows], weight[rows]) for rows in (data.y == 1, data.y == 0))
    apart, spread = np.zeros(bad[0].shape), np.zeros(bad[0].shape)
    for sign, one, none in zip((1, -1, -1, 1), bad, good, strict=True):
        apart += sign * (np.log(one + 0.5) - np.log(none + 0.5))
        spread += 1 / (one + 0.5) + 1 / (none + 0.5)
    found = np.zeros((len(inputs), len(inputs)))
    np.maximum.at(found, (owner[:, None], owner), apart**2 / spread)
    np.fill_diagonal(found, 0.0)
    return found


def _sides(column: Floats, y: Floats, *, is_level: bool) -> Flags:
    """Say which rows are above each cut, and which are missing; of none and all nothing is said.

    Levels of a category stand by their rate of defaults. Where a quarter or more have the least
    value of all, the first cut is above it.
    """
    gone = np.isnan(column)
    if is_level:
        level = np.where(gone, 0, column).astype(np.int64)
        rows = np.bincount(level[~gone], minlength=int(level.max()) + 1)
        bad = np.bincount(level[~gone], weights=y[~gone], minlength=len(rows))
        column = ((bad + y.mean()) / (rows + 1))[level]
    known = np.sort(column[~gone])
    above = known[known > known[0]] if len(known) else known
    cuts = np.empty(0)
    if len(above):
        at = (np.array(_PARTS) * len(known)).astype(np.int64)
        cuts = np.unique(np.maximum(known[at], above[0]))
    found = np.column_stack([*((column >= cut) & ~gone for cut in cuts), gone])
    return found[:, found.any(axis=0)]


def _cells(taken: Flags, weight: Floats) -> list[Floats]:
    """Add up weights where both sides are taken, the first, the second, and neither."""
    both = np.zeros((taken.shape[1], taken.shape[1]))
    for start in range(0, len(taken), _BLOCK):
        some = taken[start : start + _BLOCK].astype(np.float64)
        both += (some * weight[start : start + _BLOCK, None]).T @ some
    own = both.diagonal()
    first, second = own[:, None] - both, own[None, :] - both
    cells = [both, first, second, weight.sum() - both - first - second]
    return [np.maximum(cell, 0.0) for cell in cells]
