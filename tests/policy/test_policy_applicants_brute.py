"""Facts of applicants, counted again merchant by merchant with loops over plain rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.policy import build_applicants

USE = {"bank_txns": {"purpose": "credit decision", "legal_basis": "consent"}}
DAY = pd.Timedelta(days=1)
MOMENTS = ["2011-03-01", "2012-11-11 12:30", "2013-05-01"]


@pytest.fixture(scope="module")
def platform() -> ac.Records:
    """Give a simulated platform some of whose orders are closed, cash on delivery or virtual."""
    made = ac.simulate_platform(150, seed=5, orders_per_month=5, default_rate=0.25)[0]
    tables = {name: made[name].to_pandas() for name in made.tables}
    orders, rng = tables["orders"], np.random.default_rng(0)
    size = len(orders)
    days = pd.to_timedelta(rng.integers(1, 20, size), unit="D")
    tables["orders"] = orders.assign(
        payment=rng.choice(["escrow", "cod"], size, p=[0.9, 0.1]),
        is_virtual_goods=rng.random(size) < 0.1,
        closed_at=(orders["created_at"] + days).where(rng.random(size) < 0.1),
    )
    return ac.read_records(tables, data_use=USE)


@pytest.fixture(scope="module")
def tables(platform: ac.Records) -> dict[str, pd.DataFrame]:
    return {name: platform[name].to_pandas() for name in platform.tables}


@pytest.fixture(scope="module", params=MOMENTS)
def facts(request, platform: ac.Records) -> tuple[pd.Timestamp, pd.DataFrame]:
    frame = build_applicants(platform, ac.Cohort.at(platform, request.param))
    return pd.Timestamp(request.param), frame.set_index("merchant_id")


@pytest.fixture(scope="module")
def own(tables: dict[str, pd.DataFrame]) -> Callable[[str, str], pd.DataFrame]:
    """Give the rows of a merchant in a table, taken apart once."""
    apart: dict[str, dict[str, pd.DataFrame]] = {}

    def of(name: str, merchant: str) -> pd.DataFrame:
        if name not in apart:
            apart[name] = dict(list(tables[name].groupby("merchant_id")))
        return apart[name].get(merchant, tables[name][:0])

    return of


def set_aside(orders: pd.DataFrame, at: pd.Timestamp) -> set[str]:
    """List buyers of one merchant's orders who confirm within a day of shipment too often."""
    fast: dict[str, int] = {}
    confirmed: dict[str, int] = {}
    for order in orders.itertuples():
        if pd.isna(order.confirmed_at) or not at - 180 * DAY <= order.confirmed_at < at:
            continue
        confirmed[order.buyer_id] = confirmed.get(order.buyer_id, 0) + 1
        if pd.Timedelta(0) <= order.confirmed_at - order.shipped_at < DAY:
            fast[order.buyer_id] = fast.get(order.buyer_id, 0) + 1
    return {buyer for buyer, n in fast.items() if n >= 2 and 3 * n >= confirmed[buyer]}


def fen(amount: float) -> int:
    return round(amount * 100)


def test_ratings_of_the_last_year(tables, facts) -> None:
    at, frame = facts
    orders = tables["orders"].set_index("order_id")["merchant_id"]
    ratings = tables["ratings"].assign(merchant_id=tables["ratings"]["order_id"].map(orders))
    window = (ratings["rated_at"] < at) & (ratings["rated_at"] >= at - pd.Timedelta(days=365))
    given = dict(list(ratings[window].groupby("merchant_id")))
    for merchant, line in frame.iterrows():
        mine = given.get(merchant, ratings[:0])
        assert line["ratings"] == len(mine)
        if len(mine):
            assert line["positive_rating_share"] == pytest.approx((mine["polarity"] == 1).mean())
        else:
            assert math.isnan(line["positive_rating_share"])


def test_violations_of_the_last_year(own, facts) -> None:
    at, frame = facts
    for merchant, line in frame.iterrows():
        points = 0.0
        for row in own("violations", merchant).itertuples():
            if at - pd.Timedelta(days=365) <= row.at < at:
                points += row.points
        assert line["violation_points_365d"] == points


def test_who_is_on_the_blacklist(own, facts) -> None:
    at, frame = facts
    for merchant, line in frame.iterrows():
        listed = False
        for row in own("blacklist", merchant).to_dict("records"):
            ends = row.get("to")
            listed |= row["from"] < at and (ends is None or pd.isna(ends) or ends >= at)
        assert bool(line["blacklisted"]) is listed


def test_what_is_owed_is_what_was_lent_less_what_came_back(tables, own, facts) -> None:
    at, frame = facts
    came = tables["repayments"][tables["repayments"]["at"] < at]
    came = {loan: list(rows) for loan, rows in came.groupby("loan_id")["principal"]}
    for merchant, line in frame.iterrows():
        owed = 0
        for loan in own("loans", merchant).itertuples():
            if loan.disbursed_at >= at:
                continue
            back = sum(fen(each) for each in came.get(loan.loan_id, []))
            owed += max(fen(loan.principal) - back, 0)
        assert fen(line["outstanding"]) == owed


def test_monthly_sales_are_the_median_of_six_periods_of_settled_sales(tables, own, facts) -> None:
    at, frame = facts
    refunds = tables["refunds"].groupby("order_id")
    month = pd.Timedelta(days=30)
    for merchant, line in frame.iterrows():
        periods = [0] * 6
        mine = own("orders", merchant)
        aside = set_aside(mine, at)
        for order in mine.itertuples():
            when = order.confirmed_at
            if pd.isna(when) or not at - 6 * month <= when < at or order.buyer_id in aside:
                continue
            periods[math.ceil((at - when) / month) - 1] += fen(order.amount)
            if order.order_id not in refunds.groups:
                continue
            for refund in refunds.get_group(order.order_id).itertuples():
                if at - 6 * month <= refund.opened_at < at:
                    place = math.ceil((at - refund.opened_at) / month) - 1
                    periods[place] -= fen(refund.amount)
        ranked = sorted(max(each, 0) for each in periods)
        assert line["monthly_sales_median_180d"] == pytest.approx((ranked[2] + ranked[3]) / 200)


def test_the_order_base_holds_what_is_shipped_unconfirmed_unpledged_and_unclaimed(
    tables, own, facts
) -> None:
    at, frame = facts
    day = pd.Timedelta(days=1)
    loans = tables["loans"].set_index("loan_id")
    back = tables["repayments"]
    back = back[back["at"] < at].groupby("loan_id")["principal"].sum()
    pledges = tables["loan_orders"].groupby("order_id")["loan_id"].apply(list).to_dict()
    claimed = set(tables["refunds"].loc[tables["refunds"]["opened_at"] < at, "order_id"])
    for merchant, line in frame.iterrows():
        mine = own("orders", merchant)
        mine = mine[mine["created_at"] < at]
        base = 0
        aside = set_aside(mine, at)
        for order in mine.itertuples():
            if pd.isna(order.shipped_at) or order.shipped_at >= at or order.buyer_id in aside:
                continue
            if pd.notna(order.confirmed_at) and order.confirmed_at < at:
                continue
            if pd.notna(order.closed_at) and order.closed_at < at:
                continue
            if order.created_at < at - 30 * day or order.order_id in claimed:
                continue
            if order.payment == "cod" or order.is_virtual_goods:
                continue
            is_pledged = False
            for pledged in pledges.get(order.order_id, []):
                loan = loans.loc[pledged]
                owes = fen(loan["principal"]) - fen(back.get(pledged, 0.0)) > 0
                is_pledged |= loan["disbursed_at"] < at and owes
            if not is_pledged:
                base += fen(order.amount)
        asked = tables["refunds"][tables["refunds"]["order_id"].isin(mine["order_id"])]
        asked = asked[(asked["opened_at"] < at) & (asked["opened_at"] >= at - 90 * day)]
        paid = mine[(mine["paid_at"] < at) & (mine["paid_at"] >= at - 90 * day)]
        sold = sum(fen(each) for each in paid["amount"])
        share = sum(fen(each) for each in asked["amount"]) / sold if sold and base else 0.0
        haircut = min(max(share, 0.02), 1.0)
        want = math.floor(base * (1 - haircut)) / 100
        assert line["order_base"] == pytest.approx(want, abs=0.011)


def test_registration_and_shop_are_what_was_known(tables, facts) -> None:
    at, frame = facts
    merchants = tables["merchants"].set_index("merchant_id")
    is_known = merchants["registered_at"].map(pd.Timestamp) < at
    assert set(frame.index) == set(merchants.index[is_known])
    for merchant, line in frame.iterrows():
        row = merchants.loc[merchant]
        assert line["platform"] == row["platform"]
        assert pd.Timestamp(line["registered_at"]) == pd.Timestamp(row["registered_at"])
        opened = row["shop_opened_at"]
        if opened is None or pd.isna(opened) or pd.Timestamp(opened) >= at:
            assert pd.isna(line["shop_opened_at"])
        else:
            assert pd.Timestamp(line["shop_opened_at"]) == pd.Timestamp(opened)
        assert line["snapshots"] == 1


def test_the_last_change_before_the_moment_counts(tables, own, facts) -> None:
    at, frame = facts
    merchants = tables["merchants"].set_index("merchant_id")
    for merchant, line in frame.iterrows():
        now = {name: merchants.loc[merchant, name] for name in ("membership", "region")}
        history = own("merchant_history", merchant).sort_values("event_time", kind="stable")
        for change in history.itertuples():
            known = getattr(change, "known_at", change.event_time)
            known = change.event_time if pd.isna(known) else known
            if change.field in now and change.event_time < at and known < at:
                now[change.field] = change.value
        assert {name: line[name] for name in now} == now


TIMES = {
    "orders": "created_at", "refunds": "opened_at", "ratings": "rated_at", "violations": "at",
    "loans": "disbursed_at", "repayments": "at", "blacklist": "from",
    "merchant_history": "event_time", "account_events": "at", "bank_txns": "at",
}  # fmt: skip
LATER = {"orders": ["paid_at", "shipped_at", "confirmed_at", "closed_at"]}


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_of_later_changes_a_fact(platform, tables, moment: str) -> None:
    """Records cut off at the moment, columns that fill in later emptied, say the very same."""
    at = pd.Timestamp(moment)
    cut = {}
    for name, frame in tables.items():
        mine = frame[frame[TIMES[name]] < at] if name in TIMES else frame
        for column in LATER.get(name, []):
            mine = mine.assign(**{column: mine[column].where(mine[column] < at)})
        cut[name] = mine
    kept_loans = cut["loans"]["loan_id"]
    for name in ("instalments", "loan_orders"):
        cut[name] = cut[name][cut[name]["loan_id"].isin(kept_loans)]
    kept_orders = cut["orders"]["order_id"]
    cut["loan_orders"] = cut["loan_orders"][cut["loan_orders"]["order_id"].isin(kept_orders)]
    cut = {name: frame for name, frame in cut.items() if len(frame)}
    records = ac.read_records(cut, data_use=USE)
    cohort = ac.Cohort.at(platform, moment)
    whole, part = build_applicants(platform, cohort), build_applicants(records, cohort)
    pd.testing.assert_frame_equal(whole, part, check_exact=True)


def test_facts_of_a_part_are_the_part_of_the_facts(platform) -> None:
    cohort = ac.Cohort.at(platform, "2013-05-01")
    whole = build_applicants(platform, cohort)
    picked = np.random.default_rng(0).permutation(len(cohort))[:40]
    part = build_applicants(platform, cohort[picked])
    want = whole.iloc[picked].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, want, check_exact=True)


def test_one_frame_answers_questions_of_many_moments(platform) -> None:
    frames = [ac.Cohort.at(platform, moment) for moment in MOMENTS]
    asked = ac.Cohort.from_frame(
        pd.concat([cohort.frame for cohort in frames], ignore_index=True).sample(
            frac=1, random_state=1
        )
    )
    together = build_applicants(platform, asked)
    alone = pd.concat([build_applicants(platform, cohort) for cohort in frames])
    keys = ["merchant_id", "as_of"]
    pd.testing.assert_frame_equal(
        together.sort_values(keys, ignore_index=True),
        alone.sort_values(keys, ignore_index=True),
        check_exact=True,
    )
