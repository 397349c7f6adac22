"""Each rule, planted alone in records that are clean, is found alone with its exact rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.records.rules import ACROSS, WITHIN

DAY = pd.Timestamp("2012-03-01")
HOUR = pd.Timedelta(hours=1)
Tables = dict[str, pd.DataFrame]


def rows(size: int, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"merchant_id": [f"m{k}" for k in range(size)], **columns})


def times(size: int, hours: int = 0) -> list[pd.Timestamp]:
    return [DAY + k * pd.Timedelta(days=1) + hours * HOUR for k in range(size)]


def trade(n: int) -> Tables:
    ids = [f"o{k}" for k in range(n)]
    claim = {
        "order_id": ids, "opened_at": times(n, 3), "resolved_at": times(n, 9), "amount": 50.0,
        "reason": "quality",
    }  # fmt: skip
    return {
        "merchants": rows(
            n, platform="taobao", registered_at=pd.Timestamp("2010-01-05"),
            shop_opened_at=pd.Timestamp("2010-02-05"), cert_level=3,
        ),
        "merchant_history": rows(n, field="region", value="zhejiang", event_time=times(n)),
        "orders": rows(
            n, order_id=ids, buyer_id="b", created_at=times(n), paid_at=times(n, 1),
            shipped_at=times(n, 2), confirmed_at=times(n, 8), amount=100.0, freight=0.0,
            refund_amount=100.0,
            status="success", payment="escrow", channel="organic",
        ),
        "refunds": pd.DataFrame({"id": [f"r{k}" for k in range(n)], **claim}),
        "disputes": pd.DataFrame({"id": [f"d{k}" for k in range(n)], **claim}),
        "ratings": pd.DataFrame(
            {"order_id": ids, "rated_at": times(n, 9), "polarity": 1, "dsr_ship": 4.5}
        ),
        "interactions_daily": rows(n, day=DAY, logins=3, msgs_in=4, msgs_answered=4),
        "traffic_daily": rows(n, day=DAY, uv=9),
        "violations": rows(n, at=times(n), points=2.0, kind="delay"),
        "declared_sales": rows(n, month=DAY, amount=100.0, source="total",
                               submitted_at=pd.Timestamp("2012-04-09")),
        "utilities": rows(n, period=DAY, kind="power", billed=10.0, paid=10.0,
                          due_at=DAY, paid_at=times(n)),
    }  # fmt: skip


def credit(n: int) -> Tables:
    ids = [f"l{k}" for k in range(n)]
    return {
        "applications": rows(n, application_id=[f"a{k}" for k in range(n)], product_id="p",
                             applied_at=times(n, 1), decided_at=times(n, 2), outcome="approved"),
        "loans": rows(n, loan_id=ids, product_id="p", principal=100.0, rate=0.01, rate_unit="day",
                      disbursed_at=times(n, 4), due_at=times(n, 400)),
        "instalments": pd.DataFrame(
            {"loan_id": ids * 2, "due_at": times(n, 200) + times(n, 400),
             "principal": [4000] * n + [6000] * n, "interest": 5}
        ),
        "loan_orders": pd.DataFrame(
            {"loan_id": ids, "order_id": [f"o{k}" for k in range(n)], "pledged_amount": 80.0}
        ),
        "repayments": pd.DataFrame(
            {"loan_id": ids, "at": times(n, 300), "amount": 101.5, "principal": 100.0,
             "interest": 1.0, "penalty": 0.5, "channel": "manual"}
        ),
        "blacklist": rows(n, **{"from": times(n, 1), "to": times(n, 2)}),
        "account_events": rows(n, at=times(n), kind="sealed"),
    }  # fmt: skip


def clean(n: int = 24) -> Tables:
    return trade(n) | credit(n)


def found(tables: Tables, **keywords: object) -> list[tuple[str, str, str, int]]:
    frame = ac.find_problems(ac.read_records(tables), **keywords)
    assert frame["message"].str.len().min() > 10 if len(frame) else True
    return list(frame[["table", "rule", "severity", "rows"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("as_of", [None, "2012-06-01", "2011-01-01"])
def test_clean_records_have_no_finding_whenever_they_are_looked_at(as_of) -> None:
    assert found(clean(), as_of=as_of) == []


def put(table: str, column: str, value: object, many: int = 3) -> Callable[[Tables], None]:
    def plant(tables: Tables) -> None:
        frame = tables[table]
        frame.loc[frame.index[:many], column] = value

    return plant


def move(table: str, column: str, hours: int, many: int = 3) -> Callable[[Tables], None]:
    def plant(tables: Tables) -> None:
        frame = tables[table]
        frame.loc[frame.index[:many], column] -= hours * HOUR

    return plant


def scale(table: str, column: str, factor: float) -> Callable[[Tables], None]:
    def plant(tables: Tables) -> None:
        tables[table][column] *= factor

    return plant


def both(*plants: Callable[[Tables], None]) -> Callable[[Tables], None]:
    def plant(tables: Tables) -> None:
        for each in plants:
            each(tables)

    return plant


def book_twice(tables: Tables) -> None:
    halves = {"amount": 50.75, "principal": 50.0, "interest": 0.5, "penalty": 0.25}
    frame = tables["repayments"]
    half = frame.iloc[:1].assign(**halves)
    tables["repayments"] = pd.concat([half, half, frame.iloc[1:]], ignore_index=True)


OLD = pd.Timestamp("1970-01-01")
PLANTED: dict[tuple[str, str], tuple[Callable[[Tables], None], str, int]] = {
    ("orders", "paid_at before created_at"): (move("orders", "paid_at", 2), "warning", 3),
    ("orders", "shipped_at before paid_at"): (move("orders", "shipped_at", 2), "warning", 3),
    ("orders", "confirmed_at before shipped_at"): (
        move("orders", "confirmed_at", 7), "warning", 3),
    ("refunds", "resolved_at before opened_at"): (move("refunds", "resolved_at", 8), "warning", 3),
    ("disputes", "resolved_at before opened_at"): (
        move("disputes", "resolved_at", 8), "warning", 3),
    ("loans", "due_at before disbursed_at"): (move("loans", "due_at", 397), "warning", 3),
    ("applications", "decided_at before applied_at"): (
        move("applications", "decided_at", 2), "warning", 3),
    ("blacklist", "to before from"): (move("blacklist", "to", 2), "warning", 3),
    ("merchants", "shop opened before registration"): (
        put("merchants", "shop_opened_at", pd.Timestamp("2010-01-04")), "warning", 3),
    ("orders", "refund above amount"): (put("orders", "refund_amount", 100.01), "error", 3),
    ("orders", "shipped without payment"): (put("orders", "paid_at", pd.NaT), "warning", 3),
    ("orders", "status contradicts times"): (put("orders", "confirmed_at", pd.NaT), "warning", 3),
    ("interactions_daily", "more answered than asked"): (
        put("interactions_daily", "msgs_answered", 5), "warning", 3),
    ("repayments", "parts do not sum"): (put("repayments", "interest", 1.01), "warning", 3),
    ("loans", "rate looks annual"): (put("loans", "rate", 0.0101), "warning", 3),
    ("utilities", "paid above billed"): (put("utilities", "paid", 10.01), "warning", 3),
    ("refunds", "refund above order"): (put("refunds", "amount", 100.01), "warning", 3),
    ("refunds", "refund before order"): (move("refunds", "opened_at", 4), "warning", 3),
    ("ratings", "rating before order"): (move("ratings", "rated_at", 10), "warning", 3),
    ("repayments", "repayment before disbursement"): (
        move("repayments", "at", 297), "error", 3),
    ("repayments", "more principal repaid than lent"): (
        both(put("repayments", "principal", 100.01), put("repayments", "amount", 101.51)),
        "error", 3),
    ("repayments", "repayment booked twice"): (book_twice, "warning", 2),
    ("repayments", "far more repaid than lent"): (
        both(put("repayments", "interest", 99.51), put("repayments", "amount", 200.01)),
        "warning", 3),
    ("instalments", "instalments do not sum to the loan"): (
        put("instalments", "principal", 3999), "warning", 3),
    ("orders", "wrong unit suspected"): (scale("declared_sales", "amount", 1 / 31), "warning", 1),
    ("orders", "freight impossible"): (put("orders", "freight", -0.01), "error", 3),
    ("orders", "channel unknown code"): (put("orders", "channel", "Organic"), "warning", 3),
    ("violations", "kind unknown code"): (put("violations", "kind", "late"), "warning", 3),
    ("merchants", "cert_level impossible"): (put("merchants", "cert_level", 6), "error", 3),
    ("ratings", "polarity impossible"): (put("ratings", "polarity", -2), "error", 3),
    ("ratings", "dsr_ship impossible"): (put("ratings", "dsr_ship", 5.01), "error", 3),
    ("violations", "impossible date"): (put("violations", "at", OLD), "warning", 3),
    ("orders", "buyer_id missing"): (put("orders", "buyer_id", None), "error", 3),
    ("loans", "merchant_id orphan"): (put("loans", "merchant_id", "ghost"), "warning", 3),
    ("ratings", "order_id orphan"): (put("ratings", "order_id", ["x", "y", "z"]), "warning", 3),
    ("loan_orders", "order_id orphan"): (put("loan_orders", "order_id", "x"), "warning", 3),
    ("declared_sales", "submitted_at before it happened"): (
        put("declared_sales", "submitted_at", pd.Timestamp("2012-03-20")), "warning", 3),
    ("traffic_daily", "duplicate key"): (
        put("traffic_daily", "merchant_id", "m0"), "error", 3),
    ("traffic_daily", "stale feed"): (
        put("traffic_daily", "day", pd.Timestamp("2012-01-01"), 24), "warning", 0),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: f"{case[0]}: {case[1]}")
def test_a_fault_planted_alone_is_found_alone(case) -> None:
    plant, severity, many = PLANTED[case]
    tables = clean()
    plant(tables)
    assert found(tables) == [(*case, severity, many)]


def test_every_rule_of_the_house_is_planted_here() -> None:
    assert {(rule.table, rule.name) for rule in (*WITHIN, *ACROSS)} <= set(PLANTED)


AT_THE_EDGE = {
    "as much and as early as may be": (
        move("orders", "paid_at", 1),
        put("interactions_daily", "msgs_in", 4),
        put("refunds", "amount", 100.0),
        both(put("loans", "rate_unit", "month"), put("loans", "rate", 0.1)),
        move("ratings", "rated_at", 9),
        move("repayments", "at", 296),
        put("merchants", "shop_opened_at", pd.Timestamp("2010-01-05")),
        scale("declared_sales", "amount", 1 / 30),
        put("traffic_daily", "day", DAY - pd.Timedelta(days=37), 24),
    ),
    "half a fen, twice the loan, cash on delivery, nothing declared": (
        put("refunds", "amount", 100.004),
        both(put("repayments", "interest", 99.5), put("repayments", "amount", 200.0)),
        both(put("orders", "payment", "cod"), put("orders", "paid_at", pd.NaT)),
        scale("declared_sales", "amount", 0.0),
    ),
}


@pytest.mark.parametrize("case", AT_THE_EDGE)
def test_what_just_holds_is_no_finding(case: str) -> None:
    tables = clean()
    both(*AT_THE_EDGE[case])(tables)
    assert found(tables) == []


@pytest.mark.parametrize("table", ["loans", "repayments"])
def test_amounts_in_another_currency_are_an_error(table: str) -> None:
    tables = clean()
    frame = tables[table]
    frame["currency"] = "CNY"
    kinds = [(name, rule) for name, rule, _, _ in found(tables)]
    assert kinds == [(table, "unknown column")]
    frame.loc[frame.index[:3], "currency"] = ["USD", "usd", "HKD"]
    assert (table, "another currency", "error", 3) in found(tables)


def test_a_placeholder_date_does_not_make_the_other_feeds_stale() -> None:
    tables = clean()
    put("orders", "created_at", pd.Timestamp("2100-01-01"), 1)(tables)
    kinds = {(table, rule) for table, rule, _, _ in found(tables)}
    assert ("orders", "impossible date") in kinds
    assert not [rule for _, rule in kinds if rule == "stale feed"]


def test_the_examples_are_the_keys_of_the_rows() -> None:
    tables = clean()
    put("orders", "refund_amount", 100.01, 5)(tables)
    line = ac.find_problems(ac.read_records(tables)).iloc[0]
    assert line["example"] == "o0, o1, o2, o3, o4"


def test_findings_do_not_depend_on_the_order_of_rows() -> None:
    tables = clean()
    for plant, _, _ in list(PLANTED.values())[:12]:
        plant(tables)
    rng = np.random.default_rng(0)
    mixed = {n: f.iloc[rng.permutation(len(f))].reset_index(drop=True) for n, f in tables.items()}
    pd.testing.assert_frame_equal(
        ac.find_problems(ac.read_records(tables)), ac.find_problems(ac.read_records(mixed))
    )


def test_two_faults_are_two_findings_with_the_error_first() -> None:
    tables = clean()
    put("utilities", "paid", 10.01)(tables)
    put("orders", "refund_amount", 100.01, 1)(tables)
    assert found(tables) == [
        ("orders", "refund above amount", "error", 1),
        ("utilities", "paid above billed", "warning", 3),
    ]
