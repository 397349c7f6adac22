"""The choice of a shape: by rule, on the same folds, and right where the truth is known."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, make_cohort, make_merchants
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alicredit.errors import InputError
from alicredit.model import DefaultModel
from alicredit.model.learner import TrainingSet
from alicredit.model.learning import latest, repeats_of
from alicredit.model.shapes import FEWEST_DEFAULTS, plainest, shapes_of, witness_of

SHAPES = ("points", "pairs", "trees")


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def mechanism(name: str, rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Outcomes of a known truth: sums of one input each, of two, or of three signs at once."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(rows, 6)), columns=list("abcdef"))
    alone = -1.5 + 0.8 * X["a"] + 0.5 * np.abs(X["b"]) - 0.6 * (X["c"] > 0.3)
    logit = {
        "additive": alone,
        "two": alone + 1.2 * np.sign(X["d"] * X["e"]),
        "three": alone + 1.5 * np.sign(X["d"] * X["e"] * X["f"]),
    }[name]
    pd_ = sigmoid(logit.to_numpy())
    return X, (rng.random(rows) < pd_).astype(float), pd_


@pytest.fixture(scope="module")
def additive() -> tuple[DefaultModel, pd.DataFrame, np.ndarray, np.ndarray]:
    X, y, pd_ = mechanism("additive", 900, seed=2)
    return DefaultModel(directions={"a": 1}, profit=profit_of).fit(X, y), X, y, pd_


def profit_of(y: np.ndarray, pd_: np.ndarray) -> np.ndarray:
    """Earn 1 on a good loan and lose 4 on a bad one, lending below a PD of 20 %."""
    return np.where(pd_ < 0.2, np.where(y == 1, -4.0, 1.0), 0.0)


def test_on_sums_of_single_inputs_the_choice_is_points_whole_or_fine(additive) -> None:
    model = additive[0]
    assert model.portable_.shape == "points"
    judged = model.shapes_.set_index("shape")
    assert judged.loc["points", "chosen"] == (model.portable_.unit == 1)
    assert judged.loc[["points", "pairs"], "chosen"].sum() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [("additive", {"points"}), ("two", {"pairs", "trees"}), ("three", {"trees"})],
)
def test_the_choice_follows_the_truth_and_costs_little(name: str, expected: set[str]) -> None:
    X, y, _ = mechanism(name, 5000, seed=2)
    fresh, _, truth = mechanism(name, 10_000, seed=3)
    model = DefaultModel(directions={"a": 1}).fit(X, y)
    assert model.portable_.shape in expected

    def regret(pd_: np.ndarray) -> float:
        return float(
            np.mean(truth * np.log(truth / pd_) + (1 - truth) * np.log((1 - truth) / (1 - pd_)))
        )

    regrets = {
        shape: regret(DefaultModel(shape, directions={"a": 1}).fit(X, y).predict_proba(fresh)[:, 1])
        for shape in SHAPES
        if shape != model.portable_.shape
    }
    chosen = regret(model.predict_proba(fresh)[:, 1])
    assert chosen <= min(regrets.values()) + 0.0015
    if name != "additive":
        assert chosen < regrets["points"] - 0.01
    if name == "three":
        frame = model.shapes_.set_index("shape")
        assert frame.loc["points", "difference"] > 0.02
        assert frame.loc["trees", "auc"] > frame.loc["points", "auc"] + 0.03


def test_the_frame_says_what_each_shape_costs(additive) -> None:
    model, _, y, _ = additive
    frame = model.shapes_
    assert frame["shape"].tolist() == list(SHAPES)
    assert (frame["difference"] - (frame["log_loss"] - frame["log_loss"].min())).abs().max() < 1e-12
    best = frame["log_loss"].idxmin()
    assert frame.loc[best, "se"] == 0
    assert frame["chosen"].sum() == 1
    within = (frame["difference"] <= frame["se"]) & (frame["difference"] <= 0.001)
    assert frame["chosen"].idxmax() == within.idxmax()
    assert frame["auc"].between(0.6, 0.9).all()
    rate = y.mean()
    assert (frame["log_loss"] < log_loss(y, np.full(len(y), rate))).all()
    assert (frame[["fit_seconds", "score_us", "look_ups"]] > 0).all(axis=None)
    by = frame.set_index("shape")
    assert by.loc["trees", "leaves"] > 100
    assert by.loc["points", ["pairs", "leaves"]].tolist() == [0, 0]
    assert by.loc["trees", "look_ups"] > by.loc["points", "look_ups"] == by.loc["points", "tables"]


def test_profit_is_that_of_rows_out_of_fold_and_does_not_sway(additive) -> None:
    model, X, y, pd_ = additive
    profit = model.shapes_.set_index("shape")["profit"]
    earned = profit_of(y, pd_).sum()  # of who knows the truth
    assert profit["points"] == pytest.approx(earned, rel=0.25)
    assert profit["points"] > profit_of(y, np.full(len(y), 0.1)).sum()  # of who lends to all
    assert "profit" not in DefaultModel("points", directions=None).fit(X, y).shapes_
    total = DefaultModel("points", directions={"a": 1}, profit=lambda y, p: profit_of(y, p).sum())
    each = DefaultModel("points", directions={"a": 1}, profit=profit_of)
    assert total.fit(X, y).shapes_["profit"][0] == each.fit(X, y).shapes_["profit"][0]
    assert each.model_id == total.model_id


def test_what_is_judged_out_of_fold_is_near_what_fresh_rows_show(additive) -> None:
    model = additive[0]
    fresh, y, _ = mechanism("additive", 20_000, seed=9)
    pd_ = model.predict_proba(fresh)[:, 1]
    said = model.shapes_.set_index("shape").loc["points"]
    assert said["log_loss"] == pytest.approx(log_loss(y, pd_), abs=0.03)
    assert said["auc"] == pytest.approx(roc_auc_score(y, pd_), abs=0.05)


@pytest.mark.parametrize(
    ("difference", "error", "expected"),
    [
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 0),
        ([0.0005, 0.0, 0.0001], [0.0006, 0.0, 0.0002], 0),
        ([0.0005, 0.0, 0.0001], [0.0004, 0.0, 0.0002], 1),
        ([0.0011, 0.0005, 0.0], [0.9, 0.001, 0.0], 1),
        ([0.02, 0.01, 0.0], [0.9, 0.9, 0.0], 2),
    ],
)
def test_the_plainest_within_an_error_and_a_thousandth(difference, error, expected) -> None:
    assert plainest(np.array(difference), np.array(error)) == expected


def rows_of(defaults: int, others: int, merchants: int | None = None) -> TrainingSet:
    rows = defaults + others
    y = np.repeat([1.0, 0.0], [defaults, others])
    cluster = np.arange(rows) if merchants is None else np.arange(rows) % merchants
    return TrainingSet(np.zeros((rows, 1)), y, np.ones(rows), (0,), (), cluster)


def test_few_defaults_cannot_tell_shapes_apart() -> None:
    assert shapes_of("auto", rows_of(FEWEST_DEFAULTS, 900)) == SHAPES
    assert shapes_of("auto", rows_of(FEWEST_DEFAULTS - 1, 900)) == ("points",)
    assert shapes_of("auto", rows_of(900, FEWEST_DEFAULTS - 1)) == ("points",)
    assert shapes_of("auto", rows_of(900, 900, merchants=29)) == ("points",)  # 29 witnesses
    assert shapes_of("trees", rows_of(5, 900)) == ("trees",)


def test_folds_are_repeated_on_small_sets() -> None:
    assert repeats_of(4_999, 4_000) == repeats_of(1_000_000, 499) == 3
    assert repeats_of(5_000, 500) == 1


@pytest.mark.parametrize(
    ("defaults", "others", "folds"),
    [
        (9_000, 11_000, 5),  # few rows
        (500, 24_500, 5),  # 100 defaults a fold
        (4_000, 21_001, 3),  # 800 a fold
        (21_000, 4_001, 3),  # as many without
        (10_000, 15_001, 1),  # 2,000 a fold
    ],
)
def test_as_many_folds_judge_as_hold_enough_of_the_rarer_outcome(
    defaults: int, others: int, folds: int
) -> None:
    data = rows_of(defaults, others)
    splits = [(np.flatnonzero(np.arange(len(data.y)) % 5 != k),
               np.flatnonzero(np.arange(len(data.y)) % 5 == k)) for k in range(5)]  # fmt: skip
    assert latest(splits, data) == splits[-folds:]


def test_rows_of_one_merchant_are_one_witness_of_judging() -> None:
    data = rows_of(10_000, 15_001, merchants=1_000)
    rows = np.arange(25_001)
    splits = [(rows[rows % 5 != k], rows[rows % 5 == k]) for k in range(5)]
    assert latest(splits, data) == splits


def test_rows_that_judge_twice_share_their_weight() -> None:
    data = rows_of(3, 5)
    halves = [(np.arange(4), np.arange(4, 8)), (np.arange(4, 8), np.arange(4))]
    witness = witness_of(data, [halves, halves[::-1]])
    assert witness.rows.tolist() == [4, 5, 6, 7, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7]
    assert witness.weight.sum() == pytest.approx(data.weight.sum())
    assert witness.cluster.tolist() == witness.rows.tolist()
    assert witness.repeat.tolist() == [0] * 8 + [1] * 8


@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_two_fits_on_one_and_two_threads_are_the_same_model(shape: str) -> None:
    X, y, _ = make_merchants(800, seed=10)
    X["both"] = np.sign((X["debt"] - 2) * X["noise"])
    y = np.where(np.random.default_rng(0).random(800) < 0.5, (X["both"] > 0).astype(float), y)
    X = X.drop(columns="both")
    ids = {
        DefaultModel(shape, directions=DIRECTIONS, n_jobs=threads).fit(X, y).model_id
        for threads in (1, 2)
    }
    assert len(ids) == 1
    other = DefaultModel(shape, directions=DIRECTIONS, random_state=1).fit(X, y)
    assert other.model_id not in ids


@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.slow
def test_auto_is_deterministic_too_whatever_the_clock() -> None:
    X, y, _ = make_merchants(700, seed=11)
    first, second = (DefaultModel(directions=DIRECTIONS, n_jobs=n).fit(X, y) for n in (1, 2))
    assert first.model_id == second.model_id
    timed = ["fit_seconds", "score_us"]
    pd.testing.assert_frame_equal(
        first.shapes_.drop(columns=timed), second.shapes_.drop(columns=timed)
    )
    stated = first.portable_.training
    assert stated["shape_asked"] == "auto"
    assert not any("second" in key for key in stated)


@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.slow
@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_shapes_work_where_estimators_do(shape: str) -> None:
    X, y, _ = make_merchants(900, seed=12)
    model = DefaultModel(shape, directions=DIRECTIONS).fit(X, y)
    again = clone(model).fit(X, y)
    assert again.model_id == model.model_id
    sent = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes, for joblib
    assert sent.predict_score(X).tolist() == model.predict_score(X).tolist()
    numbers = X[["debt", "sales", "noise"]]
    scores = cross_val_score(
        DefaultModel(shape, directions=None), numbers.to_numpy(), y, scoring="roc_auc", cv=2
    )
    assert scores.min() > 0.55
    piped = make_pipeline(StandardScaler(), DefaultModel(shape, directions=None)).fit(numbers, y)
    assert piped.predict_proba(numbers).shape == (900, 2)


@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_with_a_cohort_folds_follow_time_in_every_shape(shape: str) -> None:
    X, y, _ = make_merchants(1500, seed=13)
    cohort = make_cohort(1500, 800, seed=14)
    model = DefaultModel(shape, directions=DIRECTIONS).fit(X, y, cohort=cohort)
    assert "time order" in model.portable_.training["folds"]
    # Rows learned from lie further apart than those whose level is held, so their mean is not.
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.06)
    order = np.random.default_rng(0).permutation(1500)
    labels = y.iloc[order].reset_index(drop=True)
    labels.attrs = y.attrs
    moved = DefaultModel(shape, directions=DIRECTIONS).fit(
        X.iloc[order].reset_index(drop=True), labels, cohort=cohort[order]
    )
    assert moved.model_id == model.model_id


@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_weights_raise_probabilities_in_every_shape(shape: str) -> None:
    X, y, _ = make_merchants(1000, seed=15)
    plain = DefaultModel(shape, directions=DIRECTIONS).fit(X, y)
    heavy = DefaultModel(shape, directions=DIRECTIONS).fit(X, y, sample_weight=1 + 4 * y)
    assert heavy.predict_proba(X)[:, 1].mean() > 1.8 * plain.predict_proba(X)[:, 1].mean()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shape", "forest", "shape"),
        ("shape", None, "shape"),
        ("shape", "Trees", "'trees'"),
        ("profit", 3, "function of y and pd"),
        ("profit", "revenue", "profit"),
    ],
)
def test_what_no_shape_can_be_learned_with_is_refused(name, value, message) -> None:
    X, y, _ = make_merchants(200, seed=16)
    with pytest.raises(InputError, match=message):
        DefaultModel(**{name: value}).fit(X, y)


@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.parametrize(
    "earned", [lambda y, p: np.full(len(y), np.nan), lambda y, p: "much", lambda y, p: np.ones(3)]
)
def test_a_profit_that_is_no_number_is_refused(earned) -> None:
    X, y, _ = make_merchants(300, seed=17)
    with pytest.raises(InputError, match="profit"):
        DefaultModel("points", directions=None, profit=earned).fit(X, y)


@pytest.mark.parametrize("inputs", [2, 3, 4])
@pytest.mark.parametrize("shape", ["pairs", "trees"])
def test_what_two_inputs_do_together_is_seen_however_few_inputs_there_are(
    shape: str, inputs: int
) -> None:
    rng = np.random.default_rng(inputs)
    X = pd.DataFrame(rng.normal(size=(3000, inputs)), columns=list("abcd")[:inputs])
    truth = np.where((X["a"] > 0) & (X["b"] > 0), 0.7, 0.1)
    y = (rng.random(3000) < truth).astype(float)
    model = DefaultModel(shape, directions=None).fit(X, y)
    assert model.portable_.shape == shape
    assert np.abs(model.predict_proba(X)[:, 1] - truth).mean() < 0.06
