"""Interest, penalties, fees and refunds of a book: arrays in, arrays out, equal to the fen.

Each function carries the name and the meaning of the one for a single contract. Amounts are whole
fen; rates are one for all or one a row, and read exactly, a float by its shortest text.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse, require_one_of, require_whole
from alicredit.loans.book.days import days_between, thirtieths_charged, year_days
from alicredit.loans.book.exact import Whole, flags, one_length, rounded, shares, whole
from alicredit.loans.charges import FEE_BASES, PENALTY_MODES
from alicredit.loans.days import DAY_COUNTS
from alicredit.loans.rates import STUBS, Rate


def accrue(principal_fen: npt.ArrayLike, rate_per_day: object, days: npt.ArrayLike) -> Whole:
    """Accrue simple interest by day on unchanged balances: principal x rate x days.

    Parameters
    ----------
    principal_fen : array of int
        Balances in fen.
    rate_per_day : number or array of numbers
        Contract rates a day, 0.0005 for 0.05 %.
    days : array of int
        Closing balances counted.

    Returns
    -------
    ndarray of int64
        Interest in fen, each rounded half-up once.

    Raises
    ------
    InputError
        For negative or broken numbers, naming the first row.

    Examples
    --------
    >>> accrue([500_000, 100], "0.0005", [6, 10])
    array([1500,    1])
    >>> accrue([500_000, -100], "0.0005", [6, 10])
    Traceback (most recent call last):
    alicredit.errors.InputError: principal_fen must be whole numbers of at least 0; found -100 ...
    """
    rate, base = shares("rate_per_day", rate_per_day, is_rate=True)
    return rounded(base, whole("principal_fen", principal_fen), rate, whole("days", days))


def accrue_by_month(
    principal_fen: npt.ArrayLike,
    rate_per_month: object,
    days: npt.ArrayLike,
    *,
    min_months: int = 1,
    stub: str = "pro_rata_30",
) -> Whole:
    """Accrue interest by month of 30 days with a minimum and a rule for the rest.

    Parameters
    ----------
    principal_fen : array of int
        Balances in fen.
    rate_per_month : number or array of numbers
        Contract rates a month, 0.015 for 1.5 %.
    days : array of int
        Days the money was held.
    min_months : int, default 1
        Months charged at least.
    stub : {"pro_rata_30", "full_month"}, default "pro_rata_30"
        Whether days beyond whole months count by thirtieths or as a month.

    Returns
    -------
    ndarray of int64
        Interest in fen, each rounded half-up once.

    Raises
    ------
    InputError
        For an unknown stub rule or negative numbers.

    Examples
    --------
    >>> accrue_by_month([10_000_000] * 2, "0.015", [20, 45])
    array([150000, 225000])
    >>> accrue_by_month([10_000_000], "0.015", [45], stub="weekly")
    Traceback (most recent call last):
    alicredit.errors.InputError: stub must be one of 2 known words; found 'weekly'. ...
    """
    require_whole("min_months", min_months, 0)
    require_one_of("stub", stub, STUBS)
    held = whole("days", days)
    counted = held if stub == "pro_rata_30" else -(-held // 30) * 30
    rate, base = shares("rate_per_month", rate_per_month, is_rate=True)
    thirtieths = np.maximum(counted, 30 * min_months)
    return rounded(base * 30, whole("principal_fen", principal_fen), rate, thirtieths)


def accrue_between(
    principal_fen: npt.ArrayLike,
    rate: Rate,
    start: npt.ArrayLike,
    end: npt.ArrayLike,
    *,
    day_count: str = "act/365",
    min_months: int = 0,
    stub: str = "pro_rata_30",
) -> Whole:
    """Accrue interest on unchanged balances between dates under one rate.

    Parameters
    ----------
    principal_fen : array of int
        Balances in fen.
    rate : Rate
        Contract rate of all.
    start, end : array of datetime64
        Disbursement and repayment.
    day_count : {"act/365", "act/360", "30/360"}, default "act/365"
        How days are counted; without effect on a rate a month.
    min_months : int, default 0
        Months charged at least; only for a rate a month.
    stub : {"pro_rata_30", "full_month"}, default "pro_rata_30"
        How days beyond whole months count; only for a rate a month.

    Returns
    -------
    ndarray of int64
        Interest in fen, each rounded half-up once.

    Raises
    ------
    InputError
        As :func:`alicredit.loans.accrue_between`.

    Examples
    --------
    >>> from alicredit.loans import per_day
    >>> accrue_between([500_000], per_day("0.0005"), ["2012-11-11"], ["2012-11-17"])
    array([1500])
    >>> accrue_between([500_000], per_day("0.0005"), ["2012-11-11"], ["2012-11-17"],
    ...                day_count="act/act")
    Traceback (most recent call last):
    alicredit.errors.InputError: day_count must be one of 3 known words; found 'act/act'. ...
    """
    fen = whole("principal_fen", principal_fen)
    require_one_of("day_count", day_count, DAY_COUNTS)
    if rate.unit == "month":
        units = thirtieths_charged(start, end, min_months=min_months, stub=stub)
        return rounded(rate.value.denominator * 30, fen, rate.value.numerator, units)
    if min_months:
        refuse("min_months", f"must be 0 where the rate is a {rate.unit}", min_months)
    convention, year = year_days(day_count)
    share = rate.value / year if rate.unit == "year" else rate.daily
    days = days_between(start, end, convention=convention)
    return rounded(share.denominator, fen, share.numerator, days)


def penalty(
    overdue_fen: npt.ArrayLike,
    rate_per_day: object,
    days: npt.ArrayLike,
    *,
    multiplier: object = "1.5",
    mode: str = "replace",
) -> Whole:
    """Charge penalty interest on overdue amounts: overdue x rate x multiplier x days.

    Parameters
    ----------
    overdue_fen : array of int
        Overdue amounts in fen.
    rate_per_day : number or array of numbers
        Contract rates a day.
    days : array of int
        Days overdue.
    multiplier : number or array of numbers, default 1.5
        Times the contract rate.
    mode : {"replace", "add"}, default "replace"
        Whether the penalty stands for the normal interest or is charged beside it.

    Returns
    -------
    ndarray of int64
        What is charged in fen, each rounded half-up once.

    Raises
    ------
    InputError
        For an unknown mode or negative numbers.

    Examples
    --------
    >>> penalty([500_000, 507_500], "0.0005", [10, 10])
    array([3750, 3806])
    >>> penalty([500_000], "0.0005", [10], mode="both")
    Traceback (most recent call last):
    alicredit.errors.InputError: mode must be one of 2 known words; found 'both'. ...
    """
    require_one_of("mode", mode, PENALTY_MODES)
    rate, base = shares("rate_per_day", rate_per_day, is_rate=True)
    times, parts = shares("multiplier", multiplier)
    times = times + (parts if mode == "add" else 0)
    fen = whole("overdue_fen", overdue_fen)
    return rounded(base * parts, fen, rate, times, whole("days", days))


def interest_refund(
    interest_fen: npt.ArrayLike,
    days_held: npt.ArrayLike,
    *,
    is_first_loan: npt.ArrayLike,
    refund_days: int = 3,
    first_loan_only: bool = True,
) -> Whole:
    """Refund the interest of first loans that are given back within a few days.

    Parameters
    ----------
    interest_fen : array of int
        Interest charged, in fen.
    days_held : array of int
        Days from disbursement to repayment.
    is_first_loan : array of bool
        Whether it is the borrower's first.
    refund_days : int, default 3
        Up to which day, inclusive.
    first_loan_only : bool, default True
        Whether later loans are left out.

    Returns
    -------
    ndarray of int64
        Interest given back in fen: all or nothing.

    Raises
    ------
    InputError
        For negative numbers.

    Examples
    --------
    >>> interest_refund([15_000] * 3, [3, 4, 3], is_first_loan=[True, True, False])
    array([15000,     0,     0])
    >>> interest_refund([15_000], [-1], is_first_loan=[True])
    Traceback (most recent call last):
    alicredit.errors.InputError: days_held must be whole numbers of at least 0; found -1 in row 0.
    """
    require_whole("refund_days", refund_days, 0)
    is_entitled = flags("is_first_loan", is_first_loan) | (not first_loan_only)
    fen, held = whole("interest_fen", interest_fen), whole("days_held", days_held)
    one_length("arrays", fen.shape, held.shape, is_entitled.shape)
    return np.where(is_entitled & (held <= refund_days), fen, 0)


def service_fee(
    amount_fen: npt.ArrayLike,
    rate: object,
    *,
    basis: str = "per_disbursement",
    is_first_draw: npt.ArrayLike = True,
) -> Whole:
    """Charge the service fees of draws.

    Parameters
    ----------
    amount_fen : array of int
        Principals, or whole lines where the fee is per line, in fen.
    rate : number or array of numbers
        0.01 for 1 %.
    basis : {"none", "per_disbursement", "per_line"}, default "per_disbursement"
        When it is charged.
    is_first_draw : array of bool, default True
        Whether it is the line's first.

    Returns
    -------
    ndarray of int64
        Fees in fen, each rounded half-up once.

    Raises
    ------
    InputError
        For an unknown basis or negative numbers.

    Examples
    --------
    >>> service_fee([10_000_000] * 2, "0.01", basis="per_line", is_first_draw=[True, False])
    array([100000,      0])
    >>> service_fee([1], "0.01", basis="monthly")
    Traceback (most recent call last):
    alicredit.errors.InputError: basis must be one of 3 known words; found 'monthly'. ...
    """
    require_one_of("basis", basis, FEE_BASES)
    share, base = shares("rate", rate, is_rate=True)
    fee = rounded(base, whole("amount_fen", amount_fen), share)
    is_due = flags("is_first_draw", is_first_draw) | (basis == "per_disbursement")
    one_length("arrays", fee.shape, is_due.shape)
    return np.where(is_due & (basis != "none"), fee, 0)


def prepay_fee(prepaid_fen: npt.ArrayLike, rate: object) -> Whole:
    """Charge for principal that is repaid before it falls due.

    Parameters
    ----------
    prepaid_fen : array of int
        Principal repaid early, in fen.
    rate : number or array of numbers
        Share of it.

    Returns
    -------
    ndarray of int64
        Fees in fen, each rounded half-up once.

    Raises
    ------
    InputError
        For negative numbers.

    Examples
    --------
    >>> prepay_fee([5_000_000, 50], "0.03")
    array([150000,      2])
    >>> prepay_fee([-1], "0.03")
    Traceback (most recent call last):
    alicredit.errors.InputError: prepaid_fen must be whole numbers of at least 0; found -1 in row 0.
    """
    share, base = shares("rate", rate, is_rate=True)
    return rounded(base, whole("prepaid_fen", prepaid_fen), share)
