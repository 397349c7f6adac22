"""Eleven truths of other forms than those the default model was made on, for ``learning_curve.py``.

Each takes rows and a generator, and gives inputs and the log-odds of default but for their level.
They are plain shapes that lenders' data are said to have: many inputs of which few matter, many
that each matter little, names in hundreds, ratios of skewed amounts, rules of two and three
conditions, bends that turn, gaps that tell, counts with many noughts, risks that nearly part the
classes, smooth products, and flags alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Floats = np.ndarray[Any, np.dtype[np.float64]]
Truth = Callable[[int, np.random.Generator], tuple[pd.DataFrame, Floats]]


def _frame(values: Floats) -> pd.DataFrame:
    """Name columns."""
    return pd.DataFrame(values, columns=[f"x{at:02d}" for at in range(values.shape[1])])


def _effects(size: int, spread: float, seed: int) -> Floats:
    """Draw what levels or slopes are worth, the same for every sample."""
    return np.random.default_rng(seed).normal(size=size) * spread


def sparse(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw a hundred inputs of which five matter."""
    z = rng.normal(size=(rows, 100))
    lines = 0.6 * z[:, 0] - 0.5 * z[:, 1] + 0.3 * z[:, 4]
    return _frame(z), lines + 0.8 * (z[:, 2] > 1) + 0.5 * np.tanh(2 * z[:, 3])


def dense(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw sixty inputs that each matter a little."""
    z = rng.normal(size=(rows, 60))
    return _frame(z), z @ _effects(60, 0.18, 3)


def names(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw a category of 200 names, most of them rare, one of 30 and one of 4, and numbers."""
    first, second, third = (
        rng.zipf(1.3, rows) % 200,
        rng.integers(30, size=rows),
        rng.integers(4, size=rows),
    )
    z = rng.normal(size=(rows, 5))
    known = _effects(200, 0.7, 4)[first] + _effects(30, 0.5, 5)[second] + 0.5 * (third == 2)
    named = {"first": first, "second": second, "third": third}
    text = {
        name: np.char.add(name, each.astype(str)).astype(object) for name, each in named.items()
    }
    return _frame(z).assign(**text), known + 0.4 * z[:, 0]


def ratio(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw skewed amounts of which the ratio of two matters, as debt to income."""
    z = rng.normal(size=(rows, 8))
    z[:, 1] = 0.6 * z[:, 0] + 0.8 * z[:, 1]
    return _frame(np.exp(z)), z[:, 0] - z[:, 1] + 0.5 * np.maximum(z[:, 2] - z[:, 3], 0)


def rules(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw inputs of which two conditions together matter, and three."""
    z = rng.normal(size=(rows, 12))
    two = (z[:, 0] > 0.5) & (z[:, 1] > 0)
    three = (z[:, 2] < -0.5) & (z[:, 3] > 0.3) & (z[:, 4] > -1)
    return _frame(z), 1.5 * two + 1.0 * three + 0.3 * z[:, 5]


def turning(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw inputs that rise and fall, and others that go with them."""
    z = rng.normal(size=(rows, 10))
    z[:, 5:] = 0.8 * z[:, :5] + 0.6 * z[:, 5:]
    turns = 0.5 * z[:, 0] ** 2 + 0.4 * np.abs(z[:, 1]) - 0.6 * np.cos(2 * z[:, 2])
    return _frame(z), turns + 0.4 * z[:, 5]


def gaps(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw inputs of which a third is often missing, and where that tells."""
    z = rng.normal(size=(rows, 15))
    gone = rng.random((rows, 15)) < 0.05 + 0.4 * (np.arange(15) % 3 == 0)
    margin = np.where(gone[:, 0], 0.8, 0.5 * z[:, 0]) + np.where(gone[:, 3], -0.25, 0.5 * z[:, 3])
    margin = margin - 0.6 * (gone[:, 6] & (z[:, 7] > 0)) + 0.3 * z[:, 8]
    return _frame(np.where(gone, np.nan, z)), margin


def counts(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw counts with many noughts, and three inputs of heavy tails."""
    seen = rng.poisson(np.exp(0.9 * rng.normal(size=(rows, 10)))) * (rng.random((rows, 10)) < 0.5)
    tails = rng.standard_t(2, size=(rows, 3))
    margin = 0.7 * np.log1p(seen[:, 0]) - 0.8 * np.log1p(seen[:, 1]) + 0.9 * (seen[:, 2] == 0)
    margin = margin - 0.4 * np.sqrt(seen[:, 3]) + 0.3 * (seen[:, 4] > 3)
    return _frame(np.column_stack([seen, tails])), margin + 0.5 * np.tanh(tails[:, 0])


def steep(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw inputs that nearly part the classes."""
    z = rng.normal(size=(rows, 6))
    return _frame(z), 3 * z[:, 0] + 2 * np.tanh(3 * z[:, 1]) + z[:, 2]


def products(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw inputs that matter in smooth products and sums of two."""
    z = rng.normal(size=(rows, 8))
    both = 0.5 * z[:, 0] * z[:, 1] + 0.5 * z[:, 2] * z[:, 3]
    return _frame(z), both + 0.4 * np.sin(z[:, 4] + z[:, 5]) + 0.3 * z[:, 6]


def flags(rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Draw thirty flags, rare and common, and one product of two."""
    z = (rng.random((rows, 30)) < np.linspace(0.05, 0.5, 30)).astype(np.float64)
    return _frame(z), z @ _effects(30, 0.5, 6) + 0.5 * z[:, 20] * z[:, 25]


TRUTHS: dict[str, Truth] = {
    each.__name__: each
    for each in (sparse, dense, names, ratio, rules, turning, gaps, counts, steep, products, flags)
}
