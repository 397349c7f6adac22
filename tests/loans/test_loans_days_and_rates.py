"""Days, months and rates under named conventions; charges beside interest."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicredit.errors import InputError
from alicredit.loans import (
    accrue,
    accrue_between,
    accrue_by_month,
    accrue_on_balances,
    add_months,
    annual_cost,
    annualise,
    dated_internal_rate,
    due_dates,
    interest_free_until,
    interest_refund,
    interest_share,
    months_between,
    months_charged,
    penalty,
    per_day,
    per_month,
    per_year,
    prepay_fee,
    service_fee,
    to_fen,
    year_fraction,
)

DATES = st.dates(date(1990, 1, 1), date(2090, 1, 1))


@given(DATES, st.integers(0, 400))
def test_months_and_days_lead_back_to_the_date(start, months) -> None:
    later = add_months(start, months)
    assert months_between(start, later) == (months, 0)
    assert (later.year * 12 + later.month) - (start.year * 12 + start.month) == months
    assert later.day == start.day or (later + timedelta(days=1)).day == 1


@given(DATES, st.integers(0, 3000))
def test_completed_months_are_the_most_that_fit(start, days) -> None:
    end = start + timedelta(days=days)
    months, rest = months_between(start, end)
    assert add_months(start, months) + timedelta(days=rest) == end
    assert add_months(start, months + 1) > end


@given(DATES, st.integers(0, 3000))
def test_day_counts_are_days_over_their_year(start, days) -> None:
    end = start + timedelta(days=days)
    assert year_fraction(start, end, "act/365") == Fraction(days, 365)
    assert year_fraction(start, end, "act/360") == Fraction(days, 360)
    assert abs(year_fraction(start, end, "30/360") - Fraction(days, 365)) <= Fraction(7, 360)


def test_a_loan_of_the_31st_falls_due_on_the_31st_where_there_is_one() -> None:
    days = due_dates(date(2012, 1, 31), 4)
    assert days == (date(2012, 2, 29), date(2012, 3, 31), date(2012, 4, 30), date(2012, 5, 31))


def test_units_of_rates_agree_with_each_other() -> None:
    assert per_month("0.015").daily == per_day("0.0005").daily == Fraction(1, 2000)
    year = (date(2013, 1, 1), date(2014, 1, 1))
    assert interest_share(per_day("0.0005"), *year) == Fraction(1825, 10_000)
    assert interest_share(per_month("0.015"), *year, day_count="30/360") == Fraction(18, 100)
    assert interest_share(per_year("0.06"), *year, day_count="act/360") == Fraction(365 * 6, 36_000)
    assert per_year("0.1825").daily == per_day("0.0005").daily
    assert annualise(per_day("0.0005"), "simple_act_365") == pytest.approx(0.1825)
    assert annualise(per_month("0.015"), "effective") == pytest.approx(0.195618, abs=1e-6)
    assert annualise(per_year("0.06"), "effective") == pytest.approx(0.06)


@given(DATES, st.integers(0, 800), st.integers(1, 10**11))
def test_interest_between_dates_is_interest_of_the_days(start, days, fen) -> None:
    end = start + timedelta(days=days)
    assert accrue_between(fen, per_day("0.0005"), start, end) == accrue(fen, "0.0005", days)


def test_interest_by_calendar_month_with_a_minimum_and_a_rule_for_the_rest() -> None:
    rate, start = per_month("0.015"), date(2013, 4, 1)
    assert accrue_between(10_000_000, rate, start, date(2013, 4, 21), min_months=1) == 150_000
    assert accrue_between(10_000_000, rate, start, date(2013, 5, 16)) == 225_000
    assert accrue_between(10_000_000, rate, start, date(2013, 5, 16), stub="full_month") == 300_000
    assert accrue_between(10_000_000, rate, start, date(2014, 4, 1)) == 1_800_000
    assert accrue_between(10_000_000, rate, date(2013, 1, 1), date(2013, 1, 31)) == 150_000


@given(
    DATES, st.integers(0, 700), st.integers(0, 2), st.sampled_from(["pro_rata_30", "full_month"])
)
def test_months_charged_never_fall_with_time(start, days, least, stub) -> None:
    end = start + timedelta(days=days)
    now = months_charged(start, end, min_months=least, stub=stub)
    following = months_charged(start, end + timedelta(days=1), min_months=least, stub=stub)
    assert now <= following
    assert now >= least
    plain = accrue_by_month(3000, "0.01", 30 * int(now), min_months=0)
    assert plain == 30 * int(now)


CHANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 10**8)), min_size=1, max_size=8)


@given(CHANGES, st.data())
def test_interest_on_balances_is_that_of_each_day(lent, data) -> None:
    start = date(2012, 1, 1)
    changes = [(start + timedelta(days=d), fen) for d, fen in lent]
    back = data.draw(st.integers(0, sum(fen for _, fen in lent)))
    changes.append((start + timedelta(days=60), -back))
    exact = Fraction(0)
    for k in range(90):
        day = start + timedelta(days=k)
        exact += Fraction(1, 2000) * sum(fen for at, fen in changes if at <= day)
    got = accrue_on_balances(changes, "0.0005", until=start + timedelta(days=90))
    assert abs(got - exact) <= Fraction(1, 2)


def test_balances_of_confirmed_orders_and_refusals() -> None:
    start = date(2012, 11, 1)
    flows = [(start, 1_000_000)]
    flows += [(start + timedelta(days=d), -f) for d, f in ((2, 300_000), (5, 400_000))]
    assert accrue_on_balances(flows, "0.0005", until=start + timedelta(days=9)) == 2650
    assert accrue_on_balances([], "0.0005", until=start) == 0
    with pytest.raises(InputError, match="until"):
        accrue_on_balances(flows, "0.0005", until=start + timedelta(days=3))
    with pytest.raises(InputError, match="negative balance"):
        accrue_on_balances([(start, -1)], "0.0005", until=start)


def test_fees_by_their_basis() -> None:
    assert service_fee(to_fen(100_000), "0.01") == 100_000
    assert service_fee(to_fen(100_000), "0.01", basis="none") == 0
    assert service_fee(to_fen(300_000), "0.01", basis="per_line") == 300_000
    assert service_fee(to_fen(300_000), "0.01", basis="per_line", is_first_draw=False) == 0
    assert prepay_fee(to_fen(50_000), "0.03") == 150_000
    assert prepay_fee(to_fen(50_000), "0") == 0


def test_the_refund_of_three_days_is_for_first_loans_unless_agreed_otherwise() -> None:
    assert interest_refund(15_000, 3, is_first_loan=False, first_loan_only=False) == 15_000
    assert interest_refund(15_000, 0, is_first_loan=True, refund_days=0) == 15_000
    assert interest_refund(15_000, 1, is_first_loan=True, refund_days=0) == 0


def test_a_card_is_free_of_interest_through_day_38() -> None:
    free = interest_free_until(date(2013, 4, 15))
    assert free == date(2013, 5, 23)
    assert free + timedelta(days=1) == date(2013, 5, 24)
    assert service_fee(to_fen(1000), "0.01") == 1000
    assert service_fee(to_fen(1000), "0.008") == 800
    assert penalty(to_fen(1000), "0.00025", 5, multiplier=1) == 125
    assert penalty(to_fen(1000), "0.0005", 5, multiplier=1) == 250
    assert penalty(to_fen(1000), "0.0005", 5) == 375
    assert annual_cost(99_000, 100_000, 38, "simple_act_365") == pytest.approx(0.0970, abs=5e-5)
    on_the_nominal = annual_cost(100_000, 101_000, 38, "simple_act_365")
    assert on_the_nominal == pytest.approx(0.0961, abs=5e-5)


@given(DATES)
def test_a_statement_gives_at_most_38_days(purchase) -> None:
    due = interest_free_until(purchase, mode="statement_cycle")
    assert due.day == 8
    assert 8 <= (due - purchase).days <= 38
    assert due.month != purchase.month


@pytest.mark.parametrize(
    ("days", "simple", "effective"),
    [
        (1, 387.12, None),
        (4, 110.61, 200.24),
        (6, 79.88, 121.14),
        (30, 30.72, 35.45),
        (365, 19.44, None),
    ],
)
def test_an_order_loan_with_a_fee_of_one_percent(days, simple, effective) -> None:
    repaid = to_fen(100_000) + accrue(to_fen(100_000), "0.0005", days)
    got = annual_cost(to_fen(99_000), repaid, days, "simple_act_365")
    assert 100 * got == pytest.approx(simple, abs=0.0051)
    if effective is not None:
        got = annual_cost(to_fen(99_000), repaid, days, "effective")
        assert 100 * got == pytest.approx(effective, abs=0.0051)
        flows = [(date(2013, 1, 1), 99_000.0)]
        flows.append((date(2013, 1, 1) + timedelta(days=days), -repaid / 100))
        assert dated_internal_rate(flows) == pytest.approx(got, rel=1e-9)


def test_a_fee_of_one_percent_is_within_the_cap_from_67_days_on() -> None:
    def cost(days: int) -> float:
        repaid = to_fen(100_000) + accrue(to_fen(100_000), "0.0005", days)
        return annual_cost(to_fen(99_000), repaid, days, "simple_act_365")

    assert cost(66) > 0.24 >= cost(67)
    repaid = to_fen(100_000) + accrue(to_fen(100_000), "0.0005", 6)
    assert (repaid + 100_000 - to_fen(100_000)) / to_fen(100_000) * 365 / 6 == pytest.approx(
        0.7908, abs=5e-5
    )


@given(st.floats(-0.5, 3.0), st.integers(1, 700))
def test_the_dated_internal_rate_undoes_growth(rate, days) -> None:
    start = date(2012, 1, 1)
    flows = [(start, 100.0), (start + timedelta(days=days), -100.0 * (1 + rate) ** (days / 365))]
    assert dated_internal_rate(flows) == pytest.approx(rate, abs=1e-8)


def test_flows_of_one_day_are_one_flow() -> None:
    start, end = date(2012, 1, 1), date(2013, 1, 1)
    withheld = [(start, 100_000.0), (start, -1000.0), (end, -118_000.0)]
    net = [(start, 99_000.0), (end, -118_000.0)]
    assert dated_internal_rate(withheld) == dated_internal_rate(net)
    with pytest.raises(InputError, match="change sign"):
        dated_internal_rate([(start, 100.0), (start, -50.0), (end, 50.0)])


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: per_day("-0.1"), "value"),
        (lambda: per_day("1.01"), "value"),
        (lambda: add_months(date(2012, 1, 1), -1), "months"),
        (lambda: year_fraction(date(2012, 1, 1), date(2012, 1, 2), "30e/360"), "day_count"),
        (lambda: months_charged(date(2012, 1, 2), date(2012, 1, 1)), "end"),
        (lambda: accrue_between(1, per_day(0), date(2012, 1, 2), date(2012, 1, 1)), "end"),
        (lambda: accrue_between(-1, per_day(0), date(2012, 1, 2), date(2012, 1, 3)), "principal"),
        (lambda: service_fee(1, "-0.01"), "rate"),
        (lambda: interest_free_until(date(2012, 1, 1), due_day=31), "due_day"),
        (lambda: annual_cost(0, 1, 1, "effective"), "received_fen"),
        (lambda: annual_cost(1, 1, 1, "apr"), "convention"),
    ],
)
def test_what_cannot_be_is_refused_by_name(call, argument) -> None:
    with pytest.raises(InputError, match=argument):
        call()
