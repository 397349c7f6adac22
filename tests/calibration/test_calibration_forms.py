"""What a curve may be and what rows leave open: against brute force, integrals and known laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from scipy.special import expit, logit

from alicredit.calibration import calibrate, rising
from alicredit.calibration.curve import gather, lengths, levels_at, thinned
from alicredit.calibration.forms import Form, Frame, wiener_root
from alicredit.calibration.logodds import FORMS, OPEN
from alicredit.calibration.posterior import mixed, normals, posterior, shares, with_rates


def rows_of(rows: int, *, slope: float = 1.0, seed: int = 0, intercept: float = 0.0):
    rng = np.random.default_rng(seed)
    margin = rng.normal(-3.5, 1.2, rows)
    y = (rng.random(rows) < expit(intercept + slope * margin)).astype(float)
    return margin, y, np.ones(rows), np.arange(rows)


def weighted_quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weight[order]) / weight.sum(), share)])


@settings(max_examples=40)
@given(st.lists(st.floats(-8, 8), min_size=1, max_size=9))
def test_the_walk_has_the_covariance_of_a_wiener_process(at) -> None:
    root = wiener_root(np.array(at))
    for i, s in enumerate(at):
        for j, t in enumerate(at):
            same = (s >= 0) == (t >= 0)
            want = min(abs(s), abs(t)) if same else 0.0
            assert float(root[i] @ root[j]) == pytest.approx(want, abs=1e-9)


def test_the_fixed_sequence_is_standard_normal() -> None:
    drawn = normals(256, 11)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(drawn.T @ drawn / 256, np.eye(11), atol=1e-12)
    for column in drawn.T:
        assert stats.kstest(column, "norm").statistic < 0.06
    # A sum of columns is normal, too: no two run side by side.
    for k in range(10):
        assert stats.kstest((drawn[:, k] + drawn[:, k + 1]) / 2**0.5, "norm").statistic < 0.08
    np.testing.assert_array_equal(drawn, normals(256, 11))


@settings(max_examples=60)
@given(st.lists(st.floats(-40, 40), min_size=1, max_size=12), st.floats(1e-7, 1 - 1e-6))
def test_levels_are_those_an_outside_solver_finds(plain, rate) -> None:
    x = np.array(plain)
    weight = 1 + np.arange(len(x), dtype=float)

    def off(level: float) -> float:
        return float(logit(np.average(rising(x + level), weights=weight)) - logit(rate))

    found = float(levels_at(x[None], weight, np.array([rate]))[0])
    assert off(found) == pytest.approx(0, abs=1e-7)
    if len(x) == 1:
        assert found == pytest.approx(float(logit(rate)) - x[0], abs=1e-9)


def test_levels_of_many_curves_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    plain, weight, rate = rng.normal(-4, 3, (30, 50)), rng.random(50), rng.uniform(1e-4, 0.3, 30)
    found = levels_at(plain, weight, rate)
    for each, p, level in zip(plain, rate, found, strict=True):
        want = optimize.brentq(
            lambda a, x=each, r=p: np.average(expit(x + a), weights=weight) - r, -60, 60
        )
        assert level == pytest.approx(want, abs=1e-8)


def test_thinned_rows_keep_weight_and_mean() -> None:
    rng = np.random.default_rng(1)
    margin, weight = rng.standard_t(3, 5_000), rng.random(5_000)
    places, held = thinned(margin, weight, 128)
    assert len(places) <= 128
    assert (np.diff(places) > 0).all()
    assert held.sum() == pytest.approx(weight.sum())
    assert held @ places == pytest.approx(weight @ margin)
    few = thinned(margin[:50], weight[:50], 128)
    np.testing.assert_array_equal(few[0], np.sort(margin[:50]))


def test_pieces_join_and_lie_around_the_pivot() -> None:
    at = np.linspace(-9, 3, 60)
    apart = lengths(at, np.array([-5.0, -2.0]), -3.0)
    np.testing.assert_allclose(apart.sum(axis=1), at + 3.0, atol=1e-12)
    assert apart.shape == (60, 3)
    np.testing.assert_allclose(lengths(np.array([-3.0]), np.array([-5.0, -2.0]), -3.0), 0)


@pytest.mark.parametrize("slope", [1.0, 0.5, 1.8])
def test_a_slope_and_its_evidence_are_those_of_an_integral_over_level_and_slope(slope) -> None:
    # Outside: the rate has Jeffreys' prior, the log-slope a normal one; both integrated by grid.
    seen = gather(*rows_of(400, slope=slope, seed=4))
    frame = Frame.of(seen)
    found, plain = posterior(frame, FORMS["slope"]), posterior(frame, FORMS["intercept"])
    m, y = seen.margin, seen.bad
    logs = np.linspace(-2.0, 2.0, 81)
    rates = np.linspace(0.5, 1.6, 60) * seen.rate

    def likelihood(log_slope: float) -> np.ndarray:
        x = np.exp(log_slope) * (m - frame.plain.pivot)
        level = levels_at(np.broadcast_to(x, (len(rates), len(x))), seen.weight, rates)
        f = level[:, None] + x
        return f @ y - np.logaddexp(0, f) @ seen.weight

    table = np.array([likelihood(each) for each in logs])
    top = table.max()
    jeffreys = stats.beta(0.5, 0.5).pdf(rates)
    by_slope = integrate.trapezoid(np.exp(table - top) * jeffreys, rates, axis=1)
    belief = by_slope * stats.norm(0, 0.5).pdf(logs)
    straight = float(by_slope[np.argmin(np.abs(logs))])
    factor = np.log(integrate.trapezoid(belief, logs) / straight)
    assert found.evidence - plain.evidence == pytest.approx(factor, abs=0.1)
    mean = integrate.trapezoid(belief * logs, logs) / integrate.trapezoid(belief, logs)
    assert found.probability @ found.log_slopes == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize(("form", "near"), [(OPEN, 0.16), (Form(1.0, 0.4), 0.12)])
def test_bent_curves_are_weighed_as_brute_force_from_the_prior_weighs_them(form, near) -> None:
    frame = Frame.of(gather(*rows_of(150, seed=6, intercept=0.3)))
    seen, root = frame.seen, frame.root(form)
    found = posterior(frame, form)
    rng = np.random.default_rng(0)
    log_slopes = rng.normal(size=(12_000, root.shape[1])) @ root.T
    plain = np.exp(log_slopes) @ frame.lengths.T
    levels = levels_at(plain, seen.weight, np.full(len(plain), seen.rate))
    chance = seen.log_likelihood(plain + levels[:, None])
    p = expit(plain + levels[:, None])
    chance += 0.5 * np.log((p * (1 - p)) @ seen.weight)
    weight = np.exp(chance - chance.max())
    assert weight.sum() ** 2 / (weight**2).sum() > 500  # enough of them count
    assert found.evidence == pytest.approx(chance.max() + np.log(weight.mean()), abs=0.1)
    at = np.array([-6.0, -5.0, -4.0, -3.0, -2.0, -1.0])
    brute = np.exp(log_slopes) @ lengths(at, frame.knots, frame.plain.pivot).T + levels[:, None]
    low, high = found.bounds(at, 0.05)
    for k in range(len(at)):
        ends = [weighted_quantile(brute[:, k], weight, q) for q in (0.05, 0.5, 0.95)]
        wide = ends[2] - ends[0]
        assert low[k] == pytest.approx(ends[0], abs=near * wide)
        assert high[k] == pytest.approx(ends[2], abs=near * wide)


def test_log_slopes_are_believed_to_vary_as_a_form_says() -> None:
    frame = Frame.of(gather(*rows_of(3_000, seed=2)))
    for form in (OPEN, Form(0.5, 0.4), Form(0.5, 0.0), Form(0.0, 0.0, lean=0.3)):
        root = frame.root(form)
        far = np.abs(frame.trend[:, 0] - frame.trend[:, 1])
        want = form.slope**2 + form.bend**2 * far + form.lean**2 * far**2
        np.testing.assert_allclose((root**2).sum(axis=1), want, atol=1e-8)
    # Above and below the pivot trends are apart; the slope at the pivot is shared.
    above, below = frame.trend[:, 0] > 0, frame.trend[:, 1] > 0
    root = frame.root(OPEN)
    np.testing.assert_allclose(root[above] @ root[below].T, OPEN.slope**2, atol=1e-8)
    # Three units away bends of the interval are as large as those of the probability.
    assert 3 * OPEN.bend**2 + 9 * OPEN.lean**2 == pytest.approx(3 * FORMS["bends"].bend ** 2)
    assert 3 * FORMS["bends"].bend ** 2 == pytest.approx(np.log(2) ** 2, rel=2e-3)


def test_the_mean_rate_of_all_curves_is_jeffreys_beta_law() -> None:
    frame = Frame.of(gather(*rows_of(2_000, seed=2)))
    seen = frame.seen
    found = with_rates(posterior(frame, OPEN), frame)
    logits = found.logit(seen.margin) + (found.levels + found.offsets)[:, None]
    rates = np.average(expit(logits), axis=1, weights=seen.weight)
    law = stats.beta(seen.bad.sum() + 0.5, seen.weight.sum() - seen.bad.sum() + 0.5)
    assert stats.kstest(rates, law.cdf).statistic < 0.06
    at_rate = np.average(
        expit(found.logit(seen.margin) + found.levels[:, None]), axis=1, weights=seen.weight
    )
    np.testing.assert_allclose(at_rate, seen.rate, rtol=1e-9)


def test_at_a_known_rate_each_curve_is_brought_to_it() -> None:
    margin, y, weight, who = rows_of(3_000, seed=3)
    known = calibrate(margin, y, weight, who, long_run_rate=0.01)
    places, held = thinned(margin, weight, 10_000)
    logits = known.open.logit(places) + known.open.levels[:, None]
    np.testing.assert_allclose(np.average(expit(logits), axis=1, weights=held), 0.01, rtol=0.005)
    # Left of the level: that the rows are a sample. By hand, the relative error of a mean of p.
    p = known.probabilities(margin)[1]
    want = p.std() / p.mean() / np.sqrt(len(p))
    assert known.open.offsets.std() == pytest.approx(want, rel=1e-3)


def test_a_form_without_freedom_is_one_curve_and_the_margin_itself() -> None:
    frame = Frame.of(gather(*rows_of(500, seed=5)))
    found = posterior(frame, Form(0.0, 0.0))
    assert len(found.levels) == 1
    curve = found.mean(-9.0, 0.0)
    np.testing.assert_allclose(curve.slopes, 1.0)
    np.testing.assert_allclose(found.log_slopes, 0.0)
    mean = np.average(expit(curve.logit(frame.seen.margin)), weights=frame.seen.weight)
    assert mean == pytest.approx(frame.seen.rate, rel=1e-9)


def test_the_average_lies_between_its_forms_as_their_evidence_says() -> None:
    seen = gather(*rows_of(700, slope=0.75, seed=8))
    frame = Frame.of(seen)
    fits = [posterior(frame, form) for form in FORMS.values()]
    share = np.exp([each.evidence for each in fits])
    share /= share.sum()
    assert share.max() < 0.9  # none of them alone
    at = np.linspace(-7, 0, 30)
    # By hand: the mean probability over forms of the mean over curves, each at its level.
    each = [fit.probability @ expit(fit.logit(at) + fit.levels[:, None]) for fit in fits]
    found = calibrate(*rows_of(700, slope=0.75, seed=8)).logit(at)
    np.testing.assert_allclose(np.ptp(found - logit(share @ np.array(each))), 0, atol=0.02)
    assert np.ptp(logit(each[0]) - at) == pytest.approx(0, abs=1e-9)


def test_sure_evidence_leaves_one_form_alone() -> None:
    margin, y, weight, who = rows_of(30_000, slope=0.5, seed=9, intercept=-1.0)
    found = calibrate(margin, y, weight, who)
    slope = posterior(Frame.of(gather(margin, y, weight, who)), FORMS["slope"]).mean(-9.0, 1.0)
    assert found.form == "slope"
    at = np.linspace(-6, -1, 20)
    assert np.abs(found.logit(at) - slope.logit(at)).max() < 0.1


@pytest.mark.parametrize("rows", [1, 2, 3, 10])
def test_few_rows_are_enough_for_a_curve_that_rises(rows) -> None:
    margin, y, weight, who = rows_of(rows, seed=rows)
    lower, middle, upper = calibrate(margin, y, weight, who).probabilities(np.linspace(-9, 2, 40))
    assert (np.diff(middle) > 0).all()
    assert (lower <= middle).all()
    assert (middle <= upper).all()


def test_margins_that_are_all_alike_tell_of_the_level_alone() -> None:
    y = (np.arange(400) % 50 == 0).astype(float)
    found = calibrate(np.full(400, -3.0), y, np.ones(400), np.arange(400))
    low, middle, high = (float(each[0]) for each in found.probabilities(np.array([-3.0])))
    assert middle == pytest.approx(8.5 / 401, rel=1e-6)
    law = stats.beta(8.5, 392.5)
    assert low == pytest.approx(law.ppf(0.05), rel=0.06)
    assert high == pytest.approx(law.ppf(0.95), rel=0.06)
    assert found.slope == pytest.approx(1.0, abs=0.05)
    assert found.form == "intercept"


def test_without_a_default_the_margin_is_taken_about_as_it_is() -> None:
    margin, _, weight, who = rows_of(500, seed=1)
    found = calibrate(margin, np.zeros(500), weight, who)
    assert found.form == "intercept"
    assert found.slope == pytest.approx(1.0, abs=0.15)


def test_an_error_of_all_slopes_adds_its_variance_and_turns_no_piece_against_another() -> None:
    frame = Frame.of(gather(*rows_of(2_000, seed=1)))
    found = with_rates(posterior(frame, OPEN), frame)

    def spread(each) -> np.ndarray:
        middle = each.probability @ each.log_slopes
        return each.probability @ (each.log_slopes - middle) ** 2

    shifted = found.apart(0.3)
    np.testing.assert_allclose(spread(shifted) - spread(found), 0.09, atol=0.03)
    apart = np.diff(shifted.log_slopes, axis=1)
    np.testing.assert_allclose(apart, np.diff(found.log_slopes, axis=1), atol=1e-12)
    np.testing.assert_array_equal(found.apart(0.0).log_slopes, found.log_slopes)


def test_forms_put_together_count_by_their_evidence() -> None:
    frame = Frame.of(gather(*rows_of(1_000, slope=0.7, seed=3)))
    line, bent = posterior(frame, Form(1.0, 0.0), 128), posterior(frame, OPEN, 128)
    both = mixed([line, bent])
    odds = both.probability[:128].sum() / both.probability[128:].sum()
    assert np.log(odds) == pytest.approx(line.evidence - bent.evidence, rel=1e-9)
    assert both.probability.sum() == pytest.approx(1.0)
    assert both.evidence == pytest.approx(np.logaddexp(line.evidence, bent.evidence) - np.log(2))
    # Twice the same form is that form.
    at = np.linspace(-7, 0, 20)
    for one, two in zip(mixed([bent, bent]).bounds(at, 0.05), bent.bounds(at, 0.05), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(shares([bent, bent])[0], 0.5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(50, 3_000))
def test_the_mean_curve_is_the_mean_of_all_probabilities(seed, rows) -> None:
    frame = Frame.of(gather(*rows_of(rows, seed=seed)))
    found = posterior(frame, OPEN, 64)
    low, high = frame.seen.margin[0], frame.seen.margin[-1]
    at = np.linspace(low - 2, high + 2, 77)
    want = found.probability @ expit(found.logit(at) + found.levels[:, None])
    np.testing.assert_allclose(found.mean(low, high).logit(at), logit(want), atol=0.01)


def test_bounds_are_quantiles_of_the_curves_wherever_they_are_asked_for() -> None:
    frame = Frame.of(gather(*rows_of(1_000, seed=7)))
    found = with_rates(posterior(frame, OPEN), frame)
    at = np.random.default_rng(0).uniform(-12, 4, 2_500)  # more than are taken at once
    low, high = found.bounds(at, 0.05)
    every = found.logit(at) + (found.levels + found.offsets)[:, None]
    for k in range(0, 2_500, 190):
        assert low[k] == weighted_quantile(every[:, k], found.probability, 0.05)
        assert high[k] == weighted_quantile(every[:, k], found.probability, 0.95)
    rising_order = np.argsort(at)
    assert (np.diff(low[rising_order]) > 0).all()
    assert (np.diff(high[rising_order]) > 0).all()
    one_by_one = [float(found.bounds(at[k : k + 1], 0.05)[0][0]) for k in range(0, 2_500, 190)]
    np.testing.assert_allclose(one_by_one, low[::190], rtol=1e-12)


def test_an_interval_reaches_out_where_nobody_was_seen() -> None:
    margin, y, weight, who = rows_of(5_000, seed=2)
    lower, _, upper = calibrate(margin, y, weight, who).probabilities(np.array([-3.0, -9.0, -14.0]))
    wide = logit(upper) - logit(lower)
    assert wide[0] < wide[1] < wide[2]


def test_no_level_error_is_left_where_everyone_was_seen_to_be_alike() -> None:
    # Of margins that are all alike a known rate says everything.
    y = (np.arange(400) % 50 == 0).astype(float)
    alike = np.full(400, -3.0)
    found = calibrate(alike, y, np.ones(400), np.arange(400), long_run_rate=0.01)
    ends = [float(each[0]) for each in found.probabilities(np.array([-3.0]))]
    np.testing.assert_allclose(ends, 0.01, rtol=1e-6)


@pytest.mark.slow
def test_the_average_loses_least_where_each_form_may_be_true() -> None:
    # A third of rankings are right but for the level, the others have a slope as FORMS believes.
    lost = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        slope = float(np.exp(rng.normal(0, 0.5))) if seed % 3 else 1.0
        margin = rng.normal(-3.5, 1.3, 500)
        true = -3.5 + slope * (margin + 3.5)
        y = (rng.random(500) < expit(true)).astype(float)
        seen = gather(margin, y, np.ones(500), np.arange(500))
        frame = Frame.of(seen)
        plain, free, bent = (posterior(frame, each) for each in FORMS.values())
        share, _ = shares([plain, free, bent])
        slopes = sum(k * f.probability @ f.log_slopes for k, f in zip(share, (plain, free, bent)))
        middle = np.exp(slopes) @ lengths(margin, frame.knots, frame.plain.pivot).T
        middle = middle + levels_at(middle[None], np.ones(500), np.array([seen.rate]))[0]
        logits = [calibrate(margin, y, np.ones(500), np.arange(500)).logit(margin), middle]
        logits += [each.mean(margin.min(), margin.max()).logit(margin) for each in (plain, free)]
        p = expit(true)
        lost.append([np.mean(np.logaddexp(0, f) - p * f) for f in logits])
    ours, slopes, intercept, line = np.mean(lost, axis=0)
    assert ours < slopes  # the curve of mean log-slopes
    assert ours < intercept
    assert ours < line


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True])
def test_where_truth_is_drawn_from_belief_bounds_cover_as_they_say(known) -> None:
    # With a known level nothing is counted twice, and nothing is left out.
    covered = []
    for seed in range(120):
        rng = np.random.default_rng([5, seed])
        margin = np.sort(rng.normal(-4, 1.3, 4_000))
        step = np.diff(margin, prepend=margin[0])
        walk = np.cumsum(rng.normal(size=4_000) * np.sqrt(step))
        above, below = np.maximum(margin + 3, 0), np.maximum(-3 - margin, 0)
        log_slope = OPEN.slope * rng.normal() + OPEN.lean * (rng.normal(size=2) @ [above, below])
        log_slope += OPEN.bend * (walk - walk[np.searchsorted(margin, -3.0)])
        true = np.cumsum(step * np.exp(log_slope))
        level = optimize.brentq(lambda a, x=true: expit(x + a).mean() - 0.02, -1e6, 1e6)
        p = expit(true + level)
        y = (rng.random(4_000) < p).astype(float)
        rate = 0.02 if known else None
        found = calibrate(margin, y, np.ones(4_000), np.arange(4_000), long_run_rate=rate)
        lower, _, upper = found.probabilities(margin)
        covered.append(np.mean((lower <= p) & (p <= upper)))
    assert 0.87 < np.mean(covered) < 0.93  # nominal 90 %


@pytest.mark.slow
def test_a_bend_is_covered_and_its_tails_are_not_taken_for_straight() -> None:
    # Below the middle the true slope is half: a line, and an interval of lines, would miss that.
    covered, at = [], np.array([-6.0, -5.0, -4.0, -3.0, -2.0])
    truth = np.where(at < -3.5, -3.5 + 0.5 * (at + 3.5), at)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        margin = rng.normal(-4, 1.4, 6_000)
        true = np.where(margin < -3.5, -3.5 + 0.5 * (margin + 3.5), margin)
        y = (rng.random(len(true)) < expit(true)).astype(float)
        lower, _, upper = calibrate(margin, y, np.ones(6_000), np.arange(6_000)).probabilities(at)
        covered.append((lower <= expit(truth)) & (expit(truth) <= upper))
    assert 0.84 < np.mean(covered) < 0.97  # nominal 90 %
