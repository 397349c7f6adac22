"""The Berka bank loans: counts, labels, features by hand, nothing from the future, a sane model."""

from __future__ import annotations

from pathlib import Path

import berka_records as berka
import numpy as np
import pandas as pd
import pytest

import alicredit as ac


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "berka"


@pytest.fixture(scope="module")
def records(folder: Path) -> ac.Records:
    return berka.berka_records(folder)


@pytest.fixture(scope="module")
def loans(folder: Path) -> pd.DataFrame:
    return berka.read_loans(folder)


@pytest.fixture(scope="module")
def cohort(records: ac.Records) -> ac.Cohort:
    return ac.Cohort.from_frame(ac.Cohort.of_loans(records).frame[["merchant_id", "as_of"]])


@pytest.fixture(scope="module")
def labels(records: ac.Records, cohort: ac.Cohort) -> pd.Series:
    return ac.label_defaults(records, cohort, observed_until=berka.OBSERVED_UNTIL)


@pytest.fixture(scope="module")
def inputs(records: ac.Records, cohort: ac.Cohort, loans: pd.DataFrame) -> pd.DataFrame:
    return berka.build_inputs(records, cohort, loans)


def test_the_set_has_the_documented_loans(loans: pd.DataFrame) -> None:
    bad = loans["status"].isin(["B", "D"])
    assert (len(loans), int(bad.sum())) == (354, 30)
    by_year = bad.groupby(loans["date"].dt.year).agg(["size", "sum"])
    assert by_year.loc[1997].tolist() == [196, 26]
    assert by_year.loc[1998].tolist() == [158, 4]
    assert loans["merchant_id"].is_unique


def test_the_ledger_defaults_exactly_the_loans_with_a_bad_status(
    cohort: ac.Cohort, loans: pd.DataFrame, labels: pd.Series
) -> None:
    assert (cohort.frame["merchant_id"].to_numpy() == loans["merchant_id"].to_numpy()).all()
    assert labels.notna().all()
    assert (labels.to_numpy() == loans["status"].isin(["B", "D"]).to_numpy()).all()


def test_instalments_sum_to_each_loan(records: ac.Records, loans: pd.DataFrame) -> None:
    due = records["instalments"].to_pandas().groupby("loan_id")["principal"].agg(["sum", "size"])
    mine = loans.set_index("loan_id")
    assert (due["sum"] == mine["amount"].reindex(due.index) * 100).all()
    assert (due["size"] == mine["duration"].reindex(due.index)).all()


def test_a_loan_is_not_labelled_over_a_horizon_shorter_than_its_term(records: ac.Records) -> None:
    with pytest.raises(ac.InputError, match="HORIZON_TOO_SHORT"):
        ac.label_defaults(records, ac.Cohort.of_loans(records), definition=ac.DefaultDefinition())


def test_each_balance_follows_from_the_one_before(folder: Path) -> None:
    raw = pd.read_parquet(folder / "trans_preloan_1997_98.parquet")
    ordered = berka.in_order(raw)
    before = ordered.groupby("account_id")["balance"].shift()
    gap = (ordered["balance"] - before - ordered["signed"]).abs()
    assert gap.max() < 0.5
    assert sorted(ordered["trans_id"]) == sorted(raw["trans_id"])


def test_bank_records_need_a_stated_use(records: ac.Records) -> None:
    tables = {name: records[name] for name in ("merchants", "bank_txns")}
    without = ac.read_records(tables)
    assert "bank_txns" not in without
    assert "bank_txns" in ac.read_records(tables, data_use=berka.DATA_USE)


def test_records_have_no_problem_but_the_missing_history(records: ac.Records) -> None:
    assert ac.find_problems(records)["rule"].tolist() == ["no history"]


def test_features_equal_plain_pandas(
    folder: Path, loans: pd.DataFrame, inputs: pd.DataFrame
) -> None:
    raw = pd.read_parquet(folder / "trans_preloan_1997_98.parquet")
    for row in (0, 7, 120, 200, 353):
        loan = loans.loc[row]
        mine = raw[(raw["account_id"] == loan["account_id"]) & (raw["date"] < loan["date"])]
        age = (loan["date"] - mine["date"]).dt.days
        recent = mine[age <= 90]
        is_credit = recent["type"] == "credit"
        inflow = recent.loc[is_credit, "amount"].sum()
        is_salary = recent["operation"] == "collection from another bank"
        expected = {
            "bank_txns_inflow_sum_90d": inflow,
            "bank_txns_outflow_sum_90d": recent.loc[~is_credit, "amount"].sum(),
            "bank_txns_count_90d": len(recent),
            "bank_txns_balance_after_min_90d": recent["balance"].min(),
            "bank_txns_balance_after_min_180d": mine.loc[age <= 180, "balance"].min(),
            "bank_txns_salary_amount_sum_90d": recent.loc[is_salary, "amount"].sum(),
            "bank_txns_overdraft_active_days_365d": mine.loc[
                (age <= 365) & (mine["balance"] < 0), "date"
            ].nunique(),
            "applications_amount_asked_last_30d": loan["amount"],
            "asked_to_inflow_90d": 3 * loan["amount"] / inflow,
            "instalment_to_inflow": 3 * loan["payments"] / inflow,
        }
        found = inputs.loc[row, list(expected)].to_numpy(float)
        np.testing.assert_allclose(found, list(expected.values()), rtol=1e-9, err_msg=str(row))


def test_no_bit_moves_with_what_comes_after_the_loan(
    records: ac.Records, cohort: ac.Cohort, loans: pd.DataFrame, inputs: pd.DataFrame
) -> None:
    tables = {name: records[name].to_pandas() for name in records.tables}
    later = tables["bank_txns"].merge(loans[["merchant_id", "date"]], on="merchant_id")
    later = later.groupby("merchant_id").head(5)
    later = later.assign(at=later["date"], amount=-1e6, balance_after=-1e6).drop(columns="date")
    tables["bank_txns"] = pd.concat([tables["bank_txns"], later], ignore_index=True)
    tables["repayments"] = tables["repayments"].iloc[:0]
    changed = ac.read_records(tables, data_use=berka.DATA_USE)
    again = berka.build_inputs(changed, cohort, loans)
    pd.testing.assert_frame_equal(again, inputs, check_exact=True)


@pytest.mark.slow
def test_out_of_fold_ranking_is_better_than_chance_with_its_interval(
    inputs: pd.DataFrame, labels: pd.Series, cohort: ac.Cohort
) -> None:
    predicted = berka.out_of_fold(inputs, labels, cohort, repeats=2)
    assert np.isfinite(predicted).all()
    area, low, high = berka.bootstrap(labels, predicted, berka.area)
    assert 0.5 < low < area < high <= 1
    assert high - low > 0.05, "30 defaults cannot say more"
    assert abs(predicted.mean() - labels.mean()) < 0.03


def test_a_model_of_shuffled_outcomes_ranks_no_better_than_chance(
    inputs: pd.DataFrame, labels: pd.Series, cohort: ac.Cohort
) -> None:
    shuffled = labels.sample(frac=1, random_state=0).reset_index(drop=True)
    shuffled.attrs = labels.attrs
    predicted = berka.out_of_fold(inputs, shuffled, cohort, repeats=1)
    _, low, _ = berka.bootstrap(shuffled, predicted, berka.area)
    assert low < 0.5


def test_the_policy_decides_each_applicant_once(
    inputs: pd.DataFrame, labels: pd.Series, cohort: ac.Cohort, loans: pd.DataFrame
) -> None:
    model = ac.DefaultModel("points", directions=berka.DIRECTIONS, n_jobs=1)
    model.fit(inputs, labels, cohort=cohort)
    facts = inputs.assign(
        merchant_id=loans["merchant_id"],
        platform="alipay",
        blacklisted=False,
        days_past_due=0,
        outstanding=0.0,
        order_base=0.0,
        monthly_sales_median_180d=inputs["bank_txns_inflow_sum_90d"] / 3,
    )
    policy = Path(berka.__file__).with_name("berka-policy.toml")
    decisions = ac.score_portfolio(
        None, model, as_of="1998-12-31", policy=str(policy), features=facts
    )
    assert decisions["merchant_id"].tolist() == loans["merchant_id"].tolist()
    assert set(decisions["status"]) == {"ok"}
    approved = decisions["decision"] == "approve"
    assert approved.any()
    assert (~approved).any()
    assert decisions.loc[approved, "limit"].between(4_000, 600_000).all()
    assert (decisions.loc[approved, "pd"] <= 0.15).all()
    assert (decisions.loc[~approved, "limit"] == 0).all()
