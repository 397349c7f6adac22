"""Limits, losses, profits and prices, counted again with exact decimals."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from policy_plain import plain

from alicredit.policy import check_lender, grade_of, load_policy, offer_limits, price_loan
from alicredit.policy.limits import year_of_line

POLICY = plain(load_policy("ali-2013"))  # what a file without limit rules says
ACTIVE = [product.id for product in POLICY.active]
MONTHS = {"A": "2", "B": "2", "C": "1.5", "D": "1", "E": "0.75", "F": "0.5", "G": "0.25"}

fen = st.integers(0, 5 * 10**9)
pds = st.floats(1e-6, 1.0)
people = st.lists(st.tuples(pds, fen, fen, fen), min_size=1, max_size=40)


def offers(rows, product: str, policy=POLICY) -> pd.DataFrame:
    """Offer limits to rows of pd and of sales, order base and outstanding in fen."""
    frame = pd.DataFrame(rows, columns=["pd", "sales", "base", "owed"], dtype=object)
    given_ = pd.DataFrame({
        "merchant_id": [f"m{k}" for k in range(len(frame))], "pd": frame["pd"].astype(float),
        "monthly_sales_median_180d": [s / 100 for s in frame["sales"]],
        "order_base": [b / 100 for b in frame["base"]],
        "outstanding": [o / 100 for o in frame["owed"]],
    })  # fmt: skip
    return offer_limits(given_, policy, product=product)


def floor_fen(yuan: Decimal) -> Decimal:
    return yuan.quantize(Decimal("0.01"), rounding=ROUND_FLOOR)


def bounds_by_hand(product_id: str, row, policy=POLICY) -> dict[str, Decimal]:
    """Give each bound of DOMAIN 5.7 and 1.4 in yuan."""
    p, sales, base, owed = row
    product = policy.product(product_id)
    grade = next(n for n, top in zip("ABCDEFG", policy.grades.upper_pd) if p <= top)
    months, debt = Decimal(MONTHS[grade]), Decimal(owed) / 100
    by_sales = floor_fen(Decimal(sales) / 100 * months)
    bounds = {
        "LIM_PRODUCT_MAX": product.limit.max,
        "LIM_SALES": by_sales - (0 if product.kind == "term" else debt),
        "LIM_SINGLE_BORROWER": policy.lender.net_capital * Decimal("0.05") - debt,
    }
    if product.kind == "order_advance":
        bounds["LIM_ORDER_BASE"] = floor_fen(Decimal(base) / 100 * product.advance_rate)
    return bounds


def limit_by_hand(product_id: str, row, policy=POLICY) -> Decimal:
    """Floor the least bound to the step; nothing below the least that may be lent."""
    limit = policy.product(product_id).limit
    least = max(min(bounds_by_hand(product_id, row, policy).values()), Decimal(0))
    stepped = least // limit.step * limit.step
    return stepped if stepped >= (limit.min or 0) else Decimal(0)


@pytest.mark.parametrize("product", ACTIVE)
@settings(max_examples=40)
@given(rows=people)
@example(rows=[(0.0025, 5_000_000, 125, 0), (0.08, 10_000_000, 124, 0), (1.0, 100, 0, 100)])
def test_a_limit_is_the_least_bound_floored_to_the_step(product: str, rows) -> None:
    found = offers(rows, product)
    want = [limit_by_hand(product, row) for row in rows]
    assert [Decimal(str(x)) for x in found["limit"]] == want


@pytest.mark.parametrize("product", ACTIVE)
@settings(max_examples=30)
@given(rows=people)
def test_what_is_said_to_bind_is_the_least_bound(product: str, rows) -> None:
    for row, line in zip(rows, offers(rows, product).itertuples()):
        bounds = bounds_by_hand(product, row)
        if line.binding == "ELIG_LIMIT_MIN":
            assert line.limit == 0
        else:
            assert bounds[line.binding] == min(bounds.values())
            assert line.limit > 0


@pytest.mark.parametrize("rate", ["0.70", "0.35", "0.55", "0.07", "0.29", "1.00"])
@given(tens=st.lists(st.integers(1, 10**8), min_size=1, max_size=100))
@settings(max_examples=20)
def test_an_advance_that_comes_out_even_loses_no_fen(rate: str, tens) -> None:
    order = POLICY.product("taobao_order")
    limit = replace(order.limit, max=Decimal(10**9), step=Decimal("0.01"), min=None)
    product = replace(order, advance_rate=Decimal(rate), limit=limit)
    policy = replace(POLICY, products={"taobao_order": product})
    rows = [(0.001, 10**11, 100 * ten, 0) for ten in tens]
    want = [min(Decimal(rate) * ten, Decimal(80_000_000)) for ten in tens]
    found = offers(rows, "taobao_order", policy)["limit"]
    assert [round(x * 100) for x in found] == [int(x * 100) for x in want]


@given(rows=people, more=st.integers(1, 10**8))
@settings(max_examples=25)
def test_more_sales_orders_or_less_debt_never_lower_a_limit(rows, more: int) -> None:
    for product in ACTIVE:
        before = offers(rows, product)["limit"]
        for change in ((0, more, 0, 0), (0, 0, more, 0), (0, 0, 0, -more)):
            moved = [
                (p, s + change[1], b + change[2], max(o + change[3], 0)) for p, s, b, o in rows
            ]
            assert (offers(moved, product)["limit"] >= before).all()


def test_a_request_of_40_000_is_below_ali_credits_least_and_3_000_001_above_its_most() -> None:
    sales = [(0.001, yuan * 50, 0, 0) for yuan in (40_000, 50_000, 3_000_000, 3_000_001)]
    assert offers(sales, "ali_credit")["limit"].tolist() == [0, 50_000, 3_000_000, 3_000_000]


def test_a_small_lender_is_bound_by_what_one_borrower_may_owe() -> None:
    lender = replace(POLICY.lender, net_capital=Decimal(10_000_000))
    small = replace(POLICY, lender=lender)
    assert lender.single_borrower_cap == 500_000
    found = offers([(0.001, 10**9, 10**9, owed * 100) for owed in (0, 100_000, 500_000)],
                   "taobao_credit", small)  # fmt: skip
    assert found["limit"].tolist() == [500_000, 400_000, 0]
    assert found["binding"].tolist() == ["LIM_SINGLE_BORROWER"] * 2 + ["ELIG_LIMIT_MIN"]


def test_the_capital_of_each_company_gives_its_own_caps() -> None:
    caps = {}
    for name, capital in (("zhejiang", 600_000_000), ("chongqing", 1_000_000_000)):
        company = replace(POLICY.lender, net_capital=Decimal(capital))
        caps[name] = (company.lending_cap, company.single_borrower_cap)
    assert caps == {"zhejiang": (900_000_000, 30_000_000), "chongqing": (1_500_000_000, 50_000_000)}


@given(st.integers(0, 3 * 10**9), st.integers(0, 10**8), st.integers(0, 10**9), st.integers(0, 4))
def test_a_lender_passes_exactly_within_its_limits(lent, largest, borrowed, banks) -> None:
    owed = {f"bank {k}": Decimal(borrowed) for k in range(banks)}
    found = check_lender(
        POLICY.lender, outstanding=lent, largest_borrower=largest, borrowings=owed
    ).set_index("rule")
    total = borrowed * banks
    want = {
        "banks": banks <= 2, "borrowings": total <= 800_000_000,
        "lending_cap": lent <= min(2_400_000_000, 1_600_000_000 + total),
        "single_borrower": largest <= 80_000_000,
    }  # fmt: skip
    assert {rule: each == "pass" for rule, each in found["outcome"].items()} == want


@given(st.lists(st.tuples(st.integers(0, 3 * 10**8), pds), min_size=1, max_size=30))
def test_loss_and_profit_of_a_line_counted_in_decimals(lines) -> None:
    limits, risks = np.array([x for x, _ in lines]), np.array([p for _, p in lines])
    annual = {"ali_credit": Decimal("0.18"), "taobao_credit": Decimal("0.1825"),
              "taobao_order": Decimal("0.1825")}  # fmt: skip
    fee = {"ali_credit": Decimal("0.01")}
    for product in POLICY.active:
        e = product.economics
        losses, profits = year_of_line(limits, risks, product, POLICY)
        for (amount, p), loss, profit in zip(lines, losses, profits):
            yuan = Decimal(amount) / 100
            lost = Decimal(p) * yuan * Decimal(str(e.lgd)) * Decimal(str(e.use_at_default))
            earned = yuan * Decimal(str(e.mean_use)) * (annual[product.id] - Decimal("0.06"))
            earned += yuan * fee.get(product.id, Decimal(0))
            cost = Decimal("2.30") * Decimal(str(e.draws_a_year)) if amount else Decimal(0)
            assert abs(Decimal(float(loss)) - lost) < Decimal("0.00501")
            assert abs(Decimal(float(profit)) - (earned - cost - lost)) < Decimal("0.00501")


@given(st.lists(pds, min_size=2, max_size=20), st.integers(1, 10**8))
def test_more_risk_costs_more_and_earns_less(risks, amount: int) -> None:
    ordered = np.sort(np.array(risks))
    limits = np.full(len(ordered), amount)
    for product in POLICY.active:
        losses, profits = year_of_line(limits, ordered, product, POLICY)
        assert (np.diff(losses) >= 0).all()
        assert (np.diff(profits) <= 0).all()
        assert (losses >= 0).all()


def test_a_fee_that_no_contract_charges_is_no_profit() -> None:
    ali = POLICY.product("ali_credit")
    _, charged = year_of_line(np.array([10_000_000]), np.array([0.01]), ali, POLICY)
    free = replace(ali, terms={**ali.terms, "fee_basis": "none"})
    _, uncharged = year_of_line(np.array([10_000_000]), np.array([0.01]), free, POLICY)
    assert charged[0] - uncharged[0] == 1000


def test_an_order_loan_breaks_even_at_the_published_loss_rate() -> None:
    economics = replace(
        POLICY.product("taobao_order").economics, draws_a_year=1.0, mean_use=4 / 365,
        lgd=1.0, use_at_default=1.0,
    )  # fmt: skip
    one = replace(POLICY.product("taobao_order"), economics=economics)
    # 7,000 yuan for 4 days: 14.00 interest - 4.60 funding - 2.30 operation = 7.10, or 0.1014 %.
    _, profit = year_of_line(np.array([700_000] * 2), np.array([0.0, 0.001014]), one, POLICY)
    assert profit.tolist() == [7.10, 0.0]


@pytest.mark.parametrize(
    ("product", "rate", "annual", "flags"),
    [
        ("ali_credit", None, 0.18, ("PENALTY_ABOVE_CAP",)),
        ("taobao_order", 0.0005, 0.1825, ("PENALTY_ABOVE_CAP",)),
        ("taobao_credit", 0.0006, 0.219, ("PENALTY_ABOVE_CAP",)),
    ],
)
def test_annual_rates_are_those_published(product, rate, annual, flags) -> None:
    price = price_loan(POLICY.product(product), POLICY, rate=rate)
    assert (price.annual_simple_act_365, price.flags) == (annual, flags)


def test_a_rate_above_four_times_the_benchmark_is_flagged_and_not_clipped() -> None:
    order = POLICY.product("taobao_order")
    wide = replace(order, rate=replace(order.rate, max=Decimal("0.001")))
    dear = price_loan(wide, POLICY, rate=0.0007)
    assert dear.annual_simple_act_365 == 0.2555
    assert dear.flags == ("RATE_CAP", "PENALTY_ABOVE_CAP")
    assert price_loan(wide, POLICY, rate=0.24 / 365).flags == ("PENALTY_ABOVE_CAP",)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_a_grade_holds_its_upper_bound_and_not_its_lower(risks) -> None:
    tops = dict(zip("ABCDEFG", POLICY.grades.upper_pd))
    floors = dict(zip("BCDEFG", POLICY.grades.upper_pd))
    for p, grade in zip(risks, grade_of(np.array(risks), POLICY.grades)):
        assert p <= tops[grade]
        assert p > floors.get(grade, -1)
