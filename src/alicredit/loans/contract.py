"""What a contract says: rate, term, repayment, penalty, fee, and what early repayment costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from alicredit.checks import refuse, require_kind, require_one_of, require_whole
from alicredit.loans.charges import FEE_BASES, PENALTY_MODES, require_flag, service_fee
from alicredit.loans.days import due_dates, require_date
from alicredit.loans.money import Amount
from alicredit.loans.rates import STUBS, Rate, exact_rate, exact_share, months_charged
from alicredit.loans.schedule import METHODS

PENALTY_BASES = ("principal", "principal_plus_interest")
AFTER_PREPAYMENT = ("shorten", "recompute")
EVENT_KINDS = (
    "payment",
    "auto_debit",
    "order_success",
    "pull",
    "misuse_found",
    "restructured",
    "written_off",
)
"""What can happen to a loan: see :class:`Event`."""

MONEY_KINDS = ("payment", "auto_debit", "order_success", "pull")
"""The kinds of event that bring money."""


def _take_whole(
    of: object, name: str, low: int, *, called: str = "", may_lack: bool = True
) -> None:
    """Take a whole number as Python's own, which does not wrap around as NumPy's does."""
    given = getattr(of, name)
    if given is not None or not may_lack:
        high = 10**15 if name.endswith("fen") else None
        object.__setattr__(of, name, require_whole(called or name, given, low, high=high))


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyTerms:
    """What an overdue amount is charged a day; nothing is charged on penalties.

    Parameters
    ----------
    multiplier : int, str, float or Decimal, default 1.5
        Times the contract rate a day (2013 bank-research report: 1.5).
    mode : {"replace", "add"}, default "replace"
        Whether it stands for the normal interest on the overdue amount or comes beside it.
    base : {"principal", "principal_plus_interest"}, default "principal"
        What counts as overdue.
    misuse_multiplier : int, str, float, Decimal or None, default None
        The multiple from the day on which use against the contract was proven; None: none agreed.
    rate_per_day : int, str, float, Decimal or None, default None
        A rate that is multiplied instead of the contract's, where that is nothing (a card).

    Examples
    --------
    >>> PenaltyTerms().daily(Fraction(1, 2000))
    Fraction(3, 4000)
    >>> PenaltyTerms(mode="double")
    Traceback (most recent call last):
    alicredit.errors.InputError: mode must be one of 2 known words; found 'double'. ...
    """

    multiplier: Amount = "1.5"
    mode: str = "replace"
    base: str = "principal"
    misuse_multiplier: Amount | None = None
    rate_per_day: Amount | None = None

    def __post_init__(self) -> None:
        """Refuse unknown words and negative numbers."""
        require_one_of("mode", self.mode, PENALTY_MODES)
        require_one_of("base", self.base, PENALTY_BASES)
        for name in ("multiplier", "misuse_multiplier", "rate_per_day"):
            if getattr(self, name) is not None:
                exact_share(name, getattr(self, name))
        if self.rate_per_day is not None:
            exact_rate("rate_per_day", self.rate_per_day)

    def daily(self, contract_rate_per_day: Fraction, *, is_misused: bool = False) -> Fraction:
        """Give what an overdue amount is charged for a day, as a share of it."""
        if is_misused and self.misuse_multiplier is None:
            refuse("misuse_multiplier", "must be agreed before misuse can be charged", None)
        times = self.misuse_multiplier if is_misused else self.multiplier
        multiple = exact_share("multiplier", 0 if times is None else times)
        own = self.rate_per_day
        rate = contract_rate_per_day if own is None else exact_share("rate_per_day", own)
        return rate * multiple + (contract_rate_per_day if self.mode == "add" else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTerms:
    """The service fee of a draw, see :func:`service_fee`.

    Parameters
    ----------
    rate : int, str, float or Decimal, default 0
        0.01 for 1 %.
    basis : {"none", "per_disbursement", "per_line"}, default "none"
        When it is charged.
    is_withheld : bool, default False
        Whether it is kept back from the principal instead of being paid beside it. The cash is
        the same; interest taken in advance is no lawful principal, so it is marked FEE_WITHHELD.

    Examples
    --------
    >>> FeeTerms(rate="0.01", basis="per_disbursement").basis
    'per_disbursement'
    >>> FeeTerms(rate="-1")
    Traceback (most recent call last):
    alicredit.errors.InputError: rate must not be negative; found -1.
    """

    rate: Amount = "0"
    basis: str = "none"
    is_withheld: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown words and negative numbers."""
        require_one_of("basis", self.basis, FEE_BASES)
        exact_rate("rate", self.rate)
        require_flag("is_withheld", self.is_withheld)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyTerms:
    """What repayment before the due date costs and changes.

    Principal repaid early takes its own interest along; the rest goes on as agreed.

    Parameters
    ----------
    min_interest_months : int, default 0
        Months of interest charged at least on principal, for a rate a month.
    stub : {"pro_rata_30", "full_month"}, default "pro_rata_30"
        How days beyond whole months count, for a rate a month.
    prepay_fee_rate : int, str, float or Decimal, default 0
        Share of the principal repaid early.
    refund_days : int or None, default None
        Up to which day, inclusive, a loan given back whole has its interest refunded.
    refund_first_only : bool, default True
        Whether only a borrower's first loan is refunded.
    after : {"shorten", "recompute"}, default "shorten"
        Whether instalments keep their size and end sooner, or keep their number and become less;
        a bullet's end is less either way.

    Examples
    --------
    >>> EarlyTerms(min_interest_months=1).stub
    'pro_rata_30'
    >>> EarlyTerms(refund_days=-1)
    Traceback (most recent call last):
    alicredit.errors.InputError: refund_days must be a whole number of at least 0; found -1.
    """

    min_interest_months: int = 0
    stub: str = "pro_rata_30"
    prepay_fee_rate: Amount = "0"
    refund_days: int | None = None
    refund_first_only: bool = True
    after: str = "shorten"

    def __post_init__(self) -> None:
        """Refuse unknown words and negative numbers."""
        _take_whole(self, "min_interest_months", 0, may_lack=False)
        require_one_of("stub", self.stub, STUBS)
        require_one_of("after", self.after, AFTER_PREPAYMENT)
        require_flag("refund_first_only", self.refund_first_only)
        exact_rate("prepay_fee_rate", self.prepay_fee_rate)
        _take_whole(self, "refund_days", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a product: interest accrues by the unit of its rate, by day or by month.

    Parameters
    ----------
    rate : Rate
        A day or a month.
    months : int or None, default None
        Term in calendar months, with something due at the end of each; or
    days : int or None, default None
        term in days, all due at the end.
    method : {"bullet", "annuity", "equal_principal"}, default "bullet"
        How principal is repaid; an annuity needs a rate a month.
    penalty, fee, early : PenaltyTerms, FeeTerms, EarlyTerms
        What lateness, a draw and early repayment are charged.

    Examples
    --------
    >>> from alicredit.loans import per_day, per_month
    >>> Terms(rate=per_day("0.0005"), days=30).method
    'bullet'
    >>> Terms(rate=per_month("0.015"))
    Traceback (most recent call last):
    alicredit.errors.InputError: months and days must be given, one of them; found None and None.
    """

    rate: Rate
    months: int | None = None
    days: int | None = None
    method: str = "bullet"
    penalty: PenaltyTerms = field(default_factory=PenaltyTerms)
    fee: FeeTerms = field(default_factory=FeeTerms)
    early: EarlyTerms = field(default_factory=EarlyTerms)

    def __post_init__(self) -> None:
        """Refuse terms that contradict each other."""
        parts = {"rate": Rate, "penalty": PenaltyTerms, "fee": FeeTerms, "early": EarlyTerms}
        for name, kind in parts.items():
            require_kind(name, getattr(self, name), kind, f"must be {kind.__name__}")
        require_one_of("unit of rate", self.rate.unit, ("day", "month"))
        require_one_of("method", self.method, METHODS)
        if (self.months is None) == (self.days is None):
            found = f"{self.months} and {self.days}"
            refuse("months and days", "must be given, one of them", found)
        _take_whole(self, "months", 1, called="term")
        _take_whole(self, "days", 1, called="term")
        if self.rate.unit == "month" and self.months is None:
            refuse("months", "must be given for a rate a month", None)
        if self.rate.unit == "day" and self.method == "annuity":
            refuse("rate", "must be a month for an annuity", repr(self.rate))
        if self.rate.unit == "day" and self.early.min_interest_months:
            found = str(self.early.min_interest_months)
            refuse("min_interest_months", "must be 0 where the rate is a day", found)

    def units(self, start: date, end: date, *, is_closing: bool) -> Fraction:
        """Count the units of the rate from disbursement; minimum and stub only when closing."""
        if self.rate.unit == "day":
            return Fraction((end - start).days)
        if not is_closing:
            return months_charged(start, end)
        early = self.early
        return months_charged(start, end, min_months=early.min_interest_months, stub=early.stub)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One loan under its terms.

    Parameters
    ----------
    terms : Terms
        The product's.
    principal_fen : int
        Amount lent, in fen.
    start : date
        Disbursement.
    is_first_loan : bool, default False
        Whether it is the borrower's first of all, for the interest refund.
    is_first_draw : bool, default True
        Whether it is the first of its line, for a fee per line.
    line_fen : int or None, default None
        The whole line in fen, for a fee per line; None: the principal.
    slices : tuple of int, default ()
        Principal advanced on each pledged order, in fen, where confirmed orders repay it.
    due : date or None, default None
        An end that terms in days do not tell, such as a statement's due date.

    Examples
    --------
    >>> from alicredit.loans import per_day
    >>> order = Terms(rate=per_day("0.0005"), days=30)
    >>> [str(day) for day in Contract(
    ...     terms=order, principal_fen=500_000, start=date(2012, 11, 11)).dues]
    ['2012-12-11']
    >>> Contract(terms=order, principal_fen=0, start=date(2012, 11, 11))
    Traceback (most recent call last):
    alicredit.errors.InputError: principal_fen must be a whole number of at least 1 ...
    """

    terms: Terms
    principal_fen: int
    start: date
    is_first_loan: bool = False
    is_first_draw: bool = True
    line_fen: int | None = None
    slices: tuple[int, ...] = ()
    due: date | None = None

    def __post_init__(self) -> None:
        """Refuse no principal, slices beyond it, an end before the start."""
        require_kind("terms", self.terms, Terms, "must be Terms")
        _take_whole(self, "principal_fen", 1, may_lack=False)
        require_date("start", self.start)
        require_flag("is_first_loan", self.is_first_loan)
        require_flag("is_first_draw", self.is_first_draw)
        _take_whole(self, "line_fen", 0)
        if self.due is not None:
            require_date("due", self.due)
        slices = tuple(require_whole("slices", each, 1) for each in self.slices)
        object.__setattr__(self, "slices", slices)
        if sum(self.slices) > self.principal_fen:
            refuse("slices", f"must sum to at most {self.principal_fen}", sum(self.slices))
        if self.due is not None and (self.due <= self.start or self.terms.days is None):
            rule = "must lie after start, and the terms be in days"
            refuse("due", rule, self.due)

    @property
    def dues(self) -> tuple[date, ...]:
        """Give the days on which something falls due."""
        if self.due is not None:
            return (self.due,)
        if self.terms.days is not None:
            return (self.start + timedelta(days=self.terms.days),)
        return due_dates(self.start, self.terms.months or 1)

    @property
    def fee_fen(self) -> int:
        """Give the service fee at disbursement, in fen."""
        fee = self.terms.fee
        amount = self.principal_fen
        if fee.basis == "per_line" and self.line_fen is not None:
            amount = self.line_fen
        return service_fee(amount, fee.rate, basis=fee.basis, is_first_draw=self.is_first_draw)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to a loan after it was disbursed.

    Parameters
    ----------
    day : date
        When; on a due date the due comes first.
    kind : str
        ``payment``: the borrower pays ``fen``: what is overdue, then principal early, and what
        was put off when no principal is left.
        ``auto_debit``: at most ``fen`` is taken from an account, for what is due.
        ``order_success``: the buyer of order ``slice`` confirmed and paid ``fen``: repays the slice
        with its interest; what is overdue takes all of it. ``pull``: ``fen`` of principal is pulled
        with its interest, after a refund. ``misuse_found``: use against the contract was proven.
        ``restructured``: all that is owed, and all that is not yet due, falls due on ``until``.
        ``written_off``.
    fen : int, default 0
        Amount in fen; 0 for the kinds that bring none.
    slice : int or None, default None
        Which slice, from 0.
    until : date or None, default None
        The new end.

    Examples
    --------
    >>> Event(date(2012, 11, 13), "order_success", 375_000, slice=0).slice
    0
    >>> Event(date(2012, 11, 13), "payment", -1)
    Traceback (most recent call last):
    alicredit.errors.InputError: fen must be a whole number of at least 0; found -1.
    """

    day: date
    kind: str
    fen: int = 0
    slice: int | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown kind, a negative amount, a part that lacks."""
        require_one_of("kind", self.kind, EVENT_KINDS)
        require_date("day", self.day)
        _take_whole(self, "fen", 0, may_lack=False)
        if self.fen and self.kind not in MONEY_KINDS:
            refuse("fen", f"must be 0 for {self.kind}", self.fen, "add an event of kind 'payment'")
        if (self.kind == "order_success") != (self.slice is not None):
            refuse("slice", "must be given for order_success and for nothing else", self.slice)
        _take_whole(self, "slice", 0)
        if (self.kind == "restructured") != (self.until is not None):
            refuse("until", "must be given for restructured and for nothing else", self.until)
        if self.until is not None:
            require_date("until", self.until)
        if self.until is not None and self.until <= self.day:
            refuse("until", "must lie after the day of the event", self.until)
