"""The digest of peers: it moves with what features were held against, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feature_stage import Tables, cohort_of, disturb, make_moments, make_tables, moved, records_of

import alicredit as ac
from alicredit.deciding.population import gather
from alicredit.errors import InputError
from alicredit.features import (
    Catalogue,
    build_frame,
    digest_of_peers,
    peers,
    read_daily_features,
    update_features,
)
from alicredit.monitoring import early_warnings

AS_OF = pd.Timestamp("2013-03-01")


def told(tables: Tables, as_of: pd.Timestamp = AS_OF, **more: Any) -> str:
    return digest_of_peers(records_of(tables), cohort_of(pd.Series({"m0": as_of})), **more)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return make_tables(31, merchants=4)


@pytest.fixture(scope="module")
def digest(tables: Tables) -> str:
    return told(tables)


def test_no_order_of_rows_moves_it(tables: Tables, digest: str) -> None:
    mixed = {n: t.sample(frac=1, random_state=1).reset_index(drop=True) for n, t in tables.items()}
    assert told(mixed) == digest
    assert len(digest) == 64


def one_more(table: str, column: str, value: float) -> Any:
    def change(tables: Tables) -> Tables:
        frame = tables[table].copy()
        time = {"orders": "paid_at", "ratings": "rated_at", "utilities": "period",
                "fx_rates": "day"}[table]  # fmt: skip
        early = (frame[time] < AS_OF - pd.Timedelta(200, "D")) & frame["known_at"].isna()
        if table == "utilities":
            early &= frame["kind"] == "power"
        row = frame.index[early]  # the rate of one day may price nothing
        row = row if table == "fx_rates" else row[0]
        frame.loc[row, column] = frame.loc[row, column] + value
        return {**tables, table: frame}

    return change


@pytest.mark.parametrize(
    "change",
    [one_more("orders", "amount", 0.01), one_more("utilities", "billed", 0.01),
     one_more("fx_rates", "usd_cny", 0.01)],
    ids=["an order", "a bill", "a rate"],
)  # fmt: skip
def test_a_fact_of_peers_moves_it(tables: Tables, digest: str, change: Any) -> None:
    assert told(change(tables)) != digest


def test_what_is_held_against_no_peer_moves_nothing(tables: Tables, digest: str) -> None:
    traffic = tables["traffic_daily"].assign(uv=7)
    loans = tables["loans"].assign(principal=1.0)
    assert told({**tables, "traffic_daily": traffic, "loans": loans}) == digest


def test_what_is_known_later_moves_nothing(tables: Tables, digest: str) -> None:
    last = pd.Series(AS_OF, index=make_moments(31, merchants=4).index)
    other = disturb(tables, last, 7, frozenset({"change", "add", "delete", "fill"}))
    assert told(other) == digest
    assert told(other, AS_OF + pd.Timedelta(90, "D")) != told(tables, AS_OF + pd.Timedelta(90, "D"))


def test_who_is_asked_about_moves_nothing_but_when_does(tables: Tables, digest: str) -> None:
    every = cohort_of(pd.Series(AS_OF, index=["m0", "m3", "nobody"]))
    assert digest_of_peers(records_of(tables), every) == digest
    assert told(tables, AS_OF - pd.Timedelta(60, "D")) != digest


def test_a_catalogue_without_peers_has_none_and_an_empty_cohort_sees_none(
    tables: Tables, digest: str
) -> None:
    plain = ac.CATALOGUE.subset(["orders_paid_count_90d"])
    assert told(tables, catalogue=plain) == ""
    built = ac.build_features(records_of(tables), cohort_of(pd.Series({"m0": AS_OF})),
                              catalogue=plain)  # fmt: skip
    assert set(built.attrs) == {"definitions"}
    empty = cohort_of(pd.Series({"m0": AS_OF}))[:0]
    none = digest_of_peers(records_of(tables), empty)
    assert len(none) == 64
    assert none != digest


SEASONED = ac.CATALOGUE.subset(["sales_over_season_30_180", "orders_paid_count_90d"])


def test_the_features_of_a_night_carry_it_too_and_through_their_file(
    tables: Tables, digest: str, tmp_path: Path
) -> None:
    records, path = records_of(tables), tmp_path / "night.parquet"
    cohort = cohort_of(pd.Series(AS_OF, index=["m0", "m3"]))
    built = ac.build_features(records, cohort, catalogue=SEASONED)
    night = update_features(None, records, cohort, catalogue=SEASONED, out=path)
    assert night.frame.attrs == built.attrs != {}
    assert read_daily_features(path).frame.attrs == built.attrs
    plain = ac.CATALOGUE.subset(["orders_paid_count_90d"])
    bare = update_features(None, records, cohort, catalogue=plain, out=path)
    assert bare.frame.attrs == read_daily_features(path).frame.attrs
    assert set(bare.frame.attrs) == {"definitions"}


def test_it_is_not_made_for_those_who_keep_none(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = records_of(tables)
    cohort = cohort_of(pd.Series(AS_OF, index=["m0", "m3", "nobody"]))
    built = ac.build_features(records, cohort, catalogue=SEASONED)

    def work(*given: Any, **more: Any) -> None:
        pytest.fail("made a digest")

    monkeypatch.setattr(peers, "_digested", work)
    with pytest.raises(pytest.fail.Exception):
        ac.build_features(records, cohort, catalogue=SEASONED)
    frame = build_frame(records, cohort, catalogue=SEASONED)
    assert frame.attrs == {}
    assert moved(frame, built) == []
    asked = {"taobao_order": SimpleNamespace(feature_names=SEASONED.names)}
    gathered = gather(records, asked, AS_OF, 2, None)
    mine = gathered.applicants["merchant_id"].isin(["m0", "m3"]).to_numpy()
    assert moved(gathered.inputs[mine].reset_index(drop=True), built[:2]) == []
    early_warnings(records, as_of=AS_OF)
    ac.audit_features(records, cohort, catalogue=SEASONED, questions=3)


def test_a_model_keeps_it_through_masks_and_its_file(tables: Tables, tmp_path: Any) -> None:
    days = [AS_OF - pd.Timedelta(k, "D") for k in range(60)]
    frame = pd.DataFrame({"merchant_id": np.tile(["m0", "m1", "m2", "m3"], 60),
                          "as_of": np.repeat(days, 4)})  # fmt: skip
    cohort = ac.Cohort.from_frame(frame)
    names = ["sales_over_season_30_180", "orders_paid_count_90d"]
    catalogue: Catalogue = ac.CATALOGUE.subset(names)
    X = ac.build_features(records_of(tables), cohort, catalogue=catalogue)
    peers = digest_of_peers(records_of(tables), cohort, catalogue=catalogue)
    assert set(X.attrs) == {"definitions", "peers"}
    assert X.attrs["peers"] == peers
    rng = np.random.default_rng(0)
    y = (rng.random(len(X)) < 0.3).astype(float)
    kept = np.arange(len(X)) % 3 > 0
    model = ac.DefaultModel().fit(X.loc[kept, names], y[kept], cohort=cohort[kept])
    assert model.portable_.training["peers"] == peers
    model.save(tmp_path / "model.alicredit")
    assert ac.load_model(tmp_path / "model.alicredit").training["peers"] == peers
    bare = X.loc[kept, names].copy()
    bare.attrs = {"peers": "x" * 5000}  # somebody else's word
    assert (
        "peers" not in ac.DefaultModel().fit(bare, y[kept], cohort=cohort[kept]).portable_.training
    )


@pytest.mark.parametrize("wrong", ["2013-05-01", None, pd.DataFrame()])
def test_what_is_no_cohort_is_refused(tables: Tables, wrong: Any) -> None:
    with pytest.raises(InputError, match="cohort must be a Cohort"):
        digest_of_peers(records_of(tables), wrong)
