"""What is claimed on an overdue loan: amounts, signs of default, the policy's own penalties."""

from __future__ import annotations

import tomllib
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from recovery_stage import DAY, PEOPLE, at, loan_rows, payment
from recovery_stage import stage as make_records

import alicredit as ac
from alicredit.errors import InputError, PolicyError, RecordError
from alicredit.ledger import days_past_due_at, read_postings, replay
from alicredit.loans import penalty, schedule
from alicredit.policy import read_policy
from alicredit.recovery import (
    StageRules,
    assess_willingness,
    find_claims,
    restoration_offers,
    worklist,
)
from alicredit.vocabulary import CLAIM_STATUSES, COLLECTION_STEPS, REASONS, STAGES, reason_text

START = at("2012-01-01")
DUE = START + 30 * DAY
LOANS = loan_rows(["l"], ["m"], [START])


def policy_with(**terms: object):
    """Change the order loan's terms of the built-in policy."""
    place = resources.files("alicredit.policy") / "builtin" / "ali-2013.toml"
    content = tomllib.loads(place.read_text(encoding="utf-8"))
    product = next(p for p in content["products"] if p["id"] == "taobao_order")
    product["terms"].update(terms)
    return read_policy(content)


@pytest.mark.parametrize(
    ("terms", "wanted"),
    [
        ({}, penalty(500_000, "0.0005", 10)),
        ({"penalty_multiplier": "2"}, penalty(500_000, "0.0005", 10, multiplier="2")),
        ({"penalty_mode": "add"}, penalty(500_000, "0.0005", 10, mode="add")),
        ({"penalty_base": "principal_plus_interest"}, 3_806),
        ({"penalty_multiplier": "0"}, 0),
    ],
)
def test_the_policy_says_what_lateness_costs(terms, wanted) -> None:
    # DOMAIN 6.2: 5,000 ten days late is 37.50; on principal and interest 38.06; added 62.50.
    row = find_claims(make_records(LOANS), as_of=DUE + 10 * DAY, policy=policy_with(**terms)).iloc[
        0
    ]
    assert row["penalty_fen"] == wanted


def test_a_penalty_is_charged_on_what_is_left_and_paid_ones_are_not_asked_again() -> None:
    paid = pd.DataFrame([
        payment("l", DUE + 10 * DAY, 2_000.0)
        | {"principal": 1_887.5, "interest": 75.0, "penalty": 37.5},
    ])  # fmt: skip
    records = make_records(LOANS, repayments=paid)
    row = find_claims(records, as_of=DUE + 30 * DAY).iloc[0]
    assert row["balance_fen"] == row["due_fen"] == 311_250
    assert row["penalty_fen"] == penalty(311_250, "0.0005", 20)


def test_each_instalment_bears_its_own_days() -> None:
    parts = schedule(1_200_000, "0.015", 3, method="equal_principal")
    days = [at("2012-02-01"), at("2012-03-01"), at("2012-04-01")]
    listed = pd.DataFrame({"loan_id": "l", "due_at": days,
                           "principal": [p.principal for p in parts],
                           "interest": [p.interest for p in parts]})  # fmt: skip
    loans = LOANS.assign(principal=12_000.0, rate=0.015, rate_unit="month", due_at=days[-1],
                         product_id="ali_credit")  # fmt: skip
    row = find_claims(make_records(loans, instalments=listed), as_of="2012-03-11").iloc[0]
    assert row["due_fen"] == parts[0].payment + parts[1].payment
    # 29 days on the first alone, ten on both: one posting, rounded once.
    assert row["penalty_fen"] == penalty(400_000 * 29 + 800_000 * 10, "0.0005", 1)
    assert (row["days_past_due"], row["stage"], row["days_in_default"]) == (39, "visit", -1)


@pytest.mark.parametrize("fees", [[0, 0, 0], [12_000, 0, 0], [5_000, 5_000, 5_000]])
def test_a_fee_bears_no_penalty_on_principal_whether_it_was_paid_or_not(fees) -> None:
    days = [at("2012-02-01"), at("2012-03-01"), at("2012-04-01")]
    listed = pd.DataFrame({"loan_id": "l", "due_at": days, "principal": 400_000,
                           "interest": 10_000, "fee": fees})  # fmt: skip
    loans = LOANS.assign(principal=12_000.0, rate=0.015, rate_unit="month", due_at=days[-1],
                         product_id="ali_credit")  # fmt: skip
    paid = pd.DataFrame([
        payment("l", day, 4_100.0 + fee / 100) | {"principal": 4_000.0, "interest": 100.0}
        for day, fee in zip(days[:2], fees)
    ])  # fmt: skip
    records = make_records(loans, instalments=listed, repayments=paid)
    row = find_claims(records, as_of="2012-04-11").iloc[0]
    assert row["due_fen"] == 410_000 + fees[2]
    assert row["penalty_fen"] == penalty(400_000, "0.0005", 10)
    none = make_records(loans, instalments=listed)
    row = find_claims(none, as_of="2012-02-11").iloc[0]
    assert row["penalty_fen"] == penalty(400_000, "0.0005", 10)


def test_claims_agree_with_the_ledger_on_a_platform() -> None:
    records = ac.read_records("data/sample")
    moment = at("2013-06-15 13:00")
    claims = find_claims(records, as_of=moment)
    book = read_postings(records).known_before(moment)
    states = replay(book, [moment.normalize()]).set_index("loan_id")
    mine = states.loc[claims["loan_id"]]
    np.testing.assert_array_equal(claims["due_fen"], mine["overdue_fen"])
    np.testing.assert_array_equal(claims["days_past_due"], mine["days_past_due"])
    open_late = states[(states["days_past_due"] > 0) & ~states["state"].isin(["written_off"])]
    assert set(claims["loan_id"]) == set(open_late.index)
    worst = claims.groupby("merchant_id")["days_past_due"].max()
    asked = pd.DataFrame({"merchant_id": worst.index, "as_of": moment})
    assert days_past_due_at(records, asked).tolist() == worst.tolist()
    assert claims["loan_id"].is_monotonic_increasing
    assert claims["stage"].isin(list(STAGES)).all()


def events(kind: str, day: pd.Timestamp) -> pd.DataFrame:
    """Let something happen to the merchant's account."""
    return pd.DataFrame({"merchant_id": ["m"], "at": [day], "kind": [kind]})


@pytest.mark.parametrize("kind", ["sealed", "fraud_found", "bankrupt"])
def test_a_sign_is_a_default_whatever_the_days(kind) -> None:
    records = make_records(LOANS, account_events=events(kind, DUE + 2 * DAY))
    early = find_claims(records, as_of=DUE + 2 * DAY).iloc[0]
    assert (early["stage"], early["days_in_default"]) == ("message", -1)
    row = find_claims(records, as_of=DUE + 5 * DAY).iloc[0]
    assert (row["state"], row["stage"], row["days_in_default"]) == ("default", "blacklist", 3)
    last = find_claims(records, as_of=DUE + 366 * DAY).iloc[0]
    assert (last["stage"], last["days_in_default"]) == ("blacklist", 364)
    assert find_claims(records, as_of=DUE + 367 * DAY)["stage"].tolist() == ["write_off"]


@pytest.mark.parametrize("before", [0, 1, 400, 3_000])
def test_a_sign_from_before_a_loan_begins_no_default_before_it(before) -> None:
    signs = events("fraud_found", START - before * DAY)
    records = make_records(LOANS, account_events=signs)
    row = find_claims(records, as_of=DUE + 2 * DAY).iloc[0]
    assert (row["stage"], row["days_in_default"]) == ("blacklist", 32)  # a loan of 30 days
    assert find_claims(records, as_of=START + 364 * DAY)["stage"].tolist() == ["blacklist"]
    assert find_claims(records, as_of=START + 365 * DAY)["stage"].tolist() == ["write_off"]


def test_a_loan_written_off_or_late_by_little_is_on_no_list() -> None:
    gone = make_records(LOANS, account_events=events("written_off", DUE + 50 * DAY))
    assert len(find_claims(gone, as_of=DUE + 50 * DAY)) == 1
    assert find_claims(gone, as_of=DUE + 52 * DAY).empty
    little = pd.DataFrame([payment("l", DUE, 4_980.0, interest=75.0)])
    assert find_claims(make_records(LOANS, repayments=little), as_of=DUE + 50 * DAY).empty


def test_what_is_not_known_yet_is_not_claimed() -> None:
    paid = pd.DataFrame([payment("l", DUE + 5 * DAY, 5_112.5, interest=75.0)])
    late_news = paid.assign(known_at=DUE + 20 * DAY)
    records = make_records(LOANS, repayments=late_news)
    assert find_claims(records, as_of=DUE + 20 * DAY)["due_fen"].tolist() == [507_500]
    assert find_claims(records, as_of=DUE + 20 * DAY + pd.Timedelta(seconds=1)).empty


def test_own_stages_move_the_borders() -> None:
    stages = StageRules(telephone_from=2, visit_from=3, default_from=91, write_off_after=10)
    records = make_records(LOANS)
    found = [find_claims(records, as_of=DUE + d * DAY, stages=stages)["stage"].iloc[0]
             for d in (1, 2, 3, 101)]  # fmt: skip
    assert found == ["message", "telephone", "visit", "write_off"]
    later = StageRules(message_from=3)
    assert find_claims(records, as_of=DUE + 2 * DAY, stages=later).empty


def test_one_debtor_two_loans_one_contact_and_the_desk_apart() -> None:
    loans = loan_rows(["new", "old", "older"], ["m"] * 3,
                      [START, START - 100 * DAY, START - 600 * DAY])  # fmt: skip
    made = worklist(make_records(loans), as_of=DUE + 10 * DAY, capacity=PEOPLE)
    rows = made.set_index("loan_id")
    assert rows["action"].to_dict() == {"new": "phone", "old": "list", "older": "write_off"}
    assert rows["scheduled"].all()
    listed = pd.DataFrame({"merchant_id": ["m"], "from": START})
    made = worklist(make_records(loans, blacklist=listed), as_of=DUE + 10 * DAY, capacity=PEOPLE)
    rows = made.set_index("loan_id")
    assert rows["action"].to_dict() == {"new": "phone", "old": "visit", "older": "write_off"}
    assert rows.loc["new", "reasons"] == ("COL_SAME_DEBTOR",)
    assert rows["scheduled"].to_dict() == {"new": False, "old": True, "older": True}
    assert rows.loc["new", "cost_fen"] == 0


def test_every_word_used_is_in_the_vocabulary_in_both_languages() -> None:
    made = worklist(ac.read_records("data/sample"), as_of="2013-06-16 08:00", capacity=PEOPLE)
    assert set(made["action"]) <= set(COLLECTION_STEPS)
    codes = {code for codes in made["reasons"] for code in codes}
    assert codes  # a Sunday: nobody is contacted
    assert codes <= set(REASONS)
    for code in codes:
        assert reason_text(code) != reason_text(code, language="zh")
    kinds = {word.kind for word in REASONS.values()}
    assert {"collection", "willingness", "blacklist", "restoration"} <= kinds


def test_a_moment_before_all_loans_gives_an_empty_list_of_the_same_columns() -> None:
    records = make_records(LOANS)
    early = worklist(records, as_of="2011-06-01", capacity=PEOPLE)
    assert early.empty
    assert list(early.columns) == list(worklist(records, as_of=DUE + DAY, capacity=PEOPLE).columns)


def test_ids_that_are_whole_numbers_are_the_same_ids() -> None:
    loans = loan_rows([7, 8], [1, 2], [START] * 2)
    contacts = pd.DataFrame(
        {"merchant_id": [1, 2, 2], "owner_id": [1, 1, None], "channel": "phone"}
    )
    made = worklist(
        make_records(loans), as_of=DUE + 10 * DAY, capacity=PEOPLE,
        contacts=contacts.astype({"owner_id": "Int64"}),
    ).set_index("loan_id")  # fmt: skip
    assert made["scheduled"].to_dict() == {"7": True, "8": False}
    assert made.loc["8", "reasons"] == ("COL_NO_OWN_CONTACT",)
    assert made["merchant_id"].to_dict() == {"7": "1", "8": "2"}


@pytest.mark.parametrize("product", ["pawn", "virtual_card", None])
def test_a_loan_of_a_product_that_is_not_lent_is_named_and_stops_no_other(product) -> None:
    two = pd.concat([LOANS, loan_rows(["k"], ["n"], [START], product=product)], ignore_index=True)
    records, alone = make_records(two), make_records(LOANS)
    moment = DUE + 41 * DAY + pd.Timedelta(hours=10)  # a Monday
    claims = find_claims(records, as_of=moment).set_index("loan_id")
    assert claims["status"].to_dict() == {"k": "other_product", "l": "claimed"}
    other = find_claims(alone, as_of=moment).set_index("loan_id")
    pd.testing.assert_frame_equal(claims.loc[["l"]], other)
    known = ["days_past_due", "due_fen", "balance_fen", "stage"]
    assert claims.loc["k", known].tolist() == claims.loc["l", known].tolist()
    assert pd.isna(claims.loc["k", "penalty_fen"])
    today = worklist(records, as_of=moment, capacity=PEOPLE).set_index("loan_id")
    assert today["action"].to_dict() == {"k": "mend", "l": "visit"}
    assert today["scheduled"].to_dict() == {"k": False, "l": True}
    first = worklist(alone, as_of=moment, capacity=PEOPLE).set_index("loan_id")
    pd.testing.assert_frame_equal(today.loc[["l"]], first)
    offers, verdicts = (restoration_offers(records, as_of=moment).offers,
                        assess_willingness(records, as_of=moment).verdicts)  # fmt: skip
    assert offers["loan_id"].tolist() == ["l"]
    assert verdicts["merchant_id"].tolist() == ["m"]
    assert set(claims["status"]) <= set(CLAIM_STATUSES)


def test_where_no_loan_is_of_a_known_product_all_are_named() -> None:
    records = make_records(LOANS.assign(product_id="pawn"))
    claims = find_claims(records, as_of=DUE + DAY)
    assert claims[["loan_id", "status"]].to_numpy().tolist() == [["l", "other_product"]]
    today = worklist(records, as_of=DUE + DAY, capacity=PEOPLE)
    assert today["action"].tolist() == ["mend"]
    assert restoration_offers(records, as_of=DUE + DAY).offers.empty


def test_bad_claims_are_refused() -> None:
    records = make_records(LOANS)
    for call, error, match in (
        (lambda: find_claims(records, as_of=None), InputError, "as_of"),
        (lambda: find_claims("book", as_of=DUE), RecordError, "records"),
        (lambda: find_claims(records, as_of=DUE, policy="ali-2031"), PolicyError, "policy"),
        (lambda: find_claims(records, as_of=DUE + DAY, policy=policy_with(penalty_mode="triple")),
         PolicyError, "triple"),
        (lambda: StageRules(message_from=0), InputError, "at least 1"),
        (lambda: StageRules(default_from=31), InputError, "one after another"),
        (lambda: StageRules(write_off_after=1.5), InputError, "whole number"),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            call()
