"""Reading a platform's records from folders, files and frames, strictly."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from alicredit.checks import refusal, require_kind
from alicredit.databases import Database, database_of
from alicredit.errors import RecordError
from alicredit.records.copies import copy_tables, sources_of
from alicredit.records.data_use import DataUse, read_data_use
from alicredit.records.declaration import KNOWN_AT
from alicredit.records.opening import find_sources
from alicredit.records.parts import short
from alicredit.records.places import find_tables
from alicredit.records.records import TIMEZONE, Note, Records
from alicredit.records.refusing import (
    maybe,
    no_merchants,
    refuse_lacking,
    refuse_unreadable,
)
from alicredit.records.schema import TABLES
from alicredit.records.sources import Source


def read_records(
    source: object,
    *,
    data_use: Mapping[str, Mapping[str, str] | DataUse] | None = None,
) -> Records:
    """Read a platform's records from a folder, or from a mapping of tables.

    Parameters
    ----------
    source : str, Path, Database or mapping of str to object
        A folder with ``table.parquet``, ``table.csv`` or ``table/*.parquet`` (parts may lie in
        folders within, and differ in their columns and types), which may carry ``records.toml``
        (``timezone``, notes) and ``data_use.toml``; or a mapping from table name to a pandas,
        polars or pyarrow table, a query result that speaks Arrow, or a path, glob or folder;
        or a database (:class:`alicredit.databases.Database`, or its address such as
        ``"postgresql://user@host/name"``, ``"duckdb:///file"``, ``"sqlite:///file"``), of which the
        declared columns of the declared tables are read, all as of one moment.
    data_use : mapping of str to mapping or None, default None
        For each restricted table (marital, psychometric, bank records): its ``purpose`` and
        ``legal_basis``, or ``data_use`` of records it was read from before. Without it such a
        table is left out, with a finding.

    Returns
    -------
    Records
        Lazy where it can be: files are read when a table is asked for.

    Raises
    ------
    RecordError
        If nothing is there to read, a required table or column lacks, a value has not the
        declared type, or a file is damaged; the message names table and column.
    DatabaseError
        If a database cannot be reached, or is in use.

    Examples
    --------
    >>> import pandas as pd
    >>> merchants = pd.DataFrame({"merchant_id": ["m1"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> read_records({"merchants": merchants})
    Records(merchants; times in Asia/Shanghai)
    >>> read_records({"merchants": merchants.drop(columns="platform")})
    Traceback (most recent call last):
    alicredit.errors.RecordError: table 'merchants' must have the column 'platform'; ...
    """
    timezone, stated = TIMEZONE, data_use
    notes: dict[str, Any] = {}
    if isinstance(source, Mapping):
        places = {str(name): place for name, place in source.items()}
    elif (database := database_of(source, "source")) is not None:
        return _from_database(database, data_use)
    elif isinstance(source, str | Path) and str(source):
        places = dict(find_tables(Path(source)))
        timezone, notes = _folder_notes(Path(source))
        stated = data_use if data_use is not None else _folder_use(Path(source))
    else:
        rule = "must be a folder or a mapping from table name to table"
        found = "''" if isinstance(source, str) else type(source).__name__
        raise RecordError(refusal("source", rule, found))
    if not places:
        rule = "must hold at least one table (table.parquet or table.csv)"
        raise RecordError(refusal("source", rule, f"no table in {source}"))
    uses = read_data_use(stated)
    sources, findings = _admitted(places, uses, timezone)
    refuse_lacking(sources)
    records = Records(MappingProxyType(sources), timezone, MappingProxyType(notes), findings, uses)
    _check_values(records)
    return records


def _from_database(
    database: Database, data_use: Mapping[str, Mapping[str, str] | DataUse] | None
) -> Records:
    """Read the tables of a database as they stand at this moment."""
    uses = read_data_use(data_use)
    copies = copy_tables(database, uses)
    sources, _ = _admitted(copies.paths, uses, database.timezone)
    findings = tuple(Note(table, rule, level, 0, text) for table, rule, level, text in copies.notes)
    kept = MappingProxyType(sources_of(copies, sources))
    records = Records(kept, database.timezone, MappingProxyType({}), findings, uses)
    _check_values(records)
    return records


def require_records(value: object) -> Records:
    """Return records; refuse anything else and say how to get them.

    Parameters
    ----------
    value : object
        What was given as records.

    Returns
    -------
    Records
        The same.

    Raises
    ------
    RecordError
        For anything else.

    Examples
    --------
    >>> require_records("data/sample")
    Traceback (most recent call last):
    alicredit.errors.RecordError: records must be what read_records gives; found str. ...
    """
    rule, do = "must be what read_records gives", "read them with read_records"
    return require_kind("records", value, Records, rule, do=do, error=RecordError)


def _toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of the folder; empty where it is absent."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecordError(refusal(path.name, "must be valid TOML", error)) from error


def _folder_notes(folder: Path) -> tuple[str, dict[str, Any]]:
    """Read the timezone and the notes of a folder."""
    content = _toml(folder / "records.toml")
    timezone = content.pop("timezone", TIMEZONE)
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, TypeError, OSError) as error:
        rule = "must be a time zone such as 'Asia/Shanghai'"
        raise RecordError(refusal("records.toml: timezone", rule, repr(timezone))) from error
    return timezone, content


def _folder_use(folder: Path) -> dict[str, Any] | None:
    """Read the stated uses of restricted tables of a folder."""
    return _toml(folder / "data_use.toml") or None


def _admitted(
    places: Mapping[str, object], uses: Mapping[str, DataUse], timezone: str
) -> tuple[dict[str, Source], tuple[Note, ...]]:
    """Open what may be read; note what is unknown and what is left out for want of a basis."""
    notes, read = [], {}
    if "merchants" not in places:
        raise RecordError(no_merchants(places))
    for name, place in places.items():
        if name in TABLES and TABLES[name].restricted and name not in uses:
            text = "left out: state its purpose and legal basis in data_use to have it read"
            notes.append(Note(name, "restricted", "note", 0, text))
            continue
        read[name] = place
        if name not in TABLES:
            text = f"unknown table, kept and not used{maybe(name, TABLES)}"
            notes.append(Note(name, "unknown table", "warning", 0, text))
    sources = find_sources(read, timezone)
    for name in (each for each in sources if each in TABLES):
        types = sources[name].types
        notes += list(_partly_lacking(sources[name]))
        for column in types:
            if column not in TABLES[name] and column != "known_at":
                hint = maybe(column, [each for each in TABLES[name].names if each not in types])
                text = f"unknown column {column!r}, kept and not used{hint}"
                notes.append(Note(name, "unknown column", "warning", 0, text))
    return sources, tuple(notes)


def _partly_lacking(source: Source) -> Iterator[Note]:
    """Note the optional columns that some of a table's files lack."""
    for column in (*TABLES[source.table].columns, KNOWN_AT):
        lacking = [each for each in source.groups if column.name not in each.types]
        if column.name in source.types and lacking and not column.required:
            paths = [path for each in lacking for path in each.paths]
            text = f"{column.name!r} lacks in {short(paths)}: it reads as missing in their rows"
            yield Note(source.table, "column in some files", "warning", 0, text)


def _check_values(records: Records) -> None:
    """Refuse values that have no meaning as the declared kind."""
    read = {name: records.projection(name) for name in records.tables}
    refuse_unreadable(records.sources, read)
