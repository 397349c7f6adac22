"""Interest of one contract on an unchanged or a changing balance, exact to the fen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fractions import Fraction

from alicredit.checks import refuse, require_one_of, require_whole
from alicredit.loans.days import require_date
from alicredit.loans.money import Amount, round_half_up
from alicredit.loans.rates import STUBS, Rate, exact_rate, interest_share, months_charged


def accrue(principal_fen: int, rate_per_day: Amount, days: int) -> int:
    """Accrue simple interest by day on an unchanged balance: principal x rate x days.

    Parameters
    ----------
    principal_fen : int
        Balance in fen.
    rate_per_day : int, str, float or Decimal
        Contract rate a day, 0.0005 for 0.05 %.
    days : int
        Closing balances counted.

    Returns
    -------
    int
        Interest in fen, rounded half-up once.

    Raises
    ------
    InputError
        If the balance or the days are negative or not whole, or the rate is negative.

    Examples
    --------
    >>> accrue(500_000, "0.0005", 6)
    1500
    >>> accrue(500_000, "-0.0005", 6)
    Traceback (most recent call last):
    alicredit.errors.InputError: rate_per_day must not be negative; found -0.0005.
    """
    principal_fen = require_whole("principal_fen", principal_fen, 0)
    days = require_whole("days", days, 0)
    return round_half_up(principal_fen * exact_rate("rate_per_day", rate_per_day) * days)


def accrue_by_month(
    principal_fen: int,
    rate_per_month: Amount,
    days: int,
    *,
    min_months: int = 1,
    stub: str = "pro_rata_30",
) -> int:
    """Accrue interest by month of 30 days with a minimum and a rule for the rest.

    :func:`accrue_between` counts calendar months between two dates.

    Parameters
    ----------
    principal_fen : int
        Balance in fen.
    rate_per_month : int, str, float or Decimal
        Contract rate a month, 0.015 for 1.5 %.
    days : int
        Days the money was held.
    min_months : int, default 1
        Months charged at least.
    stub : {"pro_rata_30", "full_month"}, default "pro_rata_30"
        Whether days beyond whole months count by thirtieths or as a month.

    Returns
    -------
    int
        Interest in fen, rounded half-up once.

    Raises
    ------
    InputError
        For an unknown stub rule or negative numbers.

    Examples
    --------
    >>> accrue_by_month(10_000_000, "0.015", 20), accrue_by_month(10_000_000, "0.015", 45)
    (150000, 225000)
    >>> accrue_by_month(10_000_000, "0.015", 45, stub="weekly")
    Traceback (most recent call last):
    alicredit.errors.InputError: stub must be one of 2 known words; found 'weekly'. ...
    """
    principal_fen = require_whole("principal_fen", principal_fen, 0)
    days = require_whole("days", days, 0)
    min_months = require_whole("min_months", min_months, 0)
    require_one_of("stub", stub, STUBS)
    months = Fraction(days, 30) if stub == "pro_rata_30" else Fraction(-(-days // 30))
    charged = max(months, Fraction(min_months))
    return round_half_up(principal_fen * exact_rate("rate_per_month", rate_per_month) * charged)


def accrue_between(
    principal_fen: int,
    rate: Rate,
    start: date,
    end: date,
    *,
    day_count: str = "act/365",
    min_months: int = 0,
    stub: str = "pro_rata_30",
) -> int:
    """Accrue interest on an unchanged balance from one date to another.

    A rate a day or a year counts days (:func:`interest_share`); a rate a month counts calendar
    months, at least ``min_months``, and the rest by ``stub``.

    Parameters
    ----------
    principal_fen : int
        Balance in fen.
    rate : Rate
        Contract rate.
    start, end : date
        Disbursement and repayment.
    day_count : {"act/365", "act/360", "30/360"}, default "act/365"
        How days are counted; without effect on a rate a month.
    min_months : int, default 0
        Months charged at least; only for a rate a month.
    stub : {"pro_rata_30", "full_month"}, default "pro_rata_30"
        How days beyond whole months count; only for a rate a month.

    Returns
    -------
    int
        Interest in fen, rounded half-up once.

    Raises
    ------
    InputError
        If ``end`` lies before ``start``, or a rule is unknown or is for another unit of rate.

    Examples
    --------
    >>> from alicredit.loans import per_day, per_month
    >>> accrue_between(500_000, per_day("0.0005"), date(2012, 11, 11), date(2012, 11, 17))
    1500
    >>> accrue_between(10_000_000, per_month("0.015"), date(2013, 4, 1), date(2013, 5, 16))
    225000
    >>> accrue_between(500_000, per_day("0.0005"), date(2012, 11, 11), date(2012, 11, 17),
    ...                min_months=1)
    Traceback (most recent call last):
    alicredit.errors.InputError: min_months must be 0 where the rate is a day; found 1.
    """
    principal_fen = require_whole("principal_fen", principal_fen, 0)
    min_months = require_whole("min_months", min_months, 0)
    if rate.unit == "month":
        months = months_charged(start, end, min_months=min_months, stub=stub)
        return round_half_up(principal_fen * rate.value * months)
    if min_months:
        refuse("min_months", f"must be 0 where the rate is a {rate.unit}", min_months)
    require_one_of("stub", stub, STUBS)
    return round_half_up(principal_fen * interest_share(rate, start, end, day_count=day_count))


def accrue_on_balances(
    changes: Iterable[tuple[date, int]], rate_per_day: Amount, *, until: date
) -> int:
    """Accrue interest by day on the balance at the end of each day.

    Parameters
    ----------
    changes : iterable of (date, int)
        Changes of the balance in fen, positive for money lent; those of one day add up before the
        day accrues.
    rate_per_day : int, str, float or Decimal
        Contract rate a day.
    until : date
        First day that does not accrue.

    Returns
    -------
    int
        Interest in fen, rounded half-up once over all days.

    Raises
    ------
    InputError
        If the balance would be negative at the end of a day, or a change lies after ``until``.

    Examples
    --------
    >>> lent = [(date(2012, 11, 1), 1_000_000)]
    >>> back = [(date(2012, 11, d), -f) for d, f in ((3, 300_000), (6, 400_000), (10, 300_000))]
    >>> accrue_on_balances(lent + back, "0.0005", until=date(2012, 11, 10))
    2650
    >>> accrue_on_balances(back, "0.0005", until=date(2012, 11, 10))
    Traceback (most recent call last):
    alicredit.errors.InputError: changes must leave no negative balance; found -300000 fen at ...
    """
    rate = exact_rate("rate_per_day", rate_per_day)
    by_day: dict[date, int] = {}
    require_date("until", until)
    for day, fen in changes:
        require_date("changes", day)
        require_whole("changes", fen, -(10**15))
        by_day[day] = by_day.get(day, 0) + int(fen)
    balance, fen_days = 0, 0
    days = sorted(by_day)
    for day, following in zip(days, [*days[1:], max([until, *days])]):
        balance += by_day[day]
        if balance < 0:
            refuse("changes", "must leave no negative balance", f"{balance} fen at {day}")
        fen_days += balance * (following - day).days
    if days and days[-1] > until:
        refuse("changes", "must not lie after until", days[-1])
    return round_half_up(rate * fen_days)
