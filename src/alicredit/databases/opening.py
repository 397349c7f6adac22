"""Opening a database, and saying in one voice what its driver says."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import duckdb

from alicredit.checks import refusal, refuse
from alicredit.databases.duckdb_file import DuckDBFile
from alicredit.databases.place import Database
from alicredit.databases.postgres import Postgres
from alicredit.databases.sqlite_file import SQLiteFile
from alicredit.errors import AlicreditError, DatabaseError, InputError

Wants = Mapping[str, str]
"""Column -> the SQL type that is made of it: what a column means, not how it is stored."""

_LOST = ("08", "53", "57", "58", "XX", "40")
_AGAIN = "see that it can be reached and has room, and run again"
_GONE = (
    "FATAL:",
    "server closed the connection",
    "no connection to the server",
    "could not receive",
)
_BUSY = ("database is locked", "set lock on file", "different configuration", "unique file handle")


@contextmanager
def open_database(
    database: Database, *, argument: str = "place", is_written: bool = False
) -> Iterator[Any]:
    """Open a database; each thing that its driver complains of is a refusal without passwords.

    Parameters
    ----------
    database : Database
        Where it is.
    argument : str, default "place"
        Its name, for refusals.
    is_written : bool, default False
        Whether tables are written: a file that is not there is made then, and refused otherwise.

    Yields
    ------
    Postgres, DuckDBFile or SQLiteFile
        With ``tables, columns, reading`` to read, ``execute, insert, fetch, transaction`` to write.

    Raises
    ------
    InputError
        If the driver is not installed, or the database refuses what is asked of it.
    DatabaseError
        If it cannot be reached, was lost or is in use: the same may succeed later.

    Examples
    --------
    >>> from alicredit.databases import Database
    >>> with open_database(Database("sqlite:///nowhere.sqlite"), argument="source") as link:
    ...     link.tables()
    Traceback (most recent call last):
    alicredit.errors.InputError: source must be a file that exists; found nowhere.sqlite. ...
    """
    if database.kind == "postgresql":
        with _driver() as dbapi:
            kinds: tuple[type[Exception], ...] = (dbapi.Error,)
        opened: Any = Postgres.open
    else:
        kinds = (duckdb.Error, sqlite3.Error)
        opened = DuckDBFile.open if database.kind == "duckdb" else SQLiteFile.open
        _check_file(database, argument, is_written=is_written)
    try:
        link = opened(database, is_written=is_written)
        try:
            yield link
        finally:
            link.close()
    except kinds as error:
        tell(database, argument, error)


@contextmanager
def _driver() -> Iterator[Any]:
    """Import the driver of PostgreSQL; name the extra where it is absent."""
    try:
        yield importlib.import_module("adbc_driver_postgresql.dbapi")
    except ImportError:
        do = "pip install 'alicredit[postgres]'"
        refuse("place", "must have its driver (ADBC for PostgreSQL) installed", "none", do)


def _check_file(database: Database, argument: str, *, is_written: bool) -> None:
    """Refuse a file that is not there to be read, or has no folder to be made in."""
    path = database.path
    if not is_written and not path.is_file():
        refuse(argument, "must be a file that exists", path, "check the path")
    if (is_written and not (path.is_file() or path.absolute().parent.is_dir())) or path.is_dir():
        refuse(argument, "must be a file in a folder that exists", path, "check the path")


def tell(database: Database, argument: str, error: Exception) -> NoReturn:
    """Say what a driver says, without passwords: of what may be otherwise later as such.

    Parameters
    ----------
    database : Database
        Whose driver it is.
    argument : str
        Its name, for the refusal.
    error : Exception
        The driver's own, or Arrow's while it reads a stream.

    Raises
    ------
    DatabaseError
        If the database was lost, is out of reach or in use.
    InputError
        For anything else.
    """
    whole = " ".join(str(error).split())
    starts = [whole.find(word) for word in ("ERROR:", "FATAL:") if word in whole]
    text = database.scrub(whole[min(starts, default=0) :])[:300]
    state = str(getattr(error, "sqlstate", None) or "")
    kind: type[AlicreditError] = InputError
    rule, do = "must do what is asked of it", "mend that, and run again"
    is_lost = state.startswith(_LOST) or any(each in text for each in (*_BUSY, *_GONE))
    if is_lost or (type(error).__name__ == "OperationalError" and database.kind == "postgresql"):
        kind, rule, do = DatabaseError, "must be in reach and free", _AGAIN
    raise kind(refusal(argument, rule, f"{database.shown} ({text})", do)) from None
