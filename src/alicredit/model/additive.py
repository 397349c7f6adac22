"""The points shape: boosted and marginal step functions, summed, judged and simplified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score

from alicredit.model.assemble import table_parts
from alicredit.model.boosting import fit_for, fit_until
from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet, parameters
from alicredit.model.linear import fit_linear
from alicredit.model.marginal import MOST_DEFAULTS, MOST_ROWS, fit_marginal
from alicredit.model.parts import Parts
from alicredit.model.points import read_trees
from alicredit.model.specials import special_values
from alicredit.model.steps import Placed, place_rows, simplify
from alicredit.model.sums import USUAL_SHARES, Learned, Sum, add_sums, find_shares, sizes_of
from alicredit.score import PointScale

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Split = tuple[Positions, Positions]

_FEW_DEFAULTS = 200
"""Of so many defaults boosting starts from what the line says, of fewer from nothing (assumed)."""

_SEEN_ROWS, _LEAST_SEEN = 100_000, 0.51
"""Rows that a tree of points sees at most, but more than half of all: fewer cost regret (assumed),
and of half LightGBM makes a copy for every tree, which takes longer than to see some more."""

_FEWEST = 10
_BAGS = 2
_BAGGED_ROWS = 20_000

FINE_STEPS = 240
"""Steps of an input in fine units at most (assumed)."""


@dataclass(frozen=True, eq=False)
class PointsPlan:
    """How points are learned on all rows: rounds, the shares of what is added up, limits.

    ``shares`` are those of the line, the trees and the marginal scorecard. ``unit`` is how many
    units a point has; with ``fine_steps`` inputs have up to so many steps.
    """

    rounds: int
    shares: tuple[float, float, float]
    scale: PointScale
    max_steps: int
    seed: int
    threads: int
    unit: int = 1
    fine_steps: int | None = None


@dataclass(frozen=True, eq=False)
class JudgedPoints:
    """Points learned out of fold: margins as deployed, the plan, and what plainness cost.

    ``sums`` are what was learned on each split, ``merged`` the same in the steps that are deployed.
    """

    margin: Floats
    plan: PointsPlan
    sample: Parts
    costs: pd.DataFrame
    sums: tuple[Sum, ...]
    merged: tuple[Sum, ...]

    def facts(self) -> dict[str, float]:
        """State the shares and the costs in single values, for the facts of training."""
        facts = {"linear_share": self.plan.shares[0], "marginal_share": self.plan.shares[2]}
        for column in ("auc", "log_loss"):
            facts |= {f"{column}_{k}": float(v) for k, v in self.costs[column].items()}
        return facts


def one_input(data: TrainingSet, *, seed: int, threads: int) -> dict[str, Any]:
    """Choose LightGBM's parameters for points: every tree sees one input, and of many rows some."""
    alone = ",".join(f"[{at}]" for at in range(data.X.shape[1]))
    found = parameters(data, seed=seed, threads=threads)
    seen = max(min(found["bagging_fraction"], _SEEN_ROWS / len(data.y)), _LEAST_SEEN)
    return found | {"interaction_constraints": alone, "bagging_fraction": seen}


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
    """Learn points on each split; find the rounds, and what shares of line and marginals to add.

    The shares are those of least out-of-fold log loss, with a prior (assumed).
    """
    plan = PointsPlan(0, USUAL_SHARES, scale, max_steps, seed, threads)
    starts_at_line = data.defaults >= _FEW_DEFAULTS
    lines, fitted = [], []
    for learn, judge in splits:
        own, seen = data.take(learn), data.take(judge)
        line, honest = learn_line(inputs, own, honest=starts_at_line)
        margins = (honest, line.margins(inputs, seen) if starts_at_line else None)
        found = fit_until(one_input, own, seen, bags=1, seed=seed, threads=threads, margins=margins)
        lines.append(line)
        fitted.append(found)
    rounds = int(np.median([best for _, found in fitted for best in found]))
    learned = [
        Learned(
            line,
            _read(boosters, inputs, data.take(learn), rounds, line if starts_at_line else None),
            _marginal(inputs, data.take(learn), seed),
        )
        for line, (boosters, _), (learn, _) in zip(lines, fitted, splits, strict=True)
    ]
    plan = replace(
        plan,
        rounds=rounds,
        shares=find_shares(inputs, data, splits, learned, at_line=starts_at_line),
    )
    sums = [
        _with_codes(each.blend(plan.shares), inputs, data.take(learn))
        for each, (learn, _) in zip(learned, splits, strict=True)
    ]
    return simplify_points(inputs, data, splits, sums, plan)


def simplify_points(
    inputs: Inputs,
    data: TrainingSet,
    splits: Sequence[Split],
    sums: Sequence[Sum],
    plan: PointsPlan,
) -> JudgedPoints:
    """Merge and round what was learned on each split, and measure what that costs."""
    stages: dict[str, list[Floats]] = {"learned": [], "merged": [], "points": []}
    samples, every = [], []
    for (learn, judge), total in zip(splits, sums, strict=True):
        merged, parts = _simple(total, inputs, data.take(learn), plan)
        samples.append(parts)
        every.append(merged)
        seen = data.take(judge)
        stages["learned"].append(total.margins(inputs, seen))
        stages["merged"].append(merged.margins(inputs, seen))
        stages["points"].append(parts.margins(seen.given, plan.scale))
    rows = np.concatenate([judge for _, judge in splits])
    costs = _costs(data.y[rows], data.weight[rows], stages)
    margin = np.concatenate(stages["points"])
    return JudgedPoints(margin, plan, samples[0], costs, tuple(sums), tuple(every))


def learn_points(inputs: Inputs, data: TrainingSet, plan: PointsPlan) -> tuple[Sum, Parts]:
    """Learn points on all rows, as judged; give them as merged steps, and as whole units."""
    _, of_trees, of_marginal = plan.shares
    starts_at_line = data.defaults >= _FEW_DEFAULTS
    line, honest = learn_line(inputs, data, honest=starts_at_line and of_trees > 0)
    boosted = None
    if of_trees:
        boosters = fit_for(
            one_input,
            data,
            plan.rounds,
            bags=_BAGS if len(data.y) <= _BAGGED_ROWS else 1,
            seed=plan.seed,
            threads=plan.threads,
            margin=honest,
        )
        boosted = _read(boosters, inputs, data, None, line if starts_at_line else None)
    learned = Learned(line, boosted, _marginal(inputs, data, plan.seed) if of_marginal else None)
    total = learned.blend(plan.shares)
    return _simple(_with_codes(total, inputs, data), inputs, data, plan)


def learn_line(
    inputs: Inputs, data: TrainingSet, *, honest: bool = False
) -> tuple[Sum, Floats | None]:
    """Learn what a penalised logistic regression says, and margins of rows it did not see."""
    functions, constant, margin = fit_linear(data, sizes_of(inputs), honest=honest)
    return Sum(functions, constant), margin


def _read(
    boosters: Sequence[object],
    inputs: Inputs,
    data: TrainingSet,
    rounds: int | None,
    start: Sum | None,
) -> Sum:
    """Read the mean of boosters as one step function an input, on top of where they started."""
    read = [Sum(*read_trees(booster, len(inputs.names), rounds)) for booster in boosters]
    found = add_sums([(each, 1 / len(read)) for each in read])
    if start is not None:
        return add_sums([(start, 1.0), (found, 1.0)])
    if not any(len(f.cuts) or f.levels for f in found.functions):
        rate = float(np.average(data.y, weights=data.weight))
        return replace(found, constant=float(np.log(rate / (1 - rate))))
    return found


def _marginal(inputs: Inputs, data: TrainingSet, seed: int) -> Sum | None:
    """Learn the marginal scorecard, where defaults are few enough for it to help."""
    if data.defaults > MOST_DEFAULTS or len(data.y) > MOST_ROWS or data.fewest < _FEWEST:
        return None
    return Sum(*fit_marginal(data, sizes_of(inputs), seed=seed))


def _with_codes(total: Sum, inputs: Inputs, data: TrainingSet) -> Sum:
    """Learn what special codes say, apart from the missing."""
    if not any(inputs.specials):
        return total
    margin = total.margins(inputs, data)
    return replace(total, specials=special_values(data, inputs.specials, total.missing, margin))


def _simple(total: Sum, inputs: Inputs, data: TrainingSet, plan: PointsPlan) -> tuple[Sum, Parts]:
    """Merge steps, then round to points."""
    placed: Placed = place_rows(total.functions, sizes_of(inputs), data.X)
    functions = simplify(
        total.functions,
        total.constant,
        placed,
        data,
        max_steps=plan.max_steps,
        fine_steps=plan.fine_steps,
    )
    merged = replace(total, functions=functions)
    parts = table_parts(
        functions,
        total.constant,
        inputs,
        data,
        scale=plan.scale,
        max_steps=None,
        unit=plan.unit,
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
