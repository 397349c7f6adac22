"""Facts of applicants read from a frame: what is none, or impossible, is missing."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.policy.one_applicant import OneApplicant, OneColumn, doubles_of
from alicredit.records.moments import is_written_as_time
from alicredit.records.records import TIMEZONE


def completed_months(start: pd.Series | OneColumn, end: pd.Timestamp) -> npt.NDArray[np.float64]:
    """Count whole calendar months from dates to a day; NaN where a date is missing or later.

    A month is complete on the same day of the month, or on the month's last day where it has no
    such day. What is no date written with the year first is missing.

    Parameters
    ----------
    start : pandas.Series or OneColumn
        Dates; times with a zone are read in the records' timezone.
    end : pandas.Timestamp
        The day.

    Returns
    -------
    float64 array
        Whole numbers of at least 0, or NaN.

    Examples
    --------
    >>> begun = pd.Series(["2013-01-31", "2013-02-01", "soon"])
    >>> completed_months(begun, pd.Timestamp("2013-02-28")).tolist()
    [1.0, 0.0, nan]
    """
    if isinstance(start, OneColumn):
        return np.array([_months_of_one(day_of(start.value), end)])
    begun = _dates(start)
    months = (end.year - begun.dt.year) * 12 + (end.month - begun.dt.month)
    day = np.minimum(begun.dt.day, end.days_in_month)
    count = (months - (end.day < day)).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(count >= 0, count, np.nan)


def _months_of_one(begun: pd.Timestamp, end: pd.Timestamp) -> float:
    """Count the same of one date."""
    if begun is pd.NaT:
        return np.nan
    months = (end.year - begun.year) * 12 + (end.month - begun.month)
    count = months - (end.day < min(begun.day, end.days_in_month))
    return float(count) if count >= 0 else np.nan


def column_of(applicants: pd.DataFrame | OneApplicant, name: str) -> Any:
    """Take a column, or a missing value for everybody where it lacks."""
    if isinstance(applicants, OneApplicant):
        return applicants[name]
    if name in applicants:
        return applicants[name].reset_index(drop=True)
    return pd.Series([None] * len(applicants), dtype=object)


def _dates(column: pd.Series) -> pd.Series:
    """Take a column as local dates; a number, a flag or another text is none, and so missing."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert(TIMEZONE).dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(column):
        return column
    return pd.Series([day_of(each) for each in column.astype(object)], dtype="datetime64[us]")


def day_of(value: object) -> pd.Timestamp:
    """Take one value as a local date; NaT where it is none."""
    is_date = isinstance(value, date | np.datetime64)
    if not (is_written_as_time(value) if isinstance(value, str) else is_date):
        return pd.NaT
    try:
        moment = pd.Timestamp(value)
    except ValueError:
        return pd.NaT
    local = moment if moment.tzinfo is None else moment.tz_convert(TIMEZONE).tz_localize(None)
    return local.as_unit("us")


def numbers_of(
    applicants: pd.DataFrame | OneApplicant, name: str, *, most: float = np.inf
) -> npt.NDArray[np.float64]:
    """Take a column as numbers; what is none, or impossible, is missing, and so unknown."""
    numbers = doubles_of(column_of(applicants, name))
    return np.where(np.isinf(numbers) | (numbers < 0) | (numbers > most), np.nan, numbers)


def _code_of(value: Any) -> Any:
    """Give a text or a missing value as it is, anything else as a text that is no code."""
    is_missing = pd.api.types.is_scalar(value) and pd.isna(value)
    return value if is_missing or isinstance(value, str) else ""


def codes_of(
    column: pd.Series | OneColumn,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """Number a column's codes, -1 where it is missing, and list them as texts."""
    if isinstance(column, OneColumn):
        if column.value is None:
            return np.full(1, -1, dtype=np.int64), np.empty(0, dtype=object)
        if isinstance(column.value, str):
            return np.zeros(1, dtype=np.int64), np.array([str(column.value)], dtype=object)
        column = pd.Series([column.value], dtype=object)
    array = column.array
    plain = array.to_numpy() if isinstance(array, pd.arrays.NumpyExtensionArray) else array
    try:
        at, known = pd.factorize(plain)
    except TypeError:  # a list or a mapping among them: no code, as nothing is that is no text
        at, known = pd.factorize(np.array([_code_of(each) for each in plain], dtype=object))
    texts = np.array([each if isinstance(each, str) else "" for each in known], dtype=object)
    return at, texts
