"""The work list: stages, exact claims, the order, people's time and debtors' peace."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recovery_stage import DAY, PEOPLE, at, loan_rows, payment, step
from recovery_stage import stage as make_records

import alicredit as ac
from alicredit.errors import InputError
from alicredit.loans import Contract, Event, PenaltyTerms, Terms, per_day, per_month, settle
from alicredit.records import read_records
from alicredit.recovery import ContactRules, StageRules, find_claims, worklist

START = at("2012-01-01")
DUE = START + 30 * DAY


def late(days: int) -> pd.Timestamp:
    """Give the morning on which the first loans are so many days past due."""
    return DUE + days * DAY + pd.Timedelta(hours=8)


ONE = make_records(loan_rows(["l"], ["m"], [START]))


@pytest.mark.parametrize(
    ("days", "stage", "action"),
    [
        (1, "message", "sms"), (3, "message", "sms"), (4, "telephone", "phone"),
        (30, "telephone", "phone"), (31, "visit", "visit"), (90, "visit", "visit"),
        (91, "blacklist", "list"), (91 + 364, "blacklist", "list"),
        (91 + 365, "write_off", "write_off"),
    ],
)  # fmt: skip
def test_stages_follow_days_past_due(days: int, stage: str, action: str) -> None:
    row = worklist(ONE, as_of=late(days), capacity=PEOPLE).iloc[0]
    assert (row["days_past_due"], row["stage"], row["action"]) == (days, stage, action)
    assert row["due_fen"] == 507_500
    assert row["penalty_fen"] == 375 * days  # 5,000 at 0.05 % x 1.5 a day: 3.75


def test_nothing_is_listed_on_the_due_day_nor_once_it_is_paid() -> None:
    assert worklist(ONE, as_of=late(0), capacity=PEOPLE).empty
    paid = pd.DataFrame([payment("l", DUE + 5 * DAY, 5075.0, interest=75.0)])
    records = make_records(loan_rows(["l"], ["m"], [START]), repayments=paid)
    assert len(worklist(records, as_of=DUE + 5 * DAY, capacity=PEOPLE)) == 1
    assert worklist(records, as_of=late(5), capacity=PEOPLE).empty


ORDER = Terms(rate=per_day("0.0005"), days=30)
MONTHLY = Terms(rate=per_month("0.013"), months=4, method="equal_principal",
                penalty=PenaltyTerms(multiplier="1.5"))  # fmt: skip


def kept(terms: Terms, fen: int, paid: list[tuple[int, int]], until: date) -> tuple:
    """Keep one account; give its instalments, its payments by parts, and the penalty it is owed."""
    contract = Contract(terms=terms, principal_fen=fen, start=START.date())
    events = [Event((START + day * DAY).date(), "auto_debit", part) for day, part in paid]
    made = settle(contract, events, until=until)
    probe = settle(contract, [*events, Event(until, "auto_debit", 1)], until=until)
    charged = sum(p.penalty for p in probe.postings if p.kind == "penalty")
    settled = -sum(p.penalty for p in made.postings if p.kind == "payment")
    rows = [
        {"loan_id": "l", "at": pd.Timestamp(p.day), "amount": -p.total / 100,
         "principal": -p.principal / 100, "interest": -p.interest / 100,
         "penalty": -p.penalty / 100}
        for p in made.postings if p.kind == "payment"
    ]  # fmt: skip
    return made.dues, pd.DataFrame(rows), charged - settled


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([ORDER, MONTHLY]),
    st.integers(10_000, 9_999_999),
    st.lists(st.tuples(st.integers(31, 200), st.integers(1, 400_000)), max_size=4),
)
def test_penalties_are_those_of_the_account_kept_by_the_loans_room(terms, fen, paid) -> None:
    until = START + 260 * DAY
    dues, payments, owed = kept(terms, fen, sorted(paid), until.date())
    product = "taobao_order" if terms is ORDER else "ali_credit"
    loans = loan_rows(["l"], ["m"], [START], yuan=fen / 100, product=product)
    if terms is MONTHLY:
        loans = loans.assign(rate=0.013, rate_unit="month", due_at=pd.Timestamp(dues[-1].day))
    listed = pd.DataFrame(
        {"loan_id": "l", "due_at": [pd.Timestamp(due.day) for due in dues],
         "principal": [due.principal for due in dues], "interest": [due.interest for due in dues]}
    )  # fmt: skip
    claims = find_claims(make_records(loans, instalments=listed, repayments=payments), as_of=until)
    if len(claims):
        assert claims["penalty_fen"].tolist() == [owed]


def busy_book(n: int, seed: int, *, loans_each: int = 1, longest: int = 200) -> pd.DataFrame:
    """Lend to merchants who are from 1 to so many days late on 1 October 2012."""
    rng = np.random.default_rng(seed)
    size = n * loans_each
    start = at("2012-10-01") - (30 + rng.integers(1, longest, size)) * DAY
    yuan = np.round(np.exp(rng.normal(7, 1.5, size)) + 1_000, 2)
    ids = [f"l{k:03d}" for k in rng.permutation(size)]
    return loan_rows(ids, [f"m{k % n:03d}" for k in range(size)], list(start), yuan=yuan)


ACTION = {"message": "sms", "telephone": "phone", "visit": "visit", "blacklist": "list"}


def test_the_order_is_that_of_a_loop_over_debtors() -> None:
    loans = busy_book(40, 1, loans_each=2)
    people = {"message": 1, "telephone": 3, "visit": 6, "blacklist": 2, "write_off": 0}
    made = worklist(make_records(loans), as_of="2012-10-01 08:00", capacity=people)
    chance = {"message": 35, "telephone": 25, "visit": 15, "blacklist": 5}
    cost = {"sms": 10, "phone": 600, "visit": 15_000, "list": 0}
    queue = {"sms": [], "phone": [], "visit": [], "list": []}
    for merchant, mine in loans.groupby("merchant_id"):
        rows = []
        for loan in mine.itertuples():
            days = (at("2012-10-01") - loan.due_at).days
            stage = ("message" if days < 4 else "telephone" if days < 31
                     else "visit" if days < 91 else "blacklist")  # fmt: skip
            fen = round(loan.principal * 100)
            interest = (fen * 150 + 5_000) // 10_000
            penalty = (fen * 15 * days * 2 + 20_000) // 40_000
            brings = (2 * (fen + interest + penalty) * chance[stage] + 100) // 200
            rows.append((-days, loan.loan_id, stage, brings))
        rows.sort()
        for stages in (("blacklist",), ("message", "telephone", "visit")):
            those = [row for row in rows if row[2] in stages]
            if those:
                action = ACTION[those[0][2]]
                net = sum(row[3] for row in those) - cost[action]
                queue[action].append((-net, those[0][0], merchant, those[0][1]))
    left = dict(zip(queue, (1, 3, 6, 2)))
    for action, waiting in queue.items():
        got = made[(made["action"] == action) & made["rank"].notna()].sort_values("rank")
        assert got["loan_id"].tolist() == [row[3] for row in sorted(waiting)]
        assert got["scheduled"].tolist() == [
            k < left[action] and (row[0] < 0 or action == "list")
            for k, row in enumerate(sorted(waiting))
        ]
    assert made["rank"].notna().sum() == sum(len(waiting) for waiting in queue.values()) > 40
    others = made[made["rank"].isna()]
    assert not others["scheduled"].any()
    assert others["reasons"].map(lambda codes: "COL_SAME_DEBTOR" in codes).all()


@pytest.mark.slow
def test_capacity_and_caps_hold_over_many_days() -> None:
    parts = [busy_book(40, 2, longest=60), busy_book(25, 3, longest=60), busy_book(6, 4, longest=3)]
    parts[1] = parts[1].assign(loan_id="second-" + parts[1]["loan_id"])
    parts[2] = parts[2].assign(loan_id="new-" + parts[2]["loan_id"],
                               merchant_id="new-" + parts[2]["merchant_id"])  # fmt: skip
    loans = pd.concat(parts, ignore_index=True)
    people = {"message": 3, "telephone": 4, "visit": 4, "blacklist": 0, "write_off": 0}
    rules = ContactRules(per_week=2, rest_days=(date(2012, 10, 3),))
    steps, seen = pd.DataFrame(), set()
    for day in pd.date_range("2012-10-01", periods=11):
        for hour in (8, 14) if day.day % 3 == 0 else (8,):
            records = make_records(loans, collections=steps)
            moment = day + pd.Timedelta(hours=hour)
            today = worklist(records, as_of=moment, capacity=people, rules=rules)
            done = today[today["scheduled"]]
            made = [step(row.loan_id, row.not_before, row.action, "no_answer")
                    for row in done.itertuples()]  # fmt: skip
            assert (done["not_before"] >= max(moment, day + pd.Timedelta(hours=9))).all()
            assert (done["not_after"] == day + pd.Timedelta(hours=20)).all()
            seen |= {code for codes in today["reasons"] for code in codes}
            steps = pd.concat([part for part in (steps, pd.DataFrame(made)) if len(part)])
    steps["merchant_id"] = steps["loan_id"].map(loans.set_index("loan_id")["merchant_id"])
    steps["day"] = steps["at"].dt.normalize()
    assert {"COL_WEEK_CAP", "COL_DAY_CAP", "COL_CAPACITY", "COL_VISIT_CAP"} <= seen
    assert steps.groupby(["merchant_id", "day"]).size().max() == 1
    by_day = steps.groupby(["day", "action"]).size()
    for action, most in (("sms", 3), ("phone", 4), ("visit", 4)):
        assert by_day.xs(action, level="action").max() <= most
    assert by_day.xs("visit", level="action").max() == 4
    for days in steps.groupby("merchant_id")["day"].apply(list):
        for first in days:
            assert sum(first <= day < first + 7 * DAY for day in days) <= 2
    visits = steps[steps["action"] == "visit"].groupby("merchant_id")["day"].apply(list)
    assert all(b - a >= 7 * DAY for days in visits for a, b in pairwise(days))
    assert at("2012-10-03") not in set(steps["day"])
    assert not (steps["day"].dt.day_of_week == 6).any()


def test_the_debtor_is_left_in_peace() -> None:
    asked = {"as_of": late(10), "capacity": PEOPLE}

    def reasons(**changed) -> tuple[str, ...]:
        tables = {name: changed.pop(name) for name in ("collections",) if name in changed}
        records = make_records(loan_rows(["l"], ["m"], [START]), **tables)
        return worklist(records, **(asked | changed)).iloc[0]["reasons"]

    assert reasons() == ()
    assert reasons(rules=ContactRules(rest_weekdays=(late(10).weekday(),))) == ("COL_REST_DAY",)
    assert reasons(as_of=late(10) + pd.Timedelta(hours=12)) == ("COL_HOURS",)
    kin = pd.DataFrame({"merchant_id": ["m"], "owner_id": ["brother"], "channel": ["phone"]})
    assert reasons(contacts=kin) == ("COL_NO_OWN_CONTACT",)
    own = pd.DataFrame({"merchant_id": ["m"], "owner_id": ["m"], "channel": ["phone"]})
    assert reasons(contacts=own) == ()
    today = pd.DataFrame([step("l", late(10) - pd.Timedelta(hours=1), "voice", "no_answer")])
    assert reasons(collections=today) == ("COL_DAY_CAP",)
    small = ContactRules(chances=dict.fromkeys(PEOPLE, "0.001"))
    assert reasons(rules=small) == ("COL_COST",)
    assert reasons(capacity=PEOPLE | {"telephone": 0}) == ("COL_CAPACITY",)


@pytest.mark.parametrize(
    "days",
    [
        (late(10).date(),), (late(10).to_pydatetime(),), (late(10),),
        pd.date_range("2012-02-08", "2012-02-12"), [late(9), late(10).date()],
    ],
)  # fmt: skip
def test_a_holiday_is_one_however_its_day_is_written(days) -> None:
    assert late(10).date() == date(2012, 2, 10)
    rules = ContactRules(rest_days=days)
    asked = {"capacity": PEOPLE, "rules": rules}
    assert worklist(ONE, as_of=late(10), **asked).iloc[0]["reasons"] == ("COL_REST_DAY",)
    assert worklist(ONE, as_of=late(13), **asked).iloc[0]["scheduled"]
    assert {type(day) for day in rules.rest_days} == {date}
    assert rules == ContactRules(rest_days=tuple(rules.rest_days))


@pytest.mark.parametrize("action", ["phone", "call", "PHONE", None])
def test_a_contact_counts_by_whatever_name_and_the_law_is_none(action) -> None:
    def reasons(days_before: list[int], what: str | None) -> tuple[str, ...]:
        when = [late(10) - n * DAY - pd.Timedelta(hours=1) for n in days_before]
        steps = pd.DataFrame([step("l", day, "phone", "no_answer") for day in when])
        steps["action"] = pd.Series([what] * len(when), dtype=object)
        records = make_records(loan_rows(["l"], ["m"], [START]), collections=steps)
        return worklist(records, as_of=late(10), capacity=PEOPLE).iloc[0]["reasons"]

    assert reasons([0], action) == ("COL_DAY_CAP",)
    assert reasons([1, 3, 6], action) == ("COL_WEEK_CAP",)
    assert reasons([1, 3, 7], action) == ()
    assert reasons([0, 1, 2, 3], "legal") == ()


def promise(made_days_late: int, for_days_late: int) -> dict[str, object]:
    """Promise 1,000 yuan for a day."""
    made = step("l", late(made_days_late), "phone", "promised")
    return made | {"promised_for": DUE + for_days_late * DAY, "promised_amount": 1000.0}


def test_a_running_promise_is_waited_for_unless_promises_were_broken() -> None:
    def row(days: int, promises: list[dict[str, object]], paid: float = 0.0, hour: int = 8):
        tables = {"collections": pd.DataFrame(promises)}
        if paid:
            tables["repayments"] = pd.DataFrame([payment("l", late(8), paid)])
        records = make_records(loan_rows(["l"], ["m"], [START]), **tables)
        always = ContactRules(rest_weekdays=())
        moment = DUE + days * DAY + pd.Timedelta(hours=hour)
        return worklist(records, as_of=moment, capacity=PEOPLE, rules=always).iloc[0]

    running = [promise(5, 12)]
    assert row(12, running)["reasons"] == ("COL_PROMISE",)
    assert row(13, running)["scheduled"]
    assert row(13, running, hour=0)["scheduled"]  # its day is over at midnight, not after
    assert row(12, running, paid=1000.0)["scheduled"]  # kept: the rest is asked for
    assert row(12, running, paid=999.99)["reasons"] == ("COL_PROMISE",)
    far = [promise(5, 40_000)]
    assert row(35, far)["reasons"] == ("COL_PROMISE",)
    assert row(36, far)["scheduled"]
    broken_twice = [promise(1, 2), promise(3, 4), *running]
    assert row(12, broken_twice)["scheduled"]


def test_nothing_later_and_nothing_restricted_changes_a_byte() -> None:
    records = ac.read_records("data/sample")
    names = ("merchants", "loans", "instalments", "repayments", "account_events", "blacklist")
    tables = {name: records[name].to_pandas() for name in names}
    asked = {"as_of": "2013-09-10 08:00", "capacity": PEOPLE}
    first = worklist(read_records(tables), **asked)
    assert len(first) > 50
    rng = np.random.default_rng(0)
    changed = {name: t.iloc[rng.permutation(len(t))].reset_index(drop=True)
               for name, t in tables.items()}  # fmt: skip
    future = changed["repayments"]["at"] >= "2013-09-10 08:00"
    changed["repayments"].loc[future, "amount"] = 0.01
    who = tables["merchants"]["merchant_id"]
    changed["marital"] = pd.DataFrame({"merchant_id": who, "status": "divorced",
                                       "submitted_at": at("2012-01-01")})  # fmt: skip
    use = {"marital": {"purpose": "none", "legal_basis": "consent"}}
    second = worklist(read_records(changed, data_use=use), **asked)
    pd.testing.assert_frame_equal(first, second)


def test_ten_bad_inputs_are_refused() -> None:
    asked = {"as_of": late(10), "capacity": PEOPLE}
    phones = pd.DataFrame({"merchant_id": ["m"], "owner_id": ["m"], "channel": ["phone"]})
    for change, match in (
        ({"as_of": "tomorrow"}, "as_of"),
        ({"capacity": 20}, "capacity"),
        ({"capacity": PEOPLE | {"letters": 3}}, "letters"),
        ({"capacity": PEOPLE | {"visit": -1}}, "visit"),
        ({"capacity": PEOPLE | {"visit": 1.5}}, "visit"),
        ({"contacts": phones.assign(family_phone="139")}, "family_phone"),
        ({"contacts": phones.drop(columns="owner_id")}, "owner_id"),
        ({"contacts": phones.assign(channel="letter")}, "channel"),
        ({"contacts": {"m": "139"}}, "contacts"),
    ):
        with pytest.raises(InputError, match=match):
            worklist(ONE, **(asked | change))
    for wrong, match in (
        ({"hours": (20, 20)}, "hours"), ({"hours": 9}, "hours"), ({"hours": (9, 25)}, "hours"),
        ({"rest_weekdays": (7,)}, "rest_weekdays"),
        ({"rest_days": ("2012-10-01",)}, "rest_days"), ({"per_day": -1}, "per_day"),
        ({"promise_days": 1.5}, "promise_days"),
        ({"rest_days": (pd.NaT,)}, "rest_days"),
        ({"chances": {"visit": "0.1"}}, "message"),
        ({"chances": dict.fromkeys(PEOPLE, "1.5")}, "chances"),
        ({"costs_fen": {"sms": 1.5}}, "costs_fen"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=match):
            ContactRules(**wrong)
    with pytest.raises(InputError, match="stages"):
        StageRules(visit_from=0)
