"""The nightly update against a full build: what is kept, and what it costs.

usage: python benchmarks/daily_update.py [--merchants 400] [--orders 2e6] [--nights 3] [--folder F]

Two platforms. The simulated one has every table and merchants that trade daily; the other has
orders alone, of merchants most of whom sell a few times a month. Times are medians over the nights,
of CPU-seconds and of wall time, in one process, kernels compiled before.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orders as maker
import pandas as pd
import window_peers as peers

import alicredit as ac
from alicredit.features import update_features

DAILY = ("orders", "interactions_daily", "traffic_daily", "bank_txns")


def costed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Do some work and give what it made, its CPU-seconds and its wall time."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.process_time() - cpu, time.perf_counter() - wall


def run(
    title: str,
    records: ac.Records,
    catalogue: ac.Catalogue,
    start: pd.Timestamp,
    nights: int,
    *,
    whole: tuple[str, ...] = (),
) -> None:
    """Go through some nights and print what each way costs and which merchants moved."""
    cohort = ac.Cohort.at(records, start)
    night = update_features(None, records, cohort, catalogue=catalogue, whole=whole)
    costs, works = [], []
    for k in range(1, nights + 1):
        cohort = ac.Cohort.at(records, start + pd.Timedelta(k, "D"))

        def full(cohort: ac.Cohort = cohort) -> pd.DataFrame:
            return ac.build_features(records, cohort, catalogue=catalogue)

        def update(cohort: ac.Cohort = cohort, night: Any = night) -> Any:
            return update_features(night, records, cohort, catalogue=catalogue, whole=whole)

        built, *full_cost = costed(full)
        night, *update_cost = costed(update)
        assert built.to_numpy().tobytes() == night.frame.to_numpy().tobytes()
        costs.append((*full_cost, *update_cost))
        works.append(night.work.assign(night=k))
    cpu, wall, cpu_update, wall_update = map(statistics.median, zip(*costs, strict=True))
    print(f"\n{title}: {len(night)} merchants, {len(catalogue)} features, {nights} nights")
    print("| way | CPU-s | wall s |\n|---|---|---|")
    print(f"| full build | {cpu:.2f} | {wall:.2f} |")
    print(f"| update | {cpu_update:.2f} | {wall_update:.2f} |")
    work = pd.concat(works).groupby("table", sort=False)[["merchants", "kept"]].sum()
    share = 1 - work["kept"] / work["merchants"]
    print("\n| table | recomputed |\n|---|---|")
    for table, each in share.items():
        print(f"| {table} | {each:.1%} |")


def main() -> None:
    """Make both platforms and run them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--merchants", type=int, default=400)
    parser.add_argument("--orders", type=float, default=2e6)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    made, _ = ac.simulate_platform(given.merchants, seed=1)
    last = made.span[1].normalize()
    with tempfile.TemporaryDirectory() as folder:
        ac.write_records(made, folder)
        records = ac.read_records(folder)
        start = last - pd.Timedelta(60 + given.nights, "D")
        run("simulated platform", records, ac.CATALOGUE, start, given.nights)
        title = "simulated platform, daily tables whole"
        run(title, records, ac.CATALOGUE, start, given.nights, whole=DAILY)
    place = given.folder or Path(tempfile.mkdtemp())
    if not (place / "plain").exists():
        maker.make_orders(place / "plain", int(given.orders))
    records = ac.read_records(
        {
            "merchants": str(place / "plain" / "merchants.parquet"),
            "orders": str(place / "plain" / "orders" / "*.parquet"),
        }
    )
    catalogue = peers.declared()
    start = pd.Timestamp(maker.LAST) - pd.Timedelta(given.nights, "D")
    run("orders alone", records, catalogue, start, given.nights)
    plain = ac.Catalogue(tuple(f for f in catalogue if f.aggregate != "cv"))
    run("orders alone, without weeks", records, plain, start, given.nights)
    few = plain.subset([f.name for f in plain if f.window_days in (90, 365)])
    run("orders alone, two windows", records, few, start, given.nights)


if __name__ == "__main__":
    main()
