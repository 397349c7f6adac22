"""A task that fails or dies is tried again: the same bytes, nothing twice; torn is refused."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from cluster_stage import PART, content, decide, staged_few
from nightly_stage import make_people
from spark_stage import running_spark

import alicredit as ac
from alicredit.checks import whole_file
from alicredit.cluster import portfolio_jobs
from alicredit.cluster.answering import Deciding
from alicredit.cluster.gathering import Gathering
from alicredit.cluster.prepared import Prepared
from alicredit.errors import InputError
from alicredit.nightly.folder import Folder, part_name
from alicredit.nightly.survey import Survey
from alicredit.nightly.written import write_part
from alicredit.portfolio import Run

pyspark = pytest.importorskip("pyspark")


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    running = running_spark()
    pyspark.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield running
    pyspark.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return staged_few(tmp_path_factory.mktemp)


def is_first_try() -> bool:
    """Tell in a task whether it runs for the first time."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return context is not None and context.attemptNumber() == 0


class DyingGathering(Gathering):
    """Dies as a worker dies for want of memory, after some of its part has gone out."""

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        is_to_die = is_first_try() and TaskContext.get().partitionId() == 0
        for at, piece in enumerate(super().answer(batches)):
            if is_to_die and at == 1:
                os._exit(9)
            yield piece


class FailingDeciding(Deciding):
    """Fails or dies in its first try: with a part written, with half of one, before all."""

    def write_one(self, number: int, frame: pd.DataFrame) -> pa.RecordBatch:
        if not is_first_try() or self.place is None:
            return super().write_one(number, frame)
        folder = self.place[0].path
        if number == 0:
            raise OSError("the disk is gone")
        if number == 1:
            super().write_one(number, frame)
            raise MemoryError("after the receipt")
        if number == 2:
            (folder / f".{part_name(number)}.0123abcd.partial").write_bytes(b"half of a part")
            os._exit(9)
        return super().write_one(number, frame)


@pytest.mark.slow
def test_tasks_that_fail_and_die_are_tried_again_to_the_same_bytes(
    session: Any, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portfolio_jobs, "Gathering", DyingGathering)
    monkeypatch.setattr(portfolio_jobs, "Deciding", FailingDeciding)
    told = decide(stage, out=Run(tmp_path / "out", part_merchants=PART), engine=session)
    assert content(tmp_path / "out") == content(stage / "whole")
    manifest = told.attrs["manifest"]
    parts = [each["name"] for each in manifest["parts"]]
    assert parts == sorted(set(parts))
    rows = pd.concat(pd.read_parquet(tmp_path / "out" / name) for name in parts)
    assert not rows.duplicated(["merchant_id", "product_id"]).any()
    assert rows["merchant_id"].nunique() == manifest["merchants"] == 61


@pytest.mark.slow
def test_a_job_whose_tasks_fail_for_good_leaves_whole_parts_and_is_gone_on_with(
    session: Any, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Deciding):
        def write_one(self, number: int, frame: pd.DataFrame) -> pa.RecordBatch:
            if number == 3:
                raise OSError("no space left")
            return super().write_one(number, frame)

    run = Run(tmp_path / "out", part_merchants=PART)
    monkeypatch.setattr(portfolio_jobs, "Deciding", Broken)
    with pytest.raises(ac.AlicreditError, match="out must be readable by Spark"):
        decide(stage, out=run, engine=session)
    assert not (tmp_path / "out" / "manifest.json").exists()
    whole = content(stage / "whole")
    for name, data in content(tmp_path / "out").items():
        assert name not in whole or data == whole[name]
    monkeypatch.undo()
    decide(stage, out=run)  # locally: it is one and the same job
    assert content(tmp_path / "out") == whole


@pytest.mark.parametrize("is_first_done", [True, False])
def test_two_tries_that_write_one_part_at_once_leave_it_whole(
    tmp_path: Path, is_first_done: bool
) -> None:
    table = pa.table({"x": list(range(1000))})
    expected = write_part(Folder(tmp_path), "expected.parquet", table)["sha256"]
    place = tmp_path / part_name(0)

    def write_slowly() -> None:
        with whole_file("out", place, mark=".00000001") as slow:
            slow.write(b"half")
            slow.flush()
            if is_first_done:
                write_part(Folder(tmp_path), part_name(0), table)
            raise RuntimeError("Spark stops the try that is not needed")

    with pytest.raises(RuntimeError):
        write_slowly()
    if not is_first_done:
        assert not place.exists()
        write_part(Folder(tmp_path), part_name(0), table)
    assert hashlib.sha256(place.read_bytes()).hexdigest() == expected
    assert sorted(each.name for each in tmp_path.iterdir()) == ["expected.parquet", place.name]


@pytest.fixture(scope="module")
def deciding() -> Callable[..., Any]:
    """Make what decides some people into a folder in parts of ten, without a cluster."""
    people = make_people(30)
    asked = SimpleNamespace(models={}, columns=frozenset(people))

    class Writing(Deciding):
        def write_one(self, number: int, frame: pd.DataFrame) -> pa.RecordBatch:
            table = pa.table({"merchant_id": frame["merchant_id"]})
            told = {"merchants": len(frame)}
            receipt = self.place[0].keep(number, table, table[:0], told, self.place[1]["job_id"])
            text = json.dumps(receipt)
            return pa.record_batch({"number": pa.array([number], pa.int32()), "receipt": [text]})

    def made(folder: Path, job: Mapping[str, Any], run: Run) -> Writing:
        return Writing(asked, (Folder(folder), job, run, Survey(30, frozenset())))

    return made


class Tasks:
    """Does what tasks would do, here; remembers which parts were asked for."""

    def __init__(self, deciding: Deciding, *, lost: frozenset[int] = frozenset()) -> None:
        self.deciding, self.lost, self.asked = deciding, lost, list[list[int]]()

    def __call__(self, left: list[int]) -> Any:
        self.asked.append(left)
        people = make_people(30)
        rows = []
        for number in left:
            batch = self.deciding.write_one(number, people.iloc[10 * number : 10 * number + 10])
            rows += batch.to_pylist()
            if number in self.lost:
                (self.deciding.place[0].path / part_name(number)).unlink()
        return SimpleNamespace(collect=lambda: rows)


JOB = {"job_id": "j" * 64}


def write_left(tasks: Tasks, folder: Path, run: Run, *guards: str) -> dict[str, Any]:
    seen, told = Survey(30, frozenset()), iter(guards or ("same",))
    return portfolio_jobs._write_left(
        tasks, Folder(folder), JOB, run, seen, lambda: next(told), "same"
    )


@pytest.mark.usefixtures("stub_manifest")
def test_what_is_done_is_not_asked_of_tasks_again(
    tmp_path: Path, deciding: Callable[..., Any]
) -> None:
    run = Run(tmp_path, part_merchants=10)
    first = Tasks(deciding(tmp_path, JOB, run))
    first([1])
    again = Tasks(deciding(tmp_path, JOB, run))
    write_left(again, tmp_path, run)
    assert again.asked == [[0, 2]]
    assert (tmp_path / "manifest.json").is_file()


@pytest.fixture
def stub_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Manifests list their parts alone."""

    def listed(job: Mapping[str, Any], _: Survey, receipts: list[dict[str, Any]]) -> Any:
        return {**job, "parts": receipts, "quarantine": {"parts": []}}

    monkeypatch.setattr(portfolio_jobs, "manifest_of", listed)


@pytest.mark.usefixtures("stub_manifest")
def test_a_part_damaged_since_is_asked_again(tmp_path: Path, deciding: Callable[..., Any]) -> None:
    run = Run(tmp_path, part_merchants=10)
    Tasks(deciding(tmp_path, JOB, run))([0, 1, 2])
    part = tmp_path / part_name(2)
    part.write_bytes(part.read_bytes()[:-1])
    again = Tasks(deciding(tmp_path, JOB, run))
    write_left(again, tmp_path, run)
    assert again.asked == [[2]]


def test_a_folder_that_tasks_do_not_share_is_refused(
    tmp_path: Path, deciding: Callable[..., Any]
) -> None:
    run = Run(tmp_path, part_merchants=10)
    tasks = Tasks(deciding(tmp_path, JOB, run), lost=frozenset({1}))
    with pytest.raises(InputError, match="out must be one folder for the session and all workers"):
        write_left(tasks, tmp_path, run)
    assert not (tmp_path / "manifest.json").exists()


def test_records_that_change_meanwhile_are_refused(
    tmp_path: Path, deciding: Callable[..., Any]
) -> None:
    run = Run(tmp_path, part_merchants=10)
    with pytest.raises(InputError, match="records must stay as they are while they are read"):
        write_left(Tasks(deciding(tmp_path, JOB, run)), tmp_path, run, "another")
    assert not (tmp_path / "manifest.json").exists()


def test_a_part_of_fewer_people_than_were_counted_is_refused(
    tmp_path: Path, deciding: Callable[..., Any]
) -> None:
    class Short(Tasks):
        def __call__(self, left: list[int]) -> Any:
            self.deciding.write_one(2, make_people(3))
            rows = [self.deciding.write_one(k, make_people(10)).to_pylist()[0] for k in (0, 1)]
            rows += self.deciding.write_one(2, make_people(3)).to_pylist()
            return SimpleNamespace(collect=lambda: rows)

    run = Run(tmp_path, part_merchants=10)
    with pytest.raises(InputError, match="records must stay as they are while they are read"):
        write_left(Short(deciding(tmp_path, JOB, run)), tmp_path, run)


def test_what_decides_nothing_in_particular_writes_nothing() -> None:
    asked = SimpleNamespace(models={}, columns=frozenset())
    with pytest.raises(TypeError):
        Deciding(asked).write_one(0, make_people(3))
    with pytest.raises(TypeError):
        Deciding(asked).read(0)
    assert Prepared(SimpleNamespace(rows=0), asked, 10).parts == 1
    assert Prepared(SimpleNamespace(rows=21), asked, 10).parts == 3
