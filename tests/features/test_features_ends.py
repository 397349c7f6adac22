"""Days since the first and the last event, and facts that lie before every window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.engine import run
from alicredit.features import Catalogue, Feature

T = {"title": "t", "title_zh": "题"}
LAST = pd.Timestamp("2013-05-01")


def make_records(seed: int, *, numbers: bool, size: int = 300) -> ac.Records:
    """Lay out orders and ratings of nine shops, one of whom sold nothing."""
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 8, size)
    created = LAST - pd.to_timedelta(rng.integers(-40, 700, size) * 86_000 + 7, unit="s")
    days = pd.to_timedelta(rng.integers(0, 300, size), unit="h")
    paid = pd.Series(created + days).where(rng.random(size) < 0.8)
    name = (lambda value: value) if numbers else (lambda value: f"x{value}")
    orders = pd.DataFrame({
        "order_id": [name(k) for k in range(size)], "merchant_id": [name(k) for k in shop],
        "buyer_id": [name(k) for k in rng.integers(0, 50, size)], "created_at": created,
        "paid_at": paid, "amount": 10.0,
    })  # fmt: skip
    rated = pd.Series(created + days).dt.floor("s")
    ratings = pd.DataFrame({"order_id": orders["order_id"], "rated_at": rated,
                            "polarity": rng.integers(-1, 2, size)})  # fmt: skip
    merchants = pd.DataFrame({"merchant_id": [name(k) for k in range(9)], "platform": "taobao",
                              "registered_at": pd.Timestamp("2009-01-01")})  # fmt: skip
    return ac.read_records({"merchants": merchants, "orders": orders, "ratings": ratings})


def days(aggregate: str, window: int | None, time: str = "paid_at", **more: Any) -> Feature:
    return Feature(table="orders", aggregate=aggregate, time=time, window_days=window, **more, **T)


SINCE = [
    [days("days_since_first", None)],
    [days("days_since", None)],
    [days("days_since_first", 90), days("days_since", 90)],
    [days("days_since_first", 90), days("days_since", 30)],
    [days("days_since", None, min_support=3)],
    [days("days_since_first", None, "", where=(("paid_at", "set", None),))],
]


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("features", SINCE, ids=lambda each: "-".join(f.name for f in each))
def test_one_event_tells_what_all_tell(
    features: list[Feature], parts: int, numbers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make_records(3, numbers=numbers)
    catalogue = Catalogue(tuple(features))
    cohort = ac.Cohort.at(records, LAST)
    monkeypatch.setattr(run, "_parts", lambda *_: parts)
    fast = ac.build_features(records, cohort, catalogue=catalogue)
    slow = ac.build_features(records, cohort, catalogue=catalogue, engine="sql")
    pd.testing.assert_frame_equal(fast, slow, check_exact=True)
    assert fast.notna().any().all()
    assert fast.isna().any().all()
    earlier = cohort.frame.assign(as_of=LAST - pd.Timedelta(days=50))
    twice = ac.Cohort.from_frame(pd.concat([cohort.frame, earlier]))
    several = ac.build_features(records, twice, catalogue=catalogue)
    pd.testing.assert_frame_equal(several[: len(fast)], fast, check_exact=True)


@pytest.mark.parametrize("window", [30, None])
def test_what_no_window_reaches_is_not_held(
    window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make_records(4, numbers=False)
    some = [Feature(table="ratings", aggregate="count", window_days=each, **T) for each in (20, 30)]
    where = (("polarity", "==", 1),)
    some.append(Feature(table="ratings", aggregate="count", window_days=window, where=where,
                        label="good", **T))  # fmt: skip
    held, inner = [], run.join_once

    def joined(con: Any, records: ac.Records, streams: Any, asked: Any) -> Any:
        found = inner(con, records, streams, asked)
        rows = con.execute(f"SELECT min(_happened), count(*) FROM {found.joined['ratings']}")
        held.append(rows.fetchall()[0])
        return found

    monkeypatch.setattr(run, "join_once", joined)
    cohort = ac.Cohort.at(records, LAST)
    fast = ac.build_features(records, cohort, catalogue=Catalogue(tuple(some)))
    slow = ac.build_features(records, cohort, catalogue=Catalogue(tuple(some)), engine="sql")
    pd.testing.assert_frame_equal(fast, slow, check_exact=True)
    ((first, rows),) = held
    assert (first >= LAST - pd.Timedelta(days=30)) == (window is not None)
    assert 0 < rows < 100 if window else rows > 200
