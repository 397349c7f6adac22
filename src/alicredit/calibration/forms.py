"""How far a curve may leave the margin, and what the rows leave open of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alicredit.calibration.curve import (
    Curve,
    Floats,
    Witnesses,
    lengths,
    levels_at,
    plain_curve,
    rising,
    thinned,
    through,
)

PIECES = 8
"""Straight pieces of a bent curve: each holds an eighth of the rows and of what they tell."""

DRAWS = 256
"""Curves that stand for all that may be: their tails hold a dozen."""

_GRID = 512
_BEYOND = 3.0
"""How far beyond all rows a mean curve is drawn, in log-odds, before it runs on straight."""

DIMENSIONS = PIECES + 3
"""Standard normals of a curve: of its rate, of an error of all slopes, of its slope and pieces."""

MOST_PLACES = 128
_LONGEST_STEP, _NEAR = 2.0, 1e-10
_ROUNDING = 1e-9
_AT_ONCE = 1024


@dataclass(frozen=True)
class Form:
    """A belief of log-slopes before rows are seen.

    Parameters
    ----------
    slope : float
        Standard deviation of the log-slope at the pivot.
    bend : float
        Standard deviation by which the log-slope wanders over one unit of margin: a Wiener process
        on either side of the pivot, so that what lies farther out may differ more. It may turn
        at once, anywhere.
    lean : float, default 0
        Standard deviation by which the log-slope changes over each unit, steadily: a trend on
        either side of the pivot, each its own.
    """

    slope: float
    bend: float
    lean: float = 0.0


@dataclass(frozen=True, eq=False)
class Frame:
    """Pieces of a curve over its rows.

    Parameters
    ----------
    seen : Witnesses
        The rows, neighbours put together.
    plain : Curve
        The margin but for its level.
    knots : array
        Margins between pieces.
    lengths : array, shape (places, pieces)
        How far each place lies from the pivot within each piece.
    walk : array, shape (pieces, pieces)
        A root of the covariance of a Wiener process from the pivot at the middles of the pieces.
    trend : array, shape (pieces, 2)
        How far the middles of the pieces lie above the pivot, and below.
    """

    seen: Witnesses
    plain: Curve
    knots: Floats
    lengths: Floats
    walk: Floats
    trend: Floats

    @classmethod
    def of(cls, rows: Witnesses) -> Frame:
        """Cut the range in pieces that hold alike many rows and as much of what they tell."""
        plain = plain_curve(rows)
        seen = rows.merged(_mass(rows, plain), MOST_PLACES)
        mass = _mass(seen, plain)
        inner = np.cumsum(mass)[:-1]
        at = np.searchsorted(inner, np.arange(1, PIECES) / PIECES)
        knots = np.unique(seen.margin[np.minimum(at, len(seen.margin) - 1)])
        piece = np.searchsorted(knots, seen.margin, side="left")
        size = len(knots) + 1
        held = np.bincount(piece, mass, minlength=size)
        ends = np.append(knots, knots[-1:] if len(knots) else plain.pivot)
        middle = np.bincount(piece, mass * seen.margin, minlength=size)
        middles = np.where(held > 0, middle / np.where(held > 0, held, 1), ends)
        return cls(
            seen,
            plain,
            knots,
            lengths(seen.margin, knots, plain.pivot),
            wiener_root(middles - plain.pivot),
            np.maximum(np.outer(middles - plain.pivot, [1.0, -1.0]), 0.0),
        )

    def root(self, form: Form) -> Floats:
        """Give log-slopes by independent standard normals: a root of their prior covariance."""
        columns = []
        if form.slope:
            columns.append(np.full((len(self.walk), 1), form.slope))
        if form.lean:
            walk, trend = form.bend * self.walk, form.lean * self.trend
            both = walk @ walk.T + trend @ trend.T
            columns.append(np.linalg.cholesky(both + _ROUNDING * np.eye(len(both))))
        elif form.bend:
            columns.append(form.bend * self.walk)
        return np.hstack(columns) if columns else np.zeros((len(self.walk), 0))


def _mass(seen: Witnesses, plain: Curve) -> Floats:
    """Give each place's share of rows and of what they tell, in halves."""
    told = seen.told(plain.logit(seen.margin))
    return (seen.weight / seen.weight.sum() + told / told.sum()) / 2


def wiener_root(at: Floats) -> Floats:
    """Give a root of the covariance of a Wiener process that leaves 0 to either side.

    The covariance of two places on one side is the distance of the nearer; of two sides, 0.
    """
    size = len(at)
    far = np.abs(at)
    root = np.zeros((size, size))
    for side in (at >= 0, at < 0):
        own = np.flatnonzero(side)[np.argsort(far[side], kind="stable")]
        steps = np.sqrt(np.diff(far[own], prepend=0.0))
        root[np.ix_(own, own)] = np.tril(np.broadcast_to(steps, (len(own), len(own))))
    return root


@dataclass(frozen=True, eq=False)
class Posterior:
    """Curves that stand for all that the rows leave open, each with its probability.

    Parameters
    ----------
    pivot, knots : float, array
        As of a curve.
    log_slopes : array, shape (draws, pieces)
        Of each curve.
    levels : array, shape (draws,)
        Log-odds at the pivot at which each curve's mean probability is the rate.
    offsets : array, shape (draws,)
        What the rate itself leaves open: added to the levels.
    probability : array, shape (draws,)
        Of each curve; they sum to 1.
    drawn : array, shape (draws, 2)
        Standard normals of each curve's own: for its rate, and for what is added to its slopes.
    evidence : float
        Logarithm of the probability of what was seen, but for a constant of all forms.
    """

    pivot: float
    knots: Floats
    log_slopes: Floats
    levels: Floats
    offsets: Floats
    probability: Floats
    drawn: Floats
    evidence: float

    def logit(self, margin: Floats) -> Floats:
        """Give each curve's log-odds at each margin but for its level, shape (draws, rows)."""
        return np.exp(self.log_slopes) @ lengths(margin, self.knots, self.pivot).T

    def mean(self, low: float, high: float) -> Curve:
        """Give the curve of the mean probability, each curve at its level.

        Of all numbers the mean has the least expected loss, by any score that asks for the truth
        (logarithm, Brier). A mean of curves that rise, it rises. Drawn between two margins and
        somewhat beyond.
        """
        at = np.linspace(low - _BEYOND, high + _BEYOND, _GRID)
        logit = (self.logit(at) + self.levels[:, None]).T
        yes, no = (-np.logaddexp(0, sign * logit) for sign in (-1, 1))
        mean = _log_mean(yes, self.probability) - _log_mean(no, self.probability)
        return through(at, mean, self.pivot)

    def at_rate(self, margin: Floats, weight: Floats, rate: float) -> Posterior:
        """Move each curve so that the weighted mean probability is a rate."""
        places, held = thinned(margin, weight, 4 * MOST_PLACES)
        rates = np.full(len(self.levels), rate)
        return replace(self, levels=levels_at(self.logit(places), held, rates))

    def apart(self, error: float) -> Posterior:
        """Add an error to log-slopes that all pieces share, of so much standard deviation."""
        return replace(self, log_slopes=self.log_slopes + error * self.drawn[:, 1:])

    def with_level(self, error: float) -> Posterior:
        """Take the level as known but for a standard error."""
        return replace(self, offsets=error * self.drawn[:, 0])

    def bounds(self, margin: Floats, tail: float) -> tuple[Floats, Floats]:
        """Give the log-odds that curves worth a tail stay below, and curves worth a tail above."""
        lowest, highest = np.empty(len(margin)), np.empty(len(margin))
        for start in range(0, len(margin), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            logit = self.logit(margin[rows]).T + (self.levels + self.offsets)
            order = np.argsort(logit, axis=1)
            below = np.cumsum(self.probability[order], axis=1)
            for found, share in ((lowest, tail), (highest, 1 - tail)):
                at = np.minimum((below < share).sum(axis=1), logit.shape[1] - 1)
                at = np.take_along_axis(order, at[:, None], axis=1)
                found[rows] = np.take_along_axis(logit, at, axis=1)[:, 0]
        return lowest, highest


def posterior(frame: Frame, form: Form, draws: int = DRAWS) -> Posterior:
    """Weigh curves of a form by what was seen.

    Curves are drawn around the mode, as its curvature says, and weighed by likelihood and prior
    (importance sampling over a fixed sequence), both at the rate seen; the rate, whose prior is
    Jeffreys', is integrated out by its curvature there (Laplace): a half of the logarithm of what
    the rows tell of the level.
    """
    seen, root = frame.seen, frame.root(form)
    size = root.shape[1]
    mode, covariance = _mode(frame, root)
    sequence = normals(draws if size else 1, DIMENSIONS)
    drawn = sequence[:, 2 : 2 + size]
    z = mode + drawn @ np.linalg.cholesky(covariance).T
    log_slopes = z @ root.T
    plain = np.exp(log_slopes) @ frame.lengths.T
    levels = levels_at(plain, seen.weight, np.full(len(z), seen.rate))
    weight = seen.log_likelihood(plain + levels[:, None])
    weight += ((drawn**2).sum(axis=1) - (z**2).sum(axis=1)) / 2
    p = rising(plain + levels[:, None])
    weight += np.log(np.maximum((p * (1 - p)) @ seen.weight, 1e-300)) / 2
    most = float(weight.max())
    share = np.exp(weight - most)
    evidence = most + float(np.log(share.mean()) + np.linalg.slogdet(covariance)[1] / 2)
    share /= share.sum()
    pivot, knots, own = frame.plain.pivot, frame.knots, sequence[:, :2]
    return Posterior(pivot, knots, log_slopes, levels, np.zeros(len(z)), share, own, evidence)


def mixed(every: Sequence[Posterior]) -> Posterior:
    """Put forms together, each as likely as the others before rows are seen.

    The probability of a curve is that of its form, given what was seen, times its own within it.
    """
    share, evidence = shares(every)
    parts = zip(share, every, strict=True)
    return replace(
        every[0],
        log_slopes=np.vstack([each.log_slopes for each in every]),
        levels=np.concatenate([each.levels for each in every]),
        offsets=np.concatenate([each.offsets for each in every]),
        probability=np.concatenate([part * each.probability for part, each in parts]),
        drawn=np.vstack([each.drawn for each in every]),
        evidence=evidence,
    )


def shares(every: Sequence[Posterior]) -> tuple[Floats, float]:
    """Give the probability of each form given what was seen, and the evidence of all."""
    evidence = np.array([each.evidence for each in every])
    share = np.exp(evidence - evidence.max())
    return share / share.sum(), float(evidence.max() + np.log(share.mean()))


def _log_mean(logs: Floats, share: Floats) -> Floats:
    """Give the logarithm of the mean of each line's exponentials."""
    logs = logs + np.log(np.maximum(share, 1e-300))
    most = logs.max(axis=1, keepdims=True)
    return np.asarray(most[:, 0] + np.log(np.exp(logs - most).sum(axis=1)))


def with_rates(found: Posterior, frame: Frame) -> Posterior:
    """Add what the rows leave open of the mean rate: Jeffreys' beta law, in rows that count."""
    from scipy.special import betaincinv, ndtr

    seen = frame.seen
    bad = seen.bad.sum() / seen.design_effect
    good = max(seen.independent - bad, 0.0)
    rates = betaincinv(bad + 0.5, good + 0.5, ndtr(found.drawn[:, 0]))
    plain = np.exp(found.log_slopes) @ frame.lengths.T
    levels = levels_at(plain, seen.weight, np.clip(rates, 1e-300, 1 - 1e-15))
    return replace(found, offsets=levels - found.levels)


def normals(number: int, dimensions: int) -> Floats:
    """Give a fixed sequence of standard normals, with mean 0 and covariance 1 exactly.

    Steps of the generalised golden ratio (Roberts 2018), each point with its mirror image.
    """
    from scipy.special import ndtri

    if number < 2:
        return np.zeros((number, dimensions))
    ratio = 1.5
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = np.arange(1, number // 2 + 1)[:, None] * ratio ** -np.arange(1.0, dimensions + 1)
    half = ndtri((0.5 + steps) % 1)
    both = np.vstack([half, -half])
    return np.asarray(both @ np.linalg.inv(np.linalg.cholesky(both.T @ both / number)).T)


def _mode(frame: Frame, root: Floats) -> tuple[Floats, Floats]:
    """Find the most probable log-slopes in standard normals, and the inverse curvature there."""
    size = root.shape[1]
    at = np.append(frame.plain.level, np.zeros(size))
    if not size:
        return at[1:], np.zeros((0, 0))
    height = _height(frame, root, at)
    for _ in range(100):
        gradient, curvature = _slopes_of(frame, root, at)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        there, higher = at + step, _height(frame, root, at + step)
        while higher < height - _ROUNDING and np.abs(step).max() > _NEAR:
            step = step / 2
            there, higher = at + step, _height(frame, root, at + step)
        if higher < height - _ROUNDING:
            break
        at, height = there, higher
        if np.abs(step).max() < _NEAR:
            break
    curvature = _slopes_of(frame, root, at)[1]
    return at[1:], np.asarray(np.linalg.inv(curvature)[1:, 1:])


def _height(frame: Frame, root: Floats, at: Floats) -> float:
    """Give the log-posterior but for a constant; the level's prior is Jeffreys'."""
    logit = at[0] + frame.lengths @ np.exp(root @ at[1:])
    level = -0.5 * float(np.logaddexp(0, at[0]) + np.logaddexp(0, -at[0]))
    return float(frame.seen.log_likelihood(logit)) + level - float(at[1:] @ at[1:]) / 2


def _slopes_of(frame: Frame, root: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Give gradient and expected curvature of the log-posterior by level and standard normals."""
    seen, slopes = frame.seen, np.exp(root @ at[1:])
    p = rising(at[0] + frame.lengths @ slopes)
    design = np.column_stack([np.ones(len(p)), (frame.lengths * slopes) @ root])
    told = seen.weight * p * (1 - p) / seen.design_effect
    gradient = design.T @ (seen.bad - seen.weight * p) / seen.design_effect - np.append(0, at[1:])
    gradient[0] += 0.5 - float(rising(np.array(at[0])))
    prior = np.append(1e-12, np.ones(len(at) - 1))
    return gradient, (design * told[:, None]).T @ design + np.diag(prior)
