"""Do probabilities hold? Tests and lines of calibration, each by its published definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit, logit

from alicredit.checks import refuse, require_one_order
from alicredit.evaluation.arrays import Floats, clusters, counts, outcomes, pair
from alicredit.evaluation.rates import Estimate


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
