"""A number counts the same whatever type it came in: NumPy's whole numbers, Decimal, text."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from loan_stage import START, day
from refused import refused

from alicredit import loans
from alicredit.checks import require_whole
from alicredit.errors import InputError
from alicredit.loans import Contract, EarlyTerms, Event, Terms, per_day, per_month, settle

KINDS = [np.int16, np.int32, np.int64, np.uint64]
JANUARY, DECEMBER = date(2012, 1, 31), date(2012, 12, 31)

CALLS = {
    "accrue": lambda n: loans.accrue(n, "0.00051234567891", n),
    "by month": lambda n: loans.accrue_by_month(n, "0.00051234567891", n, min_months=n),
    "least months": lambda n: loans.accrue_between(
        n, per_month("0.00051234567891"), JANUARY, DECEMBER, min_months=n
    ),
    "months": lambda n: loans.months_charged(JANUARY, DECEMBER, min_months=n),
    "penalty": lambda n: loans.penalty(n, "0.00051234567891", n),
    "fees": lambda n: (loans.service_fee(n, "0.0123456"), loans.prepay_fee(n, "0.0123456")),
    "balances": lambda n: loans.accrue_on_balances([(JANUARY, n)], "0.0123", until=DECEMBER),
    "cost": lambda n: loans.annual_cost(n, 2 * int(n), n, "effective"),
    "date": lambda n: loans.add_months(JANUARY, n),
}
"""What is asked of one whole number, as amount, days and months."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", CALLS)
def test_whole_numbers_of_numpy_give_what_pythons_give(name, kind) -> None:
    for number in (200, 20_001):
        assert CALLS[name](kind(number)) == CALLS[name](number)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["bullet", "annuity", "equal_principal"])
def test_schedules_and_accounts_take_whole_numbers_of_numpy(method, kind) -> None:
    assert loans.schedule(kind(20_001), "0.015", kind(36), method=method) == loans.schedule(
        20_001, "0.015", 36, method=method
    )

    def account(take):
        early = EarlyTerms(
            min_interest_months=take(2),
            prepay_fee_rate="0.03",
            refund_days=take(3),
            after="recompute",
        )
        terms = Terms(rate=per_month("0.01512345"), months=take(36), method=method, early=early)
        contract = Contract(terms=terms, principal_fen=take(20_001), start=JANUARY)
        part = Event(date(2012, 3, 15), "payment", take(9_999))
        closing = loans.payoff(contract, [part], on=DECEMBER)
        return settle(contract, [part], until=DECEMBER), closing

    assert account(kind) == account(int)


def test_slices_and_lines_take_whole_numbers_of_numpy() -> None:
    order = Terms(rate=per_day("0.0005"), days=np.uint8(30))

    def postings(take):
        contract = Contract(
            terms=order, principal_fen=take(200), start=START, line_fen=take(250),
            slices=(take(100), take(100)),
        )  # fmt: skip
        paid = Event(day(9), "order_success", take(100), slice=take(1))
        return settle(contract, [paid], until=day(60))

    found = postings(np.uint8)
    assert found == postings(int)
    assert [posting.total for posting in found.postings[:3]] == [
        200,
        -100,
        2,
    ]  # 100 fen x 0.05 % x 30 days


def test_ten_million_yuan_at_half_a_per_mille_a_month_for_a_year() -> None:
    """10,000,000.07 yuan x 0.05 % x 365 / 30 = 60,833.33 yuan, in a column of 32 bits too."""
    frame = pd.DataFrame({"fen": np.array([1_000_000_007], dtype=np.int32), "days": np.int32(365)})
    row = frame.iloc[0]
    assert loans.accrue_by_month(row["fen"], "0.0005", row["days"]) == 6_083_333


def test_a_whole_number_comes_back_as_pythons() -> None:
    for kind in (*KINDS, int):
        assert type(require_whole("days", kind(3), 1)) is int


@pytest.mark.parametrize("convention", loans.CONVENTIONS)
@pytest.mark.parametrize("unit", ["day", "month", "year"])
def test_a_rate_is_annualised_alike_as_decimal_and_as_float(unit, convention) -> None:
    want = loans.annualise(0.0005, convention, unit=unit)
    got = loans.annualise(Decimal("0.0005"), convention, unit=unit)
    assert type(got) is float
    assert got == pytest.approx(want, rel=1e-14)


def test_internal_rates_take_money_as_decimal() -> None:
    """100 for 118.25 a year later is 18.25 %."""
    flows = [(date(2013, 1, 1), Decimal(100)), (date(2014, 1, 1), Decimal("-118.25"))]
    assert loans.dated_internal_rate(flows) == pytest.approx(0.1825, abs=1e-12)
    assert loans.dated_internal_rate(iter(flows[::-1])) == pytest.approx(0.1825, abs=1e-12)
    assert loans.internal_rate([each for _, each in flows]) == pytest.approx(0.1825, abs=1e-12)


@pytest.mark.parametrize("when", ["2013-01-01", pd.Timestamp("2013-01-01 23:00"), None, 20130101])
def test_dated_flows_stand_on_days(when) -> None:
    with refused("flows", "date", error=InputError):
        loans.dated_internal_rate([(when, 100.0), (date(2014, 1, 1), -118.25)])


@pytest.mark.parametrize("flows", [["all", -1], [[100.0, -101.0]], {1: 2}, [100, {}]], ids=repr)
def test_flows_are_a_row_of_numbers(flows) -> None:
    with refused("flows", "row of numbers", error=InputError):
        loans.internal_rate(flows)


def test_amounts_beyond_every_float_are_refused_by_name() -> None:
    with refused("amount", "10 trillion", error=InputError):
        loans.to_fen("1e400")
    with refused("repaid_fen", "simple_act_365", error=InputError):
        loans.annual_cost(1, 10**9, 1, "effective")
