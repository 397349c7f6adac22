"""A question without a clear who and when is refused; none is answered about somebody else."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refused import refused

import alicredit as ac
from alicredit.cohort import Cohort, require_cohort
from alicredit.errors import InputError, RecordError

DAY = pd.Timestamp("2011-05-01")


@pytest.fixture(scope="module")
def records() -> ac.Records:
    merchants = pd.DataFrame(
        {"merchant_id": ["a", "b"], "platform": "taobao", "registered_at": [DAY, DAY]}
    )
    loans = pd.DataFrame(
        {
            "loan_id": ["l1", "l2", None, "l4"],
            "merchant_id": ["a", None, "b", "b"],
            "product_id": ["order", "order", "order", None],
            "principal": 100.0,
            "rate": 0.0005,
            "disbursed_at": pd.date_range("2012-03-01", periods=4),
            "due_at": pd.Timestamp("2012-06-01"),
        }
    )
    return ac.read_records({"merchants": merchants, "loans": loans})


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"merchant_id": ["a", "b"], "as_of": ["2013-05-01"] * 2} | columns)


NO_TIMES = {
    "the day first": ["31/05/2013", "30/05/2013"],
    "the month first": ["05/31/2013", "05/30/2013"],
    "one of two that could be both": ["2013-05-01", "01/02/2013"],
    "words": ["2013-05-01", "soon"],
    "the clock": ["2013-05-01", "now"],
    "years": ["2013", "2014"],
    "numbers": [20130501, 20130502],
    "fractions": [2013.4, 2013.5],
    "flags": [True, False],
    "missing": ["2013-05-01", None],
    "not a time": [pd.NaT, DAY],
    "lists": ["2013-05-01", [1]],
    "zones": ["2013-05-01T00:00+08:00"] * 2,
    "two zones": ["2013-05-01T00:00+08:00", "2013-05-01T00:00+09:00"],
    "a zone and none": [DAY, DAY.tz_localize("UTC")],
    "aware times": [DAY.tz_localize("UTC")] * 2,
    "months": pd.PeriodIndex(["2013-05"] * 2, freq="M"),
    "lengths of time": pd.to_timedelta([1, 2], unit="D"),
    "a year no calendar has": ["30000-01-01", "2013-05-01"],
    "a month no year has": ["2013-13-01", "2013-05-01"],
}


@pytest.mark.parametrize("case", NO_TIMES)
def test_times_that_could_be_mistaken_are_refused(case: str) -> None:
    with refused("frame", "as_of", error=InputError):
        Cohort.from_frame(frame(as_of=NO_TIMES[case]))


TIMES = {
    "texts": ["2013-05-01", "2013-05-02"],
    "texts with hours": ["2013-05-01 00:00", "2013-05-02 00:00:00"],
    "texts of two forms": ["2013-05-01", "2013-05-02T00:00:00.000"],
    "days": [dt.date(2013, 5, 1), dt.date(2013, 5, 2)],
    "times of NumPy": np.array(["2013-05-01", "2013-05-02"], dtype="datetime64[s]"),
    "timestamps": [pd.Timestamp("2013-05-01"), pd.Timestamp("2013-05-02")],
}


@pytest.mark.parametrize("case", TIMES)
def test_times_written_clearly_are_the_same_whatever_their_form(case: str) -> None:
    cohort = Cohort.from_frame(frame(as_of=TIMES[case]))
    assert cohort.frame["as_of"].tolist() == [
        pd.Timestamp("2013-05-01"), pd.Timestamp("2013-05-02"),
    ]  # fmt: skip
    assert str(cohort.frame["as_of"].dtype) == "datetime64[us]"


NO_IDS = {
    "a missing one": ["a", None],
    "NaN": ["a", float("nan")],
    "an empty text": ["a", ""],
    "fractions": [1.0, 2.0],
    "flags": [True, False],
    "lists": [["a"], ["b"]],
    "times": [DAY, DAY],
    "bytes": [b"a", b"b"],
}


@pytest.mark.parametrize("case", NO_IDS)
@pytest.mark.parametrize("column", ["merchant_id", "loan_id"])
def test_what_names_nobody_is_refused(case: str, column: str) -> None:
    with refused("frame", column, error=InputError):
        Cohort.from_frame(frame(**{column: NO_IDS[case]}))


def test_numbers_for_ids_are_the_texts_of_records() -> None:
    cohort = Cohort.from_frame(frame(merchant_id=np.array([7, 12])))
    assert cohort.frame["merchant_id"].tolist() == ["7", "12"]
    merchants = pd.DataFrame(
        {"merchant_id": [7, 12], "platform": "taobao", "registered_at": [DAY, DAY]}
    )
    at = Cohort.at(ac.read_records({"merchants": merchants}), "2013-05-01")
    assert set(at.frame["merchant_id"]) == set(cohort.frame["merchant_id"])


NO_FRAME = {
    "nothing": None,
    "a mapping": {"merchant_id": ["a"], "as_of": ["2013-05-01"]},
    "rows": [("a", "2013-05-01")],
    "a column": pd.Series(["a"]),
    "no rows": frame().iloc[:0],
    "no time": frame().drop(columns="as_of"),
    "nobody": frame().drop(columns="merchant_id"),
    "two times": pd.concat([frame(), frame()[["as_of"]]], axis=1),
    "columns on two levels": pd.concat({"x": frame()}, axis=1),
}


@pytest.mark.parametrize("case", NO_FRAME)
def test_what_holds_no_questions_is_refused(case: str) -> None:
    with refused("frame", error=InputError):
        Cohort.from_frame(NO_FRAME[case])


@pytest.mark.parametrize("given", [None, {}, "data/sample", 3], ids=repr)
def test_questions_are_put_to_records(given) -> None:
    for ask in (lambda: Cohort.at(given, "2013-05-01"), lambda: Cohort.of_loans(given)):
        with refused("records", "read_records", error=RecordError):
            ask()


@pytest.mark.parametrize("given", [None, frame(), "m0", [1]], ids=lambda v: type(v).__name__)
def test_what_is_no_cohort_is_refused_with_how_to_make_one(given) -> None:
    with refused("cohort", "Cohort.from_frame", error=InputError):
        require_cohort(given)


def test_a_loan_without_borrower_or_id_asks_nothing_and_stops_nobody(records) -> None:
    cohort = Cohort.of_loans(records)
    assert cohort.frame["loan_id"].tolist() == ["l1", "l4"]
    found = ac.find_problems(records).set_index("rule")["rows"]
    assert found["merchant_id missing"] == 1
    assert found["loan_id missing"] == 1


def test_a_product_that_is_missing_stays_missing(records) -> None:
    products = Cohort.of_loans(records).frame["product_id"]
    assert products.isna().tolist() == [False, True]
    assert Cohort.of_loans(records, "order").frame["loan_id"].tolist() == ["l1"]


ROWS = [
    [True], [True, False, True], [0.5], "a", [5], [-3], None, slice("a", "b"), {"a": 1}, object(),
    np.array([[True, False]]), [1, "a"],
]  # fmt: skip


@pytest.mark.parametrize("rows", ROWS)
def test_rows_that_are_none_of_the_cohort_are_refused(rows) -> None:
    with refused("rows", error=InputError):
        Cohort.from_frame(frame())[rows]


@given(st.lists(st.integers(0, 4), max_size=8))
def test_any_positions_give_exactly_those_rows(positions: list[int]) -> None:
    whole = Cohort.from_frame(
        pd.DataFrame({"merchant_id": list("abcde"), "as_of": pd.Timestamp("2013-05-01")})
    )
    taken = whole[positions]
    assert taken.frame["merchant_id"].tolist() == ["abcde"[at] for at in positions]
    assert len(taken) == len(positions)
    assert "0 rows" in repr(taken) if not positions else str(len(positions)) in repr(taken)


@given(st.integers(0, 5), st.integers(0, 5))
def test_slices_part_a_cohort_without_loss(first: int, second: int) -> None:
    whole = Cohort.from_frame(
        pd.DataFrame({"merchant_id": list("abcde"), "as_of": pd.Timestamp("2013-05-01")})
    )
    low, high = min(first, second), max(first, second)
    parts = [whole[:low], whole[low:high], whole[high:]]
    joined = pd.concat([part.frame for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole.frame)
