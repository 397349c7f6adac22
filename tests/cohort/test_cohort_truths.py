"""Who is asked about, and when: nobody before he is known, no label from beyond the cut."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicredit.cohort import Cohort, as_moment, concatenate
from alicredit.errors import InputError, RecordError
from alicredit.records import Records, read_records


def merchants(days: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "merchant_id": list(days),
            "platform": "taobao",
            "registered_at": pd.to_datetime(list(days.values())),
        }
    )


@pytest.fixture
def records() -> Records:
    loans = pd.DataFrame(
        {
            "loan_id": ["l3", "l1", "l2"],
            "merchant_id": ["b", "a", "a"],
            "product_id": ["order", "order", "credit"],
            "principal": [100.0, 200.0, 300.0],
            "rate": [0.0005, 0.0005, 0.0005],
            "disbursed_at": pd.to_datetime(["2012-03-01", "2012-03-01", "2012-01-01"]),
            "due_at": pd.to_datetime(["2012-04-01", "2012-04-01", "2012-06-01"]),
        }
    )
    days = {"b": "2011-06-01", "a": "2011-05-01", "c": "2012-05-01"}
    return read_records({"merchants": merchants(days), "loans": loans})


def cohort_of(days: list[str]) -> Cohort:
    frame = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(len(days))], "as_of": days})
    return Cohort.from_frame(frame)


@pytest.mark.parametrize(
    ("as_of", "known"),
    [
        ("2011-05-02", ["a"]),
        ("2011-06-01", ["a"]),
        ("2011-06-02", ["a", "b"]),
        ("2013-01-01", ["a", "b", "c"]),
    ],
)
def test_a_merchant_is_asked_about_from_the_moment_he_is_known(records, as_of, known) -> None:
    cohort = Cohort.at(records, as_of)
    assert cohort.frame["merchant_id"].tolist() == known
    assert (cohort.frame["as_of"] == pd.Timestamp(as_of)).all()
    assert cohort.frame["as_of"].dtype == "datetime64[us]"


def test_a_merchant_known_late_is_not_asked_about_before(records) -> None:
    late = merchants({"a": "2011-05-01", "b": "2011-05-01"}).assign(
        known_at=pd.to_datetime(["2011-05-01", "2012-05-01"])
    )
    asked = Cohort.at(read_records({"merchants": late}), "2012-01-01")
    assert asked.frame["merchant_id"].tolist() == ["a"]


def test_a_merchant_written_twice_is_asked_about_once() -> None:
    twice = pd.concat([merchants({"a": "2011-05-01"})] * 2)
    assert len(Cohort.at(read_records({"merchants": twice}), "2012-01-01")) == 1


def test_an_as_of_before_all_data_is_refused_and_says_when_they_start(records) -> None:
    with pytest.raises(InputError, match="start 2011-05-01"):
        Cohort.at(records, "1999-01-01")


def test_loans_are_asked_about_at_disbursement_sorted_by_time_and_loan(records) -> None:
    frame = Cohort.of_loans(records).frame
    assert frame["loan_id"].tolist() == ["l2", "l1", "l3"]
    assert frame["merchant_id"].tolist() == ["a", "a", "b"]
    assert frame["as_of"].dt.strftime("%Y-%m-%d").tolist() == [
        "2012-01-01",
        "2012-03-01",
        "2012-03-01",
    ]
    assert Cohort.of_loans(records, "order").frame["loan_id"].tolist() == ["l1", "l3"]


def test_an_unknown_product_is_refused_with_the_nearest(records) -> None:
    with pytest.raises(InputError, match="did you mean 'order'"):
        Cohort.of_loans(records, "ordre")


def test_records_without_loans_are_refused() -> None:
    with pytest.raises(RecordError, match="'loans'"):
        Cohort.of_loans(read_records({"merchants": merchants({"a": "2011-05-01"})}))


ONE = {"merchant_id": ["a"], "as_of": ["2013-05-01"]}
BAD_FRAMES = {
    "no frame": ([1], "pandas DataFrame"),
    "no merchant": (pd.DataFrame({"as_of": ["2013-05-01"]}), "merchant_id"),
    "no time": (pd.DataFrame({"merchant_id": ["a"]}), "as_of"),
    "no row": (pd.DataFrame(ONE).iloc[:0], "at least one row"),
    "missing merchant": (pd.DataFrame({**ONE, "merchant_id": [None]}), "1 without"),
    "missing time": (pd.DataFrame({**ONE, "as_of": [pd.NaT]}), "1 missing"),
    "not a time": (pd.DataFrame({**ONE, "as_of": ["soon"]}), "naive local times"),
    "number for a time": (pd.DataFrame({**ONE, "as_of": [20130501]}), "int64"),
    "zone": (
        pd.DataFrame({**ONE, "as_of": pd.to_datetime(["2013-05-01"], utc=True)}),
        "zone",
    ),
    "zone in some": (
        pd.DataFrame({"merchant_id": ["a", "b"], "as_of": ["2013-05-01", "2013-05-01+08:00"]}),
        "naive local times",
    ),
    "repeated column": (
        pd.DataFrame([["a", "b", "2013-05-01"]], columns=["merchant_id", "merchant_id", "as_of"]),
        "different names",
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_a_bad_frame_is_refused_with_the_reason(case: str) -> None:
    frame, match = BAD_FRAMES[case]
    with pytest.raises(InputError, match=match):
        Cohort.from_frame(frame)


def test_a_frame_keeps_its_order_and_gets_canonical_types() -> None:
    frame = pd.DataFrame(
        {"as_of": ["2013-06-01", "2013-05-01"], "merchant_id": [7, 3], "loan_id": [1, 2]},
        index=[9, 9],
    )
    made = Cohort.from_frame(frame).frame
    assert made["merchant_id"].tolist() == ["7", "3"]
    assert made["loan_id"].tolist() == ["1", "2"]
    assert made.index.tolist() == [0, 1]
    assert made["as_of"].dtype == "datetime64[us]"


@pytest.mark.parametrize("value", [None, 3, 3.5, True, "soon", pd.NaT, np.int64(3)])
def test_what_is_no_moment_is_refused(value) -> None:
    with pytest.raises(InputError, match="as_of must be a date or time"):
        as_moment("as_of", value)


def test_a_moment_with_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match="naive local time"):
        as_moment("as_of", pd.Timestamp("2013-05-01", tz="UTC"))


def test_a_cohort_does_not_change() -> None:
    cohort = cohort_of(["2013-05-01", "2013-06-01"])
    frame = cohort.frame
    frame.loc[0, "merchant_id"] = "other"
    assert cohort.frame["merchant_id"].tolist() == ["m0", "m1"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        cohort.frame = frame


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_mask_positions_and_slice_agree(mask: list[bool]) -> None:
    cohort = cohort_of(["2013-05-01"] * len(mask))
    by_mask = cohort[np.array(mask)]
    by_position = cohort[np.flatnonzero(mask)]
    plain = cohort.frame[mask].reset_index(drop=True)
    pd.testing.assert_frame_equal(by_mask.frame, plain)
    pd.testing.assert_frame_equal(by_position.frame, plain)
    cut = sum(mask)
    both = concatenate([cohort[:cut], cohort[cut:]]) if 0 < cut < len(mask) else cohort
    pd.testing.assert_frame_equal(both.frame, cohort.frame)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (np.array([True]), "2 rows"),
        (np.array([5]), "2 rows"),
        (np.array([0.5]), "float64"),
        (0, "shape"),
        (["a"], "whole numbers"),
    ],
)
def test_rows_that_are_not_there_are_refused(rows, match: str) -> None:
    with pytest.raises(InputError, match=match):
        cohort_of(["2013-05-01", "2013-06-01"])[rows]


def labels(values: list[float], days: int = 30) -> pd.Series:
    series = pd.Series(values, name="default", dtype=float)
    series.attrs["horizon_days"] = days
    return series


def test_training_ends_a_horizon_before_the_cut_for_good_and_bad_alike() -> None:
    cohort = cohort_of(["2013-05-01", "2013-05-02", "2013-05-02", "2013-06-01", "2013-07-01"])
    known = labels([0, 0, 1, 1, np.nan])
    train, test = cohort.split_by_time("2013-05-31", labels=known)
    assert train.tolist() == [True, False, False, False, False]
    assert test.tolist() == [False, False, False, True, False]
    wider, _ = cohort.split_by_time("2013-05-31", labels=known, horizon_days=29)
    assert wider.tolist() == [True, True, True, False, False]


day = st.integers(0, 400).map(lambda k: pd.Timestamp("2012-01-01") + pd.Timedelta(days=k))


@given(
    rows=st.lists(st.tuples(day, st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=25),
    cut=day,
    horizon=st.integers(1, 120),
)
def test_no_training_label_needs_a_day_after_the_cut(rows, cut, horizon: int) -> None:
    cohort = cohort_of([when for when, _ in rows])
    given_labels = labels([value for _, value in rows], horizon)
    ends = np.array([when + pd.Timedelta(days=horizon) <= cut for when, _ in rows])
    later = np.array([when >= cut for when, _ in rows])
    known = given_labels.notna().to_numpy()
    if not (ends & known).any() or not (later & known).any():
        with pytest.raises(InputError, match="cut must leave labelled rows"):
            cohort.split_by_time(cut, labels=given_labels)
        return
    train, test = cohort.split_by_time(cut, labels=given_labels)
    assert (train == (ends & known)).all()
    assert (test == (later & known)).all()
    assert not (train & test).any()


@pytest.mark.parametrize(
    ("given_labels", "keywords", "match"),
    [
        (pd.Series([0.0]), {"horizon_days": 30}, "one row for each"),
        (pd.Series([0.0, 1.0]), {}, "horizon"),
        (pd.Series([0.0, 1.0]), {"horizon_days": 0}, "whole number of at least 1"),
        ([0.0, 1.0], {"horizon_days": 30}, "must be a Series"),
    ],
)
def test_labels_that_do_not_fit_are_refused(given_labels, keywords, match: str) -> None:
    cohort = cohort_of(["2013-01-01", "2013-09-01"])
    with pytest.raises(InputError, match=match):
        cohort.split_by_time("2013-06-01", labels=given_labels, **keywords)
