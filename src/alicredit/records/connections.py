"""Connections that read memory alone: from one empty database that a process opens once.

To open a database takes longer than most small questions: 14 ms of a core with DuckDB 2.0, where a
further connection to an open one takes some microseconds.
"""

from __future__ import annotations

import ctypes
import os
import threading

import duckdb

_EMPTY: list[duckdb.DuckDBPyConnection] = []
"""The empty database of this process, once it is open."""

_LOCK = threading.RLock()


def _leave_to_parent() -> None:
    """Keep a forked process from what its parent opened: there it has no threads.

    It is not closed either, not even at the end: that would wait for those threads.
    """
    for each in _EMPTY:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))
    _EMPTY.clear()
    _LOCK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_leave_to_parent
    )


def connect_in_passing() -> duckdb.DuckDBPyConnection:
    """Open a connection for a query over registered rows, which leaves nothing when it is closed.

    What it registers, and views and tables that it creates as TEMP, are its own. Settings are not:
    whoever bounds memory or sets threads opens a database of its own, and so does whoever reads
    files, which a database may remember.

    Returns
    -------
    duckdb.DuckDBPyConnection
        To be closed by the caller.

    Examples
    --------
    >>> one, two = connect_in_passing(), connect_in_passing()
    >>> _ = one.execute("CREATE TEMP TABLE mine AS SELECT 7 AS x")
    >>> two.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'").fetchone()
    (0,)
    >>> two.execute("SELECT * FROM mine")
    Traceback (most recent call last):
    duckdb.CatalogException: Catalog Error: Table with name mine does not exist! ...
    >>> one.close(), two.close()
    (None, None)
    """
    with _LOCK:
        if not _EMPTY:
            _EMPTY.append(duckdb.connect())
        return _EMPTY[0].cursor()
