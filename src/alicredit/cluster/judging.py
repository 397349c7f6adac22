"""What only the whole of a platform can say, from small counts and few rows of its tables."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.cluster.gathering import PEOPLE, RATIOS, TOLD, rows_of
from alicredit.cluster.prepared import add_tallies
from alicredit.cluster.taking import Taken, from_cluster
from alicredit.cohort import Cohort, known_merchants
from alicredit.deciding.feeds import refuse_stale
from alicredit.deciding.population import debts_of_groups, refuse_unlike_units
from alicredit.deciding.scoring import distinct_of
from alicredit.features import Catalogue
from alicredit.features.packed import import_pyspark, mapped, owned_frame
from alicredit.portable.survey import judge
from alicredit.records import TABLES, merchants_in_error
from alicredit.stability import add_arrivals, judge_arrivals

_MANY = 64
_LISTED = 1_000
"""Values that stand in a query itself; more are joined."""


def find_shared_keys(taken: Taken, as_of: pd.Timestamp, tables: Collection[str]) -> frozenset[str]:
    """Name the merchants with a key, of some tables, that must stand once and stands with others.

    Keys of one merchant are looked at where its rows are. Keys that stand in more than one part
    are found on the cluster; their rows, which are few, are looked at here.
    """
    functions, _ = import_pyspark()
    frames = taken.frames
    keys = []
    for name in (each for each in frames if each in tables):
        table = TABLES[name]
        link = table.parent.split(".")[1] if table.parent else "merchant_id"
        if not table.unique or link in table.key or table.merchantless:
            continue
        if not set(table.key) <= set(taken.shapes[name].names):
            continue
        if table.parent and table.parent_table not in frames:
            continue
        key = functions.col(table.key[0]).cast("string")
        owned = owned_frame(frames, name, _MANY, functions, with_nobodys=True)
        keys.append(owned.select(functions.lit(name).alias("name"), key.alias("key"), "_part"))
    if not keys:
        return frozenset()
    every = reduce(lambda left, right: left.unionAll(right), keys).where("key IS NOT NULL")
    ends = every.groupBy("name", "key").agg(
        functions.min("_part").alias("low"), functions.max("_part").alias("high")
    )
    with from_cluster("records"):
        apart = ends.where("low <> high").select("name", "key").toArrow().to_pandas()
    found: set[str] = set()
    for name, group in apart.groupby("name"):
        found |= _in_error(taken, str(name), group["key"].tolist(), as_of)
    return frozenset(found)


def _in_error(taken: Taken, name: str, keys: list[str], as_of: pd.Timestamp) -> set[str]:
    """Look at the rows of some keys, and of their parents."""
    table = TABLES[name]
    few = {name: _rows_at(taken, name, table.key[0], keys)}
    if table.parent:
        parent, link = table.parent.split(".")
        links = few[name][link].cast(pa.string()).unique().to_pylist()
        few[parent] = _rows_at(taken, parent, link, links)
    errors = merchants_in_error(taken.read(few), as_of=as_of)
    return set(errors.loc[errors["rule"] == "duplicate key", "merchant_id"])


def _rows_at(taken: Taken, name: str, column: str, values: Iterable[str]) -> pa.Table:
    """Bring the rows of a table here that have one of some values."""
    functions, _ = import_pyspark()
    session, listed = taken.frames[name].sparkSession, list(values)
    if not listed:
        return taken.shapes[name].empty_table()
    rows = taken.frames[name].select(*(f"`{each}`" for each in taken.shapes[name].names))
    key = functions.col(column).cast("string")
    if len(listed) <= _LISTED:  # one job, where a join takes three
        kept = rows.where(key.isin(listed))
    else:
        wanted = session.createDataFrame(pa.table({"_value": pa.array(listed, pa.string())}))
        kept = rows.join(wanted, key == wanted["_value"], "left_semi")
    with from_cluster(f"table {name!r}"):
        return kept.toArrow().cast(taken.shapes[name])


def find_debts(taken: Taken, as_of: pd.Timestamp) -> pd.Series | None:
    """Sum what groups of related parties owe; only merchants that have a link come here."""
    if "related_parties" not in taken.frames:
        return None
    linked = _linked(taken)
    names = ("merchants", "related_parties", "merchant_history", "loans")
    few = {
        name: _rows_at(taken, name, "merchant_id", linked) for name in names if name in taken.frames
    }
    if "loans" in few and "repayments" in taken.frames:
        loans = few["loans"]["loan_id"].cast(pa.string()).unique().to_pylist()
        few["repayments"] = _rows_at(taken, "repayments", "loan_id", loans)
    kept = Taken(
        taken.frames,
        {name: shape for name, shape in taken.shapes.items() if name in few},
        None, taken.timezone, taken.digest, taken.guard,
    )  # fmt: skip
    records = kept.read(few)
    if not known_merchants(records, as_of):
        return pd.Series(dtype=float)
    return debts_of_groups(records, Cohort.at(records, as_of), as_of)


def _linked(taken: Taken) -> list[str]:
    """Name the merchants that a table links, or that ever shared a representative or address."""
    functions, _ = import_pyspark()
    links = taken.frames["related_parties"]
    ends = [links.select(functions.col(n).cast("string").alias("id")) for n in
            ("merchant_id", "other_id")]  # fmt: skip
    every = ends[0].unionAll(ends[1])
    if "merchant_history" in taken.frames:
        history = taken.frames["merchant_history"].where("field IN ('legal_rep', 'address')")
        who = functions.col("merchant_id").cast("string").alias("id")
        places = history.select(who, "field", "value").where("value IS NOT NULL").distinct()
        counts = places.groupBy("field", "value").agg(functions.count("id").alias("many"))
        shared = places.join(counts.where("many > 1"), ["field", "value"])
        every = every.unionAll(shared.select("id"))
    with from_cluster("table 'related_parties'"):
        found = every.where("id IS NOT NULL").distinct().toArrow()["id"].to_pylist()
    return sorted(found)


def judge_whole(
    pieces: Any, models: Mapping[str, Any], catalogue: Catalogue, as_of: pd.Timestamp
) -> None:
    """Refuse a platform of which a feed is silent, amounts are in another unit, or inputs are odd.

    The verdict is the local one; the order of what is looked at, too.
    """
    with from_cluster("records"):
        told = [
            json.loads(bytes(row["_rows"]))
            for row in pieces.where(f"_kind = '{TOLD}'").select("_rows").collect()
        ]
    refuse_stale(judge_arrivals(_arrivals(told), as_of), catalogue.tables, as_of)
    _judge_unit(pieces)
    columns = cache(lambda name: _column(pieces, name))
    for at, model in enumerate(distinct_of(models)):
        counted = (each["tallies"][at] for each in told if each["tallies"])
        judge(model.tables, add_tallies(model, counted), columns)


def _arrivals(told: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Put the counts of all parts together."""
    names = dict.fromkeys(name for each in told for name in each["arrivals"])
    return {
        name: add_arrivals(_counted(each["arrivals"].get(name, [])) for each in told)
        for name in names
    }


def _counted(lines: list[list[Any]]) -> pd.DataFrame:
    """Read the counts of a part."""
    table = np.array(lines, dtype=np.int64).reshape(-1, 4)
    times = {
        name: table[:, at].astype("datetime64[us]")
        for at, name in ((2, "last_known"), (3, "last_happened"))
    }
    return pd.DataFrame({"day": table[:, 0], "volume": table[:, 1], **times})


def _judge_unit(pieces: Any) -> None:
    """Refuse sales that are many times off what was declared; 8 bytes a merchant who declared."""
    with from_cluster("records"):
        rows = pieces.where(f"_kind = '{RATIOS}'").select("_rows").collect()
    ratios = np.concatenate([np.empty(0), *(rows_of(row["_rows"])["ratio"] for row in rows)])
    refuse_unlike_units(ratios)


def _column(pieces: Any, name: str) -> list[pd.Series]:
    """Bring one input of all merchants here, for a median that counts leave open."""
    people = pieces.where(f"_kind = '{PEOPLE}'").select("_rows")
    column = _Column(name)
    with from_cluster("records"):
        return [mapped(people, column.answer, "_value double").toArrow()["_value"].to_pandas()]


class _Column:
    """Takes one column of pieces."""

    def __init__(self, name: str) -> None:
        self.name = name

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give it, piece by piece."""
        for batch in batches:
            for rows in batch["_rows"]:
                values = rows_of(rows)[self.name].cast(pa.float64()).combine_chunks()
                yield pa.record_batch({"_value": values})
