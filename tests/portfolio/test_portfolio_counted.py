"""Facts counted beside the features are those that are read for themselves, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.deciding.counted import counting, take_counted
from alicredit.deciding.population import Gatherer
from alicredit.errors import InputError
from alicredit.policy import build_applicants
from alicredit.records import Records

AS_OF = pd.Timestamp("2013-05-01")
DAY = pd.Timedelta(days=1)
READ = [
    "orders_paid_count_90d", "orders_settled_amount_sum_30d", "refunds_amount_sum_30d",
    "ratings_dsr_mean_30d",
]  # fmt: skip
GROUPS = [
    ["ratings", "positive_rating_share"], ["refunded_fen", "sold_fen"],
    [*(f"settled_{k}" for k in range(6)), "settled_year"],
]  # fmt: skip


def make_tables(seed: int, size: int = 600) -> dict[str, pd.DataFrame]:
    """Lay out orders, refunds and ratings of seven shops, the last of which sells nothing."""
    rng = np.random.default_rng(seed)
    created = AS_OF - pd.to_timedelta(rng.integers(-3 * 86_400, 420 * 86_400, size), unit="s")
    paid = pd.Series(created + pd.to_timedelta(rng.integers(-60, 86_400, size), unit="s"))
    confirmed = paid + DAY + pd.to_timedelta(rng.integers(0, 4 * 86_400, size), unit="s")
    cents = rng.integers(1, 99_999, size) / 1000  # halves of fen are rounded
    orders = pd.DataFrame({
        "order_id": [f"o{k}" for k in range(size)],
        "merchant_id": rng.choice([f"m{k}" for k in range(6)], size),
        "buyer_id": rng.choice([*(f"b{k}" for k in range(40)), "m0", "m1", None], size),
        "created_at": created, "paid_at": paid.where(rng.random(size) < 0.9),
        "shipped_at": paid + DAY, "confirmed_at": confirmed.where(rng.random(size) < 0.8),
        "amount": np.where(rng.random(size) < 0.03, np.nan, cents),
    })  # fmt: skip

    def later(rows: pd.DataFrame, days: int) -> pd.Series:
        return rows["created_at"] + pd.to_timedelta(rng.integers(0, days, len(rows)), unit="D")

    some, rated = orders.sample(150, random_state=seed), orders.sample(400, random_state=seed + 1)
    refunds = pd.DataFrame({
        "id": [f"r{k}" for k in range(150)], "order_id": some["order_id"].to_numpy(),
        "opened_at": later(some, 60).to_numpy(), "amount": rng.integers(1, 9_999, 150) / 100,
    })  # fmt: skip
    ratings = pd.DataFrame({
        "order_id": rated["order_id"].to_numpy(), "rated_at": later(rated, 30).to_numpy(),
        "polarity": rng.choice([-1, 0, 1, None], 400, p=[0.1, 0.1, 0.7, 0.1]),
        "dsr_desc": 4.0, "dsr_service": 4.5, "dsr_ship": 5.0,
    }).astype({"polarity": "Int64"})  # fmt: skip
    merchants = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(7)], "platform": "taobao",
                              "registered_at": pd.Timestamp("2010-01-01")})  # fmt: skip
    loans = pd.DataFrame({
        "loan_id": ["l"], "merchant_id": ["m0"], "product_id": ["taobao_order"], "rate": [0.0005],
        "principal": [500.0], "disbursed_at": [AS_OF - 20 * DAY], "due_at": [AS_OF + 10 * DAY],
    })  # fmt: skip
    return {"merchants": merchants, "orders": orders, "refunds": refunds, "ratings": ratings,
            "loans": loans}  # fmt: skip


def sum_of(*groups: int) -> list[str]:
    return [name for group in groups for name in GROUPS[group]]


def gatherer(records: Records, names: list[str] = READ) -> Gatherer:
    cohort = ac.Cohort.at(records, AS_OF)
    return Gatherer(records, records, cohort, ac.CATALOGUE.subset(names), frozenset())


def counted(records: Records, names: list[str] = READ) -> pd.DataFrame:
    """Count facts beside features."""
    catalogue = counting(ac.CATALOGUE.subset(names), records, AS_OF)
    return take_counted(ac.build_features(records, gatherer(records).cohort, catalogue=catalogue))


def assert_same(tables: dict[str, pd.DataFrame], names: list[str] = READ) -> None:
    """Hold what is gathered against facts that are read for themselves."""
    records = ac.read_records(tables)
    whole = gatherer(records, names)
    found = whole.gather(0, len(whole.cohort))
    pd.testing.assert_frame_equal(
        found.applicants, build_applicants(records, whole.cohort), check_exact=True
    )
    alone = ac.build_features(records, whole.cohort, catalogue=whole.catalogue)
    pd.testing.assert_frame_equal(found.inputs, alone, check_exact=True)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_counted_beside_features_is_what_is_read_alone(seed: int) -> None:
    tables = make_tables(seed)
    assert_same(tables)
    found = counted(ac.read_records(tables))
    assert list(found) == sum_of(0, 1, 2)
    assert (found.iloc[:6] > 0).any().all()
    records = ac.read_records(tables)
    net = build_applicants(records, ac.Cohort.at(records, AS_OF))["sales_12m"]
    assert 0 < net.sum() < found["settled_year"].sum() / 100 - 1
    assert found.iloc[6].fillna(0).tolist() == [0] * 11


def test_the_numbers_are_those_of_loops() -> None:
    tables = make_tables(9)
    found = counted(ac.read_records(tables))
    orders = tables["orders"].set_index("order_id")
    shop = orders["merchant_id"]
    for at in range(7):
        many = good = back = sold = 0
        for rating in tables["ratings"].itertuples():
            made = max(rating.rated_at, orders["created_at"][rating.order_id])
            if shop[rating.order_id] != f"m{at}" or made >= AS_OF:
                continue
            if rating.rated_at >= AS_OF - 365 * DAY:
                many += 1
                good += rating.polarity is not pd.NA and rating.polarity == 1
        for refund in tables["refunds"].itertuples():
            if shop[refund.order_id] == f"m{at}" and AS_OF > refund.opened_at >= AS_OF - 90 * DAY:
                back += round(refund.amount * 100)
        for order in orders.itertuples():
            is_in = order.created_at < AS_OF and AS_OF > order.paid_at >= AS_OF - 90 * DAY
            if order.merchant_id == f"m{at}" and is_in and order.amount == order.amount:
                sold += int(order.amount * 100 + 0.5)
        share = good / many if many else np.nan
        np.testing.assert_array_equal(found.iloc[at, :4], [many, share, back, sold])
        sales = [0] * 7
        for order in orders.itertuples():
            is_in = order.created_at < AS_OF and order.confirmed_at < AS_OF
            if order.merchant_id != f"m{at}" or not is_in or order.amount != order.amount:
                continue
            fen = int(order.amount * 100 + 0.5)
            if order.confirmed_at >= AS_OF - pd.DateOffset(months=12):
                sales[6] += fen
            if order.confirmed_at >= AS_OF - 180 * DAY:
                sales[math.ceil((AS_OF - order.confirmed_at) / (30 * DAY)) - 1] += fen
        assert found.iloc[at, 4:].tolist() == sales


@pytest.mark.parametrize(
    ("table", "column", "value", "left"),
    [
        ("ratings", "polarity", 7, sum_of(1, 2)),
        ("orders", "amount", -5.0, sum_of(0)),
        ("orders", "amount", 3e11, sum_of(0)),
        ("orders", "amount", np.inf, sum_of(0)),
        ("refunds", "amount", 2e11, sum_of(0, 2)),
    ],
)
def test_an_impossible_value_is_read_as_it_is(
    table: str, column: str, value: float, left: list[str]
) -> None:
    tables = make_tables(1)
    when = {"orders": "paid_at", "refunds": "opened_at", "ratings": "rated_at"}[table]
    times = tables[table][when]
    is_recent = (times < AS_OF - 2 * DAY) & (times > AS_OF - 80 * DAY)
    if table == "orders":
        is_recent &= tables[table]["confirmed_at"] < AS_OF
    recent = times[is_recent].index[0]
    tables[table].loc[recent, column] = value
    assert list(counted(ac.read_records(tables))) == left
    if not np.isinf(value):
        assert_same(tables)


@pytest.mark.parametrize(
    ("lacking", "left"),
    [
        (["refunds"], sum_of(0, 2)),
        (["ratings"], sum_of(1, 2)),
        (["orders", "refunds", "ratings"], []),
    ],
)
def test_without_a_table_nothing_is_counted_of_it(lacking: list[str], left: list[str]) -> None:
    tables = make_tables(2)
    for table in lacking:
        del tables[table]
    assert_same(tables)
    assert list(counted(ac.read_records(tables))) == left


def test_of_tables_that_no_feature_reads_nothing_is_counted() -> None:
    tables = make_tables(3)
    records = ac.read_records(tables)
    for names in (READ[:1], READ[1:2], READ[2:3], READ[3:]):
        assert_same(tables, names)
    assert len(counting(ac.CATALOGUE.subset(READ[:1]), records, AS_OF)) == 1
    for column in ("paid_at", "confirmed_at"):
        tables["orders"] = tables["orders"].drop(columns=column)
        assert_same(tables)


def test_a_repeated_order_counts_as_often_both_ways() -> None:
    tables = make_tables(4)
    tables["orders"] = pd.concat([tables["orders"], tables["orders"][:300]], ignore_index=True)
    assert_same(tables)


@pytest.mark.parametrize("at", ["2012-02-29 08:30", "2013-02-28", "2012-12-31 23:59:59.999999"])
def test_months_and_years_of_any_length_are_counted_alike(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "AS_OF", pd.Timestamp(at))
    tables = make_tables(6)
    sold = tables["orders"]["confirmed_at"].copy()
    sold[:9] = [AS_OF - pd.DateOffset(months=12) + pd.Timedelta(k, "us") for k in range(-4, 5)]
    sold[9:24] = [AS_OF - 30 * (k // 3) * DAY + pd.Timedelta(k % 3 - 1, "us") for k in range(15)]
    tables["orders"]["confirmed_at"] = sold
    tables["orders"]["created_at"] = sold.fillna(AS_OF) - DAY
    assert_same(tables)


def test_what_is_counted_has_a_row_for_each_question() -> None:
    records = ac.read_records(make_tables(5))
    cohort = ac.Cohort.at(records, AS_OF)
    with pytest.raises(InputError, match="counted must have a row for each of 7 questions; found"):
        build_applicants(records, cohort, counted=pd.DataFrame({"ratings": [1.0]}))


def whole_groups() -> pd.DataFrame:
    return pd.DataFrame(dict.fromkeys(sum_of(0, 1, 2), [1.0] * 7))


@pytest.mark.parametrize("lacking", sum_of(0, 1, 2))
def test_a_group_is_counted_whole_or_not_at_all(lacking: str) -> None:
    records = ac.read_records(make_tables(5))
    cohort = ac.Cohort.at(records, AS_OF)
    with pytest.raises(InputError, match=f"counted must have all of .*; found no '{lacking}'"):
        build_applicants(records, cohort, counted=whole_groups().drop(columns=lacking))


@pytest.mark.parametrize("name", ["row", "rating", "membership"])
def test_nothing_but_what_is_counted_is_taken(name: str) -> None:
    """A column of another name would be joined as a fact, or stand in the place of one."""
    records = ac.read_records(make_tables(5))
    cohort = ac.Cohort.at(records, AS_OF)
    with pytest.raises(InputError, match=f"counted must have no columns but .*found '{name}'"):
        build_applicants(records, cohort, counted=whole_groups().assign(**{name: 1.0}))


def test_what_finds_its_merchant_through_orders_is_absent_where_orders_are() -> None:
    tables = make_tables(5)
    del tables["orders"]
    records, bare = ac.read_records(tables), ac.read_records({"merchants": tables["merchants"]})
    found = build_applicants(records, ac.Cohort.at(records, AS_OF))
    told = build_applicants(bare, ac.Cohort.at(bare, AS_OF))
    lent = found.pop("days_past_due"), found.pop("outstanding")
    assert (lent[0] == 0).all()
    assert lent[1].tolist() == [500.0, *[0.0] * 6]
    told = told.drop(columns=["days_past_due", "outstanding"])
    pd.testing.assert_frame_equal(found, told, check_exact=True)
    assert found["monthly_sales_median_180d"].isna().all()
