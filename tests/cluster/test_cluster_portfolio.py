"""A portfolio decided on a real Spark of two threads: the same bits, bytes and refusals."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from cluster_stage import AS_OF, PART, content, decide, staged, staged_few
from model_stage import decider
from nightly_stage import make_people
from spark_stage import QUICK, running_spark

import alicredit as ac
from alicredit.cli import MENDED, main
from alicredit.cluster import collect_decisions
from alicredit.cluster.ids import cut_merchants
from alicredit.cluster.taking import digest_of_frames, take
from alicredit.errors import AlicreditError, InputError, RecordError
from alicredit.portfolio import Run, submit
from alicredit.stability import add_arrivals, count_arrivals, judge_arrivals, stale_feeds

pyspark = pytest.importorskip("pyspark")


@pytest.fixture(scope="module")
def session() -> Any:
    return running_spark()


@contextlib.contextmanager
def cut_into(session: Any, parts: int) -> Iterator[None]:
    """Cut the merchants into so many parts meanwhile."""
    session.conf.set("spark.sql.shuffle.partitions", str(parts))
    try:
        yield
    finally:
        session.conf.set("spark.sql.shuffle.partitions", "2")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return staged(tmp_path_factory.mktemp)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a stage of few tables, where it is the course of a job that is asked for."""
    return staged_few(tmp_path_factory.mktemp)


def frames_of(session: Any, stage: Path) -> dict[str, Any]:
    paths = sorted((stage / "records").glob("*.parquet"))
    return {path.stem: session.read.parquet(str(path)) for path in paths}


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], set[str]]]:
    """Note the columns of all that comes from the cluster to the session, and whose it is."""
    from pyspark.sql.classic.dataframe import DataFrame

    seen: list[tuple[list[str], set[str]]] = []
    for name in ("toArrow", "collect"):
        given = getattr(DataFrame, name)

        def noted(frame: Any, given: Any = given, name: str = name) -> Any:
            found = given(frame)
            has_ids = name == "toArrow" and "merchant_id" in frame.columns
            ids = set(found["merchant_id"].to_pylist()) if has_ids else set()
            seen.append((list(frame.columns), ids))
            return found

        monkeypatch.setattr(DataFrame, name, noted)
    return seen


@pytest.mark.slow
def test_decisions_of_tables_in_any_order_and_cut_are_the_local_ones_to_the_bit(
    session: Any, stage: Path, brought: list[tuple[list[str], set[str]]]
) -> None:
    rand, local = pyspark.sql.functions.rand, decide(stage)
    mixed = {
        name: each.orderBy(rand(3)).repartition(2) if name in ("orders", "loans") else each
        for name, each in frames_of(session, stage).items()
    }
    with cut_into(session, 3):
        found = decide(stage, records=mixed, engine=session)
        came = list(brought)
        here = collect_decisions(found)
    assert found.columns == list(local)
    pd.testing.assert_frame_equal(here, local, check_exact=True)
    for name in ("pd", "expected_profit", "limit"):
        assert here[name].to_numpy().tobytes() == local[name].to_numpy().tobytes()
    assert {"bad_records", "ok"} <= set(local["status"])
    codes = set(local["reasons"].explode())
    assert {"RELATED_BARRED", "ACCOUNT_SEALED", "BLACKLIST"} <= codes
    # Of merchants there come here only those that are linked, and where parts of all start.
    assert max(len(ids) for _, ids in came) < local["merchant_id"].nunique() / 2
    assert any(columns[:2] == ["name", "k0"] for columns, _ in came)  # the sums of peers


def test_arrivals_of_parts_are_judged_as_those_of_the_whole(stage: Path) -> None:
    whole = ac.read_records(stage / "records")
    orders = whole["orders"].to_pandas()
    rows = np.arange(len(orders)) % 3
    days = pd.date_range("2013-01-01", periods=9)
    for moment in (pd.Timestamp(AS_OF), pd.Timestamp("2013-11-01"), *days):
        found = []
        for part in range(3):
            some = ac.read_records(
                {"merchants": whole["merchants"], "orders": orders[rows == part]}
            )
            found.append(count_arrivals(some, moment, ["orders"])["orders"])
        judged = judge_arrivals({"orders": add_arrivals(found)}, moment)
        expected = stale_feeds(whole, as_of=moment)
        expected = expected[expected["table"] == "orders"].reset_index(drop=True)
        pd.testing.assert_frame_equal(judged, expected)


@pytest.mark.slow
def test_a_digest_of_tables_tells_of_a_value_and_not_of_an_order(session: Any) -> None:
    rows = pd.DataFrame({"merchant_id": ["a", "b", "b"], "x": [1.0, 2.0, 2.0]})

    def digest(frame: pd.DataFrame) -> str:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        return digest_of_frames({"orders": session.createDataFrame(table)})

    assert digest(rows) == digest(rows.iloc[[2, 0, 1]])
    others = [rows.assign(x=[1.0, 2.0, 3.0]), rows.iloc[:2], rows.rename(columns={"x": "y"})]
    assert len({digest(each) for each in [rows, *others]}) == 4


@pytest.mark.slow
def test_parts_are_cut_at_every_nth_id(session: Any, stage: Path) -> None:
    ids = ac.Cohort.at(ac.read_records(stage / "records"), AS_OF).frame["merchant_id"].tolist()
    taken = take(frames_of(session, stage), session)
    for size in (1, 7, 1000):
        cuts = cut_merchants(taken, pd.Timestamp(AS_OF), size)
        assert cuts == (len(ids), tuple(sorted(ids)[::size]))
        numbers = cuts.numbers(np.array(ids, dtype=object)).tolist()
        assert numbers == [at // size for at in range(len(ids))]


SUBMIT = Path(submit.__file__)


def arguments(stage: Path, out: Path) -> list[str]:
    """Give the options of the documented job."""
    return [
        "--data", str(stage / "records"), "--model", str(stage / "model.alicredit"),
        "--as-of", AS_OF, "--policy", "ali-2013", "--out", str(out),
        "--part-merchants", str(PART),
    ]  # fmt: skip


def start_submit(options: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start the documented job in a process group of its own; all that it says goes to a file."""
    place = Path(sys.executable).with_name("spark-submit")
    if not place.is_file():
        place = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [
        str(place), "--master", "local[2]", "--conf", "spark.ui.enabled=false",
        "--conf", "spark.sql.shuffle.partitions=2", "--driver-java-options", QUICK,
        str(SUBMIT), *options,
    ]  # fmt: skip
    source = str(Path(ac.__file__).parents[1])
    env = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": source}
    env["PYSPARK_DRIVER_PYTHON"] = sys.executable
    with log.open("wb") as file:
        return subprocess.Popen(
            command, env=env, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


@pytest.mark.slow
def test_a_submitted_job_killed_after_its_first_part_is_gone_on_with(
    session: Any, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    killed = start_submit(arguments(few, out), tmp_path / "log")
    while killed.poll() is None and not list(out.glob(".part-*.json")):  # its receipt
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(killed.pid, 9)
    killed.wait()
    done = [f"{path.stem[1:]}.parquet" for path in out.glob(".part-*.json")]
    left = {name: (out / name).stat() for name in done}
    assert left
    assert not (out / "manifest.json").exists()
    assert submit.submit(arguments(few, out)) == submit.MENDED  # in the session that runs
    said = capsys.readouterr().out
    told = json.loads(said)
    assert told["parts"] == 6
    assert content(out) == content(few / "whole")
    for name, before in left.items():  # what was there is not written again
        after = (out / name).stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    seen: list[tuple[int, int]] = []
    run = Run(out, part_merchants=PART)
    decide(few, out=run, engine=session, progress=lambda *done: seen.append(done))
    assert seen == [(61, 61)]
    assert content(out) == content(few / "whole")


@pytest.mark.slow
def test_a_submitted_job_that_is_refused_says_so_and_ends_with_its_code(
    stage: Path, tmp_path: Path
) -> None:
    options = arguments(stage, tmp_path / "out")
    options[options.index("--model") + 1] = "none"
    assert start_submit(options, tmp_path / "log").wait(timeout=500) == submit.REFUSED
    assert "refused: model file none must be a file" in (tmp_path / "log").read_text("utf-8")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_job_reads_tables_of_the_sessions_catalogue(
    session: Any, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = []
    for name, frame in frames_of(session, few).items():
        frame.repartition(3).createOrReplaceTempView(f"shop_{name}")
        pairs.append(f"{name}=shop_{name}")
    out = tmp_path / "out"
    options = ["--tables", *pairs, *arguments(few, out)[2:]]
    with cut_into(session, 1):
        assert submit.submit(options) == submit.MENDED
    told = json.loads(capsys.readouterr().out)
    whole = json.loads((few / "whole" / "manifest.json").read_text("utf-8"))
    assert told["inputs_digest"] != whole["inputs_digest"]
    for key in ("as_of", "model_ids", "policy_id", "merchants", "rows", "summary", "quarantine"):
        assert told[key] == whole[key], key
    for part in sorted((few / "whole").glob("part-*.parquet")):
        pd.testing.assert_frame_equal(pd.read_parquet(out / part.name), pd.read_parquet(part))
    assert submit.submit(["--tables", "orders", *options[1 + len(pairs) :]]) == submit.REFUSED
    assert "--tables must be NAME=TABLE; found 'orders'" in capsys.readouterr().err
    lost = ["--tables", "merchants=shop_none", *options[1 + len(pairs) :]]
    assert submit.submit(lost) == submit.REFUSED
    assert "--tables must be readable by Spark" in capsys.readouterr().err


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features in two files, in no order of ids, some of them poison or twice."""
    place = tmp_path_factory.mktemp("prepared")
    decider().save(place / "model.alicredit")
    people = make_people(120).sample(frac=1.0, random_state=2)
    (place / "features").mkdir()
    people.iloc[:70].to_parquet(place / "features" / "a.parquet", index=False)
    people.iloc[70:].to_parquet(place / "features" / "b.parquet", index=False)
    return place


@pytest.mark.slow
def test_prepared_features_are_decided_where_they_lie(
    session: Any, prepared: Path, tmp_path: Path
) -> None:
    model = ac.load_model(prepared / "model.alicredit")

    def run(**options: Any) -> Any:
        return ac.score_portfolio(
            None, model, as_of=AS_OF, features=prepared / "features", **options
        )

    local = run().sort_values("merchant_id", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(collect_decisions(run(engine=session)), local, check_exact=True)
    assert {"duplicated", "bad_value"} <= set(local["status"])
    run(out=Run(tmp_path / "here", part_merchants=50))
    run(out=Run(tmp_path / "there", part_merchants=50), engine=session)
    assert content(tmp_path / "here") == content(tmp_path / "there")
    assert (tmp_path / "there" / "quarantine").is_dir()


@pytest.mark.slow
def test_prepared_features_that_are_none_are_refused_as_locally(
    session: Any, prepared: Path, tmp_path: Path
) -> None:
    model = ac.load_model(prepared / "model.alicredit")
    people = pd.read_parquet(prepared / "features" / "b.parquet")
    other = {
        "lacks": people.drop(columns=model.feature_names[0]),
        "moment": people.assign(as_of=pd.Timestamp("2013-04-30")),
        "nobody": people.drop(columns="merchant_id"),
    }
    for name, frame in other.items():
        (tmp_path / name).mkdir()
        frame.to_parquet(tmp_path / name / "part.parquet", index=False)
        said = []
        for engine in ("local", session):
            with pytest.raises(AlicreditError) as refused:
                ac.score_portfolio(
                    None, model, as_of=AS_OF, features=tmp_path / name, engine=engine,
                    out=tmp_path / f"out {name}",
                )  # fmt: skip
            said.append((refused.type, str(refused.value)))
        assert said[0] == said[1], name
    with pytest.raises(InputError, match="out must be a folder with engine=spark"):
        ac.score_portfolio(
            None, model, as_of=AS_OF, features=prepared / "features", engine=session,
            out=Run(f"duckdb:///{tmp_path}/night.duckdb"),
        )  # fmt: skip


@pytest.mark.slow
def test_the_command_decides_on_spark(
    session: Any, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["score", "--features", str(prepared / "features"), "--as-of", AS_OF, "--json",
            "--model", str(prepared / "model.alicredit"), "--engine", "spark"]  # fmt: skip
    assert main(call) == MENDED
    shown = json.loads(capsys.readouterr().out)
    assert main(call[:-2]) == MENDED
    assert shown == json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        main([*call[:-1], "yarn"])


@pytest.mark.slow
def test_another_unit_is_refused_in_the_same_words(session: Any, few: Path, tmp_path: Path) -> None:
    shutil.copytree(few / "records", tmp_path / "records")
    shutil.copy(few / "model.alicredit", tmp_path)
    path = tmp_path / "records" / "declared_sales.parquet"
    frame = pd.read_parquet(path)
    frame.assign(amount=frame["amount"] / 1e4).to_parquet(path, index=False)
    said = []
    for engine in ("local", session):
        with pytest.raises(AlicreditError) as refused:
            decide(tmp_path, engine=engine)
        said.append((refused.type, str(refused.value)))
    assert said[0] == said[1]
    assert "declared unit" in said[0][1]


@pytest.mark.slow
def test_what_cannot_be_read_is_refused_by_name(session: Any, stage: Path, tmp_path: Path) -> None:
    every = frames_of(session, stage)
    frames = {name: every[name] for name in ("merchants", "orders", "interactions_daily")}
    with pytest.raises(RecordError, match="table 'merchants' must have the column 'platform'"):
        decide(stage, records=frames | {"merchants": frames["merchants"].drop("platform")},
               engine=session)  # fmt: skip
    wrong = frames["orders"].withColumn("amount", frames["orders"]["amount"].cast("string"))
    odd = frames["interactions_daily"].selectExpr("merchant_id", "day", "logins + 0.5D logins")
    with pytest.raises(RecordError, match="column 'amount' must be of kind yuan"):
        decide(stage, records=frames | {"orders": wrong}, engine=session)
    with pytest.raises(RecordError, match="column 'logins' must be of kind count"):
        decide(stage, records=frames | {"interactions_daily": odd}, engine=session)
    with pytest.raises(InputError, match="as_of must lie after the first merchant is known"):
        decide(stage, records=frames, as_of="1999-01-01", engine=session)
    frames["merchants"].toArrow().to_pandas().to_csv(tmp_path / "merchants.csv", index=False)
    with pytest.raises(RecordError, match="must be Parquet to be read on Spark"):
        decide(stage, records=ac.read_records(tmp_path), engine=session)
    with pytest.raises(RecordError, match="must be among the records"):
        decide(stage, records={"orders": frames["orders"]}, engine=session)
    merchants = frames["merchants"].toArrow().to_pandas()
    (tmp_path / "merchants.csv").unlink()
    (tmp_path / "merchants").mkdir()
    merchants[::2].to_parquet(tmp_path / "merchants" / "0.parquet")
    merchants[1::2].assign(more=1).to_parquet(tmp_path / "merchants" / "1.parquet")
    with pytest.raises(RecordError, match=r"must be alike to be read on Spark.*'merchants'"):
        decide(stage, records=ac.read_records(tmp_path), engine=session)


class Session:
    """Something that looks like a session until it is used."""

    createDataFrame = range = read = None  # noqa: N815


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"engine": 3}, InputError, "engine must be 'local' or a SparkSession; found 3"),
        ({"engine": None}, InputError, "engine must be 'local' or a SparkSession; found None"),
        ({"engine": "yarn"}, InputError, "engine must be 'local' or a SparkSession; found 'yarn'"),
        ({"engine": "spark"}, InputError, "engine must be a SparkSession itself"),
        ({"engine": Session()}, InputError, "records must be given without features"),
        ({"engine": Session(), "records": "data/sample"}, RecordError, "records must be a mapping"),
        ({"engine": Session(), "features": pd.DataFrame()}, InputError, "all workers share"),
        ({"engine": Session(), "features": "nowhere"}, InputError, "must be the path of"),
        ({"engine": Session(), "chunk_rows": 0}, InputError, "chunk_rows must be a whole number"),
    ],
)
def test_what_is_no_cluster_is_refused(
    stage: Path, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    model = ac.load_model(stage / "model.alicredit")
    given = {"records": None, **options}
    records = given.pop("records")
    with pytest.raises(error, match=text):
        ac.score_portfolio(records, model, as_of=AS_OF, **given)


def test_without_pyspark_the_extra_is_named(stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(AlicreditError, match=r"pip install 'alicredit\[spark\]'"):
        decide(stage, engine=Session())


@pytest.mark.parametrize(
    "options",
    [[], ["--data", "x", "--features", "y"], ["--data", "x", "--as-of", "2013-05-01"]],
)
def test_a_job_without_what_it_needs_is_refused(options: list[str]) -> None:
    with pytest.raises(SystemExit):
        submit.submit(options)


def test_a_job_says_what_it_refuses(stage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["--data", str(stage / "records"), "--model", "none", "--as-of", AS_OF, "--out", "x"]
    assert submit.submit(call) == submit.REFUSED
    assert "refused: model file none must be a file" in capsys.readouterr().err
