"""A contract rate with its unit, and what it charges from one date to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from alicredit.checks import refuse, require_one_of, require_whole
from alicredit.loans.days import days_between, months_between, year_fraction
from alicredit.loans.money import Amount, decimal_of

UNITS = ("day", "month", "year")
STUBS = ("pro_rata_30", "full_month")


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of simple interest for a day, a month or a year.

    Parameters
    ----------
    value : Fraction
        Share of the principal for one unit, exact: 1/2000 for 0.05 %.
    unit : {"day", "month", "year"}
        What it is for.

    Examples
    --------
    >>> per_day("0.0005"), per_month("0.015")
    (Rate(0.05 % a day), Rate(1.5 % a month))
    >>> Rate(Fraction(1, 2000), "week")
    Traceback (most recent call last):
    alicredit.errors.InputError: unit must be one of 3 known words; found 'week'. ...
    """

    value: Fraction
    unit: str

    def __post_init__(self) -> None:
        """Refuse an unknown unit, and a value that is not exact or out of range."""
        require_one_of("unit", self.unit, UNITS)
        if not isinstance(self.value, Fraction) or not 0 <= self.value <= 1:
            rule = "must be a share from 0 to 1 as a Fraction"
            refuse("value", rule, repr(self.value), "use per_day, per_month or per_year")

    def __repr__(self) -> str:
        """Show it in percent."""
        return f"Rate({float(self.value * 100):.10g} % a {self.unit})"

    @property
    def daily(self) -> Fraction:
        """Give the rate a day; a month is of 30 days (DOMAIN 6.2), a year of 365."""
        return self.value / {"day": 1, "month": 30, "year": 365}[self.unit]


def exact_share(argument: str, value: Amount) -> Fraction:
    """Read a rate, share or multiple exactly; refuse a negative one.

    Examples
    --------
    >>> exact_share("rate_per_day", 0.0005)
    Fraction(1, 2000)
    >>> exact_share("rate_per_day", "-0.0005")
    Traceback (most recent call last):
    alicredit.errors.InputError: rate_per_day must not be negative; found -0.0005.
    """
    number = decimal_of(argument, value)
    if number < 0:
        refuse(argument, "must not be negative", number)
    return Fraction(number)


def exact_rate(argument: str, value: Amount) -> Fraction:
    """Read a rate or share exactly; refuse one above 1, which is a percentage mistaken for it.

    Examples
    --------
    >>> exact_rate("rate_per_month", "0.015")
    Fraction(3, 200)
    >>> exact_rate("rate_per_month", "1.5")
    Traceback (most recent call last):
    alicredit.errors.InputError: rate_per_month must be at most 1, a share; found 1.5. ...
    """
    share = exact_share(argument, value)
    if share > 1:
        refuse(argument, "must be at most 1, a share", value, "use 0.015 for 1.5 %")
    return share


def per_day(value: Amount) -> Rate:
    """Make a rate a day.

    Parameters
    ----------
    value : int, str, float or Decimal
        0.0005 for 0.05 % a day; a float is read by its shortest text.

    Returns
    -------
    Rate
        Exact.

    Raises
    ------
    InputError
        If it is no number from 0 to 1.

    Examples
    --------
    >>> per_day("0.0005").daily
    Fraction(1, 2000)
    >>> per_day(5)
    Traceback (most recent call last):
    alicredit.errors.InputError: value must be a share from 0 to 1 as a Fraction; found ...
    """
    return Rate(exact_share("value", value), "day")


def per_month(value: Amount) -> Rate:
    """Make a rate a month.

    Parameters
    ----------
    value : int, str, float or Decimal
        0.015 for 1.5 % a month.

    Returns
    -------
    Rate
        Exact.

    Raises
    ------
    InputError
        If it is no number from 0 to 1.

    Examples
    --------
    >>> per_month("0.015").daily
    Fraction(1, 2000)
    >>> per_month("high")
    Traceback (most recent call last):
    alicredit.errors.InputError: value must be a finite number; found 'high'.
    """
    return Rate(exact_share("value", value), "month")


def per_year(value: Amount) -> Rate:
    """Make a rate a year, as a bank's benchmark is told.

    Parameters
    ----------
    value : int, str, float or Decimal
        0.06 for 6 % a year.

    Returns
    -------
    Rate
        Exact.

    Raises
    ------
    InputError
        If it is no number from 0 to 1.

    Examples
    --------
    >>> per_year("0.06")
    Rate(6 % a year)
    >>> per_year(float("nan"))
    Traceback (most recent call last):
    alicredit.errors.InputError: value must be a finite number; found nan.
    """
    return Rate(exact_share("value", value), "year")


def interest_share(rate: Rate, start: date, end: date, *, day_count: str = "act/365") -> Fraction:
    """Say which share of an unchanged balance is charged from one date to another.

    A rate a day counts days, a rate a month thirtieths of it; both count months of 30 days under
    ``30/360`` and calendar days otherwise. A rate a year counts years of the day count.

    Parameters
    ----------
    rate : Rate
        Contract rate.
    start, end : date
        First closing balance that counts and first that does not.
    day_count : {"act/365", "act/360", "30/360"}, default "act/365"
        How days are counted.

    Returns
    -------
    Fraction
        Share of the balance, exact.

    Raises
    ------
    InputError
        For an unknown day count, or if ``end`` lies before ``start``.

    Examples
    --------
    >>> interest_share(per_day("0.0005"), date(2012, 11, 11), date(2012, 11, 17))
    Fraction(3, 1000)
    >>> interest_share(per_year("0.06"), date(2013, 1, 1), date(2014, 1, 1), day_count="30/360")
    Fraction(3, 50)
    >>> interest_share(per_day("0.0005"), date(2012, 11, 17), date(2012, 11, 11))
    Traceback (most recent call last):
    alicredit.errors.InputError: end must not lie before start; found 2012-11-11.
    """
    years = year_fraction(start, end, day_count)
    if rate.unit == "year":
        return rate.value * years
    convention = "30/360" if day_count == "30/360" else "actual"
    return rate.daily * days_between(start, end, convention=convention)


def months_charged(
    start: date, end: date, *, min_months: int = 0, stub: str = "pro_rata_30"
) -> Fraction:
    """Count the months a rate a month is charged for: calendar months, then the rest by a rule.

    Parameters
    ----------
    start, end : date
        Disbursement and repayment.
    min_months : int, default 0
        Months charged at least.
    stub : {"pro_rata_30", "full_month"}, default "pro_rata_30"
        Whether days beyond whole months count as thirtieths (at most a month) or as a month.

    Returns
    -------
    Fraction
        Months, exact.

    Raises
    ------
    InputError
        For an unknown rule, or if ``end`` lies before ``start``.

    Examples
    --------
    >>> months_charged(date(2013, 4, 1), date(2013, 5, 16))
    Fraction(3, 2)
    >>> months_charged(date(2013, 4, 1), date(2013, 4, 21), min_months=1)
    Fraction(1, 1)
    >>> months_charged(date(2013, 4, 1), date(2013, 5, 16), stub="weekly")
    Traceback (most recent call last):
    alicredit.errors.InputError: stub must be one of 2 known words; found 'weekly'. ...
    """
    require_one_of("stub", stub, STUBS)
    min_months = require_whole("min_months", min_months, 0)
    months, rest = months_between(start, end)
    part = min(Fraction(rest, 30), Fraction(1)) if stub == "pro_rata_30" else Fraction(rest > 0)
    return max(months + part, Fraction(min_months))
