"""The dialects of SQL: how each reads numbers, flags and texts, and what its names cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_IS_NAN = "CASE WHEN {is_nan} THEN NULL ELSE {value} END"
_NULL_IF_NAN = "NULLIF({value}, CAST('NaN' AS {double}))"
_NUMBER = "CAST({x} AS {double})"
_TEXT = "CAST({x} AS {text})"
_FLAG = (
    "CASE LOWER(CAST({x} AS {text})) WHEN 'true' THEN 1 WHEN 'false' THEN 0 "
    "ELSE CAST(CAST({x} AS {text}) AS {double}) END"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """How one dialect reads columns. Texts are filled with ``x`` (column), ``double``, ``text``.

    Parameters
    ----------
    dialect : str
        As sqlglot names it.
    title : str
        As people name it.
    is_run : bool, default False
        Tests run this form; others are text only.
    number, flag, category : str
        How a column is read as a double, or as text that is compared byte by byte. ``complaint``
        is the text of an error for a column of another type.
    no_nan : str
        How NaN (``value``) becomes NULL; empty where the engine has none.
    literal : str, default ``"{text}"``
        A text that a category is compared with.
    gather : str, default ""
        How ``items``, texts or NULL, become a list of texts; without it texts are strung together.
    fence : str, default ""
        Ends each step, so that the planner does not write one step into the next many times over.
    longest_name : int, default 10_000
        Bytes beyond which the engine cuts names short without a word.
    not_in_names : tuple of str, default ()
        What its quoted names cannot hold.
    tells_case : bool, default False
        Quoted names that differ by case alone are different.
    """

    dialect: str
    title: str
    is_run: bool = False
    number: str = _NUMBER
    flag: str = _FLAG
    category: str = _TEXT
    no_nan: str = _IS_NAN
    literal: str = "{text}"
    gather: str = ""
    fence: str = ""
    longest_name: int = 10_000
    not_in_names: tuple[str, ...] = ()
    tells_case: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query gives beside the score: reason columns, flags, least scores of grades."""

    reasons: int
    flags: bool
    grades: tuple[tuple[int | None, str], ...]


_DUCKDB_NUMBERS = (
    "'DOUBLE', 'FLOAT', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', "
    "'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT', 'BOOLEAN', '\"NULL\"'"
)
_POSTGRES_NUMBERS = ", ".join(
    f"CAST('{name}' AS REGTYPE)" for name in ("float8", "float4", "numeric", "int8", "int4", "int2")
)
_SPARK_NUMBERS = "'double', 'float', 'tinyint', 'smallint', 'int', 'bigint', 'void'"


def _of_spark(types: str, like: str, value: str) -> str:
    """Read a column of some types, and raise for others: Spark itself would convert them."""
    test = f"TYPEOF({{x}}) IN ({types}) OR TYPEOF({{x}}) LIKE '{like}'"
    return (
        f"CASE WHEN {test} THEN {value} WHEN {{x}} IS NOT NULL THEN RAISE_ERROR({{complaint}}) END"
    )


_SPARK: dict[str, Any] = {
    "number": _of_spark(_SPARK_NUMBERS, "decimal(%", "CAST({x} AS DOUBLE)"),
    "flag": _of_spark(f"{_SPARK_NUMBERS}, 'boolean'", "decimal(%", "CAST({x} AS DOUBLE)"),
    "category": "("
    + _of_spark("'string', 'void'", "%char(%", "CAST({x} AS STRING)").replace(
        "TYPEOF({x}) LIKE", "TYPEOF({x}) LIKE 'string collate%' OR TYPEOF({x}) LIKE"
    )
    + ") COLLATE UTF8_BINARY",
    "no_nan": _NULL_IF_NAN,
    "gather": "ARRAY_COMPACT(ARRAY({items}))",
    "not_in_names": ("${",),
}
ENGINES = {
    engine.dialect: engine
    for engine in (
        Engine(
            "duckdb",
            "DuckDB",
            is_run=True,
            number="CASE WHEN TYPEOF({x}) LIKE 'DECIMAL(%' "
            "THEN CAST(CAST({x} AS TEXT) AS DOUBLE) ELSE {x} + CAST('0' AS DOUBLE) END",
            flag=f"CASE WHEN TYPEOF({{x}}) IN ({_DUCKDB_NUMBERS}) "
            "OR TYPEOF({x}) LIKE 'DECIMAL(%' THEN CAST({x} AS DOUBLE) "
            "WHEN {x} IS NOT NULL THEN ERROR({complaint}) END",
            category="COALESCE({x}, CAST(NULL AS TEXT)) COLLATE C",
            no_nan=_NULL_IF_NAN,
            gather="[item FOR item IN [{items}] IF item IS NOT NULL]",
        ),
        Engine(
            "postgres",
            "PostgreSQL",
            is_run=True,
            number="{x} + CAST('0' AS DOUBLE PRECISION)",
            flag="CASE WHEN PG_TYPEOF({x}) = CAST('boolean' AS REGTYPE) "
            "THEN CASE CAST({x} AS TEXT) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END "
            f"WHEN PG_TYPEOF({{x}}) IN ({_POSTGRES_NUMBERS}) "
            "THEN CAST(CAST({x} AS TEXT) AS DOUBLE PRECISION) "
            "ELSE CAST({complaint} || CAST({x} AS TEXT) AS DOUBLE PRECISION) END",
            category='COALESCE({x}, CAST(NULL AS TEXT)) COLLATE "C"',
            no_nan=_NULL_IF_NAN,
            gather="ARRAY_REMOVE(ARRAY[{items}], NULL)",
            fence="OFFSET 0",
            longest_name=63,
            tells_case=True,
        ),
        Engine("spark", "Spark", is_run=True, **_SPARK),
        Engine("databricks", "Databricks", **_SPARK),
        Engine("bigquery", "BigQuery", not_in_names=("\\",)),
        Engine("clickhouse", "ClickHouse", not_in_names=("\\",)),
        Engine(
            "hive", "Hive", not_in_names=("${",),
            no_nan="CASE WHEN CAST({value} AS STRING) = 'NaN' THEN NULL ELSE {value} END",
        ),
        Engine(
            "mysql", "MySQL", no_nan="", category="CAST({x} AS BINARY)",
            literal="CAST({text} AS BINARY)", longest_name=64,
        ),
        Engine("oracle", "Oracle", no_nan="", tells_case=True),
        Engine("redshift", "Redshift", no_nan=_NULL_IF_NAN, longest_name=127),
        Engine("snowflake", "Snowflake", no_nan=_NULL_IF_NAN, tells_case=True),
        Engine("trino", "Trino"),
        Engine(
            "tsql", "SQL Server", no_nan="",
            category="CAST(CAST({x} AS NVARCHAR(MAX)) AS VARBINARY(MAX))",
            literal="CAST(N{text} AS VARBINARY(MAX))",
        ),
    )
}  # fmt: skip
"""By dialect; the first three are run."""
