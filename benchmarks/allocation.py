"""Allocation of a whole book: time, memory, and how near to the bound.

`python benchmarks/allocation.py [MERCHANTS] [SEED]`

Offers of four products (three live ones and the card as a what-if) to merchants of log-normal size
and logistic-normal risk, under ten constraints with a price (expected and peak balance, losses,
three regions, two categories, one product, small loans) and those without (single borrower with
related parties, borrowings, banks). At 2,000 merchants the bound is compared with the linear
program's, and the book with the integer program's best within five minutes.
"""

from __future__ import annotations

import resource
import sys
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from alicredit.allocation import Allocation, BookRules, allocate
from alicredit.policy import Lender, load_policy
from alicredit.policy.terms import REGIONS

PRODUCTS = np.array(("ali_credit", "taobao_credit", "taobao_order", "virtual_card"), dtype=object)
MINIMUM = np.array((5_000.0, 100.0, 1.0, 200.0))
CAPPED = {"region": {"guangdong": 0.015, "jiangsu": 0.012, "zhejiang": 0.01},
          "category": {"c00": 0.025, "c03": 0.02}, "product": {"taobao_credit": 0.09}}  # fmt: skip


def make_offers(merchants: int, seed: int) -> pd.DataFrame:
    """Make the offers; a tenth of merchants have related parties."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(merchants), 4)
    product = np.tile(np.arange(4), merchants)
    size = np.exp(rng.normal(10.5, 1.0, merchants))[who]
    risk = 1 / (1 + np.exp(-rng.normal(-4.0, 1.0, merchants)))[who]
    most = size * np.array((3.0, 1.0, 0.6, 0.05))[product]
    most *= np.exp(rng.normal(0, 0.3, len(who)))
    limit = np.maximum(np.round(most / 100) * 100, 100.0)
    mean, peak = (
        limit * np.array(use)[product] for use in ((1, 0.5, 0.3, 0.4), (1, 0.8, 0.9, 0.5))
    )
    loss = risk * 0.6 * limit
    cost = 2.3 * np.array((1.0, 5.0, 30.0, 3.0))[product]
    names = np.array([f"m{each:07d}" for each in range(merchants)], dtype=object)
    regions = np.array(REGIONS, dtype=object)[rng.integers(0, len(REGIONS), merchants)]
    categories = np.array([f"c{each:02d}" for each in rng.integers(0, 20, merchants)], dtype=object)
    group = np.where(np.arange(merchants) % 10 == 1, np.arange(merchants) - 1, np.arange(merchants))
    return pd.DataFrame(
        {
            "merchant_id": names[who],
            "product_id": PRODUCTS[product],
            "limit": limit,
            "minimum": np.minimum(MINIMUM[product], limit),
            "expected_profit": mean * np.array((0.12, 0.125, 0.125, 0.09))[product] - loss - cost,
            "expected_loss": loss,
            "mean_balance": mean,
            "peak_balance": peak,
            "peak_sd": 0.3 * np.minimum(peak, limit - peak + 0.1 * limit),
            "region": regions[who],
            "category": categories[who],
            "group_id": names[group[who]],
        }
    )


def make_lender(offers: pd.DataFrame) -> tuple[Lender, BookRules]:
    """Make a lender who can serve less than half of what would earn, and rules that bind."""
    good = offers["expected_profit"] > 0
    capital = Decimal(round(0.35 * offers.loc[good, "peak_balance"].sum() / 1.5))
    given = load_policy("ali-2013").lender
    lender = Lender(
        net_capital=capital,
        borrowings={"one": capital / 4, "two": capital / 4},
        max_banks=2,
        borrow_ratio=Decimal("0.5"),
        single_borrower_ratio=Decimal(2_000_000) / capital,
        rate_cap_multiple=given.rate_cap_multiple,
        rate_floor_multiple=given.rate_floor_multiple,
        benchmark=given.benchmark,
        funding_rate=given.funding_rate,
        operation_per_draw=given.operation_per_draw,
    )
    rules = BookRules(
        loss_budget=0.15 * float(offers.loc[good, "expected_loss"].sum()),
        region_share=CAPPED["region"],
        category_share=CAPPED["category"],
        product_share=CAPPED["product"],
        small_share=0.4,
        small_limit=100_000.0,
        common_share=0.3,
    )
    return lender, rules


def compare(offers: pd.DataFrame, lender: Lender, rules: BookRules, book: Allocation) -> None:
    """Compare with HiGHS, the program written from the frame alone."""
    o, count = offers, len(offers)
    funds = float(lender.net_capital) * 1.5
    z, c, sigma = rules.peak_z, rules.common_share, book.prices.peak_sigma
    sd, mean = o["peak_sd"].to_numpy(), o["mean_balance"].to_numpy()
    peak = o["peak_balance"].to_numpy() + z * c**0.5 * sd + z * (1 - c) * sd**2 / (2 * sigma)
    rows = [mean, peak, o["expected_loss"].to_numpy()]
    caps = [funds, funds - z * sigma / 2, rules.loss_budget]
    for column, shares in (("region", CAPPED["region"]), ("category", CAPPED["category"]),
                           ("product_id", CAPPED["product"])):  # fmt: skip
        for name, share in shares.items():
            rows.append(mean * (o[column] == name).to_numpy())
            caps.append(share * funds)
    rows.append(mean * (rules.small_share - (o["limit"] <= rules.small_limit).to_numpy()))
    caps.append(0.0)
    groups = o.groupby("group_id").ngroup().to_numpy()
    by_group = sp.csr_matrix((o["limit"], (groups, np.arange(count))))
    shared = sp.vstack([sp.csr_matrix(np.array(rows)), by_group]).tocsr()
    caps = np.append(caps, np.full(by_group.shape[0], float(lender.single_borrower_cap)))
    profit = o["expected_profit"].to_numpy()
    linear = linprog(-profit, A_ub=shared, b_ub=caps, bounds=(0, 1), method="highs")
    print(
        f"linear program {-linear.fun:.6f}, bound/linear - 1 = {book.bound / -linear.fun - 1:.1e}"
    )
    least = (np.maximum(o["minimum"], 0.01) / o["limit"]).to_numpy()
    one = sp.eye(count)
    whole = sp.vstack([
        sp.hstack([shared, sp.csr_matrix(shared.shape)]),
        sp.hstack([one, -one]),
        sp.hstack([-one, sp.diags(least)]),
    ]).tocsr()  # fmt: skip
    best = milp(
        np.append(-profit, np.zeros(count)),
        constraints=LinearConstraint(whole, -np.inf, np.append(caps, np.zeros(2 * count))),
        bounds=Bounds(0, 1),
        integrality=np.append(np.zeros(count), np.ones(count)),
        options={"time_limit": 300, "mip_rel_gap": 1e-6},
    )
    print(f"integer program {-best.fun:.2f} ({best.message}), book/integer - 1 = "
          f"{book.value / -best.fun - 1:.1e}")  # fmt: skip


def main(merchants: int = 1_000_000, seed: int = 1) -> None:
    """Make, allocate, print."""
    pd.set_option("display.width", 160, "display.max_columns", 20)
    begun = time.perf_counter()
    offers = make_offers(merchants, seed)
    lender, rules = make_lender(offers)
    before = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{len(offers)} offers made in {time.perf_counter() - begun:.1f} s, "
          f"{before.ru_maxrss / 1024**2:.2f} GB")  # fmt: skip
    begun = time.perf_counter()
    book = allocate(offers, lender, rules=rules)
    wall, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(f"allocated in {wall:.1f} s, {cpu:.1f} CPU-s, peak {used.ru_maxrss / 1024**2:.2f} GB")
    print(f"value {book.value:.2f}, bound {book.bound:.2f}, gap {book.gap:.2e}, "
          f"{int(book.offers['is_marginal'].sum())} offers at the margin")  # fmt: skip
    print(book.constraints.to_string())
    print(book.offers["reason"].value_counts().to_string())
    if merchants <= 5_000:
        compare(offers, lender, rules, book)


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
