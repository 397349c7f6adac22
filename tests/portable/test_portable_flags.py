"""Values that training did not see are marked, from the row and the file alone, never refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, SHAPES, draw_rows, make_model

from alicredit.errors import InputError
from alicredit.portable import ScoreModel

ROW = {"debt": 1.0, "sales": 1.0, "age": 1.0, "flag": True, "kind": "a"}


def seen(model: ScoreModel, name: str, value: object) -> bool:
    """Tell by the definition whether training saw a value."""
    table = next(each for each in model.tables if each.name == name)
    if value is None or value != value:
        return True
    return value in table.levels if table.kind == "category" else table.low <= value <= table.high


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_flags_name_the_inputs_that_training_did_not_see(shape: str, seed: int) -> None:
    model = make_model(shape, seed)
    X = draw_rows(list(KINDS), 40, np.random.default_rng(seed))
    X.loc[::7, "age"] = [-1e300, 5.0, np.nextafter(5.0, 6), -5.0, np.nextafter(-5.0, -6), 1e300]
    frame = model.score_frame(X)
    for row, status, flags in zip(
        X.to_dict("records"), frame["status"], frame["flags"], strict=True
    ):
        want = [name for name in model.feature_names if not seen(model, name, row[name])]
        assert flags == (want if status == "ok" else [])
        assert model.score_one(row)["flags"] == flags


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mark_changes_nothing_and_a_refused_row_has_none(shape: str) -> None:
    model = make_model(shape, 5)
    X = draw_rows(list(KINDS), 30, np.random.default_rng(1))
    marked, plain = model.score_frame(X), model.score_frame(X, flags=False)
    assert "flags" not in plain
    pd.testing.assert_frame_equal(marked.drop(columns="flags"), plain)
    assert model.score_one({**ROW, "age": 99.0})["flags"] == ["age"]
    refused = model.score_one({**ROW, "age": 99.0, "debt": math.inf})
    assert (refused["status"], refused["flags"]) == ("bad_value", [])
    with pytest.raises(InputError, match="flags must be True or False"):
        model.score_frame(X, flags="yes")


def test_flags_are_listed_in_the_models_order_whatever_the_order_of_rows_and_columns() -> None:
    model = make_model("points", 2)
    X = draw_rows(list(KINDS), 50, np.random.default_rng(2)).assign(sales=-77.0, kind="new")
    whole = model.score_frame(X)
    assert whole["flags"].map(lambda names: names[-1:] == ["kind"] and "sales" in names).all()
    pd.testing.assert_frame_equal(model.score_frame(X[list(reversed(list(KINDS)))]), whole)
    order = np.random.default_rng(0).permutation(len(X))
    pd.testing.assert_frame_equal(model.score_frame(X.iloc[order]), whole.iloc[order])
