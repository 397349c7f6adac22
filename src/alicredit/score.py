"""What a score is: points that stand for odds, of a claim with a horizon and a level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse, require_between

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PointScale:
    """How odds of being good become points: so many points at so many odds, doubling every so many.

    score = points + doubles_every / ln 2 * (ln((1 - pd) / pd) - ln odds)

    Parameters
    ----------
    points : float, default 600
        Score at ``odds``.
    odds : float, default 50
        Good to bad.
    doubles_every : float, default 20
        Points that double the odds.

    Examples
    --------
    >>> scale = PointScale()
    >>> [round(float(scale.to_points(pd)), 2) for pd in (0.007, 0.02, 0.10)]
    [630.09, 599.42, 550.52]
    >>> round(float(scale.to_probability(600)), 6)
    0.019608
    >>> PointScale(odds=-1)
    Traceback (most recent call last):
    alicredit.errors.InputError: odds must be a number from 1e-06 to 1e+09; found -1.
    """

    points: float = 600
    odds: float = 50
    doubles_every: float = 20

    def __post_init__(self) -> None:
        """Refuse a scale that does not rise."""
        require_between("points", self.points, -1e6, 1e6)
        require_between("odds", self.odds, 1e-6, 1e9)
        require_between("doubles_every", self.doubles_every, 1e-3, 1e6)

    @property
    def factor(self) -> float:
        """Give the points a unit of log-odds is worth."""
        return self.doubles_every / math.log(2)

    @property
    def offset(self) -> float:
        """Give the score at even odds."""
        return self.points - self.factor * math.log(self.odds)

    def to_points(self, pd: float | Floats) -> Floats:
        """Turn probabilities of default into scores.

        Parameters
        ----------
        pd : float or array of float
            Probabilities, above 0 and below 1.

        Returns
        -------
        float64 array
            Points, not rounded; more is safer.

        Raises
        ------
        InputError
            For a probability that is 0, 1 or none.
        """
        p = np.asarray(pd, dtype=np.float64)
        inside = (p > 0) & (p < 1)
        if not inside.all():
            refuse("pd", "must lie strictly between 0 and 1", np.extract(~inside, p)[0])
        return self.offset + self.factor * (np.log1p(-p) - np.log(p))

    def to_probability(self, points: float | Floats) -> Floats:
        """Turn scores into probabilities of default.

        Parameters
        ----------
        points : float or array of float
            Scores, finite.

        Returns
        -------
        float64 array
            Above 0 and below 1, but where the double itself ends.

        Raises
        ------
        InputError
            For a score that is not finite.
        """
        s = np.asarray(points, dtype=np.float64)
        if not np.isfinite(s).all():
            refuse("points", "must be finite", "a value that is not")
        return 1 / (1 + np.exp((s - self.offset) / self.factor))


CLAIM = ("horizon_days", "level", "days_past_due")
"""What two probabilities must share to be compared or combined (DOMAIN 5.1)."""


def require_same_claim(argument: str, claim: Any, other: Any, *, is_stated: bool = True) -> None:
    """Refuse to compare or combine probabilities of unlike horizons, levels or thresholds.

    Parameters
    ----------
    argument : str
        What is refused.
    claim : Claim, DefaultDefinition or mapping
        What one probability claims: ``horizon_days``, ``level``, ``days_past_due``.
    other : Claim, DefaultDefinition or mapping
        What the other claims.
    is_stated : bool, default True
        Refuse where only one of both states a part; False lets what is not stated pass.

    Raises
    ------
    InputError
        If they differ in a part.

    Examples
    --------
    >>> year = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    >>> require_same_claim("models", year, dict(year))
    >>> require_same_claim("models", year, year | {"horizon_days": 90})
    Traceback (most recent call last):
    alicredit.errors.InputError: models must claim the same horizon_days, 365; found 90. ...
    """
    for name in CLAIM:
        mine, its = (_part(each, name) for each in (claim, other))
        is_known = mine is not None and its is not None
        if mine != its and (is_known or is_stated):
            do = "label and train both with one definition; horizons are never converted"
            rule = f"must claim the same {name}, {'not stated' if mine is None else mine}"
            refuse(argument, rule, "not stated" if its is None else its, do)


def _part(claim: Any, name: str) -> Any:
    """Read one part of a claim; None where it is not stated."""
    is_mapping = hasattr(claim, "keys")
    value = claim.get(name) if is_mapping else getattr(claim, name, None)
    return None if value == "" else value
