"""Features on a real Spark of two threads against the local engine: the same bits."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feature_stage import (
    USE,
    Tables,
    cohort_of,
    disturb,
    make_moments,
    make_tables,
    records_of,
)
from spark_stage import running_spark
from test_features_daily import FEW, few_tables
from test_features_engine import many

import alicredit as ac
from alicredit.errors import FeatureError, RecordError
from alicredit.features import Catalogue, Feature, SparkRecords, packed, read_spark_records

pyspark = pytest.importorskip("pyspark")
T = {"title": "t", "title_zh": "题"}


@pytest.fixture(scope="session")
def session() -> Iterator[Any]:
    running = running_spark()
    yield running
    running.stop()


def read(session: Any, folder: Path, names: Iterable[str]) -> dict[str, Any]:
    return {name: session.read.parquet(str(folder / f"{name}.parquet")) for name in names}


def frames_of(session: Any, tables: Tables, folder: Path) -> dict[str, Any]:
    """Write tables as Parquet and read them with Spark."""
    ac.write_records(records_of(tables), folder)
    return read(session, folder, tables)


def collected(frame: Any) -> pd.DataFrame:
    """Take a Spark frame's rows in the order of the questions."""
    table = frame.orderBy("row").toArrow()
    assert table["row"].to_pylist() == list(range(len(table)))
    return pd.DataFrame({name: table[name].to_numpy() for name in table.column_names[1:]})


def assert_same(found: Any, expected: pd.DataFrame) -> None:
    here = collected(found)
    assert list(here) == list(expected)
    differ = [
        name
        for name in expected
        if here[name].to_numpy().tobytes() != expected[name].to_numpy().tobytes()
    ]
    assert differ == []


@pytest.mark.slow
def test_a_simulated_platform_at_its_loans_to_the_bit(session: Any, tmp_path: Path) -> None:
    made, _ = ac.simulate_platform(50, seed=5)
    ac.write_records(made, tmp_path)
    records = ac.read_records(tmp_path)
    cohort = ac.Cohort.of_loans(records)[::7]
    frames = {
        name: session.read.parquet(str(tmp_path / f"{name}.parquet")) for name in records.tables
    }
    taken = read_spark_records(frames, data_use=USE)
    assert taken.tables == records.tables
    assert_same(
        ac.build_features(taken, cohort, engine=session), ac.build_features(records, cohort)
    )


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 3])
def test_any_order_of_rows_and_count_of_parts_gives_the_same_bits(
    parts: int, session: Any, tmp_path: Path
) -> None:
    from pyspark.sql import functions

    # In one part there is nothing to share out: a table shows it.
    catalogue = FEW if parts > 1 else FEW.subset([f.name for f in FEW if f.table == "orders"])
    tables = {
        name: frame for name, frame in few_tables(31).items()
        if parts > 1 or name in ("merchants", "orders")
    }  # fmt: skip
    cohort = many(31, pd.Index([*make_moments(31).index, "nobody"]), 5)
    shuffled = {
        name: frame.orderBy(functions.rand(parts)).repartition(parts + 1)
        for name, frame in frames_of(session, tables, tmp_path).items()
    }
    session.conf.set("spark.sql.shuffle.partitions", str(parts))
    try:
        found = ac.build_features(
            read_spark_records(shuffled, data_use=USE), cohort, catalogue=catalogue, engine=session
        )
        assert_same(found, ac.build_features(records_of(tables), cohort, catalogue=catalogue))
    finally:
        session.conf.set("spark.sql.shuffle.partitions", "2")


@pytest.mark.slow
def test_nothing_later_changes_a_bit_on_spark(session: Any, tmp_path: Path) -> None:
    tables, moments = few_tables(32), make_moments(32)
    other = disturb(tables, moments, 39, frozenset({"change", "add", "delete", "fill"}))
    found = [
        collected(
            ac.build_features(
                read_spark_records(frames_of(session, each, tmp_path / name), data_use=USE),
                cohort_of(moments), catalogue=FEW, engine=session,
            )
        )
        for name, each in (("before", tables), ("after", other))
    ]  # fmt: skip
    assert found[0].to_numpy().tobytes() == found[1].to_numpy().tobytes()
    assert np.isfinite(found[0].to_numpy()).any()


def numbered(folder: Path) -> dict[str, pa.Table]:
    """Tables whose identifiers are numbers, an order twice, a refund of no order, moments."""
    time = pd.to_datetime(["2013-04-01", "2013-04-02", "2013-04-30", "2013-04-30"])
    time += pd.to_timedelta([0, 0, 86_399, 0], "s")
    utc = pa.timestamp("us", tz="UTC")
    aware = time.tz_localize("Asia/Shanghai").tz_convert("UTC")
    tables = {
        "merchants": pa.table(
            {
                "merchant_id": [1, 2], "platform": ["taobao"] * 2,
                "registered_at": pa.array([time[0].date()] * 2),
            }
        ),
        "orders": pa.table(
            {
                "order_id": [7, 8, 8, 9], "merchant_id": pa.array([1, 1, 2, None], pa.int64()),
                "buyer_id": [1, 2, 3, 3], "amount": [5.0, 6.0, 7.0, 8.0],
                "created_at": pa.array(aware.tolist(), utc),
                "paid_at": pa.array(aware.tolist(), utc), "colour": ["red"] * 4,
            }
        ),
        "refunds": pa.table(
            {
                "id": [1, 2, 3], "order_id": [8, 8, 77], "amount": [1.0, 2.0, 3.0],
                "opened_at": pa.array(aware.tolist()[:3], utc),
            }
        ),
    }  # fmt: skip
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return tables


COUNTS = Catalogue(
    (
        Feature(table="orders", aggregate="sum", measure="amount", **T),
        Feature(table="orders", aggregate="days_since", **T),
        Feature(table="refunds", aggregate="sum", measure="amount", **T),
        Feature(table="customs", aggregate="count", **T),
    )
)


@pytest.mark.slow
def test_numbers_moments_and_broken_links_mean_what_they_mean_locally(
    session: Any, tmp_path: Path
) -> None:
    tables = numbered(tmp_path)
    frames = read(session, tmp_path, tables)
    frame = pd.DataFrame({"merchant_id": ["2", "1", "01"], "as_of": pd.Timestamp("2013-05-01")})
    cohort = ac.Cohort.from_frame(frame)
    local = ac.build_features(ac.read_records(tables), cohort, catalogue=COUNTS)
    found = ac.build_features(frames, cohort, catalogue=COUNTS, engine=session)
    assert_same(found, local)
    assert local["orders_amount_sum"].tolist() == [7.0, 11.0, 0.0]
    assert local["refunds_amount_sum"].tolist() == [3.0, 3.0, 0.0]
    assert local["customs_count"].isna().all()
    out = tmp_path / "features"
    assert ac.build_features(frames, cohort, catalogue=COUNTS, engine=session, out=out) is None
    assert_same(session.read.parquet(str(out)), local)


@pytest.mark.slow
def test_restricted_tables_need_their_basis_on_spark_too(session: Any, tmp_path: Path) -> None:
    tables = {
        name: frame for name, frame in make_tables(33).items() if name in ("merchants", "bank_txns")
    }
    frames = frames_of(session, tables, tmp_path)
    assert read_spark_records(frames).tables == ("merchants",)
    assert read_spark_records(frames, data_use=USE).tables == ("merchants", "bank_txns")
    with pytest.raises(RecordError, match="table 'merchants' must have the column 'platform'"):
        read_spark_records({"merchants": frames["merchants"].drop("platform")})
    with pytest.raises(RecordError, match="must be among the records"):
        read_spark_records({"bank_txns": frames["bank_txns"]}, data_use=USE)


@pytest.mark.slow
def test_a_value_that_cannot_be_read_stops_the_job_and_is_named(
    session: Any, tmp_path: Path
) -> None:
    tables = numbered(tmp_path)
    tables["interactions_daily"] = pa.table(
        {"merchant_id": [1], "day": tables["merchants"]["registered_at"][:1], "logins": [1.5]}
    )
    pq.write_table(tables["interactions_daily"], tmp_path / "interactions_daily.parquet")
    frames = read(session, tmp_path, tables)
    catalogue = Catalogue(
        (Feature(table="interactions_daily", aggregate="sum", measure="logins", **T),)
    )
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["1"], "as_of": ["2013-05-01"]}))
    found = ac.build_features(frames, cohort, catalogue=catalogue, engine=session)
    with pytest.raises(Exception, match="column 'logins' must be of kind count"):
        found.collect()


@pytest.mark.slow
def test_each_part_goes_to_a_partition_of_its_own(session: Any) -> None:
    keys = packed.spread_keys(session, 7)
    sent = session.createDataFrame(pa.table({"key": pa.array(keys, pa.int32())}))
    places = sent.repartition(7, "key").selectExpr("spark_partition_id() AS place").collect()
    assert sorted(row["place"] for row in places) == list(range(7))


COHORT = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["1"], "as_of": ["2013-05-01"]}))


@pytest.mark.parametrize(
    ("records", "engine", "error", "text"),
    [
        ({}, 3, FeatureError, "engine must be 'local', 'sql' or a SparkSession; found int"),
        ({}, None, FeatureError, "engine must be 'local', 'sql' or a SparkSession"),
        ({}, "spark", FeatureError, "engine must be a SparkSession itself"),
        ("data/sample", ..., RecordError, "records must be a mapping from table name"),
        ({"merchants": pd.DataFrame()}, ..., RecordError, "'merchants' must be a Spark frame"),
    ],
)
def test_what_is_no_spark_is_refused(
    records: object, engine: object, error: type[Exception], text: str
) -> None:
    class Session:
        """Something that looks like a session until it is used."""

        createDataFrame = None  # noqa: N815

    given = Session() if engine is ... else engine
    with pytest.raises(error, match=text):
        ac.build_features(records, COHORT, engine=given)


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(FeatureError, match=r"pip install 'alicredit\[spark\]'"):
        packed.import_pyspark()


def test_packed_rows_come_back_part_by_part() -> None:
    rng = np.random.default_rng(3)
    rows = pa.table(
        {"x": rng.integers(0, 99, 500), "_part": rng.integers(0, 7, 500).astype("int32")}
    )
    batches = rows.to_batches(max_chunksize=60)
    streams = list(packed.pack("orders", tuple(range(10, 17)), batches))
    found = {part: table for part, name, table in packed.unpacked(streams) if name == "orders"}
    assert sorted(found) == list(range(10, 17))
    for part, table in found.items():
        its = rows["x"].to_numpy()[rows["_part"].to_numpy() == part - 10]
        assert table["x"].to_pylist() == its.tolist()
    assert isinstance(SparkRecords({}, records_of(make_tables(1, 2))).tables, tuple)
