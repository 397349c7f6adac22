"""The verb ``monitor``: a model at work against the loans it was trained on."""

from __future__ import annotations

import argparse

import pandas as pd

import alicredit as ac
from alicredit.checks import refuse
from alicredit.cli.parser import DONE, FOUND
from alicredit.cli.places import require_place
from alicredit.cli.show import say, show, step, warn
from alicredit.cohort import as_moment
from alicredit.ledger import read_postings, replay
from alicredit.monitoring import (
    MonitoringReport,
    MonitoringRules,
    early_warnings,
    monitor,
    roll_rates,
    vintages,
)

_SHOWN = {"level": "level", "period": "period", "message": "what was found", "action": "what to do"}


def run_monitor(options: argparse.Namespace) -> int:
    """Hold the loans made since training against those of training; red gives exit code 1."""
    as_of = as_moment("--as-of", options.as_of)
    if options.html is not None:
        require_place("--html", options.html)
    records, model = ac.read_records(options.data), ac.load_model(options.model)
    policy = None if options.policy is None else ac.load_policy(options.policy)
    first, last = (model.training.get(f"{end}_as_of") for end in ("first", "last"))
    since = options.since or last
    if since is None:
        refuse("--since", "must be given: the model does not say when its training ends", "none")
    cut = as_moment("--since", since)
    if options.since is None:
        cut += pd.Timedelta(days=1)
    cohort = ac.Cohort.of_loans(records)
    made = cohort.frame["as_of"]
    now = ((made >= cut) & (made < as_of)).to_numpy()
    if not now.any():
        refuse("--as-of", "must leave loans made since training", f"none from {cut:%Y-%m-%d} on")
    current = cohort[now]
    with step(f"labelling {len(current):,} loans as known at {options.as_of}"):
        labels = ac.label_defaults(records, current, observed_until=as_of)
    with step(f"building the features of {len(current):,} loans"):
        X = _features(records, current, model)
    reference: pd.DataFrame | None = None
    reference_cohort = _of_training(cohort, first, last, cut)
    if reference_cohort is None:
        warn("The records hold no loans of training: the counts in the model's file stand for it.")
    else:
        with step(f"building the features of {len(reference_cohort):,} loans of training"):
            reference = _features(records, reference_cohort, model)
    report = monitor(
        model, reference, X, reference_cohort=reference_cohort, cohort=current, labels=labels,
        policy=policy, records=records, as_of=as_of, rules=MonitoringRules(by=options.by),
    )  # fmt: skip
    _show(report, f"Loans of {cut:%Y-%m-%d} to {options.as_of}: {report.level}", options)
    if options.html is not None:
        with step("looking at vintages, roll rates and warnings"):
            report.to_html(options.html, beside=_beside(records, as_of, options.by))
        say(f"page: {options.html}", options)
    return FOUND if report.level == "red" else DONE


def _of_training(
    cohort: ac.Cohort, first: str | None, last: str | None, cut: pd.Timestamp
) -> ac.Cohort | None:
    """Take the loans that the model was trained on; None where none are known or there."""
    if first is None or last is None:
        return None
    made = cohort.frame["as_of"]
    end = min(as_moment("last_as_of", last) + pd.Timedelta(days=1), cut)
    then = ((made >= as_moment("first_as_of", first)) & (made < end)).to_numpy()
    return cohort[then] if then.any() else None


def _beside(records: ac.Records, as_of: pd.Timestamp, by: str) -> dict[str, pd.DataFrame]:
    """Look at the book of loans of all models: the last year's months for roll rates."""
    book = read_postings(records)
    days = pd.date_range(end=as_of, periods=13, freq="MS").normalize()
    return {
        "vintages": vintages(book, observed_until=as_of, by=by),
        "roll_rates": roll_rates(replay(book, days), pooled=True),
        "warnings": early_warnings(records, as_of=as_of),
    }


def _features(records: ac.Records, cohort: ac.Cohort, model: object) -> pd.DataFrame:
    """Build the model's inputs; refuse a model whose inputs are not of the catalogue."""
    names = list(getattr(model, "feature_names", ()))
    foreign = [name for name in names if name not in set(ac.CATALOGUE.names)]
    if foreign:
        do = "monitor it in Python, with its own features"
        refuse("--model", "must read features of the catalogue", repr(foreign[0]), do)
    found = ac.build_features(records, cohort, catalogue=ac.CATALOGUE.subset(names))
    if found is None:
        refuse("features", "must come back as a frame", "none", error=ac.FeatureError)
    return found


def _show(report: MonitoringReport, title: str, options: argparse.Namespace) -> None:
    """Print what is not green, or all of it as JSON."""
    summary = report.summary
    if options.json:
        show(summary, title, options)
        return
    order = {level: at for at, level in enumerate(("red", "amber", "unknown"))}
    lines = summary[summary["level"] != "green"]
    lines = lines.sort_values("level", key=lambda each: each.map(order), kind="stable")
    if len(lines):
        show(lines[list(_SHOWN)].rename(columns=_SHOWN), title, options)
    green = int((summary["level"] == "green").sum())
    say(f"{green} of {len(summary)} checks are green.", options)
