"""The query, step by step: read, look up, add, rank reasons, place on the ladder of PDs.

Scores and costs are integers throughout.
"""

from __future__ import annotations

from sqlglot import exp

from alicredit.exports.sql_engines import Engine, Wanted
from alicredit.exports.sql_parts import (
    Pen,
    add_up,
    case,
    flags_of,
    known,
    pair_units,
    simple_case,
    status_of,
    table_units,
    tree_terms,
)
from alicredit.portable.model import ScoreModel
from alicredit.portable.reasons import codes_of

_STEP = "alicredit_"

Columns = list[tuple[str, str]]
"""Expressions and their names."""


def query_of(
    model: ScoreModel,
    engine: Engine,
    table: tuple[str, ...],
    keys: tuple[str, ...],
    wanted: Wanted,
) -> str:
    """Write the query; see ``to_sql``."""
    pen, reasons = Pen(engine), wanted.reasons
    kept = [f"k_{at}" for at in range(len(keys))]
    source = ".".join(pen.name(part) for part in table)
    steps = [("read", _read(model, pen, keys), source)]
    for name, columns in (
        ("parts", _parts(model, pen, wanted)),
        ("scored", _scored(model, pen, wanted)),
        *_ranking(model, pen, wanted),
    ):
        before = _STEP + steps[-1][0]
        steps.append((name, [*((key, key) for key in kept), *columns], before))
    written = [_step(pen, *step) for step in steps]
    written.append(f"{_STEP}ladder AS (\n{_ladder(model, pen)}\n)")
    ranks = [(f"m_{rank}", f"m_{rank}") for rank in range(1, reasons + 1)]
    carried = [*((key, key) for key in kept), *_carried(wanted), *ranks]
    written += _lined(model, pen, carried, _STEP + steps[-1][0])
    last = _last(model, pen, list(zip(kept, keys, strict=True)), wanted)
    return "WITH " + ",\n".join(written) + f"\nSELECT\n  {last}\nFROM {_STEP}lined"


def _step(pen: Pen, name: str, columns: Columns, source: str) -> str:
    """Lay out one step."""
    lines = ",\n    ".join(
        text if text == alias else f"{text} AS {alias}" for text, alias in columns
    )
    fence = f"\n  {pen.engine.fence}" if pen.engine.fence else ""
    return f"{_STEP}{name} AS (\n  SELECT\n    {lines}\n  FROM {source}{fence}\n)"


def _read(model: ScoreModel, pen: Pen, keys: tuple[str, ...]) -> Columns:
    """Read the key and the inputs."""
    return [
        *((pen.name(key), f"k_{at}") for at, key in enumerate(keys)),
        *((pen.read(table), f"x_{at}") for at, table in enumerate(model.tables)),
    ]


def _carried(wanted: Wanted) -> Columns:
    """Give what goes from step to step."""
    names = ["status", "score", *(["flags"] if wanted.flags else [])]
    return [(name, name) for name in names]


def _parts(model: ScoreModel, pen: Pen, wanted: Wanted) -> Columns:
    """Judge each row, and look up what each table and pair gives."""
    place = model.places
    found = [(status_of(model, pen), "status")]
    found += [(flags_of(model, pen), "flags")] if wanted.flags else []
    for at, table in enumerate(model.tables):
        if not table.is_flat:
            found.append((table_units(pen, table, f"x_{at}"), f"p_{at}"))
    for at, pair in enumerate(model.pairs):
        first, second = (
            known(pen, model.tables[place[name]], f"x_{place[name]}")
            for name in (pair.first, pair.second)
        )
        found.append((pair_units(pen, pair, first, second), f"q_{at}"))
    if model.trees is not None:
        found.append((add_up(pen, tree_terms(model, model.trees, pen), is_wide=True), "t_0"))
    return found


def _scored(model: ScoreModel, pen: Pen, wanted: Wanted) -> Columns:
    """Add up the score, and what each reason code costs against the median and the best."""
    flat = sum(table.points[0] for table in model.tables if table.is_flat)
    terms = [str(model.base + flat)]
    terms += [f"p_{at}" for at, table in enumerate(model.tables) if not table.is_flat]
    terms += [f"q_{at}" for at in range(len(model.pairs))]
    terms += ["t_0"] if model.trees is not None else []
    score = add_up(pen, terms, is_wide=True)
    found = [(score if name == "score" else name, name) for name, _ in _carried(wanted)]
    for goal, letter in (("reference", "c"), ("best", "d")) if wanted.reasons else ():
        costs = _costs(model, pen, goal)
        found += [(cost, f"{letter}_{at}") for at, cost in enumerate(costs)]
    return found


def _costs(model: ScoreModel, pen: Pen, goal: str) -> list[str]:
    """Write what each code costs, doubled so that what a pair costs can be shared in halves.

    Of the whole cost w of a pair the second has trunc(w / 2) and the first the rest: doubled,
    w - w % 2 and w + w % 2.
    """
    line = {code: at for at, code in enumerate(codes_of(model))}
    fixed, terms = [0] * len(line), [[] for _ in line]  # type: tuple[list[int], list[list[str]]]
    for at, table in enumerate(model.tables):
        own = line[table.reason]
        fixed[own] += 2 * (getattr(table, goal) - (table.points[0] if table.is_flat else 0))
        terms[own] += [] if table.is_flat else [f"-2 * p_{at}"]
    reason = {table.name: line[table.reason] for table in model.tables}
    for at, pair in enumerate(model.pairs):
        whole = f"{getattr(pair, goal)} - q_{at}"
        odd = pen.remainder(whole, 2)
        first, second = reason[pair.first], reason[pair.second]
        if first == second:
            terms[first].append(f"2 * {pen.big(whole)}")
        else:
            terms[first].append(f"{whole} + {odd}")
            terms[second].append(f"{whole} - {odd}")
    return [
        add_up(pen, [str(start), *each], is_wide=True)
        for start, each in zip(fixed, terms, strict=True)
    ]


def _ranking(model: ScoreModel, pen: Pen, wanted: Wanted) -> list[tuple[str, Columns]]:
    """Rank codes by what they cost: each cost and its place in one number, the greatest taken."""
    carried, reasons = _carried(wanted), wanted.reasons
    if not reasons:
        return []
    size = len(codes_of(model))
    every = range(size)
    held = [*carried, *((f"{letter}_{at}", f"{letter}_{at}") for letter in "cd" for at in every)]
    held.append((pen.most([f"c_{at}" for at in every]), "dearest"))
    costs = list(carried)
    for at in every:
        best = f"CASE WHEN d_{at} > 0 THEN d_{at} * {size} + {size - 1 - at} ELSE 0 END"
        plain = f"CASE WHEN c_{at} > 0 THEN c_{at} * {size} + {size - 1 - at} ELSE 0 END"
        costs.append((f"CASE WHEN dearest > 0 THEN {plain} ELSE {best} END", f"v_{at}"))
    found = [("held", held), ("costs", costs)]
    values = [(f"v_{at}", f"v_{at}") for at in every]
    for rank in range(1, reasons + 1):
        below = [
            text if rank == 1 else f"CASE WHEN {text} < m_{rank - 1} THEN {text} ELSE 0 END"
            for text, _ in values
        ]
        carried = [*carried, *([] if rank == 1 else [(f"m_{rank - 1}", f"m_{rank - 1}")])]
        kept = values if rank < reasons else []
        found.append((f"rank_{rank}", [*carried, *kept, (pen.most(below), f"m_{rank}")]))
    return found


def _ladder(model: ScoreModel, pen: Pen) -> str:
    """List the stored probabilities by score."""
    rows = [
        ((model.first_score + at) * model.unit, *(repr(float(each)) for each in line))
        for at, line in enumerate(zip(model.pds, model.lowers, model.uppers, strict=True))
    ]
    names = ("pd", "pd_lower", "pd_upper")
    values = exp.values(rows, alias="listed", columns=["at_score", *names])
    wide = exp.cast(exp.column("at_score"), "bigint").as_("at_score", copy=False)
    columns = [exp.cast(exp.column(name), "double").as_(name, copy=False) for name in names]
    text = pen.write(exp.select(wide, *columns, copy=False).from_(values, copy=False))
    return "  " + text.replace("), (", "),\n    (").replace(" UNION ALL ", " UNION ALL\n    ")


def _lined(model: ScoreModel, pen: Pen, carried: Columns, source: str) -> list[str]:
    """Place scores on the ladder: straight between two rungs, by the very steps of the library."""
    ladder, unit = f"{_STEP}ladder", model.unit
    names = ("pd", "pd_lower", "pd_upper")
    rows = [(f"r.{name}", name) for name, _ in carried]
    join = f"LEFT JOIN {ladder} a ON a.at_score = r."
    if unit == 1:
        columns = [*rows, *((f"a.{name}", name) for name in names)]
        return [_step(pen, "lined", columns, f"{source} r\n  {join}score")]
    rest = pen.remainder(f"score - {model.first_score * unit}", unit)
    placed = _step(pen, "placed", [*carried, (rest, "rest")], source)
    share = f"(CAST(r.rest AS {pen.double}) / {pen.number(unit)})"
    slopes = {name: f"a.{name} + (b.{name} - a.{name}) * {share}" for name in names}
    between = [
        (f"CASE WHEN r.rest = 0 THEN a.{name} ELSE {slope} END", name)
        for name, slope in slopes.items()
    ]
    joins = (
        f"{_STEP}placed r\n  {join}score - r.rest"
        f"\n  LEFT JOIN {ladder} b ON b.at_score = r.score - r.rest + {unit}"
    )
    joined = _step(pen, "between", [*rows, *between], joins)
    ordered = [
        *carried,
        ("pd", "pd"),
        ("CASE WHEN pd_lower < pd THEN pd_lower ELSE pd END", "pd_lower"),
        ("CASE WHEN pd_upper > pd THEN pd_upper ELSE pd END", "pd_upper"),
    ]
    return [placed, joined, _step(pen, "lined", ordered, f"{_STEP}between")]


def _last(
    model: ScoreModel,
    pen: Pen,
    keys: list[tuple[str, str]],
    wanted: Wanted,
) -> str:
    """Name what is given, for rows that are scored."""
    points = f"CAST(score AS {pen.double}) / {pen.number(model.unit)}"
    found = {"score": "score", "points": points}
    found |= {name: name for name in ("pd", "pd_lower", "pd_upper")}
    if wanted.grades:
        branches = [
            (f"score >= {least}", pen.text(name))
            for least, name in wanted.grades
            if least is not None
        ]
        found["grade"] = case(branches, "NULL")
    codes = codes_of(model)
    for rank in range(1, wanted.reasons + 1):
        named = [(str(len(codes) - 1 - at), pen.text(code)) for at, code in enumerate(codes)]
        code = simple_case(pen.remainder(f"m_{rank}", len(codes)), named, "NULL")
        found[f"reason_{rank}"] = f"CASE WHEN m_{rank} > 0 THEN {code} END"
    found |= {"flags": "flags"} if wanted.flags else {}
    columns = [*keys, ("status", "status")]
    columns += [(f"CASE WHEN status = 'ok' THEN {text} END", name) for name, text in found.items()]
    return ",\n  ".join(f"{text} AS {pen.name(name)}" for text, name in columns)
