"""The nightly run: prepared features to decisions on disk, beside reading and writing alone.

``python benchmarks/nightly.py FOLDER [--sizes N ...] [--rounds N] [--kills N] [--policy NAME]``:
for each size, features of 60 inputs and the policy's facts are made up once as Parquet; then, each
in a process of its own and in turns, the run of ``score_portfolio`` with ``out=``, and pyarrow
alone reading the columns that the run reads and writing the decisions that it wrote. CPU-seconds,
seconds and peak memory; medians of rounds. ``--kills`` stops runs of the smallest size by SIGKILL
at so many random moments after their first part, and holds the bytes of what they end with against
those of a whole run.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

AS_OF = "2013-05-01"
WIDTH, BLOCK = 60, 100_000


def make_inputs(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw inputs, skewed and holed as records are; a dozenth are categories."""
    X = rng.normal(size=(rows, WIDTH))
    X[:, ::3] = np.exp(X[:, ::3]).round(2)
    X[:, 1::4][rng.random(X[:, 1::4].shape) < 0.12] = np.nan
    frame = pd.DataFrame(X, columns=[f"v{k:02d}" for k in range(WIDTH)])
    for k in range(5, WIDTH, 12):
        frame[f"v{k:02d}"] = rng.choice(["north", "south", "west", "east"], rows)
    return frame


def make_facts(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw what the policy asks."""
    money, day = rng.lognormal(10, 1.2, rows).round(2), pd.Timestamp("2013-04-01")
    return pd.DataFrame({
        "platform": rng.choice(["alibaba_b2b", "taobao", "tmall"], rows, p=[0.2, 0.6, 0.2]),
        "region": rng.choice(["zhejiang", "guangdong", "sichuan", "jiangsu"], rows),
        "membership": rng.choice(["ordinary", "paying"], rows),
        "registered_at": day - pd.to_timedelta(rng.integers(0, 1500, rows), unit="D"),
        "shop_opened_at": day - pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
        "blacklisted": rng.random(rows) < 0.01,
        "days_past_due": np.where(rng.random(rows) < 0.03, 3.0, 0.0),
        "positive_rating_share": np.where(rng.random(rows) < 0.05, np.nan, 0.98),
        "violation_points_365d": np.where(rng.random(rows) < 0.02, 13.0, 0.0),
        "monthly_sales_median_180d": money, "order_base": (money * rng.random(rows)).round(2),
        "outstanding": np.where(rng.random(rows) < 0.1, (money / 2).round(2), 0.0),
        "sales_12m": money * 12, "account_sealed": False, "fraud_found": False,
    })  # fmt: skip


def make_features(path: Path, rows: int) -> None:
    """Write features in row groups, with columns that nobody asks for."""
    if path.exists():
        return
    writer, partial = None, path.with_suffix(".partial")
    for start in range(0, rows, BLOCK):
        size, rng = min(BLOCK, rows - start), np.random.default_rng([1, start])
        ids = [f"m{k:09d}" for k in range(start, start + size)]
        frame = pd.concat([make_inputs(size, rng), make_facts(size, rng)], axis=1)
        frame.insert(0, "merchant_id", ids)
        frame["unused"] = rng.random(size)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(partial, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    partial.rename(path)


def make_model(path: Path) -> None:
    """Fit a points table that takes all the inputs that bear on default."""
    import alicredit as ac

    if path.exists():
        return
    rng = np.random.default_rng(7)
    X = make_inputs(12_000, rng)
    numbers = X.select_dtypes("number").fillna(0.0).to_numpy()
    margin = -5.0 + 0.3 * np.tanh(numbers[:, :40]).sum(axis=1) / 2 + 0.5 * (X["v05"] == "west")
    y = pd.Series((rng.random(len(X)) < 1 / (1 + np.exp(-margin))).astype(float))
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    ac.DefaultModel("points").fit(X, y).save(path)


def run(model: str, features: str, out: str, policy: str) -> float:
    """Decide into a folder; give the CPU-seconds."""
    import alicredit as ac

    start = spent()
    ac.score_portfolio(
        None, ac.load_model(model), as_of=AS_OF, policy=policy, features=features, out=out
    )
    return spent() - start


def bare(model: str, features: str, out: str, policy: str) -> float:
    """Read with pyarrow what the run reads, and write what it wrote; give the CPU-seconds."""
    import alicredit as ac

    wanted = {"merchant_id", *ac.load_model(model).feature_names}
    wanted |= set(ac.load_policy(policy).required_columns)
    with pq.ParquetFile(features) as file:
        names = [name for name in file.schema_arrow.names if name in wanted]
        start = spent()
        for batch in file.iter_batches(columns=names):
            assert len(batch)
    seconds = spent() - start
    place = Path(out).with_name("bare")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for path in sorted(Path(out).glob("part-*.parquet")):
        table = pq.read_table(path)
        start = spent()
        pq.write_table(table, place / path.name)
        seconds += spent() - start
    return seconds


def spent() -> float:
    """Give the CPU-seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measured(step: str, *arguments: str) -> dict[str, float]:
    """Run one step in a process of its own."""
    command = [sys.executable, __file__, "--step", step, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def step(name: str, arguments: list[str]) -> None:
    """Do one step and tell what it took; loading the library is not counted."""
    import alicredit as ac

    ac.load_model(arguments[0])
    print("loaded", ac.score_portfolio, ac.load_policy(arguments[3]).name)
    clock = time.perf_counter()
    took = {"cpu": {"run": run, "bare": bare}[name](*arguments)}
    took["seconds"] = time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(took | {"peak_gb": peak}))


def kill(folder: Path, size: int, kills: int, policy: str) -> None:
    """Stop runs at random moments, go on, and compare bytes."""
    names = [str(folder / "model.alicredit"), str(folder / f"features-{size}.parquet")]
    whole, out = folder / "whole", folder / "killed"
    shutil.rmtree(whole, ignore_errors=True)
    took = measured("run", *names, str(whole), policy)["seconds"]
    want = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*.*")}
    rng, stopped = random.Random(1), 0  # noqa: S311
    for at in range(kills):
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, __file__, "--step", "run", *names, str(out), policy]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None and not list(out.glob("part-*.parquet")):
            time.sleep(0.002)
        time.sleep(rng.random() * took)
        process.kill()
        stopped += process.wait() != 0
        run(*names, str(out), policy)
        found = {path.relative_to(out): path.read_bytes() for path in out.rglob("*.*")}
        assert found == want, at
    print(f"{kills} runs, {stopped} of them killed before their end: all end with the same bytes")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--policy", default="ali-2013-planned")
    parser.add_argument("--step", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step[0], options.step[1:])
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    model = options.folder / "model.alicredit"
    make_model(model)
    for size in options.sizes:
        features = options.folder / f"features-{size}.parquet"
        make_features(features, size)
        out = options.folder / f"out-{size}"
        rounds = []
        for _ in range(options.rounds):
            shutil.rmtree(out, ignore_errors=True)
            names = (str(model), str(features), str(out), options.policy)
            rounds.append((measured("run", *names), measured("bare", *names)))
        ours, alone = (
            {name: statistics.median(each[k][name] for each in rounds) for name in rounds[0][k]}
            for k in (0, 1)
        )
        ratio = statistics.median(one["cpu"] / other["cpu"] for one, other in rounds)
        print(
            f"{size:>10,} merchants: {ours['cpu']:.1f} CPU-s, {ours['seconds']:.1f} s, peak "
            f"{ours['peak_gb']:.2f} GB; alone {alone['cpu']:.1f} CPU-s; {ratio:.1f} x"
        )
    if options.kills:
        kill(options.folder, min(options.sizes), options.kills, options.policy)


if __name__ == "__main__":
    main()
