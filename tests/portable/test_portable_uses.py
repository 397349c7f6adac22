"""What is said of scores elsewhere stays right where a point has a thousand units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from portable_stage import SHAPES, draw_rows, finish, make_model

from alicredit.errors import InputError
from alicredit.evaluation import validate_model
from alicredit.monitoring import monitor
from alicredit.policy import grade_of, load_policy
from alicredit.portable import ScoreModel
from alicredit.stability import feature_drift


def in_thousandths(model: ScoreModel) -> ScoreModel:
    """Count a model of points in thousandths: the same points, a thousand units each."""

    def times(values) -> tuple[int, ...]:
        return tuple(1000 * each for each in values)

    tables = [
        replace(
            table, points=times(table.points), missing_points=1000 * table.missing_points,
            reference=1000 * table.reference,
        )
        for table in model.tables
    ]  # fmt: skip
    return finish(tables, unit=1000)


@pytest.fixture(scope="module")
def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    names = list(make_model("points", 0).feature_names)
    before, now = (draw_rows(names, 600, np.random.default_rng(k)) for k in (1, 2))
    return before, now.assign(sales=now["sales"] - 2)


def test_grades_are_cut_alike_whatever_the_unit(frames) -> None:
    one = make_model("points", 3)
    many = in_thousandths(one)
    grades = load_policy("ali-2013").grades
    marks = [grade_of(m.score_frame(frames[1])["pd"].to_numpy(), grades) for m in (one, many)]
    assert marks[0].tolist() == marks[1].tolist()
    assert len(set(marks[0])) > 2


def test_a_grade_is_an_interval_of_scores() -> None:
    model = make_model("trees", 2)
    grades = load_policy("ali-2013").grades
    scores = np.arange(model.first_score * 1000, (model.first_score + len(model.pds) - 1) * 1000)
    marks = grade_of(model.probabilities(scores)[1], grades)
    order = {name: at for at, name in enumerate(grades.names)}
    assert (np.diff([order[mark] for mark in marks]) <= 0).all()


def test_drift_and_monitoring_speak_in_points_whatever_the_unit(frames) -> None:
    one = make_model("points", 3)
    many = in_thousandths(one)
    drifts = [feature_drift(*frames, model=model) for model in (one, many)]
    pd.testing.assert_frame_equal(*drifts)
    reports = [monitor(model, *frames).summary for model in (one, many)]
    pd.testing.assert_frame_equal(reports[0], reports[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_changes_of_mean_points_sum_to_the_change_of_the_mean_score(shape, frames) -> None:
    model = make_model(shape, 3)
    scored = [frame[(model.score_frame(frame)["status"] == "ok").to_numpy()] for frame in frames]
    drift = feature_drift(*scored, model=model)
    means = [model.predict_score(frame).mean() / model.unit for frame in scored]
    assert drift["points_change"].sum() == pytest.approx(means[1] - means[0], abs=1e-9)
    assert drift["feature"].tolist() == list(model.feature_names)
    assert drift.set_index("feature").loc["sales", "is_shifted"]


@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_a_file_of_pairs_or_trees_does_not_stand_for_its_training_rows(shape, frames) -> None:
    with pytest.raises(InputError, match="reference must be given for a model of"):
        feature_drift(None, frames[1], model=make_model(shape, 3))
    with pytest.raises(InputError, match="reference must be given for a model of"):
        monitor(make_model(shape, 3), None, frames[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_validation_and_its_page_hold_every_shape(shape, frames, tmp_path) -> None:
    pytest.importorskip("markupsafe", reason="the extra [report] is not installed")
    model = make_model(shape, 3)
    X = frames[1]
    p = model.score_frame(X)["pd"].fillna(0.02).to_numpy()
    y = pd.Series((np.random.default_rng(0).random(len(X)) < 3 * p).astype(float))
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    report = validate_model(model, X, y)
    report.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The points" in page
    assert ("sum of trees over all inputs" in page) == (shape == "trees")
    assert ("debt and sales, together" in page) == (shape == "pairs")
    if shape == "pairs":
        cell = model.pairs[0].values[0][0]
        assert f"{cell / 1000:,.3f}" in page
