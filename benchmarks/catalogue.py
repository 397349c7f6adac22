"""The whole catalogue on a simulated platform: time, memory, and where the time goes.

usage: python benchmarks/catalogue.py FOLDER [--merchants 1e5] [--months 12]

A night's batch: every merchant as of the end, all tables. The table shows what each table's
features cost, in CPU for a million events, beside the orders' windows.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

import alicredit as ac
from alicredit.derived import derive_tables
from alicredit.engine import run
from alicredit.records.writing import write_records


def main() -> None:
    """Make the platform where it is missing, build, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--merchants", type=float, default=1e5)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--start", default="2009-07-01")
    given = parser.parse_args()
    end = pd.Timestamp(given.start) + pd.DateOffset(months=given.months)
    if not given.folder.exists():
        records, _ = ac.simulate_platform(
            int(given.merchants), seed=0, start=given.start, months=given.months
        )
        write_records(records, given.folder)
        del records
    records = ac.read_records(given.folder)
    cohort = ac.Cohort.at(records, end)
    ac.build_features(records, cohort[:50])  # compiled now
    spent = _watch()
    start, cpu = time.perf_counter(), time.process_time()
    frame = ac.build_features(records, cohort)
    assert frame is not None
    cost, wall = time.process_time() - cpu, time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rows, columns = frame.shape
    print(f"{rows:,} merchants, {columns} features: {cost:.1f} CPU-s, {wall:.1f} s, "
          f"peak {peak / 1e9:.2f} GB\n")  # fmt: skip
    _show(records, spent)


def _watch() -> dict[str, Counter[str]]:
    """Take the time of each stream, and of finding the merchants of its rows, by its table."""
    spent: dict[str, Counter[str]] = {"cpu": Counter(), "streams": Counter(), "features": Counter()}
    build = run.build_stream

    def timed(con: Any, records: Any, stream: Any, *rest: Any) -> None:
        cpu = time.process_time()
        build(con, records, stream, *rest)
        spent["cpu"][stream.table] += time.process_time() - cpu
        spent["streams"][stream.table] += 1
        spent["features"][stream.table] += len(stream.features)

    run.build_stream = timed
    join = run.join_once

    def joined(con: Any, records: Any, streams: Any, asked: Any) -> Any:
        made: dict[str, str] = {}
        for table in dict.fromkeys(stream.table for stream in streams):
            own = [stream for stream in streams if stream.table == table]
            cpu = time.process_time()
            made |= join(con, records, own, asked).joined
            spent["cpu"][table] += time.process_time() - cpu
        return replace(asked, joined=made)

    run.join_once = joined
    return spent


def _show(records: ac.Records, spent: dict[str, Counter[str]]) -> None:
    """Print a row a table, the dearest first."""
    print("| table | rows | streams | features | CPU-s | us an event and stream |")
    print("|---|---|---|---|---|---|")
    records = derive_tables(records, spent["cpu"])
    for name, cpu in spent["cpu"].most_common():
        rows = max(sum(len(batch) for batch in records.scan(name)), 1)
        streams = spent["streams"][name]
        print(f"| {name} | {rows:,} | {streams} | {spent['features'][name]} | {cpu:.2f} "
              f"| {cpu / rows / streams * 1e6:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
