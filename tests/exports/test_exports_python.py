"""The model as a Python file answers as the model does, alone, whatever its names are."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from collections import UserDict, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from exports_stage import (
    HOSTILE_NAMES,
    ROW,
    ROW_CASES,
    edge_values,
    fixed_rows,
    hostile,
    hostile_row,
    models,
    same,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import LEVELS, SHAPES, make_model

from alicredit.errors import InputError, ModelFileError
from alicredit.exports.python_file import literal
from alicredit.portable import ScoreModel
from alicredit.vocabulary import REASONS, STATUSES, reason_word

MODELS = models()


def load(model: ScoreModel) -> dict[str, Any]:
    """Run a model's file as a module."""
    found: dict[str, Any] = {"__name__": "vendored"}
    exec(compile(model.to_python(), "vendored.py", "exec"), found)  # noqa: S102
    return found


FILES = {shape: load(model) for shape, model in MODELS.items()}


def run_alone(path: Path, text: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run a file without site packages and without the environment."""
    command = [sys.executable, "-I", "-S", *options, str(path)]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=False)


@pytest.mark.parametrize("shape", MODELS)
def test_the_fixed_corpus_is_answered_alike(shape: str) -> None:
    model, file = MODELS[shape], FILES[shape]
    rows = fixed_rows(model, most=1500)
    for row in rows:
        assert same(model.score_one(row), file["score"](row)), row
    assert {model.score_one(row)["status"] for row in rows} == {"ok", "too_many_missing"}


@pytest.mark.parametrize("shape", MODELS)
def test_every_row_case_is_answered_alike(shape: str) -> None:
    model, file = MODELS[shape], FILES[shape]
    for case in ROW_CASES:
        for row in case.rows():
            answer = file["score"](row)
            assert list(answer) == list(model.score_one(row))
            assert (answer["status"], answer["flags"]) == (case.status, case.flags), row
            assert same(model.score_one(row), answer), row


numbers = (
    st.none()
    | st.floats(-20, 20)
    | st.floats(width=32)
    | st.floats()
    | st.integers()
    | st.booleans()
    | st.floats(-9, 9).map(np.float32)
    | st.integers(-9, 9).map(np.int64)
    | st.text(max_size=2)
)
others = st.sampled_from([None, True, False, 0, 1, 1.0, 2, "a", "b", "c", "z", np.bool_(1), b"a"])


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), unit=st.sampled_from([1, 1000]), data=st.data())
def test_any_model_answers_alike_on_any_row(shape: str, seed: int, unit: int, data) -> None:
    model = make_model(shape, seed, unit=unit)
    file = load(model)
    row = dict(ROW)
    for _ in range(12):
        name = data.draw(st.sampled_from(list(ROW)))
        near = edge_values(model, name) if name in ("debt", "sales", "age") else [True]
        row[name] = data.draw(others if len(near) == 1 else numbers | st.sampled_from(near))
        top = data.draw(st.integers(0, 6))
        assert same(model.score_one(row, reasons=top), file["score"](row, top)), row


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_reasons_of_deep_trees_are_the_same_whole_numbers(seed: int) -> None:
    model = make_model("trees", seed, trees=5, depth=7, references=9)
    file = load(model)
    rows = fixed_rows(model, seed, most=80)
    encoded = np.array([model.read_one(row)[0] for row in rows])
    for account, name in zip(model.accounts, ("all", "best"), strict=True):
        codes = sorted({table.reason for table in model.tables})
        want = np.zeros((len(rows), len(codes)), dtype=np.int64)
        for table, lost in zip(model.tables, account.lost(encoded).T, strict=True):
            want[:, codes.index(table.reason)] += lost
        assert [file["_lost"](row, name) for row in encoded.tolist()] == want.tolist()


@pytest.mark.parametrize("shape", MODELS)
def test_hostile_names_stay_values(shape: str) -> None:
    model = hostile(MODELS[shape])
    text = model.to_python()
    tree = ast.parse(text, feature_version=(3, 9))
    bare = ast.parse(MODELS[shape].to_python())
    kinds = [[type(node).__name__ for node in ast.walk(each)] for each in (tree, bare)]
    assert kinds[0] == kinds[1], "a name changed the code"
    file = load(model)
    assert set(file["NAMES"]) == set(HOSTILE_NAMES.values())
    assert list(file["INPUTS"][4]["levels"]) == list(model.tables[4].levels)
    for row in fixed_rows(MODELS[shape], most=100):
        other = hostile_row(row)
        assert same(model.score_one(other), file["score"](other)), row


@pytest.mark.parametrize("shape", MODELS)
def test_only_the_standard_library_is_asked_and_nothing_is_evaluated(shape: str) -> None:
    tree = ast.parse(MODELS[shape].to_python(), feature_version=(3, 9))
    nodes = list(ast.walk(tree))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    assert modules <= {"bisect", "json", "math", "numbers", "operator", "sys"}
    called = {node.id for node in nodes if isinstance(node, ast.Name)}
    assert not called & {"eval", "exec", "compile", "open", "__import__", "globals", "getattr"}


@pytest.mark.parametrize("shape", MODELS)
def test_the_file_runs_alone_on_the_command_line(shape: str, tmp_path: Path) -> None:
    model, path = MODELS[shape], tmp_path / "vendored.py"
    assert path.write_text(model.to_python(path), encoding="utf-8")
    assert path.read_bytes() == model.to_python().encode()
    for row in ({**ROW, "kind": "中文"}, {**ROW, "age": 77}, {**ROW, "sales": "x"}):
        done = run_alone(path, json.dumps(row))
        assert (done.returncode, done.stderr) == (0, b"")
        found = json.loads(done.stdout)
        assert found.pop("model_id") == model.model_id
        numbers = ("pd", "pd_lower", "pd_upper")
        found |= {key: math.nan for key in numbers if found[key] is None}
        assert same(model.score_one(row), found)
    check = tmp_path / "check.py"
    check.write_text(
        "import sys; before = set(sys.modules)\n"
        f"exec(compile(open({str(path)!r}, encoding='utf-8').read(), 'v', 'exec'), "
        "{'__name__': 'v'})\n"
        "print(sorted(set(sys.modules) - before), 'numpy' in sys.modules)\n",
        encoding="utf-8",
    )
    out = run_alone(check, "").stdout.decode()
    assert set(ast.literal_eval(out.rsplit(" ", 1)[0])) <= {
        "_bisect", "_operator", "bisect", "math", "operator",
    }  # fmt: skip
    assert out.endswith("False\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value"),
        ("[1]", "must map inputs"),
        ("{}", "must have 'debt'"),
        ('{"debt": 1, "debt": 2}', "each key once"),
        ("{", "refused"),
        ("[" * 100_000, "refused"),
    ],
)
def test_the_command_line_refuses_what_is_no_row(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "vendored.py"
    MODELS["points"].to_python(path)
    done = run_alone(path, text)
    assert (done.returncode, done.stdout) == (2, b"")
    assert words in done.stderr.decode()


@pytest.mark.parametrize("shape", MODELS)
def test_an_input_that_lacks_is_an_error_even_in_a_bad_row(shape: str) -> None:
    model, file = MODELS[shape], FILES[shape]
    error = file["InputError"]
    for name in ROW:
        row = {key: "bad" for key in ROW if key != name}
        for given_row in (row, defaultdict(float, row), UserDict(row)):
            for score, kind in ((model.score_one, InputError), (file["score"], error)):
                with pytest.raises(kind, match=f"values must have '{name}'"):
                    score(given_row)
    for wrong in (None, 3, "debt", [("debt", 1.0)], {"debt"}):
        with pytest.raises(error, match="values must map inputs to values"):
            file["score"](wrong)
    for wrong in (-1, "4", 1.5, None, True, np.int64(-1)):
        with pytest.raises(error, match="reasons must be a whole number of at least 0"):
            file["score"](ROW, wrong)
        with pytest.raises(InputError, match="reasons must be a whole number of at least 0"):
            model.score_one(ROW, reasons=wrong)
    assert file["score"](ROW, np.int64(1)) == file["score"](ROW, 1)


def test_any_mapping_with_more_keys_is_a_row() -> None:
    file, want = FILES["points"], MODELS["points"].score_one(ROW)
    more = {**ROW, "name": object(), 3: 4}
    each = (more, defaultdict(float, more), UserDict(more), pd.Series(dict(ROW), dtype=object))
    for values in each:
        assert same(file["score"](values), want)
    assert len(each[1]) == len(more)


@pytest.mark.parametrize("shape", MODELS)
def test_the_file_carries_contract_claim_and_texts(shape: str) -> None:
    model, file = MODELS[shape], FILES[shape]
    assert file["MODEL_ID"] == model.model_id
    assert (file["SHAPE"], file["UNIT"]) == (model.shape, model.unit)
    assert file["CLAIM"] == {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    assert file["TRAINING"] == model.training
    assert file["NAMES"] == model.feature_names
    for table, each in zip(model.tables, file["INPUTS"], strict=True):
        for key in (
            "name",
            "kind",
            "low",
            "high",
            "levels",
            "title",
            "title_zh",
            "unit",
            "sources",
        ):
            assert each[key] == getattr(table, key)
    codes = model.score_one({**ROW, "debt": -5.0})["reasons"] or ["SC_SALES_LOW"]
    assert file["reason_texts"](codes) == [
        (reason_word(code).text, reason_word(code).text_zh) for code in codes
    ]
    assert file["reason_texts"](["SC_SALES_LOW"])[0][0] == REASONS["SC_SALES_LOW"].text
    for status, (text, text_zh) in file["STATUS_TEXTS"].items():
        assert (text, text_zh) == (STATUSES[status].text, STATUSES[status].text_zh)
    for name in ("score", "reason_texts", "main"):
        assert file[name].__doc__


def test_a_model_of_one_input_and_one_of_only_flat_tables() -> None:
    table = next(t for t in MODELS["points"].tables if t.name == "debt")
    flat = replace(
        table, cuts=(), points=(7,), missing_points=7, reference=7, rows=(1, 1), defaults=(0, 0)
    )
    from portable_stage import finish

    for model in (finish([table], unit=1), finish([flat], unit=1)):
        file = load(model)
        for value in (*edge_values(model, "debt"), None, "x", True, math.inf):
            assert same(model.score_one({"debt": value}), file["score"]({"debt": value}))


def test_a_model_that_contradicts_itself_is_not_exported(tmp_path: Path) -> None:
    model = MODELS["points"]
    with pytest.raises(ModelFileError, match="pds"):
        replace(model, pds=model.pds[::-1]).to_python()
    with pytest.raises(InputError, match="path"):
        model.to_python(tmp_path / "absent" / "folder" / "x.py")
    with pytest.raises(InputError, match="path must be"):
        model.to_python(3)


class Evil:
    def __repr__(self) -> str:
        return "__import__('os').getcwd()"


@pytest.mark.parametrize(
    "value", [Evil(), {"a": Evil()}, (Evil(),), math.inf, math.nan, {1, 2}, b"x", 1j]
)
def test_only_plain_data_are_written(value: object) -> None:
    with pytest.raises(InputError, match="model must hold plain data"):
        literal(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(LEVELS),
    lambda inner: st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(value=plain)
def test_plain_data_are_read_back_as_they_were(value: object) -> None:
    assert ast.literal_eval(literal(value)) == value
    assert "\n" not in literal(value)
