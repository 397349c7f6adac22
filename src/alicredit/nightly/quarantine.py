"""Rows that are poison: which merchant, where in the input, which value, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.portable.blocks import read_column
from alicredit.vocabulary import STATUSES

POISON = ("bad_records", "bad_type", "bad_value", "duplicated")
"""Statuses of rows that somebody must mend: others lack history or inputs, which is no fault."""

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("merchant_id", pa.string()),
        ("status", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("message", pa.string()),
        ("message_zh", pa.string()),
    ]
)


def find_poison(
    inputs: pd.DataFrame,
    ids: npt.NDArray[np.object_],
    status: npt.NDArray[np.object_],
    models: Iterable[Any],
    start: int,
) -> pa.Table:
    """List the poison among rows: one line for each wrong value, or one for the row itself.

    Parameters
    ----------
    inputs : pandas.DataFrame
        The models' inputs.
    ids, status : arrays of object
        Of each row.
    models : iterable of ScoreModel
        Whose contracts hold.
    start : int
        Position of the first row in the whole input, from 0.

    Returns
    -------
    pyarrow.Table
        ``row, merchant_id, status, column, value, message, message_zh``; empty without poison.
    """
    rows = np.flatnonzero(np.isin(status, POISON))
    if not len(rows):
        return SCHEMA.empty_table()
    lines = _wrong_values(inputs.iloc[rows], models)
    named = {at for at, _ in lines}
    for at in range(len(rows)):
        own = str(status[rows[at]])
        if at not in named or own in ("bad_records", "duplicated"):
            lines[at, "" if own == "bad_records" else "merchant_id"] = (own, str(ids[rows[at]]))
    order = sorted(lines)
    words = [STATUSES[lines[key][0]] for key in order]
    where = [int(rows[at]) for at, _ in order]
    columns = {
        "row": [start + at for at in where],
        "merchant_id": [str(ids[at]) for at in where],
        "status": [lines[key][0] for key in order],
        "column": [name for _, name in order],
        "value": [lines[key][1] for key in order],
        "message": [word.text for word in words],
        "message_zh": [word.text_zh for word in words],
    }
    return pa.table(columns, schema=SCHEMA)


def _wrong_values(
    inputs: pd.DataFrame, models: Iterable[Any]
) -> dict[tuple[int, str], tuple[str, str]]:
    """Give the status and the text of each value outside a contract, by row and column."""
    found: dict[tuple[int, str], tuple[str, str]] = {}
    for model in models:
        for table in model.tables:
            values = inputs[table.name]
            _, _, wrong, bad = read_column(table, values)
            for word, mask in (("bad_type", wrong), ("bad_value", bad)):
                for at in np.flatnonzero(mask).tolist():
                    found.setdefault((at, table.name), (word, repr(values.iloc[at])[:200]))
    return found
