"""Does the claim hold? A fitted model against outcomes it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse
from alicredit.cohort import Cohort, require_cohort
from alicredit.evaluation.arrays import labels
from alicredit.evaluation.metrics import (
    auc,
    brier,
    calibration_line,
    log_loss,
    psi,
    spiegelhalter,
)
from alicredit.evaluation.rates import (
    clustered_mean,
    effective_rows,
    jeffreys_interval,
    jeffreys_test,
)
from alicredit.score import require_same_claim

Floats = npt.NDArray[np.float64]
_BINS = 10
_CLUSTERED = "the rows of a merchant count as one witness"
_ALONE = "each row counts as a merchant of its own: no cohort was given"


@dataclass(frozen=True, eq=False)
class ValidationReport:
    """What a validation found, as frames.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        ``summary`` (metric, value, low, high, note), ``reliability`` (by tenth of the probability),
        ``stability`` (by month), ``points`` (the scorecard with titles and units), ``reasons`` (how
        often each).
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


def validate_model(model: Any, X: Any, y: Any, *, cohort: Cohort | None = None) -> ValidationReport:
    """Hold a model's probabilities against outcomes it was not trained on.

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

    Returns
    -------
    ValidationReport
        Frames, and a page by ``to_html``.

    Raises
    ------
    InputError
        For missing outcomes, only one outcome, lengths or horizons that differ.

    Examples
    --------
    >>> validate_model(None, None, [0.0, float("nan")])
    Traceback (most recent call last):
    alicredit.errors.InputError: y must be known for each row; found 1 NaN. ...
    >>> ValidationReport({}, {"model_id": "x"}).facts["model_id"]
    'x'
    """
    label = labels(y)
    if np.isnan(label).any():
        do = "validate on the rows that split_by_time gives"
        refuse("y", "must be known for each row", f"{int(np.isnan(label).sum())} NaN", do)
    portable = getattr(model, "portable_", model)
    if not hasattr(portable, "score_frame"):
        refuse("model", "must be a fitted or loaded model", type(model).__name__)
    check_claim(portable, y)
    if cohort is not None:
        require_cohort(cohort)
    scored = portable.score_frame(X).reset_index(drop=True)
    if len(scored) != len(label) or (cohort is not None and len(cohort) != len(label)):
        refuse("X, y and cohort", "must have one length", f"{len(scored)} and {len(label)}")
    ok = (scored["status"] == "ok").to_numpy()
    if not ok.any():
        refuse("X", "must have a row that the model scores", scored["status"].iloc[0])
    p, outcome = scored["pd"].to_numpy(np.float64)[ok], label[ok]
    who = np.arange(len(label)) if cohort is None else cohort.frame["merchant_id"].to_numpy()
    months = None if cohort is None else cohort.frame["as_of"].dt.to_period("M").astype(str)
    tables: dict[str, pd.DataFrame] = {
        "summary": _summary(outcome, p, who[ok], int((~ok).sum())),
        "reliability": _reliability(outcome, p, who[ok]),
        "stability": _stability(outcome, p, months[ok] if months is not None else None),
        "points": _points(portable),
        "reasons": _reasons(scored["reasons"][ok]),
    }
    facts = {
        "model_id": portable.model_id,
        "claim": str(portable.claim),
        **portable.training,
        "shape": getattr(portable, "shape", "points"),
        "intervals": f"95 %, {_ALONE if cohort is None else _CLUSTERED}",
        "validated_rows": int(ok.sum()),
        "validated_defaults": int(outcome.sum()),
    }
    return ValidationReport(tables, facts)


def check_claim(model: Any, y: Any) -> None:
    """Refuse outcomes of another horizon or level than the model claims; unstated ones pass."""
    require_same_claim("y", model.claim, getattr(y, "attrs", {}) or {}, is_stated=False)


def _summary(y: Floats, p: Floats, who: Any, refused: int) -> pd.DataFrame:
    """Sum up ranking and level, with intervals that cluster by merchant."""
    rows: list[tuple[str, float, float, float, str]] = []
    area = auc(y, p, cluster=who)
    rows.append(("AUC", area.value, area.low, area.high, "chance to rank a default above another"))
    rate = clustered_mean(y, who)
    rows.append(("default rate", rate.value, rate.low, rate.high, "what happened"))
    rows.append(("mean probability", float(p.mean()), np.nan, np.nan, "what was claimed"))
    gap = clustered_mean(y - p, who)
    rows.append(
        ("rate less claim", gap.value, gap.low, gap.high, "0 lies inside when the level holds")
    )
    line = zip(("intercept", "slope"), calibration_line(y, p, cluster=who), strict=True)
    notes = {"intercept": "0 when right", "slope": "1 when right; below 1: too spread"}
    rows += [(f"calibration {k}", e.value, e.low, e.high, notes[k]) for k, e in line]
    for metric, score, loss in (
        ("Brier score", brier(y, p), (y - p) ** 2),
        ("log loss", log_loss(y, p), -np.where(y == 1, np.log(p), np.log1p(-p))),
    ):
        mean = clustered_mean(loss, who)
        rows.append((metric, score, mean.low, mean.high, "lower is better"))
    constant = float(y.mean() * (1 - y.mean()))
    rows.append(("Brier of the plain rate", constant, np.nan, np.nan, "to compare with"))
    z, beyond = spiegelhalter(y, p, cluster=who), "beyond +-1.96: off"
    rows.append(("Spiegelhalter z", z, np.nan, np.nan, beyond))
    rows.append(("rows", float(len(y)), np.nan, np.nan, "scored"))
    merchants = float(len(np.unique(who)))
    rows.append(("merchants", merchants, np.nan, np.nan, "each is one witness in the intervals"))
    rows.append(("rows refused", float(refused), np.nan, np.nan, "outside the model's contract"))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "note"])


def _reliability(y: Floats, p: Floats, who: Any) -> pd.DataFrame:
    """Compare claim and outcome by tenths of the probability; equal claims stay together.

    Intervals (90 %, Jeffreys) and p-values count as many rows as would tell as much if each were a
    merchant of its own.
    """
    edges = np.unique(np.quantile(p, np.linspace(0, 1, _BINS + 1)[1:-1]))
    at = np.searchsorted(edges, p, side="left")
    rows: list[tuple[float, ...]] = []
    for k in np.unique(at):
        mine = at == k
        n, bad, mean = int(mine.sum()), int(y[mine].sum()), float(p[mine].mean())
        counted = effective_rows(y[mine], who[mine])
        low, high = jeffreys_interval(n, bad, effective=counted)
        test = jeffreys_test(n, bad, mean, effective=counted)
        merchants = len(np.unique(who[mine]))
        rows.append((len(rows) + 1, n, merchants, bad, mean, bad / n, low, high, test))
    names = ["bin", "rows", "merchants", "defaults", "mean_pd", "rate", "low", "high", "jeffreys_p"]
    return pd.DataFrame(rows, columns=names)


def _stability(y: Floats, p: Floats, months: pd.Series | None) -> pd.DataFrame:
    """Compare claim and outcome by month, with the shift of scores against the first month."""
    names = ["month", "rows", "defaults", "mean_pd", "rate", "psi"]
    if months is None:
        return pd.DataFrame(columns=names)
    keys = months.to_numpy()
    edges = np.unique(np.quantile(p, np.linspace(0, 1, _BINS + 1)[1:-1]))
    first: Floats | None = None
    rows: list[tuple[object, ...]] = []
    for month in sorted(set(keys)):
        mine = keys == month
        counts = np.bincount(np.searchsorted(edges, p[mine]), minlength=len(edges) + 1) + 0.5
        share = counts / counts.sum()
        first = share if first is None else first
        n, bad = int(mine.sum()), int(y[mine].sum())
        rows.append((month, n, bad, float(p[mine].mean()), bad / n, psi(first, share)))
    return pd.DataFrame(rows, columns=names)


def _points(model: Any) -> pd.DataFrame:
    """Lay out the scorecard with what each input is called, and its unit."""
    card = model.scorecard()
    titles = {table.name: table.title for table in model.tables}
    units = {table.name: table.unit for table in model.tables}
    card = card.assign(title=card["feature"].map(titles), unit=card["feature"].map(units))
    if "feature_2" not in card:
        return card
    return card.assign(title_2=card["feature_2"].map(titles).fillna(""))


def _reasons(lists: pd.Series) -> pd.DataFrame:
    """Count how often each reason stands first and at all."""
    every = lists.explode().dropna()
    first = lists[lists.map(len) > 0].map(lambda codes: codes[0])
    frame = pd.DataFrame({"rows": every.value_counts(), "first": first.value_counts()}).fillna(0)
    frame = frame.astype(int).rename_axis("code").reset_index()
    return frame.sort_values(["rows", "code"], ascending=[False, True], ignore_index=True)
