"""Real orders and customs declarations: what they hold, what is wrong, features by hand."""

from __future__ import annotations

from pathlib import Path

import marketplace_records as market
import numpy as np
import pandas as pd
import pytest

import alicredit as ac

AS_OF = pd.Timestamp("2018-01-01")
CUSTOMS_AS_OF = pd.Timestamp("2021-01-01")


@pytest.fixture(scope="module")
def orders_folder(shared_data: Path) -> Path:
    return shared_data / "olist_sample"


@pytest.fixture(scope="module")
def shop(orders_folder: Path) -> ac.Records:
    return market.marketplace_records(orders_folder)


@pytest.fixture(scope="module")
def trade(shared_data: Path) -> ac.Records:
    return market.customs_records(shared_data / "customs_declarations")


@pytest.fixture(scope="module")
def items(orders_folder: Path) -> pd.DataFrame:
    return market.read_orders(orders_folder).dropna(subset=["seller_id"])


def test_no_item_is_lost_or_counted_twice(shop: ac.Records, items: pd.DataFrame) -> None:
    orders = shop["orders"].to_pandas()
    assert len(orders) == len(items[["order_id", "seller_id"]].drop_duplicates())
    assert orders["amount"].sum() == pytest.approx(items["price"].sum(), rel=1e-9)
    assert set(orders["merchant_id"]) == set(items["seller_id"])


def test_every_importer_and_declaration_is_there(trade: ac.Records) -> None:
    assert len(trade["customs"]) == 54_000
    assert len(trade["merchants"]) == 14_482
    failed = trade["customs"].to_pandas()["status"] == "inspected_fail"
    assert round(failed.mean(), 4) == 0.2158


def test_the_findings_are_those_of_the_real_orders(shop: ac.Records, items: pd.DataFrame) -> None:
    found = ac.find_problems(shop).set_index("rule")
    assert "error" not in set(found["severity"])
    parts = items.drop_duplicates(["order_id", "seller_id"])
    paid, sent = parts["order_approved_at"], parts["order_delivered_carrier_date"]
    had = parts["order_delivered_customer_date"]
    expected = {
        "shipped_at before paid_at": (sent < paid).sum(),
        "confirmed_at before shipped_at": (had < sent).sum(),
        "shipped without payment": (sent.notna() & paid.isna()).sum(),
        "status contradicts times": ((parts["order_status"] == "delivered") & had.isna()).sum(),
    }
    assert all(expected.values())
    assert found.loc[list(expected), "rows"].to_dict() == expected


def test_customs_have_no_problem_but_the_missing_history(trade: ac.Records) -> None:
    assert ac.find_problems(trade)["rule"].tolist() == ["no history"]


def test_every_known_seller_has_one_row(shop: ac.Records, items: pd.DataFrame) -> None:
    cohort = ac.Cohort.at(shop, AS_OF)
    first = items.groupby("seller_id")["order_purchase_timestamp"].min().dt.normalize()
    assert cohort.frame["merchant_id"].tolist() == sorted(first.index[first < AS_OF])
    assert len(ac.build_features(shop, cohort)) == len(cohort)


def test_features_of_absent_tables_are_missing_not_zero(shop: ac.Records) -> None:
    names = [n for n in ac.CATALOGUE.names if set(ac.CATALOGUE.sources(n)).isdisjoint(shop.tables)]
    cohort = ac.Cohort.at(shop, AS_OF)[:50]
    X = ac.build_features(shop, cohort, catalogue=ac.CATALOGUE.subset(names))
    assert len(names) > 10
    assert X.isna().all().all()


def test_sellers_features_equal_plain_pandas(shop: ac.Records, items: pd.DataFrame) -> None:
    cohort = ac.Cohort.at(shop, AS_OF)
    names = ["orders_paid_count_90d", "orders_paid_amount_sum_90d", "orders_settled_amount_sum_90d"]
    X = ac.build_features(shop, cohort, catalogue=ac.CATALOGUE.subset(names))
    parts = items.assign(whole=items.groupby(["order_id", "seller_id"])["price"].transform("sum"))
    parts = parts.drop_duplicates(["order_id", "seller_id"]).set_index("seller_id")
    parts = parts[parts["order_purchase_timestamp"] < AS_OF]
    start = AS_OF - pd.Timedelta(days=90)
    paid = parts[parts["order_approved_at"].between(start, AS_OF, inclusive="left")]
    had = parts[parts["order_delivered_customer_date"].between(start, AS_OF, inclusive="left")]
    sellers = cohort.frame["merchant_id"]
    expected = pd.DataFrame(
        {
            names[0]: paid.groupby(level=0).size(),
            names[1]: paid.groupby(level=0)["whole"].sum(),
            names[2]: had.groupby(level=0)["whole"].sum(),
        }
    )
    hand = expected.reindex(sellers).fillna(0.0)
    assert (hand[names[0]] > 20).any()
    np.testing.assert_allclose(X[names], hand[names], rtol=1e-9)


def test_ratings_equal_plain_pandas(
    shop: ac.Records, items: pd.DataFrame, orders_folder: Path
) -> None:
    cohort, name = ac.Cohort.at(shop, AS_OF), "ratings_positive_share_365d"
    X = ac.build_features(shop, cohort, catalogue=ac.CATALOGUE.subset([name]))
    reviews = pd.read_parquet(orders_folder / "order_reviews.parquet")
    reviews = reviews.sort_values(["review_answer_timestamp", "review_id"])
    reviews = reviews.drop_duplicates("order_id")
    parts = items.drop_duplicates(["order_id", "seller_id"]).merge(reviews, on="order_id")
    start = AS_OF - pd.Timedelta(days=365)
    known = parts[parts["review_answer_timestamp"].between(start, AS_OF, inclusive="left")]
    known = known[known["order_purchase_timestamp"] < AS_OF]
    score = (known["review_score"] >= 4).groupby(known["seller_id"]).agg(["mean", "size"])
    hand = score["mean"].where(score["size"] >= 5).reindex(cohort.frame["merchant_id"])
    assert hand.notna().sum() > 50
    np.testing.assert_allclose(X[name], hand, rtol=1e-12)


def test_importers_features_equal_plain_pandas(trade: ac.Records) -> None:
    cohort = ac.Cohort.at(trade, CUSTOMS_AS_OF)
    names = ["customs_count_365d", "customs_partner_country_hhi_365d", "customs_trouble_share_365d"]
    X = ac.build_features(trade, cohort, catalogue=ac.CATALOGUE.subset(names))
    rows = trade["customs"].to_pandas()
    start = CUSTOMS_AS_OF - pd.Timedelta(days=365)
    rows = rows[rows["declared_at"].between(start, CUSTOMS_AS_OF, inclusive="left")]
    count = rows.groupby("merchant_id").size()
    by_country = rows.groupby(["merchant_id", "partner_country"])["cif_usd"].sum()
    share = by_country / by_country.groupby(level=0).transform("sum")
    judged = rows[rows["status_at"] < CUSTOMS_AS_OF]
    failed = (judged["status"] == "inspected_fail").groupby(judged["merchant_id"])
    failed = failed.agg(["mean", "size"])
    hand = pd.DataFrame(
        {
            names[0]: count,
            names[1]: (share**2).groupby(level=0).sum().where(count >= 3),
            names[2]: failed["mean"].where(failed["size"] >= 3),
        }
    ).reindex(cohort.frame["merchant_id"])
    hand[names[0]] = hand[names[0]].fillna(0)
    np.testing.assert_allclose(X[names], hand[names], rtol=1e-9)


def test_no_bit_moves_with_what_was_not_known_yet(shop: ac.Records) -> None:
    cohort = ac.Cohort.at(shop, AS_OF)
    before = ac.build_features(shop, cohort)
    tables = {name: shop[name].to_pandas() for name in shop.tables}
    orders = tables["orders"]
    orders = orders[orders["created_at"] < AS_OF].copy()
    for column in ("paid_at", "shipped_at", "confirmed_at", "closed_at"):
        orders[column] = orders[column].where(orders[column] < AS_OF)
    orders["status"] = "created"
    kept = {"merchants": tables["merchants"], "orders": orders}
    for name, time in (("refunds", "opened_at"), ("ratings", "rated_at")):
        kept[name] = tables[name][tables[name][time] < AS_OF]
    after = ac.build_features(ac.read_records(kept), cohort)
    pd.testing.assert_frame_equal(after, before, check_exact=True)
