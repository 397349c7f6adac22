"""The verb ``score``: decide every merchant, on the screen or into a folder night after night."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import alicredit as ac
from alicredit.checks import refuse
from alicredit.cli.parser import DONE, MENDED
from alicredit.cli.places import make_folder, require_place
from alicredit.cli.show import bar, say, show_decisions, show_summary, warn
from alicredit.cluster import collect_decisions, running_session
from alicredit.cohort import as_moment
from alicredit.databases import Database
from alicredit.portfolio import Run, read_decisions
from alicredit.report import notes_of, write_portfolio_page

_MENDABLE = ("bad_records", "bad_type", "bad_value", "duplicated")


def run_score(options: argparse.Namespace) -> int:
    """Decide every merchant as of a date; exit code 3 where rows are to be mended."""
    if options.html is not None:
        require_place("--html", options.html)
    if (options.data is None) == (options.features is None):
        found = "neither" if options.data is None else "both"
        refuse("data", "must be a folder of records, or --features instead of it", found)
    as_of, policy = as_moment("--as-of", options.as_of), ac.load_policy(options.policy)
    run = _run_of(options)
    records = None if options.data is None else _records(options)
    model = ac.load_model(options.model)
    engine = "local" if options.engine == "local" else running_session()
    with bar("deciding") as progress:
        found = ac.score_portfolio(
            records, model, as_of=as_of, policy=policy, features=options.features, out=run,
            progress=progress, engine=engine,
        )  # fmt: skip
        if run is None and options.engine == "spark":
            found = collect_decisions(found)
    return _tell(found, records, options, run)


def _records(options: argparse.Namespace) -> ac.Records:
    """Read the records, with the stated uses of restricted tables where they are in a file."""
    if options.data_use is None:
        return ac.read_records(options.data)
    rule = "must be a TOML file of purposes and legal bases"
    try:
        stated = tomllib.loads(Path(options.data_use).read_text("utf-8"))
    except (OSError, ValueError) as error:
        refuse("--data-use", rule, f"{options.data_use} ({error})", "see data/sample/data_use.toml")
    return ac.read_records(options.data, data_use=stated)


def _run_of(options: argparse.Namespace) -> Run | None:
    """Say where and how to write; nowhere without a folder."""
    if options.out is None:
        return None
    run = Run(options.out, memory_gb=options.memory, resume=options.resume, work=options.work)
    if not isinstance(run.folder, Database):
        make_folder("--out", options.out)
    return run


def _tell(found: pd.DataFrame, records: Any, options: argparse.Namespace, run: Run | None) -> int:
    """Show what was decided, and write the page where one is asked for."""
    title = f"Decisions as of {options.as_of} under {options.policy}"
    if run is not None:
        manifest = found.attrs["manifest"]
        mended = manifest["quarantine"]["merchants"]
        _tell_folder(manifest, title, options, run)
    else:
        mended = int(found.loc[found["status"].isin(_MENDABLE), "merchant_id"].size)
    if options.html is not None:
        decisions = found if run is None else _read(run, found.attrs["manifest"])
        note = "" if records is None else notes_of(records.notes)
        write_portfolio_page(decisions, options.html, note=note)
        say(f"page: {options.html}", options)
    if run is None:
        show_decisions(found, options.policy, title, options)
    if not mended:
        return DONE
    if run is not None:
        if isinstance(run.folder, Database):
            where = "see alicredit_quarantine"
        else:
            where = f"see {Path(run.folder) / 'quarantine'}"
        warn(f"{mended:,} merchants stand in rows that must be mended: {where}.")
    return MENDED


def _tell_folder(
    manifest: Mapping[str, Any], title: str, options: argparse.Namespace, run: Run
) -> None:
    """Show what a manifest says."""
    if options.json:
        told = {key: value for key, value in manifest.items() if key != "parts"}
        told["parts"] = len(manifest["parts"])
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    show_summary(manifest["summary"], title, options)
    count = len(manifest["parts"])
    parts = f"{count:,} parts" if count != 1 else "one part"
    say(f"{manifest['merchants']:,} merchants, {manifest['rows']:,} rows in {parts}.", options)
    if isinstance(run.folder, Database):
        say(f"decisions: alicredit_decisions in {run.folder.shown}", options)
    else:
        kept = Path(run.folder) / "part-*.parquet"
        say(f"decisions: {kept}, listed in manifest.json beside them", options)


def _read(run: Run, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Read all decisions of a run."""
    if isinstance(run.folder, Database):
        return read_decisions(
            run.folder, as_of=manifest["as_of"], policy_id=manifest["policy_id"],
            job_id=manifest["job_id"],
        )  # fmt: skip
    folder = Path(run.folder)
    frames = [pd.read_parquet(folder / each["name"]) for each in manifest["parts"]]
    return pd.concat(frames, ignore_index=True)
