"""A contract's account: the worked examples, a replay by day, and where each fen goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loan_stage import (
    ALI,
    CARD,
    CREDIT,
    ORDER,
    START,
    contracts,
    daily_replay,
    day,
    lives,
    loan,
)

from alicredit.errors import InputError
from alicredit.loans import (
    Contract,
    EarlyTerms,
    Event,
    FeeTerms,
    PenaltyTerms,
    Terms,
    annualise,
    from_fen,
    internal_rate,
    payoff,
    per_day,
    per_month,
    schedule,
    settle,
    to_fen,
)


def lines(account, *kinds: str) -> list[tuple[str, int]]:
    """List the postings of some kinds as (kind, total)."""
    return [(p.kind, p.total) for p in account.postings if not kinds or p.kind in kinds]


def charged(account, kind: str) -> int:
    """Sum what was charged of a kind."""
    return sum(p.total for p in account.postings if p.kind == kind)


def paid_on_due(contract, last: int = 400):
    """Pay each due on its day."""
    dues = settle(contract, until=day(last)).dues
    count, events = len(dues), []
    for k in range(count):
        row = settle(contract, events, until=contract.dues[k]).dues[k]
        events.append(Event(row.day, "auto_debit", row.total))
    return settle(contract, events, until=day(last))


@pytest.mark.parametrize(
    ("yuan", "days", "interest"),
    [("5000", 6, "15.00"), ("5000", 1, "2.50"), ("7000", 4, "14.00"), ("7647.06", 4, "15.29"),
     ("1", 1, "0.00"), ("1000000", 30, "15000.00")],
)  # fmt: skip
def test_an_order_loan_is_closed_by_principal_and_interest_of_its_days(yuan, days, interest):
    need = payoff(loan(ORDER, to_fen(yuan)), on=day(days))
    assert need - to_fen(yuan) == to_fen(interest)


def test_confirmed_orders_repay_their_slices_with_their_interest() -> None:
    contract = loan(ORDER, to_fen(10_000), slices=(300_000, 400_000, 300_000))
    events = [
        Event(day(2), "order_success", 375_000, slice=0),
        Event(day(5), "order_success", 500_000, slice=1),
        Event(day(9), "order_success", 375_000, slice=2),
    ]
    account = settle(contract, events, until=day(9))
    assert lines(account, "interest") == [("interest", 300), ("interest", 1000), ("interest", 1350)]
    payments = [(p.principal, p.interest) for p in account.postings if p.kind == "payment"]
    assert payments == [(-300_000, -300), (-400_000, -1000), (-300_000, -1350)]
    assert account.balance_fen == 0
    assert account.returned_fen == 1_250_000 - 1_000_000 - 2650


def test_an_order_that_brings_less_than_its_slice_leaves_the_rest_to_the_borrower() -> None:
    contract = loan(ORDER, 500_000, slices=(500_000,))
    short = Event(day(4), "order_success", 300_600, slice=0)
    account = settle(contract, [short], until=day(30))
    assert charged(account, "interest") == 600 + 3000
    assert account.owed.principal == 200_000
    again = settle(contract, [short, Event(day(5), "order_success", 900, slice=0)], until=day(5))
    assert again.returned_fen == 900


def test_a_pull_after_a_refund_takes_principal_and_its_interest() -> None:
    account = settle(loan(ORDER, 500_000), [Event(day(4), "pull", 200_000)], until=day(4))
    assert lines(account, "payment", "interest") == [("interest", 400), ("payment", -200_400)]
    assert account.undue_fen == 300_000
    assert account.returned_fen == 0


def test_ten_days_late() -> None:
    contract = loan(ORDER, to_fen(5000))
    assert payoff(contract, on=date(2012, 12, 21)) == to_fen("5112.50")
    account = settle(contract, [Event(day(40), "payment", to_fen("5112.50"))], until=day(40))
    assert lines(account)[1:] == [("interest", 7500), ("penalty", 3750), ("payment", -511_250)]
    assert (account.owed.total, account.undue_fen, account.returned_fen) == (0, 0, 0)


@pytest.mark.parametrize(
    ("penalty", "extra"),
    [
        (PenaltyTerms(base="principal_plus_interest"), 3806),
        (PenaltyTerms(mode="add"), 6250),
        (PenaltyTerms(multiplier=1), 2500),
        (PenaltyTerms(multiplier=0), 0),
    ],
)
def test_variants_of_the_penalty(penalty, extra) -> None:
    terms = Terms(rate=per_day("0.0005"), days=30, penalty=penalty)
    assert payoff(loan(terms, 500_000), on=day(40)) == 500_000 + 7500 + extra


def test_proven_misuse_raises_the_penalty_from_its_day_on() -> None:
    terms = Terms(rate=per_day("0.0005"), days=30, penalty=PenaltyTerms(misuse_multiplier=2))
    found = [Event(day(36), "misuse_found")]
    expected = 500_000 * (Fraction(6 * 3, 4000) + Fraction(4, 1000))
    assert payoff(loan(terms, 500_000), found, on=day(40)) == 507_500 + expected
    with pytest.raises(InputError, match="misuse_multiplier"):
        settle(loan(ORDER, 500_000), found, until=day(40))


def test_ali_credit_is_late_at_the_thirtieth_part_of_its_month() -> None:
    terms = replace(ALI, fee=FeeTerms())
    contract = loan(terms, to_fen(100_000))
    end = contract.dues[-1]
    before = paid_on_due(contract, last=(end - START).days - 1)
    events = [Event(p.day, "payment", -p.total) for p in before.postings if p.kind == "payment"]
    need = payoff(contract, events, on=end + timedelta(days=10))
    assert need == to_fen(100_000) + to_fen(1500) + to_fen(750)


@pytest.mark.parametrize("method", ["bullet", "annuity", "equal_principal"])
def test_dues_paid_on_their_day_are_the_schedule(method) -> None:
    terms = Terms(rate=per_month("0.015"), months=12, method=method)
    account = paid_on_due(loan(terms, to_fen(100_000)))
    rows = schedule(to_fen(100_000), "0.015", 12, method=method)
    assert [(d.principal, d.interest) for d in account.dues] == [
        (r.principal, r.interest) for r in rows
    ]
    assert account.balance_fen == account.owed.total == 0


@pytest.mark.parametrize("is_withheld", [False, True])
def test_a_fee_kept_back_is_the_same_cash_and_is_marked(is_withheld) -> None:
    fee = FeeTerms(rate="0.01", basis="per_disbursement", is_withheld=is_withheld)
    account = paid_on_due(loan(replace(ALI, fee=fee), to_fen(100_000)))
    cash: dict[date, int] = {}
    for p in account.postings:
        if p.kind in ("disbursement", "payment"):
            cash[p.day] = cash.get(p.day, 0) + p.total
    flows = [cash[d] / 100 for d in sorted(cash)]
    assert flows[0] == 99_000
    rate = internal_rate(flows)
    assert 100 * rate == pytest.approx(1.592207, abs=1e-6)
    assert 1200 * rate == pytest.approx(19.1065, abs=1e-4)
    assert 100 * annualise(rate, "effective", unit="month") == pytest.approx(20.8717, abs=1e-4)
    assert ("fee_withheld" in dict(lines(account))) == is_withheld


def test_a_first_loan_given_back_within_three_days_costs_no_interest() -> None:
    terms = replace(CREDIT, rate=per_day("0.0006"))
    contract = loan(terms, to_fen(500_000), is_first_loan=True)
    assert payoff(contract, on=day(2)) == to_fen(500_000)
    account = settle(contract, [Event(day(2), "payment", to_fen(500_000))], until=day(9))
    assert lines(account, "interest", "refund") == [("interest", 60_000), ("refund", -60_000)]
    assert account.balance_fen == account.owed.total == 0
    plain = loan(CREDIT, to_fen(100_000), is_first_loan=True)
    assert payoff(plain, on=day(3)) == to_fen(100_000)
    assert payoff(plain, on=day(4)) == to_fen(100_000) + 20_000
    assert payoff(loan(CREDIT, to_fen(100_000)), on=day(3)) == to_fen(100_000) + 15_000


def test_the_refund_gives_back_the_minimum_month_and_interest_already_paid_but_no_fee() -> None:
    contract = loan(ALI, to_fen(100_000), is_first_loan=True)
    part = Event(day(1), "payment", to_fen(50_750))
    account = settle(contract, [part, Event(day(3), "payment", to_fen(50_000))], until=day(3))
    assert lines(account, "refund", "payout") == [("refund", -150_000), ("payout", 75_000)]
    assert charged(account, "fee") == 100_000
    assert account.balance_fen == account.owed.total == 0


def test_ali_credit_closed_early() -> None:
    start = date(2013, 4, 1)
    terms = replace(ALI, fee=FeeTerms())
    contract = Contract(terms=terms, principal_fen=to_fen(100_000), start=start)
    assert payoff(contract, on=date(2013, 4, 21)) == to_fen(101_500)
    first = [Event(date(2013, 5, 1), "payment", to_fen(1500))]
    assert payoff(contract, first, on=date(2013, 5, 16)) == to_fen(100_750)
    full = replace(terms, early=EarlyTerms(min_interest_months=1, stub="full_month"))
    contract = Contract(terms=full, principal_fen=to_fen(100_000), start=start)
    assert payoff(contract, first, on=date(2013, 5, 16)) == to_fen(101_500)


def test_a_part_repaid_early_takes_its_interest_and_its_fee() -> None:
    early = EarlyTerms(prepay_fee_rate="0.03")
    terms = Terms(rate=per_day("0.0005"), days=30, early=early)
    account = settle(loan(terms, to_fen(80_000)), [Event(day(4), "pull", 5_000_000)], until=day(4))
    assert lines(account, "interest", "fee") == [("interest", 10_000), ("fee", 150_000)]


@pytest.mark.parametrize(("after", "count"), [("shorten", 7), ("recompute", 12)])
def test_what_a_prepayment_does_to_the_instalments(after, count) -> None:
    terms = Terms(
        rate=per_month("0.015"), months=12, method="equal_principal", early=EarlyTerms(after=after)
    )
    contract = loan(terms, 1_200_000)
    half = Event(contract.dues[0], "payment", 100_000 + 18_000 + 500_000)
    dues = settle(contract, [half], until=day(400)).dues
    assert len(dues) == count
    assert dues[1].principal == {"shorten": 100_000, "recompute": round(600_000 / 11)}[after]
    assert sum(d.principal for d in dues) == 1_200_000 - 500_000


def test_a_card_that_is_paid_late() -> None:
    contract = loan(CARD, to_fen(1000))
    assert payoff(contract, on=day(38)) == to_fen(1000)
    assert payoff(contract, on=day(43)) == to_fen("1001.25")
    cycle = Contract(terms=CARD, principal_fen=to_fen(1000), start=START, due=date(2012, 12, 8))
    assert payoff(cycle, on=date(2012, 12, 8)) == to_fen(1000)
    assert payoff(cycle, on=date(2012, 12, 13)) == to_fen("1001.25")


def test_a_restructure_puts_off_all_that_is_owed_and_interest_goes_on() -> None:
    events = [Event(day(40), "restructured", until=day(70))]
    account = settle(loan(ORDER, 500_000), events, until=day(69))
    assert (account.owed.total, account.undue_fen) == (0, 500_000)
    assert (account.put_off.interest, account.put_off.penalty) == (7500, 3750)
    account = settle(loan(ORDER, 500_000), events, until=day(70))
    assert account.owed.principal == 500_000
    assert account.owed.penalty == 3750
    assert account.owed.interest == 7500 + 7500
    assert payoff(loan(ORDER, 500_000), events, on=day(80)) == 500_000 + 15_000 + 3750 + 3750


def test_what_is_written_off_can_still_be_recovered() -> None:
    events = [Event(day(130), "written_off"), Event(day(200), "payment", 100_000)]
    account = settle(loan(ORDER, 500_000), events, until=day(300))
    lost = 500_000 + 7500 + 37_500
    assert charged(account, "written_off") == -lost
    recovery = next(p for p in account.postings if p.kind == "recovery")
    assert (recovery.penalty, recovery.interest, recovery.principal) == (-37_500, -7500, -55_000)
    assert account.owed.total == account.balance_fen == account.returned_fen == 0


def test_what_is_written_off_twice_is_written_off_once() -> None:
    events = [Event(day(130), "written_off"), Event(day(131), "written_off")]
    account = settle(loan(ORDER, 500_000), events, until=day(300))
    assert charged(account, "written_off") == -(500_000 + 7500 + 37_500)


PAYMENTS = st.dictionaries(st.integers(0, 60), st.integers(0, 120_000), max_size=6)


@given(st.integers(1, 100_000), st.integers(0, 300), PAYMENTS)
def test_an_account_agrees_with_a_loop_over_days(principal, rate, payments) -> None:
    terms = Terms(rate=per_day(Fraction(rate, 100_000).__float__()), days=30)
    contract = loan(terms, principal)
    events = [Event(day(d), "payment", fen) for d, fen in sorted(payments.items())]
    account = settle(contract, events, until=day(61))
    want = daily_replay(contract, payments, 61)
    got = {
        "undue": account.undue_fen,
        "overdue": account.owed.principal,
        "interest": account.owed.interest,
        "penalty": account.owed.penalty,
        "taken": -charged(account, "payment"),
        "returned": account.returned_fen,
    }
    assert got == want


@settings(max_examples=300)
@given(lives())
def test_every_fen_is_principal_interest_fee_or_penalty(life) -> None:
    contract, events = life
    account = settle(contract, events, until=contract.start + timedelta(days=500))
    live = [p for p in account.postings if p.kind != "recovery"]
    for part in ("interest", "fee", "penalty"):
        charged_less_paid = sum(getattr(p, part) for p in live)
        assert charged_less_paid == getattr(account.owed, part) + getattr(account.put_off, part)
    assert sum(p.principal for p in live) == account.balance_fen
    received = sum(e.fen for e in events if e.kind not in ("pull",))
    pulls = sum(-p.total for p in account.postings if p.kind == "payment") - (
        received - account.returned_fen - sum(-p.total for p in account.postings
                                              if p.kind == "recovery")
    ) - contract.fee_fen  # fmt: skip
    assert pulls >= 0
    if not any(e.kind == "pull" for e in events):
        assert pulls == 0
    assert min(account.undue_fen, account.returned_fen, *(
        getattr(account.owed, part) for part in ("principal", "interest", "fee", "penalty")
    )) >= 0  # fmt: skip


@given(lives(), st.integers(0, 80))
def test_paying_off_leaves_nothing_and_one_fen_less_leaves_something(life, more) -> None:
    contract, events = life
    events = [e for e in events if e.kind != "written_off"]
    on = max([contract.start, *(e.day for e in events)]) + timedelta(days=more)
    need = payoff(contract, events, on=on)
    closed = settle(contract, [*events, Event(on, "payment", need)], until=on)
    before = settle(contract, events, until=on)
    assert closed.balance_fen == closed.owed.total == closed.put_off.total == 0
    assert closed.returned_fen == before.returned_fen
    if need:
        short = settle(contract, [*events, Event(on, "payment", need - 1)], until=on)
        assert short.balance_fen + short.owed.total + short.put_off.total > 0


@given(contracts())
def test_principal_is_repaid_exactly_by_dues_paid_on_their_day(contract) -> None:
    events: list[Event] = []
    for due in contract.dues:
        fallen = [d.total for d in settle(contract, events, until=due).dues if d.day == due]
        events += [Event(due, "auto_debit", fen) for fen in fallen]
    account = settle(contract, events, until=contract.dues[-1])
    assert sum(d.principal for d in account.dues) == contract.principal_fen
    assert account.balance_fen == account.owed.total == account.returned_fen == 0
    assert charged(account, "penalty") == 0


@pytest.mark.parametrize(
    ("events", "argument"),
    [
        ([Event(day(-1), "payment", 1)], "before disbursement"),
        ([Event(day(3), "payment", 1), Event(day(2), "payment", 1)], "order of time"),
        ([Event(day(99), "payment", 1)], "until"),
        ([Event(day(3), "order_success", 1, slice=0)], "slice"),
    ],
)
def test_events_that_cannot_have_happened_are_refused(events, argument) -> None:
    with pytest.raises(InputError, match=argument):
        settle(loan(ORDER, 100), events, until=day(50))


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: Terms(rate=per_day("0.0005"), days=30, months=1), "months and days"),
        (lambda: Terms(rate=per_month("0.01"), days=30), "months"),
        (lambda: Terms(rate=per_day("0.01"), months=3, method="annuity"), "rate"),
        (lambda: replace(ORDER, early=EarlyTerms(min_interest_months=1)), "min_interest_months"),
        (lambda: PenaltyTerms(base="all"), "base"),
        (lambda: FeeTerms(basis="yearly"), "basis"),
        (lambda: loan(ORDER, 10, slices=(6, 5)), "slices"),
        (lambda: loan(ORDER, 10, due=START), "due"),
        (lambda: Event(START, "paid", 1), "kind"),
        (lambda: Event(START, "restructured"), "until"),
        (lambda: Event(START, "restructured", until=START), "until"),
        (lambda: Event(START, "payment", 1.5), "fen"),
        (lambda: payoff(loan(ORDER, 10), on=day(-1)), "before disbursement"),
        (lambda: settle(loan(ORDER, 10), until=day(-1)), "until"),
    ],
)
def test_terms_and_events_without_meaning_are_refused(make, argument) -> None:
    with pytest.raises(InputError, match=argument):
        make()


def test_amounts_convert_at_the_edge_only() -> None:
    assert str(from_fen(payoff(loan(ORDER, to_fen("7647.06")), on=day(4)))) == "7662.35"
