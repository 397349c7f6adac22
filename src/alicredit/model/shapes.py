"""Which shape: all judged on the same out-of-fold rows, and the plainest that loses nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score

from alicredit.calibration import Calibration, calibrate, rising
from alicredit.checks import refuse
from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.learning import Judged, Plan, judge_shape
from alicredit.model.merging import paired

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Profit = Callable[[Floats, Floats], Any]

SHAPES = ("points", "pairs", "trees")
"""From the plainest on."""

FEWEST_DEFAULTS = 30
"""Fewer defaults (or others) cannot tell shapes apart: auto is then points (assumed)."""

MOST_LOSS = 0.001
"""Log loss that plainness may cost at most (assumed)."""

_TIMED_ROWS = 2_000


@dataclass(frozen=True, eq=False)
class Witness:
    """The rows that judge, one entry each time a row does, in one order for all shapes."""

    rows: Positions
    y: Floats
    weight: Floats
    cluster: Positions
    repeat: Positions


@dataclass(frozen=True, eq=False)
class Choice:
    """The shape taken, the rows that judged it, its calibration, and what each shape costs."""

    judged: Judged
    rows: Positions
    calibration: Calibration
    frame: pd.DataFrame


def witness_of(
    data: TrainingSet, repeats: Sequence[Sequence[tuple[Positions, Positions]]]
) -> Witness:
    """Line up the judging rows of all folds of all repeats; repeats share a row's weight."""
    rows = np.concatenate([judge for folds in repeats for _, judge in folds])
    sizes = [sum(len(judge) for _, judge in folds) for folds in repeats]
    repeat = np.repeat(np.arange(len(repeats)), sizes)
    weight = data.weight[rows] / len(repeats)
    return Witness(rows, data.y[rows], weight, data.cluster[rows], repeat)


def shapes_of(shape: str, data: TrainingSet) -> tuple[str, ...]:
    """Say which shapes are to be judged: all for auto, but where defaults are too few points."""
    if shape != "auto":
        return (shape,)
    return SHAPES if data.fewest >= FEWEST_DEFAULTS else SHAPES[:1]


def choose_shape(
    shapes: Sequence[str],
    inputs: Inputs,
    data: TrainingSet,
    repeats: Sequence[Sequence[tuple[Positions, Positions]]],
    plan: Plan,
    *,
    profit: Profit | None = None,
) -> Choice:
    """Judge shapes on the same folds and take the plainest that loses nothing.

    Nothing is lost where the out-of-fold log loss is within one paired standard error, clustered by
    merchant, of the best shape's, and within 0.001 of it. What is judged are merged and rounded
    tables as they would be deployed, each after its own calibration.
    """
    splits = [fold for folds in repeats for fold in folds]
    witness = witness_of(data, repeats)
    found: list[Judged] = []
    losses, calibrations, lines = [], [], []
    for shape in shapes:
        judged = judge_shape(shape, inputs, data, splits, plan, known=found)
        calibration = calibrate(judged.margin, witness.y, witness.weight, witness.cluster)
        logit = calibration.logit(judged.margin)
        losses.append(np.logaddexp(0, logit) - witness.y * logit)
        lines.append(_line(judged, logit, witness, data, profit))
        found.append(judged)
        calibrations.append(calibration)
    frame = pd.DataFrame(lines)
    frame.insert(1, "log_loss", [float(np.average(x, weights=witness.weight)) for x in losses])
    best = losses[int(np.argmin(frame["log_loss"]))]
    apart = [paired(loss - best, witness.weight, witness.cluster) for loss in losses]
    frame.insert(2, "difference", [mean for mean, _ in apart])
    frame.insert(3, "se", [error for _, error in apart])
    at = plainest(frame["difference"].to_numpy(), frame["se"].to_numpy())
    frame["chosen"] = np.arange(len(frame)) == at
    log.info("shape %s of %s", shapes[at], ", ".join(shapes))
    return Choice(found[at], witness.rows, calibrations[at], frame)


def plainest(difference: Floats, error: Floats) -> int:
    """Give the first shape within one standard error of the best and within 0.001 of it.

    Examples
    --------
    >>> plainest(np.array([0.0009, 0.0, 0.002]), np.array([0.001, 0.0, 0.003]))
    0
    >>> plainest(np.array([0.0009, 0.0, 0.002]), np.array([0.0003, 0.0, 0.003]))
    1
    """
    return int(np.argmax(difference <= np.minimum(error, MOST_LOSS)))


def _line(
    judged: Judged, logit: Floats, witness: Witness, data: TrainingSet, profit: Profit | None
) -> dict[str, Any]:
    """Say what a shape gives and costs."""
    parts = judged.sample.used()
    rows = data.given[:_TIMED_ROWS]
    start = time.perf_counter()
    judged.sample.units(rows)
    per_row = (time.perf_counter() - start) / len(rows)
    line = {
        "shape": judged.shape,
        "auc": _mean_auc(logit, witness),
        "fit_seconds": judged.seconds,
        "score_us": per_row * 1e6,
        "look_ups": parts.look_ups,
        "tables": len(parts.tables),
        "pairs": len(parts.pairs),
        "leaves": 0 if parts.trees is None else len(parts.trees.leaves),
    }
    if profit is not None:
        earned = _total(profit(witness.y, rising(logit)), len(logit))
        line["profit"] = earned / (int(witness.repeat.max()) + 1)
    return line


def _total(earned: Any, rows: int) -> float:
    """Add up what a user's function earned, one number or one a row; refuse anything else."""
    found = np.asarray(earned)
    is_number = found.dtype.kind in "fiu" and found.shape in ((), (rows,))
    if not is_number or not np.isfinite(found).all():
        rule = f"must give one finite number, or one for each of the {rows} rows"
        refuse("profit", rule, f"{found.dtype} of shape {found.shape}")
    return float(found.sum())


def _mean_auc(logit: Floats, witness: Witness) -> float:
    """Give the area under the curve of out-of-fold rows, the mean over repeats."""
    found = []
    for repeat in range(int(witness.repeat.max()) + 1):
        mine = (witness.repeat == repeat) & (witness.weight > 0)
        y, weight = witness.y[mine], witness.weight[mine]
        if 0 < y.sum() < len(y):
            found.append(roc_auc_score(y, logit[mine], sample_weight=weight))
    return float(np.mean(found)) if found else float("nan")
