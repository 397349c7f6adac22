"""Moving probabilities to another level: what changes is the level, never the order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse, require_between, require_numbers, require_one_order

Floats = npt.NDArray[np.float64]

LOWEST_RATE, HIGHEST_RATE = 1e-9, 0.999999


@dataclass(frozen=True, eq=False)
class Relevelled:
    """Probabilities at a new level.

    Parameters
    ----------
    pd : array
        The probabilities.
    odds_factor : float
        What the odds of every probability were multiplied by.
    c : float
        Tasche's constant: 1 where the default rate alone changed, and the mix of scores among those
        who default and those who do not stayed as it was.
    """

    pd: Floats
    odds_factor: float
    c: float


def relevel_pds(
    pd: npt.ArrayLike, rate: float, *, weight: npt.ArrayLike = 1.0, trained_rate: float
) -> Relevelled:
    """Move probabilities to a new mean by the scaled likelihood ratio (Tasche 2013, DOMAIN 5.2).

    PD_k = 1 / (1 + (1 - p) / p * c * l_k), where p is the new mean, l_k the likelihood ratio of
    non-default to default that the old probabilities state, and c such that the mean over the new
    population is p. It multiplies all odds by one number, so ranks and what each score says stay;
    scaling the probabilities themselves would not, and could pass 1.

    Parameters
    ----------
    pd : array of float
        Probabilities of scores, grades or rows, between 0 and 1.
    rate : float
        The mean to reach: a long-run central tendency.
    weight : array of float, default 1.0
        How many of the new population have each; one number for all counts each once.
    trained_rate : float
        The mean of the old population, by which the likelihood ratios are read.

    Returns
    -------
    Relevelled
        ``pd``, ``odds_factor`` and ``c``.

    Raises
    ------
    InputError
        If a probability or a rate is not between 0 and 1, or weights differ in number or order,
        are negative or all 0.

    Examples
    --------
    >>> old = np.array([0.001, 0.004, 0.01, 0.03])
    >>> new = relevel_pds(old, 0.012, weight=[0.3, 0.3, 0.25, 0.15], trained_rate=0.0066)
    >>> (100 * new.pd).round(4).tolist(), round(new.c, 6)
    ([0.1423, 0.5684, 1.4173, 4.2165], 1.284387)
    >>> relevel_pds(old, 1.2, trained_rate=0.0066)
    Traceback (most recent call last):
    alicredit.errors.InputError: rate must be a number from 1e-09 to 0.999999; found 1.2.
    """
    for name, value in (("rate", rate), ("trained_rate", trained_rate)):
        require_between(name, value, LOWEST_RATE, HIGHEST_RATE)
    require_one_order(pd=pd, weight=weight)
    p = require_numbers("pd", pd)
    if not p.size or not ((p > 0) & (p < 1)).all():
        refuse("pd", "must lie strictly between 0 and 1, at least one", "others")
    w = require_numbers("weight", weight)
    if w.ndim and w.shape != p.shape:
        refuse("weight", f"must be one number, or one for each of the {p.size}", w.shape)
    if not np.isfinite(w).all() or (w < 0).any() or not w.any():
        refuse("weight", "must be finite numbers, none negative and not all 0", "others")
    factor = odds_factor(p, np.broadcast_to(w, p.shape), rate)
    c = rate / (1 - rate) / (trained_rate / (1 - trained_rate)) / factor
    return Relevelled(multiply_odds(p, factor), factor, c)


def odds_factor(pd: Floats, weight: Floats, rate: float) -> float:
    """Find what odds must be multiplied by for the weighted mean probability to be a rate."""
    low, high = -60.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        mean = float(np.average(multiply_odds(pd, math.exp(middle)), weights=weight))
        low, high = (middle, high) if mean < rate else (low, middle)
    return math.exp((low + high) / 2)


def multiply_odds(pd: Floats, factor: float) -> Floats:
    """Multiply the odds of probabilities by a number."""
    return pd * factor / ((1 - pd) + pd * factor)


def undo_sampling(pd: npt.ArrayLike, sampling_rate: float) -> Floats:
    """Correct probabilities of a model that saw only a share of those who did not default.

    The odds in the sample are 1 / sampling_rate of the true ones: logit pd + ln(sampling_rate), the
    prior shift (exact where rows without default were left out at random; DOMAIN 5.2).

    Parameters
    ----------
    pd : array of float
        Probabilities at the sample's level.
    sampling_rate : float
        Share of the rows without default that were kept, above 0 and up to 1.

    Returns
    -------
    array of float
        Probabilities of the population.

    Raises
    ------
    InputError
        If the share is out of its range or a probability not between 0 and 1.

    Examples
    --------
    >>> share = 0.007 / 0.993 / (0.2 / 0.8)  # from 20 % in the sample to 0.7 %
    >>> (100 * undo_sampling([0.05, 0.5], share)).round(6).tolist()
    [0.148187, 2.742409]
    >>> undo_sampling([0.05], 0)
    Traceback (most recent call last):
    alicredit.errors.InputError: sampling_rate must be a number from 1e-06 to 1; found 0.
    """
    require_between("sampling_rate", sampling_rate, 1e-6, 1)
    p = require_numbers("pd", pd)
    if not ((p > 0) & (p < 1)).all():
        refuse("pd", "must lie strictly between 0 and 1", "others")
    return multiply_odds(p, sampling_rate)


def floored(pd: npt.ArrayLike, floor: float = 0.0003) -> Floats:
    """Give the probability that a regulator lets count: never below a floor.

    A column beside the PD, never the PD itself: it ties ranks.

    Parameters
    ----------
    pd : array of float
        Annual probabilities of borrowers; a missing one stays missing.
    floor : float, default 0.0003
        The least that counts: 0.03 % for annual PDs of borrowers (CRR, DOMAIN 5.2).

    Returns
    -------
    array of float
        The larger of both.

    Raises
    ------
    InputError
        If the floor is not from 0 to 1 or a probability lies outside 0 to 1.

    Examples
    --------
    >>> floored([0.0001, 0.02]).tolist()
    [0.0003, 0.02]
    >>> floored([1.2])
    Traceback (most recent call last):
    alicredit.errors.InputError: pd must lie from 0 to 1; found 1.2.
    """
    require_between("floor", floor, 0, 1)
    p = require_numbers("pd", pd)
    if ((p < 0) | (p > 1)).any():
        refuse("pd", "must lie from 0 to 1", p[(p < 0) | (p > 1)][0])
    return np.maximum(p, floor)
