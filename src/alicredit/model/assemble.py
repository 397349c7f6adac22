"""Putting the portable model together from trees, tables and the calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.calibration.logodds import Calibration
from alicredit.checks import refusal
from alicredit.errors import AlicreditError
from alicredit.features import CATALOGUE
from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.points import (
    StepFunction,
    merge_steps,
    read_trees,
    simple_cut,
    step_means,
    whole,
)
from alicredit.portable.checking import check_model
from alicredit.portable.file import content_of, digest_of
from alicredit.portable.model import ScoreModel
from alicredit.portable.monotone import falls
from alicredit.portable.tables import Claim, PointTable
from alicredit.score import PointScale

Floats = npt.NDArray[np.float64]
_FEWEST_OF_A_STEP = 20


def assemble(
    booster: Any,
    inputs: Inputs,
    data: TrainingSet,
    calibration: Calibration,
    *,
    scale: PointScale,
    max_steps: int,
    claim: Claim,
    training: Mapping[str, Any],
) -> ScoreModel:
    """Make tables of whole points of a booster, and the probability of each reachable score."""
    functions, constant = read_trees(booster, len(inputs.names))
    rate = float(np.average(data.y, weights=data.weight))
    if not any(len(f.cuts) or f.levels for f in functions):
        constant = float(np.log(rate / (1 - rate)))
    tables, centres = [], []
    earned = np.zeros(len(data.y))
    for at, function in enumerate(functions):
        table, centre, points = _table(inputs, data, at, function, scale, max_steps)
        tables.append(table)
        centres.append(centre)
        earned += points
    base = whole([scale.offset - scale.factor * (constant + sum(centres))])[0]
    margins = (scale.offset - base - earned) / scale.factor
    calibration = calibration.anchored(margins, data.weight, rate)
    used = tuple(table for table in tables if len({*table.points, table.missing_points}) > 1)
    kept = used or tuple(tables[:1])
    base += sum(table.points[0] for table in tables if table not in kept)
    low = base + sum(min((*table.points, table.missing_points)) for table in kept)
    high = base + sum(max((*table.points, table.missing_points)) for table in kept)
    scores = np.arange(low, high + 1, dtype=np.float64)
    margin: Floats = (scale.offset - scores) / scale.factor
    lower, pd_, upper = calibration.probabilities(margin)
    tiny = np.finfo(np.float64).tiny
    model = ScoreModel(
        tables=kept,
        base=base,
        scale=scale,
        first_score=int(low),
        pds=tuple(pd_.tolist()),
        lowers=tuple(np.clip(lower, tiny, pd_).tolist()),
        uppers=tuple(np.clip(upper, pd_, 1 - 1e-16).tolist()),
        claim=claim,
        training=training,
        catalogue_digest=_catalogue_digest(inputs.names),
        model_id="",
    )
    check_model(model)
    return replace(model, model_id=digest_of(content_of(model)))


def _catalogue_digest(names: tuple[str, ...]) -> str:
    """Give the digest of the built-in features used; empty where there are none."""
    known = [name for name in names if name in set(CATALOGUE.names)]
    return CATALOGUE.subset(known).digest if known else ""


def _table(
    inputs: Inputs,
    data: TrainingSet,
    at: int,
    function: StepFunction,
    scale: PointScale,
    max_steps: int,
) -> tuple[PointTable, float, Floats]:
    """Make one input's table; give its mean margin, kept in the base, and each row's points."""
    name, kind, column = inputs.names[at], inputs.kinds[at], data.X[:, at]
    is_missing = np.isnan(column)
    if kind == "category":
        levels = inputs.levels[name]
        margins = np.array([function.levels.get(k, function.other) for k in range(len(levels))])
        other = function.levels.get(len(levels), function.other)
        margins = np.append(margins, other)
        if (column == len(levels)).sum() < _FEWEST_OF_A_STEP:
            margins[-1] = margins.max()
        step = np.where(is_missing, len(levels) + 1, column).astype(np.int64)
        cuts: tuple[float, ...] = ()
    else:
        levels = ()
        raw = np.searchsorted(function.cuts, column, side="left")
        counts = np.bincount(raw[~is_missing], minlength=len(function.values)).astype(float)
        steps = merge_steps(function.values, counts, max_steps)
        margins = step_means(function.values, counts, steps)
        cuts = _cuts(function.cuts, steps, column[~is_missing])
        step = np.where(is_missing, len(cuts) + 1, np.searchsorted(cuts, column, side="left"))
    counts = np.bincount(step, minlength=len(margins) + 1).astype(float)
    learned = counts[-1] >= _FEWEST_OF_A_STEP
    missing = function.missing if learned else float(margins.max())
    every = np.append(margins, missing)
    centre = float(np.average(every, weights=counts))
    points = whole(-scale.factor * (every - centre))
    reference = int(np.sort(np.array(points)[step])[len(step) // 2])
    table = PointTable(
        name=name,
        kind=kind,
        cuts=cuts,
        points=tuple(points[:-1]),
        levels=levels,
        missing_points=points[-1],
        reference=reference,
        **_seen(column, kind),
        direction=inputs.directions[at],
        **_meaning(name),
        rows=tuple(int(each) for each in counts),
        defaults=tuple(
            int(each) for each in np.bincount(step, weights=data.y, minlength=len(every))
        ),
    )
    if table.direction and not falls(table.points, table.direction):
        message = refusal(f"table {name!r}", "must follow its direction", "points that do not")
        raise AlicreditError(message)
    return table, centre, np.array(points, dtype=np.float64)[step]


def _cuts(edges: Floats, steps: list[slice], values: Floats) -> tuple[float, ...]:
    """Give the cuts between merged steps, of few digits, parting the training values the same."""
    ordered = np.unique(values)
    cuts: list[float] = []
    for step in steps[:-1]:
        edge = float(edges[step.stop - 1])
        at = int(np.searchsorted(ordered, edge, side="right"))
        inside = 0 < at < len(ordered)
        cut = simple_cut(float(ordered[at - 1]), float(ordered[at])) if inside else edge
        cuts.append(cut)
    return tuple(cuts)


def _seen(column: Floats, kind: str) -> dict[str, Any]:
    """State the range, median and missing share of a training column."""
    known = column[~np.isnan(column)]
    share = float(np.isnan(column).mean())
    if kind == "category" or not len(known):
        return {"low": 0.0, "high": 0.0, "median": 0.0, "missing_share": share}
    return {
        "low": float(known.min()),
        "high": float(known.max()),
        "median": float(np.median(known)),
        "missing_share": share,
    }


def _meaning(name: str) -> dict[str, Any]:
    """Give what a built-in feature means to a reader; another column is its own title."""
    if name in set(CATALOGUE.names):
        feature = CATALOGUE[name]
        return {
            "code": feature.code,
            "title": feature.title,
            "title_zh": feature.title_zh,
            "unit": feature.unit,
            "sources": CATALOGUE.sources(name),
        }
    return {"code": "SC_OTHER", "title": name, "title_zh": name, "unit": "", "sources": ()}
