"""A seller's year: an order loan every day, and what went otherwise than planned.

Every day of 2012 the seller borrows 1,000 yuan at 0.05 % a day on two shipped orders, 600 and 400
yuan of it. The first buyer confirms after three days, the second after six. Four loans go another
way. Each amount below was worked out by hand.
"""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from loan_stage import ORDER

from alicredit.loans import Contract, Event, book, payoff, settle

FIRST, LAST = date(2012, 1, 1), date(2012, 12, 31)
MORNINGS = [FIRST + timedelta(days=k) for k in range(366)]
UNTIL = date(2013, 6, 30)

SHORT = date(2012, 3, 8)
REFUND = date(2012, 5, 1)
OVERDUE = date(2012, 7, 1)
RESTRUCTURED = date(2012, 10, 1)


def planned(morning: date) -> list[Event]:
    """Both buyers confirm; each pays a quarter more than was lent on the order."""
    return [
        Event(morning + timedelta(days=3), "order_success", 75_000, slice=0),
        Event(morning + timedelta(days=6), "order_success", 50_000, slice=1),
    ]


def what_happened(morning: date) -> list[Event]:
    """Tell what became of the loan of a morning."""
    later = [morning + timedelta(days=k) for k in range(200)]
    if morning == SHORT:  # the first buyer gets most of the price back, then confirms
        return [
            Event(later[3], "order_success", 30_000, slice=0),
            Event(later[6], "order_success", 50_000, slice=1),
            Event(later[10], "payment", 30_195),
        ]
    if morning == REFUND:  # the second buyer sends the goods back on the fourth day
        return [planned(morning)[0], Event(later[4], "pull", 40_000)]
    if morning == OVERDUE:  # nobody confirms; the seller pays fifteen days late
        return [Event(later[45], "payment", 102_625)]
    if morning == RESTRUCTURED:  # nobody confirms; ten days late the end is put off to day 130
        return [
            Event(later[40], "restructured", until=later[130]),
            Event(later[130], "payment", 106_750),
        ]
    return planned(morning)


def contract(morning: date) -> Contract:
    """Lend on the day's two orders."""
    return Contract(terms=ORDER, principal_fen=100_000, start=morning, slices=(60_000, 40_000))


def account_of(morning: date) -> list[tuple[int, str, int, int, int]]:
    """Give (day of the loan, kind, principal, interest, penalty) of each posting."""
    account = settle(contract(morning), what_happened(morning), until=UNTIL)
    assert account.balance_fen == account.owed.total == 0
    assert {p.fee for p in account.postings} == {0}
    return [
        ((p.day - morning).days, p.kind, p.principal, p.interest, p.penalty)
        for p in account.postings
    ]


LENT = (0, "disbursement", 100_000, 0, 0)


def test_a_day_as_planned() -> None:
    # 600 yuan for 3 days is 0.90; 400 yuan for 6 days is 1.20.
    plan = [
        LENT,
        (3, "interest", 0, 90, 0),
        (3, "payment", -60_000, -90, 0),
        (6, "interest", 0, 120, 0),
        (6, "payment", -40_000, -120, 0),
    ]
    others = {SHORT, REFUND, OVERDUE, RESTRUCTURED}
    for morning in MORNINGS:
        if morning not in others:
            assert account_of(morning) == plan


def test_an_order_brought_less_than_was_lent_on_it() -> None:
    # 300.00 yuan cover 299.55 and 0.45 of interest on it; the other 300.45 bear ten days: 1.50.
    assert account_of(SHORT) == [
        LENT,
        (3, "interest", 0, 45, 0),
        (3, "payment", -29_955, -45, 0),
        (6, "interest", 0, 120, 0),
        (6, "payment", -40_000, -120, 0),
        (10, "interest", 0, 150, 0),
        (10, "payment", -30_045, -150, 0),
    ]


def test_a_refund_pulled_its_slice() -> None:
    # 400 yuan for 4 days is 0.80.
    assert account_of(REFUND) == [
        LENT,
        (3, "interest", 0, 90, 0),
        (3, "payment", -60_000, -90, 0),
        (4, "interest", 0, 80, 0),
        (4, "payment", -40_000, -80, 0),
    ]


def test_fifteen_days_late() -> None:
    # 30 days of 0.50 are 15.00; 15 days of 0.75 are 11.25.
    assert account_of(OVERDUE) == [
        LENT,
        (30, "interest", 0, 1500, 0),
        (45, "penalty", 0, 0, 1125),
        (45, "payment", -100_000, -1500, -1125),
    ]


def test_put_off_by_ninety_days() -> None:
    # 15.00 to the first end; ten days of 0.75 are 7.50; 90 days of 0.50 are 45.00.
    assert account_of(RESTRUCTURED) == [
        LENT,
        (30, "interest", 0, 1500, 0),
        (40, "penalty", 0, 0, 750),
        (130, "interest", 0, 4500, 0),
        (130, "payment", -100_000, -6000, -750),
    ]
    before = what_happened(RESTRUCTURED)[:1]
    on = RESTRUCTURED + timedelta(days=130)
    assert payoff(contract(RESTRUCTURED), before, on=on) == 106_750


@pytest.fixture(scope="module")
def year() -> book.BookSettlement:
    """Keep the whole year as one book."""
    loans = pd.DataFrame({"loan_id": MORNINGS, "principal_fen": 100_000, "start": MORNINGS})
    loans["slices"] = [(60_000, 40_000)] * len(loans)
    rows = [
        {"loan_id": morning, "day": e.day, "kind": e.kind, "fen": e.fen, "slice": e.slice,
         "until": e.until}
        for morning in MORNINGS
        for e in what_happened(morning)
    ]  # fmt: skip
    return book.settle(ORDER, loans, pd.DataFrame(rows), until=UNTIL)


def test_the_year_adds_up(year) -> None:
    interest = 362 * 210 + (45 + 120 + 150) + (90 + 80) + 1500 + 6000
    penalty = 1125 + 750
    paid = year.postings[year.postings["kind"] == "payment"]
    assert -paid["principal"].sum() == 366 * 100_000
    assert -paid["interest"].sum() == interest
    assert -paid["penalty"].sum() == penalty
    owed = [name for name in year.state if name.startswith("owed_")]
    assert not year.state[["undue", *owed]].to_numpy().any()
    proceeds = 363 * 125_000 - 50_000 + (30_000 + 50_000 + 30_195) + 102_625 + 106_750
    cash_in = proceeds + 40_080
    assert year.state["returned"].sum() == cash_in - 366 * 100_000 - interest - penalty


def test_the_book_and_the_single_accounts_tell_the_same_story(year) -> None:
    for morning, mine in year.postings.groupby("loan_id"):
        start = pd.Timestamp(morning)
        told = [
            ((row.day - start).days, row.kind, row.principal, row.interest, row.penalty)
            for row in mine.itertuples()
        ]
        assert told == account_of(start.date())
