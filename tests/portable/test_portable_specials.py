"""Special codes: points of their own, missing to pairs and trees, no numbers to anything else."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plain_reader
import pytest
from portable_stage import SPECIALS, draw_rows, make_model, with_specials

from alicredit.errors import InputError, ModelFileError
from alicredit.portable import ScoreModel, load_model
from alicredit.portable.counterfactuals import what_would_change
from alicredit.portable.file import canonical, content_of, digest_of, sealed

SHAPES = ("points", "pairs", "trees")
MODELS = {shape: with_specials(make_model(shape, 3), 1) for shape in SHAPES}
ROW: dict[str, Any] = {"debt": 0.5, "sales": 1.5, "age": -1.0, "flag": True, "kind": "a"}


def coded_rows(rows: int, seed: int) -> pd.DataFrame:
    """Draw rows of which a third of each coded number is a code or the double beside one."""
    rng = np.random.default_rng(seed)
    X = draw_rows(list(ROW), rows, rng)
    for name, codes in SPECIALS.items():
        beside = [math.nextafter(code, end) for code in codes for end in (-math.inf, math.inf)]
        chosen = rng.choice([*codes, *codes, *beside], rows)
        X[name] = np.where(rng.random(rows) < 0.4, chosen, X[name])
    return X


def units_by_hand(model: ScoreModel, row: dict[str, Any]) -> int:
    """Add a row up by the words of the documentation: a loop that knows no array."""
    total, plain = model.base, dict(row)
    for table in model.tables:
        value = row[table.name]
        if value in table.specials:
            total += table.special_points[table.specials.index(value)]
            plain[table.name] = None
        else:
            total += replace(table, specials=(), special_points=()).look_up_one(value)
    encoded = [t.encode_one(plain[t.name]) for t in model.tables]
    for pair in model.pairs:
        first, second = (encoded[model.places[name]] for name in (pair.first, pair.second))
        total += pair.look_up_one(first, second)
    return total + (0 if model.trees is None else model.trees.look_up_one(encoded))


def listed(X: pd.DataFrame) -> list[dict[str, Any]]:
    """List rows, missing as None."""
    rows = X.astype(object).where(X.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_one_by_one_and_by_hand_are_one_score(shape: str) -> None:
    model, X = MODELS[shape], coded_rows(500, 2)
    frame = model.score_frame(X)
    for at, row in enumerate(listed(X)):
        one, status = model.score_one(row), frame["status"].iloc[at]
        assert one["status"] == status
        assert one["reasons"] == frame["reasons"].iloc[at]
        assert one["flags"] == frame["flags"].iloc[at]
        if status == "ok":
            assert one["score"] == frame["score"].iloc[at] == units_by_hand(model, row)
            assert one["pd"] == frame["pd"].iloc[at]


@pytest.mark.parametrize("rows", [40, 3000])
@pytest.mark.parametrize("shape", SHAPES)
def test_parts_add_up_to_the_score(shape: str, rows: int) -> None:
    model, X = MODELS[shape], coded_rows(rows, 3)
    parts, frame = model.parts(X), model.score_frame(X, reasons=0)
    ok = (frame["status"] == "ok").to_numpy()
    total = parts[ok].sum(axis=1) + parts.attrs["reference"]
    scores = frame.loc[ok, "score"].to_numpy(np.float64) / model.unit
    assert ok.sum() > rows / 2
    assert np.abs(total - scores).max() < 1e-6


@pytest.mark.parametrize("shape", SHAPES)
def test_a_code_is_read_by_pairs_and_trees_as_missing(shape: str) -> None:
    model = MODELS[shape]
    for name, codes in SPECIALS.items():
        table = model.tables[model.places[name]]
        gone = model.score_one({**ROW, name: None})["score"] - table.missing_points
        for code, points in zip(table.specials, table.special_points, strict=True):
            assert model.score_one({**ROW, name: code})["score"] == gone + points
        assert set(codes) == set(table.specials)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_code_is_no_value_outside_the_range_but_its_neighbour_is(shape: str) -> None:
    model = MODELS[shape]
    for code in (-999, -999.0, np.int64(-998), np.float32(-999)):
        assert model.score_one({**ROW, "debt": code})["flags"] == []
    beside = math.nextafter(-999.0, 0)
    assert model.score_one({**ROW, "debt": beside})["flags"] == ["debt"]
    X = pd.DataFrame([ROW] * 3).assign(debt=[-999.0, beside, -998.0])
    assert model.score_frame(X)["flags"].tolist() == [[], ["debt"], []]


def test_a_code_is_not_missing_where_missing_inputs_are_counted() -> None:
    row = {"debt": -999.0, "sales": 999.0, "age": None, "flag": None, "kind": None}
    for model in MODELS.values():
        assert model.score_one(row)["status"] == "ok"
        assert model.score_one({**row, "debt": None, "sales": None})["status"] != "ok"


def test_a_code_that_costs_points_is_a_reason_and_one_that_gives_some_is_none() -> None:
    model = MODELS["points"]
    table = model.tables[0]
    for points, is_reason in ((min(table.points) - 90, True), (max(table.points) + 90, False)):
        special = (points, *table.special_points[1:])
        changed = replace(table, special_points=special, code="SC_REFUND_HIGH")
        made = _finished(model, (changed, *model.tables[1:]))
        row = {**ROW, "debt": -999.0}
        assert (changed.reason == (made.score_one(row)["reasons"] or [""])[0]) is is_reason
        told = made.explain(pd.DataFrame([row]))
        assert ((told["value"] == -999.0) & (told["feature"] == "debt")).any() == is_reason


def _finished(model: ScoreModel, tables: tuple[Any, ...]) -> ScoreModel:
    """Seal a model of other tables."""
    from portable_stage import finish

    return finish(tables, unit=model.unit, base=model.base // model.unit, pairs=model.pairs)


def test_the_card_has_a_line_for_each_code_and_shares_sum_to_one() -> None:
    card = MODELS["points"].scorecard()
    debt = card[card["feature"] == "debt"]
    own = debt[debt["category"].str.startswith("(special")]
    assert own["category"].tolist() == ["(special -999)", "(special -998)"]
    assert own["points"].tolist() == list(MODELS["points"].tables[0].special_points)
    assert own["rows"].tolist() == [9, 9]
    assert own[["lower", "upper"]].isna().all(axis=None)
    assert debt["share"].sum() == pytest.approx(1)
    good, bad = debt["rows"] - debt["defaults"], debt["defaults"]
    iv = ((good / good.sum() - bad / bad.sum()) * debt["woe"]).sum()
    assert debt["feature_iv"].iloc[0] == pytest.approx(iv)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_keeps_them_and_a_plain_reader_scores_the_same(shape: str, tmp_path: Path) -> None:
    model = MODELS[shape]
    model.save(tmp_path / "m.alicredit")
    loaded = load_model(tmp_path / "m.alicredit")
    assert loaded == model
    content, digest = plain_reader.read(tmp_path / "m.alicredit")
    assert digest == model.model_id
    for row in listed(coded_rows(300, 5)):
        one, plain = loaded.score_one(row), plain_reader.score(content, row)
        assert {key: one[key] for key in ("status", "score")} == {
            key: plain[key] for key in ("status", "score")
        }
        assert one["status"] != "ok" or one["pd"] == plain["pd"]


def test_a_model_without_codes_has_no_key_of_them() -> None:
    content = content_of(make_model("points", 3))
    assert all("specials" not in table for table in content["tables"])
    coded = content_of(MODELS["points"])
    assert [("specials" in t) for t in coded["tables"]] == [True, True, True, False, False]


DAMAGE: list[tuple[str, dict[str, Any]]] = [
    ("falling", {"specials": [-998.0, -999.0]}),
    ("twice", {"specials": [-999.0, -999.0]}),
    ("too few points", {"special_points": [1]}),
    ("points not whole", {"special_points": [1, 2.5]}),
    ("points too many", {"special_points": [1, 10**8]}),
    ("text", {"specials": ["a", "b"]}),
    ("none", {"specials": [], "special_points": []}),
    ("one key", {"specials": None}),
    ("too many", {"specials": [float(k) for k in range(60)]}),
    ("counts too few", {"rows": [1, 2]}),
]


@pytest.mark.parametrize(("title", "change"), DAMAGE, ids=[title for title, _ in DAMAGE])
def test_damaged_codes_are_refused(title: str, change: dict[str, Any], tmp_path: Path) -> None:
    content = json.loads(canonical(content_of(MODELS["points"])))
    table = {**content["tables"][0], **change}
    content["tables"][0] = {key: value for key, value in table.items() if value is not None}
    _refused(content, tmp_path)


@pytest.mark.parametrize("at", [3, 4])
def test_codes_of_a_flag_or_category_are_refused(at: int, tmp_path: Path) -> None:
    content = json.loads(canonical(content_of(MODELS["points"])))
    table = content["tables"][at]
    table |= {"specials": [-1.0], "special_points": [0]}
    for key in ("rows", "defaults"):
        table[key].insert(-1, 0)
    _refused(content, tmp_path)


@pytest.mark.parametrize("version", [1, 2])
def test_older_versions_know_no_codes(version: int, tmp_path: Path) -> None:
    _refused(json.loads(canonical(content_of(MODELS["points"], version=version))), tmp_path)


def test_points_of_codes_beside_trees_and_codes_in_reference_rows_are_refused() -> None:
    model = MODELS["trees"]
    table = replace(model.tables[0], special_points=(5, 0))
    with pytest.raises(ModelFileError):
        sealed(replace(model, tables=(table, *model.tables[1:])))
    trees = model.trees
    assert trees is not None
    row = (-999.0, *trees.reference[0][1:])
    with pytest.raises(ModelFileError, match="reference"):
        sealed(replace(model, trees=replace(trees, reference=(row, *trees.reference[1:]))))


def _refused(content: dict[str, Any], tmp_path: Path) -> None:
    """Hold that a file of this content is refused."""
    path = tmp_path / "bad.alicredit"
    text = canonical({"content": content, "digest": digest_of(content)})
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(ModelFileError):
        load_model(path)


def test_no_change_leads_to_a_code_and_one_leaves_it_only_where_named() -> None:
    model = MODELS["points"]
    row = {**ROW, "debt": -999.0}
    goal = model.score_one(row)["score"] + 1
    free = what_would_change(model, pd.DataFrame([row]), target=goal)
    assert "debt" not in set(free["feature"].dropna())
    named = {"debt": (-5, 5), "sales": False, "age": False, "flag": False, "kind": False}
    best = max(model.score_one({**ROW, "debt": x / 2})["score"] for x in range(-10, 11))
    told = what_would_change(model, pd.DataFrame([row]), target=best, feasible=named)
    assert told["status"].tolist() == ["change"]
    assert -5 <= told["change_to"].iloc[0] <= 5
    for seed in range(12):
        made = with_specials(make_model("points", seed), seed)
        for x in listed(coded_rows(20, seed)):
            found = what_would_change(
                made, pd.DataFrame([x]), target=620, feasible={"sales": (-5, 1000)}
            )
            for name, to in found[["feature", "change_to"]].dropna().to_numpy():
                assert to not in SPECIALS.get(name, ()), (seed, x)


def test_a_column_of_codes_is_not_in_another_unit() -> None:
    model = MODELS["points"]
    rows = tuple(each + 100 for each in model.tables[0].rows)
    model = _finished(model, (replace(model.tables[0], rows=rows), *model.tables[1:]))
    X = pd.DataFrame([ROW] * 200).assign(debt=[0.5] * 90 + [-999.0] * 110)
    model.check_frame(X)
    with pytest.raises(InputError, match="unit"):
        model.check_frame(X.assign(debt=[40.0] * 90 + [-999.0] * 110))
