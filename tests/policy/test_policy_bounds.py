"""Bounds by cash flow, law and groups, limits in force, and what never lowers a limit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alicredit.errors import InputError, PolicyError
from alicredit.policy import LimitRules, group_outstanding, load_policy, offer_limits
from alicredit.policy.line import change_limits
from alicredit.vocabulary import REASONS

POLICY = load_policy("ali-2013")
LIVE = ["ali_credit", "taobao_credit", "taobao_order"]
BASE = {"merchant_id": "m", "pd": 0.001, "monthly_sales_median_180d": 1e5, "order_base": 1e6,
        "outstanding": 0.0}  # fmt: skip


def offer(product: str = "taobao_credit", policy=POLICY, **facts) -> tuple[float, str]:
    line = offer_limits(pd.DataFrame([BASE | facts]), policy, product=product).iloc[0]
    assert line["binding"] in REASONS
    return float(line["limit"]), str(line["binding"])


def rules(**changed) -> object:
    return replace(POLICY, limit_rules=replace(POLICY.limit_rules, **changed))


def test_capacity_is_what_a_share_of_cash_flow_serves() -> None:
    # 10 % of 100,000 a month over 1/12 + 18.25 % / 12 of each yuan: 101,479.91, in steps of 100.
    tight = rules(capacity_share=0.1)
    want = 10_000 / (1 / 12 + 0.1825 / 12)
    assert offer(policy=tight) == (want // 100 * 100, "LIM_CAPACITY")
    assert offer(policy=tight, outstanding=50_000.0)[0] == (want - 50_000) // 100 * 100
    assert offer("taobao_order", tight, monthly_sales_median_180d=4e5)[1] == "LIM_SALES"
    assert offer(policy=rules(capacity_share=None))[1] == "LIM_SALES"


def test_bank_inflows_count_instead_of_sales_up_to_what_reconciles() -> None:
    tight = rules(capacity_share=0.1)
    own = offer(policy=tight)[0]
    for inflow, times in ((50_000.0, 1.0), (120_000.0, 1.2), (9e9, 1.5), (np.nan, 1.0)):
        want = 10_000 * times / (1 / 12 + 0.1825 / 12) // 100 * 100
        found = offer(policy=tight, bank_inflows_median_180d=inflow)
        assert found[0] == min(want, 200_000)
        assert found[0] >= own
    strict = rules(capacity_share=0.1, bank_inflows_most=None)
    assert offer(policy=strict, bank_inflows_median_180d=9e9)[0] == own


def test_what_a_group_owes_counts_as_one_borrowers() -> None:
    small = replace(POLICY, lender=replace(POLICY.lender, net_capital=Decimal(4_000_000)))
    rich = {"monthly_sales_median_180d": 1e6}
    assert small.lender.single_borrower_cap == 200_000
    assert offer(policy=small, **rich) == (200_000, "LIM_SINGLE_BORROWER")
    assert offer(policy=small, group_outstanding=150_000.0, **rich) == (50_000, "LIM_RELATED")
    assert offer(policy=small, group_outstanding=0.0, **rich) == (200_000, "LIM_SINGLE_BORROWER")
    own = {"outstanding": 50_000.0, "group_outstanding": 50_000.0}
    assert offer(policy=small, **own, **rich) == (150_000, "LIM_SINGLE_BORROWER")
    assert offer(policy=small, group_outstanding=np.nan, **rich) == (0, "MISSING_DATA")
    assert offer(policy=small, group_outstanding=500_000.0, **rich)[0] == 0


def test_the_cap_by_purpose_holds_beside_the_share_of_capital() -> None:
    policy = load_policy("cn-2025")
    line = {"monthly_sales_median_180d": 1e9, "outstanding": 150_000.0}
    assert offer("online_consumer", policy, **line) == (50_000, "LIM_SINGLE_BORROWER")
    assert offer("online_consumer", policy, **line | {"outstanding": 0.0})[0] == 200_000


def test_debts_of_a_group_are_summed_once_a_merchant() -> None:
    people = pd.DataFrame({"merchant_id": list("abcda"), "outstanding": [1.1, 2.2, 4.0, 8.0, 1.1]})
    groups = pd.DataFrame({"merchant_id": list("abc"), "group_id": ["a", "a", "c"]})
    found = group_outstanding(people, groups)
    assert found.tolist() == [3.3, 3.3, 4.0, 8.0, 3.3]
    lacking = group_outstanding(people.assign(outstanding=[1, None, 2, 3, 1]), groups)
    assert np.isnan(lacking[[0, 1]]).all()
    for bad in (None, people, groups.assign(merchant_id="a")):
        with pytest.raises(InputError, match="groups must"):
            group_outstanding(people, bad)


def test_changes_come_with_hysteresis_and_in_steps() -> None:
    wanted = lambda current: offer(current_limit=current)  # noqa: E731
    full = offer()[0]
    assert full == 200_000
    assert wanted(0.0) == wanted(np.nan) == (full, "LIM_SALES")
    assert wanted(185_000.0) == (185_000, "LIM_KEPT")
    assert wanted(215_000.0) == (215_000, "LIM_KEPT")
    assert wanted(180_000.0)[0] == full
    assert wanted(60_000.0) == (120_000, "LIM_RAISE_STEP")
    assert wanted(900_000.0) == (450_000, "LIM_CUT_STEP")
    assert wanted(full) == (full, "LIM_SALES")
    assert offer("taobao_order", order_base=1e5, current_limit=9e5) == (80_000, "LIM_ORDER_BASE")
    assert offer(current_limit=1e5, pd=np.nan) == (0, "MISSING_DATA")


def test_a_limit_in_force_is_withdrawn_where_it_no_longer_earns() -> None:
    assert offer(current_limit=200_000.0, pd=0.4) == (0, "LIM_UNPROFITABLE")
    assert offer(pd=0.4) == (0, "LIM_UNPROFITABLE")


amounts, risks = st.floats(0, 1e7), st.floats(1e-5, 0.95)


@pytest.mark.parametrize("product", LIVE)
@given(p=risks, q=risks, s=amounts, t=amounts, b=amounts, c=amounts, o=amounts, owed=amounts,
       current=st.one_of(st.just(0.0), st.floats(0, 3e6)), wide=st.floats(1, 4))  # fmt: skip
@example(p=0.02, q=0.02, s=2e4, t=2.01e4, b=1e6, c=1e6, o=0, owed=0, current=1.8e4, wide=1)
@settings(max_examples=120, deadline=None)
def test_better_risk_more_sales_or_orders_never_lower_a_limit(
    product, p, q, s, t, b, c, o, owed, current, wide
) -> None:
    def line(risk: float, sales: float, base: float, debt: float) -> dict:
        return {"merchant_id": "m", "pd": risk, "pd_upper": min(risk * wide, 1.0),
                "monthly_sales_median_180d": sales, "order_base": base, "outstanding": debt,
                "current_limit": current}  # fmt: skip

    better = line(min(p, q), max(s, t), max(b, c), min(o, owed))
    worse = line(max(p, q), min(s, t), min(b, c), max(o, owed))
    halfway = [better | {key: worse[key]} for key in ("monthly_sales_median_180d", "order_base",
                                                      "outstanding")]  # fmt: skip
    halfway.append(better | {"pd": worse["pd"], "pd_upper": worse["pd_upper"]})
    found = offer_limits(pd.DataFrame([better, *halfway, worse]), POLICY, product=product)["limit"]
    assert (found.iloc[0] >= found.iloc[1:]).all()
    assert (found.iloc[-1] <= found).all()


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.floats(1, 1e6), st.floats(0, 0.5),
       st.floats(0, 3), st.floats(0, 1))  # fmt: skip
def test_the_next_limit_rises_with_what_is_wanted_and_moves_within_steps(
    wanted, current, keep, up, down
) -> None:
    change = LimitRules(keep_within=keep, raise_most=up, cut_most=down)
    ordered = np.sort(np.array(wanted))
    moved, code = change_limits(ordered, np.full(len(ordered), current), change)
    assert (np.diff(moved) >= -1e-9 * current).all()
    assert (moved <= current * (1 + up) * (1 + 1e-12)).all()
    assert (moved >= current * (1 - down) * (1 - 1e-12)).all()
    assert (moved[code == "LIM_KEPT"] == current).all()
    plain, said = change_limits(ordered, np.full(len(ordered), current), LimitRules())
    assert plain.tolist() == ordered.tolist()
    assert set(said) <= {""}


@pytest.mark.parametrize(
    ("key", "value"),
    [("by_profit", 1), ("leverage_effect", 1.5), ("leverage_effect", -0.1), ("prudence", 2),
     ("prudence", "half"), ("capacity_share", -1), ("keep_within", 1.01), ("cut_most", 1.2),
     ("raise_most", float("inf")), ("bank_inflows_most", True), ("betta", 0.1),
     ("assumed", ["beta"])],
)  # fmt: skip
def test_bad_rules_are_refused_by_their_place(key: str, value) -> None:
    content = POLICY.content()
    content["limit_rules"][key] = value
    from alicredit.policy import read_policy

    with pytest.raises(PolicyError, match=rf"limit_rules\.{key}"):
        read_policy(content)


def test_a_policy_with_rules_is_written_told_and_compared() -> None:
    told = POLICY.describe().set_index("key")
    assert told.loc["limit_rules.leverage_effect", ["value", "assumed"]].tolist() == [
        "0.25", "assumed",
    ]  # fmt: skip
    other = rules(prudence=1.0)
    assert other.policy_id != POLICY.policy_id
    assert POLICY.diff(other)["path"].tolist() == ["limit_rules.prudence"]
    assert load_policy(POLICY) == POLICY
    assert "限额" in "".join(REASONS["LIM_PROFIT"].text_zh) or REASONS["LIM_PROFIT"].kind == "limit"
