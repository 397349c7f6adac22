"""What is left to a person: by the policy's rules, and because the applicant asked for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.policy import Policy, Product
from alicredit.policy.eligibility import PASS
from alicredit.policy.facts import column_of, numbers_of
from alicredit.policy.one_applicant import OneApplicant, doubles_of
from alicredit.policy.terms import SOURCE_FACTS

Bools = npt.NDArray[np.bool_]
Rows: TypeAlias = pd.DataFrame | OneApplicant

REVIEW = "human_review_requested"
DECLARED, SETTLED, EXPORTS = SOURCES = SOURCE_FACTS


def find_referrals(
    applicants: Rows,
    product: Product,
    policy: Policy,
    *,
    said: Mapping[str, npt.NDArray[np.float64]],
    decision: npt.NDArray[np.object_],
    outcome: npt.NDArray[np.int8],
    fen: npt.NDArray[np.int64],
) -> dict[str, Bools]:
    """Tell by code which rows a person decides, whatever else was decided of them.

    A review that was asked for refers whatever was decided. An interval that holds the cut refers
    whom rules and limit let through, on either side of the cut. Conflicting sources and an amount
    above what may be lent without consent refer approvals alone.

    Parameters
    ----------
    applicants : pandas.DataFrame or OneApplicant
        Their facts.
    product : Product
        Whose highest probability is the cut.
    policy : Policy
        What it leaves to a person.
    said : mapping of str to float64 array
        ``pd, pd_lower, pd_upper`` of each row.
    decision : object array
        By rules, probability and limit.
    outcome : int8 array
        Of the rules: ``PASS`` where all let a row through.
    fen : int64 array
        What could be lent.

    Returns
    -------
    dict of str to bool array
        Reason code -> rows, of those codes that any row has.
    """
    codes: dict[str, Bools] = {}
    if REVIEW in applicants:
        codes["REFER_REVIEW_ASKED"] = is_review_asked(applicants)
    approved = decision == "approve"
    if policy.refer.straddles_cut:
        holds = (said["pd_lower"] <= product.max_pd) & (said["pd_upper"] > product.max_pd)
        may = (outcome == PASS) & (fen > 0)
        codes["REFER_STRADDLES_CUT"] = holds & may & ~np.isnan(said["pd"])
    if policy.refer.source_ratio_max is not None:
        ratio = float(policy.refer.source_ratio_max)
        codes["REFER_SOURCES"] = approved & do_sources_conflict(applicants, ratio)
    if policy.lender.authority_max is not None:
        most = int(policy.lender.authority_max * 100)
        codes["REFER_AUTHORITY"] = approved & (fen > most)
    return {code: rows for code, rows in codes.items() if rows.any()}


def is_review_asked(applicants: Rows) -> Bools:
    """Tell who asked for a person: whatever is given and is not false or 0 says so."""
    column = column_of(applicants, REVIEW)
    is_given = ~column.isna().to_numpy(bool)
    asked: Bools = is_given & (doubles_of(column) != 0)
    return asked


def do_sources_conflict(applicants: Rows, ratio: float) -> Bools:
    """Tell whose sources are more than so many times apart; what lacks conflicts with nothing."""
    declared, settled, exports = (numbers_of(applicants, name) for name in SOURCES)
    with np.errstate(invalid="ignore"):
        apart = np.maximum(declared, settled) > ratio * np.minimum(declared, settled)
        above = exports > ratio * declared
        conflict: Bools = (declared > 0) & (apart | above)
    return conflict
