"""What each model that differs says of a population, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alicredit.checks import (
    refuse,
)
from alicredit.deciding.population import Population
from alicredit.deciding.reasons import ReasonLists
from alicredit.errors import PolicyError
from alicredit.features import are_defined_alike
from alicredit.policy import Policy, Product

REASONS = 4


@dataclass(frozen=True, eq=False)
class Scored:
    """What one model says of a population, row by row."""

    model_id: str
    rows: pd.DataFrame
    claim: tuple[str, int]
    reasons: ReasonLists


def portable_of(model: Any) -> Any:
    """Take the deployed part of a model."""
    found = getattr(model, "portable_", model)
    if not hasattr(found, "score_frame"):
        do = "fit a DefaultModel or load one with load_model"
        refuse("model", "must be a fitted or loaded model", type(model).__name__, do)
    return found


def models_of(model: Any, policy: Policy) -> dict[str, Any]:
    """Give the model of each active product; refuse one whose claim the product does not take."""
    if isinstance(model, Mapping):
        lacking = [p.id for p in policy.active if p.id not in model]
        if lacking:
            refuse("model", "must have one for each active product", f"none for {lacking[0]!r}")
        models = {p.id: portable_of(model[p.id]) for p in policy.active}
    else:
        models = dict.fromkeys((p.id for p in policy.active), portable_of(model))
    for product in policy.active:
        check_claim_of(models[product.id], product)
    return models


def claim_of(model: Any) -> tuple[str, int]:
    """Give the level and the horizon in days of a model's probabilities."""
    return model.claim.level, model.claim.horizon_days


def check_claim_of(model: Any, product: Product) -> None:
    """Refuse a probability of another horizon or level than the product takes."""
    claim = model.claim
    if (claim.level, claim.horizon_days) not in product.claims:
        taken = ", ".join(f"{level} {days} days" for level, days in product.claims)
        found = f"{claim.level or 'no level'} {claim.horizon_days or 'no horizon'}"
        do = "label with label_defaults and that definition, and train again"
        rule = f"must claim what {product.id} takes ({taken})"
        refuse("model", rule, found, do, error=PolicyError)


def check_definitions(models: Iterable[Any], note: Any) -> None:
    """Refuse features that are built by other definitions than a model was trained on."""
    for model in models:
        digest = getattr(model, "catalogue_digest", "")
        if not are_defined_alike(model.feature_names, digest, note):
            rule = "must be built by the definitions that the model was trained on"
            do = "build them with the release and catalogue of its training, or train again"
            refuse("features", rule, "others of the same names", do)


def distinct_of(models: Mapping[str, Any]) -> list[Any]:
    """List the models that differ; one that was loaded twice is one."""
    found: list[Any] = []
    for model in models.values():
        if model not in found:
            found.append(model)
    return found


def score_all(
    population: Population,
    models: Mapping[str, Any],
    products: Sequence[Product],
    chunk_rows: int | None,
    progress: Any,
) -> dict[str, Scored]:
    """Score everybody once by each model that differs, so many rows at a time, for each product."""
    distinct, size = distinct_of(models), chunk_rows or max(len(population), 1)
    which = {product.id: distinct.index(models[product.id]) for product in products}
    cuts = [
        min(product.max_pd for product in products if which[product.id] == at)
        for at in range(len(distinct))
    ]
    chunks: list[list[pd.DataFrame]] = [[] for _ in distinct]
    for start in range(0, max(len(population), 1), size):
        inputs = population.inputs.iloc[start : start + size]
        for at, model in enumerate(distinct):
            chunks[at].append(_score_rows(model, inputs, cuts[at]))
        if progress is not None:
            progress(min(start + size, len(population)), len(population))
    scored = []
    for model, parts in zip(distinct, chunks):
        rows = pd.concat(parts, ignore_index=True)
        reasons = ReasonLists.of(rows.pop("reasons").tolist())
        scored.append(Scored(model.model_id, rows, claim_of(model), reasons))
    return {product: scored[at] for product, at in which.items()}


def _score_rows(model: Any, inputs: pd.DataFrame, cut: float) -> pd.DataFrame:
    """Score rows; give reasons, which cost most, to those of a probability above the cut."""
    scored = model.score_frame(inputs, reasons=0, flags=False).reset_index(drop=True)
    rows = np.flatnonzero((scored["pd"] > cut).to_numpy(bool))
    if len(rows):
        reasons = scored["reasons"].tolist()
        risky = inputs.iloc[rows]
        found = model.score_frame(risky, reasons=REASONS, flags=False)["reasons"]
        for row, codes in zip(rows.tolist(), found.tolist()):
            reasons[row] = codes
        scored["reasons"] = reasons
    return scored
