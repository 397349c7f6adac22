"""Guards of what is drawn: the columns, each of its kind, and every mark once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

from alicredit.checks import refuse, require_columns, require_kind

NAME, NUMBER, COUNT, FLAG = "name", "number", "count", "flag"
"""What a column that is drawn holds: any values, numbers, known numbers, or true and false."""


def take_frame(argument: str, frame: Any, needed: Mapping[str, str]) -> pd.DataFrame:
    """Take the columns that are drawn, each once and of its kind, of a frame with at least one row.

    Numbers and counts come back as float64, flags as bool.

    Parameters
    ----------
    argument : str
        What the frame is called.
    frame : pandas.DataFrame
        What is drawn.
    needed : mapping of str to str
        Column -> ``NAME``, ``NUMBER`` (missing where not known), ``COUNT`` or ``FLAG`` (known in
        each row).

    Returns
    -------
    pandas.DataFrame
        The needed columns alone.

    Raises
    ------
    InputError
        If it is no frame, has no row, or a column lacks, stands twice or is of another kind.

    Examples
    --------
    >>> take_frame("drift", pd.DataFrame({"psi": [1, 2]}), {"psi": NUMBER})["psi"].tolist()
    [1.0, 2.0]
    >>> take_frame("drift", pd.DataFrame({"psi": ["0.1"]}), {"psi": NUMBER})
    Traceback (most recent call last):
    alicredit.errors.InputError: drift['psi'] must hold numbers; found ...
    """
    made = require_kind(argument, frame, pd.DataFrame, "must be a frame")
    require_columns(argument, map(str, made.columns), needed)
    if made.empty:
        refuse(argument, "must have at least one row", "none")
    kept = made.loc[:, list(needed)]
    again = kept.columns[kept.columns.duplicated()]
    if len(again):
        refuse(argument, "must have each column once", f"{again[0]!r} again", "drop one")
    return pd.DataFrame(
        {name: _of_kind(f"{argument}[{name!r}]", kept[name], kind)
         for name, kind in needed.items()}
    )  # fmt: skip


def _of_kind(name: str, column: pd.Series, kind: str) -> pd.Series:
    """Take a column of a kind."""
    if kind == NAME:
        return column
    is_flag = is_bool_dtype(column)
    if kind == FLAG:
        if not is_flag:
            refuse(name, "must be true or false in each row", str(column.dtype))
        if column.isna().any():
            refuse(name, "must be true or false in each row", "a missing one")
        return column.astype(bool)
    if is_flag or not is_numeric_dtype(column) or is_complex_dtype(column):
        refuse(name, "must hold numbers", str(column.dtype))
    values = pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index)
    if kind == COUNT and not np.isfinite(values).all():
        refuse(name, "must be known in each row", "a row without it")
    return values


def require_once(
    argument: str, rows: pd.DataFrame, names: Sequence[str], do: str = "drop what stands twice"
) -> None:
    """Refuse a frame where what is drawn as one mark stands in several rows.

    Examples
    --------
    >>> require_once("drift", pd.DataFrame({"feature": ["sales", "visits"]}), ["feature"])
    >>> require_once("drift", pd.DataFrame({"feature": ["sales", "sales"]}), ["feature"])
    Traceback (most recent call last):
    alicredit.errors.InputError: drift must have each feature once; found sales again. Try: ...
    """
    again = rows.duplicated(list(names))
    if again.any():
        first = rows.loc[again, list(names)].iloc[0]
        found = ", ".join(name_of(each) for each in first) + " again"
        refuse(argument, f"must have each {' and '.join(names)} once", found, do)


def name_of(period: Any) -> str:
    """Name a period shortly: a day as the month it begins.

    Examples
    --------
    >>> name_of(pd.Timestamp("2013-04-01")), name_of("2013Q2")
    ('2013-04', '2013Q2')
    """
    return f"{period:%Y-%m}" if isinstance(period, pd.Timestamp) else str(period)
