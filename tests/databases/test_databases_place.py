"""Where a database is: what is one, and what of it is never shown."""

from __future__ import annotations

import pickle
import sqlite3
import sys
import traceback
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.databases import Database, database_of, open_database
from alicredit.errors import DatabaseError, InputError
from alicredit.portfolio import Run

SHOWN = "Database('postgresql://u:***@host/db')"
SECRETS = ("s3cret-Word", "p w", "a@b:c/d?e%f", "密码")


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("postgresql://u@h/db", "postgresql"),
        ("postgres://h", "postgresql"),
        ("POSTGRESQL://u:p@h1:5432,h2:5433/db?sslmode=require", "postgresql"),
        ("postgresql:///db?host=/var/run", "postgresql"),
        ("duckdb:///a/b.bin", "duckdb"),
        ("sqlite:////data/a.db", "sqlite"),
        ("night.duckdb", "duckdb"),
        ("night.SQLITE", "sqlite"),
        (Path("night.sqlite3"), "sqlite"),
    ],
)
def test_what_is_a_database(place, kind: str) -> None:
    assert database_of(place).kind == kind


@pytest.mark.parametrize("place", ["data/sample", Path("out"), "a.parquet", 3, None, {}, "x\0.db"])
def test_what_is_none(place) -> None:
    assert database_of(place) is None


def test_a_folder_of_such_a_name_is_a_folder(tmp_path) -> None:
    (tmp_path / "night.duckdb").mkdir()
    assert database_of(tmp_path / "night.duckdb") is None


def test_paths_are_those_that_were_written() -> None:
    assert database_of("sqlite:///a/b.x").path == Path("a/b.x")
    assert database_of("sqlite:////a/b.x").path == Path("/a/b.x")
    assert database_of("duckdb:///a%20b.x?schema=s").path == Path("a b.x")
    for name in ("100%.duckdb", "what?.duckdb", "a b#c.duckdb"):
        assert database_of(name).path == Path(name)


def test_a_file_is_told_by_its_content(tmp_path) -> None:
    duckdb.connect(str(tmp_path / "a.db")).close()
    con = sqlite3.connect(tmp_path / "b.db")
    con.execute("CREATE TABLE t (x)")
    con.close()
    assert database_of(tmp_path / "a.db").kind == "duckdb"
    assert database_of(str(tmp_path / "b.db")).kind == "sqlite"
    with pytest.raises(InputError, match="out must be of a kind that can be told"):
        database_of(tmp_path / "c.db", "out")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("mysql://u:pa55@h/db", "found 'mysql://...'"),
        ("postgresql://u:pa%zz55@h/db", "percent-encoded"),
        ("postgresql://u:pa55@b@h/db", "percent-encoded"),
        ("postgresql://u:pa55/b@h/db", "percent-encoded"),
        ("duckdb://", "write duckdb:///file"),
        ("sqlite://file", "write sqlite:///file"),
        ("sqlite:///f?schema=x", "schema must be empty for SQLite"),
        ("nothing", "a text that is none"),
        ("", "a text that is none"),
        (7, "found int"),
    ],
)
def test_what_is_refused_without_being_shown(place, said: str) -> None:
    with pytest.raises(InputError) as refused:
        Database(place)
    assert said in str(refused.value)
    assert "pa55" not in str(refused.value)
    assert "Try:" in str(refused.value) or "found int" in said or "schema" in said


@pytest.mark.parametrize("place", ["postgresql://u:pa55@h/d", "sqlite:///a.x"])
def test_an_address_as_a_path_is_refused_and_makes_no_folder(place: str) -> None:
    with pytest.raises(InputError, match="must be given as text") as refused:
        Run(Path(place))
    assert "pa55" not in str(refused.value)


def test_schema_and_zone_are_checked() -> None:
    assert Database("postgresql://h/d?schema=a&sslmode=require").schema == "a"
    assert "schema" not in Database("postgresql://h/d?schema=a&sslmode=require").place
    with pytest.raises(InputError, match="schema must be the one of the address"):
        Database("postgresql://h/d?schema=a", schema="b")
    with pytest.raises(InputError, match="timezone must be the name of a time zone"):
        Database("postgresql://h/d", timezone="Mars/North")
    with pytest.raises(InputError, match="schema must be a name"):
        Database("postgresql://h/d", schema=3)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "form", ["postgresql://u:{}@127.0.0.1:1/d", "postgresql://127.0.0.1:1/d?password={}"]
)
def test_a_password_is_never_shown(secret: str, form: str) -> None:
    pytest.importorskip("adbc_driver_postgresql")
    place = form.format(quote(secret, safe=""))
    database = Database(place)
    shown = [repr(database), str(database), database.shown, repr(Run(place)), f"{[database]}"]
    try:
        with open_database(database):
            pass
    except DatabaseError:
        shown.append(traceback.format_exc())
    else:
        pytest.fail("nobody listens there")
    with pytest.raises(DatabaseError) as lost:
        ac.read_records(place)
    shown += [str(lost.value), repr(lost.value)]
    assert lost.value.__cause__ is None
    for text in shown:
        assert secret not in text
        assert quote(secret, safe="") not in text
    assert pickle.loads(pickle.dumps(database)) == database  # noqa: S301


@settings(max_examples=60)
@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=4, max_size=12))
def test_whatever_the_password_it_is_not_shown(secret: str) -> None:
    assume(secret not in SHOWN)
    database = Database(f"postgresql://u:{quote(secret, safe='')}@host/db")
    assert secret not in repr(database)
    assert secret not in database.scrub(f"the server says: no {secret}, nor {quote(secret)}")


def test_the_extra_is_named_where_the_driver_is_absent(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    with pytest.raises(InputError, match=r"pip install 'alicredit\[postgres\]'"):
        ac.read_records("postgresql://u@h/db")


@pytest.mark.parametrize("name", ["a.duckdb", "a.sqlite"])
def test_files_that_cannot_be_are_refused_by_name(name: str, tmp_path) -> None:
    with pytest.raises(InputError, match="source must be a file that exists"):
        ac.read_records(tmp_path / name)
    assert not (tmp_path / name).exists()
    (tmp_path / name).write_bytes(b"no database at all, but long enough to be read as one" * 99)
    with pytest.raises((InputError, DatabaseError), match=f"source must .*{name}"):
        ac.read_records(tmp_path / name)
    with (
        pytest.raises(InputError, match="must be a file in a folder that exists"),
        open_database(database_of(tmp_path / "none" / name), argument="out", is_written=True),
    ):
        pass
