"""Allocation of a book: all merchants and products at once, under what they share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.allocation.choice import Bools, Floats, Ints, Problem, best_rows, choose_whole
from alicredit.allocation.core import settle_core
from alicredit.allocation.dual import Plane, find_prices
from alicredit.allocation.offers import Book, read_offers
from alicredit.allocation.prices import Constraint, Prices, freeze
from alicredit.allocation.remainder import Given, fill, keep_within
from alicredit.allocation.rules import CODES, BookRules, funds_of, lender_of
from alicredit.allocation.single import (
    OTHER_AMOUNT,
    REASON_CODES,
    answer,
    has_other_amount,
    pose,
    reason_at,
    reasons_of,
)
from alicredit.checks import refuse, require_kind
from alicredit.policy import Lender, Policy

_GUESS_GROUPS = 4_000
_EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class Allocation:
    """A book as it was allocated.

    Parameters
    ----------
    offers : pandas.DataFrame
        The offers in their order with ``allocated_limit`` (yuan), ``reason`` (empty where given
        whole), ``value_at_prices`` (yuan a year) and ``is_marginal``: whether the book gave the
        merchant another amount of the product than its prices alone do.
    prices : Prices
        Frozen.
    constraints : pandas.DataFrame
        ``constraint, code, used, cap, price``; the price is what one more yuan is worth, in yuan a
        year, and NaN where it has none (banks, borrowings, single borrower).
    value, bound : float
        Expected profit of the book in a year, and what no lawful book can pass, in yuan.
    peak_balance : float
        The peak of what was allocated by the formula itself, in yuan.
    capital_value : float
        Yuan a year that one more yuan of net capital adds with the borrowing it allows.
    """

    offers: pd.DataFrame
    prices: Prices
    constraints: pd.DataFrame
    value: float
    bound: float
    peak_balance: float
    capital_value: float

    @property
    def gap(self) -> float:
        """Give how far the value lies below the bound, as a share of the bound."""
        return (self.bound - self.value) / self.bound if self.bound > 0 else 0.0

    def __repr__(self) -> str:
        """Say what it earns, how near to the bound, at which prices."""
        given = int((self.offers["allocated_limit"] > 0).sum())
        return (f"Allocation({given} of {len(self.offers)} offers; {self.value:.2f} yuan a year, "
                f"gap {self.gap:.2g}; {self.prices.prices_id[:12]})")  # fmt: skip


def allocate(
    offers: pd.DataFrame, policy_or_lender: Policy | Lender, *, rules: BookRules | None = None
) -> Allocation:
    """Choose offers for all merchants and products at once, by the shadow price of what they share.

    The objective is the sum of expected profit in a year, ``sum of x profit``, where ``x`` is the
    share of an offer that is given: 0, or from its minimum to 1, in steps; profit, loss and
    balances are in proportion. Of a merchant's amounts of a product at most one is given. What is
    scarce is yuan-years of balance: an offer competes by its profit for the balance it draws, not
    for its limit, so a short loan is not starved by a long one.

    Constraints (DOMAIN 2.2, 2.3), of which *funds* are the lending cap, or net capital and actual
    borrowings where less:

    - ``expected_balance``: sum of x mean_balance <= funds - outstanding;
    - ``peak_balance``: the peak quantile of what is drawn on the peak day <= funds - outstanding
      then: ``sum x peak_balance + z sqrt(c (sum x sd)^2 + (1 - c) sum (x sd)^2)``, ``c`` the
      common share of variance. The root is at most ``sqrt(c) sum x sd + s / 2 + (1 - c) sum x sd^2
      / (2 s)`` for any ``s > 0`` (a tangent of the concave root, and ``x^2 <= x``), which is what
      is constrained, with ``s`` near the deviation of the book: linear, and never too low;
    - ``expected_loss``: sum of x expected_loss <= loss_budget;
    - ``region``, ``category``, ``product``: sum of x mean_balance <= share of funds;
    - ``small_loans``: mean balance of limits up to small_limit >= small_share of all;
    - one borrower with related parties: sum of x limit <= the lender's cap, solved within the
      group; banks and borrowings: refused where the lender already passes its limits.

    Parameters
    ----------
    offers : pandas.DataFrame
        ``OFFER_COLUMNS``, a row per merchant, product and amount: ``merchant_id, product_id,
        region, category`` (text), ``limit, minimum`` (yuan, whole fen), ``expected_profit,
        expected_loss`` (yuan a year), ``mean_balance, peak_balance`` (yuan, mean over the year and
        on the peak day); and, where given, ``peak_sd`` (yuan; 0 takes ``peak_balance`` as a
        contribution to the peak that simply adds up), ``group_id`` (related parties), ``step``
        (yuan; else the product's, or one yuan).
    policy_or_lender : Policy or Lender
        Whose capital, borrowings and caps; a policy's products bound the amounts as well.
    rules : BookRules or None, default None
        What the book must keep to beside; None adds nothing.

    Returns
    -------
    Allocation
        Offers with what each gets and why, frozen prices, constraints, value, bound and gap; the
        same bytes whatever the order of rows.

    Raises
    ------
    InputError
        For a column that lacks, a number that is not finite or impossible, an unknown region, the
        same offer twice, more outstanding than the funds.
    PolicyError
        For an unknown product, or a lender that borrows more or from more banks than it may.

    Examples
    --------
    >>> from alicredit.policy import load_policy
    >>> offers = pd.DataFrame({"merchant_id": ["a", "b", "c"], "product_id": "taobao_credit",
    ...     "limit": 10_000.0, "minimum": 0.0, "expected_profit": [900.0, 800.0, 700.0],
    ...     "expected_loss": 50.0, "mean_balance": 5000.0, "peak_balance": 8000.0,
    ...     "region": "hunan", "category": "toys"})
    >>> rules = BookRules(outstanding=2_400_000_000 - 12_000)
    >>> book = allocate(offers, load_policy("ali-2013"), rules=rules)
    >>> book.offers[["merchant_id", "allocated_limit", "reason"]].values.tolist()
    [['a', 10000.0, ''], ['b', 5000.0, 'LENDER_CAP'], ['c', 0.0, 'LENDER_CAP']]
    >>> round(book.prices.price_of("peak_balance"), 6), book.value, round(book.bound, 6)
    (0.1, 1300.0, 1300.0)
    >>> allocate(offers.assign(expected_profit=float("nan")), load_policy("ali-2013"))
    Traceback (most recent call last):
    alicredit.errors.InputError: offers['expected_profit'] must be finite in every row; found nan...
    """
    lender, policy, chosen, funds = read_lender(policy_or_lender, rules)
    book = read_offers(offers, policy)
    names = {"region": book.regions, "category": book.categories, "product": book.products}
    draws = bool(book.peak_sd.any())
    unpriced = unpriced_of(names, lender, policy, chosen, has_deviations=draws)
    if chosen.common_share < 1 and book.peak_sd.any():
        unpriced = replace(unpriced, peak_sigma=_sigma(book, unpriced))
    problem = pose(book, unpriced)
    found = find_prices(problem)
    prices = freeze(unpriced, found.prices)
    value = problem.values(found.prices)
    at_prices = choose_whole(problem, value)
    reason = reasons_of(problem, prices, value, at_prices)
    given = settled(problem, found, value, at_prices)
    mark_changed(reason, prices, problem, given)
    share = given.fen / problem.limit
    earned = float((problem.profit * share).sum())
    table = answer(offers, book, given.fen, reason, value)
    back = np.empty(len(book.order), dtype=np.int64)
    back[book.order] = np.arange(len(back))
    return Allocation(
        offers=table.assign(is_marginal=is_changed(problem, given.fen, at_prices)[back]),
        prices=prices,
        constraints=_constraints(problem, prices, given.fen, lender),
        value=earned,
        bound=found.height,
        peak_balance=_peak_of(book, prices, share),
        capital_value=capital_value_of(prices, lender, funds),
    )


def read_lender(
    policy_or_lender: Policy | Lender, rules: BookRules | None
) -> tuple[Lender, Policy | None, BookRules, float]:
    """Take a lender, its policy, rules and funds; refuse more outstanding than there are."""
    lender = lender_of(policy_or_lender)
    policy = policy_or_lender if isinstance(policy_or_lender, Policy) else None
    chosen = BookRules() if rules is None else rules
    require_kind("rules", chosen, BookRules, "must be rules of a book")
    funds = funds_of(lender)
    for name, taken in (("outstanding", chosen.outstanding), ("outstanding_peak", _peak(chosen))):
        if taken > funds:
            refuse(name, f"must not pass the funds of {funds:.2f}", taken)
    return lender, policy, chosen, funds


def _peak(rules: BookRules) -> float:
    """Give what loans already made draw on the peak day."""
    return rules.outstanding if rules.outstanding_peak is None else rules.outstanding_peak


def unpriced_of(
    names: Mapping[str, tuple[str, ...]],
    lender: Lender,
    policy: Policy | None,
    rules: BookRules,
    *,
    has_deviations: bool,
) -> Prices:
    """List the constraints of a book, at no price; names are those of its offers by kind."""
    funds = funds_of(lender)
    found = [
        Constraint("expected_balance", "", funds - rules.outstanding),
        Constraint("peak_balance", "", funds - _peak(rules)),
    ]
    if rules.loss_budget is not None:
        found.append(Constraint("expected_loss", "", float(rules.loss_budget)))
    for kind, known in names.items():
        shares = rules.shares_of(kind, known)
        found += [Constraint(kind, name, share * funds) for name, share in shares.items()]
    if rules.small_share > 0:
        found.append(Constraint("small_loans", "", 0.0))
    return Prices(
        constraints=tuple(found),
        policy_id="" if policy is None else policy.policy_id,
        one_borrower_fen=int(lender.single_borrower_cap * 100),
        peak_z=rules.peak_z if has_deviations else 0.0,
        common_share=float(rules.common_share),
        small_share=float(rules.small_share),
        small_limit=float(rules.small_limit) if rules.small_share > 0 else 0.0,
        closed_kinds=tuple(
            kind for kind in names if isinstance(getattr(rules, f"{kind}_share"), float)
        ),
    )


def _sigma(book: Book, unpriced: Prices) -> float:
    """Give the deviation of the book's own part of the peak, from what a part of it would choose.

    Any deviation above 0 is lawful: the nearer to the book's own, the less is held back.
    """
    own = (1 - unpriced.common_share) * (book.peak_sd * book.peak_sd)
    room = next(each.cap for each in unpriced.constraints if each.kind == "peak_balance")
    most = max(room / unpriced.peak_z, 1e-9)
    first = min(float(np.sqrt(own.sum())), most)
    problem = pose(book, replace(unpriced, peak_sigma=first))
    few = problem.groups <= _GUESS_GROUPS
    found = find_prices(problem if few else problem.sample(_GUESS_GROUPS))
    rows = best_rows(problem, problem.values(found.prices), np.ones(len(own), dtype=bool))
    return min(max(float(np.sqrt(own[rows].sum())), 0.01 * first), most)


def _peak_of(book: Book, prices: Prices, share: Floats) -> float:
    """Give the peak of shares of offers by the formula itself, of which a bound is constrained."""
    drawn, sd = float((book.peak * share).sum()), book.peak_sd * share
    common = prices.common_share * float(sd.sum()) ** 2
    own = (1 - prices.common_share) * float((sd * sd).sum())
    return drawn + prices.peak_z * math.sqrt(common + own)


def capital_value_of(prices: Prices, lender: Lender, funds: float) -> float:
    """Give what one more yuan of net capital earns with the borrowing it allows."""
    balances = ("expected_balance", "peak_balance")
    shares = [
        (1.0 if each.kind in balances else each.cap / funds, each.price)
        for each in prices.constraints
        if each.kind in (*balances, "region", "category", "product") and funds > 0
    ]
    return float(lender.lending_multiple) * sum(share * price for share, price in shares)


def settled(problem: Problem, found: Plane, value: Floats, at_prices: Ints) -> Given:
    """Make what the prices decide lawful and full: by its core, or one by one where that earns."""
    unbound = np.full(len(at_prices), -1, dtype=np.int64)
    core = settle_core(problem, found.prices, value, at_prices)
    books = []
    for start in (core, Given(at_prices, unbound)):
        if start is None:
            continue
        given = fill(problem, value, keep_within(problem, value, start))
        earned = float((problem.profit * (given.fen / problem.limit)).sum())
        books.append((earned, given))
        if found.height - earned <= _EXACT * abs(found.height):
            break
    return max(books, key=lambda each: each[0])[1]


def is_changed(problem: Problem, fen: Ints, at_prices: Ints) -> Bools:
    """Tell of which merchants and products anything differs from the choice at prices."""
    differs = np.zeros(int(problem.item[-1]) + 1 if len(fen) else 0, dtype=bool)
    differs[problem.item[fen != at_prices]] = True
    return differs[problem.item]


def mark_changed(
    reason: npt.NDArray[np.int8], prices: Prices, problem: Problem, given: Given
) -> None:
    """Write the reason of what was changed at the margin."""
    single, other = (REASON_CODES.index(each) for each in ("LIM_SINGLE_BORROWER", OTHER_AMOUNT))
    codes = np.array([*(reason_at(each) for each in prices.constraints), single], dtype=np.int8)
    changed = np.flatnonzero(given.bound >= 0)
    reason[changed] = codes[given.bound[changed]]
    why = np.zeros(int(problem.item[-1]) + 1 if len(reason) else 0, dtype=np.int8)
    why[problem.item[changed]] = reason[changed]
    has_other = has_other_amount(problem, given.fen)
    bereft = np.flatnonzero(~has_other & (given.fen == 0) & np.isin(reason, (0, other)))
    reason[bereft] = why[problem.item[bereft]]
    reason[has_other] = other
    reason[given.fen == problem.limit] = 0


def _constraints(problem: Problem, prices: Prices, fen: Ints, lender: Lender) -> pd.DataFrame:
    """Give each constraint's use, cap and price; those without a price after the others."""
    rows = np.flatnonzero(fen)
    used = problem.used(rows, fen[rows] / problem.limit[rows])
    lent = np.zeros(max(problem.groups, 1), dtype=np.int64)
    np.add.at(lent, problem.group[rows], fen[rows])
    borrowed = float(sum(lender.borrowings.values()))
    most_banks = np.inf if lender.max_banks is None else float(lender.max_banks)
    table = [
        (each.name, CODES[each.kind], used[at], problem.caps[at], each.price)
        for at, each in enumerate(prices.constraints)
    ]
    table += [
        ("single_borrower", "LIM_SINGLE_BORROWER", lent.max() / 100,
         prices.one_borrower_fen / 100, np.nan),
        ("borrowings", "LENDER_CAP", borrowed, float(lender.net_capital * lender.borrow_ratio),
         np.nan),
        ("banks", "LENDER_CAP", float(len(lender.borrowings)), most_banks, np.nan),
    ]  # fmt: skip
    return pd.DataFrame(table, columns=["constraint", "code", "used", "cap", "price"])
