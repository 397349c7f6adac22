"""Calibration against the true probability, where it is known.

usage: python benchmarks/calibration.py [--replicates 200] [--rows 2000,20000,200000] [--seed 1]

A population defaults at 0.7 %; a ranking sees part of what matters and was trained where 1 %
default. Its margins are right but for the level (slope 1), too spread (slope 0.6: overfit), too
narrow (slope 1.5) or bent in the tails. Each method maps margins to probabilities from so many rows
drawn anew each time; it is judged over the whole population, by integration, not by sample.
Ours stands three times: told nothing of the slope, told that it is 1, and told that it is free.
``--slopes`` takes any other number, too, and four more bends: half as strong (``half``), too spread
above the middle alone (``top``), up and down (``wave``), too narrow in both tails (``steep``).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit, roots_hermitenorm
from sklearn.isotonic import IsotonicRegression, isotonic_regression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from alicredit.calibration import calibrate

RATE, TRAINED_RATE = 0.007, 0.010
SEEN, UNSEEN = 1.35, 0.32  # standard deviations, in log-odds, of what ranking sees and does not
POINTS = np.linspace(-5, 5, 501)
WEIGHT = np.exp(-(POINTS**2) / 2) / np.exp(-(POINTS**2) / 2).sum()
NODES, NODE_WEIGHT = roots_hermitenorm(15)
NODE_WEIGHT = NODE_WEIGHT / NODE_WEIGHT.sum()
TENTH = np.minimum((np.cumsum(WEIGHT) * 10).astype(int), 9)


def true_pd(intercept: float) -> np.ndarray:
    """Give the true probabilities, shape (points, nodes of what is unseen)."""
    return expit(intercept + SEEN * POINTS[:, None] + UNSEEN * NODES[None, :])


def level_for(rate: float) -> float:
    return brentq(lambda b: WEIGHT @ true_pd(b) @ NODE_WEIGHT - rate, -15, 5)


LEVEL = level_for(RATE)
TRUE = true_pd(LEVEL)
TRUE_AT = TRUE @ NODE_WEIGHT
ENTROPY = WEIGHT @ (TRUE * np.log(TRUE) + (1 - TRUE) * np.log1p(-TRUE)) @ NODE_WEIGHT


def margins(slope: str) -> np.ndarray:
    """Give the ranking's margin at each point."""
    right = logit(true_pd(level_for(TRAINED_RATE)) @ NODE_WEIGHT)
    middle = float(np.average(right, weights=WEIGHT * TRUE_AT))
    z = right - middle
    bends = {
        "bent": z + 0.12 * np.sign(z) * z**2,
        "half": z + 0.06 * np.sign(z) * z**2,
        "top": np.where(z > 0, 1.8 * z, z),
        "wave": z + 0.35 * np.sin(1.5 * z),
        "steep": np.sign(z) * np.log1p(0.3 * np.abs(z)) / 0.3,
    }
    return middle + (bends[slope] if slope in bends else z / float(slope))


def loss(pd_: np.ndarray) -> tuple[float, float]:
    """Give KL to the true PD x 1e4, and the mean |log ratio| over tenths."""
    q = np.clip(pd_, 1e-6, 1 - 1e-6)
    kl = ENTROPY - WEIGHT @ (TRUE_AT * np.log(q) + (1 - TRUE_AT) * np.log1p(-q))
    ratio = np.bincount(TENTH, WEIGHT * q) / np.bincount(TENTH, WEIGHT * TRUE_AT)
    return 1e4 * float(kl), float(np.abs(np.log(ratio)).mean())


# --- the peers: each takes margins and outcomes and gives a function of margins ---------------

Map = Callable[[np.ndarray], np.ndarray]


def shift_to(m: np.ndarray, rate: float) -> float:
    return brentq(lambda a: expit(m + a).mean() - rate, -15, 15)


def fit_none(_m: np.ndarray, _y: np.ndarray) -> Map:
    return expit


def fit_intercept(m: np.ndarray, y: np.ndarray) -> Map:
    a = shift_to(m, max(y.mean(), 0.5 / len(y)))
    return lambda x: expit(x + a)


def fit_platt(m: np.ndarray, y: np.ndarray) -> Map:
    fit = LogisticRegression(C=np.inf, tol=1e-8, solver="newton-cholesky").fit(m[:, None], y)
    return lambda x: fit.predict_proba(x[:, None])[:, 1]


def fit_beta(m: np.ndarray, y: np.ndarray) -> Map:
    """Beta calibration (Kull and others 2017); a coefficient below 0 is left out."""

    def design(x: np.ndarray) -> np.ndarray:
        return np.column_stack([-np.logaddexp(0, -x), np.logaddexp(0, x)])

    keep = [0, 1]
    fit = LogisticRegression(C=np.inf, tol=1e-8, max_iter=500).fit(design(m), y)
    if (fit.coef_[0] < 0).any():
        keep = [int(np.argmax(fit.coef_[0]))]
        fit = LogisticRegression(C=np.inf, tol=1e-8, max_iter=500).fit(design(m)[:, keep], y)
    return lambda x: fit.predict_proba(design(x)[:, keep])[:, 1]


def fit_spline(m: np.ndarray, y: np.ndarray) -> Map:
    """Cubic in log-odds; knots and penalty are the best of six that were tried."""
    spline = SplineTransformer(4, degree=3, knots="uniform", extrapolation="linear")
    fit = make_pipeline(spline, LogisticRegression(C=10.0, max_iter=1000)).fit(m[:, None], y)
    return lambda x: fit.predict_proba(x[:, None])[:, 1]


def fit_isotonic(m: np.ndarray, y: np.ndarray) -> Map:
    fit = IsotonicRegression(out_of_bounds="clip").fit(m, y)
    return fit.predict


def fit_venn_abers(m: np.ndarray, y: np.ndarray) -> Map:
    """Inductive Venn-Abers, point p1 / (1 - p0 + p1); beyond 1,000 places margins share one."""
    edges = np.unique(np.quantile(m, np.linspace(0, 1, 1001)))
    at = np.clip(np.searchsorted(edges, m, side="right") - 1, 0, len(edges) - 2)
    count = np.bincount(at, minlength=len(edges) - 1).astype(float)
    used = count > 0
    bad, count = np.bincount(at, y, minlength=len(used))[used], count[used]
    centre = np.bincount(at, m, minlength=len(used))[used] / count

    def both(x: float) -> float:
        k = int(np.searchsorted(centre, x))
        p = []
        for label in (0.0, 1.0):
            rate = np.insert(bad / count, k, label)
            p.append(isotonic_regression(rate, sample_weight=np.insert(count, k, 1.0))[k])
        return p[1] / (1 - p[0] + p[1])

    grid = np.linspace(centre[0], centre[-1], 60)
    found = np.array([both(x) for x in grid])
    return lambda x: np.interp(x, grid, found)


PEERS = {
    "none": fit_none,
    "intercept": fit_intercept,
    "Platt": fit_platt,
    "beta": fit_beta,
    "spline": fit_spline,
    "isotonic": fit_isotonic,
    "Venn-Abers": fit_venn_abers,
}


OURS = {"alicredit": None, "alicredit, slope 1": 1.0, "alicredit, slope free": "free"}
"""Ours, and what each is told of the slope; the first is told nothing, the second wrongly so
where the slope is not 1."""


def at_rate(apply: Map, m: np.ndarray) -> Map:
    """Move a peer's map to the known rate: one shift of its log-odds over the rows at hand."""
    sample = logit(np.clip(apply(m), 1e-9, 1 - 1e-9))
    a = shift_to(sample, RATE)
    return lambda x: expit(logit(np.clip(apply(x), 1e-9, 1 - 1e-9)) + a)


def run(rows: int, slope: str, replicates: int, seed: int, peers: list[str]) -> pd.DataFrame:
    """Fit every method to each replicate's rows; medians, and coverage of our interval."""
    margin = margins(slope)
    lines = []
    for k in range(replicates):
        rng = np.random.default_rng([seed, rows, k])
        u, v = rng.normal(size=rows), rng.normal(size=rows)
        y = (rng.random(rows) < expit(LEVEL + SEEN * u + UNSEEN * v)).astype(float)
        m = np.interp(u, POINTS, margin)
        if y.sum() < 2:
            continue
        for name in peers:
            apply = PEERS[name](m, y)
            for known in (False, True):
                found = (at_rate(apply, m) if known else apply)(margin)
                lines.append((name, known, *loss(found), np.nan))
        for name, stated in OURS.items():
            ours = calibrate(m, y, np.ones(rows), np.arange(rows), calibration_slope=stated)
            for known in (False, True):
                given = ours.at_known_rate(m, np.ones(rows), RATE) if known else ours
                low, found, high = given.probabilities(margin)
                inside = np.bincount(TENTH, WEIGHT * ((low <= TRUE_AT) & (high >= TRUE_AT)))
                lines.append((name, known, *loss(found), (inside * 10).mean()))
    frame = pd.DataFrame(lines, columns=["method", "known", "kl", "ratio", "covered"])
    table = frame.groupby(["method", "known"], sort=False).agg(
        kl=("kl", "median"), mean_kl=("kl", "mean"), ratio=("ratio", "median"),
        covered=("covered", "mean"),
    )  # fmt: skip
    return table.assign(rows=rows, slope=slope).reset_index()


def main() -> None:
    """Run all cells and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--rows", default="2000,20000,200000")
    parser.add_argument("--slopes", default="1,0.6,1.5,bent")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", default=",".join(PEERS))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    pd.set_option("display.width", 200)
    print(f"least possible KL x 1e4 of this ranking: {loss(TRUE_AT)[0]:.2f}")
    for rows in map(int, given.rows.split(",")):
        for slope in given.slopes.split(","):
            start = time.perf_counter()
            replicates = max(given.replicates // (5 if rows > 100_000 else 1), 10)
            table = run(rows, slope, replicates, given.seed, given.peers.split(","))
            wide = table.pivot_table(
                index="method", columns="known", values=["kl", "mean_kl", "ratio", "covered"],
                sort=False,
            )  # fmt: skip
            spent = time.perf_counter() - start
            print(f"\n{rows} rows, slope {slope}, {replicates} replicates, {spent:.0f} s")
            print(wide.round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
