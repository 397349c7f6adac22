"""From margin to probability: strictly rising, the right level, slope and bends as believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from alicredit.calibration import calibrate, rising
from alicredit.calibration.curve import Curve
from alicredit.errors import InputError


def draw(rows: int, *, intercept: float, slope: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margin = rng.normal(-3, 1.2, rows)
    y = (rng.random(rows) < expit(intercept + slope * margin)).astype(float)
    return margin, y


def alone(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ones(len(y)), np.arange(len(y))


def width(found, at: float = -3.0) -> float:
    lower, _, upper = found.probabilities(np.array([at]))
    return float(logit(upper[0]) - logit(lower[0]))


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


@settings(max_examples=60)
@given(
    st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    st.lists(st.floats(-12, 6), min_size=3, max_size=3, unique=True),
    st.floats(-8, 0),
)
def test_any_curve_rises_strictly_over_extreme_margins(slopes, knots, level) -> None:
    curve = Curve(level, -3.0, np.sort(knots), np.exp(slopes))
    margin = np.arange(-90, 40, 0.0345)  # whole points of the usual scale, far beyond any score
    p = rising(curve.logit(margin))
    assert (np.diff(p) > 0).all()
    assert p[0] > 0
    assert p[-1] < 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 3), st.integers(30, 400))
def test_a_fitted_calibration_rises_strictly_with_its_bounds_around_it(seed, slope, rows) -> None:
    rng = np.random.default_rng(seed)
    margin = rng.standard_t(2, rows)
    y = (rng.random(rows) < expit(slope * margin - 2)).astype(float)
    found = calibrate(margin, y, *alone(y))
    lower, middle, upper = found.probabilities(np.arange(-60, 30, 0.0345))
    assert (np.diff(middle) > 0).all()
    assert (lower > 0).all()
    assert (lower <= middle).all()
    assert (middle <= upper).all()
    assert (upper < 1).all()


@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_the_level_is_jeffreys(slope) -> None:
    margin, y = draw(20_000, intercept=-0.7, slope=slope, seed=1)
    found = calibrate(margin, y, *alone(y))
    mean = found.probabilities(margin)[1].mean()
    assert mean == pytest.approx((y.sum() + 0.5) / (len(y) + 1), rel=1e-6)


def test_without_a_default_there_is_a_level_still() -> None:
    margin, y = draw(500, intercept=-0.7, slope=1.0, seed=1)
    found = calibrate(margin, 0 * y, *alone(y))
    assert found.probabilities(margin)[1].mean() == pytest.approx(0.5 / 501, rel=1e-6)
    # The 95th percentile of Jeffreys' posterior at no default of 500, by the beta law.
    at = np.linspace(-5, -1, 200)
    _, middle, upper = found.probabilities(at)
    near = upper[np.argmin(np.abs(np.log(middle / 0.001)))]
    assert 0.5 < near / stats.beta(0.5, 500.5).ppf(0.95) < 4


def test_a_true_slope_of_one_is_left_alone() -> None:
    freed = 0
    for seed in range(40):
        margin, y = draw(2_000, intercept=-0.3, slope=1.0, seed=seed)
        freed += calibrate(margin, y, *alone(y)).form != "intercept"
    # Each of two tests errs in 5 of 100; 10 of 40 would be a chance below one in a hundred.
    assert freed < 10


@pytest.mark.parametrize("slope", [0.5, 1.6])
def test_a_wrong_slope_is_found_and_agrees_with_a_logistic_regression(slope) -> None:
    margin, y = draw(20_000, intercept=0.2, slope=slope, seed=3)
    found = calibrate(margin, y, *alone(y))
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(margin[:, None], y)
    assert found.form == "slope"
    assert found.slope == pytest.approx(fit.coef_[0, 0], abs=0.01)
    assert found.intercept == pytest.approx(fit.intercept_[0], abs=0.03)


def test_bends_are_found_where_there_are_and_only_there() -> None:
    rng = np.random.default_rng(5)
    margin = rng.normal(-3, 1.5, 100_000)
    bent = -3 + 1.6 * np.maximum(margin + 3, 0) + 0.5 * np.minimum(margin + 3, 0)
    y = (rng.random(len(bent)) < expit(bent)).astype(float)
    found = calibrate(margin, y, *alone(y))
    assert found.form == "bends"
    at = np.array([-6.0, -4.5, -1.5, 0.0])
    truth = np.array([-4.5, -3.75, -0.6, 1.8])
    np.testing.assert_allclose(found.logit(at), truth, atol=0.2)
    straight = (rng.random(len(bent)) < expit(margin)).astype(float)
    assert calibrate(margin, straight, *alone(y)).form == "intercept"


def test_a_ranking_turned_over_becomes_nearly_flat_and_still_rises() -> None:
    margin, y = draw(5_000, intercept=-6.0, slope=-1.0, seed=4)
    found = calibrate(margin, y, *alone(y))
    assert found.slope < 0.1
    lower, middle, upper = found.probabilities(np.sort(margin))
    assert (np.diff(middle) > 0).all()
    assert (lower <= middle).all()
    assert (middle <= upper).all()


def test_weights_count_like_repeated_rows_of_one_merchant() -> None:
    margin, y = draw(3_000, intercept=-0.5, slope=0.6, seed=5)
    weight = np.random.default_rng(6).integers(1, 4, len(y))
    weighted = calibrate(margin, y, weight.astype(float), np.arange(len(y)))
    owner = np.repeat(np.arange(len(y)), weight)
    repeated = calibrate(margin[owner], y[owner], np.ones(len(owner)), owner)
    at = np.linspace(-8, 2, 50)
    for one, other in zip(weighted.probabilities(at), repeated.probabilities(at), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8)


def test_the_scale_of_weights_does_not_matter() -> None:
    margin, y = draw(3_000, intercept=-0.5, slope=0.6, seed=5)
    one, ten = (calibrate(margin, y, k * np.ones(len(y)), np.arange(len(y))) for k in (1.0, 10.0))
    at = np.linspace(-8, 2, 50)
    np.testing.assert_allclose(one.probabilities(at), ten.probabilities(at), rtol=1e-8)


def test_row_order_and_names_of_merchants_do_not_matter() -> None:
    margin, y = draw(3_000, intercept=-0.5, slope=0.6, seed=5)
    rng = np.random.default_rng(1)
    weight, who = rng.random(3_000), rng.integers(0, 900, 3_000)
    order = rng.permutation(3_000)
    at = np.linspace(-8, 2, 50)
    first = calibrate(margin, y, weight, who).probabilities(at)
    again = calibrate(margin[order], y[order], weight[order], 7 * who[order] + 3)
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(first, again.probabilities(at), strict=True)
    )


def test_rows_of_one_merchant_are_one_witness() -> None:
    margin, y = draw(1_000, intercept=0.0, slope=1.0, seed=7)
    single = calibrate(margin, y, *alone(y))
    owner = np.repeat(np.arange(1000), 10)
    tenfold = calibrate(margin[owner], y[owner], np.ones(10_000), owner)
    naive = calibrate(margin[owner], y[owner], np.ones(10_000), np.arange(10_000))
    # How far rows share a fate is found, not given: as sure as 1,000 merchants make it.
    assert width(tenfold) == pytest.approx(width(single), rel=0.01)
    assert width(naive) < 0.5 * width(single)
    counted = tenfold.seen.bad.sum() / tenfold.seen.design_effect
    assert counted == pytest.approx(y.sum(), rel=0.02)
    assert counted < y.sum()


@pytest.mark.parametrize("merchants", [2, 5, 40])
def test_the_design_effect_of_a_level_is_that_of_the_jackknife_by_merchant(merchants) -> None:
    # By hand, for margins all alike: the level without a merchant, in turn.
    rng = np.random.default_rng(merchants)
    who = rng.integers(0, merchants, 600)
    y = (rng.random(600) < 0.1 + 0.3 * (who % 2)).astype(float)
    found = calibrate(np.full(600, -2.0), y, np.ones(600), who)
    p = (y.sum() + 0.5) / 601
    off = [600 / (600 - np.sum(who == k)) * np.sum(y[who == k] - p) for k in range(merchants)]
    spread = (merchants - 1) / merchants * np.sum(np.square(off))
    few = (stats.t(merchants - 1).ppf(0.95) / stats.norm.ppf(0.95)) ** 2
    want = max(spread * few / np.sum((y - p) ** 2), 1.0)
    assert found.seen.design_effect == pytest.approx(want, rel=1e-6)


def test_rows_of_one_merchant_tell_never_more_than_rows_of_many() -> None:
    for seed in range(20):
        margin, y = draw(600, intercept=0.0, slope=1.0, seed=seed)
        who = np.random.default_rng(seed).integers(0, 5, 600)
        assert calibrate(margin, y, np.ones(600), who).seen.design_effect >= 1 - 1e-12


def test_one_merchant_in_all_rows_is_refused() -> None:
    margin, y = draw(600, intercept=0.0, slope=1.0, seed=1)
    for weight in (np.ones(600), np.arange(1.0, 601.0)):
        with pytest.raises(InputError, match="cluster must name several merchants"):
            calibrate(margin, y, weight, np.zeros(600, dtype=np.int64))


@pytest.mark.slow
@pytest.mark.parametrize("merchants", [3, 5, 20])
def test_few_merchants_are_covered(merchants) -> None:
    at, z = np.array([-5.0, -4.0, -3.0, -2.0]), np.linspace(-6, 6, 401)
    true = np.array([np.average(expit(a + 0.7 * z), weights=np.exp(-(z**2) / 2)) for a in at])
    covered = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        margin, who = rng.normal(-3, 1.2, 1_500), rng.integers(0, merchants, 1_500)
        fate = 0.7 * rng.normal(size=merchants)[who]
        y = (rng.random(1_500) < expit(margin + fate)).astype(float)
        lower, _, upper = calibrate(margin, y, np.ones(1_500), who).probabilities(at)
        covered.append((lower <= true) & (true <= upper))
    assert np.mean(covered) > 0.84  # nominal 90 %


def test_a_tenfold_copy_frees_no_slope_that_the_rows_themselves_do_not() -> None:
    for seed in range(12):
        margin, y = draw(300, intercept=0.0, slope=0.8, seed=seed)
        owner = np.repeat(np.arange(300), 10)
        tenfold = calibrate(margin[owner], y[owner], np.ones(3_000), owner)
        assert tenfold.form == calibrate(margin, y, *alone(y)).form


def test_intervals_narrow_with_the_root_of_the_rows() -> None:
    widths = []
    for rows in (4_000, 64_000):
        margin, y = draw(rows, intercept=0.0, slope=1.0, seed=8)
        widths.append(width(calibrate(margin, y, *alone(y))))
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


def test_a_known_rate_is_reached_exactly_and_narrows_the_interval() -> None:
    margin, y = draw(3_000, intercept=-0.7, slope=1.0, seed=1)
    free = calibrate(margin, y, *alone(y))
    rate = float(y.mean())
    known = calibrate(margin, y, *alone(y), long_run_rate=rate)
    assert known.probabilities(margin)[1].mean() == pytest.approx(rate, rel=1e-9)
    far = calibrate(margin, y, *alone(y), long_run_rate=0.002)
    assert far.probabilities(margin)[1].mean() == pytest.approx(0.002, rel=1e-9)
    assert width(known, -1.9) < 0.8 * width(free, -1.9)
    # Odds of all rows are multiplied by one number: what a score says of a default stays.
    np.testing.assert_allclose(np.ptp(far.logit(margin) - free.logit(margin)), 0, atol=1e-9)


def test_undersampling_of_the_good_is_undone() -> None:
    margin, y = draw(60_000, intercept=-0.7, slope=1.0, seed=2)
    kept = (y == 1) | (np.random.default_rng(3).random(len(y)) < 0.1)
    at = np.linspace(-6, 0, 30)
    whole = calibrate(margin, y, *alone(y)).logit(at)
    sample = calibrate(margin[kept], y[kept], *alone(y[kept]), sampling_rate=0.1).logit(at)
    biased = calibrate(margin[kept], y[kept], *alone(y[kept])).logit(at)
    assert np.abs(sample - whole).max() < 0.15
    assert np.abs(biased - whole).min() > 1.5


def test_a_sampling_rate_is_the_same_as_weights() -> None:
    margin, y = draw(2_000, intercept=-0.7, slope=0.7, seed=2)
    rate = calibrate(margin, y, *alone(y), sampling_rate=0.25)
    weight = np.where(y == 1, 1.0, 4.0)
    at = np.linspace(-6, 0, 30)
    weighted = calibrate(margin, y, weight, np.arange(len(y)))
    np.testing.assert_array_equal(rate.probabilities(at), weighted.probabilities(at))


def test_deployed_scores_of_another_spread_keep_what_ranks_say() -> None:
    margin, y = draw(20_000, intercept=0.0, slope=1.0, seed=6)
    found = calibrate(margin, y, *alone(y))
    wider = found.deployed(-3 + 1.3 * (margin + 3), np.ones(len(y)), float(y.mean()))
    # The same ranks on a wider scale: the same probabilities, from a slope of 1 / 1.3.
    before = found.probabilities(margin)[1]
    after = wider.probabilities(-3 + 1.3 * (margin + 3))[1]
    assert np.abs(np.log(after / before)).mean() < 0.03
    assert wider.slope == pytest.approx(1 / 1.3, rel=0.05)
    same = found.deployed(margin, np.ones(len(y)), float(y.mean()))
    assert width(wider, -1.0) > width(same, -1.0)
    assert width(same, -1.0) == pytest.approx(width(found, -1.0), rel=1e-3)


REFUSED = {
    "too few outcomes": ({"y": np.zeros(9)}, "y must have one value for each of the 10"),
    "a third outcome": ({"y": np.full(10, 2.0)}, "y must be 0 or 1"),
    "an unknown outcome": ({"y": np.full(10, np.nan)}, "y must be 0 or 1"),
    "an infinite margin": ({"margin": np.full(10, np.inf)}, "margin must be finite"),
    "a missing margin": ({"margin": np.full(10, np.nan)}, "margin must be finite"),
    "a negative weight": ({"weight": np.full(10, -1.0)}, "weight must be finite numbers, none neg"),
    "no weight": ({"weight": np.zeros(10)}, "not all 0"),
    "too many merchants": ({"cluster": np.arange(11)}, "cluster must have one value"),
    "a rate of 0": ({"long_run_rate": 0}, "long_run_rate must be a number"),
    "a rate in per cent": ({"long_run_rate": 1.2}, "long_run_rate must be a number"),
    "no sample": ({"sampling_rate": 0}, "sampling_rate must be a number"),
    "more than all": ({"sampling_rate": 1.5}, "sampling_rate must be a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_curve_can_be_fitted_to_is_refused(name) -> None:
    changed, words = REFUSED[name]
    given = {"margin": np.linspace(-4, 1, 10), "y": np.arange(10) % 2.0, "weight": np.ones(10)}
    given = {**given, "cluster": np.arange(10), **changed}
    with pytest.raises(InputError, match=words):
        calibrate(**given)


@pytest.mark.slow
@pytest.mark.parametrize(("draws", "slope"), [(1, 1.0), (8, 0.7)])
def test_the_interval_covers_the_true_probability_as_often_as_it_says(draws, slope) -> None:
    covered, at = [], np.array([-4.5, -4.0, -3.5, -3.0, -2.5, -2.0])
    for seed in range(200):
        rng = np.random.default_rng(seed)
        merchants = 800
        own = rng.normal(-3, 1.2, merchants)
        # All draws of a merchant share its fate: the draws add rows, not witnesses.
        fate = (rng.random(merchants) < expit(slope * own)).astype(float)
        owner = np.repeat(np.arange(merchants), draws)
        found = calibrate(own[owner], fate[owner], np.ones(len(owner)), owner)
        lower, _, upper = found.probabilities(at)
        covered.append((lower <= expit(slope * at)) & (expit(slope * at) <= upper))
    assert 0.87 < np.mean(covered) < 0.95  # nominal 90 %
