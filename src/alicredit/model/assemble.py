"""Putting the portable model together from trees, tables and the calibration."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.calibration.logodds import Calibration
from alicredit.checks import refusal
from alicredit.errors import AlicreditError
from alicredit.features import CATALOGUE, digest_of_definitions
from alicredit.features.meanings import built_in
from alicredit.model.carried import Carried
from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.parts import Parts, margins_of
from alicredit.model.placing import place_columns
from alicredit.model.points import (
    FEWEST_OF_A_STEP,
    StepFunction,
    merge_steps,
    simple_cut,
    step_means,
    whole,
)
from alicredit.model.turns import ends_of
from alicredit.portable.checking import points_within, reach_of
from alicredit.portable.file import sealed
from alicredit.portable.model import ScoreModel
from alicredit.portable.monotone import falls
from alicredit.portable.tables import Claim, PointTable
from alicredit.score import PointScale
from alicredit.vocabulary import REASONS

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Whole = npt.NDArray[np.integer[Any]]


def table_parts(
    functions: list[StepFunction],
    constant: float,
    inputs: Inputs,
    data: TrainingSet,
    *,
    scale: PointScale,
    max_steps: int | None,
    unit: int = 1,
    specials: Mapping[int, Floats] | None = None,
) -> Parts:
    """Merge, round and centre one step function of each input to tables of whole units.

    Without ``max_steps`` steps stay as they are: they were merged elsewhere. ``specials`` has by
    input the values of special codes and, last, of the missing, where they differ.
    """
    tables, centres = [], []
    cuts = [
        np.empty(0) if kind == "category" else function.cuts
        for function, kind in zip(functions, inputs.kinds, strict=True)
    ]
    places = place_columns(data.X, cuts, [len(own) + 1 for own in cuts])
    for at, function in enumerate(functions):
        if specials and at in specials:
            function = replace(function, missing=float(specials[at][-1]))
        own = specials[at][:-1] if specials and at in specials else None
        table, centre = _table(
            inputs, data, places[:, at], at, function, scale.factor * unit, max_steps, own
        )
        tables.append(table)
        centres.append(centre)
    base = whole([unit * (scale.offset - scale.factor * (constant + sum(centres)))])[0]
    return Parts(tuple(tables), base, unit=unit)


def assemble(
    parts: Parts,
    data: TrainingSet,
    calibration: Calibration,
    *,
    margin: Floats,
    scale: PointScale,
    claim: Claim,
    training: Mapping[str, Any],
    carried: Carried,
    long_run_rate: float | None = None,
) -> ScoreModel:
    """Put the probability of each whole point in reach to parts: the model that is deployed.

    ``margin`` are the log-odds of the training rows before calibration: their mean probability is
    brought to the rate of defaults, or to a long-run rate that is known. ``carried`` says by what
    definitions inputs were built, and what those that are not built in mean.
    """
    rate = float(np.average(data.y, weights=data.weight))
    calibration = calibration.deployed(margin, data.weight, rate)
    if long_run_rate is not None:
        calibration = calibration.at_known_rate(margin, data.weight, long_run_rate)
    kept = parts.used()
    low, high = reach_of(kept.base, kept.tables, kept.pairs, kept.trees)
    first, last = points_within(low, high, kept.unit)
    scores = np.arange(first, last + 1, dtype=np.int64)
    lower, pd_, upper = calibration.probabilities(margins_of(scores, 1, scale))
    if kept.unit > 1:  # between two whole points bounds run straight, so they must not turn
        lower = np.minimum.accumulate(lower)
        upper = np.maximum.accumulate(upper[::-1])[::-1]
    tables = tuple(_with_texts(t, carried.meanings.get(t.name)) for t in kept.tables)
    tiny = np.finfo(np.float64).tiny
    model = ScoreModel(
        tables=tables,
        pairs=kept.pairs,
        trees=kept.trees,
        base=kept.base,
        scale=scale,
        unit=kept.unit,
        first_score=int(first),
        pds=tuple(pd_.tolist()),
        lowers=tuple(np.clip(lower, tiny, pd_).tolist()),
        uppers=tuple(np.clip(upper, pd_, 1 - 1e-16).tolist()),
        claim=claim,
        training={
            **training,
            "rate": calibration.rate,
            "form": calibration.form,
            "slope": calibration.slope,
        },
        catalogue_digest=digest_of_definitions((t.name for t in tables), carried.definitions),
        model_id="",
        reasons={code: _texts_of(code) for code in sorted({t.code for t in tables})},
    )
    return sealed(model)


def _with_texts(table: PointTable, meaning: Mapping[str, Any] | None) -> PointTable:
    """Give a table its own meaning, where it came with one."""
    return replace(table, **meaning) if meaning else table


def _texts_of(code: str) -> tuple[str, str]:
    """Give what a reason says, in both languages, as it stands in the file."""
    word = REASONS[code]
    return word.text, word.text_zh


@dataclass(frozen=True, eq=False)
class _Steps:
    """An input's steps: levels or cuts, the margin of each, and each row's, the missing last."""

    levels: tuple[str, ...]
    cuts: tuple[float, ...]
    margins: Floats
    step: Places


def _table(
    inputs: Inputs,
    data: TrainingSet,
    place: Whole,
    at: int,
    function: StepFunction,
    factor: float,
    max_steps: int | None,
    specials: Floats | None,
) -> tuple[PointTable, float]:
    """Make one input's table; give its mean margin, which is kept in the base."""
    name, kind = inputs.names[at], inputs.kinds[at]
    column = np.ascontiguousarray(data.X[:, at])
    if kind == "category":
        own = _of_levels(inputs.levels[name], column, function)
    else:
        own = _of_numbers(column, place, function, max_steps)
    codes = inputs.specials[at] if inputs.specials else ()
    step = _with_codes(own, data.given[:, at], codes)
    size = len(own.margins)
    counts = np.bincount(step, minlength=size + len(codes) + 1).astype(float)
    learned = counts[-1] >= FEWEST_OF_A_STEP
    missing = function.missing if learned else float(own.margins.max())
    theirs = np.full(len(codes), missing) if specials is None else specials
    is_rare = counts[size:-1] < FEWEST_OF_A_STEP
    every = np.concatenate([own.margins, np.where(is_rare, missing, theirs), [missing]])
    centre = float(np.average(every, weights=counts))
    points = whole(-factor * (every - centre))
    table = PointTable(
        name=name,
        kind=kind,
        cuts=own.cuts,
        points=tuple(points[:size]),
        levels=own.levels,
        missing_points=points[-1],
        reference=_of_the_middle(points, counts),
        **_seen(column, kind),
        missing_share=float(np.isnan(data.given[:, at]).mean()),
        direction=inputs.directions[at],
        **_meaning(name),
        rows=tuple(int(each) for each in counts),
        defaults=tuple(
            int(each) for each in np.bincount(step, weights=data.y, minlength=len(every))
        ),
        specials=codes,
        special_points=tuple(points[size:-1]),
    )
    if table.direction and not falls(table.points, table.direction):
        message = refusal(f"table {name!r}", "must follow its direction", "points that do not")
        raise AlicreditError(message)
    return table, centre


def _of_levels(levels: tuple[str, ...], column: Floats, function: StepFunction) -> _Steps:
    """Give a step to each level and to others, who have the worst where they are few."""
    margins = np.array([function.levels.get(k, function.other) for k in range(len(levels))])
    margins = np.append(margins, function.levels.get(len(levels), function.other))
    if (column == len(levels)).sum() < FEWEST_OF_A_STEP:
        margins[-1] = margins.max()
    step = np.where(np.isnan(column), len(levels) + 1, column).astype(np.int64)
    return _Steps(levels, (), margins, step)


def _of_numbers(
    column: Floats, place: Whole, function: StepFunction, max_steps: int | None
) -> _Steps:
    """Merge the steps of a number to at most so many; None leaves them as they are.

    ``place`` is the step of each row, the missing last.
    """
    size = len(function.values)
    counts = np.bincount(place, minlength=size + 1)[:size].astype(float)
    if max_steps is None:
        steps = [slice(at, at + 1) for at in range(size)]
    else:
        steps = merge_steps(function.values, counts, max_steps)
    cuts = _cuts(function.cuts, steps, place, column)
    members = np.repeat(np.arange(len(steps)), [each.stop - each.start for each in steps])
    step = np.append(members, len(steps))[place]
    return _Steps((), cuts, step_means(function.values, counts, steps), step)


def _with_codes(own: _Steps, given: Floats, codes: tuple[float, ...]) -> Places:
    """Give each row's step with one for each special code between the steps and the missing."""
    if not codes:
        return own.step
    step, size = own.step.copy(), len(own.margins)
    step[step == size] += len(codes)
    for k, code in enumerate(codes):
        step[given == code] = size + k
    return step


def _of_the_middle(points: Sequence[int], counts: Floats) -> int:
    """Give the points of the median training row."""
    order = np.argsort(points, kind="stable")
    middle = np.searchsorted(np.cumsum(counts[order]), int(counts.sum()) // 2, side="right")
    return int(points[order[middle]])


def _cuts(edges: Floats, steps: list[slice], step: Whole, values: Floats) -> tuple[float, ...]:
    """Give the cuts between merged steps, of few digits, parting the training values the same."""
    low, high = (each[:-1] for each in ends_of(step, values, len(edges) + 2))
    below = np.maximum.accumulate(high)
    above = np.minimum.accumulate(low[::-1])[::-1]
    cuts: list[float] = []
    for each in steps[:-1]:
        edge, most, least = edges[each.stop - 1], below[each.stop - 1], above[each.stop]
        inside = np.isfinite(most) and np.isfinite(least)
        cuts.append(simple_cut(float(most), float(least)) if inside else float(edge))
    return tuple(cuts)


def _seen(column: Floats, kind: str) -> dict[str, Any]:
    """State the range and median of a training column."""
    known = column[~np.isnan(column)]
    if kind == "category" or not len(known):
        return {"low": 0.0, "high": 0.0, "median": 0.0}
    return {
        "low": float(known.min()),
        "high": float(known.max()),
        "median": float(np.median(known)),
    }


@functools.cache
def _meaning(name: str) -> dict[str, Any]:
    """Give what a built-in feature means to a reader; another column is its own title."""
    if name in built_in():
        feature = CATALOGUE[name]
        return {
            "code": feature.code,
            "title": feature.title,
            "title_zh": feature.title_zh,
            "unit": feature.unit,
            "sources": CATALOGUE.sources(name),
        }
    return {"code": "SC_OTHER", "title": name, "title_zh": name, "unit": "", "sources": ()}
