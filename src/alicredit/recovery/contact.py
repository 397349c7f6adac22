"""What a debtor may expect of those who collect: hours, rest, caps, and who is never asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

import pandas as pd

from alicredit.checks import (
    refuse,
    require_kind,
    require_mapping,
    require_one_of,
    require_whole,
)
from alicredit.loans.book.exact import shares
from alicredit.losses.workouts import COSTS_FEN, require_costs
from alicredit.vocabulary import STAGES

CHANCES: Mapping[str, str] = MappingProxyType(
    {"message": "0.35", "telephone": "0.25", "visit": "0.15", "blacklist": "0.05",
     "write_off": "0"}
)  # fmt: skip
"""Share of the claim that one step at a stage is expected to bring (assumed)."""

CONTACTS = ("sms", "phone", "visit")
"""The actions that reach a person; the others are done at a desk."""


@dataclass(frozen=True, slots=True)
class ContactRules:
    """What a debtor may expect of those who collect; all assumed, and to be set by local law.

    Nobody but the debtor is ever contacted: there is no rule that would allow it.

    Parameters
    ----------
    hours : pair of int, default (9, 20)
        Hours of the day between which a debtor is contacted.
    rest_weekdays : tuple of int, default (6,)
        Days of the week without contact, Monday is 0.
    rest_days : dates, default ()
        Holidays without contact; of a moment or timestamp its day is taken, so that
        ``pandas.date_range`` may be given. Kept as a tuple of dates.
    per_day, per_week, visits_per_week : int, default 1, 3, 1
        Most contacts of one debtor on a day, and on it and the six days before; over all its loans.
        Every step counts but ``legal``, also one whose action is missing or no known word.
    promises_trusted : int, default 2
        While a promise is running a debtor is left in peace, unless so many of it were broken.
    promise_days : int, default 30
        And for no more days than so many from the day it was given, however late its own day is.
    chances : mapping of str to share, default ``CHANCES``
        By stage, the share of the claim that a step is expected to bring.
    costs_fen : mapping of str to int, default ``COSTS_FEN``
        By action of the table ``collections``.

    Examples
    --------
    >>> ContactRules().per_week
    3
    >>> ContactRules(hours=(21, 20))
    Traceback (most recent call last):
    alicredit.errors.InputError: hours must be a pair, the second later; found (21, 20).
    """

    hours: tuple[int, int] = (9, 20)
    rest_weekdays: tuple[int, ...] = (6,)
    rest_days: tuple[date, ...] = ()
    per_day: int = 1
    per_week: int = 3
    visits_per_week: int = 1
    promises_trusted: int = 2
    promise_days: int = 30
    chances: Mapping[str, str] = field(default_factory=lambda: CHANCES)
    costs_fen: Mapping[str, int] = field(default_factory=lambda: COSTS_FEN)

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        pair = self.hours
        if not isinstance(pair, tuple) or len(pair) != 2:
            refuse("hours", "must be a pair, the second later", repr(pair))
        for hour in pair:
            require_whole("hours", hour, 0, high=24)
        if pair[1] <= pair[0]:
            refuse("hours", "must be a pair, the second later", repr(pair))
        for weekday in self.rest_weekdays:
            require_whole("rest_weekdays", weekday, 0, high=6)
        object.__setattr__(self, "rest_days", tuple(map(_day_of, self.rest_days)))
        for name in ("per_day", "per_week", "visits_per_week", "promises_trusted",
                     "promise_days"):  # fmt: skip
            require_whole(name, getattr(self, name), 0)
        require_stages("chances", self.chances)
        shares("chances", list(self.chances.values()), is_rate=True)
        require_costs(self.costs_fen)

    def is_rest(self, day: pd.Timestamp) -> bool:
        """Tell whether nobody is contacted on a day."""
        return day.weekday() in self.rest_weekdays or day.date() in self.rest_days


def _day_of(each: object) -> date:
    """Take the day of a date, a moment or a timestamp."""
    if isinstance(each, datetime):
        if pd.isna(each):
            refuse("rest_days", "must be dates", "one that is missing")
        return each.date()
    return require_kind("rest_days", each, date, "must be dates")


def require_stages(argument: str, given: Mapping[str, object]) -> None:
    """Refuse a mapping that does not name each stage.

    Examples
    --------
    >>> require_stages("capacity", {"visit": 2})
    Traceback (most recent call last):
    alicredit.errors.InputError: capacity must name each stage; found none for 'message'.
    """
    rule = "must be a mapping from stage"
    require_mapping(argument, given, rule)
    for stage in given:
        require_one_of(argument, stage, STAGES)
    for stage in STAGES:
        if stage not in given:
            refuse(argument, "must name each stage", f"none for {stage!r}")
