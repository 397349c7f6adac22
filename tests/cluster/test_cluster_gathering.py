"""What tasks make of parts of the merchants, without a cluster: together they are the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster_stage import AS_OF, PART, decide, staged

import alicredit as ac
from alicredit.cluster.answering import Deciding, spark_schema
from alicredit.cluster.gathering import PEOPLE, PIECES, RATIOS, TOLD, Gathering, rows_of
from alicredit.cluster.ids import Cuts, _Known
from alicredit.cluster.prepared import add_tallies
from alicredit.cluster.taking import Taken
from alicredit.deciding.population import catalogue_of
from alicredit.deciding.scoring import distinct_of, models_of
from alicredit.derived import sum_of_part
from alicredit.errors import RecordError
from alicredit.features.packed import pack
from alicredit.features.spark_sums import Shaped, summed_tables
from alicredit.nightly.streaming import Question
from alicredit.policy import load_policy
from alicredit.portable.survey import tally
from alicredit.records import TABLES
from alicredit.records.findings import sales_ratios

TIES = ("related_parties", "merchant_history", "blacklist", "account_events")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Give the platform's tables but for the ties between merchants, which Spark itself copies."""
    folder = staged(tmp_path_factory.mktemp) / "records"
    return {path.stem: pq.read_table(path) for path in folder.glob("*.parquet")
            if path.stem not in TIES}  # fmt: skip


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Question:
    model = ac.load_model(staged(tmp_path_factory.mktemp) / "model.alicredit")
    policy = load_policy("ali-2013")
    return Question(models_of(model, policy), policy, pd.Timestamp(AS_OF), None)


def declared(name: str, table: pa.Table) -> pa.Table:
    kept = {*TABLES[name].names, "known_at"}
    return table.select([each for each in table.column_names if each in kept])


def taken_of(tables: dict[str, pa.Table]) -> Taken:
    shapes = {name: declared(name, table).schema for name, table in tables.items()}
    return Taken({}, shapes, None, "Asia/Shanghai", str, str)


def parts_of(ids: list[str | None], count: int) -> np.ndarray:
    return np.array([crc32((each or "").encode()) % count for each in ids], np.int32)


def dealt(tables: dict[str, pa.Table], count: int, *, backwards: bool) -> list[pa.RecordBatch]:
    """Deal rows out by their merchant as Spark does, in any order; rates go to every part."""
    streams: list[pa.RecordBatch] = []
    for name, table in tables.items():
        rows, owner = declared(name, table), TABLES[name]
        if backwards:
            rows = rows.take(np.arange(len(rows))[::-1])
        if owner.merchantless:
            copies = [rows.append_column("_part", pa.array([k] * len(rows), pa.int32()))
                      for k in range(count)]  # fmt: skip
            rows = pa.concat_tables(copies)
        elif owner.parent:
            parent, link = owner.parent.split(".")
            owners = pd.DataFrame({
                link: tables[parent][link].to_pylist(),
                "_part": parts_of(tables[parent]["merchant_id"].to_pylist(), count),
            }).drop_duplicates()  # fmt: skip
            at = pd.DataFrame({link: rows[link].to_pylist(), "at": np.arange(len(rows))})
            met = at.merge(owners, on=link)
            part = pa.array(met["_part"].to_numpy(np.int32))
            rows = rows.take(met["at"].to_numpy()).append_column("_part", part)
        else:
            part = pa.array(parts_of(rows["merchant_id"].to_pylist(), count))
            rows = rows.append_column("_part", part)
        streams += pack(name, tuple(range(count)), rows.to_batches(max_chunksize=900))
    whole = pa.Table.from_batches(streams)
    return whole.sort_by([("_part", "ascending"), ("_table", "ascending")]).to_batches()


class Gathered:
    """Pieces of all parts, one after the other."""

    def __init__(
        self, tables: dict[str, pa.Table], asked: Question, count: int, *, backwards: bool = False
    ) -> None:
        taken, catalogue = taken_of(tables), catalogue_of(asked.models)
        records = ac.read_records(tables)
        names = ac.Cohort.at(records, AS_OF).frame["merchant_id"].tolist()
        cuts = Cuts(len(names), tuple(sorted(names)[::PART]))
        sums = {name: sum_of_part(records, name) for name in summed_tables(catalogue)}
        doubled = records["orders"].to_pandas().groupby("order_id")["merchant_id"].nunique()
        ids = set(doubled.index[doubled > 1])
        rows = records["orders"].to_pandas()
        faulty = frozenset(rows.loc[rows["order_id"].isin(ids), "merchant_id"].dropna())
        task = Gathering(taken, asked.as_of, asked.models, catalogue, cuts, faulty, None, sums,
                         None)  # fmt: skip
        batches = iter(dealt(tables, count, backwards=backwards))
        self.pieces = pa.Table.from_batches(task.answer(batches)).to_pylist()
        self.records = records

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [piece for piece in self.pieces if piece["_kind"] == kind]

    def people(self) -> list[pa.RecordBatch]:
        """Give the pieces of people by number, as Spark brings them together."""
        mine = sorted(self.of(PEOPLE), key=lambda piece: piece["_number"])
        table = pa.table({
            "_number": pa.array([each["_number"] for each in mine], pa.int32()),
            "_rows": pa.array([each["_rows"] for each in mine], pa.binary()),
        })  # fmt: skip
        return table.to_batches(max_chunksize=2)


@pytest.fixture(scope="module")
def three(tables: dict[str, pa.Table], asked: Question) -> Gathered:
    return Gathered(tables, asked, 3, backwards=True)


def test_people_of_parts_are_decided_as_all_are_locally(
    tables: dict[str, pa.Table], asked: Question, three: Gathered, tmp_path_factory: Any
) -> None:
    stage: Path = staged(tmp_path_factory.mktemp)
    local = decide(stage, records=ac.read_records(tables))
    found = pa.Table.from_batches(Deciding(asked).answer(iter(three.people()))).to_pandas()
    assert found["merchant_id"].tolist() == local["merchant_id"].tolist()
    for name in ("status", "decision", "grade", "product_id", "model_id"):
        assert found[name].tolist() == local[name].tolist(), name
    for name in ("pd", "limit", "rate", "expected_profit", "expected_loss"):
        assert found[name].to_numpy().tobytes() == local[name].to_numpy().tobytes(), name
    assert [list(each) for each in found["reasons"]] == local["reasons"].tolist()
    assert "bad_records" in set(local["status"])


def test_pieces_have_numbers_of_their_people_and_nobody_twice(three: Gathered) -> None:
    seen: list[str] = []
    for piece in three.of(PEOPLE):
        ids = rows_of(piece["_rows"])["merchant_id"].to_pylist()
        seen += ids
        numbers = Cuts(0, tuple(sorted(known_ids(three))[::PART])).numbers(np.array(ids, object))
        assert set(numbers.tolist()) == {piece["_number"]}
    assert sorted(seen) == sorted(known_ids(three))


def known_ids(gathered: Gathered) -> list[str]:
    return ac.Cohort.at(gathered.records, AS_OF).frame["merchant_id"].tolist()


def test_counts_of_parts_add_up_to_those_of_all(
    tables: dict[str, pa.Table], asked: Question, three: Gathered
) -> None:
    told = [json.loads(each["_rows"]) for each in three.of(TOLD)]
    assert len(told) == 3
    catalogue = catalogue_of(asked.models)
    X = ac.build_features(three.records, ac.Cohort.at(three.records, AS_OF), catalogue=catalogue)
    for at, model in enumerate(distinct_of(asked.models)):
        added = add_tallies(model, (each["tallies"][at] for each in told if each["tallies"]))
        for table in model.tables:
            assert added[table.name] == tally(table, X[table.name]), table.name
    orders = tables["orders"].to_pandas()
    orders = orders[orders["created_at"] < pd.Timestamp(AS_OF)]
    volume = sum(line[1] for each in told for line in each["arrivals"]["orders"])
    assert 0 < volume <= len(orders)


def test_ratios_of_parts_are_those_of_all(three: Gathered) -> None:
    found = [rows_of(each["_rows"])["ratio"].to_numpy() for each in three.of(RATIOS)]
    whole = sales_ratios(three.records, as_of=pd.Timestamp(AS_OF))
    assert len(whole) > 5
    here, all_of_them = np.sort(np.concatenate(found)), np.sort(np.asarray(whole))
    assert here.tolist() == pytest.approx(all_of_them.tolist(), rel=1e-12)  # sums of doubles


def test_columns_of_pieces_are_those_that_are_declared(three: Gathered) -> None:
    pytest.importorskip("pyspark")
    assert [each.split()[0] for each in PIECES.split(", ")] == list(three.pieces[0])
    assert {each["_kind"] for each in three.pieces} == {PEOPLE, TOLD, RATIOS}
    assert [field.name for field in spark_schema().fields][:3] == ["merchant_id", "product_id",
                                                                  "as_of"]  # fmt: skip


def test_known_merchants_of_batches_are_those_of_all(tables: dict[str, pa.Table]) -> None:
    task = _Known(taken_of(tables), pd.Timestamp(AS_OF))
    rows = tables["merchants"].select(taken_of(tables).shapes["merchants"].names)
    found = pa.Table.from_batches(task.answer(iter(rows.to_batches(max_chunksize=7))))
    cohort = ac.Cohort.at(ac.read_records(tables), AS_OF)
    assert sorted(found["merchant_id"].to_pylist()) == sorted(cohort.frame["merchant_id"])
    assert "not yet" not in found["merchant_id"].to_pylist()


def test_sums_that_are_sent_come_back_as_they_were(tables: dict[str, pa.Table]) -> None:
    """Each part's sums in the columns that all tables share, then in their own again."""
    names = ("customs_prices", "peer_power", "peer_ratings", "peer_sales")
    taken = taken_of(tables)
    summing = Shaped(taken.shapes, None, taken.timezone).sums(names)
    few = {name: tables[name].select(shape.names)
           for name, shape in summing.shaped.shapes.items()}  # fmt: skip
    assert set(few["orders"].column_names) < set(tables["orders"].column_names)
    assert "traffic_daily" not in few
    sent = pa.Table.from_batches(summing.answer(iter(dealt(few, 1, backwards=False))))
    of = sent["name"].to_numpy()
    records = ac.read_records(tables)
    for name in names:
        expected = sum_of_part(records, name)
        back = summing.received(name, sent.filter(pa.array(of == name)))
        assert back.schema == expected.schema, name
        if name in ("customs_prices", "peer_power"):  # what they are made of lacks here
            assert expected.num_columns == 0
            continue
        assert len(expected) > 10
        order = [(each, "ascending") for each in back.column_names]
        assert back.sort_by(order).equals(expected.sort_by(order)), name


def test_a_table_of_another_kind_is_refused_in_a_task(tables: dict[str, pa.Table]) -> None:
    taken = taken_of(tables)
    at = tables["orders"].schema.get_field_index("amount")
    text = pa.array(["much"] * len(tables["orders"]))
    wrong = tables["orders"].set_column(at, "amount", text)
    with pytest.raises(RecordError, match="column 'amount' must be of kind yuan"):
        taken.read({**tables, "orders": wrong})
    assert taken.read({})["orders"].num_rows == 0
