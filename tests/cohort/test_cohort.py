"""Questions keep their order, index like arrays, and split so that nothing unknown is learned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.records import read_records


def cohort_of(days: list[str]) -> Cohort:
    frame = pd.DataFrame({"merchant_id": [f"m{k}" for k in range(len(days))], "as_of": days})
    return Cohort.from_frame(frame)


def labels(values: list[float], horizon: int = 365) -> pd.Series:
    y = pd.Series(values, dtype=float)
    y.attrs = {"horizon_days": horizon}
    return y


MERCHANTS = pd.DataFrame(
    {
        "merchant_id": ["b", "a", "late"],
        "platform": "taobao",
        "registered_at": pd.to_datetime(["2011-05-01", "2010-01-01", "2013-05-01"]),
        "known_at": pd.to_datetime(["2011-05-01", "2012-01-01", "2013-05-01"]),
    }
)


def test_at_asks_about_everybody_known_before_the_moment_once_and_in_order() -> None:
    records = read_records({"merchants": pd.concat([MERCHANTS, MERCHANTS.iloc[[0]]])})
    assert Cohort.at(records, "2013-05-01").frame["merchant_id"].tolist() == ["a", "b"]
    assert Cohort.at(records, "2013-05-02").frame["merchant_id"].tolist() == ["a", "b", "late"]
    assert Cohort.at(records, "2011-12-31").frame["merchant_id"].tolist() == ["b"]
    with pytest.raises(InputError, match="before all records"):
        Cohort.at(records, "2009-01-01")


def test_of_loans_asks_at_each_disbursement() -> None:
    loans = pd.DataFrame(
        {
            "loan_id": ["l2", "l1"],
            "merchant_id": ["a", "b"],
            "product_id": ["taobao_order", "ali_credit"],
            "principal": [5.0, 6.0],
            "rate": 0.0005,
            "disbursed_at": pd.to_datetime(["2012-02-02 10:00", "2012-01-01 10:00"]),
            "due_at": pd.to_datetime(["2012-03-02", "2012-12-31"]),
        }
    )
    records = read_records({"merchants": MERCHANTS, "loans": loans})
    frame = Cohort.of_loans(records).frame
    assert frame["loan_id"].tolist() == ["l1", "l2"]
    assert str(frame["as_of"][0]) == "2012-01-01 10:00:00"
    assert len(Cohort.of_loans(records, "ali_credit")) == 1
    with pytest.raises(InputError, match="did you mean 'taobao_order'"):
        Cohort.of_loans(records, "taobao_orders")


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_masks_positions_and_slices_agree(flags: list[bool]) -> None:
    cohort = cohort_of(["2013-01-01"] * len(flags))
    by_mask = cohort[np.array(flags)].frame["merchant_id"].tolist()
    by_position = cohort[np.flatnonzero(flags)].frame["merchant_id"].tolist()
    assert by_mask == by_position == [f"m{k}" for k, flag in enumerate(flags) if flag]
    assert cohort[:2].frame.index.tolist() == list(range(min(2, len(flags))))


@pytest.mark.parametrize(
    "rows", [np.array([True]), np.array([0.5]), np.array([9]), np.array([[0]])]
)
def test_rows_that_are_not_of_the_cohort_are_refused(rows) -> None:
    with pytest.raises(InputError, match="rows"):
        _ = cohort_of(["2013-01-01", "2013-01-02"])[rows]


BAD_FRAMES = {
    "no frame": ([1, 2], "DataFrame"),
    "no merchant": (pd.DataFrame({"as_of": ["2013-01-01"]}), "merchant_id"),
    "missing merchant": (
        pd.DataFrame({"merchant_id": [None], "as_of": ["2013-01-01"]}),
        "each row",
    ),
    "missing time": (pd.DataFrame({"merchant_id": ["a"], "as_of": [None]}), "missing"),
    "no time": (pd.DataFrame({"merchant_id": ["a"], "as_of": ["soon"]}), "naive local"),
    "zone": (
        pd.DataFrame({"merchant_id": ["a"], "as_of": pd.to_datetime(["2013-01-01"], utc=True)}),
        "zone",
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_bad_frames_are_refused(case: str) -> None:
    frame, match = BAD_FRAMES[case]
    with pytest.raises(InputError, match=match):
        Cohort.from_frame(frame)


def test_the_split_learns_only_from_windows_that_were_over() -> None:
    cohort = cohort_of(["2011-10-31", "2011-11-02", "2011-11-03", "2012-10-31", "2012-11-01"])
    train, test = cohort.split_by_time("2012-11-01", labels=labels([0, 1, 1, 1, 0]))
    assert train.tolist() == [True, True, False, False, False]
    assert test.tolist() == [False, False, False, False, True]


def test_rows_without_a_label_stand_on_neither_side() -> None:
    cohort = cohort_of(["2010-01-01", "2010-01-02", "2013-01-01", "2013-01-02"])
    y = labels([np.nan, 1.0, np.nan, 0.0])
    train, test = cohort.split_by_time("2012-11-01", labels=y)
    assert train.tolist() == [False, True, False, False]
    assert test.tolist() == [False, False, False, True]


def test_a_split_needs_a_horizon_and_two_sides() -> None:
    cohort = cohort_of(["2010-01-01", "2013-01-01"])
    plain = pd.Series([0.0, 1.0])
    with pytest.raises(InputError, match="horizon"):
        cohort.split_by_time("2012-11-01", labels=plain)
    assert cohort.split_by_time("2012-11-01", labels=plain, horizon_days=30)[0].any()
    with pytest.raises(InputError, match="after it"):
        cohort.split_by_time("2014-11-01", labels=labels([0, 1]))
    with pytest.raises(InputError, match="one row for each"):
        cohort.split_by_time("2012-11-01", labels=labels([0.0]))


def test_a_cut_that_leaves_a_side_empty_is_answered_with_the_days_that_would_do() -> None:
    days = pd.date_range("2012-01-10", "2014-01-10", freq="30D")
    frame = pd.DataFrame({"merchant_id": "m", "as_of": days})
    cohort, labels = Cohort.from_frame(frame), pd.Series(0.0, index=range(len(days)))
    for cut in ("2012-06-01", "2015-01-01"):
        with pytest.raises(InputError, match="Try: a date from ") as caught:
            cohort.split_by_time(cut, labels=labels, horizon_days=365)
        first, last = str(caught.value).rstrip(".").split(" from ")[1].split(" to ")
        for good in (first, last):
            sides = cohort.split_by_time(good, labels=labels, horizon_days=365)
            assert all(side.any() for side in sides)
        before, after = (pd.Timestamp(first) - pd.Timedelta(1, "D"), pd.Timestamp(last))
        with pytest.raises(InputError):
            cohort.split_by_time(before, labels=labels, horizon_days=365)
        with pytest.raises(InputError):
            cohort.split_by_time(after + pd.Timedelta(1, "D"), labels=labels, horizon_days=365)
    with pytest.raises(InputError, match="so that none can be judged later"):
        cohort.split_by_time("2013-01-01", labels=labels, horizon_days=900)
    with pytest.raises(InputError, match="no row has a label"):
        cohort.split_by_time("2013-01-01", labels=labels * np.nan, horizon_days=365)


def test_a_cohort_is_split_by_scikit_learn_as_an_array_of_its_rows_is() -> None:
    cohort = cohort_of([f"2012-01-{day:02}" for day in range(1, 29)])
    positions = np.arange(28)
    assert cohort.shape == positions.shape
    parts = train_test_split(cohort, positions, random_state=3)
    for part, rows in zip(parts[:2], parts[2:], strict=True):
        assert part.frame.equals(cohort[rows].frame)
    rows = np.array([3, 1, 1])
    assert cohort[rows, ...].frame.equals(cohort[rows].frame)
    with pytest.raises(InputError, match="rows must"):
        cohort[rows, rows]
