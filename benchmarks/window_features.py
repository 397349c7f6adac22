"""Window features: CPU, wall time and memory of the library and of its peers, in one run.

usage: python benchmarks/window_features.py FOLDER [--events 1e7] [--rounds 3] [--tasks ...]

Each candidate runs in a process of its own, in turn with the others; the figures are medians over
the rounds, of CPU-seconds of the work itself (imports and compiling left out), and its ratio to
reading the columns. Peers that would not finish the training cohort are given a tenth of its
merchants, and the figure says so.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orders as maker
import window_peers as peers

TASKS = {
    "scan": (peers.scan, "plain"),
    "alicredit": (peers.by_alicredit, "plain"),
    "alicredit, late": (peers.by_alicredit, "late"),
    "alicredit, 20 windows": (peers.by_alicredit, "plain"),
    "alicredit, sums alone": (peers.by_alicredit, "plain"),
    "duckdb, prefix sums and ASOF joins": (peers.by_asof, "plain"),
    "polars": (peers.by_polars, "plain"),
    "duckdb": (peers.by_duckdb, "plain"),
}
TWENTY = tuple(sorted({*peers.WINDOWS, *range(20, 315, 20)}))[:20]


def run_one(task: str, folder: Path, cohort: str, sample: int) -> None:
    """Run a candidate once and print its cost."""
    function, kind = TASKS[task]
    orders = str(folder / kind / "orders" / "*.parquet")
    asked = str(folder / "plain_cohorts" / f"{cohort}.parquet")
    more: dict[str, Any] = {"windows": TWENTY} if "20" in task else {}
    if "sums alone" in task:
        more = {"only_sums": True}
    if "alicredit" in task:
        for name in ("few", "half"):  # compiled now, with both ways of finding merchants
            function(orders, str(folder / "plain_cohorts" / f"{name}.parquet"), 1, **more)
    start, cpu = time.perf_counter(), time.process_time()
    function(orders, asked, sample, **more)
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - start}
    cost["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(cost))


def main() -> None:
    """Make the data where they are missing, run all candidates in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=float, default=1e7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--cohorts", nargs="*", default=["batch", "train"])
    parser.add_argument("--one", nargs=3, metavar=("TASK", "COHORT", "SAMPLE"))
    given = parser.parse_args()
    if given.one:
        run_one(given.one[0], given.folder, given.one[1], int(given.one[2]))
        return
    if not (given.folder / "plain").exists():
        maker.make_orders(given.folder / "plain", int(given.events))
        maker.make_late(given.folder / "late", given.folder / "plain")
        import pandas as pd

        few = pd.read_parquet(given.folder / "plain_cohorts" / "train.parquet").head(50)
        few.to_parquet(given.folder / "plain_cohorts" / "few.parquet")
        batch = pd.read_parquet(given.folder / "plain_cohorts" / "batch.parquet")
        half = batch.head(len(batch) // 2)
        half.to_parquet(given.folder / "plain_cohorts" / "half.parquet")
    for cohort in given.cohorts:
        costs: dict[str, list[dict[str, float]]] = {task: [] for task in given.tasks}
        for _ in range(given.rounds):
            for task in given.tasks:
                costs[task].append(_measured(given.folder, task, cohort))
        _show(cohort, costs)


def _measured(folder: Path, task: str, cohort: str) -> dict[str, float]:
    """Run a candidate in a process of its own."""
    sample = 10 if cohort == "train" and task.startswith(("polars", "duckdb")) else 1
    command = [sys.executable, __file__, str(folder), "--one", task, cohort, str(sample)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cost: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return cost | {"sample": sample}


def _show(cohort: str, costs: dict[str, list[dict[str, float]]]) -> None:
    """Print medians and ratios."""
    middle = {
        task: {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        for task, rounds in costs.items()
    }
    print(
        f"\n{cohort}\n| candidate | CPU-s | x reading | wall s | peak GB |\n|---|---|---|---|---|"
    )
    for task, cost in middle.items():
        note = "" if cost["sample"] == 1 else f" (1/{cost['sample']:.0f} of the merchants)"
        ratio = cost["cpu"] / middle["scan"]["cpu"]
        print(
            f"| {task}{note} | {cost['cpu']:.2f} | {ratio:.1f} | {cost['wall']:.2f} "
            f"| {cost['memory'] / 1e9:.2f} |"
        )


if __name__ == "__main__":
    main()
