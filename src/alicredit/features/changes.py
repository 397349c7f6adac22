"""Which merchants' facts look otherwise at one moment than at an earlier one.

What a question sees of a table changes only when a fact becomes known, when one of its columns
fills in, or when its time passes the edge of a window or of a week in it. A merchant of whom
nothing of that kind happened between two moments has the same aggregates at both, but for ages.
What was shown at the earlier moment is kept as a sum of hashes, so that rows added behind the
records' back, corrected or deleted are found too.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from alicredit.declarations import Feature
from alicredit.declarations.aggregates import PERIODIC
from alicredit.derived import TABLES
from alicredit.engine.expressions import stored_columns
from alicredit.records import Column, Records, quoted

DAY_US = 86_400_000_000
_WEEK_US = 7 * DAY_US
_HASH_BITS = 38
"""Bits of a row's hash; sums of so few are quick, and a change is overlooked once in 2**38."""

_MODULUS = 2**63


def find_changes(
    records: Records,
    table: str,
    features: Iterable[Feature],
    before: np.datetime64,
    after: np.datetime64,
) -> pd.DataFrame:
    """Find by merchant whether what features may see of a table changed between two moments.

    Parameters
    ----------
    records : Records
        The records as they stand.
    table : str
        A table that is there.
    features : iterable of Feature
        Over that table, all of them supplied.
    before, after : numpy.datetime64
        The moments, in microseconds, the earlier first.

    Returns
    -------
    pandas.DataFrame
        Index merchant; ``moved`` (bool: something was seen, filled in or crossed an edge from
        ``before`` on and before ``after``), ``before`` and ``after`` (int64: the sums of the hashes
        of all that is seen at each moment; 0 for nothing). Merchants without visible facts are not
        listed.
    """
    read = list(features)
    numbers = records.number_ids
    parent = TABLES[table].parent_table
    con = records.connect([table, parent] if parent else [table], numbers=numbers, kept=True)
    try:
        found = con.execute(_changes_sql(records, table, read, _us(before), _us(after))).df()
    finally:
        con.close()
    return found.dropna(subset="merchant_id").set_index("merchant_id")


def _changes_sql(
    records: Records, table: str, features: list[Feature], before: int, after: int
) -> str:
    """Write the query of :func:`find_changes`; a hash is made anew only where a fact moved."""
    moved = " OR ".join(_edges(features, before, after)) if after > before else "false"
    facts = records.fact_sql(table)
    old, new = _hash_sql(features, before), _hash_sql(features, after)
    return (
        "SELECT CAST(_merchant_id AS VARCHAR) AS merchant_id, bool_or(_moved) AS moved, "
        f"CAST(sum(_old) % {_MODULUS} AS BIGINT) AS before, CAST((sum(_old) + coalesce("
        f"sum(_new - _old) FILTER (WHERE _moved), 0)) % {_MODULUS} AS BIGINT) AS after FROM ("
        f"SELECT _merchant_id, _moved, _old, CASE WHEN _moved THEN {new} END AS _new "
        f"FROM (SELECT *, coalesce({moved}, false) AS _moved, {old} AS _old FROM ({facts}) f "
        f"WHERE {_micros('_happened')} < {after} AND {_micros('_known')} < {after}) f"
        ") GROUP BY _merchant_id"
    )


def _edges(features: list[Feature], before: int, after: int) -> list[str]:
    """Write the conditions under which a fact looks otherwise at the later moment."""
    crossed = {(_SINCE, 0)}
    weekly: dict[str, int] = {}
    for feature in features:
        time = _micros(feature.time or "_happened")
        crossed |= {(time, edge) for edge in feature.window if edge is not None}
        crossed |= {(_micros(column), 0) for column in _timing(feature)}
        if feature.aggregate in PERIODIC:
            weekly[time] = max(weekly.get(time, 0), feature.window_days or 0)
    written = [
        f"({time} >= {before + edge} AND {time} < {after + edge})" for time, edge in sorted(crossed)
    ]
    for time, days in sorted(weekly.items()):
        weeks = [f"({at - 1} - {time}) // {_WEEK_US}" for at in (before, after)]
        inside = f"{time} >= {before - days * DAY_US} AND {time} < {before}"
        written.append(f"({inside} AND {weeks[0]} <> {weeks[1]})")
    return written


def _hash_sql(features: list[Feature], at: int) -> str:
    """Write the hash of what is seen of a fact at a moment, 0 where it is not seen."""
    table = TABLES[features[0].table]
    names = sorted({name for f in features for name in stored_columns(f)} | _times(features))
    is_tied = any(feature.aggregate in ("first", "last") for feature in features)
    shown = ["f._happened", *(["f._key"] if is_tied else [])]
    shown += [_shown(table[name], f"f.{quoted(name)}", at) for name in names]
    seen = " AND ".join((f"{_SINCE} < {at}", *_within_reach(features, at)))
    value = f"CAST(hash({', '.join(shown)}) >> {64 - _HASH_BITS} AS BIGINT)"
    return f"CASE WHEN {seen} THEN {value} ELSE 0 END"


def _shown(column: Column, value: str, at: int) -> str:
    """Write what a moment sees of a column that may fill in later."""
    if not column.timed_by:
        return value
    return f"CASE WHEN {_micros(column.timed_by)} < {at} THEN {value} END"


def _within_reach(features: list[Feature], at: int) -> list[str]:
    """Write the condition that a fact lies after the beginning of some window."""
    table = TABLES[features[0].table]
    starts: dict[str, int] = {}
    for feature in features:
        start = feature.window[0]
        if start is None:
            return []
        starts[feature.time] = min(start, starts.get(feature.time, start))
    inside = []
    for name, start in sorted(starts.items()):
        time = _shown(table[name], _micros(name), at) if name else _micros("_happened")
        inside.append(f"{time} >= {at + start}")
    return ["(" + " OR ".join(inside) + ")"]


def _timing(feature: Feature) -> set[str]:
    """Name the columns that say when what a feature reads was filled in."""
    table = TABLES[feature.table]
    return {table[column].timed_by for column in stored_columns(feature)} - {""}


def _times(features: list[Feature]) -> set[str]:
    """Name the columns that place facts in windows."""
    return {feature.time for feature in features if feature.time}


def _micros(column: str) -> str:
    """Write a time of a fact in microseconds."""
    return f"epoch_us(CAST(f.{quoted(column)} AS TIMESTAMP))"


_SINCE = f"greatest({_micros('_happened')}, {_micros('_known')})"


def _us(moment: np.datetime64) -> int:
    """Give a moment in microseconds."""
    return int(moment.astype("datetime64[us]").astype(np.int64))
