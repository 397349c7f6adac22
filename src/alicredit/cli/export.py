"""The verb ``export``: a saved model in another form."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd

import alicredit as ac
from alicredit.checks import refuse, write_whole
from alicredit.cli.parser import DONE
from alicredit.cli.show import say, show, step


def run_export(options: argparse.Namespace) -> int:
    """Write a model as a query, a Python file, an ONNX graph or a page; a query also to stdout."""
    if options.to != "sql" and options.out is None:
        refuse("--out", f"must name the file that --to {options.to} writes", "none")
    given = [name for name in _OF_SQL if getattr(options, name) is not None]
    if options.to != "sql" and given:
        refuse(f"--{given[0]}", "must be left out but for --to sql", f"--to {options.to}")
    model = ac.load_model(options.model)
    if options.to == "sql":
        text = _query(model, options)
        if options.out is None:
            sys.stdout.write(text)
            return DONE
        write_whole("--out", options.out, text.encode())
    else:
        write: Callable[[str], Any] | None = getattr(model, f"to_{options.to}", None)
        if write is None:
            refuse("--to", "must be a form that this version writes", options.to)
        with step(f"writing {options.to}"):
            write(options.out)
    if options.json:
        line = {"model_id": model.model_id, "form": options.to, "written": options.out}
        show(pd.DataFrame([line]), "", options)
    say(f"{options.to}: {options.out}", options)
    return DONE


_OF_SQL = ("dialect", "table", "key", "policy")


def _query(model: Any, options: argparse.Namespace) -> str:
    """Write the query; a dot in the table's name parts schema and table."""
    policy = None if options.policy is None else ac.load_policy(options.policy)
    text: str = model.to_sql(
        options.dialect or "duckdb",
        table=(options.table or "features").split("."),
        key=options.key or ["merchant_id"],
        grades=policy,
    )
    return text
