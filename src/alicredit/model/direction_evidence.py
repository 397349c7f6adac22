"""Holding the directions a model was given against the rows it learned from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.cohort import Cohort
from alicredit.evaluation import measure_directions
from alicredit.model.inputs import Inputs
from alicredit.portable.contract import MOST_MISSING
from alicredit.portable.model import ScoreModel

Floats = npt.NDArray[np.float64]


def weigh_directions(
    inputs: Inputs,
    label: Floats,
    weight: Floats,
    cohort: Cohort | None,
    *,
    model: ScoreModel,
    frame: pd.DataFrame,
) -> pd.DataFrame:
    """Test each direction on the training rows, alone and beside the model's other inputs.

    A model that obeys a direction which data speak against does not use the input, so that what it
    says is left over in the residuals: the second test is made of inputs that are not used. (An
    input that is used stands in for others, and the residuals of a shrunken fit show that.)
    ``frame`` holds the rows as they were given, in the order of the rest; rows that the model would
    not score, for want of known inputs, are in no test beside the others.
    """
    held = {name: sign for name, sign in zip(inputs.names, inputs.directions, strict=True) if sign}
    at = [inputs.names.index(name) for name in held]
    X = pd.DataFrame(inputs.X[:, at], columns=list(held))
    unused = set(held) - _used(model)
    p = _probability(inputs, model, frame) if unused else np.full(len(label), np.nan)
    return measure_directions(
        X, label, held, cohort=cohort, probability=p, weight=weight, unused=unused
    )


def _used(model: ScoreModel) -> set[str]:
    """Name the inputs of which one known value is scored unlike another."""
    names = {table.name for table in model.tables if len(set(table.points)) > 1}
    for pair in model.pairs:
        names |= {pair.first, pair.second}
    return names | {model.tables[at].name for at in (model.trees.feature if model.trees else ())}


def _probability(inputs: Inputs, model: ScoreModel, frame: pd.DataFrame) -> Floats:
    """Give each row's probability; NaN where the model would not score it."""
    at = [inputs.names.index(name) for name in model.feature_names]
    scored = np.isnan(inputs.given[:, at]).mean(axis=1) <= MOST_MISSING
    p = np.full(len(frame), np.nan)
    if scored.any():
        p[scored] = model.predict_proba(frame.set_axis(list(inputs.names), axis=1)[scored])[:, 1]
    return p
