"""What a user states of the slope: known, or free; what is left is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from alicredit.calibration import calibrate
from alicredit.calibration.curve import gather
from alicredit.calibration.forms import Form, Frame
from alicredit.calibration.posterior import mixed, posterior, shares, with_rates
from alicredit.errors import InputError


def draw(rows: int, *, slope: float, seed: int, intercept: float = -0.7):
    rng = np.random.default_rng(seed)
    margin = rng.normal(-3, 1.2, rows)
    y = (rng.random(rows) < expit(intercept + slope * (margin + 3) - 3)).astype(float)
    return margin, y, np.ones(rows), np.arange(rows)


def frame_of(rows: int) -> Frame:
    return Frame.of(gather(*draw(rows, slope=0.7, seed=3)))


@pytest.mark.parametrize("slope", [1, 0.7, np.float32(1.5)])
@pytest.mark.parametrize("rate", [None, 0.01])
def test_a_known_slope_is_an_intercept_and_nothing_else(slope, rate) -> None:
    given = draw(2_000, slope=0.6, seed=1)
    margin, y = given[:2]
    found = calibrate(*given, calibration_slope=slope, long_run_rate=rate)
    want = (y.sum() + 0.5) / (len(y) + 1) if rate is None else rate
    level = optimize.brentq(lambda a: expit(a + slope * margin).mean() - want, -15, 15)
    at = np.linspace(-12, 5, 40)
    np.testing.assert_allclose(found.logit(at), level + slope * at, atol=1e-6)
    assert found.form == "intercept"
    assert found.slope == pytest.approx(float(slope), abs=1e-9)


def test_of_a_known_slope_the_interval_is_that_of_the_rate() -> None:
    # Outside: Jeffreys' beta law of the rate, and the level at which a rate is the mean.
    margin, y, weight, who = draw(3_000, slope=1.0, seed=2)
    found = calibrate(margin, y, weight, who, calibration_slope=1.0)
    law = stats.beta(y.sum() + 0.5, len(y) - y.sum() + 0.5)
    lower, middle, upper = found.probabilities(np.array([-6.0, -3.0, -1.0]))
    for bound, share in ((lower, 0.05), (upper, 0.95)):
        rate = law.ppf(share)
        level = optimize.brentq(lambda a, r=rate: expit(a + margin).mean() - r, -15, 15)
        assert logit(bound) - [-6, -3, -1] == pytest.approx(np.full(3, level), abs=0.03)
    assert (lower < middle).all()
    assert (middle < upper).all()


def test_of_a_known_slope_and_rate_what_is_open_is_that_rows_are_a_sample() -> None:
    given = draw(3_000, slope=1.0, seed=2)
    found = calibrate(*given, calibration_slope=1.0, long_run_rate=0.02)
    lower, middle, upper = found.probabilities(given[0])
    error = middle.std() / middle.mean() / np.sqrt(len(middle))
    wide = logit(upper) - logit(lower)
    np.testing.assert_allclose(wide, 2 * stats.norm.ppf(0.95) * error, rtol=0.05)


def test_bounds_of_a_known_slope_cover_as_they_say() -> None:
    at, covered = np.array([-5.0, -3.0, -1.0]), []
    for seed in range(100):
        given = draw(600, slope=1.0, seed=seed)
        lower, _, upper = calibrate(*given, calibration_slope=1).probabilities(at)
        true = expit(-0.7 + at)
        covered.append((lower <= true) & (true <= upper))
    assert 0.82 < np.mean(covered) < 0.97  # nominal 90 %, one standard error is 3


def test_as_deployed_a_known_slope_stays_that_of_the_margins_that_judge() -> None:
    given = draw(4_000, slope=1.0, seed=6)
    margin = given[0]
    found = calibrate(*given, calibration_slope=1)
    wider = margin.mean() + 1.3 * (margin - margin.mean())
    after = found.deployed(wider, np.ones(len(margin)), found.rate)
    assert after.slope == pytest.approx(1 / 1.3, rel=1e-6)
    np.testing.assert_allclose(
        after.probabilities(wider)[1], found.probabilities(margin)[1], rtol=1e-6
    )
    again = after.deployed(margin, np.ones(len(margin)), found.rate)
    np.testing.assert_allclose(again.logit(margin), found.logit(margin), atol=1e-6)


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.5])
def test_a_free_slope_is_that_of_a_logistic_regression(slope) -> None:
    margin, y, weight, who = draw(20_000, slope=slope, seed=4)
    found = calibrate(margin, y, weight, who, calibration_slope="free")
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(margin[:, None], y)
    assert found.form == "slope"
    assert found.slope == pytest.approx(fit.coef_[0, 0], rel=0.02)


def test_a_free_slope_follows_few_defaults_farther_than_the_average_does() -> None:
    # Of rows that speak faintly of a slope below 1, the average believes the least.
    given = draw(700, slope=0.6, seed=9)
    slopes = [calibrate(*given, calibration_slope=each).slope for each in ("free", None, 1.0)]
    assert slopes[0] < slopes[1] < slopes[2]


def test_a_free_slope_bends_where_rows_say_so() -> None:
    rng = np.random.default_rng(5)
    margin = rng.normal(-3, 1.5, 100_000)
    bent = -3 + 1.6 * np.maximum(margin + 3, 0) + 0.5 * np.minimum(margin + 3, 0)
    y = (rng.random(len(bent)) < expit(bent)).astype(float)
    found = calibrate(margin, y, np.ones(len(y)), np.arange(len(y)), calibration_slope="free")
    assert found.form == "bends"
    np.testing.assert_allclose(found.logit(np.array([-4.5, -1.5])), [-3.75, -0.6], atol=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0.6, 1.0, 1.5])
@pytest.mark.parametrize("rate", [None, 0.02])
def test_told_of_the_slope_none_loses_more_than_who_is_told_the_same(slope, rate) -> None:
    # A free slope against Platt's regression, over books of 700 rows; a known one is the intercept.
    lost = []
    at = np.linspace(-8, 2, 201)
    held = stats.norm(-3, 1.2).pdf(at)
    for seed in range(60):
        given = draw(700, slope=slope, seed=seed, intercept=-1.3)
        true = -4.3 + slope * (at + 3)
        if rate is not None:
            true = true + optimize.brentq(
                lambda a, t=true: np.average(expit(a + t), weights=held) - rate, -15, 15
            )
            y = np.random.default_rng([7, seed]).random(700) < expit(np.interp(given[0], at, true))
            given = (given[0], y.astype(float), *given[2:])
        if given[1].sum() < 2:
            continue
        ours = calibrate(*given, calibration_slope="free", long_run_rate=rate).logit(at)
        fit = LogisticRegression(C=np.inf, tol=1e-8).fit(given[0][:, None], given[1])
        sample = fit.decision_function(given[0][:, None])
        shift = 0.0
        if rate is not None:
            shift = optimize.brentq(lambda a, s=sample: expit(a + s).mean() - rate, -15, 15)
        platt = fit.decision_function(at[:, None]) + shift
        p = expit(true)
        lost.append([np.average(np.logaddexp(0, f) - p * f, weights=held) for f in (ours, platt)])
    ours, platt = np.mean(lost, axis=0)
    assert ours <= platt


def test_forms_count_as_likely_as_they_were_before() -> None:
    frame = frame_of(1_000)
    line, bent = posterior(frame, Form(1.0, 0.0), 128), posterior(frame, Form(1.0, 0.4), 128)
    both = mixed([line, bent], (20.0, 1.0))
    odds = both.probability[:128].sum() / both.probability[128:].sum()
    assert np.log(odds) == pytest.approx(np.log(20) + line.evidence - bent.evidence, rel=1e-9)
    alike = shares([line, bent])
    for before in ((1, 1), (0.5, 0.5)):
        np.testing.assert_allclose(shares([line, bent], before)[0], alike[0])
        assert shares([line, bent], before)[1] == pytest.approx(alike[1])


def test_slopes_lie_around_the_centre_of_their_form() -> None:
    # With no more than a few rows that tell, what is believed before is what is left.
    margin = np.linspace(-4, -2, 12)
    frame = Frame.of(gather(margin, np.zeros(12), np.ones(12), np.arange(12)))
    found = posterior(frame, Form(0.3, 0.0, centre=np.log(0.5)))
    middle = found.probability @ found.log_slopes[:, 0]
    assert middle == pytest.approx(np.log(0.5), abs=0.05)
    # The same rows on a scale twice as wide have half the slope, and as much evidence.
    wide = Frame.of(gather(2 * margin, np.zeros(12), np.ones(12), np.arange(12)))
    there = posterior(wide, Form(0.3, 0.0, centre=np.log(0.25)))
    np.testing.assert_allclose(there.evidence, found.evidence, rtol=1e-6)
    halved = there.probability @ there.log_slopes[:, 0]
    assert halved == pytest.approx(middle - np.log(2), abs=1e-3)


def test_one_curve_stands_repeated_for_what_its_rate_leaves_open() -> None:
    frame = frame_of(2_000)
    found = with_rates(posterior(frame, Form(0.0, 0.0)), frame)
    assert found.probability.sum() == pytest.approx(1.0)
    assert np.ptp(found.levels) == 0
    logits = found.logit(frame.seen.margin) + (found.levels + found.offsets)[:, None]
    rates = np.average(expit(logits), axis=1, weights=frame.seen.weight)
    bad = frame.seen.bad.sum()
    assert stats.kstest(rates, stats.beta(bad + 0.5, 2_000.5 - bad).cdf).statistic < 0.06


@pytest.mark.parametrize(
    "slope", [0, -1, 0.05, 11, np.nan, np.inf, True, "right", "Free", "1", "", [1.0], np.ones(1)]
)
def test_what_says_nothing_of_a_slope_is_refused(slope) -> None:
    with pytest.raises(InputError, match=r"calibration_slope must be a number from 0\.1 to 10, 'f"):
        calibrate(*draw(50, slope=1.0, seed=0), calibration_slope=slope)
