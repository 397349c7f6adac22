"""Decisions as parts of Parquet, and what they sum to."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.checks import require_columns, require_kind, write_whole
from alicredit.decision import COLUMNS
from alicredit.portfolio.folder import Folder

_WORDS = (
    "product_id", "status", "grade", "decision", "rate_unit", "model_id", "policy_id", "prices_id",
)  # fmt: skip
_TEXTS = ("merchant_id", *_WORDS)
_GROUP_ROWS = 100_000
KEYS = ("product_id", "decision", "status", "grade")
SUMS = ("limit", "expected_loss", "expected_profit")


def _type_of(name: str) -> pa.DataType:
    """Give a column's type in a part."""
    if name in _TEXTS:
        return pa.string()
    types = {"as_of": pa.timestamp("us"), "score": pa.int64(), "reasons": pa.list_(pa.string())}
    return types.get(name, pa.float64())


SCHEMA = pa.schema([(name, _type_of(name)) for name in COLUMNS])
"""Columns of a part."""


_METADATA = pa.Schema.from_pandas(
    pd.DataFrame({"score": pd.array([], "Int64")}), preserve_index=False
).metadata
"""By it pandas reads scores as whole numbers, though some are missing."""


def table_of(frame: pd.DataFrame) -> pa.Table:
    """Give decisions as an Arrow table; words that repeat are numbered."""
    columns = {}
    for name in COLUMNS:
        column = frame[name]
        kind = _type_of(name)
        values = column.tolist() if name == "reasons" else column
        array = pa.array(values, type=kind, from_pandas=True)
        columns[name] = array.dictionary_encode() if name in _WORDS else array
    return pa.table(columns, metadata=_METADATA)


def write_part(folder: Folder, name: str, table: pa.Table) -> dict[str, Any]:
    """Write a part whole or not at all; give its name, rows and digest."""
    buffer = io.BytesIO()
    whole = table.unify_dictionaries().combine_chunks()
    with pq.ParquetWriter(buffer, whole.schema, store_schema=False) as writer:
        writer.write_table(whole, row_group_size=_GROUP_ROWS)
        writer.add_key_value_metadata(whole.schema.metadata or {})
    data = buffer.getvalue()
    write_whole("out", folder.path / name, data)
    return {"name": name, "rows": len(table), "sha256": hashlib.sha256(data).hexdigest()}


def count(frame: pd.DataFrame) -> dict[str, Any]:
    """Count decisions by product, decision, status and grade, and the reasons of refusals."""
    keyed = frame[list(KEYS)].astype(object)
    keyed["grade"] = keyed["grade"].where(keyed["grade"].notna(), "")
    groups = frame[list(SUMS)].groupby([keyed[name] for name in KEYS], sort=True)
    sums = groups.sum()
    sizes = groups.size()
    lines = [[*key, int(sizes[key]), *sums.loc[key].tolist()] for key in sizes.index]
    others = frame.loc[(frame["decision"] != "approve").to_numpy(bool)]
    exploded = others[["product_id", "reasons"]].explode("reasons")
    codes = exploded.groupby(["product_id", "reasons"], sort=True).size()
    return {"counts": lines, "reasons": [[*key, int(size)] for key, size in codes.items()]}


def add_up(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add the counts of parts up, amounts exactly whatever their order."""
    sizes: dict[tuple[str, ...], int] = {}
    amounts: dict[tuple[str, ...], list[list[float]]] = {}
    reasons: dict[tuple[str, str], int] = {}
    for part in parts:
        for *key, size, limit, loss, profit in part["counts"]:
            name = tuple(key)
            sizes[name] = sizes.get(name, 0) + size
            amounts.setdefault(name, []).append([limit, loss, profit])
        for product, code, size in part["reasons"]:
            reasons[product, code] = reasons.get((product, code), 0) + size
    lines = [
        dict(zip((*KEYS, "merchants", *SUMS), (*key, sizes[key], *map(math.fsum, zip(*sums)))))
        for key, sums in sorted(amounts.items())
    ]
    refused = [
        {"product_id": product, "reason": code, "merchants": size}
        for (product, code), size in sorted(reasons.items())
    ]
    return {"decisions": lines, "refused": refused}


def summary_of(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Give what :func:`summarise` gives of all decisions that a manifest counts."""
    lines = manifest["summary"]["decisions"]
    frame = pd.DataFrame(lines, columns=[*KEYS, "merchants", *SUMS])
    keys = ["product_id", "decision", "status"]
    whole = frame.groupby(keys, sort=True, as_index=False)[["merchants", *SUMS]].sum()
    whole = whole.astype({"merchants": np.int64} | dict.fromkeys(SUMS, np.float64))
    whole.attrs["manifest"] = dict(manifest)
    return whole


def summarise(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count decisions by product, decision and status, with limits, losses and profits.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`score_portfolio`.

    Returns
    -------
    pandas.DataFrame
        ``product_id, decision, status, merchants, limit, expected_loss, expected_profit``.

    Raises
    ------
    InputError
        If a column lacks.

    Examples
    --------
    >>> summarise(pd.DataFrame({"product_id": ["p"]}))
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must have the columns ...
    >>> list(summarise(pd.DataFrame(columns=list(COLUMNS))).columns)[:3]
    ['product_id', 'decision', 'status']
    """
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), COLUMNS)
    groups = decisions.groupby(["product_id", "decision", "status"], sort=True, as_index=False)
    return groups.agg(
        merchants=("merchant_id", "size"),
        limit=("limit", "sum"),
        expected_loss=("expected_loss", "sum"),
        expected_profit=("expected_profit", "sum"),
    )
