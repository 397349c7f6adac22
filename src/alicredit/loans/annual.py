"""Annual rates, each under the name of its convention, and the internal rate of return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from alicredit.checks import refuse, require_between, require_one_of, require_whole
from alicredit.loans.days import require_date
from alicredit.loans.rates import Rate

PERIODS_A_YEAR = {"day": 365.0, "month": 12.0, "year": 1.0}
CONVENTIONS = ("simple_act_365", "simple_act_360", "effective")


def annualise(rate: float | Rate, convention: str, *, unit: str = "day") -> float:
    """Turn a rate a day or month into an annual one under a named convention.

    Parameters
    ----------
    rate : float or Rate
        Rate a unit, 0.0005 for 0.05 % a day; a Rate brings its own unit.
    convention : {"simple_act_365", "simple_act_360", "effective"}
        Simple on 365 or 360 days, or compounded over 365 days or 12 months.
    unit : {"day", "month", "year"}, default "day"
        What a rate that is a number is for.

    Returns
    -------
    float
        Annual rate, 0.1825 for 18.25 %.

    Raises
    ------
    InputError
        For an unknown convention or unit or a rate outside 0 to 1.

    Examples
    --------
    >>> round(annualise(0.0005, "simple_act_365"), 4), round(annualise(0.0005, "effective"), 6)
    (0.1825, 0.200159)
    >>> annualise(0.0005, "apr")
    Traceback (most recent call last):
    alicredit.errors.InputError: convention must be one of 3 known words; found 'apr'. ...
    """
    require_one_of("convention", convention, CONVENTIONS)
    if isinstance(rate, Rate):
        return annualise(float(rate.value), convention, unit=rate.unit)
    require_one_of("unit", unit, PERIODS_A_YEAR)
    require_between("rate", rate, 0, 1)
    rate = float(rate)
    if convention == "effective":
        return float((1 + rate) ** PERIODS_A_YEAR[unit] - 1)
    if unit == "day":
        return rate * (365 if convention == "simple_act_365" else 360)
    return rate * PERIODS_A_YEAR[unit]


def annual_cost(received_fen: int, repaid_fen: int, days: int, convention: str) -> float:
    """Turn what one draw cost its borrower, fees included, into an annual rate.

    Parameters
    ----------
    received_fen : int
        What the borrower had in hand, net of a fee, in fen.
    repaid_fen : int
        What was paid back, in fen.
    days : int
        Days between.
    convention : {"simple_act_365", "simple_act_360", "effective"}
        Cost over received times 365 or 360 over days, or (repaid / received)^(365 / days) - 1.

    Returns
    -------
    float
        Annual rate on what was received.

    Raises
    ------
    InputError
        For an unknown convention, or nothing received, or no day.

    Examples
    --------
    >>> round(annual_cost(9_900_000, 10_030_000, 6, "simple_act_365"), 4)
    0.7988
    >>> annual_cost(9_900_000, 10_030_000, 0, "effective")
    Traceback (most recent call last):
    alicredit.errors.InputError: days must be a whole number of at least 1; found 0.
    """
    require_one_of("convention", convention, CONVENTIONS)
    received_fen = require_whole("received_fen", received_fen, 1)
    repaid_fen = require_whole("repaid_fen", repaid_fen, 0)
    days = require_whole("days", days, 1)
    if convention == "effective":
        try:
            return float((repaid_fen / received_fen) ** (365 / days) - 1)
        except OverflowError:
            found, do = f"{repaid_fen} fen for {received_fen} in {days}", "use 'simple_act_365'"
            refuse("repaid_fen", "must give an effective rate that is a number", found, do)
    year = 365 if convention == "simple_act_365" else 360
    return (repaid_fen - received_fen) / received_fen * year / days


def internal_rate(flows: Sequence[float]) -> float:
    """Find the rate a period at which flows a period apart have no present value.

    Parameters
    ----------
    flows : sequence of float
        The borrower's flows: what is received first, then payments as negative numbers.

    Returns
    -------
    float
        Rate a period; it solves sum of flow_k / (1 + r)^k = 0.

    Raises
    ------
    InputError
        If the flows have no change of sign.

    Examples
    --------
    >>> round(internal_rate([100.0, -1.5, -101.5]), 6)
    0.015
    >>> internal_rate([100.0, 1.5])
    Traceback (most recent call last):
    alicredit.errors.InputError: flows must change sign exactly once; found 0 changes.
    """
    values = _one_row(flows)
    return _root(values, np.arange(len(values)))


def dated_internal_rate(flows: Sequence[tuple[date, float]]) -> float:
    """Find the effective annual rate at which dated flows have no present value.

    Parameters
    ----------
    flows : sequence of (date, float)
        The borrower's flows: what is received as positive, payments as negative numbers.

    Returns
    -------
    float
        Effective annual rate on act/365; it solves sum of flow_k / (1 + r)^(days_k / 365) = 0.

    Raises
    ------
    InputError
        If the flows, in order of date, have no change of sign.

    Examples
    --------
    >>> round(dated_internal_rate([(date(2013, 1, 1), 100.0), (date(2014, 1, 1), -118.25)]), 6)
    0.1825
    >>> dated_internal_rate([(date(2013, 1, 1), 100.0)])
    Traceback (most recent call last):
    alicredit.errors.InputError: flows must change sign exactly once; found 0 changes.
    """
    by_day: dict[date, float] = {}
    listed = list(flows)
    for day, _ in listed:
        require_date("flows", day)
    values = _one_row([value for _, value in listed])
    for (day, _), value in sorted(zip(listed, values), key=lambda flow: flow[0][0]):
        by_day[day] = by_day.get(day, 0.0) + float(value)
    days = np.array([(day - min(by_day)).days for day in by_day], dtype=float)
    return _root(np.array(list(by_day.values()), dtype=float), days / 365)


def _one_row(flows: Sequence[float]) -> np.ndarray:
    """Take flows as one row of numbers."""
    try:
        values = np.asarray(flows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        refuse("flows", "must be a row of numbers", f"({error})")
    if values.ndim != 1:
        refuse("flows", "must be a row of numbers", f"shape {values.shape}")
    return values


def _root(values: np.ndarray, times: np.ndarray) -> float:
    """Solve for the rate that takes the present value of flows at given times to nothing."""
    from scipy.optimize import brentq

    if not np.isfinite(values).all():
        refuse("flows", "must be finite numbers", values[~np.isfinite(values)][0])
    signs = np.sign(values[values != 0])
    changes = int((signs[1:] != signs[:-1]).sum())
    if changes != 1:
        refuse("flows", "must change sign exactly once", f"{changes} changes")
    first = float(signs[signs != 0][0])

    def has_sign_of_first(log_growth: float) -> float:
        weight = -times * log_growth
        return first * float((values * np.exp(weight - weight.max())).sum())

    low, high = -1.0 / times.max(), 1.0 / times.max()
    while has_sign_of_first(high) < 0:
        high *= 2
    while has_sign_of_first(low) > 0:
        low *= 2
    return float(np.expm1(brentq(has_sign_of_first, low, high, xtol=1e-15)))
