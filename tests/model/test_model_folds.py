"""Folds judge on what they could not have known: later rows, other merchants, labels over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from model_stage import make_cohort

from alicredit.cohort import Cohort
from alicredit.model.folds import FEWEST_DEFAULTS, Folds, make_folds

ROWS = 6000


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return make_cohort(ROWS, merchants=700, seed=1)


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return (np.random.default_rng(2).random(ROWS) < 0.2).astype(float)


@pytest.fixture(scope="module")
def timed(cohort: Cohort, y: np.ndarray) -> Folds:
    return make_folds(y, cohort, 90, seed=0)


def test_with_times_and_defaults_enough_folds_go_forward(timed: Folds) -> None:
    assert "time order" in timed.kind
    assert "merchants apart" in timed.kind
    assert len(timed.pairs) >= 2


def test_no_label_is_used_before_its_window_is_over(timed: Folds, cohort: Cohort) -> None:
    as_of = cohort.frame["as_of"]
    for learn, judge in timed.pairs:
        assert as_of.iloc[learn].max() + pd.Timedelta(days=90) <= as_of.iloc[judge].min()


def test_no_merchant_stands_on_both_sides(timed: Folds, cohort: Cohort, y: np.ndarray) -> None:
    merchant = cohort.frame["merchant_id"].to_numpy()
    for folds in (timed, make_folds(y, cohort, None, seed=0), make_folds(y, cohort, 5000, seed=0)):
        for learn, judge in folds.pairs:
            assert not set(merchant[learn]) & set(merchant[judge])


def test_no_row_is_judged_twice(timed: Folds, cohort: Cohort, y: np.ndarray) -> None:
    for folds in (timed, make_folds(y, cohort, 5000, seed=0), make_folds(y, None, None, seed=0)):
        judged = np.concatenate([judge for _, judge in folds.pairs])
        assert len(judged) == len(np.unique(judged))
        for learn, judge in folds.pairs:
            assert not set(learn) & set(judge)


def test_a_window_that_leaves_too_few_defaults_falls_back_and_says_so(cohort, y, caplog) -> None:
    with caplog.at_level("INFO", logger="alicredit.model.folds"):
        folds = make_folds(y, cohort, 1100, seed=0)
    assert "too few defaults" in folds.kind
    assert "too few defaults" in caplog.text
    judged = np.concatenate([judge for _, judge in folds.pairs])
    assert sorted(judged) == list(range(ROWS))


def test_every_forward_fold_learns_from_enough_defaults(timed: Folds, y: np.ndarray) -> None:
    assert min(y[learn].sum() for learn, _ in timed.pairs) >= FEWEST_DEFAULTS
    assert min(y[judge].sum() for _, judge in timed.pairs) >= 1


def test_one_merchant_alone_cannot_be_kept_apart(y: np.ndarray) -> None:
    cohort = make_cohort(ROWS, merchants=1, seed=3)
    folds = make_folds(y, cohort, None, seed=0)
    assert "too few merchants" in folds.kind


def test_without_a_cohort_classes_are_dealt_evenly(y: np.ndarray) -> None:
    folds = make_folds(y, None, 365, seed=0)
    assert "no cohort" in folds.kind
    rates = [y[judge].mean() for _, judge in folds.pairs]
    assert max(rates) - min(rates) < 0.005
    assert sorted(np.concatenate([judge for _, judge in folds.pairs])) == list(range(ROWS))


@pytest.mark.parametrize("defaults", [5, 6, 9])
def test_few_defaults_reach_every_fold(defaults: int) -> None:
    y = np.zeros(60)
    y[:defaults] = 1
    folds = make_folds(y, None, None, seed=1)
    assert all(len(np.unique(y[side])) == 2 for pair in folds.pairs for side in pair)


def test_folds_are_those_of_the_seed(cohort: Cohort, y: np.ndarray) -> None:
    def rows(folds: Folds) -> list[tuple[list[int], list[int]]]:
        return [(a.tolist(), b.tolist()) for a, b in folds.pairs]

    for given in (cohort, None):
        one, two = (rows(make_folds(y, given, None, seed=4)) for _ in range(2))
        assert one == two
        assert one != rows(make_folds(y, given, None, seed=5))


def test_a_merchants_fold_does_not_depend_on_who_else_is_there(cohort: Cohort, y) -> None:
    whole = make_folds(y, cohort, None, seed=0)
    half = make_folds(y[: ROWS // 2], cohort[: ROWS // 2], None, seed=0)
    merchant = cohort.frame["merchant_id"].to_numpy()
    for (_, judge), (_, judge_half) in zip(whole.pairs, half.pairs, strict=True):
        assert set(merchant[judge_half]) <= set(merchant[judge])
