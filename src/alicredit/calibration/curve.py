"""Strictly rising curves of log-odds, and the rows that witness them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse

Floats = npt.NDArray[np.float64]

_HIGHEST_LOGIT = 14.0
_LOWEST_LOGIT = -600.0
_MOST_BINS = 4096
_NEAR = 1e-9
"""After a step so short the next of Newton's would be of its square."""


def rising(logit: Floats) -> Floats:
    """Turn log-odds to probabilities that never reach 0 or 1 and never tie.

    The logistic function in floating point is flat beyond about 37; from 14 upwards and from -600
    downwards its tail is drawn as 1 / (1 + distance) instead, which joins it smoothly.

    Parameters
    ----------
    logit : float64 array
        Log-odds, of any finite size.

    Returns
    -------
    float64 array
        Probabilities above 0 and below 1, which rise with the log-odds.

    Examples
    --------
    >>> rising(np.array([-1000.0, 0.0, 50.0])).round(3).tolist()
    [0.0, 0.5, 1.0]
    >>> bool(rising(np.array([50.0]))[0] < rising(np.array([51.0]))[0] < 1)
    True
    """
    x = np.asarray(logit, dtype=np.float64)
    within = np.clip(x, _LOWEST_LOGIT, _HIGHEST_LOGIT)
    p = 1 / (1 + np.exp(-within))
    if within.size and (float(x.max()) > _HIGHEST_LOGIT or float(x.min()) < _LOWEST_LOGIT):
        above, below = np.maximum(x - _HIGHEST_LOGIT, 0), np.maximum(_LOWEST_LOGIT - x, 0)
        q = 1 / (1 + np.exp(within))
        return np.where(above > 0, 1 - q / (1 + above), p / (1 + below))
    return p


@dataclass(frozen=True, eq=False)
class Curve:
    """Log-odds as straight pieces that all rise: ``level`` at the pivot, a slope for each piece.

    Parameters
    ----------
    level : float
        Log-odds at the pivot.
    pivot : float
        A margin in the middle of what defaults tell.
    knots : array
        Rising margins between pieces.
    slopes : array
        One more than knots, all above 0.
    """

    level: float
    pivot: float
    knots: Floats
    slopes: Floats

    def logit(self, margin: Floats) -> Floats:
        """Give the log-odds at each margin."""
        m = np.asarray(margin, dtype=np.float64)
        if not len(self.knots):
            return self.level + (m - self.pivot) * self.slopes[0]
        heights = self.level + lengths(self.knots, self.knots, self.pivot) @ self.slopes
        piece = np.searchsorted(self.knots, m, side="left")
        start = np.maximum(piece - 1, 0)
        return np.asarray(heights[start] + (m - self.knots[start]) * self.slopes[piece])

    def at_rate(self, margin: Floats, weight: Floats, rate: float) -> Curve:
        """Move the level so that the weighted mean probability is a rate."""
        plain = self.logit(margin) - self.level
        return replace(self, level=float(levels_at(plain[None], weight, np.array([rate]))[0]))


def through(margin: Floats, logit: Floats, pivot: float) -> Curve:
    """Give the curve that runs straight from each rising pair to the next, and on beyond."""
    knots, slopes = margin[1:-1], np.diff(logit) / np.diff(margin)
    curve = Curve(0.0, pivot, knots, slopes)
    return replace(curve, level=float(logit[0] - curve.logit(margin[:1])[0]))


def lengths(margin: Floats, knots: Floats, pivot: float) -> Floats:
    """Give how far each margin lies from the pivot within each piece, shape (rows, pieces)."""
    edges = np.concatenate([[-np.inf], knots, [np.inf]])
    low, high = edges[:-1], edges[1:]
    m = np.asarray(margin, dtype=np.float64)[:, None]
    return np.clip(m, low, high) - np.clip(pivot, low, high)


def levels_at(logit: Floats, weight: Floats, rate: Floats) -> Floats:
    """Find what to add to each curve's log-odds for its weighted mean probability to be a rate.

    ``logit`` has a line a curve and a column a place. Newton's steps on the logarithm of the mean,
    and halving where they would leave what is known to hold the answer.
    """
    share = weight / weight.sum()
    top = logit.max(axis=1)
    low, high = -700.0 - top, 700.0 - logit.min(axis=1)
    # Where defaults are rare the mean is that of the odds.
    level = np.clip(np.log(rate) - np.log(np.exp(logit - top[:, None]) @ share) - top, low, high)
    for _ in range(200):
        p = rising(logit + level[:, None])
        mean = p @ share
        slope = mean - (p * p) @ share
        is_above = mean > rate
        high, low = np.where(is_above, level, high), np.where(is_above, low, level)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            there = level + np.log(rate / mean) * mean / slope
        there = np.where((there >= low) & (there <= high), there, (low + high) / 2)
        moved = np.abs(there - level)
        level = there
        if (moved <= _NEAR * (1 + np.abs(level))).all():
            break
    return level


def thinned(margin: Floats, weight: Floats, most: int) -> tuple[Floats, Floats]:
    """Put neighbours together to at most so many places of about the same weight."""
    order = np.lexsort((weight, margin))
    m, w = margin[order], weight[order]
    if len(m) <= most:
        return m, w
    at = _steps(w, most)
    total, moment = _added(at, w), _added(at, w * m)
    used = total > 0
    return moment[used] / total[used], total[used]


def _steps(mass: Floats, most: int) -> npt.NDArray[np.int64]:
    """Number places by which of so many shares of all mass each ends in."""
    ends = np.cumsum(mass) * (most / mass.sum())
    return np.clip((ends - 1e-6).astype(np.int64), 0, most - 1)


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

    @property
    def independent(self) -> float:
        """Give how many rows there would be if each were a merchant of its own."""
        return float(self.weight.sum() / self.design_effect)

    def log_likelihood(self, logit: Floats) -> Floats:
        """Give the log-likelihood of each line of log-odds at the places, in rows that count."""
        every: Floats = logit @ self.bad - np.logaddexp(0, logit) @ self.weight
        return every / self.design_effect

    def told(self, logit: Floats) -> Floats:
        """Give how much the rows at each place tell of the level, at these log-odds."""
        p = rising(logit)
        return np.maximum(self.weight * p * (1 - p), 1e-300)

    def merged(self, mass: Floats, most: int) -> Witnesses:
        """Put neighbours together to at most so many places of about the same mass."""
        if len(self.margin) <= most:
            return self
        at = _steps(mass, most)
        total, moment, ill = (
            _added(at, each) for each in (self.weight, self.weight * self.margin, self.bad)
        )
        used = total > 0
        return replace(self, margin=moment[used] / total[used], weight=total[used], bad=ill[used])


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
    effect = _design_effect(plain_curve(seen), m, bad, w, cluster[order])
    return replace(seen, design_effect=effect)


def _added(at: npt.NDArray[np.int64], values: Floats) -> Floats:
    """Add values up by place."""
    return np.asarray(np.bincount(at, values), dtype=np.float64)


def _design_effect(
    curve: Curve, margin: Floats, y: Floats, weight: Floats, cluster: npt.NDArray[np.int64]
) -> float:
    """Give the mean design effect of level and slope: scores summed by merchant against by row.

    Level and slope were fitted to the same rows, so that a merchant of weight pulls them its way
    and its sum is small whatever its fate: each merchant's sum is taken off the fit without it (the
    jackknife by cluster; Bell and McCaffrey 2002), and the less merchants tell of their own spread
    the wider intervals must be: Student's t against the normal law at tails of 5 %, as many degrees
    of freedom as merchants but one. Rows of one merchant never count for more than rows of as many
    merchants.
    """
    from scipy.special import ndtri, stdtrit

    _, who, rows = np.unique(cluster, return_inverse=True, return_counts=True)
    if rows.max() == 1 and weight.min() == weight.max():
        return float(weight[0])  # nobody shares a fate
    p, off = rising(curve.logit(margin)), margin - curve.pivot
    told = weight * p * (1 - p)
    design = np.column_stack([np.ones(len(margin)), off])
    if float(told @ off**2) <= 1e-12 * float(told.sum()):
        design = design[:, :1]
    score = design * (y - p)[:, None]
    each = score * weight[:, None]
    sums = np.column_stack([_added(who, column) for column in each.T])
    pairs = [[_added(who, told * i * j) for i in design.T] for j in design.T]
    apart = _without(np.array(pairs).transpose(2, 0, 1), (design * told[:, None]).T @ design, sums)
    apart = apart[np.lexsort(apart.T)]
    few = float(stdtrit(len(rows) - 1, 0.95) / ndtri(0.95)) ** 2
    jackknife = apart.T @ apart * (1 - 1 / len(rows)) * few
    by_row = np.linalg.pinv(each.T @ score)
    return max(float(np.trace(by_row @ mine)) for mine in (jackknife, each.T @ each)) / len(by_row)


def _without(held: Floats, every: Floats, sums: Floats) -> Floats:
    """Give each merchant's sum of scores off the fit to all others.

    ``held`` is what each tells of level and slope, ``every`` all of them. A merchant who alone
    tells of either leaves nothing to be held against.
    """
    others = every - held
    if (np.linalg.det(others) <= 1e-9 * np.linalg.det(every)).any():
        refuse(
            "cluster",
            "must name several merchants who each tell of level and slope: how far rows of one "
            "merchant share a fate cannot be told from one; give more merchants, or each row its "
            "own where rows are independent",
            f"{len(held)}, of whom one alone tells",
        )
    found: Floats = (every @ np.linalg.solve(others, sums[:, :, None]))[:, :, 0]
    return found


def plain_curve(seen: Witnesses) -> Curve:
    """Fit the level alone, and put the pivot where rows tell most."""
    curve = Curve(0.0, 0.0, np.zeros(0), np.ones(1)).at_rate(seen.margin, seen.weight, seen.rate)
    told = seen.told(curve.logit(seen.margin))
    pivot = float(np.average(seen.margin, weights=told))
    return replace(curve, level=float(curve.logit(np.array([pivot]))[0]), pivot=pivot)
