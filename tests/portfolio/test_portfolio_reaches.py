"""How far back a run reads tables made of others' facts, and that nothing before is missed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import alicredit as ac
from alicredit.deciding.population import columns_of, reaches_of
from alicredit.derived import DERIVED, derive_recent, derive_tables
from alicredit.errors import RecordError
from alicredit.features import Catalogue, build_frame

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
AS_OF = pd.Timestamp("2013-05-01")
DAY = 86_400_000_000
YEAR = pd.Timedelta(365, "D")
USE = {"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}


def test_a_table_is_read_as_far_back_as_the_longest_window_over_it() -> None:
    found = reaches_of(ac.CATALOGUE)
    over: dict[str, list[ac.Feature]] = {}
    for feature in ac.CATALOGUE:
        if feature.table:
            over.setdefault(feature.table, []).append(feature)
    assert found.keys() == over.keys()
    for table, features in over.items():
        days = [each.window_days for each in features]
        hours = [each.window_hours for each in features if each.window_hours is not None]
        is_all = any(
            each.time or (each.window_days, each.window_hours, each.ahead_days) == (None,) * 3
            for each in features
        )
        longest = max([*(DAY * each for each in days if each), *(DAY * h // 24 for h in hours), 0])
        assert found[table] == (None if is_all else longest), table
    assert None in found.values()
    assert found["peer_sales"] is not None


@pytest.mark.parametrize("table", sorted(DERIVED))
def test_features_of_tables_made_of_others_are_those_that_all_their_facts_give(table: str) -> None:
    records = ac.read_records(SAMPLE, data_use=USE)
    cohort = ac.Cohort.at(records, AS_OF)[::9]
    features = [each for each in ac.CATALOGUE if each.table == table]
    every = Catalogue(tuple(replace(each, is_part=False) for each in features))
    assert len(every)
    want = ac.build_features(records, cohort, catalogue=every)
    for names in (every.names, every.names[-1:]):
        few = every.subset(names)
        recent = derive_recent(records, reaches_of(few), AS_OF, columns=columns_of(few))
        found = build_frame(recent, cohort, catalogue=few)
        pd.testing.assert_frame_equal(found, want[list(names)], check_exact=True)


def test_tables_that_bear_on_columns_nobody_reads_are_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "orders.parquet"
    orders = pd.read_parquet(SAMPLE / "orders.parquet")
    orders.to_parquet(broken, index=False)
    places = {n: SAMPLE / f"{n}.parquet" for n in ("merchants", "loans", "traffic_daily")}
    records = ac.read_records(places | {"orders": broken})
    broken.write_bytes(b"no longer to be read")
    few = ac.CATALOGUE.subset(["loan_effects_ad_change_last_365d"])
    made = derive_recent(records, reaches_of(few), AS_OF, columns=columns_of(few))
    assert {"sales_change", "uv_change"}.isdisjoint(made.columns("loan_effects"))
    with pytest.raises(RecordError):
        derive_tables(records, ["loan_effects"])
    orders.to_parquet(broken, index=False)
    old = derive_tables(records, ["loan_effects"])["loan_effects"].to_pandas()
    recent = made["loan_effects"].to_pandas()
    assert 0 < len(recent) < len(old)
    same = old[old["loan_id"].isin(recent["loan_id"])][recent.columns]
    pd.testing.assert_frame_equal(
        *(each.sort_values("loan_id", ignore_index=True) for each in (recent, same))
    )
    assert old.loc[~old["loan_id"].isin(recent["loan_id"]), "seen_at"].max() < AS_OF - YEAR
