"""What stands beside a validation's figures: tests, grades, reference, challenger, fairness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_mapping, require_one_order
from alicredit.cohort import Cohort, require_cohort
from alicredit.evaluation.calibration_tests import hosmer_lemeshow, spiegelhalter
from alicredit.evaluation.fairness import audit_fairness
from alicredit.evaluation.findings import compare_places
from alicredit.evaluation.grades import grade_pds
from alicredit.evaluation.metrics import auc, brier, hhi, log_loss
from alicredit.evaluation.migration import (
    auc_decline,
    concentration_test,
    matrix_bandwidths,
    monotone_tests,
)
from alicredit.evaluation.rates import binomial_test, clustered_mean, effective_rows, jeffreys_test

Floats = npt.NDArray[np.float64]
_BINS = 10
_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Side:
    """One population as scored: every row, which of them have a score, whose they are and when."""

    scored: pd.DataFrame
    cohort: Cohort | None

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Mark rows that have a score."""
        return (self.scored["status"] == "ok").to_numpy(bool)

    @property
    def pd(self) -> Floats:
        """Give the probabilities of scored rows."""
        return self.scored["pd"].to_numpy(np.float64)[self.ok]

    @property
    def who(self) -> Any:
        """Give whose each scored row is; each its own where none are known."""
        if self.cohort is None:
            return np.arange(len(self.scored))[self.ok]
        return self.cohort.frame["merchant_id"].to_numpy()[self.ok]


def scored_side(name: str, portable: Any, X: Any, cohort: Cohort | None) -> Side:
    """Score a population; refuse one without a row that the model scores."""
    if cohort is not None:
        require_cohort(cohort)
    side = Side(portable.score_frame(X).reset_index(drop=True), cohort)
    if not side.ok.any():
        found = side.scored["status"].iloc[0] if len(side.scored) else "no row"
        refuse(name, "must have a row that the model scores", found)
    if cohort is not None and len(cohort) != len(side.scored):
        found = f"{len(side.scored)} and {len(cohort)}"
        refuse(f"{name} and its cohort", "must have one length", found)
    return side


def level_tests(y: Floats, p: Floats, who: Any, training: Mapping[str, Any]) -> pd.DataFrame:
    """Test the level over all rows, the shape by tenths, and the ranking against development's."""
    n, bad, mean = len(y), int(y.sum()), float(p.mean())
    counted = effective_rows(y, who)
    at = _tenths(p)
    used = np.unique(at)
    rows = [
        ("Jeffreys, all rows", np.nan, jeffreys_test(n, bad, mean, effective=counted),
         "small: the claim is too low"),
        ("binomial, all rows", np.nan, binomial_test(n, bad, mean, effective=counted),
         "small: more defaults than claimed"),
        ("Hosmer-Lemeshow, by tenth", *hosmer_lemeshow(
            [int((at == k).sum()) for k in used], [int(y[at == k].sum()) for k in used],
            [float(p[at == k].mean()) for k in used],
            effective=[effective_rows(y[at == k], who[at == k]) for k in used],
        ), "small: the shape of the claim is off"),
    ]  # fmt: skip
    z = spiegelhalter(y, p, cluster=who)
    from scipy.special import ndtr

    rows.append(
        ("Spiegelhalter", z, float(2 * ndtr(-abs(z))), "small: claims too sure, or too mild")
    )
    then, area = training.get("auc_points"), auc(y, p, cluster=who)
    if isinstance(then, float):
        s, chance = auc_decline(then, area)
        rows.append(("decline of AUC since development", s, chance,
                     f"small: ranks worse than out of fold in training ({then:.3f})"))  # fmt: skip
    frame = pd.DataFrame(rows, columns=["test", "statistic", "p_value", "note"])
    frame.insert(3, "is_off", frame["p_value"] < _LEVEL)
    return frame


def hold_grades(y: Floats, p: Floats, who: Any, policy: Any) -> pd.DataFrame:
    """Hold each grade's claim against what happened, with the rates for few defaults beside it."""
    names, at = place_grades(policy, p)
    frame = grade_pds(np.array(names, dtype=object)[at], y, order=names, cluster=who)
    rows = [np.flatnonzero(at == k) for k in range(len(names))]
    mean = [float(p[mine].mean()) if len(mine) else np.nan for mine in rows]
    tests = [
        jeffreys_test(len(mine), int(y[mine].sum()), claimed, effective=counted)
        if len(mine) else np.nan
        for mine, claimed, counted in zip(rows, mean, frame["effective_rows"], strict=True)
    ]  # fmt: skip
    frame.insert(4, "mean_pd", mean)
    return frame.assign(jeffreys_p=tests)


def place_grades(policy: Any, p: Floats) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Place each probability in a grade; a bound belongs to the better one."""
    scale = getattr(policy, "grades", policy)
    names, upper = getattr(scale, "names", None), getattr(scale, "upper_pd", None)
    if names is None or upper is None:
        name = policy if isinstance(policy, str) else "ali-2013"
        do = f"give alicredit.load_policy({name!r}), not its name"
        refuse("policy", "must be a policy with grades", type(policy).__name__, do)
    at = np.searchsorted(np.asarray(upper, dtype=np.float64), p, side="left")
    return list(names), np.minimum(at, len(names) - 1).astype(np.int64)


def compare_reference(then: Side, now: Side, policy: Any) -> dict[str, pd.DataFrame]:
    """Hold scores now against the reference's, and follow merchants of both between grades."""
    old, new = (side.scored["score"].to_numpy(np.float64, na_value=np.nan)[side.ok]
                for side in (then, now))  # fmt: skip
    edges = np.unique(np.quantile(old, np.linspace(0, 1, _BINS + 1)[1:-1]))
    places = [np.searchsorted(edges, each, side="left") for each in (old, new)]
    whose = [pd.factorize(np.asarray(side.who))[0] for side in (then, now)]
    found = compare_places((places[0], whose[0]), (places[1], whose[1]), len(edges) + 1, _LEVEL)
    line = ("score", len(old), len(new), found.psi, found.critical, found.p_value,
            bool(found.psi > found.critical))  # fmt: skip
    names = ["of", "reference_rows", "rows", "psi", "critical", "p_value", "is_shifted"]
    tables = {"population": pd.DataFrame([line], columns=names)}
    if policy is None or then.cohort is None or now.cohort is None:
        return tables
    return tables | _follow(then, now, policy)


def _follow(then: Side, now: Side, policy: Any) -> dict[str, pd.DataFrame]:
    """Follow merchants in both populations, each at its latest row, between grades."""
    latest = []
    for side in (then, now):
        names, at = place_grades(policy, side.pd)
        frame = side.cohort.frame[["merchant_id", "as_of"]][side.ok]  # type: ignore[union-attr]
        frame = frame.assign(at=at).sort_values(["as_of", "at"], kind="stable")
        frame = frame.drop_duplicates("merchant_id", keep="last").set_index("merchant_id")
        latest.append(frame["at"])
    ends = {"at_before": latest[0], "at_after": latest[1]}
    both = pd.concat(ends, axis=1, join="inner")
    if both.empty:
        return {}
    size = len(names)
    pairs = both["at_before"].to_numpy() * size + both["at_after"].to_numpy()
    moves = np.bincount(pairs, minlength=size * size).reshape(size, size)
    total = moves.sum(axis=1, keepdims=True)
    share = np.divide(moves, total, out=np.full(moves.shape, np.nan), where=total > 0)
    z = monotone_tests(moves)
    before, after = np.indices(moves.shape)
    matrix = pd.DataFrame({
        "before": np.array(names, dtype=object)[before.ravel()],
        "after": np.array(names, dtype=object)[after.ravel()],
        "merchants": moves.ravel(), "share": share.ravel(), "monotone_z": z.ravel(),
    })  # fmt: skip
    return {"migration": matrix, "moves": _sum_moves(moves)}


def _sum_moves(moves: Any) -> pd.DataFrame:
    """Sum migration up by the ECB's figures."""
    many, stayed = int(moves.sum()), int(np.trace(moves))
    lower, upper = matrix_bandwidths(moves)
    old, new = moves.sum(axis=1), moves.sum(axis=0)
    lines = [
        ("merchants in both", float(many), "each at its latest row"),
        ("stayed in their grade", stayed / many, "share"),
        ("moved to better grades", float(np.tril(moves, -1).sum()) / many, "share"),
        ("moved to worse grades", float(np.triu(moves, 1).sum()) / many, "share"),
        ("lower bandwidth", lower, "how far to better grades, of the farthest"),
        ("upper bandwidth", upper, "how far to worse grades, of the farthest"),
        ("Herfindahl before", hhi(old)[0], "1: all in one grade"),
        ("Herfindahl now", hhi(new)[0], "1: all in one grade"),
        ("concentration, p-value", concentration_test(old, new), "small: more concentrated"),
    ]
    return pd.DataFrame(lines, columns=["metric", "value", "note"])


def compare_challenger(label: Floats, side: Side, model: Any, other: Any, X: Any) -> pd.DataFrame:
    """Hold two models against the same outcomes, of rows that both score."""
    its = Side(other.score_frame(X, reasons=0).reset_index(drop=True), side.cohort)
    both = side.ok & its.ok
    if not both.any():
        refuse("challenger", "must score a row that the model scores", "none")
    y = label[both]
    who = Side(side.scored[both].reset_index(drop=True), None).who if side.cohort is None else (
        side.cohort.frame["merchant_id"].to_numpy()[both]
    )  # fmt: skip
    rows, losses = [], []
    for name, each, scored in (("model", model, side), ("challenger", other, its)):
        p = scored.scored["pd"].to_numpy(np.float64)[both]
        losses.append(-np.where(y == 1, np.log(p), np.log1p(-p)))
        area = auc(y, p, cluster=who)
        rows.append((name, getattr(each, "shape", "points"), each.model_id, len(y), area.value,
                     area.low, area.high, log_loss(y, p), brier(y, p)))  # fmt: skip
    names = ["of", "shape", "model_id", "rows", "auc", "auc_low", "auc_high", "log_loss", "brier"]
    frame = pd.DataFrame(rows, columns=names)
    gap = clustered_mean(losses[1] - losses[0], who)
    return frame.assign(
        log_loss_gap=[0.0, gap.value], gap_low=[np.nan, gap.low], gap_high=[np.nan, gap.high]
    )


def audit_groups(
    X: Any, y: Floats, side: Side, groups: Mapping[str, Any], max_pd: float | None
) -> pd.DataFrame:
    """Audit fairness by each set of groups, at the cut that the model's card states."""
    require_mapping("groups", groups, "must map names to groups")
    if max_pd is None:
        do = "ModelCard(max_pd=0.05): who is approved is what is audited"
        refuse("card.max_pd", "must be stated where groups are given", "none", do)
    parts = []
    for name, given in groups.items():
        require_one_order(**{"X": X, f"groups[{name!r}]": given})
        mine = np.asarray(given, dtype=object).ravel()
        if len(mine) != len(side.scored):
            rule = f"must have one value for each of the {len(side.scored)} rows"
            refuse(f"groups[{name!r}]", rule, len(mine))
        found = audit_fairness(y, side.pd, mine[side.ok], max_pd=max_pd, cluster=side.who)
        found.insert(0, "by", str(name))
        parts.append(found.assign(group=found["group"].astype(str)))
    if not parts:
        refuse("groups", "must name at least one set of groups", "none")
    return pd.concat(parts, ignore_index=True)


def _tenths(p: Floats) -> npt.NDArray[np.int64]:
    """Place rows in tenths of the probability; equal claims stay together."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, p, side="left"), dtype=np.int64)
