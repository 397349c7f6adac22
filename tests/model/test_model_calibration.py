"""From margin to probability: strictly rising, the right level, a slope only on evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from alicredit.calibration.logodds import calibrate, rising


def draw(rows: int, *, intercept: float, slope: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margin = rng.normal(-3, 1.2, rows)
    y = (rng.random(rows) < expit(intercept + slope * margin)).astype(float)
    return margin, y


@given(st.floats(-36, 14))
def test_rising_is_the_logistic_function_where_that_can_be_told(x) -> None:
    assert float(rising(x)) == pytest.approx(float(expit(x)), rel=1e-12)


def test_rising_never_ties_and_never_reaches_the_ends() -> None:
    x = np.arange(-900, 400, 0.0345)
    p = rising(x)
    assert (np.diff(p) > 0).all()
    assert p[0] > 0
    assert p[-1] < 1


@given(st.floats(-1e9, 1e9))
def test_rising_is_quiet_at_any_length(x) -> None:
    assert 0 < float(rising(x)) < 1


def test_rising_joins_smoothly() -> None:
    for edge in (14.0, -600.0):
        left, at, right = (float(rising(edge + d)) for d in (-1e-4, 0.0, 1e-4))
        assert (right - at) == pytest.approx(at - left, rel=1e-2)


def test_the_mean_probability_is_the_mean_outcome() -> None:
    margin, y = draw(20_000, intercept=-0.7, slope=1.0, seed=1)
    found = calibrate(margin, y, np.ones(len(y)), np.arange(len(y)))
    assert found.probabilities(margin)[1].mean() == pytest.approx(y.mean(), rel=1e-6)


def test_a_true_slope_of_one_is_left_alone() -> None:
    freed = 0
    for seed in range(40):
        margin, y = draw(2_000, intercept=-0.3, slope=1.0, seed=seed)
        found = calibrate(margin, y, np.ones(len(y)), np.arange(len(y)))
        freed += found.slope != 1.0
    # The test of the slope errs in 5 of 100; 8 of 40 would be a chance below one in a thousand.
    assert freed < 8


@pytest.mark.parametrize("slope", [0.5, 1.6])
def test_a_wrong_slope_is_found_and_agrees_with_a_logistic_regression(slope) -> None:
    margin, y = draw(20_000, intercept=0.2, slope=slope, seed=3)
    found = calibrate(margin, y, np.ones(len(y)), np.arange(len(y)))
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(margin[:, None], y)
    assert found.slope == pytest.approx(fit.coef_[0, 0], abs=0.01)
    assert found.intercept == pytest.approx(fit.intercept_[0], abs=0.03)


def test_a_ranking_turned_over_is_not_followed() -> None:
    margin, y = draw(5_000, intercept=-6.0, slope=-1.0, seed=4)
    found = calibrate(margin, y, np.ones(len(y)), np.arange(len(y)))
    assert found.slope == 1.0
    lower, middle, upper = found.probabilities(np.sort(margin))
    assert (np.diff(middle) > 0).all()
    assert (lower <= middle).all()
    assert (middle <= upper).all()


def test_weights_count_like_repeated_rows_in_the_level() -> None:
    margin, y = draw(3_000, intercept=-0.5, slope=1.0, seed=5)
    weight = np.random.default_rng(6).integers(1, 4, len(y))
    weighted = calibrate(margin, y, weight.astype(float), np.arange(len(y)))
    owner = np.repeat(np.arange(len(y)), weight)
    repeated = calibrate(margin[owner], y[owner], np.ones(len(owner)), owner)
    assert weighted.intercept == pytest.approx(repeated.intercept, abs=1e-9)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-6)


def test_rows_of_one_merchant_are_one_witness() -> None:
    margin, y = draw(1_000, intercept=0.0, slope=1.0, seed=7)
    alone = calibrate(margin, y, np.ones(1000), np.arange(1000))
    owner = np.repeat(np.arange(1000), 10)
    tenfold = calibrate(margin[owner], y[owner], np.ones(10_000), owner)
    naive = calibrate(margin[owner], y[owner], np.ones(10_000), np.arange(10_000))
    at = np.array([-3.0])
    width = {
        name: float(each.probabilities(at)[2][0] - each.probabilities(at)[0][0])
        for name, each in (("alone", alone), ("tenfold", tenfold), ("naive", naive))
    }
    assert width["tenfold"] == pytest.approx(width["alone"], rel=0.02)
    assert width["naive"] < 0.5 * width["alone"]


def test_intervals_narrow_with_the_root_of_the_rows() -> None:
    widths = []
    for rows in (2_000, 32_000):
        margin, y = draw(rows, intercept=0.0, slope=1.0, seed=8)
        found = calibrate(margin, y, np.ones(rows), np.arange(rows))
        lower, _, upper = found.probabilities(np.array([-3.0]))
        widths.append(float(upper[0] - lower[0]))
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("draws", [1, 8])
def test_the_interval_covers_the_true_probability_as_often_as_it_says(draws: int) -> None:
    covered, at = [], np.array([-4.0, -3.0, -2.0])
    for seed in range(300):
        rng = np.random.default_rng(seed)
        merchants = 800
        own = rng.normal(-3, 1.2, merchants)
        # All draws of a merchant share its fate: the draws add rows, not witnesses.
        fate = (rng.random(merchants) < expit(own)).astype(float)
        owner = np.repeat(np.arange(merchants), draws)
        found = calibrate(own[owner], fate[owner], np.ones(len(owner)), owner)
        lower, _, upper = found.probabilities(at)
        covered.append((lower <= expit(at)) & (expit(at) <= upper))
    share = np.mean(covered)
    # Nominal 90 %; the choice of the slope by a test costs a little of it.
    assert 0.85 < share < 0.95
