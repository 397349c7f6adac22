"""The points shape: boosted and marginal step functions, summed, judged and simplified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score

from alicredit.model.assemble import table_parts
from alicredit.model.boosting import fit_for, fit_until
from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet, parameters
from alicredit.model.marginal import MOST_DEFAULTS, MOST_ROWS, fit_marginal
from alicredit.model.parts import Parts
from alicredit.model.points import StepFunction, add_functions, read_trees
from alicredit.model.specials import add_specials, special_values
from alicredit.model.steps import Placed, place_rows, simplify
from alicredit.score import PointScale

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Split = tuple[Positions, Positions]

_SHARES = (0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)
_USUAL_SHARE = 0.5
_PULL = 4.0
_FEWEST = 10
_BAGS = 2
_BAGGED_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class PointsPlan:
    """How points are learned on all rows: rounds, the marginal share, limits."""

    rounds: int
    share: float
    scale: PointScale
    max_steps: int
    seed: int
    threads: int


@dataclass(frozen=True, eq=False)
class JudgedPoints:
    """Points learned out of fold: margins as deployed, the plan, and what plainness cost."""

    margin: Floats
    plan: PointsPlan
    sample: Parts
    costs: pd.DataFrame

    def facts(self) -> dict[str, float]:
        """State the share and the costs in single values, for the facts of training."""
        facts = {"marginal_share": self.plan.share}
        for column in ("auc", "log_loss"):
            facts |= {f"{column}_{k}": float(v) for k, v in self.costs[column].items()}
        return facts


@dataclass(frozen=True, eq=False)
class Sum:
    """Step functions of the inputs, a constant, and of special codes each input's values."""

    functions: list[StepFunction]
    constant: float
    specials: dict[int, Floats] = field(default_factory=dict)

    @property
    def missing(self) -> dict[int, float]:
        """Give the value of each input's missing."""
        return {at: function.missing for at, function in enumerate(self.functions)}


def one_input(data: TrainingSet, *, seed: int, threads: int) -> dict[str, Any]:
    """Choose LightGBM's parameters for points: every tree sees one input."""
    alone = ",".join(f"[{at}]" for at in range(data.X.shape[1]))
    return parameters(data, seed=seed, threads=threads) | {"interaction_constraints": alone}


def judge_points(
    inputs: Inputs,
    data: TrainingSet,
    splits: Sequence[Split],
    *,
    scale: PointScale,
    max_steps: int,
    seed: int,
    threads: int,
) -> JudgedPoints:
    """Learn points on each split; find the rounds, and how much of the marginal scorecard to add.

    The share is the one of least out-of-fold log loss, with a prior of a half (assumed).
    """
    fitted = [
        fit_until(one_input, data.take(learn), data.take(judge), bags=1, seed=seed, threads=threads)
        for learn, judge in splits
    ]
    rounds = int(np.median([best for _, found in fitted for best in found]))
    boosted = [
        _read(boosters, inputs, data.take(learn), rounds)
        for (boosters, _), (learn, _) in zip(fitted, splits, strict=True)
    ]
    marginal = [_marginal(inputs, data.take(learn), seed) for learn, _ in splits]
    share = _share(inputs, data, splits, boosted, marginal)
    plan = PointsPlan(rounds, share, scale, max_steps, seed, threads)
    stages: dict[str, list[Floats]] = {"learned": [], "merged": [], "points": []}
    samples = []
    for (learn, judge), one, other in zip(splits, boosted, marginal, strict=True):
        total = _with_codes(_blend(one, other, share), inputs, data.take(learn))
        merged, parts = _simple(total, inputs, data.take(learn), plan)
        samples.append(parts)
        seen = data.take(judge)
        stages["learned"].append(_margins(total, inputs, seen))
        stages["merged"].append(_margins(merged, inputs, seen))
        stages["points"].append(parts.margins(seen.given, scale))
    rows = np.concatenate([judge for _, judge in splits])
    costs = _costs(data.y[rows], data.weight[rows], stages)
    return JudgedPoints(np.concatenate(stages["points"]), plan, samples[0], costs)


def learn_points(inputs: Inputs, data: TrainingSet, plan: PointsPlan) -> Parts:
    """Learn points on all rows, as judged."""
    bags = _BAGS if len(data.y) <= _BAGGED_ROWS else 1
    boosters = fit_for(
        one_input, data, plan.rounds, bags=bags, seed=plan.seed, threads=plan.threads
    )
    total = _read(boosters, inputs, data, None)
    if plan.share > 0:
        total = _blend(total, _marginal(inputs, data, plan.seed), plan.share)
    return _simple(_with_codes(total, inputs, data), inputs, data, plan)[1]


def _read(boosters: Sequence[object], inputs: Inputs, data: TrainingSet, rounds: int | None) -> Sum:
    """Read the mean of boosters as one step function an input."""
    read = [read_trees(booster, len(inputs.names), rounds) for booster in boosters]
    each = 1 / len(read)
    functions = [
        add_functions([(function, each) for function in mine])
        for mine in zip(*(functions for functions, _ in read), strict=True)
    ]
    constant = each * sum(constant for _, constant in read)
    if not any(len(f.cuts) or f.levels for f in functions):
        rate = float(np.average(data.y, weights=data.weight))
        constant = float(np.log(rate / (1 - rate)))
    return Sum(functions, constant)


def _marginal(inputs: Inputs, data: TrainingSet, seed: int) -> Sum | None:
    """Learn the marginal scorecard, where defaults are few enough for it to help."""
    fewest = min(data.defaults, len(np.unique(data.cluster[data.y == 0])))
    if data.defaults > MOST_DEFAULTS or len(data.y) > MOST_ROWS or fewest < _FEWEST:
        return None
    return Sum(*fit_marginal(data, _sizes(inputs), seed=seed))


def _sizes(inputs: Inputs) -> list[int]:
    """Count the known levels of categories, ``other`` among them; 0 for numbers."""
    return [
        len(inputs.levels[name]) + 1 if kind == "category" else 0
        for name, kind in zip(inputs.names, inputs.kinds, strict=True)
    ]


def _blend(one: Sum, other: Sum | None, share: float) -> Sum:
    """Add a share of the marginal to what is left of the boosted."""
    if other is None or share == 0:
        return one
    functions = [
        add_functions([(a, 1 - share), (b, share)])
        for a, b in zip(one.functions, other.functions, strict=True)
    ]
    return Sum(functions, (1 - share) * one.constant + share * other.constant)


def _share(
    inputs: Inputs,
    data: TrainingSet,
    splits: Sequence[Split],
    boosted: Sequence[Sum],
    marginal: Sequence[Sum | None],
) -> float:
    """Give the marginal share of least out-of-fold loss, drawn to a half."""
    if any(each is None for each in marginal):
        return 0.0
    a, b = (
        np.concatenate(
            [
                _margins(each, inputs, data.take(judge))
                for each, (_, judge) in zip(sums, splits, strict=True)
                if each is not None
            ]
        )
        for sums in (boosted, marginal)
    )
    rows = np.concatenate([judge for _, judge in splits])
    y, weight = data.y[rows], data.weight[rows] / data.weight.mean()
    times = len(rows) / len(np.unique(rows))
    losses = []
    for share in _SHARES:
        margin = (1 - share) * a + share * b
        loss = float(weight @ (np.logaddexp(0, margin) - y * margin)) / times
        losses.append(loss + _PULL * (share - _USUAL_SHARE) ** 2)
    return _SHARES[int(np.argmin(losses))]


def _margins(total: Sum, inputs: Inputs, data: TrainingSet) -> Floats:
    """Give the margins of rows."""
    placed = place_rows(total.functions, _sizes(inputs), data.X)
    margin = placed.margins(total.functions, total.constant)
    return add_specials(margin, data.given, inputs.specials, total.missing, total.specials)


def _with_codes(total: Sum, inputs: Inputs, data: TrainingSet) -> Sum:
    """Learn what special codes say, apart from the missing."""
    if not any(inputs.specials):
        return total
    margin = _margins(total, inputs, data)
    return replace(total, specials=special_values(data, inputs.specials, total.missing, margin))


def _simple(total: Sum, inputs: Inputs, data: TrainingSet, plan: PointsPlan) -> tuple[Sum, Parts]:
    """Merge steps, then round to points."""
    placed: Placed = place_rows(total.functions, _sizes(inputs), data.X)
    functions = simplify(total.functions, total.constant, placed, data, max_steps=plan.max_steps)
    merged = replace(total, functions=functions)
    parts = table_parts(
        functions,
        total.constant,
        inputs,
        data,
        scale=plan.scale,
        max_steps=plan.max_steps,
        specials=total.specials,
    )
    return merged, parts


def _costs(y: Floats, weight: Floats, stages: dict[str, list[Floats]]) -> pd.DataFrame:
    """Measure what merging and rounding cost out of fold: rank and log loss of each stage."""
    judged = weight > 0
    lines = {}
    for stage, margins in stages.items():
        margin = np.concatenate(margins)
        both = 0 < y[judged].sum() < judged.sum()
        auc = (
            roc_auc_score(y[judged], margin[judged], sample_weight=weight[judged]) if both else 0.5
        )
        loss = float(np.average(np.logaddexp(0, margin) - y * margin, weights=weight))
        lines[stage] = {"auc": float(auc), "log_loss": loss}
    frame = pd.DataFrame(lines).T.rename_axis("stage")
    frame["auc_lost"] = frame["auc"].iloc[0] - frame["auc"]
    frame["log_loss_added"] = frame["log_loss"] - frame["log_loss"].iloc[0]
    return frame
