"""Statistics against published numbers, scikit-learn, scipy and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

import alicredit as ac
from alicredit import evaluation as ev
from alicredit.errors import InputError


@pytest.mark.parametrize(
    ("n", "d", "p", "want"),
    [
        (1000, 7, 0.007, 0.474737),
        (1000, 12, 0.007, 0.037718),
        (1000, 14, 0.007, 0.008393),
        (10_000, 95, 0.007, 0.002104),
        (500, 0, 0.005, 0.974872),
    ],
)
def test_jeffreys(n: int, d: int, p: float, want: float) -> None:
    assert ev.jeffreys_test(n, d, p) == pytest.approx(want, abs=5e-7)


@pytest.mark.parametrize(
    ("level", "want"),
    [
        (0.50, [0.0866, 0.0990, 0.2308]),
        (0.75, [0.1731, 0.1978, 0.4610]),
        (0.90, [0.2874, 0.3284, 0.7646]),
        (0.95, [0.3738, 0.4270, 0.9936]),
        (0.99, [0.5740, 0.6557, 1.5233]),
        (0.999, [0.8598, 0.9820, 2.2763]),
    ],
)
def test_pluto_tasche_without_defaults(level: float, want: list[float]) -> None:
    found = 100 * ev.pluto_tasche([100, 400, 300], [0, 0, 0], level=level)
    np.testing.assert_allclose(found, want, atol=5.1e-5)


def test_pluto_tasche_with_defaults_and_for_a_book() -> None:
    found = 100 * ev.pluto_tasche([100, 400, 300], [0, 2, 1], level=0.75)
    np.testing.assert_allclose(found, [0.6378, 0.7288, 0.8950], atol=5.1e-5)
    for level, want in ((0.90, 0.819), (0.95, 0.853)):
        upper = 100 * ev.pluto_tasche([10_000], [70], level=level)[0]
        assert upper == pytest.approx(want, abs=5e-4)


def test_prior_shift() -> None:
    moved = 100 * ev.shift_prior([0.05, 0.5], 0.2, 0.007)
    np.testing.assert_allclose(moved, [0.148187, 2.742409], atol=5e-7)
    offset = np.log(0.007 / 0.993) - np.log(0.2 / 0.8)
    assert offset == pytest.approx(-3.568526, abs=5e-7)


N, D, P = [2000, 3000, 3000, 2000], [2, 11, 35, 70], [0.001, 0.004, 0.01, 0.03]


def test_hosmer_lemeshow_and_spiegelhalter() -> None:
    value, p = ev.hosmer_lemeshow(N, D, P)
    assert value == pytest.approx(2.643632, abs=5e-7)
    assert p == pytest.approx(0.619114, abs=5e-7)
    y = np.concatenate([np.r_[np.ones(d), np.zeros(n - d)] for n, d in zip(N, D, strict=True)])
    assert ev.spiegelhalter(y, np.repeat(P, N)) == pytest.approx(1.374804, abs=5e-7)


def test_concentration_and_stability() -> None:
    assert ev.hhi([50, 30, 20]) == pytest.approx((0.38, 0.07))
    actual = np.array([8, 9, 10, 10, 11, 10, 10, 10, 11, 11]) / 100
    assert ev.psi([0.1] * 10, actual) == pytest.approx(0.008376, abs=5e-7)
    with pytest.raises(InputError, match="empty bin"):
        ev.psi([0.5, 0.5], [1.0, 0.0])


def test_the_area_and_its_error_by_delong() -> None:
    found = ev.auc([1, 0, 1, 0, 0, 0], [0.9, 0.8, 0.7, 0.3, 0.2, 0.7])
    assert found.value == 0.8125
    assert found.se == pytest.approx(0.222439, abs=5e-7)


SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=4, max_size=60).filter(
    lambda rows: 0 < sum(label for label, _ in rows) < len(rows)
)


@given(SCORED)
def test_metrics_agree_with_scikit_learn(rows) -> None:
    y = np.array([label for label, _ in rows], dtype=float)
    s = np.array([score for _, score in rows]) / 10 + 0.05
    assert ev.auc(y, s).value == pytest.approx(sk.roc_auc_score(y, s))
    assert ev.brier(y, s) == pytest.approx(sk.brier_score_loss(y, s))
    assert ev.log_loss(y, s) == pytest.approx(sk.log_loss(y, s))


def test_each_row_its_own_cluster_is_delong_again() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(500) < 0.3).astype(float)
    s = y + rng.normal(size=500)
    plain, own = ev.auc(y, s), ev.auc(y, s, cluster=np.arange(500))
    assert own.value == plain.value
    assert own.se == pytest.approx(plain.se, rel=0.01)


def test_copies_of_a_row_are_no_new_evidence() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(300) < 0.3).astype(float)
    s = y + rng.normal(size=300)
    thirty = np.repeat(np.arange(300), 30)
    naive = ev.auc(y[thirty], s[thirty])
    honest = ev.auc(y[thirty], s[thirty], cluster=thirty)
    once = ev.auc(y, s)
    assert honest.value == pytest.approx(once.value)
    assert honest.se == pytest.approx(once.se, rel=0.02)
    assert naive.se < honest.se / 4
    assert ev.clustered_mean(y[thirty], thirty).se == pytest.approx(
        ev.clustered_mean(y, np.arange(300)).se
    )


def test_the_clustered_interval_covers() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        fate = rng.random(80) < 0.3
        who = rng.integers(0, 80, 400)
        found = ev.clustered_mean(fate[who].astype(float), who)
        hits += found.low <= 0.3 <= found.high
    assert hits / 300 > stats.binom.ppf(0.001, 300, 0.93) / 300


def test_jeffreys_intervals_at_the_ends() -> None:
    assert ev.jeffreys_interval(100, 0)[0] == 0.0
    assert ev.jeffreys_interval(100, 100)[1] == 1.0


def test_the_calibration_line_finds_a_spread_that_is_too_wide() -> None:
    rng = np.random.default_rng(3)
    eta = rng.normal(-2, 1, 60_000)
    y = rng.random(60_000) < 1 / (1 + np.exp(-eta))
    intercept, slope = ev.calibration_line(y, 1 / (1 + np.exp(-(2 * eta + 1))))
    assert slope == pytest.approx(0.5, abs=0.03)
    assert intercept == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize("bad", [([], []), ([1, 0], [0.5]), ([1, 0], [0.5, np.nan])])
def test_arrays_that_do_not_fit_are_refused(bad) -> None:
    with pytest.raises(InputError):
        ev.brier(*bad)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(4000, 3)), columns=list("abc"))
    y = pd.Series((rng.random(4000) < 1 / (1 + np.exp(2 - X["a"]))).astype(float))
    y.attrs = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}
    model = ac.DefaultModel(directions=None).fit(X[:2000], y[:2000])
    return model, X[2000:], y[2000:]


def test_a_validation_gives_frames_that_add_up(fitted) -> None:
    model, X, y = fitted
    frame = pd.DataFrame({"merchant_id": np.arange(2000) % 500, "as_of": "2013-01-01"})
    report = ac.validate_model(model, X, y, cohort=ac.Cohort.from_frame(frame))
    summary = report.tables["summary"].set_index("metric")["value"]
    p = model.predict_proba(X)[:, 1]
    assert summary["AUC"] == pytest.approx(sk.roc_auc_score(y, p))
    assert summary["default rate"] == pytest.approx(y.mean())
    assert summary["mean probability"] == pytest.approx(p.mean())
    bins = report.tables["reliability"]
    assert bins["rows"].sum() == 2000
    assert bins["defaults"].sum() == y.sum()
    assert bins["mean_pd"].is_monotonic_increasing
    assert report.tables["stability"]["rows"].tolist() == [2000]
    assert "AUC" in repr(report)


def test_refused_rows_are_counted_not_hidden(fitted) -> None:
    model, X, y = fitted
    spoiled = X.copy()
    spoiled.iloc[:7, 0] = np.inf
    summary = ac.validate_model(model, spoiled, y).tables["summary"].set_index("metric")["value"]
    assert summary["rows refused"] == 7
    assert summary["rows"] == 1993


def test_unlike_claims_are_not_compared(fitted) -> None:
    model, X, y = fitted
    other = y.copy()
    other.attrs = {**y.attrs, "horizon_days": 90}
    with pytest.raises(InputError, match="horizon_days 365"):
        ac.validate_model(model, X, other)
    with pytest.raises(InputError, match="NaN"):
        ac.validate_model(model, X, y.where(y.index > y.index[3]))
    with pytest.raises(InputError, match="one length"):
        ac.validate_model(model, X, y[:-1])
