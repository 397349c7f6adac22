"""The parts of the query: a dialect's names and numbers, and what each table and tree gives.

CASE, sums and comparisons are SQL that every dialect takes; sqlglot writes what they differ in:
names, texts, types.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlglot import Dialect, exp

from alicredit.exports.sql_engines import Engine
from alicredit.portable.boxes import Box, boxes_of
from alicredit.portable.contract import MOST_MISSING, seen_range
from alicredit.portable.model import ScoreModel
from alicredit.portable.pairs import PairTable
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable

_FLAT = 8
"""Steps that stand in one CASE; more are parted in halves (assumed)."""
_DEEPEST = 16
"""Levels of a tree written as CASE within CASE; deeper trees leaf by leaf (assumed)."""
_TERMS = 40
"""Terms of one sum; more are sums of sums (assumed)."""


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
            place = simple_case(value, levels, str(len(levels)))
            return f"CASE WHEN {words['x']} IS NULL THEN NULL ELSE {place} END"
        value = (self.engine.number if table.kind == "numeric" else self.engine.flag).format(
            **words
        )
        if not self.engine.no_nan:
            return value
        is_nan = self.write(exp.IsNan(this=exp.Var(this=value)))
        return self.engine.no_nan.format(value=value, is_nan=is_nan, double=self.double)


def status_of(model: ScoreModel, pen: Pen) -> str:
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
    branches.append((f"{add_up(pen, gone)} >= {least}", "'too_many_missing'"))
    return case(branches, "'ok'")


def flags_of(model: ScoreModel, pen: Pen) -> str:
    """Name the inputs whose value training did not see."""
    outside = []
    for at, table in enumerate(model.tables):
        low, high = (pen.number(end) for end in seen_range(table))
        is_text = table.kind == "category"
        test = f"x_{at} = {len(table.levels)}" if is_text else f"x_{at} < {low} OR x_{at} > {high}"
        if table.specials:
            test = f"({test}) AND x_{at} NOT IN ({', '.join(map(pen.number, table.specials))})"
        outside.append((test, table.name))
    if pen.engine.gather:
        items = ", ".join(f"CASE WHEN {test} THEN {pen.text(name)} END" for test, name in outside)
        return pen.engine.gather.format(items=items)
    items = ", ".join(
        f"CASE WHEN {test} THEN {pen.text(name + '; ')} ELSE '' END" for test, name in outside
    )
    return f"CONCAT({items}, '')"


def table_units(pen: Pen, table: PointTable, x: str) -> str:
    """Look up one table."""
    groups = range(len(table.points)) if table.kind == "category" else ()
    values = [str(each) for each in (*table.points, table.missing_points)]
    own = zip(table.specials, table.special_points, strict=True)
    specials = [(f"{x} = {pen.number(code)}", str(points)) for code, points in own]
    return case(specials, _look_up(pen, x, table.cuts, groups, values))


def known(pen: Pen, table: PointTable, x: str) -> str:
    """Give an input as pairs and trees read it: a special code is missing there."""
    for code in table.specials:
        x = f"NULLIF({x}, {pen.number(code)})"
    return x


def pair_units(pen: Pen, pair: PairTable, x: str, y: str) -> str:
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
        return case(branches, values[-2])
    more, rest = _stairs(pen, x, cuts, values[:-1])
    return case([*branches, *more], rest)


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
    low = case(*_stairs(pen, x, cuts[:middle], values[: middle + 1]))
    high = case(*_stairs(pen, x, cuts[middle + 1 :], values[middle + 1 :]))
    return [(f"{x} <= {pen.number(cuts[middle])}", low)], high


def tree_terms(model: ScoreModel, trees: TreeTable, pen: Pen) -> list[str]:
    """Write each tree: CASE within CASE, or leaf by leaf where it is deep."""
    sizes = {at: len(t.levels) + 1 for at, t in enumerate(model.tables) if t.kind == "category"}
    nodes = len(trees.feature)
    depth, text = [0] * nodes, [""] * nodes
    for at in reversed(range(nodes)):
        below = (trees.left[at], trees.right[at])
        depth[at] = 1 + max(depth[child] if child >= 0 else 0 for child in below)
        if depth[at] <= _DEEPEST:
            left, right = (text[end] if end >= 0 else str(trees.leaves[-end - 1]) for end in below)
            text[at] = case([(_goes_left(pen, model, trees, at), left)], right)
    return [
        str(trees.leaves[-root - 1])
        if root < 0
        else text[root] or _leaf_by_leaf(pen, model, trees, root, sizes)
        for root in trees.roots
    ]


def _goes_left(pen: Pen, model: ScoreModel, trees: TreeTable, at: int) -> str:
    """Ask one node; NULL is neither and goes right."""
    x = known(pen, model.tables[trees.feature[at]], f"x_{trees.feature[at]}")
    if trees.levels[at]:
        test = f"{x} IN ({', '.join(map(str, trees.levels[at]))})"
    else:
        test = f"{x} <= {pen.number(trees.cut[at])}"
    return f"{x} IS NULL OR {test}" if trees.missing_left[at] else test


def _leaf_by_leaf(
    pen: Pen, model: ScoreModel, trees: TreeTable, root: int, sizes: dict[int, int]
) -> str:
    """Write a tree as what each leaf asks of the inputs."""
    branches = []
    for leaf, box in boxes_of(trees, root, sizes):
        asked = _within(pen, model, box, sizes)
        if asked is not None:
            branches.append((asked, str(trees.leaves[leaf])))
    return case(branches[:-1], branches[-1][1])


def _within(pen: Pen, model: ScoreModel, box: Box, sizes: dict[int, int]) -> str | None:
    """Ask whether a row is in a box; None where no row can be."""
    asked = []
    for at, (side, gone) in box.items():
        x = known(pen, model.tables[at], f"x_{at}")
        if at in sizes:
            is_empty, is_all = not side, len(side) == sizes[at]
            tests = [f"{x} IN ({', '.join(map(str, sorted(side)))})"]
        else:
            low, high = side
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


def case(branches: Sequence[tuple[str, str]], rest: str) -> str:
    """Write a CASE of conditions."""
    if not branches:
        return rest
    when = " ".join(f"WHEN {test} THEN {value}" for test, value in branches)
    return f"CASE {when} ELSE {rest} END"


def simple_case(value: str, branches: Sequence[tuple[str, str]], rest: str) -> str:
    """Write a CASE of one value, worked out once."""
    if not branches:
        return rest
    when = " ".join(f"WHEN {each} THEN {found}" for each, found in branches)
    return f"CASE {value} {when} ELSE {rest} END"


def add_up(pen: Pen, terms: Iterable[str], *, is_wide: bool = False) -> str:
    """Add up terms; very many as sums of sums, so that no expression is deep."""
    every = list(terms)
    if len(every) > _TERMS:
        size = max(_TERMS, math.ceil(len(every) / _TERMS))
        blocks = [every[start : start + size] for start in range(0, len(every), size)]
        return add_up(pen, [f"({add_up(pen, block, is_wide=is_wide)})" for block in blocks])
    first, *others = every
    return " + ".join([pen.big(first) if is_wide else first, *others])
