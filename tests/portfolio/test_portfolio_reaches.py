"""How far back a run reads tables made of others' facts, and that nothing before is missed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import alicredit as ac
from alicredit.deciding.population import reaches_of
from alicredit.derived import DERIVED, PEERS, derive_recent
from alicredit.features import build_frame

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
AS_OF = pd.Timestamp("2013-05-01")
DAY = 86_400_000_000


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


def test_features_of_peers_are_those_that_all_their_facts_give() -> None:
    records = ac.read_records(SAMPLE)
    cohort = ac.Cohort.at(records, AS_OF)[::9]
    names = [
        feature.name
        for feature in ac.CATALOGUE
        if feature.name in ac.CATALOGUE.names
        and feature.table in DERIVED
        and DERIVED[feature.table].owner == PEERS
    ]
    catalogue = ac.CATALOGUE.subset(names)
    recent = derive_recent(records, reaches_of(catalogue), AS_OF)
    pd.testing.assert_frame_equal(
        build_frame(recent, cohort, catalogue=catalogue),
        ac.build_features(records, cohort, catalogue=catalogue),
        check_exact=True,
    )
