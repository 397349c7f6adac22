"""A night's work on a cluster: ``spark-submit submit.py --data ... --model ... --out ...``.

The file to submit is this one: ``python -c "import alicredit.portfolio.submit as s;
print(s.__file__)"`` says where it stands. Options and exit codes are those of ``alicredit score``.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

import alicredit as ac
from alicredit.allocation import load_prices
from alicredit.checks import refuse
from alicredit.cluster.taking import from_cluster
from alicredit.errors import AlicreditError
from alicredit.features.packed import import_pyspark
from alicredit.nightly.run import Run
from alicredit.portfolio.jobs import score_portfolio

DONE, REFUSED, MENDED = 0, 2, 3
"""Exit codes, as those of the command."""


def submit(arguments: Sequence[str] | None = None) -> int:
    """Decide a platform on the cluster that ``spark-submit`` names; give the exit code.

    Parameters
    ----------
    arguments : sequence of str or None, default None
        What stands after the file's name; None takes the process's own.

    Returns
    -------
    int
        0 done, 2 refused, 3 done but some merchants stand in rows that must be mended.

    Examples
    --------
    >>> submit(["--data", "nowhere", "--model", "model.alicredit", "--as-of", "2013-05-01",
    ...         "--out", "decisions"])
    2
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    try:
        manifest = _decide(options)
    except AlicreditError as error:
        sys.stderr.write(f"refused: {error}\n")
        return REFUSED
    told = {key: value for key, value in manifest.items() if key != "parts"}
    told["parts"] = len(manifest["parts"])
    sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return MENDED if manifest["quarantine"]["merchants"] else DONE


def _parser() -> argparse.ArgumentParser:
    """Declare the options."""
    parser = argparse.ArgumentParser(description="Decide a platform's merchants on Spark.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="folder of records in Parquet that all workers see")
    source.add_argument("--tables", nargs="+", metavar="NAME=TABLE",
                        help="records in tables of Spark: orders=shop.orders ...")  # fmt: skip
    source.add_argument("--features", help="prepared features: a Parquet file or a folder of them")
    parser.add_argument("--model", required=True, help="file to read")
    parser.add_argument("--as-of", required=True, help="the day decided for")
    parser.add_argument("--policy", default="ali-2013", help="built-in name, or a .toml file")
    parser.add_argument("--prices", help="frozen prices of a book: a file to read")
    parser.add_argument("--out", required=True, help="folder that all workers share")
    parser.add_argument("--part-merchants", type=int, default=50_000, help="merchants of a part")
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True,
                        help="go on with what the same run left unfinished in --out")  # fmt: skip
    return parser


def _decide(options: argparse.Namespace) -> dict[str, Any]:
    """Read what is named, decide, and give the manifest."""
    run = Run(options.out, resume=options.resume, part_merchants=options.part_merchants)
    records: Any = None if options.data is None else ac.read_records(options.data)
    model = ac.load_model(options.model)
    prices = None if options.prices is None else load_prices(options.prices)
    import_pyspark()
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName("alicredit").getOrCreate()
    if options.tables is not None:
        with from_cluster("--tables"):
            records = {name: session.table(table) for name, table in map(_named, options.tables)}
    found = score_portfolio(
        records, model, as_of=options.as_of, policy=options.policy, prices=prices,
        features=options.features, out=run, engine=session,
    )  # fmt: skip
    return dict(found.attrs["manifest"])


def _named(pair: str) -> tuple[str, str]:
    """Take a table of records and where it stands."""
    name, _, table = pair.partition("=")
    if not name or not table:
        refuse("--tables", "must be NAME=TABLE", repr(pair), "orders=shop.orders")
    return name, table


if __name__ == "__main__":
    sys.exit(submit())
