"""Who is simulated, what drives their risk, and the exact probability that follows.

Each merchant has traits that stay (quality, a liquidity buffer, obligations, honesty) and a
condition that moves by days between healthy, strained and distressed. A shock of random size meets
the merchant at each draw of a loan; a shock larger than the buffer is fatal: that loan is not
repaid and there are no more. Shocks grow with distress, buffers shrink with the limit given. The
probability of default within a horizon then follows exactly from powers of small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

CONDITIONS = 3
TERM_DAYS = 30
TO_DEFAULT_DAYS = 91
HORIZON_DAYS = 365

_SHOCK = np.array([0.75, 0.85, 1.0])
_FREQUENCY = np.array([1.0, 2.3, 6.0])
_WORSEN = np.array([1 / 450, 1 / 350])
_RECOVER = np.array([1 / 180, 1 / 220])
_LIMIT_EFFECT = 0.1
_WASH_SHARE = 0.01
_WASH_FACTOR = 3.0


@dataclass(frozen=True, eq=False)
class Traits:
    """What stays the same about each merchant.

    Parameters
    ----------
    quality : array
        How well the shop is run, standard normal.
    buffer : array
        Liquidity against shocks, in units of a typical shock; falls with obligations.
    honesty : array
        Standard normal; low honesty overstates and, in 1 % of merchants, trades with itself.
    is_wash : array of bool
        Whether the merchant trades with itself before applying.
    monthly_sales : array
        Typical monthly sales in yuan.
    draws_a_day : array
        Chance of drawing an order loan on a day.
    leverage : array
        Line given over monthly sales; the causal effect of the limit works through it.
    is_b2b : array of bool
        Wholesale platform or retail shop.
    """

    quality: Floats
    buffer: Floats
    honesty: Floats
    is_wash: npt.NDArray[np.bool_]
    monthly_sales: Floats
    draws_a_day: Floats
    leverage: Floats
    is_b2b: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Count the merchants."""
        return len(self.quality)


def make_traits(n: int, rng: np.random.Generator) -> Traits:
    """Draw the traits of n merchants."""
    quality = rng.normal(size=n)
    obligations = rng.gamma(2.0, 0.25, n)
    buffer = np.exp(0.8 + 0.35 * quality + 0.2 * rng.normal(size=n) - 0.3 * obligations)
    honesty = rng.normal(size=n)
    is_wash = rng.random(n) < _WASH_SHARE
    monthly = np.exp(np.log(15_000) + 1.5 * rng.normal(size=n))
    draws = np.clip(rng.gamma(4.0, 28 / 365 / 4, n), 0.01, 0.5)
    leverage = np.exp(0.5 * rng.normal(size=n))
    return Traits(quality, buffer, honesty, is_wash, monthly, draws, leverage, rng.random(n) < 0.12)


def daily_transitions(traits: Traits) -> Floats:
    """Give each merchant's daily transition probabilities between conditions, (n, 3, 3)."""
    n = len(traits)
    worsen = np.exp(-0.35 * (traits.buffer - 1.5))[:, None] * _WORSEN
    worsen = np.clip(worsen * np.where(traits.is_wash, 1.5, 1.0)[:, None], 1e-5, 0.05)
    transition = np.zeros((n, CONDITIONS, CONDITIONS))
    transition[:, 0, 1], transition[:, 1, 2] = worsen[:, 0], worsen[:, 1]
    transition[:, 1, 0], transition[:, 2, 1] = _RECOVER
    for k in range(CONDITIONS):
        transition[:, k, k] = 1 - transition[:, k].sum(axis=1)
    return transition


def fatal_chance(traits: Traits, frequency: float) -> Floats:
    """Give the chance that a draw is fatal, by merchant and condition, (n, 3).

    Shocks are exponential, so that one exceeds the buffer with exp(-buffer / mean shock); in
    distress they are larger and come more often.
    """
    effective = traits.buffer / traits.leverage**_LIMIT_EFFECT
    chance = frequency * _FREQUENCY * np.exp(-effective[:, None] / _SHOCK)
    return np.clip(chance * np.where(traits.is_wash, _WASH_FACTOR, 1.0)[:, None], 1e-9, 0.5)


def chance_at(traits: Traits, chance: Floats, leverage: float) -> Floats:
    """Give fatal chances where every line were so many months of sales, (n, 3).

    exp(-buffer / leverage^0.1 / mean shock) in place of what each merchant's own line makes of it.
    """
    own, other = (traits.buffer / each**_LIMIT_EFFECT for each in (traits.leverage, leverage))
    return np.clip(chance * np.exp((own - other)[:, None] / _SHOCK), 1e-9, 0.5)


def survival(transition: Floats, per_day: Floats, days: int) -> Floats:
    """Give the chance to survive so many days from each condition, exactly, (n, 3).

    (P D)^days 1, where P moves the condition and D survives the day.
    """
    power = transition * (1 - per_day)[:, None, :]
    result = np.broadcast_to(np.eye(CONDITIONS), transition.shape).copy()
    left = days
    while left:
        if left & 1:
            result = result @ power
        power = power @ power
        left >>= 1
    return result.sum(axis=2)


def borrower_pd(traits: Traits, transition: Floats, chance: Floats) -> Floats:
    """Give the probability of default within 365 days of a draw in each condition, (n, 3).

    A fatal draw is due after 30 days and 91 days past due after 121, so that draws up to
    365 - 121 days later count, the present one included.
    """
    days = HORIZON_DAYS - TERM_DAYS - TO_DEFAULT_DAYS
    later = survival(transition, chance * traits.draws_a_day[:, None], days)
    return 1 - (1 - chance) * later


def calibrated_chance(
    traits: Traits, transition: Floats, mix: Floats, default_rate: float
) -> Floats:
    """Scale fatal chances so that the mean probability over merchants and conditions is a rate.

    ``mix`` weighs each merchant's conditions, (n, 3).
    """

    def gap(log_frequency: float) -> float:
        chance = fatal_chance(traits, float(np.exp(log_frequency)))
        pd = borrower_pd(traits, transition, chance)
        return float((pd * mix).sum() / mix.sum() - default_rate)

    return fatal_chance(traits, float(np.exp(brentq(gap, -16, 4, xtol=1e-10))))


def walk_conditions(
    transition: Floats, days: int, rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Walk each merchant's condition day by day from a mostly healthy start, (days, n)."""
    n = len(transition)
    start = rng.random(n)
    now = (start > 0.62).astype(np.int8) + (start > 0.86).astype(np.int8)
    path = np.empty((days, n), dtype=np.int8)
    who = np.arange(n)
    upto = np.cumsum(transition, axis=2)
    for day in range(days):
        path[day] = now
        draw = rng.random(n)
        edges = upto[who, now]
        now = ((draw >= edges[:, 0]).astype(np.int8) + (draw >= edges[:, 1])).astype(np.int8)
    return path
