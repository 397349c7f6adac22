"""Plans that are kept, loans that cannot be claimed on, and the end of a malicious entry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recovery_stage import DAY, PEOPLE, at, loan_rows, payment
from recovery_stage import stage as make_records

from alicredit.errors import InputError
from alicredit.recovery import (
    BlacklistRules,
    assess_willingness,
    blacklist_changes,
    find_claims,
    plan_facts,
    restoration_offers,
    restructure_facts,
    worklist,
)
from alicredit.vocabulary import CLAIM_STATUSES, COLLECTION_STEPS, REASONS

START = at("2012-01-02")
DUE = START + 30 * DAY
LOANS = loan_rows(["l"], ["m"], [START])
DEEP = DUE + 150 * DAY
"""A day on which the loan has been in default for two months."""


def deal(day: pd.Timestamp, loss: float = 0.0) -> pd.DataFrame:
    """Make an accepted extension."""
    return pd.DataFrame({"loan_id": ["l"], "at": day, "kind": "extension", "npv_loss": loss})


def parts(day: pd.Timestamp, months: int = 5, fee: int = 0) -> pd.DataFrame:
    """Make the instalments of a plan without interest, known from its day."""
    ends = [day + pd.DateOffset(months=n + 1) for n in range(months)]
    return pd.DataFrame({"loan_id": "l", "due_at": ends, "principal": 500_000 // months,
                         "interest": 0, "fee": fee, "known_at": day})  # fmt: skip


def work(records, moment) -> pd.DataFrame:
    """Give the work list of a moment."""
    return worklist(records, as_of=moment, capacity=PEOPLE)


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("age", [150, 480])
def test_a_debtor_in_default_who_keeps_a_plan_is_on_a_plan_and_left_alone(written, age) -> None:
    day = DUE + age * DAY
    listed = {"instalments": parts(day)} if written else {}
    records = make_records(LOANS, restructures=deal(day), **listed)
    before = work(make_records(LOANS), day + DAY)
    assert before["action"].tolist() == (["list"] if age < 400 else ["write_off"])
    for later in (1, 10, 30):
        today = work(records, day + later * DAY + pd.Timedelta(hours=10))
        assert today[["status", "action", "scheduled"]].to_numpy().tolist() == [
            ["on_plan", "keep_plan", False]
        ]
        assert today["reasons"].tolist() == [("COL_PLAN",)]
    lapsed = work(records, day + 45 * DAY + pd.Timedelta(hours=10))  # nothing was paid
    assert lapsed["status"].tolist() == ["claimed"]
    assert lapsed["scheduled"].tolist() == [True]


def test_a_written_plan_is_kept_as_long_as_its_instalments_are_paid_and_no_longer() -> None:
    paid = pd.DataFrame([payment("l", DEEP + pd.DateOffset(months=n), 1_000.0) for n in (1, 2)])
    records = make_records(LOANS, restructures=deal(DEEP), instalments=parts(DEEP), repayments=paid)
    third = DEEP + pd.DateOffset(months=3)
    for day, status in ((DEEP + 70 * DAY, "on_plan"), (third, "on_plan"),
                        (third + 2 * DAY, "claimed")):  # fmt: skip
        assert work(records, day)["status"].tolist() == [status]
    claim = find_claims(records, as_of=third + 10 * DAY).iloc[0]
    assert (claim["days_past_due"], claim["due_fen"]) == (10, 100_000)
    # the plan took up what had accrued; since then 1,000 yuan for 10 days at 0.075 %
    assert claim["penalty_fen"] == 750


def test_one_kept_plan_says_nothing_of_the_debtors_other_loans() -> None:
    two = pd.concat([LOANS, loan_rows(["k"], ["m"], [DEEP - 50 * DAY])])
    records = make_records(two, restructures=deal(DEEP), instalments=parts(DEEP))
    today = work(records, DEEP + 2 * DAY + pd.Timedelta(hours=10)).set_index("loan_id")
    assert today["status"].to_dict() == {"l": "on_plan", "k": "claimed"}
    assert today["scheduled"].to_dict() == {"l": False, "k": True}


def test_an_accepted_offer_written_down_replaces_the_dues_and_asks_for_the_whole_claim() -> None:
    rng = np.random.default_rng(3)
    day = DUE + 40 * DAY
    orders = pd.DataFrame(
        {
            "order_id": [f"o{n}" for n in range(300)],
            "merchant_id": "m",
            "buyer_id": [f"b{n}" for n in range(300)],
            "amount": 300.0,
            "created_at": day - pd.to_timedelta(rng.uniform(1, 240, 300), "D"),
        }
    )
    orders["paid_at"] = orders["shipped_at"] = orders["confirmed_at"] = orders["created_at"]
    tables = {"orders": orders}
    made = restoration_offers(make_records(LOANS, **tables), as_of=day)
    assert made.offers["is_offered"].tolist() == [True]
    tables["restructures"] = restructure_facts(made.offers, accepted_at=day)
    tables["instalments"] = plan_facts(made.plans, accepted_at=day)
    asked = tables["instalments"][["principal", "interest", "fee"]].to_numpy()
    assert asked.sum() == made.plans["payment_fen"].sum()
    assert tables["instalments"]["principal"].sum() == 500_000
    records = make_records(LOANS, **tables)
    today = work(records, day + DAY)
    assert today[["status", "due_fen", "penalty_fen"]].to_numpy().tolist() == [["on_plan", 0, 0]]
    assert find_claims(records, as_of=day + DAY).empty
    again = restoration_offers(records, as_of=day + DAY)
    assert again.offers.empty
    with pytest.raises(InputError, match="fall due after accepted_at"):
        plan_facts(made.plans, accepted_at=day + 400 * DAY)
    with pytest.raises(InputError, match="carried_fen"):
        plan_facts(made.plans.drop(columns="carried_fen"), accepted_at=day)


def test_a_loan_of_which_it_is_not_known_what_it_owes_is_named_with_a_status() -> None:
    loans = loan_rows(["a", "b", "c"], ["m", "n", "o"], [START] * 3)
    loans.loc[0, "due_at"] = pd.NaT
    paid = pd.DataFrame([payment("b", DUE + 5 * DAY, np.nan), payment("c", DUE + DAY, 10.0)])
    records = make_records(loans, repayments=paid)
    claims = find_claims(records, as_of=DUE + 20 * DAY).set_index("loan_id")
    assert claims["status"].to_dict() == {"a": "no_due_day", "b": "uncounted", "c": "claimed"}
    amounts = ["days_past_due", "due_fen", "penalty_fen", "balance_fen", "accrued_fen"]
    assert claims.loc[["a", "b"], amounts].isna().all(axis=None)
    assert claims.loc["c", "days_past_due"] == 20
    assert claims.loc["a", "merchant_id"] == "m"
    assert claims.loc["a", "product_id"] == "taobao_order"
    today = work(records, DUE + 20 * DAY + pd.Timedelta(hours=10)).set_index("loan_id")
    assert today.loc[["a", "b"], "action"].tolist() == ["mend", "mend"]
    assert today.loc[["a", "b"], "reasons"].tolist() == [("COL_UNKNOWN",)] * 2
    assert today["scheduled"].to_dict() == {"a": False, "b": False, "c": True}
    assert set(today["action"]) <= set(COLLECTION_STEPS)
    assert set(today["status"]) <= set(CLAIM_STATUSES)
    assert {code for codes in today["reasons"] for code in codes} <= set(REASONS)
    # what cannot be claimed on stands in nobody's way
    verdicts = assess_willingness(records, as_of=DUE + 20 * DAY).verdicts
    assert verdicts["merchant_id"].tolist() == ["o"]
    offers = restoration_offers(records, as_of=DUE + 20 * DAY).offers
    assert offers["loan_id"].tolist() == ["c"]


def test_a_loan_without_a_due_day_that_was_repaid_or_has_instalments_is_claimed_as_usual() -> None:
    loans = LOANS.assign(due_at=pd.NaT).astype({"due_at": "datetime64[us]"})
    listed = pd.DataFrame({"loan_id": ["l"], "due_at": [DUE], "principal": [500_000],
                           "interest": [7_500]})  # fmt: skip
    named = find_claims(make_records(loans, instalments=listed), as_of=DUE + 5 * DAY)
    assert named["status"].tolist() == ["claimed"]
    assert named["due_fen"].tolist() == [507_500]
    repaid = pd.DataFrame([payment("l", DUE, 5_000.0)])
    assert find_claims(make_records(loans, repayments=repaid), as_of=DUE + 5 * DAY).empty


# Blacklist


def entry(reason: str, day: pd.Timestamp, source: str = "recovery") -> pd.DataFrame:
    """Make an entry that stands."""
    return pd.DataFrame({"merchant_id": ["m"], "from": day, "to": pd.NaT, "reason": reason,
                         "source": source})  # fmt: skip


def test_a_malicious_entry_of_a_merchant_that_never_defaulted_ends_sixty_months_after_it() -> None:
    paid = pd.DataFrame([payment("l", DUE, 5_000.0)])
    listed = entry("malicious", at("2012-03-15"))
    records = make_records(LOANS, blacklist=listed, repayments=paid)
    assert blacklist_changes(records, as_of="2017-03-14").empty
    leave = blacklist_changes(records, as_of="2017-03-15")
    assert leave[["change", "reason"]].to_numpy().tolist() == [["exit", "malicious"]]
    early = BlacklistRules(months_after_malice=12)
    assert len(blacklist_changes(records, as_of="2013-03-15", rules=early)) == 1
    court = make_records(LOANS, blacklist=entry("malicious", at("2012-03-15"), "court"),
                         repayments=paid)  # fmt: skip
    assert blacklist_changes(court, as_of="2019-03-15").empty


def test_months_run_from_the_entry_where_that_is_later_than_the_last_repayment() -> None:
    paid = pd.DataFrame([payment("l", DUE + 120 * DAY, 5_300.0, interest=300.0)])
    late_entry = DUE + 500 * DAY
    records = make_records(LOANS, blacklist=entry("malicious", late_entry), repayments=paid)
    over = late_entry + pd.DateOffset(months=60)
    assert blacklist_changes(records, as_of=over - DAY).empty
    assert blacklist_changes(records, as_of=over)["change"].tolist() == ["exit"]


def test_a_malicious_entry_stands_while_its_merchant_owes_or_is_malicious_again() -> None:
    listed = entry("malicious", at("2012-03-15"))
    owing = make_records(LOANS, blacklist=listed)
    changes = blacklist_changes(owing, as_of="2018-03-15")
    assert "exit" not in changes["change"].tolist()
    second = pd.concat([LOANS, loan_rows(["k"], ["m"], [at("2018-01-01")])])
    again = pd.DataFrame({"merchant_id": ["m"], "at": [at("2018-03-01")], "points": [12.0],
                          "kind": ["fake_trade"]})  # fmt: skip
    paid = pd.DataFrame([payment("l", DUE, 5_000.0)])
    records = make_records(second, blacklist=listed, repayments=paid, violations=again)
    judged = assess_willingness(records, as_of="2018-03-15")
    assert judged.verdicts["is_malicious"].tolist() == [True]
    assert blacklist_changes(records, as_of="2018-03-15", willingness=judged).empty
