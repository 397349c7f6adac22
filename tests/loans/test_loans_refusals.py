"""Money, dates and flags that could be mistaken are refused, never taken for something else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from loan_stage import ORDER, START, day, loan
from refused import refused

from alicredit import loans
from alicredit.errors import InputError
from alicredit.loans import Contract, Event, FeeTerms, PenaltyTerms, Terms, book, per_day

NO_WHOLE = [-1, 1.0, 0.5, float("nan"), float("inf"), "5", None, True, Decimal("1.5"), [1]]
NO_RATE = [-0.1, "-1", "x", "", None, float("nan"), float("inf"), True, [0.1], "1.5"]
NO_DATE = [
    None, "2012-11-11", 20121111, 1.5, pd.NaT, (2012, 11, 11), True,
    pd.Timestamp("2012-11-11").to_pydatetime(),
    pd.Timestamp("2012-11-11 23:00"), np.datetime64("2012-11-11"),
]  # fmt: skip
NO_FLAG = ["no", "False", "", 0, 1, None, float("nan"), [], [True], pd.NA]


def refuses(call, bad, *words: str) -> None:
    """Expect a refusal by name."""
    with refused(*words, error=InputError):
        call(bad)


@pytest.mark.parametrize("bad", NO_WHOLE, ids=repr)
def test_amounts_and_days_are_whole_and_not_negative(bad) -> None:
    refuses(lambda x: loans.accrue(x, "0.0005", 1), bad, "principal_fen")
    refuses(lambda x: loans.accrue(1, "0.0005", x), bad, "days")
    refuses(lambda x: loans.accrue_by_month(x, "0.015", 1), bad, "principal_fen")
    refuses(lambda x: loans.accrue_by_month(1, "0.015", x), bad, "days")
    refuses(lambda x: loans.penalty(x, "0.0005", 1), bad, "overdue_fen")
    refuses(lambda x: loans.penalty(1, "0.0005", x), bad, "days")
    refuses(lambda x: loans.interest_refund(x, 1, is_first_loan=True), bad, "interest_fen")
    refuses(lambda x: loans.interest_refund(1, x, is_first_loan=True), bad, "days_held")
    refuses(lambda x: loans.service_fee(x, "0.01"), bad, "amount_fen")
    refuses(lambda x: loans.prepay_fee(x, "0.03"), bad, "prepaid_fen")
    refuses(lambda x: loans.schedule(x, "0.015", 3), bad, "principal_fen")
    refuses(lambda x: loans.schedule(1, "0.015", x), bad, "periods")
    refuses(lambda x: Event(START, "payment", x), bad, "fen")
    refuses(lambda x: loan(ORDER, x), bad, "principal_fen")


@pytest.mark.parametrize("bad", NO_RATE, ids=repr)
def test_rates_are_shares_and_no_percentages(bad) -> None:
    refuses(lambda x: loans.accrue(1, x, 1), bad, "rate_per_day")
    refuses(lambda x: loans.accrue_by_month(1, x, 1), bad, "rate_per_month")
    refuses(lambda x: loans.penalty(1, x, 1), bad, "rate_per_day")
    refuses(lambda x: loans.schedule(1, x, 1), bad, "rate_per_period")
    refuses(lambda x: loans.service_fee(1, x), bad, "rate")
    refuses(lambda x: loans.prepay_fee(1, x), bad, "rate")
    refuses(lambda x: loans.per_day(x), bad, "value")
    refuses(lambda x: loans.per_month(x), bad, "value")
    refuses(lambda x: FeeTerms(rate=x), bad, "rate")
    refuses(lambda x: loans.accrue_on_balances([], x, until=START), bad, "rate_per_day")
    for call in (book.accrue, book.accrue_by_month, book.penalty):
        refuses(lambda x, call=call: call([1], np.array([x, 0], dtype=object)[:1], [1]), bad)


@pytest.mark.parametrize("bad", NO_DATE, ids=repr)
def test_days_are_dates_without_a_time_of_day(bad) -> None:
    refuses(lambda x: loans.days_between(x, START), bad, "start")
    refuses(lambda x: loans.days_between(START, x), bad, "end")
    refuses(lambda x: loans.year_fraction(x, START, "act/365"), bad, "start")
    refuses(lambda x: loans.add_months(x, 1), bad, "start")
    refuses(lambda x: loans.months_between(START, x), bad, "end")
    refuses(lambda x: loans.months_charged(START, x), bad, "end")
    refuses(lambda x: loans.due_dates(x, 1), bad, "start")
    refuses(lambda x: loans.accrue_between(1, per_day(0), START, x), bad, "end")
    refuses(lambda x: loans.accrue_on_balances([(x, 1)], 0, until=START), bad, "changes")
    refuses(lambda x: loans.accrue_on_balances([], 0, until=x), bad, "until")
    refuses(lambda x: loans.interest_free_until(x), bad, "purchase")
    refuses(lambda x: Event(x, "payment", 1), bad, "day")
    refuses(lambda x: Contract(terms=ORDER, principal_fen=1, start=x), bad, "start")
    refuses(lambda x: loans.settle(loan(ORDER, 1), until=x), bad, "until")


@pytest.mark.parametrize("bad", NO_FLAG, ids=repr)
def test_a_flag_is_true_or_false_and_text_is_neither(bad) -> None:
    refuses(lambda x: loans.interest_refund(1, 1, is_first_loan=x), bad, "is_first_loan")
    refuses(lambda x: loans.service_fee(1, "0.01", is_first_draw=x), bad, "is_first_draw")
    refuses(lambda x: loan(ORDER, 1, is_first_loan=x), bad, "is_first_loan")
    refuses(lambda x: loan(ORDER, 1, is_first_draw=x), bad, "is_first_draw")
    if bad not in ([], [True]):
        column = np.array([bad], dtype=object)
        refuses(lambda x: book.interest_refund([1], [1], is_first_loan=x), column, "is_first_loan")
        refuses(lambda x: book.service_fee([1], "0.01", is_first_draw=x), column, "is_first_draw")


@pytest.mark.parametrize("kind", ["misuse_found", "written_off"])
def test_money_with_an_event_that_brings_none_is_not_swallowed(kind) -> None:
    refuses(lambda fen: Event(START, kind, fen), 100, "fen", kind)
    frame = pd.DataFrame(
        {"loan_id": ["a"], "day": [pd.Timestamp(day(40))], "kind": [kind], "fen": [100]}
    )
    refuses(lambda x: book.settle(ORDER, order_book(), x, until="2013-12-31"), frame, "fen")


def order_book(**change: object) -> pd.DataFrame:
    """Make a book of one order loan."""
    row = {"loan_id": ["a"], "principal_fen": [500_000], "start": [pd.Timestamp(START)]}
    return pd.DataFrame(row).assign(**change)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"start": 20121111}, "start"),
        ({"start": 15655.0}, "start"),
        ({"start": True}, "start"),
        ({"start": "soon"}, "start"),
        ({"start": "11/12/2012"}, "start"),
        ({"start": pd.Timestamp("2012-11-11 00:30", tz="Asia/Shanghai")}, "start"),
        ({"start": "2012-11-11T00:30+08:00"}, "start"),
        ({"is_first_loan": np.nan}, "is_first_loan"),
        ({"is_first_loan": "no"}, "is_first_loan"),
        ({"loan_id": None}, "loan_id"),
    ],
)
def test_a_book_takes_no_number_for_a_date_and_no_text_for_a_flag(change, word) -> None:
    with refused(word, error=InputError):
        book.settle(ORDER, order_book(**change), until="2013-12-31")


@pytest.mark.parametrize("until", [20121231, None, "soon", 3.5, pd.NaT, True])
def test_the_last_day_of_a_book_is_a_date(until) -> None:
    with refused("until", error=InputError):
        book.settle(ORDER, order_book(), until=until)


def test_half_a_slice_is_no_slice() -> None:
    frame = pd.DataFrame(
        {"loan_id": ["a"], "day": [pd.Timestamp(day(3))], "kind": ["order_success"], "fen": [100],
         "slice": [0.5]}
    )  # fmt: skip
    with refused("slice", error=InputError):
        book.settle(ORDER, order_book(slices=[(5, 6)]), frame, until="2013-12-31")
    with refused("slice", error=InputError):
        Event(day(3), "order_success", 100, slice=0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call",
    [
        lambda: book.accrue([1, 2], "0.1", [1, 2, 3]),
        lambda: book.penalty([1, 2], "0.1", [1, 2, 3]),
        lambda: book.days_between(["2012-01-01"] * 2, ["2012-01-02"] * 3),
        lambda: book.add_months(["2012-01-01"] * 2, [1, 2, 3]),
        lambda: book.interest_refund([1, 2], [1], is_first_loan=[True] * 3),
        lambda: book.service_fee([1, 2], "0.1", is_first_draw=[True] * 3),
        lambda: book.schedule([1, 2], "0.1", [1, 2, 3]),
    ],
)
def test_arrays_of_unlike_lengths_are_refused(call) -> None:
    with refused("one length", error=InputError):
        call()


@pytest.mark.parametrize("bad", [[5], [1.5], [True], ["x"], ["01/02/2012"], [None]], ids=repr)
def test_dates_of_a_book_are_dates(bad) -> None:
    for call in (book.days_between, book.months_between):
        with refused(error=InputError):
            call(bad, ["2013-01-01"])
    with refused("start", error=InputError):
        book.add_months(bad, 1)


@pytest.mark.parametrize("bad", [-1, 1.5, float("nan"), 10**9, True, "1"], ids=repr)
def test_a_count_of_months_is_whole_and_leads_to_a_date(bad) -> None:
    with refused("months", error=InputError):
        loans.add_months(date(2012, 11, 11), bad)


@pytest.mark.parametrize("bad", [1.5, "x", None, True, Decimal("nan"), Decimal("inf")], ids=repr)
def test_only_exact_amounts_are_rounded(bad) -> None:
    with refused("amount", error=InputError):
        loans.round_half_up(bad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_flows_are_finite(bad) -> None:
    for call in (loans.internal_rate, lambda flows: book.internal_rate([flows])):
        with refused("flows", error=InputError):
            call([100.0, bad, -200.0])
    with refused("flows", error=InputError):
        loans.dated_internal_rate([(START, 100.0), (day(30), bad)])


@pytest.mark.parametrize("bad", [None, "order", {}, 3, ORDER.penalty], ids=repr)
def test_terms_and_contracts_are_such(bad) -> None:
    with refused("terms", error=InputError):
        Contract(terms=bad, principal_fen=1, start=START)
    for call in (loans.payoff, loans.settle):
        with refused("contract", error=InputError):
            call(bad, **{"on" if call is loans.payoff else "until": START})
    with refused("events", error=InputError):
        loans.settle(loan(ORDER, 1), [bad], until=START)
    with refused("rate", error=InputError):
        Terms(rate=bad, days=30)
    if bad != PenaltyTerms():
        with refused("penalty", error=InputError):
            Terms(rate=per_day(0), days=30, penalty=bad)
