"""What a portfolio run and a validation say, as small frames; pages and the command show them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from alicredit.checks import refuse
from alicredit.vocabulary import DECISIONS, OTHER, REASONS, STATUSES, reason_word

_OF_LIMIT = ("ELIG_LIMIT_MIN", "ELIG_LIMIT_MAX")
_SCORED = ("NOT_SCORED", "PD_ABOVE_CUT")
_SHARES = ("default rate", "mean probability", "rate less claim")
_WHOLE = ("rows", "merchants", "rows refused")


def by_product(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count what became of each product's rows, and sum its approved lines.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From ``score_portfolio``.

    Returns
    -------
    pandas.DataFrame
        One row a product, in order: ``product_id``, ``merchants``, ``approved``, then why not, each
        row counted once under the first that holds: ``referred`` (to a person), ``by_rule`` (a rule
        fails or is unknown), ``by_probability`` (no rule, but the probability is above the cut),
        ``by_limit`` (what could be lent lies below the minimum); ``limit`` (yuan), ``mean_pd``,
        ``expected_loss``, ``expected_profit`` (yuan a year) of approved lines. The five counts sum
        to ``merchants``.

    Examples
    --------
    >>> frame = pd.DataFrame({"product_id": ["p", "p"], "decision": ["approve", "decline"],
    ...     "reasons": [["LIM_SALES"], ["ELIG_REGION", "PD_ABOVE_CUT"]], "limit": [100.0, 0.0],
    ...     "pd": [0.01, 0.2], "expected_loss": [1.0, 0.0], "expected_profit": [2.0, 0.0]})
    >>> by_product(frame)[["merchants", "approved", "by_rule", "by_probability"]].values.tolist()
    [[2, 1, 1, 0]]
    """
    decisions = decisions.reset_index(drop=True)  # labels may repeat, as of parts put together
    fates = _fates(decisions)
    rows = []
    for product, mine in decisions.groupby("product_id", sort=False):
        given = mine[mine["decision"] == "approve"]
        counts = fates.loc[mine.index].value_counts()
        rows.append(
            {
                "product_id": product,
                "merchants": len(mine),
                **{word: int(counts.get(word, 0)) for word in FATES},
                "limit": float(given["limit"].sum()),
                "mean_pd": float(given["pd"].mean()) if len(given) else np.nan,
                "expected_loss": float(given["expected_loss"].sum()),
                "expected_profit": float(given["expected_profit"].sum()),
            }
        )
    return pd.DataFrame(rows)


FATES = ("approved", "referred", "by_rule", "by_probability", "by_limit")
"""What can become of a row."""


def _fates(decisions: pd.DataFrame) -> pd.Series:
    """Say what became of each row, by its decision and the first kind of reason that holds."""
    codes = decisions["reasons"]
    is_ruled = codes.map(lambda mine: any(_is_rule(code) for code in mine)).astype(bool)
    is_risky = codes.map(lambda mine: "PD_ABOVE_CUT" in mine).astype(bool)
    conditions = [
        decisions["decision"] == "approve", decisions["decision"] == "refer", is_ruled, is_risky,
    ]  # fmt: skip
    return pd.Series(np.select(conditions, FATES[:-1], FATES[-1]), index=decisions.index)


def _is_rule(code: str) -> bool:
    """Tell a rule about the merchant from one about the amount."""
    return reason_word(code).kind == "rule" and code not in _OF_LIMIT


def by_reason(decisions: pd.DataFrame, *, approved: bool, top: int = 8) -> pd.DataFrame:
    """Count the commonest reasons of rows that were, or were not, approved, by product.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From ``score_portfolio``.
    approved : bool
        Reasons of approved lines (what bounds the limit), or of all others.
    top : int, default 8
        Reasons a product at most.

    Returns
    -------
    pandas.DataFrame
        ``product_id, code, text, text_zh, rows, share`` (of the product's rows), most first.

    Examples
    --------
    >>> frame = pd.DataFrame({"product_id": ["p", "p"], "decision": ["decline", "decline"],
    ...     "reasons": [["ELIG_REGION"], ["ELIG_REGION", "BLACKLIST"]]})
    >>> by_reason(frame, approved=False)[["code", "rows", "share"]].values.tolist()
    [['ELIG_REGION', 2, 1.0], ['BLACKLIST', 1, 0.5]]
    """
    mine = decisions[(decisions["decision"] == "approve") == approved]
    codes = mine[["product_id", "reasons"]].explode("reasons").dropna()
    counts = codes.groupby(["product_id", "reasons"], sort=False).size().rename("rows")
    frame = counts.reset_index().rename(columns={"reasons": "code"})
    total = mine.groupby("product_id").size()
    frame["share"] = frame["rows"] / total.reindex(frame["product_id"]).to_numpy()
    order = pd.Index(decisions["product_id"].unique())
    frame = frame.assign(order=order.get_indexer(frame["product_id"]))
    frame = frame.sort_values(["order", "rows", "code"], ascending=[True, False, True])
    return with_texts(frame.groupby("product_id", sort=False).head(top)).drop(columns="order")


def funnel(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count who is left after each rule, the score and the limit, of each product.

    Each row that is not approved is lost at one step, the first that holds it: rules in the order
    of the vocabulary, then a missing score, the probability, the limit; a row left to a person is
    lost last, whatever its reasons.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From ``score_portfolio``: ``product_id, decision, reasons``.

    Returns
    -------
    pandas.DataFrame
        ``product_id, code, text, text_zh, lost, left`` by product and step; the first step, of code
        "", has everybody, and the last leaves the approved.

    Examples
    --------
    >>> frame = pd.DataFrame({"product_id": "p", "decision": ["approve", "decline", "refer"],
    ...     "reasons": [["LIM_SALES"], ["PD_ABOVE_CUT", "ELIG_REGION"], ["REFER_SOURCES"]]})
    >>> funnel(frame)[["code", "lost", "left"]].values.tolist()
    [['', 0, 3], ['ELIG_REGION', 1, 2], ['refer', 1, 1]]
    """
    decisions = decisions.reset_index(drop=True)  # labels may repeat, as of parts put together
    place = pd.Series(_lost_at(decisions))
    parts = []
    for product, mine in decisions.groupby("product_id", sort=False):
        lost = place.loc[mine.index].value_counts().drop(_APPROVED, errors="ignore").sort_index()
        codes = [_STEPS[at] for at in lost.index]
        told = [DECISIONS["refer"] if code == "refer" else reason_word(code) for code in codes]
        gone = np.concatenate([[0], lost.to_numpy(np.int64)])
        parts.append(pd.DataFrame({
            "product_id": product, "code": ["", *codes],
            "text": ["asked about", *(word.text for word in told)],
            "text_zh": ["全部", *(word.text_zh for word in told)],
            "lost": gone, "left": len(mine) - gone.cumsum(),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _lost_at(decisions: pd.DataFrame) -> np.ndarray:
    """Give the step at which each row is lost."""
    known = {code: at for at, code in enumerate(_STEPS)}
    every = decisions["reasons"].reset_index(drop=True).explode()
    family = every.where(~every.astype(str).str.startswith(f"{OTHER}:"), OTHER)
    first = family.map(known).groupby(level=0).min().reindex(range(len(decisions)))
    decision = decisions["decision"].to_numpy(object)
    is_bare = (first.isna() & (decision == "decline")).to_numpy()
    if is_bare.any():
        rule = "must have a known reason in each row that is declined"
        refuse("decisions['reasons']", rule, f"{int(is_bare.sum())} without")
    place = np.where(decision == "refer", known["refer"], first.fillna(0))
    return np.where(decision == "approve", _APPROVED, place).astype(np.int64)


_APPROVED = -1


def _in_order() -> tuple[str, ...]:
    """List steps: rules, a missing score, the cut, limits, the book, other reasons, a person."""
    of_limit = [code for code in REASONS if code in _OF_LIMIT or code.startswith("LIM_")]
    of_kind = {kind: [code for code, word in REASONS.items() if word.kind == kind]
               for kind in ("rule", "allocation")}  # fmt: skip
    rules = [code for code in of_kind["rule"] if code not in _OF_LIMIT]
    known = [*rules, *_SCORED, *of_limit, *of_kind["allocation"]]
    return (*known, *(code for code in REASONS if code not in known), "refer")


_STEPS = _in_order()


def by_grade(decisions: pd.DataFrame) -> pd.DataFrame:
    """Sum approved lines by product and grade: ``rows, mean_pd, limit`` (yuan)."""
    approved = decisions[decisions["decision"] == "approve"]
    groups = approved.groupby(["product_id", "grade"], sort=True, as_index=False)
    return groups.agg(rows=("merchant_id", "size"), mean_pd=("pd", "mean"), limit=("limit", "sum"))


def by_status(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count rows by status: ``status, text, text_zh, rows``."""
    counts = decisions["status"].value_counts().rename_axis("status").rename("rows").reset_index()
    words = [STATUSES[status] for status in counts["status"]]
    return counts.assign(text=[w.text for w in words], text_zh=[w.text_zh for w in words])


def with_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Add to a frame with ``code`` what the codes mean, in both languages."""
    words = [reason_word(code) for code in frame["code"]]
    return frame.assign(text=[w.text for w in words], text_zh=[w.text_zh for w in words])


def written(metric: str, value: float) -> str:
    """Write a figure of a validation as people read it: shares in per cent, counts whole.

    Parameters
    ----------
    metric : str
        Its name in the frame of a validation.
    value : float
        The figure; NaN where there is none.

    Returns
    -------
    str
        Empty for NaN.

    Examples
    --------
    >>> written("default rate", 0.1318), written("rows", 2511.0), written("AUC", 0.77612)
    ('13.18%', '2,511', '0.776')
    >>> written("AUC", float("nan"))
    ''
    """
    if np.isnan(value):
        return ""
    if metric in _SHARES:
        return f"{round(value, 4) + 0.0:.2%}"
    return f"{value:,.0f}" if metric in _WHOLE else f"{value:.3f}"


def notes_of(notes: object) -> str:
    """Say in a sentence what the maker of simulated records notes of them; empty for others.

    Parameters
    ----------
    notes : object
        ``Records.notes``, or anything else.

    Returns
    -------
    str
        Sentences, or empty.

    Examples
    --------
    >>> notes_of({"made_up": "simulated", "default_rate": 0.18})
    'The records are made up: simulated. Their default rate is set to 18 % a year.'
    >>> notes_of({})
    ''
    """
    said = dict(notes) if isinstance(notes, Mapping) else {}
    parts = []
    if "made_up" in said:
        parts.append(f"The records are made up: {said['made_up']}.")
    if isinstance(said.get("default_rate"), float):
        parts.append(f"Their default rate is set to {100 * said['default_rate']:g} % a year.")
    return " ".join(parts)
