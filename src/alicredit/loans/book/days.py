"""Days and months between dates, for the loans of a book."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_one_of
from alicredit.loans.book.exact import Whole, one_length, whole
from alicredit.loans.rates import STUBS

Dates = npt.NDArray[np.datetime64]


def as_days(argument: str, values: npt.ArrayLike) -> Dates:
    """Read dates; refuse a missing one.

    Examples
    --------
    >>> as_days("start", ["2012-11-11"])
    array(['2012-11-11'], dtype='datetime64[D]')
    >>> as_days("start", ["NaT"])
    Traceback (most recent call last):
    alicredit.errors.InputError: start must be dates, none missing; found NaT in row 0.
    """
    found = _parsed(argument, np.asarray(values))
    missing = np.flatnonzero(np.isnat(np.atleast_1d(found)))
    if len(missing):
        refuse(argument, "must be dates, none missing", f"NaT in row {missing[0]}")
    return found


def _parsed(argument: str, values: npt.NDArray[Any]) -> Dates:
    """Turn dates, times and ISO texts into days; a number is no date, nor has a zone one day."""
    rule, listed = "must be dates without a zone", values.ravel()
    if values.dtype.kind not in "MOU" and values.size:
        refuse(argument, rule, f"values of type {values.dtype}")
    if values.dtype.kind == "M" or not values.size:
        return values.astype("datetime64[D]")
    for row, each in enumerate(listed):
        is_number = isinstance(each, Number) and each == each
        if is_number or getattr(each, "tzinfo", None) is not None:
            refuse(argument, rule, f"{each!r} in row {row}")
    try:
        days = pd.to_datetime(pd.Series(listed, dtype=object), format="ISO8601")
    except (TypeError, ValueError):
        refuse(argument, rule, f"such as {listed[0]!r}", "write 2012-11-11")
    if days.dtype.kind != "M" or getattr(days.dt, "tz", None) is not None:
        refuse(argument, rule, f"such as {listed[0]!r}", "write 2012-11-11")
    return days.to_numpy().astype("datetime64[D]").reshape(values.shape)


def add_months(start: npt.ArrayLike, months: npt.ArrayLike) -> Dates:
    """Give dates some calendar months later; a 31st clips to the end of the month.

    Examples
    --------
    >>> add_months(["2012-08-31"], 6)
    array(['2013-02-28'], dtype='datetime64[D]')
    """
    day, count = as_days("start", start), whole("months", months)
    one_length("arrays", day.shape, count.shape)
    month = day.astype("datetime64[M]")
    in_month = (day - month.astype("datetime64[D]")).astype(np.int64)
    target = month + count.astype("timedelta64[M]")
    first = target.astype("datetime64[D]")
    last = ((target + np.timedelta64(1, "M")).astype("datetime64[D]") - first).astype(np.int64) - 1
    return np.asarray(first + np.minimum(in_month, last).astype("timedelta64[D]"))


def days_between(start: npt.ArrayLike, end: npt.ArrayLike, *, convention: str = "actual") -> Whole:
    """Count the days of interest between dates, as :func:`alicredit.loans.days_between` does.

    Parameters
    ----------
    start, end : array of datetime64
        Disbursement and repayment.
    convention : {"actual", "30/360"}, default "actual"
        Calendar days, or months of 30 days.

    Returns
    -------
    ndarray of int64
        Number of days.

    Raises
    ------
    InputError
        If an end lies before its start.

    Examples
    --------
    >>> days_between(["2012-11-11"], ["2012-11-17"])
    array([6])
    >>> days_between(["2012-11-17"], ["2012-11-11"])
    Traceback (most recent call last):
    alicredit.errors.InputError: end must not lie before start; found 2012-11-11 in row 0.
    """
    require_one_of("convention", convention, ("actual", "30/360"))
    first, last = _in_order(start, end)
    if convention == "actual":
        return (last - first).astype(np.int64)
    months = (last.astype("datetime64[M]") - first.astype("datetime64[M]")).astype(np.int64)
    from_day = np.minimum(_day_of_month(first), 30)
    to_day = _day_of_month(last)
    to_day = np.where((to_day == 31) & (from_day == 30), 30, to_day)
    return np.asarray(30 * months + to_day - from_day)


def months_between(start: npt.ArrayLike, end: npt.ArrayLike) -> tuple[Whole, Whole]:
    """Count the calendar months completed between dates, and the days beyond them.

    Examples
    --------
    >>> months_between(["2013-01-31"], ["2013-03-01"])
    (array([1]), array([1]))
    """
    first, last = _in_order(start, end)
    months = (last.astype("datetime64[M]") - first.astype("datetime64[M]")).astype(np.int64)
    months = months - (add_months(first, months) > last)
    return months, (last - add_months(first, months)).astype(np.int64)


def thirtieths_charged(
    start: npt.ArrayLike, end: npt.ArrayLike, *, min_months: int = 0, stub: str = "pro_rata_30"
) -> Whole:
    """Count thirtieths of a month that are charged, see :func:`alicredit.loans.months_charged`.

    Examples
    --------
    >>> thirtieths_charged(["2013-04-01"], ["2013-05-16"])
    array([45])
    """
    require_one_of("stub", stub, STUBS)
    months, rest = months_between(start, end)
    part = np.minimum(rest, 30) if stub == "pro_rata_30" else np.where(rest > 0, 30, 0)
    return np.maximum(30 * months + part, 30 * min_months)


def year_days(day_count: str) -> tuple[str, int]:
    """Give the counting of days and the days of a year that a day count names.

    Examples
    --------
    >>> year_days("30/360"), year_days("act/365")
    (('30/360', 360), ('actual', 365))
    """
    counted, _, year = day_count.partition("/")
    return "30/360" if counted == "30" else "actual", int(year)


def _day_of_month(day: Dates) -> Whole:
    """Give 1 to 31."""
    return (day - day.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1


def _in_order(start: npt.ArrayLike, end: npt.ArrayLike) -> tuple[Dates, Dates]:
    """Read two dates a row; refuse an end before its start."""
    first, last = as_days("start", start), as_days("end", end)
    one_length("start and end", first.shape, last.shape)
    wrong = np.flatnonzero(np.atleast_1d(last < first))
    if len(wrong):
        late = np.atleast_1d(np.broadcast_to(last, np.broadcast_shapes(first.shape, last.shape)))
        refuse("end", "must not lie before start", f"{late[wrong[0]]} in row {wrong[0]}")
    return first, last
