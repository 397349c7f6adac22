"""One call that watches a model at work: population, features, feeds, outcomes, grades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.checks import given_or, refuse, require_one_order
from alicredit.cohort import Cohort
from alicredit.monitoring.judge import (
    judge_drift,
    judge_feeds,
    judge_migration,
    judge_outcomes,
    judge_population,
    name_periods,
    take_side,
)
from alicredit.monitoring.summary import LEVELS, MonitoringRules, above, lay_out
from alicredit.policy import Policy, load_policy
from alicredit.records import Records

REFUSED_BOUNDS = (0.01, 0.05)
"""Shares of refused rows that are amber and red (assumed)."""


@dataclass(frozen=True, eq=False)
class MonitoringReport:
    """What monitoring found, as frames.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        ``summary`` (``check, period, value, threshold, level, message, message_zh, action,
        action_zh``), ``population``, ``shares``, ``drift``, and where there was what they need
        ``feeds``, ``grades`` and ``periods`` (claims against outcomes; all periods together too,
        as ``all``), ``matrix``, ``moves``, ``tests`` and ``concentration`` (migration).
    facts : mapping
        The model's id and claim, rows looked at.
    """

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]

    @property
    def summary(self) -> pd.DataFrame:
        """Give what each check found."""
        return self.tables["summary"]

    @property
    def level(self) -> str:
        """Give the worst level: ``green``, ``unknown``, ``amber`` or ``red``."""
        return max(self.summary["level"], key=LEVELS.index)

    def __repr__(self) -> str:
        """Show what is not green."""
        lines = [
            f"{row.level:<8}{row.period:<8}{row.message}"
            for row in self.summary.itertuples()
            if row.level != "green"
        ]
        head = f"Monitoring of model {str(self.facts['model_id'])[:12]}: {self.level}"
        return "\n".join([head, *lines])

    def to_html(
        self, path: str | Path, *, beside: Mapping[str, pd.DataFrame] | None = None
    ) -> None:
        """Write one self-contained page; needs the extra ``[report]``.

        ``beside`` adds ``vintages``, ``roll_rates`` and ``warnings``, see
        :func:`alicredit.report.write_monitoring_page`.
        """
        from alicredit.report import write_monitoring_page

        write_monitoring_page(self, path, beside=beside)


def monitor(
    model: Any,
    reference: pd.DataFrame | None,
    current: pd.DataFrame,
    *,
    reference_cohort: Cohort | None = None,
    cohort: Cohort | None = None,
    labels: Any = None,
    policy: str | Policy | None = None,
    records: Records | None = None,
    as_of: object = None,
    rules: MonitoringRules | None = None,
) -> MonitoringReport:
    """Watch a model at work, and say what is amber or red and what to do.

    Parameters
    ----------
    model : DefaultModel or ScoreModel
        Fitted or loaded.
    reference : pandas.DataFrame or None
        Features of the population that the model is known to hold for; None takes what the model's
        file holds of its training rows: all features, no distribution of scores. A model of pairs
        or trees needs one.
    current : pandas.DataFrame
        Features now.
    reference_cohort, cohort : Cohort or None, default None
        Whose rows they are and when: rows of one merchant then count as what they tell together,
        periods of ``current`` are told apart, and merchants in both are followed between grades.
    labels : array of 0, 1 and NaN, or None, default None
        What became of ``current``; NaN where it is too early to say.
    policy : str, Policy or None, default None
        Whose grades to use; None takes tenths of scores and probabilities.
    records : Records or None, default None
        Whose tables are looked at for silence; needs ``as_of``.
    as_of : date or time or None, default None
        The moment before which facts of ``records`` are read.
    rules : MonitoringRules or None, default None
        When a check is amber or red; None stands for ``MonitoringRules()``.

    Returns
    -------
    MonitoringReport
        Frames; ``summary`` has one row a check and period.

    Raises
    ------
    InputError
        If the model is none, lengths differ, a column lacks, labels are of another horizon or
        level than the model claims, or records come without ``as_of``.

    Examples
    --------
    >>> import numpy as np
    >>> from alicredit.model import DefaultModel
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"sales": rng.normal(size=3000), "visits": rng.normal(size=3000)})
    >>> y = (rng.random(3000) < 1 / (1 + np.exp(2 - X["sales"]))).astype(float)
    >>> model = DefaultModel().fit(X[:2000], y[:2000])
    >>> monitor(model, X[:2000], X[2000:], labels=y[2000:]).level
    'green'
    >>> moved = X[2000:].assign(sales=X["sales"] + 1)
    >>> found = monitor(model, X[:2000], moved, labels=y[2000:]).summary.set_index("check")
    >>> found.loc[["population", "level_high"], "level"].tolist()
    ['red', 'amber']
    >>> monitor(model, X[:2000], moved[["visits"]])
    Traceback (most recent call last):
    alicredit.errors.InputError: X must have the column 'sales'; ...
    """
    portable = getattr(model, "portable_", model)
    if not hasattr(portable, "score_frame"):
        do = "fit a DefaultModel or load one with load_model"
        refuse("model", "must be a fitted or loaded model", type(model).__name__, do)
    chosen = given_or("rules", rules, MonitoringRules)
    if (records is None) != (as_of is None):
        found = "records alone" if as_of is None else "as_of alone"
        refuse("records and as_of", "must be given together", found)
    scale = load_policy(policy) if isinstance(policy, str) else policy
    require_one_order(current=current, labels=labels)
    now = take_side("current", portable, current, cohort, scale)
    then = None if reference is None else take_side(
        "reference", portable, reference, reference_cohort, scale
    )  # fmt: skip
    periods = name_periods(cohort, len(current), chosen.by)
    tables: dict[str, pd.DataFrame] = {}
    lines = [above("rows_refused", "all", float(1 - now.is_scored.mean()), REFUSED_BOUNDS)]
    lines += judge_population(then, now, periods, chosen, tables)
    lines += judge_drift(portable, then, now, chosen, tables)
    if records is not None:
        lines += judge_feeds(portable, records, as_of, tables)
    if labels is not None:
        lines += judge_outcomes(portable, now, labels, periods, chosen, tables)
    if scale is not None and then is not None:
        lines += judge_migration(then, now, scale, chosen, tables)
    facts = {
        "model_id": portable.model_id, "claim": str(portable.claim), "rows": len(current),
        "rows_scored": int(now.is_scored.sum()), "reference_rows": None if then is None else
        len(then.frame),
    }  # fmt: skip
    return MonitoringReport({"summary": lay_out(lines), **tables}, facts)
