"""The command prints what people can read, JSON for machines, and codes programs can trust."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

import alicredit as ac
from alicredit.cli import DONE, FOUND, REFUSED, main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("platform")
    assert main(["simulate", str(place), "--merchants", "300", "--seed", "3",
                 "--orders-per-month", "2", "--default-rate", "0.2"]) == DONE  # fmt: skip
    return place


@pytest.fixture(scope="module")
def model(folder):
    path = folder.parent / "m.alicredit"
    assert main(["train", str(folder), "--model", str(path), "--cut", "2012-11-01"]) == DONE
    return path


def test_simulate_writes_what_read_records_reads(folder) -> None:
    assert len(ac.read_records(folder)["merchants"]) == 300


def test_check_says_clean_and_counts_errors(folder, tmp_path, capsys) -> None:
    assert main(["check", str(folder)]) == DONE
    assert "0 findings" in capsys.readouterr().out
    records = ac.read_records(folder)
    tables = {n: records[n].to_pandas() for n in records.tables if n != "bank_txns"}
    tables["orders"].loc[0, "amount"] = -1.0
    ac.write_records(ac.read_records(tables), tmp_path)
    assert main(["check", str(tmp_path), "--json"]) == FOUND
    found = json.loads(capsys.readouterr().out)
    assert [line["rule"] for line in found] == ["amount impossible"]


def test_train_saves_a_model_that_scores(folder, model, tmp_path, capsys) -> None:
    loaded = ac.load_model(model)
    assert loaded.claim.horizon_days == 365
    code = main(["score", str(folder), "--model", str(model), "--as-of", "2013-05-01",
                 "--out", str(tmp_path), "--html", str(tmp_path / "p.html"), "--json"])  # fmt: skip
    assert code == DONE
    summary = json.loads(capsys.readouterr().out)
    assert {line["product"] for line in summary} == {"ali_credit", "taobao_credit", "taobao_order"}
    decisions = pd.read_parquet(tmp_path / "decisions.parquet")
    mine = decisions[decisions["product_id"] == summary[0]["product"]]["decision"]
    for word, count in (("approved", "approve"), ("declined", "decline"), ("referred", "refer")):
        assert summary[0][word] == (mine == count).sum()
    assert (tmp_path / "p.html").stat().st_size > 2000


def test_validate_prints_the_summary(folder, model, tmp_path, capsys) -> None:
    page = tmp_path / "v.html"
    arguments = ["validate", str(folder), "--model", str(model), "--cut", "2012-11-01"]
    assert main([*arguments, "--html", str(page)]) == DONE
    assert "AUC" in capsys.readouterr().out
    assert page.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "nowhere"], "must be a folder"),
        (["score", "nowhere", "--as-of", "2013-05-01"], "must be a folder"),
        (["simulate", "x", "--merchants", "1", "--seed", "1"], "n_merchants"),
    ],
)
def test_refusals_are_one_clear_line_without_a_traceback(arguments, says, capsys) -> None:
    assert main(arguments) == REFUSED
    captured = capsys.readouterr()
    assert says in captured.err.replace("\n", " ")
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_wrong_usage_exits_with_2() -> None:
    for arguments in ([], ["fly"], ["score"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2


def test_the_module_runs_and_knows_its_version() -> None:
    run = [sys.executable, "-m", "alicredit", "--version"]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == f"alicredit {ac.__version__}"
