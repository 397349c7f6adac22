"""The command prints what people can read, JSON for machines, and codes programs can trust."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pandas as pd
import pytest
from rich.console import Console

import alicredit as ac
from alicredit.cli import DONE, FOUND, REFUSED, command, main
from alicredit.cli import show as shown


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
    summary = {line["product_id"]: line for line in json.loads(capsys.readouterr().out)}
    assert list(summary) == ["ali_credit", "taobao_credit", "taobao_order"]
    decisions = pd.read_parquet(tmp_path / "decisions.parquet")
    for product, mine in decisions.groupby("product_id"):
        line, counts = summary[product], mine["decision"].value_counts()
        assert line["approved"] == counts.get("approve", 0)
        assert line["referred"] == counts.get("refer", 0)
        refused = line["by_rule"] + line["by_probability"] + line["by_limit"]
        assert refused == counts.get("decline", 0)
    assert "default rate is set to 20 % a year" in (tmp_path / "p.html").read_text("utf-8")


@pytest.mark.slow
def test_a_bar_changes_no_byte_of_the_decisions(folder, model, tmp_path, monkeypatch) -> None:
    arguments = ["score", str(folder), "--model", str(model), "--as-of", "2013-05-01", "--out"]
    assert main([*arguments, str(tmp_path / "plain")]) == DONE
    screen = io.StringIO()
    monkeypatch.setattr(shown, "_ERR", Console(file=screen, force_terminal=True, width=80))
    monkeypatch.setattr(command, "_CHUNK_ROWS", 100)
    assert main([*arguments, str(tmp_path / "bar")]) == DONE
    assert "deciding" in screen.getvalue()
    merchants = len(ac.Cohort.at(ac.read_records(folder), "2013-05-01"))
    assert f"{merchants}/{merchants}" in screen.getvalue()
    plain, drawn = (tmp_path / name / "decisions.parquet" for name in ("plain", "bar"))
    assert plain.read_bytes() == drawn.read_bytes()


def test_the_truth_is_written_where_asked_and_not_among_the_records(tmp_path, capsys) -> None:
    sizes = ["--merchants", "60", "--seed", "4", "--months", "18", "--orders-per-month", "2"]
    place, beside = str(tmp_path / "p"), str(tmp_path / "t.parquet")
    assert main(["simulate", place, *sizes, "--truth", beside]) == DONE
    truth = pd.read_parquet(tmp_path / "t.parquet")
    records = ac.read_records(tmp_path / "p")
    assert sorted(truth["loan_id"]) == sorted(records["loans"]["loan_id"].to_pylist())
    assert f"{truth['true_pd'].mean():.2%}" in capsys.readouterr().out
    assert not any("pd" in column for name in records.tables for column in records.columns(name))


def test_validate_prints_the_summary(folder, model, tmp_path, capsys) -> None:
    page = tmp_path / "v.html"
    arguments = ["validate", str(folder), "--model", str(model), "--cut", "2012-11-01"]
    assert main([*arguments, "--html", str(page)]) == DONE
    assert "AUC" in capsys.readouterr().out
    assert page.exists()


@pytest.mark.parametrize(
    ("cut", "says"),
    [("2010-01-01", "last loan trained on"), ("soon", "date or time"), ("2014-06-30", "none from")],
)
def test_a_model_is_not_judged_by_what_it_saw_or_by_nothing(
    folder, model, capsys, cut, says
) -> None:
    assert main(["validate", str(folder), "--model", str(model), "--cut", cut]) == REFUSED
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "nowhere"], "must be a folder"),
        (["score", "nowhere", "--as-of", "2013-05-01"], "must be a folder"),
        (["simulate", "x", "--merchants", "1", "--seed", "1"], "n_merchants"),
        (["simulate", "x", "--merchants", "60", "--seed", "1", "--start", "soon"], "start"),
        (["demo", "--out", __file__], "--out must be a folder"),
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
