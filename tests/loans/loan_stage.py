"""Contracts of the 2013 products and a day-by-day replay of one, for tests."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from alicredit.loans import (
    Contract,
    EarlyTerms,
    Event,
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


RATES = st.one_of(
    st.integers(0, 3000).map(lambda n: per_day(f"{n / 1e6:.6f}")),
    st.integers(0, 40_000).map(lambda n: per_month(f"{n / 1e6:.6f}")),
)


@st.composite
def any_terms(draw) -> Terms:
    """Make terms of any kind."""
    rate = draw(RATES)
    by_month = rate.unit == "month"
    methods = ["bullet", "equal_principal"] + (["annuity"] if by_month else [])
    is_long = by_month or draw(st.booleans())
    return Terms(
        rate=rate,
        months=draw(st.integers(1, 12)) if is_long else None,
        days=None if is_long else draw(st.integers(1, 90)),
        method=draw(st.sampled_from(methods)),
        penalty=PenaltyTerms(
            multiplier=draw(st.sampled_from(["1.5", "1.3", "2"])),
            mode=draw(st.sampled_from(["replace", "add"])),
            base=draw(st.sampled_from(["principal", "principal_plus_interest"])),
            misuse_multiplier="2.5",
        ),
        fee=FeeTerms(
            rate=draw(st.sampled_from(["0", "0.01"])),
            basis=draw(st.sampled_from(["none", "per_disbursement", "per_line"])),
        ),
        early=EarlyTerms(
            min_interest_months=draw(st.integers(0, 2)) if by_month else 0,
            stub=draw(st.sampled_from(["pro_rata_30", "full_month"])),
            prepay_fee_rate=draw(st.sampled_from(["0", "0.03"])),
            refund_days=draw(st.sampled_from([None, 3])),
            after=draw(st.sampled_from(["shorten", "recompute"])),
        ),
    )


@st.composite
def contracts(draw, terms: Terms | None = None, most: int = 10**9) -> Contract:
    """Make a contract, of any terms where none are given."""
    principal = draw(st.integers(1, most))
    slices = () if principal < 3 else (principal // 3, principal // 2)
    return Contract(
        terms=terms or draw(any_terms()),
        principal_fen=principal,
        start=draw(st.dates(date(2012, 1, 1), date(2013, 12, 31))),
        is_first_loan=draw(st.booleans()),
        is_first_draw=draw(st.booleans()),
        line_fen=draw(st.sampled_from([None, principal * 2])),
        slices=slices,
    )


@st.composite
def events_of(draw, contract: Contract) -> list[Event]:
    """Make what happens to a contract, in order of time."""
    found = []
    kinds = ["payment", "auto_debit", "pull", "misuse_found", "restructured", "written_off"]
    kinds += ["payment"] * 5 + ["auto_debit"] * 3 + (["order_success"] * 3 * bool(contract.slices))
    days = sorted(draw(st.lists(st.integers(0, 420), max_size=7)))
    for number in days:
        at = contract.start + timedelta(days=number)
        kind = draw(st.sampled_from(kinds))
        most = contract.principal_fen * 2
        fen = draw(st.integers(0, most)) if kind in ("payment", "auto_debit", "pull") else 0
        if kind == "order_success":
            found.append(Event(at, kind, draw(st.integers(0, most)), slice=draw(st.integers(0, 1))))
        elif kind == "restructured":
            later = at + timedelta(days=draw(st.integers(1, 90)))
            found.append(Event(at, kind, until=later))
        else:
            found.append(Event(at, kind, fen))
    return found


@st.composite
def lives(draw, terms: Terms | None = None, most: int = 10**9) -> tuple[Contract, list[Event]]:
    """Make a contract and what happens to it."""
    contract = draw(contracts(terms, most))
    return contract, draw(events_of(contract))
