"""Shifts and declines against scipy, published numbers, loops and worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refused import refused
from scipy import integrate, optimize, stats
from scipy.special import ndtr, ndtri

from alicredit import evaluation as ev
from alicredit.errors import InputError

TEN = np.full(10, 0.1)
SKEWED = np.array([0.6, 0.2, 0.1, 0.05, 0.03, 0.01, 0.005, 0.003, 0.0015, 0.0005])


def test_the_worked_index_and_its_critical_value() -> None:
    now = np.array([8, 9, 10, 10, 11, 10, 10, 10, 11, 11])
    found = ev.psi_test(np.full(10, 10), now)
    assert found.psi == pytest.approx(0.008376, abs=5e-7)
    assert found.degrees == 9
    assert found.critical == pytest.approx(stats.chi2.ppf(0.95, 9) * (1 / 100 + 1 / 100))
    assert found.p_value == pytest.approx(stats.chi2.sf(found.psi * 50, 9))


COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=9).filter(
    lambda rows: sum(a for a, _ in rows) > 0 and sum(b for _, b in rows) > 0
)


@given(COUNTS)
def test_the_index_is_the_same_both_ways_and_is_the_sum_of_its_bins(rows) -> None:
    a, b = np.array(rows, dtype=float).T
    there, back = ev.psi_test(a, b), ev.psi_test(b, a)
    assert there.psi == pytest.approx(back.psi)
    assert there.degrees == back.degrees
    filled = [(x or 0.5, y or 0.5) for x, y in rows if x or y]
    n, m = (sum(each) for each in zip(*filled, strict=True))
    parts = [(y / m - x / n) * np.log((y / m) / (x / n)) for x, y in filled]
    assert there.psi == pytest.approx(sum(parts))
    assert there.psi >= 0


@given(COUNTS)
def test_a_bin_that_nobody_fills_says_nothing(rows) -> None:
    a, b = np.array(rows, dtype=float).T
    with_empty = ev.psi_test(np.append(a, 0), np.append(b, 0))
    assert with_empty == ev.psi_test(a, b) or np.isnan(with_empty.critical)


def false_alarms(n: int, m: int, shares: np.ndarray, *, draws: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    then, now = rng.multinomial(n, shares, draws), rng.multinomial(m, shares, draws)
    then, now = (np.where(each > 0, each, 0.5) for each in (then, now))
    p, q = then / then.sum(axis=1, keepdims=True), now / now.sum(axis=1, keepdims=True)
    index = ((q - p) * np.log(q / p)).sum(axis=1)
    critical = ev.psi_test(np.full(len(shares), n), np.full(len(shares), m)).critical
    critical *= (1 / n + 1 / m) / (1 / (n * len(shares)) + 1 / (m * len(shares)))
    return float((index > critical).mean())


@pytest.mark.parametrize(("n", "m"), [(500, 500), (50_000, 50_000), (50_000, 500)])
def test_false_alarms_come_at_the_stated_rate(n: int, m: int) -> None:
    assert 0.037 <= false_alarms(n, m, TEN, draws=2000, seed=n + m) <= 0.068


def test_rare_bins_do_not_raise_more_alarms() -> None:
    for n in (200, 500):
        assert false_alarms(n, n, SKEWED, draws=2000, seed=n) <= 0.055


def test_folklore_is_blind_to_the_sample() -> None:
    """At 0.10 chance alone alarms in small samples, and a real shift passes in large ones."""
    rng = np.random.default_rng(1)
    same = [ev.psi_test(*rng.multinomial(100, TEN, 2)).psi for _ in range(300)]
    assert np.mean(np.array(same) > 0.10) > 0.7
    small = ev.psi_test([10] * 10, [10] * 10).critical
    large = ev.psi_test([5000] * 10, [5000] * 10).critical
    assert small > 0.25
    assert large < 0.001


def draw_shared(rng, merchants: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows of merchants who stay near their own place, in bins of one scale."""
    who = rng.integers(0, merchants, rows)
    score = rng.normal(size=merchants)[who] + 0.3 * rng.normal(size=rows)
    edges = stats.norm(scale=np.sqrt(1.09)).ppf(np.arange(1, 10) / 10)
    return np.searchsorted(edges, score), who


def test_rows_that_share_fates_raise_alarms_at_the_stated_rate() -> None:
    rng = np.random.default_rng(5)
    honest = naive = 0
    for _ in range(400):
        pair = [draw_shared(rng, 120, 1200) for _ in range(2)]
        counts = [np.bincount(at, minlength=10) for at, _ in pair]
        spreads = [ev.share_covariance(at, who, bins=10) for at, who in pair]
        honest += (
            ev.psi_test(
                *counts, covariance_reference=spreads[0], covariance_current=spreads[1]
            ).p_value
            < 0.05
        )
        naive += ev.psi_test(*counts).p_value < 0.05
    assert 0.025 <= honest / 400 <= 0.085
    assert naive / 400 > 0.5


def test_a_shift_within_tolerance_alarms_at_the_stated_rate_and_a_larger_one_is_found() -> None:
    side = np.r_[np.ones(5), -np.ones(5)]
    by = optimize.brentq(lambda e: ev.psi(TEN, TEN + e * side) - 0.02, 1e-6, 0.09)
    rng, n = np.random.default_rng(8), 20_000
    then, now = rng.multinomial(n, TEN, 300), rng.multinomial(n, TEN + by * side, 300)
    alarms = [
        ev.psi_test(a, b, tolerance=0.02).p_value < 0.05 for a, b in zip(then, now, strict=True)
    ]
    assert 0.02 <= np.mean(alarms) <= 0.09
    assert all(
        ev.psi_test(a, b, tolerance=0.005).p_value < 0.05 for a, b in zip(then, now, strict=True)
    )


def test_one_row_a_merchant_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    at = rng.integers(0, 5, 400)
    b = np.bincount(rng.integers(0, 5, 300), minlength=5)
    covariance = ev.share_covariance(at, np.arange(400), bins=5)
    share = np.bincount(at) / 400
    np.testing.assert_allclose(covariance, (np.diag(share) - np.outer(share, share)) / 400)
    plain = ev.psi_test(np.bincount(at), b)
    own = ev.psi_test(np.bincount(at), b, covariance_reference=covariance)
    assert own.psi == plain.psi
    assert own.degrees == pytest.approx(plain.degrees, rel=0.02)
    assert own.critical == pytest.approx(plain.critical, rel=0.02)


def test_the_covariance_of_shares_is_what_a_loop_over_merchants_gives() -> None:
    rng = np.random.default_rng(3)
    at, who = draw_shared(rng, 30, 200)
    share = np.bincount(at, minlength=10) / 200
    want = np.zeros((10, 10))
    for merchant in set(who.tolist()):
        mine = np.zeros(10)
        for place in at[who == merchant]:
            mine[place] += 1
            mine -= share
        want += np.outer(mine, mine) / 200**2
    np.testing.assert_allclose(ev.share_covariance(at, who, bins=10), want, atol=1e-12)


@given(st.lists(st.booleans(), min_size=3, max_size=40), st.data())
def test_shares_of_two_bins_are_a_rate(flags, data) -> None:
    who = data.draw(st.lists(st.integers(0, 5), min_size=len(flags), max_size=len(flags)))
    y = np.array(flags, dtype=float)
    if 0 < y.mean() < 1 and len(set(who)) > 1:
        want = ev.effective_rows(y, who)
        got = ev.effective_shares(y.astype(int), who, bins=2)
        assert got == pytest.approx(want, rel=1e-6) or want == pytest.approx(1.0)


@pytest.mark.parametrize("copies", [2, 7])
def test_copies_of_a_merchants_row_are_one_row(copies: int) -> None:
    at = np.repeat(np.random.default_rng(4).integers(0, 4, 100), copies)
    who = np.repeat(np.arange(100), copies)
    assert ev.effective_shares(at, who, bins=4) == pytest.approx(100)


def test_p_values_adjusted_as_written() -> None:
    """Holm by its definition, step by step; Benjamini-Hochberg by scipy."""
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    held = 0.0
    want = [0.0] * 5
    for rank, at in enumerate(sorted(range(5), key=lambda k: p[k])):
        held = max(held, min(1.0, p[at] * (5 - rank)))
        want[at] = held
    np.testing.assert_allclose(ev.adjust_p(p), want)
    np.testing.assert_allclose(
        ev.adjust_p(p, method="benjamini-hochberg"), stats.false_discovery_control(p)
    )
    assert ev.adjust_p(p, method="none").tolist() == p


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_keep_their_order_and_never_fall(p) -> None:
    for method in ("holm", "benjamini-hochberg"):
        adjusted = ev.adjust_p(p, method=method)
        assert (adjusted >= np.array(p) - 1e-15).all()
        assert (adjusted <= 1).all()
        order = np.argsort(p, kind="stable")
        assert (np.diff(adjusted[order]) >= -1e-15).all()
    assert (ev.adjust_p(p) >= ev.adjust_p(p, method="benjamini-hochberg") - 1e-12).all()


def test_what_is_unknown_is_no_test() -> None:
    assert ev.adjust_p([0.02, np.nan, 0.5])[0] == pytest.approx(0.04)
    assert np.isnan(ev.adjust_p([np.nan, np.nan])).all()


def test_any_false_alarm_of_many_features_comes_at_the_level() -> None:
    p = np.random.default_rng(6).random((4000, 20))
    any_alarm = [(ev.adjust_p(row) < 0.05).any() for row in p]
    assert 0.038 <= np.mean(any_alarm) <= 0.062


def test_the_decline_of_an_area() -> None:
    s, p = ev.auc_decline(0.8, ev.Estimate(0.75, 0.02))
    assert s == pytest.approx(2.5)
    assert p == pytest.approx(1 - stats.norm.cdf(2.5))
    assert np.isnan(ev.auc_decline(0.8, ev.Estimate(0.9, float("nan")))).all()
    assert np.isnan(ev.auc_decline(0.8, ev.Estimate(1.0, 0.0))).all()


def test_the_published_bandwidths() -> None:
    """The example that MATLAB's function of the ECB statistic prints."""
    moves = [[10, 8, 15, 9, 10], [11, 9, 13, 9, 8], [0, 10, 10, 11, 10], [0, 0, 9, 11, 11],
             [0, 0, 0, 11, 10]]  # fmt: skip
    lower, upper = ev.matrix_bandwidths(moves)
    assert (round(lower, 4), round(upper, 4)) == (0.3306, 0.6066)


SQUARES = st.integers(2, 5).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 20), min_size=k, max_size=k), min_size=k, max_size=k)
)


@given(SQUARES)
def test_bandwidths_are_the_sums_written_out(moves) -> None:
    k = len(moves)
    for side, found in zip((range(-k, 0), range(1, k)), ev.matrix_bandwidths(moves), strict=True):
        top = sum(abs(i - j) * moves[i][j] for i in range(k) for j in range(k) if j - i in side)
        low = sum(
            max(i, k - 1 - i) * moves[i][j] for i in range(k) for j in range(k) if j - i in side
        )
        if low:
            assert found == pytest.approx(top / low)
            assert 0 < found <= 1
        else:
            assert np.isnan(found)


@given(SQUARES)
def test_tests_of_cells_are_those_written_out(moves) -> None:
    z, k = ev.monotone_tests(moves), len(moves)
    for i in range(k):
        n = sum(moves[i])
        assert np.isnan(z[i, i])
        for j in [j for j in range(k) if j != i]:
            near = j - 1 if j > i else j + 1
            if not moves[i][j] + moves[i][near]:
                assert np.isnan(z[i, j])
                continue
            far, close = moves[i][j] / n, moves[i][near] / n
            room = (far * (1 - far) + close * (1 - close) + 2 * far * close) / n
            if room < 1e-12:
                assert np.isinf(z[i, j])
                assert (z[i, j] > 0) == (far > close)
            else:
                assert z[i, j] == pytest.approx((far - close) / np.sqrt(room), abs=1e-9)


def test_where_cells_are_equal_the_test_of_cells_alarms_at_its_rate() -> None:
    rng = np.random.default_rng(7)
    rows = rng.multinomial(2000, [0.6, 0.2, 0.2], 3000)
    z = [ev.monotone_tests([row, [0, 1, 0], [0, 0, 1]])[0, 2] for row in rows]
    assert 0.038 <= np.mean(stats.norm.sf(z) < 0.05) <= 0.062


def test_concentration_as_written() -> None:
    then, now = np.array([30.0, 40, 30]) / 100, np.array([10.0, 80, 10]) / 100
    cv = [np.sqrt(3 * ((each - 1 / 3) ** 2).sum()) for each in (then, now)]
    z = np.sqrt(2) * (cv[1] - cv[0]) / np.sqrt(cv[1] ** 2 * (0.5 + cv[1] ** 2))
    assert ev.concentration_test([30, 40, 30], [10, 80, 10]) == pytest.approx(stats.norm.sf(z))
    assert ev.concentration_test([30, 40, 30], [300, 400, 300]) == pytest.approx(0.5)
    assert np.isnan(ev.concentration_test([1, 2], [5, 5]))
    assert np.isnan(ev.concentration_test([3], [4]))
    hhi = ev.hhi([10, 80, 10])[0]
    assert hhi == pytest.approx((cv[1] ** 2 + 1) / 3)


@pytest.mark.parametrize(("n", "d", "p"), [(1000, 12, 0.007), (50, 1, 0.2), (9, 9, 0.5)])
def test_the_binomial_chance_is_scipys(n: int, d: int, p: float) -> None:
    assert ev.binomial_test(n, d, p) == pytest.approx(stats.binom.sf(d - 1, n, p))
    assert ev.binomial_test(n, 0, p) == 1.0


@pytest.mark.parametrize("rho", [0.01, 0.12, 0.5])
def test_the_correlated_chance_is_the_integral(rho: float) -> None:
    def term(z: float) -> float:
        given = ndtr((ndtri(0.01) + np.sqrt(rho) * z) / np.sqrt(1 - rho))
        return stats.binom.sf(14, 1000, given) * stats.norm.pdf(z)

    want = integrate.quad(term, -9, 9, limit=400, epsabs=1e-10)[0]
    assert ev.binomial_test(1000, 15, 0.01, correlation=rho) == pytest.approx(want, abs=1e-7)


def test_the_correlated_chance_is_that_of_drawn_worlds() -> None:
    rng, n, p, rho = np.random.default_rng(9), 2000, 0.02, 0.12
    z = rng.normal(size=40_000)
    rate = ndtr((ndtri(p) + np.sqrt(rho) * z) / np.sqrt(1 - rho))
    drawn = rng.binomial(n, rate)
    for d in (20, 60, 150):
        want = (drawn >= d).mean()
        assert ev.binomial_test(n, d, p, correlation=rho) == pytest.approx(want, abs=0.01)


def test_fewer_effective_rows_make_an_excess_likelier() -> None:
    chances = [ev.binomial_test(1000, 15, 0.007, effective=rows) for rows in (1000, 400, 100)]
    assert chances[0] < chances[1] < chances[2]


@pytest.mark.parametrize(
    ("level", "want"), [(0.5, (0.1535, 0.1730, 0.3702)), (0.95, (1.3103, 1.4521, 2.7795))]
)
def test_prudent_rates_with_correlation_are_the_published_ones(level, want) -> None:
    found = ev.pluto_tasche([100, 400, 300], [0, 0, 0], level=level, correlation=0.12)
    np.testing.assert_allclose(100 * found, want, atol=5.1e-5)


def test_a_prudent_rate_with_correlation_solves_its_equation() -> None:
    n, d, level, rho = [300, 200], [1, 3], 0.75, 0.2
    found = ev.pluto_tasche(n, d, level=level, correlation=rho)
    for p, count, bad in zip(found, (500, 200), (4, 3), strict=True):
        so_few = 1 - ev.binomial_test(count, bad + 1, float(p), correlation=rho)
        assert so_few == pytest.approx(1 - level, abs=1e-6)
    none = ev.pluto_tasche(n, d, level=level, correlation=1e-9)
    np.testing.assert_allclose(none, ev.pluto_tasche(n, d, level=level), rtol=1e-3)
    assert ev.pluto_tasche([5], [5], level=0.9, correlation=0.1)[0] == 1.0


def test_hosmer_lemeshow_of_copies_is_that_of_one_of_each() -> None:
    n, d, p = np.array([200, 300]), np.array([4, 15]), [0.01, 0.03]
    once = ev.hosmer_lemeshow(n, d, p)
    thrice = ev.hosmer_lemeshow(3 * n, 3 * d, p, effective=n)
    assert thrice == pytest.approx(once)
    with refused("effective", error=InputError):
        ev.hosmer_lemeshow(n, d, p, effective=[201, 300])


def test_spiegelhalter_of_copies_is_that_of_one_of_each() -> None:
    rng = np.random.default_rng(10)
    p = rng.uniform(0.01, 0.3, 500)
    y = (rng.random(500) < p).astype(float)
    five = np.repeat(np.arange(500), 5)
    once = ev.spiegelhalter(y, p)
    assert ev.spiegelhalter(y, p, cluster=np.arange(500)) == pytest.approx(once)
    assert ev.spiegelhalter(y[five], p[five], cluster=five) == pytest.approx(once)
    assert abs(ev.spiegelhalter(y[five], p[five])) > 2 * abs(once)


@settings(max_examples=20)
@given(st.integers(1, 2000), st.data())
def test_jeffreys_lies_beside_the_binomial_chance(n: int, data) -> None:
    """With prior weights of 0 and 1 on either side the law is binomial: Jeffreys lies between."""
    d = data.draw(st.integers(0, n))
    p = data.draw(st.floats(0.001, 0.5))
    or_more, more = ev.binomial_test(n, d, p), stats.binom.sf(d, n, p)
    assert more - 1e-9 <= ev.jeffreys_test(n, d, p) <= or_more + 1e-9


BAD = {
    "no level": lambda: ev.psi_test([1, 2], [3, 4], level=5),
    "a negative tolerance": lambda: ev.psi_test([1, 2], [3, 4], tolerance=-1),
    "half a row": lambda: ev.psi_test([1.5, 2], [3, 4]),
    "a negative count": lambda: ev.psi_test([-1, 2], [3, 4]),
    "nobody": lambda: ev.psi_test([0, 0], [3, 4]),
    "more effective than rows": lambda: ev.psi_test([1, 2], [3, 4], effective_reference=4),
    "another size": lambda: ev.psi_test([1, 2], [3, 4], covariance_current=np.eye(3)),
    "no rows": lambda: ev.share_covariance([], [], bins=2),
    "a merchant missing": lambda: ev.effective_shares([0, 1], ["a", None], bins=2),
    "a chance above one": lambda: ev.adjust_p([0.5, 1.2]),
    "words": lambda: ev.adjust_p(["a"]),
    "an area of 80": lambda: ev.auc_decline(80, ev.Estimate(0.7, 0.1)),
    "no square": lambda: ev.matrix_bandwidths([1, 2]),
    "nothing": lambda: ev.monotone_tests([]),
    "half a move": lambda: ev.monotone_tests([[1, 0.5], [0, 1]]),
    "negative money": lambda: ev.concentration_test([1, 2], [-1, 2]),
    "no money": lambda: ev.concentration_test([0, 0], [1, 2]),
    "more defaults than rows": lambda: ev.binomial_test(10, 11, 0.1),
    "full correlation": lambda: ev.pluto_tasche([10], [0], level=0.5, correlation=1),
    "an infinite probability": lambda: ev.binomial_test(10, 1, np.inf),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_measured_is_refused(case: str) -> None:
    with refused(error=InputError):
        BAD[case]()


def test_one_bin_alone_has_nothing_to_tell() -> None:
    assert not ev.share_covariance([1, 1, 1], ["a", "b", "b"], bins=3).any()
    assert ev.effective_shares([1, 1, 1], ["a", "b", "b"], bins=3) == 2
    found = ev.psi_test([0, 3], [0, 5])
    assert (found.psi, found.degrees, found.p_value) == (0, 0, 1)
    assert np.isnan(found.critical)


@pytest.mark.parametrize("places", [[0, 2], [-1, 0], [5, 0]])
def test_a_place_that_is_no_bin_is_refused_and_falls_into_no_other_cluster(places) -> None:
    with refused("places", error=InputError):
        ev.effective_shares(places, ["a", "b"], bins=2)
