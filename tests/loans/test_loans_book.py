"""A book's arithmetic is that of its loans one by one, to the fen."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loan_stage import ORDER, START, any_terms, contracts, day, lives

from alicredit import loans
from alicredit.errors import InputError
from alicredit.loans import Contract, PenaltyTerms, Terms, book, per_day

AMOUNTS = st.integers(0, 10**12)
RATE = st.decimals("0", "0.05", places=6)
DATES = st.dates(date(1990, 1, 1), date(2060, 1, 1))
ROWS = st.lists(st.tuples(AMOUNTS, RATE, st.integers(0, 800)), min_size=1, max_size=8)


@given(ROWS, st.sampled_from(["1.5", "1.25"]), st.sampled_from(["replace", "add"]))
def test_interest_and_penalty_by_day(rows, multiplier, mode) -> None:
    fen, rate, days = (list(column) for column in zip(*rows))
    floats = [float(r) for r in rate]
    assert book.accrue(fen, floats, days).tolist() == [loans.accrue(*row) for row in rows]
    got = book.penalty(fen, rate, days, multiplier=multiplier, mode=mode).tolist()
    assert got == [loans.penalty(*row, multiplier=multiplier, mode=mode) for row in rows]


@given(ROWS, st.integers(0, 2), st.sampled_from(["pro_rata_30", "full_month"]))
def test_interest_by_month(rows, least, stub) -> None:
    fen, rate, days = (list(column) for column in zip(*rows))
    rules = {"min_months": least, "stub": stub}
    got = book.accrue_by_month(fen, rate, days, **rules).tolist()
    assert got == [loans.accrue_by_month(*row, **rules) for row in rows]


PAIRS = st.lists(st.tuples(DATES, st.integers(0, 2000)), min_size=1, max_size=8)


@given(PAIRS, st.integers(0, 400))
def test_days_and_months(pairs, more) -> None:
    start = [first for first, _ in pairs]
    end = [first + timedelta(days=days) for first, days in pairs]
    for convention in ("actual", "30/360"):
        got = book.days_between(start, end, convention=convention).tolist()
        assert got == [loans.days_between(*p, convention=convention) for p in zip(start, end)]
    months, rest = book.months_between(start, end)
    want = [loans.months_between(*p) for p in zip(start, end)]
    assert list(zip(months.tolist(), rest.tolist())) == want
    got = book.add_months(start, more).tolist()
    assert got == [loans.add_months(first, more) for first in start]


@given(PAIRS, AMOUNTS, st.sampled_from(["per_day", "per_month", "per_year"]), st.data())
def test_interest_between_dates(pairs, fen, unit, data) -> None:
    rate = getattr(loans, unit)(data.draw(RATE))
    rules: dict[str, object] = {"day_count": data.draw(st.sampled_from(loans.DAY_COUNTS))}
    if unit == "per_month":
        rules |= {"min_months": data.draw(st.integers(0, 2)), "stub": "full_month"}
    start = [first for first, _ in pairs]
    end = [first + timedelta(days=days) for first, days in pairs]
    got = book.accrue_between([fen] * len(pairs), rate, start, end, **rules).tolist()
    assert got == [loans.accrue_between(fen, rate, *p, **rules) for p in zip(start, end)]


@given(ROWS, st.booleans(), st.sampled_from(["none", "per_disbursement", "per_line"]))
def test_fees_and_refunds(rows, is_first, basis) -> None:
    fen, rate, days = (list(column) for column in zip(*rows))
    flags = [is_first ^ (k % 2 == 0) for k in range(len(rows))]
    got = book.service_fee(fen, rate, basis=basis, is_first_draw=flags).tolist()
    assert got == [
        loans.service_fee(f, r, basis=basis, is_first_draw=flag)
        for f, r, flag in zip(fen, rate, flags)
    ]
    assert book.prepay_fee(fen, rate).tolist() == [loans.prepay_fee(f, r) for f, r, _ in rows]
    near = [d % 6 for d in days]
    assert book.interest_refund(fen, near, is_first_loan=flags).tolist() == [
        loans.interest_refund(f, d, is_first_loan=flag) for f, d, flag in zip(fen, near, flags)
    ]


@given(
    st.lists(
        st.tuples(AMOUNTS, st.sampled_from(["0.015", "0", "0.0123"]), st.integers(1, 40)),
        min_size=1, max_size=6,
    ),
    st.sampled_from(["bullet", "annuity", "equal_principal"]),
)  # fmt: skip
def test_schedules(rows, method) -> None:
    fen, rate, periods = (list(column) for column in zip(*rows))
    frame = book.schedule(fen, np.array(rate, dtype=object), periods, method=method)
    want = [
        (k, r.period, r.principal, r.interest)
        for k, row in enumerate(rows)
        for r in loans.schedule(*row, method=method)
    ]
    assert list(frame.itertuples(index=False, name=None)) == want


@given(st.lists(st.tuples(st.floats(0.001, 0.05), st.integers(1, 30)), min_size=1, max_size=5))
def test_internal_rates(rows) -> None:
    flows = np.zeros((len(rows), 31))
    for k, (rate, periods) in enumerate(rows):
        flows[k, 0] = 99.0
        flows[k, 1 : periods + 1] = -100 * float(loans.schedule(
            10**8, f"{rate:.6f}", periods, method="annuity")[0].payment) / 10**8  # fmt: skip
    got = book.internal_rate(flows)
    want = [loans.internal_rate(row) for row in flows]
    assert np.allclose(got, want, rtol=0, atol=1e-12)


def frames_of(contracts_and_events) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay contracts and events out as a book."""
    rows, events = [], []
    for k, (contract, happened) in enumerate(contracts_and_events):
        rows.append(
            {
                "loan_id": f"l{k}",
                "principal_fen": contract.principal_fen,
                "start": pd.Timestamp(contract.start),
                "is_first_loan": contract.is_first_loan,
                "is_first_draw": contract.is_first_draw,
                "line_fen": contract.line_fen or contract.principal_fen,
                "slices": contract.slices,
            }
        )
        for e in happened:
            until = pd.NaT if e.until is None else pd.Timestamp(e.until)
            events.append(
                {"loan_id": f"l{k}", "day": pd.Timestamp(e.day), "kind": e.kind, "fen": e.fen,
                 "slice": e.slice, "until": until}
            )  # fmt: skip
    columns = ["loan_id", "day", "kind", "fen", "slice", "until"]
    return pd.DataFrame(rows), pd.DataFrame(events, columns=columns)


def lines_of(account) -> list[tuple]:
    """List a loan's postings."""
    return [(p.day, p.kind, p.principal, p.interest, p.fee, p.penalty) for p in account.postings]


def check_book(lives_of_one_terms) -> None:
    """Keep a book's accounts at once and one by one."""
    terms = lives_of_one_terms[0][0].terms
    frame, events = frames_of(lives_of_one_terms)
    until = max(contract.start for contract, _ in lives_of_one_terms) + timedelta(days=520)
    got = book.settle(terms, frame, events, until=until)
    for k, (contract, happened) in enumerate(lives_of_one_terms):
        want = loans.settle(contract, happened, until=until)
        mine = got.postings[got.postings["loan_id"] == f"l{k}"].drop(columns="loan_id")
        mine["day"] = mine["day"].dt.date
        assert list(mine.itertuples(index=False, name=None)) == lines_of(want)
        state = got.state.iloc[k].to_dict()
        assert state == {
            "loan_id": f"l{k}",
            "undue": want.undue_fen,
            "owed_principal": want.owed.principal,
            "owed_interest": want.owed.interest,
            "owed_fee": want.owed.fee,
            "owed_penalty": want.owed.penalty,
            "put_off_interest": want.put_off.interest,
            "put_off_fee": want.put_off.fee,
            "put_off_penalty": want.put_off.penalty,
            "returned": want.returned_fen,
        }


@given(st.data())
def test_accounts_of_a_book(data) -> None:
    terms = data.draw(any_terms())
    check_book(data.draw(st.lists(lives(terms), min_size=1, max_size=4)))


@given(st.data())
def test_accounts_of_amounts_beyond_64_bits(data) -> None:
    rate = per_day("0.000123456789")
    terms = Terms(rate=rate, days=30, penalty=PenaltyTerms(misuse_multiplier="2.123456789"))
    check_book(data.draw(st.lists(lives(terms, 10**14), min_size=1, max_size=2)))


@given(contracts())
def test_a_book_of_no_loan_has_no_posting(contract) -> None:
    frame, _ = frames_of([(contract, [])])
    got = book.settle(contract.terms, frame[:0], until=contract.start)
    assert got.postings.empty
    assert got.state.empty


def test_cards_bring_their_own_due_date() -> None:
    frame = pd.DataFrame(
        {"loan_id": ["a", "b"], "principal_fen": 100_000, "start": pd.Timestamp(START),
         "due": pd.to_datetime(["2012-12-08", "2012-12-19"])}
    )  # fmt: skip
    terms = Terms(rate=per_day("0.0005"), days=38)
    state = book.settle(terms, frame, until="2012-12-10").state
    assert state["owed_principal"].tolist() == [100_000, 0]
    one = Contract(terms=terms, principal_fen=100_000, start=START, due=date(2012, 12, 8))
    assert state["owed_interest"][0] == loans.settle(one, until=date(2012, 12, 10)).owed.interest


def order_book(**change: object) -> pd.DataFrame:
    """Make a book of one order loan."""
    row = {"loan_id": ["a"], "principal_fen": [500_000], "start": [pd.Timestamp(START)]}
    return pd.DataFrame(row).assign(**change)


def event(**change: object) -> pd.DataFrame:
    """Make a payment on it."""
    row = {"loan_id": "a", "day": pd.Timestamp(day(3)), "kind": "payment", "fen": 100,
           "slice": np.nan, "until": pd.NaT}  # fmt: skip
    return pd.DataFrame([row | change])


@pytest.mark.parametrize(
    ("frame", "events", "argument"),
    [
        (order_book(principal_fen=-5), None, "principal_fen"),
        (order_book(principal_fen=0), None, "principal_fen"),
        (order_book(principal_fen=1.5), None, "principal_fen"),
        (order_book(start=pd.NaT), None, "start"),
        (order_book().drop(columns="start"), None, "start"),
        (pd.concat([order_book(), order_book()]), None, "loans must list"),
        (order_book(slices=[(300_000, 300_000)]), None, "slices"),
        (order_book(due=pd.Timestamp(START)), None, "due"),
        (order_book(start=pd.Timestamp("2020-01-01")), None, "until"),
        (order_book(), event(loan_id="b"), "loan_id"),
        (order_book(), event(kind="paid"), "kind"),
        (order_book(), event(day=pd.Timestamp(day(-1))), "before disbursement"),
        (order_book(), event(day=pd.Timestamp("2014-01-01")), "after until"),
        (order_book(), event(fen=-1), "fen"),
        (order_book(), event(fen=0.5), "fen"),
        (order_book(), event(fen=np.nan), "fen"),
        (order_book(), event(kind="order_success", slice=0), "slice"),
        (order_book(), event(kind="restructured", fen=0), "until"),
        (order_book(), event(kind="restructured", fen=0, until=pd.Timestamp(day(3))), "until"),
        (order_book(), event(kind="misuse_found", fen=0), "misuse_multiplier"),
        (order_book(), event().drop(columns="kind"), "kind"),
    ],
)
def test_a_book_that_cannot_be_is_refused_by_name(frame, events, argument) -> None:
    with pytest.raises(InputError, match=argument):
        book.settle(ORDER, frame, events, until="2013-12-31")


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: book.accrue([1], [-0.1], [1]), "rate_per_day"),
        (lambda: book.accrue([1], [np.nan], [1]), "rate_per_day"),
        (lambda: book.accrue([1.0], "0.1", [1]), "principal_fen"),
        (lambda: book.accrue([1], "0.1", [-1]), "days"),
        (lambda: book.accrue([10**15], "1", [10]), "amount"),
        (lambda: book.days_between(["2012-01-02"], ["2012-01-01"]), "end"),
        (lambda: book.schedule([1], "0.1", [0]), "periods"),
        (lambda: book.internal_rate([[1.0, -2.0, 1.0]]), "flows"),
    ],
)
def test_arrays_that_cannot_be_are_refused_by_name(call, argument) -> None:
    with pytest.raises(InputError, match=argument):
        call()
