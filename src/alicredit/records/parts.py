"""What files say of their columns, and how files that differ in them are read as one table.

Each file is read by its own types, as it would be read alone. DuckDB takes the first file's columns
and types for those of all: what a later file has beyond them it leaves out, and values of another
type it rounds, shortens or shifts to the first one's without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NOTHING = '"NULL"'
"""The type of a column that holds no value anywhere and names no type."""
OLD_TIME = "INT96"
"""A time in 96 bits, which does not say whether it is local."""
OLD_MOMENT = "INT96 by Spark"
"""A time in 96 bits as Spark writes it: of UTC."""
LENGTH = "INTERVAL"
"""A length of time, which DuckDB tells as the whole number that it is laid down as."""

_BY_SPARK = b"org.apache.spark.version"


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a Parquet file.

    Parameters
    ----------
    kinds : mapping of str to str
        How each top column is laid down, in the file's order.
    meant : mapping of str to str
        The types that DuckDB does not tell of, or tells otherwise from one release to the next.
    names : tuple of str
        The names in its heading.
    rows : int
        How many rows there are.
    """

    kinds: Mapping[str, str]
    meant: Mapping[str, str]
    names: tuple[str, ...]
    rows: int

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Give what is the same for files that can be read as one, whatever their order."""
        return tuple(sorted(self.kinds.items()))


def layout_of(path: str) -> Layout:
    """Read how a Parquet file lays down its columns, from its footer.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(pa.table({"a": [None, None], "b": [1, 2]}), f"{folder}/x.parquet")
    ...     found = layout_of(f"{folder}/x.parquet")
    >>> found.rows, dict(found.meant)
    (2, {'a': '"NULL"'})
    """
    with pq.ParquetFile(path) as file:
        footer, shape = file.metadata, file.schema_arrow
        leaves = [file.schema.column(at) for at in range(footer.num_columns)]
        is_spark = _BY_SPARK in (footer.metadata or {})
    kinds: dict[str, str] = {}
    meant: dict[str, str] = {}
    for leaf in leaves:
        top, _, below = leaf.path.partition(".")
        told = f"{below} {leaf.physical_type} {leaf.logical_type} {leaf.precision} {leaf.scale}"
        kinds[top] = kinds.get(top, "") + told
        if leaf.physical_type == "INT96" and not below:
            meant[top] = OLD_MOMENT if is_spark else OLD_TIME
    meant |= meant_types(shape)
    kinds |= meant
    return Layout(kinds, meant, tuple(shape.names), footer.num_rows)


def meant_types(shape: pa.Schema) -> dict[str, str]:
    """Give the types of columns that say what DuckDB does not: of no type, or lengths of time.

    Examples
    --------
    >>> meant_types(pa.schema({"a": pa.null(), "b": pa.duration("s"), "c": pa.int64()}))
    {'a': '"NULL"', 'b': 'INTERVAL'}
    """
    found = {each.name: NOTHING for each in shape if pa.types.is_null(each.type)}
    return found | {each.name: LENGTH for each in shape if pa.types.is_duration(each.type)}


def grouped(paths: Sequence[str]) -> list[tuple[Layout, tuple[str, ...]]]:
    """Group Parquet files by their layout, first come first; files without rows have no say.

    Parameters
    ----------
    paths : sequence of str
        The files of one table.

    Returns
    -------
    list of (Layout, tuple of str)
        Each layout with its files. Where no file has rows, all of them.
    """
    layouts = [(layout_of(path), path) for path in paths]
    held = [each for each in layouts if each[0].rows] or layouts
    found: dict[tuple[tuple[str, str], ...], tuple[Layout, list[str]]] = {}
    for layout, path in held:
        found.setdefault(layout.key, (layout, []))[1].append(path)
    return [(layout, tuple(those)) for layout, those in found.values()]


def repeated(headings: Collection[Sequence[str]]) -> list[str]:
    """Name what stands twice in a file's heading, or otherwise written in that of another file.

    Examples
    --------
    >>> repeated([["a", "b", "A"], ["b"]])
    ['A', 'a']
    >>> repeated([["a", "b"], ["B", "a"]])
    ['B', 'b']
    """
    twice: set[str] = set()
    for names in headings:
        twice |= set(_alike(list(names)))
    return sorted(twice | set(_alike(list({name for names in headings for name in names}))))


def _alike(names: list[str]) -> Iterator[str]:
    """Give the names that others are like, but for their case."""
    small = [name.casefold() for name in names]
    yield from (name for name, low in zip(names, small, strict=True) if small.count(low) > 1)


def short(paths: Sequence[str]) -> str:
    """Name some files.

    Examples
    --------
    >>> short(["/a/x.csv", "/a/y.csv", "/a/z.csv"])
    'x.csv, y.csv and 1 more'
    """
    more = f" and {len(paths) - 2} more" if len(paths) > 2 else ""
    return ", ".join(Path(path).name for path in paths[:2]) + more
