"""Facts of the rows that a model learns from, which go with it in its file."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.cohort import Cohort

Floats = npt.NDArray[np.float64]

GRANTED = "granted loans alone: what refused applicants would have done was not seen"
MERCHANTS = "merchants asked about, granted or not; outcomes only where somebody borrowed"
UNKNOWN = "not stated: no cohort was given"


def selection_fact(cohort: Cohort | None) -> dict[str, str]:
    """Say whose outcomes were learned from, as far as the cohort tells.

    Examples
    --------
    >>> selection_fact(None)
    {'selection': 'not stated: no cohort was given'}
    """
    if cohort is None:
        return {"selection": UNKNOWN}
    return {"selection": GRANTED if "loan_id" in cohort.frame else MERCHANTS}


def training_facts(
    label: Floats, cohort: Cohort | None, *, folds: str, rounds: int, slope: float
) -> dict[str, Any]:
    """State the rows, defaults and merchants that were learned from, and how they were learned.

    Examples
    --------
    >>> facts = training_facts(np.array([0.0, 1.0]), None, folds="rows", rounds=40, slope=1.0)
    >>> facts["rows"], facts["defaults"], "merchants" in facts
    (2, 1, False)
    """
    facts: dict[str, Any] = {
        "rows": len(label),
        "defaults": int(label.sum()),
        "folds": folds,
        "rounds": rounds,
        "slope": slope,
        **selection_fact(cohort),
    }
    if cohort is not None:
        frame = cohort.frame
        facts["merchants"] = int(frame["merchant_id"].nunique())
        facts["first_as_of"] = f"{frame['as_of'].min():%Y-%m-%d}"
        facts["last_as_of"] = f"{frame['as_of'].max():%Y-%m-%d}"
    return facts
