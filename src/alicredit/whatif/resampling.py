"""Bootstrap intervals of sums and ratios where a merchant's rows are drawn together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Figures = tuple[float, float, float]

LEVEL = 0.90
"""Of the intervals (assumed, as those of probabilities)."""
_ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


class Bootstrap:
    """Gathers sums and ratios, then draws merchants once for all of them.

    ``at`` is the merchant of each row, by number.
    """

    def __init__(self, at: npt.NDArray[np.intp], merchants: int) -> None:
        """Start with nothing to draw."""
        self.at, self.merchants = at, merchants
        self.sums: list[Floats] = []
        self.asked: list[tuple[int, int | None]] = []

    def add(self, over: Floats, under: Floats | None = None) -> int:
        """Ask for a sum, or a ratio of two; give its place among the figures."""
        below = None if under is None else self._keep(under)
        self.asked.append((self._keep(over), below))
        return len(self.asked) - 1

    def _keep(self, values: Floats) -> int:
        """Sum by merchant."""
        sums = np.bincount(self.at, weights=values, minlength=self.merchants)
        self.sums.append(sums.astype(np.float64))
        return len(self.sums) - 1

    def figures(self, times: int, seed: int) -> list[Figures]:
        """Give each figure with its interval; NaN where a ratio has nothing below."""
        by_merchant = np.column_stack(self.sums)
        rng, size = np.random.default_rng(seed), self.merchants
        drawn = np.empty((times, by_merchant.shape[1]))
        for sample in range(times):
            counts = np.bincount(rng.integers(0, size, size), minlength=size)
            drawn[sample] = counts.astype(np.float64) @ by_merchant
        whole = by_merchant.sum(axis=0)
        return [_figures(whole, drawn, over, under) for over, under in self.asked]


def _figures(whole: Floats, drawn: Floats, over: int, under: int | None) -> Figures:
    """Give one figure with its interval."""
    if under is None:
        return float(whole[over]), *_ends(drawn[:, over])
    if not whole[under]:
        return np.nan, np.nan, np.nan
    known = drawn[:, under] > 0
    ends = _ends(drawn[known, over] / drawn[known, under])
    return float(whole[over] / whole[under]), *ends


def _ends(drawn: Floats) -> tuple[float, float]:
    """Give the interval of what was drawn."""
    low, high = np.quantile(drawn, _ENDS)
    return float(low), float(high)
