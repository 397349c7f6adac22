"""Fairness: a planted disparity is found, none is claimed where none is, intervals cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from alicredit.errors import InputError
from alicredit.evaluation import audit_fairness, clustered_mean, jeffreys_interval
from alicredit.evaluation.fairness import COLUMNS, FINDINGS, MEASURES, NOT_STATED

APPROVAL, GOOD, LEVEL = MEASURES
MERCHANTS, EACH = 360, 6
OWNER = np.repeat(np.arange(MERCHANTS), EACH)
GROUP = np.where(OWNER % 3 == 0, "south", "north")
CUT = 0.15


def book(seed: int, *, harsher: float = 0.0, riskier: float = 0.0) -> tuple[np.ndarray, ...]:
    """Draw merchants whose rows share a fate; give outcomes and probabilities.

    The south's true log-odds lie ``riskier`` above what is said, and what is said lies ``harsher``
    above the truth, so that with both at 0 nothing differs between the groups.
    """
    rng = np.random.default_rng(seed)
    is_south = GROUP == "south"
    lasting = rng.normal(size=MERCHANTS)[OWNER]
    margin = -1.9 + 0.7 * lasting + 0.2 * rng.normal(size=len(OWNER))
    p = expit(margin + harsher * is_south)
    y = (rng.random(len(p)) < expit(margin + riskier * is_south)).astype(float)
    return y, p


def south(report: pd.DataFrame, measure: str) -> pd.Series:
    """Give the south's row of a measure."""
    return report[(report["measure"] == measure) & (report["group"] == "south")].iloc[0]


def test_the_report_holds_what_was_counted() -> None:
    y, p = book(1)
    report = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=OWNER)
    assert tuple(report.columns) == COLUMNS
    assert report["measure"].unique().tolist() == list(MEASURES)
    assert report["group"].tolist() == ["north", "south"] * 3
    assert set(report["finding"]) <= set(FINDINGS)
    for group in ("north", "south"):
        mine = [k for k in range(len(y)) if GROUP[k] == group]
        good = [k for k in mine if y[k] == 0]
        rows = report[report["group"] == group].set_index("measure")
        assert rows["value"][APPROVAL] == pytest.approx(np.mean([p[k] <= CUT for k in mine]))
        assert rows["value"][GOOD] == pytest.approx(np.mean([p[k] <= CUT for k in good]))
        assert rows["value"][LEVEL] == pytest.approx(
            sum(y[k] for k in mine) / sum(p[k] for k in mine)
        )
        assert rows["rows"].tolist() == [len(mine), len(good), len(mine)]
        assert rows["merchants"][GOOD] == len({OWNER[k] for k in good})
    found = south(report, APPROVAL)
    first = report.iloc[0]
    assert found["difference"] == pytest.approx(found["value"] - first["value"])
    assert found["ratio"] == pytest.approx(found["value"] / first["value"])


def test_a_planted_disparity_is_found() -> None:
    y, p = book(2, harsher=1.0)
    report = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=OWNER)
    assert [south(report, each)["finding"] for each in MEASURES] == ["lower", "lower", "lower"]
    assert south(report, APPROVAL)["below_four_fifths"]
    assert not south(report, GOOD)["below_four_fifths"]
    y, p = book(3, riskier=1.0)
    report = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=OWNER)
    level = south(report, LEVEL)
    assert (south(report, APPROVAL)["finding"], level["finding"]) == (FINDINGS[1], "higher")
    assert level["low"] > 1
    assert level["ratio_low"] > 1


@pytest.mark.slow
def test_where_there_is_none_findings_are_as_rare_as_stated_and_intervals_cover() -> None:
    """The true difference is 0 for each measure; rows taken for merchants find it too often."""
    draws = 120
    found = {True: np.zeros(3), False: np.zeros(3)}
    covered = np.zeros(3)
    for seed in range(draws):
        y, p = book(seed + 10)
        for is_clustered, wrong in found.items():
            who = OWNER if is_clustered else None
            report = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=who)
            mine = report[report["group"] == "south"]
            wrong += mine["finding"].isin(["lower", "higher"]).to_numpy()
            if is_clustered:
                covered += (mine["difference_low"] < 0) & (mine["difference_high"] > 0)
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.05)
    assert (found[True] <= high).all(), found
    assert (found[True] >= low - 1).all(), found
    assert (covered >= draws - high).all(), covered
    assert (found[False][:2] > 2 * high).all(), found


@pytest.mark.slow
def test_intervals_of_values_and_ratios_cover_the_truth() -> None:
    rng = np.random.default_rng(5)
    margin = -1.9 + 0.5 * rng.normal(size=400_000) + 0.8 * rng.normal(size=400_000)
    truth = {"north": np.mean(margin <= -1.7), "south": np.mean(margin + 0.6 <= -1.7)}
    hits, draws = np.zeros(2), 120
    for _ in range(draws):
        lasting = 0.8 * rng.normal(size=MERCHANTS)[OWNER]
        m = -1.9 + lasting + 0.5 * rng.normal(size=len(OWNER)) + 0.6 * (GROUP == "south")
        report = audit_fairness(np.zeros(len(m)), None, GROUP, approved=m <= -1.7, cluster=OWNER)
        row = south(report, APPROVAL)
        hits[0] += row["low"] < truth["south"] < row["high"]
        hits[1] += row["ratio_low"] < truth["south"] / truth["north"] < row["ratio_high"]
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.95)
    assert (hits >= low - 0.02 * draws).all(), hits
    assert (hits <= high + 1).all(), hits


def test_errors_are_those_of_other_ways_to_count() -> None:
    """Rows of their own: Jeffreys. A difference whose merchants stand in both groups: brute."""
    y, p = book(6)
    alone = audit_fairness(y, p, GROUP, max_pd=CUT)
    row = south(alone, APPROVAL)
    hits = int((p[GROUP == "south"] <= CUT).sum())
    assert (row["low"], row["high"]) == pytest.approx(
        jeffreys_interval(int(row["rows"]), hits, level=0.95)
    )
    rng = np.random.default_rng(7)
    product = np.where(np.arange(len(y)) % 2, "south", "north")  # every merchant has both
    approved = (rng.random(len(y)) < expit(2 * rng.normal(size=MERCHANTS))[OWNER]).astype(float)
    both = audit_fairness(y, None, product, approved=approved, cluster=OWNER)
    row = south(both, APPROVAL)
    width = (row["difference_high"] - row["difference_low"]) / 2 / 1.96
    share = 2 * np.where(product == "south", approved, -approved)
    mean = clustered_mean(share, OWNER)
    assert row["difference"] == pytest.approx(mean.value)
    assert width == pytest.approx(mean.se, rel=0.05)


def test_groups_too_small_and_outcomes_not_seen_are_said_so() -> None:
    y, p = book(8)
    tiny = np.where(np.arange(len(y)) < 60, "tiny", GROUP)
    report = audit_fairness(y, p, tiny, max_pd=CUT, cluster=OWNER)
    small = report[report["group"] == "tiny"]
    assert small["finding"].unique().tolist() == ["too few to say"]
    assert small[["value", "low", "ratio", "p_adjusted"]].isna().all(axis=None)
    assert small["merchants"].max() == 10
    blind = audit_fairness(np.where(p <= CUT, y, np.nan), p, GROUP, max_pd=CUT, cluster=OWNER)
    good = blind[blind["measure"] == GOOD]
    assert good["finding"].unique().tolist() == ["outcomes of the approved alone"]
    assert good["value"].isna().all()
    assert south(blind, APPROVAL)["value"] == np.mean(p[GROUP == "south"] <= CUT)
    bad = len(set(OWNER[(y == 1) & (GROUP == "south")]))  # merchants, however often each
    enough = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=OWNER, min_defaults=bad)
    assert south(enough, LEVEL)["value"] > 0
    few = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=OWNER, min_defaults=bad + 1)
    assert south(few, LEVEL)["finding"] == "too few to say"
    few = audit_fairness(y, p, GROUP, max_pd=CUT, min_defaults=10_000)
    assert few[few["measure"] == LEVEL]["finding"].unique().tolist() == ["too few to say"]


def test_without_probabilities_calibration_is_not_asked() -> None:
    y, p = book(9)
    report = audit_fairness(y, None, GROUP, approved=p <= CUT)
    level = report[report["measure"] == LEVEL]
    assert level["finding"].unique().tolist() == ["not asked"]
    assert south(report, APPROVAL)["finding"] in FINDINGS


def test_a_group_that_is_not_stated_is_a_group_and_any_may_be_the_reference() -> None:
    y, p = book(10)
    groups = pd.Series(GROUP).mask(np.arange(len(y)) % 5 == 0)
    report = audit_fairness(y, p, groups, max_pd=CUT, cluster=OWNER, reference="south")
    assert report["group"].tolist()[:3] == ["south", NOT_STATED, "north"]
    assert report["finding"].tolist()[0] == "reference"
    ages = audit_fairness(y, p, np.where(GROUP == "south", 30, 40), max_pd=CUT)
    assert ages["group"].tolist()[:2] == [40, 30]


def test_a_group_of_that_name_alone_is_a_group_like_any() -> None:
    y, p = book(10)
    numbers = ["measure", "value", "low", "high", "finding"]
    named = np.where(GROUP == "south", NOT_STATED, GROUP)
    ours = audit_fairness(y, p, named, max_pd=CUT, cluster=OWNER)
    plain = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=OWNER)
    assert ours["group"].replace(NOT_STATED, "south").tolist() == plain["group"].tolist()
    pd.testing.assert_frame_equal(ours[numbers], plain[numbers])


def test_nobody_or_everybody_approved_still_has_an_interval() -> None:
    y, _ = book(11)
    for share, end in ((0.0, "low"), (1.0, "high")):
        report = audit_fairness(y, None, GROUP, approved=np.full(len(y), share), cluster=OWNER)
        row = south(report, APPROVAL)
        assert row["value"] == share
        assert row[end] == share
        assert 0.005 < row["high"] - row["low"] < 0.1
        assert row["finding"] == FINDINGS[1]
    only = audit_fairness(y, None, GROUP, approved=GROUP == "north", cluster=OWNER)
    row = south(only, APPROVAL)
    assert (row["finding"], row["ratio"], row["below_four_fifths"]) == ("lower", 0, True)
    assert row["difference_high"] < -0.9


def test_order_of_rows_changes_nothing() -> None:
    y, p = book(12)
    by = np.random.default_rng(0).permutation(len(y))
    plain = audit_fairness(y, p, GROUP, max_pd=CUT, cluster=OWNER)
    other = audit_fairness(y[by], p[by], GROUP[by], max_pd=CUT, cluster=OWNER[by])
    pd.testing.assert_frame_equal(plain, other, rtol=1e-10)


def _ask(y, p, groups=GROUP, **given):
    return audit_fairness(y, p, groups, **({"max_pd": CUT} | given))


def _lists(y):
    return [["a"] if k % 2 else ["a", "b"] for k in range(len(y))]


def _unsaid():
    """Name a group as those without one are named, and leave one out."""
    named = pd.Series(GROUP).replace("south", NOT_STATED)
    return named.mask(np.arange(len(named)) == 3)


REFUSED = {
    "no decision": (lambda y, p: audit_fairness(y, p, GROUP), "found none"),
    "two decisions": (lambda y, p: _ask(y, p, approved=y), "found both"),
    "few groups": (lambda y, p: _ask(y, p, np.full(len(y), "a")), "from 2 to 200 groups"),
    "many groups": (lambda y, p: _ask(y, p, np.arange(len(y))), "cut numbers into classes"),
    "groups of others": (lambda y, p: _ask(y, p, GROUP[:9]), "groups must have one value"),
    "probabilities of others": (lambda y, p: _ask(y, p[:9]), "probability must have one value"),
    "a percentage": (lambda y, p: _ask(y, 100 * p), "between 0 and 1"),
    "a row not scored": (lambda y, p: _ask(y, p * np.where(p > 0.3, np.nan, 1)), "found nan"),
    "no probabilities": (lambda y, p: _ask(y, None), "must be given for max_pd"),
    "a cut of points": (lambda y, p: _ask(y, p, max_pd=600), "max_pd"),
    "decisions in words": (
        lambda y, p: _ask(y, p, max_pd=None, approved=["yes"] * len(y)), "approved",
    ),
    "decisions of others": (lambda y, p: _ask(y, p, max_pd=None, approved=y[:9]), "approved"),
    "outcomes of three": (lambda y, p: _ask(y * 2, p), "y must be 0 or 1"),
    "a merchant lacks": (lambda y, p: _ask(y, p, cluster=[None] * len(y)), "cluster"),
    "no such group": (lambda y, p: _ask(y, p, reference="noth"), "did you mean 'north'"),
    "a list for a reference": (lambda y, p: _ask(y, p, reference=GROUP), "one of the groups"),
    "nothing for a reference": (lambda y, p: _ask(y, p, reference=pd.NA), "one of the groups"),
    "lists for groups": (lambda y, p: _ask(y, p, _lists(y)), "groups must be one text"),
    "no order of groups": (lambda y, p: _ask(y, p, (GROUP == "south") + 1j), "groups must be one"),
    "a name for no group": (lambda y, p: _ask(y, p, _unsaid()), "groups must be told from"),
    "level": (lambda y, p: _ask(y, p, level=95), "level"),
    "least": (lambda y, p: _ask(y, p, min_merchants=1), "min_merchants"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_is_refused(case: str) -> None:
    ask, words = REFUSED[case]
    with pytest.raises(InputError) as caught:
        ask(*book(13))
    assert words in str(caught.value)
