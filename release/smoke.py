"""Try an installed alicredit as its first user would, from outside its repository.

python release/smoke.py SAMPLES          import, command, policies, model files of every format
python release/smoke.py SAMPLES --whole  and the way from records to decisions, on a small platform

SAMPLES is the folder of kept model files and their plain reader (tests/portable).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.resources
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAVY = ("numpy", "pandas", "pyarrow", "duckdb", "scipy", "sklearn", "lightgbm", "numba",
         "matplotlib", "rich", "jinja2", "pyspark")  # fmt: skip
SECONDS = 0.5
FEATURES = (
    "orders_paid_amount_sum_90d", "orders_paid_active_days_90d", "net_sales_90d", "refund_rate_90d",
    "debt_service_coverage_90d", "days_late_max_365d", "merchants_days_since", "conversion_90d",
)  # fmt: skip


def fail(text: str) -> None:
    """End with what does not hold."""
    sys.exit(f"FAILED: {text}")


def import_is_light() -> str:
    """Import in children; the quickest of three counts, and nothing heavy may come with it."""
    code = (
        "import sys, time; t = time.perf_counter(); import alicredit; "
        f"print(time.perf_counter() - t, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    best, loaded = 9.0, "[]"
    for _ in range(3):
        out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
        if out.returncode:
            fail(out.stderr)
        seconds, loaded = out.stdout.split(maxsplit=1)
        best = min(best, float(seconds))
    if best > SECONDS or loaded.strip() != "[]":
        fail(f"import takes {best:.2f} s and loads {loaded}")
    return f"import {best:.3f} s"


def command_answers(version: str) -> None:
    """Ask the installed command for its version and its help."""
    command = Path(sys.executable).with_name("alicredit")
    for asked, said in (("--version", version), ("--help", "demo"), ("score", "refused")):
        words = [asked] if asked != "score" else ["score", "nowhere", "--as-of", "2013-05-01"]
        run = subprocess.run([str(command), *words], capture_output=True, text=True)
        if said not in run.stdout + run.stderr or "Traceback" in run.stderr:
            fail(f"alicredit {asked} answers {run.stdout}{run.stderr}")


def data_files_are_there() -> None:
    """Read each built-in policy and look for the mark of typed packages."""
    import alicredit as ac

    if not importlib.resources.files("alicredit").joinpath("py.typed").is_file():
        fail("py.typed is not installed")
    for name in ("ali-2013", "ali-2013-planned", "cn-2025", "distributor-example"):
        if not ac.load_policy(name).products:
            fail(f"policy {name} has no products")


def kept_models_score(samples: Path) -> int:
    """Score rows with kept files of every format; the plain reader must give the same."""
    import pandas as pd

    import alicredit as ac

    sys.path.insert(0, str(samples))
    from plain_reader import read, score  # type: ignore[import-not-found]

    rows = 0
    for path in sorted(samples.glob("*.alicredit")):
        model, content = ac.load_model(path), read(path)[0]
        frame = pd.DataFrame([_row(content, share) for share in (0.0, 0.3, 0.7, 1.0)])
        found = model.score_frame(frame)
        for at, values in enumerate(frame.to_dict("records")):
            told, alone = score(content, values), model.score_one(values)
            mine = (found["status"][at], found["pd"][at], alone["pd"])
            if mine != (told["status"], told["pd"], told["pd"]):
                fail(f"{path.name} scores {mine}, its plain reader {told}")
            rows += 1
    if not rows:
        fail(f"no model files in {samples}")
    return rows


def _row(content: dict, share: float) -> dict:
    """Make a row that lies some share of the way through the range seen in training."""
    values: dict = {}
    for table in content["tables"]:
        if table["kind"] == "category":
            values[table["name"]] = table["levels"][int(share * (len(table["levels"]) - 1))]
        elif table["kind"] == "flag":
            values[table["name"]] = float(share > 0.5)
        else:
            values[table["name"]] = table["low"] + share * (table["high"] - table["low"])
    return values


def whole_way(folder: Path) -> str:
    """Walk from records to decisions and a page."""
    import alicredit as ac

    made, _ = ac.simulate_platform(500, seed=1, orders_per_month=4, default_rate=0.03)
    ac.write_records(made, folder / "records")
    records = ac.read_records(folder / "records")
    cohort = ac.Cohort.of_loans(records)
    X = ac.build_features(records, cohort, catalogue=ac.CATALOGUE.subset(FEATURES))
    y = ac.label_defaults(records, cohort)
    train, test = cohort.split_by_time("2012-11-01", labels=y)
    model = ac.DefaultModel(shape="points").fit(X[train], y[train], cohort=cohort[train])
    report = ac.validate_model(model, X[test], y[test], cohort=cohort[test])
    report.to_html(folder / "validation.html")
    model.save(folder / "model.alicredit")
    model = ac.load_model(folder / "model.alicredit")
    decisions = ac.score_portfolio(records, model, as_of="2013-05-01")
    counts = decisions.groupby(["decision"]).size().to_dict()
    return f"{len(decisions)} decisions {json.dumps(counts)}"


def main() -> None:
    """Run all and say in one line what was seen."""
    parser = argparse.ArgumentParser(description="Try an installed alicredit.")
    parser.add_argument("samples", type=Path)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    version = importlib.metadata.version("alicredit")
    told = [f"alicredit {version}", import_is_light()]
    command_answers(version)
    data_files_are_there()
    told.append(f"{kept_models_score(options.samples.resolve())} rows of kept models")
    if options.whole:
        with tempfile.TemporaryDirectory() as folder:
            told.append(whole_way(Path(folder)))
    import alicredit

    if not Path(alicredit.__file__).is_relative_to(sys.prefix):
        fail(f"alicredit was imported from {alicredit.__file__}, not from the installation")
    sys.stdout.write(f"{', '.join(told)}; {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
