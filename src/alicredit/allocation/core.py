"""The core of a book: the few choices that hang in the balance at its prices, settled together.

All others are sure: they stand as the prices decide. What the sure ones leave of every constraint
is shared out among the core by a small linear program, whose parts of offers are then cut to steps
and minimum amounts. Taken one by one these choices would leave gaps in one constraint that another
keeps from being filled.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from alicredit.allocation.choice import Bools, Floats, Ints, Problem
from alicredit.allocation.remainder import Given

_CORE = 400


def settle_core(problem: Problem, prices: Floats, value: Floats, fen: Ints) -> Given | None:
    """Settle the core; None where what is sure already passes a cap, or nothing is in doubt."""
    rows = np.flatnonzero(_in_core(problem, value))
    if not len(rows) or not (prices > 0).any():
        return None
    sure = fen.copy()
    sure[rows] = 0
    share = _shares(problem, rows, sure)
    if share is None:
        return None
    given = np.where(share > 1 - 1e-9, problem.limit[rows], 0)
    step = problem.step[rows]
    part = (problem.limit[rows] * share + 1e-6).astype(np.int64) // step * step
    part = np.where(part >= np.maximum(problem.least[rows], 1), part, 0)
    whole = _one_an_item(problem, rows, np.where(given > 0, given, part))
    sure[rows] = _lower_ids_first(problem, rows, whole)
    charge = np.column_stack([problem.use_of(c, rows) * p for c, p in enumerate(prices)])
    bound = np.full(len(fen), -1, dtype=np.int64)
    bound[rows] = np.where(sure[rows] < problem.limit[rows], charge.argmax(axis=1), -1)
    bound[sure == fen] = -1
    return Given(sure, bound)


def _in_core(problem: Problem, value: Floats) -> Bools:
    """Tell which rows are of the items whose best choice leads by least, for what it earns.

    Of equals the higher ids are in doubt where all were chosen, the lower ones where none was.
    """
    starts = np.flatnonzero(np.diff(problem.item, prepend=-1))
    if not len(starts):
        return np.zeros(0, dtype=bool)
    counts = np.diff(np.append(starts, len(value)))
    lead, highest = leads_of(problem, value)
    chosen = np.zeros(len(starts), dtype=bool)
    each = np.arange(len(starts))
    chosen[np.lexsort((np.where(highest > 0, -each, each), lead))[:_CORE]] = True
    return np.repeat(chosen & np.isfinite(lead), counts)


def leads_of(problem: Problem, value: Floats) -> tuple[Floats, Floats]:
    """Give by how much each item's best choice leads, for what it earns, and its highest value."""
    starts = np.flatnonzero(np.diff(problem.item, prepend=-1))
    counts = np.diff(np.append(starts, len(value)))
    highest = np.maximum.reduceat(value, starts)
    is_best = value == np.repeat(highest, counts)
    others = np.maximum.reduceat(np.where(is_best, -np.inf, value), starts)
    lead = np.where(highest > 0, highest - np.maximum(others, 0.0), -highest)
    earns = np.maximum.reduceat(problem.profit, starts)
    return np.where(earns > 0, lead / np.maximum(earns, 1e-300), np.inf), highest


def _shares(problem: Problem, rows: Ints, sure: Ints) -> Floats | None:
    """Share out what the sure choices leave; None where they leave less than nothing."""
    held = np.flatnonzero(sure)
    left = problem.caps - problem.used(held, sure[held] / problem.limit[held])
    use = np.array([problem.use_of(each, rows) for each in range(len(left))])
    items, item = np.unique(problem.item[rows], return_inverse=True)
    groups, group = np.unique(problem.group[rows], return_inverse=True)
    lent = np.zeros(problem.groups, dtype=np.int64)
    np.add.at(lent, problem.group[held], sure[held])
    at = np.arange(len(rows))
    one = sp.csr_matrix((np.ones(len(rows)), (item, at)), shape=(len(items), len(rows)))
    limit = (
        problem.limit[rows] / problem.one_borrower if problem.one_borrower else np.ones(len(rows))
    )
    borrower = sp.csr_matrix((limit, (group, at)), shape=(len(groups), len(rows)))
    room = (
        1 - lent[groups] / problem.one_borrower if problem.one_borrower else np.zeros(len(groups))
    )
    scale = np.maximum(np.abs(use).max(axis=1, initial=0.0), 1e-9)
    answer = linprog(
        -problem.profit[rows] / max(float(np.abs(problem.profit[rows]).max()), 1e-9),
        A_ub=sp.vstack([sp.csr_matrix(use / scale[:, None]), one, borrower]),
        b_ub=np.concatenate([left / scale, np.ones(len(items)), room]),
        bounds=(0, 1),
        method="highs",
    )
    return None if answer.x is None else np.clip(answer.x, 0.0, 1.0)


def _one_an_item(problem: Problem, rows: Ints, fen: Ints) -> Ints:
    """Keep of each item the amount that earns most; the first of equals."""
    earned = problem.profit[rows] * (fen / problem.limit[rows])
    order = np.lexsort((np.arange(len(rows)), -earned, problem.item[rows]))
    is_first = np.diff(problem.item[rows][order], prepend=-1) != 0
    kept = np.zeros_like(fen)
    kept[order[is_first]] = fen[order[is_first]]
    return kept


def _lower_ids_first(problem: Problem, rows: Ints, fen: Ints) -> Ints:
    """Hand amounts of offers that are equal in all to the lower ids first."""
    amounts = np.bincount(problem.item)[problem.item[rows]]
    alone = (amounts > 1) | problem.tight[rows]
    facts = [
        *(problem.profit[rows], problem.limit[rows], problem.least[rows], problem.step[rows]),
        *(problem.use_of(each, rows) for each in range(len(problem.caps))),
        np.where(alone, rows, -1),
    ]
    _, kind = np.unique(np.column_stack(facts), axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    handed = np.zeros_like(fen)
    handed[np.lexsort((rows, kind))] = fen[np.lexsort((-fen, kind))]
    return handed
