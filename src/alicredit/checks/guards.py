"""Guards of arguments: each returns or passes what holds, and refuses all else by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from alicredit.checks.messages import lacking_columns, nearest, refusal, refuse
from alicredit.errors import AlicreditError, InputError

Kind = TypeVar("Kind")


def require_one_of(
    argument: str,
    value: str,
    allowed: Collection[str],
    *,
    error: type[AlicreditError] = InputError,
) -> str:
    """Return ``value`` if it is an allowed word, refuse it with the nearest one otherwise.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    value : str
        What was given.
    allowed : collection of str
        The known words.
    error : type of AlicreditError, default InputError
        What is raised.

    Returns
    -------
    str
        ``value``.

    Raises
    ------
    AlicreditError
        Of the type ``error``, with the nearest word, if ``value`` is no text or none of them.

    Examples
    --------
    >>> require_one_of("shape", "points", ("points", "trees"))
    'points'
    >>> require_one_of("shape", "tree", ("points", "trees"))
    Traceback (most recent call last):
    alicredit.errors.InputError: shape must be one of 2 known words; found 'tree'. ...
    """
    if not isinstance(value, str) or value not in allowed:
        rule = f"must be one of {len(allowed)} known words"
        raise error(refusal(argument, rule, repr(value), nearest(value, allowed)))
    return value


def require_between(
    argument: str,
    value: float | Decimal | Fraction,
    low: float,
    high: float,
    *,
    error: type[AlicreditError] = InputError,
) -> None:
    """Refuse a number that is not finite or lies outside ``[low, high]``.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    value : float, Decimal or Fraction
        What was given; a boolean will not do.
    low, high : float
        The least and the largest allowed number.
    error : type of AlicreditError, default InputError
        What is raised.

    Raises
    ------
    AlicreditError
        Of the type ``error``, if ``value`` is no finite number, or lies outside.

    Examples
    --------
    >>> require_between("borrow_ratio", 0.5, 0, 1)
    >>> require_between("borrow_ratio", 1.5, 0, 1)
    Traceback (most recent call last):
    alicredit.errors.InputError: borrow_ratio must be a number from 0 to 1; found 1.5.
    """
    if not is_number(value) or not (low <= value <= high):
        raise error(refusal(argument, f"must be a number from {low:g} to {high:g}", repr(value)))


def require_whole(
    argument: str,
    value: object,
    low: int,
    *,
    high: int | None = None,
    error: type[AlicreditError] = InputError,
) -> int:
    """Return a whole number of at least ``low`` and at most ``high``; refuse anything else.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    value : object
        What was given; an integer of NumPy will do, a boolean or ``2.0`` will not.
    low : int
        The least allowed number.
    high : int or None, default None
        The largest; None: there is none.
    error : type of AlicreditError, default InputError
        What is raised.

    Returns
    -------
    int
        ``value`` as Python's own, which never wraps around as NumPy's do.

    Raises
    ------
    AlicreditError
        Of the type ``error``, if ``value`` is no whole number, or lies outside.

    Examples
    --------
    >>> require_whole("days", 3, 1)
    3
    >>> require_whole("days", 2.5, 1)
    Traceback (most recent call last):
    alicredit.errors.InputError: days must be a whole number of at least 1; found 2.5.
    """
    number = None if isinstance(value, bool) or not isinstance(value, Integral) else int(value)
    if number is None or number < low or (high is not None and number > high):
        limit = "" if high is None else f" and at most {high}"
        rule = f"must be a whole number of at least {low}{limit}"
        raise error(refusal(argument, rule, repr(value)))
    return number


def require_columns(
    argument: str,
    present: Iterable[str],
    needed: Iterable[str],
    *,
    error: type[AlicreditError] = InputError,
) -> None:
    """Refuse a frame that lacks needed columns, naming each and the nearest one it has.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    present : iterable of str
        Columns that the frame has.
    needed : iterable of str
        Columns that it must have.
    error : type of AlicreditError, default InputError
        What is raised.

    Raises
    ------
    AlicreditError
        Of the type ``error``, naming all that lack; see :func:`lacking_columns`.

    Examples
    --------
    >>> require_columns("frame", ["merchant", "as_of"], ["as_of"])
    >>> require_columns("frame", ["merchant", "as_of"], ["merchant_id"])
    Traceback (most recent call last):
    alicredit.errors.InputError: frame must have the column 'merchant_id'; found ...
    """
    have = list(present)
    known = set(have)
    lacking = [name for name in needed if name not in known]
    if not lacking:
        return
    raise error(lacking_columns(argument, have, lacking))


def require_kind(
    argument: str,
    value: object,
    kind: type[Kind],
    rule: str,
    *,
    do: str = "",
    error: type[AlicreditError] = InputError,
) -> Kind:
    """Return ``value`` if it is of a kind, refuse it by the name of its type otherwise.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    value : object
        What was given.
    kind : type
        What it must be an instance of.
    rule : str
        What must hold, as a clause.
    do : str, default ""
        What to try.
    error : type of AlicreditError, default InputError
        What is raised.

    Returns
    -------
    object
        ``value``, as of that type.

    Raises
    ------
    AlicreditError
        Of the type ``error``, if ``value`` is of another type; where that has the same name, the
        message says of which library each is.

    Examples
    --------
    >>> require_kind("policy", "ali-2013", str, "must be a name")
    'ali-2013'
    >>> require_kind("policy", 3, str, "must be a name")
    Traceback (most recent call last):
    alicredit.errors.InputError: policy must be a name; found int.
    """
    if not isinstance(value, kind):
        found = type(value).__name__
        if found == kind.__name__:  # of another library
            found = f"{type(value).__module__.partition('.')[0]}.{found}"
            do = do or f"give one of {kind.__module__.partition('.')[0]}"
        raise error(refusal(argument, rule, found, do))
    return value


def require_mapping(
    argument: str,
    value: object,
    rule: str,
    *,
    error: type[AlicreditError] = InputError,
) -> Mapping[Any, Any]:
    """Return ``value`` if it is a mapping, refuse it by the name of its type otherwise.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    value : object
        What was given.
    rule : str
        What must hold, as a clause.
    error : type of AlicreditError, default InputError
        What is raised.

    Returns
    -------
    mapping
        ``value``.

    Raises
    ------
    AlicreditError
        Of the type ``error``, if ``value`` is none.

    Examples
    --------
    >>> require_mapping("lgd", {"taobao_order": 0.45}, "must be a mapping")
    {'taobao_order': 0.45}
    >>> require_mapping("lgd", 0.45, "must be a mapping from product to share")
    Traceback (most recent call last):
    alicredit.errors.InputError: lgd must be a mapping from product to share; found float.
    """
    if not isinstance(value, Mapping):
        raise error(refusal(argument, rule, type(value).__name__))
    return value


def given_or(argument: str, value: Kind | None, kind: type[Kind]) -> Kind:
    """Return ``value`` if it is of a kind, the kind's defaults for None; refuse anything else.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    value : object or None
        What was given.
    kind : type
        What it must be an instance of; made without arguments for None.

    Returns
    -------
    object
        ``value``, or the defaults.

    Raises
    ------
    InputError
        If ``value`` is of another type.

    Examples
    --------
    >>> given_or("text", None, str)
    ''
    >>> given_or("text", 0, str)
    Traceback (most recent call last):
    alicredit.errors.InputError: text must be str, or None for its defaults; found int.
    """
    if value is None:
        return kind()
    return require_kind(argument, value, kind, f"must be {kind.__name__}, or None for its defaults")


def require_path(argument: str, value: object, *, error: type[AlicreditError] = InputError) -> Path:
    """Return a path given as text or path; refuse anything else, and an empty one.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    value : object
        What was given.
    error : type of AlicreditError, default InputError
        What is raised.

    Returns
    -------
    Path
        The path; nothing need stand there.

    Raises
    ------
    AlicreditError
        Of the type ``error``, if ``value`` is no path, empty, or holds a zero byte.

    Examples
    --------
    >>> require_path("path", "model.alicredit").name
    'model.alicredit'
    >>> require_path("path", 3)
    Traceback (most recent call last):
    alicredit.errors.InputError: path must be a path given as text or Path; found 3.
    """
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise error(refusal(argument, "must be a path given as text or Path", repr(value)))
    return Path(value)


def require_numbers(argument: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return an array of numbers; dates, lengths of time, complex numbers and words are none.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    values : array-like
        What was given; missing values are NaN.

    Returns
    -------
    float64 array
        Of the shape that was given.

    Raises
    ------
    InputError
        If a value is no number.

    Examples
    --------
    >>> require_numbers("pd", [0.25, None])
    array([0.25,  nan])
    >>> require_numbers("pd", ["low"])
    Traceback (most recent call last):
    alicredit.errors.InputError: pd must hold numbers; found (could not convert string to float: ...
    """
    rule = "must hold numbers"
    try:
        given = np.asarray(values)
        found = None if given.dtype.kind in "mMc" else np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(refusal(argument, rule, f"({error})")) from error
    if found is None:
        refuse(argument, rule, f"values of type {given.dtype}")
    return found


def require_one_order(**given: Any) -> None:
    """Refuse series and frames of pandas whose labels say that rows stand in different orders.

    Rows go together by position. Where labels of two have the same rows in another order, or share
    some rows and not others, they would go together wrongly. Labels 0, 1, 2 and so on are those
    that a new frame gets: of these only the same in another order are told.

    Parameters
    ----------
    **given : object
        What rows are brought, by the name that the refusal says; None and arrays have no labels.

    Raises
    ------
    InputError
        If labels say that rows of two stand in different orders.

    Examples
    --------
    >>> import pandas as pd
    >>> require_one_order(y=pd.Series([1, 0], index=[7, 9]), pd=pd.Series([0.9, 0.2]))
    >>> require_one_order(y=pd.Series([1, 0]), pd=pd.Series([0.2, 0.9], index=[1, 0]))
    Traceback (most recent call last):
    alicredit.errors.InputError: pd must have its rows in the order of y; found the same labels ...
    """
    labels: list[tuple[str, Any]] = [(k, getattr(v, "index", None)) for k, v in given.items()]
    known = [(name, index) for name, index in labels if hasattr(index, "isin")]
    for at, (name, index) in enumerate(known):
        for other, rows in known[:at]:
            if len(index) != len(rows) or index.equals(rows):
                continue
            is_same = bool(index.isin(rows).all() and rows.isin(index).all())
            is_told = not (_is_counted(index) or _is_counted(rows))
            if not is_same and not (is_told and index.isin(rows).any()):
                continue
            found = "the same labels in another order" if is_same else "some labels of others"
            do = f"as with {name}.loc[{other}.index]; where rows go together as they are, drop"
            do = f"bring both to one order, {do} the labels with {name}.to_numpy()"
            refuse(name, f"must have its rows in the order of {other}", found, do)


def _is_counted(index: Any) -> bool:
    """Tell whether rows are labelled 0, 1, 2 and so on, as of a new frame."""
    return getattr(index, "start", None) == 0 and getattr(index, "step", None) == 1


def is_number(value: object) -> bool:
    """Tell whether a value is a finite real number; a boolean is none.

    Parameters
    ----------
    value : object
        Anything; a Decimal and the numbers of NumPy are numbers, text is not.

    Returns
    -------
    bool
        False for NaN and the infinities too.

    Examples
    --------
    >>> is_number(0.5), is_number(True), is_number(float("nan"))
    (True, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return False
    return math.isfinite(value)
