"""Schedules and internal rates of the loans of a book."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_one_of
from alicredit.loans.book.exact import Integers, Whole, one_length, rounded, shares, whole
from alicredit.loans.schedule import METHODS, level_share


def schedule(
    principal_fen: npt.ArrayLike,
    rate_per_period: object,
    periods: npt.ArrayLike,
    *,
    method: str = "bullet",
) -> pd.DataFrame:
    """Lay out what falls due on each loan of a book at the end of each of its periods.

    Parameters
    ----------
    principal_fen : array of int
        Amounts lent in fen.
    rate_per_period : number or array of numbers
        Contract rates a period.
    periods : int or array of int
        Numbers of periods.
    method : {"bullet", "annuity", "equal_principal"}, default "bullet"
        How principal is repaid.

    Returns
    -------
    pandas.DataFrame
        ``loan`` (position, from 0), ``period`` (from 1), ``principal``, ``interest`` in fen, in
        this order.

    Raises
    ------
    InputError
        As :func:`alicredit.loans.schedule`.

    Examples
    --------
    >>> schedule([10_000_000], "0.015", 12, method="annuity").tail(1).to_numpy().tolist()
    [[0, 12, 903250, 13549]]
    >>> schedule([10_000_000], "0.015", 0)
    Traceback (most recent call last):
    alicredit.errors.InputError: periods must be whole numbers of at least 1; found 0 in row 0.
    """
    require_one_of("method", method, METHODS)
    fen = np.atleast_1d(whole("principal_fen", principal_fen))
    rate, base = shares("rate_per_period", rate_per_period, is_rate=True)
    one_length("arrays", fen.shape, np.shape(periods), np.shape(rate))
    count = np.broadcast_to(whole("periods", periods, low=1), fen.shape)
    rates = np.broadcast_to(rate, fen.shape)
    size = rounded_sizes(fen, rates, base, count, method=method)
    balance, parts = fen.copy(), []
    for period in range(1, int(count.max(initial=0)) + 1):
        live = np.flatnonzero(count >= period)
        interest = rounded(base, balance[live], rates[live])
        wanted = {"bullet": 0 * interest, "annuity": size[live] - interest}.get(method, size[live])
        is_last = count[live] == period
        part = np.where(is_last, balance[live], np.minimum(wanted, balance[live]))
        balance[live] -= part
        parts.append((live, np.full(len(live), period), part, interest))
    columns = [np.concatenate([np.asarray(p[k]) for p in parts] or [fen[:0]]) for k in range(4)]
    frame = pd.DataFrame(dict(zip(("loan", "period", "principal", "interest"), columns)))
    return frame.sort_values(["loan", "period"], ignore_index=True)


def rounded_sizes(
    principal_fen: Whole, rate: Integers, base: int, periods: Whole, *, method: str
) -> Whole:
    """Give the level payment of each annuity, or an equal part of each principal.

    Examples
    --------
    >>> rounded_sizes(np.array([10_000_000]), np.array([3]), 200, np.array([12]), method="annuity")
    array([916800])
    """
    size = (2 * principal_fen + periods) // (2 * periods)
    if method != "annuity":
        return size
    pairs = pd.DataFrame({"rate": rate, "periods": periods}).groupby(["rate", "periods"]).indices
    for (each, count), rows in pairs.items():
        share = level_share(Fraction(int(each), base), int(count))
        size[rows] = rounded(share.denominator, principal_fen[rows], share.numerator)
    return size


def internal_rate(flows: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Find for each row the rate a period at which its flows have no present value.

    Parameters
    ----------
    flows : array of float, one row a loan
        The borrower's flows a period apart; shorter rows end in zeros.

    Returns
    -------
    ndarray of float64
        Rates a period.

    Raises
    ------
    InputError
        If a row has no change of sign, or more than one.

    Examples
    --------
    >>> internal_rate([[100.0, -1.5, -101.5], [100.0, -102.0, 0.0]]).round(6)
    array([0.015, 0.02 ])
    >>> internal_rate([[100.0, 1.5]])
    Traceback (most recent call last):
    alicredit.errors.InputError: flows must change sign exactly once; found 0 changes in row 0.
    """
    values = np.atleast_2d(np.asarray(flows, dtype=float))
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).any(axis=1).argmax())
        refuse("flows", "must be finite numbers", f"another in row {row}")
    signs = np.sign(values)
    for k in range(1, signs.shape[1]):
        signs[:, k] = np.where(signs[:, k] == 0, signs[:, k - 1], signs[:, k])
    changes = ((signs[:, 1:] * signs[:, :-1]) < 0).sum(axis=1)
    wrong = np.flatnonzero(changes != 1)
    if len(wrong):
        found = f"{changes[wrong[0]]} changes in row {wrong[0]}"
        refuse("flows", "must change sign exactly once", found)
    steps = np.arange(values.shape[1])
    values = values * -signs[:, -1:]

    def is_below(log_growth: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        weight = -steps * log_growth[:, None]
        weight -= weight.max(axis=1, keepdims=True)
        return (values * np.exp(weight)).sum(axis=1) < 0

    low = np.full(len(values), -1.0)
    high = np.full(len(values), 1.0)
    while (todo := is_below(high)).any():
        high = np.where(todo, high * 2, high)
    while (todo := ~is_below(low)).any():
        low = np.where(todo, low * 2, low)
    for _ in range(70):
        middle = (low + high) / 2
        below = is_below(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.expm1((low + high) / 2)
