"""Rates and means with their uncertainty, each by its published definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats
from scipy.special import betainc, ndtr, ndtri

from alicredit.checks import require_between, require_one_order, require_whole
from alicredit.evaluation.arrays import Floats, clusters, counts, labels, pair


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its standard error and 95 % interval.

    Parameters
    ----------
    value : float
        The statistic.
    se : float
        Its standard error.

    Examples
    --------
    >>> area = Estimate(0.75, 0.02)
    >>> round(area.low, 3), round(area.high, 3)
    (0.711, 0.789)
    """

    value: float
    se: float

    @property
    def low(self) -> float:
        """Give the lower end of the 95 % interval."""
        return self.value - 1.959963984540054 * self.se

    @property
    def high(self) -> float:
        """Give the upper end of the 95 % interval."""
        return self.value + 1.959963984540054 * self.se


def clustered_mean(values: npt.ArrayLike, cluster: npt.ArrayLike) -> Estimate:
    """Estimate a mean whose rows share fates within clusters; one cluster alone has no error.

    Parameters
    ----------
    values : array of float
        What to average.
    cluster : array
        What rows share a fate.

    Returns
    -------
    Estimate
        Mean and standard error; the error is NaN for one cluster.

    Raises
    ------
    InputError
        If lengths differ or a value is missing.

    Examples
    --------
    >>> clustered_mean([1.0, 1.0, 0.0, 0.0], ["a", "a", "b", "b"])
    Estimate(value=0.5, se=0.5)
    >>> clustered_mean([1.0, 0.0], ["a"])
    Traceback (most recent call last):
    alicredit.errors.InputError: cluster must have one value for each of the 2 rows; found 1.
    """
    require_one_order(values=values, cluster=cluster)
    v, _ = pair(values, values)
    sums = np.bincount(clusters(cluster, len(v)), weights=v - v.mean())
    n = len(sums)
    if n < 2:
        return Estimate(float(v.mean()), np.nan)
    return Estimate(float(v.mean()), float(np.sqrt((sums**2).sum() * n / (n - 1)) / len(v)))


def effective_rows(y: npt.ArrayLike, cluster: npt.ArrayLike) -> float:
    """Give how many independent rows tell as much of a rate as rows that share fates do.

    The variance of a rate over independent rows, y (1 - y) / n, is set against that over clusters
    (Kish's design effect). Never more than the rows; where every outcome is the same, so that no
    variance shows, the number of clusters.

    Parameters
    ----------
    y : array of 0 and 1
        Outcomes.
    cluster : array
        What rows share a fate.

    Returns
    -------
    float
        From 1 to the number of rows.

    Raises
    ------
    InputError
        If lengths differ or a value lacks.

    Examples
    --------
    >>> effective_rows([1, 0, 1, 0], ["a", "b", "c", "d"])
    4.0
    >>> effective_rows([0, 0, 0, 0], ["a", "a", "b", "b"])
    2.0
    >>> effective_rows([1, 0], ["a"])
    Traceback (most recent call last):
    alicredit.errors.InputError: cluster must have one value for each of the 2 rows; found 1.
    """
    require_one_order(y=y, cluster=cluster)
    label, _ = pair(labels(y), labels(y))
    who = clusters(cluster, len(label))
    many, rate = int(who.max()) + 1, float(label.mean())
    if many == 1 or rate in (0, 1):
        return float(many)
    variance = clustered_mean(label, who).se ** 2 * (many - 1) / many
    most = rate * (1 - rate) / len(label)
    return max(1.0, len(label) * most / variance) if variance > most else float(len(label))


def jeffreys_test(n: int, defaults: int, pd: float, *, effective: float | None = None) -> float:
    """Give the p-value of the hypothesis that a probability is high enough (Jeffreys, ECB 2019).

    Small values say that the stated probability is too low: F_Beta(d + 1/2, n - d + 1/2)(pd).
    ``effective`` is the number of independent rows that tell as much, from
    :func:`effective_rows`; None takes all ``n``.

    Parameters
    ----------
    n : int
        Rows.
    defaults : int
        Defaults among them.
    pd : float
        Stated probability, 0 to 1.
    effective : float or None, default None
        Independent rows that tell as much, from :func:`effective_rows`; None takes all ``n``.

    Returns
    -------
    float
        The p-value.

    Raises
    ------
    InputError
        If a number lies outside its range.

    Examples
    --------
    >>> round(jeffreys_test(1000, 12, 0.007), 6)
    0.037718
    >>> jeffreys_test(10, 12, 0.007)
    Traceback (most recent call last):
    alicredit.errors.InputError: defaults must be a whole number of at least 0 and at most 10; ...
    """
    require_between("pd", pd, 0, 1)
    return float(_rate_law(n, defaults, effective).cdf(pd))


def jeffreys_interval(
    n: int, defaults: int, *, level: float = 0.9, effective: float | None = None
) -> tuple[float, float]:
    """Give the Jeffreys interval of a default rate; ``effective`` as in :func:`jeffreys_test`.

    Parameters
    ----------
    n : int
        Rows.
    defaults : int
        Defaults among them.
    level : float, default 0.9
        Coverage, 0 to 1.
    effective : float or None, default None
        Independent rows that tell as much, from :func:`effective_rows`; None takes all ``n``.

    Returns
    -------
    tuple of float
        Lower and upper rate.

    Raises
    ------
    InputError
        If a number lies outside its range.

    Examples
    --------
    >>> low, high = jeffreys_interval(1000, 7)
    >>> low < 0.007 < high
    True
    >>> jeffreys_interval(1000, 7, level=95)
    Traceback (most recent call last):
    alicredit.errors.InputError: level must be a number from 0 to 1; found 95.
    """
    require_between("level", level, 0, 1)
    law, tail = _rate_law(n, defaults, effective), (1 - level) / 2
    low = 0.0 if defaults == 0 else float(law.ppf(tail))
    return low, 1.0 if defaults == n else float(law.ppf(1 - tail))


def _rate_law(n: int, defaults: int, effective: float | None) -> Any:
    """Give the posterior of a rate under Jeffreys' prior, at the number of rows that counts."""
    require_whole("n", n, 1)
    require_whole("defaults", defaults, 0, high=n)
    rows = float(n) if effective is None else effective
    require_between("effective", rows, 0, n)
    bad = rows * defaults / n
    return stats.beta(bad + 0.5, rows - bad + 0.5)


def binomial_test(
    n: int, defaults: int, pd: float, *, correlation: float = 0.0, effective: float | None = None
) -> float:
    """Give the chance of so many defaults or more at a stated probability (binomial, BCBS WP14).

    Small values say that the probability is too low. With ``correlation`` all share one factor z:
    the probability given it is Phi((Phi^-1(pd) + root(rho) z) / root(1 - rho)) (Vasicek), and the
    binomial chance is averaged over z. ``effective`` is as in :func:`jeffreys_test`.

    Parameters
    ----------
    n : int
        Rows.
    defaults : int
        Defaults among them.
    pd : float
        Stated probability, 0 to 1.
    correlation : float, default 0
        Asset correlation that all share, 0 to 0.99.
    effective : float or None, default None
        Independent rows that tell as much, from :func:`effective_rows`; None takes all ``n``.

    Returns
    -------
    float
        The chance.

    Raises
    ------
    InputError
        If a number lies outside its range.

    Examples
    --------
    >>> round(binomial_test(1000, 12, 0.007), 6)
    0.052716
    >>> round(binomial_test(1000, 12, 0.007, correlation=0.12), 4)
    0.1834
    >>> binomial_test(1000, 12, 0.007, correlation=1.2)
    Traceback (most recent call last):
    alicredit.errors.InputError: correlation must be a number from 0 to 0.99; found 1.2.
    """
    require_whole("n", n, 1)
    require_whole("defaults", defaults, 0, high=n)
    require_between("pd", pd, 0, 1)
    require_between("correlation", correlation, 0, 0.99)
    rows = float(n) if effective is None else effective
    require_between("effective", rows, 0, n)
    if defaults == 0:
        return 1.0
    bad = rows * defaults / n

    def tail(p: Floats) -> Floats:
        return np.asarray(betainc(bad, rows - bad + 1, p))

    return _over_factor(tail, pd, correlation)


def _over_factor(law: Callable[[Floats], Floats], pd: float, correlation: float) -> float:
    """Average a chance over the one factor that all borrowers share."""
    if correlation == 0 or pd in (0, 1):
        return float(law(np.array([pd]))[0])
    z = np.linspace(-9, 9, 8001)
    weight = stats.norm.pdf(z)
    given = ndtr((ndtri(pd) + np.sqrt(correlation) * z) / np.sqrt(1 - correlation))
    return float((law(given) * weight).sum() / weight.sum())


def pluto_tasche(
    n: npt.ArrayLike, defaults: npt.ArrayLike, *, level: float, correlation: float = 0.0
) -> Floats:
    """Give most prudent default rates by grade, best grade first (Pluto and Tasche 2005).

    Grade k takes all borrowers of grades k and worse: the rate solves
    P(Bin(n, p) <= d) = 1 - level, and is 1 where all of them defaulted. With ``correlation`` the
    chance is averaged over one factor that all share, as in :func:`binomial_test`.

    Parameters
    ----------
    n : array of int
        Borrowers of each grade, best first.
    defaults : array of int
        Defaults among them.
    level : float
        Confidence, 0 to 1.
    correlation : float, default 0
        Asset correlation that all share, 0 to 0.99.

    Returns
    -------
    array of float
        A rate for each grade.

    Raises
    ------
    InputError
        If a number lies outside its range.

    Examples
    --------
    >>> (100 * pluto_tasche([100, 400, 300], [0, 0, 0], level=0.5)).round(4).tolist()
    [0.0866, 0.099, 0.2308]
    >>> found = pluto_tasche([100, 400, 300], [0, 0, 0], level=0.5, correlation=0.12)
    >>> (100 * found).round(4).tolist()
    [0.1535, 0.173, 0.3702]
    >>> pluto_tasche([100], [0], level=1.5)
    Traceback (most recent call last):
    alicredit.errors.InputError: level must be a number from 0 to 1; found 1.5.
    """
    require_between("level", level, 0, 1)
    require_between("correlation", correlation, 0, 0.99)
    count, bad = counts(n, defaults)
    return prudent_rates(
        np.cumsum(count[::-1])[::-1], np.cumsum(bad[::-1])[::-1], level, correlation
    )


def prudent_rates(
    pooled: Floats, pooled_bad: Floats, level: float, correlation: float = 0.0
) -> Floats:
    """Solve P(Bin(n, p) <= d) = 1 - level for each pooled n and d, which need not be whole."""
    good = pooled - pooled_bad
    if correlation and 0 < level < 1:
        pairs = zip(pooled_bad, good, strict=True)
        return np.array([_prudent(d, g, level, correlation) for d, g in pairs])
    law = stats.beta(pooled_bad + 1, np.maximum(good, 1))
    return np.where(good > 0, law.ppf(level), 1.0)


def _prudent(bad: float, good: float, level: float, correlation: float) -> float:
    """Solve for the probability at which so few defaults have the chance 1 - level."""
    if good <= 0:
        return 1.0

    def off(quantile: float) -> float:
        def few(p: Floats) -> Floats:
            return np.asarray(betainc(good, bad + 1, 1 - p))

        return _over_factor(few, float(ndtr(quantile)), correlation) - (1 - level)

    return float(ndtr(optimize.brentq(off, -8, 8, xtol=1e-10)))
