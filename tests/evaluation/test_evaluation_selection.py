"""Selection: weights give back the population, the band gives back what it assumes."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from alicredit.errors import InputError
from alicredit.evaluation import expected_auc, reject_band, weigh_exploration
from alicredit.evaluation.selection import COLUMNS
from alicredit.model import DefaultModel


def applicants(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw what is seen, what is hidden, outcomes, and a rule that also saw what is hidden."""
    rng = np.random.default_rng(seed)
    seen, hidden = rng.normal(size=(2, rows))
    y = (rng.random(rows) < expit(-2 + seen + hidden)).astype(float)
    probability = np.where(seen + hidden < 0.3, 1.0, 0.08)
    return seen, y, probability, rng.random(rows) < probability


def test_weighted_granted_rows_give_back_the_rate_of_all_applicants() -> None:
    off = []
    for seed in range(60):
        _, y, probability, granted = applicants(seed, 4000)
        found = weigh_exploration(probability[granted])
        off.append(
            [np.average(y[granted], weights=found.weight) - y.mean(), y[granted].mean() - y.mean()]
        )
    weighted, plain = np.mean(off, axis=0)
    error = np.std(off, axis=0, ddof=1) / np.sqrt(60)
    assert abs(weighted) < 3.5 * error[0]
    assert plain < -0.05


def test_a_weighted_fit_comes_nearer_to_everybodys_risk() -> None:
    seen, y, probability, granted = applicants(7, 16_000)
    X = pd.DataFrame({"seen": seen})
    weight = weigh_exploration(probability[granted]).weight
    fresh, later, _, _ = applicants(8, 20_000)
    loss = []
    for each in (None, weight):
        model = DefaultModel("points").fit(X[granted], y[granted], sample_weight=each)
        p = model.predict_proba(pd.DataFrame({"seen": fresh}))[:, 1]
        loss.append(-(later * np.log(p) + (1 - later) * np.log1p(-p)).mean())
    assert loss[1] < loss[0] - 0.01


@settings(max_examples=30, deadline=None)
@given(
    p=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=40),
    most=st.floats(1, 1e5),
)
def test_weights_follow_their_formula(p: list[float], most: float) -> None:
    found = weigh_exploration(p, most=most)
    cut = [min(1 / each, most) for each in p]
    mean = sum(cut) / len(cut)
    assert found.weight == pytest.approx([each / mean for each in cut])
    assert found.effective_rows == pytest.approx(sum(cut) ** 2 / sum(c * c for c in cut))
    assert 1 - 1e-9 <= found.effective_rows <= len(p) + 1e-9
    assert 0 <= found.clipped <= 1
    assert found.weight.mean() == pytest.approx(1)


def test_alike_probabilities_cost_nothing_and_a_cut_is_counted() -> None:
    same = weigh_exploration(np.full(50, 0.3))
    assert (same.effective_rows, same.clipped) == (pytest.approx(50), 0)
    assert same.weight == pytest.approx(1)
    assert weigh_exploration([0.05, 0.05, 1.0], most=20).clipped == 0
    assert weigh_exploration([0.049, 0.05, 1.0], most=20).clipped == pytest.approx(1 / 3)
    assert (weigh_exploration([0.1, 1.0], most=1).weight == 1).all()


@pytest.mark.parametrize(
    ("p", "most", "word"),
    [
        ([0.5, 0.0], 20, "above 0"), ([0.5, 1.2], 20, "above 0"), ([-0.1], 20, "above 0"),
        ([0.5, np.nan], 20, "above 0"), ([np.inf], 20, "above 0"), ([], 20, "no row"),
        (["half"], 20, "numbers"), ([50, 100], 20, "above 0"), ([0.5], 0.5, "most"),
        ([0.5], np.inf, "most"), ([0.5], "20", "most"),
    ],
)  # fmt: skip
def test_probabilities_that_are_none_are_refused(p, most, word: str) -> None:
    with pytest.raises(InputError, match=word):
        weigh_exploration(p, most=most)


def brute(bad: np.ndarray, score: np.ndarray) -> float:
    """Count expected pairs one by one."""
    up = pairs = 0.0
    for i, j in itertools.permutations(range(len(bad)), 2):
        mass = bad[i] * (1 - bad[j])
        pairs += mass
        up += mass * ((score[i] > score[j]) + (score[i] == score[j]) / 2)
    return up / pairs


def test_expected_pairs_are_those_counted_one_by_one() -> None:
    rng = np.random.default_rng(1)
    bad, score = rng.random(30), rng.integers(0, 8, 30).astype(float)
    assert expected_auc(bad, score) == pytest.approx(brute(bad, score), abs=1e-12)
    y = (rng.random(400) < 0.3).astype(float)
    s = rng.normal(size=400).round(1) + y
    assert expected_auc(y, s) == pytest.approx(roc_auc_score(y, s), abs=1e-12)


def test_expected_area_is_the_mean_over_outcomes_drawn() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(0.05, 0.6, 2000)
    s = p + 0.1 * rng.normal(size=2000)
    drawn = [roc_auc_score(rng.random(2000) < p, s) for _ in range(200)]
    assert expected_auc(p, s) == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 200**0.5)


@pytest.fixture(scope="module")
def book():
    """Learn from the granted; the refused are three times as risky as their features say."""
    rng = np.random.default_rng(3)
    debt = rng.normal(size=30_000)
    granted = rng.random(30_000) < expit(0.5 - 1.5 * debt)
    odds = np.exp(-2.2 + debt) * np.where(granted, 1, 3)
    y = (rng.random(30_000) < odds / (1 + odds)).astype(float)
    X = pd.DataFrame({"debt": debt})
    model = DefaultModel("points").fit(X[granted], y[granted])
    return model, X, y, granted


class Knowing:
    """Stands for a model that says exactly what the granted risk."""

    def score_frame(self, X: pd.DataFrame, *, reasons: int) -> pd.DataFrame:
        return pd.DataFrame({"status": "ok", "pd": expit(-2.2 + X["debt"])})

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        p = expit(-2.2 + X["debt"].to_numpy())
        return np.column_stack([1 - p, p])


def test_the_band_holds_what_comes_true_where_its_factor_does(book) -> None:
    _, X, y, granted = book
    model = Knowing()
    band = reject_band(
        model, X[granted], y[granted], X[~granted], max_pd=0.15, odds_factors=(1, 3)
    ).set_index("odds_factor")
    p = model.predict_proba(X)[:, 1]
    row = band.loc[3.0]
    assert row["rejected_pd"] == pytest.approx(y[~granted].mean(), rel=0.06)
    assert row["everybody_pd"] == pytest.approx(y.mean(), rel=0.04)
    assert row["auc"] == pytest.approx(roc_auc_score(y, p), abs=0.01)
    assert row["approved_share"] == pytest.approx((p <= 0.15).mean())
    assert row["approved_pd"] == pytest.approx(y[p <= 0.15].mean(), rel=0.06)
    assert row["informed_share"] < row["approved_share"]
    assert band.loc[1.0, "informed_share"] == band.loc[1.0, "approved_share"]
    assert band.loc[1.0, "rejected_pd"] < 0.75 * row["rejected_pd"]


def test_the_band_is_counted_as_it_says(book) -> None:
    model, X, y, granted = book
    some, others = X[granted][:300], X[~granted][:200]
    band = reject_band(model, some, y[granted][:300], others, max_pd=0.1, odds_factors=[0.5, 2])
    assert tuple(band.columns) == COLUMNS
    a, r = (model.predict_proba(each)[:, 1] for each in (some, others))
    for row in band.itertuples():
        k = row.odds_factor
        risk = [k * p / (1 - p) / (1 + k * p / (1 - p)) for p in r]
        assert row.rejected_pd == pytest.approx(np.mean(risk))
        inside = [*y[granted][:300][a <= 0.1], *(x for x, p in zip(risk, r) if p <= 0.1)]
        assert row.approved_pd == pytest.approx(np.mean(inside))
        assert (row.approved_rows, row.rejected_rows, row.rows_refused) == (300, 200, 0)


def test_more_risk_never_lowers_level_or_lets_more_in(book) -> None:
    model, X, y, granted = book
    factors = (0.5, 1, 2, 4, 8)
    band = reject_band(
        model, X[granted], y[granted], X[~granted], max_pd=0.12, odds_factors=factors
    )
    for rising in ("rejected_pd", "everybody_pd", "approved_pd"):
        assert band[rising].is_monotonic_increasing
    assert band["informed_share"].is_monotonic_decreasing
    assert band["approved_share"].nunique() == 1


def test_rows_outside_the_contract_are_counted_and_left_out(book) -> None:
    model, X, y, granted = book
    spoiled = X[~granted][:100].copy()
    spoiled.iloc[:7] = np.inf
    band = reject_band(model, X[granted], y[granted], spoiled, max_pd=0.1)
    assert band["rows_refused"].unique().tolist() == [7]
    assert band["rejected_rows"].unique().tolist() == [93]


def _ask(book, **given):
    model, X, y, granted = book
    asked = {"approved": X[granted], "y": y[granted], "rejected": X[~granted], "max_pd": 0.1}
    return reject_band(model, **(asked | given))


REFUSED = {
    "no model": (lambda b: reject_band(3, b[1], b[2], b[1], max_pd=0.1), "fitted or loaded"),
    "an unknown outcome": (lambda b: _ask(b, y=b[2][b[3]] * np.nan), "y must be known"),
    "outcomes of others": (lambda b: _ask(b, y=[0.0, 1.0]), "must have one length"),
    "outcomes of three": (lambda b: _ask(b, y=b[2][b[3]] + 1), "y must be 0 or 1"),
    "a cut of points": (lambda b: _ask(b, max_pd=600), "max_pd"),
    "a factor of nothing": (lambda b: _ask(b, odds_factors=[0]), "above 0"),
    "a negative factor": (lambda b: _ask(b, odds_factors=[-1]), "above 0"),
    "no factor": (lambda b: _ask(b, odds_factors=[]), "above 0"),
    "an infinite factor": (lambda b: _ask(b, odds_factors=[np.inf]), "above 0"),
    "nobody scored": (lambda b: _ask(b, rejected=b[1][:5] * np.inf), "that the model scores"),
    "another column": (lambda b: _ask(b, rejected=b[1].rename(columns=str.upper)), "debt"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_band_that_cannot_be_drawn_is_refused(case: str, book) -> None:
    ask, words = REFUSED[case]
    with pytest.raises(InputError) as caught:
        ask(book)
    assert words in str(caught.value)
