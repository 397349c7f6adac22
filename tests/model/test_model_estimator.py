"""A scikit-learn classifier like others: its own checks, pipelines, clones, clear refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from model_stage import DIRECTIONS, Stage, make_cohort, make_merchants
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from alicredit.errors import InputError
from alicredit.model import DefaultModel

# What cannot hold here, and why; anything else that fails is a fault.
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "rows are bagged: a weight of two is not the same draw as a row that stands twice"
    ),
}


OF_ANSWERS = {
    "check_classifiers_one_label", "check_classifiers_train", "check_decision_proba_consistency",
    "check_dict_unchanged", "check_dtype_object", "check_estimators_dtypes",
    "check_estimators_pickle", "check_estimators_unfitted", "check_fit2d_1feature",
    "check_fit2d_1sample", "check_fit2d_predict1d", "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance", "check_methods_subset_invariance",
    "check_n_features_in_after_fitting",
}  # fmt: skip
"""What is asked of a learned model, which each shape answers in its own way."""


def name_of_check(value: object) -> str | None:
    """Name a case by its check and the shape."""
    return getattr(value, "func", value).__name__ if callable(value) else value.shape


def checks_of(shape: str) -> list[object]:
    """List scikit-learn's checks: all of ``auto``, which learns every shape behind one door.

    What inputs, weights, labels and parameters may be is asked at that door; of a shape alone only
    what its learned model answers.
    """
    cases = estimator_checks_generator(
        DefaultModel(shape), expected_failed_checks=EXPECTED, mark="xfail"
    )
    return [
        case
        for case in cases
        if shape == "auto" or name_of_check(getattr(case, "values", case)[1]) in OF_ANSWERS
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("learning_briefly")
@pytest.mark.filterwarnings("ignore:Skipping check")
@pytest.mark.parametrize(
    ("estimator", "check"),
    # Listed here, because scikit-learn 1.6 hands pytest a generator, which pytest 9 refuses.
    [case for shape in ("auto", "pairs", "trees") for case in checks_of(shape)],
    ids=name_of_check,
)
def test_the_checks_of_scikit_learn(estimator, check) -> None:
    check(estimator)


def test_each_shape_is_asked_what_is_asked_of_a_learned_model() -> None:
    every, some = (
        {name_of_check(getattr(case, "values", case)[1]) for case in checks_of(shape)}
        for shape in ("auto", "trees")
    )
    assert some < every
    assert len(OF_ANSWERS - some) <= 2  # releases of scikit-learn name them a little differently


def test_at_most_two_checks_are_known_to_fail() -> None:
    assert len(EXPECTED) <= 2
    assert all(len(reason) > 20 for reason in EXPECTED.values())


def test_a_clone_is_unfitted_and_fits_the_same(stage: Stage) -> None:
    copy = clone(stage.model)
    assert copy.get_params() == stage.model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict_proba(stage.X)
    assert copy.fit(stage.X, stage.y).model_id == stage.model.model_id


def test_an_unfitted_model_says_so_everywhere(stage: Stage) -> None:
    model = DefaultModel()
    for use in (
        lambda: model.model_id,
        lambda: model.save("x"),
        lambda: model.scorecard(),
        lambda: model.score_frame(stage.X),
        lambda: model.explain(stage.X),
    ):
        with pytest.raises(NotFittedError):
            use()


@pytest.mark.usefixtures("learning_briefly")
def test_cross_validation_and_a_pipeline(stage: Stage) -> None:
    X, y = stage.X[["debt", "sales", "noise"]], stage.y
    scores = cross_val_score(DefaultModel("points", directions=None), X, y, scoring="roc_auc", cv=3)
    assert scores.min() > 0.65
    piped = make_pipeline(StandardScaler(), DefaultModel("points", directions=None)).fit(X, y)
    assert piped.predict_proba(X).shape == (len(X), 2)


def test_a_cohort_is_split_with_its_rows_by_cross_validation_and_search() -> None:
    """Each fold learns what a loop by hand over the same splitter learns."""
    X, y, _ = make_merchants(900, seed=26)
    cohort = make_cohort(900, 300, seed=26)
    folds = list(StratifiedKFold(3).split(X, y))
    model = DefaultModel("points", directions=None)
    by_hand = []
    for train, test in folds:
        fitted = clone(model).fit(X.iloc[train], y.iloc[train], cohort=cohort[train])
        by_hand.append(roc_auc_score(y.iloc[test], fitted.predict_proba(X.iloc[test])[:, 1]))
    asked = {"cv": folds, "scoring": "roc_auc"}
    found = cross_validate(model, X, y, params={"cohort": cohort}, error_score="raise", **asked)
    assert found["test_score"].tolist() == by_hand
    search = GridSearchCV(model, {"max_steps": [2, 9]}, error_score="raise", **asked)
    search.fit(X, y, cohort=cohort)
    merchants = cohort.frame["merchant_id"].nunique()
    assert search.best_estimator_.portable_.training["merchants"] == merchants


def test_arrays_are_named_by_position(stage: Stage) -> None:
    X = stage.X[["debt", "sales", "noise"]].to_numpy()
    rng = np.random.default_rng(0)
    wide = np.column_stack([X, np.zeros(len(X)), rng.normal(size=len(X))])
    model = DefaultModel("points", directions={"x0": 1}).fit(wide, stage.y)
    assert model.n_features_in_ == 5
    assert "x3" not in model.feature_names
    proba = model.predict_proba(wide)
    named = pd.DataFrame(wide, columns=[f"x{k}" for k in range(5)])
    assert proba.tolist() == model.portable_.predict_proba(named).tolist()
    with pytest.raises(InputError, match="X has 4 features, but DefaultModel is expecting 5"):
        model.predict_proba(wide[:, :4])


def test_a_model_of_a_frame_does_not_take_an_array(stage: Stage) -> None:
    X = stage.X[["debt", "sales"]]
    model = DefaultModel("points", directions=None).fit(X, stage.y)
    with pytest.raises(InputError, match="by name"):
        model.predict_proba(X.to_numpy()[:, ::-1])


def test_columns_named_by_numbers(stage: Stage) -> None:
    X = stage.X[["debt", "sales"]].set_axis([0, 1], axis=1)
    model = DefaultModel("points", directions=None).fit(X, stage.y)
    assert model.feature_names == ("0", "1")
    assert (model.score_frame(X)["status"] == "ok").all()


@pytest.mark.usefixtures("learning_briefly")
def test_labels_of_any_two_words() -> None:
    X, y, _ = make_merchants(1500, seed=31)
    words = np.where(y == 1, "z_default", "a_good")
    model = DefaultModel("points", directions=DIRECTIONS).fit(X, words)
    assert model.classes_.tolist() == ["a_good", "z_default"]
    assert set(model.predict(X)) <= {"a_good", "z_default"}
    plain = DefaultModel("points", directions=DIRECTIONS).fit(X, y)
    assert model.predict_proba(X).tolist() == plain.predict_proba(X).tolist()


@pytest.mark.usefixtures("learning_briefly")
def test_labels_that_are_booleans_or_whole_numbers_change_nothing() -> None:
    X, y, _ = make_merchants(1500, seed=32)
    plain = DefaultModel("points", directions=None).fit(X, y.to_numpy())
    for kind in (bool, int, np.int8, np.float32):
        other = DefaultModel("points", directions=None).fit(X, y.to_numpy().astype(kind))
        assert other.model_id == plain.model_id
        assert set(other.predict(X)) <= {0, 1}


def test_the_claim_is_that_of_the_labels(stage: Stage) -> None:
    claim = stage.model.claim
    assert (claim.level, claim.horizon_days, claim.days_past_due) == ("borrower", 365, 90)
    assert str(claim) == "365 days, borrower, more than 90 days past due"
    silent = DefaultModel("points", directions=None).fit(stage.X[["debt"]], stage.y.to_numpy())
    assert silent.claim.horizon_days is None
    assert "not stated" in str(silent.claim)


def bad_labels() -> dict[str, tuple[object, str]]:
    good = make_merchants(100, seed=33)[1].to_numpy(copy=True)
    good[:10] = 1
    unknown = good.copy()
    unknown[3] = np.nan
    few = np.zeros(100)
    few[:3] = 1
    return {
        "unknown": (unknown, "1 NaN"),
        "none": (None, "requires y"),
        "three kinds": (np.arange(100) % 3, "Only binary classification"),
        "numbers": (np.linspace(0, 1, 100), "continuous"),
        "one kind": (np.zeros(100), "1 class"),
        "too few defaults": (few, "at least 4 defaults"),
        "too short": (good[:50], "one value for each of the 100 rows"),
    }


@pytest.mark.parametrize("case", bad_labels(), ids=str)
def test_labels_that_cannot_be_learned_from(case: str) -> None:
    X = make_merchants(100, seed=33)[0]
    y, message = bad_labels()[case]
    with pytest.raises(InputError, match=message):
        DefaultModel("points", directions=None).fit(X, y)


@pytest.mark.parametrize(
    "weight",
    [np.ones(50), np.full(1500, -1.0), np.full(1500, np.nan), np.zeros(1500), np.ones((1500, 2))],
)
def test_weights_that_are_none(weight) -> None:
    X, y, _ = make_merchants(1500, seed=34)
    with pytest.raises(InputError, match="sample_weight"):
        DefaultModel("points", directions=None).fit(X, y, sample_weight=weight)


def test_a_weight_on_defaults_raises_every_probability() -> None:
    X, y, _ = make_merchants(3000, seed=35)
    plain = DefaultModel("points", directions=DIRECTIONS).fit(X, y)
    heavy = DefaultModel("points", directions=DIRECTIONS).fit(X, y, sample_weight=1 + 4 * y)
    before, after = plain.predict_proba(X)[:, 1], heavy.predict_proba(X)[:, 1]
    assert (after > before).all()
    # Five times the odds of each row, not of their mean.
    assert after.mean() == pytest.approx((5 * before / (1 + 4 * before)).mean(), rel=0.05)
    weight = 1 + 4 * y
    assert np.average(after, weights=weight) == pytest.approx(
        np.average(y, weights=weight), rel=0.05
    )


def bad_inputs() -> dict[str, tuple[object, str]]:
    X = make_merchants(100, seed=36)[0]
    return {
        "infinity": (X.assign(debt=np.inf), "'debt'.*finite"),
        "a time": (X.assign(debt=pd.Timestamp("2013-05-01")), "'debt'.*numbers, booleans or text"),
        "mixed": (X.assign(region=["a", 1] * 50), "'region'"),
        "categories of numbers": (X.assign(region=pd.Categorical([1, 2] * 50)), "'region'"),
        "complex": (X.assign(debt=1 + 1j), "'debt'"),
        "no columns": (X[[]], "columns"),
        "no rows": (X.iloc[:0], "rows"),
        "columns alike": (X.set_axis(["a"] * 5, axis=1), "different names; found 'a' twice"),
        "days": (
            X.assign(debt=pd.Timedelta(3, "D")),
            "'debt'.*Try: convert it to numbers, as days",
        ),
        "nothing at all": (
            X.assign(debt=pd.Series([None] * 100, dtype=object)),
            "Try: leave it out",
        ),
        "numbers and text": (X.assign(debt=[1.0, "b"] * 50), r"object \(mixed"),
        "lists": (X.assign(debt=[[1], [2]] * 50), "'debt'.*booleans"),
        "ranges": (X.assign(debt=pd.cut(X["debt"], 3)), "interval values. Try: convert it"),
        "a mapping": ({"debt": [1.0, 2.0]}, "must be a frame"),
        "one dimension": (np.zeros(100), "two-dimensional"),
        "text": (np.full((100, 2), "x"), "array of numbers"),
    }


@pytest.mark.parametrize("case", bad_inputs(), ids=str)
def test_inputs_that_cannot_be_learned_from(case: str) -> None:
    X, message = bad_inputs()[case]
    y = np.arange(len(X)) % 2 if hasattr(X, "__len__") and len(X) else np.array([0, 1] * 5)
    with pytest.raises(InputError, match=message):
        DefaultModel("points", directions=None).fit(X, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shape", "forest"),
        ("max_steps", 1),
        ("max_steps", 2.5),
        ("directions", "catalog"),
        ("directions", {"debt": 2}),
        ("directions", {"sals": 1}),
        ("directions", {"kind": 1}),
        ("directions", ["sales"]),
        ("random_state", -1),
        ("random_state", 1.5),
        ("random_state", None),
        ("n_jobs", "all"),
        ("n_jobs", 0),
        ("scale", 600),
        ("long_run_rate", "0.02"),
        ("sampling_rate", 0),
    ],
)
def test_parameters_that_mean_nothing_are_refused_at_fit(name, value) -> None:
    X, y, _ = make_merchants(200, seed=37)
    with pytest.raises(InputError, match=name):
        DefaultModel(**{name: value}).fit(X, y)


@pytest.mark.parametrize(
    "stated", [{"horizon_days": "year"}, {"horizon_days": 0}, {"level": "shop"}], ids=str
)
def test_a_claim_that_means_nothing_is_refused_before_learning(stated) -> None:
    X, y, _ = make_merchants(200, seed=37)
    labels = pd.Series(y)
    labels.attrs = stated
    with pytest.raises(InputError, match=next(iter(stated))):
        DefaultModel("points", directions=None).fit(X, labels)


def test_days_of_a_claim_may_be_of_any_width() -> None:
    X, y, _ = make_merchants(400, seed=37)
    labels = pd.Series(y)
    labels.attrs = {"horizon_days": np.int64(365), "level": "borrower", "days_past_due": 90}
    assert DefaultModel("points", directions=None).fit(X, labels).claim.horizon_days == 365


def test_labels_in_another_order_than_the_inputs_are_refused() -> None:
    X, y, _ = make_merchants(200, seed=37)
    labels = pd.Series(y, index=X.index).sample(frac=1, random_state=0)
    with pytest.raises(InputError, match="order of X"):
        DefaultModel("points", directions=None).fit(X, labels)


def test_what_is_no_cohort_and_weights_of_text_are_refused() -> None:
    X, y, _ = make_merchants(200, seed=37)
    with pytest.raises(InputError, match="cohort"):
        DefaultModel("points", directions=None).fit(X, y, cohort=pd.DataFrame({"a": y}))
    with pytest.raises(InputError, match="sample_weight"):
        DefaultModel("points", directions=None).fit(X, y, sample_weight=["a"] * len(y))


def test_a_cohort_of_another_length_is_refused() -> None:
    X, y, _ = make_merchants(200, seed=38)
    with pytest.raises(InputError, match="cohort"):
        DefaultModel("points", directions=None).fit(X, y, cohort=make_cohort(100, 20, seed=1))


def test_a_fitted_model_can_be_sent_to_another_process(stage: Stage) -> None:
    copy = pickle.loads(pickle.dumps(stage.model))  # noqa: S301 - our own bytes, for joblib
    assert copy.model_id == stage.model.model_id
    assert copy.score_frame(stage.X.iloc[:5]).equals(stage.model.score_frame(stage.X.iloc[:5]))


def test_the_inputs_are_left_as_they_were() -> None:
    X, y, _ = make_merchants(600, seed=39)
    before = X.copy(deep=True)
    DefaultModel("points", directions=None).fit(X, y).score_frame(X)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("lacking", [None, np.nan])
@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_text_that_lacks_values_is_a_category_of_whatever_dtype(
    dtype: object, lacking: object
) -> None:
    rng = np.random.default_rng(0)
    kind = pd.Series(rng.choice(["a", "b"], 400)).where(rng.random(400) < 0.9, lacking)
    X = pd.DataFrame({"sales": rng.normal(size=400), "kind": kind})
    y = (rng.random(400) < np.where(kind == "a", 0.6, 0.1)).astype(float)
    given = X.astype({"kind": dtype})
    model = DefaultModel("points", directions=None).fit(given, y)
    whole = DefaultModel("points", directions=None).fit(X.astype({"kind": "category"}), y)
    np.testing.assert_array_equal(model.predict_proba(given), whole.predict_proba(given))
    assert len(np.unique(model.predict_proba(given)[:, 1])) > 1
