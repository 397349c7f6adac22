"""Tables that fall silent or arrive odd are found, and nothing later is read."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refused import refused

import alicredit as ac
from alicredit.errors import InputError, RecordError
from alicredit.monitoring import feed_volumes, stale_feeds
from alicredit.vocabulary import FEED_STATUSES, VOLUME_STATUSES

AS_OF = pd.Timestamp("2013-06-01")
START = pd.Timestamp("2013-01-01")
MERCHANTS = pd.DataFrame(
    {"merchant_id": ["m"], "platform": ["taobao"], "registered_at": pd.to_datetime(["2011-05-01"])}
)


def records_of(**tables: pd.DataFrame) -> ac.Records:
    return ac.read_records({"merchants": MERCHANTS, **tables})


def violations(times) -> pd.DataFrame:
    return pd.DataFrame({"merchant_id": "m", "at": times, "points": 1.0, "kind": "delay"})


def traffic(days) -> pd.DataFrame:
    return pd.DataFrame({"merchant_id": "m", "day": days, "uv": 5})


def line(records: ac.Records, table: str, as_of=AS_OF, **more) -> pd.Series:
    return stale_feeds(records, as_of=as_of, **more).set_index("table").loc[table]


def test_a_daily_feed_is_stale_after_a_day_without_facts() -> None:
    days = pd.date_range(START, "2013-05-31")
    fresh = line(records_of(traffic_daily=traffic(days)), "traffic_daily")
    assert (fresh["status"], fresh["silent_days"], fresh["longest_gap_days"]) == ("fresh", 1, 1)
    assert (fresh["facts"], fresh["gaps"]) == (len(days), len(days) - 1)
    assert fresh["last_known"] == pd.Timestamp("2013-05-31 23:59:59.999999")
    gone = line(records_of(traffic_daily=traffic(days[:-1])), "traffic_daily")
    assert (gone["status"], gone["silent_days"], gone["limit_days"]) == ("stale", 2, 1.5)
    assert (
        line(records_of(traffic_daily=traffic(days[:-1])), "traffic_daily", tolerance=2.0)["status"]
        == "fresh"
    )


def test_a_day_that_is_not_over_is_not_silence() -> None:
    days = pd.date_range(START, "2013-05-31")
    noon = AS_OF + pd.Timedelta(hours=12)
    assert line(records_of(traffic_daily=traffic(days)), "traffic_daily", noon)["silent_days"] == 1


def test_a_weekly_feed_has_its_own_rhythm() -> None:
    days = pd.date_range(START, "2013-05-20", freq="7D")
    found = line(records_of(violations=violations(days)), "violations", "2013-05-22")
    assert (found["usual_gap_days"], found["limit_days"], found["status"]) == (7, 10.5, "fresh")
    late = line(records_of(violations=violations(days)), "violations", "2013-06-07")
    assert late["status"] == "stale"


def test_a_feed_that_died_long_ago_is_judged_by_the_rhythm_it_had() -> None:
    days = pd.date_range("2011-06-01", "2011-12-31")
    found = line(records_of(traffic_daily=traffic(days)), "traffic_daily")
    assert found["status"] == "stale"
    assert found["gaps"] == 180
    assert found["silent_days"] == (AS_OF - pd.Timestamp("2011-12-31")).days


def test_a_rare_feed_is_judged_by_its_last_five_gaps() -> None:
    days = pd.to_datetime(["2011-06-01", "2011-09-01", "2011-12-01", "2012-03-01", "2012-06-01",
                           "2012-09-01", "2012-12-01"])  # fmt: skip
    found = line(records_of(violations=violations(days)), "violations", window_days=30)
    assert (found["gaps"], found["longest_gap_days"]) == (5, 92)
    assert found["status"] == "stale"
    assert line(records_of(violations=violations(days[:5])), "violations")["status"] == "unknown"


def test_a_table_without_a_fact_yet_is_empty() -> None:
    found = line(records_of(violations=violations([AS_OF + pd.Timedelta(days=3)])), "violations")
    assert (found["status"], found["facts"]) == ("empty", 0)
    assert found["silent_days"] is pd.NA
    assert found["volume_status"] == "unknown"


def test_statuses_are_the_words_of_their_vocabularies_and_each_word_happens() -> None:
    days = pd.date_range(START, "2013-05-31")
    often = days.repeat(20)
    told, volumes = set(), set()
    for at in (often, often[:-40], days[:3], [AS_OF], often.append(days[-1:].repeat(400))):
        found = line(records_of(violations=violations(at)), "violations")
        told.add(found["status"])
        volumes.add(found["volume_status"])
        by_day = feed_volumes(records_of(violations=violations(at)), as_of=AS_OF)
        assert set(by_day["volume_status"]) <= set(VOLUME_STATUSES)
    assert told == set(FEED_STATUSES)
    assert volumes == set(VOLUME_STATUSES)


def test_gaps_are_those_a_loop_finds() -> None:
    rng = np.random.default_rng(0)
    times = START + pd.to_timedelta(np.sort(rng.uniform(0, 150, 60)), unit="D").round("s")
    found = line(records_of(violations=violations(times)), "violations", window_days=90)
    days = sorted({t.date() for t in times if t < AS_OF})
    gaps = [
        (b - a).days
        for a, b in pairwise(days)
        if (days[-1] - b).days < 90
    ]  # fmt: skip
    assert found["gaps"] == len(gaps)
    assert found["usual_gap_days"] == np.median(gaps)
    assert found["longest_gap_days"] == max(gaps)
    assert found["silent_days"] == (AS_OF.date() - days[-1]).days


def test_a_fact_counts_on_the_day_it_becomes_known() -> None:
    times = pd.date_range(START, "2013-05-25", freq="D")
    table = violations(times).assign(known_at=times + pd.Timedelta(days=6))
    found = line(records_of(violations=table), "violations")
    assert found["silent_days"] == 1
    assert found["last_happened"] == pd.Timestamp("2013-05-25")
    assert found["last_known"] == pd.Timestamp("2013-05-31")
    before = line(records_of(violations=table), "violations", "2013-05-20")
    assert before["last_happened"] == pd.Timestamp("2013-05-13")


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_later_facts_change_nothing(data) -> None:
    times = pd.date_range(START, "2013-05-31", freq="8h")
    early = violations(times)
    hours = data.draw(st.lists(st.integers(0, 3000), min_size=1, max_size=6))
    later = violations([AS_OF + pd.Timedelta(hours=h) for h in hours])
    told_late = violations(data.draw(st.sampled_from([times[:20], times[-20:]])))
    told_late["known_at"] = AS_OF + pd.Timedelta(hours=data.draw(st.integers(0, 500)))
    more = pd.concat([early.assign(known_at=early["at"]), later.assign(known_at=later["at"]),
                      told_late], ignore_index=True)  # fmt: skip
    two = records_of(violations=early), records_of(violations=more)
    for ask in (stale_feeds, feed_volumes):
        pd.testing.assert_frame_equal(*(ask(each, as_of=AS_OF) for each in two))


@pytest.mark.parametrize("spread", [1, 25])
def test_volumes_are_those_written_out(spread: int) -> None:
    rng = np.random.default_rng(1)
    days = pd.date_range("2013-02-01", "2013-05-31")
    counts = spread * rng.poisson(np.where(days.day_of_week < 5, 40, 9))
    counts[-2] = 3
    records = records_of(violations=violations(days.repeat(counts)))
    found = feed_volumes(records, as_of=AS_OF, days=20, weeks=4, tables=["violations"])
    by_day = pd.Series(counts, index=days)
    for row in found.itertuples():
        past = by_day[row.day - pd.Timedelta(days=28) : row.day - pd.Timedelta(days=1)] ** 0.5
        usual = past.groupby(past.index.day_of_week).median()
        apart = np.median([abs(v - usual[d.day_of_week]) for d, v in past.items()])
        z = (by_day[row.day] ** 0.5 - usual[row.day.day_of_week]) / max(1.4826 * apart, 0.5)
        assert row.volume == by_day[row.day]
        assert row.usual_volume == pytest.approx(usual[row.day.day_of_week] ** 2)
        assert row.volume_z == pytest.approx(z)
    assert found["volume_status"].tolist()[-2] == "low"
    assert found["day"].tolist() == list(days[-20:])


def test_a_halved_day_is_found_and_false_alarms_are_rare() -> None:
    rng = np.random.default_rng(2)
    days = pd.date_range("2012-01-01", "2013-05-31")
    counts = rng.poisson(60 + 30 * (days.day_of_week == 0) + np.arange(len(days)) * 0.05)
    halved = counts.copy()
    halved[-1] = halved[-1] // 3
    plain, off = (
        feed_volumes(records_of(violations=violations(days.repeat(each))), as_of=AS_OF, days=400,
                     tables=["violations"])["volume_status"]
        for each in (counts, halved)
    )  # fmt: skip
    assert (plain != "usual").sum() <= 4
    assert off.iloc[-1] == "low"


def test_a_shop_festival_is_high() -> None:
    days = pd.date_range("2012-08-01", "2012-11-11")
    counts = np.full(len(days), 30)
    counts[-1] = 210
    found = line(records_of(violations=violations(days.repeat(counts))), "violations", "2012-11-12")
    assert (found["volume"], found["usual_volume"]) == (210, pytest.approx(30))
    assert found["volume_status"] == "high"


def test_too_short_a_history_or_days_usually_without_a_fact_are_unknown() -> None:
    short = pd.date_range("2013-05-01", "2013-05-31").repeat(20)
    assert (
        line(records_of(violations=violations(short)), "violations")["volume_status"] == "unknown"
    )
    months = pd.date_range("2012-06-30", "2013-05-31", freq="ME").repeat(50)
    found = line(records_of(violations=violations(months)), "violations")
    assert (found["volume"], found["volume_status"]) == (50, "unknown")


def test_children_and_tables_without_a_declaration() -> None:
    times = pd.date_range(START, "2013-05-31", freq="D")
    orders = pd.DataFrame(
        {"order_id": [f"o{k}" for k in range(len(times))], "merchant_id": "m", "buyer_id": "b",
         "created_at": times, "amount": 10.0}
    )  # fmt: skip
    ratings = pd.DataFrame({"order_id": orders["order_id"], "rated_at": times, "polarity": 1})
    records = records_of(orders=orders, ratings=ratings, notes=pd.DataFrame({"x": [1]}))
    found = stale_feeds(records, as_of=AS_OF)
    assert found["table"].tolist() == ["merchants", "orders", "ratings"]
    assert found["facts"].tolist() == [1, len(times), len(times)]
    alone = stale_feeds(records_of(ratings=ratings), as_of=AS_OF)
    assert alone["table"].tolist() == ["merchants"]


def test_the_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    table = violations(START + pd.to_timedelta(rng.integers(0, 150 * 24, 400), unit="h"))
    mixed = table.iloc[rng.permutation(400)]
    two = records_of(violations=table), records_of(violations=mixed)
    pd.testing.assert_frame_equal(*(stale_feeds(each, as_of=AS_OF) for each in two))


@pytest.mark.slow
def test_a_simulated_platform_is_fresh_until_a_table_stops() -> None:
    records = ac.simulate_platform(60, seed=3, months=24, orders_per_month=6)[0]
    as_of = records.span[1].normalize() - pd.Timedelta(days=60)
    feeds = stale_feeds(records, as_of=as_of).set_index("table")
    daily = ["orders", "interactions_daily", "traffic_daily"]
    assert feeds.loc[daily, "status"].tolist() == ["fresh"] * 3
    tables = {name: records[name].to_pandas() for name in records.tables}
    day = pd.to_datetime(tables["traffic_daily"]["day"])
    tables["traffic_daily"] = tables["traffic_daily"][day < as_of - pd.Timedelta(days=5)]
    use = {"bank_txns": {"purpose": "credit", "legal_basis": "consent"}}
    cut = stale_feeds(ac.read_records(tables, data_use=use), as_of=as_of).set_index("table")
    assert cut.loc["traffic_daily", "status"] == "stale"
    rest = [name for name in feeds.index if name != "traffic_daily"]
    pd.testing.assert_frame_equal(cut.loc[rest], feeds.loc[rest])


DAILY = traffic(pd.date_range(START, "2013-05-31"))
BAD = {
    "a folder": (lambda r: stale_feeds("data", as_of=AS_OF), "records"),
    "a moment": (lambda r: stale_feeds(r, as_of="01/06/2013"), "as_of"),
    "a zone": (lambda r: stale_feeds(r, as_of=AS_OF.tz_localize("UTC")), "as_of"),
    "a number": (lambda r: feed_volumes(r, as_of=20130601), "as_of"),
    "no tolerance": (lambda r: stale_feeds(r, as_of=AS_OF, tolerance=0.5), "tolerance"),
    "half a day": (lambda r: stale_feeds(r, as_of=AS_OF, window_days=30.5), "window_days"),
    "one week": (lambda r: stale_feeds(r, as_of=AS_OF, weeks=1), "weeks"),
    "no limit": (lambda r: feed_volumes(r, as_of=AS_OF, limit_z=float("nan")), "limit_z"),
    "no days": (lambda r: feed_volumes(r, as_of=AS_OF, days=0), "days"),
    "an absent table": (lambda r: feed_volumes(r, as_of=AS_OF, tables=["orders"]), "tables"),
    "one name": (lambda r: feed_volumes(r, as_of=AS_OF, tables="orders"), "tables must be a list"),
    "a date of another kind": (lambda r: stale_feeds(r, as_of=dt.time(3)), "as_of"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_asked_is_refused_by_name(case: str) -> None:
    ask, words = BAD[case]
    error = RecordError if words == "records" else InputError
    with refused(words, error=error):
        ask(records_of(traffic_daily=DAILY))
