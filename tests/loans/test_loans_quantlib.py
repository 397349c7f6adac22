"""Day counts, schedules, cash flows and yields agree with QuantLib."""

from __future__ import annotations

import warnings
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.loans import (
    accrue_between,
    annualise,
    dated_internal_rate,
    days_between,
    due_dates,
    internal_rate,
    per_year,
    schedule,
    year_fraction,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its wrapper's types lack a __module__
    ql = pytest.importorskip("QuantLib")

DATES = st.dates(date(1990, 1, 1), date(2080, 12, 31))


def as_ql(day: date):
    """Give a date of QuantLib."""
    return ql.Date(day.day, day.month, day.year)


def counter(name: str):
    """Give the day counter of a named day count."""
    return {
        "act/365": lambda: ql.Actual365Fixed(),
        "act/360": lambda: ql.Actual360(),
        "30/360": lambda: ql.Thirty360(ql.Thirty360.BondBasis),
    }[name]()


@settings(max_examples=500)
@given(DATES, st.integers(0, 4000), st.sampled_from(["act/365", "act/360", "30/360"]))
def test_day_counts(start, days, name) -> None:
    end = start + timedelta(days=days)
    want = counter(name)
    convention = "30/360" if name == "30/360" else "actual"
    assert days_between(start, end, convention=convention) == want.dayCount(
        as_ql(start), as_ql(end)
    )
    got = float(year_fraction(start, end, name))
    assert got == pytest.approx(want.yearFraction(as_ql(start), as_ql(end)), rel=1e-14)


@pytest.mark.parametrize("name", ["act/365", "act/360", "30/360"])
def test_day_counts_at_every_end_of_month(name) -> None:
    want = counter(name)
    convention = "30/360" if name == "30/360" else "actual"
    days = [date(2011, 12, 27) + timedelta(days=k) for k in range(440)]
    days = [d for d in days if d.day >= 27 or d.day <= 2]
    for start in days:
        for end in days:
            if end >= start:
                got = days_between(start, end, convention=convention)
                assert got == want.dayCount(as_ql(start), as_ql(end)), (start, end)


@given(DATES, st.integers(1, 60))
def test_due_dates_are_those_of_an_unadjusted_monthly_schedule(start, periods) -> None:
    end = as_ql(start) + ql.Period(periods, ql.Months)
    made = ql.Schedule(
        as_ql(start), end, ql.Period(ql.Monthly), ql.NullCalendar(), ql.Unadjusted, ql.Unadjusted,
        ql.DateGeneration.Forward, False,
    )  # fmt: skip
    want = [date(d.year(), d.month(), d.dayOfMonth()) for d in made][1:]
    got = list(due_dates(start, periods))
    assert len(got) == periods
    assert got[-1] == want[-1]
    assert [d for d in got if d.day == start.day] == [d for d in want if d.day == start.day]


@given(DATES, st.integers(1, 4000), st.sampled_from(["act/365", "act/360", "30/360"]))
def test_simple_interest(start, days, name) -> None:
    end = start + timedelta(days=days)
    rate = ql.InterestRate(0.06, counter(name), ql.Simple, ql.Annual)
    want = 10**9 * (rate.compoundFactor(as_ql(start), as_ql(end)) - 1)
    got = accrue_between(10**9, per_year("0.06"), start, end, day_count=name)
    assert abs(got - want) <= 0.5 + 1e-4


@pytest.mark.parametrize("method", ["bullet", "annuity", "equal_principal"])
@pytest.mark.parametrize("rate", [0.005, 0.015, 0.02])
@pytest.mark.parametrize("periods", [2, 12, 36])
def test_a_schedule_pays_what_an_amortizing_bond_of_its_balances_pays(
    method, rate, periods
) -> None:
    rows = schedule(10_000_000, str(rate), periods, method=method)
    start = ql.Date(1, 1, 2013)
    dates = ql.Schedule(
        start, start + ql.Period(periods, ql.Months), ql.Period(ql.Monthly), ql.NullCalendar(),
        ql.Unadjusted, ql.Unadjusted, ql.DateGeneration.Forward, False,
    )  # fmt: skip
    balances, left = [], 10_000_000
    for row in rows:
        balances.append(left / 100)
        left -= row.principal
    bond = ql.AmortizingFixedRateBond(
        0, balances, dates, [12 * rate], ql.Thirty360(ql.Thirty360.BondBasis)
    )
    paid: dict[int, float] = {}
    for flow in bond.cashflows():
        number = flow.date().serialNumber()
        paid[number] = paid.get(number, 0.0) + flow.amount()
    want = [paid[number] for number in sorted(paid)]
    assert len(want) == periods
    for row, amount in zip(rows, want):
        assert row.payment / 100 == pytest.approx(amount, abs=0.005 + 1e-6)


@pytest.mark.parametrize("method", ["bullet", "annuity", "equal_principal"])
@pytest.mark.parametrize("fee", [0, 100_000])
def test_internal_rates_are_yields(method, fee) -> None:
    rows = schedule(10_000_000, "0.015", 12, method=method)
    start = date(2013, 1, 1)
    leg = ql.Leg(
        [ql.SimpleCashFlow(row.payment / 100, as_ql(due))
         for row, due in zip(rows, due_dates(start, 12))]
    )  # fmt: skip
    price = (10_000_000 - fee) / 100
    monthly = internal_rate([price, *(-row.payment / 100 for row in rows)])
    counted = ql.Thirty360(ql.Thirty360.BondBasis)
    nominal = ql.CashFlows.yieldRate(
        leg, price, counted, ql.Compounded, ql.Monthly, False, as_ql(start), as_ql(start),
        1e-13, 1000, 0.2,
    )  # fmt: skip
    assert 12 * monthly == pytest.approx(nominal, abs=1e-10)
    effective = ql.InterestRate(nominal, counted, ql.Compounded, ql.Monthly).equivalentRate(
        ql.Compounded, ql.Annual, 1.0
    )
    assert annualise(monthly, "effective", unit="month") == pytest.approx(effective.rate())


@given(st.lists(st.integers(30, 1500), min_size=1, max_size=8, unique=True), st.floats(0.7, 2.5))
def test_dated_internal_rates_are_yields_on_365_days(days, cost) -> None:
    start = date(2012, 3, 1)
    each = 1000.0 * cost / len(days)
    flows = [(start, 1000.0)]
    flows += [(start + timedelta(days=d), -each) for d in sorted(days)]
    got = dated_internal_rate(flows)
    leg = ql.Leg([ql.SimpleCashFlow(-fen, as_ql(day)) for day, fen in flows[1:]])
    rate = ql.InterestRate(got, ql.Actual365Fixed(), ql.Compounded, ql.Annual)
    value = ql.CashFlows.npv(leg, rate, False, as_ql(start), as_ql(start))
    assert value == pytest.approx(1000.0, rel=1e-9)
