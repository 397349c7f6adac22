"""What a restructure put off, refunds once stated, and claims that have no upper end."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loan_stage import CREDIT, ORDER, START, day, half_up, lives, loan

from alicredit.errors import InputError
from alicredit.loans import (
    Contract,
    EarlyTerms,
    Event,
    PenaltyTerms,
    Terms,
    payoff,
    per_day,
    per_month,
    settle,
)

DEAL = Event(day(40), "restructured", until=day(70))


def owed_in_all(account) -> int:
    """Sum all that is claimed: due, put off and not yet due."""
    return account.undue_fen + account.owed.total + account.put_off.total


def test_the_amount_that_closes_a_restructured_loan_before_its_new_end_closes_it() -> None:
    # 30 days of 2.50 and ten of 3.75 were put off; ten more days of 2.50 follow the restructure.
    need = payoff(loan(ORDER, 500_000), [DEAL], on=day(50))
    assert need == 500_000 + 7500 + 3750 + 2500
    paid = [DEAL, Event(day(50), "payment", need)]
    for later in (50, 70, 200):
        account = settle(loan(ORDER, 500_000), paid, until=day(later))
        assert owed_in_all(account) == account.returned_fen == 0


def test_a_fen_less_leaves_a_fen_of_what_was_put_off() -> None:
    need = payoff(loan(ORDER, 500_000), [DEAL], on=day(50))
    short = [DEAL, Event(day(50), "payment", need - 1)]
    account = settle(loan(ORDER, 500_000), short, until=day(69))
    assert account.undue_fen == 0
    assert account.put_off.total == 1
    fallen = settle(loan(ORDER, 500_000), short, until=day(70))
    assert (fallen.owed.total, fallen.put_off.total) == (1, 0)


def test_what_was_put_off_waits_while_principal_is_left() -> None:
    part = Event(day(50), "payment", 201_000)
    account = settle(loan(ORDER, 500_000), [DEAL, part], until=day(50))
    assert (account.put_off.interest, account.put_off.penalty) == (7500, 3750)
    assert account.undue_fen == 300_000
    assert account.returned_fen == 0


def test_an_automatic_debit_takes_nothing_that_was_put_off() -> None:
    debit = Event(day(50), "auto_debit", 600_000)
    account = settle(loan(ORDER, 500_000), [DEAL, debit], until=day(50))
    assert account.returned_fen == 600_000
    assert owed_in_all(account) == 500_000 + 7500 + 3750


@pytest.mark.parametrize("given_back", [1, 2, 3])
def test_a_first_loan_restructured_and_given_back_in_time_costs_no_interest(given_back) -> None:
    deal = Event(day(1), "restructured", until=day(90))
    contract = loan(CREDIT, 500_000, is_first_loan=True)
    assert payoff(contract, [deal], on=day(given_back)) == 500_000
    back = Event(day(given_back), "payment", 500_000)
    account = settle(contract, [deal, back], until=day(120))
    assert owed_in_all(account) == 0
    assert sum(p.interest for p in account.postings) == 0


@settings(max_examples=150)
@given(lives(), st.integers(0, 80))
def test_what_closes_a_loan_leaves_nothing_due_undue_or_put_off_ever_after(life, more) -> None:
    contract, events = life
    on = max([contract.start, *(e.day for e in events)]) + timedelta(days=more)
    need = payoff(contract, events, on=on)
    closed = [*events, Event(on, "payment", need)]
    assert owed_in_all(settle(contract, closed, until=on + timedelta(days=500))) == 0


@settings(max_examples=150)
@given(lives())
def test_an_account_never_depends_on_when_it_is_looked_at(life) -> None:
    contract, events = life
    until = contract.start + timedelta(days=500)
    whole = settle(contract, events, until=until)
    for cut in range(len(events)):
        at = events[cut].day
        part = settle(contract, [e for e in events if e.day <= at], until=at)
        assert part.postings == tuple(p for p in whole.postings if p.day <= at)
        assert part.dues == tuple(d for d in whole.dues if d.day <= at)


@settings(max_examples=100)
@given(st.integers(1, 10**9), st.integers(1, 29), st.integers(0, 10**9))
def test_a_payment_posted_twice_is_never_lost(principal, on, fen) -> None:
    once = Event(day(on), "payment", fen)
    account = settle(loan(ORDER, principal), [once, once], until=day(on))
    lent = sum(p.total for p in account.postings if p.kind == "disbursement")
    charges = sum(p.total for p in account.postings if p.kind in ("interest", "penalty", "fee"))
    assert 2 * fen == lent + charges - owed_in_all(account) + account.returned_fen


@pytest.mark.parametrize("mode", ["replace", "add"])
@pytest.mark.parametrize("base", ["principal", "principal_plus_interest"])
@given(
    principal=st.integers(1, 10**9), rate=st.integers(0, 3000), late=st.integers(0, 400),
    times=st.sampled_from(["0", "1", "1.3", "1.5", "2.25"]),
)  # fmt: skip
def test_what_lateness_costs_is_summed_day_by_day(mode, base, principal, rate, late, times) -> None:
    terms = Terms(
        rate=per_day(f"{rate / 1e6:.6f}"), days=30,
        penalty=PenaltyTerms(multiplier=times, mode=mode, base=base),
    )  # fmt: skip
    daily = Fraction(rate, 10**6)
    interest = half_up(principal * daily * 30)
    overdue = principal + (interest if base == "principal_plus_interest" else 0)
    exact = Fraction(0)
    for _ in range(late):
        exact += overdue * daily * Fraction(times)
        exact += overdue * daily if mode == "add" else 0
    need = payoff(loan(terms, principal), on=day(30 + late))
    assert need == principal + interest + half_up(exact)


@given(st.integers(1, 10**9), st.integers(0, 364), st.booleans())
def test_interest_by_month_is_whole_months_and_thirtieths(principal, held, is_full) -> None:
    stub = "full_month" if is_full else "pro_rata_30"
    terms = Terms(rate=per_month("0.015"), months=13, early=EarlyTerms(stub=stub))
    contract = Contract(terms=terms, principal_fen=principal, start=date(2013, 1, 15))
    on = contract.start + timedelta(days=held)
    months = 0
    while contract.dues[months] <= on:
        months += 1
    last = contract.dues[months - 1] if months else contract.start
    rest = (on - last).days
    part = Fraction(int(rest > 0)) if is_full else min(Fraction(rest, 30), Fraction(1))
    posted = half_up(principal * Fraction(15, 1000))
    paid = [Event(due, "auto_debit", posted) for due in contract.dues[:months]]
    need = payoff(contract, paid, on=on)
    assert need == principal + half_up(principal * Fraction(15, 1000) * part)


def test_a_claim_beyond_what_money_can_be_is_refused_not_cut_off() -> None:
    huge = Contract(terms=ORDER, principal_fen=10**15, start=START)
    with pytest.raises(InputError, match="10 trillion"):
        payoff(huge, on=day(10))
    assert payoff(huge, on=START) == 10**15
