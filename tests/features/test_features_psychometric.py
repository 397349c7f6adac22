"""Psychometric answers: in no catalogue, behind a stated use, and what they are when asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import FeatureError
from alicredit.features import PSYCHOMETRIC, Catalogue, Feature

AS_OF = pd.Timestamp("2013-05-01")
USE = {"psych_items": {"purpose": "credit decision", "legal_basis": "consent"}}
ITEMS = [
    ("concealment", "4", 2000.0, -5), ("concealment", "2", 900.0, -5),
    ("concealment", "3", 90_000.0, -5), ("lie", "1", 1000.0, -4), ("lie", "5", 60_000.0, -4),
    ("lie", "no", None, -4), ("lie", "9", 500.0, 1),
]  # fmt: skip


def records_of(use: dict | None) -> ac.Records:
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"]})
    merchants["registered_at"] = pd.Timestamp("2011-01-01")
    items = pd.DataFrame(ITEMS, columns=["scale", "response", "latency_ms", "day"])
    items["answered_at"] = AS_OF + pd.to_timedelta(items.pop("day"), "D")
    items["item_id"] = [f"i{k}" for k in range(len(items))]
    items = items.assign(merchant_id="m", test_version="v1")
    return ac.read_records({"merchants": merchants, "psych_items": items}, data_use=use)


def built(use: dict | None, engine: str = "local") -> pd.Series:
    records = records_of(use)
    cohort = ac.Cohort.at(records, AS_OF)
    frame = ac.build_features(records, cohort, catalogue=Catalogue(PSYCHOMETRIC), engine=engine)
    return frame.iloc[0]


def test_they_are_off_until_added() -> None:
    assert "psych_items" not in ac.CATALOGUE.tables
    wide = ac.CATALOGUE + PSYCHOMETRIC
    assert wide.names[-len(PSYCHOMETRIC) :] == tuple(feature.name for feature in PSYCHOMETRIC)
    assert all(feature.restricted and feature.evidence == "A" for feature in PSYCHOMETRIC)


@pytest.mark.parametrize("engine", ["local", "sql"])
def test_they_are_what_was_answered_before(engine: str) -> None:
    found = built(USE, engine)
    assert found["psych_items_concealment_score_mean_730d"] == 3.0
    assert np.isnan(found["psych_items_lie_score_mean_730d"])  # two answers that are numbers
    assert found["psych_items_candour_score_mean_730d"] == 3.0
    assert found["psych_items_slow_share_730d"] == pytest.approx(1 / 5)
    assert found["psych_items_fast_share_730d"] == pytest.approx(1 / 5)


def test_without_a_stated_use_nothing_is_read() -> None:
    assert built(None).isna().all()


def test_no_feature_reads_answers_unless_it_says_so() -> None:
    with pytest.raises(FeatureError, match="restricted=True"):
        Feature(table="psych_items", aggregate="mean", measure="score", title="x", title_zh="x")
