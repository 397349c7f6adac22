"""Where a table's rows are, and the SQL that gives them their canonical types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from alicredit.checks import refusal
from alicredit.databases.arrow import arrow_batches
from alicredit.errors import RecordError
from alicredit.records.declaration import Column
from alicredit.records.facts import quoted
from alicredit.records.parts import NOTHING, OLD_MOMENT, OLD_TIME, short

_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_WHOLE = (*_SIGNED, "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
NARROW = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
REAL = ("FLOAT", "DOUBLE")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_AWARE = "TIMESTAMP WITH TIME ZONE"
PLAIN = ("VARCHAR", "UUID", "BOOLEAN", *_WHOLE, *REAL, *_TIMES, _AWARE, OLD_TIME, OLD_MOMENT)
"""Types that their names say wholly: not decimals, nor what is made of other types."""
DIALECT = """delim=',', quote='"', escape='"', comment='', skip=0, all_varchar=true"""
_ZONED = r":\d{2}(\.\d+)?\s*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)$"
_CLOCK = r"[ T]\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)?"
_TIME = rf"\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}({_CLOCK})?"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?"
_ROUND = r"[\s\x{00A0}]*"
"""Signs around a number that are none of it."""
_WRITTEN = {"BIGINT": _NUMBER, "DOUBLE": _NUMBER, "DATE": _TIME, "TIMESTAMP": _TIME}
"""How a text stands for a value of a type: DuckDB reads more, and leaves out what it does not."""
_NOTHING_WORDS = r"null|\\n|none|nan|nat|<na>|#?n/a"


@dataclass(frozen=True)
class Source:
    """Rows of one table: files, or an Arrow table in memory.

    Parameters
    ----------
    table : str
        The table's name.
    paths : tuple of str
        Its files; empty when the rows are in memory.
    is_csv : bool
        Whether the files are CSV, so that every value is text until it is parsed.
    memory : pyarrow.Table or None
        The rows in memory.
    types : mapping of str to str
        Column -> physical SQL type, in the order of the data.
    digest : str, default ""
        Of the rows, whatever their order, where the files are a copy made to be read.
    keeper : object, default None
        What keeps such a copy until nobody reads it any more.
    groups : tuple of Source, default empty
        Where files differ in their columns: those that are alike, each group with its own types.
    joined : str, default ""
        The query that reads the groups together, each by its own types.
    is_group : bool, default False
        Whether it is one of such groups.
    """

    table: str
    paths: tuple[str, ...] = ()
    is_csv: bool = False
    memory: Any = None
    types: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    keeper: Any = field(default=None, repr=False, compare=False)
    groups: tuple[Source, ...] = ()
    joined: str = field(default="", repr=False)
    is_group: bool = False

    @property
    def alike(self) -> tuple[Source, ...]:
        """Give the groups of files that are alike: itself, where all are."""
        return self.groups or (self,)

    @property
    def label(self) -> str:
        """Name the table, and the files where others of its files have other columns."""
        where = f" in {short(self.paths)}" if self.is_group else ""
        return f"table {self.table!r}{where}"

    @property
    def sql(self) -> str:
        """Give the FROM clause that reads the rows as they are."""
        if self.memory is not None:
            return quoted(f"_memory_{self.table}")
        if self.joined:
            return f"({self.joined})"
        files = "[" + ", ".join(literal(path) for path in self.paths) + "]"
        if self.is_csv:
            return f"read_csv({files}, {DIALECT}, header=true, null_padding=false)"
        return f"read_parquet({files}, hive_partitioning=false)"

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make rows in memory visible to a connection; files need nothing."""
        if self.memory is not None:
            con.register(f"_memory_{self.table}", self.memory)


def literal(text: str) -> str:
    """Quote a text as an SQL literal, where no parameter can be bound.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def holds_numbers(source: Source, column: str) -> bool:
    """Tell whether a column's values are whole numbers of at most 64 bits, as they stand."""
    return not source.is_csv and source.types[column] in NARROW


def arrow_reader(con: duckdb.DuckDBPyConnection, sql: str, rows: int) -> pa.RecordBatchReader:
    """Read a query's result in batches of so many rows."""
    return arrow_batches(con.sql(sql), rows)


def damaged(source: Source, error: Exception) -> RecordError:
    """Compose the refusal of rows that cannot be read."""
    rule = "must be whole and readable"
    first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    where = ", ".join(source.paths[:3]) or "the rows given"
    do = "restore the file or write it again"
    signs = ("not utf-8 encoded", "invalid unicode", "byte sequence", "can't decode")
    if any(sign in str(error).lower() for sign in signs):
        do = "save the file as UTF-8"
    elif source.is_csv:
        do = "separate by commas, with as many fields in each line as in the heading"
    return RecordError(refusal(f"table {source.table!r} ({where})", rule, first, do))


def canonical_sql(source: Source, column: Column, timezone: str) -> str:
    """Write the expression that gives a declared column its canonical type.

    Parameters
    ----------
    source : Source
        Where the column is.
    column : Column
        Its declaration.
    timezone : str
        Zone of naive local times; aware ones are converted to it.

    Returns
    -------
    str
        An SQL expression over the source's own column.

    Raises
    ------
    RecordError
        If the physical type has no exact meaning as the declared kind.
    """
    name, physical = quoted(column.name), source.types[column.name]
    if source.is_csv:
        return parsed_sql(name, column, timezone)
    kind = column.kind
    plain = {
        "id": ("VARCHAR", "UUID", *_WHOLE),
        "code": ("VARCHAR", "ENUM", *_WHOLE),
        "text": ("VARCHAR", "ENUM", *_WHOLE, *REAL, "BOOLEAN"),
        "flag": ("BOOLEAN",),
        "count": (*_WHOLE, *REAL, "DECIMAL"),
        "fen": (*_WHOLE, *REAL, "DECIMAL"),
        "date": _TIMES,
        "time": _TIMES,
    }.get(kind, (*_WHOLE, *REAL, "DECIMAL"))
    if physical == NOTHING:
        return f"CAST(NULL AS {column.sql_type})"
    if physical in (_AWARE, OLD_MOMENT) and kind in ("date", "time"):
        moment = name if physical == _AWARE else f"{name} AT TIME ZONE 'UTC'"
        return f"CAST({moment} AT TIME ZONE {literal(timezone)} AS {column.sql_type})"
    if physical not in plain:
        rule = f"must be of kind {kind} ({column.sql_type})"
        do = "convert it where the data are made; text is not read as numbers or times"
        if physical == OLD_TIME:
            do = "write it in microseconds: in 96 bits it does not say whether it is local or UTC"
        raise RecordError(refusal(f"{source.label} column {column.name!r}", rule, physical, do))
    if physical in REAL and kind not in ("text",):
        # Not isnan: DuckDB 2.0 answers it from a file's footer, whose bounds leave NaN out.
        number = f"CASE WHEN isfinite({name}) OR isinf({name}) THEN {name} END"
        return f"CAST({number} AS {column.sql_type})"
    return f"CAST({name} AS {column.sql_type})"


def parsed_sql(name: str, column: Column, timezone: str) -> str:
    """Parse a CSV value; an empty text is missing, a time that names its zone is converted."""
    value = f"nullif(trim({name}), '')"
    plain = f"TRY_CAST({value} AS {column.sql_type})"
    if column.kind not in ("date", "time"):
        return plain
    ahead = f"regexp_replace({value}, '\\s*([+-][0-9]{{2}}):?([0-9]{{2}})$', '\\1:\\2')"
    local = f"TRY_CAST({ahead} AS TIMESTAMPTZ) AT TIME ZONE {literal(timezone)}"
    return (
        f"CASE WHEN regexp_matches({value}, {literal(_ZONED)}) "
        f"THEN CAST({local} AS {column.sql_type}) ELSE {plain} END"
    )


def unwritten_sql(name: str, sql_type: str) -> str:
    """Write the condition of texts that do not stand for a value of a type in a form of ours.

    Of ``2013-04-01 10:00 PM`` or ``2013-04-01 10:00 CST`` a release of DuckDB takes ten o'clock.

    Examples
    --------
    >>> con = duckdb.connect()
    >>> condition = unwritten_sql("x", "TIMESTAMP")
    >>> sql = f"SELECT {condition} FROM (SELECT unnest(['2013-04-01 10:00 PM', '2013-4-1']) AS x)"
    >>> [is_wrong for (is_wrong,) in con.execute(sql).fetchall()]
    [True, False]
    """
    if sql_type not in _WRITTEN:
        return "false"
    form = literal(f"{_ROUND}({_WRITTEN[sql_type]}){_ROUND}")
    return f"NOT regexp_full_match({name}, {form}, 'i')"


def unreadable_sql(source: Source, column: Column) -> str | None:
    """Write the condition of values that have no meaning as the declared kind, if any can be.

    Text of a CSV may not parse, or be a word that a program wrote for nothing; a real number may be
    no whole one.
    """
    name = quoted(column.name)
    if source.is_csv and column.kind in ("id", "code", "text"):
        return f"regexp_full_match(trim({name}), {literal(_NOTHING_WORDS)}, 'i')"
    if source.is_csv:
        parsed = parsed_sql(name, column, "UTC")
        bad = f"{unwritten_sql(name, column.sql_type)} OR {parsed} IS NULL"
        if column.sql_type == "DOUBLE":
            bad += f" OR isnan({parsed})"
        if column.sql_type == "BIGINT":
            real = f"TRY_CAST(trim({name}) AS DOUBLE)"
            bad += f" OR {real} <> floor({real})"
        return f"nullif(trim({name}), '') IS NOT NULL AND ({bad})"
    whole = column.kind in ("count", "fen")
    if whole and source.types[column.name] in (*REAL, "DECIMAL"):
        real = f"CAST({name} AS DOUBLE)"
        return f"isinf({real}) OR (isfinite({real}) AND {real} <> floor({real}))"
    return None
