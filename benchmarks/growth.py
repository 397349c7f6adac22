"""How the window engine's cost grows: with windows, with moments a merchant, with events.

usage: python benchmarks/growth.py FOLDER [--events 1e7] [--rounds 3]

Each run is a process of its own, in turn with the others; figures are medians of CPU-seconds of
the work itself (imports and compiling left out). ``--events`` is the smaller of two logs, the
larger has five times as many; moments are grown on a log of a tenth. The larger log is also built
within a budget of 2 GB, and the digest of its answer compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import orders as maker
import pandas as pd
import window_peers as peers
from window_features import TWENTY

MOMENTS = 300


def main() -> None:
    """Make the logs where they are missing, run all in turn, print what grew by how much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=float, default=1e7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("LOG", "WHAT", "MEMORY"))
    given = parser.parse_args()
    if given.one:
        print(json.dumps(run_one(given.folder, *given.one)))
        return
    _make(given.folder, int(given.events))
    runs = {
        "5 windows": ("middle", "batch", "4GB"),
        "20 windows": ("middle", "windows", "4GB"),
        "1 moment a merchant": ("small", "one", "4GB"),
        f"{MOMENTS} moments a merchant": ("small", "many", "4GB"),
        f"{5 * given.events:.0e} events": ("large", "batch", "16GB"),
        f"{5 * given.events:.0e} events within 2 GB": ("large", "batch", "2GB"),
    }
    costs: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
    for _ in range(given.rounds):
        for name, run in runs.items():
            costs[name].append(_measured(given.folder, run))
    _show(costs)


def _make(folder: Path, events: int) -> None:
    """Make three logs of orders."""
    for name, size in (("small", events // 10), ("middle", events), ("large", 5 * events)):
        if not (folder / name).exists():
            maker.make_orders(folder / name, size)


def run_one(folder: Path, log: str, what: str, memory: str) -> dict[str, Any]:
    """Build once and tell the cost and the digest of the answer."""
    import alicredit as ac

    records = ac.read_records(folder / log)
    asked = pd.read_parquet(folder / f"{log}_cohorts" / "batch.parquet")
    if what == "many":
        rng = np.random.default_rng(0)
        back = rng.random((len(asked), MOMENTS)).argsort(axis=1)  # each merchant its own order
        days = pd.to_timedelta(back.ravel(), unit="D")
        asked = asked.loc[asked.index.repeat(MOMENTS)].reset_index(drop=True)
        asked["as_of"] = (asked["as_of"] - days).astype("datetime64[us]")
    cohort = ac.Cohort.from_frame(asked)
    catalogue = peers.declared(TWENTY if what == "windows" else peers.WINDOWS)
    for part in (cohort[:50], cohort[: len(cohort) // 2]):  # compiled now, with both ways of lookup
        ac.build_features(records, part, catalogue=catalogue, memory=memory)
    start, cpu = time.perf_counter(), time.process_time()
    frame = ac.build_features(records, cohort, catalogue=catalogue, memory=memory)
    assert frame is not None
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - start}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    digest = hashlib.sha256(np.ascontiguousarray(frame.to_numpy())).hexdigest()
    return {**cost, "memory": peak, "rows": len(frame), "digest": digest}


def _measured(folder: Path, run: tuple[str, str, str]) -> dict[str, Any]:
    """Build in a process of its own."""
    command = [sys.executable, __file__, str(folder), "--one", *run]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cost: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return cost


def _show(costs: dict[str, list[dict[str, Any]]]) -> None:
    """Print medians, and each run's cost over the one that it grew from."""
    names = list(costs)
    middle = {
        name: {
            key: statistics.median(each[key] for each in rounds)
            for key in ("cpu", "wall", "memory", "rows")
        }
        for name, rounds in costs.items()
    }
    base = [names[0], names[0], names[2], names[2], names[0], names[0]]
    print("| run | rows | CPU-s | x | wall s | peak GB |\n|---|---|---|---|---|---|")
    for name, of in zip(names, base, strict=True):
        cost = middle[name]
        print(
            f"| {name} | {cost['rows']:,.0f} | {cost['cpu']:.2f} "
            f"| {cost['cpu'] / middle[of]['cpu']:.1f} | {cost['wall']:.2f} "
            f"| {cost['memory'] / 1e9:.2f} |"
        )
    digests = {each["digest"] for name in names[-2:] for each in costs[name]}
    assert len(digests) == 1, "the answer depends on the memory"
    print("\nboth builds of the larger log gave the same bytes")


if __name__ == "__main__":
    main()
