"""What else is written down: presence, traffic, bank, declarations, bills, customs, changes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from alicredit.simulate.risk import Floats, Whole
from alicredit.simulate.world import DAY_US, World, dates, hours_us, numbered, times, words, yuan

REGIONS = ["zhejiang", "jiangsu", "shanghai", "guangdong", "fujian", "shandong", "sichuan"]
_REGION_MIX = np.array([0.26, 0.15, 0.1, 0.22, 0.1, 0.09, 0.08])
_DAYS_A_MONTH = 3


def merchant_tables(world: World, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Lay out who is registered, and what changed about them later."""
    n, traits = len(world.traits), world.traits
    cert = np.clip(np.round(2.2 + 0.8 * traits.quality + rng.normal(size=n)), 0, 5)
    opened = world.registered + rng.integers(0, 60, n)
    paying = rng.random(n) < np.where(traits.is_b2b, 0.6, 0.2)
    platform = np.where(traits.is_b2b, 0, np.where(rng.random(n) < 0.12, 2, 1))
    merchants = pa.table(
        {
            "merchant_id": world.merchant_ids(),
            "platform": words(platform, ["alibaba_b2b", "taobao", "tmall"]),
            "membership": words(paying.astype(np.int64), ["ordinary", "paying"]),
            "registered_at": dates(world.registered),
            "shop_opened_at": dates(opened, traits.is_b2b),
            "region": words(rng.choice(len(REGIONS), n, p=_REGION_MIX), REGIONS),
            "entity_kind": words((rng.random(n) < 0.35).astype(np.int64), ["person", "firm"]),
            "real_name_verified": pa.array(rng.random(n) < 0.97),
            "cert_level": pa.array(cert.astype(np.int64)),
        }
    )
    return {"merchants": merchants, "merchant_history": _changes(world, cert, rng)}


def _changes(world: World, cert: Floats, rng: np.random.Generator) -> pa.Table:
    """Lay out changes of certification and of address, more of the latter in distress."""
    upgrade = np.flatnonzero((rng.random(len(cert)) < 0.35) & (cert < 5))
    up_day = rng.integers(0, world.days, len(upgrade))
    moved = rng.poisson(0.1 * world.days / 365 * np.exp(-0.3 * world.traits.quality))
    who = np.repeat(np.arange(len(cert)), moved)
    move_day = rng.integers(0, world.days, len(who))
    shaky = world.state(who, move_day) == 0
    keep = ~shaky | (rng.random(len(who)) < 0.6)
    who, move_day = who[keep], move_day[keep]
    merchant = np.concatenate([upgrade, who])
    day = np.concatenate([up_day, move_day]) + world.first_day
    after = day > world.registered[merchant]
    level = [str(int(each) + 1) for each in cert[upgrade]]
    value = np.array([*level, *[f"moved {k}" for k in range(len(who))]], dtype=object)
    field = np.concatenate([np.zeros(len(upgrade), int), np.ones(len(who), int)])
    at = day * DAY_US + hours_us(len(day), rng)
    late = np.where(rng.random(len(day)) < 0.02, rng.integers(1, 20, len(day)), 0)
    after &= at + late * DAY_US < (world.first_day + world.days) * DAY_US
    return pa.table(
        {
            "merchant_id": world.merchant_ids().take(pa.array(merchant[after])),
            "field": words(field[after], ["cert_level", "address"]),
            "value": pa.array(value[after].tolist(), pa.string()),
            "event_time": times(at[after]),
            "known_at": times((at + late * DAY_US)[after]),
        }
    )


def _some_days(world: World, a_month: float, rng: np.random.Generator) -> tuple[Whole, Whole]:
    """Draw some days of each merchant's life, sorted: merchants and days."""
    stretch = 30.44 / a_month
    count = int(world.days / stretch)
    spread = np.arange(count)[None, :] + rng.random((len(world.traits), count))
    day = np.minimum((spread * stretch).astype(np.int64), world.days - 1)
    # A merchant's days do not fall as they are drawn: one that is there twice stands side by side.
    is_kept = day + world.first_day >= world.registered[:, None]
    is_kept[:, 1:] &= day[:, 1:] != day[:, :-1]
    return np.nonzero(is_kept)[0], day[is_kept]


def presence_tables(world: World, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Lay out dealings and visits of some days: fewer logins and slower answers in distress."""
    merchant, day = _some_days(world, _DAYS_A_MONTH, rng)
    state, quality = world.state(merchant, day), world.traits.quality[merchant]
    size, ids = len(day), world.merchant_ids().take(pa.array(merchant))
    calendar = dates(world.first_day + day)
    messages = rng.poisson(6 * np.array([1.0, 0.9, 0.6])[state])
    answer = np.clip(0.93 + 0.03 * quality - np.array([0.0, 0.1, 0.3])[state], 0.3, 0.995)
    response = rng.lognormal(np.log(110), 0.5, size) * np.array([1.0, 1.7, 3.5])[state]
    interactions = pa.table(
        {
            "merchant_id": ids,
            "day": calendar,
            "logins": pa.array(rng.poisson(6 * np.exp(0.15 * quality)
                                           * np.array([1.0, 0.7, 0.3])[state])),
            "listing_edits": pa.array(rng.poisson(2 * np.array([1.0, 0.85, 0.5])[state])),
            "msgs_in": pa.array(messages),
            "msgs_answered": pa.array(rng.binomial(messages, answer)),
            "median_first_response_s": pa.array(
                np.round(response * np.exp(-0.15 * quality)), mask=messages == 0
            ),
        }
    )  # fmt: skip
    week = day // 7
    visits = 120 * np.sqrt(world.traits.monthly_sales[merchant] / 15_000)
    uv = visits * np.exp(0.8 * world.level[week, merchant]) * np.sqrt(world.season[day])
    spend = np.where(rng.random(size) < 0.5, 0.0, rng.exponential(30, size))
    traffic = pa.table(
        {
            "merchant_id": ids,
            "day": calendar,
            "uv": pa.array(rng.poisson(np.clip(uv, 0, 1e6))),
            "ad_spend": yuan(spend),
        }
    )
    return {"interactions_daily": interactions, "traffic_daily": traffic}


def money_tables(world: World, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Lay out bank postings of those who consented, declared sales and power bills."""
    return {
        "bank_txns": _bank(world, rng),
        "declared_sales": _declared(world, rng),
        "utilities": _bills(world, rng),
    }


def _bank(world: World, rng: np.random.Generator) -> pa.Table:
    """Lay out inflows and outflows of some days; the balance shows buffer and distress."""
    traits = world.traits
    merchant, day = _some_days(world, 2.5, rng)
    state, size = world.state(merchant, day), len(merchant)
    is_in = np.arange(size) % 2 == 0
    flow = traits.monthly_sales[merchant] * np.exp(0.1 * rng.normal(size=size))
    out = np.array([0.86, 0.98, 1.18])[state] * np.exp(-0.12 * (traits.buffer[merchant] - 1.6))
    amount = np.where(is_in, flow, -flow * out)
    cushion = traits.buffer[merchant] * np.array([0.9, 0.82, 0.7])[state]
    balance = traits.monthly_sales[merchant] * cushion * np.exp(0.08 * rng.normal(size=size))
    at = (world.first_day + day) * DAY_US + hours_us(size, rng)
    return pa.table(
        {
            "merchant_id": world.merchant_ids().take(pa.array(merchant)),
            "at": times(at),
            "amount": yuan(amount),
            "balance_after": yuan(balance),
            "counterparty": numbered("c", rng.integers(0, 40, size), 3),
            "kind": words(np.where(is_in, 0, 1), ["sale", "supplier"]),
        }
    )


def _months(world: World) -> Whole:
    """Give the first day of each whole month on the stage."""
    first = np.datetime64(world.first_day, "D").astype("datetime64[M]")
    last = np.datetime64(world.first_day + world.days, "D").astype("datetime64[M]")
    return np.arange(first, last).astype("datetime64[D]").astype(np.int64)


def _declared(world: World, rng: np.random.Generator) -> pa.Table:
    """Lay out declared monthly sales, known some weeks later; the less honest overstate."""
    months, n = _months(world), len(world.traits)
    merchant = np.repeat(np.arange(n), len(months))
    month = np.tile(months, n)
    keep = (merchant % 3 < 2) & (month >= world.registered[merchant])
    merchant, month = merchant[keep], month[keep]
    day = np.clip(month - world.first_day + 15, 0, world.days - 1)
    over = np.clip(-0.35 * world.traits.honesty[merchant], 0, None)
    sales = world.traits.monthly_sales[merchant] * np.exp(
        world.level[day // 7, merchant] + over + 0.15 * rng.normal(size=len(month)) - 0.12
    )
    end_of_month = (np.datetime64(0, "D") + month + 31).astype("datetime64[M]")
    known = end_of_month.astype("datetime64[D]").astype(np.int64) + rng.integers(3, 20, len(month))
    keep = known < world.first_day + world.days
    return pa.table(
        {
            "merchant_id": world.merchant_ids().take(pa.array(merchant[keep])),
            "month": dates(month[keep]),
            "amount": yuan(np.round(sales[keep], -1)),
            "source": words(np.zeros(int(keep.sum()), dtype=np.int64), ["total"]),
            "submitted_at": times(known[keep] * DAY_US + 36_000_000_000),
        }
    )


def _bills(world: World, rng: np.random.Generator) -> pa.Table:
    """Lay out quarterly power bills, paid later in distress."""
    months, n = _months(world)[::3], len(world.traits)
    merchant = np.repeat(np.arange(n), len(months))
    month = np.tile(months, n)
    keep = (merchant % 2 == 0) & (month >= world.registered[merchant])
    merchant, month = merchant[keep], month[keep]
    due = month + 50
    state = world.state(merchant, due - world.first_day)
    late = rng.random(len(due)) < np.array([0.06, 0.16, 0.4])[state]
    paid = due - 4 + np.where(late, rng.integers(5, 45, len(due)), 0)
    open_ = paid >= world.first_day + world.days
    billed = np.round(200 * np.exp(0.4 * rng.normal(size=len(due))), 2)
    return pa.table(
        {
            "merchant_id": world.merchant_ids().take(pa.array(merchant)),
            "period": dates(month),
            "kind": words(np.zeros(len(due), dtype=np.int64), ["power"]),
            "billed": yuan(billed),
            "paid": pa.array(billed, mask=open_),
            "due_at": dates(due),
            "paid_at": times(paid * DAY_US, open_),
        }
    )


def outside_tables(world: World, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Lay out customs declarations of exporters, violations, and exchange rates."""
    traits = world.traits
    rate = np.where(traits.is_b2b, 5.0, 0.0) * world.days / 365
    count = rng.poisson(rate)
    merchant = np.repeat(np.arange(len(traits)), count)
    day = rng.integers(0, world.days, len(merchant))
    keep = day + world.first_day >= world.registered[merchant]
    merchant, day = merchant[keep], day[keep]
    size, state = len(day), world.state(merchant, day)
    at = (world.first_day + day) * DAY_US + hours_us(size, rng)
    later = at + rng.integers(1, 9, size) * DAY_US
    open_ = later >= (world.first_day + world.days) * DAY_US
    trouble = rng.random(size) < np.array([0.02, 0.05, 0.12])[state]
    customs = pa.table(
        {
            "declaration_no": numbered("d", np.arange(size), 7),
            "merchant_id": world.merchant_ids().take(pa.array(merchant)),
            "direction": words((rng.random(size) < 0.15).astype(np.int64), ["E", "I"]),
            "declared_at": times(at),
            "hs_code": words(rng.integers(0, 3, size), ["6109", "8517", "9503"]),
            "fob_usd": yuan(traits.monthly_sales[merchant] / 6.3 * rng.lognormal(0, 0.6, size)),
            "partner_country": words(rng.integers(0, 5, size), ["US", "DE", "RU", "BR", "JP"]),
            "status_at": times(later, open_),
            "status": pa.array(np.where(trouble, "returned", "cleared").tolist(), mask=open_),
        }
    )
    return {"customs": customs, "violations": _violations(world, rng), "fx_rates": _rates(world)}


def _violations(world: World, rng: np.random.Generator) -> pa.Table:
    """Lay out violations; those who trade with themselves are sometimes found out."""
    traits = world.traits
    rate = 0.12 * np.exp(-0.4 * traits.quality) * world.days / 365
    count = rng.poisson(rate + 0.5 * traits.is_wash * world.days / 365)
    merchant = np.repeat(np.arange(len(traits)), count)
    day = rng.integers(0, world.days, len(merchant))
    keep = day + world.first_day >= world.registered[merchant]
    keep &= (world.state(merchant, day) > 0) | (rng.random(len(day)) < 0.5)
    merchant, day = merchant[keep], day[keep]
    fake = traits.is_wash[merchant] & (rng.random(len(day)) < 0.6)
    kind = np.where(fake, 0, rng.integers(1, 4, len(day)))
    return pa.table(
        {
            "merchant_id": world.merchant_ids().take(pa.array(merchant)),
            "at": times((world.first_day + day) * DAY_US + hours_us(len(day), rng)),
            "points": pa.array(np.where(fake, 12.0, rng.integers(1, 7, len(day)).astype(float))),
            "kind": words(kind, ["fake_trade", "counterfeit", "delay", "other"]),
        }
    )


def _rates(world: World) -> pa.Table:
    """Lay out a slowly falling dollar, by days."""
    day = np.arange(world.days)
    rate = np.round(6.78 - 0.00045 * day, 4)
    return pa.table({"day": dates(world.first_day + day), "usd_cny": pa.array(rate)})
