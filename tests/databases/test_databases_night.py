"""A night from records in a database to decisions in one: what a folder gives, to the byte."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import databases_stage as stage
import pandas as pd
import pytest
from nightly_stage import AS_OF, content

import alicredit as ac
from alicredit.cli import main
from alicredit.deciding.population import Gatherer
from alicredit.errors import InputError
from alicredit.portfolio import Run, read_decisions

FEW = (
    "orders_paid_count_90d", "orders_paid_amount_sum_90d", "merchants_days_since",
    "refunds_count_90d", "merchants_cert_level_last",
)  # fmt: skip


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("night")
    records, _ = ac.simulate_platform(
        75, seed=3, start="2011-07-01", months=30, orders_per_month=2, default_rate=0.3
    )
    tables = {name: records[name].to_pandas() for name in records.tables if name != "bank_txns"}
    tables["orders"].loc[[40, 400], "amount"] = -1.0
    records = ac.read_records(tables)
    cohort = ac.Cohort.of_loans(records)
    labels = ac.label_defaults(records, cohort)
    known = labels.notna().to_numpy()
    y = labels[known].reset_index(drop=True)
    y.attrs = labels.attrs
    X = ac.build_features(records, cohort[known], catalogue=ac.CATALOGUE.subset(FEW))
    ac.DefaultModel("points").fit(X, y, cohort=cohort[known]).save(place / "model.alicredit")
    ac.write_records(records, place / "records")
    decide(place, place / "records", place / "whole")
    return place


@pytest.fixture(scope="module", params=stage.KINDS)
def place(request, night) -> Iterator[str]:
    is_server = request.param == "postgresql"
    with stage.a_server() if is_server else nullcontext("") as url:
        where = url or f"{request.param}:///{night}/records.{request.param}"
        records = ac.read_records(night / "records")
        stage.fill(where, {name: records[name] for name in records.tables})
        yield where


def decide(night: Path, source, out, **options) -> pd.DataFrame:
    model = ac.load_model(night / "model.alicredit")
    run = Run(out, part_merchants=30, rows_at_a_time=30, **options)
    return ac.score_portfolio(ac.read_records(source), model, as_of=AS_OF, out=run)


def parts_of(folder: Path) -> dict[str, bytes]:
    found = content(folder)
    found.pop("manifest.json")
    return found


def whole(night: Path) -> pd.DataFrame:
    paths = sorted((night / "whole").glob("part-*.parquet"))
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def test_a_folder_from_a_database_is_that_from_a_folder(night, place, tmp_path) -> None:
    decide(night, place, tmp_path / "out")
    assert parts_of(tmp_path / "out") == parts_of(night / "whole")


def test_from_a_database_into_the_same_gone_on_with_after_a_stop(
    night, place, tmp_path, monkeypatch
) -> None:
    starts, real = [], Gatherer.gather

    def gather(self, start, stop, **options):
        starts.append(start)
        if len(starts) == 3:
            raise KeyboardInterrupt
        return real(self, start, stop, **options)

    work = tmp_path / "work"
    with monkeypatch.context() as patch:
        patch.setattr(Gatherer, "gather", gather)
        with pytest.raises(KeyboardInterrupt):
            decide(night, place, place, work=work)
        assert any(work.rglob("part-*.parquet"))
        decide(night, place, place, work=work)
    assert starts[:4] == [0, 30, 60, 60]  # what was built was kept
    assert list(work.rglob("*.parquet")) == []
    pd.testing.assert_frame_equal(read_decisions(place, as_of=AS_OF), whole(night))
    assert (whole(night)["status"] == "bad_records").any()
    assert stage.ask(place, f"SELECT count(*) FROM {stage.QUARANTINE}")[0][0] > 0
    before = stage.rows_of(place)
    decide(night, place, place, work=work)
    assert stage.rows_of(place) == before


def test_records_that_changed_since_are_refused(night, place, tmp_path, monkeypatch) -> None:
    out, real = f"sqlite:///{tmp_path}/out.sqlite", Gatherer.gather

    def gather(self, start, stop, **options):
        if start == 30:
            raise KeyboardInterrupt
        return real(self, start, stop, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Gatherer, "gather", gather)
        with pytest.raises(KeyboardInterrupt):
            decide(night, place, out, work=tmp_path / "work")
    one = "order_id = (SELECT min(order_id) FROM orders)"
    stage.ask(place, f"UPDATE orders SET amount = amount + 1 WHERE {one}", is_written=True)
    try:
        with pytest.raises(InputError, match="another inputs_digest in"):
            decide(night, place, out, work=tmp_path / "work")
    finally:
        stage.ask(place, f"UPDATE orders SET amount = amount - 1 WHERE {one}", is_written=True)
    decide(night, place, out, work=tmp_path / "work")
    pd.testing.assert_frame_equal(read_decisions(out, as_of=AS_OF), whole(night))


def test_the_command_reads_and_writes_databases(
    night, place, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = f"duckdb:///{tmp_path}/out.duckdb"
    page = tmp_path / "page.html"
    model = str(night / "model.alicredit")
    command = ["score", "--data", place, "--model", model, "--as-of", AS_OF, "--out", out]
    assert main([*command, "--json"]) == 3  # some merchants are to be mended
    told = json.loads(capsys.readouterr().out)
    assert told["quarantine"]["merchants"] > 0
    assert main([*command, "--html", str(page)]) == 3
    said = capsys.readouterr()
    assert "alicredit_decisions in" in said.out
    assert "alicredit_quarantine" in said.err
    assert page.stat().st_size > 1000
    pd.testing.assert_frame_equal(read_decisions(out, as_of=AS_OF), whole(night))
    assert list((tmp_path / "cache").rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--data", "postgresql://u:s3cretWord@127.0.0.1:1/d"], 4, "source must be in reach"),
        (["--data", "oracle://u:s3cretWord@h/d"], 2, "source must be an address such as"),
        (["--data", "nowhere.sqlite"], 2, "source must be a file that exists"),
        (["--data", "x.sqlite", "--data-use", "nowhere.toml"], 2, "--data-use must be a TOML file"),
        (["--data", "records", "--out", "nowhere/x.duckdb"], 2, "out must be a file in a folder"),
        (["--data", "records", "--out", "x.db"], 2, "out must be of a kind that can be told"),
        (["records", "--data", "records", "--features", "x"], 2, "found both"),
    ],
)
def test_a_night_that_cannot_be_run_is_refused(
    night, more, code, said, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(night)
    command = ["score", *more, "--model", str(night / "model.alicredit"), "--as-of", AS_OF]
    before = sorted(os.listdir(night))  # noqa: PTH208
    assert main(command) == code
    told = capsys.readouterr().err
    assert said in told
    assert "s3cretWord" not in told
    assert sorted(os.listdir(night)) == before  # noqa: PTH208
