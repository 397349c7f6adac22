"""Arrears as intervals agree with a replay by hand, day by day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError, RecordError
from alicredit.ledger import (
    Postings,
    days_past_due_at,
    find_spells,
    read_postings,
    signs_of_loans,
)
from alicredit.records import read_records

START = pd.Timestamp("2012-01-01")


def day(number: int) -> pd.Timestamp:
    return START + pd.Timedelta(days=number)


def book(
    dues: list[tuple[int, int, int]], paid: list[tuple[int, int, int]], principal: int = 100_000
) -> Postings:
    """Make a book of (loan, day, fen) rows."""
    names = sorted({row[0] for row in [*dues, *paid]})

    def frame(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "loan_id": [f"l{loan}" for loan, _, _ in rows],
                "day": pd.to_datetime([day(d) for _, d, _ in rows]).astype("datetime64[us]"),
                "fen": np.array([fen for _, _, fen in rows], dtype=np.int64),
                "principal_fen": np.zeros(len(rows), dtype=np.int64),
            }
        )

    loans = pd.DataFrame(
        {
            "loan_id": [f"l{name}" for name in names],
            "merchant_id": [f"m{name}" for name in names],
            "principal_fen": principal,
            "disbursed_at": START,
        }
    )
    return Postings(loans, frame(dues), frame(paid), frame([]))


def days_late_by_hand(dues, paid, loan: int, at: int, material: int) -> int:
    """Pay the oldest due first, one day after another, with nothing but a loop."""
    money = sum(fen for who, d, fen in paid if who == loan and d <= at)
    by_day: dict[int, int] = {}
    for who, d, fen in dues:
        if who == loan:
            by_day[d] = by_day.get(d, 0) + fen
    owed = 0
    for d in sorted(by_day):
        owed += by_day[d]
        if d < at and owed - money > material:
            return at - d
    return 0


ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 120), st.integers(1, 60_000)), max_size=8
)


@settings(max_examples=50, deadline=None)
@given(dues=ROWS.filter(bool), paid=ROWS)
def test_spells_agree_with_a_loop(dues, paid) -> None:
    postings = book(dues, paid)
    spells = find_spells(postings).frame
    for loan in {row[0] for row in dues}:
        mine = spells[spells["loan_id"] == f"l{loan}"]
        for at in range(0, 241, 11):
            want = days_late_by_hand(dues, paid, loan, at, 10_000)
            open_ = mine[
                (mine["due_day"] < day(at))
                & (mine["settled_day"].isna() | (mine["settled_day"] > day(at)))
            ]
            got = (day(at) - open_["due_day"].min()).days if len(open_) else 0
            assert got == want


def test_a_due_paid_on_the_ninetieth_day_is_not_beyond_it() -> None:
    dues = [(0, 0, 50_000)]
    assert find_spells(book(dues, [(0, 90, 50_000)])).beyond(90).empty
    assert len(find_spells(book(dues, [(0, 91, 50_000)])).beyond(90)) == 1
    late = find_spells(book(dues, [])).beyond(90)
    assert late["day"].tolist() == [day(91)]


def test_small_amounts_are_immaterial_and_small_loans_can_still_be_late() -> None:
    assert find_spells(book([(0, 0, 10_000)], [])).frame.empty
    assert len(find_spells(book([(0, 0, 10_001)], [])).frame) == 1
    small = book([(0, 0, 5_000)], [], principal=5_000)
    assert len(find_spells(small).frame) == 1


def tables(paid: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    loans = pd.DataFrame(
        {
            "loan_id": ["l"],
            "merchant_id": ["m"],
            "product_id": ["taobao_order"],
            "principal": [5000.0],
            "rate": [0.0005],
            "disbursed_at": [pd.Timestamp("2012-11-11 09:00")],
            "due_at": [pd.Timestamp("2012-12-11 09:00")],
        }
    )
    merchants = pd.DataFrame(
        {"merchant_id": ["m"], "platform": "taobao", "registered_at": [pd.Timestamp("2011-01-01")]}
    )
    found = {"merchants": merchants, "loans": loans}
    return found if paid is None else found | {"repayments": paid}


def repayment(at: str, principal: float = 5000.0, **more) -> pd.DataFrame:
    frame = pd.DataFrame({"loan_id": ["l"], "at": [pd.Timestamp(at)], "amount": [principal + 15.0]})
    return frame.assign(principal=principal, interest=15.0, penalty=0.0, **more)


def late_at(records_tables: dict[str, pd.DataFrame], at: str) -> int:
    asked = pd.DataFrame({"merchant_id": ["m", "n"], "as_of": [pd.Timestamp(at)] * 2})
    found = days_past_due_at(read_records(records_tables), asked)
    assert found[1] == 0
    return int(found[0])


def test_lateness_at_a_moment_uses_only_what_was_known() -> None:
    assert late_at(tables(), "2012-12-11 23:00") == 0
    assert late_at(tables(), "2012-12-12 00:00") == 1
    assert late_at(tables(), "2012-12-21 12:00") == 10
    paid = tables(repayment("2012-12-15 10:00"))
    assert late_at(paid, "2012-12-15 10:00") == 4
    assert late_at(paid, "2012-12-15 10:01") == 0
    unknown = tables(repayment("2012-12-15 10:00", known_at=pd.Timestamp("2012-12-20")))
    assert late_at(unknown, "2012-12-19 00:00") == 8
    assert late_at(unknown, "2012-12-21 00:00") == 0


def instalment(due_at: str, known_at: str | None) -> pd.DataFrame:
    """A schedule that puts off the loan's end, and when it came to be known."""
    frame = pd.DataFrame(
        {"loan_id": ["l"], "due_at": [pd.Timestamp(due_at)], "principal": [500_000]}
    ).assign(interest=7_500)
    return frame if known_at is None else frame.assign(known_at=pd.Timestamp(known_at))


def test_an_instalment_that_became_known_later_moves_no_earlier_answer() -> None:
    late_schedule = tables() | {"instalments": instalment("2013-01-10", "2012-12-20 08:00")}
    for at in ("2012-12-11 23:00", "2012-12-15 12:00", "2012-12-20 08:00"):
        assert late_at(late_schedule, at) == late_at(tables(), at)
    assert late_at(late_schedule, "2012-12-20 08:01") == 0
    assert late_at(late_schedule, "2013-01-11 00:00") == 1
    known = tables() | {"instalments": instalment("2013-01-10", None)}
    assert late_at(known, "2012-12-15 12:00") == 0


def test_postings_known_before_a_moment_owe_by_what_was_known_of_the_schedule() -> None:
    late_schedule = tables() | {"instalments": instalment("2013-01-10", "2012-12-20 08:00")}
    postings = read_postings(read_records(late_schedule))
    assert postings.dues["day"].tolist() == [pd.Timestamp("2013-01-10")]
    before = postings.known_before(pd.Timestamp("2012-12-20 08:00"))
    plain = read_postings(read_records(tables()))
    pd.testing.assert_frame_equal(before.dues, plain.dues)
    after = postings.known_before(pd.Timestamp("2012-12-20 08:01"))
    pd.testing.assert_frame_equal(after.dues, postings.dues)


def test_lateness_at_a_moment_is_that_of_the_spells_in_amounts_near_the_material_one() -> None:
    for principal in (4900.0, 4899.99, 4975.0, 4980.0, 4990.0):
        paid = tables(repayment("2012-12-11 10:00", principal).assign(amount=principal))
        spells = find_spells(read_postings(read_records(paid))).frame
        assert late_at(paid, "2012-12-21 12:00") == (10 if len(spells) else 0)


def test_a_penalty_that_was_paid_settles_no_due() -> None:
    due = pd.DataFrame(
        {"loan_id": ["l"] * 2, "due_at": pd.to_datetime(["2012-12-11", "2013-01-10"]),
         "principal": [250_000] * 2, "interest": [7500, 3750]}
    )  # fmt: skip
    late = repayment("2012-12-21 10:00", 2500.0).assign(amount=2775.0, interest=75.0, penalty=200.0)
    paid = tables(late) | {"instalments": due}
    assert late_at(paid, "2012-12-22 12:00") == 0
    short = late.assign(amount=2575.0, principal=2300.0)
    owing = tables(short) | {"instalments": due}
    assert late_at(owing, "2012-12-22 12:00") == 11
    spells = find_spells(read_postings(read_records(owing))).frame
    assert spells["settled_day"].isna().all()


@pytest.mark.parametrize("principal", [5000.0, 50_000.0, 1_000_000.0])
def test_where_the_principal_paid_is_not_told_it_brought_its_interest_along(principal) -> None:
    amount = principal * (1 + 0.0005 * 6)
    back = pd.DataFrame({"loan_id": ["l"], "at": [pd.Timestamp("2012-11-17 10:00")]})
    paid = tables(back.assign(amount=amount))
    paid["loans"]["principal"] = principal
    payments = read_postings(read_records(paid)).payments
    assert payments["principal_fen"].tolist() == [round(principal * 100)]
    assert late_at(paid, "2013-02-01") == 0
    assert find_spells(read_postings(read_records(paid))).frame.empty
    with_interest = tables(back.assign(amount=amount, interest=amount - principal))
    with_interest["loans"]["principal"] = principal
    assert read_postings(read_records(with_interest)).payments["principal_fen"].tolist() == [
        round(principal * 100)
    ]


def test_a_restructure_is_a_sign_of_its_loan_and_a_seal_of_all() -> None:
    two = tables()
    two["loans"] = pd.concat([two["loans"], two["loans"].assign(loan_id="k")], ignore_index=True)
    at = pd.Timestamp("2013-01-01")
    two["restructures"] = pd.DataFrame(
        {"loan_id": ["l"], "at": [at], "kind": "extension", "npv_loss": 0.05}
    )
    two["account_events"] = pd.DataFrame({"merchant_id": ["m"], "at": [at], "kind": "sealed"})
    signs = signs_of_loans(read_postings(read_records(two)))
    assert sorted(zip(signs["kind"], signs["loan_id"])) == [
        ("restructured", "l"),
        ("sealed", "k"),
        ("sealed", "l"),
    ]


def test_an_early_repayment_owes_no_interest_of_days_it_did_not_run() -> None:
    early = read_postings(read_records(tables(repayment("2012-11-17 10:00"))))
    assert find_spells(early).frame.empty


def test_a_loan_without_instalments_owes_principal_and_interest_at_its_end() -> None:
    dues = read_postings(read_records(tables())).dues
    assert dues["fen"].tolist() == [507_500]
    assert str(dues["day"][0].date()) == "2012-12-11"


def test_bad_input_is_refused() -> None:
    no_loans = {"merchants": tables()["merchants"]}
    with pytest.raises(RecordError, match="loans"):
        read_postings(read_records(no_loans))
    with pytest.raises(InputError, match="material_share"):
        find_spells(book([(0, 0, 1)], []), material_share=2)
