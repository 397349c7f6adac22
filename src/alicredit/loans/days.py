"""Days, months and years of interest between two dates, each under the name of its convention."""

from __future__ import annotations

import calendar
from datetime import date, datetime
from fractions import Fraction

from alicredit.checks import refuse, require_one_of, require_whole

DAY_COUNTS = ("act/365", "act/360", "30/360")
"""Calendar days over 365 or 360, or months of 30 days over 360."""

_MOST_MONTHS = 12 * date.max.year


def days_between(start: date, end: date, *, convention: str = "actual") -> int:
    """Count the days of interest from one date to another.

    A day accrues on its closing balance: the day of disbursement counts, the day of repayment
    does not.

    Parameters
    ----------
    start, end : date
        Disbursement and repayment.
    convention : {"actual", "30/360"}, default "actual"
        Calendar days, or months of 30 days (bond basis, US NASD without end-of-February rule).

    Returns
    -------
    int
        Number of days.

    Raises
    ------
    InputError
        If ``end`` lies before ``start``.

    Examples
    --------
    >>> days_between(date(2012, 11, 11), date(2012, 11, 17))
    6
    >>> days_between(date(2012, 11, 17), date(2012, 11, 11))
    Traceback (most recent call last):
    alicredit.errors.InputError: end must not lie before start; found 2012-11-11.
    """
    require_one_of("convention", convention, ("actual", "30/360"))
    _require_order(start, end)
    if convention == "actual":
        return (end - start).days
    first = min(start.day, 30)
    last = 30 if end.day == 31 and first == 30 else end.day
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first


def year_fraction(start: date, end: date, day_count: str) -> Fraction:
    """Measure a stretch in years of a named day count.

    Parameters
    ----------
    start, end : date
        First day that counts and first that does not.
    day_count : {"act/365", "act/360", "30/360"}
        Calendar days over 365 or 360, or months of 30 days over 360.

    Returns
    -------
    Fraction
        Years, exactly.

    Raises
    ------
    InputError
        For an unknown day count, or if ``end`` lies before ``start``.

    Examples
    --------
    >>> [str(year_fraction(date(2013, 1, 31), date(2013, 3, 1), name)) for name in DAY_COUNTS]
    ['29/365', '29/360', '31/360']
    >>> year_fraction(date(2013, 1, 31), date(2013, 3, 1), "act/act")
    Traceback (most recent call last):
    alicredit.errors.InputError: day_count must be one of 3 known words; found 'act/act'. ...
    """
    require_one_of("day_count", day_count, DAY_COUNTS)
    counted, _, year = day_count.partition("/")
    convention = "30/360" if counted == "30" else "actual"
    return Fraction(days_between(start, end, convention=convention), int(year))


def add_months(start: date, months: int) -> date:
    """Give the date some calendar months later; a 31st clips to the end of the month.

    Parameters
    ----------
    start : date
        From when.
    months : int
        How many, at least 0.

    Returns
    -------
    date
        The same day of the month, or the month's last where it has no such day.

    Raises
    ------
    InputError
        If ``months`` is negative or not whole.

    Examples
    --------
    >>> str(add_months(date(2012, 8, 31), 6))
    '2013-02-28'
    >>> add_months(date(2012, 8, 31), -1)
    Traceback (most recent call last):
    alicredit.errors.InputError: months must be a whole number of at least 0; found -1.
    """
    require_date("start", start)
    months = require_whole("months", months, 0, high=_MOST_MONTHS)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if year > date.max.year:
        refuse("months", f"must lead to a year up to {date.max.year}", months)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last))


def months_between(start: date, end: date) -> tuple[int, int]:
    """Count the calendar months completed between two dates, and the days beyond them.

    Parameters
    ----------
    start, end : date
        From when to when.

    Returns
    -------
    tuple of int
        Whole months, and calendar days from the last completed month to ``end``.

    Raises
    ------
    InputError
        If ``end`` lies before ``start``.

    Examples
    --------
    >>> months_between(date(2013, 1, 31), date(2013, 2, 28))
    (1, 0)
    >>> months_between(date(2013, 1, 1), date(2013, 2, 15))
    (1, 14)
    >>> months_between(date(2013, 2, 15), date(2013, 1, 1))
    Traceback (most recent call last):
    alicredit.errors.InputError: end must not lie before start; found 2013-01-01.
    """
    _require_order(start, end)
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return months, (end - add_months(start, months)).days


def due_dates(start: date, periods: int) -> tuple[date, ...]:
    """List the dates a month, two months and so on after a start.

    Each is counted from the start, so that a loan of the 31st falls due on the 31st wherever the
    month has one.

    Parameters
    ----------
    start : date
        Disbursement.
    periods : int
        How many months.

    Returns
    -------
    tuple of date
        One for each period.

    Raises
    ------
    InputError
        If there is no period.

    Examples
    --------
    >>> [str(day) for day in due_dates(date(2013, 1, 31), 3)]
    ['2013-02-28', '2013-03-31', '2013-04-30']
    >>> due_dates(date(2013, 1, 31), 0)
    Traceback (most recent call last):
    alicredit.errors.InputError: periods must be a whole number of at least 1; found 0.
    """
    periods = require_whole("periods", periods, 1)
    return tuple(add_months(start, k) for k in range(1, periods + 1))


def require_date(argument: str, value: object) -> None:
    """Refuse what is no date; a time of day would make days out of hours.

    Examples
    --------
    >>> require_date("start", date(2012, 11, 11))
    >>> require_date("start", "2012-11-11")
    Traceback (most recent call last):
    alicredit.errors.InputError: start must be a date without a time of day; found '2012-11-11'. ...
    """
    if isinstance(value, datetime) or not isinstance(value, date):
        do = "use its .date()" if isinstance(value, datetime) else "use datetime.date"
        refuse(argument, "must be a date without a time of day", repr(value), do)


def _require_order(start: date, end: date) -> None:
    """Refuse an end before its start, and what is no date."""
    require_date("start", start)
    require_date("end", end)
    if end < start:
        refuse("end", "must not lie before start", end)
