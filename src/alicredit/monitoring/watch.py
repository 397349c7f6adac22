"""One call that watches a model at work: population, features, feeds, outcomes, grades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_kind
from alicredit.cohort import Cohort, require_cohort
from alicredit.evaluation.validation import check_claim
from alicredit.monitoring.drift import feature_drift
from alicredit.monitoring.feeds import stale_feeds
from alicredit.monitoring.grades import migration
from alicredit.monitoring.outcomes import realised_against_predicted
from alicredit.monitoring.population import population_shares, population_stability
from alicredit.monitoring.summary import (
    LEVELS,
    PERIODS,
    Line,
    MonitoringRules,
    above,
    below,
    cannot_tell,
    judge_outcomes,
    lay_out,
)
from alicredit.policy import Policy, grade_of, load_policy
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
        ``feeds``, ``grades`` and ``periods`` (claims against outcomes), ``matrix``, ``moves``,
        ``tests`` and ``concentration`` (migration).
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
        file holds of its training rows: all features, no distribution of scores.
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
    chosen = rules or MonitoringRules()
    require_kind("rules", chosen, MonitoringRules, "must be MonitoringRules")
    if (records is None) != (as_of is None):
        found = "records alone" if as_of is None else "as_of alone"
        refuse("records and as_of", "must be given together", found)
    scale = load_policy(policy) if isinstance(policy, str) else policy
    now = _side("current", portable, current, cohort, scale)
    then = None if reference is None else _side(
        "reference", portable, reference, reference_cohort, scale
    )  # fmt: skip
    periods = _periods(cohort, len(current), chosen.by)
    tables: dict[str, pd.DataFrame] = {}
    lines = [above("rows_refused", "all", float(1 - now.is_scored.mean()), REFUSED_BOUNDS)]
    lines += _population(then, now, periods, chosen, tables)
    lines += _drift(portable, then, now, chosen, tables)
    if records is not None:
        lines += _feeds(portable, records, as_of, tables)
    if labels is not None:
        lines += _outcomes(portable, now, labels, periods, chosen, tables)
    if scale is not None and then is not None:
        lines += _migration(then, now, scale, chosen, tables)
    facts = {
        "model_id": portable.model_id, "claim": str(portable.claim), "rows": len(current),
        "rows_scored": int(now.is_scored.sum()), "reference_rows": None if then is None else
        len(then.frame),
    }  # fmt: skip
    return MonitoringReport({"summary": lay_out(lines), **tables}, facts)


@dataclass(frozen=True, eq=False)
class _Side:
    """One population: its features, scores and merchants."""

    frame: pd.DataFrame
    scored: pd.DataFrame
    grades: Any
    cohort: Cohort | None
    scale: tuple[str, ...] | None

    @property
    def is_scored(self) -> Any:
        """Mark rows that have a score."""
        return (self.scored["status"] == "ok").to_numpy()

    @property
    def is_readable(self) -> Any:
        """Mark rows whose every value is possible, scored or not."""
        return (~self.scored["status"].isin(["bad_type", "bad_value"])).to_numpy()

    @property
    def merchants(self) -> Any:
        """Give whose each row is, None where not known."""
        return None if self.cohort is None else self.cohort.frame["merchant_id"].to_numpy(object)

    def owners(self, rows: Any) -> Any:
        """Give whose some rows are."""
        return None if self.cohort is None else self.merchants[rows]

    def marks(self, rows: Any) -> Any:
        """Give grades of some rows, or scores where there is no scale."""
        if self.grades is not None:
            return self.grades[rows]
        return self.scored["score"].to_numpy(np.float64, na_value=np.nan)[rows]


def _side(
    name: str, portable: Any, frame: Any, cohort: Cohort | None, policy: Policy | None
) -> _Side:
    """Score a population; refuse one that does not fit its cohort or has no row to look at."""
    require_kind(name, frame, pd.DataFrame, "must be a frame of features")
    if cohort is not None and len(require_cohort(cohort)) != len(frame):
        refuse(f"{name} and its cohort", "must have the same rows", f"{len(frame)}, {len(cohort)}")
    scored = portable.score_frame(frame, reasons=0).reset_index(drop=True)
    if not (scored["status"] == "ok").any():
        found = scored["status"].iloc[0] if len(scored) else "no row"
        refuse(name, "must have a row that the model scores", found)
    marks, scale = None, None
    if policy is not None:
        require_kind("policy", policy, Policy, "must be a policy or its name")
        marks, scale = grade_of(scored["pd"].to_numpy(np.float64), policy.grades), (
            policy.grades.names
        )  # fmt: skip
    return _Side(frame.reset_index(drop=True), scored, marks, cohort, scale)


def _periods(cohort: Cohort | None, rows: int, by: str) -> Any:
    """Name each row's period."""
    if cohort is None:
        return np.full(rows, "all", dtype=object)
    return cohort.frame["as_of"].dt.to_period(PERIODS[by]).astype(str).to_numpy(object)


def _population(
    then: _Side | None, now: _Side, periods: Any, rules: MonitoringRules, tables: dict[str, Any]
) -> list[Line]:
    """Judge the distribution of scores, or of grades, period by period."""
    if then is None:
        return [cannot_tell("population", "all", "no_reference")]
    old, new = then.is_scored, now.is_scored
    asked = {
        "grades": now.scale, "periods": periods[new], "merchants": now.owners(new),
        "reference_merchants": then.owners(old),
    }  # fmt: skip
    pair = then.marks(old), now.marks(new)
    plain = population_stability(*pair, **asked, level=rules.amber)
    is_told = plain["rows"] >= rules.fewest_rows
    level = rules.amber / max(int(is_told.sum()), 1)
    bounds = [
        population_stability(*pair, **asked, tolerance=beyond, level=level)["critical"]
        for beyond in (rules.psi_amber, rules.psi_red)
    ]
    tables["population"] = plain
    tables["shares"] = population_shares(*pair, grades=now.scale)
    return [
        above("population", str(row.period), row.psi, (amber, red))
        if told else cannot_tell("population", str(row.period), "few_rows")
        for row, amber, red, told in zip(plain.itertuples(), *bounds, is_told, strict=True)
    ]  # fmt: skip


def _drift(
    portable: Any, then: _Side | None, now: _Side, rules: MonitoringRules, tables: dict[str, Any]
) -> list[Line]:
    """Judge the features of all readable rows together, and what they do to the mean score."""
    new = now.is_readable
    old = None if then is None else then.is_readable
    asked: dict[str, Any] = {
        "model": portable, "merchants": now.owners(new),
        "reference_merchants": None if then is None else then.owners(old),
    }  # fmt: skip
    pair = None if then is None else then.frame[old], now.frame[new]
    plain = feature_drift(*pair, **asked, level=rules.amber)
    tables["drift"] = plain
    beyond, far = (
        feature_drift(*pair, **asked, level=rules.amber, tolerance=limit)["is_shifted"]
        for limit in (rules.psi_amber, rules.psi_red)
    )
    order = plain["psi"].sort_values(ascending=False, kind="stable").index
    worst = tuple(plain.loc[[k for k in order if beyond[k]], "feature"].head(5))
    level = "red" if far.any() else "amber" if beyond.any() else "green"
    moved = plain["points_change"]
    pushes = moved.abs().sort_values(ascending=False, kind="stable").index
    change = abs(float(moved.sum()))
    names = tuple(f"{plain.loc[k, 'feature']} {moved[k]:+.1f}" for k in pushes[:3] if moved[k])
    rise = plain["missing"] - plain["reference_missing"]
    gone = tuple(plain.loc[rise > rules.missing_amber, "feature"].head(5))
    return [
        above("mean_score", "all", change, (rules.points_amber, rules.points_red), names=names),
        Line("features", "all", float(beyond.sum()), 0.0, level, worst),
        above("missing_values", "all", max(float(rise.max()), 0.0),
              (rules.missing_amber, rules.missing_red), names=gone),
    ]  # fmt: skip


def _feeds(portable: Any, records: Records, as_of: object, tables: dict[str, Any]) -> list[Line]:
    """Judge the tables; one that an input of the model is made from is red when silent."""
    feeds = stale_feeds(records, as_of=as_of)
    tables["feeds"] = feeds
    used = {source for table in portable.features for source in table.sources}
    silent = tuple(feeds.loc[feeds["status"] == "stale", "table"])
    odd = tuple(feeds.loc[feeds["volume_status"].isin(["low", "high"]), "table"])
    level = "red" if used & set(silent) else "amber" if silent else "green"
    return [
        Line("feeds", "all", float(len(silent)), 0.0, level, silent),
        above("volumes", "all", len(odd), (0.0, np.inf), names=odd),
    ]


def _outcomes(
    portable: Any, now: _Side, labels: Any, periods: Any, rules: MonitoringRules,
    tables: dict[str, Any],
) -> list[Line]:  # fmt: skip
    """Judge claims against what happened."""
    check_claim(portable, labels)
    known = np.asarray(labels, dtype=object).ravel()
    if len(known) != len(now.frame):
        refuse("labels", f"must have one value for each of the {len(now.frame)} rows", len(known))
    rows = now.is_scored
    found = realised_against_predicted(
        now.scored["pd"].to_numpy(np.float64)[rows],
        known[rows],
        grades=None if now.grades is None else now.grades[rows],
        scale=now.scale,
        periods=periods[rows],
        merchants=now.owners(rows),
        correlation=rules.correlation,
        development_auc=rules.development_auc,
    )
    tables["grades"], tables["periods"] = found.grades, found.periods
    return judge_outcomes(found.grades, found.periods, rules)


def _migration(
    then: _Side, now: _Side, policy: Policy, rules: MonitoringRules, tables: dict[str, Any]
) -> list[Line]:
    """Judge moves between grades of merchants in both populations, each at its latest row."""
    if then.cohort is None or now.cohort is None:
        return []
    latest = []
    for side in (then, now):
        frame = side.cohort.frame.assign(grade=side.grades)  # type: ignore[union-attr]
        frame = frame.sort_values(["as_of", "grade"], kind="stable", na_position="first")
        latest.append(frame.drop_duplicates("merchant_id", keep="last").set_index("merchant_id"))
    both = latest[0].join(latest[1], how="outer", lsuffix="_then", rsuffix="_now")
    pair = both["grade_then"], both["grade_now"]
    if not (pair[0].notna() & pair[1].notna()).any():
        return []
    moved = migration(*pair, grades=policy.grades.names)
    tables["matrix"], tables["moves"] = moved.matrix, moved.summary
    tables["tests"], tables["concentration"] = moved.tests, moved.concentration
    lines = []
    bounds = (rules.amber, rules.red)
    worst = moved.tests.sort_values("p_adjusted").iloc[:1]
    if worst["p_adjusted"].isna().all():
        lines.append(cannot_tell("migration", "all", "no_move"))
    else:
        first = worst.iloc[0]
        names = (f"{first['before']} > {first['after']}",)
        lines.append(below("migration", "all", first["p_adjusted"], bounds, names=names))
    after = moved.concentration.set_index(["when", "weight"]).loc[("after", "count")]
    if not np.isnan(after["p_value"]):
        lines.append(below("concentration", "all", after["p_value"], bounds))
    return lines
