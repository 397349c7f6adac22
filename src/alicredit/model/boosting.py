"""Fitting a few boosters whose mean is meant: until judging rows gain no more, or for rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from alicredit.model.learner import TrainingSet, dataset

Floats = npt.NDArray[np.float64]
Settings = Callable[..., dict[str, Any]]

MOST_ROUNDS = 1_000
_PATIENCE = 40
_APART = 7_919
_BAGS = 2
_BAGGED_ROWS = 100_000
_SEEN, _FEWEST_SEEN = 40, 4
FEW_DEFAULTS = 1_000
"""Defaults below which trees are small and see what they can (assumed)."""


def bags_of(rows: int) -> int:
    """Say of how many boosters the mean is taken: 2, above 100,000 rows 1 (assumed).

    The more rows, the less one booster differs from the next; each costs when rows are scored.
    """
    return _BAGS if rows <= _BAGGED_ROWS else 1


def leaf_size(data: TrainingSet) -> int:
    """Say how many rows a leaf of pairs and trees has at least: those of two defaults, 20 at least.

    Assumed; in points, which average more, it is those of ten.
    """
    fewest = len(data.y) * 2 / max(data.defaults, 1)
    return max(int(np.clip(fewest, 20, max(len(data.y) // 8, 1))), 1)


def share_of_inputs(data: TrainingSet, share: float) -> float:
    """Say what share of the inputs a tree may see: of 40 all, of few four at least (assumed).

    A tree that sees one input cannot say what two do together, and where neither says anything
    alone, only one that sees both finds it: of draws of two fifths one in six. From 1,000
    defaults on a share is kept: there more than that was not measured.
    """
    seen = _SEEN if data.defaults < FEW_DEFAULTS else _FEWEST_SEEN
    return max(share, min(1.0, seen / data.X.shape[1]))


def pace(data: TrainingSet) -> float:
    """Say how fast pairs and trees learn: slower where defaults are few (assumed)."""
    return 0.03 if data.defaults < 1_000 else 0.05 if data.defaults < 10_000 else 0.1


def fit_until(
    settings: Settings,
    data: TrainingSet,
    judge: TrainingSet,
    *,
    bags: int,
    seed: int,
    threads: int,
    margins: tuple[Floats | None, Floats | None] = (None, None),
) -> tuple[list[Any], list[int]]:
    """Fit each booster until the judging rows no longer gain; give their best rounds, too.

    ``margins`` are those that learning and judging rows have before the first tree.
    """
    train = dataset(data, margin=margins[0])
    watch = dataset(judge, reference=train, margin=margins[1])
    boosters, rounds = [], []
    for bag in range(bags):
        booster = lgb.train(
            settings(data, seed=seed + bag * _APART, threads=threads),
            train,
            num_boost_round=MOST_ROUNDS,
            valid_sets=[watch],
            callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
        )
        boosters.append(booster)
        rounds.append(int(booster.best_iteration or booster.current_iteration()))
    return boosters, rounds


def fit_for(
    settings: Settings,
    data: TrainingSet,
    rounds: int,
    *,
    bags: int,
    seed: int,
    threads: int,
    margin: Floats | None = None,
) -> list[Any]:
    """Fit each booster so many rounds, from the margin that rows already have."""
    train = dataset(data, margin=margin)
    return [
        lgb.train(
            settings(data, seed=seed + bag * _APART, threads=threads),
            train,
            num_boost_round=max(rounds, 1),
        )
        for bag in range(bags)
    ]
