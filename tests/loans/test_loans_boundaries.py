"""Where a rule begins and ends: the smallest and largest that holds, and what is just beyond."""

from __future__ import annotations

import itertools
from datetime import date
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from alicredit.errors import InputError
from alicredit.loans import (
    Contract,
    EarlyTerms,
    Event,
    FeeTerms,
    PenaltyTerms,
    Terms,
    accrue,
    add_months,
    book,
    days_between,
    from_fen,
    interest_free_until,
    internal_rate,
    payoff,
    per_day,
    per_month,
    settle,
)
from alicredit.loans.account import most_principal
from alicredit.loans.contract import EVENT_KINDS

START = date(2013, 1, 1)
MONTHLY = per_month("0.015")


def posted(account, kind: str, part: str = "interest") -> list[int]:
    """Give what was posted of a kind, in order."""
    return [getattr(line, part) for line in account.postings if line.kind == kind]


def test_a_card_may_fall_due_on_the_first_to_the_twenty_eighth() -> None:
    bought = date(2013, 4, 15)
    for day in (1, 28):
        found = interest_free_until(bought, mode="statement_cycle", due_day=day)
        assert found == date(2013, 5, day)
    for day in (0, 29):
        with pytest.raises(InputError, match=r"due_day must be .* at least 1 and at most 28"):
            interest_free_until(bought, mode="statement_cycle", due_day=day)
    assert interest_free_until(bought, days=0) == bought


@pytest.mark.parametrize("asked", [{"days": 1}, {"months": 1}])
def test_a_term_is_one_day_or_month_at_least(asked) -> None:
    rate = per_day("0.0005") if "days" in asked else MONTHLY
    loan = Contract(terms=Terms(rate=rate, **asked), principal_fen=10_000_000, start=START)
    assert loan.dues == (date(2013, 1, 2) if "days" in asked else date(2013, 2, 1),)
    owed = settle(loan, until=loan.dues[0]).owed
    assert (owed.principal, owed.interest) == (10_000_000, 5_000 if "days" in asked else 150_000)
    with pytest.raises(InputError, match="term must be a whole number of at least 1; found 0"):
        Terms(rate=rate, **dict.fromkeys(asked, 0))


def test_a_rate_is_at_most_the_whole() -> None:
    assert per_day(1).value == per_month("1").value == 1
    assert per_day(0).value == 0
    for make in (per_day, per_month):
        with pytest.raises(InputError, match="value must be a share from 0 to 1"):
            make("1.0001")
    assert PenaltyTerms(rate_per_day=1).daily(Fraction(0)) == Fraction(3, 2)
    with pytest.raises(InputError, match="rate_per_day must be at most 1, a share"):
        PenaltyTerms(rate_per_day="1.5")
    assert PenaltyTerms(multiplier="3").daily(Fraction(1, 2000)) == Fraction(3, 2000)


@pytest.mark.parametrize("given", [True, "5", 5.0, None])
def test_only_a_whole_number_is_fen(given) -> None:
    with pytest.raises(InputError, match="fen must be a whole number"):
        from_fen(given)


def test_a_fee_a_line_is_of_the_line_and_a_fee_a_draw_of_the_draw() -> None:
    def fee(basis: str, **more) -> int:
        terms = Terms(rate=MONTHLY, months=12, fee=FeeTerms(rate="0.01", basis=basis))
        given = {"terms": terms, "principal_fen": 10_000_000, "start": START}
        return Contract(**given, **more).fee_fen

    assert fee("per_disbursement", line_fen=30_000_000) == 100_000
    assert fee("per_line", line_fen=30_000_000) == 300_000
    assert fee("per_line") == 100_000
    assert fee("per_line", line_fen=30_000_000, is_first_draw=False) == 0
    assert fee("none", line_fen=30_000_000) == 0


def test_one_fen_repays_one_fen_where_its_interest_rounds_to_nothing() -> None:
    assert most_principal(1, Fraction(1, 1000), Fraction(0), 5) == 1
    assert most_principal(0, Fraction(1, 1000), Fraction(0), 5) == 0
    assert most_principal(1, Fraction(1, 2), Fraction(0), 5) == 0  # half a fen rounds up
    loan = Contract(terms=Terms(rate=per_day("0.0005"), days=30), principal_fen=5, start=START)
    account = settle(loan, [Event(date(2013, 1, 2), "payment", 1)], until=date(2013, 1, 2))
    assert (account.balance_fen, account.returned_fen) == (4, 0)


@pytest.mark.parametrize("stub", ["pro_rata_30", "full_month"])
def test_a_minimum_of_months_binds_who_closes_and_nobody_else(stub: str) -> None:
    terms = Terms(rate=MONTHLY, months=12, early=EarlyTerms(min_interest_months=3, stub=stub))
    loan = Contract(terms=terms, principal_fen=10_000_000, start=START)
    # 1.5 % a month falls due month by month; only what is closed owes three months.
    assert posted(settle(loan, until=date(2013, 2, 1)), "interest") == [150_000]
    assert payoff(loan, on=date(2013, 1, 21)) == 10_450_000
    until = date(2013, 12, 31)
    put_off = Event(date(2013, 1, 21), "restructured", until=until)
    account = settle(loan, [put_off], until=date(2013, 1, 21))
    assert posted(account, "interest") == [100_000]  # 20 of 30 days, whatever the minimum and stub
    assert (account.put_off.interest, account.undue_fen) == (100_000, 10_000_000)


def story(terms: Terms) -> list[tuple[dict, list[Event]]]:
    """Tell of a few loans all that can happen to one."""
    late, end = date(2013, 3, 1), date(2013, 9, 1)
    kinds = {
        "untouched": [],
        "a day early": [Event(date(2013, 1, 20), "payment", 3_000_000)],
        "late twice": [Event(late, "payment", 40_000), Event(date(2013, 3, 9), "payment", 50_001)],
        "lost": [Event(late, "written_off"), Event(date(2013, 4, 1), "payment", 123_456)],
        "lost after a part": [Event(date(2013, 1, 9), "payment", 777_777),
                              Event(date(2013, 5, 2), "written_off"),
                              Event(date(2013, 6, 1), "auto_debit", 99)],
        "put off": [Event(late, "restructured", until=end),
                    Event(date(2013, 9, 11), "payment", 10**9)],
        "put off and lost": [Event(late, "restructured", until=end),
                             Event(date(2013, 4, 2), "written_off"),
                             Event(date(2013, 4, 3), "payment", 5_000_000)],
        "given back": [Event(date(2013, 1, 3), "payment", 10**9)],
        "put off, then given back": [Event(date(2013, 1, 2), "restructured", until=end),
                                     Event(date(2013, 1, 3), "payment", 10**9)],
        "pulled": [Event(date(2013, 1, 12), "pull", 2_500_000), Event(late, "auto_debit", 10**8)],
    }  # fmt: skip
    found = []
    for number, (name, events) in enumerate(kinds.items()):
        given = {"loan_id": name, "principal_fen": 10_000_000 + 37 * number, "start": START}
        found.append((given, events))
    return found


TERMS = {
    "order": Terms(rate=per_day("0.0005"), days=30, early=EarlyTerms(refund_days=3)),
    "interest only": Terms(rate=MONTHLY, months=3, penalty=PenaltyTerms(
        mode="add", base="principal_plus_interest")),
    "annuity": Terms(rate=MONTHLY, months=3, method="annuity", early=EarlyTerms(
        after="recompute", prepay_fee_rate="0.03", refund_days=3)),
    "equal principal": Terms(rate=MONTHLY, months=3, method="equal_principal",
                             fee=FeeTerms(rate="0.01", basis="per_disbursement"),
                             early=EarlyTerms(min_interest_months=1, after="recompute")),
}  # fmt: skip


@pytest.mark.parametrize("name", TERMS)
def test_a_book_does_to_each_loan_what_is_done_to_it_alone(name: str) -> None:
    terms, until = TERMS[name], date(2013, 12, 31)
    told = [(given | {"is_first_loan": True}, events) for given, events in story(TERMS[name])]
    loans = pd.DataFrame([given for given, _ in told])
    rows = [
        {"loan_id": given["loan_id"], "day": each.day, "kind": each.kind, "fen": each.fen,
         "until": each.until}
        for given, events in told for each in events
    ]  # fmt: skip
    made = book.settle(terms, loans, pd.DataFrame(rows), until=until)
    state = made.state.set_index("loan_id")
    for given, events in told:
        kept = {key: value for key, value in given.items() if key != "loan_id"}
        alone = settle(Contract(terms=terms, **kept), events, until=until)
        mine = made.postings[made.postings["loan_id"] == given["loan_id"]]
        parts = ["kind", "principal", "interest", "fee", "penalty"]
        wanted = [(p.kind, p.principal, p.interest, p.fee, p.penalty) for p in alone.postings]
        assert list(mine[parts].itertuples(index=False, name=None)) == wanted
        row = state.loc[given["loan_id"]]
        assert row["undue"] == alone.undue_fen
        assert row["returned"] == alone.returned_fen
        for part in ("principal", "interest", "fee", "penalty"):
            assert row[f"owed_{part}"] == getattr(alone.owed, part)
        for part in ("interest", "fee", "penalty"):
            assert row[f"put_off_{part}"] == getattr(alone.put_off, part)
        # Every fen that came in is a payment, a recovery, or was returned; a pull names no more
        # than principal.
        paid = -sum(p.total for p in alone.postings if p.kind in ("payment", "recovery"))
        came = sum(each.fen for each in events)
        if all(each.kind != "pull" for each in events):
            contract_fee = Contract(terms=terms, **kept).fee_fen
            assert paid + alone.returned_fen == came + contract_fee


def test_a_book_refuses_an_end_before_its_youngest_loan() -> None:
    loans = pd.DataFrame({"loan_id": ["a", "b"], "principal_fen": 100,
                          "start": pd.to_datetime(["2013-01-01", "2013-03-01"])})  # fmt: skip
    order = Terms(rate=per_day("0.0005"), days=30)
    assert len(book.settle(order, loans, until="2013-03-01").state) == 2
    with pytest.raises(InputError, match="until must not lie before disbursement"):
        book.settle(order, loans, until="2013-02-28")


def test_a_book_names_the_first_row_whose_kind_is_unknown_and_the_nearest_one() -> None:
    loans = pd.DataFrame({"loan_id": ["a"], "principal_fen": [100], "start": [START]})
    events = pd.DataFrame({"loan_id": "a", "day": [date(2013, 1, 5)] * 3, "fen": 1,
                           "kind": ["payment", "autodebit", "pullup"]})  # fmt: skip
    with pytest.raises(InputError, match=r"found autodebit in row 1.*did you mean 'auto_debit'"):
        book.settle(Terms(rate=per_day("0.0005"), days=30), loans, events, until="2013-02-01")
    assert "autodebit" not in EVENT_KINDS


def test_a_slice_of_nothing_is_refused_and_one_of_a_fen_is_not() -> None:
    order = Terms(rate=per_day("0.0005"), days=30)
    loans = pd.DataFrame({"loan_id": ["a"], "principal_fen": [100], "start": [START]})
    for slices in ((99, 1), (1,), ()):
        assert len(book.settle(order, loans.assign(slices=[slices]), until=START).state) == 1
    with pytest.raises(InputError, match="slices must be"):
        book.settle(order, loans.assign(slices=[(99, 0)]), until=START)
    with pytest.raises(InputError, match="slices must sum to at most the principal; found 101"):
        book.settle(order, loans.assign(slices=[(99, 2)]), until=START)


def test_months_of_thirty_days_agree_for_all_ends_of_months() -> None:
    days = [date(2012, 1, 29), date(2012, 1, 30), date(2012, 1, 31), date(2012, 2, 28),
            date(2012, 2, 29), date(2012, 3, 30), date(2012, 3, 31), date(2012, 5, 31),
            date(2013, 2, 28), date(2013, 3, 31)]  # fmt: skip
    pairs = [(a, b) for a, b in itertools.product(days, days) if a <= b]
    start, end = (np.array(each, dtype="datetime64[D]") for each in zip(*pairs))
    found = book.days_between(start, end, convention="30/360")
    assert found.tolist() == [days_between(a, b, convention="30/360") for a, b in pairs]
    # Whole months of one loan are 30 days each where the month has the day (bond basis).
    assert days_between(date(2012, 1, 31), date(2012, 5, 31), convention="30/360") == 120
    assert days_between(date(2012, 1, 30), date(2012, 3, 31), convention="30/360") == 60
    assert days_between(date(2012, 1, 29), date(2012, 3, 31), convention="30/360") == 62
    months = book.add_months(np.array(days, dtype="datetime64[D]"), 13)
    assert months.astype(object).tolist() == [add_months(day, 13) for day in days]


def test_who_lends_and_who_borrows_find_one_rate_and_a_loss_is_a_negative_one() -> None:
    borrower = np.array([[100.0, -1.5, -101.5], [100.0, -40.0, -40.0], [100.0, 0.0, -400.0]])
    rates = book.internal_rate(borrower)
    assert rates == pytest.approx(book.internal_rate(-borrower), abs=1e-12)
    assert rates[0] == pytest.approx(0.015, abs=1e-12)
    assert rates[2] == pytest.approx(1.0, abs=1e-12)  # 100 (1 + r)^2 = 400
    assert -0.2 < rates[1] < 0
    for flows, rate in zip(borrower, rates):
        assert sum(flow / (1 + rate) ** k for k, flow in enumerate(flows)) == pytest.approx(0)
        assert internal_rate(flows.tolist()) == pytest.approx(rate, abs=1e-10)
        assert internal_rate((-flows).tolist()) == pytest.approx(rate, abs=1e-10)


def test_half_a_fen_is_rounded_up_once_a_posting_not_once_a_day() -> None:
    assert accrue(100, "0.0005", 10) == 1  # 1 yuan for 10 days: 0.005 yuan
    assert accrue(100, "0.0005", 9) == 0
    assert sum(accrue(100, "0.0005", 1) for _ in range(10)) == 0
