"""What a decision costs: raw records to decisions on disk, by stage, at growing sizes.

``python benchmarks/decision_cost.py FOLDER [--sizes N ...] [--rounds N] [--core-hour YUAN]``: a
platform of 5,000 merchants is simulated once, three years of all its tables, about 100 orders a
merchant and year; each size is that platform so often beside itself, identifiers apart. A points
table is learned on its loans. Then, each in a process of its own and in turns: the job
(``score_portfolio`` of a folder of records with ``out=``), its stages counted apart, and pyarrow
reading the tables that the model's features are declared on. CPU-seconds, seconds, peak memory;
medians of rounds. What 1,000 decisions cost is at a stated price of a core-hour (0.30 yuan:
assumed).
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
from nightly import spent

AS_OF, POLICY, ONE = "2013-05-01", "ali-2013", 5_000
STAGES = ("whole", "scan")
_OWN = ("merchant_id", "order_id", "buyer_id", "loan_id", "application_id", "id", "declaration_no")
"""Identifiers that each copy of the platform has of its own."""


def make_one(folder: Path) -> Path:
    """Write the platform that is repeated, and a model learned on its loans."""
    import alicredit as ac

    place = folder / "one"
    if (folder / "model.alicredit").exists():
        return place
    records, _ = ac.simulate_platform(
        ONE, seed=1, start="2010-07-01", months=36, orders_per_month=8, default_rate=0.03
    )
    ac.write_records(records, place)
    cohort = ac.Cohort.of_loans(records, "taobao_order")
    rows = np.random.default_rng(0).permutation(len(cohort.frame))[:20_000]
    cohort = cohort[np.sort(rows)]
    y = ac.label_defaults(records, cohort)
    known = y.notna().to_numpy()
    X = ac.build_features(records, cohort[known])
    model = ac.DefaultModel("points").fit(X, y[known], cohort=cohort[known])
    model.save(folder / "model.alicredit")
    return place


def repeat(one: Path, place: Path, size: int) -> None:
    """Write a platform so often beside itself, a file of each table for every ten times."""
    if (place / "done").exists():
        return
    shutil.rmtree(place, ignore_errors=True)
    con = duckdb.connect()
    con.execute("SET threads = 2")
    for source in sorted(one.rglob("*.parquet")):
        table = source.stem
        (place / table).mkdir(parents=True)
        ids = [name for name in pq.read_schema(source).names if name in _OWN]
        told = ", ".join(f"\"{n}\" || '-' || lpad(c::VARCHAR, 4, '0') AS \"{n}\"" for n in ids)
        chosen = f"* EXCLUDE (c) REPLACE ({told})" if ids else "* EXCLUDE (c)"
        times = max(size // ONE, 1) if ids else 1
        for start in range(0, times, 10):
            out = place / table / f"{start:05d}.parquet"
            con.execute(
                f"COPY (SELECT {chosen} FROM range({start}, {min(start + 10, times)}) AS r(c), "
                f"read_parquet('{source}')) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
            )
    for notes in one.glob("*.toml"):
        shutil.copy(notes, place)
    (place / "done").write_text("done")


def whole(folder: Path, place: Path, out: Path) -> dict[str, Any]:
    """Decide from records; give what each stage took."""
    import alicredit as ac
    from alicredit.deciding import population
    from alicredit.nightly import job, streaming

    took = dict.fromkeys(("survey", "features", "score"), 0.0)

    def timed(owner: Any, name: str, stage: str) -> None:
        inner = getattr(owner, name)

        def outer(*given: Any, **named: Any) -> Any:
            start = spent()
            try:
                return inner(*given, **named)
            finally:
                took[stage] += spent() - start

        setattr(owner, name, outer)

    timed(job, "gatherer_of", "survey")
    timed(population.Gatherer, "gather", "features")
    timed(streaming, "score_all", "score")
    start = spent()
    records, model = ac.read_records(place), ac.load_model(folder / "model.alicredit")
    ac.score_portfolio(records, model, as_of=AS_OF, policy=POLICY, out=out)
    all_ = spent() - start
    written = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    return {"cpu": all_, "policy and writing": all_ - sum(took.values()), "bytes": written} | took


def scan(folder: Path, place: Path, out: Path) -> dict[str, Any]:
    """Read with pyarrow the tables that the model's features are declared on."""
    import alicredit as ac

    del out
    names = ac.load_model(folder / "model.alicredit").feature_names
    tables = [name for name in ac.CATALOGUE.subset(names).tables if (place / name).exists()]
    paths = [path for name in tables for path in sorted((place / name).glob("*.parquet"))]
    start, rows = spent(), 0
    for path in paths:
        with pq.ParquetFile(path) as file:
            rows += sum(len(batch) for batch in file.iter_batches())
    taken = spent() - start
    return {"cpu": taken, "rows": rows, "bytes": sum(path.stat().st_size for path in paths)}


def peak_gb() -> float:
    """Give this process's own high water; a child's usage begins with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e6


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--core-hour", type=float, default=0.30)
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        stage, *places = options.step
        clock = time.perf_counter()
        found = {"whole": whole, "scan": scan}[stage](*map(Path, places))
        clock = time.perf_counter() - clock
        print(json.dumps(found | {"seconds": clock, "peak_gb": peak_gb()}))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    one = make_one(options.folder)
    for size in options.sizes:
        place, out = options.folder / f"records-{size}", options.folder / f"out-{size}"
        repeat(one, place, size)
        rounds = []
        for _ in range(options.rounds):
            shutil.rmtree(out, ignore_errors=True)
            each = {}
            for stage in STAGES:
                given = map(str, (options.folder, place, out))
                command = [sys.executable, __file__, "--step", stage, *given]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                each[stage] = json.loads(done.stdout.splitlines()[-1])
            rounds.append(each)
        found = {
            stage: {key: statistics.median(each[stage][key] for each in rounds) for key in keys}
            for stage, keys in rounds[0].items()
        }
        times = found["whole"]["cpu"] / found["scan"]["cpu"]
        yuan = found["whole"]["cpu"] / 3600 * options.core_hour / size * 1000
        print(f"{size:,} merchants, {times:.1f} x the scan, {yuan:.5f} yuan per 1,000 decisions")
        for stage, values in found.items():
            print("   ", stage, {key: round(value, 2) for key, value in values.items()}, flush=True)


if __name__ == "__main__":
    main()
