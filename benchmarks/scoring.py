"""Scoring in batches: our tables and trees, what they came from, and scorecards of others.

``python benchmarks/scoring.py [--rows N] [--rounds N] [--peers PYTHON]``: every scorer takes the
same rows, one thread, in rounds that take turns; medians in nanoseconds of processor time a row.
PYTHON names an interpreter that has optbinning, toad and scikit-learn: each is left out where it
does not import. Slow scorers take the first ``--few`` rows.
"""

from __future__ import annotations

# ruff: noqa: E402 - threads are set before what reads the setting is imported
import os

for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "ARROW"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit import DefaultModel
from alicredit.calibration.logodds import rising
from alicredit.model.inputs import read_inputs
from alicredit.model.learner import TrainingSet
from alicredit.model.trees import tree_parts
from alicredit.portable import Claim, PairTable, ScoreModel, load_model
from alicredit.portable.checking import points_within, reach_of
from alicredit.score import PointScale

Floats = np.ndarray[Any, np.dtype[np.float64]]
WIDTH, USED, TREES = 60, 30, 120
PARAMS = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 1, "max_bin": 63}


def made(rows: int, *, seed: int) -> tuple[pd.DataFrame, Floats]:
    """Make up 60 inputs, skewed and holed as records are; 30 of them bear on default."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, WIDTH))
    margin = np.full(rows, -3.2)
    for k in range(USED):
        margin += 0.35 * (X[:, k], np.tanh(2 * X[:, k]), np.abs(X[:, k]) - 0.8)[k % 3]
    margin += 0.4 * X[:, 0] * (X[:, 1] > 0)
    y = (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(np.float64)
    X[:, ::3] = np.exp(X[:, ::3]).round(2)
    X[:, 1::4][rng.random(X[:, 1::4].shape) < 0.12] = np.nan
    return pd.DataFrame(X, columns=[f"v{k}" for k in range(WIDTH)]), y


def learn_points(X: pd.DataFrame, y: Floats, folder: Path) -> tuple[ScoreModel, list[Any]]:
    """Fit a points table; give it with the boosters of which it is the mean."""
    fits: list[Any] = []
    train = lgb.train

    def remembered(*args: Any, **more: Any) -> Any:
        fits.append(train(*args, **more))
        return fits[-1]

    with patch("lightgbm.train", remembered):
        model = DefaultModel(shape="points", n_jobs=1).fit(X, y)
    path = folder / "points.alicredit"
    model.save(path)
    rounds = fits[-1].num_trees()
    own = [each for each in fits if each.num_trees() == rounds and "valid_0" not in each.best_score]
    return load_model(path), own


def learn_trees(X: pd.DataFrame, y: Floats, leaves: int) -> tuple[ScoreModel, Any]:
    """Boost 120 trees and take them over as they are."""
    params = PARAMS | {"num_leaves": leaves, "max_depth": 8, "learning_rate": 0.05}
    booster = lgb.train(params, lgb.Dataset(X.to_numpy(), y), TREES)
    inputs = read_inputs(X, {})
    rows = np.arange(len(y))
    data = TrainingSet(inputs.X, y, np.ones(len(y)), inputs.directions, (), rows)
    parts = tree_parts([booster], inputs, data, scale=PointScale(), seed=1).used()
    return priced(parts.base, parts.tables, parts.unit, trees=parts.trees), booster


def priced(base: int, tables: Any, unit: int, **parts: Any) -> ScoreModel:
    """Put the probabilities that the scale means to parts."""
    low, high = reach_of(base, tables, parts.get("pairs", ()), parts.get("trees"))
    first, last = points_within(low, high, unit)
    scale = PointScale()
    logit = (scale.offset - np.arange(first, last + 1)) / scale.factor
    lowers, pds, uppers = (tuple(rising(logit + by).tolist()) for by in (-0.3, 0.0, 0.4))
    return ScoreModel(
        tables=tuple(tables), base=base, scale=scale, unit=unit, first_score=first, pds=pds,
        lowers=lowers, uppers=uppers, claim=Claim(), training={}, catalogue_digest="",
        model_id="", **parts,
    )  # fmt: skip


def in_thousandths(model: ScoreModel, pairs: int) -> ScoreModel:
    """Count a points table in thousandths, as those with pairs are, and add made-up pairs."""
    rng = np.random.default_rng(pairs)
    tables = [
        replace(
            table, points=tuple(1000 * each for each in table.points),
            missing_points=1000 * table.missing_points, reference=1000 * table.reference,
        )
        for table in model.tables
    ]  # fmt: skip
    made_up = []
    for k in range(pairs):
        one, two = model.tables[2 * k % len(tables)], model.tables[(2 * k + 7) % len(tables)]
        shape = (len(one.cuts) + 2, len(two.cuts) + 2)
        values = tuple(map(tuple, rng.integers(-2000, 2000, shape).tolist()))
        made_up.append(PairTable(one.name, two.name, one.cuts, two.cuts, (), (), values))
    return priced(1000 * model.base, tables, 1000, pairs=tuple(made_up))


class Peers:
    """Scorecards of other packages, in their own interpreter, timed when asked."""

    def __init__(self, python: str, folder: Path) -> None:
        script = Path(__file__).with_name("scoring_peers.py")
        self.process = subprocess.Popen(
            [python, str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names = self._line().split()

    def _line(self) -> str:
        """Read one line of the other side."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def seconds(self, name: str) -> float:
        """Let one of them score the few rows once."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        return float(self._line())


def timed(run: Callable[[], object]) -> float:
    """Give the seconds of processor time that one run takes: others disturb them less."""
    start = time.process_time()
    run()
    return time.process_time() - start


Case = tuple[str, int, Callable[[], float]]
"""A name, the rows it scores, and what gives the seconds it took."""


def cases_of(X: pd.DataFrame, few: int, folder: Path, python: str | None) -> list[Case]:
    """Prepare all scorers."""
    learn, y = made(40_000, seed=1)
    model, boosters = learn_points(learn, y, folder)
    booster = boosters[-1]
    used = [table.name for table in model.tables if not table.is_flat]
    cuts = sum(len(table.cuts) for table in model.tables)
    print(
        f"points: {len(model.tables)} inputs of {WIDTH}, {cuts} cuts; the mean of {len(boosters)} "
        f"boosters of {booster.num_trees()} trees"
    )
    cases: list[Case] = []

    def add(name: str, rows: int, run: Callable[[], object]) -> None:
        cases.append((name, rows, lambda: timed(run)))

    rows = len(X)
    by_row = pd.DataFrame(X.to_numpy().copy(order="C"), columns=X.columns)
    narrow = X.astype(np.float32)
    add("points", rows, lambda: model.score_frame(X, reasons=0))
    add("points, columns of rows", rows, lambda: model.score_frame(by_row, reasons=0))
    add("points, float32", rows, lambda: model.score_frame(narrow, reasons=0))
    add("points, score alone", rows, lambda: model.predict_score(X))
    add("points, four reasons", rows, lambda: model.score_frame(X))
    for count in (0, 10):
        pairs = in_thousandths(model, count)
        add(
            f"thousandths, {count} pairs", rows, lambda pairs=pairs: pairs.score_frame(X, reasons=0)
        )
    add(
        "thousandths, 10 pairs, four reasons",
        rows,
        lambda: pairs.score_frame(X),
    )
    file = folder / "features.parquet"
    pq.write_table(pa.Table.from_pandas(narrow, preserve_index=False), file, compression="zstd")

    def read() -> pd.DataFrame:
        return pq.read_table(file, columns=used, use_threads=False).to_pandas(use_threads=False)

    add("parquet, columns used, read", rows, read)
    add("parquet, read and points", rows, lambda: model.score_frame(read(), reasons=0))
    array = X.to_numpy()[:few].copy()
    part = X.iloc[:few].copy()
    add("lightgbm of the points", few, lambda: booster.predict(array, num_threads=1))
    for leaves in (8, 31):
        trees, own = learn_trees(learn, y, leaves)
        add(f"trees of {leaves}", few, lambda trees=trees: trees.score_frame(part, reasons=0))
        add(f"lightgbm of {leaves}", few, lambda own=own: own.predict(array, num_threads=1))
        add(f"trees of {leaves}, four reasons", few, lambda trees=trees: trees.score_frame(part))
        some = array[: max(few // 20, 1000)]
        add(
            f"lightgbm of {leaves}, pred_contrib", len(some),
            lambda own=own, some=some: own.predict(some, pred_contrib=True, num_threads=1),
        )  # fmt: skip
    if python:
        learn.assign(y=y).to_parquet(folder / "learn.parquet")
        part.to_parquet(folder / "few.parquet")
        peers = Peers(python, folder)
        cases += [(name, few, lambda name=name: peers.seconds(name)) for name in peers.names]
    else:
        print("no --peers: optbinning and toad are left out")
    return cases


RATIOS = (
    ("lightgbm of the points", "points", "at least 20"),
    ("optbinning", "points", "at least 20"),
    ("toad", "points", "at least 20"),
    ("points, four reasons", "points", "at most 3"),
    ("parquet, read and points", "parquet, columns used, read", "at most 1.6"),
    ("lightgbm of 8", "trees of 8", "at least 1"),
    ("lightgbm of 31", "trees of 31", "at least 1"),
    ("lightgbm of 8, pred_contrib", "trees of 8, four reasons", "at least 10"),
    ("lightgbm of 31, pred_contrib", "trees of 31, four reasons", "at least 20"),
)


def main() -> None:
    """Run all in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default=None)
    given = parser.parse_args()
    X = made(given.rows, seed=2)[0]
    with tempfile.TemporaryDirectory() as folder:
        cases = cases_of(X, min(given.few, given.rows), Path(folder), given.peers)
        took: dict[str, list[float]] = {name: [] for name, _, _ in cases}
        for turn in range(given.rounds + 1):
            for name, rows, run in cases:
                seconds = run()
                if turn:  # the first warms up
                    took[name].append(seconds / rows * 1e9)
    lines = {name: (np.median(each), min(each), max(each)) for name, each in took.items()}
    frame = pd.DataFrame(lines, index=["ns_a_row", "least", "most"]).T
    print(frame.round(1).to_string())
    for slow, fast, goal in RATIOS:
        if slow in lines and fast in lines:
            print(f"{slow} / {fast}: {lines[slow][0] / lines[fast][0]:.2f} ({goal})")
    if "thousandths, 10 pairs" in lines:
        plain, with_pairs = (lines[f"thousandths, {k} pairs"][0] for k in (0, 10))
        print(f"each pair adds {(with_pairs / plain - 1) * 10:.2f} % (at most 5)")


if __name__ == "__main__":
    main()
