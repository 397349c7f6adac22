"""The verbs a stranger begins with: tables, and check."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from alicredit.cli import main
from alicredit.cli.parser import DONE, FOUND, REFUSED
from alicredit.records import TABLES

MERCHANTS = "merchant_id,platform,registered_at\nS1,我的平台,2020/01/05\nS2,我的平台,2020/02/05\n"
ORDERS = "order_id,merchant_id,buyer_id,created_at,amount\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [f"o{k},S1,b{k},2020/03/{k:02d} 13:05,100.5\n" for k in range(1, 20)]
    (tmp_path / "merchants.csv").write_text(MERCHANTS, encoding="utf-8")
    (tmp_path / "orders.csv").write_text(ORDERS + "".join([*rows, *rows[:5]]), encoding="utf-8")
    return tmp_path


def test_every_table_is_listed_with_its_required_columns(capsys) -> None:
    assert main(["tables", "--json"]) == DONE
    lines = {row["table"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(lines) == set(TABLES)
    for name, table in TABLES.items():
        assert lines[name]["required columns"] == ", ".join(table.required)
        assert table.restricted == ("(restricted)" in lines[name]["what it holds"])
    assert lines["orders"]["features"] > 80
    assert lines["marital"]["features"] == 0


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_column_of_a_table_is_listed(table, capsys) -> None:
    assert main(["tables", table]) == DONE
    said = capsys.readouterr().out
    for column in TABLES[table].columns:
        assert column.name in said
    assert said.count("required") >= len(TABLES[table].required)


def test_a_table_that_is_none_is_refused_with_the_near_one(capsys) -> None:
    assert main(["tables", "loan"]) == REFUSED
    assert "did you mean 'loans'" in capsys.readouterr().err


def test_findings_are_told_whole_with_few_examples(folder, capsys) -> None:
    assert main(["check", str(folder)]) == FOUND
    said = capsys.readouterr().out
    assert "error: orders, duplicate key, 10 rows" in said
    assert "such as o1, o2, o3 and 2 more" in said
    assert "我的平台" in said
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 100


def test_check_says_what_features_lack(folder, capsys) -> None:
    main(["check", str(folder)])
    said = capsys.readouterr().out
    assert " built-in features can be known from these tables" in said
    (line,) = (each for each in said.splitlines() if "paid_at" in each)
    assert line.split()[:2] == ["orders", "paid_at"]
    assert int(line.split()[-1]) > 50


def test_findings_for_machines_are_the_frame(folder, capsys) -> None:
    main(["check", str(folder), "--json"])
    frame = pd.DataFrame(json.loads(capsys.readouterr().out))
    assert list(frame) == ["table", "rule", "severity", "rows", "example", "message"]


def test_several_refusals_stand_on_lines_of_their_own(folder, capsys) -> None:
    (folder / "loans.csv").write_text("loan_no\n1\n", encoding="utf-8")
    (folder / "repayments.csv").write_text("loan_no\n1\n", encoding="utf-8")
    assert main(["check", str(folder)]) == REFUSED
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("refused: table 'loans'")
    assert said[1].startswith("also: table 'repayments'")
