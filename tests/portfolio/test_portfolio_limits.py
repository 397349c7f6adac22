"""Limits by profit within decisions: alone as in a crowd, by the model's claim, with groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alicredit.policy import curve_of, load_policy
from alicredit.policy.limits import find_limits, year_of_line
from alicredit.policy.line.curve import pd_of_year
from alicredit.policy.one_applicant import OneApplicant

POLICY = load_policy("ali-2013")


def facts(size: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sales = rng.lognormal(10, 1.5, size).round(2)
    return pd.DataFrame({
        "merchant_id": [f"m{k}" for k in range(size)], "monthly_sales_median_180d": sales,
        "order_base": (sales * rng.random(size)).round(2),
        "outstanding": rng.choice([0.0, 1000.0], size),
        "group_outstanding": rng.choice([0.0, 79e6, 8e7], size),
        "current_limit": rng.choice([np.nan, 500.0, 20_000.0, 1e6], size),
        "bank_inflows_median_180d": rng.choice([np.nan, 1e3, 1e6], size),
    })  # fmt: skip


@pytest.mark.parametrize("product", POLICY.active, ids=lambda each: each.id)
def test_one_applicant_is_told_what_a_row_of_a_frame_is(product) -> None:
    rows, rng = facts(300, 2), np.random.default_rng(3)
    chance = rng.lognormal(-4, 1, 300).clip(1e-5, 0.9)
    upper = np.minimum(chance * 2, 1)
    whole = find_limits(rows, product, POLICY, chance, upper=upper)
    codes = set()
    for k, row in enumerate(rows.to_dict("records")):
        alone = find_limits(
            OneApplicant(row), product, POLICY, chance[k : k + 1], upper=upper[k : k + 1]
        )
        assert (alone.fen[0], alone.binding[0]) == (whole.fen[k], whole.binding[k])
        codes.add(alone.binding[0])
    assert len(codes) >= 4
    order = rng.permutation(300)
    again = find_limits(rows.iloc[order], product, POLICY, chance[order], upper=upper[order])
    assert again.fen.tolist() == whole.fen[order].tolist()


def test_a_draws_probability_meets_a_years_draws() -> None:
    """30 draws of 0.1 % each are 2.957 % a year: 1 - 0.999^30."""
    order = POLICY.product("taobao_order")
    draw = np.array([0.001, 0.0, 1.0])
    year = pd_of_year(draw, order, ("facility", 90))
    assert year == pytest.approx([1 - 0.999**30, 0.0, 1.0])
    for claim in (("borrower", 365), ("facility", 485), None):
        assert pd_of_year(draw, order, claim) is draw
    fen, sales = np.array([1_000_000]), np.array([20_000.0])
    told = year_of_line(fen, draw[:1], order, POLICY, sales=sales, claim=("facility", 90))
    want = curve_of(order, POLICY).loss(fen / 100, year[:1], sales)
    assert told[0] == pytest.approx(want, abs=0.00501)
    rows = facts(1, 1).assign(group_outstanding=0.0, current_limit=np.nan, order_base=9e5,
                              outstanding=0.0, monthly_sales_median_180d=9e5)  # fmt: skip
    risky = np.array([0.004])
    yearly = find_limits(rows, order, POLICY, risky).fen[0]
    by_draw = find_limits(rows, order, POLICY, risky, claim=("facility", 90)).fen[0]
    assert 0 < by_draw < yearly
