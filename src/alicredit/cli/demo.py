"""The verb ``demo``: the whole way on a sample, first as one picture, then in its parts."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import alicredit as ac
from alicredit.cli.parser import AS_OF, CUT, DONE, POLICY
from alicredit.cli.past import labelled
from alicredit.cli.picture import show_picture
from alicredit.cli.places import make_folder, write_parquet
from alicredit.cli.show import say, show_decisions, show_reasons, show_validation, step
from alicredit.report import by_product, notes_of, write_portfolio_page


def run_demo(options: argparse.Namespace) -> int:
    """Walk the whole way: records, findings, features, labels, model, validation, decisions."""
    out = make_folder("--out", options.out)
    records = _records(options)
    say("This takes a few minutes: most of them to fit three shapes of model.", options)
    with step("looking for problems"):
        problems = ac.find_problems(records)
    cohort, X, y = labelled(records)
    train, test = cohort.split_by_time(CUT, labels=y)
    with step(f"training on {int(train.sum()):,} loans"):
        model = ac.DefaultModel().fit(X[train], y[train], cohort=cohort[train])
    model.save(out / "model.alicredit")
    report = ac.validate_model(
        model, X[test], y[test], cohort=cohort[test],
        reference=X[train], reference_cohort=cohort[train], policy=ac.load_policy(POLICY),
    )  # fmt: skip
    report.to_html(out / "validation.html")
    with step("deciding the portfolio"):
        decisions = ac.score_portfolio(records, model, as_of=AS_OF, policy=POLICY)
    write_parquet(decisions, "--out", out / "decisions.parquet")
    note = notes_of(records.notes)
    write_portfolio_page(decisions, out / "index.html", note=note)
    facts: dict[str, Any] = {
        "tables": len(records.tables), "first": f"{records.span[0]:%Y-%m-%d}",
        "last": f"{records.span[1]:%Y-%m-%d}", "note": note, "findings": len(problems),
        "features": X.shape[1], "loans": len(y), "cut": CUT, **_counted("train", cohort, train),
        **_counted("test", cohort, test), "validation": _plain(report.tables["summary"]),
        "as_of": AS_OF, "policy": POLICY, "summary": _plain(by_product(decisions)),
        "page": str(out / "index.html"), "model_id": model.model_id,
    }  # fmt: skip
    if options.json:
        sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
        return DONE
    show_picture(facts)
    show_validation(report, "Does the model's claim hold, out of time?", options, top=6)
    title = f"What would be lent as of {AS_OF} under {POLICY}"
    show_decisions(decisions, POLICY, title, options)
    show_reasons(decisions, options)
    say(f"Written: {out / 'decisions.parquet'}, {out / 'model.alicredit'}, "
         f"{out / 'validation.html'}", options)  # fmt: skip
    say(f"Open this page: {out / 'index.html'}", options)
    return DONE


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a frame's rows for JSON: what is not known is null."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records"))
    return rows


def _counted(name: str, cohort: ac.Cohort, rows: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Count loans, and the merchants they are of."""
    merchants = cohort.frame["merchant_id"][rows].nunique()
    return {name: int(rows.sum()), f"{name}_merchants": int(merchants)}


def _records(options: argparse.Namespace) -> ac.Records:
    """Read the sample, or simulate one where none is given."""
    if options.data is not None:
        with step(f"reading {options.data}"):
            return ac.read_records(options.data)
    with step("simulating a platform"):
        records, _ = ac.simulate_platform(
            options.merchants, seed=options.seed, orders_per_month=4, default_rate=0.12
        )
    return records
