"""Points, levels, evidence and scores are what plain loops over one look at a time give."""

from __future__ import annotations

import dataclasses
import math
import operator
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.alerts.tuning import _candidates, _log_odds, _mark
from alicredit.alerts.values import _score_change, latest_score, read_scores
from alicredit.errors import InputError
from alicredit.monitoring import (
    WARNING_RULES,
    WarningRule,
    WarningRules,
    explain_warnings,
    loan_outcomes,
    rate_warnings,
)
from alicredit.records import TABLES

SIDES = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
CODES = WARNING_RULES.codes


def rule_of(sign: str, *steps: tuple[float, int], code: str = "WARN_NO_LOGIN") -> WarningRule:
    return WarningRule(code=code, features=(), operator=sign, steps=steps, window_days=5,
                       unit="days", evidence="J")  # fmt: skip


@st.composite
def some_rules(draw) -> WarningRules:
    """Some rules with one to three steps and any marks."""
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=5, unique=True))
    rules = []
    for code in codes:
        sign = draw(st.sampled_from(list(SIDES)))
        count = draw(st.integers(1, 3))
        marks = draw(st.lists(st.integers(-8, 8), min_size=count, max_size=count, unique=True))
        points = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count, unique=True))
        worse_last = sorted(marks, reverse=sign in ("<", "<="))
        rules.append(rule_of(sign, *zip(map(float, worse_last), sorted(points)), code=code))
    amber = draw(st.integers(1, 12))
    return WarningRules(tuple(rules), amber, amber + draw(st.integers(0, 12)))


value = st.one_of(st.integers(-9, 9).map(float), st.just(math.nan))


@given(some_rules(), st.data())
@settings(max_examples=60)
def test_levels_and_actions_are_what_a_loop_over_the_rules_gives(rules, data) -> None:
    rows = data.draw(st.integers(1, 6))
    frame = pd.DataFrame({
        "product_id": data.draw(st.lists(st.sampled_from(["taobao_order", "ali_credit"]),
                                         min_size=rows, max_size=rows)),
        "no_source": [data.draw(st.sampled_from([(), (rules.codes[0],), ("WARN_ELSE",)]))
                      for _ in range(rows)],
        **{code: data.draw(st.lists(value, min_size=rows, max_size=rows)) for code in rules.codes},
    })  # fmt: skip
    rated = rate_warnings(frame, rules)
    for given_, told in zip(frame.to_dict("records"), rated.to_dict("records")):
        points, fired, unknown = 0, [], []
        for rule in rules.rules:
            number = given_[rule.code]
            if math.isnan(number):
                unknown.append(rule.code)
                continue
            worth = 0
            for threshold, each in rule.steps:
                if SIDES[rule.operator](number, threshold):
                    worth = each
            points += worth
            fired += [rule.code] if worth else []
        early = [code for code in rules.codes if code != "WARN_OVERDUE"]
        blind = bool(set(given_["no_source"]) & set(rules.codes)) or (
            bool(early) and set(early) <= set(unknown)
        )
        blind |= "WARN_OVERDUE" in unknown
        if points >= rules.red_points:
            level = "red"
        elif points >= rules.amber_points:
            level = "amber"
        else:
            level = "unknown" if blind else "green"
        action = {"green": "none", "unknown": "none", "amber": "freeze_undrawn"}.get(level)
        if action is None:
            pulled = given_["product_id"] == "taobao_order"
            action = "pull_order_loan" if pulled else "freeze_undrawn"
        assert (told["level"], told["action"], told["points"]) == (level, action, points)
        assert told["fired"] == tuple(fired)
        assert told["unknown"] == tuple(unknown)


def test_few_points_do_not_make_a_blind_look_green() -> None:
    rules = dataclasses.replace(WARNING_RULES, amber_points=2, red_points=3)
    row = {"product_id": ["taobao_order"], "no_source": [("WARN_TRANSFER_OUT",)]}
    row |= {code: [0.0] for code in rules.codes} | {"WARN_VIOLATION": [1.0]}
    row |= {code: [1000.0] for code in ("WARN_SALES_FALL", "WARN_SCORE_LOW")}
    told = rate_warnings(pd.DataFrame(row), rules).iloc[0]
    assert (told["points"], told["level"], told["action"]) == (1, "unknown", "none")
    seen = rate_warnings(pd.DataFrame(row | {"no_source": [()]}), rules)
    assert seen["level"].tolist() == ["green"]


@given(some_rules())
@settings(max_examples=20)
def test_a_rule_taken_out_takes_its_points_along(rules) -> None:
    row = {"product_id": ["taobao_order"], "no_source": [()]}
    row |= {rule.code: [rule.steps[-1][0] + (-1 if rule.operator in ("<", "<=") else 1)]
            for rule in rules.rules}  # fmt: skip
    whole = rate_warnings(pd.DataFrame(row), rules)["points"][0]
    assert whole == sum(rule.steps[-1][1] for rule in rules.rules)
    if len(rules) > 1:
        rest = rate_warnings(pd.DataFrame(row), rules.without(rules.codes[0]))["points"][0]
        assert whole - rest == rules.rules[0].steps[-1][1]


def test_what_is_named_in_a_rule_is_what_a_set_of_rules_gives() -> None:
    assert WARNING_RULES["WARN_VIOLATION"].code == "WARN_VIOLATION"
    with pytest.raises(InputError, match="did you mean 'WARN_VIOLATION'"):
        WARNING_RULES["WARN_VIOLATIONS"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        WARNING_RULES["WARN_VIOLATION"].operator = "<"


def test_every_feature_that_a_rule_reads_is_of_a_declared_table_before_the_look() -> None:
    for rule in WARNING_RULES.rules:
        for feature in rule.features:
            assert not feature.table or feature.table in TABLES
            assert feature.window[1] == 0
            assert feature.title_zh


def looks_of(**values: list[float]) -> pd.DataFrame:
    size = len(next(iter(values.values())))
    return pd.DataFrame({"merchant_id": [f"m{k}" for k in range(size)],
                         "loan_id": [f"l{k}" for k in range(size)],
                         "as_of": pd.Timestamp("2013-03-01"), **values})  # fmt: skip


def test_evidence_names_value_threshold_window_and_titles_for_each_look_and_rule() -> None:
    told = explain_warnings(looks_of(WARN_SALES_FALL=[0.4, 0.6, math.nan],
                                     WARN_OVERDUE=[0.0, 3.0, 95.0]))  # fmt: skip
    assert told["loan_id"].tolist() == ["l0", "l0", "l1", "l1", "l2", "l2"]
    assert told["code"].tolist() == ["WARN_SALES_FALL", "WARN_OVERDUE"] * 3
    assert told["status"].tolist() == ["fired", "quiet", "quiet", "fired", "unknown", "fired"]
    assert told["points"].tolist() == [1, 0, 0, 1, 0, 2]
    first = told.iloc[0]
    assert (first["value"], first["operator"], first["threshold"]) == (0.4, "<", 0.5)
    assert (first["window_days"], first["evidence"], first["unit"]) == (
        14, "B", "share of expectation")  # fmt: skip
    assert first["title"] == "sales fell below what the season explains"
    assert first["title_zh"] == "销售额低于季节性预期"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: rate_warnings("looks", WARNING_RULES), "warnings must be a frame"),
        (lambda: rate_warnings(looks_of(WARN_OVERDUE=[1.0]), None), "rules must be WarningRules"),
        (lambda: explain_warnings("looks"), "warnings must be a frame"),
        (lambda: explain_warnings(looks_of(other=[1.0])), "at least one rule"),
        (lambda: explain_warnings(looks_of(WARN_OVERDUE=[1.0]).drop(columns="as_of")), "as_of"),
        (lambda: explain_warnings(looks_of(WARN_OVERDUE=[1.0]), ()), "rules must be"),
        (lambda: loan_outcomes("book", observed_until="2013-01-01"), "postings must be"),
    ],
)
def test_what_is_no_frame_and_no_rules_is_refused(call, match) -> None:
    with pytest.raises(InputError, match=match):
        call()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_scores_are_found_as_a_loop_over_their_days_finds_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2013-01-01")
    made = pd.DataFrame({"merchant_id": rng.choice(["a", "b", "c"], 25),
                         "as_of": start + pd.to_timedelta(rng.integers(0, 150, 25), "D"),
                         "score": rng.integers(400, 700, 25).astype(float)})  # fmt: skip
    made = made.drop_duplicates(["merchant_id", "as_of"])
    made.loc[rng.random(len(made)) < 0.1, "score"] = np.nan
    asked = pd.DataFrame({"merchant_id": rng.choice(["a", "b", "d"], 12), "as_of":
                          (start + pd.to_timedelta(rng.integers(0, 170, 12), "D"))})  # fmt: skip
    asked["as_of"] = asked["as_of"].astype("datetime64[us]")

    def latest(merchant: str, moment: pd.Timestamp) -> tuple[float, pd.Timestamp | None]:
        best, when = math.nan, None
        for row in made.dropna().itertuples():
            old = moment - row.as_of > pd.Timedelta(days=31)
            if row.merchant_id != merchant or row.as_of > moment or old:
                continue
            if when is None or row.as_of > when:
                best, when = row.score, row.as_of
        return best, when

    scores = read_scores(made)
    found = latest_score(asked, scores)["score"]
    change = _score_change(asked, scores)
    for k, row in enumerate(asked.itertuples()):
        now, when = latest(row.merchant_id, row.as_of)
        assert found[k] == pytest.approx(now, nan_ok=True)
        before = math.nan
        if when is not None:
            before, _ = latest(row.merchant_id, when - pd.Timedelta(days=28))
        assert change[k] == pytest.approx(now - before, nan_ok=True)


def test_odds_of_bins_are_drawn_to_none_and_never_fall() -> None:
    """Against the formula written out, for bins whose odds already rise."""
    tail = np.array([[0.2, 0.1, 0.02], [0.6, 0.5, 0.3]]) * [[100.0], [40.0]]
    odds = _log_odds(tail, 100.0, 40.0)
    bins = [(10.0, 4.0), (8.0, 8.0), (2.0, 12.0)]
    for told, (good, bad) in zip(odds, bins):
        share = good / 100
        assert told == pytest.approx(math.log2((bad + 2 * share) / (40 + 2) / share))
    assert (np.diff(odds) > 0).all()
    falls = _log_odds(np.array([[0.2, 0.1], [0.5, 0.1]]) * [[100.0], [40.0]], 100.0, 40.0)
    together = math.log2((20.0 + 2 * 0.2) / 42 / 0.2)
    assert falls.tolist() == pytest.approx([together, together])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.floats(0, 1))
@settings(max_examples=60)
def test_a_mark_is_the_fewest_points_within_the_budget(points, budget) -> None:
    worst = np.array(points, dtype=float)
    mark = _mark(worst, budget)
    assert (worst >= mark).mean() <= budget
    for fewer in range(1, mark):
        assert (worst >= fewer).mean() > budget


@given(st.lists(st.integers(0, 9), min_size=3, max_size=80), st.sampled_from(list(SIDES)))
@settings(max_examples=60)
def test_candidates_get_worse_and_are_reached_by_few(values, sign) -> None:
    rule = rule_of(sign, (5.0, 1))
    number = np.array(values, dtype=float)
    found = _candidates(rule, number, np.full(len(number), 0.5))
    shares = [float(np.mean([SIDES[sign](v, mark) for v in values])) for mark in found]
    assert all(0 < share <= 0.4 for share in shares)
    assert all(rule.is_worse(b, a) for a, b in pairwise(found))
    assert shares == sorted(shares, reverse=True)


def test_rules_are_shown_by_their_codes_and_marks() -> None:
    shown = repr(WARNING_RULES.without("WARN_NO_LOGIN"))
    assert "WARN_SALES_FALL" in shown
    assert "WARN_NO_LOGIN" not in shown
    assert shown.endswith("amber from 1 points, red from 2)")
    assert len(shown) < 300
