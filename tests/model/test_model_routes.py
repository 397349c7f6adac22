"""One score: the same applicant gets the same bits whole, in parts, shuffled, alone, reloaded."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_stage import LEVELS, Stage, make_merchants, rows_of

from alicredit.model import ScoreModel, load_model

COLUMNS = ["status", "pd", "pd_lower", "pd_upper", "score", "reasons", "flags"]

odd_numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**400), 10**400),
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.just(pd.NA),
    st.just(pd.NaT),
    st.decimals(allow_nan=False),
    st.floats(width=32).map(np.float32),
    st.just(np.timedelta64(3, "D")),
    st.just(1 + 2j),
    st.just(b"1"),
)
rows = st.fixed_dictionaries({
    "debt": odd_numbers,
    "sales": odd_numbers,
    "is_new": st.one_of(st.booleans(), st.none(), odd_numbers),
    "region": st.one_of(st.sampled_from([*LEVELS, "islet", "moon", ""]), odd_numbers),
    "noise": odd_numbers,
})  # fmt: skip


def as_objects(rows: list[dict[str, object]], names: tuple[str, ...]) -> pd.DataFrame:
    """Keep each value as it is: a column of objects."""
    columns = {}
    for name in names:
        column = np.empty(len(rows), dtype=object)
        column[:] = [row[name] for row in rows]
        columns[name] = pd.Series(column, dtype=object)
    return pd.DataFrame(columns)


def assert_same(frame: pd.DataFrame, one: dict[str, object], at: int) -> None:
    row = frame.iloc[at]
    assert row["status"] == one["status"]
    assert row["reasons"] == one["reasons"]
    assert row["flags"] == one["flags"]
    for name in ("pd", "pd_lower", "pd_upper"):
        assert np.float64(row[name]).tobytes() == np.float64(one[name]).tobytes(), name
    if one["score"] is None:
        assert row["score"] is pd.NA
    else:
        assert row["score"] == one["score"]


def bits(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """Give a frame as values that compare exactly, missing ones included."""
    numbers = frame[["pd", "pd_lower", "pd_upper"]].to_numpy().tobytes()
    scores = [None if score is pd.NA else int(score) for score in frame["score"]]
    rest = zip(frame["status"], scores, frame["reasons"], frame["flags"])
    return [(numbers,), *((a, b, tuple(c), tuple(d)) for a, b, c, d in rest)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(given_rows=st.lists(rows, min_size=1, max_size=6))
def test_alone_and_in_a_batch_whatever_the_values(model: ScoreModel, given_rows) -> None:
    frame = model.score_frame(as_objects(given_rows, model.feature_names))
    assert list(frame.columns) == COLUMNS
    assert len(frame) == len(given_rows)
    for at, row in enumerate(given_rows):
        assert_same(frame, model.score_one(row), at)


def test_alone_and_in_a_batch_on_typed_columns(model: ScoreModel) -> None:
    X, _, _ = make_merchants(400, seed=77)
    frame = model.score_frame(X)
    assert (frame["status"] == "ok").all()
    for at, row in enumerate(rows_of(X)):
        assert_same(frame, model.score_one(row), at)


def test_in_chunks_of_any_size(model: ScoreModel) -> None:
    X, _, _ = make_merchants(500, seed=78)
    whole = model.score_frame(X)
    for size in (1, 7, 100, 499, 500):
        if size == 1:
            X_, whole_ = X.iloc[:40], whole.iloc[:40]
        else:
            X_, whole_ = X, whole
        parts = [model.score_frame(X_.iloc[k : k + size]) for k in range(0, len(X_), size)]
        assert bits(pd.concat(parts)) == bits(whole_)


def test_shuffled_and_sorted_back(model: ScoreModel) -> None:
    X, _, _ = make_merchants(500, seed=79)
    order = np.random.default_rng(0).permutation(len(X))
    mixed = model.score_frame(X.iloc[order])
    assert mixed.index.tolist() == X.index[order].tolist()
    assert bits(mixed.sort_index()) == bits(model.score_frame(X))


def test_columns_are_taken_by_name_and_others_are_ignored(model: ScoreModel) -> None:
    X, _, _ = make_merchants(200, seed=80)
    turned = X.iloc[:, ::-1].assign(other="x")
    assert bits(model.score_frame(turned)) == bits(model.score_frame(X))


def test_saved_and_loaded(model: ScoreModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model.alicredit")
    loaded = load_model(tmp_path / "model.alicredit")
    assert loaded == model
    X, _, _ = make_merchants(500, seed=81)
    X.loc[3, "debt"] = np.inf
    assert bits(loaded.score_frame(X)) == bits(model.score_frame(X))
    assert loaded.model_id == model.model_id


def test_the_estimator_scores_as_its_portable_part(stage: Stage, model: ScoreModel) -> None:
    X = stage.X.iloc[:300]
    assert bits(stage.model.score_frame(X)) == bits(model.score_frame(X))
    assert stage.model.score_one(rows_of(X)[0]) == model.score_one(rows_of(X)[0])
    assert stage.model.predict_proba(X)[:, 1].tolist() == model.score_frame(X)["pd"].tolist()
    assert stage.model.predict_score(X).tolist() == model.score_frame(X)["score"].tolist()


def points_by_hand(model: ScoreModel, row: dict[str, object]) -> int:
    """Add up the printed points table the way a person would."""
    card, total = model.scorecard(), model.base
    for name, lines in card.groupby("feature", sort=False):
        value = row[name]
        is_missing = value is None or (isinstance(value, float) and math.isnan(value))
        if is_missing:
            hit = lines[lines["category"] == "(missing)"]
        elif isinstance(value, str):
            hit = lines[lines["category"] == value]
            hit = lines[lines["category"] == "(other)"] if hit.empty else hit
        else:
            hit = lines[(lines["lower"] < value) & (value <= lines["upper"])]
        assert len(hit) == 1, (name, value)
        total += int(hit["points"].iloc[0])
    return total


def test_a_person_can_add_up_the_score_from_the_printed_table(model: ScoreModel) -> None:
    X, _, _ = make_merchants(60, seed=82)
    X.loc[0, "region"] = "moon"
    scores = model.predict_score(X)
    for row, score in zip(rows_of(X), scores, strict=True):
        assert points_by_hand(model, row) == score


def test_the_probability_is_that_of_the_score_in_the_table(model: ScoreModel) -> None:
    X, _, _ = make_merchants(300, seed=83)
    frame = model.score_frame(X)
    table = dict(enumerate(model.pds, start=model.first_score))
    assert frame["pd"].tolist() == [table[int(s)] for s in frame["score"]]


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_values_on_a_cut_and_beside_it(model: ScoreModel, kind: type) -> None:
    X, _, _ = make_merchants(1, seed=84)
    base = rows_of(X)[0]
    for table in model.tables:
        if table.kind != "numeric":
            continue
        for cut, here, above in zip(table.cuts, table.points[:-1], table.points[1:], strict=True):
            below, above_it = (np.nextafter(kind(cut), kind(end)) for end in (-np.inf, np.inf))
            values = np.array([below, kind(cut), above_it], dtype=kind)
            X3 = pd.DataFrame([base] * 3).assign(**{table.name: values})
            scores = model.score_frame(X3)["score"].tolist()
            ones = [model.score_one({**base, table.name: v})["score"] for v in values]
            expected = [here if float(v) <= cut else above for v in values]
            assert scores == ones
            assert np.diff(scores).tolist() == np.diff(expected).tolist()


def test_types_of_columns_make_no_difference(model: ScoreModel) -> None:
    X, _, _ = make_merchants(200, seed=85)
    expected = bits(model.score_frame(X))
    variants = {
        "nullable": X.astype({"debt": "Float64", "is_new": "boolean"}),
        "categorical": X.assign(region=X["region"].astype("category")),
        "objects": X.astype(object),
        "arrow": X.assign(
            debt=X["debt"].astype("float64[pyarrow]"), region=X["region"].astype("string[pyarrow]")
        ),
        "flags as 0 and 1": X.assign(is_new=X["is_new"].astype(int)),
    }  # fmt: skip
    for name, variant in variants.items():
        assert bits(model.score_frame(variant)) == expected, name


def test_a_float32_column_meets_the_same_comparison_as_its_double(model: ScoreModel) -> None:
    X, _, _ = make_merchants(400, seed=86)
    narrow = X.assign(debt=X["debt"].astype("float32"))
    wide = X.assign(debt=narrow["debt"].astype("float64"))
    assert bits(model.score_frame(narrow)) == bits(model.score_frame(wide))


def test_a_polars_frame_is_scored_the_same(model: ScoreModel) -> None:
    polars = pytest.importorskip("polars")
    X, _, _ = make_merchants(100, seed=87)
    here = {name: polars.Series(name, X[name].tolist()) for name in X.columns}
    found = model.score_frame(polars.DataFrame(here))
    assert bits(found) == bits(model.score_frame(X))


def test_no_rows_give_no_rows(model: ScoreModel) -> None:
    X, _, _ = make_merchants(5, seed=88)
    empty = model.score_frame(X.iloc[:0])
    assert list(empty.columns) == COLUMNS
    assert len(empty) == 0
