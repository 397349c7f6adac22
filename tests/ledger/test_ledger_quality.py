"""Grades, bad loans, provisions: the sums add up and worse is never better."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_stage import START, book

from alicredit.errors import InputError
from alicredit.ledger import (
    GRADES,
    STATES,
    GradeRules,
    asset_quality,
    classify_loans,
    expected_credit_loss,
    replay,
)
from alicredit.vocabulary import LOAN_GRADES


def states_of(rows: list[tuple[int, int, str]]) -> pd.DataFrame:
    """Make a day's states of (balance, days past due, state)."""
    return pd.DataFrame(
        {
            "loan_id": [f"l{k}" for k in range(len(rows))],
            "day": START,
            "balance_fen": np.array([row[0] for row in rows], dtype=np.int64),
            "accrued_fen": 0,
            "days_past_due": [row[1] for row in rows],
            "state": [row[2] for row in rows],
        }
    )


def test_grades_by_days_past_due() -> None:
    ends = {0: "pass", 1: "special_mention", 90: "special_mention", 91: "substandard",
            180: "substandard", 181: "doubtful", 360: "doubtful", 361: "loss"}  # fmt: skip
    states = states_of([(100, days, "arrears") for days in ends])
    assert classify_loans(states).tolist() == list(ends.values())
    assert [LOAN_GRADES[grade].text_zh for grade in GRADES] == [
        "正常",
        "关注",
        "次级",
        "可疑",
        "损失",
    ]


def test_grades_by_state_and_judgement() -> None:
    states = states_of(
        [(100, 0, state) for state in ("default", "restructured", "cured", "current")]
        + [(100, 400, "default"), (0, 0, "closed"), (100, 400, "written_off")]
    )
    plain = classify_loans(states)
    assert plain.iloc[:5].tolist() == [
        "substandard", "substandard", "special_mention", "pass", "loss",
    ]  # fmt: skip
    assert plain.iloc[5:].isna().all()
    judged = classify_loans(states, judgement=pd.Series({"l3": "doubtful", "l4": "pass"}))
    assert judged.iloc[:5].tolist() == [
        "substandard", "substandard", "special_mention", "doubtful", "loss",
    ]  # fmt: skip


ROWS = st.lists(
    st.tuples(st.integers(0, 10**10), st.integers(0, 800), st.sampled_from(STATES)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(ROWS)
def test_grades_add_up_to_the_balance(rows) -> None:
    states = states_of(rows)
    quality = asset_quality(states).iloc[0]
    live = states[~states["state"].isin(["closed", "written_off"])]
    grade = classify_loans(live)
    assert quality["balance"] == live["balance_fen"].sum() == quality[list(GRADES)].sum()
    bad = grade.isin(GRADES[2:])
    assert quality["npl"] == live["balance_fen"][bad].sum()
    exact = sum(
        np.floor(fen * {"pass": 1, "special_mention": 2, "substandard": 25, "doubtful": 50,
                        "loss": 100}[word] / 100 + 0.5)
        for fen, word in zip(live["balance_fen"], grade)
    )  # fmt: skip
    assert quality["provision"] == pytest.approx(exact, abs=len(rows))
    if quality["npl"]:
        assert quality["coverage"] == quality["provision"] / quality["npl"]
        assert quality["npl_ratio"] == quality["npl"] / quality["balance"]
    else:
        assert np.isnan(quality["coverage"])


@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from(STATES[:5]))
def test_later_is_never_graded_better(days, more, state) -> None:
    graded = classify_loans(states_of([(100, days, state), (100, days + more, state)])).cat.codes
    assert graded[0] <= graded[1]


def test_seven_in_a_thousand() -> None:
    quality = asset_quality(states_of([(993_000, 0, "current"), (7_000, 120, "default")])).iloc[0]
    assert quality["npl_ratio"] == 0.007
    assert quality["provision"] == 9_930 + 1_750
    assert quality["coverage"] == pytest.approx(11_680 / 7_000)


def test_a_day_without_loans_has_no_ratio() -> None:
    gone = asset_quality(states_of([(0, 0, "closed")])).iloc[0]
    assert gone["balance"] == gone["npl"] == gone["provision"] == 0
    assert np.isnan(gone["npl_ratio"])


def test_a_replayed_book_is_summed_up_day_by_day() -> None:
    made = book([(0, 30, 101_500), (1, 30, 101_500)], [(1, 30, 101_500, 100_000)])
    quality = asset_quality(replay(made, pd.date_range(START, periods=400)))
    assert quality["balance"].iloc[29] == 200_000
    assert quality["balance"].iloc[31] == 100_000
    assert quality["npl_ratio"].iloc[120] == 0
    assert quality["npl_ratio"].iloc[121] == 1
    assert quality["loss"].iloc[391] == 100_000


def test_stages() -> None:
    states = states_of(
        [(100_000, 0, "current"), (100_000, 30, "arrears"), (100_000, 31, "arrears"),
         (100_000, 0, "cured"), (100_000, 0, "restructured"), (0, 0, "closed")]
    )  # fmt: skip
    states["accrued_fen"] = 1_000
    losses = expected_credit_loss(states, pd_12m=0.02, pd_lifetime=0.3, lgd=0.5)
    assert losses["stage"].tolist() == [1, 1, 2, 2, 3]
    assert losses["exposure_fen"].tolist() == [101_000] * 5
    assert losses["provision_fen"].tolist() == [1010, 1010, 15_150, 15_150, 50_500]


@given(ROWS, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_worse_stage_never_sets_less_aside(rows, near, more, lgd) -> None:
    far = near + (1 - near) * more
    losses = expected_credit_loss(states_of(rows), pd_12m=near, pd_lifetime=far, lgd=lgd)
    assert (losses["provision_fen"] <= losses["exposure_fen"]).all()
    one = losses["exposure_fen"].iloc[0] if len(losses) else 0
    each = [states_of([(int(one), days, state)]) for days, state in
            ((0, "current"), (60, "arrears"), (91, "default"))]  # fmt: skip
    found = [
        int(expected_credit_loss(s, pd_12m=near, pd_lifetime=far, lgd=lgd)["provision_fen"].iloc[0])
        for s in each
    ]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda s: GradeRules(beyond_days=(0, 90, 180)), "beyond_days"),
        (lambda s: GradeRules(provision_rates=("0", "0.5", "0.2", "1", "1")), "provision_rates"),
        (lambda s: GradeRules(provision_rates=("0", "0", "0", "0", "1.5")), "provision_rates"),
        (lambda s: classify_loans(s.drop(columns="balance_fen")), "balance_fen"),
        (lambda s: classify_loans(s, judgement=pd.Series({"l0": "fine"})), "judgement"),
        (lambda s: expected_credit_loss(s, pd_12m=0.5, pd_lifetime=0.4, lgd=1), "pd_lifetime"),
        (lambda s: expected_credit_loss(s, pd_12m=-0.5, pd_lifetime=0.4, lgd=1), "pd_12m"),
        (lambda s: expected_credit_loss(s, pd_12m=0, pd_lifetime=0, lgd=[1, 1]), "lgd"),
        (lambda s: expected_credit_loss(s, pd_12m=0, pd_lifetime=0, lgd=np.nan), "lgd"),
    ],
)
def test_what_cannot_be_is_refused(call, argument) -> None:
    with pytest.raises(InputError, match=argument):
        call(states_of([(100, 0, "current")]))
