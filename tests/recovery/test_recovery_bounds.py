"""Rules of recovery hold at their very bounds, and what lies beyond is refused by its name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError
from alicredit.recovery import (
    BlacklistRules,
    ConductRules,
    ContactRules,
    RestorationRules,
    StageRules,
    swept,
)
from alicredit.recovery.restoration import _loss, _of_merchant, _offers, _plan, _rates, _shortest

RULES = RestorationRules()


@pytest.mark.parametrize(
    ("rules", "name", "least", "most", "beyond"),
    [
        (RestorationRules, "cover", 1, 100, (0.99, 100.1)),
        (RestorationRules, "support_below", 0, 10, (-0.1, 10.1)),
        (RestorationRules, "months", (1,), (120,), ((0,), (121,), (), (3, 3), (6, 3))),
        (RestorationRules, "rate_share", "0", "1", ("1.01", "-0.1", "half")),
        (RestorationRules, "is_penalty_waived", False, True, (0, 1, "yes", None)),
        (RestorationRules, "method", "annuity", "equal_principal", ("flat", None)),
        (BlacklistRules, "months_after_default", 0, 1200, (-1, 1201, 1.5)),
        (BlacklistRules, "months_after_malice", 0, 1200, (-1, 1201, True)),
        (ConductRules, "transfer_out_share", 0, 1, (-0.1, 1.1)),
        (ConductRules, "sales_fell_share", 0, 0.8, (-0.1, 1.1)),
        (ConductRules, "sales_go_on_share", 0.5, 10, (0.49, 10.1)),
        (ConductRules, "sales_over_due", 0, 1000, (-1, 1001)),
        (ConductRules, "promises_broken", 1, 99, (0, 1.5)),
        (ConductRules, "unanswered", 1, 99, (0, True)),
        (ConductRules, "signs", 1, 99, (0, None)),
        (StageRules, "message_from", 1, 3, (0, 4)),
        (StageRules, "default_from", 32, 36_500, (31, 36_501)),
        (StageRules, "write_off_after", 1, 36_500, (0, 36_501)),
        (ContactRules, "hours", (0, 24), (23, 24), ((9, 9), (-1, 20), (9, 25), [9, 20], (9,))),
        (ContactRules, "rest_weekdays", (0,), (6,), ((7,), (-1,))),
        (ContactRules, "per_day", 0, 99, (-1, 1.5)),
        (ContactRules, "per_week", 0, 99, (-1,)),
        (ContactRules, "visits_per_week", 0, 99, (-1,)),
        (ContactRules, "promises_trusted", 0, 99, (-1,)),
        (ContactRules, "promise_days", 0, 99, (-1,)),
    ],
)  # fmt: skip
def test_a_rule_holds_at_its_bounds_and_not_beyond(rules, name, least, most, beyond) -> None:
    for value in (least, most):
        assert getattr(rules(**{name: value}), name) == value
    for value in beyond:
        with pytest.raises(InputError):
            rules(**{name: value})


def test_defaults_are_those_of_the_practice_that_is_stated() -> None:
    stages = StageRules()  # DOMAIN 3.3
    assert (stages.message_from, stages.telephone_from, stages.visit_from) == (1, 4, 31)
    assert (stages.default_from, stages.write_off_after) == (91, 365)
    assert (RULES.cover, RULES.months, RULES.rate_share) == (1.2, (3, 6, 9, 12), "1")
    assert not RULES.is_penalty_waived
    assert (BlacklistRules().months_after_default, BlacklistRules().months_after_malice) == (12, 60)


def test_nobody_is_contacted_on_a_weekday_or_a_day_of_rest() -> None:
    rules = ContactRules(rest_days=(date(2013, 2, 11), pd.Timestamp("2013-02-12 09:00")))
    told = {day: rules.is_rest(pd.Timestamp(f"2013-02-{day}")) for day in range(9, 18)}
    assert told == {9: False, 10: True, 11: True, 12: True, 13: False, 14: False, 15: False,
                    16: False, 17: True}  # 10 and 17 are Sundays  # fmt: skip


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.integers(0, 30), st.integers(0, 10**9))
def test_a_sweep_takes_its_percent_rounded_down_and_no_more_than_is_owed(settled, percent, owed):
    taken = swept([settled], percent=percent, owed_fen=owed).tolist()
    assert taken == [min(settled * percent // 100, owed)]
    assert taken[0] * 100 <= settled * 30  # DOMAIN 3.3: never more than 30 %
    for wrong in (31, -1, 12.5, True):
        with pytest.raises(InputError, match="percent"):
            swept([settled], percent=wrong, owed_fen=owed)


def rows_of(*loans: tuple[str, int, float], **columns) -> pd.DataFrame:
    """Lay out claims: merchant, principal in fen and the merchant's expected sales in yuan."""
    frame = pd.DataFrame(loans, columns=["merchant_id", "balance_fen", "expected_sales"])
    plain = {
        "loan_id": [f"l{k}" for k in range(len(frame))], "product_id": "taobao_credit",
        "rate": 0.0, "rate_unit": "month", "accrued_fen": 0, "penalty_fen": 0,
        "claim_fen": frame["balance_fen"], "is_malicious": False, "is_planned": False,
        "is_reachable": True, "sales_30d": frame["expected_sales"],
        "sales_before": frame["expected_sales"],
    }  # fmt: skip
    return frame.assign(**(plain | columns))


def offered(rows: pd.DataFrame, rules: RestorationRules = RULES) -> pd.DataFrame:
    """Offer to each what the room offers, from the rows alone."""
    rate = _rates(rows)
    plans = {n: _plan(rows, rate, n, rules) for n in rules.months}
    rows = rows.assign(months=_shortest(rows, plans, rules))
    whole = plans[rules.months[-1]]
    chosen = rows["months"].fillna(rules.months[-1])
    parts = [plans[n][plans[n]["loan"].map(chosen).eq(n)] for n in rules.months]
    plan = pd.concat(parts) if len(rows) else whole
    return _offers(rows, plan, rate, rules)


@pytest.mark.parametrize(
    ("sales", "months"),
    # 12,000 yuan without interest: 4,000, 2,000, 1,333.34 and 1,000 a month, covered 1.2 times.
    [(4_800.0, 3), (4_799.99, 6), (2_400.0, 6), (2_399.99, 9), (1_200.0, 12), (1_199.99, None)],
)
def test_the_shortest_plan_that_sales_cover_is_offered(sales, months) -> None:
    row = offered(rows_of(("m", 1_200_000, sales))).iloc[0]
    assert row["is_offered"] == (months is not None)
    if months is None:
        assert row["reasons"] == ("RST_COVER_LOW",)
        assert row[["months", "instalment_fen", "sweep_percent"]].isna().all()
        return
    assert row["months"] == months
    assert row["reasons"] == ("RST_OFFERED",)
    assert row["cover"] == pytest.approx(sales * 100 / row["instalment_fen"])
    assert row["cover"] >= 1.2
    percent = -(-100 * int(row["instalment_fen"]) // round(sales * 100))  # rounded up
    assert row["sweep_percent"] == min(percent, 30)


@pytest.mark.parametrize(
    ("sales", "percent"),
    # 4,000 yuan a month: a fifth of 20,000, a little more of a little less, never more than 30.
    [(20_000.0, 20), (20_000.01, 20), (19_999.99, 21), (13_333.34, 30), (13_000.0, 30)],
)
def test_the_sweep_is_the_least_whole_percent_that_pays_the_instalment(sales, percent) -> None:
    row = offered(rows_of(("m", 1_200_000, sales))).iloc[0]
    assert (row["months"], row["sweep_percent"]) == (3, percent)


def test_what_a_merchant_owes_on_all_loans_is_covered_together() -> None:
    two = rows_of(("m", 600_000, 4_800.0), ("m", 600_000, 4_800.0), ("k", 600_000, 4_800.0))
    told = offered(two)
    assert told["months"].tolist() == [3, 3, 3]
    less = offered(two.assign(expected_sales=4_799.0, sales_30d=4_799.0))
    assert less["months"].tolist() == [6, 6, 3]
    plan = _plan(two, _rates(two), 3, RULES)
    assert _of_merchant(two, plan).tolist() == [400_000, 400_000, 200_000]


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"is_malicious": True}, ("RST_MALICIOUS",)), ({"is_planned": True}, ("RST_PLAN",)),
        ({"is_reachable": False}, ("RST_UNREACHABLE",)),
        ({"sales_30d": 0.0, "expected_sales": 0.0}, ("RST_INACTIVE",)),
        ({"sales_30d": np.nan, "expected_sales": 0.0}, ("RST_INACTIVE",)),
        ({"is_malicious": True, "is_reachable": False}, ("RST_MALICIOUS", "RST_UNREACHABLE")),
    ],
)  # fmt: skip
def test_each_reason_against_an_offer_stands_alone(change, reasons) -> None:
    row = offered(rows_of(("m", 1_200_000, 9_000.0), **change)).iloc[0]
    assert not row["is_offered"]
    assert row["reasons"] == reasons
    assert row["tools"] == ()
    assert not row["is_default"]


def test_traffic_support_goes_to_whom_sales_fell_for_and_not_at_the_mark() -> None:
    rows = rows_of(*[("a", 100_000, 8_000.0), ("b", 100_000, 7_999.99)], sales_before=10_000.0)
    assert offered(rows)["tools"].tolist() == [
        ("extension", "sales_sweep"), ("extension", "traffic_support", "sales_sweep"),
    ]  # fmt: skip


def test_a_plan_at_the_contracts_rate_loses_nothing_and_one_without_it_its_time() -> None:
    rows = rows_of(("m", 1_200_000, 9_000.0), rate=0.015)
    rate = _rates(rows)
    assert rate == [Decimal("0.015")]
    same = _loss(rows, _plan(rows, rate, 6, RULES), rate)
    assert same[0] == pytest.approx(0.0, abs=1e-6)
    free = _loss(rows, _plan(rows, rate, 6, RestorationRules(rate_share="0")), rate)
    worth = sum(200_000 / 1.015**k for k in range(1, 7))
    assert free[0] == pytest.approx(1 - worth / 1_200_000, abs=1e-9)
    by_day = rows_of(("m", 1_200_000, 9_000.0), rate=0.0005, rate_unit="day")
    assert _rates(by_day) == [Decimal("0.0150")]  # a day's rate for 30 days


def test_penalties_are_carried_or_forgiven_and_interest_is_always_carried() -> None:
    rows = rows_of(("m", 300_000, 9_000.0), accrued_fen=901, penalty_fen=602)
    carried = _plan(rows, _rates(rows), 3, RULES)
    assert carried["carried_fen"].sum() == 1_503
    waived = _plan(rows, _rates(rows), 3, RestorationRules(is_penalty_waived=True))
    assert waived["carried_fen"].sum() == 901
    assert carried["payment_fen"].sum() == 300_000 + 1_503
