"""What is outside the contract is a status on its row or an error, never a plausible score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from model_stage import Stage, make_merchants, rows_of

from alicredit.errors import InputError
from alicredit.model import ScoreModel
from alicredit.vocabulary import STATUSES

ROW_CASES = {
    "text for a number": ("debt", "12", "bad_type"),
    "a truth for a number": ("debt", True, "bad_type"),
    "a time for a number": ("debt", pd.Timestamp("2013-05-01"), "bad_type"),
    "a span of time for a number": ("debt", np.timedelta64(1, "D"), "bad_type"),
    "a complex number": ("debt", 1 + 1j, "bad_type"),
    "a list": ("debt", [1.0], "bad_type"),
    "infinity": ("debt", np.inf, "bad_value"),
    "minus infinity": ("sales", -np.inf, "bad_value"),
    "a number beyond double": ("debt", 10**400, "bad_value"),
    "a number for a category": ("region", 3, "bad_type"),
    "bytes for a category": ("region", b"north", "bad_type"),
    "a truth for a category": ("region", True, "bad_type"),
    "text for a flag": ("is_new", "yes", "bad_type"),
    "a flag of seven": ("is_new", 7, "bad_value"),
    "half a flag": ("is_new", 0.5, "bad_value"),
    "an infinite flag": ("is_new", np.inf, "bad_value"),
}


def bad_frame(name: str, value: object) -> pd.DataFrame:
    """Give three rows of which the middle one carries a bad value."""
    X, _, _ = make_merchants(3, seed=1)
    column = np.empty(3, dtype=object)
    column[:] = X[name].tolist()
    column[1] = value
    return X.assign(**{name: pd.Series(column, dtype=object)})


@pytest.mark.parametrize("case", ROW_CASES, ids=str)
def test_a_bad_row_is_marked_and_stops_no_other(model: ScoreModel, case: str) -> None:
    name, value, status = ROW_CASES[case]
    X = bad_frame(name, value)
    frame = model.score_frame(X)
    assert frame["status"].tolist() == ["ok", status, "ok"]
    assert status in STATUSES
    assert frame[["pd", "pd_lower", "pd_upper", "score"]].iloc[1].isna().all()
    assert frame["reasons"].iloc[1] == []
    clean, _, _ = make_merchants(3, seed=1)
    others = [0, 2]
    assert frame["pd"].iloc[others].tolist() == model.score_frame(clean)["pd"].iloc[others].tolist()
    assert model.score_one(rows_of(X)[1])["status"] == status


@pytest.mark.parametrize("case", ROW_CASES, ids=str)
def test_predict_proba_refuses_a_bad_row_and_says_where(model: ScoreModel, case: str) -> None:
    name, value, _ = ROW_CASES[case]
    with pytest.raises(InputError, match="position 1"):
        model.predict_proba(bad_frame(name, value))


def test_a_level_never_seen_is_the_learned_other(model: ScoreModel) -> None:
    X, _, _ = make_merchants(2, seed=2)
    X["region"] = ["moon", "islet"]
    table = next(t for t in model.tables if t.name == "region")
    assert table.levels == ("north", "south", "west")
    card = model.scorecard()
    lines = card[(card["feature"] == "region") & (card["category"] == "(other)")]
    (other,) = lines["points"]
    assert table.look_up(["moon", "islet"]).tolist() == [other, other]
    assert (model.score_frame(X)["status"] == "ok").all()


def test_case_of_a_level_matters(model: ScoreModel) -> None:
    table = next(t for t in model.tables if t.name == "region")
    assert table.look_up_one("NORTH") == table.look_up_one("moon")


def test_too_many_missing_inputs_are_not_scored(model: ScoreModel) -> None:
    X, _, _ = make_merchants(1, seed=3)
    row = dict.fromkeys(rows_of(X)[0])
    assert model.score_one(row)["status"] == "too_many_missing"
    assert model.score_frame(pd.DataFrame([row], dtype=object))["status"].tolist() == [
        "too_many_missing"
    ]
    row["debt"], row["region"] = 1.0, "north"
    assert model.score_one(row)["status"] == "ok"


def test_a_missing_column_is_an_error_that_names_it(model: ScoreModel) -> None:
    X, _, _ = make_merchants(3, seed=4)
    with pytest.raises(InputError, match="'debt'"):
        model.score_frame(X.drop(columns="debt"))
    with pytest.raises(InputError, match="did you mean 'debts'"):
        model.score_frame(X.rename(columns={"debt": "debts"}))
    with pytest.raises(InputError, match="'debt'"):
        model.score_one({"sales": 1.0})


def test_a_repeated_column_is_an_error(model: ScoreModel) -> None:
    X, _, _ = make_merchants(3, seed=4)
    twice = pd.concat([X, X[["debt"]] * 100], axis=1)
    with pytest.raises(InputError, match="once"):
        model.score_frame(twice)


@pytest.mark.parametrize("X", [np.zeros((3, 5)), [[1, 2, 3, 4, 5]], {"debt": [1.0]}, None, 3])
def test_positions_are_never_trusted(model: ScoreModel, X: object) -> None:
    with pytest.raises(InputError, match="by name"):
        model.score_frame(X)


def test_a_frame_like_training_passes(model: ScoreModel, stage: Stage) -> None:
    model.check_frame(stage.X)
    model.check_frame(stage.X.iloc[:1])
    stage.model.check_frame(stage.X)


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_another_unit_stops_the_whole_frame(model: ScoreModel, stage: Stage, factor) -> None:
    X = stage.X.assign(sales=stage.X["sales"] * factor)
    with pytest.raises(InputError, match=r"'sales'.*unit.*100 times"):
        model.check_frame(X)
    with pytest.raises(InputError, match="'sales'"):
        stage.model.check_frame(X)


def test_a_unit_is_not_judged_from_few_rows(model: ScoreModel, stage: Stage) -> None:
    X = stage.X.assign(sales=stage.X["sales"] * 100)
    model.check_frame(X[X["sales"].notna()].iloc[:49])


def test_a_column_that_is_gone_stops_the_whole_frame(model: ScoreModel, stage: Stage) -> None:
    for name, empty in (("sales", np.nan), ("region", None)):
        with pytest.raises(InputError, match=f"'{name}' must have values"):
            model.check_frame(stage.X.assign(**{name: empty}))


def test_a_column_wholly_of_another_type_stops_the_whole_frame(model, stage: Stage) -> None:
    for name, column in (
        ("debt", stage.X["debt"].astype(str)),
        ("region", 3),
        ("is_new", "yes"),
        ("sales", True),
    ):
        with pytest.raises(InputError, match=f"'{name}' must hold"):
            model.check_frame(stage.X.assign(**{name: column}))


def test_a_few_wrong_rows_are_no_matter_of_the_frame(model: ScoreModel, stage: Stage) -> None:
    X = stage.X.astype({"debt": object})
    X.loc[X.index[:30], "debt"] = "12"
    model.check_frame(X)
    assert (model.score_frame(X)["status"] == "bad_type").sum() == 30
