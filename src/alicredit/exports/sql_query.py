"""The query itself, step by step: read, look up, add, rank reasons, place on the ladder of PDs.

CASE, sums and comparisons are SQL that every dialect takes; sqlglot writes what they differ in:
names, texts, types, lists of rows. Scores and costs are integers throughout.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlglot import Dialect, exp

from alicredit.exports.sql import Engine, Wanted
from alicredit.portable.boxes import Box, boxes_of
from alicredit.portable.contract import MOST_MISSING, seen_range
from alicredit.portable.model import ScoreModel
from alicredit.portable.pairs import PairTable
from alicredit.portable.reasons import codes_of
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

_FLAT = 8
"""Steps that stand in one CASE; more are parted in halves (assumed)."""
_DEEPEST = 16
"""Levels of a tree written as CASE within CASE; deeper trees leaf by leaf (assumed)."""
_TERMS = 40
"""Terms of one sum; more are sums of sums (assumed)."""
_STEP = "alicredit_"

Columns = list[tuple[str, str]]
"""Expressions and their names."""


@dataclass(frozen=True, eq=False)
class Pen:
    """Writes names, texts and numbers of one dialect."""

    engine: Engine

    @cached_property
    def _writer(self) -> Any:
        """Give the dialect's writer."""
        return Dialect.get_or_raise(self.engine.dialect).generator()

    def write(self, expression: Any) -> str:
        """Write an expression."""
        return str(self._writer.generate(expression, copy=False))

    @cached_property
    def double(self) -> str:
        """Give the name of the type double."""
        return self.write(exp.DataType.build("double"))

    @cached_property
    def string(self) -> str:
        """Give the name of the type text."""
        return self.write(exp.DataType.build("text"))

    def name(self, text: str) -> str:
        """Quote a column's name."""
        return self.write(exp.to_identifier(text, quoted=True))

    def text(self, text: str) -> str:
        """Quote a text; Spark and Hive would fill in variables even there."""
        found = self.write(exp.Literal.string(text))
        return found.replace("${", "\\u0024{") if "${" in self.engine.not_in_names else found

    def number(self, value: float) -> str:
        """Write a double so that it is read as the very same."""
        return f"CAST('{float(value)!r}' AS {self.double})"

    def big(self, text: str) -> str:
        """Make an integer wide."""
        return self.write(exp.Cast(this=exp.Var(this=text), to=exp.DataType.build("bigint")))

    def remainder(self, text: str, by: int) -> str:
        """Divide with a rest, of the sign of what is divided."""
        rest = exp.Mod(this=exp.Var(this=f"({text})"), expression=exp.Var(this=str(by)))
        return f"({self.write(rest)})"

    def most(self, texts: Sequence[str]) -> str:
        """Take the greatest, none of which is NULL."""
        return texts[0] if len(texts) == 1 else f"GREATEST({', '.join(texts)})"

    def read(self, table: PointTable) -> str:
        """Read a column as a double or as the position of its level; NaN as NULL."""
        kinds = {"numeric": "numbers", "flag": "true or false, or 0 and 1", "category": "text"}
        words = {
            "x": self.name(table.name),
            "double": self.double,
            "text": self.string,
            "complaint": self.text(f"column {table.name} must hold {kinds[table.kind]}: "),
        }
        if table.kind == "category":
            levels = [
                (self.engine.literal.format(text=self.text(level)), str(at))
                for at, level in enumerate(table.levels)
            ]
            value = self.engine.category.format(**words)
            known = _simple_case(value, levels, str(len(levels)))
            return f"CASE WHEN {words['x']} IS NULL THEN NULL ELSE {known} END"
        value = (self.engine.number if table.kind == "numeric" else self.engine.flag).format(**words)
        if not self.engine.no_nan:
            return value
        is_nan = self.write(exp.IsNan(this=exp.Var(this=value)))
        return self.engine.no_nan.format(value=value, is_nan=is_nan, double=self.double)


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
    found = [(_status(model, pen), "status")]
    found += [(_flags(model, pen), "flags")] if wanted.flags else []
    for at, table in enumerate(model.tables):
        if not table.is_flat:
            found.append((_table_units(pen, table, f"x_{at}"), f"p_{at}"))
    for at, pair in enumerate(model.pairs):
        first, second = (f"x_{place[name]}" for name in (pair.first, pair.second))
        found.append((_pair_units(pen, pair, first, second), f"q_{at}"))
    if model.trees is not None:
        found.append((_sum(pen, _tree_terms(model, model.trees, pen), is_wide=True), "t_0"))
    return found


def _status(model: ScoreModel, pen: Pen) -> str:
    """Say why a row is not scored."""
    highest = pen.number(sys.float_info.max)
    tests = {
        "numeric": f"ABS({{x}}) > {highest}",
        "flag": f"{{x}} <> {pen.number(0)} AND {{x}} <> {pen.number(1)}",
    }
    branches = [
        (tests[table.kind].format(x=f"x_{at}"), "'bad_value'")
        for at, table in enumerate(model.tables)
        if table.kind in tests
    ]
    gone = [f"CASE WHEN x_{at} IS NULL THEN 1 ELSE 0 END" for at in range(len(model.tables))]
    least = math.floor(MOST_MISSING * len(gone)) + 1
    branches.append((f"{_sum(pen, gone)} >= {least}", "'too_many_missing'"))
    return _case(branches, "'ok'")


def _flags(model: ScoreModel, pen: Pen) -> str:
    """Name the inputs whose value training did not see."""
    outside = []
    for at, table in enumerate(model.tables):
        low, high = (pen.number(end) for end in seen_range(table))
        is_text = table.kind == "category"
        test = f"x_{at} = {len(table.levels)}" if is_text else f"x_{at} < {low} OR x_{at} > {high}"
        outside.append((test, table.name))
    if pen.engine.gather:
        items = ", ".join(f"CASE WHEN {test} THEN {pen.text(name)} END" for test, name in outside)
        return pen.engine.gather.format(items=items)
    items = ", ".join(
        f"CASE WHEN {test} THEN {pen.text(name + '; ')} ELSE '' END" for test, name in outside
    )
    return f"CONCAT({items}, '')"


def _table_units(pen: Pen, table: PointTable, x: str) -> str:
    """Look up one table."""
    groups = range(len(table.points)) if table.kind == "category" else ()
    values = [str(each) for each in (*table.points, table.missing_points)]
    return _look_up(pen, x, table.cuts, groups, values)


def _pair_units(pen: Pen, pair: PairTable, x: str, y: str) -> str:
    """Look up one pair: the step of the first, within it that of the second."""
    rows = [
        _look_up(pen, y, pair.second_cuts, pair.second_groups, [str(each) for each in row])
        for row in pair.values
    ]
    return _look_up(pen, x, pair.first_cuts, pair.first_groups, rows)


def _look_up(
    pen: Pen, x: str, cuts: Sequence[float], groups: Sequence[int], values: Sequence[str]
) -> str:
    """Choose among values, one a step and the last for NULL."""
    if len(set(values)) == 1:
        return values[0]
    branches = [(f"{x} IS NULL", values[-1])]
    if groups:
        for group, value in enumerate(values[:-2]):
            levels = ", ".join(str(at) for at, own in enumerate(groups) if own == group)
            branches.append((f"{x} IN ({levels})", value))
        return _case(branches, values[-2])
    more, rest = _stairs(pen, x, cuts, values[:-1])
    return _case([*branches, *more], rest)


def _stairs(
    pen: Pen, x: str, cuts: Sequence[float], values: Sequence[str]
) -> tuple[list[tuple[str, str]], str]:
    """Choose among steps: few one after the other, many in halves."""
    if len(cuts) <= _FLAT:
        branches = [
            (f"{x} <= {pen.number(cut)}", value)
            for cut, value, after in zip(cuts, values[:-1], values[1:], strict=True)
            if value != after
        ]
        return branches, values[-1]
    middle = len(cuts) // 2
    low = _case(*_stairs(pen, x, cuts[:middle], values[: middle + 1]))
    high = _case(*_stairs(pen, x, cuts[middle + 1 :], values[middle + 1 :]))
    return [(f"{x} <= {pen.number(cuts[middle])}", low)], high


def _tree_terms(model: ScoreModel, trees: TreeTable, pen: Pen) -> list[str]:
    """Write each tree: CASE within CASE, or leaf by leaf where it is deep."""
    sizes = {at: len(t.levels) + 1 for at, t in enumerate(model.tables) if t.kind == "category"}
    nodes = len(trees.feature)
    depth, text = [0] * nodes, [""] * nodes
    for at in reversed(range(nodes)):
        below = (trees.left[at], trees.right[at])
        depth[at] = 1 + max(depth[child] if child >= 0 else 0 for child in below)
        if depth[at] <= _DEEPEST:
            left, right = (text[end] if end >= 0 else str(trees.leaves[-end - 1]) for end in below)
            text[at] = _case([(_goes_left(pen, trees, at), left)], right)
    return [
        str(trees.leaves[-root - 1])
        if root < 0
        else text[root] or _leaf_by_leaf(pen, trees, root, sizes)
        for root in trees.roots
    ]


def _goes_left(pen: Pen, trees: TreeTable, at: int) -> str:
    """Ask one node; NULL is neither and goes right."""
    x = f"x_{trees.feature[at]}"
    if trees.levels[at]:
        test = f"{x} IN ({', '.join(map(str, trees.levels[at]))})"
    else:
        test = f"{x} <= {pen.number(trees.cut[at])}"
    return f"{x} IS NULL OR {test}" if trees.missing_left[at] else test


def _leaf_by_leaf(pen: Pen, trees: TreeTable, root: int, sizes: dict[int, int]) -> str:
    """Write a tree as what each leaf asks of the inputs."""
    branches = []
    for leaf, box in boxes_of(trees, root, sizes):
        asked = _within(pen, box, sizes)
        if asked is not None:
            branches.append((asked, str(trees.leaves[leaf])))
    return _case(branches[:-1], branches[-1][1])


def _within(pen: Pen, box: Box, sizes: dict[int, int]) -> str | None:
    """Ask whether a row is in a box; None where no row can be."""
    asked = []
    for at, (known, gone) in box.items():
        x = f"x_{at}"
        if at in sizes:
            is_empty, is_all = not known, len(known) == sizes[at]
            tests = [f"{x} IN ({', '.join(map(str, sorted(known)))})"]
        else:
            low, high = known
            is_empty, is_all = low >= high, (low, high) == (-math.inf, math.inf)
            tests = [] if low == -math.inf else [f"{x} > {pen.number(low)}"]
            tests += [] if high == math.inf else [f"{x} <= {pen.number(high)}"]
        if is_empty and not gone:
            return None
        if is_empty or (is_all and not gone):
            asked.append(f"{x} IS {'' if gone else 'NOT '}NULL")
        elif not is_all:
            both = " AND ".join(tests)
            asked.append(f"({x} IS NULL OR ({both}))" if gone else both)
    return " AND ".join(asked) or "1 = 1"


def _scored(model: ScoreModel, pen: Pen, wanted: Wanted) -> Columns:
    """Add up the score, and what each reason code costs against the median and the best."""
    flat = sum(table.points[0] for table in model.tables if table.is_flat)
    terms = [str(model.base + flat)]
    terms += [f"p_{at}" for at, table in enumerate(model.tables) if not table.is_flat]
    terms += [f"q_{at}" for at in range(len(model.pairs))]
    terms += ["t_0"] if model.trees is not None else []
    score = _sum(pen, terms, is_wide=True)
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
        _sum(pen, [str(start), *each], is_wide=True)
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
    between = [
        (
            f"CASE WHEN r.rest = 0 THEN a.{name} "
            f"ELSE a.{name} + (b.{name} - a.{name}) * {share} END",
            name,
        )
        for name in names
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
        found["grade"] = _case(branches, "NULL")
    codes = codes_of(model)
    for rank in range(1, wanted.reasons + 1):
        named = [(str(len(codes) - 1 - at), pen.text(code)) for at, code in enumerate(codes)]
        code = _simple_case(pen.remainder(f"m_{rank}", len(codes)), named, "NULL")
        found[f"reason_{rank}"] = f"CASE WHEN m_{rank} > 0 THEN {code} END"
    found |= {"flags": "flags"} if wanted.flags else {}
    columns = [*keys, ("status", "status")]
    columns += [(f"CASE WHEN status = 'ok' THEN {text} END", name) for name, text in found.items()]
    return ",\n  ".join(f"{text} AS {pen.name(name)}" for text, name in columns)


def _case(branches: Sequence[tuple[str, str]], rest: str) -> str:
    """Write a CASE of conditions."""
    if not branches:
        return rest
    when = " ".join(f"WHEN {test} THEN {value}" for test, value in branches)
    return f"CASE {when} ELSE {rest} END"


def _simple_case(value: str, branches: Sequence[tuple[str, str]], rest: str) -> str:
    """Write a CASE of one value, worked out once."""
    if not branches:
        return rest
    when = " ".join(f"WHEN {each} THEN {found}" for each, found in branches)
    return f"CASE {value} {when} ELSE {rest} END"


def _sum(pen: Pen, terms: Iterable[str], *, is_wide: bool = False) -> str:
    """Add up terms; very many as sums of sums, so that no expression is deep."""
    every = list(terms)
    if len(every) > _TERMS:
        size = max(_TERMS, math.ceil(len(every) / _TERMS))
        blocks = [every[start : start + size] for start in range(0, len(every), size)]
        return _sum(pen, [f"({_sum(pen, block, is_wide=is_wide)})" for block in blocks])
    first, *others = every
    return " + ".join([pen.big(first) if is_wide else first, *others])
