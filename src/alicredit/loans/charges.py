"""What a contract charges beside interest: fees and penalties; what it gives back."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from alicredit.checks import refuse, require_one_of, require_whole
from alicredit.loans.days import add_months, require_date
from alicredit.loans.money import Amount, round_half_up
from alicredit.loans.rates import exact_rate, exact_share

PENALTY_MODES = ("replace", "add")
FEE_BASES = ("none", "per_disbursement", "per_line")
INTEREST_FREE_MODES = ("per_purchase", "statement_cycle")


def require_flag(argument: str, value: object) -> None:
    """Refuse what is neither true nor false: text and missing values would count as true.

    Examples
    --------
    >>> require_flag("is_first_loan", True)
    >>> require_flag("is_first_loan", "no")
    Traceback (most recent call last):
    alicredit.errors.InputError: is_first_loan must be True or False; found 'no'.
    """
    if not isinstance(value, bool | np.bool_):
        refuse(argument, "must be True or False", repr(value))


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
    require_one_of("mode", mode, PENALTY_MODES)
    overdue_fen = require_whole("overdue_fen", overdue_fen, 0)
    days = require_whole("days", days, 0)
    times = exact_share("multiplier", multiplier) + (1 if mode == "add" else 0)
    return round_half_up(overdue_fen * exact_rate("rate_per_day", rate_per_day) * times * days)


def interest_refund(
    interest_fen: int,
    days_held: int,
    *,
    is_first_loan: bool,
    refund_days: int = 3,
    first_loan_only: bool = True,
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
        Up to which day, inclusive; 0 refunds the interest of the same day only.
    first_loan_only : bool, default True
        Whether later loans are left out.

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
    interest_fen = require_whole("interest_fen", interest_fen, 0)
    require_whole("days_held", days_held, 0)
    require_flag("is_first_loan", is_first_loan)
    is_free = has_refund(
        days_held, is_first_loan=is_first_loan, refund_days=refund_days,
        first_loan_only=first_loan_only,
    )  # fmt: skip
    return interest_fen if is_free else 0


def has_refund(
    days_held: int, *, is_first_loan: bool, refund_days: int | None, first_loan_only: bool
) -> bool:
    """Tell whether a loan given back after so many days has its interest refunded.

    Examples
    --------
    >>> [has_refund(3, is_first_loan=True, refund_days=d, first_loan_only=True) for d in (3, 2)]
    [True, False]
    >>> has_refund(3, is_first_loan=True, refund_days=None, first_loan_only=True)
    False
    """
    if refund_days is None:
        return False
    require_whole("refund_days", refund_days, 0)
    return (is_first_loan or not first_loan_only) and days_held <= refund_days


def service_fee(
    amount_fen: int, rate: Amount, *, basis: str = "per_disbursement", is_first_draw: bool = True
) -> int:
    """Charge the service fee of a draw.

    Parameters
    ----------
    amount_fen : int
        The principal disbursed, or the whole line where the fee is per line, in fen.
    rate : int, str, float or Decimal
        0.01 for 1 % (2013 bank-research report: technical service fee of Ali credit).
    basis : {"none", "per_disbursement", "per_line"}, default "per_disbursement"
        Never, at each draw, or once when the line is first drawn.
    is_first_draw : bool, default True
        Whether it is the line's first.

    Returns
    -------
    int
        Fee in fen, rounded half-up once.

    Raises
    ------
    InputError
        For an unknown basis or negative numbers.

    Examples
    --------
    >>> service_fee(10_000_000, "0.01")
    100000
    >>> service_fee(10_000_000, "0.01", basis="per_line", is_first_draw=False)
    0
    >>> service_fee(10_000_000, "0.01", basis="monthly")
    Traceback (most recent call last):
    alicredit.errors.InputError: basis must be one of 3 known words; found 'monthly'. ...
    """
    require_one_of("basis", basis, FEE_BASES)
    amount_fen = require_whole("amount_fen", amount_fen, 0)
    require_flag("is_first_draw", is_first_draw)
    share = exact_rate("rate", rate)
    if basis == "none" or (basis == "per_line" and not is_first_draw):
        return 0
    return round_half_up(amount_fen * share)


def prepay_fee(prepaid_fen: int, rate: Amount) -> int:
    """Charge for principal that is repaid before it falls due.

    Parameters
    ----------
    prepaid_fen : int
        Principal repaid early, in fen.
    rate : int, str, float or Decimal
        Share of it; 0 as the 2013 report has it, 0.03 as merchants told the press.

    Returns
    -------
    int
        Fee in fen, rounded half-up once.

    Raises
    ------
    InputError
        For negative numbers.

    Examples
    --------
    >>> prepay_fee(5_000_000, "0.03")
    150000
    >>> prepay_fee(-1, "0.03")
    Traceback (most recent call last):
    alicredit.errors.InputError: prepaid_fen must be a whole number of at least 0; found -1.
    """
    prepaid_fen = require_whole("prepaid_fen", prepaid_fen, 0)
    return round_half_up(prepaid_fen * exact_rate("rate", rate))


def interest_free_until(
    purchase: date, *, mode: str = "per_purchase", days: int = 38, due_day: int = 8
) -> date:
    """Give the last day on which a purchase by card can be repaid without interest.

    Interest is owed from the day after it; days late are counted from this day, as from any due
    date.

    Parameters
    ----------
    purchase : date
        Day of the purchase.
    mode : {"per_purchase", "statement_cycle"}, default "per_purchase"
        So many days after each purchase, or on a day of the month after the one of the purchase.
    days : int, default 38
        Interest-free days per purchase (2013 bank-research report).
    due_day : int, default 8
        Day of the following month on which a month's statement falls due (assumed: at most 38 days
        after the purchase).

    Returns
    -------
    date
        The due date.

    Raises
    ------
    InputError
        For an unknown mode, or days out of range.

    Examples
    --------
    >>> str(interest_free_until(date(2013, 4, 15)))
    '2013-05-23'
    >>> str(interest_free_until(date(2013, 4, 15), mode="statement_cycle"))
    '2013-05-08'
    >>> interest_free_until(date(2013, 4, 15), mode="weekly")
    Traceback (most recent call last):
    alicredit.errors.InputError: mode must be one of 2 known words; found 'weekly'. ...
    """
    require_one_of("mode", mode, INTEREST_FREE_MODES)
    require_date("purchase", purchase)
    require_whole("days", days, 0)
    require_whole("due_day", due_day, 1, high=28)
    if mode == "per_purchase":
        return purchase + timedelta(days=int(days))
    return add_months(purchase.replace(day=1), 1).replace(day=int(due_day))
