"""A model as an ONNX graph of doubles and whole numbers: the same score, status and probability.

A value passes each of its input's cuts or does not: 0 or 1, times the units it gains there. These
are whole numbers in doubles, below 2^53, so their sums are exact in any order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import refuse, write_whole
from alicredit.exports.onnx_trees import tree_node
from alicredit.portable.contract import MOST_MISSING, ROW_STATUSES

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel
    from alicredit.portable.pairs import PairTable
    from alicredit.portable.tables import PointTable

Floats = npt.NDArray[np.float64]

MISSING_TEXT = "(missing)"
"""What stands for a missing text, since a tensor of texts has no other way to say it."""
NO_SCORE = -(2**63)
OUTPUTS = ("status", "score", "points", "pd_lower", "pd", "pd_upper")
OPSET, ML_OPSET, IR_VERSION = 18, 5, 10
_OWN = "alicredit/"


def to_onnx(model: ScoreModel, path: str | Path | None = None) -> bytes:
    """Write a model as ONNX; see ``ScoreModel.to_onnx``."""
    helper = _onnx().helper
    _check_names(model)
    graph = _Graph()
    numbers, texts = _read_inputs(graph, model.tables)
    status = _status(graph, model.tables, numbers, texts)
    units = graph.node("Add", _sum_of_tables(graph, model, numbers, texts), graph.whole(model.base))
    if model.pairs:
        units = graph.node("Add", units, _sum_of_pairs(graph, model, numbers, texts))
    if model.trees is not None:
        units = graph.node("Add", units, _sum_of_trees(graph, model, numbers, texts))
    _outputs(graph, model, status, units)
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "alicredit",
            [_value(table.name, table.kind == "category") for table in model.tables],
            [_result(name) for name in OUTPUTS],
            graph.constants,
        ),
        producer_name="alicredit",
        ir_version=IR_VERSION,
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid("ai.onnx.ml", ML_OPSET),
        ],
    )
    helper.set_model_props(made, _properties(model))
    data = bytes(made.SerializeToString(deterministic=True))
    if path is not None:
        write_whole("path", path, data)
    return data


def _onnx() -> Any:
    """Import ONNX, or say which extra brings it."""
    try:
        import onnx
    except ImportError as error:
        text = "to_onnx needs the package onnx; try: pip install 'alicredit[onnx]'."
        raise ImportError(text) from error
    return onnx


def _check_names(model: ScoreModel) -> None:
    """Refuse inputs that cannot be told from outputs, and a level that means missing."""
    for table in model.tables:
        if table.name in OUTPUTS or table.name.startswith(_OWN) or not table.name:
            refuse("model", "must have inputs named unlike outputs", repr(table.name))
        if MISSING_TEXT in table.levels:
            refuse("model", f"must have no level {MISSING_TEXT!r}", repr(table.name))


@dataclass
class _Graph:
    """Nodes and constants gathered so far."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def node(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Add a node of one output and give its name."""
        name = to or f"{_OWN}{len(self.nodes)}"
        made = _onnx().helper.make_node(kind, list(inputs), [name], **attributes)
        self.nodes.append(made)
        return name

    def constant(self, values: Any) -> str:
        """Add an array, once, and give its name."""
        array = np.ascontiguousarray(values)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            name = f"{_OWN}c{len(self.constants)}"
            self.constants.append(_onnx().numpy_helper.from_array(array, name))
            self.known[key] = name
        return self.known[key]

    def real(self, *values: float) -> str:
        """Add doubles."""
        return self.constant(np.array(values, dtype=np.float64))

    def whole(self, *values: int) -> str:
        """Add whole numbers."""
        return self.constant(np.array(values, dtype=np.int64))

    def cast(self, name: str, kind: str) -> str:
        """Cast to ``DOUBLE`` or ``INT64``."""
        onnx, out = _onnx(), f"{_OWN}{len(self.nodes)}"
        to = getattr(onnx.TensorProto, kind)
        self.nodes.append(onnx.helper.make_node("Cast", [name], [out], to=to))
        return out

    def flat(self, name: str) -> str:
        """Turn a column of shape (N, 1) into one of shape (N,)."""
        return self.node("Squeeze", name, self.whole(1))


@dataclass(frozen=True)
class _Numbers:
    """Numbers and flags side by side, shape (N, inputs), and which are missing, as 0 and 1."""

    values: str
    gone: str
    place: dict[str, int]

    def passed(self, graph: _Graph, cuts: Sequence[tuple[str, float]]) -> str:
        """Tell of each (input, cut) whether the value is above it, as 0 and 1; missing is not."""
        at = graph.whole(*(self.place[name] for name, _ in cuts))
        asked = graph.node("Gather", self.values, at, axis=1)
        above = graph.node("Greater", asked, graph.real(*(cut for _, cut in cuts)))
        return graph.cast(above, "DOUBLE")


Texts = dict[str, str]
"""Of each category the position of its level, shape (N, 1); others next, missing last."""


def _read_inputs(graph: _Graph, tables: Sequence[PointTable]) -> tuple[_Numbers | None, Texts]:
    """Bring the inputs together: numbers side by side, texts as positions of levels."""
    texts = {}
    for table in tables:
        if table.kind == "category":
            texts[table.name] = graph.node(
                "LabelEncoder",
                table.name,
                domain="ai.onnx.ml",
                keys_strings=[*table.levels, MISSING_TEXT],
                values_int64s=[*range(len(table.levels)), len(table.levels) + 1],
                default_int64=len(table.levels),
            )
    names = [table.name for table in tables if table.kind != "category"]
    if not names:
        return None, texts
    values = graph.node("Concat", *names, axis=1)
    gone = graph.cast(graph.node("IsNaN", values), "DOUBLE")
    return _Numbers(values, gone, {name: at for at, name in enumerate(names)}), texts


def _status(
    graph: _Graph, tables: Sequence[PointTable], numbers: _Numbers | None, texts: Texts
) -> str:
    """Give each row's status: the position of its word among ``ROW_STATUSES``."""
    missing, bad = [], graph.constant(np.zeros(1, dtype=bool))
    for table in tables:
        if table.kind == "category":
            is_gone = graph.node("Equal", texts[table.name], graph.whole(len(table.levels) + 1))
            missing.append(graph.cast(is_gone, "DOUBLE"))
    if numbers is not None:
        size = len(numbers.place)
        missing.append(graph.node("MatMul", numbers.gone, graph.constant(np.ones((size, 1)))))
        flags = np.array([t.kind == "flag" for t in tables if t.kind != "category"])
        is_odd = graph.node(
            "Not",
            graph.node(
                "Or",
                graph.node("Equal", numbers.values, graph.real(0.0)),
                graph.node("Equal", numbers.values, graph.real(1.0)),
            ),
        )
        is_odd = graph.node("And", is_odd, graph.constant(flags))
        is_odd = graph.node("And", is_odd, graph.node("Not", graph.node("IsNaN", numbers.values)))
        wrong = graph.node("Or", graph.node("IsInf", numbers.values), is_odd)
        count = graph.node(
            "MatMul", graph.cast(wrong, "DOUBLE"), graph.constant(np.ones((size, 1)))
        )
        bad = graph.node("Greater", count, graph.real(0.0))
    count = graph.node("Sum", *missing) if len(missing) > 1 else missing[0]
    few = graph.node("Greater", count, graph.real(MOST_MISSING * len(tables)))
    words = {word: graph.whole(at) for at, word in enumerate(ROW_STATUSES)}
    status = graph.node("Where", few, words["too_many_missing"], words["ok"])
    return graph.node("Where", bad, words["bad_value"], status)


def _sum_of_tables(
    graph: _Graph, model: ScoreModel, numbers: _Numbers | None, texts: Texts
) -> str:
    """Give what tables add, shape (N, 1): at the least value, for cuts passed, where missing."""
    counted = [table for table in model.tables if table.kind != "category"]
    rest = sum(table.points[0] for table in counted)
    parts = [graph.whole(rest)]
    if numbers is not None:
        lacks = [table.missing_points - table.points[0] for table in counted]
        sums = graph.node("MatMul", numbers.gone, graph.constant(np.array(lacks, float)[:, None]))
        cuts = [(table.name, cut) for table in counted for cut in table.cuts]
        if cuts:
            jumps = np.concatenate([np.diff(table.points) for table in counted])
            passed = numbers.passed(graph, cuts)
            gains = graph.node("MatMul", passed, graph.constant(jumps.astype(float)[:, None]))
            sums = graph.node("Add", sums, gains)
        parts.append(graph.cast(sums, "INT64"))
    for table in model.tables:
        if table.kind == "category":
            steps = graph.whole(*table.points, table.missing_points)
            parts.append(graph.node("Gather", steps, texts[table.name]))
    total = parts[0]
    for part in parts[1:]:
        total = graph.node("Add", total, part)
    return total


def _sum_of_pairs(
    graph: _Graph, model: ScoreModel, numbers: _Numbers | None, texts: Texts
) -> str:
    """Give what pairs add, shape (N, 1): each is a place among the cells of all."""
    kinds = {table.name: table.kind for table in model.tables}
    widths = [len(pair.values[0]) for pair in model.pairs]
    starts = np.cumsum([0, *(w * len(p.values) for w, p in zip(widths, model.pairs))])
    places = graph.real(*starts[:-1].tolist())
    axes = [
        (number, end == 0, axis)
        for number, pair in enumerate(model.pairs)
        for end, axis in enumerate(_axes(pair))
    ]
    plain = [each for each in axes if kinds[each[2][0]] != "category"]
    if plain and numbers is not None:
        cuts = [(name, cut) for _, _, (name, values, _) in plain for cut in values]
        steps, lacks = np.zeros((len(cuts), len(widths))), np.zeros((len(numbers.place), len(widths)))
        at = 0
        for number, is_first, (name, values, _) in plain:
            weight = widths[number] if is_first else 1
            steps[at : at + len(values), number] = weight
            lacks[numbers.place[name], number] += weight * (len(values) + 1)
            at += len(values)
        places = graph.node(
            "Add", places, graph.node("MatMul", numbers.gone, graph.constant(lacks))
        )
        if cuts:
            found = graph.node("MatMul", numbers.passed(graph, cuts), graph.constant(steps))
            places = graph.node("Add", places, found)
    places = graph.cast(places, "INT64")
    for number, is_first, (name, _, groups) in axes:
        if kinds[name] == "category":
            weight = np.zeros((len(groups) + 1, len(widths)), dtype=np.int64)
            weight[:, number] = [*groups, max(groups) + 1]
            weight *= widths[number] if is_first else 1
            step = graph.node("Gather", graph.constant(weight), graph.flat(texts[name]))
            places = graph.node("Add", places, step)
    cells = graph.whole(*(cell for pair in model.pairs for row in pair.values for cell in row))
    return graph.node("ReduceSum", graph.node("Gather", cells, places), graph.whole(1))


def _axes(pair: PairTable) -> tuple[tuple[str, tuple[float, ...], tuple[int, ...]], ...]:
    """Give name, cuts and groups of both axes."""
    return (
        (pair.first, pair.first_cuts, pair.first_groups),
        (pair.second, pair.second_cuts, pair.second_groups),
    )


def _sum_of_trees(
    graph: _Graph, model: ScoreModel, numbers: _Numbers | None, texts: Texts
) -> str:
    """Give what trees add, shape (N, 1)."""
    trees = model.trees
    assert trees is not None  # noqa: S101 - asked for by its caller
    place = dict(numbers.place) if numbers is not None else {}
    columns = [numbers.values] if numbers is not None else []
    asked: dict[tuple[int, tuple[int, ...]], int] = {}
    for at, levels in zip(trees.feature, trees.levels, strict=True):
        if levels and (at, levels) not in asked:
            size = len(model.tables[at].levels) + 1
            goes = [0.0 if level in levels else 1.0 for level in range(size)]
            column = graph.node("Gather", graph.real(*goes, np.nan), texts[model.tables[at].name])
            asked[at, levels] = len(place) + len(asked)
            columns.append(column)
    rest = sum(trees.leaves[-root - 1] for root in trees.roots if root < 0)
    if not trees.feature:
        return graph.whole(rest)
    rows = graph.node("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]
    feature = [
        asked[at, levels] if levels else place[model.tables[at].name]
        for at, levels in zip(trees.feature, trees.levels, strict=True)
    ]
    out = f"{_OWN}{len(graph.nodes)}"
    graph.nodes.append(tree_node(_onnx(), trees, feature, rows, out))
    return graph.node("Add", graph.cast(out, "INT64"), graph.whole(rest))


def _outputs(graph: _Graph, model: ScoreModel, status: str, units: str) -> None:
    """Name the outputs, shape (N,): nothing where a row is not scored."""
    status, units = graph.node("Squeeze", status, graph.whole(1), to="status"), graph.flat(units)
    ok = graph.node("Equal", status, graph.whole(0))
    unit, last = graph.whole(model.unit), graph.whole(len(model.pds) - 1)
    above = graph.node("Sub", units, graph.whole(model.first_score * model.unit))
    at = graph.node("Div", above, unit)
    rest = graph.node("Sub", above, graph.node("Mul", at, unit))
    share = graph.node("Div", graph.cast(rest, "DOUBLE"), graph.real(float(model.unit)))
    after = graph.node("Min", graph.node("Add", at, graph.whole(1)), last)
    found = []
    for stored in (model.lowers, model.pds, model.uppers):
        values = graph.real(*stored)
        here, there = graph.node("Gather", values, at), graph.node("Gather", values, after)
        slope = graph.node("Mul", graph.node("Sub", there, here), share)
        found.append(graph.node("Add", here, slope))
    lower = graph.node("Min", found[0], found[1])
    upper = graph.node("Max", found[2], found[1])
    points = graph.node("Div", graph.cast(units, "DOUBLE"), graph.real(float(model.unit)))
    nothing = graph.real(np.nan)
    graph.node("Where", ok, units, graph.whole(NO_SCORE), to="score")
    for name, values in zip(OUTPUTS[2:], (points, lower, found[1], upper), strict=True):
        graph.node("Where", ok, values, nothing, to=name)


def _value(name: str, is_text: bool) -> Any:  # noqa: FBT001
    """Declare an input, shape (N, 1)."""
    onnx = _onnx()
    kind = onnx.TensorProto.STRING if is_text else onnx.TensorProto.DOUBLE
    return onnx.helper.make_tensor_value_info(name, kind, ["N", 1])


def _result(name: str) -> Any:
    """Declare an output, shape (N,)."""
    onnx = _onnx()
    is_whole = name in ("status", "score")
    kind = onnx.TensorProto.INT64 if is_whole else onnx.TensorProto.DOUBLE
    return onnx.helper.make_tensor_value_info(name, kind, ["N"])


def _properties(model: ScoreModel) -> dict[str, str]:
    """Give what the graph's numbers mean."""
    contract = [
        {
            "name": table.name,
            "kind": table.kind,
            "unit": table.unit,
            "low": table.low,
            "high": table.high,
            "levels": list(table.levels),
            "sources": list(table.sources),
        }
        for table in model.tables
    ]
    return {
        "model_id": model.model_id,
        "shape": model.shape,
        "claim": str(model.claim),
        "units_per_point": str(model.unit),
        "statuses": ", ".join(f"{at} {word}" for at, word in enumerate(ROW_STATUSES)),
        "missing_text": MISSING_TEXT,
        "catalogue_digest": model.catalogue_digest,
        "inputs": json.dumps(contract, ensure_ascii=False, sort_keys=True),
    }
