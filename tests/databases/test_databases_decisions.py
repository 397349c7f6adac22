"""Decisions in a file of DuckDB or SQLite are those of a folder, whatever a run met on its way."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import databases_stage as stage
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from model_stage import decider
from nightly_stage import AS_OF, COUNT, PART, content, make_people

import alicredit as ac
from alicredit.errors import AlicreditError, InputError
from alicredit.nightly.tables import Tables
from alicredit.portfolio import Run, read_decisions, write_decisions

KILLS = int(os.environ.get("ALICREDIT_KILLS", "2"))


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("night")
    decider().save(place / "model.alicredit")
    make_people().to_parquet(place / "features.parquet", index=False)
    decide(place, place / "whole")
    for kind in stage.FILES:
        decide(place, f"{kind}:///{place}/whole.{kind}")
    return place


def decide(night: Path, out, **options) -> pd.DataFrame:
    features = options.pop("features", night / "features.parquet")
    as_of = options.pop("as_of", AS_OF)
    run = Run(out, part_merchants=PART, **options)
    model = ac.load_model(night / "model.alicredit")
    return ac.score_portfolio(None, model, as_of=as_of, features=features, out=run)


def whole(night: Path, kind: str) -> dict[str, list[tuple]]:
    return stage.rows_of(f"{kind}:///{night}/whole.{kind}")


def folder_rows(night: Path) -> pd.DataFrame:
    parts = [pd.read_parquet(path) for path in sorted((night / "whole").glob("part-*.parquet"))]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def nights(night) -> Iterator:
    with stage.nights(night / "model.alicredit", night / "features.parquet") as server:
        yield server


@pytest.fixture(params=stage.FILES)
def place(request, tmp_path) -> str:
    return f"{request.param}:///{tmp_path}/night.x"


@pytest.fixture
def done(night, place) -> str:
    """Give a place where the night is done: a copy of one that was decided into."""
    shutil.copyfile(night / f"whole.{kind_of(place)}", place.split(":///")[1])
    return place


def kind_of(place: str) -> str:
    return place.split(":", 1)[0]


def test_decisions_are_those_of_the_folder(night, place) -> None:
    told = decide(night, place)
    pd.testing.assert_frame_equal(told, decide(night, night / "whole"))
    pd.testing.assert_frame_equal(read_decisions(place, as_of=AS_OF), folder_rows(night))
    want = [pq.read_table(path) for path in sorted((night / "whole/quarantine").glob("*.parquet"))]
    have = stage.ask(place, f"SELECT * FROM {stage.QUARANTINE} ORDER BY run, part, line")
    rows = [tuple(row.values()) for table in want for row in table.to_pylist()]
    assert [row[3:] for row in have] == rows


def test_amounts_are_whole_fen_and_times_are_times(night, done) -> None:
    place = done
    names = "limit_fen, expected_loss_fen, expected_profit_fen, as_of, score, pd"
    rows = stage.ask(place, f"SELECT {names} FROM {stage.DECISIONS} ORDER BY part, line")
    want = folder_rows(night)
    for at, name in enumerate(("limit", "expected_loss", "expected_profit")):
        fen = [None if np.isnan(x) else round(x * 100) for x in want[name]]
        assert [row[at] for row in rows] == fen
    assert {str(row[3]) for row in rows} == {"2013-05-01 00:00:00"}
    assert [row[4] for row in rows] == [None if pd.isna(s) else int(s) for s in want["score"]]
    assert [row[5] for row in rows] == [None if np.isnan(p) else p for p in want["pd"]]


def test_the_run_and_its_parts_say_what_was_done(night, done) -> None:
    place = done
    (run,) = stage.ask(place, f"SELECT * FROM {stage.RUNS}")
    parts = stage.ask(place, f"SELECT part, rows_written, merchants FROM {stage.PARTS}")
    assert sorted(part[0] for part in parts) == list(range(COUNT // PART))
    assert sum(part[1] for part in parts) == run[9]
    assert sum(part[2] for part in parts) == run[8] == COUNT
    assert run[7] == "finished"


def test_run_again_nothing_is_written(night, place) -> None:
    first = decide(night, place)
    before = stage.rows_of(place)
    stamp = Path(place.split(":///")[1]).stat().st_mtime_ns
    pd.testing.assert_frame_equal(first, decide(night, place))
    assert stage.rows_of(place) == before
    if kind_of(place) == "sqlite":
        assert Path(place.split(":///")[1]).stat().st_mtime_ns == stamp


def test_each_moment_has_rows_of_its_own(night, done) -> None:
    place = done
    decide(night, place, as_of="2013-05-02")
    runs = stage.ask(place, f"SELECT run, count(*) FROM {stage.DECISIONS} GROUP BY run")
    assert len(runs) == 2
    assert len({count for _, count in runs}) == 1
    for moment in (AS_OF, "2013-05-02"):
        assert set(read_decisions(place, as_of=moment)["as_of"]) == {pd.Timestamp(moment)}
    with pytest.raises(InputError, match="as_of must name one finished run; found 0 of 0"):
        read_decisions(place, as_of="2013-05-03")


class Stop(BaseException):
    """A stop that nobody catches."""


@contextlib.contextmanager
def stopped_after(parts: int, monkeypatch):
    count, real = [], Tables.keep

    def keep(self, *given):
        found = real(self, *given)
        count.append(given[0])
        if len(count) == parts:
            raise Stop
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Tables, "keep", keep)
        with contextlib.suppress(Stop):
            yield
    assert len(count) == parts


def test_finished_parts_are_not_decided_again(night, place, monkeypatch) -> None:
    with stopped_after(5, monkeypatch):
        decide(night, place)
    assert len(stage.ask(place, f"SELECT part FROM {stage.PARTS}")) == 5
    with pytest.raises(InputError, match="found 0 of 0"):
        read_decisions(place, as_of=AS_OF)  # what is not finished is not given
    seen, real = [], Tables.keep
    monkeypatch.setattr(Tables, "keep", lambda s, *g: (seen.append(g[0]), real(s, *g))[1])
    decide(night, place)
    assert seen == list(range(5, COUNT // PART))
    assert stage.rows_of(place) == whole(night, kind_of(place))


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE {stage.DECISIONS} SET limit_fen = limit_fen + 1 WHERE part = 3 AND line = 7",
        f"UPDATE {stage.DECISIONS} SET decision = 'approve' WHERE part = 0 AND line = 0",
        f"DELETE FROM {stage.DECISIONS} WHERE part = 4 AND line > 70",
        f"DELETE FROM {stage.PARTS} WHERE part = 2",
        f"DELETE FROM {stage.QUARANTINE}",
        f"DELETE FROM {stage.RUNS}",
    ],
)
def test_damaged_rows_are_found_and_written_again(night, done, damage: str) -> None:
    place = done
    stage.ask(place, damage, is_written=True)
    assert stage.rows_of(place) != whole(night, kind_of(place))
    decide(night, place)
    assert stage.rows_of(place) == whole(night, kind_of(place))


def test_an_input_that_changed_since_is_refused(night, place, monkeypatch, tmp_path) -> None:
    with stopped_after(3, monkeypatch):
        decide(night, place)
    kept, other = stage.rows_of(place), make_people()
    other.loc[300, "debt"] += 0.25
    other.to_parquet(tmp_path / "changed.parquet", index=False)
    with pytest.raises(InputError, match=r"another inputs_digest in .*night.x"):
        decide(night, place, features=tmp_path / "changed.parquet")
    assert stage.rows_of(place) == kept
    decide(night, place, features=tmp_path / "changed.parquet", resume=False)
    assert len(read_decisions(place, as_of=AS_OF)) == len(folder_rows(night))
    decide(night, place)  # what was finished gives way to another run
    assert stage.rows_of(place) == whole(night, kind_of(place))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_run_killed_at_any_moment_ends_with_the_same_rows(
    night, nights, place, tmp_path, seed: int
) -> None:
    rng = random.Random(seed)
    process = stage.Night(nights, place, tmp_path / "said")
    path = Path(place.split(":///")[1])
    while process.poll() is None and not (path.exists() and path.stat().st_size > 20_000):
        time.sleep(0.001)
    time.sleep(rng.random() * 0.4)
    process.kill()
    process.wait()
    assert path.exists()
    decide(night, place)
    assert stage.rows_of(place) == whole(night, kind_of(place))


def test_a_second_run_at_once_is_refused_and_the_first_goes_on(
    night, nights, place, tmp_path
) -> None:
    def told(*_: int) -> None:
        second = stage.Night(nights, place, tmp_path / "said")
        assert "out must be written by one run at a time" in second.wait()
        assert second.returncode == 1
        raise Stop

    model = ac.load_model(night / "model.alicredit")
    features, run = night / "features.parquet", Run(place, part_merchants=PART)
    with pytest.raises(Stop):
        ac.score_portfolio(None, model, as_of=AS_OF, features=features, out=run, progress=told)
    decide(night, place)
    assert stage.rows_of(place) == whole(night, kind_of(place))


def test_a_table_of_the_same_name_that_is_another_is_left_alone(night, place) -> None:
    sql = f"CREATE TABLE {stage.DECISIONS} (merchant_id VARCHAR, mine VARCHAR)"
    stage.ask(place, sql, is_written=True)
    with pytest.raises(InputError, match=f"table '{stage.DECISIONS}' must have the column"):
        decide(night, place)
    assert stage.ask(place, f"SELECT * FROM {stage.DECISIONS}") == []


@pytest.mark.parametrize("text", ["a\0b", "店\u2028铺", "💰", "';--", '"', " m "])
def test_odd_ids_stand_as_they_are(night, place, text: str) -> None:
    people = make_people(40)
    people.loc[3, "merchant_id"] = text
    decide(night, place, features=people)
    assert text in set(read_decisions(place, as_of=AS_OF)["merchant_id"])
    plain = ac.score_portfolio(
        None, ac.load_model(night / "model.alicredit"), as_of=AS_OF, features=people
    )
    have = read_decisions(place, as_of=AS_OF)
    assert have["merchant_id"].tolist() == plain["merchant_id"].tolist()
    assert have["reasons"].map(list).tolist() == plain["reasons"].map(list).tolist()


def test_a_frame_is_written_and_read_back(night, place) -> None:
    model = ac.load_model(night / "model.alicredit")
    frame = ac.score_portfolio(None, model, as_of=AS_OF, features=make_people())
    write_decisions(frame, place)
    pd.testing.assert_frame_equal(read_decisions(place, as_of=AS_OF), folder_rows(night))
    before = stage.rows_of(place)
    write_decisions(frame, place)
    assert stage.rows_of(place) == before
    write_decisions(frame.head(8), place)
    assert len(read_decisions(place, as_of=AS_OF)) == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"as_of": [pd.Timestamp("2013-05-01"), pd.Timestamp("2013-05-02")] * 4}, "of one as_of"),
        ({"policy_id": list("ababab") + ["a", "a"]}, "of one policy_id"),
        ({"model_id": [f"{k}" for k in range(8)]}, "of one model a product"),
        ({"pd": ["high"] * 8}, "must be what score_portfolio gives"),
        ({"limit": [0.001] * 8}, "must be whole fen"),
    ],
)
def test_frames_that_are_no_decisions_are_refused(night, place, change, said: str) -> None:
    frame = folder_rows(night).head(8).assign(**change)
    with pytest.raises(AlicreditError, match=said):
        write_decisions(frame, place)


def test_what_is_no_database_is_refused(night, tmp_path) -> None:
    with pytest.raises(InputError, match="place must be a database"):
        write_decisions(folder_rows(night).head(8), str(tmp_path))
    with pytest.raises(InputError, match="place must be a database"):
        read_decisions(3, as_of=AS_OF)
    with pytest.raises(InputError, match="out must be an address such as"):
        decide(night, "mysql://u:s3cretWord@h/db")
    with pytest.raises(InputError, match="work must be a path"):
        Run("a.duckdb", work=3)
    assert content(night / "whole")
