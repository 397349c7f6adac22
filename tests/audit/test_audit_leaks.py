"""The audit clears what is clean and names what leaks, in our features and in a user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audit_stage import (
    AS_OF,
    DAY,
    PAST,
    Builder,
    before,
    by_hand,
    cohort,
    everything,
    frame_of,
    orders,
    records_of,
    refunds,
)
from feature_stage import USE, plant_leak

import alicredit as ac
from alicredit.audit.disturb import DISTURBANCES
from alicredit.engine import streams

REPOSITORY = Path(__file__).resolve().parents[2]
# Each entry: what the records are, a leak that this disturbance alone can catch, its honest twin.
ONLY = {
    "changed": (
        lambda: records_of(orders=orders([*PAST, 3.0, 9.0])),
        by_hand("orders", everything, lambda r: r["amount"].min()),
        by_hand("orders", before("created_at"), lambda r: r["amount"].min()),
    ),
    "deleted": (
        lambda: records_of(orders=orders([*PAST, 3.0, 9.0])),
        by_hand("orders", everything, lambda r: (r["created_at"] >= r["as_of"]).any()),
        by_hand("orders", before("created_at"), lambda r: (r["created_at"] < r["as_of"]).any()),
    ),
    "added": (
        lambda: records_of(orders=orders(PAST)),
        by_hand("orders", lambda r: r["created_at"] >= r["as_of"] + 2 * DAY, len),
        by_hand("orders", before("created_at"), len),
    ),
    "next_day": (
        lambda: records_of(orders=orders(PAST)),
        by_hand("orders", lambda r: r["created_at"] < r["as_of"] + DAY, len),
        by_hand("orders", before("created_at"), len),
    ),
    "known_late": (
        lambda: records_of(orders=orders(PAST, known_at=AS_OF - 2 * DAY)),
        by_hand("orders", before("created_at"), len),
        by_hand("orders", lambda r: r[["created_at", "known_at"]].max(axis=1) < r["as_of"], len),
    ),
    "late_values": (
        lambda: records_of(orders=(o := orders(PAST)), refunds=refunds(o, [-3.0, 5.0])),
        by_hand("refunds", before("opened_at"), lambda r: r["seller_fault"].min()),
        by_hand("refunds", before("resolved_at"), lambda r: r["seller_fault"].min()),
    ),
    "late_times": (
        lambda: records_of(orders=orders(PAST, paid_at=pd.NaT)),
        by_hand("orders", before("created_at"), lambda r: r["paid_at"].notna().sum()),
        by_hand("orders", before("created_at"), lambda r: len(r[r["paid_at"] < r["as_of"]])),
    ),
    "untimed": (
        lambda: records_of(orders=orders(PAST, status="success")),
        by_hand("orders", before("created_at"), lambda r: (r["status"] == "success").mean(), 0.5),
        by_hand("orders", before("created_at"), len),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_each_disturbance_catches_a_leak_that_no_other_does(kind: str) -> None:
    make, leak, honest = ONLY[kind]
    records = make()
    report = ac.audit_features(records, cohort(), build=leak)
    assert set(report["disturbance"]) == {kind}
    assert set(report["feature"]) == {"own"}
    assert DISTURBANCES[kind].remedy in report["message"].iloc[0]
    others = [other for other in DISTURBANCES if other != kind]
    assert ac.audit_features(records, cohort(), build=leak, disturbances=others).empty
    assert ac.audit_features(records, cohort(), build=honest).empty


def late_and_with_status(made: ac.Records) -> pd.DataFrame:
    """Give orders of which a tenth become known late, with what became of each."""
    sold = made["orders"].to_pandas()
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 90, len(sold)) * (rng.random(len(sold)) < 0.1), "D")
    status = np.where(sold["confirmed_at"].notna(), "success", "closed")
    return sold.assign(known_at=sold["created_at"] + days, status=status)


@pytest.fixture(scope="module")
def platform() -> ac.Records:
    """Simulate a platform, some of whose orders become known late and carry a status."""
    made, _ = ac.simulate_platform(50, seed=4, months=15, orders_per_month=4, default_rate=0.2)
    tables = {name: made[name] for name in made.tables if name != "bank_txns"}
    return ac.read_records({**tables, "orders": late_and_with_status(made)})


@pytest.fixture(scope="module")
def trade(platform: ac.Records) -> ac.Records:
    """Keep of the platform what the features written by hand read, and a little more."""
    names = ("merchants", "orders", "refunds", "interactions_daily", "fx_rates", "loans")
    return ac.read_records({name: platform[name] for name in names})


@pytest.fixture(scope="module")
def loans(platform: ac.Records) -> ac.Cohort:
    """Ask as of the loans of the second half of the records, whose moments all differ."""
    every = ac.Cohort.of_loans(platform)
    return every[(every.frame["as_of"] >= "2010-03-01").to_numpy()]


MEANT = ("orders_paid_count_90d", "interactions_daily_logins_sum_30d", "refunds_amount_sum_90d")


def own_orders(cut: str = "", status: str = "", *, known: bool = True) -> Builder:
    """Count a merchant's paid orders of 90 days and sum its logins of 30, by hand."""

    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        questions = asked.frame[["merchant_id", "as_of"]].reset_index(names="row")
        rows = questions.merge(frame_of(records, "orders"), on="merchant_id")
        end = rows["as_of"].dt.normalize() + DAY if cut == "day" else rows["as_of"]
        inside = (rows["paid_at"] < end) & (rows["paid_at"] >= rows["as_of"] - 90 * DAY)
        if known:
            inside &= rows["known_at"].fillna(rows["created_at"]) < end
        if status:
            inside &= rows["status"] == status
        count = rows[inside].groupby("row").size().reindex(questions["row"], fill_value=0)
        days = questions.merge(frame_of(records, "interactions_daily"), on="merchant_id")
        over = pd.to_datetime(days["day"]) + DAY <= days["as_of"]
        over &= pd.to_datetime(days["day"]) >= days["as_of"] - 30 * DAY
        logins = days[over].groupby("row")["logins"].sum().reindex(questions["row"], fill_value=0)
        return pd.DataFrame({"paid_90d": count.to_numpy(), "logins_30d": logins.to_numpy()})

    return build


PLANTED = {
    "a whole day too late": (own_orders("day"), "next_day", "exclude as_of"),
    "a row known late": (own_orders(known=False), "known_late", "known_at"),
    "a status": (own_orders(status="success"), "untimed", "derive the state"),
}


def test_features_written_by_hand_are_cleared(trade: ac.Records, loans: ac.Cohort) -> None:
    report = ac.audit_features(trade, loans, build=own_orders(), questions=60)
    assert report.empty
    assert report.attrs["unmoved"] == []


@pytest.mark.parametrize("leak", PLANTED)
def test_a_leak_planted_in_features_written_by_hand_is_named(
    trade: ac.Records, loans: ac.Cohort, leak: str
) -> None:
    build, kind, advice = PLANTED[leak]
    report = ac.audit_features(trade, loans, build=build, questions=16)
    assert set(report["feature"]) == {"paid_90d"}
    assert set(report["table"]) == {"orders"}
    told = report.set_index("disturbance").loc[kind]
    assert advice in told["message"]
    assert told["rows_moved"] >= 10


def plant_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine leave out orders by their present status."""
    placed = streams._placed

    def leaking(records: ac.Records, stream: streams.Stream, asked: streams.Asked):
        source, time = placed(records, stream, asked)
        more = " AND f.status IS DISTINCT FROM 'closed'" if stream.table == "orders" else ""
        return source + more, time

    monkeypatch.setattr(streams, "_placed", leaking)


ENGINE = {
    "a day too late": ("next_day", set(MEANT)),
    "known late": ("known_late", set(MEANT)),
    "a status": ("untimed", {"orders_paid_count_90d"}),
}


@pytest.mark.parametrize("leak", ENGINE)
def test_a_leak_planted_in_the_engine_is_named(
    trade: ac.Records, loans: ac.Cohort, leak: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, features = ENGINE[leak]
    meant = ac.CATALOGUE.subset(MEANT)
    assert ac.audit_features(trade, loans, meant, questions=16).empty
    if leak == "a status":
        plant_status(monkeypatch)
    else:
        plant_leak(monkeypatch, leak)
    report = ac.audit_features(trade, loans, meant, questions=16)
    told = report[report["disturbance"] == kind]
    assert set(told["feature"]) == features
    assert [ac.CATALOGUE.sources(name) for name in told["feature"]] == [
        (table,) for table in told["table"]
    ]


def peers(end: pd.Timedelta) -> Builder:
    """Divide a merchant's orders of 30 days by those of all merchants, up to an end past as_of."""

    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        made = frame_of(records, "orders")
        known = made["known_at"].fillna(made["created_at"]).clip(lower=made["created_at"])
        shares = []
        for who, as_of in asked.frame[["merchant_id", "as_of"]].to_numpy():
            seen = made[(known < as_of + end) & (made["created_at"] >= as_of - 30 * DAY)]
            shares.append(((seen["merchant_id"] == who).sum() + 1) / (len(seen) + 1))
        return pd.DataFrame({"share": shares})

    return build


@pytest.mark.slow
def test_the_past_of_other_merchants_may_be_read_and_their_future_may_not(
    trade: ac.Records, loans: ac.Cohort
) -> None:
    assert ac.audit_features(trade, loans, build=peers(0 * DAY), questions=16).empty
    report = ac.audit_features(trade, loans, build=peers(DAY), questions=16)
    assert "next_day" in set(report["disturbance"])
    assert set(report["table"]) == {"orders"}


def rate(days_ago: int) -> Builder:
    """Read the exchange rate of a day before as_of, or of its own day, which is not over."""

    def build(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        rates = frame_of(records, "fx_rates")
        by_day = dict(zip(pd.to_datetime(rates["day"]), rates["usd_cny"]))
        days = asked.frame["as_of"].dt.normalize() - days_ago * DAY
        return pd.DataFrame({"rate": [by_day.get(day, np.nan) for day in days]})

    return build


@pytest.mark.slow
def test_rows_that_belong_to_nobody_are_disturbed_too(trade: ac.Records, loans: ac.Cohort) -> None:
    assert ac.audit_features(trade, loans, build=rate(1), questions=16).empty
    report = ac.audit_features(trade, loans, build=rate(0), questions=16)
    assert set(report["table"]) == {"fx_rates"}
    assert report.set_index("disturbance").loc["changed", "rows_moved"] >= 10


@pytest.fixture(scope="module")
def sample() -> ac.Records:
    """Give the sample, but some of its orders become known late, and they carry a status."""
    read = ac.read_records(REPOSITORY / "data" / "sample")
    tables = {name: read[name] for name in read.tables}
    tables["orders"] = late_and_with_status(read)
    return ac.read_records(tables, data_use=USE)


@pytest.mark.slow
def test_the_catalogue_is_cleared_by_two_hundred_questions_of_the_sample(
    sample: ac.Records,
) -> None:
    report = ac.audit_features(sample, ac.Cohort.of_loans(sample))
    assert report.empty
    columns = ["feature", "table", "disturbance", "rows_moved", "example", "message"]
    assert list(report.columns) == columns
    assert report.attrs["questions"] == 200
    assert len(report.attrs["unmoved"]) < 0.3 * len(ac.CATALOGUE)
    assert all(report.attrs["disturbed"][kind] for kind in DISTURBANCES)
    assert {"bank_txns", "fx_rates", "customs"} <= set(report.attrs["disturbed"]["changed"])
