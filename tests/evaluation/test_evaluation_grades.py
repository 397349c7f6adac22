"""Grade rates for books of few defaults, against published numbers and outside laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from alicredit.errors import InputError
from alicredit.evaluation import effective_rows, grade_pds, jeffreys_interval, pluto_tasche


def book(n: list[int], d: list[int]) -> tuple[np.ndarray, np.ndarray]:
    grades = np.repeat(["A", "B", "C"], n)
    y = np.concatenate([np.arange(k) < bad for k, bad in zip(n, d, strict=True)])
    return grades, y.astype(float)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (0.50, [0.0866, 0.0990, 0.2308]),
        (0.75, [0.1731, 0.1978, 0.4610]),
        (0.90, [0.2874, 0.3284, 0.7646]),
        (0.95, [0.3738, 0.4270, 0.9936]),
        (0.99, [0.5740, 0.6557, 1.5233]),
        (0.999, [0.8598, 0.9820, 2.2763]),
    ],
)
def test_pluto_and_tasches_table_without_defaults(level, expected) -> None:
    grades, y = book([100, 400, 300], [0, 0, 0])
    found = grade_pds(grades, y, order=["A", "B", "C"], level=level)
    np.testing.assert_allclose(100 * found["pd_pluto_tasche"], expected, atol=6e-5)


def test_pluto_and_tasches_numbers_with_defaults_and_with_correlation() -> None:
    grades, y = book([100, 400, 300], [0, 2, 1])
    found = grade_pds(grades, y, order=["A", "B", "C"])
    np.testing.assert_allclose(100 * found["pd_pluto_tasche"], [0.6378, 0.7288, 0.8950], atol=6e-5)
    grades, y = book([100, 400, 300], [0, 0, 0])
    found = grade_pds(grades, y, order=["A", "B", "C"], level=0.5, correlation=0.12)
    np.testing.assert_allclose(100 * found["pd_pluto_tasche"], [0.1535, 0.1730, 0.3702], atol=6e-5)


def test_single_grade_estimates_are_the_published_ones() -> None:
    # DOMAIN 6.8: 10,000 borrowers, 70 defaults.
    y = (np.arange(10_000) < 70).astype(float)
    (row,) = grade_pds(["all"] * 10_000, y, order=["all"]).itertuples()
    assert 100 * row.pd_bayes == pytest.approx(0.70986, abs=5e-6)
    assert row.pd_jeffreys == pytest.approx(70.5 / 10_001, rel=1e-12)
    for level, bound in ((0.9, 0.819), (0.95, 0.853)):
        (row,) = grade_pds(["all"] * 10_000, y, order=["all"], level=level).itertuples()
        assert 100 * row.pd_pluto_tasche == pytest.approx(bound, abs=6e-4)


def test_the_most_prudent_rate_solves_its_equation() -> None:
    grades, y = book([500, 300, 90], [1, 2, 3])
    found = grade_pds(grades, y, order=["A", "B", "C"], level=0.9)["pd_pluto_tasche"]
    for at, (n, d) in enumerate([(890, 6), (390, 5), (90, 3)]):
        p = optimize.brentq(lambda q, n=n, d=d: stats.binom(n, q).cdf(d) - 0.1, 1e-9, 0.5)
        assert found[at] == pytest.approx(p, rel=1e-8)
    np.testing.assert_allclose(
        found, pluto_tasche([500, 300, 90], [1, 2, 3], level=0.9), rtol=1e-12
    )


def test_counts_rates_and_intervals_are_those_of_each_grade() -> None:
    grades, y = book([500, 300, 90], [1, 2, 3])
    order = np.random.default_rng(0).permutation(len(y))
    found = grade_pds(grades[order], y[order], order=["A", "B", "C"])
    assert found["rows"].tolist() == found["effective_rows"].tolist() == [500, 300, 90]
    assert found["defaults"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(found["rate"], [1 / 500, 2 / 300, 3 / 90])
    for row in found.itertuples():
        assert (row.low, row.high) == jeffreys_interval(row.rows, row.defaults)


def test_tenfold_rows_of_the_same_merchants_tell_no_more() -> None:
    grades, y = book([200, 150, 90], [3, 4, 9])
    one = grade_pds(grades, y, order=["A", "B", "C"])
    owner = np.repeat(np.arange(len(y)), 10)
    ten = grade_pds(grades[owner], y[owner], order=["A", "B", "C"], cluster=owner)
    assert ten["rows"].tolist() == [2000, 1500, 900]
    for name in ("effective_rows", "rate", "pd_pluto_tasche", "pd_jeffreys", "low", "high"):
        np.testing.assert_allclose(ten[name], one[name], rtol=1e-9, err_msg=name)
    naive = grade_pds(grades[owner], y[owner], order=["A", "B", "C"])
    assert (naive["pd_pluto_tasche"] < one["pd_pluto_tasche"]).all()
    assert (naive["high"] - naive["low"] < 0.5 * (one["high"] - one["low"])).all()


def test_effective_rows_are_the_design_effect_of_the_grade() -> None:
    rng = np.random.default_rng(3)
    who = rng.integers(0, 60, 600)
    y = (rng.random(600) < 0.05 + 0.2 * (who % 5 == 0)).astype(float)
    grades = np.where(rng.random(600) < 0.5, "A", "B")
    found = grade_pds(grades, y, order=["A", "B"], cluster=who).set_index("grade")
    for name in ("A", "B"):
        mine = grades == name
        assert found.loc[name, "effective_rows"] == effective_rows(y[mine], who[mine])


def test_a_grade_that_nobody_has_takes_the_most_prudent_rate_of_the_worse() -> None:
    found = grade_pds(["B"] * 100, [0] * 100, order=["A", "B", "C"]).set_index("grade")
    assert found.loc["A", "pd_pluto_tasche"] == found.loc["B", "pd_pluto_tasche"]
    assert found.loc["A", ["rate", "pd_jeffreys", "pd_bayes", "low", "high"]].isna().all()
    assert np.isnan(found.loc["C", "pd_pluto_tasche"])
    assert found.loc["A", "rows"] == 0


def test_jeffreys_interval_of_grades_covers_as_it_says() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([0.01, 0.03, 0.08])
    inside = []
    for _ in range(60):
        y = np.concatenate([rng.random(400) < p for p in truth]).astype(float)
        found = grade_pds(np.repeat(["A", "B", "C"], 400), y, order=["A", "B", "C"])
        inside.append((found["low"] <= truth) & (truth <= found["high"]))
    assert 0.83 < np.mean(inside) < 0.97  # nominal 90 %, 180 intervals


def test_more_confidence_and_more_defaults_give_higher_rates() -> None:
    grades, y = book([100, 400, 300], [0, 2, 1])
    rates = [
        grade_pds(grades, y, order=["A", "B", "C"], level=level)["pd_pluto_tasche"].to_numpy()
        for level in (0.5, 0.75, 0.95)
    ]
    assert (np.diff(rates, axis=0) > 0).all()
    assert (np.diff(rates[1]) >= 0).all()  # worse grades, higher rates


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Index])
def test_any_list_of_grades_is_an_order_and_the_other_way_round_another(kind) -> None:
    grades, y = ["A"] * 100 + ["B"] * 400, [1] * 3 + [0] * 490 + [1] * 7
    plain = grade_pds(grades, y, order=["A", "B"])
    pd.testing.assert_frame_equal(grade_pds(grades, y, order=kind(["A", "B"])), plain)
    assert grade_pds(grades, y, order=kind(["B", "A"]))["grade"].tolist() == ["B", "A"]


def test_grades_may_be_whole_numbers() -> None:
    grades, y = ["A"] * 100 + ["B"] * 400, [1] * 3 + [0] * 490 + [1] * 7
    plain = grade_pds(grades, y, order=["A", "B"]).drop(columns="grade")
    number = np.where(np.asarray(grades) == "A", 1, 2)
    found = grade_pds(number, y, order=[1, 2])
    assert found["grade"].tolist() == [1, 2]
    pd.testing.assert_frame_equal(found.drop(columns="grade"), plain)


GOOD = {"grades": ["A", "B", "B"], "y": [0, 1, 0], "order": ["A", "B"]}
REFUSED = {
    "an unknown grade": {"grades": ["A", "B", "X"]},
    "a missing grade": {"grades": ["A", "B", None]},
    "a grade twice": {"order": ["A", "B", "A"]},
    "no grades": {"order": []},
    "one text of grades": {"order": "AB"},
    "a set of grades": {"order": {"A", "B"}},
    "grades by number of": {"order": {"A": 1, "B": 2}},
    "no order": {"order": None},
    "a number for an order": {"order": 5},
    "lists for grades": {"order": [["A"], ["B"]]},
    "no grade in the order": {"order": ["A", "B", None]},
    "lists in the rows": {"grades": ["A", ["B", "A"], "B"]},
    "two outcomes of three": {"y": [0, 1]},
    "an unknown outcome": {"y": [0, 1, np.nan]},
    "a third outcome": {"y": [0, 1, 2]},
    "no rows": {"grades": [], "y": []},
    "a level in per cent": {"level": 75},
    "a full correlation": {"correlation": 1.0},
    "an interval in per cent": {"interval": 90},
    "merchants of others": {"cluster": ["m", "n"]},
    "an unknown merchant": {"cluster": ["m", None, "n"]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rate_is_refused(name) -> None:
    given = {**GOOD, **REFUSED[name]}
    with pytest.raises(InputError, match="must"):
        grade_pds(given.pop("grades"), given.pop("y"), **given)
