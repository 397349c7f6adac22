"""The test of fit over grades is red as seldom as it says, few defaults or many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from alicredit.errors import InputError
from alicredit.evaluation import hosmer_lemeshow
from alicredit.monitoring import realised_against_predicted
from alicredit.monitoring.shape import shape_p_value

SCALE = np.array([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05])
THIN = np.array([300, 300, 300, 300, 300, 300, 300])


def statistic(bad: np.ndarray, rows: np.ndarray, claimed: np.ndarray) -> np.ndarray:
    """Give the statistic of many draws."""
    return (rows * (bad / rows - claimed) ** 2 / (claimed * (1 - claimed))).sum(axis=-1)


@pytest.mark.parametrize(
    ("rows", "claimed"),
    [
        (THIN, SCALE),  # 0.15 to 15 defaults expected
        (np.array([1000, 2000, 500, 100]), np.array([0.001, 0.002, 0.008, 0.03])),
        (np.array([50, 50, 50]), np.array([0.02, 0.03, 0.97])),  # few that are good
    ],
)
def test_where_few_defaults_are_expected_it_is_off_as_often_as_it_says(rows, claimed) -> None:
    rng = np.random.default_rng(11)
    bad = rng.binomial(rows, claimed, size=(800, len(rows)))
    values = statistic(bad, rows, claimed)
    chance = np.array([shape_p_value(v, rows.astype(float), claimed, draws=999, seed=k)
                       for k, v in enumerate(values)])  # fmt: skip
    for level in (0.05, 0.01):
        often = int((chance < level).sum())
        # more than this many at the nominal rate has a chance below one in a thousand
        assert often <= stats.binom.isf(0.001, len(values), level)
    assert (chance < 0.05).mean() > 0.02  # and it is no blunt test either
    limit = stats.chi2.sf(values, len(rows))
    assert (limit < 0.05).mean() > (chance < 0.05).mean()


def test_the_limit_is_red_too_often_where_the_drawn_chance_is_not() -> None:
    rng = np.random.default_rng(5)
    values = statistic(rng.binomial(THIN, SCALE, size=(20_000, 7)), THIN, SCALE)
    assert (stats.chi2.sf(values, 7) < 0.05).mean() > 0.065
    mark = np.quantile(values, 0.95, method="higher")
    assert shape_p_value(mark, THIN.astype(float), SCALE) == pytest.approx(0.05, abs=0.006)


def test_a_drawn_chance_is_that_of_every_outcome_counted_out() -> None:
    rows, claimed = np.array([20, 30]), np.array([0.05, 0.08])
    value, exact = 4.0, 0.0
    for bad in itertools.product(range(21), range(31)):
        if statistic(np.array(bad), rows, claimed) >= value:
            exact += float(np.prod(stats.binom.pmf(bad, rows, claimed)))
    drawn = shape_p_value(value, rows.astype(float), claimed)
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 100_000))


def test_with_many_expected_it_is_the_limit_and_the_same_seed_gives_the_same() -> None:
    n, p = np.array([2000.0, 3000.0]), np.array([0.01, 0.03])
    value, tail = hosmer_lemeshow(n, [25, 80], p)
    assert shape_p_value(value, n, p) == pytest.approx(tail, rel=1e-12)
    few = np.full(2, 100.0), np.array([0.01, 0.03])
    assert shape_p_value(3.0, *few) == shape_p_value(3.0, *few, seed=0)
    assert shape_p_value(1e9, *few, draws=99) == 0.01
    assert shape_p_value(0.0, *few, draws=99) == 1.0
    for wrong in ({"draws": 0}, {"draws": 1.5}, {"seed": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            shape_p_value(1.0, *few, **wrong)


def test_the_report_gives_both_chances_and_true_claims_are_seldom_off() -> None:
    rng = np.random.default_rng(2)
    grades = np.repeat(list("ABCDEFG"), 300)
    p = np.repeat(SCALE, 300)
    found = [realised_against_predicted(p, (rng.random(len(p)) < p).astype(float), grades=grades)
             .periods.iloc[0] for _ in range(25)]  # fmt: skip
    drawn = np.array([each["shape_p"] for each in found])
    limit = np.array([each["hosmer_lemeshow_p"] for each in found])
    assert not np.allclose(drawn, limit, atol=0.01)
    assert (drawn < 0.05).sum() <= stats.binom.isf(0.001, 25, 0.05)
