"""Curves that stand for all that the rows leave open, each with its probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alicredit.calibration.curve import Curve, Floats, lengths, levels_at, rising, thinned, through
from alicredit.calibration.forms import MOST_PLACES, PIECES, Form, Frame, mode_of

DRAWS = 256
"""Curves that stand for all that may be: their tails hold a dozen."""

_GRID = 512
_BEYOND = 3.0
"""How far beyond all rows a mean curve is drawn, in log-odds, before it runs on straight."""

DIMENSIONS = PIECES + 3
"""Standard normals of a curve: of its rate, of an error of all slopes, of its slope and pieces."""

_AT_ONCE = 1024


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

    def repeated(self, draws: int) -> Posterior:
        """Let so many curves stand for one that leaves nothing open but its level."""
        return replace(
            self,
            log_slopes=np.repeat(self.log_slopes, draws, axis=0),
            levels=np.repeat(self.levels, draws),
            offsets=np.repeat(self.offsets, draws),
            probability=np.full(draws, 1 / draws),
            drawn=normals(draws, DIMENSIONS)[:, :2],
        )

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
    mode, covariance = mode_of(frame, root, form.centre)
    sequence = normals(draws if size else 1, DIMENSIONS)
    drawn = sequence[:, 2 : 2 + size]
    z = mode + drawn @ np.linalg.cholesky(covariance).T
    log_slopes = z @ root.T + form.centre
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


def mixed(every: Sequence[Posterior], before: Sequence[float] | None = None) -> Posterior:
    """Put forms together, as likely before rows are seen as is said: without a word, all alike.

    The probability of a curve is that of its form, given what was seen, times its own within it.
    """
    share, evidence = shares(every, before)
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


def shares(
    every: Sequence[Posterior], before: Sequence[float] | None = None
) -> tuple[Floats, float]:
    """Give the probability of each form given what was seen, and the evidence of all."""
    evidence = np.array([each.evidence for each in every])
    prior = np.ones(len(every)) if before is None else np.array(before, dtype=np.float64)
    share = np.exp(evidence - evidence.max()) * prior / prior.sum()
    return share / share.sum(), float(evidence.max() + np.log(share.sum()))


def _log_mean(logs: Floats, share: Floats) -> Floats:
    """Give the logarithm of the mean of each line's exponentials."""
    logs = logs + np.log(np.maximum(share, 1e-300))
    most = logs.max(axis=1, keepdims=True)
    return np.asarray(most[:, 0] + np.log(np.exp(logs - most).sum(axis=1)))


def with_rates(found: Posterior, frame: Frame) -> Posterior:
    """Add what the rows leave open of the mean rate: Jeffreys' beta law, in rows that count."""
    from scipy.special import betaincinv, ndtr

    seen, found = frame.seen, found.repeated(DRAWS) if len(found.levels) == 1 else found
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
