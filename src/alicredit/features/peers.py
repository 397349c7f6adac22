"""What other merchants' facts go into, and a digest of it for a model to keep."""

from __future__ import annotations

import hashlib
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.catalogue import CATALOGUE
from alicredit.cohort import Cohort, require_cohort
from alicredit.declarations import Catalogue, Feature
from alicredit.derived import DERIVED, PEERS, derive_tables
from alicredit.features.definitions import note_of_definitions
from alicredit.features.meanings import note_of_meanings, note_of_uses
from alicredit.records import Records, quoted
from alicredit.records.reading import require_records
from alicredit.records.sources import arrow_reader, damaged

_BATCH = 65_536


def is_of_peers(feature: Feature) -> bool:
    """Tell whether a feature's facts belong to a group of merchants."""
    return feature.table in DERIVED and DERIVED[feature.table].owner == PEERS


def is_of_others(feature: Feature) -> bool:
    """Tell whether other merchants' facts go into a feature, so that it is made of all of them."""
    return is_of_peers(feature) or (
        feature.table in DERIVED and DERIVED[feature.table].is_of_others
    )


def digest_of_peers(records: Records, cohort: Cohort, *, catalogue: Catalogue = CATALOGUE) -> str:
    """Digest the dated tables of peers that features of a cohort were held against.

    These are what a category sold, how it was rated and what power it used by day, the prices of
    its goods, and exchange rates (DOMAIN 3.3): a merchant's features hang on them although they are
    not its own facts. Two frames of features with one digest were held against the same peers.
    ``build_features`` leaves it in ``attrs["peers"]`` of the frame, and a model that learns from
    the frame keeps it among its facts of training.

    Parameters
    ----------
    records : Records
        The platform's records.
    cohort : Cohort
        The questions; rows of peers count that were known before the last of their moments.
    catalogue : Catalogue, default CATALOGUE
        Which features.

    Returns
    -------
    str
        64 hexadecimal figures, whatever the order of rows; empty where nothing of others is read.

    Raises
    ------
    InputError
        For what is no records or no cohort.
    RecordError
        If rows cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> orders = pd.DataFrame({"order_id": ["a"], "merchant_id": ["m"], "buyer_id": ["x"],
    ...     "amount": [100.0], "created_at": pd.to_datetime(["2013-04-01"]),
    ...     "paid_at": pd.to_datetime(["2013-04-01"])})
    >>> records = read_records({"merchants": merchants, "orders": orders})
    >>> before, after = (Cohort.at(records, day) for day in ("2013-03-01", "2013-05-01"))
    >>> digest_of_peers(records, before) == digest_of_peers(records, after)
    False
    >>> digest_of_peers(records, "2013-05-01")
    Traceback (most recent call last):
    alicredit.errors.InputError: cohort must be a Cohort; found str. ...
    """
    require_records(records)
    last = require_cohort(cohort).frame["as_of"].max()
    tables = sorted({f.table for f in catalogue if f.table and is_of_others(f)})
    made = derive_tables(records, tables)
    digest = hashlib.sha256()
    con = made.connect([name for name in tables if name in made], kept=True)
    try:
        for name in tables:
            digest.update(f"{name}\n".encode())
            if name in made:
                digest.update(_digested(_rows(con, made, name), last))
    finally:
        con.close()
    return digest.hexdigest() if tables else ""


def note_of_peers(records: Records, cohort: Cohort, catalogue: Catalogue) -> dict[str, str]:
    """Give what a frame of features carries: its definitions, and what else there is to tell.

    That is the peers, the meanings of features that are not built in, and the stated uses of
    restricted tables that features read.
    """
    peers = digest_of_peers(records, cohort, catalogue=catalogue) if len(cohort) else ""
    told = {
        "peers": peers,
        "meanings": note_of_meanings(catalogue),
        "data_use": note_of_uses(records.data_use, catalogue),
    }
    known = {name: text for name, text in told.items() if text}
    return {"definitions": note_of_definitions(catalogue)} | known


def _rows(con: duckdb.DuckDBPyConnection, records: Records, name: str) -> pa.Table:
    """Take a table whole, as ``records[name]`` does, on a connection that is open."""
    listed = ", ".join(quoted(column) for column in records.columns(name))
    try:
        return arrow_reader(con, f"SELECT {listed} FROM {quoted(name)}", _BATCH).read_all()
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        raise damaged(records.sources[name], error) from error


def _digested(rows: pa.Table, last: Any) -> bytes:
    """Give a sorted hash of each row that was known before a moment; times as microseconds."""
    columns = {}
    for name in rows.column_names:
        column = rows[name]
        if pa.types.is_temporal(column.type):
            column = column.cast(pa.timestamp("us")).cast(pa.int64())
        columns[name] = column.to_pandas()
    frame = pd.DataFrame(columns)
    if frame.empty or pd.isna(last):
        return b""
    known = frame["known_at"] < pd.Timestamp(last).to_datetime64().astype("M8[us]").astype(int)
    hashes = pd.util.hash_pandas_object(frame[known], index=False)
    return np.sort(hashes.to_numpy(np.uint64)).tobytes()
