"""Claims against outcomes and moves between grades: published numbers, loops, known worlds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refused import refused
from scipy import stats
from sklearn.metrics import roc_auc_score

from alicredit import evaluation as ev
from alicredit.errors import InputError
from alicredit.monitoring import RealisedReport, migration, realised_against_predicted

N, D, P = [2000, 3000, 3000, 2000], [2, 11, 35, 70], [0.001, 0.004, 0.01, 0.03]
WORKED_P = np.repeat(P, N)
WORKED_Y = np.concatenate([np.arange(n) < d for n, d in zip(N, D, strict=True)]).astype(float)
WORKED_GRADE = np.repeat(list("ABCD"), N)


@pytest.fixture(scope="module")
def worked() -> RealisedReport:
    return realised_against_predicted(WORKED_P, WORKED_Y, grades=WORKED_GRADE, development_auc=0.85)


def test_the_worked_numbers_of_fit(worked) -> None:
    found = worked.periods.iloc[0]
    assert found["hosmer_lemeshow"] == pytest.approx(2.643632, abs=5e-7)
    assert found["hosmer_lemeshow_p"] == pytest.approx(0.619114, abs=5e-7)
    assert found["spiegelhalter_z"] == pytest.approx(1.374804, abs=5e-7)
    assert found["spiegelhalter_p"] == pytest.approx(2 * stats.norm.sf(1.374804), abs=1e-6)
    assert found["degrees"] == 4


@pytest.mark.parametrize(
    ("n", "d", "p", "want"),
    [(1000, 7, 0.007, 0.474737), (1000, 12, 0.007, 0.037718), (1000, 14, 0.007, 0.008393),
     (10_000, 95, 0.007, 0.002104), (500, 0, 0.005, 0.974872)],
)  # fmt: skip
def test_the_worked_numbers_of_jeffreys(n: int, d: int, p: float, want: float) -> None:
    y = (np.arange(n) < d).astype(float)
    for row in realised_against_predicted(np.full(n, p), y).grades.itertuples():
        assert row.jeffreys_p == pytest.approx(want, abs=5e-7)
        assert row.binomial_p == pytest.approx(stats.binom.sf(d - 1, n, p))
        assert (row.rows, row.defaults, row.effective, row.merchants) == (n, d, n, n)
        light = "green" if row.binomial_p > 0.05 else "amber" if row.binomial_p > 0.001 else "red"
        assert row.light == light


def test_each_grade_is_what_scipy_finds(worked) -> None:
    assert worked.grades["grade"].tolist() == [*"ABCD", "all"]
    for row, n, d, p in zip(worked.grades.itertuples(), N, D, P, strict=False):
        law = stats.beta(d + 0.5, n - d + 0.5)
        assert (row.rows, row.defaults) == (n, d)
        assert row.mean_pd == pytest.approx(p)
        assert (row.low, row.high) == pytest.approx((law.ppf(0.05), law.ppf(0.95)))
        assert row.jeffreys_p == pytest.approx(law.cdf(p))
        assert row.z == pytest.approx((d - n * p) / np.sqrt(n * p * (1 - p)))
    total = worked.grades.iloc[-1]
    assert (total["rows"], total["defaults"]) == (sum(N), sum(D))
    variance = sum(n * p * (1 - p) for n, p in zip(N, P, strict=True))
    assert total["z"] == pytest.approx((sum(D) - WORKED_P.sum()) / np.sqrt(variance))


def test_ranking_is_what_scikit_learn_finds(worked) -> None:
    found = worked.periods.iloc[0]
    assert found["auc"] == pytest.approx(roc_auc_score(WORKED_Y, WORKED_P))
    assert found["decline"] == pytest.approx((0.85 - found["auc"]) / found["auc_se"])
    assert found["decline_p"] == pytest.approx(stats.norm.sf(found["decline"]))
    assert found["auc_low"] < found["auc"] < found["auc_high"]
    none = realised_against_predicted(WORKED_P, WORKED_Y, grades=WORKED_GRADE).periods.iloc[0]
    assert np.isnan(none["decline_p"])


def draw(seed: int, rows: int = 1200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"pd": rng.uniform(0.005, 0.3, rows)})
    frame["y"] = (rng.random(rows) < frame["pd"]).astype(float)
    frame["grade"] = np.array(list("ABC"))[np.searchsorted([0.05, 0.15], frame["pd"])]
    frame["period"] = rng.choice(["2012Q4", "2013Q1", "2013Q2"], rows)
    frame["who"] = rng.integers(0, 300, rows)
    frame.loc[frame["period"] == "2013Q2", "y"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "y"] = np.nan
    return frame


def ask(frame: pd.DataFrame, **more) -> RealisedReport:
    return realised_against_predicted(
        frame["pd"], frame["y"], grades=frame["grade"], scale=list("ABCD"),
        periods=frame["period"], merchants=frame["who"], **more,
    )  # fmt: skip


def test_cells_are_those_of_a_loop() -> None:
    frame = draw(1)
    found = ask(frame).grades.set_index(["period", "grade"])
    assert len(found) == 3 * 5
    for (period, grade), row in found.iterrows():
        mine = frame[(frame["period"] == period) & ((frame["grade"] == grade) | (grade == "all"))]
        known = mine[mine["y"].notna()]
        assert row["rows"] == len(known)
        assert row["immature"] == len(mine) - len(known)
        assert row["merchants"] == known["who"].nunique()
        if not len(known):
            assert row[["mean_pd", "rate", "jeffreys_p", "binomial_p", "z"]].isna().all()
            assert row["light"] == ""
            continue
        assert row["defaults"] == known["y"].sum()
        assert row["mean_pd"] == pytest.approx(known["pd"].mean())
        effective = ev.effective_rows(known["y"], known["who"])
        assert row["effective"] == pytest.approx(effective)
        law = stats.beta(effective * row["rate"] + 0.5, effective * (1 - row["rate"]) + 0.5)
        assert row["jeffreys_p"] == pytest.approx(law.cdf(row["mean_pd"]))


def test_a_period_too_early_to_judge_is_there_and_says_nothing() -> None:
    periods = ask(draw(2)).periods.set_index("period")
    assert periods.loc["2013Q2", "rows"] == 0
    assert periods.loc["2013Q2"].drop(["rows", "defaults", "degrees"]).isna().all()
    assert periods.loc["2013Q1", "degrees"] == 3


def test_rows_too_early_to_judge_change_nothing_but_their_count() -> None:
    frame = draw(3)
    without = ask(frame[frame["y"].notna()])
    found = ask(frame)
    mature = without.grades["period"].unique()
    kept = found.grades[found.grades["period"].isin(mature)].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        kept.drop(columns="immature"), without.grades.drop(columns="immature")
    )
    assert (
        found.grades.loc[found.grades["grade"] == "all", "immature"].sum()
        == frame["y"].isna().sum()
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_changes_no_bit(seed: int) -> None:
    frame = draw(4, 200)
    mixed = frame.sample(frac=1, random_state=seed)
    one, two = ask(frame), ask(mixed)
    pd.testing.assert_frame_equal(one.grades, two.grades, check_exact=True)
    pd.testing.assert_frame_equal(one.periods, two.periods, check_exact=True)


def test_copies_of_a_merchants_rows_are_no_new_evidence() -> None:
    frame = draw(5).assign(who=lambda f: np.arange(len(f)))
    five = frame.loc[frame.index.repeat(5)]
    once, copied = ask(frame), ask(five)
    same = ["grade", "merchants", "mean_pd", "rate", "low", "high", "jeffreys_p", "binomial_p", "z"]
    pd.testing.assert_frame_equal(once.grades[same], copied.grades[same], rtol=1e-6)
    shape = ["hosmer_lemeshow", "spiegelhalter_z", "auc"]
    pd.testing.assert_frame_equal(once.periods[shape], copied.periods[shape], rtol=1e-6)
    alone = ask(five.assign(who=np.arange(len(five))))
    assert (alone.grades["high"] - alone.grades["low"] < copied.grades["high"] - copied.grades[
        "low"
    ])[copied.grades["defaults"] > 0].all()  # fmt: skip


def test_correlation_makes_an_excess_likelier_and_leaves_the_rest() -> None:
    frame = draw(6)
    plain, joint = ask(frame).grades, ask(frame, correlation=0.2).grades
    rest = plain.columns.drop(["binomial_p", "light"])
    pd.testing.assert_frame_equal(plain[rest], joint[rest])
    unlikely = plain["binomial_p"] < 0.2
    assert unlikely.any()
    assert (joint["binomial_p"] > plain["binomial_p"])[unlikely].all()


def test_tenths_are_taken_where_no_grades_are_given() -> None:
    frame = draw(7)
    found = realised_against_predicted(frame["pd"], frame["y"]).grades
    assert found["grade"].tolist() == [f"{k:02d}" for k in range(1, 11)] + ["all"]
    assert found["mean_pd"].iloc[:10].is_monotonic_increasing
    assert found["rows"].iloc[:10].sum() == found["rows"].iloc[10]
    plain = realised_against_predicted(frame["pd"], frame["y"], grades=frame["grade"]).grades
    assert plain["grade"].tolist() == ["A", "B", "C", "all"]


def test_a_right_claim_is_seldom_called_too_low_and_a_wrong_one_is() -> None:
    rng, alarms, found = np.random.default_rng(8), 0, 0
    one = {"grades": ["A"] * 600}
    for _ in range(150):
        p = rng.uniform(0.01, 0.2, 600)
        y = (rng.random(600) < p).astype(float)
        alarms += realised_against_predicted(p, y, **one).grades["jeffreys_p"].iloc[-1] < 0.05
        found += realised_against_predicted(p / 2, y, **one).grades["jeffreys_p"].iloc[-1] < 0.05
    assert stats.binom.ppf(0.001, 150, 0.03) <= alarms <= stats.binom.ppf(0.999, 150, 0.06)
    assert found >= 145


def test_defaults_that_come_by_merchant_are_seldom_called_an_excess() -> None:
    rng, honest, naive = np.random.default_rng(9), 0, 0
    who = np.repeat(np.arange(150), 8)
    for _ in range(100):
        y = (rng.random(150) < 0.1).astype(float)[who]
        p = np.full(1200, 0.1)
        own = realised_against_predicted(p, y, grades=["A"] * 1200, merchants=who).grades
        each = realised_against_predicted(p, y, grades=["A"] * 1200).grades
        honest += own["jeffreys_p"].iloc[-1] < 0.05
        naive += each["jeffreys_p"].iloc[-1] < 0.05
    assert honest <= stats.binom.ppf(0.999, 100, 0.07)
    assert naive > 20


def test_one_outcome_alone_ranks_nothing() -> None:
    found = realised_against_predicted([0.1, 0.2, 0.3], [0, 0, 0], development_auc=0.7)
    assert found.periods[["auc", "decline_p"]].isna().all(axis=None)
    assert found.periods["hosmer_lemeshow"].notna().all()


P3, Y3 = [0.1, 0.2, 0.3], [0, 1, 0]
BAD = {
    "a certain claim": (lambda: realised_against_predicted([0.0, 0.1], [0, 1]), "pd_values"),
    "a claim above one": (lambda: realised_against_predicted([1.2, 0.1], [0, 1]), "pd_values"),
    "a claim that lacks": (lambda: realised_against_predicted([np.nan, 0.1], [0, 1]), "pd_values"),
    "an infinite claim": (lambda: realised_against_predicted([np.inf, 0.1], [0, 1]), "pd_values"),
    "half a default": (lambda: realised_against_predicted(P3, [0, 0.5, 1]), "defaults"),
    "words": (lambda: realised_against_predicted(P3, ["good", "bad", "bad"]), "defaults"),
    "other lengths": (lambda: realised_against_predicted(P3, [0, 1]), "one length"),
    "nothing": (lambda: realised_against_predicted([], []), "one length"),
    "few grades": (lambda: realised_against_predicted(P3, Y3, grades=["A"]), "grades"),
    "a grade that lacks": (
        lambda: realised_against_predicted(P3, Y3, grades=["A", None, "B"]), "grades"
    ),
    "an unknown grade": (
        lambda: realised_against_predicted(P3, Y3, grades=["A", "B", "C"], scale=["A", "B"]),
        "grades",
    ),
    "a scale without grades": (lambda: realised_against_predicted(P3, Y3, scale=["A"]), "scale"),
    "few periods": (lambda: realised_against_predicted(P3, Y3, periods=["a"]), "periods"),
    "few merchants": (lambda: realised_against_predicted(P3, Y3, merchants=["a"]), "merchants"),
    "correlation 12": (lambda: realised_against_predicted(P3, Y3, correlation=12), "correlation"),
    "an area of 80": (lambda: realised_against_predicted(P3, Y3, development_auc=80), "_auc"),
    "an interval of 90": (lambda: realised_against_predicted(P3, Y3, interval=90), "interval"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_claim_or_outcome_is_refused(case: str) -> None:
    call, words = BAD[case]
    with refused(words, error=InputError):
        call()


SCALE = list("ABCD")
MOVES = st.lists(
    st.tuples(st.sampled_from([*SCALE, None]), st.sampled_from([*SCALE, None])), min_size=1,
    max_size=80,
).filter(lambda rows: any(a and b for a, b in rows))  # fmt: skip


@given(MOVES)
def test_moves_are_counted_as_a_loop_counts_them(rows) -> None:
    before, after = zip(*rows, strict=True)
    found = migration(list(before), list(after), grades=SCALE)
    for line in found.matrix.itertuples():
        count = sum(1 for a, b in rows if (a, b) == (line.before, line.after))
        start = sum(1 for a, b in rows if a == line.before and b is not None)
        assert line.borrowers == count
        assert line.share == pytest.approx(count / start) if start else np.isnan(line.share)
    value = found.summary.set_index("metric")["value"]
    both = [(SCALE.index(a), SCALE.index(b)) for a, b in rows if a and b]
    assert value["graded at both times"] == len(both)
    assert value["stayed"] == pytest.approx(sum(a == b for a, b in both) / len(both))
    assert value["became worse"] == pytest.approx(sum(a < b for a, b in both) / len(both))
    assert value["stayed"] + value["became worse"] + value["became better"] == pytest.approx(1)
    assert value["entered"] == sum(1 for a, b in rows if a is None and b)
    assert value["left"] == sum(1 for a, b in rows if a and b is None)
    top = sum(b - a for a, b in both if b > a)
    low = sum(max(a, 3 - a) for a, b in both if b > a)
    assert (
        value["upper bandwidth"] == pytest.approx(top / low)
        if low
        else np.isnan(value["upper bandwidth"])
    )


@given(MOVES)
def test_cells_are_tested_against_the_nearer_one(rows) -> None:
    before, after = zip(*rows, strict=True)
    tests = migration(list(before), list(after), grades=SCALE).tests
    assert len(tests) == 12
    for line in tests.itertuples():
        step = 1 if line.after > line.before else -1
        assert line.near == SCALE[SCALE.index(line.after) - step]
        far = sum(1 for each in rows if each == (line.before, line.after))
        close = sum(1 for each in rows if each == (line.before, line.near))
        if far + close:
            want = stats.binomtest(far, far + close, 0.5, alternative="greater").pvalue
            assert line.exact_p == pytest.approx(want)
            assert line.p_value == pytest.approx(stats.norm.sf(line.z))
        else:
            assert np.isnan(line.exact_p)
            assert np.isnan(line.z)
    np.testing.assert_array_equal(tests["p_adjusted"], ev.adjust_p(tests["exact_p"]))


def test_concentration_by_count_and_by_money() -> None:
    before, after = ["A", "A", "B", "C", None], ["A", "A", "A", "C", "B"]
    found = migration(
        before, after, grades=list("ABC"), exposure_before=[1, 2, 3, 4, 0],
        exposure_after=[10, 0, 0, 5, 5],
    ).concentration.set_index(["when", "weight"])  # fmt: skip
    for at, shares in {
        ("before", "count"): [2, 1, 1], ("after", "count"): [3, 1, 1],
        ("before", "exposure"): [3, 3, 4], ("after", "exposure"): [10, 5, 5],
    }.items():  # fmt: skip
        s = np.array(shares) / sum(shares)
        assert found.loc[at, "hhi"] == pytest.approx((s**2).sum())
        assert found.loc[at, "normalised"] == pytest.approx(((s**2).sum() - 1 / 3) / (2 / 3))
    want = ev.concentration_test([2, 1, 1], [3, 1, 1])
    assert found.loc[("after", "count"), "p_value"] == pytest.approx(want)
    assert np.isnan(found.loc[("before", "count"), "p_value"])
    plain = migration(before, after, grades=list("ABC")).concentration
    assert plain["weight"].tolist() == ["count", "count"]


def test_the_worked_concentration() -> None:
    grades = np.repeat(list("ABC"), [50, 30, 20])
    found = migration(grades, grades, grades=list("ABC"))
    assert found.concentration[["hhi", "normalised"]].to_numpy() == pytest.approx(
        np.tile([0.38, 0.07], (2, 1))
    )
    value = found.summary.set_index("metric")["value"]
    assert value["stayed"] == 1
    assert np.isnan(value["upper bandwidth"])
    assert "A" in repr(found)


def test_two_borrowers_who_moved_alike_prove_nothing() -> None:
    found = migration(["A", "A", "B", "C"], ["B", "B", "B", "C"], grades=list("ABC")).tests
    assert found.loc[0, "z"] == np.inf
    assert found.loc[0, "exact_p"] == 0.25
    assert found.loc[0, "p_adjusted"] > 0.05
    many = migration(["A"] * 20, ["C"] * 15 + ["B"] * 5, grades=list("ABC")).tests
    assert many.set_index(["before", "after"]).loc[("A", "C"), "exact_p"] < 0.05


def test_series_must_speak_of_the_same_borrowers() -> None:
    before = pd.Series(["A", "B"], index=["m1", "m2"])
    after = pd.Series(["B", "B"], index=["m2", "m1"])
    with refused("same index", error=InputError):
        migration(before, after, grades=["A", "B"])
    found = migration(before, after.reindex(before.index), grades=["A", "B"])
    assert found.summary["value"].iloc[0] == 0.5


NO_MOVES = {
    "an unknown grade": ((["A"], ["E"]), {}, "after"),
    "other lengths": ((["A"], ["A", "B"]), {}, "one length"),
    "nobody": (([], []), {}, "one length"),
    "nobody at both times": ((["A", None], [None, "B"]), {}, "graded at both times"),
    "numbers": (([1, 2], [1, 2]), {}, "before"),
    "negative money": ((["A"], ["A"]), {"exposure_before": [-1.0]}, "exposure_before"),
    "money that lacks": ((["A"], ["A"]), {"exposure_after": [np.nan]}, "exposure_after"),
    "money of others": ((["A"], ["A"]), {"exposure_after": [1.0, 2.0]}, "exposure_after"),
    "no scale": ((["A"], ["A"]), {"grades": []}, "grades"),
    "a scale of text": ((["A"], ["A"]), {"grades": "ABCD"}, "grades"),
}


@pytest.mark.parametrize("case", NO_MOVES)
def test_what_are_no_moves_is_refused(case: str) -> None:
    pair, more, words = NO_MOVES[case]
    with refused(words, error=InputError):
        migration(*pair, **{"grades": SCALE, **more})
