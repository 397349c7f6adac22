"""How regret falls with rows: the default model against its peers where the truth is known.

``python benchmarks/learning_curve.py OUT.csv [--sizes ...] [--seeds N] [--models ...]``: samples of
four mechanisms at two default rates, nothing tuned. Regret is the mean Kullback-Leibler divergence
of a model's PD from the true PD over one held-out population of 30,000, so that no outcome of
chance is in the judgement, only those of the sample. Lines are added to OUT.csv as they are found
and those that are there are not found again; the table is of all of them.

Mechanisms, over 20 inputs (correlated, some with long tails, some with gaps, one category):
``linear`` in the inputs; ``curves``, a sum of single inputs' bends and steps; ``two``, the same and
products of two; ``three``, the same and the sign of a product of three. On ``curves`` points lose
nothing, on ``three`` only trees can tell. ``--mechanisms others`` takes those of ``other_truths``,
which the default model was not made on.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from model_quality import MODELS
from other_truths import TRUTHS
from scipy.optimize import brentq
from scipy.special import expit

Floats = np.ndarray[Any, np.dtype[np.float64]]
MECHANISMS = ("linear", "curves", "two", "three")
RATES = (0.01, 0.05)
SIZES = (500, 2_000, 8_000, 32_000, 125_000, 500_000)
PEERS = (
    "lightgbm regularised",
    "lightgbm defaults",
    "random forest",
    "logistic",
    "ebm",
    "optbinning",
)
_WIDTH, _JUDGED, _LEVELS = 20, 30_000, "abcdef"
_COLUMNS = ("mechanism", "rate", "rows", "seed", "model", "shape", "regret", "seconds")


def population(mechanism: str, rows: int, seed: int) -> tuple[pd.DataFrame, Floats]:
    """Give inputs and the log-odds of default but for their level."""
    rng = np.random.default_rng([seed, (*MECHANISMS, *TRUTHS).index(mechanism)])
    if mechanism in TRUTHS:
        return TRUTHS[mechanism](rows, rng)
    load = np.random.default_rng(7).normal(size=(4, _WIDTH)) * 0.5
    z = rng.normal(size=(rows, 4)) @ load + rng.normal(size=(rows, _WIDTH))
    z /= np.sqrt((load**2).sum(axis=0) + 1)
    level = rng.integers(len(_LEVELS), size=rows)
    gone = rng.random((rows, 3)) < 0.1
    if mechanism == "linear":
        margin = z[:, :10] @ np.linspace(0.5, 0.05, 10) + 0.2 * (level - 2.5)
    else:
        bends = np.tanh(2 * z[:, 0]) + 0.3 * z[:, 1] ** 2 + (z[:, 2] > 1) - 0.6 * (z[:, 3] < -0.5)
        rises = 0.4 * z[:, 4] + 0.3 * z[:, 5] + 0.25 * np.abs(z[:, 6]) + 0.15 * z[:, 7]
        margin = 0.7 * bends + 0.7 * rises + np.array([0.5, 0, 0, -0.3, 0.2, 0])[level]
    margin = margin + 0.4 * gone[:, 0]
    if mechanism == "two":
        margin = margin + 0.5 * z[:, 0] * z[:, 4] + 0.8 * np.sign(z[:, 8] * z[:, 9])
    if mechanism == "three":
        margin = margin + 1.2 * np.sign(z[:, 8] * z[:, 9] * z[:, 10])
    z[:, 10:15] = np.exp(z[:, 10:15])
    z[:, :3][gone & (np.arange(3) == 0)] = np.nan
    z[:, 15:17][gone[:, 1:]] = np.nan
    frame = pd.DataFrame(z, columns=[f"x{at:02d}" for at in range(_WIDTH)])
    return frame.assign(kind=np.array(list(_LEVELS), dtype=object)[level]), margin


def base(mechanism: str, rate: float) -> float:
    """Find the level at which a mechanism defaults at a rate."""
    margin = population(mechanism, 200_000, 10**6)[1]
    return float(brentq(lambda b: expit(margin + b).mean() - rate, -20, 5))


def sample(
    mechanism: str, rate: float, rows: int, seed: int
) -> tuple[pd.DataFrame, Floats, Floats]:
    """Draw inputs, true PD and outcomes; outcomes are drawn anew until five have defaulted."""
    X, margin = population(mechanism, rows, seed)
    pd_ = expit(margin + base(mechanism, rate))
    rng = np.random.default_rng([seed, 99])
    while True:
        y = (rng.random(rows) < pd_).astype(np.float64)
        if y.sum() >= 5:
            return X, pd_, y


def regret(true: Floats, given: Floats) -> float:
    """Give the mean divergence of a given PD from the true one."""
    q = np.clip(given, 1e-9, 1 - 1e-9)
    return float(np.mean(true * np.log(true / q) + (1 - true) * np.log((1 - true) / (1 - q))))


def judge(
    out: Path, sizes: list[int], seeds: int, mechanisms: list[str], models: list[str]
) -> None:
    """Add what is not there yet, the seeds outermost so that a table of some is balanced."""
    known = (
        set()
        if not out.exists()
        else set(
            pd.read_csv(out)[["mechanism", "rate", "rows", "seed", "model"]].itertuples(
                index=False, name=None
            )
        )
    )
    judged = {(m, r): sample(m, r, _JUDGED, 10**5) for m in mechanisms for r in RATES}
    with out.open("a", newline="") as file:
        lines = csv.writer(file)
        if not known:
            lines.writerow(_COLUMNS)
        for seed in range(seeds):
            for rows in sizes:
                for (mechanism, rate), (new, true, _) in judged.items():
                    X, _, y = sample(mechanism, rate, rows, seed)
                    for name in models:
                        if (mechanism, rate, rows, seed, name) in known:
                            continue
                        start = time.process_time()
                        predict = MODELS[name](X, y)
                        seconds = time.process_time() - start
                        shape = getattr(predict, "shape", "")
                        found = regret(true, predict(new))
                        lines.writerow((mechanism, rate, rows, seed, name, shape, found, seconds))
                        file.flush()


def table(lines: pd.DataFrame) -> pd.DataFrame:
    """Give the mean regret x 1e4 by model, and that of the default model to the best peer's."""
    keys = ["mechanism", "rate", "rows"]
    wide = lines.pivot_table(index=keys, columns="model", values="regret") * 1e4
    peers = wide[[name for name in PEERS if name in wide]]
    wide["seeds"] = lines.groupby(keys)["seed"].nunique()
    auto = lines[lines["model"] == "auto"]
    if auto.empty:
        return wide
    wide["to best"] = wide["auto"] / peers.min(axis=1)
    wide["shapes"] = auto.groupby(keys)["shape"].agg(
        lambda s: " ".join(
            f"{name} {count}" for name, count in s.value_counts().sort_index().items()
        )
    )
    return wide


def main() -> None:
    """Find what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES[:3]))
    parser.add_argument("--seeds", type=int, default=30)
    known = [*MECHANISMS, *TRUTHS, "others"]
    parser.add_argument("--mechanisms", nargs="+", default=list(MECHANISMS), choices=known)
    parser.add_argument("--models", nargs="+", default=["auto", *PEERS], choices=["auto", *PEERS])
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    named = [TRUTHS if name == "others" else [name] for name in given.mechanisms]
    mechanisms = list(dict.fromkeys(name for names in named for name in names))
    judge(given.out, given.sizes, given.seeds, mechanisms, given.models)
    print(table(pd.read_csv(given.out, keep_default_na=False)).round(2).to_string())


if __name__ == "__main__":
    main()
