"""Frozen shadow prices: what one more yuan of each constraint is worth, and what they decide."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from alicredit.allocation.choice import Floats
from alicredit.allocation.rules import KINDS
from alicredit.checks import (
    nearest,
    refusal,
    refuse,
    require_between,
    require_kind,
    require_one_of,
    require_path,
    require_whole,
    write_whole,
)
from alicredit.errors import InputError
from alicredit.portable.file import canonical, digest_of, no_constant

FORMAT = "alicredit-prices-1"
NAMED = ("region", "category", "product")
_MOST = 1e300


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
    peak_z, common_share, peak_sigma : float, default 0, 1 and 1
        How a peak balance is charged, see :func:`allocate`.
    small_share, small_limit : float, default 0 and 0
        Least share of small loans; the largest limit that is one, in yuan.
    closed_kinds : tuple of str, default ()
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
        require_kind("constraints", self.constraints, tuple, "must be a tuple of Constraint")
        for each in self.constraints:
            _check_constraint(each)
        names = [each.name for each in self.constraints]
        if len(set(names)) < len(names):
            refuse("constraints", "must be there once", str(sorted(names)))
        require_kind("policy_id", self.policy_id, str, "must be text, empty for a lender's prices")
        require_whole("one_borrower_fen", self.one_borrower_fen, 0)
        object.__setattr__(self, "one_borrower_fen", int(self.one_borrower_fen))
        for name, low in (("peak_z", 0.0), ("common_share", 0.0), ("peak_sigma", 1e-300),
                          ("small_share", 0.0), ("small_limit", 0.0)):  # fmt: skip
            _require_number(name, getattr(self, name), low)
        for name in ("common_share", "small_share"):
            require_between(name, getattr(self, name), 0, 1)
        require_kind("closed_kinds", self.closed_kinds, tuple, f"must be a tuple from {NAMED}")
        for kind in self.closed_kinds:
            require_one_of("closed_kinds", kind, NAMED)
        if len(set(self.closed_kinds)) < len(self.closed_kinds):
            refuse("closed_kinds", "must name each once", repr(self.closed_kinds))

    @cached_property
    def prices_id(self) -> str:
        """Give the digest of the content, the same for the same prices on any machine."""
        return digest_of(self.to_dict())

    def price_of(self, constraint: str) -> float:
        """Give the price of a constraint by name, in yuan a year for one more yuan.

        Parameters
        ----------
        constraint : str
            Of ``constraints``.

        Returns
        -------
        float
            0 or above; 0 where it does not bind.

        Raises
        ------
        InputError
            For a constraint that the book did not have.
        """
        found = {each.name: each.price for each in self.constraints}
        if constraint not in found:
            rule, hint = "must be one of the book", nearest(constraint, found)
            refuse("constraint", rule, repr(constraint), hint)
        return found[constraint]

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain data."""
        return {"format": FORMAT, **asdict(self), "closed_kinds": list(self.closed_kinds),
                "constraints": [asdict(each) for each in self.constraints]}  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write as JSON with the id, whole.

        Parameters
        ----------
        path : str or Path
            In a folder that exists.

        Raises
        ------
        InputError
            Where the place cannot be written.
        """
        text = json.dumps(
            {**self.to_dict(), "prices_id": self.prices_id}, indent=2, ensure_ascii=False
        )
        write_whole("path", path, (text + "\n").encode())


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
        content = json.loads(place.read_text(encoding="utf-8"), parse_constant=no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(refusal("path", rule, f"{place} ({error})")) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        refuse("path", f"{rule} of format {FORMAT}", str(place))
    claimed = content.pop("prices_id", None)
    try:
        prices = _from_dict(content)
        found = prices.prices_id
    except (TypeError, KeyError, AttributeError, UnicodeEncodeError) as error:
        raise InputError(refusal("path", rule, f"{place} ({error})")) from error
    if found != claimed or canonical(prices.to_dict()) != canonical(content):
        refuse("path", "must hold what its digest says", f"{place} (altered)")
    return prices


def _from_dict(content: Mapping[str, Any]) -> Prices:
    """Make prices of plain data."""
    parts = {key: value for key, value in content.items() if key != "format"}
    constraints = tuple(Constraint(**each) for each in parts.pop("constraints"))
    kinds = tuple(parts.pop("closed_kinds"))
    return Prices(constraints=constraints, closed_kinds=kinds, **parts)


def _check_constraint(each: Constraint) -> None:
    """Refuse a constraint of an unknown kind, without its name, or of impossible numbers."""
    require_kind("constraints", each, Constraint, "must be a tuple of Constraint")
    require_kind("constraint key", each.key, str, "must be text")
    if each.kind not in KINDS or bool(each.key) != (each.kind in NAMED):
        refuse("constraints", "must be of known kinds", repr(each.name))
    for what, value in (("price", each.price), ("cap", each.cap)):
        _require_number(f"{each.name} {what}", value, 0.0)


def _require_number(name: str, value: object, low: float) -> None:
    """Refuse what is no finite number of at least ``low``."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not low <= value <= _MOST:  # type: ignore[operator]
        refuse(name, f"must be a finite number of at least {low:g}", repr(value))


def freeze(prices: Prices, found: Floats) -> Prices:
    """Put prices that were found beside their constraints."""
    pairs = zip(prices.constraints, found.tolist())
    return replace(prices, constraints=tuple(replace(c, price=p) for c, p in pairs))
