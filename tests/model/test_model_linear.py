"""The line that points are learned beside: penalised, bounded, honest, read as fine steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from model_stage import make_cohort
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from alicredit.model import DefaultModel, linear
from alicredit.model.learner import TrainingSet
from alicredit.model.linear import fit_linear
from alicredit.model.points import StepFunction
from alicredit.model.steps import place_rows
from alicredit.model.sums import Learned, Sum

LEVELS = 4


def training(X: np.ndarray, y: np.ndarray, **facts: object) -> TrainingSet:
    """Give rows to learn from; the last column may be a category."""
    width = X.shape[1]
    data = TrainingSet(X, y, np.ones(len(y)), (0,) * width, (), np.arange(len(y)))
    return replace(data, **facts)  # type: ignore[arg-type]


def margins(found: tuple, sizes: list[int], X: np.ndarray) -> np.ndarray:
    return place_rows(found[0], sizes, X).margins(found[0], found[1])


def draw(rows: int, slopes: list[float], seed: int, level: float = -2.0) -> tuple:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, len(slopes)))
    true = X @ np.array(slopes) + level
    return X, (rng.random(rows) < expit(true)).astype(float), true


def test_of_many_rows_the_line_is_that_of_a_plain_logistic_regression() -> None:
    X, y, _ = draw(30_000, [0.8, -0.4, 0.0, 0.2], 1)
    found = margins(fit_linear(training(X, y), [0] * 4), [0] * 4, X)
    plain = LogisticRegression(C=1e6).fit(X, y).decision_function(X)
    assert np.sqrt(np.mean((found - plain) ** 2)) < 0.03
    assert np.corrcoef(found, plain)[0, 1] > 0.999


def test_slopes_are_where_the_penalised_likelihood_is_largest() -> None:
    """Against a general optimiser, given the variances that were found."""
    rng = np.random.default_rng(2)
    X, y, _ = draw(400, [0.9, -0.5, 0.0], 2, -1.0)
    X[rng.random(400) < 0.2, 1] = np.nan
    X = np.column_stack([X, rng.integers(0, LEVELS, 400)])
    columns = linear._columns(training(X, y), [0, 0, 0, LEVELS])
    fit = linear._fit(columns, y, np.ones(400))
    Z = columns.block(slice(None))
    penalty = np.append(0.0, 1 / fit.variance[columns.groups])

    def loss(beta: np.ndarray) -> float:
        m = Z @ beta
        return float((np.logaddexp(0, m) - y * m).sum() + 0.5 * (penalty * beta**2).sum())

    best = minimize(loss, np.zeros(Z.shape[1]), method="BFGS", options={"gtol": 1e-6})
    assert np.abs(best.x - np.append(fit.constant, fit.slopes)).max() < 1e-3
    np.testing.assert_allclose(fit.margins(columns), Z @ np.append(fit.constant, fit.slopes))


def test_a_direction_bounds_the_slopes_of_values_and_of_scores() -> None:
    X, y, _ = draw(1_500, [0.8, -0.6, 0.3], 3)
    X[:, 1] = np.exp(2 * X[:, 1])  # skewed: two columns
    for signs in ((1, 1, 0), (-1, -1, 1)):
        functions, _, _ = fit_linear(training(X, y, directions=signs), [0] * 3)
        for function, sign in zip(functions, signs, strict=True):
            assert (sign * np.diff(function.values) >= 0).all() or sign == 0
    against = fit_linear(training(X, y, directions=(-1, 1, 0)), [0] * 3)[0]
    assert not against[0].values.any()
    assert not against[1].values.any()
    assert np.ptp(against[2].values) > 0.5


def test_what_acts_through_its_logarithm_is_found_from_the_skewed_values() -> None:
    X, y, true = draw(20_000, [1.0, 0.3], 4)
    X[:, 0] = np.exp(2 * X[:, 0])
    found = margins(fit_linear(training(X, y), [0, 0]), [0, 0], X)
    assert np.corrcoef(found, true)[0, 1] > 0.99


def test_of_noise_the_evidence_leaves_next_to_nothing() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(1_000, 20))
    y = (rng.random(1_000) < 0.1).astype(float)
    found = margins(fit_linear(training(X, y), [0] * 20), [0] * 20, X)
    free = LogisticRegression(C=1e6).fit(X, y).decision_function(X)
    assert found.std() < free.std() / 2


def test_an_honest_margin_has_not_seen_its_row() -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(300, 25))
    y = (rng.random(300) < 0.3).astype(float)
    found = fit_linear(training(X, y), [0] * 25, honest=True)
    seen, honest = margins(found, [0] * 25, X), found[2]

    def loss(margin: np.ndarray) -> float:
        return float((np.logaddexp(0, margin) - y * margin).mean())

    assert honest is not None
    constant = np.log(y.mean() / (1 - y.mean()))
    assert loss(seen) < loss(np.full(300, constant)) < loss(honest)
    assert fit_linear(training(X, y), [0] * 25)[2] is None


def test_rows_of_one_merchant_are_one_witness() -> None:
    """Every row five times over, by the same merchants, says hardly more than once."""
    X, y, _ = draw(300, [0.7, 0.3], 7, -1.0)
    once = margins(fit_linear(training(X, y), [0, 0]), [0, 0], X)
    X5, y5 = np.repeat(X, 5, axis=0), np.repeat(y, 5)
    merchants = fit_linear(training(X5, y5, cluster=np.repeat(np.arange(300), 5)), [0, 0])
    strangers = fit_linear(training(X5, y5), [0, 0])
    near, far = (np.abs(margins(each, [0, 0], X) - once).max() for each in (merchants, strangers))
    assert near < 0.2
    assert near < far / 2


@pytest.mark.parametrize(
    "column",
    [
        np.full(200, 3.0),
        np.full(200, np.nan),
        np.where(np.arange(200) % 50 == 0, np.nan, 1.0),
        1e15 + np.arange(200.0),
        np.where(np.arange(200) == 0, 1e300, np.arange(200.0)),
        np.where(np.arange(200) % 2 == 0, -5e-324, 5e-324),
    ],
    ids=["constant", "missing", "one value", "large", "outlier", "tiny"],
)
def test_odd_columns_give_finite_steps(column: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    y = (rng.random(200) < 0.4).astype(float)
    X = np.column_stack([column, rng.normal(size=200)])
    functions, constant, honest = fit_linear(training(X, y), [0, 0], honest=True)
    assert np.isfinite(constant)
    assert np.isfinite(honest).all()
    assert all(np.isfinite([*f.values, f.missing]).all() for f in functions)
    assert all((np.diff(f.cuts) > 0).all() and len(f.cuts) < len(f.values) for f in functions)


def regret(true: np.ndarray, found: np.ndarray) -> float:
    return float(
        np.mean(true * np.log(true / found) + (1 - true) * np.log((1 - true) / (1 - found)))
    )


def test_where_the_truth_is_a_line_the_model_is_as_good_as_a_logistic_regression() -> None:
    slopes = [0.6, -0.5, 0.4, 0.3, -0.2, 0.1, *[0.0] * 12]
    names = [f"x{k}" for k in range(len(slopes))]
    new, _, true = draw(20_000, slopes, 99, -2.0)
    ours, theirs = [], []
    for seed in (10, 11):
        X, y, _ = draw(1_500, slopes, seed, -2.0)
        model = DefaultModel("pairs", directions=None).fit(pd.DataFrame(X, columns=names), y)
        found = model.predict_proba(pd.DataFrame(new, columns=names))[:, 1]
        ours.append(regret(expit(true), found))
        plain = LogisticRegression(max_iter=500).fit(X, y).predict_proba(new)[:, 1]
        theirs.append(regret(expit(true), plain))
        fine = model.portable_
        assert (fine.unit, fine.pairs, fine.trees) == (1000, (), None)
        assert max(len(table.points) for table in fine.tables) > 8
        assert model.shapes_["shape"].tolist() == ["pairs"]
        assert fine.training["linear_share"] > 0
    assert np.mean(ours) < 1.05 * np.mean(theirs)


def test_fine_tables_follow_directions_and_periods() -> None:
    cohort = make_cohort(2_500, 2_500, 12)
    X, y, _ = draw(2_500, [0.8, -0.6, 0.1], 12, -1.5)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    label = pd.Series(y)
    label.attrs = {"horizon_days": 90, "level": "borrower", "days_past_due": 90}
    signs = {"a": 1, "b": -1, "c": -1}
    fine = DefaultModel("pairs", directions=signs).fit(frame, label, cohort=cohort).portable_
    assert fine.unit == 1000
    for table in fine.tables:
        assert (signs[table.name] * np.diff(table.points) <= 0).all()
    again = DefaultModel("pairs", directions=signs).fit(
        frame[::-1].reset_index(drop=True),
        label[::-1].reset_index(drop=True),
        cohort=cohort[np.arange(2_500)[::-1]],
    )
    assert again.model_id == fine.model_id


@pytest.mark.parametrize(("rows", "share"), [(10_000, 0.001), (100_000, 0.0003)])
def test_a_line_runs_level_beyond_a_thousandth_of_the_rows_or_thirty(rows, share) -> None:
    X, y, _ = draw(rows, [0.8], 14)
    (function,), _, _ = fit_linear(training(X, y), [0])
    low, high = np.quantile(X[:, 0], [share, 1 - share])
    inside = (function.cuts > low) & (function.cuts < high)
    assert np.diff(function.values)[inside].min() > 0
    bins = np.diff(function.cuts).max()
    beyond = (function.cuts < low - bins) | (function.cuts > high + bins)
    assert np.abs(np.diff(function.values)[beyond]).sum() < 0.01
    assert function.values[-1] - function.values[0] > 0.7 * (high - low)


def test_of_many_rows_the_curvature_of_some_leads_to_the_slopes_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y, _ = draw(20_000, [0.8, -0.4, 0.0, 0.2], 13)
    X[:, 3] = np.exp(X[:, 3])
    data = training(X, y, directions=(1, -1, 1, 0))
    all_at_once = margins(fit_linear(data, [0] * 4), [0] * 4, X)
    monkeypatch.setattr(linear, "_BY_CHORDS", 10_000)
    monkeypatch.setattr(linear, "_LEARNED", 4_000)
    by_chords = margins(fit_linear(data, [0] * 4), [0] * 4, X)
    few = margins(fit_linear(data.take(np.arange(0, 20_000, 5)), [0] * 4), [0] * 4, X)
    assert np.abs(by_chords - all_at_once).max() < 0.02
    assert np.abs(few - all_at_once).max() > 0.05


def test_what_has_no_share_need_not_have_been_learned() -> None:
    line, trees, card = (
        Sum([StepFunction(np.array([k]), np.array([0.1 * k, 1.0]), 0.2)], float(k))
        for k in (1, 2, 3)
    )
    every, some = Learned(line, trees, card), Learned(line, None, card)
    for shares in ((0.7, 0.0, 0.3), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)):
        a, b = every.blend(shares), some.blend(shares)
        assert a.constant == b.constant == pytest.approx(shares[0] + 3 * shares[2])
        np.testing.assert_array_equal(a.functions[0].values, b.functions[0].values)
    alone = Learned(line, None, None).blend((0.0, 0.6, 0.4))
    np.testing.assert_array_equal(alone.functions[0].values, line.functions[0].values)
