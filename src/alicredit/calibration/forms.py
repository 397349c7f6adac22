"""How far a curve may leave the margin, as believed; and where rows say it most likely runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alicredit.calibration.curve import (
    Curve,
    Floats,
    Witnesses,
    lengths,
    plain_curve,
    rising,
)

PIECES = 8
"""Straight pieces of a bent curve: each holds an eighth of the rows and of what they tell."""

MOST_PLACES = 128
_LONGEST_STEP, _NEAR = 2.0, 1e-10
_ROUNDING = 1e-9


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
    centre : float, default 0
        The log-slope around which all lie.
    """

    slope: float
    bend: float
    lean: float = 0.0
    centre: float = 0.0


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


def mode_of(frame: Frame, root: Floats, centre: float) -> tuple[Floats, Floats]:
    """Find the most probable log-slopes in standard normals, and the inverse curvature there."""
    size = root.shape[1]
    at = np.append(frame.plain.level, np.zeros(size))
    if not size:
        return at[1:], np.zeros((0, 0))
    height = _height(frame, root, centre, at)
    for _ in range(100):
        gradient, curvature = _slopes_of(frame, root, centre, at)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        there, higher = at + step, _height(frame, root, centre, at + step)
        while higher < height - _ROUNDING and np.abs(step).max() > _NEAR:
            step = step / 2
            there, higher = at + step, _height(frame, root, centre, at + step)
        if higher < height - _ROUNDING:
            break
        at, height = there, higher
        if np.abs(step).max() < _NEAR:
            break
    curvature = _slopes_of(frame, root, centre, at)[1]
    return at[1:], np.asarray(np.linalg.inv(curvature)[1:, 1:])


def _height(frame: Frame, root: Floats, centre: float, at: Floats) -> float:
    """Give the log-posterior but for a constant; the level's prior is Jeffreys'."""
    logit = at[0] + frame.lengths @ np.exp(centre + root @ at[1:])
    level = -0.5 * float(np.logaddexp(0, at[0]) + np.logaddexp(0, -at[0]))
    return float(frame.seen.log_likelihood(logit)) + level - float(at[1:] @ at[1:]) / 2


def _slopes_of(frame: Frame, root: Floats, centre: float, at: Floats) -> tuple[Floats, Floats]:
    """Give gradient and expected curvature of the log-posterior by level and standard normals."""
    seen, slopes = frame.seen, np.exp(centre + root @ at[1:])
    p = rising(at[0] + frame.lengths @ slopes)
    design = np.column_stack([np.ones(len(p)), (frame.lengths * slopes) @ root])
    told = seen.weight * p * (1 - p) / seen.design_effect
    gradient = design.T @ (seen.bad - seen.weight * p) / seen.design_effect - np.append(0, at[1:])
    gradient[0] += 0.5 - float(rising(np.array(at[0])))
    prior = np.append(1e-12, np.ones(len(at) - 1))
    return gradient, (design * told[:, None]).T @ design + np.diag(prior)
