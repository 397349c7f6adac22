"""Sums of parts of the merchants: added up they are those of all, and make the same tables."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feature_stage import Tables, make_tables, records_of

from alicredit.derived import DERIVED, PEERS, derive_tables, sum_of_part
from alicredit.records import TABLES

SUMMED = [name for name, each in DERIVED.items() if each.sums]
SEED = 3


@cache
def platform(seed: int) -> Tables:
    """Make tables in which an order, a declaration and a bill are nobody's."""
    tables = make_tables(seed, merchants=14)
    for name in ("orders", "customs", "utilities"):
        tables[name] = tables[name].copy()
        tables[name].loc[tables[name].index[:3], "merchant_id"] = None
    return tables


def dealt(tables: Tables, parts: int) -> list[Tables]:
    """Deal the merchants out, each with all its rows; rows of nobody to the first part."""
    part_of = {f"m{k}": (7 * k) % parts for k in range(14)}
    found: list[Tables] = []
    for part in range(parts):
        mine = {
            name: frame[frame["merchant_id"].map(part_of).fillna(0) == part]
            for name, frame in tables.items()
            if "merchant_id" in frame
        }
        for name, frame in tables.items():
            if name in mine:
                continue
            table = TABLES[name]
            if table.parent:
                parent, link = table.parent.split(".")
                mine[name] = frame[frame[link].isin(mine[parent][TABLES[parent].key[0]])]
            else:
                mine[name] = frame
        found.append(mine)
    return found


def added(tables: list[pa.Table], name: str) -> dict[tuple[Any, ...], list[int]]:
    """Add sums up by their keys, in whole numbers of Python."""
    total: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(DERIVED[name].summed))
    for table in tables:
        for row in table.to_pylist():
            values = [row.pop(each) for each in DERIVED[name].summed]
            assert all(isinstance(each, Decimal) and each == int(each) for each in values)
            key = tuple(row.values())
            total[key] = [a + int(b) for a, b in zip(total[key], values, strict=True)]
    return total


def sorted_rows(table: pa.Table) -> pd.DataFrame:
    frame = table.to_pandas()
    return frame.sort_values(list(frame), ignore_index=True, kind="stable")


@pytest.mark.parametrize("name", SUMMED)
def test_sums_of_parts_add_up_to_those_of_all(name: str) -> None:
    tables = platform(SEED)
    whole = added([sum_of_part(records_of(tables), name)], name)
    assert len(whole) > 10
    found = [sum_of_part(records_of(each), name) for each in dealt(tables, 4)]
    assert added(found, name) == whole


@pytest.mark.parametrize("name", SUMMED)
def test_a_part_with_the_sums_of_all_makes_the_rows_that_all_make(name: str) -> None:
    tables = platform(SEED)
    records = records_of(tables)
    expected = sorted_rows(derive_tables(records, [name])[name])
    sums = sum_of_part(records, name)
    mixed = sums.take(np.random.default_rng(1).permutation(len(sums)))
    found = [
        derive_tables(records_of(each), [name], sums={name: mixed})[name]
        for each in dealt(tables, 3)
    ]
    if DERIVED[name].owner == PEERS:
        for each in found:
            pd.testing.assert_frame_equal(sorted_rows(each), expected, check_exact=True)
    else:
        together = sorted_rows(pa.concat_tables(found))
        pd.testing.assert_frame_equal(together, expected, check_exact=True)
    assert len(expected) > 10


@pytest.mark.parametrize("name", SUMMED)
def test_sums_grow_with_groups_and_days_and_not_with_merchants(name: str) -> None:
    tables = make_tables(SEED, merchants=8)
    twice = {
        each: pd.concat([frame, frame.assign(**renamed(each, frame))], ignore_index=True)
        for each, frame in tables.items()
        if each != "fx_rates"
    }
    one, two = (sum_of_part(records_of(each), name) for each in (tables, twice))
    assert len(one) == len(two)
    doubled = {key: [2 * each for each in values] for key, values in added([one], name).items()}
    assert doubled == added([two], name)


def renamed(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """Call merchants and keys otherwise, so that they are others with the same facts."""
    table = TABLES[name]
    columns = {"merchant_id", *(c.name for c in table.columns if c.kind == "id")}
    return {each: frame[each] + "'" for each in columns if each in frame}


def test_where_a_source_lacks_there_are_no_sums() -> None:
    tables = platform(SEED)
    for name in SUMMED:
        for source in DERIVED[name].sources:
            if source == "merchants":
                continue
            children = {each for each in tables if TABLES[each].parent.startswith(f"{source}.")}
            fewer = {n: f for n, f in tables.items() if n not in {source, *children}}
            assert sum_of_part(records_of(fewer), name).num_columns == 0
            made = derive_tables(records_of(fewer), [name], sums={name: pa.table({})})
            assert name not in made


def test_a_price_stands_against_the_sums_of_other_merchants_alone() -> None:
    """Against a brute force over declarations, one by one."""
    tables = platform(SEED)
    found = derive_tables(records_of(tables), ["customs_prices"])["customs_prices"].to_pandas()
    customs = tables["customs"].copy()
    told = customs[["declared_at", "known_at"]].max(axis=1)
    customs["day"], customs["hs4"] = told.dt.normalize(), customs["hs_code"].str[:4]
    value = customs["fob_usd"].fillna(customs["cif_usd"]).astype(float)
    good = value.between(1e-6, 1e12) & customs["qty"].astype(float).between(1e-6, 1e12)
    customs["price"] = np.log(value / customs["qty"].astype(float)).where(good)
    customs = customs[customs["price"].notna() & (customs["hs_code"].str.len() >= 4)]
    checked = 0
    for row in customs.dropna(subset=["merchant_id"]).itertuples():
        first = row.day - pd.Timedelta(365, "D")
        peers = customs[
            (customs["hs4"] == row.hs4)
            & (customs["direction"] == row.direction)
            & (customs["merchant_id"].fillna("") != row.merchant_id)
            & (customs["day"] >= first)
            & (customs["day"] < row.day)
        ]["price"]
        mine = found.loc[found["declaration_no"] == row.declaration_no, "price_distance"]
        if len(peers) < 10 or not peers.std() > 0:
            assert mine.empty
            continue
        expected = min(abs(row.price - peers.mean()) / peers.std(), 100)
        assert mine.tolist() == pytest.approx(
            [expected], abs=5e-6
        )  # logarithms are taken to a millionth
        checked += 1
    assert checked > 10


def test_what_is_no_derived_table_has_no_sums() -> None:
    records = records_of(platform(SEED))
    assert sum_of_part(records, "loan_dues").num_rows == 0
    with pytest.raises(KeyError, match="orders"):
        sum_of_part(records, "orders")
