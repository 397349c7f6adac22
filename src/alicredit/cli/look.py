"""The verbs ``tables`` and ``check``: what records are made of, and what is wrong with yours."""

from __future__ import annotations

import argparse

import pandas as pd

import alicredit as ac
from alicredit.checks import require_one_of
from alicredit.cli.parser import DONE, FOUND
from alicredit.cli.show import say, say_wrapped, show, step
from alicredit.features import find_lacking
from alicredit.records import TABLES, Column, Table

_SHOWN = 3
"""Examples of a finding that are shown; JSON has twenty."""


def run_tables(options: argparse.Namespace) -> int:
    """List the tables of records, or the columns of one."""
    if options.table is None:
        show(_all_tables(), "Tables of records; only `merchants` must be there", options)
        say("The columns of one: alicredit tables orders", options)
        return DONE
    table = TABLES[require_one_of("table", options.table, tuple(TABLES))]
    lines = [_column(table, column) for column in table.columns]
    key = ", ".join(table.key)
    show(pd.DataFrame(lines), f"{table.name}: {table.title}; one row for each {key}", options)
    if table.restricted:
        say("Read only with a stated purpose and legal basis, in data_use.toml.", options)
    return DONE


def _all_tables() -> pd.DataFrame:
    """Give a row a table: what it holds, and how many built-in features read it."""
    counts: dict[str, int] = dict.fromkeys(TABLES, 0)
    for name in ac.CATALOGUE.names:
        for table in ac.CATALOGUE.sources(name):
            counts[table] += 1
    rows = [(t.name, t.title + (" (restricted)" if t.restricted else ""), ", ".join(t.required),
             counts[t.name]) for t in TABLES.values()]  # fmt: skip
    return pd.DataFrame(rows, columns=["table", "what it holds", "required columns", "features"])


def _column(table: Table, column: Column) -> dict[str, str]:
    """Say of a column what must be in it."""
    more = [column.unit] if column.unit not in ("", column.kind) else []
    codes = column.values  # noqa: PD011 - no array, but declared codes
    if codes:
        more.append("one of " + ", ".join(codes))
    if column.refers_to and column.refers_to != f"{table.name}.{column.name}":
        more.append(f"stands in {column.refers_to}")
    if column.timed_by and column.timed_by != column.name:
        more.append(f"known from {column.timed_by} on")
    needs = "required" if column.required else "may lack"
    return {"column": column.name, "kind": column.kind, "needed": needs, "more": "; ".join(more)}


def run_check(options: argparse.Namespace) -> int:
    """List findings, and what features lack; errors give exit code 1."""
    with step("reading"):
        records = ac.read_records(options.data)
    with step("looking for problems"):
        problems = ac.find_problems(records)
    errors = int((problems["severity"] == "error").sum())
    if options.json:
        show(problems, f"Findings in {options.data}", options)
        return FOUND if errors else DONE
    for row in problems.itertuples():
        where = f", {row.rows:,} row{'s' if row.rows > 1 else ''}" if row.rows else ""
        say(f"{row.severity}: {row.table}, {row.rule}{where}", options)
        say_wrapped(_told(str(row.message), str(row.example)))
    rest = ": merchants with an error are not scored" if errors else ""
    say(f"{len(problems)} findings, {errors} of them errors{rest}.\n", options)
    _tell_lacking(records, options)
    return FOUND if errors else DONE


def _told(message: str, example: str) -> str:
    """Write a finding's message, with the first of its examples."""
    keys = [key for key in example.split(", ") if key]
    if not keys or "(found " in message:
        return message
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{message} (such as {', '.join(keys[:_SHOWN])}{more})"


def _tell_lacking(records: ac.Records, options: argparse.Namespace) -> None:
    """Say how many features can be known, and what would bring more."""
    lacking = find_lacking(records)
    every = len(ac.CATALOGUE.names)
    known = every - lacking["feature"].nunique()
    say(f"{known} of {every} built-in features can be known from these tables.", options)
    if known == every:
        return
    counts = lacking.groupby(["table", "column"])["feature"].nunique()
    counts = counts.sort_values(ascending=False, kind="stable").head(8)
    frame = counts.rename("features that lack it").reset_index()
    frame["column"] = frame["column"].replace("", "(the whole table)")
    show(frame, "What would bring most of the others", options)
