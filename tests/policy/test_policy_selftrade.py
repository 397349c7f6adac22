"""Trade with oneself before applying earns nothing: by hand, by attack, and on the simulator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.policy import build_applicants, load_policy, offer_limits

AS_OF = pd.Timestamp("2013-05-01")
DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)
LIMITS = ["taobao_credit", "taobao_order"]


def orders(buyer: str, days: list[int], hours: float, amount: float = 600.0) -> pd.DataFrame:
    """Lay out orders shipped so many days before and confirmed hours later."""
    shipped = [AS_OF - day * DAY for day in days]
    return pd.DataFrame({
        "order_id": [f"{buyer}{day}" for day in days], "merchant_id": "m", "buyer_id": buyer,
        "created_at": [at - 2 * HOUR for at in shipped], "paid_at": [at - HOUR for at in shipped],
        "shipped_at": shipped, "amount": amount,
        "confirmed_at": [at + hours * HOUR for at in shipped],
    })  # fmt: skip


MERCHANT = pd.DataFrame({
    "merchant_id": ["m"], "platform": "taobao", "registered_at": pd.Timestamp("2010-01-01"),
    "shop_opened_at": pd.Timestamp("2010-01-01"),
})  # fmt: skip
MONTHS = [15, 45, 75, 105, 135, 165]


def sales(*parts: pd.DataFrame, **tables: pd.DataFrame) -> tuple[float, float]:
    records = ac.read_records({"merchants": MERCHANT, "orders": pd.concat(parts), **tables})
    line = build_applicants(records, ac.Cohort.at(records, AS_OF)).iloc[0]
    return line["monthly_sales_median_180d"], line["order_base"]


def test_two_orders_confirmed_within_a_day_set_a_buyer_aside() -> None:
    honest = orders("b", MONTHS, 100)
    assert sales(honest) == (600, 0)
    assert sales(honest, orders("w", MONTHS, 3)) == (600, 0)
    assert sales(honest, orders("w", MONTHS[:1], 3), orders("v", MONTHS, 24)) == (1200, 0)
    third = [orders("w", MONTHS[:2], 3), orders("w", [d + 1 for d in MONTHS[:4]], 100)]
    assert sales(honest, *third)[0] == 600
    fewer = [orders("w", MONTHS[:2], 3), orders("w", [d + 1 for d in MONTHS[:5]], 100)]
    assert sales(honest, *fewer)[0] > 600


def test_the_merchant_and_its_related_parties_are_no_buyers() -> None:
    honest, own, shop = (orders(buyer, MONTHS, 100) for buyer in ("b", "m", "m2"))
    assert sales(honest, own)[0] == 600
    link = pd.DataFrame({"merchant_id": ["m2"], "other_id": ["m"], "relation": ["same_person"],
                         "event_time": [AS_OF - DAY]})  # fmt: skip
    assert sales(honest, shop)[0] == 1200
    assert sales(honest, shop, related_parties=link)[0] == 600
    later = link.assign(event_time=AS_OF)
    assert sales(honest, shop, related_parties=later)[0] == 1200


def test_open_orders_of_a_buyer_set_aside_are_no_base_for_an_advance() -> None:
    fake, open_ = orders("w", MONTHS[:3], 3), orders("w", [2], 1000)
    assert sales(orders("b", MONTHS, 100), open_)[1] == 588
    assert sales(orders("b", MONTHS, 100), fake, open_)[1] == 0


@pytest.fixture(scope="module")
def platform() -> ac.Records:
    return ac.simulate_platform(1500, seed=4, months=30, orders_per_month=6)[0]


def tables_of(platform: ac.Records) -> dict[str, pd.DataFrame]:
    return {name: platform[name].to_pandas() for name in ("merchants", "orders", "refunds")}


def limits_of(tables: dict[str, pd.DataFrame], at: pd.Timestamp, product: str) -> pd.Series:
    records = ac.read_records(tables)
    facts = build_applicants(records, ac.Cohort.at(records, at)).assign(pd=0.005)
    facts["outstanding"] = 0.0
    offers = offer_limits(facts, load_policy("ali-2013"), product=product)
    return offers.set_index("merchant_id")["limit"]


def test_a_burst_of_fake_sales_before_applying_gains_no_merchant_a_yuan(platform) -> None:
    """Half of the merchants double their month by trades with one straw man, quickly confirmed."""
    tables, at = tables_of(platform), pd.Timestamp("2011-10-01")
    honest = tables["orders"]
    recent = honest[(honest["confirmed_at"] < at) & (honest["confirmed_at"] >= at - 30 * DAY)]
    cheats = sorted(recent["merchant_id"].unique())[::2]
    fake = recent[recent["merchant_id"].isin(cheats)]
    fake = pd.concat([fake] * 4, ignore_index=True)
    fake = fake.assign(
        order_id=[f"fake{k}" for k in range(len(fake))], buyer_id="straw" + fake["merchant_id"],
        confirmed_at=fake["shipped_at"] + 2 * HOUR,
    )  # fmt: skip
    gamed = tables | {"orders": pd.concat([honest, fake], ignore_index=True)}
    before = limits_of(tables, at, "taobao_credit")
    gain = limits_of(gamed, at, "taobao_credit") - before
    many = fake.groupby("merchant_id").size().loc[lambda n: n >= 2].index
    assert len(many) > 200
    assert before[many].sum() > 1e5
    assert gain[many].sum() == 0
    assert (gain.drop(cheats) == 0).all()


def test_the_simulators_wash_traders_lose_nothing_honest_and_gain_nothing_false(platform) -> None:
    """The made-up buyers are known by number: taking them out of the records changes little."""
    tables, at = tables_of(platform), pd.Timestamp("2011-10-01")
    orders_ = tables["orders"]
    number = orders_["buyer_id"].str.removeprefix("b").astype(int)
    pair = orders_["merchant_id"] + orders_["buyer_id"]
    straw = (number < 97) & (pair.map(pair.value_counts()) >= 10)
    washers = orders_.loc[straw, "merchant_id"].unique()
    assert 4 <= len(washers) <= 40
    clean = limits_of(tables | {"orders": orders_[~straw]}, at, "taobao_credit")
    told = limits_of(tables, at, "taobao_credit")
    gain = (told - clean)[washers]
    assert clean[washers].sum() > 1e5
    assert np.maximum(gain, 0).sum() <= 0.02 * clean[washers].sum()
    rest = told.drop(washers)
    assert (rest - clean.drop(washers)).abs().sum() <= 1e-3 * rest.sum()
