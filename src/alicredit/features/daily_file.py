"""Features of a day with what they were made of, and the one file that holds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alicredit.checks import refuse, require_kind, require_path, whole_file
from alicredit.cohort import Cohort

_KEY = b"alicredit.daily"
_SEEN = "_seen_"
_PART = "_part_"


@dataclass(frozen=True, eq=False)
class DailyFeatures:
    """Features of a cohort as of one moment, and enough to bring them to a later one.

    Made by :func:`update_features`.

    Parameters
    ----------
    cohort : Cohort
        Who, all as of one moment, each once.
    frame : pandas.DataFrame
        What :func:`build_features` gives for this cohort, to the bit.
    parts : pandas.DataFrame
        float64, a column by feature that is a mere part of others and no column of ``frame``.
    seen : pandas.DataFrame
        int64, a column by table: sums of the hashes of what each merchant's question saw.
    made_of : mapping of str to object
        The moment, the catalogue's digest, the columns of each table, the software: where any of
        these differs in another way than the moment, nothing can be kept.
    work : pandas.DataFrame
        What the making took: ``table, merchants, kept, new, moved, altered``; ``altered`` counts
        those whose past was changed behind the records' back.
    reason : str, default ""
        Why all was made anew; empty where it was not.
    """

    cohort: Cohort
    frame: pd.DataFrame
    parts: pd.DataFrame
    seen: pd.DataFrame
    made_of: Mapping[str, Any]
    work: pd.DataFrame
    reason: str = ""

    def __len__(self) -> int:
        """Count the merchants."""
        return len(self.frame)

    def __repr__(self) -> str:
        """Say how many, of how many merchants, as of when."""
        return f"DailyFeatures({self.frame.shape[1]} of {len(self)} merchants, {self.as_of})"

    @property
    def as_of(self) -> np.datetime64:
        """Give the moment, in microseconds."""
        return np.datetime64(str(self.made_of["as_of"]), "us")

    @property
    def merchants(self) -> pd.Index:
        """Give the merchants in order."""
        return pd.Index(self.cohort.frame["merchant_id"].to_numpy(object))


def write_daily_features(daily: DailyFeatures, path: str | Path) -> None:
    """Write features of a day to a file, whole or not at all.

    The file is written beside its place and moved there at the end: whoever is killed meanwhile
    leaves what was there before.

    Parameters
    ----------
    daily : DailyFeatures
        What to write.
    path : str or Path
        A Parquet file; one that is there is replaced.

    Raises
    ------
    InputError
        If it is none, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from alicredit.features import CATALOGUE, update_features
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> records = read_records({"merchants": merchants})
    >>> age = CATALOGUE.subset(["merchants_days_since"])
    >>> day = update_features(None, records, Cohort.at(records, "2013-05-01"), catalogue=age)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_daily_features(day, f"{folder}/day.parquet")
    ...     float(read_daily_features(f"{folder}/day.parquet").frame.iloc[0, 0])
    731.0
    >>> write_daily_features("yesterday", "day.parquet")
    Traceback (most recent call last):
    alicredit.errors.InputError: daily must be what update_features gave; ...
    """
    require_kind("daily", daily, DailyFeatures, "must be what update_features gave")
    require_path("out", path)
    columns = {"merchant_id": pa.array(daily.merchants.tolist(), pa.string())}
    columns |= {name: pa.array(daily.frame[name].to_numpy()) for name in daily.frame}
    columns |= {_PART + name: pa.array(daily.parts[name].to_numpy()) for name in daily.parts}
    columns |= {_SEEN + name: pa.array(daily.seen[name].to_numpy()) for name in daily.seen}
    table = pa.table(columns)
    note = {
        "made_of": dict(daily.made_of),
        "work": daily.work.to_dict("list"),
        "reason": daily.reason,
        "features": list(daily.frame.columns),
        "attrs": {name: str(told) for name, told in daily.frame.attrs.items()},
        "digest": _digest(table),
    }
    table = table.replace_schema_metadata({_KEY: json.dumps(note, ensure_ascii=False).encode()})
    with whole_file("out", path) as file:
        pq.write_table(table, file)


def read_daily_features(path: str | Path) -> DailyFeatures:
    """Read features of a day that ``update_features(out=)`` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    DailyFeatures
        As they were written, to the bit.

    Raises
    ------
    InputError
        If it is no such file, or not whole and unaltered.

    Examples
    --------
    >>> read_daily_features("yesterday.parquet")
    Traceback (most recent call last):
    alicredit.errors.InputError: previous must be a whole file of daily features; ...
    """
    place = require_path("previous", path)
    rule, do = "must be a whole file of daily features", "write it with update_features(out=)"
    try:
        table = pq.ParquetFile(place).read()
    except (OSError, pa.ArrowException) as error:
        refuse("previous", rule, f"{place.name} ({str(error).splitlines()[0][:100]})", do)
    text = (table.schema.metadata or {}).get(_KEY)
    if text is None:
        refuse("previous", rule, f"{place.name} without its note", do)
    note = json.loads(text)
    if note["digest"] != _digest(table):
        refuse("previous", rule, f"{place.name}, altered since it was written", do)
    names = note["features"]
    values = np.array([table[name].to_numpy() for name in names]).reshape(len(names), len(table))
    merchants = table["merchant_id"].to_pylist()
    as_of = pd.Timestamp(note["made_of"]["as_of"]).as_unit("us")
    frame = pd.DataFrame(values.T, columns=names)
    frame.attrs = note["attrs"] if "attrs" in note else {"peers": note.get("peers", "")}
    return DailyFeatures(
        Cohort.from_frame(pd.DataFrame({"merchant_id": merchants, "as_of": as_of})),
        frame,
        _marked(table, _PART),
        _marked(table, _SEEN),
        note["made_of"],
        pd.DataFrame(note["work"]),
        note["reason"],
    )


def _marked(table: pa.Table, mark: str) -> pd.DataFrame:
    """Take the columns whose names begin with a mark, without it."""
    names = [name for name in table.column_names if name.startswith(mark)]
    columns = {name.removeprefix(mark): table[name].to_numpy() for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))


def _digest(table: pa.Table) -> str:
    """Give a digest of all that a table holds, names and values."""
    found = hashlib.sha256()
    for name in table.column_names:
        found.update(name.encode() + b"\0")
        column = table[name]
        if pa.types.is_string(column.type):
            found.update("\0".join(column.to_pylist()).encode())
        else:
            found.update(np.ascontiguousarray(column.to_numpy()).tobytes())
    return found.hexdigest()
