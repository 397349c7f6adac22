"""Expected pairs, moves between grades and shifts are what plain loops and other libraries give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from alicredit.errors import InputError
from alicredit.evaluation import psi_test, share_covariance
from alicredit.evaluation.fairness import _log_ends
from alicredit.evaluation.migration import _square
from alicredit.evaluation.selection import expected_auc
from alicredit.evaluation.validation_tables import (
    _follow,
    _sum_moves,
    _tenths,
    level_tests,
    place_grades,
)
from alicredit.policy import load_policy

POLICY = load_policy("ali-2013")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6)), min_size=2, max_size=15))
def test_expected_pairs_are_summed_over_every_two_rows(rows) -> None:
    bad, score = (np.array(each, dtype=float) for each in zip(*rows))
    over = under = 0.0
    for i in range(len(rows)):
        for j in range(len(rows)):
            if i != j:
                weight = bad[i] * (1 - bad[j])
                under += weight
                over += weight * (1.0 if score[i] > score[j] else 0.5 * (score[i] == score[j]))
    if under <= 1e-9:
        return
    assert expected_auc(bad, score) == pytest.approx(over / under, abs=1e-9)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=50))
def test_of_known_outcomes_it_is_the_area_that_sklearn_gives(rows) -> None:
    bad, score = (np.array(each, dtype=float) for each in zip(*rows))
    if bad.min() == bad.max():
        with pytest.raises(InputError, match="pairs of unlike outcomes"):
            expected_auc(bad, score)
        return
    assert expected_auc(bad, score) == pytest.approx(roc_auc_score(bad, score))


@pytest.mark.parametrize(
    ("bad", "score"),
    [([0.5, 1.1], [1, 2]), ([0.5, -0.1], [1, 2]), ([0.5, 0.5], [1]), ([0.5, 0.5], [1, np.nan]),
     ([0.5, np.nan], [1, 2])],
)  # fmt: skip
def test_what_is_no_probability_or_score_of_each_row_is_refused(bad, score) -> None:
    with pytest.raises(InputError, match="one of each a row, from 0 to 1"):
        expected_auc(bad, score)


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 400), min_size=2, max_size=8), st.data(), st.sampled_from([0.01, 0.05]),
)  # fmt: skip
def test_fewer_independent_rows_widen_the_law_of_a_shift_as_they_should(old, data, level) -> None:
    new = data.draw(st.lists(st.integers(1, 400), min_size=len(old), max_size=len(old)))
    rows = (sum(old), sum(new))
    fewer = max(0.5, rows[0] / 3)
    for given_, used in ((None, rows[0]), (fewer, fewer)):
        found = psi_test(old, new, effective_reference=given_, level=level)
        p, q = np.array(old) / rows[0], np.array(new) / rows[1]
        scale = 1 / used + 1 / rows[1]
        assert found.psi == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
        assert found.degrees == len(old) - 1
        assert found.critical == pytest.approx(stats.chi2.isf(level, len(old) - 1) * scale)
        assert found.p_value == pytest.approx(stats.chi2.sf(found.psi / scale, len(old) - 1))
    wide = psi_test(old, new, tolerance=0.1, level=level)
    law = stats.ncx2(len(old) - 1, 0.1 / (1 / rows[0] + 1 / rows[1]))
    assert wide.p_value == pytest.approx(law.sf(wide.psi / (1 / rows[0] + 1 / rows[1])))
    assert psi_test(old, new, level=level).critical < wide.critical


def test_effective_rows_beyond_the_reference_or_covariances_of_other_bins_are_refused() -> None:
    for wrong in (0.4, 200.1):
        with pytest.raises(InputError, match="effective_reference"):
            psi_test([100, 100], [50, 50], effective_reference=wrong)
    assert psi_test([100, 100], [50, 50], effective_reference=200.0).p_value == 1.0
    with pytest.raises(InputError, match="must be square, of 2 bins"):
        psi_test([100, 100], [50, 50], covariance_reference=np.eye(3))


def test_one_cluster_tells_as_much_as_one_row_and_lone_rows_are_independent() -> None:
    places = [0, 0, 1, 2, 2, 2]
    share = np.array([2, 1, 3]) / 6
    plain = np.diag(share) - np.outer(share, share)
    assert share_covariance(places, ["a"] * 6, bins=3) == pytest.approx(plain)
    assert share_covariance(places, list("abcdef"), bins=3) == pytest.approx(plain / 6)
    for wrong in ([-1, 0], [0, 3]):
        with pytest.raises(InputError, match="must be bins from 0 to 2"):
            share_covariance(wrong, ["a", "b"], bins=3)
    with pytest.raises(InputError, match="at least one row"):
        share_covariance([], [], bins=3)


@pytest.mark.parametrize(
    "moves", [[[1, 2]], [1, 2], [], [["a", "b"], ["c", "d"]], [[1, -1], [0, 1]], [[1], [2, 3]]]
)
def test_moves_are_a_square_of_counts(moves) -> None:
    with pytest.raises(InputError):
        _square(moves)


def test_a_ratios_interval_is_symmetric_on_the_log_scale_and_none_of_nothing() -> None:
    low, high = _log_ends(0.8, 0.1, 0.95, 30)
    assert low * high == pytest.approx(0.8**2)
    assert np.log(high / 0.8) == pytest.approx(stats.t.ppf(0.975, 30) * 0.1 / 0.8)
    for value in (0.0, -0.1, np.nan):
        assert np.isnan(_log_ends(value, 0.1, 0.95, 30)).all()


class Side:
    """The part of a population that moves between grades are followed by."""

    def __init__(self, rows: list[tuple[str, str, float]]) -> None:
        frame = pd.DataFrame(rows, columns=["merchant_id", "as_of", "pd"])
        self.pd = frame.pop("pd").dropna().to_numpy(float)
        self.ok = np.array([not np.isnan(p) for *_, p in rows])
        self.cohort = type(
            "Rows", (), {"frame": frame.assign(as_of=pd.to_datetime(frame["as_of"]))}
        )


def test_merchants_are_followed_from_their_latest_row_to_their_latest_row() -> None:
    then = Side([("a", "2013-01-02", 0.002), ("a", "2013-01-01", 0.5), ("b", "2013-01-01", 0.03),
                 ("c", "2013-01-01", 0.015), ("gone", "2013-01-01", 0.015),
                 ("d", "2013-01-01", 0.06)])  # fmt: skip
    now = Side([("a", "2013-02-01", 0.002), ("b", "2013-02-01", 0.004), ("b", "2013-02-02", 0.015),
                ("c", "2013-02-01", 0.06), ("new", "2013-02-01", 0.002),
                ("d", "2013-02-01", np.nan)])  # fmt: skip
    told = _follow(then, now, POLICY)
    moved = told["migration"].query("merchants > 0")
    found = {(row.before, row.after): (row.merchants, row.share) for row in moved.itertuples()}
    assert found == {("A", "A"): (1, 1.0), ("E", "D"): (1, 1.0), ("D", "F"): (1, 1.0)}
    sums = told["moves"].set_index("metric")["value"]
    assert sums["merchants in both"] == 3
    third = pytest.approx(1 / 3)
    assert sums["stayed in their grade"] == third
    assert (sums["moved to better grades"], sums["moved to worse grades"]) == (third, third)
    assert _follow(then, Side([("z", "2013-02-01", 0.01)]), POLICY) == {}


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=3, max_size=3))
def test_moves_sum_up_as_a_loop_does(rows) -> None:
    moves = np.array(rows)
    many = moves.sum()
    if not many:
        return
    sums = _sum_moves(moves).set_index("metric")["value"]
    pairs = [(i, j) for i in range(3) for j in range(3)]
    assert sums["merchants in both"] == many
    for name, holds in (("stayed in their grade", lambda i, j: i == j),
                        ("moved to better grades", lambda i, j: j < i),
                        ("moved to worse grades", lambda i, j: j > i)):  # fmt: skip
        assert sums[name] == pytest.approx(sum(moves[i, j] for i, j in pairs if holds(i, j)) / many)
    for name, axis in (("Herfindahl before", 1), ("Herfindahl now", 0)):
        share = moves.sum(axis=axis) / many
        assert sums[name] == pytest.approx(float((share**2).sum()))
    below, above = (lambda i, j: j < i), (lambda i, j: j > i)
    for name, holds in (("lower bandwidth", below), ("upper bandwidth", above)):
        far = sum(abs(i - j) * moves[i, j] for i, j in pairs if holds(i, j))
        most = sum(max(i, 2 - i) * moves[i, j] for i, j in pairs if holds(i, j))
        assert sums[name] == pytest.approx(far / most if most else np.nan, nan_ok=True)


def test_tenths_hold_a_tenth_each_and_equal_claims_stay_together() -> None:
    p = np.arange(1, 1001) / 1001
    assert np.bincount(_tenths(p)).tolist() == [100] * 10
    tied = np.repeat([0.1, 0.2, 0.3], [500, 300, 200])
    places = _tenths(tied)
    assert len(np.unique(places)) == 3
    assert all(len(np.unique(places[tied == each])) == 1 for each in (0.1, 0.2, 0.3))
    assert (np.diff(places) >= 0).all()


@pytest.mark.parametrize(("defaults", "p_value"), [(7, 0.474737), (11, None), (12, 0.037718),
                                                   (14, 0.008393)])  # fmt: skip
def test_a_level_is_off_below_one_in_twenty(defaults, p_value) -> None:
    y = (np.arange(1000) < defaults).astype(float)
    told = level_tests(y, np.full(1000, 0.007), np.arange(1000), {}).set_index("test")
    row = told.loc["Jeffreys, all rows"]
    exact = stats.beta.cdf(0.007, defaults + 0.5, 1000 - defaults + 0.5)
    assert row["p_value"] == pytest.approx(exact)
    if p_value is not None:
        assert row["p_value"] == pytest.approx(p_value, abs=5e-7)  # DOMAIN 6.8
    assert row["is_off"] == (exact < 0.05)
    assert told["is_off"].tolist() == (told["p_value"] < 0.05).tolist()
    assert "decline of AUC since development" not in told.index


def test_a_bound_belongs_to_the_better_grade_and_nothing_lies_beyond_the_last() -> None:
    upper = np.array(POLICY.grades.upper_pd)
    names, at = place_grades(POLICY, upper)
    assert [names[k] for k in at] == list(POLICY.grades.names)
    _, above = place_grades(POLICY, np.nextafter(upper[:-1], 1))
    assert above.tolist() == list(range(1, len(upper)))
    assert place_grades(POLICY.grades, np.array([1e-9, 1.0]))[1].tolist() == [0, len(upper) - 1]
    with pytest.raises(InputError, match=r"give alicredit.load_policy\('cn-2025'\), not its name"):
        place_grades("cn-2025", upper)
