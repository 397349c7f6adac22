"""Records from files of DuckDB and SQLite are those of a folder; others are refused by name."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import databases_stage as stage
import duckdb
import pyarrow as pa
import pytest

import alicredit as ac
from alicredit.databases import Database
from alicredit.errors import AlicreditError, DatabaseError, RecordError

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
MERCHANTS = "merchant_id VARCHAR, platform VARCHAR, registered_at TIMESTAMP, known_at TIMESTAMP"
ONE = "('m1', 'taobao', '2011-05-01 08:00:00', NULL)"


@pytest.fixture(scope="module")
def records():
    made, _ = ac.simulate_platform(
        60, seed=4, start="2012-07-01", months=12, orders_per_month=2, default_rate=0.3
    )
    return made


@pytest.fixture(scope="module", params=stage.FILES)
def filled(request, records, tmp_path_factory) -> str:
    place = f"{request.param}:///{tmp_path_factory.mktemp('filled')}/records.x"
    stage.fill(place, {name: records[name] for name in records.tables})
    stage.fill(place, {"invoices": pa.table({"secret": ["no table of ours"]})})
    return place


def test_they_are_those_of_the_folder(filled, records) -> None:
    found = ac.read_records(filled, data_use=USE)
    assert set(found.tables) == set(records.tables)
    for name in records.tables:
        assert found[name].equals(records[name]), name
        assert found[name].schema == records[name].schema, name


def test_restricted_and_unknown_tables_do_not_leave_the_database(filled, records) -> None:
    found = ac.read_records(filled)
    assert set(found.tables) == set(records.tables) - {"bank_txns"}
    rules = {(note.table, note.rule) for note in found.findings}
    assert {("invoices", "unknown table")} <= rules
    if "bank_txns" in records:
        assert ("bank_txns", "restricted") in rules
    folder = Path(found.sources["merchants"].paths[0]).parent
    names = {path.stem for path in folder.glob("*.parquet")}
    assert names == set(found.tables)


def test_copies_are_this_users_and_go_when_nobody_reads_them(filled) -> None:
    found = ac.read_records(filled)
    folder = Path(found.sources["merchants"].paths[0]).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    kept = {name: found.sources[name] for name in ("merchants",)}
    del found
    gc.collect()
    assert folder.exists()
    del kept
    gc.collect()
    assert not folder.exists()


def test_copies_of_a_process_that_was_killed_go_with_the_next(filled) -> None:
    code = (
        "import sys, time, alicredit as ac; r = ac.read_records(sys.argv[1]); "
        "print(r.sources['merchants'].paths[0], flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, filled]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        folder = Path(process.stdout.readline().strip()).parent
        ac.read_records(filled)
        assert folder.exists()  # its process lives
        process.send_signal(signal.SIGKILL)
    assert folder.exists()
    ac.read_records(filled)
    assert not folder.exists()


def test_the_order_of_rows_changes_no_digest_and_a_value_does(filled, tmp_path) -> None:
    def digest(place: str) -> str:
        return ac.read_records(place).sources["merchants"].digest

    first, whole = digest(filled), ac.read_records(filled)["merchants"]
    assert len(whole)
    kind = filled.split(":", 1)[0]
    sorts = ("registered_at", "merchant_id DESC", "platform, merchant_id")
    for at, order in enumerate(sorts):
        place = f"{kind}:///{tmp_path}/{at}.x"
        moved = duckdb.sql(f"SELECT * FROM whole ORDER BY {order}")
        read = getattr(moved, "to_arrow_table", None) or moved.fetch_arrow_table
        stage.fill(place, {"merchants": read()})
        assert digest(place) == first
    least = "(SELECT min(merchant_id) FROM merchants WHERE platform <> 'tmall')"
    sql = f"UPDATE merchants SET platform = 'tmall' WHERE merchant_id = {least}"
    stage.ask(place, sql, is_written=True)
    assert digest(place) != first


def made(kind: str, folder: Path, *statements: str) -> str:
    place = f"{kind}:///{folder}/x.x"
    for sql in (f"CREATE TABLE merchants ({MERCHANTS})", *statements):
        stage.ask(place, sql, is_written=True)
    return place


@pytest.mark.parametrize("kind", stage.FILES)
@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("DROP TABLE merchants",), "table 'merchants' must be among the records"),
        (("ALTER TABLE merchants DROP COLUMN platform",), "must have the column 'platform'"),
        (
            ("ALTER TABLE merchants RENAME COLUMN platform TO platfrom",),
            "did you mean 'platfrom'",
        ),
    ],
)
def test_what_lacks_is_named_before_anything_is_copied(kind, statements, said, tmp_path) -> None:
    with pytest.raises(RecordError, match=said):
        ac.read_records(made(kind, tmp_path, *statements))


@pytest.mark.parametrize("kind", stage.FILES)
def test_a_table_of_no_rows_has_its_types(kind: str, tmp_path) -> None:
    found = ac.read_records(made(kind, tmp_path))["merchants"]
    assert len(found) == 0
    assert found.schema.field("registered_at").type == pa.date32()
    assert found.schema.field("known_at").type == pa.timestamp("us")


@pytest.mark.parametrize(
    "value",
    ["'soon'", "20110501", "1.5", "x'00'", "'01/05/2011'", "'2011-13-01'", "'2011-05-01 25:00'"],
)
def test_a_time_in_sqlite_is_iso_text_or_refused(value: str, tmp_path) -> None:
    row = f"INSERT INTO merchants VALUES ('m2', 'taobao', '2011-05-01', {value})"
    place = made("sqlite", tmp_path, f"INSERT INTO merchants VALUES {ONE}", row)
    with pytest.raises(RecordError, match="table 'merchants' column 'known_at' must"):
        ac.read_records(place)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2011-05-01", "2011-05-01 00:00:00"),
        ("2011-05-01T08:30:00", "2011-05-01 08:30:00"),
        ("2011-05-01 08:30:00.123456", "2011-05-01 08:30:00.123456"),
        ("2011-05-01T00:30:00Z", "2011-05-01 08:30:00"),
        ("2011-05-01 00:30:00+01:00", "2011-05-01 07:30:00"),
    ],
)
def test_a_time_that_names_its_zone_is_converted(text: str, local: str, tmp_path) -> None:
    place = made(
        "sqlite", tmp_path, f"INSERT INTO merchants VALUES ('m1', 'taobao', '2011-05-01', '{text}')"
    )
    found = ac.read_records(place)["merchants"]["known_at"][0].as_py()
    assert found.isoformat(" ") == local
    elsewhere = ac.read_records(Database(place, timezone="UTC"))["merchants"]["known_at"][0].as_py()
    assert ("Z" in text or "+" in text) == (elsewhere != found)


@pytest.mark.parametrize(
    ("amounts", "found"),
    [
        (("12.5", "3"), [12.5, 3.0]),
        (("'12.5'",), None),
        (("12.5", "'x'"), None),
        (("x'01'",), None),
        (("NULL", "1"), [None, 1.0]),
    ],
)
def test_a_number_in_sqlite_is_a_number_or_refused(amounts, found, tmp_path) -> None:
    con = sqlite3.connect(tmp_path / "x.x")
    con.execute(f"CREATE TABLE merchants ({MERCHANTS})")
    con.execute("CREATE TABLE declared_sales (merchant_id, month, amount, source)")
    for at, amount in enumerate(amounts):
        con.execute(
            f"INSERT INTO declared_sales VALUES ('m{at}', '2012-0{at + 1}-01', {amount}, 'total')"
        )
    con.commit()
    con.close()
    place = f"sqlite:///{tmp_path}/x.x"
    if found is None:
        with pytest.raises(RecordError, match="column 'amount' must"):
            ac.read_records(place)
    else:
        assert ac.read_records(place)["declared_sales"]["amount"].to_pylist() == found


@pytest.mark.parametrize("text", ["a\0b", "\u2028x", "é", "e\u0301", "💰", "\ufeffm", "'\"; --"])
@pytest.mark.parametrize("kind", stage.FILES)
def test_odd_texts_are_read_as_they_are(kind: str, text: str, tmp_path) -> None:
    table = pa.table({
        "merchant_id": [text], "platform": ["taobao"],
        "registered_at": pa.array([0], pa.timestamp("us")),
    })  # fmt: skip
    place = f"{kind}:///{tmp_path}/x.x"
    stage.fill(place, {"merchants": table})
    assert ac.read_records(place)["merchants"]["merchant_id"].to_pylist() == [text]


def test_text_that_is_no_unicode_is_refused(tmp_path) -> None:
    sql = "INSERT INTO merchants VALUES (CAST(x'ff41' AS TEXT), 'taobao', '2011-05-01', NULL)"
    place = made("sqlite", tmp_path, sql)
    with pytest.raises(AlicreditError, match=r"source must do what is asked of it.*UTF-8"):
        ac.read_records(place)


def test_whole_numbers_of_any_width_in_duckdb_are_exact(tmp_path) -> None:
    place = f"duckdb:///{tmp_path}/x.x"
    sql = (
        "CREATE TABLE merchants AS SELECT 12345678901234567::HUGEINT AS merchant_id, "
        "'taobao' AS platform, TIMESTAMP '2011-05-01' AS registered_at"
    )
    stage.ask(place, sql, is_written=True)
    assert ac.read_records(place)["merchants"]["merchant_id"].to_pylist() == ["12345678901234567"]


@pytest.mark.parametrize("value", ["infinity", "-infinity"])
@pytest.mark.parametrize("column", ["registered_at", "known_at"])
def test_a_time_without_end_in_duckdb_is_refused(value: str, column: str, tmp_path) -> None:
    place = made("duckdb", tmp_path, f"INSERT INTO merchants VALUES {ONE}",
                 f"UPDATE merchants SET {column} = '{value}'")  # fmt: skip
    with pytest.raises(AlicreditError, match=f"source must do .*column {column}: {value}"):
        ac.read_records(place)


def test_a_sqlite_file_that_another_locks_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("alicredit.databases.sqlite_file._WAIT", 0.1)
    place = made("sqlite", tmp_path, f"INSERT INTO merchants VALUES {ONE}")
    other = sqlite3.connect(tmp_path / "x.x", isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseError, match="source must be in reach and free"):
            ac.read_records(place)
        other.execute("COMMIT")
        assert len(ac.read_records(place)["merchants"]) == 1
    finally:
        other.close()


def test_a_schema_is_chosen_or_refused(tmp_path) -> None:
    place = f"duckdb:///{tmp_path}/x.x"
    stage.ask(place, "CREATE SCHEMA lender", is_written=True)
    stage.ask(place, f"CREATE TABLE lender.merchants ({MERCHANTS})", is_written=True)
    stage.ask(place, f"INSERT INTO lender.merchants VALUES {ONE}", is_written=True)
    assert len(ac.read_records(f"{place}?schema=lender")["merchants"]) == 1
    with pytest.raises(AlicreditError, match="did you mean 'lender'"):
        ac.read_records(Database(place, schema="lendr"))
    with pytest.raises(RecordError, match="table 'merchants' must be among"):
        ac.read_records(place)


def test_a_file_in_use_is_refused_and_may_be_free_later(tmp_path) -> None:
    place = made("duckdb", tmp_path, f"INSERT INTO merchants VALUES {ONE}")
    path = place.split(":///")[1]
    code = (
        f"import duckdb, time; c = duckdb.connect({path!r}); print(1, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(DatabaseError, match="source must be in reach and free"):
            ac.read_records(place)
        process.kill()
    assert len(ac.read_records(place)["merchants"]) == 1


def test_nothing_is_left_where_reading_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = made("sqlite", tmp_path, "INSERT INTO merchants VALUES ('m1', 'taobao', 'soon', NULL)")
    with pytest.raises(RecordError):
        ac.read_records(place)
    gc.collect()
    assert os.listdir(tmp_path) == ["x.x"]  # noqa: PTH208
