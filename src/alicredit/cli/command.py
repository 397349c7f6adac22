"""The verbs of the command ``alicredit``: each is a thin call of a public function."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import alicredit as ac
from alicredit.checks import refuse
from alicredit.cli.demo import run_demo
from alicredit.cli.export import run_export
from alicredit.cli.look import run_check, run_tables
from alicredit.cli.parser import (
    DONE,
    INTERRUPTED,
    LOST,
    REFUSED,
    make_parser,
)
from alicredit.cli.past import labelled
from alicredit.cli.places import require_place, write_parquet
from alicredit.cli.score import run_score
from alicredit.cli.show import (
    JsonLines,
    refused,
    say,
    show,
    show_model,
    show_validation,
    step,
    warn,
)
from alicredit.cli.watch import run_monitor
from alicredit.cohort import as_moment
from alicredit.errors import DatabaseError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and give the exit code.

    Parameters
    ----------
    arguments : sequence of str or None, default None
        What stands after the command's name; None takes the process's own.

    Returns
    -------
    int
        0 done, 1 errors in data or a check that is red, 2 refused, 3 done but some rows must be
        mended, 4 a database was out of reach or in use, 130 interrupted.

    Examples
    --------
    >>> main(["check", "nowhere"])
    2
    """
    options = make_parser(_VERBS).parse_args(arguments)
    _log(options)
    try:
        code: int = options.run(options)
        return code
    except ac.AlicreditError as error:
        refused(error)
        return LOST if isinstance(error, DatabaseError) else REFUSED
    except KeyboardInterrupt:
        warn("interrupted")
        return INTERRUPTED


def _log(options: argparse.Namespace) -> None:
    """Log to stderr, one JSON object a line where asked."""
    is_told = options.verbose or options.log_json
    logging.basicConfig(level=logging.INFO if is_told else logging.WARNING)
    if options.log_json:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())


def _simulate(options: argparse.Namespace) -> int:
    """Write a simulated platform's records and, where asked, each loan's true probability."""
    with step("simulating"):
        records, truth = ac.simulate_platform(
            options.merchants,
            seed=options.seed,
            start=options.start,
            months=options.months,
            orders_per_month=options.orders_per_month,
            default_rate=options.default_rate,
        )
    with step("writing"):
        ac.write_records(records, options.out)
        if options.truth is not None:
            write_parquet(truth, "--truth", Path(options.truth))
    counts = [records[name].num_rows for name in records.tables]
    frame = pd.DataFrame({"table": records.tables, "rows": counts})
    show(frame, f"Written to {options.out}", options)
    mean = f"; mean true probability of default within a year {truth['true_pd'].mean():.2%}"
    say(f"{len(truth):,} loans{mean if len(truth) else ''}.", options)
    return DONE


def _train(options: argparse.Namespace) -> int:
    """Train on past loans; with a cut, on those before it, and validate on those after."""
    require_place("--model", options.model)
    records = ac.read_records(options.data)
    cohort, X, y = labelled(records)
    if options.cut is not None:
        train, test = cohort.split_by_time(options.cut, labels=y)
    else:
        train, test = np.ones(len(y), dtype=bool), np.zeros(len(y), dtype=bool)
    with step(f"training on {int(train.sum()):,} loans"):
        model = ac.DefaultModel(shape=options.shape).fit(X[train], y[train], cohort=cohort[train])
    model.save(options.model)
    show_model(model, f"Model written to {options.model}", options)
    unscored = int((model.portable_.score_frame(X[train])["status"] != "ok").sum())
    if unscored:
        warn(
            f"{unscored:,} of the {int(train.sum()):,} loans trained on would get no score: too "
            "many of the model's inputs are missing. `alicredit check` says what would bring more."
        )
    if options.cut is not None and not options.json:
        report = ac.validate_model(model, X[test], y[test], cohort=cohort[test])
        show_validation(report, f"Out of time, on loans from {options.cut} on", options)
    return DONE


def _validate(options: argparse.Namespace) -> int:
    """Hold a saved model against loans from a date on, all later than those it was trained on."""
    if options.html is not None:
        require_place("--html", options.html)
    cut = as_moment("--cut", options.cut)
    records, model = ac.read_records(options.data), ac.load_model(options.model)
    last = model.training.get("last_as_of")
    if last is None:
        warn("The model does not say when its training loans end: these may be among them.")
    elif cut <= pd.Timestamp(str(last)):
        do = "name a later date: what a model was trained on does not judge it"
        refuse("--cut", f"must lie after the last loan trained on ({last})", options.cut, do)
    cohort, X, y = labelled(records)
    later = (cohort.frame["as_of"] >= cut).to_numpy()
    if not later.any():
        refuse("--cut", "must leave loans whose outcome is known", f"none from {options.cut} on")
    report = ac.validate_model(model, X[later], y[later], cohort=cohort[later])
    show_validation(report, f"Loans from {options.cut} on", options)
    if options.html is not None:
        report.to_html(options.html)
        say(f"page: {options.html}", options)
    return DONE


_VERBS = {
    "demo": run_demo,
    "simulate": _simulate,
    "tables": run_tables,
    "check": run_check,
    "train": _train,
    "validate": _validate,
    "score": run_score,
    "monitor": run_monitor,
    "export": run_export,
}
