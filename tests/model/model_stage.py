"""Made-up merchants whose default probability is a stated formula, for the tests of models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from alicredit.cohort import Cohort
from alicredit.model import DefaultModel

LEVELS = ("north", "south", "west")
LEVEL_EFFECT = {"north": 0.0, "south": 0.7, "west": -0.6}
DIRECTIONS = {"debt": 1, "sales": -1}


@dataclass(frozen=True)
class Stage:
    """A fitted model and what it was fitted on."""

    model: DefaultModel
    X: pd.DataFrame
    y: pd.Series
    true_pd: np.ndarray


def make_merchants(rows: int, seed: int) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Draw inputs of every kind, some missing, and outcomes from a known probability."""
    rng = np.random.default_rng(seed)
    debt = rng.gamma(2.0, 1.0, rows)
    sales = rng.lognormal(3.0, 1.0, rows)
    is_new = rng.random(rows) < 0.3
    region = rng.choice([*LEVELS, "islet"], rows, p=[0.4, 0.3, 0.297, 0.003])
    noise = rng.normal(size=rows)
    effect = np.array([LEVEL_EFFECT.get(each, 0.0) for each in region])
    logit = -2.2 + 0.6 * debt - 0.5 * np.log(sales) + 0.6 * is_new + effect
    is_hidden = rng.random(rows) < 0.1
    logit = logit + 0.4 * is_hidden
    true_pd = 1 / (1 + np.exp(-logit))
    y = pd.Series((rng.random(rows) < true_pd).astype(float), name="default")
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    X = pd.DataFrame({
        "debt": debt, "sales": np.where(is_hidden, np.nan, sales), "is_new": is_new,
        "region": region, "noise": noise,
    })  # fmt: skip
    return X, y, true_pd


def make_stage(rows: int = 6000, seed: int = 5) -> Stage:
    """Fit a model on made-up merchants."""
    X, y, true_pd = make_merchants(rows, seed)
    model = DefaultModel("points", directions=DIRECTIONS).fit(X, y)
    return Stage(model, X, y, true_pd)


@cache
def decider() -> DefaultModel:
    """Fit once a process a small model for tests of what is decided by one; they only read it."""
    X, y, _ = make_merchants(1500, 5)
    return DefaultModel("points", directions=DIRECTIONS).fit(X, y)


def make_cohort(rows: int, merchants: int, seed: int, days: int = 1200) -> Cohort:
    """Draw merchants and times of questions, several a merchant."""
    rng = np.random.default_rng(seed)
    minutes = rng.choice(days * 1440, rows, replace=False)
    frame = pd.DataFrame({
        "merchant_id": [f"m{k:05d}" for k in rng.integers(0, merchants, rows)],
        "as_of": pd.Timestamp("2009-01-01") + pd.to_timedelta(minutes, unit="min"),
    })  # fmt: skip
    frame["as_of"] = frame["as_of"].astype("datetime64[us]")
    return Cohort.from_frame(frame.sort_values("as_of", ignore_index=True))


def rows_of(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Give a frame's rows as plain mappings."""
    return frame.to_dict("records")
