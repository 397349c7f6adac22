"""What stops reading at once, all that is wrong told together: tables, columns, values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import duckdb

from alicredit.checks import lacking_columns, near, refusal
from alicredit.errors import RecordError
from alicredit.records.declaration import KNOWN_AT, Column
from alicredit.records.facts import quoted
from alicredit.records.kept import open_kept
from alicredit.records.schema import TABLES
from alicredit.records.sources import Source, damaged, unreadable_sql

_TIME = "write times as 2012-11-01 13:05:00"
_NUMBER = "write plain numbers such as 1234.50: no commas, no units, no % or currency signs"
_WHOLE = "write whole numbers, without commas or units"
_HOW = {
    "time": _TIME, "date": "write dates as 2012-11-01", "flag": "write true or false",
    "fen": f"{_WHOLE}: 12.50 yuan are 1250 fen", "count": _WHOLE,
    **dict.fromkeys(("id", "code", "text"), "leave empty what is missing: a word would be a value"),
}  # fmt: skip
"""Kind of column -> how its values are written; all others are numbers."""


def maybe(name: str, words: Iterable[str]) -> str:
    """Ask whether a near word is meant; empty where none is near.

    Examples
    --------
    >>> maybe("order", ["orders"]), maybe("shops", ["orders"])
    (": did you mean 'orders'", '')
    """
    close = near(name, words)
    return f": did you mean {close!r}" if close else ""


def no_merchants(tables: Collection[str]) -> str:
    """Compose the refusal of records that do not say who there is.

    Examples
    --------
    >>> no_merchants(["orders", "shops"])
    "table 'merchants' must be among the records: it says who there is; found the tables \
'orders', 'shops'. Try: is it 'shops'? Name it merchants; `alicredit tables merchants` lists \
its columns."
    """
    rule = "must be among the records: it says who there is"
    unknown = sorted(name for name in tables if name not in TABLES)
    do = "name the table of shops so"
    if len(unknown) == 1:
        do = f"is it {unknown[0]!r}? Name it merchants"
    if close := near("merchants", unknown):
        do = f"did you mean {close!r}? Name it merchants"
    do = f"{do}; `alicredit tables merchants` lists its columns"
    shown = ", ".join(repr(name) for name in sorted(tables)[:20])
    return refusal("table 'merchants'", rule, f"the tables {shown}" if shown else "no table", do)


def refuse_lacking(sources: Mapping[str, Source]) -> None:
    """Refuse declared tables that lack required columns, all of them at once.

    Raises
    ------
    RecordError
        Naming each table and its columns.
    """
    told, example = [], ""
    for name, source in sources.items():
        needed = TABLES[name].required if name in TABLES else ()
        for group in source.alike:
            lacking = [column for column in needed if column not in group.types]
            if lacking:
                text = lacking_columns(group.label, list(group.types), lacking)
                if group.is_csv and len(group.types) == 1:
                    text += " Or separate the columns by commas."
                told.append(text)
                example = name
    _refuse_all(told, f" `alicredit tables {example}` lists what must be in a table.")


def refuse_unreadable(
    sources: Mapping[str, Source], projections: Mapping[str, Mapping[str, str]]
) -> None:
    """Refuse values that have no meaning as the declared kind; scans only where any can be.

    Parameters
    ----------
    sources : mapping of str to Source
        Where each table's rows are.
    projections : mapping of str to mapping
        Canonical expressions of each table, whose making has refused impossible types.

    Raises
    ------
    RecordError
        Naming each table and column, how many rows, and the first of them.
    """
    told = []
    for name in projections:
        declared = TABLES[name].columns if name in TABLES else ()
        for group in sources[name].alike:
            there = [each for each in (*declared, KNOWN_AT) if each.name in group.types]
            told += list(_unreadable(group, there))
    _refuse_all(told)


def _unreadable(source: Source, columns: Collection[Column]) -> Iterator[str]:
    """Tell of columns' rows that cannot be read, with their number and first examples."""
    asked = {each: sql for each in columns if (sql := unreadable_sql(source, each))}
    if not asked:
        return
    con = open_kept()
    try:
        source.attach(con)
        every = ", ".join(f"coalesce(bool_or({sql}), false)" for sql in asked.values())
        (row,) = con.execute(f"SELECT {every} FROM {source.sql}").fetchall()
        bad = [column for column, is_bad in zip(asked, row, strict=True) if is_bad]
        found = {column: _examples(con, source, column, asked[column]) for column in bad}
    except duckdb.Error as error:
        raise damaged(source, error) from error
    finally:
        con.close()
    for column, (count, shown) in found.items():
        rule = f"must be of kind {column.kind} ({column.sql_type})"
        where = f"{source.label} column {column.name!r}"
        rows = f"{count:,} row{'s' if count > 1 else ''} such as {shown}"
        yield refusal(where, rule, rows, _HOW.get(column.kind, _NUMBER))


def _examples(
    con: duckdb.DuckDBPyConnection, source: Source, column: Column, condition: str
) -> tuple[int, str]:
    """Count the rows of a condition, and show the first values."""
    name = f"CAST({quoted(column.name)} AS VARCHAR)"
    sql = f"SELECT {name}, count(*) OVER () FROM {source.sql} WHERE {condition} LIMIT 3"
    rows = con.execute(sql).fetchall()
    return rows[0][1], ", ".join(dict.fromkeys(repr(value) for value, _ in rows))


def _refuse_all(told: list[str], do: str = "") -> None:
    """Raise all that was found, in one line."""
    if told:
        raise RecordError(" Also: ".join(told) + do)
