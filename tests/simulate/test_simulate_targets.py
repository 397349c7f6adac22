"""The simulated platform meets the figures it is meant to, and its true risk is true."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import alicredit as ac
from alicredit.errors import InputError
from alicredit.evaluation import clustered_mean
from alicredit.simulate.risk import survival


@pytest.fixture(scope="module")
def platform() -> tuple[ac.Records, pd.DataFrame]:
    return ac.simulate_platform(3000, seed=1, orders_per_month=3, default_rate=0.05)


@pytest.fixture(scope="module")
def tables(platform) -> dict[str, pd.DataFrame]:
    return {n: platform[0][n].to_pandas() for n in platform[0].tables}


def figures(tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    loans, orders = tables["loans"], tables["orders"]
    draws = loans[loans["product_id"] == "taobao_order"]
    back = tables["repayments"].merge(draws[["loan_id", "disbursed_at"]], on="loan_id")
    back = back[back["channel"] == "auto_order"]
    hold = (back["at"] - back["disbursed_at"]) / pd.Timedelta(days=1)
    created = orders["created_at"]
    year = created[(created >= "2012-01-01") & (created < "2013-01-01")]
    by_day = year.dt.normalize().value_counts()
    peak = by_day[pd.Timestamp("2012-11-11")] / by_day.mean()
    second = by_day[pd.Timestamp("2012-12-12")] / by_day.mean()
    of_2012 = draws[draws["disbursed_at"].dt.year == 2012]
    paid = orders[orders["paid_at"].notna()].merge(tables["merchants"], on="merchant_id")
    months = paid.groupby(["merchant_id", paid["paid_at"].dt.to_period("M")])["amount"].sum()
    hour = draws["disbursed_at"].dt.hour.value_counts(normalize=True)
    delay = (orders["confirmed_at"] - orders["shipped_at"]) / pd.Timedelta(days=1)
    refund = (
        tables["refunds"]["amount"].sum() / orders.loc[orders["paid_at"].notna(), "amount"].sum()
    )
    return {
        "share of order loans": len(draws) / len(loans),
        "mean order loan": draws["principal"].mean(),
        "mean days held": hold.mean(),
        "order loans held under 7 days": (hold < 7).mean(),
        "draws a user and year": len(of_2012) / of_2012["merchant_id"].nunique(),
        "11.11 against a mean day": peak,
        "12.12 against a mean day": second,
        "median monthly sales": months.groupby("merchant_id").median().median(),
        "share asked in peak hours": hour[[13, 14, 20, 21, 22]].sum(),
        "mean days to confirm": delay.mean(),
        "refund rate": refund,
        "share of merchants who borrow": loans["merchant_id"].nunique() / len(tables["merchants"]),
    }


TARGETS = {
    "share of order loans": (0.98, 0.999),
    "mean order loan": (5762 * 0.9, 5762 * 1.1),
    "mean days held": (4, 6),
    "order loans held under 7 days": (0.6, 0.95),
    "draws a user and year": (20, 32),
    "11.11 against a mean day": (5, 9),
    "12.12 against a mean day": (1.8, 3.6),
    "median monthly sales": (9_000, 25_000),
    "share asked in peak hours": (0.33, 0.48),
    "mean days to confirm": (4, 6),
    "refund rate": (0.01, 0.05),
    "share of merchants who borrow": (0.2, 0.45),
}


def test_each_figure_lies_within_its_target(tables) -> None:
    found = figures(tables)
    table = pd.DataFrame(
        {
            "low": {k: v[0] for k, v in TARGETS.items()},
            "high": {k: v[1] for k, v in TARGETS.items()},
            "found": found,
        }
    )
    off = table[(table["found"] < table["low"]) | (table["found"] > table["high"])]
    assert off.empty, f"\n{table.to_string()}"


def test_outcomes_happen_as_often_as_their_true_probability_says(platform) -> None:
    records, truth = platform
    cohort = ac.Cohort.of_loans(records)
    y = ac.label_defaults(records, cohort)
    known = y.notna().to_numpy()
    frame = cohort.frame[known]
    p = truth.set_index("loan_id")["true_pd"].loc[frame["loan_id"]].to_numpy()
    gap = clustered_mean(y[known].to_numpy() - p, frame["merchant_id"].to_numpy())
    assert abs(gap.value) < 2.6 * gap.se
    area = roc_auc_score(y[known], p)
    assert 0.74 < area < 0.88
    thirds = pd.qcut(p, 3)
    by = pd.DataFrame({"y": y[known].to_numpy(), "p": p}).groupby(thirds, observed=True).mean()
    assert by["y"].is_monotonic_increasing
    np.testing.assert_allclose(by["y"].iloc[2], by["p"].iloc[2], rtol=0.25)


def test_a_draws_own_chance_is_how_often_it_is_never_repaid(platform, tables) -> None:
    _, truth = platform
    draws = truth[truth["true_pd_draw"].notna()].set_index("loan_id")
    old = draws[draws["as_of"] < "2014-01-01"]
    whole = tables["repayments"].groupby("loan_id")["principal"].sum()
    lent = tables["loans"].set_index("loan_id")["principal"]
    unpaid = whole.reindex(old.index).fillna(0) < lent.loc[old.index] - 0.005
    gap = clustered_mean(unpaid - old["true_pd_draw"], old["merchant_id"].to_numpy())
    assert abs(gap.value) < 2.6 * gap.se


def test_repaid_loans_are_repaid_to_the_fen(tables) -> None:
    back = tables["repayments"]
    parts = back["principal"] + back["interest"] + back["penalty"]
    assert (np.abs(parts - back["amount"]) < 1e-6).all()
    whole = back[back["channel"] != "collection"].groupby("loan_id")["principal"].sum()
    lent = tables["loans"].set_index("loan_id")["principal"]
    draws = lent[tables["loans"].set_index("loan_id")["product_id"] == "taobao_order"]
    done = whole.reindex(draws.index).dropna()
    assert (np.round(done * 100) == np.round(draws.loc[done.index] * 100)).all()


def test_the_worse_the_condition_the_higher_the_risk(platform) -> None:
    _, truth = platform
    mean = truth.groupby("condition")["true_pd"].mean()
    assert mean["healthy"] < mean["strained"] < mean["distressed"]
    assert np.corrcoef(truth["buffer"], np.log(truth["true_pd"]))[0, 1] < -0.5


def test_the_approved_are_a_selection(platform) -> None:
    records, truth = platform
    applied = records["applications"].to_pandas()
    assert 0.3 < (applied["outcome"] == "approved").mean() < 0.8
    assert set(truth["merchant_id"]) <= set(
        applied.loc[applied["outcome"] == "approved", "merchant_id"]
    )
    assert truth.groupby("merchant_id")["quality"].first().mean() > 0.2


def test_the_default_rate_is_the_one_asked_for() -> None:
    means = []
    for rate in (0.01, 0.1):
        _, truth = ac.simulate_platform(1500, seed=2, orders_per_month=1, default_rate=rate)
        means.append(truth["true_pd"].mean())
    assert means[0] == pytest.approx(0.01, rel=0.35)
    assert means[1] == pytest.approx(0.1, rel=0.35)


def test_the_same_seed_gives_the_same_records_and_another_does_not() -> None:
    first, truth = ac.simulate_platform(80, seed=7, months=14, orders_per_month=2)
    again, truth_again = ac.simulate_platform(80, seed=7, months=14, orders_per_month=2)
    other, _ = ac.simulate_platform(80, seed=8, months=14, orders_per_month=2)
    assert all(first[n].equals(again[n]) for n in first.tables)
    pd.testing.assert_frame_equal(truth, truth_again)
    assert not first["orders"].equals(other["orders"])


def test_records_say_how_they_were_made(platform) -> None:
    notes = platform[0].notes
    assert notes["seed"] == 1
    assert "larger" in notes["thinning"]
    assert "simulated" in notes["made_up"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_survival_by_powers_is_survival_by_walking(seed: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    step = rng.dirichlet([5, 2, 1], size=(1, 3))
    die = rng.uniform(0, 0.1, (1, 3))
    alive = np.ones(3)
    for _ in range(days):
        alive = step[0] @ ((1 - die[0]) * alive)
    np.testing.assert_allclose(survival(step, die, days)[0], alive, rtol=1e-10)


@pytest.mark.parametrize(
    "bad",
    [{"n_merchants": 10}, {"seed": -1}, {"months": 2}, {"orders_per_month": 0},
     {"default_rate": 0.0}, {"default_rate": 0.9}, {"start": "soon"}],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(bad) -> None:
    good = {"n_merchants": 60, "seed": 1, "months": 12}
    with pytest.raises(InputError, match=next(iter(bad))):
        ac.simulate_platform(**(good | bad))
