"""What of a payment was a fee, where it says what was interest but not what was principal."""

from __future__ import annotations

import numpy as np
import pandas as pd


def without_fees(payments: pd.DataFrame, dues: pd.DataFrame) -> pd.DataFrame:
    """Take fees out of what was counted as principal paid: they are settled before it.

    What is left of a payment after interest and penalty goes to the fees of the loan's schedule
    first, less those that other payments name, and to principal after (assumed).

    Parameters
    ----------
    payments : pandas.DataFrame
        As ``Postings`` has them; ``rest_fen`` is what is left of payments that name no principal.
        Without that column they are given back as they are.
    dues : pandas.DataFrame
        ``loan_id, fen, principal_fen, interest_fen``; the rest of each is a fee.

    Returns
    -------
    pandas.DataFrame
        The payments, with ``fee_fen`` taken out of ``principal_fen``.

    Examples
    --------
    >>> paid = pd.DataFrame({"loan_id": ["l", "l"], "fen": [700, 600], "principal_fen": [600, 500],
    ...     "interest_fen": 100, "penalty_fen": 0, "rest_fen": [600, 500]})
    >>> dues = pd.DataFrame({"loan_id": ["l"], "fen": [1300], "principal_fen": [1000],
    ...     "interest_fen": [200]})
    >>> without_fees(paid, dues)["principal_fen"].tolist()
    [500, 500]
    """
    if "rest_fen" not in payments or payments.empty:
        return payments
    made = payments.copy()
    if "fee_fen" in made:
        made["principal_fen"] += made["fee_fen"]
    made["fee_fen"] = np.int64(0)
    listed = dues["fen"] - dues["principal_fen"] - dues["interest_fen"]
    fees = listed.groupby(dues["loan_id"]).sum()
    asked = made["loan_id"].map(fees).fillna(0).to_numpy(np.int64)
    if not (asked > 0).any():
        return made
    named = made["fen"] - made["principal_fen"] - made["interest_fen"] - made["penalty_fen"]
    by = made["loan_id"]
    left = np.maximum(asked - named.groupby(by).cumsum().to_numpy(np.int64), 0)
    rest = made["rest_fen"].groupby(by).cumsum().to_numpy(np.int64)
    taken = pd.Series(np.minimum(rest, left), index=made.index)
    fee = taken.groupby(by).diff().fillna(taken).astype(np.int64)
    made["fee_fen"] = fee
    made["principal_fen"] -= fee
    return made
