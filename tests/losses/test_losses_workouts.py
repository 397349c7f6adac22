"""Workouts: when a default begins, what is exposed, which money counts."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recovery_stage import DAY, at, book_with_known_recovery, loan_rows, payment, step
from recovery_stage import stage as make_records

from alicredit.errors import InputError, RecordError
from alicredit.ledger import read_postings, replay
from alicredit.losses import LgdRules, WorkoutRules, estimate_lgd, find_workouts
from alicredit.records import Records

START = at("2012-01-01")
DUE = START + 30 * DAY
DEFAULT = DUE + 91 * DAY
LOANS = loan_rows(["l"], ["m"], [START])
LOOSE = LgdRules(full_support=1, least_support=1)
FLAT = WorkoutRules(discount_rate=0.0)


def events(kind: str, day: pd.Timestamp) -> pd.DataFrame:
    """Let something happen to the merchant's account."""
    return pd.DataFrame({"merchant_id": ["m"], "at": [day], "kind": [kind]})


def test_a_default_is_known_once_its_day_is_over() -> None:
    records = make_records(LOANS)
    assert find_workouts(records, as_of=DEFAULT).loans.empty
    assert find_workouts(records, as_of=DEFAULT + pd.Timedelta(hours=23)).loans.empty
    row = find_workouts(records, as_of=DEFAULT + DAY).loans.iloc[0]
    assert (row["default_day"], row["months_observed"]) == (DEFAULT, 0)
    assert find_workouts(records, as_of=DEFAULT + 29 * DAY).loans["months_observed"].tolist() == [0]
    assert find_workouts(records, as_of=DEFAULT + 30 * DAY).loans["months_observed"].tolist() == [1]


@pytest.mark.parametrize("kind", ["sealed", "fraud_found", "bankrupt", "written_off"])
def test_a_sign_begins_the_default_before_the_days_do(kind) -> None:
    sign = DUE + 5 * DAY
    records = make_records(LOANS, account_events=events(kind, sign))
    row = find_workouts(records, as_of=DEFAULT + 60 * DAY).loans.iloc[0]
    assert (row["default_day"], row["exposure_day"]) == (sign, sign - DAY)
    assert row["exposure_fen"] == 507_500
    assert row["outcome"] == ("written_off" if kind == "written_off" else "default")


def test_a_sign_before_the_loan_begins_it_on_its_first_day() -> None:
    records = make_records(LOANS, account_events=events("sealed", START - 50 * DAY))
    row = find_workouts(records, as_of=DEFAULT).loans.iloc[0]
    assert (row["default_day"], row["exposure_day"]) == (START, START)
    assert row["exposure_fen"] == 500_000


def test_a_loan_kept_in_spite_of_an_older_sign_is_no_workout() -> None:
    signs = events("sealed", START - 700 * DAY)
    for day, many in ((DUE - 10 * DAY, 0), (DUE, 0), (DUE + DAY, 1)):
        half = payment("l", START + 5 * DAY, 2_500.0)
        paid = pd.DataFrame([half, payment("l", day, 2_575.0, interest=75.0)])
        records = make_records(LOANS, repayments=paid, account_events=signs)
        assert len(find_workouts(records, as_of="2013-01-01").loans) == many
    sealed = make_records(LOANS, account_events=signs)
    assert find_workouts(sealed, as_of="2013-01-01").loans["default_day"].tolist() == [START]
    lifted = pd.concat([signs, events("unsealed", START - 650 * DAY)])
    over = make_records(LOANS, account_events=lifted)  # never paid: late, and nothing before that
    assert find_workouts(over, as_of="2013-01-01").loans["default_day"].tolist() == [DEFAULT]


def test_a_restructure_with_a_loss_is_a_default_and_one_without_is_none() -> None:
    paid = pd.DataFrame([payment("l", DUE, 5_075.0, interest=75.0)])
    for loss, many in ((0.02, 1), (0.005, 0)):
        deal = pd.DataFrame({"loan_id": ["l"], "at": START + 10 * DAY, "kind": "extension",
                             "npv_loss": [loss]})  # fmt: skip
        records = make_records(LOANS, restructures=deal, repayments=paid)
        assert len(find_workouts(records, as_of="2013-01-01").loans) == many


def test_a_loan_repaid_before_the_sign_has_no_workout() -> None:
    paid = pd.DataFrame([payment("l", DUE, 5_075.0, interest=75.0)])
    sealed = events("sealed", DUE + 10 * DAY)
    made = find_workouts(make_records(LOANS, repayments=paid, account_events=sealed),
                         as_of="2013-01-01")  # fmt: skip
    assert made.loans.empty
    assert made.flows.empty


def test_money_after_the_horizon_and_before_the_default_does_not_count() -> None:
    days = [DEFAULT - 2 * DAY, DEFAULT - DAY, DEFAULT, DEFAULT + 59 * DAY, DEFAULT + 60 * DAY]
    paid = pd.DataFrame([payment("l", day, 100.0 + k) for k, day in enumerate(days)])
    rules = WorkoutRules(horizon_months=2)
    made = find_workouts(make_records(LOANS, repayments=paid), as_of="2013-06-01", rules=rules)
    assert made.loans["exposure_fen"].tolist() == [507_500 - 20_100]
    assert made.flows[["fen", "month"]].to_numpy().tolist() == [[10_200, 1], [10_300, 2]]
    assert made.loans["is_complete"].tolist() == [True]


def test_money_after_a_write_off_is_recovered_all_the_same() -> None:
    paid = pd.DataFrame([payment("l", DEFAULT + 400 * DAY, 1_015.0)])
    gone = events("written_off", DEFAULT + 365 * DAY)
    records = make_records(LOANS, repayments=paid, account_events=gone)
    estimate = estimate_lgd(records, as_of="2014-12-01", rules=LOOSE, workout=FLAT)
    assert estimate.frame["lgd"].tolist() == pytest.approx([0.8, 0.8])


def test_steps_cost_what_the_rules_say() -> None:
    steps = pd.DataFrame([step("l", DEFAULT + 3 * DAY, action) for action in
                          ("sms", "voice", "phone", "visit", "legal", "visit")])  # fmt: skip
    records = make_records(LOANS, collections=steps)
    costs = {"sms": 1, "voice": 20, "phone": 300, "visit": 4_000, "legal": 50_000}
    rules = WorkoutRules(costs_fen=costs, discount_rate=0)
    made = find_workouts(records, as_of="2013-06-01", rules=rules)
    assert made.flows["fen"].sum() == -(1 + 20 + 300 + 8_000 + 50_000)
    estimate = estimate_lgd(records, as_of="2014-12-01", rules=LOOSE, workout=rules)
    assert estimate.frame["lgd"].max() == 1  # costs lead beyond the whole: cut
    assert (estimate.curves["recovered"] < 0).all()


@pytest.mark.parametrize(
    ("action", "found"), [("call", "'call'"), ("PHONE", "'PHONE'"), (None, "a missing one")]
)
def test_a_step_of_unknown_cost_is_refused_and_named(action, found) -> None:
    steps = pd.DataFrame([step("l", DEFAULT + 3 * DAY, "sms")] * 2)
    steps["action"] = pd.Series(["sms", action], dtype=object)
    records = make_records(LOANS, collections=steps)
    with pytest.raises(RecordError, match=rf"collections\.action must be one of.*found {found}"):
        find_workouts(records, as_of="2013-06-01")
    assert find_workouts(records, as_of=DEFAULT + 2 * DAY).flows.empty  # not yet


def test_records_that_end_early_are_not_taken_for_silence() -> None:
    made = book_with_known_recovery(150, seed=2)
    noted = Records(made.sources, notes={"observed_until": "2011-06-01"})
    late = estimate_lgd(noted, as_of="2012-07-01", draws=20).frame
    early = estimate_lgd(noted, as_of="2011-06-01", draws=20).frame
    pd.testing.assert_frame_equal(late, early)


def test_what_became_known_later_is_not_read() -> None:
    paid = pd.DataFrame([payment("l", DEFAULT + 5 * DAY, 1_000.0)])
    records = make_records(LOANS, repayments=paid.assign(known_at=at("2013-01-01")))
    assert find_workouts(records, as_of="2013-01-01").flows.empty
    assert len(find_workouts(records, as_of="2013-01-02").flows) == 1


def test_exposures_are_the_ledgers_and_sums_are_those_of_sql() -> None:
    records = book_with_known_recovery(250, seed=6)
    made = find_workouts(records, as_of="2012-03-01", rules=FLAT)
    loans = made.loans
    states = replay(read_postings(records), pd.date_range("2009-10-01", "2012-03-01"))
    both = loans.merge(states, left_on=["loan_id", "exposure_day"], right_on=["loan_id", "day"])
    assert len(both) == len(loans) > 100
    np.testing.assert_array_equal(both["exposure_fen"], both["balance_fen"] + both["accrued_fen"])
    con = duckdb.connect()
    con.register("l", loans)
    con.register("f", made.flows)
    rows = con.execute(
        "WITH month AS (SELECT unnest(range(1, 25)) AS m), base AS ("
        "  SELECT m, sum(exposure_fen) AS base FROM l, month WHERE months_observed >= m GROUP BY m)"
        ","
        " money AS (SELECT f.month AS m, sum(f.fen) AS fen FROM f JOIN"
        "  (SELECT row_number() OVER () - 1 AS loan, months_observed AS seen FROM l) s"
        "  USING (loan) WHERE f.month <= s.seen GROUP BY f.month)"
        "SELECT sum(coalesce(fen, 0) / base) FROM base LEFT JOIN money USING (m)"
    ).fetchone()
    con.close()
    frame = estimate_lgd(records, as_of="2012-03-01", workout=FLAT, draws=20).frame
    assert frame["lgd"].iloc[-1] == pytest.approx(1 - rows[0], abs=1e-12)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 700), st.integers(1, 300_000)),
                max_size=8), st.floats(0, 0.3))  # fmt: skip
def test_complete_workouts_are_the_plain_ratio_and_more_money_is_less_loss(paid, rate) -> None:
    names = [f"l{k}" for k in range(6)]
    loans = loan_rows(names, names, [START + k * DAY for k in range(6)])
    rows = [payment(names[k], DEFAULT + (k + wait) * DAY, fen / 100) for k, wait, fen in paid]
    rules = WorkoutRules(discount_rate=rate)

    def lost(some: list) -> pd.Series:
        records = make_records(loans, repayments=pd.DataFrame(some))
        asked = {"as_of": "2016-01-01", "workout": rules, "rules": LOOSE, "draws": 20}
        return estimate_lgd(records, **asked).frame.iloc[-1]

    worth = sum(fen / (1 + rate) ** (wait / 365) for _, wait, fen in paid)
    row = lost(rows)
    assert row["lgd"] == pytest.approx(np.clip(1 - worth / (6 * 507_500), 0, 1), abs=1e-9)
    assert row["lgd_lower"] <= row["lgd"] <= row["lgd_upper"]
    assert row["complete_share"] == 1
    if rows:
        assert lost(rows[:-1])["lgd"] >= row["lgd"] - 1e-12


def test_months_that_too_few_have_been_seen_for_add_no_recovery() -> None:
    # Eleven default early and pay in the tenth month; forty have been seen for three months.
    early = [f"e{k:02d}" for k in range(11)]
    fresh = [f"f{k:02d}" for k in range(40)]
    loans = loan_rows(early + fresh, early + fresh, [START] * 11 + [START + 400 * DAY] * 40)
    paid = pd.DataFrame([payment(name, DEFAULT + 280 * DAY, 507.5) for name in early])
    records = make_records(loans, repayments=paid)
    asked = {"as_of": DEFAULT + 500 * DAY, "workout": FLAT, "draws": 20}
    told = estimate_lgd(records, **asked, rules=LgdRules(least_support=11)).frame.iloc[-1]
    assert (told["months"], told["lgd"]) == (16, pytest.approx(0.9))
    untold = estimate_lgd(records, **asked, rules=LgdRules(least_support=12)).frame.iloc[-1]
    assert (untold["months"], untold["lgd"]) == (3, 1.0)


def test_products_without_a_default_are_not_told() -> None:
    both = pd.concat([LOANS, loan_rows(["c"], ["c"], [START], product="taobao_credit")])
    paid = pd.DataFrame([payment("c", DUE, 5_075.0, interest=75.0)])
    frame = estimate_lgd(make_records(both, repayments=paid), as_of="2014-12-01",
                         rules=LOOSE).frame  # fmt: skip
    assert frame["product_id"].tolist() == ["taobao_order", "all"]


def test_bad_workouts_are_refused() -> None:
    records = make_records(LOANS)
    words = pd.Series(["all"], index=["l"])
    twice = pd.Series(["x", "y"], index=["l", "l"])
    asked = {"as_of": "2014-12-01", "rules": LOOSE}
    for call, match in (
        (lambda: find_workouts(records, as_of="x"), "as_of"),
        (lambda: WorkoutRules(discount_rate=-0.1), "discount_rate"),
        (lambda: WorkoutRules(default_days=0), "default_days"),
        (lambda: WorkoutRules(costs_fen=3), "costs_fen"),
        (lambda: WorkoutRules(costs_fen=dict.fromkeys(("sms", "voice", "phone", "visit", "legal"),
                                                      -1)), "at least 0"),
        (lambda: estimate_lgd(records, **asked, segments=words), "'all'"),
        (lambda: estimate_lgd(records, **asked, segments=twice), "one word a loan"),
        (lambda: estimate_lgd(records, **asked, draws=19), "draws"),
        (lambda: estimate_lgd(records, **asked, level=1), "level"),
        (lambda: LgdRules(full_support=9), "full_support"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=match):
            call()


def test_before_the_first_loan_there_is_no_workout_and_no_estimate() -> None:
    records = make_records(LOANS)
    for moment in (START - 900 * DAY, START, START + DAY):
        made = find_workouts(records, as_of=moment)
        assert (len(made.loans), len(made.flows), len(made.unknown)) == (0, 0, 0)
        with pytest.raises(InputError, match="at least 10 merchants in default, seen a month"):
            estimate_lgd(records, as_of=moment)
