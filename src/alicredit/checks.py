"""Guards and the one maker of refusal messages.

Every refusal has four parts: which argument, what must hold, what was found, what to try.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

from alicredit.errors import AlicreditError, InputError

Kind = TypeVar("Kind")

_NEAR, _NEAR_BUT_FOR_FIRST = 0.7, 0.8
"""Least likeness (difflib's ratio) of a word that is suggested for another, and where their first
letters differ (assumed)."""


def refusal(argument: str, rule: str, found: object, do: str = "") -> str:
    """Compose the text of a refusal from its four parts.

    Parameters
    ----------
    argument : str
        The argument, table, column or key that is refused.
    rule : str
        What must hold, as a clause: ``"must be between 0 and 1"``.
    found : object
        What was found instead; shown by ``str``.
    do : str, default ""
        What to try.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> refusal("horizon_days", "must be at least 1", 0, "use 365 for an annual PD")
    'horizon_days must be at least 1; found 0. Try: use 365 for an annual PD.'
    """
    text = f"{argument} {rule}; found {found}."
    return f"{text} Try: {do.rstrip('.')}." if do else text


def nearest(word: object, words: Iterable[str]) -> str:
    """Suggest the known word nearest to an unknown one, or list what is known; empty for none.

    Examples
    --------
    >>> nearest("guangdnog", ["jiangsu", "guangdong"])
    "did you mean 'guangdong'"
    >>> nearest("x", ["b", "a"])
    "use one of 'a', 'b'"
    """
    known = sorted(set(words))
    if not known:
        return ""
    if close := near(word, known):
        return f"did you mean {close!r}"
    shown = ", ".join(repr(each) for each in known[:20])
    return f"use one of {shown}" + (", ..." if len(known) > 20 else "")


def near(word: object, words: Iterable[str]) -> str:
    """Give the known word that an unknown one is a slip of, or its end or beginning; empty: none.

    Seven letters in ten must agree, eight where the first differs (assumed): a farther word
    misleads more than none.

    Examples
    --------
    >>> near("loan_no", ["loan_id", "limit"]), near("rate", ["date"])
    ('loan_id', '')
    """
    asked = str(word)
    close = difflib.get_close_matches(asked, sorted(set(words)), n=3, cutoff=_NEAR)
    for each in close:
        likeness = difflib.SequenceMatcher(None, each, asked).ratio()
        if each[:1] == asked[:1] or likeness >= _NEAR_BUT_FOR_FIRST:
            return each
    return ""


def require_one_of(
    argument: str,
    value: str,
    allowed: Collection[str],
    *,
    error: type[AlicreditError] = InputError,
) -> str:
    """Return ``value`` if it is an allowed word, refuse it with the nearest one otherwise.

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

    NumPy's come back as Python's, which never wrap around.

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


def lacking_columns(argument: str, have: Collection[str], lacking: Collection[str]) -> str:
    """Compose the refusal of a frame without columns: those it has, and which may be meant.

    Examples
    --------
    >>> print(lacking_columns("frame", ["merchant_no", "at"], ["merchant_id", "amount"]))
    frame must have the columns 'merchant_id', 'amount'; found 'merchant_no', 'at' without them. \
Try: did you mean 'merchant_no' for 'merchant_id'.
    """
    names = _listed(lacking)
    rule = f"must have the column{'s' if len(lacking) > 1 else ''} {names}"
    spare = [name for name in have if name not in lacking]
    pairs = [(close, name) for name in lacking if (close := near(name, spare))]
    meant = ", ".join(f"{close!r} for {name!r}" for close, name in pairs)
    do = f"did you mean {meant}" if meant else "rename the column that holds it, or add it"
    if not have:
        do = "give a frame that has columns"
    found = f"{_listed(have) or 'no columns'} without {'them' if len(lacking) > 1 else 'it'}"
    return refusal(argument, rule, found, do)


def _listed(names: Collection[str]) -> str:
    """Write names, twenty at most."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(repr(name) for name in list(names)[:20]) + more


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

    Examples
    --------
    >>> require_kind("policy", "ali-2013", str, "must be a name")
    'ali-2013'
    >>> require_kind("policy", 3, str, "must be a name")
    Traceback (most recent call last):
    alicredit.errors.InputError: policy must be a name; found int.

    One of the same name says of which library it is: "found polars.DataFrame. Try: give one of
    pandas."
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


@contextmanager
def writing(
    argument: str, path: object, *, error: type[AlicreditError] = InputError
) -> Iterator[None]:
    """Refuse by name a place that turns out not to be writable.

    Examples
    --------
    >>> with writing("out", "nowhere/at/all.txt"):
    ...     _ = Path("nowhere/at/all.txt").write_text("x")
    Traceback (most recent call last):
    alicredit.errors.InputError: out must be a place that can be written; found nowhere/at/...
    """
    try:
        yield
    except OSError as failed:
        rule, why = "must be a place that can be written", failed.strerror or str(failed)
        raise error(refusal(argument, rule, f"{path} ({why})")) from failed


@contextmanager
def whole_file(
    argument: str, path: object, *, mark: str = "", error: type[AlicreditError] = InputError
) -> Iterator[BinaryIO]:
    """Open a file that takes its place whole when the body is done, or not at all.

    Where several may write one file at once, each has a ``mark`` of its own: they would write into
    each other's unfinished file otherwise.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file("out", f"{folder}/all.bin") as file:
    ...         _ = file.write(b"12")
    ...     Path(f"{folder}/all.bin").read_bytes()
    b'12'
    >>> with whole_file("out", None) as file:
    ...     pass
    Traceback (most recent call last):
    alicredit.errors.InputError: out must be a path; ...
    """
    given = require_path(argument, path, error=error)
    with writing(argument, given, error=error):
        place = given.resolve()
        if not place.parent.is_dir():
            raise error(refusal(argument, "must be in a folder that exists", given))
        if place.exists() and not place.is_file():
            raise error(refusal(argument, "must be the path of a file", f"{given}, which is none"))
        partial = place.with_name(f".{place.name}{mark}.partial")
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)


def write_whole(
    argument: str,
    path: object,
    data: bytes,
    *,
    mark: str = "",
    error: type[AlicreditError] = InputError,
) -> None:
    """Write a file whole or not at all: whoever is killed meanwhile leaves the file that was there.

    The bytes go under another name in the same folder, reach the disk, and take the place then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole("path", f"{folder}/prices.json", b"{}")
    ...     [each.name for each in Path(folder).iterdir()]
    ['prices.json']
    >>> write_whole("path", "nowhere/at/all.json", b"{}")
    Traceback (most recent call last):
    alicredit.errors.InputError: path must be in a folder that exists; found nowhere/at/all.json.
    """
    with whole_file(argument, path, mark=mark, error=error) as file:
        file.write(data)


def refuse(
    argument: str,
    rule: str,
    found: object,
    do: str = "",
    *,
    error: type[AlicreditError] = InputError,
) -> NoReturn:
    """Raise ``error`` with the composed message.

    Examples
    --------
    >>> refuse("prices", "must be frozen prices", "a float", "leave it out")
    Traceback (most recent call last):
    alicredit.errors.InputError: prices must be frozen prices; found a float. Try: leave it out.
    """
    raise error(refusal(argument, rule, found, do))


def require_one_order(**given: Any) -> None:
    """Refuse series and frames of pandas whose labels say that rows stand in different orders.

    Rows go together by position. Where labels of two have the same rows in another order, or share
    some rows and not others, they would go together wrongly. Labels 0, 1, 2 and so on are those
    that a new frame gets: of these only the same in another order are told.

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
    """Tell whether a value is a finite real number (a boolean is not)."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return False
    return math.isfinite(value)
