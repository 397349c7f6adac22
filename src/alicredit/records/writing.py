"""Writing records to a folder that reads back the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alicredit.checks import refusal, require_path, writing
from alicredit.errors import RecordError
from alicredit.records.reading import require_records
from alicredit.records.records import Records


def write_records(records: Records, folder: str | Path) -> None:
    """Write each table as Parquet, with the notes and the stated uses beside them.

    Parameters
    ----------
    records : Records
        What to write.
    folder : str or Path
        Made if it is not there; tables of the same name in it are replaced.

    Raises
    ------
    RecordError
        If the folder's path is a file or cannot be written.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m1"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_records(read_records({"merchants": merchants}), folder)
    ...     read_records(folder).tables
    ('merchants',)
    >>> write_records(read_records({"merchants": merchants}), __file__)
    Traceback (most recent call last):
    alicredit.errors.RecordError: folder must be a folder; ...
    """
    require_records(records)
    place = require_path("folder", folder, error=RecordError)
    if place.exists() and not place.is_dir():
        raise RecordError(refusal("folder", "must be a folder", place.name))
    with writing("folder", folder, error=RecordError):
        place.mkdir(parents=True, exist_ok=True)
        _write(records, place)


def _write(records: Records, place: Path) -> None:
    """Write the tables, then what is said of them."""
    for table in records.tables:
        pq.write_table(
            records[table],
            place / f"{table}.parquet",
            compression="zstd",
            compression_level=12,
            use_dictionary=True,
        )
    notes = {"timezone": records.timezone, **records.notes}
    (place / "records.toml").write_text(_toml(notes), encoding="utf-8")
    uses = {table: asdict(use) for table, use in records.data_use.items()}
    if uses:
        (place / "data_use.toml").write_text(_toml(uses), encoding="utf-8")


def _toml(content: Mapping[str, Any]) -> str:
    """Write scalars and one level of tables as TOML."""
    plain = {name: value for name, value in content.items() if not isinstance(value, Mapping)}
    lines = [f"{name} = {_value(value)}" for name, value in plain.items()]
    for name, table in content.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]", *(f"{key} = {_value(each)}" for key, each in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """Write a scalar; a JSON string is a TOML string too."""
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value), ensure_ascii=False)
