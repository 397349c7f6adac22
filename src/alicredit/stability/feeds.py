"""Do the records still arrive? The rhythm of each table, and the volume of each day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import nearest, refuse, require_between, require_whole
from alicredit.records import Records, require_records
from alicredit.records.moments import as_moment
from alicredit.records.schema import TABLES

FEWEST_GAPS = 5
"""Fewer gaps between arrivals say nothing of a rhythm (assumed)."""

Floats = npt.NDArray[np.float64]


def stale_feeds(
    records: Records,
    *,
    as_of: object,
    window_days: int = 180,
    tolerance: float = 1.5,
    weeks: int = 8,
    limit_z: float = 4.0,
) -> pd.DataFrame:
    """Tell which tables have gone silent, or arrived at an unusual volume, before a moment.

    A fact arrives when it is known. Only facts that happened and were known before ``as_of`` are
    read. A table is stale when the gap that runs now, of at least ``silent_days``, is longer than
    ``tolerance`` times its longest gap between days of arrival in the ``window_days`` up to its
    last arrival, or in its last 5 gaps where these reach further back. Volume: see
    :func:`feed_volumes`, of the last whole day.

    Parameters
    ----------
    records : Records
        From ``read_records``.
    as_of : date or time
        The moment asked about.
    window_days : int, default 180 (assumed)
        Days up to the last arrival in which gaps are measured.
    tolerance : float, default 1.5 (assumed)
        How many of its longest gaps a table may be silent.
    weeks : int, default 8 (assumed)
        Weeks before a day that say what is usual of it.
    limit_z : float, default 4 (assumed)
        Deviations from which a volume is not usual.

    Returns
    -------
    pandas.DataFrame
        One row a declared table that is there: ``table, facts, last_happened, last_known,
        silent_days, gaps, usual_gap_days`` (median), ``longest_gap_days, limit_days``, ``status``
        (``fresh``, ``stale``, ``unknown`` with fewer than 5 gaps, ``empty``), and of the last
        whole day ``volume, usual_volume, volume_z, volume_status`` (``usual``, ``low``, ``high``,
        ``unknown``).

    Raises
    ------
    RecordError, InputError
        If records are none, ``as_of`` is no moment or a number is out of range.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> days = pd.date_range("2013-01-01", "2013-03-31")
    >>> tables = {"merchants": pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                                      "registered_at": pd.to_datetime(["2011-05-01"])}),
    ...     "traffic_daily": pd.DataFrame({"merchant_id": "m", "day": days, "uv": 3})}
    >>> records = read_records(tables)
    >>> stale_feeds(records, as_of="2013-04-01")[["table", "status"]].to_numpy().tolist()
    [['merchants', 'unknown'], ['traffic_daily', 'fresh']]
    >>> found = stale_feeds(records, as_of="2013-04-04").set_index("table")
    >>> found.loc["traffic_daily", ["silent_days", "limit_days", "status"]].astype(str).tolist()
    ['4', '1.5', 'stale']
    >>> stale_feeds(records, as_of="soon")
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must be a date or time such as '2013-05-01'; found 'soon'.
    """
    moment = as_moment("as_of", as_of)
    require_whole("window_days", window_days, 7)
    require_between("tolerance", tolerance, 1, 100)
    _require_usual(weeks, limit_z)
    arrivals = count_arrivals(records, moment)
    return judge_arrivals(arrivals, moment, window_days, tolerance, weeks, limit_z)


def judge_arrivals(
    counted: Mapping[str, pd.DataFrame],
    moment: pd.Timestamp,
    window_days: int = 180,
    tolerance: float = 1.5,
    weeks: int = 8,
    limit_z: float = 4.0,
) -> pd.DataFrame:
    """Give the frame of :func:`stale_feeds` from what :func:`count_arrivals` counted.

    Parameters
    ----------
    counted : mapping of str to pandas.DataFrame
        By table.
    moment : pandas.Timestamp
        That they were counted at.
    window_days : int, default 180
        As for :func:`stale_feeds`, and all that follow.
    tolerance : float, default 1.5
        Longest gaps that a table may be silent.
    weeks : int, default 8
        Weeks that say what is usual.
    limit_z : float, default 4.0
        Deviations from which a volume is not usual.

    Returns
    -------
    pandas.DataFrame
        As :func:`stale_feeds`.
    """
    today = moment.to_datetime64().astype("datetime64[D]")
    lines = []
    for table, arrivals in counted.items():
        line = _rhythm(arrivals, today, window_days, tolerance)
        volume = _volumes(arrivals, today, 1, weeks, limit_z).iloc[0]
        ends = [volume[name] for name in ("volume", "usual_volume", "volume_z", "volume_status")]
        lines.append((table, *line, *ends))
    names = [
        "table", "facts", "last_happened", "last_known", "silent_days", "gaps", "usual_gap_days",
        "longest_gap_days", "limit_days", "status", "volume", "usual_volume", "volume_z",
        "volume_status",
    ]  # fmt: skip
    frame = pd.DataFrame(lines, columns=names)
    times = dict.fromkeys(("last_happened", "last_known"), "datetime64[us]")
    return frame.astype({**times, "silent_days": "Int64"})


def feed_volumes(
    records: Records,
    *,
    as_of: object,
    days: int = 28,
    weeks: int = 8,
    limit_z: float = 4.0,
    tables: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Hold each day's number of arriving facts against the same weekday of the weeks before.

    z = (root of the count - median root of that weekday) / spread. The root makes the spread of
    counts the same at every volume (one half for independent facts, which is the least taken); the
    spread is 1.4826 times the median distance of all days of these weeks from their weekday's
    median, so that one odd day moves neither.

    Parameters
    ----------
    records : Records
        From ``read_records``.
    as_of : date or time
        Only facts that happened and were known before it are read; whole days before it are told.
    days : int, default 28
        How many days.
    weeks : int, default 8 (assumed)
        Weeks before a day that say what is usual of it.
    limit_z : float, default 4 (assumed)
        Deviations from which a volume is not usual.
    tables : sequence of str or None, default None
        Which tables; None takes all that are declared.

    Returns
    -------
    pandas.DataFrame
        One row a table and day: ``table, day, volume, usual_volume, volume_z, volume_status``
        (``usual``, ``low``, ``high``; ``unknown`` where the table has a shorter history, or no
        fact on the usual day).

    Raises
    ------
    RecordError, InputError
        If records are none, a table is not there, ``as_of`` is no moment or a number out of range.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> days = pd.date_range("2013-01-01", "2013-03-31").repeat(20)
    >>> tables = {"merchants": pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                                      "registered_at": pd.to_datetime(["2011-05-01"])}),
    ...     "violations": pd.DataFrame({"merchant_id": "m", "at": days, "points": 1.0,
    ...                                 "kind": "delay"}).iloc[:-15]}
    >>> records = read_records(tables)
    >>> feed_volumes(records, as_of="2013-04-01", days=2, tables=["violations"])[
    ...     ["volume", "volume_status"]].to_numpy().tolist()
    [[20, 'usual'], [5, 'low']]
    >>> feed_volumes(records, as_of="2013-04-01", tables=["violation"])
    Traceback (most recent call last):
    alicredit.errors.InputError: tables must be among the records; found 'violation'. Try: ...
    """
    moment = as_moment("as_of", as_of)
    require_whole("days", days, 1)
    _require_usual(weeks, limit_z)
    today = moment.to_datetime64().astype("datetime64[D]")
    parts = []
    for table, arrivals in count_arrivals(records, moment, tables).items():
        frame = _volumes(arrivals, today, days, weeks, limit_z)
        frame.insert(0, "table", table)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def _require_usual(weeks: int, limit_z: float) -> None:
    """Refuse numbers that say nothing of what is usual."""
    require_whole("weeks", weeks, 2, high=104)
    require_between("limit_z", limit_z, 1, 100)


def count_arrivals(
    records: Records, moment: pd.Timestamp, tables: Sequence[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Count each table's facts by the day they arrived, in order of the tables.

    Columns ``day`` (days since 1970), ``volume``, ``last_known`` and ``last_happened``; of parts of
    a table they can be put together by :func:`add_arrivals`.

    Parameters
    ----------
    records : Records
        From ``read_records``.
    moment : pandas.Timestamp
        Facts count that happened and were known before it.
    tables : sequence of str or None, default None
        Which; None: all that are declared and there.

    Returns
    -------
    dict of str to pandas.DataFrame
        By table, a row a day on which any fact arrived, in order.

    Raises
    ------
    RecordError
        For what is no records.
    InputError
        For a table that is not there, or one text in place of names.
    """
    known = require_records(records)
    declared = [name for name in known.tables if name in TABLES and known.holds_facts(name)]
    if isinstance(tables, str):
        refuse("tables", "must be a list of names", repr(tables))
    chosen = declared if tables is None else list(tables)
    for name in chosen:
        if name not in declared:
            refuse("tables", "must be among the records", repr(name), nearest(name, declared))
    con = known.connect(_with_parents(chosen), kept=True)
    try:
        return {name: _by_day(con, known.fact_sql(name), moment) for name in chosen}
    finally:
        con.close()


def _with_parents(tables: Iterable[str]) -> list[str]:
    """Name tables, and those through which their rows find their merchant, each once."""
    named = [name for table in tables for name in (table, TABLES[table].parent_table) if name]
    return list(dict.fromkeys(named))


def find_quiet(records: Records, moment: pd.Timestamp, tables: Sequence[str]) -> list[str]:
    """Name the tables of which no fact is seen at once that arrived on the day before, or since.

    The others cannot be stale: no gap between days is shorter than the one that runs now. A fact of
    a table with a parent is seen at once where it happened on these days, too.

    Parameters
    ----------
    records : Records
        From ``read_records``.
    moment : pandas.Timestamp
        As for :func:`count_arrivals`.
    tables : sequence of str
        Which.

    Returns
    -------
    list of str
        Those that may be stale, in order.

    Raises
    ------
    RecordError
        For what is no records.
    """
    since = (moment.floor("D") - pd.Timedelta(days=1)).to_pydatetime()
    con = require_records(records).connect(_with_parents(tables), kept=True)
    quiet = []
    try:
        for name in tables:
            time = "_happened" if TABLES[name].parent else "_known"
            found = con.execute(
                f"SELECT 1 FROM ({records.fact_sql(name)}) WHERE {time} >= $2 AND _known < $1 "
                "AND _happened < $1 LIMIT 1",
                [moment.to_pydatetime(), since],
            ).fetchall()
            if not found:
                quiet.append(name)
    finally:
        con.close()
    return quiet


def _by_day(con: duckdb.DuckDBPyConnection, facts: str, moment: pd.Timestamp) -> pd.DataFrame:
    """Count facts by day of arrival."""
    frame = con.execute(
        "SELECT CAST(_known AS DATE) AS day, count(*) AS volume, max(_known) AS last_known, "
        f"max(_happened) AS last_happened FROM ({facts}) "
        "WHERE _known < $1 AND _happened < $1 GROUP BY 1 ORDER BY 1",
        [moment.to_pydatetime()],
    ).df()
    return frame.assign(day=frame["day"].to_numpy().astype("datetime64[D]").astype(np.int64))


def add_arrivals(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put counts of parts of a table together.

    Parameters
    ----------
    parts : iterable of pandas.DataFrame
        From :func:`count_arrivals`, of rows that stand in one part each.

    Returns
    -------
    pandas.DataFrame
        As if all rows had been counted at once.

    Examples
    --------
    >>> day = pd.to_datetime(["2013-01-01"])
    >>> one = pd.DataFrame(
    ...     {"day": [15706], "volume": [2], "last_known": day, "last_happened": day})
    >>> add_arrivals([one, one])["volume"].tolist()
    [4]
    """
    whole = pd.concat(list(parts), ignore_index=True).groupby("day", sort=True, as_index=False)
    sums = {"volume": "sum", "last_known": "max", "last_happened": "max"}
    frame: pd.DataFrame = whole.agg(sums)
    return frame


def _rhythm(
    arrivals: pd.DataFrame, today: np.datetime64, window_days: int, tolerance: float
) -> tuple[Any, ...]:
    """Say how a table used to arrive, and for how long it has been silent."""
    if arrivals.empty:
        return 0, pd.NaT, pd.NaT, pd.NA, 0, np.nan, np.nan, np.nan, "empty"
    day = arrivals["day"].to_numpy()
    silent = int(today.astype(np.int64) - day[-1])
    many = max(int((day[1:] > day[-1] - window_days).sum()), FEWEST_GAPS)
    gaps = np.diff(day)[-many:]
    ends = (arrivals["last_happened"].max(), arrivals["last_known"].max())
    line = (int(arrivals["volume"].sum()), *ends, silent, len(gaps))
    if len(gaps) < FEWEST_GAPS:
        return *line, np.nan, np.nan, np.nan, "unknown"
    limit = tolerance * float(gaps.max())
    status = "stale" if silent > limit else "fresh"
    return *line, float(np.median(gaps)), float(gaps.max()), limit, status


def _volumes(
    arrivals: pd.DataFrame, today: np.datetime64, days: int, weeks: int, limit_z: float
) -> pd.DataFrame:
    """Hold the last days' counts against the same weekday of the weeks before."""
    last, span = int(today.astype(np.int64)) - 1, 7 * weeks
    first = last - days - span + 1
    series = np.zeros(days + span)
    at = arrivals["day"].to_numpy(dtype=np.int64) - first
    inside = (at >= 0) & (at < len(series))
    series[at[inside]] = arrivals["volume"].to_numpy()[inside]
    windows = np.lib.stride_tricks.sliding_window_view(np.sqrt(series), span)[:-1]
    table = windows.reshape(days, weeks, 7)
    centre = np.median(table, axis=1)
    apart = np.abs(table - centre[:, None, :]).reshape(days, span)
    spread = np.maximum(1.4826 * np.median(apart, axis=1), 0.5)
    volume = series[span:]
    z = (np.sqrt(volume) - centre[:, 0]) / spread
    began = arrivals["day"].iloc[0] if len(arrivals) else last + 1
    starts = np.arange(days) + first
    status = np.where(z < -limit_z, "low", np.where(z > limit_z, "high", "usual"))
    is_known = (starts >= began) & (centre[:, 0] > 0)
    day = (starts + span).astype("datetime64[D]").astype("datetime64[us]")
    return pd.DataFrame(
        {
            "day": day,
            "volume": volume.astype(np.int64),
            "usual_volume": centre[:, 0] ** 2,
            "volume_z": np.where(is_known, z, np.nan),
            "volume_status": np.where(is_known, status, "unknown").astype(object),
        }
    )
