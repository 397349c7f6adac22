"""Planted effects of loans are found with sign and size, none where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.errors import InputError, RecordError
from alicredit.funds.effects import dyadic_mean
from alicredit.monitoring import UseOfFunds, use_of_funds
from alicredit.vocabulary import FUNDS_CAVEAT, FUNDS_OUTCOMES, FUNDS_READINGS, FUNDS_STATUSES

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2012-01-01")
DAYS = 120
AS_OF = START + DAYS * DAY
USE = {"bank_txns": {"purpose": "monitoring", "legal_basis": "consent"}}

Tables = dict[str, pd.DataFrame]


def stage(seed: int, merchants: int = 80, borrowers: int = 40, **lift: float) -> Tables:
    """A platform of equal days; after a loan, what is named in ``lift`` is multiplied."""
    rng = np.random.default_rng(seed)
    names = np.array([f"m{k:03d}" for k in range(merchants)])
    level = np.exp(0.3 * rng.normal(size=merchants))
    lent = np.full(merchants, 10**6)
    lent[:borrowers] = rng.integers(60, 100, borrowers)
    day, who = (each.ravel() for each in np.meshgrid(np.arange(DAYS), np.arange(merchants)))
    after = day > lent[who]

    def lifted(name: str) -> np.ndarray:
        return level[who] * np.where(after, lift.get(name, 1.0), 1.0)

    count = rng.poisson(3 * lifted("orders"))
    row = np.repeat(np.arange(len(day)), count)
    at = START + pd.to_timedelta(day[row] * 86_400 + rng.integers(0, 86_000, len(row)), "s")
    dates = START + pd.to_timedelta(day, "D")
    noon = dates + pd.Timedelta(hours=12)
    moved = rng.gamma(2.0, 50.0, len(day)) * lifted("supplier_payments")
    sent = rng.gamma(2.0, 20.0, len(day)) * level[who]
    sent = sent * np.where((day == lent[who]) | (day == lent[who] + 1),
                           lift.get("transfers_out", 1.0), 1.0)  # fmt: skip
    bank = pd.concat([
        pd.DataFrame({"merchant_id": names[who], "at": noon, "amount": -amount.round(2),
                      "kind": kind})
        for amount, kind in ((moved, "supplier"), (sent, "other"))
    ], ignore_index=True)  # fmt: skip
    loan = np.arange(borrowers)
    return {
        "merchants": pd.DataFrame({"merchant_id": names, "platform": "taobao",
                                   "registered_at": pd.Timestamp("2010-01-01")}),
        "orders": pd.DataFrame({
            "order_id": [f"o{k}" for k in range(len(row))], "merchant_id": names[who[row]],
            "buyer_id": "b", "created_at": at, "paid_at": at, "amount":
            rng.gamma(4.0, 25.0, len(row)).round(2), "category": np.where(who[row] % 2, "a", "b")}),
        "traffic_daily": pd.DataFrame({
            "merchant_id": names[who], "day": dates, "uv": rng.poisson(50 * lifted("traffic")),
            "ad_spend": (rng.gamma(2.0, 10.0, len(day)) * lifted("ad_spend")).round(2)}),
        "bank_txns": bank,
        "loans": pd.DataFrame({
            "loan_id": [f"l{k:03d}" for k in loan], "merchant_id": names[loan], "rate": 0.0005,
            "product_id": "taobao_credit", "principal": 10_000.0,
            "disbursed_at": START + pd.to_timedelta(lent[loan] * 24 + 10, "h"),
            "due_at": START + pd.to_timedelta(lent[loan] + 30, "D")}),
    }  # fmt: skip


def records_of(tables: Tables) -> ac.Records:
    return ac.read_records(tables, data_use=USE)


def found(tables: Tables, **options) -> UseOfFunds:
    return use_of_funds(records_of(tables), **({"as_of": AS_OF} | options))


@pytest.mark.parametrize(
    ("name", "lift", "reading"),
    [("ad_spend", 1.5, "rose"), ("orders", 1.4, "rose"),
     ("supplier_payments", 1.6, "rose"), ("transfers_out", 5.0, "rose"), ("orders", 0.6, "fell"),
     ("traffic", 0.7, "fell")],
)  # fmt: skip
def test_a_planted_change_is_found_with_its_sign_and_size(name, lift, reading) -> None:
    told = found(stage(1, **{name: lift}))
    summary = told.summary.set_index("outcome")
    row = summary.loc[name]
    assert row["reading"] == reading
    planted = row["before"] * (lift - 1)
    se = (row["effect_high"] - row["effect_low"]) / (2 * 1.96)
    assert abs(row["effect"] - planted) < 3 * se
    assert abs(row["effect"] - planted) < 0.35 * abs(planted)
    assert np.sign(row["effect_size"]) == np.sign(lift - 1)
    others = summary.drop(index=[name, *(["sales"] if name == "orders" else [])])
    assert (others["reading"] == "no_difference").sum() >= len(others) - 1
    assert (told.loans["status"] == "compared").sum() > 25


def test_without_an_effect_intervals_hold_zero_about_as_often_as_they_say() -> None:
    holds = []
    for seed in range(10):
        summary = found(stage(100 + seed, merchants=60, borrowers=25)).summary
        holds.append(((summary["log_effect_low"] <= 0) & (summary["log_effect_high"] >= 0)).mean())
    # 60 intervals of 95 %, sales and orders of one merchant hang together
    assert np.mean(holds) > 0.86


def test_the_variance_of_a_mean_over_pairs_is_what_members_share() -> None:
    """Against the sum over all pairs of pairs that share a member, written as a loop."""
    rng = np.random.default_rng(3)
    one, other = rng.integers(0, 8, 40), rng.integers(8, 20, 40)
    value, weight = rng.normal(1, 2, 40), rng.uniform(0.2, 1, 40)
    mean = (value * weight).sum() / weight.sum()
    error = weight * (value - mean) / weight.sum()
    both = only = 0.0
    for i in range(40):
        for j in range(40):
            shared = {one[i], other[i]} & {one[j], other[j]}
            both += error[i] * error[j] * bool(shared)
            only += error[i] * error[j] * (one[i] == one[j])
    several = len(set(one))
    told = dyadic_mean(value, weight, one, other)
    assert told.value == pytest.approx(mean)
    assert told.se == pytest.approx(np.sqrt(max(both, only) * several / (several - 1)))


def within(frame: pd.DataFrame, time: str, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
    """Rows whose time lies in a window."""
    return frame[(frame[time] >= start) & (frame[time] < stop)]


def brute(tables: Tables, loan: pd.Series) -> dict[str, tuple[float, float]]:
    """A loan's outcomes a day, before and after, by loops over the tables."""
    d = loan["disbursed_at"].normalize()
    mine = {name: tables[name][tables[name]["merchant_id"] == loan["merchant_id"]]
            for name in ("orders", "traffic_daily", "bank_txns")}  # fmt: skip
    told: dict[str, list[float]] = {name: [] for name in FUNDS_OUTCOMES}
    for k, (start, stop, days) in enumerate(((d - 28 * DAY, d, 28), (d + DAY, d + 15 * DAY, 14))):
        orders = within(mine["orders"], "paid_at", start, stop)
        visits = within(mine["traffic_daily"], "day", start, stop)
        spent = within(mine["bank_txns"], "at", start, stop)
        told["orders"].append(len(orders) / days)
        told["sales"].append(orders["amount"].sum() / days)
        told["traffic"].append(visits["uv"].mean())
        told["ad_spend"].append(visits["ad_spend"].mean())
        supplied = spent.loc[spent["kind"] == "supplier", "amount"].sum()
        told["supplier_payments"].append(-supplied / days)
        begin, end, length = (start, stop, days) if k == 0 else (d, d + 2 * DAY, 2)
        moved = within(mine["bank_txns"], "at", begin, end)
        told["transfers_out"].append(-moved.loc[moved["kind"] == "other", "amount"].sum() / length)
    return {name: tuple(values) for name, values in told.items()}


def neighbours_by_hand(tables: Tables, loan: pd.Series) -> list[str]:
    """The three nearest of the borrower's category who did not borrow, by a loop."""
    d = loan["disbursed_at"].normalize()
    loans = tables["loans"]
    busy = set(loans.loc[loans["disbursed_at"] < d + 15 * DAY, "merchant_id"])  # none is repaid

    def path(merchant: str) -> np.ndarray:
        mine = tables["orders"][tables["orders"]["merchant_id"] == merchant]
        logs = []
        for stop in (d, d - 28 * DAY):
            window = (mine["paid_at"] >= stop - 28 * DAY) & (mine["paid_at"] < stop)
            logs.append(np.log1p(mine.loc[window, "amount"].sum()))
        return np.array([logs[0], logs[0] - logs[1]])

    kind = tables["orders"].drop_duplicates("merchant_id").set_index("merchant_id")["category"]
    free = [m for m in tables["merchants"]["merchant_id"]
            if m not in busy and kind[m] == kind[loan["merchant_id"]]]  # fmt: skip
    spread = np.std([path(m) for m in free], axis=0)
    mine = path(loan["merchant_id"]) / spread
    gaps = sorted((float(np.linalg.norm(path(m) / spread - mine)), m) for m in free)
    return [m for gap, m in gaps[:3] if gap <= 0.5]


def test_each_loan_is_what_loops_over_the_tables_find() -> None:
    tables = stage(7, merchants=40, borrowers=8, traffic=1.4)
    told = found(tables)
    asked = tables["loans"].set_index("loan_id")
    for row in told.loans.to_dict("records"):
        loan = asked.loc[row["loan_id"]]
        mine = brute(tables, loan)
        near = neighbours_by_hand(tables, loan)
        assert row["neighbours"] == len(near)
        theirs = [brute(tables, pd.Series({**loan, "merchant_id": m})) for m in near]
        for name, (before, after) in mine.items():
            assert row[f"{name}_before"] == pytest.approx(before)
            assert row[f"{name}_after"] == pytest.approx(after)
            if near:
                others = np.mean([each[name][1] - each[name][0] for each in theirs])
                assert row[f"{name}_effect"] == pytest.approx(after - before - others)
        first = tables["bank_txns"]
        first = first[(first["merchant_id"] == loan["merchant_id"]) & (first["kind"] == "other")]
        day = (first["at"] >= loan["disbursed_at"]) & (first["at"] < loan["disbursed_at"] + DAY)
        expected = -first.loc[day, "amount"].sum() / loan["principal"]
        posted = tables["bank_txns"]
        posted = posted[posted["merchant_id"] == loan["merchant_id"]]
        expected = expected if (posted["at"] >= loan["disbursed_at"]).any() else np.nan
        assert row["transfer_out_share"] == pytest.approx(expected, nan_ok=True)
        spent = mine["supplier_payments"][1] * 14 / loan["principal"]
        assert row["supplier_share"] == pytest.approx(spent)
    compared = told.loans[told.loans["neighbours"] > 0]
    summary = told.summary.set_index("outcome")
    for name in FUNDS_OUTCOMES:
        assert summary.loc[name, "effect"] == pytest.approx(compared[f"{name}_effect"].mean())


def late(tables: Tables, seed: int) -> Tables:
    """Change, add and delete what happens, or becomes known, from the look on."""
    rng = np.random.default_rng(seed)
    cut = START + 95 * DAY
    times = {"orders": "paid_at", "traffic_daily": "day", "bank_txns": "at",
             "loans": "disbursed_at"}  # fmt: skip
    changed = dict(tables)
    for name, time in times.items():
        frame = tables[name].copy()
        hidden = frame[time] >= cut if name != "traffic_daily" else frame[time] + DAY > cut
        numbers = [c for c in ("amount", "uv", "ad_spend", "principal") if c in frame]
        for column in numbers:
            values = frame[column].to_numpy().copy()
            values[hidden.to_numpy()] = values[hidden.to_numpy()] * 3
            frame[column] = values
        drop = hidden & (rng.random(len(frame)) < 0.4)
        new = frame[~hidden].sample(5, random_state=seed, replace=True).copy()
        for key in ("order_id", "loan_id"):
            if key in new:
                new[key] = [f"new{k}" for k in range(len(new))]
        new["known_at"] = cut + pd.to_timedelta(rng.integers(0, 9, 5), "D")
        if name != "traffic_daily":
            frame = pd.concat([frame[~drop], new], ignore_index=True)
        else:
            frame = frame[~drop]
        changed[name] = frame
    return changed


@given(seed=st.integers(0, 10**6))
@settings(max_examples=3)
def test_nothing_later_changes_a_bit(seed: int) -> None:
    tables = stage(seed % 97, merchants=30, borrowers=15)
    cut = START + 95 * DAY
    one, two = found(tables, as_of=cut), found(late(tables, seed), as_of=cut)
    pd.testing.assert_frame_equal(one.loans, two.loans, check_exact=True)
    pd.testing.assert_frame_equal(one.summary, two.summary, check_exact=True)


def test_the_answer_is_the_same_in_any_order_of_rows() -> None:
    tables = stage(5, merchants=30, borrowers=10)
    mixed = {name: frame.sample(frac=1, random_state=2) for name, frame in tables.items()}
    one, two = found(tables), found(mixed)
    pd.testing.assert_frame_equal(one.loans, two.loans, check_exact=True)
    pd.testing.assert_frame_equal(one.summary, two.summary, check_exact=True)


def test_loans_that_cannot_be_compared_are_listed_and_say_why() -> None:
    tables = stage(6, merchants=30, borrowers=3)
    tables["orders"].loc[tables["orders"]["merchant_id"] == "m002", "amount"] *= 500
    loans = tables["loans"]
    again = loans.iloc[[0]].assign(loan_id="again")
    again["disbursed_at"] += DAY
    tables["loans"] = pd.concat([loans, again], ignore_index=True)
    tables["merchants"].loc[1, "registered_at"] = loans["disbursed_at"][1].normalize() - 40 * DAY
    status = found(tables).loans.set_index("loan_id")["status"]
    assert status.to_dict() == {"l000": "compared", "again": "borrowed_before",
                                "l001": "too_young", "l002": "no_match"}  # fmt: skip
    assert set(status) == set(FUNDS_STATUSES)
    early = found(tables, as_of=loans["disbursed_at"].min().normalize() + 15 * DAY)
    assert len(early.loans) == 1


def test_orders_behind_a_loan_are_left_out() -> None:
    tables = stage(8, merchants=30, borrowers=5)
    first = tables["loans"].iloc[0]
    mine = tables["orders"]["merchant_id"] == first["merchant_id"]
    recent = tables["orders"][mine & (tables["orders"]["paid_at"] < first["disbursed_at"])].tail(6)
    before = found(tables).loans.set_index("loan_id").loc["l000", "orders_before"]
    tables["loan_orders"] = pd.DataFrame({"loan_id": "l000", "order_id": recent["order_id"],
                                          "pledged_amount": 10.0})  # fmt: skip
    after = found(tables).loans.set_index("loan_id").loc["l000", "orders_before"]
    day = first["disbursed_at"].normalize()
    assert before - after == pytest.approx((recent["paid_at"] < day).sum() / 28)
    assert before > after


def test_a_loan_order_without_an_order_leaves_no_order_out() -> None:
    tables = stage(8, merchants=30, borrowers=5)
    plain = found(tables)
    tables["loan_orders"] = pd.DataFrame(
        {"loan_id": ["l000"], "order_id": pd.Series([None], dtype="string"),
         "pledged_amount": [10.0]}
    )  # fmt: skip
    told = found(tables)
    pd.testing.assert_frame_equal(told.loans, plain.loans)
    pd.testing.assert_frame_equal(told.summary, plain.summary)
    assert (told.loans["orders_before"] > 0).all()


def test_days_whose_visitors_are_not_known_are_no_days_without_visitors() -> None:
    tables = stage(9, merchants=40, borrowers=12)
    lent = tables["loans"].set_index("merchant_id")["disbursed_at"].dt.normalize()
    visits = tables["traffic_daily"].astype({"uv": "Int64"})
    since = visits["day"] - visits["merchant_id"].map(lent)
    plain = found(tables).loans
    odd = (since > 0 * DAY) & (since.dt.days % 2 == 1)
    half = visits.assign(uv=visits["uv"].mask(odd))
    kept = half.loc[(since > 0 * DAY) & (since <= 14 * DAY)].groupby("merchant_id")["uv"].mean()
    told = found({**tables, "traffic_daily": half})
    expected = kept.reindex(told.loans["merchant_id"]).astype(float).to_numpy()
    assert told.loans["traffic_after"].to_numpy() == pytest.approx(expected)
    none = found({**tables, "traffic_daily": visits.assign(uv=visits["uv"].mask(since > 0 * DAY))})
    assert none.loans["traffic_after"].isna().all()
    assert none.summary.set_index("outcome").loc["traffic", "reading"] == "unknown"
    pd.testing.assert_series_equal(none.loans["ad_spend_after"], plain["ad_spend_after"])


def test_an_account_no_longer_read_has_unknown_payments() -> None:
    tables = stage(11, merchants=40, borrowers=12)
    bank = tables["bank_txns"]
    lent = tables["loans"].set_index("merchant_id")["disbursed_at"].dt.normalize()
    since = bank["at"].dt.normalize() - bank["merchant_id"].map(lent)
    told = found({**tables, "bank_txns": bank[~(since >= 0 * DAY)]})
    for name in ("supplier_payments", "transfers_out"):
        assert told.loans[[f"{name}_before", f"{name}_after"]].isna().all(axis=None)
        assert told.summary.set_index("outcome").loc[name, "reading"] == "unknown"
    assert told.loans["supplier_share"].isna().all()
    quiet = bank[~((since > 0 * DAY) & (since <= 14 * DAY))]
    told = found({**tables, "bank_txns": quiet})
    assert (told.loans["supplier_payments_after"] == 0).all()
    assert (told.loans["transfers_out_after"] > 0).all()


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e300])
def test_an_impossible_number_is_left_out_as_if_it_were_not_there(wrong: float) -> None:
    tables = stage(3, merchants=30, borrowers=10)
    odd = dict(tables)
    for name, column in (("orders", "amount"), ("bank_txns", "amount")):
        extra = tables[name].iloc[[5, 900]].assign(**{column: wrong})
        if "order_id" in extra:
            extra["order_id"] = ["x1", "x2"]
        odd[name] = pd.concat([tables[name], extra], ignore_index=True)
    visits = tables["traffic_daily"]
    mask = visits.index.isin([7, 800])
    odd["traffic_daily"] = visits.assign(ad_spend=visits["ad_spend"].mask(mask, wrong))
    tables["traffic_daily"] = visits.assign(ad_spend=visits["ad_spend"].mask(mask))
    told, plain = found(odd), found(tables)
    pd.testing.assert_frame_equal(told.summary, plain.summary)
    pd.testing.assert_frame_equal(told.loans, plain.loans)


def test_negative_money_stops_nobody() -> None:
    tables = stage(3, merchants=30, borrowers=10)
    wrong = tables["orders"]["merchant_id"] == "m020"
    tables["orders"].loc[wrong, "amount"] *= -1
    told = found(tables)
    assert (told.loans["status"] == "compared").any()
    assert told.summary["reading"].ne("unknown").all()


@pytest.mark.parametrize(
    ("gone", "unknown"),
    [(["traffic_daily"], {"ad_spend", "traffic"}),
     (["bank_txns"], {"supplier_payments", "transfers_out"}), (["orders"], set(FUNDS_OUTCOMES))],
)  # fmt: skip
def test_an_absent_source_is_unknown_and_no_zero(gone, unknown) -> None:
    tables = {name: each for name, each in stage(9, 30, 10).items() if name not in gone}
    told = found(tables)
    summary = told.summary.set_index("outcome")
    assert set(summary.index[summary["reading"] == "unknown"]) == unknown
    assert summary.loc[sorted(unknown), ["effect", "before"]].isna().all(axis=None)
    if "orders" in gone:
        assert set(told.loans["status"]) == {"no_match"}
    if "bank_txns" in gone:
        assert told.loans[["transfer_out_share", "supplier_share"]].isna().all(axis=None)


def test_what_is_told_says_that_it_proves_nothing_in_two_languages() -> None:
    told = found(stage(1, merchants=30, borrowers=10, ad_spend=2.0))
    english, chinese = told.tell(), told.tell(language="zh")
    assert english[-1] == FUNDS_CAVEAT.text
    assert chinese[-1] == FUNDS_CAVEAT.text_zh
    assert english[0] == f"advertising: {FUNDS_READINGS['rose'].text}"
    assert len(english) == len(chinese) == len(FUNDS_OUTCOMES) + 1
    for word in [*FUNDS_READINGS.values(), *FUNDS_STATUSES.values(), *FUNDS_OUTCOMES.values()]:
        assert word.text.isascii()
        assert any("一" <= sign <= "鿿" for sign in word.text_zh)
    with pytest.raises(InputError, match="language"):
        told.tell(language="fr")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"as_of": "2011-01-01"}, "as_of"), ({"as_of": "31/12/2012"}, "as_of"),
        ({"as_of": None}, "as_of"), ({"product": "taobao_order"}, "product"),
        ({"product": 3}, "product"), ({"before_days": 0}, "before_days"),
        ({"after_days": 14.5}, "after_days"), ({"after_days": 400}, "after_days"),
        ({"neighbours": 0}, "neighbours"), ({"caliper": -1}, "caliper"),
        ({"caliper": float("inf")}, "caliper"), ({"caliper": True}, "caliper"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(options, match) -> None:
    with pytest.raises(InputError, match=match):
        found(SMALL, **options)


SMALL = stage(2, merchants=8, borrowers=2)


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(RecordError, match="read_records"):
        use_of_funds("data/sample", as_of=AS_OF)
    tables = {name: each for name, each in SMALL.items() if name != "loans"}
    with pytest.raises(RecordError, match="loans"):
        found(tables)
