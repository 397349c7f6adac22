"""From a score to a probability: log-odds with a level, a slope and bends only on evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alicredit.calibration.curve import Curve, Floats, Witnesses, fit_curve, gather, rising
from alicredit.checks import refuse, require_between

_EVIDENCE = {"slope": 3.841, "bends": 7.815}
"""Twice the log-likelihood that freeing one slope, or three bends, gains by chance in 1 of 20."""

_TAIL = 0.05
_WIDEST = 3.0

RANKING = 0.5
"""Share by which ranking that was itself learned adds to the variance of slopes (assumed: measured
by simulation at 40 to 500 defaults)."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Log-odds as a strictly rising curve of the margin, and how uncertain it is.

    Parameters
    ----------
    curve : Curve
        The chosen form: what the probability is.
    wide : Curve
        The most flexible form, fitted to the same rows: how far the interval reaches.
    covariance : array, shape (parameters, parameters)
        Of the parameters of ``wide``: level at the pivot and log-slope of each piece.
    form : str
        ``"intercept"``, ``"slope"`` or ``"bends"``.
    rate : float
        Mean probability over the rows it was fitted to.
    seen : Witnesses
        The rows it was fitted to.
    is_level_known : bool, default False
        Whether the level was given, so that it adds nothing to the interval.
    """

    curve: Curve
    wide: Curve
    covariance: Floats
    form: str
    rate: float
    seen: Witnesses
    is_level_known: bool = False

    @property
    def slope(self) -> float:
        """Give the slope of the log-odds on the whole; 1 where it was not freed."""
        return self.curve.slope

    @property
    def intercept(self) -> float:
        """Give the log-odds at margin 0."""
        return float(self.curve.logit(np.zeros(1))[0])

    def logit(self, margin: Floats) -> Floats:
        """Give the log-odds of default at each margin."""
        return self.curve.logit(margin)

    def anchored(self, margin: Floats, weight: Floats, rate: float) -> Calibration:
        """Move the level so that the mean probability of rows is a rate; the interval moves along.

        Merging and rounding move the level a little; one number puts it back.
        """
        curve, wide = (each.at_rate(margin, weight, rate) for each in (self.curve, self.wide))
        return replace(self, curve=curve, wide=wide, rate=rate)

    def deployed(self, margin: Floats, weight: Floats, rate: float) -> Calibration:
        """Fit anew for the scores as deployed, and move the level to the rate of all rows.

        The ranking that is deployed learned from more rows than those that judged it out of fold,
        and spreads more or less widely. Judging margins are brought to the spread of the deployed
        first. The interval grows by what ranking adds to the slope: its variance by a half
        (``RANKING``), and the square of the logarithm by which the spread changed.
        """
        ratio = _spread(margin, weight) / max(_spread(self.seen.margin, self.seen.weight), 1e-9)
        ratio = min(max(ratio, 1 / _WIDEST), _WIDEST)
        middle = float(np.average(self.seen.margin, weights=self.seen.weight))
        seen = replace(self.seen, margin=middle + (self.seen.margin - middle) * ratio)
        found = _choose(seen)
        slopes = np.append(0.0, np.ones(len(found.covariance) - 1))
        grown = np.where(slopes > 0, np.sqrt(1 + RANKING), 1.0)
        covariance = found.covariance * np.outer(grown, grown)
        covariance += np.log(ratio) ** 2 * np.outer(slopes, slopes)
        return replace(found, covariance=covariance).anchored(margin, weight, rate)

    def at_known_rate(self, margin: Floats, weight: Floats, rate: float) -> Calibration:
        """Move the level to a rate that is known, not estimated: the interval narrows to the shape.

        Odds of all rows are multiplied by one number such that their mean probability is the rate:
        Tasche's scaled likelihood ratio (2013, DOMAIN 5.2), which keeps what each score says of a
        default against a non-default.
        """
        return replace(self.anchored(margin, weight, rate), is_level_known=True)

    def probabilities(self, margin: Floats) -> tuple[Floats, Floats, Floats]:
        """Give lower bound, probability and upper bound (90 %) at each margin.

        The variance v of the log-odds at a margin says how many defaults stand behind it, 1 / v;
        the bounds are Jeffreys' for so many: odds x Gamma^-1(5 % and 95 %; 1/v + 1/2) / (1/v).
        """
        from scipy.special import gammaincinv

        pd, centre = self.curve.logit(margin), self.wide.logit(margin)
        behind = 1 / self._variance(margin)
        low, high = (
            np.log(gammaincinv(behind + 0.5, tail) / behind) for tail in (_TAIL, 1 - _TAIL)
        )
        lower, upper = np.minimum(centre + low, pd), np.maximum(centre + high, pd)
        return rising(lower), rising(pd), rising(upper)

    def _variance(self, margin: Floats) -> Floats:
        """Give the variance of the log-odds at each margin."""
        design = self.wide.design(margin)
        if self.is_level_known:
            design = design - np.append(0.0, self.wide.centre)
            design[:, 0] = 0.0
        variance = np.einsum("ij,jk,ik->i", design, self.covariance, design)
        return np.maximum(variance, 1e-9)


def calibrate(
    margin: Floats,
    y: Floats,
    weight: Floats,
    cluster: npt.NDArray[np.int64],
    *,
    long_run_rate: float | None = None,
    sampling_rate: float | None = None,
) -> Calibration:
    """Fit log-odds to out-of-fold margins; rows of one merchant count as one witness.

    Three forms are nested: the margin as it is but for its level; a slope; a slope that differs
    between four pieces. Each is taken only where it gains more log-likelihood over the plainer
    one than chance would in 1 of 20; priors hold log-slopes near 0 (standard deviation 0.5) and
    near their neighbours' (0.25; both assumed), so that few defaults bend little. The
    log-likelihood is divided by the design effect of merchants and weights. The level is Jeffreys'
    (d + 1/2) / (n + 1).

    Parameters
    ----------
    margin : array of float
        Log-odds of the ranking for rows it was not fitted on.
    y : array of 0 and 1
        Outcomes.
    weight : array of float
        Weights, none negative; a weight counts like so many rows of one merchant.
    cluster : array of int
        The merchant of each row.
    long_run_rate : float or None, default None
        The known mean probability of these rows, between 0 and 1: the user's central tendency.
    sampling_rate : float or None, default None
        Share of the rows without default that were kept in the sample, above 0 and up to 1, where
        all defaults were: the others are weighted up by 1 / sampling_rate.

    Returns
    -------
    Calibration
        The curve and its uncertainty.

    Raises
    ------
    InputError
        If lengths differ, a margin is not finite, an outcome is neither 0 nor 1, a weight is
        negative or all are 0, or a rate is out of its range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> margin = rng.normal(-4, 1, 20_000)
    >>> y = (rng.random(20_000) < 1 / (1 + np.exp(-margin))).astype(float)
    >>> found = calibrate(margin, y, np.ones(20_000), np.arange(20_000))
    >>> found.form, found.slope
    ('intercept', 1.0)
    >>> known = calibrate(margin, y, np.ones(20_000), np.arange(20_000), long_run_rate=0.02)
    >>> round(float(known.probabilities(margin)[1].mean()), 6)
    0.02
    >>> calibrate(margin, y, np.ones(20_000), np.arange(20_000), long_run_rate=2)
    Traceback (most recent call last):
    alicredit.errors.InputError: long_run_rate must be a number from 1e-09 to 0.999999; found 2.
    """
    _check(margin, y, weight, cluster)
    if sampling_rate is not None:
        require_between("sampling_rate", sampling_rate, 1e-6, 1)
        weight = np.where(y == 1, weight, weight / sampling_rate)
    if long_run_rate is not None:
        require_between("long_run_rate", long_run_rate, 1e-9, 0.999999)
    found = _choose(gather(margin, y, weight, cluster))
    if long_run_rate is None:
        return found
    return found.at_known_rate(found.seen.margin, found.seen.weight, long_run_rate)


def _choose(seen: Witnesses) -> Calibration:
    """Fit the three forms; take the plainest that evidence does not speak against."""
    fits = {form: fit_curve(seen, form) for form in ("intercept", "slope", "bends")}
    form, needed = "intercept", 0.0
    for richer, gain in _EVIDENCE.items():
        needed += gain
        if seen.gain(fits[richer][0], fits[form][0]) > needed:
            form, needed = richer, 0.0
    found = Calibration(fits[form][0], *fits["bends"], form, seen.rate, seen)
    return found.anchored(seen.margin, seen.weight, seen.rate)


def _spread(margin: Floats, weight: Floats) -> float:
    """Give the standard deviation of margins."""
    middle = np.average(margin, weights=weight)
    return float(np.sqrt(np.average((margin - middle) ** 2, weights=weight)))


def _check(margin: Floats, y: Floats, weight: Floats, cluster: npt.NDArray[np.int64]) -> None:
    """Refuse what no curve can be fitted to."""
    for name, values in (("y", y), ("weight", weight), ("cluster", cluster)):
        if len(values) != len(margin):
            refuse(name, f"must have one value for each of the {len(margin)} margins", len(values))
    if not len(margin) or not np.isfinite(margin).all():
        refuse("margin", "must be finite numbers, at least one", "none or others")
    if not np.isin(y, (0.0, 1.0)).all():
        refuse("y", "must be 0 or 1", "others")
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        refuse("weight", "must be finite numbers, none negative and not all 0", "others")
