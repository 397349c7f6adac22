"""Which keys of a table stand twice, and which columns lack no value, told without joining rows.

Keys are compared by 64 bits of their hash, a number for each row; only the rows of hashes that
stand twice need be looked at themselves. What beyond a few million numbers there is goes through
files, so that memory does not grow with the rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.records.facts import quoted
from alicredit.records.sources import REAL, Source, arrow_reader

Hashes = npt.NDArray[np.uint64]

_HELD = 2**21
"""Hashes that are held at once: as many as the places of their bits stay near the processor."""
_FILES = 500
"""Files that are open at once, at most."""
_SORTED = 2**20
"""Hashes that are sorted sooner than kernels are loaded to look at them (assumed)."""
_BATCH = 2**17


def repeated_hashes(
    con: duckdb.DuckDBPyConnection, rows: str, key: Sequence[str], folder: str | None = None
) -> Hashes:
    """Find the hashes of keys that stand more than once.

    Parameters
    ----------
    con : DuckDB connection
        Where the rows are.
    rows : str
        What to read, as it stands after FROM.
    key : sequence of str
        The columns that together should stand once.
    folder : str or None, default None
        Where to lay hashes that are too many to be held; None takes the system's.

    Returns
    -------
    array of uint64
        Each once, sorted; of keys that stand once but by a chance of 2**-64 for each pair none.

    Examples
    --------
    >>> con = duckdb.connect()
    >>> rows = "(SELECT unnest([1, 2, 1, 3]) AS id)"
    >>> len(repeated_hashes(con, rows, ["id"]))
    1
    >>> repeated_hashes(con, "(SELECT 1 AS id, 2 AS part)", ["id", "part"])
    array([], dtype=uint64)
    """
    return np.unique(copied_hashes(con, rows, key, folder))


def copied_hashes(
    con: duckdb.DuckDBPyConnection, rows: str, key: Sequence[str], folder: str | None = None
) -> Hashes:
    """Find the same hashes as :func:`repeated_hashes`, each as often as it stands.

    Examples
    --------
    >>> con = duckdb.connect()
    >>> len(copied_hashes(con, "(SELECT unnest([1, 2, 1, 3, 1]) AS id)", ["id"]))
    3
    """
    ((count,),) = con.execute(f"SELECT count(*) FROM {rows}").fetchall()
    shares = min(-(-int(count) // _HELD), _FILES)
    hashed = _hashed(con, rows, key)
    if shares <= 1:
        return _copies([*hashed])
    with tempfile.TemporaryDirectory(dir=folder) as place:
        paths = [Path(place) / str(share) for share in range(shares)]
        _deal(hashed, paths)
        found = [_copies([np.fromfile(path, np.uint64)]) for path in paths if path.exists()]
    return np.concatenate(found)


def hash_sql(key: Sequence[str]) -> str:
    """Write the hash of a key.

    Examples
    --------
    >>> hash_sql(["merchant_id", "day"])
    'hash("merchant_id", "day")'
    """
    return f"hash({', '.join(quoted(name) for name in key)})"


def _hashed(con: duckdb.DuckDBPyConnection, rows: str, key: Sequence[str]) -> Iterator[Hashes]:
    """Read the hashes of keys, batch after batch."""
    for batch in arrow_reader(con, f"SELECT {hash_sql(key)} AS h FROM {rows}", _BATCH):
        yield np.asarray(batch["h"].to_numpy(zero_copy_only=False), np.uint64)


def _deal(hashed: Iterator[Hashes], paths: list[Path]) -> None:
    """Write hashes into files, those that are equal into the same: by their last bits.

    Their first ones, by which they are looked up then, stay spread in each file.
    """
    from alicredit.records.twins import deal_out  # what it compiles with is slow to import

    files = [path.open("wb") for path in paths]
    try:
        for batch in hashed:
            for file, values in zip(files, deal_out(batch, len(files)), strict=True):
                file.write(values.data)
    finally:
        for file in files:
            file.close()


def _copies(parts: list[Hashes]) -> Hashes:
    """Find the values that stand more than once, each as often as it does, in order."""
    every = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    parts.clear()
    if len(every) > _SORTED:
        from alicredit.records.twins import find_twins  # what it compiles with is slow to import

        return find_twins(every)
    every.sort()
    return copies_of(every)


def copies_of(ordered: Hashes) -> Hashes:
    """Keep of numbers in order those that stand more than once.

    Examples
    --------
    >>> copies_of(np.array([1, 5, 5, 5, 6, 7, 7], np.uint64)).tolist()
    [5, 5, 5, 7, 7]
    >>> len(copies_of(np.empty(0, np.uint64)))
    0
    """
    is_copy = np.zeros(len(ordered), dtype=bool)
    is_alike = ordered[1:] == ordered[:-1]
    is_copy[1:] |= is_alike
    is_copy[:-1] |= is_alike
    return ordered[is_copy]


def full_columns(source: Source) -> frozenset[str]:
    """Name the columns of which it is certain, without reading them, that no value is missing.

    Parameters
    ----------
    source : Source
        A table's rows: an Arrow table, or Parquet files whose footers count what is missing.

    Returns
    -------
    frozenset of str
        Reals are never among them, since one that is no number reads as missing; nor are columns of
        files that cannot be read, or do not count.
    """
    reals = {n for each in source.alike for n, kind in each.types.items() if kind in REAL}
    names = [name for name in source.types if name not in reals]
    if source.memory is not None:
        return frozenset(name for name in names if not source.memory[name].null_count)
    if source.is_csv or not source.paths:
        return frozenset()
    found = set(names)
    for path in source.paths:
        try:
            with pq.ParquetFile(path) as file:
                found &= _full_of(file.metadata, found)
        except (OSError, pa.ArrowException):
            return frozenset()
    return frozenset(found)


def _full_of(footer: pq.FileMetaData, names: set[str]) -> set[str]:
    """Name those columns of a file that lack no value by its footer."""
    at = {footer.schema.column(k).path: k for k in range(footer.num_columns)}
    groups = [footer.row_group(k) for k in range(footer.num_row_groups)]
    return {
        name
        for name in names & at.keys()
        if all(_is_full(group.column(at[name]).statistics) for group in groups)
    }


def _is_full(counted: pq.Statistics | None) -> bool:
    """Tell whether a column's statistics say that no value is missing."""
    return counted is not None and counted.has_null_count and counted.null_count == 0


def spans_of(source: Source) -> dict[str, tuple[int, int]]:
    """Give the least and the largest of columns of whole numbers, where footers of files tell them.

    Of other numbers a footer does not tell whether one of them is no number (NaN).

    Parameters
    ----------
    source : Source
        A table's rows; only of Parquet files is anything told.

    Returns
    -------
    dict of str to (int, int)
        By column of whole numbers. Nothing of columns of which a footer does not tell, nor of
        files that cannot be read.
    """
    found: dict[str, tuple[int, int]] = {}
    if source.is_csv:
        return found
    for number, path in enumerate(source.paths):
        try:
            with pq.ParquetFile(path) as file:
                told = _spans_in(file.metadata)
        except (OSError, pa.ArrowException):
            return {}
        found = told if not number else {
            name: (min(span[0], told[name][0]), max(span[1], told[name][1]))
            for name, span in found.items() if name in told
        }  # fmt: skip
    return found


def _spans_in(footer: pq.FileMetaData) -> dict[str, tuple[int, int]]:
    """Give the spans of a file's columns of whole numbers, where each row group tells its own."""
    groups = [footer.row_group(k) for k in range(footer.num_row_groups)]
    found = {}
    for at in range(footer.num_columns):
        if footer.schema.column(at).physical_type not in _WHOLE:
            continue
        counted = [group.column(at).statistics for group in groups]
        if counted and all(each is not None and each.has_min_max for each in counted):
            lows, highs = [each.min for each in counted], [each.max for each in counted]
            if all(type(each) is int for each in (*lows, *highs)):  # dates and decimals are not
                found[footer.schema.column(at).path] = min(lows), max(highs)
    return found


_WHOLE = ("INT32", "INT64")
