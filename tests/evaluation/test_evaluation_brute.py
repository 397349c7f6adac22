"""Statistics against sums over all pairs, plain formulas and the laws of scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alicredit import evaluation as ev


def wins(bad: float, good: float) -> float:
    return 1.0 if bad > good else 0.5 if bad == good else 0.0


def area_by_pairs(y: np.ndarray, s: np.ndarray) -> tuple[float, float]:
    """Give the area and DeLong's error from the matrix of all pairs."""
    won = np.array([[wins(b, g) for g in s[y == 0]] for b in s[y == 1]])
    m, n = won.shape
    area = won.mean()
    of_bad = sum((row.mean() - area) ** 2 for row in won) / (m - 1) / m
    of_good = sum((column.mean() - area) ** 2 for column in won.T) / (n - 1) / n
    return area, math.sqrt(of_bad + of_good)


SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=4, max_size=40).filter(
    lambda rows: 2 <= sum(label for label, _ in rows) <= len(rows) - 2
)


def columns(rows) -> tuple[np.ndarray, np.ndarray]:
    y, s = zip(*rows, strict=True)
    return np.array(y, dtype=float), np.array(s, dtype=float)


@given(SCORED)
def test_the_area_and_its_error_are_those_of_all_pairs(rows) -> None:
    y, s = columns(rows)
    area, error = area_by_pairs(y, s)
    found = ev.auc(y, s)
    assert found.value == pytest.approx(area)
    assert found.se == pytest.approx(error, abs=1e-12)


@given(SCORED, st.data())
def test_the_clustered_error_sums_the_placements_of_each_merchant(rows, data) -> None:
    y, s = columns(rows)
    who = np.array(data.draw(st.lists(st.integers(0, 7), min_size=len(y), max_size=len(y))))
    area, _ = area_by_pairs(y, s)
    bad, good = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    sums = dict.fromkeys(who.tolist(), 0.0)
    for i in bad:
        sums[who[i]] += (np.mean([wins(s[i], s[j]) for j in good]) - area) / len(bad)
    for j in good:
        sums[who[j]] += (np.mean([wins(s[i], s[j]) for i in bad]) - area) / len(good)
    found = ev.auc(y, s, cluster=who)
    if min(len(set(who[bad])), len(set(who[good]))) < 2:
        assert np.isnan(found.se)
        return
    k = len(sums)
    want = math.sqrt(k / (k - 1) * sum(each**2 for each in sums.values()))
    assert found.se == pytest.approx(want, abs=1e-12)


@given(SCORED)
def test_the_area_knows_only_the_order_of_scores(rows) -> None:
    y, s = columns(rows)
    found, turned, other = ev.auc(y, s), ev.auc(y, -s), ev.auc(1 - y, s)
    assert ev.auc(y, np.exp(3 * s) - 7) == found
    assert turned.value == pytest.approx(1 - found.value)
    assert other.value == pytest.approx(1 - found.value)
    assert turned.se == pytest.approx(found.se, abs=1e-12)


@settings(max_examples=25)
@given(SCORED, st.permutations(range(40)))
def test_no_statistic_depends_on_the_order_of_rows(rows, turns) -> None:
    y, s = columns(rows)
    p, who = (s + 1) / 9, s % 3
    order = [k for k in turns if k < len(y)]
    for ask in (
        lambda y, p, who: ev.auc(y, p).value,
        lambda y, p, who: ev.auc(y, p, cluster=who).se,
        lambda y, p, who: ev.clustered_mean(y, who).se,
        lambda y, p, who: ev.effective_rows(y, who),
        lambda y, p, who: ev.calibration_line(y, p)[1].value,
        ev_of_two(ev.brier), ev_of_two(ev.log_loss), ev_of_two(ev.spiegelhalter),
    ):  # fmt: skip
        want = ask(y, p, who)
        assert ask(y[order], p[order], who[order]) == pytest.approx(want, abs=1e-7, nan_ok=True)


def ev_of_two(statistic):
    return lambda y, p, who: statistic(y, p)


def test_the_interval_of_the_area_covers_the_true_area() -> None:
    rng = np.random.default_rng(11)
    true, hits = stats.norm.cdf(1 / math.sqrt(2)), 0
    for _ in range(400):
        y = np.r_[np.ones(40), np.zeros(80)]
        found = ev.auc(y, rng.normal(size=120) + y)
        hits += found.low <= true <= found.high
    assert stats.binom.ppf(0.001, 400, 0.93) <= hits <= stats.binom.ppf(0.999, 400, 0.965)


def test_the_error_of_the_area_is_the_spread_over_redrawn_rows() -> None:
    rng = np.random.default_rng(12)
    y = np.r_[np.ones(60), np.zeros(140)]
    s = np.round(rng.normal(size=200) + y, 1)
    drawn = []
    for _ in range(400):
        rows = np.r_[rng.integers(0, 60, 60), rng.integers(60, 200, 140)]
        drawn.append(ev.auc(y[rows], s[rows]).value)
    assert ev.auc(y, s).se == pytest.approx(np.std(drawn), rel=0.15)


@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 5)), min_size=2, max_size=40))
def test_the_clustered_mean_is_the_sandwich_of_a_constant(rows) -> None:
    v, who = (np.array(each) for each in zip(*rows, strict=True))
    sums = [(v[who == k] - v.mean()).sum() for k in set(who.tolist())]
    found, k = ev.clustered_mean(v, who), len(sums)
    assert found.value == pytest.approx(v.mean())
    if k == 1:
        assert np.isnan(found.se)
        return
    want = math.sqrt(k / (k - 1) * sum(each**2 for each in sums)) / len(v)
    assert found.se == pytest.approx(want, abs=1e-12)


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=40))
def test_each_row_its_own_cluster_gives_the_plain_error_of_a_mean(values) -> None:
    found = ev.clustered_mean(values, [f"m{k}" for k in range(len(values))])
    assert found.se == pytest.approx(stats.sem(values), abs=1e-12)


def test_the_errors_of_the_line_are_a_sandwich_built_row_by_row() -> None:
    rng = np.random.default_rng(13)
    who = rng.integers(0, 30, 200)
    x = rng.normal(-1, 1, 200)
    p = 1 / (1 + np.exp(-x))
    y = (rng.random(200) < p).astype(float)
    lines = ev.calibration_line(y, p, cluster=who)
    a, b = (each.value for each in lines)
    bread, meat = np.zeros((2, 2)), np.zeros((2, 2))
    sums = {k: np.zeros(2) for k in set(who.tolist())}
    for xi, yi, k in zip(x, y, who.tolist(), strict=True):
        row, fit = np.array([1.0, xi]), 1 / (1 + math.exp(-(a + b * xi)))
        bread += fit * (1 - fit) * np.outer(row, row)
        sums[k] += (yi - fit) * row
    for each in sums.values():
        meat += np.outer(each, each)
    k = len(sums)
    variance = np.linalg.inv(bread) @ (meat * k / (k - 1)) @ np.linalg.inv(bread)
    np.testing.assert_allclose([e.se for e in lines], np.sqrt(np.diag(variance)), rtol=1e-6)
    np.testing.assert_allclose(sum(sums.values()), 0, atol=1e-7)


@given(st.integers(1, 500), st.data())
def test_jeffreys_is_the_beta_law_of_scipy(n: int, data) -> None:
    d = data.draw(st.integers(0, n))
    p = data.draw(st.floats(0, 1))
    law = stats.beta(d + 0.5, n - d + 0.5)
    assert ev.jeffreys_test(n, d, p) == pytest.approx(law.cdf(p))
    low, high = ev.jeffreys_interval(n, d, level=0.8)
    assert low == pytest.approx(law.ppf(0.1) if d else 0.0)
    assert high == pytest.approx(law.ppf(0.9) if d < n else 1.0)
    assert low <= d / n <= high


def test_jeffreys_is_the_integral_of_its_density() -> None:
    grid = (np.arange(400_000) + 0.5) / 400_000
    density = grid ** (12 - 0.5) * (1 - grid) ** (1000 - 12 - 0.5)
    want = density[grid < 0.007].sum() / density.sum()
    assert ev.jeffreys_test(1000, 12, 0.007) == pytest.approx(want, abs=1e-6)


GRADES = st.lists(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
                  min_size=1, max_size=5)  # fmt: skip


@settings(max_examples=60)
@given(GRADES, st.sampled_from([0.5, 0.75, 0.9, 0.95, 0.99]))
def test_most_prudent_rates_solve_the_binomial_equation(grades, level: float) -> None:
    n, d = (np.array(each) for each in zip(*grades, strict=True))
    for k, rate in enumerate(ev.pluto_tasche(n, d, level=level)):
        pooled, bad = n[k:].sum(), d[k:].sum()
        if bad == pooled:
            assert rate == 1.0
        else:
            assert stats.binom.cdf(bad, pooled, rate) == pytest.approx(1 - level, abs=1e-7)
            assert rate > stats.beta.ppf(level, bad + 1, pooled - bad) - 1e-12


@given(st.lists(st.tuples(st.integers(2, 400), st.floats(0.01, 0.99), st.floats(0, 1)),
                min_size=1, max_size=8))  # fmt: skip
def test_hosmer_lemeshow_is_the_sum_over_both_outcomes(grades) -> None:
    n, p, share = (np.array(each) for each in zip(*grades, strict=True))
    d = np.floor(n * share)
    both = sum(
        (di - ni * pi) ** 2 / (ni * pi) + ((ni - di) - ni * (1 - pi)) ** 2 / (ni * (1 - pi))
        for ni, pi, di in zip(n, p, d, strict=True)
    )
    value, tail = ev.hosmer_lemeshow(n, d, p)
    assert value == pytest.approx(both)
    assert tail == pytest.approx(1 - stats.chi2.cdf(value, len(n)), abs=1e-12)


def test_right_probabilities_pass_as_often_as_their_law_says() -> None:
    rng = np.random.default_rng(14)
    n, p = np.full(10, 4000), np.linspace(0.01, 0.2, 10)
    tails = [ev.hosmer_lemeshow(n, rng.binomial(n, p), p)[1] for _ in range(400)]
    assert stats.kstest(tails, "uniform").pvalue > 1e-3
    rows = rng.uniform(0.01, 0.4, 3000)
    zs = [ev.spiegelhalter(rng.random(3000) < rows, rows) for _ in range(400)]
    assert stats.kstest(zs, "norm").pvalue > 1e-3


@given(SCORED)
def test_the_brier_score_is_its_parts_by_murphy(rows) -> None:
    y, s = columns(rows)
    p = (s + 1) / 9
    rate, reliability, resolution = y.mean(), 0.0, 0.0
    for each in set(p.tolist()):
        mine = p == each
        reliability += mine.mean() * (each - y[mine].mean()) ** 2
        resolution += mine.mean() * (y[mine].mean() - rate) ** 2
    want = reliability - resolution + rate * (1 - rate)
    assert ev.brier(y, p) == pytest.approx(want, abs=1e-12)


@given(st.integers(2, 40), st.integers(2, 8))
def test_log_loss_of_the_plain_rate_is_its_entropy(n: int, of: int) -> None:
    y = np.r_[np.ones(n), np.zeros(n * (of - 1))]
    rate = 1 / of
    entropy = -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)
    assert ev.log_loss(y, np.full(len(y), rate)) == pytest.approx(entropy)


SHARES = st.lists(st.integers(1, 99), min_size=2, max_size=9)


@given(SHARES, st.randoms(use_true_random=False))
def test_stability_is_both_relative_entropies_and_nought_for_equals(counts, random) -> None:
    other = counts.copy()
    random.shuffle(other)
    p, q = np.array(counts) / sum(counts), np.array(other) / sum(other)
    both = stats.entropy(p, q) + stats.entropy(q, p)
    assert ev.psi(p, q) == pytest.approx(both, abs=1e-12)
    assert ev.psi(p, q) == pytest.approx(ev.psi(q, p), abs=1e-12)
    assert ev.psi(p, p) == 0


@given(SHARES)
def test_concentration_runs_from_equal_shares_to_one_alone(counts) -> None:
    value, normal = ev.hhi(counts)
    assert 1 / len(counts) - 1e-12 <= value <= 1
    assert -1e-9 <= normal <= 1
    assert ev.hhi([7] * len(counts))[1] == pytest.approx(0, abs=1e-12)
    assert ev.hhi([5, *[0] * len(counts)]) == (1.0, 1.0)
    assert ev.hhi(np.array(counts) * 1000) == pytest.approx((value, normal))


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_a_moved_prior_moves_odds_by_one_factor_and_back_again(p, trained, true) -> None:
    moved = ev.shift_prior([p], trained, true)
    factor = true / (1 - true) / (trained / (1 - trained))
    assert moved[0] / (1 - moved[0]) == pytest.approx(factor * p / (1 - p))
    assert ev.shift_prior(moved, true, trained)[0] == pytest.approx(p)
