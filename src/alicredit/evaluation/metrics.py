"""Statistics of ranking and calibration, each by its published definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit, logit

from alicredit.checks import refuse, require_between
from alicredit.evaluation.arrays import (
    Floats,
    clusters,
    counts,
    labels,
    numbers,
    outcomes,
    pair,
    require_one_order,
)
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


def hosmer_lemeshow(
    n: npt.ArrayLike,
    defaults: npt.ArrayLike,
    pd: npt.ArrayLike,
    *,
    effective: npt.ArrayLike | None = None,
) -> tuple[float, float]:
    """Give the Hosmer-Lemeshow statistic and its p-value, one degree of freedom a grade.

    ``effective`` are the independent rows of each grade that tell as much, from
    :func:`effective_rows`; None takes all ``n``.

    Parameters
    ----------
    n : array of int
        Rows of each grade.
    defaults : array of int
        Defaults among them.
    pd : array of float
        Stated probability of each grade, above 0 and below 1.
    effective : array of float or None, default None
        Independent rows of each grade that tell as much, from :func:`effective_rows`; None takes
        all ``n``.

    Returns
    -------
    tuple of float
        The statistic, and the chance of one as large where the probabilities are right.

    Raises
    ------
    InputError
        If a grade is empty, has more defaults than rows, or a probability of 0 or 1.

    Examples
    --------
    >>> h, p = hosmer_lemeshow([2000, 3000, 3000, 2000], [2, 11, 35, 70], [.001, .004, .01, .03])
    >>> round(h, 6), round(p, 6)
    (2.643632, 0.619114)
    >>> hosmer_lemeshow([2000], [2], [1.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: pd must lie between 0 and 1; found 1.0.
    """
    count, bad = counts(n, defaults)
    _, p = pair(count, pd)
    if ((p <= 0) | (p >= 1)).any():
        refuse("pd", "must lie between 0 and 1", p[(p <= 0) | (p >= 1)][0])
    if (count == 0).any():
        refuse("n", "must be above 0 in each grade", 0, "leave out empty grades")
    rows, _ = pair(count if effective is None else effective, count)
    if ((rows <= 0) | (rows > count)).any():
        refuse("effective", "must lie above 0 and not above n", rows.tolist()[:10])
    value = float(((bad / count - p) ** 2 * rows / (p * (1 - p))).sum())
    return value, float(stats.chi2.sf(value, len(count)))


def spiegelhalter(
    y: npt.ArrayLike, pd: npt.ArrayLike, *, cluster: npt.ArrayLike | None = None
) -> float:
    """Give Spiegelhalter's z: sum (y - p)(1 - 2p) over the root of sum (1 - 2p)^2 p (1 - p).

    Infinite where certainties alone were claimed and one failed; NaN where nothing can be told.
    With ``cluster`` the variance grows by the design effect of rows that share a fate.

    Parameters
    ----------
    y : array of 0 and 1
        Outcomes; 1 is default.
    pd : array of float
        Stated probabilities, 0 to 1.
    cluster : array or None, default None
        What rows share a fate.

    Returns
    -------
    float
        Standard normal where the probabilities are right; above 0 where too low on balance.

    Raises
    ------
    InputError
        As :func:`brier` raises.

    Examples
    --------
    >>> round(spiegelhalter([1, 0], [0.9, 0.2]), 4)
    -0.5893
    >>> spiegelhalter([1, 0], [0.9])
    Traceback (most recent call last):
    alicredit.errors.InputError: arrays must have one length, above 0; found 2 and 1.
    """
    require_one_order(y=y, cluster=cluster)
    label, p = outcomes(y, pd)
    spread = ((1 - 2 * p) ** 2 * p * (1 - p)).sum()
    parts = (label - p) * (1 - 2 * p)
    off = float(parts.sum())
    if cluster is not None:
        sums, alone = np.bincount(clusters(cluster, len(label)), weights=parts), (parts**2).sum()
        spread *= max(1.0, (sums**2).sum() / alone) if alone > 0 else 1.0
    if spread > 0:
        return off / float(np.sqrt(spread))
    return float(np.inf) if off > 0 else float(np.nan)


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


def calibration_line(
    y: npt.ArrayLike, pd: npt.ArrayLike, *, cluster: npt.ArrayLike | None = None
) -> tuple[Estimate, Estimate]:
    """Estimate intercept and slope of outcomes on log-odds; 0 and 1 where probabilities are right.

    Standard errors hold though rows of a ``cluster`` share a fate: the scores of its rows are
    summed before their variance is taken (the sandwich of Liang and Zeger 1986).

    Parameters
    ----------
    y : array of 0 and 1
        Outcomes.
    pd : array
        Probabilities, 0 to 1.
    cluster : array or None, default None
        What rows share a fate; None takes each row for itself.

    Returns
    -------
    tuple of Estimate
        Intercept and slope; a standard error is NaN where the line is not determined, both and
        their errors where no line is the likeliest (one outcome alone, or outcomes that a
        threshold parts).

    Raises
    ------
    InputError
        If lengths differ or a value lacks.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.05, 0.5, 50_000)
    >>> intercept, slope = calibration_line(rng.random(50_000) < p, p)
    >>> slope.low < 1 < slope.high
    True
    >>> calibration_line([1, 0], [0.5])
    Traceback (most recent call last):
    alicredit.errors.InputError: arrays must have one length, above 0; found 2 and 1.
    """
    require_one_order(y=y, cluster=cluster)
    label, p = outcomes(y, pd)
    x = np.column_stack([np.ones(len(p)), logit(np.clip(p, 1e-12, 1 - 1e-12))])
    if _is_parted(label, x[:, 1]):
        return Estimate(np.nan, np.nan), Estimate(np.nan, np.nan)
    found = np.array([0.0, 1.0])
    for _ in range(50):
        fit = expit(x @ found)
        step = np.linalg.lstsq(_information(x, fit), x.T @ (label - fit), rcond=None)[0]
        found = found + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    errors = _sandwich(x, label, expit(x @ found), cluster)
    intercept, slope = (Estimate(float(v), float(e)) for v, e in zip(found, errors, strict=True))
    return intercept, slope


def _is_parted(label: Floats, x: Floats) -> bool:
    """Tell whether a threshold parts the outcomes, so that the likeliest line is infinite."""
    bad, good = x[label == 1], x[label == 0]
    if not len(bad) or not len(good):
        return True
    is_one_point = x.min() == x.max()
    return bool((bad.max() <= good.min() or good.max() <= bad.min()) and not is_one_point)


def _information(x: Floats, fit: Floats) -> Floats:
    """Give the information of a logistic line at its fit."""
    weighted: Floats = x * (fit * (1 - fit))[:, None]
    return weighted.T @ x


def _sandwich(x: Floats, label: Floats, fit: Floats, cluster: npt.ArrayLike | None) -> Floats:
    """Give standard errors of a logistic line whose rows share fates within clusters."""
    information = _information(x, fit)
    if np.linalg.cond(information) > 1e12:
        return np.full(x.shape[1], np.nan)
    scores = x * (label - fit)[:, None]
    group = np.arange(len(label)) if cluster is None else clusters(cluster, len(label))
    sums = np.column_stack([np.bincount(group, weights=each) for each in scores.T])
    n = len(sums)
    if n < 2:
        return np.full(x.shape[1], np.nan)
    bread = np.linalg.inv(information)
    variance = bread @ (sums.T @ sums * n / (n - 1)) @ bread
    return np.sqrt(np.diag(variance))


def _share_below(reference: Floats, values: Floats) -> Floats:
    """Give the share of a reference below each value, ties half."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return (below + upto) / (2 * len(ordered))
