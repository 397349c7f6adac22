"""Prices of the constraints: the least bound on what the book can earn, by cutting planes.

With a price on every constraint each group of borrowers chooses for itself, and what all choose is
worth ``D(prices) = prices . caps + sum over groups of the best value at prices``. ``D`` is convex,
is nowhere below what any lawful book earns, and its least value is that of the book in which offers
could be split. Each evaluation gives a plane that lies below ``D``; the next prices are where the
highest of the planes is least, within a distance that grows where the planes were right and shrinks
where they were wrong. A large book starts from the prices of a part of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import linprog

from alicredit.allocation.choice import Floats, Problem, choose_relaxed

log = logging.getLogger(__name__)

_FEW_GROUPS = 4_000
_PART = 16
_MOST_STEPS = 400
_EXACT = 1e-9


@dataclass(frozen=True, eq=False)
class Plane:
    """The dual function at some prices: its height there, and its slope."""

    prices: Floats
    height: float
    slope: Floats


def evaluate(problem: Problem, prices: Floats) -> Plane:
    """Evaluate the dual function, and its slope: caps less what is used."""
    profit, used = choose_relaxed(problem, prices)
    slope = problem.caps - used
    return Plane(prices, profit + float((prices * slope).sum()), slope)


def find_prices(problem: Problem) -> Plane:
    """Find the prices at which the bound is least; those of constraints that cannot bind are 0."""
    rows = np.arange(len(problem.profit))
    most_used = [np.maximum(problem.use_of(c, rows), 0).sum() for c in range(len(problem.caps))]
    prices = np.zeros(len(problem.caps))
    free = evaluate(problem, prices)
    if (free.slope >= 0).all():
        return free
    binding = np.flatnonzero(np.array(most_used) > problem.caps)
    part = problem.only(binding)
    prices[binding] = solve(part, _highest(part, free.height))
    return evaluate(problem, prices)


def _highest(problem: Problem, earned: float) -> Floats:
    """Give prices that cannot be passed at the least bound.

    ``D`` is at least price x cap, and at 0 it is what the book would earn unbound. A constraint's
    own use falls to nothing at the highest profit per unit of use; only a least share can lift
    an offer's value above its profit, by at most its own highest price.
    """
    rows = np.arange(len(problem.profit))
    has_lift = np.asarray((problem.on_mean < 0).any(axis=0))
    gain = problem.profit
    most = np.zeros(len(problem.caps))
    for each in np.argsort(~has_lift, kind="stable").tolist():
        use = problem.use_of(each, rows)
        some = np.flatnonzero(use > 0)
        with np.errstate(over="ignore"):
            most[each] = min(float((gain[some] / use[some]).max(initial=0.0)), 1e15)
        if problem.caps[each] > 0:
            most[each] = min(most[each], earned / problem.caps[each])
        if has_lift[each]:
            gain = gain + np.maximum(-use, 0) * most[each]
    return most


def solve(problem: Problem, most: Floats) -> Floats:
    """Solve a book, from the prices of a part of it where it is large."""
    if problem.groups <= _FEW_GROUPS:
        return descend(partial(evaluate, problem), most, np.zeros(len(most)), 0.1)
    part = problem.sample(max(_FEW_GROUPS, problem.groups // _PART))
    start = solve(part, most)
    return descend(partial(evaluate, problem), most, start, 0.3 / np.sqrt(part.groups))


def descend(
    evaluated: Callable[[Floats], Plane], most: Floats, start: Floats, reach: float
) -> Floats:
    """Go down by cutting planes until none promises more; reach is a share of ``most``."""
    best = evaluated(start)
    planes = [best]
    for step in range(_MOST_STEPS):
        near = np.maximum(0.0, best.prices - reach * most)
        far = np.minimum(most, best.prices + reach * most)
        prices, promised = _lowest(planes, best, near, far)
        is_inside = ((prices > near) | (near <= 0)) & ((prices < far) | (far >= most))
        is_exact = promised <= _EXACT * abs(best.height)
        if is_exact and is_inside.all():
            log.debug("%d steps", step)
            break
        new = evaluated(prices)
        planes.append(new)
        gained = best.height - new.height
        if gained > 0 and gained >= 0.1 * promised:
            best = new
            reach = reach if is_inside.all() else min(2 * reach, 1.0)
        else:
            reach = min(4 * reach, 1.0) if is_exact else 0.7 * reach
    return best.prices


def _lowest(planes: list[Plane], best: Plane, low: Floats, high: Floats) -> tuple[Floats, float]:
    """Give the prices in a box where the highest plane is least, and how far below the best."""
    size = high - low
    slopes = np.array([plane.slope for plane in planes]) * size
    heights = [plane.height + float((plane.slope * (low - plane.prices)).sum()) for plane in planes]
    scale = max(float(np.abs(best.slope * size).sum()), 1e-300)
    answer = linprog(
        np.append(np.zeros(len(low)), 1.0),
        A_ub=np.column_stack([slopes / scale, -np.ones(len(planes))]),
        b_ub=(best.height - np.array(heights)) / scale,
        bounds=[*((0.0, float(each > 0)) for each in size), (None, None)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if answer.x is None:
        return best.prices, 0.0
    return np.clip(low + answer.x[:-1] * size, low, high), max(0.0, -float(answer.x[-1]) * scale)
