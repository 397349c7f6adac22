"""What frozen prices decide of any offers: one merchant's or a whole book's, to the same bits."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.allocation.choice import Bools, Floats, Ints, Problem, choose_whole
from alicredit.allocation.offers import UNSTATED, Book, read_offers
from alicredit.allocation.prices import NAMED, Constraint, Prices
from alicredit.allocation.rules import CODES
from alicredit.checks import nearest, refuse, require_kind
from alicredit.errors import PolicyError
from alicredit.policy import Policy, load_policy

_MANY = 10_000_000


def apply_prices(
    offers: pd.DataFrame, prices: Prices, *, policy: str | Policy | None = None
) -> pd.DataFrame:
    """Decide offers at frozen prices: what the book gave every merchant but those at its margin.

    An offer is worth its expected profit less what it uses of each constraint at that constraint's
    price; of a merchant's amounts of a product the one worth most is given, where that is more
    than nothing; a group within the cap for one borrower, best value per yuan of limit first.
    Give all offers of a group together: what one gets depends on the others' where that cap binds.

    Parameters
    ----------
    offers : pandas.DataFrame
        As :func:`allocate` takes them.
    prices : Prices
        Frozen by it.
    policy : str, Policy or None, default None
        Whose products bound the amounts: the one that the prices were made under, by name or
        itself. None for a lender's prices alone, which bound nothing.

    Returns
    -------
    pandas.DataFrame
        The offers in their order with ``allocated_limit`` (yuan), ``reason`` (empty where given
        whole, see ``REASONS``) and ``value_at_prices`` (yuan a year, of the whole offer).

    Raises
    ------
    InputError
        For offers that are refused, or a name that the book did not have.
    PolicyError
        For the prices of another policy, or of a policy that is not given.

    Examples
    --------
    >>> offers = pd.DataFrame({"merchant_id": ["a", "b"], "product_id": "p", "limit": 1000.0,
    ...     "minimum": 0.0, "expected_profit": [90.0, 20.0], "expected_loss": 5.0,
    ...     "mean_balance": 500.0, "peak_balance": 900.0, "region": "hunan", "category": "toys"})
    >>> prices = Prices((Constraint("peak_balance", "", 1e6, 0.05),), "", 5_000_000)
    >>> apply_prices(offers, prices)[["merchant_id", "allocated_limit", "reason"]].values.tolist()
    [['a', 1000.0, ''], ['b', 0.0, 'LENDER_CAP']]
    >>> apply_prices(offers.assign(mean_balance=-1.0), prices)
    Traceback (most recent call last):
    alicredit.errors.InputError: offers['mean_balance'] must lie from 0 to 1e+12; found -1.0.
    """
    require_kind("prices", prices, Prices, "must be frozen prices", do="use allocate(...).prices")
    chosen = None if policy is None else load_policy(policy)
    found = "" if chosen is None else chosen.policy_id
    if found != prices.policy_id:
        rule = f"must be the policy whose prices these are ({prices.policy_id[:12] or 'none'})"
        refuse("policy", rule, found[:12] or "None", error=PolicyError)
    book = read_offers(offers, chosen)
    problem = pose(book, prices)
    charged = np.array([each.price for each in prices.constraints])
    value = problem.values(charged)
    fen = choose_whole(problem, value)
    return answer(offers, book, fen, reasons_of(problem, prices, value, fen), value)


def pose(book: Book, prices: Prices) -> Problem:
    """Pose the problem of a book under constraints; names that a kind does not know are refused."""
    for kind in prices.closed_kinds:
        known = {each.key for each in prices.constraints if each.kind == kind}
        names = {"region": book.regions, "category": book.categories, "product": book.products}
        for name in names[kind]:
            if name not in known:
                rule = f"must be a {kind} of the book whose prices these are"
                refuse("offers", rule, repr(name), nearest(name, known))
    kinds = [each.kind for each in prices.constraints]
    for kind, stated in (("region", book.regions), ("category", book.categories)):
        if kind in kinds and UNSTATED in stated:
            rule, do = f"must state the {kind} where one has a share", "leave those offers out"
            refuse(f"offers[{kind!r}]", rule, repr(UNSTATED), do)
    cell, cells = _cells(book, prices.small_limit)
    highest = np.diff(book.item, append=-1) != 0
    offered = np.bincount(book.group[highest], weights=book.limit[highest].astype(np.float64))
    scale = prices.peak_z * prices.peak_sigma
    own = prices.peak_z * (1 - prices.common_share) / (2 * prices.peak_sigma)
    common = prices.peak_z * math.sqrt(prices.common_share)
    half = 0.5 * scale * (prices.common_share < 1)
    caps = np.array([each.cap for each in prices.constraints])
    caps -= np.where(np.array(kinds) == "peak_balance", half, 0.0)
    return Problem(
        group=book.group,
        item=book.item,
        profit=book.profit,
        loss=book.loss,
        mean=book.mean,
        peak=book.peak + common * book.peak_sd + own * (book.peak_sd * book.peak_sd),
        limit=book.limit,
        least=book.least,
        step=book.step,
        cell=cell,
        tight=(offered > prices.one_borrower_fen)[book.group],
        on_mean=_on_mean(book, prices, cells),
        peak_at=kinds.index("peak_balance") if "peak_balance" in kinds else -1,
        loss_at=kinds.index("expected_loss") if "expected_loss" in kinds else -1,
        caps=caps,
        one_borrower=prices.one_borrower_fen,
    )


def _cells(book: Book, small_limit: float) -> tuple[Ints, Ints]:
    """Number what constraints tell offers apart by; give each number's region, category, ..."""
    is_small = (book.limit <= round(small_limit * 100)).astype(np.int64)
    sizes = [max(len(each), 1) for each in (book.regions, book.categories, book.products)] + [2]
    code = np.ravel_multi_index((book.region, book.category, book.product, is_small), sizes)
    if math.prod(sizes) > _MANY:
        codes, cell = np.unique(code, return_inverse=True)
    else:
        seen = np.zeros(math.prod(sizes), dtype=bool)
        seen[code] = True
        codes, cell = np.flatnonzero(seen), (np.cumsum(seen) - 1)[code]
    return cell, np.array(np.unravel_index(codes, sizes))


def _on_mean(book: Book, prices: Prices, cells: Ints) -> Floats:
    """Give what a yuan of mean balance in each cell uses of each constraint."""
    names = {"region": book.regions, "category": book.categories, "product": book.products}
    on_mean = np.zeros((cells.shape[1], len(prices.constraints)))
    for at, each in enumerate(prices.constraints):
        if each.kind == "expected_balance":
            on_mean[:, at] = 1.0
        elif each.kind == "small_loans":
            on_mean[:, at] = prices.small_share - cells[3]
        elif each.kind in NAMED and each.key in names[each.kind]:
            code = names[each.kind].index(each.key)
            on_mean[:, at] = cells[NAMED.index(each.kind)] == code
    return on_mean


OTHER_AMOUNT = "ALLOC_OTHER_AMOUNT"
REASON_CODES = ("", "LIM_SINGLE_BORROWER", "ALLOC_OTHER_AMOUNT", "ALLOC_NO_PROFIT",
                "LENDER_CAP", "ALLOC_LOSS_BUDGET", "ALLOC_REGION", "ALLOC_CATEGORY",
                "ALLOC_PRODUCT", "ALLOC_SMALL_SHARE")  # fmt: skip
"""Codes of what an offer may get, by place; the first is for offers given whole."""


def reason_at(constraint: Constraint) -> int:
    """Give the place of a constraint's code."""
    return REASON_CODES.index(CODES[constraint.kind])


def reasons_of(problem: Problem, prices: Prices, value: Floats, fen: Ints) -> npt.NDArray[np.int8]:
    """Say why each offer is not given whole: the constraint that charges it most, or what else."""
    reason = np.zeros(len(fen), dtype=np.int8)
    is_held = (value > 0) & (fen < problem.limit)
    reason[is_held] = REASON_CODES.index("LIM_SINGLE_BORROWER")
    is_dear = (value <= 0) & (problem.profit > 0)
    rows = np.flatnonzero(is_dear)
    highest = np.zeros(len(rows))
    for at, each in enumerate(prices.constraints):
        if each.price > 0:
            charge = problem.use_of(at, rows) * each.price
            more = charge > highest
            reason[rows[more]] = reason_at(each)
            highest[more] = charge[more]
    reason[(value <= 0) & ~is_dear] = REASON_CODES.index("ALLOC_NO_PROFIT")
    other = has_other_amount(problem, fen)
    reason[other] = REASON_CODES.index(OTHER_AMOUNT)
    return reason


def has_other_amount(problem: Problem, fen: Ints) -> Bools:
    """Tell which rows get nothing while another amount of the same item is given."""
    given = np.zeros(int(problem.item[-1]) + 1 if len(fen) else 0, dtype=bool)
    given[problem.item[fen > 0]] = True
    return given[problem.item] & (fen == 0)


def answer(
    offers: pd.DataFrame, book: Book, fen: Ints, reason: npt.NDArray[np.int8], value: Floats
) -> pd.DataFrame:
    """Write what each offer gets beside it, in the order in which offers came."""
    back = np.empty(len(book.order), dtype=np.int64)
    back[book.order] = np.arange(len(back))
    codes = np.array(REASON_CODES, dtype=object)
    return offers.assign(
        allocated_limit=(fen / 100)[back],
        reason=codes[reason[back]],
        value_at_prices=value[back],
    )
