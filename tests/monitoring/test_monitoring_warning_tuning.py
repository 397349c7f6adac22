"""Tuned warnings keep to their budget, and measures are what counting by hand gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_stage import book, day

import alicredit as ac
from alicredit.errors import InputError
from alicredit.ledger import read_postings
from alicredit.monitoring import (
    WARNING_RULES,
    early_warnings,
    loan_outcomes,
    measure_warnings,
    rate_warnings,
    tune_warnings,
)

PLAIN = WARNING_RULES.without("WARN_SCORE_FALL", "WARN_SCORE_LOW")
CODES = [code for code in PLAIN.codes if code != "WARN_OVERDUE"]


def made(seed: int, loans: int = 3000, told: float = 1.2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Looks of a known law: sales of defaulting loans are lower by ``told`` deviations; the rest
    of the values are drawn alike for all; four looks a week apart, arrears a day after the last
    one but two weeks."""
    rng = np.random.default_rng(seed)
    is_bad = rng.random(loans) < 0.05
    ids = np.array([f"l{k:05d}" for k in range(loans)])
    start = pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 200, loans), "D")
    fate = pd.DataFrame(
        {"loan_id": ids, "outcome": np.where(is_bad, "default", "repaid"),
         "arrears_day": (start + pd.Timedelta(days=36)).where(is_bad)}
    )  # fmt: skip
    rows = np.repeat(np.arange(loans), 4)
    frame = pd.DataFrame(
        {"loan_id": ids[rows], "merchant_id": [f"m{k // 2}" for k in rows],
         "product_id": "taobao_order", "days_past_due": 0, "no_source": [()] * len(rows),
         "as_of": start[rows] + pd.to_timedelta(7 * np.tile(np.arange(4), loans), "D")}
    )  # fmt: skip
    lasting = rng.normal(size=loans)[rows] - told * is_bad[rows]
    noise = rng.normal(size=len(rows))
    frame["WARN_SALES_FALL"] = np.exp(0.6 * (0.8 * lasting + 0.6 * noise))
    frame["WARN_REFUND_RISE"] = rng.exponential(1.0, len(rows))
    frame["WARN_RATING_DROP"] = np.where(rng.random(len(rows)) < 0.5, np.nan,
                                         0.07 * rng.normal(size=len(rows)))  # fmt: skip
    frame["WARN_NO_LOGIN"] = rng.integers(0, 6, len(rows)).astype(float)
    frame["WARN_VIOLATION"] = (rng.random(len(rows)) < 0.005).astype(float)
    frame["WARN_TRANSFER_OUT"] = 0.0
    return frame, fate


@pytest.mark.parametrize("budget", [0.02, 0.05, 0.15])
def test_false_alarms_keep_to_the_budget_where_tuned_and_near_it_elsewhere(budget: float) -> None:
    frame, fate = made(1)
    tuned = tune_warnings(frame, fate, rules=PLAIN, false_alarms=budget)
    at_home = measure_warnings(rate_warnings(frame, tuned), fate).iloc[0]
    assert 0.4 * budget < at_home["false_alarms"] <= budget
    other, their_fate = made(2)
    away = measure_warnings(rate_warnings(other, tuned), their_fate).iloc[0]
    assert away["false_low"] < 1.25 * budget
    assert away["false_high"] > 0.6 * budget
    assert away["warned_low"] > away["by_chance"]
    red = measure_warnings(rate_warnings(frame, tuned), fate, level="red").iloc[0]
    assert red["false_alarms"] <= budget / 5
    assert red["warned"] <= at_home["warned"]


def test_what_tells_nothing_gets_no_points_to_speak_of_and_what_tells_gets_them() -> None:
    tuned = tune_warnings(*made(3, loans=12_000), rules=PLAIN)
    worth = {rule.code: rule.steps[-1][1] for rule in tuned.rules}
    assert worth["WARN_SALES_FALL"] > 15
    assert max(worth.get(code, 0) for code in ("WARN_REFUND_RISE", "WARN_NO_LOGIN")) < 10


def test_values_without_any_relation_warn_no_better_than_chance() -> None:
    frame, fate = made(4, loans=6000, told=0.0)
    other, their_fate = made(5, loans=6000, told=0.0)
    tuned = tune_warnings(frame, fate, rules=PLAIN)
    away = measure_warnings(rate_warnings(other, tuned), their_fate).iloc[0]
    assert away["warned_low"] < away["by_chance"] < away["warned_high"]


def test_a_rule_that_hardly_fired_keeps_its_threshold_and_warns_alone() -> None:
    frame, fate = made(6)
    tuned = tune_warnings(frame, fate, rules=PLAIN)
    kept = tuned["WARN_TRANSFER_OUT"]
    assert kept.threshold == 0.8
    assert tuned.red_points > tuned.amber_points + 1
    one = frame.iloc[[0]].assign(**dict.fromkeys(CODES, np.nan) | {"WARN_TRANSFER_OUT": 0.9})
    assert rate_warnings(one, tuned)["level"].tolist() == ["amber"]
    for rule in tuned.rules:
        if rule.code != "WARN_TRANSFER_OUT":
            worse = rule.threshold + (-0.001 if rule.operator in ("<", "<=") else 0.001)
            both = rate_warnings(one.assign(**{rule.code: worse}), tuned)
            assert both["level"].tolist() == ["red"], rule.code


@pytest.mark.parametrize(("worth", "level"), [(1, "amber"), (2, "red"), (5, "red")])
def test_what_is_overdue_is_never_dropped_by_tuning(worth: int, level: str) -> None:
    frame, fate = made(6)
    frame["WARN_OVERDUE"] = 0.0
    late = replace(PLAIN["WARN_OVERDUE"], steps=((1.0, worth),))
    rules = replace(PLAIN, rules=(*PLAIN.without("WARN_OVERDUE").rules, late))
    tuned = tune_warnings(frame, fate, rules=rules)
    assert tuned["WARN_OVERDUE"].threshold == 1
    one = frame.iloc[[0]].assign(**dict.fromkeys(CODES, np.nan) | {"WARN_OVERDUE": 3.0})
    assert rate_warnings(one, tuned)["level"].tolist() == [level]


@given(seed=st.integers(0, 10**6), budget=st.floats(0.005, 0.3))
@settings(max_examples=8)
def test_tuned_points_never_fall_as_values_get_worse(seed: int, budget: float) -> None:
    tuned = tune_warnings(*made(seed, loans=400), rules=PLAIN, false_alarms=budget)
    for rule in tuned.rules:
        worse = np.linspace(-5, 50, 400) * (-1 if rule.operator in ("<", "<=") else 1)
        assert (np.diff(rule.points_of(np.sort(worse)[:: -1 if worse[0] > 0 else 1])) >= 0).all()
    assert tuned.red_points >= tuned.amber_points


def test_tuning_is_the_same_in_any_order_of_rows() -> None:
    frame, fate = made(7, loans=800)
    mixed = frame.sample(frac=1, random_state=1)
    assert tune_warnings(frame, fate, rules=PLAIN) == tune_warnings(
        mixed, fate.sample(frac=1, random_state=2), rules=PLAIN
    )


def test_measures_are_what_counting_by_hand_gives() -> None:
    frame, fate = made(8, loans=300)
    rng = np.random.default_rng(8)
    frame["score"] = rng.normal(600, 30, len(frame))
    frame.loc[rng.random(len(frame)) < 0.1, "score"] = np.nan
    frame["level"] = rng.choice(["green", "amber", "red", "unknown"], len(frame),
                                p=[0.7, 0.1, 0.05, 0.15])  # fmt: skip
    frame.loc[rng.random(len(frame)) < 0.1, "days_past_due"] = 4
    told = measure_warnings(frame, fate, ahead_days=20).set_index("alarm")
    fates = fate.set_index("loan_id")
    alarms = {"warnings": lambda row: row["level"] in ("amber", "red")}
    months, defaults, least = {}, {}, {}
    for row in frame.to_dict("records"):
        if row["days_past_due"]:
            continue
        loan = fates.loc[row["loan_id"]]
        if loan["outcome"] == "repaid":
            key = (row["loan_id"], row["as_of"].strftime("%Y-%m"))
            months[key] = months.get(key, False) or alarms["warnings"](row)
            score = np.inf if np.isnan(row["score"]) else row["score"]
            least[key] = min(least.get(key, np.inf), score)
        else:
            ahead = (loan["arrears_day"] - row["as_of"]).days
            defaults.setdefault(row["loan_id"], []).append((ahead, row))
    false = np.mean(list(months.values()))
    assert told.loc["warnings", "loan_months"] == len(months)
    assert told.loc["warnings", "false_alarms"] == pytest.approx(false)
    allowed = sum(months.values())
    mark = sorted(least.values())[allowed]
    alarms["score alone"] = lambda row: row["score"] < mark
    assert told.loc["score alone", "false_alarms"] == pytest.approx(allowed / len(months))
    for name, alarm in alarms.items():
        leads = [max((a for a, row in looks if a >= 20 and alarm(row)), default=None)
                 for looks in defaults.values()]  # fmt: skip
        assert told.loc[name, "defaults"] == len(leads)
        assert told.loc[name, "warned"] == pytest.approx(np.mean([each is not None for each in
                                                                  leads]))  # fmt: skip
        found = [each for each in leads if each is not None]
        assert told.loc[name, "lead_p50"] == pytest.approx(np.median(found))
    gain = told.loc["warnings", "warned"] - told.loc["score alone", "warned"]
    assert told.loc["warnings", "gain"] == pytest.approx(gain)


def test_outcomes_are_default_repaid_or_too_early_to_say() -> None:
    owed = 101_500
    postings = book(
        [(0, 30, owed), (1, 30, owed), (2, 30, owed), (3, 30, owed)],
        [(1, 20, owed, 100_000), (2, 150, owed, 100_000)],
    )
    until = day(130)
    fate = loan_outcomes(postings, observed_until=until).set_index("loan_id")
    assert fate["outcome"].tolist() == ["default", "repaid", "default", "default"]
    assert (fate.loc[["l0", "l2"], "arrears_day"] == day(31)).all()
    assert (fate.loc[["l0", "l2"], "default_day"] == day(121)).all()
    early = loan_outcomes(postings, observed_until=day(120)).set_index("loan_id")
    assert early["outcome"].tolist() == ["open", "repaid", "open", "open"]
    thirty = loan_outcomes(postings, observed_until=day(61), days_past_due=30)
    assert thirty["outcome"].tolist() == ["default", "repaid", "default", "default"]


BAD = [
    ({"false_alarms": -0.1}, "false_alarms"), ({"false_alarms": 5}, "false_alarms"),
    ({"false_alarms": float("nan")}, "false_alarms"), ({"ahead_days": 1.5}, "ahead_days"),
    ({"ahead_days": -1}, "ahead_days"), ({"rules": None}, "rules"),
    ({"outcomes": "none"}, "outcomes"), ({"warnings": [1]}, "warnings"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "match"), BAD)
def test_bad_input_of_tuning_is_refused_by_name(change, match) -> None:
    frame, fate = made(1, loans=60)
    given_ = {"warnings": frame, "outcomes": fate} | change
    with pytest.raises(InputError, match=match):
        tune_warnings(given_.pop("warnings"), given_.pop("outcomes"), **given_)


@pytest.mark.parametrize("column", ["loan_id", "merchant_id", "as_of", "days_past_due", "level"])
def test_a_lacking_column_is_refused_by_name(column: str) -> None:
    frame, fate = made(1, loans=60)
    frame["level"] = "green"
    with pytest.raises(InputError, match=column):
        measure_warnings(frame.drop(columns=column), fate)


def test_a_side_without_loans_is_refused() -> None:
    frame, fate = made(1, loans=60)
    for outcome, match in (("repaid", "defaulted later"), ("default", "repaid")):
        one = fate[fate["outcome"] == outcome]
        with pytest.raises(InputError, match=match):
            tune_warnings(frame, one, rules=PLAIN)
    with pytest.raises(InputError, match="one row a loan"):
        tune_warnings(frame, pd.concat([fate, fate]), rules=PLAIN)


@pytest.mark.slow
def test_on_a_simulated_platform_warnings_beat_chance_within_their_budget() -> None:
    """Tuned on half of the merchants, measured on the other half (truth: what the ledger says)."""
    records, _ = ac.simulate_platform(1600, seed=12, default_rate=0.3, orders_per_month=12,
                                      months=48)  # fmt: skip
    looks = early_warnings(records, as_of=pd.date_range("2011-03-07", "2012-12-31", freq="7D"))
    looks = looks[looks["product_id"] == "taobao_order"]
    fate = loan_outcomes(read_postings(records), observed_until=records.notes["observed_until"])
    odd = looks["merchant_id"].str[-1].astype(int) % 2 == 1
    tuned = tune_warnings(looks[odd], fate, rules=PLAIN, false_alarms=0.05)
    away = measure_warnings(rate_warnings(looks[~odd], tuned), fate).iloc[0]
    assert away["defaults"] > 60
    assert away["false_low"] < 0.05
    assert away["false_high"] > 0.03
    assert away["warned_low"] > away["by_chance"]
