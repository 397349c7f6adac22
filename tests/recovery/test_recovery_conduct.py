"""Unable or unwilling: by stated evidence only; and who is on the blacklist from when to when."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recovery_stage import DAY, at, loan_rows, payment, sales_rows, step
from recovery_stage import stage as make_records

from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.policy import build_applicants, check_eligibility
from alicredit.records import find_problems, read_records
from alicredit.recovery import (
    BlacklistRules,
    ConductRules,
    assess_willingness,
    blacklist_after,
    blacklist_changes,
)

START, DUE = at("2012-07-01"), at("2012-07-31")
AS_OF = "2012-09-20"
LOANS = loan_rows(["l"], ["m"], [START])


def assess(merchants: tuple[str, ...] = ("m",), **tables: pd.DataFrame):
    """Assess one debtor, 51 days past due, with whatever else is known."""
    use = {"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}
    base = make_records(LOANS)
    everything = {"merchants": base["merchants"], "loans": LOANS, **tables}
    made = assess_willingness(read_records(everything, data_use=use), as_of=AS_OF)
    assert made.verdicts["merchant_id"].tolist() == list(merchants)
    return made.verdicts.iloc[0], made.evidence


def calls(*outcomes: str) -> pd.DataFrame:
    """Call on the days before the assessment."""
    days = [at(AS_OF) - (k + 1) * DAY for k in range(len(outcomes))]
    return pd.DataFrame([step("l", d, "phone", out) for d, out in zip(days, outcomes)])


def transfer(yuan: float, hours: int, kind: str = "other") -> pd.DataFrame:
    """Move money out some hours after the loan came in."""
    when = START + pd.Timedelta(hours=hours)
    return pd.DataFrame({"merchant_id": ["m"], "at": [when], "amount": [-yuan], "kind": [kind]})


FAKE = pd.DataFrame({"merchant_id": ["m"], "at": at("2012-08-01"), "points": [12.0],
                     "kind": ["fake_trade"]})  # fmt: skip
STEADY = sales_rows("m", "2012-02-01", "2012-09-19", 600.0)
FALLEN = pd.concat([sales_rows("m", "2012-02-01", "2012-07-31", 600.0),
                    sales_rows("m", "2012-08-01", "2012-09-19", 100.0)])  # fmt: skip


@pytest.mark.parametrize(
    ("tables", "code", "value"),
    [
        ({"bank_txns": transfer(4_000.01, 23)}, "WIL_TRANSFER_OUT", 0.800002),
        ({"violations": FAKE}, "WIL_FAKE_TRADE", 1),
        ({"orders": STEADY}, "WIL_SALES_GO_ON", 1.0),
        ({"collections": calls("no_answer", "no_answer", "unreachable")}, "WIL_UNREACHABLE", 3),
        ({"orders": FALLEN}, "WIL_SALES_FELL", 1 / 6),
        ({"repayments": pd.DataFrame([payment("l", "2012-08-20", 100.0)])}, "WIL_PART_PAID", 100),
        ({"collections": calls("no_answer", "answered")}, "WIL_ANSWERS", 1),
    ],
)
def test_each_piece_of_evidence_by_hand(tables, code, value) -> None:
    _, evidence = assess(**tables)
    assert evidence["code"].tolist() == [code]
    assert evidence["value"].iloc[0] == pytest.approx(value)


@pytest.mark.parametrize(
    "tables",
    [
        {"bank_txns": transfer(4_000.0, 23)},
        {"bank_txns": transfer(5_000.0, 25)},
        {"bank_txns": transfer(5_000.0, 2, kind="supplier")},
        {"bank_txns": transfer(5_000.0, 2).assign(kind=None)},
        {"bank_txns": transfer(5_000.0, 2).drop(columns="kind")},
        {"violations": FAKE.assign(kind="delay")},
        {"violations": FAKE.assign(at=at("2011-09-01"))},
        {"collections": calls("no_answer", "no_answer")},
        {"repayments": pd.DataFrame([payment("l", "2012-07-20", 100.0)])},
        {"collections": calls("said nothing much", "x", "y", "z")},
        {"violations": FAKE.assign(at=at(AS_OF))},
    ],
)
def test_what_falls_just_short_or_comes_too_late_is_no_evidence(tables) -> None:
    verdict, evidence = assess(**tables)
    assert evidence.empty
    assert (verdict["verdict"], verdict["is_malicious"]) == ("unclear", False)


def moved_out(loans: pd.DataFrame, bank: pd.DataFrame) -> float:
    """Say what share was moved out, 0 where that is no evidence."""
    tables = {"merchants": make_records(LOANS)["merchants"], "loans": loans, "bank_txns": bank}
    use = {"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}
    rules = ConductRules(transfer_out_share=0.0)
    made = assess_willingness(read_records(tables, data_use=use), as_of=AS_OF, rules=rules)
    found = made.evidence[made.evidence["code"] == "WIL_TRANSFER_OUT"]
    return float(found["value"].iloc[0]) if len(found) else 0.0


def test_a_transfer_is_not_counted_in_full_against_each_loan_of_the_day() -> None:
    five = loan_rows([f"l{k}" for k in range(5)], ["m"] * 5, [START] * 5, yuan=1_000.0)
    assert moved_out(five, transfer(900.0, 12)) == 0.18
    both = pd.concat([transfer(3_000.0, 2), transfer(1_500.0, 3)])
    assert moved_out(five, both) == 0.9
    # A loan lent after the transfer, or a day before it, has no part in it.
    second = loan_rows(["l", "k"], ["m"] * 2, [START, START + pd.Timedelta(hours=4)])
    assert moved_out(second, transfer(4_500.0, 3)) == 0.9
    assert moved_out(second, transfer(4_500.0, 5)) == 0.45
    assert moved_out(second, transfer(4_500.0, 24)) == 0.9
    assert moved_out(second, transfer(4_500.0, 28)) == 0.0


def test_verdicts_weigh_the_evidence() -> None:
    silent = calls("no_answer", "no_answer", "no_answer")
    verdict, _ = assess(orders=STEADY, collections=silent)
    assert verdict[["verdict", "is_malicious", "is_reachable"]].tolist() == [
        "unwilling",
        True,
        False,
    ]
    assert assess(orders=FALLEN)[0]["verdict"] == "unable"
    verdict, _ = assess(orders=FALLEN, violations=FAKE)
    assert verdict[["verdict", "is_malicious"]].tolist() == ["unclear", True]
    part = pd.DataFrame([payment("l", "2012-08-20", 100.0)])
    verdict, evidence = assess(orders=STEADY, repayments=part)
    assert "WIL_SALES_GO_ON" not in set(evidence["code"])
    assert verdict["verdict"] == "unclear"


def test_promises_are_broken_by_what_was_not_paid_in_time() -> None:
    made = [
        step("l", f"2012-08-{day:02d}", "phone", "promised")
        | {"promised_for": at(f"2012-08-{day + 3:02d}"), "promised_amount": 200.0}
        for day in (2, 10, 20)
    ]
    _, evidence = assess(collections=pd.DataFrame(made))
    assert evidence.loc[evidence["code"] == "WIL_PROMISE_BROKEN", "value"].tolist() == [3.0]
    paid = pd.DataFrame([payment("l", "2012-08-05 23:00", 200.0),
                         payment("l", "2012-08-13 12:00", 199.99),
                         payment("l", "2012-08-24 00:00", 200.0)])  # fmt: skip
    _, evidence = assess(collections=pd.DataFrame(made), repayments=paid)
    assert evidence.loc[evidence["code"] == "WIL_PROMISE_BROKEN", "value"].tolist() == [2.0]
    _, evidence = assess(collections=pd.DataFrame(made[:1]))
    assert "WIL_PROMISE_BROKEN" not in set(evidence["code"])


def test_restricted_attributes_and_relatives_change_no_byte() -> None:
    tables = {"merchants": make_records(LOANS)["merchants"], "loans": LOANS, "orders": STEADY,
              "collections": calls("no_answer", "answered"), "violations": FAKE}  # fmt: skip
    plain = read_records(tables)
    use = {name: {"purpose": "none", "legal_basis": "consent"} for name in
           ("marital", "psych_items")}  # fmt: skip
    for status, answer in (("divorced", "5"),):
        private = {
            "marital": pd.DataFrame({"merchant_id": ["m"], "status": [status],
                                     "submitted_at": at("2012-01-01")}),
            "psych_items": pd.DataFrame({"merchant_id": ["m"], "item_id": ["i"],
                                         "response": [answer], "scale": ["lie"],
                                         "test_version": ["1"],
                                         "answered_at": at("2012-01-01")}),
            "related_parties": pd.DataFrame({"merchant_id": ["m"], "other_id": ["brother"],
                                             "relation": ["family"],
                                             "event_time": at("2012-01-01")}),
        }  # fmt: skip
        with_all = read_records({**tables, **private}, data_use=use)
        assert {"marital", "psych_items"} <= set(with_all.tables)
        first, second = (assess_willingness(each, as_of=AS_OF) for each in (plain, with_all))
        pd.testing.assert_frame_equal(first.verdicts, second.verdicts)
        pd.testing.assert_frame_equal(first.evidence, second.evidence)
        made = [blacklist_changes(r, as_of=AS_OF, willingness=first) for r in (plain, with_all)]
        pd.testing.assert_frame_equal(*made)


def test_bad_conduct_inputs_are_refused() -> None:
    records = make_records(LOANS)
    for call, match in (
        (lambda: assess_willingness(records, as_of="late"), "as_of"),
        (lambda: assess_willingness(records, as_of=AS_OF, merchants=["n"]), "'n'"),
        (lambda: ConductRules(transfer_out_share=1.2), "transfer_out_share"),
        (lambda: ConductRules(promises_broken=0), "promises_broken"),
        (lambda: ConductRules(sales_go_on_share=0.4), "sales_go_on_share"),
        (lambda: ConductRules(signs=1.5), "signs"),
        (lambda: blacklist_changes(records, as_of=3), "as_of"),
        (lambda: blacklist_changes(records, as_of=AS_OF, willingness=[]), "willingness"),
        (lambda: BlacklistRules(months_after_malice=0.5), "months_after_malice"),
        (lambda: blacklist_after(records, pd.DataFrame({"change": ["entry"]})), "merchant_id"),
    ):
        with pytest.raises(InputError, match=match):
            call()


def listed(records, moment: object) -> list[bool]:
    """Ask eligibility's facts who is on the blacklist, by merchant."""
    cohort = Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": at(str(moment))}))
    facts = build_applicants(records, cohort)
    rules = check_eligibility(facts, "ali-2013", as_of=moment)
    found = rules[rules["code"].eq("BLACKLIST") & rules["product_id"].eq("taobao_order")]
    assert (found["outcome"].eq("fail").to_numpy() == facts["blacklisted"].to_numpy()).all()
    return facts["blacklisted"].tolist()


def test_a_merchant_enters_at_default_and_leaves_a_year_after_all_is_repaid() -> None:
    entry_day = DUE + 91 * DAY
    records = make_records(LOANS)
    assert blacklist_changes(records, as_of=entry_day - DAY).empty
    entry = blacklist_changes(records, as_of=entry_day)
    assert entry[["change", "reason", "code"]].to_numpy().tolist() == [
        ["entry", "default", "BL_DEFAULT"]
    ]
    table = blacklist_after(records, entry)
    paid = pd.DataFrame([payment("l", "2013-01-31", 5_300.0, interest=300.0)])
    records = make_records(LOANS, blacklist=table, repayments=paid)
    assert [listed(records, day) for day in (entry_day, entry_day + DAY)] == [[False], [True]]
    assert blacklist_changes(records, as_of="2013-01-31").empty  # listed once, not twice
    assert blacklist_changes(records, as_of="2014-01-30").empty
    leave = blacklist_changes(records, as_of="2014-01-31")
    assert leave[["change", "code"]].to_numpy().tolist() == [["exit", "BL_REPAID"]]
    assert leave["from"].tolist() == table["from"].tolist()
    after = make_records(LOANS, blacklist=blacklist_after(records, leave), repayments=paid)
    assert [listed(after, day) for day in ("2014-01-31", "2014-02-01")] == [[True], [False]]
    assert listed(after, "2013-06-01") == [True]  # the past stays what it was
    assert blacklist_changes(after, as_of="2015-01-01").empty


def test_malice_is_listed_apart_and_for_longer() -> None:
    records = make_records(LOANS, violations=FAKE)
    moment = DUE + 100 * DAY
    both = blacklist_changes(
        records, as_of=moment, willingness=assess_willingness(records, as_of=moment)
    )
    assert both["reason"].tolist() == ["malicious"]
    table = blacklist_after(records, both)
    paid = pd.DataFrame([payment("l", "2013-01-31", 5_300.0, interest=300.0)])
    records = make_records(LOANS, blacklist=table, repayments=paid)
    assert blacklist_changes(records, as_of="2018-01-30").empty
    assert blacklist_changes(records, as_of="2018-01-31")["change"].tolist() == ["exit"]
    short = BlacklistRules(months_after_malice=0)
    assert len(blacklist_changes(records, as_of="2013-02-01", rules=short)) == 1


@pytest.mark.parametrize("reason", ["court order", None])
def test_entries_of_others_and_debts_that_stand_are_left_alone(reason) -> None:
    paid = pd.DataFrame([payment("l", "2013-01-31", 5_300.0, interest=300.0)])
    table = pd.DataFrame({"merchant_id": ["m"], "from": at("2012-11-01"), "to": pd.NaT,
                          "reason": [reason]})  # fmt: skip
    records = make_records(LOANS, blacklist=table, repayments=paid)
    assert blacklist_changes(records, as_of="2020-01-01").empty
    own = table.assign(reason="default", source="recovery")
    records = make_records(LOANS, blacklist=own, repayments=paid)
    assert blacklist_changes(records, as_of="2020-01-01")["change"].tolist() == ["exit"]
    for source in ("court", None):
        records = make_records(LOANS, blacklist=own.assign(source=source), repayments=paid)
        assert blacklist_changes(records, as_of="2020-01-01").empty
    unsaid = make_records(LOANS, blacklist=own.drop(columns="source"), repayments=paid)
    assert blacklist_changes(unsaid, as_of="2020-01-01").empty
    second = pd.concat([LOANS, loan_rows(["k"], ["m"], [at("2013-03-01")])])
    records = make_records(second, blacklist=own, repayments=paid)
    assert blacklist_changes(records, as_of="2020-01-01").empty
    part = paid.assign(amount=4_999.99, principal=4_999.99)
    records = make_records(LOANS, blacklist=own, repayments=part)
    assert blacklist_changes(records, as_of="2020-01-01").empty


def test_a_restructured_debtor_stays_listed_until_probation_is_over() -> None:
    paid = pd.DataFrame([payment("l", "2012-12-31", 5_300.0, interest=300.0)])
    second = pd.concat([LOANS, loan_rows(["k"], ["m"], [at("2013-03-01")])])
    second.loc[second["loan_id"] == "k", "due_at"] = at("2014-12-01")
    deal = pd.DataFrame({"loan_id": ["k"], "at": at("2013-06-01"), "kind": "extension",
                         "npv_loss": [0.05]})  # fmt: skip
    table = pd.DataFrame({"merchant_id": ["m"], "from": at("2012-11-01"), "to": pd.NaT,
                          "reason": ["default"], "source": ["recovery"]})  # fmt: skip
    records = make_records(second, blacklist=table, repayments=paid, restructures=deal)
    assert blacklist_changes(records, as_of="2014-05-31").empty
    without = make_records(second, blacklist=table, repayments=paid)
    assert blacklist_changes(without, as_of="2014-05-31")["change"].tolist() == ["exit"]


def test_an_exit_ends_its_own_entry_and_no_malicious_one_of_the_same_day() -> None:
    paid = pd.DataFrame([payment("l", "2013-01-31", 5_300.0, interest=300.0)])
    twice = pd.DataFrame({"merchant_id": "m", "from": at("2012-11-01"), "to": pd.NaT,
                          "reason": ["malicious", "default"], "source": "recovery"})  # fmt: skip
    records = make_records(LOANS, blacklist=twice, repayments=paid)
    exits = blacklist_changes(records, as_of="2014-01-31")
    assert exits["reason"].tolist() == ["default"]
    ends = blacklist_after(records, exits).set_index("reason")["to"]
    assert ends["default"] == at("2014-01-31")
    assert pd.isna(ends["malicious"])
    after = make_records(LOANS, blacklist=ends.reset_index().merge(twice.drop(columns="to")),
                         repayments=paid)  # fmt: skip
    assert listed(after, "2015-01-01") == [True]


def test_both_reasons_at_once_are_one_entry_of_a_clean_table() -> None:
    records = make_records(LOANS, violations=FAKE)
    moment = DUE + 100 * DAY
    judged = assess_willingness(records, as_of=moment)
    table = blacklist_after(records, blacklist_changes(records, as_of=moment, willingness=judged))
    listed_once = make_records(LOANS, violations=FAKE, blacklist=table)
    found = find_problems(listed_once)
    assert found[found["table"] == "blacklist"].empty
    later = moment + DAY
    judged = assess_willingness(listed_once, as_of=later)
    assert blacklist_changes(listed_once, as_of=later, willingness=judged).empty
    # First in default, then found malicious: two entries, of two moments.
    first = blacklist_after(records, blacklist_changes(records, as_of=moment))
    known = make_records(LOANS, violations=FAKE, blacklist=first)
    second = blacklist_after(known, blacklist_changes(known, as_of=later, willingness=judged))
    assert second["reason"].tolist() == ["default", "malicious"]
    found = find_problems(make_records(LOANS, violations=FAKE, blacklist=second))
    assert found[found["table"] == "blacklist"].empty


def test_changes_made_twice_are_made_once() -> None:
    rng = np.random.default_rng(3)
    size = 60
    starts = at("2011-01-01") + pd.to_timedelta(rng.integers(0, 700, size), "D")
    merchants = [f"m{k:02d}" for k in rng.integers(0, 30, size)]
    loans = loan_rows([f"l{k:02d}" for k in range(size)], merchants, list(starts))
    wait = pd.to_timedelta(rng.integers(1, 400, size), "D")
    paid = pd.DataFrame({"loan_id": loans["loan_id"], "at": starts + wait, "amount": 5_000.0,
                         "principal": 5_000.0})  # fmt: skip
    table, seen = pd.DataFrame(), []
    for day in pd.date_range("2011-06-01", "2014-12-01", freq="14MS"):
        records = make_records(loans, repayments=paid, blacklist=table)
        changes = blacklist_changes(records, as_of=day)
        seen += changes["change"].tolist()
        table = blacklist_after(records, changes) if len(changes) else table
        again = make_records(loans, repayments=paid, blacklist=table)
        assert blacklist_changes(again, as_of=day + pd.Timedelta(seconds=1)).empty
    assert {"entry", "exit"} == set(seen)
    open_now = table[table["to"].isna()]
    assert not open_now["merchant_id"].duplicated().any()
