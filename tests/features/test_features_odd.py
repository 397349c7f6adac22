"""What a careful new user tries first: nobody, strangers, one merchant, wrong things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feature_stage import Tables, bits, cohort_of, make_moments, make_tables, records_of

import alicredit as ac
from alicredit.errors import FeatureError, InputError, RecordError
from alicredit.features import Catalogue, Feature

LARGE = Feature(table="orders", aggregate="p90", measure="amount", window_days=90,
                title="large order", title_zh="大额订单")  # fmt: skip
FEW = ac.CATALOGUE.subset(["orders_paid_count_90d", "sales_over_season_30_180", "refund_rate_90d"])


@pytest.fixture(scope="module")
def tables() -> Tables:
    return make_tables(41, merchants=3)


@pytest.fixture(scope="module")
def cohort() -> ac.Cohort:
    return cohort_of(make_moments(41, merchants=3))


@pytest.mark.parametrize("engine", ["local", "sql"])
def test_no_questions_have_no_rows_and_all_columns(
    tables: Tables, cohort: ac.Cohort, engine: str
) -> None:
    for none in (cohort[:0], cohort[np.zeros(3, bool)]):
        built = ac.build_features(records_of(tables), none, engine=engine)
        assert built.shape == (0, len(ac.CATALOGUE.names))
        assert list(built) == list(ac.CATALOGUE.names)
        assert set(built.dtypes) == {np.dtype("float64")}


def test_a_stranger_has_no_facts_and_disturbs_nobody(tables: Tables, cohort: ac.Cohort) -> None:
    records = records_of(tables)
    both = cohort.frame[["merchant_id", "as_of"]].copy()
    both.loc[len(both)] = ["stranger", pd.Timestamp("2013-01-01")]
    built = ac.build_features(records, ac.Cohort.from_frame(both), catalogue=FEW)
    assert bits(built.iloc[:-1]) == bits(ac.build_features(records, cohort, catalogue=FEW))
    assert built["orders_paid_count_90d"].iloc[-1] == 0
    assert built[["refund_rate_90d", "sales_over_season_30_180"]].iloc[-1].isna().all()


def test_one_merchant_and_one_feature_of_ones_own(tables: Tables, cohort: ac.Cohort) -> None:
    built = ac.build_features(records_of(tables), cohort[1:2], catalogue=Catalogue([LARGE]))
    assert built.shape == (1, 1)
    orders, at = tables["orders"], cohort.frame.iloc[1]
    known = orders[["created_at", "known_at"]].max(axis=1)
    mine = orders[
        (orders["merchant_id"] == at["merchant_id"]) & (known < at["as_of"])
        & (orders["created_at"] >= at["as_of"] - pd.Timedelta(90, "D"))
    ]  # fmt: skip
    assert built.iloc[0, 0] == pytest.approx(mine["amount"].astype(float).quantile(0.9))


def test_a_list_of_features_makes_the_same_catalogue_as_a_tuple() -> None:
    assert Catalogue([LARGE]).features == (LARGE,)
    assert Catalogue([LARGE]).digest == Catalogue((LARGE,)).digest
    assert (Catalogue(()) + iter([LARGE])).names == Catalogue((LARGE,)).names


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: Catalogue(LARGE), "Feature"),
        (lambda: Catalogue("orders"), "str"),
        (lambda: Catalogue((LARGE, "orders_count")), "'orders_count'"),
        (lambda: ac.CATALOGUE + LARGE, "Feature"),
        (lambda: ac.CATALOGUE + ["orders_paid_count_90d"], "'orders_paid_count_90d'"),
        (lambda: ac.CATALOGUE + [None], "NoneType"),
        (lambda: ac.CATALOGUE + "orders", "str"),
    ],
)
def test_what_is_no_list_of_features_is_refused(make: Any, found: str) -> None:
    with pytest.raises(FeatureError, match=f"features must be a list of features; found {found}"):
        make()


def test_one_name_is_no_list_of_names() -> None:
    with pytest.raises(FeatureError, match=r"names must be a list.*Try: \['orders_count'\]"):
        ac.CATALOGUE.subset("orders_count")


@pytest.mark.parametrize("wrong", ["data/sample", {}, None, pd.DataFrame()])
def test_what_is_no_records_is_refused(wrong: Any, cohort: ac.Cohort) -> None:
    with pytest.raises(RecordError, match="records must be what read_records gives"):
        ac.build_features(wrong, cohort)


@pytest.mark.parametrize("wrong", ["2013-05-01", None, pd.DataFrame({"merchant_id": ["m"]})])
def test_what_is_no_cohort_is_refused(wrong: Any, tables: Tables) -> None:
    with pytest.raises(InputError, match="cohort must be a Cohort"):
        ac.build_features(records_of(tables), wrong)


@pytest.mark.parametrize("place", ["", "no_such_folder/x.parquet", 7, ["x.parquet"]])
def test_a_place_where_nothing_can_be_written_is_refused_before_the_work(
    place: Any, tables: Tables, cohort: ac.Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*given: Any, **more: Any) -> None:
        pytest.fail("worked first")

    monkeypatch.setattr("alicredit.features.build.build_base", work)
    out = str(tmp_path / place) if isinstance(place, str) else place
    with pytest.raises(InputError, match="out must be the path of a file"):
        ac.build_features(records_of(tables), cohort, out=out)
