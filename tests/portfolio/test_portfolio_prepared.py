"""Prepared features in files whose types differ are those of one file, or are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alicredit.errors import InputError
from alicredit.nightly.sources import open_source

ROWS = 60
WHOLE = pa.table(
    {
        "merchant_id": [str(k) for k in range(ROWS)],
        "orders": [float(k % 7) for k in range(ROWS)],
        "share": [None if k % 5 == 0 or k < 20 else k / 4 for k in range(ROWS)],
        "region": ["east" if k % 2 else None for k in range(ROWS)],
        "registered_at": pa.array(
            pd.date_range("2011-05-01", periods=ROWS).to_numpy("datetime64[us]")
        ),
    }
)


def cast(column: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(column)
        return table.set_column(at, column, table[column].cast(kind))

    return change


def empty(column: str) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(column)
        return table.set_column(at, column, pa.nulls(len(table)))

    return change


FIRST: dict[str, Callable[[pa.Table], pa.Table]] = {
    "as the others": lambda table: table,
    "whole numbers": cast("orders", pa.int64()),
    "small whole numbers": cast("orders", pa.uint8()),
    "singles": cast("orders", pa.float32()),
    "nothing": empty("share"),
    "ids that are numbers": cast("merchant_id", pa.int64()),
    "large texts": cast("region", pa.large_string()),
    "coded texts": cast("merchant_id", pa.dictionary(pa.int32(), pa.string())),
    "times in seconds": cast("registered_at", pa.timestamp("s")),
    "times in billionths": cast("registered_at", pa.timestamp("ns")),
    "columns turned round": lambda table: table.select(table.column_names[::-1]),
}


def values(found: pd.DataFrame) -> list[dict[str, Any]]:
    ordered = found[WHOLE.column_names].astype(object)
    return ordered.where(ordered.notna(), None).to_dict("records")


def frames(folder: Path, size: int) -> list[pd.DataFrame]:
    source = open_source(folder)
    return list(source.frames(0, size, set(source.names)))


@pytest.mark.parametrize("turned", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("case", FIRST)
@pytest.mark.parametrize("size", [7, 20, 1000])
def test_types_of_some_files_change_no_value(
    tmp_path: Path, case: str, turned: bool, size: int
) -> None:
    """Whether blocks of rows end with files or not must not bear on what is read."""
    parts = [FIRST[case](WHOLE.slice(0, 20)), WHOLE.slice(20)]
    for name, part in zip("ba" if turned else "ab", parts, strict=True):
        pq.write_table(part, tmp_path / f"{name}.parquet")
    found = pd.concat(frames(tmp_path, size), ignore_index=True)
    found = found.sort_values("merchant_id", key=lambda ids: ids.astype(int), ignore_index=True)
    assert values(found) == values(WHOLE.to_pandas())
    assert {str(kind) for kind in (found["orders"].dtype, found["share"].dtype)} == {"float64"}


@pytest.mark.parametrize("size", [7, 20, 1000])
@pytest.mark.parametrize(
    ("column", "kind"),
    [("orders", pa.string()), ("region", pa.float64()), ("registered_at", pa.date32())],
)
def test_a_column_of_two_kinds_is_refused_with_its_files(
    tmp_path: Path, column: str, kind: pa.DataType, size: int
) -> None:
    other = WHOLE.slice(20)
    other = other.set_column(
        other.schema.get_field_index(column),
        column,
        pa.nulls(40, kind) if column == "region" else other[column].cast(kind),
    )
    pq.write_table(WHOLE.slice(0, 20), tmp_path / "a.parquet")
    pq.write_table(other, tmp_path / "b.parquet")
    with pytest.raises(InputError, match=rf"'{column}' of one kind.*a\.parquet.*b\.parquet"):
        frames(tmp_path, size)


def test_a_file_without_rows_has_no_say(tmp_path: Path) -> None:
    nothing = pd.DataFrame({name: pd.Series([], dtype=object) for name in WHOLE.column_names})
    nothing.to_parquet(tmp_path / "a.parquet", index=False)
    pq.write_table(WHOLE, tmp_path / "b.parquet")
    assert values(pd.concat(frames(tmp_path, 9), ignore_index=True)) == values(WHOLE.to_pandas())


def test_numbers_that_one_type_cannot_hold_are_not_rounded(tmp_path: Path) -> None:
    big = pa.table({"merchant_id": ["a"], "orders": [2**53 + 1]})
    pq.write_table(big, tmp_path / "a.parquet")
    pq.write_table(
        pa.table({"merchant_id": ["b"], "orders": np.array([0.5])}), tmp_path / "b.parquet"
    )
    with pytest.raises(InputError, match=r"a\.parquet"):
        frames(tmp_path, 1)
