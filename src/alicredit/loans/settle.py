"""One contract from disbursement to its end: every posting, exact to the fen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from alicredit.checks import refuse, require_kind
from alicredit.loans.account import Account, Due, Posting
from alicredit.loans.contract import Contract, Event
from alicredit.loans.days import require_date


@dataclass(frozen=True, slots=True)
class Settlement:
    """A loan's account up to a day.

    Parameters
    ----------
    postings : tuple of Posting
        In order of time.
    dues : tuple of Due
        What fell due, without what was repaid before.
    owed : Due
        What is due and unpaid at the day's end; its penalty is what was posted.
    put_off : Due
        Interest, fee and penalty that a restructure put off and that are not due again yet.
    undue_fen : int
        Principal that is not yet due.
    returned_fen : int
        What was paid in and not taken: more than the claim, or than a slice.
    """

    postings: tuple[Posting, ...]
    dues: tuple[Due, ...]
    owed: Due
    put_off: Due
    undue_fen: int
    returned_fen: int

    @property
    def balance_fen(self) -> int:
        """Give the principal outstanding, due or not."""
        return self.undue_fen + self.owed.principal


def settle(contract: Contract, events: Iterable[Event] = (), *, until: date) -> Settlement:
    """Keep a loan's account from disbursement to the end of a day.

    Parameters
    ----------
    contract : Contract
        The loan.
    events : iterable of Event, default ()
        What happened, in order; events of one day in the order given.
    until : date
        Last day; later dues are left out, later events are refused.

    Returns
    -------
    Settlement
        Postings, dues and what is owed. Over all postings but recoveries, each part sums to what
        is owed, put off and undue of it, and what came in is the sum of payments, recoveries and
        what was returned: every fen is principal, interest, fee or penalty.

    Raises
    ------
    InputError
        If an event lies before disbursement, out of order or after ``until``, or names an unknown
        slice.

    Examples
    --------
    >>> from alicredit.loans import per_day
    >>> from alicredit.loans.contract import Contract, Event, Terms
    >>> loan = Contract(terms=Terms(rate=per_day("0.0005"), days=30), principal_fen=500_000,
    ...                 start=date(2012, 11, 11))
    >>> late = Event(date(2012, 12, 21), "payment", 511_250)
    >>> account = settle(loan, [late], until=date(2012, 12, 21))
    >>> [(p.kind, p.total) for p in account.postings]
    [('disbursement', 500000), ('interest', 7500), ('penalty', 3750), ('payment', -511250)]
    >>> settle(loan, [Event(date(2012, 11, 1), "payment", 1)], until=date(2012, 12, 21))
    Traceback (most recent call last):
    alicredit.errors.InputError: events must not lie before disbursement; found 2012-11-01.
    """
    require_kind("contract", contract, Contract, "must be a Contract")
    require_date("until", until)
    account = Account(contract)
    last = contract.start
    if until < last:
        refuse("until", "must not lie before disbursement", until)
    for event in events:
        require_kind("events", event, Event, "must be Events")
        if event.day < contract.start:
            refuse("events", "must not lie before disbursement", event.day)
        if event.day < last or event.day > until:
            refuse("events", "must be in order of time and not after until", event.day)
        last = event.day
        account.advance(event.day)
        account.apply(event)
    account.advance(until)
    owed, put_off = (
        Due(until, claim["principal"], claim["interest"], claim["fee"], claim["penalty"])
        for claim in (account.owed, account.carried)
    )
    return Settlement(
        tuple(account.postings), tuple(account.dues), owed, put_off, account.undue,
        account.returned,
    )  # fmt: skip


def payoff(contract: Contract, events: Iterable[Event] = (), *, on: date) -> int:
    """Give the amount that closes a loan on a day, after what happened before.

    Parameters
    ----------
    contract : Contract
        The loan.
    events : iterable of Event, default ()
        What happened up to the day.
    on : date
        When it is to be closed.

    Returns
    -------
    int
        Amount in fen: principal, interest, fees and penalty, less a refund.

    Raises
    ------
    InputError
        As :func:`settle`.

    Examples
    --------
    >>> from alicredit.loans import per_day
    >>> from alicredit.loans.contract import Contract, Terms
    >>> loan = Contract(terms=Terms(rate=per_day("0.0005"), days=30), principal_fen=500_000,
    ...                 start=date(2012, 11, 11))
    >>> payoff(loan, on=date(2012, 11, 17)), payoff(loan, on=date(2012, 12, 21))
    (501500, 511250)
    >>> payoff(loan, on=date(2012, 11, 10))
    Traceback (most recent call last):
    alicredit.errors.InputError: events must not lie before disbursement; found 2012-11-10.
    """
    require_kind("contract", contract, Contract, "must be a Contract")
    more = 10**15
    closing = Event(on, "payment", more)
    before = tuple(events)
    closed = settle(contract, (*before, closing), until=on)
    if closed.balance_fen or closed.owed.total or closed.put_off.total:
        refuse("amount", "must be at most 10 trillion yuan", "a claim that is more")
    kept = settle(contract, before, until=on)
    return more - (closed.returned_fen - kept.returned_fen)
