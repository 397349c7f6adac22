"""A saved model written in another form by the command: the same text as in Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import pytest
from exports_stage import ROW
from portable_stage import make_model
from sql_stage import kinds_of, table_of

from alicredit.cli import DONE, REFUSED, main
from alicredit.portable import load_model

pytest.importorskip("sqlglot")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("export") / "m.alicredit"
    make_model("pairs", 5).save(place)
    return str(place)


def test_a_query_is_printed_and_runs(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", path, "--to", "sql"]) == DONE
    said = capsys.readouterr()
    model = load_model(path)
    assert said.out == model.to_sql()
    with duckdb.connect() as connection:
        connection.register("features", table_of([ROW], kinds_of(model)))
        found = connection.execute(said.out).df()
    assert found["score"].tolist() == [model.score_one(ROW)["score"]]


def test_options_reach_the_query(path: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "score.sql"
    options = ["--dialect", "postgres", "--table", "risk.monthly", "--key", "shop", "day"]
    line = ["export", path, "--to", "sql", *options, "--policy", "ali-2013", "--out", str(out)]
    assert main([*line, "--json"]) == DONE
    said = json.loads(capsys.readouterr().out)
    assert said == [
        {"model_id": load_model(path).model_id, "form": "sql", "written": str(out)},
    ]
    text = out.read_text("utf-8")
    assert 'FROM "risk"."monthly"' in text
    assert '"shop" AS k_0' in text
    assert 'AS "grade"' in text
    assert "PostgreSQL" in text.splitlines()[0]
    assert main(line) == DONE
    assert str(out) in capsys.readouterr().out


def test_the_other_forms_are_written_where_asked(path: str, tmp_path: Path) -> None:
    for form in ("python", "paper"):
        out = tmp_path / form
        assert main(["export", path, "--to", form, "--out", str(out)]) == DONE
        assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "sql", "--dialect", "duckdbb"], "did you mean 'duckdb'"),
        (["--to", "sql", "--table", "a..b"], "table must be"),
        (["--to", "sql", "--key", "score"], "key must be different"),
        (["--to", "sql", "--out", "/nowhere/at/all"], "--out must be in a folder"),
        (["--to", "sql", "--policy", "none-such"], "none-such"),
        (["--to", "python"], "--out must name the file"),
        (["--to", "paper", "--out", "x", "--key", "a"], "--key must be left out"),
    ],
)
def test_what_cannot_be_is_refused(path: str, options: list[str], words: str, capsys) -> None:
    assert main(["export", path, *options]) == REFUSED
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_form_that_is_none_and_a_model_that_is_none(path: str, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", path, "--to", "excel"])
    assert stopped.value.code == REFUSED
    assert "invalid choice" in capsys.readouterr().err
    assert main(["export", path + "x", "--to", "sql"]) == REFUSED
    assert "must be a file that exists" in capsys.readouterr().err


def test_without_sqlglot_the_extra_is_named(path: str, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    for name in ("alicredit.exports.sql_query", "alicredit.exports.sql_parts"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert main(["export", path, "--to", "sql"]) == REFUSED
    assert "alicredit[sql]" in capsys.readouterr().err
