"""One row at a time: the exported Python file, the library, the whole decision, and others.

``python benchmarks/scoring_single.py [--rows N] [--rounds N]``: every scorer takes the same rows
in rounds that take turns, one thread, validation and four reasons included where it has them;
median and 99th percentile of microseconds a row over all rounds. Then the time to load the file:
in fresh processes, from its source and from what Python compiled. onnxruntime is left out where it
does not import, or where the library has no such export.
"""

from __future__ import annotations

# ruff: noqa: E402 - threads are set before what reads the setting is imported
import os

for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "ARROW"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

import alicredit as ac

WIDTH, USED, TREES, LEAVES = 60, 30, 120, 8
FACTS = {
    "merchant_id": "m1", "platform": "taobao", "region": "zhejiang", "membership": "paying",
    "registered_at": "2008-01-01", "shop_opened_at": "2010-01-01", "blacklisted": False,
    "days_past_due": 0, "positive_rating_share": 0.99, "violation_points_365d": 0.0,
    "monthly_sales_median_180d": 80_000.0, "order_base": 60_000.0, "outstanding": 0.0,
}  # fmt: skip
Row = dict[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def made(rows: int, *, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Make up 60 inputs, skewed and holed as records are; 30 of them bear on default."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, WIDTH))
    margin = np.full(rows, -3.2)
    for k in range(USED):
        margin += 0.35 * (X[:, k], np.tanh(2 * X[:, k]), np.abs(X[:, k]) - 0.8)[k % 3]
    y = pd.Series((rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(np.float64))
    y.attrs = {"horizon_days": 365, "level": "borrower"}
    X[:, ::3] = np.exp(X[:, ::3]).round(2)
    X[:, 1::4][rng.random(X[:, 1::4].shape) < 0.12] = np.nan
    return pd.DataFrame(X, columns=[f"orders_amount_{k}_sum_90d" for k in range(WIDTH)]), y


def vendored(model: ac.DefaultModel, path: Path) -> Callable[..., dict[str, Any]]:
    """Run the exported file."""
    found: dict[str, Any] = {"__name__": "vendored"}
    exec(compile(model.to_python(path), str(path), "exec"), found)  # noqa: S102
    score: Callable[..., dict[str, Any]] = found["score"]
    return score


def session_of(model: ac.DefaultModel, path: Path) -> Callable[[Row], Any] | None:
    """Give one row's run of the model in onnxruntime; None where there is none."""
    try:
        import onnxruntime
    except ImportError:
        return None
    if not hasattr(model, "to_onnx"):
        return None
    model.to_onnx(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return lambda row: session.run(None, {name: np.array([[row[name]]]) for name in names})


def cases_of(X: pd.DataFrame, y: pd.Series, folder: Path) -> dict[str, Callable[[Row], Any]]:
    """Give scorers of one row by name."""
    points = ac.DefaultModel("points", directions=None).fit(X, y)
    trees = ac.DefaultModel("trees", directions=None).fit(X, y)
    used = sum(not table.is_flat for table in points.portable_.tables)
    print(f"points: {used} of {WIDTH} inputs used; trees: {len(trees.portable_.trees.roots)}")
    options = {
        "objective": "binary", "num_leaves": LEAVES, "num_threads": 1, "verbosity": -1, "seed": 1,
    }  # fmt: skip
    booster = lgb.train(options, lgb.Dataset(X, y), TREES)
    names, policy = list(X.columns), ac.load_policy("ali-2013")
    file, tree_file = vendored(points, folder / "points.py"), vendored(trees, folder / "trees.py")
    one, tree_one = points.portable_, trees.portable_

    def decide(row: Row) -> Any:
        return ac.score_applicant(
            {**row, **FACTS}, one, product="taobao_order", as_of="2013-05-01", policy=policy
        )

    def predict(row: Row, **how: Any) -> Any:
        return booster.predict(np.array([[row[name] for name in names]]), num_threads=1, **how)

    cases: dict[str, Callable[[Row], Any]] = {
        "Python file, points, 4 reasons": file,
        "Python file, points, no reasons": lambda row: file(row, 0),
        "score_one, points, 4 reasons": one.score_one,
        "score_applicant, points, policy": decide,
        "Python file, trees, no reasons": lambda row: tree_file(row, 0),
        "Python file, trees, 4 reasons": tree_file,
        "score_one, trees, 4 reasons": tree_one.score_one,
        f"LightGBM predict, {TREES} x {LEAVES}": predict,
        f"LightGBM pred_contrib, {TREES} x {LEAVES}": lambda row: predict(row, pred_contrib=True),
    }
    session = session_of(points, folder / "points.onnx")
    if session is not None:
        cases["onnxruntime, points, no reasons"] = session
    return cases


def load_times(path: Path, repeats: int) -> dict[str, list[float]]:
    """Time, in fresh processes, reading and running the file in milliseconds."""
    source = (
        "import time; a = time.perf_counter()\n"
        f"exec(compile(open({str(path)!r}, encoding='utf-8').read(), 'v', 'exec'),"
        " {'__name__': 'v'})\n"
        "print((time.perf_counter() - a) * 1e3)"
    )
    module = (
        f"import sys, time; sys.path.insert(0, {str(path.parent)!r}); a = time.perf_counter()\n"
        f"import {path.stem}\n"
        "print((time.perf_counter() - a) * 1e3)"
    )
    found: dict[str, list[float]] = {"from its source": [], "compiled before": []}
    for _ in range(repeats + 1):
        for name, code in zip(found, (source, module), strict=True):
            out = subprocess.run(
                [sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True
            )
            found[name].append(float(out.stdout))
    return {name: times[1:] for name, times in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--train", type=int, default=20_000)
    asked = parser.parse_args()
    X, y = made(asked.train, seed=3)
    rows: list[Row] = made(asked.rows, seed=4)[0].to_dict("records")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = cases_of(X, y, folder)
        times: dict[str, list[float]] = {case: [] for case in cases}
        for scorer in cases.values():
            for row in rows:
                scorer(row)
        gc.collect()
        gc.freeze()
        for _ in range(asked.rounds):
            for case, scorer in cases.items():
                for row in rows:
                    start = time.perf_counter_ns()
                    scorer(row)
                    times[case].append((time.perf_counter_ns() - start) / 1e3)
        for case, found in times.items():
            middle, late = np.median(found), np.quantile(found, 0.99)
            print(f"{case:40} p50 {middle:9.1f} us   p99 {late:9.1f} us")
        for file in ("points", "trees"):
            size = (folder / f"{file}.py").stat().st_size
            for how, each in load_times(folder / f"{file}.py", 9).items():
                print(f"loading {file}.py ({size >> 10} kB), {how}: {np.median(each):.1f} ms")


if __name__ == "__main__":
    main()
