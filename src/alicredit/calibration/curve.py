"""Strictly rising curves of log-odds, and fitting them to what was seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_HIGHEST_LOGIT = 14.0
_LOWEST_LOGIT = -600.0
_MOST_BINS = 4096
_KNOTS = (0.1, 0.5, 0.9)
_PRIOR_SLOPE = 0.5
_PRIOR_BEND = 0.25
_LONGEST_STEP = 1.0


def rising(logit: Floats) -> Floats:
    """Turn log-odds to probabilities that never reach 0 or 1 and never tie.

    The logistic function in floating point is flat beyond about 37; from 14 upwards and from -600
    downwards its tail is drawn as 1 / (1 + distance) instead, which joins it smoothly.
    """
    x = np.asarray(logit, dtype=np.float64)
    within = np.clip(x, _LOWEST_LOGIT, _HIGHEST_LOGIT)
    p, q = 1 / (1 + np.exp(-within)), 1 / (1 + np.exp(within))
    above, below = np.maximum(x - _HIGHEST_LOGIT, 0), np.maximum(_LOWEST_LOGIT - x, 0)
    return np.where(above > 0, 1 - q / (1 + above), p / (1 + below))


@dataclass(frozen=True, eq=False)
class Curve:
    """Log-odds as straight pieces that all rise: ``level`` at the pivot, a log-slope a piece.

    Parameters
    ----------
    level : float
        Log-odds at the pivot.
    pivot : float
        A margin in the middle of what defaults tell.
    knots : array
        Rising margins between pieces.
    log_slopes : array
        One more than knots.
    centre : array
        Mean of the design's slope columns over the rows, by what each row tells.
    """

    level: float
    pivot: float
    knots: Floats
    log_slopes: Floats
    centre: Floats

    @property
    def slope(self) -> float:
        """Give the slope of the log-odds: over all pieces, by how much is known of each."""
        return float(np.exp(self.log_slopes.mean()))

    def lengths(self, margin: Floats) -> Floats:
        """Give how far each margin lies from the pivot within each piece, shape (rows, pieces)."""
        edges = np.concatenate([[-np.inf], self.knots, [np.inf]])
        low, high = edges[:-1], edges[1:]
        m = np.asarray(margin, dtype=np.float64)[:, None]
        return np.clip(m, low, high) - np.clip(self.pivot, low, high)

    def logit(self, margin: Floats) -> Floats:
        """Give the log-odds at each margin."""
        return self.level + self.lengths(margin) @ np.exp(self.log_slopes)

    def design(self, margin: Floats) -> Floats:
        """Give the derivatives of the log-odds by level and log-slopes."""
        slopes = self.lengths(margin) * np.exp(self.log_slopes)
        return np.column_stack([np.ones(len(slopes)), slopes])

    def at_rate(self, margin: Floats, weight: Floats, rate: float) -> Curve:
        """Move the level so that the weighted mean probability is a rate (by halving)."""
        plain = self.logit(margin) - self.level
        low, high = -700.0 - float(plain.max()), 700.0 - float(plain.min())
        for _ in range(80):
            middle = (low + high) / 2
            mean = float(np.average(rising(middle + plain), weights=weight))
            low, high = (middle, high) if mean < rate else (low, middle)
        return replace(self, level=(low + high) / 2)


@dataclass(frozen=True, eq=False)
class Witnesses:
    """Rows put together by their margin, in rising order.

    Parameters
    ----------
    margin, weight, bad : array
        Margin, total weight and weight of defaults of each place.
    design_effect : float
        How many rows tell as much as one merchant of its own.
    """

    margin: Floats
    weight: Floats
    bad: Floats
    design_effect: float

    @property
    def rate(self) -> float:
        """Give Jeffreys' default rate, (d + 1/2) / (n + 1), in rows that count."""
        half = self.design_effect / 2
        return float((self.bad.sum() + half) / (self.weight.sum() + 2 * half))

    def log_likelihood(self, curve: Curve) -> float:
        """Give the log-likelihood, in rows that count."""
        logit = curve.logit(self.margin)
        every = self.bad * logit - self.weight * np.logaddexp(0, logit)
        return float(every.sum() / self.design_effect)

    def gain(self, rich: Curve, plain: Curve) -> float:
        """Give twice the log-likelihood that a richer curve gains."""
        return 2 * (self.log_likelihood(rich) - self.log_likelihood(plain))


def gather(margin: Floats, y: Floats, weight: Floats, cluster: npt.NDArray[np.int64]) -> Witnesses:
    """Put rows together by margin, whatever order they came in.

    Beyond 4,096 different margins, those within a 4,096th of the range share a place.
    """
    order = np.lexsort((weight, y, margin))
    m, bad, w = margin[order], y[order], weight[order]
    places, at = np.unique(m, return_inverse=True)
    if len(places) > _MOST_BINS:
        width = (m[-1] - m[0]) / _MOST_BINS
        at = np.minimum(((m - m[0]) / width).astype(np.int64), _MOST_BINS - 1)
    total, moment, ill = (_added(at, each) for each in (w, w * m, w * bad))
    used = total > 0
    seen = Witnesses(moment[used] / total[used], total[used], ill[used], 1.0)
    level = _plain(seen)
    effect = _design_effect(level, m, bad, w, cluster[order])
    return replace(seen, design_effect=effect)


def _added(at: npt.NDArray[np.int64], values: Floats) -> Floats:
    """Add values up by place."""
    return np.asarray(np.bincount(at, values), dtype=np.float64)


def _design_effect(
    curve: Curve, margin: Floats, y: Floats, weight: Floats, cluster: npt.NDArray[np.int64]
) -> float:
    """Give the mean design effect of level and slope: scores summed by merchant against by row."""
    score = curve.design(margin) * (y - rising(curve.logit(margin)))[:, None]
    by_row = (score * weight[:, None]).T @ score
    _, who = np.unique(cluster, return_inverse=True)
    sums = np.column_stack([np.bincount(who, weight * each) for each in score.T])
    sums = sums[np.lexsort(sums.T)]
    return float(np.trace(np.linalg.pinv(by_row) @ (sums.T @ sums)) / _rank(by_row))


def _rank(matrix: Floats) -> int:
    """Give the rank of a small matrix, at least 1."""
    return max(int(np.linalg.matrix_rank(matrix)), 1)


def _plain(seen: Witnesses) -> Curve:
    """Fit the level alone, and put the pivot where rows tell most."""
    none = np.zeros(0)
    curve = Curve(0.0, 0.0, none, np.zeros(1), np.zeros(1))
    curve = curve.at_rate(seen.margin, seen.weight, seen.rate)
    told = _told(seen, curve)
    pivot = float(np.average(seen.margin, weights=told))
    return replace(curve, level=float(curve.logit(np.array([pivot]))[0]), pivot=pivot)


def _told(seen: Witnesses, curve: Curve) -> Floats:
    """Give how much the rows at each place tell of the level."""
    p = rising(curve.logit(seen.margin))
    return np.maximum(seen.weight * p * (1 - p), 1e-300)


def fit_curve(seen: Witnesses, form: str) -> tuple[Curve, Floats]:
    """Fit a form; give the curve and the covariance of its parameters.

    The mode of the posterior, and the inverse of its curvature there.
    """
    plain = _plain(seen)
    told = _told(seen, plain)
    if form == "intercept":
        return plain, np.array([[seen.design_effect / told.sum()]])
    knots = np.zeros(0)
    if form == "bends":
        share = np.cumsum(told) / told.sum()
        knots = np.unique(seen.margin[np.searchsorted(share, _KNOTS)])
    curve = replace(plain, knots=knots, log_slopes=np.zeros(len(knots) + 1))
    precision = _prior(seen, curve, told)
    for _ in range(100):
        gradient, curvature = _slopes_of(seen, curve, precision)
        step: Floats = np.asarray(np.linalg.solve(curvature, gradient), dtype=np.float64)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        curve, moved = _climb(seen, curve, step, precision)
        if moved < 1e-9:
            break
    told = _told(seen, curve)
    design = curve.design(seen.margin)[:, 1:]
    curve = replace(curve, centre=np.average(design, axis=0, weights=told))
    covariance = np.linalg.inv(_slopes_of(seen, curve, precision)[1])
    return curve, np.asarray(covariance, dtype=np.float64)


def _prior(seen: Witnesses, curve: Curve, told: Floats) -> Floats:
    """Give the precision of the prior of log-slopes: near 0 on the whole, near their neighbours."""
    size = len(curve.log_slopes)
    piece = np.searchsorted(curve.knots, seen.margin, side="left")
    share = np.bincount(piece, told, minlength=size) / told.sum()
    precision = np.outer(share, share) / _PRIOR_SLOPE**2
    difference = np.diff(np.eye(size), axis=0)
    precision += difference.T @ difference / _PRIOR_BEND**2
    return precision


def _slopes_of(seen: Witnesses, curve: Curve, precision: Floats) -> tuple[Floats, Floats]:
    """Give gradient and expected curvature of the log-posterior."""
    p = rising(curve.logit(seen.margin))
    design = curve.design(seen.margin)
    off = (seen.bad - seen.weight * p) / seen.design_effect
    told = seen.weight * p * (1 - p) / seen.design_effect
    gradient = design.T @ off
    gradient[0] += 0.5 - float(rising(np.array(curve.level)))
    gradient[1:] -= precision @ curve.log_slopes
    curvature = (design * told[:, None]).T @ design
    curvature[1:, 1:] += precision
    return gradient, curvature + 1e-12 * np.eye(len(curvature))


def _climb(seen: Witnesses, curve: Curve, step: Floats, precision: Floats) -> tuple[Curve, float]:
    """Take a step, halved until the log-posterior does not fall; give its length too."""
    here = _posterior(seen, curve, precision)
    for _ in range(40):
        there = replace(
            curve, level=curve.level + float(step[0]), log_slopes=curve.log_slopes + step[1:]
        )
        if _posterior(seen, there, precision) >= here - 1e-9:
            return there, float(np.abs(step).max())
        step = step / 2
    return curve, 0.0


def _posterior(seen: Witnesses, curve: Curve, precision: Floats) -> float:
    """Give the log-posterior but for a constant; the level's prior is Jeffreys'."""
    level = -0.5 * float(np.logaddexp(0, curve.level) + np.logaddexp(0, -curve.level))
    return (
        seen.log_likelihood(curve)
        + level
        - float(curve.log_slopes @ precision @ curve.log_slopes) / 2
    )
