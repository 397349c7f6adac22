"""Losses of bad years against scipy: the law itself, its mean, small books in full, large ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from alicredit.decision import COLUMNS
from alicredit.errors import InputError
from alicredit.whatif import loss_quantiles, retail_correlation, tails, vasicek_default_rate

CHANCES, RHOS = st.floats(0.0005, 0.5), st.floats(0.01, 0.6)


def book(size: int, pd_: float, lost: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame({
        "merchant_id": [f"m{k}" for k in range(size)], "product_id": "p", "pd": pd_,
        "limit": lost, "expected_loss": pd_ * lost, "decision": "approve",
    }).reindex(columns=list(COLUMNS))  # fmt: skip


@settings(max_examples=40)
@given(CHANCES, RHOS, st.floats(0.01, 0.999))
def test_the_quantile_is_the_inverse_of_vasiceks_law(pd_, rho, level) -> None:
    rate = float(vasicek_default_rate(pd_, level=level, correlation=rho))
    normal = stats.norm
    back = normal.cdf((np.sqrt(1 - rho) * normal.ppf(rate) - normal.ppf(pd_)) / np.sqrt(rho))
    assert back == pytest.approx(level, abs=1e-9)


@settings(max_examples=20)
@given(CHANCES, RHOS)
def test_its_mean_is_the_probability_of_default(pd_, rho) -> None:
    def weighted(z: float) -> float:
        level = stats.norm.cdf(z)
        return float(vasicek_default_rate(pd_, level=level, correlation=rho)) * stats.norm.pdf(z)

    mean, _ = integrate.quad(weighted, -8, 8, limit=200)
    assert mean == pytest.approx(pd_, rel=1e-6)


def test_known_values_of_the_rules() -> None:
    # BCBS 2006, paragraph 330: 16 % where none default, 3 % where all do.
    assert retail_correlation([0.0, 1.0]).tolist() == pytest.approx([0.16, 0.03])
    by_hand = 0.03 * (1 - np.exp(-0.7)) + 0.16 * np.exp(-0.7)
    assert float(retail_correlation(0.02)) == pytest.approx(by_hand, rel=1e-9)
    # Capital of other retail at PD 1 %, LGD 45 %: 45.77 % risk weight (BCBS 2006, annex 5).
    rate = vasicek_default_rate(0.01, level=0.999, correlation=retail_correlation(0.01))
    assert 12.5 * 0.45 * (float(rate) - 0.01) == pytest.approx(0.4577, abs=5e-4)


def test_without_correlation_a_granular_book_loses_its_mean_in_every_year() -> None:
    told = loss_quantiles(book(50, 0.1), correlation=0.0, draws=4000)
    assert told["granular"].tolist() == pytest.approx([5.0] * 3)
    assert told["unexpected"].tolist() == pytest.approx([0.0] * 3, abs=1e-12)
    for level, lower, upper in told[["level", "lower", "upper"]].values.tolist():
        assert lower <= stats.binom.ppf(level, 50, 0.1) <= upper  # what single names add


@pytest.mark.parametrize(("size", "pd_", "rho"), [(10, 0.05, 0.2), (40, 0.2, 0.1)])
def test_a_small_book_simulates_the_mixture_of_binomials(size, pd_, rho) -> None:
    def mass(count: int) -> float:
        def given_factor(z: float) -> float:
            odds = (stats.norm.ppf(pd_) + np.sqrt(rho) * z) / np.sqrt(1 - rho)
            return stats.binom.pmf(count, size, stats.norm.cdf(odds)) * stats.norm.pdf(z)

        return integrate.quad(given_factor, -8, 8)[0]

    law = np.cumsum([mass(count) for count in range(size + 1)])
    told = loss_quantiles(book(size, pd_), correlation=rho, levels=[0.9, 0.99], draws=20_000)
    for level, lower, upper in told[["level", "lower", "upper"]].values.tolist():
        exact = float(np.searchsorted(law, level))
        assert lower <= exact <= upper, level
    assert told["expected_loss"].tolist() == pytest.approx([size * pd_] * 2)


def test_a_large_even_book_simulates_the_closed_form() -> None:
    told = loss_quantiles(book(4000, 0.03), correlation=0.15, draws=4000, levels=[0.5, 0.9, 0.99])
    near = 3 * np.sqrt(4000 * 0.03)  # what single names add is of this order
    assert (told["lower"] - near < told["granular"]).all()
    assert (told["granular"] < told["upper"] + near).all()
    assert told["granular"].iloc[2] == pytest.approx(told["simulated"].iloc[2], rel=0.1)


def test_one_large_name_loses_more_than_the_closed_form_says() -> None:
    uneven = book(200, 0.02)
    uneven.loc[0, ["limit", "expected_loss"]] = [500.0, 10.0]
    told = loss_quantiles(uneven, levels=[0.99], draws=5000).iloc[0]
    assert told["lower"] > told["granular"]


def test_lines_of_one_merchant_default_together_and_order_is_no_matter() -> None:
    two = pd.concat([book(30, 0.1), book(30, 0.1).assign(product_id="q")], ignore_index=True)
    pd.testing.assert_frame_equal(
        loss_quantiles(two, draws=500), loss_quantiles(book(30, 0.1, 2.0), draws=500)
    )
    mixed = two.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(loss_quantiles(two, draws=500), loss_quantiles(mixed, draws=500))
    first, again = (loss_quantiles(two, draws=500, seed=s) for s in (1, 2))
    assert first["granular"].equals(again["granular"])
    assert not first["simulated"].equals(again["simulated"])


@settings(max_examples=20)
@given(CHANCES, st.floats(0.01, 0.3), st.floats(0.01, 0.3))
def test_more_correlation_makes_a_bad_year_worse(pd_, one, other) -> None:
    low, high = sorted((one, other))
    if pd_ > 0.2:
        return
    mild, harsh = (
        float(vasicek_default_rate(pd_, level=0.999, correlation=r)) for r in (low, high)
    )
    assert harsh >= mild - 1e-12


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"levels": [0.0]}, "level"), ({"levels": []}, "levels"), ({"levels": ["x"]}, "level"),
        ({"correlation": 1.0}, "correlation"), ({"correlation": -0.1}, "correlation"),
        ({"draws": 5}, "draws"), ({"draws": 10**9}, "fewer draws"), ({"seed": 1.5}, "seed"),
    ],
)  # fmt: skip
def test_bad_questions_are_refused(change, says) -> None:
    with pytest.raises(InputError, match=says):
        loss_quantiles(book(20, 0.1), **change)


def test_bad_books_and_numbers_are_refused() -> None:
    for frame in (book(3, 0.1).assign(decision="refer"), book(3, 0.1).assign(expected_loss=np.inf),
                  book(3, 0.1).assign(pd=0.0), book(3, 0.1)[["pd"]], [1]):  # fmt: skip
        with pytest.raises(InputError, match="decisions"):
            loss_quantiles(frame)
    with pytest.raises(InputError, match="correlation"):
        vasicek_default_rate(0.1, level=0.9, correlation=1.0)
    with pytest.raises(InputError, match="pd must lie"):
        vasicek_default_rate(np.nan, level=0.9, correlation=0.1)


@settings(max_examples=40)
@given(st.integers(1, 400), st.floats(0.01, 0.999))
def test_a_quantile_of_years_is_the_inverse_of_their_distribution(size, level) -> None:
    years = np.sort(np.random.default_rng(size).gamma(2.0, size=size))
    told, lower, upper = tails._quantile(years, level)
    assert told == np.quantile(years, level, method="inverted_cdf")
    assert years[0] <= lower <= told <= upper <= years[-1]


@pytest.mark.parametrize(("size", "level"), [(400, 0.9), (1000, 0.5), (1000, 0.99)])
def test_the_interval_of_a_quantile_holds_it_in_nine_of_ten_samples(size, level) -> None:
    # Uniform years: the true quantile is the level itself, and which order statistics hold it
    # follows the binomial law (W. J. Conover, Practical Nonparametric Statistics, 3.2).
    ranks = (np.arange(size) + 1) / (size + 1)
    _, lower, upper = tails._quantile(ranks, level)
    low, high = (round(each * (size + 1)) for each in (lower, upper))  # ranks from 1 on
    law = stats.binom(size, level)
    assert law.cdf(high - 1) - law.cdf(low - 1) >= 0.9  # at most 5 % is left out on either side
    assert law.cdf(high - 2) - law.cdf(low) < 0.9  # and none of it could be spared on both


def test_default_levels_are_one_year_in_ten_in_a_hundred_and_in_a_thousand() -> None:
    told = loss_quantiles(book(20, 0.1), draws=2000)
    assert told["level"].tolist() == [0.9, 0.99, 0.999]
    assert told["simulated"].is_monotonic_increasing
    assert told["granular"].is_monotonic_increasing


def test_years_are_drawn_in_parts_without_one_more_or_less(monkeypatch) -> None:
    chance, lost = np.full(20, 0.2), np.ones(20)
    rho = np.full(20, 0.1)
    for chunk in (1, 60, 4_000_000):
        monkeypatch.setattr(tails, "_CHUNK", chunk)
        years = tails._simulate(chance, lost, rho, 700, 3)
        assert len(years) == 700
        error = years.std() / np.sqrt(700)
        assert abs(years.mean() - 4.0) < 4 * error
        # One factor in common: more spread than single names alone give.
        assert years.var() > 1.3 * 20 * 0.2 * 0.8


def test_a_borrower_sure_to_default_is_lost_in_every_year() -> None:
    told = loss_quantiles(book(5, 1.0, 3.0), draws=100)
    names = ["expected_loss", "granular", "simulated", "lower", "upper"]
    assert told[names].eq(15.0).to_numpy().all()
    assert told["unexpected"].eq(0.0).all()


def test_one_bad_line_among_good_ones_refuses_the_book() -> None:
    for name, bad in (("pd", 0.0), ("pd", 1.1), ("expected_loss", np.nan)):
        mixed = book(3, 0.1)
        mixed.loc[1, name] = bad
        with pytest.raises(InputError, match="must have pd and expected_loss"):
            loss_quantiles(mixed)
    for bad in ([0.5, 1.0], [-0.1, 0.5]):
        with pytest.raises(InputError, match=r"level must lie"):
            vasicek_default_rate(0.1, level=np.array(bad), correlation=0.1)
    with pytest.raises(InputError, match="pd must be numbers"):
        retail_correlation("many")
