"""A run stops where a table that its model reads fell silent, and only there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import alicredit as ac
from alicredit.deciding.feeds import refuse_silent
from alicredit.errors import RecordError

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


def test_no_new_merchants_stop_nobody_and_a_silent_table_says_its_last_day(tables) -> None:
    registered = pd.to_datetime(tables["merchants"]["registered_at"])
    old = tables["merchants"][registered < AS_OF - pd.Timedelta(days=800)]
    records = read(tables | {"merchants": old, "bank_txns": cut(tables["bank_txns"], "at", 9)})
    refuse_silent(records, ["merchants", "orders"], AS_OF)
    with pytest.raises(RecordError, match=r"soon after its last fact, 2013-04-2[12]"):
        refuse_silent(records, ["merchants", "bank_txns"], AS_OF)
