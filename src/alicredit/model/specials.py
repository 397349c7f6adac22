"""Special codes: what each says of default, where the learner itself takes all for missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from alicredit.model.learner import TrainingSet
from alicredit.model.points import FEWEST_OF_A_STEP

Floats = npt.NDArray[np.float64]
Codes = Sequence[tuple[float, ...]]

_SPREAD, _WITNESSES = 0.4, 1.0
"""Log-odds by which levels differ, and how many levels' worth of that is believed (assumed)."""
_ROUNDS, _NARROWEST, _LONGEST = 40, 1e-3, 2.0


def special_values(
    data: TrainingSet, codes: Codes, missing: Mapping[int, float], margin: Floats
) -> dict[int, Floats]:
    """Give, by input with codes, the log-odds of each code and, last, of the missing.

    The learner takes codes and the missing for one level of an input: ``missing`` is its value, and
    ``margin`` what the model gives each row so. Here each is a level of its own: all levels of all
    inputs are moved at once from there, as a penalised logistic regression says, since codes of
    one source come together. Levels are drawn back to where they were as the data say levels
    differ (their variance by EM, with a prior of 0.4 worth one level), so that the fewer defaults
    a level has, the less it moves. Rows of one merchant are one witness. A code of fewer than 20
    rows has the value of the missing (all assumed).
    """
    given, moved = data.given, {}
    columns, places = [], []
    for at, own in enumerate(codes):
        if not own:
            continue
        levels = [given[:, at] == code for code in own] + [np.isnan(given[:, at])]
        moved[at] = np.full(len(levels), np.nan)
        for k, member in enumerate(levels):
            if member.sum() >= FEWEST_OF_A_STEP:
                columns.append(np.flatnonzero(member))
                places.append((at, k))
    if places:
        for (at, k), move in zip(places, _moves(data, columns, margin), strict=True):
            moved[at][k] = missing[at] + move
    for at, found in moved.items():
        if np.isnan(found[-1]):
            found[-1] = missing[at]
        moved[at] = np.where(np.isnan(found), found[-1], found)
    return moved


def add_specials(
    margin: Floats,
    given: Floats,
    codes: Codes,
    missing: Mapping[int, float],
    moved: Mapping[int, Floats],
) -> Floats:
    """Give margins with the value of each level in place of what all of an input's had."""
    found = margin.copy()
    for at, values in moved.items():
        for code, value in zip((*codes[at], np.nan), values - missing[at], strict=True):
            is_here = np.isnan(given[:, at]) if np.isnan(code) else given[:, at] == code
            found[is_here] += value
    return found


def _moves(data: TrainingSet, columns: Sequence[npt.NDArray[np.int64]], margin: Floats) -> Floats:
    """Give by how much each level moves, all at once."""
    used = np.unique(np.concatenate(columns))
    members = [np.searchsorted(used, rows) for rows in columns]
    ends = np.cumsum([0, *map(len, members)])
    ones = np.ones(ends[-1])
    Z = sparse.csc_matrix((ones, np.concatenate(members), ends), shape=(len(used), len(columns)))
    bad = max(float((data.y == 1).sum()), 1.0)
    weight = data.weight[used] / data.weight.mean() * min(data.defaults / bad, 1.0)
    y, base = data.y[used], margin[used]
    move, variance = np.zeros(len(columns)), _SPREAD**2
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(base + Z @ move, -500, 500)))
        curve = (Z.T @ sparse.diags(weight * p * (1 - p)) @ Z).toarray()
        inverse = np.linalg.inv(curve + np.eye(len(move)) / variance)
        step = inverse @ (Z.T @ (weight * (y - p)) - move / variance)
        step *= min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-12))
        move = move + step
        spread = float((move**2 + np.diag(inverse)).sum()) + _WITNESSES * _SPREAD**2
        variance = spread / (len(move) + _WITNESSES)
        if np.abs(step).max() < _NARROWEST:
            break
    return np.asarray(move)
