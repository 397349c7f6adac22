"""Databases in memory: one of one's own, or the one that this process keeps for short questions."""

from __future__ import annotations

import os
from threading import Lock

import duckdb

_WHOLE_JOINS = "SET disabled_optimizers = 'empty_result_pullup'"
"""Older DuckDB may take what is outer-joined to a table without facts for empty too."""

_lock = Lock()
_kept: list[duckdb.DuckDBPyConnection] = []


def open_own() -> duckdb.DuckDBPyConnection:
    """Open a database in memory of one's own, which keeps the order of rows.

    Examples
    --------
    >>> con = open_own()
    >>> con.execute("SELECT current_setting('preserve_insertion_order')").fetchone()
    (True,)
    >>> con.close()
    """
    con = duckdb.connect(config={"preserve_insertion_order": "true"})
    con.execute(_WHOLE_JOINS)
    return con


def open_kept() -> duckdb.DuckDBPyConnection:
    """Open a connection to the database in memory that this process keeps.

    A database takes fifteen thousandths of a second to be made, which is longer than most questions
    over a few rows take to be answered. What a connection registers and its temporary tables and
    views are its own and go with it; settings and other tables would be everybody's. So whoever
    sets something, or is given a bound of memory, opens a database of its own.

    Returns
    -------
    duckdb.DuckDBPyConnection
        The caller closes it.

    Examples
    --------
    >>> one, other = open_kept(), open_kept()
    >>> _ = one.execute("CREATE TEMP TABLE held AS SELECT 1 AS x")
    >>> other.execute("SELECT x FROM held")
    Traceback (most recent call last):
    _duckdb.CatalogException: Catalog Error: Table with name held does not exist!
    >>> one.close(), other.close()
    (None, None)
    """
    with _lock:
        if _kept:
            try:
                con = _kept[0].cursor()
                con.execute("SELECT 1").fetchall()
            except duckdb.Error:  # a fault inside DuckDB closes the whole database
                _kept.clear()
            else:
                return con
        _kept.append(_made())
        return _kept[0].cursor()


def _made() -> duckdb.DuckDBPyConnection:
    """Make a database that keeps nothing of the files it reads."""
    base = open_own()
    known = "SELECT 1 FROM duckdb_settings() WHERE name = 'enable_external_file_cache'"
    if base.execute(known).fetchall():
        base.execute("SET enable_external_file_cache = false")
    return base


def _forget() -> None:
    """Let go of the database before a fork: its threads would not be there in the child."""
    with _lock:
        _kept.clear()


os.register_at_fork(before=_forget)
