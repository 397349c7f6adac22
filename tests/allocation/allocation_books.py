"""Made-up books of offers, lenders of a size to suit, and HiGHS as the judge."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from alicredit.allocation import BookRules
from alicredit.policy import Lender, load_policy

PRODUCTS = ("ali_credit", "taobao_credit", "taobao_order", "virtual_card")
REGIONS = ("fujian", "guangdong", "hunan", "jiangsu", "shanghai", "sichuan", "zhejiang")
USES = {"mean": (1.0, 0.5, 0.3, 0.4), "peak": (1.0, 0.8, 0.9, 0.5)}


def offers_of(
    merchants: int, *, seed: int = 0, amounts: int = 1, sd: float = 0.0, related: float = 0.0
) -> pd.DataFrame:
    """Make offers of four products to merchants of log-normal size and logistic-normal risk."""
    rng = np.random.default_rng(seed)
    rows = merchants * len(PRODUCTS)
    product = np.tile(np.arange(len(PRODUCTS)), merchants)
    who = np.repeat(np.arange(merchants), len(PRODUCTS))
    size = np.exp(rng.normal(10.5, 1.0, merchants))[who]
    risk = 1 / (1 + np.exp(-rng.normal(-4.0, 1.0, merchants)))[who]
    most = size * np.array((3.0, 1.0, 0.6, 0.05))[product] * np.exp(rng.normal(0, 0.3, rows))
    frames = []
    for amount in range(amounts):
        limit = np.maximum(np.round(most / 2**amount / 100) * 100, 100.0)
        mean = limit * np.array(USES["mean"])[product]
        peak = limit * np.array(USES["peak"])[product]
        loss = risk * (0.8**amount) * 0.6 * limit
        margin = np.array((0.12, 0.125, 0.125, 0.09))[product]
        cost = 2.3 * np.array((1.0, 5.0, 30.0, 3.0))[product]
        frames.append(
            pd.DataFrame(
                {
                    "merchant_id": [f"m{each:06d}" for each in who],
                    "product_id": np.array(PRODUCTS, dtype=object)[product],
                    "limit": limit,
                    "minimum": np.minimum(np.array((5000.0, 100.0, 1.0, 200.0))[product], limit),
                    "expected_profit": mean * margin - loss - cost,
                    "expected_loss": loss,
                    "mean_balance": mean,
                    "peak_balance": peak,
                    "peak_sd": sd * np.minimum(peak, limit - peak + 0.1 * limit),
                    "region": np.array(REGIONS, dtype=object)[who % len(REGIONS)],
                    "category": [f"c{each % 12:02d}" for each in who],
                    "group_id": [
                        f"g{each - each % 3 if each % 10 < 10 * related else each:06d}"
                        for each in who
                    ],
                }
            )
        )
    whole = pd.concat(frames, ignore_index=True)
    return whole.drop_duplicates(["merchant_id", "product_id", "limit"], ignore_index=True)


def lender_of(capital: float, *, single: float = 0.05) -> Lender:
    """Make a lender with borrowings of half its capital from two banks."""
    given = load_policy("ali-2013").lender
    return Lender(
        net_capital=Decimal(round(capital)),
        borrowings={"one": Decimal(round(capital)) / 4, "two": Decimal(round(capital)) / 4},
        max_banks=2,
        borrow_ratio=Decimal("0.5"),
        single_borrower_ratio=Decimal(str(single)),
        rate_cap_multiple=given.rate_cap_multiple,
        rate_floor_multiple=given.rate_floor_multiple,
        benchmark=given.benchmark,
        funding_rate=given.funding_rate,
        operation_per_draw=given.operation_per_draw,
    )


def tight_rules(offers: pd.DataFrame, **other: object) -> BookRules:
    """Make rules of which many bind."""
    good = offers[offers["expected_profit"] > 0].drop_duplicates(["merchant_id", "product_id"])
    given: dict[str, object] = {
        "loss_budget": 0.16 * good["expected_loss"].sum(),
        "region_share": {"zhejiang": 0.1, "guangdong": 0.12, "hunan": 0.08},
        "category_share": {"c00": 0.04, "c03": 0.05},
        "product_share": {"taobao_credit": 0.1},
        "small_share": 0.4,
        "small_limit": 100_000.0,
    }
    return BookRules(**(given | other))


def tight_lender(offers: pd.DataFrame, *, share: float = 0.35, single: float = 0.05) -> Lender:
    """Make a lender who can serve a share of what would earn."""
    good = offers[offers["expected_profit"] > 0].drop_duplicates(["merchant_id", "product_id"])
    return lender_of(share * good["peak_balance"].sum() / 1.5, single=single)


def funds_of(lender: Lender) -> float:
    """Give what the lender of these tests can lend: one and a half times its capital."""
    return float(lender.net_capital) * 1.5


def rows_of(
    offers: pd.DataFrame, lender: Lender, rules: BookRules, sigma: float
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Write every shared constraint as a row over the offers, from the frame alone."""
    o, funds, count = offers, funds_of(lender), len(offers)
    sd, mean = o["peak_sd"].to_numpy(), o["mean_balance"].to_numpy()
    z, c = 2.3263478740408408 * bool(sd.any()), rules.common_share
    is_split = bool(c < 1)
    peak = o["peak_balance"].to_numpy() + z * c**0.5 * sd + z * (1 - c) * sd**2 / (2 * sigma)
    out_peak = rules.outstanding if rules.outstanding_peak is None else rules.outstanding_peak
    rows = [mean, peak]
    caps = [funds - rules.outstanding, funds - out_peak - is_split * z * sigma / 2]
    if rules.loss_budget is not None:
        rows.append(o["expected_loss"].to_numpy())
        caps.append(rules.loss_budget)
    for column, shares in (
        ("region", rules.region_share),
        ("category", rules.category_share),
        ("product_id", rules.product_share),
    ):
        each = {} if shares is None else shares
        named = each if not isinstance(each, float) else dict.fromkeys(o[column].unique(), each)
        for name, share in named.items():
            rows.append(mean * (o[column] == name).to_numpy())
            caps.append(share * funds)
    if rules.small_share > 0:
        rows.append(mean * (rules.small_share - (o["limit"] <= rules.small_limit).to_numpy()))
        caps.append(0.0)
    group = o["group_id"] if "group_id" in o else o["merchant_id"]
    which = pd.factorize(group)[0]
    groups = sp.csr_matrix((o["limit"].to_numpy(), (which, np.arange(count))))
    one = np.full(groups.shape[0], float(lender.single_borrower_cap))
    return sp.vstack([sp.csr_matrix(np.array(rows)), groups]).tocsr(), np.append(caps, one)


def items_of(offers: pd.DataFrame) -> sp.csr_matrix:
    """Write that a merchant gets one amount of a product."""
    which = offers.groupby(["merchant_id", "product_id"]).ngroup().to_numpy()
    return sp.csr_matrix((np.ones(len(offers)), (which, np.arange(len(offers)))))


def linear_best(offers: pd.DataFrame, lender: Lender, rules: BookRules, sigma: float) -> float:
    """Give the best of the linear program."""
    rows, caps = rows_of(offers, lender, rules, sigma)
    items = items_of(offers)
    answer = linprog(
        -offers["expected_profit"],
        A_ub=sp.vstack([rows, items]),
        b_ub=np.append(caps, np.ones(items.shape[0])),
        bounds=(0, 1),
        method="highs",
    )
    assert answer.success
    return -answer.fun


def integer_best(
    offers: pd.DataFrame, lender: Lender, rules: BookRules, sigma: float, *, seconds: float = 20
) -> tuple[float, float]:
    """Give the best found of the integer program with minimum amounts, and its proven bound."""
    rows, caps = rows_of(offers, lender, rules, sigma)
    items, count = items_of(offers), len(offers)
    least = (np.maximum(offers["minimum"], 0.01) / offers["limit"]).to_numpy()
    one = sp.eye(count)
    whole = sp.vstack(
        [
            sp.hstack([rows, sp.csr_matrix(rows.shape)]),
            sp.hstack([sp.csr_matrix(items.shape), items]),
            sp.hstack([one, -one]),
            sp.hstack([-one, sp.diags(least)]),
        ]
    ).tocsr()
    most = np.concatenate([caps, np.ones(items.shape[0]), np.zeros(2 * count)])
    answer = milp(
        np.append(-offers["expected_profit"], np.zeros(count)),
        constraints=LinearConstraint(whole, -np.inf, most),
        bounds=Bounds(0, 1),
        integrality=np.append(np.zeros(count), np.ones(count)),
        options={"time_limit": seconds, "mip_rel_gap": 1e-6},
    )
    return -answer.fun, -answer.mip_dual_bound
