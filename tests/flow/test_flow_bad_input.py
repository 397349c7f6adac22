"""Bad input is refused with a clear word, or marked on its row; never a score that looks fine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from flow_walk import AS_OF, Walk

import alicredit as ac

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}


def read(tables: dict[str, pd.DataFrame]) -> ac.Records:
    return ac.read_records(tables, data_use=USE)


def score(tables: dict[str, pd.DataFrame], walk: Walk) -> pd.DataFrame:
    return ac.score_portfolio(read(tables), walk.model, as_of=AS_OF)


def rows_of(decisions: pd.DataFrame, merchant_id: str) -> pd.DataFrame:
    return decisions[decisions["merchant_id"] == merchant_id]


def assert_not_scored(rows: pd.DataFrame) -> None:
    assert len(rows) > 0
    assert (rows["status"] != "ok").all()
    assert rows["pd"].isna().all()
    assert rows["score"].isna().all()
    assert (rows["decision"] != "approve").all()


def an_active_merchant(tables: dict[str, pd.DataFrame]) -> str:
    before = tables["orders"][tables["orders"]["created_at"].between("2013-03-01", "2013-04-20")]
    return str(before["merchant_id"].value_counts().index[0])


def test_a_missing_required_table(tables, walk: Walk) -> None:
    del tables["merchants"]
    with pytest.raises(ac.RecordError, match="merchants"):
        read(tables)


def test_a_source_that_is_gone_stops_the_run_and_is_named(tables, walk: Walk) -> None:
    del tables["orders"]
    for child in ("refunds", "ratings", "disputes", "loan_orders"):
        tables.pop(child, None)
    with pytest.raises(ac.AlicreditError, match="orders"):
        score(tables, walk)


def test_a_missing_column_is_named(tables) -> None:
    tables["orders"] = tables["orders"].drop(columns="amount")
    with pytest.raises(ac.RecordError, match="amount"):
        read(tables)


def test_text_where_a_number_belongs(tables) -> None:
    orders = tables["orders"]
    tables["orders"] = orders.assign(amount=orders["amount"].astype(str))
    with pytest.raises(ac.RecordError, match="amount"):
        read(tables)["orders"]


@pytest.mark.slow
def test_amounts_a_hundred_times_too_large_stop_the_run(tables, walk: Walk) -> None:
    tables["orders"] = tables["orders"].assign(amount=tables["orders"]["amount"] * 100)
    with pytest.raises(ac.AlicreditError, match=r"unit|times"):
        score(tables, walk)


@pytest.mark.slow
def test_a_duplicated_merchant_is_marked_and_the_others_are_scored(tables, walk: Walk) -> None:
    merchants = tables["merchants"]
    known = merchants[merchants["registered_at"].astype("datetime64[us]") < AS_OF]
    twice = known["merchant_id"].iloc[0]
    copy = known[known["merchant_id"] == twice].assign(membership="paying")
    tables["merchants"] = pd.concat([merchants, copy], ignore_index=True)
    problems = ac.find_problems(read(tables))
    assert "merchants" in set(problems.loc[problems["severity"] == "error", "table"])
    decisions = score(tables, walk)
    assert_not_scored(rows_of(decisions, twice))
    assert len(rows_of(decisions, twice)) == 3
    others = decisions[decisions["merchant_id"] != twice]
    assert (others["status"] == "ok").any()


@pytest.mark.slow
def test_an_infinite_amount_refuses_its_merchant_alone(tables, walk: Walk) -> None:
    who = an_active_merchant(tables)
    orders = tables["orders"]
    hit = orders[
        (orders["merchant_id"] == who)
        & orders["created_at"].between("2013-04-01", "2013-04-30")
        & (orders["confirmed_at"] < AS_OF)
    ].index[0]
    orders.loc[hit, "amount"] = np.inf
    decisions = score(tables, walk)
    assert_not_scored(rows_of(decisions, who))
    here = decisions[decisions["merchant_id"] != who].reset_index(drop=True)
    before = walk.decisions[walk.decisions["merchant_id"] != who].reset_index(drop=True)
    pd.testing.assert_frame_equal(here, before)


def test_an_infinite_amount_makes_its_features_infinite(tables, walk: Walk) -> None:
    who = an_active_merchant(tables)
    tables["orders"].loc[tables["orders"]["merchant_id"] == who, "amount"] = np.inf
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": [who], "as_of": [AS_OF]}))
    features = ac.build_features(read(tables), cohort)
    assert np.isinf(features.to_numpy()).any()
    with pytest.raises(ac.InputError, match=r"infinite|impossible"):
        walk.model.predict_proba(features)


def test_a_category_never_seen_in_the_records_is_a_finding(tables) -> None:
    orders = tables["orders"]
    tables["orders"] = orders.assign(channel="televison")
    problems = ac.find_problems(read(tables))
    found = problems[
        (problems["table"] == "orders") & problems["message"].str.contains("televison")
    ]
    assert len(found) == 1
    assert found["rows"].iloc[0] == len(orders)


def test_as_of_before_all_data(walk: Walk) -> None:
    with pytest.raises(ac.AlicreditError, match="before"):
        ac.score_portfolio(walk.records, walk.model, as_of="1999-01-01")


@pytest.mark.parametrize("as_of", ["soon", None, "2013-13-01", float("nan")])
def test_as_of_that_is_no_time(walk: Walk, as_of) -> None:
    with pytest.raises(ac.InputError, match="as_of"):
        ac.score_portfolio(walk.records, walk.model, as_of=as_of)


def test_an_empty_and_an_absent_folder(tmp_path) -> None:
    with pytest.raises(ac.RecordError, match="no table"):
        ac.read_records(tmp_path)
    with pytest.raises(ac.RecordError):
        ac.read_records(tmp_path / "nowhere")


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_damaged_parquet_file(walk: Walk, tmp_path, keep: float) -> None:
    ac.write_records(walk.records, tmp_path)
    path = tmp_path / "orders.parquet"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ac.RecordError, match="orders"):
        ac.read_records(tmp_path)["orders"]


def test_features_of_the_wrong_columns(walk: Walk) -> None:
    used = walk.model.feature_names[0]
    wrong = walk.features.rename(columns={used: "swapped"})
    with pytest.raises(ac.InputError, match=used):
        walk.model.predict_proba(wrong)


def test_an_unknown_policy_is_answered_with_the_known_ones(walk: Walk) -> None:
    with pytest.raises(ac.PolicyError, match="ali-2013"):
        ac.score_portfolio(walk.records, walk.model, as_of=AS_OF, policy="ali-2031")
