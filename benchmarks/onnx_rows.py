"""The ONNX graph on onnxruntime beside ``score_frame``: nanoseconds of processor time a row.

``python benchmarks/onnx_rows.py [--rows 65536]``: made-up models of 30 inputs of 8 steps, with 8
pairs, and of 120 trees of 31 leaves; points, PD and status without reasons, the best of five runs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

INPUTS = 30


def models() -> dict[str, Any]:
    """Draw a model of each shape."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "portable"))
    from portable_stage import Grower, finish, make_pair, make_table

    rng = np.random.default_rng(0)
    names = [f"input_{at}" for at in range(INPUTS)]
    tables = [_stepped(make_table(name, rng, spread=1), rng) for name in names]
    pairs = tuple(make_pair(tables[2 * k], tables[2 * k + 1], rng, size=3) for k in range(8))
    grower = Grower(rng, names)
    for _ in range(120):
        grower.tree(5, -100, 100)
    flat = [make_table(name, rng, spread=0) for name in names]
    trees = grower.table(rng.normal(size=(4, INPUTS)).tolist())
    return {
        "points": finish(tables, unit=1),
        "pairs": finish(tables, unit=1000, pairs=pairs),
        "trees": finish(flat, unit=1000, trees=trees),
    }


def _stepped(table: Any, rng: np.random.Generator) -> Any:
    """Give a table eight steps."""
    from dataclasses import replace

    points = rng.integers(-9, 10, 8)
    return replace(
        table, cuts=tuple(np.sort(rng.normal(size=7) * 2).tolist()), points=tuple(points.tolist()),
        reference=int(points[0]), rows=(10,) * 9, defaults=(1,) * 9,
    )  # fmt: skip


def nanoseconds(run: Callable[[], Any], rows: int) -> float:
    """Time a run, the best of five, in nanoseconds of processor time a row."""
    spent = []
    for _ in range(5):
        start = time.process_time()
        run()
        spent.append(time.process_time() - start)
    return min(spent) / rows * 1e9


def main() -> None:
    """Time each shape in both ways, and hold them against each other."""
    import onnxruntime

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=65_536)
    rows = parser.parse_args().rows
    rng = np.random.default_rng(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    print("shape     bytes   onnxruntime   score_frame   one row (us)")
    for shape, model in models().items():
        values = rng.integers(-20, 21, (rows, INPUTS)) / 4
        values[rng.random(values.shape) < 0.05] = np.nan
        X = pd.DataFrame(values, columns=list(model.feature_names))
        data = model.to_onnx()
        graph = onnxruntime.InferenceSession(data, options)
        feed = {name: X[name].to_numpy()[:, None] for name in X}
        one = {name: value[:1] for name, value in feed.items()}
        score = graph.run(["score"], feed)[0]
        assert (score == model.score_frame(X, reasons=0)["score"].to_numpy(np.int64)).all()
        theirs = nanoseconds(lambda g=graph, f=feed: g.run(None, f), rows)
        ours = nanoseconds(lambda m=model, x=X: m.score_frame(x, reasons=0), rows)
        single = nanoseconds(lambda g=graph, f=one: [g.run(None, f) for _ in range(100)], 100)
        print(f"{shape:7s} {len(data):7d} {theirs:13.0f} {ours:13.0f} {single / 1000:14.0f}")


if __name__ == "__main__":
    main()
