"""The tables that decisions stand in: their columns, and how a part becomes rows and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alicredit.checks import refuse
from alicredit.nightly.quarantine import SCHEMA as POISON_SCHEMA
from alicredit.nightly.written import SCHEMA, plain

RUNS, PARTS = "alicredit_runs", "alicredit_parts"
DECISIONS, QUARANTINE = "alicredit_decisions", "alicredit_quarantine"

MONEY = ("limit", "expected_loss", "expected_profit")
"""Amounts in yuan, kept as whole fen in columns whose names say so."""

_FEN = "_fen"
_RENAMED = {"row": "input_row", "column": "input_column"}
_KINDS = {
    pa.string(): "text", pa.int64(): "whole", pa.float64(): "real", pa.timestamp("us"): "time",
    pa.list_(pa.string()): "texts",
}  # fmt: skip
_PLACE = {"run": "whole", "part": "whole", "line": "whole"}


def _name_of(name: str) -> str:
    """Give the name of a part's column in a table: no word of SQL's own, units in the name."""
    return f"{name}{_FEN}" if name in MONEY else _RENAMED.get(name, name)


def _columns(schema: pa.Schema) -> dict[str, str]:
    """Give the columns of a table that holds a part's rows."""
    own = {
        _name_of(field.name): "whole" if field.name in MONEY else _KINDS[field.type]
        for field in schema
    }
    return _PLACE | own


TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        RUNS: {
            "run": "whole", "as_of": "time", "model_id": "text", "policy_id": "text",
            "prices_id": "text", "job_id": "text", "inputs_digest": "text", "state": "text",
            "merchants": "whole", "rows_written": "whole", "job": "text", "manifest": "text",
        },
        PARTS: {
            "run": "whole", "part": "whole", "rows_written": "whole", "merchants": "whole",
            "sha256": "text", "receipt": "text",
        },
        DECISIONS: _columns(SCHEMA),
        QUARANTINE: _columns(POISON_SCHEMA),
    }
)  # fmt: skip
"""Table -> column -> kind: text, whole, real, time, texts."""

_SCHEMAS = {DECISIONS: SCHEMA, QUARANTINE: POISON_SCHEMA}


def stored_schema(table: str) -> pa.Schema:
    """Give the types in which a table's rows are written and read."""
    types = {kind: arrow for arrow, kind in _KINDS.items()}
    return pa.schema([(name, types[kind]) for name, kind in TABLES[table].items()])


def stored(table: str, part: pa.Table, run: int, number: int) -> pa.Table:
    """Lay a part out as rows of a table, amounts as whole fen."""
    rows = len(part)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "run": pa.array(np.full(rows, run, dtype=np.int64)),
        "part": pa.array(np.full(rows, number, dtype=np.int64)),
        "line": pa.array(np.arange(rows, dtype=np.int64)),
    }
    whole = plain(part)
    for name in whole.column_names:
        column = whole[name]
        columns[_name_of(name)] = _fen(name, column) if name in MONEY else column
    return pa.table(columns).select(list(TABLES[table]))


def from_stored(table: str, rows: pa.Table) -> pa.Table:
    """Give the rows of a table as the part that they were."""
    schema = _SCHEMAS[table]
    columns = {}
    for field in schema:
        column = rows[_name_of(field.name)]
        if field.name in MONEY:
            column = pc.divide(column.cast(pa.float64()), 100.0)
        columns[field.name] = column.cast(field.type)
    return pa.table(columns, schema=schema)


def _fen(name: str, column: pa.ChunkedArray) -> pa.Array:
    """Give amounts in yuan as whole fen; refuse what is none."""
    yuan = column.to_numpy()
    known = ~np.isnan(yuan)
    fen = np.rint(np.where(known, yuan, 0.0) * 100)
    is_fen = (np.abs(fen) < 2.0**53) & (fen / 100 == np.where(known, yuan, 0.0))
    if not is_fen.all():
        found = float(yuan[~is_fen][0])
        refuse(f"out: {name}", "must be whole fen to be kept exactly", found, "write to a folder")
    return pa.array(fen.astype(np.int64), mask=~known)


def check_texts(table: str, rows: pa.Table) -> None:
    """Refuse texts that PostgreSQL cannot hold, by name of column and merchant."""
    for name in rows.column_names:
        if not pa.types.is_string(rows.schema.field(name).type):
            continue
        at = pc.index(pc.match_substring(rows[name], "\0"), value=True).as_py()
        if at >= 0:
            found = f"{rows[name][at].as_py()!r} of merchant {rows['merchant_id'][at].as_py()!r}"
            rule = "must hold no zero byte, which PostgreSQL cannot keep in a text"
            refuse(f"out: {table} column {name!r}", rule, found, "mend that id where it is made")
