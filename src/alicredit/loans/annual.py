"""Annual rates, each under the name of its convention, and the internal rate of return."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from alicredit.checks import refuse, require_between, require_one_of

PERIODS_A_YEAR = {"day": 365.0, "month": 12.0}
CONVENTIONS = ("simple_act_365", "simple_act_360", "effective")


def annualise(rate: float, convention: str, *, unit: str = "day") -> float:
    """Turn a rate a day or month into an annual one under a named convention.

    Parameters
    ----------
    rate : float
        Rate a unit, 0.0005 for 0.05 % a day.
    convention : {"simple_act_365", "simple_act_360", "effective"}
        Simple on 365 or 360 days, or compounded over 365 days or 12 months.
    unit : {"day", "month"}, default "day"
        What the rate is for.

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
    require_one_of("unit", unit, PERIODS_A_YEAR)
    require_between("rate", rate, 0, 1)
    if convention == "effective":
        return float((1 + rate) ** PERIODS_A_YEAR[unit] - 1)
    if unit == "month":
        return rate * 12
    return rate * (365 if convention == "simple_act_365" else 360)


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
    values = np.asarray(flows, dtype=float)
    signs = np.sign(values[values != 0])
    changes = int((signs[1:] != signs[:-1]).sum())
    if changes != 1:
        refuse("flows", "must change sign exactly once", f"{changes} changes")
    steps = np.arange(len(values))
    return float(brentq(lambda r: float((values / (1 + r) ** steps).sum()), -0.99, 100, xtol=1e-14))
