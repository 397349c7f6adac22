"""Are groups treated alike? Approval, good payers approved and calibration, with intervals."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from alicredit.checks import nearest, refuse, require_between, require_one_order, require_whole
from alicredit.evaluation.arrays import Floats, clusters, labels, numbers
from alicredit.evaluation.rates import effective_rows, jeffreys_interval
from alicredit.evaluation.stability import adjust_p

MEASURES = ("approval rate", "good payers approved", "defaults over expected")
"""What is compared: demographic parity, equal opportunity, calibration within groups."""

FINDINGS = (
    "reference", "no difference shown", "lower", "higher", "too few to say",
    "outcomes of the approved alone", "not asked",
)  # fmt: skip
"""What may be found of a group by a measure."""

COLUMNS = (
    "measure", "group", "rows", "merchants", "value", "low", "high", "difference",
    "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high", "p_adjusted",
    "below_four_fifths", "finding",
)  # fmt: skip
"""Columns of the report."""

NOT_STATED = "(not stated)"
_FOUR_FIFTHS = 0.8
_MOST_GROUPS = 200


def audit_fairness(
    y: npt.ArrayLike,
    probability: npt.ArrayLike | None,
    groups: npt.ArrayLike,
    *,
    approved: npt.ArrayLike | None = None,
    max_pd: float | None = None,
    cluster: npt.ArrayLike | None = None,
    reference: object = None,
    level: float = 0.95,
    min_merchants: int = 30,
    min_defaults: int = 10,
) -> pd.DataFrame:
    """Compare approval, good payers approved and calibration across groups of the user's own.

    Groups enter here and nowhere else: the model is audited from outside, by what it gave.

    *Approval rate*: approved over all. *Good payers approved*: approved among those known not to
    have defaulted (equal opportunity, Hardt, Price and Srebro 2016). *Defaults over expected*:
    defaults over the sum of probabilities, where the outcome is known; above 1 the probability is
    too low for the group. Rows of one merchant share a fate: shares have Jeffreys intervals at the
    independent rows that tell as much, the last measure one on the log scale with the clustered
    error of a ratio; differences and ratios to the reference join the two intervals and their
    correlation (Zou and Donner 2008). P-values are adjusted over the groups of a measure (Holm).

    Parameters
    ----------
    y : array of 0, 1 and NaN
        Outcomes; NaN where unknown, as for most of the refused.
    probability : array or None
        Probability of default given to each row; None leaves calibration out.
    groups : array
        The group of each row; a missing one makes the group "(not stated)".
    approved : array of bool or None, default None
        What was decided; None: approved where ``probability`` is at most ``max_pd``.
    max_pd : float or None, default None
        The cut where no decisions are given.
    cluster : array or None, default None
        The merchant of each row; None takes each row for one of its own.
    reference : object, default None
        The group that others are held against; None: the one of most rows.
    level : float, default 0.95
        Of the intervals, and 1 - ``level`` of the findings.
    min_merchants : int, default 30 (assumed)
        Fewer merchants in a group: nothing is said of it.
    min_defaults : int, default 10 (assumed)
        Fewer merchants that defaulted in a group: nothing is said of its calibration.

    Returns
    -------
    pandas.DataFrame
        A row per measure and group, the reference first: ``measure, group, rows, merchants, value,
        low, high``, ``difference`` and ``ratio`` to the reference with their ends, ``p_adjusted``,
        ``below_four_fifths`` (approval less than 0.8 of the reference's; the rule of thumb of the
        US Uniform Guidelines of 1978, no test), ``finding`` (``lower`` or ``higher`` than the
        reference where the adjusted p-value is below 1 - ``level``). Of good payers nothing is said
        where outcomes are known of the approved alone.

    Raises
    ------
    InputError
        If lengths differ, values lack, decisions are neither or both given, groups are fewer than
        two, more than 200 or no names, one is called "(not stated)" beside missing ones, or the
        reference is none of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat(["north", "south"], [3000, 1000])
    >>> risk = rng.uniform(0.01, 0.2, 4000)
    >>> y, scored = rng.random(4000) < risk, risk + 0.05 * (group == "south")
    >>> report = audit_fairness(y, scored, group, max_pd=0.12)
    >>> report[report["group"] == "south"]["finding"].tolist()
    ['lower', 'lower', 'lower']
    >>> audit_fairness(y, scored, group)
    Traceback (most recent call last):
    alicredit.errors.InputError: approved or max_pd must be given, one of them; found none. ...
    """
    require_between("level", level, 0.5, 0.9999)
    require_whole("min_merchants", min_merchants, 2)
    require_whole("min_defaults", min_defaults, 1)
    require_one_order(
        y=y, probability=probability, groups=groups, approved=approved, cluster=cluster
    )
    label = labels(y)
    size = len(label)
    p = None if probability is None else _probability(probability, size)
    said = _decisions(approved, max_pd, p, size)
    who = clusters(np.arange(size) if cluster is None else cluster, size)
    names, group = _groups(groups, size)
    names, group = _reference_first(names, group, reference)
    known = ~np.isnan(label)
    good, bad = (np.where(known, label == k, 0).astype(float) for k in (0, 1))
    rows = _Rows(group, who, len(names))
    measured = [
        rows.measure(said, np.ones(size), level, is_share=True),
        rows.measure(said * good, good, level, is_share=True),
        rows.measure(bad, np.where(known, 0.0 if p is None else p, 0.0), level, is_share=False),
    ]
    few = [
        measured[0].merchants < min_merchants,
        measured[1].merchants < min_merchants,
        (measured[2].merchants < min_merchants) | (rows.merchants_with(bad) < min_defaults),
    ]
    is_blind = bool(known.any() and said[known].all() and not said.all())
    why_not = ["", FINDINGS[5] if is_blind else "", FINDINGS[6] if p is None else ""]
    parts = [
        _compare(measure, names, found, small, level, none)
        for measure, found, small, none in zip(MEASURES, measured, few, why_not, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True, eq=False)
class _Measured:
    """A ratio of sums by group, with its interval, and how it goes with the first group's."""

    rows: npt.NDArray[np.int64]
    merchants: npt.NDArray[np.int64]
    value: Floats
    low: Floats
    high: Floats
    correlation: Floats


@dataclass(frozen=True, eq=False)
class _Rows:
    """The group and the merchant of each row, by number."""

    group: npt.NDArray[np.int64]
    who: npt.NDArray[np.int64]
    many: int

    def total(self, values: Floats) -> Floats:
        """Add up by group."""
        summed = np.bincount(self.group, weights=values, minlength=self.many)
        return np.asarray(summed, dtype=np.float64)

    def merchants_with(self, hit: Floats) -> npt.NDArray[np.int64]:
        """Count by group the merchants of which a row was hit."""
        cells = np.unique((self.who * self.many + self.group)[hit > 0])
        return np.bincount(cells % self.many, minlength=self.many)

    def measure(self, above: Floats, below: Floats, level: float, *, is_share: bool) -> _Measured:
        """Estimate the sum of ``above`` over that of ``below`` in each group."""
        there = below > 0
        group, who = self.group[there], self.who[there]
        base = self.total(below)
        value = np.divide(self.total(above), base, out=np.full(self.many, np.nan), where=base > 0)
        part = (above - value[self.group] * below)[there] / base[group]
        cell = who * self.many + group
        cells, at = np.unique(cell, return_inverse=True)
        sums, of_cell = np.bincount(at, weights=part), cells % self.many
        merchants = np.bincount(of_cell, minlength=self.many)
        spread = np.bincount(of_cell, weights=sums**2, minlength=self.many)
        first = np.zeros(int(self.who.max()) + 1)
        is_first = of_cell == 0
        first[cells[is_first] // self.many] = sums[is_first]
        shared = np.bincount(of_cell, weights=sums * first[cells // self.many], minlength=self.many)
        both = np.sqrt(spread * spread[0])
        correlation = np.divide(shared, both, out=np.zeros(self.many), where=both > 0)
        ends = np.full((self.many, 2), np.nan)
        for k in np.flatnonzero(merchants >= 2):
            if is_share:
                mine = group == k
                ends[k] = _share_ends(above[there][mine], who[mine], level)
            else:
                error = np.sqrt(spread[k] * merchants[k] / (merchants[k] - 1))
                ends[k] = _log_ends(value[k], error, level, merchants[k] - 1)
        count = np.bincount(group, minlength=self.many)
        return _Measured(count, merchants, value, ends[:, 0], ends[:, 1], correlation)


def _share_ends(hit: Floats, who: npt.NDArray[np.int64], level: float) -> tuple[float, float]:
    """Give the interval of a share whose rows share fates."""
    counted = effective_rows(hit, who)
    return jeffreys_interval(len(hit), int(hit.sum()), level=level, effective=counted)


def _log_ends(value: float, error: float, level: float, degrees: int) -> tuple[float, float]:
    """Give the interval of a positive ratio on the log scale."""
    if not value > 0:
        return np.nan, np.nan
    reach = float(np.exp(stats.t.ppf((1 + level) / 2, degrees) * error / value))
    return value / reach, value * reach


def _compare(
    measure: str, names: list[Any], found: _Measured, few: npt.NDArray[np.bool_], level: float,
    none: str,
) -> pd.DataFrame:  # fmt: skip
    """Hold each group against the first."""
    silent = few | bool(none)
    held = ~silent & ~silent[0]
    held[0] = False
    shown = {
        name: np.where(silent, np.nan, values)
        for name, values in (("value", found.value), ("low", found.low), ("high", found.high))
    }
    value, low, high = shown.values()
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = _joined(value, low, high, found.correlation)
        logs = _joined(np.log(value), np.log(low), np.log(high), found.correlation)
        log_ratio = np.where(value > 0, np.exp(np.stack(logs)), np.nan)
        none_at_all = np.stack([value * 0, value * 0, high / low[0]])
    ratio = np.where(value == 0, none_at_all, log_ratio)
    p = _p_values(*plain, level)
    adjusted = adjust_p(np.where(held, p, np.nan))
    frame = pd.DataFrame({"measure": measure, "group": names, "rows": found.rows})
    frame = frame.assign(merchants=found.merchants, **shown)
    kinds = ("", "_low", "_high")
    for stem, ends in (("difference", plain), ("ratio", ratio)):
        for kind, values in zip(kinds, ends, strict=True):
            frame[stem + kind] = np.where(held, values, np.nan)
    frame["p_adjusted"] = adjusted
    is_below = held & (ratio[0] < _FOUR_FIFTHS) & (measure == MEASURES[0])
    words = np.where(plain[0] < 0, FINDINGS[2], FINDINGS[3])
    words = np.where(adjusted < 1 - level, words, FINDINGS[1])
    words = np.where(held, words, FINDINGS[4])
    words[0] = FINDINGS[4] if few[0] else FINDINGS[0]
    return frame.assign(below_four_fifths=is_below, finding=none or words)[list(COLUMNS)]


def _joined(
    value: Floats, low: Floats, high: Floats, correlation: Floats
) -> tuple[Floats, Floats, Floats]:
    """Give differences to the first with the ends that join both intervals (Zou and Donner)."""

    def reach(mine: Floats, its: float) -> Floats:
        both = mine**2 + its**2 - 2 * correlation * mine * its
        return np.sqrt(np.maximum(both, 0))

    off = value - value[0]
    down = reach(value - low, high[0] - value[0])
    return off, off - down, off + reach(high - value, value[0] - low[0])


def _p_values(off: Floats, low: Floats, high: Floats, level: float) -> Floats:
    """Give two-sided p-values by the reach of the interval towards no difference."""
    reach = np.where(off > 0, off - low, high - off)
    scale = stats.norm.ppf((1 + level) / 2)
    z = np.divide(np.abs(off) * scale, reach, out=np.zeros(len(off)), where=reach > 0)
    return np.where(np.isnan(off), np.nan, 2 * stats.norm.sf(z))


def _probability(values: npt.ArrayLike, size: int) -> Floats:
    """Take a probability for each row."""
    p = numbers("probability", values)
    if len(p) != size:
        refuse("probability", f"must have one value for each of the {size} rows", len(p))
    odd = p[~((p > 0) & (p < 1))]
    if len(odd):
        do = "leave out rows that were not scored"
        refuse("probability", "must lie between 0 and 1 in each row", odd[0], do)
    return p


def _decisions(
    approved: npt.ArrayLike | None, max_pd: float | None, p: Floats | None, size: int
) -> Floats:
    """Take what was decided, or decide by the cut."""
    if (approved is None) == (max_pd is None):
        found = "none" if approved is None else "both"
        do = "give decisions, or a cut such as max_pd=0.05"
        refuse("approved or max_pd", "must be given, one of them", found, do)
    if max_pd is not None:
        require_between("max_pd", max_pd, 0, 1)
        if p is None:
            refuse("probability", "must be given for max_pd to cut", "none")
        return (p <= max_pd).astype(float)
    said = numbers("approved", np.asarray(approved))
    if len(said) != size or not np.isin(said, (0, 1)).all():
        refuse("approved", f"must be true or false in each of the {size} rows", "others")
    return said


def _groups(groups: npt.ArrayLike, size: int) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Number groups in order of their names."""
    named = pd.Series(np.asarray(groups, dtype=object).ravel(), dtype=object)
    if len(named) != size:
        refuse("groups", f"must have one value for each of the {size} rows", len(named))
    is_stated = named.notna()
    try:
        stated = set(named[is_stated])
        names = sorted(stated, key=lambda each: (str(type(each)), each))
    except TypeError:
        refuse("groups", "must be one text or number for each row", "others")
    if not is_stated.all():
        if NOT_STATED in stated:
            found = f"a group {NOT_STATED!r} beside rows without one"
            refuse("groups", "must be told from rows without one", found, "rename it")
        names = sorted([*names, NOT_STATED], key=lambda each: (str(type(each)), each))
    many = len(names)
    if not 2 <= many <= _MOST_GROUPS:
        do = "cut numbers into classes first" if many > _MOST_GROUPS else "give the group of rows"
        refuse("groups", f"must name from 2 to {_MOST_GROUPS} groups", many, do)
    code = {name: at for at, name in enumerate(names)}
    return names, named.where(is_stated, NOT_STATED).map(code).to_numpy(np.int64)


def _reference_first(
    names: list[Any], group: npt.NDArray[np.int64], reference: object
) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Put the reference first: the named one, or that of most rows."""
    places: dict[Any, int] = {name: at for at, name in enumerate(names)}
    if reference is None:
        first = int(np.bincount(group, minlength=len(names)).argmax())
    elif not isinstance(reference, Hashable):
        refuse("reference", "must be one of the groups", type(reference).__name__, "name one")
    elif reference in places:
        first = places[reference]
    else:
        do = nearest(reference, map(str, names))
        refuse("reference", "must be one of the groups", repr(reference), do)
    order = [first, *(at for at in range(len(names)) if at != first)]
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    return [names[at] for at in order], place[group]
