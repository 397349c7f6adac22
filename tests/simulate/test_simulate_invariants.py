"""What holds of every simulated world: money, time, identity, and what drives default."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import InputError
from alicredit.simulate.credit import instalment_days, interest_fen
from alicredit.simulate.world import make_season

Tables = dict[str, pd.DataFrame]


def make(seed: int, months: int) -> tuple[Tables, pd.DataFrame, pd.Timestamp]:
    records, truth = ac.simulate_platform(
        200, seed=seed, months=months, orders_per_month=1, default_rate=0.2
    )
    end = pd.Timestamp(records.notes["observed_until"])
    return {name: records[name].to_pandas() for name in records.tables}, truth, end


@pytest.fixture(scope="module", params=[(1, 18), (2, 30)], ids=["a short world", "a long world"])
def world(request) -> tuple[Tables, pd.DataFrame, pd.Timestamp]:
    return make(*request.param)


def fen(yuan: pd.Series) -> pd.Series:
    return (yuan * 100).round().astype("int64")


FORWARD = {("loans", "due_at"), ("instalments", "due_at"), ("utilities", "due_at")}


def test_nothing_is_known_of_the_time_after_the_end(world) -> None:
    tables, _, end = world
    checked = 0
    for name, frame in tables.items():
        for column in frame:
            known = frame[column].dropna()
            is_time = len(known) and (
                known.dtype.kind == "M" or hasattr(known.iloc[0], "toordinal")
            )
            if not is_time or (name, column) in FORWARD:
                continue
            checked += 1
            assert (pd.to_datetime(known) < end).all(), (name, column)
    assert checked > 20


@pytest.mark.parametrize(
    ("table", "first", "second"),
    [
        ("orders", "created_at", "paid_at"),
        ("orders", "paid_at", "shipped_at"),
        ("orders", "shipped_at", "confirmed_at"),
        ("refunds", "opened_at", "resolved_at"),
        ("loans", "disbursed_at", "due_at"),
        ("applications", "applied_at", "decided_at"),
        ("merchant_history", "event_time", "known_at"),
        ("customs", "declared_at", "status_at"),
    ],
)
def test_times_stand_in_order(world, table: str, first: str, second: str) -> None:
    frame = world[0][table].dropna(subset=[first, second])
    assert len(frame)
    assert (frame[first] <= frame[second]).all()


def test_money_goes_out_after_the_decision_and_within_an_open_limit(world) -> None:
    tables, _, _ = world
    loans = tables["loans"].merge(tables["applications"], on="merchant_id")
    assert len(loans) == len(tables["loans"])
    assert (loans["outcome"] == "approved").all()
    assert (loans["disbursed_at"] >= loans["decided_at"]).all()
    limits = tables["limit_history"].merge(tables["applications"], on="merchant_id")
    assert (limits["valid_from"] >= limits["decided_at"]).all()
    opened = loans.merge(tables["limit_history"], on="merchant_id")["valid_from"]
    assert (loans["disbursed_at"].to_numpy() >= opened.to_numpy()).all()


def test_an_outcome_is_there_exactly_when_it_was_decided(world) -> None:
    applied = world[0]["applications"]
    assert (applied["outcome"].notna() == applied["decided_at"].notna()).all()


def test_no_loan_gives_back_more_principal_than_it_was_lent(world) -> None:
    tables, _, _ = world
    lent = fen(tables["loans"].set_index("loan_id")["principal"])
    back = tables["repayments"].assign(fen=fen(tables["repayments"]["principal"]))
    whole = back.groupby("loan_id")["fen"].sum()
    assert len(whole)
    assert set(whole.index) <= set(lent.index)
    assert (whole <= lent.loc[whole.index]).all()


def test_what_falls_due_is_what_was_lent(world) -> None:
    tables, _, _ = world
    due = tables["instalments"].groupby("loan_id")["principal"].sum()
    lent = fen(tables["loans"].set_index("loan_id")["principal"])
    pd.testing.assert_series_equal(
        due.sort_index(), lent.sort_index(), check_names=False, check_index_type=False
    )


def test_all_money_that_came_back_is_principal_interest_or_penalty(world) -> None:
    back = world[0]["repayments"]
    parts = fen(back["principal"]) + fen(back["interest"]) + fen(back["penalty"])
    assert (parts == fen(back["amount"])).all()
    assert (back[["principal", "interest", "penalty"]] >= 0).all(axis=None)


def test_interest_and_penalty_of_draws_are_those_of_the_product(world) -> None:
    tables, _, _ = world
    back = tables["repayments"].merge(
        tables["loans"][["loan_id", "principal", "disbursed_at"]], on="loan_id",
        suffixes=("", "_lent"),
    )  # fmt: skip
    back = back[back["channel"].isin(["auto_order", "manual"])]
    held = (back["at"].dt.normalize() - back["disbursed_at"].dt.normalize()).dt.days
    want = np.floor(fen(back["principal_lent"]) * 5 * held.clip(upper=30) / 10_000 + 0.5)
    assert (fen(back["interest"]) == want).all()
    over = (held - 30).clip(lower=0)
    want = np.floor(fen(back["principal_lent"]) * 7.5 * over / 10_000 + 0.5)
    assert (fen(back["penalty"]) == want).all()
    assert ((back["penalty"] > 0) == (over > 0)).all()


def test_interest_of_the_worked_examples_of_order_loans() -> None:
    principal = np.array([500_000, 500_000, 700_000, 764_706, 100, 100_000_000])
    days = np.array([6, 1, 4, 4, 1, 30])
    assert interest_fen(principal, days).tolist() == [1500, 250, 1400, 1529, 0, 1_500_000]
    assert interest_fen(np.array([100]), np.array([10])).tolist() == [1]


def test_instalments_fall_due_by_months_and_end_with_the_year() -> None:
    days = instalment_days()
    assert days[-1] == 365
    assert set(np.diff(days)) <= {30, 31}


def test_after_a_draw_that_is_never_repaid_there_is_no_other(world) -> None:
    tables, _, end = world
    draws = tables["loans"].query("product_id == 'taobao_order'")
    back = fen(tables["repayments"].set_index("loan_id")["principal"])
    whole = back.groupby(level=0).sum().reindex(draws["loan_id"], fill_value=0).to_numpy()
    late = draws["disbursed_at"] < end - pd.Timedelta(days=60)
    fatal = draws[(whole < fen(draws["principal"])) & late]
    assert len(fatal) > 3
    last = draws.groupby("merchant_id")["disbursed_at"].max()
    assert (fatal["disbursed_at"].to_numpy() == last.loc[fatal["merchant_id"]].to_numpy()).all()


def test_the_blacklisted_have_a_loan_that_was_not_repaid(world) -> None:
    tables, _, _ = world
    lent = tables["loans"].groupby("merchant_id")["principal"].sum()
    back = tables["repayments"].merge(tables["loans"][["loan_id", "merchant_id"]], on="loan_id")
    paid = back.groupby("merchant_id")["principal"].sum().reindex(lent.index, fill_value=0)
    black = tables["blacklist"]
    assert len(black)
    assert (paid.loc[black["merchant_id"]] < lent.loc[black["merchant_id"]]).all()
    sealed = tables["account_events"][["merchant_id", "at"]].to_numpy().tolist()
    assert black[["merchant_id", "from"]].to_numpy().tolist() == sealed


def test_each_pledge_is_four_fifths_of_its_own_merchants_order(world) -> None:
    tables, _, _ = world
    pledged = tables["loan_orders"].merge(tables["loans"], on="loan_id")
    pledged = pledged.merge(tables["orders"], on="order_id", suffixes=("", "_order"))
    assert len(pledged) == (tables["loans"]["product_id"] == "taobao_order").sum()
    assert (pledged["merchant_id"] == pledged["merchant_id_order"]).all()
    assert (pledged["pledged_amount"] <= 0.8 * pledged["amount"] + 1e-6).all()
    assert (pledged["created_at"] < pledged["disbursed_at"]).all()
    assert pledged["order_id"].is_unique


def test_there_is_a_true_probability_for_each_loan(world) -> None:
    tables, truth, _ = world
    assert truth["loan_id"].tolist() == tables["loans"]["loan_id"].tolist()
    assert (truth["as_of"] == tables["loans"]["disbursed_at"]).all()
    assert truth["true_pd"].between(0, 1, inclusive="neither").all()
    draws = truth.dropna(subset=["true_pd_draw"])
    assert (draws["true_pd_draw"] < draws["true_pd"]).all()


def test_every_row_names_a_merchant_of_the_platform(world) -> None:
    tables, _, _ = world
    known = set(tables["merchants"]["merchant_id"])
    for name, frame in tables.items():
        assert set(frame.get("merchant_id", [])) <= known, name


@pytest.mark.parametrize("year", [2009, 2011, 2012])
def test_the_year_has_its_two_peaks_and_a_quiet_february(year: int) -> None:
    first = np.datetime64(f"{year}-01-01", "D")
    days = 366 if year == 2012 else 365
    season = pd.Series(
        make_season(int(first.astype(int)), days), pd.date_range(f"{year}-01-01", periods=days)
    )
    assert season.idxmax() == pd.Timestamp(f"{year}-11-11")
    assert season.drop(season.idxmax()).idxmax() == pd.Timestamp(f"{year}-12-12")
    assert season.max() / season.mean() == pytest.approx(7, rel=0.1)
    assert season.groupby(season.index.month).mean().idxmin() == 2
    plain = season[season < 2]
    weekend = plain.index.day_of_week >= 5
    assert plain[weekend].mean() < plain[~weekend].mean()


def test_the_larger_the_buffer_the_smaller_the_risk_in_the_same_condition(world) -> None:
    _, truth, _ = world
    draws = truth.dropna(subset=["true_pd_draw"])
    one = draws[draws["condition"] == "healthy"].drop_duplicates("merchant_id")
    assert len(one) > 20
    assert one["buffer"].corr(one["true_pd_draw"], method="spearman") < -0.5


@pytest.mark.parametrize(
    "bad",
    [{"n_merchants": 49}, {"n_merchants": "60"}, {"n_merchants": 60.0}, {"seed": None},
     {"seed": 1.5}, {"seed": True}, {"months": 241}, {"months": "12"},
     {"orders_per_month": np.nan}, {"orders_per_month": 1e9}, {"default_rate": np.inf},
     {"default_rate": None}, {"start": None}, {"start": 2009}, {"start": "01/07/2009"}],
    ids=str,
)  # fmt: skip
def test_what_makes_no_world_is_refused_by_name(bad) -> None:
    good = {"n_merchants": 60, "seed": 1, "months": 12}
    with pytest.raises(InputError, match=next(iter(bad))):
        ac.simulate_platform(**(good | bad))
