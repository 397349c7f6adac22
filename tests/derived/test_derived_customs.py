"""Customs in yuan at rates that were known, and days and amounts worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from derived_stage import USE, features, merchants, on, orders

import alicredit as ac

EXPORTS = ["customs_cny_export_amount_sum_365d", "log_export_cny_365d"]


def goods(rows: list[tuple[float, str, float]], who: str = "m", **columns: object) -> pd.DataFrame:
    """Declare goods: day, direction, dollars."""
    frame = pd.DataFrame(rows, columns=["day", "direction", "fob_usd"])
    frame["declared_at"] = [on(day) for day in frame.pop("day")]
    frame["declaration_no"] = [f"{who}{k}" for k in range(len(frame))]
    return frame.assign(merchant_id=who, **columns)


def rates(rows: list[tuple[float, float]], **columns: object) -> pd.DataFrame:
    """Fix rates: day, yuan a dollar."""
    frame = pd.DataFrame(rows, columns=["day", "usd_cny"])
    return frame.assign(day=[on(day) for day in frame["day"]], **columns)


def exported(customs: pd.DataFrame, fx: pd.DataFrame, day: float = 100) -> float:
    tables = {"merchants": merchants(["m", "n"]), "customs": customs, "fx_rates": fx}
    found = features(tables, on(day), EXPORTS)
    assert np.isinf(found.iloc[1]) or found.iloc[1] == pytest.approx(np.log1p(found.iloc[0]))
    return float(found.iloc[0])


def test_goods_are_worth_what_the_latest_rate_before_says() -> None:
    fx = rates([(9, 6.0), (10, 6.1), (11, 6.2)])
    assert exported(goods([(11.5, "E", 100.0)]), fx) == 610.0  # a day's rate is known at its end
    assert exported(goods([(11.5, "E", 100.0), (12.0, "E", 50.0)]), fx) == 610.0 + 310.0
    assert exported(goods([(30.0, "E", 100.0), (31.0, "I", 1e6)]), fx) == 620.0


def test_a_rate_known_late_prices_only_what_comes_after() -> None:
    fx = rates([(9, 6.0), (10, 7.0)], known_at=[on(10), on(20)])
    assert exported(goods([(15.0, "E", 100.0)]), fx) == 600.0
    assert exported(goods([(21.0, "E", 100.0)]), fx) == 700.0


def test_an_older_day_known_later_is_not_the_latest_rate() -> None:
    fx = rates([(5, 6.0), (10, 7.0)], known_at=[on(40), on(11)])
    assert exported(goods([(50.0, "E", 100.0)]), fx) == 700.0


def test_a_day_that_was_corrected_has_the_later_word() -> None:
    fx = rates([(10, 6.0), (10, 7.0)], known_at=[on(11), on(13)])
    assert exported(goods([(12.0, "E", 100.0)]), fx) == 600.0
    assert exported(goods([(14.0, "E", 100.0)]), fx) == 700.0
    turned = fx.iloc[::-1].reset_index(drop=True)
    assert exported(goods([(14.0, "E", 100.0)]), turned) == 700.0


def test_what_was_declared_before_any_rate_counts_once_there_is_one() -> None:
    fx = rates([(20, 6.5)])
    assert exported(goods([(3.0, "E", 100.0)]), fx, day=20) == 0.0
    assert exported(goods([(3.0, "E", 100.0)]), fx, day=22) == 650.0


@pytest.mark.parametrize("wrong", [0.0, -6.0, 1e9, np.inf, np.nan])
def test_an_impossible_rate_is_no_rate(wrong: float) -> None:
    fx = rates([(9, 6.0), (10, wrong)])
    assert exported(goods([(15.0, "E", 100.0)]), fx) == 600.0


def test_no_rates_at_all_give_no_number() -> None:
    assert np.isinf(exported(goods([(15.0, "E", 100.0)]), rates([(9, np.nan)])))
    tables = {"merchants": merchants(["m"]), "customs": goods([(15.0, "E", 100.0)])}
    assert features(tables, on(100), EXPORTS).isna().all()


@pytest.mark.parametrize("wrong", [-5.0, np.inf, 1e12])
def test_an_impossible_value_gives_no_number(wrong: float) -> None:
    assert np.isinf(exported(goods([(15.0, "E", wrong)]), rates([(9, 6.0)])))


def test_an_import_is_priced_by_its_own_column_and_an_unknown_value_counts_nothing() -> None:
    declared = goods([(15.0, "E", np.nan), (16.0, "E", 10.0)], cif_usd=[7.0, np.nan])
    assert exported(declared, rates([(9, 6.0)])) == 102.0
    assert exported(declared.assign(cif_usd=np.nan), rates([(9, 6.0)])) == 60.0


def test_months_are_counted_once_each() -> None:
    days = [0, 5, 30, 31, 80]  # January three times, February, March
    tables = {
        "merchants": merchants(["m"]), "customs": goods([(float(d), "E", 1.0) for d in days]),
    }  # fmt: skip
    name = ["customs_month_distinct_365d"]
    assert features(tables, on(100), name).tolist() == [3.0]
    assert features(tables, on(365 + 29), name).tolist() == [3.0]
    assert features(tables, on(365 + 31), name).tolist() == [2.0]


def test_amounts_that_repeat_are_seen() -> None:
    amounts = [888.0, 66.6, 5.55, 99.0, 1000.0, 100.0, 123.0, 123.0, 123.0, 0.0]
    tables = {
        "merchants": merchants(["m"]),
        "orders": orders([("m", 10.0 + k, each) for k, each in enumerate(amounts)]),
    }
    names = [
        "orders_repdigit_share_90d", "orders_round_share_90d", "orders_paid_amount_top_share_90d",
    ]  # fmt: skip
    assert features(tables, on(60), names).tolist() == [0.3, 0.2, 0.3]


def test_buyers_behind_one_device_are_counted_where_devices_are_known() -> None:
    made = orders([("m", 10.0 + k, 5.0) for k in range(8)])
    made["buyer_id"] = list("abcdefgh")
    made["device_hash"] = ["x"] * 4 + ["y", "z", None, None]
    tables = {"merchants": merchants(["m"]), "orders": made}
    assert features(tables, on(60), ["buyers_per_device_90d"]).tolist() == [2.0]
    made["device_hash"] = ["x"] * 4 + [None] * 4  # four are too few
    assert features(tables, on(60), ["buyers_per_device_90d"]).isna().all()


def test_days_of_little_money_are_days_and_not_postings() -> None:
    at = [on(d) for d in (10.1, 10.2, 10.3, 11.0, 12.0, 13.0, 14.0, 15.0)]
    left = [500.0, 20.0, 999.99, 1000.0, 1500.0, 0.0, None, 3000.0]
    bank = pd.DataFrame({"merchant_id": "m", "at": at, "amount": -1.0, "balance_after": left})
    tables = {"merchants": merchants(["m"]), "bank_txns": bank}
    names = ["bank_txns_low_active_days_90d", "bank_low_days_share_90d"]
    assert features(tables, on(60), names).tolist() == [2.0, 2 / 5]


def test_the_latest_word_on_what_is_proven_goes_before_the_first() -> None:
    first = merchants(["m"]).assign(
        real_name_verified=True, business_licence_verified=False, membership="ordinary"
    )
    told = pd.DataFrame(
        {
            "merchant_id": "m", "field": ["real_name", "licence", "membership", "membership"],
            "value": ["False", "1", "paying", "gold"], "event_time": [on(d) for d in (5, 6, 7, 8)],
        }
    )  # fmt: skip
    names = ["real_name_verified", "licence_verified", "paying_member"]
    tables = {"merchants": first, "merchant_history": told}
    assert features(tables, on(5), names).tolist() == [1.0, 0.0, 0.0]
    assert features(tables, on(20), names).tolist() == [0.0, 1.0, 1.0]  # no word of ours: passed


def test_exports_in_yuan_are_declared_lawfully_and_told() -> None:
    assert set(ac.CATALOGUE.sources("log_export_cny_90d")) == {"customs", "fx_rates"}
    records = ac.read_records({"merchants": merchants(["m"])}, data_use=USE)
    found = ac.build_features(records, ac.Cohort.at(records, on(10)))
    assert found[["log_export_cny_90d", "bank_low_days_share_90d"]].isna().all(axis=None)
