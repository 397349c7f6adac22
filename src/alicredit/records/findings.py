"""What is wrong with records, as a frame of findings: bad data is listed, not raised."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import nearest
from alicredit.records.asking import (
    Check,
    failing,
    has_columns,
    looking,
    readable,
    seen,
    seen_alone,
)
from alicredit.records.declaration import Column, Table
from alicredit.records.facts import quoted
from alicredit.records.moments import as_moment
from alicredit.records.records import Records
from alicredit.records.rules import ACROSS, RATIO_NEEDS, SALES_RATIOS, WITHIN
from alicredit.records.schema import TABLES
from alicredit.records.sources import literal

COLUMNS = ("table", "rule", "severity", "rows", "example", "message")
_EXAMPLES = 20
_STALE_DAYS = 60
_FEEDS = ("orders", "interactions_daily", "traffic_daily", "bank_txns")


def find_problems(records: Records, *, as_of: object = None) -> pd.DataFrame:
    """List what is wrong with records.

    Parameters
    ----------
    records : Records
        What to look at.
    as_of : str, timestamp or None, default None
        Look only at what had happened and was known before; None looks at all.

    Returns
    -------
    pandas.DataFrame
        One row a finding, worst first: ``table, rule, severity`` (error: those merchants are not
        scored; warning; note), ``rows``, ``example`` (keys of up to 20 rows), ``message`` (what is
        wrong and what to do). Empty when clean.

    Raises
    ------
    RecordError
        If a table cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m", "m"], "platform": ["taobao", "taobao"],
    ...     "registered_at": pd.to_datetime(["2011-05-01", "2011-05-01"])})
    >>> find_problems(read_records({"merchants": merchants}))["rule"].tolist()
    ['duplicate key', 'no history']
    >>> find_problems(read_records({"orders": merchants}))
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'merchants' must be among the records...
    """
    moment = None if as_of is None else as_moment("as_of", as_of)
    with looking(records, moment) as con:
        found = [_line(con, check) for check in failing(con, records, _checks(records, moment))]
        stale = list(_stale(con, records)) if as_of is None else []
    noted = [
        (note.table, note.rule, note.severity, note.rows, "", note.message)
        for note in records.findings
    ]
    lines = [*noted, *found, *stale]
    rank = {"error": 0, "warning": 1, "note": 2}
    lines.sort(key=lambda line: (rank[line[2]], line[0], line[1]))
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"rows": "int64"})


def merchants_in_error(
    records: Records, *, as_of: object, tables: Collection[str] | None = None
) -> pd.DataFrame:
    """Name the merchants whose rows, as visible at a moment, carry a finding of error.

    Parameters
    ----------
    records : Records
        What to look at.
    as_of : str or timestamp
        Later rows are not looked at.
    tables : collection of str or None, default None
        Whose rows are looked at, of those that are there; None looks at all.

    Returns
    -------
    pandas.DataFrame
        ``merchant_id, table, rule``, sorted; one row a merchant and rule.

    Raises
    ------
    RecordError
        If a table cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m", "n"], "platform": ["taobao", "taobao"],
    ...     "registered_at": pd.to_datetime(["2011-05-01", "2011-05-01"])})
    >>> len(merchants_in_error(read_records({"merchants": merchants}), as_of="2013-05-01"))
    0
    >>> merchants_in_error(read_records({"orders": merchants}), as_of="2013-05-01")
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'merchants' must be among the records...
    """
    moment = as_moment("as_of", as_of)
    with looking(records, moment, tables) as con:
        errors = [
            check
            for check in _checks(records, moment)
            if check.severity == "error" and (tables is None or check.table in tables)
        ]
        parts = [
            f'SELECT DISTINCT _merchant_id AS merchant_id, {literal(check.table)} AS "table", '
            f"{literal(check.rule)} AS rule FROM ({check.sql}) WHERE _merchant_id IS NOT NULL"
            for check in failing(con, records, errors)
        ]
        frames = [con.execute(sql).df() for sql in [_NOBODY, *parts]]
    frame = pd.concat(frames, ignore_index=True)
    return frame.sort_values(["merchant_id", "table", "rule"], ignore_index=True)


_NOBODY = "SELECT '' AS merchant_id, '' AS \"table\", '' AS rule WHERE false"


def sales_ratios(records: Records, *, as_of: object) -> npt.NDArray[np.float64]:
    """Give each merchant's sales over what it declared, as known at a moment, in no order.

    Empty where records lack a table or column that it takes. By these the unit of amounts is
    judged, see :func:`find_problems`.
    """
    moment = as_moment("as_of", as_of)
    if not has_columns(records, RATIO_NEEDS):
        return np.empty(0)
    with looking(records, moment, RATIO_NEEDS) as con:
        views = {table: seen(table) for table in RATIO_NEEDS}
        found = con.execute(SALES_RATIOS.format(**views)).fetchnumpy()["ratio"]
    return np.ma.filled(np.ma.masked_array(found, dtype=np.float64), np.nan)


def _checks(records: Records, moment: pd.Timestamp | None) -> Iterator[Check]:
    """Give every check that the present tables and columns allow, of all rows or as of a moment."""
    there = readable(records)
    for name in there:
        table, present = TABLES[name], records.columns(name)
        yield from _of_keys(table, present)
        yield from _of_times(table, present)
        yield from _of_dates(records, table)
        if moment is None:
            yield from _of_currency(table, present)
        for column in table.columns:
            if column.name in present:
                yield from _of_column(table, column)
                yield from _of_presence(table, column, moment)
                yield from _of_reference(records, table, column, moment)
    for rule in WITHIN:
        if rule.table in there and set(rule.columns) <= set(records.columns(rule.table)):
            yield _of_rows(rule.table, rule.name, rule.severity, rule.condition, rule.message)
    for across in ACROSS:
        if has_columns(records, across.needs):
            views = {table: seen(table) for table in across.needs}
            views |= {f"own_{table}": seen_alone(table) for table in across.needs}
            sql, hint = across.sql.format(**views), across.hint.format(**views)
            yield Check(across.table, across.name, across.severity, sql, across.message, hint=hint)
    if "merchant_history" not in records:
        yield Check(
            "merchant_history", "no history", "note",
            "SELECT 'membership, region, certification' AS key, NULL AS _merchant_id",
            "without it membership, region and certification are taken as at registration: "
            "give the changes if there were any",
        )  # fmt: skip


def _of_rows(
    table: str, rule: str, severity: str, condition: str, message: str, key: str = "_key"
) -> Check:
    """Give a question that each row of a table answers alone."""
    sql = f"SELECT {key} AS key, _merchant_id FROM {seen(table)} WHERE {condition}"
    return Check(table, rule, severity, sql, message, condition)


def _of_keys(table: Table, present: tuple[str, ...]) -> Iterator[Check]:
    """Check that a key stands once."""
    key = [quoted(name) for name in table.key if name in present]
    if table.unique and len(key) == len(table.key):
        sql = (
            f"SELECT _key AS key, _merchant_id FROM {seen(table.name)} "
            f"QUALIFY count(*) OVER (PARTITION BY {', '.join(key)}) > 1"
        )
        message = f"{', '.join(table.key)} must stand once: remove the copies"
        yield Check(table.name, "duplicate key", "error", sql, message, unique=table.key)


def _of_times(table: Table, present: tuple[str, ...]) -> Iterator[Check]:
    """Check that nothing was known before it happened."""
    for known in dict.fromkeys((table.known, "known_at")):
        if known in present and table.happened and known != table.happened:
            when = quoted(known)
            raw = f"CAST({when} AS TIMESTAMP) < _happened - INTERVAL 1 DAY"
            if known not in table:
                continue
            yield _of_rows(
                table.name, f"{known} before it happened", "warning", raw,
                f"{known} lies more than a day before the fact: check the clocks",
            )  # fmt: skip


def _of_dates(records: Records, table: Table) -> Iterator[Check]:
    """Check that facts lie in an age of records, and none after the records end."""
    if not table.happened:
        return
    condition = "_happened < TIMESTAMP '1980-01-01' OR _happened >= TIMESTAMP '2100-01-01'"
    text = f"{table.happened} lies before 1980 or after 2099: a placeholder is not a date"
    yield _of_rows(table.name, "impossible date", "warning", condition, text)
    until = records.notes.get("observed_until")
    if until is not None:
        end = as_moment("records.toml: observed_until", until) + pd.Timedelta(days=1)
        when = f"CAST({quoted(table.happened)} AS TIMESTAMP)"
        future = f"{when} > TIMESTAMP {literal(str(end))} AND _happened < TIMESTAMP '2100-01-01'"
        text = f"{table.happened} lies after the records were taken ({until}): check the clocks"
        yield _of_rows(table.name, "future row", "warning", future, text)


def _of_currency(table: Table, present: tuple[str, ...]) -> Iterator[Check]:
    """Check that amounts which name their currency are in the one that all are read in."""
    if "currency" not in present or "currency" in table:
        return
    merchant = '"merchant_id"' if "merchant_id" in table else "NULL"
    sql = (
        f"SELECT CAST(currency AS VARCHAR) AS key, {merchant} AS _merchant_id "
        f"FROM {quoted(table.name)} WHERE upper(CAST(currency AS VARCHAR)) NOT IN ('CNY', 'RMB')"
    )
    message = "amounts are read as yuan, whatever currency says: convert these rows first"
    yield Check(table.name, "another currency", "error", sql, message)


def _of_presence(table: Table, column: Column, moment: pd.Timestamp | None) -> Iterator[Check]:
    """Check that a required value is there; as of a moment only in rows visible then."""
    if not column.required or column.nullable:
        return
    name = quoted(column.name)
    rule, message = f"{column.name} missing", f"{column.name} must be given in each row"
    if moment is not None:
        of_rows = _of_rows(table.name, rule, "error", f"{name} IS NULL", message)
        yield replace(of_rows, absent=column.name)
        return
    merchant = '"merchant_id"' if "merchant_id" in table else "NULL"
    raw = f"SELECT * FROM {quoted(table.name)} WHERE {name} IS NULL"
    sql = f"SELECT {literal(column.name)} AS key, {merchant} AS _merchant_id FROM ({raw})"
    yield Check(table.name, rule, "error", sql, message, absent=column.name)


def _of_reference(
    records: Records, table: Table, column: Column, moment: pd.Timestamp | None
) -> Iterator[Check]:
    """Check that a value names a row of the table it refers to.

    A child row without its parent is no fact and has no moment, so it is only looked for when all
    rows are.
    """
    other = column.refers_to.split(".")
    if other[0] not in records or (moment is not None and table.parent == column.refers_to):
        return
    name = quoted(column.name)
    rows = quoted(table.name) if moment is None else seen(table.name)
    sql = (
        f"SELECT CAST({name} AS VARCHAR) AS key, NULL AS _merchant_id "
        f"FROM {rows} t WHERE {name} IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM {quoted(other[0])} p WHERE p.{quoted(other[1])} = t.{name})"
    )
    message = f"{column.name} names no row of {other[0]}: the rows are not used"
    yield Check(table.name, f"{column.name} orphan", "warning", sql, message)


def _of_column(table: Table, column: Column) -> Iterator[Check]:
    """Check one column for unknown codes and impossible numbers."""
    name = quoted(column.name)
    codes = column.values  # noqa: PD011 - no array, but declared codes
    if codes:
        allowed = ", ".join(literal(code) for code in codes)
        condition = f"{name} NOT IN ({allowed})"
        message = f"{column.name} holds unknown codes; {nearest('', codes)}"
        rule = f"{column.name} unknown code"
        yield _of_rows(table.name, rule, "warning", condition, message, key=name)
    if column.low is not None or column.high is not None:
        low = -1e300 if column.low is None else column.low
        high = 1e300 if column.high is None else column.high
        condition = f"{name} NOT BETWEEN {low!r} AND {high!r}"
        message = f"{column.name} must lie from {low:g} to {high:g}: mend or remove the rows"
        of_rows = _of_rows(table.name, f"{column.name} impossible", "error", condition, message)
        yield replace(of_rows, beyond=(column.name, low, high))


def _line(con: duckdb.DuckDBPyConnection, check: Check) -> tuple[str, str, str, int, str, str]:
    """Give the line of the frame of a check that finds rows."""
    sql = f"SELECT CAST(key AS VARCHAR) AS key FROM ({check.sql})"
    (rows,) = con.execute(f"SELECT count(*) FROM ({sql})").fetchone() or (0,)
    keys = con.execute(
        f"SELECT DISTINCT key FROM ({sql}) ORDER BY key LIMIT {_EXAMPLES}"
    ).fetchall()
    example = ", ".join(str(key) for (key,) in keys)
    message = check.message
    if check.rule.endswith("unknown code"):
        message = f"{message} (found {example})"
    return check.table, check.rule, check.severity, int(rows), example, message


def _stale(
    con: duckdb.DuckDBPyConnection, records: Records
) -> Iterator[tuple[str, str, str, int, str, str]]:
    """Find daily feeds that stop long before the others."""
    feeds = [name for name in _FEEDS if name in readable(records)]
    within, until = "_happened < TIMESTAMP '2100-01-01'", records.notes.get("observed_until")
    if until is not None:
        end = as_moment("records.toml: observed_until", until) + pd.Timedelta(days=1)
        within = f"{within} AND _happened <= TIMESTAMP {literal(str(end))}"
    last = {}
    for name in feeds:
        row = con.execute(f"SELECT max(_happened) FROM {seen(name)} WHERE {within}").fetchone()
        if row is not None and row[0] is not None:
            last[name] = pd.Timestamp(row[0])
    for name, when in last.items():
        behind = (max(last.values()) - when).days
        if behind > _STALE_DAYS:
            text = f"the feed ends {behind} days before the others: later windows would be empty"
            yield name, "stale feed", "warning", 0, f"{when:%Y-%m-%d}", text
