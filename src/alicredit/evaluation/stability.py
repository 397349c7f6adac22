"""Has a population moved? Shifts of shares against chance, of rows that may share fates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from alicredit.checks import refuse, require_between, require_one_of, require_one_order
from alicredit.evaluation.arrays import Floats, clusters, counts, numbers, pair
from alicredit.evaluation.metrics import psi

ADJUSTMENTS = ("holm", "benjamini-hochberg", "none")
"""How p-values of many tests may be put together."""


@dataclass(frozen=True, slots=True)
class PsiTest:
    """A population stability index held against chance.

    Parameters
    ----------
    psi : float
        The index.
    degrees : float
        Bins that either population fills, less one; fewer where rows share fates.
    critical : float
        What chance exceeds with the level asked for; NaN where there is one bin alone.
    p_value : float
        Chance of so large an index without a shift beyond the tolerance.
    """

    psi: float
    degrees: float
    critical: float
    p_value: float


def psi_test(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    *,
    effective_reference: float | None = None,
    covariance_reference: Floats | None = None,
    covariance_current: Floats | None = None,
    tolerance: float = 0.0,
    level: float = 0.05,
) -> PsiTest:
    """Hold the stability index of two populations' counts against chance.

    Of n and m independent rows without a shift, PSI / (1/n + 1/m) is about chi-square with one
    degree of freedom less than bins; with a true shift of ``tolerance`` it is about non-central by
    tolerance / (1/n + 1/m) (DOMAIN 5.3, S70). Where rows share fates, the mean and variance of the
    index under V, the sum of both covariances of shares, are those of a scaled chi-square (Rao and
    Scott 1981, with Satterthwaite's degrees): scale tr(W^2) / tr(W) and tr(W)^2 / tr(W^2) degrees
    of W = V / pooled shares. A bin that one population leaves empty counts half a row there, one
    that both leave empty is left out.

    Parameters
    ----------
    reference, current : array
        Rows by bin.
    effective_reference : float or None, default None
        Independent rows that tell as much as the reference's; None takes all its rows.
    covariance_reference, covariance_current : array (bins, bins) or None, default None
        Covariance of the shares, from :func:`share_covariance`; None takes rows as independent.
    tolerance : float, default 0
        A true index up to which a shift is no matter.
    level : float, default 0.05
        Rate of false alarms.

    Returns
    -------
    PsiTest
        Index, degrees of freedom, critical value and p-value.

    Raises
    ------
    InputError
        If lengths differ, a count is none, a population is empty or a number is out of range.

    Examples
    --------
    >>> found = psi_test([100] * 10, [80, 90, 100, 100, 110, 100, 100, 100, 110, 110])
    >>> round(found.psi, 6), found.degrees, round(found.critical, 4), round(found.p_value, 3)
    (0.008376, 9.0, 0.0338, 0.899)
    >>> psi_test([100, 100], [100])
    Traceback (most recent call last):
    alicredit.errors.InputError: arrays must have one length, above 0; found 2 and 1.
    """
    require_between("level", level, 0, 1)
    require_between("tolerance", tolerance, 0, 10)
    require_one_order(reference=reference, current=current)
    a, b = pair(reference, current)
    for name, rows in (("reference", a), ("current", b)):
        counts(rows, np.zeros(len(rows)))
        if not rows.sum() > 0:
            refuse(name, "must count at least one row", "none")
    sizes = [float(a.sum()), float(b.sum())]
    if effective_reference is not None:
        require_between("effective_reference", effective_reference, 0.5, sizes[0] * (1 + 1e-9))
        sizes[0] = effective_reference
    is_used = (a > 0) | (b > 0)
    a, b = (np.where(rows[is_used] > 0, rows[is_used], 0.5) for rows in (a, b))
    value, degrees = psi(a / a.sum(), b / b.sum()), float(len(a) - 1)
    if not degrees:
        return PsiTest(value, degrees, float(np.nan), 1.0)
    scale = 1 / sizes[0] + 1 / sizes[1]
    given = (covariance_reference, covariance_current)
    if any(each is not None for each in given):
        pooled = (a + b) / (a + b).sum()
        plain = np.diag(pooled) - np.outer(pooled, pooled)
        spread = np.zeros_like(plain)
        for each, size in zip(given, sizes, strict=True):
            spread += plain / size if each is None else _of_used(each, is_used)
        ratio = spread / pooled[:, None]
        first, second = float(np.trace(ratio)), float((ratio * ratio.T).sum())
        if first > 0:
            scale, degrees = second / first, first**2 / second
    law = stats.chi2(degrees)
    if tolerance:
        law = stats.ncx2(degrees, tolerance / scale)
    return PsiTest(value, degrees, float(law.isf(level) * scale), float(law.sf(value / scale)))


def _of_used(covariance: Floats, is_used: npt.NDArray[np.bool_]) -> Floats:
    """Take the bins in use of a covariance."""
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.shape != (len(is_used), len(is_used)):
        refuse("covariance", f"must be square, of {len(is_used)} bins", f"shape {matrix.shape}")
    return matrix[np.ix_(is_used, is_used)]


def share_covariance(places: npt.ArrayLike, cluster: npt.ArrayLike, *, bins: int) -> Floats:
    """Estimate the covariance of shares by bin, of rows that share fates within clusters.

    The residuals of each cluster's rows are summed before their products are taken. The covariance
    is never less, by its trace over shares, than that of independent rows.

    Parameters
    ----------
    places : array of int
        Each row's bin, from 0.
    cluster : array
        What rows share a fate.
    bins : int
        How many bins there are.

    Returns
    -------
    array, shape (bins, bins)
        Covariance of the shares; that of one independent row where there is one cluster alone.

    Raises
    ------
    InputError
        If lengths differ, or there is no row.

    Examples
    --------
    >>> share_covariance([0, 0, 1, 1], ["a", "a", "b", "b"], bins=2).tolist()
    [[0.125, -0.125], [-0.125, 0.125]]
    >>> share_covariance([0, 1], ["a"], bins=2)
    Traceback (most recent call last):
    alicredit.errors.InputError: cluster must have one value for each of the 2 rows; found 1.
    """
    require_one_order(places=places, cluster=cluster)
    found_at = numbers("places", places)
    if not len(found_at):
        refuse("places", "must hold at least one row", "none")
    if not (found_at == np.floor(found_at)).all() or np.isinf(found_at).any():
        wrong = found_at[(found_at != np.floor(found_at)) | np.isinf(found_at)][0]
        refuse("places", "must be whole numbers, the bin of each row", wrong)
    at = found_at.astype(np.int64)
    if at.min() < 0 or at.max() >= bins:
        wrong = at[(at < 0) | (at >= bins)][0]
        refuse("places", f"must be bins from 0 to {bins - 1}", int(wrong))
    who = clusters(cluster, len(at))
    n, many = len(at), int(who.max()) + 1
    table = np.bincount(who * bins + at, minlength=many * bins).reshape(many, bins)
    table = table.astype(np.float64)
    share = table.sum(axis=0) / n
    plain: Floats = np.diag(share) - np.outer(share, share)
    if many == 1:
        return plain
    size = table.sum(axis=1)
    # Sums of products of counts are whole, so that no order of clusters changes a bit.
    together, joint = table.T @ table, np.outer(share, size @ table)
    found: Floats = together - joint - joint.T + np.outer(share, share) * float(size @ size)
    found /= n**2
    least, mine = (_trace_over(each, share) for each in (plain / n, found))
    if mine <= 1e-9 * least:
        return plain / n
    return found * max(1.0, least / mine)


def _trace_over(covariance: Floats, share: Floats) -> float:
    """Sum variances of shares over the shares."""
    used = share > 0
    return float((np.diag(covariance)[used] / share[used]).sum())


def effective_shares(places: npt.ArrayLike, cluster: npt.ArrayLike, *, bins: int) -> float:
    """Give how many independent rows tell as much of shares by bin as rows that share fates do.

    Design effects of the shares are averaged as Rao and Scott (1981) do for a chi-square test. For
    two bins this is :func:`effective_rows`.

    Parameters
    ----------
    places : array of int
        The bin of each row, 0 to ``bins - 1``.
    cluster : array
        What rows share a fate.
    bins : int
        How many bins there are.

    Returns
    -------
    float
        At most the number of rows.

    Raises
    ------
    InputError
        If lengths differ, or a place is none of the bins.

    Examples
    --------
    >>> effective_shares([0, 1, 2, 1], ["a", "b", "c", "d"], bins=3)
    4.0
    >>> effective_shares([0, 0, 1, 1], ["a", "a", "b", "b"], bins=2)
    2.0
    >>> effective_shares([0, 1], ["a"], bins=2)
    Traceback (most recent call last):
    alicredit.errors.InputError: cluster must have one value for each of the 2 rows; found 1.
    """
    covariance = share_covariance(places, cluster, bins=bins)
    at = np.asarray(places, dtype=np.int64).ravel()
    share = np.bincount(at, minlength=bins) / len(at)
    degrees = int((share > 0).sum()) - 1
    if not degrees:
        return float(int(clusters(cluster, len(at)).max()) + 1)
    return float(round(degrees / _trace_over(covariance, share), 9))


def adjust_p(p_values: npt.ArrayLike, *, method: str = "holm") -> Floats:
    """Adjust p-values of many tests, so that each can be held against one level.

    ``holm`` keeps the chance of any false alarm at the level whatever the dependence (Holm 1979);
    ``benjamini-hochberg`` keeps the share of false alarms among all (1995). NaN stays NaN and
    counts as no test.

    Parameters
    ----------
    p_values : array of float
        0 to 1, or NaN.
    method : str, default "holm"
        ``"holm"``, ``"benjamini-hochberg"``, or ``"none"``.

    Returns
    -------
    array of float
        Adjusted, in the same order.

    Raises
    ------
    InputError
        If the method is unknown or a p-value lies outside 0 to 1.

    Examples
    --------
    >>> adjust_p([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust_p([0.01, 0.04, 0.03], method="benjamini-hochberg").round(3).tolist()
    [0.03, 0.04, 0.04]
    >>> adjust_p([0.5], method="bonferoni")
    Traceback (most recent call last):
    alicredit.errors.InputError: method must be one of 3 known words; found 'bonferoni'. ...
    """
    require_one_of("method", method, ADJUSTMENTS)
    p = numbers("p_values", p_values).copy()
    known = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        refuse("p_values", "must lie from 0 to 1", p[known].tolist()[:10])
    if method == "none" or not known.any():
        return p
    if method == "benjamini-hochberg":
        p[known] = stats.false_discovery_control(p[known], method="bh")
        return p
    mine, many = p[known], int(known.sum())
    order = np.argsort(mine, kind="stable")
    steps = np.maximum.accumulate(mine[order] * (many - np.arange(many)))
    adjusted = np.empty(many)
    adjusted[order] = np.minimum(steps, 1.0)
    p[known] = adjusted
    return p
