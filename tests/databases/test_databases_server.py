"""Decisions in a real PostgreSQL: killed between and inside parts, cut off, run twice at once."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import databases_stage as stage
import pandas as pd
import pytest
from model_stage import decider
from nightly_stage import AS_OF, COUNT, PART, make_people

import alicredit as ac
from alicredit.databases import Database
from alicredit.errors import DatabaseError, InputError
from alicredit.nightly.tables import Tables
from alicredit.portfolio import Run, read_decisions

KILLS = int(os.environ.get("ALICREDIT_KILLS", "2"))
SLEEPING = "FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with stage.a_server() as url:
        yield url


@pytest.fixture(scope="module")
def night(server, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("night")
    decider().save(place / "model.alicredit")
    make_people().to_parquet(place / "features.parquet", index=False)
    decide(place, place / "whole")
    tell(server, "CREATE SCHEMA whole")
    decide(place, f"{server}&schema=whole")
    return place


@pytest.fixture
def place(server, night) -> Iterator[str]:
    tell(server, "CREATE SCHEMA night")
    yield f"{server}&schema=night"
    tell(server, "DROP SCHEMA night CASCADE")


def tell(server: str, *statements: str) -> None:
    for sql in statements:
        stage.ask(server, sql, is_written=True)


def decide(night: Path, out, **options) -> pd.DataFrame:
    features = options.pop("features", night / "features.parquet")
    run = Run(out, part_merchants=PART, **options)
    model = ac.load_model(night / "model.alicredit")
    return ac.score_portfolio(None, model, as_of=AS_OF, features=features, out=run)


@pytest.fixture(scope="module")
def nights(night) -> Iterator:
    with stage.nights(night / "model.alicredit", night / "features.parquet") as server:
        yield server


@pytest.fixture
def start(nights, tmp_path) -> Callable[[str], stage.Night]:
    return lambda place: stage.Night(nights, place, tmp_path / "said")


def rows_of(server: str, schema: str) -> dict[str, list[tuple]]:
    tables = {stage.RUNS: "run", stage.PARTS: "run, part", stage.QUARANTINE: "run, part, line",
              stage.DECISIONS: "run, part, line"}  # fmt: skip
    return {
        name: stage.ask(server, f"SELECT * FROM {schema}.{name} ORDER BY {key}")
        for name, key in tables.items()
    }


def finished(server: str) -> int:
    have = "SELECT count(*) FROM pg_tables WHERE schemaname = 'night'"
    if stage.ask(server, have)[0][0] < 4:
        return 0
    return stage.ask(server, f"SELECT count(*) FROM night.{stage.PARTS}")[0][0]


def slow_from(server: str, night: Path, place: str, part: int) -> None:
    """Make the tables, and each row of a part wait, so that whoever writes it is seen inside."""
    decide(night, place, features=make_people(20))
    tell(server, f"TRUNCATE night.{stage.RUNS}, night.{stage.PARTS}, night.{stage.DECISIONS}, "
         f"night.{stage.QUARANTINE}",
         "CREATE TABLE night.slow AS SELECT 1 AS x",
         "CREATE FUNCTION night.wait() RETURNS trigger LANGUAGE plpgsql AS "
         "'BEGIN PERFORM pg_sleep(0.05) FROM night.slow; RETURN NEW; END'",
         f"CREATE TRIGGER wait BEFORE INSERT ON night.{stage.DECISIONS} FOR EACH ROW "
         f"WHEN (NEW.part = {part}) EXECUTE FUNCTION night.wait()")  # fmt: skip


def go_on(server: str) -> None:
    """Let the rows that are still to come wait no longer."""
    tell(server, "DELETE FROM night.slow")


def wait_inside(server: str, process: stage.Night) -> int:
    """Wait until a row of the slow part is written; give the server's process that writes it."""
    while process.poll() is None:
        found = stage.ask(server, f"SELECT pid {SLEEPING}")
        if found:
            return found[0][0]
        time.sleep(0.02)
    pytest.fail(process.wait())


def test_decisions_are_those_of_the_folder(server, night) -> None:
    paths = sorted((night / "whole").glob("part-*.parquet"))
    want = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    whole = Database(server, schema="whole")
    pd.testing.assert_frame_equal(read_decisions(whole, as_of=AS_OF), want)
    fen = stage.ask(server, f"SELECT limit_fen, pd, reasons FROM whole.{stage.DECISIONS} "
                    "ORDER BY part, line")  # fmt: skip
    assert [row[0] for row in fen] == [
        None if pd.isna(x) else round(x * 100) for x in want["limit"]
    ]
    assert [row[1] for row in fen] == [None if pd.isna(x) else x for x in want["pd"]]
    assert [list(row[2]) for row in fen] == want["reasons"].map(list).tolist()


def test_run_again_no_row_is_written(server, night) -> None:
    before = stage.ask(server, f"SELECT xmin::text, ctid::text FROM whole.{stage.DECISIONS}")
    runs = stage.ask(server, f"SELECT xmin::text FROM whole.{stage.RUNS}")
    decide(night, f"{server}&schema=whole")
    assert before == stage.ask(
        server, f"SELECT xmin::text, ctid::text FROM whole.{stage.DECISIONS}"
    )
    assert runs == stage.ask(server, f"SELECT xmin::text FROM whole.{stage.RUNS}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_run_killed_at_any_moment_ends_with_the_same_rows(
    server, night, start, place, seed
) -> None:
    process = start(place)
    while process.poll() is None and not finished(server):
        time.sleep(0.001)
    time.sleep(random.Random(seed).random() * 0.4)
    process.kill()
    process.wait()
    assert finished(server) >= 1
    decide(night, place)
    assert rows_of(server, "night") == rows_of(server, "whole")


@pytest.mark.slow
def test_a_run_killed_inside_a_part_leaves_nothing_of_it(server, night, start, place) -> None:
    slow_from(server, night, place, 3)
    process = start(place)
    wait_inside(server, process)
    process.kill()
    process.wait()
    go_on(server)
    tell(server, f"DROP TRIGGER wait ON night.{stage.DECISIONS}")
    parts = f"SELECT DISTINCT part FROM night.{stage.DECISIONS} ORDER BY 1"
    assert stage.ask(server, parts) == [(0,), (1,), (2,)]
    assert finished(server) == 3
    decide(night, place)
    assert rows_of(server, "night") == rows_of(server, "whole")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ended", "crashed"])
def test_a_server_lost_inside_a_part_is_said_and_gone_on_with(
    server, night, start, place, how
) -> None:
    slow_from(server, night, place, 2)
    process = start(place.replace("//postgres@", "//postgres:s3cretWord@"))
    writer = wait_inside(server, process)
    if how == "ended":
        tell(server, f"SELECT pg_terminate_backend({writer})")
    else:
        os.kill(writer, 9)  # the whole server starts again from its log
    told = process.wait()
    assert process.returncode != 0
    assert "DatabaseError: out must be in reach and free" in told
    assert "s3cretWord" not in told
    for _ in range(100):
        try:
            tell(server, f"DROP TRIGGER IF EXISTS wait ON night.{stage.DECISIONS}")
            break
        except Exception:  # noqa: BLE001 - the server recovers
            time.sleep(0.2)
    parts = f"SELECT DISTINCT part FROM night.{stage.DECISIONS} ORDER BY 1"
    assert stage.ask(server, parts) == [(0,), (1,)]
    decide(night, place)
    assert rows_of(server, "night") == rows_of(server, "whole")


@pytest.mark.slow
def test_a_second_run_at_once_is_refused_and_the_first_goes_on(server, night, start, place) -> None:
    slow_from(server, night, place, 1)
    first = start(place)
    wait_inside(server, first)
    with pytest.raises(InputError, match="out must be written by one run at a time"):
        decide(night, place)
    assert first.poll() is None
    go_on(server)
    told = first.wait()
    assert first.returncode == 0, told
    assert rows_of(server, "night") == rows_of(server, "whole")


def test_a_run_that_lost_its_rows_to_another_stops(server, night, place, monkeypatch) -> None:
    real = Tables.keep

    def keep(self, number, *given):
        if number == 4:
            tell(server, f"UPDATE night.{stage.RUNS} SET job_id = 'another'")
        return real(self, number, *given)

    monkeypatch.setattr(Tables, "keep", keep)
    with pytest.raises(InputError, match="out must be written by one run at a time"):
        decide(night, place)
    assert finished(server) == 4


def test_an_input_that_changed_since_is_refused(server, night, place, monkeypatch) -> None:
    real = Tables.keep

    def keep(self, number, *given):
        if number == 4:
            raise KeyboardInterrupt
        return real(self, number, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Tables, "keep", keep)
        with pytest.raises(KeyboardInterrupt):
            decide(night, place)
    with pytest.raises(InputError, match="another inputs_digest in"):
        decide(night, place, features=make_people(COUNT - 1))
    assert finished(server) == 4
    decide(night, place)
    assert rows_of(server, "night") == rows_of(server, "whole")


def test_texts_that_a_server_cannot_hold_are_refused_by_name(server, night, place) -> None:
    people = make_people(40)
    people.loc[3, "merchant_id"] = "a\0b"
    said = r"alicredit_decisions column 'merchant_id' must hold no zero byte.*'a\\x00b'"
    with pytest.raises(InputError, match=said):
        decide(night, place, features=people)
    people.loc[3, "merchant_id"] = "店\u2028💰';--"
    decide(night, place, features=people, resume=False)
    assert "店\u2028💰';--" in set(read_decisions(place, as_of=AS_OF)["merchant_id"])


def test_who_may_not_write_is_refused_without_a_password(server, night, place) -> None:
    tell(server, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN",
         "GRANT USAGE ON SCHEMA night TO guest")  # fmt: skip
    with pytest.raises(InputError, match="permission denied") as refused:
        decide(night, place.replace("//postgres@", "//guest:s3cretWord@"))
    assert "s3cretWord" not in str(refused.value)
    with pytest.raises(DatabaseError, match="does not exist"):
        decide(night, place.replace("/postgres?", "/none?"))
