"""A run stops where a table that its model reads fell silent, and only there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import alicredit as ac
from alicredit.deciding.feeds import refuse_silent
from alicredit.errors import RecordError
from alicredit.stability import find_quiet, stale_feeds

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
AS_OF = pd.Timestamp("2013-05-01")
OF_BANK, OF_ORDERS = "bank_txns_inflow_sum_90d", "orders_paid_amount_sum_90d"


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Give the tables of the sample that two features and the policy read."""
    names = ("merchants", "orders", "bank_txns", "loans", "instalments", "repayments", "blacklist")
    return {n: pd.read_parquet(SAMPLE / f"{n}.parquet") for n in names}


def read(tables: dict[str, pd.DataFrame]) -> ac.Records:
    use = {"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}
    return ac.read_records(tables, data_use=use)


def model_of(tables: dict[str, pd.DataFrame], feature: str) -> ac.DefaultModel:
    records = read(tables)
    cohort = ac.Cohort.of_loans(records)
    catalogue = ac.CATALOGUE.subset([feature])
    y = ac.label_defaults(records, cohort)
    known = y.notna().to_numpy()
    X = ac.build_features(records, cohort[known], catalogue=catalogue)
    return ac.DefaultModel("points").fit(X, y[known], cohort=cohort[known])


def cut(frame: pd.DataFrame, column: str, days: int) -> pd.DataFrame:
    return frame[frame[column] < AS_OF - pd.Timedelta(days=days)]


@pytest.fixture(scope="module")
def models(tables) -> dict[str, ac.DefaultModel]:
    return {name: model_of(tables, name) for name in (OF_BANK, OF_ORDERS)}


def test_a_table_that_fell_silent_stops_whom_reads_it(tables, models) -> None:
    silent = read(tables | {"bank_txns": cut(tables["bank_txns"], "at", 5)})
    message = r"'bank_txns' must not have fallen silent.*no fact for [56] days up to 2013-05-01"
    with pytest.raises(RecordError, match=message):
        ac.score_portfolio(silent, models[OF_BANK], as_of=AS_OF)
    told = ac.score_portfolio(silent, models[OF_ORDERS], as_of=AS_OF)
    registered = pd.to_datetime(tables["merchants"]["registered_at"]) < AS_OF
    assert len(told) == 3 * registered.sum()


def test_a_table_on_time_and_one_that_comes_later_stop_nobody(tables, models) -> None:
    for records in (read(tables), read(tables | {"bank_txns": cut(tables["bank_txns"], "at", 0)})):
        assert set(ac.score_portfolio(records, models[OF_BANK], as_of=AS_OF)["decision"])
    early = AS_OF - pd.Timedelta(days=100)
    whole, before = (
        ac.score_portfolio(read(t), models[OF_BANK], as_of=early)
        for t in (tables, tables | {"bank_txns": cut(tables["bank_txns"], "at", 40)})
    )
    pd.testing.assert_frame_equal(whole, before)


def test_what_arrived_yesterday_is_not_counted_and_the_verdict_is_that_of_counts(tables) -> None:
    names = ["orders", "bank_txns", "loans", "repayments", "instalments", "merchants", "blacklist"]
    said = set()
    for days in (0, 1, 2, 3, 5, 9, 200):
        records = read(tables | {"bank_txns": cut(tables["bank_txns"], "at", days)})
        for hours in (0, 1, 30):
            moment = AS_OF + pd.Timedelta(hours=hours)
            counted = stale_feeds(records, as_of=moment).set_index("table")["status"]
            stale = [name for name in names if counted[name] == "stale"]
            assert set(stale) <= set(find_quiet(records, moment, names))
            said |= set(find_quiet(records, moment, names))
            if stale:
                with pytest.raises(RecordError, match="must not have fallen silent"):
                    refuse_silent(records, stale, moment)
            refuse_silent(records, [name for name in names if name not in stale], moment)
    assert "bank_txns" in said
    assert "orders" not in said


def test_only_faults_of_tables_that_are_read_refuse_a_merchant(tables, models) -> None:
    bank = tables["bank_txns"].copy()
    old = tables["merchants"]["registered_at"] < AS_OF.date() - pd.Timedelta(days=400)
    known = bank["merchant_id"].isin(tables["merchants"].loc[old, "merchant_id"])
    at = bank.index[known & (bank["at"] < AS_OF)][0]
    who = bank.loc[at, "merchant_id"]
    bank.loc[at, "amount"] = 1e300
    hurt = read(tables | {"bank_txns": bank})
    for name, want in ((OF_BANK, {"bad_records"}), (OF_ORDERS, {"ok", "no_history"})):
        told = ac.score_portfolio(hurt, models[name], as_of=AS_OF)
        mine = told.loc[told["merchant_id"] == who, "status"]
        assert set(mine) <= want
        assert len(mine)
    loans = pd.concat([tables["loans"], tables["loans"].iloc[[0]]], ignore_index=True)
    twice = read(tables | {"loans": loans})  # of loans the policy's facts are made, whoever reads
    told = ac.score_portfolio(twice, models[OF_ORDERS], as_of=AS_OF)
    mine = told.loc[told["merchant_id"] == loans["merchant_id"].iloc[-1], "status"]
    assert set(mine) == {"bad_records"}


def test_no_new_merchants_stop_nobody_and_a_silent_table_says_its_last_day(tables) -> None:
    registered = pd.to_datetime(tables["merchants"]["registered_at"])
    old = tables["merchants"][registered < AS_OF - pd.Timedelta(days=800)]
    records = read(tables | {"merchants": old, "bank_txns": cut(tables["bank_txns"], "at", 9)})
    refuse_silent(records, ["merchants", "orders"], AS_OF)
    with pytest.raises(RecordError, match=r"soon after its last fact, 2013-04-2[12]"):
        refuse_silent(records, ["merchants", "bank_txns"], AS_OF)
