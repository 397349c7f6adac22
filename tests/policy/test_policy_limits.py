"""How much may be lent, and facts of applicants gathered by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_plain import plain

import alicredit as ac
from alicredit.errors import InputError, PolicyError
from alicredit.policy import build_applicants, grade_of, load_policy, offer_limits, price_loan
from alicredit.policy.limits import year_of_line

POLICY = plain(load_policy("ali-2013"))  # what a file without limit rules says


def offer(product: str, **facts) -> tuple[float, str]:
    base = {"merchant_id": "m", "pd": 0.004, "monthly_sales_median_180d": 1e6, "order_base": 1e6,
            "outstanding": 0.0}  # fmt: skip
    line = offer_limits(pd.DataFrame([base | facts]), POLICY, product=product).iloc[0]
    return float(line["limit"]), str(line["binding"])


CASES = [
    ("ali_credit", {"monthly_sales_median_180d": 1e9}, (3_000_000.0, "LIM_PRODUCT_MAX")),
    ("ali_credit", {"monthly_sales_median_180d": 24_999.0}, (0.0, "ELIG_LIMIT_MIN")),
    ("ali_credit", {"monthly_sales_median_180d": 25_000.0}, (50_000.0, "LIM_SALES")),
    ("taobao_credit", {"monthly_sales_median_180d": 10_049.99}, (20_000.0, "LIM_SALES")),
    ("taobao_credit", {"monthly_sales_median_180d": 1e9}, (1_000_000.0, "LIM_PRODUCT_MAX")),
    ("taobao_credit", {"outstanding": 1_500_000.0}, (500_000.0, "LIM_SALES")),
    ("taobao_order", {"order_base": 1000.0}, (800.0, "LIM_ORDER_BASE")),
    ("taobao_order", {"order_base": 1.24}, (0.0, "ELIG_LIMIT_MIN")),
    ("taobao_order", {"order_base": 1.25}, (1.0, "LIM_ORDER_BASE")),
    ("taobao_order", {"order_base": np.nan}, (0.0, "MISSING_DATA")),
    ("taobao_order", {"pd": np.nan}, (0.0, "MISSING_DATA")),
    ("ali_credit", {"order_base": np.nan, "monthly_sales_median_180d": 1e5}, (2e5, "LIM_SALES")),
]


@pytest.mark.parametrize(("product", "facts", "want"), CASES)
def test_limits_case_by_case(product: str, facts: dict, want: tuple[float, str]) -> None:
    assert offer(product, **facts) == want


@given(
    st.floats(0.0001, 0.9), st.floats(0.0001, 0.9), st.floats(0, 1e7), st.floats(0, 1e7),
    st.sampled_from(["ali_credit", "taobao_credit", "taobao_order"]),
)  # fmt: skip
def test_a_better_grade_or_higher_sales_never_lower_a_limit(p, q, s, t, product) -> None:
    better = offer(product, pd=min(p, q), monthly_sales_median_180d=max(s, t))[0]
    worse = offer(product, pd=max(p, q), monthly_sales_median_180d=min(s, t))[0]
    assert better >= worse
    limit = POLICY.product(product).limit
    for amount in (better, worse):
        assert amount <= float(limit.max)
        assert amount == 0 or amount >= float(limit.min or 0)
        assert round(amount * 100) % int(limit.step * 100) == 0


def test_grades_are_cut_on_the_probability() -> None:
    grades = grade_of(np.array([0.001, 0.005, 0.0051, 0.5, np.nan]), POLICY.grades)
    assert grades.tolist() == ["A", "B", "C", "G", None]


def test_prices_name_their_convention_and_flag_what_exceeds_the_cap() -> None:
    order = price_loan(POLICY.product("taobao_order"), POLICY)
    assert order.annual_simple_act_365 == 0.1825
    assert order.flags == ("PENALTY_ABOVE_CAP",)
    dear = price_loan(POLICY.product("taobao_order"), POLICY, rate=0.0006)
    assert dear.annual_simple_act_365 == pytest.approx(0.219)
    with pytest.raises(PolicyError, match="rate"):
        price_loan(POLICY.product("virtual_card"), POLICY)


def test_a_years_loss_and_profit_by_hand() -> None:
    order = POLICY.product("taobao_order")
    loss, profit = year_of_line(np.array([1_000_000, 0]), np.array([0.01, 0.01]), order, POLICY)
    assert loss.tolist() == [10_000 * 0.01 * 0.6 * 0.5, 0.0]
    want = 10_000 * 0.329 * (0.1825 - 0.06) - 30 * 2.30 - 30.0
    assert profit[0] == pytest.approx(want, abs=0.005)
    assert profit[1] == 0.0


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(PolicyError, match="active"):
        offer("virtual_card")
    with pytest.raises(PolicyError, match="did you mean"):
        offer("taobao_orders")
    with pytest.raises(InputError, match="order_base"):
        offer_limits(pd.DataFrame({"merchant_id": ["m"], "pd": [0.1]}), POLICY,
                     product="taobao_order")  # fmt: skip
    with pytest.raises(InputError, match="0 to 1"):
        grade_of(np.array([1.5]), POLICY.grades)


AS_OF = "2013-05-01"


def orders(**columns) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    frame = pd.DataFrame(
        {
            "order_id": [f"o{k}" for k in range(size)],
            "merchant_id": "m",
            "buyer_id": "b",
            "created_at": pd.Timestamp("2013-04-20"),
            "paid_at": pd.Timestamp("2013-04-20"),
            "shipped_at": pd.Timestamp("2013-04-21"),
            "confirmed_at": pd.NaT,
            "amount": 1000.0,
        }
    )
    return frame.assign(**columns)


def facts_of(as_of: str = AS_OF, **tables: pd.DataFrame) -> pd.Series:
    merchants = pd.DataFrame(
        {
            "merchant_id": ["m"],
            "platform": "taobao",
            "membership": "ordinary",
            "region": "sichuan",
            "registered_at": pd.Timestamp("2010-01-01"),
            "shop_opened_at": pd.Timestamp("2010-02-01"),
        }
    )
    records = ac.read_records({"merchants": merchants, **tables})
    return build_applicants(records, ac.Cohort.at(records, as_of)).iloc[0]


def base_of(frame: pd.DataFrame, **tables: pd.DataFrame) -> float:
    return float(facts_of(orders=frame, **tables)["order_base"])


def test_the_order_base_takes_open_escrowed_orders_less_a_haircut() -> None:
    assert base_of(orders(amount=[1000.0, 500.0])) == 1500 * 0.98
    assert base_of(orders(shipped_at=[pd.NaT])) == 0
    assert base_of(orders(shipped_at=[pd.Timestamp("2013-05-01")])) == 0
    assert base_of(orders(confirmed_at=[pd.Timestamp("2013-04-28")])) == 0
    assert base_of(orders(confirmed_at=[pd.Timestamp("2013-05-02")])) == 980
    assert base_of(orders(created_at=[pd.Timestamp("2013-03-31")])) == 0
    assert base_of(orders(payment=["cod"])) == 0
    assert base_of(orders(is_virtual_goods=[True])) == 0


def test_a_claim_takes_its_order_out_and_refunds_raise_the_haircut() -> None:
    refund = pd.DataFrame(
        {
            "id": ["r"],
            "order_id": ["o0"],
            "opened_at": [pd.Timestamp("2013-04-25")],
            "amount": 200.0,
        }
    )
    got = base_of(orders(amount=[1000.0, 1000.0]), refunds=refund)
    assert got == 1000 * (1 - 200 / 2000)


def loan(at: str = "2013-04-25") -> dict[str, pd.DataFrame]:
    day = pd.Timestamp(at)
    loans = pd.DataFrame(
        {"loan_id": ["l"], "merchant_id": "m", "product_id": "taobao_order", "principal": 800.0,
         "rate": 0.0005, "disbursed_at": day, "due_at": day + pd.Timedelta(days=30)}
    )  # fmt: skip
    pledge = pd.DataFrame({"loan_id": ["l"], "order_id": ["o0"], "pledged_amount": [800.0]})
    return {"loans": loans, "loan_orders": pledge}


def test_a_second_draw_on_a_pledged_order_is_nothing_until_it_is_repaid() -> None:
    assert base_of(orders(amount=[1000.0]), **loan()) == 0
    back = pd.DataFrame(
        {"loan_id": ["l"], "at": [pd.Timestamp("2013-04-28")], "amount": 801.2, "principal": 800.0}
    )
    assert base_of(orders(amount=[1000.0]), **loan(), repayments=back) == 980
    facts = facts_of(orders=orders(amount=[1000.0]), **loan())
    assert facts["outstanding"] == 800.0
    assert facts_of(orders=orders(amount=[1.0]), **loan(), repayments=back)["outstanding"] == 0


def test_monthly_sales_are_the_median_of_six_periods_net_of_refunds() -> None:
    days = [5, 35, 65, 95, 125, 155, 185]
    amounts = [600.0, 100.0, 300.0, 200.0, 500.0, 400.0, 9999.0]
    settled = orders(
        amount=amounts,
        confirmed_at=[pd.Timestamp(AS_OF) - pd.Timedelta(days=d) for d in days],
        created_at=[pd.Timestamp(AS_OF) - pd.Timedelta(days=d + 9) for d in days],
    )
    assert facts_of(orders=settled)["monthly_sales_median_180d"] == 350.0
    refund = pd.DataFrame(
        {
            "id": ["r"],
            "order_id": ["o5"],
            "opened_at": [pd.Timestamp(AS_OF) - pd.Timedelta(days=150)],
            "amount": 400.0,
        }
    )
    net = facts_of(orders=settled, refunds=refund)["monthly_sales_median_180d"]
    assert net == (200 + 300) / 2
    assert facts_of(orders=settled.iloc[:2])["monthly_sales_median_180d"] == 0


def test_membership_and_region_follow_history_as_it_was_known() -> None:
    history = pd.DataFrame(
        {
            "merchant_id": "m",
            "field": ["membership", "membership", "region"],
            "value": ["paying", "ordinary", "guangdong"],
            "event_time": pd.to_datetime(["2012-01-01", "2013-06-01", "2013-04-01"]),
            "known_at": pd.to_datetime(["2012-01-01", "2013-06-01", "2013-05-15"]),
        }
    )
    facts = facts_of(merchant_history=history)
    assert (facts["membership"], facts["region"]) == ("paying", "sichuan")
    later = facts_of("2013-07-01", merchant_history=history)
    assert (later["membership"], later["region"]) == ("ordinary", "guangdong")


def test_the_blacklist_counts_while_it_is_in_force() -> None:
    black = pd.DataFrame(
        {
            "merchant_id": ["m"],
            "from": [pd.Timestamp("2013-01-01")],
            "to": [pd.Timestamp("2013-06-01")],
        }
    )
    assert not facts_of("2012-12-31", blacklist=black)["blacklisted"]
    assert facts_of("2013-05-01", blacklist=black)["blacklisted"]
    assert not facts_of("2013-06-02", blacklist=black)["blacklisted"]


def test_lateness_now_and_absent_sources() -> None:
    facts = facts_of("2013-06-01", orders=orders(amount=[1.0]), **loan())
    assert facts["days_past_due"] == 7
    bare = facts_of()
    assert np.isnan(bare["monthly_sales_median_180d"])
    assert np.isnan(bare["order_base"])
    assert np.isnan(bare["positive_rating_share"])
    assert bare["outstanding"] == 0
