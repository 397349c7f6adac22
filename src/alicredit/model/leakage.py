"""Inputs that tell the outcome too well: what is known only after it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from alicredit.evaluation.metrics import auc
from alicredit.model.inputs import Inputs

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

TOO_WELL = 0.99
"""An area under the curve that no input known before a loan is granted has (assumed)."""


def note_telling(inputs: Inputs, label: Floats, area: float) -> None:
    """Log that rows out of fold are ranked too well, and which inputs alone rank them so.

    ``area`` is what the model reaches out of fold; below 0.99 nothing is looked at.
    """
    if not area >= TOO_WELL:
        return
    alone = [
        name
        for name, column in zip(inputs.names, inputs.given.T, strict=True)
        if any(_ranks(label, each) >= TOO_WELL for each in _readings(column, label))
    ]
    named = f"{', '.join(map(repr, alone))} alone do that" if alone else "no input alone does that"
    log.warning(
        "out of fold the area under the curve is %.4f, and %s: leave out what is known only after "
        "the outcome",
        area,
        named,
    )


def _readings(column: Floats, label: Floats) -> Iterator[Floats]:
    """Give what a column can say: whether it is there; how much; how often each value was bad."""
    gone = np.isnan(column)
    yield gone.astype(np.float64)
    values, at, counts = np.unique(column, return_inverse=True, return_counts=True)
    yield np.where(gone, np.median(column[~gone]) if not gone.all() else 0.0, column)
    if len(values) * 20 <= len(column):
        yield (np.bincount(at, weights=label) / counts)[at]


def _ranks(label: Floats, values: Floats) -> float:
    """Give the area under the curve of values, whichever way they speak."""
    area = auc(label, values).value
    return max(area, 1 - area)
