"""What alarms are worth and where marks are set, against plain counts on made-up looks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.alerts import (
    WARNING_RULES,
    WarningRule,
    WarningRules,
    measure_warnings,
    rate_warnings,
    tune_warnings,
)
from alicredit.alerts.looks import Looks
from alicredit.alerts.tuning import _candidates, _log_odds, _mark, _overdue, _settled
from alicredit.alerts.values import latest_score, read_scores
from alicredit.errors import InputError

CODE = "WARN_SALES_FALL"
FALL, OVERDUE = WARNING_RULES[CODE], WARNING_RULES["WARN_OVERDUE"]
START = pd.Timestamp("2013-01-01")


def looks_of(rows: list[tuple], **columns) -> pd.DataFrame:
    """Lay out looks: loan, day, level; each loan with a merchant of its own."""
    frame = pd.DataFrame(rows, columns=["loan_id", "day", "level"])
    return frame.assign(
        merchant_id="of " + frame["loan_id"], days_past_due=0,
        as_of=START + pd.to_timedelta(frame.pop("day"), unit="D"), **columns,
    )  # fmt: skip


def fates(rows: dict[str, tuple[str, int | None]]) -> pd.DataFrame:
    days = [pd.NaT if day is None else START + pd.Timedelta(days=day) for _, day in rows.values()]
    return pd.DataFrame({"loan_id": list(rows), "outcome": [w for w, _ in rows.values()],
                         "arrears_day": pd.to_datetime(days)})  # fmt: skip


FATES = fates({"bad": ("default", 40), "worse": ("default", 40), "good": ("repaid", None),
               "fine": ("repaid", None), "young": ("open", None)})  # fmt: skip


def test_lead_false_alarms_and_chance_are_those_counted_by_hand() -> None:
    looks = looks_of([
        ("bad", 0, "green"), ("bad", 10, "amber"), ("bad", 26, "red"), ("bad", 27, "red"),
        ("worse", 0, "green"), ("worse", 27, "red"),  # thirteen days before: too late
        ("good", 0, "green"), ("good", 5, "amber"), ("good", 40, "green"), ("good", 41, "green"),
        ("fine", 3, "green"), ("young", 3, "red"),
    ])  # fmt: skip
    told = measure_warnings(looks, FATES).iloc[0]
    assert (told["defaults"], told["warned"]) == (2, 0.5)
    assert (told["lead_p10"], told["lead_p50"], told["lead_p90"]) == (30.0, 30.0, 30.0)
    assert told["loan_months"] == 3  # good in January and February, fine in January
    assert told["false_alarms"] == pytest.approx(1 / 3)
    # An alarm at one look in five: bad was seen three times in time, worse once.
    assert told["by_chance"] == pytest.approx(((1 - 0.8**3) + (1 - 0.8)) / 2)
    red = measure_warnings(looks, FATES, level="red").iloc[0]
    assert (red["false_alarms"], red["warned"], red["lead_p50"]) == (0.0, 0.5, 14.0)
    late = measure_warnings(looks, FATES, ahead_days=15, level="red").iloc[0]
    assert late["warned"] == 0.0
    assert np.isnan(late[["lead_p10", "lead_p50", "lead_p90"]].astype(float)).all()


def test_what_is_overdue_already_takes_no_part() -> None:
    looks = looks_of([("bad", 0, "green"), ("bad", 5, "red"), ("good", 1, "green")])
    looks.loc[1, "days_past_due"] = 1
    assert measure_warnings(looks, FATES).iloc[0]["warned"] == 0.0
    looks.loc[1, "days_past_due"] = 0
    assert measure_warnings(looks, FATES).iloc[0]["warned"] == 1.0


def test_a_look_on_the_day_arrears_begin_is_not_before_them() -> None:
    both = looks_of([("bad", 39, "red"), ("bad", 40, "red"), ("good", 1, "green")])
    found = Looks.of(both, FATES, 0)
    assert found.bad.tolist() == [True, False, False]
    assert found.ahead.tolist() == [True, False, False]
    assert found.days_ahead[0] == 1.0
    assert Looks.of(both, FATES, 1).ahead.tolist() == [True, False, False]
    assert Looks.of(both, FATES, 2).ahead.tolist() == [False, False, False]


def test_the_score_alone_alarms_as_often_as_the_warnings_do() -> None:
    rows = [(f"g{k}", 1, "amber" if k < 2 else "green") for k in range(10)]
    rows += [("bad", 1, "green")]
    fate = fates({f"g{k}": ("repaid", None) for k in range(10)} | {"bad": ("default", 40)})
    score = [*range(600, 610), 599.5]  # below all of the repaid
    told = measure_warnings(looks_of(rows, score=score), fate).set_index("alarm")
    assert told.loc["score alone", "false_alarms"] == pytest.approx(0.2)
    assert told.loc["warnings", "false_alarms"] == pytest.approx(0.2)
    assert (told.loc["score alone", "warned"], told.loc["warnings", "warned"]) == (1.0, 0.0)
    assert (told.loc["warnings", "gain"], told.loc["score alone", "gain"]) == (-1.0, 0.0)
    all_alarm = looks_of([(name, day, "red") for name, day, _ in rows], score=score)
    told = measure_warnings(all_alarm, fate).set_index("alarm")
    assert told["false_alarms"].tolist() == [1.0, 1.0]
    lacking = looks_of(rows, score=[*range(600, 610), np.nan])  # no score is no alarm
    assert measure_warnings(lacking, fate).set_index("alarm").loc["score alone", "warned"] == 0.0


@pytest.mark.parametrize(
    ("looks", "fate", "says"),
    [
        (3, FATES, "warnings must be a frame"), (looks_of([("bad", 0, "red")]), 3, "outcomes"),
        (looks_of([("bad", 0, "red")]), FATES, "looks at loans repaid"),
        (looks_of([("good", 0, "red")]), FATES, "looks at loans that defaulted later"),
        (looks_of([("bad", 40, "red"), ("good", 0, "red")]), FATES, "that defaulted later"),
        (looks_of([("bad", 0, "red")]), pd.concat([FATES, FATES]), "one row a loan"),
        (looks_of([("bad", 0, "red")]).drop(columns="as_of"), FATES, "as_of"),
        (looks_of([("bad", 0, "red")]), FATES.drop(columns="outcome"), "outcome"),
        (looks_of([("bad", 0, "red"), ("good", 0, "red")]).drop(columns="level"), FATES, "level"),
    ],
)  # fmt: skip
def test_looks_without_both_fates_are_refused(looks, fate, says) -> None:
    with pytest.raises(InputError, match=says):
        measure_warnings(looks, fate)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.floats(0, 1))
def test_a_mark_is_the_fewest_points_within_the_budget(worst, budget) -> None:
    values = np.array(worst, dtype=float)
    mark = _mark(values, budget)
    assert mark >= 1
    if (values >= mark).mean() <= budget:
        assert mark == 1 or (values >= mark - 1).mean() > budget
    else:
        assert (values > mark).mean() <= budget  # no mark keeps to it: the last that there is


def test_odds_of_bins_rise_and_each_is_that_of_its_share_drawn_by_two_loans() -> None:
    # Reached by 40, 20 and 10 of 200 repaid, and by 30, 24 and 20 of 50 defaulted loans.
    tail = np.array([[40.0, 20.0, 10.0], [30.0, 24.0, 20.0]])
    odds = _log_odds(tail, 200.0, 50.0)
    want = []
    for good, bad in ((20, 6), (10, 4), (10, 20)):
        share = good / 200
        want.append(np.log2((bad + 2 * share) / 52 / share))
    assert want[0] < want[1] < want[2]
    assert odds.tolist() == pytest.approx(want)
    # Neighbours that would fall are pooled: 6 of 20 and 2 of 20 are 8 of 40.
    pooled = _log_odds(np.array([[50.0, 30.0, 10.0], [28.0, 22.0, 20.0]]), 200.0, 50.0)
    one = np.log2((8 + 2 * 0.2) / 52 / 0.2)
    assert pooled.tolist() == pytest.approx([one, one, np.log2((20 + 0.1) / 52 / 0.05)])
    # A bin that no repaid loan reaches counts as reached by half a one.
    empty = _log_odds(np.array([[0.0], [10.0]]), 200.0, 50.0)
    assert empty[0] == pytest.approx(np.log2((10 + 2 * 0.0025) / 52 / 0.0025))


@settings(max_examples=30)
@given(st.integers(0, 999), st.sampled_from(["<", "<=", ">", ">="]))
def test_candidates_are_ever_worse_and_reached_by_few_repaid_loans(seed, operator) -> None:
    rng = np.random.default_rng(seed)
    rule = WarningRule(code=CODE, features=(), operator=operator, steps=((0.0, 1),),
                       window_days=1, unit="x", evidence="J")  # fmt: skip
    values, weight = rng.normal(size=400).round(2), rng.random(400)
    found = _candidates(rule, values, weight)
    assert found
    shares = [weight[rule.reaches(values, each)].sum() / weight.sum() for each in found]
    assert all(rule.is_worse(b, a) for a, b in pairwise(found))
    assert 0.05 < shares[0] <= 0.4
    assert shares == sorted(shares, reverse=True)
    assert all(share > 0 for share in shares)


def test_a_rule_judged_beforehand_warns_alone_and_what_is_overdue_is_red_at_its_last_step() -> None:
    judged = WarningRule(code=CODE, features=(), operator="<", steps=((0.5, 10**6),),
                         window_days=1, unit="x", evidence="J")  # fmt: skip
    assert _settled(judged, 20, 50).steps == ((0.5, 49),)  # red with anything more
    assert _settled(judged, 20, 20).steps == ((0.5, 20),)
    assert _settled(FALL, 20, 50) is FALL
    assert _overdue(OVERDUE, WARNING_RULES, 20, 50).steps == ((1.0, 20), (91.0, 51))
    for points, worth in ((1, 20), (2, 50)):
        one = WarningRule(code="WARN_OVERDUE", features=(), operator=">=", steps=((1.0, points),),
                          window_days=1, unit="days", evidence="B")  # fmt: skip
        assert _overdue(one, WARNING_RULES, 20, 50).steps == ((1.0, worth),)


def population(size: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    n = np.arange(size)
    looks = pd.DataFrame({
        "loan_id": n.astype(str), "merchant_id": n.astype(str), "product_id": "taobao_order",
        "as_of": START, "days_past_due": 0, "no_source": [()] * size, CODE: n % 200 / 100,
    })  # fmt: skip
    outcome = np.where((n % 200 < 10) & (n >= 200), "default", "repaid")
    fate = pd.DataFrame({"loan_id": n.astype(str), "arrears_day": START + pd.Timedelta(days=31),
                         "outcome": outcome})  # fmt: skip
    return looks, fate


@pytest.mark.parametrize("budget", [0.0, 0.03, 0.05, 0.2])
def test_tuned_rules_keep_to_their_budget_of_false_alarms(budget) -> None:
    looks, fate = population()
    tuned = tune_warnings(looks, fate, false_alarms=budget)
    again = rate_warnings(looks, tuned)
    repaid = (fate["outcome"] == "repaid").to_numpy()
    assert again["level"].isin(["amber", "red"])[repaid].mean() <= budget
    assert again["level"].eq("red")[repaid].mean() <= budget / 5 + 1e-12
    assert tuned.red_points >= tuned.amber_points >= 1


def test_a_rule_that_speaks_against_default_is_dropped_and_none_left_is_refused() -> None:
    looks, fate = population()
    upside_down = looks.assign(**{CODE: 2.0 - looks[CODE]})
    with pytest.raises(InputError, match="a rule that tells defaults from repaid loans"):
        tune_warnings(upside_down, fate)
    both = upside_down.assign(WARN_VIOLATION=looks[CODE].lt(0.1).astype(float))
    assert tune_warnings(both, fate).codes == ("WARN_VIOLATION",)


def test_a_rule_that_fired_on_too_few_loans_keeps_its_threshold() -> None:
    looks, fate = population()
    for few, is_kept in ((2, True), (3, False)):
        value = np.ones(len(looks))
        value[200 : 200 + few] = 0.1  # loans that default, and two that are repaid
        value[:2] = 0.1
        tuned = tune_warnings(looks.assign(**{CODE: value}), fate)
        assert (tuned.rules[0].threshold == FALL.threshold) == is_kept


def test_a_rule_that_fired_on_defaults_alone_is_the_best_there_is_and_is_kept() -> None:
    looks, fate = population()
    value = np.ones(len(looks))
    value[200:207] = 0.1  # seven loans that default, and none that is repaid
    tuned = tune_warnings(looks.assign(**{CODE: value}), fate, false_alarms=0.0)
    assert tuned.rules[0].threshold == FALL.threshold
    # Half a repaid loan stands for none, and two loans draw the odds to none.
    share = 0.5 / 390
    assert tuned.rules[0].steps[0][1] == round(10 * np.log2((7 + 2 * share) / 12 / share))
    level = rate_warnings(looks.assign(**{CODE: value}), tuned)["level"]
    assert level.isin(["amber", "red"]).tolist() == (value < 1).tolist()


def test_a_level_is_red_at_its_mark_amber_below_it_and_unknown_where_blind() -> None:
    rules = WarningRules(
        (WARNING_RULES["WARN_VIOLATION"], WARNING_RULES["WARN_NO_LOGIN"], OVERDUE),
        amber_points=1, red_points=2,
    )  # fmt: skip
    frame = pd.DataFrame({
        "product_id": ["taobao_order", "ali_credit", "taobao_order", "taobao_order",
                       "taobao_order", "taobao_order", "taobao_order"],
        "no_source": [(), (), (), (), ("WARN_VIOLATION",), ("WARN_SALES_FALL",), ()],
        "WARN_VIOLATION": [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, np.nan],
        "WARN_NO_LOGIN": [5.0, 5.0, 4.9, 4.9, 0.0, 0.0, np.nan],
        "WARN_OVERDUE": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    })  # fmt: skip
    told = rate_warnings(frame, rules)
    assert told["level"].tolist() == ["red", "red", "amber", "green", "unknown", "green", "unknown"]
    assert told["action"].tolist() == [
        "pull_order_loan", "freeze_undrawn", "freeze_undrawn", "none", "none", "none", "none",
    ]  # fmt: skip
    assert told["points"].tolist() == [2, 2, 1, 0, 0, 0, 0]
    late = rate_warnings(frame.assign(WARN_OVERDUE=[np.nan, *[0.0] * 6]).iloc[[0, 3]], rules)
    assert late["level"].tolist() == ["red", "green"]
    blind = rate_warnings(frame.assign(WARN_OVERDUE=np.nan).iloc[[3]], rules)
    assert blind["level"].tolist() == ["unknown"]


SCORES = pd.DataFrame({
    "merchant_id": ["m", "m", "k"], "score": [600.0, 580.0, 610.0],
    "as_of": pd.to_datetime(["2013-01-01", "2013-02-01", "2013-02-01"]),
})  # fmt: skip


@pytest.mark.parametrize(
    ("day", "score"),
    [("2012-12-31", np.nan), ("2013-01-01", 600.0), ("2013-01-31", 600.0), ("2013-02-01", 580.0),
     ("2013-03-04", 580.0), ("2013-03-05", np.nan)],
)  # fmt: skip
def test_the_latest_score_stands_for_31_days(day, score) -> None:
    asked = pd.DataFrame({"merchant_id": ["m", "k"], "as_of": pd.to_datetime([day] * 2)})
    found = latest_score(asked, read_scores(SCORES))["score"].tolist()
    assert found[0] == pytest.approx(score, nan_ok=True)


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ([1], "must be a frame"), (SCORES.drop(columns="score"), "score"),
        (SCORES.assign(score="high"), "finite points"), (SCORES.assign(score=np.inf), "finite"),
        (SCORES.head(0), "at least one row"), (pd.concat([SCORES, SCORES]), "one score"),
        (SCORES.assign(merchant_id=[None, "m", "k"]), "^scores: "),
    ],
)  # fmt: skip
def test_scores_that_are_none_are_refused(scores, says) -> None:
    with pytest.raises(InputError, match=says):
        read_scores(scores)
