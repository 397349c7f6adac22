"""Frozen shadow prices: what one more yuan of each constraint is worth, and what they decide."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.allocation.choice import Bools, Floats, Ints, Problem, choose_whole
from alicredit.allocation.offers import Book, read_offers
from alicredit.allocation.rules import CODES, KINDS
from alicredit.checks import nearest, refusal, refuse, require_kind, require_path, writing
from alicredit.errors import InputError, PolicyError
from alicredit.policy import Policy

FORMAT = "alicredit-prices-1"
_NAMED = ("region", "category", "product")


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of a book: what it is on, what may be used, what one more yuan is worth.

    Parameters
    ----------
    kind : str
        One of ``KINDS``.
    key : str
        The region, category or product; empty for the others.
    cap : float
        Yuan of balance, or yuan of loss a year; 0 for a least share of small loans, whose use is
        the balance that would be lacking.
    price : float, default 0.0
        Yuan of profit a year for one more yuan of the cap.
    """

    kind: str
    key: str
    cap: float
    price: float = 0.0

    @property
    def name(self) -> str:
        """Name it in one word: ``region:zhejiang``."""
        return f"{self.kind}:{self.key}" if self.key else self.kind


@dataclass(frozen=True)
class Prices:
    """The frozen prices of a book, with all that is needed to charge another offer the same way.

    Parameters
    ----------
    constraints : tuple of Constraint
        All of the book, those at price 0 too.
    policy_id : str
        Of the policy whose book it was; empty where only a lender was given.
    one_borrower_fen : int
        What one group of related parties may be lent.
    peak_z, common_share, peak_sigma : float
        How a peak balance is charged, see :func:`allocate`.
    small_share, small_limit : float
        Least share of small loans; the largest limit that is one, in yuan.
    closed_kinds : tuple of str
        Kinds of which every name has a constraint: a name that lacks is refused.

    Examples
    --------
    >>> prices = Prices((Constraint("peak_balance", "", 1e6, 0.05),), "", 5_000_000)
    >>> prices.price_of("peak_balance"), len(prices.prices_id)
    (0.05, 64)
    >>> prices.price_of("region:zhejiang")
    Traceback (most recent call last):
    alicredit.errors.InputError: constraint must be one of the book; found 'region:zhejiang'. ...
    """

    constraints: tuple[Constraint, ...]
    policy_id: str
    one_borrower_fen: int
    peak_z: float = 0.0
    common_share: float = 1.0
    peak_sigma: float = 1.0
    small_share: float = 0.0
    small_limit: float = 0.0
    closed_kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no book gives: an unknown kind, a price or cap below zero, a name twice."""
        names = [each.name for each in self.constraints]
        for each in self.constraints:
            if each.kind not in KINDS or bool(each.key) != (each.kind in _NAMED):
                refuse("constraints", "must be of known kinds", repr(each.name))
            for what, value in (("price", each.price), ("cap", each.cap)):
                _require_number(f"{each.name} {what}", value, 0.0)
        if len(set(names)) < len(names):
            refuse("constraints", "must be there once", str(sorted(names)))
        for name, low in (("peak_z", 0.0), ("common_share", 0.0), ("peak_sigma", 1e-300),
                          ("small_share", 0.0), ("small_limit", 0.0)):  # fmt: skip
            _require_number(name, getattr(self, name), low)

    @cached_property
    def prices_id(self) -> str:
        """Give the digest of the content, the same for the same prices on any machine."""
        return hashlib.sha256(_canonical(self.to_dict()).encode()).hexdigest()

    def price_of(self, constraint: str) -> float:
        """Give the price of a constraint by name, in yuan a year for one more yuan."""
        found = {each.name: each.price for each in self.constraints}
        if constraint not in found:
            rule, hint = "must be one of the book", nearest(constraint, found)
            refuse("constraint", rule, repr(constraint), hint)
        return found[constraint]

    def apply(self, offers: pd.DataFrame, *, policy: Policy | None = None) -> pd.DataFrame:
        """Decide offers at these prices, as the book did; see :func:`apply_prices`."""
        return apply_prices(offers, self, policy=policy)

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain data."""
        return {"format": FORMAT, **asdict(self), "closed_kinds": list(self.closed_kinds),
                "constraints": [asdict(each) for each in self.constraints]}  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write as JSON with the id; InputError where the place cannot be written."""
        place = require_path("path", path)
        text = json.dumps(
            {**self.to_dict(), "prices_id": self.prices_id}, indent=2, ensure_ascii=False
        )
        with writing("path", place):
            place.write_text(text + "\n", encoding="utf-8")


def load_prices(path: str | Path) -> Prices:
    """Load frozen prices; whatever is not whole, unaltered and understood is refused.

    Parameters
    ----------
    path : str or Path
        Written by :meth:`Prices.save`.

    Returns
    -------
    Prices
        The same, with the same id.

    Raises
    ------
    InputError
        For a file that cannot be read, an unknown key, an impossible number or another digest.

    Examples
    --------
    >>> import tempfile
    >>> prices = Prices((Constraint("peak_balance", "", 1e6, 0.05),), "", 5_000_000)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prices.save(f"{folder}/prices.json")
    ...     load_prices(f"{folder}/prices.json") == prices
    True
    >>> load_prices("nowhere.json")
    Traceback (most recent call last):
    alicredit.errors.InputError: path must be a file of prices; found nowhere.json (...).
    """
    place = require_path("path", path)
    rule = "must be a file of prices"
    try:
        content = json.loads(place.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(refusal("path", rule, f"{place} ({error})")) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        refuse("path", f"{rule} of format {FORMAT}", str(place))
    claimed = content.pop("prices_id", None)
    try:
        prices = _from_dict(content)
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(refusal("path", rule, f"{place} ({error})")) from error
    if prices.prices_id != claimed or _canonical(prices.to_dict()) != _canonical(content):
        refuse("path", "must hold what its digest says", f"{place} (altered)")
    return prices


def apply_prices(
    offers: pd.DataFrame, prices: Prices, *, policy: Policy | None = None
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
    policy : Policy or None, default None
        Whose products bound the amounts; it must be the one that the prices were made under.

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
        For the prices of another policy.

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
    if policy is not None and policy.policy_id != prices.policy_id:
        rule = "must be the policy whose prices these are"
        refuse("policy", rule, policy.policy_id[:12], error=PolicyError)
    book = read_offers(offers, policy)
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
    sizes = (len(book.regions), len(book.categories), len(book.products), 2)
    parts = (book.region, book.category, book.product, is_small)
    code = np.ravel_multi_index(parts, tuple(max(size, 1) for size in sizes))
    codes, cell = np.unique(code, return_inverse=True)
    return cell, np.array(np.unravel_index(codes, tuple(max(size, 1) for size in sizes)))


def _on_mean(book: Book, prices: Prices, cells: Ints) -> Floats:
    """Give what a yuan of mean balance in each cell uses of each constraint."""
    names = {"region": book.regions, "category": book.categories, "product": book.products}
    on_mean = np.zeros((cells.shape[1], len(prices.constraints)))
    for at, each in enumerate(prices.constraints):
        if each.kind == "expected_balance":
            on_mean[:, at] = 1.0
        elif each.kind == "small_loans":
            on_mean[:, at] = prices.small_share - cells[3]
        elif each.kind in _NAMED and each.key in names[each.kind]:
            code = names[each.kind].index(each.key)
            on_mean[:, at] = cells[_NAMED.index(each.kind)] == code
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


def _canonical(content: Mapping[str, Any]) -> str:
    """Write content the one way that a digest is taken of."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _from_dict(content: Mapping[str, Any]) -> Prices:
    """Make prices of plain data."""
    parts = {key: value for key, value in content.items() if key != "format"}
    constraints = tuple(Constraint(**each) for each in parts.pop("constraints"))
    kinds = tuple(parts.pop("closed_kinds"))
    return Prices(constraints=constraints, closed_kinds=kinds, **parts)


def _require_number(name: str, value: object, low: float) -> None:
    """Refuse what is no finite number of at least ``low``."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value < low:  # type: ignore[arg-type, operator]
        refuse(name, f"must be a finite number of at least {low:g}", repr(value))


def _no_constant(word: str) -> float:
    """Refuse NaN and infinities, which JSON does not know."""
    message = f"{word} is no number"
    raise ValueError(message)


def freeze(prices: Prices, found: Floats) -> Prices:
    """Put prices that were found beside their constraints."""
    pairs = zip(prices.constraints, found.tolist())
    return replace(prices, constraints=tuple(replace(c, price=p) for c, p in pairs))
