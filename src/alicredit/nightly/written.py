"""Decisions as parts of Parquet, and what they sum to."""

from __future__ import annotations

import hashlib
import io
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.checks import require_columns, require_kind, write_whole
from alicredit.deciding.reasons import ReasonLists
from alicredit.decision import COLUMNS

if TYPE_CHECKING:
    from alicredit.nightly.folder import Folder

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


METADATA = pa.Schema.from_pandas(
    pd.DataFrame({"score": pd.array([], "Int64")}), preserve_index=False
).metadata
"""By it pandas reads scores as whole numbers, though some are missing."""


def table_of(ids: npt.NDArray[np.object_], parts: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Lay the decisions of products out, each merchant's side by side; repeated words numbered.

    Parameters
    ----------
    ids : array of str
        Of the merchants.
    parts : sequence of mapping
        Of each product: columns, or one value for all, by name.
    """
    width, rows = len(parts), len(ids)
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        if name == "merchant_id":
            at = np.repeat(np.arange(rows), width)
            columns[name] = pa.array(ids, pa.string()).take(pa.array(at))
        elif name == "reasons":
            columns[name] = ReasonLists.side_by_side([part[name] for part in parts]).to_arrow()
        elif name in _WORDS:
            columns[name] = _words([part[name] for part in parts], rows)
        else:
            columns[name] = _values([part[name] for part in parts], rows, _type_of(name))
    return pa.table(columns, metadata=METADATA)


def _words(parts: list[Any], rows: int) -> pa.DictionaryArray:
    """Number the words of products that stand side by side, in the order in which they appear."""
    if all(isinstance(part, str) for part in parts):
        at, words = pd.factorize(np.array(parts, dtype=object))
        codes = np.tile(at, rows)
    else:
        both = np.stack([np.broadcast_to(np.asarray(p, object), rows) for p in parts], axis=1)
        codes, words = pd.factorize(both.ravel())
    numbers = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(numbers, pa.array(words.tolist(), pa.string()))


def _values(parts: list[Any], rows: int, kind: pa.DataType) -> pa.Array:
    """Lay numbers and times of products side by side; NaN is missing."""
    if pa.types.is_timestamp(kind):
        moments = [np.datetime64(part.tz_localize(None), "us") for part in parts]
        return pa.array(np.tile(np.array(moments), rows), kind)
    numbers = [
        part.to_numpy(np.float64, na_value=np.nan) if isinstance(part, pd.Series) else part
        for part in parts
    ]
    both = np.stack([np.broadcast_to(np.asarray(p, float), rows) for p in numbers], axis=1).ravel()
    array = pa.array(both, mask=np.isnan(both))
    return array.cast(kind)


def columns_of_frame(frame: pd.DataFrame) -> dict[str, Any]:
    """Take the columns of one product's decisions."""
    columns: dict[str, Any] = {
        name: frame[name].astype(object).where(frame[name].notna(), None).to_numpy(object)
        if name in _WORDS
        else frame[name]
        for name in COLUMNS[1:]
    }
    columns["as_of"] = frame["as_of"].iloc[0] if len(frame) else pd.Timestamp(0)
    columns["reasons"] = ReasonLists.of(frame["reasons"].tolist())
    return columns


def whole_of(tables: Iterable[pa.Table]) -> pa.Table:
    """Put tables together as one that does not tell where they were cut."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def plain(table: pa.Table) -> pa.Table:
    """Give decisions without numbered words, as they are whatever stands beside them."""
    fields = []
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        fields.append(
            pa.field(field.name, pa.list_(pa.string()) if pa.types.is_list(kind) else kind)
        )
    return table.cast(pa.schema(fields)).combine_chunks()


def numbered(table: pa.Table) -> pa.Table:
    """Give decisions with numbered words, each in one chunk."""
    whole = table.combine_chunks()
    columns: dict[str, Any] = {}
    for name in whole.column_names:
        column = whole[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else column
        if name in _WORDS:
            column = column.dictionary_encode()
        elif name == "reasons":
            values = column.flatten().dictionary_encode()
            sizes = np.cumsum([0, *column.value_lengths().fill_null(0).to_pylist()])
            column = pa.ListArray.from_arrays(pa.array(sizes, pa.int32()), values)
        columns[name] = column
    return pa.table(columns)


def new_mark() -> str:
    """Mark an unfinished file as one writer's: two tries of a task may write at once."""
    return f".{secrets.token_hex(4)}"


def write_part(folder: Folder, name: str, table: pa.Table) -> dict[str, Any]:
    """Write a part whole or not at all; give its name, rows and digest."""
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, store_schema=False) as writer:
        writer.write_table(table, row_group_size=_GROUP_ROWS)
        writer.add_key_value_metadata(table.schema.metadata or {})
    data = buffer.getvalue()
    write_whole("out", folder.path / name, data, mark=new_mark())
    return {"name": name, "rows": len(table), "sha256": hashlib.sha256(data).hexdigest()}


def count(table: pa.Table) -> dict[str, Any]:
    """Count decisions by product, decision, status and grade, and the reasons of refusals."""
    key, words = np.zeros(len(table), dtype=np.int64), {}
    for name in KEYS:
        codes, words[name] = _codes(table, name)
        key = key * (len(words[name]) + 1) + codes + 1
    at, different = pd.factorize(key)
    sizes = np.bincount(at, minlength=len(different)).tolist()
    sums = [
        np.bincount(at, _filled(table, name), minlength=len(different)).tolist() for name in SUMS
    ]
    lines = []
    for each, size, *amounts in zip(different.tolist(), sizes, *sums):
        names: list[str] = []
        for name in reversed(KEYS):
            each, code = divmod(each, len(words[name]) + 1)
            names.insert(0, words[name][code - 1] if code else "")
        lines.append([*names, size, *amounts])
    return {"counts": sorted(lines), "reasons": _count_reasons(table, words)}


def _count_reasons(table: pa.Table, words: Mapping[str, list[str]]) -> list[list[Any]]:
    """Count the codes of rows that are not approved, by product."""
    if not len(table):
        return []
    lists = table.column("reasons").chunk(0)
    values = lists.flatten()
    sizes = np.diff(lists.offsets.to_numpy())
    products, decisions = _codes(table, "product_id")[0], _codes(table, "decision")[0]
    approve = words["decision"].index("approve") if "approve" in words["decision"] else -1
    codes, every = values.indices.to_numpy(), values.dictionary.to_pylist()
    kept = np.repeat(decisions != approve, sizes)
    pairs = (np.repeat(products, sizes) * len(every) + codes)[kept]
    found = np.bincount(pairs, minlength=1)
    return sorted(
        [words["product_id"][at // len(every)], every[at % len(every)], int(found[at])]
        for at in np.flatnonzero(found).tolist()
    )


def _codes(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Give the numbers of a column's words, -1 where there is none, and the words."""
    if not len(table):
        return np.zeros(0, dtype=np.int64), []
    chunk = table.column(name).chunk(0)
    numbers = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return numbers.astype(np.int64), chunk.dictionary.to_pylist()


def _filled(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """Give amounts, 0 where there is none."""
    values = table.column(name).combine_chunks()
    found: npt.NDArray[np.float64] = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    return found


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
