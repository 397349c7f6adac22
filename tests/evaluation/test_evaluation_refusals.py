"""Where a statistic has no value there is none, and what is no input is refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refused import refused

from alicredit import evaluation as ev
from alicredit.errors import InputError


def test_one_default_does_not_tell_how_sure_the_area_is() -> None:
    found = ev.auc([1, 0, 0, 0], [0.4, 0.1, 0.2, 0.9])
    assert found.value == pytest.approx(2 / 3)
    assert np.isnan(found.se)


def test_defaults_of_one_merchant_do_not_tell_how_sure_the_area_is() -> None:
    y, s = [1, 1, 0, 0, 0], [0.4, 0.5, 0.1, 0.2, 0.45]
    assert np.isnan(ev.auc(y, s, cluster=["a", "a", "b", "c", "d"]).se)
    assert ev.auc(y, s, cluster=["a", "e", "b", "c", "d"]).se > 0


def test_one_merchant_alone_gives_no_error_of_a_mean_or_line() -> None:
    y = [1.0, 0.0, 1.0, 0.0, 1.0]
    assert np.isnan(ev.clustered_mean(y, ["m"] * 5).se)
    line = ev.calibration_line(y, [0.4, 0.3, 0.2, 0.1, 0.5], cluster=["m"] * 5)
    assert all(np.isnan(each.se) for each in line)
    assert ev.effective_rows(y, ["m"] * 5) == 1


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.7, 0.8]),
        ([1, 1, 1, 0, 0], [0.1, 0.2, 0.3, 0.6, 0.7]),
        ([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.6]),
        ([1, 1, 1], [0.1, 0.2, 0.3]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.2]),
    ],
    ids=["parted", "parted the wrong way", "no default", "defaults alone", "parted but for one"],
)
def test_where_no_line_is_the_likeliest_there_is_no_line(y, p) -> None:
    for found in ev.calibration_line(y, p):
        assert np.isnan([found.value, found.se]).all()


def test_a_failed_certainty_is_beyond_every_bound() -> None:
    assert ev.spiegelhalter([1, 1], [0, 0]) == np.inf
    assert ev.spiegelhalter([0, 0], [1, 0]) == np.inf
    assert np.isnan(ev.spiegelhalter([1, 0], [1, 0]))
    assert np.isnan(ev.spiegelhalter([1, 0], [0.5, 0.5]))


@given(st.integers(2, 30), st.integers(2, 5))
def test_merchants_who_are_all_alike_count_each_row(merchants: int, rows: int) -> None:
    y = np.tile([1.0, *[0.0] * (rows - 1)], merchants)
    who = np.repeat(np.arange(merchants), rows)
    assert ev.effective_rows(y, who) == pytest.approx(merchants * rows)


def test_a_grade_where_all_defaulted_has_a_prudent_rate_of_one() -> None:
    assert ev.pluto_tasche([5, 3], [0, 3], level=0.9)[1] == 1.0


NO_COUNTS = {
    "more defaults than borrowers": ([10, 5], [1, 6]),
    "a negative number": ([10, -5], [1, 0]),
    "negative defaults": ([10, 5], [1, -1]),
    "half a borrower": ([10, 5.5], [1, 0]),
    "half a default": ([10, 5], [0.5, 0]),
    "an infinite number": ([10, np.inf], [1, 0]),
    "a missing number": ([10, np.nan], [1, 0]),
    "another length": ([10, 5], [1]),
    "no grade": ([], []),
    "words": (["ten"], ["one"]),
}


@pytest.mark.parametrize("case", NO_COUNTS)
def test_what_are_no_counts_of_defaults_is_refused(case: str) -> None:
    n, d = NO_COUNTS[case]
    with refused(error=InputError):
        ev.pluto_tasche(n, d, level=0.9)
    with refused(error=InputError):
        ev.hosmer_lemeshow(n, d, [0.1] * len(n))


@pytest.mark.parametrize("p", [[0.0, 0.1], [0.1, 1.0], [0.1, -0.1], [0.1, np.nan], [0.1], 0.1])
def test_hosmer_lemeshow_takes_a_probability_for_each_grade(p) -> None:
    with refused(error=InputError):
        ev.hosmer_lemeshow([10, 20], [1, 2], p)


def test_an_empty_grade_is_no_degree_of_freedom() -> None:
    with refused("n must be above 0", error=InputError):
        ev.hosmer_lemeshow([10, 0], [1, 0], [0.1, 0.2])


NO_SHARES = {
    "nothing": [],
    "all nought": [0, 0],
    "a negative one": [0.5, -0.1],
    "a missing one": [0.5, np.nan],
    "an infinite one": [0.5, np.inf],
    "words": ["a", "b"],
}


@pytest.mark.parametrize("case", NO_SHARES)
def test_what_are_no_shares_is_refused(case: str) -> None:
    with refused(error=InputError):
        ev.hhi(NO_SHARES[case])
    with refused(error=InputError):
        ev.psi(NO_SHARES[case], NO_SHARES[case])


def test_counts_are_no_shares() -> None:
    with refused("sum to 1", error=InputError):
        ev.psi([50, 50], [60, 40])
    with refused("one length", error=InputError):
        ev.psi([0.5, 0.5], [0.2, 0.3, 0.5])


@pytest.mark.parametrize("prior", [0, 1, -0.1, 1.1, np.nan, np.inf, None, "0.2", True])
def test_a_prior_lies_between_nought_and_one(prior) -> None:
    with refused("trained", error=InputError):
        ev.shift_prior([0.1], prior, 0.1)
    with refused("true", error=InputError):
        ev.shift_prior([0.1], 0.1, prior)


@pytest.mark.parametrize("p", [[1.1], [-0.1], [np.nan], ["a"], [None, 0.2], [np.inf]])
def test_what_is_moved_is_a_probability(p) -> None:
    with refused("pd", error=InputError):
        ev.shift_prior(p, 0.2, 0.1)


NO_CLUSTERS = {
    "too few": ["a", "b"],
    "too many": ["a", "b", "c", "d", "e"],
    "one name": "merchant",
    "a missing one": ["a", None, "b", "c"],
    "one that is NaN": [1.0, np.nan, 2.0, 3.0],
    "NaN among names": ["a", float("nan"), "b", "c"],
    "no name": [["a"], ["b"], ["c", "d"], ["e"]],
}
CLUSTERED = {
    "auc": lambda who: ev.auc([1, 0, 1, 0], [1, 2, 3, 4], cluster=who),
    "clustered_mean": lambda who: ev.clustered_mean([1, 0, 1, 0], who),
    "calibration_line": lambda who: ev.calibration_line(
        [1, 0, 1, 0], [0.1, 0.2, 0.3, 0.4], cluster=who
    ),
    "effective_rows": lambda who: ev.effective_rows([1, 0, 1, 0], who),
}


@pytest.mark.parametrize("case", NO_CLUSTERS)
@pytest.mark.parametrize("name", CLUSTERED)
def test_each_row_names_its_cluster(name: str, case: str) -> None:
    with refused("cluster", error=InputError):
        CLUSTERED[name](NO_CLUSTERS[case])


def test_clusters_are_what_they_are_and_not_their_text() -> None:
    """A number and the text of it name two merchants, in a list as in an array of objects."""
    y, named, wanted = [1, 0, 1, 0], [1, "1", 2, "2"], [0, 1, 2, 3]
    for who in (named, np.array(named, dtype=object), pd.Series(named)):
        assert ev.clustered_mean(y, who) == ev.clustered_mean(y, wanted)
    assert ev.clustered_mean(y, ["m", "m", "nan", "nan"]) == ev.clustered_mean(y, [0, 0, 1, 1])


@pytest.mark.parametrize("n", [0, -1, 2.5, None, "9", True, np.nan])
def test_jeffreys_counts_whole_rows(n) -> None:
    with refused("n must", error=InputError):
        ev.jeffreys_test(n, 0, 0.1)
    with refused("n must", error=InputError):
        ev.jeffreys_interval(n, 0)


@pytest.mark.parametrize("rows", [-1, 11, np.nan, np.inf, "5"])
def test_effective_rows_are_no_more_than_the_rows(rows) -> None:
    with refused("effective", error=InputError):
        ev.jeffreys_interval(10, 1, effective=rows)


@pytest.mark.parametrize("values", [[], [np.nan, 1.0], ["a", "b"], [1.0, None]])
def test_a_mean_is_of_known_numbers(values) -> None:
    with refused(error=InputError):
        ev.clustered_mean(values, list(range(len(values))))
