"""A folder of decisions holds those of the last run and no others, whenever a run was killed."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from model_stage import DIRECTIONS, make_merchants

import alicredit as ac
from alicredit.errors import InputError
from alicredit.portfolio import Run

AS_OF = "2013-05-01"


@pytest.fixture(scope="module")
def model() -> ac.DefaultModel:
    X, y, _ = make_merchants(1200, 5)
    return ac.DefaultModel("points", directions=DIRECTIONS).fit(X, y)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    X, _, _ = make_merchants(30, 9)
    return X.assign(merchant_id=[f"m{k:02d}" for k in range(30)])


def decide(people: pd.DataFrame, model: ac.DefaultModel, out: Path | None, **more) -> pd.DataFrame:
    run = None if out is None else Run(out, part_merchants=7, **more)
    return ac.score_portfolio(None, model, as_of=AS_OF, features=people, out=run)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_parts_and_their_list_hold_every_decision_once_in_order(people, model, tmp_path) -> None:
    decide(people, model, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [part["rows"] for part in manifest["parts"]] == [21, 21, 21, 21, 6]
    parts = [pd.read_parquet(tmp_path / part["name"]) for part in manifest["parts"]]
    whole, want = pd.concat(parts, ignore_index=True), decide(people, model, None)
    for name in ("merchant_id", "product_id", "decision", "score"):
        assert whole[name].tolist() == want[name].tolist()


@pytest.mark.parametrize("count", [0, 1, 7, 29, 30])
def test_a_rerun_with_fewer_merchants_is_as_if_it_were_the_first(
    people, model, tmp_path, count: int
) -> None:
    few = people.head(count)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "part-notes.txt").write_text("mine")
    (tmp_path / "again" / ".part-00009.parquet").write_bytes(b"left by a kill")
    (tmp_path / "again" / ".part-00008.parquet.partial").write_bytes(b"left by a kill")
    decide(people, model, tmp_path / "again")
    decide(few, model, tmp_path / "again")
    decide(few, model, tmp_path / "once")
    again = content(tmp_path / "again")
    assert again.pop("part-notes.txt") == b"mine"
    assert again == content(tmp_path / "once")


@pytest.mark.parametrize("at", range(1, 14))
def test_a_run_stopped_at_any_file_and_run_again_ends_with_the_same_bytes(
    people, model, tmp_path, monkeypatch, at: int
) -> None:
    decide(people, model, tmp_path / "killed")
    few, calls, real = people.head(25), [], os.fsync

    def stop(file: int) -> None:
        calls.append(file)
        if len(calls) == at:
            raise KeyboardInterrupt
        real(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", stop)
        with contextlib.suppress(KeyboardInterrupt):
            decide(few, model, tmp_path / "killed")
    assert len(calls) == min(at, 11)  # job twice, four parts and receipts, the manifest
    decide(few, model, tmp_path / "killed")
    decide(few, model, tmp_path / "whole")
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


@pytest.mark.parametrize("name", ["manifest.json", "part-00000.parquet", "part-00077.parquet"])
def test_a_folder_in_the_place_of_a_file_is_refused(people, model, tmp_path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="out must"):
        decide(people, model, tmp_path)
    assert not (tmp_path / "manifest.json").is_file()
