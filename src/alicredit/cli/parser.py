"""What may be typed: verbs, options, defaults, exit codes."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping

import alicredit as ac

DONE, FOUND, REFUSED, MENDED, LOST, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes."""

CUT, AS_OF, POLICY = "2012-11-01", "2013-05-01", "ali-2013"
"""The demo's dates, and the policy where none is named."""

_MODEL = "model.alicredit"
_CODES = (
    "0 done, 1 the data have errors or a check is red, 2 refused or misspelt, 3 done but some "
    "merchants stand in rows that must be mended (score), 4 a database was out of reach or in use: "
    "run again, 130 interrupted."
)

_WORDS = {
    "as_of": "DATE", "cut": "DATE", "default_rate": "SHARE", "dialect": "NAME", "features": "PATH",
    "html": "FILE", "key": "COLUMN", "memory": "GB", "merchants": "N", "model": "FILE",
    "months": "N", "orders_per_month": "N", "out": "PATH", "policy": "POLICY", "seed": "N",
    "data_use": "FILE", "work": "FOLDER",
    "since": "DATE", "start": "DATE", "table": "NAME", "truth": "FILE", "data": "FOLDER",
}  # fmt: skip
"""What stands for an option's value in the help."""

_NEXT = {
    "demo": "alicredit demo --data data/sample",
    "simulate": "alicredit simulate my-records --seed 1 --merchants 500 --default-rate 0.1",
    "tables": "alicredit tables orders",
    "check": "alicredit check my-records",
    "train": "alicredit train my-records --cut 2012-11-01",
    "validate": "alicredit validate my-records --cut 2012-11-01 --html validation.html",
    "score": "alicredit score my-records --as-of 2013-05-01 --policy ali-2013 --html page.html",
    "monitor": "alicredit monitor my-records --as-of 2013-11-01",
    "export": "alicredit export model.alicredit --to python --out score.py",
}
"""An example of each verb, in the order in which they are used."""

_POLICIES = "Built-in policies: ali-2013, ali-2013-planned, cn-2025, distributor-example."
_NOTES = {
    "demo": "It takes a few minutes, most of them to fit three shapes of model.",
    "train": "Without --cut all loans whose outcome is known are trained on, and none validates.",
    "score": _POLICIES,
    "monitor": _POLICIES,
    "export": _POLICIES,
}

Verb = Callable[[argparse.Namespace], int]


def make_parser(verbs: Mapping[str, Verb]) -> argparse.ArgumentParser:
    """Declare the verbs and their options.

    Parameters
    ----------
    verbs : mapping of str to callable
        What runs each verb.

    Returns
    -------
    argparse.ArgumentParser
        Its result carries ``run``.
    """
    parser = argparse.ArgumentParser(
        prog="alicredit",
        description="From a platform's records to loan decisions.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"alicredit {ac.__version__}")
    parser.add_argument("--verbose", action="store_true", help="log what is done to stderr")
    parser.add_argument("--log-json", action="store_true", help="log as lines of JSON to stderr")
    under = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (text, declare) in _VERBS.items():
        one = under.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=_epilog(name),
            formatter_class=_Help,
        )
        one.add_argument("--json", action="store_true", help="print JSON for machines")
        one.set_defaults(run=verbs[name])
        declare(one)
        for action in one._actions:
            if action.option_strings and action.metavar is None and action.nargs != 0:
                action.metavar = _WORDS.get(action.dest) if action.choices is None else None
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    """Show a default where there is one to know; write what is required, and dates, plainly."""

    def _get_help_string(self, action: argparse.Action) -> str:
        """Add what an option is when it is not given."""
        text = action.help or ""
        if action.required and action.option_strings:
            return f"{text} (required)"
        is_plain = action.default is None or isinstance(action.default, bool)
        if is_plain or action.default == argparse.SUPPRESS or not action.option_strings:
            return text
        return f"{text} (default: %(default)s)"


def _wrapped(text: str) -> str:
    """Break a paragraph into lines."""
    return "\n".join(textwrap.wrap(text, 88))


def _epilog(verb: str) -> str:
    """Write an example, and what a verb leaves unsaid."""
    note = f"{_NOTES[verb]}\n\n" if verb in _NOTES else ""
    is_dateless = verb in ("tables", "check", "demo", "export")
    dates = "" if is_dateless else "Dates are written 2013-05-01. "
    tail = f"{dates}Exit codes stand in `alicredit --help`."
    return f"example:\n  {_NEXT[verb]}\n\n{note}{tail}"


def _overview() -> str:
    """Write the verbs as one is used after the other, and the exit codes."""
    way = "\n".join(f"  {line}" for line in _NEXT.values())
    return (
        f"the way, verb after verb:\n{way}\n\n{_wrapped('Exit codes: ' + _CODES)}\n\n"
        "--verbose and --log-json stand before the verb."
    )


def _data(parser: argparse.ArgumentParser) -> None:
    """Declare where the records are."""
    parser.add_argument("data", help="records: a folder (Parquet or CSV), or a database")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", help="folder of records; without it a platform is simulated")
    parser.add_argument("--out", default="demo", help="folder to write into")
    parser.add_argument("--merchants", type=int, default=800, help="merchants to simulate")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", help="folder to write into")
    parser.add_argument("--seed", type=int, required=True, help="same seed, same records")
    parser.add_argument("--merchants", type=int, default=1000, help="merchants on the platform")
    parser.add_argument("--start", default="2009-07-01", help="first day of the records")
    parser.add_argument("--months", type=int, default=60, help="length of the records")
    parser.add_argument(
        "--orders-per-month", type=float, default=10, help="mean orders a merchant and month"
    )
    parser.add_argument(
        "--default-rate", type=float, default=0.008, help="share of borrowers a year"
    )
    parser.add_argument("--truth", help="Parquet file for each loan's true probability of default")


def _tables(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", nargs="?", help="whose columns to list; without it all tables")


def _train(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--model", default=_MODEL, help="file to write")
    parser.add_argument("--cut", help="train before this date, validate after it")
    parser.add_argument(
        "--shape", default="auto", choices=("auto", "points", "pairs", "trees"),
        help="auto judges the three others and takes the plainest that loses nothing; points alone "
        "takes a fraction of its time",
    )  # fmt: skip


def _validate(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--model", default=_MODEL, help="file to read")
    parser.add_argument("--cut", required=True, help="loans from this date on")
    parser.add_argument("--html", help="page to write")


def _score(parser: argparse.ArgumentParser) -> None:
    text = "records: a folder (Parquet or CSV), or a database such as postgresql://user@host/name"
    parser.add_argument("data", nargs="?", default=argparse.SUPPRESS, help=text)
    parser.add_argument("--data", help="the same, by name")
    parser.add_argument(
        "--data-use", help="TOML file: purpose and legal basis of restricted tables in a database"
    )
    parser.add_argument(
        "--features", help="prepared features instead of records: a Parquet file or a folder"
    )
    parser.add_argument("--model", default=_MODEL, help="file to read")
    parser.add_argument("--as-of", required=True, help="the day decided for; nothing later is read")
    parser.add_argument("--policy", default=POLICY, help="built-in name, or a .toml file")
    parser.add_argument(
        "--out", help="folder for the decisions' parts and manifest.json, or a database"
    )
    parser.add_argument(
        "--resume", action=argparse.BooleanOptionalAction, default=True,
        help="go on with what the same run left unfinished in --out",
    )  # fmt: skip
    parser.add_argument("--memory", type=float, default=2.0, help="GB to keep within, with --out")
    parser.add_argument("--work", help="folder for what is built on the way to a database")
    parser.add_argument(
        "--engine", choices=("local", "spark"), default="local",
        help="where to compute; spark: in the running session, or in one of this machine's threads",
    )  # fmt: skip
    parser.add_argument("--html", help="page to write")


def _monitor(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--model", default=_MODEL, help="file to read")
    parser.add_argument("--as-of", required=True, help="the day looked at; nothing later is read")
    parser.add_argument("--since", help="loans from this date on; without it those after training")
    parser.add_argument("--policy", help="whose grades to use: built-in name, or a .toml file")
    parser.add_argument(
        "--by", default="quarter", choices=("month", "quarter", "year"), help="periods told apart"
    )
    parser.add_argument("--html", help="page to write, with vintages, roll rates and warnings")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="file to read")
    parser.add_argument(
        "--to", required=True, choices=("sql", "python", "onnx", "paper"), help="form to write"
    )
    parser.add_argument("--out", help="file to write; a query without it is printed")
    parser.add_argument("--dialect", help="of SQL: duckdb (without it), postgres, spark or another")
    parser.add_argument("--table", help="of SQL: the table of features, with its schema a.b")
    parser.add_argument("--key", nargs="+", help="of SQL: columns that tell rows apart")
    parser.add_argument("--policy", help="of SQL: whose grades to give: built-in name, or a .toml")


_VERBS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "demo": ("walk the whole way on a sample and write a page", _demo),
    "simulate": ("write the records of a simulated platform", _simulate),
    "tables": ("list the tables and columns that records may have", _tables),
    "check": ("list what is wrong with records, and which features they lack", _data),
    "train": ("train a model on past loans and save it", _train),
    "validate": ("hold a saved model against later loans", _validate),
    "score": ("decide every merchant as of a date", _score),
    "monitor": ("watch a model on the loans made since its training", _monitor),
    "export": ("write a saved model as SQL, a Python file, ONNX or a page to print", _export),
}
