"""Reasons are exact parts of the score that was used, in two languages; the card adds up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_stage import Stage, make_merchants, rows_of

from alicredit.errors import InputError
from alicredit.model import ScoreModel
from alicredit.vocabulary import REASONS

CODES = {
    "debt": "SC_SALES_UNSTABLE",
    "sales": "SC_SALES_LOW",
    "is_new": "SC_SALES_LOW",
    "region": "SC_REFUND_HIGH",
    "noise": "SC_DISPUTE",
}


@pytest.fixture(scope="module")
def coded(model: ScoreModel) -> ScoreModel:
    """Give the model reasons of its own, two inputs sharing one."""
    return replace(model, tables=tuple(replace(t, code=CODES[t.name]) for t in model.tables))


def points_of(model: ScoreModel, row: dict[str, object]) -> dict[str, int]:
    """Look up each input's points, a missing value as None."""
    clean = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
    return {t.name: t.look_up_one(clean[t.name]) for t in model.tables}


def lost_by_code(model: ScoreModel, row: dict[str, object], against: str) -> dict[str, int]:
    points = points_of(model, row)
    lost: dict[str, int] = {}
    for table in model.tables:
        goal = table.reference if against == "median" else max(table.points)
        lost[table.code] = lost.get(table.code, 0) + goal - points[table.name]
    return lost


def test_the_parts_add_up_to_the_distance_from_the_reference(coded: ScoreModel) -> None:
    X, _, _ = make_merchants(200, seed=20)
    reference = coded.base + sum(table.reference for table in coded.tables)
    explained = coded.explain(X, top=99)
    scores = coded.predict_score(X)
    behind = 0
    for at, row in enumerate(rows_of(X)):
        lost = lost_by_code(coded, row, "median")
        assert sum(lost.values()) == reference - scores[at]
        mine = explained[(explained["row"] == at) & (explained["against"] == "median")]
        named = mine.set_index("code")["points_lost"].to_dict()
        assert named == {code: points for code, points in lost.items() if points > 0}
        behind += bool(named)
    assert 0 < behind < 200


def test_a_row_at_or_above_the_median_is_held_against_the_best(coded: ScoreModel) -> None:
    X, _, _ = make_merchants(400, seed=26)
    best = coded.base + sum(max(table.points) for table in coded.tables)
    explained = coded.explain(X, top=99)
    scores = coded.predict_score(X)
    above = 0
    for at, row in enumerate(rows_of(X)):
        if any(points > 0 for points in lost_by_code(coded, row, "median").values()):
            continue
        above += 1
        lost = lost_by_code(coded, row, "best")
        mine = explained[explained["row"] == at]
        assert set(mine["against"]) <= {"best"}
        named = mine.set_index("code")["points_lost"].to_dict()
        assert named == {code: points for code, points in lost.items() if points > 0}
        if min(lost.values()) >= 0:
            assert sum(named.values()) == best - scores[at]
    assert above > 0


def test_only_the_best_score_has_no_reason(coded: ScoreModel) -> None:
    X, _, _ = make_merchants(500, seed=27)
    scored = coded.score_frame(X)
    best = coded.base + sum(max(table.points) for table in coded.tables)
    has_none = scored["reasons"].map(len) == 0
    assert (scored["score"][has_none] >= best).all()


def test_reasons_are_ranked_and_only_those_that_hurt(coded: ScoreModel) -> None:
    X, _, _ = make_merchants(200, seed=21)
    explained = coded.explain(X)
    assert (explained["points_lost"] > 0).all()
    for _, lines in explained.groupby("row"):
        assert lines["rank"].tolist() == list(range(1, len(lines) + 1))
        assert len(lines) <= 4
        assert (np.diff(lines["points_lost"]) <= 0).all()
        assert lines["code"].is_unique


def test_each_reason_names_an_input_of_its_code_with_its_value(coded: ScoreModel) -> None:
    X, _, _ = make_merchants(100, seed=22)
    for line in coded.explain(X).itertuples():
        assert CODES[line.feature] == line.code
        value = X[line.feature].iloc[line.row]
        assert line.value == value or (pd.isna(line.value) and pd.isna(value))
        assert line.text == REASONS[line.code].text
        assert line.text_zh == REASONS[line.code].text_zh
        assert any("\u4e00" <= sign <= "\u9fff" for sign in line.text_zh)


def test_codes_of_a_scored_row_are_those_of_its_explanation(coded: ScoreModel) -> None:
    X, _, _ = make_merchants(200, seed=23)
    explained = coded.explain(X).groupby("row")["code"].agg(list)
    for at, codes in enumerate(coded.score_frame(X)["reasons"]):
        assert codes == explained.get(at, [])
    for top in (0, 1, 2):
        short = coded.score_frame(X, reasons=top)["reasons"]
        assert all(len(codes) <= top for codes in short)
        ones = [coded.score_one(row, reasons=top)["reasons"] for row in rows_of(X)]
        assert short.tolist() == ones


def test_the_reference_row_has_no_reasons(coded: ScoreModel) -> None:
    tables = tuple(
        replace(t, points=(0,) * len(t.points), missing_points=0, reference=0) for t in coded.tables
    )
    flat = replace(coded, tables=tables)
    X, _, _ = make_merchants(10, seed=24)
    assert flat.explain(X).empty
    assert flat.score_one(rows_of(X)[0] | {"noise": 0.0}, reasons=4)["reasons"] == []


def test_inputs_that_no_family_holds_are_reasons_of_their_own(model: ScoreModel) -> None:
    X, _, _ = make_merchants(200, seed=28)
    explained = model.explain(X, top=99)
    assert (explained["code"] == "SC_OTHER:" + explained["feature"]).all()
    for text in ("text", "text_zh"):
        pairs = zip(explained["feature"], explained[text], strict=True)
        assert all(name in said for name, said in pairs)
    for at, row in enumerate(rows_of(X)):
        points = points_of(model, row)
        mine = explained[explained["row"] == at]
        for line in mine[mine["against"] == "median"].itertuples():
            table = next(t for t in model.tables if t.name == line.feature)
            assert line.points_lost == table.reference - points[line.feature]


def test_references_are_the_median_points_of_training(stage: Stage, model: ScoreModel) -> None:
    for table in model.tables:
        column = stage.X[table.name]
        values = [None if pd.isna(v) else v for v in column]
        points = sorted(table.look_up_one(v) for v in values)
        assert table.reference == points[len(points) // 2]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), step=st.floats(0.01, 5))
def test_improving_a_named_input_never_worsens_the_score(stage: Stage, seed, step) -> None:
    X, _, _ = make_merchants(1, seed=seed)
    row = rows_of(X)[0]
    before = stage.model.score_one(row)["score"]
    named = set(stage.model.explain(X)["feature"])
    better = dict(row)
    if "debt" in named:
        better["debt"] = row["debt"] - step
    if "sales" in named and not np.isnan(row["sales"]):
        better["sales"] = row["sales"] + step
    after = stage.model.score_one(better)
    assert after["score"] >= before
    assert after["pd"] <= stage.model.score_one(row)["pd"]


def test_rows_outside_the_contract_are_not_explained(model: ScoreModel) -> None:
    X, _, _ = make_merchants(2, seed=25)
    with pytest.raises(InputError, match="infinite or impossible"):
        model.explain(X.assign(debt=np.inf))


def test_the_card_counts_every_training_row_once(stage: Stage, model: ScoreModel) -> None:
    card = model.scorecard()
    assert list(card.columns) == [
        "feature", "lower", "upper", "category", "points", "rows", "defaults",
        "share", "default_rate", "woe", "iv", "feature_iv",
    ]  # fmt: skip
    totals = card.groupby("feature")[["rows", "defaults", "share"]].sum()
    assert (totals["rows"] == len(stage.X)).all()
    assert (totals["defaults"] == stage.y.sum()).all()
    np.testing.assert_allclose(totals["share"], 1)


def test_the_card_agrees_with_a_count_by_pandas(stage: Stage, model: ScoreModel) -> None:
    card = model.scorecard()
    lines = card[(card["feature"] == "debt") & (card["category"] == "")]
    edges = [*lines["lower"], np.inf]
    steps = pd.cut(stage.X["debt"], edges, right=True)
    by_step = stage.y.groupby(steps, observed=False).agg(["size", "sum"])
    assert lines["rows"].tolist() == by_step["size"].tolist()
    assert lines["defaults"].tolist() == by_step["sum"].tolist()
    np.testing.assert_allclose(lines["default_rate"], by_step["sum"] / by_step["size"])


def test_weight_of_evidence_is_the_log_odds_of_a_step_against_all(model: ScoreModel) -> None:
    card = model.scorecard()
    lines = card[(card["feature"] == "debt") & (card["rows"] > 0)]
    bad, good = lines["defaults"], lines["rows"] - lines["defaults"]
    plain = np.log((good / good.sum()) / (bad / bad.sum()))
    # Half a case is added to each cell, so that an empty one has a value.
    is_thick = np.minimum(bad, good) >= 10
    assert is_thick.sum() >= 5
    np.testing.assert_allclose(lines["woe"][is_thick], plain[is_thick], atol=0.05)
    information = ((good / good.sum() - bad / bad.sum()) * plain).sum()
    assert lines["iv"].sum() == pytest.approx(information, rel=0.05)


def test_points_rise_where_evidence_does(model: ScoreModel) -> None:
    card = model.scorecard()
    lines = card[(card["feature"] == "debt") & (card["category"] == "")]
    assert (np.diff(lines["points"]) <= 0).all()
    assert np.corrcoef(lines["points"], lines["woe"])[0, 1] > 0.9


def test_no_table_has_more_steps_than_asked(stage: Stage) -> None:
    for most in (2, 4):
        model = type(stage.model)(max_steps=most, directions=None).fit(stage.X, stage.y)
        card = model.scorecard()
        numeric = card[card["category"] == ""]
        assert numeric.groupby("feature").size().max() <= most
