"""Where lateness, grades, stages and signs begin: to the fen and to the day."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from ledger_stage import START, US, book, day, days

from alicredit.errors import InputError, RecordError
from alicredit.ledger import (
    GRADES,
    GradeRules,
    asset_quality,
    classify_loans,
    days_past_due_at,
    expected_credit_loss,
    find_spells,
    find_unknown,
    replay,
)
from alicredit.ledger.fees import without_fees
from alicredit.ledger.grid import Grid
from alicredit.ledger.signs import signs_in
from alicredit.loans.money import round_half_up
from alicredit.records import read_records


@pytest.mark.parametrize(
    ("principal", "material"),
    [(99_995, 9_999), (99_999, 9_999), (100_000, 10_000), (100_001, 10_000), (9, 0), (10, 1)],
)
def test_the_material_amount_is_the_share_in_whole_fen_and_never_more(principal, material) -> None:
    for lacks, is_late in ((material, False), (material + 1, True)):
        made = book([(0, 10, lacks)], [], principal=principal)
        assert len(find_spells(made).frame) == is_late
        row = replay(made, [day(11)]).iloc[0]
        assert (row["days_past_due"], row["state"]) == (
            (1, "arrears") if is_late else (0, "current")
        )
        assert row["overdue_fen"] == lacks  # immaterial or not


@pytest.mark.parametrize("principal", [999.95, 1000.0, 1000.01])
def test_a_query_and_intervals_draw_the_material_line_at_the_same_fen(principal: float) -> None:
    def asked(paid: float) -> float:
        loans = pd.DataFrame({
            "loan_id": ["l"], "merchant_id": ["m"], "product_id": ["taobao_order"], "rate": [0.0],
            "principal": [principal], "disbursed_at": [START], "due_at": [day(30)],
        })  # fmt: skip
        merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
                                  "registered_at": [day(-900)]})  # fmt: skip
        back = pd.DataFrame({"loan_id": ["l"], "at": [day(20)], "amount": [paid],
                             "principal": [paid], "interest": [0.0]})  # fmt: skip
        records = read_records({"merchants": merchants, "loans": loans, "repayments": back})
        frame = pd.DataFrame({"merchant_id": ["m"], "as_of": [day(40)]})
        return days_past_due_at(records, frame)[0]

    fen = round_half_up(Fraction(str(principal)) * 100)
    material = min(10_000, fen // 10)
    assert asked((fen - material) / 100) == 0
    assert asked((fen - material - 1) / 100) == 10


def test_what_falls_due_today_is_due_and_not_yet_overdue() -> None:
    states = replay(book([(0, 10, 60_000)], []), [day(9), day(10), day(11)])
    assert states["due_fen"].tolist() == [0, 60_000, 60_000]
    assert states["overdue_fen"].tolist() == [0, 0, 60_000]
    assert states["days_past_due"].tolist() == [0, 0, 1]


def test_a_release_ends_only_a_seal_that_came_before_it_within_the_day_too() -> None:
    def over(*rows: tuple[str, str]) -> list:
        at = pd.Series(pd.to_datetime([time for time, _ in rows])).astype(US)
        frame = pd.DataFrame({"merchant_id": "m", "loan_id": None, "at": at,
                              "day": at.dt.normalize(),
                              "kind": [kind for _, kind in rows]})  # fmt: skip
        return signs_in(frame)["over_day"].tolist()

    noon, two = "2013-01-05 12:00", "2013-01-05 14:00"
    assert over((noon, "sealed"), (two, "unsealed")) == [pd.Timestamp("2013-01-05")]
    assert over((two, "sealed"), (noon, "unsealed")) == [pd.NaT]
    assert over((noon, "sealed"), (noon, "unsealed")) == [pd.NaT]
    # The first release after each seal ends it; of two seals in a row it ends both.
    found = over(("2013-01-01", "sealed"), ("2013-01-03", "sealed"), ("2013-01-04", "unsealed"),
                 ("2013-01-09", "unsealed"))  # fmt: skip
    assert found == [pd.Timestamp("2013-01-04")] * 2
    assert over((noon, "fraud_found"), (two, "unsealed")) == [pd.NaT]


def fees_of(rest: list[int], fee: int, *, named: int = 0) -> list[int]:
    """Give the fee taken out of payments that say their interest alone, after one that is a fee."""
    size = len(rest)
    paid = pd.DataFrame({
        "loan_id": ["l"] * (1 + size), "fen": [named, *(fen + 100 for fen in rest)],
        "principal_fen": [0, *rest], "interest_fen": [0] + [100] * size,
        "penalty_fen": np.int64(0), "rest_fen": [0, *rest],
    })  # fmt: skip
    dues = pd.DataFrame({"loan_id": ["l", "other"], "fen": [1_300 + fee, 9_999],
                         "principal_fen": [1_000, 0], "interest_fen": [300, 0]})  # fmt: skip
    made = without_fees(paid, dues)
    assert (made["principal_fen"] + made["fee_fen"]).tolist() == [0, *rest]
    assert paid["principal_fen"].tolist() == [0, *rest]  # what was given is left as it was
    assert without_fees(made, dues)["principal_fen"].tolist() == made["principal_fen"].tolist()
    backwards = without_fees(paid[::-1].reset_index(drop=True), dues)
    assert backwards["fee_fen"].sum() == made["fee_fen"].sum()  # in whatever order they came
    return made["fee_fen"].tolist()[1:]


def test_fees_of_a_schedule_are_settled_before_principal_and_once() -> None:
    assert fees_of([600, 500], 0) == [0, 0]
    assert fees_of([600, 500], 200) == [200, 0]
    assert fees_of([600, 500], 600) == [600, 0]
    assert fees_of([600, 500], 601) == [600, 1]
    assert fees_of([600, 500], 5_000) == [600, 500]
    assert fees_of([600, 500], 700, named=150) == [550, 0]  # another payment names 150
    assert fees_of([600, 500], 100, named=150) == [0, 0]


def one(days_late: int, state: str, balance: int = 100_000, accrued: int = 0) -> pd.DataFrame:
    """Make a row of a replayed book."""
    return pd.DataFrame({"loan_id": ["l"], "day": [START], "balance_fen": [balance],
                         "accrued_fen": [accrued], "days_past_due": [days_late],
                         "state": [state]})  # fmt: skip


@pytest.mark.parametrize(
    ("late", "state", "stage"),
    [(0, "current", 1), (30, "arrears", 1), (31, "arrears", 2), (0, "cured", 2),
     (0, "restructured", 3), (91, "default", 3)],
)  # fmt: skip
def test_a_stage_sets_aside_its_own_probability_of_principal_and_interest(
    late: int, state: str, stage: int
) -> None:
    found = expected_credit_loss(one(late, state, 100_000, 1_500), pd_12m=0.01, pd_lifetime=0.2,
                                 lgd=0.6).iloc[0]  # fmt: skip
    assert (found["stage"], found["exposure_fen"]) == (stage, 101_500)
    assert found["provision_fen"] == round(101_500 * 0.6 * {1: 0.01, 2: 0.2, 3: 1.0}[stage])


def test_a_provision_rounds_half_up_and_equal_probabilities_are_allowed() -> None:
    half = {"pd_12m": 0.5, "pd_lifetime": 0.5, "lgd": 1.0}
    for balance, fen in ((1, 1), (2, 1), (3, 2)):
        assert expected_credit_loss(one(0, "current", balance), **half)["provision_fen"][0] == fen
    bounds = {"pd_12m": 0.0, "pd_lifetime": 1.0, "lgd": [1.0]}
    assert expected_credit_loss(one(31, "arrears"), **bounds)["provision_fen"][0] == 100_000
    assert expected_credit_loss(one(45, "arrears"), **bounds, significant_days=45)["stage"][0] == 1
    with pytest.raises(InputError, match=r"pd_lifetime must not lie below pd_12m; found 0\.4"):
        expected_credit_loss(one(0, "current"), pd_12m=0.5, pd_lifetime=0.4, lgd=1)
    with pytest.raises(InputError, match=r"lgd must be one number or 1; found \(2,\)"):
        expected_credit_loss(one(0, "current"), pd_12m=0, pd_lifetime=0, lgd=[1, 1])
    for wrong in (-1e-9, 1 + 1e-9, np.nan):
        with pytest.raises(InputError, match="lgd must be shares from 0 to 1"):
            expected_credit_loss(one(0, "current"), pd_12m=0, pd_lifetime=0, lgd=wrong)


def test_each_grade_sets_its_own_share_aside_and_the_last_three_are_bad() -> None:
    late = {"pass": 0, "special_mention": 90, "substandard": 91, "doubtful": 181, "loss": 361}
    shares = dict(zip(GRADES, (0.01, 0.02, 0.25, 0.50, 1.00)))
    for grade, share in shares.items():
        found = asset_quality(one(late[grade], "arrears", 1_000_000)).iloc[0]
        assert (found[grade], found["balance"]) == (1_000_000, 1_000_000)
        assert found["provision"] == 1_000_000 * share
        is_bad = grade in ("substandard", "doubtful", "loss")
        assert (found["npl"], found["npl_ratio"]) == ((1_000_000, 1) if is_bad else (0, 0))
        assert found["coverage"] == share if is_bad else np.isnan(found["coverage"])
    assert asset_quality(one(0, "current", 50))["provision"][START] == 1  # half a fen: up


@pytest.mark.parametrize(
    "wrong",
    [(0, 90, 180), (0, 90, 90, 360), (0, 90, 180, 360, 720), (90, 0, 180, 360)],
)
def test_days_of_grades_rise_from_nothing_on(wrong) -> None:
    with pytest.raises(InputError, match="beyond_days must rise, four numbers from 0"):
        GradeRules(beyond_days=wrong)
    strict = GradeRules(beyond_days=(0, 1, 2, 3))
    rows = pd.concat([one(late, "arrears") for late in range(5)], ignore_index=True)
    assert classify_loans(rows, rules=strict).tolist() == list(GRADES)


@pytest.mark.parametrize(
    "wrong",
    [("0", "0", "0", "0"), ("0", "0", "0", "0", "1.01"), ("0.1", "0", "0.2", "0.3", "1")],
)
def test_provisions_do_not_fall_and_are_at_most_the_whole(wrong) -> None:
    with pytest.raises(InputError, match="provision_rates must not fall from grade to grade"):
        GradeRules(provision_rates=wrong)
    assert GradeRules(provision_rates=("0", "0", "1", "1", "1")).provision_rates[4] == "1"


def test_a_grid_sums_from_the_day_of_a_fact_on_and_to_the_day_before_its_end() -> None:
    grid = Grid(np.array([10, 20, 30, 40]), np.array([0, 1, 2]), np.array([4, 4, 2]))
    assert grid.size.tolist() == [4, 3, 0]  # the last loan has no row
    loan, value = np.array([0, 1, 1]), np.array([5, 7, 9])
    made = grid.running(loan, np.array([20, 5, 41]), value)
    assert made.tolist() == [0, 5, 5, 5, 7, 7, 7]
    held = grid.between(loan, np.array([20, 5, 21]), np.array([40, 30, 21]), value)
    assert held.tolist() == [0, 5, 5, 0, 7, 0, 0]
    assert grid.between(np.array([2]), np.array([0]), np.array([99])).tolist() == [0] * 7


def test_a_fault_of_the_day_a_loan_was_repaid_still_counts_and_one_after_does_not() -> None:
    paid = book([(0, 30, 101_500)], [(0, 20, 101_000, 100_000)])
    for on, is_unknown in ((19, True), (20, True), (21, False)):
        fault = pd.DataFrame({"loan_id": ["l0"], "merchant_id": ["m0"], "day": days([on]),
                              "kind": ["uncounted_payment"], "known_at": days([on])})  # fmt: skip
        made = type(paid)(paid.loans, paid.dues, paid.payments, paid.events, fault)
        assert find_unknown(made)["kind"].tolist() == ["uncounted_payment"] * is_unknown


def test_amounts_beyond_sixty_four_bits_are_refused_and_not_wrapped() -> None:
    huge = book([(0, 10, 2**61 + 20_000)], [(0, 5, 1, 1)])
    with pytest.raises(RecordError, match="amounts must stay within 64 bits over the book"):
        find_spells(huge)


@pytest.mark.parametrize("last", ["4707-11-28", "4707-11-29", "4707-11-30", "9999-12-31"])
def test_an_unpaid_loan_stays_in_default_to_the_last_day_of_the_calendar(last: str) -> None:
    """Nothing is repaid and nothing written off: the day asked about changes days late alone."""
    made = book([(0, 10, 50_000)], [], signs=[(1, 3, "sealed")])
    rows = replay(made, [pd.Timestamp("2300-01-01"), pd.Timestamp(last).as_unit("us")])
    assert rows["loan_id"].tolist() == ["l0", "l0", "l1", "l1"]
    assert set(rows["state"]) == {"default"}
    late = (pd.Timestamp(last).as_unit("s") - day(10).as_unit("s")).days
    assert rows["days_past_due"].tolist()[:2] == [
        (pd.Timestamp("2300-01-01").as_unit("s") - day(10).as_unit("s")).days, late,
    ]  # fmt: skip
