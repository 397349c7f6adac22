"""Records of a real PostgreSQL are those of a folder; what cannot be exact is refused by name."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import databases_stage as stage
import pytest

import alicredit as ac
from alicredit.errors import AlicreditError, RecordError

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
COLUMNS = "merchant_id text, platform text, registered_at date"
SALES = "merchant_id text, month date, amount {}, source text"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with stage.a_server() as url:
        yield url


def tell(server: str, *statements: str) -> None:
    for sql in statements:
        stage.ask(server, sql, is_written=True)


@pytest.fixture
def schema(server) -> Iterator[str]:
    tell(server, "CREATE SCHEMA odd")
    yield f"{server}&schema=odd"
    tell(server, "DROP SCHEMA odd CASCADE")


def test_they_are_those_of_the_folder(server) -> None:
    records, _ = ac.simulate_platform(
        60, seed=4, start="2012-07-01", months=12, orders_per_month=2, default_rate=0.3
    )
    stage.fill(server, {name: records[name] for name in records.tables})
    found = ac.read_records(server, data_use=USE)
    assert set(found.tables) == set(records.tables)
    for name in records.tables:
        assert found[name].equals(records[name]), name
        assert found[name].schema == records[name].schema, name
    assert "bank_txns" not in ac.read_records(server)


def test_a_reader_sees_one_moment_of_all_tables(schema, server) -> None:
    """A merchant and its sales, committed together meanwhile, are in both tables or in none."""
    tell(server, f"CREATE TABLE odd.merchants ({COLUMNS})",
         f"CREATE TABLE odd.declared_sales ({SALES.format('numeric')})")  # fmt: skip
    stop = threading.Event()

    def write() -> None:
        for k in range(10_000):
            if stop.is_set():
                return
            tell(server, f"WITH m AS (INSERT INTO odd.merchants VALUES ('m{k}', 'taobao', "
                 f"'2011-05-01')) INSERT INTO odd.declared_sales VALUES ('m{k}', '2012-01-01', 1, "
                 "'total')")  # fmt: skip

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            found = ac.read_records(schema)
            one, two = (set(found[n]["merchant_id"].to_pylist()) for n in found.tables)
            assert one == two
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("numeric", "0.1", 0.1),
        ("numeric(20,2)", "1234567890123456.78", 1234567890123456.78),
        ("numeric", "'NaN'", None),
        ("real", "0.5", 0.5),
        ("double precision", "0.1", 0.1),
        ("bigint", "3", 3.0),
        ("text", "'3'", "amount"),
        ("money", "3", "amount"),
        ("interval", "'1 day'", "amount"),
        ("integer[]", "'{1}'", "amount"),
        ("boolean", "true", "amount"),
        ("jsonb", "'1'", "amount"),
    ],
)
def test_amounts_of_any_type_are_exact_or_refused(schema, server, kind, value, found) -> None:
    row = f"'m', '2012-01-01', {value}, 'total'"
    tell(server, f"CREATE TABLE odd.merchants ({COLUMNS})",
         f"CREATE TABLE odd.declared_sales ({SALES.format(kind)})",
         f"INSERT INTO odd.declared_sales VALUES ({row})")  # fmt: skip
    if found == "amount":
        with pytest.raises(AlicreditError, match="column 'amount' must be"):
            ac.read_records(schema)
    else:
        assert ac.read_records(schema)["declared_sales"]["amount"].to_pylist() == [found]


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("smallint", "3", 3),
        ("numeric", "3", 3),
        ("numeric(5,1)", "3.0", 3),
        ("numeric", "3.5", None),
        ("numeric", "1e19", None),
        ("numeric", "'NaN'", None),
        ("double precision", "3.5", None),
        ("text", "'3'", None),
    ],
)
def test_whole_numbers_are_whole_or_refused(schema, server, kind, value, found) -> None:
    tell(server, f"CREATE TABLE odd.merchants ({COLUMNS}, cert_level {kind})",
         f"INSERT INTO odd.merchants VALUES ('m', 'taobao', '2011-05-01', {value})")  # fmt: skip
    if found is None:
        with pytest.raises(AlicreditError, match="cert_level"):
            ac.read_records(schema)
    else:
        assert ac.read_records(schema)["merchants"]["cert_level"].to_pylist() == [found]


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("char(6)", "'m1'", "m1"),
        ("numeric(20,0)", "12345678901234567890", "12345678901234567890"),
        ("bigint", "7", "7"),
        ("varchar(5)", "'店'", "店"),
        ("numeric(20,2)", "7", None),
        ("bytea", "'\\x00'", None),
        ("double precision", "7", None),
    ],
)
def test_ids_of_any_type_are_their_text_or_refused(schema, server, kind, value, found) -> None:
    columns = COLUMNS.replace("merchant_id text", f"merchant_id {kind}")
    tell(server, f"CREATE TABLE odd.merchants ({columns})",
         f"INSERT INTO odd.merchants VALUES ({value}, 'taobao', '2011-05-01')")  # fmt: skip
    if found is None:
        with pytest.raises(AlicreditError, match="column 'merchant_id' must be"):
            ac.read_records(schema)
    else:
        assert ac.read_records(schema)["merchants"]["merchant_id"].to_pylist() == [found]


def test_enums_domains_views_and_zones_are_read(schema, server) -> None:
    tell(server, "CREATE TYPE odd.platforms AS ENUM ('taobao', 'tmall')",
         "CREATE DOMAIN odd.who AS varchar(9)",
         "CREATE TABLE odd.people (merchant_id odd.who, platform odd.platforms, "
         "registered_at date, known_at timestamptz, \"odd \"\"name\" int)",
         "INSERT INTO odd.people VALUES ('m', 'tmall', '2011-05-01', '2011-05-01 00:30+00', 1)",
         "CREATE VIEW odd.merchants AS SELECT * FROM odd.people")  # fmt: skip
    found = ac.read_records(schema)
    assert found["merchants"]["platform"].to_pylist() == ["tmall"]
    assert found["merchants"]["known_at"][0].as_py().isoformat(" ") == "2011-05-01 08:30:00"
    assert any('odd "name' in note.message for note in found.findings)


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_a_time_without_end_is_refused_by_the_name_of_its_column(schema, server, kind) -> None:
    tell(server, f"CREATE TABLE odd.merchants ({COLUMNS}, known_at {kind})",
         "INSERT INTO odd.merchants VALUES ('m', 'taobao', '2011-05-01', 'infinity')")  # fmt: skip
    said = r"source must do what is asked of it.*column_known_at: infinity"
    with pytest.raises(AlicreditError, match=said):
        ac.read_records(schema)


def test_a_schema_that_is_not_there_is_refused(server) -> None:
    with pytest.raises(AlicreditError, match="schema must be one of the database; found 'lender'"):
        ac.read_records(f"{server}&schema=lender")
    with pytest.raises(RecordError, match="table 'merchants' must be among the records"):
        ac.read_records(f"{server}&schema=pg_catalog")


def test_a_table_that_may_not_be_read_is_refused(schema, server) -> None:
    tell(server, f"CREATE TABLE odd.merchants ({COLUMNS})", "DROP ROLE IF EXISTS clerk",
         "CREATE ROLE clerk LOGIN", "GRANT USAGE ON SCHEMA odd TO clerk")  # fmt: skip
    other = schema.replace("//postgres@", "//clerk:s3cretWord@")
    with pytest.raises(AlicreditError, match="permission denied") as refused:
        ac.read_records(other)
    assert "s3cretWord" not in str(refused.value)
    assert "clerk:***@" in str(refused.value)


def test_a_server_that_is_lost_while_it_is_read_says_so(schema, server) -> None:
    tell(server, "CREATE TABLE odd.m AS SELECT 'm' || k AS merchant_id, 'taobao' AS platform, "
         "date '2011-05-01' AS registered_at FROM generate_series(1, 1000) k",
         "CREATE VIEW odd.merchants AS SELECT merchant_id, platform, registered_at FROM odd.m "
         "WHERE pg_sleep(0.02) IS NOT NULL")  # fmt: skip
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"

    def cut() -> None:
        while not stage.ask(server, f"{end} WHERE wait_event = 'PgSleep'")[0][0]:
            time.sleep(0.05)

    other = threading.Thread(target=cut)
    other.start()
    with pytest.raises(ac.AlicreditError, match="source must be in reach and free"):
        ac.read_records(schema)
    other.join()
