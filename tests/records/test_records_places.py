"""Every file that holds a table's rows is read, or refused by its name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alicredit.errors import RecordError
from alicredit.nightly.job import digest_records, guard_records
from alicredit.records import read_records

MERCHANTS = pd.DataFrame(
    {"merchant_id": ["m0"], "platform": "taobao", "registered_at": pd.to_datetime(["2011-05-01"])}
)


def orders(*ids: str) -> pd.DataFrame:
    times = pd.to_datetime(["2013-04-01 10:00"] * len(ids))
    return pd.DataFrame(
        {"order_id": ids, "merchant_id": "m0", "buyer_id": "b", "created_at": times, "amount": 9.5}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    MERCHANTS.to_parquet(tmp_path / "merchants.parquet", index=False)
    return tmp_path


def write(path: Path, *ids: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".csv":
        orders(*ids).to_csv(path, index=False)
    else:
        orders(*ids).to_parquet(path, index=False)
    return path


def ids_in(source: object) -> list[str]:
    return sorted(read_records(source)["orders"]["order_id"].to_pylist())


@pytest.mark.parametrize(
    "parts",
    [
        ("orders/year=2012/part.parquet", "orders/year=2013/part.parquet"),
        ("orders/year=2012/month=1/part.parquet", "orders/year=2013/month=2/part.parquet"),
        ("orders/first.parquet", "orders/later/part.parquet"),
        ("orders/2012/a.csv", "orders/2013/a.csv"),
        ("orders/first.parquet", "orders/second.PARQUET"),
        ("orders/first.csv", "orders/second.CSV"),
        ("orders.parquet/part-00000.snappy.parquet", "orders.parquet/part-00001.snappy.parquet"),
    ],
)
def test_parts_are_read_however_deep_they_lie(folder: Path, parts: tuple[str, str]) -> None:
    for part, name in zip(parts, "ab", strict=True):
        write(folder / part, name)
    assert ids_in(folder) == ["a", "b"]


def test_a_table_may_have_any_case_of_ending(folder: Path) -> None:
    write(folder / "orders.PARQUET", "a")
    assert ids_in(folder) == ["a"]


def test_a_glob_reaches_into_folders_of_folders(folder: Path) -> None:
    write(folder / "x" / "1.parquet", "a")
    write(folder / "x" / "y" / "z" / "2.parquet", "b")
    source = {
        "merchants": folder / "merchants.parquet",
        "orders": str(folder / "x" / "**" / "*.parquet"),
    }
    assert ids_in(source) == ["a", "b"]


def test_what_a_writer_hides_is_no_part(folder: Path) -> None:
    """Spark and others write into names that begin so, and rename what is done."""
    write(folder / "orders" / "part-0.parquet", "a")
    for hidden in ("_temporary/0/part-1.parquet", ".part-1.parquet", "_part-1.parquet"):
        write(folder / "orders" / hidden, "half", "written")
    (folder / "orders" / "_SUCCESS").touch()
    (folder / "orders" / ".part-0.parquet.crc").write_bytes(b"crc")
    (folder / "orders" / "README.md").write_text("orders of 2013", encoding="utf-8")
    write(folder / ".orders.parquet", "hidden")
    assert ids_in(folder) == ["a"]


UNREAD = (
    "part-1.csv.gz", "part-1.parq", "part-1.pq", "000000_0", "part-1.parquet.zst",
    "deep/part-1.orc", "part-1.tsv", "part-1.xlsx", "part-1.jsonl", "part-1.feather",
)  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
def test_a_part_of_a_kind_that_is_not_read_is_refused_by_its_name(folder: Path, name: str) -> None:
    write(folder / "orders" / "part-0.parquet", "a")
    place = folder / "orders" / name
    place.parent.mkdir(exist_ok=True)
    write(folder / "p.parquet", "b").rename(place)
    with pytest.raises(RecordError, match=rf"'orders' must be Parquet or CSV files.*{name}"):
        read_records(folder)


@pytest.mark.parametrize("name", ["orders.csv.gz", "orders.xlsx", "orders.parq", "orders.json"])
def test_a_table_of_a_kind_that_is_not_read_is_refused_by_its_name(folder: Path, name: str) -> None:
    """Left out without a word it would make orders lack, as if there had been none."""
    write(folder / "o.parquet", "a").rename(folder / name)
    with pytest.raises(RecordError, match=rf"'orders' must be Parquet or CSV files.*{name}"):
        read_records(folder)


def test_what_is_named_as_no_table_may_lie_beside_tables(folder: Path) -> None:
    for name in ("notes.txt", "backup.zip", "export.json", "orders.md"):
        (folder / name).write_text("of no table", encoding="utf-8")
    (folder / "pictures").mkdir()
    assert read_records(folder).tables == ("merchants",)


def test_a_folder_named_as_a_table_without_its_files_is_refused(folder: Path) -> None:
    (folder / "orders").mkdir()
    with pytest.raises(RecordError, match="'orders' must name Parquet files or CSV files"):
        read_records(folder)


def test_a_table_stands_once_whatever_the_case_of_its_ending(folder: Path) -> None:
    write(folder / "orders.parquet", "a")
    write(folder / "orders.CSV", "a")
    with pytest.raises(RecordError, match=r"'orders' must stand once.*orders\.CSV"):
        read_records(folder)


@pytest.mark.parametrize(
    "listed", ["_delta_log/00000000000000000000.json", ".hoodie/hoodie.properties",
               "metadata/v1.metadata.json"],
)  # fmt: skip
def test_a_folder_whose_files_are_the_tables_by_a_list_alone_is_refused(
    folder: Path, listed: str
) -> None:
    """Files whose rows were changed or deleted lie there until somebody cleans up."""
    write(folder / "orders" / "data" / "part-0.parquet", "a")
    write(folder / "orders" / "data" / "part-1.parquet", "a")
    place = folder / "orders" / listed
    place.parent.mkdir(parents=True)
    place.write_text("{}", encoding="utf-8")
    with pytest.raises(RecordError, match="'orders' must be a folder whose files are all"):
        read_records(folder)


def test_a_column_that_only_folders_tell_is_refused_where_it_means_something(
    folder: Path,
) -> None:
    write(folder / "orders" / "channel=ad" / "part.parquet", "a")
    with pytest.raises(RecordError, match=r"'channel' in names of folders alone"):
        read_records(folder)
    table = pa.Table.from_pandas(orders("a").assign(channel="ad"), preserve_index=False)
    pq.write_table(table, folder / "orders" / "channel=ad" / "part.parquet")
    assert read_records(folder)["orders"]["channel"].to_pylist() == ["ad"]


def test_files_of_a_table_that_lie_apart_have_one_digest_and_a_change_another(
    folder: Path,
) -> None:
    first = write(folder / "x" / "2012" / "part.parquet", "a")
    write(folder / "x" / "2013" / "part.csv", "b").rename(folder / "x" / "2013" / "note.md")
    second = write(folder / "x" / "2013" / "part.parquet", "b")
    source = {
        "merchants": folder / "merchants.parquet",
        "orders": str(folder / "x" / "*" / "*.parquet"),
    }
    before, guard = digest_records(read_records(source)), guard_records(read_records(source))
    assert digest_records(read_records(source)) == before
    write(second, "c")
    assert digest_records(read_records(source)) != before
    assert guard_records(read_records(source)) != guard
    write(second, "b")
    assert digest_records(read_records(source)) == before
    first.rename(folder / "x" / "2012" / "other.parquet")
    assert digest_records(read_records(source)) != before
