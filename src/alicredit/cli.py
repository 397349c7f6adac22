"""The command ``alicredit``: each verb is a thin call of a public function.

Exit codes: 0 done, 1 the data have errors, 2 the call or the input was refused, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import alicredit as ac
from alicredit.report import write_portfolio_page
from alicredit.vocabulary import reason_word

_OUT = Console(soft_wrap=True, highlight=False)
_TABLES = Console(highlight=False, width=max(Console().width, 100))
_ERR = Console(stderr=True, highlight=False)
_CUT, _AS_OF = "2012-11-01", "2013-05-01"

DONE, FOUND, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and give the exit code.

    Parameters
    ----------
    arguments : sequence of str or None, default None
        What stands after the command's name; None takes the process's own.

    Returns
    -------
    int
        0 done, 1 errors in data, 2 refused, 130 interrupted.

    Examples
    --------
    >>> main(["check", "nowhere"])
    2
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING)
    try:
        code: int = options.run(options)
        return code
    except ac.AlicreditError as error:
        _ERR.print(f"refused: {error}", style="bold red", markup=False)
        return REFUSED
    except KeyboardInterrupt:
        _ERR.print("interrupted")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    """Declare the verbs and their options."""
    parser = argparse.ArgumentParser(
        prog="alicredit", description="From a platform's records to loan decisions."
    )
    parser.add_argument("--version", action="version", version=f"alicredit {ac.__version__}")
    parser.add_argument("--verbose", action="store_true", help="log what is done to stderr")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    demo = _verb(verbs, "demo", _demo, "walk the whole way on a sample and write a page")
    demo.add_argument("--data", help="folder of records; without it a platform is simulated")
    demo.add_argument("--out", default="demo", help="folder to write into (default: demo)")
    demo.add_argument("--merchants", type=int, default=800, help="merchants to simulate")
    demo.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    simulate = _verb(verbs, "simulate", _simulate, "write the records of a simulated platform")
    simulate.add_argument("out", help="folder to write into")
    simulate.add_argument("--merchants", type=int, default=1000)
    simulate.add_argument("--seed", type=int, required=True)
    simulate.add_argument("--start", default="2009-07-01")
    simulate.add_argument("--months", type=int, default=60)
    simulate.add_argument("--orders-per-month", type=float, default=10)
    simulate.add_argument("--default-rate", type=float, default=0.008)
    check = _verb(verbs, "check", _check, "list what is wrong with records")
    check.add_argument("data", help="folder of records")
    train = _verb(verbs, "train", _train, "train a model on past loans and save it")
    train.add_argument("data", help="folder of records")
    train.add_argument("--model", default="model.alicredit", help="file to write")
    train.add_argument("--cut", help="train before this date, validate after it")
    validate = _verb(verbs, "validate", _validate, "hold a saved model against later loans")
    validate.add_argument("data", help="folder of records")
    validate.add_argument("--model", default="model.alicredit")
    validate.add_argument("--cut", required=True, help="loans from this date on")
    validate.add_argument("--html", help="page to write")
    score = _verb(verbs, "score", _score, "decide every merchant as of a date")
    score.add_argument("data", help="folder of records")
    score.add_argument("--model", default="model.alicredit")
    score.add_argument("--as-of", required=True)
    score.add_argument("--policy", default="ali-2013")
    score.add_argument("--out", help="folder for decisions as Parquet")
    score.add_argument("--html", help="page to write")
    return parser


def _verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Declare one verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run)
    return parser


@contextmanager
def _step(text: str) -> Iterator[None]:
    """Show a step on stderr while it runs; silent when that is no terminal."""
    if not _ERR.is_terminal:
        yield
        return
    with _ERR.status(text):
        yield
    _ERR.print(f"[green]done[/green] {text}")


def _show(frame: pd.DataFrame, title: str, options: argparse.Namespace) -> None:
    """Print a frame: a table for people or JSON for machines."""
    if options.json:
        sys.stdout.write(frame.to_json(orient="records", date_format="iso", indent=2) + "\n")
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(str(name), justify=justify, no_wrap=name == frame.columns[0])
    for row in frame.itertuples(index=False):
        table.add_row(*(escape(_cell(value)) for value in row))
    _TABLES.print(table)


def _cell(value: Any) -> str:
    """Write one value for people."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return str(value)


def _say(text: str, options: argparse.Namespace) -> None:
    """Print a line for people."""
    if not options.json:
        _OUT.print(text, markup=False)


def _simulate(options: argparse.Namespace) -> int:
    """Write a simulated platform's records, and the truth beside them."""
    with _step("simulating"):
        records, truth = ac.simulate_platform(
            options.merchants,
            seed=options.seed,
            start=options.start,
            months=options.months,
            orders_per_month=options.orders_per_month,
            default_rate=options.default_rate,
        )
    with _step("writing"):
        ac.write_records(records, options.out)
    counts = [records[name].num_rows for name in records.tables]
    _show(
        pd.DataFrame({"table": records.tables, "rows": counts}),
        f"Written to {options.out}",
        options,
    )
    _say(f"{len(truth):,} loans, mean true PD {truth['true_pd'].mean():.2%}", options)
    return DONE


def _check(options: argparse.Namespace) -> int:
    """List findings; errors give exit code 1."""
    with _step("reading"):
        records = ac.read_records(options.data)
    with _step("looking for problems"):
        problems = ac.find_problems(records)
    _show(problems, f"Findings in {options.data}", options)
    errors = int((problems["severity"] == "error").sum())
    _say(f"{len(problems)} findings, {errors} of them errors", options)
    return FOUND if errors else DONE


def _labelled(
    records: ac.Records,
) -> tuple[ac.Cohort, pd.DataFrame, pd.Series]:
    """Ask about every past loan: features as known then, and what happened after."""
    cohort = ac.Cohort.of_loans(records)
    with _step(f"labelling {len(cohort):,} loans"):
        labels = ac.label_defaults(records, cohort)
    known = labels.notna().to_numpy()
    if not known.any():
        message = "records must hold loans whose outcome is known; found none."
        raise ac.InputError(message)
    cohort, attrs = cohort[known], labels.attrs
    labels = labels[known].reset_index(drop=True)
    labels.attrs = attrs
    with _step(f"building {len(ac.CATALOGUE)} features of {len(cohort):,} loans"):
        features = ac.build_features(records, cohort)
    if features is None:
        message = "features must come back as a frame; found none."
        raise ac.FeatureError(message)
    return cohort, features, labels


def _train(options: argparse.Namespace) -> int:
    """Train on past loans; with a cut, on those before it, and validate on those after."""
    records = ac.read_records(options.data)
    cohort, X, y = _labelled(records)
    if options.cut:
        train, test = cohort.split_by_time(options.cut, labels=y)
    else:
        train, test = np.ones(len(y), dtype=bool), np.zeros(len(y), dtype=bool)
    with _step(f"training on {int(train.sum()):,} loans"):
        model = ac.DefaultModel().fit(X[train], y[train], cohort=cohort[train])
    model.save(options.model)
    facts = {**model.portable_.training, "claim": str(model.claim), "model_id": model.model_id}
    frame = pd.DataFrame({"fact": list(facts), "value": [str(v) for v in facts.values()]})
    _show(frame, f"Model written to {options.model}", options)
    if options.cut and not options.json:
        report = ac.validate_model(model, X[test], y[test], cohort=cohort[test])
        _show(report.tables["summary"], f"Out of time, from {options.cut}", options)
    return DONE


def _validate(options: argparse.Namespace) -> int:
    """Hold a saved model against loans from a date on."""
    records, model = ac.read_records(options.data), ac.load_model(options.model)
    cohort, X, y = _labelled(records)
    later = (cohort.frame["as_of"] >= pd.Timestamp(options.cut)).to_numpy()
    report = ac.validate_model(model, X[later], y[later], cohort=cohort[later])
    _show(report.tables["summary"], f"Loans from {options.cut} on", options)
    if options.html:
        report.to_html(options.html)
        _say(f"page: {options.html}", options)
    return DONE


def _score(options: argparse.Namespace) -> int:
    """Decide every merchant as of a date."""
    records, model = ac.read_records(options.data), ac.load_model(options.model)
    with _step("deciding"):
        decisions = ac.score_portfolio(records, model, as_of=options.as_of, policy=options.policy)
    if options.out:
        folder = Path(options.out)
        folder.mkdir(parents=True, exist_ok=True)
        decisions.to_parquet(folder / "decisions.parquet", index=False)
        _say(f"decisions: {folder / 'decisions.parquet'}", options)
    if options.html:
        write_portfolio_page(decisions, options.html)
        _say(f"page: {options.html}", options)
    _show(_summary(decisions), f"Decisions as of {options.as_of}", options)
    return DONE


def _summary(decisions: pd.DataFrame) -> pd.DataFrame:
    """Sum decisions up as a risk officer would ask."""
    rows = []
    for product, mine in decisions.groupby("product_id", sort=False):
        given = mine[mine["decision"] == "approve"]
        rows.append(
            {
                "product": product,
                "approved": len(given),
                "declined": int((mine["decision"] == "decline").sum()),
                "referred": int((mine["decision"] == "refer").sum()),
                "limits, yuan": float(given["limit"].sum()),
                "mean PD": float(given["pd"].mean()) if len(given) else np.nan,
                "loss a year": float(given["expected_loss"].sum()),
                "profit a year": float(given["expected_profit"].sum()),
            }
        )
    return pd.DataFrame(rows)


def _reasons(decisions: pd.DataFrame) -> pd.DataFrame:
    """Name the commonest reasons of rows that were not approved."""
    codes = decisions.loc[decisions["decision"] != "approve", "reasons"].explode().dropna()
    counts = codes.value_counts().head(8)
    return pd.DataFrame(
        {
            "code": counts.index,
            "reason": [reason_word(code).text for code in counts.index],
            "理由": [reason_word(code).text_zh for code in counts.index],
            "rows": counts.to_numpy(),
        }
    )


def _demo(options: argparse.Namespace) -> int:
    """Walk the whole way: records, findings, features, labels, model, validation, decisions."""
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    records = _demo_records(options)
    problems = ac.find_problems(records)
    first, last = records.span
    _say(f"Records of {first:%Y-%m-%d} to {last:%Y-%m-%d}: {len(records.tables)} tables, "
         f"{len(problems)} findings.", options)  # fmt: skip
    cohort, X, y = _labelled(records)
    train, test = cohort.split_by_time(_CUT, labels=y)
    _say(
        f"Loans whose outcome is known: {len(y):,}. Train on {int(train.sum()):,} whose year was "
        f"over by {_CUT}; validate on {int(test.sum()):,} made after it.",
        options,
    )
    with _step("training"):
        model = ac.DefaultModel().fit(X[train], y[train], cohort=cohort[train])
    model.save(out / "model.alicredit")
    report = ac.validate_model(model, X[test], y[test], cohort=cohort[test])
    report.to_html(out / "validation.html")
    brief = report.tables["summary"].iloc[:6]
    with _step("deciding the portfolio"):
        decisions = ac.score_portfolio(records, model, as_of=_AS_OF)
    decisions.to_parquet(out / "decisions.parquet", index=False)
    write_portfolio_page(decisions, out / "index.html", title=f"Decisions as of {_AS_OF}")
    if options.json:
        summary = _summary(decisions).to_dict("records")
        facts = {"summary": summary, "page": str(out / "index.html"), "model_id": model.model_id}
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return DONE
    _show(brief, "Does the model's claim hold, out of time?", options)
    _show(_summary(decisions), f"What would be lent as of {_AS_OF} under ali-2013", options)
    _show(_reasons(decisions), "Why the others are not approved", options)
    _say(f"Written: {out / 'decisions.parquet'}, {out / 'model.alicredit'}, "
         f"{out / 'validation.html'}", options)  # fmt: skip
    _say(f"Open this page: {out / 'index.html'}", options)
    return DONE


def _demo_records(options: argparse.Namespace) -> ac.Records:
    """Read the sample, or simulate one where none is given."""
    if options.data:
        with _step(f"reading {options.data}"):
            return ac.read_records(options.data)
    with _step("simulating a platform"):
        records, _ = ac.simulate_platform(
            options.merchants, seed=options.seed, orders_per_month=4, default_rate=0.12
        )
    return records
