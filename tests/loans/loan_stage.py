"""Contracts of the 2013 products and a day-by-day replay of one, for tests."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from alicredit.loans import (
    Contract,
    EarlyTerms,
    FeeTerms,
    PenaltyTerms,
    Terms,
    per_day,
    per_month,
)

ORDER = Terms(rate=per_day("0.0005"), days=30)
CREDIT = Terms(rate=per_day("0.0005"), months=12, early=EarlyTerms(refund_days=3))
ALI = Terms(
    rate=per_month("0.015"),
    months=12,
    fee=FeeTerms(rate="0.01", basis="per_disbursement"),
    early=EarlyTerms(min_interest_months=1, refund_days=3),
)
CARD = Terms(rate=per_day("0"), days=38, penalty=PenaltyTerms(multiplier=1, rate_per_day="0.00025"))
START = date(2012, 11, 11)


def day(number: int) -> date:
    """Give the date so many days after the start."""
    return START + timedelta(days=number)


def loan(terms: Terms, principal: int, **more: object) -> Contract:
    """Lend at the start of the stage."""
    return Contract(terms=terms, principal_fen=principal, start=START, **more)  # type: ignore[arg-type]


def half_up(exact: Fraction) -> int:
    """Round half-up by its definition."""
    return int((2 * exact + 1) // 2)


def daily_replay(contract: Contract, paid: dict[int, int], last: int) -> dict[str, int]:
    """Keep an order loan's account one day after another, with nothing but a loop.

    Interest of a day is on the closing balance before the due date, penalty of a day on the closing
    balance of overdue principal from it on; payments settle penalty, interest, principal, and
    before the due date principal with the interest it has borne.
    """
    rate = contract.terms.rate.daily
    multiple = Fraction(3, 2)
    end = (contract.dues[0] - contract.start).days
    undue, overdue, interest, penalty, extra = contract.principal_fen, 0, 0, 0, 0
    borne, late = Fraction(0), Fraction(0)
    back = 0
    for today in range(last + 1):
        if today == end:
            interest, overdue, undue = half_up(undue * borne), undue, 0
        if today in paid:
            left = paid[today]
            penalty, late = penalty + half_up(late), Fraction(0)
            for name in ("penalty", "interest", "overdue"):
                owed = {"penalty": penalty, "interest": interest, "overdue": overdue}[name]
                take = min(left, owed)
                left -= take
                if name == "penalty":
                    penalty -= take
                elif name == "interest":
                    interest -= take
                else:
                    overdue -= take
            part = min(undue, left)
            while part + half_up(part * borne) > left:
                part -= 1
            undue -= part
            left -= part + half_up(part * borne)
            back += paid[today] - left
            extra += left
        if undue:
            borne += rate
        late += overdue * rate * multiple
    return {
        "undue": undue, "overdue": overdue, "interest": interest, "penalty": penalty,
        "taken": back, "returned": extra,
    }  # fmt: skip
