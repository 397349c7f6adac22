"""Rows that cannot be counted: named, refused for their own loan, and no other loan's trouble."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.labels import label_status
from alicredit.ledger import days_past_due_at, find_spells, find_unknown, read_postings, replay
from alicredit.losses import find_workouts
from alicredit.monitoring import early_warnings, loan_outcomes, use_of_funds, vintages
from alicredit.recovery import blacklist_changes

START, DUE = pd.Timestamp("2012-11-11"), pd.Timestamp("2012-12-11")


def tables(paid: pd.DataFrame | None = None, loans: tuple[str, ...] = ("a", "b")) -> dict:
    """Make loans of 5,000 yuan, each of a merchant of its own."""
    made = {
        "merchants": pd.DataFrame({"merchant_id": [f"m-{name}" for name in loans],
                                   "platform": "taobao",
                                   "registered_at": pd.Timestamp("2011-05-01")}),
        "loans": pd.DataFrame({"loan_id": list(loans), "rate": 0.0005, "principal": 5000.0,
                               "merchant_id": [f"m-{name}" for name in loans],
                               "product_id": "taobao_order", "disbursed_at": START,
                               "due_at": DUE}),
    }  # fmt: skip
    return made if paid is None else made | {"repayments": paid}


def payments(*rows: tuple[str, str, float | None], known: str | None = None) -> pd.DataFrame:
    """Make payments of (loan, time, amount)."""
    names = ["loan_id", "at", "amount"]
    made = pd.DataFrame(rows, columns=names).astype({"at": "datetime64[us]", "amount": float})
    return made if known is None else made.assign(known_at=pd.Timestamp(known))


BAD = payments(("a", "2012-12-20 10:00", None), ("b", "2012-12-12 09:00", 1000.0))


def test_a_payment_without_an_amount_is_named_and_stops_no_other_loan(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        book = read_postings(ac.read_records(tables(BAD)))
    assert "uncounted_payment" in caplog.text
    assert "'a'" in caplog.text
    found = find_unknown(book)
    assert found[["loan_id", "merchant_id", "kind"]].to_numpy().tolist() == [
        ["a", "m-a", "uncounted_payment"]
    ]
    days = pd.date_range("2012-12-10", "2012-12-25")
    states = replay(book, days)
    alone = replay(read_postings(ac.read_records(tables(BAD, ("b",)))), days)
    other = states[states["loan_id"] == "b"].reset_index(drop=True)
    pd.testing.assert_frame_equal(other, alone)
    mine = states.loc[states["loan_id"] == "a", "day"]
    assert mine.max() == pd.Timestamp("2012-12-19")
    problems = ac.find_problems(ac.read_records(tables(BAD)))
    assert "amount missing" in problems["rule"].tolist()


@pytest.mark.parametrize("known", ["2012-12-20 12:00", "2013-02-01"])
def test_it_matters_only_from_when_it_is_known(known) -> None:
    late = payments(("a", "2012-12-20 10:00", None), known=known)
    records = ac.read_records(tables(late))
    plain = ac.read_records(tables())
    before = pd.Timestamp(known)
    for at, is_known in ((before, False), (before + pd.Timedelta(seconds=1), True)):
        cut = read_postings(records).known_before(at)
        assert len(find_unknown(cut)) == is_known
        asked = pd.DataFrame({"merchant_id": ["m-a", "m-b"], "as_of": at})
        days = days_past_due_at(records, asked)
        assert np.isnan(days[0]) == is_known
        assert days[1] == days_past_due_at(plain, asked)[1] > 0
        looks = early_warnings(records, as_of=at).set_index("loan_id")
        assert looks.index.tolist() == ["a", "b"]
        assert (looks.loc["a", "state"] == "unknown") == is_known
        assert (looks.loc["a", "days_past_due"] == -1) == is_known
        assert looks.loc["b", "state"] == "arrears"
    assert looks.loc["a", "level"] == "unknown"
    assert "WARN_OVERDUE" in looks.loc["a", "unknown"]


def test_after_its_loan_was_repaid_it_plays_no_part() -> None:
    paid = payments(("a", "2012-11-17 10:00", 5015.0), ("a", "2013-01-05 10:00", None))
    records = ac.read_records(tables(paid))
    assert find_unknown(read_postings(records)).empty
    asked = pd.DataFrame({"merchant_id": ["m-a"], "as_of": [pd.Timestamp("2013-02-01")]})
    assert days_past_due_at(records, asked).tolist() == [0]


def test_labels_outcomes_and_vintages_say_that_they_do_not_know() -> None:
    records = ac.read_records(tables(BAD))
    cohort = ac.Cohort.of_loans(records)
    status = label_status(records, cohort, observed_until="2014-12-31")
    assert dict(zip(cohort.frame["loan_id"], status)) == {"a": "unknown", "b": "default"}
    assert np.isnan(ac.label_defaults(records, cohort, observed_until="2014-12-31")[0])
    late = payments(("a", "2014-05-01 10:00", None))  # after the horizon
    told = label_status(ac.read_records(tables(late)), cohort,
                                  observed_until="2014-12-31")  # fmt: skip
    assert told.tolist() == ["default", "default"]
    book = read_postings(records)
    fate = loan_outcomes(book, observed_until="2013-12-31").set_index("loan_id")["outcome"]
    assert fate.to_dict() == {"a": "unknown", "b": "default"}
    curve = vintages(book, observed_until="2013-12-31", months=6)
    assert curve["loans"].tolist() == [1] * 6
    assert curve["unknown_loans"].tolist() == [1] * 6
    assert curve["rate"].iloc[-1] == 1.0
    none = read_postings(ac.read_records(tables(BAD, ("a",))))
    nothing = vintages(none, observed_until="2013-12-31", months=6)
    assert nothing["loans"].eq(0).all()
    assert nothing["rate"].isna().all()


def test_a_loan_that_was_over_long_before_makes_no_later_label_unknown() -> None:
    # Lent in October 2010, repaid on 1 December; a payment of 20 November has no amount.
    made = tables(payments(("a", "2010-11-20 10:00", None), ("a", "2010-12-01 10:00", 6000.0)))
    lent, later = pd.Timestamp("2010-10-15"), pd.Timestamp("2013-01-20")
    old = made["loans"].assign(disbursed_at=lent, due_at=lent + pd.Timedelta(days=30))
    new = old[:1].assign(loan_id="c", disbursed_at=later, due_at=later + pd.Timedelta(days=30))
    repaid = payments(("c", "2013-02-10 10:00", 5500.0))
    made["merchants"]["registered_at"] = pd.Timestamp("2009-05-01")
    made["loans"] = pd.concat([old[:1], new], ignore_index=True)
    made["repayments"] = pd.concat([made["repayments"], repaid], ignore_index=True)
    records = ac.read_records(made)
    assert find_unknown(read_postings(records))["over_day"].tolist() == [pd.Timestamp("2010-12-01")]
    days = ["2010-10-20", "2010-11-25", "2011-03-01", "2011-03-02", "2013-02-01"]
    asked = pd.DataFrame({"merchant_id": "m-a", "as_of": pd.to_datetime(days)})
    cohort = ac.Cohort.from_frame(asked)
    told = label_status(records, cohort, observed_until="2014-12-31")
    # Until 90 days of probation are over, it is not known whether there was a default to watch.
    assert told.tolist() == ["unknown"] * 3 + ["not_a_borrower", "good"]
    clean = made["repayments"].dropna(subset="amount")
    plain = label_status(
        ac.read_records(made | {"repayments": clean}), cohort, observed_until="2014-12-31"
    )
    assert plain.tolist()[3:] == told.tolist()[3:]
    # One that was never over still makes every later label unknown.
    open_still = ac.read_records(made | {"repayments": pd.concat([BAD[:1], repaid])})
    told = label_status(open_still, cohort, observed_until="2014-12-31")
    assert told.iloc[-1] == "unknown"


def test_recovery_neither_lists_nor_frees_on_what_it_does_not_know() -> None:
    records = ac.read_records(tables(BAD))
    made = blacklist_changes(records, as_of="2013-05-01")
    assert made["merchant_id"].tolist() == ["m-b"]
    found = find_workouts(records, as_of="2013-09-01")
    assert found.loans["loan_id"].tolist() == ["b"]
    assert found.unknown["loan_id"].tolist() == ["a"]
    was = pd.DataFrame({"merchant_id": ["m-a"], "from": pd.Timestamp("2011-06-01"), "to": pd.NaT,
                        "reason": "malicious", "source": "recovery"})  # fmt: skip
    listed = ac.read_records(tables(BAD) | {"blacklist": was})
    assert "m-a" not in blacklist_changes(listed, as_of="2018-05-01")["merchant_id"].tolist()


@pytest.mark.parametrize(
    ("column", "value"),
    [("principal", np.nan), ("principal", np.inf), ("principal", -5.0), ("rate", np.nan),
     ("rate", np.inf)],
)  # fmt: skip
def test_a_loan_that_cannot_be_counted_is_named_and_stops_no_other(column, value) -> None:
    broken = tables(payments(("a", "2012-12-20 10:00", 100.0)))
    broken["loans"].loc[0, column] = value
    records = ac.read_records(broken)
    book = read_postings(records)
    assert find_unknown(book)["kind"].tolist() == ["uncounted_loan"]
    assert book.loans["loan_id"].tolist() == ["b"]
    assert len(find_spells(book).frame) == 1
    asked = pd.DataFrame({"merchant_id": ["m-a", "m-b"], "as_of": pd.Timestamp("2012-12-21")})
    assert days_past_due_at(records, asked).tolist() == [pytest.approx(np.nan, nan_ok=True), 10]


@pytest.mark.parametrize("amount", [np.inf, -np.inf, 1e15])
def test_an_impossible_payment_is_one_that_cannot_be_counted(amount) -> None:
    records = ac.read_records(tables(payments(("a", "2012-12-20 10:00", amount))))
    book = read_postings(records)
    assert find_unknown(book)["kind"].tolist() == ["uncounted_payment"]
    assert replay(book, ["2012-12-31"])["loan_id"].tolist() == ["b"]


@pytest.mark.parametrize("column", ["principal", "interest", "due_at"])
def test_an_instalment_that_cannot_be_counted_is_named_from_when_it_is_known(column) -> None:
    listed = pd.DataFrame({"loan_id": ["a", "b"], "due_at": DUE, "principal": [500_000] * 2,
                           "interest": [7_500] * 2})  # fmt: skip
    listed = listed.astype({"principal": "Int64", "interest": "Int64"})
    listed.loc[0, column] = None
    records = ac.read_records(tables() | {"instalments": listed})
    book = read_postings(records)
    assert find_unknown(book)[["loan_id", "kind"]].to_numpy().tolist() == [
        ["a", "uncounted_instalment"]
    ]
    assert replay(book, ["2012-12-31"])["loan_id"].tolist() == ["b"]
    asked = pd.DataFrame({"merchant_id": ["m-a", "m-b"], "as_of": pd.Timestamp("2012-12-21")})
    assert np.isnan(days_past_due_at(records, asked)[0])


@pytest.mark.slow
def test_a_loan_listed_twice_is_named_and_stops_no_other_loan(caplog) -> None:
    paid = payments(("b", "2012-12-12 09:00", 1000.0))
    twice = tables(paid)
    other = twice["loans"][:1].assign(principal=7000.0, product_id="taobao_credit")
    questions = (
        lambda records, book: early_warnings(records, as_of="2013-02-01"),
        lambda records, book: vintages(book, observed_until="2013-05-31"),
        lambda records, book: use_of_funds(records, as_of="2013-02-01").loans,
        lambda records, book: replay(book, ["2013-02-01"]),
        lambda records, book: loan_outcomes(book, observed_until="2013-05-31"),
        lambda records, book: find_workouts(records, as_of="2013-09-01").loans,
        lambda records, book: blacklist_changes(records, as_of="2013-09-01"),
    )
    alone = ac.read_records(tables(paid, ("b",)))
    its = read_postings(alone)
    answers = [ask(alone, its) for ask in questions]
    for copy, orders in ((twice["loans"][:1], ([0, 1, 2],)), (other, ([0, 1, 2], [2, 1, 0]))):
        for order in orders:
            rows = pd.concat([twice["loans"], copy], ignore_index=True).iloc[order]
            records = ac.read_records(twice | {"loans": rows.reset_index(drop=True)})
            with caplog.at_level(logging.WARNING):
                book = read_postings(records)
            assert "repeated_loan" in caplog.text
            found = find_unknown(book)
            assert found[["loan_id", "kind"]].to_numpy().tolist() == [["a", "repeated_loan"]]
            for ask, want in zip(questions, answers, strict=True):
                got = ask(records, book)
                if "loan_id" in got:
                    got = got[got["loan_id"] == "b"].reset_index(drop=True)
                if "unknown_loans" in got:
                    assert set(got["unknown_loans"]) == {1}
                    got = got.assign(unknown_loans=0)
                pd.testing.assert_frame_equal(got, want, check_dtype=False, check_names=False)
            assert find_workouts(records, as_of="2013-09-01").unknown["loan_id"].tolist() == ["a"]


def test_a_copy_of_a_loan_plays_no_part_before_it_is_known() -> None:
    twice = tables(payments(("b", "2012-12-12 09:00", 1000.0)))
    twice["loans"] = pd.concat([twice["loans"], twice["loans"][:1]], ignore_index=True)
    early = twice["loans"].assign(known_at=[START, START, pd.Timestamp("2013-03-01")])
    later = ac.read_records(twice | {"loans": early})
    assert len(early_warnings(later, as_of="2013-02-01")) == 2
    book = read_postings(later)
    states = replay(book, pd.date_range("2013-02-26", "2013-03-02"))
    assert states.loc[states["loan_id"] == "a", "day"].max() == pd.Timestamp("2013-02-28")
    assert find_unknown(book.known_before(pd.Timestamp("2013-03-01"))).empty


def test_a_fee_is_no_principal_where_payments_say_what_was_interest() -> None:
    # 12,000 yuan in twelve parts of 1,000 and 100 of interest; a fee of 120 with the first.
    ends = [pd.Timestamp("2012-01-10") + pd.DateOffset(months=n) for n in range(1, 13)]
    made = tables(loans=("a",))
    lent = pd.Timestamp("2012-01-10")
    made["loans"] = made["loans"].assign(principal=12_000.0, disbursed_at=lent, due_at=ends[-1])
    fees = [12_000] + [0] * 11
    made["instalments"] = pd.DataFrame({"loan_id": "a", "due_at": ends, "principal": 100_000,
                                        "interest": 10_000, "fee": fees})  # fmt: skip
    paid = pd.DataFrame({"loan_id": "a", "at": ends, "interest": 100.0,
                         "amount": [1_220.0] + [1_100.0] * 11})  # fmt: skip
    some = ac.read_records(made | {"repayments": paid[:11]})
    states = replay(read_postings(some), [ends[0], ends[10], ends[11] + pd.Timedelta(days=30)])
    assert states["balance_fen"].tolist() == [1_100_000, 100_000, 100_000]
    assert states["days_past_due"].tolist() == [0, 0, 30]
    asked = pd.DataFrame({"merchant_id": ["m-a"], "as_of": [ends[11] + pd.Timedelta(days=30)]})
    assert days_past_due_at(some, asked).tolist() == [30]
    whole = replay(read_postings(ac.read_records(made | {"repayments": paid})), [ends[11]])
    assert whole[["balance_fen", "state"]].to_numpy().tolist() == [[0, "closed"]]
    # A fee that one payment names is not taken out of another again.
    named = paid.assign(principal=[1_000.0] + [np.nan] * 11)
    again = replay(read_postings(ac.read_records(made | {"repayments": named})), [ends[11]])
    assert again["state"].tolist() == ["closed"]
    # Cut at a moment at which the first payment was not known, the fee comes out of the second.
    unknown = paid.assign(known_at=[pd.Timestamp("2012-12-01"), *ends[1:]])
    cut = read_postings(ac.read_records(made | {"repayments": unknown})).known_before(
        pd.Timestamp("2012-06-01")
    )
    assert cut.payments["principal_fen"].tolist() == [88_000, 100_000, 100_000]
