"""Whole numbers by the array: exact products, rounded half-up once.

Arrays are of 64 bits where every product fits, and of Python's own integers where it might not, so
that an answer is never rounded twice and never wraps around.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse
from alicredit.loans.rates import exact_rate, exact_share

Whole = npt.NDArray[np.int64]
Integers = npt.NDArray[Any]
_ROOM = 2**62
_LARGEST = 10**15


def whole(argument: str, values: npt.ArrayLike, *, low: int = 0) -> Whole:
    """Read whole numbers of at least ``low``; refuse others, naming the first row.

    Examples
    --------
    >>> whole("days", [1, 2])
    array([1, 2])
    >>> whole("days", [1, -2])
    Traceback (most recent call last):
    alicredit.errors.InputError: days must be whole numbers of at least 0; found -2 in row 1.
    """
    found = np.asarray(values)
    rule = f"must be whole numbers of at least {low}"
    if found.dtype.kind not in "iu" and found.size:
        refuse(argument, rule, f"values of type {found.dtype}")
    wrong = np.flatnonzero(np.atleast_1d((found < low) | (found > _LARGEST)))
    if len(wrong):
        value = np.atleast_1d(found)[wrong[0]]
        refuse(argument, rule, f"{value} in row {wrong[0]}")
    return found.astype(np.int64)


def flags(argument: str, values: object) -> npt.NDArray[np.bool_]:
    """Read true and false; refuse anything else, which would count as true.

    Examples
    --------
    >>> flags("is_first_loan", [True, False])
    array([ True, False])
    >>> flags("is_first_loan", [True, float("nan")])
    Traceback (most recent call last):
    alicredit.errors.InputError: is_first_loan must be True or False; found nan in row 1.
    """
    found = np.asarray(values)
    if found.dtype.kind == "b" or not found.size:
        return found.astype(bool)
    listed = list(np.atleast_1d(np.asarray(values, dtype=object)))
    for row, each in enumerate(listed):
        if not isinstance(each, bool | np.bool_):
            refuse(argument, "must be True or False", f"{each} in row {row}")
    return np.asarray(listed, dtype=bool)


def shares(argument: str, values: object, *, is_rate: bool = False) -> tuple[Integers, int]:
    """Read rates or multiples exactly: their numerators over one common denominator.

    A rate is at most 1.

    Examples
    --------
    >>> numerators, denominator = shares("rate_per_day", [0.0005, 0.0006])
    >>> numerators.tolist(), denominator
    ([5, 6], 10000)
    >>> shares("rate_per_day", [-0.0005])
    Traceback (most recent call last):
    alicredit.errors.InputError: rate_per_day must not be negative; found -0.0005.
    """
    if isinstance(values, Fraction):
        return np.asarray(values.numerator), values.denominator
    read = exact_rate if is_rate else exact_share
    found = np.asarray(values)
    if found.ndim == 0:
        return shares(argument, read(argument, values))  # type: ignore[arg-type]
    distinct, place = np.unique(found, return_inverse=True)
    exact = [read(argument, _plain(each)) for each in distinct]
    common = math.lcm(1, *(each.denominator for each in exact))
    numerators = [each.numerator * (common // each.denominator) for each in exact]
    return _narrow(numerators)[place], common


def _plain(value: object) -> Any:
    """Take a number out of its NumPy type."""
    return value.item() if isinstance(value, np.generic) else value


def _narrow(values: Sequence[int]) -> Integers:
    """Lay whole numbers out in 64 bits where they fit."""
    fits = max((abs(each) for each in values), default=0) < _ROOM
    return np.array(values, dtype=np.int64 if fits else object)


def largest(values: npt.ArrayLike) -> int:
    """Give the largest magnitude of an array, 0 of none.

    Examples
    --------
    >>> largest([3, -5]), largest([])
    (5, 0)
    """
    found = np.asarray(values)
    return max(int(abs(found.max())), int(abs(found.min()))) if found.size else 0


def one_length(argument: str, *shapes: tuple[int, ...]) -> None:
    """Refuse arrays that do not go with each other.

    Examples
    --------
    >>> one_length("arrays", (2,), (2,), ())
    >>> one_length("arrays", (2,), (3,))
    Traceback (most recent call last):
    alicredit.errors.InputError: arrays must be of one length; found (2,) and (3,).
    """
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        refuse(argument, "must be of one length", " and ".join(map(str, shapes)))


def rounded(denominator: int, *factors: npt.ArrayLike) -> Whole:
    """Multiply whole numbers and divide by a denominator, rounded half-up once.

    Factors must not be negative, and broadcast.

    Examples
    --------
    >>> rounded(10_000, [500_000, 1], 5, [6, 1])
    array([1500,    0])
    >>> rounded(1, [10**15], 2)
    Traceback (most recent call last):
    alicredit.errors.InputError: amount must be at most 10 trillion yuan; found ...
    """
    bound = 2 * math.prod(max(largest(each), 1) for each in factors) + denominator
    kind = np.int64 if bound < _ROOM else object
    one_length("arrays", *(np.shape(each) for each in factors))
    product: Any = np.ones((), dtype=kind)
    for each in factors:
        product = product * np.asarray(each).astype(kind)
    result = np.asarray((2 * product + denominator) // (2 * denominator))
    if largest(result) > _LARGEST:
        rule = "must be at most 10 trillion yuan"
        refuse("amount", rule, f"{largest(result) / 100:g} yuan")
    return result.astype(np.int64)
