"""The command prints what people can read, JSON for machines, and codes programs can trust."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import alicredit as ac
from alicredit.cli import DONE, FOUND, MENDED, REFUSED, command, main
from alicredit.cli import show as shown
from alicredit.deciding.population import Gatherer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("platform")
    assert main(["simulate", str(place), "--merchants", "300", "--seed", "3",
                 "--orders-per-month", "2", "--default-rate", "0.2"]) == DONE  # fmt: skip
    return place


@pytest.fixture(scope="module")
def trained(folder):
    """Train, and keep what was said meanwhile."""
    path, said = folder.parent / "m.alicredit", io.StringIO()
    with contextlib.redirect_stderr(said):
        assert main(["train", str(folder), "--model", str(path), "--cut", "2012-11-01",
                     "--shape", "points"]) == DONE  # fmt: skip
    return path, said.getvalue()


@pytest.fixture(scope="module")
def model(trained):
    return trained[0]


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
    told = json.loads(capsys.readouterr().out)
    assert told["quarantine"] == {"merchants": 0, "parts": []}
    parts = [pd.read_parquet(path) for path in sorted(tmp_path.glob("part-*.parquet"))]
    decisions = pd.concat(parts, ignore_index=True)
    assert told["rows"] == len(decisions)
    assert set(decisions["product_id"]) == {"ali_credit", "taobao_credit", "taobao_order"}
    for (product, decision), mine in decisions.groupby(["product_id", "decision"]):
        lines = [line for line in told["summary"]["decisions"]
                 if (line["product_id"], line["decision"]) == (product, decision)]  # fmt: skip
        assert sum(line["merchants"] for line in lines) == len(mine)
        assert sum(line["limit"] for line in lines) == pytest.approx(mine["limit"].sum())
    refused = decisions[decisions["decision"] != "approve"]
    codes = refused.explode("reasons").groupby(["product_id", "reasons"]).size()
    found = {(line["product_id"], line["reason"]): line["merchants"]
             for line in told["summary"]["refused"]}  # fmt: skip
    assert found == codes.to_dict()
    assert "default rate is set to 20 % a year" in (tmp_path / "p.html").read_text("utf-8")


def test_train_takes_a_shape_and_warns_of_nothing_where_all_get_a_score(folder, trained) -> None:
    model, said = ac.load_model(trained[0]), trained[1]
    assert model.training["shape_asked"] == "points"
    records = ac.read_records(folder)
    cohort = ac.Cohort.of_loans(records)
    y = ac.label_defaults(records, cohort)
    train, _ = cohort.split_by_time("2012-11-01", labels=y)
    found = model.score_frame(ac.build_features(records, cohort)[train])
    assert (found["status"] == "ok").all()
    assert "would get no score" not in said
    with pytest.raises(SystemExit):
        main(["train", str(folder), "--shape", "tree"])


def test_train_says_how_many_of_its_loans_would_get_no_score(
    folder, tmp_path, monkeypatch, capsys
) -> None:
    """Of each seventh loan nothing at all is known."""
    records = ac.read_records(folder)
    cohort, X, y = command.labelled(records)
    blank = np.arange(len(X)) % 7 == 0
    known = X.mask(np.broadcast_to(blank[:, None], X.shape))
    monkeypatch.setattr(command, "labelled", lambda _: (cohort, known, y))
    train, _ = cohort.split_by_time("2012-11-01", labels=y)
    assert main(["train", str(folder), "--model", str(tmp_path / "m.alicredit"),
                 "--cut", "2012-11-01", "--shape", "points", "--json"]) == DONE  # fmt: skip
    said = " ".join(capsys.readouterr().err.split())
    assert f"{(blank & train).sum():,} of the {train.sum():,} loans trained on would get no" in said


@pytest.mark.slow
def test_a_bar_changes_no_byte_of_the_decisions(folder, model, tmp_path, monkeypatch) -> None:
    arguments = ["score", str(folder), "--model", str(model), "--as-of", "2013-05-01", "--out"]
    assert main([*arguments, str(tmp_path / "plain")]) == DONE
    screen = io.StringIO()
    monkeypatch.setattr(shown, "_ERR", Console(file=screen, force_terminal=True, width=80))
    assert main([*arguments, str(tmp_path / "bar")]) == DONE
    assert "deciding" in screen.getvalue()
    merchants = len(ac.Cohort.at(ac.read_records(folder), "2013-05-01"))
    assert f"{merchants}/{merchants}" in screen.getvalue()
    plain, drawn = (tmp_path / name / "part-00000.parquet" for name in ("plain", "bar"))
    assert plain.read_bytes() == drawn.read_bytes()
    starts, real = [], Gatherer.gather

    def gather(self, start, stop, **options):
        starts.append(start)
        return real(self, start, stop, **options)

    monkeypatch.setattr(Gatherer, "gather", gather)
    assert main(arguments[:-1]) == DONE
    assert starts == [0]  # a bar is no reason to read the records again


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


def features_of(folder, place, *, poison: bool):
    records = ac.read_records(folder)
    cohort = ac.Cohort.at(records, "2013-05-01")
    frame = ac.build_features(records, cohort)
    facts = ac.build_applicants(records, cohort).drop(columns="snapshots")
    frame = pd.concat([facts, frame[[n for n in frame if n not in facts]]], axis=1)
    if poison:
        frame.loc[3, "merchants_days_since"] = float("inf")
    frame.attrs = {}
    frame.to_parquet(place, index=False)
    return frame


@pytest.mark.slow
def test_prepared_features_and_poison_give_code_3_and_a_list(folder, model, tmp_path, capsys):
    frame = features_of(folder, tmp_path / "x.parquet", poison=True)
    used = set(ac.load_model(model).feature_names)
    name = "merchants_days_since"
    if name not in used:
        name = next(n for n in sorted(used) if frame[n].dtype.kind == "f")
        frame.loc[3, name] = float("inf")
        frame.to_parquet(tmp_path / "x.parquet", index=False)
    call = ["--log-json", "score", "--features", str(tmp_path / "x.parquet"), "--model", str(model),
            "--as-of", "2013-05-01", "--out", str(tmp_path / "out"), "--memory", "1.5"]  # fmt: skip
    run = [sys.executable, "-m", "alicredit", *call]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == MENDED, done.stderr
    assert "1 merchants stand in rows that must be mended" in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert lines
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    poison = pd.read_parquet(tmp_path / "out" / "quarantine" / "part-00000.parquet")
    assert poison[["row", "column", "status"]].values.tolist() == [[3, name, "bad_value"]]
    assert main([*call[1:], "--no-resume", "--json"]) == MENDED
    assert json.loads(capsys.readouterr().out)["quarantine"]["merchants"] == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "data must be a folder of records, or --features instead of it; found neither"),
        (["x", "--features", "y"], "found both"),
        (["--features", "nowhere.parquet"], "features must be"),
        (["--features", "x", "--out", "o", "--memory", "0.1"], "memory_gb must"),
        (["--features", "x", "--out", "o", "--memory", "nan"], "memory_gb must"),
    ],
)
def test_a_night_that_cannot_be_run_is_refused(model, more, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["score", *more, "--model", str(model), "--as-of", "2013-05-01"]) == REFUSED
    assert said in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
