"""Vintages and roll rates agree with the days of the replayed book."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from ledger_stage import START, book, day
from scipy import stats

import alicredit as ac
from alicredit.errors import InputError
from alicredit.ledger import BUCKETS, Postings, read_postings, replay
from alicredit.loans import add_months
from alicredit.monitoring import roll_rates, vintages

UNTIL = pd.Timestamp("2013-06-30")


@pytest.fixture(scope="module")
def postings() -> Postings:
    """The ledger of a platform with many defaults, of loans lent in two years."""
    records = ac.simulate_platform(1200, seed=6, orders_per_month=0.5, default_rate=0.1)[0]
    made = read_postings(records)
    lent = made.loans["disbursed_at"]
    some = made.loans[(lent >= "2011-07-01") & (lent < "2013-03-01")]
    return Postings(some, made.dues, made.payments, made.events)


@pytest.fixture(scope="module")
def worst(postings) -> pd.DataFrame:
    """Each loan's first day beyond 30 and 90 days past due, and its balance then, by replay."""
    states = replay(postings, pd.date_range("2011-07-01", UNTIL))
    parts = {}
    for limit in (30, 90):
        beyond = states[states["days_past_due"] > limit]
        first = beyond.drop_duplicates("loan_id").set_index("loan_id")
        parts[f"day_{limit}"], parts[f"fen_{limit}"] = first["day"], first["balance_fen"]
    return postings.loans.set_index("loan_id").join(pd.DataFrame(parts))


@pytest.mark.parametrize("limit", [30, 90])
def test_vintages_are_what_the_replayed_days_say(postings, worst, limit) -> None:
    curves = vintages(postings, observed_until=UNTIL, days_past_due=limit, months=9, by="quarter")
    period = worst["disbursed_at"].dt.to_period("Q").dt.start_time
    assert set(curves["vintage"]) == set(period.unique())
    assert curves["bad_loans"].max() > 3
    for row in curves.itertuples():
        mine = worst[period == row.vintage]
        ends = pd.Series(
            [add_months(at.date(), row.months_on_book) for at in mine["disbursed_at"]], mine.index
        )
        assert ends.max() <= UNTIL.date()
        hit = mine[f"day_{limit}"].dt.date <= ends
        assert (row.loans, row.bad_loans) == (len(mine), hit.sum())
        assert row.rate == pytest.approx(hit.mean())
        assert row.rate_low <= row.rate <= row.rate_high
        assert row.lent_fen == mine["principal_fen"].sum()
        assert row.bad_fen == mine.loc[hit, f"fen_{limit}"].sum()


def test_a_vintage_is_told_only_to_the_age_its_youngest_loan_has_reached(postings) -> None:
    curves = vintages(postings, observed_until=UNTIL, months=12)
    oldest = curves.groupby("vintage")["months_on_book"].max()
    assert oldest.is_monotonic_decreasing
    assert oldest[pd.Timestamp("2013-02-01")] == 4
    assert oldest[pd.Timestamp("2011-07-01")] == 12
    assert curves.groupby("vintage")["rate"].apply(lambda r: r.is_monotonic_increasing).all()


def test_what_is_not_known_yet_changes_no_rate(postings) -> None:
    early = pd.Timestamp("2012-12-31")
    known = Postings(
        postings.loans[postings.loans["disbursed_at"] < early + pd.Timedelta(days=1)],
        postings.dues, postings.payments[postings.payments["day"] <= early], postings.events,
    )  # fmt: skip
    pd.testing.assert_frame_equal(
        vintages(postings, observed_until=early), vintages(known, observed_until=early)
    )


def test_a_vintage_by_hand() -> None:
    made = book([(0, 30, 101_500), (1, 30, 101_500)], [(1, 30, 101_500, 100_000),
                                                       (0, 60, 40_000, 40_000)])  # fmt: skip
    curve = vintages(made, observed_until=day(200), months=6).set_index("months_on_book")
    # 1 January and 121 days is 1 May: beyond 90 days past due in the fourth month, to the day.
    assert curve["bad_loans"].tolist() == [0, 0, 0, 1, 1, 1]
    assert curve.loc[4, ["bad_fen", "lent_fen", "rate_of_amount"]].tolist() == [
        60_000,
        200_000,
        0.3,
    ]
    assert curve.loc[3, "rate_low"] == 0
    assert curve.loc[3, "rate_high"] == pytest.approx(stats.beta.ppf(0.975, 0.5, 2.5))


def copied(made: Postings, times: int, *, own_merchant: bool) -> Postings:
    """Copy each loan with all that became of it; its copies are its merchant's, or each its own."""

    def many(frame: pd.DataFrame) -> pd.DataFrame:
        parts = [frame.assign(loan_id=frame["loan_id"] + f"/{k}") for k in range(times)]
        return pd.concat(parts, ignore_index=True)

    loans = many(made.loans.assign(merchant_id=made.loans["loan_id"]))
    if own_merchant:
        loans["merchant_id"] = loans["loan_id"]
    return Postings(loans, many(made.dues), many(made.payments), made.events[:0])


def test_loans_that_share_a_fate_tell_no_more_than_one_of_them(postings) -> None:
    asked = {"observed_until": UNTIL, "days_past_due": 30, "months": 9, "by": "year"}
    once = vintages(copied(postings, 1, own_merchant=True), **asked)
    some = (once["bad_loans"] > 2).to_numpy()
    assert some.sum() > 3
    k, n = once["bad_loans"][some], once["loans"][some]
    for column, level in (("rate_low", 0.025), ("rate_high", 0.975)):
        wanted = stats.beta.ppf(level, k + 0.5, n - k + 0.5)
        np.testing.assert_allclose(once[column][some], wanted, rtol=1e-6)
    shared = vintages(copied(postings, 6, own_merchant=False), **asked)
    apart = vintages(copied(postings, 6, own_merchant=True), **asked)
    assert shared["rate"].tolist() == once["rate"].tolist()
    for column in ("rate_low", "rate_high"):
        np.testing.assert_allclose(shared[column], once[column], rtol=0.02)
    width, narrow = (each["rate_high"] - each["rate_low"] for each in (shared, apart))
    assert (narrow[some] < 0.6 * width[some]).all()


def test_an_interval_holds_its_rate(postings) -> None:
    curves = vintages(postings, observed_until=UNTIL, months=12)
    assert (curves["rate_low"] <= curves["rate"]).all()
    assert (curves["rate"] <= curves["rate_high"]).all()


NO_DAYS = [20121231, "31/12/2012", pd.Timestamp("2012-12-31", tz="UTC"), None, "soon"]


@pytest.mark.parametrize("until", NO_DAYS)
def test_an_end_that_could_be_mistaken_is_refused(postings, until) -> None:
    with pytest.raises(InputError, match="observed_until"):
        vintages(postings, observed_until=until)


@pytest.mark.parametrize("days", [[each] for each in NO_DAYS] + ["2012-12-31", 20121231, None])
def test_days_that_could_be_mistaken_are_refused(postings, days) -> None:
    with pytest.raises(InputError, match="days"):
        replay(postings, days)


@pytest.fixture(scope="module")
def looks(postings) -> pd.DataFrame:
    """The book at the end of each month."""
    return replay(postings, pd.date_range("2011-07-31", UNTIL, freq="ME"))


@pytest.mark.parametrize("by", ["bucket", "state"])
def test_roll_rates_are_counts_of_pairs(looks, by) -> None:
    rolled = roll_rates(looks, by=by)
    sums = rolled.groupby(["day", "before"], observed=True)[["rate", "rate_of_balance"]].sum()
    assert np.allclose(sums, 1)
    days = sorted(looks["day"].unique())
    for now, then in pairwise(days):
        one = looks[(looks["day"] == now) & (looks["balance_fen"] > 0)]
        two = looks[looks["day"] == then].set_index("loan_id")
        state, place = two["state"].astype(str), two[by].astype(str)
        after = one["loan_id"].map(place.where(~state.isin(["closed"]), "closed"))
        want = pd.crosstab(one[by].astype(str).to_numpy(), after.to_numpy())
        mine = rolled[(rolled["day"] == now) & (rolled["loans"] > 0)]
        got = mine.set_index(["before", "after"])["loans"].to_dict()
        assert got == want.stack()[lambda n: n > 0].to_dict()
        assert mine["balance_fen"].sum() == one["balance_fen"].sum()


def test_pooled_rates_are_those_of_all_looks_together(looks) -> None:
    rolled, pooled = roll_rates(looks), roll_rates(looks, pooled=True)
    sums = rolled.groupby(["before", "after"], observed=True)[["loans", "balance_fen"]].sum()
    got = pooled.set_index(["before", "after"])[["loans", "balance_fen"]]
    assert (got == sums.reindex(got.index)).all(axis=None)
    forward = [
        pooled.loc[(pooled["before"] == a) & (pooled["after"] == b), "rate"].sum()
        for a, b in pairwise(BUCKETS)
    ]
    assert forward[0] < 0.05
    assert forward[2] > 0.5
    back = pooled[(pooled["before"] > pooled["after"]) & pooled["before"].isin(BUCKETS[4:])]
    assert back["rate"].max() < 0.5


def test_a_write_off_is_an_end_of_its_own() -> None:
    made = book([(0, 30, 101_500)], [], signs=[(0, 130, "written_off")])
    states = replay(made, [day(120), day(150), day(180)])
    rolled = roll_rates(states)
    assert rolled[rolled["loans"] > 0][["before", "after"]].to_numpy().tolist() == [
        ["61-90", "written_off"]
    ]


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda p: vintages(p, observed_until=UNTIL, by="day"), "by"),
        (lambda p: vintages(p, observed_until=UNTIL, months=0), "months"),
        (lambda p: vintages(p, observed_until=START - pd.Timedelta(days=1)), "postings"),
        (lambda p: roll_rates(p.loans), "day"),
        (lambda p: roll_rates(replay(p, [day(3)]), by="grade"), "by"),
    ],
)
def test_what_cannot_be_asked_is_refused(call, argument) -> None:
    with pytest.raises(InputError, match=argument):
        call(book([(0, 30, 101_500)], []))
