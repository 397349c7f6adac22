"""Learning one shape: out of fold, as it would be deployed, and then on all rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.model.additive import (
    FINE_STEPS,
    JudgedPoints,
    judge_points,
    learn_points,
    simplify_points,
)
from alicredit.model.boosting import bags_of, fit_for, fit_until
from alicredit.model.inputs import Inputs
from alicredit.model.joined import join_surface
from alicredit.model.laid import fine_tables
from alicredit.model.learner import TrainingSet
from alicredit.model.pairs import Pair, choose_pairs, pair_parts, pair_settings, read_surface
from alicredit.model.parts import FINE, Parts
from alicredit.model.sums import Sum, find_share
from alicredit.model.trees import tree_parameters, tree_parts
from alicredit.score import PointScale

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Split = tuple[Positions, Positions]

SMALL_ROWS, SMALL_DEFAULTS, REPEATS = 5_000, 500, 3
"""Folds are dealt three times over below so many rows or defaults (assumed)."""

ALL_JUDGE_ROWS, JUDGED_DEFAULTS = 20_000, 2_000
"""Above 20,000 rows as many folds judge as have 2,000 of the rarer outcome together (assumed)."""

FEW_STEPS = 16
"""Steps of a short table at most, where no number is asked for (assumed)."""

ALL_STEPS = 20_000
"""Steps of all tables in fine units together, but for short ones (assumed)."""

MOST_PAIRS = 10
"""Grids of two inputs at most (assumed)."""

MOST_SCREENED = 50_000
"""Rows that pairs are looked for in, at most, of each fold (assumed)."""

_SCALE = PointScale()
"""That of points while their share is found: no other scale makes another model."""

_SCREENING_FOLDS = 5
_SCREENING_ROWS = 100_000
"""Pairs are looked for on as many folds as rows of theirs come to this (assumed); one at least."""


@dataclass(frozen=True)
class Plan:
    """What is fixed before learning: scale, limits, seed, threads."""

    scale: PointScale
    max_steps: int | None
    seed: int
    threads: int

    @property
    def few_steps(self) -> int:
        """Give how many steps a short table has at most."""
        return FEW_STEPS if self.max_steps is None else self.max_steps

    def fine_steps(self, inputs: int) -> int:
        """Give how many steps a table of fine units has at most: a file has room for so many."""
        most = int(np.clip(ALL_STEPS // inputs, FEW_STEPS, FINE_STEPS))
        return most if self.max_steps is None else self.max_steps


@dataclass(frozen=True, eq=False)
class Judged:
    """A shape learned out of fold: its margins of the judging rows, and how to learn it again.

    ``share`` is that of pairs or trees; points ``beside`` them have the rest.
    """

    shape: str
    margin: Floats
    rounds: int
    pairs: tuple[Pair, ...]
    seconds: float
    sample: Parts
    points: JudgedPoints | None = None
    beside: JudgedPoints | None = None
    share: float = 1.0


def repeats_of(rows: int, defaults: int) -> int:
    """Say how often folds are dealt anew to judge shapes."""
    return REPEATS if rows < SMALL_ROWS or defaults < SMALL_DEFAULTS else 1


def latest(splits: Sequence[Split], data: TrainingSet) -> list[Split]:
    """Take the splits that judge: all of few rows, of many the last ones that tell enough.

    What an error of judging depends on are merchants that default (or do not, if they are fewer),
    not rows.
    """
    if len(data.y) <= ALL_JUDGE_ROWS:
        return list(splits)
    seen: list[Positions] = []
    for judge in (judge for _, judge in reversed(splits)):
        seen.append(judge)
        rows = np.concatenate(seen)
        fewest = min(len(np.unique(data.cluster[rows][data.y[rows] == k])) for k in (0, 1))
        if fewest >= JUDGED_DEFAULTS:
            break
    return list(splits[-len(seen) :])


def judge_shape(
    shape: str,
    inputs: Inputs,
    data: TrainingSet,
    splits: Sequence[Split],
    plan: Plan,
    *,
    known: Sequence[Judged] = (),
) -> Judged:
    """Learn a shape on each split; without a pair that earns its place, pairs are finer points.

    Rounds are stopped on the judging rows of each split, and one number for all, their median, is
    then kept: what is judged has not been stopped where it itself did best.
    """
    start = time.perf_counter()
    plain = next((each.points for each in known if each.points), None)
    plain = plain or _judge_points(inputs, data, splits, plan)
    if shape == "points":
        spent = time.perf_counter() - start
        return Judged(shape, plain.margin, plain.plan.rounds, (), spent, plain.sample, plain)
    pairs = _find_pairs(data, inputs, splits, plan) if shape == "pairs" else ()
    if shape == "pairs" and not pairs:
        fine = replace(plain.plan, unit=FINE, fine_steps=plan.fine_steps(len(inputs.names)))
        found = simplify_points(inputs, data, splits, plain.sums, fine)
        spent = time.perf_counter() - start
        return Judged(shape, found.margin, fine.rounds, (), spent, found.sample, found)
    fitted = [_fit_until(shape, inputs, data, split, pairs, plan) for split in splits]
    rounds = int(np.median([each for _, found in fitted for each in found]))
    folds = []
    for (boosters, _), total, (learn, judge) in zip(fitted, plain.merged, splits, strict=True):
        for booster in boosters:
            booster.best_iteration = min(rounds, booster.current_iteration())
        folds.append(_Fold.of(boosters, total, inputs, data.take(learn), data.X[judge]))
    rows = np.concatenate([judge for _, judge in splits])
    own, beside = (np.concatenate([getattr(f, kind) for f in folds]) for kind in ("own", "beside"))
    share = find_share(own, beside, data, rows)
    if shape == "trees":
        margin = share * own + (1 - share) * beside
        sample = folds[0].parts(shape, share, inputs, plan)
    else:
        samples = [fold.parts(shape, share, inputs, plan) for fold in folds]
        margins = [
            each.margins(data.given[judge], plan.scale)
            for each, (_, judge) in zip(samples, splits, strict=True)
        ]
        margin, sample = np.concatenate(margins), samples[0]
    spent = time.perf_counter() - start
    return Judged(shape, margin, rounds, pairs, spent, sample, beside=plain, share=share)


@dataclass(frozen=True, eq=False)
class _Fold:
    """Boosters of one split and the steps of points beside them; what each says of judging rows."""

    boosters: Sequence[Any]
    total: Sum
    learned: TrainingSet
    own: Floats
    beside: Floats

    @classmethod
    def of(
        cls,
        boosters: Sequence[Any],
        total: Sum,
        inputs: Inputs,
        learned: TrainingSet,
        judged: Floats,
    ) -> _Fold:
        """Say what boosters and points say."""
        tables = fine_tables(total, inputs, learned, scale=_SCALE)
        own = _mean(boosters, judged)
        return cls(boosters, total, learned, own, tables.margins(judged, _SCALE))

    def parts(self, shape: str, share: float, inputs: Inputs, plan: Plan) -> Parts:
        """Turn a share of the boosters, and the rest of points, into parts of whole units."""
        return _parts(
            shape, self.boosters, inputs, self.learned, plan, share=(share, self.total), held=False
        )


def learn_shape(
    judged: Judged, inputs: Inputs, data: TrainingSet, plan: Plan, *, rows: Positions
) -> tuple[Parts, Floats]:
    """Learn a judged shape on all rows; give their margins, as wide as rows not learned from.

    ``rows`` are those of ``judged.margin``. Rows that pairs and trees learned from lie further
    apart than others would: their margins are brought to the spread they had out of fold.
    """
    shape, share = judged.shape, judged.share
    if judged.points is not None:
        _, parts = learn_points(inputs, data, judged.points.plan)
        return parts, parts.margins(data.given, plan.scale)
    boosters = fit_for(
        _settings(shape, inputs, judged.pairs),
        data,
        judged.rounds,
        bags=bags_of(len(data.y)),
        seed=plan.seed,
        threads=plan.threads,
    )
    total = None
    if judged.beside is not None and share < 1:
        total, _ = learn_points(inputs, data, judged.beside.plan)
    parts = _parts(shape, boosters, inputs, data, plan, share=(share, total), held=True)
    margin = parts.margins(data.X if shape == "trees" else data.given, plan.scale)
    middle = float(margin.mean())
    narrower = float(judged.margin.std()) / max(float(margin[rows].std()), 1e-9)
    return parts, middle + (margin - middle) * min(narrower, 1.0)


def _judge_points(
    inputs: Inputs, data: TrainingSet, splits: Sequence[Split], plan: Plan
) -> JudgedPoints:
    """Learn points on each split."""
    return judge_points(
        inputs,
        data,
        splits,
        scale=plan.scale,
        max_steps=plan.few_steps,
        seed=plan.seed,
        threads=plan.threads,
    )


def _settings(shape: str, inputs: Inputs, pairs: Sequence[Pair]) -> Callable[..., dict[str, Any]]:
    """Give how LightGBM is set for a shape."""
    return tree_parameters if shape == "trees" else pair_settings(len(inputs.names), pairs)


def _fit_until(
    shape: str, inputs: Inputs, data: TrainingSet, split: Split, pairs: Sequence[Pair], plan: Plan
) -> tuple[list[Any], list[int]]:
    """Fit boosters on a split's learning rows until its judging rows gain no more."""
    learn, judge = (data.take(rows) for rows in split)
    return fit_until(
        _settings(shape, inputs, pairs),
        learn,
        judge,
        bags=bags_of(len(data.y)),
        seed=plan.seed,
        threads=plan.threads,
    )


def _parts(
    shape: str,
    boosters: Sequence[Any],
    inputs: Inputs,
    data: TrainingSet,
    plan: Plan,
    *,
    share: tuple[float, Sum | None],
    held: bool,
) -> Parts:
    """Turn a share of boosters, and the rest of a sum beside them, into parts of whole units."""
    scale, (of_boosters, total) = plan.scale, share
    if of_boosters == 1:
        total = None
    if shape == "trees":
        beside = None
        if total is not None:
            beside = fine_tables(total, inputs, data, scale=scale, share=1 - of_boosters)
        return tree_parts(
            boosters,
            inputs,
            data,
            scale=scale,
            seed=plan.seed,
            held=held,
            share=of_boosters,
            beside=beside,
        )
    surface = read_surface(boosters, inputs, data)
    if total is not None:
        surface = join_surface(surface, of_boosters, total, inputs, data)
    return pair_parts(surface, inputs, data, scale=scale, max_steps=plan.few_steps)


def _mean(boosters: Sequence[Any], X: Floats) -> Floats:
    """Give the margins of rows by trees, the learner's own.

    What is deployed is verified to give the same to rounding: thousandths.
    """
    return np.asarray(np.mean([each.predict(X, raw_score=True) for each in boosters], axis=0))


def _find_pairs(
    data: TrainingSet, inputs: Inputs, splits: Sequence[Split], plan: Plan
) -> tuple[Pair, ...]:
    """Boost with every pair allowed on some splits, and choose pairs by what they gain there."""
    if len(inputs.names) < 2:
        return ()
    surfaces, judges = [], []
    budget = _SCREENING_ROWS
    for learn, judge in splits[:_SCREENING_FOLDS]:
        if budget <= 0:
            break
        few = data.take(_some(learn, plan.seed))
        budget -= len(few.y)
        seen = data.take(_some(judge, plan.seed))
        boosters, _ = fit_until(
            pair_settings(len(inputs.names), None),
            few,
            seen,
            bags=1,
            seed=plan.seed,
            threads=plan.threads,
        )
        surfaces.append(read_surface(boosters, inputs, few))
        judges.append(seen)
    return choose_pairs(surfaces, judges, most=MOST_PAIRS)


def _some(rows: Positions, seed: int) -> Positions:
    """Draw rows where there are more than pairs are looked for in."""
    if len(rows) <= MOST_SCREENED:
        return rows
    drawn = np.random.default_rng(seed).permutation(len(rows))[:MOST_SCREENED]
    return rows[np.sort(drawn)]
