"""Counts of arrivals add up over parts of a table, and quiet feeds are those a plain loop finds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.errors import InputError
from alicredit.monitoring import feed_volumes, stale_feeds
from alicredit.stability import add_arrivals, count_arrivals, find_quiet
from alicredit.stability.feeds import FEWEST_GAPS, _rhythm, _volumes

AS_OF = pd.Timestamp("2013-03-01")
TODAY = np.datetime64("2013-03-01", "D")
DAY = TODAY.astype(np.int64)


def records_of(times: pd.DatetimeIndex, merchants: list[str]) -> ac.Records:
    people = pd.DataFrame({
        "merchant_id": ["a", "b"], "platform": "taobao",
        "registered_at": pd.to_datetime("2011-05-01"),
    })  # fmt: skip
    found = pd.DataFrame({"merchant_id": merchants, "at": times, "points": 1.0, "kind": "delay"})
    return ac.read_records({"merchants": people, "violations": found})


def arrivals_of(days: list[int], volume: int | list[int] = 1) -> pd.DataFrame:
    day = np.array(days, dtype=np.int64)
    at = day.astype("datetime64[D]").astype("datetime64[us]")
    return pd.DataFrame(
        {
            "day": day,
            "volume": volume,
            "last_known": at,
            "last_happened": at - np.timedelta64(1, "h"),
        }
    )


def test_counts_of_parts_of_a_table_add_up_to_those_of_the_whole() -> None:
    rng = np.random.default_rng(1)
    times = pd.DatetimeIndex(AS_OF - pd.to_timedelta(rng.integers(-9_000, 90_000, 300), unit="min"))
    of = rng.choice(["a", "b"], 300)
    whole = count_arrivals(records_of(times, of.tolist()), AS_OF, ["violations"])["violations"]
    parts = [
        count_arrivals(records_of(times[of == who], [who] * int((of == who).sum())), AS_OF)
        for who in "ab"
    ]
    together = add_arrivals(each["violations"] for each in parts)
    pd.testing.assert_frame_equal(together, whole)
    seen = times[times < AS_OF]
    assert whole["volume"].sum() == len(seen) < len(times)
    by_day = pd.Series(1, index=seen.normalize()).groupby(level=0).sum()
    assert whole["volume"].tolist() == by_day.tolist()
    assert whole["last_known"].max() == seen.max()


@settings(max_examples=25)
@given(st.integers(-3 * 1440, 3 * 1440), st.integers(0, 1439))
def test_a_table_is_quiet_where_nothing_came_since_the_day_before(minutes, into_day) -> None:
    moment = AS_OF + pd.Timedelta(minutes=into_day)
    time = AS_OF + pd.Timedelta(minutes=minutes)
    records = records_of(pd.DatetimeIndex([time]), ["a"])
    is_seen = AS_OF - pd.Timedelta(days=1) <= time < moment
    assert find_quiet(records, moment, ["violations"]) == ([] if is_seen else ["violations"])


def test_a_table_that_is_not_quiet_is_never_stale() -> None:
    days = pd.date_range("2013-01-01", "2013-02-28")
    records = records_of(days, ["a"] * len(days))
    assert find_quiet(records, AS_OF, ["violations"]) == []
    told = stale_feeds(records, as_of=AS_OF).set_index("table").loc["violations"]
    assert told["status"] == "fresh"


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 40),
    st.integers(1, 60), st.sampled_from([1.0, 1.5, 3.0]),
)  # fmt: skip
@example(steps=[9, *[1] * 12], silent=2, window=10, tolerance=1.5)
@example(steps=[9, *[1] * 12], silent=2, window=13, tolerance=1.0)
def test_a_rhythm_is_that_of_the_last_gaps_of_its_window(steps, silent, window, tolerance) -> None:
    days = (DAY - silent - np.cumsum([0, *steps])[::-1]).tolist()
    facts, known, happened, quiet, gaps, usual, longest, limit, status = _rhythm(
        arrivals_of(days, 2), TODAY, window, tolerance
    )
    assert (facts, quiet) == (2 * len(days), silent)
    assert known == happened - pd.Timedelta(hours=1)  # the last that happened stands first
    inside = [each for each in days[1:] if each > days[-1] - window]
    many = max(len(inside), FEWEST_GAPS)
    last = [b - a for a, b in pairwise(days)][-many:]
    assert gaps == len(last)
    if len(last) < FEWEST_GAPS:
        assert status == "unknown"
        assert np.isnan([usual, longest, limit]).all()
    else:
        assert (usual, longest) == (np.median(last), max(last))
        assert limit == tolerance * max(last)
        assert status == ("stale" if silent > limit else "fresh")


@settings(max_examples=40)
@given(st.lists(st.integers(0, 60), min_size=10, max_size=45), st.integers(1, 5),
       st.integers(2, 4))  # fmt: skip
@example(counts=[1] * 45, days=3, weeks=2)
def test_a_volume_is_held_against_its_weekday_as_a_loop_does(counts, days, weeks) -> None:
    start = DAY - len(counts)
    told = _volumes(
        arrivals_of([start + k for k in range(len(counts))], counts), TODAY, days, weeks, 4.0
    )
    series = {start + k: each for k, each in enumerate(counts)}
    assert len(told) == days
    for at, row in zip(range(DAY - days, DAY), told.to_dict("records")):
        assert row["day"] == pd.Timestamp(np.datetime64(at, "D"))
        assert row["volume"] == series.get(at, 0)
        past = {d: np.sqrt(series.get(d, 0)) for d in range(at - 7 * weeks, at)}
        middle = {k: np.median([past[at - 7 * w + k] for w in range(1, weeks + 1)])
                  for k in range(7)}  # fmt: skip
        usual = middle[0]
        apart = [abs(v - middle[(d - at) % 7]) for d, v in past.items()]
        spread = max(1.4826 * float(np.median(apart)), 0.5)
        if at - 7 * weeks < start or usual == 0:
            assert row["volume_status"] == "unknown"
            assert np.isnan(row["volume_z"])
            continue
        z = (np.sqrt(row["volume"]) - usual) / spread
        assert row["usual_volume"] == pytest.approx(usual**2)
        assert row["volume_z"] == pytest.approx(z)
        assert row["volume_status"] == ("low" if z < -4 else "high" if z > 4 else "usual")


def test_two_weeks_say_what_is_usual_and_a_table_not_declared_is_not_counted() -> None:
    days = pd.date_range("2013-01-01", "2013-02-28")
    people = {"merchant_id": ["a"], "platform": "taobao",
              "registered_at": pd.Timestamp("2011-05-01")}  # fmt: skip
    found = {"merchant_id": "a", "at": days, "points": 1.0, "kind": "delay"}
    records = ac.read_records({name: pd.DataFrame(frame) for name, frame in (
        ("merchants", people), ("violations", found), ("notes", {"text": ["x"]})
    )})  # fmt: skip
    assert list(count_arrivals(records, AS_OF)) == ["merchants", "violations"]
    told = feed_volumes(records, as_of=AS_OF, days=1, weeks=2, tables=["violations"]).iloc[0]
    assert told[["volume", "usual_volume", "volume_status"]].tolist() == [1, 1.0, "usual"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"tables": "violations"}, "must be a list of names"), ({"days": 0}, "days"),
        ({"tables": ["violation"]}, "among the records"), ({"weeks": 1}, "weeks"),
        ({"weeks": 105}, "weeks"), ({"limit_z": 0.5}, "limit_z"), ({"as_of": "soon"}, "as_of"),
    ],
)  # fmt: skip
def test_bad_questions_about_volumes_are_refused(asked, says) -> None:
    records = records_of(pd.DatetimeIndex(["2013-01-01"]), ["a"])
    with pytest.raises(InputError, match=says):
        feed_volumes(records, **({"as_of": AS_OF} | asked))
