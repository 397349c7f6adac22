"""Statistics of ranking and calibration, each by its published definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit, logit

from alicredit.checks import refuse, require_between
from alicredit.evaluation.arrays import Floats, labels, outcomes, pair
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
        Area and standard error.

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
    label, s = pair(labels(y), score)
    bad, good = s[label == 1], s[label == 0]
    if not len(bad) or not len(good):
        refuse("y", "must hold both outcomes", "one")
    place = np.empty(len(s))
    place[label == 1] = _share_below(good, bad)
    place[label == 0] = 1 - _share_below(bad, good)
    value = float(place[label == 1].mean())
    part = np.where(label == 1, (place - value) / len(bad), (place - value) / len(good))
    if cluster is None:
        variance = sum(
            place[label == k].var(ddof=1) / (label == k).sum() if (label == k).sum() > 1 else 0.0
            for k in (0, 1)
        )
        return Estimate(value, float(np.sqrt(variance)))
    _, group = np.unique(np.asarray(cluster), return_inverse=True)
    sums = np.bincount(group.ravel(), weights=part)
    n = len(sums)
    return Estimate(value, float(np.sqrt((sums**2).sum() * n / max(n - 1, 1))))


def brier(y: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Give the mean squared difference of outcome and probability.

    Examples
    --------
    >>> brier([1, 0], [0.8, 0.4])
    0.1
    """
    label, p = outcomes(y, pd)
    return float(np.round(((label - p) ** 2).mean(), 15))


def log_loss(y: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Give the mean negative log-likelihood of outcomes.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.5, 0.5]), 6)
    0.693147
    """
    label, p = outcomes(y, pd)
    inside = np.clip(p, 1e-300, 1 - 1e-16)
    return float(-(label * np.log(inside) + (1 - label) * np.log1p(-inside)).mean())


def hosmer_lemeshow(
    n: npt.ArrayLike, defaults: npt.ArrayLike, pd: npt.ArrayLike
) -> tuple[float, float]:
    """Give the Hosmer-Lemeshow statistic and its p-value, one degree of freedom a grade.

    Examples
    --------
    >>> h, p = hosmer_lemeshow([2000, 3000, 3000, 2000], [2, 11, 35, 70], [.001, .004, .01, .03])
    >>> round(h, 6), round(p, 6)
    (2.643632, 0.619114)
    """
    count, bad = pair(n, defaults)
    p = np.asarray(pd, dtype=np.float64)
    value = float(((bad - count * p) ** 2 / (count * p * (1 - p))).sum())
    return value, float(stats.chi2.sf(value, len(count)))


def spiegelhalter(y: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Give Spiegelhalter's z: sum (y - p)(1 - 2p) over the root of sum (1 - 2p)^2 p (1 - p).

    Examples
    --------
    >>> round(spiegelhalter([1, 0], [0.9, 0.2]), 4)
    -0.5893
    """
    label, p = outcomes(y, pd)
    spread = ((1 - 2 * p) ** 2 * p * (1 - p)).sum()
    return float(((label - p) * (1 - 2 * p)).sum() / np.sqrt(spread)) if spread > 0 else 0.0


def psi(expected: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Give the population stability index of two shares: sum (q - p) ln (q / p).

    Examples
    --------
    >>> round(psi([0.1] * 10, [.08, .09, .1, .1, .11, .1, .1, .1, .11, .11]), 6)
    0.008376
    """
    p, q = pair(expected, actual)
    if (p <= 0).any() or (q <= 0).any():
        refuse("shares", "must be above 0", "an empty bin", "add 0.5 to each count")
    return float(((q - p) * np.log(q / p)).sum())


def hhi(shares: npt.ArrayLike) -> tuple[float, float]:
    """Give the Herfindahl index of shares, and it normalised to run from 0 to 1.

    Examples
    --------
    >>> [round(each, 6) for each in hhi([50, 30, 20])]
    [0.38, 0.07]
    """
    s = np.asarray(shares, dtype=np.float64)
    s = s / s.sum()
    value, n = float((s**2).sum()), len(s)
    return value, (value - 1 / n) / (1 - 1 / n) if n > 1 else 1.0


def shift_prior(pd: npt.ArrayLike, trained: float, true: float) -> Floats:
    """Move probabilities from the share of defaults they were trained at to the true one.

    Adds logit(true) - logit(trained); exact where only that share differs.

    Examples
    --------
    >>> (100 * shift_prior([0.05, 0.5], 0.2, 0.007)).round(6).tolist()
    [0.148187, 2.742409]
    """
    require_between("trained", trained, 0, 1)
    require_between("true", true, 0, 1)
    moved: Floats = expit(logit(np.asarray(pd, dtype=np.float64)) + logit(true) - logit(trained))
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
        Intercept and slope; a standard error is NaN where the line is not determined.

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
    label, p = outcomes(y, pd)
    x = np.column_stack([np.ones(len(p)), logit(np.clip(p, 1e-12, 1 - 1e-12))])
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


def _information(x: Floats, fit: Floats) -> Floats:
    """Give the information of a logistic line at its fit."""
    weighted: Floats = x * (fit * (1 - fit))[:, None]
    return weighted.T @ x


def _sandwich(x: Floats, label: Floats, fit: Floats, cluster: npt.ArrayLike | None) -> Floats:
    """Give standard errors of a logistic line whose rows share fates within clusters."""
    information = _information(x, fit)
    if np.linalg.cond(information) > 1e12:
        return np.full(x.shape[1], np.nan)
    _, group = np.unique(
        np.arange(len(label)) if cluster is None else np.asarray(cluster), return_inverse=True
    )
    scores = x * (label - fit)[:, None]
    sums = np.column_stack([np.bincount(group.ravel(), weights=each) for each in scores.T])
    n = len(sums)
    bread = np.linalg.inv(information)
    variance = bread @ (sums.T @ sums * n / max(n - 1, 1)) @ bread
    return np.sqrt(np.diag(variance))


def _share_below(reference: Floats, values: Floats) -> Floats:
    """Give the share of a reference below each value, ties half."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return (below + upto) / (2 * len(ordered))
