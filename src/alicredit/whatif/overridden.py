"""What came of decisions that people set aside, against those that stood."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind
from alicredit.decision import Override
from alicredit.whatif.outcomes import join_labels

_KEYS = ["merchant_id", "product_id", "as_of"]
_NAMES = {
    "approve": "override_approvals", "decline": "override_declines", "refer": "override_refers",
}  # fmt: skip
_GROUPS = {
    "model_approvals": ("approved, and it stood", "批准且维持"),
    "override_approvals": ("approved by people in place of the answer", "人工改为批准"),
    "override_declines": ("declined by people in place of the answer", "人工改为拒绝"),
    "override_refers": ("taken back to a person", "人工改为复审"),
}


def override_outcomes(
    overrides: Iterable[Override], labels: pd.DataFrame, *, decisions: pd.DataFrame
) -> pd.DataFrame:
    """Measure overrides: how often, and the default rate of what people approved.

    Parameters
    ----------
    overrides : iterable of Override
        As they were recorded; of one decision that was overridden more than once, the last counts.
    labels : pandas.DataFrame
        ``merchant_id, label`` (1 default, 0 none, NaN unknown) and perhaps ``product_id``,
        ``as_of``.
    decisions : pandas.DataFrame
        All that was decided, overridden or not: ``merchant_id, product_id, as_of, decision``.

    Returns
    -------
    pandas.DataFrame
        A row a group (``model_approvals``, ``override_approvals``, ``override_declines``,
        ``override_refers``): ``group, text, text_zh, decisions``; ``share, share_lower,
        share_upper`` of all decisions; ``labelled, defaults, default_rate, rate_lower,
        rate_upper``, of those whose outcome is known. Intervals are exact ones of 90 % (Clopper and
        Pearson, Biometrika 26, 1934). What people declined has no outcome, but for loans made
        elsewhere: its rate is of what is known.

    Raises
    ------
    InputError
        For what is no override, one of a decision that is not among ``decisions`` or that said
        otherwise, a label that is none, or a row twice.

    Examples
    --------
    >>> decisions = pd.DataFrame({"merchant_id": ["a", "b"], "product_id": "p",
    ...     "as_of": pd.Timestamp("2013-05-01"), "decision": ["approve", "decline"]})
    >>> labels = pd.DataFrame({"merchant_id": ["a", "b"], "label": [0.0, 1.0]})
    >>> told = override_outcomes([], labels, decisions=decisions)
    >>> told[["group", "decisions", "default_rate"]].values.tolist()[0]
    ['model_approvals', 1, 0.0]
    >>> override_outcomes([3], labels, decisions=decisions)
    Traceback (most recent call last):
    alicredit.errors.InputError: overrides must hold records of override(...); found int.
    """
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), (*_KEYS, "decision"))
    if decisions.duplicated(_KEYS).any():
        refuse("decisions", "must have each merchant, product and moment once", "one twice")
    rows = decisions[[*_KEYS, "decision"]].astype({"merchant_id": str, "product_id": str})
    rows = rows.reset_index(drop=True)
    rows["group"] = np.where(rows["decision"] == "approve", "model_approvals", "")
    place = {key: at for at, key in enumerate(rows[_KEYS].itertuples(index=False, name=None))}
    for each in overrides:
        require_kind("overrides", each, Override, "must hold records of override(...)")
        made = each.decision
        at = place.get((made.merchant_id, made.product_id, made.as_of))
        if at is None or rows["decision"].iloc[at] != made.decision:
            found = f"{made.decision} of {made.merchant_id!r}, {made.product_id!r}"
            refuse("overrides", "must be of what stands in decisions", found)
        rows.loc[at, "group"] = _NAMES[each.to]
    rows["label"] = join_labels(rows, labels, _KEYS)
    lines = []
    for name, texts in _GROUPS.items():
        mine = rows[rows["group"] == name]
        known = mine["label"].dropna()
        share = _rate(len(mine), len(rows))
        rate = _rate(int(known.sum()), len(known))
        lines.append((name, *texts, len(mine), *share, len(known), int(known.sum()), *rate))
    columns = ["group", "text", "text_zh", "decisions", "share", "share_lower", "share_upper",
               "labelled", "defaults", "default_rate", "rate_lower", "rate_upper"]  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


def _rate(hits: int, size: int) -> tuple[float, float, float]:
    """Give a share with its exact interval; NaN of nothing."""
    from scipy.stats import beta

    if not size:
        return np.nan, np.nan, np.nan
    low = beta.ppf(0.05, hits, size - hits + 1) if hits else 0.0
    high = beta.ppf(0.95, hits + 1, size - hits) if hits < size else 1.0
    return hits / size, float(low), float(high)
