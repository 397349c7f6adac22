"""The same applicant gets the same bytes, however the portfolio is scored."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from flow_walk import AS_OF, Walk

import alicredit as ac

COLUMNS = [
    "merchant_id", "product_id", "as_of", "status", "pd", "pd_lower", "pd_upper", "score", "grade",
    "decision", "limit", "rate", "rate_unit", "expected_loss", "expected_profit", "reasons",
    "model_id", "policy_id", "prices_id",
]  # fmt: skip


def digest(frame: pd.DataFrame, folder) -> bytes:
    """Give the bytes a frame has as Parquet."""
    path = folder / "frame.parquet"
    frame.to_parquet(path)
    return path.read_bytes()


def test_the_decisions_have_the_columns_of_the_contract(walk: Walk) -> None:
    assert list(walk.decisions.columns) == COLUMNS


def test_every_merchant_has_exactly_one_row_per_active_product(walk: Walk) -> None:
    population = ac.Cohort.at(walk.records, AS_OF).frame["merchant_id"]
    rows = walk.decisions.groupby("merchant_id")["product_id"].agg(["size", "nunique"])
    assert sorted(rows.index) == sorted(population)
    assert (rows["size"] == 3).all()
    assert (rows["nunique"] == 3).all()


@pytest.mark.slow
def test_shuffled_records_give_the_same_bytes(walk: Walk, tables, tmp_path) -> None:
    rng = np.random.default_rng(3)
    mixed = {name: t.iloc[rng.permutation(len(t))] for name, t in tables.items()}
    use = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
    again = ac.score_portfolio(
        ac.read_records(mixed, data_use=use), walk.model, as_of=AS_OF
    ).sort_values(["merchant_id", "product_id"], ignore_index=True)
    here = walk.decisions.sort_values(["merchant_id", "product_id"], ignore_index=True)
    assert digest(again, tmp_path) == digest(here, tmp_path)


@pytest.mark.slow
def test_chunks_and_a_reloaded_model_give_the_same_bytes(walk: Walk, tmp_path) -> None:
    walk.model.save(tmp_path / "model.alicredit")
    model = ac.load_model(tmp_path / "model.alicredit")
    again = ac.score_portfolio(walk.records, model, as_of=AS_OF, chunk_rows=100)
    assert digest(again, tmp_path) == digest(walk.decisions, tmp_path)
    assert set(again["model_id"]) == {walk.model.model_id}


def test_saving_a_reloaded_model_writes_the_same_file(walk: Walk, tmp_path) -> None:
    first, second = tmp_path / "a.alicredit", tmp_path / "b.alicredit"
    walk.model.save(first)
    ac.load_model(first).save(second)
    assert first.read_bytes() == second.read_bytes()


def test_what_is_approved_is_scored_eligible_and_within_bounds(walk: Walk) -> None:
    policy = ac.load_policy("ali-2013")
    approved = walk.decisions[walk.decisions["decision"] == "approve"]
    assert len(approved) > 0
    assert (approved["status"] == "ok").all()
    assert approved["pd"].between(0, 1, inclusive="neither").all()
    assert (approved["pd_lower"] <= approved["pd"]).all()
    assert (approved["pd"] <= approved["pd_upper"]).all()
    for product_id, rows in approved.groupby("product_id"):
        assert (rows["limit"] > 0).all()
        assert (rows["limit"] <= 3_000_000).all()
        assert product_id in policy.products
    declined = walk.decisions[walk.decisions["decision"] != "approve"]
    assert (declined["limit"].fillna(0) == 0).all()
    assert (declined["reasons"].map(len) > 0).all()


def test_every_refusal_for_its_probability_names_what_the_score_lost(walk: Walk) -> None:
    is_risky = walk.decisions["reasons"].map(lambda codes: "PD_ABOVE_CUT" in codes)
    named = walk.decisions["reasons"][is_risky].map(
        lambda codes: sum(code.startswith("SC_") for code in codes)
    )
    assert is_risky.any()
    assert named.between(1, 4).all()


def test_a_better_score_never_has_a_higher_probability(walk: Walk) -> None:
    scored = walk.decisions[walk.decisions["status"] == "ok"]
    by_score = scored.groupby("score")["pd"].agg(["min", "max"])
    assert (by_score["min"] == by_score["max"]).all()
    assert (np.diff(by_score["min"]) < 0).all()


def test_the_model_ranks_the_risk_that_the_simulator_knows(walk: Walk) -> None:
    _, test = walk.cohort.split_by_time("2012-11-01", labels=walk.labels)
    truth = walk.truth.set_index("loan_id")["true_pd"]
    true_pd = truth.loc[walk.cohort[test].frame["loan_id"]].to_numpy()
    pd_ = walk.model.predict_proba(walk.features[test])[:, 1]
    assert pd.Series(pd_).corr(pd.Series(true_pd), method="spearman") > 0.3
