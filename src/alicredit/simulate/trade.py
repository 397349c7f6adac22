"""Orders and what comes of them: shipping, confirmation, refunds, ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from alicredit.simulate.risk import Floats, Whole
from alicredit.simulate.world import DAY_US, World, hours_us, numbered, times, words, yuan

CATEGORIES = ["apparel", "shoes", "digital", "home", "food", "beauty", "toys", "sports"]
_MIX = np.array([0.2, 0.1, 0.15, 0.15, 0.12, 0.12, 0.08, 0.08])
_HOUR_US = DAY_US / 24
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Orders:
    """Orders as numbers; a time that never came is ``NEVER``."""

    merchant: Whole
    created: Whole
    paid: Whole
    shipped: Whole
    confirmed: Whole
    amount: Floats
    buyer: Whole
    is_promised: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Count the orders."""
        return len(self.merchant)


def make_orders(world: World, orders_per_month: float, rng: np.random.Generator) -> Orders:
    """Draw each merchant's orders week by week, placed on days by the season."""
    traits = world.traits
    activity = np.exp(0.35 * rng.normal(size=len(traits)) - 0.06)
    weeks = len(world.level)
    week_of_day = np.arange(world.days) // 7
    weekly_season = np.bincount(week_of_day, weights=world.season, minlength=weeks)
    rate = orders_per_month * 12 / 365.25 * activity * np.exp(world.level - 0.12)
    rate *= weekly_season[:, None]
    opened = (world.registered - world.first_day)[None, :] <= (np.arange(weeks) * 7)[:, None]
    counts = rng.poisson(rate * opened)
    week, merchant = np.nonzero(counts)
    repeat = counts[week, merchant]
    week, merchant = np.repeat(week, repeat), np.repeat(merchant, repeat)
    day = _days_of_weeks(week, world, rng)
    created = (world.first_day + day) * DAY_US + hours_us(len(day), rng)
    keep = created < (world.first_day + world.days) * DAY_US
    merchant, created = merchant[keep], created[keep]
    typical = traits.monthly_sales / (orders_per_month * activity)
    amount = typical[merchant] * np.exp(rng.normal(size=len(merchant)) * 0.8 - 0.32)
    return finish_orders(world, merchant, created, np.maximum(amount, 1.0), rng)


def _days_of_weeks(week: Whole, world: World, rng: np.random.Generator) -> Whole:
    """Place orders of a week on its days, by the season."""
    padded = np.zeros(len(world.level) * 7)
    padded[: world.days] = world.season
    share = np.cumsum(padded.reshape(-1, 7), axis=1)
    draw = rng.random(len(week)) * share[week, -1]
    return week * 7 + (draw[:, None] >= share[week]).sum(axis=1).clip(0, 6)


def finish_orders(
    world: World,
    merchant: Whole,
    created: Whole,
    amount: Floats,
    rng: np.random.Generator,
) -> Orders:
    """Draw payment, shipping and confirmation of orders; slower in distress."""
    size = len(merchant)
    state = world.state(merchant, created // DAY_US - world.first_day)
    quality = world.traits.quality[merchant]
    is_paid = rng.random(size) < 0.94
    paid = created + (rng.exponential(0.6, size) * _HOUR_US).astype(np.int64)
    slow = np.array([1.0, 1.35, 2.2])[state] * np.exp(-0.15 * quality)
    ship = rng.lognormal(np.log(20), 0.5, size) * slow
    shipped = paid + (ship * _HOUR_US).astype(np.int64)
    is_shipped = is_paid & (rng.random(size) < np.array([0.985, 0.97, 0.93])[state])
    confirm = np.clip(rng.gamma(4.0, 1.25, size), 0.3, 15)
    wash = world.traits.is_wash[merchant] & (rng.random(size) < 0.3)
    confirm = np.where(wash, rng.uniform(0.05, 0.6, size), confirm)
    confirmed = shipped + (confirm * DAY_US).astype(np.int64)
    pool = 12 + 40 * np.exp(0.4 * quality)
    rank = np.floor(pool * rng.random(size) ** 1.6).astype(np.int64)
    buyer = np.where(wash, merchant * 3 % 97, (merchant * 7919 + rank * 104_729) % 3_000_000)
    return Orders(
        merchant,
        created,
        np.where(is_paid, paid, NEVER),
        np.where(is_shipped, shipped, NEVER),
        np.where(is_shipped, confirmed, NEVER),
        np.round(amount * 100) / 100,
        buyer,
        np.zeros(size, dtype=bool),
    )


def join_orders(parts: list[Orders]) -> Orders:
    """Put orders together, sorted by time, then merchant."""
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Orders.__dataclass_fields__
    }
    order = np.lexsort((columns["amount"], columns["merchant"], columns["created"]))
    return Orders(**{name: values[order] for name, values in columns.items()})


def order_tables(
    world: World, orders: Orders, end: int, rng: np.random.Generator
) -> dict[str, pa.Table]:
    """Lay out orders, refunds and ratings as they stand at the end of the stage."""
    size = len(orders)
    state = world.state(orders.merchant, orders.created // DAY_US - world.first_day)
    quality = world.traits.quality[orders.merchant]
    chance = 0.03 * np.exp(-0.35 * quality) * np.array([1.0, 1.7, 3.6])[state]
    is_refund = (orders.shipped < end) & (rng.random(size) < np.clip(chance, 0, 0.6))
    is_refund &= ~orders.is_promised
    opened = orders.shipped + (rng.gamma(2.0, 1.2, size) * DAY_US).astype(np.int64)
    is_refund &= opened < end
    confirmed = np.where(is_refund, NEVER, orders.confirmed)
    ids = numbered("o", np.arange(size), 8)
    known = {
        "paid_at": orders.paid, "shipped_at": orders.shipped, "confirmed_at": confirmed,
    }  # fmt: skip
    late = {name: times(np.minimum(v, end), v >= end) for name, v in known.items()}
    category = rng.choice(len(CATEGORIES), len(world.traits), p=_MIX)
    second = rng.choice(len(CATEGORIES), size, p=_MIX)
    kind = np.where(rng.random(size) < 0.8, category[orders.merchant], second)
    table = pa.table(
        {
            "order_id": ids,
            "merchant_id": world.merchant_ids().take(pa.array(orders.merchant)),
            "buyer_id": numbered("b", orders.buyer, 7),
            "created_at": times(orders.created),
            **late,
            "amount": yuan(orders.amount),
            "category": words(kind, CATEGORIES),
        }
    )
    refunds = _refunds(ids, orders, np.flatnonzero(is_refund), opened, end, rng)
    ratings = _ratings(world, ids, orders, state, np.flatnonzero(confirmed < end), end, rng)
    return {"orders": table, "refunds": refunds, "ratings": ratings}


def _refunds(
    ids: pa.Array,
    orders: Orders,
    rows: Whole,
    opened: Whole,
    end: int,
    rng: np.random.Generator,
) -> pa.Table:
    """Lay out refunds; a third part of the amount at least is asked back."""
    size = len(rows)
    resolved = opened[rows] + (rng.gamma(2.0, 1.5, size) * DAY_US).astype(np.int64)
    is_open = resolved >= end
    share = np.where(rng.random(size) < 0.7, 1.0, rng.uniform(0.3, 1.0, size))
    reasons = ["quality", "not_received", "mismatch", "no_reason", "other"]
    return pa.table(
        {
            "id": numbered("r", np.arange(size), 8),
            "order_id": ids.take(pa.array(rows)),
            "opened_at": times(opened[rows]),
            "resolved_at": times(np.minimum(resolved, end), is_open),
            "amount": yuan(np.floor(orders.amount[rows] * share * 100) / 100),
            "reason": words(rng.integers(0, 5, size), reasons),
            "seller_fault": pa.array(rng.random(size) < 0.4, mask=is_open),
        }
    )


def _ratings(
    world: World,
    ids: pa.Array,
    orders: Orders,
    state: npt.NDArray[np.int8],
    rows: Whole,
    end: int,
    rng: np.random.Generator,
) -> pa.Table:
    """Lay out ratings of two in five confirmed orders; worse in distress."""
    rows = rows[rng.random(len(rows)) < 0.4]
    at = orders.confirmed[rows] + (rng.exponential(1.0, len(rows)) * DAY_US).astype(np.int64)
    rows, at = rows[at < end], at[at < end]
    quality, size = world.traits.quality[orders.merchant[rows]], len(rows)
    bad = 0.025 * np.exp(-0.5 * quality) * np.array([1.0, 2.0, 5.0])[state[rows]]
    draw = rng.random(size)
    polarity = np.where(draw < bad, -1, np.where(draw < 2 * bad, 0, 1))
    mean = 4.72 + 0.09 * quality - np.array([0.0, 0.16, 0.5])[state[rows]]
    scores = {
        name: pa.array(np.clip(np.round(mean + 0.25 * rng.normal(size=size), 1), 1, 5))
        for name in ("dsr_desc", "dsr_service", "dsr_ship")
    }
    return pa.table(
        {
            "order_id": ids.take(pa.array(rows)),
            "rated_at": times(at),
            "polarity": pa.array(polarity),
            **scores,
        }
    )
