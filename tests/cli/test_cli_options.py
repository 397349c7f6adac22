"""Every option refuses what it cannot mean with a code, a line that helps, and no traceback."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.cli import DONE, FOUND, INTERRUPTED, REFUSED, command, main
from alicredit.report import by_product

SMALL = {
    "--merchants": "60", "--seed": "3", "--months": "30", "--orders-per-month": "1",
    "--default-rate": "0.4",
}  # fmt: skip
AS_OF = "2011-06-01"
INPUT = "orders_settled_amount_sum_90d"


def options(**changes: str) -> list[str]:
    given = SMALL | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [word for pair in given.items() for word in pair]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place, out = tmp_path_factory.mktemp("records"), io.StringIO()
    with redirect_stdout(out):
        assert main(["simulate", str(place), *options(), "--json"]) == DONE
    (place.parent / "simulated.json").write_text(out.getvalue(), "utf-8")
    return str(place)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Save a small model that reads one feature of the catalogue."""
    path, rng = tmp_path_factory.mktemp("model") / "m.alicredit", np.random.default_rng(2)
    X = pd.DataFrame({INPUT: rng.lognormal(9.9, 1.0, 800)})
    y = pd.Series((rng.random(800) < 0.02 + 400 / (4000 + X[INPUT])).astype(float))
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    ac.DefaultModel("points").fit(X, y).save(path)
    return str(path)


def refusal(arguments: list[str], capsys) -> str:
    """Run what must be refused; give what is said, after looking at how."""
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    said = capsys.readouterr()
    assert code == REFUSED
    assert said.out == ""
    assert "Traceback" not in said.err
    last = said.err.strip().splitlines()[-1]
    assert last.startswith(("refused: ", "alicredit"))
    return said.err.replace("\n", " ")


BAD_SIZES = [
    ("merchants", ["0", "-1", "49", "1.5", "many", "", "99999999999", "1e3", "nan", " "]),
    ("seed", ["-1", "1.5", "x", "", "nan", "inf", "1e3", "0x1", "one", "--"]),
    ("start", ["soon", "", "2013-13-01", "2013-02-29", "01/02/2013", "2013", "today", "nan", "0",
               "20130101"]),
    ("months", ["0", "-1", "5", "241", "100000", "x", "", "1.5", "nan", "1e2"]),
    ("orders_per_month", ["0", "-1", "nan", "inf", "-inf", "x", "", "1e9", "0.09", "1001"]),
    ("default_rate", ["0", "-1", "nan", "inf", "x", "", "0.51", "1", "20%", "1e9"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD_SIZES for value in values]
)
def test_a_platform_of_no_possible_size_is_not_simulated(name, value, tmp_path, capsys) -> None:
    said = refusal(["simulate", str(tmp_path / "new"), *options(**{name: value})], capsys)
    word = "n_merchants" if name == "merchants" else name
    assert any(w in said for w in (word, "--" + name.replace("_", "-")))
    assert not (tmp_path / "new").exists()


PLACES = ["nowhere", "nowhere/at/all", "", __file__, __file__ + "/deeper", "\x01", "*", "-"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("verb", ["check", "train", "validate", "score", "demo"])
def test_a_folder_of_records_that_is_none_is_refused(verb, place, tmp_path, capsys) -> None:
    rest = {"validate": ["--cut", "2012-01-01"], "score": ["--as-of", "2012-01-01"],
            "train": ["--model", str(tmp_path / "m")]}.get(verb, [])  # fmt: skip
    data = ["--data", place, "--out", str(tmp_path)] if verb == "demo" else [place]
    assert "must be a folder" in refusal([verb, *data, *rest], capsys)


def test_an_empty_folder_holds_no_records(tmp_path, capsys) -> None:
    for verb in ("check", "train"):
        rest = ["--model", str(tmp_path / "m")] if verb == "train" else []
        assert "no table" in refusal([verb, str(tmp_path), *rest], capsys)


@pytest.mark.parametrize("path", ["nowhere/m", "", ".", "/", __file__ + "/m"])
def test_a_place_for_the_model_is_looked_at_before_the_work(path, folder, capsys) -> None:
    assert "--model must be a file in a folder" in refusal(
        ["train", folder, "--model", path], capsys
    )


@pytest.mark.parametrize("verb", ["validate", "score"])
@pytest.mark.parametrize("path", ["nowhere", ".", "/", __file__, "", "m.pkl"])
def test_what_is_no_model_file_is_refused(verb, path, folder, capsys) -> None:
    rest = ["--cut", "2012-01-01"] if verb == "validate" else ["--as-of", AS_OF]
    assert " must " in refusal([verb, folder, "--model", path, *rest], capsys)


DAYS = ["soon", "", "2013-13-01", "2013-02-29", "01/02/2013", "2013", "now", "nan", "0", "20130501"]


@pytest.mark.parametrize("day", DAYS)
def test_a_day_that_is_none_is_refused(day, folder, model, capsys) -> None:
    said = refusal(["score", folder, "--model", model, "--as-of", day], capsys)
    assert "--as-of must be a date or time such as" in said
    said = refusal(["validate", folder, "--model", model, "--cut", day], capsys)
    assert "--cut must be a date or time such as" in said


def test_a_day_before_all_records_is_refused(folder, model, capsys) -> None:
    said = refusal(["score", folder, "--model", model, "--as-of", "1900-01-01"], capsys)
    assert "before all records" in said


@pytest.mark.parametrize("policy", ["ali", "", "nowhere.toml", ".", "cn-2013", __file__, "3"])
def test_a_policy_nobody_knows_is_answered_with_those_there_are(
    policy, folder, model, capsys
) -> None:
    call = ["score", folder, "--model", model, "--as-of", AS_OF, "--policy", policy]
    assert "ali-2013" in refusal(call, capsys)


@pytest.mark.parametrize("text", [b"", b"x", b"\xff\xfe", b"schema_version = 1\nname = 3\n"])
def test_a_damaged_policy_file_is_refused(text, folder, model, tmp_path, capsys) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text)
    call = ["score", folder, "--model", model, "--as-of", AS_OF, "--policy", str(path)]
    assert " must " in refusal(call, capsys)


@pytest.mark.parametrize("page", ["", ".", "nowhere/p.html", __file__ + "/p.html"])
def test_a_page_that_cannot_be_written_is_refused_before_the_work(
    page, folder, model, capsys
) -> None:
    for verb, rest in (("score", ["--as-of", AS_OF]), ("validate", ["--cut", "2012-01-01"])):
        call = [verb, folder, "--model", model, *rest, "--html", page]
        assert "--html must be a file in a folder" in refusal(call, capsys)


@pytest.mark.parametrize("out", [__file__, __file__ + "/deeper"])
def test_a_place_that_is_no_folder_takes_no_decisions(out, folder, model, capsys) -> None:
    call = ["score", folder, "--model", model, "--as-of", AS_OF, "--out", out]
    assert "--out must be a folder" in refusal(call, capsys)
    assert "--out must be a folder" in refusal(["demo", "--out", out], capsys)


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["simulate", "x"], ["simulate", "--seed", "1"], ["check"], ["check", "a", "b"],
     ["train"], ["validate", "x"], ["score", "x"], ["score", "x", "--as-of"],
     ["check", "x", "--jsn"], ["--quiet", "check", "x"]],
)  # fmt: skip
def test_a_command_that_lacks_a_word_or_has_one_too_many_shows_its_use(arguments, capsys) -> None:
    assert "usage: alicredit" in refusal(arguments, capsys)


@pytest.mark.parametrize("verb", ["demo", "simulate", "check", "train", "validate", "score"])
def test_every_verb_explains_itself(verb, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert f"usage: alicredit {verb}" in shown


def test_an_interrupted_run_says_so(folder, monkeypatch, capsys) -> None:
    def stop(*_args: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command.ac, "find_problems", stop)
    assert main(["check", folder]) == INTERRUPTED
    said = capsys.readouterr()
    assert "interrupted" in said.err
    assert said.out == ""


def test_the_json_of_simulate_counts_the_rows_written(folder) -> None:
    lines = json.loads((Path(folder).parent / "simulated.json").read_text("utf-8"))
    records = ac.read_records(folder)
    want = {name: records[name].num_rows for name in records.tables}
    assert {line["table"]: line["rows"] for line in lines} == want


def test_the_json_of_check_is_what_find_problems_gives(folder, tmp_path, capsys) -> None:
    records = ac.read_records(folder)
    tables = {name: records[name].to_pandas() for name in ("merchants", "orders")}
    tables["orders"].loc[:3, "amount"] = -1.0
    ac.write_records(ac.read_records(tables), tmp_path)
    assert main(["check", str(tmp_path), "--json"]) == FOUND
    found = json.loads(capsys.readouterr().out)
    problems = ac.find_problems(ac.read_records(tmp_path))
    assert found == json.loads(problems.to_json(orient="records"))
    assert [line["rows"] for line in found if line["rule"] == "amount impossible"] == [4]


@pytest.mark.slow
def test_the_json_and_the_table_of_score_say_what_the_library_decides(
    folder, model, tmp_path, monkeypatch, capsys
) -> None:
    call = ["score", folder, "--model", model, "--as-of", AS_OF]
    assert main([*call, "--out", str(tmp_path)]) == DONE
    decided = pd.read_parquet(tmp_path / "part-00000.parquet")
    capsys.readouterr()
    assert main([*call, "--json"]) == DONE
    lines = json.loads(capsys.readouterr().out)
    want = by_product(decided).set_index("product_id")
    assert [line["product_id"] for line in lines] == list(want.index)
    for line in lines:
        for name, value in want.loc[line["product_id"]].items():
            is_none = line[name] is None and pd.isna(value)
            assert is_none or line[name] == pytest.approx(value), name
    monkeypatch.setattr(command.ac, "score_portfolio", lambda *_, **__: decided)
    assert main(call) == DONE
    row = {
        text: line.split()[-3:]
        for line in capsys.readouterr().out.splitlines()
        for text in ("merchants asked about", "approved", "referred to a person")
        if line.strip().startswith(text)
    }
    for text, name in (("merchants asked about", "merchants"), ("approved", "approved"),
                       ("referred to a person", "referred")):  # fmt: skip
        assert row[text] == [f"{line[name]:,}" for line in lines]


def test_a_refusal_from_the_shell_is_one_line_and_code_2(tmp_path) -> None:
    run = [sys.executable, "-m", "alicredit", "score", "nowhere", "--as-of", AS_OF]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("refused: ")
