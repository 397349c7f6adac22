"""The code that stands in an exported Python file: standard library alone, Python 3.9 and later.

Nothing of a model is written into these texts: its values stand before them as literals.
"""

from __future__ import annotations

HEAD = '''\
"""A credit score as one file of Python: a model's tables and the code that adds them up.

It needs the standard library alone, reads nothing and trusts nothing that it is given.

    score(values, reasons=4)      status, probability of default with its 90 % interval, score,
                                  reasons and flags of one applicant: a mapping of inputs to values
    reason_texts(codes)           what codes mean, in English and Chinese
    INPUTS, CLAIM, MODEL_ID       what is taken, what the probability claims, which model this is
    python this_file.py           reads one JSON object, writes the answer as one line of JSON

The answers are those of alicredit for the model of this id: points, reasons and statuses exactly.
The score is counted in units, UNIT of them a point; more is safer. A change by hand makes this
another model under a false id: export it again instead.
"""

import math
from bisect import bisect_left
from operator import itemgetter
'''

READ = '''

class InputError(ValueError):
    """What was given cannot be a row at all: no mapping, or an input lacks."""


NAMES = tuple(each["name"] for each in INPUTS)
_CODES = tuple(sorted({each["code"] for each in INPUTS}))
_CODE_AT = {code: at for at, code in enumerate(_CODES)}
_LEVELS = [{level: at for at, level in enumerate(each["levels"])} for each in INPUTS]
_SEEN = [
    (0.0, len(each["levels"]) - 1.0) if each["kind"] == "category" else (each["low"], each["high"])
    for each in INPUTS
]
# Codes that are no numbers: outside no range, and missing to pairs and trees.
_SPECIALS = {
    at: frozenset(each["specials"]) for at, each in enumerate(INPUTS) if "specials" in each
}
# A plain number lies where nothing more need be asked: within the range seen, and whole numbers
# within it are exact in double. Nothing is plain in a flag or a category.
_PLAIN = [
    (max(low, -(2.0**53)), min(high, 2.0**53)) if each["kind"] == "numeric" else (1.0, 0.0)
    for each, (low, high) in zip(INPUTS, _SEEN)
]
_PDS = [tuple(map(float, line.split())) for line in PDS.splitlines()]
_MOST = MOST_MISSING * len(NAMES)
_take = itemgetter(*NAMES) if len(NAMES) > 1 else lambda values: (values[NAMES[0]],)


def score(values, reasons=4):
    """Score one applicant, or say in status why not.

    Parameters
    ----------
    values : mapping of str to value
        Every one of NAMES; None or NaN where it is not known. Other keys are not read.
    reasons : int, default 4
        How many reason codes at most.

    Returns
    -------
    dict
        status, pd, pd_lower, pd_upper, score (in units), reasons (codes, what costs most first)
        and flags (inputs outside what training saw). A status other than ok has no score.

    Raises
    ------
    InputError
        Where values is no mapping, or an input lacks.
    """
    if type(reasons) is not int or reasons < 0:
        reasons = _count(reasons)
    row, flags, status = _read(values)
    if status != "ok":
        return {
            "status": status, "pd": math.nan, "pd_lower": math.nan, "pd_upper": math.nan,
            "score": None, "reasons": [], "flags": [],
        }
    total, codes = _judge(row, reasons)
    lower, pd, upper = _probability(total)
    return {
        "status": "ok", "pd": pd, "pd_lower": lower, "pd_upper": upper,
        "score": total, "reasons": codes, "flags": flags,
    }


def reason_texts(codes):
    """Give the texts of reason codes: a list of pairs, English and Chinese."""
    return [REASON_TEXTS[code] for code in codes]


def _read(values):
    """Give a row as numbers (NaN where missing), the names it flags and its status."""
    if type(values) is not dict:
        values = _as_dict(values)
    try:
        row = list(_take(values))
    except KeyError:
        raise _lacking(values) from None
    flags, missing, status = [], 0, "ok"
    for at, value in enumerate(row):
        low, high = _PLAIN[at]
        if (type(value) is float or type(value) is int) and low <= value <= high:
            continue
        number, word = _read_value(at, value)
        row[at] = number
        if number != number:
            missing += 1
            if status == "ok":
                status = word
        elif _SEEN[at][0] <= number <= _SEEN[at][1]:
            continue
        elif at not in _SPECIALS or number not in _SPECIALS[at]:
            flags.append(NAMES[at])
    if status == "ok" and missing > _MOST:
        status = "too_many_missing"
    return row, flags, status


def _read_value(at, value):
    """Give one value as a number, a level by its position, and its status; NaN where it is none."""
    kind = INPUTS[at]["kind"]
    if kind == "category":
        if isinstance(value, str):
            return float(_LEVELS[at].get(str(value), len(_LEVELS[at]))), "ok"
        is_missing = _is_nothing(value) or (_is_number(value) and value != value)
        return math.nan, "ok" if is_missing else "bad_type"
    if _is_nothing(value):
        return math.nan, "ok"
    if not (_is_truth(value) if kind == "flag" else False) and not _is_number(value):
        return math.nan, "bad_type"
    try:
        number = float(value)
    except OverflowError:
        return math.nan, "bad_value"
    if number != number:
        return math.nan, "ok"
    is_possible = number in (0.0, 1.0) if kind == "flag" else math.isfinite(number)
    return (number, "ok") if is_possible else (math.nan, "bad_value")


def _blanked(row):
    """Give a row as pairs and trees read it: a special code is missing there."""
    if not _SPECIALS:
        return row
    found = list(row)
    for at, codes in _SPECIALS.items():
        if found[at] in codes:
            found[at] = math.nan
    return found


def _is_nothing(value):
    """Tell a missing value, also that of pandas."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _is_truth(value):
    """Tell true or false, also of NumPy."""
    return isinstance(value, bool) or bool(_numpy_kinds(value) & {"bool", "bool_"})


def _is_number(value):
    """Tell a real number, also of NumPy; true and false are none, nor is a span of time."""
    if isinstance(value, (int, float)):
        return not isinstance(value, bool)
    kinds = _numpy_kinds(value)
    return bool(kinds & {"integer", "floating"}) and "timedelta64" not in kinds


def _numpy_kinds(value):
    """Name what a value is to NumPy, which is not imported for it."""
    return {each.__name__ for each in type(value).__mro__ if each.__module__ == "numpy"}


def _count(reasons):
    """Take a count of reasons of another type, or refuse it."""
    from numbers import Integral

    if isinstance(reasons, bool) or not isinstance(reasons, Integral) or reasons < 0:
        message = f"reasons must be a whole number of at least 0; found {reasons!r}."
        raise InputError(message)
    return int(reasons)


def _as_dict(values):
    """Take the inputs that a mapping of another type has."""
    if not hasattr(values, "keys"):
        message = f"values must map inputs to values; found {type(values).__name__}."
        raise InputError(message)
    return {name: values[name] for name in NAMES if name in values}


def _lacking(values):
    """Say which input lacks."""
    name = next(name for name in NAMES if name not in values)
    return InputError(f"values must have {name!r}; found {len(values)} of other names.")


def _probability(total):
    """Give lower bound, probability and upper bound at a score; straight between two points."""
    at, rest = divmod(total - FIRST_SCORE * UNIT, UNIT)
    after, share = min(at + 1, len(_PDS) - 1), rest / UNIT
    lower, pd, upper = (start + (end - start) * share for start, end in zip(_PDS[at], _PDS[after]))
    return min(lower, pd), pd, max(upper, pd)


def _ranked(lost, most):
    """Give the codes that cost anything, dearest first."""
    costs = sorted([(-cost, at) for at, cost in enumerate(lost) if cost > 0])
    return [_CODES[at] for _, at in costs[:most]]
'''

TABLES = '''

def _losses(goal):
    """Lay out what each step of each table loses against a goal, its missing last."""
    found = []
    for at, each in enumerate(INPUTS):
        cuts, points = _steps(each)
        if len(set(points)) > 1:
            losses = tuple(goal(each) - point for point in points)
            found.append((at, cuts, losses, _CODE_AT[each["code"]]))
    return found


def _steps(each):
    """Give a table's cuts and its points, the missing last; a special code is a step of its own.

    Doubles have neighbours: from the double before a code up to the code there is nothing else.
    """
    cuts = list(range(len(each["levels"])) if each["kind"] == "category" else each["cuts"])
    points = [*each["points"], each["missing_points"]]
    for code, own in zip(each.get("specials", ()), each.get("special_points", ())):
        for edge in (math.nextafter(code, -math.inf), code):
            at = bisect_left(cuts, edge)
            if at == len(cuts) or cuts[at] != edge:
                cuts.insert(at, edge)
                points.insert(at, points[at])
        points[bisect_left(cuts, code)] = own
    return tuple(cuts), tuple(points)


_FROM_MEDIAN = _losses(lambda table: table["reference"])
_FROM_BEST = _losses(lambda table: max(table["points"]))
_MEDIAN_SCORE = BASE + sum(table["reference"] for table in (*INPUTS, *PAIRS))


def _judge(row, reasons):
    """Give a row's score and its reasons: against the median of training, else against the best."""
    lost = _lost(row, _FROM_MEDIAN, False)
    total = _MEDIAN_SCORE - sum(lost)
    if not reasons:
        return total, []
    return total, _ranked(lost, reasons) or _ranked(_lost(row, _FROM_BEST, True), reasons)


def _lost(row, tables, is_best):
    """Sum by reason code what a row loses; a score is its goal less all that is lost."""
    lost = [0] * len(_CODES)
    for at, cuts, losses, code in tables:
        value = row[at]
        lost[code] += losses[bisect_left(cuts, value) if value == value else -1]
    if PAIRS:
        _lose_by_pairs(row, lost, is_best)
    return lost
'''

PAIRS = '''

_PLACE = {name: at for at, name in enumerate(NAMES)}
_PAIRED = [
    (
        _PLACE[pair["first"]], pair["first_cuts"], pair["first_groups"],
        _PLACE[pair["second"]], pair["second_cuts"], pair["second_groups"],
        pair["values"], pair["reference"], max(max(line[:-1]) for line in pair["values"][:-1]),
        *(_CODE_AT[INPUTS[_PLACE[pair[each]]]["code"]] for each in ("first", "second")),
    )
    for pair in PAIRS
]


def _lose_by_pairs(row, lost, is_best):
    """Add what pairs lose, in halves; an odd unit goes to the first."""
    row = _blanked(row)
    for i, cuts_i, groups_i, j, cuts_j, groups_j, values, median, best, code_i, code_j in _PAIRED:
        value = values[_step(cuts_i, groups_i, row[i])][_step(cuts_j, groups_j, row[j])]
        whole = (best if is_best else median) - value
        half = whole // 2 if whole > 0 else -(-whole // 2)
        lost[code_i] += whole - half
        lost[code_j] += half


def _step(cuts, groups, value):
    """Give the step of a value on an axis; missing is the last."""
    if value != value:
        return -1
    return groups[int(value)] if groups else bisect_left(cuts, value)
'''

MAIN = '''

def main():
    """Score one row of JSON from the standard input; write the answer as a line of JSON."""
    import json
    import sys

    def once(pairs):
        found = dict(pairs)
        if len(found) < len(pairs):
            message = "values must have each key once."
            raise InputError(message)
        return found

    try:
        answer = score(json.loads(sys.stdin.buffer.read(), object_pairs_hook=once))
    except (ValueError, RecursionError) as error:
        sys.stderr.write(f"refused: {error}\\n")
        return 2
    numbers = {key: None if value != value else value for key, value in answer.items()}
    sys.stdout.write(json.dumps({**numbers, "model_id": MODEL_ID}) + "\\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
'''
