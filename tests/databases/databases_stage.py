"""Records put into databases by hand, and a night's work as a process of its own.

``python databases_stage.py MODEL FEATURES`` decides into a database, in parts of forty, for each
line of its input, which names the database and a file for what is said: in a process forked for it.
"""

from __future__ import annotations

import datetime as dt
import os
import select
import signal
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from postgres_stage import ABSENT, find_binaries, running_postgres

KINDS = ("postgresql", "duckdb", "sqlite")
FILES = ("duckdb", "sqlite")
RUNS, PARTS = "alicredit_runs", "alicredit_parts"
DECISIONS, QUARANTINE = "alicredit_decisions", "alicredit_quarantine"


@contextmanager
def a_server() -> Iterator[str]:
    """Start a server; skip where there is none."""
    pytest.importorskip("adbc_driver_postgresql")
    if find_binaries() is None:
        pytest.skip(ABSENT)
    with running_postgres() as url:
        yield url


def ask(place: str, sql: str, *, is_written: bool = False) -> list[tuple]:
    """Ask a database by its own driver."""
    if place.startswith("postgresql"):
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(place, autocommit=True) as con, con.cursor() as cursor:
            cursor.execute(sql)
            return [] if cursor.description is None or is_written else cursor.fetchall()
    path = place.split(":///", 1)[1]
    if place.startswith("duckdb"):
        with duckdb.connect(path, read_only=not is_written) as con:
            return con.execute(sql).fetchall()
    con = sqlite3.connect(path)
    try:
        found = con.execute(sql).fetchall()
        con.commit()
        return found
    finally:
        con.close()


def fill(place: str, tables: Mapping[str, pa.Table]) -> None:
    """Write tables as a user would, by the database's own driver."""
    for name, table in tables.items():
        if place.startswith("postgresql"):
            from adbc_driver_postgresql import dbapi

            with dbapi.connect(place) as con, con.cursor() as cursor:
                cursor.adbc_ingest(name, table, mode="create")
                con.commit()
        elif place.startswith("duckdb"):
            with duckdb.connect(place.split(":///", 1)[1]) as con:
                con.register("_rows", table)
                con.execute(f'CREATE TABLE "{name}" AS SELECT * FROM _rows')
        else:
            _fill_sqlite(place.split(":///", 1)[1], name, table)


def _fill_sqlite(path: str, name: str, table: pa.Table) -> None:
    con = sqlite3.connect(path)
    columns = ", ".join(f'"{each}"' for each in table.column_names)
    marks = ", ".join("?" * table.num_columns)
    con.execute(f'CREATE TABLE "{name}" ({columns})')
    rows = ([_as_text(v) for v in row.values()] for row in table.to_pylist())
    con.executemany(f'INSERT INTO "{name}" VALUES ({marks})', (tuple(row) for row in rows))
    con.commit()
    con.close()


def _as_text(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, dt.date) else value


def rows_of(place: str) -> dict[str, list[tuple]]:
    """Take all that stands in the tables of decisions, in order."""
    keys = {RUNS: "run", PARTS: "run, part"}
    return {
        table: ask(place, f"SELECT * FROM {table} ORDER BY {keys.get(table, 'run, part, line')}")
        for table in (RUNS, PARTS, DECISIONS, QUARANTINE)
    }


def main(model: str, features: str, place: str) -> None:
    """Decide, in parts of forty."""
    import alicredit as ac
    from alicredit.portfolio import Run

    run = Run(place, part_merchants=40)
    ac.score_portfolio(None, ac.load_model(model), as_of="2013-05-01", features=features, out=run)


STAGE = Path(__file__)


def serve(model: str, features: str) -> None:
    """Fork for each line; write the number of the process and, once it has ended, how."""
    import duckdb  # noqa: F401 - what a run loads is loaded once, before it forks
    import pyarrow.parquet  # noqa: F401

    import alicredit as ac
    from alicredit.portfolio import Run  # noqa: F401

    with suppress(ImportError):
        import adbc_driver_postgresql.dbapi  # noqa: F401
    ac.score_portfolio, ac.load_model(model)
    for line in sys.stdin:
        place, said = line.rstrip("\n").split("\t")
        process = os.fork()
        if not process:
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 2)
            try:
                main(model, features, place)
            except BaseException:  # noqa: BLE001 - whatever it is, it is told
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.write(1, b"%d\n" % process)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


class Night:
    """A night's work in a process of its own."""

    def __init__(self, server: subprocess.Popen[bytes], place: str, said: Path) -> None:
        self.server, self.said = server, said
        server.stdin.write(f"{place}\t{said}\n".encode())
        server.stdin.flush()
        self.pid, self.returncode = int(server.stdout.readline()), None

    def poll(self) -> int | None:
        """Tell how it ended, where it has."""
        if self.returncode is None and select.select([self.server.stdout], [], [], 0)[0]:
            self.returncode = int(self.server.stdout.readline())
        return self.returncode

    def kill(self) -> None:
        """Kill it, where it still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> str:
        """Wait for its end and give what it said."""
        if self.returncode is None:
            self.returncode = int(self.server.stdout.readline())
        return self.said.read_text(encoding="utf-8") if self.said.exists() else ""


@contextmanager
def nights(model: Path, features: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start what runs nights, each in a process of its own."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command, pipe = [sys.executable, str(STAGE), str(model), str(features)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0, env=env) as server:
        yield server
        server.stdin.close()


if __name__ == "__main__":
    serve(*sys.argv[1:])
