"""The whole room on a simulated platform: invariants, row order, the future, plain loops."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from recovery_stage import DAY, PEOPLE, at, loan_rows
from recovery_stage import stage as make_records

import alicredit as ac
from alicredit.errors import PolicyError
from alicredit.ledger import read_postings, replay
from alicredit.loans import add_months, dated_internal_rate
from alicredit.policy import load_policy
from alicredit.records import read_records
from alicredit.recovery import (
    RestorationRules,
    assess_willingness,
    blacklist_after,
    blacklist_changes,
    find_claims,
    restoration_offers,
    worklist,
)
from alicredit.vocabulary import REASONS, TOOLS, VERDICTS

AS_OF = at("2013-06-18 10:30")
TABLES = ("merchants", "loans", "instalments", "repayments", "orders", "refunds", "violations",
          "account_events", "blacklist")  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """The tables that recovery reads, of a platform with many defaults."""
    records = ac.simulate_platform(300, seed=21, orders_per_month=3, default_rate=0.25)[0]
    return {name: records[name].to_pandas() for name in TABLES}


@pytest.fixture(scope="module")
def records(tables):
    return read_records(tables)


@pytest.fixture(scope="module")
def judged(records):
    return assess_willingness(records, as_of=AS_OF)


def changed(tables: dict[str, pd.DataFrame], *, future: bool) -> ac.Records:
    """Shuffle all rows, and forge what is not known yet."""
    rng, made = np.random.default_rng(5), {}
    for name, table in tables.items():
        made[name] = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    if future:
        paid, orders = made["repayments"], made["orders"]
        made["repayments"] = paid[paid["at"] < AS_OF]
        late = orders["confirmed_at"] >= AS_OF
        assert late.any()
        assert len(made["repayments"]) < len(paid)
        made["orders"] = orders.assign(confirmed_at=orders["confirmed_at"].mask(late))
        signs = made["account_events"]
        made["account_events"] = signs[signs["at"] < AS_OF]
    return read_records(made)


@pytest.mark.parametrize("future", [False, True])
def test_row_order_and_the_future_change_no_byte(tables, records, judged, future) -> None:
    other = changed(tables, future=future)
    again = assess_willingness(other, as_of=AS_OF)
    pd.testing.assert_frame_equal(judged.verdicts, again.verdicts)
    pd.testing.assert_frame_equal(judged.evidence, again.evidence)
    first = restoration_offers(records, as_of=AS_OF, willingness=judged)
    second = restoration_offers(other, as_of=AS_OF)  # judges by itself
    pd.testing.assert_frame_equal(first.offers, second.offers)
    pd.testing.assert_frame_equal(first.plans, second.plans)
    pd.testing.assert_frame_equal(blacklist_changes(records, as_of=AS_OF),
                                  blacklist_changes(other, as_of=AS_OF))  # fmt: skip
    pd.testing.assert_frame_equal(worklist(records, as_of=AS_OF, capacity=PEOPLE),
                                  worklist(other, as_of=AS_OF, capacity=PEOPLE))  # fmt: skip


def test_verdicts_follow_from_the_evidence_that_is_shown(records, judged) -> None:
    claims = find_claims(records, as_of=AS_OF)
    assert set(judged.verdicts["merchant_id"]) == set(claims["merchant_id"])
    assert judged.verdicts["verdict"].isin(list(VERDICTS)).all()
    assert judged.verdicts["verdict"].nunique() > 1
    for row in judged.verdicts.itertuples():
        mine = judged.evidence[judged.evidence["merchant_id"] == row.merchant_id]
        codes = set(mine["code"])
        against = (mine["speaks_for"] == "unwilling").sum()
        unwilling = against >= 2 and against > len(mine) - against
        unable = "WIL_SALES_FELL" in codes and not against
        wanted = "unwilling" if unwilling else "unable" if unable else "unclear"
        assert row.verdict == wanted
        harsh = {"WIL_FAKE_TRADE", "WIL_TRANSFER_OUT"} & codes
        assert row.is_malicious == (unwilling or bool(harsh))
    some = judged.verdicts["merchant_id"].iloc[::3].tolist()
    part = assess_willingness(records, as_of=AS_OF, merchants=some)
    whole = judged.verdicts[judged.verdicts["merchant_id"].isin(some)].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.verdicts, whole)


def test_sales_are_those_of_a_loop_over_orders(tables, records, judged) -> None:
    claims = find_claims(records, as_of=AS_OF)
    late = claims.groupby("merchant_id")["days_past_due"].max()
    orders = tables["orders"].dropna(subset=["confirmed_at"])
    orders = orders[orders["confirmed_at"] < AS_OF]
    refunds = tables["refunds"][tables["refunds"]["opened_at"] < AS_OF]
    for row in judged.verdicts.iloc[::4].itertuples():
        mine = orders[orders["merchant_id"] == row.merchant_id]
        back = refunds[refunds["order_id"].isin(mine["order_id"])]
        due = AS_OF.normalize() - int(late[row.merchant_id]) * DAY

        def net(low, high, mine=mine, back=back) -> float:
            sold = mine[(mine["confirmed_at"] >= low) & (mine["confirmed_at"] < high)]
            lost = back[(back["opened_at"] >= low) & (back["opened_at"] < high)]
            return max(round(sold["amount"].sum() - lost["amount"].sum(), 2), 0)

        assert row.sales_30d == pytest.approx(net(AS_OF - 30 * DAY, AS_OF), abs=0.011)
        before = net(due - 90 * DAY, due) / 3
        assert row.sales_before == pytest.approx(before, abs=0.011)


def test_offers_keep_their_rules(records, judged) -> None:
    made = restoration_offers(records, as_of=AS_OF, willingness=judged)
    offers, plans = made.offers, made.plans
    given = offers[offers["is_offered"]]
    assert len(given) > 5
    assert set(plans["loan_id"]) == set(given["loan_id"])
    assert (given["cover"] >= 1.2).all()
    assert given["sweep_percent"].between(1, 30).all()
    paid = plans.groupby("loan_id")["payment_fen"]
    assert (paid.sum().reindex(given["loan_id"]).to_numpy() >= given["claim_fen"]).all()
    assert (paid.max().reindex(given["loan_id"]).to_numpy() == given["instalment_fen"]).all()
    assert (paid.size().reindex(given["loan_id"]).to_numpy() == given["months"]).all()
    assert {tool for tools in offers["tools"] for tool in tools} <= set(TOOLS)
    assert {code for codes in offers["reasons"] for code in codes} <= set(REASONS)
    bad = judged.verdicts.loc[judged.verdicts["is_malicious"], "merchant_id"]
    assert not given["merchant_id"].isin(bad).any()
    assert offers.loc[~offers["is_offered"], "npv_loss"].isna().all()


@pytest.mark.parametrize("rate_share", ["1", "0.6"])
def test_the_loss_is_that_of_flows_discounted_one_by_one(records, judged, rate_share) -> None:
    rules = RestorationRules(rate_share=rate_share, method="equal_principal")
    made = restoration_offers(records, as_of=AS_OF, willingness=judged, rules=rules)
    given = made.offers[made.offers["is_offered"]]
    for row in given.iloc[::5].itertuples():
        worth = 0.0
        for part in made.plans[made.plans["loan_id"] == row.loan_id].itertuples():
            flow = part.principal_fen + part.interest_fen + part.carried_fen
            worth += flow / 1.015**part.period
        assert row.npv_loss == pytest.approx(max(1 - worth / row.claim_fen, 0), abs=1e-8)
        assert row.is_default == (row.npv_loss > 0.01)
    if rate_share == "1":
        return
    # With a cut the plan's own yield on the claim lies below the contract's.
    row = given.iloc[0]
    mine = made.plans[made.plans["loan_id"] == row["loan_id"]]
    flows = [(AS_OF.date(), float(row["claim_fen"]))]
    flows += [(p.due_day.date(), -float(p.payment_fen)) for p in mine.itertuples()]
    assert dated_internal_rate(flows) < 1.015**12 - 1


def test_the_blacklist_over_years_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(17)
    size, moments = 40, list(pd.date_range("2012-02-15", "2014-08-15", freq="10MS"))
    starts = at("2011-06-01") + pd.to_timedelta(rng.integers(0, 600, size), "D")
    owner = [f"m{k:02d}" for k in rng.integers(0, 25, size)]
    loans = loan_rows([f"l{k:02d}" for k in range(size)], owner, list(starts))
    wait = rng.integers(1, 500, size)
    repaid = starts + pd.to_timedelta(wait, "D")
    paid = pd.DataFrame({"loan_id": loans["loan_id"], "at": repaid, "amount": 5_000.0,
                         "principal": 5_000.0})  # fmt: skip
    table, wanted = pd.DataFrame(), dict.fromkeys(sorted(set(owner)))
    for moment in moments:
        records = make_records(loans, repayments=paid, blacklist=table)
        changes = blacklist_changes(records, as_of=moment)
        got = dict(zip(changes["merchant_id"], changes["change"]))
        for name, since in wanted.items():
            change = None
            bad, late, ends = [], [], []
            for k in np.flatnonzero(np.array(owner) == name):
                if starts[k] >= moment:
                    continue
                days = (min(moment, repaid[k].normalize()) - starts[k]).days - 30
                is_open = repaid[k] >= moment
                if days > 90:
                    ends.append(date.max if is_open else add_months(repaid[k].date(), 12))
                bad.append(is_open and days > 90)
                late.append(is_open and days > 0)
            if any(bad) and since is None:
                change, wanted[name] = "entry", moment
            elif since is not None and not any(late) and max(ends) <= moment.date():
                change, wanted[name] = "exit", None
            assert got.pop(name, None) == change, (moment, name)
        assert not got
        table = blacklist_after(records, changes)
    still = table[table["to"].isna()]
    assert dict(zip(still["merchant_id"], still["from"])) == {
        name: since for name, since in wanted.items() if since is not None
    }
    assert table["to"].notna().any()


def test_states_in_default_and_nobody_else_enter(records) -> None:
    changes = blacklist_changes(records, as_of=AS_OF)
    book = read_postings(records).known_before(AS_OF)
    states = replay(book, [AS_OF.normalize()]).merge(
        book.loans[["loan_id", "merchant_id"]], on="loan_id"
    )
    bad = set(states.loc[states["state"].isin(["default", "written_off"]), "merchant_id"])
    table = records["blacklist"].to_pandas()
    listed = set(table.loc[table["from"] < AS_OF, "merchant_id"])
    entered = set(changes.loc[changes["change"] == "entry", "merchant_id"])
    assert entered == bad - listed
    assert bad & listed


def test_a_measured_policy_is_another_policy_and_always_the_same_one() -> None:
    policy = load_policy("ali-2013")
    one = policy.with_lgd({"taobao_order": 0.4, "ali_credit": 0.7})
    two = policy.with_lgd({"ali_credit": 0.7}).with_lgd({"taobao_order": 0.4})
    assert one.policy_id == two.policy_id == one.with_lgd({"ali_credit": 0.7}).policy_id
    others = [policy, one, policy.with_lgd({"taobao_order": 0.4}),
              policy.with_lgd({"taobao_order": 0.41, "ali_credit": 0.7})]  # fmt: skip
    assert len({each.policy_id for each in others}) == 4
    assert dict(one.measured_lgd) == {"taobao_order": 0.4, "ali_credit": 0.7}
    assert policy.measured_lgd == {}
    assert one.product("taobao_credit") == policy.product("taobao_credit")
    assert [p.id for p in one.active] == [p.id for p in policy.active]
    with pytest.raises(TypeError):
        one.measured_lgd["ali_credit"] = 0.0
    for wrong, match in (({"taobao_orders": 0.4}, "taobao_orders"), ({"ali_credit": -0.1}, "-0.1"),
                         ({"ali_credit": float("nan")}, "nan"), ({"ali_credit": "0.4"}, "0.4"),
                         ([("ali_credit", 0.4)], "mapping")):  # fmt: skip
        with pytest.raises(PolicyError, match=match):
            policy.with_lgd(wrong)
