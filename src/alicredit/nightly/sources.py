"""Prepared features, read part after part: a frame, or Parquet files in order of their names."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.checks import refuse
from alicredit.nightly.digests import digest_files, digest_frame, guard_files

_BATCH = 16_384


@dataclass(frozen=True, eq=False)
class FrameSource:
    """Features in memory."""

    frame: pd.DataFrame
    argument: str = "features"

    @property
    def rows(self) -> int:
        """Count the merchants."""
        return len(self.frame)

    @property
    def names(self) -> list[str]:
        """Name the columns."""
        return [str(name) for name in self.frame.columns]

    @property
    def definitions(self) -> Any:
        """Give what the features say of their definitions."""
        return self.frame.attrs.get("definitions", "")

    def digest(self) -> str:
        """Give the digest of all that the frame holds."""
        return digest_frame(self.frame)

    def guard(self) -> str:
        """Say nothing of a time of change: a frame is digested whole."""
        return ""

    def frames(
        self, start: int, size: int, columns: Collection[str], texts: Collection[str] = ()
    ) -> Iterator[pd.DataFrame]:
        """Yield rows from one on, so many at a time, of some columns."""
        del texts
        wanted = [name for name in self.frame.columns if str(name) in columns]
        for at in range(start, len(self.frame), size):
            yield self.frame[wanted].iloc[at : at + size]


@dataclass(frozen=True, eq=False)
class FileSource:
    """Features in Parquet files, in the order of their names."""

    paths: tuple[Path, ...]
    root: Path
    rows: int
    names: list[str]
    counts: tuple[tuple[int, ...], ...]
    definitions: Any = ""
    argument: str = "features"
    types: Mapping[str, pa.DataType] = field(default_factory=dict)

    def digest(self) -> str:
        """Give the digest of names and content, or of sizes and footers where there is much."""
        return digest_files(self.paths, self.root)

    def guard(self) -> str:
        """Give sizes and times of change, to tell whether a file changed meanwhile."""
        return guard_files(self.paths)

    def frames(
        self, start: int, size: int, columns: Collection[str], texts: Collection[str] = ()
    ) -> Iterator[pd.DataFrame]:
        """Yield rows from one on, so many at a time; of ``texts`` as numbered levels."""
        held: list[pa.RecordBatch] = []
        count = 0
        wanted = [name for name in self.names if name in columns]
        for batch in self._batches(start, wanted):
            taken = 0
            while count + len(batch) - taken >= size:
                more = size - count
                yield frame_of([*held, batch.slice(taken, more)], texts)
                held, count, taken = [], 0, taken + more
            if taken < len(batch):
                held.append(batch.slice(taken))
                count += len(batch) - taken
        if count:
            yield frame_of(held, texts)

    def _batches(self, start: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Read rows from one on, leaving out the groups of rows before it.

        Each group is read for itself: a reader of several holds what it has read of all.
        """
        for path, counts in zip(self.paths, self.counts):
            if start >= sum(counts):
                start -= sum(counts)
                continue
            with reading_parquet(self.argument, path), pq.ParquetFile(path) as file:
                for group, rows in enumerate(counts):
                    if start >= rows:
                        start -= rows
                        continue
                    for batch in _batches_of(file, group, columns, start):
                        yield self._in_common_types(batch)
                    start = 0

    def _in_common_types(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give columns whose types differ from file to file in the one that holds them all."""
        if not self.types:
            return batch
        columns = [
            column.cast(self.types[name]) if name in self.types else column
            for name, column in zip(batch.schema.names, batch.columns)
        ]
        return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _batches_of(
    file: pq.ParquetFile, group: int, columns: list[str], skip: int
) -> Iterator[pa.RecordBatch]:
    """Read a group of rows, but for its first so many."""
    for batch in file.iter_batches(columns=columns, row_groups=[group], batch_size=_BATCH):
        if skip < len(batch):
            yield batch.slice(skip)
        skip = max(skip - len(batch), 0)


def open_source(features: Any) -> FrameSource | FileSource:
    """Take features as a frame, or as the path of a Parquet file or a folder of them."""
    if isinstance(features, pd.DataFrame):
        return FrameSource(features)
    rule = "must be a pandas frame, or the path of a Parquet file or a folder of them"
    if hasattr(features, "to_pandas"):  # of another library: all of it would be shown otherwise
        found = f"{type(features).__module__.partition('.')[0]}.{type(features).__name__}"
        refuse("features", rule, found, "give features.to_pandas()")
    if not isinstance(features, str | Path) or not str(features) or "\0" in str(features):
        refuse("features", rule, repr(features)[:60])
    return open_files(Path(features))


def open_files(root: Path, argument: str = "features") -> FileSource:
    """Take a Parquet file, or a folder of them; refuse files that are not whole or alike."""
    paths = [root] if root.is_file() else sorted(_parquet_under(root))
    if not paths:
        rule = "must be the path of a Parquet file or a folder of them"
        refuse(argument, rule, f"{root}, where there is none", "check the path")
    counts, names, definitions = [], None, ""
    types: dict[str, dict[pa.DataType, Path]] = {}
    for path in paths:
        with reading_parquet(argument, path), pq.ParquetFile(path) as file:
            own = [str(name) for name in file.schema_arrow.names]
            meta = file.metadata
            counts.append(tuple(meta.row_group(k).num_rows for k in range(meta.num_row_groups)))
            definitions = _definitions(file.schema_arrow.metadata) or definitions
            for each in file.schema_arrow if meta.num_rows else ():
                types.setdefault(each.name, {}).setdefault(each.type, path)
        if names is not None and set(own) != set(names):
            other = sorted(set(own) ^ set(names))[0]
            refuse(argument, f"must have {other!r} in each file or in none", path.name)
        if len(set(own)) < len(own):
            refuse(argument, "must have columns of different names", "a repeated name")
        names = names or own
    rows = sum(map(sum, counts))
    common = {
        name: _common_type(argument, name, found) for name, found in types.items() if len(found) > 1
    }
    return FileSource(
        tuple(paths), root, rows, names or [], tuple(counts), definitions, argument, common
    )


def _common_type(argument: str, name: str, found: Mapping[pa.DataType, Path]) -> pa.DataType:
    """Give the type that holds all values of a column exactly; refuse kinds that differ.

    Features are no records: nothing is declared of them by which a text could be read as a number.
    """
    plain = {each.value_type if pa.types.is_dictionary(each) else each for each in found}
    kinds = {each for each in plain if not pa.types.is_null(each)}
    if len(kinds) == 1:
        return kinds.pop()
    whole = {each for each in kinds if pa.types.is_integer(each)}
    if all(map(_is_text, kinds)) or (name == "merchant_id" and all(map(_is_text, kinds - whole))):
        return pa.large_string()
    if kinds == whole and pa.uint64() not in whole:
        return pa.int64()
    if all(map(pa.types.is_floating, kinds - whole)):
        return pa.float64()
    if all(pa.types.is_timestamp(each) and each.tz is None for each in kinds):
        return pa.timestamp("ns" if pa.timestamp("ns") in kinds else "us")
    listed = ", ".join(f"{kind} in {path.name}" for kind, path in found.items())
    return refuse(
        argument, f"must have {name!r} of one kind in all files", listed, "write it alike"
    )


def _is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is one of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _parquet_under(root: Path) -> Iterator[Path]:
    """Find the Parquet files of a folder; what starts with a dot or a line is no data."""
    for path in root.rglob("*.parquet"):
        inner = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith((".", "_")) for part in inner):
            yield path


def _definitions(metadata: dict[bytes, bytes] | None) -> Any:
    """Read what a frame said of its features when it was written."""
    try:
        attrs = json.loads((metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
        return attrs.get("definitions", "") if isinstance(attrs, dict) else ""
    except ValueError:
        return ""


@contextmanager
def reading_parquet(argument: str, path: Path) -> Iterator[None]:
    """Refuse by name a file that is not whole."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0][:160]
        do = "write that file again: it is cut short or damaged"
        refuse(argument, "must be whole Parquet files", f"{path} ({why})", do)


def frame_of(batches: list[pa.RecordBatch], texts: Collection[str] = ()) -> pd.DataFrame:
    """Give rows as a frame, each value as it would be whatever rows stand beside it."""
    table = pa.Table.from_batches(batches)
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if name in texts and _is_text(column.type):
            column = column.combine_chunks().dictionary_encode()
        if name == "merchant_id" and pa.types.is_integer(column.type):
            column = column.cast(pa.string())
        columns[name] = column.to_pandas()
    return pd.DataFrame(columns)
