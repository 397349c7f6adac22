"""How monitoring judges one model on two populations, check by check."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_kind
from alicredit.cohort import Cohort, require_cohort
from alicredit.evaluation import clustered_mean
from alicredit.evaluation.validation import check_claim
from alicredit.monitoring.outcomes import realised_against_predicted
from alicredit.monitoring.summary import (
    PERIODS,
    Line,
    MonitoringRules,
    above,
    below,
    cannot_tell,
    judge_claims,
)
from alicredit.policy import Policy, grade_of
from alicredit.records import Records
from alicredit.stability.bins import number_owners
from alicredit.stability.drift import feature_drift
from alicredit.stability.feeds import stale_feeds
from alicredit.stability.grades import migration
from alicredit.stability.population import population_shares, population_stability


@dataclass(frozen=True, eq=False)
class Side:
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


def take_side(
    name: str, portable: Any, frame: Any, cohort: Cohort | None, policy: Policy | None
) -> Side:
    """Score a population; refuse one that does not fit its cohort or has no row to look at."""
    require_kind(name, frame, pd.DataFrame, "must be a frame of features")
    if cohort is not None and len(require_cohort(cohort)) != len(frame):
        refuse(f"{name} and its cohort", "must have the same rows", f"{len(frame)}, {len(cohort)}")
    scored = portable.score_frame(frame, reasons=0, flags=False).reset_index(drop=True)
    if not (scored["status"] == "ok").any():
        found = scored["status"].iloc[0] if len(scored) else "no row"
        refuse(name, "must have a row that the model scores", found)
    marks, scale = None, None
    if policy is not None:
        require_kind("policy", policy, Policy, "must be a policy or its name")
        marks, scale = grade_of(scored["pd"].to_numpy(np.float64), policy.grades), (
            policy.grades.names
        )  # fmt: skip
    return Side(frame.reset_index(drop=True), scored, marks, cohort, scale)


def name_periods(cohort: Cohort | None, rows: int, by: str) -> Any:
    """Name each row's period."""
    if cohort is None:
        return np.full(rows, "all", dtype=object)
    return cohort.frame["as_of"].dt.to_period(PERIODS[by]).astype(str).to_numpy(object)


def judge_population(
    then: Side | None, now: Side, periods: Any, rules: MonitoringRules, tables: dict[str, Any]
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
    seen = pd.Series(periods[new]).groupby(periods[new]).size()
    if asked["merchants"] is not None:
        seen = pd.Series(asked["merchants"]).groupby(periods[new]).nunique()
    is_told = seen.reindex(plain["period"]).to_numpy() >= rules.fewest_rows
    level = rules.amber / max(int(is_told.sum()), 1)
    bounds = [
        population_stability(*pair, **asked, tolerance=beyond, level=level)["critical"]
        for beyond in rules.psi
    ]
    tables["population"] = plain
    tables["shares"] = population_shares(*pair, grades=now.scale)
    return [
        above("population", str(row.period), row.psi, (amber, red))
        if told else cannot_tell("population", str(row.period), "few_rows")
        for row, amber, red, told in zip(plain.itertuples(), *bounds, is_told, strict=True)
    ]  # fmt: skip


def judge_drift(
    portable: Any, then: Side | None, now: Side, rules: MonitoringRules, tables: dict[str, Any]
) -> list[Line]:
    """Judge the features of all readable rows together, and what they do to the mean score."""
    new = now.is_readable
    old = None if then is None else then.is_readable
    asked: dict[str, Any] = {
        "model": portable, "merchants": now.owners(new),
        "reference_merchants": None if then is None else then.owners(old),
    }  # fmt: skip
    pair = None if then is None else then.frame[old], now.frame[new]
    owners = asked["merchants"]
    witnesses = int(new.sum()) if owners is None else len(pd.unique(owners))
    plain = feature_drift(*pair, **asked, level=rules.amber)
    tables["drift"] = plain
    beyond, far = (
        feature_drift(*pair, **asked, level=rules.amber, tolerance=limit)["is_shifted"]
        for limit in rules.psi
    )
    order = plain["psi"].sort_values(ascending=False, kind="stable").index
    worst = tuple(plain.loc[[k for k in order if beyond[k]], "feature"].head(5))
    level = "red" if far.any() else "amber" if beyond.any() else "green"
    moved = plain["points_change"]
    pushes = moved.abs().sort_values(ascending=False, kind="stable").index
    change, chance = abs(float(moved.sum())), 1.96 * _error_of_change(portable, then, now)
    bounds = [float(np.maximum(each, chance)) for each in rules.points]
    names = tuple(f"{plain.loc[k, 'feature']} {moved[k]:+.1f}" for k in pushes[:3] if moved[k])
    if witnesses < rules.fewest_rows:
        return [cannot_tell(check, "all", "few_rows")
                for check in ("mean_score", "features", "missing_values")]  # fmt: skip
    rise = plain["missing"] - plain["reference_missing"]
    gone = tuple(plain.loc[rise > rules.missing[0], "feature"].head(5))
    return [
        above("mean_score", "all", change, bounds, names=names),
        Line("features", "all", float(beyond.sum()), 0.0, level, worst),
        above("missing_values", "all", max(float(rise.max()), 0.0),
              rules.missing, names=gone),
    ]  # fmt: skip


def _error_of_change(portable: Any, then: Side | None, now: Side) -> float:
    """Give the standard error of the change of the mean score; NaN where one is not known."""
    errors, sizes = [], []
    for side in (now, then):
        if side is None:
            continue
        rows = side.is_scored
        score = side.scored["score"].to_numpy(np.float64, na_value=np.nan)[rows] / portable.unit
        owners = number_owners("merchants", side.owners(rows), len(score))
        who = np.arange(len(score)) if owners is None else owners
        order = np.lexsort((who, score))
        score, who = score[order], who if owners is None else who[order]
        errors.append(float(clustered_mean(score, who).se))
        sizes.append(len(pd.unique(who)))
    if then is None:
        facts = portable.training
        witnesses = facts.get("merchants") or facts.get("rows") or sizes[0]
        errors.append(errors[0] * float(np.sqrt(sizes[0] / witnesses)))
    return math.hypot(*errors)


def judge_feeds(
    portable: Any, records: Records, as_of: object, tables: dict[str, Any]
) -> list[Line]:
    """Judge the tables; one that an input of the model is made from is red when silent.

    A table that inputs are made from and that is not there, or has no fact, is as silent as one
    that stopped; nothing can be told of one whose rhythm is not known.
    """
    feeds = stale_feeds(records, as_of=as_of)
    tables["feeds"] = feeds
    used = {source for table in portable.features for source in table.sources}
    status = dict(zip(feeds["table"], feeds["status"], strict=True))
    gone = tuple(name for name in sorted(used) if status.get(name, "empty") == "empty")
    silent = (*gone, *(name for name in status if status[name] == "stale"))
    unsure = tuple(name for name in status if name in used and status[name] == "unknown")
    odd = tuple(feeds.loc[feeds["volume_status"].isin(["low", "high"]), "table"])
    level = "red" if used & set(silent) else "amber" if silent else "green"
    line = Line("feeds", "all", float(len(silent)), 0.0, level, silent)
    if unsure and not silent:
        line = cannot_tell("feeds", "all", "no_rhythm", names=unsure)
    return [line, above("volumes", "all", len(odd), (0.0, np.inf), names=odd)]


def judge_outcomes(
    portable: Any, now: Side, labels: Any, periods: Any, rules: MonitoringRules,
    tables: dict[str, Any],
) -> list[Line]:  # fmt: skip
    """Judge claims against what happened."""
    check_claim(portable, labels)
    known = np.asarray(labels, dtype=object).ravel()
    if len(known) != len(now.frame):
        refuse("labels", f"must have one value for each of the {len(now.frame)} rows", len(known))
    rows = now.is_scored
    asked: dict[str, Any] = {
        "grades": None if now.grades is None else now.grades[rows], "scale": now.scale,
        "merchants": now.owners(rows), "correlation": rules.correlation,
        "development_auc": rules.development_auc,
    }  # fmt: skip
    pair = now.scored["pd"].to_numpy(np.float64)[rows], known[rows]
    found = realised_against_predicted(*pair, **asked, periods=periods[rows])
    parts = [found]
    total = found.grades[found.grades["grade"] == "all"]
    if (total["rows"] >= rules.fewest_rows).sum() > 1:
        parts.append(realised_against_predicted(*pair, **asked))
    tables["grades"] = pd.concat([each.grades for each in parts], ignore_index=True)
    tables["periods"] = pd.concat([each.periods for each in parts], ignore_index=True)
    return judge_claims(tables["grades"], tables["periods"], rules)


def judge_migration(
    then: Side, now: Side, policy: Policy, rules: MonitoringRules, tables: dict[str, Any]
) -> list[Line]:
    """Judge moves between grades of merchants in both populations, each at its latest row."""
    if then.cohort is None or now.cohort is None:
        return []
    latest = []
    for side in (then, now):
        frame = side.cohort.frame.assign(grade=side.grades)  # type: ignore[union-attr]
        frame = frame.sort_values(["as_of", "grade"], kind="stable", na_position="first")
        frame = frame.drop_duplicates("merchant_id", keep="last")
        latest.append(frame.set_index("merchant_id")["grade"])
    everyone = latest[0].index.union(latest[1].index)
    pair = latest[0].reindex(everyone), latest[1].reindex(everyone)
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
        is_off = first["p_adjusted"] < rules.amber
        names = (f"{first['before']} > {first['after']}",) if is_off else ()
        lines.append(below("migration", "all", first["p_adjusted"], bounds, names=names))
    after = moved.concentration.set_index(["when", "weight"]).loc[("after", "count")]
    if not np.isnan(after["p_value"]):
        lines.append(below("concentration", "all", after["p_value"], bounds))
    return lines
