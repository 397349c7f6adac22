"""Derived tables: declared as they are made, absent with their sources, honest in both times."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from derived_stage import features, merchants, on, one_loan, orders
from feature_stage import (
    cohort_of,
    disturb,
    make_moments,
    make_tables,
    moved,
    records_of,
    shown,
)

import alicredit as ac
from alicredit.derived import DERIVED, PEERS, TABLES, base_tables, derive, derive_tables
from alicredit.features import CATALOGUE, Catalogue
from alicredit.records import KINDS
from alicredit.records import TABLES as WRITTEN


@pytest.fixture(scope="module")
def whole() -> ac.Records:
    return derive_tables(records_of(make_tables(4)), DERIVED)


@pytest.mark.parametrize("name", DERIVED)
def test_a_derived_table_is_made_as_declared(name: str, whole: ac.Records) -> None:
    table = DERIVED[name].table
    rows = whole[name].to_pandas()
    assert len(rows) > 20
    assert list(rows) == [*table.names, "known_at"]
    assert table.happened
    types = whole.sources[name].types
    for column in table.columns:
        assert types[column.name] in (KINDS[column.kind], "HUGEINT"), column.name
        if not column.nullable:
            assert rows[column.name].notna().all(), column.name
        numbers = rows[column.name].dropna()
        if column.low is not None:
            assert (numbers >= column.low).all(), column.name
        if column.high is not None:
            assert (numbers <= column.high).all(), column.name
    assert rows["known_at"].notna().all()
    if table.unique:
        assert not rows.duplicated(list(table.key)).any()


def test_derived_names_stand_beside_written_ones() -> None:
    assert not set(DERIVED) & set(WRITTEN)
    assert set(TABLES) == set(DERIVED) | set(WRITTEN)
    for name, derived in DERIVED.items():
        assert set(base_tables([name])) <= set(WRITTEN)
        assert derived.owner in ("merchant", PEERS)
        for table, columns in derived.sources.items():
            assert set(columns) <= set(WRITTEN[table].names)


@pytest.mark.parametrize("name", DERIVED)
def test_a_missing_source_makes_it_absent_and_its_features_missing(name: str) -> None:
    catalogue = shown(CATALOGUE)
    asked = [feature.name for feature in catalogue if feature.table == name]
    for source in DERIVED[name].sources:
        if source == "merchants":
            continue
        tables = make_tables(4, merchants=3)
        children = [each for each in tables if WRITTEN[each].parent.startswith(f"{source}.")]
        for gone in (source, *children):
            del tables[gone]
        records = records_of(tables)
        assert name not in derive_tables(records, [name])
        cohort = cohort_of(make_moments(4, merchants=3))
        found = ac.build_features(records, cohort, catalogue=catalogue.subset(asked))[asked]
        assert found.isna().all(axis=None), source


def test_a_missing_column_makes_what_needs_it_missing_and_no_zero() -> None:
    tables = make_tables(4, merchants=3)
    tables["traffic_daily"] = tables["traffic_daily"].drop(columns="ad_spend")
    tables["ratings"] = tables["ratings"].drop(columns="dsr_ship")
    made = derive_tables(records_of(tables), ["loan_effects", "peer_ratings"])
    assert "ad_change" not in made.columns("loan_effects")
    assert "uv_change" in made.columns("loan_effects")
    assert not {"dsr_sum", "dsr_count"} & set(made.columns("peer_ratings"))
    names = ["loan_effects_ad_change_last_365d", "dsr_shrunk_180d"]
    cohort = cohort_of(make_moments(4, merchants=3))
    found = ac.build_features(made, cohort, catalogue=CATALOGUE.subset(names))
    assert found[names].isna().all(axis=None)


def test_making_tables_twice_or_none_changes_nothing() -> None:
    records = records_of(make_tables(4, merchants=3))
    assert derive_tables(records, ["orders", "no_such_table"]) is records
    once = derive_tables(records, ["loan_dues"])
    assert derive_tables(once, ["loan_dues"]) is once
    assert set(derive_tables(once, ["peer_sales"]).tables) - set(records.tables) == {
        "loan_dues", "peer_sales",
    }  # fmt: skip


def test_a_table_of_that_name_among_the_records_is_not_taken_for_ours() -> None:
    tables = one_loan([(20, 1000)])
    tables["loan_dues"] = pd.DataFrame({"merchant_id": ["m"], "days_late": [99.0]})
    assert features(tables, on(60), ["days_late_max_365d"]).tolist() == [0]


def test_what_peers_do_is_a_part_and_no_column() -> None:
    parts = {feature.name for feature in CATALOGUE if feature.is_part}
    of_peers = {f.name for f in CATALOGUE if f.table and DERIVED.get(f.table, None)}
    of_peers = {name for name in of_peers if DERIVED[CATALOGUE[name].table].owner == PEERS}
    assert of_peers
    assert of_peers <= parts
    assert not parts & set(CATALOGUE.names)
    assert not parts & set(CATALOGUE.directions)
    assert not parts & set(CATALOGUE.describe()["name"])
    taken = {part for feature in CATALOGUE for part in feature.parts}
    assert parts <= taken, "a part that nothing is made of"


def test_a_part_is_computed_all_the_same() -> None:
    tables = {"merchants": merchants(["m"]), "orders": orders([("m", 5.0, 7.0)])}
    cohort = cohort_of(pd.Series({"m": on(20)}))
    part = CATALOGUE.subset(["peer_sales_amount_sum_30d"])
    assert list(ac.build_features(records_of(tables), cohort, catalogue=part)) == []
    found = ac.build_features(records_of(tables), cohort, catalogue=shown(part))
    assert found.to_numpy().tolist() == [[7.0]]


LEAKS = {
    "loan_dues": ("CASE WHEN is_broken THEN broken_at ELSE seen_at END AS settled_seen_at",
                  "settled_at AS settled_seen_at"),
    "loan_effects": ("f.known < l.seen_at AND", ""),
    "loan_spending": ("b.known < l.spent_by AND b.happened < l.spent_by", "true"),
    "sales_by_day": ("greatest(paid_at, _happened, _known)", "paid_at"),
    "customs_prices": ("INTERVAL 1 DAY PRECEDING", "INTERVAL 90 DAY FOLLOWING"),
    "customs_cny": ("greatest(g.known, e.since)", "CAST('1900-01-01' AS TIMESTAMP)"),
    "peer_sales": ("CAST(s.seen_day AS TIMESTAMP)", "CAST(s.day AS TIMESTAMP)"),
    "peer_ratings": ("CAST(seen_day AS TIMESTAMP)", "CAST(day AS TIMESTAMP)"),
    "peer_power": ("CAST(seen_day AS TIMESTAMP)", "CAST(month AS TIMESTAMP)"),
}  # fmt: skip


def of_table(name: str) -> Catalogue:
    every = shown(CATALOGUE)
    return every.subset([feature.name for feature in every if feature.table == name])


@pytest.mark.parametrize("name", DERIVED)
def test_a_leak_in_a_derived_table_would_be_seen(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"merchants", "orders", *base_tables([name])}
    tables = {each: rows for each, rows in make_tables(6).items() if each in kept}
    moments = make_moments(6)
    last = pd.Series(moments.max(), index=moments.index)
    other = disturb(tables, last, 13, frozenset({"change", "add", "delete", "fill"}))

    def built(of: dict[str, pd.DataFrame]) -> pd.DataFrame:
        return ac.build_features(records_of(of), cohort_of(last), catalogue=of_table(name))

    assert moved(built(tables), built(other)) == []
    honest, leaking = LEAKS[name]
    assert honest in DERIVED[name].sql
    leak = replace(DERIVED[name], sql=DERIVED[name].sql.replace(honest, leaking))
    monkeypatch.setattr(derive, "DERIVED", {**DERIVED, name: leak})
    assert moved(built(tables), built(other)) != []
