"""Levels of a category: one value where they are alike, or where a difference does not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from model_stage import make_cohort

from alicredit.model import DefaultModel
from alicredit.model.learner import TrainingSet
from alicredit.model.points import StepFunction
from alicredit.model.steps import held_groups, place_rows, simplify, values_of

RISK = {"a": -3.0, "b": -3.0, "c": -2.0, "d": -1.2}


def drawn(rows: int, seed: int, **risk: float) -> tuple[pd.DataFrame, pd.Series]:
    """Draw a category of four levels of known log-odds and a number."""
    rng = np.random.default_rng(seed)
    known = {**RISK, **risk}
    kind, x = rng.choice(list(known), rows), rng.normal(size=rows)
    logit = np.array([known[each] for each in kind]) + 0.5 * x
    y = pd.Series((rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(float))
    return pd.DataFrame({"kind": kind, "x": x}), y


def points_of(model: DefaultModel) -> dict[str, float]:
    """Give the points of each line of the category."""
    card = model.scorecard()
    mine = card[(card["feature"] == "kind") & (card["feature_2"] == "" if "feature_2" in card
        else card["feature"] == "kind")]  # fmt: skip
    return dict(zip(mine["category"], mine["points"], strict=True))


def test_empirical_values_of_one_risk_mostly_become_one() -> None:
    equal = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        level = rng.integers(0, 3, 30000).astype(float)
        y = (rng.random(30000) < np.array([0.1, 0.1, 0.2])[level.astype(int)]).astype(float)
        rate = np.array([y[level == k].mean() for k in range(3)])
        values = np.log(rate / (1 - rate)) - np.log(rate[2] / (1 - rate[2]))
        known = [StepFunction(np.empty(0), np.zeros(1), 0.0, dict(enumerate(values)), values[-1])]
        data = TrainingSet(level[:, None], y, np.ones(30000), (0,), (0,), np.arange(30000))
        placed = place_rows(known, [4], level[:, None])
        constant = float(np.log(rate[2] / (1 - rate[2])))
        (found,) = simplify(known, constant, placed, data, max_steps=8)
        equal.append(found.levels[0] == found.levels[1])
        assert found.levels[2] > max(found.levels[0], found.levels[1])
    assert np.mean(equal) > 0.75


def test_fine_steps_keep_levels_apart_that_a_short_table_makes_one() -> None:
    level = np.repeat(np.arange(4.0), 10_000)
    values = np.array([-1.0, -0.025, 0.025, 1.0])  # a standard error, and more, apart
    p = 1 / (1 + np.exp(2 - values[level.astype(int)]))
    y = (np.tile((np.arange(10_000) + 0.5) / 10_000, 4) < p).astype(float)
    known = [StepFunction(np.empty(0), np.zeros(1), 0.0, dict(enumerate(values)), 1.0)]
    data = TrainingSet(level[:, None], y, np.ones(40000), (0,), (0,), np.arange(40000))
    placed = place_rows(known, [5], level[:, None])
    (short,) = simplify(known, -2.0, placed, data, max_steps=8)
    (fine,) = simplify(known, -2.0, placed, data, max_steps=8, fine_steps=240)
    (few,) = simplify(known, -2.0, placed, data, max_steps=8, fine_steps=3)
    assert short.levels[0] < short.levels[1] == short.levels[2] < short.levels[3]
    assert values_of(fine)[:4] == pytest.approx(values)
    assert len(set(values_of(few)[:4])) == 3


@pytest.mark.slow
def test_levels_of_one_risk_mostly_have_one_value_and_others_their_own() -> None:
    equal, apart = 0, 0
    for seed in range(4):
        found = points_of(DefaultModel("points", directions=None).fit(*drawn(16000, seed)))
        equal += found["a"] == found["b"]
        apart += found["b"] > found["c"] > found["d"]
    assert apart == 4
    assert equal >= 3


def test_merged_levels_stand_by_name_with_counts_of_their_own() -> None:
    X, y = drawn(3000, 0)
    model = DefaultModel("points", directions=None).fit(X, y)
    card = model.scorecard()
    mine = card[card["feature"] == "kind"].set_index("category")
    for level in RISK:
        assert mine.loc[level, "rows"] == (X["kind"] == level).sum()
        assert mine.loc[level, "defaults"] == y[X["kind"] == level].sum()


@pytest.mark.parametrize("shape", ["points", "pairs"])
def test_many_levels_have_few_points(shape: str) -> None:
    rng = np.random.default_rng(3)
    names = [f"l{k:02}" for k in range(25)]
    kind = rng.choice(names, 6000)
    effect = dict(zip(names, rng.permutation(np.linspace(-1.5, 1.5, 25)), strict=True))
    logit = -2 + np.array([effect[each] for each in kind])
    y = pd.Series((rng.random(6000) < 1 / (1 + np.exp(-logit))).astype(float))
    X = pd.DataFrame({"kind": kind, "x": rng.normal(size=6000)})
    found = points_of(DefaultModel(shape, directions=None, max_steps=5).fit(X, y))
    known = [found[name] for name in names]
    assert 3 <= len(set(known)) <= 5
    true = -np.array([effect[name] for name in names])
    assert np.corrcoef(known, true)[0, 1] > 0.9


def test_two_fits_are_one_model() -> None:
    X, y = drawn(3000, 5)
    one, other = (DefaultModel("points", directions=None).fit(X, y).model_id for _ in range(2))
    assert one == other


def stage(rows: int, seed: int, *, flips: bool) -> tuple[Any, TrainingSet, Any]:
    """A category of three levels, the last riskier always, or riskier and safer by turns."""
    rng = np.random.default_rng(seed)
    level, period = rng.integers(0, 3, rows).astype(float), np.arange(rows) * 4 // rows
    sign = np.where(flips & (period % 2 == 1), -1.0, 1.0)
    logit = -2 - 1.0 * (level == 0) + np.where(level == 2, 0.6 * sign, 0.0)
    y = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(float)
    X = level[:, None]
    value = 0.15 if flips else 0.6
    known = [StepFunction(
        np.empty(0), np.zeros(1), 0.0, {0: -1.0, 1: 0.0, 2: value}, 0.0
    )]  # fmt: skip
    data = TrainingSet(X, y, np.ones(rows), (0,), (0,), np.arange(rows), period)
    return known, data, place_rows(known, [4], X)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("flips", "values"), [(False, 3), (True, 2)])
def test_a_level_whose_sign_turns_between_periods_is_merged(seed, flips, values) -> None:
    known, data, placed = stage(12000, seed, flips=flips)
    (held,) = simplify(known, -2.0, placed, data, max_steps=8)
    assert len({held.levels[k] for k in range(3)}) == values
    assert held.levels[0] < held.levels[1] <= held.levels[2]
    assert (held.levels[1] == held.levels[2]) == flips


def test_a_model_of_a_cohort_merges_a_level_that_turns() -> None:
    cohort = make_cohort(12000, 12000, seed=2)
    as_of = pd.to_datetime(cohort.frame["as_of"])
    period = (as_of.rank(method="first").to_numpy() - 1) * 4 // len(as_of)
    rng = np.random.default_rng(4)
    kind = rng.choice(["a", "b", "c"], len(as_of))
    turn = np.where(period % 2 == 1, -0.7, 0.7)
    logit = -1.6 - 1.2 * (kind == "a") + turn * (kind == "c")
    y = pd.Series((rng.random(len(as_of)) < 1 / (1 + np.exp(-logit))).astype(float))
    X = pd.DataFrame({"kind": kind, "x": rng.normal(size=len(as_of))})
    found = points_of(DefaultModel("points", directions=None).fit(X, y, cohort=cohort))
    assert found["a"] > found["b"] == found["c"]


def test_the_merge_is_the_best_of_all_in_the_order_of_risk() -> None:
    """Held against every way to part seven levels into three groups of neighbours."""
    rng = np.random.default_rng(8)
    level = rng.integers(0, 7, 4000).astype(float)
    values = rng.normal(0, 1, 7)
    known = [StepFunction(np.empty(0), np.zeros(1), 0.0, dict(enumerate(values)), values[-1])]
    p = 1 / (1 + np.exp(-values[level.astype(int)]))
    y = (rng.random(4000) < p).astype(float)
    data = TrainingSet(level[:, None], y, np.ones(4000), (0,), (0,), np.arange(4000))
    (found,) = simplify(known, 0.0, place_rows(known, [8], level[:, None]), data, max_steps=3)
    information = (p * (1 - p) + y.mean() * (1 - y.mean())) / 2
    mass = np.bincount(level.astype(int), information)
    order = np.argsort(values)
    best = np.inf
    for i in range(1, 6):
        for j in range(i + 1, 7):
            groups = [order[:i], order[i:j], order[j:]]
            means = [np.average(values[g], weights=mass[g]) for g in groups]
            loss = sum(
                (mass[g] * (values[g] - m) ** 2).sum() for g, m in zip(groups, means, strict=True)
            )
            best = min(best, loss)
    mine = values_of(found)[:7]
    assert len(set(mine)) == 3
    assert (mass * (values - mine) ** 2).sum() == pytest.approx(best)


def test_alike_means_near_and_not_told_apart() -> None:
    near, far, exact, sure, unsure = np.array([0.0, 0.05]), np.array([0.0, 0.5]), 1e-6, 0.01, 1.0
    for values, spread, groups in (
        (near, unsure, 2), (near, sure, 1), (near, exact, 2), (far, unsure, 2), (far, sure, 2),
    ):  # fmt: skip
        effect, variance = values[None, :], np.full((1, 2), spread)
        assert len(held_groups(values, effect, variance, is_category=True)) == groups


def test_numbers_without_periods_are_merged_by_loss_alone() -> None:
    known = [StepFunction(np.array([0.5]), np.array([0.0, 0.5]))]
    X = np.linspace(0, 1, 2000)[:, None]
    y = np.tile([0.0, 1.0], 1000)  # says nothing: kept all the same, as what was learned costs
    data = TrainingSet(X, y, np.ones(2000), (0,), (), np.arange(2000))
    (found,) = simplify(known, 0.0, place_rows(known, [0], X), data, max_steps=8)
    assert len(found.values) == 2
