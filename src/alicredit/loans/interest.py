"""Interest, penalty and refund of one contract, exact to the fen."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from alicredit.checks import refuse, require_one_of, require_whole
from alicredit.loans.money import Amount, decimal_of, round_half_up


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
    if end < start:
        refuse("end", "must not lie before start", end)
    if convention == "actual":
        return (end - start).days
    first = min(start.day, 30)
    last = 30 if end.day == 31 and first == 30 else end.day
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first


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
    require_whole("principal_fen", principal_fen, 0)
    require_whole("days", days, 0)
    return round_half_up(principal_fen * _rate("rate_per_day", rate_per_day) * days)


def accrue_by_month(
    principal_fen: int,
    rate_per_month: Amount,
    days: int,
    *,
    min_months: int = 1,
    stub: str = "pro_rata_30",
) -> int:
    """Accrue interest by month of 30 days with a minimum and a rule for the rest.

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
    require_whole("principal_fen", principal_fen, 0)
    require_whole("days", days, 0)
    require_whole("min_months", min_months, 0)
    require_one_of("stub", stub, ("pro_rata_30", "full_month"))
    months = Fraction(days, 30) if stub == "pro_rata_30" else Fraction(-(-days // 30))
    charged = max(months, Fraction(min_months))
    return round_half_up(principal_fen * _rate("rate_per_month", rate_per_month) * charged)


def penalty(
    overdue_fen: int,
    rate_per_day: Amount,
    days: int,
    *,
    multiplier: Amount = "1.5",
    mode: str = "replace",
) -> int:
    """Charge penalty interest on an overdue amount: overdue x rate x multiplier x days.

    Parameters
    ----------
    overdue_fen : int
        Overdue principal (or principal and interest, as the contract says) in fen.
    rate_per_day : int, str, float or Decimal
        Contract rate a day.
    days : int
        Days overdue, from the due date to the day before payment.
    multiplier : int, str, float or Decimal, default 1.5
        Times the contract rate (2013 bank-research report: 1.5).
    mode : {"replace", "add"}, default "replace"
        Whether the penalty stands for the normal interest or is charged beside it.

    Returns
    -------
    int
        What is charged for the overdue days in fen.

    Raises
    ------
    InputError
        For an unknown mode or negative numbers.

    Examples
    --------
    >>> penalty(500_000, "0.0005", 10), penalty(500_000, "0.0005", 10, mode="add")
    (3750, 6250)
    >>> penalty(500_000, "0.0005", 10, mode="both")
    Traceback (most recent call last):
    alicredit.errors.InputError: mode must be one of 2 known words; found 'both'. ...
    """
    require_one_of("mode", mode, ("replace", "add"))
    require_whole("overdue_fen", overdue_fen, 0)
    require_whole("days", days, 0)
    times = _rate("multiplier", multiplier) + (1 if mode == "add" else 0)
    return round_half_up(overdue_fen * _rate("rate_per_day", rate_per_day) * times * days)


def interest_refund(
    interest_fen: int, days_held: int, *, is_first_loan: bool, refund_days: int = 3
) -> int:
    """Refund the interest of a first loan that is given back within a few days.

    Parameters
    ----------
    interest_fen : int
        Interest charged, in fen.
    days_held : int
        Days from disbursement to repayment.
    is_first_loan : bool
        Whether it is the borrower's first.
    refund_days : int, default 3
        Up to which day, inclusive.

    Returns
    -------
    int
        Interest given back in fen: all or nothing.

    Raises
    ------
    InputError
        For negative numbers.

    Examples
    --------
    >>> [interest_refund(15_000, days, is_first_loan=True) for days in (3, 4)]
    [15000, 0]
    >>> interest_refund(15_000, -1, is_first_loan=True)
    Traceback (most recent call last):
    alicredit.errors.InputError: days_held must be a whole number of at least 0; found -1.
    """
    require_whole("interest_fen", interest_fen, 0)
    require_whole("days_held", days_held, 0)
    return interest_fen if is_first_loan and days_held <= refund_days else 0


def _rate(argument: str, value: Amount) -> Fraction:
    """Read a rate or multiplier exactly; refuse a negative one."""
    number = decimal_of(argument, value)
    if number < 0:
        refuse(argument, "must not be negative", number)
    return Fraction(number)
