"""Killed, out of space, damaged, cut short, changed, run twice at once: nothing is lost."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from model_stage import decider
from nightly_stage import AS_OF, COUNT, PART, content, make_people

import alicredit as ac
from alicredit.errors import InputError
from alicredit.nightly import folder
from alicredit.portfolio import Run

KILLS = 50
STAGE = Path(__file__).with_name("nightly_stage.py")


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("night")
    decider().save(place / "model.alicredit")
    make_people().to_parquet(place / "features.parquet", index=False)
    decide(place, place / "whole")
    return place


def decide(stage: Path, out: Path, **options) -> pd.DataFrame:
    features = options.pop("features", stage / "features.parquet")
    as_of = options.pop("as_of", AS_OF)
    run = Run(out, part_merchants=PART, **options)
    model = ac.load_model(stage / "model.alicredit")
    return ac.score_portfolio(None, model, as_of=as_of, features=features, out=run)


def start(stage: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    names = (stage / "model.alicredit", stage / "features.parquet", out, *more)
    command = [sys.executable, str(STAGE), *map(str, names)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finished_parts(out: Path) -> int:
    return len(list(out.glob("part-*.parquet"))) if out.is_dir() else 0


@pytest.fixture(scope="module")
def runs(stage) -> Iterator[subprocess.Popen[str]]:
    names = [stage / "model.alicredit", stage / "features.parquet"]
    command = [sys.executable, str(STAGE), *map(str, names)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.stdin.close()


def _ask(runs: subprocess.Popen[str], out: Path) -> int:
    runs.stdin.write(f"{out}\n")
    runs.stdin.flush()
    return int(runs.stdout.readline())


@pytest.fixture(scope="module")
def lasts(stage, runs) -> float:
    """Seconds from the first part of a run to its end."""
    out = stage / "timed"
    _ask(runs, out)
    _wait_for_a_part(out)
    begun = time.perf_counter()
    assert int(runs.stdout.readline()) == 0
    return time.perf_counter() - begun


def _wait_for_a_part(out: Path) -> None:
    deadline = time.monotonic() + 120
    while not finished_parts(out):
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(
    stage, runs, lasts, tmp_path, seed: int
) -> None:
    process = _ask(runs, tmp_path / "out")
    _wait_for_a_part(tmp_path / "out")
    time.sleep(random.Random(seed).random() * lasts)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    assert int(runs.stdout.readline()) in (signal.SIGKILL, 0)
    decide(stage, tmp_path / "out")
    assert content(tmp_path / "out") == content(stage / "whole")


def test_parts_that_are_finished_are_not_decided_again(stage, tmp_path, monkeypatch) -> None:
    seen: list[int] = []
    real = folder.Folder.put

    def put(self, number, receipt) -> None:
        seen.append(number)
        real(self, number, receipt)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folder.Folder, "put", put)
        with pytest.raises(KeyboardInterrupt):
            decide(stage, tmp_path)
        assert seen == [0, 1, 2, 3, 4]
        old = (tmp_path / "part-00003.parquet").stat().st_ino
        decide(stage, tmp_path)
    assert seen == list(range(COUNT // PART))
    assert (tmp_path / "part-00003.parquet").stat().st_ino == old
    assert content(tmp_path) == content(stage / "whole")


def test_a_finished_run_asked_again_writes_nothing(stage, tmp_path) -> None:
    first = decide(stage, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = decide(stage, tmp_path)
    pd.testing.assert_frame_equal(first, again)
    assert times == {path: path.stat().st_mtime_ns for path in times}


@pytest.mark.parametrize(
    "name", ["part-00000.parquet", "part-00007.parquet", "quarantine/part-00004.parquet"]
)
@pytest.mark.parametrize("damage", ["bit", "cut", "gone"])
def test_a_damaged_part_is_found_and_made_again(stage, tmp_path, name: str, damage: str) -> None:
    tmp_path = shutil.copytree(stage / "whole", tmp_path / "out")
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(bytes(data) if damage == "bit" else bytes(data[:-9]))
    assert content(tmp_path) != content(stage / "whole")
    decide(stage, tmp_path)
    assert content(tmp_path) == content(stage / "whole")


def _stop_after(stage: Path, out: Path, parts: int, monkeypatch, **options) -> None:
    count, real = [], folder.Folder.put

    def put(self, number, receipt) -> None:
        real(self, number, receipt)
        count.append(number)
        if len(count) == parts:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folder.Folder, "put", put)
        with pytest.raises(KeyboardInterrupt):
            decide(stage, out, **options)


def test_an_input_that_changed_since_is_refused_and_told_what_to_do(
    stage, tmp_path, monkeypatch
) -> None:
    _stop_after(stage, tmp_path, 3, monkeypatch)
    kept = content(tmp_path)
    other = make_people()
    other.loc[300, "debt"] += 0.25
    other.to_parquet(tmp_path.parent / f"{tmp_path.name}.parquet", index=False)
    changed = tmp_path.parent / f"{tmp_path.name}.parquet"
    with pytest.raises(InputError, match=r"another inputs_digest in .*resume=False"):
        decide(stage, tmp_path, features=changed)
    assert content(tmp_path) == kept
    with pytest.raises(InputError, match="another as_of in"):
        decide(stage, tmp_path, as_of="2013-05-02")
    decide(stage, tmp_path, features=changed, resume=False)
    decide(stage, tmp_path.parent / f"{tmp_path.name}.once", features=changed)
    assert content(tmp_path) == content(tmp_path.parent / f"{tmp_path.name}.once")
    decide(stage, tmp_path)  # what was finished gives way to another run
    assert content(tmp_path) == content(stage / "whole")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_an_input_cut_short_is_refused(stage, tmp_path, monkeypatch, share: float) -> None:
    _stop_after(stage, tmp_path / "out", 3, monkeypatch)
    kept = content(tmp_path / "out")
    data = (stage / "features.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="features must be whole Parquet files"):
        decide(stage, tmp_path / "out", features=tmp_path / "cut.parquet")
    assert content(tmp_path / "out") == kept


def test_an_input_that_changes_while_it_is_read_is_refused(stage, tmp_path, monkeypatch) -> None:
    path, real = tmp_path / "features.parquet", folder.Folder.put
    path.write_bytes((stage / "features.parquet").read_bytes())

    def put(self, number, receipt) -> None:
        real(self, number, receipt)
        os.utime(path, ns=(number, number))

    monkeypatch.setattr(folder.Folder, "put", put)
    with pytest.raises(InputError, match="must stay as they are while they are read"):
        decide(stage, tmp_path / "out", features=path)
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.fixture(scope="module")
def untidied(stage) -> Path:
    """A run that was stopped when its last part was put."""
    with pytest.MonkeyPatch.context() as patch:
        _stop_after(stage, stage / "untidied", COUNT // PART, patch)
    return stage / "untidied"


@pytest.mark.parametrize("at", range(1, 20))
def test_a_run_stopped_while_it_tidies_up_is_finished(
    stage, untidied, tmp_path, monkeypatch, at
) -> None:
    tmp_path = shutil.copytree(untidied, tmp_path / "out")
    count, real = [], Path.unlink

    def unlink(self, **options) -> None:
        if self.name not in (".lock", "manifest.json") and not self.name.endswith(".partial"):
            count.append(self.name)
            if len(count) == at:
                raise KeyboardInterrupt
        real(self, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with contextlib.suppress(KeyboardInterrupt):
            decide(stage, tmp_path)
    before = {path.name: path.stat().st_ino for path in tmp_path.glob("part-*.parquet")}
    decide(stage, tmp_path)
    assert content(tmp_path) == content(stage / "whole")
    assert before == {path.name: path.stat().st_ino for path in tmp_path.glob("part-*.parquet")}


def test_a_second_run_at_once_is_refused_and_the_first_goes_on(stage, tmp_path) -> None:
    tmp_path.joinpath("out").mkdir()
    handle = os.open(tmp_path / "out" / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    second = start(stage, tmp_path / "out")
    _, told = second.communicate(timeout=60)
    assert second.returncode != 0
    assert "out must be written by one run at a time" in told
    assert not finished_parts(tmp_path / "out")
    os.close(handle)  # as a kill does: the lock goes, the file stays
    decide(stage, tmp_path / "out")
    assert content(tmp_path / "out") == content(stage / "whole")


def test_a_disk_that_is_full_loses_nothing(stage, tmp_path) -> None:
    sizes = sorted(path.stat().st_size for path in (stage / "whole").glob("part-*.parquet"))
    process = start(stage, tmp_path / "out", str(sizes[len(sizes) // 2]))
    _, told = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "out must be a place that can be written" in told
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert not list((tmp_path / "out").glob(".part-*.partial"))
    decide(stage, tmp_path / "out")
    assert content(tmp_path / "out") == content(stage / "whole")


def test_a_small_file_system_that_is_full_loses_nothing(stage, tmp_path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        is_mounted = False
    if not is_mounted:
        return  # only root may mount; the limit on sizes above holds the same
    try:
        with pytest.raises(InputError, match="No space left on device"):
            decide(stage, place / "out")
        assert 0 < finished_parts(place / "out") < COUNT // PART
        subprocess.run(["mount", "-o", "remount,size=9m", str(place)], check=True)
        decide(stage, place / "out")
        assert content(place / "out") == content(stage / "whole")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_poison_is_listed_counted_and_never_approved(stage, tmp_path) -> None:
    people, out = make_people(), stage / "whole"
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    listed = [out / each["name"] for each in manifest["quarantine"]["parts"]]
    poison = pd.concat([pd.read_parquet(path) for path in listed], ignore_index=True)
    infinite = np.flatnonzero(np.isinf(people["debt"])).tolist()
    twice = np.flatnonzero(people["merchant_id"].duplicated(keep=False)).tolist()
    assert sorted(poison["row"]) == sorted(infinite + twice)
    assert manifest["quarantine"]["merchants"] == len(infinite) + len(twice)
    by_row = poison.set_index("row")
    assert set(by_row.loc[infinite, "column"]) == {"debt"}
    assert set(by_row.loc[infinite, "status"]) == {"bad_value"}
    assert set(by_row.loc[twice, "status"]) == {"duplicated"}
    assert (poison["message"].str.len() > 5).all()
    parts = pd.concat([pd.read_parquet(out / each["name"]) for each in manifest["parts"]])
    bad = parts[parts["status"] != "ok"]
    assert set(bad["merchant_id"]) == set(poison["merchant_id"])
    assert (bad["decision"] != "approve").all()


def test_parts_of_nobody_known_are_not_removed(stage, tmp_path) -> None:
    (tmp_path / "part-00003.parquet").write_bytes(b"mine")
    with pytest.raises(InputError, match="must be empty or of an earlier run"):
        decide(stage, tmp_path)
    assert (tmp_path / "part-00003.parquet").read_bytes() == b"mine"
