"""Thirty draws a borrower share one fate: what takes them for thirty borrowers is wrong.

Order loans are simulated with a lasting effect of each merchant and with features that hardly move
between its draws. Truth is known: fresh merchants for what a model is worth, many draws of the
whole experiment for what an interval covers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.tree import DecisionTreeClassifier

from alicredit.calibration.logodds import calibrate
from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.evaluation import (
    auc,
    calibration_line,
    clustered_mean,
    effective_rows,
    jeffreys_interval,
    log_loss,
    spiegelhalter,
    validate_model,
)
from alicredit.model import DefaultModel
from alicredit.model.folds import make_folds

MERCHANTS, DRAWS = 120, 30
OWNER = np.repeat(np.arange(MERCHANTS), DRAWS)
FATE = 1.2
HORIZON = 90


def order_loans(seed: int, merchants: int = MERCHANTS) -> tuple[np.ndarray, np.ndarray]:
    """Draw features that stay with a merchant but for a little, and outcomes that share its fate.

    Only the first feature tells anything of a merchant not seen before.
    """
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(merchants), DRAWS)
    lasting = rng.normal(size=(merchants, 5))[owner]
    X = lasting + 0.02 * rng.normal(size=lasting.shape)
    fate = FATE * rng.normal(size=merchants)[owner]
    y = (rng.random(len(owner)) < expit(-2 + 0.7 * X[:, 0] + fate)).astype(float)
    return X, y


def cohort_of(owner: np.ndarray, seed: int = 0) -> Cohort:
    """Ask at each draw, over two years."""
    days = np.random.default_rng(seed).integers(0, 700, len(owner))
    at = pd.Timestamp("2011-07-01") + pd.to_timedelta(days, unit="D")
    frame = pd.DataFrame({"merchant_id": [f"m{k}" for k in owner], "as_of": at})
    return Cohort.from_frame(frame)


COHORT = cohort_of(OWNER)


def judged(folds, X, y, fresh_X, fresh_y) -> np.ndarray:
    """Give AUC and log loss out of fold, less those of the same models on fresh merchants."""
    p, later = np.full(len(y), np.nan), []
    for learn, judge in folds.pairs:
        tree = DecisionTreeClassifier(min_samples_leaf=15, random_state=0).fit(X[learn], y[learn])
        p[judge], fresh = (
            np.clip(tree.predict_proba(each)[:, 1], 0.005, 0.995) for each in (X[judge], fresh_X)
        )
        later.append((auc(fresh_y, fresh).value, log_loss(fresh_y, fresh)))
    seen = np.isfinite(p)
    return np.array([auc(y[seen], p[seen]).value, log_loss(y[seen], p[seen])]) - np.mean(later, 0)


@pytest.mark.slow
def test_plain_folds_flatter_a_model_and_ours_do_not() -> None:
    fresh = order_loans(10_000, merchants=1500)
    naive, ours = [], []
    for seed in range(10):
        X, y = order_loans(seed)
        naive.append(judged(make_folds(y, None, None, seed=seed), X, y, *fresh))
        ours.append(judged(make_folds(y, COHORT, None, seed=seed), X, y, *fresh))
    naive_auc, naive_loss = np.mean(naive, axis=0)
    assert naive_auc > 0.1
    assert naive_loss < -0.1
    off = np.mean(ours, axis=0)
    error = np.std(ours, axis=0, ddof=1) / np.sqrt(len(ours))
    assert (np.abs(off) < 3.5 * error + [0.01, 0.01]).all(), (off, error)
    assert (np.abs(off) < np.abs([naive_auc, naive_loss]) / 4).all()


def test_folds_in_time_order_do_not_flatter_either() -> None:
    """They learn from fewer rows, so that they may only be harsher than the truth of all rows."""
    fresh = order_loans(10_001, merchants=1500)
    off = []
    for seed in range(5):
        X, y = order_loans(seed + 50, merchants=480)
        cohort = cohort_of(np.repeat(np.arange(480), DRAWS), seed)
        folds = make_folds(y, cohort, HORIZON, seed=seed)
        assert "in time order" in folds.kind
        off.append(judged(folds, X, y, *fresh))
    assert np.mean(off, axis=0)[0] < 0.03
    assert np.mean(off, axis=0)[1] > -0.05


def marginal(X: np.ndarray) -> np.ndarray:
    """Give the probability of default where the merchant's fate is not known."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    margin = -2 + 0.7 * X[:, 0]
    return expit(margin[:, None] + FATE * nodes) @ (weights / weights.sum())


def intervals(X: np.ndarray, y: np.ndarray, who: np.ndarray) -> dict[str, tuple[float, float]]:
    """Give the intervals of a model's worth that the library offers."""
    p = marginal(X)
    loss = -np.where(y == 1, np.log(p), np.log1p(-p))
    intercept, slope = calibration_line(y, p, cluster=who)
    found = {
        "rate less claim": clustered_mean(y - p, who),
        "log loss": clustered_mean(loss, who),
        "AUC": auc(y, p, cluster=who),
        "intercept": intercept,
        "slope": slope,
    }
    ends = {name: (each.low, each.high) for name, each in found.items()}
    counted = effective_rows(y, who)
    rate = jeffreys_interval(len(y), int(y.sum()), level=0.95, effective=counted)
    return ends | {"default rate": rate}


@pytest.mark.slow
def test_plain_intervals_cover_far_too_little_and_ours_cover_what_they_say() -> None:
    X, y = order_loans(20_000, merchants=20_000)
    p = marginal(X)
    truth = {
        "rate less claim": 0.0,
        "log loss": log_loss(y, p),
        "AUC": auc(y, p).value,
        "intercept": 0.0,
        "slope": 1.0,
        "default rate": float(p.mean()),
    }
    draws, alone = 200, np.arange(len(OWNER))
    ours, naive = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for seed in range(draws):
        X, y = order_loans(seed + 30_000)
        for who, hits in ((OWNER, ours), (alone, naive)):
            for name, (low, high) in intervals(X, y, who).items():
                hits[name] += low < truth[name] < high
    for name in truth:
        assert ours[name] / draws > 0.88, (name, ours)
        assert naive[name] / draws < 0.75, (name, naive)
        assert ours[name] <= stats.binom.ppf(0.9999, draws, 0.97), (name, ours)


def test_spiegelhalters_z_is_level_where_rows_share_fates() -> None:
    beyond = np.zeros(2)
    for seed in range(200):
        X, y = order_loans(seed + 40_000)
        p = marginal(X)
        beyond += [abs(spiegelhalter(y, p, cluster=w)) > 1.96 for w in (OWNER, range(len(y)))]
    assert beyond[0] / 200 < 0.12
    assert beyond[1] / 200 > 0.25


@pytest.mark.slow
def test_the_interval_of_a_probability_covers_when_it_clusters() -> None:
    """90 % of the time the calibrated interval should hold the truth at the middle of the book."""
    draws, hits = 80, np.zeros(2)
    middle = np.array([[0.0]])
    truth = marginal(middle)[0]
    for seed in range(draws):
        X, y = order_loans(seed + 50_000)
        p = marginal(X)
        margin, weight = np.log(p / (1 - p)), np.ones(len(y))
        at = np.log(truth / (1 - truth)) * np.ones(1)
        for k, who in enumerate((OWNER, np.arange(len(y)))):
            low, _, high = calibrate(margin, y, weight, who).probabilities(at)
            hits[k] += low[0] < truth < high[0]
    assert hits[0] / draws > 0.82, hits
    assert hits[1] / draws < 0.6, hits


def test_a_model_given_its_cohort_is_less_sure_of_its_probabilities() -> None:
    X, y = order_loans(60_000)
    frame = pd.DataFrame(X, columns=list("abcde"))
    with_, without = (
        DefaultModel("points", directions=None).fit(frame, y, cohort=given)
        for given in (COHORT, None)
    )
    widths = []
    for model in (with_, without):
        found = model.score_frame(frame)
        widths.append(np.log(found["pd_upper"] / found["pd_lower"]).median())
    assert widths[0] > 1.3 * widths[1]


@pytest.mark.parametrize("metric", ["AUC", "default rate", "Brier score", "log loss"])
def test_a_validation_with_the_cohort_has_the_wider_intervals(metric: str, stage) -> None:
    thirty = np.repeat(np.arange(50), 30)
    rows = np.arange(50).repeat(30)  # thirty copies of a merchant's row: one witness
    X, y = stage.X.iloc[rows], stage.y.iloc[rows]
    wide, narrow = (
        validate_model(stage.model, X, y, cohort=given).tables["summary"].set_index("metric")
        for given in (cohort_of(thirty), None)
    )
    once = validate_model(stage.model, stage.X[:50], stage.y[:50]).tables["summary"]
    once = once.set_index("metric")

    def width(table: pd.DataFrame) -> float:
        return float(table.loc[metric, "high"] - table.loc[metric, "low"])

    assert width(wide) == pytest.approx(width(once), rel=0.03)
    assert width(wide) > 4 * width(narrow)


@pytest.mark.parametrize("shape", ["points", "pairs", "trees"])
def test_a_validation_says_what_is_claimed_of_whom_and_how_sure(shape: str) -> None:
    X, y = order_loans(70_000, merchants=20)
    frame, label = pd.DataFrame(X, columns=list("abcde")), pd.Series(y)
    label.attrs = {"horizon_days": 90, "level": "facility", "days_past_due": 30}
    owner = np.repeat(np.arange(20), DRAWS)
    loans = cohort_of(owner).frame.assign(loan_id=[f"l{k}" for k in range(len(y))])
    cohort = Cohort.from_frame(loans)
    model = DefaultModel(shape, directions=None).fit(frame, label, cohort=cohort)
    told = repr(validate_model(model, frame, label, cohort=cohort))
    assert f"shape: {model.portable_.shape}" in told
    assert "claim: 90 days, facility, more than 30 days past due" in told
    assert "learned from: granted loans alone" in told
    assert "intervals: 95 %, the rows of a merchant count as one witness" in told
    alone = validate_model(model, frame, label)
    assert "no cohort was given" in repr(alone)
    assert alone.facts["shape"] == model.portable_.shape


def test_a_cohort_of_one_merchant_is_refused() -> None:
    X, y = order_loans(70_000)
    frame = pd.DataFrame(X, columns=list("abcde"))
    alone = COHORT.frame.assign(merchant_id="m")
    with pytest.raises(InputError, match="cluster must name several merchants"):
        DefaultModel("points", directions=None).fit(frame, y, cohort=Cohort.from_frame(alone))
