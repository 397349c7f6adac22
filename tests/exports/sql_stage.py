"""What every engine that runs the query is asked; an engine is a way to ask a query of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from exports_stage import (
    HOSTILE_NAMES,
    ROW,
    ROW_CASES,
    answers_of,
    edge_values,
    fixed_rows,
    hostile,
    hostile_row,
    models,
    same,
)
from portable_stage import KINDS, SHAPES, draw_rows, finish, make_model, make_table

from alicredit.policy import load_policy
from alicredit.portable import PairTable, PointTable, ScoreModel, TreeTable

Ask = Callable[[str, pa.Table, str], pd.DataFrame]
"""Put a table under a name into an engine and give what a query answers."""

MODELS = models()
WITHIN = 1e-15
NUMBERS = [name for name, (kind, _) in KINDS.items() if kind == "numeric"]
HOSTILE_TABLE = 'fea"tures`; DROP TABLE x; --'
HOSTILE_KEY = "id' \"`\\ 编号"


def table_of(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> pa.Table:
    """Lay rows out in typed columns; every other missing number is a NaN, the rest NULL."""
    columns: dict[str, pa.Array] = {"merchant_id": pa.array(range(len(rows)), pa.int64())}
    types = {"numeric": pa.float64(), "flag": pa.bool_(), "category": pa.string()}
    for name, kind in kinds.items():
        values = [row[name] for row in rows]
        if kind == "numeric":
            values = [
                (math.nan if at % 2 else None) if is_gone(value) else float(value)
                for at, value in enumerate(values)
            ]
        columns[name] = pa.array(values, types[kind], from_pandas=False)
    return pa.table(columns)


def is_gone(value: Any) -> bool:
    """Tell a missing value."""
    return value is None or value is pd.NaT or value is pd.NA or value != value


def kinds_of(model: ScoreModel) -> dict[str, str]:
    """Give the kind of each input."""
    return {table.name: table.kind for table in model.tables}


def dialect_of(ask: Ask) -> str:
    """Give the dialect that an engine speaks."""
    return str(ask.dialect)  # type: ignore[attr-defined]


def answers(ask: Ask, model: ScoreModel, rows: pa.Table, **options: Any) -> list[dict[str, Any]]:
    """Ask a model's query of a table; give answers as score_frame's are given."""
    options = {"table": "features", "key": "merchant_id", **options}
    found = ask(model.to_sql(dialect_of(ask), **options), rows, options["table"])
    found = found.sort_values(options["key"])
    assert found[options["key"]].tolist() == rows[options["key"]].to_pylist()
    names = [name for name in found if name.startswith("reason_")]
    lines = []
    for row in found.to_dict("records"):
        reasons = [row[name] for name in names if isinstance(row[name], str)]
        flags = [] if row["flags"] is None else [str(each) for each in row["flags"]]
        score = None if pd.isna(row["score"]) else int(row["score"])
        points = None if score is None else score / model.unit
        assert row["points"] == points or (points is None and pd.isna(row["points"]))
        pds = {
            name: math.nan if row[name] is None else float(row[name])
            for name in ("pd", "pd_lower", "pd_upper")
        }
        lines.append(
            {"status": row["status"], "score": score, "reasons": reasons, "flags": flags, **pds}
        )
    return lines


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Give the same rows to the library: texts as objects, all else as it is."""
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_string(column.type) or column.null_count or pa.types.is_decimal(column.type):
            values = column.to_pylist()
            is_decimal = pa.types.is_decimal(column.type)
            values = [float(v) if is_decimal and v is not None else v for v in values]
            columns[name] = pd.Series(values, dtype=object)
        else:
            columns[name] = column.to_numpy()
    return pd.DataFrame(columns)


def assert_alike(ask: Ask, model: ScoreModel, rows: pa.Table, **options: Any) -> list[Any]:
    """Hold the query's answers against the library's; give them."""
    found = answers(ask, model, rows, **options)
    want = answers_of(model.score_frame(frame_of(rows)))
    for at, (mine, own) in enumerate(zip(found, want, strict=True)):
        if model.shape == "trees":
            assert mine["reasons"] == []
            own = {**own, "reasons": []}
        assert same(mine, own, within=WITHIN), (at, mine, own, rows.slice(at, 1).to_pylist())
    return found


def ask_the_corpus(ask: Ask, shape: str) -> None:
    """On and beside every cut, extreme, missing, unseen, random."""
    model = MODELS[shape]
    table = table_of(fixed_rows(model, most=1200), kinds_of(model))
    found = assert_alike(ask, model, table)
    assert {row["status"] for row in found} == {"ok", "too_many_missing"}
    assert any(row["flags"] for row in found)
    assert any(len(row["reasons"]) > 1 for row in found) == (model.trees is None)


def ask_the_row_cases(ask: Ask, shape: str) -> None:
    """Every case that a column of its type can hold is told as the corpus says."""
    model, kinds = MODELS[shape], {name: kind for name, (kind, _) in KINDS.items()}
    cases = [case for case in ROW_CASES if not case.is_typed]
    for flags in (pa.bool_(), pa.float64()):
        rows, want = [], []
        for case in cases:
            for row in case.rows():
                plain = as_double(row, is_flag_double=flags == pa.float64())
                if plain is not None:
                    rows.append(plain)
                    want.append((case.status, case.flags))
        table = table_of(rows, {**kinds, "flag": "numeric"} if flags == pa.float64() else kinds)
        found = answers(ask, model, table)
        assert [(row["status"], row["flags"]) for row in found] == want
        assert [row["score"] is None for row in found] == [status != "ok" for status, _ in want]
    assert {status for status, _ in want} == {"ok", "bad_value", "too_many_missing"}


def as_double(row: Mapping[str, Any], *, is_flag_double: bool) -> dict[str, Any] | None:
    """Give a row as columns of doubles, flags and texts hold it; None where they cannot."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        try:
            if is_gone(value):
                found[name] = None
            elif name == "kind":
                found[name] = str(value)
                found[name].encode()
            elif name == "flag" and not is_flag_double:
                if value not in (0, 1):
                    return None
                found[name] = bool(value)
            else:
                found[name] = float(value)
        except (OverflowError, UnicodeEncodeError):
            return None
    return found


WRONG = {
    "debt": (["1"], [True], ["x"], [pd.Timestamp("2013-05-01").date()]),
    "flag": (["1"], ["true"], [pd.Timestamp("2013-05-01").date()]),
    "kind": ([1], [1.0], [True], [pd.Timestamp("2013-05-01").date()], [b"a"]),
}
"""Columns of another type than the input's."""


def ask_of_wrong_types(ask: Ask, failure: type[Exception]) -> None:
    """A column of another type stops the query."""
    model = MODELS["points"]
    for name, columns in WRONG.items():
        for values in columns:
            plain = table_of([ROW], kinds_of(model))
            at = plain.column_names.index(name)
            table = plain.set_column(at, name, pa.array(values))
            with pytest.raises(failure):
                answers(ask, model, table)
    assert answers(ask, model, table_of([ROW], kinds_of(model)))[0]["status"] == "ok"


def ask_under_hostile_names(ask: Ask, shape: str) -> None:
    """Names, levels, table and key that would break out of a text that does not escape them."""
    model = hostile(MODELS[shape])
    rows = [hostile_row(row) for row in fixed_rows(MODELS[shape], most=300)]
    table = table_of(rows, kinds_of(model)).rename_columns(
        [HOSTILE_KEY, *(HOSTILE_NAMES[name] for name in KINDS)]
    )
    found = assert_alike(ask, model, table, table=HOSTILE_TABLE, key=HOSTILE_KEY)
    assert any(HOSTILE_NAMES["debt"] in row["flags"] for row in found)


def ask_of_other_types(ask: Ask, shape: str, types: Iterable[pa.DataType]) -> None:
    """Float32, integer and decimal columns, at and beside each cut as near as the type can be."""
    model = MODELS[shape]
    for kind in types:
        rows: list[dict[str, Any]] = []
        is_narrow = kind == pa.int8() or (pa.types.is_decimal(kind) and kind.precision < 5)
        most = 99 if is_narrow else math.inf  # codes of three digits are beyond these
        for name in NUMBERS:
            values = [value for value in edge_values(model, name) if abs(value) < most]
            rows += [{**ROW, name: value} for value in values]
        columns: dict[str, pa.Array] = {"merchant_id": pa.array(range(len(rows)))}
        for name in NUMBERS:
            columns[name] = as_type([row[name] for row in rows], kind)
        ones = [at % 2 for at in range(len(rows))]
        columns["flag"] = pa.array(map(Decimal, ones) if pa.types.is_decimal(kind) else ones, kind)
        columns["kind"] = pa.array([row["kind"] for row in rows])
        found = assert_alike(ask, model, pa.table(columns))
        assert {row["status"] for row in found} == {"ok"}
        assert len({row["score"] for row in found}) > 3


def as_type(values: Sequence[float], kind: pa.DataType) -> pa.Array:
    """Bring values to a type."""
    if pa.types.is_decimal(kind):
        step = Decimal(1).scaleb(-kind.scale)
        with localcontext(prec=80):
            near = [Decimal(v).quantize(step) + (at % 3 - 1) * step for at, v in enumerate(values)]
        return pa.array(near, kind)
    if pa.types.is_integer(kind):
        return pa.array([math.floor(value) for value in values], kind)
    return pa.array(np.array(values, dtype=kind.to_pandas_dtype()))


def ask_of_texts(ask: Ask) -> None:
    """Texts are levels byte by byte: case, blanks at the end, accents, nothing at all."""
    levels = ("a", "A", "a ", " a", "", "é", "e\u0301", "ß", "ss", "1", "NULL", "\\", "\t", "${x}")
    base = MODELS["points"]
    at = base.feature_names.index("kind")
    table = replace(
        base.tables[at], levels=levels, points=tuple(range(len(levels) + 1)), missing_points=-3,
        reference=-3, rows=(9,) * (len(levels) + 2), defaults=(1,) * (len(levels) + 2),
    )  # fmt: skip
    tables = (*base.tables[:at], table, *base.tables[at + 1 :])
    model = finish(tables, unit=1)
    others = ("b", "a  ", "É", "SS", "null", "\n", "x", "\\\\", "${y}")
    rows = [{**ROW, "kind": value} for value in (*levels, *others, None)]
    found = assert_alike(ask, model, table_of(rows, kinds_of(model)))
    plain = found[0]["score"]
    assert [row["score"] - plain for row in found[: len(levels)]] == list(range(len(levels)))
    assert {row["score"] - plain for row in found[len(levels) : -1]} == {len(levels)}
    assert found[-1]["score"] - plain == -3


def ask_for_grades(ask: Ask) -> None:
    """The grade is that of the library's probability."""
    model, grades = MODELS["pairs"], load_policy("ali-2013").grades
    upper = model.pds[len(model.pds) // 2]
    own = replace(grades, upper_pd=(*(upper * k for k in (0.97, 0.99, 1, 1.0001, 1.01, 1.03)), 1.0))
    table = table_of(fixed_rows(model, most=300), kinds_of(model))
    sql = model.to_sql(dialect_of(ask), grades=own)
    found = ask(sql, table, "features").sort_values("merchant_id")
    want = model.score_frame(frame_of(table))
    ok = (want["status"] == "ok").to_numpy()
    places = np.searchsorted(np.array(own.upper_pd), want["pd"].to_numpy()[ok])
    assert found["grade"][ok].tolist() == [own.names[place] for place in places]
    assert found["grade"][~ok].isna().all()
    assert found["grade"].nunique() > 2
    graded = replace(model)
    object.__setattr__(graded, "grades", tuple(zip(own.names, own.upper_pd, strict=True)))
    assert graded.to_sql(dialect_of(ask)) == sql


def ask_of_drawn_models(ask: Ask, seed: int, rows: int = 120) -> None:
    """Drawn models of each shape on drawn rows, some of infinities and wrong flags."""
    rng = np.random.default_rng(seed)
    for shape in SHAPES:
        model = make_model(shape, seed)
        X = draw_rows(list(KINDS), rows, rng).assign(merchant_id=range(rows))
        for name in NUMBERS:
            odd = rng.choice([math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0], rows)
            X[name] = np.where(rng.random(rows) < 0.05, odd, X[name])
        X["flag"] = np.where(rng.random(rows) < 0.05, rng.choice([0.5, 2, math.inf]), X["flag"])
        table = pa.Table.from_pandas(X, preserve_index=False)
        found = assert_alike(ask, model, table)
        assert {"ok", "bad_value"} <= {row["status"] for row in found}


def deep_trees() -> ScoreModel:
    """Give a model of one tree that is a chain of 120 nodes, and one of a single leaf."""
    rng = np.random.default_rng(2)
    nodes, feature, cut, levels = 120, [], [], []
    for at in range(nodes):
        is_text = rng.random() < 0.2
        feature.append(4 if is_text else 2)
        cut.append(0.0 if is_text else at / 10 - 6)
        levels.append((int(rng.integers(1, 4)),) if is_text else ())
    right = tuple(at + 1 if at + 1 < nodes else -nodes - 1 for at in range(nodes))
    trees = TreeTable(
        (0, -nodes - 2), tuple(feature), tuple(cut), tuple(-at - 1 for at in range(nodes)), right,
        tuple((rng.random(nodes) < 0.02).tolist()), tuple(levels),
        tuple(rng.integers(-900, 900, nodes + 2).tolist()), ((0.0,) * 5,),
    )  # fmt: skip
    tables = [make_table(name, rng, spread=0) for name in KINDS]
    return finish(tables, unit=1000, trees=trees)


def ask_of_deep_trees(ask: Ask) -> None:
    """A tree far deeper than CASE within CASE would go."""
    model = deep_trees()
    found = assert_alike(ask, model, table_of(fixed_rows(model, most=500), kinds_of(model)))
    assert len({row["score"] for row in found}) > 10


def long_table(name: str, rng: np.random.Generator, steps: int) -> PointTable:
    """Draw a table of many steps, without a direction."""
    cuts = np.unique(rng.normal(size=steps - 1))
    points = [*rng.integers(-90, 91, steps).tolist(), 7]
    plain = replace(make_table("age", rng, spread=1), name=name, title=name)
    return replace(
        plain, cuts=tuple(cuts.tolist()), points=tuple(points[:-1]), missing_points=points[-1],
        reference=points[0], rows=(9,) * (steps + 1), defaults=(1,) * (steps + 1),
    )  # fmt: skip


def large(shape: str, *, inputs: int = 60, pairs: int = 40, trees: int = 120) -> ScoreModel:
    """Draw a model of full size: inputs of 8 steps, pairs of 8 x 8, trees of 31 leaves."""
    rng = np.random.default_rng(7)
    tables = [long_table(f"input {at}", rng, 40 if at == 0 else 8) for at in range(inputs)]
    if shape == "points":
        return finish(tables, unit=1)
    if shape == "pairs":
        chosen = [(at % inputs, (at + 1 + at // inputs) % inputs) for at in range(1, pairs + 1)]
        grids = tuple(
            PairTable(
                tables[a].name, tables[b].name, tables[a].cuts, tables[b].cuts, (), (),
                tuple(map(tuple, rng.integers(-99, 100, (9, 9)).tolist())), 0,
            )
            for a, b in chosen
        )  # fmt: skip
        return finish(tables, unit=1000, pairs=grids)
    flat = [replace(each, cuts=(), points=(0,), missing_points=0, reference=0, rows=(9, 9),
                    defaults=(1, 1)) for each in tables]  # fmt: skip
    columns: list[list[Any]] = [[], [], [], []]
    leaves: list[int] = []

    def grow(size: int) -> int:
        if size == 1:
            leaves.append(int(rng.integers(-900, 901)))
            return -len(leaves)
        at = len(columns[0])
        for column, value in zip(
            columns, (int(rng.integers(12)), float(rng.normal()), 0, 0), strict=True
        ):
            column.append(value)
        below = max(1, int(rng.integers(size // 3, size - size // 3))) if size > 2 else 1
        columns[2][at], columns[3][at] = grow(below), grow(size - below)
        return at

    roots = [grow(31) for _ in range(trees)]
    feature, cut, left, right = (tuple(column) for column in columns)
    kept = TreeTable(
        tuple(roots), feature, cut, left, right, (False, True) * (len(cut) // 2), ((),) * len(cut),
        tuple(leaves), ((0.0,) * inputs,),
    )  # fmt: skip
    return finish(flat, unit=1000, trees=kept)


def ask_of_large_models(ask: Ask, shape: str, rows: int) -> None:
    """What models of full size ask of an engine's parser and planner."""
    model = large(shape)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(rows, len(model.tables)))
    values[rng.random(values.shape) < 0.1] = math.nan
    X = pd.DataFrame(values, columns=list(model.feature_names)).assign(merchant_id=range(rows))
    found = assert_alike(ask, model, pa.Table.from_pandas(X, preserve_index=False))
    assert {row["status"] for row in found} == {"ok"}
