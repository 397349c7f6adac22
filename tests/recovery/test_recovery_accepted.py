"""Accepted offers written down: only what was offered, in whole fen, on days that are days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alicredit.errors import InputError
from alicredit.recovery import plan_facts, restructure_facts

MOMENT = pd.Timestamp("2013-01-20 09:30")
OFFERS = pd.DataFrame(
    {"loan_id": ["k", "l"], "is_offered": [True, True], "npv_loss": [0.0, 0.02]}, index=[7, 3]
)
PLANS = pd.DataFrame(
    {"loan_id": ["k", "k", "l"], "principal_fen": [250_000, 250_000, 0],
     "interest_fen": [7_500, 0, 0], "carried_fen": [1, 2, 3],
     "due_day": pd.to_datetime(["2013-02-20", "2013-03-20", "2013-02-20"])}
)  # fmt: skip


def test_facts_are_what_was_offered_row_for_row() -> None:
    facts = restructure_facts(OFFERS, accepted_at=MOMENT)
    assert facts[["loan_id", "npv_loss"]].to_numpy().tolist() == [["k", 0.0], ["l", 0.02]]
    assert facts["at"].eq(MOMENT).all()
    nullable = OFFERS.assign(is_offered=OFFERS["is_offered"].astype("boolean"))
    pd.testing.assert_frame_equal(restructure_facts(nullable, accepted_at=MOMENT), facts)
    assert restructure_facts(OFFERS[:0], accepted_at=MOMENT).empty
    due = plan_facts(PLANS, accepted_at=MOMENT)
    amounts = ["principal", "interest", "fee"]
    assert due[amounts].to_numpy().tolist() == [[250_000, 7_500, 1], [250_000, 0, 2], [0, 0, 3]]
    assert [str(kind) for kind in due[amounts].dtypes] == ["int64"] * 3
    assert due["known_at"].eq(MOMENT).all()
    others = dict.fromkeys(["principal_fen", "carried_fen"], "Int64") | {"interest_fen": float}
    pd.testing.assert_frame_equal(plan_facts(PLANS.astype(others), accepted_at=MOMENT), due)
    assert plan_facts(PLANS[:0], accepted_at=MOMENT).empty


@pytest.mark.parametrize(
    ("offers", "match"),
    [
        (None, "offers must be a frame"),
        ([{"loan_id": "l"}], "offers must be a frame"),
        (OFFERS.drop(columns="npv_loss"), "npv_loss"),
        (OFFERS.assign(is_offered=[True, np.nan]), "is_offered.*missing"),
        (OFFERS.assign(is_offered=pd.array([True, None], "boolean")), "is_offered.*missing"),
        (OFFERS.assign(is_offered="False"), "is_offered.*True or False"),
        (OFFERS.assign(is_offered=1), "is_offered.*True or False"),
        (OFFERS.assign(is_offered=[True, False]), "'l' refused"),
        (OFFERS.assign(npv_loss=[0.0, np.nan]), "npv_loss.*from 0 to 1; found nan in row 1"),
        (OFFERS.assign(npv_loss=[np.inf, 0.0]), "npv_loss.*found inf in row 0"),
        (OFFERS.assign(npv_loss=-0.1), "npv_loss.*found -0.1"),
        (OFFERS.assign(npv_loss=2), "npv_loss.*found 2"),
        (OFFERS.assign(npv_loss="0.02"), "npv_loss.*values"),
        (OFFERS.assign(npv_loss=True), "npv_loss.*bool values"),
        (OFFERS.assign(npv_loss=0.02j), "npv_loss.*complex"),
        (OFFERS.assign(loan_id=["l", None]), "loan_id.*missing"),
        (pd.concat([OFFERS, OFFERS[1:]]), "each loan_id once; found 'l' again"),
    ],
)
def test_offers_that_are_none_are_refused(offers, match) -> None:
    with pytest.raises(InputError, match=match):
        restructure_facts(offers, accepted_at=MOMENT)


@pytest.mark.parametrize(
    ("plans", "match"),
    [
        (None, "plans must be a frame"),
        ("plans", "plans must be a frame"),
        (PLANS.drop(columns="carried_fen"), "carried_fen"),
        (PLANS.assign(principal_fen=-1.5), "principal_fen.*found -1.5 in row 0"),
        (PLANS.assign(principal_fen=[0, 0, -1]), "principal_fen.*found -1 in row 2"),
        (PLANS.assign(principal_fen=0.5), "principal_fen.*whole fen"),
        (PLANS.assign(interest_fen=[0, np.nan, 0]), "interest_fen.*found nan in row 1"),
        (PLANS.assign(interest_fen=pd.array([0, 0, None], "Int64")), "interest_fen.*<NA> in row 2"),
        (PLANS.assign(interest_fen=np.inf), "interest_fen.*found inf"),
        (PLANS.assign(carried_fen="a"), "carried_fen.*values"),
        (PLANS.assign(carried_fen=False), "carried_fen.*bool values"),
        (PLANS.assign(due_day=[*PLANS["due_day"][:2], pd.NaT]), "due_day.*NaT in row 2"),
        (PLANS.assign(due_day="2013-02-20"), "due_day.*values"),
        (PLANS.assign(due_day=None), "due_day.*object values"),
        (PLANS.assign(due_day=PLANS["due_day"].dt.tz_localize("UTC")), "due_day.*UTC"),
        (PLANS.assign(loan_id=["k", "k", None]), "loan_id.*missing"),
        (pd.concat([PLANS, PLANS[2:]]), "each loan_id and due_day once; found 'l' again"),
    ],
)
def test_plans_that_are_none_are_refused(plans, match) -> None:
    with pytest.raises(InputError, match=match):
        plan_facts(plans, accepted_at=MOMENT)
