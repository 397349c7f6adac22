"""From one level to another: published numbers, identities, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.special import expit, logit

from alicredit.calibration import floored, relevel_pds, undo_sampling
from alicredit.errors import InputError

OLD = np.array([0.001, 0.004, 0.01, 0.03])
MIX, NEW_MIX = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.3, 0.3, 0.25, 0.15])


def test_the_scaled_likelihood_ratio_of_a_published_example() -> None:
    # DOMAIN 6.8: mean 0.66 %, another mix, target 1.2 %.
    assert float(OLD @ MIX) == pytest.approx(0.0066)
    new = relevel_pds(OLD, 0.012, weight=NEW_MIX, trained_rate=0.0066)
    np.testing.assert_allclose(100 * new.pd, [0.1423, 0.5684, 1.4173, 4.2165], atol=5e-5)
    assert new.c == pytest.approx(1.284387, abs=5e-7)
    assert float(new.pd @ NEW_MIX) == pytest.approx(0.012, rel=1e-12)
    # Scaled probabilities, which it is not: 0.1412, 0.5647, 1.4118, 4.2353 %.
    scaled = OLD * 0.012 / float(OLD @ NEW_MIX)
    np.testing.assert_allclose(100 * scaled, [0.1412, 0.5647, 1.4118, 4.2353], atol=5e-5)
    assert np.abs(new.pd - scaled).max() > 1e-4


def test_the_formula_of_the_likelihood_ratio_written_out() -> None:
    # By Bayes: l_k = f_N / f_D of the old population, then the new prior times c.
    bad = MIX * OLD / float(MIX @ OLD)
    good = MIX * (1 - OLD) / float(MIX @ (1 - OLD))
    target = 0.012

    def at(c: float) -> np.ndarray:
        return 1 / (1 + (1 - target) / target * c * good / bad)

    c = optimize.brentq(lambda c: float(NEW_MIX @ at(c)) - target, 0.1, 10, xtol=1e-14)
    new = relevel_pds(OLD, target, weight=NEW_MIX, trained_rate=float(MIX @ OLD))
    assert new.c == pytest.approx(c, rel=1e-9)
    np.testing.assert_allclose(new.pd, at(c), rtol=1e-9)


def test_a_pure_shift_of_the_prior_has_c_of_one() -> None:
    # The mix among defaulters and among the others stays; only their shares change.
    bad = MIX * OLD / float(MIX @ OLD)
    good = MIX * (1 - OLD) / float(MIX @ (1 - OLD))
    rate = 0.05
    mixed = rate * bad + (1 - rate) * good
    new = relevel_pds(OLD, rate, weight=mixed, trained_rate=float(MIX @ OLD))
    assert new.c == pytest.approx(1.0, rel=1e-9)
    np.testing.assert_allclose(new.pd, rate * bad / mixed, rtol=1e-9)


def test_undone_sampling_is_the_published_offset() -> None:
    share = 0.007 / 0.993 / (0.2 / 0.8)
    found = undo_sampling([0.05, 0.5], share)
    np.testing.assert_allclose(100 * found, [0.148187, 2.742409], atol=5e-7)
    np.testing.assert_allclose(logit(found) - logit([0.05, 0.5]), -3.568526, atol=5e-7)


def test_sampling_that_is_simulated_is_undone() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, 400_000)
    truth = np.array([0.002, 0.01, 0.03, 0.1])
    y = rng.random(len(x)) < truth[x]
    kept = y | (rng.random(len(x)) < 0.05)
    in_sample = np.array([y[kept & (x == k)].mean() for k in range(4)])
    np.testing.assert_allclose(undo_sampling(in_sample, 0.05), truth, rtol=0.15)


@settings(max_examples=60)
@given(
    st.lists(st.floats(1e-6, 0.9), min_size=2, max_size=20, unique=True),
    st.floats(1e-4, 0.9),
    st.floats(1e-4, 0.9),
)
def test_levels_move_and_ranks_do_not(pds, rate, back) -> None:
    pd = np.sort(np.array(pds))
    pd = pd[np.concatenate([[True], np.diff(logit(pd)) > 1e-9])]
    new = relevel_pds(pd, rate, trained_rate=back)
    assert float(new.pd.mean()) == pytest.approx(rate, rel=1e-9)
    assert (np.diff(new.pd) > 0).all()
    np.testing.assert_allclose(np.ptp(logit(new.pd) - logit(pd)), 0, atol=1e-6)
    home = relevel_pds(new.pd, float(pd.mean()), trained_rate=rate)
    np.testing.assert_allclose(home.pd, pd, rtol=1e-8)


def test_sampling_and_its_undoing_meet() -> None:
    p = expit(np.linspace(-9, 3, 40))
    sampled = p / (p + (1 - p) * 0.1)
    np.testing.assert_allclose(undo_sampling(sampled, 0.1), p, rtol=1e-12)
    np.testing.assert_allclose(undo_sampling(p, 1.0), p, rtol=1e-15)


def test_a_floor_stands_beside() -> None:
    pd = np.array([1e-5, 2e-4, 3e-4, 0.02, np.nan])
    np.testing.assert_array_equal(floored(pd), [3e-4, 3e-4, 3e-4, 0.02, np.nan])
    np.testing.assert_array_equal(floored(pd, 0.0), pd)


REFUSED = {
    "a rate in per cent": lambda: relevel_pds(OLD, 1.2, trained_rate=0.01),
    "a rate of 0": lambda: relevel_pds(OLD, 0, trained_rate=0.01),
    "no rate of training": lambda: relevel_pds(OLD, 0.01, trained_rate=None),
    "a probability of 0": lambda: relevel_pds([0.0, 0.1], 0.01, trained_rate=0.01),
    "a probability of 1": lambda: relevel_pds([1.0, 0.1], 0.01, trained_rate=0.01),
    "a missing one": lambda: relevel_pds([np.nan, 0.1], 0.01, trained_rate=0.01),
    "none": lambda: relevel_pds([], 0.01, trained_rate=0.01),
    "weights of others": lambda: relevel_pds(OLD, 0.01, weight=[1, 2], trained_rate=0.01),
    "a negative weight": lambda: relevel_pds(OLD, 0.01, weight=[1, 2, 3, -1], trained_rate=0.01),
    "no weight": lambda: relevel_pds(OLD, 0.01, weight=np.zeros(4), trained_rate=0.01),
    "no sample": lambda: undo_sampling(OLD, 0),
    "more than all": lambda: undo_sampling(OLD, 1.1),
    "a sample of sure defaults": lambda: undo_sampling([1.0], 0.5),
    "a floor in per cent": lambda: floored(OLD, 3),
    "a negative probability": lambda: floored([-0.1]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_probability_is_refused(name) -> None:
    with pytest.raises(InputError, match="must"):
        REFUSED[name]()
