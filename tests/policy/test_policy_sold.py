"""What shops sold net of what came back: against plain loops, and whatever else is asked."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.policy import build_applicants

DAY = pd.Timedelta(days=1)
MOMENTS = [pd.Timestamp("2013-02-01 08:00"), pd.Timestamp("2013-05-01")]
FACTS = ["monthly_sales_median_180d", "sales_12m", "order_base"]


def make_tables(seed: int, size: int = 400) -> dict[str, pd.DataFrame]:
    """Lay out orders of six shops with every gap a record may have."""
    rng = np.random.default_rng(seed)

    def after(times: pd.Series, days: float, share: float) -> pd.Series:
        later = times + pd.to_timedelta(rng.integers(1, int(days * 86_400), len(times)), unit="s")
        return later.where(rng.random(len(times)) < share)

    start = MOMENTS[1] - 420 * DAY
    created = pd.Series(start + pd.to_timedelta(rng.random(size) * 430 * 86_400, unit="s"))
    created[:80] = MOMENTS[1] - pd.to_timedelta(rng.random(80) * 20 * 86_400, unit="s")
    created = created.dt.floor("s")
    paid = after(created, 1, 0.95)
    shipped = after(paid, 3, 0.95)
    shops = rng.choice([f"m{k}" for k in range(6)], size)
    buyers = rng.choice([*(f"b{k}" for k in range(30)), "m0", "m1", None], size)
    orders = pd.DataFrame({
        "order_id": [f"o{k}" for k in range(size)], "merchant_id": shops, "buyer_id": buyers,
        "created_at": created, "paid_at": paid, "shipped_at": shipped,
        "confirmed_at": after(shipped, rng.choice([2, 20]), 0.8),
        "closed_at": after(created, 30, 0.1),
        "amount": np.where(rng.random(size) < 0.03, np.nan, rng.integers(1, 99_999, size) / 100),
    })  # fmt: skip
    some = orders.sample(120, random_state=seed, replace=True)
    refunds = pd.DataFrame({
        "id": [f"r{k}" for k in range(121)], "order_id": [*some["order_id"], "nobody's"],
        "opened_at": [*(some["created_at"] + pd.to_timedelta(rng.random(120) * 90, unit="D"))
                      .dt.floor("s"), MOMENTS[0] - DAY],
        "amount": np.where(rng.random(121) < 0.05, np.nan, rng.integers(1, 30_000, 121) / 100),
    })  # fmt: skip
    merchants = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(6)], "platform": "taobao",
                              "registered_at": pd.Timestamp("2010-01-01")})  # fmt: skip
    return {"merchants": merchants, "orders": orders, "refunds": refunds}


def fen(yuan: float) -> int:
    return 0 if math.isnan(yuan) else math.floor(yuan * 100 + 0.5)


def aside(orders: pd.DataFrame, shop: str, at: pd.Timestamp) -> set[str | None]:
    """Find the buyers behind whom the shop itself seems to stand."""
    fast: dict[str, int] = {}
    every: dict[str, int] = {}
    for order in orders.itertuples():
        if at - 180 * DAY <= order.confirmed_at < at and isinstance(order.buyer_id, str):
            every[order.buyer_id] = every.get(order.buyer_id, 0) + 1
            if order.shipped_at <= order.confirmed_at < order.shipped_at + DAY:
                fast[order.buyer_id] = fast.get(order.buyer_id, 0) + 1
    return {shop} | {b for b, many in fast.items() if many >= 2 and 3 * many >= every[b]}


def by_hand(tables: dict[str, pd.DataFrame], shop: str, at: pd.Timestamp) -> list[float]:
    """Count one shop's facts at one moment with loops."""
    orders = tables["orders"][tables["orders"]["merchant_id"] == shop]
    hidden, months, year = aside(orders, shop, at), [0] * 6, 0
    refunds = {
        order: [each for each in rows.itertuples() if each.opened_at < at]
        for order, rows in tables["refunds"].groupby("order_id")
    }
    base = returned = paid = 0
    for order in (each for each in orders.itertuples() if each.created_at < at):
        back = refunds.get(order.order_id, [])
        returned += sum(fen(each.amount) for each in back if each.opened_at >= at - 90 * DAY)
        paid += fen(order.amount) if at - 90 * DAY <= order.paid_at < at else 0
        if order.buyer_id in hidden:
            continue
        is_late = not order.confirmed_at < at
        if at - pd.DateOffset(months=12) <= order.confirmed_at < at:
            year += fen(order.amount) - sum(fen(each.amount) for each in back)
        if at - 180 * DAY <= order.confirmed_at < at:
            months[math.ceil((at - order.confirmed_at) / (30 * DAY)) - 1] += fen(order.amount)
            for each in back:
                if each.opened_at >= at - 180 * DAY:
                    period = math.ceil((at - each.opened_at) / (30 * DAY)) - 1
                    months[period] -= fen(each.amount)
        if (order.shipped_at < at and is_late and not order.closed_at < at and not back
                and order.created_at >= at - 30 * DAY):  # fmt: skip
            base += fen(order.amount)
    median = sorted(max(month, 0) for month in months)
    cut = min(max(returned / paid, 0.02), 1) if paid else 0.02
    return [(median[2] + median[3]) / 200, max(year, 0) / 100, math.floor(base * (1 - cut)) / 100]


@pytest.mark.parametrize("seed", range(6))
def test_sales_and_base_are_those_of_plain_loops_at_every_moment(seed: int) -> None:
    tables = make_tables(seed)
    records = ac.read_records(tables)
    asked = pd.DataFrame(
        [(f"m{k}", at) for at in MOMENTS for k in range(6)], columns=["merchant_id", "as_of"]
    )
    found = build_applicants(records, ac.Cohort.from_frame(asked))
    wanted = [by_hand(tables, *each) for each in asked.itertuples(index=False)]
    assert found[FACTS].to_numpy().tolist() == wanted
    assert (found["sales_12m"] > 0).sum() > 8
    assert (found["order_base"] > 0).sum() > 3


def test_what_another_question_may_see_is_not_seen() -> None:
    # An order refunded before the first moment and confirmed after it is no sale then: whether the
    # second moment is asked about, too, must not matter.
    first, second = MOMENTS
    orders = pd.DataFrame({
        "order_id": [*(f"o{k}" for k in range(6)), "late"], "merchant_id": "m", "buyer_id": "b",
        "created_at": [*(first - (30 * k + 12) * DAY for k in range(6)), first - 9 * DAY],
        "shipped_at": [*(first - (30 * k + 11) * DAY for k in range(6)), first - 8 * DAY],
        "confirmed_at": [*(first - (30 * k + 5) * DAY for k in range(6)), first + DAY],
        "amount": 100.0,
    })  # fmt: skip
    opened = [first - (30 * k + 4) * DAY for k in range(4)]
    refunds = pd.DataFrame({"id": [f"r{k}" for k in range(4)], "order_id": "late", "amount": 40.0,
                            "opened_at": opened})  # fmt: skip
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": "taobao",
                              "registered_at": pd.Timestamp("2010-01-01")})  # fmt: skip
    records = ac.read_records({"merchants": merchants, "orders": orders, "refunds": refunds})
    both = pd.DataFrame({"merchant_id": ["m", "m"], "as_of": [first, second]})
    together = build_applicants(records, ac.Cohort.from_frame(both))[FACTS]
    alone = build_applicants(records, ac.Cohort.from_frame(both[:1]))[FACTS]
    assert alone.iloc[0].tolist() == together.iloc[0].tolist()
    assert alone["monthly_sales_median_180d"].tolist() == [100.0]


def test_what_is_not_written_down_is_as_if_it_were_empty() -> None:
    tables = make_tables(9)
    empty = tables | {
        "refunds": tables["refunds"][:0], "orders": tables["orders"].assign(closed_at=pd.NaT)
    }  # fmt: skip
    orders = tables["orders"].drop(columns="closed_at")
    records = [ac.read_records({"merchants": tables["merchants"], "orders": orders})]
    records.append(ac.read_records(empty))
    cohort = ac.Cohort.at(records[0], MOMENTS[1])
    fewer, nothing = (build_applicants(each, cohort)[FACTS] for each in records)
    pd.testing.assert_frame_equal(fewer, nothing, check_exact=True)
