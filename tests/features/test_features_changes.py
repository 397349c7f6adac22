"""When a fact moves its merchant, worked by hand to the microsecond."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.features import Feature
from alicredit.features.changes import find_changes

T = {"title": "t", "title_zh": "题", "table": "orders"}
BEFORE, AFTER = np.datetime64("2013-05-01", "us"), np.datetime64("2013-05-02", "us")
MONTH = Feature(aggregate="sum", measure="amount", window_days=30, **T)
EVER = Feature(aggregate="count", **T)
WEEKS = Feature(aggregate="cv", measure="amount", window_days=28, **T)
PAID = Feature(aggregate="count", window_days=30, time="paid_at", **T)
SET = Feature(aggregate="count", where=(("paid_at", "set", None),), label="paid", **T)


def found(feature: Feature, **order: object) -> pd.DataFrame:
    row = {"order_id": "a", "merchant_id": "m", "buyer_id": "x", "amount": 1.0, **order}
    frame = pd.DataFrame([row])
    for name in ("created_at", "paid_at", "known_at"):
        frame[name] = pd.to_datetime(frame.get(name, pd.NaT))
    merchants = pd.DataFrame(
        {"merchant_id": ["m"], "platform": "taobao", "registered_at": [pd.Timestamp("2011-01-01")]}
    )
    records = ac.read_records({"merchants": merchants, "orders": frame})
    return find_changes(records, "orders", [feature], BEFORE, AFTER)


@pytest.mark.parametrize(
    ("feature", "order", "moved"),
    [
        (MONTH, {"created_at": "2013-05-01"}, True),
        (MONTH, {"created_at": "2013-05-01 23:59:59.999999"}, True),
        (MONTH, {"created_at": "2013-04-30 23:59:59.999999"}, False),
        (MONTH, {"created_at": "2013-04-01"}, True),
        (MONTH, {"created_at": "2013-04-01 23:59:59.999999"}, True),
        (MONTH, {"created_at": "2013-04-02"}, False),
        (MONTH, {"created_at": "2013-03-31 23:59:59.999999"}, False),
        (EVER, {"created_at": "2013-04-01"}, False),
        (EVER, {"created_at": "2013-04-20", "known_at": "2013-05-01 12:00"}, True),
        (EVER, {"created_at": "2013-04-20", "known_at": "2013-04-30"}, False),
        (EVER, {"created_at": "2013-04-20", "paid_at": "2013-05-01 12:00"}, False),
        (SET, {"created_at": "2013-04-20", "paid_at": "2013-05-01 12:00"}, True),
        (SET, {"created_at": "2013-04-20", "paid_at": "2013-05-02"}, False),
        (PAID, {"created_at": "2013-03-01", "paid_at": "2013-04-01 12:00"}, True),
        (PAID, {"created_at": "2013-04-01", "paid_at": "2013-04-10"}, False),
        (WEEKS, {"created_at": "2013-04-24"}, True),
        (WEEKS, {"created_at": "2013-04-25"}, False),
        (WEEKS, {"created_at": "2013-04-17 23:59:59.999999"}, True),
        (WEEKS, {"created_at": "2013-04-16 23:59:59.999999"}, False),
    ],
)
def test_a_fact_moves_its_merchant_only_at_an_edge(
    feature: Feature, order: dict[str, object], moved: bool
) -> None:
    assert found(feature, **order).loc["m", "moved"] == moved


def test_what_is_not_seen_yet_is_not_listed() -> None:
    assert found(EVER, created_at="2013-05-02").empty
    assert found(EVER, created_at="2013-04-01", known_at="2013-05-02").empty


def test_hashes_tell_what_each_moment_sees() -> None:
    still = found(EVER, created_at="2013-04-01").loc["m"]
    assert still["before"] == still["after"] != 0
    new = found(EVER, created_at="2013-05-01").loc["m"]
    assert new["before"] == 0 != new["after"]
    gone = found(MONTH, created_at="2013-04-01").loc["m"]
    assert gone["before"] != 0 == gone["after"]
    dear, cheap = (found(MONTH, created_at="2013-04-20", amount=x).loc["m"] for x in (1.0, 2.0))
    assert dear["before"] != cheap["before"]
    later = found(SET, created_at="2013-04-20", paid_at="2013-05-09").loc["m"]
    never = found(SET, created_at="2013-04-20").loc["m"]
    assert later["after"] == never["after"]
