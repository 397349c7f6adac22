"""What records lack for a feature, held against features that are NaN for everybody."""

from __future__ import annotations

import pandas as pd
import pytest

import alicredit as ac
from alicredit.features import find_lacking


@pytest.fixture(scope="module")
def whole() -> ac.Records:
    return ac.simulate_platform(60, seed=3, months=18, orders_per_month=6, default_rate=0.2)[0]


def kept(whole: ac.Records, drop: dict[str, list[str]], without: tuple[str, ...] = ()):
    tables = {name: whole[name].to_pandas().drop(columns=drop.get(name, []))
              for name in whole.tables if name not in without}  # fmt: skip
    return ac.read_records(tables, data_use=whole.data_use)


CASES = {
    "orders that nobody paid": ({"orders": ["paid_at"]}, ()),
    "no confirmation": ({"orders": ["confirmed_at"]}, ()),
    "no orders": ({}, ("orders", "loan_orders", "refunds", "ratings", "disputes")),
    "no refunds": ({}, ("refunds",)),
    "no bank": ({}, ("bank_txns",)),
    "only merchants and loans": (
        {}, tuple(name for name in ac.records.TABLES if name not in ("merchants", "loans")),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def before(whole) -> pd.DataFrame:
    return ac.build_features(whole, ac.Cohort.at(whole, whole.span[1]))


@pytest.mark.parametrize("case", CASES)
def test_what_lacks_is_nan_for_all_and_what_turns_nan_is_named(whole, before, case) -> None:
    drop, without = CASES[case]
    part = kept(whole, drop, without)
    lacking = find_lacking(part)
    after = ac.build_features(part, ac.Cohort.at(part, whole.span[1]))
    assert len(after) == len(before)
    said = list(dict.fromkeys(lacking["feature"]))
    assert said
    assert after[said].isna().all(axis=None)

    gone = {(name, column) for name, columns in drop.items() for column in columns}
    gone |= {(name, "") for name in without}
    turned = set(after.columns[after.isna().all() & before.notna().any()])
    assert turned <= set(lacking["feature"])
    named = lacking[lacking["feature"].isin(turned)]
    places = named.groupby("feature")[["table", "column"]].apply(
        lambda rows: bool(gone & set(map(tuple, rows.to_numpy())))
    )
    assert places.all()


def test_records_that_lack_nothing_a_catalogue_reads_have_no_rows(whole) -> None:
    chosen = ac.CATALOGUE.subset(["merchants_days_since", "orders_paid_count_90d"])
    assert find_lacking(whole, catalogue=chosen).empty


def test_the_order_is_the_catalogues_and_no_line_stands_twice(whole) -> None:
    lacking = find_lacking(kept(whole, *CASES["orders that nobody paid"]))
    assert not lacking.duplicated().any()
    places = [ac.CATALOGUE.names.index(name) for name in lacking["feature"]]
    assert places == sorted(places)


@pytest.mark.parametrize("catalogue", [None, [], "orders", pd.DataFrame()])
def test_what_is_no_catalogue_is_refused(whole, catalogue) -> None:
    with pytest.raises(ac.FeatureError, match="must be a Catalogue"):
        find_lacking(whole, catalogue=catalogue)
