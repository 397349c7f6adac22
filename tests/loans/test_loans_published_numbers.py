"""Worked examples of the 2013 products, to the fen, and identities of any loan."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicredit.errors import InputError
from alicredit.loans import (
    accrue,
    accrue_by_month,
    annualise,
    days_between,
    from_fen,
    interest_refund,
    internal_rate,
    penalty,
    round_half_up,
    schedule,
    to_fen,
)


@pytest.mark.parametrize(
    ("yuan", "days", "interest"),
    [
        ("5000", 6, "15.00"),
        ("5000", 1, "2.50"),
        ("7000", 4, "14.00"),
        ("7647.06", 4, "15.29"),
        ("1", 1, "0.00"),
        ("1", 10, "0.01"),
        ("1000000", 30, "15000.00"),
    ],
)
def test_order_loan_interest_at_five_hundredths_of_a_percent(yuan, days, interest) -> None:
    assert from_fen(accrue(to_fen(yuan), "0.0005", days)) == Decimal(interest)


def test_order_loan_days() -> None:
    assert days_between(date(2012, 11, 11), date(2012, 11, 17)) == 6
    assert date(2012, 11, 11) + timedelta(days=30) == date(2012, 12, 11)


def test_repaid_by_confirmed_orders_by_balance_and_by_slice() -> None:
    by_balance = [accrue(to_fen(b), "0.0005", d) for b, d in ((10000, 2), (7000, 3), (3000, 4))]
    by_slice = [accrue(to_fen(b), "0.0005", d) for b, d in ((3000, 2), (4000, 5), (3000, 9))]
    assert by_balance == [1000, 1050, 600]
    assert by_slice == [300, 1000, 1350]
    assert sum(by_balance) == sum(by_slice) == 2650


def test_overdue() -> None:
    assert accrue(500_000, "0.0005", 30) == 7500
    assert penalty(500_000, "0.0005", 10) == 3750
    assert to_fen("5112.50") == 500_000 + 7500 + 3750
    assert penalty(507_500, "0.0005", 10) == 3806
    assert penalty(500_000, "0.0005", 10, mode="add") == 6250
    assert penalty(500_000, "0.0005", 10) - accrue(500_000, "0.0005", 10) == 1250
    assert penalty(10_000_000, "0.0005", 10) == 75_000


@pytest.mark.parametrize(
    ("method", "first", "last", "interest"),
    [
        ("bullet", "1500.00", "101500.00", "18000.00"),
        ("annuity", "9168.00", "9167.99", "10015.99"),
        ("equal_principal", "9833.33", "8458.37", "9750.00"),
    ],
)
def test_ali_credit_schedules(method, first, last, interest) -> None:
    rows = schedule(to_fen(100_000), "0.015", 12, method=method)
    assert from_fen(rows[0].payment) == Decimal(first)
    assert from_fen(rows[-1].payment) == Decimal(last)
    assert from_fen(sum(r.interest for r in rows)) == Decimal(interest)


def irr_of(rows, received: int) -> float:
    return internal_rate([received / 100, *(-row.payment / 100 for row in rows)])


@pytest.mark.parametrize(
    ("method", "monthly", "nominal", "effective"),
    [
        ("bullet", 1.592207, 19.1065, 20.8717),
        ("annuity", 1.661712, 19.9405, 21.8678),
        ("equal_principal", 1.665986, 19.9918, 21.9293),
    ],
)
def test_internal_rates_with_a_fee_of_one_percent(method, monthly, nominal, effective) -> None:
    rate = irr_of(schedule(to_fen(100_000), "0.015", 12, method=method), to_fen(99_000))
    assert round(100 * rate, 6) == pytest.approx(monthly, abs=1.1e-6)
    assert 1200 * rate == pytest.approx(nominal, abs=1e-4)
    assert 100 * annualise(rate, "effective", unit="month") == pytest.approx(effective, abs=1e-4)


def test_the_flat_rate_trap() -> None:
    flows = [100_000.0, *([-9833.33] * 11), -9833.37]
    rate = internal_rate(flows)
    assert 1200 * rate == pytest.approx(31.72, abs=0.01)
    assert 100 * annualise(rate, "effective", unit="month") == pytest.approx(36.76, abs=0.01)


@pytest.mark.parametrize(
    ("rate", "unit", "act365", "act360", "effective"),
    [
        (0.0005, "day", 18.25, 18.00, 20.0159),
        (0.0006, "day", 21.90, 21.60, 24.4750),
        (0.015, "month", 18.00, 18.00, 19.5618),
    ],
)
def test_named_annual_rates(rate, unit, act365, act360, effective) -> None:
    assert 100 * annualise(rate, "simple_act_365", unit=unit) == pytest.approx(act365, abs=1e-9)
    assert 100 * annualise(rate, "simple_act_360", unit=unit) == pytest.approx(act360, abs=1e-9)
    assert 100 * annualise(rate, "effective", unit=unit) == pytest.approx(effective, abs=1e-4)


def test_penalty_rate_exceeds_four_times_the_benchmark() -> None:
    assert annualise(0.00075, "simple_act_365") == pytest.approx(0.27375)
    assert annualise(0.00075, "simple_act_365") > 4 * 0.06


def test_refund_and_minimum_month() -> None:
    assert accrue(to_fen(500_000), "0.0006", 2) == 60_000
    assert interest_refund(60_000, 2, is_first_loan=True) == 60_000
    assert interest_refund(15_000, 3, is_first_loan=True) == 15_000
    assert interest_refund(20_000, 4, is_first_loan=True) == 0
    assert interest_refund(60_000, 2, is_first_loan=False) == 0
    assert accrue_by_month(10_000_000, "0.015", 20) == 150_000
    assert accrue_by_month(10_000_000, "0.015", 45) == 225_000
    assert accrue_by_month(10_000_000, "0.015", 45, stub="full_month") == 300_000


@given(
    st.integers(1, 10**12),
    st.decimals("0", "0.1", places=6),
    st.integers(1, 60),
    st.sampled_from(["bullet", "annuity", "equal_principal"]),
)
def test_every_schedule_repays_its_principal_to_the_fen(principal, rate, periods, method) -> None:
    rows = schedule(principal, rate, periods, method=method)
    assert sum(r.principal for r in rows) == principal
    assert len(rows) == periods
    assert all(r.principal >= 0 and r.interest >= 0 for r in rows[:-1])
    balance = principal
    for row in rows:
        assert abs(row.interest - Fraction(rate) * balance) <= Fraction(1, 2)
        balance -= row.principal


@given(st.integers(0, 10**9), st.integers(0, 400), st.integers(0, 400))
def test_interest_grows_with_days_and_splits_within_a_fen(principal, a, b) -> None:
    whole = accrue(principal, "0.0005", a + b)
    assert abs(whole - accrue(principal, "0.0005", a) - accrue(principal, "0.0005", b)) <= 1
    assert whole >= accrue(principal, "0.0005", a)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 5000))
def test_thirty_day_months_stay_near_the_calendar(start, days) -> None:
    end = start + timedelta(days=days)
    assert days_between(start, end) == days
    count = days_between(start, end, convention="30/360")
    assert abs(count - days * 360 / 365.25) <= 4


def test_thirty_360_of_textbook_pairs() -> None:
    pairs = [
        (date(2006, 8, 31), date(2007, 2, 28), 178),
        (date(2007, 2, 28), date(2007, 8, 31), 183),
        (date(2007, 9, 30), date(2008, 3, 31), 180),
        (date(2008, 2, 29), date(2009, 2, 28), 359),
    ]
    for start, end, days in pairs:
        assert days_between(start, end, convention="30/360") == days


@given(st.integers(-(10**12), 10**12))
def test_fen_and_yuan_convert_without_loss(fen: int) -> None:
    assert to_fen(from_fen(fen)) == fen
    assert to_fen(str(from_fen(fen))) == fen


def test_half_a_fen_goes_up() -> None:
    assert round_half_up(Decimal("0.5")) == 1
    assert round_half_up(Fraction(1, 2)) == 1
    assert round_half_up(Decimal("2.5")) == 3
    assert to_fen("1.005") == 101


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "x", None, True, "1e20"])
def test_amounts_that_are_no_money(bad) -> None:
    with pytest.raises(InputError):
        to_fen(bad)


def test_other_refusals() -> None:
    with pytest.raises(InputError, match="principal_fen"):
        accrue(-1, "0.0005", 1)
    with pytest.raises(InputError, match="days"):
        accrue(1, "0.0005", 1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="method"):
        schedule(100, "0.01", 3, method="balloon")
    with pytest.raises(InputError, match="unit"):
        annualise(0.01, "effective", unit="week")
