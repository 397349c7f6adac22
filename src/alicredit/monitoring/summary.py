"""What monitoring found, line by line: value, threshold, level, message and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_between, require_one_of, require_whole
from alicredit.vocabulary import CHECK_ACTIONS, CHECKS, UNKNOWNS

FEWEST_DEFAULTS = 30
"""With fewer defaults, or fewer that are none, a ranking that may be by chance tells nothing
(assumed: the standard error of the area is then about 0.05)."""

LEVELS = ("green", "unknown", "amber", "red")
"""What a check may find, from best to worst; ``unknown``: it cannot tell."""

PERIODS = {"month": "M", "quarter": "Q", "year": "Y"}

COLUMNS = (
    "check", "period", "value", "threshold", "level", "message", "message_zh", "action",
    "action_zh",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MonitoringRules:
    """When a check is amber or red.

    A check that runs over several periods, features or grades shares its rate of false alarms among
    them, so that all of it is amber without cause with about the chance ``amber``.

    Parameters
    ----------
    by : {"month", "quarter", "year"}, default "quarter"
        Periods that are told apart.
    amber, red : float, default 0.05 and 0.001
        Rates of false alarms of a check (DOMAIN 5.3, traffic light of S71).
    psi : pair of float, default (0.02, 0.10) (assumed)
        A stability index is amber where it is beyond the first for certain, red beyond the second:
        the true shift is larger, not only the one seen in so many rows.
    points : pair of float, default (5, 20) (assumed)
        Change of the mean score that is amber and red; 20 points double the odds on the usual
        scale.
    missing : pair of float, default (0.10, 0.50) (assumed)
        Rise of a feature's share of missing values that is amber and red.
    fewest_rows : int, default 50 (assumed)
        Fewer rows of a period say nothing; of scores and features, fewer merchants, where it is
        known whose the rows are.
    correlation : float, default 0
        Correlation of borrowers, for the binomial chance.
    development_auc : float or None, default None
        Area under the curve at development, for the test of a decline; None leaves it out.

    Raises
    ------
    InputError
        If a number is out of range, or red is laxer than amber.

    Examples
    --------
    >>> MonitoringRules(by="month").amber
    0.05
    >>> MonitoringRules(by="week")
    Traceback (most recent call last):
    alicredit.errors.InputError: by must be one of 3 known words; found 'week'. ...
    """

    by: str = "quarter"
    amber: float = 0.05
    red: float = 0.001
    psi: tuple[float, float] = (0.02, 0.10)
    points: tuple[float, float] = (5.0, 20.0)
    missing: tuple[float, float] = (0.10, 0.50)
    fewest_rows: int = 50
    correlation: float = 0.0
    development_auc: float | None = None

    def __post_init__(self) -> None:
        """Refuse rules that contradict themselves."""
        require_one_of("by", self.by, PERIODS)
        require_whole("fewest_rows", self.fewest_rows, 1)
        require_between("amber", self.amber, 1e-9, 0.5)
        require_between("red", self.red, 0, self.amber)
        require_between("correlation", self.correlation, 0, 0.99)
        _require_pair("psi", self.psi, 10)
        _require_pair("points", self.points, 1e6)
        _require_pair("missing", self.missing, 1)
        if self.development_auc is not None:
            require_between("development_auc", self.development_auc, 0, 1)


def _require_pair(name: str, pair: object, high: float) -> None:
    """Refuse what is no bound for amber and a larger or equal one for red."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        refuse(name, "must be a pair of bounds, for amber and for red", repr(pair))
    require_between(f"{name}[0]", pair[0], 0, high)
    require_between(f"{name}[1]", pair[1], pair[0], high)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary: what was found, or why nothing can be told."""

    check: str
    period: str
    value: float
    threshold: float
    level: str
    names: tuple[str, ...] = ()
    why: str = ""


def lay_out(lines: Iterable[Line]) -> pd.DataFrame:
    """Write lines as a frame that an officer can read."""
    return pd.DataFrame([_written(line) for line in lines], columns=list(COLUMNS))


def _written(line: Line) -> tuple[Any, ...]:
    """Say one line in English and Chinese."""
    word, names = CHECKS[line.check], ", ".join(line.names)
    if line.why:
        why = UNKNOWNS[line.why]
        text = f"{word.text}: {why.text}" + (f" ({names})" if names else "")
        text_zh = f"{word.text_zh}：{why.text_zh}" + (f"（{names}）" if names else "")
    else:
        value, threshold = f"{line.value:.3g}", f"{line.threshold:.3g}"
        text = f"{word.text}: {value} against {threshold}" + (f" ({names})" if names else "")
        text_zh = f"{word.text_zh}：{value}，阈值 {threshold}" + (f"（{names}）" if names else "")
    is_off = line.level in ("amber", "red")
    action = (
        (CHECK_ACTIONS[line.check].text, CHECK_ACTIONS[line.check].text_zh) if is_off else ("", "")
    )
    head = (line.check, line.period, line.value, line.threshold, line.level)
    return *head, text, text_zh, *action


def above(check: str, period: str, value: float, bounds: Sequence[float], **more: Any) -> Line:
    """Judge a value that is off where it is above a bound for amber, or one for red.

    Nothing can be told where one of them is not known.
    """
    if np.isnan([value, *bounds]).any():
        return cannot_tell(check, period, "no_chance")
    level = "red" if value > bounds[1] else "amber" if value > bounds[0] else "green"
    return Line(check, period, float(value), float(bounds[0]), level, **more)


def below(check: str, period: str, value: float, bounds: Sequence[float], **more: Any) -> Line:
    """Judge a chance that is off where it is below a bound for amber, or one for red."""
    level = "red" if value < bounds[1] else "amber" if value < bounds[0] else "green"
    return Line(check, period, float(value), float(bounds[0]), level, **more)


def cannot_tell(check: str, period: str, why: str, names: tuple[str, ...] = ()) -> Line:
    """Say that a check cannot tell, and why."""
    return Line(check, period, float(np.nan), float(np.nan), "unknown", names, why)


def judge_claims(grades: pd.DataFrame, periods: pd.DataFrame, rules: MonitoringRules) -> list[Line]:
    """Judge claims against outcomes, period by period."""
    total = grades[grades["grade"] == "all"].set_index("period")
    parts = grades[(grades["grade"] != "all") & (grades["rows"] > 0)]
    worst = parts.sort_values("jeffreys_p").drop_duplicates("period").set_index("period")
    shape = periods.set_index("period")
    known = total["rows"] >= rules.fewest_rows
    share = [bound / max(int(known.sum()), 1) for bound in (rules.amber, rules.red)]
    per_grade = [bound / max(int(parts["period"].isin(total.index[known]).sum()), 1)
                 for bound in (rules.amber, rules.red)]  # fmt: skip
    by_check: dict[str, Callable[[str], tuple[float, Sequence[float], tuple[str, ...]]]] = {
        "level_low": lambda k: (total.loc[k, "jeffreys_p"], share, ()),
        "level_high": lambda k: (1 - total.loc[k, "jeffreys_p"], (share[0], -1.0), ()),
        "level_grades": lambda k: (
            worst.loc[k, "jeffreys_p"], per_grade, (str(worst.loc[k, "grade"]),)
        ),
        "shape": lambda k: (shape.loc[k, "shape_p"], share, ()),
        "spread": lambda k: (shape.loc[k, "spiegelhalter_p"], share, ()),
        "ranking": lambda k: (shape.loc[k, "auc_low"], (0.5, -1.0), ()),
        "decline": lambda k: (shape.loc[k, "decline_p"], share, ()),
    }  # fmt: skip
    lines = [_maturity(period, total.loc[period], rules) for period in total.index]
    for check, look in by_check.items():
        if check == "decline" and shape["decline_p"].isna().all():
            continue
        for period in total.index[known]:
            value, bounds, names = look(period)
            if np.isnan(value):
                lines.append(cannot_tell(check, period, "one_outcome"))
            elif check == "ranking" and _may_be_chance(shape.loc[period]):
                lines.append(cannot_tell(check, period, "few_defaults"))
            else:
                lines.append(below(check, period, value, bounds, names=names))
    return lines


def _may_be_chance(shape: pd.Series) -> bool:
    """Tell whether few defaults leave open if a model ranks at all; see ``FEWEST_DEFAULTS``."""
    rarer = min(shape["defaults"], shape["rows"] - shape["defaults"])
    return bool(rarer < FEWEST_DEFAULTS and shape["auc_low"] < 0.5 <= shape["auc_high"])


def _maturity(period: str, total: pd.Series, rules: MonitoringRules) -> Line:
    """Say how many outcomes are known; too few of them judge nothing."""
    rows = int(total["rows"])
    if rows < rules.fewest_rows:
        return cannot_tell("outcomes", period, "few_rows" if rows else "no_outcomes")
    return Line("outcomes", period, rows / (rows + int(total["immature"])), 0.0, "green")
