"""What would change the answer: the nearest feasible changes that reach a score or a grade."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import nearest, refusal, refuse, require_whole
from alicredit.errors import InputError
from alicredit.portable.contract import named, take_columns
from alicredit.portable.ladders import Rung, ladders_of
from alicredit.portable.model import ScoreModel

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

_MOST_WAYS = 50_000
"""Ways that are scored for one row and number of inputs (assumed: about a second)."""
_OPTIONS = 3
"""Options shown for a row (assumed)."""
_COLUMNS = (
    "row", "status", "option", "feature", "value", "change_to", "distance", "score", "pd",
)  # fmt: skip

Way = dict[int, Rung]


_HIGHEST = 1e9
"""Beyond any score, which a file holds in whole numbers of at most a billion."""


def what_would_change(
    model: Any, row: Any, *, target: Any, feasible: Mapping[str, Any] | None = None, most: int = 3
) -> pd.DataFrame:
    """Find the nearest feasible changes of a row's inputs that reach a score or a grade.

    Nearest means: the fewest inputs changed; among those the least distance, the sum over the
    changed inputs of the steps moved as a share of all steps between the model's own cuts (1 for
    another level or flag). Inputs move only towards less risk where the model has a direction, and
    to the nearest value of a step. Every option is scored again before it is shown. Where more
    than 50,000 ways would have to be tried, those inputs are that gain most alone, by fewer steps.

    Parameters
    ----------
    model : ScoreModel or DefaultModel
        Fitted or loaded.
    row : mapping or pandas.DataFrame
        One applicant's inputs by name, or rows of them.
    target : float or tuple
        A score in points; or a grade with the grades it is one of: ``("B", policy)``, anything
        with ``names`` and ``upper_pd``, or with such ``grades``.
    feasible : mapping or None, default None
        By input: False where it cannot change (the age of a shop), the lowest and the highest
        number it can have, or the levels it can have. An input not named can be what it was in
        training; a missing value or special code stays unless its input is named, and a special
        code is nothing that an input can be changed to.
    most : int, default 3
        Inputs changed at once at most, up to 4.

    Returns
    -------
    pandas.DataFrame
        One line per row, option and changed input: ``row`` (position), ``status``, ``option`` (1
        is the nearest), ``feature, value, change_to, distance`` (of this input), and the ``score``
        (points) and ``pd`` once all changes of the option are made. ``status`` is ``"change"``;
        ``"reached"`` for a row that is there already; for rows of a frame also
        ``"out_of_reach"``, and what ``score_frame`` says of a row that is not scored.

    Raises
    ------
    InputError
        For an unknown grade or input, or an impossible range; for one applicant also where no
        change reaches the target, or the row is not scored.

    Examples
    --------
    >>> what_would_change(None, {}, target=600)
    Traceback (most recent call last):
    alicredit.errors.InputError: model must be a fitted or loaded model; ...
    """
    import pandas as pd

    portable = getattr(model, "portable_", model)
    if not isinstance(portable, ScoreModel):
        refuse("model", "must be a fitted or loaded model", type(model).__name__)
    require_whole("most", most, 1, high=4)
    if feasible is not None and not isinstance(feasible, Mapping):
        refuse("feasible", "must map inputs to a range or False", type(feasible).__name__)
    need = _least_score(portable, target)
    is_one = isinstance(row, Mapping)
    rows = [named(row)] if is_one else _rows(row, portable.feature_names)
    allowed = named(feasible or {})
    lines: list[tuple[object, ...]] = []
    for at, values in enumerate(rows):
        found = _change(portable, values, need, allowed, most)
        if is_one and found[0][0] not in ("reached", "change"):
            _refuse_one(portable, found[0], need, most)
        lines += [(at, *line) for line in found]
    return pd.DataFrame(lines, columns=list(_COLUMNS))


def _rows(frame: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Give the rows of a frame as mappings."""
    if not hasattr(frame, "columns"):
        refuse("row", "must be a mapping of inputs or a frame of rows", type(frame).__name__)
    columns = {name: list(column) for name, column in take_columns(frame, names).items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _refuse_one(model: ScoreModel, line: tuple[object, ...], need: int | None, most: int) -> None:
    """Say why there is no answer for one applicant."""
    if line[0] != "out_of_reach":
        raise InputError(refusal("row", "must be one that the model scores", line[0]))
    goal = "a score that some row has" if need is None else f"{_points(model, need):g} points"
    rule = f"must be within reach of at most {most} feasible changes ({goal})"
    raise InputError(
        refusal(
            "target",
            rule,
            f"{line[6]} points at best",
            "take a nearer target or allow more changes",
        )
    )


def _points(model: ScoreModel, score: int) -> float:
    """Turn units into points; whole where a unit is one."""
    return score if model.unit == 1 else score / model.unit


def _least_score(model: ScoreModel, target: Any) -> int | None:
    """Give the least score, in units, that reaches the target; None where no score does."""
    if isinstance(target, tuple):
        return _least_of_grade(model, target)
    is_number = isinstance(target, int | float | np.integer | np.floating)
    is_score = is_number and not isinstance(target, bool) and abs(target) < _HIGHEST
    if not is_score:
        refuse("target", "must be a score in points, or a grade and its grades", repr(target)[:60])
    if 0 < target < 1:  # every score is above it: all rows would be said to have reached it
        do = "give the grade of that probability and its grades, such as ('B', policy)"
        refuse("target", "must be a score in points, not a probability", repr(target), do)
    return math.ceil(target * model.unit)


def _least_of_grade(model: ScoreModel, target: tuple[Any, ...]) -> int | None:
    """Give the least score whose probability is within a grade."""
    grades: Any = getattr(target[-1], "grades", target[-1]) if target else None
    if len(target) != 2 or not hasattr(grades, "upper_pd"):
        refuse("target", "must be a grade and its grades", repr(target)[:60])
    if target[0] not in grades.names:
        do = nearest(target[0], grades.names)
        raise InputError(refusal("target", "must be one of the grades", repr(target[0]), do))
    bound = grades.upper_pd[list(grades.names).index(target[0])]
    low, high = (
        model.first_score * model.unit,
        (model.first_score + len(model.pds) - 1) * model.unit,
    )
    if model.probability(high)[1] > bound:
        return None
    while low < high:
        middle = (low + high) // 2
        if model.probability(middle)[1] <= bound:
            high = middle
        else:
            low = middle + 1
    return low


def _change(
    model: ScoreModel,
    values: Mapping[str, Any],
    need: int | None,
    feasible: Mapping[str, Any],
    most: int,
) -> list[tuple[object, ...]]:
    """Give the lines of one row, without its position."""
    scored = model.score_one(values, reasons=0)
    blank = (0, None, None, None, 0.0)
    if scored["status"] != "ok":
        return [(scored["status"], *blank, None, math.nan)]
    if need is not None and scored["score"] >= need:
        return [("reached", *blank, _points(model, scored["score"]), scored["pd"])]
    row = np.array(model.read_one(values)[0], dtype=np.float64)
    ladders = ladders_of(model, row.tolist(), feasible)
    ways, best = _search(model, row, ladders, math.inf if need is None else need, most)
    if not ways:
        at = max(best, scored["score"])
        return [("out_of_reach", *blank, _points(model, at), model.probability(at)[1])]
    lines: list[tuple[object, ...]] = []
    for option, way in enumerate(ways, start=1):
        changed = {model.tables[at].name: _decoded(model, at, way[at], values) for at in way}
        again = model.score_one({**values, **changed}, reasons=0)
        for at, rung in sorted(way.items(), key=lambda each: (each[1].distance, each[0])):
            name = model.tables[at].name
            moved = (name, values[name], changed[name], rung.distance)
            score = _points(model, again["score"])
            lines.append(("change", option, *moved, score, again["pd"]))
    return lines


def _decoded(model: ScoreModel, at: int, rung: Rung, values: Mapping[str, Any]) -> Any:
    """Turn an encoded value back, a flag to the type it had."""
    table = model.tables[at]
    if table.kind == "category":
        return table.levels[int(rung.number)]
    is_truth = table.kind == "flag" and isinstance(values[table.name], bool | np.bool_)
    return bool(rung.number) if is_truth else rung.number


def _search(
    model: ScoreModel, row: Floats, ladders: dict[int, list[Rung]], need: float, most: int
) -> tuple[list[Way], int]:
    """Try one input, then two and so on; give the nearest ways that reach, and the best score."""
    singles = [{at: rung} for at, rungs in ladders.items() for rung in rungs]
    scores = _scores(model, row, singles)
    best = max(scores, default=-(10**12))
    gains = dict.fromkeys(ladders, -(10**12))
    useful: dict[int, list[Rung]] = {at: [] for at in ladders}
    for way, score in zip(singles, scores, strict=True):
        ((at, rung),) = way.items()
        if score > gains[at]:
            gains[at] = score
            useful[at].append(rung)
    for at, rungs in ladders.items():
        if rungs[-1] not in useful[at]:
            useful[at].append(rungs[-1])
    reach = [way for way, score in zip(singles, scores, strict=True) if score >= need]
    for size in range(2, most + 1):
        if reach:
            break
        ways = list(_all_ways(ladders, size) or _ways(useful, gains, size))
        scores = _scores(model, row, ways)
        best = max([best, *scores])
        reach = [way for way, score in zip(ways, scores, strict=True) if score >= need]
    chosen: dict[frozenset[int], Way] = {}
    for way in sorted(reach, key=_order):
        chosen.setdefault(frozenset(way), way)
    near = [
        _shrunk(model, row, ladders, way, need) for way in list(chosen.values())[: 4 * _OPTIONS]
    ]
    return sorted(near, key=_order)[:_OPTIONS], best


def _order(way: Way) -> tuple[float, list[int]]:
    """Order ways by distance, then by the inputs' positions."""
    return round(sum(rung.distance for rung in way.values()), 9), sorted(way)


def _all_ways(ladders: dict[int, list[Rung]], size: int) -> list[Way]:
    """Give every way to change so many inputs at once, or none where these are too many."""
    if math.comb(len(ladders), size) > _MOST_WAYS:
        return []
    inputs = list(combinations(sorted(ladders), size))
    if sum(math.prod(len(ladders[at]) for at in each) for each in inputs) > _MOST_WAYS:
        return []
    return [
        dict(zip(each, rungs, strict=True))
        for each in inputs
        for rungs in product(*(ladders[at] for at in each))
    ]


def _ways(useful: dict[int, list[Rung]], gains: dict[int, int], size: int) -> Iterator[Way]:
    """Give ways to change some inputs at once, of few rungs each, those that gain most first."""
    rungs = {2: 8, 3: 4}.get(size, 3)
    ranked = sorted((at for at in useful if useful[at]), key=lambda at: (-gains[at], at))
    count = len(ranked)
    while count > size and math.comb(count, size) * rungs**size > _MOST_WAYS:
        count -= 1
    few = {at: _thinned(useful[at], rungs) for at in ranked[:count]}
    for inputs in combinations(sorted(few), size):
        for each in product(*(few[at] for at in inputs)):
            yield dict(zip(inputs, each, strict=True))


def _thinned(rungs: list[Rung], most: int) -> list[Rung]:
    """Keep some rungs, evenly, the nearest and the farthest among them."""
    if len(rungs) <= most:
        return rungs
    return [rungs[at] for at in np.unique(np.linspace(0, len(rungs) - 1, most).round().astype(int))]


def _shrunk(
    model: ScoreModel, row: Floats, ladders: dict[int, list[Rung]], way: Way, need: float
) -> Way:
    """Bring each input of a way as near as the target allows, one after the other."""
    for at in sorted(way, key=lambda at: (-way[at].distance, at)):
        nearer = [rung for rung in ladders[at] if rung.distance < way[at].distance]
        tried = [{**way, at: rung} for rung in nearer]
        scores = _scores(model, row, tried)
        way = next((t for t, score in zip(tried, scores, strict=True) if score >= need), way)
    return way


def _scores(model: ScoreModel, row: Floats, ways: list[Way]) -> list[int]:
    """Score a row changed in each way."""
    rows = np.repeat(row[None, :], len(ways), axis=0)
    for line, way in enumerate(ways):
        for at, rung in way.items():
            rows[line, at] = rung.number
    found: list[int] = model.scores_of(rows).tolist()
    return found
