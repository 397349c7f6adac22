"""The steps by which an input of a row can be moved: what a model can tell apart, and no finer."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from alicredit.checks import nearest, refusal, refuse, require_mapping
from alicredit.errors import InputError
from alicredit.portable.model import ScoreModel
from alicredit.portable.tables import PointTable

_CLOSE = 0.01
_MOST_DIGITS = 12


@dataclass(frozen=True)
class Rung:
    """One value an input can be moved to, and how far that is.

    Parameters
    ----------
    number : float
        Encoded.
    distance : float
        Steps moved, as a share of all steps between the model's cuts; 1 for another level, another
        flag, or a value where there was none.
    """

    number: float
    distance: float


def ladders_of(
    model: ScoreModel, row: Sequence[float], feasible: Mapping[str, Any]
) -> dict[int, list[Rung]]:
    """Give for each input that can move, by position, its rungs, nearest first."""
    _check_names(model, feasible)
    cuts = cuts_of(model)
    found = {}
    for at, table in enumerate(model.tables):
        allowed = feasible.get(table.name)
        value = math.nan if row[at] in table.specials else row[at]
        is_unasked = math.isnan(value) and allowed is None
        if allowed is False or is_unasked or at not in cuts:
            continue
        if table.kind == "numeric":
            rungs = _numeric(table, value, sorted(cuts[at]), _range(table, allowed))
        else:
            rungs = [Rung(n, 1.0) for n in _choices(table, allowed) if n != row[at]]
        towards = [rung for rung in rungs if _may_help(table, value, rung.number)]
        if towards:
            found[at] = sorted(towards, key=lambda rung: rung.distance)
    return found


def cuts_of(model: ScoreModel) -> dict[int, set[float]]:
    """Give the cuts of each input that matters, in its table, its pairs and the trees."""
    found: dict[int, set[float]] = {}
    for at, table in enumerate(model.tables):
        if not table.is_flat:
            found.setdefault(at, set()).update(table.cuts)
    for pair in model.pairs:
        found.setdefault(model.places[pair.first], set()).update(pair.first_cuts)
        found.setdefault(model.places[pair.second], set()).update(pair.second_cuts)
    if model.trees is not None:
        for at, cut in zip(model.trees.feature, model.trees.cut, strict=True):
            found.setdefault(at, set()).add(cut)
    return found


def _may_help(table: PointTable, before: float, after: float) -> bool:
    """Tell whether a move is not towards more risk."""
    return not table.direction * (after - before) > 0


def _check_names(model: ScoreModel, feasible: Mapping[str, Any]) -> None:
    """Refuse what is said of an input that the model does not have."""
    require_mapping("feasible", feasible, "must map inputs to what they can be")
    for name in feasible:
        if name not in model.places:
            do = nearest(name, model.places)
            raise InputError(refusal("feasible", "must name inputs of the model", repr(name), do))


def _range(table: PointTable, allowed: Any) -> tuple[float, float]:
    """Give the least and the most that a number can be: as training had, unless said."""
    if allowed is None or allowed is True:
        return table.low, table.high
    where = f"feasible[{table.name!r}]"
    is_pair = isinstance(allowed, tuple | list) and len(allowed) == 2
    numbers = allowed if is_pair else ()
    if not is_pair or not all(
        isinstance(each, int | float | np.integer | np.floating) and not isinstance(each, bool)
        for each in numbers
    ):
        refuse(where, "must be a lowest and a highest number, or False", repr(allowed)[:60])
    low, high = float(allowed[0]), float(allowed[1])
    if not low <= high:
        refuse(where, "must have its lowest first", repr(allowed)[:60])
    return low, high


def _choices(table: PointTable, allowed: Any) -> list[float]:
    """Give the encoded flags or levels that are allowed."""
    names: tuple[Any, ...] = (False, True) if table.kind == "flag" else table.levels
    if allowed is None or allowed is True:
        return [float(at) for at in range(len(names))]
    where = f"feasible[{table.name!r}]"
    if isinstance(allowed, str) or not isinstance(allowed, Collection):
        refuse(where, "must be a collection of values, or False", repr(allowed)[:60])
    for value in allowed:
        if value not in names:
            raise InputError(refusal(where, "must hold known values", repr(value)[:60]))
    return [float(at) for at, name in enumerate(names) if name in allowed]


def _numeric(
    table: PointTable, value: float, cuts: Sequence[float], within: tuple[float, float]
) -> list[Rung]:
    """Give the nearest value of each step between cuts that can be reached."""
    is_whole = all(x == round(x) for x in (table.low, table.high, table.median))
    is_whole = is_whole and (math.isnan(value) or value == round(value))
    own = None if math.isnan(value) else int(np.searchsorted(cuts, value, side="left"))
    found = []
    for step, (low, high) in enumerate(pairwise([-math.inf, *cuts, math.inf])):
        if step == own:
            continue
        number = _nearest_in(table, value, (low, high), within, is_whole=is_whole)
        if number is not None:
            distance = 1.0 if own is None else abs(step - own) / len(cuts)
            found.append(Rung(number, distance))
    return found


def _nearest_in(
    table: PointTable,
    value: float,
    step: tuple[float, float],
    within: tuple[float, float],
    *,
    is_whole: bool,
) -> float | None:
    """Give the value of a step (above its low, up to its high) nearest to where the input is."""
    low, high = step
    if value > high or (math.isnan(value) and high < math.inf):
        number = min(high, within[1])
        number = float(math.floor(number)) if is_whole else number
    else:
        number = max(_just_above(table, low, high, is_whole=is_whole), within[0])
        number = float(math.ceil(number)) if is_whole else number
    beside = [number]
    if number in table.specials:
        ends = (math.inf, -math.inf)
        beside = [number + 1, number - 1] if is_whole else [math.nextafter(number, e) for e in ends]
    for each in beside:
        if low < each <= high and within[0] <= each <= within[1] and each not in table.specials:
            return each
    return None


def _just_above(table: PointTable, low: float, high: float, *, is_whole: bool) -> float:
    """Give a number of few digits above a cut and near it."""
    if is_whole:
        return float(math.floor(low) + 1)
    near = _CLOSE * max(abs(low), table.high - table.low)
    for digits in range(_MOST_DIGITS):
        number = (math.floor(low * 10**digits) + 1) / 10**digits
        if low < number <= high and number - low <= near:
            return number
    return math.nextafter(low, math.inf)
