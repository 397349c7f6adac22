"""Decisions in the tables of a database: part after part, each in one transaction.

``alicredit_runs`` has a row for each moment, model and policy; ``alicredit_parts`` one for each
finished part, written in the transaction that writes the part's rows into ``alicredit_decisions``
and ``alicredit_quarantine``. Whoever is killed in between leaves whole parts and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.checks import refuse, writing
from alicredit.databases import Database, open_database
from alicredit.nightly.folder import Folder, locked, part_name, refuse_others
from alicredit.nightly.layout import (
    DECISIONS,
    PARTS,
    QUARANTINE,
    RUNS,
    TABLES,
    check_texts,
    from_stored,
    stored,
    stored_schema,
)
from alicredit.nightly.written import plain

_PATIENCE_SECONDS = 5.0
_DONE, _LEFT = "finished", "unfinished"


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a database that this run alone may write its rows into.

    Parameters
    ----------
    link : Postgres, DuckDBFile or SQLiteFile
        Open.
    run : int
        Number of moment, models and policy: the same for whoever asks the same.
    model_id : str, default ""
        Of the one model, or of each product.
    work : Path, default the present folder
        Folder for what is made on the way.
    shown : str, default ""
        The database's address without passwords.
    """

    link: Any
    run: int
    model_id: str = ""
    work: Path = Path()
    shown: str = ""

    def finished(self) -> dict[str, Any]:
        """Give the manifest of the run that was finished here last; empty where none was."""
        found = self._run()
        return dict(json.loads(found[2])) if found and found[1] == _DONE else {}

    def _run(self) -> tuple[Any, ...]:
        """Give job, state and manifest of the run; empty where there is none."""
        rows = self._rows(f"SELECT job, state, manifest FROM {self._name(RUNS)} WHERE run = ?")
        return rows[0] if rows else ()

    def begin(self, job: Mapping[str, Any], *, resume: bool) -> None:
        """Make the rows this job's: go on with its parts, or start anew.

        What another run finished is replaced; what it left unfinished is refused.
        """
        found = self._run()
        there: dict[str, Any] = json.loads(found[0]) if found else {}
        is_same = there.get("job_id") == job["job_id"]
        if resume and found and found[1] == _LEFT and not is_same:
            refuse_others(there, job, self.shown)
        with self.link.transaction():
            if resume and is_same:
                sql = f"UPDATE {self._name(RUNS)} SET state = ?, manifest = ? WHERE run = ?"
                self.link.execute(sql, _LEFT, "", self.run)
                return
            for table in TABLES:
                self._execute(f"DELETE FROM {self._name(table)} WHERE run = ?")
            names = "run, as_of, model_id, policy_id, prices_id, job_id, inputs_digest, state, job"
            moment = datetime.fromisoformat(job["as_of"])
            self.link.execute(
                f"INSERT INTO {self._name(RUNS)} ({names}, manifest, merchants, rows_written) "
                f"VALUES ({', '.join('?' * 12)})",
                self.run, moment, self.model_id, job["policy_id"], job["prices_id"], job["job_id"],
                job["inputs_digest"], _LEFT, _text(job), "", 0, 0,
            )  # fmt: skip

    def receipt(self, number: int, job_id: str) -> dict[str, Any]:
        """Give the receipt of a part that is finished and whole; empty where it is not."""
        sql = f"SELECT receipt FROM {self._name(PARTS)} WHERE run = ? AND part = {int(number)}"
        rows = self._rows(sql)
        found: dict[str, Any] = json.loads(rows[0][0]) if rows else {}
        if found.get("job_id") != job_id:
            return {}
        return found if self.holds(found) else {}

    def holds(self, receipt: Mapping[str, Any]) -> bool:
        """Tell whether the rows of a part are those of its receipt."""
        number = int(Path(receipt["name"]).stem.removeprefix("part-"))
        sql = f"SELECT sha256 FROM {self._name(PARTS)} WHERE run = ? AND part = {number}"
        if [row[0] for row in self._rows(sql)] != [receipt["sha256"]]:
            return False
        poison = receipt.get("quarantine", {"rows": 0, "sha256": _digest_none(QUARANTINE)})
        for table, told in ((DECISIONS, receipt), (QUARANTINE, poison)):
            if digest_of(self.read(table, number)) != told["sha256"]:
                return False
        return True

    def is_whole(self) -> bool:
        """Tell whether the rows of all finished parts are those of their receipts."""
        sql = f"SELECT receipt FROM {self._name(PARTS)} WHERE run = ?"
        return all(self.holds(json.loads(row[0])) for row in self._rows(sql))

    def numbers(self) -> list[int]:
        """Give the numbers of the finished parts, in order."""
        sql = f"SELECT part FROM {self._name(PARTS)} WHERE run = ? ORDER BY part"
        return [int(row[0]) for row in self._rows(sql)]

    def read(self, table: str, number: int) -> pa.Table:
        """Read a part's rows of a table, in order, as they are in a folder's part."""
        sql = (
            f"SELECT * FROM {self._name(table)} WHERE run = {self.run} AND part = {int(number)} "
            "ORDER BY line"
        )
        with self.link.transaction():
            return from_stored(table, self.link.fetch(sql, stored_schema(table)))

    def keep(
        self,
        number: int,
        table: pa.Table,
        poison: pa.Table,
        told: Mapping[str, Any],
        job_id: str,
    ) -> dict[str, Any]:
        """Write a part with its poison and its receipt, all or nothing; give the receipt."""
        name = part_name(number)
        places = {DECISIONS: table} | ({QUARANTINE: poison} if len(poison) else {})
        rows = {place: stored(place, whole, self.run, number) for place, whole in places.items()}
        for place, whole in rows.items():
            if not self.link.holds_zero_bytes:
                check_texts(place, whole)
        receipt = {"name": name, "rows": len(table), "sha256": digest_of(table), **told}
        if len(poison):
            few = len(set(poison["row"].to_pylist()))
            sums = {"rows": len(poison), "sha256": digest_of(poison), "merchants": few}
            receipt["quarantine"] = {"name": f"quarantine/{name}", **sums}
        self._forget(number)
        with self.link.transaction():
            self._guard(job_id)
            for place, whole in rows.items():
                self.link.insert(place, whole)
            self.link.execute(
                f"INSERT INTO {self._name(PARTS)} (run, part, rows_written, merchants, sha256, "
                "receipt) VALUES (?, ?, ?, ?, ?, ?)",
                self.run, number, len(table), told["merchants"], receipt["sha256"],
                _text({**receipt, "job_id": job_id}),
            )  # fmt: skip
        return receipt

    def _forget(self, number: int) -> None:
        """Remove what is left of a part that is not whole, its receipt with it."""
        where = f"WHERE run = ? AND part = {int(number)}"
        tables = [table for table in TABLES if table != RUNS]
        counts = [
            self._rows(f"SELECT count(*) FROM {self._name(table)} {where}")[0][0]
            for table in tables
        ]
        if any(counts):
            with self.link.transaction():
                for table in tables:
                    self._execute(f"DELETE FROM {self._name(table)} {where}")

    def _guard(self, job_id: str) -> None:
        """Refuse to write where another job has taken the rows meanwhile."""
        tail = " FOR UPDATE" if self.link.locks_rows else ""
        sql = f"SELECT job_id, state FROM {self._name(RUNS)} WHERE run = ?{tail}"
        rows = self.link.rows(sql, self.run)
        if [tuple(row) for row in rows] != [(job_id, _LEFT)]:
            _refuse_second(self.shown)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Say that all is done, and remove what was made on the way."""
        with self.link.transaction():
            self._guard(manifest["job_id"])
            sql = (
                f"UPDATE {self._name(RUNS)} SET state = ?, manifest = ?, merchants = ?, "
                "rows_written = ? WHERE run = ?"
            )
            counts = (manifest["merchants"], manifest["rows"])
            self.link.execute(sql, _DONE, _text(manifest), *counts, self.run)
        self.settle(manifest)

    def settle(self, manifest: Mapping[str, Any]) -> None:
        """Remove what a finished run needs no more."""
        del manifest
        if self.work.is_dir():
            Folder(self.work).clean()
            if not any(self.work.iterdir()):
                self.work.rmdir()

    def within(self, name: str) -> Folder:
        """Make a folder for what is made on the way."""
        with writing("work", self.work):
            (self.work / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        return Folder(self.work / name)

    def _name(self, table: str) -> str:
        """Quote a table's name."""
        return str(self.link.name(table))

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Give the rows of a query that takes the run, in a transaction of its own."""
        with self.link.transaction():
            return [tuple(row) for row in self.link.rows(sql, self.run)]

    def _execute(self, sql: str) -> None:
        """Run a statement that takes the run."""
        self.link.execute(sql, self.run)


def run_number(job: Mapping[str, Any]) -> int:
    """Give the number of moment, models and policy, of 63 bits."""
    key = [job["as_of"], sorted(job["models"].items()), job["policy_id"]]
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def open_tables(
    database: Database, job: Mapping[str, Any], work: Path | None = None
) -> Iterator[Tables]:
    """Open a database, make its tables where they lack, hold the run for this process alone."""
    number = run_number(job)
    ids = sorted(set(job["models"].values()))
    several = " ".join(f"{product}={each}" for product, each in sorted(job["models"].items()))
    model_id = ids[0] if len(ids) == 1 else several
    own = hashlib.sha256(f"{database.shown}\0{job['job_id']}".encode()).hexdigest()[:24]
    folder = _work_folder() / own if work is None else work / own
    with (
        _alone(database),
        open_database(database, argument="out", is_written=True) as link,
    ):
        if database.kind == "postgresql":
            _hold(link, number, database)
        _make_tables(link)
        yield Tables(link, number, model_id, folder, database.shown)


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Hold a file for this process alone; of a server, each run is held by itself."""
    if database.kind == "postgresql":
        yield
        return
    path = database.path.absolute()
    if not path.parent.is_dir():
        refuse("out", "must be a file in a folder that exists", path, "check the path")
    with locked(path.with_name(f".{path.name}.lock"), database.shown):
        yield


def _hold(link: Any, number: int, database: Database) -> None:
    """Hold a run; wait a little for a server that has not yet seen that another was killed."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not link.hold(number):
        if time.monotonic() > end:
            _refuse_second(database.shown)
        time.sleep(0.1)


def _refuse_second(shown: str) -> None:
    """Refuse a second run at once."""
    do = "wait until it has ended, or name another database"
    refuse("out", "must be written by one run at a time", f"another in {shown}", do)


def _make_tables(link: Any) -> None:
    """Make the tables that lack; refuse those of the same name with other columns."""
    with link.transaction():
        have = set(link.tables())
    if not have >= set(TABLES):
        with link.transaction():
            link.lock_tables()
            have = set(link.tables())
            for table, columns in TABLES.items():
                if table not in have:
                    link.execute(_create(link, table, columns))
    for table, columns in TABLES.items():
        with link.transaction():
            found = set(link.columns(table))
        lacking = sorted(set(columns) - found)
        if lacking:
            rule = f"must have the column {lacking[0]!r}"
            do = "rename that table, or name another schema"
            refuse(f"out: table {table!r}", rule, f"{len(found)} columns without it", do)


def _create(link: Any, table: str, columns: Mapping[str, str]) -> str:
    """Write the statement that makes a table."""
    lines = [f"{name} {link.types[kind]}" for name, kind in columns.items()]
    key = {RUNS: "run", PARTS: "run, part"}.get(table, "run, part, line" if link.keys else "")
    lines += [f"PRIMARY KEY ({key})"] if key else []
    lines += ["UNIQUE (as_of, model_id, policy_id)"] if table == RUNS else []
    return f"CREATE TABLE {link.name(table)} ({', '.join(lines)})"


def _work_folder() -> Path:
    """Give this user's folder for what is made on the way."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        root = Path(named) if named else Path.home() / ".cache"
    except RuntimeError:
        refuse("work", "must be named where the user has no home", "None", "give Run(work=)")
    return root / "alicredit"


def digest_of(table: pa.Table) -> str:
    """Give the digest of a table's rows, however its words are numbered."""
    buffer = io.BytesIO()
    rows = plain(table)
    pq.write_table(rows, buffer, compression="none", use_dictionary=False, store_schema=False)
    return hashlib.sha256(buffer.getbuffer()).hexdigest()


def _digest_none(table: str) -> str:
    """Give the digest of no rows."""
    return digest_of(from_stored(table, stored_schema(table).empty_table()))


def _text(values: Mapping[str, Any]) -> str:
    """Write values as JSON, each time the same."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False)
