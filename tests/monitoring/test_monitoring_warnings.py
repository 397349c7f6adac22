"""Warnings agree with plain loops over what was known, and nothing later changes a bit of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from feature_stage import disturb, make_moments, make_tables, records_of, seen
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.alerts import early
from alicredit.errors import InputError, RecordError
from alicredit.ledger import read_postings, replay
from alicredit.monitoring import (
    WARNING_RULES,
    WarningRule,
    WarningRules,
    early_warnings,
    explain_warnings,
    rate_warnings,
)
from alicredit.vocabulary import WARNING_ACTIONS, WARNING_LEVELS, WARNINGS

DAY = pd.Timedelta(days=1)
READ = ("merchants", "orders", "refunds", "ratings", "interactions_daily", "violations",
        "bank_txns", "loans", "repayments")  # fmt: skip
WARNING_RULES_PLAIN = WARNING_RULES.without("WARN_SCORE_FALL", "WARN_SCORE_LOW")
VALUES = [code for code in WARNINGS if code not in ("WARN_SCORE_FALL", "WARN_SCORE_LOW")]


def same_moment(seed: int) -> pd.Series:
    """One moment for all merchants of a random platform, with a time of day."""
    moments = make_moments(seed)
    return pd.Series(moments.iloc[1], index=moments.index)


def with_loans(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give loans plain terms, so that many are out; keep what the rules read."""
    made = {name: tables[name].copy() for name in READ}
    loans = made["loans"]
    loans["principal"] = np.round(loans["principal"].abs().astype(float) + 1_000, 2)
    loans["rate"], loans["rate_unit"] = 0.0005, "day"
    loans["due_at"] = loans["disbursed_at"] + 30 * DAY
    paid = made["repayments"]
    paid["amount"] = paid["amount"].astype(float).abs() + 700.0
    paid["principal"], paid["interest"], paid["penalty"] = paid["amount"], 0.0, 0.0
    return made


def between(frame: pd.DataFrame, column: str, start: pd.Timestamp, stop: pd.Timestamp):
    """Rows whose time lies in a window."""
    return frame[(frame[column] >= start) & (frame[column] < stop)]


class Oracle:
    """Each rule's value with loops and pandas over what a look may see."""

    def __init__(self, tables: dict[str, pd.DataFrame], moments: pd.Series) -> None:
        self.at = moments.iloc[0]
        self.seen = {name: seen(tables, name, moments) for name in READ}
        self.parts = {name: dict(list(rows.groupby("_merchant"))) for name, rows in
                      self.seen.items()}  # fmt: skip

    def of(self, table: str, merchant: str) -> pd.DataFrame:
        return self.parts[table].get(merchant, self.seen[table][:0])

    def paid(self, merchant: str, start: int, stop: int) -> pd.DataFrame:
        return between(self.of("orders", merchant), "paid_at", self.at - start * DAY,
                       self.at - stop * DAY)  # fmt: skip

    def refunds(self, merchant: str, start: int, stop: int) -> int:
        return len(between(self.of("refunds", merchant), "opened_at", self.at - start * DAY,
                           self.at - stop * DAY))  # fmt: skip

    def others(self, merchant: str) -> list[str]:
        return [name for name in self.old() if name != merchant]

    def old(self) -> list[str]:
        rows = self.seen["merchants"]
        return list(rows.loc[rows["_happened"] <= self.at - 98 * DAY, "_merchant"])

    def sales(self, merchant: str) -> float:
        new, base = (self.paid(merchant, *w)["amount"].sum() for w in ((14, 0), (98, 14)))
        theirs = [sum(self.paid(m, *w)["amount"].sum() for m in self.others(merchant))
                  for w in ((14, 0), (98, 14))]  # fmt: skip
        if merchant not in self.old() or len(self.paid(merchant, 98, 14)) < 5:
            return np.nan
        if theirs[1] <= 0 or theirs[0] <= 0 or base <= 0:
            return np.nan
        return (new / base) / (theirs[0] / theirs[1])

    def refund_rise(self, merchant: str) -> float:
        orders = len(self.paid(merchant, 28, 0))
        if orders < 5:
            return np.nan
        others = self.others(merchant)
        usual = sum(self.refunds(m, 208, 28) for m in others) / sum(
            len(self.paid(m, 208, 28)) for m in others
        )
        before = self.refunds(merchant, 208, 28) + 50 * usual
        base = before / (len(self.paid(merchant, 208, 28)) + 50)
        return self.refunds(merchant, 28, 0) / orders / base

    def rating(self, merchant: str) -> float:
        rows = self.of("ratings", merchant)
        dsr = rows[["dsr_desc", "dsr_service", "dsr_ship"]].astype(float).sum(axis=1, skipna=False)
        rows = rows.assign(dsr=dsr / 3).dropna(subset="dsr")
        means = []
        for days in (30, 180):
            mine = between(rows, "rated_at", self.at - days * DAY, self.at)["dsr"]
            means.append(mine.mean() if len(mine) >= 3 else np.nan)
        return means[0] - means[1]

    def login(self, merchant: str) -> float:
        rows = self.of("interactions_daily", merchant)
        recent = len(between(rows, "_happened", self.at - 5 * DAY, self.at))
        usual = len(between(rows, "_happened", self.at - 33 * DAY, self.at - 5 * DAY))
        if not recent and usual < 14:
            return np.nan
        last = rows.loc[rows["logins"] > 0, "_happened"].max()
        return 33.0 if pd.isna(last) else min((self.at - last) / DAY, 33.0)

    def violation(self, merchant: str) -> float:
        rows = self.of("violations", merchant)
        return float(len(between(rows, "at", self.at - 30 * DAY, self.at)))

    def transfer(self, loan: str) -> float:
        mine = self.seen["loans"].set_index("loan_id").loc[loan]
        rows = self.of("bank_txns", mine["_merchant"])
        if not len(rows[rows["at"] >= mine["disbursed_at"]]):
            return np.nan
        first = between(rows, "at", mine["disbursed_at"], mine["disbursed_at"] + DAY)
        out = 0.0
        for row in first.itertuples():
            kind = "" if pd.isna(row.kind) else row.kind
            trade = kind in ("supplier", "wage", "tax", "loan_repay")
            out += 0.0 if trade or row.amount > 0 else -row.amount
        return out / mine["principal"]

    def open(self) -> set[str]:
        paid = self.seen["repayments"].groupby("loan_id")["principal"].sum()
        out = set()
        for row in self.seen["loans"].itertuples():
            if paid.get(row.loan_id, 0.0) < row.principal - 1e-9:
                out.add(row.loan_id)
        return out


@pytest.mark.parametrize("seed", [2, 11])
def test_each_value_is_what_plain_loops_find(seed: int) -> None:
    tables, moments = with_loans(make_tables(seed)), same_moment(seed)
    oracle = Oracle(tables, moments)
    looks = early_warnings(records_of(tables), as_of=moments.iloc[0])
    assert set(looks["loan_id"]) == oracle.open()
    assert len(looks) > 20
    by_merchant = {
        m: {"WARN_SALES_FALL": oracle.sales(m), "WARN_REFUND_RISE": oracle.refund_rise(m),
            "WARN_RATING_DROP": oracle.rating(m), "WARN_NO_LOGIN": oracle.login(m),
            "WARN_VIOLATION": oracle.violation(m)}
        for m in looks["merchant_id"].unique()
    }  # fmt: skip
    for row in looks.to_dict("records"):
        expected = by_merchant[row["merchant_id"]]
        expected = expected | {"WARN_TRANSFER_OUT": oracle.transfer(row["loan_id"])}
        for code, value in expected.items():
            assert row[code] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), code
    known = looks[VALUES].notna().sum()
    assert (known > 0).all(), known


def test_many_looks_are_the_same_as_one_look_each_and_so_are_all_rows_in_any_order() -> None:
    tables = with_loans(make_tables(5))
    moments = ["2012-09-01", "2012-10-01 13:00", "2012-12-01"]
    together = early_warnings(records_of(tables), as_of=moments)
    one_by_one = [early_warnings(records_of(tables), as_of=each) for each in moments]
    pd.testing.assert_frame_equal(together, pd.concat(one_by_one, ignore_index=True))
    mixed = {name: frame.sample(frac=1, random_state=3) for name, frame in tables.items()}
    pd.testing.assert_frame_equal(together, early_warnings(records_of(mixed), as_of=moments[::-1]))


@given(seed=st.integers(0, 2**31), kinds=st.sets(st.sampled_from(("change", "add", "delete",
                                                                 "fill")), min_size=1))  # fmt: skip
@settings(max_examples=3)
def test_no_bit_of_a_warning_moves_when_the_unknown_is_disturbed(
    seed: int, kinds: set[str]
) -> None:
    tables, moments = make_tables(seed), same_moment(seed)
    other = disturb(tables, moments, seed + 7, frozenset(kinds))
    one, two = (early_warnings(records_of(with_loans(each)), as_of=moments.iloc[0])
                for each in (tables, other))  # fmt: skip
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.fixture(scope="module")
def platform() -> ac.Records:
    return ac.simulate_platform(150, seed=4, months=30, orders_per_month=25, default_rate=0.1)[0]


def test_replaying_all_looks_at_once_is_replaying_each_from_what_was_known(platform, monkeypatch):
    looks = pd.date_range("2011-03-07", periods=8, freq="31D")
    quick = early_warnings(platform, as_of=looks)
    monkeypatch.setattr(early, "_is_prompt", lambda *_: False)
    pd.testing.assert_frame_equal(quick, early_warnings(platform, as_of=looks))


def test_the_book_beside_each_warning_is_the_replayed_one(platform) -> None:
    looks = early_warnings(platform, as_of="2011-06-06")
    states = replay(read_postings(platform), ["2011-06-05"])
    out = states[~states["state"].isin(["closed", "written_off"])].set_index("loan_id")
    assert sorted(out.index) == looks["loan_id"].tolist()
    for name in ("state", "days_past_due", "balance_fen"):
        assert (looks[name].to_numpy() == out.loc[looks["loan_id"], name].to_numpy()).all()
    late = looks["days_past_due"] > 0
    assert (looks.loc[late, "level"] != "green").all()
    assert (looks.loc[looks["days_past_due"] > 90, "level"] == "red").all()
    assert late.any()


def test_a_great_sale_is_no_growth_and_its_aftermath_no_fall(platform) -> None:
    """11.11 sells seven-fold: raw sales rise and then halve, against the season they do neither."""
    for day, raw_side in (("2010-11-12", 1), ("2010-11-26", -1)):
        look = early_warnings(platform, as_of=day)
        value = look["WARN_SALES_FALL"].dropna()
        orders = platform["orders"].to_pandas()
        paid = orders.dropna(subset="paid_at")
        at = pd.Timestamp(day)
        windows = [len(between(paid, "paid_at", at - a * DAY, at - b * DAY))
                   for a, b in ((14, 0), (28, 14))]  # fmt: skip
        assert np.sign(np.log(windows[0] / windows[1])) == raw_side
        assert len(value) > 10
        assert 0.5 < value.median() < 1.5


def base_tables() -> dict[str, pd.DataFrame]:
    """Two merchants, one of whom has a loan."""
    day = pd.Timestamp("2013-03-01")
    hours = pd.to_timedelta(np.arange(0, 98 * 24, 24), "h")
    orders = [
        pd.DataFrame({"order_id": [f"{m}{k}" for k in range(98)], "merchant_id": m, "buyer_id": "b",
                      "created_at": day - 98 * DAY + hours, "amount": 100.0,
                      "paid_at": day - 98 * DAY + hours})
        for m in ("a", "b")
    ]  # fmt: skip
    days = pd.date_range(day - 33 * DAY, day - DAY)
    return {
        "merchants": pd.DataFrame({"merchant_id": ["a", "b"], "platform": "taobao",
                                   "registered_at": pd.to_datetime(["2010-01-01"] * 2)}),
        "orders": pd.concat(orders, ignore_index=True),
        "interactions_daily": pd.DataFrame({"merchant_id": "a", "day": days, "logins": 3}),
        "loans": pd.DataFrame({"loan_id": ["l"], "merchant_id": ["a"], "rate": [0.0005],
                               "product_id": ["taobao_order"], "principal": [5000.0],
                               "disbursed_at": [day - 9 * DAY], "due_at": [day + 21 * DAY]}),
        "refunds": pd.DataFrame({"id": ["r"], "order_id": ["b20"], "amount": [5.0],
                                 "opened_at": [day - 70 * DAY]}),
        "ratings": pd.DataFrame({"order_id": ["a10"], "rated_at": [day - 80 * DAY], "polarity": [1],
                                 "dsr_desc": 4.8, "dsr_service": 4.8, "dsr_ship": 4.8}),
        "violations": pd.DataFrame({"merchant_id": ["b"], "at": [day - 200 * DAY], "points": [1.0],
                                    "kind": ["delay"]}),
        "bank_txns": pd.DataFrame({"merchant_id": ["a"], "at": [day - 2 * DAY], "amount": [10.0],
                                   "kind": ["sale"]}),
    }  # fmt: skip


def look(tables: dict[str, pd.DataFrame], **options) -> pd.Series:
    """Look at the loan on the first of March."""
    found = early_warnings(records_of(tables), as_of="2013-03-01", **options)
    assert len(found) == 1
    return found.iloc[0]


def test_a_quiet_merchant_is_green_and_says_what_was_not_known() -> None:
    found = look(base_tables())
    assert (found["level"], found["action"], found["fired"]) == ("green", "none", ())
    assert found["WARN_SALES_FALL"] == pytest.approx(1.0)
    assert found["unknown"] == ("WARN_RATING_DROP",)
    assert found["no_source"] == ()


def fallen(t):
    t["orders"] = t["orders"][(t["orders"]["merchant_id"] == "b") | (np.arange(196) % 98 < 88)]


def refunded(t):
    more = pd.DataFrame({"id": ["s", "u"], "order_id": ["a90", "a91"], "amount": [1.0, 2.0],
                         "opened_at": pd.to_datetime(["2013-02-25"] * 2)})  # fmt: skip
    t["refunds"] = pd.concat([t["refunds"], more], ignore_index=True)


def rated(t):
    rows = [(f"a{k}", 4.9 if k < 50 else 4.2) for k in range(20, 98, 3)]
    at = t["orders"].set_index("order_id")["paid_at"]
    t["ratings"] = pd.DataFrame({
        "order_id": [r[0] for r in rows], "rated_at": [at[r[0]] for r in rows], "polarity": 1,
        **{name: [r[1] for r in rows] for name in ("dsr_desc", "dsr_service", "dsr_ship")},
    })  # fmt: skip


def absent(t):
    t["interactions_daily"] = t["interactions_daily"][:-6]


def absent_by_zero(t):
    t["interactions_daily"].loc[27:, "logins"] = 0


def moved_away(t):
    at = t["loans"]["disbursed_at"][0]
    t["bank_txns"] = pd.concat([t["bank_txns"], pd.DataFrame({
        "merchant_id": "a", "at": [at + pd.Timedelta(hours=h) for h in (1, 23)],
        "amount": [-3000.0, -1500.0], "kind": ["other", None]})], ignore_index=True)  # fmt: skip


def violated(t):
    t["violations"].loc[0] = ["a", pd.Timestamp("2013-02-20"), 2.0, "other"]


PLANTED = [
    (fallen, "WARN_SALES_FALL", "amber"), (refunded, "WARN_REFUND_RISE", "amber"),
    (rated, "WARN_RATING_DROP", "amber"), (absent, "WARN_NO_LOGIN", "amber"),
    (absent_by_zero, "WARN_NO_LOGIN", "amber"), (moved_away, "WARN_TRANSFER_OUT", "red"),
    (violated, "WARN_VIOLATION", "amber"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "code", "level"), PLANTED)
def test_each_rule_fires_on_what_it_is_about_and_on_nothing_else(plant, code, level) -> None:
    tables = base_tables()
    plant(tables)
    found = look(tables)
    assert (found["fired"], found["level"]) == ((code,), level)
    expected = "pull_order_loan" if level == "red" else "freeze_undrawn"
    assert found["action"] == expected
    frame = found.to_frame().T.infer_objects()
    credit = rate_warnings(frame.assign(product_id="ali_credit"), WARNING_RULES_PLAIN)
    assert (credit["level"].iloc[0], credit["action"].iloc[0]) == (level, "freeze_undrawn")
    told = explain_warnings(frame).set_index("code")
    assert told.loc[code, "status"] == "fired"
    assert told.loc[code, "value"] == found[code]
    assert told.drop(index=code)["status"].isin(["quiet", "unknown"]).all()


def test_an_account_that_ends_before_the_loan_says_nothing_of_a_transfer() -> None:
    tables = base_tables()
    at = tables["loans"]["disbursed_at"][0]
    ends = pd.DataFrame({"merchant_id": "a", "at": [at - 3 * DAY], "amount": [-10.0],
                         "kind": ["other"]})  # fmt: skip
    tables["bank_txns"] = ends
    assert np.isnan(look(tables)["WARN_TRANSFER_OUT"])
    tables["bank_txns"] = pd.concat([ends, ends.assign(at=at + 2 * DAY)], ignore_index=True)
    assert look(tables)["WARN_TRANSFER_OUT"] == 0.0


def test_trade_after_disbursement_is_no_transfer_and_a_second_day_is_no_first() -> None:
    tables = base_tables()
    at = tables["loans"]["disbursed_at"][0]
    more = pd.DataFrame({"merchant_id": "a", "at": [at + DAY * k for k in (0, 1, 2)],
                         "amount": [-4500.0, -4500.0, -4500.0],
                         "kind": ["supplier", "other", "other"]})  # fmt: skip
    tables["bank_txns"] = pd.concat([tables["bank_txns"], more], ignore_index=True)
    assert look(tables)["WARN_TRANSFER_OUT"] == 0.0


def test_two_amber_rules_make_red() -> None:
    tables = base_tables()
    fallen(tables)
    violated(tables)
    assert look(tables)["level"] == "red"


SOURCES = {
    "orders": {"WARN_SALES_FALL", "WARN_REFUND_RISE", "WARN_RATING_DROP"},
    "refunds": {"WARN_REFUND_RISE"}, "ratings": {"WARN_RATING_DROP"},
    "interactions_daily": {"WARN_NO_LOGIN"}, "violations": {"WARN_VIOLATION"},
    "bank_txns": {"WARN_TRANSFER_OUT"},
}  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> pd.Series:
    return look(base_tables())


@pytest.mark.parametrize("table", SOURCES)
def test_an_absent_source_is_unknown_and_never_green(table: str, whole: pd.Series) -> None:
    tables = base_tables()
    gone = {table, "refunds", "ratings"} if table == "orders" else {table}
    found = look({name: frame for name, frame in tables.items() if name not in gone})
    assert set(found["no_source"]) == SOURCES[table]
    for code in set(VALUES) - SOURCES[table]:
        assert found[code] == pytest.approx(whole[code], nan_ok=True), code
    assert set(found["no_source"]) <= set(found["unknown"])
    assert (found["level"], found["action"]) == ("unknown", "none")
    rules = WARNING_RULES_PLAIN.without(*SOURCES[table])
    rated = rate_warnings(found.to_frame().T.infer_objects(), rules)
    assert rated["level"].tolist() == ["green"]


def test_a_loan_without_any_due_date_is_never_green() -> None:
    tables = base_tables()
    tables["loans"]["due_at"] = pd.NaT
    found = look(tables)
    assert np.isnan(found["WARN_OVERDUE"])
    assert "WARN_OVERDUE" in found["unknown"]
    assert (found["level"], found["action"]) == ("unknown", "none")
    due = pd.DataFrame({"loan_id": ["l"], "interest": [0], "principal": [500_000],
                        "due_at": [pd.Timestamp("2013-03-20")]})  # fmt: skip
    listed = look(tables | {"instalments": due})
    assert (listed["WARN_OVERDUE"], listed["level"]) == (0, "green")
    later = due.assign(known_at=pd.Timestamp("2013-03-05"))
    assert np.isnan(look(tables | {"instalments": later})["WARN_OVERDUE"])


def test_an_absent_column_is_an_absent_source() -> None:
    tables = base_tables()
    tables["ratings"] = tables["ratings"].drop(columns="dsr_ship")
    tables["bank_txns"] = tables["bank_txns"].drop(columns="kind")
    assert look(tables)["no_source"] == ("WARN_RATING_DROP", "WARN_TRANSFER_OUT")


def test_days_that_are_seldom_written_down_do_not_say_that_nobody_logged_in() -> None:
    tables = base_tables()
    tables["interactions_daily"] = tables["interactions_daily"].iloc[[0, 9, 18]]
    found = look(tables)
    assert np.isnan(found["WARN_NO_LOGIN"])
    assert "WARN_NO_LOGIN" in found["unknown"]


def test_a_score_counts_from_its_day_on_and_falls_against_four_weeks_before() -> None:
    def scores(*rows):
        return pd.DataFrame({"merchant_id": "a", "as_of": pd.to_datetime([r[0] for r in rows]),
                             "score": [r[1] for r in rows]})  # fmt: skip

    tables = base_tables()
    found = look(tables, scores=scores(("2013-01-20", 640), ("2013-02-25", 615),
                                       ("2013-03-02", 400)))  # fmt: skip
    assert (found["score"], found["WARN_SCORE_FALL"], found["WARN_SCORE_LOW"]) == (615, -25, 615)
    assert found["fired"] == ("WARN_SCORE_FALL",)
    late = look(tables, scores=scores(("2013-02-10", 640), ("2013-03-01", 540)))
    assert np.isnan(late["WARN_SCORE_FALL"])
    assert late["fired"] == ("WARN_SCORE_LOW",)
    stale = look(tables, scores=scores(("2013-01-20", 500)))
    assert {"WARN_SCORE_FALL", "WARN_SCORE_LOW"} <= set(stale["unknown"])


def test_a_repaid_loan_is_out_until_its_repayment_is_known() -> None:
    tables = base_tables()
    tables["repayments"] = pd.DataFrame(
        {"loan_id": ["l"], "at": pd.to_datetime(["2013-02-26"]), "amount": [5010.0],
         "principal": [5000.0], "interest": [10.0], "channel": ["manual"],
         "known_at": pd.to_datetime(["2013-03-01 09:00"])}
    )  # fmt: skip
    records = records_of(tables)
    looks = early_warnings(records, as_of=["2013-02-19", "2013-02-27", "2013-03-01 09:00",
                                           "2013-03-01 09:01"])  # fmt: skip
    assert looks["as_of"].astype(str).tolist() == ["2013-02-27 00:00:00", "2013-03-01 09:00:00"]
    none = early_warnings(records, as_of="2013-03-05")
    assert (len(none), list(none.columns)) == (0, list(looks.columns))


points = st.lists(st.one_of(st.floats(-50, 50), st.just(float("nan"))), min_size=9, max_size=9)


@given(points, st.integers(0, 8), st.floats(0.001, 30))
@settings(max_examples=60)
def test_a_worse_value_never_lowers_a_level(values, which, step) -> None:
    rank = {"unknown": 0, "green": 0, "amber": 1, "red": 2}
    row = {"product_id": ["taobao_order"], "no_source": [()]}
    row |= {code: [v] for code, v in zip(WARNING_RULES.codes, values)}
    rule = WARNING_RULES.rules[which]
    worse = -step if rule.operator in ("<", "<=") else step
    before = rate_warnings(pd.DataFrame(row), WARNING_RULES)["level"][0]
    row[rule.code] = [values[which] + worse]
    assert rank[rate_warnings(pd.DataFrame(row), WARNING_RULES)["level"][0]] >= rank[before]
    assert before in WARNING_LEVELS


def test_rules_are_those_of_the_paper_and_their_words_stand_in_two_languages() -> None:
    stated = {rule.code: (rule.operator, rule.threshold) for rule in WARNING_RULES.rules}
    assert stated["WARN_SALES_FALL"] == ("<", 0.5)
    assert stated["WARN_REFUND_RISE"] == (">=", 2.0)
    assert stated["WARN_RATING_DROP"] == ("<=", -0.1)
    assert stated["WARN_NO_LOGIN"] == (">=", 5.0)
    assert stated["WARN_TRANSFER_OUT"] == (">", 0.8)
    assert stated["WARN_VIOLATION"] == (">=", 1.0)
    assert set(WARNING_RULES.codes) == set(WARNINGS)
    for word in [*WARNINGS.values(), *WARNING_LEVELS.values(), *WARNING_ACTIONS.values()]:
        assert word.text.isascii()
        assert any("一" <= sign <= "鿿" for sign in word.text_zh)


def scored(**changes) -> pd.DataFrame:
    frame = pd.DataFrame({"merchant_id": ["a"], "as_of": ["2013-02-01"], "score": [600.0]})
    return frame.assign(**changes)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"as_of": []}, "as_of must be at least one"),
        ({"as_of": "01/03/2013"}, "as_of"),
        ({"as_of": None}, "as_of"),
        ({"as_of": 20130301}, "as_of"),
        ({"as_of": pd.Timestamp("2013-03-01", tz="UTC")}, "as_of"),
        ({"as_of": pd.DataFrame({"day": ["2013-03-01"]})}, "column 'as_of'"),
        ({"rules": WARNING_RULES.rules}, "rules must be WarningRules"),
        ({"scores": [1.0]}, "scores must be a frame"),
        ({"scores": scored().drop(columns="score")}, "column 'score'"),
        ({"scores": scored(score=["good"])}, "scores must hold finite points"),
        ({"scores": scored(score=[np.inf])}, "scores must hold finite points"),
        ({"scores": pd.concat([scored(), scored()])}, "one score"),
        ({"scores": scored()[:0]}, "at least one row"),
    ],
)
def test_bad_input_is_refused_by_name(options, match) -> None:
    with pytest.raises(InputError, match=match):
        early_warnings(records_of(base_tables()), **({"as_of": "2013-03-01"} | options))


def test_records_without_loans_and_what_is_no_record_are_refused() -> None:
    tables = base_tables()
    del tables["loans"]
    with pytest.raises(RecordError, match="loans"):
        early_warnings(records_of(tables), as_of="2013-03-01")
    with pytest.raises(RecordError, match="read_records"):
        early_warnings("data/sample", as_of="2013-03-01")


GOOD = {"code": "WARN_NO_LOGIN", "features": (), "operator": ">=", "steps": ((5.0, 1),),
        "window_days": 5, "unit": "days", "evidence": "J"}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"code": "WARN_LOGIN"}, {"operator": "=="}, {"evidence": "D"}, {"window_days": 0},
        {"steps": ()}, {"steps": [(5.0, 1)]}, {"steps": ((float("nan"), 1),)},
        {"steps": ((5.0, 0),)}, {"steps": ((5.0, 1.5),)}, {"steps": ((5.0, 1), (7.0, 1))},
        {"steps": ((5.0, 1), (5.0, 2))}, {"steps": ((7.0, 1), (5.0, 2))},
    ],
)  # fmt: skip
def test_a_rule_without_meaning_is_refused(change) -> None:
    with pytest.raises(InputError):
        WarningRule(**(GOOD | change))


@pytest.mark.parametrize(
    "arguments",
    [
        {"rules": ()}, {"rules": WARNING_RULES.rules * 2}, {"rules": list(WARNING_RULES.rules)},
        {"rules": ("WARN_NO_LOGIN",)}, {"amber_points": 0}, {"red_points": 0},
        {"amber_points": 5, "red_points": 4},
    ],
)  # fmt: skip
def test_a_set_of_rules_without_meaning_is_refused(arguments) -> None:
    with pytest.raises(InputError):
        WarningRules(**({"rules": WARNING_RULES.rules} | arguments))
    with pytest.raises(InputError, match="WARN_RATINGS"):
        WARNING_RULES.without("WARN_RATINGS")
