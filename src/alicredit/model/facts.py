"""Who was selected into the rows a model learns from: a fact that goes with it."""

from __future__ import annotations

from alicredit.cohort import Cohort

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
