"""Points of few defaults: one turn, fewest steps within a budget, periods that agree."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_stage import make_merchants
from sklearn.isotonic import isotonic_regression
from threadpoolctl import threadpool_info, threadpool_limits

from alicredit.cohort import Cohort
from alicredit.model import DefaultModel, additive, learning
from alicredit.model.folds import periods_of
from alicredit.model.learner import TrainingSet
from alicredit.model.marginal import fit_marginal
from alicredit.model.points import StepFunction, add_functions, merge_steps
from alicredit.model.steps import held_groups, place_rows, simplify, values_of
from alicredit.model.turns import one_turn

numbers = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(0.1, 9)), min_size=1, max_size=9
)  # value and weight


def squares(found: np.ndarray, values: np.ndarray, weights: np.ndarray) -> float:
    return float((weights * (found - values) ** 2).sum())


def turns(values: np.ndarray) -> int:
    signs = np.sign(np.diff(values))
    return int((np.diff(signs[signs != 0]) != 0).sum())


@settings(max_examples=60)
@given(pairs=numbers)
def test_a_shape_turns_once_and_no_such_shape_is_nearer(pairs) -> None:
    values, weights = (np.array(each) for each in zip(*pairs, strict=True))
    found = one_turn(values, weights)
    assert turns(np.round(found, 9)) <= 1

    def fit(part: slice, up: bool) -> np.ndarray:
        if not len(values[part]):
            return np.empty(0)
        return isotonic_regression(values[part], sample_weight=weights[part], increasing=up)

    best = min(
        squares(
            np.concatenate([fit(slice(0, turn), up), fit(slice(turn, None), not up)]),
            values,
            weights,
        )
        for up in (True, False)
        for turn in range(len(values) + 1)
    )
    assert squares(found, values, weights) == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_directed_shape_does_not_turn(direction) -> None:
    rng = np.random.default_rng(3)
    values, weights = rng.normal(size=20), rng.uniform(1, 5, 20)
    expected = isotonic_regression(values, sample_weight=weights, increasing=direction > 0)
    np.testing.assert_allclose(one_turn(values, weights, direction), expected, atol=1e-9)


def every_partition(size: int):
    for cuts in itertools.product([False, True], repeat=size - 1):
        ends = [k + 1 for k, cut in enumerate(cuts) if cut]
        yield [slice(a, b) for a, b in itertools.pairwise([0, *ends, size])]


def loss_of(values: np.ndarray, weights: np.ndarray, steps: list[slice]) -> float:
    return sum(
        squares(np.average(values[s], weights=weights[s]), values[s], weights[s]) for s in steps
    )


@settings(max_examples=40)
@given(pairs=numbers, budget=st.floats(0.01, 20), most=st.integers(1, 6))
def test_no_fewer_steps_keep_within_the_budget(pairs, budget, most) -> None:
    values, weights = (np.array(each) for each in zip(*pairs, strict=True))
    found = merge_steps(values, weights, most, budget=budget)
    assert len(found) <= most
    within = [
        len(steps)
        for steps in every_partition(len(values))
        if loss_of(values, weights, steps) <= budget * (1 - 1e-9)
    ]
    assert len(found) <= max(min(within, default=most), 1)
    if len(found) < min(most, len(values)):
        assert loss_of(values, weights, found) <= budget * (1 + 1e-9) + 1e-9


def test_functions_add_up_everywhere() -> None:
    rng = np.random.default_rng(1)
    one = StepFunction(np.array([0.0, 1.0]), np.array([1.0, 2.0, -1.0]), 0.5)
    other = StepFunction(np.array([-1.0, 1.0, 2.0]), np.array([3.0, 0.0, 1.0, 4.0]), -0.25)
    total = add_functions([(one, 0.25), (other, 2.0)])
    x = np.concatenate([rng.normal(size=200) * 2, [-1.0, 0.0, 1.0, 2.0]])

    def at(function: StepFunction) -> np.ndarray:
        return function.values[np.searchsorted(function.cuts, x, side="left")]

    np.testing.assert_allclose(at(total), 0.25 * at(one) + 2 * at(other))
    assert total.missing == 0.25 * 0.5 - 2 * 0.25


def test_levels_one_function_does_not_know_are_its_others() -> None:
    one = StepFunction(np.empty(0), np.zeros(1), 0.1, {0: 1.0}, -1.0)
    other = StepFunction(np.empty(0), np.zeros(1), 0.2, {0: 2.0, 1: 3.0}, 5.0)
    total = add_functions([(one, 1.0), (other, 1.0)])
    assert total.levels == {0: 3.0, 1: 2.0}
    assert (total.other, total.missing) == (4.0, pytest.approx(0.3))


def draw(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=rows), rng.uniform(size=rows), rng.integers(0, 4, rows)])
    X[rng.random(rows) < 0.1, 1] = np.nan
    logit = -2 + X[:, 0] + np.array([0.0, 0.8, -0.8, 0.0])[X[:, 2].astype(int)]
    return X, (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(float)


def training(X: np.ndarray, y: np.ndarray, period: np.ndarray | None = None) -> TrainingSet:
    return TrainingSet(X, y, np.ones(len(y)), (1, 0, 0), (2,), np.arange(len(y)), period)


def test_a_marginal_scorecard_finds_what_matters_and_leaves_luck() -> None:
    X, y = draw(1500, 2)
    functions, constant = fit_marginal(training(X, y), [0, 0, 4], seed=0)
    fresh, truth = draw(20_000, 3)
    placed = place_rows(functions, [0, 0, 4], fresh)
    margin = placed.margins(functions, constant)
    assert abs((1 / (1 + np.exp(-margin))).mean() - truth.mean()) < 0.03
    assert (np.diff(functions[0].values) >= 0).all()
    assert len(functions[0].cuts) < 20
    levels = functions[2].levels
    assert levels[1] > levels[0] > levels[2]
    assert np.ptp(functions[1].values) < 0.6 < np.ptp(functions[0].values)


def test_a_marginal_scorecard_does_not_depend_on_the_scale_of_weights() -> None:
    X, y = draw(800, 4)
    data = training(X, y)
    heavy = TrainingSet(X, y, np.full(len(y), 7.0), data.directions, (2,), data.cluster)
    one, other = (fit_marginal(each, [0, 0, 4], seed=0) for each in (data, heavy))
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(values_of(a), values_of(b), atol=1e-4)


def test_stable_steps_stay_and_what_one_period_made_goes() -> None:
    sure = np.full((4, 3), 0.02)
    stable = np.array([0.0, 0.8, 1.6]) + np.random.default_rng(0).normal(0, 0.1, (4, 3))
    assert len(held_groups(np.array([0.0, 0.8, 1.6]), stable, sure)) == 3
    odd = np.zeros((4, 3))
    odd[1, 1] = 2.0
    assert held_groups(np.array([0.0, 0.5, 0.0]), odd, sure) == [slice(0, 3)]


def test_a_period_that_contradicts_merges_though_all_together_agree() -> None:
    effect = np.array([[0.0, 1.5], [0.0, 1.5], [0.0, -0.6]])
    assert len(held_groups(np.array([0.0, 0.8]), effect, np.full((3, 2), 0.02))) == 1
    unsure = np.full((3, 2), 0.5)  # the same difference, but now it may be noise
    assert len(held_groups(np.array([0.0, 0.8]), effect, unsure)) == 2


def test_noise_alone_seldom_merges_a_real_step() -> None:
    rng = np.random.default_rng(7)
    kept = [
        len(
            held_groups(
                np.array([0.0, 1.0]), rng.normal([0.0, 1.0], 0.25, (4, 2)), np.full((4, 2), 0.0625)
            )
        )
        for _ in range(300)
    ]
    assert np.mean(np.array(kept) == 2) > 0.97


def bump(rows: int, seed: int, *, lasting: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A step of the second input that is there always, or in one period of four only."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=rows), rng.uniform(size=rows), rng.integers(0, 4, rows)])
    period = np.arange(rows) * 4 // rows
    there = (X[:, 1] > 0.4) & (X[:, 1] <= 0.6) & (lasting | (period == 1))
    logit = -2 + X[:, 0] + (0.8 if lasting else 1.8) * there
    return X, (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(float), period


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("lasting", "steps"), [(True, 3), (False, 1)])
def test_a_step_of_one_period_is_merged_and_a_lasting_one_stays(seed, lasting, steps) -> None:
    X, y, period = bump(8000, seed, lasting=lasting)
    known = [
        StepFunction(np.array([-0.5, 0.5]), np.array([-1.0, 0.0, 1.0])),
        StepFunction(np.array([0.4, 0.6]), np.array([-0.1, 0.4, -0.1])),
        StepFunction(np.empty(0), np.zeros(1)),
    ]
    placed = place_rows(known, [0, 0, 4], X)
    blind = simplify(known, -2.0, placed, training(X, y), max_steps=8)
    assert [len(f.values) for f in blind] == [3, 3, 1]
    found = simplify(known, -2.0, placed, training(X, y, period), max_steps=8)
    assert [len(f.values) for f in found] == [3, steps, 1]


def test_many_rows_of_one_merchant_are_one_witness() -> None:
    """One merchant with 300 rows in one period cannot undo a step."""
    X, y, period = bump(4000, 4, lasting=True)
    one = np.tile([[0.0, 0.5, 0.0]], (300, 1))
    X, y = np.vstack([X, one]), np.append(y, np.zeros(300))
    period = np.append(period, np.full(300, 2))
    cluster = np.append(np.arange(4000), np.full(300, 4000))
    function = StepFunction(np.array([0.4, 0.6]), np.array([-0.1, 0.5, -0.1]))
    flat = StepFunction(np.empty(0), np.zeros(1))
    steps = {}
    for name, clusters in (("one", cluster), ("many", np.arange(4300))):
        data = TrainingSet(X, y, np.ones(4300), (0, 0, 0), (2,), clusters, period)
        placed = place_rows([flat, function, flat], [0, 0, 4], X)
        found = simplify([flat, function, flat], -2.0, placed, data, max_steps=8)
        steps[name] = len(found[1].values)
    assert steps["one"] == 3 > steps["many"]


def test_periods_have_rows_alike_and_need_defaults() -> None:
    rng = np.random.default_rng(0)
    when = pd.Timestamp("2012-01-01") + pd.to_timedelta(rng.integers(0, 700, 1000), unit="D")
    cohort = Cohort.from_frame(pd.DataFrame({"merchant_id": np.arange(1000), "as_of": when}))
    y = (np.arange(1000) < 200).astype(float)
    period = periods_of(y, cohort, defaults=30, most=4)
    assert np.bincount(period).tolist() == pytest.approx([250] * 4, abs=5)
    order = np.argsort(cohort.frame["as_of"].to_numpy(), kind="stable")
    assert (np.diff(period[order]) >= 0).all()
    assert periods_of(y, cohort, defaults=101, most=4) is None
    assert periods_of(y, None, defaults=30, most=4) is None


@pytest.fixture(scope="module")
def fitted() -> tuple[DefaultModel, pd.DataFrame, np.ndarray]:
    X, y = draw(1200, 5)
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": [f"l{k:.0f}" for k in X[:, 2]]})
    return DefaultModel("points").fit(frame, y), frame, y


def test_costs_say_what_merging_and_rounding_lose(fitted) -> None:
    costs = fitted[0].costs_
    assert costs.index.tolist() == ["learned", "merged", "points"]
    np.testing.assert_allclose(costs["auc_lost"], costs["auc"]["learned"] - costs["auc"])
    np.testing.assert_allclose(
        costs["log_loss_added"], costs["log_loss"] - costs["log_loss"]["learned"]
    )
    assert costs["auc"].between(0.6, 0.95).all()
    assert costs["log_loss_added"].abs().max() < 0.02
    facts = fitted[0].portable_.training
    assert facts["auc_points"] == costs["auc"]["points"]
    assert 0 <= facts["marginal_share"] <= 1


def test_points_have_at_most_so_many_steps_and_their_feature_iv(fitted) -> None:
    model, frame, y = fitted
    assert max(len(table.points) for table in model.portable_.tables) <= learning.FEW_STEPS
    card = model.scorecard()
    by_hand = card.groupby("feature")["iv"].sum()
    for feature, each in card.groupby("feature"):
        assert each["feature_iv"].nunique() == 1
        assert each["feature_iv"].iloc[0] == pytest.approx(by_hand[feature])
        assert each["rows"].sum() == len(frame)
        assert each["defaults"].sum() == y.sum()
    strongest = by_hand.idxmax()
    assert strongest == "a"


@pytest.mark.slow
def test_two_threads_give_the_same_model() -> None:
    X, y = draw(400, 6)
    ids = {DefaultModel("points", n_jobs=threads).fit(X, y).model_id for threads in (1, 2)}
    assert len(ids) == 1


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_points_rank_near_the_truth_on_few_rows(rate) -> None:
    """Against the rank of the true probability, on rows never seen."""
    rng = np.random.default_rng(9)
    from sklearn.metrics import roc_auc_score

    def make(rows: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        z = rng.normal(size=(rows, 6))
        logit = np.log(rate / (1 - rate)) + z[:, 0] + 0.7 * np.abs(z[:, 1]) - 0.6
        p = 1 / (1 + np.exp(-logit))
        frame = pd.DataFrame(z, columns=[f"v{k}" for k in range(6)])
        return frame, (rng.random(rows) < p).astype(float), p

    X, y, _ = make(1500)
    fresh, label, p = make(20_000)
    model = DefaultModel("points").fit(X, y)
    lost = roc_auc_score(label, p) - roc_auc_score(label, model.predict_proba(fresh)[:, 1])
    assert lost < (0.03 if rate > 0.1 else 0.12)


def test_linear_algebra_runs_on_one_thread_while_a_model_is_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def threads() -> set[int]:
        return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

    seen, learn = [], additive.fit_marginal

    def watched(*given: Any, **more: Any) -> Any:
        seen.append(threads())
        return learn(*given, **more)

    monkeypatch.setattr(additive, "fit_marginal", watched)
    X, y, _ = make_merchants(600, seed=3)
    with threadpool_limits(2, user_api="blas"):
        DefaultModel("points", directions=None).fit(X, y)
        assert seen
        assert set().union(*seen) == {1}
        assert threads() == {2}
