"""How arrears roll: from which bucket to which between two looks at a book."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alicredit.checks import require_columns, require_one_of
from alicredit.ledger import BUCKETS, STATES

ENDS = ("written_off", "closed")


def roll_rates(states: pd.DataFrame, *, by: str = "bucket", pooled: bool = False) -> pd.DataFrame:
    """Count where the loans of each bucket were at the next look.

    Parameters
    ----------
    states : pandas.DataFrame
        As :func:`alicredit.ledger.replay` gives for the days of looking, such as month ends.
    by : {"bucket", "state"}, default "bucket"
        Whether loans roll between buckets of days past due or between states.
    pooled : bool, default False
        Whether all looks are counted together.

    Returns
    -------
    pandas.DataFrame
        ``day`` (of the earlier look; not if pooled), ``before, after``, ``loans``, ``balance_fen``
        (at the earlier look), ``rate`` and ``rate_of_balance``: shares of the loans and of the
        balance of ``before``, which sum to 1 over ``after``; every pair has a row for each day that
        has loans in ``before``. Loans end ``closed`` or ``written_off``; one that was lent and
        repaid between two looks is seen at neither.

    Raises
    ------
    InputError
        If a column lacks or a word is unknown.

    Examples
    --------
    >>> states = pd.DataFrame({"loan_id": ["a", "a", "b", "b"], "balance_fen": [100, 100, 300, 0],
    ...     "day": pd.to_datetime(["2013-01-31", "2013-02-28"] * 2),
    ...     "bucket": ["0", "1-30", "0", "0"],
    ...     "state": ["current", "arrears", "current", "closed"]})
    >>> rolled = roll_rates(states)
    >>> rolled[rolled["loans"] > 0][["before", "after", "rate_of_balance"]].to_numpy().tolist()
    [['0', '1-30', 0.25], ['0', 'closed', 0.75]]
    >>> roll_rates(states, by="grade")
    Traceback (most recent call last):
    alicredit.errors.InputError: by must be one of 2 known words; found 'grade'. ...
    """
    require_one_of("by", by, ("bucket", "state"))
    require_columns("states", map(str, states.columns), ("loan_id", "day", "balance_fen", "state",
                                                         by))  # fmt: skip
    moves = _moves(states, by)
    keys = ["before", "after"] if pooled else ["day", "before", "after"]
    counted = moves.groupby(keys, observed=False)["balance_fen"].agg(["size", "sum"])
    table = counted.reset_index().rename(columns={"size": "loans", "sum": "balance_fen"})
    table = table[~table["before"].isin(ENDS)]
    whole = table.groupby(keys[:-1], observed=True)[["loans", "balance_fen"]].transform("sum")
    table["rate"] = table["loans"] / whole["loans"].where(whole["loans"] > 0)
    base = whole["balance_fen"].where(whole["balance_fen"] > 0)
    table["rate_of_balance"] = table["balance_fen"] / base
    return table[whole["loans"] > 0].reset_index(drop=True)


def _moves(states: pd.DataFrame, by: str) -> pd.DataFrame:
    """Give each loan's place at one look and at the next."""
    places = BUCKETS if by == "bucket" else tuple(s for s in STATES if s not in ENDS)
    state = states["state"].astype(str)
    where = state.where(state.isin(ENDS), states[by].astype(str))
    kind = pd.CategoricalDtype([*places, *ENDS], ordered=True)
    table = pd.DataFrame(
        {
            "loan_id": states["loan_id"].to_numpy(),
            "day": states["day"].to_numpy(),
            "balance_fen": states["balance_fen"].to_numpy(dtype=np.int64),
            "before": where.astype(kind).to_numpy(),
        }
    ).sort_values(["loan_id", "day"], ignore_index=True)
    table["before"] = table["before"].astype(kind)
    goes_on = table["loan_id"].eq(table["loan_id"].shift(-1))
    table["after"] = table["before"].shift(-1)
    return table[goes_on]
