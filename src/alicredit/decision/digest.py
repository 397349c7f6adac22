"""The digest of an applicant's inputs: one for all ways to hold the same values."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_kind, require_mapping
from alicredit.policy.facts import day_of

VERSION = "alicredit-inputs/1"
MOMENTS = ("as_of", "registered_at", "shop_opened_at")
"""Facts that are times however they are written: a text of one is the time that it says."""

_NAMED = (*MOMENTS, "merchant_id")
_MISSING = "-"
_ABSENT = ("NAType", "NaTType")


def digest_inputs(inputs: Mapping[str, Any]) -> str:
    """Give the digest of one applicant's inputs, the same however the same values are held.

    The digest is SHA-256 over a version and each name with its value, in order of names. Values
    that nothing tells apart are one: 1, 1.0 and their numpy kinds; None, NaN, NaT and NA; a time
    and, of ``as_of, registered_at, shop_opened_at``, the text that says it; a merchant's id as a
    whole number or as text. Values that a model or rule reads otherwise stay apart: 1, "1", True
    and Decimal("1") are four. A name that lacks is another thing than one whose value is missing.

    Parameters
    ----------
    inputs : mapping of str to value
        What :func:`~alicredit.portfolio.score_applicant` takes as features.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        If it is no mapping, or two names are the same as text.

    Examples
    --------
    >>> digest_inputs({"a": 1.0, "b": None}) == digest_inputs({"b": np.nan, "a": np.int64(1)})
    True
    >>> len({digest_inputs({"a": value}) for value in (1, "1", True, None)})
    4
    >>> digest_inputs([("a", 1.0)])
    Traceback (most recent call last):
    alicredit.errors.InputError: inputs must be a mapping from name to value; found list.
    """
    require_mapping("inputs", inputs, "must be a mapping from name to value")
    named = {str(name): value for name, value in inputs.items()}
    if len(named) < len(inputs):
        refuse("inputs", "must have different names", "one that stands twice as text")
    return _digest([_start(name) + _written(name, named[name]) for name in sorted(named)])


def digest_rows(features: pd.DataFrame) -> pd.Series:
    """Give the digest of each row of inputs: that of :func:`digest_inputs` for its values.

    Parameters
    ----------
    features : pandas.DataFrame
        What :func:`~alicredit.portfolio.score_portfolio` takes as features.

    Returns
    -------
    pandas.Series
        ``inputs_digest``, by the frame's own index.

    Raises
    ------
    InputError
        If it is no frame, or two columns have one name.

    Examples
    --------
    >>> frame = pd.DataFrame({"merchant_id": [7], "sales": [1.5]})
    >>> digest_rows(frame).tolist() == [digest_inputs({"merchant_id": "7", "sales": 1.5})]
    True
    >>> digest_rows({"sales": [1.5]})
    Traceback (most recent call last):
    alicredit.errors.InputError: features must be a frame; found dict.
    """
    require_kind("features", features, pd.DataFrame, "must be a frame")
    names = [str(name) for name in features.columns]
    if len(set(names)) < len(names):
        refuse("features", "must have columns of different names", "a repeated name")
    order = sorted(range(len(names)), key=names.__getitem__)
    columns = [_column(names[at], features.iloc[:, at]) for at in order]
    rows = [_digest(row) for row in zip(*columns)] if columns else [_digest([])] * len(features)
    return pd.Series(rows, index=features.index, name="inputs_digest", dtype=object)


def _digest(parts: Any) -> str:
    """Digest names and values in the order of names."""
    return hashlib.sha256("\n".join((VERSION, *parts)).encode("utf-8", "surrogatepass")).hexdigest()


def _column(name: str, column: pd.Series) -> list[str]:
    """Write a column's values with its name."""
    start = _start(name)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f" and name not in _NAMED:
        doubles = column.to_numpy(np.float64).tolist()
        number, missing = f"{start}n", start + _MISSING
        return [number + (x + 0.0).hex() if x == x else missing for x in doubles]
    return [start + _written(name, value) for value in column.to_numpy(dtype=object).tolist()]


@lru_cache(maxsize=65_536)
def _start(name: str) -> str:
    """Write a name."""
    return json.dumps(name) + ":"


def _written(name: str, value: Any) -> str:
    """Write one value so that what is the same is written the same."""
    if type(value) is float and name not in _NAMED:
        return f"n{(value + 0.0).hex()}" if value == value else _MISSING
    if value is None or type(value).__name__ in _ABSENT:
        return _MISSING
    if name in MOMENTS or isinstance(value, dt.date | np.datetime64):
        return _moment(name, value)
    if isinstance(value, str):
        return "s" + json.dumps(str(value))
    if isinstance(value, bool | np.bool_):
        return "b1" if value else "b0"
    if type(value).__name__ == "timedelta64":  # a whole number to numpy, and to nobody else
        return _other(name, value)
    if isinstance(value, Real | Decimal):
        return _whole_id(value) if name == "merchant_id" else _number(value)
    return _other(name, value)


def _number(value: Any) -> str:
    """Write a number by its value, whatever its width."""
    if isinstance(value, Decimal):
        return f"d{value.normalize()}" if value.is_finite() else f"d{value}"
    whole = int(value) if isinstance(value, Integral) else None
    try:
        double = float(value)
    except OverflowError:
        return f"i{whole:x}"
    if whole is not None and double != whole:  # between two doubles
        return f"i{whole:x}"
    return _MISSING if math.isnan(double) else f"n{(double + 0.0).hex()}"


def _whole_id(value: Any) -> str:
    """Write an id that is a whole number as the text under which it is answered."""
    if isinstance(value, Integral):
        return "s" + json.dumps(str(int(value)))
    if isinstance(value, float | np.floating):
        double = float(value)
        if double.is_integer() and abs(double) < 2**53:
            return "s" + json.dumps(str(int(double)))
    return _number(value)


def _moment(name: str, value: Any) -> str:
    """Write a time as the local moment that rules read; what says none, as what it is."""
    moment = day_of(value)
    if moment is not pd.NaT:
        return f"t{moment.isoformat()}"
    if isinstance(value, np.datetime64 | dt.date):
        return _MISSING
    return _written("", value) if isinstance(value, str | Real | Decimal) else _other(name, value)


def _other(name: str, value: Any) -> str:
    """Write what no model or rule reads: lists by their parts, bytes, and else the kind alone."""
    if isinstance(value, np.ndarray):
        return _other(name, value.tolist()) if value.ndim else _written(name, value.item())
    if isinstance(value, list | tuple):
        return "l[" + ",".join(_written("", each) for each in value) + "]"
    if isinstance(value, Mapping):
        parts = sorted(f"{json.dumps(str(k))}:{_written('', v)}" for k, v in value.items())
        return "m{" + ",".join(parts) + "}"
    kind = type(value).__name__
    plain = isinstance(value, bytes | complex | dt.timedelta | np.generic)
    return f"o{kind}:{value!s}" if plain else f"o{kind}"
