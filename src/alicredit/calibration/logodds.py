"""From a score to a probability: log-odds with an intercept, a slope only on evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_EVIDENCE = 3.84
_Z90 = 1.6448536269514722
_HIGHEST_LOGIT = 14.0
_LOWEST_LOGIT = -600.0


@dataclass(frozen=True, eq=False)
class Calibration:
    """logit pd = intercept + slope x margin, with the covariance of both."""

    intercept: float
    slope: float
    covariance: Floats

    def anchored(self, margin: Floats, weight: Floats, rate: float) -> Calibration:
        """Move the intercept so that the mean probability of the training rows is their rate.

        Merging and rounding move the level a little; one number puts it back.
        """
        low, high = -5.0, 5.0
        for _ in range(60):
            middle = (low + high) / 2
            logit = self.intercept + middle + self.slope * margin
            mean = float(np.average(rising(logit), weights=weight))
            low, high = (middle, high) if mean < rate else (low, middle)
        return Calibration(self.intercept + (low + high) / 2, self.slope, self.covariance)

    def probabilities(self, margin: Floats) -> tuple[Floats, Floats, Floats]:
        """Give lower bound, probability and upper bound (90 %) at each margin."""
        centre = self.intercept + self.slope * margin
        design = np.column_stack([np.ones_like(margin), margin])
        spread = _Z90 * np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))
        return rising(centre - spread), rising(centre), rising(centre + spread)


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


def calibrate(
    margin: Floats, y: Floats, weight: Floats, cluster: npt.NDArray[np.int64]
) -> Calibration:
    """Fit log-odds to out-of-fold margins; rows of one merchant count as one witness.

    The slope stays 1 unless freeing it gains more log-likelihood than chance would
    (chi-squared 3.84); the covariance is the sandwich over merchants, of both parameters.
    """
    only = _newton(margin, y, weight, free_slope=False)
    both = _newton(margin, y, weight, free_slope=True)
    gain = 2 * (_likelihood(both, margin, y, weight) - _likelihood(only, margin, y, weight))
    shrink = len(np.unique(cluster)) / max(len(y), 1)
    chosen = both if gain * shrink > _EVIDENCE and both[1] > 0.05 else only
    design = np.column_stack([np.ones_like(margin), margin])
    p = rising(design @ chosen)
    bread = np.linalg.pinv((design * (weight * p * (1 - p))[:, None]).T @ design)
    score = design * (weight * (y - p))[:, None]
    sums = np.zeros((int(cluster.max()) + 1, 2))
    np.add.at(sums, cluster, score)
    return Calibration(float(chosen[0]), float(chosen[1]), bread @ (sums.T @ sums) @ bread)


def _newton(margin: Floats, y: Floats, weight: Floats, *, free_slope: bool) -> Floats:
    """Maximise the likelihood of (intercept, slope); a weak prior holds the slope near 1."""
    found = np.array([0.0, 1.0])
    for _ in range(60):
        p = rising(found[0] + found[1] * margin)
        curve = weight * p * (1 - p)
        gradient = np.array([(weight * (y - p)).sum(), (weight * (y - p) * margin).sum()])
        gradient[1] -= found[1] - 1
        if not free_slope:
            step = np.array([gradient[0] / max(curve.sum(), 1e-9), 0.0])
        else:
            cross = (curve * margin).sum()
            information = np.array([[curve.sum(), cross], [cross, (curve * margin**2).sum() + 1]])
            step = np.linalg.solve(information + 1e-9 * np.eye(2), gradient)
        found, gained = _climb(found, step, margin, y, weight)
        if gained < 1e-12:
            break
    return found


def _climb(
    found: Floats, step: Floats, margin: Floats, y: Floats, weight: Floats
) -> tuple[Floats, float]:
    """Take the step, halved until the penalised likelihood does not fall; give its length too."""
    here = _penalised(found, margin, y, weight)
    for _ in range(40):
        there = found + step
        if _penalised(there, margin, y, weight) >= here:
            return there, float(np.abs(step).max())
        step = step / 2
    return found, 0.0


def _penalised(found: Floats, margin: Floats, y: Floats, weight: Floats) -> float:
    """Give the log-likelihood less the prior that holds the slope near 1."""
    return _likelihood(found, margin, y, weight) - (float(found[1]) - 1) ** 2 / 2


def _likelihood(found: Floats, margin: Floats, y: Floats, weight: Floats) -> float:
    """Give the log-likelihood of (intercept, slope)."""
    logit = found[0] + found[1] * margin
    return float((weight * (y * logit - np.logaddexp(0, logit))).sum())
