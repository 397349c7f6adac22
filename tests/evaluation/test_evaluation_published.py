"""Statistics against published numbers, scikit-learn, scipy and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refused import refused
from scipy import stats
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

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
    assert slope.value == pytest.approx(0.5, abs=0.03)
    assert intercept.value == pytest.approx(-0.5, abs=0.05)
    assert slope.high < 1


def test_the_calibration_line_is_the_maximum_of_the_likelihood() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(-1, 1, 800)
    y = (rng.random(800) < 1 / (1 + np.exp(-0.7 * x))).astype(float)
    outside = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, None], y)
    found = ev.calibration_line(y, 1 / (1 + np.exp(-x)))
    assert found[0].value == pytest.approx(outside.intercept_[0], abs=1e-5)
    assert found[1].value == pytest.approx(outside.coef_[0, 0], abs=1e-5)


def test_errors_of_the_calibration_line_are_those_of_redrawn_merchants() -> None:
    rng = np.random.default_rng(6)
    who = np.repeat(np.arange(200), 5)
    x = rng.normal(-1, 1, 200)[who] + rng.normal(0, 0.3, 1000)
    y = (rng.random(200)[who] < 1 / (1 + np.exp(-x))).astype(float)
    p = 1 / (1 + np.exp(-x))
    slope = ev.calibration_line(y, p, cluster=who)[1]
    drawn = []
    for _ in range(300):
        rows = (5 * rng.integers(0, 200, 200)[:, None] + np.arange(5)).ravel()
        drawn.append(ev.calibration_line(y[rows], p[rows])[1].value)
    assert slope.se == pytest.approx(np.std(drawn), rel=0.2)
    assert slope.se > 1.5 * ev.calibration_line(y, p)[1].se


def test_a_line_that_nothing_determines_has_no_error() -> None:
    intercept, slope = ev.calibration_line([1, 0, 1, 0], [0.3, 0.3, 0.3, 0.3])
    assert np.isnan(intercept.se)
    assert np.isnan(slope.se)


OUTCOMES = st.lists(st.booleans(), min_size=2, max_size=40).map(lambda y: np.array(y, dtype=float))


@given(OUTCOMES, st.integers(1, 5))
def test_copies_count_once_among_effective_rows(y, copies: int) -> None:
    who = np.repeat(np.arange(len(y)), copies)
    assert ev.effective_rows(y[who], who) == pytest.approx(len(y))


@given(OUTCOMES, st.data())
def test_effective_rows_lie_between_one_and_the_rows(y, data) -> None:
    who = data.draw(st.lists(st.integers(0, 4), min_size=len(y), max_size=len(y)))
    assert 1 <= ev.effective_rows(y, who) <= len(y)


@given(st.integers(1, 60), st.data())
def test_fewer_effective_rows_never_narrow_an_interval(n: int, data) -> None:
    d = data.draw(st.integers(0, n))
    few = data.draw(st.floats(1, n))
    low, high = ev.jeffreys_interval(n, d)
    wide_low, wide_high = ev.jeffreys_interval(n, d, effective=few)
    assert wide_high - wide_low >= high - low - 1e-9
    assert ev.jeffreys_interval(n, d, effective=n) == (low, high)


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
    model = ac.DefaultModel("points", directions=None).fit(X[:2000], y[:2000])
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


def test_copies_of_rows_of_a_merchant_leave_every_interval_as_it_was(fitted) -> None:
    model, X, y = fitted
    frame = pd.DataFrame({"merchant_id": np.arange(2000), "as_of": "2013-01-01"})
    once = ac.validate_model(model, X, y, cohort=ac.Cohort.from_frame(frame))
    thrice = np.repeat(np.arange(2000), 3)
    more, labels = X.iloc[thrice], y.iloc[thrice]
    again = ac.validate_model(model, more, labels, cohort=ac.Cohort.from_frame(frame.iloc[thrice]))
    shared = ["merchants", "mean_pd", "rate", "low", "high", "jeffreys_p"]
    pd.testing.assert_frame_equal(
        once.tables["reliability"][shared], again.tables["reliability"][shared]
    )
    ends = [
        r.tables["summary"].set_index("metric")[["value", "low", "high"]] for r in (once, again)
    ]
    same = ends[0].index.drop(["rows", "Spiegelhalter z"])
    np.testing.assert_allclose(ends[0].loc[same], ends[1].loc[same], rtol=2e-3, atol=1e-3)
    assert ends[1].loc["rows", "value"] == 3 * ends[0].loc["rows", "value"]


def test_with_a_row_a_merchant_the_intervals_are_the_plain_ones(fitted) -> None:
    model, X, y = fitted
    for bin_ in ac.validate_model(model, X, y).tables["reliability"].itertuples():
        law = stats.beta(bin_.defaults + 0.5, bin_.rows - bin_.defaults + 0.5)
        assert bin_.merchants == bin_.rows
        assert bin_.high == pytest.approx(law.ppf(0.95))
        assert bin_.jeffreys_p == pytest.approx(law.cdf(bin_.mean_pd))


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


NOT_OUTCOMES = {
    "a third class": [0.0, 1.0, 2.0],
    "shares": [0.0, 0.5, 1.0],
    "minus one": [-1.0, 1.0, 1.0],
    "an infinite one": [0.0, 1.0, np.inf],
    "a missing one": [0.0, 1.0, np.nan],
    "words": ["good", "bad", "bad"],
    "nothing": None,
}
ASKED = {
    "auc": lambda y: ev.auc(y, [0.1, 0.2, 0.3]),
    "brier": lambda y: ev.brier(y, [0.1, 0.2, 0.3]),
    "log_loss": lambda y: ev.log_loss(y, [0.1, 0.2, 0.3]),
    "spiegelhalter": lambda y: ev.spiegelhalter(y, [0.1, 0.2, 0.3]),
    "calibration_line": lambda y: ev.calibration_line(y, [0.1, 0.2, 0.3]),
    "effective_rows": lambda y: ev.effective_rows(y, [1, 2, 3]),
}


@pytest.mark.parametrize("case", NOT_OUTCOMES)
@pytest.mark.parametrize("name", ASKED)
def test_outcomes_are_zero_or_one(name: str, case: str) -> None:
    with refused(error=InputError):
        ASKED[name](NOT_OUTCOMES[case])


@pytest.mark.parametrize("bad", [1.2, -0.1, np.inf, np.nan], ids=str)
@pytest.mark.parametrize("name", ["brier", "log_loss", "spiegelhalter", "calibration_line"])
def test_a_probability_lies_from_zero_to_one(name: str, bad: float) -> None:
    with refused(error=InputError):
        getattr(ev, name)([0, 1, 1], [0.1, 0.2, bad])


def test_what_is_no_validation_is_refused(fitted) -> None:
    model, X, y = fitted
    frame = pd.DataFrame({"merchant_id": np.arange(len(y)), "as_of": "2013-01-01"})
    cases = {
        "model": lambda: ac.validate_model(None, X, y),
        "y must be 0 or 1": lambda: ac.validate_model(model, X, np.full(len(y), 2.0)),
        "y must hold": lambda: ac.validate_model(model, X, ["bad"] * len(y)),
        "cohort": lambda: ac.validate_model(model, X, y, cohort=frame),
        "X": lambda: ac.validate_model(model, None, y),
        "both outcomes": lambda: ac.validate_model(model, X, np.zeros(len(y))),
    }
    for words, ask in cases.items():
        with refused(words, error=InputError):
            ask()
