"""Does the claim hold? A fitted model against outcomes it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import given_or, refuse, require_one_order
from alicredit.cohort import Cohort, require_cohort
from alicredit.evaluation.arrays import labels
from alicredit.evaluation.card import ModelCard, lay_out_card
from alicredit.evaluation.findings import (
    count_reasons,
    follow_months,
    hold_claims,
    lay_out_points,
    summarise,
)
from alicredit.evaluation.validation_tables import (
    audit_groups,
    compare_challenger,
    compare_reference,
    hold_grades,
    level_tests,
    place_grades,
    scored_side,
)
from alicredit.score import require_same_claim

_CLUSTERED = "the rows of a merchant count as one witness"
_ALONE = "each row counts as a merchant of its own: no cohort was given"


@dataclass(frozen=True, eq=False)
class ValidationReport:
    """What a validation found, as frames.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        ``card`` (item, item_zh, value: purpose, data, period, horizon, exclusions, restricted data
        and its legal basis), ``summary`` (metric, value, low, high, note), ``tests`` (test,
        statistic, p_value, is_off, note), ``reliability`` (by tenth of the probability),
        ``stability`` (by month), ``points`` (the scorecard with titles and units), ``reasons`` (how
        often each), ``limits`` (of use); and where there was what they need ``shapes`` (out of
        fold, of a model just fitted), ``grades``, ``population`` (the score against the
        reference's), ``migration`` and ``moves`` (of merchants in both), ``challenger``,
        ``fairness``.
    facts : mapping
        The model's id, claim and facts of training.
    """

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show the summary."""
        lines = [
            f"{row.metric:<28}{row.value:>10.4f}"
            + ("" if np.isnan(row.low) else f"   ({row.low:.4f} to {row.high:.4f})")
            for row in self.tables["summary"].itertuples()
        ]
        head = f"Validation of model {str(self.facts['model_id'])[:12]}"
        said = [
            f"{word}: {self.facts.get(fact, 'not stated')}"
            for word, fact in (
                ("shape", "shape"), ("claim", "claim"), ("learned from", "selection"),
                ("intervals", "intervals"),
            )
        ]  # fmt: skip
        return "\n".join([head, *lines, *said])

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page; needs the extra ``[report]``."""
        from alicredit.report import write_validation_page

        write_validation_page(self, path)


def validate_model(
    model: Any,
    X: Any,
    y: Any,
    *,
    cohort: Cohort | None = None,
    reference: Any = None,
    reference_cohort: Cohort | None = None,
    challenger: Any = None,
    policy: Any = None,
    groups: Mapping[str, Any] | None = None,
    card: ModelCard | None = None,
) -> ValidationReport:
    """Hold a model's probabilities against outcomes it was not trained on.

    What is held follows the ECB's instructions for reporting validations (2019, DOMAIN 5.3):
    discrimination, level by Jeffreys' test, calibration, stability, and beside them fairness
    (DOMAIN 5.5) and the record of a model (DOMAIN 5.4).

    Parameters
    ----------
    model : DefaultModel or ScoreModel
        Fitted or loaded.
    X : pandas.DataFrame
        Features of the rows; rows the model refuses are counted and left out.
    y : array of 0 and 1
        What happened; NaN is refused.
    cohort : Cohort or None, default None
        The rows' cohort: intervals then cluster by merchant, and months are told apart.
    reference : pandas.DataFrame or None, default None
        Features of the rows the model was trained on: the score is held against theirs.
    reference_cohort : Cohort or None, default None
        Of those rows: merchants in both are followed between grades.
    challenger : DefaultModel, ScoreModel or None, default None
        Another model of the same claim, held against the same outcomes, such as one of trees.
    policy : Policy or None, default None
        Whose grades to use; None leaves grades and migration out.
    groups : mapping of str to array, or None, default None
        Groups of the user's own to audit by, each with one value a row; needs ``card.max_pd``.
    card : ModelCard or None, default None
        What the model is for; None says that nothing was stated.

    Returns
    -------
    ValidationReport
        Frames, and a page by ``to_html``.

    Raises
    ------
    InputError
        For missing outcomes, only one outcome, lengths or horizons that differ, a policy without
        grades, groups without a cut.

    Examples
    --------
    >>> validate_model(None, None, [0.0, float("nan")])
    Traceback (most recent call last):
    alicredit.errors.InputError: y must be known for each row; found 1 NaN. ...
    >>> ValidationReport({}, {"model_id": "x"}).facts["model_id"]
    'x'
    """
    stated = given_or("card", card, ModelCard)
    require_one_order(X=X, y=y)
    label = labels(y)
    if np.isnan(label).any():
        do = "validate on the rows that split_by_time gives"
        refuse("y", "must be known for each row", f"{int(np.isnan(label).sum())} NaN", do)
    portable = portable_of("model", model)
    check_claim(portable, y)
    if policy is not None:
        place_grades(policy, np.empty(0))  # refused before the work
    if cohort is not None:
        require_cohort(cohort)
    side = scored_side("X", portable, X, cohort)
    if len(side.scored) != len(label) or (cohort is not None and len(cohort) != len(label)):
        found = f"{len(side.scored)} and {len(label)}"
        refuse("X, y and cohort", "must have one length", found)
    ok = side.ok
    p, outcome, who = side.pd, label[ok], side.who
    months = None if cohort is None else cohort.frame["as_of"].dt.to_period("M").astype(str)[ok]
    tables: dict[str, pd.DataFrame] = {
        "summary": summarise(outcome, p, who, int((~ok).sum())),
        "tests": level_tests(outcome, p, who, portable.training),
        "reliability": hold_claims(outcome, p, who),
        "stability": follow_months(outcome, p, who, months),
        "points": lay_out_points(portable),
        "reasons": count_reasons(side.scored["reasons"][ok]),
    }
    if hasattr(model, "shapes_"):
        tables["shapes"] = model.shapes_
    if policy is not None:
        tables["grades"] = hold_grades(outcome, p, who, policy)
    if reference is not None:
        then = scored_side("reference", portable, reference, reference_cohort)
        tables |= compare_reference(then, side, policy)
    if challenger is not None:
        other = portable_of("challenger", challenger)
        require_same_claim("challenger", portable.claim, other.claim, is_stated=False)
        tables["challenger"] = compare_challenger(label, side, portable, other, X)
    if groups is not None:
        tables["fairness"] = audit_groups(X, outcome, side, groups, stated.max_pd)
    facts = _facts(portable, cohort, ok, int(outcome.sum()))
    tables["card"], tables["limits"] = lay_out_card(stated, portable, facts, tables)
    return ValidationReport(tables, facts)


def _facts(
    portable: Any, cohort: Cohort | None, ok: npt.NDArray[np.bool_], defaults: int
) -> dict[str, Any]:
    """State the model, what it claims and was trained on, and what it was held against."""
    facts = {
        "model_id": portable.model_id,
        "claim": str(portable.claim),
        **portable.training,
        "shape": getattr(portable, "shape", "points"),
        "intervals": f"95 %, {_ALONE if cohort is None else _CLUSTERED}",
        "validated_rows": int(ok.sum()),
        "validated_defaults": defaults,
    }
    if cohort is not None:
        first, last = cohort.frame["as_of"][ok].agg(["min", "max"])
        facts |= {"validated_from": f"{first:%Y-%m-%d}", "validated_to": f"{last:%Y-%m-%d}"}
    return facts


def portable_of(argument: str, model: Any) -> Any:
    """Take what of a model is deployed; refuse what is no fitted or loaded model."""
    portable = getattr(model, "portable_", model)
    if not hasattr(portable, "score_frame"):
        refuse(argument, "must be a fitted or loaded model", type(model).__name__)
    return portable


def check_claim(model: Any, y: Any) -> None:
    """Refuse outcomes of another horizon or level than the model claims; unstated ones pass."""
    require_same_claim("y", model.claim, getattr(y, "attrs", {}) or {}, is_stated=False)
