"""The ledger owes what the contract says, and bad postings are findings, not balances."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_stage import START, book, day, days
from refused import refused

import alicredit as ac
from alicredit import loans as arithmetic
from alicredit.errors import InputError
from alicredit.labels import DefaultDefinition, label_status
from alicredit.ledger import StateRules, days_past_due_at, find_spells, read_postings, replay
from alicredit.loans import accrue_between, per_day, per_month

MONTH = {"product_id": "ali_credit", "principal": 100_000.0, "rate": 0.015, "rate_unit": "month"}
ORDER = {"product_id": "taobao_order", "principal": 5000.0, "rate": 0.0005, "rate_unit": "day"}


def records(kind: dict, start: str, end: str, paid: list[tuple] = ()) -> ac.Records:
    """Make a loan and payments (at, amount, of it principal, of it interest); None: not told."""
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": "taobao"})
    merchants["registered_at"] = pd.Timestamp("2005-01-01")
    loan = {"loan_id": ["l"], "merchant_id": ["m"], "disbursed_at": [pd.Timestamp(start)],
            "due_at": [pd.Timestamp(end)]}  # fmt: skip
    tables = {"merchants": merchants, "loans": pd.DataFrame(loan).assign(**kind)}
    if paid:
        rows = pd.DataFrame(paid, columns=["at", "amount", "principal", "interest"])
        rows = rows.assign(loan_id="l", at=pd.to_datetime(rows["at"]))
        tables["repayments"] = rows.dropna(axis="columns")
    return ac.read_records(tables)


def states(made: ac.Records, *at: str) -> pd.DataFrame:
    """Replay on some days."""
    return replay(read_postings(made), pd.to_datetime(list(at))).set_index("day")


def test_a_year_of_interest_by_month_is_twelve_months_and_not_its_days() -> None:
    # 100,000 at 1.5 % a month owe 118,000.00 after a year, be it of 365 or of 366 days.
    for start, end in (("2011-01-01", "2012-01-01"), ("2012-01-01", "2013-01-01")):
        dues = read_postings(records(MONTH, start, end)).dues
        assert dues["fen"].tolist() == [11_800_000]
        assert dues["interest_fen"].tolist() == [1_800_000]


@pytest.mark.parametrize("fee", [0, 100, 20_000])
def test_a_fee_that_was_paid_is_no_interest_paid(fee) -> None:
    # 1,000.00 of principal and 100.00 of interest a month; the twelfth is not paid.
    ends = [pd.Timestamp("2012-01-10") + pd.DateOffset(months=n) for n in range(1, 13)]
    base = records(MONTH | {"principal": 12_000.0}, "2012-01-10", "2013-01-10")
    listed = pd.DataFrame({"loan_id": "l", "due_at": ends, "principal": 100_000,
                           "interest": 10_000, "fee": fee})  # fmt: skip
    paid = pd.DataFrame({"loan_id": "l", "at": ends[:11], "amount": 1_100.0 + fee / 100,
                         "principal": 1_000.0, "interest": 100.0, "penalty": 0.0})  # fmt: skip
    tables = {name: base[name].to_pandas() for name in ("merchants", "loans")}
    made = ac.read_records(tables | {"instalments": listed, "repayments": paid})
    found = states(made, "2012-12-10", "2012-12-25", "2013-01-20")
    assert found["balance_fen"].tolist() == [100_000] * 3
    assert found["accrued_fen"].tolist() == [0, 750, 10_000]  # 15/30 of 1.5 % of 1,000; 100.00
    assert found["due_fen"].tolist() == [0, 0, 110_000 + fee]
    tables["repayments"] = paid.drop(columns="interest").assign(amount=1_100.0)
    untold = ac.read_records(tables | {"instalments": listed.assign(fee=0)})
    assert states(untold, "2012-12-25")["accrued_fen"].tolist() == [750]


def test_who_pays_what_the_contract_by_month_asks_for_is_closed_and_good() -> None:
    paid = [("2012-01-01 10:00", 118_000.0, None, None)]
    made = records(MONTH, "2011-01-01", "2012-01-01", paid)
    assert states(made, "2012-01-01")["state"].tolist() == ["closed"]
    found = label_status(
        made, ac.Cohort.of_loans(made), observed_until="2015-01-01",
        definition=DefaultDefinition.of_product("ali_credit"),
    )  # fmt: skip
    assert found.tolist() == ["good"]
    asked = pd.DataFrame({"merchant_id": ["m"], "as_of": [pd.Timestamp("2012-06-01")]})
    assert days_past_due_at(made, asked).tolist() == [0]


@settings(max_examples=5, deadline=None)
@given(st.dates(date(2010, 1, 1), date(2013, 12, 31)), st.integers(1, 800), st.booleans())
def test_what_a_loan_owes_at_its_end_is_the_interest_of_its_contract(start, held, by_day) -> None:
    end = start + timedelta(days=held)
    kind, rate = (ORDER, per_day("0.0005")) if by_day else (MONTH, per_month("0.015"))
    fen = round(kind["principal"] * 100)
    dues = read_postings(records(kind, str(start), str(end))).dues
    assert dues["interest_fen"].tolist() == [accrue_between(fen, rate, start, end)]
    assert dues["fen"].tolist() == [fen + accrue_between(fen, rate, start, end)]


@settings(max_examples=5, deadline=None)
@given(st.dates(date(2010, 1, 1), date(2013, 12, 31)), st.data())
def test_interest_to_each_day_is_that_of_the_contract_by_day_and_by_month(start, data) -> None:
    end = arithmetic.add_months(start, 12)
    at = start + timedelta(days=data.draw(st.integers(0, (end - start).days)))
    for kind, rate in ((ORDER, per_day("0.0005")), (MONTH, per_month("0.015"))):
        fen = round(kind["principal"] * 100)
        row = states(records(kind, str(start), str(end)), str(at)).iloc[0]
        want = accrue_between(fen, rate, start, at)
        assert (row["balance_fen"], row["accrued_fen"]) == (fen, want)


@pytest.mark.parametrize(
    ("paid", "rule"),
    [
        ([("2011-12-20", 5015.0, 5000.0, 15.0)], "repayment before disbursement"),
        ([("2012-01-07", -515.0, -500.0, -15.0)], "principal impossible"),
        ([("2012-01-07", 9000.0, 8985.0, 15.0)], "more principal repaid than lent"),
        ([("2012-01-07", 5015.0, 5000.0, 15.0)] * 2, "more principal repaid than lent"),
    ],
)
def test_a_payment_that_cannot_be_is_a_finding_of_its_table(paid, rule) -> None:
    found = ac.find_problems(records(ORDER, "2012-01-01", "2012-01-31", paid))
    mine = found[(found["table"] == "repayments") & (found["rule"] == rule)]
    assert mine["severity"].tolist() == ["error"]
    assert (mine["rows"] >= 1).all()


def test_a_payment_of_another_loan_is_found_and_repays_nothing() -> None:
    made = records(ORDER, "2012-01-01", "2012-01-31")
    tables = {name: made[name].to_pandas() for name in ("merchants", "loans")}
    tables["repayments"] = pd.DataFrame(
        {"loan_id": ["x"], "at": [pd.Timestamp("2012-01-07")], "amount": 5015.0,
         "principal": 5000.0, "interest": 15.0}
    )  # fmt: skip
    strange = ac.read_records(tables)
    assert "loan_id orphan" in ac.find_problems(strange)["rule"].tolist()
    want = states(made, "2012-01-10", "2012-02-10")
    pd.testing.assert_frame_equal(states(strange, "2012-01-10", "2012-02-10"), want)


def told(dues, paid, at: list[int], **rules: object) -> list[str]:
    """List the states of one loan on some days."""
    grid = [day(number) for number in at]
    frame = replay(book(dues, paid), grid, rules=StateRules(**rules))
    return frame["state"].tolist()


@pytest.mark.parametrize("threshold", [2, 30, 60, 90])
def test_default_begins_on_the_day_after_the_threshold(threshold) -> None:
    at = [10, 11, 10 + threshold, 11 + threshold]
    want = ["current", "arrears", "arrears", "default"]
    assert told([(0, 10, 50_000)], [], at, default_days=threshold) == want


@pytest.mark.parametrize("probation", [0, 1, 30, 90])
def test_probation_lasts_its_days_from_the_day_of_payment(probation) -> None:
    dues, paid = [(0, 10, 50_000), (0, 400, 50_000)], [(0, 150, 50_000, 40_000)]
    states_of = told(dues, paid, list(range(149, 152 + probation)), probation_days=probation)
    assert states_of == ["default", *(["cured"] * probation), "current", "current"]


def test_late_again_on_probation_is_default_at_once_and_after_it_is_arrears() -> None:
    paid = [(0, 150, 50_000, 40_000)]
    assert told([(0, 10, 50_000), (0, 238, 50_000)], paid, [238, 239, 240]) == [
        "cured", "default", "arrears",
    ]  # fmt: skip
    assert told([(0, 10, 50_000), (0, 239, 50_000)], paid, [239, 240]) == ["cured", "arrears"]


@pytest.mark.parametrize(("fen", "late"), [(50_000, 0), (40_000, 0), (39_999, 10)])
def test_what_lacks_up_to_the_material_amount_is_not_late(fen, late) -> None:
    # A tenth of 1,000 yuan is 100 yuan: less than that or just that is immaterial.
    frame = replay(book([(0, 10, 50_000)], [(0, 10, fen, 0)]), [day(20)])
    assert frame["days_past_due"].tolist() == [late]
    assert frame["overdue_fen"].tolist() == [50_000 - fen]


MONEY = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60_000), st.integers(0, 100)), max_size=5
)


@settings(max_examples=12, deadline=None)
@given(MONEY, st.integers(0, 40_000))
def test_interest_is_that_of_every_days_balance(paid, principal) -> None:
    principal += 1000
    rows, back = [], 0
    for at, fen, share in sorted(paid):
        part = min(fen * share // 100, principal - back)
        back += part
        rows.append((0, at, fen, part))
    frame = replay(
        book([(0, 70, principal)], rows, principal=principal, term=70),
        [day(number) for number in range(71)],
    )
    borne, balance = Fraction(0), principal
    for number, row in enumerate(frame.itertuples()):
        paid_interest = sum(fen - part for _, at, fen, part in rows if at <= number)
        balance = principal - sum(part for _, at, _, part in rows if at <= number)
        assert row.balance_fen == balance
        want = max(int((2 * borne + 1) // 2) - paid_interest, 0) if balance else 0
        assert row.accrued_fen == want
        borne += balance * Fraction(1, 2000)
    assert len(frame) == 71 or balance == 0


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 50_000)), min_size=1, max_size=5))
def test_a_spell_is_late_on_exactly_the_days_the_replay_says(dues) -> None:
    made = book([(0, at, fen) for at, fen in dues], [(0, 95, 60_000, 0), (0, 130, 90_000, 0)])
    frame = replay(made, [day(number) for number in range(0, 200, 9)])
    spells = find_spells(made).frame
    for row in frame.itertuples():
        running = (spells["due_day"] < row.day) & ~(spells["settled_day"] <= row.day)
        oldest = spells["due_day"][running].min()
        assert row.days_past_due == ((row.day - oldest).days if running.any() else 0)


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        ("default_days", 0), ("default_days", 1.5), ("default_days", True), ("default_days", None),
        ("material_fen", -1), ("material_fen", "100"), ("material_share", 1.01),
        ("material_share", np.nan), ("probation_days", -1), ("probation_days", 0.5),
        ("restructure_probation_days", -1), ("restructure_probation_days", None),
    ],
)  # fmt: skip
def test_rules_without_meaning_are_refused_by_name(rule, bad) -> None:
    with refused(rule, error=InputError):
        StateRules(**{rule: bad})


@pytest.mark.parametrize("bad", [-1, 0.5, None, "90", True])
def test_a_spell_lasts_whole_days(bad) -> None:
    with refused("days_past_due", error=InputError):
        find_spells(book([(0, 1, 50_000)], [])).beyond(bad)


def test_the_stage_begins_where_it_says() -> None:
    assert days([0]).tolist() == [START]


def test_a_book_shows_how_much_it_holds_and_not_all_of_it() -> None:
    paid = [("2012-12-21 10:00", 1_000.0, 990.0, 10.0), ("2012-12-22 10:00", 500.0, 500.0, 0.0)]
    book = read_postings(records(ORDER, "2012-11-11", "2012-12-11", paid))
    assert repr(book) == "Postings(1 loans, 1 dues, 2 payments, 0 events, 0 faults)"
