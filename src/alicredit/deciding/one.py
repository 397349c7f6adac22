"""One applicant decided by the very rules of a portfolio, without the cost of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from alicredit.allocation import Prices
from alicredit.deciding.answers import columns_of, decide
from alicredit.deciding.population import prepare, read_ids
from alicredit.deciding.scoring import REASONS, claim_of, score_all
from alicredit.policy import Policy, Product
from alicredit.policy.one import OneApplicant


def decide_one(
    given: Mapping[str, Any],
    scorer: Any,
    product: Product,
    policy: Policy,
    as_of: pd.Timestamp,
    prices: Prices | None,
) -> dict[str, Any]:
    """Give the answer for one applicant by the names of a decision's fields."""
    if prices is not None or "as_of" in given:
        return _by_frame(given, scorer, product, policy, as_of, prices)
    merchant, status = _id_of(given["merchant_id"])
    facts = {**given, "merchant_id": merchant}
    scored = scorer.score_one(facts, reasons=REASONS)
    status = scored["status"] if status == "ok" else status
    said = {name: np.array([scored[name]]) for name in ("pd", "pd_lower", "pd_upper")}
    column = np.array([status], dtype=object)
    applicant, asked = OneApplicant(facts), (product, policy, as_of, claim_of(scorer))
    columns = columns_of(applicant, column, said, scored["reasons"], asked)
    reasons = columns.pop("reasons")[0]
    first = {k: v[0] if isinstance(v, np.ndarray) else v for k, v in columns.items()}
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in first.items()}
    return plain | {
        "merchant_id": merchant,
        "product_id": product.id,
        "as_of": as_of,
        "score": scored["score"] if status == "ok" else None,
        "reasons": tuple(reasons),
        "model_id": scorer.model_id,
        "policy_id": policy.policy_id,
        "prices_id": "",
    }


def _id_of(value: Any) -> tuple[str, str]:
    """Give an applicant's id as text and its status."""
    if type(value) is str:
        return value, "ok" if value.strip() else "bad_value"
    ids, status = read_ids(pd.Series([value], dtype=object))
    return ids[0], status[0]


def _by_frame(
    facts: Mapping[str, Any],
    scorer: Any,
    product: Product,
    policy: Policy,
    as_of: pd.Timestamp,
    prices: Prices | None,
) -> dict[str, Any]:
    """Give the same by a frame of one row: prices of a book, and days to compare, ask for one."""
    row = pd.DataFrame({name: pd.Series([v], dtype=object) for name, v in facts.items()})
    population = prepare(row, {product.id: scorer}, as_of)
    scored = score_all(population, {product.id: scorer}, (product,), None, None)
    frame = decide(population, product, scored[product.id], policy, as_of, prices)
    values: dict[str, Any] = frame.iloc[0].to_dict()
    values["score"] = None if pd.isna(values["score"]) else int(values["score"])
    values["reasons"] = tuple(values["reasons"])
    return values
