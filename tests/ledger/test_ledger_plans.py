"""A plan replaces the old dues from its date on; a seal that was lifted is a sign no more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.labels import DefaultDefinition, label_status
from alicredit.ledger import days_past_due_at, find_spells, read_postings, replay, signs_of_loans

START, DUE, PLAN = (pd.Timestamp(day) for day in ("2012-11-11", "2012-12-11", "2013-01-20"))
ENDS = [PLAN + pd.DateOffset(months=n) for n in (1, 2, 3)]


def tables(**more: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Make one loan of 5,000 yuan of one merchant."""
    return {
        "merchants": pd.DataFrame({"merchant_id": ["m"], "platform": "taobao",
                                   "registered_at": pd.Timestamp("2011-05-01")}),
        "loans": pd.DataFrame({"loan_id": ["l"], "rate": 0.0005, "principal": 5000.0,
                               "merchant_id": "m", "product_id": "taobao_order",
                               "disbursed_at": START, "due_at": DUE}),
        **more,
    }  # fmt: skip


def plan(at: pd.Timestamp = PLAN, loss: float = 0.0, kind: str = "extension") -> pd.DataFrame:
    """Make an accepted restructure."""
    return pd.DataFrame({"loan_id": ["l"], "at": at, "kind": kind, "npv_loss": loss})


def parts(fen: int = 170_000, at: pd.Timestamp = PLAN, ends=ENDS) -> pd.DataFrame:
    """Make a plan's instalments, known from its date."""
    return pd.DataFrame({"loan_id": "l", "due_at": ends, "interest": 0, "fee": 0, "known_at": at,
                         "principal": fen})  # fmt: skip


def paid(*rows: tuple[str, float]) -> pd.DataFrame:
    """Make payments, all of them principal."""
    return pd.DataFrame({"loan_id": "l", "at": pd.to_datetime([when for when, _ in rows]),
                         "amount": [yuan for _, yuan in rows], "interest": 0.0,
                         "principal": [yuan for _, yuan in rows]})  # fmt: skip


def late_on(records: ac.Records, *days: str) -> list[list[int]]:
    """Give days past due, what is due and what is overdue on some days."""
    states = replay(read_postings(records), list(days))
    return states[["days_past_due", "due_fen", "overdue_fen"]].to_numpy().tolist()


def test_a_plan_replaces_the_old_dues_from_its_date_on() -> None:
    records = ac.read_records(tables(restructures=plan(), instalments=parts()))
    assert late_on(records, "2013-01-19") == [[39, 507_500, 507_500]]
    assert late_on(records, "2013-01-20", "2013-02-19") == [[0, 0, 0]] * 2
    assert late_on(records, "2013-02-20", "2013-02-25") == [[0, 170_000, 0], [5, 170_000, 170_000]]
    spells = find_spells(read_postings(records)).frame
    assert spells["due_day"].tolist() == [DUE, *ENDS]
    assert spells["settled_day"].iloc[0] == PLAN
    assert spells["settled_day"].iloc[1:].isna().all()


def test_who_keeps_a_plan_is_not_late_and_closes() -> None:
    kept = paid(("2013-02-20 10:00", 1700), ("2013-03-20 10:00", 1700), ("2013-04-20 10:00", 1600))
    records = ac.read_records(tables(restructures=plan(), instalments=parts(), repayments=kept))
    days = pd.date_range(PLAN, "2013-04-20")
    states = replay(read_postings(records), days)
    assert states["days_past_due"].eq(0).all()
    assert states["overdue_fen"].eq(0).all()
    assert states["state"].iloc[-1] == "closed"


def test_what_was_paid_before_a_plan_pays_none_of_it() -> None:
    some = paid(("2012-12-20 10:00", 1000.0))
    records = ac.read_records(
        tables(restructures=plan(), instalments=parts(135_000), repayments=some)
    )
    assert late_on(records, "2013-01-19", "2013-02-21") == [
        [39, 407_500, 407_500], [1, 135_000, 135_000]
    ]  # fmt: skip


def test_listed_instalments_that_were_to_come_are_replaced_and_those_before_stay_late() -> None:
    old = parts(250_000, at=START, ends=[pd.Timestamp("2012-12-01"), pd.Timestamp("2013-02-01")])
    listed = pd.concat([old, parts()], ignore_index=True)
    records = ac.read_records(tables(restructures=plan(), instalments=listed))
    assert late_on(records, "2013-01-19") == [[49, 250_000, 250_000]]
    assert late_on(records, "2013-02-10", "2013-02-25") == [[0, 0, 0], [5, 170_000, 170_000]]


def test_a_second_plan_replaces_the_first() -> None:
    again = pd.Timestamp("2013-03-01")
    later = [again + pd.DateOffset(months=n) for n in (1, 2)]
    records = ac.read_records(tables(
        restructures=pd.concat([plan(), plan(again)]),
        instalments=pd.concat([parts(), parts(160_000, again, later)], ignore_index=True),
        repayments=paid(("2013-02-20 10:00", 1700)),
    ))  # fmt: skip
    assert late_on(records, "2013-02-28", "2013-03-21") == [[0, 0, 0]] * 2
    assert late_on(records, "2013-04-03") == [[2, 160_000, 160_000]]


def test_without_instalments_of_its_own_an_agreement_replaces_nothing() -> None:
    assert late_on(ac.read_records(tables(restructures=plan())), "2013-02-20")[0][0] == 71
    support = tables(restructures=plan(kind="ops_support"))
    assert late_on(ac.read_records(support), "2013-02-20")[0][0] == 71


def test_a_plan_is_seen_only_once_it_is_known() -> None:
    known = pd.Timestamp("2013-02-10")
    listed = parts().assign(known_at=known)
    records = ac.read_records(
        tables(restructures=plan().assign(known_at=known), instalments=listed)
    )
    book = read_postings(records)
    before = replay(book.known_before(known), ["2013-02-09"])
    after = replay(book.known_before(known + pd.Timedelta(days=1)), ["2013-02-09"])
    assert before["days_past_due"].tolist() == [60]
    assert after["days_past_due"].tolist() == [0]


amounts = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 90_000)), min_size=0, max_size=6)


@settings(max_examples=15, deadline=None)
@given(money=amounts, on=st.integers(31, 120), share=st.integers(1, 3), seen=st.integers(0, 220))
def test_days_late_by_a_loop_by_intervals_and_by_query_agree(money, on, share, seen) -> None:
    at = START + pd.Timedelta(days=on)
    ends = [at + pd.Timedelta(days=30 * n) for n in range(1, share + 1)]
    rows = [(str(START + pd.Timedelta(days=1 + day)), fen / 100) for day, fen in money]
    made = tables(restructures=plan(at), instalments=parts(500_000 // share, at, ends))
    if rows:
        made["repayments"] = paid(*rows)
    records = ac.read_records(made)
    today = START + pd.Timedelta(days=seen)
    # by a loop over one loan's life, with nothing but sums
    held = [(START + pd.Timedelta(days=1 + day), fen) for day, fen in money]
    got = sum(fen for when, fen in held if when <= today)
    if today < at:
        owing = [(DUE, 507_500)]
    else:
        before = sum(fen for when, fen in held if when < at)
        each = 500_000 // share
        owing = [(day, before + each * (n + 1)) for n, day in enumerate(ends)]
    late = [(today - day).days for day, need in owing if day < today and need - got > 10_000]
    want = max(late, default=0) if got < 500_000 else 0
    states = replay(read_postings(records), [today])
    assert (states["days_past_due"].tolist() or [0]) == [want]
    night = today + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    asked = pd.DataFrame({"merchant_id": ["m"], "as_of": [night]})
    assert days_past_due_at(records, asked).tolist() == [want]


def test_interest_under_a_plan_is_what_its_instalments_say() -> None:
    listed = parts().assign(interest=[7_500, 5_000, 2_500])
    records = ac.read_records(tables(restructures=plan(), instalments=listed))
    states = replay(read_postings(records), ["2013-01-20", "2013-01-30", "2013-02-20"])
    # 5,000 at 0.05 % for ten days, then what the first instalment asks for
    assert states["accrued_fen"].tolist() == [0, 2_500, 7_500]


# Seals


def signs(*rows: tuple[str, str]) -> pd.DataFrame:
    """Make account events of (kind, time)."""
    return pd.DataFrame({"merchant_id": "m", "kind": [kind for kind, _ in rows],
                         "at": pd.to_datetime([at for _, at in rows])})  # fmt: skip


def test_a_seal_ends_when_it_is_lifted_and_probation_follows() -> None:
    events = signs(("sealed", "2012-11-20"), ("unsealed", "2012-12-01"))
    records = ac.read_records(tables(account_events=events))
    days = ["2012-11-19", "2012-11-20", "2012-11-30", "2012-12-01", "2012-12-11"]
    states = replay(read_postings(records), days)["state"].tolist()
    assert states == ["current", "default", "default", "cured", "cured"]
    lent = tables(account_events=events)
    lent["loans"]["due_at"] = pd.Timestamp("2013-11-11")
    later = replay(read_postings(ac.read_records(lent)), ["2013-02-28", "2013-03-01"])
    assert later["state"].tolist() == ["cured", "current"]


@pytest.mark.parametrize("kind", ["fraud_found", "bankrupt"])
def test_a_release_ends_no_other_sign_and_no_later_seal(kind) -> None:
    events = signs((kind, "2012-11-15"), ("unsealed", "2012-11-20"))
    made = ac.read_records(tables(account_events=events))
    assert replay(read_postings(made), ["2012-12-01"])["state"].tolist() == ["default"]
    again = signs(("unsealed", "2012-11-14"), ("sealed", "2012-11-15"))
    made = ac.read_records(tables(account_events=again))
    assert replay(read_postings(made), ["2012-12-01"])["state"].tolist() == ["default"]


def test_a_release_is_seen_only_once_it_is_known() -> None:
    events = signs(("sealed", "2012-11-20"), ("unsealed", "2012-12-01"))
    events["known_at"] = [events["at"][0], pd.Timestamp("2013-01-01")]
    book = read_postings(ac.read_records(tables(account_events=events)))
    for known, want in (("2013-01-01", "default"), ("2013-01-02", "cured")):
        cut = book.known_before(pd.Timestamp(known))
        assert replay(cut, ["2012-12-05"])["state"].tolist() == [want]


def test_labels_take_a_lifted_seal_for_over_once_probation_is() -> None:
    events = signs(("sealed", "2011-11-20"), ("unsealed", "2012-01-01"))
    cured = paid(("2012-12-01", 5100.0))
    records = ac.read_records(tables(account_events=events, repayments=cured))
    definition = DefaultDefinition(horizon_days=365)
    for at, want in (("2012-02-01", "already_default"), ("2012-03-30", "already_default"),
                     ("2012-04-01", "good")):  # fmt: skip
        cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": [at]}))
        found = label_status(records, cohort, definition=definition, observed_until="2014-12-31")
        assert found.tolist() == [want]
    of_loan = label_status(records, ac.Cohort.of_loans(records), observed_until="2014-12-31")
    assert of_loan.tolist() == ["good"]


def test_a_seal_over_before_a_loan_is_no_sign_of_it() -> None:
    over = signs(("sealed", "2012-01-20"), ("unsealed", "2012-02-01"))
    book = read_postings(ac.read_records(tables(account_events=over)))
    assert signs_of_loans(book).empty
    still = read_postings(ac.read_records(tables(account_events=over[:1])))
    assert signs_of_loans(still)["kind"].tolist() == ["sealed"]
    assert np.isnat(signs_of_loans(still)["over_day"].to_numpy()).all()
