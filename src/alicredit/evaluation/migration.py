"""Do grades and ranking hold? Migration, concentration and the decline of an area."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from alicredit.checks import refuse, require_between, require_one_order
from alicredit.evaluation.arrays import Floats, counts, numbers, pair
from alicredit.evaluation.rates import Estimate


def auc_decline(development: float, now: Estimate) -> tuple[float, float]:
    """Test whether ranking is worse than at development: S = (AUC0 - AUC1) / s1, p = 1 - Phi(S).

    The development value is taken as certain (ECB 2019, DOMAIN 5.3); NaN where the error of the
    present area is not known or is nought.

    Parameters
    ----------
    development : float
        Area under the curve at development, 0 to 1.
    now : Estimate
        The present area and its error, as :func:`auc` gives it.

    Returns
    -------
    tuple of float
        S, and its p-value: small says worse.

    Raises
    ------
    InputError
        If ``development`` lies outside 0 to 1.

    Examples
    --------
    >>> s, p = auc_decline(0.80, Estimate(0.74, 0.03))
    >>> round(s, 4), round(p, 4)
    (2.0, 0.0228)
    >>> auc_decline(80, Estimate(0.74, 0.03))
    Traceback (most recent call last):
    alicredit.errors.InputError: development must be a number from 0 to 1; found 80.
    """
    require_between("development", development, 0, 1)
    if not now.se > 0:
        return float(np.nan), float(np.nan)
    s = (development - now.value) / now.se
    return float(s), float(stats.norm.sf(s))


def matrix_bandwidths(moves: npt.ArrayLike) -> tuple[float, float]:
    """Give how far those who changed grade moved, against the farthest: (to better, to worse).

    With n(i, j) moves from grade i to j, best first: sum |i - j| n / sum max(i - 1, K - i) n below
    the diagonal (lower, to better grades) and above it (upper, to worse) (ECB 2019, DOMAIN 5.3).
    NaN where nobody moved.

    Parameters
    ----------
    moves : array of int, shape (K, K)
        How many moved from the row's grade to the column's, best first.

    Returns
    -------
    tuple of float
        To better and to worse grades, each 0 to 1.

    Raises
    ------
    InputError
        If it is no square of counts.

    Examples
    --------
    >>> moves = [[10, 8, 15, 9, 10], [11, 9, 13, 9, 8], [0, 10, 10, 11, 10],
    ...          [0, 0, 9, 11, 11], [0, 0, 0, 11, 10]]
    >>> [round(each, 4) for each in matrix_bandwidths(moves)]
    [0.3306, 0.6066]
    >>> matrix_bandwidths([[1, 2]])
    Traceback (most recent call last):
    alicredit.errors.InputError: moves must be a square of counts; found shape (1, 2).
    """
    table = _square(moves)
    before, after = np.indices(table.shape)
    farthest = np.maximum(before, len(table) - 1 - before)
    ends = []
    for side in (after < before, after > before):
        most = float((farthest * table)[side].sum())
        ends.append(float((np.abs(before - after) * table)[side].sum()) / most if most else np.nan)
    return ends[0], ends[1]


def monotone_tests(moves: npt.ArrayLike) -> Floats:
    """Test that no cell is fuller than its neighbour nearer to the diagonal (ECB 2019).

    z = (p(far) - p(near)) / root((p(far) + p(near) - (p(far) - p(near))^2) / n), of shares p of the
    n that started in the row; a large z says that the far cell is fuller.

    Parameters
    ----------
    moves : array, shape (grades, grades)
        Counts, from (rows) and to (columns), best grade first.

    Returns
    -------
    array, shape (grades, grades)
        z of each cell off the diagonal; NaN on it, and where both cells are empty.

    Raises
    ------
    InputError
        If it is no square of counts.

    Examples
    --------
    >>> monotone_tests([[50, 0, 10], [5, 40, 5], [0, 0, 0]])[0].round(3).tolist()
    [nan, -17.321, 3.464]
    >>> monotone_tests([[1, -1], [0, 1]])
    Traceback (most recent call last):
    alicredit.errors.InputError: n must be whole numbers of at least 0; found -1.0.
    """
    table = _square(moves)
    before, after = np.indices(table.shape)
    n = table.sum(axis=1, keepdims=True)
    share = np.divide(table, n, out=np.zeros_like(table), where=n > 0)
    near = np.take_along_axis(share, after - np.sign(after - before), axis=1)
    gap = share - near
    spread = share + near - gap**2
    room = np.divide(spread, n, out=np.zeros_like(table), where=n > 0)
    z = np.full_like(table, np.nan)
    off = (before != after) & (share + near > 0)
    some = off & (room > 1e-15)
    z[some] = gap[some] / np.sqrt(room[some])
    sure = off & ~some
    z[sure] = np.sign(gap[sure]) * np.inf
    return z


def concentration_test(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    """Give the p-value of the hypothesis that grades are no more concentrated than before.

    CV = root(K sum (share - 1/K)^2); p = 1 - Phi(root(K - 1) (CV1 - CV0) / root(CV1^2 (1/2 +
    CV1^2))) (ECB 2019). Small values say more concentrated; NaN for one grade, or even shares now.

    Parameters
    ----------
    before : array of float
        Rows of each grade before.
    after : array of float
        Those of now, in the same grades.

    Returns
    -------
    float
        The p-value.

    Raises
    ------
    InputError
        If lengths or orders differ, or a count is negative.

    Examples
    --------
    >>> round(concentration_test([30, 40, 30], [10, 80, 10]), 4)
    0.1595
    >>> concentration_test([30, 40, 30], [50, 50])
    Traceback (most recent call last):
    alicredit.errors.InputError: arrays must have one length, above 0; found 3 and 2.
    """
    require_one_order(before=before, after=after)
    pair(before, after)
    cv = []
    for name, given in (("before", before), ("after", after)):
        mass = numbers(name, given)
        if not np.isfinite(mass).all() or (mass < 0).any() or not mass.sum() > 0:
            refuse(name, "must be finite, at least 0 and not all 0", mass.tolist()[:10])
        many = len(mass)
        cv.append(float(np.sqrt(many * ((mass / mass.sum() - 1 / many) ** 2).sum())))
    if many == 1 or cv[1] < 1e-12:
        return float(np.nan)
    z = np.sqrt(many - 1) * (cv[1] - cv[0]) / (cv[1] * np.sqrt(0.5 + cv[1] ** 2))
    return float(stats.norm.sf(z))


def _square(moves: npt.ArrayLike) -> Floats:
    """Take a square of counts."""
    try:
        table = np.asarray(moves, dtype=np.float64)
    except (TypeError, ValueError) as error:
        refuse("moves", "must be a square of counts", f"({error})")
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        refuse("moves", "must be a square of counts", f"shape {table.shape}")
    counts(table.ravel(), np.zeros(table.size))
    return table
