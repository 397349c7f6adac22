"""How likely a misfit over grades is by chance, where few defaults are expected too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from alicredit.checks import require_whole

Floats = npt.NDArray[np.float64]

FEWEST_EXPECTED = 5.0
"""With fewer defaults, or fewer that are none, expected in a grade the statistic does not follow
its limit (Cochran's rule)."""

_DRAWS = 100_000
_AT_FIRST, _AT_ONCE, _PLENTY = 2_000, 20_000, 0.2


def shape_p_value(
    value: float, rows: Floats, claimed: Floats, *, draws: int = _DRAWS, seed: int = 0
) -> float:
    """Give the chance of a Hosmer-Lemeshow statistic so large if the claims hold.

    The chi-square limit, one degree of freedom a grade, makes far more false alarms than meant
    where a grade expects few defaults. There the statistic is drawn anew from the claims, and the
    chance is (1 + draws as large) / (1 + draws), which is never below the true one on average.

    Parameters
    ----------
    value : float
        The statistic: sum over grades of rows x (rate - claim)^2 / (claim x (1 - claim)).
    rows : array of float
        Independent rows of each grade.
    claimed : array of float
        Their mean claims.
    draws : int, default 100000
        How many draws at most; after 2,000 they end once a fifth of them is as large, since the
        chance is then far from any that alarms.
    seed : int, default 0
        Of the draws.

    Returns
    -------
    float
        From 1 / (1 + draws) to 1 where it is drawn.

    Raises
    ------
    InputError
        If the number of draws is below 1.

    Examples
    --------
    >>> shape_p_value(9.488, np.full(4, 1000.0), np.full(4, 0.1))  # the limit
    0.0499...
    >>> shape_p_value(9.488, np.full(4, 100.0), np.full(4, 0.002), draws=20_000)
    0.083...
    >>> shape_p_value(1.0, np.ones(1), np.full(1, 0.1), draws=0)
    Traceback (most recent call last):
    alicredit.errors.InputError: draws must be a whole number of at least 1; found 0.
    """
    require_whole("draws", draws, 1)
    require_whole("seed", seed, 0)
    expected = np.minimum(rows * claimed, rows * (1 - claimed))
    if (expected >= FEWEST_EXPECTED).all():
        return float(chdtrc(len(rows), value))
    rng = np.random.default_rng(seed)
    whole = np.maximum(np.rint(rows), 1).astype(np.int64)
    scale, spread = claimed * whole, claimed * (1 - claimed) * whole
    as_large, done = 0, 0
    while done < draws and as_large <= _PLENTY * max(done, _AT_FIRST):
        many = min(_AT_ONCE if done else _AT_FIRST, draws - done)
        bad = rng.binomial(whole, claimed, size=(many, len(rows)))
        drawn = ((bad - scale) ** 2 / spread).sum(axis=1)
        as_large += int((drawn >= value * (1 - 1e-9)).sum())
        done += many
    return (1 + as_large) / (1 + done)
