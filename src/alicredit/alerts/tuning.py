"""Setting rules of early warning for a stated number of false alarms, on loans whose fate is known.

Looks at which something is overdue already take no part: what is overdue needs no early sign.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.alerts.early import rate_warnings
from alicredit.alerts.looks import Looks
from alicredit.alerts.rules import WARNING_RULES, WarningRule, WarningRules
from alicredit.checks import refuse, require_between, require_kind

__all__ = ["tune_warnings"]

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TAILS = (0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002)
_PRIOR_LOANS = 2.0
_LEAST_FIRED = 5
_RED_SHARE = 0.2
_POINTS_A_DOUBLING = 10
_JUDGED = 10**6


def tune_warnings(
    warnings: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    rules: WarningRules = WARNING_RULES,
    false_alarms: float = 0.05,
    ahead_days: int = 14,
) -> WarningRules:
    """Choose steps, points and marks for a stated share of false alarms.

    Each rule gets steps where its values part loans that default from loans that are repaid, with
    ten points for each doubling of the odds, never falling as values get worse; a rule that speaks
    against default is dropped; one that fired on too few loans to tell keeps its thresholds and
    warns alone, as judged beforehand; one that fired on no loan that is repaid keeps its threshold.
    The marks are then the fewest points that keep to the budget: amber to ``false_alarms``, red to
    a fifth of it (assumed).

    Parameters
    ----------
    warnings : pandas.DataFrame
        As :func:`early_warnings` gives, of merchants or times kept apart from those to measure on.
    outcomes : pandas.DataFrame
        As :func:`loan_outcomes` gives.
    rules : WarningRules, default WARNING_RULES
        Which rules, and on which side their values are worse; rules without a column are left out.
    false_alarms : float, default 0.05
        Budget: the share of repaid loans that are warned about in a month in which they are seen,
        mean over loans and months.
    ahead_days : int, default 14
        Looks at defaulting loans count up to so many days before their arrears began.

    Returns
    -------
    WarningRules
        Rules that :func:`rate_warnings` and :func:`early_warnings` take.

    Raises
    ------
    InputError
        If a column lacks, a number is out of range, or no loan was repaid or defaulted.

    Examples
    --------
    >>> n = np.arange(400)
    >>> looks = pd.DataFrame({"loan_id": n.astype(str), "merchant_id": n.astype(str),
    ...     "product_id": "taobao_order", "as_of": pd.Timestamp("2013-01-01"),
    ...     "days_past_due": 0, "no_source": [()] * 400, "WARN_SALES_FALL": n % 200 / 100})
    >>> fate = pd.DataFrame({"loan_id": n.astype(str), "arrears_day": pd.Timestamp("2013-02-01"),
    ...     "outcome": np.where((n % 200 < 10) & (n >= 200), "default", "repaid")})
    >>> tuned = tune_warnings(looks, fate, false_alarms=0.05)
    >>> bool(tuned.rules[0].threshold <= 0.2), tuned.codes
    (True, ('WARN_SALES_FALL',))
    >>> tune_warnings(looks, fate, false_alarms=5)
    Traceback (most recent call last):
    alicredit.errors.InputError: false_alarms must be a number from 0 to 1; found 5.
    """
    require_between("false_alarms", false_alarms, 0, 1)
    require_kind("rules", rules, WarningRules, "must be WarningRules")
    looks = Looks.of(warnings, outcomes, ahead_days)
    weight = _weights(looks.frame["loan_id"], looks.never) + _weights(
        looks.frame["loan_id"], looks.ahead
    )
    early = [r for r in rules.rules if r.code in warnings and r.code != "WARN_OVERDUE"]
    found = [_tuned(rule, looks, weight) for rule in early]
    kept = tuple(rule for rule in found if rule is not None)
    if not kept:
        refuse("warnings", "must hold a rule that tells defaults from repaid loans", "none")
    points = sum(rule.points_of(looks.frame[rule.code].to_numpy(dtype=float)) for rule in kept)
    worst = looks.false_months(np.asarray(points, dtype=float))["worst"].to_numpy()
    amber = _mark(worst, false_alarms)
    red = max(amber, _mark(worst, false_alarms * _RED_SHARE))
    judged = tuple(_settled(rule, amber, red) for rule in kept)
    late = tuple(
        _overdue(rule, rules, amber, red)
        for rule in rules.rules
        if rule.code == "WARN_OVERDUE" and rule.code in warnings
    )
    tuned = replace(rules, rules=judged + late, amber_points=amber, red_points=red)
    fired = rate_warnings(looks.frame, replace(tuned, rules=judged))["points"].to_numpy() >= amber
    share = looks.false_months(fired.astype(float))["worst"].mean()
    log.info("tuned to false alarms of %.4f against a budget of %.4f", share, false_alarms)
    return tuned


def _weights(loan: pd.Series, side: Mask) -> Floats:
    """Weigh the looks of a side so that each loan counts once."""
    count = loan[side].value_counts()
    share = 1.0 / loan.map(count).to_numpy(dtype=float)
    return np.where(side, share, 0.0)


def _tuned(rule: WarningRule, looks: Looks, weight: Floats) -> WarningRule | None:
    """Give a rule the steps and points that the looks bear out; None if they speak against it."""
    value = looks.frame[rule.code].to_numpy(dtype=float)
    is_never, is_bad = looks.never & ~np.isnan(value), looks.ahead & ~np.isnan(value)
    fired = looks.frame["loan_id"][(is_never | is_bad) & rule.reaches(value, rule.threshold)]
    if fired.nunique() < _LEAST_FIRED or not is_bad.any() or not is_never.any():
        return replace(rule, steps=((rule.threshold, _JUDGED),))
    good, bad = weight * is_never, weight * is_bad
    thresholds = _candidates(rule, value[is_never], good[is_never])
    if not thresholds and not rule.reaches(value[is_never], rule.threshold).any():
        thresholds = [rule.threshold]
    if not thresholds:
        return None
    reached = np.array([rule.reaches(value, each) for each in thresholds])
    tail = np.array([[(side * each).sum() for each in reached] for side in (good, bad)])
    odds = _log_odds(tail, good.sum(), bad.sum())
    points = np.maximum.accumulate(np.round(_POINTS_A_DOUBLING * odds)).astype(int)
    steps, best = [], 0
    for threshold, worth in zip(thresholds, points):
        if worth > best:
            steps.append((threshold, int(worth)))
            best = worth
    return replace(rule, steps=tuple(steps)) if steps else None


def _log_odds(tail: Floats, good: float, bad: float) -> Floats:
    """Give the binary logarithm of the odds of each bin against all, drawn to none by two loans.

    The bins lie between one threshold and the next; neighbours whose odds would fall are pooled.
    """
    bins = tail - np.concatenate([tail[:, 1:], np.zeros((2, 1))], axis=1)
    blocks: list[list[float]] = []
    for g, b in bins.T:
        blocks.append([g, b, 1])
        while len(blocks) > 1 and _ratio(blocks[-1], good, bad) < _ratio(blocks[-2], good, bad):
            last = blocks.pop()
            blocks[-1] = [x + y for x, y in zip(blocks[-1], last)]
    return np.log2(np.repeat([_ratio(b, good, bad) for b in blocks], [int(b[2]) for b in blocks]))


def _ratio(block: list[float], good: float, bad: float) -> float:
    """Give how many times as frequent a bin is among defaults as among repaid loans."""
    share = max(block[0] / good, 0.5 / good)
    return (block[1] + _PRIOR_LOANS * share) / (bad + _PRIOR_LOANS) / share


def _candidates(rule: WarningRule, value: Floats, weight: Floats) -> list[float]:
    """Give thresholds that ever fewer repaid loans reach, to three figures, the mildest first."""
    worse_first = np.argsort(value if rule.operator in ("<", "<=") else -value, kind="stable")
    share = np.cumsum(weight[worse_first]) / weight.sum()
    found: list[float] = []
    for tail in _TAILS:
        at = min(int(np.searchsorted(share, tail)), len(value) - 1)
        threshold = float(f"{value[worse_first[at]]:.3g}")
        reached = float(weight[rule.reaches(value, threshold)].sum() / weight.sum())
        is_new = not found or rule.is_worse(threshold, found[-1])
        if is_new and 0 < reached <= 2 * _TAILS[0]:
            found.append(threshold)
    return found


def _mark(worst: Floats, budget: float) -> int:
    """Give the fewest points, at least 1, that no more than a share of loans and months reach."""
    sums = np.unique(worst[worst < _JUDGED]).astype(int)
    marks = sorted({1, *(int(each) + 1 for each in sums)})
    reached = [float((worst >= mark).mean()) for mark in marks]
    within = [mark for mark, share in zip(marks, reached) if share <= budget]
    return within[0] if within else marks[-1]


def _settled(rule: WarningRule, amber: int, red: int) -> WarningRule:
    """Let a rule that was judged beforehand warn alone: amber at once, red with anything more.

    Where the budget leaves one mark for both levels, it is red at once.
    """
    if rule.steps[0][1] != _JUDGED:
        return rule
    return replace(rule, steps=((rule.threshold, max(amber, red - 1)),))


def _overdue(rule: WarningRule, rules: WarningRules, amber: int, red: int) -> WarningRule:
    """Let what is overdue warn alone: amber, and red at its last step, or where it was red."""
    if len(rule.steps) > 1:
        return replace(rule, steps=((rule.threshold, amber), (rule.steps[-1][0], red + 1)))
    worth = red if rule.steps[0][1] >= rules.red_points else amber
    return replace(rule, steps=((rule.threshold, worth),))
