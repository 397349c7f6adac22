"""Results of DuckDB as Arrow, whatever names its release has for it: the oldest has others."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa


def arrow_table(result: duckdb.DuckDBPyRelation) -> pa.Table:
    """Read a result whole.

    Parameters
    ----------
    result : DuckDB relation
        Of an open connection.

    Returns
    -------
    pyarrow.Table
        All of its rows.

    Raises
    ------
    duckdb.Error
        If a row cannot be computed.

    Examples
    --------
    >>> con = duckdb.connect()
    >>> arrow_table(con.sql("SELECT 7 AS n")).to_pylist()
    [{'n': 7}]
    >>> arrow_table(con.sql("SELECT CAST(n AS INTEGER) FROM (VALUES ('x')) v(n)"))
    Traceback (most recent call last):
    duckdb.ConversionException: ...
    """
    read: Any = getattr(result, "to_arrow_table", None) or result.fetch_arrow_table
    return read()


def arrow_batches(result: duckdb.DuckDBPyRelation, rows: int) -> pa.RecordBatchReader:
    """Read a result in batches, in constant memory.

    Parameters
    ----------
    result : DuckDB relation
        Of a connection that stays open until all is read.
    rows : int
        Rows of a batch, about.

    Returns
    -------
    pyarrow.RecordBatchReader
        Of all rows, read as they are asked for.

    Raises
    ------
    duckdb.Error or pyarrow.ArrowException
        If a row cannot be computed: here, or where its batch is read, as the release has it.

    Examples
    --------
    >>> con = duckdb.connect()
    >>> arrow_batches(con.sql("SELECT range AS n FROM range(3)"), 2).read_all().num_rows
    3
    """
    read: Any = getattr(result, "to_arrow_reader", None) or result.fetch_arrow_reader
    return read(rows)
