"""A replayed book agrees with a loop over days, with contracts, with labels and with cash."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_stage import START, book, day, replay_by_hand

import alicredit as ac
from alicredit.errors import InputError, RecordError
from alicredit.labels import DefaultDefinition, label_status
from alicredit.ledger import (
    BUCKETS,
    STATES,
    Postings,
    StateRules,
    days_past_due_at,
    read_postings,
    replay,
    replay_batches,
)
from alicredit.loans import Contract, Event, Terms, payoff, per_day

DAYS = pd.date_range(START, periods=480, freq="D")
DUES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 150), st.integers(1, 60_000)),
    min_size=1, max_size=8,
)  # fmt: skip
PAID = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 400), st.integers(0, 60_000), st.integers(0, 40_000)
    ),
    max_size=8,
)
KINDS = ["sealed", "fraud_found", "bankrupt", "written_off", "restructured"]
SIGNS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 300), st.sampled_from(KINDS)), max_size=2
)


def rows_of(states: pd.DataFrame, loan: str) -> list[tuple]:
    """List a loan's rows as the loop gives them."""
    mine = states[states["loan_id"] == loan]
    names = ["balance_fen", "due_fen", "overdue_fen", "days_past_due", "state"]
    return list(mine[names].itertuples(index=False, name=None))


@settings(max_examples=60)
@given(dues=DUES, paid=PAID, signs=SIGNS)
def test_every_day_of_a_book_agrees_with_a_loop(dues, paid, signs) -> None:
    states = replay(book(dues, paid, signs=signs), DAYS)
    for loan in {row[0] for row in dues}:
        mine = [[row for row in rows if row[0] == loan] for rows in (dues, paid, signs)]
        assert rows_of(states, f"l{loan}") == replay_by_hand(*mine, last=479)


@settings(max_examples=30)
@given(dues=DUES, paid=PAID, signs=SIGNS, chosen=st.sets(st.integers(0, 479), min_size=1))
def test_any_days_are_rows_of_all_days(dues, paid, signs, chosen) -> None:
    made = book(dues, paid, signs=signs)
    every = replay(made, DAYS)
    some = replay(made, DAYS[sorted(chosen)])
    want = every[every["day"].isin(DAYS[sorted(chosen)])]
    last = every.groupby("loan_id")["day"].max()
    beyond = some["day"] > some["loan_id"].map(last)
    assert set(some["state"][beyond]) <= {"closed", "written_off"}
    pd.testing.assert_frame_equal(some[~beyond].reset_index(drop=True), want.reset_index(drop=True))
    assert beyond.groupby(some["loan_id"]).sum().max() <= 1


def test_batches_are_parts_of_the_whole() -> None:
    dues = [(k, 10 + k, 50_000) for k in range(7)]
    paid = [(k, 12 * k, 50_000, 40_000) for k in range(7)]
    made = book(dues, paid)
    whole = replay(made, DAYS)
    for size in (1, 3, 100):
        parts = list(replay_batches(made, DAYS, loans_a_batch=size))
        assert len(parts) == -(-7 // size)
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


def test_a_life_with_arrears_default_cure_and_relapse() -> None:
    dues = [(0, 30, 50_000), (0, 200, 50_000), (0, 400, 20_000)]
    paid = [(0, 130, 50_000, 40_000), (0, 215, 50_000, 40_000), (0, 410, 20_000, 20_000)]
    states = replay(book(dues, paid), DAYS).set_index("day")["state"]
    told = [(d, states[day(d)]) for d in (0, 30, 31, 120, 121, 129, 130, 200, 201, 214, 215, 219)]
    assert told == [
        (0, "current"), (30, "current"), (31, "arrears"), (120, "arrears"), (121, "default"),
        (129, "default"), (130, "cured"), (200, "cured"), (201, "default"), (214, "default"),
        (215, "cured"), (219, "cured"),
    ]  # fmt: skip
    assert states[day(220)] == "current"
    assert states[day(401)] == "arrears"
    assert states.iloc[-1] == "closed"
    assert len(states) == 411


def test_rules_change_the_threshold_and_the_probation() -> None:
    made = book([(0, 30, 50_000)], [(0, 65, 50_000, 50_000)])
    strict = StateRules(default_days=30, probation_days=10)
    states = replay(made, DAYS, rules=strict).set_index("day")["state"]
    assert [states[day(d)] for d in (60, 61, 64, 65, 74, 75)] == [
        "arrears", "default", "default", "cured", "cured", "current",
    ]  # fmt: skip


def test_buckets_end_on_their_last_day() -> None:
    made = book([(0, 0, 90_000)], [])
    bucket = replay(made, DAYS)["bucket"]
    at = {0: "0", 1: "1-30", 30: "1-30", 31: "31-60", 60: "31-60", 61: "61-90", 90: "61-90",
          91: "91-180", 180: "91-180", 181: "181-360", 360: "181-360", 361: "over 360"}  # fmt: skip
    assert {d: bucket[d] for d in at} == at
    assert list(bucket.cat.categories) == list(BUCKETS)


PAYMENTS = st.dictionaries(st.integers(0, 30), st.integers(1, 60_000), max_size=4)


@settings(max_examples=60)
@given(PAYMENTS, st.integers(1, 29))
def test_interest_to_a_day_is_what_the_contract_would_want_on_it(payments, on) -> None:
    contract = Contract(
        terms=Terms(rate=per_day("0.0005"), days=30), principal_fen=100_000, start=START.date()
    )
    events, paid = [], []
    for d, fen in sorted(payments.items()):
        if d <= on:
            event = Event(day(d).date(), "payment", fen)
            before = payoff(contract, events, on=day(d).date())
            events.append(event)
            part = 100_000 - sum(row[3] for row in paid)
            taken = min(fen, before)
            part = min(part, round(taken / (1 + 0.0005 * d)))
            paid.append((0, d, taken, part))
    states = replay(book([(0, 30, 101_500)], paid), [day(on)])
    if states.empty or (states["state"] == "closed").all():
        return
    row = states.iloc[0]
    need = payoff(contract, events, on=day(on).date())
    assert abs(row["balance_fen"] + row["accrued_fen"] - need) <= 1 + len(paid)


def test_interest_stops_at_the_end_of_the_term_and_follows_instalments_by_month() -> None:
    made = book([(0, 30, 101_500)], [])
    accrued = replay(made, DAYS).set_index("day")["accrued_fen"]
    assert [int(accrued[day(d)]) for d in (0, 1, 29, 30, 31, 400)] == [
        0,
        50,
        1450,
        1500,
        1500,
        1500,
    ]
    monthly = book(
        [(0, 31, 1500), (0, 60, 1500), (0, 91, 101_500)], [(0, 31, 1500, 0)],
        rate=0.015, unit="month", term=91,
    )  # fmt: skip
    monthly.dues["interest_fen"] = 1500
    accrued = replay(monthly, DAYS).set_index("day")["accrued_fen"]
    assert [int(accrued[day(d)]) for d in (10, 30, 31, 46, 60, 91, 200)] == [
        500, 1500, 0, 750, 1500, 3000, 3000,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def simulated() -> ac.Records:
    """A platform with many defaults."""
    return ac.simulate_platform(1500, seed=4, orders_per_month=1, default_rate=0.1)[0]


@pytest.fixture(scope="module")
def postings(simulated) -> Postings:
    """Its ledger."""
    return read_postings(simulated)


def test_balances_reconcile_with_the_cash_of_the_platform(simulated, postings) -> None:
    loans, back = (simulated[name].to_pandas() for name in ("loans", "repayments"))
    grid = pd.date_range(loans["disbursed_at"].min().normalize(), back["at"].max(), freq="MS")
    states = replay(postings, grid)
    for at in grid:
        out = loans["principal"][loans["disbursed_at"] < at + pd.Timedelta(days=1)]
        home = back["principal"][back["at"] < at + pd.Timedelta(days=1)]
        cash = round(out.mul(100).round().sum() - home.mul(100).round().sum())
        assert states["balance_fen"][states["day"] == at].sum() == cash


def test_interest_of_order_loans_is_what_they_paid(simulated, postings) -> None:
    loans = simulated["loans"].to_pandas()
    order = loans[loans["product_id"] == "taobao_order"]["loan_id"]
    back = simulated["repayments"].to_pandas()
    whole = back[back["loan_id"].isin(order) & back["channel"].isin(["auto_order", "manual"])]
    whole = whole.drop_duplicates("loan_id", keep=False).sample(300, random_state=0)
    some = Postings(
        postings.loans[postings.loans["loan_id"].isin(whole["loan_id"])],
        postings.dues, postings.payments[postings.payments["principal_fen"] < 0],
        postings.events[:0],
    )  # fmt: skip
    days = pd.date_range(loans["disbursed_at"].min().normalize(), back["at"].max().normalize())
    states = replay(some, days).set_index(["loan_id", "day"])["accrued_fen"]
    for row in whole.itertuples():
        assert states[row.loan_id, row.at.normalize()] == round(row.interest * 100)


def test_lateness_is_that_of_the_features_at_the_end_of_the_day(simulated, postings) -> None:
    grid = pd.to_datetime(["2012-06-30", "2013-01-31", "2013-06-30"])
    states = replay(postings, grid).merge(postings.loans[["loan_id", "merchant_id"]], on="loan_id")
    mine = states.groupby(["merchant_id", "day"])["days_past_due"].max()
    asked = pd.MultiIndex.from_product(
        [postings.loans["merchant_id"].unique(), grid], names=["merchant_id", "day"]
    ).to_frame(index=False)
    night = asked["day"] + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    theirs = days_past_due_at(simulated, asked.assign(as_of=night))
    got = mine.reindex(pd.MultiIndex.from_frame(asked)).fillna(0).to_numpy()
    assert (got == theirs.to_numpy()).all()
    assert (got > 90).sum() > 20


def test_labels_call_in_default_what_the_replay_does(simulated, postings) -> None:
    grid = pd.to_datetime(["2012-06-30", "2012-12-31", "2013-04-30"])
    states = replay(postings, grid)
    states = states[states["state"] != "closed"].merge(
        postings.loans[["loan_id", "merchant_id"]], on="loan_id"
    )
    cohort = ac.Cohort.from_frame(states.rename(columns={"day": "as_of"}))
    definition = DefaultDefinition(level="facility", horizon_days=485)
    status = label_status(simulated, cohort, definition=definition, observed_until="2020-01-01")
    in_default = ("default", "cured", "restructured", "written_off")
    want = states["state"].isin(in_default).to_numpy()
    assert ((status == "already_default").to_numpy() == want).all()
    assert 20 < want.sum() < len(want)


def test_states_and_refusals() -> None:
    made = book([(0, 30, 101_500)], [])
    assert set(replay(made, DAYS)["state"]) == {"current", "arrears", "default"}
    assert replay(made, [day(-5)]).empty
    assert list(replay(made, DAYS)["state"].cat.categories) == list(STATES)
    with pytest.raises(InputError, match="days"):
        replay(made, [])
    with pytest.raises(InputError, match="days"):
        replay(made, [pd.NaT])
    twice = Postings(pd.concat([made.loans] * 2), made.dues, made.payments, made.events)
    with pytest.raises(RecordError, match=r"list each loan once.*l0"):
        replay(twice, DAYS)
    long = pd.date_range("2012-01-01", "2260-01-01")
    many = Postings(
        pd.concat([made.loans.assign(loan_id=f"x{k}") for k in range(400)]), made.dues,
        made.payments, made.events,
    )  # fmt: skip
    with pytest.raises(InputError, match="replay_batches"):
        replay(many, long)


def test_a_book_without_payments_or_signs_is_replayed() -> None:
    empty = book([], [])
    states = replay(empty, DAYS[:3])
    assert states["balance_fen"].tolist() == [100_000] * 3
    assert np.array_equal(states["accrued_fen"], [0, 50, 100])


@pytest.mark.slow
def test_a_hundred_thousand_loans_reconcile_with_cash_to_the_fen_every_month() -> None:
    records = ac.simulate_platform(4500, seed=9, orders_per_month=0.2, default_rate=0.05)[0]
    made = read_postings(records)
    assert len(made.loans) > 100_000
    grid = pd.date_range(made.loans["disbursed_at"].min().normalize(), periods=60, freq="MS")
    lent, home = made.loans, made.payments
    got = pd.Series(0, index=grid)
    for states in replay_batches(made, grid):
        got = got.add(states.groupby("day")["balance_fen"].sum(), fill_value=0)
    for at in grid:
        out = lent["principal_fen"][lent["disbursed_at"] < at + pd.Timedelta(days=1)].sum()
        assert got[at] == out - home["principal_fen"][home["day"] <= at].sum()
