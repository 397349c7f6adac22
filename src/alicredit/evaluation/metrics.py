"""Figures of ranking, of probabilities and of shares, each by its published definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from alicredit.checks import refuse, require_between, require_one_order
from alicredit.evaluation.arrays import Floats, clusters, labels, numbers, outcomes, pair
from alicredit.evaluation.rates import Estimate


def auc(
    y: npt.ArrayLike, score: npt.ArrayLike, *, cluster: npt.ArrayLike | None = None
) -> Estimate:
    """Estimate the area under the ROC curve with DeLong's standard error.

    The chance that a default is given a higher ``score`` than a non-default, ties half (DeLong et
    al. 1988); with ``cluster`` the placements of one merchant's rows are summed before their
    variance is taken (Obuchowski 1997).

    Parameters
    ----------
    y : array of 0 and 1
        Outcomes.
    score : array
        Higher means riskier.
    cluster : array or None, default None
        What rows share a fate.

    Returns
    -------
    Estimate
        Area and standard error; NaN where fewer than two rows, or clusters, hold each outcome.

    Raises
    ------
    InputError
        If only one outcome is there, or lengths differ.

    Examples
    --------
    >>> found = auc([1, 0, 1, 0, 0, 0], [0.9, 0.8, 0.7, 0.3, 0.2, 0.7])
    >>> round(found.value, 4), round(found.se, 6)
    (0.8125, 0.222439)
    >>> auc([1, 1], [0.1, 0.2])
    Traceback (most recent call last):
    alicredit.errors.InputError: y must hold both outcomes; found one.
    """
    require_one_order(y=y, score=score, cluster=cluster)
    label, s = pair(labels(y), score)
    bad, good = s[label == 1], s[label == 0]
    if not len(bad) or not len(good):
        refuse("y", "must hold both outcomes", "one")
    bad_place, good_place = _share_below(good, bad), 1 - _share_below(bad, good)
    value = float(bad_place.mean())
    part = np.empty(len(s))
    part[label == 1] = (bad_place - value) / len(bad)
    part[label == 0] = (good_place - value) / len(good)
    group = np.arange(len(s)) if cluster is None else clusters(cluster, len(s))
    if min(len(np.unique(group[label == k])) for k in (0, 1)) < 2:
        return Estimate(value, np.nan)
    if cluster is None:
        variance = bad_place.var(ddof=1) / len(bad) + good_place.var(ddof=1) / len(good)
        return Estimate(value, float(np.sqrt(variance)))
    sums = np.bincount(group, weights=part)
    n = len(sums)
    return Estimate(value, float(np.sqrt((sums**2).sum() * n / (n - 1))))


def brier(y: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Give the mean squared difference of outcome and probability.

    Parameters
    ----------
    y : array of 0 and 1
        Outcomes; 1 is default.
    pd : array of float
        Stated probabilities, 0 to 1.

    Returns
    -------
    float
        0 to 1; lower is better.

    Raises
    ------
    InputError
        If lengths differ, an outcome is neither 0 nor 1, or a probability lies outside 0 to 1.

    Examples
    --------
    >>> brier([1, 0], [0.8, 0.4])
    0.1
    >>> brier([1, 0], [0.8, 4.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: pd must lie from 0 to 1; found 4.0.
    """
    label, p = outcomes(y, pd)
    return float(np.round(((label - p) ** 2).mean(), 15))


def log_loss(y: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Give the mean negative log-likelihood of outcomes.

    Parameters
    ----------
    y : array of 0 and 1
        Outcomes; 1 is default.
    pd : array of float
        Stated probabilities, 0 to 1.

    Returns
    -------
    float
        At least 0; lower is better. Certainties that failed count as 1e-300.

    Raises
    ------
    InputError
        As :func:`brier` raises.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.5, 0.5]), 6)
    0.693147
    >>> log_loss([1, 2], [0.5, 0.5])
    Traceback (most recent call last):
    alicredit.errors.InputError: y must be 0 or 1; found 2.0.
    """
    label, p = outcomes(y, pd)
    inside = np.clip(p, 1e-300, 1 - 1e-16)
    return float(-(label * np.log(inside) + (1 - label) * np.log1p(-inside)).mean())


def psi(expected: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Give the population stability index of two shares: sum (q - p) ln (q / p).

    Parameters
    ----------
    expected : array of float
        Counts or shares by bin of the reference.
    actual : array of float
        Those of now, in the same bins.

    Returns
    -------
    float
        At least 0.

    Raises
    ------
    InputError
        If lengths differ, or a bin is empty on either side.

    Examples
    --------
    >>> round(psi([0.1] * 10, [.08, .09, .1, .1, .11, .1, .1, .1, .11, .11]), 6)
    0.008376
    >>> psi([0.5, 0.5], [1.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: arrays must have one length, above 0; found 2 and 1.
    """
    require_one_order(expected=expected, actual=actual)
    p, q = pair(expected, actual)
    if (p <= 0).any() or (q <= 0).any():
        refuse("shares", "must be above 0", "an empty bin", "add 0.5 to each count")
    for total in (float(p.sum()), float(q.sum())):
        if not abs(total - 1) <= 1e-6:
            refuse("shares", "must sum to 1", total, "divide counts by their sum")
    return float(((q - p) * np.log(q / p)).sum())


def hhi(shares: npt.ArrayLike) -> tuple[float, float]:
    """Give the Herfindahl index of shares, and it normalised to run from 0 to 1.

    Parameters
    ----------
    shares : array of float
        Counts or shares, at least 0; they need not sum to 1.

    Returns
    -------
    tuple of float
        The index, 1 / K to 1, and the normalised one, 0 to 1.

    Raises
    ------
    InputError
        If a share is negative, or none is above 0.

    Examples
    --------
    >>> [round(each, 6) for each in hhi([50, 30, 20])]
    [0.38, 0.07]
    >>> hhi([-1, 2])
    Traceback (most recent call last):
    alicredit.errors.InputError: shares must be finite, at least 0 and not all 0; found [-1.0, 2.0].
    """
    s = numbers("shares", shares)
    if not np.isfinite(s).all() or (s < 0).any() or not s.sum() > 0:
        refuse("shares", "must be finite, at least 0 and not all 0", s.tolist()[:10])
    s = s / s.sum()
    value, n = float((s**2).sum()), len(s)
    return value, (value - 1 / n) / (1 - 1 / n) if n > 1 else 1.0


def shift_prior(pd: npt.ArrayLike, trained: float, true: float) -> Floats:
    """Move probabilities from the share of defaults they were trained at to the true one.

    Adds logit(true) - logit(trained); exact where only that share differs.

    Parameters
    ----------
    pd : array of float
        Probabilities, 0 to 1.
    trained : float
        Share of defaults that they were trained at, above 0 and below 1.
    true : float
        The true share, above 0 and below 1.

    Returns
    -------
    array of float
        Moved probabilities, of the same length.

    Raises
    ------
    InputError
        If a number lies outside its range.

    Examples
    --------
    >>> (100 * shift_prior([0.05, 0.5], 0.2, 0.007)).round(6).tolist()
    [0.148187, 2.742409]
    >>> shift_prior([0.05], 0.2, 7)
    Traceback (most recent call last):
    alicredit.errors.InputError: true must be a number from 0 to 1; found 7.
    """
    for name, share in (("trained", trained), ("true", true)):
        require_between(name, share, 0, 1)
        if share in (0, 1):
            refuse(name, "must lie between 0 and 1", share)
    p = numbers("pd", pd)
    if not ((p >= 0) & (p <= 1)).all():
        refuse("pd", "must lie from 0 to 1", p[~((p >= 0) & (p <= 1))][0])
    moved: Floats = expit(logit(p) + logit(true) - logit(trained))
    return moved


def _share_below(reference: Floats, values: Floats) -> Floats:
    """Give the share of a reference below each value, ties half."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return (below + upto) / (2 * len(ordered))
