"""What others do is the season: neither oneself nor newcomers are among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.monitoring import early_warnings, use_of_funds
from alicredit.vocabulary import (
    FUNDS_READINGS,
    FUNDS_STATUSES,
    WARNING_ACTIONS,
    WARNING_LEVELS,
    WARNINGS,
)

DAY = pd.Timedelta(days=1)
LOOK = pd.Timestamp("2013-03-01")


def sold(merchant: str, amounts: dict[int, float], known_late: int = -1) -> pd.DataFrame:
    """One order a day; amounts by how many days before the look."""
    at = [LOOK - back * DAY + pd.Timedelta(hours=9) for back in amounts]
    known = [LOOK + DAY if back == known_late else pd.NaT for back in amounts]
    return pd.DataFrame({
        "order_id": [f"{merchant}{back}" for back in amounts], "merchant_id": merchant,
        "buyer_id": "b", "created_at": at, "paid_at": at,
        "amount": [float(each) for each in amounts.values()], "known_at": known})  # fmt: skip


def steady(level: float, recent: float) -> dict[int, float]:
    """Daily sales of a level, and another in the last 14 days."""
    return {back: recent if back <= 14 else level for back in range(1, 99)}


def value_of(orders: list[pd.DataFrame], registered: dict[str, str]) -> float:
    """The share of expectation of merchant a, whose loan is out."""
    return look_of(orders, registered)["WARN_SALES_FALL"]


def look_of(orders: list[pd.DataFrame], registered: dict[str, str], **more) -> pd.Series:
    """The look at the loan of merchant a."""
    tables = {
        "merchants": pd.DataFrame({"merchant_id": list(registered), "platform": "taobao",
                                   "registered_at": pd.to_datetime(list(registered.values()))}),
        "orders": pd.concat(orders, ignore_index=True),
        "loans": pd.DataFrame({"loan_id": ["l"], "merchant_id": ["a"], "rate": [0.0005],
                               "product_id": ["taobao_order"], "principal": [5000.0],
                               "disbursed_at": [LOOK - 9 * DAY], "due_at": [LOOK + 21 * DAY]}),
    } | more  # fmt: skip
    use = {"bank_txns": {"purpose": "monitoring", "legal_basis": "consent"}}
    records = ac.read_records(tables, data_use=use if "bank_txns" in more else None)
    return early_warnings(records, as_of=LOOK).iloc[0]


OLD = {"a": "2010-01-01", "b": "2010-01-01"}


@pytest.mark.parametrize(("own", "others"), [(40.0, 100.0), (100.0, 250.0), (700.0, 700.0)])
def test_a_change_counts_against_the_change_of_all_others(own: float, others: float) -> None:
    told = value_of([sold("a", steady(100, own)), sold("b", steady(100, others))], OLD)
    assert told == pytest.approx(own / others)


def test_a_giant_is_not_its_own_season() -> None:
    giant = sold("a", steady(1e6, 4e5))
    assert value_of([giant, sold("b", steady(10, 10))], OLD) == pytest.approx(0.4)


def test_alone_there_is_no_season_and_the_value_is_unknown() -> None:
    assert np.isnan(value_of([sold("a", steady(100, 40))], {"a": "2010-01-01"}))


def test_newcomers_make_no_season() -> None:
    orders = [sold("a", steady(100, 100)), sold("b", steady(100, 100))]
    new = sold("c", dict.fromkeys(range(1, 40), 5000.0))
    assert value_of([*orders, new], OLD | {"c": "2013-01-15"}) == pytest.approx(1.0)


@pytest.mark.parametrize(("days", "is_known"), [(30, False), (97, False), (98, True), (400, True)])
def test_a_newcomer_has_no_84_days_to_fall_from(days: int, is_known: bool) -> None:
    mine = {back: 20.0 if back <= 14 else 100.0 for back in range(1, min(days, 98) + 1)}
    registered = OLD | {"a": str((LOOK - days * DAY).date())}
    told = value_of([sold("a", mine), sold("b", steady(100, 100))], registered)
    assert np.isnan(told) == (not is_known)


@pytest.mark.parametrize("refunds", [0, 1, 10])
def test_refunds_from_none_at_all_are_a_rise_and_not_unknown(refunds: int) -> None:
    orders = [sold("a", steady(100, 100)), sold("b", steady(100, 100))]
    back = pd.DataFrame({
        "id": [f"r{k}" for k in range(refunds + 1)],
        "order_id": [f"a{k + 1}" for k in range(refunds)] + ["b1"], "amount": 20.0,
        "opened_at": [LOOK - 5 * DAY] * refunds + [LOOK + DAY], "reason": "quality",
    })  # fmt: skip
    told = look_of(orders, OLD, refunds=back)
    assert ("WARN_REFUND_RISE" in told["fired"]) == (refunds > 0)
    assert "WARN_REFUND_RISE" not in told["unknown"]
    assert np.isfinite(told["WARN_REFUND_RISE"])


def test_before_any_merchant_is_known_there_is_no_season() -> None:
    told = look_of([sold("a", steady(100, 40))], {"a": "2013-04-01", "b": "2013-04-01"})
    assert np.isnan(told["WARN_SALES_FALL"])
    assert told["level"] == "unknown"


def bank(**amounts: float) -> pd.DataFrame:
    """A posting of each merchant an hour after the loan, and one long before."""
    lent = LOOK - 9 * DAY
    rows = [(name[0], lent + at, amount) for name, amount in amounts.items()
            for at in ([pd.Timedelta(hours=1)] if "_" not in name else [-40 * DAY])]  # fmt: skip
    return pd.DataFrame(rows, columns=["merchant_id", "at", "amount"]).assign(kind="other")


def test_impossible_postings_stop_nobody_and_are_no_transfer() -> None:
    orders = [sold("a", steady(100, 100)), sold("b", steady(100, 100))]
    for more in ({"b": np.inf}, {"a_": np.inf}, {"a_": -np.inf, "b": np.nan}):
        told = look_of(orders, OLD, bank_txns=bank(a=-4500.0, **more))
        assert told["WARN_TRANSFER_OUT"] == pytest.approx(0.9)
    for wrong in (np.inf, -np.inf):
        rows = pd.concat([bank(a=-4500.0), bank(a=wrong)], ignore_index=True)
        assert np.isnan(look_of(orders, OLD, bank_txns=rows)["WARN_TRANSFER_OUT"])


def test_an_order_known_later_and_one_paid_later_are_not_seen() -> None:
    other = sold("b", steady(100, 100))
    late = value_of([sold("a", steady(100, 100), known_late=3), other], OLD)
    assert late == pytest.approx(13 / 14)
    unpaid = sold("a", steady(100, 100))
    unpaid.loc[unpaid["order_id"] == "a5", "paid_at"] = LOOK + 2 * DAY
    assert value_of([unpaid, other], OLD) == pytest.approx(13 / 14)


def test_an_impossible_amount_makes_no_season_and_no_value() -> None:
    orders = [sold("a", steady(100, 40)), sold("b", steady(100, 100))]
    wrong = sold("c", steady(100, 100))
    wrong.loc[3, "amount"] = np.inf
    old = OLD | {"c": "2010-01-01"}
    assert value_of([*orders, wrong], old) == pytest.approx(0.4)
    orders[0].loc[3, "amount"] = np.inf
    assert np.isnan(value_of(orders, OLD))


def test_fewer_than_five_orders_before_are_too_few_to_expect_anything() -> None:
    other = sold("b", steady(100, 100))
    for count in (4, 5):
        mine = sold("a", {1: 100.0} | {20 + k: 100.0 for k in range(count)})
        assert np.isnan(value_of([mine, other], OLD)) == (count < 5)


def test_frames_hold_words_of_the_vocabulary_and_nothing_else() -> None:
    records = ac.simulate_platform(120, seed=9, months=18, default_rate=0.2)[0]
    looks = early_warnings(records, as_of=["2010-09-06", "2010-11-15"])
    assert set(looks["level"]) <= set(WARNING_LEVELS)
    assert set(looks["action"]) <= set(WARNING_ACTIONS)
    for name in ("fired", "unknown", "no_source"):
        assert {code for codes in looks[name] for code in codes} <= set(WARNINGS)
    assert len(looks) > 30
    assert not looks.duplicated(["loan_id", "as_of"]).any()
    found = use_of_funds(records, as_of="2010-12-01")
    assert set(found.loans["status"]) <= set(FUNDS_STATUSES)
    assert set(found.summary["reading"]) <= set(FUNDS_READINGS)
    assert not found.loans["loan_id"].duplicated().any()
