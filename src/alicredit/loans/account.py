"""The account of one contract while it is being kept, charge by charge and payment by payment.

Each charge is rounded half-up once, on the day it is posted; what is paid goes to penalty, fee,
interest and principal that are due, in this order (assumed), and then to principal early, which
takes its own interest along, and then to what a restructure put off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from alicredit.checks import refuse
from alicredit.loans.charges import has_refund
from alicredit.loans.contract import MONEY_KINDS, Contract, Event
from alicredit.loans.money import round_half_up
from alicredit.loans.rates import exact_share
from alicredit.loans.schedule import level_payment

PARTS = ("penalty", "fee", "interest", "principal")
"""What a fen of a loan can be, in the order in which payments settle it."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a loan's account, in fen; positive raises what is owed, negative lowers it.

    ``kind`` is ``disbursement``, ``fee`` (``fee_withheld``), ``interest`` or ``penalty`` for a
    charge, ``payment`` for what came in, ``refund`` for interest forgiven, ``payout`` for money
    given back, ``written_off``, or ``recovery`` for what came in afterwards, which lowers the claim
    that was written off and not the account.

    Parameters
    ----------
    day : date
        On which it is posted.
    kind : str
        As above.
    principal, interest, fee, penalty : int, default 0
        Parts, in fen.

    Examples
    --------
    >>> Posting(date(2012, 11, 17), "payment", principal=-500_000, interest=-1_500).total
    -501500
    """

    day: date
    kind: str
    principal: int = 0
    interest: int = 0
    fee: int = 0
    penalty: int = 0

    @property
    def total(self) -> int:
        """Give all parts together."""
        return self.principal + self.interest + self.fee + self.penalty


@dataclass(frozen=True, slots=True)
class Due:
    """What fell due on a day, in fen.

    Parameters
    ----------
    day : date
        On which it fell due.
    principal, interest : int
        Parts, in fen.
    fee, penalty : int, default 0
        Further parts, in fen.

    Examples
    --------
    >>> Due(date(2012, 12, 11), 500_000, 7_500).total
    507500
    """

    day: date
    principal: int
    interest: int
    fee: int = 0
    penalty: int = 0

    @property
    def total(self) -> int:
        """Give all parts together."""
        return self.principal + self.interest + self.fee + self.penalty


@dataclass(slots=True)
class Account:
    """A contract's account: disbursed when made, then driven by ``advance`` and ``apply``."""

    contract: Contract
    undue: int = 0
    owed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    carried: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    written_off: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    postings: list[Posting] = field(default_factory=list)
    dues: list[Due] = field(default_factory=list)
    slices: list[int] = field(default_factory=list)
    calendar: list[date] = field(default_factory=list)
    returned: int = 0
    posted: Fraction = Fraction(0)
    accruing: Fraction = Fraction(0)
    penalty_from: date = date.min
    is_misused: bool = False
    size: int = 0

    def __post_init__(self) -> None:
        """Disburse, and charge the fee, which is paid at once."""
        contract, fee = self.contract, self.contract.fee_fen
        self.undue, self.slices = contract.principal_fen, list(contract.slices)
        self.calendar, self.penalty_from = list(contract.dues), contract.start
        self._post(contract.start, "disbursement", principal=contract.principal_fen)
        if fee:
            kind = "fee_withheld" if contract.terms.fee.is_withheld else "fee"
            self._post(contract.start, kind, fee=fee)
            self._post(contract.start, "payment", fee=-fee)
        self._set_size()

    def advance(self, day: date) -> None:
        """Let time go by until a day: what falls due on it included."""
        while self.calendar and self.calendar[0] <= day:
            due = self.calendar.pop(0)
            self._accrue_penalty(due)
            if self.undue or any(self.carried.values()):
                self._fall_due(due)
        self._accrue_penalty(day)

    def apply(self, event: Event) -> None:
        """Let an event happen."""
        if event.kind in MONEY_KINDS:
            self._receive(event)
        elif event.kind == "misuse_found":
            self.contract.terms.penalty.daily(Fraction(0), is_misused=True)
            self.is_misused = True
        elif event.kind == "restructured":
            self._restructure(event.day, event.until or event.day)
        else:
            self._write_off(event.day)

    def _post(self, day: date, kind: str, **parts: int) -> None:
        """Write a line, unless it is of nothing."""
        if any(parts.values()):
            self.postings.append(Posting(day, kind, **parts))

    def _set_size(self) -> None:
        """Set what each instalment is: its payment for an annuity, else its principal."""
        terms, left = self.contract.terms, max(len(self.calendar), 1)
        if terms.method == "annuity":
            self.size = level_payment(self.undue, terms.rate.value, left)
        else:
            self.size = round_half_up(Fraction(self.undue, left))

    def _share(self, day: date, *, is_closing: bool) -> Fraction:
        """Give the interest that is not posted yet, as a share of the principal that is not due."""
        terms = self.contract.terms
        units = terms.units(self.contract.start, day, is_closing=is_closing)
        return terms.rate.value * max(units - self.posted, Fraction(0))

    def _fall_due(self, day: date) -> None:
        """Post interest and move principal to what is owed."""
        interest = round_half_up(self.undue * self._share(day, is_closing=False))
        self.posted = max(self.posted, self._units(day))
        self._post(day, "interest", interest=interest)
        method = self.contract.terms.method
        wanted = {"bullet": 0, "equal_principal": self.size, "annuity": self.size - interest}
        part = min(max(wanted[method], 0), self.undue) if self.calendar else self.undue
        self.undue -= part
        fallen = {"principal": part, "interest": interest, "fee": 0, "penalty": 0}
        for name in PARTS:
            fallen[name] += self.carried[name]
            self.owed[name] += fallen[name]
            self.carried[name] = 0
        self.dues.append(Due(day, **fallen))

    def _units(self, day: date) -> Fraction:
        """Count the units of the rate from disbursement to a day."""
        return self.contract.terms.units(self.contract.start, day, is_closing=False)

    def _accrue_penalty(self, day: date) -> None:
        """Accrue penalty on what was overdue at the end of each day before this one."""
        terms = self.contract.terms.penalty
        base = self.owed["principal"]
        if terms.base == "principal_plus_interest":
            base += self.owed["interest"]
        daily = terms.daily(self.contract.terms.rate.daily, is_misused=self.is_misused)
        self.accruing += base * daily * (day - self.penalty_from).days
        self.penalty_from = day

    def _post_penalty(self, day: date) -> None:
        """Post the penalty that accrued."""
        fen = round_half_up(self.accruing)
        self.owed["penalty"] += fen
        self.accruing = Fraction(0)
        self._post(day, "penalty", penalty=fen)

    def _receive(self, event: Event) -> None:
        """Take money: for what is overdue first, then for principal early as the kind has it."""
        self._post_penalty(event.day)
        left, limit = event.fen, self.undue
        if event.kind == "pull":
            left, limit = 10**15, min(event.fen, self.undue)
        if event.kind == "order_success":
            limit = min(self._slice(event.slice or 0), self.undue)
        if event.kind == "auto_debit":
            limit = 0
        if event.kind != "pull":
            left = self._settle(event.day, left, self.owed)
            left = self._settle(event.day, left, self.written_off, "recovery")
        if event.kind == "payment" and self._refund(event.day, left):
            left -= self._pay_early(event.day, left, self.undue, is_free=True)
        else:
            left -= self._pay_early(event.day, left, limit)
        if event.kind == "payment" and not self.undue:
            left = self._settle(event.day, left, self.carried)
        self.returned += left if event.kind != "pull" else 0

    def _slice(self, number: int) -> int:
        """Take a slice off the list: its order is over."""
        if not 0 <= number < len(self.slices):
            refuse("slice", f"must be one of {len(self.slices)}", number)
        fen, self.slices[number] = self.slices[number], 0
        return fen

    def _settle(self, day: date, amount: int, claim: dict[str, int], kind: str = "payment") -> int:
        """Pay a claim, part after part; give what is left of the amount."""
        paid = {}
        for part in PARTS:
            paid[part] = -min(amount, claim[part])
            claim[part] += paid[part]
            amount += paid[part]
        self._post(day, kind, **paid)
        return amount

    def _pay_early(self, day: date, amount: int, limit: int, *, is_free: bool = False) -> int:
        """Repay principal that is not due, with its interest and fee; give what that takes."""
        early = self.contract.terms.early
        share = Fraction(0) if is_free else self._share(day, is_closing=True)
        fee_share = Fraction(0) if is_free else exact_share("fee", early.prepay_fee_rate)
        part = most_principal(amount, share, fee_share, limit)
        interest, fee = round_half_up(part * share), round_half_up(part * fee_share)
        self._post(day, "interest", interest=interest)
        self._post(day, "fee", fee=fee)
        self._post(day, "payment", principal=-part, interest=-interest, fee=-fee)
        self.undue -= part
        if part and early.after == "recompute":
            self._set_size()
        return part + interest + fee

    def _refund(self, day: date, amount: int) -> bool:
        """Forgive all interest if the loan is given back whole within a few days."""
        early, contract = self.contract.terms.early, self.contract
        is_free = has_refund(
            (day - contract.start).days, is_first_loan=contract.is_first_loan,
            refund_days=early.refund_days, first_loan_only=early.refund_first_only,
        )  # fmt: skip
        if not is_free or self.dues or not 0 < self.undue <= amount:
            return False
        paid = -sum(p.interest for p in self.postings if p.kind == "payment")
        interest = round_half_up(self.undue * self._share(day, is_closing=True))
        self._post(day, "interest", interest=interest)
        self._post(day, "refund", interest=-interest - self.carried["interest"] - paid)
        self.carried["interest"] = 0
        self._post(day, "payout", interest=paid)
        return True

    def _restructure(self, day: date, until: date) -> None:
        """Put off all that is owed and undue to a new end; interest goes on at the same rate."""
        self._post_penalty(day)
        interest = round_half_up(self.undue * self._share(day, is_closing=False))
        self._post(day, "interest", interest=interest)
        self.posted = max(self.posted, self._units(day))
        self.undue += self.owed["principal"]
        self.owed["interest"] += interest
        for part in ("penalty", "fee", "interest"):
            self.carried[part] += self.owed[part]
        self.owed = dict.fromkeys(PARTS, 0)
        self.calendar = [until]
        self._set_size()

    def _write_off(self, day: date) -> None:
        """Take all that is claimed off the account and remember it for recoveries."""
        self._post_penalty(day)
        lost = {part: self.owed[part] + self.carried[part] for part in PARTS}
        lost["principal"] += self.undue
        for part in PARTS:
            self.written_off[part] += lost[part]
        self.owed, self.carried = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)
        self.undue, self.calendar = 0, []
        self._post(day, "written_off", **{part: -lost[part] for part in PARTS})


def most_principal(amount: int, share: Fraction, fee_share: Fraction, limit: int) -> int:
    """Find the most principal that an amount repays together with its interest and fee.

    Examples
    --------
    >>> most_principal(1_000, Fraction(1, 100), Fraction(0), 5_000)
    990
    """
    if amount <= 0 or limit <= 0:
        return 0
    part = min(limit, int((amount + 1) / (1 + share + fee_share)) + 1)
    while part > 0 and part + _both(part, share, fee_share) > amount:
        part -= 1
    return part


def _both(part: int, share: Fraction, fee_share: Fraction) -> int:
    """Charge interest and fee on a part, each rounded once."""
    return round_half_up(part * share) + round_half_up(part * fee_share)
