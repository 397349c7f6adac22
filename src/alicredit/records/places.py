"""Which files hold a table, in a folder of tables, in a folder of a table's parts, or by a glob."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from alicredit.checks import refusal
from alicredit.errors import RecordError
from alicredit.records.schema import TABLES

_READ = (".parquet", ".csv")
_UNREAD = (
    "", ".pq", ".parq", ".gz", ".zip", ".bz2", ".xz", ".zst", ".tsv", ".xls", ".xlsx", ".json",
    ".jsonl", ".ndjson", ".orc", ".avro", ".feather", ".arrow", ".ipc",
)  # fmt: skip
"""Endings of files that may hold rows and are not read."""
_LISTED = ("_delta_log", ".hoodie", "*/*.metadata.json")
"""What stands in a folder of which a list, and not the folder, says which files are the table's."""


def find_tables(folder: Path) -> Iterator[tuple[str, str]]:
    """Find the tables of a folder: files, and folders of files.

    Parameters
    ----------
    folder : Path
        With ``table.parquet``, ``table.csv`` or ``table/*.parquet``.

    Yields
    ------
    (str, str)
        A table's name and its path.

    Raises
    ------
    RecordError
        If there is no such folder, a table is there twice, or what has the name of a declared table
        holds nothing that is read.

    Examples
    --------
    >>> list(find_tables(Path("nowhere")))
    Traceback (most recent call last):
    alicredit.errors.RecordError: source must be a folder that exists; found nowhere.
    """
    if not folder.is_dir():
        raise RecordError(refusal("source", "must be a folder that exists", folder))
    seen: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not _is_table(path):
            continue
        if path.stem in seen:
            rule = "must stand once in the folder"
            found = f"{seen[path.stem].name} and {path.name}"
            raise RecordError(refusal(f"table {path.stem!r}", rule, found, "remove one of them"))
        seen[path.stem] = path
        yield path.stem, str(path)


def _is_table(path: Path) -> bool:
    """Tell whether a file or folder is a table; refuse what is called as one and cannot be read."""
    if path.is_dir():
        return path.stem in TABLES or any(map(_is_read, path.iterdir()))
    name = path.name.split(".")[0]
    if not _is_read(path) and name in TABLES and path.suffix.lower() in _UNREAD:
        raise _not_read(name, path.name)
    return _is_read(path)


def _is_read(path: Path) -> bool:
    """Tell whether a file is of a kind that is read."""
    return path.suffix.lower() in _READ


def _not_read(table: str, found: str) -> RecordError:
    """Compose the refusal of what is no file that can be read."""
    do = "write it as one of them, or move it elsewhere"
    return RecordError(refusal(f"table {table!r}", "must be Parquet or CSV files", found, do))


def find_files(table: str, where: str) -> tuple[str, ...]:
    """Find the files behind a path, a glob or a folder, all Parquet or all CSV.

    Parameters
    ----------
    table : str
        The table's name; folders within its folder are searched too where it is a declared one.
    where : str
        The path.

    Returns
    -------
    tuple of str
        In the order of their names.

    Raises
    ------
    RecordError
        If there is no such file, some are Parquet and some CSV, or some are not read.

    Examples
    --------
    >>> find_files("orders", "nowhere/*.csv")
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'orders' must name Parquet files or CSV files, not both; \
found nowhere/*.csv. Try: check the path.
    """
    path = Path(where)
    if path.is_dir():
        found = [str(each) for each in _parts(table, path)]
    elif path.is_file():
        found = [where]
    else:
        found = sorted(glob.glob(where, recursive=True))  # noqa: PTH207 - it may start anywhere
    kinds = {Path(each).suffix.lower() for each in found}
    if not found or len(kinds) > 1 or not kinds <= {*_READ}:
        rule = "must name Parquet files or CSV files, not both"
        raise RecordError(refusal(f"table {table!r}", rule, where, "check the path"))
    return tuple(found)


def _parts(table: str, folder: Path) -> list[Path]:
    """List the files of a table's folder: those that a dot or a low line hides are no parts."""
    for listed in _LISTED:
        if any(folder.glob(listed)):
            rule = "must be a folder whose files are all the table's"
            do = "export the table to a folder of its own: files that were replaced lie there too"
            found = f"{listed.split('/')[-1]} in {folder.name}"
            raise RecordError(refusal(f"table {table!r}", rule, found, do))
    within = folder.rglob("*") if table in TABLES else folder.iterdir()
    seen = [
        path
        for path in sorted(within)
        if path.is_file()
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]
    for path in seen:
        if not _is_read(path) and path.suffix.lower() in _UNREAD and table in TABLES:
            raise _not_read(table, str(path.relative_to(folder.parent)))
    return [path for path in seen if _is_read(path)]
