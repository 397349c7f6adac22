"""Reading a moment that a caller names."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from alicredit.checks import refusal
from alicredit.errors import InputError

_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?"
)


def is_written_as_time(text: str) -> bool:
    """Tell whether a text is a date or time with the year first, whose meaning nobody can mistake.

    Examples
    --------
    >>> is_written_as_time("2013-05-01"), is_written_as_time("2013-05-01 13:30")
    (True, True)
    >>> is_written_as_time("01/05/2013"), is_written_as_time("today")
    (False, False)
    """
    return _ISO.fullmatch(text.strip()) is not None


def as_moment(argument: str, value: Any) -> pd.Timestamp:
    """Read a time given as text, date or timestamp as a naive local timestamp.

    Parameters
    ----------
    argument : str
        Its name, for the refusal.
    value : object
        A text such as ``"2013-05-01"``, year first, a date or a naive timestamp.

    Returns
    -------
    pandas.Timestamp
        Naive, in microseconds.

    Raises
    ------
    InputError
        If it is no time, or carries a zone.

    Examples
    --------
    >>> as_moment("as_of", "2013-05-01")
    Timestamp('2013-05-01 00:00:00')
    >>> as_moment("as_of", "soon")
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must be a date or time such as '2013-05-01'; found 'soon'.
    """
    rule = "must be a date or time such as '2013-05-01'"
    if value is None or isinstance(value, bool | int | float | np.number):
        raise InputError(refusal(argument, rule, repr(value)))
    if isinstance(value, str) and not is_written_as_time(value):
        raise InputError(refusal(argument, rule, repr(value), "write the year first"))
    try:
        moment = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise InputError(refusal(argument, rule, repr(value))) from error
    if pd.isna(moment):
        raise InputError(refusal(argument, rule, repr(value)))
    if moment.tzinfo is not None:
        do = "convert it to the records' local time and drop the zone"
        raise InputError(refusal(argument, "must be a naive local time", str(moment), do))
    return moment.as_unit("us")
