"""What Spark costs over the local engine on one machine: the same orders, the same features.

usage: python benchmarks/spark.py FOLDER [--events 1e6] [--parts 4] [--rounds 2]

FOLDER is that of ``window_features.py``; the orders are made where they are missing. The local
engine and Spark (local[2]) read the same Parquet files and answer the batch cohort; the first round
of each compiles and starts what is needed, and is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import orders as maker
import pandas as pd
import window_peers as peers

import alicredit as ac


def start_spark(parts: int) -> Any:
    """Start a Spark of two threads in this process."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", str(parts))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    return session


def main() -> None:
    """Make the data where they are missing, run both engines in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=float, default=1e6)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    plain = given.folder / "plain"
    if not plain.exists():
        maker.make_orders(plain, int(given.events))
    cohort = ac.Cohort.from_frame(pd.read_parquet(given.folder / "plain_cohorts" / "batch.parquet"))
    catalogue, session = peers.declared(), start_spark(given.parts)
    frames = {
        "merchants": session.read.parquet(str(plain / "merchants.parquet")),
        "orders": session.read.parquet(str(plain / "orders")),
    }

    def by_local() -> pd.DataFrame:
        return ac.build_features(ac.read_records(plain), cohort, catalogue=catalogue)

    def by_spark() -> pd.DataFrame:
        built = ac.build_features(frames, cohort, catalogue=catalogue, engine=session)
        table = built.toArrow().sort_by("row").drop_columns(["row"])
        return pd.DataFrame({name: table[name].to_numpy() for name in table.column_names})

    walls: dict[str, list[float]] = {"local": [], "Spark": []}
    for _ in range(given.rounds + 1):
        answers = []
        for name, work in (("local", by_local), ("Spark", by_spark)):
            start = time.perf_counter()
            answers.append(work())
            walls[name].append(time.perf_counter() - start)
        assert answers[0].to_numpy().tobytes() == answers[1].to_numpy().tobytes()
    print(f"{len(cohort)} merchants, {len(catalogue)} features, {given.parts} parts")
    print("| engine | wall s | x local |\n|---|---|---|")
    local = statistics.median(walls["local"][1:])
    for name, seconds in walls.items():
        wall = statistics.median(seconds[1:])
        print(f"| {name} | {wall:.2f} | {wall / local:.1f} |")
    session.stop()


if __name__ == "__main__":
    main()
