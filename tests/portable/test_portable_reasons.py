"""Reasons of pairs and trees are exact parts of the score; mending one never harms."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, SHAPES, draw_rows, encode, finish, make_model, make_pair
from test_portable_scores import slow_step

from alicredit.errors import InputError
from alicredit.portable import ScoreModel
from alicredit.vocabulary import REASONS

seeds = st.integers(0, 10**6)


def rows_for(model: ScoreModel, seed: int, rows: int = 30) -> pd.DataFrame:
    X = draw_rows(model.feature_names, rows, np.random.default_rng(seed))
    return X[X.isna().sum(axis=1) < 3].reset_index(drop=True)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_parts_and_the_reference_sum_to_the_score(shape: str, seed: int) -> None:
    model = make_model(shape, seed)
    X = rows_for(model, seed)
    parts = model.parts(X)
    total = parts.sum(axis=1) + parts.attrs["reference"]
    np.testing.assert_allclose(total, model.predict_score(X) / model.unit, atol=1e-9)
    if shape == "trees":
        references = np.array(model.trees.reference, dtype=float)
        mean = model.scores_of(references).mean() / model.unit
        assert parts.attrs["reference"] == pytest.approx(mean, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_a_pair_is_shared_in_halves_and_the_odd_unit_goes_to_the_first(seed: int) -> None:
    model = make_model("pairs", seed, unit=1)
    X = rows_for(model, seed, 10)
    place = {name: at for at, name in enumerate(model.feature_names)}
    for row, parts in zip(encode(model, X), model.parts(X).to_numpy(), strict=True):
        expected = [
            table.point_at(value) - table.reference
            for table, value in zip(model.tables, row, strict=True)
        ]
        for pair in model.pairs:
            i = slow_step(pair.first_cuts, pair.first_groups, row[place[pair.first]])
            j = slow_step(pair.second_cuts, pair.second_groups, row[place[pair.second]])
            whole = pair.values[i][j] - pair.reference
            small = int(whole / 2)
            expected[place[pair.first]] += whole - small
            expected[place[pair.second]] += small
            assert abs(whole - small) >= abs(small)
        assert parts.tolist() == expected


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_explained_points_are_the_parts_that_hurt(shape: str, seed: int) -> None:
    model = make_model(shape, seed)
    X = rows_for(model, seed, 9)
    code = {table.name: table.reason for table in model.tables}
    lost = -model.parts(X)
    explained = model.explain(X, top=99)
    assert set(explained["against"]) <= {"median", "best", "references", "best reference"}
    scored = model.score_frame(X, reasons=99)["reasons"].tolist()
    for at in range(len(X)):
        mine = explained[explained["row"] == at]
        assert mine["code"].tolist() == scored[at]
        assert mine["rank"].tolist() == list(range(1, len(mine) + 1))
        assert mine["points_lost"].is_monotonic_decreasing
        by_code = lost.iloc[at].groupby(lost.columns.map(code)).sum()
        hurt = by_code[by_code > 1e-9]
        if not len(hurt):
            assert set(mine["against"]) <= {"best", "best reference"}
            continue
        assert set(mine["against"]) <= {"median", "references"}
        found = mine.set_index("code")["points_lost"].to_dict()
        assert found == pytest.approx(hurt.to_dict(), abs=1e-9)
        for line in mine.itertuples():
            members = lost.iloc[at][lost.columns.map(code) == line.code]
            assert members[line.feature] == pytest.approx(members.max(), abs=1e-9)
    assert explained["text"].tolist() == [
        REASONS[each.split(":")[0]].text if ":" not in each else f"{REASONS['SC_OTHER'].text}: age"
        for each in explained["code"]
    ]


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_a_row_ahead_of_the_references_is_held_against_the_best_of_them(seed: int) -> None:
    model = make_model("trees", seed, references=4)
    references = np.array(model.trees.reference, dtype=float)
    scores = model.scores_of(references)
    best = references[np.argmax(scores)]
    names = {0.0: "a", 1.0: "b", 2.0: "c", 3.0: "z"}
    row = dict(zip(model.feature_names, best.tolist(), strict=True))
    row["kind"] = names.get(row["kind"])
    if sum(value is None or value != value for value in row.values()) > 3:
        return
    explained = model.explain(pd.DataFrame([row]))
    assert "best reference" not in set(explained["against"])
    alone = replace(model, trees=replace(model.trees, reference=(tuple(best.tolist()),)))
    assert alone.explain(pd.DataFrame([row])).empty
    assert alone.score_one(row)["reasons"] == []


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(seed=seeds, step=st.sampled_from([0.25, 0.5, 1.0, 3.0]))
def test_mending_an_input_named_as_a_reason_never_worsens_the_score(shape, seed, step) -> None:
    model = make_model(shape, seed)
    X = rows_for(model, seed, 8)
    explained = model.explain(X)
    mended = 0
    for line in explained.itertuples():
        direction, value = KINDS[line.feature][1], X[line.feature].iloc[line.row]
        if not direction or value != value:
            continue
        row = X.iloc[line.row].to_dict()
        better = 0.0 if line.feature == "flag" else value - direction * step
        before, after = model.score_one(row), model.score_one({**row, line.feature: better})
        assert after["score"] >= before["score"]
        assert after["pd"] <= before["pd"]
        mended += 1
    assert mended or not len(explained) or {"age", "kind"} & set(explained["feature"]) or (
        X[explained["feature"].unique()].isna().any(axis=None)
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_no_reasons_asked_are_none_given(shape: str) -> None:
    model = make_model(shape, 1)
    X = rows_for(model, 1)
    assert model.score_frame(X, reasons=0)["reasons"].tolist() == [[]] * len(X)
    assert model.score_one(X.iloc[0].to_dict(), reasons=0)["reasons"] == []
    assert model.explain(X, top=0).empty
    assert "accounts" not in vars(replace(model))
    full = model.score_frame(X, reasons=99)["reasons"]
    for top in (1, 2, 3):
        assert model.score_frame(X, reasons=top)["reasons"].tolist() == [r[:top] for r in full]


def test_a_row_that_is_not_scored_has_no_parts_and_is_not_explained() -> None:
    model = make_model("trees", 1)
    X = rows_for(model, 1)
    X.loc[2, "debt"] = np.inf
    parts = model.parts(X)
    assert parts.isna().all(axis=1).tolist() == [at == 2 for at in range(len(X))]
    with pytest.raises(InputError, match="infinite"):
        model.explain(X)


def test_the_card_shows_each_cell_of_a_pair_in_points() -> None:
    model = make_model("pairs", 4)
    card = model.scorecard()
    cells = card[card["feature_2"] != ""]
    assert len(cells) == sum(len(pair.values) * len(pair.values[0]) for pair in model.pairs)
    for (first, second), lines in cells.groupby(["feature", "feature_2"], sort=False):
        pair = next(p for p in model.pairs if (p.first, p.second) == (first, second))
        flat = itertools.chain(*pair.values)
        assert lines["points"].tolist() == [each / 1000 for each in flat]
        assert lines[["rows", "share", "woe"]].isna().all(axis=None)
    own = card[card["feature_2"] == ""]
    units = [each for t in model.tables for each in (*t.points, t.missing_points)]
    assert own["points"].tolist() == [each / 1000 for each in units]
    row = {"debt": 1.0, "sales": -2.0, "age": 0.0, "flag": 1.0, "kind": "b"}

    def holds(lower, upper, category, value) -> bool:
        if isinstance(value, str):
            return value in category.split(", ")
        return lower < value <= upper

    total = model.base / 1000
    for line in card.itertuples():
        mine = holds(line.lower, line.upper, line.category, row[line.feature])
        if line.feature_2:
            other = (line.lower_2, line.upper_2, line.category_2, row[line.feature_2])
            mine = mine and holds(*other)
        total += line.points if mine else 0
    assert total == pytest.approx(model.score_one(row)["score"] / 1000, abs=1e-9)


def test_the_card_of_trees_claims_no_points_and_that_of_points_no_pairs() -> None:
    assert make_model("trees", 1).scorecard()["points"].isna().all()
    card = make_model("points", 1).scorecard()
    assert "feature_2" not in card
    assert card["points"].dtype == np.int64


def test_pairs_in_thousandths_rank_as_the_same_pairs_in_points() -> None:
    one = make_model("pairs", 6, unit=1)
    rng = np.random.default_rng(0)

    def times(values, by=1000):
        return tuple(each * by for each in values)

    tables = [
        replace(
            table, points=times(table.points), missing_points=table.missing_points * 1000,
            reference=table.reference * 1000,
        )
        for table in one.tables
    ]  # fmt: skip
    pairs = tuple(
        replace(pair, values=tuple(map(times, pair.values)), reference=pair.reference * 1000)
        for pair in one.pairs
    )
    many = finish(tables, unit=1000, pairs=pairs)
    X = rows_for(one, 3)
    assert (many.predict_score(X) == one.predict_score(X) * 1000).all()
    np.testing.assert_array_equal(many.predict_proba(X), one.predict_proba(X))
    extra = make_pair(one.tables[2], one.tables[4], rng, size=0)
    assert (finish(tables, unit=1000, pairs=(*pairs, extra)).predict_score(X) % 1000 == 0).all()
