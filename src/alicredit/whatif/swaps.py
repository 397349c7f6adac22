"""Two policies on the same merchants: who is approved by which, and what each part brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind, require_whole
from alicredit.decision import COLUMNS
from alicredit.policy import Policy, load_policy
from alicredit.portfolio import score_portfolio
from alicredit.vocabulary import require_answers
from alicredit.whatif.outcomes import join_labels
from alicredit.whatif.resampling import Bootstrap

SETS = ("both", "only_before", "only_after", "neither")
"""Swap sets: approved by both policies, by one alone, by none."""

_KEYS = ["merchant_id", "product_id"]
_MONEY = ("limit", "expected_loss", "expected_profit")


@dataclass(frozen=True, eq=False)
class PolicyComparison:
    """What a change of policy does, each figure with its 90 % bootstrap interval.

    Parameters
    ----------
    swaps : pandas.DataFrame
        ``set, text, text_zh, measure, value, lower, upper``: of each swap set the ``decisions``,
        and the ``limit``, ``expected_loss`` and ``expected_profit`` (yuan; of the policy that
        approves, of the later one where both do); with labels ``labelled`` and ``default_rate``.
    totals : pandas.DataFrame
        ``measure, before, after, change, lower, upper``: approvals, limits, losses and profits over
        all, the interval of the change.
    groups : pandas.DataFrame
        ``group, merchants, before, after, change, lower, upper, ratio, is_low``: share of a
        group's decisions that are approvals; ``ratio`` to the group with the largest share after,
        ``is_low`` under four fifths of it (DOMAIN 5.5).
    warnings : pandas.DataFrame
        ``code, text, text_zh, merchants, share_of_limit``: where the answer leaves the data.
    """

    swaps: pd.DataFrame
    totals: pd.DataFrame
    groups: pd.DataFrame
    warnings: pd.DataFrame


def compare_policies(
    before: Any,
    after: Any,
    *,
    features: pd.DataFrame | None = None,
    model: Any = None,
    as_of: object = None,
    groups: pd.DataFrame | None = None,
    past: pd.DataFrame | None = None,
    labels: pd.DataFrame | None = None,
    resamples: int = 500,
    seed: int = 0,
) -> PolicyComparison:
    """Compare two policies on the same merchants: swap sets, volume, profit, losses, approvals.

    Intervals are percentiles of a bootstrap that draws merchants, with all their products, with
    replacement: they say how far another sample of merchants would differ, not how wrong the
    probabilities are.

    Parameters
    ----------
    before, after : pandas.DataFrame, or str or Policy
        Decisions from :func:`~alicredit.portfolio.score_portfolio`, or policies to decide
        ``features`` by. A product that one policy does not lend is not approved by it.
    features : pandas.DataFrame or None, default None
        Where policies are given: as ``score_portfolio`` takes them.
    model : ScoreModel, DefaultModel or mapping, default None
        Where policies are given.
    as_of : str or timestamp, default None
        Where policies are given.
    groups : pandas.DataFrame or None, default None
        ``merchant_id`` and one more column: approvals by group.
    past : pandas.DataFrame or None, default None
        ``merchant_id`` of those whom a past policy approved or who had a loan. Of others no outcome
        was ever seen: what the policies approve of them is told as leaving the data.
    labels : pandas.DataFrame or None, default None
        ``merchant_id, label`` (1 default, 0 none, NaN unknown) and perhaps ``product_id``: adds
        what really came of each set, where it is known.
    resamples : int, default 500
        Bootstrap samples (assumed).
    seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    PolicyComparison
        Frames; the same whatever the order of rows.

    Raises
    ------
    InputError
        If the merchants are not the same, a merchant and product stands twice, a column lacks, or
        policies come without features, model and moment.

    Examples
    --------
    >>> row = dict.fromkeys(COLUMNS) | {"merchant_id": "m", "product_id": "p", "limit": 10.0,
    ...     "expected_loss": 1.0, "expected_profit": 2.0, "decision": "approve"}
    >>> one, other = pd.DataFrame([row]), pd.DataFrame([row | {"decision": "decline"}])
    >>> swaps = compare_policies(one, other).swaps
    >>> swaps.loc[swaps["value"] > 0, ["set", "measure", "value"]].values.tolist()[0]
    ['only_before', 'decisions', 1.0]
    >>> compare_policies(one, "cn-2025")
    Traceback (most recent call last):
    alicredit.errors.InputError: features must be given with policies; found None.
    """
    require_whole("resamples", resamples, 20, high=100_000)
    require_whole("seed", seed, 0)
    given = (features, model, as_of)
    rows = _joined(_decisions("before", before, given), _decisions("after", after, given))
    merchants, at = np.unique(rows["merchant_id"].to_numpy(str), return_inverse=True)
    if not len(merchants):
        refuse("before and after", "must be decisions on somebody", "no rows")
    draw, known = Bootstrap(at, len(merchants)), _labels_of(rows, labels)
    tables = [_swaps(rows, draw, known), _totals(rows, draw), _by_group(rows, draw, groups)]
    figures = draw.figures(resamples, seed)
    for table in tables:
        found = [figures[place] for place in table.pop("figure")] or np.empty((0, 3))
        table[["value", "lower", "upper"]] = np.array(found, dtype=np.float64)
    swaps, totals, shares = tables
    return PolicyComparison(
        swaps,
        totals.rename(columns={"value": "change"}),
        _told_shares(shares.rename(columns={"value": "change"})),
        _warnings(rows, past, labels, known),
    )


def _decisions(name: str, given: Any, how: Sequence[Any]) -> pd.DataFrame:
    """Take decisions, or decide the features by a policy."""
    if isinstance(given, pd.DataFrame):
        require_columns(name, map(str, given.columns), COLUMNS)
        if given.duplicated(_KEYS).any():
            row = given.loc[given.duplicated(_KEYS), _KEYS].iloc[0].tolist()
            refuse(name, "must have each merchant and product once", repr(row))
        require_answers(name, given)
        return given[[*_KEYS, "decision", *_MONEY]]
    if not isinstance(given, str | Policy):
        refuse(name, "must be decisions, or a policy", type(given).__name__)
    for word, value in zip(("features", "model", "as_of"), how, strict=True):
        if value is None:
            refuse(word, "must be given with policies", "None")
    frame = score_portfolio(None, how[1], as_of=how[2], features=how[0], policy=load_policy(given))
    return _decisions(name, frame, how)


def _joined(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Bring both answers side by side in the order of ids; what one does not lend is not approved.

    Money is that of what is approved, 0 elsewhere.
    """
    parts = []
    for frame in (before, after):
        part = frame.astype(dict.fromkeys(_KEYS, str))
        part["approved"] = (part.pop("decision") == "approve").astype(float)
        for name in _MONEY:
            part[name] = part[name].astype(float).where(part["approved"] == 1, 0.0)
        if not np.isfinite(part[list(_MONEY)].to_numpy(np.float64)).all():
            refuse("decisions", "must know the money of what they approve", "a missing amount")
        parts.append(part)
    unlike = set(parts[0]["merchant_id"]) ^ set(parts[1]["merchant_id"])
    if unlike:
        rule = "must be decisions on the same merchants"
        refuse("before and after", rule, f"{min(unlike)!r} in one alone")
    rows = parts[0].merge(parts[1], on=_KEYS, how="outer", suffixes=("_before", "_after"))
    values = [name for name in rows if name not in _KEYS]
    rows[values] = rows[values].fillna(0.0)
    rows = rows.sort_values(_KEYS, kind="stable", ignore_index=True)
    code = rows["approved_before"] * 2 + rows["approved_after"]
    rows["set"] = np.array(["neither", "only_after", "only_before", "both"])[code.astype(int)]
    return rows


def _labels_of(rows: pd.DataFrame, labels: pd.DataFrame | None) -> npt.NDArray[np.float64]:
    """Give the outcome of each row, NaN where none is known."""
    if labels is None:
        return np.full(len(rows), np.nan)
    return join_labels(rows, labels, _KEYS).to_numpy(np.float64)


_TEXTS = {
    "both": ("approved by both policies", "两种政策均批准"),
    "only_before": ("approved by the earlier policy alone", "仅原政策批准"),
    "only_after": ("approved by the later policy alone", "仅新政策批准"),
    "neither": ("approved by neither policy", "两种政策均未批准"),
}


def _swaps(rows: pd.DataFrame, draw: Bootstrap, known: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Ask for the sums of each swap set."""
    lines = []
    for name in SETS:
        here = (rows["set"] == name).to_numpy(float)
        side = "before" if name == "only_before" else "after"
        asked = {"decisions": draw.add(here)}
        for money in _MONEY:
            asked[money] = draw.add(here * rows[f"{money}_{side}"].to_numpy(float))
        if not np.isnan(known).all():
            is_known = here * ~np.isnan(known)
            asked["labelled"] = draw.add(is_known)
            asked["default_rate"] = draw.add(is_known * np.nan_to_num(known), is_known)
        lines += [(name, *_TEXTS[name], measure, place) for measure, place in asked.items()]
    return pd.DataFrame(lines, columns=["set", "text", "text_zh", "measure", "figure"])


def _totals(rows: pd.DataFrame, draw: Bootstrap) -> pd.DataFrame:
    """Sum everything before and after, and ask for what is between."""
    lines = []
    for name in ("approved", *_MONEY):
        one, other = (rows[f"{name}_{side}"].to_numpy(float) for side in ("before", "after"))
        measure = "approvals" if name == "approved" else name
        lines.append((measure, one.sum(), other.sum(), draw.add(other - one)))
    return pd.DataFrame(lines, columns=["measure", "before", "after", "figure"])


def _by_group(rows: pd.DataFrame, draw: Bootstrap, groups: pd.DataFrame | None) -> pd.DataFrame:
    """Give the share of approvals of each group, and ask for the change."""
    names = ["group", "merchants", "before", "after", "figure"]
    if groups is None:
        return pd.DataFrame(columns=names)
    named = _named(rows, groups)
    lines = []
    for name in sorted(named.unique(), key=str):
        here = (named == name).to_numpy(float)
        one, other = (here * rows[f"approved_{side}"].to_numpy() for side in ("before", "after"))
        merchants = rows.loc[here == 1, "merchant_id"].nunique()
        shares = (one.sum() / here.sum(), other.sum() / here.sum())
        lines.append((name, merchants, *shares, draw.add(other - one, here)))
    return pd.DataFrame(lines, columns=names)


def _named(rows: pd.DataFrame, groups: pd.DataFrame) -> pd.Series:
    """Give the group of each row."""
    require_kind("groups", groups, pd.DataFrame, "must be a frame")
    others = [name for name in groups.columns if name != "merchant_id"]
    if len(others) != 1 or len(groups.columns) != 2:
        refuse("groups", "must have merchant_id and one more column", repr(list(groups.columns)))
    own = groups.astype({"merchant_id": str}).set_index("merchant_id")[others[0]]
    if not own.index.is_unique:
        refuse("groups", "must have each merchant once", "one that stands twice")
    named = rows["merchant_id"].map(own)
    if named.isna().any():
        found = repr(rows.loc[named.isna(), "merchant_id"].iloc[0])
        refuse("groups", "must have the group of every merchant", f"none of {found}")
    return named


def _told_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """Hold each group's share against the largest: four fifths of it is the line (DOMAIN 5.5)."""
    after = shares["after"].astype(float)
    ratio = after / after.max() if after.max() else after * np.nan
    return shares.assign(ratio=ratio, is_low=ratio < 0.8)


def _warnings(
    rows: pd.DataFrame,
    past: pd.DataFrame | None,
    labels: pd.DataFrame | None,
    known: npt.NDArray[np.float64],
) -> pd.DataFrame:
    """Say where the answer leaves the data."""
    approved = rows["set"].isin(["both", "only_after"]).to_numpy()
    limit = np.where(approved, rows["limit_after"], 0.0)
    total, lines = limit.sum(), []

    def tell(code: str, en: str, zh: str, outside: npt.NDArray[np.bool_]) -> None:
        merchants = rows.loc[outside, "merchant_id"].nunique()
        if merchants:
            share = limit[outside].sum() / total if total else np.nan
            lines.append((code, en, zh, merchants, share))

    if past is None:
        tell("PAST_UNKNOWN", "whom past policies approved is not given: give past=",
             "未提供以往获批商户名单", approved)  # fmt: skip
    else:
        require_kind("past", past, pd.DataFrame, "must be a frame with merchant_id")
        require_columns("past", map(str, past.columns), ("merchant_id",))
        seen = rows["merchant_id"].isin(set(past["merchant_id"].astype(str))).to_numpy()
        tell("NEVER_APPROVED", "the later policy approves merchants that no past policy approved",
             "新政策批准了以往从未获批的商户", approved & ~seen)  # fmt: skip
    if labels is not None:
        new = (rows["set"] == "only_after").to_numpy()
        tell("NO_OUTCOME", "of what the later policy alone approves no outcome is known",
             "仅新政策批准的部分没有实际结果", new & np.isnan(known))  # fmt: skip
    names = ["code", "text", "text_zh", "merchants", "share_of_limit"]
    return pd.DataFrame(lines, columns=names)
