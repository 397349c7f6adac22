"""A model as an ONNX graph of doubles and whole numbers: the same score, status and probability.

A value passes each of its input's cuts or does not: 0 or 1, times the units it gains there. These
are whole numbers in doubles, below 2^53, so their sums are exact in any order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alicredit.checks import refuse, write_whole
from alicredit.exports.onnx_build import OWN, Graph, Numbers, Texts, import_onnx
from alicredit.exports.onnx_sums import sum_of_pairs, sum_of_tables, sum_of_trees
from alicredit.portable.contract import MOST_MISSING, ROW_STATUSES

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel
    from alicredit.portable.tables import PointTable

MISSING_TEXT = "(missing)"
"""What stands for a missing text, since a tensor of texts has no other way to say it."""
NO_SCORE = -(2**63)
OUTPUTS = ("status", "score", "points", "pd_lower", "pd", "pd_upper")
OPSET, ML_OPSET, IR_VERSION = 18, 5, 10


def to_onnx(model: ScoreModel, path: str | Path | None = None) -> bytes:
    """Write a model as ONNX; see ``ScoreModel.to_onnx``."""
    helper = import_onnx().helper
    _check_names(model)
    graph = Graph()
    numbers, texts = _read_inputs(graph, model.tables)
    status = _status(graph, model.tables, numbers, texts)
    units = graph.node("Add", sum_of_tables(graph, model, numbers, texts), graph.whole(model.base))
    if model.pairs:
        units = graph.node("Add", units, sum_of_pairs(graph, model, numbers, texts))
    if model.trees is not None:
        units = graph.node("Add", units, sum_of_trees(graph, model, model.trees, numbers, texts))
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


def _check_names(model: ScoreModel) -> None:
    """Refuse inputs that cannot be told from outputs, and a level that means missing."""
    for table in model.tables:
        if table.name in OUTPUTS or table.name.startswith(OWN) or not table.name:
            rule, do = "must have inputs named unlike outputs", "rename its column and fit again"
            refuse("model", rule, repr(table.name), do)
        if MISSING_TEXT in table.levels:
            do = "name that level otherwise, or leave it missing, and fit again"
            refuse("model", f"must have no level {MISSING_TEXT!r}", repr(table.name), do)


def _read_inputs(graph: Graph, tables: Sequence[PointTable]) -> tuple[Numbers | None, Texts]:
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
    return Numbers(values, gone, {name: at for at, name in enumerate(names)}), texts


def _status(
    graph: Graph, tables: Sequence[PointTable], numbers: Numbers | None, texts: Texts
) -> str:
    """Give each row's status: the position of its word among ``ROW_STATUSES``."""
    missing, bad = [], ""
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
    return graph.node("Where", bad, words["bad_value"], status) if bad else status


def _outputs(graph: Graph, model: ScoreModel, status: str, units: str) -> None:
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
    onnx = import_onnx()
    kind = onnx.TensorProto.STRING if is_text else onnx.TensorProto.DOUBLE
    return onnx.helper.make_tensor_value_info(name, kind, ["N", 1])


def _result(name: str) -> Any:
    """Declare an output, shape (N,)."""
    onnx = import_onnx()
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
            **({"specials": list(table.specials)} if table.specials else {}),
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
