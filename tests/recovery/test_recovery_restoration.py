"""Help for debtors who want to pay: when it is offered, exact plans, what it costs, what it is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recovery_stage import DAY, PEOPLE, at, loan_rows, payment, sales_rows, step
from recovery_stage import stage as make_records

from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.labels import DefaultDefinition, label_status
from alicredit.ledger import read_postings, replay
from alicredit.loans import add_months, schedule
from alicredit.losses import estimate_lgd
from alicredit.recovery import (
    RestorationRules,
    assess_willingness,
    blacklist_after,
    blacklist_changes,
    restoration_offers,
    restructure_facts,
    swept,
    worklist,
)

START = at("2012-07-01")
AS_OF = "2012-09-20"
LOANS = loan_rows(["l"], ["m"], [START])


def shop(yuan_a_day: float, merchant: str = "m", last: str = "2012-09-19") -> pd.DataFrame:
    """Sell something every day."""
    return sales_rows(merchant, "2012-02-01", last, yuan_a_day)


def offers(*, loans: pd.DataFrame = LOANS, rules: RestorationRules | None = None, **tables):
    """Make offers at the stage's moment."""
    return restoration_offers(make_records(loans, **tables), as_of=AS_OF, rules=rules)


def test_a_plan_by_hand() -> None:
    # 51 days late: 5,000 of principal, 75.00 of interest, 51 x 3.75 = 191.25 of penalty.
    made = offers(orders=shop(100.0))
    row = made.offers.iloc[0]
    assert row["claim_fen"] == 526_625
    wanted = schedule(500_000, "0.015", 3, method="annuity")
    plan = made.plans
    assert plan["principal_fen"].tolist() == [part.principal for part in wanted]
    assert plan["interest_fen"].tolist() == [7_500, 5_037, 2_537]
    assert plan["carried_fen"].tolist() == [8_875, 8_875, 8_875]
    assert plan["payment_fen"].tolist() == [180_566, 180_566, 180_567]
    assert plan["due_day"].tolist() == [at("2012-10-20"), at("2012-11-20"), at("2012-12-20")]
    worth = sum(180_566 / 1.015**k for k in (1, 2)) + 180_567 / 1.015**3
    assert row["npv_loss"] == pytest.approx(1 - worth / 526_625, abs=1e-9)
    assert row[["months", "is_default", "sweep_percent"]].tolist() == [3, False, 30]
    assert row["cover"] == pytest.approx(3_000 / 1_805.67)
    assert row["tools"] == ("extension", "sales_sweep")


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.integers(20_001, 50_000_000), st.integers(3, 400)), min_size=1,
             max_size=4),
    st.sampled_from(["annuity", "equal_principal"]),
    st.sampled_from(["1", "0.5", "0"]),
    st.booleans(),
)  # fmt: skip
def test_every_fen_of_the_claim_is_in_the_plan(debts, method, rate_share, is_waived) -> None:
    starts = [at(AS_OF) - (30 + late) * DAY for _, late in debts]
    loans = loan_rows([f"l{k}" for k in range(len(debts))], ["m"] * len(debts), starts,
                      yuan=[fen / 100 for fen, _ in debts])  # fmt: skip
    rules = RestorationRules(method=method, rate_share=rate_share, is_penalty_waived=is_waived)
    made = offers(loans=loans, orders=shop(10_000_000.0), rules=rules)
    assert made.offers["is_offered"].all()
    sums = made.plans.groupby("loan_id").sum(numeric_only=True)
    for loan, (fen, late) in enumerate(debts):
        interest = (fen * 150 + 5_000) // 10_000
        penalty = 0 if is_waived else (2 * fen * 15 * late + 20_000) // 40_000
        row = sums.loc[f"l{loan}"]
        assert row["principal_fen"] == fen
        assert row["carried_fen"] == interest + penalty
        balance, mine = fen, made.plans[made.plans["loan_id"] == f"l{loan}"]
        for part in mine.itertuples():
            exact = balance * Fraction(15, 1000) * Fraction(rate_share)
            assert abs(part.interest_fen - exact) <= Fraction(1, 2)
            balance -= part.principal_fen
        assert (mine["payment_fen"] >= 0).all()
        assert mine["period"].tolist() == list(range(1, len(mine) + 1))


def test_the_shortest_covered_plan_is_offered() -> None:
    lengths = []
    for yuan_a_day in (73, 72, 36, 24, 19):
        row = offers(orders=shop(float(yuan_a_day))).offers.iloc[0]
        found = None
        for n in (12, 9, 6, 3):
            parts = schedule(500_000, "0.015", n, method="annuity")
            rest = schedule(26_625, "0", n, method="equal_principal")
            largest = max(a.payment + b.payment for a, b in zip(parts, rest))
            found = n if yuan_a_day * 3_000 >= 1.2 * largest else found
        assert row["is_offered"] == (found is not None)
        assert pd.isna(row["months"]) if found is None else row["months"] == found
        assert row["reasons"] == (("RST_COVER_LOW",) if found is None else ("RST_OFFERED",))
        lengths.append(found)
    assert lengths == [3, 6, 9, 12, None]


def test_two_loans_of_a_merchant_share_its_sales() -> None:
    both = loan_rows(["k", "l"], ["m", "m"], [START] * 2)
    assert offers(orders=shop(75.0), loans=both).offers["months"].tolist() == [6, 6]


def test_who_is_not_helped_and_why() -> None:
    fake = pd.DataFrame({"merchant_id": ["m"], "at": at("2012-08-01"), "points": [12.0],
                         "kind": ["fake_trade"]})  # fmt: skip
    silent = pd.DataFrame([step("l", f"2012-09-1{k}", "phone", "no_answer") for k in range(3)])
    assert offers(orders=shop(500.0), violations=fake).offers["reasons"][0] == ("RST_MALICIOUS",)
    made = offers(orders=shop(2.0), collections=silent).offers
    assert made["reasons"][0] == ("RST_UNREACHABLE", "RST_COVER_LOW")
    made = offers(orders=shop(500.0, last="2012-08-15"))
    assert made.offers["reasons"][0] == ("RST_INACTIVE",)
    assert made.plans.empty
    assert made.offers["tools"][0] == ()


def test_traffic_is_offered_where_sales_fell() -> None:
    fallen = pd.concat([sales_rows("m", "2012-02-01", "2012-08-20", 1_000.0),
                        sales_rows("m", "2012-08-21", "2012-09-19", 700.0)])  # fmt: skip
    row = offers(orders=fallen).offers.iloc[0]
    assert row["tools"] == ("extension", "traffic_support", "sales_sweep")
    assert row["expected_sales"] == 21_000.0
    assert row["sweep_percent"] == int(np.ceil(100 * row["instalment_fen"] / 2_100_000)) == 9


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**9), max_size=8), st.integers(0, 30), st.integers(0, 10**9))
def test_a_sweep_never_takes_more_than_its_share_nor_than_is_owed(days, percent, owed) -> None:
    taken = swept(days, percent=percent, owed_fen=owed)
    for fen, part in zip(days, taken):
        assert part == min(Fraction(fen * percent, 100).__floor__(), owed)
        assert 10 * part <= 3 * fen


def monthly_loan() -> dict[str, pd.DataFrame]:
    """Lend 60,000 for twelve months at 1.5 %; five instalments paid, the sixth 40 days late."""
    start = at("2012-01-10")
    loans = loan_rows(["l"], ["m"], [start], yuan=60_000.0, product="ali_credit")
    dues = [pd.Timestamp(add_months(start.date(), k)) for k in range(1, 13)]
    loans = loans.assign(rate=0.015, rate_unit="month", due_at=dues[-1])
    parts = schedule(6_000_000, "0.015", 12, method="equal_principal")
    listed = pd.DataFrame({"loan_id": "l", "due_at": dues,
                           "principal": [p.principal for p in parts],
                           "interest": [p.interest for p in parts]})  # fmt: skip
    paid = [payment("l", day, part.payment / 100, interest=part.interest / 100)
            for day, part in zip(dues, parts)]  # fmt: skip
    # The sixth and seventh are paid late together, the others on their day.
    for late in (5, 6):
        paid[late]["at"] = at("2012-08-25")
    return {"loans": loans, "instalments": listed, "repayments": pd.DataFrame(paid)}


@pytest.mark.parametrize(("rate_share", "is_default"), [("1", False), ("0.2", True)])
def test_a_plan_with_a_loss_above_one_percent_is_a_default_until_probation_is_over(
    rate_share, is_default
) -> None:
    tables = monthly_loan()
    loans = tables.pop("loans")
    moment = at("2012-08-19")
    records = make_records(loans, orders=shop(5_000.0), **tables)
    rules = RestorationRules(rate_share=rate_share, months=(12,))
    made = restoration_offers(records, as_of=moment, rules=rules)
    assert made.offers["is_default"].tolist() == [is_default]
    facts = restructure_facts(made.offers, accepted_at=moment)
    after = make_records(loans, restructures=facts, **tables)
    days = [moment + n * DAY for n in (10, 120)]
    states = replay(read_postings(after), days)["state"].astype(str).tolist()
    assert states == (["restructured"] * 2 if is_default else ["current"] * 2)
    asked = pd.DataFrame({"merchant_id": "m", "as_of": [moment + n * DAY for n in
                          (-30, 10, 364, 365)]})  # fmt: skip
    second = loan_rows(["k"], ["m"], [at("2013-08-25")])
    later = make_records(pd.concat([loans, second]), restructures=facts, **tables)
    definition = DefaultDefinition(probation_days=0)
    status = label_status(later, Cohort.from_frame(asked), definition=definition,
                          observed_until="2015-12-31").tolist()  # fmt: skip
    if is_default:
        assert status[:3] == ["default", "already_default", "already_default"]
    else:
        assert "already_default" not in status
        assert status[0] == "good"
    assert status[3] == "default"  # the second loan, never paid; the probation is over


def test_who_keeps_an_accepted_plan_is_left_in_peace_and_offered_no_second() -> None:
    made = offers(orders=shop(400.0, last="2013-06-30"))
    assert made.offers["is_offered"].tolist() == [True]
    accepted = at("2012-09-21 10:00")
    facts = restructure_facts(made.offers, accepted_at=accepted)
    dues = made.plans["due_day"].tolist()
    paid = pd.DataFrame([payment("l", day, fen / 100) for day, fen in
                         zip(dues, made.plans["payment_fen"])])  # fmt: skip
    sales = shop(400.0, last="2013-06-30")

    def asked(day: object, loans: pd.DataFrame = LOANS, deals: pd.DataFrame = facts, **tables):
        records = make_records(loans, orders=sales, restructures=deals, **tables)
        moment = at(str(day)) + pd.Timedelta(hours=8)
        today = worklist(records, as_of=moment, capacity=PEOPLE).set_index("loan_id")
        again = restoration_offers(records, as_of=moment).offers.set_index("loan_id")
        return today, again

    for day, tables in (("2012-09-22", {}), ("2012-10-25", {}),
                        (dues[0] + 3 * DAY, {"repayments": paid.iloc[:1]}),
                        (dues[0] + 33 * DAY, {"repayments": paid.iloc[:1]}),
                        (dues[1] + 3 * DAY, {"repayments": paid.iloc[:2]})):  # fmt: skip
        today, again = asked(day, **tables)
        if today.loc["l", "action"] != "list":
            assert "COL_PLAN" in today.loc["l", "reasons"]
            assert not today.loc["l", "scheduled"]
        assert "RST_PLAN" in again.loc["l", "reasons"]
        assert not again.loc["l", "is_offered"]
    # Not yet accepted, nothing paid for over a month, or support of the shop alone: as before.
    for day, deals in (("2012-09-21", facts), ("2012-10-27", facts),
                       ("2012-09-22", facts.assign(kind="ops_support")),
                       ("2012-09-22", facts.assign(known_at=at("2012-09-25")))):  # fmt: skip
        today, again = asked(day, deals=deals)
        assert "COL_PLAN" not in today.loc["l", "reasons"]
        assert today.loc["l", "scheduled"]
        assert "RST_PLAN" not in again.loc["l", "reasons"]
    # Another loan of the same debtor that is late without a plan is spoken of all the same.
    second = pd.concat([LOANS, loan_rows(["k"], ["m"], [START + 15 * DAY])])
    today, again = asked("2012-09-22", loans=second)
    assert today.loc["l", "reasons"] == ("COL_PLAN",)
    assert today.loc["k", "reasons"] == ()
    assert again.loc["k", "reasons"] == ("RST_OFFERED",)


def test_a_story_from_the_first_late_day_to_the_last_fen() -> None:
    """One debtor wants to pay and cannot; one could and does not."""
    loans = loan_rows(["poor", "sly"], ["p", "s"], [START] * 2)
    orders = pd.concat([
        sales_rows("p", "2012-02-01", "2012-07-31", 400.0),
        sales_rows("p", "2012-08-01", "2013-06-30", 120.0),
        sales_rows("s", "2012-02-01", "2013-06-30", 900.0),
    ])  # fmt: skip
    steps, actions = pd.DataFrame(), {"p": [], "s": []}
    for day in ("2012-08-01", "2012-08-10", "2012-08-20", "2012-08-29", "2012-09-03"):
        records = make_records(loans, orders=orders, collections=steps)
        today = worklist(records, as_of=at(day) + 8 * pd.Timedelta(hours=1), capacity=PEOPLE)
        assert today["scheduled"].all()
        for row in today.itertuples():
            actions[row.merchant_id].append(row.action)
        answers = {"p": "answered", "s": "no_answer"}
        made = [step(row.loan_id, row.not_before, row.action, answers[row.merchant_id])
                for row in today.itertuples()]  # fmt: skip
        steps = pd.concat([part for part in (steps, pd.DataFrame(made)) if len(part)])
    assert actions["p"] == actions["s"] == ["sms", "phone", "phone", "phone", "visit"]
    records = make_records(loans, orders=orders, collections=steps)
    moment = at("2012-09-05")
    judged = assess_willingness(records, as_of=moment)
    assert judged.verdicts["verdict"].tolist() == ["unable", "unwilling"]
    made = restoration_offers(records, as_of=moment, willingness=judged)
    assert made.offers["is_offered"].tolist() == [True, False]
    assert made.offers["reasons"][1] == ("RST_MALICIOUS", "RST_UNREACHABLE")
    # The plan is kept out of the sales: each month's instalment within 30 % of settlements.
    percent = int(made.offers["sweep_percent"][0])
    settled = np.full(len(pd.date_range("2012-09-05", "2013-06-30")), 12_000)
    owed = int(made.plans["payment_fen"].sum())
    left = owed - np.cumsum(swept(settled, percent=percent, owed_fen=owed))
    assert (left <= 0).any() == (owed <= len(settled) * 12_000 * percent // 100)
    # In default from 30 October: the other is listed, and for malice.
    moment = at("2012-10-30")
    paid = pd.DataFrame([payment("poor", "2012-10-01", 5_200.0, interest=200.0)])
    records = make_records(loans, orders=orders, collections=steps, repayments=paid)
    judged = assess_willingness(records, as_of=moment)
    changes = blacklist_changes(records, as_of=moment, willingness=judged)
    assert set(changes["merchant_id"]) == {"s"}
    records = make_records(loans, orders=orders, collections=steps, repayments=paid,
                           blacklist=blacklist_after(records, changes))  # fmt: skip
    later = worklist(records, as_of="2012-11-01 09:00", capacity=PEOPLE)
    assert later[["merchant_id", "stage", "action"]].to_numpy().tolist() == [
        ["s", "blacklist", "visit"]
    ]
    with pytest.raises(InputError, match="keep the policy's"):
        estimate_lgd(records, as_of="2013-06-30")  # one default says nothing of the next


def test_bad_restoration_inputs_are_refused() -> None:
    records = make_records(LOANS)
    nobody = assess_willingness(records, as_of="2012-07-15")
    for call, match in (
        (lambda: restoration_offers(records, as_of="20/09/2012"), "as_of"),
        (lambda: restoration_offers(records, as_of=AS_OF, willingness=1), "assess_willingness"),
        (lambda: restoration_offers(records, as_of=AS_OF, willingness=nobody), "nothing of 'm'"),
        (lambda: RestorationRules(cover=0.9), "cover"),
        (lambda: RestorationRules(months=()), "months"),
        (lambda: RestorationRules(method="bullet"), "method"),
        (lambda: RestorationRules(rate_share="1.5"), "rate_share"),
        (lambda: RestorationRules(is_penalty_waived="no"), "is_penalty_waived"),
        (lambda: swept([1], percent=31, owed_fen=1), "percent"),
        (lambda: swept([-1], percent=3, owed_fen=1), "-1"),
        (lambda: restructure_facts(offers().offers, accepted_at=AS_OF), "offered"),
    ):
        with pytest.raises(InputError, match=match):
            call()
