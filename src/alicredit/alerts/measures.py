"""How well warnings warn: how many defaults, how long before, and at how many false alarms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.alerts.looks import Looks
from alicredit.checks import require_columns, require_one_of
from alicredit.evaluation import clustered_mean, effective_rows, jeffreys_interval

__all__ = ["measure_warnings"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_LEVELS = {"amber": ("amber", "red"), "red": ("red",)}


def measure_warnings(
    warnings: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    ahead_days: int = 14,
    level: str = "amber",
) -> pd.DataFrame:
    """Measure warnings on loans whose fate is known; beside them the score alone.

    Only looks at which nothing was overdue count. A false alarm: a loan that was repaid, warned
    about in a month in which it was seen. A default is warned of in time if a look at its loan, at
    least ``ahead_days`` before its arrears began, warns; those never seen before their arrears
    take no part. The score alone warns below one mark, set so that it raises as many false alarms
    on these very loans as the warnings do, as nearly as its ties allow.

    Parameters
    ----------
    warnings : pandas.DataFrame
        As :func:`early_warnings` or :func:`rate_warnings` gives; with ``score``, where scores were
        given.
    outcomes : pandas.DataFrame
        As :func:`loan_outcomes` gives.
    ahead_days : int, default 14
        In time: so many days before the first day past due, or more.
    level : {"amber", "red"}, default "amber"
        From which level on it is a warning.

    Returns
    -------
    pandas.DataFrame
        A row an alarm (``warnings``, and ``score alone`` where there is a score): ``loan_months``
        of repaid loans, ``false_alarms`` (share of them) with ``false_low, false_high``;
        ``defaults``, ``warned`` (share warned of in time) with ``warned_low, warned_high``;
        ``by_chance``, the share that alarms as frequent a look, raised blindly, would have warned
        of in time; ``lead_p10, lead_p50, lead_p90``, days from the first warning to the arrears, of
        those warned of in time; ``gain``, the share warned of less that of the score alone, with
        ``gain_low, gain_high``. Intervals are of 95 %, clustered by merchant.

    Raises
    ------
    InputError
        If a column lacks, or no loan was repaid or defaulted.

    Examples
    --------
    >>> looks = pd.DataFrame({"loan_id": ["a", "b", "c"], "merchant_id": ["x", "y", "z"],
    ...     "as_of": pd.to_datetime(["2013-01-01"] * 3), "days_past_due": 0,
    ...     "level": ["amber", "green", "green"]})
    >>> fate = pd.DataFrame({"loan_id": ["a", "b", "c"],
    ...     "outcome": ["default", "repaid", "repaid"],
    ...     "arrears_day": pd.to_datetime(["2013-01-21", None, None])})
    >>> told = measure_warnings(looks, fate)
    >>> told[["false_alarms", "warned", "lead_p50"]].to_numpy().tolist()
    [[0.0, 1.0, 20.0]]
    >>> measure_warnings(looks, fate, level="green")
    Traceback (most recent call last):
    alicredit.errors.InputError: level must be one of 2 known words; found 'green'. ...
    """
    require_one_of("level", level, _LEVELS)
    looks = Looks.of(warnings, outcomes, ahead_days)
    require_columns("warnings", map(str, warnings.columns), ("level",))
    alarms = {"warnings": looks.frame["level"].isin(_LEVELS[level]).to_numpy()}
    if "score" in looks.frame:
        alarms["score alone"] = _score_alarm(looks, alarms["warnings"])
    told = {name: _told(looks, alarm) for name, alarm in alarms.items()}
    other = told.get("score alone", told["warnings"].assign(warned=np.nan))
    rows: list[dict[str, object]] = []
    for name, alarm in alarms.items():
        gain = told[name]["warned"].to_numpy(dtype=float) - other["warned"].to_numpy(dtype=float)
        found = _false(looks, alarm) | _found(looks, alarm, told[name])
        rows.append({"alarm": name, **found, **_gain(gain, told[name]["merchant_id"])})
    return pd.DataFrame(rows)


def _score_alarm(looks: Looks, alarm: Mask) -> Mask:
    """Let the score alone alarm below the mark that gives as many false alarms, ties allowing."""
    risk = -looks.frame["score"].fillna(np.inf).to_numpy(dtype=float)
    worst = np.sort(looks.false_months(risk)["worst"].to_numpy())[::-1]
    budget = int(looks.false_months(alarm.astype(float))["worst"].sum())
    if budget >= len(worst):
        return risk > -np.inf
    mark = worst[budget]
    over, upto = int((worst >= mark).sum()) - budget, budget - int((worst > mark).sum())
    return risk >= mark if over < upto else risk > mark


def _told(looks: Looks, alarm: Mask) -> pd.DataFrame:
    """Tell for each loan that defaulted whether, and how long before, it was warned of in time."""
    bad = looks.frame.loc[looks.bad, ["loan_id", "merchant_id"]]
    in_time = looks.ahead & alarm
    lead = pd.Series(np.where(in_time, looks.days_ahead, np.nan)[looks.bad])
    first = lead.groupby(bad["loan_id"].to_numpy()).max()
    loans = bad.drop_duplicates("loan_id").sort_values("loan_id", ignore_index=True)
    days = first.reindex(loans["loan_id"]).to_numpy()
    return loans.assign(lead=days, warned=~np.isnan(days))


def _share(hit: Mask, merchant: pd.Series, names: tuple[str, str, str]) -> dict[str, float]:
    """Give a share with its interval, for as many independent cases as merchants leave."""
    effective = effective_rows(hit, merchant)
    low, high = jeffreys_interval(len(hit), int(hit.sum()), level=0.95, effective=effective)
    return dict(zip(names, (float(hit.mean()), low, high)))


def _false(looks: Looks, alarm: Mask) -> dict[str, float]:
    """Measure false alarms."""
    months = looks.false_months(alarm.astype(float))
    names = ("false_alarms", "false_low", "false_high")
    share = _share(months["worst"].to_numpy() > 0, months["merchant_id"], names)
    return {"loan_months": len(months)} | share


def _found(looks: Looks, alarm: Mask, told: pd.DataFrame) -> dict[str, float]:
    """Measure what was warned of in time, and what blind alarms would have."""
    names = ("warned", "warned_low", "warned_high")
    share = _share(told["warned"].to_numpy(dtype=bool), told["merchant_id"], names)
    seen = looks.frame["loan_id"][looks.ahead].value_counts()
    count = told["loan_id"].map(seen).fillna(0).to_numpy(dtype=float)
    a_look = float(alarm[looks.never].mean())
    lead = told["lead"].dropna().to_numpy()
    quantiles = np.quantile(lead, [0.1, 0.5, 0.9]) if len(lead) else np.full(3, np.nan)
    return (
        {"defaults": len(told)} | share
        | {"by_chance": float((1 - (1 - a_look) ** count).mean())}
        | dict(zip(("lead_p10", "lead_p50", "lead_p90"), map(float, quantiles)))
    )  # fmt: skip


def _gain(gain: Floats, merchant: pd.Series) -> dict[str, float]:
    """Set a share against the score's on the same defaults."""
    if np.isnan(gain).any():
        return {"gain": np.nan, "gain_low": np.nan, "gain_high": np.nan}
    mean = clustered_mean(gain, merchant)
    return {"gain": mean.value, "gain_low": mean.low, "gain_high": mean.high}
