"""A surface of inputs and pairs, with what points say beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alicredit.model.inputs import Inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.pairs import Surface, shares_of
from alicredit.model.points import StepFunction
from alicredit.model.sums import Sum

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def join_surface(
    surface: Surface, share: float, total: Sum, inputs: Inputs, data: TrainingSet
) -> Surface:
    """Give a share of a surface and the rest of a sum of step functions, as one surface.

    Each input has the cuts of both, one of those that part the same rows. Where a step of the
    surface is parted, its row in a grid is there twice: what grids say of pairs alone stays so.
    """
    cuts, mains, froms = [], [], []
    for at, (kind, function) in enumerate(zip(inputs.kinds, total.functions, strict=True)):
        main = surface.mains[at]
        if kind == "category":
            own, back = surface.cuts[at], np.arange(len(main))
            values = _of_levels(function, len(main))
        else:
            own = _parting(np.concatenate([surface.cuts[at], function.cuts]), data.X[:, at])
            ends = np.append(own, np.inf)
            back = np.append(np.searchsorted(surface.cuts[at], ends), len(main) - 1)
            values = np.append(
                function.values[np.searchsorted(function.cuts, ends)], function.missing
            )
        cuts.append(own)
        froms.append(back)
        mains.append(share * main[back] + (1 - share) * values)
    grids = {
        (first, second): share * grid[np.ix_(froms[first], froms[second])]
        for (first, second), grid in surface.grids.items()
    }
    constant = share * surface.constant + (1 - share) * total.constant
    shares = shares_of(cuts, [len(main) for main in mains], data)
    return Surface(cuts, shares, constant, mains, grids)


def _parting(cuts: Floats, column: Floats) -> Floats:
    """Keep the least of the cuts that part the same rows: no step is left that nobody is in."""
    cuts, known = np.unique(cuts), np.sort(column[~np.isnan(column)])
    below, first = np.unique(np.searchsorted(known, cuts, side="right"), return_index=True)
    return cuts[first[(below > 0) & (below < len(known))]]


def _of_levels(function: StepFunction, size: int) -> Floats:
    """Give a category's values by level, others and the missing last."""
    known = [function.levels.get(level, function.other) for level in range(size - 1)]
    return np.array([*known, function.missing])
