"""Feeds that fell silent: what they would have told is missing from every merchant's features."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from alicredit.checks import refusal
from alicredit.derived import base_tables
from alicredit.errors import RecordError
from alicredit.records import Records
from alicredit.stability import count_arrivals, find_quiet, judge_arrivals


def refuse_silent(records: Records, tables: Iterable[str], as_of: pd.Timestamp) -> None:
    """Stop a run whose model reads a table that has fallen silent.

    Every merchant would look like one without business there. How long a table may be silent
    follows from its own gaps: see :func:`alicredit.monitoring.stale_feeds`. The table of merchants
    may be silent: that nobody new came says nothing of those who are there.

    Parameters
    ----------
    records : Records
        The platform's records.
    tables : iterable of str
        What the model's features read, derived tables too.
    as_of : pandas.Timestamp
        The moment of the run.

    Raises
    ------
    RecordError
        Naming the table, how long it has been silent and how long it may be.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> days = pd.date_range("2013-01-01", "2013-03-31")
    >>> records = read_records({
    ...     "merchants": pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                                "registered_at": pd.to_datetime(["2011-05-01"])}),
    ...     "traffic_daily": pd.DataFrame({"merchant_id": "m", "day": days, "uv": 3})})
    >>> refuse_silent(records, ["traffic_daily"], pd.Timestamp("2013-04-01"))
    >>> refuse_silent(records, ["traffic_daily"], pd.Timestamp("2013-04-04"))
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'traffic_daily' must not have fallen silent: ...
    """
    read = _may_not_be_silent(tables)
    there = [name for name in records.tables if name in read and records.holds_facts(name)]
    quiet = find_quiet(records, as_of, there)
    if quiet:
        refuse_stale(judge_arrivals(count_arrivals(records, as_of, quiet), as_of), tables, as_of)


def refuse_stale(feeds: pd.DataFrame, tables: Iterable[str], as_of: pd.Timestamp) -> None:
    """Stop a run by what :func:`alicredit.monitoring.stale_feeds` says of its tables."""
    read = _may_not_be_silent(tables)
    silent = feeds[(feeds["status"] == "stale") & feeds["table"].isin(read)]
    if len(silent):
        feed = silent.iloc[0]
        rule = "must not have fallen silent: the model reads it"
        found = (
            f"no fact for {feed['silent_days']} days up to {as_of.date()}, where gaps of "
            f"{feed['longest_gap_days']:g} days were the longest"
        )
        last = f"{feed['last_happened']:%Y-%m-%d}"
        do = (
            f"decide as of a day soon after its last fact, {last}, or restore the feed; or build "
            "the features yourself and pass features="
        )
        raise RecordError(refusal(f"table {feed['table']!r}", rule, found, do))


def _may_not_be_silent(tables: Iterable[str]) -> frozenset[str]:
    """Name the tables of records behind some; that nobody new came says nothing of the others."""
    return frozenset(base_tables(tables)) - {"merchants"}
