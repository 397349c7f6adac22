"""One learner for all shapes, LightGBM: rows to learn from, and the parameters shapes share."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

Floats = npt.NDArray[np.float64]

_MOST_BINS = 63

_MANY_ROWS, _BIN_ROWS = 200_000, 50_000
"""Of more rows than the first, so many say where bins are cut: 800 a bin (assumed)."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Numbers to learn from: categories are codes, missing values and special codes NaN.

    ``raw`` are the same with special codes as they stand; None where no row has any.
    """

    X: Floats
    y: Floats
    weight: Floats
    directions: tuple[int, ...]
    categories: tuple[int, ...]
    cluster: npt.NDArray[np.int64]
    period: npt.NDArray[np.int64] | None = None
    raw: Floats | None = None

    @property
    def given(self) -> Floats:
        """Give the rows as a model reads them, with special codes as they stand."""
        return self.X if self.raw is None else self.raw

    @property
    def defaults(self) -> int:
        """Count the merchants that default: many rows of one merchant are one witness."""
        return len(np.unique(self.cluster[self.y == 1]))

    @property
    def fewest(self) -> int:
        """Count the merchants of the rarer outcome: what can be learned depends on them."""
        return min(self.defaults, len(np.unique(self.cluster[self.y == 0])))

    def take(self, rows: npt.NDArray[np.int64]) -> TrainingSet:
        """Keep some rows."""
        X, y, weight = self.X[rows], self.y[rows], self.weight[rows]
        period = None if self.period is None else self.period[rows]
        raw = None if self.raw is None else self.raw[rows]
        return TrainingSet(
            X, y, weight, self.directions, self.categories, self.cluster[rows], period, raw
        )


@functools.cache
def _libraries() -> Any:
    """Find the libraries of linear algebra that are loaded."""
    return ThreadpoolController()


def plain_algebra() -> AbstractContextManager[Any]:
    """Let linear algebra run on one thread while the body runs.

    On several threads its sums depend on their number, so that a model would depend on the machine
    it was learned on; and matrices as small as these are slower on two threads than on one.
    """
    found: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return found


def parameters(data: TrainingSet, *, seed: int, threads: int) -> dict[str, Any]:
    """Choose the parameters that shapes share; smoothness follows the defaults (assumed)."""
    defaults = data.defaults
    leaf = int(np.clip(len(data.y) * 10 / max(defaults, 1), 20, len(data.y) // 8 or 1))
    return {
        "objective": "binary",
        "num_leaves": 4,
        "learning_rate": pace_of_points(defaults),
        "min_data_in_leaf": max(leaf, 1),
        "lambda_l2": 5.0,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "max_bin": _MOST_BINS,
        "cat_smooth": 20.0,
        "min_data_per_group": max(leaf, 1),
        "monotone_constraints": list(data.directions),
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,  # the same bits, in half the time: each tree sees few inputs
        "num_threads": threads,
        "verbosity": -1,
        "feature_pre_filter": False,
        "zero_as_missing": False,
    }


def pace_of_points(defaults: int) -> float:
    """Say how fast points learn: the faster the more defaults (assumed).

    At 0.2 half as many trees are grown as at 0.1. Where the truth is known and is a sum of curves,
    that costs 2 % of the regret at 6,000 defaults, and 1 to 3 % at 25,000; where it is not, 0.1 %.

    Examples
    --------
    >>> [pace_of_points(defaults) for defaults in (500, 2_000, 10_000, 15_000, 20_000, 90_000)]
    [0.06, 0.1, 0.1, 0.15, 0.2, 0.2]
    """
    return 0.06 if defaults < 2_000 else float(np.clip(defaults / 100_000, 0.1, 0.2))


def dataset(data: TrainingSet, reference: Any = None, *, margin: Floats | None = None) -> Any:
    """Hand rows to LightGBM, with the margin each of them already has.

    Rows that judge are binned as those that are learned from, their ``reference``.
    """
    rows = len(data.y) if reference is None else len(reference.label)
    seen = _BIN_ROWS if rows > _MANY_ROWS else _MANY_ROWS
    return lgb.Dataset(
        data.X,
        label=data.y,
        weight=data.weight,
        init_score=margin,
        reference=reference,
        categorical_feature=list(data.categories),
        params={
            "max_bin": _MOST_BINS,
            "bin_construct_sample_cnt": seen,
            "verbosity": -1,
            "feature_pre_filter": False,
        },
        free_raw_data=False,
    )
