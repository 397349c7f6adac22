"""One applicant decided by the very rules of a portfolio, without the cost of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from alicredit.deciding.answers import answer_columns, decide
from alicredit.deciding.population import prepare, read_ids
from alicredit.deciding.question import ProductQuestion
from alicredit.deciding.scoring import REASONS, claim_of, score_all
from alicredit.policy.one_applicant import OneApplicant


def decide_one(given: Mapping[str, Any], scorer: Any, question: ProductQuestion) -> dict[str, Any]:
    """Give the answer for one applicant by the names of a decision's fields."""
    if question.prices is not None or "as_of" in given:
        return _by_frame(given, scorer, question)
    merchant, status = _id_of(given["merchant_id"])
    facts = {**given, "merchant_id": merchant}
    scored = scorer.score_one(facts, reasons=REASONS)
    status = scored["status"] if status == "ok" else status
    said = {name: np.array([scored[name]]) for name in ("pd", "pd_lower", "pd_upper")}
    column = np.array([status], dtype=object)
    columns = answer_columns(
        OneApplicant(facts), column, said, scored["reasons"], question, claim_of(scorer)
    )
    reasons = columns.pop("reasons")[0]
    first = {k: v[0] if isinstance(v, np.ndarray) else v for k, v in columns.items()}
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in first.items()}
    return plain | {
        "merchant_id": merchant,
        "product_id": question.product.id,
        "as_of": question.as_of,
        "score": scored["score"] if status == "ok" else None,
        "reasons": tuple(reasons),
        "model_id": scorer.model_id,
        "policy_id": question.policy.policy_id,
        "prices_id": "",
    }


def _id_of(value: Any) -> tuple[str, str]:
    """Give an applicant's id as text and its status."""
    if type(value) is str:
        return value, "ok" if value.strip() else "bad_value"
    ids, status = read_ids(pd.Series([value], dtype=object))
    return ids[0], status[0]


def _by_frame(facts: Mapping[str, Any], scorer: Any, question: ProductQuestion) -> dict[str, Any]:
    """Give the same by a frame of one row: prices of a book, and days to compare, ask for one."""
    row = pd.DataFrame({name: pd.Series([v], dtype=object) for name, v in facts.items()})
    models = {question.product.id: scorer}
    population = prepare(row, models, question.as_of)
    scored = score_all(population, models, (question.product,), None, None)
    frame = decide(population, question, scored[question.product.id])
    values: dict[str, Any] = frame.iloc[0].to_dict()
    values["score"] = None if pd.isna(values["score"]) else int(values["score"])
    values["reasons"] = tuple(values["reasons"])
    return values
